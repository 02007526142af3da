//! One test for each sentence of the contract.

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
