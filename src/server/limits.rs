//! How many connections there may be, and how long each may take for what it is doing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::time::Stopwatch;

/// The limits of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. When all are taken, one gives way to a new one: the one idle for longest, or else the one
    /// that has gone for longest without saying all of a request or without taking any of its answer.
    pub connections: usize,
    /// Time from the first byte of a request to the end of its headers; also for the first request and a
    /// TLS handshake.
    pub header: Duration,
    /// Time for making an answer.
    pub request: Duration,
    /// Time from a request to the last byte of its answer.
    pub answer: Duration,
    /// Time that a connection may be kept without a request.
    pub idle: Duration,
    /// Bytes of the headers of a request.
    pub header_bytes: usize,
    /// Bytes of the body of a request.
    pub body_bytes: usize,
    /// Time for finishing answers at the end.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 512,
            header: Duration::from_secs(10),
            request: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            header_bytes: 16 * 1024,
            body_bytes: 1024,
            drain: Duration::from_secs(10),
        }
    }
}

/// How often overdue connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// A connection younger than this is not closed for the sake of a newer one.
const GRACE_MS: u64 = 1_000;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has arrived yet.
    Opening,
    /// A request is arriving.
    Head,
    /// A request is being answered.
    Busy,
    /// The answer is made, not all of it is written.
    Flushing,
    /// Between two requests.
    Idle,
}

impl Phase {
    const ALL: [Phase; 5] = [Phase::Opening, Phase::Head, Phase::Busy, Phase::Flushing, Phase::Idle];
}

/// All open connections.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    started: Stopwatch,
    open: Mutex<Open>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<State>>,
}

#[derive(Debug)]
struct State {
    /// Milliseconds since the server's start, times 8, plus the phase.
    phase: AtomicU64,
    /// Milliseconds since the server's start, plus 1, since which the other side takes nothing; 0 while it does.
    blocked: AtomicU64,
    close: CancellationToken,
}

/// One open connection; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    state: Arc<State>,
    all: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Arc<Connections> {
        Arc::new(Connections {
            limits,
            started: Stopwatch::start(),
            open: Mutex::default(),
            closed: Notify::new(),
        })
    }

    /// Waits until a connection may be opened, and closes an idle one where that makes room.
    pub(super) async fn room(&self) {
        loop {
            let closed = self.closed.notified();
            {
                let open = self.open_connections();
                if open.connections.len() < self.limits.connections {
                    return;
                }
                self.make_room(&open);
            }
            // A connection may become old enough to give way without anything else happening.
            let _ = tokio::time::timeout(SWEEP, closed).await;
        }
    }

    fn make_room(&self, open: &Open) {
        let now = self.now();
        let old = |since: u64| (now.saturating_sub(since) >= GRACE_MS).then_some((true, since));
        let spare = |state: &Arc<State>| match state.phase() {
            (Phase::Idle, since) => Some((false, since)),
            (Phase::Opening | Phase::Head, since) => old(since),
            (Phase::Busy | Phase::Flushing, _) => old(state.blocked()?),
        };
        let waiting = open.connections.values().filter(|state| !state.close.is_cancelled());
        let spare = waiting.filter_map(|state| Some((spare(state)?, state)));
        if let Some((_, state)) = spare.min_by_key(|(order, _)| *order) {
            state.close.cancel();
        }
    }

    /// Registers a connection.
    pub(super) fn open(self: &Arc<Self>) -> Connection {
        let state = Arc::new(State {
            phase: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            close: CancellationToken::new(),
        });
        state.set(Phase::Opening, self.now());
        let mut open = self.open_connections();
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, Arc::clone(&state));
        Connection { number, state, all: Arc::clone(self) }
    }

    /// Closes overdue connections, for ever.
    pub(super) async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP.min(self.limits.header)).await;
            let now = self.now();
            for state in self.open_connections().connections.values() {
                let (phase, since) = state.phase();
                let limit = match phase {
                    Phase::Opening | Phase::Head => self.limits.header,
                    Phase::Busy | Phase::Flushing => self.limits.answer,
                    Phase::Idle => self.limits.idle,
                };
                if u128::from(now.saturating_sub(since)) >= limit.as_millis() {
                    state.close.cancel();
                }
            }
        }
    }

    /// Closes every connection at once.
    pub(super) fn close_all(&self) {
        for state in self.open_connections().connections.values() {
            state.close.cancel();
        }
    }

    fn now(&self) -> u64 {
        // Milliseconds of a process's life fit into 61 bits.
        self.started.elapsed().as_millis() as u64
    }

    fn open_connections(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn phase(&self) -> (Phase, u64) {
        let packed = self.phase.load(Ordering::Relaxed);
        // Invariant: only `set` writes, and it writes a phase's own number.
        (Phase::ALL[(packed % 8) as usize], packed / 8)
    }

    fn blocked(&self) -> Option<u64> {
        self.blocked.load(Ordering::Relaxed).checked_sub(1)
    }

    fn set(&self, phase: Phase, since: u64) {
        self.phase.store(since * 8 + phase as u64, Ordering::Relaxed);
    }
}

impl Connection {
    /// Cancelled when the connection has to go.
    pub(super) fn close(&self) -> &CancellationToken {
        &self.state.close
    }

    /// Limits of each request.
    pub(super) fn limits(&self) -> &Limits {
        &self.all.limits
    }

    /// Whether nothing has ever arrived.
    pub(super) fn is_fresh(&self) -> bool {
        self.state.phase().0 == Phase::Opening
    }

    /// Bytes of a request have arrived.
    pub(super) fn received(&self) {
        if matches!(self.state.phase().0, Phase::Opening | Phase::Idle) {
            self.state.set(Phase::Head, self.all.now());
        }
    }

    /// A request is complete.
    pub(super) fn requested(&self) {
        self.state.set(Phase::Busy, self.all.now());
    }

    /// The answer is made. Its time goes on from the request.
    pub(super) fn answered(&self) {
        let (_, since) = self.state.phase();
        self.state.set(Phase::Flushing, since);
    }

    /// Bytes have left, or none can, since the other side takes nothing.
    pub(super) fn written(&self, some: bool) {
        if some {
            self.state.blocked.store(0, Ordering::Relaxed);
        } else if self.state.blocked().is_none() {
            self.state.blocked.store(self.all.now() + 1, Ordering::Relaxed);
        }
    }

    /// Everything written so far is on its way.
    pub(super) fn flushed(&self) {
        if self.state.phase().0 == Phase::Flushing {
            self.state.set(Phase::Idle, self.all.now());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.open_connections().connections.remove(&self.number);
        self.all.closed.notify_waiters();
    }
}
