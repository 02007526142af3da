//! What one turn of a report asks.

use std::collections::VecDeque;

use crate::api::{Grain, Report};
use crate::schedule::cadence::Cadence;
use crate::schedule::machine::{Schedule, signed};
use crate::schedule::quota::Share;
use crate::schedule::skills::Concerned;
use crate::schedule::slot::{Task, Turn};
use crate::schedule::{History, Purpose, split};
use crate::time::{Bucket, Timestamp, Window};

/// A gap of so many intervals makes a report catch up until its second reading.
const GAP: i32 = 3;

impl Schedule {
    /// Opens the regular turn, or the retry, of a report.
    pub(super) fn open_turn(&mut self, report: Report, now: Timestamp, history: &History, stretch: f64) {
        let seals = self.seals_now(report, history, now, stretch);
        let interval = signed(self.interval_of(report, stretch));
        let last_success = match report {
            Report::Skill6 => history.skills.values().filter_map(|progress| progress.last_success).max(),
            _ => history.reports.get(&report).and_then(|progress| progress.last_success),
        };
        // A re-check of a stopped token asks whatever is next in order, due or not.
        let probes = self.pause.is_some();
        let Some(lane) = self.lanes.get_mut(&report) else { return };
        let regular = probes || lane.started.saturating_add(interval).is_ok_and(|due| due <= now);
        let turn = if regular { Turn::Regular } else { Turn::Retry };
        lane.retry_at = None;
        if regular || report != Report::Skill6 {
            lane.started = now;
        }
        if regular {
            lane.turns += 1;
            if last_success.is_some_and(|at| now.duration_since(at) > interval.saturating_mul(GAP)) {
                lane.gap = 2;
            }
        }
        let adds_past = regular && lane.turns.is_multiple_of(2) && lane.past_at <= now;
        let mut tasks = match report {
            Report::Skill6 if regular => self.skill_6_tasks(now, history, stretch),
            Report::Skill6 => self.leftover_tasks(now, history),
            _ => self.row_tasks(report, now, history, stretch),
        };
        let narrow = tasks.1;
        if adds_past && self.affords(Share::Rest, now) {
            tasks.0.extend(self.past_tasks(report, now, history, stretch));
        }
        self.start_slot(report, turn, now, seals, tasks.0);
        if let Some(slot) = &mut self.slot {
            slot.rows = (!narrow).then_some(0);
        }
    }

    /// Whether a reading of the report asked now would seal something.
    pub(super) fn seals_now(&self, report: Report, history: &History, now: Timestamp, stretch: f64) -> bool {
        let Some(cadence) = self.cadence(report, stretch) else { return false };
        if report != Report::Skill6 {
            return cadence.has_seal_due(history.reports.get(&report), now);
        }
        let concerned = self.skills.concerned(&self.operation, history);
        let days = concerned.days_before(cadence.open(now));
        days.into_iter().rev().any(|day| cadence.is_seal_due(day, now) && !cadence.is_apart(day, now))
    }

    /// The present window of a report without skills, and whether it is the narrow one.
    fn row_tasks(
        &self,
        report: Report,
        now: Timestamp,
        history: &History,
        stretch: f64,
    ) -> (VecDeque<Task>, bool) {
        let (Some(cadence), Some(lane)) = (self.cadence(report, stretch), self.lanes.get(&report)) else {
            return (VecDeque::new(), false);
        };
        let progress = history.reports.get(&report);
        let narrow = lane.heavy && report.has_rows_of_events() && !cadence.has_seal_due(progress, now);
        let window = cadence.present(progress, now, narrow);
        (VecDeque::from([Task::rows(report, window, Purpose::Present)]), narrow)
    }

    /// The days of `skill_6` that have their turn now: what seals first, then today, then what has ended.
    fn skill_6_tasks(&mut self, now: Timestamp, history: &History, stretch: f64) -> (VecDeque<Task>, bool) {
        self.skills.leftover.clear();
        let Some(cadence) = self.cadence(Report::Skill6, stretch) else { return (VecDeque::new(), false) };
        let concerned = self.skills.concerned(&self.operation, history);
        let today = cadence.open(now);
        let mut days = Vec::new();
        let mut ended = Vec::new();
        let open = concerned.days_before(today);
        for day in open.iter().copied() {
            if cadence.is_apart(day, now) {
                continue;
            }
            if cadence.is_seal_due(day, now) {
                days.push(day);
            } else if self.skills.is_day_due(day, self.operation.zone.end(day), now) {
                ended.push(day);
            }
        }
        days.push(today);
        days.extend(ended);
        self.skills.forget_before(open.first().copied().unwrap_or(today).min(today));
        let mut tasks = VecDeque::new();
        for day in days {
            self.skills.day_asked(day, now);
            tasks.extend(self.day_tasks(day, now, &concerned, Purpose::Present));
        }
        self.concerned = concerned;
        (tasks, false)
    }

    /// A day of `skill_6`: its witness, or each skill where there is none.
    fn day_tasks(
        &mut self,
        day: Bucket,
        now: Timestamp,
        concerned: &Concerned,
        purpose: Purpose,
    ) -> VecDeque<Task> {
        if self.skills.has_witness(&self.operation, now) {
            return VecDeque::from([self.witness_task(day, now, purpose)]);
        }
        let mut skills = concerned.open_skills(day);
        self.skills.sort(&mut skills);
        // Only where a witness was refused do idle skills wait; one or two are simply asked.
        let takes_turns = skills.len() > 2 && day == self.operation.zone.bucket(now, Grain::Day);
        if takes_turns {
            skills.retain(|skill| !self.skills.sits_out(skill));
        }
        skills.iter().flat_map(|skill| self.skill_tasks(skill, day, now, purpose)).collect()
    }

    pub(super) fn witness_task(&self, day: Bucket, now: Timestamp, purpose: Purpose) -> Task {
        Task {
            report: Report::Skill1,
            skill: "all".to_owned(),
            window: Some(self.day_window(day, now)),
            purpose,
            part: (0, 1),
            day: Some(day),
        }
    }

    fn day_window(&self, day: Bucket, now: Timestamp) -> Window {
        let whole = day.window();
        Window { from: whole.from, to: whole.to.min(self.operation.zone.present(now)) }
    }

    /// One skill's day, in as many parts as it needs.
    pub(super) fn skill_tasks(
        &self,
        skill: &str,
        day: Bucket,
        now: Timestamp,
        purpose: Purpose,
    ) -> Vec<Task> {
        let parts = self.skills.parts(day, skill);
        // After the clock was set back, a day that was known may not have begun.
        let windows = if self.operation.zone.present(now) <= day.window().from {
            Vec::new()
        } else if parts > 1 {
            split::day_parts(day, parts, self.operation.zone.present(now))
        } else {
            vec![self.day_window(day, now)]
        };
        // Invariant: a day has at most 96 parts.
        let count = windows.len() as u16;
        let task = |(index, window)| Task {
            report: Report::Skill6,
            skill: skill.to_owned(),
            window: Some(window),
            purpose,
            part: (index, count),
            day: Some(day),
        };
        (0..count).zip(windows).map(task).collect()
    }

    /// What failed in the turn before, asked again at the present instant.
    fn leftover_tasks(&mut self, now: Timestamp, history: &History) -> (VecDeque<Task>, bool) {
        let leftover = std::mem::take(&mut self.skills.leftover);
        let concerned = self.skills.concerned(&self.operation, history);
        let mut tasks = VecDeque::new();
        for (day, skill) in leftover {
            match skill {
                None => tasks.extend(self.day_tasks(day, now, &concerned, Purpose::Present)),
                Some(skill) if concerned.is_open(&skill, day) => {
                    tasks.extend(self.skill_tasks(&skill, day, now, Purpose::Present));
                }
                Some(_) => {}
            }
        }
        self.concerned = concerned;
        (tasks, false)
    }

    /// One step of older buckets: a day of `skill_6`, or one window of at most 31 days.
    pub(super) fn past_tasks(
        &mut self,
        report: Report,
        now: Timestamp,
        history: &History,
        stretch: f64,
    ) -> VecDeque<Task> {
        let (Some(cadence), Some(lane)) = (self.cadence(report, stretch), self.lanes.get(&report)) else {
            return VecDeque::new();
        };
        if report != Report::Skill6 {
            let progress = history.reports.get(&report);
            let found = progress.and_then(|progress| cadence.catch_up(progress, now, lane.cursor, lane.span));
            let Some((window, last)) = found else { return VecDeque::new() };
            let tasks = VecDeque::from([Task::rows(report, window, Purpose::CatchUp)]);
            self.lanes.entry(report).and_modify(|lane| lane.cursor = Some(last));
            return tasks;
        }
        let concerned = self.skills.concerned(&self.operation, history);
        let Some(day) = next_past_day(&cadence, &concerned, lane.cursor, now) else { return VecDeque::new() };
        self.lanes.entry(report).and_modify(|lane| lane.cursor = Some(day));
        let tasks = self.day_tasks(day, now, &concerned, Purpose::CatchUp);
        self.concerned = concerned;
        tasks
    }
}

/// The oldest day after the cursor that is read apart, or the oldest of all when none is left.
fn next_past_day(
    cadence: &Cadence<'_>,
    concerned: &Concerned,
    cursor: Option<Bucket>,
    now: Timestamp,
) -> Option<Bucket> {
    let mut days = concerned.days_before(cadence.open(now));
    days.retain(|day| cadence.is_apart(*day, now));
    days.iter().find(|day| cursor.is_none_or(|at| at < **day)).or(days.first()).copied()
}
