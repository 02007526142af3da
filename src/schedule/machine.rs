//! The schedule of one operation: what is due, and in which order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::api::{Reason, Report};
use crate::config::Operation;
use crate::schedule::budget::affords;
use crate::schedule::cadence::Cadence;
use crate::schedule::plan::{Assumptions, Plan};
use crate::schedule::quota::{Quota, Share};
use crate::schedule::skills::{Concerned, SkillBook};
use crate::schedule::slot::{Slot, Task, Turn};
use crate::schedule::{History, Next, Outcome, Purpose, Request, WitnessRow, split};
use crate::time::{Bucket, SignedDuration, Timestamp};

/// Pause between an answer and the next question of the same operation.
pub(super) const SPACING: SignedDuration = SignedDuration::from_millis(500);

/// Over how long the first turns of operations are spread.
const SPREAD: Duration = Duration::from_secs(20);
/// Pause between two turns that only read a long past.
const PAST_SPACING: SignedDuration = SignedDuration::from_secs(5);

/// The turn of one of the five reports.
#[derive(Debug)]
pub(super) struct Lane {
    /// When the last regular slot began; before the first one, such that the first is due at its jitter.
    pub(super) started: Timestamp,
    /// When what failed is asked again.
    pub(super) retry_at: Option<Timestamp>,
    /// Failed slots in a row.
    pub(super) streak: u32,
    /// Regular slots so far.
    pub(super) turns: u64,
    /// Requests a regular slot costs, older buckets left out; a moving average.
    pub(super) cost: f64,
    /// Requests a turn of older buckets costs; a moving average.
    pub(super) cost_apart: f64,
    /// Readings still to come until a gap counts as closed.
    pub(super) gap: u8,
    /// Whether the report has been asked, or could not be.
    pub(super) attempted: bool,
    /// Whether the last full answer passed 20,000 rows.
    pub(super) heavy: bool,
    /// How long a window is asked at once, in seconds, where longer ones took too long.
    pub(super) span: Option<i64>,
    /// The shortest window that took too long lately, in seconds.
    pub(super) too_long: Option<i64>,
    /// Windows of that length answered in a row.
    pub(super) fits: u32,
    /// Slots in a row that gave up cutting.
    pub(super) gave_up: u32,
    /// The last of the older buckets that was asked.
    pub(super) cursor: Option<Bucket>,
    /// No older buckets before this instant.
    pub(super) past_at: Timestamp,
    /// Failures of older buckets in a row.
    pub(super) past_streak: u32,
    /// Whether there were older buckets at the last look.
    pub(super) has_past: bool,
}

/// A helper call's turn.
#[derive(Debug)]
pub(super) struct Helper {
    pub(super) due: Timestamp,
    pub(super) streak: u32,
    /// Whether it has ever been answered.
    pub(super) works: bool,
}

/// The whole operation waits.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) reason: Reason,
    pub(super) until: Timestamp,
}

/// The schedule of one operation.
///
/// Deterministic: the same seed, configuration, instants, histories and outcomes give the same requests.
#[derive(Debug)]
pub struct Schedule {
    pub(super) operation: Operation,
    pub(super) rng: ChaCha8Rng,
    pub(super) lanes: BTreeMap<Report, Lane>,
    pub(super) token_info: Helper,
    pub(super) names: Helper,
    pub(super) quota: Quota,
    pub(super) skills: SkillBook,
    /// The skills and their open days as the last turn of `skill_6` found them.
    pub(super) concerned: Concerned,
    pub(super) slot: Option<Slot>,
    pub(super) flight: Option<Task>,
    pub(super) last_slot: u64,
    pub(super) pause: Option<Pause>,
    /// Failures in a row that concern the operation.
    pub(super) trouble: u32,
    /// The last success of anything but a helper.
    pub(super) worked_at: Option<Timestamp>,
    pub(super) ready_at: Timestamp,
    pub(super) latest: Timestamp,
}

impl Schedule {
    /// The schedule of an operation that starts at `now`; first turns are spread by the seed.
    pub fn new(operation: &Operation, seed: u64, now: Timestamp) -> Schedule {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let first = after(now, Duration::from_secs_f64(rng.random_range(0.0..5.0)));
        let mut schedule = Schedule {
            operation: operation.clone(),
            rng,
            lanes: BTreeMap::new(),
            token_info: Helper { due: first, streak: 0, works: false },
            names: Helper { due: first, streak: 0, works: false },
            quota: Quota::new(operation.daily_requests, now),
            skills: SkillBook::new(operation, now),
            concerned: Concerned::default(),
            slot: None,
            flight: None,
            last_slot: u64::try_from(now.as_millisecond()).unwrap_or(0),
            pause: None,
            trouble: 0,
            worked_at: None,
            ready_at: now,
            latest: now,
        };
        schedule.open_lanes(now);
        // The list of skills comes before what is read by it: the witness would show skills that nobody has entered.
        let lanes = schedule.lanes.iter().map(|(report, lane)| schedule.lane_due(*report, lane, 1.0));
        let first = lanes.min().map_or(first, |lane| lane.min(first));
        (schedule.names.due, schedule.token_info.due) = (first, first);
        schedule
    }

    fn open_lanes(&mut self, now: Timestamp) {
        let plan = Plan::of(&self.operation, Assumptions { skills: 5, busy: 0.5, limit: None, past_days: 0 });
        // The reports of one operation start together, operations apart, and nobody by more than an interval.
        let shortest = plan.lines.iter().map(|line| line.interval).min().unwrap_or(SPREAD);
        let jitter = self.rng.random_range(0.0..shortest.min(SPREAD).as_secs_f64());
        for line in plan.lines {
            if self.operation.settings(line.report).is_none() || self.lanes.contains_key(&line.report) {
                continue;
            }
            let slots = 86_400.0 / line.interval.as_secs_f64();
            let witness = if line.report == Report::Skill6 { 1.0 } else { 0.0 };
            let lane = Lane {
                started: before(after(now, Duration::from_secs_f64(jitter)), line.interval),
                retry_at: None,
                streak: 0,
                turns: 0,
                cost: line.present / slots + witness,
                cost_apart: 1.0,
                gap: 0,
                attempted: false,
                heavy: false,
                span: None,
                too_long: None,
                fits: 0,
                gave_up: 0,
                cursor: None,
                past_at: now,
                past_streak: 0,
                has_past: false,
            };
            self.lanes.insert(line.report, lane);
        }
    }

    /// The token is another one: trouble with the old one is forgotten at once.
    pub fn token_changed(&mut self, now: Timestamp) {
        if self.pause.as_ref().is_some_and(|pause| matches!(pause.reason, Reason::Auth | Reason::Quota)) {
            self.pause = None;
            self.trouble = 0;
        }
        self.token_info.due = now;
    }

    /// What to do next. Not to be called between a [`Next::Ask`] and its [`Schedule::done`].
    pub fn next(&mut self, now: Timestamp, history: &History) -> Next {
        self.notice(now);
        if self.flight.is_some() {
            return Next::Wait(now.saturating_add(SPACING).unwrap_or(Timestamp::MAX));
        }
        self.quota.roll(now, &self.operation.zone, history);
        let stretch = self.stretch(now);
        for report in Report::FIVE {
            let has_past = self.has_past(report, history, now, stretch);
            self.lanes.entry(report).and_modify(|lane| lane.has_past = has_past);
        }
        // Each pass either answers or ends a slot; no lane can open two slots at one instant.
        for _ in 0..32 {
            if let Some(pause) = &self.pause
                && now < pause.until
            {
                return Next::Wait(pause.until);
            }
            if now < self.ready_at {
                return Next::Wait(self.ready_at);
            }
            if self.slot.is_none() && !self.open_slot(now, history, stretch) {
                return Next::Wait(self.next_instant(now, stretch));
            }
            if let Some(next) = self.ask(now, history) {
                return next;
            }
        }
        Next::Wait(now.saturating_add(SPACING).unwrap_or(Timestamp::MAX))
    }

    /// Puts the next question of the open slot; `None` when the slot has ended.
    fn ask(&mut self, now: Timestamp, history: &History) -> Option<Next> {
        let slot = self.slot.as_mut()?;
        let Some(mut task) = slot.queue.pop_front() else {
            self.end_slot();
            return None;
        };
        let share = match task.purpose {
            _ if task.report == Report::TokenInfo => Share::Count,
            Purpose::Present if slot.seals => Share::Seal,
            Purpose::Present => Share::Present(slot.report),
            _ => Share::Rest,
        };
        let probes = self.pause.is_some();
        if !probes && !affords(&self.quota, &self.operation, share, now) {
            slot.queue.clear();
            self.end_slot();
            return None;
        }
        if let Some(booking) = self.quota.booking(history) {
            slot.queue.push_front(task);
            return Some(Next::Book(booking));
        }
        let span = self.lanes.get(&task.report).and_then(|lane| lane.span);
        if let (None, Some(window)) = (task.day, task.window)
            && let Some([head, rest]) = split::shorten(task.report, window, span)
        {
            slot.queue.push_front(Task { window: Some(rest), ..task.clone() });
            task.window = Some(head);
        }
        self.quota.sent();
        slot.sent += 1;
        slot.sent_apart += u32::from(task.purpose == Purpose::CatchUp);
        if task.report == Report::Skill6 {
            self.skills.skill_asked(&task.skill, now);
        }
        let request = task.request(slot);
        self.flight = Some(task);
        Some(Next::Ask(request))
    }

    /// What came of the request that [`Schedule::next`] gave last. Anything else is ignored.
    pub fn done(&mut self, request: &Request, outcome: Outcome, now: Timestamp) {
        self.notice(now);
        let Some(task) = self.flight.take() else { return };
        if task.report != request.report || task.window != request.window || task.skill != request.skill {
            self.flight = Some(task);
            return;
        }
        self.ready_at = now.saturating_add(SPACING).unwrap_or(Timestamp::MAX);
        self.settle(task, outcome, now);
        if self.slot.as_ref().is_some_and(|slot| slot.queue.is_empty()) {
            self.end_slot();
        }
    }

    /// An answer of the open slot was held back, as [`Outcome::Applied`], and has turned out to be cut: what it was
    /// asked for is asked again in smaller pieces. False when it cannot be, or the slot has cut enough.
    pub fn ask_again(&mut self, request: &Request) -> bool {
        let Some(window) = request.window.filter(|_| request.report != Report::Skill6) else { return false };
        let Some(halves) = split::halves(request.report, window) else { return false };
        if self.slot.as_ref().is_none_or(|slot| slot.id != request.slot) || !self.cuts_rows(request.report) {
            return false;
        }
        if let Some(slot) = &mut self.slot {
            for window in halves.into_iter().rev() {
                slot.queue.push_front(Task::rows(request.report, window, request.purpose));
            }
        }
        true
    }

    /// Opens the slot that is due first; false when nothing is.
    fn open_slot(&mut self, now: Timestamp, history: &History, stretch: f64) -> bool {
        if let Some(pause) = &self.pause {
            match pause.reason {
                // One cheap question. Every second time an ordinary one, should just this one be refused.
                Reason::Auth if self.trouble % 2 == 1 => return self.open_helper(Report::TokenInfo, now),
                Reason::Quota if self.token_info.works || self.trouble <= 1 => {
                    return self.open_helper(Report::TokenInfo, now);
                }
                Reason::Auth | Reason::Quota => {}
                _ => self.pause = None,
            }
        }
        let probes = self.pause.is_some();
        // In trouble a report is asked first: a helper that alone is refused would otherwise be asked again at the end of
        // every pause, and nothing else ever.
        if !probes && self.trouble == 0 && self.open_due_helper(now) {
            return true;
        }
        let mut due: Vec<(bool, bool, usize, Timestamp, Report)> = Vec::new();
        for (rank, report) in Report::FIVE.into_iter().enumerate() {
            let Some(lane) = self.lanes.get(&report) else { continue };
            let at = self.lane_due(report, lane, stretch);
            if !probes && at > now {
                continue;
            }
            let seals = self.seals_now(report, history, now, stretch);
            if !probes && !self.affords(if seals { Share::Seal } else { Share::Present(report) }, now) {
                // Nothing more can be learned about it today: readiness does not wait for it.
                self.lanes.entry(report).and_modify(|lane| lane.attempted = true);
                continue;
            }
            let interval = self.interval_of(report, stretch);
            let starved = now.duration_since(at) > signed(interval);
            due.push((!starved, !seals, rank, at, report));
        }
        // Nobody waits for more than one interval of its own behind those of higher priority.
        due.sort_by(|a, b| match (a.0, b.0) {
            (false, false) => a.3.cmp(&b.3),
            _ => (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)),
        });
        if let Some((_, _, _, _, report)) = due.first().copied() {
            self.open_turn(report, now, history, stretch);
            return true;
        }
        if probes {
            return self.open_helper(Report::TokenInfo, now);
        }
        if self.open_due_helper(now) {
            return true;
        }
        for report in Report::FIVE {
            let Some(lane) = self.lanes.get(&report) else { continue };
            if self.reads_past_back_to_back(lane, stretch, now) && lane.past_at <= now && lane.turns > 0 {
                let tasks = self.past_tasks(report, now, history, stretch);
                self.lanes.entry(report).and_modify(|lane| lane.past_at = after_signed(now, PAST_SPACING));
                if !tasks.is_empty() {
                    self.start_slot(report, Turn::CatchUp, now, false, tasks);
                    return true;
                }
            }
        }
        false
    }

    /// Opens the slot of a helper that is due; false when none is.
    fn open_due_helper(&mut self, now: Timestamp) -> bool {
        if self.token_info_due(now) <= now && self.affords(Share::Count, now) {
            return self.open_helper(Report::TokenInfo, now);
        }
        self.names.due <= now && self.affords(Share::Rest, now) && self.open_helper(Report::Skills, now)
    }

    fn open_helper(&mut self, report: Report, now: Timestamp) -> bool {
        self.start_slot(report, Turn::Helper, now, false, VecDeque::from([Task::helper(report)]));
        true
    }

    /// Begins a slot; its number never repeats, in a later process either.
    pub(super) fn start_slot(
        &mut self,
        report: Report,
        turn: Turn,
        now: Timestamp,
        seals: bool,
        queue: VecDeque<Task>,
    ) {
        let clock = u64::try_from(now.as_millisecond()).unwrap_or(0);
        self.last_slot = clock.max(self.last_slot + 1);
        self.slot = Some(Slot {
            id: self.last_slot,
            now,
            report,
            turn,
            seals,
            queue,
            sent: 0,
            sent_apart: 0,
            rows: None,
            failed: 0,
            failed_in_row: 0,
            cuts: 0,
            finest: 0,
            gave_up: false,
            witnessed: BTreeMap::new(),
        });
    }

    /// Notes the time; a clock that was set back must not leave anything waiting for the old future.
    fn notice(&mut self, now: Timestamp) {
        if now < self.latest {
            let back = self.latest.duration_since(now);
            let moved = |at: Timestamp| at.saturating_sub(back).unwrap_or(Timestamp::MIN);
            for lane in self.lanes.values_mut() {
                lane.started = moved(lane.started);
                lane.retry_at = lane.retry_at.map(moved);
                lane.past_at = moved(lane.past_at);
            }
            self.token_info.due = moved(self.token_info.due);
            self.names.due = moved(self.names.due);
            self.ready_at = moved(self.ready_at);
            self.worked_at = self.worked_at.map(moved);
            if let Some(pause) = &mut self.pause {
                pause.until = moved(pause.until);
            }
            self.skills.set_back(now);
            // Its windows may end in what is the future now.
            if let Some(slot) = &mut self.slot
                && slot.now > now
            {
                slot.queue.clear();
                let due =
                    before(now, self.operation.settings(slot.report).map_or(Duration::ZERO, |s| s.interval));
                if let Some(lane) = self.lanes.get_mut(&slot.report) {
                    lane.started = lane.started.min(due);
                }
            }
        }
        self.latest = now;
    }

    pub(super) fn lane_due(&self, report: Report, lane: &Lane, stretch: f64) -> Timestamp {
        let regular = after(lane.started, self.interval_of(report, stretch));
        lane.retry_at.map_or(regular, |retry| retry.min(regular))
    }

    pub(super) fn interval_of(&self, report: Report, stretch: f64) -> Duration {
        let hour = Duration::from_secs(3600);
        match report {
            Report::TokenInfo => hour,
            Report::Skills => 24 * hour,
            Report::Skill1 => self.interval_of(Report::Skill6, stretch),
            _ => {
                let configured = self.operation.settings(report).map_or(hour, |settings| settings.interval);
                configured.max(Duration::from_secs(1)).mul_f64(stretch)
            }
        }
    }

    pub(super) fn cadence(&self, report: Report, stretch: f64) -> Option<Cadence<'_>> {
        let interval = signed(self.interval_of(report, stretch));
        let settings = self.operation.settings(report)?;
        Some(Cadence { report, zone: &self.operation.zone, settings, interval })
    }

    /// `token_info` is read hourly, and when a new quota day may have begun.
    fn token_info_due(&self, now: Timestamp) -> Timestamp {
        match self.quota.day() {
            Some(day) if self.token_info.works && self.token_info.streak == 0 && !self.quota.is_fresh() => {
                self.token_info.due.min(after(day, Duration::from_secs(5)).max(self.latest.min(now)))
            }
            _ => self.token_info.due,
        }
    }

    fn next_instant(&self, now: Timestamp, stretch: f64) -> Timestamp {
        let day_end = self.quota.day_end(now, &self.operation.zone);
        let mut next = day_end;
        for (report, lane) in &self.lanes {
            // What is due already cannot be afforded: it waits for the vendor's count or the day's end.
            let due = self.lane_due(*report, lane, stretch);
            if due > now {
                next = next.min(due);
            }
            if self.reads_past_back_to_back(lane, stretch, now) && lane.turns > 0 && lane.past_at > now {
                next = next.min(lane.past_at);
            }
        }
        if self.affords(Share::Count, now) {
            next = next.min(self.token_info_due(now));
        } else {
            next = next.min(self.quota.recheck_at());
        }
        if self.affords(Share::Rest, now) {
            next = next.min(self.names.due);
        }
        next.max(after_signed(now, SPACING))
    }

    /// The interval of a report as planned now; of `skill_1`, that of `skill_6`.
    pub fn interval(&self, report: Report) -> Duration {
        self.interval_of(report, self.stretch(self.latest))
    }

    /// Whether older buckets of the report are being read, or a gap has not been closed by two readings.
    pub fn catching_up(&self, report: Report, history: &History, now: Timestamp) -> bool {
        self.lanes
            .get(&report)
            .is_some_and(|lane| lane.gap > 0 || self.has_past(report, history, now, self.stretch(now)))
    }

    /// Whether some bucket of the report is read apart.
    fn has_past(&self, report: Report, history: &History, now: Timestamp, stretch: f64) -> bool {
        let Some(cadence) = self.cadence(report, stretch) else { return false };
        if report == Report::Skill6 {
            let concerned = self.skills.concerned(&self.operation, history);
            let days = concerned.days_before(cadence.open(now));
            return days.first().is_some_and(|day| cadence.is_apart(*day, now));
        }
        history.reports.get(&report).is_some_and(|progress| cadence.apart(progress, now).next().is_some())
    }

    /// When the report is asked next; `None` when it is off.
    pub fn next_due(&self, report: Report) -> Option<Timestamp> {
        let due = match report {
            Report::TokenInfo => self.token_info_due(self.latest),
            Report::Skills => self.names.due,
            Report::Skill1 => return self.next_due(Report::Skill6),
            _ => self.lane_due(report, self.lanes.get(&report)?, self.stretch(self.latest)),
        };
        Some(self.pause.as_ref().map_or(due, |pause| due.max(pause.until)))
    }

    /// The skills in force: those that `skill_6` is read for.
    pub fn skills(&self) -> BTreeSet<String> {
        self.skills.wanted(&self.operation)
    }

    /// Whether the witness's row of a skill and day is the one of its last successful reading.
    pub fn is_unmoved(&self, day: Bucket, row: &WitnessRow) -> bool {
        !self.skills.has_moved(day, row)
    }

    /// Whether skills that are missing from a witness of so many rows have been read and are empty. A witness that has
    /// never shown a row proves nothing by its silence: its skills are then read one by one.
    pub fn believes_witness(&self, rows: usize) -> bool {
        self.skills.believes(rows == 0)
    }

    /// Why the whole operation waits, and until when; `None` when it does not.
    pub fn paused(&self) -> Option<(Reason, Timestamp)> {
        self.pause.as_ref().map(|pause| (pause.reason, pause.until))
    }

    /// Whether every enabled report has been asked once, or could not be.
    pub fn first_cycle_attempted(&self) -> bool {
        self.lanes.values().all(|lane| lane.attempted)
    }
}

pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

pub(super) fn after(at: Timestamp, by: Duration) -> Timestamp {
    after_signed(at, signed(by))
}

pub(super) fn after_signed(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(signed(by)).unwrap_or(Timestamp::MIN)
}
