//! How operations, reports and skills enter, leave and come back.

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::books::{Books, ScopeName, Stale};
use super::record::{Record, count_from_text, dnis_text, skills_mode};
use super::scope::{Scope, Start};
use super::tables::{self, BucketChanges};
use super::{Entered, Ledger, LedgerError, TIMESTAMPS_EVERY};
use crate::api::{Grain, Report};
use crate::config::{CountFrom, Operation, Skills};
use crate::time::{SignedDuration, Timestamp};

impl Ledger {
    /// An operation enters, at the start and whenever the configuration is read again.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Bound`] when the name stands for another server; storage errors.
    pub fn enter(&mut self, operation: &Operation, now: Timestamp) -> Result<Entered, LedgerError> {
        self.enter_all(std::slice::from_ref(operation), now)
    }

    /// Operations of different names enter in one transaction: on failure none of them has.
    ///
    /// # Errors
    ///
    /// As [`Ledger::enter`].
    pub fn enter_all(&mut self, operations: &[Operation], now: Timestamp) -> Result<Entered, LedgerError> {
        self.ready()?;
        let mut new: BTreeSet<&str> = BTreeSet::new();
        for operation in operations {
            if !self.books.contains_key(&operation.name) {
                let id = self.books.values().map(|books| books.record.id + 1).max().unwrap_or(0);
                let mut books = Books::new(record(id, operation, self.from_now, now));
                books.is_new = true;
                self.books.insert(operation.name.clone(), books);
                new.insert(&operation.name);
            }
        }
        // As in `transact`: what fell over half-way is taken back.
        let attempt = AssertUnwindSafe(|| self.write_entrances(operations, &new, now));
        let result = panic::catch_unwind(attempt);
        if !matches!(result, Ok(Ok(_))) {
            for operation in operations {
                if new.contains(operation.name.as_str()) {
                    self.books.remove(&operation.name);
                } else if let Some(books) = self.books.get_mut(&operation.name) {
                    books.undo();
                }
            }
        }
        match result {
            Ok(Ok(entered)) => {
                for operation in operations {
                    if let Some(books) = self.books.get_mut(&operation.name) {
                        books.operation = Some(Arc::new(operation.clone()));
                        books.stale = Stale::All;
                        books.history = None;
                    }
                }
                Ok(entered)
            }
            Ok(Err(error)) => {
                if error.is_of_storage() {
                    self.store.fail();
                }
                Err(error)
            }
            Err(payload) => {
                self.store.fail();
                panic::resume_unwind(payload)
            }
        }
    }

    fn write_entrances(
        &mut self,
        operations: &[Operation],
        new: &BTreeSet<&str>,
        now: Timestamp,
    ) -> Result<Entered, LedgerError> {
        let mut entered = Entered::default();
        for operation in operations {
            if let Some(books) = self.books.get_mut(&operation.name) {
                let is_new = new.contains(operation.name.as_str());
                entered.warnings.extend(enter(books, operation, is_new, now)?);
            }
        }
        let nothing = BucketChanges::default();
        let names = operations.iter().map(|operation| operation.name.as_str());
        let changed: Vec<(&str, &Books, &BucketChanges)> = names
            .filter_map(|name| Some((name, self.books.get(name)?, &nothing)))
            .filter(|(_, books, _)| {
                books.has_firm_changes() || books.are_timestamps_old(now, TIMESTAMPS_EVERY)
            })
            .collect();
        let written: BTreeSet<&str> = changed.iter().map(|(name, _, _)| *name).collect();
        if !changed.is_empty() {
            let (database, _) = self.store.ready()?;
            tables::commit_all(database, &changed)?;
            self.commits += 1;
        }
        for operation in operations {
            if let Some(books) = self.books.get_mut(&operation.name) {
                books.settle(written.contains(operation.name.as_str()), Some(now));
            }
        }
        Ok(entered)
    }
}

/// The record of an operation that enters now.
pub(super) fn record(id: u32, operation: &Operation, from_now: bool, now: Timestamp) -> Record {
    let count_from = if from_now { CountFrom::Now } else { operation.count_from };
    Record {
        id,
        server: None,
        entered: now.as_millisecond(),
        count_from: count_from_text(count_from),
        count_since: count_from.instant(&operation.zone, now).as_millisecond(),
        skills: String::new(),
        awaits_list: false,
        callers: None,
        hidden: BTreeSet::new(),
        swept: operation.zone.bucket(now, Grain::Day).index(),
        booked: 0,
        quota_day: None,
        denominators: std::collections::BTreeMap::new(),
    }
}

/// Brings the books in line with a configuration.
pub(super) fn enter(
    books: &mut Books,
    operation: &Operation,
    is_new: bool,
    now: Timestamp,
) -> Result<Vec<String>, LedgerError> {
    let mut warnings = Vec::new();
    bind(books, operation)?;
    let asked = count_from_text(operation.count_from);
    if asked != books.record.count_from {
        warnings.push(format!(
            "operations.{}.count_from is {asked}, but the operation entered the ledger with {}, which stands",
            operation.name, books.record.count_from
        ));
    }
    let policy = dnis_text(&operation.dnis);
    if books.record.callers.as_ref().is_some_and(|known| *known != policy) {
        books.touch_record().callers = None;
    }
    let past = is_new && books.record.count_from != count_from_text(CountFrom::Now);
    for report in Report::FIVE {
        let Some(grain) = report.grain() else { continue };
        let settings = operation.settings(report);
        if past && settings.is_some() {
            books.touch_record().hidden.insert(report.code().to_owned());
        }
        let Some(settings) = settings else {
            // Nothing waits for the past of a report that is off.
            if books.record.hidden.contains(report.code()) {
                books.touch_record().hidden.remove(report.code());
            }
            leave_all(books, report, operation, now);
            continue;
        };
        let settle = SignedDuration::try_from(settings.settle).unwrap_or(SignedDuration::MAX);
        let door = Door { report, grain, settle, operation, now };
        if report != Report::Skill6 {
            door.enter(books, "", past_or(books, report, Start::Opening));
            continue;
        }
        let mode = skills_mode(&operation.skills);
        let is_changed = books.record.skills != mode;
        if is_changed {
            let record = books.touch_record();
            mode.clone_into(&mut record.skills);
            record.awaits_list = mode == "discover";
        }
        match &operation.skills {
            Skills::All => door.only(books, &BTreeSet::from(["all".to_owned()])),
            Skills::Named(skills) => door.only(books, skills),
            Skills::Discover => {
                door.leave(books, &["all".to_owned()].into());
                // Skills of an earlier list, or of a report that was off, are read until the next list.
                let known: Vec<ScopeName> = books
                    .scopes
                    .iter()
                    .filter(|((report, skill), scope)| {
                        *report == Report::Skill6 && **skill != *"all" && scope.firm.parked
                    })
                    .map(|(name, _)| name.clone())
                    .collect();
                for (_, skill) in known {
                    door.enter(books, &skill, Start::Opening);
                }
            }
        }
    }
    Ok(warnings)
}

/// Brings the skills in line with a list from discovery.
pub(super) fn discovered(
    books: &mut Books,
    skills: &BTreeSet<String>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let operation = books.operation()?;
    let Some(door) = discovering(books, &operation, skills, now) else { return Ok(()) };
    door.meet(books, skills);
    if books.record.awaits_list {
        books.touch_record().awaits_list = false;
    }
    let gone = books
        .scopes
        .iter()
        .filter(|((report, skill), _)| *report == Report::Skill6 && !skills.contains(&**skill))
        .map(|((_, skill), _)| skill.as_ref().to_owned())
        .collect();
    door.leave(books, &gone);
    Ok(())
}

/// Skills that the witness has met before a list has named them; nobody leaves, and the first list is still awaited.
pub(super) fn met(books: &mut Books, skills: &BTreeSet<String>, now: Timestamp) -> Result<(), LedgerError> {
    let operation = books.operation()?;
    let is_new = |skill: &&String| !books.scopes.contains_key(&(Report::Skill6, skill.as_str().into()));
    let new: BTreeSet<String> = skills.iter().filter(is_new).cloned().collect();
    if let Some(door) = discovering(books, &operation, &new, now) {
        door.meet(books, &new);
    }
    Ok(())
}

/// The door for skills, where they are discovered.
fn discovering<'a>(
    books: &Books,
    operation: &'a Operation,
    skills: &BTreeSet<String>,
    now: Timestamp,
) -> Option<Door<'a>> {
    let (grain, settle) = books.settle_of(Report::Skill6)?;
    let is_open = operation.skills == Skills::Discover && !skills.is_empty();
    is_open.then_some(Door { report: Report::Skill6, grain, settle, operation, now })
}

/// While a report waits for the past that `count_from` names, what enters counts from there.
fn past_or(books: &Books, report: Report, start: Start) -> Start {
    if !books.record.hidden.contains(report.code()) {
        return start;
    }
    Timestamp::from_millisecond(books.record.count_since).map_or(start, Start::From)
}

/// Whether the name of the operation stands for its server, or for none yet.
pub(super) fn accepts(books: &Books, operation: &Operation) -> Result<(), LedgerError> {
    match &books.record.server {
        Some(bound) if *bound != operation.server && !operation.is_loopback() => Err(LedgerError::Bound {
            operation: operation.name.clone(),
            bound: bound.clone(),
            asked: operation.server.clone(),
        }),
        _ => Ok(()),
    }
}

fn bind(books: &mut Books, operation: &Operation) -> Result<(), LedgerError> {
    accepts(books, operation)?;
    if books.record.server.is_none() && !operation.is_loopback() {
        books.touch_record().server = Some(operation.server.clone());
    }
    Ok(())
}

/// One report of an operation, through which scopes enter and leave.
#[derive(Debug)]
struct Door<'a> {
    report: Report,
    grain: Grain,
    settle: SignedDuration,
    operation: &'a Operation,
    now: Timestamp,
}

impl Door<'_> {
    fn enter(&self, books: &mut Books, skill: &str, start: Start) {
        let name = (self.report, skill.into());
        match books.scopes.get(&name) {
            None => {
                let scope = Scope::new(start, self.grain, self.settle, &self.operation.zone, self.now);
                books.insert_scope(name, scope);
            }
            Some(scope) if scope.firm.left.is_some() => {
                if let Some(scope) = books.touch_scope(&name) {
                    scope.come_back(start, self.grain, self.settle, &self.operation.zone, self.now);
                }
            }
            Some(_) => {}
        }
    }

    /// The first ones enter as a configuration would bring them, later ones start at 0.
    fn meet(&self, books: &mut Books, skills: &BTreeSet<String>) {
        let start = if books.record.awaits_list { Start::Opening } else { Start::AtZero };
        let start = past_or(books, self.report, start);
        for skill in skills {
            self.enter(books, skill, start);
        }
    }

    fn leave(&self, books: &mut Books, skills: &BTreeSet<String>) {
        let current = self.operation.zone.bucket(self.now, self.grain).index();
        for skill in skills {
            let name = (self.report, skill.as_str().into());
            if books.is_in(&name)
                && let Some(scope) = books.touch_scope(&name)
            {
                scope.firm.left = Some(current);
            }
        }
    }

    /// Exactly these skills are read from now on.
    fn only(&self, books: &mut Books, skills: &BTreeSet<String>) {
        for skill in skills {
            self.enter(books, skill, past_or(books, self.report, Start::Opening));
        }
        let gone = books
            .scopes
            .keys()
            .filter(|(report, skill)| *report == self.report && !skills.contains(&**skill))
            .map(|(_, skill)| skill.as_ref().to_owned())
            .collect();
        self.leave(books, &gone);
    }
}

/// A report is turned off: nobody reads it, so what it holds stands, and its scopes are parked.
fn leave_all(books: &mut Books, report: Report, operation: &Operation, now: Timestamp) {
    let Some(grain) = report.grain() else { return };
    let current = operation.zone.bucket(now, grain).index();
    let names: Vec<ScopeName> = books.scopes.keys().filter(|(known, _)| *known == report).cloned().collect();
    for name in names {
        if books.is_in(&name)
            && let Some(scope) = books.touch_scope(&name)
        {
            scope.firm.left = Some(current);
            scope.firm.parked = true;
        }
    }
}
