//! Callbacks, self-service, cost and what customers say.

use super::{at_least, beyond_usual, kpi, skill, unless_catching_up, while_any_open, while_open};
use crate::api::Report;
use crate::dashboards::recording::{
    self, ANSWERS_SATISFIED, ANSWERS_SCALED, CALLBACKS_MADE, CALLBACKS_REACHED, CALLBACKS_SOON,
    CALLBACKS_TRIED, IVR_MEAN, IVR_PASSED, OPERATION, QUESTION, SKILL, counted, open, unless_revised,
};
use crate::dashboards::rule::{Alert, Hours, Runbook, Severity};
use crate::dashboards::words::{Window, base, is, list, looked_up, max, recorded, value_of, week_ago};
use crate::dashboards::{Board, Options};
use crate::metrics::{Label, catalogue};

pub(super) fn alerts(options: &Options) -> Vec<Alert> {
    vec![
        callback_success(options),
        callback_speed(options),
        callback_overdue(options),
        ivr(options, Shift::Passed),
        ivr(options, Shift::Time),
        cost(options),
        csat(options),
    ]
}

/// `part / whole`, where there are enough of the whole.
fn share(part: &str, whole: &str) -> String {
    format!("clamp_max({part} / ({whole} > 0), 1)")
}

fn callback_success(options: &Options) -> Alert {
    let (ok, tried) =
        (counted(SKILL, CALLBACKS_REACHED, Window::H4), counted(SKILL, CALLBACKS_TRIED, Window::H4));
    let share = share(&ok, &tried);
    Alert {
        guards: vec![
            at_least(SKILL, &tried, options.thresholds.callback_success_calls),
            while_open(Window::M15),
            unless_revised(Report::Diagram3, Window::H4),
            unless_catching_up(
                options,
                ("WolkvoxCallbackSuccessLow", SKILL, &tried),
                Report::Diagram3,
                Window::H4,
            ),
        ],
        summary: format!(
            "{}: {{{{ $value | humanizePercentage }}}} of about {} finished callbacks reached the customer over 4 hours",
            skill(),
            looked_up(&tried, SKILL, "printf \"%.0f\"")
        ),
        description:
            "Of the callbacks that were tried to the end, too few reached the one who had called. Declined \
                      offers and customers who called again themselves are not counted."
                .to_owned(),
        runbook: Runbook {
            meaning: "Callbacks end without reaching the customer: all attempts failed, or somebody else answered.",
            impact: "People who were promised a call get none, and call again in anger.",
            diagnosis: vec![
                (
                    "finished callbacks by outcome",
                    format!(
                        "sum by (operation, skill_id, outcome) (increase({}[4h]))",
                        options.selector.all(&catalogue::CALLBACK_OUTCOMES)
                    ),
                ),
                (
                    "attempts",
                    format!(
                        "sum by (operation, skill_id) (increase({}[4h]))",
                        options.selector.all(&catalogue::CALLBACK_ATTEMPTS)
                    ),
                ),
            ],
            action: &[
                "Place one callback by hand: is the number dialled as it must be (prefix, country code)?",
                "Look at the times between attempts: calling again within minutes reaches nobody.",
                "Ask the carrier whether our number is shown as spam.",
            ],
            silence: "While the dialler is being repaired.",
        },
        ..kpi(
            "WolkvoxCallbackSuccessLow",
            Report::Diagram3,
            SKILL,
            Board::Callbacks,
            format!("{share} < {}", options.thresholds.callback_success),
        )
    }
}

fn callback_speed(options: &Options) -> Alert {
    let (soon, made) =
        (counted(SKILL, CALLBACKS_SOON, Window::H4), counted(SKILL, CALLBACKS_MADE, Window::H4));
    let share = share(&soon, &made);
    Alert {
        guards: vec![
            at_least(SKILL, &made, options.thresholds.callback_fast_calls),
            while_open(Window::M15),
            unless_revised(Report::Diagram3, Window::H4),
            unless_catching_up(options, ("WolkvoxCallbackSlow", SKILL, &made), Report::Diagram3, Window::H4),
        ],
        summary: format!(
            "{}: {{{{ $value | humanizePercentage }}}} of about {} callbacks came within 30 minutes over 4 hours",
            skill(),
            looked_up(&made, SKILL, "printf \"%.0f\"")
        ),
        description: "Callbacks succeed, but late.".to_owned(),
        runbook: Runbook {
            meaning: "Too few of the successful callbacks came within half an hour of the call.",
            impact: "A wait that does not show in the speed of answer: callbacks hide it.",
            diagnosis: vec![
                (
                    "half of the callbacks came within",
                    format!(
                        "histogram_quantile(0.5, sum by (operation, skill_id, le) (increase({}_bucket[4h])))",
                        catalogue::CALLBACK_WAIT.name
                    ),
                ),
                ("callbacks waiting now", options.selector.all(&catalogue::CALLBACKS)),
            ],
            action: &[
                "Reserve agents for callbacks in the quiet hours.",
                "Offer fewer callbacks than can be kept: a promise that is not made is not broken.",
            ],
            silence: "After an outage, while the queue of callbacks is worked off.",
        },
        ..kpi(
            "WolkvoxCallbackSlow",
            Report::Diagram3,
            SKILL,
            Board::Callbacks,
            format!("{share} < {}", options.thresholds.callback_fast),
        )
    }
}

fn callback_overdue(options: &Options) -> Alert {
    let oldest = max(SKILL, &options.selector.held(&catalogue::CALLBACK_OLDEST_WAITING));
    // Until the last reading: who has been called since is not known before the next one.
    let unread = format!("{}{{{}}}", recording::age_seconds(), is(Label::Report, Report::Diagram3.code()));
    let waited = format!("time() - {oldest} - on ({}) group_left () {unread}", list(OPERATION));
    Alert {
        // Open for as long as the customer waits: nobody calls back over night.
        guards: vec![
            while_open(Window::H2),
            unless_catching_up(
                options,
                ("WolkvoxCallbackOverdue", SKILL, &open()),
                Report::Diagram3,
                Window::H2,
            ),
        ],
        hold_minutes: 5,
        summary: format!(
            "{}: a customer has waited {{{{ $value | humanizeDuration }}}} for a callback",
            skill()
        ),
        description:
            "The oldest promised callback is still open although the skill has been open for two hours."
                .to_owned(),
        runbook: Runbook {
            meaning: "Somebody accepted a callback and has waited for it for hours in which the skill was open.",
            impact: "A customer who was promised a call sits by the telephone.",
            diagnosis: vec![
                ("callbacks by status", options.selector.all(&catalogue::CALLBACKS)),
                (
                    "since when the oldest waits",
                    format!("time() - {}", options.selector.all(&catalogue::CALLBACK_OLDEST_WAITING)),
                ),
            ],
            action: &[
                "Find the waiting callbacks in Wolkvox Manager and call.",
                "Check that the intelligent hold is active and has agents.",
            ],
            silence: "Never for long: the alert ends when the customer is called.",
        },
        ..kpi(
            "WolkvoxCallbackOverdue",
            Report::Diagram3,
            SKILL,
            Board::Callbacks,
            format!("{waited} > {}", options.thresholds.callback_overdue_seconds),
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shift {
    Passed,
    Time,
}

fn ivr(options: &Options, shift: Shift) -> Alert {
    let thresholds = &options.thresholds;
    let (metric, now) = match shift {
        Shift::Passed => (IVR_PASSED, recorded(OPERATION, IVR_PASSED, "ratio4h")),
        Shift::Time => (IVR_MEAN, recorded(OPERATION, IVR_MEAN, "mean4h")),
    };
    let change = recorded(OPERATION, metric, "change1w");
    let calls = counted(OPERATION, base(&catalogue::IVR_CALLS), Window::H4);
    let name = match shift {
        Shift::Passed => "WolkvoxIVRShareShift",
        Shift::Time => "WolkvoxIVRTimeShift",
    };
    let mut guards = vec![
        format!("and on ({})\n(abs({change}) > {})", list(OPERATION), thresholds.ivr_shift),
        at_least(OPERATION, &calls, thresholds.ivr_calls),
        at_least(
            OPERATION,
            &recording::week_ago(OPERATION, base(&catalogue::IVR_CALLS), Window::H4),
            thresholds.ivr_calls,
        ),
        while_any_open(Window::H4),
        unless_catching_up(options, (name, OPERATION, &change), Report::Diagram12, Window::H4),
    ];
    let (summary, description, meaning, impact) = match shift {
        Shift::Passed => {
            guards.push(unless_catching_up(options, (name, OPERATION, &change), Report::Skill6, Window::H4));
            (
                "calls offered to skills per IVR call",
                "The share of callers whom the IVR passes on to a skill is not what it was a week ago.",
                "The number of calls that reach a skill per call that enters the IVR has moved far from last week's.",
                "More: self-service has broken and agents take what it should. Fewer: callers are lost in the menu.",
            )
        }
        Shift::Time => (
            "seconds in the IVR per call",
            "Callers spend a very different time in the IVR than a week ago.",
            "The mean time that a caller spends in the IVR has moved far from last week's.",
            "Longer: a prompt loops or a system behind it answers slowly. Shorter: callers give up or skip the menu.",
        ),
    };
    Alert {
        guards,
        hold_minutes: 30,
        summary: format!(
            "{}: {summary} changed by {{{{ $value | humanizePercentage }}}} against a week ago, over 4 hours",
            value_of(Label::Operation)
        ),
        description: description.to_owned(),
        runbook: Runbook {
            meaning,
            impact,
            diagnosis: vec![
                ("the change", change.clone()),
                ("now", now.clone()),
                ("a week ago", format!("{now} offset 1w")),
                ("IVR calls", calls),
            ],
            action: &[
                "Call the line and walk through the menu as a customer would.",
                "Ask who changed the flow, and when; compare with the step in the graph.",
            ],
            silence: "For a week after a planned change of the flow: then last week is the new measure.",
        },
        ..kpi(name, Report::Diagram12, OPERATION, Board::Ivr, change)
    }
}

fn cost(options: &Options) -> Alert {
    let thresholds = &options.thresholds;
    let spent = counted(SKILL, base(&catalogue::CDR_COST), Window::H1);
    let calls = counted(SKILL, base(&catalogue::CDR_CALLS), Window::H1);
    Alert {
        guards: vec![
            beyond_usual(base(&catalogue::CDR_COST), Window::H1, thresholds.cost_factor),
            at_least(SKILL, &calls, thresholds.cost_calls),
            unless_catching_up(options, ("WolkvoxCostAnomaly", SKILL, &calls), Report::Cdr1, Window::H1),
        ],
        summary: format!(
            "{}: connected calls cost {{{{ $value | printf \"%.0f\" }}}} in an hour, {} a week ago",
            skill(),
            week_ago(&spent, SKILL, "printf \"%.0f\"")
        ),
        description: format!(
            "More than {} times the cost of the same hour in each of the last two weeks, in the currency of the \
             operation.",
            thresholds.cost_factor
        ),
        hours: Hours::Any("fraud comes at night"),
        runbook: Runbook {
            meaning: "An hour of connected calls costs far more than the same hour of both last weeks.",
            impact: "Money: toll fraud runs at night and at weekends, and is billed all the same.",
            diagnosis: vec![
                (
                    "by destination",
                    format!(
                        "topk(10, sum by (operation, destination) (increase({}[1h])))",
                        options.selector.all(&catalogue::CDR_DESTINATION_COST)
                    ),
                ),
                (
                    "by campaign",
                    format!(
                        "topk(10, sum by (operation, skill_id, campaign_id) (increase({}[1h])))",
                        options.selector.all(&catalogue::CDR_COST)
                    ),
                ),
                ("connected calls", calls),
            ],
            action: &[
                "Look at the destinations: international or premium numbers that nobody asked for are fraud. Stop the \
                 campaign or the extension, then change its password.",
                "A planned campaign: tell those who pay.",
            ],
            silence: "During a campaign whose budget is known.",
        },
        ..kpi("WolkvoxCostAnomaly", Report::Cdr1, SKILL, Board::Cost, spent)
    }
}

fn csat(options: &Options) -> Alert {
    let thresholds = &options.thresholds;
    let (top, all) =
        (counted(QUESTION, ANSWERS_SATISFIED, Window::D1), counted(QUESTION, ANSWERS_SCALED, Window::D1));
    Alert {
        severity: Severity::Info,
        guards: vec![
            at_least(QUESTION, &all, thresholds.csat_answers),
            while_open(Window::M15),
            unless_revised(Report::Diagram4, Window::D1),
            unless_catching_up(options, ("WolkvoxCSATLow", QUESTION, &all), Report::Diagram4, Window::D1),
        ],
        hold_minutes: 30,
        summary: format!(
            "{}: {{{{ $value | humanizePercentage }}}} of about {} answers to {} were 4 or 5 over a day",
            skill(),
            looked_up(&all, QUESTION, "printf \"%.0f\""),
            value_of(Label::Question)
        ),
        description:
            "Share of the answers 4 and 5 among those from 1 to 5. Questions that were answered outside of \
                      this scale within the day are left out."
                .to_owned(),
        runbook: Runbook {
            meaning: "Over a day, fewer customers than wished gave one of the two best answers on a scale of five.",
            impact: "Customers are dissatisfied, or those who are answer more often than the others.",
            diagnosis: vec![
                (
                    "answers by value",
                    format!(
                        "sum by (operation, skill_id, question, answer) (increase({}[1d]))",
                        options.selector.all(&catalogue::SURVEY_ANSWERS)
                    ),
                ),
                (
                    "surveys by result",
                    format!(
                        "sum by (operation, skill_id, result) (increase({}[1d]))",
                        options.selector.all(&catalogue::SURVEY_RESPONSES)
                    ),
                ),
                (
                    "service level of the day, as a cause",
                    crate::dashboards::recording::Share::ServiceLevel.ratio(Window::D1),
                ),
            ],
            action: &[
                "Read a sample of the comments in Wolkvox Manager.",
                "See whether long waits of the same day explain it.",
            ],
            silence: "For questions where 4 and 5 are not the best answers.",
        },
        ..kpi(
            "WolkvoxCSATLow",
            Report::Diagram4,
            QUESTION,
            Board::Customers,
            format!("{} < {}", share(&top, &all), thresholds.csat),
        )
    }
}
