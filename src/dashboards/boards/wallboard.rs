//! Wallboard: few numbers, each with its target beside it, legible from five metres.

use super::overview::{asa, from_told, pooled_mean, too_few};
use super::parts::{judged, skill_board, target_of, trust_tiles};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Unit, about, bars, stat};
use crate::dashboards::grafana::target::instant;
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::{SKILL, Share, WITHIN, inbound};
use crate::dashboards::scope::Scope;
use crate::dashboards::words::{Window, is, list};
use crate::metrics::{Label, catalogue};

const WINDOW: Window = Window::M30;

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    let mut trust = trust_tiles(scope, &[Report::Skill6, Report::Diagram3]);
    let alerts = trust.pop();
    trust.truncate(3);
    trust.extend(alerts);
    let share = |title, share| {
        stat(title, from_told(scope, share, WINDOW))
            .asks(judged(scope, share, WINDOW))
            .unit(Unit::Ratio)
            .decimals(0)
            .filled()
            .named()
            .empty(&too_few(scope, WINDOW))
    };
    let target = |title, share| {
        stat(title, from_told(scope, share, WINDOW))
            .ask(target_of(scope, share, WINDOW))
            .unit(Unit::Ratio)
            .decimals(0)
            .empty("no target, or too few calls")
    };
    let offered = format!("sum({})", scope.recorded(SKILL, &inbound(WINDOW), &[]));
    let calls = stat(
        "Calls, 30 minutes",
        about(
            "Calls offered over 30 minutes: what the shares beside it are of.",
            "growth of wolkvox_inbound_calls_total, summed",
            "skill_6 (inbound_calls)",
        ),
    )
    .ask(instant(offered, ""))
    .decimals(0)
    .empty("no call");
    let wait = stat(
        "Wait, 30 minutes",
        about(
            "Mean wait of the answered calls over 30 minutes (ASA).",
            "seconds waited by answered calls / answered calls",
            "skill_6 (asa, answer_calls)",
        ),
    )
    .ask(instant(asa(scope, WINDOW), ""))
    .unit(Unit::Seconds)
    .decimals(0)
    .empty(&too_few(scope, WINDOW));
    let patience = stat(
        "They give up after",
        about(
            "Mean wait of those who gave up over 30 minutes (ATA).",
            "seconds waited by abandoned calls / abandoned calls",
            "skill_6 (ata, abandon_calls)",
        ),
    )
    .ask(instant(pooled_mean(scope, &catalogue::ABANDON_WAIT, WINDOW), ""))
    .unit(Unit::Seconds)
    .decimals(0)
    .empty("nobody gave up, or too few calls");
    let waiting = stat(
        "Callbacks waiting",
        about(
            "Customers who were promised a callback and have not had it.",
            "wolkvox_callbacks of status yes, summed",
            "diagram_3 (status)",
        ),
    )
    .ask(instant(format!("sum({})", scope.some(&catalogue::CALLBACKS, &[is(Label::Status, "yes")])), ""))
    .decimals(0)
    .empty("no callbacks");
    let level = Share::ServiceLevel;
    let missed = format!(
        "sum by ({}) ({} - on ({}) {})",
        list(SKILL),
        scope.recorded(SKILL, &inbound(Window::H1), &[]),
        list(SKILL),
        format_args!("max by ({}) ({})", list(SKILL), within(scope)),
    );
    let worst = bars(
        "Skills with the most late calls, 1 hour",
        about(
            "The three skills in which the most calls of the last hour were not answered in time: there \
             help counts most.",
            "calls offered minus calls answered within the threshold, by skill",
            "skill_6 (inbound_calls, service_level_10seg, _20seg, _30seg)",
        ),
    )
    .ask(instant(format!("topk(3, {} > 0)", scope.with_name(&missed)), "{{skill_name}}"))
    .decimals(0)
    .below(Color::Watch, &[])
    .empty("no late call")
    .link("This skill", skill_board(false, false));
    vec![Section {
        title: "",
        lines: vec![
            Line { height: 3, panels: trust.into_iter().map(|panel| (6, panel)).collect() },
            Line {
                height: 10,
                panels: vec![
                    (9, share("Answered in time, 30 minutes", level)),
                    (9, share("Abandoned, 30 minutes", Share::Abandon)),
                    (6, calls),
                ],
            },
            Line {
                height: 4,
                panels: vec![
                    (9, target("Target", level)),
                    (9, target("At most", Share::Abandon)),
                    (6, patience),
                ],
            },
            Line { height: 9, panels: vec![(6, wait), (6, waiting), (12, worst)] },
        ],
    }]
}

/// Calls of the last hour answered in time, by skill.
fn within(scope: Scope<'_>) -> String {
    use crate::dashboards::recording::{ANSWERED_WITHIN, counted};
    scope.recorded(WITHIN, &counted(WITHIN, ANSWERED_WITHIN, Window::H1), &[Scope::within()])
}
