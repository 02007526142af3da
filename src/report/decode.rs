//! The decoder: bytes of one answer in, a reading (or the answer of a helper call) out.

use std::fmt;

use thiserror::Error;

use super::call_detail::CallDetail;
use super::callback::Callbacks;
use super::columns::{self, Columns, Row};
use super::envelope::Envelope;
use super::framing::{self, Data, Framer, Rows};
use super::identity::IdentityKey;
use super::ivr::Ivr;
use super::mend;
use super::quota::{Quota, QuotaRows};
use super::service_level::ServiceLevel;
use super::skills::SkillNames;
use super::survey::Surveys;
use super::tally::{AsReported, Tally};
use super::vocabulary::{CHECKS, fields};
use super::witness::Witness;
use super::{Content, Reading};
use crate::api::{Reason, Report};
use crate::config::{Denominator, Operation};
use crate::schedule::{Request, WitnessRow};
use crate::time::civil::DateTime;
use crate::time::{Bucket, SignedDuration, Timestamp, Window, Zone};

/// The vendor's documented limit on the weight of an answer.
const LARGEST_ANSWER: u64 = 256 << 20;

/// The vendor cuts answers at 60,000 rows. What says more than this is no answer of theirs, and rows are what memory
/// grows with.
const MOST_ROWS: u64 = 100_000;

/// Why an answer could not be decoded. Never holds any of its content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Not JSON at all, or not well-formed.
    #[error("the answer is not well-formed JSON")]
    NotJson,
    /// JSON, but neither an envelope nor a list of rows.
    #[error("the answer is JSON without the vendor's envelope")]
    NotAnEnvelope,
    /// The answer ends in the middle.
    #[error("the answer ends before it is complete")]
    Cut,
    /// Something follows the end of the JSON document.
    #[error("something follows the end of the answer")]
    Trailing,
    /// The status says success, but there is no list of rows.
    #[error("the answer says success but has no list of rows")]
    NoRows,
    /// The status says "no rows", but there are some.
    #[error("the answer says that there are no rows but has some")]
    UnexpectedRows,
    /// The effective status is neither success nor "no rows"; the client classifies it.
    #[error("the answer is a refusal with status {status}")]
    Refused {
        /// The effective status.
        status: u16,
        /// What the body says.
        envelope: Envelope,
    },
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// One row, one value beside the rows, or the space between them is longer than 1 MiB.
    #[error("a row of the answer is longer than 1 MiB")]
    RowTooLong,
    /// More rows than any answer of the vendor has.
    #[error("the answer has more than {most} rows")]
    TooManyRows {
        /// How many are read.
        most: u64,
    },
    /// A list of skills that no centre has.
    #[error("the answer names more than {most} skills")]
    TooManySkills {
        /// How many are believed.
        most: usize,
    },
    /// A helper answer without a field that nothing can be done without.
    #[error("{report} without a usable {field}")]
    Unusable {
        /// Which helper.
        report: Report,
        /// Its field.
        field: &'static str,
    },
}

impl DecodeError {
    /// The reason of the failed read; `None` for a refusal, which the client classifies by its message.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            DecodeError::Refused { .. } => None,
            DecodeError::UnexpectedRows => Some(Reason::Mismatch),
            DecodeError::NotJson
            | DecodeError::NotAnEnvelope
            | DecodeError::Cut
            | DecodeError::Trailing
            | DecodeError::NoRows
            | DecodeError::TooLarge { .. }
            | DecodeError::RowTooLong
            | DecodeError::TooManyRows { .. }
            | DecodeError::TooManySkills { .. }
            | DecodeError::Unusable { .. } => Some(Reason::Decode),
        }
    }
}

/// One decoded answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What it says.
    pub answer: Answer,
    /// What it says about itself; [`Envelope::code`] is the effective status.
    pub envelope: Envelope,
    /// Whether it came in the vendor's envelope, rather than as a bare list.
    pub is_envelope: bool,
    /// What was rejected, dropped and learnt on the way.
    pub tally: Tally,
    /// The numbers of the vendor as reported, for the gauges of today.
    pub as_reported: AsReported,
}

/// The content of an answer by the kind of its question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// One of the five reports.
    Reading(Reading),
    /// `skill_1`, one row per skill, sorted; names are in [`super::Names::skills`].
    Witness(Vec<WitnessRow>),
    /// `skills`: ids with their names, sorted; a skill without a usable name has none.
    Skills(Vec<(String, Option<String>)>),
    /// `token_info`.
    Quota(Quota),
}

/// What the rows of a report are read with.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) skill: String,
    pub(super) window: Window,
    pub(super) key: IdentityKey,
    pub(super) denominator: Denominator,
    /// Whether the first day of the window has ended by the slot's now.
    pub(super) ended: bool,
    /// `cdr_1` and `diagram_4`: when a row is old enough for its late fields to be taken as they stand.
    pub(super) coding: Coding,
    pub(super) agents: bool,
}

/// Tells whether a row was at least `coding_delay` old at the slot's now.
#[derive(Debug)]
pub(super) struct Coding {
    zone: Zone,
    /// Rows of this instant and before are old enough.
    until: Timestamp,
    /// Local times up to here are old enough whatever the zone does between, those after `young` are not.
    old: DateTime,
    young: DateTime,
}

impl Coding {
    fn new(zone: &Zone, now: Timestamp, delay: SignedDuration) -> Coding {
        let until = now.saturating_sub(delay).unwrap_or(Timestamp::MIN);
        let local = zone.civil(until);
        // No zone shifts by more than a few hours, so only rows near the edge need the exact rule.
        let margin = SignedDuration::from_hours(26);
        Coding {
            zone: zone.clone(),
            until,
            old: local.saturating_sub(margin),
            young: local.saturating_add(margin),
        }
    }

    /// Where a local time occurs twice the later instant counts, so that nothing is decided too early.
    pub(super) fn is_over(&self, at: DateTime) -> bool {
        at <= self.old || (at <= self.young && self.zone.last_instant(at) <= self.until)
    }
}

/// Takes the bytes of one answer as they arrive.
///
/// Memory holds the rows' contributions, names, and at most one row; never the answer.
pub struct Decoder {
    request: Request,
    asked: Timestamp,
    framer: Framer,
    collector: Collector,
    failed: Option<DecodeError>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The row in progress is private.
        f.debug_struct("Decoder")
            .field("request", &self.request)
            .field("bytes", &self.framer.bytes())
            .finish()
    }
}

impl Decoder {
    /// A decoder for the answer to `request`, which was sent at `asked`.
    ///
    /// `denominator` is what the percentages of `skill_6` are of, as decided; `Auto` reads them as of
    /// inbound calls, for the sake of [`Tally::evidence`].
    pub fn new(
        request: &Request,
        operation: &Operation,
        key: &IdentityKey,
        denominator: Denominator,
        asked: Timestamp,
    ) -> Decoder {
        let zone = &operation.zone;
        let now = zone.civil(request.now);
        // Invariant: the schedule gives every report a window; helper calls have none and need none.
        let window = request.window.unwrap_or(Window { from: now, to: now });
        let reports = &operation.reports;
        let delay = match request.report {
            Report::Cdr1 => reports.cdr_1.map(|cdr_1| cdr_1.coding_delay),
            Report::Diagram4 => reports.diagram_4.map(|diagram_4| diagram_4.coding_delay),
            _ => None,
        };
        let delay = SignedDuration::try_from(delay.unwrap_or_default()).unwrap_or(SignedDuration::MAX);
        let settings = Settings {
            skill: request.skill.clone(),
            window,
            key: key.clone(),
            denominator,
            ended: zone.end(Bucket::day(window.from.date())) <= request.now,
            coding: Coding::new(zone, request.now, delay),
            agents: reports.cdr_1.is_some_and(|cdr_1| cdr_1.agents),
        };
        Decoder {
            request: request.clone(),
            asked,
            framer: Framer::new(LARGEST_ANSWER),
            collector: Collector {
                settings,
                tally: Tally::default(),
                lone: Lone::No,
                rows: Kind::of(request.report),
            },
            failed: None,
        }
    }

    /// Refuses answers of more than `bytes`, instead of the documented 256 MB.
    #[must_use]
    pub fn limited_to(mut self, bytes: u64) -> Decoder {
        self.framer = Framer::new(bytes);
        self
    }

    /// Takes the next bytes. An error is final.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.framer.push(chunk, &mut self.collector);
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// The answer, once its last byte has been taken. `http` is its status, `date` its `Date` header.
    ///
    /// The effective status is the body's `code`, else `http`; a server failure of HTTP is never overruled.
    /// 404 is an answer without rows; any other status but success is [`DecodeError::Refused`].
    pub fn finish(self, http: u16, date: Option<Timestamp>) -> Result<Decoded, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Decoder { request, asked, framer, mut collector, .. } = self;
        collector.tally.bytes = framer.bytes();
        let framed = framer.finish()?;
        let mut envelope = framed.envelope;
        if !framed.is_envelope && framed.data != Data::Rows {
            return Err(DecodeError::NotAnEnvelope);
        }
        let status = if http >= 500 { http } else { envelope.code.unwrap_or(http) };
        envelope.code = Some(status);
        match status {
            200..=299 => {
                let nothing_said = framed.data != Data::Rows && envelope.stated != Some(0);
                if nothing_said || collector.lone == Lone::Unknown {
                    return Err(DecodeError::NoRows);
                }
            }
            404 if collector.tally.rows > 0 => return Err(DecodeError::UnexpectedRows),
            404 => {}
            _ => return Err(DecodeError::Refused { status, envelope }),
        }
        conclude(&request, asked, date, (envelope, framed.is_envelope), collector)
    }

    /// The answer to a 404 that the client takes for "no rows" though its body says nothing.
    pub fn empty(self, date: Option<Timestamp>) -> Result<Decoded, DecodeError> {
        let envelope = Envelope { code: Some(404), ..Envelope::default() };
        let rows = Kind::of(self.request.report);
        let tally = Tally { bytes: self.framer.bytes(), ..Tally::default() };
        let collector = Collector { tally, lone: Lone::No, rows, ..self.collector };
        conclude(&self.request, self.asked, date, (envelope, false), collector)
    }
}

fn conclude(
    request: &Request,
    asked: Timestamp,
    date: Option<Timestamp>,
    (envelope, is_envelope): (Envelope, bool),
    collector: Collector,
) -> Result<Decoded, DecodeError> {
    let Collector { settings, mut tally, rows, .. } = collector;
    // Each of them starts at 0 long before it is needed.
    debug_assert!(
        tally.rejected.keys().all(|field| fields(request.report).contains(field)),
        "{:?}",
        tally.rejected
    );
    debug_assert!(tally.mismatches.keys().all(|check| CHECKS.contains(check)), "{:?}", tally.mismatches);
    let mut as_reported = AsReported::Nothing;
    let reading = |content, settings: &Settings| {
        Answer::Reading(Reading {
            report: request.report,
            skill: request.skill.clone(),
            window: settings.window,
            slot: request.slot,
            now: request.now,
            asked,
            date,
            content,
        })
    };
    let answer = match rows {
        Kind::ServiceLevel(rows) => {
            let (totals, day) = rows.finish(&settings);
            as_reported = AsReported::ServiceLevel(day);
            reading(Content::Totals(totals), &settings)
        }
        Kind::Ivr(rows) => {
            let (totals, hours) = rows.finish();
            as_reported = AsReported::Ivr(hours);
            reading(Content::Totals(totals), &settings)
        }
        Kind::Callbacks(rows) => reading(Content::Events(rows.finish(&settings, &mut tally)), &settings),
        Kind::CallDetail(rows) => reading(Content::Events(rows.finish(&settings, &mut tally)), &settings),
        Kind::Surveys(rows) => reading(Content::Events(rows.finish(&settings, &mut tally)), &settings),
        Kind::Witness(rows) => Answer::Witness(rows.finish()?),
        Kind::Skills(rows) => Answer::Skills(rows.finish()?),
        Kind::Quota(rows) => Answer::Quota(rows.finish()?),
    };
    Ok(Decoded { answer, envelope, is_envelope, tally, as_reported })
}

/// The rows so far, and what they are read with.
struct Collector {
    settings: Settings,
    tally: Tally,
    lone: Lone,
    rows: Kind,
}

/// Whether one object stood where the list of rows should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lone {
    No,
    /// It was one row, or an empty list in the guise of an object.
    Row,
    /// It was something else.
    Unknown,
}

/// The rows so far, in the shape of their report.
enum Kind {
    ServiceLevel(ServiceLevel),
    Ivr(Ivr),
    Callbacks(Callbacks),
    CallDetail(CallDetail),
    Surveys(Surveys),
    Witness(Witness),
    Skills(SkillNames),
    Quota(QuotaRows),
}

impl Kind {
    fn of(report: Report) -> Kind {
        match report {
            Report::Skill6 => Kind::ServiceLevel(ServiceLevel::default()),
            Report::Diagram12 => Kind::Ivr(Ivr::default()),
            Report::Diagram3 => Kind::Callbacks(Callbacks::default()),
            Report::Cdr1 => Kind::CallDetail(CallDetail::default()),
            Report::Diagram4 => Kind::Surveys(Surveys::default()),
            Report::Skill1 => Kind::Witness(Witness::default()),
            Report::Skills => Kind::Skills(SkillNames::default()),
            Report::TokenInfo => Kind::Quota(QuotaRows::default()),
        }
    }
}

impl Collector {
    /// Reads one object, whatever the characters of its texts are. A row is taken after it has been read whole, so that
    /// one that was refused has left nothing behind.
    fn take_mended(&mut self, input: &[u8], lone: bool) -> Result<Option<usize>, DecodeError> {
        match self.take(input, lone) {
            Err(DecodeError::NotJson) => {
                let Some(length) = framing::extent(input) else { return Ok(None) };
                let Some(mended) = mend::mended(&input[..length]) else { return Err(DecodeError::NotJson) };
                let taken = self.take(&mended, lone)?;
                if taken == Some(mended.len()) { Ok(Some(length)) } else { Err(DecodeError::NotJson) }
            }
            taken => taken,
        }
    }

    /// Reads one object. `lone`: it stands for the list of rows, and is a row only if it looks like one.
    fn take(&mut self, input: &[u8], lone: bool) -> Result<Option<usize>, DecodeError> {
        let Collector { settings, tally, rows, lone: found } = self;
        let key = &settings.key;
        /// Reads the columns of a report and gives the row to `take`.
        fn one<'a, R: Columns<'a>>(
            input: &'a [u8],
            key: &IdentityKey,
            lone: bool,
            found: &mut Lone,
            tally: &mut Tally,
            take: impl FnOnce(Row<R>, &mut Tally),
        ) -> Result<Option<usize>, DecodeError> {
            let Some((row, length)) = columns::read::<R>(input, key)? else { return Ok(None) };
            if lone && !row.recognised {
                *found = if row.empty { Lone::Row } else { Lone::Unknown };
                return Ok(Some(length));
            }
            if lone {
                *found = Lone::Row;
            }
            another(tally)?;
            take(row, tally);
            Ok(Some(length))
        }
        match rows {
            Kind::ServiceLevel(rows) => {
                one(input, key, lone, found, tally, |row, tally| rows.row(row, settings, tally))
            }
            Kind::Ivr(rows) => one(input, key, lone, found, tally, |row, tally| rows.row(row, tally)),
            Kind::Callbacks(rows) => {
                one(input, key, lone, found, tally, |row, tally| rows.row(row, settings, tally))
            }
            Kind::CallDetail(rows) => {
                one(input, key, lone, found, tally, |row, tally| rows.row(row, settings, tally))
            }
            Kind::Surveys(rows) => {
                one(input, key, lone, found, tally, |row, tally| rows.row(row, settings, tally))
            }
            Kind::Witness(rows) => one(input, key, lone, found, tally, |row, tally| rows.row(row, tally)),
            Kind::Skills(rows) => one(input, key, lone, found, tally, |row, tally| rows.row(row, tally)),
            Kind::Quota(rows) => one(input, key, lone, found, tally, |row, tally| rows.row(row, tally)),
        }
    }
}

/// Counts a row.
fn another(tally: &mut Tally) -> Result<(), DecodeError> {
    if tally.rows >= MOST_ROWS {
        return Err(DecodeError::TooManyRows { most: MOST_ROWS });
    }
    tally.rows += 1;
    Ok(())
}

impl Rows for Collector {
    fn object(&mut self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
        self.take_mended(input, false)
    }

    fn lone_object(&mut self, input: &[u8]) -> Result<(), DecodeError> {
        self.take_mended(input, true).map(|_| ())
    }

    fn not_an_object(&mut self) -> Result<(), DecodeError> {
        another(&mut self.tally)?;
        self.tally.reject("row");
        match &mut self.rows {
            Kind::ServiceLevel(rows) => rows.unreadable(),
            Kind::Witness(rows) => rows.unreadable(),
            _ => self.tally.drop_row(super::DropReason::NoIdentity),
        }
        Ok(())
    }
}
