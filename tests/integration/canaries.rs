//! Nobody's private data, and no token, in anything that the program gives out.
//!
//! A server answers with private values in every column and in every place where a server may put words; each stands
//! in one place only. Then everything the program wrote, served, printed and kept is searched for all of them.

pub(crate) mod columns;
mod faults;
mod planted;
mod search;
pub(crate) mod upstream;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tempfile::TempDir;
use wolkvox_exporter::config::{Environment as _, ProcessEnvironment};

use crate::program::{Program, ZONE, configured, days_ago, nowhere, serve, serve_with};
use columns::{dated, plain, planted};
use planted::Planter;
use search::Search;
use upstream::{Upstream, answer, no_rows, rows};

/// What has been given out: where, and the bytes.
type Outputs = Vec<(String, Vec<u8>)>;

/// Every word that would make a library below us talk.
const TALK: [(&str, &str); 4] = [
    ("RUST_LOG", "trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,h2=trace"),
    ("RUST_BACKTRACE", "full"),
    ("RUST_LIB_BACKTRACE", "full"),
    ("SSLKEYLOGFILE", "sslkeys"),
];

const REPORTS: [&str; 8] =
    ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4", "skill_1", "skills", "token_info"];

/// Everything is asked at once, not spread over minutes, and nothing has to be sealed before it is shown.
const SWIFT: &str = "  reports:
    skill_6: { interval: 1s, settle: 48h }
    diagram_1_2: { interval: 1s, settle: 48h }
    diagram_3: { interval: 1s, settle: 48h }
    cdr_1: { interval: 1s, settle: 48h }
    diagram_4: { interval: 1s, settle: 48h }
";

/// A server full of canaries, and a folder with the configuration that asks it.
struct World {
    planter: Planter,
    upstream: Upstream,
    folder: TempDir,
    /// The operations of which every reading fails.
    faults: Vec<String>,
    variable: String,
}

impl World {
    /// `helpers`: whether helper calls work where the reports fail; they come first, and delay them when they do not.
    fn new(helpers: bool) -> World {
        let mut planter = Planter::default();
        let rows_of: Vec<(String, Vec<serde_json::Value>)> =
            REPORTS.iter().map(|report| ((*report).to_owned(), planted(report, &mut planter))).collect();
        let callers: Vec<_> = (0..40).map(|_| caller(&mut planter, "dnis of callers", 1)).collect();
        let agents: Vec<_> = (0..3)
            .map(|_| {
                let mut row = plain("cdr_1");
                row["agent_id"] = planter.phone("cdr_1.agent_id with agents: true").into();
                row["conn_id"] = planter.call_id("cdr_1.conn_id with agents: true").into();
                row
            })
            .collect();
        let good: Vec<(String, String)> = ["rows", "callers", "people"]
            .map(|name| (name.to_owned(), planter.token(&format!("token of {name}"))))
            .into();
        let mut faults = Vec::new();
        let upstream = Upstream::start(|port| {
            faults = faults::all(&mut planter, port);
            let wrong: Vec<(String, Vec<u8>)> =
                faults.iter().map(|fault| (fault.operation.clone(), fault.answer.clone())).collect();
            Box::new(move |asked| {
                if let Some((_, answer)) = wrong.iter().find(|(name, _)| *name == asked.operation) {
                    return match asked.report.as_str() {
                        "token_info" if helpers => rows(&[plain("token_info")]),
                        "skills" if helpers => no_rows(),
                        _ => answer.clone(),
                    };
                }
                let planted = rows_of.iter().find(|(report, _)| *report == asked.report);
                match (asked.operation.as_str(), asked.report.as_str(), planted) {
                    ("rows", _, Some((_, planted))) => rows(&dated(planted, asked.middle())),
                    ("callers", "skill_6", _) => rows(&callers),
                    ("people", "cdr_1", _) => rows(&dated(&agents, asked.middle())),
                    ("callers" | "people", "token_info", _) => rows(&[plain("token_info")]),
                    _ => no_rows(),
                }
            })
        });
        let folder = tempfile::tempdir().unwrap();
        let mut config =
            format!("defaults:\n  timezone: {ZONE}\n  count_from: {}\n{SWIFT}operations:\n", days_ago(1));
        let faults = faults.into_iter().map(|fault| (fault.operation, fault.token));
        let all: Vec<(String, String)> = good.into_iter().chain(faults).collect();
        let faults = all[3..].iter().map(|(name, _)| name.clone()).collect();
        let mut variable = String::new();
        for (name, token) in &all {
            let more = match name.as_str() {
                "rows" => "    dnis: { allow: [\"601\"] }\n",
                "callers" => "    skills: [\"101\"]\n",
                "people" => "    skills: [\"101\"]\n    reports: { cdr_1: { agents: true } }\n",
                _ => "    skills: [\"101\"]\n",
            };
            let origin = if name == "callers" {
                variable.clone_from(token);
                "token_env: CALLERS_TOKEN".to_owned()
            } else {
                let path = folder.path().join(format!("{name}.token"));
                fs::write(&path, format!("{token}\n")).unwrap();
                // One of them is open to all, so that the warning about it is searched too.
                let mode = if name == "rows" { 0o644 } else { 0o600 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                format!("token_file: {name}.token")
            };
            config.push_str(&format!(
                "  - name: {name}\n    base_url: {}\n    {origin}\n{more}",
                upstream.base_url(name)
            ));
        }
        fs::write(folder.path().join("wolkvox.yml"), &config).unwrap();
        let few = config.find("  - name: status-400").unwrap();
        fs::write(folder.path().join("good.yml"), &config[..few]).unwrap();
        World { planter, upstream, folder, faults, variable }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command in the world's environment.
    fn start(&self, config: &str, arguments: &[&str]) -> Program {
        let config = format!("--config.file={}", self.path(config));
        let variables: Vec<(&str, &str)> =
            TALK.into_iter().chain([("CALLERS_TOKEN", self.variable.as_str())]).collect();
        Program::start(&[arguments, &[&config]].concat(), &variables)
    }

    fn search(&self) -> Search {
        Search::of(self.planter.canaries.iter())
    }

    /// The ledger remembers which skills the vendor lists, to ask for them again; skills are not persons.
    fn search_of_files(&self) -> Search {
        let is_skill = |place: &str| ["skills.skill_id", "skill_1.skill_id"].contains(&place);
        Search::of(self.planter.canaries.iter().filter(|canary| !is_skill(&canary.place)))
    }
}

/// A row of `skill_6` with a caller's number as its DNIS.
fn caller(planter: &mut Planter, place: &str, calls: u32) -> serde_json::Value {
    let calls = calls.to_string();
    json!({
        "dnis": planter.phone(place),
        "inbound_calls": calls, "answer_calls": calls, "abandon_calls": "0",
        "service_level_10seg": "100 %", "service_level_20seg": "100 %", "service_level_30seg": "100 %",
        "abandon": "0 %", "asa": "3", "ata": "-",
    })
}

/// A whole HTTP answer, head and body, the body decoded where it is compressed.
fn fetch(address: &str, method: &str, path: &str, headers: &[&str]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let split = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    if head.to_lowercase().contains("content-encoding: gzip") {
        let mut decoded = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[split..]).read_to_end(&mut decoded).unwrap();
        bytes.extend_from_slice(&decoded);
    }
    (head, bytes)
}

/// Every answer of a running exporter.
fn answers(address: &str) -> Outputs {
    const OPENMETRICS: &str = "Accept: application/openmetrics-text; version=1.0.0";
    let mut outputs = Vec::new();
    let paths = [
        "/",
        "/metrics",
        "/metrics?operation=rows",
        "/metrics?operation=callers",
        "/metrics?operation=nobody",
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/-/config",
        "/-/quit",
        "/config",
        "/status",
        "/api/v1/status",
        "/debug/pprof/",
        "/debug",
        "/truth",
        "/control",
        "/nothing",
    ];
    for path in paths {
        for (method, headers) in [
            ("GET", &[][..]),
            ("GET", &[OPENMETRICS]),
            ("GET", &["Accept-Encoding: gzip"]),
            ("HEAD", &[]),
            ("POST", &["Content-Length: 0"]),
            ("OPTIONS", &[]),
            ("TRACE", &[]),
        ] {
            let (_, bytes) = fetch(address, method, path, headers);
            assert!(!bytes.is_empty(), "{method} {path} is not answered");
            outputs.push((format!("{method} {path} {headers:?}"), bytes));
        }
    }
    outputs
}

/// Every file below a folder but the tokens, and every name.
fn files(folder: &Path) -> Outputs {
    let mut outputs = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        outputs.push(("the name of a file".to_owned(), path.to_str().unwrap().as_bytes().to_vec()));
        if path.is_dir() {
            outputs.extend(files(&path));
        } else if path.extension().is_none_or(|end| end != "token") {
            outputs.push((
                format!("the file {}", path.file_name().unwrap().display()),
                fs::read(&path).unwrap(),
            ));
        }
    }
    outputs
}

/// How the process looks from outside: its arguments and those of its children.
fn processes(program: &Program) -> Outputs {
    let pid = program.child.id();
    let mut outputs = vec![
        ("the arguments".to_owned(), fs::read(format!("/proc/{pid}/cmdline")).unwrap()),
        ("the name of the process".to_owned(), fs::read(format!("/proc/{pid}/comm")).unwrap()),
    ];
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let path = task.unwrap().path();
        // A thread may have ended meanwhile.
        let children = fs::read_to_string(path.join("children")).unwrap_or_default();
        assert_eq!(children, "", "it starts other programs");
        outputs.push(("the name of a thread".to_owned(), fs::read(path.join("comm")).unwrap_or_default()));
    }
    outputs
}

fn log_of(name: &str, out: &str, err: &str) -> Outputs {
    vec![
        (format!("the standard output of {name}"), out.as_bytes().to_vec()),
        (format!("the log of {name}"), err.as_bytes().to_vec()),
    ]
}

#[test]
fn nothing_private_leaves_a_running_exporter_by_any_way() {
    let world = World::new(true);
    let search = world.search();
    let mut program = world.start(
        "wolkvox.yml",
        &[
            "serve",
            "--storage.path",
            &world.path("data"),
            "--web.listen-address=127.0.0.1:0",
            "--web.zero-hold=0s",
            "--web.enable-lifecycle",
            "--log.level=debug",
        ],
    );
    let address = program.address();
    // All of it has been met: rows counted, numbers withdrawn, and every fault told.
    let of = |series: &str, operation: &str| series.contains(&format!("operation=\"{operation}\""));
    let samples = program.metrics(&address, "the rows and all failures", |samples| {
        let has = |family: &str, operation: &str| {
            let is = |series: &str| series.starts_with(family) && of(series, operation);
            samples.0.iter().any(|(series, value)| is(series) && *value > 0.0)
        };
        let families = [
            "wolkvox_inbound_calls_total",
            "wolkvox_ivr_calls_total",
            "wolkvox_callback_offers_total",
            "wolkvox_cdr_calls_total",
            "wolkvox_survey_duration_seconds_count",
        ];
        let missing: Vec<String> = world
            .faults
            .iter()
            .filter(|fault| {
                // A 404 in the vendor's envelope is an answer without rows, and a broken character costs itself only.
                let is_read = ["status-404", "control-in-text", "not-UTF-8"].contains(&fault.as_str());
                let family =
                    if is_read { "wolkvox_report_reads_total" } else { "wolkvox_report_read_failures_total" };
                !has(family, fault)
            })
            .cloned()
            .chain(families.iter().filter(|family| !has(family, "rows")).map(ToString::to_string))
            .collect();
        missing.is_empty()
            && has("wolkvox_cdr_calls_total", "people")
            && has("wolkvox_inbound_calls_total", "callers")
    });
    // What may be shown is shown, so that searching is not vain.
    for shown in [
        "cod_act=\"400\"",
        "skill_name=\"VENTAS\"",
        "destination=\"movil\"",
        "result=\"complete\"",
        "dnis=\"601\"",
        "agent_id=\"other\"",
    ] {
        assert!(samples.0.keys().any(|series| series.contains(shown)), "{shown}");
    }
    let mut outputs = answers(&address);
    outputs.extend(processes(&program));
    program.terminate();
    let (status, out, err) = program.end();
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(err.contains("level=debug"), "{err}");
    assert!(err.contains("could not read"), "{err}");
    outputs.extend(log_of("serve", &out, &err));
    search.assert_clean(&outputs);
    let kept = files(&world.folder.path().join("data"));
    assert!(kept.iter().any(|(name, bytes)| name == "the file ledger.redb" && bytes.len() > 10_000));
    world.search_of_files().assert_clean(&kept);
    // The token goes out in its header alone, and nowhere else than where it belongs.
    for asked in world.upstream.asked() {
        assert_ne!(asked.operation, "elsewhere", "a redirect was followed");
        let (line, _) = asked.head.split_once("\r\n").unwrap();
        assert!(search.found(line.as_bytes()).iter().all(|leak| !leak.contains("token")), "{line}");
    }
}

#[test]
fn nothing_private_is_printed_by_any_command() {
    let world = World::new(false);
    let search = world.search();
    let mut outputs = Outputs::new();
    let (data, out) = (world.path("data"), world.path("dashboards"));
    let (from, to) = (days_ago(3), days_ago(2));
    let logged = ["--storage.path", &data, "--log.level=debug", "--log.format=json"];
    let past = [&["backfill", "--from", &from, "--to", &to][..], &logged].concat();
    let commands: [(&str, &[&str]); 7] = [
        ("wolkvox.yml", &["check"]),
        ("wolkvox.yml", &["check", "--effective"]),
        ("wolkvox.yml", &["check", "--live", "--storage.path", &data]),
        ("wolkvox.yml", &["plan"]),
        ("good.yml", &[&["once", "--format=openmetrics"][..], &logged].concat()),
        ("good.yml", &[&past[..], &["--operation=people"]].concat()),
        ("good.yml", &[&past[..], &["--operation=rows"]].concat()),
    ];
    let running = commands.map(|(config, command)| (command, world.start(config, command)));
    for (command, program) in running {
        let (_, out, err) = program.end();
        assert!(!out.is_empty() || !err.is_empty(), "{command:?}");
        outputs.extend(log_of(&command.join(" "), &out, &err));
    }
    for command in [&["metrics"][..], &["dashboards", "--out", &out], &["--version"], &["--help"]] {
        let (_, out, err) = Program::start(command, &[("WOLKVOX_TOKEN", &world.variable)]).end();
        outputs.extend(log_of(&command.join(" "), &out, &err));
    }
    let said = |name: &str, words: &str| {
        outputs
            .iter()
            .any(|(output, bytes)| output.contains(name) && String::from_utf8_lossy(bytes).contains(words))
    };
    assert!(said("check --live", "rows: ok"), "{outputs:?}");
    assert!(said("check --live", "status-401: failed (auth)"));
    assert!(said("once", "wolkvox_cdr_calls_total"));
    assert!(said("backfill", "wolkvox_cdr_calls_total"));
    search.assert_clean(&outputs);
    world.search_of_files().assert_clean(&files(world.folder.path()));
}

/// The bytes of the ledger while the program runs and after it has ended.
fn ledger_of(world: &Path) -> Outputs {
    files(&world.join("data"))
}

#[test]
fn callers_numbers_that_were_let_in_leave_the_ledger_when_they_are_withdrawn() {
    let mut planter = Planter::default();
    // Too few for their calls to be noticed, then too many for a day. They fill more pages than the few writes that
    // follow their withdrawal would use again.
    let few: Vec<_> = (0..120).map(|_| caller(&mut planter, "dnis of the first callers", 10)).collect();
    let first = Search::of(&planter.canaries);
    let many: Vec<_> = (0..120).map(|_| caller(&mut planter, "dnis of all callers", 1)).collect();
    let many = [few.clone(), many].concat();
    let grown = Arc::new(AtomicBool::new(false));
    let upstream = Upstream::start({
        let grown = Arc::clone(&grown);
        move |_| {
            Box::new(move |asked| match asked.report.as_str() {
                "skill_6" => rows(if grown.load(Ordering::SeqCst) { &many } else { &few }),
                "token_info" => rows(&[plain("token_info")]),
                _ => no_rows(),
            })
        }
    });
    let folder = configured(
        &upstream.base_url("acme"),
        "t0ken",
        &format!(
            "    skills: [\"101\"]\n    count_from: {}\n    reports: {{ skill_6: {{ interval: 1s }} }}\n",
            days_ago(0)
        ),
    );
    let mut program = serve(folder.path());
    let address = program.address();
    program.metrics(&address, "the first callers", |samples| {
        samples.sum("wolkvox_inbound_calls_total") == 1_200.0
    });
    assert!(
        !ledger_of(folder.path()).iter().all(|(_, bytes)| first.found(bytes).is_empty()),
        "they were let in"
    );
    grown.store(true, Ordering::SeqCst);
    let samples = program
        .metrics(&address, "all callers", |samples| samples.sum("wolkvox_inbound_calls_total") == 120.0);
    assert!(!samples.0.keys().any(|series| series.contains("dnis=\"5")), "{:?}", samples.0.keys());
    let search = Search::of(&planter.canaries);
    search.assert_clean(&ledger_of(folder.path()));
    search.assert_clean(&answers(&address));
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
    search.assert_clean(&ledger_of(folder.path()));
    // And the calls are still there, but for those of the withdrawn series.
    let mut again = serve(folder.path());
    let address = again.address();
    let samples = again
        .metrics(&address, "all callers again", |samples| samples.sum("wolkvox_inbound_calls_total") > 0.0);
    assert_eq!(samples.sum("wolkvox_inbound_calls_total"), 120.0);
}

/// A configuration in which a token has been pasted into this place, and how it is to be called.
const PASTED: [(&str, &str); 21] = [
    ("under `token`", "token: PASTED"),
    ("under `wolkvox-token`", "wolkvox-token: PASTED"),
    ("as the name of a key", "PASTED: 1"),
    ("under `token_file`", "token_file: PASTED"),
    ("under `token_env`", "token_env: PASTED"),
    ("under `server`", "server: PASTED"),
    ("before the host", "base_url: https://user:PASTED@example.com/api/v2/"),
    ("in a query", "base_url: https://example.com/api/v2/?token=PASTED"),
    ("as a host", "base_url: PASTED"),
    ("as a scheme", "base_url: PASTED://example.com/"),
    ("under `timezone`", "timezone: PASTED"),
    ("under `currency`", "currency: PASTED"),
    ("under `daily_requests`", "daily_requests: PASTED"),
    ("under `count_from`", "count_from: PASTED"),
    ("under `skills`", "skills: PASTED"),
    ("under `reports`", "reports: { PASTED: off, skill_6: { interval: PASTED } }"),
    ("under `targets`", "targets: [ { skills: [\"101\"], within: PASTED, abandon: PASTED } ]"),
    ("under `business_hours`", "business_hours: [ { skills: PASTED, days: PASTED, hours: PASTED } ]"),
    ("in broken YAML", "token_file: \"PASTED"),
    ("behind a tab", "\tPASTED: x"),
    ("as a tag", "token_file: !PASTED x"),
];

#[test]
fn a_token_in_the_wrong_place_is_refused_and_not_repeated() {
    let mut planter = Planter::default();
    let folder = tempfile::tempdir().unwrap();
    let mut outputs = Outputs::new();
    for (place, line) in PASTED {
        let token = planter.token(place);
        // A token without its padding can stand in a URL and as a key.
        let line = line.replace("PASTED", token.trim_end_matches('='));
        let key = line.split(':').next().unwrap();
        let rest: String =
            [("token_env", "T"), ("base_url", "http://127.0.0.1:1/api/v2/"), ("timezone", ZONE)]
                .iter()
                .filter(|(name, _)| *name != key && !(key == "server" && *name == "base_url"))
                .filter(|(name, _)| !(key.starts_with("token_") && *name == "token_env"))
                .map(|(name, value)| format!("    {name}: {value}\n"))
                .collect();
        let file = folder.path().join("wolkvox.yml");
        fs::write(&file, format!("operations:\n  - name: acme\n{rest}    {line}\n")).unwrap();
        for command in ["check", "serve", "plan"] {
            let data = folder.path().join("data");
            let mut arguments = vec![command, "--config.file", file.to_str().unwrap()];
            if command == "serve" {
                // Where nothing is wrong with it, it ends because the address is nobody's.
                arguments.extend([
                    "--storage.path",
                    data.to_str().unwrap(),
                    "--web.listen-address=192.0.2.1:1",
                ]);
            }
            let (status, out, err) = Program::start(&arguments, &[("T", "0123456789abcdef")]).end();
            if command == "check" {
                assert_eq!(status.code(), Some(1), "{place}: {out}{err}");
                assert!(err.len() + out.len() > 20, "{place}: nothing said");
            }
            outputs.extend(log_of(&format!("{command} with a token {place}"), &out, &err));
        }
    }
    for (place, variable) in [
        ("in WOLKVOX_SERVER", "WOLKVOX_SERVER"),
        ("in WOLKVOX_BASE_URL", "WOLKVOX_BASE_URL"),
        ("in WOLKVOX_TOKEN_FILE", "WOLKVOX_TOKEN_FILE"),
        ("in WOLKVOX_TIMEZONE", "WOLKVOX_TIMEZONE"),
        ("in WOLKVOX_TOKEN, in pieces", "WOLKVOX_TOKEN"),
    ] {
        let token = planter.token(place);
        let token = if variable == "WOLKVOX_TOKEN" { format!("{token} {token}") } else { token };
        let mut variables =
            vec![("WOLKVOX_BASE_URL", "http://127.0.0.1:1/api/v2/"), ("WOLKVOX_TIMEZONE", ZONE)];
        variables.retain(|(name, _)| {
            *name != variable && !(variable == "WOLKVOX_SERVER" && *name == "WOLKVOX_BASE_URL")
        });
        variables.push((variable, &token));
        let (status, out, err) = Program::start(&["check"], &variables).end();
        assert_eq!(status.code(), Some(1), "{place}: {out}{err}");
        outputs.extend(log_of(&format!("check with a token {place}"), &out, &err));
    }
    for (place, make) in [
        ("as a command", (|token| vec![token]) as fn(String) -> Vec<String>),
        ("as an argument", |token| vec!["serve".to_owned(), token]),
        ("behind --token", |token| vec!["--token".to_owned(), token]),
        ("with --token=", |token| vec![format!("--token={token}")]),
        ("with --wolkvox.token=", |token| vec!["check".to_owned(), format!("--wolkvox.token={token}")]),
    ] {
        let arguments = make(planter.token(place));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (status, out, err) = Program::start(&arguments, &[]).end();
        assert_eq!(status.code(), Some(2), "{place}: {out}{err}");
        assert!(err.contains("a token stands in a file or in an environment variable"), "{place}: {err}");
        outputs.extend(log_of(&format!("the program with a token {place}"), &out, &err));
    }
    Search::of(&planter.canaries).assert_clean(&outputs);
}

#[test]
fn passwords_of_the_web_are_in_no_answer_and_no_log() {
    let mut planter = Planter::default();
    let folder = configured(&nowhere(), "t0ken", "");
    let web = folder.path().join("web.yml");
    let mut outputs = Outputs::new();
    for (place, text) in [
        ("as a hash", "basic_auth_users: { prometheus: PASTED }"),
        ("as a user", "basic_auth_users: { PASTED: x }"),
        ("as a key", "PASTED: x"),
        ("as a certificate", "tls_server_config: { cert_file: PASTED, key_file: PASTED }"),
        ("as a header", "http_server_config: { headers: { Strict-Transport-Security: [PASTED] } }"),
        ("in broken YAML", "basic_auth_users: { prometheus: \"PASTED }"),
    ] {
        fs::write(&web, text.replace("PASTED", &planter.word(place))).unwrap();
        let config = folder.path().join("wolkvox.yml");
        let arguments =
            ["check", "--config.file", config.to_str().unwrap(), "--web.config.file", web.to_str().unwrap()];
        let (status, out, err) = Program::start(&arguments, &[]).end();
        assert_eq!(status.code(), Some(1), "{place}: {out}{err}");
        outputs.extend(log_of(&format!("check with a password {place}"), &out, &err));
    }
    let password = planter.word("the password");
    let hash = bcrypt::hash(&password, 4).unwrap();
    planter.canaries.push(planted::Canary { place: "the hash".to_owned(), core: hash.clone() });
    fs::write(&web, format!("basic_auth_users:\n  prometheus: \"{hash}\"\n")).unwrap();
    let mut program =
        serve_with(folder.path(), &["--web.config.file", web.to_str().unwrap(), "--log.level=debug"]);
    let address = program.address();
    let offered = [
        format!("prometheus:{password}"),
        format!("prometheus:{}", planter.word("a wrong password")),
        format!("{}:x", planter.word("a wrong user")),
        planter.word("no colon"),
    ];
    for (number, pair) in offered.iter().enumerate() {
        let header = format!(
            "Authorization: Basic {}",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair)
        );
        let (head, bytes) = fetch(&address, "GET", "/", &[&header]);
        assert!(
            head.starts_with(if number == 0 { "HTTP/1.1 200" } else { "HTTP/1.1 401" }),
            "{pair}: {head}"
        );
        outputs.push((format!("the page for {number}"), bytes));
    }
    let bearer = format!("Authorization: Bearer {}", planter.word("a bearer"));
    let cookie = format!("Cookie: {}", planter.word("a cookie"));
    outputs.push(("an answer".to_owned(), fetch(&address, "GET", "/metrics", &[&bearer, &cookie]).1));
    program.terminate();
    let (_, out, err) = program.end();
    outputs.extend(log_of("serve", &out, &err));
    outputs.extend(ledger_of(folder.path()));
    Search::of(&planter.canaries).assert_clean(&outputs);
}

#[test]
fn a_panic_is_told_by_its_place_and_not_by_its_words() {
    const CHILD: &str = "WOLKVOX_TEST_PANIC";
    if let Some(words) = ProcessEnvironment.text(CHILD) {
        use wolkvox_exporter::commands::arguments::{Format, Level, Logging};
        let logging = Logging { level: Level::Debug, format: Format::Logfmt };
        wolkvox_exporter::commands::logging::start(&logging).unwrap();
        panic!("{words}");
    }
    let mut planter = Planter::default();
    let words = format!("{} {}", planter.phone("a panic"), planter.word("a panic"));
    let me = "canaries::a_panic_is_told_by_its_place_and_not_by_its_words";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([me, "--exact", "--nocapture"])
        .env(CHILD, &words)
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("a panic, which is a bug") && told.contains("canaries.rs"), "{told}");
    Search::of(&planter.canaries).assert_clean(&log_of(
        "a panic",
        &String::from_utf8_lossy(&output.stdout),
        &told,
    ));
}

#[test]
fn a_token_file_of_any_kind_is_judged_and_never_waited_for() {
    let folder = configured("http://127.0.0.1:1/api/v2/", "t0ken", "");
    let token = folder.path().join("token");
    let check = || {
        let config = folder.path().join("wolkvox.yml");
        let (status, out, err) =
            Program::start(&["check", "--config.file", config.to_str().unwrap()], &[]).end();
        (status.code(), out + &err)
    };
    let mode = |mode: u32| fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
    for (open_to, warned) in [(0o600, false), (0o400, false), (0o440, false), (0o644, true), (0o604, true)] {
        mode(open_to);
        let (code, said) = check();
        assert_eq!(code, Some(0), "{open_to:o}: {said}");
        assert_eq!(said.contains("can be read by every user"), warned, "{open_to:o}: {said}");
    }
    mode(0o600);
    for (what, bytes, wanted) in [
        ("empty", &b""[..], "empty"),
        ("only newlines", b"\n\n\r\n", "empty"),
        ("two lines", b"one\ntwo\n", "several lines"),
        ("a key and a value", b"token: abc\n", "spaces"),
        ("in quotes", b"\"abc\"\n", "in quotes"),
        ("binary", b"\xff\xfe\x00", "characters that no token has"),
        ("huge", &[b'a'; 100_000], "not a small regular file"),
    ] {
        fs::write(&token, bytes).unwrap();
        let (code, said) = check();
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(wanted) && said.contains("acme"), "{what}: {said}");
    }
    fs::remove_file(&token).unwrap();
    assert!(check().1.contains("no such file"));
    fs::create_dir(&token).unwrap();
    assert!(check().1.contains("not a small regular file"));
    fs::remove_dir(&token).unwrap();
    assert!(Command::new("mkfifo").arg(&token).status().unwrap().success());
    assert!(check().1.contains("not a small regular file"));
    fs::remove_file(&token).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &token).unwrap();
    assert!(check().1.contains("not a small regular file"));
}

#[test]
fn a_token_that_is_replaced_as_kubernetes_does_is_taken_without_a_restart() {
    let upstream = Upstream::start(|_| {
        Box::new(|asked| {
            let refused = br#"{"code":"403","error":"FORBIDDEN","msg":"PLEASE VALIDATE TOKEN","data":[]}"#;
            let head = asked.head.to_lowercase();
            match asked.report.as_str() {
                _ if !head.contains("wolkvox-token: second") => answer("403 Forbidden", &[], refused),
                "token_info" => rows(&[plain("token_info")]),
                _ => no_rows(),
            }
        })
    });
    let folder = configured(&upstream.base_url("acme"), "unused", "    skills: [\"101\"]\n");
    let path = |name: &str| folder.path().join(name);
    // A mounted Secret: the file is a link through a link to a folder, which alone is replaced.
    for (version, token) in [("..1", "first"), ("..2", "second")] {
        fs::create_dir(path(version)).unwrap();
        fs::write(path(version).join("token"), token).unwrap();
    }
    fs::remove_file(path("token")).unwrap();
    std::os::unix::fs::symlink("..1", path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", path("token")).unwrap();
    let mut program = serve(folder.path());
    let address = program.address();
    program.metrics(&address, "refusal", |samples| {
        samples.0.iter().any(|(series, value)| series.contains("reason=\"auth\"") && *value > 0.0)
    });
    std::os::unix::fs::symlink("..2", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    program.wait("the token to be taken", |program| {
        program.err.text().contains("the token has changed").then_some(())
    });
    program.metrics(&address, "success", |samples| {
        samples
            .value("wolkvox_report_last_success_timestamp_seconds{operation=\"acme\",report=\"token_info\"}")
            .is_some()
    });
    program.terminate();
    let (status, _, log) = program.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("second"), "{log}");
}
