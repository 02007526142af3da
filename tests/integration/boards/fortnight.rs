//! Two weeks of a small centre with everything in them that a board must be able to show.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use wolkvox_exporter::simulator::{Call, Incident, Settings, Simulator, Traffic, Truth};
use wolkvox_exporter::time::{SignedDuration, Timestamp, Zone, civil};

use crate::chronicle::{Chronicle, OPERATION};
use crate::tools::Tool;

const ZONE: &str = "America/Bogota";
/// A Monday.
pub(super) const FIRST: civil::Date = civil::date(2026, 4, 6);
/// The Monday two weeks later, of which boards are asked in the afternoon.
pub(super) const LAST: civil::Date = civil::date(2026, 4, 20);
/// Friday of the second week, on which the first skill is bad for most of the day.
pub(super) const BAD: civil::Date = civil::date(2026, 4, 17);
/// Seconds between two samples, which are multiples of it.
pub(super) const EVERY: i64 = 300;
/// Questions are asked between two samples, where all versions of Prometheus find the same ones in a window.
pub(super) const BETWEEN: i64 = EVERY / 2;

/// Skill 103 has a few calls in half an hour, and the second line of 102 opens on a Thursday at noon.
fn settings() -> Settings {
    let at = |day: i8, hour: i8, minute: i8| civil::date(2026, 4, day).at(hour, minute, 0, 0);
    let usual = Incident::default;
    let skill = |id: &str| Some(id.to_owned());
    let incidents = vec![
        Incident { skill: skill("103"), calls: 0.08, ..usual() },
        Incident { dnis: skill("6017480102"), to: at(9, 12, 0), calls: 0.0, ..usual() },
        Incident { skill: skill("101"), from: at(17, 9, 0), to: at(17, 17, 0), wait: 12.0, ..usual() },
        Incident { skill: skill("101"), from: at(20, 13, 30), to: at(20, 14, 20), wait: 8.0, ..usual() },
        Incident { from: at(15, 9, 0), to: at(15, 10, 0), withdrawn: 0.3, ..usual() },
    ];
    let traffic = Traffic {
        calls_per_day: 1400.0,
        skills: 3,
        dnis_per_skill: 2,
        outbound_share: 0.2,
        callback_hours: 3,
        withdrawn_share: 0.0,
        latest_seconds: 1800,
        mean_wait_seconds: 5.0,
        open_hours: (7, 20),
        weekdays: [1.2, 1.1, 1.0, 1.0, 1.1, 0.6, 0.0],
        incidents,
        ..Traffic::default()
    };
    Settings { seed: 5, timezone: ZONE.to_owned(), start: Some(FIRST), traffic, ..Settings::default() }
}

const KEYS: &str = "    currency: COP
    count_from: 2026-04-06
    targets:
      - { skills: [\"101\"], service_level: 80%, within: 20s, abandon: 5% }
      - { skills: [\"102\"], service_level: 70%, within: 10s }
    business_hours:
      - { skills: [\"*\"], days: [mon-sat], hours: \"07:00-20:00\" }
    reports:
      skill_6: { interval: 15m, settle: 3h }
      diagram_3: { interval: 15m, settle: 8h }
      diagram_1_2: { interval: 30m, settle: 3h }
      cdr_1: { interval: 30m, settle: 3h }
      diagram_4: { interval: 30m, settle: 3h }";

/// The share of calls of a skill that may be answered later than 10, 20 or 30 s, as `KEYS` has it.
pub(super) fn budget(skill: &str, within: usize) -> Option<f64> {
    match (skill, within) {
        ("101", 1) => Some(0.2),
        ("102", 0) => Some(0.3),
        _ => None,
    }
}

/// The share of calls of a skill that may be abandoned.
pub(super) fn abandon_budget(skill: &str) -> Option<f64> {
    (skill == "101").then_some(0.05)
}

/// The two weeks once they are over.
pub(super) struct Fortnight {
    pub(super) zone: Zone,
    simulator: Simulator,
    readings: BTreeMap<String, Vec<Timestamp>>,
    /// By the code of the report that shows them, with their local time.
    calls: BTreeMap<&'static str, Vec<(civil::DateTime, Call)>>,
    requests: BTreeMap<i64, BTreeMap<String, u64>>,
    /// When each life of the exporter began.
    pub(super) lives: Vec<Timestamp>,
    /// Windows that were asked for before.
    grown: RefCell<BTreeMap<(String, i64, i64), Queue>>,
    /// Lines of exposition that were stored.
    pub(super) samples: usize,
}

/// Lives through the two weeks and leaves their blocks in `storage`.
pub(super) fn live(promtool: Tool, storage: &Path) -> Fortnight {
    let at = |day: i8, hour: i8, minute: i8| civil::date(2026, 4, day).at(hour, minute, 0, 0);
    let begins = FIRST.yesterday().unwrap().at(22, 0, 0, 0);
    let mut week = Chronicle::new(settings(), begins, KEYS, promtool, storage);
    // Two hours in which every report fails: twice as many of the longest interval as make a report stale.
    week.run_to(at(14, 11, 0), EVERY);
    week.control(&json!({ "faults": [{ "status": 500 }] }));
    week.run_to(at(14, 13, 0), EVERY);
    week.control(&json!({ "faults": [] }));
    // The exporter is away for a while.
    week.run_to(at(18, 10, 0), EVERY);
    week.stop();
    week.run_to(at(18, 10, 20), EVERY);
    week.start();
    // What is drawn of the last day is read as often as it is by default.
    week.run_to(at(20, 2, 0), EVERY);
    week.stop();
    let often =
        ["skill_6", "diagram_3", "diagram_1_2", "cdr_1"].iter().fold(KEYS.to_owned(), |keys, report| {
            let longer = ["15m", "30m"].map(|interval| format!("{report}: {{ interval: {interval},"));
            longer
                .iter()
                .fold(keys, |keys, longer| keys.replace(longer, &format!("{report}: {{ interval: 5m,")))
        });
    week.configure(&often.replace("diagram_4: { interval: 30m", "diagram_4: { interval: 15m"));
    week.start();
    // The last day: a restart, a report that fails twice, another that holds words for numbers, and totals as rows.
    week.run_to(at(20, 11, 2), EVERY);
    week.stop();
    week.start();
    week.run_to(at(20, 12, 30), EVERY);
    let unreadable = "{\"code\":\"200\",\"error\":null,\"msg\":\"1 records were found\",\"data\":[{\"date\":\
         \"2026-04-20 - 12\",\"calls\":\"many\",\"ivr_minutes\":\"some\"}]}";
    week.control(&json!({ "total_row": "total", "faults": [
        { "report": "cdr_1", "status": 500, "times": 2 },
        { "report": "diagram_1_2", "body": unreadable, "times": 1 },
    ] }));
    week.run_to(at(20, 15, 0), EVERY);
    let samples = week.finish();
    let (from, to) = (FIRST.at(0, 0, 0, 0), LAST.at(23, 59, 59, 0));
    let mut calls: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for call in week.simulator.calls(OPERATION, None, from, to).unwrap() {
        let at: civil::DateTime = call.date.replace(' ', "T").parse().unwrap();
        calls.entry(call.report).or_default().push((at, call));
    }
    let readings = std::mem::take(&mut week.readings);
    let readings = readings.into_iter().map(|(key, at)| (key, at.into_iter().collect())).collect();
    Fortnight {
        zone: week.zone.clone(),
        simulator: week.simulator.clone(),
        readings,
        calls,
        requests: std::mem::take(&mut week.requests),
        lives: std::mem::take(&mut week.lives),
        grown: RefCell::default(),
        samples,
    }
}

/// What has become of calls in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) inbound: i64,
    pub(super) answered: i64,
    pub(super) abandoned: i64,
    pub(super) within: [i64; 3],
    pub(super) answer_ms: i64,
    pub(super) abandon_ms: i64,
}

impl Queue {
    /// Both together.
    pub(super) fn plus(self, other: Queue) -> Queue {
        Queue {
            inbound: self.inbound + other.inbound,
            answered: self.answered + other.answered,
            abandoned: self.abandoned + other.abandoned,
            within: [0, 1, 2].map(|nth| self.within[nth] + other.within[nth]),
            answer_ms: self.answer_ms + other.answer_ms,
            abandon_ms: self.abandon_ms + other.abandon_ms,
        }
    }

    /// What this has more.
    pub(super) fn minus(self, other: Queue) -> Queue {
        Queue {
            inbound: self.inbound - other.inbound,
            answered: self.answered - other.answered,
            abandoned: self.abandoned - other.abandoned,
            within: [0, 1, 2].map(|nth| self.within[nth] - other.within[nth]),
            answer_ms: self.answer_ms - other.answer_ms,
            abandon_ms: self.abandon_ms - other.abandon_ms,
        }
    }
}

impl Fortnight {
    /// The instant between samples that boards are asked of, on the afternoon of the last day.
    pub(super) fn now(&self) -> i64 {
        self.instant(LAST, 15)
    }

    /// An hour of a day, and half of the way to the next sample.
    pub(super) fn instant(&self, date: civil::Date, hour: i8) -> i64 {
        self.zone.instant(date.at(hour, 0, 0, 0)).as_second() + BETWEEN
    }

    /// When a skill or report was last read by an instant: what counters show then is what could be seen at that reading.
    pub(super) fn read(&self, of: &str, by: i64) -> Timestamp {
        let readings = &self.readings[of];
        let next = readings.partition_point(|reading| reading.as_second() <= by);
        next.checked_sub(1).map_or(Timestamp::MIN, |last| readings[last])
    }

    /// Events that a reading of their report could see, with their local time.
    pub(super) fn seen(
        &self,
        report: &str,
        read: Timestamp,
    ) -> impl Iterator<Item = &(civil::DateTime, Call)> {
        self.calls[report].iter().filter(move |(_, call)| {
            call.visible.is_some_and(|visible| visible <= read)
                && call.withdrawn.is_none_or(|withdrawn| withdrawn > read)
        })
    }

    /// Calls in the queue of a skill, on all lines or on one, since a local time that a reading could see.
    fn queue(
        &self,
        skill: &str,
        dnis: Option<&str>,
        from: Option<civil::DateTime>,
        read: Timestamp,
    ) -> Queue {
        let mut queue = Queue::default();
        for (at, call) in self.seen("skill_6", read) {
            if call.skill_id != skill
                || dnis.is_some_and(|dnis| call.dnis != dnis)
                || from.is_some_and(|from| *at < from)
            {
                continue;
            }
            queue.inbound += 1;
            if call.what == "answered" {
                queue.answered += 1;
                queue.answer_ms += call.ms;
                for (count, seconds) in queue.within.iter_mut().zip([10, 20, 30]) {
                    *count += i64::from(call.ms <= seconds * 1000);
                }
            } else {
                queue.abandoned += 1;
                queue.abandon_ms += call.ms;
            }
        }
        queue
    }

    /// When the rules last looked at the windows of skills: they do so for ten minutes after a reading.
    fn looked(&self, to: i64) -> i64 {
        let mut evaluations = (0..).map(|back| to - back * EVERY);
        let read = |at: i64| self.skills().iter().map(|skill| self.read(skill, at - BETWEEN)).min().unwrap();
        evaluations.find(|at| at - read(*at).as_second() < 600).unwrap()
    }

    /// What the recorded windows of a skill hold at an instant: what its counters grew by between the first and the last
    /// sample of the window when the rules last looked.
    pub(super) fn growth(&self, skill: &str, to: i64, window: i64) -> Queue {
        let key = (skill.to_owned(), to, window);
        if let Some(known) = self.grown.borrow().get(&key) {
            return *known;
        }
        let grown = self.grown(skill, None, self.looked(to), window);
        self.grown.borrow_mut().insert(key, grown);
        grown
    }

    /// The same in a window that ends now, of all lines or of one.
    pub(super) fn grown(&self, skill: &str, dnis: Option<&str>, to: i64, window: i64) -> Queue {
        let [first, last] =
            self.ends(to, window).map(|at| self.queue(skill, dnis, None, self.read(skill, at)));
        last.minus(first)
    }

    /// The first and the last sample of a window that ends between two samples.
    pub(super) fn ends(&self, to: i64, window: i64) -> [i64; 2] {
        // The last one is half a step before, the first one half a step within.
        [to - window + BETWEEN, to - BETWEEN]
    }

    /// The calls of the local day of an instant, as last read by then.
    pub(super) fn today(&self, skill: &str, dnis: Option<&str>, at: i64) -> Queue {
        self.queue(skill, dnis, Some(self.midnight(at)), self.read(skill, at))
    }

    /// A minute of a day, and half of the way to the next sample.
    pub(super) fn moment(&self, day: i8, hour: i8, minute: i8) -> i64 {
        self.instant(civil::date(2026, 4, day), hour) + 60 * i64::from(minute)
    }

    /// The night after the bad day, when everything of that day has been read.
    pub(super) fn night(&self) -> i64 {
        self.moment(18, 3, 0)
    }

    /// When the local day of an instant began.
    pub(super) fn midnight(&self, at: i64) -> civil::DateTime {
        self.zone.civil(Timestamp::from_second(at).unwrap()).date().at(0, 0, 0, 0)
    }

    /// When customers called who were promised a callback on a day, and had none by a reading.
    pub(super) fn promised(
        &self,
        skill: Option<&str>,
        date: civil::Date,
        read: Timestamp,
    ) -> Vec<civil::DateTime> {
        let waits = |(at, call): &&(civil::DateTime, Call)| {
            at.date() == date
                && skill.is_none_or(|skill| call.skill_id == skill)
                && call.decided.is_none_or(|decided| decided > read)
        };
        self.seen("diagram_3", read).filter(waits).map(|(at, _)| *at).collect()
    }

    /// Requests that the centre had received by the last sample before an instant, by the code of what was asked for.
    pub(super) fn requests(&self, by: i64) -> BTreeMap<String, u64> {
        self.requests.range(..=by).next_back().map(|(_, requests)| requests.clone()).unwrap_or_default()
    }

    /// The settled truth of whole days, both included.
    pub(super) fn truth(&self, from: civil::Date, to: civil::Date) -> Truth {
        let last = to.at(0, 0, 0, 0).saturating_add(SignedDuration::from_secs(86_399));
        self.simulator.truth(OPERATION, from.at(0, 0, 0, 0), last).unwrap()
    }

    pub(super) fn skills(&self) -> Vec<String> {
        self.simulator.skills().map(|(id, _)| id.to_owned()).collect()
    }

    /// Their names by identifier.
    pub(super) fn names(&self) -> BTreeMap<String, String> {
        self.simulator.skills().map(|(id, name)| (id.to_owned(), name.to_owned())).collect()
    }

    /// The numbers that a skill is called by.
    pub(super) fn lines(&self, skill: &str) -> Vec<String> {
        self.simulator.dnis(skill).to_vec()
    }
}
