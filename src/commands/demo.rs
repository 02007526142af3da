//! `demo`: a simulated contact centre and the exporter in one process.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::arguments::Demo;
use super::service::Service;
use crate::api::Grain;
use crate::config::{Config, CountFrom, Environment, TokenSource};
use crate::server::ServerError;
use crate::simulator::{self, Settings, Simulator};
use crate::time::{Bucket, Clock, Timestamp, Zone, civil};

/// The zone of the demonstration.
const ZONE: &str = "America/Bogota";
/// When the demonstration begins: a day already under way.
const BEGINS: civil::Time = civil::time(11, 0, 0, 0);

/// Runs the demonstration until a signal ends it.
pub async fn demo(arguments: Demo, env: Arc<dyn Environment + Send + Sync>) -> Result<()> {
    let zone = Zone::named(ZONE).context("the zone of the demonstration is not known here")?;
    let origin = origin(&zone, Clock::real().now());
    let clock = Clock::scaled(origin, arguments.speed.get());
    let operations = match &arguments.config_file {
        Some(file) => Config::load(file)?.operations.len(),
        None => 1,
    };
    let settings =
        Settings { seed: arguments.seed, operations, timezone: ZONE.to_owned(), ..Settings::default() };
    let simulator = Simulator::new(settings, clock.clone())?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .context("cannot listen on a loopback port for the simulated API")?;
    let upstream = listener.local_addr().context("cannot read the port of the simulated API")?;

    let stop = CancellationToken::new();
    let simulating = tokio::spawn(simulator::serve(listener, simulator.clone(), stop.clone()));
    let folder =
        tempfile::Builder::new().prefix("wolkvox_exporter-demo-").tempdir().context("no temporary folder")?;
    let today = zone.bucket(origin, Grain::Day);
    let source = source(&arguments, &simulator, upstream, &folder, zone, today)?;
    let storage = arguments.storage_path.clone().unwrap_or_else(|| folder.path().join("ledger"));
    let metrics = arguments.web.telemetry_path.clone();
    let speed = arguments.speed.get();
    let first = simulator.operations().next().unwrap_or_default().to_owned();
    let truth = format!("http://{upstream}/truth?operation={first}&from={today}&to={today}");
    let service = Service {
        clock,
        source,
        env,
        storage: Some(storage),
        web: arguments.web,
        demo: true,
        started: Box::new(move |addresses| invite(addresses, &metrics, speed, &truth)),
    };
    let served = service.run(stop.clone()).await.map_err(with_a_way_out);
    stop.cancel();
    simulating.await.context("the simulator fell over")?.context("the simulator stopped")?;
    if let Err(failure) = folder.close() {
        warn!("could not remove the temporary folder of the demonstration: {failure}");
    }
    served
}

/// The day of `now` at the hour where the demonstration begins.
fn origin(zone: &Zone, now: Timestamp) -> Timestamp {
    zone.instant(zone.civil(now).date().to_datetime(BEGINS))
}

/// The configuration: the demo's own, or a file of the operator's, of which the server, the token, the zone and the
/// beginning are the simulator's.
fn source(
    arguments: &Demo,
    simulator: &Simulator,
    upstream: SocketAddr,
    folder: &TempDir,
    zone: Zone,
    today: Bucket,
) -> Result<super::service::Source> {
    let mut tokens = Vec::new();
    for index in 0..simulator.operations().count() {
        let path = folder.path().join(format!("token-{index}"));
        write_private(&path, &simulator.token(index))?;
        tokens.push(path);
    }
    // Invariant: a simulator has at least one operation.
    let own = own_config(&tokens[0], upstream, today);
    let (file, shard, directory) = (arguments.config_file.clone(), arguments.shard, folder.path().to_owned());
    Ok(Arc::new(move || {
        let mut config = match &file {
            Some(file) => Config::load(file)?,
            None => Config::parse(&own, &directory, "demo")?,
        };
        if config.operations.len() > tokens.len() {
            bail!(
                "the simulator was started with {} operations; start the demonstration again",
                tokens.len()
            );
        }
        for (operation, token) in config.operations.iter_mut().zip(&tokens) {
            operation.base_url = format!("http://{upstream}/api/v2/");
            operation.server = upstream.to_string();
            operation.token = TokenSource::File(token.clone());
            operation.zone = zone.clone();
            operation.daily_requests = None;
            operation.count_from = CountFrom::Date(today.date());
        }
        Ok(match shard {
            Some(shard) => config.shard(shard.index, shard.of),
            None => config,
        })
    }))
}

fn own_config(token: &Path, upstream: SocketAddr, today: Bucket) -> String {
    format!(
        r#"
operations:
  - name: demo
    base_url: http://{upstream}/api/v2/
    token_file: "{token}"
    timezone: {ZONE}
    currency: COP
    count_from: {today}
    targets:
      - {{ skills: ["*"], service_level: 80%, within: 20s, abandon: 5% }}
      - {{ skills: ["102"], service_level: 70%, within: 20s, abandon: 12% }}
    business_hours:
      - {{ skills: ["*"], days: mon-fri, hours: "07:00-19:00" }}
      - {{ skills: ["*"], days: sat, hours: "08:00-14:00" }}
    reports:
      diagram_4: {{ interval: 5m }}
"#,
        token = token.display(),
    )
}

fn write_private(path: &PathBuf, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .context("cannot write the token of the demonstration")?;
    file.write_all(text.as_bytes()).context("cannot write the token of the demonstration")
}

/// Where the usual port is taken, says how to go on.
fn with_a_way_out(failure: anyhow::Error) -> anyhow::Error {
    match failure.downcast_ref::<ServerError>() {
        Some(ServerError::Bind { source, .. }) if source.kind() == std::io::ErrorKind::AddrInUse => {
            anyhow!("{failure}; with --web.listen-address=127.0.0.1:0 it takes a free port")
        }
        _ => failure,
    }
}

/// Tells a person at a terminal what to open, and what to type next.
fn invite(addresses: &[String], metrics: &str, speed: f64, truth: &str) {
    let here = |address: &String| address.replace("[::]", "localhost").replace("0.0.0.0", "localhost");
    let Some(address) = addresses.first().map(here) else { return };
    let lines = format!(
        "
  A simulated contact centre is open, {speed} times faster than real time.

  open   http://{address}/            the status page
         http://{address}{metrics}     the metrics
  type   curl -s http://{address}{metrics} | grep wolkvox_inbound_calls_total
         curl -s '{truth}'    what the whole day will have held
  next   the README: five minutes to real data

  Ctrl-C ends it.
"
    );
    // Standard output that is gone has nobody to read it.
    let _ = std::io::stdout().write_all(lines.as_bytes());
}
