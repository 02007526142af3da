//! What came of applying: numbers for our own metrics, and what deserves a line in the log.

use std::collections::BTreeMap;

use crate::api::Report;
use crate::metrics::Label;
use crate::time::{Bucket, SignedDuration};

/// What came of one change to the ledger.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Applied {
    /// Whether [`Ledger::published`](super::Ledger::published) has something new.
    pub changed: bool,
    /// Whether a transaction was committed, and so whether a commit was timed.
    pub committed: bool,
    /// Cells that were read before and read otherwise now.
    pub revisions: Revisions,
    /// How long after its own time each new row first appeared; none for openings, catch-up and first readings.
    pub lateness: Vec<SignedDuration>,
    /// Rows that were not applied.
    pub dropped: Dropped,
    /// Label values sent to `other`, each once per bucket and process.
    pub folded: BTreeMap<Label, u64>,
    /// Buckets sealed by this change; for `skill_6` one per skill and day.
    pub sealed: Vec<Bucket>,
    /// How many of them were sealed with what was held, because no good answer came for 24 h.
    pub sealed_as_held: u64,
    /// What deserves a line in the log.
    pub notes: Vec<Note>,
}

/// Cells that were read before and read otherwise now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Revisions {
    /// A count went down, or the cell was missing at the seal.
    pub down: u64,
    /// A count went up after the end of its bucket.
    pub up: u64,
    /// Labels that were fixed came with other values.
    pub relabelled: u64,
}

/// Rows that were not applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Dated after the slot, before the first bucket of the ledger, or (totals) outside what was asked for in full.
    pub outside_window: u64,
    /// New in a bucket that is sealed.
    pub sealed: u64,
}

/// Something that deserves a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The DNIS look like callers' numbers: their series are withdrawn until the configuration changes.
    CallersNumbers {
        /// The skill whose day showed it.
        skill: String,
        /// How many different values it had.
        values: usize,
    },
    /// A bucket is owed because its answer could not seal it; it is tried for 24 h.
    NotSealed {
        /// The report.
        report: Report,
        /// The skill, for `skill_6`.
        skill: String,
        /// The day or hour.
        bucket: Bucket,
    },
    /// A bucket was sealed with what was held.
    SealedAsHeld {
        /// The report.
        report: Report,
        /// The skill, for `skill_6`.
        skill: String,
        /// The day or hour.
        bucket: Bucket,
    },
    /// The past that `count_from` names has been read: the counters of the report appear.
    CaughtUp {
        /// The report.
        report: Report,
    },
    /// A label value was unused for 90 days and gave its slot back.
    Retired {
        /// The label.
        label: Label,
    },
}

impl Applied {
    /// Adds what came of another change.
    pub fn merge(&mut self, other: Applied) {
        self.changed |= other.changed;
        self.committed |= other.committed;
        self.revisions.down += other.revisions.down;
        self.revisions.up += other.revisions.up;
        self.revisions.relabelled += other.revisions.relabelled;
        self.lateness.extend(other.lateness);
        self.dropped.outside_window += other.dropped.outside_window;
        self.dropped.sealed += other.dropped.sealed;
        for (label, count) in other.folded {
            *self.folded.entry(label).or_default() += count;
        }
        self.sealed.extend(other.sealed);
        self.sealed_as_held += other.sealed_as_held;
        self.notes.extend(other.notes);
    }
}
