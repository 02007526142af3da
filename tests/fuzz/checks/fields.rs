//! One value of one column: the first byte chooses the column, the rest is its text.
//!
//! - Parse, print, parse: an accepted value, printed in the plainest form, is the same value.
//! - Space around a text, or a number instead of its text, changes nothing.
//! - Whatever `skill_6` says, counts rebuilt from percentages stay in order.

use serde_json::{Map, Value, json};
use wolkvox_exporter::api::Report;
use wolkvox_exporter::metrics::{Family, catalogue, write_decimal};
use wolkvox_exporter::report::{Amount, Answer, Content, Observation};

use super::site;

/// A column, the family that shows its value, and the plainest way to write one.
struct Column {
    report: Report,
    name: &'static str,
    family: &'static Family,
    print: fn(i64) -> String,
}

fn count(value: i64) -> String {
    value.to_string()
}

fn seconds(milliseconds: i64) -> String {
    decimal(milliseconds, 3)
}

fn money(millionths: i64) -> String {
    decimal(millionths, 6)
}

/// Hours, minutes and seconds: minutes as a decimal would be rounded.
fn clock(milliseconds: i64) -> String {
    let (whole, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    format!("{}:{:02}:{:02}.{rest:03}", whole / 3_600, whole / 60 % 60, whole % 60)
}

fn decimal(value: i64, decimals: u32) -> String {
    let mut text = String::new();
    write_decimal(&mut text, value, decimals);
    text
}

static COLUMNS: [Column; 9] = [
    Column { report: Report::Cdr1, name: "time_seg", family: &catalogue::CDR_DURATION, print: seconds },
    Column { report: Report::Cdr1, name: "time_min", family: &catalogue::CDR_BILLED, print: clock },
    Column { report: Report::Cdr1, name: "cost", family: &catalogue::CDR_COST, print: money },
    Column { report: Report::Diagram12, name: "calls", family: &catalogue::IVR_CALLS, print: count },
    Column { report: Report::Diagram12, name: "ivr_minutes", family: &catalogue::IVR_SECONDS, print: clock },
    Column {
        report: Report::Diagram3,
        name: "attempts",
        family: &catalogue::CALLBACK_ATTEMPTS,
        print: count,
    },
    Column { report: Report::Diagram3, name: "time", family: &catalogue::CALLBACK_DURATION, print: clock },
    Column { report: Report::Diagram4, name: "time", family: &catalogue::SURVEY_DURATION, print: seconds },
    Column { report: Report::Diagram4, name: "q1", family: &catalogue::SURVEY_SCORE, print: money },
];

const LEVELS: [&str; 9] = [
    "inbound_calls",
    "answer_calls",
    "abandon_calls",
    "service_level_10seg",
    "service_level_20seg",
    "service_level_30seg",
    "abandon",
    "asa",
    "ata",
];

pub fn check(bytes: &[u8]) {
    let &[chosen, ref text @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match usize::from(chosen) % (COLUMNS.len() + 2) {
        0 => levels(text),
        1 => moment(text),
        nth => number(&COLUMNS[nth - 2], text),
    }
}

fn row(report: Report) -> Map<String, Value> {
    let row = match report {
        Report::Cdr1 => json!({
            "date": "2026-11-10 08:15:01", "telephone": "3003330001", "cost": "0", "time_seg": "0",
            "time_min": "0", "cod_act": "400", "type_interaction": "inbound", "hang_up": "agent",
            "conn_id": "1001.2002.1.1", "skill_id": "101", "agent_id": "12", "destiny": "mobile",
        }),
        Report::Diagram12 => json!({ "date": "2026-11-10 08", "calls": "0", "ivr_minutes": "0" }),
        Report::Diagram3 => json!({
            "skill_id": "101", "date_inbound_call": "2026-11-10 08:00:00",
            "date_last_outbound_call": "2026-11-10 09:00:00", "status": "OK", "attempts": "0",
            "ani": "3001110000", "dial_phone": "3002220000", "time_between_calls": "0", "time": "0",
            "billed_minutes": "0", "customer_id": "CC8",
        }),
        Report::Diagram4 => json!({
            "skill_id": "101", "date": "2026-11-10 08:15:00", "conn_id": "1.2.3", "ani": "300111",
            "type_interaction": "inbound", "result": "complete", "time": "0", "q1": "0", "feeling": "good",
        }),
        _ => json!({ "dnis": "601" }),
    };
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

/// The observations of the one row of an answer.
fn observations(report: Report, row: Map<String, Value>) -> Option<(String, Vec<Observation>)> {
    let body = serde_json::to_vec(&json!({ "code": "200", "data": [row] })).unwrap();
    let decoded = site::decode(&site::operation(), report, 200, &body, usize::MAX).unwrap();
    let Answer::Reading(reading) = decoded.answer else { return None };
    match reading.content {
        Content::Totals(totals) => {
            totals.into_iter().next().and_then(|total| Some((total.bucket.to_string(), total.amounts?)))
        }
        Content::Events(events) => {
            events.into_iter().next().map(|event| (event.at.to_string(), event.observations))
        }
    }
}

fn number(column: &Column, text: &str) {
    let amount = |value: Value| {
        let mut row = row(column.report);
        row.insert(column.name.to_owned(), value);
        let (_, observations) = observations(column.report, row)?;
        let found = observations.into_iter().find(|seen| seen.family.is(column.family))?;
        match found.amount {
            Amount::Count(amount) | Amount::Observe(amount) => Some(amount),
            Amount::Whole(_) => None,
        }
    };
    let read = amount(text.into());
    if let Some(value) = read {
        let printed = (column.print)(value);
        // A clock has at most nine digits of hours.
        if !printed.contains(':') || value < 3_600_000 * 1_000_000_000 {
            assert_eq!(amount(printed.as_str().into()), read, "{}: {text:?} is {printed}", column.name);
        }
    }
    assert_eq!(amount(format!(" \t{text}\u{a0}\n").into()), read, "{}: space around {text:?}", column.name);
    let canonical = text.len() <= 15 && text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    if canonical && let Ok(number) = text.parse::<u64>() {
        assert_eq!(amount(number.into()), read, "{}: {text} as a number", column.name);
    }
}

fn moment(text: &str) {
    let at = |text: &str| {
        let mut row = row(Report::Cdr1);
        row.insert("date".to_owned(), text.into());
        observations(Report::Cdr1, row).map(|(at, _)| at)
    };
    let read = at(text);
    if let Some(value) = &read {
        assert_eq!(at(value).as_ref(), Some(value), "{text:?}");
        let spaced = value.replace('T', " ");
        assert_eq!(at(&spaced).as_ref(), Some(value), "{text:?}");
    }
    assert_eq!(at(&format!(" {text}\u{a0}")), read, "space around {text:?}");
}

fn levels(text: &str) {
    let mut row = row(Report::Skill6);
    for (name, value) in LEVELS.into_iter().zip(text.split('\n')) {
        row.insert(name.to_owned(), value.into());
    }
    let Some((_, observations)) = observations(Report::Skill6, row) else { return };
    let find =
        |family: &Family| observations.iter().find(|seen| seen.family.is(family)).map(|seen| &seen.amount);
    let (Some(Amount::Count(answered)), Some(Amount::Whole(waits))) =
        (find(&catalogue::ANSWERED_CALLS), find(&catalogue::ANSWER_WAIT))
    else {
        panic!("a row of skill_6 without its families");
    };
    let [c10, c20, c30, all, sum] = **waits else { panic!("{waits:?}") };
    assert!(0 <= c10 && c10 <= c20 && c20 <= c30 && c30 <= all && all == *answered && sum >= 0, "{waits:?}");
}
