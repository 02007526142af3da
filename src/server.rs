//! The web side: `/metrics`, the status page, health, readiness and reload, over HTTP or TLS.
//!
//! Sockets come in bound ([`bind`]) and the end comes as a token, so a test starts a server as the
//! program does. What every exporter of Prometheus knows as the web configuration file applies to all
//! routes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exposition::Publisher;
use crate::status::Visit;

mod auth;
mod connection;
mod limits;
mod listen;
mod metrics_route;
mod negotiation;
mod queue;
mod routes;
mod tls;
mod web;

pub use limits::Limits;
pub use listen::{bind, from_systemd};
pub use routes::router;
pub use web::{Prepared, Web};

/// Makes the status page: a whole HTML document, or `None` for an operation that is not there.
pub type StatusPage = Arc<dyn Fn(&Visit) -> Option<String> + Send + Sync>;

/// Reloads the configuration; the text says why it could not.
pub type Reload = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Whether the exporter is ready: closed at first, and once opened never closed again. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// From now on `/-/ready` answers 200.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has been opened.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the routes answer with.
#[derive(Clone)]
pub struct App {
    /// The bytes of `/metrics`.
    pub publisher: Publisher,
    /// Path of the metrics, `/metrics` by default.
    pub telemetry_path: String,
    /// The page at `/`.
    pub status: StatusPage,
    /// The latch behind `/-/ready`.
    pub ready: Ready,
    /// The action behind `/-/reload`; `None` refuses it (403).
    pub reload: Option<Reload>,
    /// TLS, users, headers and the rate limit.
    pub web: Web,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("telemetry_path", &self.telemetry_path)
            .field("ready", &self.ready)
            .field("reload", &self.reload.is_some())
            .finish_non_exhaustive()
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address is not of the form `host:port` or `:port`.
    #[error("cannot listen on {0:?}: not of the form host:port or :port")]
    Address(String),
    /// A socket could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address as written.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No socket was handed over.
    #[error("cannot take over sockets: the service manager passed none (LISTEN_FDS)")]
    NoSockets,
    /// A socket that was handed over cannot be used.
    #[error("cannot take over socket {index}: {source}")]
    Socket {
        /// Its place in the order of the unit file, from 0.
        index: usize,
        /// What the system said.
        source: std::io::Error,
    },
    /// Certificates or keys cannot be used, or not in the way configured.
    #[error("cannot serve TLS: {0}")]
    Tls(String),
    /// The path of the metrics cannot be routed.
    #[error("cannot serve metrics at {path:?}: {problem}")]
    TelemetryPath {
        /// The path as written.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Serves until `stop`, then finishes the answers under way for as long as the limits allow.
pub async fn serve(
    listeners: Vec<TcpListener>,
    app: App,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), ServerError> {
    let web = app.web.clone();
    let router = routes::router(app, &limits)?;
    let connections = limits::Connections::new(limits);
    let tasks = TaskTracker::new();
    let accepting = TaskTracker::new();
    for listener in listeners {
        let site = Site { router: router.clone(), web: web.clone(), stop: stop.clone() };
        accepting.spawn(accept(listener, site, Arc::clone(&connections), tasks.clone()));
    }
    accepting.close();
    tokio::select! {
        () = accepting.wait() => {}
        () = connections.sweep() => {}
    }
    tasks.close();
    if tokio::time::timeout(limits.drain, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "closing connections whose answers took too long");
        connections.close_all();
        tasks.wait().await;
    }
    Ok(())
}

/// What every connection needs.
#[derive(Clone)]
struct Site {
    router: Router,
    web: Web,
    stop: CancellationToken,
}

async fn accept(
    listener: TcpListener,
    site: Site,
    connections: Arc<limits::Connections>,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = site.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::select! {
                    () = site.stop.cancelled() => return,
                    () = connections.room() => {}
                }
                let connection = connections.open();
                tasks.spawn(connection::serve(stream, site.clone(), connection));
            }
            Err(error) => {
                // Out of descriptors, or the client went away; the first passes only with time.
                tracing::warn!(error = %error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
