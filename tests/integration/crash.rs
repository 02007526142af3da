//! What becomes of the numbers when the process dies, the ledger is damaged, or the disk refuses: the real program against
//! the real simulator, judged from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wolkvox_exporter::time::{Clock, Zone};

use super::program::{Program, Samples, serving};
use super::prometheus::counters;
use super::prometheus::expected::{Amounts, Series};

mod damage;
mod degraded;
mod kills;

/// The counters of an operation in what `/metrics` said, in millionths.
fn counted(samples: &Samples, operation: &str) -> Amounts {
    let names = counters();
    let mut amounts = Amounts::new();
    for (text, value) in &samples.0 {
        let series = series(text);
        let is_own = series.labels.get("operation").is_some_and(|label| label == operation);
        if is_own && names.contains(&series.name) {
            amounts.insert(series, (value * 1e6).round() as i64);
        }
    }
    amounts
}

/// A series as it stands in the text format; no value of the simulated centre holds a comma or a quotation mark.
fn series(text: &str) -> Series {
    let (name, labels) = text.trim_end_matches('}').split_once('{').unwrap_or((text, ""));
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    let labels = pairs.map(|(name, value)| {
        let value = value.trim_matches('"');
        let value = if name == "le" && value == "+Inf" { "inf" } else { value };
        (name.to_owned(), value.to_owned())
    });
    Series { name: name.to_owned(), labels: labels.collect() }
}

/// The highest values that anybody has seen.
#[derive(Debug, Default)]
struct Highest(BTreeMap<String, Amounts>);

impl Highest {
    /// Sees what an operation shows now: nothing has gone back.
    fn see(&mut self, operation: &str, now: &Amounts) {
        let highest = self.0.entry(operation.to_owned()).or_default();
        for (series, value) in now {
            let before = highest.insert(series.clone(), *value).unwrap_or(0);
            assert!(before <= *value, "{series} fell from {before} to {value} millionths");
        }
    }

    /// Everything that was ever shown is shown now.
    fn all_are_in(&self, operation: &str, now: &Amounts) {
        for series in self.0.get(operation).into_iter().flat_map(Amounts::keys) {
            assert!(now.contains_key(series), "{series} is gone");
        }
    }
}

/// Judges counters that grow while they are judged. A program that has never known anything else is asked between two
/// looks: it knows no less than the first look and no more than the second, series by series. A call that was counted twice
/// shows in the first look, one that was lost is missing in the second. It counts from local midnight; `past` is what the
/// days before that amount to.
fn judged_by_a_fresh_reading(
    folder: &Path,
    operation: &str,
    past: &Amounts,
    mut look: impl FnMut(&str) -> Amounts,
) -> Result<String, String> {
    let before = look("before");
    let [_, config, storage, _, _] = serving(folder);
    let (status, out, log) = Program::start(&["once", &config, &storage], &[]).end();
    assert_eq!(status.code(), Some(0), "{log}");
    let fresh = counted(&Samples::of(&out), operation);
    let after = look("after");
    let counts = after.clone();
    let mut exact = 0;
    let mut wrong = Vec::new();
    let all: BTreeSet<&Series> =
        [&before, &fresh, &after, past].into_iter().flat_map(Amounts::keys).collect();
    for series in &all {
        let of = |amounts: &Amounts| amounts.get(series).copied().unwrap_or(0);
        let (before, fresh, after) = (of(&before), of(past) + of(&fresh), of(&after));
        exact += usize::from(before == after && before > 0);
        // The vendor prints averages to hundredths, so that their product with the calls may fall by as much for each
        // call, and the counter waits.
        let slack = if series.name.ends_with("wait_seconds_sum") {
            let calls = series.name.replace("_sum", "_count");
            counts.get(&Series { name: calls, labels: series.labels.clone() }).copied().unwrap_or(0) / 100
        } else {
            0
        };
        if !(before - slack..=after + slack).contains(&fresh) {
            wrong.push(format!("{series}: {fresh} is not between {before} and {after}"));
        }
    }
    if all.len() < 100 || exact < all.len() / 4 {
        return Err(format!("hardly anything to compare: {} series, {exact} exact", all.len()));
    }
    wrong.truncate(20);
    if wrong.is_empty() {
        Ok(format!("{} series, {exact} of them to the digit", all.len()))
    } else {
        Err(wrong.join("\n"))
    }
}

/// One family of each report that shows that it counts.
const FIVE: [&str; 5] = [
    "wolkvox_inbound_calls_total",
    "wolkvox_ivr_calls_total",
    "wolkvox_callback_offers_total",
    "wolkvox_cdr_calls_total",
    "wolkvox_survey_duration_seconds_count",
];

/// Whether all five reports of an operation have been read, and count.
fn is_counting(samples: &Samples, operation: &str) -> bool {
    let counted = counted(samples, operation);
    let sum = |name: &str| -> i64 {
        counted.iter().filter(|(series, _)| series.name == name).map(|(_, value)| value).sum()
    };
    samples.is_up(operation) && FIVE.iter().all(|family| sum(family) > 0)
}

/// The keys of an operation that is read all the time and counts from a local date. In the early afternoon all
/// of yesterday has settled, and nothing of today, so that one cycle reads all of it.
fn keys(count_from: &str) -> String {
    format!(
        "    count_from: {count_from}
    daily_requests: 1000000
    reports:
      skill_6: {{ interval: 2s }}
      diagram_1_2: {{ interval: 2s, settle: 13h }}
      diagram_3: {{ interval: 2s, settle: 13h }}
      cdr_1: {{ interval: 2s, settle: 13h }}
      diagram_4: {{ interval: 2s, settle: 13h }}
"
    )
}

/// A zone in which it is early afternoon now, so that no midnight comes while the test runs.
pub(super) fn afternoon() -> Zone {
    let utc = Zone::named("Etc/UTC").unwrap();
    let hour = i32::from(utc.civil(Clock::real().now()).hour());
    let ahead = match 13 - hour {
        ahead if ahead < -11 => ahead + 24,
        ahead => ahead,
    };
    // The names of these zones have the sign of the west.
    let name = format!("Etc/GMT{}{}", if ahead > 0 { '-' } else { '+' }, ahead.abs());
    Zone::named(if ahead == 0 { "Etc/UTC" } else { &name }).unwrap()
}
