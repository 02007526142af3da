//! Alerts that compare with last week. They are fed with recorded series, since two weeks of scrapes take long.

use wolkvox_exporter::dashboards::recording::{
    self, IVR_MEAN, IVR_PASSED, LINE, OPERATION, SKILL, counted, inbound, moved, open, times_usual,
};
use wolkvox_exporter::dashboards::words::{Window, base, recorded as name};
use wolkvox_exporter::metrics::{Label, catalogue};

use super::scenario::Phase::{Gap, Stay};
use super::scenario::{Phase, Scenario, Shows};

/// Minutes between samples.
const MINUTES: usize = 15;
/// Samples between evaluations: two weeks have many, and every rule is evaluated at each.
const EVERY: usize = 7;
/// Minutes between evaluations.
pub(super) const EVALUATED: usize = MINUTES * EVERY;
const WEEK: usize = 7 * 24 * 60 / MINUTES;
const NOW: usize = 2 * WEEK;
/// How long each of the three stretches with samples is.
const STRETCH: usize = 30;
/// When what happens happens.
const ONSET: usize = NOW + 2 * EVERY;
/// The evaluation after that.
const LATER: usize = ONSET + EVERY;
const END: usize = NOW + STRETCH;
const SKILL_LABELS: &str = "operation=\"acme\",skill_id=\"101\"";

/// Values two weeks ago, one week ago, now until the onset, and then.
fn weeks(two: Option<f64>, one: Option<f64>, quiet: f64, then: f64) -> Vec<Phase> {
    let stretch = |value: Option<f64>| value.map_or(Gap(STRETCH), |value| Stay(STRETCH, value));
    let between = Gap(WEEK - STRETCH);
    vec![stretch(two), between, stretch(one), between, Stay(ONSET - NOW, quiet), Stay(END - ONSET, then)]
}

/// Closed until so many steps before the onset.
fn open_for(steps: usize) -> [Phase; 2] {
    [Stay(ONSET - steps, 0.0), Stay(END - ONSET + steps, 1.0)]
}

/// Open for so many steps at the onset; closed all the time when `None`.
fn open_or_closed(steps: Option<usize>) -> Vec<Phase> {
    steps.map_or_else(|| vec![Stay(END, 0.0)], |steps| open_for(steps).to_vec())
}

/// 1 for one step, so many steps before the onset.
fn once_before(steps: usize) -> [Phase; 3] {
    [Stay(ONSET - steps, 0.0), Stay(1, 1.0), Stay(END - ONSET + steps - 1, 0.0)]
}

fn catching_up(scenario: Scenario, report: &str, phases: &[Phase]) -> Scenario {
    let labels = format!("operation=\"acme\",report=\"{report}\"");
    scenario.with(&catalogue::REPORT_CATCHING_UP, &labels, phases)
}

const NEVER: [Phase; 1] = [Stay(END, 0.0)];

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = silence(
        "WolkvoxNoInboundCalls",
        SKILL,
        &inbound(Window::H1),
        SKILL_LABELS,
        &[("operation", "acme"), ("skill_id", "101")],
        "acme / 101: no call for an hour, about 25 in the same hour a week ago",
    );
    all.extend(silence(
        "WolkvoxLineSilent",
        LINE,
        &counted(LINE, base(&catalogue::INBOUND_CALLS), Window::H1),
        "operation=\"acme\",skill_id=\"101\",dnis=\"601\"",
        &[("operation", "acme"), ("skill_id", "101"), ("dnis", "601")],
        "acme / 101: line 601 has had no call for an hour, about 25 in the same hour a week ago",
    ));
    all.extend(surge());
    all.extend(cost());
    all.extend(ivr(
        "WolkvoxIVRShareShift",
        IVR_PASSED,
        "acme: calls offered to skills per IVR call changed by 80% against a week ago, over 4 hours",
    ));
    all.extend(ivr(
        "WolkvoxIVRTimeShift",
        IVR_MEAN,
        "acme: seconds in the IVR per call changed by 80% against a week ago, over 4 hours",
    ));
    for scenario in &mut all {
        scenario.minutes = MINUTES;
    }
    all
}

fn silence(
    alert: &'static str,
    by: &[Label],
    calls: &str,
    labels: &str,
    shown: &[(&'static str, &str)],
    summary: &str,
) -> Vec<Scenario> {
    let usual = recording::week_ago(by, base(&catalogue::INBOUND_CALLS), Window::H1);
    // Little was usual before the onset, so that it is known.
    let of = |shows, name: &str, before: Option<f64>, now: f64| {
        let before =
            before.map_or(vec![Gap(END)], |before| vec![Stay(ONSET, 5.0), Stay(END - ONSET, before)]);
        Scenario::every(alert, shows, name, EVERY)
            .with_named(calls, labels, &[Stay(END, now)])
            .with_named(&usual, labels, &before)
            .with_named(&moved(by), labels, &[Stay(ONSET, 3.0), Stay(END - ONSET, 0.0)])
    };
    let usual = |shows, name: &str| of(shows, name, Some(25.0), 0.0);
    let calm = |scenario: Scenario| {
        catching_up(scenario.with_named(&open(), SKILL_LABELS, &open_for(8)), "skill_6", &NEVER)
    };
    let mut revised = usual(Shows::Other, "counters wait for the truth, the vendor's own figure moves");
    revised.series.pop();
    let revised = revised.with_named(&moved(by), labels, &[Stay(END, 1.0)]);
    vec![
        catching_up(
            usual(Shows::Fires, "fires").with_named(&open(), SKILL_LABELS, &open_for(8)),
            "skill_6",
            &once_before(8),
        )
        .fires_after(ONSET, 1, shown, summary),
        calm(of(Shows::Below, "one call came", Some(25.0), 1.0)).silent(LATER),
        calm(of(Shows::Few, "few calls a week ago", Some(15.0), 0.0)).silent(LATER),
        calm(of(Shows::Night, "two calls a week ago", Some(2.0), 0.0)).silent(LATER),
        calm(of(Shows::Other, "not known a week ago", None, 0.0)).silent(LATER),
        calm(revised).silent(LATER),
        catching_up(
            usual(Shows::Closed, "closed").with_named(&open(), SKILL_LABELS, &[Stay(END, 0.0)]),
            "skill_6",
            &NEVER,
        )
        .silent(LATER),
        catching_up(
            usual(Shows::Closed, "just opened").with_named(&open(), SKILL_LABELS, &open_for(1)),
            "skill_6",
            &NEVER,
        )
        .silent(ONSET),
        catching_up(
            usual(Shows::Other, "older data was read").with_named(&open(), SKILL_LABELS, &open_for(8)),
            "skill_6",
            &once_before(2),
        )
        .silent(ONSET),
    ]
}

/// How often the greater of both weeks goes into now, which is recorded.
fn times(two: Option<f64>, one: Option<f64>, quiet: f64, then: f64) -> Vec<Phase> {
    let usual = [two, one].into_iter().flatten().reduce(f64::max);
    usual.map_or(vec![Gap(END)], |usual| {
        let usual = usual.max(1e-3);
        vec![Stay(ONSET, quiet / usual), Stay(END - ONSET, then / usual)]
    })
}

fn surge() -> Vec<Scenario> {
    let of = |shows, name: &str, two, one, now: f64, open_steps, caught| {
        let scenario = Scenario::every("WolkvoxTrafficSurge", shows, name, EVERY)
            .with_named(&inbound(Window::M30), SKILL_LABELS, &weeks(two, one, 20.0, now))
            .with_named(
                &times_usual(base(&catalogue::INBOUND_CALLS), Window::M30),
                SKILL_LABELS,
                &times(two, one, 5.0, now),
            )
            .with_named(&open(), SKILL_LABELS, &open_or_closed(open_steps));
        catching_up(scenario, "skill_6", &once_before(caught))
    };
    let labels = [("operation", "acme"), ("skill_id", "101")];
    vec![
        of(Shows::Fires, "fires", Some(40.0), Some(45.0), 95.0, Some(2), 8).fires_after(
            ONSET,
            1,
            &labels,
            "acme / 101: about 95 calls in 30 minutes, 45 a week ago",
        ),
        of(Shows::Below, "more, but not twice", Some(60.0), Some(60.0), 100.0, Some(16), 40).silent(LATER),
        of(Shows::Below, "as two weeks ago", Some(60.0), Some(40.0), 100.0, Some(16), 40).silent(LATER),
        of(Shows::Below, "as a week ago", Some(40.0), Some(60.0), 100.0, Some(16), 40).silent(LATER),
        of(Shows::Other, "one week of history", None, Some(40.0), 95.0, Some(16), 40).firing(LATER),
        of(Shows::Other, "no data a week ago", Some(40.0), None, 95.0, Some(16), 40).firing(LATER),
        of(Shows::Few, "few calls", Some(10.0), Some(10.0), 40.0, Some(16), 40).silent(LATER),
        of(Shows::Night, "five calls at night", Some(1.0), Some(1.0), 5.0, Some(16), 40).silent(LATER),
        of(Shows::Closed, "closed", Some(40.0), Some(45.0), 95.0, None, 40).silent(ONSET),
        of(Shows::Other, "older data was read", Some(40.0), Some(45.0), 95.0, Some(16), 1).silent(ONSET),
    ]
}

fn cost() -> Vec<Scenario> {
    let of = |shows, name: &str, two, one, now: f64, calls: f64, caught| {
        let spent = counted(SKILL, base(&catalogue::CDR_COST), Window::H1);
        let connected = counted(SKILL, base(&catalogue::CDR_CALLS), Window::H1);
        let scenario = Scenario::every("WolkvoxCostAnomaly", shows, name, EVERY)
            .with_named(&spent, SKILL_LABELS, &weeks(two, one, 20.0, now))
            .with_named(
                &times_usual(base(&catalogue::CDR_COST), Window::H1),
                SKILL_LABELS,
                &times(two, one, 0.0, now),
            )
            .with_named(&connected, SKILL_LABELS, &weeks(None, None, calls, calls))
            .with_named(&open(), SKILL_LABELS, &[Stay(END, 0.0)]);
        catching_up(scenario, "cdr_1", &once_before(caught))
    };
    let labels = [("operation", "acme"), ("skill_id", "101")];
    vec![
        of(Shows::Fires, "fires", Some(1800.0), Some(2000.0), 5000.0, 30.0, 8).fires_after(
            ONSET,
            1,
            &labels,
            "acme / 101: connected calls cost 5000 in an hour, 2000 a week ago",
        ),
        of(Shows::Below, "more, but not twice", Some(1800.0), Some(2000.0), 3500.0, 30.0, 20).silent(LATER),
        of(Shows::Below, "as two weeks ago", Some(3000.0), Some(2000.0), 5000.0, 30.0, 20).silent(LATER),
        of(Shows::Below, "as a week ago", Some(2000.0), Some(3000.0), 5000.0, 30.0, 20).silent(LATER),
        of(Shows::Other, "one week of history", None, Some(2000.0), 5000.0, 30.0, 20).firing(LATER),
        of(Shows::Other, "no data a week ago", Some(2000.0), None, 5000.0, 30.0, 20).firing(LATER),
        of(Shows::Other, "never seen before", None, None, 5000.0, 30.0, 20).silent(LATER),
        of(Shows::Few, "few calls", Some(1800.0), Some(2000.0), 5000.0, 15.0, 20).silent(LATER),
        of(Shows::Night, "three calls at night", Some(0.0), Some(0.0), 500.0, 3.0, 20).silent(LATER),
        of(Shows::Closed, "closed, and nothing in other weeks", Some(0.0), Some(0.0), 5000.0, 30.0, 20)
            .firing(LATER),
        of(Shows::Other, "older data was read", Some(1800.0), Some(2000.0), 5000.0, 30.0, 2).silent(ONSET),
    ]
}

/// What the recorded change is, for the whole operation.
struct Ivr {
    change: f64,
    calls: (f64, f64),
    open_steps: usize,
    caught: (usize, usize),
}

fn ivr(alert: &'static str, metric: &str, summary: &str) -> Vec<Scenario> {
    let usual = || Ivr { change: 0.8, calls: (70.0, 70.0), open_steps: 32, caught: (40, 40) };
    let change = name(OPERATION, metric, "change1w");
    let calls = counted(OPERATION, base(&catalogue::IVR_CALLS), Window::H4);
    let before = recording::week_ago(OPERATION, base(&catalogue::IVR_CALLS), Window::H4);
    let of = |shows, name: &str, ivr: Ivr| {
        let acme = "operation=\"acme\"";
        let scenario = Scenario::every(alert, shows, name, EVERY)
            .with_named(&change, acme, &weeks(None, None, 0.1, ivr.change))
            .with_named(&calls, acme, &[Stay(END, ivr.calls.1)])
            .with_named(&before, acme, &[Stay(END, ivr.calls.0)])
            .with_named(&open(), SKILL_LABELS, &open_for(ivr.open_steps))
            .with_named(&open(), "operation=\"acme\",skill_id=\"102\"", &[Stay(END, 0.0)]);
        let scenario = catching_up(scenario, "diagram_1_2", &once_before(ivr.caught.0));
        catching_up(scenario, "skill_6", &once_before(ivr.caught.1))
    };
    let mut all = vec![
        of(Shows::Fires, "fires", usual()).fires_after(ONSET, 1, &[("operation", "acme")], summary),
        of(Shows::Other, "fewer", Ivr { change: -0.8, ..usual() }).firing(LATER),
        of(Shows::Below, "more, but not by half", Ivr { change: 0.4, ..usual() }).silent(LATER),
        of(Shows::Few, "few calls", Ivr { calls: (70.0, 40.0), ..usual() }).silent(LATER),
        of(Shows::Few, "few calls a week ago", Ivr { calls: (40.0, 70.0), ..usual() }).silent(LATER),
        of(Shows::Night, "three calls at night", Ivr { calls: (3.0, 3.0), ..usual() }).silent(LATER),
        of(Shows::Closed, "every skill closed", Ivr { open_steps: 0, ..usual() }).silent(ONSET),
        of(Shows::Closed, "just opened", Ivr { open_steps: 8, ..usual() }).silent(ONSET),
        of(Shows::Other, "older data was read", Ivr { caught: (8, 40), ..usual() }).silent(ONSET),
    ];
    let of_skills = of(Shows::Other, "older data of skills was read", Ivr { caught: (40, 8), ..usual() });
    // The time in the IVR has nothing to do with skills.
    all.push(if metric == IVR_PASSED { of_skills.silent(ONSET) } else { of_skills.firing(LATER) });
    all
}
