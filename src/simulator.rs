//! The Wolkvox API, imitated: an independent, seeded model of a contact centre behind the same URLs.
//!
//! | path | what |
//! | --- | --- |
//! | `/api/v2/reports_manager.php` | `skill_6`, `skill_1`, `diagram_1_2`, `diagram_3`, `cdr_1`, `diagram_4` |
//! | `/api/v2/information.php` | `skills`, `token_info` |
//! | `/truth?operation=&from=&to=` | the settled truth, see [`Truth`]; `from` and `to` are days or hours (`2026-04-04T10`), both included |
//! | `/truth/calls?operation=&from=&to=&report=` | every event by itself, see [`Call`] |
//! | `/control` | `GET` and `PUT` the switches, see [`Simulator::control`] |
//!
//! An answer is a pure function of the seed, the operation, the question, the behaviour in force and the
//! clock: nothing that has not happened by then is ever shown. Days are made on demand and forgotten again.
//! All operations share one set of URLs and are told apart by their token.
//!
//! The model shares no type and no vocabulary with the exporter's decoder, so that a misreading cannot hide.
//! The only part of it that knows a network is [`serve`]; [`Simulator::router`] needs none.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::time::{Clock, SignedDuration, civil};

mod answer;
mod behaviour;
mod calls;
mod centre;
mod control;
mod day;
mod delivery;
mod desk;
mod dice;
mod fault;
mod incident;
mod listener;
mod planted;
mod quota;
mod truth;
mod wire;

pub use behaviour::{
    Absent, AllSkills, Behaviour, Body, Denominator, Dnis, Empty, Form, Hour, Message, Minutes, Number,
    Order, OverRows, OverTime, Percent, QuotaScope, Refusal, Time, TotalRow,
};
pub use calls::Call;
pub use centre::{Lateness, Traffic};
pub use fault::Fault;
pub use incident::Incident;
pub use listener::serve;
pub use planted::Planted;
pub use truth::{
    Bound, CallbackTruth, CallsTruth, CdrTruth, DnisTruth, Histogram, IvrTruth, SurveyTruth, Truth,
};

use delivery::Switch;

/// Everything that a simulator is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The same seed gives the same centre.
    pub seed: u64,
    /// Operations: `demo` for a single one, else `demo-001` and so on.
    pub operations: usize,
    /// The IANA zone of all operations.
    pub timezone: String,
    /// The first day of the centre; nothing happened before. `None`: it has always been open.
    pub start: Option<civil::Date>,
    /// The day on which the last skill opens: before, it is neither listed nor called.
    pub last_skill_opens: Option<civil::Date>,
    /// What happens in the centre.
    pub traffic: Traffic,
    /// How the API behaves at first.
    pub behaviour: Behaviour,
    /// What goes wrong at first.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            seed: 1,
            operations: 1,
            timezone: "America/Bogota".into(),
            start: None,
            last_skill_opens: None,
            traffic: Traffic::default(),
            behaviour: Behaviour::default(),
            faults: Vec::new(),
        }
    }
}

/// Why a simulator cannot be made or switched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulatorError {
    /// The time zone is not known.
    #[error("unknown time zone `{name}` of the simulated centre: {cause}")]
    Zone {
        /// The name given.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A number is out of range.
    #[error("setting `{0}` of the simulated centre {1}")]
    Setting(&'static str, String),
    /// A switch does not exist or cannot have this value.
    #[error("cannot set up the simulated API: {0}")]
    Control(String),
}

/// The simulated API. Clones share their state.
#[derive(Debug, Clone)]
pub struct Simulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    centre: centre::Centre,
    control: control::Control,
    counters: quota::Counters,
}

impl Simulator {
    /// A simulator whose centre lives by `clock`.
    pub fn new(settings: Settings, clock: Clock) -> Result<Simulator, SimulatorError> {
        let centre = centre::Centre::new(&settings)?;
        let control = control::Control::new(settings.seed, settings.behaviour, settings.faults);
        control.check().map_err(SimulatorError::Control)?;
        Ok(Simulator(Arc::new(Inner { clock, centre, control, counters: quota::Counters::default() })))
    }

    /// The names of the operations, in order.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.0.centre.operations.iter().map(|operation| operation.name.as_str())
    }

    /// The token of operation `index`: it depends on the seed alone.
    pub fn token(&self, index: usize) -> String {
        self.0.centre.token(index, 0)
    }

    /// A second token of the same operation, which shares its daily quota.
    pub fn second_token(&self, index: usize) -> String {
        self.0.centre.token(index, 1)
    }

    /// The skills of every operation: id and name.
    pub fn skills(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.centre.skills.iter().map(|skill| (skill.id.as_str(), skill.name.as_str()))
    }

    /// The numbers a skill is called by.
    pub fn dnis(&self, skill_id: &str) -> &[String] {
        let skill = self.0.centre.skills.iter().find(|skill| skill.id == skill_id);
        skill.map_or(&[], |skill| skill.dnis.as_slice())
    }

    /// The kinds of personal data in the answers, each with a text to search for.
    pub fn planted() -> &'static [Planted] {
        &planted::PLANTED
    }

    /// The most requests of an operation that were there at the same time, refused ones included.
    pub fn most_simultaneous(&self, index: usize) -> usize {
        self.0.counters.most_simultaneous(index)
    }

    /// Changes switches and faults while the simulator runs; the body of `PUT /control`.
    ///
    /// Keys of [`Behaviour`] at the top change it for all; under `"reports": {"cdr_1": {...}}` and
    /// `"operations": {"demo-002": {...}}` for these only. There, keys of [`Fault`] place a fault, so that
    /// `{"reports": {"cdr_1": {"status": 500, "times": 3}}}` spoils three requests. `"faults": [...]`
    /// replaces all faults, `"reset": true` goes back to the defaults without any. A request with a mistake
    /// changes nothing.
    pub fn control(&self, change: &Value) -> Result<(), SimulatorError> {
        let known = |name: &str| self.0.centre.operation(name).is_some();
        self.0.control.change(change, &known).map_err(SimulatorError::Control)
    }

    /// The switches in force, the faults with their hits, the requests seen and the time; the answer of `GET /control`.
    pub fn controls(&self) -> Value {
        let mut shown = self.0.control.show();
        let most: serde_json::Map<String, Value> = self
            .operations()
            .enumerate()
            .map(|(index, name)| (name.to_owned(), json!(self.most_simultaneous(index))))
            .collect();
        shown["most_simultaneous"] = Value::Object(most);
        shown["now"] = json!(self.0.clock.now().to_string());
        shown
    }

    /// The routes of the simulated API and of its controls.
    pub fn router(&self) -> axum::Router {
        axum::Router::new()
            .route("/api/v2/reports_manager.php", get(reports))
            .route("/api/v2/information.php", get(information))
            .route("/truth", get(truth))
            .route("/truth/calls", get(calls))
            .route("/control", get(controls).put(control).post(control))
            .with_state(self.clone())
    }

    fn ask(
        self,
        information: bool,
        parameters: HashMap<String, String>,
        headers: &HeaderMap,
        switch: Option<Switch>,
    ) -> impl Future<Output = Response> + use<> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let request = desk::Request {
            information,
            parameters,
            token: text("wolkvox-token").filter(|token| !token.is_empty()),
            accepts_gzip: text(header::ACCEPT_ENCODING.as_str())
                .is_some_and(|codings| codings.contains("gzip")),
        };
        async move { self.handle(request).await.into_response(switch) }
    }
}

type Parameters = Query<HashMap<String, String>>;
type Line = Option<axum::Extension<Switch>>;

async fn reports(
    State(simulator): State<Simulator>,
    Query(parameters): Parameters,
    switch: Line,
    headers: HeaderMap,
) -> Response {
    simulator.ask(false, parameters, &headers, switch.map(|switch| switch.0)).await
}

async fn information(
    State(simulator): State<Simulator>,
    Query(parameters): Parameters,
    switch: Line,
    headers: HeaderMap,
) -> Response {
    simulator.ask(true, parameters, &headers, switch.map(|switch| switch.0)).await
}

async fn controls(State(simulator): State<Simulator>) -> Response {
    shown(StatusCode::OK, &simulator.controls())
}

async fn control(State(simulator): State<Simulator>, body: bytes::Bytes) -> Response {
    let changed = serde_json::from_slice(&body)
        .map_err(|error| SimulatorError::Control(error.to_string()))
        .and_then(|change| simulator.control(&change));
    match changed {
        Ok(()) => shown(StatusCode::OK, &simulator.controls()),
        Err(error) => wrong(error.to_string()),
    }
}

async fn truth(State(simulator): State<Simulator>, Query(parameters): Parameters) -> Response {
    match simulator.stretch(&parameters) {
        Ok((operation, from, to)) => match simulator.truth(&operation, from, to) {
            Some(truth) => shown(StatusCode::OK, &truth),
            None => wrong(format!("unknown operation `{operation}`")),
        },
        Err(message) => wrong(message),
    }
}

async fn calls(State(simulator): State<Simulator>, Query(parameters): Parameters) -> Response {
    let report = parameters.get("report").map(String::as_str);
    match simulator.stretch(&parameters) {
        Ok((operation, from, to)) => match simulator.calls(&operation, report, from, to) {
            Some(calls) => shown(StatusCode::OK, &calls),
            None => wrong(format!("unknown operation `{operation}`")),
        },
        Err(message) => wrong(message),
    }
}

fn wrong(message: String) -> Response {
    shown(StatusCode::BAD_REQUEST, &json!({ "error": message }))
}

fn shown(status: StatusCode, value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Simulator {
    /// The operation and the stretch of local time that a question about the truth names.
    fn stretch(
        &self,
        parameters: &HashMap<String, String>,
    ) -> Result<(String, civil::DateTime, civil::DateTime), String> {
        let operation = match parameters.get("operation") {
            Some(operation) => operation.clone(),
            None => self.operations().next().unwrap_or_default().to_owned(),
        };
        let bound = |key: &str| {
            let text = parameters.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
            label(text)
                .ok_or_else(|| format!("`{key}` is neither a day nor an hour (2026-04-04, 2026-04-04T10)"))
        };
        let (from, to) = (bound("from")?, bound("to")?);
        Ok((operation, from.0, to.1))
    }
}

/// The first and the last second of a day or an hour.
fn label(text: &str) -> Option<(civil::DateTime, civil::DateTime)> {
    let (first, length) = match text.split_once('T') {
        Some((date, hour)) => {
            let date: civil::Date = date.parse().ok()?;
            let hour: i8 = hour.parse().ok().filter(|hour| (0..24).contains(hour))?;
            (date.at(hour, 0, 0, 0), 3600)
        }
        None => (text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0), 86_400),
    };
    Some((first, first.saturating_add(SignedDuration::from_secs(length - 1))))
}

#[cfg(test)]
mod tests;
