//! Recording rules, alerts, their runbook, boards and what goes with them, generated from one typed source.
//!
//! Names of metrics and labels are those of the catalogue, so that a rename cannot leave a rule behind. What is
//! written with the default [`Options`] is committed below `dashboards/`, and a test compares the two.

pub mod alerts;
pub mod board;
pub mod boards;
mod delivery;
pub mod grafana;
pub mod recording;
pub mod rule;
mod runbook;
pub mod scope;
pub mod thresholds;
pub mod words;

pub use board::Board;
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

/// The boards.
pub fn boards(options: &Options) -> Vec<grafana::Dashboard> {
    boards::all(options)
}

/// Everything, in a fixed order.
pub fn documents(options: &Options) -> Vec<Document> {
    delivery::documents(options)
}
