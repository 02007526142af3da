//! The vendor's vocabulary: report codes, the unit of event time of each, and how a read can fail.
//!
//! This file imports nothing of ours, so every module may speak its words.

use std::fmt;

/// A question that can be put to the Wolkvox API, named by the API's own code.
///
/// The first five are the reports whose numbers become counters; the last three are helper calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Report {
    /// `skill_6`: calls and service level by DNIS.
    Skill6,
    /// `diagram_3`: intelligent hold (callback) detail.
    Diagram3,
    /// `diagram_1_2`: IVR calls and minutes by hour.
    Diagram12,
    /// `cdr_1`: call detail, cost, activity codes.
    Cdr1,
    /// `diagram_4`: smart survey detail.
    Diagram4,
    /// `skill_1`: calls and service level by skill, read as the cheap witness of `skill_6`.
    Skill1,
    /// `information.php?api=skills`: names of the skills.
    Skills,
    /// `information.php?api=token_info`: the quota of the token.
    TokenInfo,
}

/// The unit of event time that a total belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// A local hour label; a folded hour is one bucket of two hours.
    Hour,
    /// A local day, 23 to 25 hours long.
    Day,
}

impl Report {
    /// The five reports whose numbers become counters, in the order of their priority.
    pub const FIVE: [Report; 5] =
        [Report::Skill6, Report::Diagram3, Report::Diagram12, Report::Cdr1, Report::Diagram4];

    /// Every question, the five first.
    pub const ALL: [Report; 8] = [
        Report::Skill6,
        Report::Diagram3,
        Report::Diagram12,
        Report::Cdr1,
        Report::Diagram4,
        Report::Skill1,
        Report::Skills,
        Report::TokenInfo,
    ];

    /// The API's own code, also the value of the label `report` and the key in the configuration.
    pub const fn code(self) -> &'static str {
        match self {
            Report::Skill6 => "skill_6",
            Report::Diagram3 => "diagram_3",
            Report::Diagram12 => "diagram_1_2",
            Report::Cdr1 => "cdr_1",
            Report::Diagram4 => "diagram_4",
            Report::Skill1 => "skill_1",
            Report::Skills => "skills",
            Report::TokenInfo => "token_info",
        }
    }

    /// The report with this code.
    pub fn from_code(code: &str) -> Option<Report> {
        Report::ALL.into_iter().find(|report| report.code() == code)
    }

    /// The PHP file of the API that answers this question.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Report::Skills | Report::TokenInfo => "information.php",
            _ => "reports_manager.php",
        }
    }

    /// The bucket of the report's totals; `None` for the helper calls.
    pub const fn grain(self) -> Option<Grain> {
        match self {
            Report::Skill6 | Report::Diagram3 => Some(Grain::Day),
            Report::Diagram12 | Report::Cdr1 | Report::Diagram4 => Some(Grain::Hour),
            Report::Skill1 | Report::Skills | Report::TokenInfo => None,
        }
    }

    /// Whether a row of the report is one event that carries its own time and identity.
    pub const fn has_rows_of_events(self) -> bool {
        matches!(self, Report::Diagram3 | Report::Cdr1 | Report::Diagram4)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a read failed: a closed set, the value of the label `reason` and a field in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The token is missing, unknown or not allowed (401, or 403 "validate token").
    Auth,
    /// The day's requests are spent (403 "token limit").
    Quota,
    /// Somebody else uses the token at the same time (403 "simultaneous").
    Concurrency,
    /// Maintenance or an unknown 403.
    Maintenance,
    /// The request was refused as wrong (400, another 4xx, a redirect).
    Request,
    /// The server failed (5xx).
    Server,
    /// No complete answer in time.
    Timeout,
    /// No connection, or it broke before an answer began.
    Connect,
    /// An answer that is not what the API documents (not JSON, wrong content type, cut, too large).
    Decode,
    /// The answer is cut at the row limit, or holds fewer rows than it says.
    Truncated,
    /// The answer contradicts itself (a denominator, a window, a self-check).
    Mismatch,
}

impl Reason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Reason; 11] = [
        Reason::Auth,
        Reason::Quota,
        Reason::Concurrency,
        Reason::Maintenance,
        Reason::Request,
        Reason::Server,
        Reason::Timeout,
        Reason::Connect,
        Reason::Decode,
        Reason::Truncated,
        Reason::Mismatch,
    ];

    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Auth => "auth",
            Reason::Quota => "quota",
            Reason::Concurrency => "concurrency",
            Reason::Maintenance => "maintenance",
            Reason::Request => "request",
            Reason::Server => "server",
            Reason::Timeout => "timeout",
            Reason::Connect => "connect",
            Reason::Decode => "decode",
            Reason::Truncated => "truncated",
            Reason::Mismatch => "mismatch",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
