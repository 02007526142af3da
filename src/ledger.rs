//! Totals in which each call is counted exactly once, however often it is read.
//!
//! Assign, never add. A *cell* holds the last reading of its key in its bucket; a counter is the highest
//! sum of `sealed + cells - opening` that was ever committed. Reading again changes nothing, a correction
//! upward shows at once, a correction downward makes the counter wait. Once a bucket has settled, the
//! answer that *seals* it moves from the cells into the sum, and the cells are forgotten.
//!
//! One [`Reading`] is one transaction. Memory holds what the store holds: a transaction that fails leaves both
//! as they were, and the next one tries again. Nothing here waits, and nothing reads a clock.
//!
//! Where an answer could be taken in two ways, the ledger takes the one that neither loses nor doubles a call:
//!
//! - Totals that a window did not ask for in full (a part of a day or of an hour that has ended) never replace
//!   a cell; they are counted as `outside_window`.
//! - The 24 h for which a bucket is tried begin with the first answer that could not seal it, not with the
//!   settle, so that what an outage delayed is read before anything is sealed as held.
//! - A label value that a bucket has folded stays folded in that bucket, and a key that has its own cell in a
//!   bucket keeps it there, whatever the configuration says meanwhile.
//! - The buckets for which a skill or a report was away do not count when it comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Grain, Report};
use crate::metrics::{Family, LabelText};
use crate::report::{Content, IdentityKey, Reading};
use crate::schedule::History;
use crate::time::{Bucket, SignedDuration, Timestamp, Window};

pub use self::applied::{Applied, Dropped, Note, Revisions};
pub use self::error::LedgerError;
pub use self::file::Opened;
pub use self::publication::Published;

mod applied;
mod apply;
mod books;
mod callers;
mod cell;
mod codec;
mod entrance;
mod error;
mod events;
mod file;
mod inquiry;
mod keys;
mod labels;
mod publication;
mod record;
mod scope;
mod seal;
mod series;
mod tables;
mod totals;

use self::apply::Work;
use self::books::{Books, ScopeName};
use self::file::{Found, Store};
use self::series::Hidden;
use self::tables::BucketChanges;

/// How old the timestamps in the store may grow.
const TIMESTAMPS_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// The ledger of all operations of this process. One owner, one writer.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    books: BTreeMap<String, Books>,
    /// The ledger replaced a damaged one, so operations enter it as `now`.
    from_now: bool,
    /// Transactions committed by this process.
    commits: u64,
    /// The file may have to be written anew; it says so itself.
    owes_rewrite: bool,
}

/// What came of entering.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entered {
    /// What is allowed but will not do what it says, one sentence each.
    pub warnings: Vec<String>,
}

/// A complete answer of the witness (`skill_1` with all skills) for one day.
#[derive(Debug, Clone)]
pub struct Witness<'a> {
    /// The day asked for.
    pub day: Bucket,
    /// The skills in the answer.
    pub present: &'a BTreeSet<String>,
    /// The skills that are read; those not present have been read and are empty.
    pub known: &'a BTreeSet<String>,
    /// The turn of the schedule.
    pub slot: u64,
    /// The instant of the slot.
    pub now: Timestamp,
    /// When the request was sent.
    pub asked: Timestamp,
    /// The answer's `Date`.
    pub date: Option<Timestamp>,
}

/// How a report stands, for the gauges of trust and the status page. For `skill_6` that of the skill that is
/// furthest behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// From when its counters count.
    pub counting_since: Option<Timestamp>,
    /// The last request.
    pub last_attempt: Option<Timestamp>,
    /// The slot of the last successful reading up to the present.
    pub last_success: Option<Timestamp>,
    /// Everything before this instant has been read.
    pub data_through: Option<Timestamp>,
    /// Buckets past their settle and not sealed; for `skill_6` over all skills.
    pub owed: u64,
    /// Its counters stay absent until the past has been read.
    pub hidden_until_caught_up: bool,
}

/// The sums behind one series, for audits and tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The family.
    pub family: &'static Family,
    /// The labels.
    pub labels: LabelText,
    /// Of sealed buckets.
    pub sealed: Vec<i64>,
    /// Of the cells of unsealed buckets, less the openings.
    pub live: Vec<i64>,
    /// The highest sum ever committed, elementwise.
    pub mark: Vec<i64>,
    /// Whether it is kept but not shown (retired or withdrawn).
    pub hidden: bool,
}

impl Ledger {
    /// Opens the ledger in a directory, `ledger.redb` with `ledger.key` beside it; what is missing is created for
    /// the owner's eyes only. A damaged file, or one whose key is missing or another, is renamed, and a new ledger
    /// counts from `now`; so does one in the place of a file of which only the key is left.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Busy`] while another process holds it, [`LedgerError::Newer`] for the file of a later
    /// version, [`LedgerError::Io`] and [`LedgerError::Storage`] when the system refuses.
    pub fn open(directory: &Path, now: Timestamp) -> Result<(Ledger, Opened), LedgerError> {
        let found = Store::in_directory(directory, now)?;
        let opened = found.opened.clone();
        Ok((Ledger::from(found), opened))
    }

    /// A ledger that ends with the process.
    ///
    /// # Errors
    ///
    /// None that is known; the store's own are passed on.
    pub fn in_memory(_now: Timestamp) -> Result<Ledger, LedgerError> {
        Ok(Ledger::from(Store::in_memory()?))
    }

    #[cfg(test)]
    pub(crate) fn with_backend<B: redb::StorageBackend>(
        backend: impl Fn() -> B + Send + 'static,
        key: [u8; 32],
    ) -> Result<Ledger, LedgerError> {
        Ok(Ledger::from(Store::with_backend(backend, key)?))
    }

    /// The key with which private identities are hashed. It never leaves the decoder.
    pub fn identity_key(&self) -> IdentityKey {
        books::identity_key(&self.store.key)
    }

    /// The list of skills, where `skills` is `discover`. The first list enters like a configuration; skills met
    /// later start at 0; skills that are gone are read until their days are sealed. An empty list changes nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`] and storage errors.
    pub fn discovered(
        &mut self,
        operation: &str,
        skills: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Applied, LedgerError> {
        self.transact(operation, Some(now), |books, _, _| {
            entrance::discovered(books, skills, now)?;
            Ok((BucketChanges::default(), Applied::default()))
        })
    }

    /// Skills that the witness shows and no list has named yet, where `skills` is `discover`. They enter as with
    /// [`Ledger::discovered`]; nobody leaves.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`] and storage errors.
    pub fn met(
        &mut self,
        operation: &str,
        skills: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Applied, LedgerError> {
        self.transact(operation, Some(now), |books, _, _| {
            entrance::met(books, skills, now)?;
            Ok((BucketChanges::default(), Applied::default()))
        })
    }

    /// Applies one reading in one transaction. On failure nothing is applied.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`], [`LedgerError::NotCounted`] for a report that is off or a skill that is not read,
    /// [`LedgerError::Overflow`] and [`LedgerError::Shape`] for impossible amounts, after which the ledger takes the next
    /// reading as ever, storage errors.
    pub fn apply(&mut self, operation: &str, reading: &Reading) -> Result<Applied, LedgerError> {
        self.transact(operation, Some(reading.now), |books, transaction, key| {
            let scope: ScopeName = (reading.report, reading.skill.as_str().into());
            if !books.scopes.contains_key(&scope) {
                let operation = operation.to_owned();
                return Err(LedgerError::NotCounted { operation, report: reading.report });
            }
            let mut work = Work::new(books, transaction, key, scope, reading.now)?;
            work.read(reading)?;
            work.show_when_caught_up();
            work.finish()
        })
    }

    /// Skills absent from a complete witness have been read and are empty for its day.
    ///
    /// # Errors
    ///
    /// As [`Ledger::apply`].
    pub fn absent(&mut self, operation: &str, witness: &Witness<'_>) -> Result<Applied, LedgerError> {
        self.transact(operation, Some(witness.now), |books, transaction, key| {
            let entered = books.operation()?;
            let own = witness.day.window();
            let window = Window { from: own.from, to: own.to.min(entered.zone.present(witness.now)) };
            let mut changes = BucketChanges::default();
            let mut applied = Applied::default();
            for skill in witness.known.difference(witness.present) {
                let scope: ScopeName = (Report::Skill6, skill.as_str().into());
                if window.is_empty() || !books.scopes.contains_key(&scope) {
                    continue;
                }
                let reading = Reading {
                    report: Report::Skill6,
                    skill: skill.clone(),
                    window,
                    slot: witness.slot,
                    now: witness.now,
                    asked: witness.asked,
                    date: witness.date,
                    content: Content::Totals(Vec::new()),
                };
                let mut work = Work::new(books, transaction, key, scope, witness.now)?;
                work.read(&reading)?;
                work.show_when_caught_up();
                let (more, came) = work.finish()?;
                changes.cells.extend(more.cells);
                changes.sealed.extend(more.sealed);
                changes.forget.extend(more.forget);
                applied.merge(came);
            }
            Ok((changes, applied))
        })
    }

    /// Skills whose row in the witness has not moved since their last reading count as read up to now.
    ///
    /// # Errors
    ///
    /// As [`Ledger::apply`].
    pub fn unmoved(
        &mut self,
        operation: &str,
        day: Bucket,
        skills: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Applied, LedgerError> {
        self.transact(operation, Some(now), |books, _, _| {
            let entered = books.operation()?;
            let own = day.window();
            let window = Window { from: own.from, to: own.to.min(entered.zone.present(now)) };
            for skill in skills {
                if let Some(scope) = books.touch_scope(&(Report::Skill6, skill.as_str().into())) {
                    scope.note_read(&window, Grain::Day, &entered.zone, now);
                }
            }
            Ok((BucketChanges::default(), Applied::default()))
        })
    }

    /// What the schedule needs to know; `None` before the operation has entered.
    pub fn history(&mut self, operation: &str) -> Option<Arc<History>> {
        self.books.get_mut(operation)?.history()
    }

    /// Books requests before they are sent. A later `quota_day` starts the count anew.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`] and storage errors.
    pub fn book(&mut self, operation: &str, quota_day: Timestamp, requests: u64) -> Result<(), LedgerError> {
        self.transact(operation, None, |books, _, _| {
            let record = books.touch_record();
            let day = quota_day.as_millisecond();
            if record.quota_day != Some(day) {
                record.quota_day = Some(day);
                record.booked = 0;
            }
            record.booked = record.booked.saturating_add(requests);
            Ok((BucketChanges::default(), Applied::default()))
        })?;
        Ok(())
    }

    /// A request of a report (and skill) is being sent. Written with the next commit, or within 5 minutes.
    pub fn attempted(&mut self, operation: &str, report: Report, skill: &str, at: Timestamp) {
        let Some(books) = self.books.get_mut(operation) else { return };
        let name = (report, skill.into());
        if let Some(scope) = books.scopes.get_mut(&name) {
            scope.lazy.attempted = scope.lazy.attempted.max(Some(at.as_millisecond()));
            books.unsaved.insert(name);
        }
    }

    /// How a report stands at `now`.
    pub fn standing(&self, operation: &str, report: Report, now: Timestamp) -> Standing {
        self.books.get(operation).map(|books| books.standing(report, now)).unwrap_or_default()
    }

    /// Time passes: seals what was tried for 24 h in vain, retires label values, writes timestamps.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`] and storage errors.
    pub fn tick(&mut self, operation: &str, now: Timestamp) -> Result<Applied, LedgerError> {
        self.transact(operation, Some(now), |books, transaction, key| {
            let mut changes = BucketChanges::default();
            let mut applied = Applied::default();
            let tried: Vec<ScopeName> = books
                .scopes
                .iter()
                .filter(|(_, scope)| !scope.firm.tried.is_empty())
                .map(|(name, _)| name.clone())
                .collect();
            for scope in tried {
                if books.settle_of(scope.0).is_none() {
                    continue;
                }
                let mut work = Work::new(books, transaction, key, scope, now)?;
                work.seal_overdue(now)?;
                let (more, came) = work.finish()?;
                changes.cells.extend(more.cells);
                changes.sealed.extend(more.sealed);
                changes.forget.extend(more.forget);
                applied.merge(came);
            }
            applied.notes.extend(books.retire_labels(now)?);
            Ok((changes, applied))
        })
    }

    /// Tries again to write the file anew, where numbers were withdrawn from it and that could not be done then.
    ///
    /// # Errors
    ///
    /// Storage errors.
    pub fn rewrite(&mut self) -> Result<(), LedgerError> {
        if !self.owes_rewrite {
            return Ok(());
        }
        // Of the ledger and not of the store alone: memory is read anew whenever the store is opened again.
        self.ready()?;
        let done = self.store.rewrite_where_owed();
        match &done {
            Ok(()) => self.owes_rewrite = false,
            Err(_) => self.store.fail(),
        }
        done
    }

    /// Writes the timestamps that are newer than the store's, for a clean end.
    ///
    /// # Errors
    ///
    /// Storage errors.
    pub fn flush(&mut self) -> Result<(), LedgerError> {
        self.ready()?;
        let (database, _) = self.store.ready()?;
        for (name, books) in &mut self.books {
            if !books.unsaved.is_empty() {
                if let Err(error) = tables::commit(database, name, books, &BucketChanges::default()) {
                    self.store.fail();
                    return Err(error);
                }
                books.settle(true, None);
            }
        }
        Ok(())
    }

    /// The counters as they may be shown now, and the gauges of callbacks. A new value has a higher generation.
    pub fn published(&mut self, operation: &str) -> Published {
        self.books.get_mut(operation).map(Books::publish).unwrap_or_default()
    }

    /// Ends the hold of new series: those that an answer of `/metrics` has shown (`served_generation`) and that
    /// have been held for `zero_hold` of uptime. Returns whether the published values changed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`] and storage errors.
    pub fn release(
        &mut self,
        operation: &str,
        served_generation: u64,
        uptime: Duration,
        zero_hold: Duration,
    ) -> Result<bool, LedgerError> {
        let books = self.books.get_mut(operation).ok_or_else(|| LedgerError::Unknown(operation.into()))?;
        let mut ripe = Vec::new();
        for (id, birth) in &mut books.series.births {
            let since = *birth.uptime.get_or_insert(uptime);
            if served_generation >= birth.generation && uptime.saturating_sub(since) >= zero_hold {
                ripe.push(*id);
            }
        }
        if ripe.is_empty() {
            return Ok(false);
        }
        let applied = self.transact(operation, None, |books, _, _| {
            for id in ripe {
                books.series.touch(id).held = None;
            }
            books.series.conclude()?;
            Ok((BucketChanges::default(), Applied::default()))
        })?;
        Ok(applied.changed)
    }

    /// Series that are shown, of all operations.
    pub fn series_count(&self) -> usize {
        let shown = |books: &Books| books.series.iter().filter(|series| series.hidden == Hidden::No).count();
        self.books.values().map(shown).sum()
    }

    /// Size of the file; 0 in memory.
    pub fn file_bytes(&self) -> u64 {
        self.store.bytes()
    }

    /// Whether the DNIS of the operation are withheld as callers' numbers.
    pub fn withholds_callers_numbers(&self, operation: &str) -> bool {
        self.books.get(operation).is_some_and(|books| books.record.callers.is_some())
    }

    /// The sums behind every series of an operation, hidden ones included.
    pub fn totals(&self, operation: &str) -> impl Iterator<Item = Total> + '_ {
        self.books.get(operation).into_iter().flat_map(|books| {
            books.series.iter().map(|series| Total {
                family: series.family,
                labels: series.labels.clone(),
                sealed: series.sealed().to_vec(),
                live: series.live().to_vec(),
                mark: series.mark().to_vec(),
                hidden: series.hidden != Hidden::No,
            })
        })
    }

    /// Opens the store again after a failure; memory is then read anew, since a commit that failed may have
    /// reached the disk all the same.
    fn ready(&mut self) -> Result<(), LedgerError> {
        let (database, is_new) = self.store.ready()?;
        if !is_new {
            return Ok(());
        }
        let loaded = match tables::load(database) {
            Ok(loaded) => loaded,
            Err(error) => {
                self.store.fail();
                return Err(error);
            }
        };
        let mut before = std::mem::take(&mut self.books);
        for (name, mut books) in loaded {
            if let Some(before) = before.remove(&name) {
                books.resume(before);
            }
            self.books.insert(name, books);
        }
        Ok(())
    }

    /// Runs one change in one transaction. Nothing is written when nothing but timestamps changed, unless those
    /// in the store are old.
    fn transact(
        &mut self,
        operation: &str,
        now: Option<Timestamp>,
        change: impl FnOnce(
            &mut Books,
            &redb::ReadTransaction,
            &[u8; 32],
        ) -> Result<(BucketChanges, Applied), LedgerError>,
    ) -> Result<Applied, LedgerError> {
        use redb::ReadableDatabase as _;

        // A new operation is only in memory until its first commit, and opening again would lose it.
        if !self.books.get(operation).is_some_and(|books| books.is_new) {
            self.ready()?;
        }
        let key = self.store.key;
        let books =
            self.books.get_mut(operation).ok_or_else(|| LedgerError::Unknown(operation.to_owned()))?;
        let (database, _) = self.store.ready()?;
        let commits = &mut self.commits;
        let attempt = AssertUnwindSafe(|| {
            let transaction = database.begin_read().map_err(|error| error::storage("read")(error.into()))?;
            let (changes, applied) = change(books, &transaction, &key)?;
            let is_old = now.is_some_and(|now| books.are_timestamps_old(now, TIMESTAMPS_EVERY));
            let commit = is_old || books.has_firm_changes() || !changes.is_empty();
            if commit {
                tables::commit(database, operation, books, &changes)?;
                *commits += 1;
            }
            Ok::<_, LedgerError>((applied, commit, changes.rewrite))
        });
        // The store panics on some damage; books that are half changed would count the answer again.
        let result = match panic::catch_unwind(attempt) {
            Ok(result) => result,
            Err(payload) => {
                books.undo();
                self.store.fail();
                panic::resume_unwind(payload);
            }
        };
        match result {
            Ok((mut applied, committed, rewrite)) => {
                applied.changed |= books.settle(committed, now);
                applied.committed = committed;
                // What was to be done is done; a file that cannot be written anew now is tried again as time passes.
                if rewrite && self.store.rewrite_where_owed().is_err() {
                    self.owes_rewrite = true;
                    self.store.fail();
                }
                Ok(applied)
            }
            Err(error) => {
                books.undo();
                if error.is_of_storage() {
                    self.store.fail();
                }
                Err(match error {
                    LedgerError::Unknown(_) => LedgerError::Unknown(operation.to_owned()),
                    error => error,
                })
            }
        }
    }
}

impl From<Found> for Ledger {
    fn from(found: Found) -> Ledger {
        Ledger {
            store: found.store,
            books: found.books.into_iter().collect(),
            from_now: found.from_now,
            commits: 0,
            owes_rewrite: true,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
