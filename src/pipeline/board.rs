//! What all operations show: their blocks on the way to the publisher, and their part of the status page.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::{Reason, Report};
use crate::config::Operation;
use crate::exposition::{OperationBlocks, Publisher};
use crate::metrics::{Block, Family, Kind, Sample, catalogue};
use crate::names::{self, Names};
use crate::time::{Clock, Timestamp};
use crate::today::{self, Today};
use crate::vitals::Vitals;

/// What one operation shows.
#[derive(Debug)]
pub struct Face {
    /// As configured.
    pub operation: Arc<Operation>,
    /// What we know of our own reading.
    pub vitals: Vitals,
    /// The current local day.
    pub today: Today,
    /// Names, targets and opening hours.
    pub names: Names,
    /// Why and until when the operation waits.
    pub paused: Option<(Reason, Timestamp)>,
    /// Whether `dnis` holds callers' numbers and is withheld.
    pub withheld: bool,
    /// The counters as the ledger last published them, and its generation.
    counters: (u64, Arc<Vec<Block>>),
    labelled: names::Shown,
    /// The counters as shown: without the gauges of callbacks when those are stale.
    ledger: Shown,
    shown: [Arc<Vec<Block>>; 3],
    /// Which generation of the ledger each number given to the publisher holds, oldest first.
    generations: VecDeque<(u64, u64)>,
    /// When it was rendered last, and when something changes by the clock alone.
    rendered: Timestamp,
    changes_after: Timestamp,
}

/// The faces of all operations, and the publisher they are shown by.
#[derive(Debug, Clone)]
pub struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    publisher: Publisher,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    faces: BTreeMap<Arc<str>, Face>,
}

impl Board {
    /// An empty board.
    pub fn new(clock: Clock, publisher: Publisher) -> Board {
        Board(Arc::new(Inner { clock, publisher, state: Mutex::default() }))
    }

    /// Puts an operation on the board, or follows a change of its configuration.
    pub fn enter(&self, operation: Arc<Operation>, reports: &[Report]) {
        let mut state = self.state();
        let name: Arc<str> = operation.name.as_str().into();
        let face = state.faces.entry(name).or_insert_with(|| Face {
            vitals: Vitals::new(&operation.name, []),
            operation: Arc::clone(&operation),
            today: Today::default(),
            names: Names::default(),
            paused: None,
            withheld: false,
            counters: (0, Arc::default()),
            labelled: names::Shown::default(),
            ledger: Shown::default(),
            shown: [Arc::default(), Arc::default(), Arc::default()],
            generations: VecDeque::new(),
            rendered: Timestamp::MIN,
            changes_after: Timestamp::MIN,
        });
        face.operation = operation;
        face.vitals.keep(reports);
        self.show(&mut state, None);
    }

    /// Takes an operation off the board.
    pub fn leave(&self, operation: &str) {
        let mut state = self.state();
        state.faces.remove(operation);
        self.show(&mut state, None);
    }

    /// Changes what an operation shows; published with the next [`Board::update`], or within a second.
    pub fn note(&self, operation: &str, change: impl FnOnce(&mut Face)) {
        if let Some(face) = self.state().faces.get_mut(operation) {
            change(face);
            face.changes_after = Timestamp::MIN;
        }
    }

    /// Changes what an operation shows, and publishes it.
    pub fn update(&self, operation: &str, change: impl FnOnce(&mut Face)) {
        let mut state = self.state();
        if let Some(face) = state.faces.get_mut(operation) {
            change(face);
        }
        self.show(&mut state, Some(operation));
    }

    /// Reads what an operation shows.
    pub fn look<T>(&self, operation: &str, look: impl FnOnce(&Face) -> T) -> Option<T> {
        self.state().faces.get(operation).map(look)
    }

    /// Reads what every operation shows, in the order of their names.
    pub fn look_at_all<T>(&self, mut look: impl FnMut(&Face) -> T) -> Vec<T> {
        self.state().faces.values().map(&mut look).collect()
    }

    /// The number last given to the publisher.
    pub fn number(&self) -> u64 {
        self.state().number
    }

    /// Publishes what was noted, and what has changed by the clock alone: midnight, stale sources, opening hours.
    pub fn tick(&self) {
        let now = self.0.clock.now();
        let mut state = self.state();
        let due: Vec<Arc<str>> = state
            .faces
            .iter()
            // A clock that was set back may have made another day of it.
            .filter(|(_, face)| face.changes_after <= now || now < face.rendered)
            .map(|(name, _)| Arc::clone(name))
            .collect();
        let mut changed = false;
        for name in due {
            if let Some(face) = state.faces.get_mut(&name) {
                changed |= face.render(&self.0.clock);
            }
        }
        if changed {
            self.publish(&mut state);
        }
    }

    /// The newest generation of an operation's ledger that a scrape has been answered with.
    pub fn served(&self, operation: &str) -> u64 {
        let number = self.0.publisher.served(operation);
        let mut state = self.state();
        let Some(face) = state.faces.get_mut(operation) else { return 0 };
        while face.generations.len() > 1 && face.generations[1].0 <= number {
            face.generations.pop_front();
        }
        face.generations.front().filter(|(shown, _)| *shown <= number).map_or(0, |(_, ledger)| *ledger)
    }

    fn show(&self, state: &mut State, only: Option<&str>) {
        let mut changed = only.is_none();
        for (name, face) in &mut state.faces {
            if only.is_none_or(|only| only == &**name) {
                changed |= face.render(&self.0.clock);
            }
        }
        if changed {
            self.publish(state);
        }
    }

    fn publish(&self, state: &mut State) {
        state.number += 1;
        let number = state.number;
        let blocks = state
            .faces
            .iter_mut()
            .map(|(name, face)| {
                let generation = face.counters.0;
                if face.generations.back().is_none_or(|(_, last)| *last != generation) {
                    face.generations.push_back((number, generation));
                }
                let mut blocks = vec![Arc::clone(&face.ledger.blocks)];
                blocks.extend(face.shown.iter().map(Arc::clone));
                OperationBlocks { name: Arc::clone(name), blocks }
            })
            .collect();
        self.0.publisher.update(number, blocks);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole between two statements; what a panic left is still good to show.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face {
    /// Whether every enabled report has been read, or could not be: what stops the token, or the way to the server,
    /// stops them all.
    pub fn is_cycle_over(&self) -> bool {
        if self.paused.is_some() {
            return true;
        }
        let reports: BTreeMap<_, _> = self.vitals.reports().collect();
        self.operation.enabled().all(|report| reports.get(&report).is_some_and(|vitals| vitals.up.is_some()))
    }

    /// The reports whose last reading failed, in words.
    pub fn failures(&self) -> Vec<String> {
        let failing = self.vitals.reports().filter(|(_, vitals)| vitals.up == Some(false));
        failing
            .map(|(report, vitals)| {
                let words =
                    vitals.last_failure.as_ref().map(|(_, _, words)| words.as_str()).unwrap_or_default();
                format!("{} {report}: {words}", self.operation.name)
            })
            .collect()
    }

    /// How many callbacks wait, and since when the oldest does; `None` without a fresh reading of them.
    pub fn callbacks_waiting(&self, now: Timestamp) -> Option<(i64, Option<Timestamp>)> {
        if now >= self.callbacks_until() {
            return None;
        }
        let samples = |family: &'static Family| {
            let blocks = self.counters.1.iter().filter(move |block| block.family.is(family));
            blocks.flat_map(|block| &block.samples)
        };
        // The status is the last label, and quotes in values are escaped.
        let is_waiting = |sample: &&Sample| sample.labels.as_str().ends_with(",status=\"yes\"");
        let waiting = samples(&catalogue::CALLBACKS).filter(is_waiting).map(|sample| sample.values[0]).sum();
        let oldest = samples(&catalogue::CALLBACK_OLDEST_WAITING).map(|sample| sample.values[0]).min();
        Some((waiting, oldest.and_then(|at| Timestamp::from_millisecond(at).ok())))
    }

    /// Takes over what the ledger publishes.
    pub fn counters(&mut self, generation: u64, blocks: Arc<Vec<Block>>, labelled: names::Shown) {
        self.counters = (generation, blocks);
        self.labelled = labelled;
    }

    /// Everything that is shown, as it was last given to the publisher.
    #[cfg(test)]
    pub(super) fn showing(&self) -> impl Iterator<Item = &Block> {
        self.ledger.blocks.iter().chain(self.shown.iter().flat_map(|blocks| blocks.iter()))
    }

    /// The sum of a counter's series as the ledger last published them.
    #[cfg(test)]
    pub(super) fn counted(&self, family: &'static crate::metrics::Family) -> i64 {
        let blocks = self.counters.1.iter().filter(|block| block.family.is(family));
        blocks.flat_map(|block| &block.samples).map(|sample| sample.values[0]).sum()
    }

    /// Renders what is shown again; tells whether anything is to be published.
    fn render(&mut self, clock: &Clock) -> bool {
        let now = clock.now();
        let zone = &self.operation.zone;
        let fresh = [
            self.vitals.blocks(clock),
            self.today.blocks(&self.operation.name, zone, now),
            self.names.blocks(&self.operation, &self.labelled, now),
        ];
        let callbacks_until = self.callbacks_until();
        let mut changes_after = self.today.changes_after(zone, now).min(self.names.changes_after(now));
        if callbacks_until > now {
            changes_after = changes_after.min(callbacks_until);
        }
        (self.rendered, self.changes_after) = (now, changes_after);
        let mut changed = self.ledger.follow(&self.counters, now < callbacks_until, clock);
        for (shown, fresh) in self.shown.iter_mut().zip(fresh) {
            if **shown != fresh {
                *shown = Arc::new(fresh);
                changed = true;
            }
        }
        changed
    }

    /// Until when the last reading of callbacks speaks for their gauges.
    fn callbacks_until(&self) -> Timestamp {
        let vitals = self.vitals.reports().find(|(report, _)| *report == Report::Diagram3);
        let read = vitals.and_then(|(_, vitals)| Some((vitals.last_success?, vitals.interval?)));
        read.map_or(Timestamp::MIN, |(at, interval)| today::fresh_until(at, interval))
    }
}

/// The ledger's blocks as they are shown.
#[derive(Debug, Default)]
struct Shown {
    generation: u64,
    fresh: bool,
    blocks: Arc<Vec<Block>>,
}

impl Shown {
    /// Takes over a new generation, or a change of freshness; tells whether there was one.
    fn follow(&mut self, counters: &(u64, Arc<Vec<Block>>), fresh: bool, clock: &Clock) -> bool {
        let (generation, blocks) = counters;
        if self.generation == *generation && self.fresh == fresh {
            return false;
        }
        let is_gauge = |block: &Block| block.family.kind == Kind::Gauge;
        // The same Arc as long as nothing in it has to change: its text is then copied, not written again.
        self.blocks = if !blocks.iter().any(is_gauge) || (fresh && clock.is_real()) {
            Arc::clone(blocks)
        } else {
            let kept = blocks.iter().filter(|block| fresh || !is_gauge(block)).cloned();
            Arc::new(kept.map(|block| in_real_time(block, clock)).collect())
        };
        (self.generation, self.fresh) = (*generation, fresh);
        true
    }
}

/// Instants of the contact centre as real ones.
fn in_real_time(mut block: Block, clock: &Clock) -> Block {
    if block.family.is(&catalogue::CALLBACK_OLDEST_WAITING) {
        for value in block.samples.iter_mut().flat_map(|sample| sample.values.iter_mut()) {
            if let Ok(at) = Timestamp::from_millisecond(*value) {
                *value = clock.to_wall(at).as_millisecond();
            }
        }
    }
    block
}
