//! A day of a small contact centre as the vendor tells it, and what it amounts to in the end.
//!
//! Rows appear late, grow, are coded late and are withdrawn. What the vendor says at an instant is a function of the
//! instant, so that after any loss the same question has the same answer. The sums of what remains are made from the
//! last answers alone, without cells, marks or seals.

use std::collections::BTreeMap;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::metrics::{Kind, LabelText};
use crate::time::shift;

/// The day before which the ledger begins, and on which everything happens.
pub(super) const DAY: &str = "2026-04-05";
/// When the ledger begins: the day before still holds calls, which are its opening balance.
pub(super) const BEGINS: &str = "2026-04-04T22:00:00";
/// By then everything has settled.
pub(super) const SETTLED: &str = "2026-04-06T12:00:00";
const SKILLS: [&str; 2] = ["101", "102"];

/// One thing that happened, in one report.
#[derive(Debug, Clone)]
struct Fact {
    report: Report,
    number: u128,
    skill: &'static str,
    /// A label of its own: DNIS, campaign, outcome or answer.
    which: usize,
    at: civil::DateTime,
    visible: Timestamp,
    withdrawn: Option<Timestamp>,
    /// From when its code, outcome or result is known, and its length is final.
    decided: Timestamp,
    seconds: i64,
}

/// What the vendor knows.
#[derive(Debug)]
pub(super) struct Vendor {
    facts: Vec<Fact>,
}

impl Vendor {
    pub(super) fn new(seed: u64) -> Vendor {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut facts = Vec::new();
        for (report, count) in [
            (Report::Skill6, 70),
            (Report::Diagram12, 60),
            (Report::Diagram3, 25),
            (Report::Cdr1, 60),
            (Report::Diagram4, 25),
        ] {
            for number in 0..count {
                // A tenth of all is from the day before and was there when the ledger began.
                let before = number % 10 == 0;
                let minute: i64 =
                    if before { dice.random_range(600..1300) } else { dice.random_range(300..1440) };
                let date: civil::Date = if before { "2026-04-04" } else { DAY }.parse().unwrap();
                let second = dice.random_range(0..60);
                let at = shift(date.at(0, 0, 0, 0), SignedDuration::from_secs(minute * 60 + second));
                let late = match dice.random_range(0..10) {
                    _ if before => 0,
                    0 => dice.random_range(3_600..15_000),
                    1..=4 => dice.random_range(60..1_500),
                    _ => 20,
                };
                let visible = zone().instant(at) + SignedDuration::from_secs(late);
                let withdrawn = (!before && dice.random_range(0..12) == 0)
                    .then(|| visible + SignedDuration::from_secs(dice.random_range(600..10_000)));
                let decided =
                    visible + SignedDuration::from_secs(if before { 0 } else { dice.random_range(0..5_000) });
                facts.push(Fact {
                    report,
                    number: number + 1,
                    skill: SKILLS[dice.random_range(0..2)],
                    which: dice.random_range(0..3),
                    at,
                    visible,
                    withdrawn,
                    decided,
                    seconds: dice.random_range(3..600),
                });
            }
        }
        Vendor { facts }
    }

    /// What shows in a window at an instant.
    fn shown(&self, report: Report, window: Window, now: Timestamp) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(move |fact| {
            fact.report == report
                && window.contains(fact.at)
                && fact.visible <= now
                && fact.withdrawn.is_none_or(|withdrawn| withdrawn > now)
        })
    }

    /// The answer for a skill and a day, up to now.
    pub(super) fn skill(&self, skill: &str, day: Bucket, now: Timestamp) -> Reading {
        let window = up_to_now(day.window(), now);
        let mut counts: BTreeMap<usize, i64> = BTreeMap::new();
        for fact in self.shown(Report::Skill6, window, now).filter(|fact| fact.skill == skill) {
            *counts.entry(fact.which).or_default() += 1;
        }
        let row = |(which, count): (&usize, &i64)| Row {
            bucket: day,
            key: LabelValues::from([
                (Label::SkillId, skill.into()),
                (Label::Dnis, format!("60{which}").into()),
            ]),
            amounts: Some(calls(4 * count)),
        };
        let content = Content::Totals(counts.iter().map(row).collect());
        reading(Report::Skill6, skill, window, now, content)
    }

    /// The answer for the hours of the IVR in a window.
    pub(super) fn ivr(&self, window: Window, now: Timestamp) -> Reading {
        let mut hours: BTreeMap<Bucket, (i64, i64)> = BTreeMap::new();
        for fact in self.shown(Report::Diagram12, window, now) {
            let hour = hours.entry(Bucket::of(fact.at, Grain::Hour)).or_default();
            *hour = (hour.0 + 1, hour.1 + 1000 * length(fact, now));
        }
        let row = |(hour, (calls, ms)): (&Bucket, &(i64, i64))| Row {
            bucket: *hour,
            key: LabelValues::new(),
            amounts: Some(vec![
                observation(&catalogue::IVR_CALLS, &[], Amount::Count(*calls), When::Follows),
                observation(&catalogue::IVR_SECONDS, &[], Amount::Count(*ms), When::Follows),
            ]),
        };
        let content = Content::Totals(hours.iter().map(row).collect());
        reading(Report::Diagram12, "", window, now, content)
    }

    /// The rows of a window.
    pub(super) fn rows(&self, report: Report, window: Window, now: Timestamp) -> Reading {
        let events = self.shown(report, window, now).map(|fact| event(fact, now)).collect();
        reading(report, "", window, now, Content::Events(events))
    }

    /// What the day amounts to: the sums over the last answers, by family and labels.
    pub(super) fn truth(&self) -> BTreeMap<(&'static str, String), Vec<i64>> {
        let now = at(SETTLED);
        let day = Bucket::day(DAY.parse().unwrap());
        let mut readings: Vec<Reading> = SKILLS.iter().map(|skill| self.skill(skill, day, now)).collect();
        readings.push(self.ivr(day.window(), now));
        for report in [Report::Diagram3, Report::Cdr1, Report::Diagram4] {
            readings.push(self.rows(report, day.window(), now));
        }
        let mut sums = BTreeMap::new();
        for reading in readings {
            let cells: Vec<(LabelValues, Vec<Observation>)> = match reading.content {
                Content::Totals(rows) => {
                    rows.into_iter().map(|row| (row.key, row.amounts.unwrap())).collect()
                }
                Content::Events(events) => {
                    events.into_iter().map(|event| (event.key, event.observations)).collect()
                }
            };
            for (key, observation) in
                cells.iter().flat_map(|(key, all)| all.iter().map(move |one| (key, one)))
            {
                add(&mut sums, key, observation);
            }
        }
        sums
    }
}

fn add(sums: &mut BTreeMap<(&'static str, String), Vec<i64>>, key: &LabelValues, observation: &Observation) {
    let family = observation.family;
    let value = |label: &Label| match label {
        Label::Operation => "acme",
        label => observation.labels.get(label).or_else(|| key.get(label)).unwrap(),
    };
    let labels = LabelText::new(family.labels.iter().map(|label| (*label, value(label))));
    let sum = sums.entry((family.name, labels.as_str().to_owned())).or_insert(vec![0; family.width()]);
    let values: Vec<i64> = match (&observation.amount, family.kind) {
        (Amount::Count(count), _) => vec![*count],
        (Amount::Whole(values), _) => values.to_vec(),
        (Amount::Observe(value), Kind::Histogram(bounds)) => {
            let within = bounds.iter().map(|bound| i64::from(value <= bound));
            within.chain([1, *value]).collect()
        }
        (Amount::Observe(value), _) => vec![1, *value],
    };
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

fn up_to_now(window: Window, now: Timestamp) -> Window {
    Window { from: window.from, to: window.to.min(zone().present(now)) }
}

fn reading(report: Report, skill: &str, window: Window, now: Timestamp, content: Content) -> Reading {
    let slot = now.as_second().unsigned_abs();
    Reading { report, skill: skill.into(), window, slot, now, asked: now, date: Some(now), content }
}

fn observation(family: &'static Family, labels: &[(Label, &str)], amount: Amount, when: When) -> Observation {
    let labels = labels.iter().map(|(label, value)| (*label, (*value).into())).collect();
    Observation { family, slot: 0, labels, amount, when }
}

/// A row grows until it is decided.
fn length(fact: &Fact, now: Timestamp) -> i64 {
    if fact.decided <= now { fact.seconds } else { fact.seconds / 3 }
}

fn event(fact: &Fact, now: Timestamp) -> Event {
    let is_decided = fact.decided <= now;
    let ms = 1000 * length(fact, now);
    let follows =
        |family, labels: &[(Label, &str)], amount| observation(family, labels, amount, When::Follows);
    let mut key = LabelValues::from([(Label::SkillId, fact.skill.into())]);
    let mut status = None;
    let observations = match fact.report {
        Report::Cdr1 => {
            key.insert(Label::Interaction, "inbound".into());
            let campaign = fact.which.to_string();
            let code = format!("{}", 400 + fact.which);
            let (code, when) = if is_decided { (code.as_str(), When::Once) } else { ("none", When::AtSeal) };
            let labels = [(Label::CampaignId, campaign.as_str())];
            vec![
                follows(&catalogue::CDR_CALLS, &labels, Amount::Count(1)),
                follows(&catalogue::CDR_COST, &labels, Amount::Count(17 * ms)),
                follows(&catalogue::CDR_DURATION, &[], Amount::Observe(ms)),
                observation(
                    &catalogue::CDR_ACTIVITY,
                    &[(Label::Level, "1"), (Label::CodAct, code)],
                    Amount::Count(1),
                    when,
                ),
            ]
        }
        Report::Diagram3 => {
            // Those of one kind never come to an end.
            let ended = is_decided && fact.which != 2;
            let outcome = ["ok", "fail"][fact.which % 2];
            status = Some(if ended { outcome.into() } else { "yes".into() });
            let (outcome, when) = if ended { (outcome, When::Once) } else { ("unknown", When::AtSeal) };
            let attempts = if is_decided { 3 } else { 1 };
            let mut all = vec![
                follows(&catalogue::CALLBACK_OFFERS, &[], Amount::Count(1)),
                follows(&catalogue::CALLBACK_ATTEMPTS, &[], Amount::Count(attempts)),
                observation(
                    &catalogue::CALLBACK_OUTCOMES,
                    &[(Label::Outcome, outcome)],
                    Amount::Count(1),
                    when,
                ),
            ];
            if ended {
                all.push(observation(&catalogue::CALLBACK_DURATION, &[], Amount::Observe(ms), When::Once));
            }
            all
        }
        _ => {
            key.insert(Label::Interaction, "inbound".into());
            let (result, when) = if is_decided { ("complete", When::Once) } else { ("none", When::AtSeal) };
            let answer = fact.which.to_string();
            let question = (Label::Question, "q01");
            vec![
                observation(&catalogue::SURVEY_RESPONSES, &[(Label::Result, result)], Amount::Count(1), when),
                observation(
                    &catalogue::SURVEY_ANSWERS,
                    &[question, (Label::Answer, &answer)],
                    Amount::Count(1),
                    When::Once,
                ),
                follows(&catalogue::SURVEY_DURATION, &[], Amount::Observe(ms)),
            ]
        }
    };
    Event { at: fact.at, identity: fact.number, key, observations, status }
}

/// The operation of the day: two skills, and callbacks that settle as fast as the rest.
pub(super) fn operation_of_the_day() -> Operation {
    let mut operation = operation();
    operation.skills = Skills::Named(SKILLS.iter().map(|skill| (*skill).to_owned()).collect());
    if let Some(diagram_3) = &mut operation.reports.diagram_3 {
        diagram_3.settle = Duration::from_secs(6 * 3600);
    }
    operation
}

/// Reads everything that is due at an instant, as the schedule does: each unsealed day of each skill, and one window
/// for each other report from before its oldest unsealed bucket.
pub(super) fn read_all(
    vendor: &Vendor,
    ledger: &mut Ledger,
    now: Timestamp,
    mut each: impl FnMut(&mut Ledger, &Reading) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let today = zone().bucket(now, Grain::Day);
    for skill in SKILLS {
        let history = ledger.history("acme").unwrap();
        for day in history.skills[skill].unsealed(today) {
            each(ledger, &vendor.skill(skill, day, now))?;
        }
    }
    for report in [Report::Diagram3, Report::Diagram12, Report::Cdr1, Report::Diagram4] {
        let oldest = ledger.history("acme").unwrap().reports[&report].unsealed_from;
        let to = zone().present(now);
        let reading = if report == Report::Diagram12 {
            let from = Bucket::of(to, Grain::Day).first().min(oldest.first());
            vendor.ivr(Window { from, to }, now)
        } else {
            let from = shift(oldest.first(), -SignedDuration::from_hours(2));
            vendor.rows(report, Window { from, to }, now)
        };
        each(ledger, &reading)?;
    }
    Ok(())
}

/// The instants at which everything is read on that day and until it has settled.
pub(super) fn slots() -> Vec<Timestamp> {
    let mut slots = Vec::new();
    let mut now = at(BEGINS) + SignedDuration::from_secs(5);
    while now < at(SETTLED) {
        slots.push(now);
        // Nights are long and quiet.
        let hour = zone().civil(now).hour();
        let minutes = if (6..23).contains(&hour) { 60 } else { 180 };
        now += SignedDuration::from_mins(minutes);
    }
    slots
}
