//! A vendor whose rows appear late, change and vanish, and a model that only counts them.
//!
//! The model knows nothing of cells, sums or marks: it remembers what each answer showed, and which answer was
//! the last word on an hour.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::disk::Disk;
use super::*;
use crate::time::shift;

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Pass { minutes: u16 },
    Call { ago: u16, seconds: u8, campaign: u8 },
    Revise { which: u8, seconds: u8 },
    Relabel { which: u8, campaign: u8 },
    Code { which: u8, code: u8 },
    Vanish { which: u8 },
    Read,
    ReadInParts { parts: u8 },
    ReadCut { parts: u8, done: u8 },
    Restart,
    PowerCut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_u16..400).prop_map(|minutes| Step::Pass { minutes }),
        5 => (0_u16..500, 0_u8..200, 0_u8..6)
            .prop_map(|(ago, seconds, campaign)| Step::Call { ago, seconds, campaign }),
        2 => (any::<u8>(), 0_u8..200).prop_map(|(which, seconds)| Step::Revise { which, seconds }),
        1 => (any::<u8>(), 0_u8..6).prop_map(|(which, campaign)| Step::Relabel { which, campaign }),
        2 => (any::<u8>(), 0_u8..5).prop_map(|(which, code)| Step::Code { which, code }),
        1 => any::<u8>().prop_map(|which| Step::Vanish { which }),
        4 => Just(Step::Read),
        2 => (2_u8..5).prop_map(|parts| Step::ReadInParts { parts }),
        1 => (2_u8..5, 0_u8..4).prop_map(|(parts, done)| Step::ReadCut { parts, done }),
        1 => Just(Step::Restart),
        1 => Just(Step::PowerCut),
    ]
}

#[derive(Debug, Clone)]
struct Row {
    at: civil::DateTime,
    seconds: i64,
    campaign: u8,
    code: Option<u8>,
}

/// What the model remembers of a call that it has seen.
#[derive(Debug, Clone)]
struct Seen {
    hour: Bucket,
    seconds: i64,
    campaign: u8,
    code: Option<u8>,
    counts: bool,
}

/// Counts by campaign, seconds, and codes: what the families should add up to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Count {
    campaigns: BTreeMap<u8, i64>,
    calls: i64,
    seconds: i64,
    codes: BTreeMap<String, i64>,
}

impl Count {
    fn add(&mut self, seen: &Seen, is_final: bool) {
        *self.campaigns.entry(seen.campaign).or_default() += 1;
        self.calls += 1;
        self.seconds += seen.seconds;
        match seen.code {
            Some(code) => *self.codes.entry(code.to_string()).or_default() += 1,
            None if is_final => *self.codes.entry("none".into()).or_default() += 1,
            None => {}
        }
    }
}

struct World {
    now: Timestamp,
    rows: BTreeMap<u128, Row>,
    next: u128,
    // The model.
    seen: BTreeMap<u128, Seen>,
    opening: BTreeSet<Bucket>,
    last_word: BTreeSet<Bucket>,
    settled: Count,
    // The subject.
    disk: Disk,
    ledger: Ledger,
    slot: u64,
    marks: BTreeMap<(String, String), Vec<i64>>,
    first: Bucket,
}

fn settings() -> Operation {
    let mut operation = operation();
    // Some campaigns exceed the cap when there are six of them, some do not.
    operation.labels_max = 200;
    operation
}

fn open(disk: &Disk, now: Timestamp) -> Ledger {
    let disk = disk.clone();
    let mut ledger = Ledger::with_backend(move || disk.clone(), [9; 32]).unwrap();
    ledger.enter(&settings(), now).unwrap();
    ledger
}

impl World {
    fn new(start: &str) -> World {
        let disk = Disk::default();
        let now = at(start);
        let mut ledger = open(&disk, now);
        let first = ledger.history("acme").unwrap().reports[&Report::Cdr1].unsealed_from;
        let mut opening = BTreeSet::new();
        let mut hour = first;
        while zone().start(hour) < now {
            opening.insert(hour);
            hour = hour.next();
        }
        World {
            now,
            rows: BTreeMap::new(),
            next: 1,
            seen: BTreeMap::new(),
            opening,
            last_word: BTreeSet::new(),
            settled: Count::default(),
            disk,
            ledger,
            slot: 0,
            marks: BTreeMap::new(),
            first,
        }
    }

    fn pick(&self, which: u8) -> Option<u128> {
        let ids: Vec<u128> = self.rows.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[usize::from(which) % ids.len()])
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Pass { minutes } => self.now += SignedDuration::from_mins(i64::from(*minutes)),
            Step::Call { ago, seconds, campaign } => self.call(*ago, *seconds, *campaign),
            Step::Revise { which, seconds } => {
                let Some(id) = self.pick(*which) else { return };
                self.rows.get_mut(&id).unwrap().seconds = i64::from(*seconds);
            }
            Step::Relabel { which, campaign } => {
                let Some(id) = self.pick(*which) else { return };
                self.rows.get_mut(&id).unwrap().campaign = *campaign;
            }
            Step::Code { which, code } => {
                let Some(id) = self.pick(*which) else { return };
                self.rows.get_mut(&id).unwrap().code = Some(*code);
            }
            Step::Vanish { which } => {
                let Some(id) = self.pick(*which) else { return };
                self.rows.remove(&id);
            }
            Step::Read => self.read(1, 1),
            Step::ReadInParts { parts } => self.read(*parts, *parts),
            Step::ReadCut { parts, done } => self.read(*parts, (*done).min(*parts - 1)),
            Step::Restart => self.restart(),
            Step::PowerCut => {
                // Everything that was acknowledged is on the disk.
                self.disk.cut_power(|_| false);
                self.restart();
            }
        }
        self.check();
    }

    fn call(&mut self, ago: u16, seconds: u8, campaign: u8) {
        let at = zone().civil(self.now - SignedDuration::from_mins(i64::from(ago)));
        let at = at.with().subsec_nanosecond(0).build().unwrap();
        self.rows.insert(self.next, Row { at, seconds: i64::from(seconds), campaign, code: None });
        self.next += 1;
    }

    /// Reads from 2 h before the oldest unsealed hour to now, in parts of which only some succeed.
    fn read(&mut self, parts: u8, done: u8) {
        self.now += SignedDuration::from_secs(61);
        self.slot += 1;
        let oldest = self.ledger.history("acme").unwrap().reports[&Report::Cdr1].unsealed_from;
        let from = shift(oldest.first(), -SignedDuration::from_hours(2));
        let to = zone().present(self.now);
        let total = Window { from, to }.seconds();
        let edge =
            |part: u8| shift(from, SignedDuration::from_secs(total * i64::from(part) / i64::from(parts)));
        let mut answered: Vec<Window> = Vec::new();
        for part in 0..done {
            let window = Window { from: edge(part), to: if part + 1 == parts { to } else { edge(part + 1) } };
            answered.push(window);
            // An answer without any row says less than one with rows: the tests of rules look at those.
            let late = Row {
                at: shift(window.from, SignedDuration::from_secs(1)),
                seconds: 3,
                campaign: 0,
                code: None,
            };
            self.rows.insert(self.next, late);
            self.next += 1;
            let events = self
                .rows
                .iter()
                .filter(|(_, row)| window.contains(row.at))
                .map(|(id, row)| event(*id, row))
                .collect();
            let reading = Reading {
                report: Report::Cdr1,
                skill: String::new(),
                window,
                slot: self.slot,
                now: self.now,
                asked: self.now,
                date: Some(self.now),
                content: Content::Events(events),
            };
            self.count(&reading, &answered);
            self.ledger.apply("acme", &reading).unwrap();
            let before: Vec<Total> = self.ledger.totals("acme").collect();
            let again = self.ledger.apply("acme", &reading).unwrap();
            assert!(!again.changed, "an answer applied again changed something");
            assert_eq!(before, self.ledger.totals("acme").collect::<Vec<_>>(), "idempotent");
        }
    }

    /// What the model makes of an answer.
    fn count(&mut self, reading: &Reading, answered: &[Window]) {
        let Content::Events(events) = &reading.content else { unreachable!() };
        for event in events {
            let hour = Bucket::of(event.at, Grain::Hour);
            if hour < self.first || self.last_word.contains(&hour) {
                continue;
            }
            let row = &self.rows[&event.identity];
            let seen = self.seen.entry(event.identity).or_insert_with(|| Seen {
                hour,
                seconds: row.seconds,
                campaign: row.campaign,
                code: None,
                counts: !self.opening.contains(&hour),
            });
            seen.seconds = row.seconds;
            seen.code = seen.code.or(row.code);
        }
        let from = answered[0].from;
        let to = answered[answered.len() - 1].to;
        let present = zone().present(self.now);
        self.opening.retain(|hour| from > hour.first() || to < hour.window().to.min(present));
        let mut hour = self.first;
        while hour.first() < to {
            let settled = zone().end(hour) + SignedDuration::from_hours(6) < self.now;
            let spare = SignedDuration::from_hours(2);
            let covered = from <= shift(hour.first(), -spare) && shift(hour.next().first(), spare) <= to;
            if settled && covered && self.last_word.insert(hour) {
                self.seen.retain(|id, seen| {
                    if seen.hour == hour {
                        // What the vendor still shows counts for good, what it took back does not.
                        if self.rows.contains_key(id) && seen.counts {
                            self.settled.add(seen, true);
                        }
                        return false;
                    }
                    true
                });
            }
            hour = hour.next();
        }
    }

    fn restart(&mut self) {
        let before: Vec<Total> = self.ledger.totals("acme").collect();
        let history = self.ledger.history("acme").unwrap();
        let spare = Disk::default();
        // The old ledger goes before the new one comes, as with processes.
        drop(std::mem::replace(&mut self.ledger, open(&spare, self.now)));
        self.ledger = open(&self.disk, self.now);
        assert_eq!(before, self.ledger.totals("acme").collect::<Vec<_>>(), "equal after a restart");
        let after = self.ledger.history("acme").unwrap();
        let (before, after) = (&history.reports[&Report::Cdr1], &after.reports[&Report::Cdr1]);
        assert_eq!((before.unsealed_from, &before.sealed_after), (after.unsealed_from, &after.sealed_after));
    }

    fn check(&mut self) {
        let mut expected = self.settled.clone();
        for seen in self.seen.values().filter(|seen| seen.counts) {
            expected.add(seen, false);
        }
        let mut sealed = Count::default();
        let mut found = Count::default();
        for total in self.ledger.totals("acme") {
            let text = total.labels.as_str().to_owned();
            for (place, mark) in total.mark.iter().enumerate() {
                let sum = total.sealed[place] + total.live[place];
                assert!(*mark >= sum, "lossless: {} {text} shows {mark} of {sum}", total.family.name);
            }
            if let Some(before) =
                self.marks.insert((total.family.name.into(), text.clone()), total.mark.clone())
            {
                assert!(
                    before.iter().zip(&total.mark).all(|(before, now)| before <= now),
                    "monotonic: {text}"
                );
            }
            for (count, values) in [
                (&mut sealed, total.sealed.clone()),
                (&mut found, total.sealed.iter().zip(&total.live).map(|(a, b)| a + b).collect()),
            ] {
                if total.family.is(&catalogue::CDR_CALLS) && values[0] != 0 {
                    let campaign = series::value_in(&total.labels, Label::CampaignId).unwrap();
                    count.campaigns.insert(campaign.parse().unwrap(), values[0]);
                } else if total.family.is(&catalogue::CDR_DURATION) {
                    let width = values.len();
                    assert!(values[..width - 1].is_sorted(), "cumulative buckets stay in order");
                    assert!(total.mark[..width - 1].is_sorted(), "so do their marks");
                    count.calls += values[width - 2];
                    count.seconds += values[width - 1] / 1000;
                } else if total.family.is(&catalogue::CDR_ACTIVITY) && values[0] != 0 {
                    let code = series::value_in(&total.labels, Label::CodAct).unwrap();
                    count.codes.insert(code.to_owned(), values[0]);
                }
            }
        }
        assert_eq!(found, expected, "every call once");
        assert_eq!(sealed, self.settled, "exact after sealing");
    }
}

fn event(identity: u128, row: &Row) -> Event {
    let code = row.code.map(|code| code.to_string()).unwrap_or_default();
    let mut event = call(identity, &row.at.to_string(), row.seconds, &code);
    let campaign = row.campaign.to_string();
    event.observations[0].labels.insert(Label::CampaignId, campaign.as_str().into());
    event
}

/// Lives through the steps, and until everything from before has settled.
fn live(start: &str, steps: &[Step]) {
    let mut world = World::new(start);
    world.check();
    for step in steps {
        world.step(step);
    }
    // Everything settles: from then on the sums are the vendor's last word.
    for _ in 0..4 {
        world.step(&Step::Pass { minutes: 300 });
        world.step(&Step::Read);
    }
    let unsealed = world.seen.values().filter(|seen| zone().end(seen.hour) < at(start)).count();
    assert_eq!(unsealed, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_row_counts_once(steps in proptest::collection::vec(step(), 1..60)) {
        live("2026-04-04T10:20:00", &steps);
    }

    #[test]
    fn a_folded_hour_and_a_skipped_one_change_nothing(
        (zone, start) in prop_oneof![
            Just(("America/New_York", "2026-10-31T19:20:00")),
            Just(("America/New_York", "2026-11-01T01:40:00")),
            Just(("America/New_York", "2026-03-07T20:20:00")),
            Just(("America/Santiago", "2026-09-05T18:20:00")),
        ],
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        choose_zone(zone);
        live(start, &steps);
    }
}
