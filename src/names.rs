//! Names, targets and opening hours: what an operation's ids mean, and what is expected of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Operation;
use crate::metrics::{Block, Blocks, Label, catalogue};
use crate::report;
use crate::time::{SignedDuration, Timestamp};

/// Far above what any centre has: more ids are not kept, whatever comes from upstream.
const MOST: usize = 10_000;

/// The ids that have a series, by what they are ids of: only so many are bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Skills.
    pub skills: BTreeSet<Box<str>>,
    /// Activity codes.
    pub activities: BTreeSet<Box<str>>,
}

/// The names met so far; the configuration brings the rest.
#[derive(Debug, Clone, Default)]
pub struct Names {
    skills: BTreeMap<Box<str>, Box<str>>,
    activities: BTreeMap<Box<str>, Box<str>>,
}

impl Names {
    /// A skill exists; its name is kept when it is not empty. An id that could be a person's number has no name.
    pub fn skill(&mut self, id: &str, name: &str) {
        let has_room = self.skills.len() < MOST;
        let entry = match self.skills.get_mut(id) {
            Some(entry) => entry,
            None if has_room && *report::shown_id(id) == *id => self.skills.entry(id.into()).or_default(),
            None => return,
        };
        if !name.is_empty() && **entry != *name {
            *entry = name.into();
        }
    }

    /// An activity code is described; the last words win.
    pub fn activity(&mut self, code: &str, description: &str) {
        if self.activities.len() < MOST || self.activities.contains_key(code) {
            self.activities.insert(code.into(), description.into());
        }
    }

    /// The name of a skill, where it is known.
    pub fn skill_name(&self, id: &str) -> Option<&str> {
        self.skills.get(id).map(|name| &**name).filter(|name| !name.is_empty())
    }

    /// When something shown here may change by the clock alone: at the next full local minute.
    pub fn changes_after(&self, now: Timestamp) -> Timestamp {
        let minute = now.as_second().div_euclid(60) + 1;
        Timestamp::from_second(minute * 60).unwrap_or(Timestamp::MAX).max(now + SignedDuration::from_secs(1))
    }

    /// The info families, the targets and the opening hours at `now`.
    ///
    /// Activity codes are described when they have a series, skills also while the bound on labels leaves room.
    pub fn blocks(&self, operation: &Operation, shown: &Shown, now: Timestamp) -> Vec<Block> {
        let mut out = Blocks::of(&operation.name);
        let info = [
            (Label::Server, operation.server.as_str()),
            (Label::Timezone, operation.zone.name()),
            (Label::Currency, operation.currency.as_str()),
        ];
        out.put(&catalogue::OPERATION_INFO, &info, 1);
        let skills = self.bounded(operation, shown);
        for id in &skills {
            if let Some(name) = self.skill_name(id) {
                out.put(&catalogue::SKILL_INFO, &[(Label::SkillId, id), (Label::SkillName, name)], 1);
            }
        }
        for (code, description) in &self.activities {
            if shown.activities.contains(code) {
                let labels = [(Label::CodAct, &**code), (Label::Description, description)];
                out.put(&catalogue::ACTIVITY_INFO, &labels, 1);
            }
        }
        let local = operation.zone.civil(now);
        for skill in expected(operation, &skills) {
            let id = (Label::SkillId, skill);
            let targets = operation.targets_of(skill);
            for (within, share) in &targets.service_level {
                let within = format!("{within}s");
                out.put(&catalogue::SERVICE_LEVEL_TARGET, &[id, (Label::Within, within.as_str())], *share);
            }
            if let Some(abandon) = targets.abandon {
                out.put(&catalogue::ABANDON_TARGET, &[id], abandon);
            }
            if let Some(open) = operation.is_open(skill, local) {
                out.put(&catalogue::BUSINESS_OPEN, &[id], i64::from(open));
            }
        }
        out.finish()
    }

    /// The skills to show: those that have a series, then others up to the bound.
    fn bounded<'a>(&'a self, operation: &Operation, shown: &'a Shown) -> BTreeSet<&'a str> {
        let met = |id: &&str| self.skills.contains_key(*id);
        let mut skills: BTreeSet<&str> = shown.skills.iter().map(|id| &**id).filter(met).collect();
        let room = operation.labels_max.saturating_sub(skills.len());
        let others = self.skills.keys().map(|id| &**id).filter(|id| !shown.skills.contains(*id));
        skills.extend(others.take(room));
        skills
    }
}

/// The skills that targets and hours speak of: those met, and those the configuration names.
fn expected<'a>(operation: &'a Operation, met: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let named = operation.targets.iter().flat_map(|target| &target.skills);
    let open = operation.business_hours.iter().flat_map(|hours| &hours.skills);
    let configured = named.chain(open).map(String::as_str).filter(|id| *id != "*");
    met.iter().copied().chain(configured).collect()
}

#[cfg(test)]
mod tests;
