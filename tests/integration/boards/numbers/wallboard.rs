//! The wallboard.

use std::collections::BTreeMap;

use super::super::judge::{HOUR, Judge, by_skill, one, stretched};
use super::levels::TWENTY;
use super::overview::{waiting, waits};

const BOARD: &str = "wolkvox-wallboard";

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    for (day, hour) in [(16, 11), (17, 12), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        for skill in [None, Some("101"), Some("102")] {
            let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            let half = judge.growth(skill, to, HOUR / 2);
            let [answer, abandon] = waits(judge, skill, to, HOUR / 2);
            let (waiting, _) = waiting(judge, skill, to);
            let claims = vec![
                one("Calls, 30 minutes", "A", stretched(half.inbound, HOUR / 2), 0.03),
                one("Wait, 30 minutes", "A", answer, 0.05),
                one("They give up after", "A", abandon, 0.05),
                one("Callbacks waiting", "A", waiting, 0.0),
            ];
            judge.hold(BOARD, to, &chosen, claims).await;
        }
        let late = |id: &String| {
            let queue = judge.weeks.growth(id, to, HOUR);
            stretched(queue.inbound - queue.within[TWENTY], HOUR)
        };
        let late: BTreeMap<_, _> =
            judge.weeks.skills().into_iter().map(|id| (id.clone(), late(&id))).collect();
        let late = late.into_iter().filter(|(_, late)| *late > 0.0).collect();
        judge
            .hold(BOARD, to, &[], vec![by_skill("Skills with the most late calls, 1 hour", "A", late, 0.03)])
            .await;
    }
}
