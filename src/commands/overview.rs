//! What the status page says, gathered from the board.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::version;
use crate::api::Report;
use crate::config::Operation;
use crate::pipeline::{Board, Face, Store};
use crate::status::{
    CallbackStatus, DayStatus, IvrStatus, Measure, OperationStatus, QuotaStatus, ReportState, ReportStatus,
    SkillStatus, State, Status, TOO_FEW, Verdict, Visit,
};
use crate::time::{Clock, SignedDuration, Timestamp};
use crate::today::SkillDay;
use crate::vitals::{Quota, ReportVitals};

mod troubles;
mod words;

use words::{calls, exact_span, grouped, percent, span, tenths};

/// Makes the page anew for every visitor.
#[derive(Debug)]
pub(super) struct Page {
    /// What all operations show.
    pub(super) board: Board,
    /// The time of the contact centre.
    pub(super) clock: Clock,
    /// Where the metrics are.
    pub(super) telemetry_path: String,
    /// Whether this is a demonstration.
    pub(super) demo: bool,
    /// What was wrong with the ledger when it was opened.
    pub(super) damage: Option<String>,
    /// The ledger as it is used.
    pub(super) store: Store,
    /// What the configuration warns about.
    pub(super) warnings: Arc<ArcSwap<Vec<String>>>,
}

impl Page {
    /// The page as HTML; `None` for an operation that is not there.
    pub(super) fn render(&self, visit: &Visit) -> Option<String> {
        let now = self.clock.now();
        let operations = match &visit.operation {
            Some(name) => vec![self.board.look(name, |face| operation(face, now))?],
            None => self.board.look_at_all(|face| operation(face, now)),
        };
        let trouble = self.store.trouble();
        let ledger_failing = trouble.is_some();
        let trouble = trouble.map(|words| {
            format!("{words}. Nothing is asked until that works again, which is tried every few seconds.")
        });
        let status = Status {
            version: format!("version {} (revision {})", version::VERSION, version::REVISION),
            telemetry_path: self.telemetry_path.clone(),
            demo: self.demo,
            ledger: trouble.into_iter().chain(self.damage.clone()).collect(),
            ledger_failing,
            warnings: self.warnings.load().to_vec(),
            visit: visit.clone(),
            operations,
        };
        Some(status.page())
    }
}

fn operation(face: &Face, now: Timestamp) -> OperationStatus {
    let operation = &face.operation;
    let zone = &operation.zone;
    let local = zone.civil(now);
    let days = face.today.by_skill(zone, now);
    let mut notes = Vec::new();
    if face.withheld {
        notes.push(
            "dnis holds callers' numbers: its series are withheld and counted as other. Name the real numbers in dnis.allow."
                .to_owned(),
        );
    }
    let skill = |(id, day): (&&str, &SkillDay)| {
        let open = operation.is_open(id, local);
        skill(operation, id, face.names.skill_name(id), open, day)
    };
    let ages = face.vitals.reports().filter_map(|(_, vitals)| vitals.data_through);
    OperationStatus {
        name: operation.name.clone(),
        server: operation.server.clone(),
        clock: local.strftime("%A %-d %B, %H:%M").to_string(),
        zone: zone.name().to_owned(),
        state: state(face),
        data_age: ages.min().map(|at| span(now.duration_since(at))),
        troubles: troubles::of(face, now),
        notes,
        quota: quota(face.vitals.quota),
        day: (!days.is_empty()).then(|| day(operation, days.iter().map(|(id, day)| (*id, day)))),
        callbacks: face.callbacks_waiting(now).map(|(waiting, oldest)| CallbackStatus {
            waiting: calls(waiting),
            oldest: oldest.map(|at| span(now.duration_since(at))),
        }),
        ivr: face.today.ivr(zone, now).map(|(count, milliseconds)| IvrStatus {
            calls: calls(count),
            mean: (count > 0).then(|| {
                exact_span(SignedDuration::from_millis(milliseconds.saturating_add(count * 500) / count))
            }),
        }),
        skills: days.iter().map(skill).collect(),
        reports: face.vitals.reports().map(|(code, vitals)| report(operation, code, vitals, now)).collect(),
    }
}

fn quota(quota: Quota) -> Option<QuotaStatus> {
    let (used, limit, forecast) = (quota.today?, quota.limit?, quota.forecast?);
    let of_limit = |count: u64| share(signed(count), signed(limit)).unwrap_or_default();
    Some(QuotaStatus {
        used: grouped(used),
        limit: grouped(limit),
        forecast: grouped(forecast),
        used_share: of_limit(used),
        forecast_share: of_limit(forecast),
        short: forecast > limit,
    })
}

/// Today of all skills, each with its own time to answer.
fn day<'a>(operation: &Operation, days: impl Iterator<Item = (&'a str, &'a SkillDay)>) -> DayStatus {
    let (mut sum, mut in_time, mut seconds) = (SkillDay::default(), 0, Vec::new());
    for (id, day) in days {
        let (within, _) = level_target(operation, id);
        sum.inbound += day.inbound;
        sum.abandoned += day.abandoned;
        in_time += answered_within(within, day);
        seconds.push(within);
    }
    seconds.dedup();
    DayStatus {
        inbound: calls(sum.inbound),
        in_time: calls(in_time),
        abandoned: calls(sum.abandoned),
        level: level(in_time, sum.inbound, None),
        within: match seconds.as_slice() {
            [one] => format!("within {one}\u{a0}s"),
            _ => "within the time set for their skill".to_owned(),
        },
        abandon: abandon(sum.abandoned, sum.inbound, None),
    }
}

fn skill(
    operation: &Operation,
    id: &str,
    name: Option<&str>,
    open: Option<bool>,
    day: &SkillDay,
) -> SkillStatus {
    let (within, target) = level_target(operation, id);
    SkillStatus {
        id: id.to_owned(),
        name: name.unwrap_or_default().to_owned(),
        open,
        inbound: calls(day.inbound),
        answered: calls(day.answered),
        abandoned: calls(day.abandoned),
        within,
        level: level(answered_within(within, day), day.inbound, target),
        abandon: abandon(day.abandoned, day.inbound, operation.targets_of(id).abandon),
    }
}

/// Within how many seconds calls of a skill are to be answered, and how many of them; 20 without a target.
fn level_target(operation: &Operation, skill: &str) -> (u8, Option<i64>) {
    let targets = operation.targets_of(skill).service_level;
    targets.iter().next().map_or((20, None), |(within, share)| (*within, Some(*share)))
}

const fn answered_within(seconds: u8, day: &SkillDay) -> i64 {
    match seconds {
        10 => day.within[0],
        30 => day.within[2],
        _ => day.within[1],
    }
}

/// The service level. Rounded down, so that what misses its target never reads as if it met it.
fn level(in_time: i64, inbound: i64, target: Option<i64>) -> Measure {
    let share = share(in_time, inbound);
    measure(share, share.map(|share| share / 1_000), inbound, target, |share, target| share < target)
}

/// The abandon rate. Rounded up, for the same reason.
fn abandon(abandoned: i64, inbound: i64, target: Option<i64>) -> Measure {
    let share = share(abandoned, inbound);
    measure(share, share.map(|share| (share + 999) / 1_000), inbound, target, |share, target| share > target)
}

fn measure(
    share: Option<i64>,
    shown: Option<i64>,
    calls: i64,
    target: Option<i64>,
    misses: impl Fn(i64, i64) -> bool,
) -> Measure {
    Measure {
        value: shown.map_or("–".to_owned(), tenths),
        share: share.unwrap_or_default(),
        target: target.map(percent),
        target_share: target.unwrap_or_default(),
        verdict: match (share, target) {
            (None, _) => Verdict::None,
            _ if calls < TOO_FEW => Verdict::TooFew,
            (_, None) => Verdict::None,
            (Some(share), Some(target)) if misses(share, target) => Verdict::Missed,
            _ => Verdict::Met,
        },
    }
}

fn report(operation: &Operation, report: Report, vitals: &ReportVitals, now: Timestamp) -> ReportStatus {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let in_a_while = |at: Timestamp| match at.duration_since(now) {
        wait if wait.is_positive() => format!("in {}", span(wait)),
        _ => "now".to_owned(),
    };
    ReportStatus {
        code: report.code(),
        title: troubles::title(report),
        counts: report.grain().is_some(),
        state: match (vitals.up, vitals.catching_up) {
            (None, _) => ReportState::Waiting,
            (Some(false), _) => ReportState::Failing,
            (Some(true), Some(true)) => ReportState::CatchingUp,
            (Some(true), _) => ReportState::Ok,
        },
        last_success: vitals.last_success.map_or("never".to_owned(), ago),
        data_age: vitals.data_through.map(|at| span(now.duration_since(at))),
        rows: vitals.last_rows.map_or("–".to_owned(), grouped),
        owed: vitals.owed.unwrap_or_default(),
        next: vitals.next.map_or("–".to_owned(), in_a_while),
        counting_since: vitals
            .counting_since
            .map_or("–".to_owned(), |at| operation.zone.civil(at).strftime("%Y-%m-%d %H:%M").to_string()),
        last_failure: vitals.last_failure.as_ref().map(|(at, _, words)| {
            let over = if vitals.up == Some(false) { "" } else { ", over now" };
            format!("{words} ({}{over})", ago(*at))
        }),
    }
}

fn share(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| (i128::from(part) * 1_000_000 / i128::from(whole)) as i64)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn state(face: &Face) -> State {
    let enabled = |report: Report| face.operation.enabled().any(|enabled| enabled == report);
    let five = || face.vitals.reports().filter(|(report, _)| enabled(*report)).map(|(_, vitals)| vitals);
    // `token_info` and its like fail with the same cause; a token that is refused stops all of them.
    if face.paused.is_some() || five().any(|vitals| vitals.up == Some(false)) {
        State::Failing
    } else if !face.vitals.is_up() {
        State::Starting
    } else if five().any(|vitals| vitals.catching_up == Some(true)) {
        State::CatchingUp
    } else {
        State::Reading
    }
}
