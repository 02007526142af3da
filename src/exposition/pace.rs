//! When to render, and which formats.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Stopwatch;

use super::{Encoding, Format};

/// How long rendering pauses, so that it never takes more than a small share of the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The pause at least.
    pub least: Duration,
    /// The pause as a multiple of the last rendering's cost.
    pub factor: u32,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { least: Duration::from_secs(2), factor: 50 }
    }
}

impl Pace {
    /// How long to wait before the next rendering, when the last one cost `cost` and ended `since` ago.
    pub fn wait(&self, cost: Duration, since: Duration) -> Duration {
        self.least.max(cost.saturating_mul(self.factor)).saturating_sub(since)
    }
}

/// How long after the last question a format is still rendered at each change.
const WANTED: Duration = Duration::from_secs(600);

/// Which formats somebody asked for lately.
#[derive(Debug)]
pub(super) struct Demand {
    started: Stopwatch,
    /// Milliseconds after `started`, plus one; 0 is never. By format, then by encoding.
    asked: [[AtomicU64; 2]; 2],
}

impl Demand {
    pub(super) fn new() -> Demand {
        Demand { started: Stopwatch::start(), asked: Default::default() }
    }

    /// Notes a question.
    pub(super) fn ask(&self, format: Format, encoding: Encoding) {
        self.ask_at(format, encoding, self.started.elapsed());
    }

    /// Whether the format is to be rendered, and whether it is to be compressed too.
    pub(super) fn wanted(&self, format: Format) -> (bool, bool) {
        self.wanted_at(format, self.started.elapsed())
    }

    fn ask_at(&self, format: Format, encoding: Encoding, at: Duration) {
        // Milliseconds of a process's life fit into 64 bits.
        let at = at.as_millis() as u64 + 1;
        self.asked[format.index()][encoding as usize].fetch_max(at, Ordering::Relaxed);
    }

    fn wanted_at(&self, format: Format, now: Duration) -> (bool, bool) {
        let recent = |encoding: Encoding| {
            let at = self.asked[format.index()][encoding as usize].load(Ordering::Relaxed);
            at > 0 && now.saturating_sub(Duration::from_millis(at - 1)) <= WANTED
        };
        let gzip = recent(Encoding::Gzip);
        (gzip || recent(Encoding::Identity), gzip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_covers_the_least_and_the_multiple_of_the_cost() {
        let pace = Pace::default();
        let ms = Duration::from_millis;
        assert_eq!(pace.wait(ms(1), ms(0)), ms(2_000));
        assert_eq!(pace.wait(ms(100), ms(0)), ms(5_000));
        assert_eq!(pace.wait(ms(100), ms(4_000)), ms(1_000));
        assert_eq!(pace.wait(ms(1), ms(2_500)), ms(0));
        assert_eq!(pace.wait(Duration::MAX, ms(0)), Duration::MAX);
    }

    #[test]
    fn a_format_is_wanted_for_ten_minutes_after_it_was_asked_for() {
        let demand = Demand::new();
        let at = |seconds| Duration::from_secs(seconds);
        assert_eq!(demand.wanted_at(Format::Text, at(0)), (false, false));
        demand.ask_at(Format::Text, Encoding::Identity, at(0));
        demand.ask_at(Format::Text, Encoding::Gzip, at(100));
        assert_eq!(demand.wanted_at(Format::Text, at(600)), (true, true));
        assert_eq!(demand.wanted_at(Format::Text, at(700)), (true, true));
        assert_eq!(demand.wanted_at(Format::Text, at(701)), (false, false));
        demand.ask_at(Format::Text, Encoding::Identity, at(701));
        assert_eq!(demand.wanted_at(Format::Text, at(702)), (true, false));
        assert_eq!(demand.wanted_at(Format::OpenMetrics, at(0)), (false, false));
    }
}
