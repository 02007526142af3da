//! How the ledger fails.

use std::path::PathBuf;

use crate::api::Report;

/// Why the ledger could not be opened, read or written. After any of them the ledger holds what it held before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another process holds the file.
    #[error("cannot open ledger {}: another process is using it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version; it is left as it is.
    #[error("cannot open ledger {place}: it has schema {found}, this version knows up to {known}")]
    Newer {
        /// Where the ledger lies.
        place: String,
        /// The schema found.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The disk refused while the ledger was in use: full, read-only, broken.
    #[error("cannot {action} the ledger: {cause}")]
    Disk {
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The store refused.
    #[error("cannot {action} the ledger: {cause}")]
    Storage {
        /// What was attempted.
        action: &'static str,
        /// What the store said.
        cause: String,
    },
    /// What was read makes no sense.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The name already stands for another server.
    #[error(
        "operation {operation} is bound to server {bound} in this ledger, not {asked}: use another name or another ledger"
    )]
    Bound {
        /// The operation.
        operation: String,
        /// The server it entered with.
        bound: String,
        /// The server configured now.
        asked: String,
    },
    /// The operation has not entered, see [`Ledger::enter`](super::Ledger::enter).
    #[error("operation {0} has not entered the ledger")]
    Unknown(String),
    /// The report is off, or is no report that is counted.
    #[error("report {report} of operation {operation} is not counted")]
    NotCounted {
        /// The operation.
        operation: String,
        /// The report.
        report: Report,
    },
    /// A sum would not fit, or leave no room for what comes after it; nothing of the reading was applied.
    #[error("the amounts of {family} are larger than any sum of them can be")]
    Overflow {
        /// The family.
        family: &'static str,
    },
    /// The reading contradicts its family: a wrong number of amounts.
    #[error("an amount of {family} has the wrong shape")]
    Shape {
        /// The family.
        family: &'static str,
    },
}

impl LedgerError {
    /// Whether it is the answer that cannot be, while the ledger is well and takes the next one.
    pub const fn is_of_answer(&self) -> bool {
        matches!(self, LedgerError::Overflow { .. } | LedgerError::Shape { .. })
    }

    /// Whether the ledger itself could not be read or written, whatever was asked of it. Opening it again may find it
    /// in another state than memory remembers.
    pub const fn is_of_storage(&self) -> bool {
        matches!(
            self,
            LedgerError::Io { .. }
                | LedgerError::Disk { .. }
                | LedgerError::Storage { .. }
                | LedgerError::Damaged(_)
        )
    }
}

pub(super) fn storage(action: &'static str) -> impl Fn(redb::Error) -> LedgerError {
    move |error| match error {
        redb::Error::Corrupted(cause) => LedgerError::Damaged(cause),
        redb::Error::Io(cause) if is_of_content(&cause) => LedgerError::Damaged(cause.to_string()),
        redb::Error::Io(cause) => LedgerError::Disk { action, cause },
        error => LedgerError::Storage { action, cause: error.to_string() },
    }
}

/// Whether what the system said is about the bytes of a file, not about the disk they lie on.
pub(super) fn is_of_content(cause: &std::io::Error) -> bool {
    matches!(cause.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
}
