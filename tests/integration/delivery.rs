//! The files beside the rules do what they say: the Alertmanager example sends each alert where it belongs, and the mixin
//! is what Prometheus reads.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;
use wolkvox_exporter::dashboards::rule::{Alert, Category, Severity};
use wolkvox_exporter::dashboards::{Options, alerts};

use crate::tools;

fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards").join(path)
}

/// Who is to hear of an alert.
fn receiver(alert: &Alert) -> &'static str {
    match (alert.category, alert.severity) {
        (Category::Exporter, _) => "operators",
        (Category::Kpi, Severity::Info) => "planning",
        (Category::Kpi, _) => "supervisors",
    }
}

#[test]
fn alertmanager_accepts_the_example_and_sends_every_alert_to_those_who_can_act() {
    let Some(amtool) = tools::on_path(&["amtool"]) else { return };
    let example = below("alertmanager.example.yaml");
    let checked = amtool.command().arg("check-config").arg(&example).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    assert!(said.contains("3 receivers"), "{said}");
    let all = alerts::all(&Options::default());
    let mut heard = std::collections::BTreeSet::new();
    for alert in &all {
        let labels: Vec<String> =
            alert.labels().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let routed = amtool
            .command()
            .args(["config", "routes", "test", "--config.file"])
            .arg(&example)
            .arg(format!("--verify.receivers={}", receiver(alert)))
            .arg(format!("alertname={}", alert.name))
            .args(&labels)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&routed.stdout);
        assert!(routed.status.success(), "{} ({labels:?}) goes to {said}", alert.name);
        heard.insert(receiver(alert));
    }
    assert_eq!(heard.len(), 3, "every receiver hears of something");
}

/// The interpreter in which `tests/run` has put jsonnet.
fn python() -> Option<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    let python = target.join("venv/bin/python");
    let ran = Command::new(&python)
        .args(["-c", "import _jsonnet"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = ran.is_ok_and(|status| status.success());
    assert!(found || env::var_os("CI").is_none(), "jsonnet is missing");
    if !found {
        eprintln!("SKIPPED: no jsonnet in the test environment; tests/run installs it");
    }
    found.then_some(python)
}

const EVALUATE: &str =
    "import sys, _jsonnet; print(_jsonnet.evaluate_snippet('all', sys.argv[1], jpathdir=[sys.argv[2]]))";

/// The value with every number as jsonnet has it: `1.0` is 1.
fn evened(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().unwrap().into(),
        Value::Array(array) => array.iter().map(evened).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), evened(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_mixin_holds_what_is_committed() {
    let Some(python) = python() else { return };
    // Everything that a mixin shows, hidden fields included, as those read it who build from it.
    let wanted = "local mixin = import 'mixin.libsonnet';
        { rules: mixin.prometheusRules, alerts: mixin.prometheusAlerts,
          [if 'grafanaDashboards' in mixin then 'boards']: mixin.grafanaDashboards }";
    let output = Command::new(python)
        .args(["-c", EVALUATE, wanted])
        .arg(below("mixin"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mixin: Value = serde_json::from_slice(&output.stdout).unwrap();
    let committed = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    assert_eq!(mixin["rules"], committed(&below("mixin/wolkvox.rules.json")));
    assert_eq!(mixin["alerts"], committed(&below("mixin/wolkvox.alerts.json")));
    // The same groups as in the files that Prometheus reads.
    for (part, file) in [("rules", "wolkvox.rules.yaml"), ("alerts", "wolkvox.alerts.yaml")] {
        let text = fs::read_to_string(below("rules").join(file)).unwrap();
        let rules: Value = yaml_serde::from_str(&text).unwrap();
        assert_eq!(mixin[part], rules, "{file}");
    }
    if let Ok(boards) = fs::read_dir(below("grafana")) {
        let mut found = 0;
        for board in boards.filter_map(Result::ok).map(|board| board.path()) {
            let name = board.file_name().unwrap().to_str().unwrap();
            assert!(evened(&mixin["boards"][name]) == evened(&committed(&board)), "{name} differs");
            found += 1;
        }
        assert_eq!(mixin["boards"].as_object().map(serde_json::Map::len), Some(found));
    }
}
