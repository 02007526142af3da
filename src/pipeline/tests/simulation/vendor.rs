//! A vendor of explicit rows: what the API would answer now, in bytes, and how answers get lost.
//!
//! It shares nothing with the decoder. Rows know only their local time, as with the real API; what a request sees is
//! decided by the two dates in its address.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use jiff::civil::DateTime;
use serde_json::json;

use super::operation::Op;
use crate::api::{Reason, Report};
use crate::client::Failure;
use crate::schedule::Request;
use crate::time::{Clock, Timestamp};

/// One thing that happened at the contact centre.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) id: u32,
    /// Local time, which is all that the API tells.
    pub(super) at: DateTime,
    pub(super) body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// Some calls to one number, seen only as a part of `skill_6` and `skill_1`.
    Queue { skill: u8, dnis: u8, answered: i64, abandoned: i64, wait: i64 },
    /// Some calls in the IVR, seen only as a part of an hour of `diagram_1_2`.
    Ivr { calls: i64, minutes: i64 },
    /// A callback of `diagram_3`.
    Callback { skill: u8, status: u8, attempts: i64, wait: i64, seconds: i64 },
    /// A connected call of `cdr_1`.
    Call { skill: u8, campaign: u8, hang_up: u8, seconds: i64, cost: i64, code: Option<u8> },
    /// A survey of `diagram_4`.
    Survey {
        skill: u8,
        result: Option<u8>,
        feeling: Option<u8>,
        marks: [Option<u8>; 2],
        seconds: i64,
        voice: i64,
    },
}

/// Statuses of callbacks; the first waits, the second nobody knows, the others are final.
pub(super) const STATUSES: [&str; 7] = ["YES", "DIALING", "OK", "FAIL", "NO", "NO USER", "STOP NEW"];
pub(super) const RESULTS: [&str; 3] = ["complete", "incomplete", "refused"];
pub(super) const FEELINGS: [&str; 3] = ["positive", "neutral", "negative"];
pub(super) const HANG_UPS: [&str; 2] = ["customer", "agent"];

impl Row {
    pub(super) fn report(&self) -> Report {
        match self.body {
            Body::Queue { .. } => Report::Skill6,
            Body::Ivr { .. } => Report::Diagram12,
            Body::Callback { .. } => Report::Diagram3,
            Body::Call { .. } => Report::Cdr1,
            Body::Survey { .. } => Report::Diagram4,
        }
    }
}

impl Body {
    fn new(kind: u8, skill: u8, a: u8, b: u8) -> Body {
        let (x, y) = (i64::from(a), i64::from(b));
        let maybe = |value: u8| value.is_multiple_of(2).then_some(value / 2 % 7);
        match kind % 5 {
            0 => Body::Queue { skill, dnis: b % 3, answered: x % 40, abandoned: 1 + y % 9, wait: y % 41 },
            1 => Body::Ivr { calls: 1 + x % 30, minutes: y % 90 },
            2 => Body::Callback { skill, status: a % 3, attempts: y % 3, wait: 20 * x, seconds: 3 * y },
            3 => Body::Call {
                skill,
                campaign: a % 3,
                hang_up: a / 3,
                seconds: 5 * y,
                cost: 1 + 70_001 * x,
                code: maybe(b),
            },
            _ => Body::Survey {
                skill,
                result: maybe(a),
                feeling: maybe(b),
                marks: [maybe(a / 3), maybe(b / 3)],
                seconds: y,
                voice: x % 3 * 7,
            },
        }
    }

    fn grow(&mut self, by: i64) {
        match self {
            Body::Queue { answered, .. } => *answered += by % 20,
            Body::Ivr { calls, minutes } => (*calls, *minutes) = (*calls + by % 5, *minutes + by % 50),
            Body::Callback { attempts, seconds, .. } => {
                (*attempts, *seconds) = (*attempts + by % 4, *seconds + by)
            }
            Body::Call { seconds, cost, .. } => (*seconds, *cost) = (*seconds + by, *cost + 13 * by),
            Body::Survey { seconds, voice, .. } => (*seconds, *voice) = (*seconds + by, *voice + by % 9),
        }
    }

    fn revise(&mut self, to: i64) {
        match self {
            Body::Queue { answered, abandoned, wait, .. } => {
                (*answered, *abandoned, *wait) = (to % 30, to % 7 + 1, to % 45)
            }
            Body::Ivr { calls, minutes } => (*calls, *minutes) = (to % 20, to % 60),
            Body::Callback { attempts, seconds, wait, .. } => {
                (*attempts, *seconds, *wait) = (to % 5, to, 31 * to)
            }
            Body::Call { seconds, cost, .. } => (*seconds, *cost) = (4 * to, 999 * to),
            Body::Survey { seconds, .. } => *seconds = to,
        }
    }

    fn relabel(&mut self, to: u8) {
        match self {
            Body::Queue { dnis, .. } => *dnis = to % 3,
            Body::Ivr { .. } => {}
            // The skill is a part of its identity: this is another row.
            Body::Callback { skill, .. } => *skill = to % 2,
            Body::Call { campaign, hang_up, .. } => (*campaign, *hang_up) = (to % 4, to / 4),
            Body::Survey { skill, .. } => *skill = to % 2,
        }
    }

    fn decide(&mut self, to: u8) {
        match self {
            Body::Queue { .. } | Body::Ivr { .. } => {}
            Body::Callback { status, .. } => *status = to % 7,
            Body::Call { code, .. } => *code = (!to.is_multiple_of(5)).then_some(to % 5),
            Body::Survey { result, feeling, marks, .. } => {
                *result = (!to.is_multiple_of(4)).then_some(to % 3);
                *feeling = (!to.is_multiple_of(5)).then_some(to % 3);
                marks[usize::from(to % 2)] = Some(to % 11);
            }
        }
    }
}

/// The number of the rows of a report, as [`Op::Appear`] has it.
pub(super) fn kind(report: Report) -> u8 {
    match report {
        Report::Skill6 => 0,
        Report::Diagram12 => 1,
        Report::Diagram3 => 2,
        Report::Cdr1 => 3,
        _ => 4,
    }
}

/// The id of a skill.
pub(super) fn skill(number: u8) -> String {
    (101 + u32::from(number)).to_string()
}

/// How an answer gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody listens: nothing was produced.
    Refused,
    /// Produced, and lost on the way.
    Lost,
    /// So many 256ths of the body arrive, then the connection breaks.
    Cut(u8),
    /// So many 256ths arrive, and the end looks like an end.
    Short(u8),
    Status(u16),
    /// 200, and an error in the body.
    BodyError,
    /// 200, and a page for people.
    Page,
    Simultaneous,
    Maintenance,
}

/// What a request saw.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exchange {
    pub(super) request: Request,
    /// By the exporter's clock.
    pub(super) asked: Timestamp,
    /// By the vendor's.
    pub(super) date: Timestamp,
    /// The rows of its report, and of its skill, between its dates.
    pub(super) rows: Vec<Row>,
    pub(super) skills: BTreeSet<String>,
    /// Whether all of it arrived.
    pub(super) whole: bool,
    /// Storage operations refused before it was sent.
    pub(super) refused: u64,
}

pub(super) struct Vendor {
    pub(super) rows: BTreeMap<u32, Row>,
    next_row: u32,
    pub(super) skills: BTreeSet<String>,
    pub(super) faults: VecDeque<Fault>,
    pub(super) exchanges: Vec<Exchange>,
    /// Every so manyth row of events comes twice.
    pub(super) doubled: u32,
    /// Requests until the process dies waiting for an answer.
    pub(super) dies_after: Option<u8>,
    /// Set when it waits in vain.
    pub(super) is_dead: Arc<tokio::sync::Notify>,
    /// The exporter's clock, and how far it is ahead of the vendor's in seconds.
    pub(super) clock: Clock,
    pub(super) ahead: i64,
    /// Requests since the exporter last came to rest.
    pub(super) busy: u32,
    pub(super) requests: u64,
    /// Storage operations refused so far, and whether the process dies of the first.
    pub(super) refused: Box<dyn Fn() -> u64 + Send>,
    pub(super) dies_of_refusal: bool,
}

pub(super) type Shared = Arc<Mutex<Vendor>>;

pub(super) fn lock(vendor: &Shared) -> MutexGuard<'_, Vendor> {
    vendor.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What `Client::in_process` wants.
pub(super) fn upstream(vendor: &Shared) -> crate::client::Vendor {
    let vendor = Arc::clone(vendor);
    Arc::new(move |request, url| lock(&vendor).answer(request, url))
}

impl Vendor {
    /// A vendor with these skills and without any rows, behind an exporter with this clock.
    pub(super) fn new(
        skills: BTreeSet<String>,
        clock: Clock,
        refused: Box<dyn Fn() -> u64 + Send>,
    ) -> Vendor {
        Vendor {
            rows: BTreeMap::new(),
            next_row: 1,
            skills,
            faults: VecDeque::new(),
            exchanges: Vec::new(),
            doubled: 0,
            dies_after: None,
            is_dead: Arc::default(),
            clock,
            ahead: 0,
            busy: 0,
            requests: 0,
            refused,
            dies_of_refusal: false,
        }
    }

    /// Does what an operation does to rows; `now` is the local time.
    pub(super) fn happen(&mut self, op: &Op, local: impl Fn(u16) -> DateTime) {
        match *op {
            Op::Appear { kind, ago, skill, a, b } => {
                let id = self.next_row;
                self.next_row += 1;
                let body = Body::new(kind, skill % self.skills.len() as u8, a, b);
                self.rows.insert(id, Row { id, at: local(ago), body });
            }
            Op::Grow { which, by } => self.change(which, |body| body.grow(i64::from(by))),
            Op::Revise { which, to } => self.change(which, |body| body.revise(i64::from(to))),
            Op::Relabel { which, to } => self.change(which, |body| body.relabel(to)),
            Op::Decide { which, to } => self.change(which, |body| body.decide(to)),
            Op::Withdraw { which } => {
                if let Some(id) = self.pick(which) {
                    self.rows.remove(&id);
                }
            }
            _ => unreachable!("{op:?} does nothing to rows"),
        }
    }

    fn pick(&self, which: u8) -> Option<u32> {
        let ids: Vec<u32> = self.rows.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[usize::from(which) % ids.len()])
    }

    fn change(&mut self, which: u8, change: impl FnOnce(&mut Body)) {
        if let Some(id) = self.pick(which) {
            self.rows.entry(id).and_modify(|row| change(&mut row.body));
        }
    }

    fn answer(
        &mut self,
        request: &Request,
        url: &str,
    ) -> Option<Result<http::Response<reqwest::Body>, Failure>> {
        self.requests += 1;
        self.busy += 1;
        assert!(self.busy < 3_000, "the exporter does not come to rest: {url}");
        let refused = (self.refused)();
        if self.dies_of_refusal && refused > 0 {
            self.is_dead.notify_one();
            return None;
        }
        if let Some(left) = &mut self.dies_after {
            if *left == 0 {
                self.is_dead.notify_one();
                return None;
            }
            *left -= 1;
        }
        let asked = self.clock.now();
        // A header has no fractions of a second.
        let date = asked - crate::time::SignedDuration::from_secs(self.ahead);
        let date = Timestamp::from_second(date.as_second()).unwrap();
        let (status, body, rows) = self.body(url);
        let fault = self.faults.pop_front();
        let whole = fault.is_none();
        self.exchanges.push(Exchange {
            request: request.clone(),
            asked,
            date,
            rows,
            skills: self.skills.clone(),
            whole,
            refused,
        });
        let error = |status: u16, msg: &str| {
            let body = json!({"code": status.to_string(), "error": "ERROR", "msg": msg, "data": []});
            (status, body.to_string(), None)
        };
        let (status, body, breaks_at) = match fault {
            None => (status, body, None),
            Some(Fault::Refused) => return Some(Err(Failure::new(Reason::Connect, &"refused"))),
            Some(Fault::Lost) => (status, body, Some(0)),
            Some(Fault::Cut(share)) => {
                let at = body.len() * usize::from(share) / 256;
                (200, body, Some(at))
            }
            Some(Fault::Short(share)) => {
                let at = body.len() * usize::from(share) / 256;
                (200, body[..at].to_owned(), None)
            }
            Some(Fault::Status(status)) => error(status, "server"),
            Some(Fault::BodyError) => {
                let (_, body, _) = error(500, "server");
                (200, body, None)
            }
            Some(Fault::Page) => (200, "<html>busy</html>".to_owned(), None),
            Some(Fault::Simultaneous) => error(403, "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS"),
            Some(Fault::Maintenance) => error(403, "MAINTENANCE"),
        };
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
        let body = Pieces::new(&body, breaks_at);
        let response = http::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .header("date", date)
            .body(reqwest::Body::wrap(body))
            .unwrap();
        Some(Ok(response))
    }

    /// Status and body of a good answer, and the rows behind it.
    fn body(&self, url: &str) -> (u16, String, Vec<Row>) {
        let query: BTreeMap<&str, &str> =
            url.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let time = |name: &str| DateTime::strptime("%Y%m%d%H%M%S", query[name]).unwrap();
        let asked: Option<&str> = query.get("skill_id").copied();
        let within = |report: Report| -> Vec<Row> {
            let (from, to) = (time("date_ini"), time("date_end"));
            let rows = self.rows.values().filter(|row| row.report() == report);
            rows.filter(|row| from <= row.at && row.at <= to).cloned().collect()
        };
        let (data, rows): (Vec<serde_json::Value>, Vec<Row>) = match query["api"] {
            "skills" => {
                let row = |id: &String| json!({"skill_id": id, "skill_name": format!("S {id}")});
                (self.skills.iter().map(row).collect(), Vec::new())
            }
            "token_info" => {
                let row = json!({"description": "TOKEN", "token_limit": "1000000", "token_use_today": "1", "all_token_today": "1"});
                (vec![row], Vec::new())
            }
            "skill_1" => {
                let rows = within(Report::Skill6);
                (service_levels(&rows, |body| queue(body).0, "skill_id"), rows)
            }
            "skill_6" => {
                let mut rows = within(Report::Skill6);
                rows.retain(|row| Some(queue(&row.body).0.as_str()) == asked);
                (service_levels(&rows, |body| queue(body).1, "dnis"), rows)
            }
            "diagram_1_2" => {
                let rows = within(Report::Diagram12);
                // Equal labels are to be added, so the hour comes in two rows where there is enough in it.
                let mut hours: BTreeMap<(String, bool), (i64, i64)> = BTreeMap::new();
                for row in &rows {
                    let Body::Ivr { calls, minutes } = row.body else { continue };
                    let label = (row.at.strftime("%Y-%m-%d-%H").to_string(), row.id.is_multiple_of(2));
                    let hour = hours.entry(label).or_default();
                    *hour = (hour.0 + calls, hour.1 + minutes);
                }
                let row = |((date, _), (calls, minutes)): (&(String, bool), &(i64, i64))| json!({"date": date, "calls": calls.to_string(), "ivr_minutes": minutes.to_string()});
                (hours.iter().map(row).collect(), rows)
            }
            "diagram_3" => self.events(within(Report::Diagram3)),
            "cdr_1" => self.events(within(Report::Cdr1)),
            "diagram_4" => self.events(within(Report::Diagram4)),
            api => panic!("what is {api}?"),
        };
        if data.is_empty() {
            let body =
                json!({"code": "404", "error": "NOT FOUND", "msg": "Validate dates entered", "data": []});
            return (404, body.to_string(), rows);
        }
        let msg = format!("{} records were found", data.len());
        (200, json!({"code": "200", "error": null, "msg": msg, "data": data}).to_string(), rows)
    }

    fn events(&self, rows: Vec<Row>) -> (Vec<serde_json::Value>, Vec<Row>) {
        let mut data = Vec::new();
        for row in &rows {
            data.push(event(row));
            if self.doubled > 0 && row.id.is_multiple_of(self.doubled) {
                data.push(event(row));
            }
        }
        (data, rows)
    }
}

fn queue(body: &Body) -> (String, String) {
    let Body::Queue { skill: number, dnis, .. } = body else { unreachable!("only queues are asked for") };
    (skill(*number), super::model::dnis(*dnis))
}

/// Rows of `skill_6` or `skill_1`, added up by a key.
fn service_levels(rows: &[Row], key: impl Fn(&Body) -> String, name: &str) -> Vec<serde_json::Value> {
    let mut keys: BTreeMap<String, super::model::Queue> = BTreeMap::new();
    for row in rows {
        keys.entry(key(&row.body)).or_default().add(&row.body);
    }
    let percent = |part: i64, whole: i64| {
        let hundredths = if whole == 0 { 0 } else { (part * 10_000 + whole / 2) / whole };
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    };
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let row = |(key, sums): (&String, &super::model::Queue)| {
        json!({
            name: key,
            "inbound_calls": (sums.answered + sums.abandoned).to_string(),
            "answer_calls": sums.answered.to_string(),
            "abandon_calls": sums.abandoned.to_string(),
            "service_level_10seg": percent(sums.within[0], sums.answered + sums.abandoned),
            "service_level_20seg": percent(sums.within[1], sums.answered + sums.abandoned),
            "service_level_30seg": percent(sums.within[2], sums.answered + sums.abandoned),
            "abandon": percent(sums.abandoned, sums.answered + sums.abandoned),
            "asa": seconds(sums.asa()),
            "ata": seconds(sums.ata()),
        })
    };
    keys.iter().map(row).collect()
}

fn event(row: &Row) -> serde_json::Value {
    let at = row.at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let clock = |seconds: i64| format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let word = |words: &[&'static str], place: Option<u8>| {
        place.map_or("-", |place| words[usize::from(place) % words.len()])
    };
    match &row.body {
        Body::Callback { skill: number, status, attempts, wait, seconds } => json!({
            "skill_id": skill(*number),
            "date_inbound_call": at,
            "date_last_outbound_call": "-",
            "status": STATUSES[usize::from(*status) % STATUSES.len()],
            "attempts": attempts.to_string(),
            "ani": format!("30011{:05}", row.id),
            "dial_phone": format!("30022{:05}", row.id),
            "time_between_calls": clock(*wait),
            "time": clock(*seconds),
            "billed_minutes": ((seconds + 59) / 60).to_string(),
            "customer_id": format!("CC{:05}", row.id),
        }),
        Body::Call { skill: number, campaign, hang_up, seconds, cost, code } => json!({
            "agent_name": "ANA",
            "date": at,
            "destiny": format!("d{}", campaign % 2),
            "telephone": format!("30033{:05}", row.id),
            "cost": format!("{}.{:06}", cost / 1_000_000, cost % 1_000_000),
            "time_seg": seconds.to_string(),
            "time_min": ((seconds + 59) / 60).to_string(),
            "cod_act": code.map_or("-".to_owned(), |code| format!("c{code}")),
            "cod_act_2": "-",
            "type_interaction": "inbound",
            "hang_up": word(&HANG_UPS, Some(*hang_up)),
            "campaign_id": format!("k{campaign}"),
            "conn_id": format!("1.{}", row.id),
            "skill_id": skill(*number),
            "agent_id": format!("a{}", row.id % 3),
        }),
        Body::Survey { skill: number, result, feeling, marks, seconds, voice } => {
            let mark = |place: usize| marks[place].map_or("-".to_owned(), |mark| (mark % 11).to_string());
            json!({
                "agent_id": "a1",
                "skill_id": skill(*number),
                "date": at,
                "conn_id": format!("2.{}", row.id),
                "q01": mark(0),
                "q02": mark(1),
                "voice_message_duration": voice.to_string(),
                "type_interaction": "inbound",
                "result": word(&RESULTS, *result),
                "time": clock(*seconds),
                "feeling": word(&FEELINGS, *feeling),
            })
        }
        Body::Queue { .. } | Body::Ivr { .. } => unreachable!("these are only seen added up"),
    }
}

/// A body in pieces, which may break off.
struct Pieces {
    left: VecDeque<Bytes>,
    breaks: bool,
}

impl Pieces {
    fn new(body: &str, breaks_at: Option<usize>) -> Pieces {
        let bytes = &body.as_bytes()[..breaks_at.unwrap_or(body.len())];
        let left = bytes.chunks(1500).map(Bytes::copy_from_slice).collect();
        Pieces { left, breaks: breaks_at.is_some() }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let _: Option<Infallible> = None;
        Poll::Ready(match self.left.pop_front() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if std::mem::take(&mut self.breaks) => {
                Some(Err(std::io::Error::other("the connection broke")))
            }
            None => None,
        })
    }
}
