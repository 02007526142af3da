//! The current generation of prepared bytes, who makes it and who has seen it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::time::Stopwatch;

use super::gzip::Prefix;
use super::pace::{Demand, Pace};
use super::render::{self, Rendered};
use super::served::{Receipt, Served};
use super::{Encoding, Format, OperationBlocks, SelfMetrics, encode};

/// How many subsets of operations one generation keeps.
const SUBSETS_MAX: usize = 16;

/// KiB of subsets that may be held at once, kept here or by readers who take their time. Without it, many slow readers of
/// as many subsets would hold as many bodies.
const HELD_MAX: usize = 128 * 1024;

/// Takes totals, gives bytes. Clones share their state.
#[derive(Debug, Clone)]
pub struct Publisher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    own: Arc<SelfMetrics>,
    pace: Pace,
    demand: Demand,
    input: watch::Sender<Option<Arc<Input>>>,
    current: ArcSwap<Generation>,
    /// The last full body of each wanted format, from which unchanged parts are copied.
    last: Mutex<[Option<Arc<Prepared>>; 2]>,
    /// One rendering of everything at a time: more would only hold more memory.
    rendering: Arc<Semaphore>,
    /// And one of a subset. There are as many subsets as anybody likes to name, so everything does not wait for them.
    subsets: Arc<Semaphore>,
    /// What is left of [`HELD_MAX`].
    room: Arc<Semaphore>,
    served: watch::Sender<Served>,
    published: watch::Sender<u64>,
}

/// What the caller of [`Publisher::update`] gave.
#[derive(Debug)]
struct Input {
    number: u64,
    operations: Vec<OperationBlocks>,
}

/// One input and what has been rendered of it.
#[derive(Debug)]
struct Generation {
    input: Arc<Input>,
    full: [OnceCell<Arc<Prepared>>; 2],
    /// Subsets in the order of their last use, the latest last.
    subsets: Mutex<Vec<Subset>>,
}

type Key = (Format, Vec<Arc<str>>);
type Subset = (Key, Arc<OnceCell<Arc<Prepared>>>);

/// A body, and its compressed form once somebody asks for it.
#[derive(Debug)]
struct Prepared {
    rendered: Rendered,
    gzip: OnceCell<Prefix>,
    /// The room that a subset takes for as long as anybody has its bytes.
    room: Option<Arc<OwnedSemaphorePermit>>,
}

/// Bytes, and the room they take.
struct Held {
    bytes: Bytes,
    _room: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// An operation was asked for that does not exist here.
    #[error("unknown operation {0:?}")]
    UnknownOperation(String),
    /// The rendering broke; the log says why.
    #[error("cannot render the exposition")]
    Rendering,
    /// Too many subsets are still being read.
    #[error("too many subsets at once")]
    Busy,
}

/// The bytes of one answer.
#[derive(Debug)]
pub struct Answer {
    /// The prepared part, shared by all answers of one generation.
    pub prepared: Bytes,
    /// What is added at each scrape.
    pub own: Bytes,
    /// To be delivered when the last byte has been handed over.
    pub receipt: Receipt,
}

impl Publisher {
    /// A publisher of nothing yet, with the series of this process.
    pub fn new(own: Arc<SelfMetrics>) -> Publisher {
        Publisher::with_pace(own, Pace::default())
    }

    /// The same with another pace; tests want none.
    pub fn with_pace(own: Arc<SelfMetrics>, pace: Pace) -> Publisher {
        let input = Arc::new(Input { number: 0, operations: Vec::new() });
        Publisher(Arc::new(Shared {
            own,
            pace,
            demand: Demand::new(),
            input: watch::Sender::new(None),
            current: ArcSwap::from_pointee(Generation::new(input)),
            last: Mutex::default(),
            rendering: Arc::new(Semaphore::new(1)),
            subsets: Arc::new(Semaphore::new(1)),
            room: Arc::new(Semaphore::new(HELD_MAX)),
            served: watch::Sender::default(),
            published: watch::Sender::default(),
        }))
    }

    /// Hands over what is true now; the latest wins, and [`Publisher::run`] makes bytes of it.
    ///
    /// `number` is the caller's own, ascending from 1: [`Publisher::served`] speaks of it. Operations are
    /// sorted by name, each name once; where they are not, they are brought into order and the first counts.
    pub fn update(&self, number: u64, mut operations: Vec<OperationBlocks>) {
        if !operations.is_sorted_by(|a, b| a.name < b.name) {
            debug_assert!(false, "operations are sorted and distinct");
            operations.sort_by(|a, b| a.name.cmp(&b.name));
            operations.dedup_by(|a, b| a.name == b.name);
        }
        self.0.input.send_replace(Some(Arc::new(Input { number, operations })));
    }

    /// Renders each change, at the publisher's pace, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut inputs = self.0.input.subscribe();
        inputs.mark_changed();
        let mut last: Option<(Stopwatch, Duration)> = None;
        let work = async {
            // The sender lives in `self`, so waiting cannot fail.
            while inputs.changed().await.is_ok() {
                if let Some((ended, cost)) = last {
                    tokio::time::sleep(self.0.pace.wait(cost, ended.elapsed())).await;
                }
                let input = inputs.borrow_and_update().clone();
                let Some(input) = input else { continue };
                let started = Stopwatch::start();
                let shared = Arc::clone(&self.0);
                let done = in_turn(&self.0.rendering, move || shared.publish(input)).await;
                let cost = match done {
                    Ok(cost) => cost,
                    Err(_) => started.elapsed(),
                };
                last = Some((Stopwatch::start(), cost));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    }

    /// The highest number given to [`Publisher::update`] that scrapers have seen of this operation.
    pub fn served(&self, operation: &str) -> u64 {
        self.0.served.borrow().of(operation)
    }

    /// Tells of every answer that showed something for the first time.
    pub fn watch_served(&self) -> watch::Receiver<Served> {
        self.0.served.subscribe()
    }

    /// The number of the input that scrapes are answered with now; 0 before the first.
    pub fn published(&self) -> watch::Receiver<u64> {
        self.0.published.subscribe()
    }

    /// The bytes for one scrape: of everything, or of some operations when any are named.
    pub async fn answer(
        &self,
        format: Format,
        encoding: Encoding,
        operations: &[String],
    ) -> Result<Answer, AnswerError> {
        let generation = self.0.current.load_full();
        let (prepared, own, turns, subset) = if operations.is_empty() {
            self.0.demand.ask(format, encoding);
            let full = self.full(&generation, format).await?;
            (full, self.0.own.render(format), &self.0.rendering, None)
        } else {
            let names = generation.names(operations)?;
            let end = Bytes::from_static(encode::end(format).as_bytes());
            (self.subset(&generation, format, &names).await?, end, &self.0.subsets, Some(names))
        };
        let receipt = Receipt::new(self.0.served.clone(), generation.input.number, subset);
        Ok(match encoding {
            Encoding::Identity => Answer { prepared: prepared.rendered.bytes.clone(), own, receipt },
            Encoding::Gzip => {
                let prefix = gzip(turns, &prepared).await?;
                Answer { prepared: prefix.bytes(), own: prefix.finish(&own).into(), receipt }
            }
        })
    }

    async fn full(&self, generation: &Arc<Generation>, format: Format) -> Result<Arc<Prepared>, AnswerError> {
        let cell = &generation.full[format.index()];
        let shared = Arc::clone(&self.0);
        let source = Arc::clone(generation);
        let render = || in_turn(&self.0.rendering, move || shared.prepare(&source.input, format));
        cell.get_or_try_init(render).await.map(Arc::clone)
    }

    async fn subset(
        &self,
        generation: &Arc<Generation>,
        format: Format,
        names: &[Arc<str>],
    ) -> Result<Arc<Prepared>, AnswerError> {
        let key = (format, names.to_vec());
        let cell = generation.subset(key.clone());
        let (source, shared) = (Arc::clone(generation), Arc::clone(&self.0));
        let render = || async {
            let prepared = in_turn(&self.0.subsets, move || {
                let chosen: Vec<&OperationBlocks> =
                    key.1.iter().filter_map(|name| source.input.find(name)).collect();
                let previous = source.full[format.index()].get();
                let mut rendered = render::render(&chosen, format, previous.map(|full| &full.rendered));
                let room = shared.room_for(&rendered.bytes).or_else(|| {
                    // Those that are only kept give way.
                    source.subsets().retain(|(other, _)| *other == key);
                    shared.room_for(&rendered.bytes)
                })?;
                rendered.bytes = Bytes::from_owner(Held { bytes: rendered.bytes, _room: Arc::clone(&room) });
                Some(Arc::new(Prepared { rendered, gzip: OnceCell::new(), room: Some(room) }))
            });
            prepared.await?.ok_or(AnswerError::Busy)
        };
        cell.get_or_try_init(render).await.map(Arc::clone)
    }
}

async fn gzip<'a>(turns: &Arc<Semaphore>, prepared: &'a Arc<Prepared>) -> Result<&'a Prefix, AnswerError> {
    let (body, room) = (prepared.rendered.bytes.clone(), prepared.room.clone());
    let compress = || async {
        let prefix = in_turn(turns, move || Prefix::new(&body)).await?;
        let held = |bytes| match room {
            Some(room) => Bytes::from_owner(Held { bytes, _room: room }),
            None => bytes,
        };
        prefix.map(|prefix| prefix.map_bytes(held)).map_err(|error| {
            tracing::error!(error = %error, "cannot compress the exposition");
            AnswerError::Rendering
        })
    };
    prepared.gzip.get_or_try_init(compress).await
}

/// Runs work on the blocking pool when its turn comes.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AnswerError> {
    let permit = Arc::clone(turns).acquire_owned().await;
    let work = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    work.await.map_err(|error| {
        tracing::error!(error = %error, "cannot render the exposition");
        AnswerError::Rendering
    })
}

impl Shared {
    /// Renders the wanted formats of an input and makes it the current generation; says what it cost.
    fn publish(&self, input: Arc<Input>) -> Duration {
        let started = Stopwatch::start();
        let next = Generation::new(input);
        for format in Format::ALL {
            let (wanted, compressed) = self.demand.wanted(format);
            if !wanted {
                self.last()[format.index()] = None;
                continue;
            }
            let prepared = self.prepare(&next.input, format);
            if compressed {
                match Prefix::new(&prepared.rendered.bytes) {
                    // The cell is new, so it is empty.
                    Ok(prefix) => drop(prepared.gzip.set(prefix)),
                    Err(error) => tracing::error!(error = %error, "cannot compress the exposition"),
                }
            }
            drop(next.full[format.index()].set(prepared));
        }
        self.own.series(render::series(&next.input.operations));
        let number = next.input.number;
        self.current.store(Arc::new(next));
        self.published.send_replace(number);
        started.elapsed()
    }

    /// Renders a full body, copying what has not changed since the last one.
    fn prepare(&self, input: &Input, format: Format) -> Arc<Prepared> {
        let previous = self.last()[format.index()].clone();
        let operations: Vec<&OperationBlocks> = input.operations.iter().collect();
        let rendered = render::render(&operations, format, previous.as_deref().map(|last| &last.rendered));
        let prepared = Arc::new(Prepared { rendered, gzip: OnceCell::new(), room: None });
        self.last()[format.index()] = Some(Arc::clone(&prepared));
        prepared
    }

    fn room_for(&self, bytes: &Bytes) -> Option<Arc<OwnedSemaphorePermit>> {
        // One that is larger than all the room is made alone.
        let size = bytes.len().div_ceil(1024).clamp(1, HELD_MAX) as u32;
        Arc::clone(&self.room).try_acquire_many_owned(size).ok().map(Arc::new)
    }

    fn last(&self) -> MutexGuard<'_, [Option<Arc<Prepared>>; 2]> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input {
    fn find(&self, name: &str) -> Option<&OperationBlocks> {
        let found = self.operations.binary_search_by(|operation| (*operation.name).cmp(name));
        found.ok().map(|index| &self.operations[index])
    }
}

impl Generation {
    fn new(input: Arc<Input>) -> Generation {
        Generation { input, full: Default::default(), subsets: Mutex::default() }
    }

    /// The operations with these names, sorted, each once.
    fn names(&self, operations: &[String]) -> Result<Vec<Arc<str>>, AnswerError> {
        let name = |name: &String| match self.input.find(name) {
            Some(operation) => Ok(Arc::clone(&operation.name)),
            None => Err(AnswerError::UnknownOperation(name.clone())),
        };
        let mut names = operations.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn subsets(&self) -> MutexGuard<'_, Vec<Subset>> {
        self.subsets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a subset; the one used longest ago gives way.
    fn subset(&self, key: Key) -> Arc<OnceCell<Arc<Prepared>>> {
        let mut subsets = self.subsets();
        let subset = match subsets.iter().position(|(other, _)| *other == key) {
            Some(index) => subsets.remove(index),
            None => {
                if subsets.len() == SUBSETS_MAX {
                    subsets.remove(0);
                }
                (key, Arc::default())
            }
        };
        let cell = Arc::clone(&subset.1);
        subsets.push(subset);
        cell
    }
}

#[cfg(test)]
mod tests;
