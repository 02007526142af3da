//! Connections: accepted, refused, closed without an answer, or reset.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::Simulator;
use super::delivery::{Switch, Unsent};

/// Serves the simulator until `shutdown`, with full control of each connection; running answers have 5 s to finish.
///
/// The router alone serves everything but refused connections, missing answers and true resets.
pub async fn serve(
    listener: TcpListener,
    simulator: Simulator,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router = simulator.router();
    let connections = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Running out of descriptors passes; the listener itself stays good.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if simulator.0.control.refuses() {
            // As a host that does not know the caller's address: no farewell. The next one may be let in.
            let _ = stream.set_zero_linger();
            continue;
        }
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(stream, router.clone(), shutdown.clone()));
    }
    connections.close();
    // An answer that is told to hang must not keep the process alive.
    let _ = tokio::time::timeout(Duration::from_secs(5), connections.wait()).await;
    Ok(())
}

async fn connection(stream: TcpStream, router: axum::Router, shutdown: CancellationToken) {
    let switch = Switch::default();
    let line = Line { stream, switch: switch.clone() };
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(switch.clone());
        let (router, switch) = (router.clone(), switch.clone());
        async move {
            let response = answer(router, request.map(Body::new)).await;
            if response.extensions().get::<Unsent>().is_some() {
                switch.set();
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the simulator does not answer",
                ));
            }
            Ok(response)
        }
    });
    // The answer's date is the centre's, or none.
    let mut builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.auto_date_header(false).serve_connection(TokioIo::new(line), service);
    tokio::pin!(connection);
    tokio::select! {
        // A broken connection is what was asked for, or the client's own affair.
        _ = connection.as_mut() => {}
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(router: axum::Router, request: http::Request<Body>) -> Response {
    let answered: Result<Response, Infallible> = router.oneshot(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A connection that ends in a reset when its switch is set.
#[derive(Debug)]
struct Line {
    stream: TcpStream,
    switch: Switch,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.switch.is_set() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.is_set() {
            // An orderly end would hide that the answer broke off.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
