//! The loop that joins everything above, and its end.
//!
//! ```text
//! worker   (one per operation)  schedule -> client -> report -> ledger -> board
//! board    what all operations show            -> publisher
//! store    the ledger, one writer at a time, on the blocking pool
//! ```
//!
//! Each operation has its own task, so that the trouble of one never delays another. Nothing but the worker holds the
//! client, and with it the token.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::api::Report;
use crate::client::{Client, Failure};
use crate::config::{Config, Environment, Operation};
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Label;
use crate::names;
use crate::schedule::Schedule;
use crate::server::Ready;
use crate::time::{Clock, Stopwatch};

mod answers;
mod board;
mod denominator;
mod doubt;
mod past;
mod reading;
mod standing;
mod store;
mod track;
mod witnesses;
mod worker;

pub use board::{Board, Face};
pub use past::{Past, PastError};
pub use reading::{Fetched, fetch};
pub use store::Store;
pub use track::{Course, Track};
use worker::{Memory, Worker};

/// How often the board looks at the clock and the ledger at what may be released.
const TICK: Duration = Duration::from_secs(1);
/// How long a worker that fell over stays down.
pub const RECOVERY: Duration = Duration::from_secs(30);

/// What a pipeline is run with.
#[derive(Clone)]
pub struct Surroundings {
    /// The time of the contact centre.
    pub clock: Clock,
    /// The ledger.
    pub store: Store,
    /// Where operations are shown.
    pub board: Board,
    /// Opens when every operation has attempted its first cycle.
    pub ready: Ready,
    /// Where tokens in variables are read from.
    pub env: Arc<dyn Environment + Send + Sync>,
    /// Folder of the token locks; `None` with a ledger in memory.
    pub locks: Option<PathBuf>,
    /// How long a new series is shown as 0 at least.
    pub zero_hold: Duration,
    /// How long a worker that fell over stays down: [`RECOVERY`], but for those who look out for falls.
    pub recovery: Duration,
    /// Spreads the first slots of operations.
    pub seed: u64,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("board", &self.board).finish_non_exhaustive()
    }
}

/// Why an operation could not be started.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The ledger refused the operation.
    #[error("could not enter operation {operation:?} in the ledger: {source}")]
    Enter {
        /// Its name.
        operation: String,
        /// Why.
        source: LedgerError,
    },
    /// The HTTP client could not be built.
    #[error("could not prepare the HTTP client of operation {operation:?}: {source}")]
    Client {
        /// Its name.
        operation: String,
        /// Why.
        source: Failure,
    },
}

/// The running operations.
#[derive(Debug)]
pub struct Pipeline {
    surroundings: Surroundings,
    running: BTreeMap<String, Running>,
    stop: CancellationToken,
    ticker: JoinHandle<()>,
    /// The operations whose first cycle is not over.
    waiting: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Debug)]
struct Running {
    operation: Arc<Operation>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Pipeline {
    /// Enters every operation in the ledger and starts its worker.
    pub async fn start(config: &Config, surroundings: Surroundings) -> Result<Pipeline, PipelineError> {
        let stop = CancellationToken::new();
        let ticker = tokio::spawn(tick(surroundings.clone(), stop.clone()));
        let names = config.operations.iter().map(|operation| operation.name.clone());
        let waiting = Arc::new(Mutex::new(names.collect()));
        let mut pipeline = Pipeline { surroundings, running: BTreeMap::new(), stop, ticker, waiting };
        if config.operations.is_empty() {
            pipeline.surroundings.ready.open();
        }
        for operation in &config.operations {
            if let Err(error) = pipeline.begin(operation).await {
                pipeline.end().await;
                return Err(error);
            }
        }
        Ok(pipeline)
    }

    /// Goes over to another configuration: operations that changed start again, the others are not disturbed.
    ///
    /// Nothing is stopped or changed before every new or changed operation is known to be accepted.
    pub async fn reload(&mut self, config: &Config) -> Result<(), PipelineError> {
        let changed = |operation: &&Operation| {
            self.running.get(&operation.name).is_none_or(|running| *running.operation != **operation)
        };
        let changed: Vec<Operation> = config.operations.iter().filter(changed).cloned().collect();
        for operation in &changed {
            self.client(operation)?;
            let (asked, name) = (operation.clone(), operation.name.clone());
            let accepted = self.surroundings.store.with(move |ledger| ledger.accepts(&asked)).await;
            accepted.map_err(|source| PipelineError::Enter { operation: name, source })?;
        }
        let gone: Vec<String> = self
            .running
            .keys()
            .filter(|name| !config.operations.iter().any(|operation| operation.name == **name))
            .cloned()
            .collect();
        for name in &gone {
            self.halt(name).await;
            self.surroundings.board.leave(name);
            no_longer_waits(&self.waiting, name, &self.surroundings.ready);
            info!(operation = %name, "removed; its ledger is kept");
        }
        for operation in &changed {
            self.halt(&operation.name).await;
            self.begin(operation).await?;
        }
        Ok(())
    }

    /// Stops reading. Transactions under way finish; what is half read is dropped.
    pub async fn end(mut self) {
        self.stop.cancel();
        for running in std::mem::take(&mut self.running).into_values() {
            // A worker that fell over has been reported by its keeper.
            let _ = running.task.await;
        }
        // The ticker neither panics nor is aborted.
        let _ = self.ticker.await;
        if let Err(failure) = self.surroundings.store.commit(Ledger::flush).await {
            error!("could not write the timestamps of the ledger: {failure}");
        }
    }

    async fn halt(&mut self, name: &str) {
        if let Some(running) = self.running.remove(name) {
            running.stop.cancel();
            // As in `end`.
            let _ = running.task.await;
        }
    }

    async fn enter(&self, operation: &Operation) -> Result<(), PipelineError> {
        let entering = operation.clone();
        let now = self.surroundings.clock.now();
        let entered = self.surroundings.store.commit(move |ledger| ledger.enter(&entering, now)).await;
        let refused = |source| PipelineError::Enter { operation: operation.name.clone(), source };
        for warning in entered.map_err(refused)?.warnings {
            warn!(operation = %operation.name, "{warning}");
        }
        Ok(())
    }

    fn client(&self, operation: &Operation) -> Result<Client, PipelineError> {
        let Surroundings { env, locks, .. } = &self.surroundings;
        Client::new(operation, &**env, locks.as_deref())
            .map_err(|source| PipelineError::Client { operation: operation.name.clone(), source })
    }

    async fn begin(&mut self, operation: &Operation) -> Result<(), PipelineError> {
        self.client(operation)?;
        self.enter(operation).await?;
        let operation = Arc::new(operation.clone());
        let Surroundings { board, clock, store, recovery, seed, .. } = &self.surroundings;
        let reports: Vec<Report> = operation.enabled().chain([Report::TokenInfo]).collect();
        board.enter(Arc::clone(&operation), &reports);
        // Before the server opens: a first scrape without the counters would look as if they had vanished.
        standing::publish(store, board, &operation, clock).await;
        let key = store.with(|ledger| ledger.identity_key()).await;
        let build = {
            let (surroundings, operation) = (self.surroundings.clone(), Arc::clone(&operation));
            let (clock, store, board, seed) = (clock.clone(), store.clone(), board.clone(), *seed);
            move || {
                let env = &*surroundings.env;
                let client = Client::new(&operation, env, surroundings.locks.as_deref())?;
                Ok(Worker {
                    schedule: Schedule::new(&operation, seed ^ name_seed(&operation.name), clock.now()),
                    operation: Arc::clone(&operation),
                    clock: clock.clone(),
                    client,
                    store: store.clone(),
                    board: board.clone(),
                    key: key.clone(),
                    memory: Memory::default(),
                })
            }
        };
        let stop = self.stop.child_token();
        let attempted = {
            let (waiting, ready) = (Arc::clone(&self.waiting), self.surroundings.ready.clone());
            let name = operation.name.clone();
            move || no_longer_waits(&waiting, &name, &ready)
        };
        let task = tokio::spawn(keep(operation.name.clone(), build, *recovery, stop.clone(), attempted));
        self.running.insert(operation.name.clone(), Running { operation, stop, task });
        Ok(())
    }
}

/// An operation has attempted its first cycle, or is no longer there; the last one makes the process ready.
fn no_longer_waits(waiting: &Mutex<BTreeSet<String>>, name: &str, ready: &Ready) {
    // A set is whole between two statements, whatever panicked.
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.remove(name);
    if waiting.is_empty() {
        ready.open();
    }
}

/// Keeps a worker at work: one that falls over is a bug, is told, and begins again from the ledger.
async fn keep(
    name: String,
    build: impl Fn() -> Result<Worker, Failure>,
    recovery: Duration,
    stop: CancellationToken,
    attempted: impl FnOnce() + Send + Clone + 'static,
) {
    while !stop.is_cancelled() {
        match build() {
            Ok(worker) => {
                let work = tokio::spawn(worker.run(stop.clone(), attempted.clone()));
                let Err(fell) = work.await else { return };
                let payload = fell.try_into_panic();
                error!(operation = %name, fell = payload.is_ok(), "the worker of the operation fell over");
            }
            Err(failure) => error!(operation = %name, "could not prepare the HTTP client: {failure}"),
        }
        tokio::select! {
            () = tokio::time::sleep(recovery) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Shows what changes by the clock alone, and releases new series from being shown as 0.
async fn tick(surroundings: Surroundings, stop: CancellationToken) {
    let Surroundings { store, board, zero_hold, .. } = surroundings;
    let uptime = Stopwatch::start();
    let mut failing = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stop.cancelled() => return,
        }
        look_around(&store, &board, uptime.elapsed(), zero_hold, &mut failing).await;
    }
}

/// One look at the clock, and at what may be released.
async fn look_around(
    store: &Store,
    board: &Board,
    elapsed: Duration,
    zero_hold: Duration,
    failing: &mut bool,
) {
    board.tick();
    let names = board.look_at_all(|face| face.operation.name.clone());
    let served: Vec<(String, u64)> =
        names.into_iter().map(|name| (name.clone(), board.served(&name))).collect();
    let release = move |ledger: &mut Ledger| {
        let mut released = Vec::new();
        for (name, served) in served {
            if ledger.release(&name, served, elapsed, zero_hold)? {
                let labelled = labelled(ledger, &name);
                released.push((name.clone(), ledger.published(&name), labelled));
            }
        }
        Ok::<_, LedgerError>(released)
    };
    match store.commit(release).await {
        Ok(released) => {
            *failing = false;
            for (name, published, labelled) in released {
                board.update(&name, |face| face.counters(published.generation, published.blocks, labelled));
            }
        }
        // Told once, since it is tried again every second.
        Err(_) if *failing => {}
        Err(failure) => {
            *failing = true;
            error!("could not write the ledger, new series stay at 0: {failure}");
        }
    }
}

/// The ids that have a series.
fn labelled(ledger: &Ledger, operation: &str) -> names::Shown {
    names::Shown {
        skills: ledger.label_values(operation, Label::SkillId),
        activities: ledger.label_values(operation, Label::CodAct),
    }
}

fn name_seed(name: &str) -> u64 {
    // FNV-1a: the same in every process and version, so that a restart does not reshuffle all operations.
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
