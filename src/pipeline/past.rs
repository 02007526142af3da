//! Reading the past for its own sake: day after day, one request at a time, as fast as the server answers.
//!
//! What `serve` does slowly beside the present, with the same client, decoder and ledger step; only the order of the
//! questions is another. The ledger is in memory and forgotten at the end.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::board::Board;
use super::reading::{Fetched, fetch};
use super::store::Store;
use super::track::Track;
use super::worker::{Memory, Worker};
use crate::api::{Grain, Reason, Report};
use crate::client::{Client, Failure};
use crate::config::{CountFrom, Denominator, Environment, Operation, Skills};
use crate::exposition::{Publisher, SelfMetrics};
use crate::ledger::{Ledger, LedgerError};
use crate::report::{Answer, Decoder, Quota};
use crate::schedule::{Outcome, Purpose, Request, Schedule};
use crate::time::{Bucket, Clock, SignedDuration, Window, civil, shift};

/// How often a question is asked that fails in a way that may pass.
const TRIES: u32 = 6;
/// How long to wait after the first failure; twice as long after each that follows.
const PAUSE: Duration = Duration::from_secs(2);
/// What a row report is asked for around a day, so that its buckets can be sealed.
const MARGIN: SignedDuration = SignedDuration::from_hours(2);

/// Why the past could not be read.
#[derive(Debug, Error)]
pub enum PastError {
    /// The ledger refused.
    #[error("could not write the ledger in memory: {0}")]
    Ledger(#[from] LedgerError),
    /// A question has no answer.
    #[error("could not read {report}{}: {failure}", of(*.day))]
    Read {
        /// Which report.
        report: Report,
        /// Which day; none for a helper call.
        day: Option<Bucket>,
        /// The last failure.
        failure: Failure,
    },
    /// The values of `dnis` are the numbers of those who called.
    #[error("dnis seems to hold callers' numbers, which must not become labels; set dnis.allow")]
    CallersNumbers,
}

fn of(day: Option<Bucket>) -> String {
    day.map(|day| format!(" of {day}")).unwrap_or_default()
}

/// The past of one operation, on the way into a [`Track`].
#[derive(Debug)]
pub struct Past {
    worker: Worker,
    /// The skills of `skill_6`, each asked for apart.
    skills: BTreeSet<String>,
    /// Whether the server tells which skills had calls on a day.
    witness: bool,
    requests: u64,
    slot: u64,
    quota: Quota,
}

impl Past {
    /// Asks for the quota and the skills, and prepares a ledger that counts from `from`.
    ///
    /// # Errors
    ///
    /// As [`Past::read`].
    pub async fn open(
        operation: &Operation,
        env: &(dyn Environment + Send + Sync),
        locks: &Path,
        from: civil::Date,
        own: &Arc<SelfMetrics>,
    ) -> Result<Past, PastError> {
        let clock = Clock::real();
        let now = clock.now();
        let helper = |failure| PastError::Read { report: Report::TokenInfo, day: None, failure };
        let mut client = Client::new(operation, env, Some(locks)).map_err(helper)?;
        let mut ledger = Ledger::in_memory(now)?;
        let key = ledger.identity_key();
        let mut asker = Asker { client: &mut client, operation, clock: &clock, requests: 0 };
        let quota = match asker.ask(Report::TokenInfo, "", None, &key).await? {
            Answer::Quota(quota) => quota,
            _ => return Err(asker.odd(Report::TokenInfo)),
        };
        let skills = match (&operation.skills, operation.reports.skill_6) {
            (_, None) => BTreeSet::new(),
            (Skills::All, _) => BTreeSet::from(["all".to_owned()]),
            (Skills::Named(named), _) => named.clone(),
            (Skills::Discover, _) => match asker.ask(Report::Skills, "", None, &key).await? {
                Answer::Skills(skills) => skills.into_iter().map(|(id, _)| id).collect(),
                _ => return Err(asker.odd(Report::Skills)),
            },
        };
        let requests = asker.requests;
        let mut operation = operation.clone();
        operation.count_from = CountFrom::Date(from);
        if operation.skills == Skills::Discover {
            operation.skills = Skills::Named(skills.clone());
        }
        ledger.enter(&operation, now)?;
        let operation = Arc::new(operation);
        let board = Board::new(clock.clone(), Publisher::new(Arc::clone(own)));
        board.enter(Arc::clone(&operation), &operation.enabled().collect::<Vec<_>>());
        let witness = operation.skills != Skills::All && skills.len() >= 3;
        let worker = Worker {
            schedule: Schedule::new(&operation, 0, now),
            operation,
            clock,
            client,
            store: Store::new(ledger, Arc::clone(own)),
            board,
            key,
            memory: Memory::default(),
        };
        Ok(Past { worker, skills, witness, requests, slot: 0, quota })
    }

    /// What the server said of its quota.
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Requests sent so far.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// How many requests a day of the past costs at most, as long as no answer is too large.
    pub fn requests_per_day(&self) -> u64 {
        let rows = self.worker.operation.enabled().filter(|report| *report != Report::Skill6).count();
        (rows + self.skills.len() + usize::from(self.witness)) as u64
    }

    /// Reads one day of every report and notes its counters. Days are read in order.
    ///
    /// # Errors
    ///
    /// A failure that does not pass within a minute, or that cannot pass by waiting.
    pub async fn read(&mut self, day: Bucket, track: Track) -> Result<Track, PastError> {
        self.worker.memory.track = Some(track);
        let outcome = self.read_reports(day).await;
        let track = self.worker.memory.track.take().unwrap_or_default();
        outcome.map(|()| track)
    }

    async fn read_reports(&mut self, day: Bucket) -> Result<(), PastError> {
        if let Some(track) = &mut self.worker.memory.track {
            track.turn_to(day);
        }
        let reports: Vec<Report> = self.worker.operation.enabled().collect();
        for report in reports {
            self.slot += 1;
            let own = day.window();
            match report {
                Report::Skill6 => {
                    for skill in self.skills_of(day).await? {
                        let request = self.request(report, &skill, own);
                        self.ask(request, day).await?;
                    }
                    let name = self.worker.operation.name.clone();
                    if self.worker.store.with(move |ledger| ledger.withholds_callers_numbers(&name)).await {
                        return Err(PastError::CallersNumbers);
                    }
                }
                report => {
                    let margin = if report.has_rows_of_events() { MARGIN } else { SignedDuration::ZERO };
                    let window = Window { from: shift(own.from, -margin), to: shift(own.to, margin) };
                    let request = self.request(report, "", window);
                    self.ask(request, day).await?;
                }
            }
        }
        Ok(())
    }

    /// The skills that had calls on a day, where the server tells; else all.
    async fn skills_of(&mut self, day: Bucket) -> Result<BTreeSet<String>, PastError> {
        if !self.witness {
            return Ok(self.skills.clone());
        }
        let Worker { client, operation, clock, key, .. } = &mut self.worker;
        let mut asker = Asker { client, operation, clock, requests: 0 };
        let answer = asker.ask(Report::Skill1, "all", Some(day.window()), key).await;
        self.requests += asker.requests;
        match answer {
            Ok(Answer::Witness(rows)) => {
                let present: BTreeSet<String> = rows.into_iter().map(|row| row.skill).collect();
                Ok(self.skills.intersection(&present).cloned().collect())
            }
            Ok(_) => Ok(self.skills.clone()),
            // Not every server answers it; the skills are then asked one by one.
            Err(PastError::Read { failure, .. }) if failure.reason == Reason::Request => {
                self.witness = false;
                Ok(self.skills.clone())
            }
            Err(error) => Err(error),
        }
    }

    fn request(&self, report: Report, skill: &str, window: Window) -> Request {
        Request {
            report,
            skill: skill.to_owned(),
            window: Some(window),
            slot: self.slot,
            now: self.worker.clock.now(),
            purpose: Purpose::CatchUp,
            part: (0, 1),
        }
    }

    /// Asks until the answer has been applied, in as small pieces as the server needs.
    async fn ask(&mut self, request: Request, day: Bucket) -> Result<(), PastError> {
        let report = request.report;
        let mut queue = VecDeque::from([request]);
        let mut tried = 0;
        while let Some(request) = queue.pop_front() {
            let history = self.worker.history().await;
            let request = Request { now: self.worker.clock.now(), ..request };
            self.requests += 1;
            let outcome = self.worker.turn(&request, &history).await;
            let reason = match outcome {
                Outcome::Applied { coarse: true, .. } if !request.is_indivisible() => None,
                Outcome::Split(_) => None,
                Outcome::Failed(reason) => Some(reason),
                _ => {
                    tried = 0;
                    continue;
                }
            };
            match reason {
                None => {
                    // The parts of a skill_6 day stand for all of it.
                    if report == Report::Skill6 {
                        queue.clear();
                    }
                    for finer in request.finer().into_iter().rev() {
                        queue.push_front(finer);
                    }
                }
                Some(reason) => {
                    tried += 1;
                    if !may_pass(reason) || tried >= TRIES {
                        let failure = self.failure(report, reason);
                        return Err(PastError::Read { report, day: Some(day), failure });
                    }
                    pause(tried).await;
                    // Parts that were held back are gone with the failure of one of them.
                    if let (Report::Skill6, true) = (report, request.part.1 > 1) {
                        let whole = self.request(report, &request.skill, day.window());
                        queue.clear();
                        queue.push_front(whole);
                    } else {
                        queue.push_front(request);
                    }
                }
            }
        }
        self.worker.count_held().await.map_err(|error| {
            let reason = if error.is_of_answer() { Reason::Decode } else { Reason::Server };
            let failure = Failure::new(reason, &error);
            PastError::Read { report, day: Some(day), failure }
        })
    }

    /// The words of the failure that the worker has just shown.
    fn failure(&self, report: Report, reason: Reason) -> Failure {
        let told = self.worker.board.look_at_all(|face| {
            let mut reports = face.vitals.reports();
            let found = reports.find(|(code, _)| *code == report);
            found.and_then(|(_, vitals)| vitals.last_failure.clone())
        });
        match told.into_iter().flatten().next() {
            Some((_, reason, detail)) => Failure::new(reason, &detail),
            None => Failure::new(reason, &reason),
        }
    }
}

/// Asks questions whose answers do not go into a ledger.
struct Asker<'a> {
    client: &'a mut Client,
    operation: &'a Operation,
    clock: &'a Clock,
    requests: u64,
}

impl Asker<'_> {
    async fn ask(
        &mut self,
        report: Report,
        skill: &str,
        window: Option<Window>,
        key: &crate::report::IdentityKey,
    ) -> Result<Answer, PastError> {
        let mut tried = 0;
        loop {
            let now = self.clock.now();
            let skill = skill.to_owned();
            let purpose = Purpose::Helper;
            let request = Request { report, skill, window, slot: 0, now, purpose, part: (0, 1) };
            let decoder = Decoder::new(&request, self.operation, key, Denominator::Auto, now);
            self.requests += 1;
            let Fetched { result, .. } = fetch(self.client, &request, decoder).await;
            let failure = match result {
                Ok(decoded) => {
                    self.client.recognise();
                    match decoded.envelope.stated {
                        // Skills missing from a cut witness would be taken for silent.
                        Some(stated) if stated > decoded.tally.rows => {
                            Failure::new(Reason::Truncated, &"the answer has fewer rows than it says")
                        }
                        _ => return Ok(decoded.answer),
                    }
                }
                Err(failure) => failure,
            };
            tried += 1;
            if !may_pass(failure.reason) || tried >= TRIES {
                let day = window.map(|window| Bucket::of(window.from, Grain::Day));
                return Err(PastError::Read { report, day, failure });
            }
            pause(tried).await;
        }
    }

    fn odd(&self, report: Report) -> PastError {
        let failure = Failure::new(Reason::Decode, &"the answer is of another kind than the question");
        PastError::Read { report, day: None, failure }
    }
}

/// Whether asking again may help.
const fn may_pass(reason: Reason) -> bool {
    !matches!(reason, Reason::Auth | Reason::Quota | Reason::Request)
}

async fn pause(tried: u32) {
    tokio::time::sleep(PAUSE.saturating_mul(1 << tried.min(6).saturating_sub(1))).await;
}
