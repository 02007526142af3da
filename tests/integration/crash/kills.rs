//! SIGKILL at random instants, as often as wanted.
//!
//! Two operations are read at once. The one's past is read while the program dies again and again; the other's counters
//! grow from the first life on, and no look ever sees them lower. In the end both are what the simulator says of the days
//! that are over, and for the day that goes on what a program reads that never died.
//!
//! ```text
//! WOLKVOX_KILLS=500 cargo test --test integration crash::kills -- --nocapture
//! ```
//!
//! `WOLKVOX_SEED` repeats the instants of a run, as far as the machine does.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use wolkvox_exporter::api::Grain;
use wolkvox_exporter::simulator::{Settings, Simulator, Traffic};
use wolkvox_exporter::time::{Bucket, Clock, SignedDuration, Stopwatch, Timestamp, Zone, shift};

use super::super::program::{Api, GLANCE, Program, Samples, get, serve, simulate};
use super::super::prometheus::expected::{Amounts, amounts};
use super::{Highest, afternoon, counted, is_counting, judged_by_a_fresh_reading, keys};

/// In a run of every day.
const KILLS: u64 = 30;
/// How many days of the past one operation counts.
const PAST: i32 = 1;
const SEED: u64 = 3;

/// A variable of the environment that holds a number.
fn number(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| {
        text.to_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is no number"))
    })
}

/// Two operations of one centre, by the day from which they count.
const PAST_OPERATION: &str = "demo-001";
const OPERATIONS: [(&str, i32); 2] = [(PAST_OPERATION, PAST), ("demo-002", 0)];
const SEED_OF_CENTRE: u64 = 7;
const CALLS: u32 = 1_500;

/// The centre. Nothing is withdrawn in it, so that no counter stands above what a fresh program reads, and everything of a
/// day has settled by the next noon.
struct Centre {
    zone: Zone,
    today: Bucket,
    api: Api,
}

impl Centre {
    fn new() -> Centre {
        let zone = afternoon();
        let today = zone.bucket(Clock::real().now(), Grain::Day);
        let traffic = Centre::traffic();
        let arguments = [
            format!("--timezone={}", zone.name()),
            format!("--seed={SEED_OF_CENTRE}"),
            "--operations=2".to_owned(),
            "--calls-per-day".to_owned(),
            CALLS.to_string(),
            format!("--traffic=skills={}", traffic.skills),
            format!("--traffic=callback_hours={}", traffic.callback_hours),
            format!("--traffic=latest_seconds={}", traffic.latest_seconds),
            format!("--traffic=withdrawn_share={}", traffic.withdrawn_share),
        ];
        let api = simulate(&arguments.each_ref().map(String::as_str));
        Centre { zone, today, api }
    }

    fn traffic() -> Traffic {
        Traffic {
            calls_per_day: f64::from(CALLS),
            skills: 2,
            callback_hours: 2,
            latest_seconds: 3600,
            withdrawn_share: 0.0,
            ..Traffic::default()
        }
    }

    fn days_ago(&self, days: i32) -> Bucket {
        Bucket::from_index(Grain::Day, self.today.index() - days)
    }

    /// What happened in the days that are over. The simulator in this process knows it as integers, and the one that is
    /// read says the same.
    fn truth(&self, operation: &str, days: i32) -> Amounts {
        if days == 0 {
            return Amounts::new();
        }
        let settings = Settings {
            seed: SEED_OF_CENTRE,
            operations: 2,
            timezone: self.zone.name().to_owned(),
            traffic: Centre::traffic(),
            ..Settings::default()
        };
        let twin = Simulator::new(settings, Clock::real()).unwrap();
        let (from, to) = (self.days_ago(days), self.days_ago(1));
        let last = shift(self.today.first(), -SignedDuration::from_secs(1));
        let truth = twin.truth(operation, from.first(), last).unwrap();
        let told = self.api.look(&format!("truth?operation={operation}&from={from}&to={to}"));
        assert_eq!(told, serde_json::to_value(&truth).unwrap(), "the twin is another centre");
        amounts(operation, &truth)
    }

    fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut config = "operations:\n".to_owned();
        for (name, days) in OPERATIONS {
            std::fs::write(folder.path().join(name), self.api.token_of(name)).unwrap();
            config += &format!(
                "  - name: {name}\n    base_url: {}\n    token_file: {name}\n    timezone: {}\n{}",
                self.api.base_url,
                self.zone.name(),
                keys(&self.days_ago(days).to_string()).replace("cdr_1: {", "cdr_1: { agents: true,")
            );
        }
        std::fs::write(folder.path().join("wolkvox.yml"), config).unwrap();
        folder
    }
}

#[test]
fn killed_at_any_instant_counters_never_go_back_and_end_at_the_truth() {
    let kills = number("WOLKVOX_KILLS").unwrap_or(KILLS);
    let seed = number("WOLKVOX_SEED").unwrap_or(SEED);
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let centre = Centre::new();
    let folder = centre.folder();
    let mut highest = Highest::default();
    let (mut scrapes, mut deaf) = (0_u64, 0_u64);
    for kill in 0..kills {
        let mut program = serve(folder.path());
        let lives = Duration::from_millis(match dice.random_range(0..4) {
            // At once, or while it starts and opens the ledger that the last one left.
            _ if kill % 10 == 0 => 0,
            0 => dice.random_range(0..150),
            _ => dice.random_range(150..2_000),
        });
        let lived = Stopwatch::start();
        let mut address = None;
        while lived.elapsed() < lives {
            std::thread::sleep(Duration::from_millis(dice.random_range(5..40)).min(lives));
            address = address.or_else(|| listening(&program));
            if let Some((200, body)) = address.as_ref().and_then(|address| get(address, "/metrics")) {
                scrapes += 1;
                let samples = Samples::of(&body);
                for (operation, _) in OPERATIONS {
                    highest.see(operation, &counted(&samples, operation));
                }
            }
        }
        deaf += u64::from(address.is_none());
        assert!(
            program.child.try_wait().unwrap().is_none(),
            "{kill}: it ended by itself\n{}",
            program.err.text()
        );
        program.child.kill().unwrap();
        let (_, _, log) = program.end();
        assert!(!log.contains("damaged") && !log.contains("level=error"), "seed {seed}, kill {kill}: {log}");
    }

    // The last life is long enough to read what is owed.
    let mut program = serve(folder.path());
    let address = program.address();
    program.metrics(&address, "past that has been read", |samples| {
        OPERATIONS.iter().all(|(operation, _)| is_counting(samples, operation))
            && samples.sum("wolkvox_report_buckets_owed") == 0.0
    });
    let mut judged = Vec::new();
    for (operation, days) in OPERATIONS {
        let past = centre.truth(operation, days);
        assert!(days == 0 || past.len() > 300, "a past with few series: {}", past.len());
        let verdict = judged_by_a_fresh_reading(folder.path(), operation, &past, |_| {
            let now = all_read_since(&mut program, &address, operation, Clock::real().now());
            highest.see(operation, &now);
            now
        });
        judged.push(verdict.unwrap_or_else(|wrong| panic!("seed {seed}, {operation}: {wrong}")));
    }
    let now = Samples::of(&get(&address, "/metrics").unwrap().1);
    for (operation, _) in OPERATIONS {
        highest.all_are_in(operation, &counted(&now, operation));
    }
    eprintln!(
        "killed {kills} times (seed {seed}), {deaf} of them before it listened, {scrapes} scrapes between; {}",
        judged.join("; ")
    );
    assert!(scrapes > 0 && deaf > 0, "{scrapes} scrapes, {deaf} deaf");
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}

fn listening(program: &Program) -> Option<String> {
    let log = program.err.text();
    let line = log.lines().find(|line| line.contains("msg=listening "))?;
    Some(line.split("address=").nth(1)?.split(' ').next()?.to_owned())
}

/// The counters of an operation once every report has been read after an instant.
fn all_read_since(program: &mut Program, address: &str, operation: &str, instant: Timestamp) -> Amounts {
    let since = instant.as_millisecond() as f64 / 1e3;
    let samples = program.metrics(address, "another reading of everything", |samples| {
        let reports = ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"];
        std::thread::sleep(GLANCE);
        reports.iter().all(|report| {
            let name = "wolkvox_report_last_success_timestamp_seconds";
            let series = format!("{name}{{operation=\"{operation}\",report=\"{report}\"}}");
            samples.value(&series).is_some_and(|at| at > since)
        })
    });
    counted(&samples, operation)
}
