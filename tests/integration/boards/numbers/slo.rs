//! Targets, budgets and how fast they are spent.

use std::collections::BTreeMap;

use super::super::fortnight::{EVERY, FIRST, Queue, abandon_budget, budget};
use super::super::judge::{Claim, DAY, HOUR, Judge, by_skill, each, numbers_of, one, share, stretched};
use super::levels::{TWENTY, in_time};

const BOARD: &str = "wolkvox-slo";

/// The recorded hours of some days before an instant, added up: what each holds, read as often as the samples are far apart,
/// is an estimate of its own.
fn hours(judge: &Judge<'_>, skill: &str, to: i64, days: i64) -> Queue {
    let opened = judge.weeks.zone.instant(FIRST.at(1, 0, 0, 0)).as_second();
    let last = to / HOUR * HOUR;
    let ends = (0..).map(|back| last - back * HOUR);
    let ends = ends.take_while(|end| *end > to - days * DAY && *end >= opened);
    // A rule is evaluated between samples; on the hour, the last time was half a step before.
    ends.map(|end| judge.weeks.growth(skill, end - EVERY / 2, HOUR)).fold(Queue::default(), Queue::plus)
}

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    for (day, hour) in [(18, 3), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        let of_days = |days: i64| -> BTreeMap<String, Queue> {
            let skills = judge.weeks.skills().into_iter();
            skills.map(|id| (id.clone(), hours(judge, &id, to, days))).collect()
        };
        let (week, month) = (of_days(7), of_days(30));
        for skill in [None, Some("101"), Some("102")] {
            let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            let claims = [headlines(judge, skill, to, (&week, &month)), series(judge, skill, to)].concat();
            judge.hold(BOARD, to, &chosen, claims).await;
        }
        let claims = table(judge, to, (&week, &month));
        judge.hold(BOARD, to, &[], claims).await;
    }
    let bad = judge.weeks.moment(17, 12, 0);
    let claims = series(judge, None, bad);
    judge.hold(BOARD, bad, &[], claims).await;
    for (day, hour) in [(17, 12), (17, 18), (20, 15)] {
        alerts(judge, day, hour).await;
    }
}

type Days<'a> = (&'a BTreeMap<String, Queue>, &'a BTreeMap<String, Queue>);

/// Calls late beyond those allowed, as calls that would have to be in time to make up for them.
fn owed(judge: &Judge<'_>, id: &str, to: i64) -> Option<f64> {
    let budget = budget(id, TWENTY)?;
    let day = judge.weeks.growth(id, to, DAY);
    let late = stretched(day.inbound - day.within[TWENTY], DAY);
    Some(((late - stretched(day.inbound, DAY) * budget) / budget).max(0.0))
}

/// What is left of the calls that may be late.
fn left(days: &Queue, budget: f64) -> f64 {
    1.0 - (days.inbound - days.within[TWENTY]) as f64 / (days.inbound as f64 * budget)
}

fn headlines(
    judge: &Judge<'_>,
    skill: Option<&str>,
    to: i64,
    (week, month): Days<'_>,
) -> Vec<Claim<'static>> {
    let skills = judge.chosen(skill);
    let all =
        |days: &BTreeMap<String, Queue>| skills.iter().map(|id| days[id]).fold(Queue::default(), Queue::plus);
    let day = judge.growth(skill, to, DAY);
    let level = |days: &BTreeMap<String, Queue>| share(all(days).within[TWENTY], all(days).inbound);
    // One skill has a target for what the board opens with.
    let aimed = skills.iter().any(|id| id == "101");
    let target = aimed.then_some(0.8);
    let owes: Vec<f64> = skills.iter().filter_map(|id| owed(judge, id, to)).collect();
    let owed = (!owes.is_empty()).then(|| owes.iter().sum::<f64>());
    vec![
        one("In time, 7 days", "A", level(week), 0.005),
        one("In time, 7 days", "B", target, 0.001),
        one("In time, 30 days", "A", level(month), 0.005),
        one("In time, 30 days", "B", target, 0.001),
        one("Calls offered", "A", stretched(day.inbound, DAY), 0.01),
        one("Calls offered", "B", stretched(all(week).inbound, HOUR), 0.01),
        one("Calls offered", "C", stretched(all(month).inbound, HOUR), 0.01),
        one("Budget left, 30 days", "A", aimed.then(|| left(&month["101"], 0.2)), 0.05),
        one("To make up today", "A", owed, 0.02),
    ]
}

fn table(judge: &Judge<'_>, to: i64, (week, month): Days<'_>) -> Vec<Claim<'static>> {
    let of =
        |days: &BTreeMap<String, Queue>, of: &dyn Fn(&str, &Queue) -> Option<f64>| -> BTreeMap<String, f64> {
            days.iter().filter_map(|(id, queue)| Some((id.clone(), of(id, queue)?))).collect()
        };
    let names = judge.weeks.names().into_iter().map(|(id, name)| (format!("{id}/{name}"), 1.0)).collect();
    let calls = |_: &str, queue: &Queue| Some(stretched(queue.inbound, HOUR));
    let enough = |queue: &Queue| stretched(queue.inbound, HOUR) >= 50.0;
    let level = |_: &str, queue: &Queue| enough(queue).then(|| share(queue.within[TWENTY], queue.inbound));
    let lost = |_: &str, queue: &Queue| enough(queue).then(|| share(queue.abandoned, queue.inbound));
    let left = |id: &str, queue: &Queue| Some(left(queue, budget(id, TWENTY)?));
    let title = "Targets and budgets";
    vec![
        each(title, "A", &["skill_id", "skill_name"], names, 0.0),
        by_skill(title, "B", of(week, &|id, _| Some(1.0 - budget(id, TWENTY)?)), 0.0),
        by_skill(title, "C", of(week, &calls), 0.01),
        by_skill(title, "D", of(week, &level), 0.005),
        by_skill(title, "E", of(week, &left), 0.05),
        by_skill(title, "F", of(month, &calls), 0.01),
        by_skill(title, "G", of(month, &level), 0.005),
        by_skill(title, "H", of(month, &left), 0.05),
        by_skill(title, "I", of(week, &|id, _| abandon_budget(id)), 0.0),
        // Calls that were taken back are in some of these hours.
        by_skill(title, "J", of(month, &lost), 0.03),
        by_skill(title, "K", of(week, &|id, _| owed(judge, id, to)), 0.02),
    ]
}

fn series(judge: &Judge<'_>, skill: Option<&str>, to: i64) -> Vec<Claim<'static>> {
    let of = |window: i64, of: &dyn Fn(&str, &Queue) -> Option<f64>| -> BTreeMap<String, f64> {
        let skills = judge.chosen(skill).into_iter();
        skills.filter_map(|id| Some((id.clone(), of(&id, &judge.weeks.growth(&id, to, window))?))).collect()
    };
    let level = |queue: &Queue| share(queue.within[TWENTY], queue.inbound);
    let mut claims = Vec::new();
    // The alert's own threshold is drawn beside each.
    for (title, window, least, alert) in [
        ("Burn over 1 hour", HOUR, 10.0, 3.0),
        ("Burn over 4 hours", 4 * HOUR, 20.0, 2.0),
        ("Burn over 1 day", DAY, 50.0, 1.0),
    ] {
        let burn = of(window, &|id, queue| {
            let enough = stretched(queue.inbound, window) >= least;
            Some((1.0 - level(queue)) / budget(id, TWENTY).filter(|_| enough)?)
        });
        claims.push(by_skill(title, "A", burn, 0.005));
        claims.push(one(title, "B", alert, 0.0));
    }
    let levels = of(DAY, &|_, queue| (stretched(queue.inbound, DAY) >= 50.0).then(|| level(queue)));
    let calls = of(DAY, &|_, queue| Some(stretched(queue.inbound, DAY)));
    claims.push(by_skill("Answered in time over the day before, by skill", "A", levels, 0.002));
    claims.push(by_skill("Calls offered over the day before, by skill", "A", calls, 0.01));
    if let Some(level) = in_time(judge, skill, (to, DAY, 50.0), TWENTY) {
        claims.push(one("Answered in time over the day before, by skill", "B", level.target, 0.001));
    }
    claims
}

/// Alerts as they stand in the storage, counted here.
async fn alerts(judge: &mut Judge<'_>, day: i8, hour: i8) {
    let to = judge.weeks.moment(day, hour, 0);
    let firing = "ALERTS{alertstate=\"firing\",category=\"kpi\"}";
    let answer = judge.server.ask("query", &[("query", firing), ("time", &to.to_string())]).await;
    let mut by_name: BTreeMap<String, f64> = BTreeMap::new();
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for (labels, _) in numbers_of(&answer).unwrap() {
        let of = |label: &str| labels.get(label).cloned().unwrap_or_default();
        *by_name.entry(of("alertname")).or_default() += 1.0;
        let key = ["alertname", "severity", "operation", "skill_id", "within"].map(of).join("/");
        *all.entry(key).or_default() += 1.0;
    }
    // In its bad hours the first skill burns its budget, and nobody else does.
    let burning = all.keys().any(|key| key.contains("ServiceLevel") && key.contains("/demo/101/20s"));
    if (day, hour) == (17, 12) && !burning {
        judge.complain(format!("{BOARD}: no alert of the bad hours at {to}: {all:?}"));
    }
    let claims = vec![
        each("Alerts of the contact centre, over time", "A", &["alertname"], by_name, 0.0),
        each("Firing now", "A", &["alertname", "severity", "operation", "skill_id", "within"], all, 0.0),
    ];
    judge.hold(BOARD, to, &[], claims).await;
}
