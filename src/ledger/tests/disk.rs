//! A disk in memory that can lose power, fail once, or fail for good.

use std::io;
use std::sync::{Arc, Mutex};

/// A disk that outlives the ledgers opened on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// What a read sees.
    bytes: Vec<u8>,
    /// What a power cut leaves for sure.
    synced: Vec<u8>,
    /// Changes since the last sync, in order.
    unsynced: Vec<Change>,
    /// Storage operations so far.
    operations: u64,
    /// Operations with these numbers fail.
    failing: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(length) => bytes.resize(*length as usize, 0),
            Change::Write(offset, data) => {
                let end = *offset as usize + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset as usize..end].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    /// Operations from `first` on fail, `count` of them, counted from now.
    pub(super) fn fail(&self, first: u64, count: u64) {
        let mut platter = self.0.lock().unwrap();
        let from = platter.operations.saturating_add(first);
        platter.failing = Some((from, from.saturating_add(count)));
    }

    /// How many operations there were.
    pub(super) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// The power goes: of the changes since the last sync only those survive that `survives` picks by place.
    pub(super) fn cut_power(&self, survives: impl Fn(usize) -> bool) {
        let mut platter = self.0.lock().unwrap();
        let mut bytes = platter.synced.clone();
        for (place, change) in platter.unsynced.iter().enumerate() {
            if survives(place) {
                change.apply(&mut bytes);
            }
        }
        platter.synced.clone_from(&bytes);
        platter.bytes = bytes;
        platter.unsynced.clear();
        platter.failing = None;
    }

    fn operate<T>(&self, operate: impl FnOnce(&mut Platter) -> T) -> io::Result<T> {
        let mut platter = self.0.lock().unwrap();
        let number = platter.operations;
        platter.operations += 1;
        if platter.failing.is_some_and(|(from, to)| (from..to).contains(&number)) {
            return Err(io::Error::other("injected"));
        }
        Ok(operate(&mut platter))
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.operate(|platter| platter.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.operate(|platter| {
            let from = offset as usize;
            out.copy_from_slice(&platter.bytes[from..from + out.len()]);
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.operate(|platter| {
            let change = Change::Length(length);
            change.apply(&mut platter.bytes);
            platter.unsynced.push(change);
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(|platter| {
            platter.synced.clone_from(&platter.bytes);
            platter.unsynced.clear();
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.operate(|platter| {
            let change = Change::Write(offset, data.to_vec());
            change.apply(&mut platter.bytes);
            platter.unsynced.push(change);
        })
    }
}
