//! What every target of every board must say, board by board.

use super::judge::Judge;

mod callbacks;
mod cost;
mod customers;
mod exporter;
mod ivr;
mod levels;
mod overview;
mod skill;
mod slo;
mod trust;
mod variables;
mod wallboard;

/// Judges every board.
pub(super) async fn all(judge: &mut Judge<'_>) {
    variables::judge(judge).await;
    trust::judge(judge).await;
    levels::judge(judge).await;
    overview::judge(judge).await;
    wallboard::judge(judge).await;
    skill::judge(judge).await;
    slo::judge(judge).await;
    ivr::judge(judge).await;
    callbacks::judge(judge).await;
    cost::judge(judge).await;
    customers::judge(judge).await;
    exporter::judge(judge).await;
}

/// Targets whose numbers are held against nothing, and why: board, panel, target.
pub(super) const UNHELD: &[(&str, &str, &str, &str)] = &[
    (
        "wolkvox-exporter",
        REFUSED,
        "C",
        "a small centre has no label with more values than are allowed: it never answers",
    ),
    ("wolkvox-exporter", REFUSED, "D", "the simulated numbers fit together: it never answers"),
];
const REFUSED: &str = "Values, rows and labels refused";
