//! Cells: what the ledger remembers of one key, or one event, in one bucket.
//!
//! All cells of a bucket are one value in the store. They are decoded only when the bucket is touched,
//! so a ledger a year old answers like a new one.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::LedgerError;
use super::codec::{Reader, Writer};
use crate::metrics::{Family, Kind, Label, catalogue};
use crate::report::{Amount, LabelValues};
use crate::time::civil;

/// All cells of one bucket of one scope.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    /// Key labels, bounded, shared by the cells that point to them.
    pub(super) keys: Vec<LabelValues>,
    /// Statuses that the cells point to.
    pub(super) statuses: Vec<Box<str>>,
    /// Where each cell is, by identity.
    cells: Numbered<u128, Stored>,
    /// The bytes of the cells as they came from the store. A cell is decoded only when its row has moved.
    packed: Vec<u8>,
    /// Labels that have sent a value to `other` in this bucket, with the admission number they were closed at:
    /// a value admitted after it stays folded here, or it would be counted in two cells.
    pub(super) closed: BTreeMap<Label, u32>,
}

#[derive(Debug, Clone, PartialEq)]
enum Stored {
    /// Untouched, in these bytes.
    Packed { from: u32, to: u32, content: u64 },
    /// Read or written since.
    Loose(Cell),
}

/// One key, or one event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// Index into [`Cells::keys`]: labels are fixed when the cell is first seen.
    pub(super) key: u32,
    /// A row of an opening reading: it never contributes, its late fields neither.
    pub(super) opening: bool,
    /// Its label was withdrawn: its amounts stand until the seal and its growth goes to the `other` cell.
    pub(super) frozen: bool,
    /// Hash of the whole row as last read; equal means that nothing moved.
    pub(super) content: u64,
    /// Hash of the labels as last read, to notice relabelling once.
    pub(super) labels: u32,
    /// Index into [`Cells::statuses`] and the row's own time.
    pub(super) status: Option<(u32, civil::DateTime)>,
    /// What it contributes.
    pub(super) entries: Vec<Entry>,
}

/// One contribution of a cell to one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) series: u32,
    pub(super) slot: u16,
    pub(super) state: State,
    pub(super) amount: Amount,
    /// The opening amounts, as wide as the family; subtracted until the seal.
    pub(super) base: Option<Box<[i64]>>,
}

/// When an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Counts, and the next reading replaces it.
    Follows,
    /// Counts, and is fixed for good.
    Fixed,
    /// Counts at the seal.
    Pending,
}

/// Hashes integers of our own making: identities, which are hashes already, and numbers of series and keys.
#[derive(Debug, Default)]
pub(super) struct Plain(u64);

/// A map with such keys.
pub(super) type Numbered<K, V> = HashMap<K, V, BuildHasherDefault<Plain>>;

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        // The multiplier of the golden ratio spreads neighbours over all bits.
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = (value >> 64) as u64 ^ value as u64;
    }
}

/// Adds an amount to the integers of a family, with a sign.
pub(super) fn add(
    family: &'static Family,
    amount: &Amount,
    base: Option<&[i64]>,
    sign: i64,
    to: &mut [i64],
) -> Result<(), LedgerError> {
    let overflow = || LedgerError::Overflow { family: family.name };
    let plus = |to: &mut i64, value: i64| -> Result<(), LedgerError> {
        *to = value.checked_mul(sign).and_then(|value| to.checked_add(value)).ok_or_else(overflow)?;
        Ok(())
    };
    match (amount, family.kind) {
        (Amount::Count(value), Kind::Counter | Kind::Gauge) => plus(&mut to[0], *value)?,
        (Amount::Observe(value), Kind::Histogram(bounds)) => {
            for (place, bound) in bounds.iter().enumerate() {
                if value <= bound {
                    plus(&mut to[place], 1)?;
                }
            }
            plus(&mut to[bounds.len()], 1)?;
            plus(&mut to[bounds.len() + 1], *value)?;
        }
        (Amount::Observe(value), Kind::Summary) => {
            plus(&mut to[0], 1)?;
            plus(&mut to[1], *value)?;
        }
        (Amount::Whole(values), _) if values.len() == family.width() => {
            for (to, value) in to.iter_mut().zip(values) {
                plus(to, *value)?;
            }
        }
        _ => return Err(LedgerError::Shape { family: family.name }),
    }
    if let Some(base) = base {
        for (to, value) in to.iter_mut().zip(base) {
            *to = value.checked_mul(-sign).and_then(|value| to.checked_add(value)).ok_or_else(overflow)?;
        }
    }
    Ok(())
}

/// The integers of one amount.
pub(super) fn spread(family: &'static Family, amount: &Amount) -> Result<Box<[i64]>, LedgerError> {
    let mut values = vec![0; family.width()].into_boxed_slice();
    add(family, amount, None, 1, &mut values)?;
    Ok(values)
}

impl Cells {
    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The hash of the row that a cell was last read from.
    pub(super) fn content(&self, identity: u128) -> Option<u64> {
        self.cells.get(&identity).map(|stored| match stored {
            Stored::Packed { content, .. } => *content,
            Stored::Loose(cell) => cell.content,
        })
    }

    /// Takes a cell out to work on it; [`Cells::put`] brings it back.
    pub(super) fn take(&mut self, identity: u128) -> Result<Option<Cell>, LedgerError> {
        self.cells.remove(&identity).map(|stored| self.unpack(stored)).transpose()
    }

    pub(super) fn put(&mut self, identity: u128, cell: Cell) {
        self.cells.insert(identity, Stored::Loose(cell));
    }

    /// Takes all cells out.
    pub(super) fn drain(&mut self) -> Result<Vec<(u128, Cell)>, LedgerError> {
        let cells = std::mem::take(&mut self.cells);
        cells.into_iter().map(|(identity, stored)| Ok((identity, self.unpack(stored)?))).collect()
    }

    /// Visits all cells.
    pub(super) fn each(&self, mut visit: impl FnMut(&Cell)) -> Result<(), LedgerError> {
        for stored in self.cells.values() {
            match stored {
                Stored::Loose(cell) => visit(cell),
                packed @ Stored::Packed { .. } => visit(&self.unpack(packed.clone())?),
            }
        }
        Ok(())
    }

    fn unpack(&self, stored: Stored) -> Result<Cell, LedgerError> {
        let (from, to) = match stored {
            Stored::Loose(cell) => return Ok(cell),
            Stored::Packed { from, to, .. } => (from as usize, to as usize),
        };
        let mut input = Reader(&self.packed[from..to]);
        let cell = Cell::decode(&mut input)?;
        input.end()?;
        if cell.key as usize >= self.keys.len() {
            return Err(LedgerError::Damaged("a cell has no key".into()));
        }
        if cell.status.is_some_and(|(status, _)| status as usize >= self.statuses.len()) {
            return Err(LedgerError::Damaged("a cell has no status".into()));
        }
        Ok(cell)
    }

    /// The index of a status, stored when it is new.
    pub(super) fn status(&mut self, status: &str) -> u32 {
        let place = self.statuses.iter().position(|known| **known == *status).unwrap_or_else(|| {
            self.statuses.push(status.into());
            self.statuses.len() - 1
        });
        place as u32
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(64 + self.cells.len() * 48));
        out.unsigned(self.closed.len() as u64);
        for (label, number) in &self.closed {
            out.text(label.as_str());
            out.unsigned(u64::from(*number));
        }
        out.unsigned(self.keys.len() as u64);
        for key in &self.keys {
            out.unsigned(key.len() as u64);
            for (label, value) in key {
                out.text(label.as_str());
                out.text(value);
            }
        }
        out.unsigned(self.statuses.len() as u64);
        for status in &self.statuses {
            out.text(status);
        }
        let mut cells: Vec<(&u128, &Stored)> = self.cells.iter().collect();
        cells.sort_unstable_by_key(|(identity, _)| **identity);
        out.unsigned(cells.len() as u64);
        let mut body = Writer::default();
        for (identity, stored) in cells {
            out.fixed(identity.to_be_bytes());
            match stored {
                Stored::Packed { from, to, .. } => {
                    out.unsigned(u64::from(to - from));
                    out.0.extend_from_slice(&self.packed[*from as usize..*to as usize]);
                }
                Stored::Loose(cell) => {
                    body.0.clear();
                    cell.encode(&mut body);
                    out.unsigned(body.0.len() as u64);
                    out.0.extend_from_slice(&body.0);
                }
            }
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Cells, LedgerError> {
        let mut input = Reader(bytes);
        let mut cells = Cells::default();
        for _ in 0..input.count()? {
            let label = label(input.text()?)?;
            cells.closed.insert(label, input.small()?);
        }
        for _ in 0..input.count()? {
            let mut key = LabelValues::new();
            for _ in 0..input.count()? {
                let label = label(input.text()?)?;
                key.insert(label, input.text()?.into());
            }
            cells.keys.push(key);
        }
        for _ in 0..input.count()? {
            cells.statuses.push(input.text()?.into());
        }
        let count = input.count()?;
        cells.cells.reserve(count);
        let start = bytes.len() - input.0.len();
        cells.packed = input.0.to_vec();
        for _ in 0..count {
            let identity = u128::from_be_bytes(input.fixed()?);
            let length = input.count()?;
            let from = bytes.len() - start - input.0.len();
            let body = input.take(length);
            let content = u64::from_be_bytes(Reader(body).fixed()?);
            let place = |at: usize| {
                u32::try_from(at).map_err(|_| LedgerError::Damaged("a bucket is too large".into()))
            };
            let stored = Stored::Packed { from: place(from)?, to: place(from + length)?, content };
            cells.cells.insert(identity, stored);
        }
        input.end()?;
        Ok(cells)
    }
}

impl Cell {
    fn encode(&self, out: &mut Writer) {
        // The hash comes first, where it is found without decoding the rest.
        out.fixed(self.content.to_be_bytes());
        out.unsigned(u64::from(self.key));
        let flags =
            u64::from(self.opening) | u64::from(self.frozen) << 1 | u64::from(self.status.is_some()) << 2;
        out.unsigned(flags);
        out.fixed(self.labels.to_be_bytes());
        if let Some((status, at)) = self.status {
            out.unsigned(u64::from(status));
            out.signed(seconds(at));
        }
        out.unsigned(self.entries.len() as u64);
        for entry in &self.entries {
            entry.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Cell, LedgerError> {
        let content = u64::from_be_bytes(input.fixed()?);
        let key = input.small()?;
        let flags = input.unsigned()?;
        let labels = u32::from_be_bytes(input.fixed()?);
        let status = if flags & 4 == 0 { None } else { Some((input.small()?, moment(input.signed()?))) };
        let count = input.count()?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(Entry::decode(input)?);
        }
        Ok(Cell { key, opening: flags & 1 != 0, frozen: flags & 2 != 0, content, labels, status, entries })
    }
}

impl Entry {
    fn encode(&self, out: &mut Writer) {
        out.unsigned(u64::from(self.series));
        let state = match self.state {
            State::Follows => 0,
            State::Fixed => 1,
            State::Pending => 2,
        };
        let shape = match self.amount {
            Amount::Count(_) => 0,
            Amount::Observe(_) => 1,
            Amount::Whole(_) => 2,
        };
        let base = u64::from(self.base.is_some());
        out.unsigned(u64::from(self.slot) << 5 | base << 4 | shape << 2 | state);
        match &self.amount {
            Amount::Count(value) | Amount::Observe(value) => out.signed(*value),
            Amount::Whole(values) => integers(out, values),
        }
        if let Some(base) = &self.base {
            integers(out, base);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Entry, LedgerError> {
        let series = input.small()?;
        let head = input.unsigned()?;
        let state = match head & 3 {
            0 => State::Follows,
            1 => State::Fixed,
            2 => State::Pending,
            _ => return Err(LedgerError::Damaged("an entry has no state".into())),
        };
        let amount = match head >> 2 & 3 {
            0 => Amount::Count(input.signed()?),
            1 => Amount::Observe(input.signed()?),
            2 => Amount::Whole(read_integers(input)?),
            _ => return Err(LedgerError::Damaged("an entry has no amount".into())),
        };
        let base = if head >> 4 & 1 == 1 { Some(read_integers(input)?) } else { None };
        let slot =
            u16::try_from(head >> 5).map_err(|_| LedgerError::Damaged("an entry has no slot".into()))?;
        Ok(Entry { series, slot, state, amount, base })
    }
}

fn integers(out: &mut Writer, values: &[i64]) {
    out.unsigned(values.len() as u64);
    for value in values {
        out.signed(*value);
    }
}

fn read_integers(input: &mut Reader<'_>) -> Result<Box<[i64]>, LedgerError> {
    let count = input.count()?;
    (0..count).map(|_| input.signed()).collect()
}

/// Seconds of a local label since 1970, without any zone.
pub(super) fn seconds(at: civil::DateTime) -> i64 {
    at.duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_secs()
}

/// The local label at these seconds.
pub(super) fn moment(seconds: i64) -> civil::DateTime {
    civil::date(1970, 1, 1).at(0, 0, 0, 0).saturating_add(crate::time::SignedDuration::from_secs(seconds))
}

/// The label with this name.
pub(super) fn label(name: &str) -> Result<Label, LedgerError> {
    static LABELS: LazyLock<BTreeMap<&'static str, Label>> = LazyLock::new(|| {
        catalogue::all().flat_map(|family| family.labels).map(|label| (label.as_str(), *label)).collect()
    });
    LABELS.get(name).copied().ok_or_else(|| LedgerError::Damaged(format!("no label is called {name}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount() -> impl Strategy<Value = Amount> {
        prop_oneof![
            any::<i64>().prop_map(Amount::Count),
            any::<i64>().prop_map(Amount::Observe),
            proptest::collection::vec(any::<i64>(), 0..6).prop_map(|values| Amount::Whole(values.into())),
        ]
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let state = prop_oneof![Just(State::Follows), Just(State::Fixed), Just(State::Pending)];
        let base = proptest::option::of(proptest::collection::vec(any::<i64>(), 0..4));
        (any::<u32>(), any::<u16>(), state, amount(), base).prop_map(|(series, slot, state, amount, base)| {
            Entry { series, slot, state, amount, base: base.map(Into::into) }
        })
    }

    fn cell() -> impl Strategy<Value = Cell> {
        let status = proptest::option::of((0_u32..2, -4_000_000_000_i64..4_000_000_000));
        let flags = (any::<bool>(), any::<bool>());
        (0_u32..2, flags, any::<u64>(), any::<u32>(), status, proptest::collection::vec(entry(), 0..4))
            .prop_map(|(key, (opening, frozen), content, labels, status, entries)| {
                let status = status.map(|(status, at)| (status, moment(at)));
                Cell { key, opening, frozen, content, labels, status, entries }
            })
    }

    proptest! {
        #[test]
        fn cells_are_read_as_they_were_written(
            cells in proptest::collection::btree_map(any::<u128>(), cell(), 0..8),
            again: bool,
        ) {
            let mut bucket = Cells::default();
            for name in ["a", "b"] {
                bucket.keys.push(LabelValues::from([(Label::SkillId, name.into())]));
                bucket.status(name);
            }
            bucket.closed.insert(Label::Dnis, 7);
            for (identity, cell) in &cells {
                bucket.put(*identity, cell.clone());
            }
            let mut bytes = bucket.encode();
            if again {
                // Cells that were not touched are copied as they are.
                bytes = Cells::decode(&bytes).unwrap().encode();
            }
            let mut read = Cells::decode(&bytes).unwrap();
            prop_assert_eq!((&read.keys, &read.statuses, &read.closed), (&bucket.keys, &bucket.statuses, &bucket.closed));
            for (identity, cell) in &cells {
                prop_assert_eq!(read.content(*identity), Some(cell.content));
            }
            let read: BTreeMap<u128, Cell> = read.drain().unwrap().into_iter().collect();
            prop_assert_eq!(read, cells);
        }

        #[test]
        fn any_bytes_are_cells_or_damage(bytes: Vec<u8>) {
            if let Ok(mut cells) = Cells::decode(&bytes) {
                let count = cells.len();
                prop_assert!(cells.drain().is_err() || count <= bytes.len());
            }
        }
    }
}
