//! `once`: one cycle, and the exposition on standard output.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::arguments::{CONFIG_FILE, Exposition, Once};
use super::locks::locks;
use super::version;
use crate::api::Grain;
use crate::config::{Config, CountFrom, Environment, Operation};
use crate::exposition::{Encoding, Format, Pace, Publisher, SelfMetrics};
use crate::ledger::Ledger;
use crate::pipeline::{Board, Face, Pipeline, RECOVERY, Store, Surroundings};
use crate::server::Ready;
use crate::time::{Clock, SignedDuration, Timestamp};

/// How often the cycle is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Longer than any day.
const TWO_DAYS: Duration = Duration::from_secs(48 * 3_600);

/// Who has to wait longer than this is told now that it does not work: three tries at a server that is away.
const PATIENCE: SignedDuration = SignedDuration::from_secs(14);

/// Hours of today that have settled would be read apart from the present, in a second turn, and the counters would wait
/// for them. There is no second turn, so that nothing settles: the whole day is read at once.
fn settle_late(operation: &mut Operation) {
    let reports = &mut operation.reports;
    let rows = [
        reports.cdr_1.as_mut().map(|report| &mut report.settings),
        reports.diagram_4.as_mut().map(|report| &mut report.settings),
    ];
    for settings in rows.into_iter().flatten() {
        settings.settle = settings.settle.max(TWO_DAYS);
    }
}

/// Reads every report once and writes what `/metrics` would say. Counts from local midnight, in memory.
///
/// Fails when a report could not be read, after what could be has been written.
pub async fn once(arguments: Once, env: Arc<dyn Environment + Send + Sync>) -> Result<()> {
    let mut config = Config::find(arguments.configuration.file.as_deref(), Path::new(CONFIG_FILE), &*env)?;
    let clock = Clock::real();
    let now = clock.now();
    for operation in &mut config.operations {
        operation.count_from = CountFrom::Date(operation.zone.bucket(now, Grain::Day).date());
        settle_late(operation);
    }
    let own = Arc::new(SelfMetrics::new(version::VERSION, version::REVISION, version::RUSTC));
    own.config_loaded(now);
    let publisher = Publisher::with_pace(Arc::clone(&own), Pace { least: Duration::ZERO, factor: 0 });
    let board = Board::new(clock.clone(), publisher.clone());
    let ready = Ready::default();
    let surroundings = Surroundings {
        clock: clock.clone(),
        store: Store::new(Ledger::in_memory(now)?, own),
        board: board.clone(),
        ready: ready.clone(),
        env,
        locks: Some(locks(&arguments.storage.path)?),
        zero_hold: Duration::ZERO,
        recovery: RECOVERY,
        seed: 0,
    };
    let stop = CancellationToken::new();
    let rendering = tokio::spawn({
        let (publisher, stop) = (publisher.clone(), stop.clone());
        async move { publisher.run(stop).await }
    });
    let pipeline = Pipeline::start(&config, surroundings).await?;
    let mut told = 0;
    let is_over = |face: &Face| {
        let waits = |until: Timestamp| until.duration_since(clock.now()) > PATIENCE;
        face.is_cycle_over() || face.paused.is_some_and(|(_, until)| waits(until))
    };
    while !(ready.is_open() && board.look_at_all(is_over).into_iter().all(|over| over)) {
        tokio::time::sleep(GLANCE).await;
        let read: u64 = board.look_at_all(|face| face.vitals.requests()).into_iter().sum();
        if read != told {
            told = read;
            info!(requests = read, "reading");
        }
    }
    pipeline.end().await;
    let format = match arguments.format {
        Exposition::Text => Format::Text,
        Exposition::Openmetrics => Format::OpenMetrics,
    };
    let wanted = board.number();
    let mut published = publisher.published();
    published.wait_for(|number| *number >= wanted).await.context("the renderer ended")?;
    let answer = publisher.answer(format, Encoding::Identity, &[]).await?;
    stop.cancel();
    // The renderer ends with `stop`.
    let _ = rendering.await;
    let mut out = std::io::stdout();
    out.write_all(&answer.prepared)?;
    out.write_all(&answer.own)?;
    out.flush()?;
    let failed: Vec<String> = board.look_at_all(Face::failures).into_iter().flatten().collect();
    if !failed.is_empty() {
        bail!("not everything could be read: {}", failed.join("; "));
    }
    Ok(())
}
