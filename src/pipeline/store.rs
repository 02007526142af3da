//! The ledger as asynchronous code may use it: one at a time, on the blocking pool.

use std::panic;
use std::sync::{Arc, Mutex, PoisonError};

use crate::exposition::SelfMetrics;
use crate::ledger::Ledger;
use crate::time::Stopwatch;

/// A handle on the one ledger of this process; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    ledger: Arc<Mutex<Ledger>>,
    own: Arc<SelfMetrics>,
}

impl Store {
    /// Takes the ledger over.
    pub fn new(ledger: Ledger, own: Arc<SelfMetrics>) -> Store {
        own.ledger_bytes(ledger.file_bytes());
        Store { ledger: Arc::new(Mutex::new(ledger)), own }
    }

    /// Does something with the ledger that may write, and measures it as a commit.
    pub async fn commit<T, E>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let own = Arc::clone(&self.own);
        self.with(move |ledger| {
            let before = ledger.commits();
            let started = Stopwatch::start();
            let result = work(ledger);
            if ledger.commits() != before {
                own.ledger_commit(started.elapsed());
                own.ledger_bytes(ledger.file_bytes());
            }
            if result.is_err() {
                own.ledger_error();
            }
            result
        })
        .await
    }

    /// Does something with the ledger. A panic in it goes on in the caller.
    ///
    /// The ledger changes its memory only after the disk has taken the change, so what a panic leaves behind is the
    /// state before; a poisoned lock is therefore no reason to stop.
    pub async fn with<T>(&self, work: impl FnOnce(&mut Ledger) -> T + Send + 'static) -> T
    where
        T: Send + 'static,
    {
        let ledger = Arc::clone(&self.ledger);
        let task = tokio::task::spawn_blocking(move || {
            let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut ledger)
        });
        match task.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => panic::resume_unwind(payload),
                // Blocking tasks are never aborted, and the runtime ends after all of its users.
                Err(error) => panic!("the ledger's task was cancelled: {error}"),
            },
        }
    }
}
