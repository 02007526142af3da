//! The helper calls: which skills there are, and which of them have moved.

use std::collections::{BTreeMap, BTreeSet};

use super::worker::Worker;
use crate::api::{Grain, Reason, Report};
use crate::ledger::{Ledger, LedgerError, Witness};
use crate::schedule::{History, Outcome, Purpose, Request, WitnessRow};
use crate::time::{Bucket, Timestamp};
use crate::today;

impl Worker {
    /// The vendor's list of skills.
    pub(super) async fn discovered(&mut self, skills: Vec<(String, Option<String>)>) -> Outcome {
        let ids: BTreeSet<String> = skills.iter().map(|(id, _)| id.clone()).collect();
        self.board.note(&self.operation.name, |face| {
            for (id, name) in &skills {
                face.names.skill(id, name.as_deref().unwrap_or_default());
            }
        });
        let (name, now, known) = (self.operation.name.clone(), self.clock.now(), ids.clone());
        let told = self.store.commit(move |ledger| ledger.discovered(&name, &known, now)).await;
        match told {
            Ok(_) => Outcome::Skills(ids),
            Err(error) => {
                self.unsaved(Report::Skills, &error);
                Outcome::Failed(Reason::Server)
            }
        }
    }

    /// One row per skill for a day: who moved is read by the schedule, who is absent has been read and is empty.
    pub(super) async fn witnessed(
        &mut self,
        request: &Request,
        rows: Vec<WitnessRow>,
        (asked, date): (Timestamp, Option<Timestamp>),
        history: &History,
    ) -> Outcome {
        let Some(window) = request.window else { return Outcome::Failed(Reason::Mismatch) };
        let day = Bucket::of(window.from, Grain::Day);
        if !self.schedule.believes_witness(rows.len()) {
            self.succeeded(request, 0);
            return Outcome::Witness(rows);
        }
        let present: BTreeSet<String> = rows.iter().map(|row| row.skill.clone()).collect();
        let (name, slot, now) = (self.operation.name.clone(), request.slot, request.now);
        let unmoved: BTreeSet<String> = rows
            .iter()
            .filter(|row| self.schedule.is_unmoved(day, row))
            .map(|row| row.skill.clone())
            .collect();
        let told = {
            let (present, unmoved) = (present.clone(), unmoved.clone());
            let known: BTreeSet<String> =
                self.schedule.skills().into_iter().chain(history.skills.keys().cloned()).collect();
            let absent = move |ledger: &mut Ledger| {
                let witness = Witness { day, present: &present, known: &known, slot, now, asked, date };
                // Those that no list has named yet are read at once, too.
                let mut applied = ledger.met(&name, &present, now)?;
                applied.merge(ledger.absent(&name, &witness)?);
                applied.merge(ledger.unmoved(&name, day, &unmoved, now)?);
                Ok::<_, LedgerError>(applied)
            };
            self.store.commit(absent).await
        };
        match told {
            Ok(applied) => self.changed(Report::Skill6, &applied),
            Err(error) => {
                self.unsaved(request.report, &error);
                return Outcome::Failed(Reason::Server);
            }
        }
        let calls: BTreeMap<String, i64> =
            rows.iter().map(|row| (row.skill.clone(), row.inbound_calls)).collect();
        if request.purpose == Purpose::Present && day == self.operation.zone.bucket(now, Grain::Day) {
            let absent = history.skills.keys().filter(|skill| !present.contains(*skill));
            for skill in absent.chain(&unmoved) {
                self.memory.skill_success.insert(skill.clone(), now);
            }
            let fresh_until = today::fresh_until(now, self.schedule.interval(Report::Skill6));
            self.board.note(&self.operation.name, |face| {
                for skill in &unmoved {
                    face.today.unmoved(skill, day, fresh_until);
                }
            });
        }
        self.memory.witness = Some((request.slot, day, calls));
        self.succeeded(request, rows.len() as u64);
        Outcome::Witness(rows)
    }
}
