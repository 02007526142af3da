//! What a token may do: so many requests a day, so many at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::Usage;
use super::behaviour::{Behaviour, QuotaScope};

/// The counters of all tokens.
#[derive(Debug, Default, Clone)]
pub(super) struct Counters(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Requests by operation and token, with the local day they were counted on.
    spent: HashMap<(usize, usize), (i64, u64)>,
    running: HashMap<(usize, usize), usize>,
    most: HashMap<usize, usize>,
}

/// One running request; dropped when the answer has been handed over.
#[derive(Debug)]
pub(super) struct Running {
    counters: Counters,
    key: (usize, usize),
}

/// Why a request may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Quota,
    Simultaneous,
}

impl Counters {
    /// Starts a request of a token on a local day, and counts it.
    pub(super) fn start(
        &self,
        operation: usize,
        token: usize,
        now: (i64, i64),
        behaviour: &Behaviour,
    ) -> Result<Running, Refused> {
        let key = (operation, token);
        let mut state = self.state();
        let running = state.running.get(&key).copied().unwrap_or(0);
        let together: usize =
            state.running.iter().filter(|((owner, _), _)| *owner == operation).map(|(_, count)| count).sum();
        let most = state.most.entry(operation).or_default();
        *most = (*most).max(together + 1);
        let usage = state.usage(key, now, behaviour);
        let used = match behaviour.quota_scope {
            QuotaScope::Operation => usage.operation,
            QuotaScope::Token => usage.token,
        };
        let refused = if used >= usage.limit {
            Some(Refused::Quota)
        } else if behaviour.simultaneous > 0 && running >= behaviour.simultaneous {
            Some(Refused::Simultaneous)
        } else {
            None
        };
        if refused.is_none() || behaviour.rejections_spend {
            let spent = state.spent.entry(key).or_default();
            *spent = if spent.0 == now.0 { (now.0, spent.1 + 1) } else { (now.0, 1) };
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        *state.running.entry(key).or_default() += 1;
        drop(state);
        Ok(Running { counters: self.clone(), key })
    }

    /// What a token and its operation have used. `now` is the local day's number and the second within it.
    pub(super) fn usage(
        &self,
        operation: usize,
        token: usize,
        now: (i64, i64),
        behaviour: &Behaviour,
    ) -> Usage {
        self.state().usage((operation, token), now, behaviour)
    }

    /// The most requests of an operation that ran at the same time since the simulator was made.
    pub(super) fn most_simultaneous(&self, operation: usize) -> usize {
        self.state().most.get(&operation).copied().unwrap_or(0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves counters that are still counters.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn usage(&self, key: (usize, usize), now: (i64, i64), behaviour: &Behaviour) -> Usage {
        let of = |key| match self.spent.get(&key) {
            Some((day, count)) if *day == now.0 => *count,
            _ => 0,
        };
        // Others spend evenly over the day.
        let foreign = behaviour.foreign_requests.saturating_mul(now.1.unsigned_abs()) / 86_400;
        let all: u64 = (0..super::centre::TOKENS).map(|token| of((key.0, token))).sum();
        Usage {
            limit: behaviour.daily_limit.unwrap_or(behaviour.licences * 1000),
            token: of(key),
            operation: all + foreign,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(running) = self.counters.state().running.get_mut(&self.key) {
            *running = running.saturating_sub(1);
        }
    }
}
