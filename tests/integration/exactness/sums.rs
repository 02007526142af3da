//! The simulator's truth in the families of the exporter, by the definitions of the metrics and by nothing else.

use std::collections::BTreeMap;

use wolkvox_exporter::api::Report;
use wolkvox_exporter::ledger::Total;
use wolkvox_exporter::metrics::catalogue::*;
use wolkvox_exporter::metrics::{Family, Kind, Label, LabelText};
use wolkvox_exporter::simulator::{CallbackTruth, CdrTruth, Histogram, SurveyTruth, Truth};

use super::bench::OPERATION;

/// Values by family and labels, as wide as the family.
pub(super) type Sums = BTreeMap<(&'static str, String), Vec<i64>>;

/// Every counting family of the five reports; agents included.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    Report::FIVE.into_iter().flat_map(families_of)
}

/// The counting families of a report.
pub(super) fn families_of(report: Report) -> impl Iterator<Item = &'static Family> {
    SECTIONS
        .iter()
        .filter(move |section| section.title.starts_with(&format!("{}:", report.code())))
        .flat_map(|section| section.families.iter().copied())
        .filter(|family| family.kind != Kind::Gauge)
}

/// The sums that a ledger holds.
pub(super) fn of_totals(totals: Vec<Total>, part: impl Fn(Total) -> Vec<i64>) -> Sums {
    let series = |total: Total| ((total.family.name, total.labels.as_str().to_owned()), part(total));
    totals.into_iter().map(series).collect()
}

/// Both sides in both directions; a series of zeros is as good as none.
pub(super) fn assert_same(what: &str, wanted: &Sums, found: &Sums) {
    assert_near(what, wanted, found, 0);
}

/// As [`assert_same`], but the seconds that `skill_6` prints as averages may lie `slack` milliseconds a call apart:
/// a day that was read in parts adds up averages that were rounded part by part.
pub(super) fn assert_near(what: &str, wanted: &Sums, found: &Sums, slack: i64) {
    let is_something = |values: &Vec<i64>| values.iter().any(|value| *value != 0);
    let keys: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differences: Vec<String> = keys
        .into_iter()
        .filter_map(|key| {
            let (wanted, found) = (wanted.get(key), found.get(key));
            let wanted = wanted.filter(|values| is_something(values));
            let found = found.filter(|values| is_something(values));
            let is_rounded = [ANSWER_WAIT.name, ABANDON_WAIT.name].contains(&key.0);
            let same = wanted == found
                || wanted
                    .zip(found)
                    .is_some_and(|(wanted, found)| is_rounded && is_near(wanted, found, slack));
            (!same).then(|| format!("{}{{{}}}: wanted {wanted:?}, found {found:?}", key.0, key.1))
        })
        .collect();
    let shown = differences.iter().take(25).cloned().collect::<Vec<_>>().join("\n  ");
    assert!(differences.is_empty(), "{what}: {} series differ\n  {shown}", differences.len());
    assert!(wanted.values().any(is_something), "{what}: nothing to compare");
}

/// Counts are equal, and the time behind them differs by so much a call at most.
fn is_near(wanted: &[i64], found: &[i64], slack: i64) -> bool {
    let ([counts @ .., sum], [same @ .., other]) = (wanted, found) else { return false };
    counts == same && (sum - other).abs() <= slack * counts.last().copied().unwrap_or_default()
}

/// The key of a series of this family with these labels beside `operation`.
pub(super) fn series(family: &str, labels: &[(Label, &str)]) -> (&'static str, String) {
    let family = find(family).expect("a family of the catalogue");
    let pairs = [(Label::Operation, OPERATION)].into_iter().chain(labels.iter().copied());
    (family.name, LabelText::new(pairs).as_str().to_owned())
}

/// The value of a label whose values hold no quotes.
pub(super) fn label(labels: &LabelText, label: Label) -> Option<String> {
    let start = format!("{}=\"", label.as_str());
    let pair = labels.as_str().split("\",").find(|pair| pair.starts_with(&start))?;
    Some(pair[start.len()..].trim_end_matches('"').to_owned())
}

/// The sums of these families, and those of all others.
pub(super) fn apart(sums: &Sums, families: &[&str]) -> (Sums, Sums) {
    sums.clone().into_iter().partition(|((family, _), _)| families.contains(family))
}

/// Sums over labels: what remains is what the other labels tell apart.
pub(super) fn over(sums: &Sums, labels: &[Label]) -> Sums {
    let mut out = Sums::new();
    for ((family, text), values) in sums {
        let is_left =
            |pair: &&str| !labels.iter().any(|label| pair.starts_with(&format!("{}=\"", label.as_str())));
        let rest: Vec<&str> =
            text.split("\",").filter(is_left).map(|pair| pair.trim_end_matches('"')).collect();
        let sum = out.entry((*family, rest.join("\","))).or_insert_with(|| vec![0; values.len()]);
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += value;
        }
    }
    out
}

fn add(sums: &mut Sums, family: &'static Family, labels: &[(Label, &str)], values: &[i64]) {
    let value = |label: &Label| {
        let given = labels.iter().find(|(known, _)| known == label);
        given.map(|(_, value)| *value).unwrap_or_else(|| panic!("{} lacks {label:?}", family.name))
    };
    let pairs = family.labels.iter().map(|label| match label {
        Label::Operation => (*label, OPERATION),
        label => (*label, value(label)),
    });
    let text = LabelText::new(pairs).as_str().to_owned();
    let sum = sums.entry((family.name, text)).or_insert_with(|| vec![0; family.width()]);
    assert_eq!(values.len(), sum.len(), "{}", family.name);
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

fn histogram(sums: &mut Sums, family: &'static Family, labels: &[(Label, &str)], truth: &Histogram) {
    if truth.buckets.is_empty() {
        return;
    }
    let Kind::Histogram(bounds) = family.kind else { panic!("{} is no histogram", family.name) };
    let seconds: Vec<u64> =
        truth.buckets.keys().map(|bound| bound.0).filter(|bound| *bound != u64::MAX).collect();
    let ours: Vec<u64> = bounds.iter().map(|bound| *bound as u64 / 1000).collect();
    assert_eq!(seconds, ours, "{}", family.name);
    let mut values: Vec<i64> = truth.buckets.values().copied().collect();
    values.push(truth.sum_ms);
    add(sums, family, labels, &values);
}

/// Adds the truth of a report other than `skill_6`.
pub(super) fn of_report(sums: &mut Sums, report: Report, truth: &Truth) {
    match report {
        Report::Diagram12 => {
            add(sums, &IVR_CALLS, &[], &[truth.diagram_1_2.calls]);
            add(sums, &IVR_SECONDS, &[], &[truth.diagram_1_2.printed_ms]);
        }
        Report::Diagram3 => {
            truth.diagram_3.iter().for_each(|(skill, truth)| of_callbacks(sums, skill, truth))
        }
        Report::Cdr1 => of_connected(sums, &truth.cdr_1),
        Report::Diagram4 => truth.diagram_4.iter().for_each(|(skill, truth)| of_surveys(sums, skill, truth)),
        Report::Skill6 | Report::Skill1 | Report::Skills | Report::TokenInfo => {}
    }
}

/// Adds the truth of one skill in `skill_6`.
pub(super) fn of_skill(sums: &mut Sums, skill: &str, truth: &Truth) {
    for truth in truth.skill_6.iter().filter(|truth| truth.skill_id == skill) {
        let labels = [(Label::SkillId, skill), (Label::Dnis, truth.dnis.as_str())];
        add(sums, &INBOUND_CALLS, &labels, &[truth.inbound]);
        add(sums, &ANSWERED_CALLS, &labels, &[truth.answered]);
        add(sums, &ABANDONED_CALLS, &labels, &[truth.abandoned]);
        let within = [truth.within_10, truth.within_20, truth.within_30, truth.answered];
        let waits: Vec<i64> = within.into_iter().chain([truth.answer_wait_printed_ms]).collect();
        add(sums, &ANSWER_WAIT, &labels, &waits);
        add(sums, &ABANDON_WAIT, &labels, &[truth.abandoned, truth.abandon_wait_printed_ms]);
    }
}

fn of_callbacks(sums: &mut Sums, skill: &str, truth: &CallbackTruth) {
    let key = (Label::SkillId, skill);
    add(sums, &CALLBACK_OFFERS, &[key], &[truth.offers]);
    for (outcome, count) in &truth.outcomes {
        add(sums, &CALLBACK_OUTCOMES, &[key, (Label::Outcome, outcome)], &[*count]);
    }
    add(sums, &CALLBACK_ATTEMPTS, &[key], &[truth.attempts]);
    histogram(sums, &CALLBACK_WAIT, &[key], &truth.wait);
    histogram(sums, &CALLBACK_DURATION, &[key], &truth.duration);
    add(sums, &CALLBACK_BILLED, &[key], &[truth.billed_ms]);
}

fn of_connected(sums: &mut Sums, truth: &CdrTruth) {
    for calls in &truth.calls {
        let keys =
            [(Label::SkillId, calls.skill_id.as_str()), (Label::Interaction, calls.interaction.as_str())];
        let with = |label, value| [keys[0], keys[1], (label, value)];
        for (campaign, count) in &calls.calls {
            add(sums, &CDR_CALLS, &with(Label::CampaignId, campaign), &[*count]);
        }
        for (campaign, cost) in &calls.cost {
            add(sums, &CDR_COST, &with(Label::CampaignId, campaign), &[*cost]);
        }
        for (who, count) in &calls.hang_ups {
            add(sums, &CDR_HANG_UPS, &with(Label::HangUp, who), &[*count]);
        }
        histogram(sums, &CDR_DURATION, &keys, &calls.duration);
        add(sums, &CDR_BILLED, &keys, &[calls.billed_ms]);
        for (level, codes) in [("1", &calls.activity_1), ("2", &calls.activity_2)] {
            for (code, count) in codes {
                let labels = [keys[0], keys[1], (Label::Level, level), (Label::CodAct, code.as_str())];
                add(sums, &CDR_ACTIVITY, &labels, &[*count]);
            }
        }
    }
    for (destination, cost) in &truth.destination_cost {
        add(sums, &CDR_DESTINATION_COST, &[(Label::Destination, destination)], &[*cost]);
    }
    for (agent, count) in &truth.agent_calls {
        add(sums, &AGENT_CALLS, &[(Label::AgentId, agent)], &[*count]);
    }
    for (agent, ms) in &truth.agent_ms {
        add(sums, &AGENT_CALL_SECONDS, &[(Label::AgentId, agent)], &[*ms]);
    }
}

fn of_surveys(sums: &mut Sums, skill: &str, truth: &SurveyTruth) {
    let key = (Label::SkillId, skill);
    let parts = |text: &str| {
        let (first, second) = text.split_once('/').expect("two parts");
        (first.to_owned(), second.to_owned())
    };
    for (response, count) in &truth.responses {
        let (interaction, result) = parts(response);
        let labels = [key, (Label::Interaction, interaction.as_str()), (Label::Result, result.as_str())];
        add(sums, &SURVEY_RESPONSES, &labels, &[*count]);
    }
    for (given, count) in &truth.answers {
        let (question, answer) = parts(given);
        let labels = [key, (Label::Question, question.as_str()), (Label::Answer, answer.as_str())];
        add(sums, &SURVEY_ANSWERS, &labels, &[*count]);
    }
    for (question, (count, sum)) in &truth.scores {
        add(sums, &SURVEY_SCORE, &[key, (Label::Question, question)], &[*count, *sum * 1_000_000]);
    }
    add(sums, &SURVEY_DURATION, &[key], &[truth.surveys, truth.duration_ms]);
    for (feeling, count) in &truth.feelings {
        add(sums, &SURVEY_FEELING, &[key, (Label::Feeling, feeling)], &[*count]);
    }
    add(sums, &SURVEY_VOICE_MESSAGES, &[key], &[truth.voice_messages]);
    add(sums, &SURVEY_VOICE_MESSAGE_SECONDS, &[key], &[truth.voice_ms]);
}
