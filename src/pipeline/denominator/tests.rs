use super::*;
use crate::config::Config;
use crate::time::civil;

fn operation(denominator: &str) -> Operation {
    let text = format!(
        "operations:\n  - name: a\n    base_url: http://127.0.0.1:1/api/v2/\n    token_env: T\n    timezone: UTC\n    \
         reports: {{ skill_6: {{ denominator: {denominator} }} }}\n"
    );
    Config::parse(&text, std::path::Path::new("."), "test").unwrap().operations.remove(0)
}

fn day(number: i8) -> Bucket {
    Bucket::day(civil::date(2026, 4, number))
}

const SILENT: Evidence = Evidence { rows: 0, against_inbound: 0, against_answered: 0 };
const ANSWERED: Evidence = Evidence { rows: 3, against_inbound: 3, against_answered: 0 };
const INBOUND: Evidence = Evidence { rows: 3, against_inbound: 0, against_answered: 3 };

#[test]
fn a_configured_denominator_is_never_overruled() {
    let operation = operation("inbound");
    let mut denominators = Denominators::default();
    assert!(!denominators.learn(&operation, day(1), ANSWERED));
    assert_eq!(denominators.of(&operation, Some(day(1))), Denominator::Inbound);
}

#[test]
fn the_first_rows_that_can_tell_decide_before_anything_is_applied() {
    let operation = operation("auto");
    let mut denominators = Denominators::default();
    assert_eq!(denominators.of(&operation, Some(day(1))), Denominator::Auto);
    assert!(!denominators.learn(&operation, day(1), SILENT), "rows that cannot tell may be applied");
    assert!(
        denominators.learn(&operation, day(1), ANSWERED),
        "converted as of inbound calls, to be read again"
    );
    assert_eq!(denominators.of(&operation, Some(day(1))), Denominator::Answered);
    assert!(!denominators.learn(&operation, day(1), ANSWERED), "converted as decided");
}

#[test]
fn a_decision_changes_at_the_start_of_a_day_only() {
    let operation = operation("auto");
    let mut denominators = Denominators::default();
    let _ = denominators.learn(&operation, day(1), INBOUND);
    for _ in 0..3 {
        assert!(!denominators.learn(&operation, day(2), ANSWERED), "the second day goes on as the first");
    }
    assert_eq!(denominators.of(&operation, Some(day(2))), Denominator::Inbound);
    assert!(denominators.learn(&operation, day(3), ANSWERED), "the third day learns from the second");
    assert_eq!(denominators.of(&operation, Some(day(3))), Denominator::Answered);
    assert_eq!(denominators.of(&operation, Some(day(2))), Denominator::Inbound, "the past stays as it was");
}

#[test]
fn decisions_survive_a_restart() {
    let operation = operation("auto");
    let mut denominators = Denominators::default();
    let _ = denominators.learn(&operation, day(1), ANSWERED);
    let later = Denominators::from_decided(denominators.decided().clone());
    assert_eq!(later.of(&operation, Some(day(1))), Denominator::Answered);
}
