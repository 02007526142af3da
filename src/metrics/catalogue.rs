//! Every family that the exporter serves, in the order of the documentation.
//!
//! The doc comment of a family is its HELP. `process_*` is not listed: the `prometheus` crate defines it.
#![expect(clippy::doc_markdown, reason = "doc comments are HELP texts, which are not Markdown")]

use super::{Family, Kind, Label, Unit};

/// A headed part of the catalogue.
#[derive(Debug)]
pub struct Section {
    /// The heading in the documentation.
    pub title: &'static str,
    /// Its families in order.
    pub families: &'static [&'static Family],
}

/// All families in catalogue order.
pub fn all() -> impl Iterator<Item = &'static Family> {
    SECTIONS.iter().flat_map(|section| section.families.iter().copied())
}

/// The family with this name.
pub fn find(name: &str) -> Option<&'static Family> {
    all().find(|family| family.name == name)
}

macro_rules! families {
    ($($title:literal { $(#[doc = $help:literal] $const:ident = $name:literal, $kind:expr, $unit:ident, [$($label:ident),*];)* })*) => {
        $($(
            #[doc = $help]
            pub static $const: Family = Family {
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &[$(Label::$label),*],
                help: $help.trim_ascii(),
            };
        )*)*

        /// The whole catalogue. The exposition writes families in this order.
        pub static SECTIONS: &[Section] = &[$(Section { title: $title, families: &[$(&$const),*] }),*];
    };
}

families! {
    "skill_6: calls and service level by DNIS" {
        /// Calls offered to the skill (skill_6 inbound_calls), counted once per call from re-read local days.
        INBOUND_CALLS = "wolkvox_inbound_calls_total",
            Kind::Counter, Count, [Operation, SkillId, Dnis];
        /// Calls answered by an agent (skill_6 answer_calls), counted once per call from re-read local days.
        ANSWERED_CALLS = "wolkvox_answered_calls_total",
            Kind::Counter, Count, [Operation, SkillId, Dnis];
        /// Calls hung up before an agent answered (skill_6 abandon_calls), counted once per call from re-read local days.
        ABANDONED_CALLS = "wolkvox_abandoned_calls_total",
            Kind::Counter, Count, [Operation, SkillId, Dnis];
        /// Wait of answered calls (skill_6 service_level_10seg, _20seg, _30seg and asa), rebuilt exactly below 10,000 calls per reading; three bounds give no quantiles.
        ANSWER_WAIT = "wolkvox_answer_wait_seconds",
            Kind::Histogram(&[10_000, 20_000, 30_000]), Milliseconds, [Operation, SkillId, Dnis];
        /// Wait of abandoned calls (skill_6 ata times abandon_calls), from re-read local days.
        ABANDON_WAIT = "wolkvox_abandon_wait_seconds",
            Kind::Summary, Milliseconds, [Operation, SkillId, Dnis];
        /// Calls offered today as the vendor reports it (skill_6 inbound_calls, local midnight to the last read); for reconciliation, must not be averaged.
        TODAY_INBOUND_CALLS = "wolkvox_today_inbound_calls",
            Kind::Gauge, Count, [Operation, SkillId, Dnis];
        /// Calls answered today as the vendor reports it (skill_6 answer_calls, local midnight to the last read); for reconciliation, must not be averaged.
        TODAY_ANSWERED_CALLS = "wolkvox_today_answered_calls",
            Kind::Gauge, Count, [Operation, SkillId, Dnis];
        /// Calls abandoned today as the vendor reports it (skill_6 abandon_calls, local midnight to the last read); for reconciliation, must not be averaged.
        TODAY_ABANDONED_CALLS = "wolkvox_today_abandoned_calls",
            Kind::Gauge, Count, [Operation, SkillId, Dnis];
        /// Share of calls answered within the threshold today as the vendor reports it (skill_6 service_level_10seg, _20seg, _30seg); must not be averaged, divide the counters instead.
        TODAY_SERVICE_LEVEL = "wolkvox_today_service_level_ratio",
            Kind::Gauge, Millionths, [Operation, SkillId, Dnis, Within];
        /// Share of calls abandoned today as the vendor reports it (skill_6 abandon); must not be averaged, divide the counters instead.
        TODAY_ABANDON = "wolkvox_today_abandon_ratio",
            Kind::Gauge, Millionths, [Operation, SkillId, Dnis];
        /// Average speed of answer today as the vendor reports it (skill_6 asa); must not be averaged, divide the sum by the count of wolkvox_answer_wait_seconds.
        TODAY_ASA = "wolkvox_today_asa_seconds",
            Kind::Gauge, Milliseconds, [Operation, SkillId, Dnis];
        /// Average time to abandon today as the vendor reports it (skill_6 ata); must not be averaged, divide the sum by the count of wolkvox_abandon_wait_seconds.
        TODAY_ATA = "wolkvox_today_ata_seconds",
            Kind::Gauge, Milliseconds, [Operation, SkillId, Dnis];
    }
    "diagram_1_2: IVR calls and minutes by hour" {
        /// Calls that went through the IVR (diagram_1_2 calls), counted once per call from re-read local hours.
        IVR_CALLS = "wolkvox_ivr_calls_total",
            Kind::Counter, Count, [Operation];
        /// Time spent in the IVR (diagram_1_2 ivr_minutes times 60), from re-read local hours.
        IVR_SECONDS = "wolkvox_ivr_seconds_total",
            Kind::Counter, Milliseconds, [Operation];
        /// IVR calls of each hour of today as the vendor reports it (diagram_1_2 calls); must not be averaged.
        TODAY_IVR_CALLS = "wolkvox_today_ivr_calls",
            Kind::Gauge, Count, [Operation, Hour];
        /// IVR time of each hour of today as the vendor reports it (diagram_1_2 ivr_minutes times 60); must not be averaged.
        TODAY_IVR_SECONDS = "wolkvox_today_ivr_seconds",
            Kind::Gauge, Milliseconds, [Operation, Hour];
    }
    "diagram_3: intelligent hold (callbacks)" {
        /// Callbacks offered by the intelligent hold, whatever the customer answered (diagram_3, one per row), from re-read local days.
        CALLBACK_OFFERS = "wolkvox_callback_offers_total",
            Kind::Counter, Count, [Operation, SkillId];
        /// Callbacks by final status (diagram_3 status), counted once when the status is final, or as unknown when it never became so.
        CALLBACK_OUTCOMES = "wolkvox_callback_outcomes_total",
            Kind::Counter, Count, [Operation, SkillId, Outcome];
        /// Attempts to call a customer back (diagram_3 attempts), from re-read local days.
        CALLBACK_ATTEMPTS = "wolkvox_callback_attempts_total",
            Kind::Counter, Count, [Operation, SkillId];
        /// Time between the call and a successful callback (diagram_3 time_between_calls of status ok), observed once at the final status.
        CALLBACK_WAIT = "wolkvox_callback_wait_seconds",
            Kind::Histogram(&[ 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 86_400_000, ]), Milliseconds, [Operation, SkillId];
        /// Total time of a callback (diagram_3 time), observed once at the final status.
        CALLBACK_DURATION = "wolkvox_callback_duration_seconds",
            Kind::Histogram(&[10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000]), Milliseconds, [Operation, SkillId];
        /// Billed time of callbacks (diagram_3 billed_minutes times 60), from re-read local days.
        CALLBACK_BILLED = "wolkvox_callback_billed_seconds_total",
            Kind::Counter, Milliseconds, [Operation, SkillId];
        /// Callbacks of all days not yet settled by their current status (diagram_3 status; yes waits for its callback).
        CALLBACKS = "wolkvox_callbacks",
            Kind::Gauge, Count, [Operation, SkillId, Status];
        /// When the customer called who has waited longest for a callback (diagram_3 oldest date_inbound_call of status yes).
        CALLBACK_OLDEST_WAITING = "wolkvox_callback_oldest_waiting_timestamp_seconds",
            Kind::Gauge, Milliseconds, [Operation, SkillId];
    }
    "cdr_1: call detail" {
        /// Connected calls (cdr_1, one per row), from re-read local hours.
        CDR_CALLS = "wolkvox_cdr_calls_total",
            Kind::Counter, Count, [Operation, SkillId, Interaction, CampaignId];
        /// Connected calls by who ended them (cdr_1 hang_up), from re-read local hours.
        CDR_HANG_UPS = "wolkvox_cdr_hang_ups_total",
            Kind::Counter, Count, [Operation, SkillId, Interaction, HangUp];
        /// Duration of connected calls (cdr_1 time_seg), from re-read local hours.
        CDR_DURATION = "wolkvox_cdr_duration_seconds",
            Kind::Histogram(&[ 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, ]), Milliseconds, [Operation, SkillId, Interaction];
        /// Billed time of connected calls (cdr_1 time_min times 60), from re-read local hours.
        CDR_BILLED = "wolkvox_cdr_billed_seconds_total",
            Kind::Counter, Milliseconds, [Operation, SkillId, Interaction];
        /// Cost of connected calls in the currency of the operation (cdr_1 cost), from re-read local hours.
        CDR_COST = "wolkvox_cdr_cost_total",
            Kind::Counter, Millionths, [Operation, SkillId, Interaction, CampaignId];
        /// Cost of connected calls by destination in the currency of the operation (cdr_1 cost and destiny), from re-read local hours.
        CDR_DESTINATION_COST = "wolkvox_cdr_destination_cost_total",
            Kind::Counter, Millionths, [Operation, Destination];
        /// Connected calls by activity code (cdr_1 cod_act and cod_act_2), counted once, 30 m after the call by default (coding_delay), or when the code appears later.
        CDR_ACTIVITY = "wolkvox_cdr_activity_total",
            Kind::Counter, Count, [Operation, SkillId, Interaction, Level, CodAct];
        /// Description of an activity code (cdr_1 description_cod_act), value 1, to join on cod_act.
        ACTIVITY_INFO = "wolkvox_activity_info",
            Kind::Gauge, Count, [Operation, CodAct, Description];
        /// Connected calls by agent (cdr_1 agent_id), only with agents: true, from re-read local hours.
        AGENT_CALLS = "wolkvox_agent_calls_total",
            Kind::Counter, Count, [Operation, AgentId];
        /// Time of connected calls by agent (cdr_1 agent_id and time_seg), only with agents: true, from re-read local hours.
        AGENT_CALL_SECONDS = "wolkvox_agent_call_seconds_total",
            Kind::Counter, Milliseconds, [Operation, AgentId];
    }
    "diagram_4: surveys" {
        /// Surveys by result (diagram_4 result), counted once, 30 m after the survey by default (coding_delay), or when the result appears later.
        SURVEY_RESPONSES = "wolkvox_survey_responses_total",
            Kind::Counter, Count, [Operation, SkillId, Interaction, Result];
        /// Answers to survey questions (diagram_4 q#), each counted when it first appears.
        SURVEY_ANSWERS = "wolkvox_survey_answers_total",
            Kind::Counter, Count, [Operation, SkillId, Question, Answer];
        /// Numeric answers to survey questions (diagram_4 q#), each observed when it first appears.
        SURVEY_SCORE = "wolkvox_survey_score",
            Kind::Summary, Millionths, [Operation, SkillId, Question];
        /// Duration of surveys (diagram_4 time), from re-read local hours.
        SURVEY_DURATION = "wolkvox_survey_duration_seconds",
            Kind::Summary, Milliseconds, [Operation, SkillId];
        /// Surveys by recognised sentiment (diagram_4 feeling), counted once, 30 m after the survey by default (coding_delay), or when it appears later.
        SURVEY_FEELING = "wolkvox_survey_feeling_total",
            Kind::Counter, Count, [Operation, SkillId, Feeling];
        /// Voice messages left in surveys (diagram_4 voice_message_duration above zero), from re-read local hours.
        SURVEY_VOICE_MESSAGES = "wolkvox_survey_voice_messages_total",
            Kind::Counter, Count, [Operation, SkillId];
        /// Duration of voice messages left in surveys (diagram_4 voice_message_duration), from re-read local hours.
        SURVEY_VOICE_MESSAGE_SECONDS = "wolkvox_survey_voice_message_seconds_total",
            Kind::Counter, Milliseconds, [Operation, SkillId];
    }
    "Targets and names, from the configuration and the helper calls" {
        /// The operation as configured, value 1, to join on operation.
        OPERATION_INFO = "wolkvox_operation_info",
            Kind::Gauge, Count, [Operation, Server, Timezone, Currency];
        /// Name of a skill (information.php skills skill_name), value 1, to join on skill_id.
        SKILL_INFO = "wolkvox_skill_info",
            Kind::Gauge, Count, [Operation, SkillId, SkillName];
        /// Service level to reach, from the configuration.
        SERVICE_LEVEL_TARGET = "wolkvox_service_level_target_ratio",
            Kind::Gauge, Millionths, [Operation, SkillId, Within];
        /// Abandon rate not to exceed, from the configuration.
        ABANDON_TARGET = "wolkvox_abandon_target_ratio",
            Kind::Gauge, Millionths, [Operation, SkillId];
        /// Whether the skill is open now (1) or closed (0), from the business hours in the configuration.
        BUSINESS_OPEN = "wolkvox_business_open",
            Kind::Gauge, Count, [Operation, SkillId];
    }
    "Trust: what we know of our own reading" {
        /// Whether the last reading of every enabled one of the five reports succeeded; 0 before the first.
        UP = "wolkvox_up",
            Kind::Gauge, Count, [Operation];
        /// Whether the last reading of the report succeeded; 0 before the first.
        REPORT_UP = "wolkvox_report_up",
            Kind::Gauge, Count, [Operation, Report];
        /// When the report was last asked for.
        LAST_ATTEMPT = "wolkvox_report_last_attempt_timestamp_seconds",
            Kind::Gauge, Milliseconds, [Operation, Report];
        /// When the report was last read with success; for skill_6 that of the skill read longest ago.
        LAST_SUCCESS = "wolkvox_report_last_success_timestamp_seconds",
            Kind::Gauge, Milliseconds, [Operation, Report];
        /// Everything dated before this instant has been read.
        DATA_THROUGH = "wolkvox_report_data_through_timestamp_seconds",
            Kind::Gauge, Milliseconds, [Operation, Report];
        /// Interval between readings of the report as planned now, stretched to the quota.
        REPORT_INTERVAL = "wolkvox_report_interval_seconds",
            Kind::Gauge, Milliseconds, [Operation, Report];
        /// Whether older buckets are being read (1) or the report is up to date (0).
        REPORT_CATCHING_UP = "wolkvox_report_catching_up",
            Kind::Gauge, Count, [Operation, Report];
        /// From when the counters of the report count.
        COUNTING_SINCE = "wolkvox_report_counting_since_timestamp_seconds",
            Kind::Gauge, Milliseconds, [Operation, Report];
        /// Requests sent for the report, whatever came back, since the process started.
        REPORT_READS = "wolkvox_report_reads_total",
            Kind::Counter, Count, [Operation, Report];
        /// Requests for the report that failed, by reason, since the process started.
        REPORT_READ_FAILURES = "wolkvox_report_read_failures_total",
            Kind::Counter, Count, [Operation, Report, Reason];
        /// Answers without any row (the API says 404), since the process started.
        REPORT_EMPTY_READS = "wolkvox_report_empty_reads_total",
            Kind::Counter, Count, [Operation, Report];
        /// Rows received, re-read ones included, since the process started.
        REPORT_ROWS = "wolkvox_report_rows_total",
            Kind::Counter, Count, [Operation, Report];
        /// Bytes of answers received after decompression, since the process started.
        REPORT_RESPONSE_BYTES = "wolkvox_report_response_bytes_total",
            Kind::Counter, Count, [Operation, Report];
        /// Time from sending a request to the end of its answer, since the process started.
        REPORT_READ_SECONDS = "wolkvox_report_read_seconds",
            Kind::Histogram(&[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000, 60_000]), Milliseconds, [Operation, Report];
        /// Values that could not be read, or that no row can have, and were left out, by field of the report, since the process started.
        REPORT_VALUES_REJECTED = "wolkvox_report_values_rejected_total",
            Kind::Counter, Count, [Operation, Report, Field];
        /// Rows not counted, by reason, since the process started.
        REPORT_ROWS_DROPPED = "wolkvox_report_rows_dropped_total",
            Kind::Counter, Count, [Operation, Report, Reason];
        /// Cells whose count went down, went up after the end of their bucket, or were relabelled, since the process started.
        REPORT_REVISIONS = "wolkvox_report_revisions_total",
            Kind::Counter, Count, [Operation, Report, Direction];
        /// How long after its own time a row first appeared, since the process started.
        REPORT_ROW_LATENESS = "wolkvox_report_row_lateness_seconds",
            Kind::Histogram(&[ 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 86_400_000, 172_800_000, ]), Milliseconds, [Operation, Report];
        /// Hours or days past their settle time and not yet sealed; normally 0.
        REPORT_BUCKETS_OWED = "wolkvox_report_buckets_owed",
            Kind::Gauge, Count, [Operation, Report];
        /// Failed self-checks of rebuilt numbers, by check, since the process started.
        RECONSTRUCTION_MISMATCHES = "wolkvox_reconstruction_mismatches_total",
            Kind::Counter, Count, [Operation, Check];
        /// Inbound calls of today in skill_1 minus the sum over DNIS in skill_6 of the same slot; 0 when both agree.
        AUDIT_DIFFERENCE = "wolkvox_audit_difference_calls",
            Kind::Gauge, Count, [Operation, SkillId];
        /// Label values sent to other, per hour or day, since the process started.
        LABEL_VALUES_FOLDED = "wolkvox_label_values_folded_total",
            Kind::Counter, Count, [Operation, Label];
        /// Requests this process sent with the token of the operation.
        TOKEN_REQUESTS = "wolkvox_token_requests_total",
            Kind::Counter, Count, [Operation];
        /// Requests of the quota day as the vendor counts them (token_info token_use_today or all_token_today), our own since then added.
        TOKEN_REQUESTS_TODAY = "wolkvox_token_requests_today",
            Kind::Gauge, Count, [Operation];
        /// Requests allowed per quota day (daily_requests, else token_info token_limit, else 1000).
        TOKEN_REQUESTS_LIMIT = "wolkvox_token_requests_limit",
            Kind::Gauge, Count, [Operation];
        /// Requests expected at the end of the quota day as planned now.
        TOKEN_REQUESTS_FORECAST = "wolkvox_token_requests_forecast",
            Kind::Gauge, Count, [Operation];
    }
    "The exporter itself; these have no operation label" {
        /// Version, revision and compiler of the exporter, value 1.
        BUILD_INFO = "wolkvox_exporter_build_info",
            Kind::Gauge, Count, [Version, Revision, Rustc];
        /// Whether the last configuration reload succeeded.
        CONFIG_RELOAD_SUCCESSFUL = "wolkvox_exporter_config_last_reload_successful",
            Kind::Gauge, Count, [];
        /// When the configuration was last loaded with success.
        CONFIG_RELOAD_TIMESTAMP = "wolkvox_exporter_config_last_reload_success_timestamp_seconds",
            Kind::Gauge, Milliseconds, [];
        /// Series in the prepared exposition.
        SERIES = "wolkvox_exporter_series",
            Kind::Gauge, Count, [];
        /// Size of the ledger file.
        LEDGER_BYTES = "wolkvox_exporter_ledger_bytes",
            Kind::Gauge, Count, [];
        /// Time of one durable commit of the ledger, since the process started.
        LEDGER_COMMIT_SECONDS = "wolkvox_exporter_ledger_commit_seconds",
            Kind::Histogram(&[1, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000]), Milliseconds, [];
        /// Failures to open, read or write the ledger, since the process started.
        LEDGER_ERRORS = "wolkvox_exporter_ledger_errors_total",
            Kind::Counter, Count, [];
    }
}
