//! Which path answers what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::status::{Visit, content_security_policy};

use super::{App, Limits, Ready, Reload, ServerError, StatusPage, metrics_route, web};

/// The page is framed nowhere, sends nobody anywhere and is kept by nobody.
const PAGE_HEADERS: [(HeaderName, &str); 3] =
    [(X_FRAME_OPTIONS, "DENY"), (REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL, "no-store")];

/// Status pages that are made at once. What they need, the ledger and the exposition need too.
const PAGES: usize = 2;

/// All routes, with the limits that hold for each request; [`super::serve`] adds those of connections.
pub fn router(app: App, limits: &Limits) -> Result<Router, ServerError> {
    let path = app.telemetry_path.as_str();
    let problem = if !path.starts_with('/') {
        Some("it does not start with a slash")
    } else if path.contains(['{', '}', '?', '#', '*', ':']) || path.chars().any(|c| !c.is_ascii_graphic()) {
        Some("it has characters that a path cannot have")
    } else if path.starts_with("/-/") {
        Some("paths below /-/ are taken")
    } else {
        None
    };
    if let Some(problem) = problem {
        return Err(ServerError::TelemetryPath { path: path.to_owned(), problem });
    }

    let mut router = Router::new()
        .route(path, get(metrics_route::metrics).with_state(app.publisher))
        .route("/-/healthy", get(|| async { "wolkvox_exporter is Healthy.\n" }))
        .route("/-/ready", get(ready).with_state(app.ready))
        .route("/-/reload", post(reload).put(reload).with_state(app.reload));
    if path != "/" {
        let pages = Arc::new(Semaphore::new(PAGES));
        router = router.route("/", get(page).with_state((app.status, pages)));
    }
    Ok(router
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
        .layer(RequestBodyLimitLayer::new(limits.body_bytes))
        .layer(from_fn(web::measured))
        .layer(from_fn_with_state(app.web.clone(), web::admit))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limits.request))
        .layer(from_fn_with_state(app.web, web::headers))
        .layer(CatchPanicLayer::new()))
}

async fn page(
    State((status, pages)): State<(StatusPage, Arc<Semaphore>)>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let still = query.iter().any(|(key, _)| key == "still");
    let operation = query.into_iter().find_map(|(key, value)| (key == "operation").then_some(value));
    let visit = Visit { operation, still };
    let permit = pages.acquire_owned().await;
    // Making the page takes locks and formats many rows.
    let made = tokio::task::spawn_blocking(move || {
        let made = status(&visit);
        drop(permit);
        made
    });
    match made.await {
        Ok(Some(html)) => {
            let policy = HeaderValue::from_static(content_security_policy());
            let headers = PAGE_HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
            ([(CONTENT_SECURITY_POLICY, policy)], headers, Html(html)).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "no such operation here\n").into_response(),
        Err(error) => {
            tracing::error!(error = %error, "cannot make the status page");
            (StatusCode::INTERNAL_SERVER_ERROR, "cannot make the status page\n").into_response()
        }
    }
}

async fn ready(State(ready): State<Ready>) -> Response {
    if ready.is_open() {
        "wolkvox_exporter is Ready.\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "wolkvox_exporter is not ready yet.\n").into_response()
    }
}

async fn reload(State(reload): State<Option<Reload>>) -> Response {
    let Some(reload) = reload else {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n").into_response();
    };
    let action = Arc::clone(&reload);
    // In its own task: a client that goes away must not stop a reload half-way.
    match tokio::spawn(action()).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(why)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {why}\n")).into_response()
        }
        Err(error) => {
            tracing::error!(error = %error, "the reload broke off");
            (StatusCode::INTERNAL_SERVER_ERROR, "failed to reload config: it broke off\n").into_response()
        }
    }
}
