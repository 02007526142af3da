mod property;

use std::collections::{BTreeMap, BTreeSet};
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
    for key in [
        &load::KEYS[..],
        &operation::KEYS,
        &targets::KEYS,
        &hours::KEYS,
        &reports::KEYS,
        &reports::CDR_1_KEYS,
    ]
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
    assert_eq!(
        operation.settings(crate::api::Report::Diagram3).unwrap().settle,
        Duration::from_secs(36 * 3600)
    );
    assert!(config.warnings.is_empty());
}

#[test]
fn unquoted_numbers_are_taken_as_written_or_refused() {
    // YAML keeps 0010 as text and reads 601 as a number whose digits are the same.
    for (written, server) in [("0010", "0010"), ("\"0010\"", "0010"), ("1234", "1234"), ("0068", "0068")] {
        let config = good(&with("").replace("\"0010\"", written));
        assert_eq!(config.operations[0].server, server, "{written}");
    }
    for written in [
        "10",
        "8",
        "010",
        "0o10",
        "0x0A",
        "1_0",
        "1e3",
        "+0010",
        "0010.0",
        "true",
        "~",
        "[\"0010\"]",
        "00100",
    ] {
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
pub(super) fn refused_as_written(folder: &Path, refuse: impl Fn(&str) -> Option<ConfigError>) {
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

#[test]
fn mistakes_of_defaults_are_said_once_and_at_their_own_place() {
    let text = format!(
        "{}  - {{ name: b, server: \"0011\", token_env: B, timezone: UTC }}\ndefaults: {{ currency: pesos, reports: {{ skill_6: {{ settle: 1s }} }} }}\n",
        with("")
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("defaults.currency: ")
            && found[1].starts_with("defaults.reports.skill_6.settle: ")
    );
    // An overridden default is read as well.
    let found = mistakes(&format!("{}defaults: {{ currency: pesos }}\n", with("currency: COP")));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn defaults_are_united_key_by_key_and_the_operation_wins() {
    let text = format!(
        "{}\
defaults:
  base_url: http://127.0.0.1:1/
  currency: COP
  dnis: {{ max: 7 }}
  skills: [\"9\"]
  reports:
    skill_6: {{ interval: 10m, settle: 12h }}
    cdr_1: off
    diagram_4: {{ settle: 3h }}
",
        with(
            "skills: [\"1\"]\ndnis: { allow: [\"601\"] }\nreports: { skill_6: { interval: 7m }, diagram_4: off, cdr_1: { agents: true } }"
        )
    );
    let operation = good(&text).operations.remove(0);
    assert_eq!(operation.server, "0010", "the own server sends the inherited base_url away");
    assert_eq!(operation.currency, "COP");
    assert_eq!(operation.skills, Skills::Named(BTreeSet::from(["1".to_owned()])), "a list is replaced whole");
    assert_eq!(operation.dnis, DnisPolicy { allow: Some(BTreeSet::from(["601".to_owned()])), max: 7 });
    let skill_6 = operation.reports.skill_6.unwrap().settings;
    assert_eq!(
        skill_6,
        ReportSettings { interval: Duration::from_secs(420), settle: Duration::from_secs(12 * 3600) }
    );
    assert!(operation.reports.diagram_4.is_none());
    assert!(operation.reports.cdr_1.unwrap().agents, "what is off by default can be turned on");
    // A key without a value takes the inherited one away again.
    assert_eq!(
        good(&text.replace("    timezone:", "    currency:\n    timezone:")).operations[0].currency,
        ""
    );
}

#[test]
fn directory_holds_one_operation_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let operations = directory.path().join("operations.d");
    fs::create_dir(&operations).unwrap();
    let write = |name: &str, text: &str| fs::write(operations.join(name), text).unwrap();
    let file = directory.path().join("wolkvox.yml");
    fs::write(&file, "operations_dir: operations.d/\ndefaults: { timezone: America/Bogota }\n").unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(
        (config.operations.len(), config.warnings.len()),
        (0, 1),
        "an empty directory waits for files"
    );
    write("b.yml", "{ name: zeta, server: \"0011\", token_file: zeta.token }");
    write("a.yaml", "{ name: alfa, server: \"0010\", token_file: alfa.token }");
    write(".b.yml.swp", "not read");
    write("README", "not read either");
    let config = Config::load(&file).unwrap();
    assert_eq!(
        config.operations.iter().map(|operation| operation.name.as_str()).collect::<Vec<_>>(),
        ["alfa", "zeta"]
    );
    assert_eq!(config.operations[0].token, TokenSource::File(operations.join("alfa.token")));
    assert_eq!(config.warnings, ["operations.d/README: not read; an operation's file ends in .yml or .yaml"]);
    write("c.yml", "{ name: alfa, server: \"0010\", token_file: alfa.token, currencyy: COP }");
    write("d.yml", "{ name: ");
    let error = Config::load(&file).unwrap_err();
    let found: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0], "operations.d/c.yml: currencyy: unknown key; did you mean currency?");
    assert!(found[1].starts_with("operations.d/d.yml: not readable as YAML: "), "{found:?}");
    assert!(
        found[2].starts_with("operations.d/c.yml: name: the same name as operations.d/a.yaml: name"),
        "{found:?}"
    );
    assert!(found[3].starts_with("operations.d/c.yml: token_file: the same token"), "{found:?}");
}

fn env(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn environment_alone_makes_one_operation() {
    let config = Config::from_env(&env(&[
        ("WOLKVOX_SERVER", "0010"),
        ("WOLKVOX_TOKEN", "secret"),
        ("WOLKVOX_TIMEZONE", "America/Bogota"),
        ("WOLKVOX_TOKEN_FILE", ""),
    ]));
    let operation = config.unwrap().operations.remove(0);
    assert_eq!((operation.name.as_str(), operation.server.as_str()), ("0010", "0010"));
    assert_eq!(operation.token, TokenSource::Env("WOLKVOX_TOKEN".to_owned()));
    let config = Config::from_env(&env(&[
        ("WOLKVOX_BASE_URL", "http://127.0.0.1:18080/api/v2"),
        ("WOLKVOX_TOKEN_FILE", "/run/secrets/token"),
        ("WOLKVOX_TIMEZONE", "America/Bogota"),
        ("WOLKVOX_OPERATION", "acme"),
        ("WOLKVOX_CURRENCY", "COP"),
    ]));
    let operation = config.unwrap().operations.remove(0);
    assert_eq!((operation.name.as_str(), operation.server.as_str()), ("acme", "127.0.0.1:18080"));
    assert_eq!(operation.base_url, "http://127.0.0.1:18080/api/v2/");
    assert_eq!(operation.token, TokenSource::File(PathBuf::from("/run/secrets/token")));
}

#[test]
fn mistakes_of_the_environment_name_the_variables() {
    let error =
        Config::from_env(&env(&[("WOLKVOX_SERVER", "10"), ("WOLKVOX_CURRENCY", "pesos")])).unwrap_err();
    let ats: Vec<&str> = error.mistakes().iter().map(|mistake| mistake.at.as_str()).collect();
    assert_eq!(ats, ["WOLKVOX_SERVER", "WOLKVOX_TOKEN_FILE", "WOLKVOX_TIMEZONE", "WOLKVOX_CURRENCY"]);
    assert!(
        error.to_string().contains("WOLKVOX_SERVER: a server number is four digits, zeros included"),
        "{error}"
    );
    assert!(!error.to_string().contains("quotes"), "{error}");
    assert!(error.to_string().contains("environment: WOLKVOX_TOKEN_FILE: missing; name the file that holds the token (or use WOLKVOX_TOKEN)"), "{error}");
    let both = env(&[
        ("WOLKVOX_SERVER", "0010"),
        ("WOLKVOX_TOKEN", "a"),
        ("WOLKVOX_TOKEN_FILE", "b"),
        ("WOLKVOX_TIMEZONE", "UTC"),
    ]);
    assert_eq!(
        Config::from_env(&both).unwrap_err().to_string(),
        "environment: WOLKVOX_TOKEN_FILE: WOLKVOX_TOKEN_FILE and WOLKVOX_TOKEN exclude each other; keep one"
    );
}

#[test]
fn named_file_wins_over_default_file_and_default_file_over_environment() {
    let directory = tempfile::tempdir().unwrap();
    let default = directory.path().join("wolkvox.yml");
    let named = directory.path().join("other.yml");
    let environment = env(&[
        ("WOLKVOX_SERVER", "0010"),
        ("WOLKVOX_TOKEN", "a"),
        ("WOLKVOX_TIMEZONE", "UTC"),
        ("WOLKVOX_OPERATION", "env"),
    ]);
    let name = |config: Result<Config, ConfigError>| config.unwrap().operations.remove(0).name;
    assert_eq!(name(Config::find(None, &default, &environment)), "env");
    assert!(matches!(Config::find(Some(&named), &default, &environment), Err(ConfigError::Read { .. })));
    assert!(matches!(Config::find(None, &default, &env(&[])), Err(ConfigError::Absent { .. })));
    fs::write(&default, with("")).unwrap();
    assert_eq!(name(Config::find(None, &default, &environment)), "acme");
    fs::write(&named, with("").replace("acme", "named")).unwrap();
    assert_eq!(name(Config::find(Some(&named), &default, &environment)), "named");
}

#[test]
fn what_is_allowed_but_unwise_is_warned_about() {
    let text = with("reports: { skill_6: { interval: 2m } }")
        .replace("server: \"0010\"", "base_url: http://proxy.example.org/api/v2/");
    let warnings = good(&text).warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("operations[0].base_url: plain http "));
    assert!(warnings[1].starts_with("operations[0].reports.skill_6.interval: below 5m"));
    let unread = "skills: [\"101\"]\ntargets: [{ skills: [\"102\"], abandon: 5% }]";
    assert_eq!(
        good(&with(unread)).warnings,
        ["operations[0].targets: names a skill that skills does not read"]
    );
    let loopback = with("").replace("server: \"0010\"", "base_url: http://[::1]:9/api/v2");
    assert!(good(&loopback).warnings.is_empty());
}

#[test]
fn one_server_has_one_name_however_it_is_written() {
    for base_url in ["https://wv0010.wolkvox.com:443/api/v2", "HTTPS://WV0010.Wolkvox.com/api/v2//"] {
        let text = with("").replace("server: \"0010\"", &format!("base_url: {base_url}"));
        let operation = good(&text).operations.remove(0);
        assert_eq!(
            (operation.server.as_str(), operation.base_url.as_str()),
            ("0010", "https://wv0010.wolkvox.com/api/v2/")
        );
    }
}

#[test]
fn targets_of_a_skill_win_over_those_of_all() {
    let text = with(
        "\
targets:
  - { skills: [\"*\"], service_level: 80%, within: 20s, abandon: 5% }
  - { skills: [\"101\"], service_level: 0.9, within: 30s }
  - { skills: [\"101\"], service_level: 99.95%, within: 10s }
  - { skills: [\"102\"], abandon: 0 }",
    );
    let operation = good(&text).operations.remove(0);
    let of = |skill: &str| operation.targets_of(skill);
    assert_eq!(of("101").service_level, BTreeMap::from([(30, 900_000), (10, 999_500)]));
    assert_eq!(of("101").abandon, Some(50_000));
    assert_eq!(of("102").service_level, BTreeMap::from([(20, 800_000)]));
    assert_eq!(of("102").abandon, Some(0));
    assert_eq!(
        of("7"),
        SkillTargets { service_level: BTreeMap::from([(20, 800_000)]), abandon: Some(50_000) }
    );
}

#[test]
fn hours_of_a_skill_add_up_and_win_over_those_of_all() {
    let text = with(
        "\
business_hours:
  - { skills: [\"101\"], days: mon-fri, hours: [\"08:00-12:00\", \"14:00-18:00\"] }
  - { skills: [\"101\"], days: [sat], hours: 22:00-02:00 }
  - { skills: [\"*\"], hours: 00:00-24:00 }",
    );
    let operation = good(&text).operations.remove(0);
    // 2026-11-20 is a Friday.
    let at = |day: i8, hour: i8, minute: i8| civil::date(2026, 11, day).at(hour, minute, 0, 0);
    for (day, hour, minute, open) in [
        (20, 7, 59, false),
        (20, 8, 0, true),
        (20, 11, 59, true),
        (20, 12, 0, false),
        (20, 14, 0, true),
        (21, 8, 0, false),
        (21, 22, 0, true),
        (22, 1, 59, true),
        (22, 2, 0, false),
        (22, 22, 0, false),
    ] {
        assert_eq!(operation.is_open("101", at(day, hour, minute)), Some(open), "{day} {hour}:{minute}");
    }
    assert_eq!(operation.is_open("102", at(22, 3, 0)), Some(true));
    let without = good(&with("")).operations.remove(0);
    assert_eq!(without.is_open("101", at(20, 9, 0)), None);
}

#[test]
fn ranges_of_days_run_over_the_end_of_the_week() {
    for (days, open) in [
        ("mon-fri", [true, true, true, true, true, false, false]),
        ("sat-mon", [true, false, false, false, false, true, true]),
        ("[Mon, wednesday, fri-sat]", [true, false, true, false, true, true, false]),
        ("sun", [false, false, false, false, false, false, true]),
    ] {
        let text =
            with(&format!("business_hours: [{{ skills: [\"1\"], days: {days}, hours: \"07:00-19:00\" }}]"));
        assert_eq!(good(&text).operations[0].business_hours[0].days, open, "{days}");
    }
}

#[test]
fn shards_are_the_same_on_every_machine() {
    // Known answers: a change would move operations between processes and their ledgers.
    let shards: Vec<u32> = ["acme", "zeta", "ñandú", "0010"].iter().map(|name| shard_of(name, 7)).collect();
    assert_eq!(shards, KNOWN_SHARDS);
}

/// First 8 bytes of SHA-256 of the name, big-endian, modulo 7.
const KNOWN_SHARDS: [u32; 4] = [2, 5, 6, 3];

#[test]
fn files_that_grow_without_end_are_refused() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (letter, before) in ('b'..='i').zip('a'..) {
        bomb += &format!("{letter}: &{letter} [{}]\n", format!("*{before}, ").repeat(10));
    }
    assert_eq!(mistakes(&bomb), ["not readable as YAML: repetition limit exceeded"]);
    let found = mistakes(&"[".repeat(100_000));
    assert!(
        found.len() == 1 && found[0].starts_with("not readable as YAML: recursion limit exceeded"),
        "{found:?}"
    );
}

#[test]
fn lone_operation_may_inherit_its_token_from_defaults_but_two_may_not() {
    let text = with("").replace("    token_env: ACME\n", "") + "defaults: { token_env: SHARED }\n";
    assert_eq!(good(&text).operations[0].token, TokenSource::Env("SHARED".to_owned()));
    let second = "  - { name: b, server: \"0011\", timezone: UTC }\ndefaults:";
    let found = mistakes(&text.replace("defaults:", second));
    assert_eq!(found, ["defaults.token_env: shared by several operations; one token serves one operation"]);
}
