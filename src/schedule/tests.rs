//! Weeks of a schedule against a vendor and a ledger in virtual time, and the rules one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::simulation::*;
use super::*;
use crate::api::Grain;
use crate::config::{CountFrom, Operation, Skills};
use crate::time::{SignedDuration, Zone, civil, shift};

const START: &str = "2026-03-02T13:00:00Z";

fn quiet(skills: Skills) -> World {
    World::new(operation("America/Bogota", skills, None), 1, at(START))
}

fn windows(world: &World, report: Report, from: Timestamp) -> Vec<(Request, Window)> {
    let of = |sent: &Sent| (sent.request.clone(), sent.request.window.unwrap());
    world.sent.iter().filter(|sent| sent.request.report == report && sent.at >= from).map(of).collect()
}

#[test]
fn a_quiet_day_reads_every_report_at_its_interval() {
    let mut world = quiet(Skills::Discover);
    world.run_for(48);
    for report in [Report::Diagram3, Report::Diagram12, Report::Cdr1, Report::Diagram4] {
        let interval = world.operation.settings(report).unwrap().interval;
        let slots = world.slots(report);
        for pair in slots.windows(2) {
            let apart = Duration::try_from(pair[1].duration_since(pair[0])).unwrap();
            assert!(apart >= interval, "{report}: {pair:?}");
            assert!(apart <= interval + Duration::from_secs(20), "{report}: {pair:?}");
        }
        assert!(slots.len() > 180, "{report} was read {} times", slots.len());
    }
    assert_eq!(world.overdue(hours(3)), []);
    assert!(world.schedule.first_cycle_attempted());
    assert_eq!(world.overspent, 0);
}

#[test]
fn a_tight_quota_stretches_all_intervals_and_never_runs_dry() {
    for others in [0.0, 10.0] {
        let mut operation = operation("America/Bogota", Skills::Discover, None);
        operation.daily_requests = None;
        let mut world = World::new(operation, 3, at(START));
        world.vendor.limit = 1_000;
        world.vendor.others = others;
        // The first day teaches the cost of a slot and when the vendor's day begins.
        world.run_for(16);
        let second = world.now;
        world.run_for(48);
        assert_eq!(world.overspent, 0, "others {others}");
        for report in [Report::Diagram3, Report::Diagram12, Report::Cdr1] {
            let slots: Vec<Timestamp> =
                world.slots(report).into_iter().filter(|slot| *slot >= second).collect();
            let longest = slots.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().unwrap();
            assert!(longest < SignedDuration::from_mins(60), "{report} waited {longest} (others {others})");
        }
        let sent = world.sent.iter().filter(|sent| sent.at >= second).count();
        let available = 2.0 * (1_000.0 - 24.0 * others);
        assert!(sent as f64 > available * 0.85, "{sent} of {available} were used");
        assert_eq!(world.overdue(hours(4)), []);
        assert!(world.schedule.interval(Report::Cdr1) > Duration::from_secs(300));
    }
}

#[test]
fn the_vendors_day_is_learned_from_its_falling_count() {
    let mut world = quiet(Skills::All);
    world.vendor.day_hour = 0;
    world.run_for(13);
    let view = world.schedule.quota(world.now, &world.history);
    assert_eq!(view.quota_day_start, Some(at("2026-03-03T00:00:00Z")));
    assert_eq!(view.limit, 25_000);
    assert_eq!(view.source, LimitSource::Vendor);
    assert_eq!(view.used_today, world.vendor.used);
    assert!(view.forecast >= view.used_today);
}

#[test]
fn the_forecast_meets_what_is_used() {
    let mut world = quiet(Skills::Discover);
    world.run_for(24);
    let forecast = world.schedule.quota(world.now, &world.history).forecast as f64;
    world.run_for(15);
    let used = world.vendor.used as f64;
    assert!((forecast - used).abs() < 0.08 * used, "forecast {forecast}, used {used}");
}

#[test]
fn the_plan_agrees_with_a_days_count() {
    for (skills, found) in [(Skills::Discover, 8), (Skills::All, 1), (named(&["101", "102"]), 2)] {
        let mut operation = operation("America/Bogota", skills.clone(), Some(25_000));
        operation.zone = Zone::named("America/Bogota").unwrap();
        let mut world = World::new(operation.clone(), 5, at(START));
        world.run_for(24);
        let from = world.now;
        world.run_for(24);
        // One of the eight has no calls; without a witness each is read whether it moves or not.
        let active = if found == 8 { 7 } else { found };
        let assumed = Assumptions { skills: active, busy: 0.3, limit: None, past_days: 0 };
        let plan = Plan::of(&operation, assumed);
        let sent = world.sent.iter().filter(|sent| sent.at >= from).count() as f64;
        let off = (plan.wanted - sent).abs() / sent;
        assert!(off < 0.04, "{skills:?}: planned {}, sent {sent}", plan.wanted);
        assert!(plan.fits() && plan.planned <= plan.limit as f64);
    }
}

#[test]
fn a_plan_beyond_the_limit_is_stretched_into_it() {
    let operation = operation("America/Bogota", Skills::Discover, Some(1_000));
    let plan = Plan::of(&operation, Assumptions { skills: 20, busy: 0.5, limit: None, past_days: 0 });
    assert!(!plan.fits());
    assert!(plan.planned <= 950.0 + 1e-6 && plan.wanted > 3_000.0, "{plan:?}");
    let cdr_1 = plan.lines.iter().find(|line| line.report == Report::Cdr1).unwrap();
    assert_eq!(cdr_1.planned_interval, cdr_1.interval.mul_f64(plan.stretch));
}

#[test]
fn row_reports_read_from_two_hours_before_their_oldest_unsealed_bucket() {
    let mut world = quiet(Skills::All);
    world.run_for(30);
    for (report, grain) in [(Report::Cdr1, Grain::Hour), (Report::Diagram3, Grain::Day)] {
        let (request, window) = windows(&world, report, at(START)).pop().unwrap();
        assert_eq!(window.to, world.operation.zone.present(request.now));
        let settle = SignedDuration::try_from(world.operation.settings(report).unwrap().settle).unwrap();
        let oldest = Bucket::of(shift(window.from, hours(2)), grain);
        let ended = request.now.duration_since(world.operation.zone.end(oldest.previous()));
        assert!(ended > SignedDuration::ZERO, "{report} starts at an open bucket");
        assert!(window.from == shift(oldest.first(), -hours(2)), "{report}: {window:?}");
        assert!(ended <= settle + hours(26), "{report}: {oldest}");
    }
}

#[test]
fn diagram_1_2_reads_from_midnight_or_from_its_oldest_unsealed_hour() {
    let mut world = quiet(Skills::All);
    world.run_for(40);
    let mut before_midnight = 0;
    for (request, window) in windows(&world, Report::Diagram12, at(START)) {
        let midnight = Bucket::of(world.operation.zone.civil(request.now), Grain::Day).first();
        assert!(window.from <= midnight);
        assert_eq!(window.from, Bucket::of(window.from, Grain::Hour).first());
        before_midnight += usize::from(window.from < midnight);
    }
    assert!(before_midnight > 60 && before_midnight < 120, "{before_midnight} slots of some 7 hours");
}

#[test]
fn skill_6_reads_yesterday_often_for_an_hour_then_hourly_then_to_the_seal() {
    let mut world = quiet(Skills::All);
    world.run_for(24);
    let today = world.operation.zone.civil(world.now).date();
    let midnight = world.operation.zone.start(Bucket::day(today));
    let yesterday = |from: i64, to: i64| {
        let (from, to) = (midnight + hours(from), midnight + hours(to));
        let asked = windows(&world, Report::Skill6, from).into_iter();
        asked.filter(|(request, window)| window.from.date() < today && request.now < to).count()
    };
    assert!((11..=13).contains(&yesterday(0, 1)), "{}", yesterday(0, 1));
    assert!((4..=6).contains(&yesterday(1, 6)), "{}", yesterday(1, 6));
    assert_eq!(yesterday(6, 7), 1, "the seal");
    assert_eq!(yesterday(7, 9), 0);
}

#[test]
fn only_what_moved_is_read_behind_the_witness_and_all_of_it_at_the_seal() {
    let mut world = quiet(named(&["101", "102", "103", "104", "108"]));
    world.vendor.busy = 0.0;
    world.run_for(5);
    // One reading each, then nothing moves; 108 is absent from the witness and is never read.
    assert_eq!(world.count(Report::Skill6, at(START), world.now), 4);
    assert!(world.count(Report::Skill1, at(START), world.now) >= 58);
    world.run_for(18);
    let seal = at("2026-03-03T11:00:00Z");
    let sealing = world.count(Report::Skill6, seal, seal + SignedDuration::from_mins(10));
    assert_eq!(sealing, 4, "unmoved skills are read once after the settle time");
    assert_eq!(world.overdue(hours(2)), []);
}

#[test]
fn a_refused_witness_is_replaced_by_turns_and_tried_once_a_day() {
    let mut world = quiet(Skills::Discover);
    world.vendor.witness_refused = true;
    world.run_for(50);
    assert_eq!(world.count(Report::Skill1, at(START), world.now), 3);
    let of = |skill: &str| world.sent.iter().filter(|sent| sent.request.skill == skill).count();
    assert!(of("101") > 500, "{}", of("101"));
    assert!(of("108") < 150, "an idle skill waits longer: {}", of("108"));
    assert!(of("108") > 40);
    assert_eq!(world.overdue(hours(3)), []);
}

#[test]
fn a_new_skill_in_the_witness_is_read_at_once() {
    let mut world = quiet(Skills::Discover);
    world.run_for(3);
    world.vendor.skills.push("201".to_owned());
    let from = world.now;
    world.run_for(1);
    let first = world.sent.iter().find(|sent| sent.request.skill == "201").unwrap();
    assert!(first.at.duration_since(from) < SignedDuration::from_mins(6));
}

#[test]
fn a_skill_that_leaves_is_read_until_its_days_are_sealed() {
    let mut world = quiet(named(&["101", "102"]));
    world.run_for(3);
    let mut changed = world.operation.clone();
    changed.skills = named(&["101"]);
    // A changed configuration begins with a new schedule; what it must know is in the ledger.
    world.schedule = Schedule::new(&changed, 5, world.now);
    world.operation = changed;
    world.run_for(48);
    let last = world.sent.iter().rfind(|sent| sent.request.skill == "102").unwrap();
    assert_eq!(last.request.window.unwrap().from.date(), civil::date(2026, 3, 2));
    assert!(world.history.skills["102"].is_sealed(Bucket::day(civil::date(2026, 3, 2))));
    let seal = at("2026-03-03T11:00:00Z");
    assert!(last.at >= seal && last.at < seal + SignedDuration::from_mins(20));
}

#[test]
fn a_coarse_day_is_read_in_parts_that_cover_it() {
    let mut world = quiet(named(&["101"]));
    world.vendor.calls_per_day = 60_000.0;
    world.run_for(40);
    let read = |sent: &Sent| matches!(sent.outcome, Outcome::Applied { .. });
    assert!(world.sent.iter().any(|sent| sent.request.part.1 > 1 && read(sent)));
    type Set = (u64, String, u16, civil::Date);
    let mut sets: BTreeMap<Set, Vec<(u16, Window)>> = BTreeMap::new();
    for sent in world.sent.iter().filter(|sent| sent.request.report == Report::Skill6) {
        let request = &sent.request;
        let window = request.window.unwrap();
        let set = (request.slot, request.skill.clone(), request.part.1, window.from.date());
        sets.entry(set).or_default().push((request.part.0, window));
    }
    let mut whole = 0;
    for ((_, _, parts, date), pieces) in &sets {
        if pieces.len() < usize::from(*parts) {
            continue;
        }
        whole += 1;
        assert_eq!(pieces[0].1.from, date.to_datetime(civil::Time::midnight()));
        for pair in pieces.windows(2) {
            assert_eq!(pair[0].0 + 1, pair[1].0);
            assert_eq!(pair[0].1.to, pair[1].1.from);
        }
    }
    assert!(whole > 300, "{whole}");
    // At the seal no piece is coarse.
    let sealed = Bucket::day(civil::date(2026, 3, 2));
    assert!(world.history.skills["101"].is_sealed(sealed));
}

#[test]
fn busy_reports_read_two_hours_and_the_rest_at_the_seals() {
    let mut world = quiet(Skills::All);
    world.vendor.rows_per_hour = 6_000.0;
    world.run_for(30);
    let from = world.now - hours(6);
    let asked = windows(&world, Report::Cdr1, from);
    let narrow = asked.iter().filter(|(_, window)| window.seconds() <= 7_201).count();
    assert!(narrow * 10 > asked.len() * 8, "{narrow} of {}", asked.len());
    for (request, window) in asked.iter().filter(|(_, window)| window.seconds() <= 7_201) {
        let hour = Bucket::of(world.operation.zone.civil(request.now), Grain::Hour);
        assert_eq!(window.from, hour.previous().first());
    }
    assert_eq!(world.overdue(hours(3)), []);
}

#[test]
fn the_past_is_read_first_when_counting_starts_at_a_date() {
    let mut operation = operation("America/Bogota", Skills::Discover, None);
    operation.count_from = CountFrom::Date(civil::date(2025, 12, 1));
    let mut world = World::new(operation, 2, at(START));
    world.run_until_sent(Report::Skill6);
    assert!(world.schedule.catching_up(Report::Skill6, &world.history, world.now));
    world.run_for(12);
    for report in Report::FIVE {
        let behind = world.schedule.catching_up(report, &world.history, world.now);
        assert!(!behind, "{report} still reads the past after 12 hours");
    }
    assert_eq!(world.overdue(hours(4)), []);
    let days: BTreeSet<civil::Date> = windows(&world, Report::Skill6, at(START))
        .into_iter()
        .filter(|(request, _)| request.skill == "101")
        .map(|(_, window)| window.from.date())
        .collect();
    assert_eq!(days.len(), 92, "every day since the first of December once");
    assert!(world.slots(Report::Cdr1).len() >= 140, "the present goes on meanwhile");
}

#[test]
fn an_outage_is_caught_up_and_said() {
    let mut world = quiet(Skills::Discover);
    world.run_for(30);
    world.now += hours(80);
    let back = world.now;
    world.run_until_sent(Report::Skill6);
    assert!(world.schedule.catching_up(Report::Skill6, &world.history, world.now));
    world.run_for(5);
    assert!(world.sent.iter().any(|sent| sent.request.purpose == Purpose::CatchUp));
    assert_eq!(world.overdue(hours(5)), []);
    for report in Report::FIVE {
        assert!(!world.schedule.catching_up(report, &world.history, world.now), "{report}");
    }
    // Every second slot at most.
    let mut slots: BTreeMap<u64, BTreeSet<Purpose>> = BTreeMap::new();
    for sent in world.sent.iter().filter(|sent| sent.at >= back && sent.request.report == Report::Cdr1) {
        slots.entry(sent.request.slot).or_default().insert(sent.request.purpose);
    }
    let both: Vec<bool> = slots.values().map(|purposes| purposes.contains(&Purpose::CatchUp)).collect();
    assert!(both.windows(2).all(|pair| !(pair[0] && pair[1])), "{both:?}");
}

#[test]
fn a_short_gap_is_caught_up_after_two_readings() {
    let mut world = quiet(Skills::All);
    world.run_for(2);
    world.now += SignedDuration::from_mins(20);
    let report = Report::Cdr1;
    let mut readings = 0;
    while readings < 2 {
        world.run_until_sent(report);
        readings += 1;
        assert_eq!(world.schedule.catching_up(report, &world.history, world.now), readings < 2);
    }
}

fn drive(schedule: &mut Schedule, history: &mut History, mut now: Timestamp) -> (Request, Timestamp) {
    loop {
        match schedule.next(now, history) {
            Next::Ask(request) => return (request, now),
            Next::Book(booking) => {
                history.quota_day = Some(booking.quota_day);
                history.booked = booking.total;
            }
            Next::Wait(at) => now = at,
        }
    }
}

#[test]
fn a_helper_that_alone_is_refused_starves_no_report() {
    for (helper, seed) in
        [(Report::Skills, 1), (Report::Skills, 2), (Report::TokenInfo, 1), (Report::TokenInfo, 2)]
    {
        let start = at(START);
        let mut schedule = Schedule::new(&operation("UTC", Skills::All, None), seed, start);
        let mut history = History::default();
        let mut now = start;
        let mut asked = BTreeSet::new();
        while now < start + SignedDuration::from_mins(30) {
            let (request, at) = drive(&mut schedule, &mut history, now);
            asked.insert(request.report);
            let refused = request.report == helper;
            let outcome = if refused { Outcome::Failed(Reason::Maintenance) } else { success(&request) };
            now = at + SignedDuration::from_millis(200);
            schedule.done(&request, outcome, now);
        }
        assert!(Report::FIVE.iter().all(|report| asked.contains(report)), "{helper} {seed}: only {asked:?}");
    }
}

fn success(request: &Request) -> Outcome {
    match request.report {
        Report::TokenInfo => Outcome::Quota { limit: 25_000, used: 10 },
        Report::Skills => Outcome::Skills(BTreeSet::new()),
        Report::Skill1 => Outcome::Witness(vec![]),
        _ => Outcome::Applied { rows: 3, coarse: false },
    }
}

fn only(report: Report) -> Operation {
    let mut operation = operation("America/Bogota", Skills::All, Some(25_000));
    let reports = &mut operation.reports;
    if report != Report::Skill6 {
        reports.skill_6 = None;
    }
    if report != Report::Diagram12 {
        reports.diagram_1_2 = None;
    }
    if report != Report::Diagram3 {
        reports.diagram_3 = None;
    }
    if report != Report::Cdr1 {
        reports.cdr_1 = None;
    }
    if report != Report::Diagram4 {
        reports.diagram_4 = None;
    }
    operation
}

/// The waits between tries of one report that fails with a reason all the time.
fn waits(reason: Reason, tries: usize) -> Vec<(Report, i64)> {
    let operation = only(Report::Cdr1);
    let mut now = at(START);
    let mut schedule = Schedule::new(&operation, 9, now);
    let mut history = History::default();
    let mut waits = vec![];
    let mut failed_at = None;
    while waits.len() < tries {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        if let Some(failed_at) = failed_at {
            let seconds = asked.duration_since(failed_at).as_secs();
            waits.push((request.report, seconds));
        }
        let fails = request.report == Report::Cdr1 || failed_at.is_some();
        let outcome = if fails { Outcome::Failed(reason) } else { success(&request) };
        schedule.done(&request, outcome, now);
        if fails {
            failed_at = Some(now);
        }
    }
    waits
}

#[test]
fn failures_back_off_from_seconds_and_never_past_the_next_slot() {
    for reason in [Reason::Server, Reason::Timeout, Reason::Decode, Reason::Mismatch, Reason::Connect] {
        let waits = waits(reason, 12);
        assert!((3..=7).contains(&waits[0].1), "{reason}: {waits:?}");
        assert!((7..=13).contains(&waits[1].1), "{reason}: {waits:?}");
        assert!(waits.iter().all(|(_, seconds)| *seconds <= 301), "{reason}: {waits:?}");
    }
    assert!(waits(Reason::Maintenance, 3)[0].1 >= 45);
    assert!(waits(Reason::Concurrency, 3)[0].1 <= 7);
}

#[test]
fn a_wrong_request_waits_for_its_next_slot() {
    let waits = waits(Reason::Request, 1);
    assert_eq!(waits[0].0, Report::Cdr1);
    assert!((299..=301).contains(&waits[0].1), "{waits:?}");
}

#[test]
fn a_stopped_token_is_checked_slowly_and_a_new_one_at_once() {
    let waits = waits(Reason::Auth, 6);
    let minutes: Vec<i64> = waits.iter().map(|(_, seconds)| (seconds + 30) / 60).collect();
    assert!((0..=2).contains(&minutes[0]) && (3..=7).contains(&minutes[1]), "{minutes:?}");
    assert!(minutes[3..].iter().all(|minutes| (44..=76).contains(minutes)), "{minutes:?}");
    assert_eq!(waits[0].0, Report::TokenInfo);

    let operation = only(Report::Cdr1);
    let now = at(START);
    let mut schedule = Schedule::new(&operation, 9, now);
    let mut history = History::default();
    let (request, now) = drive(&mut schedule, &mut history, now);
    schedule.done(&request, Outcome::Failed(Reason::Auth), now);
    assert_eq!(schedule.paused().unwrap().0, Reason::Auth);
    assert!(schedule.first_cycle_attempted(), "readiness does not wait for a good token");
    schedule.token_changed(now);
    assert_eq!(schedule.paused(), None);
    let (_, asked) = drive(&mut schedule, &mut history, now);
    assert!(asked.duration_since(now) <= SignedDuration::from_secs(1));
}

#[test]
fn a_helper_refused_by_itself_does_not_stop_the_token() {
    let operation = operation("America/Bogota", Skills::All, Some(25_000));
    let mut now = at(START);
    let until = now + hours(10);
    let mut schedule = Schedule::new(&operation, 4, now);
    let mut history = History::default();
    let mut read = 0;
    while now < until {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        let is_helper = request.purpose == Purpose::Helper;
        read += u32::from(request.report == Report::Cdr1);
        let outcome = if is_helper { Outcome::Failed(Reason::Auth) } else { success(&request) };
        schedule.done(&request, outcome, now);
    }
    assert!(read > 110, "{read}");
}

#[test]
fn the_reserve_is_spent_in_order_of_priority() {
    let mut quota = quota::Quota::new(Some(10_000), at(START));
    quota.roll(at(START), &Zone::named("America/Bogota").unwrap(), &History::default());
    let ceiling = |share| quota.ceiling(share, 10.0);
    let ceilings: Vec<u64> =
        Report::FIVE.into_iter().map(|report| ceiling(quota::Share::Present(report))).collect();
    assert!(ceilings.is_sorted_by(|higher, lower| higher > lower), "{ceilings:?}");
    assert_eq!(ceiling(quota::Share::Rest), 9_500);
    assert!(ceiling(quota::Share::Seal) >= ceilings[0]);
    assert!(ceiling(quota::Share::Count) <= 10_000);
}

#[test]
fn a_restart_goes_on_with_the_past_where_the_ledger_stands() {
    let mut operation = operation("America/Bogota", Skills::Discover, None);
    operation.count_from = CountFrom::Date(civil::date(2026, 1, 1));
    let mut world = World::new(operation, 2, at(START));
    for seed in 0..40 {
        world.run_for_minutes(7);
        world.schedule = Schedule::new(&world.operation, seed, world.now);
    }
    world.run_for(6);
    assert_eq!(world.overdue(hours(4)), []);
    let first = Bucket::day(civil::date(2026, 1, 1));
    for skill in world.vendor.skills.iter().filter(|skill| !is_idle(skill)) {
        assert!(world.history.skills[skill].is_sealed(first), "{skill}");
        let read = windows(&world, Report::Skill6, at(START));
        let days: BTreeSet<civil::Date> = read
            .iter()
            .filter(|(request, _)| request.skill == *skill)
            .map(|(_, window)| window.from.date())
            .collect();
        assert_eq!(days.len(), 61, "every day of {skill} has been asked");
    }
}

#[test]
fn a_spent_quota_stops_the_token_until_the_vendor_shows_budget() {
    let mut world = quiet(Skills::All);
    world.run_for(2);
    world.vendor.used = world.vendor.limit;
    let spent = world.now;
    world.run_for(6);
    assert!(world.overspent <= 1, "only the question that met the limit");
    let checks = world.sent.iter().filter(|sent| sent.at > spent).skip(1);
    assert!((4..=14).contains(&checks.clone().count()), "{}", checks.count());
    assert!(checks.clone().all(|sent| sent.request.report == Report::TokenInfo));
    world.vendor.used = 100;
    let budget = world.now;
    world.run_for(2);
    let first =
        world.sent.iter().find(|sent| sent.at > budget && sent.request.report == Report::Cdr1).unwrap();
    assert!(first.at.duration_since(budget) < SignedDuration::from_mins(80));
}

#[test]
fn a_failing_report_does_not_delay_the_others() {
    let operation = operation("America/Bogota", Skills::All, Some(25_000));
    let mut now = at(START);
    let until = now + hours(3);
    let mut schedule = Schedule::new(&operation, 4, now);
    let mut history = History::default();
    let mut counts: BTreeMap<Report, u32> = BTreeMap::new();
    while now < until {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        *counts.entry(request.report).or_default() += 1;
        let fails = request.report == Report::Diagram3;
        let outcome = if fails { Outcome::Failed(Reason::Server) } else { success(&request) };
        schedule.done(&request, outcome, now);
    }
    for report in [Report::Skill6, Report::Cdr1, Report::Diagram12] {
        assert!((35..=37).contains(&counts[&report]), "{counts:?}");
    }
    assert!(counts[&Report::Diagram3] < 60, "{counts:?}");
}

#[test]
fn bookings_survive_a_crash_loop_without_the_vendors_word() {
    let operation = operation("America/Bogota", Skills::All, Some(60));
    let mut history = History::default();
    let mut now = at(START);
    let mut sent = 0;
    for seed in 0..50 {
        let mut schedule = Schedule::new(&operation, seed, now);
        let until = now + SignedDuration::from_mins(2);
        while now < until {
            match schedule.next(now, &history) {
                Next::Ask(request) => {
                    sent += 1;
                    let outcome = match request.report {
                        Report::TokenInfo | Report::Skills => Outcome::Failed(Reason::Request),
                        _ => success(&request),
                    };
                    schedule.done(&request, outcome, now);
                }
                Next::Book(booking) => {
                    history.quota_day = Some(booking.quota_day);
                    history.booked = booking.total;
                }
                Next::Wait(at) => now = at.min(until),
            }
        }
    }
    assert!(sent <= 60, "{sent}");
    assert!(history.booked <= 70);
}

#[test]
fn a_clock_that_jumps_neither_bursts_nor_stalls() {
    let mut world = quiet(Skills::Discover);
    world.run_for(3);
    let ahead = world.now;
    world.now += SignedDuration::from_mins(47);
    let before = world.sent.len();
    let resumed = world.now;
    world.run_for(1);
    let cdr = world.count(Report::Cdr1, resumed, world.now);
    assert!((11..=13).contains(&cdr), "{cdr}");
    assert!(world.sent.len() > before);
    // Back to before the jump: the next reading follows within an interval.
    world.now = ahead;
    world.sent.clear();
    world.run_for(1);
    let first = world.sent.iter().find(|sent| sent.request.report == Report::Cdr1).unwrap();
    assert!(first.at.duration_since(ahead) <= SignedDuration::from_secs(310));
    assert!((11..=13).contains(&world.slots(Report::Cdr1).len()));
}

#[test]
fn the_same_seed_asks_the_same_and_another_spreads_the_start() {
    let run = |seed| {
        let mut world = World::new(operation("America/Bogota", Skills::Discover, None), seed, at(START));
        world.run_for(2);
        world.sent.into_iter().map(|sent| (sent.at, sent.request)).collect::<Vec<_>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7)[0].0, run(8)[0].0);
}

#[test]
fn the_list_of_skills_comes_before_what_is_read_by_it() {
    for seed in 0..200 {
        let mut schedule = Schedule::new(&operation("UTC", Skills::Discover, None), seed, at(START));
        let mut history = History::default();
        let mut now = at(START);
        loop {
            let (request, at) = drive(&mut schedule, &mut history, now);
            assert!(request.report != Report::Skill1, "seed {seed}: the witness is asked first");
            if request.report == Report::Skills {
                break;
            }
            now = at + SignedDuration::from_millis(200);
            schedule.done(&request, success(&request), now);
        }
    }
}

#[test]
fn what_is_due_together_is_asked_in_order_of_priority() {
    let mut world = quiet(Skills::All);
    world.run_for(1);
    let mut first = vec![];
    for sent in &world.sent {
        if sent.request.purpose == Purpose::Present && !first.contains(&sent.request.report) {
            first.push(sent.request.report);
        }
    }
    assert_eq!(first, Report::FIVE);
}

fn reason() -> impl Strategy<Value = Vec<Reason>> {
    prop::sample::subsequence(
        vec![
            Reason::Concurrency,
            Reason::Maintenance,
            Reason::Request,
            Reason::Server,
            Reason::Timeout,
            Reason::Connect,
            Reason::Decode,
            Reason::Truncated,
            Reason::Mismatch,
            Reason::Auth,
        ],
        1..=10,
    )
}

fn skills() -> impl Strategy<Value = Skills> {
    prop_oneof![
        Just(Skills::All),
        Just(Skills::Discover),
        Just(named(&["101", "102"])),
        Just(named(&["101", "102", "103", "108"])),
    ]
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "America/Bogota",
        "America/New_York",
        "America/Santiago",
        "Australia/Lord_Howe",
        "America/Havana",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 8, ..ProptestConfig::default() })]

    /// In any zone, around its changes of the clock, under any mix of failures: nothing is asked of the future,
    /// nothing beyond the limit, and once the vendor is well everything due is sealed.
    #[test]
    fn everything_is_sealed_once_the_vendor_is_well(
        zone in zone(),
        skills in skills(),
        seed in any::<u64>(),
        faults in 0.0..0.4_f64,
        reasons in reason(),
        witness_refused in any::<bool>(),
        tight in any::<bool>(),
        rows_per_hour in prop::sample::select(vec![0.0, 50.0, 4_000.0]),
        outage in 0..60_i64,
        month in prop::sample::select(vec!["2026-03-06", "2026-04-03", "2026-10-30", "2026-09-04"]),
    ) {
        let limit = if tight { 1_500 } else { 25_000 };
        let start = at(&format!("{month}T17:03:20Z"));
        let mut world = World::new(operation(zone, skills, Some(limit)), seed, start);
        world.vendor.faults = faults;
        world.vendor.reasons = reasons;
        world.vendor.witness_refused = witness_refused;
        world.vendor.rows_per_hour = rows_per_hour;
        world.vendor.healthy_from = start + hours(48);
        world.run_for(5);
        // Nothing runs for a while.
        world.now += hours(outage.saturating_sub(30));
        // With a tight limit the bad days have spent what the first good hours would need.
        world.run_for(if tight { 96 } else { 72 });
        prop_assert_eq!(world.overspent, 0);
        prop_assert_eq!(world.overdue(hours(12)), vec![]);
        for report in world.operation.enabled().collect::<Vec<_>>() {
            let slots = world.slots(report);
            let last = *slots.last().unwrap();
            let interval = SignedDuration::try_from(world.schedule.interval(report)).unwrap();
            let since = world.now.duration_since(last);
            prop_assert!(since <= interval + interval + hours(1), "{} was last read {} ago", report, since);
        }
    }

    /// Halves of halves cover the window exactly, whatever is cut.
    #[test]
    fn splits_end_and_cover_the_window_exactly(
        report in prop::sample::select(vec![Report::Cdr1, Report::Diagram3, Report::Diagram12]),
        rate in 1.0..400.0_f64,
        seed in any::<u64>(),
    ) {
        let operation = only(report);
        let mut now = at(START);
        let mut schedule = Schedule::new(&operation, seed, now);
        let mut history = History::default();
        let mut leaves: Vec<Window> = vec![];
        let mut whole: Option<(u64, Window)> = None;
        loop {
            let (request, asked) = drive(&mut schedule, &mut history, now);
            now = asked;
            if request.report != report {
                schedule.done(&request, success(&request), now);
                continue;
            }
            let window = request.window.unwrap();
            let (slot, _) = *whole.get_or_insert((request.slot, window));
            if slot != request.slot {
                break;
            }
            let rows = (window.seconds() as f64 * rate) as u64;
            let cut = rows >= 60_000 && !request.is_indivisible();
            let outcome = if cut { Outcome::Split(Reason::Truncated) } else { success(&request) };
            if !cut {
                leaves.push(window);
            }
            schedule.done(&request, outcome, now);
        }
        let (_, window) = whole.unwrap();
        prop_assert_eq!(leaves[0].from, window.from);
        prop_assert_eq!(leaves.last().unwrap().to, window.to);
        for pair in leaves.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
        }
    }

    /// One second of events, one hour of the IVR: nothing is ever asked for less.
    #[test]
    fn halves_meet_and_end(seconds in 1..4_000_000_i64, events in any::<bool>()) {
        let report = if events { Report::Cdr1 } else { Report::Diagram12 };
        let from = civil::date(2026, 3, 1).at(5, 0, 0, 0);
        let mut window = Window { from, to: shift(from, SignedDuration::from_secs(seconds)) };
        let mut depth = 0;
        while let Some([left, right]) = split::halves(report, window) {
            prop_assert_eq!((left.from, left.to, right.to), (window.from, right.from, window.to));
            prop_assert!(!left.is_empty() && !right.is_empty());
            window = if depth % 2 == 0 { left } else { right };
            depth += 1;
            prop_assert!(depth < 30);
        }
        let finest = if events { 1 } else { 3_600 };
        prop_assert!(window.seconds() <= finest);
    }
}

#[test]
fn a_server_that_answers_nothing_is_not_asked_ever_more() {
    let operation = only(Report::Cdr1);
    let mut now = at(START);
    let mut schedule = Schedule::new(&operation, 2, now);
    let mut history = History::default();
    let mut asked_for = 0;
    let until = now + hours(1);
    while now < until {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        let outcome = match request.report {
            Report::Cdr1 => {
                asked_for += 1;
                now += SignedDuration::from_secs(60);
                Outcome::Split(Reason::Timeout)
            }
            _ => success(&request),
        };
        schedule.done(&request, outcome, now);
    }
    assert!(asked_for < 60, "{asked_for}");
}

#[test]
fn a_slow_server_gets_smaller_questions_until_it_answers() {
    let mut operation = only(Report::Cdr1);
    operation.count_from = CountFrom::Date(civil::date(2026, 1, 1));
    let mut world = World::new(operation, 2, at(START));
    world.vendor.slow_beyond = Some(6 * 3600);
    world.run_for(30);
    assert_eq!(world.overdue(hours(4)), []);
}

/// Requests by report in a day against a server that answers this to `cdr_1`.
fn a_day_beside(mut answer: impl FnMut(&Request) -> Outcome, limit: u64) -> BTreeMap<Report, u64> {
    let mut operation = operation("America/Bogota", Skills::All, None);
    operation.daily_requests = Some(limit);
    let mut now = at(START);
    let mut schedule = Schedule::new(&operation, 2, now);
    let mut history = History::default();
    let mut asked_for: BTreeMap<Report, u64> = BTreeMap::new();
    let mut slots: BTreeMap<u64, u64> = BTreeMap::new();
    let until = now + hours(24);
    while now < until {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        *asked_for.entry(request.report).or_default() += 1;
        *slots.entry(request.slot).or_default() += 1;
        let outcome = if request.report == Report::Cdr1 { answer(&request) } else { success(&request) };
        schedule.done(&request, outcome, now);
    }
    let longest = slots.values().max().copied().unwrap_or(0);
    assert!(longest <= 2 * (limit / 40).max(64) + 4, "a slot of {longest} requests");
    asked_for
}

#[test]
fn a_server_that_cuts_whatever_it_is_asked_starves_nobody() {
    let always = |request: &Request| match request.is_indivisible() {
        // What the pipeline does with a second that is cut: it counts.
        true => Outcome::Applied { rows: 60_000, coarse: false },
        false => Outcome::Split(Reason::Truncated),
    };
    for limit in [1_000, 5_000, 25_000] {
        let asked_for = a_day_beside(always, limit);
        let fair = a_day_beside(success, limit);
        for report in [Report::Skill6, Report::Diagram3, Report::Diagram12, Report::Diagram4] {
            assert!(asked_for[&report] * 3 > fair[&report], "{limit} {report}: {asked_for:?}, fair {fair:?}");
        }
    }
}

#[test]
fn a_server_that_gives_little_at_a_time_starves_nobody() {
    // Ten minutes are as much as it gives.
    let little = |request: &Request| match request.window.unwrap().seconds() > 600 {
        true => Outcome::Split(Reason::Truncated),
        false => success(request),
    };
    for limit in [1_000, 5_000] {
        let asked_for = a_day_beside(little, limit);
        let fair = a_day_beside(success, limit);
        for report in [Report::Skill6, Report::Diagram3, Report::Diagram12, Report::Diagram4] {
            assert!(
                asked_for[&report] * 10 > fair[&report],
                "{limit} {report}: {asked_for:?}, fair {fair:?}"
            );
        }
    }
}

#[test]
fn a_held_answer_that_was_cut_is_asked_again_in_pieces() {
    let operation = only(Report::Cdr1);
    let mut now = at(START);
    let mut schedule = Schedule::new(&operation, 2, now);
    let mut history = History::default();
    let mut held: Option<Request> = None;
    let mut after: Vec<Window> = vec![];
    for step in 0.. {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        if request.report != Report::Cdr1 {
            schedule.done(&request, success(&request), now);
            continue;
        }
        let outcome = match (&held, after.len()) {
            (None, 0) if request.window.unwrap().seconds() > 2 * 3600 => Outcome::Split(Reason::Truncated),
            (None, _) => {
                held = Some(request.clone());
                Outcome::Applied { rows: 1, coarse: false }
            }
            (Some(first), _) => {
                if after.is_empty() {
                    assert!(schedule.ask_again(first));
                }
                after.push(request.window.unwrap());
                success(&request)
            }
        };
        let slot = request.slot;
        schedule.done(&request, outcome, now);
        if after.len() == 3 || step > 200 {
            let first = held.clone().unwrap();
            assert_eq!(slot, first.slot);
            assert_eq!(after[1..], split::halves(Report::Cdr1, first.window.unwrap()).unwrap());
            assert!(!schedule.ask_again(&Request { slot: 0, ..first }), "of another slot");
            return;
        }
    }
}

#[test]
fn a_server_that_fails_at_large_questions_gets_smaller_ones() {
    let operation = only(Report::Cdr1);
    let mut now = at(START);
    let mut schedule = Schedule::new(&operation, 2, now);
    let mut history = History::default();
    let mut answered = 0;
    let until = now + hours(3);
    while now < until {
        let (request, asked) = drive(&mut schedule, &mut history, now);
        now = asked;
        let outcome = match request.window {
            Some(window) if request.report == Report::Cdr1 && window.seconds() > 3600 => {
                Outcome::Failed(Reason::Server)
            }
            Some(_) if request.report == Report::Cdr1 => {
                answered += 1;
                success(&request)
            }
            _ => success(&request),
        };
        schedule.done(&request, outcome, now);
    }
    assert!(answered > 10, "{answered}");
}
