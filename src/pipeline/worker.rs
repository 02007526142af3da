//! One operation at work: ask the schedule, ask the server, tell the ledger, show it.
//!
//! The token belongs to this task alone, so that one request is in flight by construction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::board::Board;
use super::denominator::Denominators;
use super::doubt::Doubts;
use super::reading::{self, Fetched};
use super::store::Store;
use super::track::Track;
use crate::api::{Grain, Reason, Report};
use crate::client::Client;
use crate::config::Operation;
use crate::ledger::Ledger;
use crate::metrics::Label;
use crate::report::{AsReported, Decoder, IdentityKey, Reading, Tally, told_id};
use crate::schedule::{History, Next, Outcome, Request, Schedule};
use crate::time::{Bucket, Clock, SignedDuration, Timestamp, civil};
use crate::vitals;

/// How often a stopped operation looks whether its token file has changed.
const TOKEN_GLANCE: SignedDuration = SignedDuration::from_secs(15);

/// How often the ledger sees that time passes.
const TICK_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// The task of one operation.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) operation: Arc<Operation>,
    pub(super) clock: Clock,
    pub(super) client: Client,
    pub(super) schedule: Schedule,
    pub(super) store: Store,
    pub(super) board: Board,
    pub(super) key: IdentityKey,
    pub(super) memory: Memory,
}

/// What a worker remembers between requests.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The parts of a `skill_6` day that have been read.
    pub(super) parts: Option<Parts>,
    pub(super) doubts: Doubts,
    /// Inbound calls by skill as the witness of a slot saw them.
    pub(super) witness: Option<(u64, Bucket, BTreeMap<String, i64>)>,
    /// Up to when each skill of `skill_6` has been read.
    pub(super) skill_success: BTreeMap<String, Timestamp>,
    pub(super) troubles: BTreeMap<Report, Trouble>,
    pub(super) denominators: Denominators,
    pub(super) ledger_failing: bool,
    pub(super) warned_of_limit: bool,
    /// Where the totals of each bucket are noted, when the past is read for its own sake.
    pub(super) track: Option<Track>,
    /// Label values that are known to be hidden: when their buckets begin, whose they are, and what tells them apart.
    pub(super) hidden: BTreeSet<(civil::DateTime, Report, Label, u64)>,
    /// When the ledger last saw time pass.
    pub(super) ticked: Option<Timestamp>,
}

/// The parts of one reading so far.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) reading: Reading,
    pub(super) tally: Tally,
    pub(super) as_reported: AsReported,
    /// The part that comes next, and how many there are.
    pub(super) next: (u16, u16),
}

impl Parts {
    /// Whether a part follows the ones so far.
    pub(super) fn continues(&self, reading: &Reading, part: (u16, u16)) -> bool {
        self.next == part
            && self.reading.slot == reading.slot
            && self.reading.skill == reading.skill
            && self.reading.window.to == reading.window.from
    }
}

/// Failures in a row of one report, of which the log has told once.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) reason: Reason,
    pub(super) count: u64,
    pub(super) since: Timestamp,
    /// The skills that have not been read since they failed; the empty one where a report has no skills.
    pub(super) skills: BTreeSet<String>,
}

impl Worker {
    /// Works until `stop`. `attempted` is called once, when every enabled report has been attempted.
    pub(super) async fn run(mut self, stop: CancellationToken, attempted: impl FnOnce() + Send) {
        let mut attempted = Some(attempted);
        let history = self.history().await;
        let read = history
            .skills
            .iter()
            .filter_map(|(skill, progress)| Some((skill.clone(), progress.last_success?)));
        self.memory.skill_success = read.collect();
        let name = self.operation.name.clone();
        let decided = self.store.with(move |ledger| ledger.denominators(&name)).await;
        self.memory.denominators = Denominators::from_decided(decided);
        self.publish().await;
        while !stop.is_cancelled() {
            let now = self.clock.now();
            let history = self.history().await;
            match self.schedule.next(now, &history) {
                Next::Book(booking) => {
                    let name = self.operation.name.clone();
                    let booked =
                        if history.quota_day == Some(booking.quota_day) { history.booked } else { 0 };
                    let more = booking.total.saturating_sub(booked);
                    let book = move |ledger: &mut Ledger| ledger.book(&name, booking.quota_day, more);
                    if let Err(error) = self.store.commit(book).await {
                        self.ledger_failed(&error);
                        let later =
                            now.saturating_add(SignedDuration::from_secs(5)).unwrap_or(Timestamp::MAX);
                        self.rest(later, &stop).await;
                    }
                }
                Next::Ask(request) => {
                    let outcome = tokio::select! {
                        outcome = self.turn(&request, &history) => outcome,
                        () = stop.cancelled() => return,
                    };
                    self.schedule.done(&request, outcome, self.clock.now());
                    self.show_plan(&history, self.clock.now());
                    self.publish().await;
                }
                Next::Wait(until) => {
                    self.pass_time(now).await;
                    self.show_plan(&history, now);
                    self.board.update(&self.operation.name, |_| ());
                    self.rest(until, &stop).await;
                }
            }
            if self.schedule.first_cycle_attempted()
                && let Some(attempted) = attempted.take()
            {
                attempted();
            }
        }
    }

    /// Lets the ledger see that time passes: it seals what was tried long enough and retires unused labels.
    async fn pass_time(&mut self, now: Timestamp) {
        if self.memory.ticked.is_some_and(|last| now.duration_since(last) < TICK_EVERY && now >= last) {
            return;
        }
        self.memory.ticked = Some(now);
        let name = self.operation.name.clone();
        match self.store.commit(move |ledger| ledger.tick(&name, now)).await {
            Ok(applied) => {
                self.ledger_works();
                self.tell(&applied);
                self.board.note(&self.operation.name, |face| {
                    face.vitals.mismatch(vitals::SEALED_AS_HELD, applied.sealed_as_held);
                });
                if applied.changed {
                    self.publish().await;
                }
            }
            Err(error) => self.ledger_failed(&error),
        }
        if let Err(error) = self.store.commit(Ledger::rewrite).await {
            self.ledger_failed(&error);
        }
    }

    /// Waits until there is something to do; while the token is stopped, looks whether there is another.
    async fn rest(&mut self, until: Timestamp, stop: &CancellationToken) {
        let stopped = self.schedule.paused().is_some();
        let glance = self.clock.now().saturating_add(TOKEN_GLANCE).unwrap_or(until);
        let until = if stopped { until.min(glance) } else { until };
        tokio::select! {
            () = self.clock.sleep_until(until) => {}
            () = stop.cancelled() => {}
        }
        if stopped && self.client.token_changed() {
            info!(operation = %self.operation.name, "the token has changed, trying again");
            self.schedule.token_changed(self.clock.now());
        }
    }

    pub(super) async fn history(&self) -> Arc<History> {
        let name = self.operation.name.clone();
        self.store.with(move |ledger| ledger.history(&name)).await.unwrap_or_default()
    }

    /// One request from the wire to the ledger.
    ///
    /// May be dropped at any await: the ledger works on the blocking pool and finishes its transaction whether
    /// somebody waits for it or not.
    pub(super) async fn turn(&mut self, request: &Request, history: &History) -> Outcome {
        let asked = self.clock.now();
        let report = request.report;
        self.board.note(&self.operation.name, |face| {
            face.vitals.requested();
            face.vitals.report(report).sent(asked);
        });
        self.attempted(request, asked).await;
        let day = request.window.map(|window| Bucket::of(window.from, Grain::Day));
        let denominator = self.memory.denominators.of(&self.operation, day);
        let decoder = Decoder::new(request, &self.operation, &self.key, denominator, asked);
        let Fetched { result, in_envelope, date, bytes, took } =
            reading::fetch(&mut self.client, request, decoder).await;
        if in_envelope {
            self.client.recognise();
        }
        self.board.note(&self.operation.name, |face| face.vitals.report(report).received(took, bytes));
        let from = request.window.map(|window| window.date_ini());
        let to = request.window.map(|window| window.date_end());
        let took = took.as_millis();
        let skill = told_id(&request.skill);
        let (operation, report, ok) = (&self.operation.name, report.code(), result.is_ok());
        debug!(%operation, report, %skill, from, to, bytes, took, ok, "asked");
        match result {
            Ok(decoded) => self.understand(request, decoded, (asked, date), history).await,
            Err(failure) => {
                if failure.is_of_storage() {
                    self.unasked(request.report, &failure);
                } else {
                    self.failed(request, &failure);
                }
                // Too slow or too large to arrive: less is asked for, but not without end as where rows are cut.
                match failure.reason {
                    Reason::Timeout | Reason::Truncated if request.is_indivisible() => {
                        Outcome::Failed(failure.reason)
                    }
                    Reason::Timeout => Outcome::Split(Reason::Timeout),
                    Reason::Truncated => Outcome::Split(Reason::Decode),
                    reason => Outcome::Failed(reason),
                }
            }
        }
    }
}
