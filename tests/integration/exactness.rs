//! Days of a simulated centre at high speed, judged by its own truth: after sealing, the sealed sums of every report
//! equal it exactly, and every counter equals that sum or the highest it has shown.

mod bench;
mod sums;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use bench::{Bench, OPERATION, Plan};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use wolkvox_exporter::api::Report;
use wolkvox_exporter::metrics::Label;
use wolkvox_exporter::simulator::{Call, Lateness, Settings, Traffic};
use wolkvox_exporter::time::civil::{self, date};
use wolkvox_exporter::time::{Bucket, SignedDuration, Timestamp};

/// A centre that opens on a Monday of its own time, small enough to live through in seconds.
fn centre(seed: u64, first: civil::Date) -> Settings {
    Settings {
        seed,
        start: Some(first),
        traffic: Traffic { calls_per_day: 500.0, skills: 3, ..Traffic::default() },
        ..Settings::default()
    }
}

/// All five reports, agents included, read often enough to see rows come and go.
fn keys(interval: &str) -> String {
    format!(
        "    reports:
      skill_6: {{ interval: {interval} }}
      diagram_1_2: {{ interval: {interval} }}
      diagram_3: {{ interval: {interval} }}
      cdr_1: {{ interval: {interval}, agents: true }}
      diagram_4: {{ interval: {interval} }}"
    )
}

/// One report alone.
fn only(report: &str, settings: &str) -> String {
    let codes = ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"];
    let line = |code: &&str| {
        if *code == report {
            format!("\n      {code}: {{ {settings} }}")
        } else {
            format!("\n      {code}: off")
        }
    };
    format!("    reports:{}", codes.iter().map(line).collect::<String>())
}

#[test]
fn in_quiet_weather_every_sum_is_the_truth_and_every_counter_its_sum() {
    let first = date(2026, 4, 6);
    let mut centre = centre(11, first);
    centre.traffic = Traffic { lateness: Lateness::None, withdrawn_share: 0.0, ..centre.traffic };
    let begins = date(2026, 4, 5).at(22, 0, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: keys("30m") });
    bench.run_to(date(2026, 4, 9).at(14, 0, 0, 0));
    bench.judge(date(2026, 4, 8));
    assert!(bench.failures().is_empty(), "{:?}", bench.failures());
    assert_eq!(bench.simulator.most_simultaneous(0), 1);
    let whole = bench.whole();
    assert_eq!(bench.watch.waiting(&whole), 0, "nothing was withdrawn, so no counter waits");
    // The judge knows every family that counts, and each of them has counted.
    let judged: BTreeSet<&str> = bench.sealed_truth().into_keys().map(|(family, _)| family).collect();
    let all: BTreeSet<&str> = sums::families().map(|family| family.name).collect();
    assert_eq!(judged, all);
    // What is not sealed yet counts too: each row that the last reading can have seen, once.
    let history = bench.history();
    let counted = |family: &str| -> i64 {
        whole.iter().filter(|((name, _), _)| *name == family).map(|(_, values)| values[0]).sum()
    };
    for (report, family) in
        [(Report::Diagram3, "wolkvox_callback_offers_total"), (Report::Cdr1, "wolkvox_cdr_calls_total")]
    {
        let read = history.reports[&report].last_success.unwrap();
        let seen = |visible: Option<_>| visible.is_some_and(|visible| visible <= read);
        let visible = bench.calls(report).into_iter().filter(|call| seen(call.visible)).count();
        assert_eq!(counted(family), visible as i64, "{report}");
    }
}

#[test]
fn a_skill_that_opens_counts_before_a_list_names_it() {
    let first = date(2026, 4, 6);
    let mut centre = centre(13, first);
    centre.traffic.skills = 4;
    centre.last_skill_opens = Some(date(2026, 4, 7));
    // The list is asked once a day, after the noon at which the exporter begins.
    let begins = first.at(13, 0, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: keys("30m") });
    let inbound = |bench: &mut Bench| {
        let counted = |((family, labels), values): (&(&str, String), &Vec<i64>)| {
            (*family == "wolkvox_inbound_calls_total" && labels.contains("skill_id=\"104\""))
                .then_some(values[0])
        };
        bench.whole().iter().filter_map(counted).sum::<i64>()
    };
    bench.run_to(date(2026, 4, 7).at(0, 5, 0, 0));
    assert_eq!(inbound(&mut bench), 0);
    bench.run_to(date(2026, 4, 7).at(11, 0, 0, 0));
    assert!(inbound(&mut bench) > 5, "not counted before the list of the day");
    assert!(bench.failures().is_empty(), "{:?}", bench.failures());
}

#[test]
fn in_bad_weather_nothing_is_lost_and_nothing_doubled() {
    let first = date(2026, 4, 6);
    let mut centre = centre(12, first);
    centre.traffic = Traffic { lateness: Lateness::Heavy, withdrawn_share: 0.05, ..centre.traffic };
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let settle = "diagram_3: { interval: 30m, settle: 14h }";
    let keys = keys("30m").replace("diagram_3: { interval: 30m }", settle);
    let mut bench = Bench::new(Plan { centre, begins, keys });
    bench.control(&json!({
        "gzip": true,
        "chunked": true,
        "order": "shuffled",
        "total_row": "total",
        "shared_bounds": true,
        "maintenance_hours": "02:10-02:50",
        "reports": {
            "cdr_1": { "duplicates": 0.03 },
            "diagram_3": { "duplicates": 0.03, "odd_statuses": 0.02 },
            "diagram_4": { "duplicates": 0.03, "odd_answers": 0.05 },
        },
        "faults": [
            { "probability": 0.03, "status": 500 },
            { "probability": 0.02, "status": 403, "message": "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS" },
            { "probability": 0.02, "status": 503, "html": true },
            { "probability": 0.02, "status": 504 },
            { "probability": 0.02, "body_code": 500 },
            { "probability": 0.02, "cut": 0.6 },
            { "probability": 0.02, "reset": 0.4 },
            { "probability": 0.02, "close": true },
            { "probability": 0.02, "lost": true },
            { "probability": 0.02, "false_gzip": true },
            { "probability": 0.02, "html": true, "status": 200 },
            { "probability": 0.02, "hang_ms": 5, "stall_ms": 5 },
            { "probability": 0.03, "missing_rows": 1 },
        ],
    }));
    // Ends in order, and in the middle of things, wherever the dice fall.
    let mut dice = ChaCha8Rng::seed_from_u64(12);
    let outage = bench.zone.instant(date(2026, 4, 7).at(13, 20, 0, 0));
    while bench.clock.now() < outage {
        let minutes = dice.random_range(20..300);
        bench.run_until(outage.min(bench.clock.now() + SignedDuration::from_mins(minutes)));
        match dice.random_range(0..4) {
            0 => bench.stop(),
            1 => bench.crash_in_flight(),
            2 => bench.crash_at_next_request(),
            // Right after the commit that the last request brought.
            _ => bench.crash(),
        }
        bench.start();
    }
    bench.control(&json!({ "refuse": u64::MAX }));
    bench.run_to(date(2026, 4, 8).at(3, 0, 0, 0));
    bench.crash();
    bench.start();
    bench.run_to(date(2026, 4, 8).at(21, 0, 0, 0));
    assert!(!bench.failures().is_empty());
    bench.control(&json!({ "refuse": 0 }));
    bench.run_for(SignedDuration::from_hours(2));
    bench.stop();
    bench.start();
    bench.run_to(date(2026, 4, 9).at(18, 0, 0, 0));
    // Days that came cut were read in parts, each of whose averages was rounded to hundredths of a second.
    bench.judge_near(date(2026, 4, 8), 10);
    let whole = bench.whole();
    assert!(
        bench.watch.waiting(&whole) > 0,
        "calls were withdrawn, so that some counter stands above its sum"
    );
    assert_eq!(bench.simulator.most_simultaneous(0), 1);
}

/// Lives from the day before a change of the clocks until the day of it is sealed, with an API of these habits.
fn over_a_change(zone: &str, change: civil::Date, habits: &Value) {
    let first = change.yesterday().unwrap();
    let mut centre = Settings { timezone: zone.to_owned(), ..centre(13, first) };
    // Enough calls at night for the hours that come twice or never.
    centre.traffic = Traffic { calls_per_day: 900.0, withdrawn_share: 0.01, ..centre.traffic };
    let begins = first.yesterday().unwrap().at(23, 30, 0, 0);
    let keys =
        keys("40m").replace("diagram_3: { interval: 40m }", "diagram_3: { interval: 40m, settle: 14h }");
    let mut bench = Bench::new(Plan { centre, begins, keys });
    bench.control(habits);
    bench.run_to(change.at(0, 0, 0, 0));
    bench.run_for(SignedDuration::from_mins(100));
    bench.crash_in_flight();
    bench.start();
    bench.run_to(change.tomorrow().unwrap().at(17, 0, 0, 0));
    bench.judge(change.tomorrow().unwrap());
}

#[test]
fn an_hour_that_comes_twice_is_counted_once() {
    let habits = json!({
        "empty": "ok_list",
        "reports": { "skill_1": { "unknown_report": true } },
    });
    over_a_change("America/New_York", date(2026, 11, 1), &habits);
}

#[test]
fn an_hour_that_never_comes_is_not_missed() {
    let habits = json!({
        "hour": "space",
        "hour_key_day": true,
        "zero_hours": true,
        "time_seg": "clock",
        "ivr_minutes": "clock",
        "newer_names": true,
        "upper_keys": true,
        "absent": "empty",
        "date_skew_seconds": -90,
    });
    over_a_change("America/New_York", date(2026, 3, 8), &habits);
}

#[test]
fn a_midnight_that_never_comes_parts_the_days_all_the_same() {
    let habits = json!({
        "errors_as_200": true,
        "code": "integer",
        "duration": "seconds",
        "billed_minutes": "whole",
        "reports": { "skill_6": { "waiting_is_inbound": true }, "skill_1": { "waiting_is_inbound": true } },
    });
    over_a_change("America/Santiago", date(2026, 9, 6), &habits);
}

#[test]
fn an_hour_before_midnight_that_comes_twice_belongs_to_one_day() {
    let habits = json!({
        "date_header": false,
        "order": "newest",
        "percent": "no_break",
        "json_numbers": true,
        "shuffle_keys": true,
        "extra_keys": true,
        "date_skew_seconds": 90,
    });
    over_a_change("America/Santiago", date(2026, 4, 4), &habits);
}

#[test]
fn an_answer_at_the_limit_of_rows_is_split_until_nothing_is_cut() {
    let first = date(2026, 4, 6);
    let mut centre = centre(14, first);
    centre.traffic =
        Traffic { calls_per_day: 8_000.0, outbound_share: 6.5, survey_share: 0.0, ..centre.traffic };
    let begins = date(2026, 4, 7).at(8, 0, 0, 0);
    let keys =
        format!("    count_from: {first}\n{}", only("cdr_1", "interval: 1h, settle: 6h, agents: true"));
    let mut bench = Bench::new(Plan { centre, begins, keys });
    let day = Bucket::day(first);
    let rows: i64 =
        bench.truth(day, day.next()).cdr_1.calls.iter().flat_map(|calls| calls.calls.values()).sum();
    assert!(rows > 60_000, "{rows} rows do not reach the limit");
    while bench.history().reports[&Report::Cdr1].unsealed_from.date() <= first {
        bench.step();
    }
    sums::assert_same("sealed sums", &bench.sealed_truth(), &bench.sealed());
    let cut = bench.look(|face| face.vitals.reports().any(|(_, vitals)| vitals.last_failure.is_some()));
    assert!(cut, "no answer was cut");
}

#[test]
fn what_counts_from_a_date_is_absent_until_it_is_whole() {
    let first = date(2026, 4, 6);
    let mut centre = centre(15, first);
    centre.traffic = Traffic { calls_per_day: 300.0, ..centre.traffic };
    let begins = date(2026, 4, 10).at(15, 0, 0, 0);
    let mut bench =
        Bench::new(Plan { centre, begins, keys: format!("    count_from: {first}\n{}", keys("15m")) });
    let mut shown = BTreeSet::new();
    while shown.len() < Report::FIVE.len() {
        bench.step();
        if bench.requests() == 12 {
            bench.crash();
            bench.start();
        }
        let now = bench.clock.now();
        let hidden: Vec<Report> = Report::FIVE.into_iter().filter(|report| !shown.contains(report)).collect();
        for report in hidden {
            let standing = bench.ledger(move |ledger| ledger.standing(OPERATION, report, now));
            let is_shown = sums::families_of(report).any(|family| bench.watch.has_shown(family.name));
            assert_eq!(is_shown, !standing.hidden_until_caught_up, "{report}");
            if is_shown {
                // Whole at its first appearance: everything that has settled is sealed.
                let history = bench.history();
                let today = bench.zone.civil(now).date();
                let sealed = |unsealed: Bucket| unsealed.date() >= today.yesterday().unwrap();
                match report {
                    Report::Skill6 => {
                        assert!(history.skills.values().all(|skill| sealed(skill.unsealed_from)))
                    }
                    report => assert!(sealed(history.reports[&report].unsealed_from), "{report}"),
                }
                assert_eq!(standing.counting_since, Some(bench.zone.start(Bucket::day(first))), "{report}");
                shown.insert(report);
            }
        }
    }
    bench.judge(date(2026, 4, 9));
    bench.run_to(date(2026, 4, 11).at(8, 0, 0, 0));
    bench.judge(date(2026, 4, 9));
}

/// When the reading that made the opening balance of a report or skill was asked, and up to where it reached.
#[derive(Debug, Clone, Copy)]
struct Opening {
    asked: Timestamp,
    reached: Timestamp,
}

impl Opening {
    /// Whether that reading has seen the call.
    fn saw(&self, call: &Call, reached: civil::DateTime) -> bool {
        let at: civil::DateTime = call.date.replace(' ', "T").parse().unwrap();
        let asked = self.asked.as_second();
        call.visible.is_some_and(|visible| visible.as_second() <= asked)
            && call.withdrawn.is_none_or(|withdrawn| withdrawn.as_second() > asked)
            && at <= reached
    }
}

#[test]
fn from_the_middle_of_a_day_exactly_what_comes_after_the_first_reading_counts() {
    let first = date(2026, 4, 6);
    let mut centre = centre(16, first);
    centre.traffic = Traffic { lateness: Lateness::Heavy, withdrawn_share: 0.03, ..centre.traffic };
    let begins = date(2026, 4, 7).at(11, 17, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: keys("30m") });
    let (mut reports, mut skills) = (BTreeMap::new(), BTreeMap::new());
    while reports.len() < 4 || skills.len() < 3 {
        bench.step();
        let (history, asked) = (bench.history(), bench.clock.now());
        for (report, progress) in &history.reports {
            if let Some(reached) = progress.last_success {
                reports.entry(*report).or_insert(Opening { asked, reached });
            }
        }
        for (skill, progress) in &history.skills {
            if let Some(reached) = progress.last_success {
                skills.entry(skill.clone()).or_insert(Opening { asked, reached });
            }
        }
    }
    bench.run_to(date(2026, 4, 9).at(14, 0, 0, 0));
    bench.rest();
    assert!(bench.has_sealed(date(2026, 4, 8)));
    let history = bench.history();
    let entered = bench.zone.instant(begins);
    let settle = |report| SignedDuration::from_hours(if report == Report::Diagram3 { 36 } else { 6 });
    let mut wanted: BTreeMap<(&str, String), i64> = BTreeMap::new();
    for report in Report::FIVE {
        let grain = report.grain().unwrap();
        for call in bench.calls(report) {
            let bucket = Bucket::of(call.date.replace(' ', "T").parse().unwrap(), grain);
            // What had settled before the ledger began counts as sealed.
            if bench.zone.end(bucket) + settle(report) <= entered {
                continue;
            }
            let (opening, progress) = match report {
                Report::Skill6 => (skills[&call.skill_id], &history.skills[&call.skill_id]),
                report => (reports[&report], &history.reports[&report]),
            };
            if !progress.is_sealed(bucket) {
                continue;
            }
            let seen = i64::from(opening.saw(&call, bench.zone.civil(opening.reached)));
            let settled = i64::from(call.withdrawn.is_none());
            let key = match report {
                Report::Skill6 => format!("{}/{}/{}", call.skill_id, call.dnis, call.what),
                Report::Diagram12 => String::new(),
                Report::Cdr1 => format!("{}/{}", call.skill_id, call.what.replace(' ', "_")),
                _ => call.skill_id.clone(),
            };
            *wanted.entry((report.code(), key)).or_default() += settled - seen;
        }
    }
    let mut found: BTreeMap<(&str, String), i64> = BTreeMap::new();
    for total in bench.ledger(|ledger| ledger.totals(OPERATION).collect::<Vec<_>>()) {
        let label = |label: Label| sums::label(&total.labels, label).unwrap_or_default();
        let skill = label(Label::SkillId);
        let key = match total.family.name {
            "wolkvox_answered_calls_total" => ("skill_6", format!("{skill}/{}/answered", label(Label::Dnis))),
            "wolkvox_abandoned_calls_total" => {
                ("skill_6", format!("{skill}/{}/abandoned", label(Label::Dnis)))
            }
            "wolkvox_ivr_calls_total" => ("diagram_1_2", String::new()),
            "wolkvox_callback_offers_total" => ("diagram_3", skill),
            "wolkvox_cdr_calls_total" => ("cdr_1", format!("{skill}/{}", label(Label::Interaction))),
            "wolkvox_survey_duration_seconds" => ("diagram_4", skill),
            _ => continue,
        };
        *found.entry(key).or_default() += total.sealed[0];
    }
    wanted.retain(|_, count| *count != 0);
    found.retain(|_, count| *count != 0);
    assert_eq!(wanted, found);
    let kinds: BTreeSet<&str> = wanted.keys().map(|(report, _)| *report).collect();
    assert_eq!(kinds.len(), 5, "every report has counted something: {kinds:?}");
    bench.watch.judge(&bench.whole());
}

#[test]
fn relabelling_what_was_decided_moves_labels_and_never_sums() {
    let first = date(2026, 4, 6);
    let mut centre = centre(17, first);
    centre.traffic = Traffic { calls_per_day: 700.0, ..centre.traffic };
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let keys = only("cdr_1", "interval: 15m, agents: true");
    let mut bench = Bench::new(Plan { centre, begins, keys });
    bench.run_to(first.at(13, 40, 0, 0));
    bench.control(&json!({ "reports": { "cdr_1": { "relabelled": 0.4 } } }));
    bench.run_to(first.at(19, 0, 0, 0));
    bench.control(&json!({ "reports": { "cdr_1": { "relabelled": 0.0 } } }));
    bench.run_to(date(2026, 4, 7).at(7, 0, 0, 0));
    bench.rest();
    let (truth, sealed) = (bench.sealed_truth(), bench.sealed());
    let moved = ["wolkvox_cdr_activity_total", "wolkvox_cdr_hang_ups_total"];
    let (labels, rest) = sums::apart(&sealed, &moved);
    let (true_labels, true_rest) = sums::apart(&truth, &moved);
    sums::assert_same("sums that no label of the fault touches", &true_rest, &rest);
    let over = |sums: &sums::Sums| sums::over(sums, &[Label::CodAct, Label::HangUp]);
    sums::assert_same("sums over the labels", &over(&true_labels), &over(&labels));
    assert_ne!(labels, true_labels, "the fault has moved something");
    bench.watch.judge(&bench.whole());
}

/// Reads `skill_6` of a day whose averages are printed in this form, and holds the sums against the true ones.
fn rounded(average: &str, half_step_ms: i64) {
    let first = date(2026, 4, 6);
    let mut centre = centre(18, first);
    centre.traffic = Traffic { calls_per_day: 2_500.0, mean_wait_seconds: 25.0, ..centre.traffic };
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: only("skill_6", "interval: 30m") });
    bench.control(&json!({ "average": average, "percent": "comma", "absent_averages": true }));
    bench.run_to(date(2026, 4, 8).at(9, 0, 0, 0));
    // The sealed sums are what the settled answers print, times their calls, to the millisecond.
    bench.judge(date(2026, 4, 8));
    let sealed = bench.sealed();
    let truth = bench.truth(Bucket::day(first), Bucket::day(date(2026, 4, 8)));
    let mut rounding = 0;
    for truth in &truth.skill_6 {
        let labels = [(Label::SkillId, truth.skill_id.as_str()), (Label::Dnis, truth.dnis.as_str())];
        let of = |family: &str| sealed[&sums::series(family, &labels)].clone();
        let answered = of("wolkvox_answer_wait_seconds");
        let abandoned = of("wolkvox_abandon_wait_seconds");
        for (found, wanted, calls) in [
            (answered[4], truth.answer_wait_ms, truth.answered),
            (abandoned[1], truth.abandon_wait_ms, truth.abandoned),
        ] {
            // Half a step per call, and half a millisecond more where the average itself is rounded to one.
            let bound = calls * half_step_ms + calls / 2 + 1;
            assert!((found - wanted).abs() <= bound, "{found} is {wanted} give or take {bound}");
            rounding += (found - wanted).abs();
        }
    }
    assert!(rounding > 0, "nothing was rounded");
}

#[test]
fn waits_printed_with_two_decimals_are_right_to_five_milliseconds_a_call() {
    rounded("decimal", 5);
}

#[test]
fn waits_printed_in_whole_seconds_are_right_to_half_a_second_a_call() {
    rounded("clock", 500);
}

#[test]
fn the_quota_is_kept_through_crashes_and_what_was_missed_is_read_later() {
    let first = date(2026, 4, 6);
    let limit = 220;
    let mut centre = centre(19, first);
    centre.behaviour.daily_limit = Some(limit);
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: keys("5m") });
    bench.run_to(first.at(0, 0, 0, 0).saturating_sub(SignedDuration::from_secs(1)));
    let mut before = bench.requests();
    for day in [date(2026, 4, 7), date(2026, 4, 8), date(2026, 4, 9)] {
        for hour in [5, 12, 12, 12, 19] {
            bench.run_to(day.yesterday().unwrap().at(hour, 0, 0, 0));
            bench.crash_in_flight();
            bench.start();
        }
        bench.run_to(day.at(0, 0, 0, 0).saturating_sub(SignedDuration::from_secs(1)));
        let spent = bench.requests() - before;
        before = bench.requests();
        assert!(spent <= limit, "{spent} requests on the day before {day}");
        assert!(spent > limit / 2, "only {spent} requests on the day before {day}");
    }
    bench.run_to(date(2026, 4, 9).at(16, 0, 0, 0));
    bench.judge(date(2026, 4, 8));
    assert_eq!(bench.simulator.most_simultaneous(0), 1);
}

#[test]
fn percentages_of_the_answered_calls_are_recognised_before_anything_is_shown() {
    let first = date(2026, 4, 6);
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let keys = only("skill_6", "interval: 30m, denominator: auto");
    let mut bench = Bench::new(Plan { centre: centre(20, first), begins, keys });
    bench.control(&json!({ "denominator": "answered" }));
    bench.run_to(first.at(12, 0, 0, 0));
    bench.crash_at_next_request();
    bench.start();
    bench.run_to(date(2026, 4, 7).at(8, 0, 0, 0));
    bench.judge(date(2026, 4, 7));
}

#[test]
fn all_skills_together_are_the_sum_of_each() {
    let first = date(2026, 4, 6);
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let keys = format!("    skills: all\n{}", only("skill_6", "interval: 30m"));
    let mut bench = Bench::new(Plan { centre: centre(21, first), begins, keys });
    bench.control(&json!({ "all_skills": "per_skill_and_dnis" }));
    bench.run_to(date(2026, 4, 7).at(8, 0, 0, 0));
    bench.rest();
    assert!(bench.has_sealed(date(2026, 4, 7)));
    let day = Bucket::day(first);
    let mut truth = bench.truth(day, day.next());
    let mut wanted = sums::Sums::new();
    truth.skill_6.iter_mut().for_each(|truth| truth.skill_id = "all".into());
    sums::of_skill(&mut wanted, "all", &truth);
    sums::assert_same("sealed sums", &wanted, &bench.sealed());
    bench.watch.judge(&bench.whole());
}

#[test]
fn a_number_whose_calls_were_all_withdrawn_goes_at_the_seal() {
    let first = date(2026, 4, 6);
    let mut centre = centre(22, first);
    centre.traffic = Traffic {
        calls_per_day: 40.0,
        skills: 1,
        dnis_per_skill: 16,
        withdrawn_share: 0.4,
        lateness: Lateness::Heavy,
        ..centre.traffic
    };
    let begins = date(2026, 4, 5).at(23, 0, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: only("skill_6", "interval: 15m") });
    bench.run_to(date(2026, 4, 8).at(8, 0, 0, 0));
    bench.judge(date(2026, 4, 8));
    let gone = bench.sealed().into_iter().filter(|((family, labels), sealed)| {
        let shown = bench.watch.shown(family, labels);
        *family == "wolkvox_inbound_calls_total" && sealed[0] == 0 && shown.is_some_and(|shown| shown[0] > 0)
    });
    assert!(gone.count() > 0, "some number was called by nobody in the end");
}
