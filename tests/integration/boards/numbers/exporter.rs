//! The health of the exporter.

use std::collections::BTreeMap;

use super::super::fortnight::{BETWEEN, FIRST};
use super::super::judge::{Claim, HOUR, Judge, each, numbers_of, one, stretched};
use super::callbacks::interpolated;
use super::trust::{LIMIT, age, requests_today};

const BOARD: &str = "wolkvox-exporter";
/// Those that are counted, and those that are asked beside them.
pub(super) const REPORTS: [&str; 8] =
    ["cdr_1", "diagram_1_2", "diagram_3", "diagram_4", "skill_1", "skill_6", "skills", "token_info"];
const COUNTED: [&str; 5] = ["cdr_1", "diagram_1_2", "diagram_3", "diagram_4", "skill_6"];
const REPORT: &[&str] = &["report"];
const NOTHING: &[&str] = &[];
const DIRECTION: &[&str] = &["direction"];
const INSTANCE: &[&str] = &["instance"];
const RANGE: i64 = 6 * HOUR;
const TABLE: &str = "Every report of every operation";

fn each_report(of: impl Fn(&str) -> f64) -> BTreeMap<String, f64> {
    COUNTED.iter().map(|report| ((*report).to_owned(), of(report))).collect()
}

fn every_report(of: impl Fn(&str) -> f64) -> BTreeMap<String, f64> {
    REPORTS.iter().map(|report| ((*report).to_owned(), of(report))).collect()
}

/// Seconds between two readings, as configured; less on the last day.
fn interval(report: &str, is_last: bool) -> f64 {
    let minutes = match (report, is_last) {
        ("diagram_4", true) | ("skill_6" | "diagram_3", false) => 15,
        (_, true) => 5,
        _ => 30,
    };
    60.0 * f64::from(minutes)
}

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    for (day, hour) in [(16, 11), (17, 12), (18, 9), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        let claims = [process(judge, to), reports(judge, to, day == 20), requests(judge, to)].concat();
        judge.hold(BOARD, to, &[], claims).await;
        counted(judge, to).await;
        // The last request was the last reading: none has failed since.
        for report in COUNTED {
            let last = BTreeMap::from([(report.to_owned(), age(judge, report, to))]);
            judge.hold(BOARD, to, &[("report", report)], vec![each(TABLE, "K", REPORT, last, 0.02)]).await;
        }
    }
    outage(judge).await;
    let evening = judge.weeks.moment(17, 23, 55);
    let today = BTreeMap::from([("demo".to_owned(), requests_today(judge, evening) as f64)]);
    let claims = vec![each("Quota of the day", "B", &["operation"], today, 0.02)];
    judge.hold(BOARD, evening, &[], claims).await;
    // At noon the half of the day that is to come needs its requests as well.
    let noon = judge.weeks.moment(17, 12, 0);
    let forecast = judge.found(BOARD, ("Quota of the day", "B"), noon, &[]).await;
    let least = 1.3 * requests_today(judge, noon) as f64;
    if !forecast.as_ref().is_ok_and(|found| found.iter().all(|(_, forecast)| *forecast > least)) {
        judge.complain(format!("{BOARD}: the forecast at noon is {forecast:?}, not above {least}"));
    }
    // While the exporter is away.
    let away = judge.weeks.moment(18, 10, 10);
    let claims = vec![one("Exporters scraped", "A", 0.0, 0.0), one("Exporters scraped", "B", 1.0, 0.0)];
    judge.hold(BOARD, away, &[], claims).await;
    refused(judge).await;
}

fn process(judge: &Judge<'_>, to: i64) -> Vec<Claim<'static>> {
    let began = judge.weeks.lives.iter().map(|began| began.as_second()).filter(|began| *began <= to);
    let began = 1000.0 * began.max().unwrap() as f64;
    let version = BTreeMap::from([("0.1.0/test".to_owned(), 1.0)]);
    vec![
        one("Exporters scraped", "A", 1.0, 0.0),
        one("Exporters scraped", "B", 0.0, 0.0),
        each("Version", "A", &["version", "revision"], version, 0.0),
        one("Started", "A", began, 0.0),
        one("Ledger", "B", 0.0, 0.0),
        one("Configuration", "A", 1.0, 0.0),
        one("Configuration", "B", began, 0.0),
    ]
}

fn reports(judge: &Judge<'_>, to: i64, is_last: bool) -> Vec<Claim<'static>> {
    let ages = each_report(|report| age(judge, report, to));
    let since = 1000.0 * judge.weeks.zone.instant(FIRST.at(0, 0, 0, 0)).as_second() as f64;
    let in_intervals = each_report(|report| age(judge, report, to) / interval(report, is_last));
    vec![
        each(TABLE, "A", REPORT, every_report(|_| 1.0), 0.0),
        each(TABLE, "B", REPORT, ages.clone(), 0.002),
        each(TABLE, "C", REPORT, in_intervals, 0.002),
        each(TABLE, "D", REPORT, each_report(|report| interval(report, is_last)), 0.0),
        each(TABLE, "E", REPORT, each_report(|_| 0.0), 0.0),
        each(TABLE, "L", REPORT, each_report(|_| since), 0.0),
        each("Data age (timeseries)", "A", REPORT, ages, 0.002),
    ]
}

/// Requests as the centre counted them, by report, from the first sample of a window to the last.
fn received(judge: &Judge<'_>, to: i64, window: i64) -> BTreeMap<String, i64> {
    let [first, last] = judge.weeks.ends(to, window).map(|at| judge.weeks.requests(at));
    let more = |(of, count): (&String, &u64)| (of.clone(), (count - first.get(of).unwrap_or(&0)) as i64);
    last.iter().map(more).collect()
}

fn requests(judge: &Judge<'_>, to: i64) -> Vec<Claim<'static>> {
    let hour = received(judge, to, HOUR);
    let operation = |value: f64| BTreeMap::from([("demo".to_owned(), value)]);
    let hourly = every_report(|report| stretched(hour.get(report).copied().unwrap_or(0), HOUR));
    // The clock is set by hand and stands still while an answer comes: all are within the first bound, 100 ms.
    let asked = hourly.iter().filter(|(_, requests)| **requests > 0.0);
    let at_once = asked.map(|(report, _)| (report.clone(), 0.09)).collect();
    let all = operation(stretched(hour.values().sum(), HOUR));
    let today = operation(requests_today(judge, to) as f64);
    let mut claims = vec![
        each("Requests per hour, by report", "A", REPORT, hourly, 0.02),
        each("How long answers take", "A", REPORT, at_once, 0.001),
        each("Quota of the day", "A", &["operation"], today, 0.02),
        each("Quota of the day", "C", &["operation"], operation(LIMIT as f64), 0.0),
        each("Quota of the day", "D", &["operation"], all, 0.02),
    ];
    // A life that began within the window has counted for itself.
    if !judge.weeks.lives.iter().any(|began| (to - RANGE..to).contains(&began.as_second())) {
        let range = received(judge, to, RANGE);
        let of_range = every_report(|report| stretched(range.get(report).copied().unwrap_or(0), RANGE));
        claims.push(each(TABLE, "G", REPORT, of_range, 0.02));
    }
    claims
}

/// By how much a counter grew from the first sample of a window to the last, by a label, as it stands in the storage.
async fn stored(judge: &Judge<'_>, metric: &str, label: &str, to: i64, window: i64) -> BTreeMap<String, f64> {
    let mut grown: BTreeMap<String, f64> = BTreeMap::new();
    for (at, sign) in judge.weeks.ends(to, window).into_iter().zip([-1.0, 1.0]) {
        let answer = judge.server.ask("query", &[("query", metric), ("time", &at.to_string())]).await;
        for (labels, value) in numbers_of(&answer).unwrap() {
            let key = labels.get(label).cloned().unwrap_or_default();
            *grown.entry(key).or_default() += sign * value * window as f64 / (window - 2 * BETWEEN) as f64;
        }
    }
    grown
}

/// What a histogram in the storage says of a share of its values within the last hour, by a label.
async fn quantile(
    judge: &Judge<'_>,
    share: f64,
    metric: &str,
    label: &str,
    to: i64,
) -> BTreeMap<String, f64> {
    let mut buckets: BTreeMap<String, BTreeMap<u64, f64>> = BTreeMap::new();
    for (at, sign) in judge.weeks.ends(to, HOUR).into_iter().zip([-1.0, 1.0]) {
        let answer = judge.server.ask("query", &[("query", metric), ("time", &at.to_string())]).await;
        for (labels, value) in numbers_of(&answer).unwrap() {
            let key = labels.get(label).cloned().unwrap_or_default();
            let bound: f64 = labels["le"].parse().unwrap();
            // Bits of numbers above 0 are in the order of the numbers.
            *buckets.entry(key).or_default().entry(bound.to_bits()).or_default() += sign * value;
        }
    }
    let of = |buckets: BTreeMap<u64, f64>| {
        let buckets: Vec<_> =
            buckets.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).collect();
        interpolated(share, &buckets)
    };
    buckets.into_iter().filter_map(|(key, buckets)| Some((key, of(buckets)?))).collect()
}

/// What the exporter counts of itself, beside the samples as they are.
async fn counted(judge: &mut Judge<'_>, to: i64) {
    let hour = |metric: &'static str, label: &'static str| (metric, label, to, HOUR);
    let mut claims = Vec::new();
    for (title, id, label, (metric, stored_label, to, window)) in [
        ("Rows and bytes per hour", "A", REPORT, hour("wolkvox_report_rows_total", "report")),
        ("Rows and bytes per hour", "B", NOTHING, hour("wolkvox_report_response_bytes_total", "")),
        ("Corrections per hour", "A", DIRECTION, hour("wolkvox_report_revisions_total", "direction")),
        ("Memory and processor", "B", INSTANCE, hour("process_cpu_seconds_total", "instance")),
    ] {
        let mut grown = stored(judge, metric, stored_label, to, window).await;
        if id == "B" && metric.starts_with("process") {
            grown.values_mut().for_each(|value| *value /= HOUR as f64);
        }
        claims.push(each(title, id, label, grown, 0.01));
    }
    let sum = stored(judge, "wolkvox_exporter_ledger_commit_seconds_sum", "", to, HOUR).await;
    let count = stored(judge, "wolkvox_exporter_ledger_commit_seconds_count", "", to, HOUR).await;
    let mean = sum.get("").zip(count.get("")).map(|(sum, count)| sum / count);
    claims.push(one("Durable writes of the ledger", "A", mean, 0.01));
    let writes = quantile(judge, 0.99, "wolkvox_exporter_ledger_commit_seconds_bucket", "", to).await;
    claims.push(each("Durable writes of the ledger", "B", NOTHING, writes, 0.01));
    let late = quantile(judge, 0.9, "wolkvox_report_row_lateness_seconds_bucket", "report", to).await;
    claims.push(each("How late rows appear", "A", REPORT, late, 0.01));
    if !judge.weeks.lives.iter().any(|began| (to - RANGE..to).contains(&began.as_second())) {
        let empty = stored(judge, "wolkvox_report_empty_reads_total", "report", to, RANGE).await;
        let rows = stored(judge, "wolkvox_report_rows_total", "report", to, RANGE).await;
        claims.push(each(TABLE, "I", REPORT, empty, 0.01));
        claims.push(each(TABLE, "J", REPORT, rows, 0.01));
    }
    let memory = now(judge, "process_resident_memory_bytes", "instance", to).await;
    claims.push(each("Memory and processor", "A", INSTANCE, memory, 0.0));
    let series = now(judge, "wolkvox_exporter_series", "", to).await;
    claims.push(each("Series", "A", NOTHING, series, 0.0));
    let bytes = now(judge, "wolkvox_exporter_ledger_bytes", "", to).await;
    claims.push(each("Ledger", "A", NOTHING, bytes, 0.0));
    judge.hold(BOARD, to, &[], claims).await;
}

async fn now(judge: &Judge<'_>, metric: &str, label: &str, to: i64) -> BTreeMap<String, f64> {
    let answer = judge.server.ask("query", &[("query", metric), ("time", &to.to_string())]).await;
    let found = numbers_of(&answer).unwrap().into_iter();
    found.map(|(labels, value)| (labels.get(label).cloned().unwrap_or_default(), value)).collect()
}

/// Two hours in which every request fails.
async fn outage(judge: &mut Judge<'_>) {
    let to = judge.weeks.moment(14, 12, 55);
    let hour = received(judge, to, HOUR);
    let failed: i64 = REPORTS.iter().filter_map(|report| hour.get(*report)).sum();
    let began = judge.weeks.requests(judge.weeks.moment(14, 11, 0) - 2 * BETWEEN);
    let last = judge.weeks.requests(to);
    let count = |of: &BTreeMap<String, u64>, report: &str| of.get(report).copied().unwrap_or(0);
    let more = |report: &str| (count(&last, report) - count(&began, report)) as i64;
    let since = every_report(|report| stretched(more(report), RANGE));
    let claims = vec![
        each(TABLE, "H", REPORT, since, 0.02),
        one("Failed requests per hour, by reason", "A", stretched(failed, HOUR), 0.02),
    ];
    judge.hold(BOARD, to, &[], claims).await;
    for report in COUNTED {
        let down = BTreeMap::from([(report.to_owned(), 0.0)]);
        judge.hold(BOARD, to, &[("report", report)], vec![each(TABLE, "A", REPORT, down, 0.0)]).await;
    }
    // Each board's sum of buckets owed is that of the reports.
    let owed = judge.found(BOARD, ("Buckets owed", "A"), to, &[]).await;
    let sum = owed.ok().and_then(|found| found.first().map(|(_, value)| *value)).unwrap_or(f64::NAN);
    let of_each = now(judge, "wolkvox_report_buckets_owed", "report", to).await;
    if sum != of_each.values().sum::<f64>() || sum == 0.0 {
        judge.complain(format!("{BOARD}: {sum} buckets owed at {to}, where {of_each:?} is true"));
    }
    judge.hold(BOARD, to, &[], vec![each(TABLE, "F", REPORT, of_each, 0.0)]).await;
}

/// What was planted on the last day: a row of the IVR whose hour cannot be read, and totals as rows.
async fn refused(judge: &mut Judge<'_>) {
    let to = judge.weeks.now();
    let title = "Values, rows and labels refused";
    let fields = BTreeMap::from([("date".to_owned(), 1.0)]);
    judge.hold(BOARD, to, &[], vec![each(title, "A", &["field"], fields, 0.02)]).await;
    let dropped = stored(judge, "wolkvox_report_rows_dropped_total", "reason", to, RANGE).await;
    let dropped = dropped.into_iter().filter(|(_, count)| *count > 0.0).collect();
    judge.hold(BOARD, to, &[], vec![each(title, "B", &["reason"], dropped, 0.05)]).await;
}
