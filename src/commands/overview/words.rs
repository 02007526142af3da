//! Numbers and durations as people read them. A number is not parted from its unit at the end of a line.

use crate::metrics::write_decimal;
use crate::time::SignedDuration;

/// A share as it was configured, without trailing zeros.
pub(super) fn percent(millionths: i64) -> String {
    let mut text = String::new();
    write_decimal(&mut text, millionths, 4);
    text + "\u{a0}%"
}

/// A share of calls with one decimal, `84.2 %`.
pub(super) fn tenths(tenths: i64) -> String {
    format!("{}.{}\u{a0}%", tenths / 10, tenths % 10)
}

/// A number with a comma before every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count that is never below zero.
pub(super) fn calls(count: i64) -> String {
    grouped(count.max(0).unsigned_abs())
}

/// A duration as somebody would say it, `44 s`, `4 min`, `3 h 5 min` or `2 days`; nothing is shorter than nothing.
pub(super) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (seconds, minutes % 60) {
        (..60, _) => format!("{seconds}\u{a0}s"),
        (..3600, _) => format!("{minutes}\u{a0}min"),
        (..172_800, 0) => format!("{hours}\u{a0}h"),
        (..172_800, minutes) => format!("{hours}\u{a0}h {minutes}\u{a0}min"),
        _ => format!("{}\u{a0}days", hours / 24),
    }
}

/// A short duration to the second, `1 min 5 s`.
pub(super) fn exact_span(duration: SignedDuration) -> String {
    match (duration.as_secs().max(0) / 60, duration.as_secs().max(0) % 60) {
        (0, seconds) => format!("{seconds}\u{a0}s"),
        (minutes, 0) => format!("{minutes}\u{a0}min"),
        (minutes, seconds) => format!("{minutes}\u{a0}min {seconds}\u{a0}s"),
    }
}

/// `one`, `one and two`, `one, two and three`.
pub(super) fn enumerated(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// With a capital first letter.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_targets_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (25_123_456, "25,123,456")] {
            assert_eq!(grouped(number), text);
        }
        for (millionths, text) in
            [(800_000, "80 %"), (999_500, "99.95 %"), (0, "0 %"), (123_456, "12.3456 %")]
        {
            assert_eq!(percent(millionths).replace('\u{a0}', " "), text);
        }
        assert_eq!([tenths(0), tenths(999), tenths(1000)], ["0.0\u{a0}%", "99.9\u{a0}%", "100.0\u{a0}%"]);
        assert_eq!(calls(-3), "0");
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        for (seconds, text) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (11_100, "3 h 5 min"),
            (172_799, "47 h 59 min"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)).replace('\u{a0}', " "), text);
        }
        for (seconds, text) in [(7, "7 s"), (60, "1 min"), (65, "1 min 5 s")] {
            assert_eq!(exact_span(SignedDuration::from_secs(seconds)).replace('\u{a0}', " "), text);
        }
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(enumerated(&["calls"]), "calls");
        assert_eq!(enumerated(&["calls", "IVR", "surveys"]), "calls, IVR and surveys");
        assert_eq!(sentence("écoute"), "Écoute");
        assert_eq!(sentence(""), "");
    }
}
