//! Changes while running: what is read again is taken or refused as a whole, and no change of configuration counts a
//! call twice or makes a counter fall.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::canaries::columns::{dated, plain};
use crate::canaries::upstream::{Upstream, no_rows, rows};
use crate::program::{Program, Samples, ZONE, days_ago, serve_with};

/// A centre of which every number is known: calls by DNIS, and rows that are all there from the start.
struct Centre {
    upstream: Upstream,
    folder: TempDir,
    calls: Arc<AtomicI64>,
}

/// Calls of the second DNIS; those of the first are the centre's `calls`.
const SECOND: i64 = 10;
/// Rows of each report of rows.
const ROWS: usize = 6;

impl Centre {
    fn new() -> Centre {
        let calls = Arc::new(AtomicI64::new(20));
        let seen = Arc::clone(&calls);
        // Rows keep the date of the window that brought them first.
        let dates: Mutex<BTreeMap<(String, String), String>> = Mutex::default();
        let upstream = Upstream::start(|_| {
            Box::new(move |asked| {
                let report = asked.report.as_str();
                let mut dates = dates.lock().unwrap();
                let date = asked.middle().unwrap_or_default();
                let date = dates.entry((asked.operation.clone(), report.to_owned())).or_insert(date).clone();
                // All calls are of today: a day that is over has none.
                let is_over = asked.parameters.get("date_end").is_some_and(|end| end.ends_with("235959"));
                match report {
                    "skill_6" if is_over => no_rows(),
                    "token_info" => rows(&[plain("token_info")]),
                    "skill_6" => rows(&[level("601", seen.load(Ordering::SeqCst)), level("602", SECOND)]),
                    "cdr_1" | "diagram_3" | "diagram_4" => rows(&dated(&rows_of(report), Some(date))),
                    "diagram_1_2" => rows(&dated(&[plain("diagram_1_2")], Some(date))),
                    "skills" => rows(&[plain("skills")]),
                    _ => no_rows(),
                }
            })
        });
        Centre { upstream, folder: tempfile::tempdir().unwrap(), calls }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a configuration of these operations with their keys.
    fn write(&self, operations: &[(&str, &str)]) {
        let mut text = format!("defaults:\n  timezone: {ZONE}\n  count_from: {}\n", days_ago(1));
        text.push_str("operations:\n");
        for (name, keys) in operations {
            let token = self.path().join(format!("{name}.token"));
            if !token.exists() {
                fs::write(&token, format!("token-of-{name}")).unwrap();
            }
            let base_url = self.upstream.base_url(name);
            text.push_str(&format!(
                "  - name: {name}\n    base_url: {base_url}\n    token_file: {name}.token\n{keys}"
            ));
            for (report, more) in [("skill_6", ""), ("diagram_1_2", ""), ("diagram_3", ""), ("diagram_4", "")]
            {
                if report == "skill_6" {
                    text.push_str("    reports:\n");
                    if !keys.contains("# cdr_1") {
                        text.push_str("      cdr_1: { interval: 1s, settle: 72h }\n");
                    }
                }
                text.push_str(&format!("      {report}: {{ interval: 1s, settle: 72h{more} }}\n"));
            }
            if let Some((_, line)) = keys.split_once("# cdr_1: ") {
                text.push_str(&format!("      cdr_1: {}", line));
            }
        }
        fs::write(self.path().join("wolkvox.yml"), text).unwrap();
    }

    fn serve(&self) -> Program {
        serve_with(self.path(), &["--web.enable-lifecycle"])
    }
}

/// A row of `skill_6`: half of the calls answered in time.
fn level(dnis: &str, calls: i64) -> Value {
    json!({
        "dnis": dnis, "inbound_calls": calls.to_string(), "answer_calls": calls.to_string(), "abandon_calls": "0",
        "service_level_10seg": "50.00 %", "service_level_20seg": "50.00 %", "service_level_30seg": "100 %",
        "abandon": "0 %", "asa": "4", "ata": "-",
    })
}

fn rows_of(report: &str) -> Vec<Value> {
    let row = |number: usize| {
        let mut row = plain(report);
        for id in ["conn_id", "customer_id"] {
            if row.get(id).is_some() {
                row[id] = format!("1.{number}.1700000000.{number}").into();
            }
        }
        for (label, values) in [("cod_act", ["400", "401"]), ("destiny", ["movil", "tel 573001234567"])] {
            if row.get(label).is_some() {
                row[label] = values[number % 2].into();
            }
        }
        row
    };
    (0..ROWS).map(row).collect()
}

/// Status and body of a reload by HTTP.
fn reload(address: &str) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.post(format!("http://{address}/-/reload")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    })
}

fn hang_up(program: &Program) {
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

const GOOD: &str = "wolkvox_exporter_config_last_reload_successful";

/// The families whose sums are known, each with the labels that every operation's series have.
fn sums(samples: &Samples, operation: &str) -> BTreeMap<&'static str, f64> {
    let families = [
        "wolkvox_inbound_calls_total",
        "wolkvox_answer_wait_seconds_count",
        "wolkvox_ivr_calls_total",
        "wolkvox_callback_offers_total",
        "wolkvox_cdr_calls_total",
        "wolkvox_cdr_hang_ups_total",
        "wolkvox_survey_duration_seconds_count",
    ];
    let sum = |family: &str| {
        let start = format!("{family}{{operation=\"{operation}\"");
        samples.0.iter().filter(|(series, _)| series.starts_with(&start)).map(|(_, value)| value).sum()
    };
    families.map(|family| (family, sum(family))).into()
}

/// What the sums must be.
fn truth(first: i64) -> BTreeMap<&'static str, f64> {
    let calls = (first + SECOND) as f64;
    let rows = ROWS as f64;
    BTreeMap::from([
        ("wolkvox_inbound_calls_total", calls),
        ("wolkvox_answer_wait_seconds_count", calls),
        ("wolkvox_ivr_calls_total", 4.0),
        ("wolkvox_callback_offers_total", rows),
        ("wolkvox_cdr_calls_total", rows),
        ("wolkvox_cdr_hang_ups_total", rows),
        ("wolkvox_survey_duration_seconds_count", rows),
    ])
}

/// Series of counters that have been seen, none of which may fall.
#[derive(Default)]
struct Watch(BTreeMap<String, f64>);

impl Watch {
    fn look(&mut self, samples: &Samples, when: &str) {
        for (series, value) in &samples.0 {
            let name = series.split('{').next().unwrap();
            let of_report = ["inbound_", "answer", "abandon", "ivr", "callback_", "cdr", "survey"]
                .iter()
                .any(|part| name.strip_prefix("wolkvox_").is_some_and(|name| name.starts_with(part)));
            let counts = ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end));
            if of_report && counts {
                let before = self.0.insert(series.clone(), *value);
                assert!(
                    before.is_none_or(|before| *value >= before),
                    "{when}: {series} fell from {before:?} to {value}"
                );
            }
        }
    }
}

/// Reads of a report since the process started.
fn reads(samples: &Samples, operation: &str) -> f64 {
    let series = format!(
        "wolkvox_report_last_success_timestamp_seconds{{operation=\"{operation}\",report=\"skill_6\"}}"
    );
    samples.value(&series).unwrap_or_default()
}

/// Waits until the sums are the truth, watching every scrape on the way; then for another reading, which must not
/// change them.
fn agrees(
    program: &mut Program,
    address: &str,
    watch: &mut Watch,
    operation: &str,
    wanted: &BTreeMap<&'static str, f64>,
    when: &str,
) {
    let watch = Mutex::new(watch);
    let samples = program.metrics(address, when, |samples| {
        watch.lock().unwrap().look(samples, when);
        let found = sums(samples, operation);
        for (family, sum) in &found {
            assert!(*sum <= wanted[family], "{when}: {family} counted twice: {sum} for {}", wanted[family]);
        }
        found == *wanted
    });
    let last = reads(&samples, operation);
    let samples = program.metrics(address, when, |samples| reads(samples, operation) > last);
    watch.lock().unwrap().look(&samples, when);
    assert_eq!(sums(&samples, operation), *wanted, "{when}: after another reading");
}

#[test]
fn operations_come_go_and_come_back_with_their_ledger() {
    let centre = Centre::new();
    centre.write(&[("acme", "    skills: [\"101\"]\n")]);
    let mut program = centre.serve();
    let address = program.address();
    let mut watch = Watch::default();
    agrees(&mut program, &address, &mut watch, "acme", &truth(20), "at first");
    // A value that could be a person's number is counted once in its hour, however often it is read.
    let samples = program.metrics(&address, "one hidden value", |samples| {
        samples.sum("wolkvox_label_values_folded_total") > 0.0
    });
    assert_eq!(samples.sum("wolkvox_label_values_folded_total"), 1.0);

    centre.write(&[("acme", "    skills: [\"101\"]\n"), ("beta", "    skills: [\"101\"]\n")]);
    hang_up(&program);
    agrees(&mut program, &address, &mut watch, "beta", &truth(20), "another operation");
    agrees(&mut program, &address, &mut watch, "acme", &truth(20), "beside another operation");

    centre.write(&[("beta", "    skills: [\"101\"]\n")]);
    assert_eq!(reload(&address).0, 200);
    let samples = program.metrics(&address, "one operation less", |samples| {
        !samples.0.keys().any(|series| series.contains("operation=\"acme\""))
    });
    assert_eq!(sums(&samples, "beta"), truth(20));
    assert!(program.err.text().contains("removed; its ledger is kept"));

    // Calls that come while it is away are found when it is back; those it had are not counted again.
    centre.calls.store(25, Ordering::SeqCst);
    centre.write(&[("acme", "    skills: [\"101\"]\n"), ("beta", "    skills: [\"101\"]\n")]);
    hang_up(&program);
    agrees(&mut program, &address, &mut watch, "acme", &truth(25), "back again");
    agrees(&mut program, &address, &mut watch, "beta", &truth(25), "the other one");
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn no_change_of_labels_counts_twice_or_falls() {
    let centre = Centre::new();
    let changes = [
        ("as it is", "    skills: [\"101\"]\n"),
        ("only one DNIS", "    skills: [\"101\"]\n    dnis: { allow: [\"601\"] }\n"),
        ("another DNIS only", "    skills: [\"101\"]\n    dnis: { allow: [\"602\"] }\n"),
        ("no limit again", "    skills: [\"101\"]\n"),
        ("two DNIS at most", "    skills: [\"101\"]\n    dnis: { max: 2 }\n"),
        ("one value of every label", "    skills: [\"101\"]\n    labels: { max: 1 }\n"),
        ("with agents", "    skills: [\"101\"]\n    # cdr_1: { interval: 1s, settle: 72h, agents: true }\n"),
        ("without agents", "    skills: [\"101\"]\n"),
        (
            "other codes later",
            "    skills: [\"101\"]\n    # cdr_1: { interval: 1s, settle: 72h, coding_delay: 2h }\n",
        ),
    ];
    centre.write(&[("acme", changes[0].1)]);
    let mut program = centre.serve();
    let address = program.address();
    let mut watch = Watch::default();
    let mut calls = 20;
    for (when, keys) in changes {
        centre.write(&[("acme", keys)]);
        let (status, said) = reload(&address);
        assert_eq!(status, 200, "{when}: {said}");
        agrees(&mut program, &address, &mut watch, "acme", &truth(calls), when);
        calls += 2;
        centre.calls.store(calls, Ordering::SeqCst);
        agrees(&mut program, &address, &mut watch, "acme", &truth(calls), &format!("{when}, more calls"));
    }
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn skills_counted_together_and_apart_are_never_counted_in_both() {
    let centre = Centre::new();
    let mut program = {
        centre.write(&[("acme", "    skills: [\"101\"]\n")]);
        centre.serve()
    };
    let address = program.address();
    let mut watch = Watch::default();
    agrees(&mut program, &address, &mut watch, "acme", &truth(20), "one skill");
    for (when, keys) in [("all skills", "    skills: all\n"), ("one skill again", "    skills: [\"101\"]\n")]
    {
        centre.write(&[("acme", keys)]);
        assert_eq!(reload(&address).0, 200, "{when}");
        agrees(&mut program, &address, &mut watch, "acme", &truth(20), when);
    }
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn a_bad_configuration_changes_nothing_and_says_why() {
    let centre = Centre::new();
    let keys = "    skills: [\"101\"]\n";
    centre.write(&[("acme", keys)]);
    let web = centre.path().join("web.yml");
    fs::write(&web, "{}\n").unwrap();
    let mut program =
        serve_with(centre.path(), &["--web.enable-lifecycle", "--web.config.file", web.to_str().unwrap()]);
    let address = program.address();
    let mut watch = Watch::default();
    agrees(&mut program, &address, &mut watch, "acme", &truth(20), "at first");
    let config = centre.path().join("wolkvox.yml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(centre.path().join("bad.pem"), "no certificate").unwrap();
    let beta = format!(
        "{good}  - name: beta\n    base_url: {}\n    token_env: T\n",
        centre.upstream.base_url("beta")
    );
    for (text, web_text, wanted) in [
        (good.replace("skills:", "skils:"), "{}\n", "skils"),
        (format!("{good}\t"), "{}\n", "wolkvox.yml"),
        (String::new(), "{}\n", "operations"),
        (good.replace("/api/v2/", "/api/v2/report.php"), "{}\n", "base_url"),
        (beta.clone(), "basic_auth_users: { a: b }\n", "basic_auth_users"),
        (
            beta.clone(),
            "tls_server_config: { cert_file: bad.pem, key_file: bad.pem }\n",
            "cannot read the certificate",
        ),
        (beta, "nonsense: 1\n", "nonsense"),
    ] {
        fs::write(&config, &text).unwrap();
        fs::write(&web, web_text).unwrap();
        let (status, said) = reload(&address);
        assert_eq!(status, 500, "{wanted}: {said}");
        assert!(said.contains(wanted) && said.contains("stays as it was"), "{wanted}: {said}");
        program.wait("word in the log", |program| program.err.text().contains(wanted).then_some(()));
        let samples = program.metrics(&address, "failed reload", |samples| samples.value(GOOD) == Some(0.0));
        assert_eq!(sums(&samples, "acme"), truth(20));
        assert!(
            !samples.0.keys().any(|series| series.contains("operation=\"beta\"")),
            "half of {wanted} was taken"
        );
    }
    // A signal is no better a way in.
    hang_up(&program);
    fs::write(&config, &good).unwrap();
    fs::write(&web, "{}\n").unwrap();
    assert_eq!(reload(&address).0, 200);
    let samples = program.metrics(&address, "good reload", |samples| samples.value(GOOD) == Some(1.0));
    assert_eq!(sums(&samples, "acme"), truth(20));
    // Without its token an operation stays, and is told of.
    fs::remove_file(centre.path().join("acme.token")).unwrap();
    assert_eq!(reload(&address).0, 200);
    assert!(program.err.text().contains("no such file"), "{}", program.err.text());
    let samples = program.metrics(&address, "counters without a token", |_| true);
    assert_eq!(sums(&samples, "acme"), truth(20));
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn reloads_in_the_middle_of_everything_count_nothing_twice() {
    let centre = Centre::new();
    let keys = ["    skills: [\"101\"]\n", "    skills: [\"101\"]\n    dnis: { allow: [\"601\"] }\n"];
    centre.write(&[("acme", keys[0])]);
    let mut program = centre.serve();
    let address = program.address();
    let mut watch = Watch::default();
    for round in 0..12 {
        centre.calls.fetch_add(1, Ordering::SeqCst);
        centre.write(&[("acme", keys[round % 2])]);
        // Two at once by HTTP and one by signal, wherever the worker is.
        std::thread::scope(|scope| {
            let both = [0, 1].map(|_| scope.spawn(|| reload(&address)));
            hang_up(&program);
            for one in both {
                let (status, said) = one.join().unwrap();
                assert_eq!(status, 200, "{said}");
            }
        });
        let samples = program.metrics(&address, "a scrape", |_| true);
        watch.look(&samples, "between reloads");
    }
    agrees(&mut program, &address, &mut watch, "acme", &truth(32), "in the end");
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}
