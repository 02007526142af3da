//! The power is cut at every storage operation of a whole day, and what was on its way to the disk arrives in part,
//! torn and in any order.
//!
//! What is found afterwards is, byte for byte in every table, what the store held before the answer or what it held
//! after it. That the ledger goes on to the exact truth from there is tried on a sample in the fast run and on every
//! cut in the long one:
//!
//! ```text
//! WOLKVOX_CUTS=24 cargo test --release --lib ledger::tests::power -- --nocapture
//! ```

use std::collections::BTreeMap;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use redb::ReadableDatabase as _;

use super::day::{self, Vendor};
use super::disk::{Disk, Loss, Wreck};
use super::*;

const KEY: [u8; 32] = [7; 32];

/// Everything in the store, table by table.
pub(super) type Content = Vec<(String, Vec<u8>)>;

pub(super) fn content(ledger: &mut Ledger) -> Content {
    use redb::ReadableTable as _;
    let (database, _) = ledger.store.ready().unwrap();
    let transaction = database.begin_read().unwrap();
    let mut all = Vec::new();
    macro_rules! table {
        ($($table:ident),*) => {$(
            for entry in transaction.open_table(tables::$table).unwrap().iter().unwrap() {
                let (key, value) = entry.unwrap();
                let value = $crate::ledger::tests::power::Plain::plain(&value.value());
                all.push((format!("{} {:?}", stringify!($table), key.value()), value));
            }
        )*};
    }
    table!(META, OPERATIONS, SCOPES, LABELS, SERIES, CELLS, SEALED);
    all
}

/// A value of a table as bytes.
trait Plain {
    fn plain(&self) -> Vec<u8>;
}

impl Plain for &[u8] {
    fn plain(&self) -> Vec<u8> {
        self.to_vec()
    }
}

impl Plain for u64 {
    fn plain(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }
}

fn open(disk: &Disk) -> Result<Ledger, LedgerError> {
    let disk = disk.clone();
    Ledger::with_backend(move || disk.clone(), KEY)
}

/// What was tried.
#[derive(Debug, Default)]
struct Tried {
    cuts: u64,
    before: u64,
    after: u64,
    /// Cuts during the recovery from a cut.
    again: u64,
    finished: u64,
}

/// Cuts the power, and judges what is found.
struct Judge {
    vendor: Vendor,
    truth: BTreeMap<(&'static str, String), Vec<i64>>,
    dice: ChaCha8Rng,
    /// Ways to lose something at each operation.
    losses: usize,
    /// One of so many cuts is followed to the end of the day, and cut again while it recovers.
    sample: u64,
    tried: Tried,
}

impl Judge {
    /// All that could have been found while one step was taken.
    fn judge(&mut self, step: &str, wrecks: &[Wreck], before: &Content, after: &Content) {
        for (place, wreck) in wrecks.iter().enumerate() {
            let losses = if wreck.is_whole() { 1 } else { self.losses };
            for number in 0..losses {
                let loss = if number < Loss::ALL.len() && self.losses >= Loss::ALL.len() {
                    Loss::ALL[number]
                } else {
                    Loss::ALL[self.dice.random_range(0..Loss::ALL.len())]
                };
                let what = format!("{step}, operation {place}, {loss:?}");
                let disk = wreck.salvage(loss, &mut self.dice);
                self.tried.cuts += 1;
                let is_followed = self.tried.cuts.is_multiple_of(self.sample);
                if is_followed {
                    disk.remember();
                }
                let mut ledger = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
                let found = content(&mut ledger);
                self.expect(&what, &found, before, after);
                if is_followed {
                    // What a cut leaves is never taken for damage.
                    ledger.store.verify().unwrap_or_else(|error| panic!("{what}: {error}"));
                    self.cut_again(&what, &disk.wrecks(), before, after);
                    self.finish(&what, ledger);
                }
            }
        }
    }

    fn expect(&mut self, what: &str, found: &Content, before: &Content, after: &Content) {
        if found == before {
            self.tried.before += 1;
        } else {
            assert!(found == after, "{what}: neither before nor after");
            self.tried.after += 1;
        }
    }

    /// The power goes again while the ledger recovers.
    fn cut_again(&mut self, what: &str, wrecks: &[Wreck], before: &Content, after: &Content) {
        for (place, wreck) in wrecks.iter().enumerate() {
            let loss = Loss::ALL[self.dice.random_range(0..Loss::ALL.len())];
            let what = format!("{what}, then operation {place} of the recovery, {loss:?}");
            let disk = wreck.salvage(loss, &mut self.dice);
            let mut ledger = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
            self.expect(&what, &content(&mut ledger), before, after);
            self.tried.again += 1;
        }
    }

    /// The exporter comes back when the day has settled, and reads what it missed.
    fn finish(&mut self, what: &str, mut ledger: Ledger) {
        self.tried.finished += 1;
        let operation = day::operation_of_the_day();
        ledger.enter(&operation, at(day::BEGINS)).unwrap();
        let marks = marks(&ledger);
        for hours in 0..3 {
            let now = at(day::SETTLED) + SignedDuration::from_hours(hours);
            let apply = |ledger: &mut Ledger, reading: &Reading| ledger.apply("acme", reading).map(drop);
            day::read_all(&self.vendor, &mut ledger, now, apply).unwrap();
        }
        self.expect_truth(what, &ledger);
        let end = self::marks(&ledger);
        for (series, before) in marks {
            let now = &end[&series];
            assert!(before.iter().zip(now).all(|(before, now)| before <= now), "{what}: {series:?} fell");
        }
    }

    fn expect_truth(&self, what: &str, ledger: &Ledger) {
        let mut found = BTreeMap::new();
        for total in ledger.totals("acme") {
            assert!(total.live.iter().all(|live| *live == 0), "{what}: not sealed: {total:?}");
            assert!(
                total.mark.iter().zip(&total.sealed).all(|(mark, sealed)| mark >= sealed),
                "{what}: a counter below its sum: {total:?}"
            );
            if total.sealed.iter().any(|sealed| *sealed != 0) {
                found.insert((total.family.name, total.labels.as_str().to_owned()), total.sealed);
            }
        }
        assert_eq!(found, self.truth, "{what}");
    }
}

type Marks = BTreeMap<(&'static str, String), Vec<i64>>;

fn marks(ledger: &Ledger) -> Marks {
    ledger
        .totals("acme")
        .map(|total| ((total.family.name, total.labels.as_str().to_owned()), total.mark))
        .collect()
}

/// Lives through the day once, and tries all cuts of each step after it.
fn live(seed: u64, losses: usize, sample: u64) -> Tried {
    let vendor = Vendor::new(seed);
    let truth = vendor.truth();
    let dice = ChaCha8Rng::seed_from_u64(seed);
    let mut judge = Judge { vendor, truth, dice, losses, sample, tried: Tried::default() };
    let disk = Disk::default();
    let mut ledger = open(&disk).unwrap();
    let mut before = content(&mut ledger);
    disk.remember();
    let mut step = |name: String, ledger: &mut Ledger, done: Result<(), LedgerError>| {
        done.unwrap_or_else(|error| panic!("{name}: {error}"));
        let wrecks = disk.wrecks();
        let after = content(ledger);
        judge.judge(&name, &wrecks, &before, &after);
        before = after;
        // Reading the tables is none of the ledger's own doing.
        disk.wrecks();
    };
    let begins = at(day::BEGINS);
    let mut operation = day::operation_of_the_day();
    let entered = ledger.enter(&operation, begins).map(drop);
    step("enter".into(), &mut ledger, entered);
    let vendor = Vendor::new(seed);
    for (number, now) in day::slots().into_iter().enumerate() {
        let booked = ledger.book("acme", at("2026-04-04T00:00:00"), 10);
        step(format!("booking {number}"), &mut ledger, booked);
        day::read_all(&vendor, &mut ledger, now, |ledger, reading| {
            ledger.attempted("acme", reading.report, &reading.skill, now);
            let applied = ledger.apply("acme", reading).map(drop);
            let name = format!("slot {number} ({now}), {} {}", reading.report, reading.skill);
            step(name, ledger, applied);
            Ok(())
        })
        .unwrap();
        // Both are of the running program, so they come between readings.
        let generation = ledger.published("acme").generation;
        let uptime = Duration::from_secs(600 * number as u64);
        let released = ledger.release("acme", generation, uptime, Duration::from_secs(120)).map(drop);
        step(format!("release {number}"), &mut ledger, released);
        if number % 6 == 5 {
            let ticked = ledger.tick("acme", now + SignedDuration::from_mins(6)).map(drop);
            step(format!("tick {number}"), &mut ledger, ticked);
        }
        if number == 9 {
            // A reload in the middle of the day.
            operation.labels_max = 150;
            let entered = ledger.enter(&operation, now).map(drop);
            step("reload".into(), &mut ledger, entered);
        }
    }
    let flushed = ledger.flush();
    step("flush".into(), &mut ledger, flushed);
    // A quarter of a year without calls: label values retire, and what was remembered of sealed buckets is forgotten.
    let applied = ledger.tick("acme", at(day::SETTLED) + SignedDuration::from_hours(24 * 95));
    let retired = applied.as_ref().is_ok_and(|applied| !applied.notes.is_empty());
    step("retirement".into(), &mut ledger, applied.map(drop));
    assert!(retired, "nothing retired");
    judge.expect_truth("undisturbed", &ledger);
    judge.tried
}

#[test]
fn at_any_operation_of_a_day_a_power_cut_leaves_the_state_before_or_after() {
    let cuts = std::env::var_os("WOLKVOX_CUTS").map(|cuts| cuts.to_str().unwrap().parse().unwrap());
    let (losses, sample) = cuts.map_or((1, 61), |cuts: usize| (cuts.max(Loss::ALL.len()), 1));
    let tried = live(1, losses, sample);
    eprintln!("power cuts: {tried:?}");
    assert!(tried.cuts > 1_000 && tried.before > 100 && tried.after > 100, "{tried:?}");
    assert!(tried.again > 20 && tried.finished > 20, "{tried:?}");
}
