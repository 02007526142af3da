//! Does what a plan says to a real exporter: the worker, the schedule, the client behind its wire, the decoder, the
//! ledger on a disk that can fail, the board, and what a scrape shows. Only the sockets and the clock are not real.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::model::{Begin, Model, OPERATION, Settings, Sums};
use super::operation::{Op, Plan};
use super::vendor::{self, Shared, Vendor};
use crate::api::Report;
use crate::client::Client;
use crate::config::Config;
use crate::exposition::{Encoding, Format, Pace, Publisher, SelfMetrics};
use crate::ledger::tests::disk::Disk;
use crate::ledger::{Ledger, Total};
use crate::metrics::{Family, Kind, catalogue};
use crate::pipeline::board::Board;
use crate::pipeline::keeper::name_seed;
use crate::pipeline::look_around;
use crate::pipeline::store::Store;
use crate::pipeline::worker::{Memory, Worker};
use crate::schedule::{History, Schedule};
use crate::time::{Clock, SignedDuration, Timestamp};

const KEY: [u8; 32] = [5; 32];

/// How often a life at work is glanced at, and how many glances without a request or a storage operation are too many.
const GLANCE: Duration = Duration::from_millis(500);
const IDLE_GLANCES: u32 = 40;

/// As in production.
const ZERO_HOLD: Duration = Duration::from_secs(120);

/// Where and when lives begin: most of them shortly before the clocks change.
pub(super) const STARTS: [(&str, &str); 13] = [
    ("America/Bogota", "2026-04-06T09:20:00"),
    ("America/Bogota", "2026-04-06T23:10:00"),
    ("America/New_York", "2026-10-31T19:20:00"),
    ("America/New_York", "2026-11-01T00:10:00"),
    ("America/New_York", "2026-03-07T20:20:00"),
    ("America/Santiago", "2026-09-05T18:20:00"),
    ("America/Santiago", "2026-04-04T20:40:00"),
    ("Australia/Lord_Howe", "2026-04-04T22:40:00"),
    ("Australia/Lord_Howe", "2026-10-03T21:40:00"),
    ("Africa/Cairo", "2026-10-29T20:15:00"),
    ("Atlantic/Azores", "2026-10-24T21:30:00"),
    ("UTC", "2026-12-31T22:10:00"),
    ("America/Bogota", "2026-04-06T00:10:00"),
];

const INTERVALS: [u64; 5] = [60, 20, 150, 300, 5];
const SETTLES: [i64; 3] = [3, 2, 7];

/// What was done and looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) lives: u64,
    pub(super) ops: u64,
    pub(super) requests: u64,
    pub(super) lost: u64,
    pub(super) deaths: u64,
    pub(super) power_cuts: u64,
    pub(super) refusals: u64,
    pub(super) restarts: u64,
    pub(super) seals: u64,
    pub(super) as_held: u64,
    pub(super) audits: u64,
    pub(super) looks: u64,
    pub(super) scrapes: u64,
}

/// What the operator wrote.
#[derive(Debug, Clone)]
struct Written {
    zone: &'static str,
    from: Option<jiff::civil::Date>,
    reports: [bool; 5],
    interval: u64,
    settle: i64,
    agents: bool,
    named: Option<BTreeSet<String>>,
}

impl Written {
    fn text(&self) -> String {
        let mut text = format!(
            "operations:\n  - name: {OPERATION}\n    base_url: http://127.0.0.1:1/api/v2/\n    token_env: TOKEN\n    \
             timezone: {}\n    daily_requests: 10000000\n",
            self.zone
        );
        if let Some(from) = self.from {
            text += &format!("    count_from: {from}\n");
        }
        if let Some(named) = &self.named {
            let named: Vec<String> = named.iter().map(|skill| format!("\"{skill}\"")).collect();
            text += &format!("    skills: [{}]\n", named.join(", "));
        }
        text += "    reports:\n";
        for (report, on) in Report::FIVE.into_iter().zip(self.reports) {
            let code = report.code();
            let agents = if report == Report::Cdr1 && self.agents { ", agents: true" } else { "" };
            text += &match on {
                true => format!(
                    "      {code}: {{ interval: {}m, settle: {}h{agents} }}\n",
                    self.interval, self.settle
                ),
                false => format!("      {code}: off\n"),
            };
        }
        text
    }

    fn settings(&self) -> Settings {
        Settings {
            settle: jiff::SignedDuration::from_hours(self.settle),
            coding: jiff::SignedDuration::from_mins(30),
            agents: self.agents,
        }
    }

    fn is_on(&self, report: Report) -> bool {
        Report::FIVE.into_iter().zip(self.reports).any(|(known, on)| known == report && on)
    }
}

/// One life of the exporter.
struct Life {
    runtime: tokio::runtime::Runtime,
    store: Store,
    board: Board,
    publisher: Publisher,
    work: Pin<Box<dyn Future<Output = ()>>>,
    began: Timestamp,
    failing: bool,
}

pub(super) struct World {
    written: Written,
    clock: Clock,
    ahead: i64,
    vendor: Shared,
    is_dead: Arc<Notify>,
    disk: Disk,
    life: Option<Life>,
    /// What may be true: more than one only between a disk that refused and the next look.
    models: Vec<Model>,
    /// Reports that wait for their past.
    hidden: BTreeSet<Report>,
    is_entered: bool,
    /// Counters as they were last shown.
    shown: HashMap<(&'static str, String), Vec<i64>>,
    scraped: HashMap<String, f64>,
    families: BTreeMap<&'static str, Report>,
    longest_interval: u64,
    dies_with: Option<(u16, u64)>,
    /// Storage operations refused before the last look.
    refused: u64,
    /// Something was refused, and may have reached the disk all the same: memory will tell when it is read anew.
    is_torn: bool,
    /// The last answers, for whoever wonders.
    trace: VecDeque<String>,
    /// Whether everything is to be looked at, though no answer came.
    is_curious: bool,
    pub(super) tally: Tally,
}

type Key = (&'static str, String);

/// Label text and values.
type Samples = Vec<(String, Vec<i64>)>;

/// What the ledger says.
struct Found {
    totals: Vec<Total>,
    history: Option<Arc<History>>,
}

impl World {
    pub(super) fn new(plan: &Plan) -> World {
        let (zone, begins) = STARTS[usize::from(plan.start) % STARTS.len()];
        let begins: DateTime = begins.parse().unwrap();
        let settle = SETTLES[usize::from(plan.settle) % SETTLES.len()];
        let interval = INTERVALS[usize::from(plan.interval) % 4];
        let mask = if plan.reports.is_multiple_of(32) { 31 } else { plan.reports };
        let skills: BTreeSet<String> = (0..plan.skills.clamp(1, 4)).map(vendor::skill).collect();
        let written = Written {
            zone,
            from: plan
                .from
                .map(|days| begins.date().checked_sub(jiff::Span::new().days(i64::from(days))).unwrap()),
            reports: std::array::from_fn(|place| mask >> place & 1 == 1),
            interval,
            settle,
            agents: false,
            named: (!plan.discover).then(|| skills.clone()),
        };
        let model = Model::new(zone, written.settings());
        let clock = Clock::manual(model.calendar.instant(begins));
        let disk = Disk::default();
        let refused = disk.clone();
        let vendor = Vendor::new(skills, clock.clone(), Box::new(move || refused.refused()));
        let is_dead = Arc::clone(&vendor.is_dead);
        // A file is created under another name and appears whole.
        let shared = disk.clone();
        drop(Ledger::with_backend(move || shared.clone(), KEY).unwrap());
        let families = Report::FIVE.into_iter().flat_map(|report| {
            let title = format!("{}:", report.code());
            let sections =
                catalogue::SECTIONS.iter().filter(move |section| section.title.starts_with(&title));
            sections.flat_map(|section| section.families.iter()).map(move |family| (family.name, report))
        });
        let mut world = World {
            written,
            clock,
            ahead: 0,
            vendor: Arc::new(std::sync::Mutex::new(vendor)),
            is_dead,
            disk,
            life: None,
            models: vec![model],
            hidden: BTreeSet::new(),
            is_entered: false,
            shown: HashMap::new(),
            scraped: HashMap::new(),
            families: families.collect(),
            longest_interval: interval,
            dies_with: None,
            refused: 0,
            is_torn: false,
            trace: VecDeque::new(),
            is_curious: true,
            tally: Tally::default(),
        };
        world.begin();
        world
    }

    /// Does one thing after the other, without looking closer than the exporter's own rhythm, until all has settled;
    /// returns what the counter of calls shows in the end.
    pub(super) fn count_calls(plan: &Plan) -> i64 {
        let mut world = World::new(plan);
        plan.ops.iter().for_each(|op| world.step(op));
        world.settle();
        let calls = world.shown.iter().filter(|((family, _), _)| *family == catalogue::CDR_CALLS.name);
        calls.map(|(_, values)| values[0]).sum()
    }

    /// Does everything in a plan, and lives on until all of it has settled.
    pub(super) fn live(plan: &Plan) -> Tally {
        let mut world = World::new(plan);
        for op in &plan.ops {
            world.is_curious = true;
            world.step(op);
            world.tally.ops += 1;
        }
        world.settle();
        world.tally.lives = 1;
        let vendor = vendor::lock(&world.vendor);
        world.tally.requests = vendor.requests;
        drop(vendor);
        world.tally.seals = world.models[0].words.sealed;
        world.tally.as_held = world.models[0].words.as_held;
        world.tally
    }

    fn now(&self) -> Timestamp {
        self.clock.now() - SignedDuration::from_secs(self.ahead)
    }

    // --- lives ---

    /// The process begins on the ledger as it is.
    fn begin(&mut self) {
        assert!(self.life.is_none());
        self.disk.fail(0, 0);
        {
            let mut vendor = vendor::lock(&self.vendor);
            vendor.dies_after = None;
            vendor.dies_of_refusal = false;
            vendor.busy = 0;
        }
        self.dies_with = None;
        let config = Config::parse(&self.written.text(), Path::new("."), "plan")
            .unwrap_or_else(|error| panic!("{error}\n{}", self.written.text()));
        let operation = Arc::new(config.operations[0].clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let now = self.clock.now();
        let disk = self.disk.clone();
        let mut ledger = Ledger::with_backend(move || disk.clone(), KEY).unwrap();
        ledger.enter(&operation, now).unwrap();
        // What waited may have been shown since. Which answers were taken is uncertain after a power cut, so the models
        // cannot tell.
        self.hidden.retain(|report| ledger.standing(OPERATION, *report, now).hidden_until_caught_up);
        self.enter_models(now);
        let own = Arc::new(SelfMetrics::new("0", "0", "0"));
        let publisher = Publisher::with_pace(Arc::clone(&own), Pace { least: Duration::ZERO, factor: 0 });
        let board = Board::new(self.clock.clone(), publisher.clone());
        let reports: Vec<Report> = operation.enabled().chain([Report::TokenInfo]).collect();
        board.enter(Arc::clone(&operation), &reports);
        let env =
            BTreeMap::from([("TOKEN".to_owned(), "9f86d081884c7d6591234567feaa0c55ad015a3b".to_owned())]);
        let client = Client::new(&operation, &env, None).unwrap().in_process(vendor::upstream(&self.vendor));
        let key = ledger.identity_key();
        let store = Store::new(ledger, own);
        let worker = Worker {
            schedule: Schedule::new(&operation, 7 ^ name_seed(OPERATION), now),
            operation,
            clock: self.clock.clone(),
            client,
            store: store.clone(),
            board: board.clone(),
            key,
            memory: Memory::default(),
        };
        let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(worker.run(CancellationToken::new(), || ()));
        self.life = Some(Life { runtime, store, board, publisher, work, began: self.now(), failing: false });
    }

    fn enter_models(&mut self, now: Timestamp) {
        let from = self.written.from.map(|date| self.models[0].calendar.instant(date.at(0, 0, 0, 0)));
        if !self.is_entered && from.is_some() {
            self.hidden.extend(Report::FIVE.into_iter().filter(|report| self.written.is_on(*report)));
        }
        self.hidden.retain(|report| self.written.is_on(*report));
        for model in &mut self.models {
            model.restart();
            model.settings = self.written.settings();
            model.discovers = self.written.named.is_none() && self.written.is_on(Report::Skill6);
            for report in Report::FIVE {
                let begin = match from {
                    Some(from) if self.hidden.contains(&report) => Begin::From(from),
                    _ => Begin::Opening,
                };
                if !self.written.is_on(report) {
                    model.leave(report, None, now);
                } else if report != Report::Skill6 {
                    model.enter(report, "", begin, now);
                } else if let Some(named) = &self.written.named {
                    named.iter().for_each(|skill| model.enter(report, skill, begin, now));
                } else if !model.has_met_skills {
                    model.has_met_skills = true;
                    model.awaits_list = Some(begin);
                } else {
                    let known: Vec<String> = model
                        .scopes
                        .iter()
                        .filter(|((known, _), scope)| *known == report && scope.left.is_some())
                        .map(|((_, skill), _)| skill.clone())
                        .collect();
                    known.iter().for_each(|skill| model.enter(report, skill, begin, now));
                    if let Some(awaited) = &mut model.awaits_list {
                        *awaited = begin;
                    }
                }
            }
        }
        self.is_entered = true;
    }

    /// The process ends: in order, or wherever it is.
    fn end(&mut self, in_order: bool) {
        let Life { runtime, store, work, .. } = self.life.take().expect("it lives");
        drop(work);
        if in_order && runtime.block_on(store.commit(Ledger::flush)).is_err() {
            // The disk refused; what was not written is only timestamps.
        }
        drop(store);
        runtime.shutdown_background();
    }

    /// The process is away for a while.
    fn away(&mut self, minutes: u16) {
        self.clock.advance(SignedDuration::from_mins(i64::from(minutes)));
    }

    // --- time ---

    /// Lets the exporter work until it waits; `None` when it died meanwhile.
    ///
    /// One that waits for something that never comes would be waited for without end, so real time is watched, too:
    /// only for whether anything at all goes on, and this thread looks between any two glances.
    fn rest(&mut self) -> Option<Timestamp> {
        let life = self.life.as_mut().expect("it lives");
        let (clock, is_dead, work) = (self.clock.clone(), Arc::clone(&self.is_dead), &mut life.work);
        let (vendor, disk) = (Arc::clone(&self.vendor), self.disk.clone());
        let rested = life.runtime.block_on(async move {
            let mut done = (0, 0);
            let mut idle = 0;
            loop {
                let rested = tokio::select! {
                    biased;
                    () = is_dead.notified() => Ok(None),
                    () = &mut *work => Err("the worker ended by itself"),
                    at = clock.asleep(1) => Ok(Some(at)),
                    () = tokio::time::sleep(GLANCE) => {
                        let now = (vendor::lock(&vendor).requests, disk.operations());
                        idle = if std::mem::replace(&mut done, now) == now { idle + 1 } else { 0 };
                        if idle < IDLE_GLANCES {
                            continue;
                        }
                        Err("the worker waits for what never comes")
                    }
                };
                return rested;
            }
        });
        rested.unwrap_or_else(|words| panic!("{words}\n{}", self.state()))
    }

    /// Where it stands, for whoever wonders.
    fn state(&self) -> String {
        let vendor = vendor::lock(&self.vendor);
        format!(
            "at {} ({} by the exporter's clock), {} requests, {} storage operations, {} refused\nanswers before:\n  {}\n",
            self.models_time(),
            self.clock.now(),
            vendor.requests,
            self.disk.operations(),
            self.disk.refused(),
            self.trace.iter().cloned().collect::<Vec<_>>().join("\n  ")
        )
    }

    /// Rests and looks; a process that died is begun again.
    fn rest_and_look(&mut self) -> Timestamp {
        loop {
            let rested = self.rest();
            let refused = vendor::lock(&self.vendor).dies_of_refusal && self.disk.refused() > 0;
            match rested {
                Some(at) if !refused => {
                    vendor::lock(&self.vendor).busy = 0;
                    self.look();
                    return at;
                }
                _ => self.dead(),
            }
        }
    }

    /// The process was cut off, and the machine with it.
    fn dead(&mut self) {
        let (down, mask) = self.dies_with.take().expect("it was meant to die");
        self.count_answers();
        self.end(false);
        self.disk.cut_power(|place| mask >> (place % 64) & 1 == 1);
        self.away(down);
        self.begin();
    }

    fn pass(&mut self, minutes: u16) {
        let until = self.now() + SignedDuration::from_mins(i64::from(minutes));
        loop {
            let at = self.rest_and_look();
            let true_at = at - SignedDuration::from_secs(self.ahead);
            if true_at > until {
                break;
            }
            self.clock.advance_to(at);
        }
        if self.now() < until {
            self.clock.advance_to(until + SignedDuration::from_secs(self.ahead));
        }
        self.rest_and_look();
    }

    // --- what happens ---

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Pass { minutes } => self.pass(minutes),
            Op::Appear { .. }
            | Op::Grow { .. }
            | Op::Revise { .. }
            | Op::Relabel { .. }
            | Op::Decide { .. }
            | Op::Withdraw { .. } => {
                let (now, calendar) = (self.now(), &self.models[0].calendar);
                let local = |ago| calendar.local(now - SignedDuration::from_mins(i64::from(ago)));
                let op = match *op {
                    // Of the reports that are on, so that little is generated in vain.
                    Op::Appear { kind, ago, skill, a, b } => {
                        let on = Report::FIVE.into_iter().filter(|report| self.written.is_on(*report));
                        let on: Vec<Report> = on.collect();
                        let kind = vendor::kind(on[usize::from(kind) % on.len()]);
                        Op::Appear { kind, ago, skill, a, b }
                    }
                    op => op,
                };
                vendor::lock(&self.vendor).happen(&op, local);
            }
            Op::Fail { count, fault } => {
                self.tally.lost += u64::from(count);
                vendor::lock(&self.vendor).faults.extend((0..count).map(|_| fault));
            }
            Op::Double { every } => vendor::lock(&self.vendor).doubled = u32::from(every),
            Op::Die { requests, down, mask } => {
                self.rest_and_look();
                self.disk.fail(0, 0);
                self.dies_with = Some((down, mask));
                let mut vendor = vendor::lock(&self.vendor);
                vendor.dies_of_refusal = false;
                vendor.dies_after = Some(requests);
                self.tally.deaths += 1;
            }
            Op::Cut { operations, down, mask } => {
                self.rest_and_look();
                self.dies_with = Some((down, mask));
                self.disk.fail(u64::from(operations), u64::MAX);
                let mut vendor = vendor::lock(&self.vendor);
                vendor.dies_after = None;
                vendor.dies_of_refusal = true;
                self.tally.power_cuts += 1;
            }
            Op::Refuse { operations, count } => {
                if self.dies_with.is_none() {
                    self.disk.fail(u64::from(operations), u64::from(count));
                    self.tally.refusals += 1;
                }
            }
            Op::Restart { down } => self.restart(down, |_| ()),
            Op::Skew { minutes } => {
                let now = self.now();
                self.ahead = i64::from(minutes) * 60;
                vendor::lock(&self.vendor).ahead = self.ahead;
                self.clock.advance_to(now + SignedDuration::from_secs(self.ahead));
            }
            Op::Interval { which } => {
                let interval = INTERVALS[usize::from(which) % 4];
                self.longest_interval = self.longest_interval.max(interval);
                self.restart(0, |written| written.interval = interval);
            }
            Op::Agents { on } => self.restart(0, |written| written.agents = on),
            Op::Turn { which, on } => self.restart(0, |written| {
                written.reports[usize::from(which) % 5] = on;
                // One at least.
                if written.reports == [false; 5] {
                    written.reports[usize::from(which) % 5] = true;
                }
            }),
            Op::Skill => {
                let mut vendor = vendor::lock(&self.vendor);
                let number = vendor.skills.len() as u8;
                if number < 4 {
                    vendor.skills.insert(vendor::skill(number));
                }
            }
            Op::Scrape => self.scrape(),
        }
    }

    /// The process ends in order, and begins with what is written then.
    fn restart(&mut self, down: u16, write: impl FnOnce(&mut Written)) {
        self.rest_and_look();
        self.count_answers();
        self.end(true);
        self.disk.cut_power(|_| true);
        write(&mut self.written);
        self.away(down);
        self.begin();
        self.is_curious = true;
        self.rest_and_look();
        self.tally.restarts += 1;
    }

    /// Faults end, clocks agree, and everything that has happened settles and is sealed.
    fn settle(&mut self) {
        {
            let mut vendor = vendor::lock(&self.vendor);
            vendor.faults.clear();
            vendor.dies_after = None;
            vendor.dies_of_refusal = false;
        }
        self.disk.fail(0, 0);
        self.rest_and_look();
        self.step(&Op::Skew { minutes: 0 });
        self.pass(3 * self.written.interval as u16 + 5);
        assert_eq!(self.unread(), Vec::<String>::new(), "what the vendor shows of today has been read");
        self.longest_interval = self.longest_interval.max(210);
        self.restart(0, |written| written.interval = 210);
        let end = self.now();
        // Emptiness where rows were seen takes a day to be believed, and old buckets are read every second turn.
        for _ in 0..16 {
            self.pass(210);
            self.scrape();
        }
        for _ in 0..40 {
            if self.unsealed(end).is_empty() {
                break;
            }
            self.is_curious = true;
            self.pass(420);
        }
        assert_eq!(self.unsealed(end), Vec::<String>::new(), "what has settled is sealed");
        self.scrape();
        self.pass(5);
        self.is_curious = true;
        self.look();
        // Every counter shows its highest sum, and nothing is held back any more.
        let model = &self.models[0];
        for key in model.highest.keys() {
            let wanted = model.shown(key).filter(|values| values.iter().any(|value| *value != 0));
            if self.is_wanted(key.0) && wanted.is_some() {
                assert_eq!(self.shown.get(key), wanted.as_ref(), "{key:?}");
            }
        }
    }

    /// Calls of today that no answer has told of. The schedule does not ask for skills that have not moved, by what it
    /// remembers; a skill that it believes to have read would stay behind until its day is sealed.
    fn unread(&self) -> Vec<String> {
        let model = &self.models[0];
        let vendor = vendor::lock(&self.vendor);
        let today = model.calendar.local(self.clock.now()).date();
        let mut calls: BTreeMap<(String, String), i64> = BTreeMap::new();
        for row in vendor.rows.values().filter(|row| row.at.date() == today) {
            if let vendor::Body::Queue { skill, dnis, answered, abandoned, .. } = row.body {
                let key = (vendor::skill(skill), super::model::dnis(dnis));
                *calls.entry(key).or_default() += answered + abandoned;
            }
        }
        let is_read = |((skill, dnis), calls): &(&(String, String), &i64)| {
            let read = model.today.get(skill).filter(|(day, _, _)| day.date() == today);
            read.and_then(|(_, _, inbound)| inbound.get(dnis)) == Some(calls)
        };
        let wanted = calls.iter().filter(|((skill, _), _)| {
            let scope = model.scopes.get(&(Report::Skill6, skill.clone()));
            self.written.is_on(Report::Skill6) && scope.is_some_and(|scope| scope.left.is_none())
        });
        let unread = wanted.filter(|entry| !is_read(entry));
        unread.map(|((skill, dnis), calls)| format!("{calls} calls to {dnis} of {skill}")).collect()
    }

    /// Whether a family is to be shown: its report is on, and those of agents while agents are labels.
    fn is_wanted(&self, family: &str) -> bool {
        let is_of_agents = family.starts_with("wolkvox_agent_");
        self.written.is_on(self.families[family]) && (self.written.agents || !is_of_agents)
    }

    /// Buckets before an instant that are not sealed.
    fn unsealed(&self, before: Timestamp) -> Vec<String> {
        let model = &self.models[0];
        let mut unsealed = Vec::new();
        for ((report, skill), scope) in &model.scopes {
            if !self.written.is_on(*report) {
                continue;
            }
            let mut bucket = scope.first;
            while model.calendar.instant(Model::next(*report, bucket)) < before {
                if !scope.sealed.contains(&bucket) && scope.left.is_none() {
                    unsealed.push(format!("{report} {skill} {bucket}"));
                }
                bucket = Model::next(*report, bucket);
            }
        }
        unsealed
    }

    // --- what must hold ---

    /// Tells the models of the answers since the last look.
    fn count_answers(&mut self) {
        let exchanges = std::mem::take(&mut vendor::lock(&self.vendor).exchanges);
        let last = self.disk.refused();
        self.is_curious |= !exchanges.is_empty();
        let first = exchanges.first().map_or(last, |exchange| exchange.refused);
        if first > std::mem::replace(&mut self.refused, last) {
            self.perhaps_forgotten();
        }
        for (place, exchange) in exchanges.iter().enumerate() {
            self.remember(exchange);
            let after = exchanges.get(place + 1).map_or(last, |next| next.refused);
            let is_refused = after > exchange.refused;
            if exchange.whole {
                // Where the disk refused something, perhaps this answer was not taken.
                let before: Vec<Model> = if is_refused { self.models.clone() } else { Vec::new() };
                for model in &mut self.models {
                    model.apply(exchange);
                }
                self.models.extend(before);
            }
            // Whatever is asked next, the ledger has opened its store again by then.
            self.is_torn &= is_refused;
            if is_refused {
                self.perhaps_forgotten();
            }
        }
    }

    /// After a refusal the ledger reads itself anew, and forgets what was only in memory.
    fn perhaps_forgotten(&mut self) {
        self.is_torn = true;
        let forgetful = self.models.iter().cloned().map(|mut model| {
            model.forget();
            model
        });
        let forgetful: Vec<Model> = forgetful.collect();
        self.models.extend(forgetful);
        assert!(self.models.len() <= 256, "too much is uncertain");
    }

    fn remember(&mut self, exchange: &vendor::Exchange) {
        let request = &exchange.request;
        let window =
            request.window.map(|window| format!("{}..{}", window.from, window.to)).unwrap_or_default();
        let (rows, whole) = (exchange.rows.len(), if exchange.whole { "" } else { ", lost" });
        let (report, skill, slot) = (request.report, &request.skill, request.slot);
        let (refused, possible) = (exchange.refused, self.models.len());
        self.trace.push_back(format!(
            "{} {report} {skill} {window} slot {slot}: {rows} rows{whole}; {refused} refused, {possible} possible",
            exchange.asked
        ));
        if self.trace.len() > 14 {
            self.trace.pop_front();
        }
    }

    /// Looks at the ledger and at everything that is shown, when there may be news.
    fn look(&mut self) {
        self.count_answers();
        self.tally.looks += 1;
        if !std::mem::take(&mut self.is_curious) && !self.tally.looks.is_multiple_of(16) {
            return;
        }
        let now = self.now();
        let life = self.life.as_mut().expect("it lives");
        let uptime = Duration::try_from(now.duration_since(life.began)).unwrap_or_default();
        life.runtime.block_on(look_around(&life.store, &life.board, uptime, ZERO_HOLD, &mut life.failing));
        let found = life.runtime.block_on(life.store.with(|ledger| Found {
            totals: ledger.totals(OPERATION).collect(),
            history: ledger.history(OPERATION),
        }));
        self.audit(&found);
        self.look_at_board();
        self.tally.audits += 1;
    }

    fn audit(&mut self, found: &Found) {
        let ours = self.clock.now();
        let mut complaints = Vec::new();
        let (mut fitting, mut others) = (Vec::new(), Vec::new());
        for model in std::mem::take(&mut self.models) {
            let mut later = model.clone();
            let ticked = later.tick(ours).then_some(later);
            for model in std::iter::once(model).chain(ticked) {
                let differences = self.differences(&model, found);
                if differences.is_empty() {
                    // What cannot be told apart yet stays possible; most of it is the same again soon.
                    if !fitting.contains(&model) {
                        fitting.push(model);
                    }
                } else {
                    complaints.push(differences);
                    others.push(model);
                }
            }
        }
        if fitting.is_empty() {
            let shortest = complaints.iter().min_by_key(|complaint| complaint.len()).unwrap();
            panic!(
                "{} differences\n  {}\n{}",
                shortest.len(),
                shortest.iter().take(12).cloned().collect::<Vec<_>>().join("\n  "),
                self.state()
            );
        }
        if self.is_torn {
            fitting.append(&mut others);
        }
        self.models = fitting;
    }

    fn models_time(&self) -> String {
        format!("{} {}", self.now(), self.written.zone)
    }

    /// Where a model and the ledger differ, in both directions.
    fn differences(&self, model: &Model, found: &Found) -> Vec<String> {
        let mut out = Vec::new();
        let part = |part: &dyn Fn(&Total) -> Vec<i64>| -> Sums {
            found
                .totals
                .iter()
                .map(|total| ((total.family.name, total.labels.as_str().to_owned()), part(total)))
                .collect()
        };
        let whole = |total: &Total| total.sealed.iter().zip(&total.live).map(|(a, b)| a + b).collect();
        for (what, wanted, found) in [
            ("sealed", &model.sealed, part(&|total| total.sealed.clone())),
            ("sum", &model.whole(), part(&whole)),
            ("counter", &model.highest, part(&|total| total.mark.clone())),
        ] {
            let keys: BTreeSet<&Key> = wanted.keys().chain(found.keys()).collect();
            for key in keys {
                let value =
                    |sums: &Sums| sums.get(key).filter(|values| values.iter().any(|v| *v != 0)).cloned();
                let (wanted, found) = (value(wanted), value(&found));
                if wanted != found {
                    out.push(format!("{what} {}{{{}}}: wanted {wanted:?}, found {found:?}", key.0, key.1));
                }
            }
        }
        let Some(history) = &found.history else { return out };
        for ((report, skill), scope) in &model.scopes {
            let progress = match report {
                Report::Skill6 => history.skills.get(skill),
                report => history.reports.get(report),
            };
            let Some(progress) = progress else {
                if self.written.is_on(*report) && scope.left.is_none() {
                    out.push(format!("{report} {skill} is not read"));
                }
                continue;
            };
            let mut open = scope.first;
            while scope.sealed.contains(&open) {
                open = Model::next(*report, open);
            }
            let after: BTreeSet<DateTime> =
                scope.sealed.iter().copied().filter(|bucket| *bucket > open).collect();
            let found: BTreeSet<DateTime> =
                progress.sealed_after.iter().map(|bucket| bucket.first()).collect();
            if (open, &after) != (progress.unsealed_from.first(), &found) {
                out.push(format!(
                    "{report} {skill}: sealed up to {open} and {after:?}, found {} and {found:?}",
                    progress.unsealed_from
                ));
            }
        }
        out
    }

    /// Never backwards, born at 0, and no gauge speaks for a source that is stale.
    fn look_at_board(&mut self) {
        let life = self.life.as_ref().expect("it lives");
        let blocks: Vec<(&'static Family, Samples)> = life
            .board
            .look(OPERATION, |face| {
                let samples = |block: &crate::metrics::Block| {
                    let sample = |sample: &crate::metrics::Sample| {
                        (sample.labels.as_str().to_owned(), sample.values.to_vec())
                    };
                    block.samples.iter().map(sample).collect()
                };
                face.showing().map(|block| (block.family, samples(block))).collect()
            })
            .expect("it is on the board");
        self.judge_gauges(&blocks);
        let model = &self.models[0];
        let mut seen = BTreeSet::new();
        for (family, samples) in &blocks {
            if !self.families.contains_key(family.name) || family.kind == Kind::Gauge {
                continue;
            }
            for (labels, values) in samples {
                let key = (family.name, labels.clone());
                let before = self.shown.get(&key);
                if let Some(before) = before {
                    let falls = before.iter().zip(values).any(|(before, now)| now < before);
                    assert!(!falls, "{key:?} fell from {before:?} to {values:?}");
                }
                let is_zero = values.iter().all(|value| *value == 0);
                let was_zero = before.is_none_or(|before| before.iter().all(|value| *value == 0));
                let is_whole = model.shown(&key).as_ref() == Some(values);
                assert!(
                    is_whole || (is_zero && was_zero),
                    "{key:?} is shown as {values:?}, which it never was"
                );
                let may_appear_whole = self.written.from.is_some();
                assert!(before.is_some() || is_zero || may_appear_whole, "{key:?} is born as {values:?}");
                seen.insert(key);
            }
        }
        for key in self.shown.keys() {
            let is_wanted = self.is_wanted(key.0);
            assert_eq!(
                is_wanted,
                seen.contains(key),
                "{key:?} is {}",
                if is_wanted { "gone" } else { "there" }
            );
        }
        let counters = blocks.into_iter().filter(|(family, _)| family.kind != Kind::Gauge);
        for (family, samples) in counters.filter(|(family, _)| self.families.contains_key(family.name)) {
            for (labels, values) in samples {
                self.shown.insert((family.name, labels), values);
            }
        }
    }

    /// No gauge says what no answer said. Where it is uncertain which answers were taken, the gauges tell, too: a new
    /// status of a callback that has been counted moves nothing else.
    fn judge_gauges(&mut self, blocks: &[(&'static Family, Samples)]) {
        let gauges: Vec<_> = blocks
            .iter()
            .filter(|(family, _)| family.kind == Kind::Gauge)
            .filter_map(|(family, samples)| Some((*family, *self.families.get(family.name)?, samples)))
            .collect();
        let complaint = |model: &Model| {
            gauges
                .iter()
                .find_map(|(family, report, samples)| self.gauge(model, family, *report, samples).err())
        };
        let complaints: Vec<Option<String>> = self.models.iter().map(complaint).collect();
        if let Some(Some(first)) = complaints.first()
            && complaints.iter().all(Option::is_some)
        {
            panic!("{first}\n{}", self.state());
        }
        let judged = std::mem::take(&mut self.models).into_iter().zip(complaints);
        let (fitting, others): (Vec<_>, Vec<_>) = judged.partition(|(_, complaint)| complaint.is_none());
        let kept = fitting.into_iter().chain(others.into_iter().filter(|_| self.is_torn));
        self.models = kept.map(|(model, _)| model).collect();
    }

    /// Whether a model agrees with what a gauge shows.
    fn gauge(
        &self,
        model: &Model,
        family: &Family,
        report: Report,
        samples: &[(String, Vec<i64>)],
    ) -> Result<(), String> {
        let now = self.clock.now();
        let patience = SignedDuration::from_mins(3 * self.longest_interval as i64);
        let is_fresh = |skill: &str| {
            let at = model.fresh.get(&(report, skill.to_owned()));
            at.is_some_and(|at| now.duration_since(*at) < patience)
        };
        let label = |labels: &str, name: &str| {
            let start = format!("{name}=\"");
            let from = labels.find(&start).map(|at| at + start.len());
            from.map(|from| labels[from..].split('"').next().unwrap_or_default().to_owned())
                .unwrap_or_default()
        };
        for (labels, values) in samples {
            let skill = label(labels, "skill_id");
            let agree = |what: &str, is_so: bool| {
                let name = family.name;
                is_so.then_some(()).ok_or_else(|| format!("{name}{{{labels}}} is {values:?}: {what}"))
            };
            if family.is(&catalogue::TODAY_INBOUND_CALLS) {
                let (day, _, inbound) = model
                    .today
                    .get(&skill)
                    .ok_or_else(|| format!("{}{{{labels}}} has no reading behind it", family.name))?;
                agree("of another day", *day == model.calendar.local(now).date().at(0, 0, 0, 0))?;
                let wanted = inbound.get(&label(labels, "dnis"));
                agree(&format!("wanted {wanted:?}"), wanted == Some(&values[0]))?;
                agree("stale", is_fresh(&skill))?;
            } else if family.is(&catalogue::CALLBACKS) {
                let wanted = model.callbacks().get(&(skill, label(labels, "status"))).copied().unwrap_or(0);
                agree(&format!("wanted {wanted}"), values[0] == wanted)?;
                agree("stale", is_fresh(""))?;
            }
        }
        Ok(())
    }

    /// Prometheus comes by: what it reads never falls, and it has now seen what is shown.
    fn scrape(&mut self) {
        self.is_curious = true;
        self.rest_and_look();
        let life = self.life.as_mut().expect("it lives");
        let (publisher, number) = (life.publisher.clone(), life.board.number());
        let answer = life.runtime.block_on(async {
            let mut published = publisher.published();
            let rendered = async { published.wait_for(|known| *known >= number).await.map(drop) };
            tokio::select! {
                () = publisher.run(CancellationToken::new()) => unreachable!("nobody stops it"),
                rendered = rendered => rendered.unwrap(),
            }
            publisher.answer(Format::Text, Encoding::Identity, &[]).await.unwrap()
        });
        let text = String::from_utf8(answer.prepared.to_vec()).unwrap();
        answer.receipt.deliver();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|name| self.families.contains_key(name)))
                .unwrap_or(name);
            let is_counter = family != name || name.ends_with("_total");
            if is_counter && self.families.contains_key(family) {
                let value: f64 = value.parse().unwrap();
                if let Some(before) = self.scraped.insert(series.to_owned(), value) {
                    assert!(value >= before, "{series} was scraped as {before} and then as {value}");
                }
            }
        }
        self.tally.scrapes += 1;
        self.rest_and_look();
    }
}
