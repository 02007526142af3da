//! SLO and budget: do we keep the targets, and how many missed calls may we still afford?

use super::overview::{from_told, too_few};
use super::parts::{RULES_NOTE, judged, notes, skill_board, target_of, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Panel, Unit, about, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::{ANSWERED_WITHIN, SKILL, Share, WITHIN, counted, inbound};
use crate::dashboards::scope::Scope;
use crate::dashboards::words::{Window, base, list};
use crate::metrics::catalogue;

/// The sum of hour after hour, over days.
fn days(series: &str, days: u32) -> String {
    format!("sum_over_time({series}[{days}d:1h])")
}

fn offered(scope: Scope<'_>, long: u32) -> String {
    days(&scope.recorded(SKILL, &inbound(Window::H1), &[]), long)
}

/// Calls answered in time, or abandoned, by skill.
fn counts(scope: Scope<'_>, share: Share, long: u32) -> String {
    let series = match share {
        Share::ServiceLevel => {
            scope.recorded(WITHIN, &counted(WITHIN, ANSWERED_WITHIN, Window::H1), &[Scope::within()])
        }
        Share::Abandon => {
            scope.recorded(SKILL, &counted(SKILL, base(&catalogue::ABANDONED_CALLS), Window::H1), &[])
        }
    };
    format!("sum by ({}) ({})", list(SKILL), days(&series, long))
}

fn ratio(scope: Scope<'_>, share: Share, long: u32) -> String {
    format!(
        "clamp_max({} / ({} >= {}), 1)",
        counts(scope, share, long),
        offered(scope, long),
        scope.options.thresholds.calls_day
    )
}

/// Missed calls as a part of those allowed, and what is left of them.
fn left(scope: Scope<'_>, long: u32) -> String {
    let level = Share::ServiceLevel;
    format!(
        "1 - ({offered} - {in_time}) / ({offered} * on ({on}) max by ({on}) ({budget}) > 0)",
        offered = offered(scope, long),
        in_time = counts(scope, level, long),
        on = list(SKILL),
        budget = scope.budget(level)
    )
}

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &[Report::Skill6]),
        Section {
            title: "All chosen skills together",
            lines: vec![Line { height: 5, panels: together(scope) }],
        },
        Section {
            title: "Every \
                          skill",
            lines: vec![Line { height: 9, panels: vec![(24, skills(scope))] }],
        },
        Section {
            title: "How fast the budget of missed calls is spent",
            lines: vec![
                Line {
                    height: 8,
                    panels: vec![
                        (8, burn(scope, Window::H1, scope.options.thresholds.service_level_fast_burn)),
                        (8, burn(scope, Window::H4, scope.options.thresholds.service_level_slow_burn)),
                        (8, burn(scope, Window::D1, scope.options.thresholds.service_level_day_burn)),
                    ],
                },
                Line { height: 8, panels: vec![(12, day(scope)), (12, calls(scope))] },
            ],
        },
        Section {
            title: "Alerts",
            lines: vec![Line { height: 12, panels: vec![(12, fired()), (12, firing(scope))] }],
        },
        notes(
            5,
            &format!(
                "{RULES_NOTE}The weeks are sums of the recorded hours, so they reach back to when the \
                 rules were loaded.\n\nA target of 80 % \
                 allows one call of five to be missed: that is the **budget**. **Burn** is missed calls \
                 as times those allowed; with a budget \
                 of 20 % it cannot exceed 5, so the usual factors of web services (14.4) would never \
                 fire. *To make up* is how many calls in a \
                 row must be answered in time until today is back on target."
            ),
        ),
    ]
}

fn together(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let level = Share::ServiceLevel;
    let fewest = scope.options.thresholds.calls_day;
    let day = stat("In time, 1 day", from_told(scope, level, Window::D1))
        .asks(judged(scope, level, Window::D1))
        .ask(target_of(scope, level, Window::D1))
        .unit(Unit::Ratio)
        .named()
        .empty(&too_few(scope, Window::D1));
    let long = |title, long: u32| {
        let whole = format!("sum({})", offered(scope, long));
        let value = format!("clamp_max(sum({}) / ({whole} >= {fewest}), 1)", counts(scope, level, long));
        let budgeted = format!("{} * on ({}) {}", offered(scope, long), list(SKILL), scope.budget(level));
        stat(
            title,
            about(
                &format!(
                    "Share of the calls offered over {long} days that were answered within the threshold, \
                     of all chosen skills together, and \
                     what their targets ask for. Blank on fewer than {fewest} calls."
                ),
                "calls answered within the threshold / calls offered, summed hour by hour and over skills \
                 first",
                "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
            ),
        )
        .ask(instant(value, "reached"))
        .ask(instant(
            format!(
                "1 - sum({budgeted}) / (sum({} and on ({}) {}) >= {fewest})",
                offered(scope, long),
                list(SKILL),
                scope.budget(level)
            ),
            "target",
        ))
        .unit(Unit::Ratio)
        .named()
        .empty(&format!("fewer than {fewest} calls"))
    };
    let whole = |long| format!("sum({})", offered(scope, long));
    let calls = stat(
        "Calls offered",
        about(
            "Calls offered over a day, 7 and 30 days: what the shares beside it are of.",
            "growth of wolkvox_inbound_calls_total, summed hour by hour",
            "skill_6 (inbound_calls)",
        ),
    )
    .ask(instant(format!("sum({})", scope.recorded(SKILL, &inbound(Window::D1), &[])), "1 day"))
    .ask(instant(whole(7), "7 days"))
    .ask(instant(whole(30), "30 days"))
    .decimals(0)
    .named()
    .empty("no call yet");
    let budget = stat(
        "Budget left, 30 days",
        about(
            "What is left of the missed calls that the targets allow, over 30 days and all chosen skills \
             together. Below 0 the target is missed.",
            "1 - calls missed / calls that may be missed",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
        ),
    )
    .ask(instant(
        format!(
            "1 - (sum({offered} and on ({on}) {budget}) - sum({in_time} and on ({on}) {budget})) / \
             (sum({offered} * on ({on}) {budget}) > 0)",
            offered = offered(scope, 30),
            in_time = counts(scope, level, 30),
            on = list(SKILL),
            budget = scope.budget(level),
        ),
        "",
    ))
    .unit(Unit::Ratio)
    .unbounded()
    .below(Color::Bad, &[(0.0, Color::Watch), (0.25, Color::Good)])
    .empty("no target for this threshold");
    let short = stat(
        "To make up today",
        about(
            "Calls in a row that must be answered in time until the last day is back on target, skill by \
             skill, summed. 0 while all keep theirs.",
            "(calls missed - budget × calls) / budget, where that is above 0",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
        ),
    )
    .ask(instant(format!("sum({})", make_up(scope)), ""))
    .decimals(0)
    .below(Color::Good, &[(1.0, Color::Watch)])
    .empty("no target for this threshold");
    vec![
        (4, day),
        (4, long("In time, 7 days", 7)),
        (4, long("In time, 30 days", 30)),
        (4, calls),
        (4, budget),
        (4, short),
    ]
}

/// Calls that must be answered in time in a row until the day is back on target, by skill.
fn make_up(scope: Scope<'_>) -> String {
    let level = Share::ServiceLevel;
    let on = list(SKILL);
    let budget = format!("max by ({on}) ({})", scope.budget(level));
    let offered = scope.offered(Window::D1);
    format!(
        "clamp_min(({offered} - on ({on}) {} - on ({on}) {offered} * on ({on}) {budget}) / on ({on}) \
         {budget}, 0)",
        scope.counted(level, Window::D1)
    )
}

fn skills(scope: Scope<'_>) -> Panel {
    let level = Share::ServiceLevel;
    let budget = [(0.0, Color::Watch), (0.25, Color::Good)];
    let whole = |long| offered(scope, long);
    table(
        "Targets and budgets",
        about(
            &format!(
                "One row a skill. *Left* is what remains of the missed calls that the target allows; \
                 below 0 the target is missed. *To make up* \
                 is how many calls in a row must be answered in time until the last day is back on \
                 target. Shares are blank on fewer than {} \
                 calls.",
                scope.options.thresholds.calls_day
            ),
            "calls answered within the threshold / calls offered; left = 1 - calls missed / (budget × \
             calls offered)",
            "skill_6 (all fields), and the configuration",
        ),
        &[("skill_name", "Skill"), ("skill_id", "Id"), ("operation", "Operation")],
    )
    .ask(column("", scope.names_of(&scope.recorded(SKILL, &inbound(Window::H1), &[]))))
    .ask(
        column(
            "Target",
            format!(
                "1 - max by ({}) \
                                   ({})",
                list(SKILL),
                scope.budget(level)
            ),
        )
        .share()
        .decimals(0),
    )
    .ask(column("Calls, 7 d", whole(7)).decimals(0))
    .ask(column("In time, 7 d", ratio(scope, level, 7)).share())
    .ask(column("Left, 7 d", left(scope, 7)).unit(Unit::Ratio).decimals(0).colored(&budget, Color::Bad))
    .ask(column("Calls, 30 d", whole(30)).decimals(0))
    .ask(column("In time, 30 d", ratio(scope, level, 30)).share())
    .ask(column("Left, 30 d", left(scope, 30)).unit(Unit::Ratio).decimals(0).colored(&budget, Color::Bad))
    .ask(column("Abandon limit", scope.budget(Share::Abandon)).share().decimals(0))
    .ask(column("Abandoned, 30 d", ratio(scope, Share::Abandon, 30)).share().wide(135))
    .ask(column("To make up", make_up(scope)).decimals(0).colored(&[(1.0, Color::Watch)], Color::Good))
    .sorted("Left, 7 d", false)
    .empty("")
    .link("This skill", skill_board(true, false))
}

fn burn(scope: Scope<'_>, window: Window, alert: f64) -> Panel {
    let level = Share::ServiceLevel;
    let burn = scope.recorded(level.by(), &level.burn(window), &[Scope::within()]);
    let title = match window {
        Window::H1 => "Burn over 1 hour",
        Window::H4 => "Burn over 4 hours",
        _ => "Burn over 1 day",
    };
    graph(
        title,
        about(
            &format!(
                "Missed calls of the last {} as times those that the target allows: 1 keeps the target \
                 exactly. Above the dashed line, on enough \
                 calls and while the skill is open, an alert fires. Blank on few calls, and where counts \
                 were corrected downwards.",
                window.words()
            ),
            "(1 - share answered in time) / (1 - target), by skill",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
        ),
    )
    .ask(range(scope.with_name(&scope.enough(&burn, window)), "{{skill_name}} · {{operation}}"))
    .ask(range(format!("vector({alert})"), "alert").dashed().color(Color::Bad))
    .unit(Unit::Number)
    .decimals(1)
    .from_zero()
    .axis("times the budget")
    .empty("too few calls")
    .link("This skill", skill_board(false, false))
}

fn day(scope: Scope<'_>) -> Panel {
    let level = Share::ServiceLevel;
    graph(
        "Answered in time over the day before, by skill",
        about(
            "Share of the calls of the 24 hours before each point that were answered within the \
             threshold. The dashed line is the target of all \
             chosen skills together. The calls stand beside it.",
            "calls answered within the threshold / calls offered over 1 day, by skill",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
        ),
    )
    .ask(range(scope.with_name(&scope.ratio(level, Window::D1)), "{{skill_name}} · {{operation}}"))
    .ask(range(scope.pooled_target(level, Window::D1), "target").dashed().color(Color::Plain))
    .unit(Unit::Ratio)
    .empty("too few calls")
    .link("This skill", skill_board(false, false))
}

fn calls(scope: Scope<'_>) -> Panel {
    graph(
        "Calls offered over the day before, by skill",
        about(
            "Calls of the 24 hours before each point: what the shares beside it are of.",
            "growth of wolkvox_inbound_calls_total over 1 day, by skill",
            "skill_6 (inbound_calls)",
        ),
    )
    .ask(range(
        scope.with_name(&scope.recorded(SKILL, &inbound(Window::D1), &[])),
        "{{skill_name}} · {{operation}}",
    ))
    .decimals(0)
    .from_zero()
    .axis("calls a day")
    .empty("no call in this time")
    .link("This skill", skill_board(false, false))
}

const KPI: &str =
    "ALERTS{alertname=~\"Wolkvox.*\",alertstate=\"firing\",category=\"kpi\",operation=~\"$operation\"}";

fn fired() -> Panel {
    graph(
        "Alerts of the contact centre, over time",
        about(
            "How many alerts of the contact centre were firing, by name.",
            "number of ALERTS that are firing and of category kpi",
            "the rules delivered with the exporter",
        ),
    )
    .ask(range(format!("count by (alertname) ({KPI})"), "{{alertname}}"))
    .stacked_bars()
    .decimals(0)
    .from_zero()
    .axis("alerts")
    .empty("no alert fired")
}

fn firing(scope: Scope<'_>) -> Panel {
    table(
        "Firing now",
        about(
            "Alerts of the contact centre that are firing now. The runbook has a section for each.",
            "ALERTS that are firing and of category kpi",
            "the rules delivered with the exporter",
        ),
        &[
            ("alertname", "Alert"),
            ("severity", "Severity"),
            ("skill_id", "Skill"),
            ("within", "Threshold"),
            ("operation", "Operation"),
        ],
    )
    .ask(
        column("Alerts", format!("count by (alertname, severity, operation, skill_id, within) ({KPI})"))
            .decimals(0),
    )
    .empty("")
    .link("Runbook", scope.options.runbook_url.clone())
}
