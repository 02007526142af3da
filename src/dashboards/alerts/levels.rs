//! Service level and abandonment at four horizons.
//!
//! A horizon compares a long window, which says that it matters, and a short one, which says that it still lasts.
//! The limit is times the budget, but never more than where half of the calls that need not be bad are: with a
//! target of 60 % three times the budget could never be reached. Significance keeps small numbers silent.

use super::{skill, unless_catching_up, while_open};
use crate::api::Report;
use crate::dashboards::recording::{SKILL, Share, inbound};
use crate::dashboards::rule::{Alert, Category, Hours, Runbook, Severity};
use crate::dashboards::thresholds::Thresholds;
use crate::dashboards::words::{Window, list, looked_up, value_of};
use crate::dashboards::{Board, Options};
use crate::metrics::{Label, catalogue};

/// One horizon of one share.
#[derive(Debug, Clone, Copy)]
pub struct Horizon {
    /// The alert.
    pub name: &'static str,
    /// Which share.
    pub share: Share,
    /// The window that says that it matters.
    pub long: Window,
    /// The window that says that it lasts.
    pub short: Window,
    /// Times the budget.
    pub burn: fn(&Thresholds) -> f64,
    /// Standard deviations.
    pub significance: fn(&Thresholds) -> f64,
    /// Fewest calls in the long window.
    pub calls: fn(&Thresholds) -> f64,
    /// How long it must hold, in minutes.
    pub hold_minutes: u32,
    /// How loud.
    pub severity: Severity,
}

macro_rules! horizon {
    ($name:literal, $share:ident, $long:ident, $short:ident, $burn:ident, $significance:ident, $calls:ident, $hold:literal, $severity:ident) => {
        Horizon {
            name: $name,
            share: Share::$share,
            long: Window::$long,
            short: Window::$short,
            burn: |t| t.$burn,
            significance: |t| t.$significance,
            calls: |t| t.$calls,
            hold_minutes: $hold,
            severity: Severity::$severity,
        }
    };
}

/// Both shares at all horizons.
#[rustfmt::skip]
pub const HORIZONS: [Horizon; 8] = [
    horizon!("WolkvoxServiceLevelIntervalMissed", ServiceLevel, M30, M15, service_level_interval_burn, significance, calls_hour, 5, Warning),
    horizon!("WolkvoxServiceLevelBurnFast", ServiceLevel, H1, M15, service_level_fast_burn, significance_strict, calls_hour, 5, Critical),
    horizon!("WolkvoxServiceLevelBurnSlow", ServiceLevel, H4, H1, service_level_slow_burn, significance_strict, calls_shift, 15, Warning),
    horizon!("WolkvoxServiceLevelDayMissed", ServiceLevel, D1, H4, service_level_day_burn, significance, calls_day, 30, Info),
    horizon!("WolkvoxAbandonIntervalHigh", Abandon, M30, M15, abandon_interval_burn, significance, calls_hour, 5, Warning),
    horizon!("WolkvoxAbandonBurnFast", Abandon, H1, M15, abandon_fast_burn, significance_strict, calls_hour, 5, Critical),
    horizon!("WolkvoxAbandonBurnSlow", Abandon, H4, H1, abandon_slow_burn, significance_strict, calls_shift, 15, Warning),
    horizon!("WolkvoxAbandonDayHigh", Abandon, D1, H4, abandon_day_burn, significance, calls_day, 30, Info),
];

pub(super) fn alerts(options: &Options) -> Vec<Alert> {
    HORIZONS.iter().map(|horizon| alert(horizon, options)).collect()
}

fn alert(horizon: &Horizon, options: &Options) -> Alert {
    let Horizon { share, long, short, .. } = *horizon;
    let thresholds = &options.thresholds;
    let on = list(share.by());
    let factor = (horizon.burn)(thresholds);
    let burning = |window| {
        let limit = format!("clamp_max({}, {factor})", share.ceiling());
        format!("and on ({on})\n({} > on ({on}) {limit})", share.burn(window))
    };
    let mut guards = Vec::new();
    // Significantly above the budget is above it: at once the budget the long window needs no limit of its own.
    if factor > 1.0 {
        guards.push(burning(long));
    }
    guards.push(burning(short));
    guards.push(format!(
        "and on ({on})\n({} > {})",
        share.significance(long),
        (horizon.significance)(thresholds)
    ));
    guards.push(format!("and on ({})\n({} >= {})", list(SKILL), inbound(long), (horizon.calls)(thresholds)));
    guards.push(while_open(short));
    guards.push(unless_catching_up(
        options,
        (horizon.name, share.by(), &share.budget()),
        Report::Skill6,
        long,
    ));
    let calls = looked_up(&inbound(long), SKILL, "printf \"%.0f\"");
    let percent = "{{ $value | humanizePercentage }}";
    let budget = looked_up(&share.budget(), share.by(), "humanizePercentage");
    let (summary, what) = match share {
        Share::ServiceLevel => (
            format!(
                "{}: {percent} of about {calls} calls answered within {} over {}, at most {budget} may be missed",
                skill(),
                value_of(Label::Within),
                long.words(),
            ),
            "calls that were not answered in time",
        ),
        Share::Abandon => (
            format!(
                "{}: {percent} of about {calls} calls abandoned over {}, at most {budget} may be",
                skill(),
                long.words(),
            ),
            "calls whose caller hung up before an agent answered",
        ),
    };
    let description = format!(
        "More than {factor} times the {what} that the target allows, over {} and still over the last {}, on enough \
         calls not to be chance.",
        long.words(),
        short.words()
    );
    Alert {
        name: horizon.name,
        severity: horizon.severity,
        category: Category::Kpi,
        report: Some(Report::Skill6),
        by: share.by().to_vec(),
        signal: share.ratio(long),
        guards,
        hold_minutes: horizon.hold_minutes,
        summary,
        description,
        board: Board::Skill,
        hours: Hours::Open,
        runbook: runbook(horizon, options),
    }
}

fn runbook(horizon: &Horizon, options: &Options) -> Runbook {
    let Horizon { share, long, .. } = *horizon;
    let line = |family| {
        let increase = format!("increase({}[{}])", options.selector.all(family), long.as_str());
        format!("topk(10, sum by (operation, skill_id, dnis) ({increase}))")
    };
    let (meaning, impact): (&str, &str) = match (share, horizon.severity) {
        (Share::ServiceLevel, Severity::Info) => (
            "Over the last day the skill has answered fewer calls in time than its target asks for, and still does.",
            "The contract or the internal goal is missed for the day. Nobody needs to be woken.",
        ),
        (Share::ServiceLevel, _) => (
            "The skill answers far fewer calls in time than its target asks for, and still does.",
            "Customers wait. Where waits grow, abandonment follows.",
        ),
        (Share::Abandon, Severity::Info) => (
            "Over the last day more callers hung up than the target allows, and they still do.",
            "The goal is missed for the day; those who hung up call again and add to the load.",
        ),
        (Share::Abandon, _) => (
            "Many more callers hang up before an agent answers than the target allows, and they still do.",
            "Customers are lost or call again, which adds to the load.",
        ),
    };
    let action: &[&str] = match horizon.severity {
        Severity::Critical => &[
            "See whether one line (DNIS) or all of the skill is affected.",
            "Move agents to the skill; end breaks and training; switch the callback or the overflow on.",
            "When nobody answers at all: see that agents are logged in and that the skill is routed to them.",
        ],
        Severity::Warning => &[
            "Compare the calls with the forecast and the agents with the plan.",
            "Move agents or breaks; tell the supervisor of the skill.",
        ],
        Severity::Info => &[
            "Report it to planning with the half hours that cost most.",
            "When it comes every day, the target or the staffing is wrong: change one of them.",
        ],
    };
    Runbook {
        meaning,
        impact,
        diagnosis: vec![
            ("the share at this horizon", share.ratio(long)),
            ("times the budget", share.burn(long)),
            ("standard deviations from the target", share.significance(long)),
            ("calls by line", line(&catalogue::INBOUND_CALLS)),
            ("abandoned calls by line", line(&catalogue::ABANDONED_CALLS)),
        ],
        action,
        silence: "For the skill, during a known outage or campaign. Not for good: change the target instead.",
    }
}
