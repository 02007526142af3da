//! Exporter health: can the numbers be trusted, and what is the exporter doing?

use super::parts::{PROCESS_START, notes, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Mapping, Panel, Unit, about, graph, stat, table};
use crate::dashboards::grafana::target::{Target, column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::OPERATION;
use crate::dashboards::scope::{RANGE, RATE, Scope};
use crate::dashboards::words::{Part, list, max, sum};
use crate::metrics::{Family, Label, catalogue};

const SELF: &str = "the exporter itself";
const READING: &str = "the exporter's own account of its reading";
const REPORT: &[Label] = &[Label::Operation, Label::Report];

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &Report::FIVE),
        Section { title: "The process", lines: vec![Line { height: 4, panels: process(scope) }] },
        Section {
            title: "Every report",
            lines: vec![Line { height: 10, panels: vec![(24, reports(scope))] }],
        },
        Section {
            title: "Requests",
            lines: vec![
                Line {
                    height: 8,
                    panels: vec![(8, requests(scope)), (8, failures(scope)), (8, durations(scope))],
                },
                Line { height: 8, panels: vec![(12, quota(scope)), (12, rows(scope))] },
            ],
        },
        Section {
            title: "What arrived late, changed, or was refused",
            lines: vec![Line {
                height: 8,
                panels: vec![(8, revisions(scope)), (8, lateness(scope)), (8, refused(scope))],
            }],
        },
        Section {
            title: "Ledger and resources",
            lines: vec![Line {
                height: 8,
                panels: vec![(8, ledger(scope)), (8, memory(scope)), (8, age(scope))],
            }],
        },
        notes(
            3,
            "A red tile above has a section in the runbook (link at the top). Counters of the exporter's \
             own reading begin anew when it is restarted; those of \
             the contact centre do not. This board needs no recording rules, except for *Alerts firing*.",
        ),
    ]
}

fn process(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let up = scope.named("up");
    vec![
        (
            4,
            stat(
                "Exporters scraped",
                about(
                    "Exporters that answer Prometheus, and those that do not.",
                    "number of up that are 1, and 0",
                    "Prometheus",
                ),
            )
            .ask(instant(format!("sum({up})"), "answer"))
            .ask(instant(format!("sum({up} == bool 0)"), "do not").colored(&[(1.0, Color::Bad)], Color::Good))
            .decimals(0)
            .named()
            .empty("none is scraped"),
        ),
        (
            4,
            stat(
                "Version",
                about("Version of each exporter.", "label version of wolkvox_exporter_build_info", SELF),
            )
            .ask(instant(
                format!("max by (version, revision) ({})", scope.all(&catalogue::BUILD_INFO)),
                "{{version}} {{revision}}",
            ))
            .names_only()
            .empty("none is scraped"),
        ),
        (
            4,
            stat("Started", about("When the process started.", "process_start_time_seconds", SELF))
                .ask(instant(format!("1000 * max({})", scope.named(PROCESS_START)), ""))
                .unit(Unit::Ago)
                .empty("none is scraped"),
        ),
        (
            4,
            stat(
                "Series",
                about("Series that the exporters serve.", "wolkvox_exporter_series, summed", SELF),
            )
            .ask(instant(format!("sum({})", scope.all(&catalogue::SERIES)), ""))
            .decimals(0)
            .empty("none is scraped"),
        ),
        (
            4,
            stat(
                "Ledger",
                about(
                    "Size of the ledger, and failures to use it over the time shown.",
                    "wolkvox_exporter_ledger_bytes; growth of wolkvox_exporter_ledger_errors_total",
                    SELF,
                ),
            )
            .ask(instant(format!("sum({})", scope.all(&catalogue::LEDGER_BYTES)), "size").unit(Unit::Bytes))
            .ask(
                instant(scope.grown(&[], &catalogue::LEDGER_ERRORS, RANGE), "failures")
                    .decimals(0)
                    .colored(&[(1.0, Color::Bad)], Color::Good),
            )
            .named()
            .empty("none is scraped"),
        ),
        (
            4,
            stat(
                "Configuration",
                about(
                    "Whether the last reload succeeded, and when the configuration in use was loaded.",
                    "wolkvox_exporter_config_last_reload_successful",
                    SELF,
                ),
            )
            .ask(
                instant(format!("min({})", scope.all(&catalogue::CONFIG_RELOAD_SUCCESSFUL)), "last reload")
                    .said(&[
                        Mapping(Some(0.0), Some(0.0), "refused", Color::Bad),
                        Mapping(Some(1.0), Some(1.0), "good", Color::Good),
                    ]),
            )
            .ask(
                instant(format!("1000 * max({})", scope.all(&catalogue::CONFIG_RELOAD_TIMESTAMP)), "loaded")
                    .unit(Unit::Ago),
            )
            .named()
            .empty("none is scraped"),
        ),
    ]
}

fn reports(scope: Scope<'_>) -> Panel {
    let gauge = |family| max(REPORT, &scope.all(family));
    let ago = |family| format!("clamp_min(time() - {}, 0)", gauge(family));
    let stale = scope.options.thresholds.stale_intervals;
    let intervals = format!(
        "clamp_min(time() - {}, 0) / on ({}) {}",
        gauge(&catalogue::LAST_SUCCESS),
        list(REPORT),
        gauge(&catalogue::REPORT_INTERVAL)
    );
    table(
        "Every report of every operation",
        about(
            &format!(
                "One row a report. *Intervals* is the time since the last success as times the planned \
                 interval: 1 is due, above {stale} the data is stale. \
                 *Data age* is how far behind the numbers are. Skill_1, skills and token_info are helpers."
            ),
            "now minus the timestamps of wolkvox_report_*; growth of wolkvox_report_reads_total, \
             _read_failures_total, _rows_total over the time shown",
            READING,
        ),
        &[("report", "Report"), ("operation", "Operation")],
    )
    .ask(column("Last reading", gauge(&catalogue::REPORT_UP)).said(&[
        Mapping(Some(1.0), Some(1.0), "good", Color::Good),
        Mapping(Some(0.0), Some(0.0), "failed", Color::Bad),
    ]))
    .ask(column("Data age", ago(&catalogue::DATA_THROUGH)).unit(Unit::Seconds).decimals(0))
    .ask(
        column("Intervals", intervals)
            .unit(Unit::Number)
            .decimals(1)
            .colored(&[(2.0, Color::Watch), (stale, Color::Bad)], Color::Good),
    )
    .ask(column("Planned every", gauge(&catalogue::REPORT_INTERVAL)).unit(Unit::Seconds).wide(120))
    .ask(column("Catching up", gauge(&catalogue::REPORT_CATCHING_UP)).said(&[
        Mapping(Some(1.0), Some(1.0), "yes", Color::Watch),
        Mapping(Some(0.0), Some(0.0), "no", Color::Good),
    ]))
    .ask(
        column("Owed", gauge(&catalogue::REPORT_BUCKETS_OWED))
            .decimals(0)
            .colored(&[(1.0, Color::Watch)], Color::Good),
    )
    .ask(column("Reads", scope.grown(REPORT, &catalogue::REPORT_READS, RANGE)).decimals(0))
    .ask(column("Failed", scope.grown(REPORT, &catalogue::REPORT_READ_FAILURES, RANGE)).decimals(0))
    .ask(column("Empty", scope.grown(REPORT, &catalogue::REPORT_EMPTY_READS, RANGE)).decimals(0))
    .ask(column("Rows", scope.grown(REPORT, &catalogue::REPORT_ROWS, RANGE)).decimals(0))
    .ask(column("Last asked", ago(&catalogue::LAST_ATTEMPT)).unit(Unit::Seconds).decimals(0))
    .ask(
        column("Counts since", format!("1000 * {}", gauge(&catalogue::COUNTING_SINCE)))
            .unit(Unit::Date)
            .wide(165),
    )
    .sorted("Intervals", true)
    .empty("")
}

fn requests(scope: Scope<'_>) -> Panel {
    graph(
        "Requests per hour, by report",
        about(
            "Requests sent per hour, whatever came back.",
            "3600 × growth per second of wolkvox_report_reads_total",
            READING,
        ),
    )
    .ask(range(scope.hourly(&[Label::Report], &catalogue::REPORT_READS, &[]), "{{report}}"))
    .stacked()
    .from_zero()
    .decimals(0)
    .axis("requests per hour")
    .empty("no request")
}

fn failures(scope: Scope<'_>) -> Panel {
    let failed = scope.hourly(&[Label::Reason], &catalogue::REPORT_READ_FAILURES, &[]);
    graph(
        "Failed requests per hour, by reason",
        about(
            "Requests that failed, per hour and by reason. The status page of the exporter says what to \
             do about each.",
            "3600 × growth per second of wolkvox_report_read_failures_total",
            READING,
        ),
    )
    .ask(range(format!("{failed} > 0"), "{{reason}}"))
    .stacked_bars()
    .from_zero()
    .axis("failures per hour")
    .empty("no failure")
}

/// A quantile of a histogram over the time that follows the width of the graph.
fn quantile(scope: Scope<'_>, family: &Family, quantile: f64, by: Label) -> String {
    let rate = format!("rate({}[{RATE}])", scope.part(family, Part::Bucket, &[]));
    format!("histogram_quantile({quantile}, sum by ({}, le) ({rate})) >= 0", by.as_str())
}

fn durations(scope: Scope<'_>) -> Panel {
    graph(
        "How long answers take",
        about(
            "The time within which nine of ten answers of each report were complete.",
            "quantile 0.9 of wolkvox_report_read_seconds, interpolated",
            READING,
        ),
    )
    .ask(range(quantile(scope, &catalogue::REPORT_READ_SECONDS, 0.9, Label::Report), "{{report}}"))
    .unit(Unit::Seconds)
    .from_zero()
    .empty("no request")
}

fn quota(scope: Scope<'_>) -> Panel {
    let gauge = |family, name: &str| -> Target { range(max(OPERATION, &scope.all(family)), name) };
    graph(
        "Quota of the day",
        about(
            "Requests of the quota day as the vendor counts them, those expected by its end, and those \
             allowed. The exporter reads less often when it must.",
            "wolkvox_token_requests_today, _forecast and _limit",
            "token_info (token_use_today, all_token_today, token_limit), and the exporter's own plan",
        ),
    )
    .ask(gauge(&catalogue::TOKEN_REQUESTS_TODAY, "{{operation}} today"))
    .ask(gauge(&catalogue::TOKEN_REQUESTS_FORECAST, "{{operation}} forecast").dashed())
    .ask(gauge(&catalogue::TOKEN_REQUESTS_LIMIT, "{{operation}} limit").dashed().color(Color::Bad))
    .ask(
        range(
            format!(
                "3600 * {}",
                sum(OPERATION, &format!("rate({}[{RATE}])", scope.all(&catalogue::TOKEN_REQUESTS)))
            ),
            "{{operation}} sent per hour",
        )
        .dashed()
        .color(Color::Other),
    )
    .decimals(0)
    .from_zero()
    .axis("requests")
    .empty("not known yet")
}

fn rows(scope: Scope<'_>) -> Panel {
    let bytes = scope.hourly(&[], &catalogue::REPORT_RESPONSE_BYTES, &[]);
    graph(
        "Rows and bytes per hour",
        about(
            "Rows received per hour and by report, re-read ones included, and the bytes of all answers \
             after decompression.",
            "3600 × growth per second of wolkvox_report_rows_total and wolkvox_report_response_bytes_total",
            READING,
        ),
    )
    .ask(range(scope.hourly(&[Label::Report], &catalogue::REPORT_ROWS, &[]), "{{report}}"))
    .ask(range(bytes, "bytes").unit(Unit::Bytes).right("bytes per hour").line().color(Color::Other))
    .unit(Unit::Number)
    .from_zero()
    .axis("rows per hour")
    .empty("no row")
}

fn revisions(scope: Scope<'_>) -> Panel {
    graph(
        "Corrections per hour",
        about(
            "Counts that the vendor changed: down, up after their hour or day had ended, or relabelled. A \
             counter stands still until a downward correction is \
             worked off.",
            "3600 × growth per second of wolkvox_report_revisions_total",
            READING,
        ),
    )
    .ask(range(scope.hourly(&[Label::Direction], &catalogue::REPORT_REVISIONS, &[]), "{{direction}}"))
    .from_zero()
    .axis("cells per hour")
    .empty("nothing was corrected")
}

fn lateness(scope: Scope<'_>) -> Panel {
    graph(
        "How late rows appear",
        about(
            "The time after its own within which nine of ten rows of each report appeared. Above the \
             settle time, rows would be missed.",
            "quantile 0.9 of wolkvox_report_row_lateness_seconds, interpolated",
            READING,
        ),
    )
    .ask(range(quantile(scope, &catalogue::REPORT_ROW_LATENESS, 0.9, Label::Report), "{{report}}"))
    .unit(Unit::Seconds)
    .from_zero()
    .empty("no row with a time of its own")
}

fn refused(scope: Scope<'_>) -> Panel {
    let grown = |by: Label, family| format!("{} > 0", scope.grown(&[by], family, RANGE));
    let rows = |by, family, legend: &str| instant(grown(by, family), legend);
    crate::dashboards::grafana::panel::bars(
        "Values, rows and labels refused",
        about(
            "Over the time shown: values that could not be read, by field; rows that were not counted, by \
             reason; label values sent to other, by label; \
             self-checks that failed, by check. Empty is good.",
            "growth of wolkvox_report_values_rejected_total, _rows_dropped_total, \
             wolkvox_label_values_folded_total, wolkvox_reconstruction_mismatches_total",
            READING,
        ),
    )
    .ask(rows(Label::Field, &catalogue::REPORT_VALUES_REJECTED, "value of {{field}}").color(Color::Watch))
    .ask(rows(Label::Reason, &catalogue::REPORT_ROWS_DROPPED, "row: {{reason}}").color(Color::Watch))
    .ask(rows(Label::Label, &catalogue::LABEL_VALUES_FOLDED, "label {{label}}").color(Color::Other))
    .ask(rows(Label::Check, &catalogue::RECONSTRUCTION_MISMATCHES, "check {{check}}").color(Color::Bad))
    .decimals(0)
    .empty("nothing was refused")
}

fn ledger(scope: Scope<'_>) -> Panel {
    let rate = |part| format!("rate({}[{RATE}])", scope.part(&catalogue::LEDGER_COMMIT_SECONDS, part, &[]));
    graph(
        "Durable writes of the ledger",
        about(
            "Mean time of a durable commit, and that within which 99 of 100 are done.",
            "seconds / commits; quantile 0.99 of wolkvox_exporter_ledger_commit_seconds, interpolated",
            SELF,
        ),
    )
    .ask(
        range(format!("sum({}) / (sum({}) > 0)", rate(Part::Sum), rate(Part::Count)), "mean")
            .color(Color::Good),
    )
    .ask(
        range(format!("histogram_quantile(0.99, sum by (le) ({})) >= 0", rate(Part::Bucket)), "99 of 100")
            .color(Color::Watch),
    )
    .unit(Unit::Seconds)
    .from_zero()
    .empty("no ledger is kept")
}

fn memory(scope: Scope<'_>) -> Panel {
    graph(
        "Memory and processor",
        about(
            "Resident memory, and the share of one processor used.",
            "process_resident_memory_bytes; growth per second of process_cpu_seconds_total",
            SELF,
        ),
    )
    .ask(range(scope.named("process_resident_memory_bytes"), "{{instance}} memory"))
    .ask(
        range(
            format!("rate({}[{RATE}])", scope.named("process_cpu_seconds_total")),
            "{{instance}} processor",
        )
        .unit(Unit::Ratio)
        .right("of one processor")
        .dashed(),
    )
    .unit(Unit::Bytes)
    .from_zero()
    .empty("none is scraped")
}

fn age(scope: Scope<'_>) -> Panel {
    let through = max(&[Label::Report], &format!("time() - {}", scope.all(&catalogue::DATA_THROUGH)));
    graph(
        "Data age",
        about(
            "How far behind the numbers of each report were; the operation furthest behind.",
            "now minus wolkvox_report_data_through_timestamp_seconds, the greatest",
            READING,
        ),
    )
    .ask(range(format!("clamp_min({through}, 0)"), "{{report}}"))
    .unit(Unit::Seconds)
    .from_zero()
    .empty("nothing read yet")
}
