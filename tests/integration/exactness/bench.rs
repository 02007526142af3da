//! A simulated centre behind real HTTP and the whole pipeline on a ledger on disk, by a clock set by hand.
//!
//! The bench waits until the worker rests, looks at everything that is shown, and moves the clock to the next instant
//! at which something is due: days pass in seconds, and between two requests nothing moves.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::api::{Grain, Report};
use wolkvox_exporter::config::{Config, Environment};
use wolkvox_exporter::exposition::{Publisher, SelfMetrics};
use wolkvox_exporter::ledger::{Ledger, Opened};
use wolkvox_exporter::pipeline::{Board, Face, Pipeline, Store, Surroundings};
use wolkvox_exporter::schedule::History;
use wolkvox_exporter::server::Ready;
use wolkvox_exporter::simulator::{self, Call, Settings, Simulator};
use wolkvox_exporter::time::{Bucket, Clock, SignedDuration, Timestamp, Zone, civil};

use super::sums::{self, Sums};
use super::watch::Watch;

/// The operation, as the simulator names a single one.
pub(super) const OPERATION: &str = "demo";

/// Only what never happens takes this long.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a bench is made of.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The centre; its `start` bounds what the truth is asked for.
    pub(super) centre: Settings,
    /// Local time at which the exporter begins.
    pub(super) begins: civil::DateTime,
    /// Keys of the operation beyond address, token and zone, as YAML indented by four.
    pub(super) keys: String,
}

/// A centre and an exporter that reads it.
pub(super) struct Bench {
    pub(super) clock: Clock,
    pub(super) zone: Zone,
    pub(super) simulator: Simulator,
    pub(super) watch: Watch,
    config: Config,
    first: civil::Date,
    folder: TempDir,
    exporter: Option<Exporter>,
    _world: Runtime,
}

/// One life of the exporter. Its runtime is its own, so that it can be cut off at any await.
struct Exporter {
    runtime: Runtime,
    store: Store,
    board: Board,
    pipeline: Pipeline,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

impl Bench {
    pub(super) fn new(plan: Plan) -> Bench {
        let zone = Zone::named(&plan.centre.timezone).unwrap();
        let clock = Clock::manual(zone.instant(plan.begins));
        let first = plan.centre.start.expect("a bench asks for the truth from a first day on");
        let simulator = Simulator::new(plan.centre, clock.clone()).unwrap();
        let world = runtime();
        let upstream = world.block_on(listen(simulator.clone()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), simulator.token(0)).unwrap();
        let text = format!(
            "operations:\n  - name: {OPERATION}\n    base_url: http://{upstream}/api/v2/\n    token_file: token\n    \
             timezone: {zone}\n{keys}\n",
            zone = zone.name(),
            keys = plan.keys
        );
        let config = Config::parse(&text, folder.path(), "bench").unwrap_or_else(|error| panic!("{error}"));
        let watch = Watch::default();
        let mut bench =
            Bench { clock, zone, simulator, watch, config, first, folder, exporter: None, _world: world };
        bench.start();
        bench
    }

    /// Begins a life of the exporter on the ledger as it is.
    pub(super) fn start(&mut self) {
        assert!(self.exporter.is_none(), "one life at a time");
        let runtime = runtime();
        let own = Arc::new(SelfMetrics::new("0", "0", "0"));
        let directory = self.folder.path().join("data");
        let (ledger, opened) = Ledger::open(&directory, self.clock.now()).unwrap();
        assert!(!matches!(opened, Opened::SetAside { .. }), "{opened:?}");
        let board = Board::new(self.clock.clone(), Publisher::new(Arc::clone(&own)));
        let store = Store::new(ledger, own);
        let nothing: BTreeMap<String, String> = BTreeMap::new();
        let env: Arc<dyn Environment + Send + Sync> = Arc::new(nothing);
        let surroundings = Surroundings {
            clock: self.clock.clone(),
            store: store.clone(),
            board: board.clone(),
            ready: Ready::default(),
            env,
            locks: Some(directory.join("locks")),
            zero_hold: Duration::ZERO,
            // One that falls stays down, so that a fall is seen and not slept through.
            recovery: Duration::MAX,
            seed: 7,
        };
        let pipeline = runtime.block_on(Pipeline::start(&self.config, surroundings)).unwrap();
        self.watch.restarted();
        self.exporter = Some(Exporter { runtime, store, board, pipeline });
    }

    /// Ends the life in order.
    pub(super) fn stop(&mut self) {
        let Exporter { runtime, pipeline, .. } = self.exporter.take().expect("it lives");
        runtime.block_on(pipeline.end());
        runtime.shutdown_timeout(PATIENCE);
    }

    /// Cuts the life off wherever it is: no task sees its end coming.
    pub(super) fn crash(&mut self) {
        let Exporter { runtime, .. } = self.exporter.take().expect("it lives");
        runtime.shutdown_timeout(PATIENCE);
    }

    /// Cuts the life off while the next request that is due waits for its answer.
    pub(super) fn crash_in_flight(&mut self) {
        self.control(&json!({ "latency_ms": 600_000 }));
        self.crash_at_next_request();
        self.control(&json!({ "latency_ms": 0 }));
    }

    /// Cuts the life off as soon as the next request that is due has arrived: while its answer is on the way, read,
    /// or on its way into the ledger, wherever the race ends.
    pub(super) fn crash_at_next_request(&mut self) {
        let mut at = self.rest();
        let before = self.requests();
        let exporter = self.exporter.as_ref().expect("it lives");
        let in_flight = async {
            loop {
                self.clock.advance_to(at);
                let arrived = async {
                    while self.requests() == before {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                };
                tokio::select! {
                    () = arrived => return,
                    // It looked and found nothing to ask.
                    next = self.clock.asleep(1) => at = next,
                }
            }
        };
        let seen = exporter.runtime.block_on(async { tokio::time::timeout(PATIENCE, in_flight).await });
        seen.expect("a request is sent when its time has come");
        self.crash();
    }

    /// Lives on until `until`; the worker rests then, and everything shown on the way has been looked at.
    pub(super) fn run_until(&mut self, until: Timestamp) {
        loop {
            let at = self.rest();
            if at > until {
                self.clock.advance_to(until);
                return;
            }
            self.clock.advance_to(at);
        }
    }

    /// The same until a local time.
    pub(super) fn run_to(&mut self, until: civil::DateTime) {
        self.run_until(self.zone.instant(until));
    }

    /// The same for a while.
    pub(super) fn run_for(&mut self, length: SignedDuration) {
        self.run_until(self.clock.now() + length);
    }

    /// Goes on by one request, or to the next instant at which something is due.
    pub(super) fn step(&mut self) {
        let at = self.rest();
        self.clock.advance_to(at);
        self.rest();
    }

    /// Waits until the worker has nothing to do before the instant returned, and looks at what is shown.
    pub(super) fn rest(&mut self) -> Timestamp {
        let exporter = self.exporter.as_ref().expect("it lives");
        let clock = self.clock.clone();
        let rested =
            exporter.runtime.block_on(async { tokio::time::timeout(PATIENCE, clock.asleep(1)).await });
        let Ok(at) = rested else {
            panic!("the worker neither rests nor goes on at {}: {:?}", self.clock.now(), self.failures())
        };
        self.watch.look(&exporter.runtime, &exporter.store);
        at
    }

    /// Changes what the simulator does.
    pub(super) fn control(&self, change: &Value) {
        self.simulator.control(change).unwrap();
    }

    /// Requests that have arrived at the simulator.
    pub(super) fn requests(&self) -> u64 {
        let shown = self.simulator.controls();
        let reports = shown["requests"][OPERATION].as_object();
        reports.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
    }

    /// What could not be read at last, in words.
    pub(super) fn failures(&self) -> Vec<String> {
        self.look(Face::failures)
    }

    /// Reads what is shown beside the counters.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Face) -> T) -> T {
        let exporter = self.exporter.as_ref().expect("it lives");
        exporter.board.look(OPERATION, look).expect("the operation is on the board")
    }

    /// Reads the ledger.
    pub(super) fn ledger<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Ledger) -> T + Send + 'static,
    ) -> T {
        let exporter = self.exporter.as_ref().expect("it lives");
        exporter.runtime.block_on(exporter.store.with(look))
    }

    pub(super) fn history(&self) -> Arc<History> {
        self.ledger(|ledger| ledger.history(OPERATION)).expect("the operation has entered")
    }

    /// Everything the simulator knows of a report from the first day to the present, by itself.
    pub(super) fn calls(&self, report: Report) -> Vec<Call> {
        let to = self.zone.civil(self.clock.now()).date().tomorrow().unwrap();
        let (from, to) = (self.first.at(0, 0, 0, 0), to.at(0, 0, 0, 0));
        self.simulator.calls(OPERATION, Some(report.code()), from, to).unwrap()
    }

    /// What the sealed sums must be by the truth: that of every sealed bucket since the first day, and nothing else.
    pub(super) fn sealed_truth(&self) -> Sums {
        let history = self.history();
        let mut sums = Sums::new();
        for (report, progress) in &history.reports {
            let Some(grain) = report.grain() else { continue };
            let first = Bucket::of(self.first.at(0, 0, 0, 0), grain);
            let mut stretches = vec![(first, progress.unsealed_from)];
            stretches.extend(progress.sealed_after.iter().map(|bucket| (*bucket, bucket.next())));
            for (from, to) in stretches {
                if from < to {
                    let truth = self.truth(from, to);
                    sums::of_report(&mut sums, *report, &truth);
                }
            }
        }
        let mut days = BTreeMap::new();
        for (skill, progress) in &history.skills {
            let first = Bucket::day(self.first);
            for index in first.index()..progress.unsealed_from.index() {
                let day = Bucket::from_index(Grain::Day, index);
                let truth = days.entry(day).or_insert_with(|| self.truth(day, day.next()));
                sums::of_skill(&mut sums, skill, truth);
            }
            for day in &progress.sealed_after {
                let truth = days.entry(*day).or_insert_with(|| self.truth(*day, day.next()));
                sums::of_skill(&mut sums, skill, truth);
            }
        }
        sums
    }

    /// The truth from the first second of a bucket to the last one before another.
    pub(super) fn truth(&self, from: Bucket, to: Bucket) -> simulator::Truth {
        let last = to.first().saturating_sub(SignedDuration::from_secs(1));
        self.simulator.truth(OPERATION, from.first(), last).unwrap()
    }

    /// The sums of sealed buckets as the ledger has them.
    pub(super) fn sealed(&self) -> Sums {
        sums::of_totals(self.ledger(|ledger| ledger.totals(OPERATION).collect()), |total| total.sealed)
    }

    /// The sums of everything that counts, sealed or not.
    pub(super) fn whole(&self) -> Sums {
        sums::of_totals(self.ledger(|ledger| ledger.totals(OPERATION).collect()), |total| {
            total.sealed.iter().zip(&total.live).map(|(sealed, live)| sealed + live).collect()
        })
    }

    /// Whether every report has sealed everything before `date`, and every skill of `skill_6`.
    pub(super) fn has_sealed(&self, date: civil::Date) -> bool {
        let history = self.history();
        let reports = history.reports.iter().all(|(report, progress)| {
            report
                .grain()
                .is_none_or(|grain| progress.unsealed_from >= Bucket::of(date.at(0, 0, 0, 0), grain))
        });
        let skills = &history.skills;
        reports && !skills.is_empty() && skills.values().all(|skill| skill.unsealed_from >= Bucket::day(date))
    }

    /// Judges everything: sealed sums against the truth, counters against sums.
    pub(super) fn judge(&mut self, sealed_before: civil::Date) {
        self.judge_near(sealed_before, 0);
    }

    /// As [`Bench::judge`], with `slack` milliseconds a call for days of `skill_6` that were read in parts.
    pub(super) fn judge_near(&mut self, sealed_before: civil::Date, slack: i64) {
        self.rest();
        assert!(self.has_sealed(sealed_before), "not all is sealed: {:#?}", self.history());
        sums::assert_near("sealed sums", &self.sealed_truth(), &self.sealed(), slack);
        self.watch.judge(&self.whole());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(exporter) = self.exporter.take() {
            exporter.runtime.shutdown_background();
        }
    }
}

async fn listen(simulator: Simulator) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(simulator::serve(listener, simulator, CancellationToken::new()));
    address
}
