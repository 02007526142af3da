//! The running exporter: ledger, pipeline and server started in order, and stopped in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::arguments::Web as WebArguments;
use super::failure;
use super::notify::Manager;
use super::overview;
use super::version;
use crate::config::{Config, Environment, WebConfig};
use crate::exposition::{Publisher, SelfMetrics};
use crate::ledger::{Ledger, Opened};
use crate::pipeline::{Board, Pipeline, RECOVERY, Store, Surroundings};
use crate::server::{self, App, Limits, Ready, Reload, Web};
use crate::time::Clock;

/// Longer than two scrapes at the usual interval of a minute, so that Prometheus has seen the 0.
const ZERO_HOLD: Duration = Duration::from_secs(120);
/// How long the end may take before what is under way is left to itself. Ten seconds are promised, and the process takes
/// a moment to go.
const FAREWELL: Duration = Duration::from_secs(8);
/// Short enough that a visitor sees something grow.
const DEMO_ZERO_HOLD: Duration = Duration::from_secs(5);

/// Reads the configuration again.
pub type Source = Arc<dyn Fn() -> Result<Config> + Send + Sync>;

/// Is told the bound addresses.
pub type Started = Box<dyn Fn(&[String]) + Send + Sync>;

/// What a running exporter is made of.
pub struct Service {
    /// The time of the contact centre.
    pub clock: Clock,
    /// Where the configuration comes from, at the start and at every reload.
    pub source: Source,
    /// The environment, for tokens in variables.
    pub env: Arc<dyn Environment + Send + Sync>,
    /// Directory of the ledger; `None` keeps it in memory.
    pub storage: Option<PathBuf>,
    /// The flags of the web side.
    pub web: WebArguments,
    /// Whether this is a demonstration.
    pub demo: bool,
    /// Called with the bound addresses once everything runs.
    pub started: Started,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("storage", &self.storage)
            .field("web", &self.web)
            .finish_non_exhaustive()
    }
}

/// What the files say, once all of them could be read.
struct Files {
    config: Config,
    web: WebConfig,
    /// What deserves a word in the log and on the status page, though it stops nothing.
    warnings: Vec<String>,
}

/// A request to read the configuration again, and whom to tell what came of it.
type Reloading = mpsc::Sender<oneshot::Sender<Result<(), String>>>;

impl Service {
    /// Runs until SIGTERM, SIGINT or `stop`. Everything that can be refused is refused before the first request.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        // First of all: a signal that comes while the ledger opens waits for its turn instead of killing.
        let mut signals = Signals::new()?;
        let files = tokio::select! {
            files = self.files() => files?,
            name = signals.end() => {
                stopping(name);
                return Ok(());
            }
            () = stop.cancelled() => return Ok(()),
        };
        let Files { config, web: web_config, warnings } = files;
        warnings.iter().for_each(|warning| warn!("{warning}"));
        let warnings = Arc::new(ArcSwap::from_pointee(warnings));
        let web = Web::new(&web_config)?;
        let own = Arc::new(SelfMetrics::new(version::VERSION, version::REVISION, version::RUSTC));
        own.config_loaded(self.clock.to_wall(self.clock.now()));
        let (storage, clock) = (self.storage.clone(), self.clock.clone());
        // Apart, since a slow disk must not make it deaf.
        let opening = tokio::task::spawn_blocking(move || open(storage.as_deref(), &clock));
        let (ledger, damage) = tokio::select! {
            opened = opening => opened.context("the ledger fell over")??,
            name = signals.end() => {
                stopping(name);
                return Ok(());
            }
            () = stop.cancelled() => return Ok(()),
        };
        if let Some(damage) = &damage {
            own.ledger_error();
            error!("{damage}");
        }
        let listeners = self.listen()?;
        let addresses = addresses(&listeners)?;

        let publisher = Publisher::new(Arc::clone(&own));
        let board = Board::new(self.clock.clone(), publisher.clone());
        let ready = Ready::default();
        let zero_hold = self.web.zero_hold.unwrap_or(if self.demo { DEMO_ZERO_HOLD } else { ZERO_HOLD });
        let store = Store::new(ledger, Arc::clone(&own));
        let surroundings = Surroundings {
            clock: self.clock.clone(),
            store: store.clone(),
            board: board.clone(),
            ready: ready.clone(),
            env: Arc::clone(&self.env),
            locks: self.storage.as_deref().map(|path| path.join("locks")),
            zero_hold,
            recovery: RECOVERY,
            seed: u64::from(std::process::id()),
        };
        let mut pipeline = tokio::select! {
            started = Pipeline::start(&config, surroundings) => started?,
            name = signals.end() => {
                stopping(name);
                return Ok(());
            }
            () = stop.cancelled() => return Ok(()),
        };
        // Only now, since a second rendering keeps a distance from the first: the first scrape shows all that is known.
        let known = board.number();
        let rendering = tokio::spawn({
            let (publisher, stop) = (publisher.clone(), stop.clone());
            async move { publisher.run(stop).await }
        });
        let mut published = publisher.published();
        tokio::select! {
            // The publisher outlives this.
            _ = published.wait_for(|number| *number >= known) => {}
            () = stop.cancelled() => {}
        }

        let (reloading, mut reloads) = mpsc::channel(1);
        let page = overview::Page {
            board,
            clock: self.clock.clone(),
            telemetry_path: self.web.telemetry_path.clone(),
            demo: self.demo,
            damage,
            store,
            warnings: Arc::clone(&warnings),
        };
        let app = App {
            publisher,
            telemetry_path: self.web.telemetry_path.clone(),
            status: Arc::new(move |visit| page.render(visit)),
            ready,
            reload: self.web.enable_lifecycle.then(|| over_http(reloading.clone())),
            web: web.clone(),
        };
        // The server outlives the pipeline by the drain of its answers.
        let closing = CancellationToken::new();
        let mut serving = tokio::spawn(server::serve(listeners, app, Limits::default(), closing.clone()));
        let storage = self.storage.as_deref().map_or("memory".into(), Path::to_string_lossy);
        info!(
            version = version::VERSION,
            revision = version::REVISION,
            operations = config.operations.len(),
            storage = %storage,
            zero_hold = %humantime::format_duration(zero_hold),
            tls = web_config.tls.is_some(),
            users = web_config.users.len(),
            "started"
        );
        for address in &addresses {
            info!(address = %address, "listening");
        }
        let manager = Manager::of(&*self.env);
        manager.ready();
        (self.started)(&addresses);

        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => break,
                signal = signals.next() => match signal {
                    Signal::Reload => None,
                    Signal::End(name) => {
                        stopping(name);
                        break;
                    }
                },
                Some(answer) = reloads.recv() => Some(answer),
                served = &mut serving => {
                    // The last words wait for nothing that hangs.
                    let _ = tokio::time::timeout(FAREWELL, pipeline.end()).await;
                    return served.context("the server fell over")?.context("the server stopped");
                }
            };
            // A file or a disk that hangs must not make it deaf.
            let done = tokio::select! {
                done = reload(&self, &own, &web, &mut pipeline, &warnings) => done,
                () = stop.cancelled() => break,
                name = signals.end() => {
                    stopping(name);
                    break;
                }
            };
            if let Some(answer) = asked {
                // Whoever asked may have gone; what came of it is in the log, too.
                let _ = answer.send(done);
            }
        }
        manager.stopping();
        // Reading ends first, so that the last scrape shows all there is; both have the same few seconds.
        let end = tokio::time::timeout(FAREWELL, async {
            pipeline.end().await;
            closing.cancel();
            serving.await
        });
        let end = tokio::select! {
            end = end => end,
            _ = signals.end() => {
                stop.cancel();
                bail!("stopped at once by a second signal");
            }
        };
        stop.cancel();
        let left = if closing.is_cancelled() { "some answers were" } else { "the ledger was" };
        match end {
            Ok(served) => served.context("the server fell over")??,
            Err(_) => warn!("{left} still being written after {} s", FAREWELL.as_secs()),
        }
        // The renderer ends with `stop`.
        let _ = rendering.await;
        info!("stopped");
        Ok(())
    }

    /// Reads both configurations, apart from everything else: files may lie where reading hangs.
    async fn files(&self) -> Result<Files> {
        let (source, env) = (Arc::clone(&self.source), Arc::clone(&self.env));
        let file = self.web.config_file.clone();
        let read = move || {
            let config = source()?;
            let web = file.map(|path| WebConfig::load(&path)).transpose()?.unwrap_or_default();
            let tokens = config.check_tokens(&*env);
            let missing =
                tokens.mistakes.iter().map(|mistake| format!("{mistake}; it is looked for at every request"));
            let known = config.warnings.iter().chain(&tokens.warnings).chain(&web.warnings).cloned();
            let warnings = known.chain(missing).collect();
            Ok(Files { config, web, warnings })
        };
        tokio::task::spawn_blocking(read).await.context("reading the configuration fell over")?
    }

    fn listen(&self) -> Result<Vec<TcpListener>> {
        if self.web.systemd_socket {
            return Ok(server::from_systemd()?);
        }
        let addresses: Vec<String> = self.web.listen_address.iter().map(ToString::to_string).collect();
        Ok(server::bind(&addresses)?)
    }
}

/// Opens the ledger; the text says what was damaged and where it has been put.
fn open(storage: Option<&Path>, clock: &Clock) -> Result<(Ledger, Option<String>)> {
    let Some(path) = storage else { return Ok((Ledger::in_memory(clock.now())?, None)) };
    let (ledger, opened) = Ledger::open(path, clock.now())?;
    let damage = match opened {
        Opened::Fresh | Opened::Continued => None,
        Opened::Lost { reason } => Some(format!("the ledger is lost ({reason}); a new one counts from now")),
        Opened::SetAside { reason, moved_to } => Some(format!(
            "the ledger was damaged ({reason}) and lies at {} now; a new one counts from now",
            moved_to.display()
        )),
    };
    Ok((ledger, damage))
}

fn addresses(listeners: &[TcpListener]) -> Result<Vec<String>> {
    let address = |listener: &TcpListener| {
        Ok(listener.local_addr().context("cannot read a bound address")?.to_string())
    };
    listeners.iter().map(address).collect()
}

/// Reads both configurations again; a mistake in either leaves everything as it was.
async fn reload(
    service: &Service,
    own: &SelfMetrics,
    web: &Web,
    pipeline: &mut Pipeline,
    warnings: &ArcSwap<Vec<String>>,
) -> Result<(), String> {
    let attempt = async {
        let Files { config, web: web_config, warnings: told } = service.files().await?;
        let prepared = Web::prepare(&web_config)?;
        pipeline.reload(&config).await?;
        web.replace(prepared);
        told.iter().for_each(|warning| warn!("{warning}"));
        warnings.store(Arc::new(told));
        anyhow::Ok(config.operations.len())
    };
    match attempt.await {
        Ok(operations) => {
            own.config_loaded(service.clock.to_wall(service.clock.now()));
            info!(operations, "the configuration has been read again");
            Ok(())
        }
        Err(failure) => {
            own.config_reload_failed();
            let failure = failure::line(&failure);
            error!("the configuration stays as it was: {failure}");
            Err(format!("the configuration stays as it was: {failure}"))
        }
    }
}

fn over_http(reloading: Reloading) -> Reload {
    Arc::new(move || {
        let reloading = reloading.clone();
        Box::pin(async move {
            let stopping = || "the exporter is stopping".to_owned();
            let (answer, told) = oneshot::channel();
            reloading.send(answer).await.map_err(|_| stopping())?;
            told.await.map_err(|_| stopping())?
        })
    })
}

/// The signals a service knows.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Signals> {
        let on = |kind| signal(kind).context("cannot handle signals");
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End("SIGTERM"),
            _ = self.interrupt.recv() => Signal::End("SIGINT"),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    /// Waits for the end alone; a reload that is asked for meanwhile waits for its turn.
    async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What a signal asks for.
enum Signal {
    Reload,
    End(&'static str),
}

fn stopping(signal: &str) {
    info!(signal, "stopping");
}

/// Waits for SIGTERM or SIGINT.
pub(super) async fn ended() -> Result<()> {
    let mut signals = Signals::new()?;
    while !matches!(signals.next().await, Signal::End(_)) {}
    Ok(())
}
