use super::*;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Thousands commas as the API writes them.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn local(text: &str) -> DateTime {
    text.parse().unwrap()
}

#[test]
fn numbers_in_every_form_of_the_api() {
    for (text, expected) in [
        ("2", 2),
        (" 54 ", 54),
        ("0", 0),
        ("+7", 7),
        ("1,234", 1_234),
        ("12,345,678", 12_345_678),
        ("2.00", 2),
    ] {
        assert_eq!(count(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "-",
        "-1",
        "2.5",
        "1,23,456",
        "1234,567",
        "0,123",
        "12,3456",
        "1.234.567",
        "0x10",
        "1e3",
        "٣",
        "1 000",
        "9223372036854775808",
        "NaN",
        ",",
        ".",
        "--1",
        "1,,000",
        ",500",
        "5 calls",
    ] {
        assert_eq!(count(text), Err(Unusable), "{text}");
    }
    assert_eq!(count("-0"), Ok(0));
    assert_eq!(Decimal::parse("9,336.00"), Ok(Decimal { units: 933_600, decimals: 2 }));
    assert_eq!(Decimal::parse("12,5"), Ok(Decimal { units: 125, decimals: 1 }));
    assert_eq!(Decimal::parse("12,34"), Ok(Decimal { units: 1_234, decimals: 2 }));
    assert_eq!(Decimal::parse("1.234,56"), Err(Unusable));
}

#[test]
fn percentages_in_every_form_of_the_api() {
    for (text, hundredths) in [
        ("34.64 %", 346_400),
        ("100 %", 1_000_000),
        ("0.00 %", 0),
        ("0 %", 0),
        ("59.26%", 592_600),
        ("59.26\u{a0}%", 592_600),
        ("59,26 %", 592_600),
        ("9,336.00 %", 93_360_000),
        ("15,233.33 %", 152_333_300),
        ("34.64", 346_400),
        ("0.5", 5_000),
    ] {
        assert_eq!(percentage(text).and_then(ratio), Ok(hundredths), "{text}");
    }
    for text in ["%", "-5 %", "5 % %", "five %"] {
        assert_eq!(percentage(text), Err(Unusable), "{text}");
    }
}

#[test]
fn durations_in_every_form_of_the_api() {
    for (text, milliseconds) in [
        ("00:14:47", 14 * MINUTE + 47_000),
        ("02:02:47", 2 * HOUR + 2 * MINUTE + 47_000),
        ("131:00:01", 131 * HOUR + 1_000),
        ("1:02:03", HOUR + 2 * MINUTE + 3_000),
        ("05:09", 5 * MINUTE + 9_000),
        ("12", 12_000),
        ("12.5", 12_500),
        ("12,5", 12_500),
        ("2.887", 2_887),
        ("0", 0),
        ("00:00:01.25", 1_250),
        ("1,200", 1_200_000),
    ] {
        assert_eq!(duration(text), Ok(milliseconds), "{text}");
    }
    for text in ["-1", "-00:00:05", "00:60:00", "00:00:60", "1:2:3:4", ":30", "1:", "00:00:", "a:b:c", "12s"]
    {
        assert_eq!(duration(text), Err(Unusable), "{text}");
    }
}

#[test]
fn minutes_are_whole_decimal_or_a_clock() {
    for (text, milliseconds) in [
        ("3", 3 * MINUTE),
        ("3.5", 210_000),
        ("0.0333", 1_998),
        ("01:02:03", HOUR + 2 * MINUTE + 3_000),
        ("02:30", 150_000),
        ("1,234.5", 74_070_000),
    ] {
        assert_eq!(minutes(text), Ok(milliseconds), "{text}");
    }
    assert_eq!(minutes("9223372036854775807"), Err(Unusable));
    assert_eq!(minutes("-3"), Err(Unusable));
}

#[test]
fn money_is_millionths_and_never_negative() {
    assert_eq!(millionths("12.345678"), Ok(12_345_678));
    assert_eq!(millionths("1,234.5"), Ok(1_234_500_000));
    assert_eq!(millionths("0.0000005"), Ok(1));
    assert_eq!(millionths("-0.01"), Err(Unusable));
    assert_eq!(millionths("10 USD"), Err(Unusable));
    assert_eq!(millionths("9223372036855"), Err(Unusable));
}

#[test]
fn local_times_in_every_form_of_the_api() {
    for (text, expected) in [
        ("2026-08-12 08:02:08", "2026-08-12T08:02:08"),
        (" 2026-08-12T08:02:08 ", "2026-08-12T08:02:08"),
        ("2026/08/12 08:02:08", "2026-08-12T08:02:08"),
        ("2026-08-12 08:02:08.123", "2026-08-12T08:02:08"),
        ("2026-08-12 8:02", "2026-08-12T08:02:00"),
        ("2023-05-01-10", "2023-05-01T10:00:00"),
        ("2023-05-01-8", "2023-05-01T08:00:00"),
        ("2023-05-01 10", "2023-05-01T10:00:00"),
        ("2023-05-01 10:00", "2023-05-01T10:00:00"),
        ("2023-05-01 10:00:00", "2023-05-01T10:00:00"),
        ("2023050110", "2023-05-01T10:00:00"),
        ("20230501102030", "2023-05-01T10:20:30"),
        ("2023-5-1 9", "2023-05-01T09:00:00"),
    ] {
        assert_eq!(moment(text), Ok(Some(Moment::Time(local(expected)))), "{text}");
    }
    for text in ["2026-08-11", "20230130", "2026/08/11", "2026-8-11"] {
        assert!(matches!(moment(text), Ok(Some(Moment::Day(_)))), "{text}");
    }
    for text in ["0000-00-00 00:00:00", "0000-00-00", "00000000"] {
        assert_eq!(moment(text), Ok(None), "{text}");
    }
    for text in [
        "2026-02-30 10:00:00",
        "2026-13-01 10",
        "2026-08-12 24:00:00",
        "2026-08-12 10:60:00",
        "12-08-2026 10:00:00",
        "2026-08-12 10:00:00Z",
        "2026-08-12 10:00 PM",
        "2026-08",
        "202605",
        "yesterday",
        "2026-08-12  ",
        "é026-08-12",
        "2026-08-12 10:00:00:00",
        "2026-08-12x10",
        "2026-08-12 ",
        "0000-08-00 10:00:00",
    ] {
        let usable = text.trim() == "2026-08-12";
        assert_eq!(moment(text).is_ok(), usable, "{text}");
    }
}

#[test]
fn placeholders_are_nothing() {
    for text in ["", " ", "-", "--", " - ", "\u{a0}", "\u{2014}", "NULL", "\t\r\n"] {
        assert_eq!(present(Some(text)), None, "{text:?}");
    }
    for text in ["0", "-1", "none", "a-b", "."] {
        assert_eq!(present(Some(text)), Some(text));
    }
}

proptest! {
    #[test]
    fn printed_counts_read_back(number in 0..=i64::MAX) {
        prop_assert_eq!(count(&number.to_string()), Ok(number));
        prop_assert_eq!(count(&grouped(number)), Ok(number));
        prop_assert_eq!(count(&format!("{number}.00")), if number <= i64::MAX / 100 { Ok(number) } else { Err(Unusable) });
    }

    #[test]
    fn printed_percentages_read_back(hundredths in 0..100_000_000_i64) {
        let text = format!("{}.{:02} %", grouped(hundredths / 100), hundredths % 100);
        prop_assert_eq!(percentage(&text), Ok(Decimal { units: hundredths, decimals: 2 }));
        // The vendor drops trailing zeros; the value stays.
        let short = text.trim_end_matches(" %").trim_end_matches('0').trim_end_matches('.').to_owned();
        let short = if short.is_empty() { "0".to_owned() } else { short };
        if hundredths % 100 != 0 {
            prop_assert_eq!(percentage(&short).and_then(ratio), Ok(hundredths * 100));
        }
    }

    #[test]
    fn printed_durations_read_back(seconds in 0..4_000_000_i64, milliseconds in 0..1_000_i64) {
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        prop_assert_eq!(duration(&clock), Ok(seconds * 1_000));
        prop_assert_eq!(minutes(&clock), Ok(seconds * 1_000));
        prop_assert_eq!(duration(&format!("{seconds}.{milliseconds:03}")), Ok(seconds * 1_000 + milliseconds));
        prop_assert_eq!(duration(&format!("{clock}.{milliseconds:03}")), Ok(seconds * 1_000 + milliseconds));
    }

    #[test]
    fn printed_money_reads_back(amount in 0..=i64::MAX) {
        let text = format!("{}.{:06}", grouped(amount / 1_000_000), amount % 1_000_000);
        prop_assert_eq!(millionths(&text), Ok(amount));
    }

    #[test]
    fn printed_local_times_read_back(seconds in 0..4_000_000_000_i64) {
        let at = local("1970-01-01T00:00:00").saturating_add(crate::time::SignedDuration::from_secs(seconds));
        for form in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S"] {
            let text = at.strftime(form).to_string();
            prop_assert_eq!(moment(&text), Ok(Some(Moment::Time(at))), "{}", text);
        }
        let hour = at.with().minute(0).second(0).build().unwrap();
        for form in ["%Y-%m-%d-%H", "%Y-%m-%d %H", "%Y-%m-%d %-H", "%Y-%m-%d %H:00", "%Y%m%d%H"] {
            let text = at.strftime(form).to_string();
            prop_assert_eq!(moment(&text), Ok(Some(Moment::Time(hour))), "{}", text);
        }
    }

    /// The promise behind every counter: whatever is zero was written as zero.
    #[test]
    fn nothing_unreadable_becomes_zero(text in "[-+0-9.,:% a-z]{0,12}|\\PC{0,12}") {
        let all_zero = text.contains('0') && text.chars().all(|c| c.is_whitespace() || "0.,:%+-".contains(c));
        for parsed in [count(&text), percentage(&text).map(|percentage| percentage.units)] {
            prop_assert!(parsed.is_err() || parsed.is_ok_and(|value| value >= 0));
            prop_assert!(parsed != Ok(0) || all_zero, "{:?}", text);
        }
        for parsed in [duration(&text), minutes(&text), millionths(&text)] {
            prop_assert!(parsed.is_err() || parsed.is_ok_and(|value| value >= 0));
            // Less than half a unit is rounded, and only that.
            let tiny = Decimal::parse(&text).is_ok_and(|number| number.scaled(3, 1) == Ok(0));
            prop_assert!(parsed != Ok(0) || all_zero || tiny, "{:?}", text);
        }
    }

    #[test]
    fn rounding_is_to_the_nearest(value in any::<i64>(), divisor in 1..1_000_000_i64) {
        let (value, divisor) = (i128::from(value), i128::from(divisor));
        let quotient = divide_rounded(value, divisor);
        prop_assert!((quotient * divisor - value).abs() * 2 <= divisor);
    }
}
