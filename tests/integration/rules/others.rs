//! Callbacks, surveys, and everything about the exporter itself.

use wolkvox_exporter::dashboards::words::Part;
use wolkvox_exporter::metrics::{Family, catalogue};

use super::scenario::Phase::{Gap, Grow, Line, Reset, Stay};
use super::scenario::{Claim, Phase, Scenario, Shows};

/// Steps of every scenario here: half a day and more, five minutes each.
const ALL: usize = 200;
/// When what happens happens.
const ONSET: usize = 150;
const SKILL: &str = "operation=\"acme\",skill_id=\"101\"";
const SHOWN: [(&str, &str); 2] = [("operation", "acme"), ("skill_id", "101")];

fn always(value: f64) -> [Phase; 1] {
    [Stay(ALL, value)]
}

/// One value until the onset, another from it on.
fn turns(before: f64, after: f64) -> [Phase; 2] {
    [Stay(ONSET, before), Stay(ALL - ONSET, after)]
}

/// Not there before the onset.
fn appears(value: f64) -> [Phase; 2] {
    [Gap(ONSET), Stay(ALL - ONSET, value)]
}

fn open(scenario: Scenario, phases: &[Phase]) -> Scenario {
    scenario.with(&catalogue::BUSINESS_OPEN, SKILL, phases)
}

fn catching_up(scenario: Scenario, report: &str, phases: &[Phase]) -> Scenario {
    let labels = format!("operation=\"acme\",report=\"{report}\"");
    scenario.with(&catalogue::REPORT_CATCHING_UP, &labels, phases).with(
        &catalogue::LAST_SUCCESS,
        &labels,
        &[Line(ALL, 0.0, 300.0)],
    )
}

/// Counts of the report that were taken back, so many steps before the onset.
fn revised(scenario: Scenario, report: &str, before: usize) -> Scenario {
    let labels = format!("operation=\"acme\",report=\"{report}\",direction=\"down\"");
    let phases = [Stay(ONSET - before, 0.0), Stay(ALL - ONSET + before, 3.0)];
    scenario.with(&catalogue::REPORT_REVISIONS, &labels, &phases)
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = callbacks();
    all.extend(overdue());
    all.extend(csat());
    all.extend(reading());
    all.extend(token());
    all.extend(process());
    all.extend(growing());
    all.extend(ledger());
    all
}

/// What surrounds a share of something: the same situations for callbacks and surveys.
struct Shared {
    alert: &'static str,
    report: &'static str,
    /// Steps of the window.
    window: usize,
    hold: usize,
    labels: Vec<(&'static str, &'static str)>,
    summary: &'static str,
    /// Adds the counters: good of all, all in the window, and whether they start anew shortly before the onset.
    counters: fn(Scenario, f64, f64, bool) -> Scenario,
    /// A share that is too low, one that is just enough; enough of all, not enough of all.
    low: f64,
    fine: f64,
    enough: f64,
    few: f64,
}

impl Shared {
    fn scenarios(&self) -> Vec<Scenario> {
        let of = |shows, name: &str, share: f64, calls: f64, anew| {
            let scenario = Scenario::new(self.alert, shows, name);
            let per_step = calls / self.window as f64;
            (self.counters)(scenario, share * per_step, per_step, anew)
        };
        let low = |shows, name: &str| of(shows, name, self.low, self.enough, false);
        let late = |scenario| open(catching_up(scenario, self.report, &always(0.0)), &appears(1.0));
        let at = ONSET + self.hold;
        let within = ONSET - self.window / 2;
        let caught = [Stay(within, 1.0), Stay(ALL - within, 0.0)];
        // Older data may have been read before the window began.
        let before = if self.window < 100 {
            [Stay(ONSET - 2 * self.window, 1.0), Stay(ALL - ONSET + 2 * self.window, 0.0)]
        } else {
            [Stay(1, 0.0), Stay(ALL - 1, 0.0)]
        };
        let mut all = vec![
            open(catching_up(low(Shows::Fires, "fires"), self.report, &before), &appears(1.0)).fires_after(
                ONSET,
                self.hold,
                &self.labels,
                self.summary,
            ),
            late(of(Shows::Below, "just enough", self.fine, self.enough, false)).silent(at),
            late(of(Shows::Few, "too few to say", self.low, self.few, false)).silent(at),
            late(of(Shows::Night, "two at night, none good", 0.0, 2.0, false)).silent(at),
            late(of(Shows::Reset, "counters started anew", self.low, self.enough, true)).firing(at),
            open(catching_up(low(Shows::Closed, "closed"), self.report, &always(0.0)), &always(0.0))
                .silent(at),
            open(
                catching_up(low(Shows::Closed, "just opened"), self.report, &always(0.0)),
                &[Stay(ONSET - 1, 0.0), Stay(ALL - ONSET + 1, 1.0)],
            )
            .silent(ONSET),
            open(
                catching_up(low(Shows::Other, "open for half an hour"), self.report, &always(0.0)),
                &[Stay(at - 6, 0.0), Stay(ALL - at + 6, 1.0)],
            )
            .claim(Claim::Active(at)),
            open(catching_up(low(Shows::Other, "older data was read"), self.report, &caught), &always(1.0))
                .silent(ONSET),
            revised(late(low(Shows::Other, "counts were revised down early in the window")), self.report, {
                self.window - self.hold - 2
            })
            .silent(at),
            revised(late(low(Shows::Other, "counts of another report were revised down")), "cdr_1", 2)
                .firing(at),
        ];
        if self.window < 100 {
            let scenario = late(low(Shows::Other, "counts were revised down before the window"));
            all.push(revised(scenario, self.report, 2 * self.window).firing(at));
        }
        all
    }
}

fn growing_by(by: f64, anew: bool) -> Vec<Phase> {
    if anew { vec![Grow(ONSET - 10, by), Reset, Grow(ALL - ONSET + 10, by)] } else { vec![Grow(ALL, by)] }
}

fn callbacks() -> Vec<Scenario> {
    let success = Shared {
        alert: "WolkvoxCallbackSuccessLow",
        report: "diagram_3",
        window: 48,
        hold: 3,
        labels: SHOWN.to_vec(),
        summary: "acme / 101: 50% of about 30 finished callbacks reached the customer over 4 hours",
        counters: |scenario, good, all, anew| {
            let bad = (all - good) / 2.0;
            let by = [
                ("ok", good),
                ("fail", bad),
                ("no_user", bad),
                ("no", 5.0),
                ("stop_new", 5.0),
                ("unknown", 5.0),
            ];
            by.into_iter().fold(scenario, |scenario, (outcome, by)| {
                let labels = format!("{SKILL},outcome=\"{outcome}\"");
                scenario.with(&catalogue::CALLBACK_OUTCOMES, &labels, &growing_by(by, anew))
            })
        },
        low: 0.5,
        fine: 0.7,
        enough: 30.0,
        few: 15.0,
    };
    let speed = Shared {
        alert: "WolkvoxCallbackSlow",
        report: "diagram_3",
        window: 48,
        hold: 3,
        labels: SHOWN.to_vec(),
        summary: "acme / 101: 60% of about 15 callbacks came within 30 minutes over 4 hours",
        counters: |scenario, good, all, anew| {
            let bounds = [("1200", 0.0), ("1800", good), ("3600", all), ("+Inf", all)];
            let scenario = bounds.into_iter().fold(scenario, |scenario, (le, by)| {
                let labels = format!("{SKILL},le=\"{le}\"");
                scenario.with_part(&catalogue::CALLBACK_WAIT, Part::Bucket, &labels, &growing_by(by, anew))
            });
            scenario.with_part(&catalogue::CALLBACK_WAIT, Part::Count, SKILL, &growing_by(all, anew))
        },
        low: 0.6,
        fine: 0.9,
        enough: 15.0,
        few: 7.0,
    };
    [success, speed].iter().flat_map(Shared::scenarios).collect()
}

fn csat() -> Vec<Scenario> {
    let mut labels = SHOWN.to_vec();
    labels.push(("question", "q01"));
    let shared = Shared {
        alert: "WolkvoxCSATLow",
        report: "diagram_4",
        window: 120,
        hold: 6,
        labels,
        summary: "acme / 101: 60% of about 45 answers to q01 were 4 or 5 over a day",
        counters: |scenario, good, all, anew| {
            let bad = all - good;
            let by = [
                ("5", good * 0.75),
                ("4", good * 0.25),
                ("3", bad / 3.0),
                ("2", bad / 3.0),
                ("1", bad / 3.0),
            ];
            by.into_iter().fold(scenario, |scenario, (answer, by)| {
                let labels = format!("{SKILL},question=\"q01\",answer=\"{answer}\"");
                // All within the day before the onset; not quite still, lest rounding look like a counter that starts anew.
                let phases = if anew {
                    growing_by(by, anew)
                } else {
                    vec![Stay(ONSET - 120, 1000.0), Grow(120, by), Grow(ALL - ONSET, by * 1e-6)]
                };
                scenario.with(&catalogue::SURVEY_ANSWERS, &labels, &phases)
            })
        },
        low: 0.6,
        fine: 0.85,
        enough: 45.0,
        few: 25.0,
    };
    let mut all = shared.scenarios();
    // Low, but of ten: a 4 is no praise there.
    for (answer, by) in [("7", 0.1), ("0", 0.1), ("other", 0.1)] {
        let scenario = Scenario::new(shared.alert, Shows::Other, &format!("somebody answered {answer}"));
        let labels = format!("{SKILL},question=\"q01\",answer=\"{answer}\"");
        let scenario = (shared.counters)(scenario, 0.6 * 0.375, 0.375, false).with(
            &catalogue::SURVEY_ANSWERS,
            &labels,
            &[Grow(ALL, by)],
        );
        let scenario = open(catching_up(scenario, "diagram_4", &always(0.0)), &appears(1.0));
        all.push(scenario.silent(ONSET + shared.hold));
    }
    all
}

fn overdue() -> Vec<Scenario> {
    const ALERT: &str = "WolkvoxCallbackOverdue";
    let of = |shows, name: &str, waited_minutes: f64, phases: &[Phase], caught: usize| {
        let since = (ONSET as f64 * 5.0 - waited_minutes) * 60.0;
        let scenario = Scenario::new(ALERT, shows, name).with(
            &catalogue::CALLBACK_OLDEST_WAITING,
            SKILL,
            &always(since),
        );
        let caught = [Stay(caught, 1.0), Stay(ALL - caught, 0.0)];
        open(catching_up(scenario, "diagram_3", &caught), phases)
    };
    let early = ONSET - 60;
    // The last scrape that shows the customer was two hours ago; the exporter answers since, or it does not.
    let gone = |shows, name: &str, waited_minutes: f64, up: f64| {
        let mut scenario = of(shows, name, waited_minutes, &always(1.0), early);
        let report = "operation=\"acme\",report=\"diagram_3\"";
        for (family, labels, first, by) in [
            (&catalogue::CALLBACK_OLDEST_WAITING, SKILL, (ONSET as f64 * 5.0 - waited_minutes) * 60.0, 0.0),
            (&catalogue::LAST_SUCCESS, report, 0.0, 300.0),
        ] {
            let shown = family.name == catalogue::LAST_SUCCESS.name && up > 0.0;
            let last = if shown { ALL } else { ONSET - 24 };
            scenario.series.retain(|(series, _)| !series.contains(family.name));
            scenario = scenario.with(family, labels, &[Line(last, first, by), Gap(ALL - last)]);
        }
        let target = "job=\"wolkvox\",instance=\"exporter:10465\"";
        scenario.with_named("up", target, &[Stay(ONSET - 24, 1.0), Stay(ALL - ONSET + 24, up)])
    };
    let mut unread = of(Shows::Other, "nothing has been read for two hours", 180.0, &always(1.0), early);
    unread.series.retain(|(series, _)| !series.contains(catalogue::LAST_SUCCESS.name));
    let read = [Line(ONSET - 24, 0.0, 300.0), Stay(ALL - ONSET + 24, (ONSET - 25) as f64 * 300.0)];
    let unread = unread.with(&catalogue::LAST_SUCCESS, "operation=\"acme\",report=\"diagram_3\"", &read);
    let other = "job=\"wolkvox\",instance=\"other:10465\",operation=\"acme\"";
    vec![
        unread.silent(ONSET + 2),
        gone(Shows::Other, "the exporter does not answer", 300.0, 0.0).firing(ONSET + 2),
        gone(Shows::Below, "it did not answer before it was long", 180.0, 0.0).silent(ONSET + 2),
        gone(Shows::Below, "the exporter shows nobody who waits", 300.0, 1.0).silent(ONSET + 2),
        gone(Shows::Below, "another exporter shows nobody who waits", 300.0, 0.0)
            .with_named(catalogue::UP.name, other, &always(1.0))
            .with_named(
                catalogue::LAST_SUCCESS.name,
                &format!("{other},report=\"diagram_3\""),
                &[Line(ALL, 0.0, 300.0)],
            )
            .silent(ONSET + 2),
        of(Shows::Fires, "fires", 180.0, &appears(1.0), early).fires_after(
            ONSET,
            1,
            &SHOWN,
            "acme / 101: a customer has waited 3h 5m 0s for a callback",
        ),
        of(Shows::Below, "an hour and a half", 85.0, &appears(1.0), early).silent(ONSET + 1),
        of(Shows::Few, "just asked", 2.0, &appears(1.0), early).silent(ONSET + 1),
        of(
            Shows::Night,
            "asked before closing, just opened",
            700.0,
            &[Stay(ONSET - 12, 0.0), Stay(ALL - ONSET + 12, 1.0)],
            early,
        )
        .silent(ONSET),
        of(Shows::Closed, "closed", 180.0, &always(0.0), early).silent(ONSET + 1),
        of(
            Shows::Other,
            "open for three hours",
            200.0,
            &[Stay(ONSET - 36, 0.0), Stay(ALL - ONSET + 36, 1.0)],
            early,
        )
        .firing(ONSET + 1),
        of(Shows::Other, "older data was read", 180.0, &always(1.0), ONSET - 12).silent(ONSET),
    ]
}

/// Data that is stale, was never read, or is of the past.
fn reading() -> Vec<Scenario> {
    const REPORT: &str = "operation=\"acme\",report=\"cdr_1\"";
    let shown = [("operation", "acme"), ("report", "cdr_1")];
    let age = |shows, name: &str, report: &str, until: usize, interval: f64| {
        let labels = format!("operation=\"acme\",report=\"{report}\"");
        #[expect(clippy::cast_precision_loss, reason = "a few hundred steps")]
        let stuck = (until * 300) as f64;
        Scenario::new("WolkvoxDataStale", shows, name)
            .with(
                &catalogue::LAST_SUCCESS,
                &labels,
                &[Line(until + 1, 0.0, 300.0), Stay(ALL - until - 1, stuck)],
            )
            .with(&catalogue::REPORT_INTERVAL, &labels, &always(interval))
    };
    let mut all = vec![
        age(Shows::Fires, "fires", "cdr_1", ONSET - 4, 300.0).fires_after(
            ONSET,
            0,
            &shown,
            "acme / cdr_1: no successful reading for 4.0 planned intervals",
        ),
        age(Shows::Below, "two intervals", "cdr_1", ONSET - 2, 300.0).silent(ONSET),
        // Half an hour was planned until just now; five minutes are from now on.
        Scenario::new("WolkvoxDataStale", Shows::Other, "the quota day begins anew")
            .with(
                &catalogue::LAST_SUCCESS,
                REPORT,
                &[Line(ONSET - 4, 0.0, 300.0), Stay(ALL, (ONSET * 300 - 1500) as f64)],
            )
            .with(&catalogue::REPORT_INTERVAL, REPORT, &turns(1800.0, 300.0))
            .silent(ONSET)
            .firing(ONSET + 3),
        age(Shows::Below, "intervals stretched to the quota", "cdr_1", ONSET - 4, 600.0).silent(ONSET + 1),
        age(Shows::Other, "a helper call", "skills", ONSET - 20, 300.0).silent(ONSET),
    ];
    let read = |shows, name: &str, success: &[Phase]| {
        Scenario::new("WolkvoxReportNeverRead", shows, name)
            .with(&catalogue::REPORT_READS, REPORT, &appears(4.0))
            .with(&catalogue::LAST_SUCCESS, REPORT, success)
    };
    all.extend([
        read(Shows::Fires, "fires", &[Gap(ALL)]).fires_after(
            ONSET,
            3,
            &shown,
            "acme / cdr_1: never read with success, after 4 requests",
        ),
        read(Shows::Below, "read once", &[Gap(ONSET), Stay(ALL - ONSET, 300.0)]).silent(ONSET + 4),
    ]);
    let caught = |shows, name: &str, phases: &[Phase]| {
        catching_up(Scenario::new("WolkvoxCatchingUpLong", shows, name), "cdr_1", phases)
    };
    all.extend([
        caught(Shows::Fires, "fires", &[Stay(ONSET - 72, 0.0), Stay(ALL - ONSET + 72, 1.0)]).fires_after(
            ONSET,
            0,
            &shown,
            "acme / cdr_1: older data has been read for 6 hours and more",
        ),
        caught(
            Shows::Below,
            "was up to date between",
            &[Stay(ONSET - 36, 1.0), Stay(2, 0.0), Stay(ALL - ONSET + 34, 1.0)],
        )
        .silent(ONSET),
        caught(Shows::Other, "known for three hours", &[Gap(ONSET - 36), Stay(ALL - ONSET + 36, 1.0)])
            .silent(ONSET),
    ]);
    all
}

fn failures(scenario: Scenario, reason: &str, phases: &[Phase]) -> Scenario {
    let labels = format!("operation=\"acme\",report=\"cdr_1\",reason=\"{reason}\"");
    scenario.with(&catalogue::REPORT_READ_FAILURES, &labels, phases)
}

/// A counter that grows once, so many steps before the onset.
fn once(before: usize) -> [Phase; 2] {
    [Stay(ONSET - before, 0.0), Stay(ALL - ONSET + before, 1.0)]
}

/// The process started anew a little before the onset and failed again since.
fn anew() -> [Phase; 3] {
    [Stay(ONSET - 3, 9.0), Stay(2, 0.0), Stay(ALL - ONSET + 1, 2.0)]
}

/// What the API answers to the token.
fn token() -> Vec<Scenario> {
    const ACME: &str = "operation=\"acme\"";
    let shown = [("operation", "acme")];
    let mut all = Vec::new();
    for (alert, reason, hold, summary) in [
        ("WolkvoxAPIAuthFailing", "auth", 1, "acme: the API refuses the token"),
        ("WolkvoxAPIQuotaSpent", "quota", 0, "acme: the requests of the quota day are spent"),
    ] {
        let of = |shows, name: &str, reason: &str, phases: &[Phase], up: &[Phase]| {
            failures(Scenario::new(alert, shows, name), reason, phases).with(&catalogue::UP, ACME, up)
        };
        all.extend([
            of(Shows::Fires, "fires", reason, &once(0), &always(0.0))
                .fires_after(ONSET, hold, &shown, summary),
            of(Shows::Below, "reads again", reason, &once(0), &always(1.0)).silent(ONSET + 2),
            of(Shows::Below, "other reasons", "timeout", &once(0), &always(0.0)).silent(ONSET + 2),
            of(
                Shows::Below,
                "long ago",
                reason,
                &once(60),
                &[Stay(ONSET - 30, 1.0), Stay(ALL - ONSET + 30, 0.0)],
            )
            .silent(ONSET + 2),
            of(Shows::Reset, "the process started anew", reason, &anew(), &always(0.0)).firing(ONSET + 2),
        ]);
    }

    let errors = |shows, name: &str, reason: &str, failed: &[Phase], read: &[Phase]| {
        let report = "operation=\"acme\",report=\"cdr_1\"";
        failures(Scenario::new("WolkvoxAPIErrors", shows, name), reason, failed)
            .with(&catalogue::REPORT_READS, report, read)
            .with(&catalogue::LAST_SUCCESS, report, &always(300.0))
    };
    let begin = ONSET - 4;
    let from = |by: f64| [Gap(begin), Grow(ALL - begin, by)];
    all.extend([
        errors(Shows::Fires, "fires", "timeout", &from(0.8), &from(1.0)).fires_after(
            ONSET,
            3,
            &[("operation", "acme"), ("report", "cdr_1")],
            "acme / cdr_1: 80% of requests failed over 30 minutes",
        ),
        errors(Shows::Below, "less than half", "timeout", &[Grow(ALL, 1.6)], &[Grow(ALL, 4.0)])
            .silent(ONSET + 3),
        errors(Shows::Few, "few requests", "timeout", &[Grow(ALL, 0.4)], &[Grow(ALL, 0.5)]).silent(ONSET + 3),
        errors(Shows::Other, "the token is refused", "auth", &[Grow(ALL, 0.8)], &[Grow(ALL, 1.0)])
            .silent(ONSET + 3),
        errors(
            Shows::Below,
            "better again",
            "timeout",
            &[Grow(ONSET - 8, 1.9), Grow(ALL - ONSET + 8, 0.8)],
            &[Grow(ALL, 2.0)],
        )
        .silent(ONSET),
        errors(
            Shows::Reset,
            "the process started anew",
            "server",
            &[Grow(ONSET - 2, 0.8), Reset, Grow(ALL - ONSET + 2, 0.8)],
            &[Grow(ONSET - 2, 1.0), Reset, Grow(ALL - ONSET + 2, 1.0)],
        )
        .firing(ONSET + 3),
        errors(
            Shows::Other,
            "failing for half an hour only",
            "timeout",
            &[Grow(ONSET - 6, 0.0), Grow(ALL - ONSET + 6, 0.8)],
            &[Grow(ALL, 1.0)],
        )
        .claim(Claim::Active(ONSET)),
    ]);

    let quota = |shows, name: &str, forecast: &[Phase]| {
        Scenario::new("WolkvoxAPIQuotaForecast", shows, name)
            .with(&catalogue::TOKEN_REQUESTS_FORECAST, ACME, forecast)
            .with(&catalogue::TOKEN_REQUESTS_LIMIT, ACME, &always(1000.0))
    };
    all.extend([
        quota(Shows::Fires, "fires", &turns(900.0, 1200.0)).fires_after(
            ONSET,
            3,
            &shown,
            "acme: 1200 requests are expected by the end of the quota day, more than the limit",
        ),
        quota(Shows::Below, "just enough", &turns(900.0, 1000.0)).silent(ONSET + 3),
    ]);

    let shared = |shows, name: &str, phases: &[Phase]| {
        failures(Scenario::new("WolkvoxTokenShared", shows, name), "concurrency", phases)
    };
    all.extend([
        // The seventh refusal of the hour is the one.
        shared(Shows::Fires, "fires", &[Grow(ONSET - 6, 0.0), Grow(ALL - ONSET + 6, 0.45)]).fires_after(
            ONSET,
            0,
            &shown,
            "acme: about 3 requests were refused in an hour because somebody else uses the token",
        ),
        shared(Shows::Below, "now and then", &[Grow(ALL, 0.2)]).silent(ONSET),
        shared(
            Shows::Reset,
            "the process started anew",
            &[Grow(ONSET - 2, 0.4), Reset, Grow(ALL - ONSET + 2, 0.4)],
        )
        .firing(ONSET),
    ]);
    all
}

/// Whether the exporter is there.
fn process() -> Vec<Scenario> {
    const TARGET: &str = "job=\"wolkvox\",instance=\"exporter:10465\"";
    let shown = [("job", "wolkvox"), ("instance", "exporter:10465")];
    let up = |shows, name: &str, phases: &[Phase]| {
        Scenario::new("WolkvoxExporterDown", shows, name).with_named("up", TARGET, phases)
    };
    // Until the onset the exporter reads an operation; another may, all the time.
    let reads = |shows, name: &str, gone: usize, another: bool| {
        let target = format!("{TARGET},operation=\"acme\"");
        let scenario = up(shows, name, &turns(1.0, 0.0)).with_named(
            catalogue::UP.name,
            &target,
            &[Stay(gone, 1.0), Gap(ALL - gone)],
        );
        if !another {
            return scenario;
        }
        let other = "job=\"wolkvox\",instance=\"other:10465\"";
        let scenario = scenario.with_named("up", other, &always(1.0));
        scenario.with_named(catalogue::UP.name, &format!("{other},operation=\"acme\""), &always(0.0))
    };
    let mut of_acme = shown.to_vec();
    of_acme.push(("operation", "acme"));
    let absent = |shows, name: &str, phases: &[Phase]| {
        Scenario::new("WolkvoxExporterAbsent", shows, name).with(
            &catalogue::BUILD_INFO,
            "version=\"1\"",
            phases,
        )
    };
    let starts = |shows, name: &str, phases: &[Phase]| {
        Scenario::new("WolkvoxExporterRestarting", shows, name).with_named(
            "process_start_time_seconds",
            TARGET,
            phases,
        )
    };
    let reload = |shows, name: &str, phases: &[Phase]| {
        Scenario::new("WolkvoxConfigReloadFailed", shows, name).with(
            &catalogue::CONFIG_RELOAD_SUCCESSFUL,
            "",
            phases,
        )
    };
    // So many starts, that many steps apart, the last of them at the onset.
    let spaced = |count: usize, apart: usize| {
        let mut phases = vec![Stay(ONSET - apart * (count - 1), 0.0)];
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        phases.extend((1..count).map(|start| Stay(apart, start as f64)));
        phases.push(Stay(ALL - ONSET, 1e6));
        phases
    };
    vec![
        up(Shows::Fires, "fires", &turns(1.0, 0.0)).fires_after(
            ONSET,
            1,
            &shown,
            "exporter:10465: the exporter cannot be scraped",
        ),
        up(Shows::Below, "up", &always(1.0)).silent(ONSET),
        reads(Shows::Other, "says what is not read", ONSET - 1, false).fires_after(
            ONSET,
            1,
            &of_acme,
            "exporter:10465: the exporter cannot be scraped, acme is not read",
        ),
        reads(Shows::Other, "what was read hours ago", ONSET - 40, false).fires_after(
            ONSET,
            1,
            &of_acme,
            "exporter:10465: the exporter cannot be scraped, acme is not read",
        ),
        reads(Shows::Other, "another exporter reads the same", ONSET - 1, true).fires_after(
            ONSET,
            1,
            &shown,
            "exporter:10465: the exporter cannot be scraped",
        ),
        absent(Shows::Fires, "fires", &[Stay(ONSET - 1, 1.0), Gap(ALL - ONSET)]).fires_after(
            ONSET,
            2,
            &[("job", "wolkvox")],
            "no Wolkvox exporter is scraped",
        ),
        absent(Shows::Below, "there", &always(1.0)).silent(ONSET + 2),
        starts(Shows::Fires, "fires", &spaced(4, 2)).firing(ONSET),
        starts(Shows::Other, "says how often", &spaced(3, 2)).fires_after(
            ONSET,
            0,
            &shown,
            "exporter:10465: started 3 times in an hour",
        ),
        starts(Shows::Few, "started twice", &spaced(2, 2)).silent(ONSET),
        starts(Shows::Below, "now and then", &spaced(4, 10)).silent(ONSET),
        reload(Shows::Fires, "fires", &turns(1.0, 0.0)).fires_after(
            ONSET,
            1,
            &shown,
            "exporter:10465: the last reload of the configuration failed",
        ),
        reload(Shows::Below, "loaded", &always(1.0)).silent(ONSET),
    ]
}

/// Counters of trouble that should stand still.
fn growing() -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut of = |alert: &'static str,
                  family: &Family,
                  labels: &[(&'static str, &str)],
                  beside: &str,
                  summary: &str| {
        let text: Vec<_> = labels
            .iter()
            .filter(|(name, _)| !matches!(*name, "job" | "instance"))
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let text = format!("{}{beside}", text.join(","));
        let with = |shows, name: &str, phases: &[Phase]| {
            Scenario::new(alert, shows, name).with(family, &text, phases)
        };
        all.extend([
            with(Shows::Fires, "fires", &turns(0.0, 5.0)).fires_after(ONSET, 0, labels, summary),
            with(Shows::Below, "two hours ago", &[Stay(ONSET - 24, 0.0), Stay(ALL - ONSET + 24, 5.0)])
                .silent(ONSET),
            with(Shows::Reset, "the process started anew", &anew()).firing(ONSET),
        ]);
    };
    of(
        "WolkvoxFormatDrift",
        &catalogue::REPORT_VALUES_REJECTED,
        &[("operation", "acme"), ("report", "cdr_1"), ("field", "cost")],
        "",
        "acme / cdr_1: about 5 values of cost could not be read in an hour",
    );
    of(
        "WolkvoxReconstructionMismatch",
        &catalogue::RECONSTRUCTION_MISMATCHES,
        &[("operation", "acme"), ("check", "order")],
        "",
        "acme: check order failed about 5 times in an hour",
    );
    of(
        "WolkvoxCountsRevisedDown",
        &catalogue::REPORT_REVISIONS,
        &[("operation", "acme"), ("report", "skill_6")],
        ",direction=\"down\"",
        "acme / skill_6: about 5 counts were revised down in an hour",
    );
    of(
        "WolkvoxLabelValuesFolded",
        &catalogue::LABEL_VALUES_FOLDED,
        &[("operation", "acme"), ("label", "dnis")],
        "",
        "acme: about 5 values of label dnis were counted as other in an hour",
    );
    of(
        "WolkvoxLedgerErrors",
        &catalogue::LEDGER_ERRORS,
        &[("job", "wolkvox"), ("instance", "exporter:10465")],
        "",
        "exporter:10465: the ledger failed about 5 times in an hour",
    );
    // A ledger that cannot be opened is counted before the first scrape, so nothing is seen to grow.
    let born = |shows, name: &str, errors: &[Phase], minutes_before: usize| {
        const TARGET: &str = "job=\"wolkvox\",instance=\"exporter:10465\"";
        let started = (ONSET * 5 - minutes_before) as f64 * 60.0;
        Scenario::new("WolkvoxLedgerErrors", shows, name)
            .with(&catalogue::LEDGER_ERRORS, "", errors)
            .with_named("process_start_time_seconds", TARGET, &always(started))
    };
    all.extend([
        born(Shows::Other, "set aside at the start", &appears(1.0), 1).firing(ONSET),
        born(Shows::Other, "set aside at a start 45 minutes ago", &always(1.0), 45).firing(ONSET),
        born(Shows::Below, "set aside at a start 90 minutes ago", &always(1.0), 90).silent(ONSET),
        born(Shows::Below, "started and well", &always(0.0), 1).silent(ONSET),
    ]);
    let upward = Scenario::new("WolkvoxCountsRevisedDown", Shows::Other, "upward").with(
        &catalogue::REPORT_REVISIONS,
        "operation=\"acme\",report=\"skill_6\",direction=\"up\"",
        &turns(0.0, 5.0),
    );
    all.push(upward.silent(ONSET));
    all
}

/// What is owed, what differs, and how long writing takes.
fn ledger() -> Vec<Scenario> {
    const SLOW: &str = "WolkvoxLedgerSlow";
    let slow = |shows, name: &str, seconds: &[Phase], count: &[Phase]| {
        Scenario::new(SLOW, shows, name)
            .with_part(&catalogue::LEDGER_COMMIT_SECONDS, Part::Sum, "", seconds)
            .with_part(&catalogue::LEDGER_COMMIT_SECONDS, Part::Count, "", count)
    };
    // Counters of a series that is new: an hour of them is there when there are two samples.
    let late = |by: f64| [Gap(ONSET - 1), Grow(ALL - ONSET + 1, by)];
    let mut all = vec![
        slow(Shows::Fires, "fires", &late(3.0), &late(2.0)).fires_after(
            ONSET,
            3,
            &[("job", "wolkvox"), ("instance", "exporter:10465")],
            "exporter:10465: a durable write takes 1.5s on average",
        ),
        slow(Shows::Below, "just fast enough", &[Grow(ALL, 1.4)], &[Grow(ALL, 2.0)]).silent(ONSET + 3),
        slow(
            Shows::Below,
            "fast again",
            &[Grow(ONSET - 14, 20.0), Grow(ALL - ONSET + 14, 1.0)],
            &[Grow(ALL, 2.0)],
        )
        .silent(ONSET),
        slow(
            Shows::Other,
            "many writes earlier",
            &[Grow(ALL, 3.0)],
            &[Grow(ONSET - 14, 90.0), Grow(ALL - ONSET + 14, 2.0)],
        )
        .firing(ONSET + 3),
        slow(
            Shows::Reset,
            "the process started anew",
            &[Grow(ONSET - 2, 3.0), Reset, Grow(ALL - ONSET + 2, 3.0)],
            &[Grow(ONSET - 2, 2.0), Reset, Grow(ALL - ONSET + 2, 2.0)],
        )
        .firing(ONSET + 3),
    ];
    let audit = |shows, name: &str, difference: f64| {
        Scenario::new("WolkvoxAuditDifference", shows, name).with(
            &catalogue::AUDIT_DIFFERENCE,
            SKILL,
            &turns(0.0, difference),
        )
    };
    all.extend([
        audit(Shows::Fires, "fires", -8.0).fires_after(
            ONSET,
            6,
            &SHOWN,
            "acme / 101: two reports of the vendor differ by 8 calls today",
        ),
        audit(Shows::Below, "a few", 4.0).silent(ONSET + 6),
    ]);
    const REPORT: &str = "operation=\"acme\",report=\"cdr_1\"";
    let owed = |shows, name: &str, count: f64, caught: f64| {
        let scenario = Scenario::new("WolkvoxBucketsOwed", shows, name).with(
            &catalogue::REPORT_BUCKETS_OWED,
            REPORT,
            &turns(0.0, count),
        );
        catching_up(scenario, "cdr_1", &always(caught))
    };
    all.extend([
        owed(Shows::Fires, "fires", 2.0, 0.0).fires_after(
            ONSET,
            36,
            &[("operation", "acme"), ("report", "cdr_1")],
            "acme / cdr_1: 2 hours or days are past their settle time and not sealed",
        ),
        owed(Shows::Below, "none", 0.0, 0.0).silent(ONSET + 36),
        owed(Shows::Other, "older data is being read", 2.0, 1.0).silent(ONSET + 36),
    ]);
    all
}
