//! A configuration as it is in force: YAML that reads back to the same, secrets absent by construction.

use std::collections::BTreeSet;

use yaml_serde::{Mapping, Value};

use super::field::{human, percent};
use super::hours::day_names;
use super::reports::DENOMINATORS;
use super::{
    BusinessHours, Config, CountFrom, Operation, ReportSettings, Reports, Skills, Target, TokenSource,
    address,
};
use crate::time::civil;

impl Config {
    /// The configuration with every default written out, as YAML that reads back to the same.
    ///
    /// Tokens are not part of a configuration; only the names of their files or variables appear.
    pub fn effective(&self) -> String {
        let operations: Vec<Value> = self.operations.iter().map(operation).collect();
        let document = mapping([("operations", Value::Sequence(operations))]);
        // Invariant: a tree of text, numbers, lists and mappings always serializes.
        yaml_serde::to_string(&document).unwrap_or_default()
    }
}

fn operation(operation: &Operation) -> Value {
    let mut entries = vec![("name", text(&operation.name))];
    if operation.base_url == address::of_number(&operation.server) {
        entries.push(("server", text(&operation.server)));
    } else {
        entries.push(("base_url", text(&operation.base_url)));
    }
    entries.push(match &operation.token {
        TokenSource::File(path) => ("token_file", text(path.display())),
        TokenSource::Env(name) => ("token_env", text(name)),
    });
    entries.push(("timezone", text(operation.zone.name())));
    if !operation.currency.is_empty() {
        entries.push(("currency", text(&operation.currency)));
    }
    if let Some(requests) = operation.daily_requests {
        entries.push(("daily_requests", number(requests)));
    }
    entries.push((
        "count_from",
        match operation.count_from {
            CountFrom::Now => text("now"),
            CountFrom::Date(date) => text(date),
        },
    ));
    entries.push((
        "skills",
        match &operation.skills {
            Skills::Discover => text("discover"),
            Skills::All => text("all"),
            Skills::Named(ids) => set(ids),
        },
    ));
    let mut dnis = vec![("max", number(operation.dnis.max as u64))];
    if let Some(allow) = &operation.dnis.allow {
        dnis.push(("allow", set(allow)));
    }
    entries.push(("dnis", mapping(dnis)));
    entries.push(("labels", mapping([("max", number(operation.labels_max as u64))])));
    entries.push(("targets", Value::Sequence(operation.targets.iter().map(target).collect())));
    let hours = operation.business_hours.iter().map(business_hours).collect();
    entries.push(("business_hours", Value::Sequence(hours)));
    entries.push(("reports", reports(&operation.reports)));
    mapping(entries)
}

fn target(target: &Target) -> Value {
    let mut entries = vec![("skills", set(&target.skills))];
    if let Some(share) = target.service_level {
        entries.push(("service_level", text(percent(share))));
        entries.push(("within", text(format!("{}s", target.within))));
    }
    if let Some(share) = target.abandon {
        entries.push(("abandon", text(percent(share))));
    }
    mapping(entries)
}

fn business_hours(entry: &BusinessHours) -> Value {
    let days = day_names(entry.days).into_iter().map(text).collect();
    let clock = |time: civil::Time| format!("{:02}:{:02}", time.hour(), time.minute());
    let to = if entry.to == civil::Time::midnight() { "24:00".to_owned() } else { clock(entry.to) };
    mapping([
        ("skills", set(&entry.skills)),
        ("days", Value::Sequence(days)),
        ("hours", text(format!("{}-{to}", clock(entry.from)))),
    ])
}

fn reports(reports: &Reports) -> Value {
    let settings = |settings: &ReportSettings| {
        vec![("interval", text(human(settings.interval))), ("settle", text(human(settings.settle)))]
    };
    let or_off = |entries: Option<Vec<(&'static str, Value)>>| entries.map_or_else(|| text("off"), mapping);
    let skill_6 = reports.skill_6.as_ref().map(|skill_6| {
        let mut entries = settings(&skill_6.settings);
        let word = DENOMINATORS.iter().find(|(_, value)| *value == skill_6.denominator);
        entries.extend(word.map(|(word, _)| ("denominator", text(word))));
        entries
    });
    let cdr_1 = reports.cdr_1.as_ref().map(|cdr_1| {
        let mut entries = settings(&cdr_1.settings);
        entries.push(("coding_delay", text(human(cdr_1.coding_delay))));
        entries.push(("agents", Value::Bool(cdr_1.agents)));
        entries
    });
    let diagram_4 = reports.diagram_4.as_ref().map(|diagram_4| {
        let mut entries = settings(&diagram_4.settings);
        entries.push(("coding_delay", text(human(diagram_4.coding_delay))));
        entries
    });
    mapping([
        ("skill_6", or_off(skill_6)),
        ("diagram_1_2", or_off(reports.diagram_1_2.as_ref().map(settings))),
        ("diagram_3", or_off(reports.diagram_3.as_ref().map(settings))),
        ("cdr_1", or_off(cdr_1)),
        ("diagram_4", or_off(diagram_4)),
    ])
}

fn text(text: impl ToString) -> Value {
    Value::String(text.to_string())
}

fn number(number: u64) -> Value {
    Value::Number(number.into())
}

fn set(ids: &BTreeSet<String>) -> Value {
    Value::Sequence(ids.iter().map(text).collect())
}

fn mapping(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Mapping(entries.into_iter().map(|(key, value)| (text(key), value)).collect::<Mapping>())
}
