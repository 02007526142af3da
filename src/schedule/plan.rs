//! A day's requests against the quota: what the command `plan` prints and the first guess of the schedule.

use std::time::Duration;

use crate::api::Report;
use crate::config::{CountFrom, Operation, Skills};
use crate::schedule::quota::{ASSUMED_LIMIT, LimitSource};

/// What a plan cannot know from the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumptions {
    /// Skills under `discover`.
    pub skills: usize,
    /// In what share of the slots a skill's numbers have moved, 0 to 1, over the whole day.
    pub busy: f64,
    /// The limit per quota day, where the vendor's is known.
    pub limit: Option<u64>,
    /// Days of the past that are read first.
    pub past_days: u32,
}

/// A day's requests of one operation, as the configuration asks for them and as the quota allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// One line per question asked, the five reports first.
    pub lines: Vec<PlanLine>,
    /// Requests per quota day.
    pub limit: u64,
    /// Where the limit comes from.
    pub source: LimitSource,
    /// By how much intervals are stretched to stay within the limit; 1 is not at all.
    pub stretch: f64,
    /// Requests per day at the configured intervals.
    pub wanted: f64,
    /// Requests per day at the stretched intervals.
    pub planned: f64,
}

/// A day's requests of one report at the configured interval.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanLine {
    /// The report; `skill_1` is the witness, `skills` and `token_info` are the helpers.
    pub report: Report,
    /// The interval as configured.
    pub interval: Duration,
    /// The interval as stretched.
    pub planned_interval: Duration,
    /// Regular readings.
    pub present: f64,
    /// Readings that only seal.
    pub seals: f64,
    /// Requests in all, not per day, to read the past.
    pub catch_up: f64,
}

impl Plan {
    /// Plans a day of an operation.
    pub fn of(operation: &Operation, assumed: Assumptions) -> Plan {
        let mut lines = Vec::new();
        let busy = if assumed.busy.is_finite() { assumed.busy.clamp(0.0, 1.0) } else { 1.0 };
        let past = match operation.count_from {
            CountFrom::Now => 0.0,
            CountFrom::Date(_) => f64::from(assumed.past_days),
        };
        let mut witness = None;
        for report in operation.enabled() {
            let Some(settings) = operation.settings(report) else { continue };
            let interval = settings.interval.max(Duration::from_secs(1));
            let mut line = PlanLine {
                report,
                interval,
                planned_interval: interval,
                present: 86_400.0 / interval.as_secs_f64(),
                seals: 0.0,
                catch_up: (past / 28.0).ceil(),
            };
            if report == Report::Skill6 {
                let slots = line.present;
                // Yesterday: every slot for an hour, then hourly to the seal, which takes one more look.
                let frequent = (3600.0 / interval.as_secs_f64()).max(1.0);
                let hourly = (settings.settle.as_secs_f64() / 3600.0 - 1.0).max(0.0)
                    / (interval.as_secs_f64() / 3600.0).max(1.0);
                let skills = skill_count(operation, assumed.skills) as f64;
                if has_witness(operation, assumed.skills) {
                    witness = Some(PlanLine {
                        report: Report::Skill1,
                        present: slots + frequent + hourly,
                        seals: 1.0,
                        catch_up: past,
                        ..line.clone()
                    });
                    // Yesterday's numbers move once more at most; the seal reads every skill.
                    line.present = slots * skills * busy + skills * busy;
                } else {
                    line.present = (slots + frequent + hourly) * skills;
                }
                line.seals = skills;
                line.catch_up = past * skills;
            }
            lines.push(line);
        }
        lines.extend(witness);
        for (report, hours) in [(Report::Skills, 24.0), (Report::TokenInfo, 1.0)] {
            let interval = Duration::from_secs_f64(3600.0 * hours);
            lines.push(PlanLine {
                report,
                interval,
                planned_interval: interval,
                present: 24.0 / hours,
                seals: 0.0,
                catch_up: 0.0,
            });
        }
        let (limit, source) = match (operation.daily_requests, assumed.limit) {
            (Some(limit), _) => (limit, LimitSource::Configured),
            (None, Some(limit)) => (limit, LimitSource::Vendor),
            (None, None) => (ASSUMED_LIMIT, LimitSource::Assumed),
        };
        let is_helper = |line: &PlanLine| matches!(line.report, Report::Skills | Report::TokenInfo);
        let elastic: f64 = lines.iter().filter(|line| !is_helper(line)).map(|line| line.present).sum();
        let helpers: f64 = lines.iter().filter(|line| is_helper(line)).map(|line| line.present).sum();
        let fixed = helpers + lines.iter().map(|line| line.seals).sum::<f64>();
        let stretch = stretch(elastic, limit as f64 * 0.95 - fixed);
        for line in lines.iter_mut().filter(|line| !is_helper(line)) {
            line.planned_interval = line.interval.mul_f64(stretch);
        }
        Plan { lines, limit, source, stretch, wanted: elastic + fixed, planned: elastic / stretch + fixed }
    }

    /// Whether the quota allows the configured intervals.
    pub fn fits(&self) -> bool {
        self.stretch <= 1.0
    }
}

/// Intervals are never stretched beyond this: 5 minutes become 6 hours.
const MOST_STRETCH: f64 = 72.0;

/// The one factor that fits a demand into a budget.
pub(super) fn stretch(demand: f64, budget: f64) -> f64 {
    if demand <= budget || demand <= 0.0 {
        1.0
    } else if budget <= 0.0 {
        MOST_STRETCH
    } else {
        (demand / budget).clamp(1.0, MOST_STRETCH)
    }
}

fn skill_count(operation: &Operation, discovered: usize) -> usize {
    match &operation.skills {
        Skills::All => 1,
        Skills::Named(named) => named.len(),
        Skills::Discover => discovered,
    }
}

fn has_witness(operation: &Operation, discovered: usize) -> bool {
    operation.skills != Skills::All && skill_count(operation, discovered) >= 3
}
