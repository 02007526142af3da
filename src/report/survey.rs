//! `diagram_4`: one smart survey per row, with any number of questions.

use super::call_detail::conn_id;
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

/// Numbers above this are not marks but something that a caller typed in, and are not added to a score.
const HIGHEST_SCORE: i64 = 100 * ONE;

/// The highest answer that is a label of its own.
const HIGHEST_LABEL: i64 = 10;

/// One, in millionths.
const ONE: i64 = 1_000_000;

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct SurveyRow<'a> {
    /// Only looked at to recognise a closing row.
    agent_name: Cell<'a>,
    agent: Cell<'a>,
    skill: Cell<'a>,
    skill_name: Cell<'a>,
    date: Cell<'a>,
    conn_id: Cell<'a>,
    ani: Cell<'a>,
    voice: Cell<'a>,
    interaction: Cell<'a>,
    result: Cell<'a>,
    time: Cell<'a>,
    feeling: Cell<'a>,
    /// By the number in the column's name.
    answers: Vec<(u16, Cell<'a>)>,
}

impl<'a> Columns<'a> for SurveyRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "agent_name" => self.agent_name.put(value),
            "agent_id" => self.agent.put(value),
            "skill_id" => self.skill.put(value),
            "skill_name" => self.skill_name.put(value),
            "date" => self.date.put(value),
            "conn_id" => self.conn_id.put(value),
            "ani" => self.ani.put(value),
            "voice_message_duration" => self.voice.put(value),
            "type_interaction" => self.interaction.put(value),
            "result" => self.result.put(value),
            "time" => self.time.put(value),
            "feeling" => self.feeling.put(value),
            _ => match question(name) {
                Some(number) => {
                    match self.answers.iter_mut().find(|(other, _)| *other == number) {
                        Some((_, cell)) => _ = cell.put(value),
                        None => self.answers.push((number, value)),
                    }
                    true
                }
                None => false,
            },
        }
    }
}

/// The number of the question that a column holds the answers of: `q` and one to three digits, padded or not.
fn question(name: &str) -> Option<u16> {
    let digits = name.strip_prefix('q')?;
    let fine = matches!(digits.len(), 1..=3) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fine { digits.parse().ok() } else { None }
}

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Surveys {
    rows: Vec<Occurrence>,
}

impl Surveys {
    pub(super) fn row(&mut self, row: Row<SurveyRow<'_>>, settings: &Settings, tally: &mut Tally) {
        let fingerprint = row.fingerprint;
        let mut row = row.columns;
        let date = field::present(row.date.text()).map(field::moment);
        let conn_id = conn_id(&row.conn_id);
        let names = [&row.date, &row.agent_name, &row.agent, &row.skill, &row.skill_name];
        if (conn_id.is_none() || !matches!(date, Some(Ok(Some(_)))))
            && names.iter().any(|cell| cell.text().is_some_and(label::is_total))
        {
            return tally.drop_row(DropReason::TotalRow);
        }
        let Some(Ok(Some(Moment::Time(at)))) = date else {
            tally.reject("date");
            return tally.drop_row(DropReason::NoIdentity);
        };
        let agent = field::present(row.agent.text());
        let (kind, call): (&[u8], _) = match (conn_id, field::present(row.ani.text())) {
            (Some(conn_id), _) => (b"conn_id", conn_id),
            (None, Some(ani)) => (b"ani", ani),
            (None, None) if agent.is_some() => (b"", ""),
            (None, None) => return tally.drop_row(DropReason::NoIdentity),
        };
        let when = moment_bytes(at);
        let parts = [kind, call.as_bytes(), &when, agent.unwrap_or_default().as_bytes()];
        let identity = settings.key.identity(Report::Diagram4, parts);

        let seen = Seen { key: &settings.key, bucket: Bucket::of(at, Grain::Hour) };
        let skill = label::id(row.skill.text());
        tally.names.skill(&skill.text, row.skill_name.text());
        let key = LabelValues::from([
            (Label::SkillId, tally.label(Label::SkillId, skill, seen)),
            (Label::Interaction, tally.label(Label::Interaction, label::word(row.interaction.text()), seen)),
        ]);
        let is_coded = field::present(row.result.text()).is_some();
        row.answers.sort_unstable_by_key(|(number, _)| *number);
        let observations = observations(&row, (seen, settings.coding.is_over(at)), tally);
        self.rows.push(Occurrence {
            event: Event { at, identity, key, observations, status: None },
            fingerprint,
            is_final: false,
            decided: None,
            is_coded,
        });
    }

    pub(super) fn finish(self, settings: &Settings, tally: &mut Tally) -> Vec<Event> {
        occurrence::number(self.rows, &settings.key, tally)
    }
}

fn observations(
    row: &SurveyRow<'_>,
    (seen, settled): (Seen<'_>, bool),
    tally: &mut Tally,
) -> Vec<Observation> {
    let mut observations = Vec::with_capacity(5 + 2 * row.answers.len());
    let mut observe = |family: &'static Family, slot, labels, amount, when| {
        observations.push(Observation { family, slot, labels, amount, when });
    };
    for (family, name, cell) in [
        (&catalogue::SURVEY_RESPONSES, Label::Result, &row.result),
        (&catalogue::SURVEY_FEELING, Label::Feeling, &row.feeling),
    ] {
        let is_present = field::present(cell.text()).is_some();
        let labels = LabelValues::from([(name, tally.label(name, label::word(cell.text()), seen))]);
        // It may still come, or change, until the row is old enough; none may come until the seal.
        let when = if is_present && settled { When::Once } else { When::AtSeal };
        observe(family, 0, labels, Amount::Count(1), when);
    }
    for (number, cell) in &row.answers {
        let Some(text) = field::present(cell.text()) else {
            if *cell == Cell::Nested {
                tally.reject("q#");
            }
            continue;
        };
        let question: Box<str> = format!("q{number:02}").into();
        let score = field::millionths(text).ok().filter(|score| *score <= HIGHEST_SCORE);
        let whole = score.filter(|score| score % ONE == 0 && *score <= HIGHEST_LABEL * ONE);
        let answer = whole.map_or_else(|| label::OTHER.into(), |score| (score / ONE).to_string());
        let labels = LabelValues::from([(Label::Question, question.clone()), (Label::Answer, answer.into())]);
        observe(&catalogue::SURVEY_ANSWERS, *number, labels, Amount::Count(1), When::Once);
        if let Some(score) = score {
            let labels = LabelValues::from([(Label::Question, question)]);
            observe(&catalogue::SURVEY_SCORE, *number, labels, Amount::Observe(score), When::Once);
        }
    }
    if let Some(time) = tally.value("time", &row.time, field::duration) {
        let amount = Amount::Observe(time);
        observe(&catalogue::SURVEY_DURATION, 0, LabelValues::new(), amount, When::Follows);
    }
    let voice = tally.value("voice_message_duration", &row.voice, field::duration);
    if let Some(voice) = voice.filter(|voice| *voice > 0) {
        let mut follows =
            |family, amount| observe(family, 0, LabelValues::new(), Amount::Count(amount), When::Follows);
        follows(&catalogue::SURVEY_VOICE_MESSAGES, 1);
        follows(&catalogue::SURVEY_VOICE_MESSAGE_SECONDS, voice);
    }
    observations
}
