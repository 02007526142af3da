//! Lines that fall silent, and calls that surge, compared with the same time a week ago.

use super::{skill, unless_catching_up, while_open};
use crate::api::Report;
use crate::dashboards::recording::{LINE, SKILL, age, counted, inbound};
use crate::dashboards::rule::{Alert, Category, Hours, Runbook, Severity};
use crate::dashboards::words::{Window, base, is, list, value_of, week_ago};
use crate::dashboards::{Board, Options};
use crate::metrics::{Label, catalogue};

pub(super) fn alerts(options: &Options) -> Vec<Alert> {
    vec![no_calls(options), silent_line(options), surge(options)]
}

/// Only on data that is being read: silence of the exporter is no silence of the line.
fn while_fresh(options: &Options) -> String {
    format!(
        "and on ({})\n({}{{{}}} < {})",
        Label::Operation.as_str(),
        age(),
        is(Label::Report, Report::Skill6.code()),
        options.thresholds.stale_intervals
    )
}

fn no_calls(options: &Options) -> Alert {
    let calls = inbound(Window::H1);
    Alert {
        name: "WolkvoxNoInboundCalls",
        severity: Severity::Critical,
        category: Category::Kpi,
        report: Some(Report::Skill6),
        by: SKILL.to_vec(),
        signal: format!("{calls} offset 1w"),
        guards: vec![
            format!("and on ({})\n({calls} == 0)", list(SKILL)),
            format!(
                "and on ({})\n({calls} offset 1w > {})",
                list(SKILL),
                options.thresholds.silence_usual_calls
            ),
            while_open(Window::H1),
            while_fresh(options),
            unless_catching_up(options, Report::Skill6, Window::H1),
        ],
        hold_minutes: 10,
        summary: format!(
            "{}: no call for an hour, about {{{{ $value | printf \"%.0f\" }}}} in the same hour a week ago",
            skill()
        ),
        description: "The skill is open, its report is read, and not one call was offered.".to_owned(),
        board: Board::Skill,
        hours: Hours::Open,
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
                ("age of the data, in planned intervals", age()),
            ],
            action: &[
                "Call every line of the skill from outside.",
                "Lines dead: open a case with the carrier. Lines ring but no call arrives: check the IVR and its routing.",
                "A holiday that the opening hours do not know: silence the alert for the day.",
            ],
            silence: "On holidays, and for skills that are being closed down.",
        },
    }
}

fn silent_line(options: &Options) -> Alert {
    let calls = counted(LINE, base(&catalogue::INBOUND_CALLS), Window::H1);
    Alert {
        name: "WolkvoxLineSilent",
        severity: Severity::Warning,
        category: Category::Kpi,
        report: Some(Report::Skill6),
        by: LINE.to_vec(),
        signal: format!("{calls} offset 1w"),
        guards: vec![
            format!("and on ({})\n({calls} == 0)", list(LINE)),
            format!(
                "and on ({})\n({calls} offset 1w > {})",
                list(LINE),
                options.thresholds.silence_usual_calls
            ),
            while_open(Window::H1),
            while_fresh(options),
            unless_catching_up(options, Report::Skill6, Window::H1),
        ],
        hold_minutes: 10,
        summary: format!(
            "{}: line {} has had no call for an hour, about {{{{ $value | printf \"%.0f\" }}}} in the same hour a week ago",
            skill(),
            value_of(Label::Dnis)
        ),
        description: "One line of an open skill has fallen silent, whatever the other lines do.".to_owned(),
        board: Board::Skill,
        hours: Hours::Open,
        runbook: Runbook {
            meaning: "A line (DNIS) that was busy at this hour a week ago has not brought a call for an hour.",
            impact: "Those who know only this number cannot reach us.",
            diagnosis: vec![
                ("calls of the line, now", calls.clone()),
                ("calls of the line, a week ago", format!("{calls} offset 1w")),
                ("calls of the whole skill", inbound(Window::H1)),
            ],
            action: &[
                "Call the line from outside.",
                "Ask the carrier; check the routing of this line in the IVR.",
                "A line taken out of use on purpose: silence it for two weeks, then it is forgotten by itself.",
            ],
            silence: "For a line that was retired or whose campaign ended.",
        },
    }
}

fn surge(options: &Options) -> Alert {
    let thresholds = &options.thresholds;
    let calls = inbound(Window::M30);
    let usual = format!(
        "(\n    {calls} offset 1w >= {calls} offset 2w\n    or\n    {calls} offset 2w\n    or\n    {calls} offset 1w\n  )"
    );
    Alert {
        name: "WolkvoxTrafficSurge",
        severity: Severity::Warning,
        category: Category::Kpi,
        report: Some(Report::Skill6),
        by: SKILL.to_vec(),
        signal: calls.clone(),
        guards: vec![
            format!(
                "and on ({})\n(\n  {calls}\n  > {} *\n  {usual}\n)",
                list(SKILL),
                thresholds.surge_factor
            ),
            format!("and on ({})\n({calls} >= {})", list(SKILL), thresholds.surge_calls),
            while_open(Window::M15),
            unless_catching_up(options, Report::Skill6, Window::M30),
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
        board: Board::Skill,
        hours: Hours::Open,
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
    }
}
