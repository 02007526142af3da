mod property;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};


use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/config");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/wolkvox"), "wolkvox.yml")
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("refused:\n{error}"))
}

/// One operation with these lines added to what every operation needs.
fn with(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "operations:\n  - name: acme\n    server: \"0010\"\n    token_env: ACME\n    timezone: America/Bogota\n{lines}"
    )
}

fn mistakes(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.mistakes().iter().map(ToString::to_string).collect(),
    }
}

/// The paths of the mistakes of one operation with these lines added.
fn places(lines: &str) -> Vec<String> {
    match parse(&with(lines)) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let places = error.mistakes().iter().map(|mistake| mistake.at.clone());
            places.map(|at| at.strip_prefix("operations[0].").map(str::to_owned).unwrap_or(at)).collect()
        }
    }
}

#[test]
fn published_sample_reads_and_names_every_key() {
    let file = Path::new(FIXTURES).join("wolkvox.yml");
    let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, Vec::<String>::new());
    let [acme, simulated] = config.operations.as_slice() else { panic!("two operations") };
    assert_eq!(acme.base_url, "https://wv0010.wolkvox.com/api/v2/");
    assert_eq!(acme.server, "0010");
    assert_eq!(acme.reports, Reports::default());
    assert_eq!(acme.business_hours.len(), 4);
    assert_eq!(simulated.server, "127.0.0.1:18080");
    assert!(simulated.is_loopback());
    let text = fs::read_to_string(file).unwrap();
    for key in [&load::KEYS[..], &operation::KEYS, &targets::KEYS, &hours::KEYS, &reports::KEYS, &reports::CDR_1_KEYS]
        .concat()
    {
        assert!(text.contains(&format!("{key}:")), "{key} is not in the sample");
    }
}

#[test]
fn minimal_operation_has_the_documented_defaults() {
    let config = good(&with(""));
    let operation = &config.operations[0];
    assert_eq!(operation.reports, Reports::default());
    assert_eq!(operation.skills, Skills::Discover);
    assert_eq!(operation.dnis, DnisPolicy { allow: None, max: 200 });
    assert_eq!(operation.labels_max, 200);
    assert_eq!(operation.count_from, CountFrom::Now);
    assert_eq!(operation.daily_requests, None);
    assert_eq!(operation.settings(crate::api::Report::Diagram3).unwrap().settle, Duration::from_secs(36 * 3600));
    assert!(config.warnings.is_empty());
}

#[test]
fn unquoted_numbers_are_taken_as_written_or_refused() {
    // YAML keeps 0010 as text and reads 601 as a number whose digits are the same.
    for (written, server) in [("0010", "0010"), ("\"0010\"", "0010"), ("1234", "1234"), ("0068", "0068")] {
        let config = good(&with("").replace("\"0010\"", written));
        assert_eq!(config.operations[0].server, server, "{written}");
    }
    for written in ["10", "8", "010", "0o10", "0x0A", "1_0", "1e3", "+0010", "0010.0", "true", "~", "[\"0010\"]", "00100"] {
        let found = mistakes(&with("").replace("\"0010\"", written));
        assert_eq!(found.len(), 1, "{written}: {found:?}");
        assert!(found[0].starts_with("operations[0].server: "), "{written}: {found:?}");
    }
    let config = good(&with("skills: [101, 0102]\ndnis: { allow: [601, 018000, \"0o10\"] }"));
    let Skills::Named(skills) = &config.operations[0].skills else { panic!("named") };
    assert_eq!(skills.iter().collect::<Vec<_>>(), ["0102", "101"]);
    let allow = config.operations[0].dnis.allow.clone().unwrap();
    assert_eq!(allow.iter().collect::<Vec<_>>(), ["018000", "0o10", "601"]);
    for written in ["0o10", "0x10", "1e3", "+101", "10.0", "-1", "true", ".inf"] {
        assert_eq!(places(&format!("skills: [{written}]")), ["skills[0]"], "{written}");
    }
    // Digits beyond every machine word are still digits.
    let config = good(&with("dnis: { allow: [573001234567890123456789012345678901234567890] }"));
    let allow = config.operations[0].dnis.allow.clone().unwrap();
    assert!(allow.contains("573001234567890123456789012345678901234567890"));
}

#[test]
fn all_mistakes_are_reported_at_once_with_their_paths() {
    let text = "\
operations:
  - name: acme
    server: 10
    tokenfile: x
    timezone: Bogota
    daily_requests: many
    reports:
      skill_6: { interval: 5, settle: soon, denominator: outbound }
      cdr_2: off
  - server: \"0011\"
    token_file: a
    timezone: UTC
    targets: [{ skills: [\"1\"], service_level: 80, within: 15s }]
extra: 1
";
    let expected = "\
extra: unknown key
operations[0].tokenfile: unknown key
operations[0].server: a server number is four digits
operations[0].token_file: missing
operations[0].timezone: no zone has this name
operations[0].daily_requests: a whole number
operations[0].reports.cdr_2: unknown key
operations[0].reports.skill_6.denominator: one of inbound, answered, auto is needed
operations[0].reports.skill_6.interval: a duration needs its unit
operations[0].reports.skill_6.settle: not a duration
operations[1].name: missing
operations[1].targets[0].service_level: not a share
operations[1].targets[0].within: 10s, 20s or 30s is needed";
    let found = mistakes(text);
    assert_eq!(found.len(), expected.lines().count(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected.lines()) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
}

/// Every file of a folder beside the text that it must be refused with, one mistake a line.
fn refused_as_written(folder: &Path, refuse: impl Fn(&str) -> Option<ConfigError>) {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yml"));
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for file in files {
        let error = refuse(&fs::read_to_string(&file).unwrap());
        let error = error.unwrap_or_else(|| panic!("{} was accepted", file.display())).to_string();
        let expected = fs::read_to_string(file.with_extension("txt")).unwrap_or_default();
        if expected.trim_end() != error {
            wrong.push(format!("{}\n{error}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "differs from the text beside it:\n{}", wrong.join("\n\n"));
}

#[test]
fn every_bad_file_is_refused_with_the_mend() {
    refused_as_written(&Path::new(FIXTURES).join("bad"), |text| {
        Config::parse(text, Path::new("/etc/wolkvox"), "wolkvox.yml").err()
    });
}
