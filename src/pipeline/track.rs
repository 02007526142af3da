//! How counters grew through the past, bucket by bucket.
//!
//! The ledger holds one sum per series, not its history. To learn the history, a reading of many buckets is applied
//! in pieces, one bucket each, and the sums are noted at the end of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Grain;
use crate::ledger::Total;
use crate::metrics::{Family, Kind, LabelText};
use crate::report::{Content, Reading};
use crate::time::{Bucket, SignedDuration, Timestamp, Window, shift};

/// What the ledger wants to see around a bucket of events before it seals it.
const MARGIN: SignedDuration = SignedDuration::from_hours(2);

/// The values of one series by the instant from which they hold, each differing from the one before.
type Steps = BTreeMap<Timestamp, Box<[i64]>>;

/// A series with its values at instants asked for.
pub type Course<'a> = (&'a LabelText, Vec<(Timestamp, Box<[i64]>)>);

/// The counters of the past of any number of operations.
#[derive(Debug, Default)]
pub struct Track {
    /// Of which day the rows are counted now; what lies around it has its own turn.
    day: Option<Bucket>,
    /// The answers to the question under way, united.
    held: Option<Reading>,
    families: BTreeMap<&'static str, (&'static Family, Grain, BTreeMap<LabelText, Steps>)>,
}

impl Track {
    /// The day that is read from now on.
    pub(super) fn turn_to(&mut self, day: Bucket) {
        self.day = Some(day);
        self.held = None;
    }

    /// Keeps an answer until its question has been answered whole: what a bucket is decided by may be in the next.
    pub(super) fn hold(&mut self, reading: Reading) {
        match &mut self.held {
            Some(held) => held.add_part(reading),
            None => self.held = Some(reading),
        }
    }

    /// What is held, in pieces of one bucket of the day each, oldest first.
    pub(super) fn take_held(&mut self) -> Vec<(Bucket, Reading)> {
        match (self.held.take(), self.day) {
            (Some(held), Some(day)) => by_bucket(held, day.window()),
            _ => Vec::new(),
        }
    }

    /// Notes what the counters are at the end of a bucket. Those of other reports have not moved since they were
    /// noted, whatever instant that was about, and are left alone.
    pub(super) fn note(&mut self, grain: Grain, at: Timestamp, totals: Vec<Total>) {
        for total in totals {
            if total.hidden || matches!(total.family.kind, Kind::Gauge) {
                continue;
            }
            let (_, _, series) =
                self.families.entry(total.family.name).or_insert((total.family, grain, BTreeMap::new()));
            let steps = series.entry(total.labels).or_default();
            if steps.last_key_value().is_none_or(|(_, last)| **last != *total.mark) {
                steps.insert(at, total.mark.into());
            }
        }
    }

    /// The families in order of their names, with the grain of their buckets.
    pub fn families(&self) -> impl Iterator<Item = (&'static Family, Grain)> + '_ {
        self.families.values().map(|(family, grain, _)| (*family, *grain))
    }

    /// The series of a family with their values at each of these instants, in order; 0 before the first step.
    pub fn series<'a>(
        &'a self,
        family: &Family,
        instants: impl Fn(&LabelText) -> &'a BTreeSet<Timestamp>,
    ) -> Vec<Course<'a>> {
        let Some((family, _, series)) = self.families.get(family.name) else { return Vec::new() };
        let nothing: Box<[i64]> = vec![0; family.width()].into();
        let values = |(labels, steps): (&'a LabelText, &'a Steps)| {
            let at = |at: &Timestamp| {
                let value = steps.range(..=*at).next_back().map_or(&nothing, |(_, value)| value);
                (*at, value.clone())
            };
            (labels, instants(labels).iter().map(at).collect())
        };
        series.iter().map(values).collect()
    }
}

/// The buckets of a reading that lie in `core`, oldest first, each with the part of the reading that is about it.
///
/// A part claims to have seen what the ledger wants to see before it seals the bucket, and no more than the reading.
fn by_bucket(reading: Reading, core: Window) -> Vec<(Bucket, Reading)> {
    let Some(grain) = reading.report.grain() else { return Vec::new() };
    let margin = match &reading.content {
        Content::Events(_) => MARGIN,
        Content::Totals(_) => SignedDuration::ZERO,
    };
    let window = reading.window;
    let (from, to) = (window.from.max(core.from), window.to.min(core.to));
    let mut pieces = Vec::new();
    let mut bucket = Bucket::of(from, grain);
    while bucket.first() < to {
        let own = bucket.window();
        let seen = Window {
            from: shift(own.from, -margin).max(window.from),
            to: shift(own.to, margin).min(window.to),
        };
        let content = match &reading.content {
            Content::Totals(totals) => {
                Content::Totals(totals.iter().filter(|total| total.bucket == bucket).cloned().collect())
            }
            Content::Events(events) => {
                Content::Events(events.iter().filter(|event| own.contains(event.at)).cloned().collect())
            }
        };
        let head = |content| Reading {
            report: reading.report,
            skill: reading.skill.clone(),
            window: seen,
            slot: reading.slot,
            now: reading.now,
            asked: reading.asked,
            date: reading.date,
            content,
        };
        pieces.push((bucket, head(content)));
        bucket = bucket.next();
    }
    pieces
}
