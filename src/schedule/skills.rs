//! Which skills `skill_6` is read for, and what the witness said of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Grain;
use crate::config::{CountFrom, Operation, Skills};
use crate::schedule::{History, Progress, WitnessRow, split};
use crate::time::{Bucket, SignedDuration, Timestamp};

/// From how many skills on one witness is cheaper than asking each.
const WITNESS_FROM: usize = 3;

/// Calls of a skill's day from which a row of it may be too coarse for one piece.
const COARSE: i64 = 10_000;

/// Turns an idle skill waits at most where there is no witness.
const MOST_IDLE: u32 = 12;

/// What is known of the skills of one operation, in memory.
#[derive(Debug)]
pub(super) struct SkillBook {
    /// The day on which this process began.
    born: Bucket,
    /// Under `discover`: the skills by name, and those the witness has met.
    known: BTreeSet<String>,
    /// The last day of each skill that has left.
    left: BTreeMap<String, Bucket>,
    /// The witness's row of the last successful reading.
    remembered: BTreeMap<(Bucket, String), u64>,
    /// Days of a skill that are read in so many parts.
    parts: BTreeMap<(Bucket, String), u16>,
    /// Days of a skill that took too long, or were cut, in fewer parts than these.
    cut: BTreeMap<(Bucket, String), u16>,
    /// When each skill was last asked.
    asked: BTreeMap<String, Timestamp>,
    /// Without a witness: turns a skill still waits, and how many it waited last.
    idle: BTreeMap<String, (u32, u32)>,
    /// When each ended day was last asked.
    days: BTreeMap<Bucket, Timestamp>,
    /// What failed and is to be asked again; without a skill, the witness.
    pub(super) leftover: BTreeSet<(Bucket, Option<String>)>,
    /// No witness before this instant.
    refused_until: Option<Timestamp>,
    /// Failures of the witness in a row.
    refusals: u32,
    /// Whether the witness has ever shown a row. Before, its silence may mean that this server does not know
    /// `skill_id=all`, which it may well answer like a night without calls.
    speaks: bool,
}

impl SkillBook {
    pub(super) fn new(operation: &Operation, now: Timestamp) -> SkillBook {
        SkillBook {
            born: operation.zone.bucket(now, Grain::Day),
            known: BTreeSet::new(),
            left: BTreeMap::new(),
            remembered: BTreeMap::new(),
            parts: BTreeMap::new(),
            cut: BTreeMap::new(),
            asked: BTreeMap::new(),
            idle: BTreeMap::new(),
            days: BTreeMap::new(),
            leftover: BTreeSet::new(),
            refused_until: None,
            refusals: 0,
            speaks: false,
        }
    }

    /// The skills in force.
    pub(super) fn wanted(&self, operation: &Operation) -> BTreeSet<String> {
        match &operation.skills {
            Skills::All => BTreeSet::from(["all".to_owned()]),
            Skills::Named(named) => named.clone(),
            Skills::Discover => self.known.clone(),
        }
    }

    /// The vendor's list of skills; under `discover` those missing from it leave today.
    pub(super) fn listed(&mut self, skills: &BTreeSet<String>, operation: &Operation, today: Bucket) {
        if operation.skills == Skills::Discover {
            for gone in self.known.difference(skills) {
                self.left.insert(gone.clone(), today);
            }
            for skill in skills {
                self.left.remove(skill);
            }
            self.known = skills.clone();
        }
    }

    /// Whether one `skill_1` a day tells which skills moved.
    pub(super) fn has_witness(&self, operation: &Operation, now: Timestamp) -> bool {
        if self.refused_until.is_some_and(|until| now < until) {
            return false;
        }
        match &operation.skills {
            Skills::All => false,
            Skills::Named(named) => named.len() >= WITNESS_FROM,
            // Where the list is not to be had, the witness shows who is there.
            Skills::Discover => self.known.is_empty() || self.known.len() >= WITNESS_FROM,
        }
    }

    /// Every skill that may have days to read: those in force, and those that left.
    pub(super) fn concerned(&self, operation: &Operation, history: &History) -> Concerned {
        let wanted = self.wanted(operation);
        let known = history.skills.iter().filter(|(skill, _)| wanted.contains(*skill));
        let floor = known.map(|(_, progress)| progress.unsealed_from).min();
        // A skill the ledger has not met was absent from every day read so far.
        let floor = floor.unwrap_or_else(|| match operation.count_from {
            CountFrom::Date(date) if history.skills.is_empty() => Bucket::day(date).min(self.born),
            _ => self.born,
        });
        let mut skills: BTreeMap<String, Open> = BTreeMap::new();
        for skill in &wanted {
            let progress = history.skills.get(skill).cloned();
            skills.insert(skill.clone(), Open { progress, floor, last: None });
        }
        for (skill, progress) in &history.skills {
            // Before the list is known nobody has left.
            if wanted.contains(skill) || (operation.skills == Skills::Discover && wanted.is_empty()) {
                if !wanted.contains(skill) {
                    let open = Open { progress: Some(progress.clone()), floor, last: None };
                    skills.insert(skill.clone(), open);
                }
                continue;
            }
            let last = self.left.get(skill).copied().unwrap_or_else(|| {
                let read = progress.last_success.map(|at| operation.zone.bucket(at, Grain::Day));
                read.unwrap_or(progress.unsealed_from)
            });
            if progress.unsealed(last).next().is_some() {
                skills.insert(
                    skill.clone(),
                    Open { progress: Some(progress.clone()), floor, last: Some(last) },
                );
            }
        }
        Concerned { skills, floor, open_to_new: operation.skills == Skills::Discover }
    }

    /// Whether yesterday (or an older day before its seal) has its turn: every slot for an hour, then hourly.
    pub(super) fn is_day_due(&self, day: Bucket, ended: Timestamp, now: Timestamp) -> bool {
        let hour = SignedDuration::from_hours(1);
        now.duration_since(ended) < hour
            || self.days.get(&day).is_none_or(|at| now.duration_since(*at) >= hour || now < *at)
    }

    pub(super) fn day_asked(&mut self, day: Bucket, now: Timestamp) {
        self.days.insert(day, now);
    }

    /// The order within a slot: least recently asked first.
    pub(super) fn sort(&self, skills: &mut [String]) {
        skills.sort_by_key(|skill| self.asked.get(skill).copied());
    }

    pub(super) fn skill_asked(&mut self, skill: &str, now: Timestamp) {
        self.asked.insert(skill.to_owned(), now);
    }

    /// Rows the witness showed for a day: under `discover` new skills enter.
    pub(super) fn witnessed(&mut self, rows: &[WitnessRow], operation: &Operation, day: Bucket, ended: bool) {
        self.refusals = 0;
        self.speaks |= !rows.is_empty();
        for row in rows {
            // One that is missing from the list but has calls after the day it left has not left.
            let gone = self.left.get(&row.skill).is_some_and(|left| day <= *left);
            if operation.skills == Skills::Discover && !gone {
                self.left.remove(&row.skill);
                self.known.insert(row.skill.clone());
            }
            if ended && row.inbound_calls >= COARSE {
                let parts = self.parts.entry((day, row.skill.clone())).or_insert(0);
                *parts = (*parts).max(split::parts_for(row.inbound_calls));
            }
        }
    }

    /// Whether skills that the witness does not show have no calls.
    pub(super) fn believes(&self, is_silent: bool) -> bool {
        self.speaks || !is_silent
    }

    /// Whether the witness's row differs from the one of the last successful reading.
    pub(super) fn has_moved(&self, day: Bucket, row: &WitnessRow) -> bool {
        self.remembered.get(&(day, row.skill.clone())) != Some(&row.fingerprint)
    }

    /// A skill's day has been read.
    pub(super) fn read(&mut self, day: Bucket, skill: &str, fingerprint: Option<u64>) {
        let key = (day, skill.to_owned());
        // What was cut may have been a bad moment: fewer parts next time.
        if let Some(coarser) = self.cut.remove(&key).and_then(split::previous_parts) {
            self.cut.insert(key.clone(), coarser);
        }
        self.leftover.remove(&(day, Some(skill.to_owned())));
        match fingerprint {
            Some(fingerprint) => self.remembered.insert(key, fingerprint),
            None => self.remembered.remove(&key),
        };
    }

    /// Without a witness, an answer without rows makes a skill wait longer, one with rows not at all.
    pub(super) fn idle_or_not(&mut self, skill: &str, rows: u64) {
        if rows > 0 {
            self.idle.remove(skill);
        } else {
            let (_, waited) = self.idle.get(skill).copied().unwrap_or((0, 0));
            let wait = (waited * 2).clamp(1, MOST_IDLE);
            self.idle.insert(skill.to_owned(), (wait, wait));
        }
    }

    /// Without a witness: whether the skill sits this turn out.
    pub(super) fn sits_out(&mut self, skill: &str) -> bool {
        match self.idle.get_mut(skill) {
            Some((left, _)) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// In how many parts a skill's day is read.
    pub(super) fn parts(&self, day: Bucket, skill: &str) -> u16 {
        let key = (day, skill.to_owned());
        let of = |map: &BTreeMap<_, u16>| map.get(&key).copied().unwrap_or(1);
        of(&self.parts).max(of(&self.cut))
    }

    /// The day wants finer parts from now on; false when there are none.
    pub(super) fn finer(&mut self, day: Bucket, skill: &str) -> bool {
        let finer = split::next_parts(self.parts(day, skill));
        if let Some(finer) = finer {
            self.parts.insert((day, skill.to_owned()), finer);
        }
        finer.is_some()
    }

    /// The day was cut: finer parts for now; false when there are none.
    pub(super) fn cut(&mut self, day: Bucket, skill: &str) -> bool {
        let finer = split::next_parts(self.parts(day, skill));
        if let Some(finer) = finer {
            self.cut.insert((day, skill.to_owned()), finer);
        }
        finer.is_some()
    }

    /// The witness failed. `refused`: it will not be had by asking again soon.
    ///
    /// Returns whether skills take turns from now on; the witness is tried again after a day.
    pub(super) fn witness_failed(&mut self, refused: bool, now: Timestamp) -> bool {
        self.refusals += 1;
        let gives_up = refused || self.refusals >= 3;
        if gives_up {
            self.refusals = 0;
            self.refused_until = now.saturating_add(SignedDuration::from_hours(24)).ok();
        }
        gives_up
    }

    /// Forgets what concerns days before this one.
    pub(super) fn forget_before(&mut self, day: Bucket) {
        self.remembered.retain(|(at, _), _| *at >= day);
        self.parts.retain(|(at, _), _| *at >= day);
        self.cut.retain(|(at, _), _| *at >= day);
        self.leftover.retain(|(at, _)| *at >= day);
        self.days.retain(|at, _| *at >= day);
    }

    /// The clock was set back: no instant of the past may lie in the future.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for at in self.asked.values_mut().chain(self.days.values_mut()) {
            *at = (*at).min(now);
        }
        let most = now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
        self.refused_until = self.refused_until.map(|until| until.min(most));
    }
}

/// The skills that may have days to read.
#[derive(Debug)]
pub(super) struct Concerned {
    skills: BTreeMap<String, Open>,
    /// The first day of a skill the ledger has not met.
    floor: Bucket,
    /// Whether the witness may show others.
    open_to_new: bool,
}

/// The days of one skill.
#[derive(Debug)]
struct Open {
    progress: Option<Progress>,
    floor: Bucket,
    /// The last day of a skill that has left.
    last: Option<Bucket>,
}

impl Open {
    /// Whether the day may still be read for the skill.
    fn is_open(&self, day: Bucket) -> bool {
        let sealed = match &self.progress {
            Some(progress) => progress.is_sealed(day),
            None => day < self.floor,
        };
        !sealed && self.last.is_none_or(|last| day <= last)
    }

    fn first(&self) -> Bucket {
        self.progress.as_ref().map_or(self.floor, |progress| progress.unsealed_from)
    }
}

impl Default for Concerned {
    fn default() -> Concerned {
        Concerned { skills: BTreeMap::new(), floor: Bucket::from_index(Grain::Day, 0), open_to_new: false }
    }
}

impl Concerned {
    /// The skills whose day may still be read.
    pub(super) fn open_skills(&self, day: Bucket) -> Vec<String> {
        let open = self.skills.iter().filter(|(_, open)| open.is_open(day));
        open.map(|(skill, _)| skill.clone()).collect()
    }

    /// Whether the day may still be read for the skill; a skill just met is open from the floor on.
    pub(super) fn is_open(&self, skill: &str, day: Bucket) -> bool {
        match self.skills.get(skill) {
            Some(open) => open.is_open(day),
            None => self.open_to_new && day >= self.floor,
        }
    }

    /// The days before `today` that are open for some skill, oldest first.
    pub(super) fn days_before(&self, today: Bucket) -> Vec<Bucket> {
        let first = self.skills.values().map(Open::first).min().unwrap_or(self.floor);
        (first.index()..today.index())
            .map(|index| Bucket::from_index(Grain::Day, index))
            .filter(|day| self.skills.values().any(|open| open.is_open(*day)))
            .collect()
    }
}
