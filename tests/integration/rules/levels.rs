//! Service level and abandonment: every horizon in every situation that it must tell apart.
//!
//! Numbers are derived from the horizon, so that each firing scenario is less than twice, and each silent one more than
//! half of what its threshold asks: a threshold that is doubled or halved is noticed.

use wolkvox_exporter::dashboards::alerts::{HORIZONS, Horizon};
use wolkvox_exporter::dashboards::recording::Share;
use wolkvox_exporter::dashboards::thresholds::Thresholds;
use wolkvox_exporter::dashboards::words::{Part, Window};
use wolkvox_exporter::metrics::catalogue;

use super::scenario::Phase::{Grow, Line, Reset, Stay};
use super::scenario::{Claim, Phase, Scenario, Shows};

const MINUTES: usize = 5;
/// Steps before the long window.
const BEFORE: usize = 48;
/// Steps after the onset.
const AFTER: usize = 8;

fn steps(window: Window) -> usize {
    window.duration().as_secs() as usize / 60 / MINUTES
}

/// Everything that a scenario may vary.
struct Centre<'a> {
    horizon: &'a Horizon,
    skill: &'static str,
    target: f64,
    /// Steps without a target, at the beginning.
    no_target: usize,
    /// Steps, calls of each, and their bad share.
    calls: Vec<(usize, f64, f64)>,
    /// Whether counters start anew, after so many steps.
    reset: Option<usize>,
    open: Option<Vec<Phase>>,
    catching_up: Vec<Phase>,
    revised: Vec<Phase>,
}

impl<'a> Centre<'a> {
    fn of(horizon: &'a Horizon) -> Centre<'a> {
        let all = BEFORE + steps(horizon.long) + AFTER + 1;
        let target = match horizon.share {
            Share::ServiceLevel => 0.9,
            Share::Abandon => 0.05,
        };
        Centre {
            horizon,
            skill: "101",
            target,
            no_target: 0,
            calls: Vec::new(),
            reset: None,
            open: Some(vec![Stay(all, 1.0)]),
            catching_up: vec![Stay(all, 0.0)],
            revised: vec![Stay(all, 0.0)],
        }
    }

    fn all(&self) -> usize {
        BEFORE + steps(self.horizon.long) + AFTER + 1
    }

    /// The step at which the long window holds nothing of the time before.
    fn onset(&self) -> usize {
        BEFORE + steps(self.horizon.long)
    }

    fn budget(&self) -> f64 {
        match self.horizon.share {
            Share::ServiceLevel => 1.0 - self.target,
            Share::Abandon => self.target,
        }
    }

    fn factor(&self) -> f64 {
        (self.horizon.burn)(&Thresholds::default())
    }

    /// The bad share of a clear case, less than twice the limit.
    fn bad(&self) -> f64 {
        (if self.factor() > 1.0 { 1.15 } else { 1.5 }) * self.factor() * self.budget()
    }

    /// Calls in the long window that make the clear case so many times as significant as asked.
    fn calls_for(&self, times: f64) -> f64 {
        let z = times * (self.horizon.significance)(&Thresholds::default());
        let (burn, budget) = (self.bad() / self.budget(), self.budget());
        (z / (burn - 1.0)).powi(2) * (1.0 - budget) / budget
    }

    fn least(&self) -> f64 {
        (self.horizon.calls)(&Thresholds::default())
    }

    fn per_step(&self, calls: f64) -> f64 {
        calls / steps(self.horizon.long) as f64
    }

    /// The same all the time.
    fn steady(mut self, calls: f64, bad: f64) -> Self {
        self.calls = vec![(self.all(), self.per_step(calls), bad)];
        self
    }

    fn scenario(self, shows: Shows, name: &str) -> Scenario {
        let mut scenario = Scenario::new(self.horizon.name, shows, name);
        let operation = format!("operation=\"acme\",skill_id=\"{}\"", self.skill);
        let phases = |of: &dyn Fn(f64, f64) -> f64| {
            let mut phases = Vec::new();
            let mut left = self.reset;
            for (count, calls, bad) in &self.calls {
                match left {
                    Some(at) if at < *count => {
                        phases.extend([
                            Grow(at, of(*calls, *bad)),
                            Reset,
                            Grow(count - at, of(*calls, *bad)),
                        ]);
                        left = None;
                    }
                    _ => {
                        phases.push(Grow(*count, of(*calls, *bad)));
                        left = left.map(|at| at - count);
                    }
                }
            }
            phases
        };
        // Two lines share the calls: ratios are of the skill.
        for (dnis, part) in [("601", 0.75), ("018000", 0.25)] {
            let labels = format!("{operation},dnis=\"{dnis}\"");
            scenario = scenario.with(&catalogue::INBOUND_CALLS, &labels, &phases(&|calls, _| part * calls));
            let lost = matches!(self.horizon.share, Share::Abandon);
            scenario = scenario.with(
                &catalogue::ABANDONED_CALLS,
                &labels,
                &phases(&|calls, bad| if lost { part * calls * bad } else { 0.0 }),
            );
            for (le, answered) in [("10", 0.0), ("20", 1.0), ("30", 2.0)] {
                let labels = format!("{labels},le=\"{le}\"");
                let share =
                    |bad: f64| if answered == 1.0 && !lost { 1.0 - bad } else { f64::min(answered, 1.0) };
                scenario = scenario.with_part(
                    &catalogue::ANSWER_WAIT,
                    Part::Bucket,
                    &labels,
                    &phases(&|calls, bad| part * calls * share(bad)),
                );
            }
        }
        // Another tenant has a skill of the same number, and no trouble.
        let other = format!("operation=\"beta\",skill_id=\"{}\"", self.skill);
        let calm = [Grow(self.all(), 100.0)];
        scenario = scenario
            .with(&catalogue::INBOUND_CALLS, &format!("{other},dnis=\"601\""), &calm)
            .with_part(
                &catalogue::ANSWER_WAIT,
                Part::Bucket,
                &format!("{other},dnis=\"601\",le=\"20\""),
                &calm,
            )
            .with(&catalogue::ABANDONED_CALLS, &format!("{other},dnis=\"601\""), &[Stay(self.all(), 5.0)])
            .with(&catalogue::BUSINESS_OPEN, &other, &[Stay(self.all(), 1.0)]);
        let targets = [Phase::Gap(self.no_target), Stay(self.all() - self.no_target, self.target)];
        for of in [&operation, &other] {
            scenario = match self.horizon.share {
                Share::ServiceLevel => {
                    scenario.with(&catalogue::SERVICE_LEVEL_TARGET, &format!("{of},within=\"20s\""), &targets)
                }
                Share::Abandon => scenario.with(&catalogue::ABANDON_TARGET, of, &targets),
            };
        }
        if let Some(open) = &self.open {
            scenario = scenario.with(&catalogue::BUSINESS_OPEN, &operation, open);
        }
        for of in ["acme", "beta"] {
            let report = format!("operation=\"{of}\",report=\"skill_6\"");
            scenario = scenario.with(&catalogue::LAST_SUCCESS, &report, &[Line(self.all(), 0.0, 300.0)]);
        }
        let report = "operation=\"acme\",report=\"skill_6\"";
        scenario
            .with(&catalogue::REPORT_CATCHING_UP, report, &self.catching_up)
            .with(&catalogue::REPORT_REVISIONS, &format!("{report},direction=\"down\""), &self.revised)
            .with(
                &catalogue::REPORT_REVISIONS,
                &format!("{report},direction=\"up\""),
                &[Grow(self.all(), 3.0)],
            )
    }
}

/// Every situation of every horizon.
pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<_> = HORIZONS.iter().flat_map(of_horizon).collect();
    let fast = |share| HORIZONS.iter().find(|horizon| horizon.share == share && horizon.long == Window::H1);
    for horizon in [Share::ServiceLevel, Share::Abandon].into_iter().filter_map(fast) {
        let mut centre = Centre::of(horizon);
        (centre.skill, centre.open) = ("all", None);
        let (calls, bad, onset) = (centre.calls_for(1.4), centre.bad(), centre.onset());
        let scenario =
            centre.steady(calls, bad).scenario(Shows::Other, "all skills in one, without opening hours");
        all.push(scenario.firing(onset + 3));
    }
    all
}

fn of_horizon(horizon: &Horizon) -> Vec<Scenario> {
    let centre = || Centre::of(horizon);
    let (long, short) = (steps(horizon.long), steps(horizon.short));
    let hold = horizon.hold_minutes as usize / MINUTES;
    let (clear, onset, bad) = (centre().calls_for(1.4).ceil(), centre().onset(), centre().bad());
    let limit = centre().factor() * centre().budget();
    let last = onset + hold;
    let mut out = vec![fires(horizon)];

    if centre().factor() > 1.0 {
        let mut of = centre();
        let high = 1.2 * limit;
        let low = (0.75 * long as f64 - 1.2 * short as f64) * limit / (long - short) as f64;
        of.calls = vec![(onset - short + 1, 100.0, low), (short + AFTER, 100.0, high)];
        out.push(of.scenario(Shows::Below, "bad for a short time only").silent(onset));
    }
    let mut of = centre();
    of.calls = vec![(onset - short + 1, 100.0, 1.6 * limit), (short + AFTER, 100.0, 0.75 * limit)];
    out.push(of.scenario(Shows::Below, "better again").silent(onset));

    let of = centre();
    let few = of.calls_for(0.9);
    assert!(few >= of.least(), "{}: the fewest calls would keep it silent, not chance", horizon.name);
    out.push(of.steady(few, bad).scenario(Shows::Few, "may be chance").silent(last));

    let tight = || {
        let mut of = centre();
        of.target = if horizon.share == Share::ServiceLevel { 0.99 } else { 0.01 };
        of
    };
    let least = centre().least();
    out.push(
        tight().steady(0.75 * least, 1.0).scenario(Shows::Few, "a tight target and few calls").silent(last),
    );
    out.push(
        tight()
            .steady(1.3 * least, 1.0)
            .scenario(Shows::Other, "a tight target and enough calls")
            .firing(last),
    );
    out.push(centre().steady(3.0, 1.0).scenario(Shows::Night, "three calls at night, all bad").silent(last));

    let mut of = centre().steady(10.0 * clear, bad);
    of.open = Some(vec![Stay(of.all(), 0.0)]);
    out.push(of.scenario(Shows::Closed, "closed").silent(last));

    let mut of = centre().steady(10.0 * clear, bad);
    let fresh = short * 2 / 3;
    of.open = Some(vec![Stay(onset - fresh + 1, 0.0), Stay(fresh + AFTER, 1.0)]);
    out.push(of.scenario(Shows::Closed, "just opened").silent(onset));

    let mut of = centre().steady(10.0 * clear, bad);
    let early = onset - long + 2;
    of.catching_up = vec![Stay(early, 1.0), Stay(of.all() - early, 0.0)];
    out.push(of.scenario(Shows::Other, "older data was read within the window").silent(onset));

    let mut of = centre().steady(10.0 * clear, bad);
    of.revised = vec![Stay(early, 0.0), Stay(of.all() - early, 2.0)];
    out.push(of.scenario(Shows::Other, "counts were revised down within the window").silent(onset));

    let mut of = centre().steady(clear, bad);
    of.reset = Some(onset - short / 2 - 1);
    out.push(of.scenario(Shows::Reset, "counters started anew").firing(last));
    out
}

/// Good before the window; a target only when all else is given, so that the onset is known.
fn fires(horizon: &Horizon) -> Scenario {
    let mut of = Centre::of(horizon);
    let (long, short, onset, bad) = (steps(horizon.long), steps(horizon.short), of.onset(), of.bad());
    let calls = of.calls_for(1.4).ceil();
    let step = of.per_step(calls);
    // Over a day it grows worse, so that the last hours tell another story than the day.
    let worse = if horizon.long == Window::D1 { 1.1 } else { 1.0 };
    let half = long / 2;
    of.calls = vec![
        (onset - long + 1, step, 0.0),
        (half, step, bad * (2.0 - worse)),
        (long - half + AFTER, step, bad * worse),
    ];
    of.no_target = onset;
    of.open = Some(vec![Stay(onset - 2 * short, 0.0), Stay(2 * short + AFTER + 1, 1.0)]);
    of.catching_up = vec![Stay(onset - long, 1.0), Stay(long + AFTER + 1, 0.0)];
    of.revised = vec![Stay(onset - long, 0.0), Stay(long + AFTER + 1, 4.0)];
    let hold = horizon.hold_minutes as usize / MINUTES;
    // By the time it fires, the first steps of the window have been left behind.
    let bad = bad * (1.0 + 2.0 * (worse - 1.0) * hold as f64 / long as f64);
    let window = horizon.long.words();
    let skill = of.skill;
    let (labels, summary) = match horizon.share {
        Share::ServiceLevel => (
            vec![("operation", "acme"), ("skill_id", skill), ("within", "20s")],
            format!(
                "acme / 101: {} of about {calls} calls answered within 20s over {window}, at most 10% may be missed",
                percent(1.0 - bad)
            ),
        ),
        Share::Abandon => (
            vec![("operation", "acme"), ("skill_id", skill)],
            format!(
                "acme / 101: {} of about {calls} calls abandoned over {window}, at most 5% may be",
                percent(bad)
            ),
        ),
    };
    let scenario = of.scenario(Shows::Fires, "fires").fires_after(onset, hold, &labels, &summary);
    // Nothing is said of the tenant next door.
    assert!(
        scenario.claims.iter().any(|claim| matches!(claim, Claim::Fires(_, alerts) if alerts.len() == 1))
    );
    scenario
}

/// Four significant digits, as Prometheus writes percentages.
fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = if value >= 10.0 { 2 } else { 3 };
    let text = format!("{value:.decimals$}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
