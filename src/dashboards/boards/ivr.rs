//! IVR: is self-service working, and has its use changed?

use super::overview::week_before;
use super::parts::{RULES_NOTE, notes, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Panel, Unit, about, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::{IVR_MEAN, IVR_PASSED, OPERATION};
use crate::dashboards::scope::{RANGE, Scope};
use crate::dashboards::words::{max, recorded};
use crate::metrics::{Family, Label, catalogue};

const CALLS: &str = "diagram_1_2 (calls)";
const TIME: &str = "diagram_1_2 (calls, ivr_minutes)";
const PASSED: &str = "diagram_1_2 (calls) and skill_6 (inbound_calls)";

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &[Report::Diagram12, Report::Skill6]),
        Section { title: "Over the time shown", lines: vec![Line { height: 5, panels: totals(scope) }] },
        Section {
            title: "Hour by hour",
            lines: vec![
                Line { height: 8, panels: vec![(12, calls(scope)), (12, mean(scope))] },
                Line { height: 8, panels: vec![(12, passed(scope)), (12, entered(scope))] },
            ],
        },
        Section {
            title: "As Wolkvox reports today",
            lines: vec![Line { height: 9, panels: vec![(14, hours(scope)), (10, cumulated(scope))] }],
        },
        notes(
            4,
            &format!(
                "{RULES_NOTE}\n\nThe report says how many calls went through the IVR, not what became of \
                 them. *Not passed on* counts those who were \
                 served and those who hung up in despair alike: it is the most that self-service can have \
                 achieved, never less. Calls that are \
                 transferred count for several skills, so *offered per IVR call* may exceed 1."
            ),
        ),
    ]
}

fn grown(scope: Scope<'_>, family: &Family) -> String {
    scope.grown(&[], family, RANGE)
}

fn totals(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let fewest = scope.options.thresholds.calls_hour;
    let calls = grown(scope, &catalogue::IVR_CALLS);
    let seconds = grown(scope, &catalogue::IVR_SECONDS);
    let offered = grown(scope, &catalogue::INBOUND_CALLS);
    let per_call = format!("{offered} / ({calls} >= {fewest})");
    let few = format!("fewer than {fewest} calls");
    let weekly = |panel: Panel, expr: &str| {
        panel
            .ask(instant(expr, "this time"))
            .ask(instant(week_before(expr), "a week before").color(Color::Other))
            .named()
    };
    vec![
        (
            6,
            weekly(
                stat(
                    "Calls through the IVR",
                    about(
                        "Calls that went through the IVR, and in the same time a week before.",
                        "growth \
                        of wolkvox_ivr_calls_total",
                        CALLS,
                    ),
                ),
                &calls,
            )
            .decimals(0)
            .empty("no call in the IVR"),
        ),
        (
            4,
            stat(
                "Time in the IVR",
                about(
                    "Time that callers spent in the IVR, together.",
                    "growth of \
                    wolkvox_ivr_seconds_total",
                    TIME,
                ),
            )
            .ask(instant(seconds.clone(), ""))
            .unit(Unit::Seconds)
            .empty("no call in the IVR"),
        ),
        (
            5,
            weekly(
                stat(
                    "Time per call",
                    about(
                        "Mean time of a call in the IVR, and in the same time a week before. A sudden \
                         change means another flow or a broken prompt.",
                        "seconds in the IVR / calls through the IVR",
                        TIME,
                    ),
                ),
                &format!("{seconds} / ({calls} >= {fewest})"),
            )
            .unit(Unit::Seconds)
            .decimals(0)
            .empty(&few),
        ),
        (
            5,
            weekly(
                stat(
                    "Offered to skills, per IVR call",
                    about(
                        "Calls offered to skills for each call through the IVR, and in the same time a \
                         week before. May exceed 1, since calls are \
                         transferred.",
                        "calls offered to skills / calls through the IVR",
                        PASSED,
                    ),
                ),
                &per_call,
            )
            .unit(Unit::Ratio)
            .unbounded()
            .empty(&few),
        ),
        (
            4,
            stat(
                "Not passed on, at most",
                about(
                    "Share of IVR calls that never reached a skill: an upper bound of what self-service \
                     achieves, since hang-ups count too.",
                    "1 - calls offered to skills / calls through the IVR, 0 when negative",
                    PASSED,
                ),
            )
            .ask(instant(format!("clamp_min(1 - {per_call}, 0)"), ""))
            .unit(Unit::Ratio)
            .empty(&few),
        ),
    ]
}

fn calls(scope: Scope<'_>) -> Panel {
    let hourly = scope.hourly(OPERATION, &catalogue::IVR_CALLS, &[]);
    graph(
        "Calls through the IVR, per hour",
        about(
            "Calls that went through the IVR, per hour; dashed, a week before.",
            "3600 × growth per second of wolkvox_ivr_calls_total",
            CALLS,
        ),
    )
    .ask(range(week_before(&hourly), "{{operation}} a week before").dashed())
    .ask(range(hourly, "{{operation}}"))
    .decimals(0)
    .from_zero()
    .axis("calls per hour")
    .empty("no call in the IVR")
}

fn mean(scope: Scope<'_>) -> Panel {
    let now = scope.recorded(OPERATION, &recorded(OPERATION, IVR_MEAN, "mean4h"), &[]);
    graph(
        "Time per call in the IVR, 4 hours",
        about(
            "Mean time of a call in the IVR over 4 hours; dashed, a week before. Longer: a prompt loops, \
             or a system behind it answers slowly.",
            "seconds in the IVR / calls through the IVR over 4 hours",
            TIME,
        ),
    )
    .ask(range(now.clone(), "{{operation}}"))
    .ask(range(format!("{now} offset 1w"), "{{operation}} a week before").dashed())
    .unit(Unit::Seconds)
    .from_zero()
    .empty("no call in the IVR, or counts were corrected")
}

fn passed(scope: Scope<'_>) -> Panel {
    let now = scope.recorded(OPERATION, &recorded(OPERATION, IVR_PASSED, "ratio4h"), &[]);
    graph(
        "Offered to skills per IVR call, 4 hours",
        about(
            "Calls offered to skills for each call through the IVR, over 4 hours; dashed, a week before. \
             More: agents take what self-service should. \
             Fewer: callers are lost in the menu, or served by it. The calls stand beside it.",
            "calls offered to skills / calls through the IVR over 4 hours",
            PASSED,
        ),
    )
    .ask(range(now.clone(), "{{operation}}"))
    .ask(range(format!("{now} offset 1w"), "{{operation}} a week before").dashed())
    .unit(Unit::Ratio)
    .unbounded()
    .from_zero()
    .empty("no call in the IVR, or counts were corrected")
}

fn entered(scope: Scope<'_>) -> Panel {
    graph(
        "In the IVR, and offered to skills",
        about(
            "Calls per hour that went through the IVR, and calls per hour that were offered to skills.",
            "3600 × growth per second of wolkvox_ivr_calls_total and of wolkvox_inbound_calls_total",
            PASSED,
        ),
    )
    .ask(range(scope.hourly(&[], &catalogue::IVR_CALLS, &[]), "through the IVR").color(Color::Other))
    .ask(range(scope.hourly(&[], &catalogue::INBOUND_CALLS, &[]), "offered to skills").color(Color::Good))
    .decimals(0)
    .from_zero()
    .axis("calls per hour")
    .empty("no call in this time")
}

const HOUR: &[Label] = &[Label::Operation, Label::Hour];

fn hours(scope: Scope<'_>) -> Panel {
    let gauge = |family| max(HOUR, &scope.all(family));
    table(
        "Today, hour by hour",
        about(
            "What the Wolkvox console shows for today, hour by hour.",
            "the report as it stands; time per call = time / calls of the hour",
            TIME,
        ),
        &[("hour", "Hour"), ("operation", "Operation")],
    )
    .ask(column("Calls", gauge(&catalogue::TODAY_IVR_CALLS)).decimals(0))
    .ask(column("Time", gauge(&catalogue::TODAY_IVR_SECONDS)).unit(Unit::Seconds))
    .ask(
        column(
            "Time per call",
            format!(
                "{} / ({} > 0)",
                gauge(&catalogue::TODAY_IVR_SECONDS),
                gauge(&catalogue::TODAY_IVR_CALLS)
            ),
        )
        .unit(Unit::Seconds)
        .decimals(0),
    )
    .sorted("Hour", true)
    .empty("")
}

fn cumulated(scope: Scope<'_>) -> Panel {
    let today = format!("sum by (operation) ({})", max(HOUR, &scope.all(&catalogue::TODAY_IVR_CALLS)));
    graph(
        "IVR calls since midnight, and a week before",
        about(
            "Calls through the IVR since local midnight, in whole numbers, and on the same weekday a week \
             before.",
            "wolkvox_today_ivr_calls, summed over hours",
            CALLS,
        ),
    )
    .ask(range(today.replace("))", " offset 1w))"), "{{operation}} a week before").dashed())
    .ask(range(today, "{{operation}} today"))
    .decimals(0)
    .from_zero()
    .axis("calls")
    .empty("no call today")
}
