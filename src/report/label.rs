//! Text from upstream becomes label values: clean, bounded in length, never a telephone number.

use std::borrow::Cow;

use super::field;

/// Longest label value, in characters.
pub(super) const LONGEST: usize = 128;

/// What stands for an empty id.
pub(super) const NONE: &str = "none";

/// What stands for a value that must not be a label.
pub(super) const OTHER: &str = "other";

/// Digits in a row that make a value look like a telephone number or a document.
const PRIVATE_DIGITS: usize = 7;

/// A label value, and the text itself where it had to be hidden behind `other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) hidden: Option<Cow<'a, str>>,
}

/// Text without control and invisible characters, white space collapsed and trimmed, at most [`LONGEST`] long.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = true;
        } else if !is_invisible(c) {
            // A gap at the start is trimmed, one at the end is never written.
            let wanted = 1 + usize::from(gap && length > 0);
            if length + wanted > LONGEST {
                break;
            }
            if wanted == 2 {
                cleaned.push(' ');
            }
            cleaned.push(c);
            length += wanted;
            gap = false;
        }
    }
    Cow::Owned(cleaned)
}

/// The usual case, recognised without looking at characters: short ASCII without anything to clean.
fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut before = b' ';
    for &byte in bytes {
        if !(0x20..0x7f).contains(&byte) || (byte == b' ' && before == b' ') {
            return false;
        }
        before = byte;
    }
    bytes.len() <= LONGEST && (bytes.is_empty() || before != b' ')
}

/// Control characters, and the formatting ones that would let two different labels look the same.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// An id or a name: clean, `none` when there is nothing, `other` when it could be a person's number.
pub(super) fn id(text: Option<&str>) -> Value<'_> {
    let cleaned = clean(text.unwrap_or_default());
    if field::is_placeholder(&cleaned) {
        Value { text: Cow::Borrowed(NONE), hidden: None }
    } else if looks_private(&cleaned) {
        Value { text: Cow::Borrowed(OTHER), hidden: Some(cleaned) }
    } else {
        Value { text: cleaned, hidden: None }
    }
}

/// A word of a closed vocabulary: like [`id`], lower case, with spaces as `_`.
pub(super) fn word(text: Option<&str>) -> Value<'_> {
    let mut value = id(text);
    if value.text.chars().any(|c| c == ' ' || c.is_uppercase()) {
        let lower = value.text.to_lowercase().replace(' ', "_");
        value.text = Cow::Owned(clean(&lower).into_owned());
    }
    value
}

/// A dialled number: text that keeps leading zeros and `+`. The one label that may hold many digits.
pub(super) fn dnis(text: Option<&str>) -> Cow<'_, str> {
    let cleaned = clean(text.unwrap_or_default());
    if field::is_placeholder(&cleaned) { Cow::Borrowed(NONE) } else { cleaned }
}

/// Whether a value has seven or more digits in a row.
pub(super) fn looks_private(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run >= PRIVATE_DIGITS
    })
}

/// Whether a value of a key column is the spelling of a closing row rather than a key.
pub(super) fn is_total(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '.' | '*' | '-' | '='));
    // The longest spelling is short, so ordinary keys are dismissed by their length.
    if text.len() < 3 || text.len() > 40 {
        return false;
    }
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let second = words.next();
    if words.next().is_some() {
        return false;
    }
    let one_of = |word: &str, all: &[&str]| all.iter().any(|other| word.eq_ignore_ascii_case(other));
    match second {
        None => one_of(first, &["TOTAL", "TOTALS", "TOTALES", "ALL"]),
        Some(second) => {
            (one_of(first, &["TOTAL", "TOTALES"]) && one_of(second, &["GENERAL", "GENERALES"]))
                || (one_of(first, &["GRAN", "GRAND"]) && one_of(second, &["TOTAL"]))
        }
    }
}

/// A vendor's message for people: clean, short, and without anything that could be a person's number.
pub(super) fn message(text: &str) -> String {
    let cleaned = clean(text);
    let mut out = String::with_capacity(cleaned.len());
    let mut rest = cleaned.as_ref();
    while let Some(start) = rest.find(char::is_numeric) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_numeric()).unwrap_or(digits.len());
        out.push_str(before);
        out.push_str(if looks_private(&digits[..end]) { "[number]" } else { &digits[..end] });
        rest = &digits[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_what_a_person_would_write() {
        assert_eq!(clean("  COM-\u{a0} VENTAS \r\n NORTE\u{7}\u{200b} "), "COM- VENTAS NORTE");
        assert_eq!(id(Some(" - ")).text, "none");
        assert_eq!(id(None).text, "none");
        assert_eq!(id(Some("0")).text, "0");
        assert_eq!(id(Some("400")).text, "400");
        assert_eq!(
            id(Some("tel 3001234567")),
            Value { text: "other".into(), hidden: Some("tel 3001234567".into()) }
        );
        assert_eq!(id(Some("123456-123456")).text, "123456-123456");
        assert_eq!(word(Some("Internal  Call_Inb")).text, "internal_call_inb");
        assert_eq!(word(Some("NO USER")).text, "no_user");
        assert_eq!(dnis(Some(" +573001234567 ")), "+573001234567");
        assert_eq!(dnis(Some("018000")), "018000");
        assert_eq!(dnis(Some("")), "none");
        assert_eq!(message("validate 3001234567 (2)"), "validate [number] (2)");
    }

    #[test]
    fn closing_rows_are_known_in_all_spellings() {
        for total in
            ["TOTAL", " total ", "TOTAL GENERAL", "Total  General:", "TOTALES", "ALL", "all", "Gran Total"]
        {
            assert!(is_total(total), "{total}");
        }
        for key in ["601", "", "-", "TOTAL CARE", "ALLIANZ", "2026-04-04 10", "ALL DAY SUPPORT"] {
            assert!(!is_total(key), "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_clean_label_is_bounded_and_stays_as_it_is(text in any::<String>()) {
            let once = clean(&text).into_owned();
            prop_assert!(once.chars().count() <= LONGEST);
            prop_assert!(!once.contains("  ") && once.trim() == once && !once.chars().any(is_invisible));
            prop_assert_eq!(clean(&once), once.as_str());
        }

        #[test]
        fn no_label_but_a_dnis_shows_seven_digits_in_a_row(text in "[a-z0-9 .-]{0,20}[0-9]{7,12}[a-z0-9 .-]{0,20}") {
            prop_assert_eq!(id(Some(&text)).text, "other");
            prop_assert_eq!(word(Some(&text)).text, "other");
            prop_assert!(!looks_private(&message(&text)));
        }
    }
}
