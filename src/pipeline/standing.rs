//! Telling people: the log, in which a failure is told once, and the board.

use std::collections::BTreeSet;
use std::fmt::Display;

use tracing::{debug, error, info, warn};

use super::worker::{Trouble, Worker};
use super::{Board, Store};
use crate::api::Report;
use crate::client::Failure;
use crate::config::Operation;
use crate::ledger::{Applied, Note};
use crate::report::Tally;
use crate::schedule::{History, LimitSource, Request};
use crate::time::{Clock, Timestamp};
use crate::vitals::{self, Quota};

/// After how many failures in a row the log tells again.
const REMINDER: u64 = 50;
/// Far more values that could be persons' numbers than a day has; beyond, the oldest may be counted again.
const MOST_HIDDEN: usize = 100_000;

impl Worker {
    pub(super) fn succeeded(&mut self, request: &Request, rows: u64) {
        let report = request.report;
        let is_over = match self.memory.troubles.get_mut(&report) {
            None => true,
            Some(trouble) => {
                trouble.skills.remove(&request.skill);
                trouble.skills.is_empty()
            }
        };
        if is_over && let Some(trouble) = self.memory.troubles.remove(&report) {
            info!(
                operation = %self.operation.name,
                report = report.code(),
                failures = trouble.count,
                "reading works again"
            );
        }
        let now = self.clock.now();
        self.board.note(&self.operation.name, |face| {
            let vitals = face.vitals.report(report);
            vitals.succeeded(rows);
            // One skill that was read does not make up for another that could not be.
            vitals.up = Some(is_over);
            if report.grain().is_none() {
                vitals.last_success = Some(now);
            }
        });
    }

    /// A failure is told once, where it is handled; repeats of the same kind are counted and told now and then.
    pub(super) fn failed(&mut self, request: &Request, failure: &Failure) {
        let (report, now) = (request.report, self.clock.now());
        let trouble = self.memory.troubles.entry(report).or_insert(Trouble {
            reason: failure.reason,
            count: 0,
            since: now,
            skills: BTreeSet::new(),
        });
        trouble.skills.insert(request.skill.clone());
        let news = trouble.count == 0 || trouble.reason != failure.reason;
        trouble.reason = failure.reason;
        trouble.count += 1;
        let (operation, code, reason) = (&self.operation.name, report.code(), failure.reason.as_str());
        if news || trouble.count.is_multiple_of(REMINDER) {
            let failures = trouble.count;
            let since = trouble.since;
            warn!(%operation, report = code, reason, failures, %since, "could not read: {failure}");
        } else {
            debug!(%operation, report = code, reason, failures = trouble.count, "could not read: {failure}");
        }
        let words = failure.to_string();
        self.board.note(operation, |face| face.vitals.report(report).failed(now, failure.reason, words));
    }

    pub(super) fn tally(&mut self, report: Report, tally: &Tally) {
        let mut hidden = Vec::new();
        for (label, seen) in &tally.folded {
            let mut news = 0;
            for (bucket, value) in seen {
                // Read again, a value is still the same one of its bucket.
                news += u64::from(self.memory.hidden.insert((bucket.first(), report, *label, *value)));
            }
            hidden.push((*label, news));
        }
        while self.memory.hidden.len() > MOST_HIDDEN {
            self.memory.hidden.pop_first();
        }
        self.board.note(&self.operation.name, |face| {
            let vitals = face.vitals.report(report);
            for (field, count) in &tally.rejected {
                vitals.rejected(field, *count);
            }
            for (reason, count) in &tally.dropped {
                vitals.dropped(reason.as_str(), *count);
            }
            for (check, count) in &tally.mismatches {
                face.vitals.mismatch(check, *count);
            }
            for (label, count) in hidden {
                face.vitals.folded(label, count);
            }
            for (id, name) in &tally.names.skills {
                face.names.skill(id, name);
            }
            for (code, description) in &tally.names.activities {
                face.names.activity(code, description);
            }
        });
    }

    pub(super) async fn attempted(&self, request: &Request, at: Timestamp) {
        let (name, report, skill) = (self.operation.name.clone(), request.report, request.skill.clone());
        self.store.with(move |ledger| ledger.attempted(&name, report, &skill, at)).await;
    }

    /// What the ledger has to say of a change.
    pub(super) fn tell(&self, applied: &Applied) {
        let operation = &self.operation.name;
        for note in &applied.notes {
            match note {
                Note::CallersNumbers { .. } => {
                    error!(%operation, "{note}");
                    self.board.note(operation, |face| face.today.withdraw_numbers());
                }
                Note::Retired { .. } => info!(%operation, "{note}"),
                Note::CaughtUp { report } => info!(%operation, %report, "{note}"),
                Note::NotSealed { report, .. } | Note::SealedAsHeld { report, .. } => {
                    warn!(%operation, %report, "{note}");
                }
            }
        }
    }

    /// A good answer that the ledger could not take: nothing of it is shown.
    pub(super) fn unsaved(&mut self, report: Report, error: &dyn Display) {
        self.ledger_failed(error);
        self.board.note(&self.operation.name, |face| face.vitals.report(report).up = Some(false));
    }

    /// A question that was not sent, because the token could not be locked beside the ledger.
    pub(super) fn unasked(&mut self, report: Report, failure: &Failure) {
        self.store.failed();
        self.ledger_failed(failure);
        let (now, words) = (self.clock.now(), failure.to_string());
        self.board.note(&self.operation.name, |face| face.vitals.report(report).unasked(now, words));
    }

    /// What the ledger counted on the way.
    pub(super) fn changed(&self, report: Report, applied: &Applied) {
        self.board.note(&self.operation.name, |face| {
            let vitals = face.vitals.report(report);
            vitals.revised(applied.revisions.down, applied.revisions.up, applied.revisions.relabelled);
            vitals.dropped("outside_window", applied.dropped.outside_window);
            vitals.dropped("sealed", applied.dropped.sealed);
            applied.lateness.iter().for_each(|late| vitals.late(*late));
            face.vitals.mismatch(vitals::SEALED_AS_HELD, applied.sealed_as_held);
            applied.folded.iter().for_each(|(label, count)| face.vitals.folded(*label, *count));
        });
        self.tell(applied);
    }

    pub(super) fn ledger_failed(&mut self, error: &dyn Display) {
        if !self.memory.ledger_failing {
            error!(operation = %self.operation.name, "could not write the ledger, counters stand still: {error}");
        }
        self.memory.ledger_failing = true;
    }

    pub(super) fn ledger_works(&mut self) {
        if self.memory.ledger_failing {
            info!(operation = %self.operation.name, "the ledger can be written again");
        }
        self.memory.ledger_failing = false;
    }

    /// Shows what the schedule plans.
    pub(super) fn show_plan(&mut self, history: &History, now: Timestamp) {
        let view = self.schedule.quota(now, history);
        if view.source == LimitSource::Assumed
            && !self.memory.warned_of_limit
            && self.schedule.first_cycle_attempted()
        {
            self.memory.warned_of_limit = true;
            warn!(
                operation = %self.operation.name,
                limit = view.limit,
                "the daily quota is unknown, planning with {}; set daily_requests",
                view.limit
            );
        }
        let reports: Vec<_> = self
            .operation
            .enabled()
            .map(|report| {
                let catching_up = self.schedule.catching_up(report, history, now);
                (report, self.schedule.interval(report), catching_up, self.schedule.next_due(report))
            })
            .collect();
        let in_force = self.schedule.skills();
        if let Some(trouble) = self.memory.troubles.get_mut(&Report::Skill6) {
            trouble.skills.retain(|skill| in_force.contains(skill));
        }
        let oldest = in_force.iter().map(|skill| self.memory.skill_success.get(skill).copied()).min();
        let paused = self.schedule.paused();
        self.board.note(&self.operation.name, |face| {
            for (report, interval, catching_up, next) in reports {
                let vitals = face.vitals.report(report);
                vitals.interval = Some(interval);
                vitals.catching_up = Some(catching_up);
                vitals.next = next;
                if report == Report::Skill6 {
                    // One skill that has not been read yet leaves both as they were.
                    if let Some(Some(oldest)) = oldest {
                        vitals.last_success = Some(oldest);
                        vitals.data_through = Some(oldest);
                    }
                }
            }
            for report in [Report::Skills, Report::TokenInfo] {
                face.vitals.report(report).next = self.schedule.next_due(report);
            }
            // Before the vendor has been asked, an assumed limit and our own count would pass for its word.
            let unknown =
                view.source == LimitSource::Assumed && face.vitals.report(Report::TokenInfo).up.is_none();
            face.vitals.quota = if unknown {
                Quota::default()
            } else {
                Quota { today: Some(view.used_today), limit: Some(view.limit), forecast: Some(view.forecast) }
            };
            face.paused = paused;
        });
    }

    /// Shows what the ledger holds now.
    pub(super) async fn publish(&mut self) {
        publish(&self.store, &self.board, &self.operation, &self.clock).await;
    }
}

/// Shows what the ledger holds of an operation.
pub(super) async fn publish(store: &Store, board: &Board, operation: &Operation, clock: &Clock) {
    let name = operation.name.clone();
    let (enabled, now): (Vec<Report>, _) = (operation.enabled().collect(), clock.now());
    let (published, labelled, standings, withheld) = store
        .with(move |ledger| {
            let standings: Vec<_> =
                enabled.into_iter().map(|report| (report, ledger.standing(&name, report, now))).collect();
            let withheld = ledger.withholds_callers_numbers(&name);
            (ledger.published(&name), super::labelled(ledger, &name), standings, withheld)
        })
        .await;
    board.update(&operation.name, |face| {
        face.counters(published.generation, published.blocks, labelled);
        face.withheld = withheld;
        for (report, standing) in standings {
            let vitals = face.vitals.report(report);
            vitals.counting_since = standing.counting_since;
            vitals.owed = Some(standing.owed);
            vitals.last_attempt = vitals.last_attempt.max(standing.last_attempt);
            if report != Report::Skill6 || vitals.last_success.is_none() {
                vitals.last_success = standing.last_success;
                vitals.data_through = standing.data_through;
            }
        }
    });
}
