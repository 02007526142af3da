//! One local day of one operation: every call, callback and survey, with the instants at which each
//! fact becomes visible.
//!
//! Times of rows are *labels*: local wall clock as seconds since 1970-01-01 00:00 on that wall clock, so
//! that they compare and print without a zone. Instants are seconds since 1970 UTC.

use super::centre::Centre;
use crate::time::civil;

mod making;

use making::Making;

/// Later than anything: a fact that never happens.
pub(super) const NEVER: i64 = i64::MAX;
/// No such agent, campaign, code or skill.
pub(super) const NONE: u16 = u16::MAX;

/// A call that went through the IVR (`diagram_1_2`), and perhaps on into a queue (`skill_6`).
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// Unique within 400 days of the operation.
    pub(super) seq: u32,
    /// Label of the end of the IVR, which is the arrival in the queue.
    pub(super) at: i64,
    /// The same as an instant.
    pub(super) instant: i64,
    /// Seconds in the IVR.
    pub(super) ivr_seconds: u32,
    /// The aggregated reports count the call from this instant.
    pub(super) visible: i64,
    /// They no longer count it from this instant; [`NEVER`] for a true call.
    pub(super) withdrawn: i64,
    /// The caller's number: last four digits.
    pub(super) ani: u16,
    /// What happened in the queue, if it reached one.
    pub(super) queue: Option<Queue>,
}

/// The queue part of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    pub(super) skill: u16,
    pub(super) dnis: u16,
    /// Milliseconds until the answer or the hang-up.
    pub(super) wait_ms: u32,
    pub(super) answered: bool,
}

/// The kinds of `type_interaction`, in the order of `INTERACTIONS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interaction {
    Inbound,
    Transfer,
    Conference,
    OutPre,
    OutboundMa,
    Internal,
    InternalQueue,
}

impl Interaction {
    /// As the API spells it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Interaction::Inbound => "inbound",
            Interaction::Transfer => "transfer",
            Interaction::Conference => "conference",
            Interaction::OutPre => "out_pre",
            Interaction::OutboundMa => "outbound_ma",
            Interaction::Internal => "internal call",
            Interaction::InternalQueue => "internal call_que",
        }
    }
}

/// A connected call (`cdr_1`).
#[derive(Debug, Clone)]
pub(super) struct Connected {
    /// Label of the end.
    pub(super) at: i64,
    pub(super) seq: u32,
    /// Instant of the start of the call, part of its id.
    pub(super) started: i64,
    pub(super) seconds: u32,
    pub(super) cost: i64,
    pub(super) visible: i64,
    /// When each code is written.
    pub(super) coded: [i64; 2],
    /// Index of each code, or [`NONE`] when it is never written.
    pub(super) code: [u16; 2],
    pub(super) skill: u16,
    pub(super) agent: u16,
    pub(super) campaign: u16,
    pub(super) destination: u16,
    pub(super) ani: u16,
    pub(super) interaction: Interaction,
    pub(super) agent_hung_up: bool,
    pub(super) commented: bool,
}

/// How a callback ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    No,
    Ok,
    Fail,
    NoUser,
    StopNew,
    /// Accepted and never called.
    Yes,
}

/// The offer of a callback (`diagram_3`).
#[derive(Debug, Clone)]
pub(super) struct Callback {
    /// Label of the inbound call.
    pub(super) at: i64,
    pub(super) instant: i64,
    pub(super) seq: u32,
    pub(super) skill: u16,
    pub(super) ani: u16,
    pub(super) visible: i64,
    pub(super) outcome: Outcome,
    /// When the outcome shows; [`NEVER`] for `Yes`.
    pub(super) decided: i64,
    /// Instant, label and seconds of each attempt, in order.
    pub(super) attempts: Vec<Attempt>,
}

/// One attempt to call back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) instant: i64,
    pub(super) at: i64,
    pub(super) seconds: u32,
    /// Billed minutes in hundredths.
    pub(super) billed: i64,
}

/// A survey (`diagram_4`).
#[derive(Debug, Clone)]
pub(super) struct Survey {
    /// Label of its start, the end of the call.
    pub(super) at: i64,
    pub(super) instant: i64,
    pub(super) seq: u32,
    pub(super) started: i64,
    pub(super) skill: u16,
    pub(super) agent: u16,
    pub(super) ani: u16,
    pub(super) visible: i64,
    pub(super) seconds: u32,
    /// 0 abandon, 1 incomplete, 2 complete.
    pub(super) result: u8,
    /// Answers in the order of the questions; fewer than three when it was not completed.
    pub(super) answers: [Option<u8>; 3],
    /// Seconds of the voice message, 0 without.
    pub(super) voice_seconds: u32,
    /// Index into the five feelings, or [`NONE`].
    pub(super) feeling: u16,
    pub(super) felt: i64,
}

/// Everything of one local day, each list ordered by label.
#[derive(Debug, Default)]
pub(super) struct Day {
    pub(super) visits: Vec<Visit>,
    pub(super) connected: Vec<Connected>,
    pub(super) callbacks: Vec<Callback>,
    pub(super) surveys: Vec<Survey>,
}

/// A row that has a label.
pub(super) trait Labelled {
    /// Local wall clock of the row, as label seconds.
    fn at(&self) -> i64;
}

macro_rules! labelled {
    ($($row:ty),*) => { $(impl Labelled for $row { fn at(&self) -> i64 { self.at } })* };
}
labelled!(Visit, Connected, Callback, Survey);

/// The rows whose label lies in `[from, to]`.
pub(super) fn within<R: Labelled>(rows: &[R], from: i64, to: i64) -> &[R] {
    let first = rows.partition_point(|row| row.at() < from);
    let last = rows.partition_point(|row| row.at() <= to);
    rows.get(first..last).unwrap_or_default()
}

impl Day {
    pub(super) fn new(centre: &Centre, operation: usize, date: civil::Date) -> Day {
        if centre.start.is_some_and(|start| date < start) {
            return Day::default();
        }
        let mut making = Making::new(centre, operation, date);
        making.inbound();
        making.outbound();
        let mut day = making.day;
        // Stable: equal labels keep the order of their making, so answers are reproducible.
        day.visits.sort_by_key(|row| row.at);
        day.connected.sort_by_key(|row| row.at);
        day.callbacks.sort_by_key(|row| row.at);
        day.surveys.sort_by_key(|row| row.at);
        day
    }

    /// How much memory the day takes, in rows.
    pub(super) fn events(&self) -> usize {
        1 + self.visits.len() + self.connected.len() + self.callbacks.len() + self.surveys.len()
    }
}

/// Label seconds of a local time.
pub(super) fn label_of(at: civil::DateTime) -> i64 {
    at.duration_since(civil::datetime(1970, 1, 1, 0, 0, 0, 0)).as_secs()
}
