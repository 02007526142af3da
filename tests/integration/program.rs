//! The program itself, as an operator runs it: arguments and variables in, lines, answers and exit codes out.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use wolkvox_exporter::api::Grain;
use wolkvox_exporter::time::{Clock, Stopwatch, Zone};

/// Generous: what is waited for takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
pub(crate) const GLANCE: Duration = Duration::from_millis(50);
pub(crate) const ZONE: &str = "America/Bogota";

/// The program itself.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_wolkvox_exporter");

/// A running program; killed when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) out: Lines,
    pub(crate) err: Lines,
}

/// What a program has written so far, and its reader.
pub(crate) struct Lines {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Lines {
        let text = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut text = written.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        Lines { text, reader: Some(reader) }
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }
}

impl Program {
    /// Starts the program in an environment of these variables only.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        Program::spawn(Command::new(EXECUTABLE).args(arguments).env_clear().envs(variables.iter().copied()))
    }

    /// Starts a command whose standard output and error are the program's.
    pub(crate) fn spawn(command: &mut Command) -> Program {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Program { child, out: Lines::of(out), err: Lines::of(err) }
    }

    /// Waits until `what` has something to say; fails with everything written when it never does.
    pub(crate) fn wait<T>(&mut self, what: &str, look: impl FnMut(&Program) -> Option<T>) -> T {
        self.wait_long(PATIENCE, what, look)
    }

    /// The same for what takes longer on a busy machine.
    pub(crate) fn wait_long<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut look: impl FnMut(&Program) -> Option<T>,
    ) -> T {
        let waited = Stopwatch::start();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            if waited.elapsed() > patience || ended.is_some() {
                panic!("no {what} ({ended:?})\n{}\n{}", self.out.text(), self.err.text());
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Where it listens, as its log says.
    pub(crate) fn address(&mut self) -> String {
        self.wait("address", |program| {
            let log = program.err.text();
            let line = log.lines().find(|line| line.contains("msg=listening "))?;
            let address = line.split("address=").nth(1)?.split(' ').next()?;
            Some(address.to_owned())
        })
    }

    /// Its `/metrics`, once they satisfy a condition.
    pub(crate) fn metrics(
        &mut self,
        address: &str,
        what: &str,
        is_enough: impl Fn(&Samples) -> bool,
    ) -> Samples {
        self.wait(what, |_| {
            let (status, body) = get(address, "/metrics")?;
            let samples = Samples::of(&body);
            (status == 200 && is_enough(&samples)).then_some(samples)
        })
    }

    /// The most memory it has ever held, in MiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end; returns how it ended and what was written.
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let waited = Stopwatch::start();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if waited.elapsed() < PATIENCE => std::thread::sleep(GLANCE),
                None => panic!("it does not end\n{}", self.err.text()),
            }
        };
        for lines in [&mut self.out, &mut self.err] {
            lines.reader.take().unwrap().join().unwrap();
        }
        (status, self.out.text(), self.err.text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Samples by series as they stand in the text format.
pub(crate) struct Samples(pub(crate) BTreeMap<String, f64>);

impl Samples {
    pub(crate) fn of(text: &str) -> Samples {
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        Samples(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    pub(crate) fn sum(&self, family: &str) -> f64 {
        let is_of = |series: &str| series.split('{').next() == Some(family);
        self.0.iter().filter(|(series, _)| is_of(series)).map(|(_, value)| value).sum()
    }

    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// Whether the last reading of everything succeeded.
    pub(crate) fn is_up(&self, operation: &str) -> bool {
        self.value(&format!("wolkvox_up{{operation=\"{operation}\"}}")) == Some(1.0)
    }
}

pub(crate) fn get(address: &str, path: &str) -> Option<(u16, String)> {
    block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("http://{address}{path}")).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    })
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

/// A simulated API of its own process, with its base URL and token.
pub(crate) struct Api {
    program: Program,
    pub(crate) base_url: String,
    pub(crate) token: String,
}

impl Api {
    /// Changes its switches and faults.
    pub(crate) fn control(&self, change: &serde_json::Value) {
        let change = change.to_string();
        let answer = block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            client.put(self.beside("control")).body(change).send().await.unwrap().text().await.unwrap()
        });
        assert!(!answer.contains("\"error\""), "{answer}");
    }

    /// The token of one of its operations.
    pub(crate) fn token_of(&self, operation: &str) -> String {
        let out = self.program.out.text();
        let start = format!("operation {operation} token ");
        out.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    }

    /// What it answers beside the API.
    pub(crate) fn look(&self, path: &str) -> serde_json::Value {
        let text = block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            client.get(self.beside(path)).send().await.unwrap().text().await.unwrap()
        });
        serde_json::from_str(&text).unwrap()
    }

    /// Requests that have reached it.
    pub(crate) fn requests(&self) -> u64 {
        let seen = self.look("control")["requests"].clone();
        let reports = seen.as_object().unwrap().values().filter_map(serde_json::Value::as_object);
        reports.flat_map(|reports| reports.values()).filter_map(serde_json::Value::as_u64).sum()
    }

    fn beside(&self, path: &str) -> String {
        self.base_url.replace("api/v2/", path)
    }
}

pub(crate) fn simulate(more: &[&str]) -> Api {
    let calls: &[&str] = if more.contains(&"--calls-per-day") { &[] } else { &["--calls-per-day", "400"] };
    let arguments = ["simulate", "--listen-address", "127.0.0.1:0"];
    let mut program = Program::start(&[&arguments, calls, more].concat(), &[]);
    let word = |after: &'static str| {
        move |program: &Program| {
            let out = program.out.text();
            out.lines().find_map(|line| line.split(after).nth(1).map(str::to_owned))
        }
    };
    let base_url = program.wait("base URL", word("base_url "));
    let token = program.wait("token", word(" token "));
    Api { program, base_url, token }
}

/// A folder with a configuration of one operation.
pub(crate) fn configured(base_url: &str, token: &str, keys: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), token).unwrap();
    let config = format!(
        "operations:\n  - name: acme\n    base_url: {base_url}\n    token_file: token\n    timezone: {ZONE}\n{keys}"
    );
    std::fs::write(folder.path().join("wolkvox.yml"), config).unwrap();
    folder
}

pub(crate) fn serve(folder: &Path) -> Program {
    serve_with(folder, &[])
}

/// The same with more flags.
pub(crate) fn serve_with(folder: &Path, more: &[&str]) -> Program {
    Program::spawn(Command::new(EXECUTABLE).args(serving(folder)).args(more).env_clear())
}

/// The arguments with which it serves from a folder.
pub(crate) fn serving(folder: &Path) -> [String; 5] {
    let under = |flag: &str, name: &str| format!("{flag}={}", folder.join(name).display());
    [
        "serve".to_owned(),
        under("--config.file", "wolkvox.yml"),
        under("--storage.path", "data"),
        "--web.listen-address=127.0.0.1:0".to_owned(),
        "--web.zero-hold=0s".to_owned(),
    ]
}

/// Some days ago in the zone of the operations.
pub(crate) fn days_ago(days: i32) -> String {
    let zone = Zone::named(ZONE).unwrap();
    let today = zone.bucket(Clock::real().now(), Grain::Day);
    wolkvox_exporter::time::Bucket::from_index(Grain::Day, today.index() - days).to_string()
}

/// A base URL at which nobody listens.
pub(crate) fn nowhere() -> String {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/api/v2/")
}

/// One family of each report that grows with every call.
const FIVE: [&str; 5] = [
    "wolkvox_inbound_calls_total",
    "wolkvox_ivr_calls_total",
    "wolkvox_callback_offers_total",
    "wolkvox_cdr_calls_total",
    "wolkvox_survey_duration_seconds_count",
];

#[test]
fn the_demonstration_shows_all_five_reports_and_says_what_to_open() {
    let mut demo = Program::start(&["demo", "--speed", "300", "--web.listen-address", "127.0.0.1:0"], &[]);
    let address = demo.address();
    let samples = demo.metrics(&address, "calls of all five reports", |samples| {
        FIVE.iter().all(|family| samples.sum(family) > 0.0)
    });
    assert!(samples.is_up("demo"));
    let told = demo.wait("invitation", |demo| Some(demo.out.text()).filter(|text| text.contains("Ctrl-C")));
    assert!(told.contains(&format!("http://{address}/ ")), "{told}");
    assert!(told.contains(&format!("curl -s http://{address}/metrics")), "{told}");
    let (status, page) = get(&address, "/").unwrap();
    assert_eq!(status, 200);
    assert!(page.contains("demo"), "{page}");
    demo.terminate();
    let (status, _, log) = demo.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn counters_go_on_where_they_were_after_a_restart_and_after_a_kill() {
    let api = simulate(&[]);
    let folder = configured(&api.base_url, &api.token, &format!("    count_from: {}\n", days_ago(2)));
    let mut counters: BTreeMap<String, f64> = BTreeMap::new();
    for life in 0..3 {
        let mut program = serve(folder.path());
        let address = program.address();
        // Prometheus may be first at the door: what it does not find has ended for it.
        let first = Samples::of(&get(&address, "/metrics").unwrap().1);
        let missing: Vec<&String> = counters
            .iter()
            .filter(|(series, before)| first.value(series).is_none_or(|value| value < **before))
            .map(|(series, _)| series)
            .collect();
        assert!(missing.is_empty(), "the first scrape of life {life} has no {missing:?}");
        let samples = program.metrics(&address, "counters of all five reports", |samples| {
            samples.is_up("acme") && FIVE.iter().all(|family| samples.sum(family) > 0.0)
        });
        for (series, value) in samples.0 {
            let name = series.split('{').next().unwrap();
            let of_report = ["inbound", "answer", "abandon", "ivr", "callback_", "cdr", "survey"]
                .iter()
                .any(|part| name.strip_prefix("wolkvox_").is_some_and(|name| name.starts_with(part)));
            let counts = ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end));
            if of_report && counts {
                let before = counters.insert(series.clone(), value);
                assert!(
                    before.is_none_or(|before| value >= before),
                    "{series} fell from {before:?} to {value}"
                );
            }
        }
        assert!(counters.len() > 100, "{counters:?}");
        if life == 1 {
            program.child.kill().unwrap();
            program.end();
        } else {
            program.terminate();
            let (status, out, log) = program.end();
            assert_eq!(status.code(), Some(0), "{log}");
            assert!(!log.contains(&api.token) && !out.contains(&api.token), "the token is in the log");
        }
    }
}

#[test]
fn variables_alone_are_enough_to_start() {
    let api = simulate(&[]);
    let data = tempfile::tempdir().unwrap();
    let mut program = Program::start(
        &[],
        &[
            ("WOLKVOX_BASE_URL", &api.base_url),
            ("WOLKVOX_TOKEN", &api.token),
            ("WOLKVOX_TIMEZONE", ZONE),
            ("WOLKVOX_OPERATION", "acme"),
            ("WOLKVOX_STORAGE_PATH", data.path().to_str().unwrap()),
            ("WOLKVOX_WEB_LISTEN_ADDRESS", "127.0.0.1:0"),
        ],
    );
    let address = program.address();
    let samples = program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
    assert_eq!(samples.sum("wolkvox_operation_info"), 1.0);
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn an_api_that_is_down_is_told_and_everything_else_is_served() {
    let token = "a-token-that-nobody-may-see";
    let folder = configured(&nowhere(), token, "");
    let mut program = serve(folder.path());
    let address = program.address();
    let samples = program.metrics(&address, "failed reading", |samples| {
        samples.sum("wolkvox_report_read_failures_total") > 0.0
    });
    assert_eq!(samples.value("wolkvox_up{operation=\"acme\"}"), Some(0.0));
    assert_eq!(samples.value("wolkvox_operation_info{operation=\"acme\",server=\"x\"}"), None);
    assert_eq!(samples.sum("wolkvox_inbound_calls_total"), 0.0);
    for path in ["/", "/-/healthy"] {
        let (status, body) = get(&address, path).unwrap();
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains(token), "{path}");
    }
    program.terminate();
    let asked = Stopwatch::start();
    let (status, _, log) = program.end();
    assert!(asked.elapsed() < Duration::from_secs(10), "the promise is ten seconds");
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("could not read"), "{log}");
    assert!(!log.contains(token), "the token is in the log");
}

#[test]
fn a_machine_without_certificates_is_told_so_and_still_asks_over_plain_http() {
    let address = nowhere();
    let data = tempfile::tempdir().unwrap();
    let check = |base_url: &str| {
        let program = Program::start(
            &["check", "--live"],
            &[
                ("SSL_CERT_FILE", "/dev/null"),
                ("SSL_CERT_DIR", "/dev/null"),
                ("WOLKVOX_BASE_URL", base_url),
                ("WOLKVOX_TOKEN", "0123456789abcdef"),
                ("WOLKVOX_TIMEZONE", ZONE),
                ("WOLKVOX_STORAGE_PATH", data.path().to_str().unwrap()),
            ],
        );
        let (status, out, _) = program.end();
        assert_eq!(status.code(), Some(1));
        out
    };
    let plain = check(&address);
    assert!(plain.contains("refused"), "{plain}");
    let secured = check(&address.replace("http://", "https://"));
    assert!(secured.contains("ca-certificates"), "{secured}");
}

#[test]
fn a_second_process_on_the_same_ledger_is_refused() {
    let folder = configured(&nowhere(), "t0ken", "");
    let mut first = serve(folder.path());
    first.address();
    let (status, _, log) = serve(folder.path()).end();
    assert_eq!(status.code(), Some(1), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.starts_with("wolkvox_exporter serve: "), "{log}");
    assert!(last.contains("data") && last.contains("process"), "says neither what nor why: {last}");
    first.terminate();
    assert_eq!(first.end().0.code(), Some(0));
}

#[test]
fn one_cycle_is_written_and_its_failures_fail() {
    let api = simulate(&[]);
    let once = |base_url: &str, token: &str| {
        let folder = configured(base_url, token, "");
        let (config, data) = (folder.path().join("wolkvox.yml"), folder.path().join("data"));
        let arguments =
            ["once", "--config.file", config.to_str().unwrap(), "--storage.path", data.to_str().unwrap()];
        Program::start(&arguments, &[]).end()
    };
    let (status, out, log) = once(&api.base_url, &api.token);
    assert_eq!(status.code(), Some(0), "{log}");
    let samples = Samples::of(&out);
    assert!(samples.is_up("acme"));
    assert!(out.contains("# TYPE wolkvox_inbound_calls_total counter"), "{out}");
    for (base_url, token) in [(nowhere(), api.token.as_str()), (api.base_url.clone(), "wrong")] {
        let (status, out, log) = once(&base_url, token);
        assert_eq!(status.code(), Some(1), "{log}");
        assert_eq!(Samples::of(&out).value("wolkvox_up{operation=\"acme\"}"), Some(0.0), "{out}");
        assert!(log.lines().last().unwrap_or_default().starts_with("wolkvox_exporter once: "), "{log}");
    }
}

#[test]
fn one_cycle_late_in_the_day_shows_all_of_the_day() {
    // Noon and later, so that the first hours have long settled, and no midnight is near.
    let zone = super::crash::afternoon();
    let api = simulate(&["--timezone", zone.name()]);
    let folder = configured(&api.base_url, &api.token, "");
    let file = folder.path().join("wolkvox.yml");
    let config = std::fs::read_to_string(&file).unwrap().replace(ZONE, zone.name());
    std::fs::write(&file, config).unwrap();
    let data = folder.path().join("data");
    let arguments =
        ["once", "--config.file", file.to_str().unwrap(), "--storage.path", data.to_str().unwrap()];
    let (status, out, log) = Program::start(&arguments, &[]).end();
    assert_eq!(status.code(), Some(0), "{log}");
    let samples = Samples::of(&out);
    for family in FIVE {
        assert!(samples.sum(family) > 0.0, "{family}\n{out}");
    }
    let owed = samples.0.iter().find(|(series, value)| series.contains("_buckets_owed") && **value > 0.0);
    assert_eq!(owed, None);
}

#[test]
fn mistakes_of_the_configuration_exit_1_and_those_of_usage_2() {
    let folder =
        configured("http://127.0.0.1:1/api/v2/", "t0ken", "    intervall: 5m\n    count_from: soon\n");
    for command in ["serve", "once", "check"] {
        let config = folder.path().join("wolkvox.yml");
        let (status, out, log) =
            Program::start(&[command, "--config.file", config.to_str().unwrap()], &[]).end();
        assert_eq!(status.code(), Some(1), "{command}: {log}");
        let told = out + &log;
        assert!(told.contains("intervall") && told.contains("count_from"), "{command}: {told}");
        assert!(!told.contains("t0ken"), "{command}: {told}");
    }
    let absent = folder.path().join("absent.yml");
    let (status, _, log) = Program::start(&["serve", "--config.file", absent.to_str().unwrap()], &[]).end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("absent.yml"), "{log}");
    for arguments in [&["serve", "--no-such-flag"][..], &["no-such-command"], &["demo", "--speed", "0"]] {
        let (status, _, log) = Program::start(arguments, &[]).end();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {log}");
        assert!(!log.is_empty(), "{arguments:?}");
    }
    let (status, out, _) = Program::start(&["--version"], &[]).end();
    assert_eq!(status.code(), Some(0));
    assert!(out.contains(env!("CARGO_PKG_VERSION")), "{out}");
}
