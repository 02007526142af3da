//! Targets of service level and abandonment: reading them, and finding the ones of a skill.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::field::{self, missing};
use super::mistake::Notes;
use super::node::{Node, Value};
use super::operation::skills_or_all;
use super::{Operation, Target};

pub(super) const KEYS: [&str; 4] = ["skills", "service_level", "within", "abandon"];

/// The targets that hold for one skill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkillTargets {
    /// Share of calls to answer, in millionths, by seconds (10, 20 or 30).
    pub service_level: BTreeMap<u8, i64>,
    /// Share of calls that may be abandoned, in millionths.
    pub abandon: Option<i64>,
}

impl Operation {
    /// The targets of a skill: what is set for the skill itself, else what is set for `*`.
    ///
    /// A service level set for the skill replaces all of those for `*`, whatever their seconds.
    pub fn targets_of(&self, skill: &str) -> SkillTargets {
        let mut own = SkillTargets::default();
        let mut general = SkillTargets::default();
        for target in &self.targets {
            let found = if target.skills.contains(skill) {
                &mut own
            } else if target.skills.contains("*") {
                &mut general
            } else {
                continue;
            };
            if let Some(share) = target.service_level {
                found.service_level.insert(target.within, share);
            }
            found.abandon = found.abandon.or(target.abandon);
        }
        if own.service_level.is_empty() {
            own.service_level = general.service_level;
        }
        own.abandon = own.abandon.or(general.abandon);
        own
    }
}

/// Reads `targets`.
pub(super) fn read(node: Option<&Node>, notes: &mut Notes) -> Vec<Target> {
    let Some(node) = node else { return Vec::new() };
    let Value::List(items) = &node.value else {
        notes.mistake(
            &node.at,
            "a list of targets is needed, each with the keys skills, service_level, within, abandon",
        );
        return Vec::new();
    };
    let mut targets = Vec::new();
    let mut service_levels = BTreeSet::new();
    let mut abandons = BTreeSet::new();
    for item in items {
        let Some(target) = one(item, notes) else { continue };
        for skill in &target.skills {
            let twice =
                target.service_level.is_some() && !service_levels.insert((skill.clone(), target.within));
            if twice || (target.abandon.is_some() && !abandons.insert(skill.clone())) {
                notes.mistake(&item.at, "a skill of this entry already has this target; keep one");
                break;
            }
        }
        targets.push(target);
    }
    targets
}

fn one(node: &Node, notes: &mut Notes) -> Option<Target> {
    if !field::mapping(node, &KEYS, notes) {
        return None;
    }
    let skills = skills_or_all(node, notes);
    let level = node.child("service_level");
    let service_level = level.and_then(|node| field::share(node, 1, notes));
    let abandon = node.child("abandon").and_then(|node| field::share(node, 0, notes));
    let within = match (level, node.child("within")) {
        (_, Some(node)) => within(node, notes)?,
        (Some(_), None) => {
            missing(node, "within", "a service level needs its seconds: 10s, 20s or 30s", notes);
            return None;
        }
        // Of no consequence without a service level.
        (None, None) => 20,
    };
    if level.is_none()
        && let Some(within) = node.child("within")
    {
        notes.mistake(&within.at, "stands without a service_level; add one, or take this out");
    }
    if level.is_none() && node.child("abandon").is_none() {
        notes.mistake(&node.at, "sets no target; add service_level and within, or abandon");
    }
    Some(Target { skills: skills?, service_level, within, abandon })
}

fn within(node: &Node, notes: &mut Notes) -> Option<u8> {
    let seconds = match &node.value {
        Value::Scalar(_, text) => match humantime::parse_duration(text.trim()) {
            Ok(duration) if duration == Duration::from_secs(10) => Some(10),
            Ok(duration) if duration == Duration::from_secs(20) => Some(20),
            Ok(duration) if duration == Duration::from_secs(30) => Some(30),
            _ => None,
        },
        _ => None,
    };
    if seconds.is_none() {
        notes.mistake(&node.at, "10s, 20s or 30s is needed; the API measures no other");
    }
    seconds
}
