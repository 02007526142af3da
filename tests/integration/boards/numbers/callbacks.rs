//! Callbacks.

use std::collections::BTreeMap;

use wolkvox_exporter::simulator::{Bound, CallbackTruth, Truth};
use wolkvox_exporter::time::Timestamp;

use super::super::fortnight::BAD;
use super::super::judge::{Claim, DAY, HOUR, Judge, by_skill, each, one};
use super::overview::{waiting, waits};

const BOARD: &str = "wolkvox-callbacks";
/// Bounds of the histogram of waits, in seconds.
const WAITS: &[u64] = &[60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400];

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    let night = judge.weeks.night();
    let truth = judge.weeks.truth(BAD, BAD);
    for skill in [None, Some("101"), Some("102")] {
        let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
        let mut all = CallbackTruth::default();
        for id in judge.chosen(skill) {
            if let Some(more) = truth.diagram_3.get(&id) {
                add(&mut all, more);
            }
        }
        judge.hold(BOARD, night, &chosen, whole_day(&all)).await;
        let span = (night - DAY, night, HOUR);
        let outcomes = [("A", "ok"), ("B", "no_user"), ("C", "fail"), ("D", "no"), ("E", "stop_new")];
        let sums = outcomes.into_iter().map(|(id, outcome)| {
            let count = all.outcomes.get(outcome).copied().unwrap_or(0) as f64;
            let wanted = BTreeMap::from([(outcome.to_owned(), count)]);
            each("Outcomes per hour", id, &["outcome"], wanted, 0.01)
        });
        judge.add_up(BOARD, span, &chosen, sums.collect()).await;
        // What nobody has called back is given up when the day is settled, 8 hours after its end.
        let morning = judge.weeks.moment(18, 9, 0);
        let given_up = all.outcomes.get("unknown").copied().unwrap_or(0) as f64;
        let given_up = BTreeMap::from([("unknown".to_owned(), given_up)]);
        // A counter that was 0 is not thought to have grown before its window.
        let sums = vec![each("Outcomes per hour", "F", &["outcome"], given_up, 0.05)];
        judge.add_up(BOARD, (morning - DAY, morning, HOUR), &chosen, sums).await;
    }
    for (day, hour) in [(16, 11), (17, 12), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        for skill in [None, Some("101"), Some("102")] {
            let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            let (count, longest) = waiting(judge, skill, to);
            let [answer, _] = waits(judge, skill, to, HOUR / 2);
            let waited = waited(judge, skill, to, 4 * HOUR);
            let title = "Wait for a callback, 4 hours, beside wait for an agent";
            let claims = vec![
                one("Waiting now", "A", count, 0.0),
                one("Waiting now", "B", longest, 0.001),
                one(title, "A", quantile(0.5, &waited, WAITS), 0.01),
                one(title, "B", quantile(0.9, &waited, WAITS), 0.01),
                one(title, "C", answer, 0.05),
            ];
            judge.hold(BOARD, to, &chosen, claims).await;
        }
        let of = |of: &dyn Fn((Option<f64>, Option<f64>)) -> Option<f64>| -> BTreeMap<String, f64> {
            let skills = judge.weeks.skills().into_iter();
            skills.filter_map(|id| Some((id.clone(), of(waiting(judge, Some(&id), to))?))).collect()
        };
        let claims = vec![
            by_skill("Every skill", "B", of(&|(count, _)| count), 0.0),
            by_skill("Every skill", "C", of(&|(_, longest)| longest), 0.001),
        ];
        judge.hold(BOARD, to, &[], claims).await;
    }
    let claims = table(judge, &truth);
    judge.hold(BOARD, night, &[], claims).await;
}

fn add(all: &mut CallbackTruth, more: &CallbackTruth) {
    all.offers += more.offers;
    all.attempts += more.attempts;
    all.billed_ms += more.billed_ms;
    for (outcome, count) in &more.outcomes {
        *all.outcomes.entry(outcome).or_default() += count;
    }
    for (bound, count) in &more.wait.buckets {
        *all.wait.buckets.entry(*bound).or_default() += count;
    }
}

fn count(callbacks: &CallbackTruth, outcomes: &[&str]) -> f64 {
    outcomes.iter().filter_map(|outcome| callbacks.outcomes.get(outcome)).sum::<i64>() as f64
}

fn within(callbacks: &CallbackTruth, seconds: u64) -> f64 {
    callbacks.wait.buckets.get(&Bound(seconds)).copied().unwrap_or(0) as f64
}

/// Everything of a day, once it has been read.
fn whole_day(all: &CallbackTruth) -> Vec<Claim<'static>> {
    let (offers, attempts) = (all.offers as f64, all.attempts as f64);
    let [reached, tried, declined] =
        [&["ok"][..], &["ok", "fail", "no_user"], &["no"]].map(|outcomes| count(all, outcomes));
    let [five, thirty, hour, four, every] =
        [300, 1800, 3600, 14_400, u64::MAX].map(|seconds| within(all, seconds));
    let enough = |count: f64, value: f64| (count >= 10.0).then_some(value);
    let (funnel, waits) = ("From offer to success", "How long customers waited");
    vec![
        one("Offered and settled", "A", offers, 0.02),
        one("Offered and settled", "B", tried, 0.02),
        one("Reached", "A", enough(tried, reached / tried), 0.01),
        one("Within 30 minutes", "A", enough(every, thirty / every), 0.01),
        one("Attempts per customer reached", "A", enough(reached, attempts / reached), 0.01),
        one("Billed time", "A", all.billed_ms as f64 / 1e3, 0.01),
        one(funnel, "A", offers, 0.02),
        one(funnel, "B", offers - declined, 0.02),
        one(funnel, "C", tried, 0.02),
        one(funnel, "D", reached, 0.02),
        one(funnel, "E", thirty, 0.02),
        one(waits, "A", five, 0.02),
        one(waits, "B", thirty - five, 0.02),
        one(waits, "C", hour - thirty, 0.02),
        one(waits, "D", four - hour, 0.02),
        one(waits, "E", every - four, 0.02),
    ]
}

fn table(judge: &Judge<'_>, truth: &Truth) -> Vec<Claim<'static>> {
    let of = |of: &dyn Fn(&CallbackTruth) -> Option<f64>| -> BTreeMap<String, f64> {
        // A skill that has offered callbacks before is there as well.
        let known =
            |id: &String| judge.weeks.seen("diagram_3", Timestamp::MAX).any(|(_, call)| call.skill_id == *id);
        let skills = judge.weeks.skills().into_iter().filter(known);
        let callbacks = |id: &str| truth.diagram_3.get(id).cloned().unwrap_or_default();
        skills.filter_map(|id| Some((id.clone(), of(&callbacks(&id))?))).collect()
    };
    let tried = |callbacks: &CallbackTruth| count(callbacks, &["ok", "fail", "no_user"]);
    let reached = |callbacks: &CallbackTruth| count(callbacks, &["ok"]);
    let enough = |count: f64, value: f64| (count >= 10.0).then_some(value);
    let mut calls: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for line in &truth.skill_6 {
        let calls = calls.entry(line.skill_id.clone()).or_default();
        calls.0 += line.inbound as f64;
        calls.1 += line.within_20 as f64;
    }
    let offered = calls.iter().map(|(id, (inbound, _))| (id.clone(), *inbound)).collect();
    // Answered in time, or called back within half an hour.
    let served = calls.iter().filter(|(_, (inbound, _))| *inbound >= 10.0).map(|(id, (inbound, in_time))| {
        let called = truth.diagram_3.get(id).map_or(0.0, |callbacks| within(callbacks, 1800));
        (id.clone(), (in_time + called) / inbound)
    });
    let names = judge.weeks.names().into_iter().map(|(id, name)| (format!("{id}/{name}"), 1.0)).collect();
    let title = "Every skill";
    vec![
        each(title, "A", &["skill_id", "skill_name"], names, 0.0),
        by_skill(title, "D", of(&|callbacks| Some(callbacks.offers as f64)), 0.02),
        by_skill(title, "E", of(&|callbacks| Some(tried(callbacks))), 0.02),
        by_skill(
            title,
            "F",
            of(&|callbacks| enough(tried(callbacks), reached(callbacks) / tried(callbacks))),
            0.01,
        ),
        by_skill(
            title,
            "G",
            of(&|callbacks| {
                enough(within(callbacks, u64::MAX), within(callbacks, 1800) / within(callbacks, u64::MAX))
            }),
            0.01,
        ),
        by_skill(
            title,
            "H",
            of(&|callbacks| enough(reached(callbacks), callbacks.attempts as f64 / reached(callbacks))),
            0.01,
        ),
        by_skill(title, "I", offered, 0.01),
        by_skill(title, "J", served.collect(), 0.01),
    ]
}

/// How long customers had waited, in milliseconds, whose callback was seen to succeed in a window.
fn waited(judge: &Judge<'_>, skill: Option<&str>, to: i64, window: i64) -> Vec<i64> {
    let [first, last] = judge.weeks.ends(to, window).map(|at| judge.weeks.read("diagram_3", at));
    let decided = |at: Option<Timestamp>| at.is_some_and(|at| first < at && at <= last);
    let seen = judge.weeks.seen("diagram_3", last);
    let of_skill = seen.filter(|(_, call)| skill.is_none_or(|skill| call.skill_id == skill));
    of_skill.filter(|(_, call)| call.what == "ok" && decided(call.decided)).map(|(_, call)| call.ms).collect()
}

/// What a histogram with these bounds in seconds says of a share of these milliseconds.
pub(super) fn quantile(share: f64, values: &[i64], bounds: &[u64]) -> Option<f64> {
    let count = |bound: u64| values.iter().filter(|ms| **ms <= bound as i64 * 1000).count() as f64;
    let mut buckets: Vec<_> = bounds.iter().map(|bound| (*bound as f64, count(*bound))).collect();
    buckets.push((f64::INFINITY, values.len() as f64));
    interpolated(share, &buckets)
}

/// The value below which a share of all lies, by bounds and how many lie below each: straight between two bounds.
pub(super) fn interpolated(share: f64, buckets: &[(f64, f64)]) -> Option<f64> {
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let (mut bound, mut below) = (0.0, 0.0);
    for (next, count) in buckets {
        if all > 0.0 && *count >= share * all {
            let part = (share * all - below) / (count - below);
            return Some(if next.is_finite() { bound + (next - bound) * part } else { bound });
        }
        (bound, below) = (*next, *count);
    }
    None
}
