//! Requests to the exporter: the first line is a path with its query, the second `Accept`, the third `Accept-Encoding`.
//!
//! The answer is 200, 400, 404 or 405, in a format and encoding that were asked for, whole, and never sniffable.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use wolkvox_exporter::config::WebConfig;
use wolkvox_exporter::exposition::{OperationBlocks, Pace, Publisher, SelfMetrics};
use wolkvox_exporter::metrics::{Blocks, Label, catalogue};
use wolkvox_exporter::server::{App, Limits, Ready, Web, router};

use super::openmetrics;

/// The operations of the exporter that is asked.
const OPERATIONS: [&str; 3] = ["acme", "b c", "\u{f1}and\u{fa}"];

struct Exporter {
    runtime: tokio::runtime::Runtime,
    router: Router,
}

impl Exporter {
    fn start() -> Exporter {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let pace = Pace { least: Duration::ZERO, factor: 0 };
        let publisher = Publisher::with_pace(Arc::new(SelfMetrics::new("0", "0", "0")), pace);
        let operation = |name: &str| {
            let mut blocks = Blocks::of(name);
            blocks.put(&catalogue::TODAY_IVR_CALLS, &[(Label::Hour, "09")], 7);
            OperationBlocks { name: name.into(), blocks: vec![Arc::new(blocks.finish())] }
        };
        publisher.update(1, OPERATIONS.map(operation).into());
        runtime.block_on(async {
            let mut published = publisher.published();
            tokio::select! {
                () = publisher.run(CancellationToken::new()) => {}
                _ = published.wait_for(|number| *number == 1) => {}
            }
        });
        let app = App {
            publisher,
            telemetry_path: "/metrics".to_owned(),
            status: Arc::new(|_| Some("<!doctype html><title>status</title>".to_owned())),
            ready: Ready::default(),
            reload: None,
            web: Web::new(&WebConfig::default()).unwrap(),
        };
        let router = router(app, &Limits::default()).unwrap();
        Exporter { runtime, router }
    }
}

thread_local! {
    static EXPORTER: Exporter = Exporter::start();
}

pub fn check(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (target, accept, encoding) = (line(), line(), line());
    let Ok(uri) = Uri::try_from(target) else { return };
    let (Ok(accept), Ok(encoding)) = (HeaderValue::from_bytes(accept), HeaderValue::from_bytes(encoding))
    else {
        return;
    };
    let mentions = |value: &HeaderValue, words: &[&str]| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let (may_openmetrics, may_gzip) =
        (mentions(&accept, &["application/openmetrics-text"]), mentions(&encoding, &["gzip", "*"]));
    let is_metrics = uri.path() == "/metrics";
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::ACCEPT, accept);
    request.headers_mut().insert(header::ACCEPT_ENCODING, encoding);
    let (parts, body) = EXPORTER.with(|exporter| {
        exporter.runtime.block_on(async {
            let response = exporter.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            (parts, body.collect().await.unwrap().to_bytes())
        })
    });
    let header = |name| parts.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
    assert!(matches!(parts.status.as_u16(), 200 | 400 | 404 | 405 | 503), "{}", parts.status);
    if parts.status != StatusCode::OK {
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(!text.trim_end().chars().any(char::is_control), "{text:?}");
        assert!(text.len() < 256 + 8 * bytes.len(), "{text}");
        return;
    }
    if !is_metrics {
        return;
    }
    let openmetrics = match header(header::CONTENT_TYPE) {
        Some("text/plain; version=0.0.4; charset=utf-8") => false,
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8") => true,
        other => panic!("{other:?}"),
    };
    assert!(may_openmetrics || !openmetrics, "nobody asked for OpenMetrics");
    let text = match header(header::CONTENT_ENCODING) {
        None => String::from_utf8(body.to_vec()).unwrap(),
        Some("gzip") => {
            assert!(may_gzip, "nobody asked for gzip");
            let mut text = String::new();
            flate2::bufread::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
            text
        }
        other => panic!("{other:?}"),
    };
    let families = openmetrics::read(&text, openmetrics);
    let shown = families
        .iter()
        .flat_map(|family| &family.samples)
        .filter_map(|(_, labels, _)| labels.get("operation"));
    assert!(shown.clone().count() >= 1 && shown.clone().all(|name| OPERATIONS.contains(&name.as_str())));
}
