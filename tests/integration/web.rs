//! A hostile network side against the program itself: who stalls, floods, lies or guesses keeps no scrape out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::program::{self, Program, get};

/// As long as Prometheus waits for a scrape by default.
const SCRAPE: Duration = Duration::from_secs(10);

/// Resident memory, in MiB, with all connections of a test open.
const MEMORY: u64 = 150;

/// The exporter with a web configuration and one operation that nobody answers.
fn exporter(folder: &TempDir, web: &str) -> (Program, SocketAddr) {
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("web.yml"), web).unwrap();
    let arguments = [
        "serve",
        "--config.file",
        &path("wolkvox.yml"),
        "--storage.path",
        &path("data"),
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.config.file",
        &path("web.yml"),
    ];
    let mut program = Program::start(&arguments, &[]);
    let address = program.address().parse().unwrap();
    (program, address)
}

fn folder() -> TempDir {
    program::configured(&program::nowhere(), "t0ken-of-nobody", "")
}

/// Opens many connections that each say this much and then nothing.
fn crowd(address: SocketAddr, number: usize, says: &[u8]) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        // The exporter may close a connection that says nothing while others wait.
        let _ = stream.write_all(says);
        stream
    };
    (0..number).map(open).collect()
}

/// Lets this process hold some thousand sockets.
fn allow_many_sockets() {
    let pid = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--nofile=8192:"]).status().unwrap();
    assert!(raised.success(), "the test needs 8192 open files");
}

/// Says something and reads everything until the other side closes, or has nothing to say for a while.
fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    // It may hang up before it has heard all.
    let _ = stream.write_all(bytes);
    let mut heard = Vec::new();
    let mut piece = [0; 65_536];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => heard.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// The statuses of the answers in what was heard.
fn statuses(heard: &str) -> Vec<u16> {
    heard.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
}

fn ends_well(program: Program) {
    program.terminate();
    let (status, _, log) = program.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_thousand_idle_and_a_thousand_slow_connections_stop_no_scrape() {
    allow_many_sockets();
    let folder = folder();
    let (program, address) = exporter(&folder, "");
    // Slow ones drip a header line each, for ever; idle ones have asked once, or say nothing at all.
    let slow = crowd(address, 1_000, b"GET /metrics HTTP/1.1\r\nHost: x\r\n");
    let stop = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&stop);
    let dripping = std::thread::spawn(move || {
        let mut slow = slow;
        while !ended.load(Ordering::SeqCst) {
            for stream in &mut slow {
                if stream.write_all(b"X: y\r\n").is_err()
                    && let Ok(again) = TcpStream::connect(address)
                {
                    // The exporter gave it up, so it comes again.
                    *stream = again;
                    let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let asked = crowd(address, 500, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    let silent = crowd(address, 500, b"");
    for _ in 0..5 {
        let (status, body) = scrape(&format!("http://{address}/metrics"), &[], None).unwrap();
        assert!(status == 200 && body.contains("wolkvox_exporter_build_info"));
    }
    stop.store(true, Ordering::SeqCst);
    dripping.join().unwrap();
    let peak = program.peak();
    assert!(peak < MEMORY, "{peak} MiB");
    println!("{} connections held against scrapes: at most {peak} MiB", 1_000 + asked.len() + silent.len());
    drop((asked, silent));
    ends_well(program);
}

/// One scrape as Prometheus makes it: a new connection, ten seconds.
fn scrape(
    url: &str,
    authorities: &[String],
    identity: Option<&str>,
) -> Result<(u16, String), reqwest::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let roots: Vec<_> =
            authorities.iter().map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()).collect();
        let mut client = reqwest::Client::builder().no_proxy().timeout(SCRAPE).tls_certs_only(roots);
        if let Some(pem) = identity {
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        let response = client.build().unwrap().get(url).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    })
}

#[test]
fn malformed_and_ambiguous_requests_get_one_answer_or_none() {
    let folder = folder();
    let (program, address) = exporter(&folder, "");
    let hidden = "GET /-/healthy HTTP/1.1\r\nHost: hidden\r\n\r\n";
    let get = |more: &str, body: &str| format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{more}\r\n{body}");
    // What is said, and the status of its only answer; 0 where the connection may end without one.
    let cases: Vec<(String, &[u16])> = vec![
        // Two opinions about where a body ends: the one that hides a request must not be ours.
        (
            get("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{hidden}")),
            &[400, 411],
        ),
        (
            get("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", &format!("0\r\n\r\n{hidden}")),
            &[400, 411],
        ),
        (get("Transfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{hidden}")), &[411]),
        (get("Transfer-Encoding: xchunked\r\n", hidden), &[400, 411]),
        (get("Transfer-Encoding: chunked, identity\r\n", hidden), &[400, 411]),
        (get("Transfer-Encoding : chunked\r\n", hidden), &[400]),
        (get("Content-Length: 5\r\nContent-Length: 6\r\n", hidden), &[400]),
        (get("Content-Length: +5\r\n", hidden), &[400]),
        (get("Content-Length: 0x5\r\n", hidden), &[400]),
        (get("Content-Length: -1\r\n", hidden), &[400]),
        (get("Content-Length: 99999999999999999999\r\n", hidden), &[400]),
        (get("X: a\r\n folded: b\r\n", ""), &[400]),
        (get("X\0: y\r\n", ""), &[400]),
        ("GET /metrics HTTP/1.1\rHost: x\r\r".to_owned(), &[0, 400]),
        ("GET /metrics HTTP/9.9\r\n\r\n".to_owned(), &[400, 505]),
        ("GET\0/metrics HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[0, 400, 505]),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".to_owned(), &[0, 400]),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)), &[414, 431]),
        (get(&format!("X: {}\r\n", "y".repeat(20_000)), ""), &[431]),
        (get(&"X: y\r\n".repeat(1_000), ""), &[431]),
        (get(&format!("Content-Length: {}\r\n", 10_u64 << 30), &"z".repeat(1 << 20)), &[413]),
        ("POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".to_owned(), &[413]),
        (
            get("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n", ""),
            &[200],
        ),
        (get("Expect: 200-ok\r\n", ""), &[200, 417]),
        (get("Range: bytes=0-0\r\n", ""), &[200]),
        ("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 404, 405]),
        ("GET http://elsewhere/metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[200, 400, 404]),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[404]),
        ("GET /%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[404]),
        ("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[405]),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 404, 405]),
    ];
    for (said, expected) in &cases {
        let heard = say(address, said.as_bytes());
        let got = statuses(&heard);
        let shown: String = said.chars().take(200).collect();
        match got[..] {
            [] => assert!(expected.contains(&0), "{shown:?}: no answer"),
            [one] => assert!(expected.contains(&one), "{shown:?}: {one}"),
            _ => panic!("{shown:?}: {got:?}"),
        }
        assert!(!heard.contains("is Healthy"), "{shown:?}: the hidden request was answered");
    }
    // Bodies of a stated length are skipped, whatever stands in them.
    let heard = say(address, get(&format!("Content-Length: {}\r\n", hidden.len()), hidden).as_bytes());
    assert_eq!(statuses(&heard), [200]);

    // Requests sent ahead are answered in order, none more, none less.
    let ahead: String = (0..100).map(|nth| format!("GET /{nth} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let heard = say(address, format!("{ahead}{hidden}").as_bytes());
    let mut expected = vec![404; 100];
    expected.push(200);
    assert_eq!(statuses(&heard), expected);
    println!("{} shapes of bad requests", cases.len());
    ends_well(program);
}

/// An authority, and what it has signed.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key.
    fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

fn write(folder: &Path, (cert, key): &(String, String)) {
    std::fs::write(folder.join("cert.pem"), cert).unwrap();
    std::fs::write(folder.join("key.pem"), key).unwrap();
}

fn hang_up(program: &Program) {
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

const TLS: &str = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n";

#[test]
fn certificates_users_and_client_certificates_change_without_a_restart() {
    let folder = folder();
    let (first, second) = (Authority::new(), Authority::new());
    write(folder.path(), &first.sign());
    let (mut program, address) = exporter(&folder, TLS);
    let url = format!("https://{address}/-/healthy");
    let trusts = |authority: &Authority| scrape(&url, std::slice::from_ref(&authority.pem), None).is_ok();
    assert!(trusts(&first) && !trusts(&second));
    // Another certificate is noticed by itself.
    write(folder.path(), &second.sign());
    program.wait("the second certificate", |_| trusts(&second).then_some(()));
    assert!(!trusts(&first));

    // From now on clients need a certificate.
    std::fs::write(folder.path().join("clients.pem"), &first.pem).unwrap();
    let strict = TLS.replace(
        " }",
        ", client_ca_file: clients.pem, client_auth_type: RequireAndVerifyClientCert, min_version: TLS13 }",
    );
    std::fs::write(folder.path().join("web.yml"), &strict).unwrap();
    hang_up(&program);
    program.wait("the refusal of strangers", |_| (!trusts(&second)).then_some(()));
    let shows = |authority: &Authority| {
        let (cert, key) = authority.sign();
        scrape(&url, std::slice::from_ref(&second.pem), Some(&format!("{cert}{key}"))).is_ok()
    };
    assert!(shows(&first), "a client with a good certificate comes in");
    assert!(!shows(&second), "a client of another authority does not");

    // A configuration that cannot be served changes nothing and is told.
    std::fs::write(folder.path().join("web.yml"), TLS.replace("key.pem", "clients.pem")).unwrap();
    let file = folder.path().join("wolkvox.yml");
    let renamed = std::fs::read_to_string(&file).unwrap().replace("name: acme", "name: renamed");
    std::fs::write(&file, renamed).unwrap();
    hang_up(&program);
    program.wait("the refusal of the configuration", |program| {
        program.err.text().contains("the configuration stays as it was").then_some(())
    });
    assert!(shows(&first) && !trusts(&second));
    let (cert, key) = first.sign();
    let metrics = url.replace("/-/healthy", "/metrics");
    let (_, body) =
        scrape(&metrics, std::slice::from_ref(&second.pem), Some(&format!("{cert}{key}"))).unwrap();
    assert!(body.contains("operation=\"acme\""), "{body}");
    assert!(body.contains("wolkvox_exporter_config_last_reload_successful 0\n"), "{body}");
    // The good half of a refused reload came into force only with the other half.
    std::fs::write(folder.path().join("web.yml"), &strict).unwrap();
    hang_up(&program);
    program.wait("the new name", |program| program.err.text().contains("operation=renamed").then_some(()));
    let log = program.err.text();
    let refused = log.find("the configuration stays as it was").unwrap();
    let taken =
        refused + log[refused..].find("the configuration has been read again").unwrap_or(log.len() - refused);
    assert!(!log[..taken].contains("operation=renamed"), "{log}");
    ends_well(program);
}

#[test]
fn stalled_handshakes_and_plain_http_on_a_tls_port_stop_no_scrape() {
    allow_many_sockets();
    let folder = folder();
    let authority = Authority::new();
    write(folder.path(), &authority.sign());
    let (program, address) = exporter(&folder, TLS);
    let silent = crowd(address, 500, b"");
    // The beginning of a handshake that promises more.
    let stalled = crowd(address, 500, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    for _ in 0..3 {
        let (status, _) =
            scrape(&format!("https://{address}/metrics"), std::slice::from_ref(&authority.pem), None)
                .unwrap();
        assert_eq!(status, 200);
    }
    let heard = say(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!heard.contains("HTTP/1.1") && !heard.contains("wolkvox"), "{heard}");
    let peak = program.peak();
    assert!(peak < MEMORY, "{peak} MiB");
    println!("{} stalled handshakes: at most {peak} MiB", silent.len() + stalled.len());
    drop((silent, stalled));
    ends_well(program);
}

#[test]
fn a_flood_of_guesses_keeps_out_nobody_who_is_remembered() {
    let folder = folder();
    // A cost at which one comparison takes long.
    let hash = bcrypt::hash("s3cret", 8).unwrap();
    let (program, address) = exporter(&folder, &format!("basic_auth_users: {{ ana: {hash} }}\n"));
    let asks = |credentials: &str| {
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n\r\n")
    };
    let good = asks("YW5hOnMzY3JldA==");
    let once = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SCRAPE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        statuses(&String::from_utf8_lossy(&start))
    };
    assert_eq!(once(&good), [200]);
    assert_eq!(once(&asks("ZXZhOnMzY3JldA==")), [401]);
    // Wrong passwords of known and unknown users, on many connections.
    let guesses = crowd(address, 200, asks("ZXZhOng=").as_bytes());
    let more = crowd(address, 200, asks("YW5hOng=").as_bytes());
    for _ in 0..5 {
        assert_eq!(once(&good), [200]);
    }
    drop((guesses, more));
    let (status, body) = get(&address.to_string(), "/metrics").unwrap();
    assert_eq!(status, 401);
    assert!(!body.contains("wolkvox_"));
    let log = program.err.text();
    assert!(!log.contains("s3cret") && !log.contains(&hash), "{log}");
    ends_well(program);
}
