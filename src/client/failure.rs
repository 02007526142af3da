//! What went wrong with a request, told apart as the vendor's answers allow.

use std::error::Error;
use std::fmt;

use serde_json::Value;

use super::words;
use crate::api::Reason;
use crate::config::Token;

/// Longest description, in characters.
const LONGEST: usize = 200;

/// A request that brought nothing: the class that decides the reaction, and words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class.
    pub reason: Reason,
    /// Lower case, without address, token or personal data; at most some 200 characters.
    pub detail: String,
    /// Nothing was asked, because of our own disk.
    is_of_storage: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Failure {}

impl Failure {
    /// A failure of this class, described by an error and its causes.
    pub fn new(reason: Reason, error: &dyn fmt::Display) -> Failure {
        Failure { reason, detail: clean(&error.to_string()), is_of_storage: false }
    }

    /// Our own storage refused, so that nothing was asked: no fault of the API, and none of its reasons.
    pub(crate) fn of_storage(error: &dyn fmt::Display) -> Failure {
        Failure { is_of_storage: true, ..Failure::new(Reason::Connect, error) }
    }

    /// Whether our own storage refused, and nothing was asked.
    pub fn is_of_storage(&self) -> bool {
        self.is_of_storage
    }

    /// Classifies what the HTTP library reports.
    pub(crate) fn of_transport(error: reqwest::Error) -> Failure {
        let reason = if error.is_timeout() {
            Reason::Timeout
        } else if error.is_decode() {
            Reason::Decode
        } else {
            Reason::Connect
        };
        let error = error.without_url();
        Failure::new(reason, &with_causes(&error))
    }

    /// Explains why not even a question could be prepared: in practice a machine without certificates of authorities.
    pub(crate) fn of_preparation(error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let words = match error.source() {
            Some(cause) => {
                format!(
                    "cannot prepare TLS: {}; install the certificates of the authorities (ca-certificates)",
                    with_causes(cause)
                )
            }
            None => error.to_string(),
        };
        Failure::new(Reason::Connect, &words)
    }

    /// Classifies an answer by its HTTP status and body; `None` when it means that there are no rows.
    ///
    /// The body's own code is the effective status where it is one (100 to 599), but neither a redirect nor a
    /// failure of the server is overruled. A 404 counts as empty only with the vendor's envelope, or when the
    /// server is `known` to speak it: else a wrong path would read as a silent night.
    ///
    /// The token is taken out of the words before anything else is done to them, since half of it would not be found;
    /// then everything that could be about somebody.
    pub fn of_answer(status: u16, body: &[u8], known: bool, token: &Token) -> Option<Failure> {
        let body = ErrorBody::of(body);
        let code = match status {
            300..=399 | 500..=599 => status,
            _ => body.code.unwrap_or(status),
        };
        Failure::of_code(code, &token.redact(&body.message), body.is_envelope || known)
    }

    /// Classifies an effective status and message; `None` when it means that there are no rows.
    fn of_code(code: u16, message: &str, known: bool) -> Option<Failure> {
        let words = message.to_lowercase();
        let reason = match code {
            404 if known => return None,
            401 => Reason::Auth,
            403 if words.contains("validate token") => Reason::Auth,
            403 if words.contains("token limit") => Reason::Quota,
            403 if words.contains("simultaneous") => Reason::Concurrency,
            403 => Reason::Maintenance,
            408 => Reason::Timeout,
            429 => Reason::Concurrency,
            504 => Reason::Timeout,
            500..=599 => Reason::Server,
            300..=499 => Reason::Request,
            _ => Reason::Decode,
        };
        let detail = match (code, message.is_empty()) {
            (301..=308, _) => format!("status {code}: redirects are not followed, check server or base_url"),
            (404, _) => "status 404 without the API's envelope, check server or base_url".to_owned(),
            (_, true) => format!("status {code}"),
            (_, false) => format!("status {code}: {}", words::repeatable(message)),
        };
        Some(Failure::new(reason, &detail))
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        words.push_str(": ");
        words.push_str(&next.to_string());
        cause = next.source();
    }
    words
}

/// An error body, as far as it can be made out.
#[derive(Debug, Default)]
struct ErrorBody {
    /// A `code` and words beside it, as the vendor's bodies have them.
    is_envelope: bool,
    code: Option<u16>,
    message: String,
}

impl ErrorBody {
    fn of(body: &[u8]) -> ErrorBody {
        // Accents in an old encoding must not hide the words around them.
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}');
        let Ok(entries) = serde_json::from_str::<serde_json::Map<String, Value>>(text) else {
            return ErrorBody::default();
        };
        let entry = |name: &str| {
            entries.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let message = entry("msg").and_then(Value::as_str).unwrap_or_default();
        ErrorBody {
            is_envelope: entry("code").is_some()
                && ["msg", "error", "data"].into_iter().any(|name| entry(name).is_some()),
            code: entry("code").and_then(code_of),
            // Twice what is shown, so that the edge of what is shown can be judged.
            message: message.chars().take(2 * LONGEST).collect(),
        }
    }
}

fn code_of(value: &Value) -> Option<u16> {
    let code = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    u16::try_from(code).ok().filter(|code| (100..600).contains(code))
}

/// Marks that turn or hide the text around them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// One line, bounded, and without long digit runs, whoever wrote it.
fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    let flush = |out: &mut String, digits: &mut String| {
        out.push_str(if digits.chars().count() >= 7 { "[number]" } else { digits });
        digits.clear();
    };
    for c in text.chars().take(LONGEST) {
        if c.is_numeric() {
            digits.push(c);
            continue;
        }
        flush(&mut out, &mut digits);
        out.push(if c.is_control() || is_invisible(c) { ' ' } else { c });
    }
    flush(&mut out, &mut digits);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
