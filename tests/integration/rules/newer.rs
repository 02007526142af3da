//! The same scenarios on later versions of Prometheus, where the same samples extrapolate to slightly other counts: what
//! fires must be the same, while the numbers in its words may differ by a call.

use std::fs;

use serde_json::Value;
use wolkvox_exporter::dashboards::Options;

use super::{files, generated, scenarios};
use crate::tools;

/// From 3.0 on a series is gone one step earlier after its last sample: the steps of these alerts are claimed for this
/// version alone, their words for all.
const STEPS: &[&str] = &["WolkvoxExporterAbsent"];

/// Leaves out the claims about steps that are not the same everywhere.
fn without_steps(tests: &mut Value) {
    for world in tests.get_mut("tests").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(claims) = world.get_mut("promql_expr_test").and_then(Value::as_array_mut) {
            claims.retain(|claim| {
                let expr = claim["expr"].as_str().unwrap_or_default();
                !STEPS.iter().any(|alert| expr.contains(alert))
            });
        }
    }
}

/// Takes this key out of every mapping.
fn without(value: &mut Value, key: &str) {
    match value {
        Value::Object(object) => {
            object.remove(key);
            object.values_mut().for_each(|value| without(value, key));
        }
        Value::Array(array) => array.iter_mut().for_each(|value| without(value, key)),
        _ => {}
    }
}

#[test]
#[ignore = "takes as long as the scenarios, once for each version; `tests/run rules`"]
fn the_latest_prometheus_finds_every_scenario_true() {
    // The usual one is the oldest that is supported. What lies between the two is tried with the boards; each version costs
    // minutes here. Releases are in the order of their names, the unstable one first.
    let later: Vec<_> = tools::every_version("promtool").into_iter().skip(1).take(1).collect();
    let mut all = generated();
    all.extend(files::tests(&scenarios(), &Options::default()));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("rules/tests")).unwrap();
    for (path, text) in all.iter().filter(|(path, _)| path.starts_with("rules/")) {
        let mut value: Value = yaml_serde::from_str(text).unwrap();
        without(&mut value, "annotations");
        without(&mut value, "exp_annotations");
        without_steps(&mut value);
        fs::write(folder.path().join(path), value.to_string()).unwrap();
    }
    std::thread::scope(|scope| {
        for promtool in &later {
            let tests = folder.path().join("rules/tests");
            scope.spawn(move || {
                let paths = files::NAMES.map(|name| tests.join(name));
                let output = promtool.command().args(["test", "rules"]).args(paths).output().unwrap();
                let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
                let said = said.chars().take(6000).collect::<String>();
                assert!(output.status.success(), "promtool of {}: {said}", promtool.of);
            });
        }
    });
    println!("the scenarios hold on {} later version of Prometheus", later.len());
}
