//! Voice of the customer.

use std::collections::BTreeMap;

use wolkvox_exporter::simulator::Truth;
use wolkvox_exporter::time::civil::date;

use super::super::fortnight::BAD;
use super::super::judge::{Claim, DAY, HOUR, Judge, each, one};

const BOARD: &str = "wolkvox-customers";
const QUESTION: &[&str] = &["skill_id", "question"];
/// What a rate looks back where a week is drawn.
const WINDOW: i64 = 2 * HOUR;

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    let night = judge.weeks.night();
    let week = judge.weeks.truth(date(2026, 4, 11), BAD);
    let day = judge.weeks.truth(BAD, BAD);
    for skill in [None, Some("101"), Some("102")] {
        let mut chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
        let of_day = Surveys::of(&day, skill, None);
        let of_week = Surveys::of(&week, skill, None);
        let claims = [headlines(&of_week), over_a_day(&of_day)].concat();
        judge.hold(BOARD, night, &chosen, claims).await;
        let sums =
            ["complete", "incomplete", "abandon"].into_iter().zip(["A", "B", "C"]).map(|(result, id)| {
                let wanted = BTreeMap::from([(result.to_owned(), of_day.result(result))]);
                each("Surveys per hour, by result", id, &["result"], wanted, 0.02)
            });
        judge.add_up(BOARD, (night - DAY, night, WINDOW), &chosen, sums.collect()).await;
        for question in ["q01", "q02", "q03"] {
            let (of_day, of_week) =
                (Surveys::of(&day, skill, Some(question)), Surveys::of(&week, skill, Some(question)));
            chosen.push(("question", question));
            let mut claims = over_a_day(&of_day);
            claims.extend(satisfied(&of_week));
            judge.hold(BOARD, night, &chosen, claims).await;
            chosen.pop();
        }
    }
    let claims = table(&week);
    judge.hold(BOARD, night, &[], claims).await;
}

/// The surveys of some days, added up.
#[derive(Default)]
struct Surveys {
    /// On the scale of 1 to 5, and of them 4 and 5.
    scaled: f64,
    satisfied: f64,
    answers: BTreeMap<String, f64>,
    results: BTreeMap<String, f64>,
    feelings: BTreeMap<String, f64>,
    surveys: f64,
    seconds: f64,
    messages: f64,
    spoken: f64,
    calls: f64,
}

/// Answers 1 to 5 of a question, and of them 4 and 5; on another scale a 4 is no praise, and none is counted.
fn scaled(answers: &BTreeMap<String, i64>, question: &str) -> Option<(i64, i64)> {
    let prefix = format!("{question}/");
    let of: Vec<(&str, i64)> =
        answers.iter().filter_map(|(key, count)| Some((key.strip_prefix(&prefix)?, *count))).collect();
    let sum = |wanted: &[&str]| {
        of.iter().filter(|(answer, _)| wanted.contains(answer)).map(|(_, n)| n).sum::<i64>()
    };
    let scale = ["1", "2", "3", "4", "5"];
    let is_other = of.iter().any(|(answer, count)| !scale.contains(answer) && *count > 0);
    (!is_other && !of.is_empty()).then(|| (sum(&scale), sum(&["4", "5"])))
}

impl Surveys {
    fn of(truth: &Truth, skill: Option<&str>, question: Option<&str>) -> Surveys {
        let mut sums = Surveys::default();
        for (id, surveys) in &truth.diagram_4 {
            if skill.is_some_and(|skill| skill != id) {
                continue;
            }
            for asked in questions(&surveys.answers).filter(|asked| question.is_none_or(|q| q == asked)) {
                if let Some((all, good)) = scaled(&surveys.answers, &asked) {
                    sums.scaled += all as f64;
                    sums.satisfied += good as f64;
                }
            }
            for (key, count) in &surveys.answers {
                let (_, answer) = key.split_once('/').unwrap();
                *sums.answers.entry(answer.to_owned()).or_default() += *count as f64;
            }
            for (key, count) in &surveys.responses {
                let (_, result) = key.split_once('/').unwrap();
                *sums.results.entry(result.to_owned()).or_default() += *count as f64;
            }
            for (feeling, count) in &surveys.feelings {
                *sums.feelings.entry((*feeling).to_owned()).or_default() += *count as f64;
            }
            sums.surveys += surveys.surveys as f64;
            sums.seconds += surveys.duration_ms as f64 / 1e3;
            sums.messages += surveys.voice_messages as f64;
            sums.spoken += surveys.voice_ms as f64 / 1e3;
        }
        let lines = truth.skill_6.iter().filter(|line| skill.is_none_or(|skill| skill == line.skill_id));
        sums.calls = lines.map(|line| line.answered as f64).sum();
        sums
    }

    fn result(&self, result: &str) -> f64 {
        self.results.get(result).copied().unwrap_or(0.0)
    }
}

fn questions(answers: &BTreeMap<String, i64>) -> impl Iterator<Item = String> {
    let mut questions: Vec<String> =
        answers.keys().map(|key| key.split('/').next().unwrap().to_owned()).collect();
    questions.dedup();
    questions.into_iter()
}

/// Between which shares the opinion of all customers lies, as Wilson has it, 19 times out of 20.
fn interval(good: f64, all: f64) -> [f64; 2] {
    let (z, share) = (1.96_f64, good / all);
    let middle = (share + z * z / (2.0 * all)) / (1.0 + z * z / all);
    let half = z / (1.0 + z * z / all) * (share * (1.0 - share) / all + z * z / (4.0 * all * all)).sqrt();
    [middle - half, middle + half]
}

/// Of how many answers and more boards show a share: they are an estimate a little above the count.
fn enough(answers: f64) -> Option<bool> {
    let near = (28.0..33.0).contains(&answers);
    (!near).then_some(answers >= 30.0)
}

fn satisfied(surveys: &Surveys) -> Vec<Claim<'static>> {
    let Some(enough) = enough(surveys.scaled) else { return Vec::new() };
    let shown = |value: f64| enough.then_some(value);
    let [least, most] = interval(surveys.satisfied, surveys.scaled);
    let title = "Satisfied: answers 4 and 5";
    let answers = (surveys.scaled > 0.0).then_some(surveys.scaled);
    vec![
        one(title, "A", shown(surveys.satisfied / surveys.scaled), 0.01),
        one(title, "B", shown(least), 0.01),
        one(title, "C", shown(most), 0.01),
        one("Answers and surveys", "A", answers, 0.01),
    ]
}

fn headlines(week: &Surveys) -> Vec<Claim<'static>> {
    let feeling = |wanted: &[&str]| -> f64 {
        week.feelings.iter().filter(|(it, _)| wanted.contains(&it.as_str())).map(|(_, count)| count).sum()
    };
    let positive = feeling(&["positive", "very_positive"]);
    let felt = positive + feeling(&["very_negative", "negative", "neutral"]);
    let surveys = one("Answers and surveys", "B", week.surveys, 0.01);
    let mut claims = vec![
        surveys,
        each("Answers by value", "A", &["answer"], week.answers.clone(), 0.01),
        each("Feelings", "A", &["feeling"], week.feelings.clone(), 0.01),
        one("Voice messages, and length of surveys", "A", week.messages, 0.01),
        one("Voice messages, and length of surveys", "B", week.spoken, 0.01),
        one("Voice messages, and length of surveys", "C", week.seconds / week.surveys, 0.01),
    ];
    if enough(week.surveys) == Some(true) {
        claims.push(one("Surveys completed", "A", week.result("complete") / week.surveys, 0.01));
        claims.push(one("Completed per answered call", "A", week.result("complete") / week.calls, 0.01));
    }
    if enough(felt) == Some(true) {
        claims.push(one("Positive feeling", "A", positive / felt, 0.01));
    }
    claims.extend(satisfied(week));
    claims
}

fn over_a_day(day: &Surveys) -> Vec<Claim<'static>> {
    // The alert's own threshold is drawn beside it.
    let mut claims = vec![one("Satisfied, over the day before", "D", 0.75, 0.0)];
    if day.scaled > 0.0 {
        claims.push(one("Answers over the day before", "A", day.scaled, 0.02));
        claims.push(one("Answers over the day before", "B", day.satisfied, 0.02));
    }
    if let Some(enough) = enough(day.scaled) {
        let shown = |value: f64| enough.then_some(value);
        let [least, most] = interval(day.satisfied, day.scaled);
        let title = "Satisfied, over the day before";
        claims.push(one(title, "A", shown(day.satisfied / day.scaled), 0.01));
        claims.push(one(title, "B", shown(least), 0.01));
        claims.push(one(title, "C", shown(most), 0.01));
    }
    claims
}

fn table(week: &Truth) -> Vec<Claim<'static>> {
    let of = |of: &dyn Fn((i64, i64)) -> Option<f64>| -> BTreeMap<String, f64> {
        let mut found = BTreeMap::new();
        for (id, surveys) in &week.diagram_4 {
            for question in questions(&surveys.answers) {
                if let Some(value) = scaled(&surveys.answers, &question).and_then(of) {
                    found.insert(format!("{id}/{question}"), value);
                }
            }
        }
        found
    };
    let many = |all: i64| all >= 30;
    let bound = |(all, good): (i64, i64)| interval(good as f64, all as f64);
    let mut means = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (id, surveys) in &week.diagram_4 {
        for (question, (count, sum)) in &surveys.scores {
            let key = format!("{id}/{question}");
            counts.insert(key.clone(), *count as f64);
            if many(*count) {
                means.insert(key, *sum as f64 / *count as f64);
            }
        }
    }
    let title = "Every question";
    vec![
        each(title, "A", QUESTION, of(&|(all, _)| Some(all as f64)), 0.01),
        each(title, "B", QUESTION, of(&|(all, good)| many(all).then(|| good as f64 / all as f64)), 0.01),
        each(title, "C", QUESTION, of(&|sums| many(sums.0).then(|| bound(sums)[0])), 0.01),
        each(title, "D", QUESTION, of(&|sums| many(sums.0).then(|| bound(sums)[1])), 0.01),
        each(title, "E", QUESTION, means, 0.01),
        each(title, "F", QUESTION, counts, 0.01),
    ]
}
