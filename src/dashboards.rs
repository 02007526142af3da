//! Recording rules, alerts, their runbook and what goes with them, generated from one typed source.
//!
//! Names of metrics and labels are those of the catalogue, so that a rename cannot leave a rule behind. What is
//! written with the default [`Options`] is committed below `dashboards/`, and a test compares the two.

pub mod alerts;
mod delivery;
pub mod recording;
pub mod rule;
mod runbook;
pub mod thresholds;
pub mod words;

use crate::metrics::Label;
use rule::Group;
use thresholds::Thresholds;
use words::Selector;

/// What a customer may choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Label matchers that choose this exporter's series; may be empty.
    pub selector: Selector,
    /// The page that alerts link to; the alert's section is added as an anchor.
    pub runbook_url: String,
    /// Where Grafana is, without a slash at the end.
    pub grafana_url: String,
    /// When alerts fire.
    pub thresholds: Thresholds,
}

/// The matchers when none are given.
pub const SELECTOR: &str = "job=\"wolkvox\"";
/// The runbook when no other address is given.
pub const RUNBOOK_URL: &str =
    "https://github.com/wolkvox-exporter/wolkvox_exporter/blob/main/dashboards/runbooks.md";
/// Grafana when no other address is given: that of the Compose file.
pub const GRAFANA_URL: &str = "http://localhost:3000";

impl Default for Options {
    fn default() -> Options {
        Options {
            selector: Selector(SELECTOR.to_owned()),
            runbook_url: RUNBOOK_URL.to_owned(),
            grafana_url: GRAFANA_URL.to_owned(),
            thresholds: Thresholds::default(),
        }
    }
}

/// A board in Grafana, which answers one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// Is this skill answering?
    Skill,
    /// Is self-service working?
    Ivr,
    /// Do we call back?
    Callbacks,
    /// What does it cost?
    Cost,
    /// What do customers say?
    Customers,
    /// Can the numbers be trusted?
    Exporter,
}

impl Board {
    /// The identifier in Grafana's addresses.
    pub const fn uid(self) -> &'static str {
        match self {
            Board::Skill => "wolkvox-skill",
            Board::Ivr => "wolkvox-ivr",
            Board::Callbacks => "wolkvox-callbacks",
            Board::Cost => "wolkvox-cost",
            Board::Customers => "wolkvox-customers",
            Board::Exporter => "wolkvox-exporter",
        }
    }

    /// Its address, with the labels of an alert as variables. Variables of boards are named like labels.
    pub fn url(self, grafana: &str, labels: &[Label]) -> String {
        let mut url = format!("{grafana}/d/{}", self.uid());
        for (at, label) in labels.iter().enumerate() {
            let mark = if at == 0 { '?' } else { '&' };
            url.push_str(&format!("{mark}var-{0}={{{{ $labels.{0} | urlquery }}}}", label.as_str()));
        }
        url
    }
}

/// One file of the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Path below the chosen folder, with slashes.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// The recorded series.
pub fn recording_rules(options: &Options) -> Vec<Group> {
    recording::groups(options)
}

/// The alerts.
pub fn alerts(options: &Options) -> Vec<Group> {
    alerts::groups(options)
}

/// Everything, in a fixed order.
pub fn documents(options: &Options) -> Vec<Document> {
    delivery::documents(options)
}
