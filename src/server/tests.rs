//! The server over real sockets, spoken to byte by byte.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::WebConfig;
use crate::exposition::{Encoding, Format, OperationBlocks, Pace, SelfMetrics};
use crate::metrics::{Block, Label, LabelText, Sample, catalogue};

use super::*;

/// A running server; it stops when the test drops it.
struct Running {
    address: SocketAddr,
    publisher: Publisher,
    ready: Ready,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<Result<(), ServerError>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn app() -> App {
    let own = Arc::new(SelfMetrics::new("0", "0", "0"));
    App {
        publisher: Publisher::with_pace(own, Pace { least: Duration::ZERO, factor: 0 }),
        telemetry_path: "/metrics".to_owned(),
        status: Arc::new(|_| Some("<!doctype html><title>status</title>".to_owned())),
        ready: Ready::default(),
        reload: None,
        web: Web::new(&WebConfig::default()).unwrap(),
    }
}

fn start(app: App, limits: Limits) -> Running {
    let listeners = bind(&["127.0.0.1:0".to_owned()]).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let stop = CancellationToken::new();
    let (publisher, ready) = (app.publisher.clone(), app.ready.clone());
    let (runner, token) = (publisher.clone(), stop.clone());
    tokio::spawn(async move { runner.run(token).await });
    let server = tokio::spawn(serve(listeners, app, limits, stop.clone()));
    Running { address, publisher, ready, stop, server }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(running: &Running, request_line: &str, headers: &[&str]) -> Reply {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let mut request = format!("{request_line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    reply(&bytes)
}

fn reply(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: bytes[end + 4..].to_vec() }
}

/// Reads one answer with a known length from a connection that stays open.
async fn next(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        bytes.push(byte[0]);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let mut reply = reply(&bytes);
    reply.body = vec![0; reply.header("content-length").unwrap().parse().unwrap()];
    stream.read_exact(&mut reply.body).await.unwrap();
    reply
}

async fn publish(running: &Running, number: u64, operations: &[&str], series: usize) {
    let operation = |name: &&str| {
        let sample = |nth: usize| Sample {
            labels: LabelText::new([(Label::Operation, *name), (Label::Hour, &format!("{nth:09}"))]),
            values: [number as i64].into(),
        };
        let samples = (0..series).map(sample).collect();
        let blocks = vec![Arc::new(vec![Block { family: &catalogue::TODAY_IVR_CALLS, samples }])];
        OperationBlocks { name: (*name).into(), blocks }
    };
    running.publisher.update(number, operations.iter().map(operation).collect());
    running.publisher.published().wait_for(|published| *published == number).await.unwrap();
}

/// Waits for a condition that other tasks bring about.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn metrics_come_in_the_format_and_encoding_asked_for() {
    let running = start(app(), Limits::default());
    publish(&running, 1, &["a", "b"], 3).await;
    let line = "wolkvox_today_ivr_calls{operation=\"a\",hour=\"000000000\"} 1\n";

    let plain = ask(&running, "GET /metrics", &[]).await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(plain.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("content-length"), Some(plain.body.len().to_string().as_str()));
    assert!(plain.text().contains(line) && !plain.text().contains("# EOF"));

    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let packed = ask(&running, "GET /metrics", &[accept, "Accept-Encoding: gzip"]).await;
    assert_eq!(
        packed.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("content-length"), Some(packed.body.len().to_string().as_str()));
    let mut body = String::new();
    flate2::bufread::GzDecoder::new(&packed.body[..]).read_to_string(&mut body).unwrap();
    assert!(body.contains(line) && body.ends_with("# EOF\n"));
    assert!(body.contains("# TYPE wolkvox_exporter_ledger_errors counter\n"));
}

#[tokio::test]
async fn head_has_the_length_and_shows_nothing() {
    let running = start(app(), Limits::default());
    publish(&running, 3, &["a"], 2).await;
    let head = ask(&running, "HEAD /metrics", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
    assert_eq!(running.publisher.served("a"), 0);
    ask(&running, "GET /metrics", &[]).await;
    assert_eq!(running.publisher.served("a"), 3);
}

#[tokio::test]
async fn subsets_are_asked_for_by_operation() {
    let running = start(app(), Limits::default());
    publish(&running, 1, &["a", "b c", "d"], 2).await;
    let some = ask(&running, "GET /metrics?operation=b%20c&x=y&operation=d", &[]).await;
    assert_eq!(some.status, 200);
    assert!(some.text().contains("operation=\"b c\"") && some.text().contains("operation=\"d\""));
    assert!(!some.text().contains("operation=\"a\"") && !some.text().contains("wolkvox_exporter_"));
    assert_eq!((running.publisher.served("a"), running.publisher.served("d")), (0, 1));
    let unknown = ask(&running, "GET /metrics?operation=nobody", &[]).await;
    assert_eq!((unknown.status, unknown.text()), (404, "unknown operation \"nobody\"\n"));
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told() {
    let running = start(app(), Limits::default());
    for path in ["/nothing", "/metrics/", "/-/", "//"] {
        assert_eq!(ask(&running, &format!("GET {path}"), &[]).await.status, 404, "{path}");
    }
    for (request, allow) in [
        ("POST /metrics", "GET,HEAD"),
        ("DELETE /", "GET,HEAD"),
        ("PUT /-/ready", "GET,HEAD"),
        ("GET /-/reload", "POST,PUT"),
    ] {
        let reply = ask(&running, request, &[]).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{request}");
    }
}

#[tokio::test]
async fn the_page_is_safe_to_look_at() {
    let running = start(app(), Limits::default());
    let page = ask(&running, "GET /", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.text(), "<!doctype html><title>status</title>");

    let broken = App { status: Arc::new(|_| panic!("no page")), ..app() };
    let running = start(broken, Limits::default());
    assert_eq!(ask(&running, "GET /", &[]).await.status, 500);
    assert_eq!(ask(&running, "GET /metrics", &[]).await.status, 200);
}

#[tokio::test]
async fn a_flood_of_visitors_is_shown_the_page_in_turn_and_stops_no_scrape() {
    const VISITORS: usize = 40;
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let (running, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let top = Arc::clone(&most);
    let status: StatusPage = Arc::new(move |_| {
        top.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        gate.lock().unwrap().recv().unwrap();
        running.fetch_sub(1, Ordering::SeqCst);
        Some(String::new())
    });
    let server = start(App { status, ..app() }, Limits::default());
    let mut visitors = Vec::new();
    for _ in 0..VISITORS {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        visitors.push(stream);
    }
    until(|| most.load(Ordering::SeqCst) > 0).await;
    assert_eq!(ask(&server, "GET /metrics", &[]).await.status, 200);
    for _ in 0..VISITORS {
        open.send(()).unwrap();
    }
    for mut visitor in visitors {
        assert_eq!(next(&mut visitor).await.status, 200);
    }
    assert!(most.load(Ordering::SeqCst) <= 2, "{most:?} pages were made at once");
}

#[tokio::test]
async fn healthy_always_and_ready_once_opened() {
    let running = start(app(), Limits::default());
    assert_eq!(ask(&running, "GET /-/healthy", &[]).await.status, 200);
    assert_eq!(ask(&running, "GET /-/ready", &[]).await.status, 503);
    running.ready.open();
    assert_eq!(ask(&running, "GET /-/ready", &[]).await.status, 200);
}

#[tokio::test]
async fn a_reload_happens_only_where_it_is_allowed_and_says_why_it_failed() {
    let running = start(app(), Limits::default());
    let refused = ask(&running, "POST /-/reload", &["Content-Length: 0"]).await;
    assert_eq!((refused.status, refused.text()), (403, "Lifecycle API is not enabled.\n"));

    let times = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&times);
    let reload: Reload = Arc::new(move || {
        let nth = counter.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { if nth == 0 { Ok(()) } else { Err("operations[0]: no name".to_owned()) } })
    });
    let running = start(App { reload: Some(reload), ..app() }, Limits::default());
    assert_eq!(ask(&running, "POST /-/reload", &["Content-Length: 0"]).await.status, 200);
    let failed = ask(&running, "PUT /-/reload", &["Content-Length: 0"]).await;
    assert_eq!((failed.status, failed.text()), (500, "failed to reload config: operations[0]: no name\n"));
    assert_eq!(times.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_metrics_can_live_anywhere_that_is_a_path() {
    let running = start(App { telemetry_path: "/".to_owned(), ..app() }, Limits::default());
    assert!(ask(&running, "GET /", &[]).await.text().contains("wolkvox_exporter_build_info"));
    for path in ["metrics", "", "/{x}", "/-/ready", "/a b", "/:x", "/*"] {
        let refused = routes::router(App { telemetry_path: path.to_owned(), ..app() }, &Limits::default());
        assert!(matches!(refused, Err(ServerError::TelemetryPath { .. })), "{path}");
    }
}

#[tokio::test]
async fn requests_that_are_too_large_are_refused() {
    let running = start(app(), Limits::default());
    let long = format!("X-Long: {}", "x".repeat(17 * 1024));
    assert_eq!(ask(&running, "GET /metrics", &[&long]).await.status, 431);
    let reply = ask(&running, "POST /-/reload", &["Content-Length: 2000"]).await;
    assert_eq!(reply.status, 413);
    let many: Vec<String> = (0..100).map(|nth| format!("X-{nth}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(ask(&running, "GET /metrics", &many).await.status, 431);
}

#[tokio::test]
async fn slow_headers_close_the_connection_and_idleness_does_not() {
    let header = Duration::from_millis(500);
    let running = start(app(), Limits { header, ..Limits::default() });
    let mut quiet = TcpStream::connect(running.address).await.unwrap();
    quiet.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(next(&mut quiet).await.status, 200);

    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /-/healthy HTTP/1.1\r\nHost:").await.unwrap();
    for stream in [&mut silent, &mut slow] {
        // The server hangs up, either way of hanging up will do.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }

    // The quiet one has waited as long as the others, and is still served.
    quiet.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(next(&mut quiet).await.status, 200);
}

#[tokio::test]
async fn idle_connections_do_not_keep_a_scrape_out() {
    let running = start(app(), Limits { connections: 3, ..Limits::default() });
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(next(&mut stream).await.status, 200);
        idle.push(stream);
    }
    assert_eq!(ask(&running, "GET /metrics", &[]).await.status, 200);
    // One of the three gave way; the other two are served on.
    let mut served = 0;
    for mut stream in idle {
        let sent = stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let mut rest = Vec::new();
        if sent.is_ok() && stream.read_to_end(&mut rest).await.is_ok() && !rest.is_empty() {
            served += 1;
        }
    }
    assert_eq!(served, 2);
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_given_up() {
    let answer = Duration::from_secs(1);
    let running = start(app(), Limits { answer, header: Duration::from_millis(500), ..Limits::default() });
    // More than the sockets of both sides can hold, and rendered before the time runs.
    publish(&running, 1, &["a"], 100_000).await;
    running.publisher.answer(Format::Text, Encoding::Identity, &[]).await.unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stuck = socket.connect(running.address).await.unwrap();
    stuck.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut byte = [0];
    stuck.read_exact(&mut byte).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), async {
        // Writing fails once the server is gone, while nothing of the answer is read.
        while stuck.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn readers_that_stop_reading_do_not_keep_a_scrape_out() {
    let running = start(app(), Limits { connections: 3, ..Limits::default() });
    publish(&running, 1, &["a"], 100_000).await;
    running.publisher.answer(Format::Text, Encoding::Identity, &[]).await.unwrap();
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(running.address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        stuck.push(stream);
    }
    // Long before the time for their answers is over.
    let scrape = tokio::time::timeout(Duration::from_secs(30), ask(&running, "GET /-/healthy", &[]));
    assert_eq!(scrape.await.expect("nobody gave way").status, 200);
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_and_ends_the_connection() {
    let running = start(app(), Limits::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let hidden = "GET /-/healthy HTTP/1.1\r\nHost: hidden\r\n\r\n";
    let request = format!(
        "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // Closing with the hidden request unread may reset the connection.
    let _ = stream.read_to_end(&mut bytes).await;
    let heard = String::from_utf8(bytes).unwrap();
    assert!(heard.starts_with("HTTP/1.1 411 ") && heard.matches("HTTP/1.1").count() == 1, "{heard}");
}

#[tokio::test]
async fn stopping_finishes_the_answer_under_way_and_closes_idle_connections() {
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let gate = CancellationToken::new();
    let open = gate.clone();
    let reload: Reload = Arc::new(move || {
        let (entered, open) = (entered.clone(), open.clone());
        Box::pin(async move {
            let _ = entered.send(());
            open.cancelled().await;
            Ok(())
        })
    });
    let running = start(App { reload: Some(reload), ..app() }, Limits::default());
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(next(&mut idle).await.status, 200);
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    inside.recv().await.unwrap();

    running.stop.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
    until_refused(running.address).await;
    assert!(!running.server.is_finished());
    gate.cancel();
    assert_eq!(next(&mut busy).await.status, 200);
    until(|| running.server.is_finished()).await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_the_silent() {
    let running = start(app(), Limits { drain: Duration::from_secs(3600), ..Limits::default() });
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    // Accepted in order, so the silent one is inside when this one is answered.
    assert_eq!(ask(&running, "GET /-/healthy", &[]).await.status, 200);
    running.stop.cancel();
    until(|| running.server.is_finished()).await;
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let reload: Reload = Arc::new(move || {
        let _ = entered.send(());
        Box::pin(std::future::pending())
    });
    let drain = Duration::from_millis(20);
    let running = start(App { reload: Some(reload), ..app() }, Limits { drain, ..Limits::default() });
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    inside.recv().await.unwrap();
    running.stop.cancel();
    until(|| running.server.is_finished()).await;
    let mut rest = Vec::new();
    let _ = busy.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn the_web_configuration_holds_for_every_path_and_can_be_replaced() {
    let text = format!(
        "basic_auth_users:\n  ana: {}\nhttp_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n",
        bcrypt::hash("s3cret", 4).unwrap()
    );
    let config = WebConfig::parse(&text, std::path::Path::new("/"), "web.yml").unwrap();
    let web = Web::new(&config).unwrap();
    let running = start(App { web: web.clone(), ..app() }, Limits::default());
    let good = "Authorization: Basic YW5hOnMzY3JldA==";
    for path in ["/", "/metrics", "/-/healthy", "/nothing"] {
        let refused = ask(&running, &format!("GET {path}"), &[]).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Basic")), "{path}");
        assert_eq!(refused.header("x-frame-options"), Some("sameorigin"));
        let wrong = ask(&running, &format!("GET {path}"), &["Authorization: Basic YW5hOng="]).await;
        assert_eq!(wrong.status, 401);
        let let_in = ask(&running, &format!("GET {path}"), &[good]).await;
        assert_eq!(let_in.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        assert_eq!(let_in.header("x-frame-options"), Some("sameorigin"));
    }
    assert_eq!(running.publisher.served("a"), 0);

    let limited = "rate_limit: { interval: 1h, burst: 2 }";
    let limited = WebConfig::parse(limited, std::path::Path::new("/"), "web.yml").unwrap();
    web.replace(Web::prepare(&limited).unwrap());
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(ask(&running, "GET /-/healthy", &[]).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
}

/// One request from an address of this machine; the stream that its answer comes on.
#[cfg(target_os = "linux")]
async fn ask_from(from: [u8; 4], running: &Running, password: &str) -> TcpStream {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("ana:{password}"));
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(running.address).await.unwrap();
    let request = format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

// Elsewhere the machine has but one address that every test may use.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn guesses_keep_out_neither_a_first_login_from_elsewhere_nor_after_a_reload_who_was_in() {
    const HERE: [u8; 4] = [127, 0, 0, 1];
    const THERE: [u8; 4] = [127, 0, 0, 2];
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let door = auth::Door::new(Arc::new(move |password, _| {
        password.starts_with("right") || gate.lock().unwrap().recv().is_ok_and(|()| false)
    }));
    let text = format!("basic_auth_users: {{ ana: {} }}\n", bcrypt::hash("any", 4).unwrap());
    let config = WebConfig::parse(&text, std::path::Path::new("/"), "web.yml").unwrap();
    let web = Web::with_door(&config, door).unwrap();
    let running = start(App { web: web.clone(), ..app() }, Limits::default());
    assert_eq!(next(&mut ask_from(HERE, &running, "right").await).await.status, 200);

    // Each guess holds its place until the gate opens, so the one that is answered is the one too many.
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..=queue::SHARE {
        let mut guess = ask_from(HERE, &running, &format!("guess {number}")).await;
        guesses.spawn(async move { next(&mut guess).await });
    }
    let answer = guesses.join_next().await.unwrap().unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    web.replace(Web::prepare(&config).unwrap());
    assert_eq!(
        next(&mut ask_from(HERE, &running, "right").await).await.status,
        200,
        "known before the reload"
    );

    let mut login = ask_from(THERE, &running, "right too").await;
    for _ in 0..queue::SHARE {
        open.send(()).unwrap();
    }
    assert_eq!(next(&mut login).await.status, 200);
    drop(open);
}

#[tokio::test]
async fn the_same_routes_answer_over_tls_and_a_silent_handshake_is_given_up() {
    let (authority, folder) = tls::tests::site();
    let config = WebConfig { tls: Some(tls::tests::config(folder.path())), ..WebConfig::default() };
    let app = App { web: Web::new(&config).unwrap(), ..app() };
    let running = start(app, Limits { header: Duration::from_millis(500), ..Limits::default() });
    publish(&running, 1, &["a"], 10_000).await;

    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    assert!(rest.is_empty());

    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = rustls_pki_types::ServerName::try_from("exporter.test").unwrap();
    let mut stream = authority.connector().connect(name, stream).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let reply = reply(&bytes);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text().lines().filter(|line| line.contains("{operation=\"a\"")).count(), 10_000);
    assert_eq!(running.publisher.served("a"), 1);
}

async fn until_refused(address: SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
