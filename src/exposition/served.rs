//! What scrapers have been shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Which inputs scrapers have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    full: u64,
    operations: BTreeMap<Arc<str>, u64>,
}

impl Served {
    /// The highest number given to [`Publisher::update`](super::Publisher::update) that an answer with this operation carried; 0 is none.
    pub fn of(&self, operation: &str) -> u64 {
        self.operations.get(operation).copied().unwrap_or(0).max(self.full)
    }

    /// Notes an answer; says whether that is news.
    fn note(&mut self, number: u64, operations: Option<&[Arc<str>]>) -> bool {
        let Some(operations) = operations else {
            let news = number > self.full;
            self.full = self.full.max(number);
            let full = self.full;
            self.operations.retain(|_, seen| *seen > full);
            return news;
        };
        let mut news = false;
        for operation in operations {
            if number > self.of(operation) {
                self.operations.insert(Arc::clone(operation), number);
                news = true;
            }
        }
        news
    }
}

/// To be delivered when an answer has gone out.
#[derive(Debug)]
pub struct Receipt {
    served: watch::Sender<Served>,
    number: u64,
    /// The operations that were shown; `None` is all.
    operations: Option<Vec<Arc<str>>>,
}

impl Receipt {
    pub(super) fn new(
        served: watch::Sender<Served>,
        number: u64,
        operations: Option<Vec<Arc<str>>>,
    ) -> Receipt {
        Receipt { served, number, operations }
    }

    /// Notes that a scraper has been given everything.
    pub fn deliver(self) {
        let operations = self.operations.as_deref();
        self.served.send_if_modified(|served| served.note(self.number, operations));
    }
}
