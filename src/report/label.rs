//! Text from upstream becomes label values: clean, bounded in length, never a telephone number.

use std::borrow::Cow;

use super::field;

/// Longest label value, in characters.
pub(super) const LONGEST: usize = 128;

/// What stands for an empty id.
pub(super) const NONE: &str = "none";

/// What stands for a value that must not be a label.
pub(super) const OTHER: &str = "other";

/// Digits that make a value look like a telephone number or a document.
const PRIVATE_DIGITS: usize = 7;

/// Years that two years may be apart to be a span of them rather than a number of eight digits.
const LONGEST_SPAN: u16 = 9;

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
    let text = text.unwrap_or_default();
    let cleaned = clean(text);
    if field::is_placeholder(&cleaned) {
        Value { text: Cow::Borrowed(NONE), hidden: None }
    } else if looks_private(text) {
        // The whole text is looked at, since a label may end within a number.
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

/// Whether a value holds a number of seven digits or more, in a row or in groups.
pub(super) fn looks_private(text: &str) -> bool {
    // The usual value is dismissed by its few digits.
    has_many_digits(text) && text.split(is_letter).any(is_private)
}

fn has_many_digits(text: &str) -> bool {
    text.chars().filter(|c| c.is_numeric()).count() >= PRIVATE_DIGITS
}

/// What ends a number. Blanks, points, dashes and the like only part its groups.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !c.is_numeric()
}

/// Whether text without letters could be a person's number. `2024 - 2025` is a span of years.
fn is_private(number: &str) -> bool {
    if !has_many_digits(number) {
        return false;
    }
    let mut groups = number.split(|c: char| !c.is_numeric()).filter(|group| !group.is_empty());
    let mut year = || {
        let group = groups.next().filter(|group| group.len() == 4)?;
        group.parse::<u16>().ok().filter(|year| (1900..2100).contains(year))
    };
    let is_span = match (year(), year()) {
        (Some(from), Some(to)) => from <= to && to - from <= LONGEST_SPAN,
        _ => false,
    };
    !is_span || groups.next().is_some()
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
        let (before, numeric) = rest.split_at(start);
        let end = numeric.find(is_letter).unwrap_or(numeric.len());
        let number = numeric[..end].trim_end_matches(|c: char| !c.is_numeric());
        out.push_str(before);
        out.push_str(if is_private(number) { "[number]" } else { number });
        rest = &numeric[number.len()..];
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
        for number in
            ["300 123 45 67", "300-123-4567", "+57 (300) 1234567", "tel. 300.123.45.67 ana", "30/01/23/45"]
        {
            assert_eq!(id(Some(number)).text, "other", "{number}");
        }
        for number in
            ["1987-2010", "2025-2024", "2024-01-15", "2024 2025 2026", "2024-2025 10", "300_123_45\u{2013}67"]
        {
            assert_eq!(id(Some(number)).text, "other", "{number}");
        }
        // A number is known as one also where a label would end within it.
        for length in 0..10 {
            let text = format!("{}{}", "a".repeat(LONGEST - length), "3001234567");
            assert_eq!(id(Some(&text)).text, "other", "{text}");
        }
        for name in
            ["Ventas 2024 - 2025", "2024-2025", "linea 1, piso 2, plan 24/7", "100 y 200 y 300 y 400", "2025"]
        {
            assert_eq!(id(Some(name)).text, name);
        }
        assert_eq!(word(Some("Internal  Call_Inb")).text, "internal_call_inb");
        assert_eq!(word(Some("NO USER")).text, "no_user");
        assert_eq!(dnis(Some(" +573001234567 ")), "+573001234567");
        assert_eq!(dnis(Some("018000")), "018000");
        assert_eq!(dnis(Some("601 300 12 34, 018000 123 456")), "601 300 12 34, 018000 123 456");
        assert_eq!(dnis(Some("")), "none");
        assert_eq!(message("validate 3001234567 (2)"), "validate [number])");
        assert_eq!(message("(300) 123-4567 or 5 min, 2 h"), "([number] or 5 min, 2 h");
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

        /// A number in groups, with or without words around it, and whatever parts the groups.
        #[test]
        fn a_number_in_groups_is_no_label(
            (before, after) in ("[a-z .]{0,9}", "[a-z .]{0,9}"),
            groups in proptest::collection::vec(("[0-9]{1,4}", "[ ./()+_,:\u{a0}\u{2013}\u{b7}-]{1,3}"), 3..12),
        ) {
            let text: String = groups.iter().flat_map(|(digits, gap)| [digits.as_str(), gap]).collect();
            let digits: usize = groups.iter().map(|(digits, _)| digits.len()).sum();
            let text = format!("{before} {text} {after}");
            let is_private = digits >= PRIVATE_DIGITS;
            prop_assert_eq!(id(Some(&text)).text == "other", is_private, "{}", text);
            prop_assert_eq!(word(Some(&text)).text == "other", is_private, "{}", text);
            prop_assert!(!looks_private(&message(&text)));
            if is_private {
                let left = message(&text).chars().filter(|c| c.is_numeric()).count();
                prop_assert_eq!(left, 0, "{}", message(&text));
            }
        }

        #[test]
        fn no_label_but_a_dnis_shows_seven_digits_in_a_row(text in "[a-z0-9 .-]{0,20}[0-9]{7,12}[a-z0-9 .-]{0,20}") {
            prop_assert_eq!(id(Some(&text)).text, "other");
            prop_assert_eq!(word(Some(&text)).text, "other");
            prop_assert!(!looks_private(&message(&text)));
        }
    }
}
