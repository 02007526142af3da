//! One operation: from its mapping to a checked [`Operation`].

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::field::{self, missing};
use super::mistake::Notes;
use super::node::{Kind, Node, Value, join};
use super::{CountFrom, DnisPolicy, Operation, Skills, TokenSource, address, hours, reports, targets};
use crate::time::{Zone, civil};

/// Every key of an operation, in the order of the documentation.
pub(super) const KEYS: [&str; 15] = [
    "name",
    "server",
    "base_url",
    "token_file",
    "token_env",
    "timezone",
    "currency",
    "daily_requests",
    "count_from",
    "skills",
    "dnis",
    "labels",
    "targets",
    "business_hours",
    "reports",
];

pub(super) const DNIS_KEYS: [&str; 2] = ["allow", "max"];
pub(super) const LABELS_KEYS: [&str; 1] = ["max"];

/// Of two keys that exclude each other, the own one sends away the inherited other.
const EXCLUSIVE: [(&str, &str); 2] = [("server", "base_url"), ("token_file", "token_env")];

/// Longest name of an operation, id of a skill and DNIS, in characters.
const NAME_LONGEST: usize = 128;
const ID_LONGEST: usize = 64;

/// Values of a label that one operation may have; beyond this a series per value is a mistake.
const DISTINCT_MOST: u64 = 100_000;
const DISTINCT_DEFAULT: usize = 200;

/// Licences x 1000; no operation has more than ten thousand licences.
const REQUESTS_MOST: u64 = 10_000_000;

/// What is known of an operation even when it holds mistakes, so that doubles are found all the same.
pub(super) struct Read {
    pub(super) operation: Option<Operation>,
    pub(super) name: Option<(String, String)>,
    pub(super) token: Option<(TokenSource, String)>,
}

/// Lays an operation over the defaults.
pub(super) fn inherit(own: Node, defaults: Option<&Node>) -> Node {
    let Some(defaults) = defaults else { return own };
    let mut defaults = defaults.clone();
    if let Value::Map(entries) = &mut defaults.value {
        for (a, b) in EXCLUSIVE {
            for (given, other) in [(a, b), (b, a)] {
                if own.child(given).is_some() {
                    entries.retain(|(key, _)| key.as_deref() != Some(other));
                }
            }
        }
    }
    if matches!(own.value, Value::Map(_)) && matches!(defaults.value, Value::Map(_)) {
        own.over(&defaults)
    } else {
        own
    }
}

/// Reads the values of `defaults` for their own mistakes, where nothing is missing yet.
pub(super) fn read_defaults(node: &Node, base: &Path, notes: &mut Notes) {
    if !field::mapping(node, &KEYS, notes) {
        return;
    }
    if let Some(name) = node.child("name") {
        notes.mistake(&name.at, "a name belongs to one operation; it cannot be a default");
    }
    let mut partial = Notes::default();
    parts(node, base, false, &mut partial);
    let prefix = join(&node.at, "");
    // What a single operation misses (its name, its server) is no mistake of the defaults; those are
    // exactly the keys that do not stand in the file.
    for mistake in partial.mistakes {
        let key = mistake.at.strip_prefix(&prefix).unwrap_or_default();
        let top = key.split(['.', '[']).next().unwrap_or_default();
        if node.child(top).is_some() {
            notes.mistake(&mistake.at, mistake.what);
        }
    }
}

/// Reads an operation whose defaults have been laid under it.
pub(super) fn read(node: &Node, base: &Path, notes: &mut Notes) -> Read {
    parts(node, base, true, notes)
}

fn parts(node: &Node, base: &Path, complete: bool, notes: &mut Notes) -> Read {
    let before = notes.mistakes.len();
    let mut read = Read { operation: None, name: None, token: None };
    if !field::mapping(node, &KEYS, notes) {
        return read;
    }
    let name = name(node, notes);
    let address = address::read(node, notes);
    let token = token(node, base, notes);
    let zone = zone(node, notes);
    let currency = node.child("currency").and_then(|node| currency(node, notes)).unwrap_or_default();
    let daily_requests =
        node.child("daily_requests").and_then(|node| field::number(node, 1, REQUESTS_MOST, notes));
    let count_from =
        node.child("count_from").and_then(|node| count_from(node, notes)).unwrap_or(CountFrom::Now);
    let skills = node.child("skills").and_then(|node| skills(node, notes)).unwrap_or(Skills::Discover);
    let dnis = dnis(node.child("dnis"), notes);
    let labels_max = distinct(node.child("labels"), &LABELS_KEYS, notes);
    let targets = targets::read(node.child("targets"), notes);
    let business_hours = hours::read(node.child("business_hours"), notes);
    let reports = reports::read(node.child("reports"), notes);
    if complete {
        let targets = targets.iter().map(|target| &target.skills);
        let hours = business_hours.iter().map(|hours| &hours.skills);
        warn_of_unread(node.child("targets"), targets, &skills, notes);
        warn_of_unread(node.child("business_hours"), hours, &skills, notes);
    }
    if let Some(node) = node.child("reports").filter(|_| complete) {
        reports::refuse_all_off(node, &reports, notes);
    }
    read.name = name.clone().zip(node.child("name").map(|node| node.at.clone()));
    read.token = token.clone();
    // A mistake in `defaults` was noted with the first operation; the others are incomplete all the same.
    let (Some(name), Some(address), Some((token, _)), Some(zone)) = (name, address, token, zone) else {
        return read;
    };
    if notes.mistakes.len() > before {
        return read;
    }
    read.operation = Some(Operation {
        name,
        base_url: address.base_url,
        server: address.server,
        token,
        zone,
        currency,
        daily_requests,
        count_from,
        skills,
        dnis,
        labels_max,
        targets,
        business_hours,
        reports,
    });
    read
}

fn name(node: &Node, notes: &mut Notes) -> Option<String> {
    let Some(name) = node.child("name") else {
        missing(node, "name", "it becomes the label operation, such as acme", notes);
        return None;
    };
    field::clean_text(name, "a name such as acme", NAME_LONGEST, notes)
}

fn token(node: &Node, base: &Path, notes: &mut Notes) -> Option<(TokenSource, String)> {
    match (node.child("token_file"), node.child("token_env")) {
        (Some(file), None) => {
            let text = field::clean_text(file, "the path of a file that holds the token", 4096, notes)?;
            Some((TokenSource::File(lexical(&base.join(text))), file.at.clone()))
        }
        (None, Some(variable)) => {
            let text = field::text(variable, "the name of an environment variable", notes)?;
            let mut bytes = text.bytes();
            let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            if first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Some((TokenSource::Env(text.to_owned()), variable.at.clone()));
            }
            notes.mistake(
                &variable.at,
                "not the name of an environment variable; name the variable that holds the token, such as \
                 ACME_TOKEN (if the token itself stands here, take it out)",
            );
            None
        }
        (Some(file), Some(_)) => {
            notes.mistake(&file.at, "token_file and token_env exclude each other; keep one");
            None
        }
        (None, None) => {
            missing(node, "token_file", "name the file that holds the token (or use token_env)", notes);
            None
        }
    }
}

/// A path without `.` and doubled slashes, so that one file has one spelling. `..` stays: a link may lie before it.
fn lexical(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn zone(node: &Node, notes: &mut Notes) -> Option<Zone> {
    let Some(zone) = node.child("timezone") else {
        missing(node, "timezone", "the operation's IANA zone is needed, such as America/Bogota", notes);
        return None;
    };
    let text = field::text(zone, "an IANA zone such as America/Bogota", notes)?;
    let zone_of_name = Zone::named(text).ok();
    if zone_of_name.is_none() {
        notes.mistake(&zone.at, "no zone has this name; an IANA name is needed, such as America/Bogota");
    }
    zone_of_name
}

fn currency(node: &Node, notes: &mut Notes) -> Option<String> {
    let wanted = "an ISO 4217 code such as COP";
    let text = field::text(node, wanted, notes)?;
    if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        return Some(text.to_owned());
    }
    notes.mistake(&node.at, format!("{wanted} is needed: three capital letters"));
    None
}

fn count_from(node: &Node, notes: &mut Notes) -> Option<CountFrom> {
    let earliest = civil::date(2010, 1, 1);
    let parsed = match &node.value {
        Value::Scalar(Kind::Text, text) if text == "now" => Some(CountFrom::Now),
        Value::Scalar(Kind::Text, text) if text.len() == 10 => {
            text.parse::<civil::Date>().ok().filter(|date| *date >= earliest).map(CountFrom::Date)
        }
        _ => None,
    };
    if parsed.is_none() {
        notes.mistake(&node.at, "now, or a past date such as 2026-11-01, is needed");
    }
    parsed
}

fn skills(node: &Node, notes: &mut Notes) -> Option<Skills> {
    match &node.value {
        Value::Scalar(Kind::Text, text) if text == "discover" => Some(Skills::Discover),
        Value::Scalar(Kind::Text, text) if text == "all" => Some(Skills::All),
        Value::List(_) => {
            let mend = "write all or discover in place of the list";
            ids(node, "ids of skills", mend, notes).map(Skills::Named)
        }
        _ => {
            notes.mistake(&node.at, "discover, all, or a list of ids such as [\"101\", \"102\"] is needed");
            None
        }
    }
}

/// Warns of targets and hours for skills that are never read, which is most often a slip of the pen.
fn warn_of_unread<'s>(
    node: Option<&Node>,
    of: impl Iterator<Item = &'s BTreeSet<String>>,
    skills: &Skills,
    notes: &mut Notes,
) {
    let is_read = |id: &String| match skills {
        Skills::Discover => true,
        Skills::All => id == "all" || id == "*",
        Skills::Named(ids) => id == "*" || ids.contains(id),
    };
    if let Some(node) = node
        && of.flatten().any(|id| !is_read(id))
    {
        notes.warn(&node.at, "names a skill that skills does not read");
    }
}

/// A list of ids, each once. The words that stand for several skills are not ids.
fn ids(node: &Node, wanted: &str, mend: &str, notes: &mut Notes) -> Option<BTreeSet<String>> {
    let items = field::list(node, wanted, notes)?;
    let mut ids = BTreeSet::new();
    for item in &items {
        let Some(id) = field::clean_text(item, "an id such as \"101\"", ID_LONGEST, notes) else { continue };
        if matches!(id.as_str(), "all" | "discover" | "*") {
            notes.mistake(&item.at, format!("not an id; {mend}"));
        } else if !ids.insert(id) {
            notes.mistake(&item.at, "listed twice");
        }
    }
    (ids.len() == items.len()).then_some(ids)
}

/// The skills of a target or of opening hours: ids, or `*` alone.
pub(super) fn skills_or_all(parent: &Node, notes: &mut Notes) -> Option<BTreeSet<String>> {
    let Some(node) = parent.child("skills") else {
        missing(parent, "skills", "name skills, such as [\"101\"], or [\"*\"] for all", notes);
        return None;
    };
    let items = field::list(node, "ids of skills", notes)?;
    if let [only] = items.as_slice()
        && matches!(&only.value, Value::Scalar(_, text) if text == "*")
    {
        return Some(BTreeSet::from(["*".to_owned()]));
    }
    let mut ids = BTreeSet::new();
    for item in &items {
        let Some(id) = field::clean_text(item, "an id such as \"101\"", ID_LONGEST, notes) else { continue };
        if id == "*" {
            notes.mistake(&item.at, "* stands for all skills and stands alone");
        } else if !ids.insert(id) {
            notes.mistake(&item.at, "listed twice");
        }
    }
    (ids.len() == items.len()).then_some(ids)
}

fn dnis(node: Option<&Node>, notes: &mut Notes) -> DnisPolicy {
    let max = distinct(node, &DNIS_KEYS, notes);
    let allow = node.and_then(|node| node.child("allow"));
    DnisPolicy {
        allow: allow.and_then(|node| ids(node, "DNIS", "leave the key out to allow any", notes)),
        max,
    }
}

/// The `max` of a mapping.
fn distinct(node: Option<&Node>, keys: &[&str], notes: &mut Notes) -> usize {
    let max = node
        .filter(|node| field::mapping(node, keys, notes))
        .and_then(|node| node.child("max"))
        .map(|node| (node, field::number(node, 1, DISTINCT_MOST, notes)));
    // Invariant: at most DISTINCT_MOST, which fits any usize.
    max.and_then(|(_, max)| max).map_or(DISTINCT_DEFAULT, |max| max as usize)
}
