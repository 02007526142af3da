//! How a question that was too large is asked again in smaller ones.

use crate::api::Report;
use crate::schedule::Request;
use crate::time::{Bucket, SignedDuration, Window, civil::DateTime, shift};

/// Into how many parts of equal length a `skill_6` day can be cut, coarse to fine.
const PARTS: [u16; 6] = [2, 4, 8, 24, 48, 96];

/// Calls per part to aim at: half of where percentages stop being exact, since days are not even.
const CALLS_PER_PART: i64 = 5_000;

/// See [`Request::is_indivisible`].
pub(super) fn is_indivisible(request: &Request) -> bool {
    match (request.report, request.window) {
        (Report::Skill6, _) => next_parts(request.part.1).is_none(),
        (Report::Skill1 | Report::Skills | Report::TokenInfo, _) | (_, None) => true,
        (report, Some(window)) => halves(report, window).is_none(),
    }
}

/// The two halves of a window; `None` where the report's rows cannot be told apart any finer.
pub(super) fn halves(report: Report, window: Window) -> Option<[Window; 2]> {
    let step = if report.has_rows_of_events() { 1 } else { 3600 };
    // A window up to the present may end within an hour: that hour counts as a step.
    let steps = (window.seconds() + step - 1) / step;
    if steps < 2 {
        return None;
    }
    let middle = shift(window.from, SignedDuration::from_secs(steps / 2 * step));
    Some([Window { from: window.from, to: middle }, Window { from: middle, to: window.to }])
}

/// The first `span` seconds of a longer window, cut where [`halves`] may cut, and the rest of it.
pub(super) fn shorten(report: Report, window: Window, span: Option<i64>) -> Option<[Window; 2]> {
    let step = if report.has_rows_of_events() { 1 } else { 3600 };
    let span = (span? / step * step).max(step);
    let middle = shift(window.from, SignedDuration::from_secs(span));
    (middle < window.to)
        .then_some([Window { from: window.from, to: middle }, Window { from: middle, to: window.to }])
}

/// The finer number of parts after `parts`; `None` at the finest.
pub(super) fn next_parts(parts: u16) -> Option<u16> {
    PARTS.into_iter().find(|finer| *finer > parts)
}

/// The coarser number of parts before `parts`; `None` at the coarsest.
pub(super) fn previous_parts(parts: u16) -> Option<u16> {
    PARTS.into_iter().rev().find(|coarser| *coarser < parts)
}

/// How many parts a day with so many calls wants.
pub(super) fn parts_for(calls: i64) -> u16 {
    PARTS.into_iter().find(|parts| i64::from(*parts) * CALLS_PER_PART >= calls).unwrap_or(96)
}

/// The parts of a day that have begun at the local time `present`, the last one cut there.
pub(super) fn day_parts(day: Bucket, parts: u16, present: DateTime) -> Vec<Window> {
    let whole = day.window();
    let length = SignedDuration::from_secs(86_400 / i64::from(parts.max(1)));
    let end = whole.to.min(present);
    let mut windows = Vec::new();
    let mut from = whole.from;
    while from < end {
        let to = shift(from, length).min(end);
        windows.push(Window { from, to });
        from = to;
    }
    windows
}
