//! Proofs of the ledger: each sentence of its contract, against models that only count.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{Cdr1, Denominator, Diagram4};
use crate::config::{CountFrom, DnisPolicy, Operation, ReportSettings, Reports, Skill6, Skills, TokenSource};
use crate::metrics::{Label, catalogue};
use crate::report::{Amount, Event, LabelValues, Observation, Total as Row, When};
use crate::time::{Zone, civil};

mod collection;
mod crash;
mod day;
pub(crate) mod disk;
mod files;
mod labels;
mod model;
mod power;
mod rules;
mod totals;

thread_local! {
    static ZONE: std::cell::Cell<&'static str> = const { std::cell::Cell::new("America/Bogota") };
}

/// The zone of the test: no daylight saving and five hours behind UTC, unless it chose another.
pub(super) fn zone() -> Zone {
    Zone::named(ZONE.get()).unwrap()
}

/// Chooses the zone of this test.
pub(super) fn choose_zone(name: &'static str) {
    ZONE.set(name);
}

/// An instant by local time.
pub(super) fn at(text: &str) -> Timestamp {
    zone().instant(text.parse().unwrap())
}

pub(super) fn operation() -> Operation {
    let settings =
        ReportSettings { interval: Duration::from_secs(300), settle: Duration::from_secs(6 * 3600) };
    let coding_delay = Duration::from_secs(1800);
    Operation {
        name: "acme".into(),
        base_url: "https://wv0010.wolkvox.com/api/v2/".into(),
        server: "0010".into(),
        token: TokenSource::File(PathBuf::from("/token")),
        zone: zone(),
        currency: "COP".into(),
        daily_requests: None,
        count_from: CountFrom::Now,
        skills: Skills::Named(BTreeSet::from(["101".to_owned()])),
        dnis: DnisPolicy { allow: None, max: 200 },
        labels_max: 200,
        targets: Vec::new(),
        business_hours: Vec::new(),
        reports: Reports {
            skill_6: Some(Skill6 { settings, denominator: Denominator::Inbound }),
            diagram_1_2: Some(settings),
            diagram_3: Some(ReportSettings { settle: Duration::from_secs(36 * 3600), ..settings }),
            cdr_1: Some(Cdr1 { settings, coding_delay, agents: false }),
            diagram_4: Some(Diagram4 { settings, coding_delay }),
        },
    }
}

/// A slot at a local time; every slot has its own number.
pub(super) fn slot_at(text: &str) -> (u64, Timestamp) {
    let now = at(text);
    (now.as_second().unsigned_abs(), now)
}

/// A reading of one skill and one day, asked at `now` (local), with `(dnis, inbound)` rows.
pub(super) fn day(now: &str, date: &str, rows: &[(&str, i64)]) -> Reading {
    let (slot, now) = slot_at(now);
    let bucket = Bucket::day(date.parse().unwrap());
    let own = bucket.window();
    let window = Window { from: own.from, to: own.to.min(zone().present(now)) };
    let total = |(dnis, inbound): &(&str, i64)| Row {
        bucket,
        key: LabelValues::from([(Label::SkillId, "101".into()), (Label::Dnis, (*dnis).into())]),
        amounts: Some(calls(*inbound)),
    };
    Reading {
        report: Report::Skill6,
        skill: "101".into(),
        window,
        slot,
        now,
        asked: now,
        date: None,
        content: Content::Totals(rows.iter().map(total).collect()),
    }
}

/// All five families of `inbound` calls of which every second one was answered.
pub(super) fn calls(inbound: i64) -> Vec<Observation> {
    let answered = inbound / 2;
    let abandoned = inbound - answered;
    let whole = |values: &[i64]| Amount::Whole(values.into());
    [
        (&catalogue::INBOUND_CALLS, Amount::Count(inbound)),
        (&catalogue::ANSWERED_CALLS, Amount::Count(answered)),
        (&catalogue::ABANDONED_CALLS, Amount::Count(abandoned)),
        (
            &catalogue::ANSWER_WAIT,
            whole(&[answered / 4, answered / 3, answered / 2, answered, answered * 1_500]),
        ),
        (&catalogue::ABANDON_WAIT, whole(&[abandoned, abandoned * 700])),
    ]
    .into_iter()
    .map(|(family, amount)| Observation {
        family,
        slot: 0,
        labels: LabelValues::new(),
        amount,
        when: When::Follows,
    })
    .collect()
}

/// A row of `cdr_1` at a local time with a duration in seconds and an activity code (empty: not yet coded).
pub(super) fn call(identity: u128, when: &str, seconds: i64, code: &str) -> Event {
    let mut observations = vec![
        Observation {
            family: &catalogue::CDR_CALLS,
            slot: 0,
            labels: LabelValues::from([(Label::CampaignId, "7".into())]),
            amount: Amount::Count(1),
            when: When::Follows,
        },
        Observation {
            family: &catalogue::CDR_DURATION,
            slot: 0,
            labels: LabelValues::new(),
            amount: Amount::Observe(seconds * 1000),
            when: When::Follows,
        },
    ];
    let (code, when_counted) = if code.is_empty() { ("none", When::AtSeal) } else { (code, When::Once) };
    observations.push(Observation {
        family: &catalogue::CDR_ACTIVITY,
        slot: 1,
        labels: LabelValues::from([(Label::Level, "1".into()), (Label::CodAct, code.into())]),
        amount: Amount::Count(1),
        when: when_counted,
    });
    Event {
        at: when.parse().unwrap(),
        identity,
        key: LabelValues::from([(Label::SkillId, "101".into()), (Label::Interaction, "inbound".into())]),
        observations,
        status: None,
    }
}

/// A reading of a row report over a window of local time; `to` may be `now` for the present.
pub(super) fn rows(report: Report, now: &str, from: &str, to: &str, events: Vec<Event>) -> Reading {
    let (slot, now) = slot_at(now);
    let to = if to == "now" { zone().present(now) } else { to.parse().unwrap() };
    let window = Window { from: from.parse().unwrap(), to };
    let content = Content::Events(events);
    Reading { report, skill: String::new(), window, slot, now, asked: now, date: None, content }
}

pub(super) fn ledger(now: &str) -> Ledger {
    let mut ledger = Ledger::in_memory(at(now)).unwrap();
    ledger.enter(&operation(), at(now)).unwrap();
    ledger
}

/// Component sums of a family over all its series, shown or not: sealed, live, mark.
pub(super) fn sums(ledger: &Ledger, family: &'static Family) -> (i64, i64, i64) {
    let mut sums = (0, 0, 0);
    for total in ledger.totals("acme").filter(|total| total.family.is(family)) {
        sums = (sums.0 + total.sealed[0], sums.1 + total.live[0], sums.2 + total.mark[0]);
    }
    sums
}

/// The published value of a series by a part of its label text; `None` when it is not shown.
pub(super) fn shown(ledger: &mut Ledger, family: &'static Family, part: &str) -> Option<i64> {
    let published = ledger.published("acme");
    let block = published.blocks.iter().find(|block| block.family.is(family))?;
    let sample = block.samples.iter().find(|sample| sample.labels.as_str().contains(part))?;
    Some(sample.values[0])
}

/// Ends every hold.
pub(super) fn release(ledger: &mut Ledger) {
    let generation = ledger.published("acme").generation;
    ledger.release("acme", generation, Duration::from_secs(1), Duration::ZERO).unwrap();
}
