//! `cdr_1`: one connected call per row, with its cost and the codes that agents give it later.

use super::columns::{Cell, Columns, Row};
use super::decode::Settings;
use super::field::{self, Moment};
use super::label;
use super::occurrence::{self, Occurrence};
use super::tally::{DropReason, Seen, Tally};
use super::{Amount, Event, LabelValues, Observation, When, moment_bytes};
use crate::api::{Grain, Report};
use crate::metrics::{Family, Label, catalogue};
use crate::time::Bucket;

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct CallRow<'a> {
    /// Only looked at to recognise a closing row.
    agent_name: Cell<'a>,
    date: Cell<'a>,
    destination: Cell<'a>,
    telephone: Cell<'a>,
    cost: Cell<'a>,
    time: Cell<'a>,
    billed: Cell<'a>,
    codes: [Cell<'a>; 2],
    descriptions: [Cell<'a>; 2],
    interaction: Cell<'a>,
    hang_up: Cell<'a>,
    campaign: Cell<'a>,
    conn_id: Cell<'a>,
    skill: Cell<'a>,
    skill_name: Cell<'a>,
    agent: Cell<'a>,
}

impl<'a> Columns<'a> for CallRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "agent_name" => self.agent_name.put(value),
            "date" => self.date.put(value),
            "destiny" => self.destination.put(value),
            "telephone" => self.telephone.put(value),
            "cost" => self.cost.put(value),
            "time_seg" | "time_sec" => self.time.put(value),
            "time_min" => self.billed.put(value),
            "cod_act" => self.codes[0].put(value),
            "cod_act_2" => self.codes[1].put(value),
            "description_cod_act" => self.descriptions[0].put(value),
            "description_cod_act_2" => self.descriptions[1].put(value),
            "type_interaction" => self.interaction.put(value),
            "hang_up" | "hung_up" => self.hang_up.put(value),
            "campaign_id" | "campaing_id" => self.campaign.put(value),
            "conn_id" => self.conn_id.put(value),
            "skill_id" => self.skill.put(value),
            "skill_name" => self.skill_name.put(value),
            "agent_id" => self.agent.put(value),
            _ => false,
        }
    }
}

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct CallDetail {
    rows: Vec<Occurrence>,
}

impl CallDetail {
    pub(super) fn row(&mut self, row: Row<CallRow<'_>>, settings: &Settings, tally: &mut Tally) {
        let fingerprint = row.fingerprint;
        let row = row.columns;
        let date = field::present(row.date.text()).map(field::moment);
        let conn_id = conn_id(&row.conn_id);
        let names = [&row.date, &row.agent_name, &row.skill, &row.agent, &row.campaign];
        if (conn_id.is_none() || !matches!(date, Some(Ok(Some(_)))))
            && names.iter().any(|cell| cell.text().is_some_and(label::is_total))
        {
            return tally.drop_row(DropReason::TotalRow);
        }
        let Some(Ok(Some(Moment::Time(at)))) = date else {
            tally.reject("date");
            return tally.drop_row(DropReason::NoIdentity);
        };
        let interaction = label::word(row.interaction.text());
        let agent = field::present(row.agent.text());
        let (kind, call): (&[u8], _) = match (conn_id, field::present(row.telephone.text())) {
            (Some(conn_id), _) => (b"conn_id", conn_id),
            (None, Some(telephone)) => (b"telephone", telephone),
            (None, None) if agent.is_some() => (b"", ""),
            (None, None) => return tally.drop_row(DropReason::NoIdentity),
        };
        let agent = agent.unwrap_or_default();
        let when = moment_bytes(at);
        let parts = [kind, call.as_bytes(), &when, agent.as_bytes(), interaction.text.as_bytes()];
        let identity = settings.key.identity(Report::Cdr1, parts);

        let seen = Seen { key: &settings.key, bucket: Bucket::of(at, Grain::Hour) };
        let skill = label::id(row.skill.text());
        tally.names.skill(&skill.text, row.skill_name.text());
        let mut key = LabelValues::from([
            (Label::SkillId, tally.label(Label::SkillId, skill, seen)),
            (Label::Interaction, tally.label(Label::Interaction, interaction, seen)),
            (Label::CampaignId, tally.label(Label::CampaignId, label::id(row.campaign.text()), seen)),
            (Label::HangUp, tally.label(Label::HangUp, label::word(row.hang_up.text()), seen)),
            (Label::Destination, tally.label(Label::Destination, label::id(row.destination.text()), seen)),
        ]);
        if settings.agents {
            key.insert(Label::AgentId, tally.label(Label::AgentId, label::id(row.agent.text()), seen));
        }
        let observations = observations(&row, settings, (seen, settings.coding.is_over(at)), tally);
        self.rows.push(Occurrence {
            event: Event { at, identity, key, observations, status: None },
            fingerprint,
            is_final: false,
            decided: None,
            is_coded: field::present(row.codes[0].text()).is_some(),
        });
    }

    pub(super) fn finish(self, settings: &Settings, tally: &mut Tally) -> Vec<Event> {
        occurrence::number(self.rows, &settings.key, tally)
    }
}

/// The call id, unless it is a placeholder; `0` is one too.
pub(super) fn conn_id<'r>(cell: &'r Cell<'_>) -> Option<&'r str> {
    field::present(cell.text()).filter(|text| text.bytes().any(|byte| byte != b'0'))
}

fn observations(
    row: &CallRow<'_>,
    settings: &Settings,
    (seen, coded): (Seen<'_>, bool),
    tally: &mut Tally,
) -> Vec<Observation> {
    let mut observations = Vec::with_capacity(10);
    let mut follows = |family: &'static Family, amount| {
        let labels = LabelValues::new();
        observations.push(Observation { family, slot: 0, labels, amount, when: When::Follows });
    };
    follows(&catalogue::CDR_CALLS, Amount::Count(1));
    follows(&catalogue::CDR_HANG_UPS, Amount::Count(1));
    let time = tally.value("time_seg", &row.time, field::duration);
    if let Some(time) = time {
        follows(&catalogue::CDR_DURATION, Amount::Observe(time));
    }
    if let Some(billed) = tally.value("time_min", &row.billed, field::minutes) {
        follows(&catalogue::CDR_BILLED, Amount::Count(billed));
    }
    if let Some(cost) = tally.value("cost", &row.cost, field::cost) {
        follows(&catalogue::CDR_COST, Amount::Count(cost));
        follows(&catalogue::CDR_DESTINATION_COST, Amount::Count(cost));
    }
    if settings.agents {
        follows(&catalogue::AGENT_CALLS, Amount::Count(1));
        if let Some(time) = time {
            follows(&catalogue::AGENT_CALL_SECONDS, Amount::Count(time));
        }
    }
    for (level, (code, description)) in (1..).zip(row.codes.iter().zip(&row.descriptions)) {
        let is_present = field::present(code.text()).is_some();
        let code = label::id(code.text());
        if is_present {
            tally.names.activity(&code.text, description.text());
        }
        observations.push(Observation {
            family: &catalogue::CDR_ACTIVITY,
            slot: level,
            labels: LabelValues::from([
                (Label::Level, if level == 1 { "1" } else { "2" }.into()),
                (Label::CodAct, tally.label(Label::CodAct, code, seen)),
            ]),
            amount: Amount::Count(1),
            // A code may still come, or change, until the row is old enough; none may come until the seal.
            when: if is_present && coded { When::Once } else { When::AtSeal },
        });
    }
    observations
}
