//! The helper calls: which skills there are, and which of them have moved.

use std::collections::{BTreeMap, BTreeSet};

use super::worker::Worker;
use crate::api::{Grain, Reason, Report};
use crate::ledger::Look;
use crate::schedule::{History, Outcome, Purpose, Request, WitnessRow};
use crate::time::{Bucket, Timestamp};
use crate::today;

impl Worker {
    /// The vendor's list of skills.
    pub(super) async fn discovered(&mut self, skills: Vec<(String, Option<String>)>) -> Outcome {
        let ids: BTreeSet<String> = skills.iter().map(|(id, _)| id.clone()).collect();
        self.board.update(&self.operation.name, |face| {
            for (id, name) in &skills {
                face.names.skill(id, name.as_deref().unwrap_or_default());
            }
        });
        let (name, now, known) = (self.operation.name.clone(), self.clock.now(), ids.clone());
        let told = self.store.commit(move |ledger| ledger.discovered(&name, &known, now)).await;
        match told {
            Ok(_) => Outcome::Skills(ids),
            Err(error) => {
                self.ledger_failed(&error);
                Outcome::Failed(Reason::Server)
            }
        }
    }

    /// One row per skill for a day: who moved is read by the schedule, who is absent has been read and is empty.
    pub(super) async fn witnessed(
        &mut self,
        request: &Request,
        rows: Vec<WitnessRow>,
        asked: Timestamp,
        date: Option<Timestamp>,
        history: &History,
    ) -> Outcome {
        let Some(window) = request.window else { return Outcome::Failed(Reason::Mismatch) };
        let day = Bucket::of(window.from, Grain::Day);
        let present: BTreeSet<String> = rows.iter().map(|row| row.skill.clone()).collect();
        let (name, slot, now) = (self.operation.name.clone(), request.slot, request.now);
        let told = {
            let present = present.clone();
            let look = Look { window, slot, now, asked, date };
            self.store.commit(move |ledger| ledger.absent(&name, day, &present, look)).await
        };
        if let Err(error) = told {
            self.ledger_failed(&error);
            return Outcome::Failed(Reason::Server);
        }
        let calls: BTreeMap<String, i64> = rows.iter().map(|row| (row.skill.clone(), row.inbound_calls)).collect();
        if request.purpose == Purpose::Present && day == self.operation.zone.bucket(now, Grain::Day) {
            let unmoved: Vec<&str> = rows
                .iter()
                .filter(|row| self.schedule.is_unmoved(day, row))
                .map(|row| row.skill.as_str())
                .collect();
            let absent = history.skills.keys().filter(|skill| !present.contains(*skill));
            for skill in absent.map(String::as_str).chain(unmoved.iter().copied()) {
                self.memory.skill_success.insert(skill.to_owned(), now);
            }
            let fresh_until = today::fresh_until(now, self.schedule.interval(Report::Skill6));
            self.board.update(&self.operation.name, |face| {
                for skill in unmoved {
                    face.today.unmoved(skill, day, fresh_until);
                }
            });
        }
        self.memory.witness = Some((request.slot, day, calls));
        self.succeeded(request, rows.len() as u64);
        Outcome::Witness(rows)
    }
}
