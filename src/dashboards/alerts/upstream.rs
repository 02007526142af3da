//! Reading: is the data fresh, and does the API let us in?

use crate::api::{Reason, Report};
use crate::dashboards::recording::{OPERATION, age};
use crate::dashboards::rule::{Alert, Category, Hours, Runbook, Severity};
use crate::dashboards::words::{Window, increase, is, is_one_of, list, max, sum, value_of};
use crate::dashboards::{Board, Options};
use crate::metrics::{Label, catalogue};

const READING: &[Label] = &[Label::Operation, Label::Report];
const ALWAYS: Hours = Hours::Any("the exporter reads at all hours");

pub(super) fn alerts(options: &Options) -> Vec<Alert> {
    vec![
        stale(options),
        never_read(options),
        catching_up(options),
        auth(options),
        failing(options),
        quota_forecast(options),
        quota_spent(options),
        shared_token(options),
    ]
}

fn reading(operation_only: bool) -> String {
    let operation = value_of(Label::Operation);
    if operation_only { operation } else { format!("{operation} / {}", value_of(Label::Report)) }
}

fn failures(options: &Options, reasons: &[Reason], window: Window) -> String {
    let names: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    let matcher =
        if let [one] = names.as_slice() { is(Label::Reason, one) } else { is_one_of(Label::Reason, &names) };
    increase(&options.selector.some(&catalogue::REPORT_READ_FAILURES, &[matcher]), window)
}

fn failures_by_reason(options: &Options) -> (&'static str, String) {
    let failures = increase(&options.selector.all(&catalogue::REPORT_READ_FAILURES), Window::H1);
    ("failures of the last hour by reason", sum(&[Label::Operation, Label::Report, Label::Reason], &failures))
}

fn stale(options: &Options) -> Alert {
    let reports: Vec<_> = Report::FIVE.iter().map(|report| report.code()).collect();
    Alert {
        name: "WolkvoxDataStale",
        severity: Severity::Critical,
        category: Category::Exporter,
        report: None,
        by: READING.to_vec(),
        signal: format!(
            "{}{{{}}} > {}",
            age(),
            is_one_of(Label::Report, &reports),
            options.thresholds.stale_intervals
        ),
        guards: vec![],
        // Three intervals are wait enough.
        hold_minutes: 0,
        summary: format!(
            "{}: no successful reading for {{{{ $value | printf \"%.1f\" }}}} planned intervals",
            reading(false)
        ),
        description:
            "The figures of this report stand still, and so do the alerts on them: those that fired still do, \
                      and no other will until this one ends."
                .to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "A report has not been read with success for more than three of its planned intervals.",
            impact: "Service level, abandonment and the rest are not known. For six hours everything stands as it was last \
                     read, then it is blank. Of skill_6 one skill that fails is enough: its age is that of the skill read \
                     longest ago, and all skills of the operation stand with it. Silence of the other alerts is no good \
                     news. Nothing is lost: what was missed is read when the API answers again.",
            diagnosis: vec![
                ("age in planned intervals", age()),
                failures_by_reason(options),
                ("the planned interval", options.selector.all(&catalogue::REPORT_INTERVAL)),
            ],
            action: &[
                "Open the status page of the exporter: it says the last error in words.",
                "Errors of authentication or quota have alerts of their own; follow those.",
                "Otherwise `wolkvox_exporter check --live` tells whether the API answers from this machine.",
            ],
            silence: "While the vendor repairs an outage that he has announced. Never for good.",
        },
    }
}

fn never_read(options: &Options) -> Alert {
    let reads = max(READING, &options.selector.all(&catalogue::REPORT_READS));
    let success = max(READING, &options.selector.all(&catalogue::LAST_SUCCESS));
    Alert {
        name: "WolkvoxReportNeverRead",
        severity: Severity::Critical,
        category: Category::Exporter,
        report: None,
        by: READING.to_vec(),
        signal: reads,
        guards: vec![format!("unless on ({})\n{success}", list(READING))],
        hold_minutes: 15,
        summary: format!("{}: never read with success, after {{{{ $value }}}} requests", reading(false)),
        description: "Since the exporter knows this report, no reading of it has succeeded.".to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "The exporter has been up for a quarter of an hour and has not read this report once.",
            impact: "The report has no figures at all.",
            diagnosis: vec![
                failures_by_reason(options),
                ("requests so far", options.selector.all(&catalogue::REPORT_READS)),
            ],
            action: &[
                "Run `wolkvox_exporter check --live`: server, token and zone are usual suspects.",
                "A report that the licence does not include: turn it off in the configuration.",
                "Zero requests: the quota of the day may be spent, or the first turn has not come; see the status page.",
            ],
            silence: "While an operation is being set up.",
        },
    }
}

fn catching_up(options: &Options) -> Alert {
    let flag = options.selector.all(&catalogue::REPORT_CATCHING_UP);
    Alert {
        name: "WolkvoxCatchingUpLong",
        severity: Severity::Warning,
        category: Category::Exporter,
        report: None,
        by: READING.to_vec(),
        signal: format!("{} == 1", max(READING, &format!("min_over_time({flag}[6h])"))),
        guards: vec![
            // A series younger than the window would be taken for one that has been 1 all along.
            format!("and on ({})\n({} == 1)", list(READING), max(READING, &format!("{flag} offset 6h"))),
        ],
        hold_minutes: 0,
        summary: format!("{}: older data has been read for 6 hours and more", reading(false)),
        description:
            "While a report is catching up, alerts on its figures stay silent; one that fired before goes on."
                .to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "The report reads older days or hours, after an outage or because `count_from` asks for it, and has \
                      done so for six hours.",
            impact: "Alerts on its figures have been silent for as long, since what arrives is not of now.",
            diagnosis: vec![
                ("buckets still owed", options.selector.all(&catalogue::REPORT_BUCKETS_OWED)),
                ("everything before this has been read", options.selector.all(&catalogue::DATA_THROUGH)),
                ("requests today, against the limit", options.selector.all(&catalogue::TOKEN_REQUESTS_TODAY)),
            ],
            action: &[
                "After setting `count_from` far back: wait; the status page shows how much is left.",
                "Otherwise see whether requests fail or the quota stretches the intervals.",
            ],
            silence: "For the days that reading the past is planned to take.",
        },
    }
}

fn auth(options: &Options) -> Alert {
    let refused = sum(OPERATION, &failures(options, &[Reason::Auth], Window::H2));
    Alert {
        name: "WolkvoxAPIAuthFailing",
        severity: Severity::Critical,
        category: Category::Exporter,
        report: None,
        by: OPERATION.to_vec(),
        signal: format!("{refused} > 0"),
        guards: vec![format!(
            "and on ({})\n({} == 0)",
            list(OPERATION),
            max(OPERATION, &options.selector.all(&catalogue::UP))
        )],
        hold_minutes: 5,
        summary: format!("{}: the API refuses the token", reading(true)),
        description: "The token was refused within the last two hours, and the operation is not read."
            .to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "The API says that the token is wrong, expired or not allowed.",
            impact: "Nothing of this operation is read. The exporter asks again once an hour at most, to spare the account.",
            diagnosis: vec![failures_by_reason(options)],
            action: &[
                "Compare the token with the one in Wolkvox Manager; write the new one to its file and send SIGHUP.",
                "Check that the server number belongs to the token, and that this address may use the API.",
            ],
            silence: "Not at all: turn the operation off instead.",
        },
    }
}

fn failing(options: &Options) -> Alert {
    let reasons: Vec<_> = Reason::ALL
        .into_iter()
        .filter(|reason| !matches!(reason, Reason::Auth | Reason::Quota | Reason::Concurrency))
        .collect();
    let failed = sum(READING, &failures(options, &reasons, Window::M30));
    let asked = sum(READING, &increase(&options.selector.all(&catalogue::REPORT_READS), Window::M30));
    Alert {
        name: "WolkvoxAPIErrors",
        severity: Severity::Warning,
        category: Category::Exporter,
        report: None,
        by: READING.to_vec(),
        signal: format!("clamp_max({failed} / ({asked} > 0), 1) > {}", options.thresholds.failed_share),
        guards: vec![format!(
            "and on ({})\n({failed} > {})",
            list(READING),
            options.thresholds.failed_requests
        )],
        hold_minutes: 15,
        summary: format!(
            "{}: {{{{ $value | humanizePercentage }}}} of requests failed over 30 minutes",
            reading(false)
        ),
        description: "Most requests fail for reasons other than token, quota and shared use.".to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "More than half of the requests for this report fail.",
            impact: "Data arrives late, and each failure costs quota.",
            diagnosis: vec![
                failures_by_reason(options),
                (
                    "time per request",
                    format!(
                        "histogram_quantile(0.9, sum by (operation, report, le) (increase({}_bucket[1h])))",
                        catalogue::REPORT_READ_SECONDS.name
                    ),
                ),
            ],
            action: &[
                "`timeout`, `server`, `maintenance`: ask the vendor. `connect`: look at the network from this machine.",
                "`decode`, `mismatch`: the format has changed; see the log at level debug and open an issue.",
            ],
            silence: "While the vendor repairs an outage that he has announced.",
        },
    }
}

fn quota_forecast(options: &Options) -> Alert {
    let forecast = max(OPERATION, &options.selector.all(&catalogue::TOKEN_REQUESTS_FORECAST));
    let limit = max(OPERATION, &options.selector.all(&catalogue::TOKEN_REQUESTS_LIMIT));
    Alert {
        name: "WolkvoxAPIQuotaForecast",
        severity: Severity::Warning,
        category: Category::Exporter,
        report: None,
        by: OPERATION.to_vec(),
        signal: forecast.clone(),
        guards: vec![format!(
            "and on ({})\n({forecast} > on ({}) {limit})",
            list(OPERATION),
            list(OPERATION)
        )],
        hold_minutes: 15,
        summary: format!(
            "{}: {{{{ $value | printf \"%.0f\" }}}} requests are expected by the end of the quota day, more than the limit",
            reading(true)
        ),
        description: "At this pace the token has no requests left before the quota day ends.".to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "The requests made today and those still planned exceed what the token may make.",
            impact: "At some hour of the day the API will refuse the token, and nothing is read until midnight.",
            diagnosis: vec![
                ("used, as the vendor counts", options.selector.all(&catalogue::TOKEN_REQUESTS_TODAY)),
                (
                    "our own requests of the day",
                    format!("increase({}[1d])", options.selector.all(&catalogue::TOKEN_REQUESTS)),
                ),
                ("the limit", options.selector.all(&catalogue::TOKEN_REQUESTS_LIMIT)),
            ],
            action: &[
                "Compare the vendor's count with ours: the difference is somebody else's use of this token.",
                "`wolkvox_exporter plan` shows what each report costs; turn off what nobody looks at.",
                "Give the exporter a token of its own.",
            ],
            silence: "For the rest of the day, once the cause is known.",
        },
    }
}

fn quota_spent(options: &Options) -> Alert {
    const NAME: &str = "WolkvoxAPIQuotaSpent";
    // One refusal may be the last request of the day: what fires goes on until the operation is read.
    let fires = sum(OPERATION, &format!("ALERTS{{alertname=\"{NAME}\",alertstate=\"firing\"}}"));
    let refused = sum(OPERATION, &failures(options, &[Reason::Quota], Window::H2));
    Alert {
        name: NAME,
        severity: Severity::Critical,
        category: Category::Exporter,
        report: None,
        by: OPERATION.to_vec(),
        signal: format!("({refused} > 0 or {fires})"),
        guards: vec![format!(
            "and on ({})\n({} == 0)",
            list(OPERATION),
            max(OPERATION, &options.selector.all(&catalogue::UP))
        )],
        hold_minutes: 0,
        summary: format!("{}: the requests of the quota day are spent", reading(true)),
        description: "The API answers that the limit of the token is reached; nothing is read until the quota day ends."
            .to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "The API has refused a request because the token has used up its day.",
            impact: "No figures until the quota day ends. What is missed is read afterwards.",
            diagnosis: vec![
                ("used, as the vendor counts", options.selector.all(&catalogue::TOKEN_REQUESTS_TODAY)),
                ("our own requests of the day", format!(
                    "increase({}[1d])",
                    options.selector.all(&catalogue::TOKEN_REQUESTS)
                )),
            ],
            action: &[
                "The exporter keeps within the quota as far as its own requests go: look for others with this token.",
                "Ask the vendor for more requests, or give the exporter a token of its own.",
            ],
            silence: "Until the quota day ends.",
        },
    }
}

fn shared_token(options: &Options) -> Alert {
    Alert {
        name: "WolkvoxTokenShared",
        severity: Severity::Info,
        category: Category::Exporter,
        report: None,
        by: OPERATION.to_vec(),
        signal: format!(
            "{} > {}",
            sum(OPERATION, &failures(options, &[Reason::Concurrency], Window::H1)),
            options.thresholds.shared_refusals
        ),
        guards: vec![],
        hold_minutes: 0,
        summary: format!(
            "{}: about {{{{ $value | printf \"%.0f\" }}}} requests were refused in an hour because somebody else uses the token",
            reading(true)
        ),
        description: "The API allows few requests at a time per token, and others are making them."
            .to_owned(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook {
            meaning: "Requests are refused as simultaneous: another program uses the same token.",
            impact: "Readings are late, and the quota is shared.",
            diagnosis: vec![failures_by_reason(options)],
            action: &["Find the other program, or give the exporter a token of its own."],
            silence: "When the other program is known and both have enough.",
        },
    }
}
