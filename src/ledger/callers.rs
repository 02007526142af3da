//! When the DNIS of a server are callers' numbers: their series are withdrawn, and growth goes to `other`.

use std::collections::BTreeSet;

use super::LedgerError;
use super::applied::Note;
use super::apply::{Blob, Work, sum};
use super::books::identity_of;
use super::cell::{Cell, Entry, State, spread};
use super::keys::label_text;
use super::labels::{Labels, NONE, OTHER};
use super::record::dnis_text;
use super::series::{Hidden, value_in};
use super::tables;
use crate::api::Report;
use crate::metrics::{Family, Label, LabelText};
use crate::report::{Amount, LabelValues, Total};

/// The sum of one family and slot over the cells that freeze.
type FamilySum = (&'static Family, u16, Amount);
type Sums = Vec<FamilySum>;

impl Work<'_> {
    /// More DNIS than half the calls, or more than the cap, in the day of one skill: the numbers are callers'.
    pub(super) fn look_for_callers(&mut self, totals: &[Total]) -> Result<(), LedgerError> {
        if self.operation.dnis.allow.is_some() || self.books.record.callers.is_some() {
            return Ok(());
        }
        let values: BTreeSet<&str> = totals
            .iter()
            .filter_map(|total| total.key.get(&Label::Dnis))
            .map(|value| &**value)
            .filter(|value| *value != OTHER && *value != NONE)
            .collect();
        let inbound: i64 = totals
            .iter()
            .filter_map(|total| total.amounts.as_deref())
            .flatten()
            .filter(|amount| amount.family.is(&crate::metrics::catalogue::INBOUND_CALLS))
            .map(|amount| if let Amount::Count(calls) = amount.amount { calls } else { 0 })
            .fold(0, i64::saturating_add);
        let count = values.len() as i64;
        let are_callers = (count > 20 && count > inbound / 2) || values.len() > self.operation.dnis.max;
        if are_callers {
            self.withdraw_callers()?;
            self.applied
                .notes
                .push(Note::CallersNumbers { skill: self.scope.1.as_ref().into(), values: values.len() });
        }
        Ok(())
    }

    /// Withdraws every DNIS series. What their cells hold stays with them until the seal; from now on the
    /// `other` cell of each bucket takes the whole answer, less what the frozen cells hold.
    pub(super) fn withdraw_callers(&mut self) -> Result<(), LedgerError> {
        let policy = dnis_text(&self.operation.dnis);
        self.books.touch_record().callers = Some(policy);
        // Where none was let in, none is in the file.
        self.changes.rewrite = self.books.labels.values(Label::Dnis).next().is_some();
        self.books.touch_labels().clear(Label::Dnis);
        let places = tables::buckets_with_cells(self.transaction, self.books.record.id, Report::Skill6)?;
        let scope = self.scope.clone();
        for place in places {
            self.scope = (Report::Skill6, place.scope.clone());
            let mut blob = if self.scope == scope { self.take(place.bucket)? } else { self.foreign(&place)? };
            self.freeze(&mut blob)?;
            if self.scope == scope {
                self.put(place.bucket, blob);
            } else {
                self.changes.cells.push((place, Some(blob.cells.encode())));
            }
        }
        self.scope = scope;
        for id in 0..self.books.series.len() as u32 {
            let series = self.books.series.get(id)?;
            let dnis = value_in(&series.labels, Label::Dnis);
            if series.hidden != Hidden::Withdrawn && dnis.is_some_and(|dnis| dnis != OTHER && dnis != NONE) {
                let labels = self.cloak(&series.labels);
                self.books.series.touch(id).hidden = Hidden::Withdrawn;
                self.books.series.rename(id, labels);
            }
        }
        Ok(())
    }

    fn foreign(&mut self, place: &tables::Place) -> Result<Blob, LedgerError> {
        let cells = tables::read_cells(self.transaction, self.books.record.id, place)?;
        Ok(Blob::of(cells.unwrap_or_default()))
    }

    fn freeze(&mut self, blob: &mut Blob) -> Result<(), LedgerError> {
        let is_callers =
            |key: &LabelValues| key.get(&Label::Dnis).is_some_and(|dnis| **dnis != *OTHER && **dnis != *NONE);
        let mut frozen: Vec<(u32, Sums)> = Vec::new();
        for (identity, mut cell) in blob.cells.drain()? {
            if cell.frozen || !is_callers(&blob.cells.keys[cell.key as usize]) {
                blob.cells.put(identity, cell);
                continue;
            }
            cell.frozen = true;
            let mut key = blob.cells.keys[cell.key as usize].clone();
            key.insert(Label::Dnis, OTHER.into());
            let key = blob.cells.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                blob.cells.keys.push(key);
                blob.cells.keys.len() - 1
            }) as u32;
            let place = frozen.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                frozen.push((key, Vec::new()));
                frozen.len() - 1
            });
            for entry in &cell.entries {
                let family = self.books.series.get(entry.series)?.family;
                let sums = &mut frozen[place].1;
                match sums.iter_mut().find(|(known, slot, _)| known.is(family) && *slot == entry.slot) {
                    Some((_, _, known)) => *known = sum(family, known, &entry.amount)?,
                    None => sums.push((family, entry.slot, entry.amount.clone())),
                }
            }
            blob.cells.put(identity, cell);
        }
        for (key, sums) in frozen {
            self.absorb(blob, key, &sums)?;
        }
        // No number may stay in clear with its cells.
        for key in &mut blob.cells.keys {
            if is_callers(key) {
                key.insert(Label::Dnis, OTHER.into());
            }
        }
        Labels::close_all(&mut blob.cells.closed, Label::Dnis);
        blob.dirty = true;
        Ok(())
    }

    /// Raises amount and base of the `other` cell alike, so that its contribution does not move.
    fn absorb(&mut self, blob: &mut Blob, key: u32, sums: &[FamilySum]) -> Result<(), LedgerError> {
        let labels = blob.cells.keys[key as usize].clone();
        self.birth(&labels)?;
        let identity = identity_of(self.key, &labels);
        let mut cell = blob.cells.take(identity)?.unwrap_or_else(|| Cell {
            key,
            opening: false,
            frozen: false,
            content: 0,
            labels: 0,
            status: None,
            entries: Vec::new(),
        });
        for (family, slot, amount) in sums {
            let text = label_text(&self.operation.name, family, &[&labels]);
            let series = self.meet(family, text)?;
            let extra = spread(family, amount)?;
            match cell.entries.iter_mut().find(|entry| entry.series == series && entry.slot == *slot) {
                Some(entry) => {
                    entry.amount = sum(family, &entry.amount, amount)?;
                    let mut base = entry.base.take().unwrap_or_else(|| vec![0; family.width()].into());
                    super::cell::add(family, amount, None, 1, &mut base)?;
                    entry.base = Some(base);
                }
                None => cell.entries.push(Entry {
                    series,
                    slot: *slot,
                    state: State::Follows,
                    amount: amount.clone(),
                    base: Some(extra),
                }),
            }
        }
        blob.cells.put(identity, cell);
        Ok(())
    }

    /// A withdrawn series whose DNIS is admitted again, after the configuration changed, gets its name back.
    pub(super) fn return_withdrawn(&mut self, family: &'static Family, labels: &LabelText) {
        if self.report != Report::Skill6 || self.books.record.callers.is_some() {
            return;
        }
        if self.books.series.find(family, labels).is_some() {
            return;
        }
        if let Some(id) = self.books.series.find(family, &self.cloak(labels)) {
            self.books.series.rename(id, labels.clone());
            self.books.series.touch(id).hidden = Hidden::Retired;
        }
    }

    /// The same labels with a keyed hash in place of the DNIS, so that no caller's number stays in the file.
    fn cloak(&self, labels: &LabelText) -> LabelText {
        let Some(dnis) = value_in(labels, Label::Dnis) else { return labels.clone() };
        let hash = identity_of(self.key, &LabelValues::from([(Label::Dnis, dnis.into())]));
        let from = format!("dnis=\"{dnis}\"");
        LabelText::from_text(&labels.as_str().replacen(&from, &format!("dnis=\"#{hash:032x}\""), 1))
    }
}
