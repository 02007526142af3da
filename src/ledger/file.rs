//! The file, its key beside it, and what happens when either is damaged.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rand::RngCore as _;
use redb::{Builder, Database, DatabaseError, StorageError};
use sha2::{Digest as _, Sha256};

use super::LedgerError;
use super::books::Books;
use super::error::is_of_content;
use super::tables::{self, SCHEMA};
use crate::time::Timestamp;

/// Decoded pages kept in memory; the books themselves are held apart.
const CACHE_BYTES: usize = 8 << 20;
const LEDGER: &str = "ledger.redb";
const KEY: &str = "ledger.key";

/// What was found when the ledger was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was none.
    Fresh,
    /// It continues where it ended.
    Continued,
    /// There was one, and nothing of it is left; the new ledger counts from now.
    Lost {
        /// How that is known.
        reason: String,
    },
    /// What was there is damaged and was renamed; the new ledger counts from now.
    SetAside {
        /// What is wrong with it.
        reason: String,
        /// Where it lies now.
        moved_to: PathBuf,
    },
}

type Open = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// The database and how to open it again: after a failed write the store refuses to go on.
pub(super) struct Store {
    open: Open,
    database: Option<Database>,
    path: Option<PathBuf>,
    pub(super) key: [u8; 32],
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a store holds when it is opened.
pub(super) struct Found {
    pub(super) store: Store,
    pub(super) books: Vec<(String, Books)>,
    /// Operations that enter now count from now, whatever `count_from` names.
    pub(super) from_now: bool,
    pub(super) opened: Opened,
}

impl Store {
    /// The database, opened again when the last write failed; then `true` says that memory has to be read anew.
    pub(super) fn ready(&mut self) -> Result<(&Database, bool), LedgerError> {
        let is_new = self.database.is_none();
        if is_new {
            let database = (self.open)().map_err(|error| self.refuse(error))?;
            self.database = Some(database);
        }
        match &self.database {
            Some(database) => Ok((database, is_new)),
            // Invariant: it was set above.
            None => Err(LedgerError::Storage { action: "open", cause: "it is closed".into() }),
        }
    }

    /// Closes the database, so that the next use opens it again.
    pub(super) fn fail(&mut self) {
        self.database = None;
    }

    /// Writes the file anew when something was withdrawn from it: the pages it stood on would keep it.
    ///
    /// A crash leaves the old file or the new one, and the old one remembers that this is still to be done.
    pub(super) fn rewrite_where_owed(&mut self) -> Result<(), LedgerError> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let key = self.key;
        let (database, _) = self.ready()?;
        if tables::meta(database, tables::META_REWRITE)?.is_none() {
            return Ok(());
        }
        let draft = path.with_extension("redb.new");
        remove(&draft)?;
        let mut copy = draft_store(&draft, key);
        let copied = copy.ready().and_then(|(copy, _)| tables::copy(database, copy));
        drop(copy);
        if let Err(error) = copied {
            // The draft is of no use; what made it fail is what is told.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        // Closed before it is replaced, so that nothing is written to a file without a name.
        self.database = None;
        fs::rename(&draft, &path).map_err(io("replace", &path))?;
        sync_directory(&path).map_err(io("replace", &path))
    }

    /// Size of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.path.as_ref().and_then(|path| fs::metadata(path).ok()).map_or(0, |metadata| metadata.len())
    }

    /// Whether every page still is what was written. The store itself looks only after a crash, and a page that has
    /// changed on the disk would be taken for a number that was counted.
    pub(super) fn verify(&mut self) -> Result<(), LedgerError> {
        self.ready()?;
        match self.database.as_mut().map(Database::check_integrity) {
            // Invariant: it is open.
            None | Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => Err(LedgerError::Damaged("some of it is not what was written".into())),
            Some(Err(DatabaseError::Storage(StorageError::Corrupted(cause)))) => {
                Err(LedgerError::Damaged(cause))
            }
            Some(Err(error)) => Err(self.refuse(error)),
        }
    }

    fn refuse(&self, error: DatabaseError) -> LedgerError {
        match (error, &self.path) {
            (DatabaseError::DatabaseAlreadyOpen, Some(path)) => LedgerError::Busy { path: path.clone() },
            (DatabaseError::Storage(StorageError::Io(cause)), Some(path)) => {
                LedgerError::Io { action: "open", path: path.clone(), cause }
            }
            (DatabaseError::Storage(StorageError::Io(cause)), None) => {
                LedgerError::Disk { action: "open", cause }
            }
            (error, _) => LedgerError::Storage { action: "open", cause: error.to_string() },
        }
    }

    /// Makes an empty ledger of an empty store.
    fn created(mut self, from_now: bool) -> Result<Found, LedgerError> {
        let check = check_value(&self.key);
        let (database, _) = self.ready()?;
        tables::create(database, &check, from_now)?;
        Ok(Found { store: self, books: Vec::new(), from_now, opened: Opened::Fresh })
    }

    /// Opens and reads what is a ledger. An empty one is none: it has lost what it held.
    fn found(mut self) -> Result<Found, LedgerError> {
        let check = check_value(&self.key);
        let place = self.path.as_ref().map_or_else(|| "in memory".into(), |path| path.display().to_string());
        let (database, _) = self.ready()?;
        let schema = tables::meta(database, tables::META_SCHEMA)?
            .and_then(|schema| schema.try_into().ok())
            .map(u32::from_be_bytes)
            .ok_or_else(|| LedgerError::Damaged("it does not say its schema".into()))?;
        if schema > SCHEMA {
            return Err(LedgerError::Newer { place, found: schema, known: SCHEMA });
        }
        if tables::meta(database, tables::META_KEY_CHECK)?.is_none_or(|known| known != check) {
            return Err(LedgerError::Damaged(format!("{KEY} is not the key it was written with")));
        }
        if self.rewrite_where_owed().is_err() {
            // A full disk must not keep the ledger from being used; it is tried again as time passes.
            self.fail();
        }
        let (database, _) = self.ready()?;
        let books = tables::load(database)?;
        let mut from_now = tables::meta(database, tables::META_SET_ASIDE)?.is_some();
        if from_now && !books.is_empty() {
            // The operations of the damaged ledger have entered this one.
            tables::clear_set_aside(database)?;
            from_now = false;
        }
        Ok(Found { store: self, books, from_now, opened: Opened::Continued })
    }

    /// A store in memory, which ends with the process.
    pub(super) fn in_memory() -> Result<Found, LedgerError> {
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        let open = || builder().create_with_backend(redb::backends::InMemoryBackend::new());
        Store { open: Box::new(open), database: None, path: None, key }.created(false)
    }

    /// A store on any backend.
    #[cfg(test)]
    pub(super) fn with_backend<B: redb::StorageBackend>(
        backend: impl Fn() -> B + Send + 'static,
        key: [u8; 32],
    ) -> Result<Found, LedgerError> {
        let open = move || builder().create_with_backend(backend());
        let mut store = Store { open: Box::new(open), database: None, path: None, key };
        let (database, _) = store.ready()?;
        // There is no name under which such a ledger could appear whole.
        match tables::meta(database, tables::META_SCHEMA)? {
            None => store.created(false),
            Some(_) => store.found(),
        }
    }

    /// The ledger in a directory. What is damaged is renamed and replaced, what is lost is replaced.
    ///
    /// A ledger gets its name before its key does, so that a key without a ledger tells of one that was lost. A key that
    /// still has the name of its draft belongs to a first start that was cut short.
    pub(super) fn in_directory(directory: &Path, now: Timestamp) -> Result<Found, LedgerError> {
        create_directory(directory)?;
        let path = directory.join(LEDGER);
        let key_path = directory.join(KEY);
        let reason = match (read_key(&key_path)?, look(&path)?) {
            (Some(key), Lies::Bytes) => match open_file(&path, key) {
                Ok(found) => return Ok(found),
                Err(LedgerError::Damaged(reason)) => reason,
                Err(error) => return Err(error),
            },
            (Some(_), Lies::Nothing) => format!("{LEDGER} is missing beside its {KEY}"),
            (_, Lies::Directory) => "it is a directory".to_owned(),
            // A ledger appears whole and under its own name; this one has lost what it held.
            (_, Lies::Emptiness) => "it is empty".to_owned(),
            (None, Lies::Nothing) => {
                if fs::symlink_metadata(&key_path).is_err() {
                    return create_both(&path, &key_path);
                }
                format!("{LEDGER} is missing, and {KEY} is cut")
            }
            (None, Lies::Bytes) => {
                if let Some(found) = finish_start(&path, &key_path)? {
                    return Ok(found);
                }
                // A process that holds the ledger must not see it renamed.
                if let Err(DatabaseError::DatabaseAlreadyOpen) = builder().open(&path) {
                    return Err(LedgerError::Busy { path });
                }
                format!("{KEY} is missing or cut")
            }
        };
        // The key comes first: without it, and without the ledger, the next start would pass for the first one.
        let key = match read_key(&key_path)? {
            Some(key) => key,
            None => {
                let (key, draft) = draft_key(&key_path)?;
                if fs::symlink_metadata(&key_path).is_ok() {
                    set_aside(&key_path, now)?;
                }
                name_key(&draft, &key_path)?;
                key
            }
        };
        let opened = match look(&path)? {
            Lies::Nothing => Opened::Lost { reason },
            _ => Opened::SetAside { reason, moved_to: set_aside(&path, now)? },
        };
        let mut found = create_file(&path, key, true)?;
        found.opened = opened;
        Ok(found)
    }
}

/// Creates a ledger and its key, where there has been none.
fn create_both(path: &Path, key_path: &Path) -> Result<Found, LedgerError> {
    let (key, draft) = draft_key(key_path)?;
    let found = create_file(path, key, false)?;
    name_key(&draft, key_path)?;
    Ok(found)
}

/// Gives its name to the key of a ledger that was created when the program ended; `None` when there is no such key.
fn finish_start(path: &Path, key_path: &Path) -> Result<Option<Found>, LedgerError> {
    let draft = draft_of(key_path);
    let Some(key) = read_key(&draft)? else { return Ok(None) };
    match open_file(path, key) {
        Ok(found) => {
            name_key(&draft, key_path)?;
            Ok(Some(found))
        }
        Err(LedgerError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// The store in a file that is there. It is never created here: an empty file would pass for a ledger that counted
/// nothing.
fn file_store(path: &Path, key: [u8; 32]) -> Store {
    let file = path.to_owned();
    let open = move || builder().open(&file);
    Store { open: Box::new(open), database: None, path: Some(path.to_owned()), key }
}

/// The store in a new file, which is a draft of a ledger.
fn draft_store(draft: &Path, key: [u8; 32]) -> Store {
    let file = draft.to_owned();
    let open = move || {
        restrict(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&file)
            .map_err(|error| DatabaseError::Storage(StorageError::Io(error)))?;
        builder().create(&file)
    };
    Store { open: Box::new(open), database: None, path: Some(draft.to_owned()), key }
}

/// Creates an empty ledger under another name, so that a crash leaves either none or a whole one.
fn create_file(path: &Path, key: [u8; 32], from_now: bool) -> Result<Found, LedgerError> {
    let draft = path.with_extension("redb.new");
    remove(&draft)?;
    drop(draft_store(&draft, key).created(from_now)?);
    fs::rename(&draft, path).map_err(io("create", path))?;
    sync_directory(path).map_err(io("create", path))?;
    let mut found = file_store(path, key).found()?;
    found.opened = Opened::Fresh;
    Ok(found)
}

fn remove(path: &Path) -> Result<(), LedgerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes the names in the directory of a file durable.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

/// Opens a file that may hold anything.
fn open_file(path: &Path, key: [u8; 32]) -> Result<Found, LedgerError> {
    tell_damage(|| {
        let mut store = file_store(path, key);
        store.verify()?;
        store.found()
    })
}

/// Tells damage, which is set aside, from a disk that refuses, which may do better next time. The store answers some
/// kinds of damage with a panic.
pub(super) fn tell_damage(open: impl FnOnce() -> Result<Found, LedgerError>) -> Result<Found, LedgerError> {
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Err(LedgerError::Io { cause, .. })) if is_of_content(&cause) => {
            Err(LedgerError::Damaged(cause.to_string()))
        }
        Ok(Err(LedgerError::Storage { action: "open" | "read", cause })) => Err(LedgerError::Damaged(cause)),
        Ok(result) => result,
        Err(_) => Err(LedgerError::Damaged("it cannot be read".into())),
    }
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> LedgerError + 'a {
    move |cause| LedgerError::Io { action, path: path.to_owned(), cause }
}

fn create_directory(directory: &Path) -> Result<(), LedgerError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(io("create", directory))
}

fn restrict(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// What lies where the ledger should.
enum Lies {
    Nothing,
    Emptiness,
    Bytes,
    Directory,
}

fn look(path: &Path) -> Result<Lies, LedgerError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Lies::Directory),
        Ok(metadata) if metadata.len() == 0 => Ok(Lies::Emptiness),
        Ok(_) => Ok(Lies::Bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Lies::Nothing),
        Err(error) => Err(io("open", path)(error)),
    }
}

/// The key; `None` when it is missing, has another length, or is a directory.
fn read_key(path: &Path) -> Result<Option<[u8; 32]>, LedgerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => Ok(None),
        Err(error) => Err(io("read", path)(error)),
    }
}

fn draft_of(key_path: &Path) -> PathBuf {
    key_path.with_extension("key.new")
}

/// Writes a new key durably, under the name of a draft.
fn draft_key(key_path: &Path) -> Result<([u8; 32], PathBuf), LedgerError> {
    let mut key = [0; 32];
    rand::rng().fill_bytes(&mut key);
    let draft = draft_of(key_path);
    let write = || -> std::io::Result<()> {
        let mut file = restrict(OpenOptions::new().write(true).create(true).truncate(true)).open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        sync_directory(&draft)
    };
    write().map_err(io("write", key_path))?;
    Ok((key, draft))
}

fn name_key(draft: &Path, key_path: &Path) -> Result<(), LedgerError> {
    fs::rename(draft, key_path).and_then(|()| sync_directory(key_path)).map_err(io("write", key_path))
}

fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, LedgerError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".damaged-{}", now.as_second()));
    let mut moved_to = path.with_file_name(&name);
    let mut attempt = 1;
    while moved_to.exists() {
        attempt += 1;
        let mut name = name.clone();
        name.push(format!("-{attempt}"));
        moved_to = path.with_file_name(name);
    }
    fs::rename(path, &moved_to).map_err(io("rename", path))?;
    Ok(moved_to)
}

/// Tells one key from another without saying anything of either.
fn check_value(key: &[u8; 32]) -> Vec<u8> {
    Sha256::new().chain_update("wolkvox_exporter ledger key check").chain_update(key).finalize()[..16]
        .to_vec()
}
