//! `backfill`: the past as OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tracing::info;

use super::arguments::{Backfill, CONFIG_FILE};
use super::locks::locks;
use super::version;
use crate::api::Grain;
use crate::config::{Config, Environment, Operation};
use crate::exposition::{SelfMetrics, history_end, write_history};
use crate::metrics::{Label, LabelText};
use crate::pipeline::{Past, Track};
use crate::time::{Bucket, Clock, SignedDuration, Timestamp, civil};

/// What is left to others of a quota, in percent.
const SPARE: u64 = 5;

/// Reads the past of the chosen operations, one after the other, and writes their counters with timestamps.
///
/// Nothing is written before everything has been read.
pub async fn backfill(arguments: Backfill, env: Arc<dyn Environment + Send + Sync>) -> Result<()> {
    let config = Config::find(arguments.configuration.file.as_deref(), Path::new(CONFIG_FILE), &*env)?;
    let operations = chosen(&config, &arguments.operation)?;
    let now = Clock::real().now();
    let (from, to) = (arguments.from, arguments.to);
    if from >= to {
        bail!("there is no day from {from} to {to}; --to is the first day not to read");
    }
    for operation in &operations {
        has_settled(operation, to, now)?;
    }
    let own = Arc::new(SelfMetrics::new(version::VERSION, version::REVISION, version::RUSTC));
    let locks = locks(&arguments.storage.path)?;
    let mut track = Track::default();
    for operation in &operations {
        let name = &operation.name;
        let mut past = Past::open(operation, &*env, &locks, from, &own)
            .await
            .with_context(|| format!("operation {name}"))?;
        let days: Vec<Bucket> = days(from, to).collect();
        let wanted = past.requests_per_day() * days.len() as u64;
        let quota = past.quota();
        let limit = operation.daily_requests.unwrap_or(quota.limit);
        let left = (limit - limit * SPARE / 100).saturating_sub(quota.used());
        info!(operation = %name, days = days.len(), requests = wanted, left, "reading the past");
        if wanted > left {
            let per_day = past.requests_per_day();
            bail!(
                "operation {name}: {} days of {per_day} requests are {wanted}, and {left} of today's quota of \
                 {limit} are left; choose fewer days, or another day to read them on",
                days.len()
            );
        }
        let mut progress = Progress::new(name, days.len());
        for day in &days {
            track = past.read(*day, track).await.with_context(|| format!("operation {name}"))?;
            progress.step(*day, past.requests());
        }
    }
    let text = openmetrics(&track, &operations, from, to);
    write(&arguments.out, &text)
}

fn chosen(config: &Config, names: &[String]) -> Result<Vec<Operation>> {
    for name in names {
        if !config.operations.iter().any(|operation| operation.name == *name) {
            bail!("there is no operation {name:?}");
        }
    }
    let wanted = |operation: &&Operation| names.is_empty() || names.contains(&operation.name);
    Ok(config.operations.iter().filter(wanted).cloned().collect())
}

fn days(from: civil::Date, to: civil::Date) -> impl Iterator<Item = Bucket> {
    (Bucket::day(from).index()..Bucket::day(to).index()).map(|day| Bucket::from_index(Grain::Day, day))
}

/// Refuses a day that has not begun, or before which a report may still change.
fn has_settled(operation: &Operation, to: civil::Date, now: Timestamp) -> Result<()> {
    let end = operation.zone.start(Bucket::day(to));
    for report in operation.enabled() {
        let Some(settings) = operation.settings(report) else { continue };
        let settle = SignedDuration::try_from(settings.settle).unwrap_or(SignedDuration::MAX);
        let settled = end.saturating_add(settle).unwrap_or(Timestamp::MAX);
        if now <= settled {
            let name = &operation.name;
            let until = operation.zone.civil(settled).strftime("%Y-%m-%d %H:%M").to_string();
            bail!(
                "operation {name}: the days before {to} may change in {report} until {until}; choose an earlier --to"
            );
        }
    }
    Ok(())
}

/// How far the reading is: a bar on a terminal, a log line a day elsewhere.
struct Progress {
    operation: String,
    days: usize,
    done: usize,
    bar: bool,
}

impl Progress {
    const WIDTH: usize = 30;

    fn new(operation: &str, days: usize) -> Progress {
        Progress { operation: operation.to_owned(), days, done: 0, bar: io::stderr().is_terminal() }
    }

    fn step(&mut self, day: Bucket, requests: u64) {
        self.done += 1;
        if !self.bar {
            info!(operation = %self.operation, %day, done = self.done, of = self.days, requests, "read");
            return;
        }
        let full = Progress::WIDTH * self.done / self.days.max(1);
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(Progress::WIDTH - full));
        let end = if self.done == self.days { "\n" } else { "" };
        // A terminal that is gone has nobody to read it.
        let _ = write!(
            io::stderr(),
            "\r{}  [{bar}]  {} of {} days, {requests} requests{end}",
            self.operation,
            self.done,
            self.days
        );
    }
}

/// The counters at `from` and at the end of each bucket.
fn openmetrics(track: &Track, operations: &[Operation], from: civil::Date, to: civil::Date) -> String {
    let mut grids: BTreeMap<(LabelText, Grain), BTreeSet<Timestamp>> = BTreeMap::new();
    for operation in operations {
        let own = LabelText::new([(Label::Operation, operation.name.as_str())]);
        for grain in [Grain::Hour, Grain::Day] {
            let mut instants = BTreeSet::from([operation.zone.start(Bucket::day(from))]);
            let mut bucket = Bucket::of(from.at(0, 0, 0, 0), grain);
            while bucket.date() < to {
                instants.insert(operation.zone.end(bucket));
                bucket = bucket.next();
            }
            grids.insert((own.clone(), grain), instants);
        }
    }
    let nothing = BTreeSet::new();
    let mut out = String::new();
    for (family, grain) in track.families() {
        // The label operation stands first in every family of a report.
        let grid = |labels: &LabelText| {
            let text = labels.as_str();
            let found = grids.iter().find(|((own, of), _)| {
                let rest = text.strip_prefix(own.as_str());
                *of == grain && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
            });
            found.map_or(&nothing, |(_, instants)| instants)
        };
        write_history(&mut out, family, track.series(family, grid));
    }
    out.push_str(history_end());
    out
}

/// Writes the file whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    if path == Path::new("-") {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("cannot write {}", path.display());
    let mut file = tempfile::Builder::new()
        .prefix(".backfill-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests;
