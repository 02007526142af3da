//! One operation and the questions it asks, the same for every check.

use std::path::Path;

use wolkvox_exporter::api::Report;
use wolkvox_exporter::config::{Config, Denominator, Operation};
use wolkvox_exporter::report::{DecodeError, Decoded, Decoder, IdentityKey};
use wolkvox_exporter::schedule::{Purpose, Request};
use wolkvox_exporter::time::{Timestamp, Window, civil};

/// Every report on, the optional series of agents too: the more leaves the decoder, the more is looked at.
pub fn operation() -> Operation {
    let text = "operations:\n  - name: acme\n    base_url: http://127.0.0.1:1/api/v2/\n    token_env: T\n    \
                timezone: America/Bogota\n    reports: { cdr_1: { agents: true } }\n";
    Config::parse(text, Path::new("/"), "fuzz").unwrap().operations.remove(0)
}

/// Noon of 2026-11-10 in Bogota; `skill_6` is asked for the day before, which has ended.
pub fn request(report: Report) -> Request {
    let day = |day: i8, hour: i8| civil::date(2026, 11, day).at(hour, 0, 0, 0);
    let window = match report {
        Report::Skill6 | Report::Skill1 => Some(Window { from: day(9, 0), to: day(10, 0) }),
        Report::Skills | Report::TokenInfo => None,
        _ => Some(Window { from: day(10, 0), to: day(10, 12) }),
    };
    Request {
        report,
        skill: if report == Report::Skill6 { "101".to_owned() } else { String::new() },
        window,
        slot: 7,
        now: now(),
        purpose: Purpose::Present,
        part: (0, 1),
    }
}

pub fn now() -> Timestamp {
    // 2026-11-10T12:00:00-05:00
    Timestamp::from_second(1_794_330_000).unwrap()
}

/// Decodes an answer that comes in pieces of `size` bytes.
pub fn decode(
    operation: &Operation,
    report: Report,
    status: u16,
    body: &[u8],
    size: usize,
) -> Result<Decoded, DecodeError> {
    let key = IdentityKey::new(*b"0123456789abcdef0123456789ABCDEF");
    let mut decoder = Decoder::new(&request(report), operation, &key, Denominator::Inbound, now());
    for piece in body.chunks(size.max(1)) {
        decoder.push(piece)?;
    }
    decoder.finish(status, None)
}
