//! The series of this process: `process_*` and the families without an `operation` label.
//!
//! They are gathered from the `prometheus` crate and written by our own encoder, which speaks OpenMetrics
//! too. What was gathered within the last second is given again while nothing of ours has changed: asking
//! the kernel costs more than the rest of a scrape together.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prometheus::core::Collector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry};

use crate::metrics::{Family, Kind, catalogue};
use crate::time::{Stopwatch, Timestamp};

use super::{Format, encode};

/// How old readings of the process may be.
const AGE: Duration = Duration::from_secs(1);

/// What the exporter says about itself.
#[derive(Debug)]
pub struct SelfMetrics {
    registry: Registry,
    reload_successful: IntGauge,
    reload_timestamp: Gauge,
    series: IntGauge,
    ledger_bytes: IntGauge,
    ledger_commit: Histogram,
    ledger_errors: IntCounter,
    /// Counts changes of the metrics above, each after it was made.
    changes: AtomicU64,
    gathered: Mutex<Option<Gathered>>,
}

/// All lines, as they were after so many changes.
#[derive(Debug)]
struct Gathered {
    since: Stopwatch,
    changes: u64,
    lines: [Bytes; 2],
}

impl SelfMetrics {
    /// Starts with what the build knows of itself: version, revision and compiler.
    pub fn new(version: &str, revision: &str, rustc: &str) -> SelfMetrics {
        let build = Opts::new(catalogue::BUILD_INFO.name, catalogue::BUILD_INFO.help)
            .const_label("version", version)
            .const_label("revision", revision)
            .const_label("rustc", rustc);
        // Invariant, here and below: the names and labels of the catalogue are valid, as a test checks.
        #[expect(clippy::unwrap_used, reason = "the catalogue holds valid names only")]
        let build = IntGauge::with_opts(build).unwrap();
        build.set(1);
        let metrics = SelfMetrics {
            registry: Registry::new(),
            reload_successful: int_gauge(&catalogue::CONFIG_RELOAD_SUCCESSFUL),
            reload_timestamp: gauge(&catalogue::CONFIG_RELOAD_TIMESTAMP),
            series: int_gauge(&catalogue::SERIES),
            ledger_bytes: int_gauge(&catalogue::LEDGER_BYTES),
            ledger_commit: histogram(&catalogue::LEDGER_COMMIT_SECONDS),
            ledger_errors: counter(&catalogue::LEDGER_ERRORS),
            changes: AtomicU64::new(0),
            gathered: Mutex::new(None),
        };
        show(&metrics.registry, &build);
        show(&metrics.registry, &metrics.series);
        show(&metrics.registry, &metrics.ledger_commit);
        show(&metrics.registry, &metrics.ledger_errors);
        #[cfg(target_os = "linux")]
        {
            let process = prometheus::process_collector::ProcessCollector::for_self();
            // A fresh registry cannot hold the same collector already.
            let _ = metrics.registry.register(Box::new(process));
        }
        metrics
    }

    /// A configuration was loaded with success at this (real) instant.
    pub fn config_loaded(&self, at: Timestamp) {
        self.reload_successful.set(1);
        self.reload_timestamp.set(at.as_millisecond() as f64 / 1e3);
        show(&self.registry, &self.reload_successful);
        show(&self.registry, &self.reload_timestamp);
        self.changed();
    }

    /// A reload failed; the old configuration goes on.
    pub fn config_reload_failed(&self) {
        self.reload_successful.set(0);
        show(&self.registry, &self.reload_successful);
        self.changed();
    }

    /// The ledger committed durably, which took this long.
    pub fn ledger_commit(&self, duration: Duration) {
        self.ledger_commit.observe(duration.as_secs_f64());
        self.changed();
    }

    /// The ledger file has this size.
    pub fn ledger_bytes(&self, bytes: u64) {
        self.ledger_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        show(&self.registry, &self.ledger_bytes);
        self.changed();
    }

    /// The ledger could not be opened, read or written.
    pub fn ledger_error(&self) {
        self.ledger_errors.inc();
        self.changed();
    }

    /// The prepared exposition has this many series.
    pub fn series(&self, series: usize) {
        self.series.set(i64::try_from(series).unwrap_or(i64::MAX));
        self.changed();
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The lines of this process as they are now, with the end mark of OpenMetrics.
    pub(super) fn render(&self, format: Format) -> Bytes {
        let changes = self.changes.load(Ordering::Acquire);
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        match &*gathered {
            Some(Gathered { since, changes: seen, lines }) if *seen == changes && since.elapsed() < AGE => {
                lines[format.index()].clone()
            }
            _ => {
                let families = self.registry.gather();
                let lines = Format::ALL.map(|format| {
                    let mut out = String::with_capacity(4096);
                    write(&mut out, &families, format);
                    out.push_str(encode::end(format));
                    Bytes::from(out)
                });
                let own = lines[format.index()].clone();
                *gathered = Some(Gathered { since: Stopwatch::start(), changes, lines });
                own
            }
        }
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

#[expect(clippy::unwrap_used, reason = "the catalogue holds valid names only")]
fn int_gauge(family: &Family) -> IntGauge {
    IntGauge::with_opts(opts(family)).unwrap()
}

#[expect(clippy::unwrap_used, reason = "the catalogue holds valid names only")]
fn gauge(family: &Family) -> Gauge {
    Gauge::with_opts(opts(family)).unwrap()
}

#[expect(clippy::unwrap_used, reason = "the catalogue holds valid names only")]
fn counter(family: &Family) -> IntCounter {
    IntCounter::with_opts(opts(family)).unwrap()
}

#[expect(clippy::unwrap_used, reason = "the catalogue holds valid names and ascending bounds only")]
fn histogram(family: &Family) -> Histogram {
    let scale = 10_f64.powi(family.unit.decimals() as i32);
    let bounds = match family.kind {
        Kind::Histogram(bounds) => bounds.iter().map(|bound| *bound as f64 / scale).collect(),
        _ => Vec::new(),
    };
    Histogram::with_opts(HistogramOpts::from(opts(family)).buckets(bounds)).unwrap()
}

/// Exports a metric from now on; again changes nothing. What was never set is not exported, since a
/// zero would be a lie.
fn show<C: Collector + Clone + 'static>(registry: &Registry, metric: &C) {
    // The only failure is that it is there already.
    let _ = registry.register(Box::new(metric.clone()));
}

fn write(out: &mut String, families: &[MetricFamily], format: Format) {
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY | MetricType::UNTYPED => continue,
        };
        encode::head(out, format, family.name(), kind, family.help());
        for metric in family.get_metric() {
            let mut labels = String::new();
            // The crate sorts labels by name; ours stand in the order of the catalogue.
            let mut pairs: Vec<_> = metric.get_label().iter().collect();
            let order = catalogue::find(family.name()).map_or(&[][..], |family| family.labels);
            pairs.sort_by_key(|pair| order.iter().position(|label| label.as_str() == pair.name()));
            for pair in pairs {
                let value = pair.value().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let comma = if labels.is_empty() { "" } else { "," };
                let _ = write!(labels, "{comma}{}=\"{value}\"", pair.name());
            }
            let name = family.name();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            match family.get_field_type() {
                MetricType::COUNTER => {
                    let _ = writeln!(out, "{name}{braces} {}", metric.get_counter().get_value());
                }
                MetricType::GAUGE => {
                    let _ = writeln!(out, "{name}{braces} {}", metric.get_gauge().get_value());
                }
                _ => {
                    let histogram = metric.get_histogram();
                    let comma = if labels.is_empty() { "" } else { "," };
                    for bucket in histogram.get_bucket() {
                        let bound = bucket.upper_bound();
                        if bound == f64::INFINITY {
                            continue;
                        }
                        let le = match format {
                            Format::Text => bound.to_string(),
                            Format::OpenMetrics => format!("{bound:?}"),
                        };
                        let count = bucket.cumulative_count();
                        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{le}\"}} {count}");
                    }
                    let count = histogram.get_sample_count();
                    let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
                    let _ = writeln!(out, "{name}_sum{braces} {}", histogram.get_sample_sum());
                    let _ = writeln!(out, "{name}_count{braces} {count}");
                }
            }
        }
    }
}
