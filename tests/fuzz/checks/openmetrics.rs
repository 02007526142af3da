//! A strict reader of both exposition formats that shares no code with the encoder: it panics at the first liberty.

use std::collections::{BTreeMap, BTreeSet};

/// Labels of a series, sorted.
pub type Labels = BTreeMap<String, String>;

/// One family as a scraper sees it.
#[derive(Debug, PartialEq)]
pub struct Family {
    pub name: String,
    pub kind: String,
    /// Name with suffix, labels, and the digits of the value.
    pub samples: Vec<(String, Labels, String)>,
}

/// Reads a whole body.
pub fn read(body: &str, openmetrics: bool) -> Vec<Family> {
    let lines = match openmetrics {
        true => body.strip_suffix("# EOF\n").expect("the body ends with the mark of its end"),
        false => body,
    };
    assert!(lines.is_empty() || lines.ends_with('\n'));
    let mut families: Vec<Family> = Vec::new();
    let mut names = BTreeSet::new();
    let mut lines = lines.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").expect(line).split_once(' ').expect(line);
        assert!(is_name(name), "{line}");
        let mut help = help.chars();
        while let Some(c) = help.next() {
            match c {
                '\\' => assert!(matches!(help.next(), Some('\\' | 'n' | '"')), "{line}"),
                '"' => assert!(!openmetrics, "{line}"),
                _ => {}
            }
        }
        let line = lines.next().expect("a type");
        let kind = line.strip_prefix(&format!("# TYPE {name} ")).expect(line);
        assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
        if let Some(unit) = lines.next_if(|line| line.starts_with("# UNIT ")) {
            let unit = unit.strip_prefix(&format!("# UNIT {name} ")).expect(unit);
            assert!(openmetrics && name.ends_with(&format!("_{unit}")), "{name} {unit}");
        }
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            samples.push(sample(line, name, kind, openmetrics));
        }
        assert!(names.insert(name.to_owned()), "{name} stands twice");
        distinct(&samples);
        if kind == "histogram" {
            buckets(name, &samples, openmetrics);
        }
        families.push(Family { name: name.to_owned(), kind: kind.to_owned(), samples });
    }
    families
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn sample(line: &str, family: &str, kind: &str, openmetrics: bool) -> (String, Labels, String) {
    let end = line.find(['{', ' ']).expect(line);
    let name = &line[..end];
    assert!(is_name(name), "{line}");
    let suffixes: &[&str] = match kind {
        "counter" if openmetrics => &["_total"],
        "counter" | "gauge" => &[""],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &["_sum", "_count"],
    };
    let suffix = name.strip_prefix(family).expect(line);
    assert!(suffixes.contains(&suffix), "{line}");
    let mut labels = Labels::new();
    let mut rest = &line[end..];
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inside.split_once("=\"").expect(line);
            assert!(is_name(label), "{line}");
            let mut value = String::new();
            let mut chars = after.char_indices();
            let close = loop {
                match chars.next().expect(line) {
                    (_, '\\') => value.push(match chars.next().expect(line).1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("{c:?} needs no escape: {line}"),
                    }),
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            let after = &after[close + 1..];
            if let Some(after) = after.strip_prefix(',') {
                inside = after;
            } else {
                rest = after.strip_prefix('}').expect(line);
                break;
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    assert!(all_digits(whole) && all_digits(fraction), "{line}");
    assert!(kind == "gauge" || !value.starts_with('-'), "{line}");
    (name.to_owned(), labels, value.to_owned())
}

fn distinct(samples: &[(String, Labels, String)]) {
    let mut seen = BTreeSet::new();
    for (name, labels, _) in samples {
        assert!(seen.insert((name, labels)), "{name}{labels:?} stands twice");
    }
}

/// Bounds ascend, counts never fall, and the last bucket is the count.
fn buckets(family: &str, samples: &[(String, Labels, String)], openmetrics: bool) {
    let mut open: Option<(Labels, f64, u64)> = None;
    for (name, labels, value) in samples {
        let mut labels = labels.clone();
        if name.ends_with("_bucket") {
            let le = labels.remove("le").expect("a bucket has a bound");
            assert!(!openmetrics || le == "+Inf" || le.contains('.'), "{family}: {le}");
            let (bound, count): (f64, u64) = (le.parse().unwrap(), value.parse().unwrap());
            if let Some((before, last, least)) = &open {
                assert!(*before == labels && bound > *last && count >= *least, "{family}{labels:?} {le}");
            }
            open = Some((labels, bound, count));
        } else if name.ends_with("_count") {
            let (before, last, count) = open.take().expect("buckets come before their count");
            assert!(before == labels && last == f64::INFINITY && count == value.parse::<u64>().unwrap());
        }
    }
    assert!(open.is_none(), "{family}: buckets without a count");
}
