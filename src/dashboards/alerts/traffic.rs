//! Lines that fall silent, and calls that surge, compared with the same time a week ago.

use super::{at_least, beyond_usual, kpi, skill, unless_catching_up, while_open};
use crate::api::Report;
use crate::dashboards::recording::{self, LINE, SKILL, age, counted, inbound, moved};
use crate::dashboards::rule::{Alert, Runbook, Severity};
use crate::dashboards::words::{Window, base, list, value_of, week_ago};
use crate::dashboards::{Board, Options};
use crate::metrics::{Label, catalogue};

pub(super) fn alerts(options: &Options) -> Vec<Alert> {
    vec![no_calls(options), silent_line(options), surge(options)]
}

/// Nothing for an hour, where there was much in the same hour a week ago.
///
/// A counter that was shown too high stands still until the truth has caught up, for hours if need be. The vendor's own figure
/// of the day does not wait: while it moves, calls come.
fn silence(options: &Options, name: &'static str, by: &[Label], calls: &str) -> Alert {
    let on = list(by);
    let usual = recording::week_ago(by, base(&catalogue::INBOUND_CALLS), Window::H1);
    Alert {
        guards: vec![
            format!("and on ({on})\n({calls} == 0)"),
            while_open(Window::H1),
            format!("unless on ({on})\n({} > 0)", moved(by)),
            unless_catching_up(options, (name, by, calls), Report::Skill6, Window::H1),
        ],
        hold_minutes: 10,
        ..kpi(
            name,
            Report::Skill6,
            by,
            Board::Skill,
            format!("{usual} > {}", options.thresholds.silence_usual_calls),
        )
    }
}

fn no_calls(options: &Options) -> Alert {
    let calls = inbound(Window::H1);
    Alert {
        severity: Severity::Critical,
        summary: format!(
            "{}: no call for an hour, about {{{{ $value | printf \"%.0f\" }}}} in the same hour a week ago",
            skill()
        ),
        description: "The skill is open, its report is read, and not one call was offered.".to_owned(),
        runbook: Runbook {
            meaning: "An open skill that was busy at this hour a week ago has not been offered a call for an hour.",
            impact: "Customers probably hear a busy tone or silence: nobody will complain to a number that is dead.",
            diagnosis: vec![
                ("calls of the hour, now", calls.clone()),
                ("calls of the hour, a week ago", format!("{calls} offset 1w")),
                (
                    "calls entering the IVR",
                    counted(&[Label::Operation], base(&catalogue::IVR_CALLS), Window::H4),
                ),
                ("changes of the vendor's own figure of today, within the hour", moved(SKILL)),
                ("age of the data, in planned intervals", age()),
            ],
            action: &[
                "Call every line of the skill from outside.",
                "Lines dead: open a case with the carrier. Lines ring but no call arrives: check the IVR and its routing.",
                "A holiday that the opening hours do not know: silence the alert for the day.",
            ],
            silence: "On holidays, and for skills that are being closed down.",
        },
        ..silence(options, "WolkvoxNoInboundCalls", SKILL, &calls)
    }
}

fn silent_line(options: &Options) -> Alert {
    let calls = counted(LINE, base(&catalogue::INBOUND_CALLS), Window::H1);
    Alert {
        summary: format!(
            "{}: line {} has had no call for an hour, about {{{{ $value | printf \"%.0f\" }}}} in the same hour a week ago",
            skill(),
            value_of(Label::Dnis)
        ),
        description: "One line of an open skill has fallen silent, whatever the other lines do.".to_owned(),
        runbook: Runbook {
            meaning: "A line (DNIS) that was busy at this hour a week ago has not brought a call for an hour.",
            impact: "Those who know only this number cannot reach us.",
            diagnosis: vec![
                ("calls of the line, now", calls.clone()),
                ("calls of the line, a week ago", format!("{calls} offset 1w")),
                ("changes of the vendor's own figure of the line, within the hour", moved(LINE)),
                ("calls of the whole skill", inbound(Window::H1)),
            ],
            action: &[
                "Call the line from outside.",
                "Ask the carrier; check the routing of this line in the IVR.",
                "A line taken out of use on purpose: silence it for two weeks, then it is forgotten by itself.",
            ],
            silence: "For a line that was retired or whose campaign ended.",
        },
        ..silence(options, "WolkvoxLineSilent", LINE, &calls)
    }
}

fn surge(options: &Options) -> Alert {
    let thresholds = &options.thresholds;
    let calls = inbound(Window::M30);
    Alert {
        guards: vec![
            beyond_usual(base(&catalogue::INBOUND_CALLS), Window::M30, thresholds.surge_factor),
            at_least(SKILL, &calls, thresholds.surge_calls),
            while_open(Window::M15),
            unless_catching_up(options, ("WolkvoxTrafficSurge", SKILL, &calls), Report::Skill6, Window::M30),
        ],
        hold_minutes: 10,
        summary: format!(
            "{}: about {{{{ $value | printf \"%.0f\" }}}} calls in 30 minutes, {} a week ago",
            skill(),
            week_ago(&calls, SKILL, "printf \"%.0f\"")
        ),
        description: format!(
            "More than {} times the calls of the same half hour in each of the last two weeks.",
            thresholds.surge_factor
        ),
        runbook: Runbook {
            meaning: "Far more calls are offered than in the same half hour of both last weeks.",
            impact: "Waits and abandonment will follow within minutes.",
            diagnosis: vec![
                ("calls of the half hour, now", calls.clone()),
                ("the same, a week ago", format!("{calls} offset 1w")),
                ("the same, two weeks ago", format!("{calls} offset 2w")),
                (
                    "calls by line",
                    format!(
                        "topk(10, sum by (operation, skill_id, dnis) (increase({}[30m])))",
                        options.selector.all(&catalogue::INBOUND_CALLS)
                    ),
                ),
            ],
            action: &[
                "Ask what happened: an outage of a product, a mailing, a bill run, an item in the news.",
                "Put an announcement in front of the queue that answers the common question.",
                "Move agents; switch the callback on.",
            ],
            silence: "During a campaign that was announced to planning.",
        },
        ..kpi("WolkvoxTrafficSurge", Report::Skill6, SKILL, Board::Skill, calls.clone())
    }
}
