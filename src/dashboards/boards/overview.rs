//! Overview: are we answering people right now, and which skill is not?

use super::parts::{RULES_NOTE, judged, notes, skill_board, target_of, told, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{About, Color, Mapping, Panel, Unit, about, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::{
    ANSWERED_WITHIN, OPERATION, SKILL, Share, WITHIN, counted, inbound, open,
};
use crate::dashboards::scope::Scope;
use crate::dashboards::words::{Window, base, is, list, max, recorded, sum};
use crate::metrics::{Label, catalogue};

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &Report::FIVE),
        Section { title: "Now: the last 30 minutes", lines: vec![Line { height: 5, panels: now(scope) }] },
        Section {
            title: "Skills: the last hour",
            lines: vec![Line { height: 9, panels: vec![(24, skills(scope))] }],
        },
        Section {
            title: "How the day went",
            lines: vec![
                Line { height: 8, panels: vec![(12, levels(scope)), (12, traffic(scope))] },
                Line { height: 8, panels: vec![(12, bands(scope)), (12, waits(scope))] },
                Line { height: 7, panels: vec![(24, today(scope))] },
            ],
        },
        notes(
            4,
            &format!(
                "{RULES_NOTE}\n\nWolkvox's reports are read every few minutes: *now* means up to *Data \
                 age* ago. Calls that are still \
                 waiting and the agents that are free are not in these reports. A share is blank on too \
                 few calls, since two calls of \
                 three say nothing. Click a skill for its board.",
            ),
        ),
    ]
}

pub(super) fn from_told(scope: Scope<'_>, share: Share, window: Window) -> About {
    let told = told(scope, share, window);
    about(&told.what, &told.formula, told.source)
}

pub(super) fn too_few(scope: Scope<'_>, window: Window) -> String {
    let fewest = scope.fewest(window);
    if window == Window::D1 {
        return format!("fewer than {fewest} calls");
    }
    format!("fewer than {fewest} calls, or counts corrected")
}

pub(super) fn asa(scope: Scope<'_>, window: Window) -> String {
    pooled_mean(scope, &catalogue::ANSWER_WAIT, window)
}

/// Seconds waited by all, of calls waited; enough of them.
pub(super) fn pooled_mean(scope: Scope<'_>, family: &crate::metrics::Family, window: Window) -> String {
    use crate::dashboards::words::Part;
    let of = |part| scope.grown_part(&[], family, part, &[], window.as_str());
    format!(
        "{} / ({} > 0) and on () (sum({}) >= {})",
        of(Part::Sum),
        of(Part::Count),
        scope.offered(window),
        scope.fewest(window)
    )
}

fn now(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let window = Window::M30;
    let level = stat("Answered in time", from_told(scope, Share::ServiceLevel, window))
        .asks(judged(scope, Share::ServiceLevel, window))
        .ask(target_of(scope, Share::ServiceLevel, window));
    let abandon = stat("Abandoned", from_told(scope, Share::Abandon, window))
        .asks(judged(scope, Share::Abandon, window))
        .ask(target_of(scope, Share::Abandon, window));
    let offered = scope.recorded(SKILL, &inbound(window), &[]);
    let calls = stat(
        "Calls offered",
        about(
            "Calls offered to the chosen skills over 30 minutes, and in the same half hour a week ago. \
             About: Prometheus \
             extrapolates to the edges of the window.",
            "growth of wolkvox_inbound_calls_total, summed",
            "skill_6 (inbound_calls)",
        ),
    )
    .ask(instant(format!("sum({offered})"), "now"))
    .ask(instant(format!("sum({offered} offset 1w)"), "a week ago").color(Color::Other))
    .decimals(0)
    .named()
    .empty("no call yet");
    let speed = stat(
        "Speed of answer",
        about(
            "Mean wait of the answered calls over 30 minutes (ASA), beside the mean wait of those who \
             gave up (ATA). ASA improves when \
             people give up: read it with the share abandoned.",
            "seconds waited / calls, for answered calls and for abandoned ones",
            "skill_6 (asa, ata, answer_calls, abandon_calls)",
        ),
    )
    .ask(instant(asa(scope, window), "answered"))
    .ask(instant(pooled_mean(scope, &catalogue::ABANDON_WAIT, window), "gave up").color(Color::Other))
    .unit(Unit::Seconds)
    .decimals(0)
    .named()
    .empty(&too_few(scope, window));
    let waiting = stat(
        "Callbacks waiting",
        about(
            "Customers who were promised a callback and have not had it, and how long the first of them \
             has waited. Callbacks \
             hide waiting from the speed of answer.",
            "wolkvox_callbacks of status yes; now minus wolkvox_callback_oldest_waiting_timestamp_seconds",
            "diagram_3 (status, date_inbound_call)",
        ),
    )
    .ask(
        instant(
            format!("sum({})", scope.some(&catalogue::CALLBACKS, &[is(Label::Status, "yes")])),
            "waiting",
        )
        .decimals(0),
    )
    .ask(
        instant(
            format!("clamp_min(time() - min({}), 0)", scope.all(&catalogue::CALLBACK_OLDEST_WAITING)),
            "the longest",
        )
        .unit(Unit::Seconds)
        .colored(&[(scope.options.thresholds.callback_overdue_seconds, Color::Watch)], Color::Plain),
    )
    .named()
    .empty("no callbacks");
    let share = |panel: Panel| panel.unit(Unit::Ratio).named().empty(&too_few(scope, window));
    vec![(5, share(level)), (5, share(abandon)), (5, calls), (5, speed), (4, waiting)]
}

fn skills(scope: Scope<'_>) -> Panel {
    let window = Window::H1;
    let mean = |metric: &str| {
        let name = recorded(SKILL, metric, &format!("mean{}", window.as_str()));
        scope.enough(&scope.recorded(SKILL, &name, &[]), window)
    };
    let level = Share::ServiceLevel;
    let ratio = scope.recorded(level.by(), &level.ratio(window), &[Scope::within()]);
    let margin = format!("({ratio} - on ({}) (1 - {}))", list(WITHIN), scope.budget(level));
    let margin = scope.enough(&margin, window);
    let significance = scope.recorded(level.by(), &level.significance(window), &[Scope::within()]);
    let strict = scope.options.thresholds.significance;
    let plain = |what: &str| max(SKILL, what);
    table(
        "Every skill",
        about(
            "One row a skill, the busiest first. *Margin* is the share answered in time minus the target. \
             *Evidence* says whether missing \
             it could be chance. Click a name for the skill's board.",
            "calls answered within the threshold / calls offered; margin = that minus \
             wolkvox_service_level_target_ratio; evidence = \
             standard deviations by which missed calls exceed those allowed",
            "skill_6 (all fields), the targets and opening hours of the configuration, and \
             information.php skills for names",
        ),
        &[("skill_name", "Skill"), ("skill_id", "Id"), ("operation", "Operation")],
    )
    .ask(column("", scope.names_of(&scope.recorded(SKILL, &inbound(window), &[]))))
    .ask(column("Hours", scope.recorded(SKILL, &open(), &[])).said(&[
        Mapping(Some(1.0), Some(1.0), "open", Color::Good),
        Mapping(Some(0.0), Some(0.0), "closed", Color::Other),
    ]))
    .ask(column("Calls", scope.recorded(SKILL, &inbound(window), &[])).decimals(0))
    .ask(column("In time", plain(&scope.ratio(level, window))).share())
    .ask(column("Target", plain(&format!("1 - {}", scope.budget(level)))).share().decimals(0))
    .ask(
        column("Margin", plain(&margin))
            .unit(Unit::Ratio)
            .decimals(1)
            .colored(&[(-0.2, Color::Watch), (0.0, Color::Good)], Color::Bad),
    )
    .ask(column("Evidence", plain(&scope.enough(&significance, window))).wide(115).said(&[
        Mapping(Some(strict), None, "misses target", Color::Bad),
        Mapping(Some(0.0), Some(strict), "may be chance", Color::Watch),
        Mapping(None, Some(0.0), "on target", Color::Good),
    ]))
    .ask(column("Abandoned", scope.ratio(Share::Abandon, window)).share())
    .ask(column("At most", scope.budget(Share::Abandon)).share().decimals(0))
    .ask(column("ASA", mean("wolkvox_asa_seconds")).unit(Unit::Seconds).decimals(0))
    .ask(column("ATA", mean("wolkvox_ata_seconds")).unit(Unit::Seconds).decimals(0))
    .ask(column("In time, 1 day", plain(&scope.ratio(level, Window::D1))).share().wide(130))
    .ask(column("Calls, 1 day", scope.recorded(SKILL, &inbound(Window::D1), &[])).decimals(0))
    .sorted("Calls", true)
    .empty("")
    .link("This skill", skill_board(true, false))
}

pub(super) fn levels(scope: Scope<'_>) -> Panel {
    let level = Share::ServiceLevel;
    graph(
        "Answered in time, by skill",
        about(
            &format!(
                "Share of the calls of the last 30 minutes answered within the threshold; the dashed line \
                 is the target of all chosen \
                 skills together. Gaps: fewer than {} calls. The calls stand beside it.",
                scope.fewest(Window::M30)
            ),
            "calls answered within the threshold / calls offered over 30 minutes, by skill",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls), and the configuration",
        ),
    )
    .ask(range(scope.with_name(&scope.ratio(level, Window::M30)), "{{skill_name}} · {{operation}}"))
    .ask(range(scope.pooled_target(level, Window::M30), "target").dashed().color(Color::Plain))
    .unit(Unit::Ratio)
    .empty("too few calls")
    .link("This skill", skill_board(false, false))
}

pub(super) fn traffic(scope: Scope<'_>) -> Panel {
    let answered = scope.hourly(&[], &catalogue::ANSWERED_CALLS, &[]);
    let abandoned = scope.hourly(&[], &catalogue::ABANDONED_CALLS, &[]);
    graph(
        "Calls per hour",
        about(
            "Calls answered and abandoned, per hour, on top of each other; the dashed line is the calls \
             offered a week before.",
            "3600 × growth per second of wolkvox_answered_calls_total and wolkvox_abandoned_calls_total, \
             summed",
            "skill_6 (answer_calls, abandon_calls, inbound_calls)",
        ),
    )
    .ask(range(answered, "answered").color(Color::Good))
    .ask(range(abandoned, "abandoned").color(Color::Watch))
    .ask(
        range(week_before(&scope.hourly(&[], &catalogue::INBOUND_CALLS, &[])), "offered a week before")
            .dashed()
            .color(Color::Other),
    )
    .stacked()
    .from_zero()
    .decimals(0)
    .axis("calls per hour")
    .empty("no call in this time")
}

/// The same, a week earlier.
///
/// # Panics
///
/// When there is no range to move.
pub(super) fn week_before(expr: &str) -> String {
    assert!(expr.contains("])"), "{expr} has no range");
    expr.replace("])", "] offset 1w)")
}

fn bands(scope: Scope<'_>) -> Panel {
    let within = |seconds: &str| {
        let name = counted(WITHIN, ANSWERED_WITHIN, Window::M30);
        format!("sum({})", scope.recorded(WITHIN, &name, &[is(Label::Within, seconds)]))
    };
    let all = |family| {
        let name = counted(SKILL, base(family), Window::M30);
        format!("sum({})", scope.recorded(SKILL, &name, &[]))
    };
    let between = |less: String, more: String| format!("clamp_min({more} - {less}, 0)");
    graph(
        "Calls by how long they waited, 30 minutes",
        about(
            "The calls of the last 30 minutes by their wait until an agent answered, and those that were \
             abandoned. Three bounds give \
             no percentiles, so none are shown.",
            "differences between the buckets of wolkvox_answer_wait_seconds, summed over skills",
            "skill_6 (service_level_10seg, _20seg, _30seg, answer_calls, abandon_calls)",
        ),
    )
    .ask(range(within("10s"), "up to 10 s").color(Color::Deep))
    .ask(range(between(within("10s"), within("20s")), "10 to 20 s").color(Color::Good))
    .ask(range(between(within("20s"), within("30s")), "20 to 30 s").color(Color::Pale))
    .ask(range(between(within("30s"), all(&catalogue::ANSWERED_CALLS)), "over 30 s").color(Color::Watch))
    .ask(range(all(&catalogue::ABANDONED_CALLS), "abandoned").color(Color::Bad))
    .stacked()
    .from_zero()
    .decimals(0)
    .axis("calls")
    .empty("no call in this time")
}

fn waits(scope: Scope<'_>) -> Panel {
    graph(
        "Wait until answered, and until given up",
        about(
            "Mean wait of answered calls (ASA) and of abandoned ones (ATA, the patience of callers), over \
             30 minutes. When ATA falls \
             below the threshold, people leave before the target could be met.",
            "seconds waited / calls over 30 minutes, summed over skills first",
            "skill_6 (asa, ata, answer_calls, abandon_calls)",
        ),
    )
    .ask(range(asa(scope, Window::M30), "until answered").color(Color::Good))
    .ask(
        range(
            pooled_mean(scope, &catalogue::ABANDON_WAIT, Window::M30),
            "until given \
        up",
        )
        .color(Color::Watch),
    )
    .unit(Unit::Seconds)
    .from_zero()
    .empty("too few calls")
}

fn today(scope: Scope<'_>) -> Panel {
    let offered = sum(
        OPERATION,
        &max(&[Label::Operation, Label::SkillId, Label::Dnis], &scope.all(&catalogue::TODAY_INBOUND_CALLS)),
    );
    let before = offered.replace("))", " offset 1w))");
    graph(
        "Calls offered since midnight, and a week before",
        about(
            "Calls offered since local midnight as the Wolkvox console shows them, in whole numbers, and \
             on the same weekday a week \
             before.",
            "wolkvox_today_inbound_calls, summed over skills and lines",
            "skill_6 (inbound_calls, local midnight to the last reading)",
        ),
    )
    .ask(range(offered, "{{operation}} today"))
    .ask(range(before, "{{operation}} a week before").dashed())
    .from_zero()
    .decimals(0)
    .axis("calls")
    .empty("no call today")
}
