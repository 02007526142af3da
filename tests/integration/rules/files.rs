//! Scenarios in the form that `promtool test rules` reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wolkvox_exporter::dashboards::rule::Alert;
use wolkvox_exporter::dashboards::{self, Options, alerts};

use super::scenario::{Claim, Scenario};
use super::{recorded, stops, weeks};

/// The files below `rules/tests/`.
pub(super) const NAMES: [&str; 5] =
    ["levels.yaml", "weeks.yaml", "others.yaml", "recorded.yaml", "stops.yaml"];

const RECORDED: &str = "wolkvox.rules.yaml";
const ALERTS: &str = "wolkvox.alerts.yaml";

/// All files, by their path below `dashboards/`.
pub(super) fn tests(scenarios: &[Scenario], options: &Options) -> BTreeMap<String, String> {
    let all: BTreeMap<_, _> = alerts::all(options).into_iter().map(|alert| (alert.name, alert)).collect();
    let horizons = alerts::HORIZONS.map(|horizon| horizon.name);
    let mut files = BTreeMap::new();
    for name in NAMES {
        let text = if name == "recorded.yaml" {
            recorded::file("../", options)
        } else if name == "stops.yaml" {
            stops::file("../", options)
        } else {
            let of = |scenario: &&Scenario| match name {
                "weeks.yaml" => scenario.every > 1,
                _ => scenario.every == 1 && horizons.contains(&scenario.alert) == (name == "levels.yaml"),
            };
            let mut text = head(name == "weeks.yaml", options);
            for world in worlds(scenarios.iter().filter(of)) {
                let claims = world.iter().map(|scenario| (scenario, all[scenario.alert].clone()));
                write(&mut text, &world, claims.collect::<Vec<_>>().as_slice(), options);
            }
            text
        };
        files.insert(format!("rules/tests/{name}"), text);
    }
    files
}

/// Scenarios that may happen at once, since each has an operation of its own: that costs one evaluation for all of them.
///
/// Those that state every firing alert stand apart from the others, and so does what is of the whole process.
pub(super) fn worlds<'a>(scenarios: impl Iterator<Item = &'a Scenario>) -> Vec<Vec<Scenario>> {
    let (mut stated, mut others, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    for (at, scenario) in scenarios.enumerate() {
        if !scenario.has_operation() {
            apart.push(vec![scenario.clone()]);
            continue;
        }
        let scenario = scenario.in_operation(&format!("s{at:02}"));
        let states = scenario.claims.iter().any(|claim| matches!(claim, Claim::Fires(..)));
        if states { &mut stated } else { &mut others }.push(scenario);
    }
    let mut worlds: Vec<_> = [stated, others].into_iter().filter(|world| !world.is_empty()).collect();
    worlds.append(&mut apart);
    worlds
}

fn head(weeks: bool, options: &Options) -> String {
    let rules: &[&str] = if weeks { &[ALERTS] } else { &[RECORDED, ALERTS] };
    let rules: Vec<_> = rules.iter().map(|name| format!("../{name}")).collect();
    let minutes = if weeks { weeks::EVALUATED } else { 5 };
    begin(&rules, minutes, options)
}

/// What stands above the scenarios. Groups are named in order: alerts need what was recorded at the same instant.
pub(super) fn begin(rules: &[String], minutes: usize, options: &Options) -> String {
    let groups = [dashboards::recording_rules(options), dashboards::alerts(options)].concat();
    let order: Vec<_> = groups.iter().map(|group| group.name).collect();
    format!(
        "# Unit tests of the rules, for `promtool test rules`. Generated; do not edit.\n\
         rule_files: [{}]\nevaluation_interval: {minutes}m\ngroup_eval_order: [{}]\ntests:\n",
        rules.join(", "),
        order.join(", ")
    )
}

/// One world, and the claims of its scenarios on these alerts.
pub(super) fn write(out: &mut String, world: &[Scenario], claims: &[(&Scenario, Alert)], options: &Options) {
    let minutes = world[0].minutes;
    let name =
        if let [one] = world { format!("{}: {}", one.alert, one.name) } else { "many operations".to_owned() };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "- name: '{name}'\n  interval: {minutes}m\n  input_series:");
    for scenario in world {
        let _ = writeln!(out, "  # {}, {}: {}", scenario.operation, scenario.alert, scenario.name);
        for (series, values) in &scenario.series {
            let _ = writeln!(out, "  - series: '{series}'\n    values: '{values}'");
        }
    }
    let (mut alerts, mut exprs) = (String::new(), String::new());
    for (scenario, alert) in claims {
        write_claims(&mut alerts, &mut exprs, scenario, alert, options);
    }
    for (heading, part) in [("alert_rule_test", alerts), ("promql_expr_test", exprs)] {
        if !part.is_empty() {
            let _ = write!(out, "  {heading}:\n{part}");
        }
    }
}

fn write_claims(
    alerts: &mut String,
    exprs: &mut String,
    scenario: &Scenario,
    alert: &Alert,
    options: &Options,
) {
    let minutes = scenario.minutes;
    let only = if scenario.has_operation() {
        format!(",operation=\"{}\"", scenario.operation)
    } else {
        String::new()
    };
    let count = |state: &str| format!("count(ALERTS{{alertname=\"{}\"{only}{state}}})", alert.name);
    let mut expect = |step: usize, expr: &str, value: Option<usize>| {
        let samples = value.map_or_else(String::new, |value| format!("{{ value: {value} }}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            exprs,
            "  - expr: '{expr}'\n    eval_time: {}m\n    exp_samples: [{samples}]",
            step * minutes
        );
    };
    let (firing, pending) = (count(",alertstate=\"firing\""), count(",alertstate=\"pending\""));
    for claim in &scenario.claims {
        match claim {
            Claim::Silent(step) => expect(*step, &count(""), None),
            Claim::Firing(step) => expect(*step, &firing, Some(1)),
            Claim::Active(step) => expect(*step, &count(""), Some(1)),
            Claim::Pending(step) => {
                expect(*step, &pending, Some(1));
                expect(*step, &firing, None);
            }
            Claim::Fires(step, fired) => {
                let _ = writeln!(
                    alerts,
                    "  - eval_time: {}m\n    alertname: {}\n    exp_alerts:",
                    step * minutes,
                    alert.name
                );
                for (labels, summary) in fired {
                    let _ = writeln!(alerts, "    - exp_labels:");
                    for (name, value) in labels {
                        let _ = writeln!(alerts, "        {name}: '{value}'");
                    }
                    for (name, value) in alert.labels() {
                        // The subject's own label wins nothing over the alert's: no alert has both.
                        assert!(labels.iter().all(|(own, _)| *own != name), "{}", alert.name);
                        let _ = writeln!(alerts, "        {name}: '{value}'");
                    }
                    let _ = writeln!(alerts, "      exp_annotations:");
                    for (name, template) in alert.annotations(options) {
                        let text =
                            if name == "summary" { summary.clone() } else { filled(&template, labels) };
                        let _ = writeln!(alerts, "        {name}: {}", serde_json::Value::from(text));
                    }
                }
            }
        }
    }
}

/// An annotation with its labels filled in; the labels of scenarios need no escapes in addresses.
fn filled(template: &str, labels: &[(&'static str, String)]) -> String {
    let text = labels.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{ $labels.{name} | urlquery }}}}"), value)
    });
    // A label that the alert lacks is empty.
    text.replace("{{ $labels.operation | urlquery }}", "")
}
