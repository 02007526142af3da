//! The obvious designs, on the same days, before the same vendor and with the same misfortunes.
//!
//! Each asks how many calls there were between two instants, and keeps a counter of its own. Judged is what
//! Prometheus makes of the counter (it takes any decrease for a restart) against the calls that the vendor shows in
//! the end. Every rival is given the benefit of the doubt: its first value counts, and a scrape never misses anything.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::Timestamp;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::model::Calendar;
use super::operation::{Op, Plan};
use super::vendor::{Fault, Vendor};
use super::world::{STARTS, World};
use crate::time::Clock;

/// A way to make a counter of answers about windows.
trait Design {
    /// Minutes between two questions.
    fn every(&self) -> i64;
    /// A question succeeds at `now` (minutes): `calls(from, to)` answers it.
    fn poll(&mut self, now: i64, calls: &dyn Fn(i64, i64) -> i64);
    /// The process begins again.
    fn restart(&mut self, now: i64);
    /// What it shows.
    fn counter(&self) -> i64;
}

/// Only the newest minute of each answer counts, as it was so many minutes ago.
struct Newest {
    every: i64,
    offset: i64,
    total: i64,
}

impl Design for Newest {
    fn every(&self) -> i64 {
        self.every
    }
    fn poll(&mut self, now: i64, calls: &dyn Fn(i64, i64) -> i64) {
        self.total += calls(now - self.offset - 1, now - self.offset);
    }
    fn restart(&mut self, _: i64) {
        self.total = 0;
    }
    fn counter(&self) -> i64 {
        self.total
    }
}

/// Every answer is added, whatever was added before.
struct BlindAdd {
    window: i64,
    every: i64,
    total: i64,
}

impl Design for BlindAdd {
    fn every(&self) -> i64 {
        self.every
    }
    fn poll(&mut self, now: i64, calls: &dyn Fn(i64, i64) -> i64) {
        self.total += calls(now - self.window, now);
    }
    fn restart(&mut self, _: i64) {
        self.total = 0;
    }
    fn counter(&self) -> i64 {
        self.total
    }
}

/// It goes on from where it was, up to some minutes ago.
struct Watermark {
    delay: i64,
    persisted: bool,
    mark: Option<i64>,
    total: i64,
}

impl Design for Watermark {
    fn every(&self) -> i64 {
        5
    }
    fn poll(&mut self, now: i64, calls: &dyn Fn(i64, i64) -> i64) {
        let to = now - self.delay;
        let from = self.mark.unwrap_or(to - 5);
        if from < to {
            self.total += calls(from, to);
            self.mark = Some(to);
        }
    }
    fn restart(&mut self, _: i64) {
        if !self.persisted {
            (self.mark, self.total) = (None, 0);
        }
    }
    fn counter(&self) -> i64 {
        self.total
    }
}

/// A design that has seen nothing yet.
type Make = Box<dyn Fn() -> Box<dyn Design>>;

/// The rivals by what they do.
fn rivals() -> Vec<(&'static str, Make)> {
    fn design<D: Design + 'static>(make: impl Fn() -> D + 'static) -> Make {
        Box::new(move || Box::new(make()))
    }
    vec![
        (
            "keeps only the newest minute, asked every 5 min",
            design(|| Newest { every: 5, offset: 5, total: 0 }),
        ),
        ("the same, asked every minute", design(|| Newest { every: 1, offset: 5, total: 0 })),
        ("adds the last 5 min, asked every 5 min", design(|| BlindAdd { window: 5, every: 5, total: 0 })),
        ("adds the last 10 min, asked every 5 min", design(|| BlindAdd { window: 10, every: 5, total: 0 })),
        (
            "goes on from a watermark in memory, 5 min behind",
            design(|| Watermark { delay: 5, persisted: false, mark: None, total: 0 }),
        ),
        (
            "goes on from a watermark on disk, 5 min behind",
            design(|| Watermark { delay: 5, persisted: true, mark: None, total: 0 }),
        ),
    ]
}

/// What may go wrong on a day; each one adds to those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weather {
    Late,
    Failures,
    Restarts,
    Corrections,
}

const WEATHERS: [Weather; 4] = [Weather::Late, Weather::Failures, Weather::Restarts, Weather::Corrections];
const DAYS: u64 = 2;

/// A day of some 300 calls: most are in the next answer, some minutes late, a few up to 25.
fn day(weather: Weather, seed: u64) -> Plan {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut ops = vec![Op::Pass { minutes: 60 }];
    // Two ends of the process: a short one, and one that takes a while.
    let ends = [dice.random_range(200..600), dice.random_range(700..1_100)];
    for minute in 0..1_260_u32 {
        // More by day than by night.
        let share = if (420..1_020).contains(&minute) { 0.42 } else { 0.1 };
        if dice.random_bool(share) {
            let ago = match dice.random_range(0..100) {
                0..85 => 1,
                85..97 => dice.random_range(2..=6),
                _ => dice.random_range(6..=25),
            };
            ops.push(Op::Appear { kind: 3, ago, skill: 0, a: dice.random(), b: dice.random() });
        }
        let fails = dice.random_bool(0.004);
        if fails && weather >= Weather::Failures {
            ops.push(Op::Fail { count: 1, fault: Fault::Lost });
        }
        let corrected = dice.random_bool(0.005);
        let which = dice.random();
        if corrected && weather >= Weather::Corrections {
            ops.push(Op::Withdraw { which });
        }
        if weather >= Weather::Restarts && ends.contains(&minute) {
            ops.push(Op::Restart { down: if minute == ends[0] { 2 } else { 40 } });
        } else {
            match ops.last_mut() {
                Some(Op::Pass { minutes }) => *minutes += 1,
                _ => ops.push(Op::Pass { minutes: 1 }),
            }
        }
    }
    ops.push(Op::Pass { minutes: 60 });
    // `cdr_1` alone.
    let place =
        crate::api::Report::FIVE.iter().position(|report| *report == crate::api::Report::Cdr1).unwrap();
    Plan {
        start: 12,
        from: None,
        reports: 1 << place,
        interval: 1,
        settle: 0,
        discover: false,
        skills: 1,
        ops,
    }
}

/// What a design makes of a day, as Prometheus sees it, and the truth.
fn live(design: &mut dyn Design, plan: &Plan) -> (i64, i64) {
    let (zone, begins) = STARTS[usize::from(plan.start) % STARTS.len()];
    let calendar = Calendar(jiff::tz::TimeZone::get(zone).unwrap());
    let start = calendar.instant(begins.parse().unwrap());
    let skills = std::collections::BTreeSet::from(["101".to_owned()]);
    let mut vendor = Vendor::new(skills, Clock::manual(start), Box::new(|| 0));
    let at = |minute: i64| -> Timestamp { start + SignedDuration::from_mins(minute) };
    let (mut now, mut failing, mut before, mut increase) = (0_i64, 0_u8, 0_i64, 0_i64);
    for op in plan.ops.iter().chain([&Op::Pass { minutes: 120 }]) {
        match *op {
            Op::Pass { minutes } => {
                for _ in 0..minutes {
                    now += 1;
                    if now % design.every() == 0 {
                        if failing > 0 {
                            failing -= 1;
                        } else {
                            let calls = |from: i64, to: i64| {
                                let (from, to) = (calendar.local(at(from)), calendar.local(at(to)));
                                vendor.rows.values().filter(|row| from <= row.at && row.at < to).count()
                                    as i64
                            };
                            design.poll(now, &calls);
                        }
                    }
                    let shown = design.counter();
                    increase += if shown < before { shown } else { shown - before };
                    before = shown;
                }
            }
            Op::Fail { count, .. } => failing += count,
            Op::Restart { down } => {
                now += i64::from(down);
                design.restart(now);
            }
            ref op => vendor.happen(op, |ago| calendar.local(at(now - i64::from(ago)))),
        }
    }
    (increase, vendor.rows.len() as i64)
}

/// The error of a day's total, as the README shows it.
fn table() -> String {
    let mut table = String::from(
        "| Design | late rows | and lost answers | and restarts | and corrections |\n| --- | --- | --- | --- | --- |\n",
    );
    let mut line = |name: &str, count: &mut dyn FnMut(&Plan) -> (i64, i64)| {
        write!(table, "| {name} |").unwrap();
        for weather in WEATHERS {
            let (mut found, mut wanted) = (0, 0);
            for seed in 0..DAYS {
                let (one, truth) = count(&day(weather, seed));
                found += one;
                wanted += truth;
            }
            let tenths = ((found - wanted) * 2_000 + wanted * (found - wanted).signum()) / (2 * wanted);
            let sign = if tenths < 0 { "-" } else { "" };
            write!(table, " {sign}{}.{} % |", tenths.abs() / 10, tenths.abs() % 10).unwrap();
        }
        table.push('\n');
    };
    for (name, make) in rivals() {
        line(name, &mut |plan| live(&mut *make(), plan));
    }
    line("**this program**, asked every 20 min", &mut |plan| {
        // The truth does not depend on who looks at it.
        let (_, truth) = live(&mut BlindAdd { window: 1, every: 1, total: 0 }, plan);
        (World::count_calls(plan), truth)
    });
    table
}

#[test]
fn the_table_of_designs_in_the_readme_is_what_they_do() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- designs:begin -->\n", "<!-- designs:end -->");
    let from = readme.find(begin).expect("the README has a place for the table") + begin.len();
    let to = from + readme[from..].find(end).expect("the place ends");
    let table = table();
    if std::env::var_os("WOLKVOX_WRITE").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &readme[..from], &readme[to..])).unwrap();
        return;
    }
    assert_eq!(
        &readme[from..to],
        table,
        "write it again with WOLKVOX_WRITE=1 cargo test --lib table_of_designs"
    );
}
