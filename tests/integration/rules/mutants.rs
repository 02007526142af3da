//! Rules that are slightly wrong, each of which some scenario must notice.
//!
//! Of every rule, one thing at a time is changed: a number is doubled or halved, a comparison turned round, a window
//! exchanged, a guard left out, the time to hold set to nothing or to twenty times. All mutants stand in one rule file under names
//! of their own and are held against the claims about the original; what promtool has no complaint about has survived.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::{env, fs, thread};

use wolkvox_exporter::dashboards::rule::{self, Alert, Group, Recording, Rule};
use wolkvox_exporter::dashboards::{self, Options, alerts};

use super::scenario::{Claim, Scenario};
use super::{files, recorded, scenarios, weeks};
use crate::tools;

/// What cannot be noticed, and why.
const EQUAL: &[(&str, &str, &str)] = &[
    ("WolkvoxAPIErrors", "became 2", "no more requests fail than are made"),
    ("WolkvoxCSATLow", "became 2", CLAMP),
    ("WolkvoxCallbackS", "became 2", CLAMP),
    ("operation_skill_id:wolkvox_business_open:", "increase1h", "it only asks which skills there are"),
    ("operation:wolkvox_ivr_calls:", "max by", ONE),
    ("operation:wolkvox_ivr_seconds:", "max by", ONE),
    ("operation_report:wolkvox_report_revisions_down:", "max by", ONE),
    ("operation_skill_id:wolkvox_callbacks_", "max by", ONE),
    ("operation_skill_id_dnis:", "max by", ONE),
];

const CLAMP: &str = "a share above 1 is no low one; only what is shown is clamped";
const ONE: &str = "an exporter has one such series for these labels";

const WINDOWS: [(&str, &str); 8] = [
    ("15m", "1h"),
    ("30m", "4h"),
    ("1h", "4h"),
    ("2h", "1d"),
    ("4h", "1d"),
    ("6h", "1h"),
    ("1d", "1h"),
    ("1w", "1d"),
];

fn another(window: &str) -> Option<&'static str> {
    if window == "2w" {
        return Some("1d");
    }
    WINDOWS.iter().find(|(of, _)| *of == window).map(|(_, other)| *other)
}

/// Words, numbers, strings and signs, in order; white space belongs to none.
fn tokens(expr: &str) -> Vec<(usize, &str)> {
    let bytes = expr.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.');
        if bytes[at] == b'"' {
            at += 1;
            while bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if word(bytes[at]) {
            while at < bytes.len() && word(bytes[at]) {
                at += 1;
            }
        } else if matches!(bytes[at], b'<' | b'>' | b'=' | b'!') {
            while at < bytes.len() && matches!(bytes[at], b'<' | b'>' | b'=' | b'!' | b'~') {
                at += 1;
            }
        } else {
            at += 1;
        }
        if !expr[start..at].trim().is_empty() {
            found.push((start, &expr[start..at]));
        }
    }
    found
}

/// Every way to change one token, with words for it.
fn changed(expr: &str) -> Vec<(String, String)> {
    let tokens = tokens(expr);
    let mut found = Vec::new();
    let mut braces = 0;
    for (index, (at, token)) in tokens.iter().enumerate() {
        match *token {
            "{" => braces += 1,
            "}" => braces -= 1,
            _ => {}
        }
        if braces > 0 {
            continue;
        }
        let before = index.checked_sub(1).map_or("", |index| tokens[index].1);
        let mut with = |other: String| {
            let text = format!("{}{other}{}", &expr[..*at], &expr[at + token.len()..]);
            found.push((format!("{token} at {at} became {other}"), text));
        };
        if let Ok(number) = token.parse::<f64>() {
            match (before, number) {
                ("==", 0.0) => with("1".to_owned()),
                ("==", _) => with("0".to_owned()),
                (_, 0.0) => with("1e9".to_owned()),
                _ => {
                    with((number * 2.0).to_string());
                    with((number / 2.0).to_string());
                }
            }
        } else if let Some(other) = another(token) {
            with(other.to_owned());
        } else if let Some((name, window)) =
            WINDOWS.iter().find_map(|(window, _)| Some((token.strip_suffix(window)?, *window)))
            && token.contains(':')
        {
            // Names of other windows that are not recorded would be noticed too easily; they are tried all the same.
            with(format!("{name}{}", another(window).unwrap_or(window)));
        } else {
            match *token {
                ">" | ">=" => with("<".to_owned()),
                "<" | "<=" => with(">".to_owned()),
                "==" => with("!=".to_owned()),
                _ => {}
            }
        }
    }
    found
}

fn leaked(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

/// Every mutant of an alert; the first is none, and must survive.
fn of_alert(alert: &Alert) -> Vec<(String, Alert)> {
    let mut made = vec![("nothing".to_owned(), alert.clone())];
    for (what, signal) in changed(&alert.signal) {
        made.push((format!("signal: {what}"), Alert { signal, ..alert.clone() }));
    }
    for (index, guard) in alert.guards.iter().enumerate() {
        let mut guards = alert.guards.clone();
        guards.remove(index);
        made.push((format!("left out: {guard}"), Alert { guards, ..alert.clone() }));
        for (what, text) in changed(guard) {
            let mut guards = alert.guards.clone();
            guards[index] = text;
            made.push((format!("guard {index}: {what}"), Alert { guards, ..alert.clone() }));
        }
    }
    if alert.hold_minutes > 0 {
        for hold_minutes in [0, 20 * alert.hold_minutes] {
            made.push((format!("holds {hold_minutes} m"), Alert { hold_minutes, ..alert.clone() }));
        }
    }
    for (index, (_, mutant)) in made.iter_mut().enumerate() {
        mutant.name = leaked(format!("{}__m{index}", alert.name));
    }
    made
}

fn of_recording(rule: &Recording) -> Vec<(String, Recording)> {
    let mut made = vec![("nothing".to_owned(), rule.expr.clone())];
    made.extend(changed(&rule.expr));
    for (at, _) in rule.expr.match_indices("\nunless") {
        let end = rule.expr[at + 1..].find("\nunless").map_or(rule.expr.len(), |next| at + 1 + next);
        made.push((
            format!("left out: unless at {at}"),
            format!("{}{}", &rule.expr[..at], &rule.expr[end..]),
        ));
    }
    for (at, sum) in rule.expr.match_indices("sum by") {
        let text = format!("{}max by{}", &rule.expr[..at], &rule.expr[at + sum.len()..]);
        made.push((format!("{sum} at {at} became max by"), text));
    }
    let named = made.into_iter().enumerate();
    named
        .map(|(index, (what, expr))| (what, Recording { name: format!("{}__m{index}", rule.name), expr }))
        .collect()
}

/// Runs promtool in a folder of its own; returns which of the names it complained about.
fn complained(folder: &Path, rules: Vec<Rule>, tests: &str, names: &[String]) -> BTreeSet<String> {
    let options = Options::default();
    fs::create_dir_all(folder).unwrap();
    let recording = rule::yaml("Originals.", &dashboards::recording_rules(&options), &options);
    fs::write(folder.join("recorded.yaml"), recording).unwrap();
    // The last group in the order of evaluation: everything recorded is there.
    let mutants = [Group { name: "wolkvox.trust", rules }];
    fs::write(folder.join("mutants.yaml"), rule::yaml("Mutants.", &mutants, &options)).unwrap();
    fs::write(folder.join("tests.yaml"), tests).unwrap();
    let output = tools::on_path(&["promtool"])
        .unwrap()
        .command()
        .args(["test", "rules"])
        .arg(folder.join("tests.yaml"))
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    fs::write(folder.join("said"), &said).unwrap();
    let mut found = BTreeSet::new();
    for (at, _) in said.match_indices("__m") {
        let end = said[at + 3..].find(|c: char| !c.is_ascii_digit()).map_or(said.len(), |end| at + 3 + end);
        let start =
            said[..at].rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).map_or(0, |at| at + 1);
        found.insert(said[start..end].to_owned());
    }
    assert!(
        said.contains("FAILED") || said.contains("SUCCESS"),
        "promtool did not run the tests:\n{}",
        said.chars().take(2000).collect::<String>()
    );
    // What is left are the same names in small letters, in addresses of the runbook.
    found.retain(|name| names.contains(name));
    found
}

/// One run: what to change, and against which claims.
struct Run {
    folder: &'static str,
    rules: Vec<Rule>,
    tests: String,
    /// What was changed, by the name of the mutant.
    what: BTreeMap<String, String>,
}

fn reads_recorded(alert: &Alert) -> bool {
    tokens(&alert.expr()).iter().any(|(_, token)| token.contains(':') && !token.starts_with('"'))
}

/// `stated`: the scenarios that state every word of the alerts, or the others, for which no words need be written.
fn of_alerts(folder: &'static str, stated: bool, of: impl Fn(&Scenario) -> bool) -> Run {
    let options = Options::default();
    let states = |scenario: &Scenario| scenario.claims.iter().any(|claim| matches!(claim, Claim::Fires(..)));
    let mut mine: Vec<Scenario> = scenarios().into_iter().filter(of).collect();
    mine.retain(|scenario| states(scenario) == stated);
    let about: BTreeSet<_> = mine.iter().map(|scenario| scenario.alert).collect();
    let weekly = mine.iter().all(|scenario| scenario.every > 1);
    let recorded =
        alerts::all(&options).iter().any(|alert| about.contains(alert.name) && reads_recorded(alert));
    let rules: &[&str] =
        if weekly || !recorded { &["mutants.yaml"] } else { &["recorded.yaml", "mutants.yaml"] };
    let rules: Vec<_> = rules.iter().map(|name| (*name).to_owned()).collect();
    let mut tests = files::begin(&rules, if weekly { weeks::EVALUATED } else { 5 }, &options);
    let mut mutants: BTreeMap<&str, Vec<Alert>> = BTreeMap::new();
    let mut what = BTreeMap::new();
    for alert in alerts::all(&options).iter().filter(|alert| about.contains(alert.name)) {
        for (change, mut mutant) in of_alert(alert) {
            if !stated {
                mutant.summary = "Nobody reads this.".to_owned();
            }
            what.insert(mutant.name.to_owned(), change);
            mutants.entry(alert.name).or_default().push(mutant);
        }
    }
    for world in files::worlds(mine.iter()) {
        let claims: Vec<_> = world
            .iter()
            .flat_map(|scenario| mutants[scenario.alert].iter().map(move |mutant| (scenario, mutant.clone())))
            .collect();
        files::write(&mut tests, &world, &claims, &options);
    }
    let rules = mutants.into_values().flatten().map(|alert| Rule::Alert(Box::new(alert))).collect();
    Run { folder, rules, tests, what }
}

fn of_recordings(folder: &'static str, week: bool) -> Run {
    let options = Options::default();
    let told = &recorded::told()[usize::from(week)];
    let rules = ["recorded.yaml", "mutants.yaml"].map(str::to_owned);
    let mut tests = files::begin(&rules, recorded::EVERY, &options) + &recorded::above(week);
    let (mut mutants, mut what) = (Vec::new(), BTreeMap::new());
    for rule in dashboards::recording_rules(&options).into_iter().flat_map(|group| group.rules) {
        let Rule::Record(rule) = rule else { continue };
        if !told.iter().any(|told| told.name == rule.name) {
            continue;
        }
        for (change, mutant) in of_recording(&rule) {
            for told in told.iter().filter(|told| told.name == rule.name) {
                told.write(&mut tests, &mutant.name);
            }
            what.insert(mutant.name.clone(), change);
            mutants.push(Rule::Record(mutant));
        }
    }
    Run { folder, rules: mutants, tests, what }
}

#[test]
fn every_recorded_series_is_told() {
    let told: BTreeSet<_> = recorded::told().into_iter().flatten().map(|told| told.name).collect();
    for rule in dashboards::recording_rules(&Options::default()).into_iter().flat_map(|group| group.rules) {
        if let Rule::Record(rule) = rule {
            assert!(told.contains(&rule.name), "nothing says what {} must be", rule.name);
        }
    }
}

/// Long for a test: the stage `rules` of `tests/run` calls it.
#[test]
#[ignore = "takes a minute; tests/run rules"]
fn every_mutant_is_noticed() {
    if tools::on_path(&["promtool"]).is_none() {
        return;
    }
    let horizons = alerts::HORIZONS.map(|horizon| horizon.name);
    let weekly = |scenario: &Scenario| scenario.every > 1;
    let level = |scenario: &Scenario| horizons.contains(&scenario.alert);
    let options = Options::default();
    let on_recorded: BTreeSet<_> =
        alerts::all(&options).into_iter().filter(reads_recorded).map(|alert| alert.name).collect();
    let together =
        |scenario: &Scenario| !level(scenario) && !weekly(scenario) && on_recorded.contains(scenario.alert);
    // Each alert apart, since every mutant is evaluated for every operation of its world; but those few that need the
    // recorded series together, since these cost most.
    let mut runs = vec![of_alerts("together", true, together), of_alerts("together-more", false, together)];
    for alert in alerts::all(&options) {
        for stated in [true, false] {
            let folder = leaked(format!("{}-{stated}", alert.name));
            runs.push(of_alerts(folder, stated, |scenario| {
                scenario.alert == alert.name && !together(scenario)
            }));
        }
    }
    runs.retain(|run| !run.rules.is_empty());
    runs.extend([of_recordings("recorded", false), of_recordings("recorded-week", true)]);
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let what: BTreeMap<_, _> = runs.iter().flat_map(|run| run.what.clone()).collect();
    let queue = Mutex::new(runs.into_iter());
    let noticed = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(run) = queue.lock().unwrap().next() else { break };
                    let names: Vec<_> = run.what.keys().cloned().collect();
                    let found = complained(&below.join(run.folder), run.rules, &run.tests, &names);
                    noticed.lock().unwrap().extend(found);
                }
            });
        }
    });
    let noticed = noticed.into_inner().unwrap();
    let (mut made, mut equal, mut survivors) = (0, 0, Vec::new());
    for (name, change) in &what {
        let found = noticed.contains(name);
        if name.ends_with("__m0") {
            assert!(!found, "{name}: not even the original passes");
        } else if EQUAL.iter().any(|(of, part, _)| name.starts_with(of) && change.ends_with(part)) {
            equal += 1;
        } else {
            made += 1;
            if !found {
                survivors.push(format!("{name}: {change}"));
            }
        }
    }
    let mut said = String::new();
    survivors.iter().for_each(|survivor| {
        let _ = writeln!(said, "{survivor}");
    });
    assert!(survivors.is_empty(), "{} of {made} mutants survived:\n{said}", survivors.len());
    println!("{made} mutants made, all noticed; {equal} more make no difference");
    if let Some(note) = env::var_os("WOLKVOX_NOTE") {
        fs::write(note, format!("{made} mutants of rules, all noticed\n")).unwrap();
    }
}
