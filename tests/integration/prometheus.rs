//! A real Prometheus scrapes the exporter over a simulated day, and what it stored is judged.
//!
//! The centre closes at night and after Saturday. The exporter starts on a Friday night, is killed twice on Saturday, and
//! on Sunday morning everything of Saturday has settled, so that the truth of whole days is what must have been counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::ledger::{Ledger, Opened};
use wolkvox_exporter::metrics::{Kind, catalogue};
use wolkvox_exporter::simulator::{self, Settings, Simulator, Traffic};
use wolkvox_exporter::time::{Clock, Zone, civil};

pub(crate) mod expected;
pub(crate) mod exporter;
pub(crate) mod server;
pub(crate) mod wait;

use expected::{Amounts, Series, amounts, spread};
use exporter::{Exporter, Orders};
use server::{Prometheus, Sample, is_installed};
use wait::until;

/// The name of the test below, by which its program runs itself as the exporter.
const TEST: &str = "prometheus::the_stored_growth_of_every_counter_is_the_truth";

const ZONE: &str = "America/Bogota";
/// A simulated hour takes 2.5 s, the pause between two readings 0.6 s.
const SPEED: f64 = 1440.0;
/// Some scrapes long.
const ZERO_HOLD: &str = "4s";

const THURSDAY: civil::Date = civil::date(2026, 4, 9);
const FRIDAY: civil::Date = civil::date(2026, 4, 10);
const SATURDAY: civil::Date = civil::date(2026, 4, 11);
const SUNDAY: civil::Date = civil::date(2026, 4, 12);

/// The operation that counts from when the exporter starts: what Friday still holds by then is its opening balance.
const FRESH: &str = "fresh";
/// The operation that counts from Thursday.
const DATED: &str = "dated";

fn settings() -> Settings {
    let traffic = Traffic {
        calls_per_day: 800.0,
        skills: 3,
        dnis_per_skill: 2,
        callback_hours: 2,
        latest_seconds: 3600,
        // A call that is shown and withdrawn leaves a counter that waits for the next one.
        withdrawn_share: 0.0,
        open_hours: (6, 17),
        weekdays: [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0],
        ..Traffic::default()
    };
    Settings { seed: 7, operations: 2, timezone: ZONE.to_owned(), traffic, ..Settings::default() }
}

/// Two operations. Rows settle so late that those of Friday afternoon are part of the opening balance.
fn config(folder: &Path, base_url: &str, simulator: &Simulator) -> String {
    let mut config = String::from("operations:\n");
    for (index, (name, count_from, agents)) in
        [(FRESH, "now".to_owned(), false), (DATED, THURSDAY.to_string(), true)].into_iter().enumerate()
    {
        let token = folder.join(format!("{name}.token"));
        fs::write(&token, simulator.token(index)).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        config += &format!(
            "  - name: {name}
    base_url: {base_url}
    token_file: \"{}\"
    timezone: {ZONE}
    currency: COP
    count_from: {count_from}
    reports:
      skill_6: {{ interval: 15m, settle: 3h }}
      diagram_1_2: {{ interval: 15m, settle: 8h }}
      diagram_3: {{ interval: 15m, settle: 5h }}
      cdr_1: {{ interval: 15m, settle: 8h, agents: {agents} }}
      diagram_4: {{ interval: 15m, settle: 8h }}
",
            token.display()
        );
    }
    config
}

/// The names of all series of the five reports that only grow.
pub(crate) fn counters() -> BTreeSet<String> {
    let five = catalogue::SECTIONS[..5].iter().flat_map(|section| section.families);
    five.flat_map(|family| {
        let suffixes: &[&str] = match family.kind {
            Kind::Gauge => &[],
            Kind::Counter => &[""],
            Kind::Summary => &["_count", "_sum"],
            Kind::Histogram(_) => &["_bucket", "_count", "_sum"],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", family.name))
    })
    .collect()
}

/// What differs, a few of it in words; a series that is not there has not grown.
fn differences(wanted: &Amounts, found: &Amounts) -> Result<(), String> {
    deviations(wanted, found, |_| 0)
}

/// The same, but a counter may stand a little above the truth where it has to wait for it: the vendor prints averages
/// to hundredths, so that their product with the calls can fall when another call comes, by no more than a hundredth of
/// a second per call.
fn differences_of_counters(truth: &Amounts, found: &Amounts) -> Result<(), String> {
    deviations(truth, found, |series| {
        let calls = match series.name.as_str() {
            "wolkvox_answer_wait_seconds_sum" => "wolkvox_answer_wait_seconds_count",
            "wolkvox_abandon_wait_seconds_sum" => "wolkvox_abandon_wait_seconds_count",
            _ => return 0,
        };
        let calls = Series { name: calls.to_owned(), labels: series.labels.clone() };
        truth.get(&calls).map_or(0, |calls| calls / 100)
    })
}

fn deviations(wanted: &Amounts, found: &Amounts, above: impl Fn(&Series) -> i64) -> Result<(), String> {
    let all: BTreeSet<&Series> = wanted.keys().chain(found.keys()).collect();
    let amount = |amounts: &Amounts, series| amounts.get(series).copied().unwrap_or(0);
    let wrong: Vec<String> = all
        .into_iter()
        .map(|series| (series, amount(wanted, series), amount(found, series)))
        .filter(|(series, wanted, found)| !(*wanted..=*wanted + above(series)).contains(found))
        .map(|(series, wanted, found)| {
            format!("{series}: {} wanted, {} found", wanted as f64 / 1e6, found as f64 / 1e6)
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let some = wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    Err(format!("{} series differ:\n{some}", wrong.len()))
}

/// The growth as PromQL sees it: after a fall, a counter has begun again at 0.
fn growth(samples: &[Sample]) -> i64 {
    let step = |pair: &[Sample]| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 };
    samples.windows(2).map(step).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stored_growth_of_every_counter_is_the_truth() {
    if let Some(orders) = Orders::received() {
        return orders.obey().await;
    }
    if !is_installed("prometheus") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let zone = Zone::named(ZONE).unwrap();
    let at = |date: civil::Date, hour, minute| zone.instant(date.at(hour, minute, 0, 0));

    let origin = at(FRIDAY, 23, 0);
    let clock = Clock::scaled(origin, SPEED);
    let started = Clock::real().now().as_microsecond();
    let simulator = Simulator::new(settings(), clock.clone()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base_url = format!("http://{}/api/v2/", listener.local_addr().unwrap());
    let _simulating = tokio::spawn(simulator::serve(listener, simulator.clone(), CancellationToken::new()));
    fs::write(folder.path().join("wolkvox.yml"), config(folder.path(), &base_url, &simulator)).unwrap();
    let mut orders = Orders {
        folder: folder.path().to_owned(),
        origin: origin.as_microsecond(),
        started,
        speed: SPEED,
        port: 0,
        zero_hold: ZERO_HOLD.to_owned(),
    };
    let mut exporter = Exporter::start(orders.clone(), TEST).await;
    orders.port = exporter.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let prometheus = Prometheus::start(folder.path(), &exporter.address).await;

    until("everything has been read once", || async {
        let up = prometheus.values("wolkvox_up", None).await;
        if up.values().eq([&1_000_000, &1_000_000]) { Ok(()) } else { Err(format!("{up:?}")) }
    })
    .await;
    let opens = at(SATURDAY, 6, 0);
    assert!(
        clock.now() < opens,
        "the first calls have come, so that the opening balance is not Friday's alone"
    );

    // The second time it is away for so long that it has to catch up.
    for (killed, back) in
        [(at(SATURDAY, 8, 37), at(SATURDAY, 8, 37)), (at(SATURDAY, 13, 11), at(SATURDAY, 15, 2))]
    {
        clock.sleep_until(killed).await;
        exporter.kill();
        until("Prometheus sees that the exporter is gone", || async {
            let up = prometheus.values("up", None).await;
            if up.values().eq([&0]) { Ok(()) } else { Err(format!("{up:?}")) }
        })
        .await;
        clock.sleep_until(back).await;
        exporter = Exporter::start(orders.clone(), TEST).await;
    }
    clock.sleep_until(at(SUNDAY, 6, 0)).await;

    let truth = |index: usize, name: &str, from: civil::Date| {
        let theirs = simulator.operations().nth(index).unwrap().to_owned();
        let mut truth = simulator.truth(&theirs, from.at(0, 0, 0, 0), SATURDAY.at(23, 59, 59, 0)).unwrap();
        if name == FRESH {
            // `agents` is off.
            truth.cdr_1.agent_calls.clear();
            truth.cdr_1.agent_ms.clear();
        }
        amounts(name, &truth)
    };
    let counters = counters();
    let mut judged = Vec::new();
    let of = |name: &str| format!("{{__name__=~\"wolkvox_.+\",operation=\"{name}\"}}");
    for (name, truth) in [(FRESH, truth(0, FRESH, SATURDAY)), (DATED, truth(1, DATED, THURSDAY))] {
        assert!(truth.len() > 300, "a day with few series: {}", truth.len());
        until("the last stored values are the truth", || async {
            let mut found = prometheus.values(&of(name), None).await;
            found.retain(|series, _| counters.contains(&series.name));
            differences_of_counters(&truth, &found)
        })
        .await;
        let grown = judge(&prometheus, name, &truth, &counters).await;
        judged.push((name, truth, grown));
    }
    health(&prometheus).await;

    let log = exporter.log();
    assert!(!log.contains("level=warn") && !log.contains("level=error"), "{log}");
    assert!(exporter.end().success(), "{log}");
    let (ledger, opened) = Ledger::open(&orders.storage(), clock.now()).unwrap();
    assert!(matches!(opened, Opened::Continued), "{opened:?}");
    for (name, truth, grown) in judged {
        sealed(&ledger, name, &truth, &grown);
    }
}

/// Every stored sample of an operation's counters: born at 0, never fallen, and grown by the truth.
async fn judge(prometheus: &Prometheus, name: &str, truth: &Amounts, counters: &BTreeSet<String>) -> Amounts {
    let mut stored =
        prometheus.samples(&format!("{{__name__=~\"wolkvox_.+\",operation=\"{name}\"}}[1h]")).await;
    stored.retain(|series, _| counters.contains(&series.name));

    // What is counted from a date appears whole, all of a report at once; whatever comes later is born at 0.
    let mut appeared: BTreeMap<usize, i64> = BTreeMap::new();
    for (series, samples) in &stored {
        let first = appeared.entry(section(&series.name)).or_insert(i64::MAX);
        *first = samples[0].0.min(*first);
    }
    assert_eq!(appeared.len(), 5, "not all reports have counters");
    let mut grown = Amounts::new();
    let mut born_later = 0;
    for (series, samples) in &stored {
        let (born, first) = samples[0];
        let (_, last) = samples[samples.len() - 1];
        let with_its_report = born == appeared[&section(&series.name)];
        born_later += usize::from(!with_its_report);
        if name == FRESH || !with_its_report {
            assert_eq!(first, 0, "{series} was born above 0");
        }
        assert!(samples.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{series} fell: {samples:?}");
        assert_eq!(growth(samples), last - first, "{series}: {samples:?}");
        grown.insert(series.clone(), first + growth(samples));
    }
    assert!(born_later > 20, "hardly any series was born during the day: {born_later}");
    differences_of_counters(truth, &grown).unwrap();
    eprintln!("{name}: {} series, {born_later} of them born during the day", stored.len());

    // The same in Prometheus' own words, at the instant of the last scrape, where `increase` has nothing to guess.
    let last = stored.values().filter_map(|samples| samples.last()).map(|(at, _)| *at).max().unwrap();
    let mut increased = Amounts::new();
    for counter in counters {
        let selector = format!("{counter}{{operation=\"{name}\"}}[1h]");
        let resets = prometheus.values(&format!("resets({selector}) > 0"), Some(last)).await;
        assert!(resets.is_empty(), "{counter} was reset: {resets:?}");
        let increase = prometheus.values(&format!("increase({selector})"), Some(last)).await;
        let named = increase.into_iter().map(|(series, by)| (Series { name: counter.clone(), ..series }, by));
        increased.extend(named);
    }
    if name == FRESH {
        differences(&grown, &increased).unwrap();
    }
    grown
}

/// The report that a counter belongs to, as its place in the catalogue.
fn section(name: &str) -> usize {
    let is_of =
        |family: &str| name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    let found = catalogue::SECTIONS
        .iter()
        .position(|section| section.families.iter().any(|family| is_of(family.name)));
    found.unwrap_or_else(|| panic!("{name} is not in the catalogue"))
}

/// Nothing that Prometheus scraped gave it cause to complain.
async fn health(prometheus: &Prometheus) {
    let targets = prometheus.ask("targets", &[]).await;
    let target = &targets["activeTargets"][0];
    assert_eq!(
        (target["health"].as_str(), target["lastError"].as_str()),
        (Some("up"), Some("")),
        "{targets}"
    );
    let complaints: Vec<String> =
        prometheus.log().lines().filter(|line| !line.contains("level=info")).map(str::to_owned).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let own = prometheus.own_metrics().await;
    let counted = |name: &str| {
        let lines = own.lines().filter(|line| line.split([' ', '{']).next() == Some(name));
        let values: Vec<f64> = lines.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
        assert!(!values.is_empty(), "Prometheus has no {name}");
        values.iter().sum::<f64>()
    };
    for name in [
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_target_scrapes_sample_out_of_bounds_total",
        "prometheus_target_scrapes_exceeded_body_size_limit_total",
    ] {
        assert!(counted(name) == 0.0, "{name} is {}", counted(name));
    }
    // Bounds are spelled as in OpenMetrics, which is what Prometheus prefers.
    let bounds = prometheus.ask("label/le/values", &[]).await;
    assert!(bounds.as_array().unwrap().iter().any(|bound| bound == "10.0"), "{bounds}");
}

/// All of the days has moved into the sums, which are the truth to the last digit, and what Prometheus holds is what the
/// ledger shows.
fn sealed(ledger: &Ledger, name: &str, truth: &Amounts, grown: &Amounts) {
    let (mut sums, mut marks) = (Amounts::new(), Amounts::new());
    for total in ledger.totals(name) {
        assert!(total.live.iter().all(|live| *live == 0), "not sealed: {total:?}");
        sums.extend(spread(total.family, total.labels.as_str(), &total.sealed));
        marks.extend(spread(total.family, total.labels.as_str(), &total.mark));
    }
    differences(truth, &sums).unwrap();
    differences(&marks, grown).unwrap();
}

#[test]
fn increase_misses_what_a_series_is_born_with_and_sees_it_from_zero() {
    if !is_installed("promtool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tests.yml");
    let tests = "
tests:
  - interval: 1m
    input_series:
      - { series: born_above_zero, values: _ _ 12 12 12 12 }
      - { series: born_at_zero, values: _ _ 0 12 12 12 }
    promql_expr_test:
      - { expr: 'increase(born_above_zero[10m])', eval_time: 5m, exp_samples: [{ labels: '{}', value: 0 }] }
      - { expr: 'increase(born_at_zero[10m])', eval_time: 5m, exp_samples: [{ labels: '{}', value: 12 }] }
";
    fs::write(&file, tests).unwrap();
    let promtool =
        Command::new("promtool").args(["test", "rules"]).arg(&file).stdin(Stdio::null()).output().unwrap();
    assert!(promtool.status.success(), "{}", String::from_utf8_lossy(&promtool.stderr));
}
