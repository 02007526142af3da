//! Faults put in the way of chosen requests.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::dice::Dice;

/// Something that goes wrong with some requests. Parts combine; those left out do nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Only requests for this report, for example `cdr_1`.
    pub report: Option<String>,
    /// Only requests of this operation.
    pub operation: Option<String>,
    /// Only the request with this number, counted from 1 among those of the report and operation.
    pub request: Option<u64>,
    /// Only so many requests, then never again.
    pub times: Option<u64>,
    /// Only this share of the requests, chosen by the seed and the number of the request.
    pub probability: Option<f64>,

    /// The HTTP status, with an error body instead of the answer (unless `body_code` says 200).
    pub status: Option<u16>,
    /// The code in the body, where it differs from the status.
    pub body_code: Option<u16>,
    /// The message of the error body.
    pub message: Option<String>,
    /// The body is a web page.
    pub html: bool,
    /// The body is exactly this text.
    pub body: Option<String>,
    /// The content type.
    pub content_type: Option<String>,
    /// The connection is closed without an answer, before the request is looked at.
    pub close: bool,
    /// The same after the answer was produced and counted against the quota.
    pub lost: bool,
    /// The connection is reset after this share of the body.
    pub reset: Option<f64>,
    /// The body is well framed but ends after this share of its bytes.
    pub cut: Option<f64>,
    /// Real milliseconds before anything happens.
    pub hang_ms: u64,
    /// Real milliseconds of silence in the middle of the body.
    pub stall_ms: u64,
    /// The answer is compressed whether the client accepts it or not.
    pub gzip: bool,
    /// The answer claims to be compressed and is not.
    pub false_gzip: bool,
    /// `msg` promises so many rows more than `data` holds.
    pub missing_rows: usize,
}

/// A fault with what has become of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Placed {
    #[serde(flatten)]
    pub(super) fault: Fault,
    /// Requests hit so far.
    pub(super) hits: u64,
}

impl Placed {
    /// Whether the fault hits this request. `number` counts the requests of the report and operation from 1.
    pub(super) fn hits(&mut self, seed: u64, index: u64, report: &str, operation: &str, number: u64) -> bool {
        let fault = &self.fault;
        let hit = fault.report.as_deref().is_none_or(|wanted| wanted == report)
            && fault.operation.as_deref().is_none_or(|wanted| wanted == operation)
            && fault.request.is_none_or(|wanted| wanted == number)
            && fault.times.is_none_or(|times| self.hits < times)
            && fault.probability.is_none_or(|share| {
                let words = [report, operation].map(|text| {
                    text.bytes().fold(7, |hash, byte| super::dice::mix(&[hash, u64::from(byte)]))
                });
                Dice::of(&[seed, 0x666C_7473, index, words[0], words[1], number]).chance(share)
            });
        self.hits += u64::from(hit);
        hit
    }
}

impl Fault {
    /// This fault with the parts of another added.
    pub(super) fn and(mut self, other: &Fault) -> Fault {
        self.status = other.status.or(self.status);
        self.body_code = other.body_code.or(self.body_code);
        self.message = other.message.clone().or(self.message);
        self.body = other.body.clone().or(self.body);
        self.content_type = other.content_type.clone().or(self.content_type);
        self.reset = other.reset.or(self.reset);
        self.cut = other.cut.or(self.cut);
        self.html |= other.html;
        self.close |= other.close;
        self.lost |= other.lost;
        self.gzip |= other.gzip;
        self.false_gzip |= other.false_gzip;
        self.hang_ms = self.hang_ms.max(other.hang_ms);
        self.stall_ms = self.stall_ms.max(other.stall_ms);
        self.missing_rows += other.missing_rows;
        self
    }

    /// Every kind of trouble at once: each spoils its part of this share of all requests.
    pub fn weather(share: f64) -> Vec<Fault> {
        let kinds = [
            Fault { status: Some(500), ..Fault::default() },
            Fault { status: Some(502), html: true, ..Fault::default() },
            Fault {
                status: Some(403),
                message: Some("SERVER BACKUP IN PROGRESS".into()),
                ..Fault::default()
            },
            Fault { body_code: Some(500), ..Fault::default() },
            Fault { html: true, ..Fault::default() },
            Fault { close: true, ..Fault::default() },
            Fault { lost: true, ..Fault::default() },
            Fault { reset: Some(0.6), ..Fault::default() },
            Fault { cut: Some(0.7), ..Fault::default() },
            Fault { content_type: Some("text/html".into()), ..Fault::default() },
            Fault { missing_rows: 1, ..Fault::default() },
        ];
        let probability = Some(share / kinds.len() as f64);
        kinds.into_iter().map(|kind| Fault { probability, ..kind }).collect()
    }

    /// A fault written as on a command line: `report=cdr_1,status=500,times=3`, `close,probability=0.1`.
    pub fn from_text(text: &str) -> Result<Fault, String> {
        let mut whole = Map::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, "true"));
            if !Fault::knows(key) {
                return Err(format!("unknown part `{key}` of a fault"));
            }
            // What is not JSON by itself is meant as text.
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            whole.insert(key.to_owned(), value);
        }
        serde_json::from_value(Value::Object(whole)).map_err(|error| format!("fault `{text}`: {error}"))
    }

    /// Whether `key` is one of the fields of a fault.
    pub(super) fn knows(key: &str) -> bool {
        serde_json::to_value(Fault::default()).is_ok_and(|whole| whole.get(key).is_some())
    }
}
