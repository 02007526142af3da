//! The overview.

use std::collections::BTreeMap;

use super::super::fortnight::{BETWEEN, Queue, abandon_budget, budget};
use super::super::judge::{Claim, DAY, HOUR, Judge, by_skill, each, one, share, stretched};
use super::levels::{TWENTY, in_time};

const BOARD: &str = "wolkvox-overview";
const WEEK: i64 = 7 * DAY;

/// Speed of answer and of giving up over a window that ends now; none where too few calls were offered.
///
/// Waits are averages of a day's calls, printed to hundredths: of many calls, few of them in the window, a few seconds
/// may be missing.
pub(super) fn waits(judge: &Judge<'_>, skill: Option<&str>, to: i64, window: i64) -> [Option<f64>; 2] {
    let offered = judge.growth(skill, to, window).inbound;
    let grown = judge.grown(skill, to, window);
    let mean = |ms: i64, calls: i64| {
        (stretched(offered, window) >= 10.0 && calls > 0).then(|| ms as f64 / 1e3 / calls as f64)
    };
    [mean(grown.answer_ms, grown.answered), mean(grown.abandon_ms, grown.abandoned)]
}

/// Customers of today who were promised a callback and have none yet, and how long the first has waited; nothing is said
/// before the first callback of the day is offered.
pub(super) fn waiting(judge: &Judge<'_>, skill: Option<&str>, to: i64) -> (Option<f64>, Option<f64>) {
    let weeks = judge.weeks;
    let mut offers = weeks.seen("diagram_3", weeks.read("diagram_3", to - BETWEEN));
    let is_offered = offers
        .any(|(at, call)| *at >= weeks.midnight(to) && skill.is_none_or(|skill| call.skill_id == skill));
    let since = weeks.promised(skill, weeks.midnight(to).date(), weeks.read("diagram_3", to - BETWEEN));
    let first = since.iter().min().map(|first| weeks.zone.instant(*first).as_second());
    (is_offered.then_some(since.len() as f64), first.map(|first| (to - first) as f64))
}

/// Calls by what became of them and how long they waited, as counts of a window.
pub(super) fn by_wait(queue: &Queue, window: i64) -> [f64; 5] {
    let [ten, twenty, thirty] = queue.within;
    let late = queue.answered - thirty;
    [ten, twenty - ten, thirty - twenty, late, queue.abandoned].map(|count| stretched(count, window))
}

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    for (day, hour) in [(16, 11), (17, 12), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        for skill in [None, Some("101"), Some("102")] {
            headlines(judge, skill, to).await;
        }
        table(judge, to).await;
    }
    // At night every skill is closed; the day before is still to be seen.
    let night = judge.weeks.night();
    let closed = |open: f64| judge_open(open, judge.weeks.skills());
    let claims = vec![by_skill("Every skill", "B", closed(0.0), 0.0)];
    judge.hold(BOARD, night, &[], claims).await;
}

fn judge_open(open: f64, skills: Vec<String>) -> BTreeMap<String, f64> {
    skills.into_iter().map(|id| (id, open)).collect()
}

async fn headlines(judge: &mut Judge<'_>, skill: Option<&str>, to: i64) {
    let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
    let half = judge.growth(skill, to, HOUR / 2);
    let before = judge.growth(skill, to - WEEK, HOUR / 2);
    let [answer, abandon] = waits(judge, skill, to, HOUR / 2);
    let (waiting, longest) = waiting(judge, skill, to);
    let (hour, hour_before) = (judge.grown(skill, to, HOUR), judge.grown(skill, to - WEEK, HOUR));
    let [a, b, c, d, e] = by_wait(&half, HOUR / 2);
    let mut claims = vec![
        one("Calls offered", "A", stretched(half.inbound, HOUR / 2), 0.03),
        one("Calls offered", "B", stretched(before.inbound, HOUR / 2), 0.03),
        one("Callbacks waiting", "A", waiting, 0.0),
        one("Callbacks waiting", "B", longest, 0.001),
        one("Calls per hour", "A", stretched(hour.answered, HOUR), 0.03),
        one("Calls per hour", "B", stretched(hour.abandoned, HOUR), 0.03),
        one("Calls per hour", "C", stretched(hour_before.inbound, HOUR), 0.03),
        one("Calls by how long they waited, 30 minutes", "A", a, 0.03),
        one("Calls by how long they waited, 30 minutes", "B", b, 0.03),
        one("Calls by how long they waited, 30 minutes", "C", c, 0.03),
        one("Calls by how long they waited, 30 minutes", "D", d, 0.03),
        one("Calls by how long they waited, 30 minutes", "E", e, 0.03),
        one("Speed of answer", "A", answer, 0.05),
        one("Speed of answer", "B", abandon, 0.05),
        one("Wait until answered, and until given up", "A", answer, 0.05),
        one("Wait until answered, and until given up", "B", abandon, 0.05),
    ];
    if let Some(level) = in_time(judge, skill, (to, HOUR / 2, 10.0), TWENTY) {
        claims.push(one("Answered in time, by skill", "B", level.target, 0.001));
    }
    let today = |at: i64| {
        let skills = judge.chosen(skill);
        skills.iter().map(|id| judge.weeks.today(id, None, at).inbound).sum::<i64>() as f64
    };
    let title = "Calls offered since midnight, and a week before";
    claims.push(one(title, "A", today(to - BETWEEN), 0.0));
    claims.push(one(title, "B", today(to - BETWEEN - WEEK), 0.0));
    judge.hold(BOARD, to, &chosen, claims).await;
}

/// What a table has of each skill in a window; skills with too few calls are left out, those near it too.
async fn table(judge: &mut Judge<'_>, to: i64) {
    let weeks = judge.weeks;
    let of = |window: i64, of: &dyn Fn(&str, &Queue) -> Option<f64>| -> BTreeMap<String, f64> {
        let skills = weeks.skills().into_iter();
        skills.filter_map(|id| Some((id.clone(), of(&id, &weeks.growth(&id, to, window))?))).collect()
    };
    let enough = |queue: &Queue| stretched(queue.inbound, HOUR) >= 10.0;
    let level = |queue: &Queue| share(queue.within[TWENTY], queue.inbound);
    let names = weeks.names().into_iter().map(|(id, name)| (format!("{id}/{name}"), 1.0)).collect();
    let calls = of(HOUR, &|_, queue| Some(stretched(queue.inbound, HOUR)));
    let levels = of(HOUR, &|_, queue| enough(queue).then(|| level(queue)));
    let targets = of(HOUR, &|id, _| Some(1.0 - budget(id, TWENTY)?));
    let margin =
        of(HOUR, &|id, queue| Some(level(queue) - 1.0 + budget(id, TWENTY).filter(|_| enough(queue))?));
    let evidence = of(HOUR, &|id, queue| {
        let budget = budget(id, TWENTY).filter(|_| enough(queue))?;
        let times = (1.0 - level(queue)) / budget;
        Some((times - 1.0) * (stretched(queue.inbound, HOUR) * budget / (1.0 - budget)).sqrt())
    });
    let lost = of(HOUR, &|_, queue| enough(queue).then(|| share(queue.abandoned, queue.inbound)));
    let at_most = of(HOUR, &|id, _| abandon_budget(id));
    let mean = |ms: i64, calls: i64| (calls > 0).then(|| ms as f64 / 1e3 / calls as f64);
    let grown = |id: &str| weeks.grown(id, None, to, HOUR);
    let answer =
        of(HOUR, &|id, queue| mean(grown(id).answer_ms, grown(id).answered).filter(|_| enough(queue)));
    let abandon =
        of(HOUR, &|id, queue| mean(grown(id).abandon_ms, grown(id).abandoned).filter(|_| enough(queue)));
    let of_day = of(DAY, &|_, queue| (stretched(queue.inbound, DAY) >= 50.0).then(|| level(queue)));
    let calls_of_day = of(DAY, &|_, queue| Some(stretched(queue.inbound, DAY)));
    let claims: Vec<Claim<'_>> = vec![
        each("Every skill", "A", &["skill_id", "skill_name"], names, 0.0),
        by_skill("Every skill", "B", judge_open(1.0, weeks.skills()), 0.0),
        by_skill("Every skill", "C", calls, 0.03),
        by_skill("Every skill", "D", levels, 0.001),
        by_skill("Every skill", "E", targets, 0.0),
        by_skill("Every skill", "F", margin, 0.002),
        by_skill("Every skill", "G", evidence, 0.03),
        by_skill("Every skill", "H", lost, 0.001),
        by_skill("Every skill", "I", at_most, 0.0),
        by_skill("Every skill", "J", answer, 0.05),
        by_skill("Every skill", "K", abandon, 0.05),
        by_skill("Every skill", "L", of_day, 0.001),
        by_skill("Every skill", "M", calls_of_day, 0.01),
    ];
    judge.hold(BOARD, to, &[], claims).await;
    let half = of(HOUR / 2, &|_, queue| (stretched(queue.inbound, HOUR / 2) >= 10.0).then(|| level(queue)));
    judge.hold(BOARD, to, &[], vec![by_skill("Answered in time, by skill", "A", half, 0.001)]).await;
}
