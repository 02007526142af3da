//! Properties over arbitrary configurations, and over a token in any place of a file.

use proptest::prelude::*;
use proptest::sample::select;
use yaml_serde::{Mapping, Value};

use super::*;

fn id() -> impl Strategy<Value = String> {
    let traps = [
        "0010", "0o10", "0x65", "1e3", "1_0", "null", "~", "true", "off", "10.0", ".inf", "-1", "a: b", "- a",
    ];
    prop_oneof![
        "[0-9]{1,6}",
        select(traps.to_vec()).prop_map(str::to_owned),
        "\\PC{1,20}".prop_filter("trimmed", |text| text.trim() == text && !text.is_empty()),
    ]
    .prop_filter("not a word of ours", |id| !matches!(id.as_str(), "*" | "all" | "discover"))
}

fn ids() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set(id(), 1..4)
}

fn duration(least: u64, most: u64) -> impl Strategy<Value = Duration> {
    let whole = prop_oneof![Just(1_u64), Just(60), Just(3600)];
    (least..=most, whole)
        .prop_map(move |(seconds, unit)| Duration::from_secs((seconds / unit * unit).clamp(least, most)))
}

fn settings(least: u64) -> impl Strategy<Value = ReportSettings> {
    (duration(1, 86_400), duration(least, 31 * 86_400))
        .prop_map(|(interval, settle)| ReportSettings { interval, settle })
}

fn reports() -> impl Strategy<Value = Reports> {
    let denominator = select(vec![Denominator::Inbound, Denominator::Answered, Denominator::Auto]);
    let skill_6 =
        (settings(300), denominator).prop_map(|(settings, denominator)| Skill6 { settings, denominator });
    let cdr_1 = (settings(7200), duration(0, 7200), any::<bool>())
        .prop_map(|(settings, coding_delay, agents)| Cdr1 { settings, coding_delay, agents });
    let diagram_4 = (settings(7200), duration(0, 7200))
        .prop_map(|(settings, coding_delay)| Diagram4 { settings, coding_delay });
    let option = proptest::option::of::<BoxedStrategy<ReportSettings>>;
    (
        skill_6,
        option(settings(300).boxed()),
        option(settings(7200).boxed()),
        proptest::option::of(cdr_1),
        proptest::option::of(diagram_4),
    )
        .prop_map(|(skill_6, diagram_1_2, diagram_3, cdr_1, diagram_4)| Reports {
            skill_6: Some(skill_6),
            diagram_1_2,
            diagram_3,
            cdr_1,
            diagram_4,
        })
}

fn targets() -> impl Strategy<Value = Vec<Target>> {
    let share = || proptest::option::of(1_i64..=1_000_000);
    let one = (ids(), share(), select(vec![10_u8, 20, 30]), share());
    proptest::collection::vec(one, 0..3).prop_map(|targets| {
        let mut seen = BTreeSet::new();
        let targets = targets.into_iter().filter_map(|(mut skills, service_level, within, abandon)| {
            skills.retain(|skill| seen.insert(skill.clone()));
            let sets = service_level.is_some() || abandon.is_some();
            let within = if service_level.is_some() { within } else { 20 };
            (sets && !skills.is_empty()).then_some(Target { skills, service_level, within, abandon })
        });
        targets.collect()
    })
}

fn business_hours() -> impl Strategy<Value = Vec<BusinessHours>> {
    let time = || (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| civil::time(hour, minute, 0, 0));
    let days = any::<[bool; 7]>().prop_filter("open on a day", |days| days.contains(&true));
    let skills = prop_oneof![ids(), Just(BTreeSet::from(["*".to_owned()]))];
    let one = (skills, days, time(), prop_oneof![time(), Just(civil::Time::midnight())])
        .prop_filter("opens", |(_, _, from, to)| from != to || *from == civil::Time::midnight())
        .prop_map(|(skills, days, from, to)| BusinessHours { skills, days, from, to });
    proptest::collection::vec(one, 0..3)
}

fn operation() -> impl Strategy<Value = Operation> {
    let zones = ["America/Bogota", "America/Santiago", "UTC", "Europe/Madrid"];
    let address = prop_oneof![
        "[0-9]{4}".prop_map(|number| (address::of_number(&number), number)),
        Just(("http://127.0.0.1:18080/api/v2/".to_owned(), "127.0.0.1:18080".to_owned())),
        Just(("https://wv0010.wolkvox.com/other/".to_owned(), "0010".to_owned())),
        Just(("https://[::1]:8443/".to_owned(), "[::1]:8443".to_owned())),
    ];
    let count_from = prop_oneof![
        Just(CountFrom::Now),
        (2010_i16..2100, 1_i8..=12, 1_i8..=28).prop_map(|(y, m, d)| CountFrom::Date(civil::date(y, m, d))),
    ];
    let skills = prop_oneof![Just(Skills::Discover), Just(Skills::All), ids().prop_map(Skills::Named)];
    let dnis =
        (proptest::option::of(ids()), 1_usize..=100_000).prop_map(|(allow, max)| DnisPolicy { allow, max });
    let identity = (id(), address, select(zones.to_vec()), prop_oneof![Just(String::new()), "[A-Z]{3}"]);
    let limits = (proptest::option::of(1_u64..=10_000_000), count_from, skills, dnis, 1_usize..=100_000);
    (identity, limits, targets(), business_hours(), reports()).prop_map(
        |((name, address, zone, currency), limits, targets, business_hours, reports)| {
            let (daily_requests, count_from, skills, dnis, labels_max) = limits;
            Operation {
                name,
                base_url: address.0,
                server: address.1,
                token: TokenSource::Env("SET_BELOW".to_owned()),
                zone: Zone::named(zone).unwrap(),
                currency,
                daily_requests,
                count_from,
                skills,
                dnis,
                labels_max,
                targets,
                business_hours,
                reports,
            }
        },
    )
}

fn config() -> impl Strategy<Value = Config> {
    proptest::collection::vec((operation(), any::<bool>()), 1..4).prop_map(|operations| {
        let mut config = Config::default();
        for (index, (mut operation, file)) in operations.into_iter().enumerate() {
            operation.token = if file {
                TokenSource::File(PathBuf::from(format!("/run/secrets/{index} ñ")))
            } else {
                TokenSource::Env(format!("TOKEN_{index}"))
            };
            if config.operations.iter().all(|other| other.name != operation.name) {
                config.operations.push(operation);
            }
        }
        config.operations.sort_by(|a, b| a.name.cmp(&b.name));
        config
    })
}

/// Tokens as they are: hexadecimal, base64 and digits, long enough to be recognised.
fn token() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9a-f]{32}", "[A-Za-z0-9+/]{30}==", "[0-9]{24,40}", "[A-Za-z0-9]{40}"]
        .prop_filter("not all letters of one case", |token| token.bytes().any(|b| !b.is_ascii_lowercase()))
}

/// Whether any eight characters of the token in a row stand in the text.
fn shows(text: &str, token: &str) -> bool {
    (0..=token.len() - 8).any(|start| text.contains(&token[start..start + 8]))
}

/// Nodes of a tree, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Sequence(items) => items.iter().map(count).sum(),
        Value::Mapping(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the node with this number, or its key, or adds an entry to it.
fn plant(value: &mut Value, number: &mut usize, how: u8, token: &str) {
    if *number == 0 {
        match (value, how) {
            (Value::Mapping(entries), 1) => {
                entries.insert(Value::from(token), Value::from(1));
            }
            (Value::Mapping(entries), 2) => {
                let renamed = entries.iter().enumerate().map(|(index, (key, value))| {
                    (if index == 0 { Value::from(token) } else { key.clone() }, value.clone())
                });
                *entries = renamed.collect::<Mapping>();
            }
            (Value::Sequence(items), 1) => items.push(Value::from(token)),
            (value, 3) => *value = token.parse::<u64>().map_or_else(|_| Value::from(token), Value::from),
            (value, 4) => *value = Value::Sequence(vec![Value::from(token)]),
            (value, _) => *value = Value::from(token),
        }
        *number = usize::MAX;
        return;
    }
    *number -= 1;
    let mut visit = |child: &mut Value| {
        if *number != usize::MAX {
            plant(child, number, how, token);
        }
    };
    match value {
        Value::Sequence(items) => items.iter_mut().for_each(&mut visit),
        Value::Mapping(entries) => entries.iter_mut().for_each(|(_, child)| visit(child)),
        _ => {}
    }
}

/// Everything that a reading of this text says.
fn said(text: &str) -> String {
    match parse(text) {
        Ok(config) => config.warnings.join("\n"),
        Err(error) => format!("{error}\n{error:?}"),
    }
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(FIXTURES).join(name)).unwrap()
}

proptest! {
    #[test]
    fn effective_form_reads_back_to_the_same(config in config()) {
        let text = config.effective();
        let again = parse(&text);
        prop_assert!(again.is_ok(), "{}\n{text}", again.unwrap_err());
        prop_assert_eq!(again.unwrap().operations, config.operations, "{}", text);
    }

    #[test]
    fn token_in_any_place_of_the_tree_is_never_said(token in token(), number in any::<prop::sample::Index>(), how in 0_u8..5) {
        let mut tree: Value = yaml_serde::from_str(&sample("wolkvox.yml")).unwrap();
        let mut number = number.index(count(&tree));
        plant(&mut tree, &mut number, how, &token);
        prop_assert_eq!(number, usize::MAX, "planted");
        let text = yaml_serde::to_string(&tree).unwrap();
        prop_assert!(text.contains(&token));
        let said = said(&text);
        prop_assert!(!shows(&said, &token), "{}", said);
    }

    #[test]
    fn token_at_any_place_of_the_text_is_never_said(
        token in token(),
        at in any::<prop::sample::Index>(),
        around in select(vec![("", ""), (" ", " "), ("\"", "\""), ("!", " "), ("!!int ", " "), ("&", " "), ("*", " "), ("\n", ": 1\n"), (": ", "\n")]),
    ) {
        let text = sample("wolkvox.yml");
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let text = format!("{}{}{token}{}{}", &text[..at], around.0, around.1, &text[at..]);
        let said = said(&text);
        prop_assert!(!shows(&said, &token), "{}", said);
    }

    #[test]
    fn token_in_any_place_of_the_web_configuration_is_never_said(token in token(), number in any::<prop::sample::Index>(), how in 0_u8..5) {
        let mut tree: Value = yaml_serde::from_str(&sample("web/web.yml")).unwrap();
        let mut number = number.index(count(&tree));
        plant(&mut tree, &mut number, how, &token);
        let text = yaml_serde::to_string(&tree).unwrap();
        let said = match WebConfig::parse(&text, Path::new("/etc/wolkvox"), "web.yml") {
            Ok(config) => config.warnings.join("\n"),
            Err(error) => format!("{error}\n{error:?}"),
        };
        prop_assert!(!shows(&said, &token), "{}", said);
    }

    #[test]
    fn every_operation_belongs_to_exactly_one_shard(config in config(), of in 1_u32..9) {
        let mut names: Vec<String> = Vec::new();
        for index in 0..of {
            names.extend(config.clone().shard(index, of).operations.into_iter().map(|operation| operation.name));
        }
        names.sort();
        prop_assert_eq!(names, config.operations.into_iter().map(|operation| operation.name).collect::<Vec<_>>());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[a-z:\\-\\[\\]{}&*!\"' \n0-9]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(!error.mistakes().is_empty());
        }
    }

    #[test]
    fn hours_agree_with_the_minutes_of_a_week(hours in business_hours(), day in 0_i64..14, minute in 0_i64..1440) {
        let monday = civil::date(2026, 11, 16);
        for entry in hours {
            // The model: minutes of a week that runs in a circle.
            let minutes = |time: civil::Time| i64::from(time.hour()) * 60 + i64::from(time.minute());
            let (from, to) = (minutes(entry.from), minutes(entry.to));
            let to = if to <= from { to + 1440 } else { to };
            let to = if entry.to == civil::Time::midnight() { 1440 } else { to };
            let now = (day * 1440 + minute) % (7 * 1440);
            // A stretch that begins on a Sunday may end on the Monday after.
            let open = (0..7).filter(|day| entry.days[*day as usize]).any(|day| {
                let stretch = day * 1440 + from..day * 1440 + to;
                stretch.contains(&now) || stretch.contains(&(now + 7 * 1440))
            });
            let at = crate::time::shift(
                monday.at(0, 0, 0, 0),
                crate::time::SignedDuration::from_mins(day * 1440 + minute),
            );
            prop_assert_eq!(entry.is_open(at), open);
        }
    }
}
