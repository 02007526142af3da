//! Answers of the API: the first byte chooses the report, the second the status and the pieces, the rest is the body.
//!
//! - However an answer is cut into pieces, it says the same.
//! - What comes out is bounded by what came in: no more cells than rows, labels short, clean and nobody's number,
//!   amounts never negative.
//! - Whatever stands in a private column, nothing that leaves the decoder shows it.
//! - The order of the rows does not matter.

use serde_json::Value;
use wolkvox_exporter::api::Report;
use wolkvox_exporter::config::Operation;
use wolkvox_exporter::metrics::Label;
use wolkvox_exporter::report::{
    Amount, Answer, Content, DecodeError, Decoded, LabelValues, Observation, envelope_of,
};

use super::site;

/// Columns of people. The decoder may look at them (an identity needs some), and must not let them out.
const PRIVATE: [&str; 12] = [
    "telephone",
    "ani",
    "dial_phone",
    "customer_id",
    "customer_name",
    "agent_dni",
    "agent_name",
    "comment",
    "conn_id",
    "voice_message",
    "transcript",
    "url_record",
];

/// Letters only and in lower case, so that no cleaning would change it.
const CANARY: &str = "qzwxcanaryqzwx";

const LONGEST_LABEL: usize = 128;

pub fn check(bytes: &[u8]) {
    let &[report, manner, ref body @ ..] = bytes else { return };
    let report = Report::ALL[usize::from(report) % Report::ALL.len()];
    let status = [200, 404, 403, 500][usize::from(manner & 3)];
    let operation = site::operation();
    let whole = site::decode(&operation, report, status, body, body.len());
    for size in [1, 1 + usize::from(manner >> 2), 64 + usize::from(manner)] {
        same(&whole, &site::decode(&operation, report, status, body, size));
    }
    if let Ok(decoded) = &whole {
        bounded(decoded, report, body.len());
    }
    if let Err(error) = &whole {
        assert!(error.to_string().len() < 200);
    }
    if let Some(envelope) = envelope_of(body) {
        for text in [&envelope.msg, &envelope.error] {
            assert!(is_clean(text) && !has_long_number(text), "{text:?}");
        }
    }
    rows_of(body, |rows| {
        keeps_private(&operation, report, rows);
        order_does_not_matter(&operation, report, rows);
    });
}

fn same(whole: &Result<Decoded, DecodeError>, pieces: &Result<Decoded, DecodeError>) {
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        // A cut row is judged once it is complete, so the words may differ, never the class.
        (Err(whole), Err(pieces)) => assert_eq!(whole.reason(), pieces.reason()),
        _ => panic!("whole: {whole:?}, in pieces: {pieces:?}"),
    }
}

fn bounded(decoded: &Decoded, report: Report, bytes: usize) {
    let tally = &decoded.tally;
    assert_eq!(tally.bytes, bytes as u64);
    assert!(tally.rows <= tally.bytes);
    let dropped: u64 = tally.dropped.values().sum();
    assert!(dropped <= tally.rows);
    let kept = match &decoded.answer {
        Answer::Reading(reading) => match &reading.content {
            Content::Totals(totals) => {
                for total in totals {
                    labels(&total.key);
                    total.amounts.iter().flatten().for_each(observation);
                }
                totals.len()
            }
            Content::Events(events) => {
                for event in events {
                    labels(&event.key);
                    event.observations.iter().for_each(observation);
                    let mut slots: Vec<_> = event
                        .observations
                        .iter()
                        .map(|seen| (seen.family.name, seen.slot, seen.when))
                        .collect();
                    slots.sort_unstable();
                    slots.dedup();
                    assert_eq!(slots.len(), event.observations.len(), "an observation stands twice");
                    assert!(event.status.as_ref().is_none_or(|status| is_clean(status)));
                }
                events.len()
            }
        },
        Answer::Witness(rows) => rows.len(),
        Answer::Skills(skills) => skills.len(),
        Answer::Quota(_) => 0,
    };
    assert!(kept as u64 <= tally.rows, "{report:?}: {kept} of {} rows", tally.rows);
    for (id, name) in tally.names.skills.iter().chain(&tally.names.activities) {
        assert!(is_clean(id) && is_clean(name) && !has_long_number(name), "{id:?} {name:?}");
    }
}

fn observation(observation: &Observation) {
    labels(&observation.labels);
    let good = match &observation.amount {
        Amount::Count(amount) | Amount::Observe(amount) => *amount >= 0,
        Amount::Whole(amounts) => {
            // Cumulative buckets; the last integer is the sum.
            let counts = &amounts[..amounts.len() - 1];
            amounts.len() == observation.family.width()
                && counts.is_sorted()
                && amounts.iter().all(|amount| *amount >= 0)
        }
    };
    assert!(good, "{observation:?}");
}

fn labels(labels: &LabelValues) {
    for (label, value) in labels {
        assert!(is_clean(value) && !value.is_empty(), "{label:?}={value:?}");
        assert!(*label == Label::Dnis || !has_long_number(value), "{label:?}={value:?}");
    }
}

fn is_clean(text: &str) -> bool {
    // `[number]` is longer than the shortest number it stands for.
    text.chars().count() <= 2 * LONGEST_LABEL
        && text.trim() == text
        && !text.contains("  ")
        && !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}' | '\u{feff}'))
}

fn has_long_number(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run >= 7
    })
}

/// Gives the rows of a body to a check, where it has some that other software would understand.
fn rows_of(body: &[u8], check: impl FnOnce(&[Value])) {
    let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(body) else { return };
    let Some(Value::Array(rows)) = document.get("data") else { return };
    if rows.len() <= 64 && rows.iter().all(Value::is_object) {
        check(rows);
    }
}

fn body_of(rows: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ "code": "200", "data": rows })).unwrap()
}

fn keeps_private(operation: &Operation, report: Report, rows: &[Value]) {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        let Value::Object(row) = row else { return };
        row.retain(|name, _| !PRIVATE.iter().any(|private| name.trim().eq_ignore_ascii_case(private)));
        for name in PRIVATE {
            row.insert(name.to_owned(), CANARY.into());
        }
    }
    let said = format!("{:?}", site::decode(operation, report, 200, &body_of(&rows), usize::MAX));
    assert!(!said.contains(CANARY), "{said}");
}

fn order_does_not_matter(operation: &Operation, report: Report, rows: &[Value]) {
    let content = |rows: &[Value]| {
        let decoded = site::decode(operation, report, 200, &body_of(rows), usize::MAX).ok()?;
        let mut lines = match decoded.answer {
            Answer::Reading(reading) => match reading.content {
                Content::Totals(totals) => totals.iter().map(|total| format!("{total:?}")).collect(),
                Content::Events(events) => events.iter().map(|event| format!("{event:?}")).collect(),
            },
            Answer::Witness(rows) => rows.iter().map(|row| format!("{row:?}")).collect(),
            Answer::Skills(_) | Answer::Quota(_) => Vec::new(),
        };
        lines.sort_unstable();
        Some((lines, decoded.tally.rejected, decoded.tally.dropped))
    };
    let reversed: Vec<Value> = rows.iter().rev().cloned().collect();
    assert_eq!(content(rows), content(&reversed));
}
