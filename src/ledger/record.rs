//! What the ledger knows of an operation as a whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::{CountFrom, DnisPolicy, Skills};

/// The record of an operation, in memory and in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Part of every key of the operation in the store.
    pub(super) id: u32,
    /// The server it is bound to; `None` while it has only been read from this machine.
    pub(super) server: Option<String>,
    /// When it entered (ms).
    pub(super) entered: i64,
    /// `count_from` as it was when it entered.
    pub(super) count_from: String,
    /// The instant it names (ms).
    pub(super) count_since: i64,
    /// The mode of `skills` it was last configured with.
    pub(super) skills: String,
    /// The first list of `discover` has not been seen since the mode was chosen.
    pub(super) awaits_list: bool,
    /// The policy of DNIS under which callers' numbers were met, while that policy stands.
    pub(super) callers: Option<String>,
    /// Codes of the reports whose counters stay absent until their past has been read.
    pub(super) hidden: BTreeSet<String>,
    /// The day (number) of the last look for unused label values.
    pub(super) swept: i32,
    /// Requests booked since the quota day began.
    pub(super) booked: u64,
    /// When the quota day of `booked` began (ms).
    pub(super) quota_day: Option<i64>,
    /// From which day (number) which denominator of `skill_6` holds, where the configuration says `auto`.
    #[serde(default)]
    pub(super) denominators: BTreeMap<i32, String>,
}

/// `count_from` as text, to notice an edit.
pub(super) fn count_from_text(count_from: CountFrom) -> String {
    match count_from {
        CountFrom::Now => "now".to_owned(),
        CountFrom::Date(date) => date.to_string(),
    }
}

/// The mode of `skills` as text; a list is one mode whatever it holds.
pub(super) const fn skills_mode(skills: &Skills) -> &'static str {
    match skills {
        Skills::Discover => "discover",
        Skills::All => "all",
        Skills::Named(_) => "named",
    }
}

/// The policy of DNIS as text, to notice an edit.
pub(super) fn dnis_text(policy: &DnisPolicy) -> String {
    match &policy.allow {
        None => format!("any, {}", policy.max),
        Some(allow) => {
            let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
            format!("{}, {}", allow.join(" "), policy.max)
        }
    }
}
