//! What the rules would have recorded and which alerts would have fired, had they been evaluated all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use wolkvox_exporter::dashboards::rule::{Group, Rule};
use wolkvox_exporter::dashboards::{self, Options};

use crate::chronicle::Blocks;
use crate::prometheus::server::Prometheus;
use crate::tools::Tool;

/// The answer to a question about a stretch of time.
#[derive(Debug, Deserialize)]
struct Matrix {
    result: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// When rules are evaluated: the first and the last second, and those between two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) step: i64,
}

/// Rules in layers: each needs only what the layers before it have recorded.
fn layers(groups: &[Group]) -> Vec<Vec<Rule>> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut layers: Vec<Vec<Rule>> = Vec::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        let expr = match rule {
            Rule::Record(rule) => rule.expr.clone(),
            Rule::Alert(alert) => alert.expr(),
        };
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let uses = |name: &str| expr.match_indices(name).any(|(at, _)| ends(&expr[at + name.len()..]));
        let layer =
            known.iter().filter(|(name, _)| uses(name)).map(|(_, layer)| layer + 1).max().unwrap_or(0);
        if layers.len() <= layer {
            layers.resize(layer + 1, Vec::new());
        }
        layers[layer].push(rule.clone());
        if let Rule::Record(rule) = rule {
            known.insert(rule.name.clone(), layer);
        }
    }
    layers
}

/// Evaluates every rule over these times and stores what comes of it below `folder`, where the samples are.
pub(crate) async fn record(prometheus: &Tool, promtool: &Tool, folder: &Path, times: Times) -> usize {
    let options = Options::default();
    let groups = [dashboards::recording_rules(&options), dashboards::alerts(&options)].concat();
    let mut written = 0;
    for layer in layers(&groups) {
        let mut lines: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        {
            let server = Prometheus::with(&prometheus.path, folder, "", RETENTION).await;
            for rule in &layer {
                for (at, line) in evaluated(&server, rule, times).await {
                    lines.entry(at).or_default().push(line);
                }
            }
        }
        let mut blocks = Blocks::new(promtool.clone(), &folder.join("tsdb"));
        for (at, lines) in lines {
            blocks.write(at, lines);
        }
        written += blocks.finish();
    }
    written
}

/// What is old is not deleted, and blocks that overlap are left as they are.
pub(crate) const RETENTION: &[&str] = &["--storage.tsdb.retention.time=100y"];

async fn evaluated(server: &Prometheus, rule: &Rule, times: Times) -> Vec<(i64, String)> {
    let (expr, name) = match rule {
        Rule::Record(rule) => (rule.expr.clone(), rule.name.clone()),
        Rule::Alert(alert) => (alert.expr(), alert.name.to_owned()),
    };
    let (from, to, step) = (times.from.to_string(), times.to.to_string(), times.step.to_string());
    let asked = [("query", expr.as_str()), ("start", &from), ("end", &to), ("step", &step)];
    let answer = server.ask("query_range", &asked).await;
    let matrix: Matrix = serde_json::from_value(answer).unwrap_or_else(|why| panic!("{name}: {why}"));
    let mut lines = Vec::new();
    for Line { metric, values } in matrix.result {
        match rule {
            Rule::Record(_) => {
                let series = series(&name, &metric);
                lines.extend(
                    values.iter().map(|(at, value)| (*at as i64, format!("{series} {value} {at}\n"))),
                );
            }
            Rule::Alert(alert) => {
                let mut labels = metric;
                labels.remove("__name__");
                let own = alert.labels().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
                labels.extend(own);
                labels.extend(
                    [("alertname", alert.name), ("alertstate", "firing")].map(|(a, b)| (a.into(), b.into())),
                );
                let series = series("ALERTS", &labels);
                let hold = i64::from(alert.hold_minutes) * 60;
                let active: BTreeSet<i64> = values.iter().map(|(at, _)| *at as i64).collect();
                let fires =
                    |at: i64| (0..=hold / times.step).all(|back| active.contains(&(at - back * times.step)));
                lines.extend(
                    active.iter().filter(|at| fires(**at)).map(|at| (*at, format!("{series} 1 {at}\n"))),
                );
            }
        }
    }
    lines
}

fn series(name: &str, labels: &BTreeMap<String, String>) -> String {
    let mut text = format!("{name}{{");
    for (at, (label, value)) in labels.iter().filter(|(label, _)| *label != "__name__").enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(text, "{comma}{label}=\"{value}\"");
    }
    text + "}"
}
