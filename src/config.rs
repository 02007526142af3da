//! What the operator wrote, checked once, in types that nobody needs to check again.
//!
//! The raw form (YAML, environment) and the mistakes it can hold live in the files below this one;
//! everything after them sees only [`Config`].

mod address;
mod effective;
mod environment;
mod field;
mod hours;
mod load;
mod mistake;
mod node;
mod operation;
mod reports;
mod targets;
mod token;
mod web;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::api::Report;
use crate::time::{Bucket, Timestamp, Zone, civil};

pub use self::environment::{Environment, ProcessEnvironment};
pub use self::load::shard_of;
pub use self::mistake::{ConfigError, Mistake};
pub use self::targets::SkillTargets;
pub use self::token::{Token, TokenCheck, TokenError, TokenReader};
pub use self::web::{CipherSuite, ClientAuth, Curve, Pem, RateLimit, TlsServer, TlsVersion, WebConfig};

/// A whole configuration without mistakes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The operations, sorted by name, each name once, each token once.
    pub operations: Vec<Operation>,
    /// What is allowed but deserves a word, each with the path of its key.
    pub warnings: Vec<String>,
}

/// One Wolkvox tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Value of the label `operation`.
    pub name: String,
    /// `https://wv0010.wolkvox.com/api/v2/`, always with a slash at the end.
    pub base_url: String,
    /// The server number as text (`0010`), or the host and port of `base_url`; value of the label `server`.
    pub server: String,
    /// Where the token comes from.
    pub token: TokenSource,
    /// The zone of the operation's wall clock.
    pub zone: Zone,
    /// ISO 4217 code, for people only; empty when not given.
    pub currency: String,
    /// Requests per quota day; `None` asks `token_info`.
    pub daily_requests: Option<u64>,
    /// From when counters count.
    pub count_from: CountFrom,
    /// Which skills `skill_6` is read for.
    pub skills: Skills,
    /// Which DNIS become labels.
    pub dnis: DnisPolicy,
    /// Distinct values of every other label from upstream.
    pub labels_max: usize,
    /// Service level and abandonment targets.
    pub targets: Vec<Target>,
    /// Opening hours.
    pub business_hours: Vec<BusinessHours>,
    /// The five reports.
    pub reports: Reports,
}

impl Operation {
    /// The schedule of one of the five reports; `None` when it is off or a helper call.
    pub fn settings(&self, report: Report) -> Option<ReportSettings> {
        let reports = &self.reports;
        match report {
            Report::Skill6 => reports.skill_6.as_ref().map(|skill_6| skill_6.settings),
            Report::Diagram12 => reports.diagram_1_2,
            Report::Diagram3 => reports.diagram_3,
            Report::Cdr1 => reports.cdr_1.as_ref().map(|cdr_1| cdr_1.settings),
            Report::Diagram4 => reports.diagram_4.as_ref().map(|diagram_4| diagram_4.settings),
            Report::Skill1 | Report::Skills | Report::TokenInfo => None,
        }
    }

    /// The enabled reports of the five, in order of priority.
    pub fn enabled(&self) -> impl Iterator<Item = Report> + '_ {
        Report::FIVE.into_iter().filter(|report| self.settings(*report).is_some())
    }

    /// Whether the base URL points to this machine: a simulator or a proxy, to which no ledger is bound.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base_url)
    }
}

/// Whether a base URL names this machine by an address, or as `localhost`.
fn is_loopback(base_url: &str) -> bool {
    let authority = base_url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Every key that any of our files knows: words that a message may repeat.
fn vocabulary() -> impl Iterator<Item = &'static str> {
    let keys: [&'static [&'static str]; 15] = [
        &load::KEYS,
        &operation::KEYS,
        &operation::DNIS_KEYS,
        &operation::LABELS_KEYS,
        &targets::KEYS,
        &hours::KEYS,
        &reports::KEYS,
        &reports::SKILL_6_KEYS,
        &reports::CDR_1_KEYS,
        &reports::DIAGRAM_4_KEYS,
        &web::KEYS,
        &web::HTTP_KEYS,
        &web::RATE_LIMIT_KEYS,
        &web::TLS_KEYS,
        &web::HEADERS,
    ];
    keys.into_iter().flatten().copied()
}

/// Where a token is read from; the token itself is never part of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenSource {
    /// A file, read again when it changes.
    File(PathBuf),
    /// An environment variable, read at start.
    Env(String),
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenSource::File(path) => write!(f, "file {}", path.display()),
            TokenSource::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// From when counters count, read when an operation enters the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountFrom {
    /// From the first reading on.
    Now,
    /// From the start of a local day in the past, which is read first.
    Date(civil::Date),
}

/// Which skills `skill_6` is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skills {
    /// Ask `information.php?api=skills` once a day and read each skill.
    Discover,
    /// One request for all, labelled `skill_id="all"`.
    All,
    /// These skills, sorted.
    Named(BTreeSet<String>),
}

/// Which DNIS become labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnisPolicy {
    /// Only these; everything else goes to `other`. `None` allows any.
    pub allow: Option<BTreeSet<String>>,
    /// Distinct values at most.
    pub max: usize,
}

/// A target of some skills.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Skills, or `*` for all.
    pub skills: BTreeSet<String>,
    /// Share of calls to answer in time, in millionths.
    pub service_level: Option<i64>,
    /// Within how many seconds: 10, 20 or 30.
    pub within: u8,
    /// Share of calls that may be abandoned, in millionths.
    pub abandon: Option<i64>,
}

/// Opening hours of some skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessHours {
    /// Skills, or `*` for all.
    pub skills: BTreeSet<String>,
    /// Open days, Monday first.
    pub days: [bool; 7],
    /// Opens at this local time.
    pub from: civil::Time,
    /// Closes at this local time; midnight means the end of the day, an earlier time than `from` the next day.
    pub to: civil::Time,
}

/// The five reports; `None` is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// Calls and service level by DNIS.
    pub skill_6: Option<Skill6>,
    /// IVR calls and minutes by hour.
    pub diagram_1_2: Option<ReportSettings>,
    /// Callbacks.
    pub diagram_3: Option<ReportSettings>,
    /// Call detail.
    pub cdr_1: Option<Cdr1>,
    /// Surveys.
    pub diagram_4: Option<Diagram4>,
}

/// What every report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportSettings {
    /// Time between readings.
    pub interval: Duration,
    /// How long after its end a bucket may still change.
    pub settle: Duration,
}

/// `skill_6` and its denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skill6 {
    /// Interval and settle time.
    pub settings: ReportSettings,
    /// What the percentages are of.
    pub denominator: Denominator,
}

/// What the service level percentages of `skill_6` are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denominator {
    /// `inbound_calls`: abandoned calls count against the service level.
    Inbound,
    /// `answer_calls`.
    Answered,
    /// Decide from the data before the first publication.
    Auto,
}

/// `cdr_1` and its late fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cdr1 {
    /// Interval and settle time.
    pub settings: ReportSettings,
    /// Age at which an activity code is taken as it stands.
    pub coding_delay: Duration,
    /// Whether series per agent are exported; agents are people.
    pub agents: bool,
}

/// `diagram_4` and its late fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagram4 {
    /// Interval and settle time.
    pub settings: ReportSettings,
    /// Age at which a result and a feeling are taken as they stand.
    pub coding_delay: Duration,
}

impl CountFrom {
    /// The instant at which an operation of this zone starts to count when it enters a ledger at `now`.
    pub fn instant(self, zone: &Zone, now: Timestamp) -> Timestamp {
        match self {
            CountFrom::Now => now,
            CountFrom::Date(date) => zone.start(Bucket::day(date)),
        }
    }
}

#[cfg(test)]
mod tests;
