//! The nine boards.
//!
//! Each begins by saying whether its numbers can be trusted. Calls are summed before anything is divided, ratios stand
//! beside the calls they are of, and they are blank on too few.

mod callbacks;
mod cost;
mod customers;
mod exporter;
mod ivr;
mod levels;
mod overview;
mod parts;
mod skill;
mod wallboard;

use super::Options;
use super::board::Board;
use super::grafana::Dashboard;
use super::scope::Scope;

/// Every board.
pub fn all(options: &Options) -> Vec<Dashboard> {
    Board::ALL.into_iter().map(|board| one(board, options)).collect()
}

/// One board.
pub fn one(board: Board, options: &Options) -> Dashboard {
    let scope = Scope { options, board };
    let (from, sections) = match board {
        Board::Overview => ("now-12h", overview::sections(scope)),
        Board::Wallboard => ("now-6h", wallboard::sections(scope)),
        Board::Skill => ("now-12h", skill::sections(scope)),
        Board::Levels => ("now-7d", levels::sections(scope)),
        Board::Ivr => ("now-24h", ivr::sections(scope)),
        Board::Callbacks => ("now-24h", callbacks::sections(scope)),
        Board::Cost => ("now-24h", cost::sections(scope)),
        Board::Customers => ("now-7d", customers::sections(scope)),
        Board::Exporter => ("now-6h", exporter::sections(scope)),
    };
    Dashboard {
        board,
        from,
        refresh: "1m",
        variables: parts::variables(scope),
        annotations: parts::annotations(scope),
        sections,
        runbook_url: options.runbook_url.clone(),
    }
}
