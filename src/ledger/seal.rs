//! Sealing: the last answer for a bucket moves from the cells into the sum.

use std::collections::HashSet;

use super::LedgerError;
use super::applied::Note;
use super::apply::{Work, asked};
use super::cell::State;
use super::scope::{cover, is_settled, margin};
use super::series::Part;
use super::tables::Place;
use crate::api::{Grain, Report};
use crate::report::Reading;
use crate::time::{Bucket, SignedDuration, Timestamp, Window};

/// How long a bucket is tried before it is sealed with what is held.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Which cells a seal keeps.
#[derive(Debug)]
enum Keep<'a> {
    /// Those that the sealing answers held.
    Seen(&'a HashSet<u128>),
    /// All, since no good answer came.
    Held,
}

impl Work<'_> {
    /// Ends the openings of the buckets that the answers of the slot have shown in full.
    pub(super) fn end_openings(&mut self, reading: &Reading) {
        let Some(scope) = self.books.scopes.get(&self.scope) else { return };
        let present = self.operation.zone.present(reading.now);
        let windows =
            self.books.slots.get(&self.report).map(|slot| slot.answers.as_slice()).unwrap_or_default();
        let ended: Vec<i32> = scope
            .firm
            .opening
            .iter()
            .copied()
            .filter(|bucket| {
                let own = self.bucket(*bucket).window();
                let wanted = Window { from: own.from, to: own.to.min(present) };
                cover(windows.iter().map(|(window, _, _)| window), &wanted)
            })
            .collect();
        if ended.is_empty() {
            return;
        }
        if let Some(scope) = self.books.touch_scope(&self.scope) {
            for bucket in ended {
                scope.firm.opening.remove(&bucket);
            }
        }
    }

    /// Seals the buckets of a row report that the answers of the slot cover, once settled.
    pub(super) fn seal_events(&mut self, reading: &Reading) -> Result<(), LedgerError> {
        let Some(slot) = self.books.slots.get(&self.report) else { return Ok(()) };
        let answers = slot.answers.clone();
        let Some(from) = answers.iter().map(|(window, _, _)| window.from).min() else { return Ok(()) };
        let Some(to) = answers.iter().map(|(window, _, _)| window.to).max() else { return Ok(()) };
        let Some(scope) = self.books.scopes.get(&self.scope) else { return Ok(()) };
        let mut bucket = Bucket::of(from, self.grain).index().max(scope.firm.unsealed_from);
        let mut last = Bucket::of(to, self.grain).index();
        if let Some(left) = scope.firm.left {
            last = last.min(left);
        }
        while bucket <= last {
            let label = self.bucket(bucket);
            let is_sealed = self.books.scopes.get(&self.scope).is_none_or(|scope| scope.is_sealed(bucket));
            if !is_sealed {
                let late: Vec<_> = answers
                    .iter()
                    .filter(|(_, asked, _)| is_settled(label, self.settle, &self.operation.zone, *asked))
                    .collect();
                if cover(late.iter().map(|(window, _, _)| window), &margin(label)) {
                    let wanted = margin(label);
                    let any_rows = late
                        .iter()
                        .any(|(window, _, rows)| *rows && window.from < wanted.to && wanted.from < window.to);
                    let slot = self.books.slots.get_mut(&self.report);
                    let seen = slot.and_then(|slot| slot.seen.remove(&bucket)).unwrap_or_default();
                    let rows = seen.len() as u64;
                    self.seal_or_try(reading, bucket, &seen, rows, false, !any_rows)?;
                }
            }
            bucket += 1;
        }
        Ok(())
    }

    /// Seals a bucket of totals when its answer came late enough.
    pub(super) fn seal_totals(
        &mut self,
        reading: &Reading,
        bucket: i32,
        seen: &HashSet<u128>,
        rows: u64,
        rejected: bool,
        empty: bool,
    ) -> Result<(), LedgerError> {
        let label = self.bucket(bucket);
        let own = label.window();
        if is_settled(label, self.settle, &self.operation.zone, asked(reading)) && reading.window.covers(&own)
        {
            self.seal_or_try(reading, bucket, seen, rows, rejected, empty)?;
        }
        Ok(())
    }

    fn seal_or_try(
        &mut self,
        reading: &Reading,
        bucket: i32,
        seen: &HashSet<u128>,
        rows: u64,
        rejected: bool,
        empty: bool,
    ) -> Result<(), LedgerError> {
        let blob = self.take(bucket)?;
        let has_cells = !blob.cells.is_empty();
        self.put(bucket, blob);
        if rejected || (empty && has_cells) {
            return self.not_sealed(reading, bucket);
        }
        if empty {
            let place = self.place(bucket);
            match self.books.empties.get(&place) {
                Some(slot) if *slot != reading.slot => {
                    self.books.empties.remove(&place);
                }
                Some(_) => return Ok(()),
                None => {
                    self.books.empties.insert(place, reading.slot);
                    return Ok(());
                }
            }
        }
        self.seal(bucket, &Keep::Seen(seen), rows)
    }

    fn not_sealed(&mut self, reading: &Reading, bucket: i32) -> Result<(), LedgerError> {
        let known =
            self.books.scopes.get(&self.scope).and_then(|scope| scope.firm.tried.get(&bucket).copied());
        match known.and_then(|at| Timestamp::from_millisecond(at).ok()) {
            Some(first) if reading.asked.duration_since(first) >= PATIENCE => self.seal_as_held(bucket),
            Some(_) => Ok(()),
            None => {
                if let Some(scope) = self.books.touch_scope(&self.scope) {
                    scope.firm.tried.insert(bucket, reading.asked.as_millisecond());
                }
                let (report, skill, bucket) =
                    (self.report, self.scope.1.as_ref().into(), self.bucket(bucket));
                self.applied.notes.push(Note::NotSealed { report, skill, bucket });
                Ok(())
            }
        }
    }

    /// Seals the buckets that were tried for 24 h in vain.
    pub(super) fn seal_overdue(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        let Some(scope) = self.books.scopes.get(&self.scope) else { return Ok(()) };
        let overdue: Vec<i32> = scope
            .firm
            .tried
            .iter()
            .filter(|(_, first)| {
                Timestamp::from_millisecond(**first).is_ok_and(|first| now.duration_since(first) >= PATIENCE)
            })
            .map(|(bucket, _)| *bucket)
            .collect();
        for bucket in overdue {
            self.seal_as_held(bucket)?;
        }
        Ok(())
    }

    fn seal_as_held(&mut self, bucket: i32) -> Result<(), LedgerError> {
        let blob = self.take(bucket)?;
        let rows = blob.cells.len() as u64;
        self.put(bucket, blob);
        self.applied.sealed_as_held += 1;
        let (report, skill, label) = (self.report, self.scope.1.as_ref().into(), self.bucket(bucket));
        self.applied.notes.push(Note::SealedAsHeld { report, skill, bucket: label });
        self.seal(bucket, &Keep::Held, rows)
    }

    /// Moves what the bucket holds into the sealed sums. The marks stay: where the sum falls, the counter waits.
    fn seal(&mut self, bucket: i32, keep: &Keep<'_>, rows: u64) -> Result<(), LedgerError> {
        let mut blob = self.take(bucket)?;
        for (identity, cell) in blob.cells.drain()? {
            let is_kept = match keep {
                Keep::Held => true,
                Keep::Seen(seen) => cell.frozen || seen.contains(&identity),
            };
            if !is_kept {
                self.applied.revisions.down += 1;
            }
            for entry in &cell.entries {
                let base = entry.base.as_deref();
                if entry.state != State::Pending {
                    self.books.series.add(entry.series, Part::Live, &entry.amount, base, -1)?;
                }
                if is_kept {
                    self.books.series.add(entry.series, Part::Sealed, &entry.amount, base, 1)?;
                }
            }
        }
        // The bucket's cells leave the store with this transaction.
        blob.dirty = true;
        self.put(bucket, blob);
        let place = self.place(bucket);
        self.books.empties.remove(&place);
        self.books.forget_folded(place.clone());
        self.changes.sealed.push((place, rows));
        if let Some(scope) = self.books.touch_scope(&self.scope) {
            scope.seal(bucket);
            // A window reaches 2 h behind the oldest unsealed bucket; a day more is kept for rows that stray.
            let spare = if self.grain == Grain::Day { 2 } else { 26 };
            let oldest = scope.firm.unsealed_from - spare;
            let (report, scope) = (self.report, self.scope.1.clone());
            self.changes.forget.retain(|place| place.scope != scope);
            self.changes.forget.push(Place { report, scope, bucket: oldest });
        }
        self.applied.sealed.push(self.bucket(bucket));
        Ok(())
    }

    /// Once the past that `count_from` names has been read, the counters of the report appear whole.
    pub(super) fn show_when_caught_up(&mut self) {
        if !self.released {
            return;
        }
        let awaits_list = self.report == Report::Skill6 && self.books.record.awaits_list;
        let mut scopes = self
            .books
            .scopes
            .iter()
            .filter(|((report, _), scope)| *report == self.report && scope.firm.left.is_none())
            .peekable();
        let is_ready = scopes.peek().is_some() && scopes.all(|(_, scope)| scope.is_caught_up());
        if is_ready && !awaits_list {
            self.books.touch_record().hidden.remove(self.report.code());
            self.applied.notes.push(Note::CaughtUp { report: self.report });
        }
    }
}
