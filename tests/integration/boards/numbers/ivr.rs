//! The IVR.

use std::collections::BTreeMap;

use wolkvox_exporter::simulator::Truth;
use wolkvox_exporter::time::civil::date;

use super::super::fortnight::{BAD, BETWEEN};
use super::super::judge::{Claim, DAY, HOUR, Judge, each, one, share, stretched};

const BOARD: &str = "wolkvox-ivr";
const OPERATION: &[&str] = &["operation"];
const WEEK: i64 = 7 * DAY;

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    let claims = whole_days(judge);
    judge.hold(BOARD, judge.weeks.night(), &[], claims).await;
    for (day, hour) in [(16, 11), (17, 12), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        let mut claims = rates(judge, to);
        claims.extend(hours(judge, to));
        judge.hold(BOARD, to, &[], claims).await;
    }
}

fn operation(value: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("demo".to_owned(), value)])
}

/// The bad day, and the one a week before, when everything of them has been read.
fn whole_days(judge: &Judge<'_>) -> Vec<Claim<'static>> {
    let [now, before] = [BAD, date(2026, 4, 10)].map(|day| judge.weeks.truth(day, day));
    let calls = |truth: &Truth| truth.diagram_1_2.calls as f64;
    let seconds = |truth: &Truth| truth.diagram_1_2.printed_ms as f64 / 1e3;
    let passed =
        |truth: &Truth| truth.skill_6.iter().map(|line| line.inbound).sum::<i64>() as f64 / calls(truth);
    vec![
        one("Calls through the IVR", "A", calls(&now), 0.005),
        one("Calls through the IVR", "B", calls(&before), 0.005),
        one("Time in the IVR", "A", seconds(&now), 0.005),
        one("Time per call", "A", seconds(&now) / calls(&now), 0.001),
        one("Time per call", "B", seconds(&before) / calls(&before), 0.001),
        one("Offered to skills, per IVR call", "A", passed(&now), 0.005),
        one("Offered to skills, per IVR call", "B", passed(&before), 0.005),
        one("Not passed on, at most", "A", 1.0 - passed(&now), 0.02),
    ]
}

/// Calls and their time that the counters grow by in a window.
fn grown(judge: &Judge<'_>, to: i64, window: i64) -> (i64, i64) {
    let [first, last] = judge.weeks.ends(to, window).map(|at| {
        let seen = judge.weeks.seen("diagram_1_2", judge.weeks.read("diagram_1_2", at));
        seen.fold((0, 0), |(calls, ms), (_, call)| (calls + 1, ms + call.ms))
    });
    (last.0 - first.0, last.1 - first.1)
}

/// The same while the rules last looked: they do so for ten minutes after a reading.
fn recorded(judge: &Judge<'_>, to: i64, window: i64) -> (i64, i64) {
    let mut evaluations = (0..).map(|back| to - back * 2 * BETWEEN);
    let read = |at: i64| judge.weeks.read("diagram_1_2", at - BETWEEN).as_second();
    grown(judge, evaluations.find(|at| at - read(*at) < 600).unwrap(), window)
}

fn rates(judge: &Judge<'_>, to: i64) -> Vec<Claim<'static>> {
    let hourly = |to: i64| stretched(grown(judge, to, HOUR).0, HOUR);
    let offered = stretched(judge.grown(None, to, HOUR).inbound, HOUR);
    let per_call = |to: i64| {
        let (calls, ms) = recorded(judge, to, 4 * HOUR);
        operation(ms as f64 / 1e3 / calls as f64)
    };
    let passed =
        |to: i64| operation(share(judge.growth(None, to, 4 * HOUR).inbound, recorded(judge, to, 4 * HOUR).0));
    vec![
        each("Calls through the IVR, per hour", "A", OPERATION, operation(hourly(to - WEEK)), 0.03),
        each("Calls through the IVR, per hour", "B", OPERATION, operation(hourly(to)), 0.03),
        // Each hour is printed in minutes, rounded.
        each("Time per call in the IVR, 4 hours", "A", OPERATION, per_call(to), 0.01),
        each("Time per call in the IVR, 4 hours", "B", OPERATION, per_call(to - WEEK), 0.01),
        each("Offered to skills per IVR call, 4 hours", "A", OPERATION, passed(to), 0.01),
        each("Offered to skills per IVR call, 4 hours", "B", OPERATION, passed(to - WEEK), 0.01),
        one("In the IVR, and offered to skills", "A", hourly(to), 0.03),
        one("In the IVR, and offered to skills", "B", offered, 0.03),
    ]
}

/// Today as last read, hour by hour.
fn hours(judge: &Judge<'_>, to: i64) -> Vec<Claim<'static>> {
    let of = |to: i64| {
        let midnight = judge.weeks.midnight(to);
        let read = judge.weeks.read("diagram_1_2", to - BETWEEN);
        let mut hours: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (at, call) in judge.weeks.seen("diagram_1_2", read).filter(|(at, _)| *at >= midnight) {
            let hour = hours.entry(format!("{:02}", at.hour())).or_default();
            hour.0 += 1.0;
            hour.1 += call.ms as f64 / 1e3;
        }
        hours
    };
    let (today, before) = (of(to), of(to - WEEK));
    let each_hour = |of: &dyn Fn(&(f64, f64)) -> f64| -> BTreeMap<String, f64> {
        today.iter().map(|(hour, sums)| (hour.clone(), of(sums))).collect()
    };
    let all = |hours: &BTreeMap<String, (f64, f64)>| operation(hours.values().map(|(calls, _)| calls).sum());
    vec![
        each("Today, hour by hour", "A", &["hour"], each_hour(&|sums| sums.0), 0.0),
        each("Today, hour by hour", "B", &["hour"], each_hour(&|sums| sums.1), 0.01),
        each("Today, hour by hour", "C", &["hour"], each_hour(&|sums| sums.1 / sums.0), 0.01),
        each("IVR calls since midnight, and a week before", "A", OPERATION, all(&before), 0.0),
        each("IVR calls since midnight, and a week before", "B", OPERATION, all(&today), 0.0),
    ]
}
