//! How far one report, or one skill of `skill_6`, has been read and sealed, and where it began.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cell::{moment, seconds};
use crate::api::Grain;
use crate::schedule::Progress;
use crate::time::{Bucket, SignedDuration, Timestamp, Window, Zone, shift};

/// The state of a scope, in memory and in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scope {
    /// What is committed with every change.
    pub(super) firm: Firm,
    /// Timestamps, which follow lazily.
    pub(super) lazy: Lazy,
}

/// Cursors: what decides which rows count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Firm {
    /// The first bucket of the ledger; rows before it are not ours.
    pub(super) first: i32,
    /// Everything before is sealed.
    pub(super) unsealed_from: i32,
    /// Sealed out of order.
    pub(super) sealed_after: BTreeSet<i32>,
    /// Buckets that began before the ledger and have not had their first complete reading.
    pub(super) opening: BTreeSet<i32>,
    /// Owed buckets that an answer did not seal, with the instant (ms) of the first such answer.
    pub(super) tried: BTreeMap<i32, i64>,
    /// From when it counts (ms).
    pub(super) since: i64,
    /// The last bucket that is read, once the skill or the report has left.
    pub(super) left: Option<i32>,
    /// It left because the whole report was turned off.
    #[serde(default)]
    pub(super) parked: bool,
    /// Whether any reading was applied.
    pub(super) read: bool,
}

/// What may be a few minutes old after a crash.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lazy {
    /// The last request (ms).
    pub(super) attempted: Option<i64>,
    /// The slot of the last successful reading up to the present (ms).
    pub(super) success: Option<i64>,
    /// Merged stretches of local time (seconds of the label) that were read, oldest first.
    pub(super) read: Vec<(i64, i64)>,
    /// The instant (ms) up to which the first stretch reaches without a hole.
    pub(super) through: Option<i64>,
}

/// How a scope begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Buckets that began before now have an opening.
    Opening,
    /// Everything not settled counts.
    AtZero,
    /// Everything from this instant on counts.
    From(Timestamp),
}

impl Scope {
    /// A scope that enters at `now`.
    pub(super) fn new(
        start: Start,
        grain: Grain,
        settle: SignedDuration,
        zone: &Zone,
        now: Timestamp,
    ) -> Scope {
        let current = zone.bucket(now, grain);
        let oldest = oldest_unsettled(current, settle, zone, now);
        let (first, opening, since) = match start {
            Start::Opening => (oldest, (oldest.index()..=current.index()).collect(), now),
            Start::AtZero => (oldest, BTreeSet::new(), zone.start(oldest)),
            Start::From(at) => (zone.bucket(at, grain), BTreeSet::new(), at),
        };
        let firm = Firm {
            first: first.index(),
            unsealed_from: first.index(),
            sealed_after: BTreeSet::new(),
            opening,
            tried: BTreeMap::new(),
            since: since.as_millisecond(),
            left: None,
            parked: false,
            read: false,
        };
        Scope { firm, lazy: Lazy::default() }
    }

    /// A scope that left comes back: the buckets it was away for do not count. What was owed when it left is
    /// still owed, and a bucket that it was in all the time goes on.
    pub(super) fn come_back(
        &mut self,
        start: Start,
        grain: Grain,
        settle: SignedDuration,
        zone: &Zone,
        now: Timestamp,
    ) {
        let Some(left) = self.firm.left.take() else { return };
        self.firm.parked = false;
        let current = zone.bucket(now, grain);
        let oldest = oldest_unsettled(current, settle, zone, now).index();
        let away = (left + 1).max(self.firm.unsealed_from);
        for bucket in away..oldest {
            self.seal(bucket);
        }
        if start != Start::AtZero {
            self.firm.opening.extend(away.max(oldest)..=current.index());
        }
        self.lazy = Lazy { attempted: self.lazy.attempted, ..Lazy::default() };
    }

    /// Whether it is read as far as the schedule is concerned.
    pub(super) fn is_wanted(&self) -> bool {
        self.firm.left.is_none_or(|left| self.firm.unsealed_from <= left)
    }

    pub(super) fn is_sealed(&self, bucket: i32) -> bool {
        bucket < self.firm.unsealed_from || self.firm.sealed_after.contains(&bucket)
    }

    /// Marks a bucket as sealed and moves the cursor over what is sealed without a hole.
    pub(super) fn seal(&mut self, bucket: i32) {
        self.firm.tried.remove(&bucket);
        self.firm.opening.remove(&bucket);
        if bucket >= self.firm.unsealed_from {
            self.firm.sealed_after.insert(bucket);
        }
        while self.firm.sealed_after.remove(&self.firm.unsealed_from) {
            self.firm.unsealed_from += 1;
        }
    }

    /// How many buckets are past their settle and not sealed.
    pub(super) fn owed(&self, grain: Grain, settle: SignedDuration, zone: &Zone, now: Timestamp) -> u64 {
        let oldest = oldest_unsettled(zone.bucket(now, grain), settle, zone, now).index();
        let oldest = self.firm.left.map_or(oldest, |left| oldest.min(left + 1));
        let sealed = self.firm.sealed_after.range(..oldest).count() as i64;
        u64::try_from(i64::from(oldest) - i64::from(self.firm.unsealed_from) - sealed).unwrap_or(0)
    }

    /// Notes that a window was read in full at the slot `now`.
    pub(super) fn note_read(&mut self, window: &Window, grain: Grain, zone: &Zone, now: Timestamp) {
        let (mut from, mut to) = (seconds(window.from), seconds(window.to));
        self.lazy.read.retain(|(known_from, known_to)| {
            let apart = *known_to < from || to < *known_from;
            if !apart {
                from = from.min(*known_from);
                to = to.max(*known_to);
            }
            apart
        });
        self.lazy.read.push((from, to));
        self.lazy.read.sort_unstable();
        if window.to >= zone.present(now) {
            self.lazy.success = self.lazy.success.max(Some(now.as_millisecond()));
        }
        // Everything before the first unsealed bucket has been read, or was never ours.
        let anchor = seconds(Bucket::from_index(grain, self.firm.unsealed_from).first());
        self.lazy.read.retain(|(_, to)| *to > anchor);
        if let Some((_, to)) = self.lazy.read.iter().find(|(from, _)| *from <= anchor) {
            let through = zone.instant(moment(*to)).min(now).as_millisecond();
            self.lazy.through = self.lazy.through.max(Some(through));
        }
    }

    /// Whether everything from the first bucket up to the last reading has been read.
    pub(super) fn is_caught_up(&self) -> bool {
        self.lazy.through.is_some() && self.lazy.read.len() == 1 && self.lazy.success.is_some()
    }

    /// What the schedule sees.
    pub(super) fn progress(&self, grain: Grain) -> Progress {
        Progress {
            unsealed_from: Bucket::from_index(grain, self.firm.unsealed_from),
            sealed_after: self
                .firm
                .sealed_after
                .iter()
                .map(|bucket| Bucket::from_index(grain, *bucket))
                .collect(),
            last_success: self.lazy.success.and_then(|at| Timestamp::from_millisecond(at).ok()),
        }
    }
}

/// The oldest bucket that is not settled at `now`.
pub(super) fn oldest_unsettled(
    current: Bucket,
    settle: SignedDuration,
    zone: &Zone,
    now: Timestamp,
) -> Bucket {
    let mut oldest = current;
    // However long the settle time, a ledger begins at most some 400 days of hours back.
    for _ in 0..10_000 {
        if is_settled(oldest.previous(), settle, zone, now) {
            break;
        }
        oldest = oldest.previous();
    }
    oldest
}

/// Whether a bucket has ended and settled at `now`.
pub(super) fn is_settled(bucket: Bucket, settle: SignedDuration, zone: &Zone, now: Timestamp) -> bool {
    zone.end(bucket).saturating_add(settle).is_ok_and(|settled| settled < now)
}

/// The local time that answers must cover to seal an event bucket: itself with 2 h to spare on both sides.
pub(super) fn margin(bucket: Bucket) -> Window {
    let spare = SignedDuration::from_hours(2);
    let own = bucket.window();
    Window { from: shift(own.from, -spare), to: shift(own.to, spare) }
}

/// Whether the windows together cover `wanted`.
pub(super) fn cover<'a>(windows: impl IntoIterator<Item = &'a Window>, wanted: &Window) -> bool {
    let mut windows: Vec<&Window> = windows.into_iter().collect();
    windows.sort_unstable();
    let mut reached = wanted.from;
    for window in windows {
        if window.from > reached {
            break;
        }
        reached = reached.max(window.to);
    }
    reached >= wanted.to
}
