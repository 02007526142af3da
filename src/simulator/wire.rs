//! Rows as bytes, in every form the API is known or feared to use.
//!
//! Rows are written straight into a byte buffer: an answer may have 60,000 of them.

use super::behaviour::{Absent, Behaviour, Form, Hour, Message, Minutes, Number, Percent, Time};
use super::day::NONE;
use super::dice::Dice;
use crate::time::{SignedDuration, civil};

/// The rows of an answer, as far as they are written.
#[derive(Debug)]
pub(super) struct Rows<'b> {
    behaviour: &'b Behaviour,
    out: Vec<u8>,
    /// Fields of the row being written: their key and where their value ends in `scratch`.
    fields: Vec<(&'static str, usize)>,
    scratch: Vec<u8>,
    /// Where each row starts in `out`.
    starts: Vec<usize>,
    dice: Dice,
}

impl<'b> Rows<'b> {
    pub(super) fn new(behaviour: &'b Behaviour, expected: usize) -> Rows<'b> {
        Rows {
            behaviour,
            out: Vec::with_capacity(expected * 560 + 64),
            fields: Vec::with_capacity(32),
            scratch: Vec::with_capacity(1024),
            starts: Vec::with_capacity(expected),
            dice: Dice::of(&[0x726F_7773]),
        }
    }

    /// Free text.
    pub(super) fn text(&mut self, key: &'static str, value: &str) {
        self.scratch.push(b'"');
        escape(&mut self.scratch, value, self.behaviour.escape_unicode);
        self.scratch.push(b'"');
        self.fields.push((key, self.scratch.len()));
    }

    /// Text, or the placeholder.
    pub(super) fn maybe(&mut self, key: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.absent(key),
        }
    }

    /// A name, with an emoji where names have them.
    pub(super) fn name(&mut self, key: &'static str, value: &str) {
        if self.behaviour.emoji {
            self.text(key, &format!("{value} 📞"));
        } else {
            self.text(key, value);
        }
    }

    /// Nothing, in the form of this server.
    pub(super) fn absent(&mut self, key: &'static str) {
        let form: &[u8] = match self.behaviour.absent {
            Absent::Dash => b"\"-\"",
            Absent::DoubleDash => b"\"--\"",
            Absent::Space => b"\" \"",
            Absent::Empty => b"\"\"",
            Absent::Null => b"null",
            Absent::Missing => return,
        };
        self.scratch.extend_from_slice(form);
        self.fields.push((key, self.scratch.len()));
    }

    /// A whole number.
    pub(super) fn whole(&mut self, key: &'static str, value: i64) {
        let large = value.unsigned_abs() >= 1000 && self.behaviour.number == Number::Thousands;
        self.number(key, !large, |out, form| {
            if form == Number::Thousands { grouped(out, value) } else { digits(out, value) }
        });
    }

    /// A number with decimals, given in millionths.
    pub(super) fn millionths(&mut self, key: &'static str, value: i64) {
        let plain = self.behaviour.number == Number::Plain;
        self.number(key, plain, |out, form| decimal(out, value, form));
    }

    fn number(&mut self, key: &'static str, bare: bool, write: impl FnOnce(&mut Vec<u8>, Number)) {
        let quoted = !(self.behaviour.json_numbers && bare);
        if quoted {
            self.scratch.push(b'"');
        }
        write(&mut self.scratch, self.behaviour.number);
        if quoted {
            self.scratch.push(b'"');
        }
        self.fields.push((key, self.scratch.len()));
    }

    /// `part` of `whole` as a percentage with two decimals.
    pub(super) fn percent(&mut self, key: &'static str, part: i64, whole: i64) {
        let hundredths = share(part, whole);
        self.scratch.push(b'"');
        let out = &mut self.scratch;
        match self.behaviour.percent {
            Percent::Fixed => {
                digits(out, hundredths / 100);
                out.push(b'.');
                two(out, hundredths % 100);
            }
            Percent::Comma => decimal(out, hundredths * 10_000, Number::Comma),
            _ => decimal(out, hundredths * 10_000, Number::Plain),
        }
        match self.behaviour.percent {
            Percent::Tight => out.push(b'%'),
            Percent::NoBreak => out.extend_from_slice("\u{a0}%".as_bytes()),
            _ => out.extend_from_slice(b" %"),
        }
        self.scratch.push(b'"');
        self.fields.push((key, self.scratch.len()));
    }

    /// A length of time in milliseconds.
    pub(super) fn time(&mut self, key: &'static str, ms: i64, form: Time) {
        let shown = printed_time(ms, form);
        match form {
            Time::Decimal => self.millionths(key, shown * 1000),
            Time::Seconds => self.whole(key, shown / 1000),
            Time::Clock | Time::Minutes => {
                self.scratch.push(b'"');
                clock(&mut self.scratch, shown / 1000, form == Time::Clock);
                self.scratch.push(b'"');
                self.fields.push((key, self.scratch.len()));
            }
        }
    }

    /// An amount of minutes, given in milliseconds.
    pub(super) fn minutes(&mut self, key: &'static str, ms: i64, form: Minutes) {
        let shown = printed_minutes(ms, form);
        match form {
            // A hundredth of a minute is 600 ms, and 10,000 millionths.
            Minutes::Decimal => self.millionths(key, shown / 600 * 10_000),
            Minutes::Whole => self.whole(key, shown / 60_000),
            Minutes::Clock => {
                self.scratch.push(b'"');
                clock(&mut self.scratch, shown / 1000, true);
                self.scratch.push(b'"');
                self.fields.push((key, self.scratch.len()));
            }
        }
    }

    /// A date and time, `2026-08-11 08:15:00`.
    pub(super) fn when(&mut self, key: &'static str, label: i64) {
        self.scratch.push(b'"');
        moment(&mut self.scratch, label);
        self.scratch.push(b'"');
        self.fields.push((key, self.scratch.len()));
    }

    /// The hour of `diagram_1_2`.
    pub(super) fn hour(&mut self, label: i64) {
        let key = if self.behaviour.hour_key_day { "day" } else { "date" };
        let at = civil_of(label);
        let (date, hour) = (at.date(), at.hour());
        let text = match self.behaviour.hour {
            Hour::Dashes => format!("{date}-{hour:02}"),
            Hour::Space => format!("{date} {hour:02}"),
            Hour::Minutes => format!("{date} {hour:02}:00"),
            Hour::Seconds => format!("{date} {hour:02}:00:00"),
            Hour::Compact => format!("{}{hour:02}", date.strftime("%Y%m%d")),
            Hour::Unpadded => format!("{date}-{hour}"),
            Hour::DayOnly => date.to_string(),
        };
        self.text(key, &text);
    }

    /// Closes the row.
    pub(super) fn end(&mut self) {
        if self.behaviour.extra_keys {
            self.percent("service_level_0seg", 0, 1);
            self.text("columna_nueva", "á\u{1F4DE} \"nuevo\"");
        }
        if !self.starts.is_empty() {
            self.out.push(b',');
        }
        self.starts.push(self.out.len());
        let mut order: Vec<usize> = Vec::new();
        if self.behaviour.shuffle_keys {
            order.extend(0..self.fields.len());
            for index in (1..order.len()).rev() {
                let other = self.dice.between(0, index as i64) as usize;
                order.swap(index, other);
            }
        }
        self.out.push(b'{');
        for position in 0..self.fields.len() {
            let index = order.get(position).copied().unwrap_or(position);
            let start = if index == 0 { 0 } else { self.fields[index - 1].1 };
            let (key, end) = self.fields[index];
            if position > 0 {
                self.out.push(b',');
            }
            self.key(key, index);
            self.out.extend_from_slice(&self.scratch[start..end]);
        }
        self.out.push(b'}');
        self.fields.clear();
        self.scratch.clear();
    }

    fn key(&mut self, key: &'static str, index: usize) {
        let key = match key {
            "time_seg" if self.behaviour.newer_names => "TIME_SEC",
            "hang_up" if self.behaviour.newer_names => "HUNG_UP",
            key => key,
        };
        self.out.push(b'"');
        if self.behaviour.upper_keys {
            self.out.extend(key.bytes().map(|byte| byte.to_ascii_uppercase()));
        } else {
            self.out.extend_from_slice(key.as_bytes());
        }
        if self.behaviour.trailing_space_keys && index % 2 == 1 {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(b"\":");
    }

    /// Writes the last row once more.
    pub(super) fn again(&mut self) {
        let Some(start) = self.starts.last() else { return };
        let row = *start..self.out.len();
        self.out.push(b',');
        self.starts.push(self.out.len());
        self.out.extend_from_within(row);
    }

    /// How many rows are written.
    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// Takes the last rows away again.
    pub(super) fn lose(&mut self, rows: usize) {
        let kept = self.starts.len().saturating_sub(rows);
        if let Some(start) = self.starts.get(kept) {
            // Without the comma before it.
            self.out.truncate(start.saturating_sub(1));
            self.starts.truncate(kept);
        }
    }

    /// The whole body, as a head, the rows and a tail. `promised` is the number that `msg` speaks of.
    pub(super) fn body(self, promised: usize) -> [Vec<u8>; 3] {
        let mut head = Vec::with_capacity(128);
        if self.behaviour.bom {
            head.extend_from_slice(b"\xEF\xBB\xBF");
        }
        if self.behaviour.bare_array {
            head.push(b'[');
            return [head, self.out, b"]".to_vec()];
        }
        head.extend_from_slice(b"{\"code\":");
        code(&mut head, 200, self.behaviour.code);
        head.extend_from_slice(b",\"error\":null,");
        message(&mut head, promised, self.behaviour.message);
        head.extend_from_slice(b"\"data\":[");
        [head, self.out, b"]}".to_vec()]
    }
}

/// The envelope of an error or of an empty answer.
pub(super) fn envelope(
    behaviour: &Behaviour,
    status: u16,
    error: Option<&str>,
    msg: &str,
    data: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    if behaviour.bom {
        out.extend_from_slice(b"\xEF\xBB\xBF");
    }
    out.extend_from_slice(b"{\"code\":");
    code(&mut out, status, behaviour.code);
    out.extend_from_slice(b",\"error\":");
    match error {
        Some(error) => {
            out.push(b'"');
            escape(&mut out, error, behaviour.escape_unicode);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"msg\":\"");
    escape(&mut out, msg, behaviour.escape_unicode);
    out.push(b'"');
    if data {
        out.extend_from_slice(b",\"data\":[]");
    }
    out.push(b'}');
    out
}

fn code(out: &mut Vec<u8>, status: u16, form: Form) {
    let quote = form == Form::Text;
    if quote {
        out.push(b'"');
    }
    digits(out, i64::from(status));
    if quote {
        out.push(b'"');
    }
}

fn message(out: &mut Vec<u8>, count: usize, form: Message) {
    let text = match form {
        Message::Usual => format!("{count} records were found"),
        Message::Letter => "x records were found".to_owned(),
        Message::LeadingSpace => format!(" {count} records were found"),
        Message::Month => "Information found for the current month".to_owned(),
        Message::Absent => return,
    };
    out.extend_from_slice(b"\"msg\":\"");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\",");
}

/// A share as hundredths of a percent, rounded to nearest.
pub(super) fn share(part: i64, whole: i64) -> i64 {
    if whole == 0 { 0 } else { (part * 20_000 + whole) / (2 * whole) }
}

/// The milliseconds that remain visible of a length of time.
pub(super) fn printed_time(ms: i64, form: Time) -> i64 {
    match form {
        Time::Decimal => (ms + 5) / 10 * 10,
        Time::Clock | Time::Minutes | Time::Seconds => (ms + 500) / 1000 * 1000,
    }
}

/// The milliseconds that remain visible of an amount of minutes.
pub(super) fn printed_minutes(ms: i64, form: Minutes) -> i64 {
    match form {
        Minutes::Decimal => (ms + 300) / 600 * 600,
        Minutes::Whole => (ms + 59_999) / 60_000 * 60_000,
        Minutes::Clock => (ms + 500) / 1000 * 1000,
    }
}

/// The local time of label seconds.
pub(super) fn civil_of(label: i64) -> civil::DateTime {
    civil::datetime(1970, 1, 1, 0, 0, 0, 0).saturating_add(SignedDuration::from_secs(label))
}

fn moment(out: &mut Vec<u8>, label: i64) {
    let (year, month, day) = date_of(label.div_euclid(86_400));
    let rest = label.rem_euclid(86_400);
    digits(out, year);
    out.push(b'-');
    two(out, month);
    out.push(b'-');
    two(out, day);
    out.push(b' ');
    two(out, rest / 3600);
    out.push(b':');
    two(out, rest / 60 % 60);
    out.push(b':');
    two(out, rest % 60);
}

/// Year, month and day of a number of days since 1970 (the civil calendar, counted in eras of 400 years).
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn clock(out: &mut Vec<u8>, seconds: i64, hours: bool) {
    if hours {
        two(out, seconds / 3600);
        out.push(b':');
        two(out, seconds / 60 % 60);
    } else {
        two(out, seconds / 60);
    }
    out.push(b':');
    two(out, seconds % 60);
}

/// A number with at least two digits.
fn two(out: &mut Vec<u8>, value: i64) {
    if value < 10 {
        out.push(b'0');
    }
    digits(out, value);
}

fn digits(out: &mut Vec<u8>, value: i64) {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    let mut left = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[at..]);
}

fn grouped(out: &mut Vec<u8>, value: i64) {
    let text = value.unsigned_abs().to_string();
    if value < 0 {
        out.push(b'-');
    }
    for (index, digit) in text.bytes().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            out.push(b',');
        }
        out.push(digit);
    }
}

/// Millionths as a decimal number, trailing zeros dropped; with thousands at least two decimals.
fn decimal(out: &mut Vec<u8>, millionths: i64, form: Number) {
    if millionths < 0 {
        out.push(b'-');
    }
    let (whole, mut rest) = (millionths.abs() / 1_000_000, millionths.abs() % 1_000_000);
    match form {
        Number::Thousands => grouped(out, whole),
        _ => digits(out, whole),
    }
    let least = if form == Number::Thousands { 2 } else { 0 };
    if rest > 0 || least > 0 {
        out.push(if form == Number::Comma { b',' } else { b'.' });
    }
    let mut written = 0;
    while rest > 0 || written < least {
        out.push(b'0' + (rest / 100_000) as u8);
        rest = rest % 100_000 * 10;
        written += 1;
    }
}

fn escape(out: &mut Vec<u8>, text: &str, ascii_only: bool) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\' && (byte < 0x80 || !ascii_only);
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for letter in text.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            _ if (letter as u32) < 0x20 || (ascii_only && !letter.is_ascii()) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Whether an index names something.
pub(super) fn some(index: u16) -> Option<usize> {
    (index != NONE).then_some(usize::from(index))
}
