//! One test for each sentence of the contract.

use super::disk::Disk;
use super::*;

#[test]
fn the_opening_does_not_contribute_and_growth_after_it_does() {
    let mut ledger = ledger("2026-04-04T10:00:00");
    ledger.apply("acme", &day("2026-04-04T10:00:05", "2026-04-04", &[("601", 40)])).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 0, 0));
    ledger.apply("acme", &day("2026-04-04T10:05:05", "2026-04-04", &[("601", 43), ("602", 2)])).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 5, 5));
}

#[test]
fn reading_again_changes_nothing_and_is_not_written() {
    let mut ledger = ledger("2026-04-04T10:00:00");
    ledger.apply("acme", &day("2026-04-04T10:00:05", "2026-04-04", &[("601", 40)])).unwrap();
    ledger.apply("acme", &day("2026-04-04T10:05:05", "2026-04-04", &[("601", 43)])).unwrap();
    release(&mut ledger);
    let generation = ledger.published("acme").generation;
    let again = ledger.apply("acme", &day("2026-04-04T10:05:06", "2026-04-04", &[("601", 43)])).unwrap();
    assert!(!again.changed && !again.committed, "{again:?}");
    assert_eq!(ledger.published("acme").generation, generation);
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 3, 3));
}

#[test]
fn a_correction_downward_makes_the_counter_wait() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    for (minute, inbound, mark) in [(5, 10, 10), (10, 8, 10), (15, 9, 10), (20, 12, 12)] {
        let now = format!("2026-04-05T10:{minute:02}:00");
        let applied = ledger.apply("acme", &day(&now, "2026-04-05", &[("601", inbound)])).unwrap();
        assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, inbound, mark));
        assert_eq!(applied.revisions.down, u64::from(inbound == 8));
    }
}

#[test]
fn a_day_seals_after_its_settle_with_what_the_answer_holds() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    ledger.apply("acme", &day("2026-04-05T23:50:00", "2026-04-05", &[("601", 10), ("602", 4)])).unwrap();
    let early = ledger.apply("acme", &day("2026-04-06T05:59:00", "2026-04-05", &[("601", 11)])).unwrap();
    assert!(early.sealed.is_empty());
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 15, 15));
    let late = ledger.apply("acme", &day("2026-04-06T06:00:01", "2026-04-05", &[("601", 12)])).unwrap();
    assert_eq!(late.sealed, [Bucket::day(civil::date(2026, 4, 5))]);
    assert_eq!(late.revisions.down, 1, "602 is missing at the seal");
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (12, 0, 16));
}

#[test]
fn a_new_series_is_shown_as_0_until_it_has_been_served_and_held() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    ledger.apply("acme", &day("2026-04-05T10:00:00", "2026-04-05", &[("601", 10)])).unwrap();
    let family = &catalogue::INBOUND_CALLS;
    assert_eq!(shown(&mut ledger, family, "601"), Some(0));
    assert_eq!(shown(&mut ledger, &catalogue::ABANDON_WAIT, "601"), Some(0));
    let generation = ledger.published("acme").generation;
    let hold = Duration::from_secs(120);
    assert!(!ledger.release("acme", generation - 1, Duration::from_secs(10), hold).unwrap());
    assert!(!ledger.release("acme", generation - 1, Duration::from_secs(500), hold).unwrap());
    assert!(ledger.release("acme", generation, Duration::from_secs(500), hold).unwrap());
    assert_eq!(shown(&mut ledger, family, "601"), Some(10));
}

#[test]
fn rows_seal_by_hours_and_pending_codes_count_at_the_seal() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let calls = || vec![call(1, "2026-04-05T10:10:00", 30, ""), call(2, "2026-04-05T10:20:00", 90, "400")];
    ledger
        .apply("acme", &rows(Report::Cdr1, "2026-04-05T10:30:00", "2026-04-04T22:00:00", "now", calls()))
        .unwrap();
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (0, 2, 2));
    assert_eq!(sums(&ledger, &catalogue::CDR_ACTIVITY), (0, 1, 1));
    let sealing = rows(Report::Cdr1, "2026-04-05T17:00:01", "2026-04-05T08:00:00", "now", calls());
    let applied = ledger.apply("acme", &sealing).unwrap();
    assert_eq!(applied.sealed, [Bucket::of("2026-04-05T10:00:00".parse().unwrap(), Grain::Hour)]);
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (2, 0, 2));
    assert_eq!(sums(&ledger, &catalogue::CDR_ACTIVITY), (2, 0, 2));
}

fn hour(text: &str) -> Bucket {
    Bucket::of(text.parse().unwrap(), Grain::Hour)
}

fn date(text: &str) -> Bucket {
    Bucket::day(text.parse().unwrap())
}

#[test]
fn rows_of_an_opening_never_contribute_and_neither_do_their_late_fields() {
    let mut ledger = ledger("2026-04-04T10:20:00");
    let read = |now: &str, calls| rows(Report::Cdr1, now, "2026-04-04T02:00:00", "now", calls);
    let opening = vec![call(1, "2026-04-04T10:10:00", 30, "")];
    ledger.apply("acme", &read("2026-04-04T10:20:05", opening)).unwrap();
    // The same row grows and is coded; another one of the same hour appears late and counts.
    let later = vec![call(1, "2026-04-04T10:10:00", 50, "400"), call(2, "2026-04-04T10:15:00", 9, "400")];
    ledger.apply("acme", &read("2026-04-04T10:25:00", later.clone())).unwrap();
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (0, 1, 1));
    assert_eq!(sums(&ledger, &catalogue::CDR_ACTIVITY), (0, 1, 1));
    ledger.apply("acme", &read("2026-04-04T17:00:01", later)).unwrap();
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (1, 0, 1));
    assert_eq!(sums(&ledger, &catalogue::CDR_ACTIVITY), (1, 0, 1));
}

#[test]
fn a_reading_in_parts_ends_an_opening_only_when_all_parts_are_there() {
    let mut ledger = ledger("2026-04-04T10:20:00");
    let read = |from: &str, to: &str, calls| rows(Report::Cdr1, "2026-04-04T10:20:05", from, to, calls);
    let first = vec![call(1, "2026-04-04T10:02:00", 30, "")];
    ledger.apply("acme", &read("2026-04-04T02:00:00", "2026-04-04T10:05:00", first)).unwrap();
    let second = vec![call(2, "2026-04-04T10:10:00", 30, "")];
    ledger.apply("acme", &read("2026-04-04T10:05:00", "now", second)).unwrap();
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (0, 0, 0));
    let third = vec![call(3, "2026-04-04T10:04:00", 30, "")];
    ledger
        .apply("acme", &rows(Report::Cdr1, "2026-04-04T10:25:05", "2026-04-04T02:00:00", "now", third))
        .unwrap();
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (0, 1, 1));
}

#[test]
fn rows_of_a_sealed_hour_are_not_applied_and_those_beyond_its_count_are_counted_once() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let read = |now: &str, calls| rows(Report::Cdr1, now, "2026-04-05T06:00:00", "now", calls);
    let first = vec![call(1, "2026-04-05T10:10:00", 30, "1")];
    let mut both = first.clone();
    both.push(call(2, "2026-04-05T10:50:00", 30, "1"));
    ledger.apply("acme", &read("2026-04-05T17:00:01", first)).unwrap();
    let late = ledger.apply("acme", &read("2026-04-05T17:05:00", both.clone())).unwrap();
    assert_eq!(late.dropped.sealed, 1);
    let again = ledger.apply("acme", &read("2026-04-05T17:10:00", both)).unwrap();
    assert_eq!(again.dropped.sealed, 0);
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (1, 0, 1));
}

#[test]
fn rows_after_the_slot_or_before_the_first_bucket_are_outside() {
    let mut ledger = ledger("2026-04-04T10:20:00");
    let calls = vec![call(1, "2026-04-04T10:30:00", 30, "1"), call(2, "2026-04-04T01:00:00", 30, "1")];
    let reading = rows(Report::Cdr1, "2026-04-04T10:20:05", "2026-04-04T00:00:00", "now", calls);
    assert_eq!(ledger.apply("acme", &reading).unwrap().dropped.outside_window, 2);
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (0, 0, 0));
}

#[test]
fn an_hour_that_never_had_rows_seals_at_the_second_empty_look_a_slot_later() {
    let mut ledger = ledger("2026-04-05T00:30:00");
    let look = |now: &str| rows(Report::Cdr1, now, "2026-04-04T16:00:00", "now", Vec::new());
    assert_eq!(ledger.apply("acme", &look("2026-04-05T05:00:01")).unwrap().sealed, []);
    assert_eq!(ledger.apply("acme", &look("2026-04-05T05:00:01")).unwrap().sealed, []);
    let second = ledger.apply("acme", &look("2026-04-05T05:05:00")).unwrap();
    assert_eq!(second.sealed.last(), Some(&hour("2026-04-04T22:00:00")));
}

#[test]
fn emptiness_where_cells_exist_is_owed_for_a_day_and_then_sealed_as_held() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let known = vec![call(1, "2026-04-05T10:10:00", 30, "")];
    ledger
        .apply("acme", &rows(Report::Cdr1, "2026-04-05T10:30:00", "2026-04-04T00:00:00", "now", known))
        .unwrap();
    let look = |now: &str| rows(Report::Cdr1, now, "2026-04-05T08:00:00", "now", Vec::new());
    ledger.apply("acme", &look("2026-04-05T17:00:01")).unwrap();
    let second = ledger.apply("acme", &look("2026-04-05T17:05:00")).unwrap();
    assert!(!second.sealed.contains(&hour("2026-04-05T10:00:00")), "{second:?}");
    assert!(ledger.standing("acme", Report::Cdr1, at("2026-04-05T17:05:00")).owed > 0);
    assert_eq!(ledger.tick("acme", at("2026-04-06T16:59:00")).unwrap().sealed_as_held, 0);
    let tick = ledger.tick("acme", at("2026-04-06T17:00:02")).unwrap();
    assert_eq!((tick.sealed_as_held, tick.sealed), (1, vec![hour("2026-04-05T10:00:00")]));
    assert_eq!(sums(&ledger, &catalogue::CDR_CALLS), (1, 0, 1));
    assert_eq!(sums(&ledger, &catalogue::CDR_ACTIVITY), (1, 0, 1));
}

#[test]
fn a_rejected_row_keeps_its_cell_and_its_day_from_sealing() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    ledger.apply("acme", &day("2026-04-05T20:00:00", "2026-04-05", &[("601", 10), ("602", 4)])).unwrap();
    let mut broken = day("2026-04-06T06:00:01", "2026-04-05", &[("601", 12), ("602", 4)]);
    let Content::Totals(totals) = &mut broken.content else { unreachable!() };
    totals[1].amounts = None;
    let applied = ledger.apply("acme", &broken).unwrap();
    assert!(applied.sealed.is_empty());
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 16, 16));
    let whole = ledger.apply("acme", &day("2026-04-06T06:10:01", "2026-04-05", &[("601", 12), ("602", 5)]));
    assert_eq!(whole.unwrap().sealed, [date("2026-04-05")]);
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (17, 0, 17));
}

#[test]
fn the_answers_own_date_must_be_past_the_settle_too() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let mut reading = day("2026-04-06T06:00:01", "2026-04-05", &[("601", 10)]);
    reading.date = Some(at("2026-04-06T05:59:59"));
    assert!(ledger.apply("acme", &reading).unwrap().sealed.is_empty());
    reading.date = Some(at("2026-04-06T06:00:01"));
    assert_eq!(ledger.apply("acme", &reading).unwrap().sealed, [date("2026-04-05")]);
}

#[test]
fn a_part_of_a_day_never_replaces_the_whole() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    ledger.apply("acme", &day("2026-04-05T20:00:00", "2026-04-05", &[("601", 10)])).unwrap();
    let mut part = day("2026-04-06T06:00:01", "2026-04-05", &[("601", 3)]);
    part.window.to = "2026-04-05T12:00:00".parse().unwrap();
    assert_eq!(ledger.apply("acme", &part).unwrap().dropped.outside_window, 1);
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 10, 10));
}

#[test]
fn a_date_to_count_from_hides_the_report_until_its_past_is_read_and_shows_it_whole() {
    let mut ledger = Ledger::in_memory(at("2026-04-04T10:00:00")).unwrap();
    let mut operation = operation();
    operation.count_from = CountFrom::Date(civil::date(2026, 4, 1));
    ledger.enter(&operation, at("2026-04-04T10:00:00")).unwrap();
    let history = ledger.history("acme").unwrap();
    assert_eq!(history.skills["101"].unsealed_from, date("2026-04-01"));
    let inbound = &catalogue::INBOUND_CALLS;
    // The present is read first, then the past, oldest first.
    ledger.apply("acme", &day("2026-04-04T10:01:00", "2026-04-04", &[("601", 5)])).unwrap();
    for (past, calls) in [("2026-04-01", 100), ("2026-04-02", 200)] {
        assert_eq!(shown(&mut ledger, inbound, "601"), None);
        ledger.apply("acme", &day("2026-04-04T10:05:00", past, &[("601", calls)])).unwrap();
    }
    assert!(ledger.standing("acme", Report::Skill6, at("2026-04-04T10:05:00")).hidden_until_caught_up);
    let last = ledger.apply("acme", &day("2026-04-04T10:10:00", "2026-04-03", &[("601", 300)])).unwrap();
    assert!(last.changed && last.notes.contains(&Note::CaughtUp { report: Report::Skill6 }), "{last:?}");
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(605));
    let standing = ledger.standing("acme", Report::Skill6, at("2026-04-04T10:10:00"));
    assert_eq!(standing.counting_since, Some(at("2026-04-01T00:00:00")));
    assert_eq!(standing.data_through, Some(at("2026-04-04T10:01:01")), "the second of the slot included");
    // A later edit does nothing but warn.
    operation.count_from = CountFrom::Now;
    assert_eq!(ledger.enter(&operation, at("2026-04-04T11:00:00")).unwrap().warnings.len(), 1);
}

#[test]
fn the_first_list_of_skills_opens_and_skills_met_later_start_at_0() {
    let mut ledger = Ledger::in_memory(at("2026-04-04T10:00:00")).unwrap();
    let mut operation = operation();
    operation.skills = Skills::Discover;
    ledger.enter(&operation, at("2026-04-04T10:00:00")).unwrap();
    assert!(ledger.history("acme").unwrap().skills.is_empty());
    let of = |skill: &str, mut reading: Reading| {
        reading.skill = skill.to_owned();
        let Content::Totals(totals) = &mut reading.content else { unreachable!() };
        for total in totals {
            total.key.insert(Label::SkillId, skill.into());
        }
        reading
    };
    let list = |skills: &[&str]| skills.iter().map(|skill| (*skill).to_owned()).collect::<BTreeSet<_>>();
    ledger.discovered("acme", &list(&["101"]), at("2026-04-04T10:00:01")).unwrap();
    ledger.apply("acme", &day("2026-04-04T10:00:05", "2026-04-04", &[("601", 10)])).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 0, 0));
    ledger.discovered("acme", &list(&["101", "102"]), at("2026-04-04T15:00:00")).unwrap();
    ledger.apply("acme", &of("102", day("2026-04-04T15:00:05", "2026-04-04", &[("601", 7)]))).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 7, 7));
    // One that the witness meets before a list names it starts at 0 too, and nobody leaves for its sake.
    ledger.met("acme", &list(&["103"]), at("2026-04-04T15:30:00")).unwrap();
    let reading = |inbound| of("103", day("2026-04-04T15:30:05", "2026-04-04", &[("601", inbound)]));
    ledger.apply("acme", &reading(2)).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 9, 9));
    assert_eq!(ledger.history("acme").unwrap().skills.len(), 3);
    ledger.apply("acme", &reading(0)).unwrap();
    // One that leaves is read until its days are sealed, and then no more.
    ledger.discovered("acme", &list(&["101"]), at("2026-04-04T16:00:00")).unwrap();
    assert!(ledger.history("acme").unwrap().skills.contains_key("102"));
    ledger.apply("acme", &of("102", day("2026-04-05T06:00:01", "2026-04-04", &[("601", 8)]))).unwrap();
    assert!(!ledger.history("acme").unwrap().skills.contains_key("102"));
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (8, 0, 10));
    // Nothing of the days it was away counts, whoever reads them.
    ledger.apply("acme", &of("102", day("2026-04-05T09:00:01", "2026-04-05", &[("601", 9)]))).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (8, 0, 10));
}

#[test]
fn a_skill_met_before_the_first_list_opens_and_so_does_the_list() {
    let mut ledger = Ledger::in_memory(at("2026-04-04T10:00:00")).unwrap();
    let mut operation = operation();
    operation.skills = Skills::Discover;
    ledger.enter(&operation, at("2026-04-04T10:00:00")).unwrap();
    let list = |skills: &[&str]| skills.iter().map(|skill| (*skill).to_owned()).collect::<BTreeSet<_>>();
    let of = |skill: &str, now: &str| {
        let mut reading = day(now, "2026-04-04", &[("601", 5)]);
        reading.skill = skill.to_owned();
        let Content::Totals(totals) = &mut reading.content else { unreachable!() };
        for total in totals {
            total.key.insert(Label::SkillId, skill.into());
        }
        reading
    };
    ledger.met("acme", &list(&["103"]), at("2026-04-04T10:00:00")).unwrap();
    ledger.discovered("acme", &list(&["101", "103"]), at("2026-04-04T10:00:01")).unwrap();
    ledger.apply("acme", &of("103", "2026-04-04T10:00:05")).unwrap();
    ledger.apply("acme", &of("101", "2026-04-04T10:00:06")).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 0, 0));
}

#[test]
fn a_skill_absent_from_the_witness_has_been_read_and_is_empty() {
    let mut ledger = ledger("2026-04-04T10:00:00");
    let (present, known) = (BTreeSet::new(), BTreeSet::from(["101".to_owned()]));
    let mut look = |now: &str| {
        let (slot, now) = slot_at(now);
        let day = date("2026-04-04");
        let witness = Witness { day, present: &present, known: &known, slot, now, asked: now, date: None };
        ledger.absent("acme", &witness).unwrap()
    };
    look("2026-04-04T10:00:05");
    assert_eq!(look("2026-04-05T06:00:01").sealed, []);
    assert_eq!(look("2026-04-05T06:05:01").sealed, [date("2026-04-04")]);
    // The opening of the 4th was empty, so the 4th would have counted from there.
    let standing = ledger.standing("acme", Report::Skill6, at("2026-04-05T06:05:01"));
    assert_eq!((standing.owed, standing.last_success), (0, Some(at("2026-04-04T10:00:05"))));
}

#[test]
fn what_exceeds_a_cap_shares_one_cell_and_stays_there_for_its_bucket() {
    let mut operation = operation();
    operation.dnis.max = 2;
    let mut ledger = Ledger::in_memory(at("2026-04-03T00:00:00")).unwrap();
    ledger.enter(&operation, at("2026-04-03T00:00:00")).unwrap();
    let rows = [("601", 10), ("602", 20)];
    ledger.apply("acme", &day("2026-04-04T10:00:00", "2026-04-04", &rows)).unwrap();
    operation.dnis.allow = Some(BTreeSet::from(["601", "602", "603", "604"].map(str::to_owned)));
    ledger.enter(&operation, at("2026-04-04T10:01:00")).unwrap();
    let rows = [("601", 10), ("602", 20), ("603", 3), ("604", 4)];
    let applied = ledger.apply("acme", &day("2026-04-04T10:05:00", "2026-04-04", &rows)).unwrap();
    assert_eq!(applied.folded[&Label::Dnis], 2);
    // With more slots, the folded values stay together until the next day, and are not counted again.
    operation.dnis.max = 10;
    ledger.enter(&operation, at("2026-04-04T10:06:00")).unwrap();
    let applied = ledger.apply("acme", &day("2026-04-04T10:10:00", "2026-04-04", &rows)).unwrap();
    assert!(applied.folded.is_empty());
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 37, 37));
    ledger.apply("acme", &day("2026-04-05T10:10:00", "2026-04-05", &rows)).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 74, 74));
    release(&mut ledger);
    assert_eq!(shown(&mut ledger, &catalogue::INBOUND_CALLS, "other"), Some(7));
    assert_eq!(shown(&mut ledger, &catalogue::INBOUND_CALLS, "603"), Some(3));
}

/// When values are folded, and when their bucket is sealed.
#[test]
fn folded_values_are_counted_once_whatever_could_not_be_written() {
    let disk = Disk::default();
    let shared = disk.clone();
    let mut ledger = Ledger::with_backend(move || shared.clone(), [5; 32]).unwrap();
    let mut operation = operation();
    operation.dnis.allow = Some(BTreeSet::from(["601".to_owned()]));
    ledger.enter(&operation, at("2026-04-03T00:00:00")).unwrap();
    let both = [("601", 10), ("602", 20)];
    for (now, rows, folded) in [
        ("2026-04-04T10:00:00", both, Some(1)),
        ("2026-04-04T10:05:00", [("602", 21), ("603", 3)], Some(1)),
        ("2026-04-05T08:00:00", both, None),
    ] {
        let reading = day(now, "2026-04-04", &rows);
        disk.fail(0, u64::MAX);
        for _ in 0..2 {
            ledger.apply("acme", &reading).unwrap_err();
        }
        disk.fail(0, 0);
        let applied = ledger.apply("acme", &reading).unwrap();
        assert_eq!(applied.folded.get(&Label::Dnis).copied(), folded, "{now}");
    }
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS).0, 30, "sealed");
}

#[test]
fn callers_numbers_are_withdrawn_and_their_growth_goes_to_other() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let numbers: Vec<String> = (0..30).map(|n| format!("30055500{n:02}")).collect();
    let few: Vec<(&str, i64)> = numbers[..5].iter().map(|n| (n.as_str(), 1)).collect();
    ledger.apply("acme", &day("2026-04-05T10:00:00", "2026-04-05", &few)).unwrap();
    let many: Vec<(&str, i64)> = numbers.iter().map(|n| (n.as_str(), 1)).collect();
    let applied = ledger.apply("acme", &day("2026-04-05T10:05:00", "2026-04-05", &many)).unwrap();
    assert!(matches!(applied.notes[..], [Note::CallersNumbers { values: 30, .. }]), "{applied:?}");
    assert!(ledger.withholds_callers_numbers("acme"));
    release(&mut ledger);
    let inbound = &catalogue::INBOUND_CALLS;
    assert_eq!(shown(&mut ledger, inbound, "dnis=\"3"), None);
    assert_eq!(shown(&mut ledger, inbound, "dnis=\"other\""), Some(25));
    assert!(ledger.totals("acme").all(|total| !total.labels.as_str().contains("3005550")));
    let sealed = ledger.apply("acme", &day("2026-04-06T06:00:01", "2026-04-05", &many)).unwrap();
    assert_eq!(sealed.revisions.down, 0);
    assert_eq!(sums(&ledger, inbound), (30, 0, 30));
    // The configuration changes: what is allowed comes back with its sum, the rest stays in other.
    let mut operation = operation();
    operation.dnis.allow = Some(BTreeSet::from([numbers[0].clone()]));
    ledger.enter(&operation, at("2026-04-06T07:00:00")).unwrap();
    ledger.apply("acme", &day("2026-04-06T10:00:00", "2026-04-06", &many)).unwrap();
    assert_eq!(shown(&mut ledger, inbound, &numbers[0]), Some(1), "the stored value first");
    release(&mut ledger);
    assert_eq!(shown(&mut ledger, inbound, &numbers[0]), Some(2));
    assert_eq!(shown(&mut ledger, inbound, "dnis=\"other\""), Some(25 + 29));
}

#[test]
fn a_value_unused_for_90_days_is_retired_and_returns_with_its_sum() {
    let mut ledger = ledger("2026-01-01T00:00:00");
    ledger.apply("acme", &day("2026-01-02T10:00:00", "2026-01-02", &[("601", 5)])).unwrap();
    ledger.apply("acme", &day("2026-01-03T06:00:01", "2026-01-02", &[("601", 5)])).unwrap();
    release(&mut ledger);
    let inbound = &catalogue::INBOUND_CALLS;
    ledger.tick("acme", at("2026-04-02T00:00:01")).unwrap();
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(5));
    let tick = ledger.tick("acme", at("2026-04-03T00:00:01")).unwrap();
    assert_eq!((tick.changed, &tick.notes[..]), (true, &[Note::Retired { label: Label::Dnis }][..]));
    assert_eq!(shown(&mut ledger, inbound, "601"), None);
    ledger.apply("acme", &day("2026-04-05T10:00:00", "2026-04-05", &[("601", 2)])).unwrap();
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(5));
    release(&mut ledger);
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(7));
}

#[test]
fn a_decided_field_is_fixed_once_and_labels_stay_as_first_seen() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let read = |now: &str, call| rows(Report::Cdr1, now, "2026-04-04T22:00:00", "now", vec![call]);
    let mut relabelled = call(1, "2026-04-05T10:10:00", 30, "401");
    relabelled.observations[0].labels.insert(Label::CampaignId, "8".into());
    ledger.apply("acme", &read("2026-04-05T10:15:00", call(1, "2026-04-05T10:10:00", 30, "400"))).unwrap();
    let applied = ledger.apply("acme", &read("2026-04-05T10:20:00", relabelled.clone())).unwrap();
    assert_eq!(applied.revisions.relabelled, 1);
    let again = ledger.apply("acme", &read("2026-04-05T10:25:00", relabelled)).unwrap();
    assert_eq!(again.revisions.relabelled, 0);
    let of = |family: &'static Family, part: &str| -> i64 {
        let totals = ledger.totals("acme").filter(|total| total.family.is(family));
        totals.filter(|total| total.labels.as_str().contains(part)).map(|total| total.live[0]).sum()
    };
    assert_eq!((of(&catalogue::CDR_ACTIVITY, "400"), of(&catalogue::CDR_ACTIVITY, "401")), (1, 0));
    assert_eq!((of(&catalogue::CDR_CALLS, "\"7\""), of(&catalogue::CDR_CALLS, "\"8\"")), (1, 0));
}

#[test]
fn lateness_is_measured_only_of_new_rows_in_regular_readings() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    let read = |now: &str, calls| rows(Report::Cdr1, now, "2026-04-04T22:00:00", "now", calls);
    let mut calls = vec![call(1, "2026-04-05T10:10:00", 30, "1")];
    let mut lateness =
        |now: &str, calls: &[Event]| ledger.apply("acme", &read(now, calls.to_vec())).unwrap().lateness;
    assert_eq!(lateness("2026-04-05T10:15:00", &calls), [], "the first reading");
    calls.push(call(2, "2026-04-05T10:18:00", 30, "1"));
    assert_eq!(lateness("2026-04-05T10:20:00", &calls), [SignedDuration::from_mins(2)]);
    assert_eq!(lateness("2026-04-05T10:25:00", &calls), [], "nothing new");
    calls.push(call(3, "2026-04-05T10:26:00", 30, "1"));
    assert_eq!(lateness("2026-04-05T12:00:00", &calls), [], "the first reading after a gap");
}

/// A callback at a local time with a status; final ones carry their outcome.
fn callback(identity: u128, when: &str, status: &str) -> Event {
    let observation = |family: &'static Family, labels, when_counted| Observation {
        family,
        slot: 0,
        labels,
        amount: Amount::Count(1),
        when: when_counted,
    };
    let (outcome, decided) = if status == "yes" { ("unknown", When::AtSeal) } else { (status, When::Once) };
    Event {
        at: when.parse().unwrap(),
        identity,
        key: LabelValues::from([(Label::SkillId, "101".into())]),
        observations: vec![
            observation(&catalogue::CALLBACK_OFFERS, LabelValues::new(), When::Follows),
            observation(
                &catalogue::CALLBACK_OUTCOMES,
                LabelValues::from([(Label::Outcome, outcome.into())]),
                decided,
            ),
        ],
        status: Some(status.into()),
    }
}

#[test]
fn callbacks_that_a_failed_commit_brought_are_not_gauged() {
    let disk = super::disk::Disk::default();
    let shared = disk.clone();
    let mut ledger = Ledger::with_backend(move || shared.clone(), [5; 32]).unwrap();
    ledger.enter(&operation(), at("2026-04-04T00:00:00")).unwrap();
    let reading = |minute: u8, status| {
        let now = format!("2026-04-05T10:{minute:02}:00");
        let events = vec![callback(1, "2026-04-05T09:00:00", status)];
        rows(Report::Diagram3, &now, "2026-04-05T00:00:00", "now", events)
    };
    let counts = |ledger: &mut Ledger| {
        ["yes", "ok"].map(|status| shown(ledger, &catalogue::CALLBACKS, &format!("status=\"{status}\"")))
    };
    ledger.apply("acme", &reading(0, "yes")).unwrap();
    assert_eq!(counts(&mut ledger), [Some(1), Some(0)]);
    disk.fail(0, u64::MAX);
    ledger.apply("acme", &reading(5, "ok")).unwrap_err();
    assert_eq!(counts(&mut ledger), [Some(1), Some(0)]);
    disk.fail(0, 0);
    ledger.apply("acme", &reading(10, "ok")).unwrap();
    assert_eq!(counts(&mut ledger), [Some(0), Some(1)]);
}

#[test]
fn callbacks_are_born_with_every_outcome_and_gauged_by_status() {
    let mut ledger = ledger("2026-04-01T00:00:00");
    let read = |now: &str, calls| rows(Report::Diagram3, now, "2026-04-02T22:00:00", "now", calls);
    let waiting = vec![callback(1, "2026-04-05T10:00:00", "yes"), callback(2, "2026-04-05T11:00:00", "yes")];
    ledger.apply("acme", &read("2026-04-05T11:05:00", waiting)).unwrap();
    let block = |ledger: &mut Ledger, family: &'static Family| {
        let published = ledger.published("acme");
        published.blocks.iter().find(|block| block.family.is(family)).map(|block| block.samples.clone())
    };
    assert_eq!(block(&mut ledger, &catalogue::CALLBACK_OUTCOMES).unwrap().len(), 6);
    assert!(block(&mut ledger, &catalogue::CALLBACK_WAIT).is_some());
    assert_eq!(shown(&mut ledger, &catalogue::CALLBACKS, "status=\"yes\""), Some(2));
    let oldest = at("2026-04-05T10:00:00").as_millisecond();
    assert_eq!(shown(&mut ledger, &catalogue::CALLBACK_OLDEST_WAITING, "101"), Some(oldest));
    let one_done = vec![callback(1, "2026-04-05T10:00:00", "ok"), callback(2, "2026-04-05T11:00:00", "yes")];
    ledger.apply("acme", &read("2026-04-05T11:10:00", one_done.clone())).unwrap();
    assert_eq!(shown(&mut ledger, &catalogue::CALLBACKS, "status=\"yes\""), Some(1));
    assert_eq!(sums(&ledger, &catalogue::CALLBACK_OUTCOMES), (0, 1, 1));
    // What is not final at the seal is unknown, and the gauges forget the day.
    let applied = ledger.apply("acme", &read("2026-04-07T12:00:01", one_done)).unwrap();
    assert!(applied.sealed.contains(&date("2026-04-05")));
    assert_eq!(sums(&ledger, &catalogue::CALLBACK_OUTCOMES), (2, 0, 2));
    assert_eq!(block(&mut ledger, &catalogue::CALLBACKS), None);
}

#[test]
fn ivr_families_are_born_at_the_first_complete_reading_even_if_it_is_empty() {
    let mut ledger = ledger("2026-04-04T10:00:00");
    let (slot, now) = slot_at("2026-04-04T10:00:05");
    let window = Window { from: "2026-04-04T00:00:00".parse().unwrap(), to: zone().present(now) };
    let content = Content::Totals(Vec::new());
    let report = Report::Diagram12;
    let reading =
        Reading { report, skill: String::new(), window, slot, now, asked: now, date: None, content };
    ledger.apply("acme", &reading).unwrap();
    assert_eq!(shown(&mut ledger, &catalogue::IVR_CALLS, "acme"), Some(0));
    assert_eq!(shown(&mut ledger, &catalogue::IVR_SECONDS, "acme"), Some(0));
}

#[test]
fn bookings_count_from_the_start_of_their_quota_day() {
    let mut ledger = ledger("2026-04-04T10:00:00");
    let monday = at("2026-04-04T00:00:00");
    ledger.book("acme", monday, 10).unwrap();
    ledger.book("acme", monday, 10).unwrap();
    assert_eq!(ledger.history("acme").unwrap().booked, 20);
    let tuesday = at("2026-04-05T00:00:00");
    ledger.book("acme", tuesday, 10).unwrap();
    let history = ledger.history("acme").unwrap();
    assert_eq!((history.booked, history.quota_day), (10, Some(tuesday)));
}

#[test]
fn a_name_bound_to_one_server_refuses_another_but_loopback_is_not_bound() {
    let now = at("2026-04-04T10:00:00");
    let mut local = operation();
    local.base_url = "http://127.0.0.1:18080/api/v2/".into();
    local.server = "127.0.0.1:18080".into();
    let mut ledger = Ledger::in_memory(now).unwrap();
    ledger.enter(&local, now).unwrap();
    ledger.enter(&operation(), now).unwrap();
    ledger.enter(&local, now).unwrap();
    let mut other = operation();
    other.server = "0011".into();
    assert!(matches!(ledger.enter(&other, now), Err(LedgerError::Bound { .. })));
    ledger.enter(&operation(), now).unwrap();
}

#[test]
fn a_report_that_was_off_does_not_count_what_it_missed() {
    let mut ledger = ledger("2026-04-01T00:00:00");
    ledger.apply("acme", &day("2026-04-02T10:00:00", "2026-04-02", &[("601", 10)])).unwrap();
    let mut without = operation();
    without.reports.skill_6 = None;
    ledger.enter(&without, at("2026-04-02T11:00:00")).unwrap();
    assert_eq!(shown(&mut ledger, &catalogue::INBOUND_CALLS, "601"), None);
    let off = ledger.apply("acme", &day("2026-04-02T12:00:00", "2026-04-02", &[("601", 11)]));
    assert!(matches!(off, Err(LedgerError::NotCounted { .. })));
    ledger.enter(&operation(), at("2026-04-06T10:00:00")).unwrap();
    // The day it was turned off is still owed, the days between are not, and today has an opening.
    let progress = &ledger.history("acme").unwrap().skills["101"];
    let unsealed: Vec<Bucket> = progress.unsealed(date("2026-04-06")).collect();
    assert_eq!(unsealed, ["2026-03-31", "2026-04-01", "2026-04-02", "2026-04-06"].map(date));
    ledger.apply("acme", &day("2026-04-06T10:00:05", "2026-04-06", &[("601", 50)])).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 10, 10));
}

#[test]
fn an_overflow_is_an_error_and_changes_nothing() {
    let mut ledger = ledger("2026-04-04T00:00:00");
    ledger.apply("acme", &day("2026-04-05T10:00:00", "2026-04-05", &[("601", 10)])).unwrap();
    let before: Vec<Total> = ledger.totals("acme").collect();
    let mut broken = day("2026-04-05T10:05:00", "2026-04-05", &[("601", 12), ("602", 2)]);
    let Content::Totals(totals) = &mut broken.content else { unreachable!() };
    for total in totals {
        total.amounts.as_mut().unwrap()[4].amount = Amount::Whole([i64::MAX; 2].into());
        total.key.insert(Label::Dnis, "other".into());
    }
    assert!(matches!(ledger.apply("acme", &broken), Err(LedgerError::Overflow { .. })));
    assert_eq!(before, ledger.totals("acme").collect::<Vec<_>>());
}

#[test]
fn after_any_amounts_the_next_ordinary_reading_counts() {
    use rand::{Rng as _, SeedableRng as _};
    for seed in 0..8 {
        let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut ledger = ledger("2026-04-04T10:00:00");
        let (from, now) = ("2026-04-04T22:00:00", "2026-04-05T10:30:00");
        let mut next = 1_000;
        for _ in 0..40 {
            let total = ledger.totals("acme").find(|total| total.family.is(&catalogue::CDR_DURATION));
            let room = total.map_or(i64::MAX, |total| i64::MAX - total.mark[total.mark.len() - 1]);
            let wild = (0..dice.random_range(1..4)).map(|_| {
                next += 1;
                let mut event = call(next, "2026-04-05T10:10:00", 30, "");
                // Of any size, and just what leaves no room for another.
                let amount = match dice.random_range(0..4) {
                    0 => room,
                    1 => room - dice.random_range(0..1_000),
                    _ => dice.random_range(0..=i64::MAX) >> dice.random_range(0..63),
                };
                event.observations[1].amount = Amount::Observe(amount);
                event
            });
            let wild = rows(Report::Cdr1, now, from, "now", wild.collect());
            let before: Vec<Total> = ledger.totals("acme").collect();
            match ledger.apply("acme", &wild) {
                Ok(_) => {}
                Err(LedgerError::Overflow { .. }) => {
                    assert_eq!(ledger.totals("acme").collect::<Vec<_>>(), before, "seed {seed}");
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        let before = sums(&ledger, &catalogue::CDR_CALLS).2;
        let ordinary = vec![call(1, "2026-04-05T10:10:00", 30, ""), call(2, "2026-04-05T10:20:00", 90, "")];
        ledger.apply("acme", &rows(Report::Cdr1, now, from, "now", ordinary)).unwrap();
        assert_eq!(sums(&ledger, &catalogue::CDR_CALLS).2, before + 2, "seed {seed}");
    }
}

#[test]
fn a_change_that_panics_leaves_nothing_behind() {
    let disk = disk::Disk::default();
    let mut ledger = Ledger::with_backend(move || disk.clone(), [7; 32]).unwrap();
    ledger.enter(&operation(), at("2026-04-04T10:00:00")).unwrap();
    ledger.apply("acme", &day("2026-04-04T10:00:05", "2026-04-04", &[("601", 40)])).unwrap();
    let reading = day("2026-04-04T10:05:05", "2026-04-04", &[("601", 43), ("602", 2)]);
    for _ in 0..3 {
        let fell = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ledger.transact("acme", Some(reading.now), |books, transaction, key| {
                let scope: ScopeName = (reading.report, reading.skill.as_str().into());
                let mut work = Work::new(books, transaction, key, scope, reading.now)?;
                work.read(&reading)?;
                let _ = work.finish()?;
                panic!("as the store does on some damage");
            })
        }));
        assert!(fell.is_err());
    }
    ledger.apply("acme", &reading).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS), (0, 5, 5));
}
