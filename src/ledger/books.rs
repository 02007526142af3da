//! The books of one operation: everything of it that memory holds, with an undo for a transaction that fails.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::cell::Cells;
use super::labels::Labels;
use super::publication::Published;
use super::record::Record;
use super::scope::Scope;
use super::series::{Hidden, SeriesTable, has_pair};
use super::tables::Place;
use super::{LedgerError, Note, Standing};
use crate::api::{Grain, Report};
use crate::config::Operation;
use crate::metrics::{Family, Label};
use crate::report::IdentityKey;
use crate::schedule::History;
use crate::time::{SignedDuration, Timestamp, Window, civil};

/// A report, and the skill for `skill_6`.
pub(super) type ScopeName = (Report, Box<str>);

/// Hashes of values that became `other`, by bucket and label.
type Folded = HashMap<(Place, Label), HashSet<u64>>;

/// Everything that memory holds of an operation.
#[derive(Debug)]
pub(super) struct Books {
    // In the store.
    pub(super) record: Record,
    pub(super) scopes: BTreeMap<ScopeName, Scope>,
    pub(super) labels: Labels,
    pub(super) series: SeriesTable,
    // As they were before the open transaction.
    record_before: Option<Record>,
    scopes_before: BTreeMap<ScopeName, Option<Scope>>,
    labels_before: Option<Labels>,
    waiting_before: BTreeMap<i32, Option<Tally>>,
    /// Not in the store yet.
    pub(super) is_new: bool,
    // Only in memory.
    /// The configuration it entered with.
    pub(super) operation: Option<Arc<Operation>>,
    /// Callbacks of unsealed days by status.
    pub(super) waiting: Waiting,
    /// What the answers of the current slot of each row report cover and hold.
    pub(super) slots: BTreeMap<Report, Slot>,
    /// Buckets that an answer found empty, with the slot.
    pub(super) empties: BTreeMap<Place, u64>,
    /// Values already counted as folded.
    folded: Folded,
    /// Those of the open transaction, and the buckets whose values it forgets.
    folded_now: Folded,
    forgotten_now: HashSet<Place>,
    /// Scopes whose timestamps are newer than the store's.
    pub(super) unsaved: BTreeSet<ScopeName>,
    /// When timestamps were last written.
    pub(super) saved: Option<Timestamp>,
    /// The instants of the last two readings up to the present, by scope.
    pub(super) paces: BTreeMap<ScopeName, (Timestamp, Option<SignedDuration>)>,
    /// Whether the last reading came in step, not after a gap.
    pub(super) regular: BTreeMap<ScopeName, bool>,
    pub(super) published: Published,
    pub(super) stale: Stale,
    pub(super) history: Option<Arc<History>>,
}

/// Which published blocks are older than the books. The gauges from cells are made anew with any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stale {
    /// These families; none is not stale at all.
    Families(Vec<&'static Family>),
    /// Only the gauges from cells.
    Gauges,
    /// Everything.
    All,
}

impl Stale {
    /// Adds what became stale.
    pub(super) fn grow(&mut self, other: Stale) {
        match (&mut *self, other) {
            (_, Stale::Families(none)) if none.is_empty() => {}
            (Stale::All, _) => {}
            (known, Stale::All) => *known = Stale::All,
            (Stale::Families(known), Stale::Families(more)) => {
                for family in more {
                    if !known.iter().any(|known| known.is(family)) {
                        known.push(family);
                    }
                }
            }
            (Stale::Families(known), Stale::Gauges) => {
                if known.is_empty() {
                    *self = Stale::Gauges;
                }
            }
            (Stale::Gauges, Stale::Gauges) => {}
            (known @ Stale::Gauges, more) => *known = more,
        }
    }

    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Stale::Families(families) if families.is_empty())
    }

    /// Whether the blocks of a family that sums feed are as old as the books.
    pub(super) fn spares(&self, family: &'static Family) -> bool {
        match self {
            Stale::All => false,
            Stale::Gauges => true,
            Stale::Families(families) => !families.iter().any(|known| known.is(family)),
        }
    }
}

/// What the answers of one slot say together; their windows are united.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) number: u64,
    /// Each answer: its window, when it may be taken to have been asked, whether it had rows.
    pub(super) answers: Vec<(Window, Timestamp, bool)>,
    /// Identities seen in buckets that may seal, by answers asked after their settle.
    pub(super) seen: HashMap<i32, HashSet<u128>>,
    /// Identities seen in sealed buckets.
    pub(super) sealed: HashMap<i32, HashSet<u128>>,
}

/// Callbacks of unsealed days by skill and status: how many, and the oldest.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<i32, Tally>);

/// How many callbacks of a day, and the oldest, by skill and status.
type Tally = BTreeMap<(Box<str>, Box<str>), (i64, civil::DateTime)>;

impl Waiting {
    /// Counts the cells of a bucket anew; returns what was counted before.
    pub(super) fn note(&mut self, bucket: i32, cells: &Cells) -> Result<Option<Tally>, LedgerError> {
        let mut tally = Tally::new();
        cells.each(|cell| {
            let Some((status, at)) = cell.status else { return };
            let skill = cells.keys[cell.key as usize].get(&Label::SkillId).cloned().unwrap_or_default();
            let (count, oldest) =
                tally.entry((skill, cells.statuses[status as usize].clone())).or_insert((0, at));
            *count += 1;
            *oldest = at.min(*oldest);
        })?;
        Ok(self.put(bucket, (!tally.is_empty()).then_some(tally)))
    }

    fn put(&mut self, bucket: i32, tally: Option<Tally>) -> Option<Tally> {
        match tally {
            Some(tally) => self.0.insert(bucket, tally),
            None => self.0.remove(&bucket),
        }
    }

    /// All unsealed days together.
    pub(super) fn total(&self) -> Tally {
        let mut total = Tally::new();
        for (key, (count, oldest)) in self.0.values().flatten() {
            let entry = total.entry(key.clone()).or_insert((0, *oldest));
            entry.0 += count;
            entry.1 = entry.1.min(*oldest);
        }
        total
    }
}

impl Books {
    pub(super) fn new(record: Record) -> Books {
        Books {
            record,
            scopes: BTreeMap::new(),
            labels: Labels::default(),
            series: SeriesTable::default(),
            record_before: None,
            scopes_before: BTreeMap::new(),
            labels_before: None,
            waiting_before: BTreeMap::new(),
            is_new: false,
            operation: None,
            waiting: Waiting::default(),
            slots: BTreeMap::new(),
            empties: BTreeMap::new(),
            folded: Folded::new(),
            folded_now: Folded::new(),
            forgotten_now: HashSet::new(),
            unsaved: BTreeSet::new(),
            saved: None,
            paces: BTreeMap::new(),
            regular: BTreeMap::new(),
            published: Published::default(),
            stale: Stale::All,
            history: None,
        }
    }

    /// The configuration, once the operation has entered in this process.
    pub(super) fn operation(&self) -> Result<Arc<Operation>, LedgerError> {
        self.operation.as_ref().map(Arc::clone).ok_or_else(|| LedgerError::Unknown(String::new()))
    }

    /// The record, remembered as it was for an undo.
    pub(super) fn touch_record(&mut self) -> &mut Record {
        self.record_before.get_or_insert_with(|| self.record.clone());
        &mut self.record
    }

    /// The labels, remembered as they were for an undo.
    pub(super) fn touch_labels(&mut self) -> &mut Labels {
        self.labels_before.get_or_insert_with(|| self.labels.clone());
        &mut self.labels
    }

    /// Counts the callbacks of a bucket anew, remembered as they were for an undo.
    pub(super) fn wait(&mut self, bucket: i32, cells: &Cells) -> Result<(), LedgerError> {
        let before = self.waiting.note(bucket, cells)?;
        self.waiting_before.entry(bucket).or_insert(before);
        Ok(())
    }

    /// Notes that a value of a bucket became `other`; whether it is to be counted.
    pub(super) fn fold(&mut self, place: Place, label: Label, value: u64) -> bool {
        let place = (place, label);
        let is_known = self.folded.get(&place).is_some_and(|known| known.contains(&value));
        !is_known && self.folded_now.entry(place).or_default().insert(value)
    }

    /// A sealed bucket folds no more values.
    pub(super) fn forget_folded(&mut self, place: Place) {
        self.forgotten_now.insert(place);
    }

    /// A scope, remembered as it was for an undo.
    pub(super) fn touch_scope(&mut self, name: &ScopeName) -> Option<&mut Scope> {
        let scope = self.scopes.get_mut(name)?;
        if !self.scopes_before.contains_key(name) {
            self.scopes_before.insert(name.clone(), Some(scope.clone()));
        }
        Some(scope)
    }

    /// Whether a scope has entered and not left.
    pub(super) fn is_in(&self, name: &ScopeName) -> bool {
        self.scopes.get(name).is_some_and(|scope| scope.firm.left.is_none())
    }

    /// Adds a scope.
    pub(super) fn insert_scope(&mut self, name: ScopeName, scope: Scope) {
        let before = self.scopes.insert(name.clone(), scope);
        self.scopes_before.entry(name).or_insert(before);
    }

    pub(super) fn is_record_changed(&self) -> bool {
        self.is_new || self.record_before.as_ref().is_some_and(|before| *before != self.record)
    }

    pub(super) fn are_labels_changed(&self) -> bool {
        self.labels_before.as_ref().is_some_and(|before| *before != self.labels)
    }

    /// Scopes that the next commit writes: changed ones, and those with unsaved timestamps.
    pub(super) fn changed_scopes(&self) -> impl Iterator<Item = (Report, &str, &Scope)> {
        self.scopes.iter().filter_map(|(name, scope)| {
            let changed = match self.scopes_before.get(name) {
                Some(Some(before)) => before != scope,
                Some(None) => true,
                None => false,
            };
            (changed || self.unsaved.contains(name)).then_some((name.0, &*name.1, scope))
        })
    }

    /// Whether the open transaction changed more than timestamps.
    pub(super) fn has_firm_changes(&self) -> bool {
        let scopes = self.scopes_before.iter().any(|(name, before)| {
            before.as_ref().map(|before| &before.firm) != self.scopes.get(name).map(|now| &now.firm)
        });
        scopes || self.is_record_changed() || self.are_labels_changed() || self.series.is_changed()
    }

    /// After the commit (or when only timestamps moved, which stay unsaved for a while). Returns whether what
    /// is published changed.
    pub(super) fn settle(&mut self, committed: bool, now: Option<Timestamp>) -> bool {
        let changed_record =
            self.record_before.take().is_some_and(|before| before.hidden != self.record.hidden);
        self.labels_before = None;
        for name in std::mem::take(&mut self.scopes_before).into_keys() {
            self.unsaved.insert(name);
        }
        for (place, values) in std::mem::take(&mut self.folded_now) {
            self.folded.entry(place).or_default().extend(values);
        }
        let forgotten = std::mem::take(&mut self.forgotten_now);
        if !forgotten.is_empty() {
            self.folded.retain(|(place, _), _| !forgotten.contains(place));
        }
        self.history = None;
        if committed {
            self.is_new = false;
            self.unsaved.clear();
            self.saved = now.or(self.saved);
        }
        let families = self.series.settle(self.published.generation + 1);
        let families: Vec<&'static Family> = families
            .into_iter()
            .filter(|family| {
                super::series::report_of(family)
                    .is_some_and(|report| !self.record.hidden.contains(report.code()))
            })
            .collect();
        let changed_waiting = !std::mem::take(&mut self.waiting_before).is_empty();
        if changed_waiting {
            self.stale.grow(Stale::Gauges);
        }
        let changed = changed_record || changed_waiting || !families.is_empty();
        self.stale.grow(if changed_record { Stale::All } else { Stale::Families(families) });
        changed
    }

    /// After a failure: everything as it was.
    pub(super) fn undo(&mut self) {
        if let Some(before) = self.record_before.take() {
            self.record = before;
        }
        if let Some(before) = self.labels_before.take() {
            self.labels = before;
        }
        for (name, before) in std::mem::take(&mut self.scopes_before) {
            match before {
                Some(before) => drop(self.scopes.insert(name, before)),
                None => drop(self.scopes.remove(&name)),
            }
        }
        for (bucket, before) in std::mem::take(&mut self.waiting_before) {
            self.waiting.put(bucket, before);
        }
        self.series.undo();
        self.folded_now.clear();
        self.forgotten_now.clear();
        self.slots.clear();
        self.empties.clear();
    }

    /// Whether timestamps in the store are older than they may grow.
    pub(super) fn are_timestamps_old(&self, now: Timestamp, every: SignedDuration) -> bool {
        let any = !self.unsaved.is_empty() || !self.scopes_before.is_empty();
        any && self.saved.is_none_or(|saved| now.duration_since(saved) >= every)
    }

    /// What is only in memory goes on after the store was opened again.
    pub(super) fn resume(&mut self, before: Books) {
        self.operation = before.operation;
        self.paces = before.paces;
        self.regular = before.regular;
        self.folded = before.folded;
        self.published = before.published;
        for (id, birth) in &mut self.series.births {
            birth.generation = self.published.generation + 1;
            if let Some(known) = before.series.births.get(id) {
                *birth = *known;
            }
        }
    }

    /// What the schedule needs to know.
    pub(super) fn history(&mut self) -> Option<Arc<History>> {
        if let Some(history) = &self.history {
            return Some(Arc::clone(history));
        }
        self.operation.as_ref()?;
        let mut history = History {
            booked: self.record.booked,
            quota_day: self.record.quota_day.and_then(|at| Timestamp::from_millisecond(at).ok()),
            ..History::default()
        };
        for ((report, skill), scope) in &self.scopes {
            let Some((grain, _)) = self.settle_of(*report) else { continue };
            if !scope.is_wanted() {
                continue;
            }
            let progress = scope.progress(grain);
            if *report == Report::Skill6 {
                history.skills.insert(skill.as_ref().to_owned(), progress);
            } else {
                history.reports.insert(*report, progress);
            }
        }
        let history = Arc::new(history);
        self.history = Some(Arc::clone(&history));
        Some(history)
    }

    /// How a report stands; of several skills the one furthest behind.
    pub(super) fn standing(&self, report: Report, now: Timestamp) -> Standing {
        let (Some((grain, settle)), Some(operation)) = (self.settle_of(report), &self.operation) else {
            return Standing::default();
        };
        let instant = |at: Option<i64>| at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let mut standing = Standing {
            hidden_until_caught_up: self.record.hidden.contains(report.code()),
            ..Standing::default()
        };
        let earlier = |known: &mut Option<Timestamp>, other: Option<Timestamp>| {
            *known = match (*known, other) {
                (Some(known), Some(other)) => Some(known.min(other)),
                (known, other) => known.or(other),
            };
        };
        let mut any_read = false;
        for ((_, _), scope) in self.scopes.iter().filter(|((known, _), _)| *known == report) {
            if scope.is_wanted() {
                standing.owed += scope.owed(grain, settle, &operation.zone, now);
            }
            if scope.firm.left.is_some() {
                continue;
            }
            any_read |= scope.lazy.through.is_some();
            earlier(&mut standing.counting_since, instant(Some(scope.firm.since)));
            earlier(&mut standing.last_attempt, instant(scope.lazy.attempted));
            earlier(&mut standing.last_success, instant(scope.lazy.success));
            // Before the first reading, what has been read in full ends where the scope begins.
            let first =
                operation.zone.start(crate::time::Bucket::from_index(grain, scope.firm.unsealed_from));
            earlier(&mut standing.data_through, instant(scope.lazy.through).or(Some(first)));
        }
        if !any_read {
            standing.data_through = None;
        }
        standing
    }

    /// Once a day, takes the slots of label values that nothing used for 90 days and hides their series.
    pub(super) fn retire_labels(&mut self, now: Timestamp) -> Result<Vec<Note>, LedgerError> {
        let operation = self.operation()?;
        let today = operation.zone.bucket(now, Grain::Day).index();
        if today <= self.record.swept {
            return Ok(Vec::new());
        }
        self.touch_record().swept = today;
        let unused = self.labels.unused(today);
        for (label, value) in &unused {
            self.touch_labels().retire(*label, value);
            for id in 0..self.series.len() as u32 {
                let series = self.series.get(id)?;
                // The skills of skill_6 have no slots: they are read for as long as they exist.
                let is_apart = *label == Label::SkillId
                    && super::series::report_of(series.family) == Some(Report::Skill6);
                if series.hidden == Hidden::No && !is_apart && has_pair(&series.labels, *label, value) {
                    let series = self.series.touch(id);
                    series.hidden = Hidden::Retired;
                    series.held = None;
                }
            }
        }
        Ok(unused.into_iter().map(|(label, _)| Note::Retired { label }).collect())
    }

    /// The bucket size and the settle time of a report.
    pub(super) fn settle_of(&self, report: Report) -> Option<(Grain, SignedDuration)> {
        let settings = self.operation.as_ref()?.settings(report)?;
        let settle = SignedDuration::try_from(settings.settle).unwrap_or(SignedDuration::MAX);
        Some((report.grain()?, settle))
    }
}

/// A keyed 128-bit hash of labels: the identity of a key of totals.
pub(super) fn identity_of(key: &[u8; 32], labels: &crate::report::LabelValues) -> u128 {
    use std::hash::Hasher as _;

    use siphasher::sip128::{Hasher128 as _, SipHasher13};
    // Invariant: both slices are 16 bytes of the 32.
    let mut half = [0; 16];
    half.copy_from_slice(&key[..16]);
    let mut hasher = SipHasher13::new_with_key(&half);
    for (label, value) in labels {
        hasher.write(label.as_str().as_bytes());
        hasher.write_u64(value.len() as u64);
        hasher.write(value.as_bytes());
    }
    hasher.finish128().as_u128()
}

/// The key as the decoder takes it.
pub(super) fn identity_key(bytes: &[u8; 32]) -> IdentityKey {
    IdentityKey::new(*bytes)
}
