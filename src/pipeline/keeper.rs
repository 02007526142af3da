//! Who keeps the worker of one operation at work, whatever happens to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::worker::{Memory, Worker};
use super::{Surroundings, TICK};
use crate::client::{Client, Failure};
use crate::config::Operation;
use crate::ledger::LedgerError;
use crate::report::IdentityKey;
use crate::schedule::Schedule;
use crate::server::Ready;
use crate::time::Timestamp;

/// How long a worker that fell over stays down.
pub const RECOVERY: Duration = Duration::from_secs(30);

/// The operations whose first cycle is not over.
pub(super) type Waiting = Arc<Mutex<BTreeSet<String>>>;

/// The keeper of one operation.
pub(super) struct Keeper {
    pub(super) surroundings: Surroundings,
    pub(super) operation: Arc<Operation>,
    pub(super) key: IdentityKey,
    pub(super) waiting: Waiting,
    pub(super) stop: CancellationToken,
}

impl Keeper {
    /// Keeps a worker at work: one that falls over is a bug, is told, and begins again from the ledger.
    pub(super) async fn keep(self) {
        let name = &self.operation.name;
        while !self.stop.is_cancelled() {
            match self.build() {
                Ok(worker) => {
                    let (waiting, ready) = (Arc::clone(&self.waiting), self.surroundings.ready.clone());
                    let attempting = name.clone();
                    let attempted = move || no_longer_waits(&waiting, &attempting, &ready);
                    let work = tokio::spawn(worker.run(self.stop.clone(), attempted));
                    let Err(fell) = work.await else { return };
                    let payload = fell.try_into_panic();
                    error!(operation = %name, fell = payload.is_ok(), "the worker of the operation fell over");
                }
                Err(failure) => error!(operation = %name, "could not prepare the HTTP client: {failure}"),
            }
            self.pause(self.surroundings.recovery).await;
        }
    }

    /// The same for an operation whose change was refused half-way. A write that failed may have reached the disk all
    /// the same, so it enters again as it was, however long the disk refuses that: at the instant of the change, since
    /// what it would have been away for until now would not count.
    pub(super) async fn keep_as_before(self, changed: Timestamp) {
        let name = self.operation.name.clone();
        let mut refused = false;
        while !self.stop.is_cancelled() {
            let entered = tokio::select! {
                entered = enter(&self.surroundings, std::slice::from_ref(&*self.operation), changed) => entered,
                () = self.stop.cancelled() => return,
            };
            match entered {
                Ok(()) => {
                    if refused {
                        info!(operation = %name, "the ledger can be written again, reading goes on as before");
                    }
                    return self.keep().await;
                }
                // Told once, since it is tried again every second; each is counted.
                Err(_) if refused => {}
                Err(failure) => {
                    refused = true;
                    error!(operation = %name, "could not go on as before, counters stand still: {failure}");
                }
            }
            self.pause(TICK).await;
        }
    }

    async fn pause(&self, long: Duration) {
        tokio::select! {
            () = tokio::time::sleep(long) => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn build(&self) -> Result<Worker, Failure> {
        let Surroundings { clock, store, board, env, locks, seed, .. } = &self.surroundings;
        Ok(Worker {
            client: Client::new(&self.operation, &**env, locks.as_deref())?,
            schedule: Schedule::new(&self.operation, seed ^ name_seed(&self.operation.name), clock.now()),
            operation: Arc::clone(&self.operation),
            clock: clock.clone(),
            store: store.clone(),
            board: board.clone(),
            key: self.key.clone(),
            memory: Memory::default(),
        })
    }
}

/// Enters operations in the ledger: all of them or none.
pub(super) async fn enter(
    surroundings: &Surroundings,
    operations: &[Operation],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let entering = operations.to_vec();
    let entered = surroundings.store.commit(move |ledger| ledger.enter_all(&entering, now)).await?;
    for warning in entered.warnings {
        warn!("{warning}");
    }
    Ok(())
}

/// An operation has attempted its first cycle, or is no longer there; the last one makes the process ready.
pub(super) fn no_longer_waits(waiting: &Mutex<BTreeSet<String>>, name: &str, ready: &Ready) {
    // A set is whole between two statements, whatever panicked.
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.remove(name);
    if waiting.is_empty() {
        ready.open();
    }
}

pub(super) fn name_seed(name: &str) -> u64 {
    // FNV-1a: the same in every process and version, so that a restart does not reshuffle all operations.
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
