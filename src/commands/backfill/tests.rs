use std::collections::BTreeMap;

use clap::Parser as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::commands::arguments::{Arguments, Command};
use crate::simulator::{self, Fault, Settings, Simulator, Traffic};

/// A simulated centre with a configuration that reads it.
struct Centre {
    folder: tempfile::TempDir,
    simulator: Simulator,
    stop: CancellationToken,
    env: Arc<BTreeMap<String, String>>,
}

impl Centre {
    async fn open(faults: Vec<Fault>) -> Centre {
        let traffic = Traffic { calls_per_day: 300.0, ..Traffic::default() };
        let settings = Settings { traffic, faults, ..Settings::default() };
        let simulator = Simulator::new(settings, Clock::real()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(simulator::serve(listener, simulator.clone(), stop.clone()));
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "operations: [{{ name: demo, base_url: http://{address}/api/v2/, token_env: T, timezone: America/Bogota }}]"
        );
        std::fs::write(folder.path().join("wolkvox.yml"), text).unwrap();
        let env = Arc::new(BTreeMap::from([("T".to_owned(), simulator.token(0))]));
        Centre { folder, simulator, stop, env }
    }

    async fn run(&self, from: civil::Date, to: civil::Date, flags: &[&str]) -> Result<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let out = path("past.om");
        let mut words = vec!["wolkvox_exporter".to_owned(), "backfill".to_owned()];
        words.extend([
            format!("--from={from}"),
            format!("--to={to}"),
            format!("--out={out}"),
            format!("--config.file={}", path("wolkvox.yml")),
            format!("--storage.path={}", path("data")),
        ]);
        words.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let Command::Backfill(arguments) = Arguments::parse_from(words).into_command() else {
            panic!("backfill")
        };
        let env: Arc<dyn Environment + Send + Sync> = Arc::<BTreeMap<String, String>>::clone(&self.env);
        backfill(arguments, env).await?;
        Ok(std::fs::read_to_string(out).unwrap())
    }

    /// The truth of a stretch of local days, both included.
    fn truth(&self, from: civil::Date, to: civil::Date) -> Value {
        let truth = self.simulator.truth("demo", from.at(0, 0, 0, 0), to.at(23, 59, 59, 0));
        serde_json::to_value(truth.unwrap()).unwrap()
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Two settled days.
fn stretch() -> (civil::Date, civil::Date) {
    let zone = crate::time::Zone::named("America/Bogota").unwrap();
    let today = zone.civil(Clock::real().now()).date();
    let before = |days: i64| today.saturating_sub(SignedDuration::from_hours(24 * days));
    (before(5), before(3))
}

/// The sum of all series of a name, by instant.
fn sums(text: &str, name: &str) -> BTreeMap<i64, f64> {
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(&format!("{name}{{"))) {
        let (rest, at) = line.rsplit_once(' ').unwrap();
        let value: f64 = rest.rsplit_once(' ').unwrap().1.parse().unwrap();
        *sums.entry(at.parse().unwrap()).or_default() += value;
    }
    sums
}

#[tokio::test]
async fn every_bucket_of_the_past_holds_what_really_happened() {
    let centre = Centre::open(Vec::new()).await;
    let (from, to) = stretch();
    let text = centre.run(from, to, &[]).await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    let last = to.yesterday().unwrap();
    let truth = centre.truth(from, last);

    let inbound = sums(&text, "wolkvox_inbound_calls_total");
    let of = |truth: &Value| -> i64 {
        truth["skill_6"].as_array().unwrap().iter().map(|row| row["inbound"].as_i64().unwrap()).sum()
    };
    let first_day = of(&centre.truth(from, from));
    let values: Vec<f64> = inbound.values().copied().collect();
    assert_eq!(values, [0.0, first_day as f64, of(&truth) as f64], "one value at the start, one a day");

    let ivr = sums(&text, "wolkvox_ivr_calls_total");
    let growth: Vec<i64> =
        ivr.values().zip(ivr.values().skip(1)).map(|(before, after)| (after - before) as i64).collect();
    let hours = truth["diagram_1_2_hours"].as_object().unwrap();
    let mut wanted = Vec::new();
    for date in [from, last] {
        for hour in 0..24 {
            let label = format!("{date} {hour:02}");
            wanted.push(hours.get(&label).map_or(0, |hour| hour["calls"].as_i64().unwrap()));
        }
    }
    assert_eq!(growth, wanted, "each hour grows by its own calls");

    let cdr = sums(&text, "wolkvox_cdr_calls_total");
    assert_eq!(cdr.len(), 49);
    assert_eq!(cdr.values().next(), Some(&0.0));
    let coded = sums(&text, "wolkvox_cdr_activity_total");
    assert!(coded.values().next_back() > Some(&0.0));
    for sums in [&inbound, &cdr, &coded] {
        assert!(sums.values().is_sorted(), "counters never decrease: {sums:?}");
    }
}

#[tokio::test]
async fn answers_too_large_are_read_in_pieces_with_the_same_result() {
    let (from, to) = stretch();
    let whole = Centre::open(Vec::new()).await.run(from, to, &[]).await.unwrap();
    let cut = |report: &str| Fault {
        report: Some(report.to_owned()),
        request: Some(1),
        missing_rows: 3,
        ..Fault::default()
    };
    let centre = Centre::open(vec![cut("cdr_1"), cut("diagram_4"), cut("diagram_1_2"), cut("skill_6")]).await;
    let pieces = centre.run(from, to, &[]).await.unwrap();
    // The averages of the parts of a day are rounded one by one, so the sums of waits differ a little.
    let is_exact = |line: &&str| !line.contains("_wait_seconds_sum{");
    let lines = |text: &str| text.lines().filter(is_exact).map(str::to_owned).collect::<BTreeSet<String>>();
    let different: Vec<String> = lines(&whole).symmetric_difference(&lines(&pieces)).cloned().collect();
    assert!(different.is_empty(), "{different:#?}");
}

#[tokio::test]
async fn what_cannot_be_read_leaves_no_file() {
    let refused = Fault { report: Some("diagram_3".to_owned()), status: Some(400), ..Fault::default() };
    let centre = Centre::open(vec![refused]).await;
    let (from, to) = stretch();
    let failure = format!("{:#}", centre.run(from, to, &[]).await.unwrap_err());
    assert!(
        failure.starts_with(&format!("operation demo: could not read diagram_3 of {from}: ")),
        "{failure}"
    );
    let left: Vec<String> = std::fs::read_dir(centre.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!left.iter().any(|name| name.contains("past") || name.contains("backfill")), "{left:?}");
}

#[tokio::test]
async fn days_that_may_still_change_are_refused() {
    let centre = Centre::open(Vec::new()).await;
    let (from, to) = stretch();
    let soon = to.saturating_add(SignedDuration::from_hours(72));
    for (from, to, flags, words) in [
        (from, soon, &[][..], "may change in diagram_3 until"),
        (to, from, &[], "there is no day from"),
        (from, from, &[], "there is no day from"),
        (from, to, &["--operation=other"], "there is no operation \"other\""),
    ] {
        let failure = format!("{:#}", centre.run(from, to, flags).await.unwrap_err());
        assert!(failure.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn more_than_the_quota_is_refused_before_it_is_spent() {
    let centre = Centre::open(Vec::new()).await;
    let (from, to) = stretch();
    let long_ago = from.saturating_sub(SignedDuration::from_hours(24 * 365 * 20));
    let failure = format!("{:#}", centre.run(long_ago, to, &[]).await.unwrap_err());
    assert!(failure.contains("choose fewer days"), "{failure}");
}
