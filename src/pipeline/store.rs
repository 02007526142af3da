//! The ledger as asynchronous code may use it: one at a time, on the blocking pool.

use std::panic;
use std::sync::{Arc, Mutex, PoisonError};

use crate::exposition::SelfMetrics;
use crate::ledger::{Ledger, LedgerError};
use crate::time::Stopwatch;

/// A handle on the one ledger of this process; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    ledger: Arc<Mutex<Ledger>>,
    own: Arc<SelfMetrics>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Store {
    /// Takes the ledger over.
    pub fn new(ledger: Ledger, own: Arc<SelfMetrics>) -> Store {
        own.ledger_bytes(ledger.file_bytes());
        Store { ledger: Arc::new(Mutex::new(ledger)), own, trouble: Arc::default() }
    }

    /// Why the ledger could not be written when that was last tried; `None` while it can.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something beside the ledger could not be written.
    pub fn failed(&self) {
        self.own.ledger_error();
    }

    /// Does something with the ledger that may write, and measures it as a commit.
    pub async fn commit<T>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError>
    where
        T: Send + 'static,
    {
        let (own, trouble) = (Arc::clone(&self.own), Arc::clone(&self.trouble));
        self.with(move |ledger| {
            let before = ledger.commits();
            let started = Stopwatch::start();
            let result = work(ledger);
            let set = |now: Option<String>| *trouble.lock().unwrap_or_else(PoisonError::into_inner) = now;
            if ledger.commits() != before {
                own.ledger_commit(started.elapsed());
                own.ledger_bytes(ledger.file_bytes());
                set(None);
            }
            if let Err(error) = &result
                && !error.is_of_answer()
            {
                own.ledger_error();
                if error.is_of_storage() {
                    set(Some(error.to_string()));
                }
            }
            result
        })
        .await
    }

    /// Does something with the ledger. A panic in it goes on in the caller.
    ///
    /// The ledger takes back what a panic interrupted, so what is left behind is the state before; a poisoned lock is
    /// therefore no reason to stop.
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
