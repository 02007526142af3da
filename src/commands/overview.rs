//! What the status page says, gathered from the board.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::advice::advice;
use super::version;
use crate::api::Report;
use crate::config::Operation;
use crate::metrics::write_decimal;
use crate::pipeline::{Board, Face};
use crate::status::{OperationStatus, ReportStatus, SkillStatus, State, Status};
use crate::time::{Clock, SignedDuration, Timestamp};
use crate::today::SkillDay;
use crate::vitals::ReportVitals;

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
    /// What is wrong with the ledger.
    pub(super) ledger: Vec<String>,
    /// What the configuration warns about.
    pub(super) warnings: Arc<ArcSwap<Vec<String>>>,
}

impl Page {
    /// The page as HTML.
    pub(super) fn render(&self) -> String {
        let now = self.clock.now();
        Status {
            version: format!("version {} (revision {})", version::VERSION, version::REVISION),
            telemetry_path: self.telemetry_path.clone(),
            demo: self.demo,
            ledger: self.ledger.clone(),
            warnings: self.warnings.load().to_vec(),
            operations: self.board.look_at_all(|face| operation(face, now)),
        }
        .page()
    }
}

fn operation(face: &Face, now: Timestamp) -> OperationStatus {
    let operation = &face.operation;
    let zone = &operation.zone;
    let quota = face.vitals.quota;
    let skills = face.today.by_skill(zone, now);
    let mut notes = Vec::new();
    if let Some((reason, until)) = face.paused {
        notes.push(format!("{} Trying again in {}.", advice(reason), span(until.duration_since(now))));
    }
    if face.withheld {
        notes.push(
            "dnis holds callers' numbers: its series are withheld and counted as other. Name the real numbers in dnis.allow."
                .to_owned(),
        );
    }
    OperationStatus {
        name: operation.name.clone(),
        place: format!(
            "server {}, {} {} in {}",
            operation.server,
            zone.civil(now).date(),
            zone.civil(now).strftime("%H:%M"),
            zone.name()
        ),
        state: state(face),
        quota: match (quota.today, quota.limit, quota.forecast) {
            (Some(today), Some(limit), Some(forecast)) => {
                let [today, limit, forecast] = [today, limit, forecast].map(grouped);
                format!("{today} of {limit} requests used today, {forecast} expected by the end of the day")
            }
            _ => "The quota is not known yet.".to_owned(),
        },
        quota_short: quota.forecast.zip(quota.limit).is_some_and(|(forecast, limit)| forecast > limit),
        skills: skills.iter().map(|(id, day)| skill(operation, id, face.names.skill_name(id), day)).collect(),
        reports: face.vitals.reports().map(|(code, vitals)| report(operation, code, vitals, now)).collect(),
        notes,
    }
}

fn skill(operation: &Operation, id: &str, name: Option<&str>, day: &SkillDay) -> SkillStatus {
    let targets = operation.targets_of(id);
    let (within, target) =
        targets.service_level.iter().next().map_or((20, None), |(within, share)| (*within, Some(*share)));
    let answered = match within {
        10 => day.within[0],
        30 => day.within[2],
        _ => day.within[1],
    };
    let level = share(answered, day.inbound);
    let abandoned = share(day.abandoned, day.inbound);
    // Rounded to the side of the miss, so that what misses its target never reads as if it met it.
    let words = |tenths: Option<i64>, target: Option<i64>, tail: &str| {
        let ratio = tenths.map_or("-".to_owned(), |tenths| format!("{}.{} %", tenths / 10, tenths % 10));
        let target = target.map(|target| format!(" (target {})", percent(target))).unwrap_or_default();
        format!("{ratio}{tail}{target}")
    };
    SkillStatus {
        id: id.to_owned(),
        name: name.unwrap_or_default().to_owned(),
        inbound: grouped(day.inbound.unsigned_abs()),
        answered: grouped(day.answered.unsigned_abs()),
        abandoned: grouped(day.abandoned.unsigned_abs()),
        service_level: words(level.map(|level| level / 1000), target, &format!(" in {within} s")),
        service_level_missed: level.zip(target).is_some_and(|(level, target)| level < target),
        abandon: words(abandoned.map(|rate| (rate + 999) / 1000), targets.abandon, ""),
        abandon_missed: abandoned.zip(targets.abandon).is_some_and(|(abandoned, target)| abandoned > target),
    }
}

fn report(operation: &Operation, report: Report, vitals: &ReportVitals, now: Timestamp) -> ReportStatus {
    let ago = |at: Option<Timestamp>| {
        at.map_or("never".to_owned(), |at| format!("{} ago", span(now.duration_since(at))))
    };
    let failing = vitals.up == Some(false);
    ReportStatus {
        code: report.code(),
        title: title(report),
        state: match (vitals.up, vitals.catching_up) {
            (None, _) => "waiting",
            (Some(false), _) => "failing",
            (Some(true), Some(true)) => "catching up",
            (Some(true), _) => "ok",
        },
        last_success: ago(vitals.last_success),
        data_age: vitals.data_through.map_or("-".to_owned(), |at| span(now.duration_since(at))),
        rows: vitals.last_rows.map_or("-".to_owned(), grouped),
        owed: vitals.owed.unwrap_or_default(),
        next: vitals.next.map_or("-".to_owned(), |at| format!("in {}", span(at.duration_since(now)))),
        counting_since: vitals
            .counting_since
            .map_or("-".to_owned(), |at| operation.zone.civil(at).strftime("%Y-%m-%d %H:%M").to_string()),
        last_failure: match &vitals.last_failure {
            None => "none".to_owned(),
            Some((at, reason, words)) if failing => {
                format!("{words} ({} ago). {}", span(now.duration_since(*at)), advice(*reason))
            }
            Some((at, _, words)) => format!("{words} ({} ago, over)", span(now.duration_since(*at))),
        },
    }
}

const fn title(report: Report) -> &'static str {
    match report {
        Report::Skill6 => "calls by DNIS",
        Report::Diagram3 => "callbacks",
        Report::Diagram12 => "IVR",
        Report::Cdr1 => "call detail",
        Report::Diagram4 => "surveys",
        Report::Skill1 => "witness",
        Report::Skills => "names of skills",
        Report::TokenInfo => "quota",
    }
}

fn share(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| (i128::from(part) * 1_000_000 / i128::from(whole)) as i64)
}

/// A share as it was configured, without trailing zeros.
fn percent(millionths: i64) -> String {
    let mut text = String::new();
    write_decimal(&mut text, millionths, 4);
    text + " %"
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn state(face: &Face) -> State {
    let enabled = |report: Report| face.operation.enabled().any(|enabled| enabled == report);
    let mut five = face.vitals.reports().filter(|(report, _)| enabled(*report));
    // `token_info` and its like fail with the same cause; a token that is refused stops all of them.
    if face.paused.is_some() || five.any(|(_, vitals)| vitals.up == Some(false)) {
        State::Failing
    } else if face.vitals.is_up() {
        State::Reading
    } else {
        State::Starting
    }
}

/// A duration in its one or two largest units; nothing is shorter than nothing.
fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0).unsigned_abs();
    let whole = if seconds >= 3600 { seconds / 60 * 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(whole)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_targets_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (25_123_456, "25,123,456")] {
            assert_eq!(grouped(number), text);
        }
        for (millionths, text) in
            [(800_000, "80 %"), (999_500, "99.95 %"), (0, "0 %"), (123_456, "12.3456 %")]
        {
            assert_eq!(percent(millionths), text);
        }
    }
}
