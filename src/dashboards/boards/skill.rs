//! Skill and DNIS: what is wrong with this skill, and which of its lines costs most?

use super::overview::{asa, from_told, pooled_mean, too_few, traffic};
use super::parts::{RULES_NOTE, judged, notes, skill_board, target_of, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Panel, Unit, about, bars, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::{ANSWERED_WITHIN, LINE, SKILL, Share, WITHIN, counted, inbound};
use crate::dashboards::scope::{RANGE, Scope};
use crate::dashboards::words::{Part, Window, base, list, max};
use crate::metrics::{Family, Label, catalogue};

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &[Report::Skill6]),
        Section {
            title: "The chosen skills \
                          together",
            lines: vec![Line { height: 5, panels: now(scope) }],
        },
        Section {
            title: "How fast they answer",
            lines: vec![
                Line {
                    height: 8,
                    panels: vec![(8, thresholds(scope)), (8, definitions(scope)), (8, traffic(scope))],
                },
                Line { height: 7, panels: vec![(24, half_hours(scope))] },
            ],
        },
        Section {
            title: "Lines (DNIS), over the time shown",
            lines: vec![Line { height: 10, panels: vec![(16, lines(scope)), (8, costly(scope))] }],
        },
        Section {
            title: "As Wolkvox reports today",
            lines: vec![Line { height: 8, panels: vec![(18, reported(scope)), (6, audit(scope))] }],
        },
        notes(
            5,
            &format!(
                "{RULES_NOTE}\n\nService level has several definitions. The headline divides by calls \
                 **offered**: an early hang-up counts \
                 against it, as in Wolkvox. Dividing by calls **answered** flatters bad days. Never take \
                 the mean of the last table's \
                 percentages: they belong to lines of different size."
            ),
        ),
    ]
}

fn now(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let level = |title, window| {
        stat(title, from_told(scope, Share::ServiceLevel, window))
            .asks(judged(scope, Share::ServiceLevel, window))
            .ask(target_of(scope, Share::ServiceLevel, window))
            .unit(Unit::Ratio)
            .named()
            .empty(&too_few(scope, window))
    };
    let abandoned = stat("Abandoned, 1 hour", from_told(scope, Share::Abandon, Window::H1))
        .asks(judged(scope, Share::Abandon, Window::H1))
        .ask(target_of(scope, Share::Abandon, Window::H1))
        .unit(Unit::Ratio)
        .named()
        .empty(&too_few(scope, Window::H1));
    let offered = |window| format!("sum({})", scope.recorded(SKILL, &inbound(window), &[]));
    let calls = stat(
        "Calls offered",
        about(
            "Calls offered over half an hour, an hour and a day: what the shares beside it are of.",
            "growth of wolkvox_inbound_calls_total, summed",
            "skill_6 (inbound_calls)",
        ),
    )
    .ask(instant(offered(Window::M30), "30 minutes"))
    .ask(instant(offered(Window::H1), "1 hour"))
    .ask(instant(offered(Window::D1), "1 day"))
    .decimals(0)
    .named()
    .empty("no call yet");
    let speed = stat(
        "Speed of answer, 1 hour",
        about(
            "Mean wait of answered calls (ASA), and of those who gave up (ATA), over an hour. ASA \
             improves when people give up.",
            "seconds waited / calls, for answered calls and for abandoned ones",
            "skill_6 (asa, ata, answer_calls, abandon_calls)",
        ),
    )
    .ask(instant(asa(scope, Window::H1), "answered"))
    .ask(instant(pooled_mean(scope, &catalogue::ABANDON_WAIT, Window::H1), "gave up").color(Color::Other))
    .unit(Unit::Seconds)
    .decimals(0)
    .named()
    .empty(&too_few(scope, Window::H1));
    vec![
        (4, level("In time, 30 minutes", Window::M30)),
        (4, level("In time, 1 hour", Window::H1)),
        (4, level("In time, 1 day", Window::D1)),
        (4, abandoned),
        (4, calls),
        (4, speed),
    ]
}

fn thresholds(scope: Scope<'_>) -> Panel {
    let window = Window::M30;
    let within = scope.recorded(WITHIN, &counted(WITHIN, ANSWERED_WITHIN, window), &[]);
    let shares = format!(
        "clamp_max(sum by ({within_label}) ({within}) / on () group_left () (sum({}) >= {}), 1)",
        scope.recorded(SKILL, &inbound(window), &[]),
        scope.fewest(window),
        within_label = Label::Within.as_str(),
    );
    graph(
        "Answered within 10, 20 and 30 seconds",
        about(
            "Share of the calls offered over 30 minutes that were answered within each of the vendor's \
             thresholds; the dashed line is the \
             target for the chosen one.",
            "calls answered within 10, 20, 30 s / calls offered, summed over skills and lines",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
        ),
    )
    .ask(range(shares, "within {{within}}"))
    .ask(range(scope.pooled_target(Share::ServiceLevel, window), "target").dashed().color(Color::Plain))
    .unit(Unit::Ratio)
    .empty("too few calls")
}

fn definitions(scope: Scope<'_>) -> Panel {
    let window = Window::M30;
    let answered = scope.recorded(SKILL, &counted(SKILL, base(&catalogue::ANSWERED_CALLS), window), &[]);
    let of_answered = format!(
        "clamp_max(sum({}) / (sum({answered}) >= {}), 1)",
        scope.counted(Share::ServiceLevel, window),
        scope.fewest(window)
    );
    graph(
        "One service level, two definitions",
        about(
            "The same calls in time, divided by calls offered (Wolkvox, and the headline of these boards) \
             and by calls answered. The gap is \
             what callers who gave up would change.",
            "calls answered within the threshold / calls offered, and / calls answered, over 30 minutes",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls, answer_calls)",
        ),
    )
    .ask(range(scope.pooled(Share::ServiceLevel, window), "of calls offered").color(Color::Good))
    .ask(range(of_answered, "of calls answered").color(Color::Other))
    .unit(Unit::Ratio)
    .empty("too few calls")
}

fn half_hours(scope: Scope<'_>) -> Panel {
    let window = Window::M30;
    let of = |family: &Family| {
        let name = counted(SKILL, base(family), window);
        format!("sum({})", scope.recorded(SKILL, &name, &[]))
    };
    let name = counted(WITHIN, ANSWERED_WITHIN, window);
    let in_time = format!("sum({})", scope.recorded(WITHIN, &name, &[Scope::within()]));
    let late = format!("clamp_min({} - {in_time}, 0)", of(&catalogue::ANSWERED_CALLS));
    graph(
        "Every half hour: in time, late, lost",
        about(
            "Each column is one half hour, drawn at its end: the unit in which service is planned and \
             judged.",
            "calls answered within the threshold; answered later; abandoned; over 30 minutes, every 30 \
             minutes",
            "skill_6 (service_level_10seg, _20seg, _30seg, answer_calls, abandon_calls)",
        ),
    )
    .ask(range(in_time, "in time").every("30m").color(Color::Good))
    .ask(range(late, "answered late").every("30m").color(Color::Watch))
    .ask(range(of(&catalogue::ABANDONED_CALLS), "abandoned").every("30m").color(Color::Bad))
    .stacked_bars()
    .from_zero()
    .decimals(0)
    .axis("calls")
    .empty("no call in this time")
}

/// Calls of each line answered within the chosen threshold, over the time shown. `20s?` is true of `20`.
fn line_in_time(scope: Scope<'_>) -> String {
    scope.grown_part(
        LINE,
        &catalogue::ANSWER_WAIT,
        Part::Bucket,
        &["le=~\"$within?(\\\\.0)?\"".to_owned()],
        RANGE,
    )
}

fn lines(scope: Scope<'_>) -> Panel {
    let fewest = scope.fewest(Window::H1);
    let grown = |family| scope.grown(LINE, family, RANGE);
    let offered = grown(&catalogue::INBOUND_CALLS);
    let share = |part: String| format!("clamp_max({part} / ({offered} >= {fewest}), 1)");
    let mean = |family: &Family| {
        let of = |part| scope.grown_part(LINE, family, part, &[], RANGE);
        format!("{} / ({} >= {fewest})", of(Part::Sum), of(Part::Count))
    };
    table(
        "Every line",
        about(
            &format!(
                "One row a line, over the time shown. Shares are blank on fewer than {fewest} calls. \
                 *Late or lost* are the calls that were not \
                 answered within the threshold. Click a line to see it alone in the tables."
            ),
            "calls answered within the threshold / calls offered; calls abandoned / calls offered; \
             seconds waited / calls",
            "skill_6 (all fields)",
        ),
        &[("dnis", "Line"), ("skill_id", "Skill"), ("operation", "Operation")],
    )
    .ask(column("Calls", offered.clone()).decimals(0))
    .ask(column("In time", share(line_in_time(scope))).share())
    .ask(column("Abandoned", share(grown(&catalogue::ABANDONED_CALLS))).share())
    .ask(column("Late or lost", format!("clamp_min({offered} - {}, 0)", line_in_time(scope))).decimals(0))
    .ask(column("ASA", mean(&catalogue::ANSWER_WAIT)).unit(Unit::Seconds).decimals(0))
    .ask(column("ATA", mean(&catalogue::ABANDON_WAIT)).unit(Unit::Seconds).decimals(0))
    .sorted("Late or lost", true)
    .empty("")
    .link("This line", skill_board(true, true))
}

fn costly(scope: Scope<'_>) -> Panel {
    let missed = format!(
        "clamp_min({} - {}, 0)",
        scope.grown(LINE, &catalogue::INBOUND_CALLS, RANGE),
        line_in_time(scope)
    );
    bars(
        "Lines with the most late or lost calls",
        about(
            "The ten lines in which the most calls were not answered within the threshold, over the time \
             shown.",
            "calls offered minus calls answered within the threshold, by line",
            "skill_6 (inbound_calls, service_level_10seg, _20seg, _30seg)",
        ),
    )
    .ask(instant(format!("topk(10, {missed} > 0)"), "{{dnis}} · {{skill_id}}"))
    .decimals(0)
    .below(Color::Watch, &[])
    .empty("no late call")
    .link("This line", skill_board(false, true))
}

fn reported(scope: Scope<'_>) -> Panel {
    let gauge = |family: &Family| max(LINE, &scope.all(family));
    let level = max(LINE, &scope.some(&catalogue::TODAY_SERVICE_LEVEL, &[Scope::within()]));
    table(
        "Today, line by line",
        about(
            "What the Wolkvox console shows for today, line by line, for comparing. The percentages are \
             the vendor's own; the mean of \
             several is no percentage of anything.",
            "the report as it stands, from local midnight to the last reading",
            "skill_6 (all fields)",
        ),
        &[("dnis", "Line"), ("skill_id", "Skill"), ("operation", "Operation")],
    )
    .ask(column("Calls", gauge(&catalogue::TODAY_INBOUND_CALLS)).decimals(0))
    .ask(column("Answered", gauge(&catalogue::TODAY_ANSWERED_CALLS)).decimals(0))
    .ask(column("Abandoned", gauge(&catalogue::TODAY_ABANDONED_CALLS)).decimals(0))
    .ask(column("In time", level).share().decimals(2))
    .ask(column("Abandon rate", gauge(&catalogue::TODAY_ABANDON)).share().decimals(2))
    .ask(column("ASA", gauge(&catalogue::TODAY_ASA)).unit(Unit::Seconds).decimals(0))
    .ask(column("ATA", gauge(&catalogue::TODAY_ATA)).unit(Unit::Seconds).decimals(0))
    .sorted("Calls", true)
    .empty("")
}

fn audit(scope: Scope<'_>) -> Panel {
    let far = scope.options.thresholds.audit_calls;
    stat(
        "Two reports compared",
        about(
            "Calls of today in the report by skill, minus the sum of its lines in the report by DNIS. 0 \
             when both agree. A lasting \
             difference means that the vendor files some calls under no line.",
            "wolkvox_audit_difference_calls",
            "skill_1 (inbound_calls) and skill_6 (inbound_calls)",
        ),
    )
    .ask(instant(
        scope.with_name(&format!("max by ({}) ({})", list(SKILL), scope.all(&catalogue::AUDIT_DIFFERENCE))),
        "{{skill_name}}",
    ))
    .decimals(0)
    .below(Color::Watch, &[(1.0 - far, Color::Good), (far, Color::Watch)])
    .named()
    .empty("not compared yet")
}
