//! From nodes to values: each reader says what is wrong and returns nothing, or returns the value.

use std::io;
use std::time::Duration;

use super::mistake::Notes;
use super::node::{Kind, Node, Value, join};

/// Keys under which people paste a token.
const SECRETS: [&str; 9] = [
    "token",
    "api_token",
    "wolkvox_token",
    "wolkvox-token",
    "api_key",
    "apikey",
    "key",
    "password",
    "secret",
];

/// Checks that a node is a mapping with only these keys, each once.
pub(super) fn mapping(node: &Node, keys: &[&str], notes: &mut Notes) -> bool {
    let Value::Map(entries) = &node.value else {
        notes.mistake(&node.at, format!("a mapping is needed here, with the keys {}", keys.join(", ")));
        return false;
    };
    for (index, (key, child)) in entries.iter().enumerate() {
        let Some(key) = key.as_deref() else {
            notes.mistake(&child.at, "a key must be text");
            continue;
        };
        if !keys.contains(&key) {
            notes.mistake(&child.at, unknown(key, keys));
        } else if entries[..index].iter().any(|(other, _)| other.as_deref() == Some(key)) {
            notes.mistake(&child.at, "given twice; keep one");
        }
    }
    true
}

/// What to say of a key that is not known.
fn unknown(key: &str, keys: &[&str]) -> String {
    let named_secret = SECRETS.iter().any(|secret| key.eq_ignore_ascii_case(secret));
    if named_secret && keys.contains(&"token_file") {
        return "a token is never part of the configuration; put it in a file and name that with \
                token_file, or in an environment variable and name that with token_env"
            .to_owned();
    }
    if key == "<<" {
        return "merge keys are not read; write what several operations share under defaults".to_owned();
    }
    match keys.iter().min_by_key(|known| distance(key, known)) {
        Some(near) if distance(key, near) <= 2 => format!("unknown key; did you mean {near}?"),
        _ => format!("unknown key; known here: {}", keys.join(", ")),
    }
}

/// Edits between two short words.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // Far longer than any key: surely not near.
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let cost = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Text. A plain number is taken as it is written when it is digits only; anything else wants quotes.
pub(super) fn text<'n>(node: &'n Node, wanted: &str, notes: &mut Notes) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(Kind::Text, text) => Some(text),
        Value::Scalar(Kind::Number, text) if text.bytes().all(|b| b.is_ascii_digit()) => Some(text),
        Value::Scalar(Kind::Number, _) => {
            notes.mistake(&node.at, format!("YAML reads this as a number; write {wanted} in quotes"));
            None
        }
        Value::Scalar(Kind::Truth, _) => {
            notes.mistake(&node.at, format!("YAML reads this as true or false; write {wanted} in quotes"));
            None
        }
        other => {
            notes.mistake(&node.at, format!("{wanted} is needed here, not {}", kind(other)));
            None
        }
    }
}

/// Text fit for a label and for a request: not empty, no control characters, not too long, trimmed.
pub(super) fn clean_text(node: &Node, wanted: &str, longest: usize, notes: &mut Notes) -> Option<String> {
    let text = text(node, wanted, notes)?;
    let complaint = if text.is_empty() {
        "is empty".to_owned()
    } else if text.chars().count() > longest {
        format!("is longer than {longest} characters")
    } else if text.chars().any(char::is_control) {
        "holds a control character".to_owned()
    } else if text.trim() != text {
        "begins or ends with a space".to_owned()
    } else {
        return Some(text.to_owned());
    };
    notes.mistake(&node.at, format!("{complaint}; {wanted} is needed"));
    None
}

/// A list of at least one entry. One value alone counts as a list of one.
pub(super) fn list<'n>(node: &'n Node, wanted: &str, notes: &mut Notes) -> Option<Vec<&'n Node>> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            notes.mistake(&node.at, format!("the list is empty; name {wanted}, or leave the key out"));
            None
        }
        Value::List(items) => Some(items.iter().collect()),
        Value::Scalar(..) => Some(vec![node]),
        other => {
            notes.mistake(&node.at, format!("a list of {wanted} is needed here, not {}", kind(other)));
            None
        }
    }
}

/// A duration in humantime, between two bounds.
pub(super) fn duration(node: &Node, least: Duration, most: Duration, notes: &mut Notes) -> Option<Duration> {
    let example = "a number with a unit, such as 30s, 5m or 6h";
    let parsed = match &node.value {
        Value::Scalar(Kind::Text, text) => humantime::parse_duration(text.trim()).ok(),
        Value::Scalar(Kind::Number, _) => {
            notes.mistake(&node.at, format!("a duration needs its unit; write {example}"));
            return None;
        }
        _ => None,
    };
    let Some(duration) = parsed else {
        notes.mistake(&node.at, format!("not a duration; write {example}"));
        return None;
    };
    if duration < least || duration > most {
        notes.mistake(
            &node.at,
            format!("out of range; between {} and {} is needed", human(least), human(most)),
        );
        return None;
    }
    Some(duration)
}

/// A duration as it would be written in the file: in the largest unit that holds it exactly.
pub(super) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() > 0 || seconds == 0 {
        return humantime::format_duration(duration).to_string().replace(' ', "");
    }
    // Invariant: the last unit divides every number.
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    unit.map(|(unit, name)| format!("{}{name}", seconds / unit)).unwrap_or_default()
}

/// Why a file cannot be read, without its name.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        kind => kind.to_string(),
    }
}

/// A whole number between two bounds.
pub(super) fn number(node: &Node, least: u64, most: u64, notes: &mut Notes) -> Option<u64> {
    // Digits behind a zero are read as octal by some and as decimal by others.
    let ambiguous = |text: &str| text.len() > 1 && text.starts_with('0');
    let parsed = match &node.value {
        Value::Scalar(Kind::Number | Kind::Text, text)
            if text.bytes().all(|b| b.is_ascii_digit()) && !ambiguous(text) =>
        {
            text.parse().ok()
        }
        _ => None,
    };
    match parsed {
        Some(number) if (least..=most).contains(&number) => Some(number),
        _ => {
            notes.mistake(
                &node.at,
                format!("a whole number between {least} and {most} is needed, in plain digits"),
            );
            None
        }
    }
}

/// `true` or `false`.
pub(super) fn truth(node: &Node, notes: &mut Notes) -> Option<bool> {
    match &node.value {
        Value::Scalar(Kind::Truth, text) => Some(text.eq_ignore_ascii_case("true")),
        _ => {
            notes.mistake(&node.at, "true or false is needed");
            None
        }
    }
}

/// A share as `80%` or `0.8`, in millionths, between two bounds.
pub(super) fn share(node: &Node, least: i64, notes: &mut Notes) -> Option<i64> {
    let parsed = match &node.value {
        Value::Scalar(Kind::Number | Kind::Text, text) => millionths(text.trim()),
        _ => None,
    };
    match parsed {
        Some(share) if (least..=1_000_000).contains(&share) => Some(share),
        Some(_) if least > 0 => {
            notes.mistake(&node.at, "out of range; a share above 0% and up to 100% is needed");
            None
        }
        Some(_) => {
            notes.mistake(&node.at, "out of range; a share from 0% to 100% is needed");
            None
        }
        None => {
            notes.mistake(
                &node.at,
                "not a share; write a percentage such as 80% or a ratio such as 0.8, with at most 6 decimals \
                 as a ratio (a bare 1 could be either: write 1% or 100%)",
            );
            None
        }
    }
}

/// Millionths of a percentage or a ratio, exactly; a bare whole number other than 0 is ambiguous.
fn millionths(text: &str) -> Option<i64> {
    let (number, decimals) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 4),
        None => (text, 6),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let shaped = !whole.is_empty() && whole.len() <= 4 && digits(whole) && digits(fraction);
    let pointed = number.contains('.');
    if !shaped || fraction.len() > decimals || (pointed && fraction.is_empty()) {
        return None;
    }
    if decimals == 6 && !pointed && number != "0" {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

/// A share in millionths as a percentage, the way it would be written in the file.
pub(super) fn percent(millionths: i64) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// One of a few words.
pub(super) fn word<T: Copy>(node: &Node, words: &[(&str, T)], notes: &mut Notes) -> Option<T> {
    let found = match &node.value {
        Value::Scalar(_, text) => words.iter().find(|(word, _)| word == text).map(|(_, value)| *value),
        _ => None,
    };
    if found.is_none() {
        let known = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        notes.mistake(&node.at, format!("one of {known} is needed"));
    }
    found
}

/// Notes that a key is missing.
pub(super) fn missing(parent: &Node, key: &str, what: &str, notes: &mut Notes) {
    notes.mistake(&join(&parent.at, key), format!("missing; {what}"));
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nothing => "nothing",
        Value::Scalar(..) => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
        Value::Tagged => "a value with a YAML tag",
    }
}
