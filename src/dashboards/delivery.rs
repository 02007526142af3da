//! Every file of the delivery.

use serde_json::Value;

use super::rule::{self, Group};
use super::{Board, Document, Options, recording_rules, runbook};

const MADE: &str = "Written by `wolkvox_exporter dashboards`; do not edit.";

const ALERTMANAGER: &str = include_str!("delivery/alertmanager.example.yaml");
const MIXIN: &str = include_str!("delivery/mixin.libsonnet");
const COMPOSE: &str = include_str!("delivery/compose.yaml");
const PROMETHEUS: &str = include_str!("delivery/prometheus.yaml");
const DATASOURCE: &str = include_str!("delivery/datasource.yaml");
const PROVIDER: &str = include_str!("delivery/provider.yaml");

/// All documents in a fixed order.
pub(super) fn documents(options: &Options) -> Vec<Document> {
    let recording = recording_rules(options);
    let alerting = super::alerts(options);
    let selector = &options.selector.0;
    let rules = |about: &str, groups: &[Group]| {
        rule::yaml(&format!("{about}\n{MADE}\nSeries are chosen by {{{selector}}}."), groups, options)
    };
    let json = |groups: &[Group]| pretty(&rule::as_json(groups, options));
    let document = |path, text: String| Document { path, text };
    let mut documents = vec![
        document(
            "rules/wolkvox.rules.yaml",
            rules("Recorded series of the Wolkvox exporter; the alerts need them.", &recording),
        ),
        document("rules/wolkvox.alerts.yaml", rules("Alerts of the Wolkvox exporter.", &alerting)),
        document("runbooks.md", runbook::markdown(options)),
        document("alertmanager.example.yaml", written(ALERTMANAGER)),
        document("mixin/mixin.libsonnet", mixin()),
        document("mixin/wolkvox.rules.json", json(&recording)),
        document("mixin/wolkvox.alerts.json", json(&alerting)),
        document("provisioning/datasources/prometheus.yaml", written(DATASOURCE)),
        document("provisioning/dashboards/wolkvox.yaml", written(PROVIDER)),
        document("prometheus.yaml", written(PROMETHEUS)),
        document("compose.yaml", written(COMPOSE)),
    ];
    for board in super::boards(options) {
        documents.push(document(board.board.path(), pretty(&board.json())));
    }
    documents
}

/// Rules, alerts and boards as fields that mixins have.
fn mixin() -> String {
    let boards = Board::ALL.into_iter().map(|board| {
        let file = board.path().rsplit('/').next().unwrap_or_default();
        format!("    '{file}': import '../{}',\n", board.path())
    });
    MIXIN.replace("{{MADE}}", MADE).replace("{{BOARDS}}", &boards.collect::<String>())
}

/// A file that no option changes.
fn written(text: &str) -> String {
    format!("# {MADE}\n{text}")
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_names_only_alerts_that_exist() {
        let alerts = crate::dashboards::alerts::all(&Options::default());
        let names: Vec<_> = alerts.iter().map(|alert| alert.name).collect();
        let mut mentioned = 0;
        for word in
            ALERTMANAGER.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with("Wolkvox"))
        {
            if word != "Wolkvox" {
                assert!(names.contains(&word), "{word} is no alert");
                mentioned += 1;
            }
        }
        assert!(mentioned > 5, "the example inhibits by name");
    }

    #[test]
    fn paths_are_unique_and_stay_below_the_folder() {
        let documents = documents(&Options::default());
        let mut paths: Vec<_> = documents.iter().map(|document| document.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), documents.len());
        assert!(paths.iter().all(|path| !path.starts_with('/') && !path.contains("..")));
    }
}
