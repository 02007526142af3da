//! A disk in memory that can lose power, fail once, or fail for good.

use std::io;
use std::sync::{Arc, Mutex};

use rand::seq::SliceRandom as _;
use rand::{Rng, RngCore};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk that outlives the ledgers opened on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// What a read sees.
    bytes: Vec<u8>,
    /// What a power cut leaves for sure.
    synced: Arc<Vec<u8>>,
    /// Changes since the last sync, in order.
    unsynced: Vec<Change>,
    /// Storage operations so far.
    operations: u64,
    /// Operations with these numbers fail.
    failing: Option<(u64, u64)>,
    /// Operations that failed so far.
    refused: u64,
    /// What a power cut would have found at each operation that changed something.
    wrecks: Option<Vec<Wreck>>,
}

/// What lay on a disk, and on its way to it, at one instant.
#[derive(Debug, Clone)]
pub(super) struct Wreck {
    synced: Arc<Vec<u8>>,
    unsynced: Vec<Change>,
}

/// How much of what was on its way arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing.
    All,
    /// What was written last, the last write torn.
    Tail,
    /// Any changes, the others whole and in order.
    Some,
    /// Any changes, each torn at sectors, in any order.
    Torn,
    /// All but the very first bytes of the file.
    Head,
    /// Nothing but the very first bytes of the file.
    Body,
}

impl Loss {
    pub(super) const ALL: [Loss; 6] = [Loss::All, Loss::Tail, Loss::Some, Loss::Torn, Loss::Head, Loss::Body];
}

impl Wreck {
    /// Whether everything had arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.unsynced.is_empty()
    }

    /// What is found when the power comes back.
    pub(super) fn salvage(&self, loss: Loss, dice: &mut impl RngCore) -> Disk {
        let mut bytes = (*self.synced).clone();
        let last = self.unsynced.len().saturating_sub(1);
        let arrives = dice.random_range(0..=last);
        let share = [0.1, 0.5, 0.9][dice.random_range(0..3)];
        let mut order: Vec<usize> = (0..self.unsynced.len()).collect();
        if loss == Loss::Torn {
            order.shuffle(dice);
        }
        for place in order {
            let change = &self.unsynced[place];
            let is_head = matches!(change, Change::Write(offset, _) if (*offset as usize) < SECTOR);
            let (is_kept, is_torn) = match loss {
                Loss::All => (false, false),
                Loss::Tail => (place <= arrives, place == arrives),
                Loss::Some => (dice.random_bool(share), false),
                Loss::Torn => (dice.random_bool(share), true),
                Loss::Head => (!is_head, false),
                Loss::Body => (is_head, false),
            };
            match change {
                _ if !is_kept => {}
                Change::Write(offset, data) if is_torn => tear(*offset, data, &mut bytes, dice),
                // Whatever is lost of the rest, a file may have any of the lengths it was given.
                change => change.apply(&mut bytes),
            }
        }
        let platter = Platter { synced: Arc::new(bytes.clone()), bytes, ..Platter::default() };
        Disk(Arc::new(Mutex::new(platter)))
    }
}

/// Some sectors of a write arrive.
fn tear(offset: u64, data: &[u8], bytes: &mut Vec<u8>, dice: &mut impl RngCore) {
    let (start, end) = (offset as usize, offset as usize + data.len());
    let mut from = start;
    while from < end {
        let to = ((from / SECTOR + 1) * SECTOR).min(end);
        if dice.random_bool(0.5) {
            Change::Write(from as u64, data[from - start..to - start].to_vec()).apply(bytes);
        }
        from = to;
    }
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

impl Platter {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.unsynced.push(change);
        self.note();
    }

    fn note(&mut self) {
        if let Some(wrecks) = &mut self.wrecks {
            wrecks.push(Wreck { synced: Arc::clone(&self.synced), unsynced: self.unsynced.clone() });
        }
    }
}

impl Disk {
    /// Operations from `first` on fail, `count` of them, counted from now.
    pub(crate) fn fail(&self, first: u64, count: u64) {
        let mut platter = self.0.lock().unwrap();
        let from = platter.operations.saturating_add(first);
        platter.failing = Some((from, from.saturating_add(count)));
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// How many operations were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.0.lock().unwrap().refused
    }

    /// The power goes: of the changes since the last sync only those survive that `survives` picks by place.
    pub(crate) fn cut_power(&self, survives: impl Fn(usize) -> bool) {
        let mut platter = self.0.lock().unwrap();
        let mut bytes = (*platter.synced).clone();
        for (place, change) in platter.unsynced.iter().enumerate() {
            if survives(place) {
                change.apply(&mut bytes);
            }
        }
        platter.synced = Arc::new(bytes.clone());
        platter.bytes = bytes;
        platter.unsynced.clear();
        platter.failing = None;
    }

    /// From now on every instant at which the power might go is remembered.
    pub(super) fn remember(&self) {
        self.0.lock().unwrap().wrecks = Some(Vec::new());
    }

    /// The instants since the last call.
    pub(super) fn wrecks(&self) -> Vec<Wreck> {
        self.0.lock().unwrap().wrecks.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn operate<T>(&self, operate: impl FnOnce(&mut Platter) -> T) -> io::Result<T> {
        let mut platter = self.0.lock().unwrap();
        let number = platter.operations;
        platter.operations += 1;
        if platter.failing.is_some_and(|(from, to)| (from..to).contains(&number)) {
            platter.refused += 1;
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
            platter.change(change);
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(|platter| {
            if !platter.unsynced.is_empty() {
                platter.synced = Arc::new(platter.bytes.clone());
                platter.unsynced.clear();
                platter.note();
            }
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.operate(|platter| {
            let change = Change::Write(offset, data.to_vec());
            platter.change(change);
        })
    }
}
