//! Trust: is the exporter there, do the numbers add up, and is the ledger well?

use crate::dashboards::rule::{Alert, Category, Hours, Runbook, Severity};
use crate::dashboards::words::{HELD, Part, Window, increase, is, list, max, sum, value_of};
use crate::dashboards::{Board, Options};
use crate::metrics::{Label, catalogue};

const ALWAYS: Hours = Hours::Any("the exporter reads at all hours");

/// When the process started: the `prometheus` crate names it.
pub(super) const PROCESS_START: &str = "process_start_time_seconds";

pub(super) fn alerts(options: &Options) -> Vec<Alert> {
    vec![
        down(options),
        absent(options),
        restarting(options),
        reload(options),
        drift(options),
        mismatch(options),
        audit(options),
        revised(options),
        folded(options),
        ledger_errors(options),
        ledger_slow(options),
        owed(options),
    ]
}

fn alert(name: &'static str, severity: Severity, by: &[Label], signal: String, hold_minutes: u32) -> Alert {
    Alert {
        name,
        severity,
        category: Category::Exporter,
        report: None,
        by: by.to_vec(),
        signal,
        guards: vec![],
        hold_minutes,
        summary: String::new(),
        description: String::new(),
        board: Board::Exporter,
        hours: ALWAYS,
        runbook: Runbook { meaning: "", impact: "", diagnosis: vec![], action: &[], silence: "" },
    }
}

fn down(options: &Options) -> Alert {
    const NAME: &str = "WolkvoxExporterDown";
    Alert {
        summary: "{{ $labels.instance }}: the exporter cannot be scraped{{ with $labels.operation }}, {{ . }} is not \
                  read{{ end }}"
            .to_owned(),
        description: "Prometheus knows the exporter and gets no answer from it. It fires for each operation that no other \
                      exporter reads, or without one."
            .to_owned(),
        runbook: Runbook {
            meaning: "Prometheus has not been able to scrape the exporter for five minutes.",
            impact: "No new figures. For six hours everything stands as it was last read, and alerts that fired still do; no \
                     new ones will. Nothing is lost: a restarted exporter reads what it missed.",
            diagnosis: vec![("targets", options.selector.named("up", &[]))],
            action: &[
                "Is the process running? Its last log line says why it ended.",
                "Does `/-/healthy` answer on its port, from the machine of Prometheus?",
            ],
            silence: "During a planned restart.",
        },
        ..alert(
            NAME,
            Severity::Critical,
            &[Label::Operation],
            format!(
                // What was read is remembered for hours; the alert itself remembers for longer.
                "max by (job, instance, operation) (last_over_time({up}[{HELD}]) or \
                 ALERTS{{alertname=\"{NAME}\",alertstate=\"firing\",operation!=\"\"}})\n\
                 and on (job, instance) {gone}\nunless on (operation) {up}\nor on (job, instance) {gone}",
                up = options.selector.all(&catalogue::UP),
                gone = format_args!("{} == 0", options.selector.named("up", &[])),
            ),
            5,
        )
    }
}

fn absent(options: &Options) -> Alert {
    Alert {
        summary: "no Wolkvox exporter is scraped".to_owned(),
        description: "No target of Prometheus matches the selector of these rules.".to_owned(),
        runbook: Runbook {
            meaning: "No series of any exporter that matches the selector of these rules is left.",
            impact: "All alerts of the contact centre are silent for want of data.",
            diagnosis: vec![("exporters under any job", catalogue::BUILD_INFO.name.to_owned())],
            action: &[
                "Is the job still in the configuration of Prometheus, and is it called as the rules expect? They are \
                 generated with `wolkvox_exporter dashboards --selector`.",
            ],
            silence: "Not at all: take the rules out where there is no exporter.",
        },
        ..alert(
            "WolkvoxExporterAbsent",
            Severity::Critical,
            &[],
            format!("absent({})", options.selector.all(&catalogue::BUILD_INFO)),
            10,
        )
    }
}

fn restarting(options: &Options) -> Alert {
    Alert {
        summary: "{{ $labels.instance }}: started {{ $value }} times in an hour".to_owned(),
        description: "The process ends again and again.".to_owned(),
        runbook: Runbook {
            meaning: "The exporter has been started several times within an hour.",
            impact: "Each start costs requests and holds new series back for a while.",
            diagnosis: vec![
                ("starts", format!("changes({}[1h])", options.selector.named(PROCESS_START, &[]))),
                ("memory", options.selector.named("process_resident_memory_bytes", &[])),
            ],
            action: &["Read the last log lines before each start.", "Killed for memory: raise the limit."],
            silence: "During maintenance.",
        },
        ..alert(
            "WolkvoxExporterRestarting",
            Severity::Warning,
            &[],
            format!(
                "changes({}[1h]) >= {}",
                options.selector.named(PROCESS_START, &[]),
                options.thresholds.restarts
            ),
            0,
        )
    }
}

fn reload(options: &Options) -> Alert {
    Alert {
        summary: "{{ $labels.instance }}: the last reload of the configuration failed".to_owned(),
        description: "The exporter runs on with the configuration it had before.".to_owned(),
        runbook: Runbook {
            meaning: "The configuration was changed and could not be loaded.",
            impact: "What was changed (targets, hours, tokens) does not hold; at the next start the exporter will refuse \
                     the file.",
            diagnosis: vec![("since when", options.selector.all(&catalogue::CONFIG_RELOAD_TIMESTAMP))],
            action: &[
                "`wolkvox_exporter check` names every mistake with its place. Mend it and send SIGHUP.",
            ],
            silence: "Not at all.",
        },
        ..alert(
            "WolkvoxConfigReloadFailed",
            Severity::Warning,
            &[],
            format!("{} == 0", options.selector.all(&catalogue::CONFIG_RELOAD_SUCCESSFUL)),
            5,
        )
    }
}

/// `sum by (..) (increase(family[1h])) > 0`.
fn grew(
    options: &Options,
    family: &'static crate::metrics::Family,
    by: &[Label],
    matchers: &[String],
) -> String {
    format!("{} > 0", sum(by, &increase(&options.selector.some(family, matchers), Window::H1)))
}

fn drift(options: &Options) -> Alert {
    let by = [Label::Operation, Label::Report, Label::Field];
    let rejected = grew(options, &catalogue::REPORT_VALUES_REJECTED, &by, &[]);
    Alert {
        summary: format!(
            "{} / {}: about {{{{ $value | printf \"%.0f\" }}}} values of {} could not be read in an hour",
            value_of(Label::Operation),
            value_of(Label::Report),
            value_of(Label::Field)
        ),
        description: "The vendor writes this field in a form that the exporter does not know. Such values are left out, \
                      never taken as 0."
            .to_owned(),
        runbook: Runbook {
            meaning: "Values of a field are written in a form that the exporter cannot read.",
            impact: "They are missing from the figures; in skill_6 the line keeps its last good reading.",
            diagnosis: vec![
                ("rejected values", sum(&by, &increase(
                    &options.selector.all(&catalogue::REPORT_VALUES_REJECTED),
                    Window::H1,
                ))),
                ("rows that were dropped, by reason", sum(
                    &[Label::Operation, Label::Report, Label::Reason],
                    &increase(&options.selector.all(&catalogue::REPORT_ROWS_DROPPED), Window::H1),
                )),
            ],
            action: &["Look at the field in Wolkvox Manager; open an issue with an example that holds nobody's data."],
            silence: "Until the release that reads the new form.",
        },
        ..alert("WolkvoxFormatDrift", Severity::Warning, &by, rejected, 0)
    }
}

fn mismatch(options: &Options) -> Alert {
    let by = [Label::Operation, Label::Check];
    Alert {
        summary: format!(
            "{}: check {} failed about {{{{ $value | printf \"%.0f\" }}}} times in an hour",
            value_of(Label::Operation),
            value_of(Label::Check)
        ),
        description: "Numbers that must fit together do not. The figures of skill_6 may be slightly wrong."
            .to_owned(),
        runbook: Runbook {
            meaning: "Counts were rebuilt from the vendor's percentages, and do not agree with what else he says; or a \
                      day had to be sealed as it was (`sealed_as_held`).",
            impact: "Service level or waits may be slightly wrong.",
            diagnosis: vec![
                (
                    "by check",
                    sum(
                        &by,
                        &increase(&options.selector.all(&catalogue::RECONSTRUCTION_MISMATCHES), Window::D1),
                    ),
                ),
                ("the other witness", options.selector.all(&catalogue::AUDIT_DIFFERENCE)),
            ],
            action: &[
                "`service_level_rounding`: the percentages may be of answered calls; set `denominator: auto`.",
                "`sealed_as_held`: the API gave no good answer for a day within 24 hours of its end.",
                "Others now and then: calls were changing while the report was written. Always: open an issue.",
            ],
            silence: "For checks that are understood.",
        },
        ..alert(
            "WolkvoxReconstructionMismatch",
            Severity::Info,
            &by,
            grew(options, &catalogue::RECONSTRUCTION_MISMATCHES, &by, &[]),
            0,
        )
    }
}

fn audit(options: &Options) -> Alert {
    let by = [Label::Operation, Label::SkillId];
    let difference = max(&by, &format!("abs({})", options.selector.all(&catalogue::AUDIT_DIFFERENCE)));
    Alert {
        summary: format!(
            "{} / {}: two reports of the vendor differ by {{{{ $value }}}} calls today",
            value_of(Label::Operation),
            value_of(Label::SkillId)
        ),
        description:
            "Inbound calls in skill_1 and the sum over lines in skill_6 have differed for half an hour."
                .to_owned(),
        // The board of the skill shows both and every line.
        board: Board::Skill,
        runbook: Runbook {
            meaning: "skill_1 and skill_6 do not agree on the calls of today.",
            impact: "One of the two is wrong; the counters follow skill_6.",
            diagnosis: vec![("the difference", options.selector.all(&catalogue::AUDIT_DIFFERENCE))],
            action: &["Compare both reports in Wolkvox Manager for the day; tell the vendor."],
            silence: "For a skill whose difference is understood.",
        },
        ..alert(
            "WolkvoxAuditDifference",
            Severity::Info,
            &by,
            format!("{difference} > {}", options.thresholds.audit_calls),
            30,
        )
    }
}

fn revised(options: &Options) -> Alert {
    let by = [Label::Operation, Label::Report];
    let down = [is(Label::Direction, "down")];
    Alert {
        summary: format!(
            "{} / {}: about {{{{ $value | printf \"%.0f\" }}}} counts were revised down in an hour",
            value_of(Label::Operation),
            value_of(Label::Report)
        ),
        description:
            "The vendor took back what he had reported. Counters wait, and ratios whose window holds the \
                      revision are blank."
                .to_owned(),
        runbook: Runbook {
            meaning: "A later answer of the vendor holds fewer calls than an earlier one did for the same day or hour.",
            impact: "Counters stand still until the truth has caught up. Ratios are blank, and their alerts silent, as \
                     long as their window holds the revision.",
            diagnosis: vec![(
                "revisions by direction",
                sum(
                    &[Label::Operation, Label::Report, Label::Direction],
                    &increase(&options.selector.all(&catalogue::REPORT_REVISIONS), Window::D1),
                ),
            )],
            action: &[
                "Now and then: nothing. Every hour: ask the vendor what changes his reports; until then watch the gauges \
                 of today, which show what he reports.",
            ],
            silence: "Where it is the habit of the server.",
        },
        ..alert(
            "WolkvoxCountsRevisedDown",
            Severity::Info,
            &by,
            grew(options, &catalogue::REPORT_REVISIONS, &by, &down),
            0,
        )
    }
}

fn folded(options: &Options) -> Alert {
    let by = [Label::Operation, Label::Label];
    Alert {
        summary: format!(
            "{}: about {{{{ $value | printf \"%.0f\" }}}} values of label {} were counted as other in an hour",
            value_of(Label::Operation),
            value_of(Label::Label)
        ),
        description: "There are more values than the configuration allows series for.".to_owned(),
        runbook: Runbook {
            meaning: "A label has more values than its limit, or values that look like people; they are counted as `other`.",
            impact: "Totals are right. What was folded cannot be told apart.",
            diagnosis: vec![("series of the exporter", options.selector.all(&catalogue::SERIES))],
            action: &[
                "Of `dnis`: name the lines under `dnis: allow`. Of others: raise `labels: max` when the values are few and \
                 wanted.",
            ],
            silence: "When the fold is wanted.",
        },
        ..alert(
            "WolkvoxLabelValuesFolded",
            Severity::Info,
            &by,
            grew(options, &catalogue::LABEL_VALUES_FOLDED, &by, &[]),
            0,
        )
    }
}

fn ledger_errors(options: &Options) -> Alert {
    let errors = options.selector.all(&catalogue::LEDGER_ERRORS);
    let started = options.selector.named(PROCESS_START, &[]);
    // What fails before the first scrape is never seen to grow. In the first hour all errors are of the last hour.
    let early = format!(
        "({errors} > 0\nand on (job, instance) time() - {started} < {})",
        Window::H1.duration().as_secs()
    );
    Alert {
        summary:
            "{{ $labels.instance }}: the ledger failed about {{ $value | printf \"%.0f\" }} times in an hour"
                .to_owned(),
        description: "What was read could not be written down and is read again, or the ledger was damaged at the start and a new one counts \
             from now."
            .to_owned(),
        runbook: Runbook {
            meaning: "The ledger could not be opened, read or written.",
            impact: "Counters stand still. A damaged ledger is set aside, and counting starts anew.",
            diagnosis: vec![
                ("size of the ledger", options.selector.all(&catalogue::LEDGER_BYTES)),
                ("errors", options.selector.all(&catalogue::LEDGER_ERRORS)),
            ],
            action: &[
                "The log names the file and the cause. Is the disk full, or the directory read-only?",
                "A ledger set aside as damaged: restore the directory from a backup, or set `count_from` to read the past \
                 again.",
            ],
            silence: "Not at all.",
        },
        ..alert(
            "WolkvoxLedgerErrors",
            Severity::Critical,
            &[],
            format!("{} > 0\nor {early}", increase(&errors, Window::H1)),
            0,
        )
    }
}

fn ledger_slow(options: &Options) -> Alert {
    let of =
        |part| increase(&options.selector.part(&catalogue::LEDGER_COMMIT_SECONDS, part, &[]), Window::H1);
    Alert {
        summary: "{{ $labels.instance }}: a durable write takes {{ $value | humanizeDuration }} on average"
            .to_owned(),
        description: "The disk under --storage.path is slow; readings wait for it.".to_owned(),
        runbook: Runbook {
            meaning: "Writing to the ledger takes long.",
            impact: "Readings queue up behind the disk, and data grows old.",
            diagnosis: vec![("mean time of a write", format!("{} / {}", of(Part::Sum), of(Part::Count)))],
            action: &["Look at the load of the disk; move --storage.path to a local one."],
            silence: "While the disk is being moved.",
        },
        ..alert(
            "WolkvoxLedgerSlow",
            Severity::Warning,
            &[],
            format!(
                "{} / ({} > 0) > {}",
                of(Part::Sum),
                of(Part::Count),
                options.thresholds.ledger_commit_seconds
            ),
            15,
        )
    }
}

fn owed(options: &Options) -> Alert {
    let by = [Label::Operation, Label::Report];
    let owed = max(&by, &options.selector.all(&catalogue::REPORT_BUCKETS_OWED));
    let catching_up = max(&by, &options.selector.all(&catalogue::REPORT_CATCHING_UP));
    Alert {
        guards: vec![format!("unless on ({})\n({catching_up} == 1)", list(&by))],
        summary: format!(
            "{} / {}: {{{{ $value }}}} hours or days are past their settle time and not sealed",
            value_of(Label::Operation),
            value_of(Label::Report)
        ),
        description: "They stay open, are read again, and after a day are sealed with what is held."
            .to_owned(),
        runbook: Runbook {
            meaning: "Hours or days that should be final are not: no good answer has come for them.",
            impact: "Their figures may still change. After 24 hours they are sealed as they are, which is counted.",
            diagnosis: vec![
                ("owed", options.selector.all(&catalogue::REPORT_BUCKETS_OWED)),
                (
                    "failures by reason",
                    sum(
                        &[Label::Operation, Label::Report, Label::Reason],
                        &increase(&options.selector.all(&catalogue::REPORT_READ_FAILURES), Window::H6),
                    ),
                ),
            ],
            action: &["The status page shows the last error of the report; follow its alert."],
            silence: "While the vendor repairs an outage.",
        },
        ..alert("WolkvoxBucketsOwed", Severity::Warning, &by, format!("{owed} > 0"), 180)
    }
}
