//! Callbacks: do we call back those we promised to, and soon enough?

use super::overview::asa;
use super::parts::{RULES_NOTE, notes, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{About, Color, Panel, Unit, about, bars, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::SKILL;
use crate::dashboards::scope::{RANGE, Scope};
use crate::dashboards::words::{Part, Window, bounds, is, is_none_of, is_one_of, list, max, sum};
use crate::metrics::{Label, catalogue};

const STATUS: &str = "diagram_3 (status)";
const WAIT: &str = "diagram_3 (time_between_calls of status ok)";

/// Outcomes that were tried to the end.
const TRIED: &[&str] = &["ok", "fail", "no_user"];

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &[Report::Diagram3, Report::Skill6]),
        Section {
            title: "Promised and kept, over the time shown",
            lines: vec![Line { height: 5, panels: totals(scope) }],
        },
        Section {
            title: "From offer to answer",
            lines: vec![
                Line { height: 8, panels: vec![(8, funnel(scope)), (16, outcomes(scope))] },
                Line { height: 8, panels: vec![(8, bands(scope)), (16, waits(scope))] },
            ],
        },
        Section {
            title: "Skills, over the time shown",
            lines: vec![Line { height: 9, panels: vec![(24, skills(scope))] }],
        },
        notes(
            4,
            &format!(
                "{RULES_NOTE}\n\nA callback counts as **reached** when its status is ok, of those tried \
                 to the end (ok, fail, no_user). Declined offers and \
                 customers who called again themselves count neither way. Callbacks of a day are worked \
                 off the next, so a status is counted once it is \
                 final. Callbacks make the speed of answer look good while customers wait by the \
                 telephone: compare the two waits."
            ),
        ),
    ]
}

fn outcome(scope: Scope<'_>, by: &[Label], which: &[&str], window: &str) -> String {
    scope.grown_part(
        by,
        &catalogue::CALLBACK_OUTCOMES,
        Part::Value,
        &[is_one_of(Label::Outcome, which)],
        window,
    )
}

/// Callbacks made within this many milliseconds, and all that were made.
fn made(scope: Scope<'_>, by: &[Label], within: Option<i64>, window: &str) -> String {
    match within {
        Some(bound) => {
            let matcher = bounds(&catalogue::CALLBACK_WAIT, &[bound]);
            scope.grown_part(by, &catalogue::CALLBACK_WAIT, Part::Bucket, &[matcher], window)
        }
        None => scope.grown_part(by, &catalogue::CALLBACK_WAIT, Part::Count, &[], window),
    }
}

const HALF_HOUR: i64 = 1_800_000;

fn waiting(scope: Scope<'_>, by: &[Label]) -> String {
    let yes = scope.some(&catalogue::CALLBACKS, &[is(Label::Status, "yes")]);
    if by.is_empty() { format!("sum({yes})") } else { sum(by, &yes) }
}

fn reached_about() -> About {
    about(
        "Callbacks that reached the customer, of those that were tried to the end, over the time shown.",
        "outcome ok / (ok + fail + no_user)",
        STATUS,
    )
}

fn totals(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let thresholds = &scope.options.thresholds;
    let fewest = thresholds.callback_fast_calls;
    let (ok, tried) = (outcome(scope, &[], &["ok"], RANGE), outcome(scope, &[], TRIED, RANGE));
    let few = format!("fewer than {fewest} callbacks");
    let oldest = format!("clamp_min(time() - min({}), 0)", scope.all(&catalogue::CALLBACK_OLDEST_WAITING));
    vec![
        (
            4,
            stat(
                "Waiting now",
                about(
                    "Customers who were promised a callback and have not had it, and how long the first \
                     of them has waited. Orange: longer than the \
                     alert allows.",
                    "wolkvox_callbacks of status yes; now minus \
                     wolkvox_callback_oldest_waiting_timestamp_seconds",
                    "diagram_3 (status, date_inbound_call)",
                ),
            )
            .ask(instant(waiting(scope, &[]), "waiting").decimals(0))
            .ask(
                instant(oldest, "the longest")
                    .unit(Unit::Seconds)
                    .colored(&[(thresholds.callback_overdue_seconds, Color::Watch)], Color::Plain),
            )
            .named()
            .empty("nobody waits"),
        ),
        (
            4,
            stat(
                "Offered and settled",
                about(
                    "Callbacks offered, and callbacks tried to the end: what the shares beside it are of.",
                    "growth of wolkvox_callback_offers_total; growth of wolkvox_callback_outcomes_total \
                     of ok, fail and no_user",
                    STATUS,
                ),
            )
            .ask(instant(scope.grown(&[], &catalogue::CALLBACK_OFFERS, RANGE), "offered"))
            .ask(instant(tried.clone(), "tried"))
            .decimals(0)
            .named()
            .empty("no callbacks"),
        ),
        (
            4,
            stat("Reached", reached_about())
                .ask(instant(format!("clamp_max({ok} / ({tried} >= {fewest}), 1)"), ""))
                .unit(Unit::Ratio)
                .below(
                    Color::Bad,
                    &[
                        (thresholds.callback_success, Color::Watch),
                        ((1.0 + thresholds.callback_success) / 2.0, Color::Good),
                    ],
                )
                .empty(&few),
        ),
        (
            4,
            stat(
                "Within 30 minutes",
                about(
                    "Successful callbacks that came within half an hour of the call, of all successful \
                     ones.",
                    "bucket 1800 s of wolkvox_callback_wait_seconds / its count",
                    WAIT,
                ),
            )
            .ask(instant(
                format!(
                    "clamp_max({} / ({} >= {fewest}), 1)",
                    made(scope, &[], Some(HALF_HOUR), RANGE),
                    made(scope, &[], None, RANGE)
                ),
                "",
            ))
            .unit(Unit::Ratio)
            .below(Color::Watch, &[(thresholds.callback_fast, Color::Good)])
            .empty(&few),
        ),
        (
            4,
            stat(
                "Attempts per customer reached",
                about(
                    "Calls dialled for each customer who was reached. Above 2: wrong numbers, or the \
                     wrong time of day.",
                    "growth of wolkvox_callback_attempts_total / outcomes ok",
                    "diagram_3 (attempts, status)",
                ),
            )
            .ask(instant(
                format!("{} / ({ok} >= {fewest})", scope.grown(&[], &catalogue::CALLBACK_ATTEMPTS, RANGE)),
                "",
            ))
            .unit(Unit::Number)
            .decimals(1)
            .below(Color::Good, &[(2.0, Color::Watch)])
            .empty(&few),
        ),
        (
            4,
            stat(
                "Billed time",
                about(
                    "Time of callbacks that is billed.",
                    "growth of wolkvox_callback_billed_seconds_total",
                    "diagram_3 (billed_minutes)",
                ),
            )
            .ask(instant(scope.grown(&[], &catalogue::CALLBACK_BILLED, RANGE), ""))
            .unit(Unit::Seconds)
            .empty("no callbacks"),
        ),
    ]
}

fn funnel(scope: Scope<'_>) -> Panel {
    let offers = scope.grown(&[], &catalogue::CALLBACK_OFFERS, RANGE);
    bars(
        "From offer to success",
        about(
            "Callbacks over the time shown: offered, not declined, tried to the end, reached, and reached \
             within 30 minutes. Those still waiting are in \
             the second bar and not yet in the third.",
            "growth of wolkvox_callback_offers_total, of wolkvox_callback_outcomes_total by outcome, and \
             of the bucket 1800 s of wolkvox_callback_wait_seconds",
            "diagram_3 (status, time_between_calls)",
        ),
    )
    .ask(instant(offers.clone(), "offered").color(Color::Deep))
    .ask(
        instant(
            format!("clamp_min({offers} - {}, 0)", outcome(scope, &[], &["no"], RANGE)),
            "not \
        declined",
        )
        .color(Color::Good),
    )
    .ask(instant(outcome(scope, &[], TRIED, RANGE), "tried to the end").color(Color::Good))
    .ask(instant(outcome(scope, &[], &["ok"], RANGE), "reached").color(Color::Good))
    .ask(instant(made(scope, &[], Some(HALF_HOUR), RANGE), "within 30 minutes").color(Color::Pale))
    .decimals(0)
    .empty("no callbacks")
}

fn outcomes(scope: Scope<'_>) -> Panel {
    // Colours by chance would show failures in green.
    let known = [
        ("ok", Color::Good),
        ("no_user", Color::Watch),
        ("fail", Color::Bad),
        ("no", Color::Pale),
        ("stop_new", Color::Other),
    ];
    let of = |matcher| scope.hourly(&[Label::Outcome], &catalogue::CALLBACK_OUTCOMES, &[matcher]);
    let each =
        known.map(|(outcome, color)| range(of(is(Label::Outcome, outcome)), "{{outcome}}").color(color));
    let rest = of(is_none_of(Label::Outcome, &known.map(|(outcome, _)| outcome)));
    graph(
        "Outcomes per hour",
        about(
            "Callbacks that were settled, per hour, by how they ended. no: declined; no_user: somebody \
             else answered; stop_new: the customer called again; \
             unknown: the status never became final.",
            "3600 × growth per second of wolkvox_callback_outcomes_total",
            STATUS,
        ),
    )
    .asks(each)
    .ask(range(rest, "{{outcome}}").color(Color::Deep))
    .stacked()
    .from_zero()
    .decimals(0)
    .axis("callbacks per hour")
    .empty("no callbacks")
}

fn bands(scope: Scope<'_>) -> Panel {
    let within = |bound| made(scope, &[], Some(bound), RANGE);
    let between = |less: String, more: String| format!("clamp_min({more} - {less}, 0)");
    let all = made(scope, &[], None, RANGE);
    bars(
        "How long customers waited",
        about(
            "Successful callbacks over the time shown, by the time between the call and the callback.",
            "differences between the buckets of wolkvox_callback_wait_seconds",
            WAIT,
        ),
    )
    .ask(instant(within(300_000), "up to 5 min").color(Color::Deep))
    .ask(instant(between(within(300_000), within(HALF_HOUR)), "5 to 30 min").color(Color::Good))
    .ask(instant(between(within(HALF_HOUR), within(3_600_000)), "30 to 60 min").color(Color::Pale))
    .ask(instant(between(within(3_600_000), within(14_400_000)), "1 to 4 h").color(Color::Watch))
    .ask(instant(between(within(14_400_000), all), "over 4 h").color(Color::Bad))
    .decimals(0)
    .empty("no callback was made")
}

/// Callbacks of four hours by the time they took: fewer hours would hold too few of them.
fn made_by_bound(scope: Scope<'_>) -> String {
    let bucket = scope.part(&catalogue::CALLBACK_WAIT, Part::Bucket, &[]);
    format!("sum by (le) (increase({bucket}[{}]))", Window::H4.as_str())
}

fn waits(scope: Scope<'_>) -> Panel {
    let bucket = made_by_bound(scope);
    graph(
        "Wait for a callback, 4 hours, beside wait for an agent",
        about(
            "Half and nine tenths of the callbacks came within these times, beside the mean wait of \
             answered calls (ASA, 30 minutes): callbacks hide \
             their wait from it.",
            "quantiles of wolkvox_callback_wait_seconds, interpolated; seconds waited / calls answered",
            "diagram_3 (time_between_calls of status ok) and skill_6 (asa, answer_calls)",
        ),
    )
    .ask(
        range(format!("histogram_quantile(0.5, {bucket}) >= 0"), "half of the callbacks").color(Color::Watch),
    )
    .ask(range(format!("histogram_quantile(0.9, {bucket}) >= 0"), "nine of ten callbacks").color(Color::Bad))
    .ask(range(asa(scope, Window::M30), "answered calls (ASA)").color(Color::Good))
    .unit(Unit::Seconds)
    .from_zero()
    .empty("no callback was made")
}

fn skills(scope: Scope<'_>) -> Panel {
    let fewest = scope.options.thresholds.callback_fast_calls;
    let (ok, tried) = (outcome(scope, SKILL, &["ok"], RANGE), outcome(scope, SKILL, TRIED, RANGE));
    let soon = made(scope, SKILL, Some(HALF_HOUR), RANGE);
    let offered = scope.grown(SKILL, &catalogue::INBOUND_CALLS, RANGE);
    let in_time = scope.grown_part(
        SKILL,
        &catalogue::ANSWER_WAIT,
        Part::Bucket,
        &[bounds(&catalogue::ANSWER_WAIT, &[20_000])],
        RANGE,
    );
    table(
        "Every skill",
        about(
            &format!(
                "One row a skill. Shares are blank on fewer than {fewest} callbacks or calls. *Effort* is \
                 the share of calls whose caller was answered within \
                 20 s or called back within 30 minutes."
            ),
            "ok / (ok + fail + no_user); (answered within 20 s + called back within 30 minutes) / calls \
             offered",
            "diagram_3 (all fields), skill_6 (inbound_calls, service_level_20seg), and information.php \
             skills for names",
        ),
        &[("skill_name", "Skill"), ("skill_id", "Id"), ("operation", "Operation")],
    )
    // Skills without a callback have calls.
    .ask(column(
        "",
        scope.names_of(&format!("({} or {offered})", max(SKILL, &scope.all(&catalogue::CALLBACKS)))),
    ))
    .ask(column("Waiting now", waiting(scope, SKILL)).decimals(0))
    .ask(
        column(
            "The longest",
            format!(
                "clamp_min(time() - min by ({}) ({}), \
                     0)",
                list(SKILL),
                scope.all(&catalogue::CALLBACK_OLDEST_WAITING)
            ),
        )
        .unit(Unit::Seconds),
    )
    .ask(column("Offered", scope.grown(SKILL, &catalogue::CALLBACK_OFFERS, RANGE)).decimals(0))
    .ask(column("Tried", tried.clone()).decimals(0))
    .ask(column("Reached", format!("clamp_max({ok} / ({tried} >= {fewest}), 1)")).share())
    .ask(
        column(
            "Within 30 min",
            format!(
                "clamp_max({soon} / ({} >= {fewest}), \
                                          1)",
                made(scope, SKILL, None, RANGE)
            ),
        )
        .share(),
    )
    .ask(
        column(
            "Attempts each",
            format!(
                "{} / ({ok} >= \
                                         {fewest})",
                scope.grown(SKILL, &catalogue::CALLBACK_ATTEMPTS, RANGE)
            ),
        )
        .unit(Unit::Number)
        .decimals(1),
    )
    .ask(column("Calls", offered.clone()).decimals(0))
    .ask(
        column(
            "Effort",
            format!(
                "clamp_max(({in_time} + ({soon} or {in_time} * 0)) / ({offered} >= \
                                  {fewest}), 1)"
            ),
        )
        .share(),
    )
    .sorted("Waiting now", true)
    .empty("")
}
