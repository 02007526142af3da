//! What an operation knows of its own reading: the families of trust, and the words for the status page.
//!
//! Counters here start with the process. Instants are those of the operation's clock; only [`Vitals::blocks`] turns
//! them into real time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{Reason, Report};
use crate::metrics::{Block, Blocks, Family, Kind, Label, catalogue};
use crate::report;
use crate::time::{Clock, SignedDuration, Timestamp};

/// Why a row was not counted: the closed set of the label `reason`.
pub const DROPPED: [&str; 5] = ["total_row", "duplicate", "no_identity", "outside_window", "sealed"];
/// The check that counts buckets which no good answer could seal.
pub const SEALED_AS_HELD: &str = "sealed_as_held";
/// The labels whose values come from upstream and are bounded.
const FOLDED: [Label; 12] = [
    Label::SkillId,
    Label::Dnis,
    Label::Interaction,
    Label::CampaignId,
    Label::HangUp,
    Label::Destination,
    Label::CodAct,
    Label::AgentId,
    Label::Result,
    Label::Question,
    Label::Answer,
    Label::Feeling,
];
const DIRECTIONS: [&str; 3] = ["down", "up", "relabelled"];

/// Everything measured of one operation.
#[derive(Debug, Clone)]
pub struct Vitals {
    operation: String,
    reports: BTreeMap<Report, ReportVitals>,
    mismatches: BTreeMap<&'static str, u64>,
    folded: BTreeMap<Label, u64>,
    requests: u64,
    /// The quota as last known.
    pub quota: Quota,
}

/// The quota of a token as planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// The vendor's count of the quota day, our own requests since then added; `None` before the first `token_info`.
    pub today: Option<u64>,
    /// Requests allowed per quota day.
    pub limit: Option<u64>,
    /// Requests expected at the end of the quota day.
    pub forecast: Option<u64>,
}

/// Everything measured of one report.
#[derive(Debug, Clone)]
pub struct ReportVitals {
    /// Whether the last reading succeeded; `None` before the first.
    pub up: Option<bool>,
    /// When it was last asked for.
    pub last_attempt: Option<Timestamp>,
    /// When it was last read with success (`skill_6`: the skill read longest ago).
    pub last_success: Option<Timestamp>,
    /// Everything dated before this instant has been read.
    pub data_through: Option<Timestamp>,
    /// From when the counters count; `None` for helpers and before the first reading.
    pub counting_since: Option<Timestamp>,
    /// The interval as planned now.
    pub interval: Option<Duration>,
    /// Whether older buckets are being read; `None` for helpers.
    pub catching_up: Option<bool>,
    /// Buckets past their settle and not sealed; `None` for helpers.
    pub owed: Option<u64>,
    /// When the next reading is planned.
    pub next: Option<Timestamp>,
    /// The last failure: when, and in which words. Kept after a success, for the page.
    pub last_failure: Option<(Timestamp, Reason, String)>,
    /// Rows of the last answer.
    pub last_rows: Option<u64>,
    reads: u64,
    failures: BTreeMap<Reason, u64>,
    empty: u64,
    rows: u64,
    bytes: u64,
    seconds: Observed,
    rejected: BTreeMap<&'static str, u64>,
    dropped: BTreeMap<&'static str, u64>,
    revisions: [u64; 3],
    lateness: Observed,
}

/// A histogram of our own.
#[derive(Debug, Clone)]
struct Observed {
    family: &'static Family,
    values: Box<[i64]>,
}

impl Observed {
    fn new(family: &'static Family) -> Observed {
        Observed { family, values: vec![0; family.width()].into() }
    }

    fn add(&mut self, raw: i64) {
        let Kind::Histogram(bounds) = self.family.kind else { return };
        for (value, bound) in self.values.iter_mut().zip(bounds) {
            *value += i64::from(raw <= *bound);
        }
        let count = bounds.len();
        self.values[count] += 1;
        self.values[count + 1] = self.values[count + 1].saturating_add(raw);
    }
}

impl ReportVitals {
    fn new() -> ReportVitals {
        ReportVitals {
            up: None,
            last_attempt: None,
            last_success: None,
            data_through: None,
            counting_since: None,
            interval: None,
            catching_up: None,
            owed: None,
            next: None,
            last_failure: None,
            last_rows: None,
            reads: 0,
            failures: BTreeMap::new(),
            empty: 0,
            rows: 0,
            bytes: 0,
            seconds: Observed::new(&catalogue::REPORT_READ_SECONDS),
            rejected: BTreeMap::new(),
            dropped: BTreeMap::new(),
            revisions: [0; 3],
            lateness: Observed::new(&catalogue::REPORT_ROW_LATENESS),
        }
    }

    /// A request was sent.
    pub fn sent(&mut self, at: Timestamp) {
        self.reads += 1;
        self.last_attempt = Some(at);
    }

    /// An answer, or what there was of one, took this long and this many bytes.
    pub fn received(&mut self, took: Duration, bytes: u64) {
        self.seconds.add(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        self.bytes += bytes;
    }

    /// The reading succeeded with this many rows.
    pub fn succeeded(&mut self, rows: u64) {
        self.up = Some(true);
        self.rows += rows;
        self.last_rows = Some(rows);
        self.empty += u64::from(rows == 0);
    }

    /// The reading failed.
    pub fn failed(&mut self, at: Timestamp, reason: Reason, words: String) {
        self.up = Some(false);
        *self.failures.entry(reason).or_default() += 1;
        self.last_failure = Some((at, reason, words));
    }

    /// Nothing could be asked, through no fault of the API.
    pub fn unasked(&mut self, at: Timestamp, words: String) {
        self.up = Some(false);
        self.last_failure = Some((at, Reason::Connect, words));
    }

    /// An answer was cut where it cannot be split any further, and taken as it is.
    pub fn truncated(&mut self) {
        *self.failures.entry(Reason::Truncated).or_default() += 1;
    }

    /// Values that could not be read.
    pub fn rejected(&mut self, field: &'static str, count: u64) {
        *self.rejected.entry(field).or_default() += count;
    }

    /// Rows that were not counted; the reason is one of [`DROPPED`].
    pub fn dropped(&mut self, reason: &'static str, count: u64) {
        *self.dropped.entry(reason).or_default() += count;
    }

    /// Cells that went down, went up after their bucket's end, or were relabelled.
    pub fn revised(&mut self, down: u64, up: u64, relabelled: u64) {
        for (total, count) in self.revisions.iter_mut().zip([down, up, relabelled]) {
            *total += count;
        }
    }

    /// How long after its time a row first appeared.
    pub fn late(&mut self, by: SignedDuration) {
        self.lateness.add(i64::try_from(by.as_millis().max(0)).unwrap_or(i64::MAX));
    }
}

impl Vitals {
    /// Nothing measured yet. `reports` are the ones that are read: enabled reports and helper calls.
    pub fn new(operation: &str, reports: impl IntoIterator<Item = Report>) -> Vitals {
        Vitals {
            operation: operation.to_owned(),
            reports: reports.into_iter().map(|report| (report, ReportVitals::new())).collect(),
            mismatches: BTreeMap::new(),
            folded: BTreeMap::new(),
            requests: 0,
            quota: Quota::default(),
        }
    }

    /// Follows a change of configuration: new reports start, reports turned off go.
    pub fn keep(&mut self, reports: &[Report]) {
        self.reports.retain(|report, _| reports.contains(report) || report.grain().is_none());
        // A helper may not be asked any more, and what it last said must not stay.
        for (_, vitals) in self.reports.iter_mut().filter(|(report, _)| report.grain().is_none()) {
            vitals.up = None;
        }
        for report in reports {
            self.reports.entry(*report).or_insert_with(ReportVitals::new);
        }
    }

    /// What is measured of one report; begins to measure one that is met for the first time.
    pub fn report(&mut self, report: Report) -> &mut ReportVitals {
        self.reports.entry(report).or_insert_with(ReportVitals::new)
    }

    /// Every report that is measured.
    pub fn reports(&self) -> impl Iterator<Item = (Report, &ReportVitals)> {
        self.reports.iter().map(|(report, vitals)| (*report, vitals))
    }

    /// Requests sent so far.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// A request went out with the token.
    pub fn requested(&mut self) {
        self.requests += 1;
    }

    /// A self-check of rebuilt numbers failed; zero makes the check known.
    pub fn mismatch(&mut self, check: &'static str, count: u64) {
        *self.mismatches.entry(check).or_default() += count;
    }

    /// Label values were sent to `other`.
    pub fn folded(&mut self, label: Label, count: u64) {
        *self.folded.entry(label).or_default() += count;
    }

    /// Whether the last reading of every enabled one of the five succeeded.
    pub fn is_up(&self) -> bool {
        Report::FIVE
            .iter()
            .filter_map(|report| self.reports.get(report))
            .all(|vitals| vitals.up == Some(true))
    }

    /// The families of trust as they stand.
    pub fn blocks(&self, clock: &Clock) -> Vec<Block> {
        let mut out = Blocks::of(&self.operation);
        let real = |at: Timestamp| clock.to_wall(at).as_millisecond();
        out.put(&catalogue::UP, &[], i64::from(self.is_up()));
        for (report, vitals) in &self.reports {
            let code = report.code();
            let mut put = |family, extra: Option<(Label, &str)>, value: i64| {
                let labels: Vec<_> = [(Label::Report, code)].into_iter().chain(extra).collect();
                out.put(family, &labels, value);
            };
            put(&catalogue::REPORT_UP, None, i64::from(vitals.up == Some(true)));
            for (family, at) in [
                (&catalogue::LAST_ATTEMPT, vitals.last_attempt),
                (&catalogue::LAST_SUCCESS, vitals.last_success),
                (&catalogue::DATA_THROUGH, vitals.data_through),
                (&catalogue::COUNTING_SINCE, vitals.counting_since),
            ] {
                if let Some(at) = at {
                    put(family, None, real(at));
                }
            }
            if let Some(interval) = vitals.interval {
                // Real time, as the instants above: their difference is compared with it.
                let interval = interval.div_f64(clock.speed());
                put(
                    &catalogue::REPORT_INTERVAL,
                    None,
                    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX),
                );
            }
            if let Some(catching_up) = vitals.catching_up {
                put(&catalogue::REPORT_CATCHING_UP, None, i64::from(catching_up));
            }
            if let Some(owed) = vitals.owed {
                put(&catalogue::REPORT_BUCKETS_OWED, None, count(owed));
            }
            put(&catalogue::REPORT_READS, None, count(vitals.reads));
            for reason in Reason::ALL {
                let failures = vitals.failures.get(&reason).copied().unwrap_or_default();
                put(
                    &catalogue::REPORT_READ_FAILURES,
                    Some((Label::Reason, reason.as_str())),
                    count(failures),
                );
            }
            put(&catalogue::REPORT_EMPTY_READS, None, count(vitals.empty));
            put(&catalogue::REPORT_ROWS, None, count(vitals.rows));
            put(&catalogue::REPORT_RESPONSE_BYTES, None, count(vitals.bytes));
            for field in report::fields(*report) {
                let rejected = vitals.rejected.get(field).copied().unwrap_or_default();
                put(&catalogue::REPORT_VALUES_REJECTED, Some((Label::Field, field)), count(rejected));
            }
            if report.grain().is_some() || *report == Report::Skill1 {
                for reason in DROPPED {
                    let dropped = vitals.dropped.get(reason).copied().unwrap_or_default();
                    put(&catalogue::REPORT_ROWS_DROPPED, Some((Label::Reason, reason)), count(dropped));
                }
            }
            if report.grain().is_some() {
                for (direction, revisions) in DIRECTIONS.iter().zip(vitals.revisions) {
                    put(&catalogue::REPORT_REVISIONS, Some((Label::Direction, direction)), count(revisions));
                }
            }
            out.put_whole(&catalogue::REPORT_READ_SECONDS, &[(Label::Report, code)], &vitals.seconds.values);
            if report.has_rows_of_events() {
                out.put_whole(
                    &catalogue::REPORT_ROW_LATENESS,
                    &[(Label::Report, code)],
                    &vitals.lateness.values,
                );
            }
        }
        for check in report::CHECKS.iter().chain([&SEALED_AS_HELD]) {
            let mismatches = self.mismatches.get(check).copied().unwrap_or_default();
            out.put(&catalogue::RECONSTRUCTION_MISMATCHES, &[(Label::Check, check)], count(mismatches));
        }
        for label in FOLDED {
            let folded = self.folded.get(&label).copied().unwrap_or_default();
            out.put(&catalogue::LABEL_VALUES_FOLDED, &[(Label::Label, label.as_str())], count(folded));
        }
        out.put(&catalogue::TOKEN_REQUESTS, &[], count(self.requests));
        for (family, value) in [
            (&catalogue::TOKEN_REQUESTS_TODAY, self.quota.today),
            (&catalogue::TOKEN_REQUESTS_LIMIT, self.quota.limit),
            (&catalogue::TOKEN_REQUESTS_FORECAST, self.quota.forecast),
        ] {
            if let Some(value) = value {
                out.put(family, &[], count(value));
            }
        }
        out.finish()
    }
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_and_an_interval_are_of_the_same_time() {
        let origin = Timestamp::from_second(1_000_000).unwrap();
        let clock = Clock::scaled(origin, 60.0);
        let mut vitals = Vitals::new("demo", [Report::Skill6]);
        let report = vitals.report(Report::Skill6);
        report.interval = Some(Duration::from_secs(300));
        report.last_success = Some(origin);
        report.last_attempt = Some(origin + SignedDuration::from_secs(300));
        let blocks = vitals.blocks(&clock);
        let of = |family| {
            let block = blocks.iter().find(|block: &&Block| block.family.is(family)).unwrap();
            block.samples[0].values[0]
        };
        let apart = of(&catalogue::LAST_ATTEMPT) - of(&catalogue::LAST_SUCCESS);
        assert_eq!((apart, of(&catalogue::REPORT_INTERVAL)), (5_000, 5_000));
    }
}
