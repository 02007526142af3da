//! From a queue that melts down to the message on somebody's telephone: simulated centre, exporter, Prometheus with the
//! shipped rules, Alertmanager with the shipped example, and a webhook, all on the loopback interface.
//!
//! Rules look back over an hour and a week, so the hours before the present are lived through first, by a clock set by hand,
//! and stand in Prometheus as blocks. From there on an exporter lives sixty times faster than the machine's clock. Windows and
//! thresholds are the shipped ones. Shortened are only waits: rules are evaluated every second, there is no `for`, and
//! Alertmanager gathers for a second.

use std::fs::{self, File};
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use axum::extract::{Path as UrlPath, State};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::simulator::{self, Incident, Settings, Simulator, Traffic};
use wolkvox_exporter::time::{Clock, SignedDuration, Timestamp, Zone};

use crate::boards::backfill::{self, Times};
use crate::chronicle::{self, Chronicle, OPERATION};
use crate::prometheus::exporter::{Exporter, Orders};
use crate::prometheus::server::Prometheus;
use crate::prometheus::wait::until;
use crate::tools::{self, Tool};

/// The name of the test below, by which its program runs itself as the exporter.
const TEST: &str = "alerting::a_meltdown_and_a_dead_line_are_told_and_taken_back";

/// Centre seconds in a second; a reading every six seconds.
const SPEED: f64 = 60.0;
/// Seconds between two samples of the past.
const EVERY: i64 = 60;
const MINUTE: i64 = 60;
const WEEK: i64 = 7 * 86_400;

/// The skill whose queue melts down and recovers, the one whose queue does not, and the line of it that goes dead.
const SKILL: &str = "101";
const LOST: &str = "102";
const LINE: &str = "6017480102";

const KEYS: &str = "    targets: [{ skills: [\"*\"], service_level: 80%, within: 20s, abandon: 5% }]
    reports:
      skill_6: { interval: 6m, settle: 3h }
      diagram_1_2: off
      diagram_3: off
      cdr_1: off
      diagram_4: off";

/// A zone in which it is about eleven in the morning: no day ends on the way.
fn zone(now: Timestamp) -> String {
    let ahead = 11 - now.as_second().rem_euclid(86_400) / 3600;
    // Signs of these names are turned round.
    if ahead == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{:+}", -ahead) }
}

fn settings(zone: &Zone, seed: u64, present: Timestamp) -> Settings {
    let minutes = |minutes: i64| zone.civil(present + SignedDuration::from_mins(minutes));
    let meltdown = Incident {
        skill: Some(SKILL.to_owned()),
        from: minutes(-75),
        to: minutes(5),
        wait: 30.0,
        ..Incident::default()
    };
    let lost = Incident { skill: Some(LOST.to_owned()), to: minutes(600), ..meltdown.clone() };
    let dead =
        Incident { dnis: Some(LINE.to_owned()), from: minutes(-85), calls: 0.0, ..Incident::default() };
    let dead = Incident { to: minutes(5), ..dead };
    let traffic = Traffic {
        calls_per_day: 6000.0,
        skills: 2,
        dnis_per_skill: 2,
        outbound_share: 0.0,
        ivr_only_share: 0.0,
        callback_share: 0.0,
        survey_share: 0.0,
        withdrawn_share: 0.0,
        latest_seconds: 120,
        mean_wait_seconds: 4.0,
        weekdays: [1.0; 7],
        incidents: vec![meltdown, lost, dead],
        ..Traffic::default()
    };
    Settings { seed, timezone: zone.name().to_owned(), traffic, ..Settings::default() }
}

/// A centre that is calm once its troubles are over: now and then chance gives a skill a bad hour of its own.
fn calm(zone: &Zone, present: Timestamp) -> Settings {
    let minutes = |minutes: i64| zone.civil(present + SignedDuration::from_mins(minutes));
    let mut seeds = (1..).map(|seed| settings(zone, seed, present));
    let calm = |settings: &Settings| {
        let simulator = Simulator::new(settings.clone(), Clock::manual(present)).unwrap();
        let mut calls = simulator.calls(OPERATION, Some("skill_6"), minutes(6), minutes(120)).unwrap();
        calls.retain(|call| call.skill_id == SKILL);
        let good = |call: &&simulator::Call| call.what == "answered" && call.ms <= 20_000;
        calls.iter().filter(good).count() * 10 > calls.len() * 8
    };
    seeds.find(calm).unwrap()
}

/// Messages that arrived, each with the receiver it was for.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<Mutex<Vec<(String, Value)>>>);

impl Sink {
    async fn listen(&self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let take = |State(sink): State<Sink>, UrlPath(receiver): UrlPath<String>, body: bytes::Bytes| async move {
            let message = serde_json::from_slice(&body).unwrap();
            sink.0.lock().unwrap().push((receiver, message));
        };
        let app =
            axum::Router::new().route("/{receiver}", axum::routing::post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        format!("http://{address}")
    }

    /// The alert with this name and these labels, as the receiver was told of it in this state.
    fn told(&self, receiver: &str, status: &str, labels: &[(&str, &str)]) -> Option<Value> {
        let messages = self.0.lock().unwrap();
        let of = messages.iter().filter(|(to, _)| to == receiver);
        let mut alerts = of.flat_map(|(_, message)| message["alerts"].as_array().unwrap());
        let wanted = |alert: &&Value| {
            alert["status"] == status && labels.iter().all(|(label, value)| alert["labels"][label] == *value)
        };
        alerts.find(wanted).cloned()
    }

    /// What was told, in short.
    fn all(&self) -> String {
        let messages = self.0.lock().unwrap();
        let alerts = messages.iter().flat_map(|(to, message)| {
            let alerts = message["alerts"].as_array().unwrap().iter();
            alerts.map(move |alert| format!("{to}: {} {}", alert["status"], alert["annotations"]["summary"]))
        });
        alerts.collect::<Vec<_>>().join("\n")
    }
}

/// A running Alertmanager; killed when dropped.
#[derive(Debug)]
struct Alertmanager {
    child: Child,
    address: String,
    http: reqwest::Client,
}

impl Alertmanager {
    /// Starts it with the example, whose receivers are the sink.
    async fn start(tool: &Tool, folder: &Path, sink: &str) -> Alertmanager {
        let example = fs::read_to_string(shipped("alertmanager.example.yaml")).unwrap();
        let mut config = replaced(&example, "group_wait: 30s", "group_wait: 1s");
        config = replaced(&config, "group_interval: 5m", "group_interval: 1s");
        for receiver in ["operators", "supervisors", "planning"] {
            let hook = format!("- name: {receiver}\n    webhook_configs: [{{ url: \"{sink}/{receiver}\" }}]");
            config = replaced(&config, &format!("- name: {receiver}"), &hook);
        }
        let file = folder.join("alertmanager.yml");
        fs::write(&file, config).unwrap();
        let log = folder.join("alertmanager.log");
        let child = tool
            .command()
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.join("alertmanager").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut alertmanager = Alertmanager { child, address: String::new(), http };
        alertmanager.address = until("Alertmanager listens", || {
            let ended = alertmanager.child.try_wait().unwrap();
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "Alertmanager ended ({ended:?}):\n{said}");
            async move {
                let listening = said.lines().find(|line| line.contains("msg=\"Listening on\""));
                let address = listening.and_then(|line| line.split("address=").nth(1));
                address.map(|address| address.trim().to_owned()).ok_or(said.clone())
            }
        })
        .await;
        alertmanager
    }

    /// The alert as Alertmanager has it.
    async fn alert(&self, name: &str, labels: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("http://{}/api/v2/alerts", self.address);
        let answer = self.http.get(url).send().await.map_err(|why| why.to_string())?;
        let all: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let wanted = |alert: &&Value| {
            let is = |(label, value): &(&str, &str)| alert["labels"][label] == *value;
            alert["labels"]["alertname"] == name && labels.iter().all(is)
        };
        all.as_array().unwrap().iter().find(wanted).cloned().ok_or_else(|| format!("{name} is not in {all}"))
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards").join(path)
}

/// The text with every occurrence of something that must be there replaced.
fn replaced(text: &str, what: &str, with: &str) -> String {
    assert!(text.contains(what), "{what:?} is not there any more");
    text.replace(what, with)
}

/// The shipped rules beside each other in a folder, evaluated every second and not made to wait.
fn hurried_rules(folder: &Path) -> String {
    let files = ["wolkvox.rules.yaml", "wolkvox.alerts.yaml"].map(|name| {
        let text = fs::read_to_string(shipped("rules").join(name)).unwrap();
        let mut text = replaced(&text, "interval: 1m", "interval: 1s");
        if name == "wolkvox.rules.yaml" {
            // A planned interval that became shorter: the centre's ten minutes are ten seconds here.
            text = replaced(&text, "[10m]", "[10s]");
        }
        let lines = text.lines().filter(|line| !line.starts_with("    for: "));
        let file = folder.join(name);
        fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
        format!("\"{}\"", file.display())
    });
    files.join(", ")
}

const BURN: &[(&str, &str)] =
    &[("alertname", "WolkvoxServiceLevelBurnFast"), ("operation", OPERATION), ("skill_id", SKILL)];
const LOST_BURN: &[(&str, &str)] =
    &[("alertname", "WolkvoxServiceLevelBurnFast"), ("operation", OPERATION), ("skill_id", LOST)];
const SILENT: &[(&str, &str)] =
    &[("alertname", "WolkvoxLineSilent"), ("operation", OPERATION), ("skill_id", "102"), ("dnis", LINE)];
const STALE: &[(&str, &str)] =
    &[("alertname", "WolkvoxDataStale"), ("operation", OPERATION), ("report", "skill_6")];

#[test]
#[ignore = "a minute of real time; `tests/run alerting`"]
fn a_meltdown_and_a_dead_line_are_told_and_taken_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(orders) = Orders::received() {
        return runtime.block_on(orders.obey());
    }
    let found =
        (tools::on_path(&["promtool"]), tools::on_path(&["prometheus"]), tools::on_path(&["alertmanager"]));
    let (Some(promtool), Some(prometheus), Some(alertmanager)) = found else { return };
    let folder = tempfile::tempdir().unwrap();
    let present = Timestamp::from_second(Clock::real().now().as_second()).unwrap();
    let zone = Zone::named(&zone(present)).unwrap();
    let settings = calm(&zone, present);

    // The same hours a week ago, and the last hours up to now.
    let ago = |seconds: i64| present - SignedDuration::from_secs(seconds);
    let begins = zone.civil(ago(WEEK + 80 * MINUTE));
    let storage = folder.path().join("tsdb");
    let mut past = Chronicle::new(settings.clone(), begins, KEYS, promtool.clone(), &storage);
    past.run_until(ago(WEEK - 15 * MINUTE), EVERY);
    past.stop();
    past.skip_to(ago(3 * 3600));
    past.start();
    past.run_until(present, EVERY);
    past.stop();
    past.finish();
    let window = (zone.civil(ago(55 * MINUTE)), zone.civil(present));
    let calls = past.simulator.calls(OPERATION, Some("skill_6"), window.0, window.1).unwrap();
    let calls: Vec<_> = calls.into_iter().filter(|call| call.skill_id == SKILL).collect();
    let in_time = calls.iter().filter(|call| call.what == "answered" && call.ms <= 20_000).count();
    let share = in_time as f64 / calls.len() as f64;
    assert!(share < 0.35, "no meltdown: {share}");

    runtime.block_on(async {
        let week_ago = ago(WEEK).as_second();
        let times = Times { from: week_ago - MINUTE, to: week_ago + 14 * MINUTE, step: MINUTE };
        backfill::record(&prometheus, &promtool, folder.path(), times).await;

        let sink = Sink::default();
        let hook = sink.listen().await;
        let alertmanager = Alertmanager::start(&alertmanager, folder.path(), &hook).await;
        // The exporter comes later; its place is known.
        let port = StdListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{rules}]\n\
             alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{}\"] }}] }}] }}\n\
             scrape_configs:\n  - job_name: wolkvox\n    static_configs:\n      - targets: [\"127.0.0.1:{port}\"]\n        \
             labels: {{ instance: \"exporter:10465\" }}\n",
            alertmanager.address,
            rules = hurried_rules(folder.path()),
        );
        // An alert that Alertmanager has not heard of for four of these is over to it: two minutes of a busy machine. Changes are
        // told at once.
        let arguments = [backfill::RETENTION, &["--rules.alert.resend-delay=30s"]].concat();
        let _server = Prometheus::with(&prometheus.path, folder.path(), &config, &arguments).await;

        let told = async |receiver: &str, status: &str, labels: &'static [(&'static str, &'static str)]| {
            until(&format!("{receiver} hear of {labels:?} {status}"), || async {
                sink.told(receiver, status, labels).ok_or_else(|| sink.all())
            })
            .await
        };
        let burn = told("supervisors", "firing", BURN).await;
        let silent = told("supervisors", "firing", SILENT).await;
        let summary = burn["annotations"]["summary"].as_str().unwrap();
        eprintln!("{summary}\n{}", silent["annotations"]["summary"]);
        // demo / 101: 12.3% of about 345 calls answered within 20s over 1 hour, at most 20% may be missed
        let (start, rest) = summary.split_once("% of about ").unwrap();
        let said_share: f64 = start.strip_prefix("demo / 101: ").unwrap().parse().unwrap();
        let (said_calls, rest) = rest.split_once(' ').unwrap();
        let said_calls: f64 = said_calls.parse().unwrap();
        assert_eq!(rest, "calls answered within 20s over 1 hour, at most 20% may be missed");
        assert!((said_share / 100.0 - share).abs() < 0.06, "{said_share} % where {share} is true");
        // An hour where the model has fifty-five minutes.
        let wanted = calls.len() as f64 * 60.0 / 55.0;
        assert!((said_calls / wanted - 1.0).abs() < 0.15, "{said_calls} calls where {wanted} are true");
        let summary = silent["annotations"]["summary"].as_str().unwrap();
        assert!(summary.starts_with("demo / 102: line 6017480102 has had no call for an hour, about "), "{summary}");
        let link = burn["annotations"]["dashboard_url"].as_str().unwrap();
        assert!(link.ends_with("/d/wolkvox-skill?var-operation=demo&var-skill_id=101&var-within=20s"), "{link}");

        told("supervisors", "firing", LOST_BURN).await;

        // From here on the centre lives on, fast: the queue recovers, and the line rings again.
        let clock = Clock::scaled(present, SPEED);
        let started = Clock::real().now().as_microsecond();
        let simulator = Simulator::new(settings, clock).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(simulator::serve(listener, simulator.clone(), CancellationToken::new()));
        chronicle::write_config(past.folder(), &upstream, &simulator, &zone, KEYS);
        let orders = Orders {
            folder: past.folder().to_owned(),
            origin: present.as_microsecond(),
            started,
            speed: SPEED,
            port,
            zero_hold: "1s".to_owned(),
        };
        let _exporter = Exporter::start(orders, TEST).await;
        told("supervisors", "resolved", BURN).await;
        told("supervisors", "resolved", SILENT).await;
        assert!(sink.told("supervisors", "resolved", LOST_BURN).is_none(), "it has not recovered:\n{}", sink.all());
        until("of one trouble only the loudest alert is told", || async {
            let quieter = alertmanager.alert("WolkvoxServiceLevelIntervalMissed", &LOST_BURN[1..]).await?;
            let is_silenced = quieter["status"]["state"] == "suppressed";
            if is_silenced { Ok(()) } else { Err(quieter.to_string()) }
        })
        .await;

        // The report cannot be read any more: what is computed from it is silenced, and not taken back.
        simulator.control(&json!({ "faults": [{ "report": "skill_6", "status": 500 }] })).unwrap();
        let (silenced, stale) = until("stale data inhibits what is computed from it", || async {
            let alert = alertmanager.alert(LOST_BURN[0].1, &LOST_BURN[1..]).await?;
            let stale = alertmanager.alert(STALE[0].1, &STALE[1..]).await?;
            let is_silenced = alert["status"]["state"] == "suppressed";
            if is_silenced { Ok((alert, stale)) } else { Err(alert.to_string()) }
        })
        .await;
        let by = silenced["status"]["inhibitedBy"].as_array().unwrap();
        assert!(by.contains(&stale["fingerprint"]), "{silenced} is not inhibited by {stale}");
        told("operators", "firing", STALE).await;
        simulator.control(&json!({ "faults": [] })).unwrap();
        told("operators", "resolved", STALE).await;
        assert!(sink.told("supervisors", "resolved", LOST_BURN).is_none(), "taken back unknowing:\n{}", sink.all());
        eprintln!("{}", sink.all());
    });
}
