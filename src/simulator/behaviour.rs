//! How the API behaves on the wire: every habit that is documented, observed or unknown, as a switch.

use serde::{Deserialize, Serialize};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
    };
}

choice! {
    /// Text or number.
    Form {
        /// `"200"`.
        #[default]
        Text,
        /// `200`.
        Integer,
    }
}
choice! {
    /// The answer to a range without rows.
    Empty {
        /// HTTP 404 with the envelope and an empty list.
        #[default]
        NotFound,
        /// HTTP 200, code 200, an empty list.
        OkList,
        /// HTTP 200 with code 404 in the body.
        OkCode,
        /// HTTP 404 with the envelope but without `data`.
        NoData,
        /// HTTP 404 with a web page.
        Html,
    }
}
choice! {
    /// The message of a full answer.
    Message {
        /// `27 records were found`.
        #[default]
        Usual,
        /// `x records were found`.
        Letter,
        /// ` 27 records were found`.
        LeadingSpace,
        /// `Information found for the current month`.
        Month,
        /// No `msg` at all.
        Absent,
    }
}
choice! {
    /// What a limit or a mistake is answered with.
    Refusal {
        /// HTTP 400.
        #[default]
        BadRequest,
        /// HTTP 403.
        Forbidden,
        /// HTTP 404 with the envelope of an empty range.
        NotFound,
        /// HTTP 416.
        Range,
        /// Served as if nothing were wrong.
        Serve,
    }
}
choice! {
    /// What happens to an answer above the row limit.
    OverRows {
        /// Cut to the limit without a word.
        #[default]
        Truncate,
        /// HTTP 500.
        Error,
        /// The body ends in the middle.
        Cut,
    }
}
choice! {
    /// What happens to an answer that takes too long.
    OverTime {
        /// HTTP 504 with a web page.
        #[default]
        Gateway,
        /// The body ends in the middle.
        Cut,
        /// The connection is closed without an answer.
        Close,
    }
}
choice! {
    /// How a percentage is written.
    Percent {
        /// `34.64 %`, trailing zeros dropped.
        #[default]
        Spaced,
        /// `34.64%`.
        Tight,
        /// `34.60 %`, always two decimals.
        Fixed,
        /// With a no-break space.
        NoBreak,
        /// `34,64 %`.
        Comma,
    }
}
choice! {
    /// How large or broken numbers are written.
    Number {
        /// `1234.5`.
        #[default]
        Plain,
        /// `1,234.50`.
        Thousands,
        /// `1234,5`.
        Comma,
    }
}
choice! {
    /// How an average or a length of time is written.
    Time {
        /// Seconds with up to two decimals, trailing zeros dropped.
        #[default]
        Decimal,
        /// `HH:MM:SS`, hours beyond 24 and beyond 99 included.
        Clock,
        /// `MM:SS`, or more minutes than 59.
        Minutes,
        /// Whole seconds.
        Seconds,
    }
}
choice! {
    /// How an amount of minutes is written.
    Minutes {
        /// Minutes with up to two decimals, trailing zeros dropped.
        #[default]
        Decimal,
        /// Whole minutes, rounded up per row.
        Whole,
        /// `HH:MM:SS`.
        Clock,
    }
}
choice! {
    /// How the hour of `diagram_1_2` is written.
    Hour {
        /// `2023-05-01-10`.
        #[default]
        Dashes,
        /// `2023-05-01 10`.
        Space,
        /// `2023-05-01 10:00`.
        Minutes,
        /// `2023-05-01 10:00:00`.
        Seconds,
        /// `2023050110`.
        Compact,
        /// `2023-05-01-9`.
        Unpadded,
        /// `2023-05-01`: what the report of days would say.
        DayOnly,
    }
}
choice! {
    /// What stands where there is no value.
    Absent {
        /// `-`
        #[default]
        Dash,
        /// `--`
        DoubleDash,
        /// One space.
        Space,
        /// An empty text.
        Empty,
        /// `null`
        Null,
        /// The key is missing.
        Missing,
    }
}
choice! {
    /// The order of rows.
    Order {
        /// Oldest first.
        #[default]
        Oldest,
        /// Newest first.
        Newest,
        /// No order, but the same one every time.
        Shuffled,
    }
}
choice! {
    /// A closing row that sums up the others.
    TotalRow {
        /// None.
        #[default]
        None,
        /// `TOTAL`
        Total,
        /// `ALL`
        All,
        /// `TOTAL GENERAL`
        TotalGeneral,
        /// `TOTALES`
        Totales,
    }
}
choice! {
    /// Whose number `dnis` is.
    Dnis {
        /// The number that was dialled.
        #[default]
        Dialled,
        /// The number of the caller: personal data of unbounded number.
        Caller,
    }
}
choice! {
    /// Rows of `skill_6` with `skill_id=all`.
    AllSkills {
        /// One row for each number.
        #[default]
        PerDnis,
        /// One row for each skill and number; the same number appears several times.
        PerSkillAndDnis,
    }
}
choice! {
    /// What the percentages of a service level are taken of.
    Denominator {
        /// Of all calls offered.
        #[default]
        Inbound,
        /// Of the calls answered.
        Answered,
    }
}
choice! {
    /// What is counted against the daily limit.
    QuotaScope {
        /// The requests of all tokens of the operation.
        #[default]
        Operation,
        /// The requests of each token.
        Token,
    }
}
choice! {
    /// The body of an error.
    Body {
        /// The envelope.
        #[default]
        Json,
        /// A web page.
        Html,
        /// Nothing.
        None,
    }
}

/// Every switch of the simulated API, with the most likely habit as its default.
///
/// Settable as a whole, by key (`percent=tight`) or at run time, for all reports or for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The `code` of the envelope.
    pub code: Form,
    /// The `msg` of a full answer.
    pub message: Message,
    /// The rows stand alone, without an envelope.
    pub bare_array: bool,
    /// The answer to a range without rows.
    pub empty: Empty,
    /// The message of an empty range.
    pub empty_message: String,
    /// Errors come as HTTP 200 with their code in the body.
    pub errors_as_200: bool,
    /// The body of an error.
    pub error_body: Body,
    /// The content type of JSON answers.
    pub content_type: String,
    /// Answers are compressed where the client accepts it.
    pub gzip: bool,
    /// Answers are sent in pieces of unannounced total length.
    pub chunked: bool,
    /// Whether answers carry a `Date`, as the simulated centre sees it.
    pub date_header: bool,
    /// Seconds by which the server's `Date` is ahead of the centre's clock.
    pub date_skew_seconds: i64,

    /// Licences of an operation; the daily limit is a thousand requests for each.
    pub licences: u64,
    /// The daily limit itself, where it is not the licences'.
    pub daily_limit: Option<u64>,
    /// What is counted against the limit.
    pub quota_scope: QuotaScope,
    /// Whether rejected requests are counted too.
    pub rejections_spend: bool,
    /// Requests a day that somebody else makes with another token of the operation.
    pub foreign_requests: u64,
    /// Requests of one token that may run at the same time; 0 is no limit.
    pub simultaneous: usize,
    /// Everything is refused: the server is being backed up.
    pub maintenance: bool,
    /// The same every day between two local times, for example `02:00-02:30`.
    pub maintenance_hours: Option<String>,
    /// What a refusal for maintenance says.
    pub maintenance_message: String,

    /// Calendar days that one request may cover.
    pub day_limit: i32,
    /// The answer beyond.
    pub over_days: Refusal,
    /// The answer to a date that is none.
    pub bad_date: Refusal,
    /// Rows that one answer may have.
    pub row_limit: usize,
    /// What happens beyond.
    pub over_rows: OverRows,
    /// Rows that the server produces in a second; 0 is at once.
    pub rows_per_second: u64,
    /// Real milliseconds before each answer.
    pub latency_ms: u64,
    /// Real milliseconds after which the server gives up.
    pub time_limit_ms: u64,
    /// What happens then.
    pub over_time: OverTime,
    /// The witness `skill_1`, or any report this is set for, does not exist on this server.
    pub unknown_report: bool,

    /// Percentages.
    pub percent: Percent,
    /// Numbers with decimals or thousands.
    pub number: Number,
    /// `asa` and `ata`.
    pub average: Time,
    /// `time`, `time_between_calls` and `voice_message_duration`.
    pub duration: Time,
    /// `time_seg` of `cdr_1`.
    pub time_seg: Time,
    /// `ivr_minutes`.
    pub ivr_minutes: Minutes,
    /// `billed_minutes` of `diagram_3`.
    pub billed_minutes: Minutes,
    /// `time_min` of `cdr_1`.
    pub time_min: Minutes,
    /// The hour of `diagram_1_2`.
    pub hour: Hour,
    /// Its key is `day`, not `date`.
    pub hour_key_day: bool,
    /// Hours without calls are listed as zero.
    pub zero_hours: bool,
    /// What stands where there is no value.
    pub absent: Absent,
    /// `asa` and `ata` have the placeholder where nobody was answered or gave up.
    pub absent_averages: bool,
    /// Numbers are JSON numbers.
    pub json_numbers: bool,
    /// Some keys end in a space.
    pub trailing_space_keys: bool,
    /// Keys are upper case.
    pub upper_keys: bool,
    /// `TIME_SEC` and `HUNG_UP` instead of `time_seg` and `hang_up`.
    pub newer_names: bool,
    /// Columns that are not documented, `service_level_0seg` among them.
    pub extra_keys: bool,
    /// Every row has its keys in another order.
    pub shuffle_keys: bool,
    /// The body starts with a byte order mark.
    pub bom: bool,
    /// Letters beyond ASCII are written as `\u` escapes.
    pub escape_unicode: bool,
    /// Names and codes hold emoji.
    pub emoji: bool,
    /// Comments hold quotes, backslashes and line breaks.
    pub wild_comments: bool,
    /// Statuses of callbacks are lower case.
    pub lower_status: bool,
    /// A share of the callbacks has a status nobody knows.
    pub odd_statuses: f64,
    /// A share of survey answers is not a digit.
    pub odd_answers: f64,
    /// A share of connected calls has other codes, and another who hung up, than was decided: switched on at run
    /// time it relabels rows that were final, and the truth of each label is a range. Their sum stays.
    pub relabelled: f64,

    /// The order of rows.
    pub order: Order,
    /// Rows at the bound of a window are returned by both neighbours.
    pub shared_bounds: bool,
    /// A share of rows stands twice in the answer.
    pub duplicates: f64,
    /// Rows at the end of the answer that `msg` counts and `data` lacks.
    pub missing_rows: usize,
    /// By how much `msg` always counts too many, though no row is missing.
    pub miscounted_rows: usize,
    /// A closing row.
    pub total_row: TotalRow,
    /// Whose number `dnis` is.
    pub dnis: Dnis,
    /// Rows of all skills.
    pub all_skills: AllSkills,
    /// What service levels are shares of.
    pub denominator: Denominator,
    /// Calls still in the queue are already counted as inbound.
    pub waiting_is_inbound: bool,
    /// Nothing has ever happened.
    pub no_rows: bool,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            code: Form::Text,
            message: Message::Usual,
            bare_array: false,
            empty: Empty::NotFound,
            empty_message: "Validate dates entered".into(),
            errors_as_200: false,
            error_body: Body::Json,
            content_type: "application/json".into(),
            gzip: false,
            chunked: false,
            date_header: true,
            date_skew_seconds: 0,
            licences: 25,
            daily_limit: None,
            quota_scope: QuotaScope::Operation,
            rejections_spend: false,
            foreign_requests: 0,
            simultaneous: 2,
            maintenance: false,
            maintenance_hours: None,
            maintenance_message: "THE SERVER IS UNDER MAINTENANCE".into(),
            day_limit: 31,
            over_days: Refusal::BadRequest,
            bad_date: Refusal::BadRequest,
            row_limit: 60_000,
            over_rows: OverRows::Truncate,
            rows_per_second: 0,
            latency_ms: 0,
            time_limit_ms: 60_000,
            over_time: OverTime::Gateway,
            unknown_report: false,
            percent: Percent::Spaced,
            number: Number::Plain,
            average: Time::Decimal,
            duration: Time::Clock,
            time_seg: Time::Seconds,
            ivr_minutes: Minutes::Decimal,
            billed_minutes: Minutes::Decimal,
            time_min: Minutes::Whole,
            hour: Hour::Dashes,
            hour_key_day: false,
            zero_hours: false,
            absent: Absent::Dash,
            absent_averages: false,
            json_numbers: false,
            trailing_space_keys: false,
            upper_keys: false,
            newer_names: false,
            extra_keys: false,
            shuffle_keys: false,
            bom: false,
            escape_unicode: false,
            emoji: false,
            wild_comments: false,
            lower_status: false,
            odd_statuses: 0.0,
            odd_answers: 0.0,
            relabelled: 0.0,
            order: Order::Oldest,
            shared_bounds: false,
            duplicates: 0.0,
            missing_rows: 0,
            miscounted_rows: 0,
            total_row: TotalRow::None,
            dnis: Dnis::Dialled,
            all_skills: AllSkills::PerDnis,
            denominator: Denominator::Inbound,
            waiting_is_inbound: false,
            no_rows: false,
        }
    }
}

impl Behaviour {
    /// This behaviour with some keys replaced; the error names the key that is wrong.
    pub fn with(&self, changes: &serde_json::Map<String, serde_json::Value>) -> Result<Behaviour, String> {
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Some(whole) = whole.as_object_mut() {
            for (key, value) in changes {
                if !whole.contains_key(key) {
                    return Err(format!("unknown behaviour `{key}`"));
                }
                whole.insert(key.clone(), value.clone());
                // One key at a time, so that the message says which.
                let trial = serde_json::Value::Object(whole.clone());
                serde_json::from_value::<Behaviour>(trial)
                    .map_err(|error| format!("behaviour `{key}`: {error}"))?;
            }
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }

    /// This behaviour with one key replaced, written as on a command line: `percent=tight`, `gzip=true`.
    pub fn with_text(&self, assignment: &str) -> Result<Behaviour, String> {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| format!("`{assignment}` is not of the form key=value"))?;
        // What is not JSON by itself is meant as text.
        let as_text = || serde_json::Value::String(value.to_owned());
        let parsed = serde_json::from_str(value).unwrap_or_else(|_| as_text());
        let change = |value| serde_json::Map::from_iter([(key.trim().to_owned(), value)]);
        self.with(&change(parsed)).or_else(|error| self.with(&change(as_text())).map_err(|_| error))
    }

    /// Whether `key` is one of the switches.
    pub(super) fn knows(key: &str) -> bool {
        serde_json::to_value(Behaviour::default()).is_ok_and(|whole| whole.get(key).is_some())
    }
}
