//! What the documentation says is what the program does.

use std::path::Path;

use wolkvox_exporter::commands::arguments::Catalogue;
use wolkvox_exporter::commands::metrics::catalogue;
use wolkvox_exporter::config::Config;

const README: &str = include_str!("../../README.md");
const SAMPLE: &str = include_str!("../fixtures/config/wolkvox.yml");

/// What stands between two markers of the README.
fn between(begin: &str, end: &str) -> &'static str {
    let (_, rest) = README.split_once(begin).unwrap_or_else(|| panic!("README.md has no {begin}"));
    let (part, _) = rest.split_once(end).unwrap_or_else(|| panic!("README.md has no {end}"));
    part.trim()
}

#[test]
fn the_metrics_in_the_readme_are_those_of_the_program() {
    let shown = between("<!-- metrics:begin -->", "<!-- metrics:end -->");
    assert!(
        shown == catalogue(Catalogue::Markdown).trim(),
        "the metrics in README.md are out of date; put the output of `cargo run -- metrics` between the markers \
         <!-- metrics:begin --> and <!-- metrics:end -->"
    );
}

#[test]
fn the_sample_configuration_is_good_and_stands_in_the_readme() {
    let config = Config::parse(SAMPLE, Path::new("."), "wolkvox.yml").unwrap();
    assert_eq!(config.operations.len(), 2);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let shown = between("<!-- config:begin -->", "<!-- config:end -->");
    let shown = shown.trim_start_matches("```yaml").trim_end_matches("```").trim();
    assert!(
        shown == SAMPLE.trim(),
        "the configuration in README.md is not tests/fixtures/config/wolkvox.yml; copy it between the markers \
         <!-- config:begin --> and <!-- config:end -->"
    );
}
