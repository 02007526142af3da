//! From the labels of a row to its series: bounded, born together.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::LedgerError;
use super::apply::{Blob, Work};
use super::cell::Cells;
use super::labels::{Bound, NONE, OTHER, is_bounded};
use super::series::families_of;
use crate::api::Report;
use crate::metrics::{Family, Kind, Label, LabelText};
use crate::report::{LabelValues, Observation};

/// The outcomes of callbacks: a closed set, born together.
const OUTCOMES: [&str; 6] = ["ok", "fail", "no", "no_user", "stop_new", "unknown"];

impl Work<'_> {
    /// The bounded form of a key, stored in the bucket; its families are born with it.
    pub(super) fn key(
        &mut self,
        blob: &mut Blob,
        bucket: i32,
        raw: &LabelValues,
    ) -> Result<u32, LedgerError> {
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
        if self.books.fold(place, label, hasher.finish()) {
            *self.applied.folded.entry(label).or_default() += 1;
        }
    }

    pub(super) fn series(
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
