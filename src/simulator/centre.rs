//! What does not change from day to day: operations, tokens, skills, numbers, agents, codes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::day::Day;
use super::dice::{Dice, mix};
use super::incident::Incident;
use super::{Settings, SimulatorError};
use crate::time::{Bucket, SignedDuration, Timestamp, Zone, civil};

/// How late rows become visible and codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lateness {
    /// Everything is visible the moment it happens.
    None,
    /// Mostly seconds, some minutes, rarely hours (at most [`Traffic::latest_seconds`]).
    #[default]
    Usual,
    /// A quarter of all rows is late by minutes to hours.
    Heavy,
}

/// What happens in the contact centre. All of it is fixed when the simulator is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traffic {
    /// Calls that reach a skill's queue on an average day of one operation.
    pub calls_per_day: f64,
    /// Skills, numbered from 101.
    pub skills: usize,
    /// Numbers that a skill is called by; the first is shared by all skills.
    pub dnis_per_skill: usize,
    /// Outbound and internal calls per inbound call.
    pub outbound_share: f64,
    /// Calls that end in the IVR per call that reaches a queue.
    pub ivr_only_share: f64,
    /// Share of the callers waiting longer than 40 s who are offered a callback.
    pub callback_share: f64,
    /// The longest time a callback can take, in hours.
    pub callback_hours: u32,
    /// Share of answered calls that are followed by a survey.
    pub survey_share: f64,
    /// Calls that the aggregated reports show for a while and then withdraw, per call.
    pub withdrawn_share: f64,
    /// How late rows appear.
    pub lateness: Lateness,
    /// The latest a row may appear after its time, in seconds, and a code after the end of its call.
    ///
    /// Up to 4 h everything is settled 6 h after its day or hour.
    pub latest_seconds: u32,
    /// Share of the calls whose activity code is never written.
    pub uncoded_share: f64,
    /// Mean wait of a caller in a quiet hour, in seconds.
    pub mean_wait_seconds: f64,
    /// The first hour of the day in which calls arrive, and the first in which none do any more.
    pub open_hours: (u8, u8),
    /// The traffic of each weekday against [`Traffic::calls_per_day`], Monday first; 0 is closed.
    pub weekdays: [f64; 7],
    /// What happens out of the ordinary.
    pub incidents: Vec<Incident>,
}

impl Default for Traffic {
    fn default() -> Traffic {
        Traffic {
            calls_per_day: 8_000.0,
            skills: 4,
            dnis_per_skill: 3,
            outbound_share: 0.35,
            ivr_only_share: 0.4,
            callback_share: 0.8,
            callback_hours: 10,
            survey_share: 0.3,
            withdrawn_share: 0.002,
            lateness: Lateness::Usual,
            latest_seconds: 4 * 3600,
            uncoded_share: 0.04,
            mean_wait_seconds: 12.0,
            open_hours: (0, 24),
            weekdays: [1.22, 1.10, 1.05, 1.04, 1.14, 0.80, 0.65],
            incidents: Vec::new(),
        }
    }
}

/// One skill of every operation.
#[derive(Debug, Clone)]
pub(super) struct Skill {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) weight: f64,
    pub(super) dnis: Vec<String>,
}

/// One tenant.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) name: String,
}

/// The contact centre: a pure function of seed, operation and day, with a bounded memory of days.
#[derive(Debug)]
pub(super) struct Centre {
    pub(super) seed: u64,
    pub(super) zone: Zone,
    pub(super) start: Option<civil::Date>,
    last_skill_opens: Option<civil::Date>,
    pub(super) traffic: Traffic,
    pub(super) operations: Vec<Operation>,
    pub(super) skills: Vec<Skill>,
    pub(super) agents: usize,
    tokens: HashMap<String, (usize, usize)>,
    days: Mutex<Days>,
}

/// Days kept, by operation and day number; the value's number says when it was last used.
#[derive(Debug, Default)]
struct Days {
    kept: BTreeMap<(usize, i32), (u64, Arc<Day>)>,
    uses: u64,
    events: usize,
}

/// Events remembered before the day used longest ago is forgotten; some 80 bytes each.
///
/// Few, since a day is made in milliseconds and the demo counts the memory.
const EVENTS_KEPT: usize = 90_000;
/// Tokens that one operation has.
pub(super) const TOKENS: usize = 2;

const SKILL_NAMES: [&str; 10] = [
    "VENTAS",
    "COBRANZA",
    "SOPORTE TÉCNICO",
    "SERVICIO AL CLIENTE",
    "RETENCIÓN",
    "COM-FACTURACIÓN",
    "ING-AVERÍAS",
    "CITAS  MÉDICAS",
    "PQR",
    "AFILIACIÓN NIÑEZ",
];

/// Outbound campaigns.
pub(super) const CAMPAIGNS: [&str; 5] = ["301", "302", "303", "304", "305"];
/// Destinations of outbound calls with the price of a minute in millionths of the currency.
pub(super) const DESTINATIONS: [(&str, i64); 5] = [
    ("CELULAR", 61_400_000),
    ("BOGOTÁ", 42_250_000),
    ("MEDELLÍN", 44_000_000),
    ("CALI", 43_125_500),
    ("MÉXICO CIUDAD", 312_000_000),
];
/// Activity codes with their descriptions.
pub(super) const CODES: [(&str, &str); 12] = [
    ("VENTA", "VENTA EFECTIVA"),
    ("SIN INTERES", "NO LE INTERESA"),
    ("400", "CONSULTA DE SALDO"),
    ("401", "PROMESA DE PAGO"),
    ("402", "YA PAGÓ"),
    ("RECLAMACIÓN", "RECLAMACIÓN DEL CLIENTE"),
    ("SOPORTE", "SOPORTE RESUELTO"),
    ("ESCALADO", "ESCALADO A SEGUNDO NIVEL"),
    ("EQUIVOCADO", "NÚMERO EQUIVOCADO"),
    ("CAIDA", "SE CAE LA LLAMADA"),
    ("VOLVER A LLAMAR", "AGENDAR LLAMADA"),
    ("TIMEOUTACW", "TIMEOUTACW"),
];

impl Centre {
    pub(super) fn new(settings: &Settings) -> Result<Centre, SimulatorError> {
        let Settings { seed, operations, timezone, start, last_skill_opens, traffic, .. } = settings.clone();
        let zone = Zone::named(&timezone)
            .map_err(|cause| SimulatorError::Zone { name: timezone, cause: cause.to_string() })?;
        check(operations, &traffic)?;
        let names = (0..operations).map(|index| Operation { name: name(index, operations) }).collect();
        let skills = (0..traffic.skills).map(|index| skill(index, traffic.dnis_per_skill)).collect();
        let tokens = (0..operations)
            .flat_map(|operation| (0..TOKENS).map(move |number| (operation, number)))
            .map(|(operation, number)| (token(seed, operation, number), (operation, number)))
            .collect();
        Ok(Centre {
            seed,
            zone,
            start,
            last_skill_opens,
            agents: (4 + (traffic.calls_per_day / 150.0) as usize).min(900),
            traffic,
            operations: names,
            skills,
            tokens,
            days: Mutex::default(),
        })
    }

    /// The skills that are open on a day.
    pub(super) fn open_skills(&self, date: civil::Date) -> &[Skill] {
        let closed = usize::from(self.last_skill_opens.is_some_and(|opens| date < opens));
        // The only skill of a centre is never closed.
        self.skills.get(..self.skills.len() - closed).filter(|open| !open.is_empty()).unwrap_or(&self.skills)
    }

    /// The operation and the number of this token.
    pub(super) fn owner(&self, token: &str) -> Option<(usize, usize)> {
        self.tokens.get(token).copied()
    }

    pub(super) fn token(&self, operation: usize, number: usize) -> String {
        token(self.seed, operation, number)
    }

    /// The operation with this name.
    pub(super) fn operation(&self, name: &str) -> Option<usize> {
        self.operations.iter().position(|operation| operation.name == name)
    }

    /// All that happens on a local day of an operation, the future included: callers filter by instant.
    pub(super) fn day(&self, operation: usize, date: civil::Date) -> Arc<Day> {
        let key = (operation, Bucket::day(date).index());
        if let Some(day) = self.days().get(key) {
            return day;
        }
        // Made outside the lock: two askers may make the same day, and both results are equal.
        let day = Arc::new(Day::new(self, operation, date));
        self.days().keep(key, Arc::clone(&day));
        day
    }

    /// Days whose events can carry a label between these dates. Visits and callbacks are dated by their
    /// beginning; what is dated by its end (`by_end`) may belong to a call of an earlier day.
    pub(super) fn days_touching(
        &self,
        operation: usize,
        from: civil::Date,
        to: civil::Date,
        by_end: bool,
    ) -> impl Iterator<Item = Arc<Day>> + '_ {
        let hours = if by_end { i64::from(self.traffic.callback_hours) + 5 } else { 0 };
        let first = from.saturating_sub(SignedDuration::from_hours((hours + 23) / 24 * 24));
        let mut next = Some(first.max(self.start.unwrap_or(first)));
        std::iter::from_fn(move || {
            let date = next.filter(|date| *date <= to)?;
            next = date.tomorrow().ok();
            Some(self.day(operation, date))
        })
    }

    /// Whether a switch that concerns a share of all calls concerns this one.
    pub(super) fn strikes(&self, share: f64, seq: u32, purpose: u64) -> bool {
        share > 0.0 && Dice::of(&[self.seed, purpose, u64::from(seq)]).chance(share)
    }

    pub(super) fn agent_name(&self, agent: u16) -> String {
        const GIVEN: [&str; 8] = ["ANA", "JOSÉ", "LUZ MARÍA", "ANDRÉS", "ÁNGELA", "IVÁN", "SOFÍA", "NÚRIA"];
        const FAMILY: [&str; 7] = ["PEÑA", "GÓMEZ", "RODRÍGUEZ", "MUÑOZ", "DÍAZ", "CASTRO", "ZÚÑIGA"];
        let agent = usize::from(agent);
        format!("{} {}", GIVEN[agent % GIVEN.len()], FAMILY[(agent / GIVEN.len()) % FAMILY.len()])
    }

    /// How many events are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.days().events
    }

    fn days(&self) -> MutexGuard<'_, Days> {
        // A panic while the lock is held leaves a cache that is still a cache.
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Days {
    fn get(&mut self, key: (usize, i32)) -> Option<Arc<Day>> {
        self.uses += 1;
        let uses = self.uses;
        let (used, day) = self.kept.get_mut(&key)?;
        *used = uses;
        Some(Arc::clone(day))
    }

    fn keep(&mut self, key: (usize, i32), day: Arc<Day>) {
        self.uses += 1;
        self.events += day.events();
        if let Some((_, old)) = self.kept.insert(key, (self.uses, day)) {
            self.events -= old.events();
        }
        while self.events > EVENTS_KEPT && self.kept.len() > 3 {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key)
            else {
                return;
            };
            if let Some((_, old)) = self.kept.remove(&oldest) {
                self.events -= old.events();
            }
        }
    }
}

fn check(operations: usize, traffic: &Traffic) -> Result<(), SimulatorError> {
    let numbers = [
        ("calls_per_day", traffic.calls_per_day, 5e6),
        ("outbound_share", traffic.outbound_share, 100.0),
        ("ivr_only_share", traffic.ivr_only_share, 100.0),
        ("callback_share", traffic.callback_share, 1.0),
        ("survey_share", traffic.survey_share, 1.0),
        ("withdrawn_share", traffic.withdrawn_share, 1.0),
        ("uncoded_share", traffic.uncoded_share, 1.0),
        ("mean_wait_seconds", traffic.mean_wait_seconds, 600.0),
    ];
    for (field, value, most) in numbers {
        if !(0.0..=most).contains(&value) {
            return Err(SimulatorError::Setting(field, format!("must lie between 0 and {most}")));
        }
    }
    if traffic.callback_hours > 24 * 30 || traffic.latest_seconds > 86_400 {
        return Err(SimulatorError::Setting(
            "callback_hours, latest_seconds",
            "must be at most 720 hours and 86400 seconds".into(),
        ));
    }
    if !traffic.weekdays.iter().all(|share| (0.0..=100.0).contains(share)) {
        return Err(SimulatorError::Setting("weekdays", "must lie between 0 and 100".into()));
    }
    if let Some(mistake) = traffic.incidents.iter().find_map(Incident::mistake) {
        return Err(SimulatorError::Setting("incidents", mistake.into()));
    }
    let (opens, closes) = traffic.open_hours;
    if opens >= closes || closes > 24 {
        return Err(SimulatorError::Setting("open_hours", "must be two hours of a day in order".into()));
    }
    if !(1..=100_000).contains(&operations) {
        return Err(SimulatorError::Setting("operations", "must lie between 1 and 100000".into()));
    }
    if !(1..=400).contains(&traffic.skills) {
        return Err(SimulatorError::Setting("skills", "must lie between 1 and 400".into()));
    }
    if !(1..=400).contains(&traffic.dnis_per_skill) {
        return Err(SimulatorError::Setting("dnis_per_skill", "must lie between 1 and 400".into()));
    }
    Ok(())
}

fn name(index: usize, operations: usize) -> String {
    if operations == 1 { "demo".into() } else { format!("demo-{:03}", index + 1) }
}

fn skill(index: usize, dnis: usize) -> Skill {
    let id = 101 + index;
    let name = match SKILL_NAMES.get(index) {
        Some(name) => (*name).to_owned(),
        None => format!("{} {}", SKILL_NAMES[index % SKILL_NAMES.len()], 1 + index / SKILL_NAMES.len()),
    };
    let numbers = (0..dnis).map(|number| match number {
        0 => "018000910555".to_owned(),
        1 => format!("6017480{id}"),
        2 => format!("*{id}"),
        _ => format!("604{id}{number:03}"),
    });
    Skill { id: id.to_string(), name, weight: 1.0 / (1.0 + 0.5 * index as f64), dnis: numbers.collect() }
}

fn token(seed: u64, operation: usize, number: usize) -> String {
    let words = [seed, operation as u64, number as u64];
    let (first, second) = (mix(&[1, words[0], words[1], words[2]]), mix(&[2, words[0], words[1], words[2]]));
    // Real tokens come in a hexadecimal and in a padded base64 form.
    format!("simtoken+{first:016x}/{second:016x}==")
}

/// Seconds since 1970 of an instant, rounded down.
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(1000)
}
