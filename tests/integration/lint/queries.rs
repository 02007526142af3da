//! Rules on what a board asks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Finding;
use super::layout::{heading, panels};
use super::promql::{Labels, Read, World};

/// One query of a panel.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) place: String,
    pub(super) expr: String,
    legend: String,
    instant: bool,
    step: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn targets(board: &Value) -> Vec<Target> {
    panels(board).flat_map(of_panel).collect()
}

fn of_panel(panel: &Value) -> Vec<Target> {
    let targets = list(&panel["targets"]).iter().enumerate().map(|(at, target)| Target {
        place: format!("{}, {}", text(&panel["title"]), heading(panel, at)),
        expr: text(&target["expr"]),
        legend: text(&target["legendFormat"]),
        instant: target["instant"] == true,
        step: text(&target["interval"]),
    });
    targets.collect()
}

/// The queries of annotations and variables, with the names of these.
pub(super) fn others(board: &Value) -> Vec<(String, String)> {
    let mut all: Vec<_> = list(&board["annotations"]["list"])
        .iter()
        .map(|one| (text(&one["name"]), text(&one["expr"])))
        .collect();
    for variable in list(&board["templating"]["list"]) {
        if variable["type"] == "query" {
            all.push((text(&variable["name"]), text(&variable["query"]["query"])));
        }
    }
    all
}

/// As Prometheus gets it: times are filled in, and values stand within quotes, where any text will do.
fn filled(expr: &str) -> String {
    expr.replace("$__rate_interval", "20m").replace("$__range", "12h")
}

/// The expression that a variable asks, and the label whose values it wants.
fn of_variable(query: &str) -> (String, Option<String>) {
    if let Some(inside) = query.strip_prefix("query_result(").and_then(|rest| rest.strip_suffix(')')) {
        return (inside.to_owned(), None);
    }
    let Some(inside) = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')) else {
        return (query.to_owned(), None);
    };
    match inside.rsplit_once(", ") {
        Some((series, label)) => (series.to_owned(), Some(label.to_owned())),
        None => (inside.to_owned(), None),
    }
}

/// Every `{{label}}` of a legend.
fn in_braces(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(label, _)| label).collect()
}

pub(super) fn findings(board: &Value, world: &World) -> Vec<Finding> {
    let title = text(&board["title"]);
    let variables: BTreeSet<String> =
        list(&board["templating"]["list"]).iter().map(|one| text(&one["name"])).collect();
    let mut found = Vec::new();
    let mut add = |rule, place: &str, what: String| {
        found.push(Finding { rule, place: format!("{title}, {place}"), what });
    };
    for panel in panels(board) {
        let mut reports = BTreeSet::new();
        let mut columns: Vec<(String, Labels)> = Vec::new();
        for target in of_panel(panel) {
            let read = world.read(&filled(&target.expr));
            for what in &read.found {
                add("promql", &target.place, what.clone());
            }
            selectors(&read, &variables, &mut |rule, what| add(rule, &target.place, what));
            windows(&target, &read, &mut |rule, what| add(rule, &target.place, what));
            let labels = read.labels.clone().unwrap_or_default();
            for label in in_braces(&target.legend).into_iter().filter(|label| !labels.contains(*label)) {
                add("legend", &target.place, format!("{label} is no label of {labels:?}"));
            }
            if panel["type"] != "table" && labels.len() > in_braces(&target.legend).len() + 2 {
                add("legend", &target.place, format!("names too little of {labels:?}"));
            }
            reports.extend(read.reports);
            columns.push((target.place.clone(), labels));
        }
        if panel["type"] == "table" {
            table(panel, &columns, &mut |rule, what| add(rule, &text(&panel["title"]), what));
        }
        let description = text(&panel["description"]);
        let source = description.split("**Source:** ").nth(1).unwrap_or_default();
        for report in reports.into_iter().filter(|report| !source.contains(report)) {
            add(
                "source",
                &text(&panel["title"]),
                format!("comes from {report}, which its source does not say"),
            );
        }
    }
    for (name, query) in others(board) {
        let (expr, label) = of_variable(&query);
        let read = world.read(&filled(&expr));
        for what in &read.found {
            add("variables", &name, what.clone());
        }
        if name != "job" {
            selectors(&read, &BTreeSet::from(["job".to_owned()]), &mut |rule, what| add(rule, &name, what));
        }
        if let Some(label) = label.filter(|label| !read.labels.clone().unwrap_or_default().contains(label)) {
            add("variables", &name, format!("asks for {label}, which is no label there"));
        }
    }
    found
}

/// Every selector is narrowed by the job and by each variable whose label it has.
fn selectors(read: &Read, variables: &BTreeSet<String>, add: &mut dyn FnMut(&'static str, String)) {
    for (name, matchers) in &read.selectors {
        let has = |label: &str| {
            matchers
                .iter()
                .any(|(matched, _, value)| matched == label && value.contains(&format!("${label}")))
        };
        // Recorded series have no job: their rules have chosen it.
        if !name.contains(':') && !has("job") {
            add("target-job", format!("{name} of any job"));
        }
        for (label, op, value) in matchers {
            if label == "le" && !(op == "=~" && value.ends_with(r"(\.0)?")) {
                add("le", format!("{name}: le{op}{value:?} is true of one version of Prometheus only"));
            }
            if label != "le" && op == "=" && value.contains('$') && label != "within" {
                add("several-values", format!("{name}: {label}={value:?} breaks when two are chosen"));
            }
        }
        let narrowing = ["operation", "skill_id", "dnis", "question", "report"];
        for label in narrowing.into_iter().filter(|label| variables.contains(*label) && name != "ALERTS") {
            let level = name.split(':').next().unwrap_or_default();
            let labelled = if name.contains(':') { level.contains(label) } else { known(name, label) };
            if labelled && !has(label) {
                add("variable-forgotten", format!("{name} of any {label}"));
            }
        }
    }
}

fn known(name: &str, label: &str) -> bool {
    use wolkvox_exporter::metrics::catalogue;
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let family = catalogue::find(name).or_else(|| base.and_then(catalogue::find));
    family.is_some_and(|family| family.labels.iter().any(|one| one.as_str() == label))
}

/// Graphs follow their width, numbers of now follow the time shown or a window of 30 minutes at least.
fn windows(target: &Target, read: &Read, add: &mut dyn FnMut(&'static str, String)) {
    if !matches!(target.step.as_str(), "5m" | "15m" | "30m") {
        add(
            "target-interval",
            format!(
                "asks every {:?}: the vendor's data moves every five \
                                        minutes",
                target.step
            ),
        );
    }
    let follows = target.expr.matches("$__rate_interval").count();
    for (over, seconds) in &read.windows {
        if over.starts_with("sum_over_time") && target.instant {
            continue;
        }
        if *seconds < 1200 || (over == "rate" && target.instant) {
            add("target-interval", format!("{over} over {seconds} s"));
        }
        if !target.instant && over == "rate" && follows == 0 {
            add("target-rate-interval", format!("{over} over a fixed {seconds} s in a graph"));
        }
    }
    if target.instant && follows > 0 {
        add("target-rate-interval", "a value of now that changes with the width of its tile".to_owned());
    }
    if !target.instant && target.expr.contains("$__range") {
        add("target-rate-interval", "a graph whose every point is a sum of all that is shown".to_owned());
    }
}

/// All columns of a table have the same labels, or the rows would not become one; the labels are its keys.
fn table(panel: &Value, columns: &[(String, Labels)], add: &mut dyn FnMut(&'static str, String)) {
    let organize = list(&panel["transformations"]).iter().find(|one| one["id"] == "organize");
    let names = organize.map(|one| one["options"]["renameByName"].clone()).unwrap_or_default();
    let names: BTreeMap<String, Value> = serde_json::from_value(names).unwrap_or_default();
    let keys: Labels = names.keys().filter(|name| !name.starts_with("Value")).cloned().collect();
    // Looked up by the others: the name of a skill, the meaning of a code.
    let told = ["skill_name", "description"];
    let wanted: Labels = keys.iter().filter(|key| !told.contains(&key.as_str())).cloned().collect();
    for (place, labels) in columns {
        let bare: Labels = labels.iter().filter(|label| !told.contains(&label.as_str())).cloned().collect();
        if bare != wanted {
            add("table-keys", format!("{place}: rows of {bare:?} in a table of {wanted:?}"));
        }
    }
    for key in keys.iter().filter(|key| !columns.iter().any(|(_, labels)| labels.contains(*key))) {
        add("table-keys", format!("no column knows {key}"));
    }
    for field in panel.to_string().split("${__data.fields.").skip(1) {
        let name = field.split([':', '}']).next().unwrap_or_default();
        if !keys.contains(name) {
            add("links", format!("takes {name} from a row that lacks it"));
        }
    }
}
