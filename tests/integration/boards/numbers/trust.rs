//! The row that every board begins with: whether what follows can be trusted.

use super::super::fortnight::BETWEEN;
use super::super::judge::{Judge, Wanted, numbers_of, one, share};

/// The reports that feed each board.
const BOARDS: &[(&str, &[&str])] = &[
    ("wolkvox-callbacks", &["diagram_3", "skill_6"]),
    ("wolkvox-cost", &["cdr_1"]),
    ("wolkvox-customers", &["diagram_4"]),
    ("wolkvox-exporter", &["skill_6", "diagram_3", "diagram_1_2", "cdr_1", "diagram_4"]),
    ("wolkvox-ivr", &["diagram_1_2", "skill_6"]),
    ("wolkvox-overview", &["skill_6", "diagram_3", "diagram_1_2", "cdr_1", "diagram_4"]),
    ("wolkvox-skill", &["skill_6"]),
    ("wolkvox-slo", &["skill_6"]),
    ("wolkvox-wallboard", &["skill_6", "diagram_3"]),
];

/// Requests allowed in a day: a thousand for each of the simulated centre's licences.
pub(super) const LIMIT: i64 = 25_000;

/// When a report was last read, all skills of it.
fn read(judge: &Judge<'_>, report: &str, to: i64) -> f64 {
    let by = to - BETWEEN;
    let of = |key: &str| judge.weeks.read(key, by).as_millisecond() as f64 / 1e3;
    match report {
        "skill_6" => judge.weeks.skills().iter().map(|skill| of(skill)).fold(f64::INFINITY, f64::min),
        other => of(other),
    }
}

/// How many seconds ago that was.
pub(super) fn age(judge: &Judge<'_>, report: &str, to: i64) -> f64 {
    to as f64 - read(judge, report, to)
}

/// Requests that the centre received on the local day of an instant.
pub(super) fn requests_today(judge: &Judge<'_>, to: i64) -> i64 {
    let weeks = judge.weeks;
    let midnight = weeks.zone.instant(weeks.midnight(to)).as_second();
    let all = |by: i64| weeks.requests(by).values().sum::<u64>() as i64;
    all(to) - all(midnight - 1)
}

pub(super) async fn judge(judge: &mut Judge<'_>) {
    for (uid, reports) in BOARDS {
        if judge.skips(uid) {
            continue;
        }
        let is_small = *uid == "wolkvox-wallboard";
        let title = if *uid == "wolkvox-exporter" { "Data age (stat)" } else { "Data age" };
        for (day, hour, minute) in [(16, 11, 0), (17, 12, 0), (18, 3, 0), (18, 9, 0), (20, 15, 0)] {
            let to = judge.weeks.moment(day, hour, minute);
            let oldest = reports.iter().map(|report| age(judge, report, to)).fold(0.0, f64::max);
            let claims = vec![
                one(title, "A", oldest, 0.002),
                one(title, "B", Wanted::Nothing, 0.0),
                one("Reads failing", "A", 0.0, 0.0),
                one("Catching up", "A", 0.0, 0.0),
            ];
            judge.hold(uid, to, &[], claims).await;
            let alerts = firing(judge, to).await;
            judge.hold(uid, to, &[], vec![one("Alerts firing", "A", alerts, 0.0)]).await;
        }
        // Two hours in which every report fails: more than three intervals of each.
        let to = judge.weeks.moment(14, 12, 55);
        let oldest = reports.iter().map(|report| age(judge, report, to)).fold(0.0, f64::max);
        let alerts = firing(judge, to).await;
        let claims = vec![
            one(title, "A", Wanted::Nothing, 0.0),
            one(title, "B", oldest, 0.002),
            one("Reads failing", "A", reports.len() as f64, 0.0),
            one("Alerts firing", "A", alerts, 0.0),
        ];
        judge.hold(uid, to, &[], claims).await;
        if is_small {
            continue;
        }
        // In the morning everything that is over has been read for the last time.
        let morning = judge.weeks.moment(18, 9, 0);
        judge.hold(uid, morning, &[], vec![one("Buckets owed", "A", 0.0, 0.0)]).await;
        // When the day is nearly over, the forecast is what has been asked.
        let evening = judge.weeks.moment(17, 23, 55);
        let used = share(requests_today(judge, evening), LIMIT);
        judge.hold(uid, evening, &[], vec![one("Quota at day's end", "A", used, 0.02)]).await;
    }
}

/// Alerts that fire at an instant, as they stand in the storage, counted here.
async fn firing(judge: &Judge<'_>, to: i64) -> f64 {
    let asked = [("query", "ALERTS{alertstate=\"firing\"}"), ("time", &to.to_string())];
    numbers_of(&judge.server.ask("query", &asked).await).unwrap().len() as f64
}
