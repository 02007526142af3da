//! Names, targets and opening hours: what an operation's ids mean, and what is expected of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Operation;
use crate::metrics::{Block, Blocks, Label, catalogue};
use crate::time::{SignedDuration, Timestamp};

/// The names met so far; the configuration brings the rest.
#[derive(Debug, Clone, Default)]
pub struct Names {
    skills: BTreeMap<Box<str>, Box<str>>,
    activities: BTreeMap<Box<str>, Box<str>>,
}

impl Names {
    /// A skill exists; its name is kept when it is not empty.
    pub fn skill(&mut self, id: &str, name: &str) {
        let entry = self.skills.entry(id.into()).or_default();
        if !name.is_empty() {
            *entry = name.into();
        }
    }

    /// An activity code is described; the last words win.
    pub fn activity(&mut self, code: &str, description: &str) {
        self.activities.insert(code.into(), description.into());
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
    /// `coded` says which activity codes have a series: only those are described.
    pub fn blocks(&self, operation: &Operation, coded: &BTreeSet<Box<str>>, now: Timestamp) -> Vec<Block> {
        let mut out = Blocks::of(&operation.name);
        let info = [
            (Label::Server, operation.server.as_str()),
            (Label::Timezone, operation.zone.name()),
            (Label::Currency, operation.currency.as_str()),
        ];
        out.put(&catalogue::OPERATION_INFO, &info, 1);
        for (id, name) in &self.skills {
            if !name.is_empty() {
                out.put(&catalogue::SKILL_INFO, &[(Label::SkillId, id), (Label::SkillName, name)], 1);
            }
        }
        for (code, description) in &self.activities {
            if coded.contains(code) {
                let labels = [(Label::CodAct, &**code), (Label::Description, description)];
                out.put(&catalogue::ACTIVITY_INFO, &labels, 1);
            }
        }
        let local = operation.zone.civil(now);
        for skill in self.expected(operation) {
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

    /// The skills that targets and hours speak of: those met, and those the configuration names.
    fn expected<'a>(&'a self, operation: &'a Operation) -> BTreeSet<&'a str> {
        let named = operation.targets.iter().flat_map(|target| &target.skills);
        let open = operation.business_hours.iter().flat_map(|hours| &hours.skills);
        self.skills
            .keys()
            .map(|id| &**id)
            .chain(named.chain(open).map(String::as_str).filter(|id| *id != "*"))
            .collect()
    }
}
