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

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::api::Report;
use crate::client::{Client, Failure};
use crate::config::{Config, Environment, Operation};
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Label;
use crate::names;
use crate::server::Ready;
use crate::time::{Clock, Stopwatch};

mod answers;
mod board;
mod denominator;
mod doubt;
mod keeper;
mod past;
mod reading;
mod standing;
mod store;
mod track;
mod witnesses;
mod worker;

pub use board::{Board, Face};
pub use keeper::RECOVERY;
use keeper::{Keeper, Waiting, enter, no_longer_waits};
pub use past::{Past, PastError};
pub use reading::{Fetched, fetch};
pub use store::Store;
pub use track::{Course, Track};

/// How often the board looks at the clock and the ledger at what may be released.
const TICK: Duration = Duration::from_secs(1);

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
    /// The ledger refused an operation, or could not be written.
    #[error("could not enter the operations in the ledger: {0}")]
    Enter(#[from] LedgerError),
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
    waiting: Waiting,
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
        if let Err(error) = pipeline.accept(&config.operations).await {
            pipeline.end().await;
            return Err(error);
        }
        for operation in &config.operations {
            pipeline.begin(operation).await;
        }
        Ok(pipeline)
    }

    /// Goes over to another configuration: operations that changed start again, the others are not disturbed.
    ///
    /// It is taken whole or not at all: after a failure every operation goes on as before.
    pub async fn reload(&mut self, config: &Config) -> Result<(), PipelineError> {
        let changed = |operation: &&Operation| {
            self.running.get(&operation.name).is_none_or(|running| *running.operation != **operation)
        };
        let changed: Vec<Operation> = config.operations.iter().filter(changed).cloned().collect();
        for operation in &changed {
            self.client(operation)?;
            let asked = operation.clone();
            self.surroundings.store.with(move |ledger| ledger.accepts(&asked)).await?;
        }
        // Stopped before they enter, so that no answer is applied under another configuration than it was asked with.
        let mut stopped = Vec::new();
        for operation in &changed {
            stopped.extend(self.halt(&operation.name).await);
        }
        let now = self.surroundings.clock.now();
        if let Err(error) = enter(&self.surroundings, &changed, now).await {
            for operation in stopped {
                self.employ(operation, |keeper| keeper.keep_as_before(now)).await;
            }
            return Err(error.into());
        }
        // From here on nothing can be refused.
        let is_gone = |name: &&String| !config.operations.iter().any(|operation| operation.name == **name);
        let gone: Vec<String> = self.running.keys().filter(is_gone).cloned().collect();
        for name in &gone {
            self.halt(name).await;
            self.surroundings.board.leave(name);
            no_longer_waits(&self.waiting, name, &self.surroundings.ready);
            info!(operation = %name, "removed; its ledger is kept");
        }
        for operation in &changed {
            self.begin(operation).await;
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

    async fn halt(&mut self, name: &str) -> Option<Arc<Operation>> {
        let running = self.running.remove(name)?;
        running.stop.cancel();
        // As in `end`.
        let _ = running.task.await;
        Some(running.operation)
    }

    /// What can be refused at the start: every operation is accepted, or none begins.
    async fn accept(&self, operations: &[Operation]) -> Result<(), PipelineError> {
        for operation in operations {
            self.client(operation)?;
        }
        Ok(enter(&self.surroundings, operations, self.surroundings.clock.now()).await?)
    }

    fn client(&self, operation: &Operation) -> Result<Client, PipelineError> {
        let Surroundings { env, locks, .. } = &self.surroundings;
        Client::new(operation, &**env, locks.as_deref())
            .map_err(|source| PipelineError::Client { operation: operation.name.clone(), source })
    }

    /// Shows an operation that has entered, and puts it to work.
    async fn begin(&mut self, operation: &Operation) {
        let operation = Arc::new(operation.clone());
        let Surroundings { board, clock, store, .. } = &self.surroundings;
        let reports: Vec<Report> = operation.enabled().chain([Report::TokenInfo]).collect();
        board.enter(Arc::clone(&operation), &reports);
        // Before the server opens: a first scrape without the counters would look as if they had vanished.
        standing::publish(store, board, &operation, clock).await;
        self.employ(operation, Keeper::keep).await;
    }

    async fn employ<K>(&mut self, operation: Arc<Operation>, keep: impl FnOnce(Keeper) -> K)
    where
        K: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.child_token();
        let keeper = Keeper {
            surroundings: self.surroundings.clone(),
            operation: Arc::clone(&operation),
            key: self.surroundings.store.with(|ledger| ledger.identity_key()).await,
            waiting: Arc::clone(&self.waiting),
            stop: stop.clone(),
        };
        let task = tokio::spawn(keep(keeper));
        self.running.insert(operation.name.clone(), Running { operation, stop, task });
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

#[cfg(test)]
mod tests;
