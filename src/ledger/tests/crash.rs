//! A power cut, or a disk that refuses, at every storage operation of a small workload.

use super::disk::Disk;
use super::*;

const KEY: [u8; 32] = [7; 32];

type Step = Box<dyn Fn(&mut Ledger) -> Result<(), LedgerError>>;

/// A workload that touches every kind of record: openings, growth, late codes, seals, booking, retirement.
fn steps() -> Vec<Step> {
    let calls = |code: &str, more: bool| {
        let mut calls =
            vec![call(1, "2026-04-05T10:10:00", 30, ""), call(2, "2026-04-05T10:20:00", 90, code)];
        if more {
            calls.push(call(3, "2026-04-05T16:50:00", 4, ""));
        }
        calls
    };
    let mut steps: Vec<Step> = Vec::new();
    let mut apply = |reading: Reading| {
        steps.push(Box::new(move |ledger: &mut Ledger| ledger.apply("acme", &reading).map(drop)));
    };
    apply(day("2026-04-04T10:00:05", "2026-04-04", &[("601", 40)]));
    apply(day("2026-04-04T10:05:05", "2026-04-04", &[("601", 43), ("602", 1)]));
    apply(rows(Report::Cdr1, "2026-04-05T10:30:00", "2026-04-04T22:00:00", "now", calls("", false)));
    apply(day("2026-04-05T08:00:00", "2026-04-04", &[("601", 44), ("602", 1)]));
    apply(rows(Report::Cdr1, "2026-04-05T10:40:00", "2026-04-04T22:00:00", "now", calls("400", false)));
    apply(rows(Report::Cdr1, "2026-04-05T17:00:01", "2026-04-04T08:00:00", "now", calls("400", true)));
    steps.push(Box::new(|ledger| ledger.book("acme", at("2026-04-05T00:00:00"), 10)));
    steps.push(Box::new(|ledger| ledger.tick("acme", at("2026-04-06T00:00:01")).map(drop)));
    steps
}

type State = (Vec<Total>, Option<Arc<History>>);

fn state(ledger: &mut Ledger) -> State {
    (ledger.totals("acme").collect(), ledger.history("acme"))
}

/// A disk with an empty ledger: a file is created under another name and appears whole.
fn new_disk() -> Disk {
    let disk = Disk::default();
    let shared = disk.clone();
    drop(Ledger::with_backend(move || shared.clone(), KEY).unwrap());
    disk
}

fn open(disk: &Disk) -> Result<Ledger, LedgerError> {
    let disk = disk.clone();
    let mut ledger = Ledger::with_backend(move || disk.clone(), KEY)?;
    ledger.enter(&operation(), at("2026-04-04T10:00:00"))?;
    Ok(ledger)
}

/// The states that an undisturbed run goes through, and how many storage operations it takes.
fn undisturbed() -> (Vec<State>, u64) {
    let disk = new_disk();
    let before = disk.operations();
    let mut ledger = open(&disk).unwrap();
    let mut states = vec![state(&mut ledger)];
    for step in steps() {
        step(&mut ledger).unwrap();
        states.push(state(&mut ledger));
    }
    (states, disk.operations() - before)
}

#[test]
fn a_power_cut_at_any_operation_leaves_the_state_before_or_after() {
    let (states, operations) = undisturbed();
    assert!(operations > 50, "{operations}");
    for cut in 0..operations {
        // The bits of the mask pick which unsynced changes reached the disk: none, all, and two mixtures.
        for mask in [0_u64, u64::MAX, 0x5555_5555_5555_5555, 0x9249_2492_4924_9249] {
            let disk = new_disk();
            disk.fail(cut, u64::MAX);
            let mut done = 0;
            if let Ok(mut ledger) = open(&disk) {
                for step in steps() {
                    if step(&mut ledger).is_err() {
                        break;
                    }
                    done += 1;
                }
            }
            disk.cut_power(|place| mask >> (place % 64) & 1 == 1);
            let mut ledger = open(&disk).unwrap_or_else(|error| panic!("cut {cut}, mask {mask:x}: {error}"));
            let found = state(&mut ledger);
            assert!(
                found == states[done] || states.get(done + 1) == Some(&found),
                "cut {cut}, mask {mask:x}: neither before nor after step {done}"
            );
            for step in steps().iter().skip(done) {
                step(&mut ledger).unwrap();
            }
            let end = state(&mut ledger);
            // A booking that was written and repeated is booked twice, which only costs quota.
            assert_eq!(Some(&end.0), states.last().map(|state| &state.0), "cut {cut}, mask {mask:x}");
        }
    }
}

#[test]
fn a_disk_that_refuses_once_leaves_the_ledger_usable_and_the_retry_counts_once() {
    let (states, operations) = undisturbed();
    for first in 0..operations {
        let disk = new_disk();
        let mut ledger = open(&disk).unwrap();
        disk.fail(first, 3);
        for (place, step) in steps().into_iter().enumerate() {
            let mut attempts = 0;
            while step(&mut ledger).is_err() {
                attempts += 1;
                assert!(attempts < 20, "failure at {first}: step {place} does not recover");
                let now: Vec<Total> = ledger.totals("acme").collect();
                assert!(
                    now == states[place].0 || now == states[place + 1].0,
                    "failure at {first}, step {place}"
                );
            }
        }
        let end: Vec<Total> = ledger.totals("acme").collect();
        assert_eq!(end, states.last().unwrap().0, "failure at {first}");
    }
}
