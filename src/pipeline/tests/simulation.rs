//! Lives of an exporter, searched for one in which a call is lost, doubled, or lied about.
//!
//! A life is a list of operations (`simulation/operation.rs`): time passes, rows appear, grow, are revised, relabelled
//! or withdrawn, answers get lost before or after they were produced, the process dies at a request or at any storage
//! operation, clocks jump, zones change their offset, the configuration changes. They are generated, and shrunk when
//! something is wrong. The exporter in it is the real one, from the bytes of the answers to the text of `/metrics`;
//! only sockets and clocks are not (`simulation/world.rs`). The vendor has explicit rows (`simulation/vendor.rs`).
//!
//! After every operation, and every time the exporter comes to rest in between, the judge compares it with a model
//! that only counts (`simulation/model.rs`). It is a failure when
//!
//! - a counter falls, vanishes, is born above 0, or shows something that it never was;
//! - the sums of sealed buckets are not what the settled answers said, for any combination of labels, in either
//!   direction, or a bucket is sealed by anything but such an answer;
//! - the sum of everything, sealed or not, is not what the last answers said;
//! - a gauge shows another value than the last answer, of another day, or of an answer too old;
//! - something that has settled does not get sealed once the faults end.
//!
//! It is no failure when a counter stands still above a sum that fell, or a new series still shows 0. What stays
//! outside: splitting at the limit of rows, the quota, callers' numbers, retirement of labels, and the threads.
//!
//! An ordinary run lives the same few lives each time. `WOLKVOX_CASES=500 cargo test --lib goes_wrong -- --nocapture`
//! lives so many of each length from a fresh seed, and says at the end what it has tried. Seeds are printed;
//! `WOLKVOX_SEED=7 WOLKVOX_CASES=1` lives one life again.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

mod cases;
mod model;
mod operation;
mod rivals;
mod vendor;
mod world;

use operation::{Plan, plan};
use world::{Tally, World};

/// Where an ordinary run begins: it lives the same lives each time.
const SEED: u64 = 1;

/// Looks for a plan that goes wrong, and says how much was tried. Each life has a seed of its own, one more than the
/// life before, so that any of them can be lived again alone.
#[expect(clippy::disallowed_methods, reason = "how long to search is nothing that the operator configures")]
fn search(name: &str, ordinary: u64, plans: &impl Strategy<Value = Plan>) {
    let asked = |name: &str| -> Option<u64> {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
    };
    let (cases, seed) = match (asked("WOLKVOX_CASES"), asked("WOLKVOX_SEED")) {
        (None, None) => (ordinary, SEED),
        (cases, seed) => (cases.unwrap_or(1), seed.unwrap_or_else(|| rand::random::<u32>().into())),
    };
    println!("{name}: {cases} lives from WOLKVOX_SEED={seed}");
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let tally = std::cell::RefCell::new(Tally::default());
    for seed in (0..cases).map(|case| seed.wrapping_add(case)) {
        let dice = ChaCha8Rng::seed_from_u64(seed).random::<[u8; 32]>();
        let dice = TestRng::from_seed(RngAlgorithm::ChaCha, &dice);
        let result = TestRunner::new_with_rng(config.clone(), dice).run(plans, |plan| {
            let one = World::live(&plan);
            tally.borrow_mut().add(&one);
            Ok(())
        });
        if let Err(error) = result {
            println!("searched {name}: {}", tally.borrow());
            panic!("{name}: {error}\nthe same again: WOLKVOX_SEED={seed} WOLKVOX_CASES=1");
        }
    }
    println!("searched {name}: {}", tally.borrow());
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        for (mine, other) in [
            (&mut self.lives, other.lives),
            (&mut self.ops, other.ops),
            (&mut self.requests, other.requests),
            (&mut self.lost, other.lost),
            (&mut self.deaths, other.deaths),
            (&mut self.power_cuts, other.power_cuts),
            (&mut self.refusals, other.refusals),
            (&mut self.restarts, other.restarts),
            (&mut self.seals, other.seals),
            (&mut self.as_held, other.as_held),
            (&mut self.audits, other.audits),
            (&mut self.scrapes, other.scrapes),
        ] {
            *mine += other;
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} lives, {} operations, {} requests, {} answers lost, {} deaths, {} power cuts, {} refusing disks, \
             {} restarts, {} buckets sealed ({} as held), {} scrapes, {} audits",
            self.lives,
            self.ops,
            self.requests,
            self.lost,
            self.deaths,
            self.power_cuts,
            self.refusals,
            self.restarts,
            self.seals,
            self.as_held,
            self.scrapes,
            self.audits
        )
    }
}

#[test]
fn no_short_life_goes_wrong() {
    search("short lives", 24, &plan(14));
}

#[test]
fn no_long_life_goes_wrong() {
    search("long lives", 12, &plan(40));
}
