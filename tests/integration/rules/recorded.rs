//! Every recorded series, compared with what the scrapes say when they are counted by hand.
//!
//! Rates differ from one stretch of the day to the next, so that a wrong window shows. Samples are seven minutes apart and
//! none lies on the edge of a window, where versions of Prometheus differ.
//!
//! All is told twice: of an operation that is being read, and of one whose last reading is a quarter of an hour old and whose
//! exporter does not answer. There everything stands as it was seen at the evaluation before.

use std::fmt::Write as _;

use wolkvox_exporter::dashboards::Options;
use wolkvox_exporter::dashboards::recording::{
    ANSWERED_WITHIN, ANSWERS_SATISFIED, ANSWERS_SCALED, CALLBACKS_MADE, CALLBACKS_REACHED, CALLBACKS_SOON,
    CALLBACKS_TRIED, IVR_MEAN, IVR_PASSED, LINE, OPERATION, QUESTION, SKILL, Share, WITHIN, age, age_seconds,
    counted, inbound, moved, names, open, read_name, revised, times_usual, week_ago,
};
use wolkvox_exporter::dashboards::words::{Part, Window, base, recorded, series};
use wolkvox_exporter::metrics::{Family, catalogue};

use super::files::begin;

/// Minutes between samples.
const STEP: usize = 7;
/// Minutes between evaluations: more than an hour, and less than what is read stands.
pub(super) const EVERY: usize = 185;
/// When it is all looked at, in minutes.
const AT: usize = 9 * EVERY;
/// The evaluation before.
const BEFORE: usize = AT - EVERY;
/// The same after two weeks.
const LATER: usize = 114 * EVERY;
/// Where the rates change, in minutes before that.
const EDGES: [usize; 5] = [15, 30, 60, 240, 1440];

/// What a recorded series must be.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// The recorded name.
    pub(super) name: String,
    labels: String,
    scale: f64,
    value: Option<f64>,
    at: usize,
}

impl Told {
    /// As an expectation about the series of this name.
    pub(super) fn write(&self, out: &mut String, name: &str) {
        let Told { labels, scale, value, at, .. } = self;
        let samples = value.map_or_else(String::new, |value| {
            format!("{{ labels: '{{{labels}}}', value: {} }}", (scale * value).round())
        });
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  - expr: 'round({scale} * {name}{{{labels}}})'\n    eval_time: {at}m\n    exp_samples: [{samples}]"
        );
    }
}

/// A counter whose growth per sample depends on how long ago it was, newest first.
struct Counter {
    series: String,
    rates: [f64; 6],
}

impl Counter {
    fn rate(&self, minute: usize) -> f64 {
        let age = AT - minute;
        self.rates[EDGES.iter().position(|edge| age < *edge).unwrap_or(EDGES.len())]
    }

    fn values(&self) -> String {
        let mut value = 1000.0;
        let mut text = String::from("1000");
        for minute in (STEP..=AT).step_by(STEP) {
            value += self.rate(minute);
            let _ = write!(text, " _x{} {value}", STEP - 1);
        }
        text
    }

    /// The growth between the first and the last sample of the window, stretched to all of it.
    fn increase(&self, window: Window, at: usize) -> f64 {
        let length = window.duration().as_secs() as usize / 60;
        let inside: Vec<_> = (0..=at).step_by(STEP).filter(|minute| minute + length > at).collect();
        let (first, last) = (inside[0], inside[inside.len() - 1]);
        let grown: f64 = inside.iter().skip(1).map(|minute| self.rate(*minute)).sum();
        grown * length as f64 / (last - first) as f64
    }
}

#[derive(Default)]
struct World {
    counters: Vec<Counter>,
    /// Series of one value, and the minute of their last sample.
    constant: Vec<(String, f64, usize)>,
    told: Vec<Told>,
    /// Whether what is told is of the operation that is not read, and stands.
    stands: bool,
}

impl World {
    fn count(&mut self, family: &Family, part: Part, labels: &str, rates: [f64; 6]) -> usize {
        self.counters.push(Counter { series: named(family, part, labels), rates });
        self.counters.len() - 1
    }

    fn stay(&mut self, family: &Family, labels: &str, value: f64) {
        let (labels, until) = if self.stands {
            (format!("instance=\"gone\",{labels}"), BEFORE)
        } else {
            (format!("instance=\"here\",{labels}"), AT)
        };
        self.constant.push((named(family, Part::Value, &labels), value, until));
    }

    /// A report was read with success so many seconds ago.
    fn read(&mut self, operation: &str, report: &str, seconds: f64) {
        let labels = format!("operation=\"{operation}\",report=\"{report}\"");
        self.stay(&catalogue::LAST_SUCCESS, &labels, (AT * 60) as f64 - seconds);
    }

    /// The same of everything.
    fn read_all(&mut self, operation: &str) {
        let seconds = if self.stands { 900.0 } else { 450.0 };
        for report in ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"] {
            self.read(operation, report, seconds);
        }
    }

    /// What stands from one reading to the next, and was seen now or not.
    fn hold(&mut self, name: String, labels: &str, scale: f64, value: f64) {
        let seen = (!self.stands).then_some(value);
        self.tell(read_name(&name), labels, scale, seen);
        self.tell(name, labels, scale, value);
    }

    fn tell(&mut self, name: String, labels: &str, scale: f64, value: impl Into<Option<f64>>) {
        self.told.push(Told { name, labels: labels.to_owned(), scale, value: value.into(), at: AT });
    }

    fn sum(&self, counters: &[usize], window: Window) -> f64 {
        let at = if self.stands { BEFORE } else { AT };
        counters.iter().map(|counter| self.counters[*counter].increase(window, at)).sum()
    }
}

fn named(family: &Family, part: Part, labels: &str) -> String {
    format!("{}{{job=\"wolkvox\",{labels}}}", series(family, part))
}

const FLAT: [f64; 6] = [0.0; 6];

/// A skill with two lines; the second is stored as Prometheus 3 spells bounds.
struct Skill {
    inbound: Vec<usize>,
    answered: Vec<usize>,
    abandoned: Vec<usize>,
    within: [Vec<usize>; 3],
    waited: [Vec<usize>; 2],
    gave_up: [Vec<usize>; 2],
}

fn skill(world: &mut World, labels: &str, excess: f64) -> Skill {
    let mut made = Skill {
        inbound: vec![],
        answered: vec![],
        abandoned: vec![],
        within: Default::default(),
        waited: Default::default(),
        gave_up: Default::default(),
    };
    for (dnis, spelling, part) in [("601", "", 1.0), ("018000", ".0", 0.5)] {
        let labels = format!("{labels},dnis=\"{dnis}\"");
        let by = |rates: [f64; 6], times: f64| rates.map(|rate| rate * part * times);
        made.inbound.push(world.count(
            &catalogue::INBOUND_CALLS,
            Part::Value,
            &labels,
            by([12.0, 9.0, 7.0, 5.0, 3.0, 2.0], 1.0),
        ));
        made.answered.push(world.count(
            &catalogue::ANSWERED_CALLS,
            Part::Value,
            &labels,
            by([9.5, 7.0, 6.0, 4.0, 2.5, 1.0], 1.0),
        ));
        made.abandoned.push(world.count(
            &catalogue::ABANDONED_CALLS,
            Part::Value,
            &labels,
            by([2.5, 2.0, 1.0, 1.0, 0.5, 1.0], 3.0 * excess - 2.0),
        ));
        let bounds = [
            ("10", [4.0, 4.0, 2.0, 1.0, 1.0, 0.5]),
            ("20", [8.0, 5.0, 5.0, 3.0, 2.0, 0.5]),
            ("30", [9.0, 6.0, 5.5, 3.0, 2.25, 1.0]),
        ];
        for (within, (le, rates)) in made.within.iter_mut().zip(bounds) {
            let labels = format!("{labels},le=\"{le}{spelling}\"");
            within.push(world.count(&catalogue::ANSWER_WAIT, Part::Bucket, &labels, by(rates, excess)));
        }
        for (family, made, seconds) in [
            (&catalogue::ANSWER_WAIT, &mut made.waited, [90.0, 80.0, 120.0, 30.0, 45.0, 9.0]),
            (&catalogue::ABANDON_WAIT, &mut made.gave_up, [190.0, 50.0, 60.0, 90.0, 25.0, 9.0]),
        ] {
            made[0].push(world.count(family, Part::Sum, &labels, by(seconds, 1.0)));
            made[1].push(world.count(family, Part::Count, &labels, by([9.5, 7.0, 6.0, 4.0, 2.5, 1.0], 1.0)));
        }
    }
    made
}

fn today() -> World {
    let mut world = World::default();
    for instance in ["here", "gone"] {
        let up = f64::from(instance == "here");
        world.constant.push((format!("up{{job=\"wolkvox\",instance=\"{instance}\"}}"), up, AT));
    }
    centre(&mut world, "acme");
    world.stands = true;
    centre(&mut world, "late");
    world.stands = false;
    // Its exporter answers, and shows these no more.
    let dropped = "operation=\"dropped\",skill_id=\"101\"";
    for (family, labels) in [
        (&catalogue::SERVICE_LEVEL_TARGET, &*format!("{dropped},within=\"20s\"")),
        (&catalogue::ABANDON_TARGET, dropped),
        (&catalogue::BUSINESS_OPEN, dropped),
        (&catalogue::LAST_SUCCESS, "operation=\"dropped\",report=\"skill_6\""),
        (&catalogue::REPORT_INTERVAL, "operation=\"dropped\",report=\"skill_6\""),
    ] {
        let labels = format!("instance=\"here\",{labels}");
        world.constant.push((named(family, Part::Value, &labels), 1.0, BEFORE));
    }
    world.tell(Share::ServiceLevel.budget(), &format!("{dropped},within=\"20s\""), 1.0, None);
    world.tell(Share::Abandon.budget(), dropped, 1.0, None);
    world.tell(open(), dropped, 1.0, None);
    let report = "operation=\"dropped\",report=\"skill_6\"";
    world.tell(age_seconds(), report, 1.0, None);
    world.stay(&catalogue::LAST_SUCCESS, "operation=\"unplanned\",report=\"skill_6\"", 60.0);
    world.constant.push((
        named(
            &catalogue::REPORT_INTERVAL,
            Part::Value,
            "instance=\"here\",operation=\"unplanned\",report=\"skill_6\"",
        ),
        300.0,
        BEFORE,
    ));
    world.tell(age(), "operation=\"unplanned\",report=\"skill_6\"", 1.0, None);
    // One of two exporters is gone: what it last said of opening hours is not held against the other.
    let pair = "operation=\"pair\",skill_id=\"101\"";
    for (instance, open, until) in [("gone", 1.0, BEFORE), ("here", 0.0, AT)] {
        let labels = format!("instance=\"{instance}\",{pair}");
        world.constant.push((named(&catalogue::BUSINESS_OPEN, Part::Value, &labels), open, until));
    }
    let reads = named(&catalogue::UP, Part::Value, "instance=\"here\",operation=\"pair\"");
    world.constant.push((reads, 1.0, AT));
    world.tell(open(), pair, 1.0, 0.0);
    revisions(&mut world);
    // A process that started anew counts on from there.
    let anew = "operation=\"anew\",skill_id=\"101\",dnis=\"601\"";
    world.constant.push((named(&catalogue::INBOUND_CALLS, Part::Value, anew), f64::NAN, AT));
    world.read_all("anew");
    world.tell(inbound(Window::H1), "operation=\"anew\",skill_id=\"101\"", 1.0, 3.0 * 60.0 / STEP as f64);
    // Two exporters read the same: their calls are not twice as many.
    world.read_all("twice");
    let twice = "operation=\"twice\",skill_id=\"101\",dnis=\"601\"";
    let calls = ["one", "two"].map(|instance| {
        let labels = format!("instance=\"{instance}\",{twice}");
        world.count(&catalogue::INBOUND_CALLS, Part::Value, &labels, [12.0, 9.0, 7.0, 5.0, 3.0, 2.0])
    });
    let other = twice.replace("601", "602");
    let other = world.count(&catalogue::INBOUND_CALLS, Part::Value, &other, [2.0; 6]);
    for window in Window::RECORDED {
        let value = world.sum(&[calls[0], other], window);
        world.tell(inbound(window), "operation=\"twice\",skill_id=\"101\"", 1.0, value);
    }
    world
}

/// Everything about one operation.
fn centre(world: &mut World, operation: &str) {
    let acme = &*format!("operation=\"{operation}\",skill_id=\"101\"");
    let made = skill(world, acme, 1.0);
    world.read_all(operation);
    world.stay(&catalogue::SERVICE_LEVEL_TARGET, &format!("{acme},within=\"20s\""), 0.8);
    world.stay(&catalogue::SERVICE_LEVEL_TARGET, &format!("{acme},within=\"30s\""), 1.0);
    world.stay(&catalogue::ABANDON_TARGET, acme, 0.05);
    world.stay(&catalogue::BUSINESS_OPEN, acme, 0.0);
    // No hours are configured for this one, and abandonment is not allowed at all.
    let other = &*format!("operation=\"{operation}\",skill_id=\"102\"");
    let _ = skill(world, other, 1.0);
    world.stay(&catalogue::ABANDON_TARGET, other, 0.0);
    world.tell(open(), acme, 1000.0, 0.0);
    world.tell(open(), other, 1000.0, 1.0);
    if !world.stands {
        skill_names(world, acme, other);
    }
    let within = |seconds: &str| format!("{acme},within=\"{seconds}\"");
    let budgets = [(Share::ServiceLevel, within("20s"), 0.2), (Share::Abandon, acme.to_owned(), 0.05)];
    for (share, labels, budget) in &budgets {
        world.tell(share.budget(), labels, 1000.0, *budget);
        world.tell(share.ceiling(), labels, 1000.0, (1.0 + budget) / (2.0 * budget));
    }
    world.tell(Share::ServiceLevel.budget(), &within("30s"), 1000.0, 0.01);
    world.tell(Share::Abandon.budget(), other, 1000.0, 0.01);

    for window in Window::RECORDED {
        let calls = world.sum(&made.inbound, window);
        world.hold(inbound(window), acme, 1.0, calls);
        for (family, counters) in
            [(&catalogue::ANSWERED_CALLS, &made.answered), (&catalogue::ABANDONED_CALLS, &made.abandoned)]
        {
            let value = world.sum(counters, window);
            world.hold(counted(SKILL, base(family), window), acme, 1.0, value);
        }
        for (seconds, counters) in ["10s", "20s", "30s"].iter().zip(&made.within) {
            let value = world.sum(counters, window);
            world.hold(counted(WITHIN, ANSWERED_WITHIN, window), &within(seconds), 1.0, value);
            world.tell(Share::ServiceLevel.ratio(window), &within(seconds), 1000.0, value / calls);
        }
        world.tell(Share::Abandon.ratio(window), acme, 1000.0, world.sum(&made.abandoned, window) / calls);
        let bad =
            [1.0 - world.sum(&made.within[1], window) / calls, world.sum(&made.abandoned, window) / calls];
        for ((share, labels, budget), bad) in budgets.iter().zip(bad) {
            world.tell(share.burn(window), labels, 1000.0, bad / budget);
            let z = (bad - budget) * calls.sqrt() / (budget * (1.0 - budget)).sqrt();
            world.tell(share.significance(window), labels, 1000.0, z);
        }
        if world.stands {
            continue;
        }
        for (metric, waits) in [("wolkvox_asa_seconds", &made.waited), ("wolkvox_ata_seconds", &made.gave_up)]
        {
            let name = recorded(SKILL, metric, &format!("mean{}", window.as_str()));
            let value = world.sum(&waits[0], window) / world.sum(&waits[1], window);
            world.tell(name, acme, 1000.0, value);
        }
    }
    // The revisions of one report say nothing of the others.
    let of_report = format!("operation=\"{operation}\",report=\"cdr_1\"");
    let down = format!("{of_report},direction=\"down\"");
    let down = world.count(&catalogue::REPORT_REVISIONS, Part::Value, &down, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    for window in Window::RECORDED {
        let value = world.sum(&[down], window);
        world.hold(revised(window), &of_report, 1.0, value);
    }
    others(world, &made, operation);
}

/// One name a skill, though two are remembered; the identifier, where none is known or only call detail knows the skill.
fn skill_names(world: &mut World, acme: &str, other: &str) {
    let detail = "operation=\"acme\",skill_id=\"109\"";
    world.stay(&catalogue::SKILL_INFO, &format!("{acme},skill_name=\"SALES\""), 1.0);
    world.stay(&catalogue::SKILL_INFO, &format!("{acme},skill_name=\"FORMER\""), 0.5);
    world.stay(&catalogue::CDR_CALLS, detail, 7.0);
    for (labels, name, value) in [
        (acme, "SALES", Some(1.0)),
        (acme, "FORMER", None),
        (acme, "101", None),
        (other, "102", Some(1.0)),
        (detail, "109", Some(1.0)),
    ] {
        world.tell(names(), &format!("{labels},skill_name=\"{name}\""), 1000.0, value);
    }
}

/// Counts that were revised down, and counters that were shown too high.
fn revisions(world: &mut World) {
    // Bad counts are three times what they may be: more is answered and abandoned than came.
    let capped = "operation=\"capped\",skill_id=\"101\"";
    let _ = skill(world, capped, 3.0);
    world.read_all("capped");
    for window in Window::RECORDED {
        world.tell(Share::ServiceLevel.ratio(window), &format!("{capped},within=\"30s\""), 1000.0, 1.0);
        world.tell(Share::Abandon.ratio(window), capped, 1000.0, 1.0);
    }
    for (operation, report, rates) in [
        ("now", "skill_6", [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ("half", "skill_6", [0.0, 2.0, 0.0, 0.0, 0.0, 0.0]),
        ("hour", "skill_6", [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]),
        ("shift", "skill_6", [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]),
        ("day", "skill_6", [0.0, 0.0, 0.0, 0.0, 2.0, 0.0]),
        ("ivr", "diagram_1_2", [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]),
        ("ivr-day", "diagram_1_2", [0.0, 0.0, 0.0, 0.0, 2.0, 0.0]),
        ("cdr", "cdr_1", [2.0, 2.0, 2.0, 2.0, 2.0, 0.0]),
    ] {
        let skill_labels = format!("operation=\"{operation}\",skill_id=\"101\"");
        let made = skill(world, &skill_labels, 1.0);
        world.read_all(operation);
        let of_report = format!("operation=\"{operation}\",report=\"{report}\"");
        let down = format!("{of_report},direction=\"down\"");
        let down = world.count(&catalogue::REPORT_REVISIONS, Part::Value, &down, rates);
        let up = format!("{of_report},direction=\"up\"");
        world.count(&catalogue::REPORT_REVISIONS, Part::Value, &up, [3.0; 6]);
        let ivr = format!("operation=\"{operation}\"");
        let calls = world.count(&catalogue::IVR_CALLS, Part::Value, &ivr, [40.0; 6]);
        let seconds = world.count(&catalogue::IVR_SECONDS, Part::Value, &ivr, [80.0; 6]);
        for window in Window::RECORDED {
            let revisions = world.sum(&[down], window);
            world.tell(revised(window), &of_report, 1.0, revisions);
            let inbound = world.sum(&made.inbound, window);
            let shown = |value: f64| (report != "skill_6" || revisions == 0.0).then_some(value);
            let (within, abandoned) =
                (world.sum(&made.within[2], window), world.sum(&made.abandoned, window));
            let level = shown(within / inbound);
            world.tell(
                Share::ServiceLevel.ratio(window),
                &format!("{skill_labels},within=\"30s\""),
                1000.0,
                level,
            );
            world.tell(Share::Abandon.ratio(window), &skill_labels, 1000.0, shown(abandoned / inbound));
            for (metric, waits) in
                [("wolkvox_asa_seconds", &made.waited), ("wolkvox_ata_seconds", &made.gave_up)]
            {
                let name = recorded(SKILL, metric, &format!("mean{}", window.as_str()));
                let value = world.sum(&waits[0], window) / world.sum(&waits[1], window);
                world.tell(name, &skill_labels, 1000.0, shown(value));
            }
        }
        let fine = |ours: &[&str]| !ours.contains(&report) || world.sum(&[down], Window::H4) == 0.0;
        let passed = fine(&["skill_6", "diagram_1_2"])
            .then(|| world.sum(&made.inbound, Window::H4) / world.sum(&[calls], Window::H4));
        let mean = fine(&["diagram_1_2"])
            .then(|| world.sum(&[seconds], Window::H4) / world.sum(&[calls], Window::H4));
        world.tell(recorded(OPERATION, IVR_PASSED, "ratio4h"), &ivr, 1000.0, passed);
        world.tell(recorded(OPERATION, IVR_MEAN, "mean4h"), &ivr, 1000.0, mean);
    }
}

/// Callbacks, IVR, cost, surveys, lines, and the age of the data.
fn others(world: &mut World, made: &Skill, operation: &str) {
    let of = &*format!("operation=\"{operation}\"");
    let skill = &*format!("{of},skill_id=\"101\"");
    let told = |world: &mut World, by, metric: &str, labels: &str, counters: &[usize], window| {
        let value = world.sum(counters, window);
        world.hold(counted(by, metric, window), labels, 1.0, value);
    };
    let rates = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0];
    let mut outcomes = Vec::new();
    for (at, outcome) in ["ok", "fail", "no_user", "no", "stop_new", "unknown"].iter().enumerate() {
        let labels = format!("{skill},outcome=\"{outcome}\"");
        let rates = rates.map(|rate| rate + at as f64);
        outcomes.push(world.count(&catalogue::CALLBACK_OUTCOMES, Part::Value, &labels, rates));
    }
    told(world, SKILL, CALLBACKS_REACHED, skill, &outcomes[..1], Window::H4);
    told(world, SKILL, CALLBACKS_TRIED, skill, &outcomes[..3], Window::H4);
    for (le, by) in [("600", 0.25), ("1800.0", 0.5), ("3600", 0.75)] {
        let labels = format!("{skill},le=\"{le}\"");
        let counter =
            world.count(&catalogue::CALLBACK_WAIT, Part::Bucket, &labels, rates.map(|rate| rate * by));
        if le == "1800.0" {
            told(world, SKILL, CALLBACKS_SOON, skill, &[counter], Window::H4);
        }
    }
    let made_at_all = world.count(&catalogue::CALLBACK_WAIT, Part::Count, skill, rates);
    told(world, SKILL, CALLBACKS_MADE, skill, &[made_at_all], Window::H4);
    let calls = world.count(&catalogue::IVR_CALLS, Part::Value, of, rates.map(|rate| rate * 3.0));
    told(world, OPERATION, base(&catalogue::IVR_CALLS), of, &[calls], Window::H4);
    let seconds = world.count(&catalogue::IVR_SECONDS, Part::Value, of, rates.map(|rate| rate * rate * 9.0));
    told(world, OPERATION, base(&catalogue::IVR_SECONDS), of, &[seconds], Window::H4);
    // Both skills of the operation have the same calls.
    let offered = [made.inbound.clone(), made.inbound.clone()].concat();
    told(world, OPERATION, base(&catalogue::INBOUND_CALLS), of, &offered, Window::H4);
    let (offered, entered) = (world.sum(&offered, Window::H4), world.sum(&[calls], Window::H4));
    world.tell(recorded(OPERATION, IVR_PASSED, "ratio4h"), of, 1000.0, offered / entered);
    let mean = world.sum(&[seconds], Window::H4) / entered;
    world.tell(recorded(OPERATION, IVR_MEAN, "mean4h"), of, 1000.0, mean);
    for (family, times) in [(&catalogue::CDR_COST, 100.0), (&catalogue::CDR_CALLS, 2.0)] {
        let counters: Vec<_> = ["a", "b"]
            .iter()
            .map(|campaign| {
                let labels = format!("{skill},interaction=\"inbound\",campaign_id=\"{campaign}\"");
                world.count(family, Part::Value, &labels, rates.map(|rate| rate * times))
            })
            .collect();
        told(world, SKILL, base(family), skill, &counters, Window::H1);
    }
    let question = format!("{skill},question=\"q01\"");
    let mut answers = Vec::new();
    for (at, answer) in ["5", "4", "3", "2", "1"].iter().enumerate() {
        let labels = format!("{question},answer=\"{answer}\"");
        let rates = rates.map(|rate| rate + at as f64);
        answers.push(world.count(&catalogue::SURVEY_ANSWERS, Part::Value, &labels, rates));
    }
    // Long before the day somebody typed something else.
    if !world.stands {
        let typo = format!("{question},answer=\"6\"");
        world.count(&catalogue::SURVEY_ANSWERS, Part::Value, &typo, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }
    told(world, QUESTION, ANSWERS_SATISFIED, &question, &answers[..2], Window::D1);
    told(world, QUESTION, ANSWERS_SCALED, &question, &answers, Window::D1);
    // Early in the day somebody answered on another scale.
    for (number, other) in ["0", "6", "10", "other"].iter().enumerate() {
        let question = format!("{skill},question=\"q1{number}\"");
        let early = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
        let counters = [("4", rates), (other, early)].map(|(answer, rates)| {
            let labels = format!("{question},answer=\"{answer}\"");
            world.count(&catalogue::SURVEY_ANSWERS, Part::Value, &labels, rates)
        });
        let seen = (!world.stands).then(|| world.sum(&counters[..1], Window::D1));
        for metric in [ANSWERS_SATISFIED, ANSWERS_SCALED] {
            let name = counted(QUESTION, metric, Window::D1);
            world.tell(read_name(&name), &question, 1.0, seen);
            // What was seen before the first such answer does not stand in for it.
            world.tell(name, &question, 1.0, None);
        }
    }
    let line = format!("{skill},dnis=\"601\"");
    told(world, LINE, base(&catalogue::INBOUND_CALLS), &line, &made.inbound[..1], Window::H1);
    // The vendor's figure of one line grows from sample to sample, that of the other stands.
    world.count(&catalogue::TODAY_INBOUND_CALLS, Part::Value, &line, rates);
    let dead = format!("{skill},dnis=\"018000\"");
    world.count(&catalogue::TODAY_INBOUND_CALLS, Part::Value, &dead, FLAT);
    let at = if world.stands { BEFORE } else { AT };
    let samples = (0..=at).step_by(STEP).filter(|minute| minute + 60 > at).count();
    for (by, labels, changes) in [(SKILL, skill, samples - 1), (LINE, &line, samples - 1), (LINE, &dead, 0)] {
        world.hold(moved(by), labels, 1.0, changes as f64);
    }
    let report = format!("{of},report=\"skill_6\"");
    world.stay(&catalogue::REPORT_INTERVAL, &report, 300.0);
    let seconds = if world.stands { 900.0 } else { 450.0 };
    world.tell(age_seconds(), &report, 1.0, seconds);
    world.tell(age(), &report, 1000.0, seconds / 300.0);
    let down = format!("{report},direction=\"down\"");
    world.count(&catalogue::REPORT_REVISIONS, Part::Value, &down, FLAT);
}

/// What is compared with other weeks: a recorded series, two weeks ago, a week ago and now.
struct Weekly {
    input: String,
    labels: String,
    values: [Option<f64>; 3],
    /// What is recorded of it, how it is rounded, and its value.
    told: (String, f64, Option<f64>),
}

fn weekly() -> Vec<Weekly> {
    let mut all = Vec::new();
    let mut of = |input: String, labels: String, values: [Option<f64>; 3], name: &str, scale, value| {
        all.push(Weekly { input, labels, values, told: (name.to_owned(), scale, value) });
    };
    for (metric, suffix) in [(IVR_PASSED, "ratio4h"), (IVR_MEAN, "mean4h")] {
        let name = recorded(OPERATION, metric, "change1w");
        for (operation, before, change) in [
            ("acme", Some(0.5), Some(0.6)),
            ("late", Some(0.5), Some(0.6)),
            ("new", None, None),
            ("none", Some(0.0), None),
            ("taken_skill_6", Some(0.5), if metric == IVR_PASSED { None } else { Some(0.6) }),
            ("taken_diagram_1_2", Some(0.5), None),
        ] {
            let labels = format!("operation=\"{operation}\"");
            let input = recorded(OPERATION, metric, suffix);
            of(input, labels, [None, before, Some(0.8)], &name, 1000.0, change);
        }
    }
    for (by, family, window, beyond) in [
        (SKILL, &catalogue::INBOUND_CALLS, Window::H1, ",skill_id=\"101\""),
        (LINE, &catalogue::INBOUND_CALLS, Window::H1, ",skill_id=\"101\",dnis=\"601\""),
        (OPERATION, &catalogue::IVR_CALLS, Window::H4, ""),
    ] {
        for operation in ["acme", "late"] {
            let labels = format!("operation=\"{operation}\"{beyond}");
            let (input, name) = (counted(by, base(family), window), week_ago(by, base(family), window));
            of(input, labels, [Some(3.0), Some(7.0), Some(5.0)], &name, 1.0, Some(7.0));
        }
    }
    for (family, window) in [(&catalogue::INBOUND_CALLS, Window::M30), (&catalogue::CDR_COST, Window::H1)] {
        for (operation, two, one, times) in [
            ("acme", Some(40.0), Some(50.0), Some(1.2)),
            ("late", Some(40.0), Some(50.0), Some(1.2)),
            ("less", Some(60.0), Some(30.0), Some(1.0)),
            ("one", None, Some(30.0), Some(2.0)),
            ("two", Some(20.0), None, Some(3.0)),
            ("new", None, None, None),
        ] {
            let labels = format!("operation=\"{operation}\",skill_id=\"101\"");
            let (input, name) = (counted(SKILL, base(family), window), times_usual(base(family), window));
            of(input, labels, [two, one, Some(60.0)], &name, 1000.0, times);
        }
    }
    all
}

/// The change against other weeks, from what was recorded then.
fn weeks() -> World {
    let mut world = World::default();
    for Weekly { labels, told: (name, scale, value), .. } in weekly() {
        let seen = match value {
            _ if labels.contains("late") => None,
            // Counts were taken back after it was seen.
            None if labels.contains("taken") => Some(0.6),
            value => value,
        };
        for (name, value) in [(read_name(&name), seen), (name, value)] {
            world.told.push(Told { name, labels: labels.clone(), scale, value, at: LATER });
        }
    }
    world
}

/// Every claim, with the world it is about: the first is of today, the second of a week.
pub(super) fn told() -> [Vec<Told>; 2] {
    [today().told, weeks().told]
}

/// What stands above the claims of today, or of the week.
pub(super) fn above(week: bool) -> String {
    let mut text = String::new();
    if week {
        const WEEK: usize = 7 * 24 * 12;
        let steps = LATER / 5;
        text.push_str("- name: 'against other weeks'\n  interval: 5m\n  input_series:\n");
        // Hours of two weeks ago, a week ago and now.
        let stretch = 80;
        for Weekly { input, labels, values: [two, one, now], .. } in weekly() {
            let value = |value: Option<f64>, times| {
                value.map_or_else(|| format!("_x{times}"), |value| format!("{value}x{}", times - 1))
            };
            let _ = writeln!(
                text,
                "  - series: '{input}{{{labels}}}'\n    values: '_x{} {} _x{} {} _x{} {}'",
                steps - 2 * WEEK - stretch,
                value(two, 2 * stretch),
                WEEK - 2 * stretch,
                value(one, 2 * stretch),
                WEEK - 2 * stretch,
                value(now, stretch + 1)
            );
        }
        for report in ["skill_6", "diagram_1_2"] {
            let name = revised(Window::H4);
            let labels = format!("operation=\"taken_{report}\",report=\"{report}\"");
            let _ = writeln!(text, "  - series: '{name}{{{labels}}}'\n    values: '1x{steps}'");
        }
        for operation in
            ["acme", "late", "less", "one", "two", "new", "none", "taken_skill_6", "taken_diagram_1_2"]
        {
            for report in ["skill_6", "diagram_1_2", "cdr_1"] {
                let last = if operation == "late" { 900 } else { 450 };
                let _ = writeln!(
                    text,
                    "  - series: '{}{{operation=\"{operation}\",report=\"{report}\"}}'\n    values: '450x{} {last}x4'",
                    age_seconds(),
                    steps - 4
                );
            }
        }
    } else {
        let _ = writeln!(text, "- name: 'every recorded series'\n  interval: 1m\n  input_series:");
        let world = today();
        for counter in &world.counters {
            let _ = writeln!(text, "  - series: '{}'\n    values: '{}'", counter.series, counter.values());
        }
        for (series, value, until) in &world.constant {
            let values = if value.is_nan() { anew() } else { format!("{value}x{until}") };
            let _ = writeln!(text, "  - series: '{series}'\n    values: '{values}'");
        }
    }
    text.push_str("  promql_expr_test:\n");
    text
}

/// Three calls a sample, and a fresh start twenty minutes before the end.
fn anew() -> String {
    let gap = format!("_x{}", STEP - 1);
    let mut text = String::from("1000");
    for sample in 1..=AT / STEP {
        let before = (AT - 20) / STEP;
        let value = if sample <= before { 1000 + 3 * sample } else { 3 * (sample - before) };
        let _ = write!(text, " {gap} {value}");
    }
    text
}

/// The file with all claims; rules are found at `below`.
pub(super) fn file(below: &str, options: &Options) -> String {
    let rules = [format!("{below}wolkvox.rules.yaml")];
    let mut text = begin(&rules, EVERY, options);
    for (week, told) in told().iter().enumerate() {
        text.push_str(&above(week == 1));
        for told in told {
            told.write(&mut text, &told.name);
        }
    }
    text
}
