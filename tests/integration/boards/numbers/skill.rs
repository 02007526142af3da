//! The board of one skill and its lines.

use std::collections::BTreeMap;

use super::super::fortnight::{BETWEEN, Queue};
use super::super::judge::{Claim, DAY, HOUR, Judge, Wanted, each, one, share, stretched};
use super::levels::{TWENTY, in_time};
use super::overview::waits;

const BOARD: &str = "wolkvox-skill";
const LINE: &[&str] = &["skill_id", "dnis"];
const RANGE: i64 = 12 * HOUR;

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    for (day, hour) in [(16, 11), (17, 12), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        for skill in [None, Some("101"), Some("102")] {
            let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            let claims = of_skill(judge, skill, to);
            judge.hold(BOARD, to, &chosen, claims).await;
            let claims = of_lines(judge, skill, to);
            judge.hold(BOARD, to, &chosen, claims).await;
        }
        // One line alone, which skills share.
        let dnis = judge.weeks.lines("101").remove(0);
        let of = |id: &String| judge.weeks.grown(id, Some(&dnis), to, HOUR);
        let hour = judge.weeks.skills().iter().map(of).fold(Queue::default(), Queue::plus);
        let claims = vec![
            one("Calls per hour", "A", stretched(hour.answered, HOUR), 0.03),
            one("Calls per hour", "B", stretched(hour.abandoned, HOUR), 0.03),
        ];
        judge.hold(BOARD, to, &[("dnis", &dnis)], claims).await;
    }
}

fn of_skill(judge: &Judge<'_>, skill: Option<&str>, to: i64) -> Vec<Claim<'static>> {
    let half = judge.growth(skill, to, HOUR / 2);
    let [hour, day] = [HOUR, DAY].map(|window| judge.growth(skill, to, window).inbound);
    let rate = judge.grown(skill, to, HOUR);
    let before = judge.grown(skill, to - 7 * DAY, HOUR);
    let [answer, abandon] = waits(judge, skill, to, HOUR);
    let calls = |count: i64| stretched(count, HOUR / 2);
    let mut claims = vec![
        one("Calls offered", "A", calls(half.inbound), 0.03),
        one("Calls offered", "B", stretched(hour, HOUR), 0.03),
        one("Calls offered", "C", stretched(day, DAY), 0.01),
        one("Speed of answer, 1 hour", "A", answer, 0.05),
        one("Speed of answer, 1 hour", "B", abandon, 0.05),
        one("Calls per hour", "A", stretched(rate.answered, HOUR), 0.03),
        one("Calls per hour", "B", stretched(rate.abandoned, HOUR), 0.03),
        one("Calls per hour", "C", stretched(before.inbound, HOUR), 0.03),
        one("Every half hour: in time, late, lost", "A", calls(half.within[TWENTY]), 0.03),
        one("Every half hour: in time, late, lost", "B", calls(half.answered - half.within[TWENTY]), 0.03),
        one("Every half hour: in time, late, lost", "C", calls(half.abandoned), 0.03),
    ];
    if calls(half.answered) > 11.0 {
        let of_answered = share(half.within[TWENTY], half.answered);
        let of_offered = share(half.within[TWENTY], half.inbound);
        claims.push(one("One service level, two definitions", "A", of_offered, 0.001));
        claims.push(one("One service level, two definitions", "B", of_answered, 0.001));
        let seconds = ["10s", "20s", "30s"].into_iter().zip(half.within);
        let within = seconds.map(|(within, count)| (within.to_owned(), share(count, half.inbound)));
        let title = "Answered within 10, 20 and 30 seconds";
        claims.push(each(title, "A", &["within"], within.collect(), 0.001));
    }
    if let Some(level) = in_time(judge, skill, (to, HOUR / 2, 10.0), TWENTY) {
        claims.push(one("Answered within 10, 20 and 30 seconds", "B", level.target, 0.001));
    }
    claims
}

fn of_lines(judge: &Judge<'_>, skill: Option<&str>, to: i64) -> Vec<Claim<'static>> {
    let mut lines = BTreeMap::new();
    let mut today = BTreeMap::new();
    for id in judge.chosen(skill) {
        for dnis in judge.weeks.lines(&id) {
            let key = format!("{id}/{dnis}");
            lines.insert(key.clone(), judge.weeks.grown(&id, Some(&dnis), to, RANGE));
            today.insert(key, judge.weeks.today(&id, Some(&dnis), to - BETWEEN));
        }
    }
    let of = |lines: &BTreeMap<String, Queue>, of: &dyn Fn(&Queue) -> Option<f64>| -> BTreeMap<String, f64> {
        lines.iter().filter_map(|(key, line)| Some((key.clone(), of(line)?))).collect()
    };
    let calls = |count: i64| stretched(count, RANGE);
    let enough = |count: i64| calls(count) >= 10.0;
    let mean = |ms: i64, count: i64| ms as f64 / 1e3 / count as f64;
    let late = of(&lines, &|line| Some(calls(line.inbound - line.within[TWENTY])));
    let some_late = late.clone().into_iter().filter(|(_, late)| *late > 0.0).collect();
    let claim = |title: &'static str, id: &'static str, values, share| each(title, id, LINE, values, share);
    let mut claims = vec![
        claim("Every line", "A", of(&lines, &|line| Some(calls(line.inbound))), 0.02),
        claim(
            "Every line",
            "B",
            of(&lines, &|line| enough(line.inbound).then(|| share(line.within[TWENTY], line.inbound))),
            0.005,
        ),
        claim(
            "Every line",
            "C",
            of(&lines, &|line| enough(line.inbound).then(|| share(line.abandoned, line.inbound))),
            0.005,
        ),
        claim("Every line", "D", late, 0.02),
        claim(
            "Every line",
            "E",
            of(&lines, &|line| enough(line.answered).then(|| mean(line.answer_ms, line.answered))),
            0.03,
        ),
        claim(
            "Every line",
            "F",
            of(&lines, &|line| enough(line.abandoned).then(|| mean(line.abandon_ms, line.abandoned))),
            0.03,
        ),
        ("Lines with the most late or lost calls", "A", Wanted::Most(LINE, some_late, 10), 0.02),
    ];
    // Of a line that nobody has called today the vendor has no row.
    let today: BTreeMap<_, _> = today.into_iter().filter(|(_, line)| line.inbound > 0).collect();
    let title = "Today, line by line";
    claims.extend([
        claim(title, "A", of(&today, &|line| Some(line.inbound as f64)), 0.0),
        claim(title, "B", of(&today, &|line| Some(line.answered as f64)), 0.0),
        claim(title, "C", of(&today, &|line| Some(line.abandoned as f64)), 0.0),
        // Percentages as the vendor prints them, to hundredths; a mean of no calls is 0.
        claim(title, "D", of(&today, &|line| Some(share(line.within[TWENTY], line.inbound))), 0.002),
        claim(title, "E", of(&today, &|line| Some(share(line.abandoned, line.inbound))), 0.01),
        claim(title, "F", of(&today, &|line| Some(mean(line.answer_ms, line.answered.max(1)))), 0.005),
        claim(title, "G", of(&today, &|line| Some(mean(line.abandon_ms, line.abandoned.max(1)))), 0.005),
    ]);
    // Both reports of the vendor are of the same calls.
    let same = judge.chosen(skill).into_iter().map(|id| (id, 0.0)).collect();
    claims.push(each("Two reports compared", "A", &["skill_id"], same, 0.0));
    claims
}
