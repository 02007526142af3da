//! What the variables of the boards offer.

use std::collections::{BTreeMap, BTreeSet};

use super::super::grafana::Look;
use super::super::judge::Judge;
use super::exporter::REPORTS;

const BOARDS: [&str; 9] = [
    "wolkvox-callbacks",
    "wolkvox-cost",
    "wolkvox-customers",
    "wolkvox-exporter",
    "wolkvox-ivr",
    "wolkvox-overview",
    "wolkvox-skill",
    "wolkvox-slo",
    "wolkvox-wallboard",
];

pub(super) async fn judge(judge: &mut Judge<'_>) {
    let weeks = judge.weeks;
    let plain =
        |values: &[&str]| values.iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect();
    let mut skills: Vec<(String, String)> = weeks.names().into_iter().map(|(id, name)| (name, id)).collect();
    // Calls that no queue has seen.
    skills.push(("none".to_owned(), "none".to_owned()));
    // Skills share a number.
    let lines: BTreeSet<String> = weeks.skills().iter().flat_map(|id| weeks.lines(id)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let wanted: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::from([
        ("datasource", vec![("Prometheus".to_owned(), "prometheus".to_owned())]),
        ("job", plain(&["wolkvox"])),
        ("operation", plain(&["demo"])),
        ("skill_id", skills),
        ("dnis", plain(&lines)),
        ("within", plain(&["10s", "20s", "30s"])),
        ("question", plain(&["q01", "q02", "q03"])),
        ("report", plain(&REPORTS)),
    ]);
    for uid in BOARDS.into_iter().filter(|uid| !judge.skips(uid)).collect::<Vec<_>>() {
        let board = judge.board(uid);
        let look = Look { to: weeks.now(), range: board.range() };
        let offered = board.offer(judge.server, look, &[]).await;
        match offered {
            Ok((_, offers)) => {
                for (name, offered) in offers {
                    match wanted.get(name.as_str()) {
                        Some(wanted) if *wanted == offered => judge.count(offered.len()),
                        wanted => judge.complain(format!(
                            "{uid}: variable {name} offers {offered:?}, where {wanted:?} is true"
                        )),
                    }
                }
            }
            Err(why) => judge.complain(format!("{uid}: {why}")),
        }
    }
}
