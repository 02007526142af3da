//! How a question that was too large is asked again in smaller ones.

use crate::api::{Grain, Report};
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

/// See [`Request::finer`].
pub(super) fn finer(request: &Request) -> Vec<Request> {
    let Some(window) = request.window else { return Vec::new() };
    let piece = |window: Window, part: (u16, u16)| Request { window: Some(window), part, ..request.clone() };
    if request.report != Report::Skill6 {
        let halves = if request.is_indivisible() { None } else { halves(request.report, window) };
        return halves.into_iter().flatten().map(|half| piece(half, request.part)).collect();
    }
    let Some(parts) = next_parts(request.part.1) else { return Vec::new() };
    let day = Bucket::of(window.from, Grain::Day);
    // A day that is still open ends where the present does.
    let end = if request.part.0 + 1 == request.part.1 { window.to } else { day.window().to };
    let windows = day_parts(day, parts, end);
    // Invariant: a day has at most 96 parts.
    let count = windows.len() as u16;
    (0..count).zip(windows).map(|(index, window)| piece(window, (index, count))).collect()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::Purpose;
    use crate::time::{Timestamp, civil};

    proptest! {
        #[test]
        fn finer_requests_ask_for_the_same_and_end_somewhere(
            report in prop::sample::select(Report::FIVE.to_vec()),
            hours in 1_i64..60,
        ) {
            let day = Bucket::day(civil::date(2026, 3, 8));
            let mut window = day.window();
            if report != Report::Skill6 {
                window.to = shift(window.from, SignedDuration::from_hours(hours));
            }
            let now = Timestamp::UNIX_EPOCH;
            let skill = String::new();
            let purpose = Purpose::CatchUp;
            let mut request =
                Request { report, skill, window: Some(window), slot: 7, now, purpose, part: (0, 1) };
            let mut steps = 0;
            loop {
                let finer = request.finer();
                prop_assert_eq!(finer.is_empty(), request.is_indivisible());
                let Some(first) = finer.first() else { break };
                let whole = if report == Report::Skill6 { window } else { request.window.unwrap() };
                let mut end = whole.from;
                for piece in &finer {
                    let piece = piece.window.unwrap();
                    prop_assert!(piece.from == end && piece.from < piece.to);
                    end = piece.to;
                }
                prop_assert_eq!(end, whole.to);
                steps += 1;
                prop_assert!(steps < 40, "pieces become smaller");
                request = first.clone();
            }
        }
    }
}
