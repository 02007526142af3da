//! Row reports: each row is one event with its own time and identity.

use std::collections::BTreeMap;

use siphasher::sip::SipHasher13;

use super::LedgerError;
use super::apply::{Blob, Work, asked};
use super::books::Slot;
use super::cell::{Cell, Entry, State};
use super::scope::is_settled;
use super::series::Part;
use crate::report::{Amount, Event, LabelValues, Observation, Reading, When};
use crate::time::Bucket;

impl Work<'_> {
    pub(super) fn events(&mut self, reading: &Reading, events: &[Event]) -> Result<(), LedgerError> {
        let asked = asked(reading);
        let slot = self.books.slots.entry(self.report).or_default();
        if slot.number != reading.slot || slot.answers.is_empty() {
            *slot = Slot { number: reading.slot, ..Default::default() };
        }
        slot.answers.push((reading.window, asked, !events.is_empty()));

        let mut by_bucket: BTreeMap<i32, Vec<&Event>> = BTreeMap::new();
        let present = self.operation.zone.present(reading.now);
        let first = self.books.scopes.get(&self.scope).map_or(i32::MIN, |scope| scope.firm.first);
        let left = self.books.scopes.get(&self.scope).and_then(|scope| scope.firm.left);
        for event in events {
            let bucket = Bucket::of(event.at, self.grain).index();
            if event.at >= present || bucket < first {
                self.applied.dropped.outside_window += 1;
            } else if left.is_none_or(|left| bucket <= left) {
                by_bucket.entry(bucket).or_default().push(event);
            }
        }
        for (bucket, rows) in by_bucket {
            let is_sealed = self.books.scopes.get(&self.scope).is_none_or(|scope| scope.is_sealed(bucket));
            if is_sealed {
                let slot = self.books.slots.entry(self.report).or_default();
                let seen = slot.sealed.entry(bucket).or_default();
                seen.extend(rows.iter().map(|event| event.identity));
                let count = seen.len() as u64;
                self.count_beyond_seal(bucket, count)?;
                continue;
            }
            if is_settled(self.bucket(bucket), self.settle, &self.operation.zone, asked) {
                let slot = self.books.slots.entry(self.report).or_default();
                slot.seen.entry(bucket).or_default().extend(rows.iter().map(|event| event.identity));
            }
            let opening = self.is_opening(bucket);
            let ended = reading.asked > self.operation.zone.end(self.bucket(bucket));
            let mut blob = self.take(bucket)?;
            for event in rows {
                self.event(&mut blob, bucket, event, reading, opening, ended)?;
            }
            self.put(bucket, blob);
        }
        self.end_openings(reading);
        self.seal_events(reading)
    }

    fn event(
        &mut self,
        blob: &mut Blob,
        bucket: i32,
        event: &Event,
        reading: &Reading,
        opening: bool,
        ended: bool,
    ) -> Result<(), LedgerError> {
        let (content, labels) = hashes(event, &mut blob.scratch);
        if blob.cells.content(event.identity) == Some(content) {
            return Ok(());
        }
        let Some(mut cell) = blob.cells.take(event.identity)? else {
            let key = self.key(blob, bucket, &event.key)?;
            let mut cell =
                Cell { key, opening, frozen: false, content, labels, status: None, entries: Vec::new() };
            if !opening {
                cell.entries.reserve_exact(event.observations.len());
                self.observe(blob, bucket, &mut cell, &event.observations)?;
                if self.is_regular(reading) {
                    let at = self.operation.zone.instant(event.at);
                    self.applied.lateness.push(reading.asked.duration_since(at));
                }
            }
            cell.status = event.status.as_deref().map(|status| (blob.cells.status(status), event.at));
            blob.cells.put(event.identity, cell);
            blob.dirty = true;
            return Ok(());
        };
        cell.content = content;
        blob.dirty = true;
        if cell.labels != labels {
            cell.labels = labels;
            self.applied.revisions.relabelled += 1;
        }
        cell.status = event.status.as_deref().map(|status| (blob.cells.status(status), event.at));
        if !cell.opening {
            let (down, up) = self.observe(blob, bucket, &mut cell, &event.observations)?;
            self.applied.revisions.down += u64::from(down);
            self.applied.revisions.up += u64::from(up && ended);
        }
        blob.cells.put(event.identity, cell);
        Ok(())
    }

    /// Brings the entries of a cell up to the observations of its row. Returns whether a count that was there
    /// went down, or up.
    fn observe(
        &mut self,
        blob: &mut Blob,
        bucket: i32,
        cell: &mut Cell,
        observations: &[Observation],
    ) -> Result<(bool, bool), LedgerError> {
        let (mut down, mut up) = (false, false);
        for observation in observations {
            let place = self.entry_of(cell, observation)?;
            let state = place.map(|place| cell.entries[place].state);
            match (observation.when, state) {
                (_, Some(State::Fixed)) | (When::AtSeal, Some(State::Follows)) => {}
                (When::Follows, Some(State::Follows)) => {
                    // Invariant: `state` is Some only with `place`.
                    let entry = &mut cell.entries[place.unwrap_or_default()];
                    let (fell, rose) = self.replace(entry, &observation.amount)?;
                    down |= fell;
                    up |= rose;
                }
                (when, _) => {
                    let series = self.series(blob, bucket, cell.key, observation)?;
                    let state = match when {
                        When::Follows => State::Follows,
                        When::Once => State::Fixed,
                        When::AtSeal => State::Pending,
                    };
                    let entry = Entry {
                        series,
                        slot: observation.slot,
                        state,
                        amount: observation.amount.clone(),
                        base: None,
                    };
                    if state != State::Pending {
                        self.books.series.add(series, Part::Live, &entry.amount, None, 1)?;
                    }
                    match place {
                        Some(place) => cell.entries[place] = entry,
                        None => cell.entries.push(entry),
                    }
                }
            }
        }
        Ok((down, up))
    }
}

/// Hashes of a whole row, and of its labels alone; stable across processes.
fn hashes(event: &Event, bytes: &mut Vec<u8>) -> (u64, u32) {
    fn pairs(bytes: &mut Vec<u8>, values: &LabelValues) {
        for (label, value) in values {
            bytes.extend_from_slice(label.as_str().as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0xff);
        }
    }
    fn name(bytes: &mut Vec<u8>, observation: &Observation) {
        bytes.extend_from_slice(observation.family.name.as_bytes());
        bytes.extend_from_slice(&observation.slot.to_be_bytes());
    }
    bytes.clear();
    pairs(bytes, &event.key);
    for observation in event.observations.iter().filter(|observation| observation.when == When::Follows) {
        name(bytes, observation);
        pairs(bytes, &observation.labels);
    }
    let labels = SipHasher13::new().hash(bytes);
    bytes.extend_from_slice(event.status.as_deref().unwrap_or("\u{0}").as_bytes());
    bytes.push(0xff);
    for observation in &event.observations {
        let kind = match observation.when {
            When::Follows => 0,
            When::Once => 1,
            When::AtSeal => 2,
        };
        bytes.push(kind);
        if observation.when != When::Follows {
            name(bytes, observation);
            pairs(bytes, &observation.labels);
        }
        match &observation.amount {
            Amount::Count(value) => bytes.extend_from_slice(&value.to_be_bytes()),
            Amount::Observe(value) => bytes.extend_from_slice(&(!value).to_be_bytes()),
            Amount::Whole(values) => {
                values.iter().for_each(|value| bytes.extend_from_slice(&value.to_be_bytes()))
            }
        }
    }
    (SipHasher13::new().hash(bytes), labels as u32)
}
