//! Every documented column of every report, and rows that hold a canary in each of them.

use serde_json::{Value, json};

use super::planted::Planter;

/// How the program may use a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Not at all in clear, whatever stands in it.
    Private,
    /// As a label, unless it could be a person's number.
    Label,
    /// As a number or a time, if it is one.
    Value,
}
use Use::{Label, Private, Value as Number};

/// A good row of a report, without its dates, and how each column may be used.
fn template(report: &str) -> &'static [(&'static str, Use, &'static str)] {
    match report {
        "skill_6" => &[
            ("dnis", Label, "601"),
            ("inbound_calls", Number, "20"),
            ("answer_calls", Number, "15"),
            ("abandon_calls", Number, "5"),
            ("service_level_10seg", Number, "50.00 %"),
            ("service_level_20seg", Number, "60.00 %"),
            ("service_level_30seg", Number, "75.00 %"),
            ("abandon", Number, "25.00 %"),
            ("asa", Number, "7"),
            ("ata", Number, "12"),
        ],
        "diagram_1_2" => &[("date", Number, ""), ("calls", Number, "4"), ("ivr_minutes", Number, "9")],
        "diagram_3" => &[
            ("skill_id", Label, "101"),
            ("date_inbound_call", Number, ""),
            ("date_last_outbound_call", Number, ""),
            ("status", Label, "OK"),
            ("attempts", Number, "2"),
            ("ani", Private, "3"),
            ("dial_phone", Private, "3"),
            ("customer_id", Private, "3"),
            ("time_between_calls", Number, "00:04:00"),
            ("time", Number, "00:01:00"),
            ("billed_minutes", Number, "1"),
        ],
        "cdr_1" => &[
            ("agent_name", Private, "-"),
            ("date", Number, ""),
            ("destiny", Label, "movil"),
            ("telephone", Private, "3"),
            ("cost", Number, "12.5"),
            ("time_seg", Number, "61"),
            ("time_min", Number, "2"),
            ("cod_act", Label, "400"),
            ("cod_act_2", Label, "500"),
            ("description_cod_act", Label, "VENTA"),
            ("description_cod_act_2", Label, "OTRA"),
            ("type_interaction", Label, "inbound"),
            ("customer_id", Private, "3"),
            ("hang_up", Label, "agent"),
            ("campaign_id", Label, "7"),
            ("skill_id", Label, "101"),
            ("agent_id", Private, "1001"),
            ("skill_name", Label, "VENTAS"),
            ("conn_id", Private, "3"),
            ("comment", Private, "-"),
        ],
        "diagram_4" => &[
            ("agent_id", Private, "1001"),
            ("agent_name", Private, "-"),
            ("agent_dni", Private, "3"),
            ("skill_id", Label, "101"),
            ("skill_name", Label, "VENTAS"),
            ("date", Number, ""),
            ("conn_id", Private, "3"),
            ("ani", Private, "3"),
            ("customer_id", Private, "3"),
            ("q01", Private, "5"),
            ("q10", Private, "-"),
            ("voice_message_duration", Number, "00:00:05"),
            ("type_interaction", Label, "inbound"),
            ("result", Label, "complete"),
            ("time", Number, "00:00:50"),
            ("voice_message", Private, "-"),
            ("feeling", Label, "positive"),
        ],
        "skill_1" => {
            &[("skill_id", Label, "101"), ("skill_name", Label, "VENTAS"), ("inbound_calls", Number, "20")]
        }
        "skills" => &[
            ("skill_id", Label, "101"),
            ("skill_name", Label, "VENTAS"),
            ("skill_description", Private, "-"),
            ("last_use", Private, "-"),
        ],
        "token_info" => &[
            ("description", Private, "-"),
            ("token_limit", Number, "100000"),
            ("token_use_today", Number, "5"),
            ("all_token_today", Number, "5"),
            ("available_consumption_options", Number, "99995"),
        ],
        _ => &[],
    }
}

/// Where a date of the answer's window is to stand.
pub(crate) const DATE: &str = "<date>";
/// Where the hour of a date is to stand.
pub(crate) const HOUR: &str = "<hour>";

/// A row without canaries.
pub(crate) fn plain(report: &str) -> Value {
    let mut row = serde_json::Map::new();
    for (column, _, value) in template(report) {
        let value = match *column {
            "date" if report == "diagram_1_2" => HOUR,
            column if column.starts_with("date") => DATE,
            _ => value,
        };
        row.insert((*column).to_owned(), value.into());
    }
    row.into()
}

/// Rows with a canary in every column, one column a row, in every shape that JSON has; then rows with columns that
/// nobody expects.
pub(super) fn planted(report: &str, planter: &mut Planter) -> Vec<Value> {
    let mut rows = vec![plain(report)];
    for (column, usage, _) in template(report) {
        let place = format!("{report}.{column}");
        let mut values: Vec<Value> = Vec::new();
        if *usage != Number {
            let phone = planter.phone(&place);
            values.push(phone.clone().into());
            values.push(phone.parse::<u64>().unwrap().into());
        }
        values.push(format!("tel +{}", planter.phone(&place)).into());
        values.push(json!([planter.phone(&place), { "a": planter.word(&place) }]));
        values.push(json!({ planter.word(&place): planter.phone(&place) }));
        if *usage != Label {
            values.push(format!("llamo por mi hija {} gracias", planter.word(&place)).into());
            values.push(planter.call_id(&place).into());
        }
        // One value that is no id or no number makes the whole witness unusable.
        if report == "skill_1" && *column != "skill_name" {
            values.truncate(usize::from(*usage == Label));
        }
        for value in values {
            rows.push(row_with(report, column, value, planter));
        }
    }
    for column in UNEXPECTED {
        let place = format!("{report}.{column}");
        let value = format!("{} {}", planter.phone(&place), planter.word(&place));
        rows.push(row_with(report, column, value.into(), planter));
    }
    let place = format!("{report}, name of a column");
    let name = format!("{} {}", planter.word(&place), planter.phone(&place));
    rows.push(row_with(report, &name, "1".into(), planter));
    if report == "skill_1" {
        return rows;
    }
    // What stands where a row should.
    let place = format!("{report}, not a row");
    rows.push(planter.word(&place).into());
    rows.push(json!([planter.phone(&place)]));
    rows
}

/// Columns of other reports of the vendor, and some of none.
const UNEXPECTED: [&str; 9] = [
    "telephone",
    "customer_phone",
    "customer_id",
    "agent_dni",
    "comment",
    "audio_text",
    "transcript",
    "summary",
    "wolkvox-token",
];

/// A row whose own call id is a canary, so that no row is taken for a repetition of another.
fn row_with(report: &str, column: &str, value: Value, planter: &mut Planter) -> Value {
    let mut row = plain(report);
    let fields = row.as_object_mut().unwrap();
    for id in ["conn_id", "customer_id", "ani"] {
        if fields.contains_key(id) {
            fields.insert(id.to_owned(), planter.call_id(&format!("{report}.{id} (row)")).into());
        }
    }
    if report == "skill_6" && column != "dnis" {
        fields.insert("dnis".to_owned(), planter.phone(&format!("{report}.dnis (row)")).into());
    }
    if report == "diagram_1_2" {
        // A number that cannot be read leaves its whole hour as it was, so it gets another.
        fields.insert("date".to_owned(), "2026-01-01 05:00:00".into());
    }
    fields.insert(column.to_owned(), value);
    row
}

/// A body of rows with its dates in place.
pub(crate) fn dated(rows: &[Value], from: Option<String>) -> Vec<Value> {
    let from = from.unwrap_or_else(|| "2026-01-01 00:00:00".to_owned());
    let text = serde_json::to_string(rows).unwrap();
    serde_json::from_str(&text.replace(DATE, &from).replace(HOUR, &from[..13])).unwrap()
}
