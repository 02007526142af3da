//! What decoding saw on the way: rejected values, dropped rows, failed self-checks, names, gauges of today.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::IdentityKey;
use super::label;
use super::service_level;
use super::{LabelValues, ivr};
use crate::config::Denominator;
use crate::metrics::{Family, Label};
use crate::time::Bucket;
use crate::time::civil::Date;

/// What decoding one answer (or the parts of one reading) saw beside the reading itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows in the answer, whatever became of them; to be compared with [`super::Envelope::stated`].
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
    /// Values that could not be read, by the report's own field.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Rows that were left out.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Failed self-checks of rebuilt numbers, by the name of the check.
    pub mismatches: BTreeMap<&'static str, u64>,
    /// Label values that became `other` because they could be a person's number: their buckets, and what tells
    /// one from another without telling what it is.
    pub folded: BTreeMap<Label, BTreeSet<(Bucket, u64)>>,
    /// Names met in the rows.
    pub names: Names,
    /// `skill_6`: a row reached 10,000 calls, where percentages stop being exact.
    pub coarse: bool,
    /// `skill_6`: how well each denominator explains the percentages.
    pub evidence: Evidence,
}

/// Where a label value was seen, and with what it is made unreadable.
#[derive(Clone, Copy)]
pub(super) struct Seen<'k> {
    pub(super) key: &'k IdentityKey,
    pub(super) bucket: Bucket,
}

/// Why a row is not part of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// A closing row with totals.
    TotalRow,
    /// The same row, equal in every column, a second time.
    Duplicate,
    /// Nothing that tells the row from others: no usable date, or nothing beside it.
    NoIdentity,
}

impl DropReason {
    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            DropReason::TotalRow => "total_row",
            DropReason::Duplicate => "duplicate",
            DropReason::NoIdentity => "no_identity",
        }
    }
}

/// Names of ids for the `_info` families, cleaned; the first name of an id in an answer stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// `skill_name` by `skill_id`.
    pub skills: BTreeMap<Box<str>, Box<str>>,
    /// `description_cod_act` by `cod_act`, both levels.
    pub activities: BTreeMap<Box<str>, Box<str>>,
}

/// More names than any centre has; what comes after them in one answer is not kept.
const MOST_NAMES: usize = 10_000;

impl Names {
    pub(super) fn skill(&mut self, id: &str, name: Option<&str>) {
        note(&mut self.skills, id, name);
    }

    pub(super) fn activity(&mut self, code: &str, description: Option<&str>) {
        note(&mut self.activities, code, description);
    }

    fn add(&mut self, other: &Names) {
        for (id, name) in &other.skills {
            self.skill(id, Some(name));
        }
        for (code, description) in &other.activities {
            self.activity(code, Some(description));
        }
    }
}

fn note(names: &mut BTreeMap<Box<str>, Box<str>>, id: &str, name: Option<&str>) {
    let known = names.contains_key(id) || matches!(id, label::NONE | label::OTHER);
    if known || names.len() >= MOST_NAMES {
        return;
    }
    let name = label::id(name);
    if name.hidden.is_none() && name.text != label::NONE {
        names.insert(id.into(), name.text.into());
    }
}

/// Rows of `skill_6` in which the two denominators differ, and how many of them each fails to explain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Rows that can tell.
    pub rows: u64,
    /// Rows that contradict [`Denominator::Inbound`].
    pub against_inbound: u64,
    /// Rows that contradict [`Denominator::Answered`].
    pub against_answered: u64,
}

impl Evidence {
    /// Adds the evidence of another answer.
    pub const fn add(&mut self, other: Evidence) {
        self.rows += other.rows;
        self.against_inbound += other.against_inbound;
        self.against_answered += other.against_answered;
    }

    /// The denominator that explains more rows; `None` while both explain as many.
    pub fn verdict(&self) -> Option<Denominator> {
        match self.against_inbound.cmp(&self.against_answered) {
            std::cmp::Ordering::Less => Some(Denominator::Inbound),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Denominator::Answered),
        }
    }
}

impl Tally {
    /// Adds what another part of the same reading saw.
    pub fn add(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        sum(&mut self.rejected, &other.rejected);
        sum(&mut self.dropped, &other.dropped);
        sum(&mut self.mismatches, &other.mismatches);
        for (label, seen) in &other.folded {
            self.folded.entry(*label).or_default().extend(seen);
        }
        self.names.add(&other.names);
        self.coarse |= other.coarse;
        self.evidence.add(other.evidence);
    }

    pub(super) fn reject(&mut self, field: &'static str) {
        *self.rejected.entry(field).or_default() += 1;
    }

    pub(super) fn drop_row(&mut self, why: DropReason) {
        *self.dropped.entry(why).or_default() += 1;
    }

    pub(super) fn mismatch(&mut self, check: &'static str) {
        *self.mismatches.entry(check).or_default() += 1;
    }

    /// The text of a label value; one that had to be hidden is noted.
    pub(super) fn label(&mut self, label: Label, value: label::Value<'_>, seen: Seen<'_>) -> Box<str> {
        if let Some(hidden) = &value.hidden {
            let mut fingerprint = seen.key.fingerprint();
            fingerprint.column(label.as_str(), hidden);
            self.folded.entry(label).or_default().insert((seen.bucket, fingerprint.finish()));
        }
        value.text.into()
    }

    /// The value, or nothing when it is absent or cannot be read; the latter is counted.
    pub(super) fn value<T>(
        &mut self,
        field: &'static str,
        cell: &super::columns::Cell<'_>,
        parse: impl FnOnce(&str) -> Result<T, super::field::Unusable>,
    ) -> Option<T> {
        let value = match super::field::present(cell.text()) {
            Some(text) => parse(text).map(Some),
            None if *cell == super::columns::Cell::Nested => Err(super::field::Unusable),
            None => Ok(None),
        };
        value.unwrap_or_else(|super::field::Unusable| {
            self.reject(field);
            None
        })
    }
}

fn sum<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(*key).or_default() += count;
    }
}

/// One sample of a gauge of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// The family, one of the `wolkvox_today_*`.
    pub family: &'static Family,
    /// Labels beside `operation`, cleaned but not yet bounded.
    pub labels: LabelValues,
    /// The value in the family's raw unit.
    pub value: i64,
}

/// The numbers of the vendor as reported, for the gauges of today.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AsReported {
    /// The report has no such gauges.
    #[default]
    Nothing,
    /// `skill_6`.
    ServiceLevel(service_level::AsReported),
    /// `diagram_1_2`.
    Ivr(ivr::AsReported),
}

impl AsReported {
    /// Adds what another part of the same day reported: counts add, ratios and averages are pooled.
    pub fn add_part(&mut self, other: AsReported) {
        match (self, other) {
            (AsReported::ServiceLevel(mine), AsReported::ServiceLevel(other)) => mine.add_part(other),
            (AsReported::Ivr(mine), AsReported::Ivr(other)) => mine.add_part(other),
            (mine @ AsReported::Nothing, other) => *mine = other,
            (_, _) => {}
        }
    }

    /// The gauges of the local day `today`; none when the answer is about other days.
    pub fn gauges(&self, today: Date) -> Vec<Gauge> {
        match self {
            AsReported::Nothing => Vec::new(),
            AsReported::ServiceLevel(day) => day.gauges(today),
            AsReported::Ivr(hours) => hours.gauges(today),
        }
    }
}
