//! Which question is due: a pure state machine per operation.
//!
//! `Config` and the ledger's [`History`] go in, one [`Request`] at a time comes out. No HTTP, no JSON,
//! no disk, no task: every instant is passed in, so a test can live through a year in a second.

//!
//! One [`Schedule`] belongs to one operation. Its caller repeats: [`Schedule::next`], do what it says,
//! [`Schedule::done`]. At most one request is ever in flight.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Reason, Report};
use crate::time::{Bucket, Timestamp, Window};

mod backoff;
mod budget;
mod cadence;
mod machine;
mod outcomes;
mod plan;
mod quota;
mod skills;
mod slot;
mod split;
mod turns;

pub use machine::Schedule;
pub use plan::{Assumptions, Plan, PlanLine};
pub use quota::{LimitSource, QuotaView};

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
    ///
    /// Parts come in order. The reading is whole when all parts of one slot, skill and day with the same
    /// count have succeeded; part 0 always begins anew, and what came before it is worth nothing.
    pub part: (u16, u16),
}

impl Request {
    /// Whether the schedule will never ask for less than this: one second of events, one hour of
    /// `diagram_1_2`, the finest part of a `skill_6` day, a helper call.
    ///
    /// An event answer that is still cut here is applied as it is and counted as `truncated`;
    /// [`Outcome::Split`] for such a request is taken as a failure.
    pub fn is_indivisible(&self) -> bool {
        split::is_indivisible(self)
    }

    /// The requests that ask for the same in smaller pieces: two halves, or for `skill_6` the whole day in its next
    /// finer parts. Nothing when this one [`Request::is_indivisible`].
    pub fn finer(&self) -> Vec<Request> {
        split::finer(self)
    }
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
        /// `skill_6`: a row reached 10,000 calls, so the day wants to be read in (finer) parts. A part, or an
        /// ended day, is then asked again in finer parts at once; a whole open day stands, the next one is finer.
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
    /// Book these requests in the ledger, then call [`Schedule::next`] again with the new [`History`].
    Book(Booking),
    /// Nothing is due before this instant.
    Wait(Timestamp),
}

/// Requests to book before they are sent, so that a crash loop cannot overspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    /// The instant at which the quota day began; the count of another day is forgotten.
    pub quota_day: Timestamp,
    /// What [`History::booked`] is to be for that day from now on.
    pub total: u64,
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

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
