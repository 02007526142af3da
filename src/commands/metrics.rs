//! `metrics`: the catalogue of metrics, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::arguments::Catalogue;
use crate::metrics::catalogue::SECTIONS;
use crate::metrics::{Family, Kind, Unit, write_decimal};

/// The heading of the families that the system's accounting of processes fills.
const PROCESS: &str = "The process; these have no label of ours";

/// What the `prometheus` crate serves of the process: name, type, unit, help.
const PROCESS_FAMILIES: [(&str, &str, &str, &str); 7] = [
    ("process_cpu_seconds_total", "counter", "seconds", "User and system CPU time spent."),
    ("process_max_fds", "gauge", "", "Limit of open file descriptors."),
    ("process_open_fds", "gauge", "", "Open file descriptors."),
    ("process_resident_memory_bytes", "gauge", "bytes", "Resident memory."),
    ("process_start_time_seconds", "gauge", "seconds", "When the process started, in Unix time."),
    ("process_threads", "gauge", "", "Operating system threads."),
    ("process_virtual_memory_bytes", "gauge", "bytes", "Virtual memory."),
];

/// The whole catalogue, with a line feed at its end.
pub fn catalogue(format: Catalogue) -> String {
    match format {
        Catalogue::Markdown => markdown(),
        // Invariant: a value of text, lists and maps with text keys is always JSON.
        Catalogue::Json => format!("{:#}\n", json_catalogue()),
    }
}

fn markdown() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        head(&mut out, section.title);
        for family in section.families {
            let labels: Vec<String> =
                family.labels.iter().map(|label| format!("`{}`", label.as_str())).collect();
            let kind = match kind(family) {
                "histogram" => format!("histogram, le {}", bounds(family).join(", ")),
                kind => kind.to_owned(),
            };
            line(&mut out, [family.name, &kind, &labels.join(", "), unit(family), family.help]);
        }
        out.push('\n');
    }
    head(&mut out, PROCESS);
    for (name, kind, unit, help) in PROCESS_FAMILIES {
        line(&mut out, [name, kind, "", unit, help]);
    }
    out
}

fn head(out: &mut String, title: &str) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "### {title}\n\n| Name | Type | Labels | Unit | Meaning |\n| --- | --- | --- | --- | --- |\n"
    );
}

fn line(out: &mut String, [name, kind, labels, unit, help]: [&str; 5]) {
    // A pipe would end the cell.
    let help = help.replace('|', "\\|");
    // As above.
    let _ = writeln!(out, "| `{name}` | {kind} | {labels} | {unit} | {help} |");
}

fn json_catalogue() -> Value {
    let family = |family: &&Family| {
        let labels: Vec<&str> = family.labels.iter().map(|label| label.as_str()).collect();
        let mut value = json!({
            "name": family.name,
            "type": kind(family),
            "unit": unit(family),
            "labels": labels,
            "help": family.help,
        });
        if let Kind::Histogram(_) = family.kind {
            value["buckets"] = json!(bounds(family));
        }
        value
    };
    let mut sections: Vec<Value> = SECTIONS
        .iter()
        .map(|section| {
            let families: Vec<Value> = section.families.iter().map(family).collect();
            json!({ "section": section.title, "families": families })
        })
        .collect();
    let process = |(name, kind, unit, help)| {
        let labels: [&str; 0] = [];
        json!({ "name": name, "type": kind, "unit": unit, "labels": labels, "help": help })
    };
    let families: Vec<Value> = PROCESS_FAMILIES.into_iter().map(process).collect();
    sections.push(json!({ "section": PROCESS, "families": families }));
    Value::Array(sections)
}

const fn kind(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
        Kind::Summary => "summary",
    }
}

/// Upper bounds in the base unit, without `+Inf`.
fn bounds(family: &Family) -> Vec<String> {
    let Kind::Histogram(bounds) = family.kind else { return Vec::new() };
    let text = |bound: &i64| {
        let mut text = String::new();
        write_decimal(&mut text, *bound, family.unit.decimals());
        text
    };
    bounds.iter().map(text).collect()
}

/// What one is; empty where things are counted.
fn unit(family: &Family) -> &'static str {
    let name = family.name.strip_suffix("_total").unwrap_or(family.name);
    match family.unit {
        Unit::Milliseconds if name.ends_with("_timestamp_seconds") => "Unix time",
        Unit::Milliseconds => "seconds",
        Unit::Millionths if name.ends_with("_cost") => "currency",
        Unit::Millionths if name.ends_with("_ratio") => "ratio",
        Unit::Millionths => "points",
        Unit::Count if name.ends_with("_bytes") => "bytes",
        Unit::Count => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::exposition::{Encoding, Format, Publisher, SelfMetrics};
    use crate::metrics::catalogue;

    #[test]
    fn every_family_is_listed_in_both_shapes() {
        let markdown = super::catalogue(Catalogue::Markdown);
        let json: Value = serde_json::from_str(&super::catalogue(Catalogue::Json)).unwrap();
        let names: BTreeSet<&str> = json
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|section| section["families"].as_array().unwrap())
            .map(|family| family["name"].as_str().unwrap())
            .collect();
        for family in catalogue::all() {
            assert!(markdown.contains(&format!("| `{}` |", family.name)), "{}", family.name);
            assert!(names.contains(family.name), "{}", family.name);
        }
        assert_eq!(names.len(), catalogue::all().count() + PROCESS_FAMILIES.len());
    }

    #[test]
    fn rows_have_as_many_cells_as_their_head() {
        for line in super::catalogue(Catalogue::Markdown).lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
        }
    }

    #[tokio::test]
    async fn the_process_is_described_as_it_is_served() {
        let own = std::sync::Arc::new(SelfMetrics::new("1", "r", "c"));
        let answer = Publisher::new(own).answer(Format::Text, Encoding::Identity, &[]).await.unwrap();
        let served = String::from_utf8(answer.own.to_vec()).unwrap();
        let types: BTreeSet<&str> =
            served.lines().filter_map(|line| line.strip_prefix("# TYPE process_")).collect();
        let described: Vec<String> = PROCESS_FAMILIES
            .iter()
            .map(|(name, kind, ..)| format!("{} {kind}", name.strip_prefix("process_").unwrap()))
            .collect();
        assert_eq!(described.iter().map(String::as_str).collect::<BTreeSet<_>>(), types);
    }

    #[test]
    fn units_are_those_of_the_names() {
        for family in catalogue::all() {
            let unit = unit(family);
            if family.name.contains("_seconds") {
                assert!(matches!(unit, "seconds" | "Unix time"), "{} {unit}", family.name);
            }
            if unit == "points" {
                assert!(family.name.ends_with("_score"), "{}", family.name);
            }
        }
    }
}
