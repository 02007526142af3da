//! The simulator judged by itself: before it may judge anything else.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::time::{Clock, Zone};

mod faults;
mod model;
mod properties;
mod switches;
mod wire;

const ZONES: [&str; 3] = ["America/Bogota", "America/Santiago", "Europe/Madrid"];
const REPORTS: [&str; 6] = ["skill_6", "skill_1", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"];

/// A simulator of a small centre with a clock that a test sets.
struct Bench {
    simulator: Simulator,
    clock: Clock,
    zone: Zone,
}

/// An answer as a client sees it.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Bench {
    fn new(settings: Settings, local: &str) -> Bench {
        let zone = Zone::named(&settings.timezone).unwrap();
        let clock = Clock::manual(zone.instant(local.parse().unwrap()));
        let simulator = Simulator::new(settings, clock.clone()).unwrap();
        Bench { simulator, clock, zone }
    }

    fn small(seed: u64) -> Settings {
        let traffic = Traffic { calls_per_day: 900.0, ..Traffic::default() };
        Settings { seed, traffic, ..Settings::default() }
    }

    fn at(&self, local: &str) {
        self.clock.advance_to(self.zone.instant(local.parse().unwrap()));
    }

    /// Asks for a report between two wire times, of all skills where it wants one.
    async fn report(&self, api: &str, from: &str, to: &str) -> Seen {
        self.ask(&format!("reports_manager.php?api={api}&skill_id=all&date_ini={from}&date_end={to}")).await
    }

    async fn ask(&self, rest: &str) -> Seen {
        self.ask_as(rest, Some(&self.simulator.token(0))).await
    }

    async fn ask_as(&self, rest: &str, token: Option<&str>) -> Seen {
        let mut request = Request::get(format!("/api/v2/{rest}"));
        if let Some(token) = token {
            request = request.header("wolkvox-token", token);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Seen {
        let response = self.simulator.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A body that breaks off is seen as far as it came.
        let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        Seen { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn control(&self, change: Value) {
        self.simulator.control(&change).unwrap();
    }
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn rows(&self) -> Vec<Value> {
        match self.status {
            404 => Vec::new(),
            _ => self.json()["data"].as_array().unwrap_or_else(|| panic!("no rows: {self:?}")).clone(),
        }
    }
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_else(|| panic!("`{key}` is no text in {row}"))
}

fn number(row: &Value, key: &str) -> i64 {
    text(row, key).parse().unwrap_or_else(|_| panic!("`{key}` is no number in {row}"))
}

/// Millionths of a decimal number, read without floats.
fn millionths(text: &str) -> i64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest: String = rest.chars().chain("000000".chars()).take(6).collect();
    whole.parse::<i64>().unwrap() * 1_000_000 + rest.parse::<i64>().unwrap()
}

fn thousandths(text: &str) -> i64 {
    millionths(text) / 1000
}

fn clock_ms(text: &str) -> i64 {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().unwrap()).collect();
    (parts[0] * 3600 + parts[1] * 60 + parts[2]) * 1000
}

/// Cumulative counts of values in milliseconds, in seconds and `+Inf`, counted one by one.
fn histogram(values: &[i64], bounds: &[u64]) -> Histogram {
    if values.is_empty() {
        return Histogram::default();
    }
    let count =
        |bound: u64| values.iter().filter(|ms| bound == u64::MAX || **ms <= bound as i64 * 1000).count();
    Histogram {
        buckets: bounds
            .iter()
            .chain([&u64::MAX])
            .map(|bound| (Bound(*bound), count(*bound) as i64))
            .collect(),
        sum_ms: values.iter().sum(),
    }
}
