//! An answer is taken apart while it arrives: the envelope's scalars, and rows one by one.
//!
//! A row that lies whole in a chunk is decoded where it is. Only a row that a chunk cuts is copied, until
//! its last byte is there. So memory holds one row at most, however large the answer.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::columns::column_name;
use super::decode::DecodeError;
use super::envelope::Envelope;
use super::mend;

/// Longest row, longest value beside the rows, and longest white space between them.
pub(super) const LONGEST_ROW: usize = 1 << 20;

/// An envelope has four keys; what has so many is something else, however many more there are.
const MOST_KEYS: usize = 1_000;

/// Who takes the rows.
pub(super) trait Rows {
    /// Takes the object at the start of `input` and says where it ends; `None` when `input` ends first.
    fn object(&mut self, input: &[u8]) -> Result<Option<usize>, DecodeError>;

    /// Takes the object that stands where the list of rows should.
    fn lone_object(&mut self, input: &[u8]) -> Result<(), DecodeError>;

    /// A row is something other than an object.
    fn not_an_object(&mut self) -> Result<(), DecodeError>;
}

/// What the whole answer was.
#[derive(Debug, Default)]
pub(super) struct Framed {
    pub(super) envelope: Envelope,
    /// An object with at least one key of an envelope; otherwise a bare list.
    pub(super) is_envelope: bool,
    pub(super) data: Data,
}

/// What stood under `data`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// No such key.
    #[default]
    Missing,
    /// `null`, text, or another scalar.
    Scalar,
    /// A list, or the one object that stands for it.
    Rows,
}

/// The state of taking an answer apart. Not `Debug`: the row in progress is private.
pub(super) struct Framer {
    state: State,
    framed: Framed,
    /// The value that is being collected.
    pending: Vec<u8>,
    scan: Scan,
    key: String,
    keys: usize,
    /// White space in a row.
    blanks: usize,
    bytes: u64,
    limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte that means something; so many bytes of a byte order mark have been seen.
    Start(usize),
    /// In the envelope, where a key or, when allowed, the end stands.
    Key {
        end_allowed: bool,
    },
    /// Inside a key.
    InKey,
    Colon,
    Value,
    /// Inside a value of the envelope.
    InValue,
    AfterValue,
    /// In the list, where a row or, when allowed, the end stands.
    Row {
        end_allowed: bool,
    },
    /// Inside a row that a chunk has cut, or that is not an object.
    InRow,
    AfterRow,
    End,
}

const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl Framer {
    /// For an answer of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Framer {
        Framer {
            state: State::Start(0),
            framed: Framed::default(),
            pending: Vec::new(),
            scan: Scan::default(),
            key: String::new(),
            keys: 0,
            blanks: 0,
            bytes: 0,
            limit,
        }
    }

    /// Bytes taken so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next bytes of the answer.
    pub(super) fn push(&mut self, chunk: &[u8], rows: &mut impl Rows) -> Result<(), DecodeError> {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        if self.bytes > self.limit {
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        let mut rest = chunk;
        while let Some(&byte) = rest.first() {
            let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            self.blanks = if blank { self.blanks + 1 } else { 0 };
            if self.blanks > LONGEST_ROW {
                return Err(DecodeError::RowTooLong);
            }
            match self.state {
                State::InKey | State::InValue | State::InRow => {
                    rest = self.collect(rest, rows)?;
                    continue;
                }
                State::Start(seen) if seen < MARK.len() && byte == MARK[seen] => {
                    self.state = State::Start(seen + 1);
                }
                State::Start(1 | 2) => return Err(DecodeError::NotJson),
                // After white space there is no mark any more.
                State::Start(_) if blank => self.state = State::Start(MARK.len()),
                _ if blank => {}
                State::Start(_) => match byte {
                    b'{' => self.state = State::Key { end_allowed: true },
                    b'[' => {
                        self.framed.data = Data::Rows;
                        self.state = State::Row { end_allowed: true };
                    }
                    _ => return Err(DecodeError::NotJson),
                },
                State::Key { end_allowed: true } if byte == b'}' => self.state = State::End,
                State::Key { .. } if byte == b'"' => {
                    self.begin(State::InKey);
                    continue;
                }
                State::Colon if byte == b':' => self.state = State::Value,
                State::Value => {
                    if column_name(&self.key) == "data" {
                        if self.framed.data != Data::Missing {
                            return Err(DecodeError::NotAnEnvelope);
                        }
                        self.framed.is_envelope = true;
                        self.framed.data =
                            if matches!(byte, b'[' | b'{') { Data::Rows } else { Data::Scalar };
                        if byte == b'[' {
                            self.state = State::Row { end_allowed: true };
                            rest = &rest[1..];
                            continue;
                        }
                    }
                    self.begin(State::InValue);
                    continue;
                }
                State::AfterValue if byte == b',' => self.state = State::Key { end_allowed: false },
                State::AfterValue if byte == b'}' => self.state = State::End,
                State::Row { end_allowed: true } | State::AfterRow if byte == b']' => {
                    self.state = if self.framed.is_envelope { State::AfterValue } else { State::End };
                }
                State::Row { .. } => {
                    if byte == b'{'
                        && let Some(length) = rows.object(rest)?
                    {
                        if length > LONGEST_ROW {
                            return Err(DecodeError::RowTooLong);
                        }
                        self.state = State::AfterRow;
                        rest = &rest[length..];
                    } else {
                        self.begin(State::InRow);
                    }
                    continue;
                }
                State::AfterRow if byte == b',' => self.state = State::Row { end_allowed: false },
                State::End => return Err(DecodeError::Trailing),
                _ => return Err(DecodeError::NotJson),
            }
            rest = &rest[1..];
        }
        Ok(())
    }

    /// What the answer was, once all of it has been taken.
    pub(super) fn finish(self) -> Result<Framed, DecodeError> {
        match self.state {
            State::End => Ok(self.framed),
            _ => Err(DecodeError::Cut),
        }
    }

    fn begin(&mut self, state: State) {
        self.pending.clear();
        self.scan = Scan::default();
        self.state = state;
    }

    /// Collects the value that has begun; returns what follows it.
    fn collect<'c>(&mut self, rest: &'c [u8], rows: &mut impl Rows) -> Result<&'c [u8], DecodeError> {
        let (length, complete) = self.scan.run(rest);
        if self.pending.len() + length > LONGEST_ROW {
            return Err(DecodeError::RowTooLong);
        }
        let (value, rest) = rest.split_at(length);
        self.pending.extend_from_slice(value);
        if complete {
            let pending = std::mem::take(&mut self.pending);
            self.complete(&pending, rows)?;
            self.pending = pending;
        }
        Ok(rest)
    }

    fn complete(&mut self, value: &[u8], rows: &mut impl Rows) -> Result<(), DecodeError> {
        let parse = |_| DecodeError::NotJson;
        match self.state {
            State::InKey => {
                self.keys += 1;
                if self.keys > MOST_KEYS {
                    return Err(DecodeError::NotAnEnvelope);
                }
                self.key = mend::parse(value).map_err(parse)?;
                self.state = State::Colon;
            }
            State::InRow => {
                if value.first() == Some(&b'{') {
                    if rows.object(value)? != Some(value.len()) {
                        return Err(DecodeError::NotJson);
                    }
                } else {
                    mend::parse::<IgnoredAny>(value).map_err(parse)?;
                    rows.not_an_object()?;
                }
                self.state = State::AfterRow;
            }
            _ => {
                if value.first() == Some(&b'{') || value.first() == Some(&b'[') {
                    mend::parse::<IgnoredAny>(value).map_err(parse)?;
                    if column_name(&self.key) == "data" {
                        rows.lone_object(value)?;
                    }
                } else {
                    let value: Value = mend::parse(value).map_err(parse)?;
                    self.framed.is_envelope |= self.framed.envelope.take(&self.key, &value);
                }
                self.state = State::AfterValue;
            }
        }
        Ok(())
    }
}

/// How long the value at the start of `input` is, read by its quotes and brackets alone; `None` when it ends later.
pub(super) fn extent(input: &[u8]) -> Option<usize> {
    let (length, is_complete) = Scan::default().run(input);
    is_complete.then_some(length)
}

/// Finds the end of one JSON value, however its bytes are cut. It checks nothing else.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Scan {
    /// How many bytes belong to the value, and whether it is complete.
    fn run(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                } else if byte == b'\\' {
                    self.escaped = true;
                } else if byte == b'"' {
                    self.in_string = false;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' | b',' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 && self.begun => {
                    // A number or a word ends in front of what follows it.
                    return (at, true);
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => {}
            }
            self.begun = true;
        }
        (bytes.len(), false)
    }
}
