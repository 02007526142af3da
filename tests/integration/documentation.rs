//! What the documentation says is what the program does.

use std::collections::BTreeMap;
use std::path::Path;

use wolkvox_exporter::api::Reason;
use wolkvox_exporter::commands::arguments::{Arguments, Catalogue};
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

#[test]
fn the_readme_knows_every_command_and_every_reason_of_a_failure() {
    let definition = Arguments::definition(&BTreeMap::new());
    for command in definition.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = command.get_name();
        let named = [format!("| `wolkvox_exporter {name}` |"), format!("| `wolkvox_exporter [{name}]` |")];
        assert!(named.iter().any(|row| README.contains(row)), "README.md does not explain {name}");
    }
    for reason in Reason::ALL {
        assert!(
            README.contains(&format!("\n| `{reason}` |")),
            "README.md does not say what to do about {reason}"
        );
    }
}

#[test]
fn what_the_readme_links_to_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets =
        README.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    let headings: Vec<String> = README
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect();
    let mut links = 0;
    for target in targets.filter(|target| !target.starts_with("https://")) {
        links += 1;
        match target.strip_prefix('#') {
            Some(wanted) => assert!(headings.iter().any(|heading| heading == wanted), "no heading {target}"),
            None => assert!(root.join(target).exists(), "README.md links to {target}, which does not exist"),
        }
    }
    assert!(links > 10, "the links have been found");
}
