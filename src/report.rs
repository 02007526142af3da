//! Bytes of a known report become a [`Reading`].
//!
//! A bad row or value is counted and left out, never turned into zero, and never fails the answer.
//! Nothing private leaves this module: callers' numbers and ids end in a keyed hash, and a column that
//! no report asks for is never copied out of the answer.
//!
//! ```text
//! framing     bytes as they arrive           -> the envelope's scalars, rows one by one
//! columns     one row                        -> the columns its report knows, borrowed
//! field       the API's odd scalars          -> integers and local times
//! label       text from upstream             -> label values
//! identity    what makes a row the same row  -> a keyed hash
//! the others  one report each: its columns, its identity, what a row contributes
//! ```

use std::collections::BTreeMap;

use crate::api::Report;
use crate::metrics::{Family, Label};
use crate::time::{Bucket, Timestamp, Window, civil};

mod call_detail;
mod callback;
mod columns;
mod decode;
mod envelope;
mod field;
mod framing;
mod identity;
mod ivr;
mod label;
mod mend;
mod occurrence;
mod quota;
mod service_level;
mod skills;
mod survey;
mod tally;
mod vocabulary;
mod witness;

pub use decode::{Answer, DecodeError, Decoded, Decoder};
pub use envelope::{Envelope, envelope_of};
pub use identity::IdentityKey;
pub use quota::Quota;
pub use tally::{AsReported, DropReason, Evidence, Gauge, Names, Tally};
pub use vocabulary::{CHECKS, fields};

/// What one complete answer (or, for a `skill_6` day in parts, all its parts together) says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which report.
    pub report: Report,
    /// The skill asked for (`skill_6`), else empty.
    pub skill: String,
    /// What was asked.
    pub window: Window,
    /// The turn of the schedule; the answers of one slot are united.
    pub slot: u64,
    /// The instant of the slot.
    pub now: Timestamp,
    /// When the request was sent, by our clock.
    pub asked: Timestamp,
    /// The answer's `Date` header, where there was one.
    pub date: Option<Timestamp>,
    /// The content.
    pub content: Content,
}

/// The rows of an answer in the shape of their report.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `skill_6` and `diagram_1_2`: totals of keys in buckets. Equal keys of one bucket are already added.
    Totals(Vec<Total>),
    /// `diagram_3`, `cdr_1`, `diagram_4`: one event each, in the order: final status first among equal identities.
    Events(Vec<Event>),
}

/// The totals of one key in one bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    /// The day (`skill_6`) or hour (`diagram_1_2`).
    pub bucket: Bucket,
    /// `skill_id` and `dnis` (`skill_6`); nothing (`diagram_1_2`).
    pub key: LabelValues,
    /// The amounts, one per family. `None`: the row was rejected, so its cell stands and its bucket does not seal.
    pub amounts: Option<Vec<Observation>>,
}

/// One row that is one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The local date and time of the row.
    pub at: civil::DateTime,
    /// Keyed 128-bit hash of the identity; the occurrence number within the answer is already mixed in.
    pub identity: u128,
    /// Labels that are fixed when the event is first seen.
    pub key: LabelValues,
    /// What it contributes.
    pub observations: Vec<Observation>,
    /// `diagram_3`: the current status, for the gauge of callbacks by status; else `None`.
    pub status: Option<Box<str>>,
}

/// Label values by label, cleaned (`none` for an empty id) but not yet bounded.
pub type LabelValues = BTreeMap<Label, Box<str>>;

/// One contribution of a cell to one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The family.
    pub family: &'static Family,
    /// Distinguishes observations of one event that are decided apart (each question, each level); stable for
    /// an event over time. Two observations of one event never share family and slot.
    pub slot: u16,
    /// Labels beside the key's, decided with the observation (`outcome`, `cod_act`, `result`, `question`, ...).
    pub labels: LabelValues,
    /// How much.
    pub amount: Amount,
    /// When it counts.
    pub when: When,
}

/// How much an observation adds, in the family's raw unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// To a counter.
    Count(i64),
    /// One observed value, to a histogram or a summary.
    Observe(i64),
    /// [`Family::width`] integers at once (cumulative buckets), to a histogram or a summary (`skill_6`).
    Whole(Box<[i64]>),
}

/// When an observation counts, and whether a later reading may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// The amount follows its cell: the last reading replaces it. Labels stay as first seen.
    Follows,
    /// Decided: counted when it first appears, then fixed for good.
    Once,
    /// A fallback: counted at the seal when no `Once` of the same family and slot has been seen by then.
    AtSeal,
}

impl Reading {
    /// Adds another part of the same reading (a `skill_6` day in parts): totals of equal keys add, a key that
    /// one part rejected is rejected.
    ///
    /// The window grows over both. The reading counts as asked when its first part was, since what happened
    /// after that may be missing from it.
    pub fn add_part(&mut self, other: Reading) {
        self.window.from = self.window.from.min(other.window.from);
        self.window.to = self.window.to.max(other.window.to);
        self.asked = self.asked.min(other.asked);
        self.date = match (self.date, other.date) {
            (Some(mine), Some(other)) => Some(mine.min(other)),
            (mine, other) => mine.or(other),
        };
        match (&mut self.content, other.content) {
            (Content::Totals(mine), Content::Totals(other)) => add_totals(mine, other),
            // The parts of one reading are answers of one report, so their contents have one shape.
            (Content::Events(mine), Content::Events(other)) => mine.extend(other),
            (Content::Totals(_), Content::Events(_)) | (Content::Events(_), Content::Totals(_)) => {}
        }
    }
}

fn add_totals(mine: &mut Vec<Total>, other: Vec<Total>) {
    let keys = mine.iter().enumerate().map(|(at, total)| ((total.bucket, total.key.clone()), at));
    let mut keys: BTreeMap<(Bucket, LabelValues), usize> = keys.collect();
    for total in other {
        let Some(&at) = keys.get(&(total.bucket, total.key.clone())) else {
            keys.insert((total.bucket, total.key.clone()), mine.len());
            mine.push(total);
            continue;
        };
        let before = mine[at].amounts.take();
        mine[at].amounts = before.zip(total.amounts).and_then(|(before, amounts)| {
            let sum = |(before, amount): (Observation, Observation)| {
                Some(Observation { amount: before.amount.add(&amount.amount)?, ..before })
            };
            before.into_iter().zip(amounts).map(sum).collect()
        });
    }
}

impl Amount {
    /// The sum of two amounts of one kind; `None` when they are of different kinds, or overflow.
    fn add(&self, other: &Amount) -> Option<Amount> {
        match (self, other) {
            (Amount::Count(a), Amount::Count(b)) => a.checked_add(*b).map(Amount::Count),
            (Amount::Whole(a), Amount::Whole(b)) if a.len() == b.len() => {
                let sum = a.iter().zip(b).map(|(a, b)| a.checked_add(*b));
                sum.collect::<Option<Box<[i64]>>>().map(Amount::Whole)
            }
            _ => None,
        }
    }
}

/// The label value that an id from upstream stands under: itself, cleaned; `other` when it could be a person's number.
pub fn shown_id(id: &str) -> Box<str> {
    label::id(Some(id)).text.into()
}

/// How an id from upstream is written in the log: as it is, unless it could be a person's number.
pub fn told_id(id: &str) -> Box<str> {
    if id.is_empty() { id.into() } else { shown_id(id) }
}

/// A local time as a part of an identity, so that two ways to write one time are one.
fn moment_bytes(at: civil::DateTime) -> [u8; 7] {
    let [high, low] = at.year().to_be_bytes();
    // Invariant: jiff keeps these parts between 0 and 59.
    let small = [at.month(), at.day(), at.hour(), at.minute(), at.second()].map(|part| part as u8);
    [high, low, small[0], small[1], small[2], small[3], small[4]]
}

#[cfg(test)]
mod tests;
