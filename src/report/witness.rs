//! `skill_1`: the cheap witness of `skill_6`. Which skills have moved, and how many calls each had.

use std::collections::BTreeMap;

use super::columns::{Cell, Columns, Row};
use super::decode::DecodeError;
use super::skills::{MOST_SKILLS, skill};
use super::tally::{DropReason, Tally};
use super::{field, label};
use crate::api::Report;
use crate::schedule::WitnessRow;

/// The columns of a row; the others only move its fingerprint.
#[derive(Debug, Default)]
pub(super) struct SkillTotals<'a> {
    id: Cell<'a>,
    name: Cell<'a>,
    inbound: Cell<'a>,
}

impl<'a> Columns<'a> for SkillTotals<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "skill_id" => self.id.put(value),
            "skill_name" => self.name.put(value),
            "inbound_calls" => self.inbound.put(value),
            _ => false,
        }
    }
}

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Witness {
    skills: BTreeMap<String, (i64, u64)>,
    /// A row could not be read. A skill missing from a witness counts as silent, so such a witness says nothing.
    unusable: Option<&'static str>,
}

impl Witness {
    pub(super) fn row(&mut self, row: Row<SkillTotals<'_>>, tally: &mut Tally) {
        let fingerprint = row.fingerprint;
        let row = row.columns;
        let is_total = |cell: &Cell<'_>| cell.text().is_some_and(label::is_total);
        let id = skill(&row.id);
        if is_total(&row.id) || (id.is_none() && is_total(&row.name)) {
            return tally.drop_row(DropReason::TotalRow);
        }
        let Some(id) = id else {
            tally.reject("skill_id");
            self.unusable = Some("skill_id");
            return;
        };
        let Some(Ok(calls)) = field::present(row.inbound.text()).map(field::count) else {
            tally.reject("inbound_calls");
            self.unusable = Some("inbound_calls");
            return;
        };
        if self.skills.len() > MOST_SKILLS {
            return;
        }
        tally.names.skill(&id, row.name.text());
        let skill = self.skills.entry(id).or_default();
        skill.0 = skill.0.saturating_add(calls);
        // Several rows of one skill make one fingerprint, in any order.
        skill.1 = skill.1.wrapping_add(fingerprint);
    }

    pub(super) fn unreadable(&mut self) {
        self.unusable = Some("row");
    }

    pub(super) fn finish(self) -> Result<Vec<WitnessRow>, DecodeError> {
        if let Some(field) = self.unusable {
            return Err(DecodeError::Unusable { report: Report::Skill1, field });
        }
        if self.skills.len() > MOST_SKILLS {
            return Err(DecodeError::TooManySkills { most: MOST_SKILLS });
        }
        let row = |(skill, (inbound_calls, fingerprint))| WitnessRow { skill, inbound_calls, fingerprint };
        Ok(self.skills.into_iter().map(row).collect())
    }
}
