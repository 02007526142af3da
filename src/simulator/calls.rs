//! Every simulated call by itself, so that a wrong total says which call was lost or doubled.

use serde::Serialize;

use super::Simulator;
use super::day::{NEVER, label_of, within};
use super::planted;
use super::wire::{civil_of, some};
use crate::time::{Timestamp, civil};

/// One event of one report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The report that shows it: `skill_6`, `diagram_1_2`, `diagram_3`, `cdr_1` or `diagram_4`.
    pub report: &'static str,
    /// The number of the call among those of its operation; the same in all reports.
    pub seq: u32,
    /// The row's own time, local.
    pub date: String,
    /// When the API shows it for the first time.
    #[serde(serialize_with = "instant_text")]
    pub visible: Option<Timestamp>,
    /// When the aggregated reports stop counting it.
    #[serde(serialize_with = "instant_text")]
    pub withdrawn: Option<Timestamp>,
    /// When the last field that is decided late is decided; absent when there is none.
    #[serde(serialize_with = "instant_text")]
    pub decided: Option<Timestamp>,
    /// The skill, or `none`.
    pub skill_id: String,
    /// The number dialled (`skill_6`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dnis: String,
    /// The id of the call, where the report shows it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub conn_id: String,
    /// What happened: `answered`, `abandoned`, a status, an interaction or a result.
    pub what: String,
    /// The wait or the length, milliseconds.
    pub ms: i64,
}

impl Simulator {
    /// The events of an operation between two local times, both included; all reports, or one.
    pub fn calls(
        &self,
        operation: &str,
        report: Option<&str>,
        from: civil::DateTime,
        to: civil::DateTime,
    ) -> Option<Vec<Call>> {
        let index = self.0.centre.operation(operation)?;
        let (from, to) = (label_of(from), label_of(to));
        let wanted = |code: &str| report.is_none_or(|report| report == code);
        let mut calls = Vec::new();
        for day in self.0.centre.days_touching(index, civil_of(from).date(), civil_of(to).date(), true) {
            for row in within(&day.visits, from, to) {
                let call = self.call(row.seq, row.at, row.visible);
                let call = Call { withdrawn: instant(row.withdrawn), ..call };
                if let Some(queue) = row.queue.filter(|_| wanted("skill_6")) {
                    let skill = &self.0.centre.skills[usize::from(queue.skill)];
                    calls.push(Call {
                        report: "skill_6",
                        skill_id: skill.id.clone(),
                        dnis: skill.dnis[usize::from(queue.dnis)].clone(),
                        what: if queue.answered { "answered" } else { "abandoned" }.into(),
                        ms: queue.wait_ms.into(),
                        ..call.clone()
                    });
                }
                if wanted("diagram_1_2") {
                    let ms = i64::from(row.ivr_seconds) * 1000;
                    calls.push(Call { report: "diagram_1_2", what: "ivr".into(), ms, ..call });
                }
            }
            for row in within(&day.callbacks, from, to).iter().filter(|_| wanted("diagram_3")) {
                calls.push(Call {
                    report: "diagram_3",
                    skill_id: self.skill_id(row.skill),
                    what: format!("{:?}", row.outcome).to_lowercase(),
                    decided: instant(row.decided),
                    ms: row.attempts.last().map_or(0, |last| (last.instant - row.instant) * 1000),
                    ..self.call(row.seq, row.at, row.visible)
                });
            }
            for row in within(&day.connected, from, to).iter().filter(|_| wanted("cdr_1")) {
                calls.push(Call {
                    report: "cdr_1",
                    skill_id: self.skill_id(row.skill),
                    conn_id: planted::call_id(row.started, row.seq),
                    what: row.interaction.text().into(),
                    decided: instant(row.coded[0]),
                    ms: i64::from(row.seconds) * 1000,
                    ..self.call(row.seq, row.at, row.visible)
                });
            }
            for row in within(&day.surveys, from, to).iter().filter(|_| wanted("diagram_4")) {
                calls.push(Call {
                    report: "diagram_4",
                    skill_id: self.skill_id(row.skill),
                    conn_id: planted::call_id(row.started, row.seq),
                    what: ["abandon", "incomplete", "complete"][usize::from(row.result)].into(),
                    decided: instant(row.felt),
                    ms: i64::from(row.seconds) * 1000,
                    ..self.call(row.seq, row.at, row.visible)
                });
            }
        }
        Some(calls)
    }

    fn call(&self, seq: u32, at: i64, visible: i64) -> Call {
        Call {
            report: "",
            seq,
            date: civil_of(at).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            visible: instant(visible),
            withdrawn: None,
            decided: None,
            skill_id: "none".into(),
            dnis: String::new(),
            conn_id: String::new(),
            what: String::new(),
            ms: 0,
        }
    }

    fn skill_id(&self, index: u16) -> String {
        let skills = &self.0.centre.skills;
        some(index)
            .and_then(|index| skills.get(index))
            .map_or_else(|| "none".into(), |skill| skill.id.clone())
    }
}

fn instant(at: i64) -> Option<Timestamp> {
    if at == NEVER { None } else { Timestamp::from_second(at).ok() }
}

fn instant_text<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}
