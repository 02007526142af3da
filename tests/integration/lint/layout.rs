//! Rules on what a board is and how it is laid out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wolkvox_exporter::dashboards::Board;

use super::Finding;

/// Panels that Grafana's published components can draw, so that every picture can be looked at.
const KINDS: [&str; 6] = ["stat", "timeseries", "table", "bargauge", "text", "row"];
/// Identifiers of units that Grafana knows and these boards use.
const UNITS: [&str; 8] =
    ["percentunit", "s", "locale", "short", "bytes", "string", "dateTimeFromNow", "dateTimeAsIso"];

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The panels of a board that show data.
pub(super) fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    list(&board["panels"]).iter().filter(|panel| panel["type"] != "row" && panel["type"] != "text")
}

/// The unit, minimum and maximum of a query: its own, or the panel's.
pub(super) fn property<'a>(panel: &'a Value, target: usize, name: &str, id: &str) -> &'a Value {
    let reference = text(&panel["targets"][target]["refId"]);
    let own = list(&panel["fieldConfig"]["overrides"]).iter().rev().find_map(|one| {
        let matcher = &one["matcher"];
        let is = match text(&matcher["id"]) {
            "byFrameRefID" => matcher["options"] == reference,
            "byName" => matcher["options"] == name,
            _ => false,
        };
        let properties = list(&one["properties"]).iter().filter(|_| is);
        properties.into_iter().find(|property| property["id"] == id).map(|property| &property["value"])
    });
    own.unwrap_or(&panel["fieldConfig"]["defaults"][id])
}

/// The heading of the column that a query of a table fills; nothing when it is hidden, or of the series of a graph.
pub(super) fn heading(panel: &Value, target: usize) -> String {
    if panel["type"] != "table" {
        return text(&panel["targets"][target]["legendFormat"]).to_owned();
    }
    let organize = list(&panel["transformations"]).iter().find(|one| one["id"] == "organize");
    let names = organize.map(|one| &one["options"]["renameByName"]);
    let field = if list(&panel["targets"]).len() == 1 {
        "Value".to_owned()
    } else {
        format!("Value #{}", text(&panel["targets"][target]["refId"]))
    };
    names.map(|names| text(&names[field.as_str()]).to_owned()).unwrap_or_default()
}

pub(super) fn findings(board: &Value, all: &[Value]) -> Vec<Finding> {
    let title = text(&board["title"]).to_owned();
    let mut found = Vec::new();
    let mut add = |rule, place: &str, what: String| {
        let place = if place.is_empty() { title.clone() } else { format!("{title}, {place}") };
        found.push(Finding { rule, place, what });
    };
    whole(board, all, &mut add);
    grid(board, &mut add);
    variables(board, &mut add);
    for panel in list(&board["panels"]) {
        one(panel, &mut add);
    }
    ratios(board, &mut add);
    links(board, &mut add);
    found
}

type Add<'a> = dyn FnMut(&'static str, &str, String) + 'a;

fn whole(board: &Value, all: &[Value], add: &mut Add<'_>) {
    let uid = text(&board["uid"]);
    if uid.is_empty() || uid.len() > 40 || all.iter().filter(|one| one["uid"] == uid).count() != 1 {
        add("uid", "", format!("{uid:?} is no good identifier"));
    }
    if board["editable"] != false {
        add("uneditable", "", "what is provisioned must not be edited in place".to_owned());
    }
    if text(&board["title"]).is_empty() || text(&board["description"]).is_empty() {
        add("title", "", "says nothing of itself".to_owned());
    }
    if board["refresh"] != "1m" || !text(&board["time"]["from"]).starts_with("now-") {
        add("time", "", "no refresh or no time range".to_owned());
    }
    if board["schemaVersion"].as_u64().is_none_or(|version| !(39..=42).contains(&version)) {
        add("schema", "", "not a version that Grafana 11 to 13 read".to_owned());
    }
    let mut ids = BTreeSet::new();
    for panel in list(&board["panels"]) {
        if !ids.insert(panel["id"].as_u64()) {
            add("ids", text(&panel["title"]), format!("{} is there twice", panel["id"]));
        }
    }
    let annotations: BTreeSet<_> =
        list(&board["annotations"]["list"]).iter().map(|one| text(&one["name"])).collect();
    for wanted in ["Alerts", "Exporter restarts", "Data gaps"] {
        if !annotations.contains(wanted) {
            add("annotations", "", format!("does not mark {wanted}"));
        }
    }
    let first = list(&board["panels"]).iter().find(|panel| panel["type"] != "row");
    if first.is_none_or(|panel| panel["title"] != "Data age") {
        add("trust-first", "", "does not begin by saying how old its data is".to_owned());
    }
    let source = serde_json::json!({ "type": "prometheus", "uid": "${datasource}" });
    for (place, value) in panels(board)
        .map(|panel| (text(&panel["title"]), &panel["datasource"]))
        .chain(panels(board).flat_map(|panel| {
            list(&panel["targets"]).iter().map(|target| (text(&panel["title"]), &target["datasource"]))
        }))
        .chain(list(&board["annotations"]["list"]).iter().map(|one| (text(&one["name"]), &one["datasource"])))
    {
        if *value != source {
            add("datasource", place, format!("asks {value}, not the chosen data source"));
        }
    }
}

/// Panels fill the 24 columns, do not overlap, and leave no hole.
fn grid(board: &Value, add: &mut Add<'_>) {
    let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    let mut bottom = 0;
    for panel in list(&board["panels"]) {
        let at = |name: &str| panel["gridPos"][name].as_u64();
        let (Some(x), Some(y), Some(w), Some(h)) = (at("x"), at("y"), at("w"), at("h")) else {
            add("grid", text(&panel["title"]), "has no place".to_owned());
            continue;
        };
        if x + w > 24 || w == 0 || h == 0 {
            add("grid", text(&panel["title"]), format!("{w} columns from {x}"));
        }
        bottom = bottom.max(y + h);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            if let Some(other) = taken.insert(cell, text(&panel["title"])) {
                add("grid", text(&panel["title"]), format!("covers {other:?}"));
                break;
            }
        }
    }
    if taken.len() as u64 != 24 * bottom {
        add("grid", "", format!("fills {} cells of {}", taken.len(), 24 * bottom));
    }
}

fn variables(board: &Value, add: &mut Add<'_>) {
    let all = list(&board["templating"]["list"]);
    let named = |name: &str| all.iter().find(|one| one["name"] == name);
    let sources: Vec<_> = all.iter().filter(|one| one["type"] == "datasource").collect();
    if sources.len() != 1 || sources[0]["name"] != "datasource" || sources[0]["label"] != "Data source" {
        add("template-datasource", "", "wants one variable `datasource`, called Data source".to_owned());
    }
    if named("job").is_none_or(|job| job["multi"] != true || job["allValue"] != ".+" || job["label"] != "Job")
    {
        add("template-job", "", "wants a variable `job` of several values".to_owned());
    }
    let mut without = board.clone();
    without["templating"] = Value::Null;
    let used = without.to_string();
    for variable in all {
        let name = text(&variable["name"]);
        if variable["type"] == "query" && variable["refresh"] != 2 {
            add("template-reload", name, "is not asked anew when the time changes".to_owned());
        }
        if text(&variable["label"]).is_empty() {
            add("template-label", name, "has no name for people".to_owned());
        }
        let forms = [format!("${name}"), format!("${{{name}}}"), format!("${{{name}:")];
        if !forms.iter().any(|form| used.contains(form)) {
            add("variable-unused", name, "nothing asks for it".to_owned());
        }
    }
    // Everything with a dollar is one of these, or Grafana's own.
    for (place, found) in dollars(board) {
        let own = found.starts_with("__") || found.chars().all(|c| c.is_ascii_digit());
        if !own && named(&found).is_none() {
            add("variable-unknown", &place, format!("${found} is no variable"));
        }
    }
    for label in ["operation", "within", "skill_id", "dnis", "question", "report"] {
        let wanted = Board::ALL
            .into_iter()
            .find(|one| board["uid"] == one.uid())
            .is_some_and(|one| one.variables().iter().any(|variable| variable.as_str() == label));
        if wanted != named(label).is_some() {
            add("variable-unknown", "", format!("{label} is promised and missing, or the other way round"));
        }
    }
}

/// Every `$name` and `${name..}` of a board, with where it stands.
fn dollars(board: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut stack = vec![(String::new(), board)];
    while let Some((place, value)) = stack.pop() {
        match value {
            Value::String(text) => {
                for part in text.split('$').skip(1) {
                    let name = part.trim_start_matches('{');
                    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                    if end > 0 {
                        found.push((place.clone(), name[..end].to_owned()));
                    }
                }
            }
            Value::Array(values) => stack.extend(values.iter().map(|value| (place.clone(), value))),
            Value::Object(values) => {
                let place = values.get("title").and_then(Value::as_str).map_or(place, str::to_owned);
                stack.extend(values.iter().map(|(_, value)| (place.clone(), value)));
            }
            _ => {}
        }
    }
    found
}

fn one(panel: &Value, add: &mut Add<'_>) {
    let (kind, title) = (text(&panel["type"]), text(&panel["title"]));
    if !KINDS.contains(&kind) {
        add("kind", title, format!("{kind} cannot be drawn by the tests"));
    }
    if kind == "text" {
        if text(&panel["options"]["content"]).is_empty() {
            add("title", title, "is empty".to_owned());
        }
        return;
    }
    if title.is_empty() {
        add("title", &panel["id"].to_string(), "has no heading".to_owned());
    }
    if kind == "row" {
        return;
    }
    let description = text(&panel["description"]);
    let parts: Vec<_> = description.split("\n\n").collect();
    let said = |part: Option<&&str>, start: &str| {
        part.is_some_and(|part| part.starts_with(start) && part.len() > start.len() + 4)
    };
    if parts.len() != 3
        || parts[0].len() < 15
        || !said(parts.get(1), "**Formula:** ")
        || !said(parts.get(2), "**Source:** ")
    {
        add("description", title, format!("lacks what, formula or source: {description:?}"));
    }
    let targets = list(&panel["targets"]);
    if targets.is_empty() || targets.len() > 26 {
        add("targets", title, format!("has {} queries", targets.len()));
    }
    let mut units = vec![text(&panel["fieldConfig"]["defaults"]["unit"])];
    for property in list(&panel["fieldConfig"]["overrides"]).iter().flat_map(|one| list(&one["properties"])) {
        if property["id"] == "unit" {
            units.push(text(&property["value"]));
        }
    }
    for unit in units.iter().filter(|unit| !UNITS.contains(unit)) {
        add("unit", title, format!("{unit:?} is no unit of Grafana"));
    }
    let empty = panel["fieldConfig"]["defaults"]["noValue"].as_str();
    if empty.is_none_or(|why| why.is_empty() != (kind == "table")) {
        add("no-value", title, "does not say why there is nothing to see".to_owned());
    }
    if kind == "table" {
        let strings = list(&panel["fieldConfig"]["overrides"])
            .iter()
            .any(|one| one["matcher"]["options"] == "string" && one["properties"][0]["value"] == "string");
        if !strings {
            add("table-strings", title, "would write lines such as 018000 as numbers".to_owned());
        }
    }
}

/// Ratios run from 0 to 1 and stand beside a count.
fn ratios(board: &Value, add: &mut Add<'_>) {
    let is_ratio =
        |panel: &Value, at: usize| property(panel, at, &heading(panel, at), "unit") == "percentunit";
    let counts = |panel: &Value| {
        (0..list(&panel["targets"]).len())
            .any(|at| property(panel, at, &heading(panel, at), "unit") == "locale")
    };
    for panel in panels(board) {
        let title = text(&panel["title"]);
        let shares: Vec<_> = (0..list(&panel["targets"]).len()).filter(|at| is_ratio(panel, *at)).collect();
        for at in &shares {
            let name = heading(panel, *at);
            let (min, max) = (property(panel, *at, &name, "min"), property(panel, *at, &name, "max"));
            if min.as_f64() != Some(0.0) || max.as_f64() != Some(1.0) {
                add("ratio-bounds", &format!("{title}, {name}"), format!("runs from {min} to {max}"));
            }
        }
        let beside = panels(board).any(|other| {
            other["gridPos"]["y"] == panel["gridPos"]["y"] && other["type"] != "table" && counts(other)
        });
        if !(shares.is_empty() || counts(panel) || beside) {
            add("ratio-beside-count", title, "shows a share and not what it is of".to_owned());
        }
    }
}

/// Links lead to boards that exist, with variables that these have, from labels that are there.
fn links(board: &Value, add: &mut Add<'_>) {
    for panel in panels(board) {
        let title = text(&panel["title"]);
        let config = &panel["fieldConfig"];
        let overridden = list(&config["overrides"]).iter().flat_map(|one| list(&one["properties"]));
        let links = list(&config["defaults"]["links"]).iter().chain(
            overridden
                .filter(|property| property["id"] == "links")
                .flat_map(|property| list(&property["value"])),
        );
        for link in links {
            let url = text(&link["url"]);
            let Some(path) = url.strip_prefix("/d/") else {
                if !url.starts_with("https://") && !url.starts_with("/alerting/") {
                    add("links", title, format!("{url} leads nowhere"));
                }
                continue;
            };
            let (uid, query) = path.split_once('?').unwrap_or((path, ""));
            let Some(target) = Board::ALL.into_iter().find(|one| one.uid() == uid) else {
                add("links", title, format!("there is no board {uid}"));
                continue;
            };
            if !query.contains("${__url_time_range}") || !query.contains("${datasource:queryparam}") {
                add("links", title, format!("{url} forgets the time or the data source"));
            }
            for part in query.split('&') {
                let name =
                    part.strip_prefix("var-").and_then(|part| part.split_once('=')).map(|(name, _)| name);
                let passed = part.strip_prefix("${").and_then(|part| part.strip_suffix(":queryparam}"));
                let Some(name) = name.or(passed) else { continue };
                let common = name == "datasource" || name == "job";
                if !common && !target.variables().iter().any(|label| label.as_str() == name) {
                    add("links", title, format!("{uid} has no variable {name}"));
                }
            }
        }
    }
    let dashboards = list(&board["links"]).iter().find(|link| link["type"] == "dashboards");
    if dashboards.is_none_or(|link| {
        link["includeVars"] != true || link["keepTime"] != true || link["tags"] != board["tags"]
    }) {
        add("links", "", "does not lead to the other boards with variables and time".to_owned());
    }
}
