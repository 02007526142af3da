//! Every recorded series, compared with what the scrapes say when they are counted by hand.

use std::fmt::Write as _;

use wolkvox_exporter::dashboards::Options;

use super::files::begin;

/// The file with all scenarios; rules are found at `below`.
pub(super) fn file(below: &str, options: &Options) -> String {
    let rules = [format!("{below}wolkvox.rules.yaml")];
    let mut text = begin(&rules, 5, options);
    let _ = writeln!(text, "  []");
    text
}
