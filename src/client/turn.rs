//! Whose turn it is to use a token: a file lock shared by all processes on one storage path.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
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

    /// Whether tokens can be locked here, before anything is asked.
    pub fn check(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        // Unlike the files of the tokens, it is nobody's and gone at once.
        tempfile::tempfile_in(&self.folder).map(drop)
    }

    /// Waits until no other process uses the token.
    ///
    /// The operating system lets go of a lock when its process ends, so a crash cannot keep a token.
    pub async fn take(&self, fingerprint: &str) -> Result<Held, Failure> {
        let path = self.folder.join(format!("{fingerprint}.lock"));
        let broken = |error: io::Error| {
            Failure::of_storage(&format!("could not lock the token below the storage path: {error}"))
        };
        folder(&self.folder).map_err(broken)?;
        let file = open(&path).map_err(broken)?;
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

/// Makes the folder of the locks, for its owner alone.
fn folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The file of a token. One that another user has made can often be read, which is enough to lock it.
fn open(path: &Path) -> io::Result<File> {
    match OpenOptions::new().create(true).truncate(false).write(true).open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            File::open(path).map_err(|_| error)
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_cannot_hold_locks_is_the_storages_fault_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for place in [file.clone(), file.join("below")] {
            let turn = Turn::new(&place);
            assert!(turn.check().is_err(), "{}", place.display());
            let failure = turn.take("a").await.unwrap_err();
            assert!(failure.is_of_storage(), "{failure}");
            assert!(failure.to_string().contains("below the storage path"), "{failure}");
        }
        let turn = Turn::new(&folder.path().join("locks"));
        turn.check().unwrap();
        turn.take("a").await.unwrap();
    }

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
