//! Shares answered in time and abandoned, their colours and their targets.

use super::super::fortnight::{Queue, abandon_budget, budget};
use super::super::judge::{DAY, HOUR, Judge, one, share, stretched};

/// Calls answered within the default of the boards.
pub(super) const TWENTY: usize = 1;

/// A share of calls beside its target.
pub(super) struct Level {
    pub(super) share: Option<f64>,
    /// By how many times the calls that may be bad are.
    pub(super) times: Option<f64>,
    pub(super) target: Option<f64>,
}

/// The share of the calls of some skills that are good, or bad, in a window; `None` where the calls are so near the least
/// number that is enough that nothing can be said.
fn level(
    calls: &[(Option<f64>, Queue)],
    window: i64,
    least: f64,
    of: &dyn Fn(&Queue) -> i64,
    is_good: bool,
) -> Option<Level> {
    let all = calls.iter().map(|(_, queue)| *queue).fold(Queue::default(), Queue::plus);
    let aimed = || calls.iter().filter_map(|(budget, queue)| Some(((*budget)?, queue)));
    let (mut offered, mut allowed, mut bad) = (0, 0.0, 0);
    for (budget, queue) in aimed() {
        offered += queue.inbound;
        allowed += budget * queue.inbound as f64;
        bad += if is_good { queue.inbound - of(queue) } else { of(queue) };
    }
    let unsure = |calls: i64| (stretched(calls, window) / least - 1.0).abs() < 0.05;
    if unsure(all.inbound) || unsure(offered) {
        return None;
    }
    let enough = |calls: i64| stretched(calls, window) >= least;
    let budget = allowed / offered as f64;
    Some(Level {
        share: enough(all.inbound).then(|| share(of(&all), all.inbound)),
        times: (allowed > 0.0).then(|| bad as f64 / allowed),
        target: enough(offered).then_some(if is_good { 1.0 - budget } else { budget }),
    })
}

/// The share answered in time.
pub(super) fn in_time(
    judge: &Judge<'_>,
    skill: Option<&str>,
    (to, window, least): (i64, i64, f64),
    within: usize,
) -> Option<Level> {
    let skills = judge.chosen(skill);
    let calls = skills.iter().map(|id| (budget(id, within), judge.weeks.growth(id, to, window)));
    level(&calls.collect::<Vec<_>>(), window, least, &|queue| queue.within[within], true)
}

/// The share abandoned.
pub(super) fn abandoned(
    judge: &Judge<'_>,
    skill: Option<&str>,
    (to, window, least): (i64, i64, f64),
) -> Option<Level> {
    let skills = judge.chosen(skill);
    let calls = skills.iter().map(|id| (abandon_budget(id), judge.weeks.growth(id, to, window)));
    level(&calls.collect::<Vec<_>>(), window, least, &|queue| queue.abandoned, false)
}

const HALF: i64 = HOUR / 2;
/// Board, panel, window, fewest calls, and where the target is shown.
type Shown = (&'static str, &'static str, i64, f64, (&'static str, &'static str));
const IN_TIME: &[Shown] = &[
    ("wolkvox-overview", "Answered in time", HALF, 10.0, ("Answered in time", "E")),
    ("wolkvox-wallboard", "Answered in time, 30 minutes", HALF, 10.0, ("Target", "A")),
    ("wolkvox-skill", "In time, 30 minutes", HALF, 10.0, ("In time, 30 minutes", "E")),
    ("wolkvox-skill", "In time, 1 hour", HOUR, 10.0, ("In time, 1 hour", "E")),
    ("wolkvox-skill", "In time, 1 day", DAY, 50.0, ("In time, 1 day", "E")),
    ("wolkvox-slo", "In time, 1 day", DAY, 50.0, ("In time, 1 day", "E")),
];
const ABANDONED: &[Shown] = &[
    ("wolkvox-overview", "Abandoned", HALF, 10.0, ("Abandoned", "E")),
    ("wolkvox-wallboard", "Abandoned, 30 minutes", HALF, 10.0, ("At most", "A")),
    ("wolkvox-skill", "Abandoned, 1 hour", HOUR, 10.0, ("Abandoned, 1 hour", "E")),
];

/// A good morning, the bad hours of the last Friday from their beginning, and the worse minutes of the last day.
const MOMENTS: &[(i8, i8, i8)] = &[
    (16, 11, 0),
    (17, 9, 10),
    (17, 9, 20),
    (17, 9, 30),
    (17, 12, 0),
    (17, 17, 15),
    (17, 17, 30),
    (17, 20, 30),
    (20, 13, 45),
    (20, 14, 0),
    (20, 14, 30),
    (20, 15, 0),
];

pub(super) async fn judge(judge: &mut Judge<'_>) {
    let bad = in_time(judge, Some("101"), (judge.weeks.moment(17, 12, 0), HOUR, 10.0), TWENTY);
    let bad = bad.and_then(|bad| bad.share).unwrap();
    assert!((0.2..0.4).contains(&bad), "the bad hours are not bad: {bad}");
    for (day, hour, minute) in MOMENTS {
        let to = judge.weeks.moment(*day, *hour, *minute);
        for (skill, within) in
            [(None, TWENTY), (Some("101"), TWENTY), (Some("102"), TWENTY), (Some("102"), 0), (None, 0)]
        {
            let mut chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            if within == 0 {
                chosen.push(("within", "10s"));
            }
            for (uid, title, window, least, (target, id)) in IN_TIME {
                if judge.skips(uid) {
                    continue;
                }
                let Some(level) = in_time(judge, skill, (to, *window, *least), within) else { continue };
                judge.colour(uid, title, (to, &chosen), level.share, (level.times, [1.0, 2.5])).await;
                judge.hold(uid, to, &chosen, vec![one(target, id, level.target, 0.001)]).await;
            }
            if within == 0 {
                continue;
            }
            for (uid, title, window, least, (target, id)) in ABANDONED {
                if judge.skips(uid) {
                    continue;
                }
                let Some(level) = abandoned(judge, skill, (to, *window, *least)) else { continue };
                judge.colour(uid, title, (to, &chosen), level.share, (level.times, [1.0, 3.0])).await;
                judge.hold(uid, to, &chosen, vec![one(target, id, level.target, 0.001)]).await;
            }
        }
    }
}
