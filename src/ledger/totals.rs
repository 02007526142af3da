//! Reports of totals: each key of each bucket comes as one sum, and the last reading is assigned.

use std::collections::{BTreeMap, HashSet};

use super::LedgerError;
use super::apply::{Blob, Work, sum};
use super::books::identity_of;
use super::cell::{Cell, Entry, State, spread};
use super::series::Part;
use crate::api::Report;
use crate::report::{LabelValues, Observation, Reading, Total};
use crate::time::{Bucket, Window, civil};

impl Work<'_> {
    pub(super) fn totals(&mut self, reading: &Reading, totals: &[Total]) -> Result<(), LedgerError> {
        let present = self.operation.zone.present(reading.now);
        let (first, left) = match self.books.scopes.get(&self.scope) {
            Some(scope) => (scope.firm.first, scope.firm.left),
            None => return Ok(()),
        };
        if self.report == Report::Skill6 {
            self.look_for_callers(totals)?;
        }
        let mut by_bucket: BTreeMap<i32, Vec<&Total>> = BTreeMap::new();
        for total in totals {
            let index = total.bucket.index();
            // A total that was not asked for in full may be a part, and a part must not replace the whole.
            if index < first
                || total.bucket.first() >= present
                || !is_whole(&reading.window, total.bucket, present)
            {
                self.applied.dropped.outside_window += 1;
            } else if left.is_none_or(|left| index <= left) {
                by_bucket.entry(index).or_default().push(total);
            }
        }
        let asked_for = self.whole_buckets(&reading.window, present);
        for index in asked_for {
            if index < first || left.is_some_and(|left| index > left) {
                continue;
            }
            let rows = by_bucket.remove(&index).unwrap_or_default();
            if self.books.scopes.get(&self.scope).is_none_or(|scope| scope.is_sealed(index)) {
                self.count_beyond_seal(index, rows.len() as u64)?;
                continue;
            }
            if self.report == Report::Diagram12 {
                self.birth(&LabelValues::new())?;
            }
            self.bucket_totals(reading, index, &rows, totals.is_empty())?;
        }
        Ok(())
    }

    /// The buckets of which the window holds everything up to the present.
    fn whole_buckets(&self, window: &Window, present: civil::DateTime) -> Vec<i32> {
        let from = Bucket::of(window.from, self.grain);
        let mut bucket = if from.first() < window.from { from.next() } else { from };
        let mut whole = Vec::new();
        while bucket.first() < window.to && is_whole(window, bucket, present) {
            whole.push(bucket.index());
            bucket = bucket.next();
        }
        whole
    }

    fn bucket_totals(
        &mut self,
        reading: &Reading,
        bucket: i32,
        rows: &[&Total],
        empty: bool,
    ) -> Result<(), LedgerError> {
        let opening = self.is_opening(bucket);
        let ended = reading.asked > self.operation.zone.end(self.bucket(bucket));
        let mut blob = self.take(bucket)?;
        let mut groups: BTreeMap<u128, Group> = BTreeMap::new();
        let mut rejected = false;
        for total in rows {
            let (identity, key) = self.total_key(&mut blob, bucket, &total.key)?;
            let group = groups.entry(identity).or_insert_with(|| Group { key, amounts: Some(Vec::new()) });
            match (&mut group.amounts, &total.amounts) {
                (Some(known), Some(amounts)) => merge(known, amounts)?,
                (known, _) => {
                    // Part of a folded sum is unknown, so the whole cell stands.
                    *known = None;
                    rejected = true;
                }
            }
        }
        for (identity, group) in &groups {
            let Some(amounts) = &group.amounts else { continue };
            self.total(&mut blob, bucket, *identity, group.key, amounts, opening, ended)?;
        }
        if opening
            && !rejected
            && let Some(scope) = self.books.touch_scope(&self.scope)
        {
            scope.firm.opening.remove(&bucket);
        }
        let seen: HashSet<u128> = groups.into_keys().collect();
        self.put(bucket, blob);
        self.seal_totals(reading, bucket, &seen, rows.len() as u64, rejected, empty)
    }

    /// Where the total of a key goes: to the cell it has, else to that of its bounded labels.
    fn total_key(
        &mut self,
        blob: &mut Blob,
        bucket: i32,
        raw: &LabelValues,
    ) -> Result<(u128, u32), LedgerError> {
        let identity = identity_of(self.key, raw);
        if let Some(cell) = blob.cells.take(identity)? {
            let (key, frozen) = (cell.key, cell.frozen);
            blob.cells.put(identity, cell);
            if !frozen {
                return Ok((identity, key));
            }
        }
        let key = self.key(blob, bucket, raw)?;
        Ok((identity_of(self.key, &blob.cells.keys[key as usize]), key))
    }

    #[expect(clippy::too_many_arguments, reason = "one cell, where it lies and what is known of its bucket")]
    fn total(
        &mut self,
        blob: &mut Blob,
        bucket: i32,
        identity: u128,
        key: u32,
        amounts: &[Observation],
        opening: bool,
        ended: bool,
    ) -> Result<(), LedgerError> {
        let known = blob.cells.take(identity)?;
        let is_new = known.is_none();
        let mut cell = known.unwrap_or_else(|| Cell {
            key,
            opening: false,
            frozen: false,
            content: 0,
            labels: 0,
            status: None,
            entries: Vec::with_capacity(amounts.len()),
        });
        let (mut down, mut up) = (false, false);
        for observation in amounts {
            match self.entry_of(&cell, observation)? {
                Some(place) => {
                    let entry = &mut cell.entries[place];
                    if entry.amount != observation.amount {
                        blob.dirty = true;
                        let (fell, rose) = self.replace(entry, &observation.amount)?;
                        down |= fell;
                        up |= rose;
                    }
                    if opening && !self.is_at_opening(entry)? {
                        // An earlier reading of the opening was not complete, so this one is the opening.
                        blob.dirty = true;
                        self.open_again(entry)?;
                    }
                }
                None => {
                    let series = self.series(blob, bucket, cell.key, observation)?;
                    let base =
                        if opening { Some(spread(observation.family, &observation.amount)?) } else { None };
                    let amount = observation.amount.clone();
                    self.books.series.add(series, Part::Live, &amount, base.as_deref(), 1)?;
                    cell.entries.push(Entry {
                        series,
                        slot: observation.slot,
                        state: State::Follows,
                        amount,
                        base,
                    });
                    blob.dirty = true;
                }
            }
        }
        if !is_new {
            self.applied.revisions.down += u64::from(down);
            self.applied.revisions.up += u64::from(up && ended);
        }
        blob.cells.put(identity, cell);
        Ok(())
    }

    /// Whether the opening amounts of an entry are its amounts.
    fn is_at_opening(&self, entry: &Entry) -> Result<bool, LedgerError> {
        let family = self.books.series.get(entry.series)?.family;
        Ok(entry.base == Some(spread(family, &entry.amount)?))
    }

    /// Makes the present amounts of an entry its opening.
    fn open_again(&mut self, entry: &mut Entry) -> Result<(), LedgerError> {
        let family = self.books.series.get(entry.series)?.family;
        self.books.series.add(entry.series, Part::Live, &entry.amount, entry.base.as_deref(), -1)?;
        entry.base = Some(spread(family, &entry.amount)?);
        Ok(())
    }
}

/// The totals of one cell.
#[derive(Debug)]
struct Group {
    key: u32,
    amounts: Option<Vec<Observation>>,
}

fn merge(known: &mut Vec<Observation>, amounts: &[Observation]) -> Result<(), LedgerError> {
    for observation in amounts {
        let same = known
            .iter_mut()
            .find(|known| known.slot == observation.slot && known.family.is(observation.family));
        match same {
            None => known.push(observation.clone()),
            Some(known) => known.amount = sum(observation.family, &known.amount, &observation.amount)?,
        }
    }
    Ok(())
}
/// Whether the window holds everything of the bucket up to the present.
fn is_whole(window: &Window, bucket: Bucket, present: civil::DateTime) -> bool {
    let own = bucket.window();
    window.from <= own.from && own.from < window.to && window.to >= own.to.min(present)
}
