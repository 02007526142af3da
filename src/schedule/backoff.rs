//! How long a failure waits before the next try.

use std::time::Duration;

use rand::Rng;

use crate::api::Reason;

/// What a failure puts on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The token is not used until a re-check succeeds.
    Token,
    /// The whole operation waits a little.
    Operation,
    /// Only the report that failed.
    Report,
}

/// Whom a failure concerns.
pub(super) const fn scope(reason: Reason) -> Scope {
    match reason {
        Reason::Auth | Reason::Quota => Scope::Token,
        Reason::Concurrency | Reason::Maintenance | Reason::Connect => Scope::Operation,
        Reason::Request
        | Reason::Server
        | Reason::Timeout
        | Reason::Decode
        | Reason::Truncated
        | Reason::Mismatch => Scope::Report,
    }
}

/// The wait after the `streak`-th failure in a row (from 1), with a quarter of jitter either way.
pub(super) fn delay(reason: Reason, streak: u32, rng: &mut impl Rng) -> Duration {
    let doublings = streak.saturating_sub(1).min(10);
    let seconds = match reason {
        Reason::Auth => *[60, 300, 900, 3600].get(doublings as usize).unwrap_or(&3600),
        Reason::Quota => {
            if streak <= 2 {
                1800
            } else {
                3600
            }
        }
        Reason::Concurrency => (5_u64 << doublings).min(60),
        Reason::Maintenance => (60_u64 << doublings).min(600),
        Reason::Connect
        | Reason::Server
        | Reason::Timeout
        | Reason::Decode
        | Reason::Truncated
        | Reason::Mismatch
        | Reason::Request => (5_u64 << doublings).min(300),
    };
    Duration::from_secs(seconds).mul_f64(rng.random_range(0.75..1.25))
}
