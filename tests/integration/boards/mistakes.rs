//! Mistakes that a board could hold: each must be noticed.

use serde_json::Value;

use super::fortnight::Fortnight;
use super::grafana::Board;
use super::judge::judge;
use crate::prometheus::server::Prometheus;

/// What is written on a board, and what would be wrong.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("wolkvox-overview", "wolkvox_inbound_calls:increase30m", "wolkvox_answered_calls:increase30m"),
    ("wolkvox-overview", "status=\"yes\"", "status=\"no\""),
    ("wolkvox-overview", "offset 1w", "offset 1d"),
    ("wolkvox-wallboard", "increase30m", "increase1h"),
    ("wolkvox-wallboard", "within=\"$within\"", "within=\"10s\""),
    ("wolkvox-skill", "wolkvox_inbound_calls:increase1d", "wolkvox_answered_calls:increase1d"),
    ("wolkvox-skill", "wolkvox_today_asa_seconds", "wolkvox_today_ata_seconds"),
    ("wolkvox-slo", "[7d:1h]", "[1d:1h]"),
    ("wolkvox-slo", "burn:ratio4h", "burn:ratio1h"),
    ("wolkvox-ivr", "[$__range]", "[12h]"),
    ("wolkvox-ivr", "wolkvox_today_ivr_calls", "wolkvox_today_ivr_seconds"),
    ("wolkvox-callbacks", "ok|fail|no_user", "ok|fail|no_user|no"),
    ("wolkvox-callbacks", "histogram_quantile(0.9", "histogram_quantile(0.8"),
    ("wolkvox-cost", "wolkvox_cdr_cost_total", "wolkvox_cdr_billed_seconds_total"),
    ("wolkvox-cost", "level=\"1\"", "level=\"2\""),
    ("wolkvox-customers", "4|5\"}", "3|4|5\"}"),
    ("wolkvox-customers", "positive|very_positive\"}", "very_positive\"}"),
    ("wolkvox-exporter", "wolkvox_report_reads_total", "wolkvox_report_rows_total"),
    ("wolkvox-exporter", "wolkvox_token_requests_forecast", "wolkvox_token_requests_today"),
    ("wolkvox-exporter", "1000 * max(process_start_time_seconds", "max(process_start_time_seconds"),
];

/// How many mistakes are planted.
pub(super) const PLANTED: usize = MISTAKES.len();

/// Plants every mistake in turn; those that go unnoticed.
pub(super) async fn unnoticed(server: &Prometheus, weeks: &Fortnight, boards: &[Board]) -> Vec<String> {
    let mut unnoticed = Vec::new();
    for (uid, right, wrong) in MISTAKES {
        let mut spoilt: Vec<Board> = boards.to_vec();
        let board = spoilt.iter_mut().find(|board| board.uid == *uid).unwrap();
        assert!(board.replace(right, wrong), "{uid} does not say {right} any more");
        let noticed = judge(server, weeks, &spoilt, Some(uid)).await.wrong;
        if !noticed.iter().any(|complaint| complaint.contains(uid)) {
            unnoticed.push(format!("{uid}: {wrong} instead of {right}"));
        }
    }
    unnoticed
}

/// A board's JSON with a piece of every expression replaced; whether there was any.
pub(super) fn replace(json: &mut Value, right: &str, wrong: &str) -> bool {
    match json {
        Value::Object(object) => {
            let mut found = false;
            for (key, value) in object {
                if let (true, Some(text)) = (key == "expr", value.as_str()) {
                    found |= text.contains(right);
                    *value = text.replace(right, wrong).into();
                } else {
                    found |= replace(value, right, wrong);
                }
            }
            found
        }
        Value::Array(array) => {
            array.iter_mut().fold(false, |found, value| replace(value, right, wrong) | found)
        }
        _ => false,
    }
}
