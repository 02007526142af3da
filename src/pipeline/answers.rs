//! What an answer says, and what becomes of it: applied, held back, or asked for again in pieces.

use std::collections::{BTreeMap, BTreeSet};

use tracing::debug;

use super::denominator::Denominators;
use super::doubt::{Judgement, Verdict};
use super::track::Track;
use super::worker::{Parts, Worker};
use crate::api::{Grain, Reason, Report};
use crate::client::Failure;
use crate::ledger::{Applied, Ledger, LedgerError};
use crate::metrics::Label;
use crate::report::{self, Answer, AsReported, Decoded, Gauge, Reading};
use crate::schedule::{History, Outcome, Purpose, Request};
use crate::time::{Bucket, Timestamp};
use crate::today::{self, SkillDay};

/// At this many rows an answer is cut by the server.
const ROW_LIMIT: u64 = 60_000;

impl Worker {
    pub(super) async fn understand(
        &mut self,
        request: &Request,
        decoded: Decoded,
        instants: (Timestamp, Option<Timestamp>),
        history: &History,
    ) -> Outcome {
        let rows = decoded.tally.rows;
        match decoded.answer {
            Answer::Reading(_) => self.read(request, decoded).await,
            Answer::Quota(quota) => {
                self.succeeded(request, rows);
                self.tally(request.report, &decoded.tally);
                Outcome::Quota { limit: quota.limit, used: quota.used() }
            }
            Answer::Skills(skills) => {
                self.succeeded(request, rows);
                self.tally(request.report, &decoded.tally);
                self.discovered(skills).await
            }
            Answer::Witness(witness) => {
                self.tally(request.report, &decoded.tally);
                match decoded.envelope.stated {
                    // A skill missing from a witness counts as silent, so an incomplete one says nothing.
                    Some(stated) if stated > rows => self.incomplete(request, rows, stated - rows),
                    _ => self.witnessed(request, witness, instants, history).await,
                }
            }
        }
    }

    /// A reading of one of the five: complete, or to be split.
    async fn read(&mut self, request: &Request, decoded: Decoded) -> Outcome {
        let rows = decoded.tally.rows;
        let divisible = !request.is_indivisible();
        if rows >= ROW_LIMIT && divisible {
            return self.cut(request, &format!("answer has {rows} rows, the limit of the server"));
        }
        let missing = decoded.envelope.stated.map_or(0, |stated| stated.saturating_sub(rows));
        let Judgement { verdict, cut } = self.memory.doubts.judge(request, missing, decoded);
        if request.report == Report::Skill6 && !cut.is_empty() {
            // Without the parts before it this one is worth nothing.
            return self.incomplete(request, rows, missing);
        }
        let outcome = match verdict {
            Verdict::Held => Outcome::Applied { rows, coarse: false },
            Verdict::Sound(answers) => {
                if rows >= ROW_LIMIT {
                    // There is no smaller window to ask for: what there is counts, and so does that it was cut.
                    self.truncated(request);
                }
                self.take_all(rows, answers).await
            }
            Verdict::Incomplete(decoded) if !divisible && request.report.has_rows_of_events() => {
                self.truncated(request);
                self.take(request, *decoded).await
            }
            Verdict::Incomplete(_) => self.incomplete(request, rows, missing),
        };
        self.again(cut, outcome).await
    }

    async fn take_all(&mut self, rows: u64, answers: Vec<(Request, Decoded)>) -> Outcome {
        let mut outcome = Outcome::Applied { rows, coarse: false };
        for (request, decoded) in answers {
            outcome = self.take(&request, decoded).await;
            if !matches!(outcome, Outcome::Applied { coarse: false, .. }) {
                break;
            }
        }
        outcome
    }

    /// Asks again for what was held back and has turned out to be cut; what cannot be asked in pieces counts as it is.
    async fn again(&mut self, cut: Vec<(Request, Decoded)>, outcome: Outcome) -> Outcome {
        let mut outcome = outcome;
        // The last one is put in front first.
        for (request, decoded) in cut.into_iter().rev() {
            if request.is_indivisible() {
                self.truncated(&request);
                let taken = self.take(&request, decoded).await;
                if let (Outcome::Applied { .. }, Outcome::Failed(_)) = (&outcome, &taken) {
                    outcome = taken;
                }
            } else if !self.schedule.ask_again(&request) {
                self.failed(
                    &request,
                    &Failure::new(Reason::Truncated, &"answers are cut, however little is asked for"),
                );
                outcome = Outcome::Failed(Reason::Truncated);
            }
        }
        outcome
    }

    fn truncated(&self, request: &Request) {
        self.board.note(&self.operation.name, |face| face.vitals.report(request.report).truncated());
    }

    fn incomplete(&mut self, request: &Request, rows: u64, missing: u64) -> Outcome {
        let words = match missing {
            0 => "an answer of this day had fewer rows than it said".to_owned(),
            missing => format!("answer has {rows} rows and says {}", rows.saturating_add(missing)),
        };
        self.cut(request, &words)
    }

    fn cut(&mut self, request: &Request, words: &str) -> Outcome {
        self.failed(request, &Failure::new(Reason::Truncated, &words));
        if request.is_indivisible() {
            Outcome::Failed(Reason::Truncated)
        } else {
            Outcome::Split(Reason::Truncated)
        }
    }

    /// Takes one complete answer: as it is, or as a part of a `skill_6` day.
    async fn take(&mut self, request: &Request, decoded: Decoded) -> Outcome {
        let Decoded { answer: Answer::Reading(mut reading), mut tally, mut as_reported, .. } = decoded else {
            return Outcome::Failed(Reason::Decode);
        };
        let rows = tally.rows;
        let (part, parts) = request.part;
        let coarse = tally.coarse;
        let ended = self.operation.zone.end(Bucket::of(reading.window.from, Grain::Day)) <= request.now;
        if coarse && !request.is_indivisible() && (parts > 1 || ended) {
            // The schedule asks again in finer parts; percentages of so many calls do not name one count.
            self.memory.parts = None;
            return Outcome::Applied { rows, coarse };
        }
        if parts > 1 {
            let started = match (part, self.memory.parts.take()) {
                (0, _) => Parts { reading, tally, as_reported, next: (1, parts) },
                (_, Some(mut held)) if held.continues(&reading, request.part) => {
                    held.reading.add_part(reading);
                    held.tally.add(&tally);
                    held.as_reported.add_part(as_reported);
                    held.next.0 += 1;
                    held
                }
                _ => {
                    self.failed(
                        request,
                        &Failure::new(Reason::Mismatch, &"a part does not follow the one before it"),
                    );
                    return Outcome::Failed(Reason::Mismatch);
                }
            };
            if started.next.0 < parts {
                self.memory.parts = Some(started);
                return Outcome::Applied { rows, coarse };
            }
            Parts { reading, tally, as_reported, .. } = started;
        }
        if request.report == Report::Skill6 {
            let day = Bucket::of(reading.window.from, Grain::Day);
            let before = self.memory.denominators.decided().clone();
            let refuted = self.memory.denominators.learn(&self.operation, day, tally.evidence);
            if *self.memory.denominators.decided() != before && self.decide().await.is_err() {
                self.memory.denominators = Denominators::from_decided(before);
                return Outcome::Failed(Reason::Server);
            }
            if refuted {
                let words = "the percentages are not of what they were taken to be of; reading again";
                self.failed(request, &Failure::new(Reason::Mismatch, &words));
                return Outcome::Failed(Reason::Mismatch);
            }
        }
        match self.apply(reading.clone()).await {
            Err(error) if error.is_of_answer() => {
                // Asked again, it may be another; whatever it says, the ledger is as it was.
                self.failed(request, &Failure::new(Reason::Decode, &error));
                Outcome::Failed(Reason::Decode)
            }
            // Nothing has changed, on disk or in memory; the reading is asked for again.
            Err(error) => {
                self.unsaved(request.report, &error);
                Outcome::Failed(Reason::Server)
            }
            Ok(applied) => {
                self.succeeded(request, tally.rows);
                self.tally(request.report, &tally);
                self.applied(request, &reading, &applied, as_reported).await;
                Outcome::Applied { rows, coarse }
            }
        }
    }

    /// Writes down what the percentages are of, before anything is converted by it.
    async fn decide(&mut self) -> Result<(), ()> {
        let (name, now) = (self.operation.name.clone(), self.clock.now());
        let decided = self.memory.denominators.decided().clone();
        let decide = move |ledger: &mut Ledger| ledger.decide(&name, &decided, now);
        self.store.commit(decide).await.map_err(|error| self.ledger_failed(&error))
    }

    async fn apply(&mut self, reading: Reading) -> Result<Applied, LedgerError> {
        match &mut self.memory.track {
            Some(track) => {
                track.hold(reading);
                Ok(Applied::default())
            }
            None => self.commit(reading).await,
        }
    }

    /// Applies what the track holds, bucket by bucket, and notes the counters at the end of each.
    pub(super) async fn count_held(&mut self) -> Result<(), LedgerError> {
        let held = self.memory.track.as_mut().map(Track::take_held).unwrap_or_default();
        for (bucket, piece) in held {
            self.commit(piece).await?;
            let name = self.operation.name.clone();
            let totals = self.store.with(move |ledger| ledger.totals(&name).collect::<Vec<_>>()).await;
            if let Some(track) = &mut self.memory.track {
                track.note(bucket.grain(), self.operation.zone.end(bucket), totals);
            }
        }
        Ok(())
    }

    async fn commit(&mut self, reading: Reading) -> Result<Applied, LedgerError> {
        let name = self.operation.name.clone();
        let applied = self.store.commit(move |ledger| ledger.apply(&name, &reading)).await?;
        self.ledger_works();
        Ok(applied)
    }

    /// Shows what a reading changed.
    async fn applied(
        &mut self,
        request: &Request,
        reading: &Reading,
        applied: &Applied,
        as_reported: AsReported,
    ) {
        let report = request.report;
        let zone = &self.operation.zone;
        let today = zone.bucket(request.now, Grain::Day);
        let asked_day = Bucket::of(reading.window.from, Grain::Day);
        let fresh_until = today::fresh_until(request.now, self.schedule.interval(report));
        let gauges = as_reported.gauges(today.date());
        let (labels, shown) = self.labels(&request.skill, &gauges).await;
        // A reading of yesterday says nothing about today.
        if report == Report::Skill6 && request.purpose == Purpose::Present && asked_day == today {
            self.memory.skill_success.insert(request.skill.clone(), request.now);
        }
        let audited = match &self.memory.witness {
            Some((slot, day, calls)) if *slot == request.slot && *day == asked_day => {
                calls.get(&request.skill)
            }
            _ => None,
        };
        let audited = audited.copied();
        self.changed(report, applied);
        self.board.note(&self.operation.name, |face| {
            if report == Report::Skill6 && asked_day == today {
                let total = SkillDay::of(reading);
                let label =
                    |label, value: &str| labels.get(&(label, value.into())).cloned().unwrap_or(value.into());
                face.today.read_skill(&request.skill, today, total, gauges, fresh_until, label);
                face.names.skill(&request.skill, "");
                if let (Some(calls), Some(shown)) = (audited, &shown) {
                    face.today.audit(&request.skill, today, (shown, calls.saturating_sub(total.inbound)));
                }
            } else if report == Report::Diagram12 && request.purpose == Purpose::Present {
                let reaches_present = reading.window.to >= zone.present(request.now);
                face.today.read_ivr(today, reading.window, gauges, reaches_present.then_some(fresh_until));
            }
        });
        let skill = report::told_id(&request.skill);
        for bucket in &applied.sealed {
            debug!(operation = %self.operation.name, report = report.code(), %skill, bucket = %bucket, "sealed");
        }
    }

    /// The bounded labels of the gauges' values, and of the skill asked for; none where that has no label of its own.
    ///
    /// The skill stands as in the counters: what is asked for comes from the configuration or from discovery and is
    /// not bounded with the skills that other reports mention.
    async fn labels(
        &self,
        skill: &str,
        gauges: &[Gauge],
    ) -> (BTreeMap<(Label, Box<str>), Box<str>>, Option<Box<str>>) {
        let values = gauges.iter().filter_map(|gauge| gauge.labels.get(&Label::Dnis).cloned());
        let values: BTreeSet<Box<str>> = values.collect();
        let name = self.operation.name.clone();
        let shown = report::shown_id(skill);
        let own = (*shown == *skill).then_some(shown);
        let resolve = move |ledger: &mut Ledger| {
            let label = |value: Box<str>| {
                let shown = ledger.label_of(&name, Label::Dnis, &value);
                ((Label::Dnis, value), shown)
            };
            (values.into_iter().map(label).collect(), own)
        };
        self.store.with(resolve).await
    }
}
