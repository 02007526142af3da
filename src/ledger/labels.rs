//! Labels from upstream: bounded in number, admitted and retired.

use std::collections::{BTreeMap, HashMap};

use super::LedgerError;
use super::cell::label;
use super::codec::{Reader, Writer};
use crate::metrics::Label;

/// What exceeds a cap.
pub(super) const OTHER: &str = "other";
/// What was empty.
pub(super) const NONE: &str = "none";
/// Days without use after which a value gives its slot back.
const UNUSED_DAYS: i32 = 90;

/// The values of each label that have a slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Labels {
    known: BTreeMap<Label, HashMap<Box<str>, Known>>,
    /// The next admission number.
    next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Known {
    /// Its place in the order of admissions.
    number: u32,
    /// The last day on which a reading held it.
    used: i32,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// It stays as it is.
    Kept,
    /// It becomes `other`.
    Folded,
}

/// Whether the values of a label come from upstream without a closed vocabulary.
pub(super) const fn is_bounded(label: Label) -> bool {
    !matches!(
        label,
        Label::Operation | Label::Outcome | Label::Level | Label::Status | Label::Within | Label::Hour
    )
}

impl Labels {
    /// What `bound` would change nothing for: a value with a slot that was used on this day.
    pub(super) fn is_fresh(
        &self,
        label: Label,
        value: &str,
        closed: &BTreeMap<Label, u32>,
        day: i32,
    ) -> bool {
        if !is_bounded(label) || value == OTHER || value == NONE {
            return true;
        }
        self.known.get(&label).and_then(|known| known.get(value)).is_some_and(|known| {
            known.used >= day && closed.get(&label).is_none_or(|closed| known.number < *closed)
        })
    }

    /// Gives a value its slot, or folds it. `closed` belongs to the bucket: once it has folded a value of a
    /// label, no value admitted later counts apart in it.
    pub(super) fn bound(
        &mut self,
        label: Label,
        value: &str,
        max: usize,
        closed: &mut BTreeMap<Label, u32>,
        day: i32,
    ) -> Bound {
        if !is_bounded(label) || value == OTHER || value == NONE {
            return Bound::Kept;
        }
        let known = self.known.entry(label).or_default();
        if let Some(known) = known.get_mut(value) {
            known.used = known.used.max(day);
            return if closed.get(&label).is_some_and(|closed| known.number >= *closed) {
                Bound::Folded
            } else {
                Bound::Kept
            };
        }
        if closed.contains_key(&label) || known.len() >= max {
            closed.entry(label).or_insert(self.next);
            return Bound::Folded;
        }
        known.insert(value.into(), Known { number: self.next, used: day });
        self.next += 1;
        Bound::Kept
    }

    /// Whether a value has a slot, or needs none.
    pub(super) fn has(&self, label: Label, value: &str) -> bool {
        value == NONE || self.known.get(&label).is_some_and(|known| known.contains_key(value))
    }

    /// The values of a label that have a slot.
    pub(super) fn values(&self, label: Label) -> impl Iterator<Item = Box<str>> + '_ {
        self.known.get(&label).into_iter().flat_map(|known| known.keys().cloned())
    }

    /// Folds every value of a label in a bucket from now on, whatever has a slot.
    pub(super) fn close_all(closed: &mut BTreeMap<Label, u32>, label: Label) {
        closed.insert(label, 0);
    }

    /// The values that nothing used for 90 days.
    pub(super) fn unused(&self, today: i32) -> Vec<(Label, Box<str>)> {
        let mut unused = Vec::new();
        for (label, known) in &self.known {
            for (value, known) in known {
                if known.used + UNUSED_DAYS < today {
                    unused.push((*label, value.clone()));
                }
            }
        }
        unused.sort();
        unused
    }

    /// Takes the slot of a value back.
    pub(super) fn retire(&mut self, label: Label, value: &str) {
        if let Some(known) = self.known.get_mut(&label) {
            known.remove(value);
        }
    }

    /// Takes every slot of a label back.
    pub(super) fn clear(&mut self, label: Label) {
        self.known.remove(&label);
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.unsigned(u64::from(self.next));
        out.unsigned(self.known.len() as u64);
        for (label, known) in &self.known {
            out.text(label.as_str());
            out.unsigned(known.len() as u64);
            let mut values: Vec<_> = known.iter().collect();
            values.sort_unstable_by_key(|(_, known)| known.number);
            for (value, known) in values {
                out.text(value);
                out.unsigned(u64::from(known.number));
                out.signed(i64::from(known.used));
            }
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Labels, LedgerError> {
        let mut input = Reader(bytes);
        let mut labels = Labels { next: input.small()?, ..Labels::default() };
        for _ in 0..input.count()? {
            let label = label(input.text()?)?;
            let mut known = HashMap::new();
            for _ in 0..input.count()? {
                let value = input.text()?;
                let number = input.small()?;
                let used = i32::try_from(input.signed()?)
                    .map_err(|_| LedgerError::Damaged("a day is out of range".into()))?;
                known.insert(value.into(), Known { number, used });
            }
            labels.known.insert(label, known);
        }
        input.end()?;
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_folded_in_a_bucket_stays_folded_there_when_a_slot_frees() {
        let mut labels = Labels::default();
        let mut bucket = BTreeMap::new();
        assert_eq!(labels.bound(Label::Dnis, "a", 1, &mut bucket, 0), Bound::Kept);
        assert_eq!(labels.bound(Label::Dnis, "b", 1, &mut bucket, 0), Bound::Folded);
        assert_eq!(labels.unused(91), [(Label::Dnis, "a".into())]);
        labels.retire(Label::Dnis, "a");
        let mut next = BTreeMap::new();
        assert_eq!(labels.bound(Label::Dnis, "b", 1, &mut next, 91), Bound::Kept);
        assert_eq!(labels.bound(Label::Dnis, "b", 1, &mut bucket, 91), Bound::Folded);
        assert_eq!(Labels::decode(&labels.encode()).unwrap(), labels);
    }

    #[test]
    fn other_and_none_take_no_slot() {
        let mut labels = Labels::default();
        let mut bucket = BTreeMap::new();
        for value in [OTHER, NONE, "a"] {
            assert_eq!(labels.bound(Label::CodAct, value, 1, &mut bucket, 0), Bound::Kept);
        }
        assert!(bucket.is_empty());
    }
}
