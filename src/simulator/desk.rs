//! The desk where requests arrive: checks in the order the server makes them, then the answer.

use std::collections::HashMap;
use std::time::Duration;

use super::Simulator;
use super::answer::{self, Kind, Question};
use super::behaviour::{Behaviour, Body, Empty, OverRows, OverTime, Refusal};
use super::centre::seconds;
use super::control::Orders;
use super::day::label_of;
use super::delivery::{Delivery, Ending};
use super::fault::Fault;
use super::quota::Refused;
use super::wire;
use crate::time::{Bucket, Timestamp, civil};

/// A request as far as the desk looks at it.
#[derive(Debug)]
pub(super) struct Request {
    /// Whether it came to `information.php`.
    pub(super) information: bool,
    pub(super) parameters: HashMap<String, String>,
    pub(super) token: Option<String>,
    pub(super) accepts_gzip: bool,
}

/// Errors of the API: status and message.
type Rejection = (u16, String);

const WEB_PAGE: &str =
    "<!DOCTYPE html><html><head><title>wolkvox</title></head><body><h1>Aviso</h1><p>{}</p></body></html>";

impl Simulator {
    /// Handles one request from its arrival to what is put on the wire.
    pub(super) async fn handle(&self, request: Request) -> Delivery {
        let owner = request.token.as_deref().and_then(|token| self.0.centre.owner(token));
        let asked = request.parameters.get("api").map(String::as_str);
        let kind = asked.and_then(|code| {
            Kind::ALL
                .into_iter()
                .find(|kind| kind.code() == code && kind.is_information() == request.information)
        });
        // A request that names no report or no operation is governed by the general switches.
        let operation = owner.map_or("", |(operation, _)| self.0.centre.operations[operation].name.as_str());
        let Orders { behaviour, fault } = match kind {
            Some(kind) => self.0.control.next(kind, operation),
            None => {
                let behaviour = self.0.control.behaviour(Kind::TokenInfo, operation);
                Orders { behaviour, fault: Fault::default() }
            }
        };
        if fault.close {
            pause(fault.hang_ms).await;
            return Delivery::closed();
        }
        let mut delivery = self.respond(&request, owner, kind, &behaviour, &fault).await;
        delivery.date = behaviour.date_header.then(|| {
            let now = self.0.clock.now();
            let skewed = now.as_second().saturating_add(behaviour.date_skew_seconds);
            Timestamp::from_second(skewed).unwrap_or(now)
        });
        delivery.finish(&behaviour, &fault, request.accepts_gzip);
        delivery
    }

    async fn respond(
        &self,
        request: &Request,
        owner: Option<(usize, usize)>,
        kind: Option<Kind>,
        behaviour: &Behaviour,
        fault: &Fault,
    ) -> Delivery {
        if let Some(status) = fault.status.filter(|_| fault.body_code != Some(200)) {
            pause(fault.hang_ms).await;
            return faulty(behaviour, fault, status);
        }
        let now = self.0.clock.now();
        let local = self.0.centre.zone.civil(now);
        if maintained(behaviour, local) {
            return reject(behaviour, 403, &behaviour.maintenance_message);
        }
        let Some((operation, token)) = owner else {
            return match &request.token {
                None => reject(behaviour, 401, "PLEASE ENTER THE WOLKVOX-TOKEN"),
                Some(_) => reject(behaviour, 403, "PLEASE VALIDATE TOKEN"),
            };
        };
        let label = label_of(local);
        let today = (label.div_euclid(86_400), label.rem_euclid(86_400));
        let running = match self.0.counters.start(operation, token, today, behaviour) {
            Ok(running) => running,
            Err(Refused::Quota) => return reject(behaviour, 403, "TOKEN LIMIT EXCEEDED"),
            Err(Refused::Simultaneous) => {
                let limit = behaviour.simultaneous;
                let message = format!("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN ({limit})");
                return reject(behaviour, 403, &message);
            }
        };
        // The data is of the request's arrival, and the token is busy all the while.
        pause(fault.hang_ms.max(behaviour.latency_ms)).await;
        let mut delivery = match self.question(&request.parameters, kind, operation, now, behaviour) {
            Ok(question) => self.answer(&question, token, today, behaviour, fault).await,
            Err((404, _)) => empty(behaviour),
            Err((status, message)) => reject(behaviour, status, &message),
        };
        if fault.lost {
            delivery = Delivery::closed();
        }
        delivery.running = Some(running);
        delivery
    }

    fn question(
        &self,
        parameters: &HashMap<String, String>,
        kind: Option<Kind>,
        operation: usize,
        now: Timestamp,
        behaviour: &Behaviour,
    ) -> Result<Question, Rejection> {
        let required = || (400, "SOME PARAMETERS ARE REQUIRED".to_owned());
        if parameters.get("api").is_none_or(|api| api.is_empty()) {
            return Err(required());
        }
        let Some(kind) = kind.filter(|_| !behaviour.unknown_report) else {
            return Err((400, "THE API YOU WANT TO CONSULT DOES NOT EXIST".to_owned()));
        };
        let mut question = Question { operation, kind, skill: None, from: 0, to: 0, now: seconds(now) };
        if kind.is_information() {
            question.skill = parameters.get("skill").cloned();
            question.to = label_of(self.0.centre.zone.civil(now));
            return Ok(question);
        }
        if kind.wants_skill() {
            let skill = parameters.get("skill_id").filter(|skill| !skill.is_empty()).ok_or_else(required)?;
            question.skill = (!skill.eq_ignore_ascii_case("all")).then(|| skill.clone());
        }
        let (from, to) = match (parameters.get("date_ini"), parameters.get("date_end")) {
            (Some(from), Some(to)) => (moment(from), moment(to)),
            _ => return Err(required()),
        };
        let (Some(from), Some(to)) = (from, to) else {
            return Err(refusal(behaviour.bad_date, "VALIDATE DATES ENTERED"));
        };
        let days = 1 + Bucket::day(to.date()).index() - Bucket::day(from.date()).index();
        if days > behaviour.day_limit && behaviour.over_days != Refusal::Serve {
            return Err(refusal(behaviour.over_days, "THE DATE RANGE EXCEEDS THE LIMIT OF DAYS"));
        }
        question.from = label_of(from);
        question.to = label_of(to);
        Ok(question)
    }

    async fn answer(
        &self,
        question: &Question,
        token: usize,
        today: (i64, i64),
        behaviour: &Behaviour,
        fault: &Fault,
    ) -> Delivery {
        let usage = self.0.counters.usage(question.operation, token, today, behaviour);
        let missing_rows = behaviour.missing_rows + fault.missing_rows;
        let (simulator, question) = (self.clone(), question.clone());
        let own = Behaviour { missing_rows, ..behaviour.clone() };
        // A day is made and 60,000 rows are written in many milliseconds; others are served meanwhile.
        let produced =
            tokio::task::spawn_blocking(move || answer::answer(&simulator.0.centre, &question, &own, usage))
                .await;
        // Only a panic or the runtime's end leaves the task without a result.
        let Ok(produced) = produced else { return page(500, "500 Internal Server Error") };
        let Some(answer) = produced else { return empty(behaviour) };
        let mut delivery = Delivery::json(200, answer.pieces, behaviour);
        if answer.over == Some(OverRows::Error) {
            return reject(behaviour, 500, "THE RESULT EXCEEDS THE MEMORY LIMIT");
        }
        if answer.over == Some(OverRows::Cut) {
            delivery.cut(0.7);
        }
        let takes = (answer.rows as u64).saturating_mul(1000).checked_div(behaviour.rows_per_second);
        if let Some(takes) = takes {
            pause(takes.min(behaviour.time_limit_ms)).await;
            if takes > behaviour.time_limit_ms {
                match behaviour.over_time {
                    OverTime::Gateway => return page(504, "504 Gateway Time-out"),
                    OverTime::Cut => delivery.ending = Ending::Reset(0.5),
                    OverTime::Close => return Delivery::closed(),
                }
            }
        }
        delivery
    }
}

fn refusal(form: Refusal, message: &str) -> Rejection {
    let status = match form {
        Refusal::BadRequest | Refusal::Serve => 400,
        Refusal::Forbidden => 403,
        Refusal::NotFound => 404,
        Refusal::Range => 416,
    };
    (status, message.to_owned())
}

/// The reason phrase in capitals, as the envelope has it.
fn phrase(status: u16) -> String {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("ERROR")
        .to_uppercase()
}

fn reject(behaviour: &Behaviour, status: u16, message: &str) -> Delivery {
    let shown = if behaviour.errors_as_200 { 200 } else { status };
    match behaviour.error_body {
        Body::Html => page(shown, message),
        Body::None => Delivery::new(shown, Vec::new(), "text/html; charset=UTF-8"),
        Body::Json => {
            let body = wire::envelope(behaviour, status, Some(&phrase(status)), message, true);
            Delivery::new(shown, body, &behaviour.content_type)
        }
    }
}

fn faulty(behaviour: &Behaviour, fault: &Fault, status: u16) -> Delivery {
    let code = fault.body_code.unwrap_or(status);
    let message = fault.message.clone().unwrap_or_else(|| phrase(code));
    if fault.html {
        return page(status, &message);
    }
    let body = wire::envelope(behaviour, code, Some(&phrase(code)), &message, true);
    Delivery::new(status, body, &behaviour.content_type)
}

fn empty(behaviour: &Behaviour) -> Delivery {
    let message = &behaviour.empty_message;
    let not_found = Some("NOT FOUND");
    let json = |status, body| Delivery::new(status, body, &behaviour.content_type);
    match behaviour.empty {
        Empty::NotFound => {
            let shown = if behaviour.errors_as_200 { 200 } else { 404 };
            json(shown, wire::envelope(behaviour, 404, not_found, message, true))
        }
        Empty::OkList => json(200, wire::envelope(behaviour, 200, None, "0 records were found", true)),
        Empty::OkCode => json(200, wire::envelope(behaviour, 404, not_found, message, true)),
        Empty::NoData => json(404, wire::envelope(behaviour, 404, not_found, message, false)),
        Empty::Html => page(404, message),
    }
}

/// A web page.
pub(super) fn page(status: u16, text: &str) -> Delivery {
    Delivery::new(status, WEB_PAGE.replace("{}", text).into_bytes(), "text/html; charset=UTF-8")
}

fn maintained(behaviour: &Behaviour, local: civil::DateTime) -> bool {
    let within = |hours: &String| {
        let (from, to) = hours.split_once('-')?;
        let from: civil::Time = from.trim().parse().ok()?;
        let to: civil::Time = to.trim().parse().ok()?;
        let at = local.time();
        Some(if from <= to { from <= at && at < to } else { from <= at || at < to })
    };
    behaviour.maintenance || behaviour.maintenance_hours.as_ref().and_then(within).unwrap_or(false)
}

/// Fourteen digits as a local time.
fn moment(text: &str) -> Option<civil::DateTime> {
    let digits = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok()).flatten()
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
