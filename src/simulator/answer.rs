//! Questions and the rows that answer them: only what has happened and become visible by now.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::behaviour::{AllSkills, Behaviour, Denominator, Dnis, Order, OverRows, TotalRow};
use super::centre::Centre;
use super::day::{Callback, Connected, Day, Labelled, NEVER, Queue, Survey, Visit, within};
use super::dice::mix;
use super::planted;
use super::wire::{self, Rows, some};

mod events;

pub(super) use events::{ODD_ANSWER, ODD_STATUS};

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Skill6,
    Skill1,
    Diagram12,
    Diagram3,
    Cdr1,
    Diagram4,
    Skills,
    TokenInfo,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] = [
        Kind::Skill6,
        Kind::Skill1,
        Kind::Diagram12,
        Kind::Diagram3,
        Kind::Cdr1,
        Kind::Diagram4,
        Kind::Skills,
        Kind::TokenInfo,
    ];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Kind::Skill6 => "skill_6",
            Kind::Skill1 => "skill_1",
            Kind::Diagram12 => "diagram_1_2",
            Kind::Diagram3 => "diagram_3",
            Kind::Cdr1 => "cdr_1",
            Kind::Diagram4 => "diagram_4",
            Kind::Skills => "skills",
            Kind::TokenInfo => "token_info",
        }
    }

    /// Whether `information.php` answers it, not `reports_manager.php`.
    pub(super) const fn is_information(self) -> bool {
        matches!(self, Kind::Skills | Kind::TokenInfo)
    }

    /// Whether `skill_id` is required.
    pub(super) const fn wants_skill(self) -> bool {
        matches!(self, Kind::Skill6 | Kind::Skill1)
    }
}

/// A question that passed all checks.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) operation: usize,
    pub(super) kind: Kind,
    /// A skill, or `None` for all.
    pub(super) skill: Option<String>,
    /// First and last second asked for, as labels.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The instant of the answer.
    pub(super) now: i64,
}

/// What `token_info` says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) limit: u64,
    pub(super) token: u64,
    pub(super) operation: u64,
}

/// The rows of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Head, rows and tail of the body.
    pub(super) pieces: [Vec<u8>; 3],
    /// Rows in the body.
    pub(super) rows: usize,
    /// More rows than the limit were found, and the behaviour is not to say so.
    pub(super) over: Option<OverRows>,
}

/// The calls of one key, as `skill_6` counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) inbound: i64,
    pub(super) answered: i64,
    pub(super) abandoned: i64,
    pub(super) within: [i64; 3],
    pub(super) answer_ms: i64,
    pub(super) abandon_ms: i64,
}

impl Levels {
    pub(super) fn count(&mut self, queue: &Queue) {
        self.inbound += 1;
        if queue.answered {
            self.answered += 1;
            self.answer_ms += i64::from(queue.wait_ms);
            for (count, seconds) in self.within.iter_mut().zip([10, 20, 30]) {
                *count += i64::from(queue.wait_ms <= seconds * 1000);
            }
        } else {
            self.abandoned += 1;
            self.abandon_ms += i64::from(queue.wait_ms);
        }
    }

    fn add(&mut self, other: &Levels) {
        self.inbound += other.inbound;
        self.answered += other.answered;
        self.abandoned += other.abandoned;
        self.answer_ms += other.answer_ms;
        self.abandon_ms += other.abandon_ms;
        for (count, more) in self.within.iter_mut().zip(other.within) {
            *count += more;
        }
    }

    fn write(&self, rows: &mut Rows<'_>, behaviour: &Behaviour) {
        rows.whole("inbound_calls", self.inbound);
        rows.whole("answer_calls", self.answered);
        rows.whole("abandon_calls", self.abandoned);
        let whole = match behaviour.denominator {
            Denominator::Inbound => self.inbound,
            Denominator::Answered => self.answered,
        };
        for (key, part) in
            ["service_level_10seg", "service_level_20seg", "service_level_30seg"].into_iter().zip(self.within)
        {
            rows.percent(key, part, whole);
        }
        rows.percent("abandon", self.abandoned, self.inbound);
        for (key, ms, count) in
            [("asa", self.answer_ms, self.answered), ("ata", self.abandon_ms, self.abandoned)]
        {
            if count == 0 && behaviour.absent_averages {
                rows.absent(key);
            } else {
                rows.time(key, average(ms, count), behaviour.average);
            }
        }
    }
}

/// The mean, rounded to a whole millisecond.
pub(super) fn average(total: i64, count: i64) -> i64 {
    if count == 0 { 0 } else { (2 * total + count) / (2 * count) }
}

/// Answers a question; `None` where there is nothing to answer with.
pub(super) fn answer(
    centre: &Centre,
    question: &Question,
    behaviour: &Behaviour,
    usage: Usage,
) -> Option<Answer> {
    if question.kind == Kind::TokenInfo {
        return Some(token_info(behaviour, usage));
    }
    if question.kind == Kind::Skills {
        return Some(skills(centre, question, behaviour));
    }
    if behaviour.no_rows || question.to < question.from {
        return None;
    }
    let asking = Asking { centre, question, behaviour, days: days(centre, question) };
    match question.kind {
        Kind::Skill6 | Kind::Skill1 => asking.levels(),
        Kind::Diagram12 => asking.ivr(),
        Kind::Diagram3 => {
            asking.rows(|day| &day.callbacks, |row: &Callback| (row.visible, row.seq), events::callback)
        }
        Kind::Cdr1 => {
            asking.rows(|day| &day.connected, |row: &Connected| (row.visible, row.seq), events::connected)
        }
        _ => asking.rows(|day| &day.surveys, |row: &Survey| (row.visible, row.seq), events::survey),
    }
}

fn days(centre: &Centre, question: &Question) -> Vec<Arc<Day>> {
    // A day that has not begun has no visible rows, whatever the answer's end.
    let latest = question.to.min(question.now + 86_400);
    let (from, to) = (wire::civil_of(question.from).date(), wire::civil_of(latest).date());
    let by_end = matches!(question.kind, Kind::Cdr1 | Kind::Diagram4);
    centre.days_touching(question.operation, from, to, by_end).collect()
}

struct Asking<'a> {
    centre: &'a Centre,
    question: &'a Question,
    behaviour: &'a Behaviour,
    days: Vec<Arc<Day>>,
}

impl Asking<'_> {
    fn visits(&self) -> impl Iterator<Item = &Visit> {
        let (from, to) = (self.question.from, self.question.to);
        self.days.iter().flat_map(move |day| within(&day.visits, from, to))
    }

    fn levels(&self) -> Option<Answer> {
        let now = self.question.now;
        // By skill and, for skill_6, by number. With all skills a number may be one row.
        let apart = self.question.kind == Kind::Skill1
            || self.question.skill.is_some()
            || self.behaviour.all_skills == AllSkills::PerSkillAndDnis;
        let wanted = match &self.question.skill {
            Some(id) => Some(self.centre.skills.iter().position(|skill| skill.id == *id)?),
            None => None,
        };
        let mut found: BTreeMap<(usize, String), Levels> = BTreeMap::new();
        let mut plain: BTreeMap<(usize, u16), Levels> = BTreeMap::new();
        for visit in self.visits() {
            let Some(queue) = &visit.queue else { continue };
            let skill = usize::from(queue.skill);
            if wanted.is_some_and(|wanted| wanted != skill) {
                continue;
            }
            let seen = visit.visible <= now && now < visit.withdrawn;
            let waits = self.behaviour.waiting_is_inbound && visit.instant <= now && now < visit.visible;
            if !seen && !waits {
                continue;
            }
            let levels = if self.question.kind == Kind::Skill6 && self.behaviour.dnis == Dnis::Caller {
                found.entry((skill, planted::phone(visit.ani))).or_default()
            } else {
                plain.entry((skill, queue.dnis)).or_default()
            };
            if seen {
                levels.count(queue);
            } else {
                levels.inbound += 1;
            }
        }
        for ((skill, dnis), levels) in plain {
            let number = match self.question.kind {
                Kind::Skill1 => String::new(),
                _ => self.centre.skills[skill].dnis[usize::from(dnis)].clone(),
            };
            found.entry((if apart { skill } else { 0 }, number)).or_default().add(&levels);
        }
        if found.is_empty() {
            return None;
        }
        let mut rows = Rows::new(self.behaviour, found.len());
        let mut total = Levels::default();
        for ((skill, dnis), levels) in &found {
            self.levels_row(&mut rows, *skill, dnis, levels);
            total.add(levels);
        }
        if let Some(name) = total_name(self.behaviour) {
            match self.question.kind {
                Kind::Skill1 => {
                    rows.text("skill_name", name);
                    rows.absent("skill_id");
                }
                _ => rows.text("dnis", name),
            }
            total.write(&mut rows, self.behaviour);
            rows.end();
        }
        Some(self.finish(rows))
    }

    fn levels_row(&self, rows: &mut Rows<'_>, skill: usize, dnis: &str, levels: &Levels) {
        if self.question.kind == Kind::Skill1 {
            rows.name("skill_name", &self.centre.skills[skill].name);
            rows.text("skill_id", &self.centre.skills[skill].id);
        } else {
            rows.text("dnis", dnis);
        }
        levels.write(rows, self.behaviour);
        rows.end();
    }

    fn ivr(&self) -> Option<Answer> {
        let now = self.question.now;
        let mut hours: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for visit in self.visits().filter(|visit| visit.visible <= now && now < visit.withdrawn) {
            let hour = hours.entry(visit.at.div_euclid(3600)).or_default();
            hour.0 += 1;
            hour.1 += i64::from(visit.ivr_seconds) * 1000;
        }
        if self.behaviour.zero_hours {
            let last = self.question.to.min(self.label_now());
            for hour in self.question.from.div_euclid(3600)..=last.div_euclid(3600) {
                hours.entry(hour).or_default();
            }
        }
        if hours.is_empty() {
            return None;
        }
        let mut rows = Rows::new(self.behaviour, hours.len());
        let (mut calls, mut ms) = (0, 0);
        let mut ordered: Vec<_> = hours.into_iter().collect();
        if self.behaviour.order == Order::Newest {
            ordered.reverse();
        }
        for (hour, (count, length)) in ordered {
            rows.hour(hour * 3600);
            rows.whole("calls", count);
            rows.minutes("ivr_minutes", length, self.behaviour.ivr_minutes);
            rows.end();
            calls += count;
            ms += length;
        }
        if let Some(name) = total_name(self.behaviour) {
            rows.text(if self.behaviour.hour_key_day { "day" } else { "date" }, name);
            rows.whole("calls", calls);
            rows.minutes("ivr_minutes", ms, self.behaviour.ivr_minutes);
            rows.end();
        }
        Some(self.finish(rows))
    }

    fn label_now(&self) -> i64 {
        let at = crate::time::Timestamp::from_second(self.question.now).unwrap_or_default();
        super::day::label_of(self.centre.zone.civil(at))
    }

    /// One row for each event: the reports of details.
    fn rows<R: Labelled + 'static>(
        &self,
        of: impl Fn(&Day) -> &Vec<R>,
        seen: impl Fn(&R) -> (i64, u32),
        write: impl Fn(&Asking<'_>, &mut Rows<'_>, &R),
    ) -> Option<Answer> {
        let now = self.question.now;
        let to = self.question.to + i64::from(self.behaviour.shared_bounds);
        let mut found: Vec<&R> = Vec::new();
        for day in &self.days {
            found.extend(within(of(day), self.question.from, to).iter().filter(|row| seen(row).0 <= now));
        }
        if found.is_empty() {
            return None;
        }
        // The rows of neighbouring days overlap around midnight.
        found.sort_by_key(|row| row.at());
        match self.behaviour.order {
            Order::Oldest => {}
            Order::Newest => found.reverse(),
            Order::Shuffled => found.sort_by_key(|row| mix(&[row.at() as u64, u64::from(seen(row).1)])),
        }
        let over = (found.len() > self.behaviour.row_limit).then_some(self.behaviour.over_rows);
        if over.is_some() {
            found.truncate(self.behaviour.row_limit);
        }
        let mut rows = Rows::new(self.behaviour, found.len());
        for row in &found {
            write(self, &mut rows, row);
            rows.end();
            if self.centre.strikes(self.behaviour.duplicates, seen(row).1, 1) {
                rows.again();
            }
        }
        if let Some(name) = total_name(self.behaviour) {
            let key = if self.question.kind == Kind::Diagram3 { "skill_id" } else { "agent_name" };
            rows.text(key, name);
            rows.whole("attempts", found.len() as i64);
            rows.whole("time_seg", found.len() as i64);
            rows.end();
        }
        let mut answer = self.finish(rows);
        answer.over = over;
        Some(answer)
    }

    fn finish(&self, mut rows: Rows<'_>) -> Answer {
        let promised = rows.count() + self.behaviour.miscounted_rows;
        rows.lose(self.behaviour.missing_rows);
        let count = rows.count();
        Answer { pieces: rows.body(promised), rows: count, over: None }
    }

    fn skill(&self, index: u16) -> Option<&super::centre::Skill> {
        some(index).and_then(|index| self.centre.skills.get(index))
    }
}

fn total_name(behaviour: &Behaviour) -> Option<&'static str> {
    match behaviour.total_row {
        TotalRow::None => None,
        TotalRow::Total => Some("TOTAL"),
        TotalRow::All => Some("ALL"),
        TotalRow::TotalGeneral => Some("TOTAL GENERAL"),
        TotalRow::Totales => Some("TOTALES"),
    }
}

fn skills(centre: &Centre, question: &Question, behaviour: &Behaviour) -> Answer {
    let mut rows = Rows::new(behaviour, centre.skills.len());
    for skill in centre.open_skills(wire::civil_of(question.to).date()) {
        if question.skill.as_ref().is_some_and(|wanted| *wanted != skill.id) {
            continue;
        }
        rows.text("skill_id", &skill.id);
        rows.name("skill_name", &skill.name);
        rows.text("skill_description", &format!("COLA DE {}", skill.name));
        rows.when("last_use", question.to);
        rows.end();
    }
    let count = rows.count();
    Answer { pieces: rows.body(count), rows: count, over: None }
}

fn token_info(behaviour: &Behaviour, usage: Usage) -> Answer {
    let mut rows = Rows::new(behaviour, 1);
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    rows.text("description", "TOKEN DE INTEGRACIÓN");
    rows.whole("token_limit", whole(usage.limit));
    rows.whole("token_use_today", whole(usage.token));
    rows.whole("all_token_today", whole(usage.operation));
    rows.whole("available_consumption_options", whole(usage.limit.saturating_sub(usage.token)));
    rows.end();
    Answer { pieces: rows.body(1), rows: 1, over: None }
}

/// Whether a row of a visit is counted once everything has settled.
pub(super) fn settled(visit: &Visit) -> bool {
    visit.withdrawn == NEVER
}
