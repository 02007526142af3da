//! The switches at run time: behaviour for all, for one report, for one operation, and faults.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::answer::Kind;
use super::behaviour::Behaviour;
use super::fault::{Fault, Placed};

/// The switches and the number of requests seen.
#[derive(Debug)]
pub(super) struct Control {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    behaviour: Arc<Behaviour>,
    /// Keys that differ for a report.
    reports: BTreeMap<String, Map<String, Value>>,
    /// Keys that differ for an operation; stronger than those of a report.
    operations: BTreeMap<String, Map<String, Value>>,
    faults: Vec<Placed>,
    /// Connections still to be closed as soon as they are accepted.
    refuse: u64,
    /// Requests by operation and report.
    requests: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Behaviours in force, made from the above.
    made: HashMap<(&'static str, String), Arc<Behaviour>>,
}

/// What applies to one request.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) behaviour: Arc<Behaviour>,
    pub(super) fault: Fault,
}

impl Control {
    pub(super) fn new(seed: u64, behaviour: Behaviour, faults: Vec<Fault>) -> Control {
        let faults = faults.into_iter().map(|fault| Placed { fault, hits: 0 }).collect();
        let state = State { behaviour: Arc::new(behaviour), faults, ..State::default() };
        Control { seed, state: Mutex::new(state) }
    }

    /// Whether what it was made with can be injected; every later change is checked by itself.
    pub(super) fn check(&self) -> Result<(), String> {
        self.state().check()
    }

    /// What applies to the next request of an operation for a report.
    pub(super) fn next(&self, kind: Kind, operation: &str) -> Orders {
        let mut state = self.state();
        let number = state.requests.entry(operation.to_owned()).or_default().entry(kind.code()).or_default();
        *number += 1;
        let number = *number;
        let mut fault = Fault::default();
        for (index, placed) in state.faults.iter_mut().enumerate() {
            if placed.hits(self.seed, index as u64, kind.code(), operation, number) {
                fault = fault.and(&placed.fault);
            }
        }
        Orders { behaviour: state.behaviour(kind, operation), fault }
    }

    /// The behaviour towards an operation for a report.
    pub(super) fn behaviour(&self, kind: Kind, operation: &str) -> Arc<Behaviour> {
        self.state().behaviour(kind, operation)
    }

    /// Whether the next connection is closed as soon as it is accepted.
    pub(super) fn refuses(&self) -> bool {
        let mut state = self.state();
        let refused = state.refuse > 0;
        state.refuse = state.refuse.saturating_sub(1);
        refused
    }

    /// Everything, as JSON.
    pub(super) fn show(&self) -> Value {
        let state = self.state();
        serde_json::json!({
            "behaviour": &*state.behaviour,
            "reports": state.reports,
            "operations": state.operations,
            "faults": state.faults,
            "refuse": state.refuse,
            "requests": state.requests,
        })
    }

    /// Changes what the request names and leaves the rest. See [`super::Simulator::control`].
    pub(super) fn change(&self, request: &Value, operations: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let request = request.as_object().ok_or("the request is not a JSON object")?;
        let mut state = self.state();
        // All or nothing: a request with a mistake changes nothing.
        let mut next = state.clone();
        next.made.clear();
        // Whatever the order of the keys, going back to the defaults comes first.
        let (resets, others): (Vec<_>, Vec<_>) = request.iter().partition(|(key, _)| *key == "reset");
        for (key, value) in resets.into_iter().chain(others) {
            next.change(key, value, operations)?;
        }
        next.check()?;
        *state = next;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made on a copy, so a panic cannot leave half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn behaviour(&mut self, kind: Kind, operation: &str) -> Arc<Behaviour> {
        let (of_report, of_operation) = (self.reports.get(kind.code()), self.operations.get(operation));
        if of_report.is_none() && of_operation.is_none() {
            return Arc::clone(&self.behaviour);
        }
        let key = (kind.code(), operation.to_owned());
        if let Some(made) = self.made.get(&key) {
            return Arc::clone(made);
        }
        let mut whole = Map::new();
        whole.extend(
            of_report
                .into_iter()
                .chain(of_operation)
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        // Invariant: `check` has made every override once.
        let made = Arc::new(self.behaviour.with(&whole).unwrap_or_else(|_| (*self.behaviour).clone()));
        self.made.insert(key, Arc::clone(&made));
        made
    }

    fn change(&mut self, key: &str, value: &Value, operations: &dyn Fn(&str) -> bool) -> Result<(), String> {
        match key {
            "reset" => {
                let requests = std::mem::take(&mut self.requests);
                *self = State { requests, ..State::default() };
            }
            "behaviour" => self.behaviour = Arc::new(self.behaviour.with(object(key, value)?)?),
            "refuse" => self.refuse = value.as_u64().ok_or("`refuse` is not a number of connections")?,
            "faults" => {
                let faults: Vec<Fault> =
                    serde_json::from_value(value.clone()).map_err(|error| format!("faults: {error}"))?;
                self.faults = faults.into_iter().map(|fault| Placed { fault, hits: 0 }).collect();
            }
            "reports" => {
                for (report, value) in object(key, value)? {
                    if !Kind::ALL.iter().any(|kind| kind.code() == report) {
                        return Err(format!("unknown report `{report}`"));
                    }
                    let place = |fault: &mut Fault| fault.report = Some(report.clone());
                    let (overrides, faults) = sort(value, &place)?;
                    self.reports.entry(report.clone()).or_default().extend(overrides);
                    self.faults.extend(faults);
                }
            }
            "operations" => {
                for (operation, value) in object(key, value)? {
                    if !operations(operation) {
                        return Err(format!("unknown operation `{operation}`"));
                    }
                    let place = |fault: &mut Fault| fault.operation = Some(operation.clone());
                    let (overrides, faults) = sort(value, &place)?;
                    self.operations.entry(operation.clone()).or_default().extend(overrides);
                    self.faults.extend(faults);
                }
            }
            // What `GET` shows may be sent back.
            "requests" | "most_simultaneous" | "now" => {}
            key => {
                let change = Map::from_iter([(key.to_owned(), value.clone())]);
                self.behaviour = Arc::new(self.behaviour.with(&change)?);
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        for overrides in self.reports.values().chain(self.operations.values()) {
            self.behaviour.with(overrides)?;
        }
        for placed in &self.faults {
            let fault = &placed.fault;
            if fault.status.is_some_and(|status| !(100..=599).contains(&status)) {
                return Err("faults: a status lies between 100 and 599".into());
            }
            let share = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
            if !share(fault.probability) || !share(fault.cut) || !share(fault.reset) {
                return Err("faults: probability, cut and reset lie between 0 and 1".into());
            }
        }
        Ok(())
    }
}

fn object<'v>(key: &str, value: &'v Value) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("`{key}` is not a JSON object"))
}

/// Tells the switches from the parts of a fault, which stand side by side.
fn sort(value: &Value, place: &dyn Fn(&mut Fault)) -> Result<(Map<String, Value>, Vec<Placed>), String> {
    let (mut overrides, mut parts, mut faults) = (Map::new(), Map::new(), Vec::new());
    let value = object("reports and operations", value)?;
    let selects = ["times", "probability", "request"].iter().any(|key| value.contains_key(*key));
    for (key, value) in value {
        match key.as_str() {
            "faults" => {
                let list: Vec<Fault> =
                    serde_json::from_value(value.clone()).map_err(|error| format!("faults: {error}"))?;
                faults.extend(list);
            }
            // In both: a switch for good where it stands alone, a fault where it has company.
            key if Behaviour::knows(key) && !(Fault::knows(key) && selects) => {
                overrides.insert(key.to_owned(), value.clone());
            }
            key => {
                parts.insert(key.to_owned(), value.clone());
            }
        }
    }
    if !parts.is_empty() {
        faults.push(serde_json::from_value(Value::Object(parts)).map_err(|error| error.to_string())?);
    }
    let faults = faults
        .into_iter()
        .map(|mut fault| {
            place(&mut fault);
            Placed { fault, hits: 0 }
        })
        .collect();
    Ok((overrides, faults))
}
