//! One turn of a report's schedule: questions that share an instant.

use std::collections::{BTreeMap, VecDeque};

use crate::api::Report;
use crate::schedule::{Purpose, Request};
use crate::time::{Bucket, Timestamp, Window};

/// One question of a slot, before it gets the slot's number and instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) report: Report,
    pub(super) skill: String,
    pub(super) window: Option<Window>,
    pub(super) purpose: Purpose,
    pub(super) part: (u16, u16),
    /// `skill_6` and its witness: the day asked for.
    pub(super) day: Option<Bucket>,
}

impl Task {
    /// A helper call.
    pub(super) fn helper(report: Report) -> Task {
        Task { report, skill: String::new(), window: None, purpose: Purpose::Helper, part: (0, 1), day: None }
    }

    /// A window of one of the reports without a skill.
    pub(super) fn rows(report: Report, window: Window, purpose: Purpose) -> Task {
        Task { report, skill: String::new(), window: Some(window), purpose, part: (0, 1), day: None }
    }

    /// Whether the other task belongs to the same `skill_6` reading.
    pub(super) fn same_reading(&self, other: &Task) -> bool {
        self.report == Report::Skill6
            && self.report == other.report
            && self.day == other.day
            && self.skill == other.skill
    }

    /// The question as it is put.
    pub(super) fn request(&self, slot: &Slot) -> Request {
        Request {
            report: self.report,
            skill: self.skill.clone(),
            window: self.window,
            slot: slot.id,
            now: slot.now,
            purpose: self.purpose,
            part: self.part,
        }
    }
}

/// Why a slot was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Its report was due.
    Regular,
    /// What failed in the turn before.
    Retry,
    /// Only older buckets.
    CatchUp,
    /// A helper call.
    Helper,
}

/// A turn under way.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) now: Timestamp,
    /// Whose turn it is; a witness belongs to `skill_6`.
    pub(super) report: Report,
    pub(super) turn: Turn,
    /// Whether an answer may seal something.
    pub(super) seals: bool,
    pub(super) queue: VecDeque<Task>,
    /// Requests sent.
    pub(super) sent: u32,
    /// Requests sent for older buckets.
    pub(super) sent_apart: u32,
    /// Rows of the present window; `None` when it was a narrow one.
    pub(super) rows: Option<u64>,
    /// Failed questions of the present.
    pub(super) failed: u32,
    /// Failed questions in a row.
    pub(super) failed_in_row: u32,
    /// Questions that were cut in two because their answer was cut.
    pub(super) cuts: u32,
    /// Answers to questions that cannot be cut any finer, after such cuts.
    pub(super) finest: u32,
    /// Whether it cut no further although an answer was cut.
    pub(super) gave_up: bool,
    /// Fingerprints the witness showed in this slot.
    pub(super) witnessed: BTreeMap<(Bucket, String), u64>,
}
