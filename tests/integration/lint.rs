//! The boards: every rule of Grafana's own linter and more, on the JSON that is delivered.
//!
//! The rules are functions over JSON, so that planted faults show that each of them would notice. What is allowed all
//! the same stands in [`EXCEPTIONS`] with its reason, and an exception that excuses nothing is a fault of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wolkvox_exporter::dashboards::{self, Board, Options, alerts};
use wolkvox_exporter::metrics::Label;

mod layout;
mod planted;
mod promql;
mod queries;

use promql::World;

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    rule: &'static str,
    place: String,
    what: String,
}

/// A rule, a part of the place or of the finding, and why it is allowed.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "recording-rules",
        "wolkvox_skill_info:max: wolkvox_cdr_calls_total is a counter",
        "only asks which skills there are, and multiplies by 0",
    ),
    ("target-job", "ALERTS", "Prometheus itself writes it, with the labels of the alert"),
    (
        "variables",
        "wolkvox_inbound_calls_total is a counter",
        "asks for the values of labels, not for \
        values",
    ),
    ("variables", "wolkvox_cdr_calls_total is a counter", "asks for the values of labels, not for values"),
    (
        "variables",
        "wolkvox_survey_answers_total is a counter",
        "asks for the values of labels, not for \
        values",
    ),
    ("ratio-beside-count", "Wallboard, Target", "the calls stand in the line above, beside what was reached"),
    (
        "ratio-beside-count",
        "Wallboard, At most",
        "the calls stand in the line above, beside what was reached",
    ),
    ("ratio-beside-count", "Memory and processor", "the share of a processor is of no count"),
    ("ratio-bounds", "Quota at day's end", "more may be expected than allowed: that is the news"),
    ("ratio-bounds", "Offered to skills", "calls that are transferred are offered more than once"),
    ("ratio-bounds", "Budget left", "goes below 0 when the target is missed"),
    ("ratio-bounds", "Left, ", "goes below 0 when the target is missed"),
    ("ratio-bounds", "Margin", "goes below 0 when the target is missed"),
    ("ratio-bounds", "Memory and processor", "several processors are more than one"),
];

/// Boards as they are delivered.
fn delivered(options: &Options) -> Vec<Value> {
    dashboards::boards(options).iter().map(dashboards::grafana::Dashboard::json).collect()
}

/// Every finding of every rule, exceptions not yet taken out.
fn findings(boards: &[Value], options: &Options) -> Vec<Finding> {
    let (world, recorded) = World::new(&dashboards::recording_rules(options));
    let mut found: Vec<_> = recorded
        .into_iter()
        .map(|what| Finding { rule: "recording-rules", place: "rules".to_owned(), what })
        .collect();
    for board in boards {
        found.extend(layout::findings(board, boards));
        found.extend(queries::findings(board, &world));
    }
    found.sort();
    found
}

/// What no exception excuses, and the exceptions that excuse nothing.
fn judged(found: Vec<Finding>) -> (Vec<Finding>, BTreeSet<usize>) {
    let mut unused: BTreeSet<_> = (0..EXCEPTIONS.len()).collect();
    let left = found
        .into_iter()
        .filter(|finding| {
            let text = format!("{}: {}", finding.place, finding.what);
            let excused =
                EXCEPTIONS.iter().position(|(rule, part, _)| *rule == finding.rule && text.contains(part));
            excused.is_none_or(|at| {
                unused.remove(&at);
                false
            })
        })
        .collect();
    (left, unused)
}

#[test]
fn no_rule_finds_fault_with_a_board() {
    let options = Options::default();
    let (left, unused) = judged(findings(&delivered(&options), &options));
    let text: Vec<_> = left.iter().map(|one| format!("[{}] {}: {}", one.rule, one.place, one.what)).collect();
    assert!(left.is_empty(), "{} findings:\n{}", left.len(), text.join("\n"));
    let unused: Vec<_> = unused.iter().map(|at| EXCEPTIONS[*at]).collect();
    assert!(unused.is_empty(), "exceptions that excuse nothing: {unused:?}");
    for (rule, part, reason) in EXCEPTIONS {
        assert!(reason.len() > 15, "{rule} of {part} wants a reason");
    }
}

#[test]
fn another_selector_reaches_every_query_of_every_board() {
    let mut options = Options::default();
    options.selector.0 = "cluster=\"x\",job=\"other\"".to_owned();
    let default = Options::default();
    for (board, before) in delivered(&options).iter().zip(delivered(&default)) {
        let queries = |board: &Value| -> Vec<String> {
            let mut all: Vec<_> = queries::targets(board).iter().map(|target| target.expr.clone()).collect();
            all.extend(queries::others(board).into_iter().map(|(_, expr)| expr));
            all
        };
        for (query, before) in queries(board).iter().zip(queries(&before)) {
            // Scraped series have a job.
            assert_eq!(
                query.matches("cluster=\"x\"").count(),
                before.matches("job=~\"$job\"").count()
                    + usize::from(before.contains("label_values(wolkvox_exporter_build_info,")),
                "{query}"
            );
        }
        let job =
            board["templating"]["list"].as_array().unwrap().iter().find(|one| one["name"] == "job").unwrap();
        assert_eq!(job["current"]["value"], serde_json::json!(["other"]));
    }
}

#[test]
fn alerts_lead_to_boards_that_know_their_subject() {
    for alert in alerts::all(&Options::default()) {
        let known = alert.board.variables();
        for label in alert.by.iter().filter(|label| {
            matches!(label, Label::Operation | Label::SkillId | Label::Dnis | Label::Within | Label::Question)
        }) {
            assert!(known.contains(label), "{}: {:?} has no variable {label:?}", alert.name, alert.board);
            let url = alert.board.url("", &alert.by);
            assert!(url.contains(&format!("var-{}=", label.as_str())), "{url}");
        }
    }
}

#[test]
fn every_board_is_delivered_once_and_for_jsonnet_too() {
    let options = Options::default();
    let documents: BTreeMap<_, _> =
        dashboards::documents(&options).into_iter().map(|document| (document.path, document.text)).collect();
    let mixin = &documents["mixin/mixin.libsonnet"];
    let mut uids = BTreeSet::new();
    for board in Board::ALL {
        let text = &documents[board.path()];
        let json: Value = serde_json::from_str(text).unwrap();
        assert_eq!(json["uid"], board.uid());
        assert!(uids.insert(board.uid()), "{} twice", board.uid());
        let file = board.path().rsplit('/').next().unwrap();
        assert!(
            mixin.contains(&format!("'{file}': import '../{}'", board.path())),
            "the mixin lacks \
            {file}"
        );
    }
}

#[test]
fn the_readme_counts_rules_and_alerts_right() {
    let readme = include_str!("../../README.md");
    let options = Options::default();
    let recorded: usize = dashboards::recording_rules(&options).iter().map(|group| group.rules.len()).sum();
    let alerts = alerts::all(&options).len();
    let said = format!("nine boards for Grafana 11 to 13, {recorded} recording rules, {alerts} alerts");
    assert!(readme.contains(&said), "README.md does not say: {said}");
    for board in Board::ALL {
        assert!(readme.contains(&format!("](dashboards/{})", board.path())), "README.md lacks {board:?}");
    }
}
