//! The five reports of an operation: intervals, settle times and what is special to each.

use std::time::Duration;

use super::field::{self, human};
use super::mistake::Notes;
use super::node::{Kind, Node, Value};
use super::{Cdr1, Denominator, Diagram4, ReportSettings, Reports, Skill6};
use crate::api::Report;

pub(super) const KEYS: [&str; 5] = ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"];
pub(super) const SKILL_6_KEYS: [&str; 3] = ["interval", "settle", "denominator"];
pub(super) const CDR_1_KEYS: [&str; 4] = ["interval", "settle", "coding_delay", "agents"];
pub(super) const DIAGRAM_4_KEYS: [&str; 3] = ["interval", "settle", "coding_delay"];
const PLAIN_KEYS: [&str; 2] = ["interval", "settle"];

pub(super) const DENOMINATORS: [(&str, Denominator); 3] =
    [("inbound", Denominator::Inbound), ("answered", Denominator::Answered), ("auto", Denominator::Auto)];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The vendor asks for one reading in five minutes at most.
const INTERVAL_ADVISED: Duration = Duration::from_secs(300);
const INTERVAL_LEAST: Duration = Duration::from_secs(1);
const INTERVAL_MOST: Duration = Duration::from_secs(24 * 3600);

/// Answers of row reports must cover a bucket with two hours to spare before it seals.
const SETTLE_LEAST_OF_ROWS: Duration = Duration::from_secs(2 * 3600);
const SETTLE_LEAST: Duration = Duration::from_secs(300);
const SETTLE_MOST: Duration = Duration::from_secs(31 * 24 * 3600);

const CODING_DELAY: Duration = Duration::from_secs(30 * 60);

impl Default for Reports {
    /// All five, as often as the vendor allows.
    fn default() -> Reports {
        Reports {
            skill_6: Some(Skill6 { settings: defaults(Report::Skill6), denominator: Denominator::Inbound }),
            diagram_1_2: Some(defaults(Report::Diagram12)),
            diagram_3: Some(defaults(Report::Diagram3)),
            cdr_1: Some(Cdr1 { settings: defaults(Report::Cdr1), coding_delay: CODING_DELAY, agents: false }),
            diagram_4: Some(Diagram4 { settings: defaults(Report::Diagram4), coding_delay: CODING_DELAY }),
        }
    }
}

/// Interval and settle time of a report when the configuration does not say.
fn defaults(report: Report) -> ReportSettings {
    let interval = if report == Report::Diagram4 { 15 * MINUTE } else { 5 * MINUTE };
    // Callbacks of a day are worked off the next.
    let settle = if report == Report::Diagram3 { 36 * HOUR } else { 6 * HOUR };
    ReportSettings { interval, settle }
}

/// Reads `reports`.
pub(super) fn read(node: Option<&Node>, notes: &mut Notes) -> Reports {
    let mut reports = Reports::default();
    let Some(node) = node else { return reports };
    if !field::mapping(node, &KEYS, notes) {
        return reports;
    }
    if let Some(node) = node.child("skill_6") {
        reports.skill_6 = switched(node, &SKILL_6_KEYS, notes).then(|| {
            let denominator = node.child("denominator");
            let denominator = denominator.and_then(|node| field::word(node, &DENOMINATORS, notes));
            let settings = settings(node, Report::Skill6, notes);
            Skill6 { settings, denominator: denominator.unwrap_or(Denominator::Inbound) }
        });
    }
    if let Some(node) = node.child("diagram_1_2") {
        let on = switched(node, &PLAIN_KEYS, notes);
        reports.diagram_1_2 = on.then(|| settings(node, Report::Diagram12, notes));
    }
    if let Some(node) = node.child("diagram_3") {
        let on = switched(node, &PLAIN_KEYS, notes);
        reports.diagram_3 = on.then(|| settings(node, Report::Diagram3, notes));
    }
    if let Some(node) = node.child("cdr_1") {
        reports.cdr_1 = switched(node, &CDR_1_KEYS, notes).then(|| {
            let settings = settings(node, Report::Cdr1, notes);
            let agents = node.child("agents").and_then(|node| field::truth(node, notes)).unwrap_or(false);
            Cdr1 { settings, coding_delay: coding_delay(node, settings, notes), agents }
        });
    }
    if let Some(node) = node.child("diagram_4") {
        reports.diagram_4 = switched(node, &DIAGRAM_4_KEYS, notes).then(|| {
            let settings = settings(node, Report::Diagram4, notes);
            Diagram4 { settings, coding_delay: coding_delay(node, settings, notes) }
        });
    }
    reports
}

/// Notes an operation that reads nothing. Defaults may turn everything off, an operation may not.
pub(super) fn refuse_all_off(node: &Node, reports: &Reports, notes: &mut Notes) {
    let Reports { skill_6, diagram_1_2, diagram_3, cdr_1, diagram_4 } = reports;
    let none = skill_6.is_none() && diagram_1_2.is_none() && diagram_3.is_none();
    if none && cdr_1.is_none() && diagram_4.is_none() {
        notes.mistake(&node.at, "all five reports are off; leave one on, or take the operation out");
    }
}

/// Whether a report is on: `off` and `false` turn it off, `on`, `true` and a mapping leave it on.
fn switched(node: &Node, keys: &[&str], notes: &mut Notes) -> bool {
    match &node.value {
        Value::Scalar(Kind::Text, text) if text == "off" => false,
        Value::Scalar(Kind::Truth, text) => text.eq_ignore_ascii_case("true"),
        Value::Scalar(Kind::Text, text) if text == "on" => true,
        Value::Map(_) => {
            field::mapping(node, keys, notes);
            true
        }
        _ => {
            let keys = keys.join(", ");
            notes.mistake(&node.at, format!("off, on, or a mapping with the keys {keys} is needed"));
            true
        }
    }
}

fn settings(node: &Node, report: Report, notes: &mut Notes) -> ReportSettings {
    let mut settings = defaults(report);
    if let Some(node) = node.child("interval")
        && let Some(interval) = field::duration(node, INTERVAL_LEAST, INTERVAL_MOST, notes)
    {
        if interval < INTERVAL_ADVISED {
            notes.warn(&node.at, "below 5m; the vendor asks for one reading in 5 minutes at most");
        }
        settings.interval = interval;
    }
    if let Some(node) = node.child("settle") {
        let rows = report.has_rows_of_events();
        let least = if rows { SETTLE_LEAST_OF_ROWS } else { SETTLE_LEAST };
        if let Some(settle) = field::duration(node, least, SETTLE_MOST, notes) {
            settings.settle = settle;
        }
    }
    settings
}

/// How old a row must be before what is coded late is taken as it stands; before the seal, or never.
fn coding_delay(node: &Node, settings: ReportSettings, notes: &mut Notes) -> Duration {
    let Some(node) = node.child("coding_delay") else { return CODING_DELAY.min(settings.settle) };
    let Some(delay) = field::duration(node, Duration::ZERO, SETTLE_MOST, notes) else { return CODING_DELAY };
    if delay > settings.settle {
        let settle = human(settings.settle);
        notes.mistake(&node.at, format!("longer than settle ({settle}), when the row is sealed; shorten it"));
    }
    delay
}
