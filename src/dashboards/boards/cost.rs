//! Cost and call detail: what do connected calls cost, and where does it go?

use super::overview::week_before;
use super::parts::{notes, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Panel, Unit, about, bars, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::SKILL;
use crate::dashboards::scope::{RANGE, RATE, Scope};
use crate::dashboards::words::{Part, bounds, is, list, max};
use crate::metrics::{Family, Label, catalogue};

const COST: &str = "cdr_1 (cost)";
const CALLS: &str = "cdr_1 (one row a call)";

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &[Report::Cdr1]),
        Section { title: "Over the time shown", lines: vec![Line { height: 5, panels: totals(scope) }] },
        Section {
            title: "Where the money goes",
            lines: vec![
                Line { height: 8, panels: vec![(12, spent(scope)), (12, kinds(scope))] },
                Line { height: 9, panels: vec![(12, skills(scope)), (12, destinations(scope))] },
            ],
        },
        Section {
            title: "What the calls were",
            lines: vec![
                Line { height: 8, panels: vec![(12, connected(scope)), (12, durations(scope))] },
                Line {
                    height: 9,
                    panels: vec![(8, lengths(scope)), (6, hang_ups(scope)), (10, activities(scope))],
                },
            ],
        },
        notes(
            3,
            "Costs are those of telephony, as the report states them, in the currency of each operation; \
             agents are not in them. Amounts of different \
             currencies are never added. This board needs no recording rules.",
        ),
    ]
}

/// Amounts of an operation, by its currency; currencies are never added.
fn by_currency(scope: Scope<'_>, amount: &str) -> String {
    format!(
        "sum by ({currency}) ({amount} * on (operation) group_left ({currency}) {})",
        max(&[Label::Operation, Label::Currency], &scope.all(&catalogue::OPERATION_INFO)),
        currency = Label::Currency.as_str(),
    )
}

fn cost(scope: Scope<'_>) -> String {
    by_currency(scope, &scope.grown(&[Label::Operation], &catalogue::CDR_COST, RANGE))
}

fn per(scope: Scope<'_>, family: &Family, part: Part, fewest: f64) -> String {
    let counted = scope.grown_part(&[Label::Operation], family, part, &[], RANGE);
    let counted = by_currency(scope, &counted);
    format!("{} / ({counted} >= {fewest})", cost(scope))
}

fn totals(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let fewest = scope.options.thresholds.calls_hour;
    let few = format!("fewer than {fewest} calls");
    let cost = cost(scope);
    vec![
        (
            6,
            stat(
                "Cost",
                about(
                    "Cost of connected calls in each currency, and in the same time a week before.",
                    "growth of wolkvox_cdr_cost_total, by the currency of the operation",
                    COST,
                ),
            )
            .ask(instant(cost.clone(), "{{currency}}"))
            .ask(instant(week_before(&cost), "{{currency}} a week before").color(Color::Other))
            .unit(Unit::Number)
            .named()
            .empty("no connected call"),
        ),
        (
            4,
            stat(
                "Connected calls",
                about("Connected calls of every kind.", "growth of wolkvox_cdr_calls_total", CALLS),
            )
            .ask(instant(scope.grown(&[], &catalogue::CDR_CALLS, RANGE), ""))
            .decimals(0)
            .empty("no connected call"),
        ),
        (
            5,
            stat(
                "Cost per connected call",
                about(
                    "What a connected call costs, in each currency. Telephony only.",
                    "cost / connected calls",
                    "cdr_1 (cost, one row a call)",
                ),
            )
            .ask(instant(per(scope, &catalogue::CDR_CALLS, Part::Value, fewest), "{{currency}}"))
            .unit(Unit::Number)
            .decimals(2)
            .named()
            .empty(&few),
        ),
        (
            5,
            stat(
                "Cost per billed minute",
                about(
                    "What a billed minute costs, in each currency.",
                    "60 × cost / billed seconds",
                    "cdr_1 (cost, time_min)",
                ),
            )
            .ask(instant(
                format!("60 * {}", per(scope, &catalogue::CDR_BILLED, Part::Value, 60.0)),
                "{{currency}}",
            ))
            .unit(Unit::Number)
            .decimals(2)
            .named()
            .empty("no billed minute"),
        ),
        (
            4,
            stat(
                "Billed time",
                about(
                    "Billed time of connected calls.",
                    "growth of wolkvox_cdr_billed_seconds_total",
                    "cdr_1 (time_min)",
                ),
            )
            .ask(instant(scope.grown(&[], &catalogue::CDR_BILLED, RANGE), ""))
            .unit(Unit::Seconds)
            .empty("no connected call"),
        ),
    ]
}

fn spent(scope: Scope<'_>) -> Panel {
    let hourly =
        by_currency(scope, &format!("({})", scope.hourly(&[Label::Operation], &catalogue::CDR_COST, &[])));
    graph(
        "Cost per hour, and a week before",
        about(
            "Cost of connected calls per hour in each currency; dashed, a week before. Fraud comes at \
             night and at weekends.",
            "3600 × growth per second of wolkvox_cdr_cost_total, by the currency of the operation",
            COST,
        ),
    )
    .ask(range(week_before(&hourly), "{{currency}} a week before").dashed())
    .ask(range(hourly, "{{currency}}"))
    .unit(Unit::Number)
    .from_zero()
    .axis("per hour")
    .empty("no connected call")
}

fn kinds(scope: Scope<'_>) -> Panel {
    let by = [Label::Operation, Label::Interaction];
    graph(
        "Cost per hour, by kind of call",
        about(
            "Cost of connected calls per hour in the currency of each operation, by kind of interaction.",
            "3600 × growth per second of wolkvox_cdr_cost_total, by interaction",
            "cdr_1 (cost, type_interaction)",
        ),
    )
    .ask(range(scope.hourly(&by, &catalogue::CDR_COST, &[]), "{{interaction}} · {{operation}}"))
    .unit(Unit::Number)
    .stacked()
    .from_zero()
    .axis("per hour")
    .empty("no connected call")
}

fn skills(scope: Scope<'_>) -> Panel {
    let fewest = scope.options.thresholds.calls_hour;
    let grown = |family| scope.grown(SKILL, family, RANGE);
    let (cost, calls) = (grown(&catalogue::CDR_COST), grown(&catalogue::CDR_CALLS));
    table(
        "By skill",
        about(
            &format!(
                "One row a skill, over the time shown, in the currency of its operation. Blank on \
                      fewer than {fewest} calls. *Before* is the same time a week ago."
            ),
            "growth of wolkvox_cdr_cost_total and wolkvox_cdr_calls_total; cost / calls; talked seconds / \
             calls",
            "cdr_1 (cost, time_seg, one row a call), and information.php skills for names",
        ),
        &[("skill_name", "Skill"), ("skill_id", "Id"), ("operation", "Operation")],
    )
    .ask(column("", scope.names_of(&calls)))
    .ask(column("Cost", cost.clone()).unit(Unit::Number))
    .ask(column("Before", week_before(&cost)).unit(Unit::Number))
    .ask(column("Calls", calls.clone()).decimals(0))
    .ask(
        column("Cost a call", format!("{cost} / ({calls} >= {fewest})"))
            .unit(Unit::Number)
            .decimals(2)
            .wide(105),
    )
    .ask(
        column(
            "Time a call",
            format!(
                "{} / ({calls} >= \
                     {fewest})",
                scope.grown_part(SKILL, &catalogue::CDR_DURATION, Part::Sum, &[], RANGE)
            ),
        )
        .unit(Unit::Seconds)
        .decimals(0)
        .wide(105),
    )
    .sorted("Cost", true)
    .empty("")
}

fn destinations(scope: Scope<'_>) -> Panel {
    let by = [Label::Operation, Label::Destination];
    let grown = scope.grown(&by, &catalogue::CDR_DESTINATION_COST, RANGE);
    table(
        "The ten dearest destinations",
        about(
            "Where the money went over the time shown, in the currency of each operation, and a week \
             before. A destination that nobody asked for is fraud.",
            "growth of wolkvox_cdr_destination_cost_total",
            "cdr_1 (cost, destiny)",
        ),
        &[("destination", "Destination"), ("operation", "Operation")],
    )
    .ask(column("Cost", format!("topk by (operation) (10, {grown} > 0)")).unit(Unit::Number))
    .ask(
        column(
            "Before",
            format!(
                "{} and topk by (operation) (10, {grown} > \
                                   0)",
                week_before(&grown)
            ),
        )
        .unit(Unit::Number),
    )
    .sorted("Cost", true)
    .empty("")
}

fn connected(scope: Scope<'_>) -> Panel {
    graph(
        "Connected calls per hour, by kind",
        about(
            "Connected calls per hour, by kind of interaction.",
            "3600 × growth per second of wolkvox_cdr_calls_total",
            "cdr_1 (type_interaction)",
        ),
    )
    .ask(range(scope.hourly(&[Label::Interaction], &catalogue::CDR_CALLS, &[]), "{{interaction}}"))
    .stacked()
    .from_zero()
    .decimals(0)
    .axis("calls per hour")
    .empty("no connected call")
}

fn durations(scope: Scope<'_>) -> Panel {
    let bucket =
        format!("sum by (le) (rate({}[{RATE}]))", scope.part(&catalogue::CDR_DURATION, Part::Bucket, &[]));
    let rate = |part| format!("sum(rate({}[{RATE}]))", scope.part(&catalogue::CDR_DURATION, part, &[]));
    graph(
        "How long calls take",
        about(
            "Mean duration of connected calls, and the times within which half and nine tenths of them \
             end.",
            "seconds / calls; quantiles of wolkvox_cdr_duration_seconds, interpolated",
            "cdr_1 (time_seg)",
        ),
    )
    .ask(range(format!("{} / ({} > 0)", rate(Part::Sum), rate(Part::Count)), "mean").color(Color::Good))
    .ask(range(format!("histogram_quantile(0.5, {bucket}) >= 0"), "half").color(Color::Pale))
    .ask(range(format!("histogram_quantile(0.9, {bucket}) >= 0"), "nine of ten").color(Color::Watch))
    .unit(Unit::Seconds)
    .from_zero()
    .empty("no connected call")
}

fn lengths(scope: Scope<'_>) -> Panel {
    let within = |bound| {
        let matcher = bounds(&catalogue::CDR_DURATION, &[bound]);
        scope.grown_part(&[], &catalogue::CDR_DURATION, Part::Bucket, &[matcher], RANGE)
    };
    let between = |less: String, more: String| format!("clamp_min({more} - {less}, 0)");
    let all = scope.grown_part(&[], &catalogue::CDR_DURATION, Part::Count, &[], RANGE);
    bars(
        "Calls by length",
        about(
            "Connected calls over the time shown, by duration. Many below 10 s: wrong numbers, or lines \
             that break.",
            "differences between the buckets of wolkvox_cdr_duration_seconds",
            "cdr_1 (time_seg)",
        ),
    )
    .ask(instant(within(10_000), "up to 10 s").color(Color::Watch))
    .ask(instant(between(within(10_000), within(60_000)), "10 s to 1 min"))
    .ask(instant(between(within(60_000), within(180_000)), "1 to 3 min"))
    .ask(instant(between(within(180_000), within(600_000)), "3 to 10 min"))
    .ask(instant(between(within(600_000), within(1_800_000)), "10 to 30 min"))
    .ask(instant(between(within(1_800_000), all), "over 30 min").color(Color::Watch))
    .decimals(0)
    .empty("no connected call")
}

fn hang_ups(scope: Scope<'_>) -> Panel {
    bars(
        "Who hung up",
        about(
            "Connected calls over the time shown, by who ended them.",
            "growth of wolkvox_cdr_hang_ups_total",
            "cdr_1 (hang_up)",
        ),
    )
    .ask(instant(scope.grown(&[Label::HangUp], &catalogue::CDR_HANG_UPS, RANGE), "{{hang_up}}"))
    .decimals(0)
    .empty("no connected call")
}

fn activities(scope: Scope<'_>) -> Panel {
    let by = [Label::Operation, Label::CodAct];
    let grown = scope.grown_part(&by, &catalogue::CDR_ACTIVITY, Part::Value, &[is(Label::Level, "1")], RANGE);
    let codes = list(&[Label::Operation, Label::CodAct]);
    let described =
        max(&[Label::Operation, Label::CodAct, Label::Description], &scope.all(&catalogue::ACTIVITY_INFO));
    let busiest = format!("topk(10, {grown} > 0)");
    table(
        "The ten most frequent activity codes",
        about(
            "What agents entered after the call, over the time shown. A code is counted half an hour \
             after the call by default, or when it appears later.",
            "growth of wolkvox_cdr_activity_total of the first level",
            "cdr_1 (cod_act, description_cod_act)",
        ),
        &[("description", "Activity"), ("cod_act", "Code"), ("operation", "Operation")],
    )
    .ask(column("Calls", busiest.clone()).decimals(0))
    .ask(column("", format!("{described} and on ({codes}) {busiest}")))
    .sorted("Calls", true)
    .empty("")
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_of_two_currencies_are_never_added() {
        let options = crate::dashboards::Options::default();
        let scope = super::Scope { options: &options, board: crate::dashboards::Board::Cost };
        let expr = super::by_currency(scope, "x");
        assert!(expr.starts_with("sum by (currency) ("), "{expr}");
    }
}
