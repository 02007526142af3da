//! The closed sets that counters of trust are labelled by, so that each can start at 0.
//!
//! A counter that is born above 0 hides its first increment from `increase()`; an alert on it would stay silent.

use crate::api::Report;

/// The self-checks of rebuilt `skill_6` rows, values of the label `check`.
pub const CHECKS: [&str; 5] =
    ["service_level_rounding", "order", "answered_plus_abandoned", "asa_bound", "abandon_ratio"];

/// The fields of a report whose values may be rejected, values of the label `field`; `row` is a row that is none.
pub const fn fields(report: Report) -> &'static [&'static str] {
    match report {
        Report::Skill6 => &[
            "row",
            "inbound_calls",
            "answer_calls",
            "abandon_calls",
            "service_level_10seg",
            "service_level_20seg",
            "service_level_30seg",
            "abandon",
            "asa",
            "ata",
        ],
        Report::Diagram12 => &["row", "date", "calls", "ivr_minutes"],
        Report::Diagram3 => &[
            "row",
            "date_inbound_call",
            "date_last_outbound_call",
            "attempts",
            "time_between_calls",
            "time",
            "billed_minutes",
        ],
        Report::Cdr1 => &["row", "date", "cost", "time_seg", "time_min"],
        Report::Diagram4 => &["row", "date", "q#", "voice_message_duration", "time"],
        Report::Skill1 => &["row", "skill_id", "inbound_calls"],
        Report::Skills => &["row", "skill_id"],
        Report::TokenInfo => {
            &["row", "token_limit", "token_use_today", "all_token_today", "available_consumption_options"]
        }
    }
}
