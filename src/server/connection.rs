//! One connection: from its handshake to its end.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::Site;
use super::limits::Connection;
use super::queue::Peer;

/// Headers of one request at most.
const HEADERS_MAX: usize = 64;

/// Serves one connection until either side ends it, its time is over, or the server stops and the answer
/// under way is done.
pub(super) async fn serve(stream: TcpStream, site: Site, connection: Connection) {
    // Without it the last bytes of an answer may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(Peer::of);
    let Some(tls) = site.web.tls() else {
        return http(stream, peer, site, connection).await;
    };
    let acceptor = tls.acceptor().await;
    let shaken = tokio::select! {
        shaken = acceptor.accept(stream) => shaken,
        () = connection.close().cancelled() => return,
        () = site.stop.cancelled() => return,
    };
    match shaken {
        Ok(stream) => http(stream, peer, site, connection).await,
        Err(error) => tracing::debug!(error = %error, "a TLS handshake failed"),
    }
}

async fn http<S>(stream: S, peer: Option<Peer>, site: Site, connection: Connection)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = Arc::new(connection);
    let io = TokioIo::new(Watched { stream, connection: Arc::clone(&connection) });
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        connection.requested();
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let guard = Answering(Arc::clone(&connection));
        let answer = site.router.clone().oneshot(request);
        async move {
            let response: Result<_, Infallible> = answer.await;
            response.map(|response| response.map(|body| Guarded { body, _guard: guard }))
        }
    });
    let limits = connection.limits();
    let mut server = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // The time for headers is kept by `Limits`, which tells an idle connection from a slow one.
            .header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            .max_header_size(limits.header_bytes)
            .serve_connection(io, service)
    );
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = server.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection broke");
                }
                return;
            }
            () = connection.close().cancelled() => return,
            () = site.stop.cancelled(), if !stopping => {
                // Nobody waits for an answer, and hyper would wait for a question.
                if connection.is_fresh() {
                    return;
                }
                stopping = true;
                server.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A stream that says when bytes arrive, when none can leave, and when all have left.
struct Watched<S> {
    stream: S,
    connection: Arc<Connection>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.connection.received();
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.connection.written(done.is_ready());
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(done, Poll::Ready(Ok(()))) {
            self.connection.flushed();
        }
        done
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.connection.written(done.is_ready());
        done
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Notes the end of an answer, however it ends.
struct Answering(Arc<Connection>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A body that is under way as long as it lives.
struct Guarded {
    body: Body,
    _guard: Answering,
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
