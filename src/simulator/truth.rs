//! What really happened, as it stands once everything has settled, independent of the clock.
//!
//! Amounts are integers: calls, milliseconds, millionths of the currency. Label values are normalised as
//! plainly as possible: an absent id is `none`, statuses and interactions are lower case with `_` for spaces.
//! Amounts that the API prints rounded are given as printed with the behaviour in force, per day for
//! `skill_6` and per hour for `diagram_1_2`, since these are the buckets that are read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Simulator;
use super::answer::{self, Kind, Levels};
use super::centre::{CAMPAIGNS, CODES, DESTINATIONS};
use super::day::{Callback, Connected, Outcome, Survey, within};
use super::planted;
use super::wire::{self, printed_minutes, printed_time, some};
use crate::time::civil;

/// The settled truth of one operation over a stretch of local time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Truth {
    /// The operation.
    pub operation: String,
    /// First second, `2026-04-04 00:00:00` local time.
    pub from: String,
    /// Last second.
    pub to: String,
    /// By skill and number.
    pub skill_6: Vec<DnisTruth>,
    /// The IVR.
    pub diagram_1_2: IvrTruth,
    /// The IVR by hour label, `2026-04-04 10`.
    pub diagram_1_2_hours: BTreeMap<String, IvrTruth>,
    /// Callbacks by skill.
    pub diagram_3: BTreeMap<String, CallbackTruth>,
    /// Connected calls.
    pub cdr_1: CdrTruth,
    /// Surveys by skill.
    pub diagram_4: BTreeMap<String, SurveyTruth>,
}

/// Calls of one skill and number (`skill_6`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DnisTruth {
    /// The skill.
    pub skill_id: String,
    /// The number dialled.
    pub dnis: String,
    /// Calls offered: answered plus abandoned.
    pub inbound: i64,
    /// Calls answered.
    pub answered: i64,
    /// Calls abandoned.
    pub abandoned: i64,
    /// Answered within 10 s.
    pub within_10: i64,
    /// Answered within 20 s.
    pub within_20: i64,
    /// Answered within 30 s.
    pub within_30: i64,
    /// Waits of answered calls, milliseconds.
    pub answer_wait_ms: i64,
    /// The same as printed: the sum over days of `asa` times the calls answered.
    pub answer_wait_printed_ms: i64,
    /// Waits of abandoned calls, milliseconds.
    pub abandon_wait_ms: i64,
    /// The same as printed: the sum over days of `ata` times the calls abandoned.
    pub abandon_wait_printed_ms: i64,
}

/// The IVR (`diagram_1_2`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IvrTruth {
    /// Calls.
    pub calls: i64,
    /// Their time, milliseconds.
    pub ms: i64,
    /// The same as printed, each hour rounded by itself.
    pub printed_ms: i64,
}

/// A histogram: counts at or below each bound, the last one of all values, and their sum; empty without any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// Counts by bound in seconds, cumulative, `+Inf` among them.
    pub buckets: BTreeMap<Bound, i64>,
    /// The sum of the values as printed, milliseconds.
    pub sum_ms: i64,
}

/// An upper bound in seconds; printed as `60` or `+Inf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(pub u64);

impl Serialize for Bound {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == u64::MAX { serializer.serialize_str("+Inf") } else { serializer.collect_str(&self.0) }
    }
}

impl Histogram {
    fn observe(&mut self, ms: i64, bounds: &[u64]) {
        for bound in bounds.iter().copied().chain([u64::MAX]) {
            let below = bound == u64::MAX || ms <= bound as i64 * 1000;
            *self.buckets.entry(Bound(bound)).or_default() += i64::from(below);
        }
        self.sum_ms += ms;
    }
}

/// Callbacks of one skill (`diagram_3`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CallbackTruth {
    /// Rows, whatever the customer answered.
    pub offers: i64,
    /// By final status: `ok`, `fail`, `no`, `no_user`, `stop_new`; `unknown` for what is still waiting.
    pub outcomes: BTreeMap<&'static str, i64>,
    /// Attempts.
    pub attempts: i64,
    /// `time_between_calls` of `ok`.
    pub wait: Histogram,
    /// `time` of everything final that was called.
    pub duration: Histogram,
    /// `billed_minutes` as printed, milliseconds.
    pub billed_ms: i64,
}

/// Connected calls (`cdr_1`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CdrTruth {
    /// By skill and interaction.
    pub calls: Vec<CallsTruth>,
    /// Cost by destination, millionths.
    pub destination_cost: BTreeMap<String, i64>,
    /// Calls by agent.
    pub agent_calls: BTreeMap<String, i64>,
    /// Their time by agent, milliseconds.
    pub agent_ms: BTreeMap<String, i64>,
}

/// Connected calls of one skill and interaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CallsTruth {
    /// The skill, or `none`.
    pub skill_id: String,
    /// The interaction, for example `internal_call`.
    pub interaction: String,
    /// Rows by campaign.
    pub calls: BTreeMap<String, i64>,
    /// Rows by who hung up.
    pub hang_ups: BTreeMap<&'static str, i64>,
    /// `time_seg`.
    pub duration: Histogram,
    /// `time_min` as printed, milliseconds.
    pub billed_ms: i64,
    /// Cost by campaign, millionths.
    pub cost: BTreeMap<String, i64>,
    /// Rows by the first activity code; `none` where none was written.
    pub activity_1: BTreeMap<String, i64>,
    /// Rows by the second activity code; `none` where none was written.
    pub activity_2: BTreeMap<String, i64>,
}

/// Surveys of one skill (`diagram_4`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SurveyTruth {
    /// By interaction and result, as `inbound/complete`.
    pub responses: BTreeMap<String, i64>,
    /// By question and answer, as `q01/5`.
    pub answers: BTreeMap<String, i64>,
    /// Numeric answers by question: how many, and their sum.
    pub scores: BTreeMap<String, (i64, i64)>,
    /// Rows.
    pub surveys: i64,
    /// `time`, milliseconds.
    pub duration_ms: i64,
    /// By feeling, as `very_positive`; `none` where none was recognised.
    pub feelings: BTreeMap<&'static str, i64>,
    /// Voice messages.
    pub voice_messages: i64,
    /// Their length, milliseconds.
    pub voice_ms: i64,
}

const WAIT: [u64; 11] = [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400];
const CALLBACK: [u64; 8] = [10, 30, 60, 120, 300, 600, 1200, 1800];
const CALL: [u64; 13] = [5, 10, 20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200];

impl Simulator {
    /// The settled truth of an operation between two local times, both included; `None` for an unknown one.
    ///
    /// Days and hours can be added: the truth of two stretches side by side is the sum of theirs, except
    /// that `skill_6` and `diagram_1_2` print a day and an hour as a whole.
    pub fn truth(&self, operation: &str, from: civil::DateTime, to: civil::DateTime) -> Option<Truth> {
        let index = self.0.centre.operation(operation)?;
        let (from, to) = (super::day::label_of(from), super::day::label_of(to));
        let shown = |label| wire::civil_of(label).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let mut truth =
            Truth { operation: operation.to_owned(), from: shown(from), to: shown(to), ..Truth::default() };
        let asking = Asking { simulator: self, operation };
        let dates = (wire::civil_of(from).date(), wire::civil_of(to).date());
        let mut levels = BTreeMap::new();
        let mut hours = BTreeMap::new();
        let mut calls = BTreeMap::new();
        for day in self.0.centre.days_touching(index, dates.0, dates.1, true) {
            for visit in within(&day.visits, from, to).iter().filter(|visit| answer::settled(visit)) {
                let hour: &mut (i64, i64) = hours.entry(visit.at.div_euclid(3600)).or_default();
                hour.0 += 1;
                hour.1 += i64::from(visit.ivr_seconds) * 1000;
                if let Some(queue) = &visit.queue {
                    let key = (queue.skill, queue.dnis, visit.at.div_euclid(86_400));
                    let levels: &mut Levels = levels.entry(key).or_default();
                    levels.count(queue);
                }
            }
            within(&day.callbacks, from, to)
                .iter()
                .for_each(|row| asking.callback(&mut truth.diagram_3, row));
            within(&day.connected, from, to)
                .iter()
                .for_each(|row| asking.connected(&mut truth.cdr_1, &mut calls, row));
            within(&day.surveys, from, to).iter().for_each(|row| asking.survey(&mut truth.diagram_4, row));
        }
        truth.cdr_1.calls = calls.into_values().collect();
        asking.ivr(&mut truth, hours);
        truth.skill_6 = asking.levels(levels);
        Some(truth)
    }
}

struct Asking<'a> {
    simulator: &'a Simulator,
    operation: &'a str,
}

impl Asking<'_> {
    fn behaviour(&self, kind: Kind) -> std::sync::Arc<super::behaviour::Behaviour> {
        self.simulator.0.control.behaviour(kind, self.operation)
    }

    fn skill(&self, index: u16) -> String {
        let skills = &self.simulator.0.centre.skills;
        some(index)
            .and_then(|index| skills.get(index))
            .map_or_else(|| "none".into(), |skill| skill.id.clone())
    }

    fn levels(&self, levels: BTreeMap<(u16, u16, i64), Levels>) -> Vec<DnisTruth> {
        let form = self.behaviour(Kind::Skill6).average;
        let mut found: BTreeMap<(u16, u16), DnisTruth> = BTreeMap::new();
        for ((skill, dnis, _), levels) in levels {
            let truth = found.entry((skill, dnis)).or_default();
            truth.inbound += levels.inbound;
            truth.answered += levels.answered;
            truth.abandoned += levels.abandoned;
            truth.within_10 += levels.within[0];
            truth.within_20 += levels.within[1];
            truth.within_30 += levels.within[2];
            truth.answer_wait_ms += levels.answer_ms;
            truth.abandon_wait_ms += levels.abandon_ms;
            let printed = |ms, count| printed_time(answer::average(ms, count), form) * count;
            truth.answer_wait_printed_ms += printed(levels.answer_ms, levels.answered);
            truth.abandon_wait_printed_ms += printed(levels.abandon_ms, levels.abandoned);
        }
        let skills = &self.simulator.0.centre.skills;
        let named = found.into_iter().map(|((skill, dnis), truth)| {
            let skill = &skills[usize::from(skill)];
            DnisTruth { skill_id: skill.id.clone(), dnis: skill.dnis[usize::from(dnis)].clone(), ..truth }
        });
        named.collect()
    }

    fn ivr(&self, truth: &mut Truth, hours: BTreeMap<i64, (i64, i64)>) {
        let form = self.behaviour(Kind::Diagram12).ivr_minutes;
        for (hour, (calls, ms)) in hours {
            let printed_ms = printed_minutes(ms, form);
            truth.diagram_1_2.calls += calls;
            truth.diagram_1_2.ms += ms;
            truth.diagram_1_2.printed_ms += printed_ms;
            let label = wire::civil_of(hour * 3600).strftime("%Y-%m-%d %H").to_string();
            truth.diagram_1_2_hours.insert(label, IvrTruth { calls, ms, printed_ms });
        }
    }

    fn callback(&self, truths: &mut BTreeMap<String, CallbackTruth>, row: &Callback) {
        let behaviour = self.behaviour(Kind::Diagram3);
        let truth = truths.entry(self.skill(row.skill)).or_default();
        truth.offers += 1;
        let odd = self.simulator.0.centre.strikes(behaviour.odd_statuses, row.seq, answer::ODD_STATUS);
        let outcome = match row.outcome {
            _ if odd => "unknown",
            Outcome::No => "no",
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::NoUser => "no_user",
            Outcome::StopNew => "stop_new",
            Outcome::Yes => "unknown",
        };
        *truth.outcomes.entry(outcome).or_default() += 1;
        truth.attempts += row.attempts.len() as i64;
        let billed: i64 = row.attempts.iter().map(|attempt| attempt.billed).sum();
        truth.billed_ms += printed_minutes(billed * 600, behaviour.billed_minutes);
        if let Some(last) = row.attempts.last().filter(|_| !odd) {
            let seconds: i64 = row.attempts.iter().map(|attempt| i64::from(attempt.seconds)).sum();
            truth.duration.observe(printed_time(seconds * 1000, behaviour.duration), &CALLBACK);
            if row.outcome == Outcome::Ok {
                let wait = (last.instant - row.instant) * 1000;
                truth.wait.observe(printed_time(wait, behaviour.duration), &WAIT);
            }
        }
    }

    fn connected(
        &self,
        cdr: &mut CdrTruth,
        calls: &mut BTreeMap<(String, &'static str), CallsTruth>,
        row: &Connected,
    ) {
        let behaviour = self.behaviour(Kind::Cdr1);
        let (skill_id, interaction) = (self.skill(row.skill), row.interaction.text());
        let truth = calls.entry((skill_id.clone(), interaction)).or_insert_with(|| CallsTruth {
            skill_id,
            interaction: interaction.replace(' ', "_"),
            ..CallsTruth::default()
        });
        let campaign = some(row.campaign).map_or("none", |index| CAMPAIGNS[index]);
        *truth.calls.entry(campaign.to_owned()).or_default() += 1;
        *truth.cost.entry(campaign.to_owned()).or_default() += row.cost;
        *truth.hang_ups.entry(if row.agent_hung_up { "agent" } else { "customer" }).or_default() += 1;
        let ms = printed_time(i64::from(row.seconds) * 1000, behaviour.time_seg);
        truth.duration.observe(ms, &CALL);
        truth.billed_ms += printed_minutes(i64::from(row.seconds) * 1000, behaviour.time_min);
        let code = |level: usize| some(row.code[level]).map_or("none", |index| CODES[index].0).to_owned();
        *truth.activity_1.entry(code(0)).or_default() += 1;
        *truth.activity_2.entry(code(1)).or_default() += 1;
        let destination = some(row.destination).map_or("none", |index| DESTINATIONS[index].0);
        *cdr.destination_cost.entry(destination.to_owned()).or_default() += row.cost;
        let agent = planted::agent(row.agent);
        *cdr.agent_calls.entry(agent.clone()).or_default() += 1;
        *cdr.agent_ms.entry(agent).or_default() += ms;
    }

    fn survey(&self, truths: &mut BTreeMap<String, SurveyTruth>, row: &Survey) {
        const RESULTS: [&str; 3] = ["abandon", "incomplete", "complete"];
        const FEELINGS: [&str; 5] = ["very_negative", "negative", "neutral", "positive", "very_positive"];
        let behaviour = self.behaviour(Kind::Diagram4);
        let truth = truths.entry(self.skill(row.skill)).or_default();
        truth.surveys += 1;
        *truth.responses.entry(format!("inbound/{}", RESULTS[usize::from(row.result)])).or_default() += 1;
        for (number, answer) in row.answers.iter().enumerate() {
            let Some(answer) = answer else { continue };
            let question = format!("q{:02}", number + 1);
            let purpose = answer::ODD_ANSWER + number as u64;
            if self.simulator.0.centre.strikes(behaviour.odd_answers, row.seq, purpose) {
                *truth.answers.entry(format!("{question}/other")).or_default() += 1;
                continue;
            }
            *truth.answers.entry(format!("{question}/{answer}")).or_default() += 1;
            let score = truth.scores.entry(question).or_default();
            score.0 += 1;
            score.1 += i64::from(*answer);
        }
        truth.duration_ms += printed_time(i64::from(row.seconds) * 1000, behaviour.duration);
        *truth.feelings.entry(some(row.feeling).map_or("none", |index| FEELINGS[index])).or_default() += 1;
        if row.voice_seconds > 0 {
            truth.voice_messages += 1;
            truth.voice_ms += printed_time(i64::from(row.voice_seconds) * 1000, behaviour.duration);
        }
    }
}
