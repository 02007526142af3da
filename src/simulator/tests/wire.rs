//! The forms of values, against the examples that are known of the real API.

use super::*;
use crate::simulator::wire::{Rows, civil_of, printed_minutes, printed_time, share};

/// The value that one field is written as.
fn written(change: &str, write: impl Fn(&mut Rows<'_>, &Behaviour)) -> Value {
    let mut behaviour = Behaviour::default();
    for assignment in change.split(',').filter(|assignment| !assignment.is_empty()) {
        behaviour = behaviour.with_text(assignment).unwrap();
    }
    let mut rows = Rows::new(&behaviour, 1);
    write(&mut rows, &behaviour);
    rows.end();
    let body = rows.body(1).concat();
    let whole: Value = serde_json::from_slice(&body).unwrap();
    whole["data"][0]["value"].clone()
}

#[test]
fn values_have_the_forms_of_the_real_api() {
    for (change, part, whole, shown) in [
        ("", 3464, 10_000, "34.64 %"),
        ("", 32, 54, "59.26 %"),
        ("", 28, 147, "19.05 %"),
        ("", 98, 114, "85.96 %"),
        ("", 1, 2, "50 %"),
        ("", 0, 7, "0 %"),
        ("", 7, 7, "100 %"),
        ("", 0, 0, "0 %"),
        ("percent=fixed", 0, 7, "0.00 %"),
        ("percent=tight", 1, 8, "12.5%"),
        ("percent=no_break", 1, 8, "12.5\u{a0}%"),
        ("percent=comma", 1, 8, "12,5 %"),
    ] {
        assert_eq!(written(change, |rows, _| rows.percent("value", part, whole)), shown);
    }
    for (change, value, shown) in [
        ("", 61_400_000, json!("61.4")),
        ("", 0, json!("0")),
        ("", 1_234_500_000, json!("1234.5")),
        ("number=thousands", 1_234_500_000, json!("1,234.50")),
        ("number=thousands", 9_336_000_000_000, json!("9,336,000.00")),
        ("number=comma", 1_234_500_000, json!("1234,5")),
        ("json_numbers=true", 61_400_000, json!(61.4)),
    ] {
        assert_eq!(written(change, |rows, _| rows.millionths("value", value)), shown);
    }
    for (change, value, shown) in [
        ("", 54, json!("54")),
        ("number=thousands", 999, json!("999")),
        ("number=thousands", 1_000, json!("1,000")),
        ("json_numbers=true", 54, json!(54)),
    ] {
        assert_eq!(written(change, |rows, _| rows.whole("value", value)), shown);
    }
    for (change, ms, shown) in [
        ("duration=clock", 887_000, "00:14:47"),
        ("duration=clock", 400_000_000, "111:06:40"),
        ("duration=minutes", 7_367_000, "122:47"),
        ("duration=seconds", 12_499, "12"),
        ("duration=decimal", 12_345, "12.35"),
        ("duration=decimal", 12_500, "12.5"),
    ] {
        assert_eq!(written(change, |rows, behaviour| rows.time("value", ms, behaviour.duration)), shown);
    }
    for (change, ms, shown) in [
        ("time_min=whole", 61_000, "2"),
        ("time_min=decimal", 61_000, "1.02"),
        ("time_min=clock", 61_000, "00:01:01"),
    ] {
        assert_eq!(written(change, |rows, behaviour| rows.minutes("value", ms, behaviour.time_min)), shown);
    }
}

#[test]
fn text_survives_whatever_it_holds() {
    for change in ["", "escape_unicode=true", "emoji=true", "shuffle_keys=true", "extra_keys=true"] {
        for text in ["", "SOPORTE TÉCNICO", "a \"b\" \\ c\r\n\td \u{1} 📞", "'; DROP"] {
            assert_eq!(written(change, |rows, _| rows.text("value", text)), text);
        }
    }
}

#[test]
fn a_label_is_printed_as_the_calendar_has_it() {
    for label in (-86_400_000_000..86_400_000_000).step_by(86_399_999_937 / 4001) {
        let at = civil_of(label);
        if !(1000..9999).contains(&at.year()) {
            continue;
        }
        let shown = written("", |rows, _| rows.when("value", label));
        assert_eq!(shown, at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    }
}

#[test]
fn the_last_rows_can_be_lost_and_the_last_one_doubled() {
    let behaviour = Behaviour::default();
    for lost in 0..6 {
        let mut rows = Rows::new(&behaviour, 4);
        for value in 0..4 {
            rows.whole("value", value);
            rows.end();
        }
        rows.again();
        assert_eq!(rows.count(), 5);
        rows.lose(lost);
        let body: Value = serde_json::from_slice(&rows.body(5).concat()).unwrap();
        let left: Vec<&str> = body["data"].as_array().unwrap().iter().map(|row| text(row, "value")).collect();
        assert_eq!(left, ["0", "1", "2", "3", "3"][..5 - lost.min(5)]);
        assert_eq!(body["msg"], "5 records were found");
    }
}

proptest::proptest! {
    #[test]
    fn two_decimals_of_a_percentage_give_the_count_back(whole in 1..10_000_i64, part in 0.0..=1.0_f64) {
        let part = (whole as f64 * part) as i64;
        let hundredths = share(part, whole);
        proptest::prop_assert_eq!((hundredths * whole + 5_000).div_euclid(10_000), part);
    }

    #[test]
    fn what_is_printed_is_near_what_is_meant(ms in 0..1_000_000_000_i64) {
        proptest::prop_assert!((printed_time(ms, Time::Decimal) - ms).abs() <= 5);
        proptest::prop_assert!((printed_time(ms, Time::Clock) - ms).abs() <= 500);
        proptest::prop_assert!((printed_minutes(ms, Minutes::Decimal) - ms).abs() <= 300);
        proptest::prop_assert!((0..60_000).contains(&(printed_minutes(ms, Minutes::Whole) - ms)));
    }
}
