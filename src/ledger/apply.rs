//! Applying one reading: rows and totals become cells, cells become sums.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::LedgerError;
use super::applied::Applied;
use super::books::{Books, ScopeName};
use super::cell::{Cell, Cells, Entry, Numbered, spread};
use super::series::Part;
use super::tables::{self, BucketChanges, Place};
use crate::api::{Grain, Report};
use crate::config::Operation;
use crate::metrics::{Family, Kind};
use crate::report::{Amount, Content, LabelValues, Observation, Reading};
use crate::time::{Bucket, SignedDuration, Timestamp};

/// One reading on its way into the books.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) books: &'a mut Books,
    pub(super) transaction: &'a redb::ReadTransaction,
    pub(super) key: &'a [u8; 32],
    pub(super) operation: Arc<Operation>,
    pub(super) report: Report,
    pub(super) scope: ScopeName,
    pub(super) grain: Grain,
    pub(super) settle: SignedDuration,
    pub(super) blobs: BTreeMap<i32, Blob>,
    pub(super) changes: BucketChanges,
    pub(super) applied: Applied,
    /// Whether series born now are shown at once, because the whole report still waits for its past.
    pub(super) released: bool,
    /// The local day of the slot, for the last use of label values.
    pub(super) today: i32,
}

/// The cells of one bucket while they are worked on.
#[derive(Debug, Default)]
pub(super) struct Blob {
    pub(super) cells: Cells,
    pub(super) dirty: bool,
    /// Raw keys met in this reading, with the index of their bounded form.
    pub(super) keys: HashMap<LabelValues, u32>,
    /// The index of each bounded key.
    pub(super) bounded: HashMap<LabelValues, u32>,
    /// Bytes of a row on their way into its hash.
    pub(super) scratch: Vec<u8>,
    /// Series resolved in this reading by family, key and a hash of the other labels.
    pub(super) resolved: Numbered<(usize, u32, u64), Vec<(LabelValues, u32)>>,
}

impl Blob {
    pub(super) fn of(cells: Cells) -> Blob {
        Blob { cells, ..Blob::default() }
    }

    /// The index of a bounded key, stored when it is new.
    pub(super) fn index(&mut self, key: &LabelValues) -> u32 {
        if self.bounded.len() < self.cells.keys.len() {
            let known = self.cells.keys.iter().cloned();
            self.bounded = known.enumerate().map(|(place, key)| (key, place as u32)).collect();
        }
        if let Some(place) = self.bounded.get(key) {
            return *place;
        }
        let place = self.cells.keys.len() as u32;
        self.cells.keys.push(key.clone());
        self.bounded.insert(key.clone(), place);
        place
    }
}

impl<'a> Work<'a> {
    pub(super) fn new(
        books: &'a mut Books,
        transaction: &'a redb::ReadTransaction,
        key: &'a [u8; 32],
        scope: ScopeName,
        now: Timestamp,
    ) -> Result<Work<'a>, LedgerError> {
        let operation = books.operation()?;
        let report = scope.0;
        let (grain, settle) = books
            .settle_of(report)
            .ok_or_else(|| LedgerError::NotCounted { operation: operation.name.clone(), report })?;
        let today = operation.zone.bucket(now, Grain::Day).index();
        let released = books.record.hidden.contains(report.code());
        Ok(Work {
            books,
            transaction,
            key,
            operation,
            report,
            scope,
            grain,
            settle,
            blobs: BTreeMap::new(),
            changes: BucketChanges::default(),
            applied: Applied::default(),
            released,
            today,
        })
    }

    /// Applies a reading to cells and sums, then seals what it may seal.
    pub(super) fn read(&mut self, reading: &Reading) -> Result<(), LedgerError> {
        self.note_pace(reading);
        match &reading.content {
            Content::Totals(totals) => self.totals(reading, totals)?,
            Content::Events(events) => self.events(reading, events)?,
        }
        self.note_read(reading);
        Ok(())
    }

    /// Hands over what the commit has to write.
    pub(super) fn finish(mut self) -> Result<(BucketChanges, Applied), LedgerError> {
        self.books.series.conclude()?;
        for (bucket, blob) in std::mem::take(&mut self.blobs) {
            if blob.dirty {
                let place = self.place(bucket);
                if self.report == Report::Diagram3 {
                    self.books.wait(bucket, &blob.cells)?;
                }
                let cells = (!blob.cells.is_empty()).then(|| blob.cells.encode());
                self.changes.cells.push((place, cells));
            }
        }
        Ok((self.changes, self.applied))
    }

    pub(super) fn place(&self, bucket: i32) -> Place {
        Place { report: self.report, scope: self.scope.1.clone(), bucket }
    }

    pub(super) fn bucket(&self, index: i32) -> Bucket {
        Bucket::from_index(self.grain, index)
    }

    /// Takes the cells of a bucket out to work on them; [`Work::put`] brings them back.
    pub(super) fn take(&mut self, bucket: i32) -> Result<Blob, LedgerError> {
        if let Some(blob) = self.blobs.remove(&bucket) {
            return Ok(blob);
        }
        let cells = tables::read_cells(self.transaction, self.books.record.id, &self.place(bucket))?;
        Ok(Blob::of(cells.unwrap_or_default()))
    }

    pub(super) fn put(&mut self, bucket: i32, blob: Blob) {
        self.blobs.insert(bucket, blob);
    }

    pub(super) fn is_opening(&self, bucket: i32) -> bool {
        self.books.scopes.get(&self.scope).is_some_and(|scope| scope.firm.opening.contains(&bucket))
    }

    /// Remembers the rhythm of readings, which tells regular readings from the ones after a gap.
    fn note_pace(&mut self, reading: &Reading) {
        if reading.window.to < self.operation.zone.present(reading.now) {
            return;
        }
        let known = self.books.paces.get(&self.scope).copied();
        let success = self.books.scopes.get(&self.scope).and_then(|scope| scope.lazy.success);
        let last =
            known.map(|(last, _)| last).or(success.and_then(|at| Timestamp::from_millisecond(at).ok()));
        let gap = last.map(|last| reading.now.duration_since(last));
        if gap != Some(SignedDuration::ZERO) {
            // The gap before this one tells what is usual, since the plan may stretch intervals.
            let usual = known.and_then(|(_, gap)| gap);
            let interval = self.operation.settings(self.report).map(|settings| settings.interval);
            let interval = interval.and_then(|interval| SignedDuration::try_from(interval).ok());
            let usual = usual.max(interval).unwrap_or(SignedDuration::ZERO);
            let regular = gap.is_some_and(|gap| gap <= usual.saturating_mul(3));
            self.books.paces.insert(self.scope.clone(), (reading.now, gap));
            self.books.regular.insert(self.scope.clone(), regular);
        }
    }

    pub(super) fn is_regular(&self, reading: &Reading) -> bool {
        reading.window.to >= self.operation.zone.present(reading.now)
            && self.books.regular.get(&self.scope).copied().unwrap_or(false)
    }

    fn note_read(&mut self, reading: &Reading) {
        let operation = Arc::clone(&self.operation);
        let grain = self.grain;
        if let Some(scope) = self.books.touch_scope(&self.scope) {
            scope.firm.read = true;
            scope.note_read(&reading.window, grain, &operation.zone, reading.now);
        }
    }

    /// Rows of a sealed bucket are not applied; those beyond its row count are counted once.
    pub(super) fn count_beyond_seal(&mut self, bucket: i32, rows: u64) -> Result<(), LedgerError> {
        let place = self.place(bucket);
        let pending =
            self.changes.sealed.iter().rev().find(|(known, _)| *known == place).map(|(_, rows)| *rows);
        let known = match pending {
            Some(known) => Some(known),
            None => tables::read_sealed(self.transaction, self.books.record.id, &place)?,
        };
        // A forgotten count cannot say which rows are new.
        if let Some(known) = known.filter(|known| rows > *known) {
            self.applied.dropped.sealed += rows - known;
            self.changes.sealed.push((place, rows));
        }
        Ok(())
    }

    pub(super) fn entry_of(
        &self,
        cell: &Cell,
        observation: &Observation,
    ) -> Result<Option<usize>, LedgerError> {
        for (place, entry) in cell.entries.iter().enumerate() {
            if entry.slot == observation.slot
                && self.books.series.get(entry.series)?.family.is(observation.family)
            {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Replaces the amount of an entry that follows its cell. Returns whether a count went down, or up.
    pub(super) fn replace(
        &mut self,
        entry: &mut Entry,
        amount: &Amount,
    ) -> Result<(bool, bool), LedgerError> {
        if entry.amount == *amount {
            return Ok((false, false));
        }
        self.books.series.add(entry.series, Part::Live, &entry.amount, None, -1)?;
        self.books.series.add(entry.series, Part::Live, amount, None, 1)?;
        let family = self.books.series.get(entry.series)?.family;
        let moved = compare(family, &entry.amount, amount)?;
        entry.amount = amount.clone();
        Ok(moved)
    }
}

/// The sum of two amounts of one family.
pub(super) fn sum(family: &'static Family, a: &Amount, b: &Amount) -> Result<Amount, LedgerError> {
    if let (Amount::Count(a), Amount::Count(b)) = (a, b) {
        let sum = a.checked_add(*b).ok_or(LedgerError::Overflow { family: family.name })?;
        return Ok(Amount::Count(sum));
    }
    let mut values = spread(family, a)?;
    super::cell::add(family, b, None, 1, &mut values)?;
    Ok(Amount::Whole(values))
}
/// Whether a count went down, or up. Sums of times and costs within histograms and summaries do not count,
/// since the vendor's rounded averages make them tremble.
fn compare(family: &'static Family, before: &Amount, after: &Amount) -> Result<(bool, bool), LedgerError> {
    let (before, after) = (spread(family, before)?, spread(family, after)?);
    let counts = if family.kind == Kind::Counter { before.len() } else { before.len() - 1 };
    let mut pairs = before.iter().zip(&after).take(counts);
    let down = pairs.clone().any(|(before, after)| after < before);
    Ok((down, pairs.any(|(before, after)| after > before)))
}
/// When an answer may be taken to have been asked: the earlier of our clock and the server's.
pub(super) fn asked(reading: &Reading) -> Timestamp {
    reading.date.map_or(reading.asked, |date| date.min(reading.asked))
}
