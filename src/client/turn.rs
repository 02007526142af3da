//! Whose turn it is to use a token: a file lock shared by all processes on one storage path.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::Reason;
use crate::client::Failure;

/// Longer than any other process may hold a token for one answer.
const PATIENCE: Duration = Duration::from_secs(330);
const GLANCE: Duration = Duration::from_millis(100);

/// The folder of the token locks.
#[derive(Debug, Clone)]
pub struct Turn {
    folder: PathBuf,
}

/// A token held for one request; let go when dropped, also by a crash.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

impl Turn {
    /// Locks live in this folder, one file per token, named by a fingerprint that does not reveal it.
    pub fn new(folder: &Path) -> Turn {
        Turn { folder: folder.to_owned() }
    }

    /// Waits until no other process uses the token.
    ///
    /// The operating system lets go of a lock when its process ends, so a crash cannot keep a token.
    pub async fn take(&self, fingerprint: &str) -> Result<Held, Failure> {
        let path = self.folder.join(format!("{fingerprint}.lock"));
        let broken = |error: std::io::Error| {
            let words = format!("could not lock the token below the storage path: {error}");
            Failure::new(Reason::Concurrency, &words)
        };
        std::fs::create_dir_all(&self.folder).map_err(broken)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(broken)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Held { _file: file }),
                Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                    tokio::time::sleep(GLANCE).await;
                    waited += GLANCE;
                }
                Err(TryLockError::WouldBlock) => {
                    let words = "another process of ours has held the token for over five minutes";
                    return Err(Failure::new(Reason::Concurrency, &words));
                }
                Err(TryLockError::Error(error)) => return Err(broken(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_used_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let turn = Turn::new(folder.path());
        let first = turn.take("a").await.unwrap();
        let other = turn.take("b").await.unwrap();
        let waiting = tokio::spawn({
            let turn = turn.clone();
            async move { turn.take("a").await.unwrap() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop((first, other));
        waiting.await.unwrap();
    }
}
