//! The page for people: can the numbers be trusted, and how is today going.
//!
//! One HTML document without external asset, readable without script. It is rendered from a [`Status`] value alone;
//! every text from upstream or the configuration is escaped by the template.

mod page;

pub use page::content_security_policy;

/// Up to how many operations are shown whole; more of them are a list, each with a page of its own.
const WHOLE: usize = 4;
/// Up to how many skills of an operation are shown unfolded, and in the order of their ids.
const UNFOLDED: usize = 12;
/// With fewer calls than this nothing is judged.
pub const TOO_FEW: i64 = 10;
/// Up to how many operations in trouble are spelled out at the top.
const SPELLED_OUT: usize = 10;

/// What a visitor asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// Only this operation.
    pub operation: Option<String>,
    /// A page that does not refresh itself where scripts are off.
    pub still: bool,
}

/// Everything the page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Version and revision of the exporter.
    pub version: String,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Whether the process is a demonstration without a real upstream.
    pub demo: bool,
    /// What is wrong with the ledger, in words.
    pub ledger: Vec<String>,
    /// Whether the ledger cannot be written now, so that nothing is read.
    pub ledger_failing: bool,
    /// What the configuration warns about.
    pub warnings: Vec<String>,
    /// What the visitor asked for.
    pub visit: Visit,
    /// The operations asked for, sorted by name.
    pub operations: Vec<OperationStatus>,
}

/// Whether an operation is being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Not every enabled report has been read yet, and none has failed.
    #[default]
    Starting,
    /// The last reading of every enabled report succeeded.
    Reading,
    /// As [`State::Reading`], and older days are being read.
    CatchingUp,
    /// The last reading of a report failed.
    Failing,
}

impl State {
    const fn words(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Reading => "up to date",
            State::CatchingUp => "catching up",
            State::Failing => "in trouble",
        }
    }

    /// The class of the words.
    const fn mood(self) -> &'static str {
        match self {
            State::Starting | State::CatchingUp => "wait",
            State::Reading => "good",
            State::Failing => "bad",
        }
    }
}

/// One operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationStatus {
    /// Value of the label `operation`.
    pub name: String,
    /// The server it is read from.
    pub server: String,
    /// Its wall clock, `Friday 20 November, 12:03`.
    pub clock: String,
    /// Its time zone.
    pub zone: String,
    /// Whether it is being read.
    pub state: State,
    /// How old the oldest of the newest data is, `4 min`; `None` before anything was read.
    pub data_age: Option<String>,
    /// What is wrong and what to do about it, the worst first.
    pub troubles: Vec<Trouble>,
    /// What an operator should know, in plain words.
    pub notes: Vec<String>,
    /// The quota, once it is known.
    pub quota: Option<QuotaStatus>,
    /// Today over all skills; `None` without a fresh reading of it.
    pub day: Option<DayStatus>,
    /// Callbacks, with a fresh reading of them.
    pub callbacks: Option<CallbackStatus>,
    /// The IVR today, with a fresh reading of it.
    pub ivr: Option<IvrStatus>,
    /// Today by skill.
    pub skills: Vec<SkillStatus>,
    /// The reports.
    pub reports: Vec<ReportStatus>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trouble {
    /// What is wrong, as a sentence: `Wolkvox refuses the token.`
    pub what: String,
    /// What that means for the numbers, as sentences.
    pub meaning: String,
    /// What to do about it, as a sentence.
    pub advice: String,
    /// What the program itself said, for whoever has to look closer.
    pub said: String,
}

/// The requests of a token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuotaStatus {
    /// Used today, `3,210`.
    pub used: String,
    /// Allowed a day, `25,000`.
    pub limit: String,
    /// Expected at the end of the quota day, `9,800`.
    pub forecast: String,
    /// Used as a share of the limit, in millionths.
    pub used_share: i64,
    /// Expected as a share of the limit, in millionths.
    pub forecast_share: i64,
    /// Whether the forecast passes the limit.
    pub short: bool,
}

/// Today, pooled over the skills.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DayStatus {
    /// Offered calls, `1,646`.
    pub inbound: String,
    /// Calls answered in time, `1,300`.
    pub in_time: String,
    /// Abandoned calls.
    pub abandoned: String,
    /// Answered in time, of the offered.
    pub level: Measure,
    /// `within 20 s`, or words for skills that differ.
    pub within: String,
    /// Abandoned, of the offered.
    pub abandon: Measure,
}

/// Callbacks that wait.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallbackStatus {
    /// How many, `12`.
    pub waiting: String,
    /// How long the oldest has waited, `14 min`.
    pub oldest: Option<String>,
}

/// The IVR today.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IvrStatus {
    /// Calls, `5,120`.
    pub calls: String,
    /// Mean time in the IVR, `1 min 5 s`.
    pub mean: Option<String>,
}

/// A share of calls against its target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measure {
    /// `84.2 %`, or a dash without calls.
    pub value: String,
    /// The share in millionths.
    pub share: i64,
    /// The target, `80 %`.
    pub target: Option<String>,
    /// The target in millionths.
    pub target_share: i64,
    /// How it stands.
    pub verdict: Verdict,
}

/// How a share stands against its target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    /// There is no target, or nothing to hold against it.
    #[default]
    None,
    /// Too few calls to judge by.
    TooFew,
    /// The target is met.
    Met,
    /// The target is missed.
    Missed,
}

impl Verdict {
    const fn class(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::TooFew => "few",
            Verdict::Met => "met",
            Verdict::Missed => "missed",
        }
    }
}

impl Measure {
    /// What the target says of it: `below target 80 %`, with the word for a miss given.
    fn words(&self, miss: &str) -> String {
        match (self.verdict, &self.target) {
            (Verdict::TooFew, _) => "too few calls".to_owned(),
            (Verdict::Missed, Some(target)) => format!("{miss} target {target}"),
            (_, Some(target)) => format!("target {target}"),
            (_, None) => String::new(),
        }
    }

    /// Where the share ends on a bar, in percent of its length.
    fn width(&self) -> String {
        on_bar(self.share)
    }

    /// Where the target stands on a bar.
    fn tick(&self) -> Option<String> {
        self.target.as_ref().map(|_| on_bar(self.target_share))
    }
}

/// Today of one skill.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SkillStatus {
    /// `skill_id`.
    pub id: String,
    /// `skill_name`, or empty.
    pub name: String,
    /// Whether it is open now; `None` without opening hours.
    pub open: Option<bool>,
    /// Offered calls, `1,646`.
    pub inbound: String,
    /// Answered calls.
    pub answered: String,
    /// Abandoned calls.
    pub abandoned: String,
    /// Within how many seconds calls are to be answered.
    pub within: u8,
    /// Answered in time, of the offered.
    pub level: Measure,
    /// Abandoned, of the offered.
    pub abandon: Measure,
}

impl SkillStatus {
    const fn misses(&self) -> bool {
        matches!(self.level.verdict, Verdict::Missed) || matches!(self.abandon.verdict, Verdict::Missed)
    }
}

/// How a report is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportState {
    /// Not read yet.
    #[default]
    Waiting,
    /// The last reading succeeded.
    Ok,
    /// As [`ReportState::Ok`], and older days are being read.
    CatchingUp,
    /// The last reading failed.
    Failing,
}

impl ReportState {
    const fn words(self) -> &'static str {
        match self {
            ReportState::Waiting => "not read yet",
            ReportState::Ok => "ok",
            ReportState::CatchingUp => "catching up",
            ReportState::Failing => "failing",
        }
    }

    const fn mood(self) -> &'static str {
        match self {
            ReportState::Waiting | ReportState::CatchingUp => "wait",
            ReportState::Ok => "good",
            ReportState::Failing => "bad",
        }
    }
}

/// One report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportStatus {
    /// The API's code.
    pub code: &'static str,
    /// What it is, in one or two words.
    pub title: &'static str,
    /// Whether it is one of the five, and not a helper.
    pub counts: bool,
    /// How it is doing.
    pub state: ReportState,
    /// How long ago it was last read with success, or `never`.
    pub last_success: String,
    /// How old the newest data is.
    pub data_age: Option<String>,
    /// Rows of the last answer.
    pub rows: String,
    /// Buckets past their settle and not sealed.
    pub owed: u64,
    /// When the next reading is planned.
    pub next: String,
    /// From when its counters count, in local time.
    pub counting_since: String,
    /// The last failure in words, with its age.
    pub last_failure: Option<String>,
}

impl OperationStatus {
    /// Name of the operation's place on the page.
    fn anchor(&self) -> String {
        self.name.bytes().fold("operation".to_owned(), |text, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text + "-" + &char::from(byte).to_string(),
            _ => format!("{text}-{byte:02x}"),
        })
    }

    /// The page of this operation alone.
    fn href(&self) -> String {
        format!("?operation={}", percent_encoded(&self.name))
    }

    fn missing_skills(&self) -> usize {
        self.skills.iter().filter(|skill| skill.misses()).count()
    }

    /// Whether a report is read at all.
    fn reads(&self, code: &str) -> bool {
        self.reports.iter().any(|report| report.code == code)
    }

    /// Buckets owed by all reports.
    fn owed(&self) -> u64 {
        self.reports.iter().map(|report| report.owed).sum()
    }

    /// The skills in the order shown, those to fold apart: where there are many, those that miss a target come first.
    fn skills_in_order(&self) -> (Vec<&SkillStatus>, Vec<&SkillStatus>) {
        let mut skills: Vec<&SkillStatus> = self.skills.iter().collect();
        if skills.len() <= UNFOLDED {
            return (skills, Vec::new());
        }
        skills.sort_by_key(|skill| !skill.misses());
        let folded = skills.split_off(self.missing_skills().clamp(1, UNFOLDED));
        (skills, folded)
    }
}

impl Status {
    fn count(&self, state: State) -> usize {
        self.operations.iter().filter(|operation| operation.state == state).count()
    }

    /// Whether every operation is shown whole.
    fn is_whole(&self) -> bool {
        self.operations.len() <= WHOLE
    }

    /// The operations in trouble that are spelled out at the top, and how many more there are.
    fn in_trouble(&self) -> (Vec<&OperationStatus>, usize) {
        let mut failing: Vec<&OperationStatus> =
            self.operations.iter().filter(|operation| !operation.troubles.is_empty()).collect();
        let more = failing.len().saturating_sub(SPELLED_OUT);
        failing.truncate(SPELLED_OUT);
        (failing, more)
    }

    /// The operations, those in trouble first.
    fn worst_first(&self) -> Vec<&OperationStatus> {
        let mut operations: Vec<&OperationStatus> = self.operations.iter().collect();
        operations.sort_by_key(|operation| match operation.state {
            State::Failing => 0,
            State::Starting | State::CatchingUp => 1,
            State::Reading => 2,
        });
        operations
    }

    /// Whether the numbers can be trusted, in one sentence.
    fn headline(&self) -> String {
        let all = self.operations.len();
        let (failing, starting, behind) =
            (self.count(State::Failing), self.count(State::Starting), self.count(State::CatchingUp));
        match (failing, starting, behind) {
            _ if self.ledger_failing => "The ledger cannot be written: counters stand still".to_owned(),
            _ if all == 0 => "No operation is configured for this process".to_owned(),
            (0, 0, 0) => "The numbers are up to date".to_owned(),
            (0, 0, _) if all == 1 => "Up to date, and still reading older days".to_owned(),
            (0, 0, behind) => {
                format!("Up to date; {behind} of {all} operations are still reading older days")
            }
            (0, _, _) if all == 1 => "Starting: the first numbers appear within minutes".to_owned(),
            (0, starting, _) => format!("Starting: {starting} of {all} operations have not been read yet"),
            _ if all == 1 => "The numbers are not up to date".to_owned(),
            (failing, _, _) if failing == all => format!("All {all} operations are in trouble"),
            (failing, _, _) => format!("{failing} of {all} operations {} in trouble", is_or_are(failing)),
        }
    }

    /// What the headline means.
    fn explanation(&self) -> String {
        match (self.mood(), self.operations.as_slice()) {
            _ if self.ledger_failing => {
                "What is known is served on, and nothing is lost: reading goes on by itself once the ledger can be written."
                    .to_owned()
            }
            (_, []) => {
                "The configuration names no operation, or another process with another --shard serves them."
                    .to_owned()
            }
            ("good", [one]) => one.data_age.as_ref().map_or_else(String::new, |age| {
                format!("Every report answered when last asked. The oldest data on this page is {age} old.")
            }),
            ("good", _) => "Every report of every operation answered when last asked.".to_owned(),
            ("wait", _) if self.count(State::Starting) > 0 => {
                "Nothing is wrong. A report that has not been read yet shows no numbers instead of zeros.".to_owned()
            }
            ("wait", _) => {
                "Today's numbers are complete. Counters of days before today still grow; alerts on them wait until that is over."
                    .to_owned()
            }
            (_, [_]) => "What cannot be read is left out rather than shown old. Nothing is lost: it is read again later."
                .to_owned(),
            _ if self.count(State::Failing) == self.operations.len() => {
                "What cannot be read is left out rather than shown old. Nothing is lost: it is read again later."
                    .to_owned()
            }
            _ => "The other operations are not affected. Nothing is lost: what could not be read is read again later."
                .to_owned(),
        }
    }

    /// What to do about what concerns all operations.
    fn advice(&self) -> Option<&'static str> {
        self.ledger_failing.then_some(
            "Free space on the ledger's disk, or make it writable again. Nothing has to be restarted.",
        )
    }

    fn mood(&self) -> &'static str {
        let is_there = |state| self.operations.iter().any(|operation| operation.state == state);
        if self.ledger_failing || is_there(State::Failing) {
            State::Failing.mood()
        } else if is_there(State::Starting) || is_there(State::CatchingUp) || self.operations.is_empty() {
            State::Starting.mood()
        } else {
            State::Reading.mood()
        }
    }

    /// Title of the document: in a row of browser tabs only its beginning is seen.
    fn title(&self) -> String {
        let of = match (&self.visit.operation, self.operations.as_slice()) {
            (Some(name), _) => format!("{name}: "),
            (None, [one]) => format!("{}: ", one.name),
            _ => String::new(),
        };
        let mark = if self.mood() == "bad" { "⚠ " } else { "" };
        format!("{mark}{of}{} - wolkvox_exporter", self.headline())
    }

    /// This page, without refreshing itself or again with it.
    fn still_href(&self) -> String {
        let operation =
            self.visit.operation.as_ref().map(|name| format!("operation={}", percent_encoded(name)));
        let still = (!self.visit.still).then(|| "still".to_owned());
        let pairs: Vec<String> = operation.into_iter().chain(still).collect();
        format!("?{}", pairs.join("&"))
    }
}

const fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Millionths as a percentage of a bar's length.
fn on_bar(share: i64) -> String {
    let tenths = share.clamp(0, 1_000_000) / 1_000;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// Millionths in whole percent, `13 %`.
fn percent(share: i64) -> String {
    format!("{}\u{a0}%", (share.max(0) + 5_000) / 10_000)
}

/// A value of a query, as the address wants it.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text + &char::from(byte).to_string(),
        _ => format!("{text}%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests;
