//! Days of a skill against a model that only counts: numbers grow, are corrected, vanish, and exceed the cap.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::disk::Disk;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Pass { minutes: u16 },
    Move { dnis: u8, by: i8 },
    Late { dnis: u8, by: i8 },
    Vanish { dnis: u8 },
    Read,
    ReadRejected { dnis: u8 },
    Restart,
    PowerCut,
    Cap { max: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u16..500).prop_map(|minutes| Step::Pass { minutes }),
        6 => (0_u8..6, -9_i8..40).prop_map(|(dnis, by)| Step::Move { dnis, by }),
        2 => (0_u8..6, -9_i8..40).prop_map(|(dnis, by)| Step::Late { dnis, by }),
        1 => (0_u8..6).prop_map(|dnis| Step::Vanish { dnis }),
        6 => Just(Step::Read),
        1 => (0_u8..6).prop_map(|dnis| Step::ReadRejected { dnis }),
        1 => Just(Step::Restart),
        1 => Just(Step::PowerCut),
        1 => (1_u8..7).prop_map(|max| Step::Cap { max }),
    ]
}

struct World {
    now: Timestamp,
    /// What the vendor says of each day by DNIS.
    vendor: BTreeMap<Bucket, BTreeMap<u8, i64>>,
    /// What the days were at their opening.
    openings: BTreeMap<Bucket, BTreeMap<u8, i64>>,
    /// The total that the settled answer of each day left, its opening taken off.
    settled: BTreeMap<Bucket, i64>,
    disk: Disk,
    ledger: Ledger,
    operation: Operation,
    marks: BTreeMap<String, Vec<i64>>,
    is_shown: BTreeMap<String, i64>,
    first: Bucket,
    start: Timestamp,
}

fn open(disk: &Disk, operation: &Operation, now: Timestamp) -> Ledger {
    let disk = disk.clone();
    let mut ledger = Ledger::with_backend(move || disk.clone(), [9; 32]).unwrap();
    ledger.enter(operation, now).unwrap();
    ledger
}

impl World {
    fn new() -> World {
        let disk = Disk::default();
        let start = at("2026-04-04T10:20:00");
        let mut operation = operation();
        // With an allow list nothing is taken for callers' numbers, so that folding is what is tried.
        operation.dnis.allow = Some((0..6).map(|dnis| format!("60{dnis}")).collect());
        operation.dnis.max = 4;
        let mut ledger = open(&disk, &operation, start);
        let first = ledger.history("acme").unwrap().skills["101"].unsealed_from;
        World {
            now: start,
            vendor: BTreeMap::new(),
            openings: BTreeMap::new(),
            settled: BTreeMap::new(),
            disk,
            ledger,
            operation,
            marks: BTreeMap::new(),
            is_shown: BTreeMap::new(),
            first,
            start,
        }
    }

    fn today(&self) -> Bucket {
        zone().bucket(self.now, Grain::Day)
    }

    fn shift(&mut self, day: Bucket, dnis: u8, by: i8) {
        let calls = self.vendor.entry(day).or_default().entry(dnis).or_default();
        *calls = (*calls + i64::from(by)).max(0);
    }

    fn read(&mut self, rejected: Option<u8>) {
        self.now += SignedDuration::from_secs(61);
        let today = self.today();
        let last = self.ledger.history("acme").unwrap().skills["101"].clone();
        for bucket in last.unsealed(today) {
            // A day without any row is a matter of its own, tried by the tests of rules.
            self.vendor.entry(bucket).or_default().entry(0).or_insert(1);
            let vendor = self.vendor[&bucket].clone();
            let names: Vec<(String, i64)> =
                vendor.iter().map(|(dnis, calls)| (format!("60{dnis}"), *calls)).collect();
            let rows: Vec<(&str, i64)> = names.iter().map(|(name, calls)| (name.as_str(), *calls)).collect();
            let mut reading = day("2026-04-04T10:20:00", &bucket.to_string(), &rows);
            let own = bucket.window();
            reading.window = Window { from: own.from, to: own.to.min(zone().present(self.now)) };
            (reading.now, reading.asked) = (self.now, self.now);
            reading.slot = self.now.as_second().unsigned_abs();
            let Content::Totals(totals) = &mut reading.content else { unreachable!() };
            let broken = rejected.map(|dnis| format!("60{dnis}"));
            let mut is_whole = true;
            for total in totals {
                if Some(&*total.key[&Label::Dnis]) == broken.as_deref() {
                    total.amounts = None;
                    is_whole = false;
                }
            }
            let began_before = zone().start(bucket) < self.start;
            if is_whole {
                if began_before {
                    self.openings.entry(bucket).or_insert_with(|| vendor.clone());
                }
                if zone().end(bucket) + SignedDuration::from_hours(6) < self.now {
                    let opening: i64 = self.openings.get(&bucket).map_or(0, |opening| {
                        // What the settled answer no longer shows takes its opening along.
                        opening
                            .iter()
                            .filter(|(dnis, _)| vendor.contains_key(dnis))
                            .map(|(_, calls)| calls)
                            .sum()
                    });
                    self.settled.entry(bucket).or_insert(vendor.values().sum::<i64>() - opening);
                }
            }
            self.ledger.apply("acme", &reading).unwrap();
            let before: Vec<Total> = self.ledger.totals("acme").collect();
            assert!(!self.ledger.apply("acme", &reading).unwrap().changed);
            assert_eq!(before, self.ledger.totals("acme").collect::<Vec<_>>(), "idempotent");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Pass { minutes } => self.now += SignedDuration::from_mins(i64::from(*minutes)),
            Step::Move { dnis, by } => self.shift(self.today(), *dnis, *by),
            Step::Late { dnis, by } => self.shift(self.today().previous().max(self.first), *dnis, *by),
            Step::Vanish { dnis } => {
                let today = self.today();
                // 600 stays, so that no answer is empty.
                if *dnis > 0 && !self.openings.contains_key(&today) {
                    self.vendor.entry(today).or_default().remove(dnis);
                }
            }
            Step::Read => self.read(None),
            Step::ReadRejected { dnis } => self.read(Some(*dnis)),
            Step::Restart => self.restart(),
            Step::PowerCut => {
                self.disk.cut_power(|_| false);
                self.restart();
            }
            Step::Cap { max } => {
                self.operation.dnis.max = usize::from(*max);
                self.ledger.enter(&self.operation, self.now).unwrap();
            }
        }
        self.check();
    }

    fn restart(&mut self) {
        let before: Vec<Total> = self.ledger.totals("acme").collect();
        drop(std::mem::replace(&mut self.ledger, open(&Disk::default(), &self.operation, self.now)));
        self.ledger = open(&self.disk, &self.operation, self.now);
        assert_eq!(before, self.ledger.totals("acme").collect::<Vec<_>>(), "equal after a restart");
        // A series that was not released is held again, and a scrape sees it where it was.
    }

    fn check(&mut self) {
        let (mut sealed, mut answered, mut counted) = (0, 0, 0);
        for total in self.ledger.totals("acme") {
            let name = format!("{}{{{}}}", total.family.name, total.labels.as_str());
            for (place, mark) in total.mark.iter().enumerate() {
                assert!(*mark >= total.sealed[place] + total.live[place], "lossless: {name}");
            }
            if let Some(before) = self.marks.insert(name.clone(), total.mark.clone()) {
                assert!(
                    before.iter().zip(&total.mark).all(|(before, now)| before <= now),
                    "monotonic: {name}"
                );
            }
            let sum = total.sealed[0] + total.live[0];
            if total.family.is(&catalogue::INBOUND_CALLS) {
                sealed += total.sealed[0];
                counted += sum;
            } else if total.family.is(&catalogue::ANSWERED_CALLS)
                || total.family.is(&catalogue::ABANDONED_CALLS)
            {
                answered += sum;
            }
        }
        assert_eq!(answered, counted, "all families of a key move together");
        assert_eq!(sealed, self.settled.values().sum::<i64>(), "exact after sealing");
        let published = self.ledger.published("acme");
        self.ledger.books.get_mut("acme").unwrap().stale = books::Stale::All;
        let anew = self.ledger.published("acme");
        assert_eq!(published.blocks.len(), anew.blocks.len());
        for (block, anew) in published.blocks.iter().zip(anew.blocks.iter()) {
            assert!(block.family.is(anew.family));
            assert_eq!(block.samples, anew.samples, "published step by step and at once");
        }
        for block in anew.blocks.iter() {
            assert!(block.samples.is_sorted_by(|a, b| a.labels < b.labels), "sorted, without duplicates");
            for sample in &block.samples {
                if let crate::metrics::Kind::Histogram(bounds) = block.family.kind {
                    assert!(sample.values[..=bounds.len()].is_sorted(), "buckets never cross");
                }
                let name = format!("{}{{{}}}", block.family.name, sample.labels.as_str());
                let before = self.is_shown.insert(name.clone(), sample.values[0]);
                assert!(before.is_none_or(|before| before <= sample.values[0]), "never backwards: {name}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_call_of_a_day_counts_once(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            let generation = world.ledger.published("acme").generation;
            world.ledger.release("acme", generation, Duration::from_secs(1), Duration::ZERO).unwrap();
        }
        for _ in 0..5 {
            world.step(&Step::Pass { minutes: 600 });
            world.step(&Step::Read);
        }
        prop_assert!(world.settled.len() >= 2);
        let owed = world.ledger.standing("acme", Report::Skill6, world.now).owed;
        prop_assert_eq!(owed, 0);
    }
}
