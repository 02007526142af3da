//! Lives that once went wrong, and those that were thought up to go wrong, as plain tests.

use super::operation::{Op, Plan};
use super::vendor::Fault;
use super::world::World;

const BOGOTA_MORNING: u8 = 0;
const BOGOTA_NIGHT: u8 = 1;
const NEW_YORK_FOLD: u8 = 3;
const LORD_HOWE_FOLD: u8 = 7;

const SKILL_6: u8 = 1;
const CALLBACKS: u8 = 2;
const CALLS: u8 = 8;
const ALL: u8 = 31;

/// One skill, for lives that are about something else.
fn plain(start: u8, reports: u8, ops: &[Op]) -> Plan {
    Plan { start, from: None, reports, interval: 0, settle: 0, discover: false, skills: 1, ops: ops.to_vec() }
}

/// A row of each report.
fn some_of_each(ago: u16) -> impl Iterator<Item = Op> {
    (0..5).map(move |kind| Op::Appear { kind, ago, skill: 0, a: 6 + kind, b: 9 })
}

const fn pass(minutes: u16) -> Op {
    Op::Pass { minutes }
}

/// The gauges of today looked the skill up among those that other reports had brought, found none, and said `other`.
#[test]
fn today_is_shown_under_the_skill_that_was_asked_for() {
    World::live(&plain(2, SKILL_6, &[Op::Appear { kind: 0, ago: 0, skill: 0, a: 0, b: 0 }]));
}

/// What a store that was read anew has forgotten, a first empty look, is looked at again.
#[test]
fn an_empty_look_before_a_refusal_of_the_disk_is_repeated() {
    let ops = [pass(1), Op::Refuse { operations: 50, count: 1 }, pass(180)];
    World::live(&Plan { interval: 12, ..plain(BOGOTA_NIGHT, 21, &ops) });
}

/// A call seen while agents were no labels counts for nobody, also once they are.
#[test]
fn a_call_keeps_its_labels_when_agents_become_labels() {
    let call = Op::Appear { kind: 3, ago: 0, skill: 0, a: 0, b: 0 };
    World::live(&plain(
        BOGOTA_MORNING,
        CALLS,
        &[pass(1), call, pass(61), Op::Agents { on: true }, pass(61), call],
    ));
}

#[test]
fn a_late_row_in_an_hour_that_comes_twice_survives_a_power_cut_and_other_labels() {
    let mut ops = vec![pass(60)];
    for minute in [20, 75, 130] {
        ops.extend(some_of_each(minute));
        ops.push(pass(25));
        ops.push(Op::Relabel { which: 3, to: 9 });
        ops.push(Op::Cut { operations: 17, down: 7, mask: 0x5555_5555_5555_5555 });
        ops.push(Op::Agents { on: minute == 75 });
        ops.push(Op::Withdraw { which: 1 });
        ops.push(Op::Decide { which: 2, to: 2 });
        ops.push(Op::Scrape);
    }
    World::live(&plain(NEW_YORK_FOLD, ALL, &ops));
    World::live(&plain(LORD_HOWE_FOLD, ALL, &ops));
    World::live(&Plan { from: Some(1), discover: true, skills: 4, ..plain(NEW_YORK_FOLD, ALL, &ops) });
}

#[test]
fn a_past_that_is_read_through_crashes_and_lost_answers_appears_whole() {
    let mut ops: Vec<Op> = [2_000, 1_500, 900, 400].into_iter().flat_map(some_of_each).collect();
    ops.push(Op::Die { requests: 3, down: 0, mask: 0 });
    ops.push(pass(2));
    ops.push(Op::Fail { count: 4, fault: Fault::Cut(200) });
    ops.push(Op::Die { requests: 6, down: 400, mask: u64::MAX });
    ops.push(pass(30));
    ops.extend(some_of_each(1_450));
    ops.push(Op::Fail { count: 3, fault: Fault::Status(504) });
    ops.push(pass(200));
    World::live(&Plan { from: Some(2), ..plain(BOGOTA_MORNING, ALL, &ops) });
    World::live(&Plan { from: Some(2), discover: true, skills: 4, ..plain(BOGOTA_MORNING, ALL, &ops) });
}

#[test]
fn what_vanished_is_tried_for_a_day_through_restarts_and_a_change_of_the_clocks() {
    let mut ops = vec![pass(61)];
    ops.extend(some_of_each(0));
    ops.push(pass(90));
    ops.extend([Op::Withdraw { which: 0 }; 5]);
    for _ in 0..6 {
        ops.push(pass(300));
        ops.push(Op::Restart { down: 20 });
        ops.push(Op::Scrape);
    }
    for start in [BOGOTA_MORNING, NEW_YORK_FOLD, LORD_HOWE_FOLD] {
        World::live(&plain(start, ALL, &ops));
    }
}

#[test]
fn a_clock_set_back_over_midnight_and_forward_again_counts_nothing_twice() {
    let mut ops = vec![pass(30)];
    ops.extend(some_of_each(10));
    for minutes in [-90, 0, 100, -1_500, 1_500, 0] {
        ops.push(Op::Skew { minutes });
        ops.push(pass(40));
        ops.extend(some_of_each(35));
        ops.push(Op::Scrape);
        ops.push(pass(70));
    }
    World::live(&plain(BOGOTA_NIGHT, ALL, &ops));
    ops.insert(6, Op::Cut { operations: 40, down: 30, mask: 0 });
    World::live(&Plan { interval: 1, ..plain(BOGOTA_NIGHT, ALL, &ops) });
}

#[test]
fn a_callback_that_changes_its_mind_has_one_outcome() {
    let mut ops = vec![Op::Appear { kind: 2, ago: 0, skill: 0, a: 0, b: 5 }, pass(61)];
    for status in [1, 2, 3, 0, 6] {
        ops.push(Op::Appear { kind: 2, ago: 5, skill: 0, a: 1, b: 7 });
        ops.push(Op::Decide { which: status, to: status });
        ops.push(Op::Grow { which: 0, by: 3 });
        ops.push(pass(61));
        ops.push(Op::Restart { down: 3 });
        ops.push(Op::Decide { which: 0, to: status });
        ops.push(pass(200));
    }
    World::live(&plain(BOGOTA_MORNING, CALLBACKS, &ops));
}

#[test]
fn a_report_that_was_off_counts_again_from_its_return() {
    let mut ops = vec![pass(61)];
    for (down, away) in [(0, 30), (3, 400), (0, 2_000)] {
        ops.extend(some_of_each(20));
        ops.push(pass(70));
        ops.extend((0..4).map(|which| Op::Turn { which, on: false }));
        ops.extend(some_of_each(10));
        ops.push(pass(away));
        ops.extend(some_of_each(away.min(60)));
        ops.push(Op::Restart { down });
        ops.extend((0..4).map(|which| Op::Turn { which, on: true }));
        ops.push(Op::Scrape);
    }
    World::live(&plain(BOGOTA_NIGHT, ALL, &ops));
    World::live(&Plan { discover: true, skills: 3, ..plain(BOGOTA_NIGHT, ALL, &ops) });
}

/// The power goes at the first storage operation of an hour with everything in it, at the eighth, the fifteenth, and
/// so on; the search picks the others.
#[test]
fn a_power_cut_anywhere_in_an_hour_changes_nothing() {
    for operations in 0..20 {
        let mut ops: Vec<Op> = vec![pass(61)];
        ops.extend(some_of_each(5));
        ops.push(Op::Cut { operations: 7 * operations, down: 0, mask: 0x9249_2492_4924_9249 });
        ops.push(pass(62));
        ops.push(Op::Revise { which: 3, to: 7 });
        ops.push(pass(62));
        World::live(&Plan { interval: 3, ..plain(BOGOTA_MORNING, ALL, &ops) });
    }
}

/// The clock went forward and back before the worker looked: it slept on, and nobody knew that it was asleep.
#[test]
fn a_clock_set_back_twice_before_the_worker_looks_wakes_it() {
    let ops = [pass(40), Op::Skew { minutes: 392 }, Op::Skew { minutes: 0 }];
    World::live(&plain(LORD_HOWE_FOLD, CALLBACKS, &ops));
}

/// The gauge of callbacks was counted before the commit: what the disk refused was shown all the same.
#[test]
fn a_status_that_the_disk_refused_is_not_shown() {
    let callback = Op::Appear { kind: 2, ago: 0, skill: 0, a: 0, b: 9 };
    for operations in (0..90).step_by(3) {
        let refuse = Op::Refuse { operations, count: 1 };
        let ops = [pass(1), callback, pass(61), Op::Decide { which: 0, to: 2 }, refuse, pass(70)];
        World::live(&plain(BOGOTA_MORNING, CALLBACKS | CALLS, &ops));
    }
}

/// Only skills that have moved since they were last read are asked for; what was not committed has not been read.
#[test]
fn a_reading_that_the_disk_refused_is_asked_for_again_though_nothing_has_moved() {
    let calls = Op::Appear { kind: 0, ago: 0, skill: 1, a: 7, b: 9 };
    for operations in (0..120).step_by(8) {
        let ops = [pass(1), calls, pass(61), calls, Op::Refuse { operations, count: 1 }, pass(61)];
        World::live(&Plan { skills: 4, ..plain(BOGOTA_MORNING, SKILL_6, &ops) });
    }
}

/// The power went while the first list of skills was written down, and the judge thought that it had been: it took the
/// skills of the next list for ones that no past was promised for.
#[test]
fn skills_that_a_power_cut_has_forgotten_count_from_where_they_were_to() {
    for operations in 0..30 {
        let ops = [Op::Cut { operations, down: 0, mask: 0 }, pass(1)];
        World::live(&Plan { from: Some(1), discover: true, ..plain(4, SKILL_6, &ops) });
    }
}
