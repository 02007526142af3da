//! The API's odd scalars: numbers, percentages, durations, money and local times, all of them text.
//!
//! Every parser answers with an integer, or says that the text cannot be used. Nothing is ever guessed,
//! rounded away silently or turned into zero.

use crate::time::civil::{self, Date, DateTime};

/// A value that cannot be read; it is counted by field and left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable;

/// Whether text stands for "nothing": empty, blank, dashes, `null`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = trim(text);
    text.is_empty()
        || text.chars().all(|c| matches!(c, '-' | '\u{2013}' | '\u{2014}'))
        || text.eq_ignore_ascii_case("null")
}

/// The text, unless it is a placeholder.
pub(super) fn present(text: Option<&str>) -> Option<&str> {
    let text = text?;
    if is_placeholder(text) { None } else { Some(trim(text)) }
}

fn trim(text: &str) -> &str {
    // A no-break space is white space to `trim`; a byte order mark is not.
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}')
}

/// A decimal number as written: `units` of `10^-decimals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) units: i64,
    pub(super) decimals: u32,
}

/// More decimals than this are refused; no field of the API comes near.
const MOST_DECIMALS: u32 = 12;

impl Decimal {
    /// Reads sign, thousands marks and a decimal point or decimal comma.
    ///
    /// A comma is a thousands mark in front of groups of exactly three digits, and a decimal mark when it
    /// stands alone in front of one or two digits. Everything else with a comma is refused.
    pub(super) fn parse(text: &str) -> Result<Decimal, Unusable> {
        let text = trim(text);
        let (negative, magnitude) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = split_decimals(magnitude)?;
        // Trailing zeros carry no value, and a long tail of them would overflow for nothing.
        let fraction =
            if fraction.len() as u32 > MOST_DECIMALS { fraction.trim_end_matches('0') } else { fraction };
        let decimals = fraction.len() as u32;
        if (whole.is_empty() && decimals == 0) || decimals > MOST_DECIMALS {
            return Err(Unusable);
        }
        let mut units: i64 = 0;
        for group in whole.split(',').chain([fraction]) {
            for byte in group.bytes() {
                if !byte.is_ascii_digit() {
                    return Err(Unusable);
                }
                units = units.checked_mul(10).ok_or(Unusable)?;
                units = units.checked_add(i64::from(byte - b'0')).ok_or(Unusable)?;
            }
        }
        Ok(Decimal { units: if negative { -units } else { units }, decimals })
    }

    /// The value in units of `10^-decimals` times `factor`, rounded half away from zero.
    fn scaled(self, decimals: u32, factor: i64) -> Result<i64, Unusable> {
        // Invariant: i64 times i64 times 10^12 at most stays below 2^127 for the factors used (60,000 and 1).
        let up = 10_i128.pow(decimals.saturating_sub(self.decimals)) * i128::from(factor);
        let down = 10_i128.pow(self.decimals.saturating_sub(decimals));
        i64::try_from(divide_rounded(i128::from(self.units) * up, down)).map_err(|_| Unusable)
    }

    fn not_negative(self) -> Result<Decimal, Unusable> {
        if self.units < 0 { Err(Unusable) } else { Ok(self) }
    }
}

/// Separates the digits before and after the decimal mark; the whole part may still hold thousands commas.
fn split_decimals(text: &str) -> Result<(&str, &str), Unusable> {
    let (whole, fraction) = match (text.split_once('.'), text.split_once(',')) {
        (Some((_, fraction)), _) if fraction.contains('.') => return Err(Unusable),
        (Some((whole, fraction)), _) => (whole, fraction),
        (None, Some((whole, rest))) if matches!(rest.len(), 1 | 2) => {
            return if whole.is_empty() { Err(Unusable) } else { Ok((whole, rest)) };
        }
        (None, _) => (text, ""),
    };
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut grouped = false;
    for group in groups {
        grouped = true;
        if group.len() != 3 {
            return Err(Unusable);
        }
    }
    // A number is never grouped behind a leading zero: `0,123` could only be a decimal comma.
    if grouped && (first.is_empty() || first.len() > 3 || first.starts_with('0')) {
        return Err(Unusable);
    }
    Ok((whole, fraction))
}

/// A quotient rounded half away from zero. `divisor` is positive.
pub(super) fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let half = divisor / 2;
    if value >= 0 { (value + half) / divisor } else { (value - half) / divisor }
}

/// A count of things: a whole number that is not negative. `2.00` is one, `2.5` is not.
pub(super) fn count(text: &str) -> Result<i64, Unusable> {
    let number = Decimal::parse(text)?.not_negative()?;
    let scale = 10_i64.pow(number.decimals);
    if number.units % scale == 0 { Ok(number.units / scale) } else { Err(Unusable) }
}

/// A number in millionths, rounded half up; negative ones are refused. Money, and scores of surveys.
pub(super) fn millionths(text: &str) -> Result<i64, Unusable> {
    Decimal::parse(text)?.not_negative()?.scaled(6, 1)
}

/// A percentage as printed, in percent: `34.64 %` is 3464 at 2 decimals.
pub(super) fn percentage(text: &str) -> Result<Decimal, Unusable> {
    let number = trim(text);
    let number = number.strip_suffix('%').or_else(|| number.strip_prefix('%')).unwrap_or(number);
    Decimal::parse(number)?.not_negative()
}

/// A percentage as a ratio in millionths.
pub(super) fn ratio(percentage: Decimal) -> Result<i64, Unusable> {
    percentage.scaled(4, 1)
}

/// A duration in milliseconds: `[H+]:MM:SS` beyond 24 hours too, `MM:SS`, or seconds with or without decimals.
pub(super) fn duration(text: &str) -> Result<i64, Unusable> {
    match clock(text)? {
        Some(milliseconds) => Ok(milliseconds),
        None => Decimal::parse(text)?.not_negative()?.scaled(3, 1),
    }
}

/// Minutes, in milliseconds: whole, decimal, or the clock forms of [`duration`].
pub(super) fn minutes(text: &str) -> Result<i64, Unusable> {
    match clock(text)? {
        Some(milliseconds) => Ok(milliseconds),
        None => Decimal::parse(text)?.not_negative()?.scaled(0, 60_000),
    }
}

/// `H+:MM:SS` or `MM:SS`, the seconds with or without decimals; `None` when there is no colon.
fn clock(text: &str) -> Result<Option<i64>, Unusable> {
    let text = trim(text);
    let Some((before, seconds)) = text.rsplit_once(':') else { return Ok(None) };
    let (hours, minutes) = match before.split_once(':') {
        Some((hours, minutes)) => (digits(hours, 1, 9)?, digits(minutes, 1, 2)?),
        None => (0, digits(before, 1, 2)?),
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let whole = digits(whole, 1, 2)?;
    if minutes > 59 || whole > 59 {
        return Err(Unusable);
    }
    let length = u32::try_from(fraction.len()).map_err(|_| Unusable)?;
    let fraction = Decimal { units: digits(fraction, 1, 9)?, decimals: length }.scaled(3, 1)?;
    Ok(Some((hours * 3_600 + minutes * 60 + whole) * 1_000 + fraction))
}

/// ASCII digits only, between `least` and `most` of them (at most 9, so nothing can overflow).
fn digits(text: &str, least: usize, most: usize) -> Result<i64, Unusable> {
    if text.len() < least || text.len() > most || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unusable);
    }
    text.parse().map_err(|_| Unusable)
}

/// A local time as far as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A date without an hour.
    Day(Date),
    /// A date with at least an hour; what was not written is zero.
    Time(DateTime),
}

/// A local date and time in every form of the API; the zero date of databases is absent.
///
/// `2026-08-12 08:02:08`, with `T`, with slashes, without seconds, with the hour alone behind a space or a
/// dash (`2026-08-12-8`), compact (`20260812`, `2026081208`, `20260812080208`), or the date alone.
pub(super) fn moment(text: &str) -> Result<Option<Moment>, Unusable> {
    let text = trim(text);
    let bytes = text.as_bytes();
    if let Some(at) = usual(bytes) {
        return at.map(|at| Some(Moment::Time(at)));
    }
    if !text.is_ascii() {
        return Err(Unusable);
    }
    let number = |text: &str, least, most| digits(text, least, most);
    if bytes.iter().all(u8::is_ascii_digit) {
        if !matches!(bytes.len(), 8 | 10 | 12 | 14) {
            return Err(Unusable);
        }
        let part = |from: usize, to: usize| text.get(from..to).map_or(Ok(0), |text| number(text, 1, 4));
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        if bytes.len() == 8 {
            return assemble(year, month, day, None);
        }
        return assemble(year, month, day, Some((part(8, 10)?, part(10, 12)?, part(12, 14)?)));
    }
    let mark = if text.contains('/') { '/' } else { '-' };
    let mut parts = text.splitn(3, mark);
    let mut next = || parts.next().ok_or(Unusable);
    let (year, month, rest) = (number(next()?, 4, 4)?, number(next()?, 1, 2)?, next()?);
    let Some(end) = rest.find(|c: char| !c.is_ascii_digit()) else {
        return assemble(year, month, number(rest, 1, 2)?, None);
    };
    let (day, time) = (number(&rest[..end], 1, 2)?, &rest[end..]);
    let time = time.strip_prefix([' ', 'T', 't', '-']).ok_or(Unusable)?.trim_start();
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    number(fraction, 1, 9)?;
    let mut parts = time.split(':');
    let mut next = |least| parts.next().map_or(Ok(0), |part| number(part, least, 2));
    let time = (next(1)?, next(2)?, next(2)?);
    if parts.next().is_some() {
        return Err(Unusable);
    }
    assemble(year, month, day, Some(time))
}

/// The form that nearly every row has, `2026-08-12 08:02:08`, without the detours of the others.
fn usual(bytes: &[u8]) -> Option<Result<DateTime, Unusable>> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2] = bytes
    else {
        return None;
    };
    let mut fine = true;
    let mut two = |a: u8, b: u8| {
        fine &= a.is_ascii_digit() && b.is_ascii_digit();
        i16::from(a.wrapping_sub(b'0')) * 10 + i16::from(b.wrapping_sub(b'0'))
    };
    let (century, year) = (two(y1, y2), two(y3, y4));
    let (month, day) = (two(m1, m2) as i8, two(d1, d2) as i8);
    let (hour, minute, second) = (two(h1, h2) as i8, two(n1, n2) as i8, two(s1, s2) as i8);
    // The zero date and everything odd take the long way.
    if !fine || month == 0 {
        return None;
    }
    Some(DateTime::new(century * 100 + year, month, day, hour, minute, second, 0).map_err(|_| Unusable))
}

fn assemble(
    year: i64,
    month: i64,
    day: i64,
    time: Option<(i64, i64, i64)>,
) -> Result<Option<Moment>, Unusable> {
    if (year, month, day) == (0, 0, 0) {
        return Ok(None);
    }
    // Invariant: every part has at most four digits, so all of them fit.
    let date = Date::new(year as i16, month as i8, day as i8).map_err(|_| Unusable)?;
    let Some((hour, minute, second)) = time else { return Ok(Some(Moment::Day(date))) };
    let time = civil::Time::new(hour as i8, minute as i8, second as i8, 0).map_err(|_| Unusable)?;
    Ok(Some(Moment::Time(date.to_datetime(time))))
}

#[cfg(test)]
mod tests;
