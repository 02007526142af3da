//! Applying one reading: rows and totals become cells, cells become sums.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::LedgerError;
use super::applied::{Applied, Note};
use super::books::{Books, ScopeName, identity_of};
use super::cell::{Cell, Cells, Entry, State, spread};
use super::labels::{Bound, NONE, OTHER, is_bounded};
use super::scope::is_settled;
use super::series::{Part, families_of};
use super::tables::{self, BucketChanges, Place};
use crate::api::{Grain, Report};
use crate::config::Operation;
use crate::metrics::{Family, Kind, Label, LabelText};
use crate::report::{Amount, Content, Event, LabelValues, Observation, Reading, Total, When};
use crate::time::{Bucket, SignedDuration, Timestamp, Window};

/// The outcomes of callbacks: a closed set, born together.
const OUTCOMES: [&str; 6] = ["ok", "fail", "no", "no_user", "stop_new", "unknown"];

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
    keys: HashMap<LabelValues, u32>,
    /// The index of each bounded key.
    bounded: HashMap<LabelValues, u32>,
    /// Bytes of a row on their way into its hash.
    scratch: Vec<u8>,
    /// Series resolved in this reading by family, key and a hash of the other labels.
    resolved: HashMap<(usize, u32, u64), Vec<(LabelValues, u32)>>,
}

impl Blob {
    pub(super) fn of(cells: Cells) -> Blob {
        Blob { cells, ..Blob::default() }
    }

    /// The index of a bounded key, stored when it is new.
    fn index(&mut self, key: &LabelValues) -> u32 {
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
                    self.books.waiting.note(bucket, &blob.cells)?;
                    self.books.stale = true;
                    self.applied.changed = true;
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

    fn is_opening(&self, bucket: i32) -> bool {
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

    fn is_regular(&self, reading: &Reading) -> bool {
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

    // Events.

    fn events(&mut self, reading: &Reading, events: &[Event]) -> Result<(), LedgerError> {
        let asked = asked(reading);
        let slot = self.books.slots.entry(self.report).or_default();
        if slot.number != reading.slot || slot.answers.is_empty() {
            *slot = super::books::Slot { number: reading.slot, ..Default::default() };
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

    fn entry_of(&self, cell: &Cell, observation: &Observation) -> Result<Option<usize>, LedgerError> {
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
    fn replace(&mut self, entry: &mut Entry, amount: &Amount) -> Result<(bool, bool), LedgerError> {
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

    // Totals.

    fn totals(&mut self, reading: &Reading, totals: &[Total]) -> Result<(), LedgerError> {
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
    fn whole_buckets(&self, window: &Window, present: crate::time::civil::DateTime) -> Vec<i32> {
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

    // Labels, keys and series.

    /// The bounded form of a key, stored in the bucket; its families are born with it.
    fn key(&mut self, blob: &mut Blob, bucket: i32, raw: &LabelValues) -> Result<u32, LedgerError> {
        if let Some(key) = blob.keys.get(raw) {
            return Ok(*key);
        }
        let bounded = self.bounded(&mut blob.cells, bucket, raw);
        let key = blob.index(&bounded);
        blob.keys.insert(raw.clone(), key);
        self.birth(&bounded)?;
        Ok(key)
    }

    fn bounded(&mut self, cells: &mut Cells, bucket: i32, raw: &LabelValues) -> LabelValues {
        raw.iter().map(|(label, value)| (*label, self.bound(cells, bucket, *label, value))).collect()
    }

    fn bound(&mut self, cells: &mut Cells, bucket: i32, label: Label, value: &str) -> Box<str> {
        // The skills that skill_6 is asked for come from the configuration or from discovery, not from rows.
        if !is_bounded(label) || (self.report == Report::Skill6 && label == Label::SkillId) {
            return value.into();
        }
        let max = if label == Label::Dnis { self.operation.dnis.max } else { self.operation.labels_max };
        if label == Label::Dnis && value != OTHER && value != NONE {
            let is_refused = self.operation.dnis.allow.as_ref().is_some_and(|allow| !allow.contains(value));
            if is_refused || self.books.record.callers.is_some() {
                self.count_folded(bucket, label, value);
                return OTHER.into();
            }
        }
        let day = self.today;
        if self.books.labels.is_fresh(label, value, &cells.closed, day) {
            return value.into();
        }
        match self.books.touch_labels().bound(label, value, max, &mut cells.closed, day) {
            Bound::Kept => value.into(),
            Bound::Folded => {
                self.count_folded(bucket, label, value);
                OTHER.into()
            }
        }
    }

    fn count_folded(&mut self, bucket: i32, label: Label, value: &str) {
        let mut hasher = SipHasher13::new();
        hasher.write(value.as_bytes());
        let place = self.place(bucket);
        if self.books.folded.entry((place, label)).or_default().insert(hasher.finish()) {
            *self.applied.folded.entry(label).or_default() += 1;
        }
    }

    fn series(
        &mut self,
        blob: &mut Blob,
        bucket: i32,
        key: u32,
        observation: &Observation,
    ) -> Result<u32, LedgerError> {
        let mut hasher = SipHasher13::new();
        for (label, value) in &observation.labels {
            hasher.write(label.as_str().as_bytes());
            hasher.write(value.as_bytes());
            hasher.write_u8(0xff);
        }
        let short = (observation.family.name.as_ptr() as usize, key, hasher.finish());
        let mut known = blob.resolved.get(&short).into_iter().flatten();
        if let Some((_, series)) = known.find(|(labels, _)| *labels == observation.labels) {
            return Ok(*series);
        }
        let bounded = self.bounded(&mut blob.cells, bucket, &observation.labels);
        let of_key = &blob.cells.keys[key as usize];
        let labels = label_text(&self.operation.name, observation.family, &[&bounded, of_key]);
        let series = self.meet(observation.family, labels)?;
        blob.resolved.entry(short).or_default().push((observation.labels.clone(), series));
        Ok(series)
    }

    pub(super) fn meet(&mut self, family: &'static Family, labels: LabelText) -> Result<u32, LedgerError> {
        self.return_withdrawn(family, &labels);
        Ok(self.books.series.meet(family, labels, self.released))
    }

    /// Births every family of the report whose labels the key has, so that a whole key appears at once.
    pub(super) fn birth(&mut self, key: &LabelValues) -> Result<(), LedgerError> {
        for family in families_of(self.report) {
            if family.kind == Kind::Gauge {
                continue;
            }
            let missing: Vec<Label> = family
                .labels
                .iter()
                .copied()
                .filter(|label| *label != Label::Operation && !key.contains_key(label))
                .collect();
            match missing.as_slice() {
                [] => {
                    let labels = label_text(&self.operation.name, family, &[key]);
                    self.meet(family, labels)?;
                }
                [Label::Outcome] => {
                    for outcome in OUTCOMES {
                        let outcome = LabelValues::from([(Label::Outcome, outcome.into())]);
                        let labels = label_text(&self.operation.name, family, &[&outcome, key]);
                        self.meet(family, labels)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// More DNIS than half the calls, or more than the cap, in the day of one skill: the numbers are callers'.
    fn look_for_callers(&mut self, totals: &[Total]) -> Result<(), LedgerError> {
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

/// Whether the window holds everything of the bucket up to the present.
fn is_whole(window: &Window, bucket: Bucket, present: crate::time::civil::DateTime) -> bool {
    let own = bucket.window();
    window.from <= own.from && own.from < window.to && window.to >= own.to.min(present)
}

/// The label text of a series: its family's labels in order, from the operation and the given values.
pub(super) fn label_text(operation: &str, family: &'static Family, values: &[&LabelValues]) -> LabelText {
    LabelText::new(family.labels.iter().map(|label| {
        let value = match label {
            Label::Operation => operation,
            label => values.iter().find_map(|values| values.get(label)).map_or(NONE, |value| &**value),
        };
        (*label, value)
    }))
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
