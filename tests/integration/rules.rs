//! Recording rules and alerts: what is committed is what is generated, every alert does what its scenarios say, and
//! a rule that is changed is noticed.
//!
//! Scenarios are typed here and written to `dashboards/rules/tests/`, for those who have Prometheus and no Rust. After a
//! change: `WOLKVOX_WRITE_DASHBOARDS=1 cargo test --test integration rules::committed`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

use wolkvox_exporter::dashboards::rule::{Alert, Category, Group, Hours, Rule};
use wolkvox_exporter::dashboards::{self, Options, alerts, documents};
use wolkvox_exporter::metrics::{Kind, catalogue};

mod files;
mod levels;
mod mutants;
mod newer;
mod others;
mod recorded;
mod scenario;
mod stops;
mod weeks;

use scenario::{Scenario, Shows};

use crate::tools;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn scenarios() -> Vec<Scenario> {
    [levels::scenarios(), weeks::scenarios(), others::scenarios()].concat()
}

/// Every file that belongs below `dashboards/` by generation.
fn generated() -> BTreeMap<String, String> {
    let options = Options::default();
    let mut all: BTreeMap<_, _> =
        documents(&options).into_iter().map(|document| (document.path.to_owned(), document.text)).collect();
    all.extend(files::tests(&scenarios(), &options));
    all
}

#[test]
fn committed_files_are_the_generated_ones() {
    let all = generated();
    if env::var_os("WOLKVOX_WRITE_DASHBOARDS").is_some() {
        for (path, text) in &all {
            let path = root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    for (path, text) in &all {
        let committed = fs::read_to_string(root().join(path)).unwrap_or_default();
        let line = committed.lines().zip(text.lines()).position(|(a, b)| a != b);
        assert!(
            &committed == text,
            "dashboards/{path} differs, first at line {}; run with WOLKVOX_WRITE_DASHBOARDS=1",
            line.unwrap_or_else(|| committed.lines().count().min(text.lines().count())) + 1
        );
    }
    for folder in ["grafana", "rules", "rules/tests", "mixin"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            assert!(
                path.is_dir() || all.contains_key(&below),
                "dashboards/{below} is not generated any more"
            );
        }
    }
}

#[test]
fn prometheus_finds_no_fault_with_the_rules() {
    let rules = root().join("rules");
    for promtool in tools::every_version("promtool") {
        let output = promtool
            .command()
            .args(["check", "rules", "--lint=all", "--lint-fatal"])
            .args([rules.join("wolkvox.rules.yaml"), rules.join("wolkvox.alerts.yaml")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", promtool.of, String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn prometheus_finds_every_scenario_true() {
    let Some(promtool) = &tools::on_path(&["promtool"]) else { return };
    thread::scope(|scope| {
        for name in files::NAMES {
            scope.spawn(move || {
                let file = root().join("rules/tests").join(name);
                let output = promtool.command().args(["test", "rules"]).arg(file).output().unwrap();
                let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{}", said.chars().take(6000).collect::<String>());
            });
        }
    });
}

#[test]
fn every_alert_is_shown_in_every_situation_that_it_must_stand() {
    let mut shown: BTreeMap<&str, BTreeSet<Shows>> = BTreeMap::new();
    for scenario in scenarios() {
        shown.entry(scenario.alert).or_default().insert(scenario.shows);
    }
    for alert in alerts::all(&Options::default()) {
        let shown = shown.remove(alert.name).unwrap_or_default();
        let mut wanted = vec![Shows::Fires, Shows::Below];
        if alert.category == Category::Kpi {
            wanted.extend([Shows::Night, Shows::Closed, Shows::Few]);
        } else {
            assert!(matches!(alert.hours, Hours::Any(_)), "{}: the exporter has no closing time", alert.name);
        }
        // What is fed with recorded series cannot meet a counter that starts anew; the recorded series do.
        if alert.expr().contains("increase(") && alert.expr().contains("_total") {
            wanted.push(Shows::Reset);
        }
        let absent: Vec<_> = wanted.into_iter().filter(|shows| !shown.contains(shows)).collect();
        assert!(absent.is_empty(), "{}: nothing shows {absent:?}", alert.name);
    }
    assert!(shown.is_empty(), "scenarios of no alert: {:?}", shown.keys());
}

/// Every name of a series or label in PromQL, with the names of functions and words left out.
fn identifiers(expr: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut quoted = false;
    let mut word = String::new();
    for character in expr.chars().chain([' ']) {
        if character == '"' {
            quoted = !quoted;
        }
        if !quoted && (character.is_alphanumeric() || character == '_' || character == ':') {
            word.push(character);
        } else if !word.is_empty() {
            found.insert(std::mem::take(&mut word));
        }
    }
    found
}

#[test]
fn every_name_in_a_rule_is_in_the_catalogue_or_recorded() {
    let options = Options::default();
    let groups: Vec<Group> = [dashboards::recording_rules(&options), dashboards::alerts(&options)].concat();
    let mut known: BTreeSet<String> = ["up", "process_start_time_seconds"].map(str::to_owned).into();
    for family in catalogue::all() {
        let suffixes: &[&str] = match family.kind {
            Kind::Histogram(_) => &["_bucket", "_sum", "_count"],
            Kind::Summary => &["_sum", "_count"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)));
    }
    let mut recorded = BTreeSet::new();
    let mut exprs = Vec::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        match rule {
            Rule::Record(rule) => {
                assert!(recorded.insert(rule.name.clone()), "{} is recorded twice", rule.name);
                exprs.push((rule.name.clone(), rule.expr.clone()));
            }
            Rule::Alert(alert) => {
                exprs.push((alert.name.to_owned(), alert.expr()));
                for (_, query) in &alert.runbook.diagnosis {
                    exprs.push((format!("{} (runbook)", alert.name), query.clone()));
                }
            }
        }
    }
    known.extend(recorded);
    for (name, expr) in exprs {
        for word in identifiers(&expr) {
            let series = word.contains(':')
                || word.starts_with("wolkvox_")
                || word == "up"
                || word.starts_with("process_");
            if series && word != "process_resident_memory_bytes" {
                assert!(known.contains(&word), "{name}: no series is called {word}");
            }
        }
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_says_all_of_it() {
    let options = Options::default();
    let page = fs::read_to_string(root().join("runbooks.md")).unwrap();
    let anchors: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let all: Vec<Alert> = alerts::all(&options);
    assert_eq!(anchors.len(), all.len(), "a section per alert, and an alert per section");
    let mut names = BTreeSet::new();
    for alert in &all {
        assert!(names.insert(alert.name), "{} is there twice", alert.name);
        assert!(alert.name.starts_with("Wolkvox"), "{}", alert.name);
        let annotations: BTreeMap<_, _> = alert.annotations(&options).into_iter().collect();
        let anchor = annotations["runbook_url"].rsplit('#').next().unwrap();
        assert!(anchors.contains(anchor), "{}: no section #{anchor}", alert.name);
        assert!(annotations["dashboard_url"].contains("/d/wolkvox-"), "{}", alert.name);
        let book = &alert.runbook;
        assert!(!book.diagnosis.is_empty() && !book.action.is_empty(), "{}", alert.name);
        for text in [&alert.summary, &alert.description, book.meaning, book.impact, book.silence] {
            assert!(text.len() > 10 && !text.ends_with(' '), "{}: {text:?}", alert.name);
        }
    }
}

#[test]
fn options_reach_every_rule() {
    let mut options = Options::default();
    options.selector.0 = "cluster=\"x\"".to_owned();
    options.runbook_url = "https://runbooks.example/wolkvox".to_owned();
    options.grafana_url = "https://grafana.example".to_owned();
    options.thresholds.set("surge_factor", 7.5).unwrap();
    for document in documents(&options) {
        assert!(!document.text.contains("job=\"wolkvox\""), "{}", document.path);
        assert!(!document.text.contains(dashboards::RUNBOOK_URL), "{}", document.path);
        if document.path != "compose.yaml" {
            assert!(!document.text.contains(dashboards::GRAFANA_URL), "{}", document.path);
        }
        if document.path == "rules/wolkvox.alerts.yaml" {
            assert!(document.text.contains("times_usual30m > 7.5)"));
            assert_eq!(
                document.text.matches("https://runbooks.example/wolkvox#").count(),
                alerts::all(&options).len()
            );
        }
    }
}
