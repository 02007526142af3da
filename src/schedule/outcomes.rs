//! What an outcome changes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{Reason, Report};
use crate::schedule::backoff::{self, Scope};
use crate::schedule::machine::{Pause, Schedule, after};
use crate::schedule::slot::{Task, Turn};
use crate::schedule::{Outcome, Purpose, WitnessRow, split};
use crate::time::{Bucket, SignedDuration, Timestamp, Window};

/// From how many rows on a row report reads only its last two hours between seals.
const HEAVY: u64 = 20_000;

/// Weight of a new slot in the moving averages of requests per slot, once there have been some.
const WEIGHT: f64 = 0.03;

/// Windows are not shortened below this, in seconds, before they are asked.
const LEAST_SPAN: i64 = 3_600;

/// After so many answers in a row a window that took too long is tried again.
const FORGIVES: u32 = 4;

/// A span of so many seconds limits nothing.
const WHOLE: i64 = 32 * 86_400;

/// How often a slot may cut in two what is cut, whatever the quota.
const CUTS: u32 = 64;

/// A slot may cut until it has cost this part of the day's quota.
const CUTS_OF_LIMIT: u64 = 40;

/// After so many pieces that cannot be cut any finer and were cut all the same, it is not for the number of rows.
const FINEST: u32 = 4;

/// Where cutting never helped, a slot still cuts so often, and every so many slots as often as any other.
const FEWEST_CUTS: u32 = 8;
const TRIES_AGAIN: u32 = 12;

/// After so many failures of the server in a row less is asked for at once.
const TOO_MUCH: u32 = 3;

/// Failed questions in a row after which a slot gives up.
const GIVES_UP: u32 = 3;

/// How long a success speaks for a token that one question is refused.
const PROOF: SignedDuration = SignedDuration::from_mins(15);

impl Schedule {
    /// Applies the outcome of the question that was in flight.
    pub(super) fn settle(&mut self, task: Task, outcome: Outcome, now: Timestamp) {
        let answered = !matches!(outcome, Outcome::Failed(_) | Outcome::Split(_));
        if answered && task.report != Report::TokenInfo && task.purpose != Purpose::Helper {
            self.worked_at = Some(now);
        }
        if answered && task.report != Report::TokenInfo {
            // A question has been answered: whatever stopped the operation is over.
            self.pause = None;
            self.trouble = 0;
        }
        match outcome {
            Outcome::Applied { rows, coarse } => self.applied(&task, rows, coarse),
            Outcome::Witness(rows) => self.witnessed(&task, &rows, now),
            Outcome::Skills(skills) => {
                let today = self.operation.zone.bucket(now, crate::api::Grain::Day);
                self.skills.listed(&skills, &self.operation, today);
                self.names.works = true;
                self.names.streak = 0;
                self.names.due = after(now, Duration::from_secs(24 * 3600));
            }
            Outcome::Quota { limit, used } => self.counted(limit, used, now),
            Outcome::Split(reason) => self.split(task, reason, now),
            Outcome::Failed(reason) => self.failed(task, reason, now),
        }
    }

    fn counted(&mut self, limit: u64, used: u64, now: Timestamp) {
        self.quota.observe(limit, used, now, &self.operation.zone);
        self.token_info.works = true;
        self.token_info.streak = 0;
        self.token_info.due = after(now, Duration::from_secs(3600));
        match self.pause.as_ref().map(|pause| pause.reason) {
            // The count is the vendor's word, whatever the configuration believes.
            Some(Reason::Quota) if used.saturating_add(2) >= limit => self.stop(Reason::Quota, now),
            // The streak stays until an ordinary question is answered.
            Some(Reason::Quota) => self.pause = None,
            _ => {
                self.pause = None;
                self.trouble = 0;
            }
        }
    }

    fn applied(&mut self, task: &Task, rows: u64, coarse: bool) {
        let Some(slot) = &mut self.slot else { return };
        slot.failed_in_row = 0;
        if task.purpose == Purpose::Present {
            slot.rows = slot.rows.map(|sum| sum + rows);
        }
        let Some(day) = task.day else {
            let is_finest = task.window.is_some_and(|window| split::halves(task.report, window).is_none());
            slot.finest += u32::from(slot.cuts > 0 && is_finest && task.report.has_rows_of_events());
            return self.widen_span(task);
        };
        let (part, parts) = task.part;
        let fingerprint = slot.witnessed.get(&(day, task.skill.clone())).copied();
        let ended = slot.now >= self.operation.zone.end(day);
        if coarse && (parts > 1 || ended) {
            if self.skills.finer(day, &task.skill) {
                self.ask_parts_again(task, day);
                return;
            }
        } else if coarse {
            // This reading stands; the next one is finer.
            self.skills.finer(day, &task.skill);
        }
        if part + 1 == parts {
            self.skills.read(day, &task.skill, fingerprint);
            if task.purpose == Purpose::Present && fingerprint.is_none() {
                self.skills.idle_or_not(&task.skill, rows);
            }
        }
    }

    /// The parts of a reading begin again, finer.
    fn ask_parts_again(&mut self, task: &Task, day: Bucket) {
        let Some(at) = self.slot.as_ref().map(|slot| slot.now) else { return };
        let tasks = self.skill_tasks(&task.skill, day, at, task.purpose);
        if let Some(slot) = &mut self.slot {
            slot.queue.retain(|other| !other.same_reading(task));
            for task in tasks.into_iter().rev() {
                slot.queue.push_front(task);
            }
        }
    }

    fn witnessed(&mut self, task: &Task, rows: &[WitnessRow], now: Timestamp) {
        let (Some(day), Some(at)) = (task.day, self.slot.as_ref().map(|slot| slot.now)) else { return };
        let ended = at >= self.operation.zone.end(day);
        let rows = by_skill(rows);
        self.skills.witnessed(&rows, &self.operation, day, ended);
        self.skills.leftover.remove(&(day, None));
        if !self.skills.believes(rows.is_empty()) {
            let tasks = self.each_skill(day, at, task.purpose);
            if let Some(slot) = &mut self.slot {
                slot.failed_in_row = 0;
                slot.queue.extend(tasks);
            }
            return;
        }
        let stretch = self.stretch(now);
        let seals = self.cadence(Report::Skill6, stretch).is_some_and(|cadence| cadence.is_seal_due(day, at));
        let mut moved: Vec<String> = Vec::new();
        for row in &rows {
            if let Some(slot) = &mut self.slot {
                slot.witnessed.insert((day, row.skill.clone()), row.fingerprint);
            }
            // The seal needs an answer asked after the settle time, moved or not.
            let reads = seals || self.skills.has_moved(day, row);
            if reads && self.concerned.is_open(&row.skill, day) {
                moved.push(row.skill.clone());
            }
        }
        self.skills.sort(&mut moved);
        let tasks: Vec<Task> =
            moved.iter().flat_map(|skill| self.skill_tasks(skill, day, at, task.purpose)).collect();
        if let Some(slot) = &mut self.slot {
            slot.failed_in_row = 0;
            for task in tasks.into_iter().rev() {
                slot.queue.push_front(task);
            }
        }
    }

    /// A day's skills one by one, where the witness says nothing; of today's, idle ones wait.
    fn each_skill(&mut self, day: Bucket, at: Timestamp, purpose: Purpose) -> Vec<Task> {
        let mut skills = self.concerned.open_skills(day);
        self.skills.sort(&mut skills);
        if day == self.operation.zone.bucket(at, crate::api::Grain::Day) {
            skills.retain(|skill| !self.skills.sits_out(skill));
        }
        skills.iter().flat_map(|skill| self.skill_tasks(skill, day, at, purpose)).collect()
    }

    /// Splits what was cut; where it cannot be split, or time runs out again and again, it has failed.
    fn split(&mut self, task: Task, reason: Reason, now: Timestamp) {
        let Some(window) = task.window else { return self.failed(task, reason, now) };
        if task.report == Report::Skill6 {
            let Some(day) = task.day else { return self.failed(task, reason, now) };
            if self.cuts(reason) && self.skills.cut(day, &task.skill) {
                return self.ask_parts_again(&task, day);
            }
            return self.failed(task, reason, now);
        }
        if task.report == Report::Skill1 || task.purpose == Purpose::Helper {
            return self.failed(task, reason, now);
        }
        let is_row_cap = matches!(reason, Reason::Truncated | Reason::Mismatch);
        if !is_row_cap {
            self.remember_span(&task, window);
        }
        let halves = split::halves(task.report, window)
            .filter(|_| if is_row_cap { self.cuts_rows(task.report) } else { self.cuts(reason) });
        match halves {
            Some(halves) => {
                if let Some(slot) = &mut self.slot {
                    for window in halves.into_iter().rev() {
                        slot.queue.push_front(Task { window: Some(window), ..task.clone() });
                    }
                }
            }
            None => self.failed(task, reason, now),
        }
    }

    /// Whether a slot still goes on cutting: a server that answers nothing at all is not asked ever more.
    fn cuts(&mut self, reason: Reason) -> bool {
        let Some(slot) = &mut self.slot else { return false };
        if matches!(reason, Reason::Truncated | Reason::Mismatch) {
            slot.failed_in_row = 0;
            return true;
        }
        slot.failed_in_row += 1;
        slot.failed_in_row < GIVES_UP
    }

    /// Whether a slot still cuts in two what the server cuts: a server that cuts whatever it is asked must not use up
    /// the day's quota, nor keep the other reports waiting.
    pub(super) fn cuts_rows(&mut self, report: Report) -> bool {
        let (limit, _) = self.quota.limit();
        let share = u32::try_from(limit / CUTS_OF_LIMIT).unwrap_or(u32::MAX).max(CUTS);
        let before = self.lanes.get(&report).map_or(0, |lane| lane.gave_up);
        let most = if before.is_multiple_of(TRIES_AGAIN) {
            share
        } else {
            CUTS.checked_shr(before).unwrap_or(0).max(FEWEST_CUTS)
        };
        let Some(slot) = &mut self.slot else { return false };
        slot.gave_up |= slot.cuts >= most || slot.finest >= FINEST;
        if !slot.gave_up {
            slot.cuts += 1;
            slot.failed_in_row = 0;
        }
        !slot.gave_up
    }

    /// What took too long is not asked in one piece next time.
    fn remember_span(&mut self, task: &Task, window: Window) {
        if let Some(lane) = self.lanes.get_mut(&task.report) {
            let length = window.seconds();
            lane.too_long = Some(lane.too_long.map_or(length, |bad| bad.min(length)));
            lane.span = Some((length / 2).max(LEAST_SPAN).min(lane.span.unwrap_or(i64::MAX)));
            lane.fits = 0;
        }
    }

    /// What was answered may be asked twice as long, up to what took too long, and in the end beyond.
    fn widen_span(&mut self, task: &Task) {
        let (Some(window), Some(lane)) = (task.window, self.lanes.get_mut(&task.report)) else { return };
        let length = window.seconds();
        lane.too_long = lane.too_long.filter(|bad| length < *bad);
        let Some(span) = lane.span.filter(|span| length >= *span) else { return };
        lane.fits += 1;
        if lane.fits >= FORGIVES || lane.too_long.is_none_or(|bad| span * 2 < bad) {
            lane.span = Some(span * 2).filter(|span| *span < WHOLE);
            lane.fits = 0;
        }
    }

    fn failed(&mut self, task: Task, reason: Reason, now: Timestamp) {
        if task.report == Report::Skill1 && self.witness_failed(&task, reason, now) {
            return;
        }
        // One question refused while others are answered says nothing about the token.
        let proven = self.worked_at.is_some_and(|at| now.duration_since(at) < PROOF);
        let is_helper = task.purpose == Purpose::Helper;
        match backoff::scope(reason) {
            Scope::Token if !(is_helper && reason == Reason::Auth && proven) => {
                self.leave_over(task);
                self.stop(reason, now);
            }
            Scope::Operation => {
                self.leave_over(task);
                self.stop(reason, now);
            }
            _ if is_helper => self.helper_failed(task.report, reason, now),
            _ => self.question_failed(task, reason, now),
        }
    }

    /// The token or the operation waits; the slot under way ends, what it had left is asked again.
    fn stop(&mut self, reason: Reason, now: Timestamp) {
        self.trouble += 1;
        let mut until = after(now, backoff::delay(reason, self.trouble, &mut self.rng));
        match backoff::scope(reason) {
            Scope::Token => {
                if reason == Reason::Quota {
                    // A new quota day may come sooner.
                    let end = after(self.quota.day_end(now, &self.operation.zone), Duration::from_secs(5));
                    until = if self.token_info.works || self.trouble <= 1 { until.min(end) } else { end };
                }
            }
            _ => {
                let report = self.slot.as_ref().map(|slot| slot.report);
                let stretch = self.stretch(now);
                let lane = report.and_then(|report| self.lanes.get(&report).map(|lane| (report, lane)));
                if let Some((report, lane)) = lane {
                    let next = after(lane.started, self.interval_of(report, stretch));
                    until = until.min(next.max(after(now, Duration::from_secs(1))));
                }
            }
        }
        self.pause = Some(Pause { reason, until });
        // Readiness waits neither for a good token nor for a vendor that is away.
        for lane in self.lanes.values_mut() {
            lane.attempted = true;
        }
        if let Some(slot) = &mut self.slot {
            let (report, turn) = (slot.report, slot.turn);
            let left: Vec<Task> = slot.queue.drain(..).collect();
            for task in left {
                self.leave_over(task);
            }
            self.retry(report, turn, until);
        }
    }

    /// Remembers a `skill_6` question for the retry.
    fn leave_over(&mut self, task: Task) {
        let (Some(day), Purpose::Present) = (task.day, task.purpose) else { return };
        let skill = (task.report == Report::Skill6).then_some(task.skill);
        self.skills.leftover.insert((day, skill));
    }

    fn retry(&mut self, report: Report, turn: Turn, at: Timestamp) {
        match report {
            Report::TokenInfo => self.token_info.due = at,
            Report::Skills => self.names.due = at,
            _ => {
                if let Some(lane) = self.lanes.get_mut(&report) {
                    if turn == Turn::CatchUp {
                        lane.past_at = at;
                    } else {
                        lane.retry_at = Some(at);
                    }
                }
            }
        }
    }

    fn helper_failed(&mut self, report: Report, reason: Reason, now: Timestamp) {
        let pause = self.pause.as_ref().map(|pause| pause.reason);
        if report == Report::TokenInfo
            && let Some(stopped) = pause
        {
            // The re-check itself is not to be had; an ordinary question is next, or a new day.
            self.token_info.works = false;
            self.stop(stopped, now);
        }
        let helper = if report == Report::TokenInfo { &mut self.token_info } else { &mut self.names };
        helper.streak += 1;
        let wait = if matches!(reason, Reason::Request | Reason::Auth) {
            Duration::from_secs(6 * 3600)
        } else {
            Duration::from_secs((60 << helper.streak.min(6)).min(3600))
        };
        helper.due = after(now, wait);
    }

    /// A failure of the witness; returns whether it is dealt with.
    fn witness_failed(&mut self, task: &Task, reason: Reason, now: Timestamp) -> bool {
        let refused = reason == Reason::Request;
        let proven = self.worked_at.is_some_and(|at| now.duration_since(at) < PROOF);
        let concerns_it = match backoff::scope(reason) {
            Scope::Report => true,
            // Refused by itself, while the token is good for other questions.
            Scope::Token => reason == Reason::Auth && proven,
            Scope::Operation => false,
        };
        if !concerns_it || !self.skills.witness_failed(refused || reason == Reason::Auth, now) {
            return false;
        }
        let (Some(day), Some(at)) = (task.day, self.slot.as_ref().map(|slot| slot.now)) else { return true };
        let skills = self.concerned.open_skills(day);
        let tasks: Vec<Task> =
            skills.iter().flat_map(|skill| self.skill_tasks(skill, day, at, task.purpose)).collect();
        if let Some(slot) = &mut self.slot {
            slot.queue.extend(tasks);
        }
        true
    }

    /// A question of a report has failed: the report waits, the others do not.
    fn question_failed(&mut self, task: Task, reason: Reason, now: Timestamp) {
        let Some(slot) = &mut self.slot else { return };
        slot.failed_in_row += 1;
        let by_skill = matches!(task.report, Report::Skill6 | Report::Skill1);
        // A part without its brothers is worth nothing.
        slot.queue.retain(|other| !other.same_reading(&task));
        let is_past = task.purpose == Purpose::CatchUp;
        let mut left = vec![task];
        if !by_skill || slot.failed_in_row >= GIVES_UP {
            left.extend(slot.queue.drain(..));
        }
        let report = slot.report;
        if is_past {
            if let Some(lane) = self.lanes.get_mut(&report) {
                lane.past_streak += 1;
                let wait = backoff::delay(reason, lane.past_streak, &mut self.rng);
                lane.past_at = after(now, wait);
            }
            return;
        }
        slot.failed += 1;
        if matches!(reason, Reason::Request | Reason::Truncated | Reason::Mismatch) && slot.gave_up
            || reason == Reason::Request
        {
            // Wrong today, wrong in a minute: it waits for its next turn.
            return;
        }
        if let ([Task { report, window: Some(window), day: None, .. }, ..], Reason::Server | Reason::Decode) =
            (&left[..], reason)
            && self.lanes.get(report).is_some_and(|lane| lane.streak + 1 >= TOO_MUCH)
        {
            // An answer too large for the server may end in a failure of any kind.
            let (task, window) = (left[0].clone(), *window);
            self.remember_span(&task, window);
        }
        for task in left {
            self.leave_over(task);
        }
        let stretch = self.stretch(now);
        let next = self.lanes.get(&report).map(|lane| after(lane.started, self.interval_of(report, stretch)));
        if let (Some(lane), Some(next)) = (self.lanes.get_mut(&report), next) {
            let wait = backoff::delay(reason, lane.streak + 1, &mut self.rng);
            lane.retry_at = Some(after(now, wait).min(next));
        }
    }

    /// The slot has asked everything.
    pub(super) fn end_slot(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let Some(lane) = self.lanes.get_mut(&slot.report) else { return };
        lane.attempted = true;
        let present = f64::from(slot.sent - slot.sent_apart);
        // What failed early cost less than it will; what failed late may cost as much again.
        let tells = slot.failed == 0 || present > lane.cost;
        if slot.turn == Turn::Regular && slot.sent > 0 && tells {
            let weight = WEIGHT.max(1.0 / (lane.turns as f64 + 2.0));
            // One slot that fell to pieces says little about the next.
            lane.cost += weight * (present.min(3.0 * lane.cost + 3.0) - lane.cost);
        }
        if slot.sent_apart > 0 {
            lane.cost_apart += 0.2 * (f64::from(slot.sent_apart) - lane.cost_apart);
            if lane.past_at <= slot.now {
                lane.past_streak = 0;
            }
        }
        if slot.gave_up {
            lane.gave_up = lane.gave_up.saturating_add(1);
        } else if slot.failed == 0 && slot.sent > 0 {
            lane.gave_up = 0;
        }
        let stopped = self.pause.is_some();
        if slot.turn == Turn::CatchUp || stopped {
            return;
        }
        if slot.failed > 0 {
            lane.streak += 1;
            return;
        }
        if slot.sent == 0 {
            return;
        }
        lane.streak = 0;
        lane.gap = lane.gap.saturating_sub(1);
        if let Some(rows) = slot.rows {
            lane.heavy = rows > HEAVY;
        }
    }
}

/// One row per skill: several rows of one are taken together.
fn by_skill(rows: &[WitnessRow]) -> Vec<WitnessRow> {
    let mut skills: BTreeMap<&str, WitnessRow> = BTreeMap::new();
    for row in rows {
        let sum = skills.entry(&row.skill).or_insert_with(|| WitnessRow {
            skill: row.skill.clone(),
            inbound_calls: 0,
            fingerprint: 0,
        });
        sum.inbound_calls = sum.inbound_calls.saturating_add(row.inbound_calls);
        sum.fingerprint = sum.fingerprint.wrapping_add(row.fingerprint);
    }
    skills.into_values().collect()
}
