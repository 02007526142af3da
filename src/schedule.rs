//! Which question is due: a pure state machine per operation.
//!
//! `Config` and the ledger's [`History`] go in, one [`Request`] at a time comes out. No HTTP, no JSON,
//! no disk, no task: every instant is passed in, so a test can live through a year in a second.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Reason, Report};
use crate::time::{Bucket, Timestamp, Window};

/// One question for the API. All requests of a slot share one `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub report: Report,
    /// `skill_id` for `skill_6` and `skill_1` (`all` included); empty for the others.
    pub skill: String,
    /// The stretch of local time asked for; `None` for the helper calls.
    pub window: Option<Window>,
    /// The turn of the schedule this request belongs to; grows with every slot of the operation.
    pub slot: u64,
    /// The instant of the slot.
    pub now: Timestamp,
    /// Why it is asked.
    pub purpose: Purpose,
    /// For a `skill_6` day read in parts: which part this is. `(0, 1)` is a day in one piece.
    pub part: (u16, u16),
}

/// Why a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The regular reading up to the present.
    Present,
    /// Older buckets that are owed, read apart.
    CatchUp,
    /// A helper call.
    Helper,
}

/// What came of a request, as far as the schedule cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The reading was applied.
    Applied {
        /// Rows in the answer.
        rows: u64,
        /// `skill_6`: a row reached 10,000 calls, so the day wants to be read in parts.
        coarse: bool,
    },
    /// The witness answered.
    Witness(Vec<WitnessRow>),
    /// The skills are these (`skill_id`).
    Skills(BTreeSet<String>),
    /// The vendor's view of the quota.
    Quota {
        /// Requests allowed per quota day.
        limit: u64,
        /// Requests used, the larger of the token's and the operation's count.
        used: u64,
    },
    /// The read failed; nothing was applied.
    Failed(Reason),
    /// The answer is cut (row cap, fewer rows than said, time-out, size): ask for less at once.
    Split(Reason),
}

/// One row of `skill_1`, reduced to what the witness needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessRow {
    /// `skill_id`.
    pub skill: String,
    /// `inbound_calls`, for the audit.
    pub inbound_calls: i64,
    /// A hash over every field of the row: equal when nothing moved.
    pub fingerprint: u64,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask this now.
    Ask(Request),
    /// Nothing is due before this instant.
    Wait(Timestamp),
}

/// What the ledger knows of an operation, as far as the schedule cares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Of every report but `skill_6`.
    pub reports: BTreeMap<Report, Progress>,
    /// Of each skill of `skill_6` that ever entered the ledger.
    pub skills: BTreeMap<String, Progress>,
    /// Requests booked since `quota_day` began, in blocks, before they were sent.
    pub booked: u64,
    /// The instant at which the quota day of `booked` began.
    pub quota_day: Option<Timestamp>,
}

/// How far one report, or one skill of `skill_6`, has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Everything before this bucket is sealed (or before the ledger).
    pub unsealed_from: Bucket,
    /// Buckets from there on that are sealed out of order.
    pub sealed_after: BTreeSet<Bucket>,
    /// The instant up to which the last successful reading of the present reached.
    pub last_success: Option<Timestamp>,
}

impl Progress {
    /// Whether a bucket is sealed.
    pub fn is_sealed(&self, bucket: Bucket) -> bool {
        bucket < self.unsealed_from || self.sealed_after.contains(&bucket)
    }

    /// The buckets up to `last` that are not sealed, oldest first.
    pub fn unsealed(&self, last: Bucket) -> impl Iterator<Item = Bucket> + '_ {
        (self.unsealed_from.index()..=last.index())
            .map(move |index| Bucket::from_index(last.grain(), index))
            .filter(|bucket| !self.sealed_after.contains(bucket))
    }
}
