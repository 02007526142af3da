//! Every board is asked everything it can ask: two weeks of a simulated centre stand in a real Prometheus, all targets of all
//! panels and all variables are executed as Grafana would, and what the boards say is held against a model that knows
//! each call.
//!
//! It takes a minute or two, so `tests/run boards` runs it on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

use crate::prometheus::server::Prometheus;
use crate::tools;

pub(crate) mod backfill;
mod fortnight;
mod grafana;
mod judge;
mod mistakes;
mod numbers;

use backfill::Times;
use fortnight::{EVERY, Fortnight};
use grafana::{Board, Look, Target, boards, size};

/// Targets that never answer in these two weeks, and why that is right: board, panel, target.
const SILENT: &[(&str, &str, &str, &str)] = &[
    ("wolkvox-exporter", REFUSED, "C", "a small centre has no label with more values than are allowed"),
    ("wolkvox-exporter", REFUSED, "D", "the simulated numbers fit together"),
];
const REFUSED: &str = "Values, rows and labels refused";

/// Where answers are left for those who draw the boards.
fn captures() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    target.join("boards/captures")
}

#[test]
#[ignore = "two weeks take a minute or two; `tests/run boards`"]
fn every_board_answers_and_what_it_says_is_true() {
    let promtools = tools::every_version("promtool");
    let servers = tools::every_version("prometheus");
    let (Some(promtool), Some(usual)) = (promtools.first(), servers.first()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let weeks = fortnight::live(promtool.clone(), &folder.path().join("tsdb"));
    eprintln!("{} samples of two weeks", weeks.samples);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let first = weeks.instant(fortnight::FIRST, 0);
        let times = Times { from: first, to: weeks.now(), step: EVERY };
        let recorded = backfill::record(usual, promtool, folder.path(), times).await;
        eprintln!("{recorded} samples of rules");
        let boards = boards();
        assert_eq!(boards.len(), 9, "boards of the issue");
        for server in &servers {
            let prometheus = Prometheus::with(&server.path, folder.path(), "", backfill::RETENTION).await;
            if server == usual {
                capture(&prometheus, &weeks, &boards).await;
            }
            let (asked, mut wrong) = execute(&prometheus, &weeks, &boards, server == usual).await;
            let verdict = judge::judge(&prometheus, &weeks, &boards, None).await;
            let (held, left_out) = verdict.left_out(&boards);
            let checked = verdict.answers;
            wrong.extend(verdict.wrong);
            wrong.extend(left_out);
            let count = wrong.len();
            assert!(wrong.is_empty(), "Prometheus of {}: {count} are wrong:\n{}", server.of, wrong.join("\n"));
            eprintln!(
                "Prometheus of {}: {asked} questions answered, {checked} answers of {held} targets as the model has them",
                server.of
            );
            if server == usual {
                let unnoticed = mistakes::unnoticed(&prometheus, &weeks, &boards).await;
                let planted = mistakes::PLANTED;
                assert!(unnoticed.is_empty(), "of {planted} mistakes, unnoticed:\n{}", unnoticed.join("\n"));
                if let Some(note) = env::var_os("WOLKVOX_NOTE") {
                    let text = format!("{asked} questions of 9 boards answered; {checked} answers of {held} targets held against a model\n");
                    fs::write(note, text).unwrap();
                }
            }
        }
    });
}

/// Instants at which different things are the matter: a target must answer at one of them at least.
fn looks(weeks: &Fortnight, board: &Board) -> Vec<Look> {
    use wolkvox_exporter::time::civil::date;
    let range = board.range();
    let at = |day: i8, hour: i8, minute: i64| Look {
        to: weeks.instant(date(2026, 4, day), hour) + 60 * minute,
        range,
    };
    vec![
        Look { to: weeks.now(), range },
        // In the bad hours, on a good morning, when the doors open and when they close.
        at(17, 12, 0),
        at(16, 11, 0),
        at(16, 7, 20),
        at(16, 20, 20),
        // While a queue gets worse and better again.
        at(17, 9, 10),
        at(17, 9, 20),
        at(17, 9, 30),
        at(17, 17, 15),
        at(17, 17, 30),
        at(20, 13, 45),
        at(20, 14, 0),
        at(20, 14, 30),
        // After the bad day; when no report has been read for long, when counts were taken back, and when the exporter is back.
        at(17, 20, 30),
        at(14, 12, 55),
        at(15, 13, 0),
        at(18, 10, 35),
    ]
}

/// Asks everything, for all skills and for one, at every instant or only now; how many questions that were, and what was wrong.
///
/// At one instant at least, every target must answer. Now alone, it is enough that every question is understood.
async fn execute(
    server: &Prometheus,
    weeks: &Fortnight,
    boards: &[Board],
    always: bool,
) -> (usize, Vec<String>) {
    let mut asked = 0;
    let mut wrong = Vec::new();
    let mut silent_as_told = BTreeSet::new();
    for board in boards {
        // All skills; one with targets, and one without those that boards open with.
        let choices = [&[][..], &[("skill_id", "101"), ("operation", "demo")], &[("skill_id", "102")]];
        let mut answered: BTreeMap<(i64, String), bool> = BTreeMap::new();
        for chosen in choices {
            for look in looks(weeks, board).into_iter().take(if always { usize::MAX } else { 1 }) {
                let choices = match board.choose(server, look, chosen).await {
                    Ok(choices) => choices,
                    Err(why) => {
                        wrong.push(format!("{} at {}: {why}", board.uid, look.to));
                        continue;
                    }
                };
                for target in board.targets() {
                    let key = (target.panel, target.id.clone());
                    // Once it has answered, it is asked at the first instant of each choice alone.
                    if look.to != weeks.now() && answered.get(&key) == Some(&true) {
                        continue;
                    }
                    asked += 1;
                    match target.ask(server, &choices, look).await {
                        Ok(answer) => {
                            if let Some(absurd) = target.absurd(&answer) {
                                wrong.push(format!(
                                    "{} {:?} {}: {absurd}",
                                    board.uid, target.title, target.id
                                ));
                            }
                            *answered.entry(key).or_default() |= size(&answer).1 > 0;
                        }
                        Err(why) => {
                            wrong.push(format!("{} {:?} {}: {why}", board.uid, target.title, target.id))
                        }
                    }
                }
                for (name, expr) in board.annotations() {
                    asked += 1;
                    if let Err(why) = Target::of(&expr).ask(server, &choices, look).await {
                        wrong.push(format!("{} annotation {name:?}: {why}", board.uid));
                    }
                }
            }
        }
        for target in board.targets() {
            if !always || answered.get(&(target.panel, target.id.clone())) == Some(&true) {
                continue;
            }
            let excuse = SILENT
                .iter()
                .find(|(uid, title, id, _)| *uid == board.uid && *title == target.title && *id == target.id);
            match excuse {
                Some(excuse) => drop(silent_as_told.insert(*excuse)),
                None => wrong.push(format!(
                    "{} {:?} {} ({}) never answers: {}",
                    board.uid,
                    target.title,
                    target.id,
                    target.kind,
                    target.expr.replace('\n', " ")
                )),
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    if always && silent_as_told.len() != SILENT.len() {
        wrong.push("some excuse is not needed any more".to_owned());
    }
    (asked, wrong)
}

/// Leaves the answers of a look at each board.
async fn capture(server: &Prometheus, weeks: &Fortnight, boards: &[Board]) {
    let folder = captures();
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for board in boards {
        let look = Look { to: weeks.now(), range: board.range() };
        // A board whose variables cannot be filled is complained about elsewhere.
        let Ok(choices) = board.choose(server, look, &[]).await else { continue };
        let mut panels: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for target in board.targets() {
            let Ok(query) = target.filled(&choices, look) else { continue };
            let Ok(answer) = target.ask(server, &choices, look).await else { continue };
            let panel = panels.entry(target.panel.to_string()).or_default();
            panel.insert(target.id.clone(), target.captured(&query, answer));
        }
        let mut annotations = BTreeMap::new();
        for (name, expr) in board.annotations() {
            if let Ok(answer) = Target::of(&expr).ask(server, &choices, look).await {
                annotations.insert(name, answer);
            }
        }
        let variables: BTreeMap<_, _> = choices
            .iter()
            .map(|(name, choice)| (name, json!({ "text": choice.text, "value": choice.value })))
            .collect();
        let capture = json!({
            "uid": board.uid,
            "from": (look.to - look.range) * 1000,
            "to": look.to * 1000,
            "variables": variables,
            "panels": panels,
            "annotations": annotations,
        });
        fs::write(folder.join(format!("{}.json", board.uid)), format!("{capture:#}\n")).unwrap();
    }
}
