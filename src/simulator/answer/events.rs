//! One row of each report of details: a callback, a connected call, a survey.

use super::super::centre::{CAMPAIGNS, CODES, DESTINATIONS};
use super::super::day::{Callback, Connected, Outcome, Survey};
use super::super::planted;
use super::super::wire::{Rows, some};
use super::Asking;

/// Purposes of the throw that decides whether a switch for a share of all calls concerns one.
pub(in super::super) const ODD_STATUS: u64 = 2;
/// The same for answers; the number of the question, from 0, is added.
pub(in super::super) const ODD_ANSWER: u64 = 3;
/// The purpose of the dice that give a call other labels than were decided.
const RELABELLED: u64 = 100;

pub(super) fn callback(asking: &Asking<'_>, rows: &mut Rows<'_>, row: &Callback) {
    let (now, behaviour) = (asking.question.now, asking.behaviour);
    let made = row.attempts.iter().take_while(|attempt| attempt.instant + i64::from(attempt.seconds) <= now);
    let made: Vec<_> = made.collect();
    let outcome = if row.decided <= now { row.outcome } else { Outcome::Yes };
    rows.maybe("skill_id", asking.skill(row.skill).map(|skill| skill.id.as_str()));
    rows.when("date_inbound_call", row.at);
    match made.last() {
        Some(last) => rows.when("date_last_outbound_call", last.at),
        None => rows.absent("date_last_outbound_call"),
    }
    let status = if asking.centre.strikes(behaviour.odd_statuses, row.seq, ODD_STATUS) {
        "REINTENTO"
    } else {
        status(outcome)
    };
    if behaviour.lower_status {
        rows.text("status", &status.to_lowercase());
    } else {
        rows.text("status", status);
    }
    rows.whole("attempts", made.len() as i64);
    rows.text("ani", &planted::phone(row.ani));
    rows.text("dial_phone", &planted::dialled(row.ani));
    match made.last() {
        Some(last) => {
            rows.time("time_between_calls", (last.instant - row.instant) * 1000, behaviour.duration);
            let seconds: i64 = made.iter().map(|attempt| i64::from(attempt.seconds)).sum();
            rows.time("time", seconds * 1000, behaviour.duration);
        }
        None => {
            rows.absent("time_between_calls");
            rows.absent("time");
        }
    }
    let billed: i64 = made.iter().map(|attempt| attempt.billed).sum();
    rows.minutes("billed_minutes", billed * 600, behaviour.billed_minutes);
    rows.text("customer_id", &planted::customer(row.seq));
}

fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Yes => "YES",
        Outcome::No => "NO",
        Outcome::Ok => "OK",
        Outcome::Fail => "FAIL",
        Outcome::NoUser => "NO USER",
        Outcome::StopNew => "STOP NEW",
    }
}

pub(super) fn connected(asking: &Asking<'_>, rows: &mut Rows<'_>, row: &Connected) {
    let (now, behaviour) = (asking.question.now, asking.behaviour);
    rows.name("agent_name", &asking.centre.agent_name(row.agent));
    rows.when("date", row.at);
    rows.maybe("destiny", some(row.destination).map(|index| DESTINATIONS[index].0));
    rows.text("telephone", &planted::phone(row.ani));
    rows.millionths("cost", row.cost);
    rows.time("time_seg", i64::from(row.seconds) * 1000, behaviour.time_seg);
    rows.minutes("time_min", i64::from(row.seconds) * 1000, behaviour.time_min);
    const KEYS: [(&str, &str); 2] =
        [("cod_act", "description_cod_act"), ("cod_act_2", "description_cod_act_2")];
    let moved = asking.centre.strikes(behaviour.relabelled, row.seq, RELABELLED);
    for (level, (code_key, description_key)) in KEYS.into_iter().enumerate() {
        let code = some(row.code[level]).filter(|_| row.coded[level] <= now);
        let code = code.map(|index| CODES[(index + usize::from(moved)) % CODES.len()]);
        rows.maybe(code_key, code.map(|(code, _)| code));
        rows.maybe(description_key, code.map(|(_, description)| description));
    }
    rows.text("type_interaction", row.interaction.text());
    rows.text("customer_id", &planted::customer(row.seq));
    rows.text("hang_up", if row.agent_hung_up != moved { "agent" } else { "customer" });
    rows.maybe("campaign_id", some(row.campaign).map(|index| CAMPAIGNS[index]));
    rows.text("conn_id", &planted::call_id(row.started, row.seq));
    rows.maybe("skill_id", asking.skill(row.skill).map(|skill| skill.id.as_str()));
    match asking.skill(row.skill) {
        Some(skill) => rows.name("skill_name", &skill.name),
        None => rows.absent("skill_name"),
    }
    rows.text("agent_id", &planted::agent(row.agent));
    if row.commented && row.coded[0] <= now {
        rows.text("comment", &planted::comment(row.seq, behaviour));
    } else {
        rows.text("comment", "");
    }
}

pub(super) fn survey(asking: &Asking<'_>, rows: &mut Rows<'_>, row: &Survey) {
    const QUESTIONS: [&str; 10] = ["q01", "q02", "q03", "q04", "q05", "q06", "q07", "q08", "q09", "q10"];
    const RESULTS: [&str; 3] = ["abandon", "incomplete", "complete"];
    const FEELINGS: [&str; 5] = ["very negative", "negative", "neutral", "positive", "very positive"];
    let (now, behaviour) = (asking.question.now, asking.behaviour);
    let length = i64::from(row.seconds);
    let elapsed = (now - row.instant).clamp(0, length);
    let over = elapsed == length;
    rows.text("agent_id", &planted::agent(row.agent));
    rows.name("agent_name", &asking.centre.agent_name(row.agent));
    rows.text("agent_dni", &planted::dni(row.agent));
    rows.maybe("skill_id", asking.skill(row.skill).map(|skill| skill.id.as_str()));
    match asking.skill(row.skill) {
        Some(skill) => rows.name("skill_name", &skill.name),
        None => rows.absent("skill_name"),
    }
    rows.when("date", row.at);
    rows.text("conn_id", &planted::call_id(row.started, row.seq));
    rows.text("ani", &planted::phone(row.ani));
    rows.text("customer_id", &planted::customer(row.seq));
    for (number, key) in QUESTIONS.into_iter().enumerate() {
        // Answers come one after the other while the survey runs.
        let given = length * (number as i64 + 1) / 4 <= elapsed;
        match row.answers.get(number).copied().flatten().filter(|_| given) {
            Some(_) if asking.centre.strikes(behaviour.odd_answers, row.seq, ODD_ANSWER + number as u64) => {
                rows.text(key, "#")
            }
            Some(answer) => rows.whole(key, i64::from(answer)),
            None => rows.absent(key),
        }
    }
    let voice = over && row.voice_seconds > 0;
    if voice {
        rows.time("voice_message_duration", i64::from(row.voice_seconds) * 1000, behaviour.duration);
    } else {
        rows.absent("voice_message_duration");
    }
    rows.text("type_interaction", "inbound");
    rows.text("result", RESULTS[usize::from(if over { row.result } else { row.result.min(1) })]);
    rows.time("time", elapsed * 1000, behaviour.duration);
    if voice {
        rows.text("voice_message", &planted::voice(row.seq));
    } else {
        rows.absent("voice_message");
    }
    rows.maybe("feeling", some(row.feeling).filter(|_| row.felt <= now).map(|index| FEELINGS[index]));
}
