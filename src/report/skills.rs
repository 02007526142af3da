//! `information.php?api=skills`: the names of the skills.

use std::collections::BTreeMap;

use super::columns::{Cell, Columns, Row};
use super::decode::DecodeError;
use super::tally::{DropReason, Tally};
use super::{field, label};

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct SkillRow<'a> {
    id: Cell<'a>,
    name: Cell<'a>,
}

impl<'a> Columns<'a> for SkillRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "skill_id" => self.id.put(value),
            "skill_name" => self.name.put(value),
            _ => false,
        }
    }
}

/// More skills than any centre has. Each may cost a request per turn, so an answer with more is not believed.
pub(super) const MOST_SKILLS: usize = 4_000;

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct SkillNames {
    skills: BTreeMap<String, Option<String>>,
}

impl SkillNames {
    pub(super) fn row(&mut self, row: Row<SkillRow<'_>>, tally: &mut Tally) {
        let row = row.columns;
        let Some(id) = skill(&row.id) else {
            tally.reject("skill_id");
            return tally.drop_row(DropReason::NoIdentity);
        };
        if label::is_total(&id) {
            return tally.drop_row(DropReason::TotalRow);
        }
        if self.skills.len() > MOST_SKILLS {
            return;
        }
        tally.names.skill(&id, row.name.text());
        let name = tally.names.skills.get(id.as_str()).map(ToString::to_string);
        self.skills.entry(id).or_insert(name);
    }

    pub(super) fn finish(self) -> Result<Vec<(String, Option<String>)>, DecodeError> {
        if self.skills.len() > MOST_SKILLS {
            return Err(DecodeError::TooManySkills { most: MOST_SKILLS });
        }
        Ok(self.skills.into_iter().collect())
    }
}

/// The id of a skill as the API wants it back.
pub(super) fn skill(cell: &Cell<'_>) -> Option<String> {
    field::present(cell.text()).map(|id| label::clean(id).into_owned())
}
