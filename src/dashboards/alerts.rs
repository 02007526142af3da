//! The alerts, by what they watch.
//!
//! A contact-centre alert is silent while its skill is closed, while its report is being caught up with, and on
//! too few calls. Where none of that makes sense, [`Hours::Any`] says why.

mod customers;
mod levels;
mod traffic;
mod trust;
mod upstream;

use super::recording::{OPERATION, SKILL, open, times_usual};
use super::rule::{Alert, Category, Group, Hours, Rule, Runbook, Severity};
use super::words::{Window, is, list, max};
use super::{Board, Options};
use crate::api::Report;
use crate::metrics::{Label, catalogue};

pub use levels::{HORIZONS, Horizon};

/// All groups.
pub fn groups(options: &Options) -> Vec<Group> {
    let group = |name, alerts: Vec<Alert>| Group {
        name,
        rules: alerts.into_iter().map(|alert| Rule::Alert(Box::new(alert))).collect(),
    };
    vec![
        group("wolkvox.levels", levels::alerts(options)),
        group("wolkvox.traffic", traffic::alerts(options)),
        group("wolkvox.customers", customers::alerts(options)),
        group("wolkvox.upstream", upstream::alerts(options)),
        group("wolkvox.trust", trust::alerts(options)),
    ]
}

/// Every alert in the order of the files.
pub fn all(options: &Options) -> Vec<Alert> {
    let rules = groups(options).into_iter().flat_map(|group| group.rules);
    rules.filter_map(|rule| if let Rule::Alert(alert) = rule { Some(*alert) } else { None }).collect()
}

/// An alert on figures of a report, while skills are open; what differs is filled in.
fn kpi(name: &'static str, report: Report, by: &[Label], board: Board, signal: String) -> Alert {
    Alert {
        name,
        severity: Severity::Warning,
        category: Category::Kpi,
        report: Some(report),
        by: by.to_vec(),
        signal,
        guards: vec![],
        hold_minutes: 15,
        summary: String::new(),
        description: String::new(),
        board,
        hours: Hours::Open,
        runbook: Runbook { meaning: "", impact: "", diagnosis: vec![], action: &[], silence: "" },
    }
}

/// Only where enough was counted.
fn at_least(by: &[Label], counted: &str, fewest: f64) -> String {
    format!("and on ({})\n({counted} >= {fewest})", list(by))
}

/// Only where more was counted than so many times the same time in each of the last two weeks, as far as they are known.
fn beyond_usual(metric: &str, window: Window, times: f64) -> String {
    format!("and on ({})\n({} > {times})", list(SKILL), times_usual(metric, window))
}

/// Only while the skill has been open for all of the window.
fn while_open(window: Window) -> String {
    format!("and on ({})\n(min_over_time({}[{}]) == 1)", list(SKILL), open(), window.as_str())
}

/// Only while some skill of the operation has been open for all of the window.
fn while_any_open(window: Window) -> String {
    let open = format!("min_over_time({}[{}])", open(), window.as_str());
    format!("and on ({})\n({} == 1)", list(OPERATION), max(OPERATION, &open))
}

/// Not while older buckets of the report were read within the window: what they bring looks like traffic of now. What fired
/// before is judged by it all the same: an outage that ends is no reason to take an alert back.
///
/// `there` is a series of the same labels that is there whatever its value.
fn unless_catching_up(
    options: &Options,
    (name, by, there): (&str, &[Label], &str),
    report: Report,
    window: Window,
) -> String {
    let catching_up =
        options.selector.some(&catalogue::REPORT_CATCHING_UP, &[is(Label::Report, report.code())]);
    let ever = max(OPERATION, &format!("max_over_time({catching_up}[{}])", window.as_str()));
    format!(
        "and on ({on})\n(\n  {there} unless on ({}) ({ever} == 1)\n  or on ({on})\n  \
         ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}\n)",
        list(OPERATION),
        on = list(by)
    )
}

/// The operation and skill of an alert, as people read it: `acme / 101`.
fn skill() -> String {
    format!("{} / {}", super::words::value_of(Label::Operation), super::words::value_of(Label::SkillId))
}
