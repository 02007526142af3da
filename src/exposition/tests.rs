//! Properties of the whole: what a scraper reads is what was handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::time::Duration;

use proptest::prelude::*;

use crate::metrics::{Family, Kind, Label, LabelText, Sample, catalogue};

use super::render::{Rendered, render};
use super::*;

/// What a reader that shares no code with the encoder finds in a body.
#[derive(Debug, Default, PartialEq)]
struct Read {
    /// Family names in order, each with its TYPE and UNIT.
    families: Vec<(String, String, Option<String>)>,
    /// Series in order: name, labels, value.
    series: Vec<(String, BTreeMap<String, String>, f64)>,
    ended: bool,
}

/// Reads a body; panics where it breaks the format's grammar or interleaves families.
fn read(body: &str) -> Read {
    let mut read = Read::default();
    let mut seen = BTreeSet::new();
    assert!(body.is_empty() || body.ends_with('\n'));
    for line in body.lines() {
        assert!(!read.ended, "nothing follows the end: {line}");
        if line == "# EOF" {
            read.ended = true;
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty());
            assert!(seen.insert(name.to_owned()), "{name} comes twice");
            read.families.push((name.to_owned(), String::new(), None));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let family = read.families.last_mut().unwrap();
            assert_eq!(family.0, name);
            family.1 = kind.to_owned();
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').unwrap();
            let family = read.families.last_mut().unwrap();
            assert_eq!(family.0, name);
            assert!(name.ends_with(&format!("_{unit}")));
            family.2 = Some(unit.to_owned());
        } else {
            let (name, labels, value) = series(line);
            let family = &read.families.last().unwrap().0;
            let suffix = name.strip_prefix(family.as_str()).expect("a series stands below its family");
            assert!(["", "_total", "_bucket", "_sum", "_count"].contains(&suffix), "{line}");
            read.series.push((name, labels, value));
        }
    }
    read
}

fn series(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let name = line[..end].to_owned();
    let mut labels = BTreeMap::new();
    let mut rest = &line[end..];
    if let Some(after) = rest.strip_prefix('{') {
        rest = after;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next().unwrap() {
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        c => value.push(c),
                    },
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none());
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    (name, labels, rest.strip_prefix(' ').unwrap().parse().unwrap())
}

fn prepared() -> Vec<&'static Family> {
    catalogue::all().filter(|family| family.labels.first() == Some(&Label::Operation)).collect()
}

/// Values as the ledger gives them: buckets ascend, counters do not matter here.
fn sample(family: &'static Family, operation: &str, labels: &[String], numbers: &[u32]) -> Sample {
    let texts = std::iter::once(operation).chain(labels.iter().map(String::as_str));
    let labels = LabelText::new(family.labels.iter().copied().zip(texts));
    let mut values: Vec<i64> = numbers[..family.width()].iter().map(|number| i64::from(*number)).collect();
    if let Kind::Histogram(bounds) = family.kind {
        for bucket in 1..=bounds.len() {
            values[bucket] += values[bucket - 1];
        }
    }
    Sample { labels, values: values.into() }
}

type Seed = (usize, Vec<(Vec<String>, Vec<u32>)>);

/// One source of one operation: a few families with a few series each.
fn source(operation: &str, seeds: &[Seed], taken: &mut BTreeSet<usize>) -> Vec<Block> {
    let families = prepared();
    let mut blocks = Vec::new();
    for (family, rows) in seeds {
        let position = family % families.len();
        if !taken.insert(position) {
            continue;
        }
        let family = families[position];
        let mut samples: Vec<Sample> =
            rows.iter().map(|(labels, numbers)| sample(family, operation, labels, numbers)).collect();
        samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        samples.dedup_by(|a, b| a.labels == b.labels);
        blocks.push(Block { family, samples });
    }
    blocks
}

fn seed() -> impl Strategy<Value = Seed> {
    let label = prop_oneof!["[a-z0-9]{0,3}", "[ -~\\n]{0,4}", "\\PC{0,3}"];
    let row = (prop::collection::vec(label, 4), prop::collection::vec(any::<u32>(), 20));
    (any::<prop::sample::Index>().prop_map(|index| index.index(10_000)), prop::collection::vec(row, 0..4))
}

fn operations() -> impl Strategy<Value = Vec<OperationBlocks>> {
    let sources = prop::collection::vec(prop::collection::vec(seed(), 0..6), 0..3);
    prop::collection::btree_map("[a-z][a-z0-9-]{0,3}", sources, 0..4).prop_map(|operations| {
        let operation = |(name, sources): (String, Vec<Vec<Seed>>)| {
            let mut taken = BTreeSet::new();
            let blocks = sources.iter().map(|seeds| Arc::new(source(&name, seeds, &mut taken))).collect();
            OperationBlocks { name: name.into(), blocks }
        };
        operations.into_iter().map(operation).collect()
    })
}

fn whole(operations: &[OperationBlocks], format: Format, previous: Option<&Rendered>) -> Rendered {
    render(&operations.iter().collect::<Vec<_>>(), format, previous)
}

fn text(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.bytes).unwrap()
}

/// What a body must hold, worked out from the input without the encoder.
fn expected(operations: &[OperationBlocks]) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let mut all = Vec::new();
    for family in prepared() {
        let unit = 10_f64.powi(family.unit.decimals() as i32);
        for operation in operations {
            for block in operation.blocks.iter().flat_map(|source| source.iter()) {
                if block.family != family {
                    continue;
                }
                for sample in &block.samples {
                    let (_, labels, _) = series(&format!("x{{{}}} 0", sample.labels.as_str()));
                    let mut push = |suffix: &str, le: Option<f64>, value: f64| {
                        let mut labels = labels.clone();
                        if let Some(le) = le {
                            labels.insert("le".to_owned(), le.to_string());
                        }
                        all.push((format!("{}{suffix}", family.name), labels, value));
                    };
                    let values: Vec<f64> = sample.values.iter().map(|value| *value as f64).collect();
                    match family.kind {
                        Kind::Counter | Kind::Gauge => push("", None, values[0] / unit),
                        Kind::Summary => {
                            push("_sum", None, values[1] / unit);
                            push("_count", None, values[0]);
                        }
                        Kind::Histogram(bounds) => {
                            for (bound, value) in bounds.iter().zip(&values) {
                                push("_bucket", Some(*bound as f64 / unit), *value);
                            }
                            let count = values[bounds.len()];
                            push("_bucket", Some(f64::INFINITY), count);
                            push("_sum", None, values[bounds.len() + 1] / unit);
                            push("_count", None, count);
                        }
                    }
                }
            }
        }
    }
    all
}

/// Label values of `le` as numbers, since the formats write them differently.
fn normal(
    series: Vec<(String, BTreeMap<String, String>, f64)>,
) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let mut series = series;
    for (_, labels, _) in &mut series {
        if let Some(le) = labels.get_mut("le") {
            *le = le.parse::<f64>().unwrap().to_string();
        }
    }
    series
}

fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    decoder.read_to_end(&mut out).unwrap();
    // A second member, or anything else, would be left over.
    assert!(decoder.into_inner().is_empty());
    out
}

proptest! {
    #[test]
    fn a_body_reads_back_as_what_was_handed_over(operations in operations()) {
        for format in Format::ALL {
            let rendered = whole(&operations, format, None);
            let read = read(text(&rendered));
            let count = read.series.len();
            prop_assert_eq!(normal(read.series), expected(&operations));
            prop_assert_eq!(count, super::render::series(&operations));
            for (name, kind, unit) in read.families {
                let counter = kind == "counter";
                prop_assert_eq!(counter && format == Format::Text, name.ends_with("_total"));
                prop_assert_eq!(
                    unit.is_some(),
                    format == Format::OpenMetrics && ["_seconds", "_ratio", "_bytes"].iter().any(|unit| name.ends_with(unit))
                );
            }
        }
    }

    #[test]
    fn bounds_are_integers_in_text_and_floats_in_openmetrics(operations in operations()) {
        for line in text(&whole(&operations, Format::Text, None)).lines().filter(|line| line.contains("_bucket{")) {
            prop_assert!(!line.contains(".0\"} "), "{}", line);
        }
        for line in text(&whole(&operations, Format::OpenMetrics, None)).lines().filter(|line| line.contains("_bucket{")) {
            let le = line.rsplit_once("le=\"").unwrap().1;
            prop_assert!(le.starts_with("+Inf\"") || le.contains('.'), "{}", line);
        }
    }

    #[test]
    fn copying_from_the_last_body_changes_nothing(before in operations(), after in operations(), keep in any::<u64>()) {
        // Some operations of the second generation are those of the first, sources and all.
        let mut mixed: BTreeMap<Arc<str>, OperationBlocks> =
            after.into_iter().map(|operation| (Arc::clone(&operation.name), operation)).collect();
        for (nth, operation) in before.iter().enumerate() {
            if keep >> nth & 1 == 1 {
                mixed.insert(Arc::clone(&operation.name), operation.clone());
            }
        }
        let mixed: Vec<OperationBlocks> = mixed.into_values().collect();
        for format in Format::ALL {
            let first = whole(&before, format, None);
            let copied = whole(&mixed, format, Some(&first));
            let fresh = whole(&mixed, format, None);
            prop_assert_eq!(text(&copied), text(&fresh));
            let again = whole(&before, format, Some(&copied));
            prop_assert_eq!(text(&again), text(&first));
        }
    }

    #[test]
    fn both_parts_of_a_member_decompress_to_both_parts(
        first in prop::collection::vec(any::<u8>(), 0..3000),
        repeat in 0_usize..60,
        second in prop::collection::vec(any::<u8>(), 0..3000),
        repeat_second in 0_usize..60,
    ) {
        let first = first.repeat(repeat);
        let second = second.repeat(repeat_second);
        let prefix = super::gzip::Prefix::new(&first).unwrap();
        // The same prefix serves many scrapes.
        for part in [&second[..], &[], b"x"] {
            let mut member = prefix.bytes().to_vec();
            member.extend(prefix.finish(part));
            let mut plain = first.clone();
            plain.extend_from_slice(part);
            prop_assert_eq!(unpack(&member), &plain[..]);
            // The stream between header and trailer ends by itself, exactly at the trailer.
            let stream = &member[10..];
            let mut inflate = flate2::Decompress::new(false);
            let mut out = Vec::with_capacity(plain.len() + 1);
            let status = inflate.decompress_vec(stream, &mut out, flate2::FlushDecompress::Finish).unwrap();
            prop_assert_eq!(status, flate2::Status::StreamEnd);
            prop_assert_eq!(inflate.total_in() as usize, stream.len() - 8);
        }
    }
}

#[test]
fn compressing_makes_text_smaller() {
    let body =
        "wolkvox_inbound_calls_total{operation=\"acme\",skill_id=\"101\",dnis=\"601\"} 12\n".repeat(20_000);
    let prefix = super::gzip::Prefix::new(body.as_bytes()).unwrap();
    assert!(prefix.bytes().len() < body.len() / 20);
}

#[test]
fn samples_out_of_order_or_double_are_mended() {
    let family = &catalogue::INBOUND_CALLS;
    let one = |skill: &str| sample(family, "a", &[skill.to_owned(), String::new()], &[7; 20]);
    let mended = super::render::in_order(&[one("2"), one("1"), one("2")]).into_owned();
    assert_eq!(mended, [one("1"), one("2")]);
}

/// Every name that a family may write, in OpenMetrics or text.
fn names(family: &Family) -> Vec<String> {
    let base = family.name.strip_suffix("_total").unwrap_or(family.name);
    let suffixes: &[&str] = match family.kind {
        Kind::Counter => &["", "_total", "_created"],
        Kind::Gauge => &[""],
        Kind::Histogram(_) => &["", "_bucket", "_sum", "_count", "_created"],
        Kind::Summary => &["", "_sum", "_count", "_created"],
    };
    suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect()
}

#[test]
fn no_two_families_share_a_name_in_any_format() {
    let mut seen = BTreeSet::new();
    for family in catalogue::all() {
        assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
        for name in names(family) {
            assert!(seen.insert(name.clone()), "{name}");
        }
    }
}

fn own() -> Arc<SelfMetrics> {
    Arc::new(SelfMetrics::new("1.2.3", "abc\"def", "1.90.0"))
}

#[test]
fn the_process_speaks_of_itself_in_both_formats() {
    let own = own();
    own.ledger_commit(Duration::from_millis(7));
    own.ledger_error();
    for format in Format::ALL {
        let read = read(std::str::from_utf8(&own.render(format)).unwrap());
        let value = |name: &str| read.series.iter().find(|series| series.0 == name).map(|series| series.2);
        assert_eq!(value("wolkvox_exporter_build_info"), Some(1.0));
        assert_eq!(value("wolkvox_exporter_ledger_errors_total"), Some(1.0));
        assert_eq!(value("wolkvox_exporter_ledger_commit_seconds_sum"), Some(0.007));
        assert_eq!(value("wolkvox_exporter_ledger_commit_seconds_count"), Some(1.0));
        // What nobody has measured is not there.
        assert_eq!(value("wolkvox_exporter_ledger_bytes"), None);
        assert_eq!(value("wolkvox_exporter_config_last_reload_successful"), None);
        #[cfg(target_os = "linux")]
        assert!(value("process_start_time_seconds").unwrap() > 1e9);
        let build = read.series.iter().find(|series| series.0 == "wolkvox_exporter_build_info").unwrap();
        assert_eq!(build.1["revision"], "abc\"def");
        let bounds: Vec<&str> =
            read.series.iter().filter_map(|series| Some(series.1.get("le")?.as_str())).collect();
        let ten = if format == Format::Text { "1" } else { "1.0" };
        assert!(bounds.contains(&ten) && bounds.contains(&"0.001"), "{bounds:?}");
        // Neither part holds a family of the other.
        for (name, ..) in &read.families {
            assert!(name.starts_with("process_") || name.starts_with("wolkvox_exporter_"), "{name}");
        }
    }
    own.ledger_bytes(4096);
    own.config_loaded("2026-11-20T00:00:00.5Z".parse().unwrap());
    own.config_reload_failed();
    own.series(12);
    let read = read(std::str::from_utf8(&own.render(Format::Text)).unwrap());
    let value = |name: &str| read.series.iter().find(|series| series.0 == name).unwrap().2;
    assert_eq!(value("wolkvox_exporter_ledger_bytes"), 4096.0);
    assert_eq!(value("wolkvox_exporter_config_last_reload_successful"), 0.0);
    assert_eq!(value("wolkvox_exporter_config_last_reload_success_timestamp_seconds"), 1_795_132_800.5);
    assert_eq!(value("wolkvox_exporter_series"), 12.0);
}

#[test]
fn own_families_are_those_of_the_catalogue() {
    let own = own();
    own.ledger_bytes(1);
    own.config_loaded(crate::time::Timestamp::UNIX_EPOCH);
    let read = read(std::str::from_utf8(&own.render(Format::Text)).unwrap());
    for family in catalogue::all().filter(|family| family.labels.first() != Some(&Label::Operation)) {
        assert!(read.families.iter().any(|(name, ..)| name == family.name), "{}", family.name);
    }
}
