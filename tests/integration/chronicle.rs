//! Days of a simulated centre through the whole exporter, as Prometheus would have scraped them: blocks of its storage.
//!
//! The clock is set by hand, so that a week passes in seconds. At every sample the exporter shows exactly what it has read by
//! then; what it says of itself in real time (its memory, its processor) is this test's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::config::{Config, Environment};
use wolkvox_exporter::exposition::{Encoding, Format, Pace, Publisher, SelfMetrics};
use wolkvox_exporter::ledger::Ledger;
use wolkvox_exporter::pipeline::{Board, Pipeline, Store, Surroundings};
use wolkvox_exporter::server::Ready;
use wolkvox_exporter::simulator::{self, Settings, Simulator};
use wolkvox_exporter::time::{Clock, Timestamp, Zone, civil};

use crate::tools::Tool;

/// The operation, as the simulator names a single one.
pub(crate) const OPERATION: &str = "demo";
/// The labels that a scrape adds.
pub(crate) const TARGET: &str = "instance=\"exporter:10465\",job=\"wolkvox\"";

/// Only what never happens takes this long.
const PATIENCE: Duration = Duration::from_secs(600);
/// A length of blocks that Prometheus knows, and that one file of samples covers.
const BLOCK: i64 = 18 * 3600;

/// A centre, an exporter that reads it, and what was scraped of it.
pub(crate) struct Chronicle {
    pub(crate) clock: Clock,
    pub(crate) zone: Zone,
    pub(crate) simulator: Simulator,
    /// When each skill (by its id) and each report (by its code) was read with success.
    pub(crate) readings: BTreeMap<String, BTreeSet<Timestamp>>,
    /// Requests that had come to the centre by each sample, by the code of what was asked for.
    pub(crate) requests: BTreeMap<i64, BTreeMap<String, u64>>,
    /// When each life began.
    pub(crate) lives: Vec<Timestamp>,
    config: Config,
    upstream: String,
    folder: TempDir,
    life: Option<Life>,
    blocks: Blocks,
    _world: Runtime,
}

/// One life of the exporter.
struct Life {
    runtime: Runtime,
    began: Timestamp,
    store: Store,
    board: Board,
    publisher: Publisher,
    /// Knows nothing but the series of this process.
    own: Publisher,
    pipeline: Pipeline,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

impl Chronicle {
    /// A centre whose operation has these keys beyond address, token and zone, as YAML indented by four; blocks are written by
    /// `promtool` into `storage`.
    pub(crate) fn new(
        settings: Settings,
        begins: civil::DateTime,
        keys: &str,
        promtool: Tool,
        storage: &Path,
    ) -> Chronicle {
        let zone = Zone::named(&settings.timezone).unwrap();
        let clock = Clock::manual(zone.instant(begins));
        let simulator = Simulator::new(settings, clock.clone()).unwrap();
        let world = runtime();
        let listener = world.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let upstream = listener.local_addr().unwrap();
        world.spawn(simulator::serve(listener, simulator.clone(), CancellationToken::new()));
        // In memory where there is a place for it: whether a ledger outlives its machine is asked elsewhere, and ten
        // thousand durable writes would be most of the work.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let upstream = format!("http://{upstream}");
        let config = write_config(folder.path(), &upstream, &simulator, &zone, keys);
        let mut chronicle = Chronicle {
            clock,
            zone,
            simulator,
            readings: BTreeMap::new(),
            requests: BTreeMap::new(),
            lives: Vec::new(),
            config: Config::load(&config).unwrap_or_else(|error| panic!("{error}")),
            upstream,
            folder,
            life: None,
            blocks: Blocks::new(promtool, storage),
            _world: world,
        };
        chronicle.start();
        chronicle
    }

    /// Where the ledger is, below `data`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Begins a life of the exporter on the ledger as it is.
    pub(crate) fn start(&mut self) {
        assert!(self.life.is_none(), "one life at a time");
        let runtime = runtime();
        let began = self.clock.now();
        self.lives.push(began);
        let own = Arc::new(SelfMetrics::new("0.1.0", "test", "rustc"));
        own.config_loaded(began);
        let directory = self.folder.path().join("data");
        let (ledger, _) = Ledger::open(&directory, began).unwrap();
        let pace = Pace { least: Duration::ZERO, factor: 0 };
        let publisher = Publisher::with_pace(Arc::clone(&own), pace);
        let alone = Publisher::new(Arc::clone(&own));
        let board = Board::new(self.clock.clone(), publisher.clone());
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
        let rendering = publisher.clone();
        runtime.spawn(async move { rendering.run(CancellationToken::new()).await });
        let pipeline = runtime.block_on(Pipeline::start(&self.config, surroundings)).unwrap();
        self.life = Some(Life { runtime, began, store, board, publisher, own: alone, pipeline });
    }

    /// Ends the life in order.
    pub(crate) fn stop(&mut self) {
        let Life { runtime, pipeline, .. } = self.life.take().expect("it lives");
        runtime.block_on(pipeline.end());
        runtime.shutdown_timeout(PATIENCE);
    }

    /// Gives the next life other keys.
    pub(crate) fn configure(&mut self, keys: &str) {
        assert!(self.life.is_none(), "a life keeps its configuration");
        let file = write_config(self.folder.path(), &self.upstream, &self.simulator, &self.zone, keys);
        self.config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Changes what the simulator does.
    pub(crate) fn control(&self, change: &Value) {
        self.simulator.control(change).unwrap();
    }

    /// Goes on to a local time, with a sample at every multiple of so many seconds; without a life, there is none to scrape.
    pub(crate) fn run_to(&mut self, until: civil::DateTime, every: i64) {
        self.run_until(self.zone.instant(until), every);
    }

    /// The same to an instant.
    pub(crate) fn run_until(&mut self, until: Timestamp, every: i64) {
        while self.clock.now() < until {
            let now = self.clock.now().as_second();
            let sample = Timestamp::from_second((now.div_euclid(every) + 1) * every).unwrap();
            let due = self.rest();
            let next = due.min(sample).min(until);
            self.clock.advance_to(next);
            if next == sample {
                self.rest();
                self.sample();
            }
        }
    }

    /// Lets the clock run to an instant while there is no exporter and nobody looks.
    pub(crate) fn skip_to(&mut self, until: Timestamp) {
        assert!(self.life.is_none(), "an exporter lives through every instant");
        self.clock.advance_to(until);
    }

    /// Waits until the worker has nothing to do before the instant returned.
    fn rest(&mut self) -> Timestamp {
        let Some(life) = &self.life else { return Timestamp::MAX };
        let clock = self.clock.clone();
        let rested = life.runtime.block_on(async { tokio::time::timeout(PATIENCE, clock.asleep(1)).await });
        let at =
            rested.unwrap_or_else(|_| panic!("the worker neither rests nor goes on at {}", self.clock.now()));
        let history = life.runtime.block_on(life.store.with(|ledger| ledger.history(OPERATION)));
        if let Some(history) = history {
            let skills =
                history.skills.iter().map(|(skill, progress)| (skill.clone(), progress.last_success));
            let reports = history.reports.iter();
            let reports = reports.map(|(report, progress)| (report.code().to_owned(), progress.last_success));
            for (key, at) in skills.chain(reports) {
                if let Some(at) = at {
                    self.readings.entry(key).or_default().insert(at);
                }
            }
        }
        at
    }

    /// What a scrape would find now.
    fn sample(&mut self) {
        let at = self.clock.now().as_second();
        let Some(life) = &self.life else {
            self.blocks.write(at, [format!("up{{{TARGET}}} 0 {at}\n")]);
            return;
        };
        let requests = self.simulator.controls()["requests"][OPERATION].take();
        self.requests.insert(at, serde_json::from_value(requests).unwrap_or_default());
        life.board.tick();
        let number = life.board.number();
        let answer = life.runtime.block_on(async {
            let mut published = life.publisher.published();
            let shown = published.wait_for(|published| *published >= number);
            tokio::time::timeout(PATIENCE, shown).await.unwrap().unwrap();
            // Asked by name, the operation is rendered now, and not at every change between two samples.
            let named = [OPERATION.to_owned()];
            let operation =
                life.publisher.answer(Format::OpenMetrics, Encoding::Identity, &named).await.unwrap();
            let own = life.own.answer(Format::OpenMetrics, Encoding::Identity, &[]).await.unwrap();
            [operation.prepared, own.own]
        });
        // A series that a scrape has shown as 0 may show its value from the next reading on.
        let released = life
            .store
            .with(|ledger| ledger.release(OPERATION, u64::MAX, Duration::ZERO, Duration::ZERO).map(|_| ()));
        life.runtime.block_on(released).unwrap();
        let mut lines = format!("up{{{TARGET}}} 1 {at}\n");
        let at = format!(" {at}\n");
        for part in &answer {
            for line in std::str::from_utf8(part).unwrap().lines().filter(|line| !line.starts_with('#')) {
                if line.starts_with("process_start_time_seconds") {
                    let began = life.began.as_second();
                    lines.push_str(&format!("process_start_time_seconds{{{TARGET}}} {began}{at}"));
                } else {
                    scraped(&mut lines, line, &at);
                }
            }
        }
        self.blocks.write(self.clock.now().as_second(), [lines]);
    }

    /// All that was sampled, in blocks. The exporter may live on, unwatched.
    pub(crate) fn finish(&mut self) -> usize {
        self.blocks.finish()
    }
}

impl Drop for Chronicle {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            life.runtime.shutdown_background();
        }
    }
}

/// The configuration of the operation, as a file beside its token.
pub(crate) fn write_config(
    folder: &Path,
    upstream: &str,
    simulator: &Simulator,
    zone: &Zone,
    keys: &str,
) -> PathBuf {
    let token = folder.join("token");
    fs::write(&token, simulator.token(0)).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "operations:\n  - name: {OPERATION}\n    base_url: {upstream}/api/v2/\n    token_file: token\n    \
         timezone: {}\n{keys}\n",
        zone.name()
    );
    let file = folder.join("wolkvox.yml");
    fs::write(&file, text).unwrap();
    file
}

/// A line of the exposition with the labels of its target, and what follows it.
fn scraped(lines: &mut String, line: &str, end: &str) {
    let name = line.find(['{', ' ']).unwrap();
    let (name, rest) = line.split_at(name);
    lines.push_str(name);
    lines.push('{');
    lines.push_str(TARGET);
    match rest.strip_prefix('{') {
        Some(labels) => {
            lines.push(',');
            lines.push_str(labels);
        }
        None => {
            lines.push('}');
            lines.push_str(rest);
        }
    }
    lines.push_str(end);
}

/// Samples on their way into blocks: a file for each stretch of time, read by `promtool` while the next one is written.
pub(crate) struct Blocks {
    promtool: Tool,
    storage: PathBuf,
    folder: TempDir,
    stretch: i64,
    file: Option<BufWriter<File>>,
    written: usize,
    reading: Option<Child>,
}

impl Blocks {
    pub(crate) fn new(promtool: Tool, storage: &Path) -> Blocks {
        fs::create_dir_all(storage).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let storage = storage.to_owned();
        Blocks { promtool, storage, folder, stretch: 0, file: None, written: 0, reading: None }
    }

    /// Pieces of OpenMetrics, whole lines of this second; seconds come in order.
    pub(crate) fn write(&mut self, at: i64, lines: impl IntoIterator<Item = String>) {
        let stretch = at.div_euclid(BLOCK);
        if self.file.is_none() || stretch != self.stretch {
            self.close();
            let path = self.folder.path().join(format!("{stretch}.om"));
            self.file = Some(BufWriter::with_capacity(1 << 20, File::create(path).unwrap()));
            self.stretch = stretch;
        }
        let file = self.file.as_mut().unwrap();
        for line in lines {
            self.written += line.lines().count();
            file.write_all(line.as_bytes()).unwrap();
        }
    }

    /// Everything becomes blocks; how many samples that were.
    pub(crate) fn finish(&mut self) -> usize {
        self.close();
        self.wait();
        self.written
    }

    fn close(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        file.write_all(b"# EOF\n").unwrap();
        file.into_inner().unwrap();
        self.wait();
        let path = self.folder.path().join(format!("{}.om", self.stretch));
        let log = File::create(path.with_extension("log")).unwrap();
        let child = self
            .promtool
            .command()
            .args(["tsdb", "create-blocks-from", "--quiet"])
            .arg(format!("--max-block-duration={}h", BLOCK / 3600))
            .arg("openmetrics")
            .args([&path, &self.storage])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.reading = Some(child.unwrap());
    }

    fn wait(&mut self) {
        let Some(mut child) = self.reading.take() else { return };
        let ended = child.wait().unwrap();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let said = fs::read_to_string(&path).unwrap();
                assert!(ended.success(), "promtool: {}", said.chars().take(2000).collect::<String>());
                fs::remove_file(path.with_extension("om")).unwrap();
                fs::remove_file(path).unwrap();
            }
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        if let Some(mut child) = self.reading.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
