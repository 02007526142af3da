//! The current local day as the vendor reports it: gauges for reconciliation and for people.
//!
//! A gauge whose source is stale disappears: at local midnight by the clock, and when three planned intervals pass
//! without a successful reading.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::Grain;
use crate::metrics::{Block, Blocks, Family, Label, catalogue};
use crate::report::{Amount, Content, Gauge, Reading};
use crate::time::{Bucket, SignedDuration, Timestamp, Window, Zone};

/// After how many planned intervals without success a gauge disappears.
const PATIENCE: u32 = 3;

/// What today's gauges show.
#[derive(Debug, Clone, Default)]
pub struct Today {
    skills: BTreeMap<Box<str>, Source<SkillDay>>,
    ivr: Option<Source<()>>,
    /// By skill: the day, the label, and the difference.
    audit: BTreeMap<Box<str>, (Bucket, Box<str>, i64)>,
}

#[derive(Debug, Clone)]
struct Source<T> {
    day: Bucket,
    fresh_until: Timestamp,
    gauges: Shown,
    total: T,
}

/// Labels beside `operation`, in the order of their family.
type Labels = Vec<(Label, Box<str>)>;

/// Gauges by family and labels beside `operation`, in the family's order.
type Shown = BTreeMap<&'static str, (&'static Family, BTreeMap<Labels, i64>)>;

/// Service level and abandonment of one skill today, pooled over its DNIS, for the status page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkillDay {
    /// Offered calls.
    pub inbound: i64,
    /// Answered calls.
    pub answered: i64,
    /// Abandoned calls.
    pub abandoned: i64,
    /// Calls answered within 10, 20 and 30 seconds.
    pub within: [i64; 3],
}

impl SkillDay {
    /// Adds up a reading of one skill's day.
    pub fn of(reading: &Reading) -> SkillDay {
        let mut day = SkillDay::default();
        let Content::Totals(totals) = &reading.content else { return day };
        for observation in totals.iter().filter_map(|total| total.amounts.as_ref()).flatten() {
            match &observation.amount {
                Amount::Count(calls) if observation.family.is(&catalogue::INBOUND_CALLS) => {
                    day.inbound += calls
                }
                Amount::Count(calls) if observation.family.is(&catalogue::ANSWERED_CALLS) => {
                    day.answered += calls
                }
                Amount::Count(calls) if observation.family.is(&catalogue::ABANDONED_CALLS) => {
                    day.abandoned += calls
                }
                Amount::Whole(values) if observation.family.is(&catalogue::ANSWER_WAIT) => {
                    for (sum, count) in day.within.iter_mut().zip(values.iter()) {
                        *sum += count;
                    }
                }
                _ => {}
            }
        }
        day
    }
}

impl Today {
    /// A reading of one skill's day. `label` gives the bounded label of a value from upstream.
    pub fn read_skill(
        &mut self,
        skill: &str,
        day: Bucket,
        total: SkillDay,
        gauges: Vec<Gauge>,
        fresh_until: Timestamp,
        label: impl Fn(Label, &str) -> Box<str>,
    ) {
        let gauges = bounded(gauges, label);
        self.skills.retain(|_, source| source.day >= day);
        self.audit.retain(|_, (audited, ..)| *audited >= day);
        self.skills.insert(skill.into(), Source { day, fresh_until, gauges, total });
    }

    /// The DNIS have turned out to be callers' numbers: what stands under one goes, until its skill is read again.
    pub fn withdraw_numbers(&mut self) {
        let is_shown = |(label, value): &(Label, Box<str>)| {
            *label != Label::Dnis || matches!(&**value, "other" | "none")
        };
        for source in self.skills.values_mut() {
            source.gauges.retain(|_, (_, samples)| {
                samples.retain(|labels, _| labels.iter().all(is_shown));
                !samples.is_empty()
            });
        }
    }

    /// The witness says that nothing moved in a skill's day: that is a success too.
    pub fn unmoved(&mut self, skill: &str, day: Bucket, fresh_until: Timestamp) {
        if let Some(source) = self.skills.get_mut(skill)
            && source.day == day
        {
            source.fresh_until = fresh_until;
        }
    }

    /// A reading of today's hours in the IVR; of hours outside the window it says nothing.
    ///
    /// `fresh_until` comes with the answer that reaches the present, the last one of a reading in pieces.
    pub fn read_ivr(
        &mut self,
        day: Bucket,
        window: Window,
        gauges: Vec<Gauge>,
        fresh_until: Option<Timestamp>,
    ) {
        let before = self.ivr.take().filter(|source| source.day == day);
        let fresh_until = fresh_until.or(before.as_ref().map(|source| source.fresh_until));
        let asked = |hour: &str| {
            let first = hour.parse().ok().map(|hour| day.date().at(hour, 0, 0, 0));
            first.is_none_or(|first| window.from <= first && first < window.to)
        };
        let mut shown = before.map(|source| source.gauges).unwrap_or_default();
        for (_, samples) in shown.values_mut() {
            samples.retain(|labels, _| {
                labels.iter().all(|(label, value)| *label != Label::Hour || !asked(value))
            });
        }
        for (name, (family, samples)) in bounded(gauges, |_, value| value.into()) {
            shown.entry(name).or_insert_with(|| (family, BTreeMap::new())).1.extend(samples);
        }
        let fresh_until = fresh_until.unwrap_or(Timestamp::MIN);
        self.ivr = Some(Source { day, fresh_until, gauges: shown, total: () });
    }

    /// The witness' inbound calls of a skill minus the sum over its DNIS in the same slot, under the skill's label.
    pub fn audit(&mut self, skill: &str, day: Bucket, (label, difference): (&str, i64)) {
        self.audit.insert(skill.into(), (day, label.into(), difference));
    }

    /// Inbound calls of a skill as last read for this day.
    pub fn inbound(&self, skill: &str, day: Bucket) -> Option<i64> {
        self.skills.get(skill).filter(|source| source.day == day).map(|source| source.total.inbound)
    }

    /// The skills that have a fresh reading of today, pooled over their DNIS.
    pub fn by_skill(&self, zone: &Zone, now: Timestamp) -> BTreeMap<&str, SkillDay> {
        let day = zone.bucket(now, Grain::Day);
        let fresh = self.skills.iter().filter(|(_, source)| source.is_fresh(day, now));
        fresh.map(|(skill, source)| (&**skill, source.total)).collect()
    }

    /// Calls and seconds in the IVR today, all hours added, when there is a fresh reading of them.
    pub fn ivr(&self, zone: &Zone, now: Timestamp) -> Option<(i64, i64)> {
        let day = zone.bucket(now, Grain::Day);
        let source = self.ivr.as_ref().filter(|source| source.is_fresh(day, now))?;
        let sum = |family: &Family| {
            source.gauges.get(family.name).map_or(0, |(_, samples)| samples.values().sum::<i64>())
        };
        Some((sum(&catalogue::TODAY_IVR_CALLS), sum(&catalogue::TODAY_IVR_SECONDS)))
    }

    /// When the gauges change by the clock alone: at the next midnight, or when the first source grows stale.
    pub fn changes_after(&self, zone: &Zone, now: Timestamp) -> Timestamp {
        let midnight = zone.end(zone.bucket(now, Grain::Day));
        let skills = self.skills.values().map(|source| source.fresh_until);
        let ivr = self.ivr.iter().map(|source| source.fresh_until);
        skills.chain(ivr).filter(|at| *at > now).chain([midnight]).min().unwrap_or(midnight)
    }

    /// The gauges of the current local day that are fresh at `now`.
    pub fn blocks(&self, operation: &str, zone: &Zone, now: Timestamp) -> Vec<Block> {
        let day = zone.bucket(now, Grain::Day);
        let mut out = Blocks::of(operation);
        let fresh = self.skills.iter().filter(|(_, source)| source.is_fresh(day, now));
        let mut meeting = Meeting::default();
        for (skill, source) in fresh {
            for (family, samples) in source.gauges.values() {
                samples.iter().for_each(|(labels, value)| meeting.add(family, labels.clone(), *value));
            }
            if let Some((audited, label, difference)) = self.audit.get(skill)
                && *audited == day
            {
                out.put(&catalogue::AUDIT_DIFFERENCE, &[(Label::SkillId, label)], *difference);
            }
        }
        put(&mut out, &meeting.end());
        if let Some(source) = self.ivr.as_ref().filter(|source| source.is_fresh(day, now)) {
            put(&mut out, &source.gauges);
        }
        out.finish()
    }
}

fn put(out: &mut Blocks<'_>, shown: &Shown) {
    for (family, samples) in shown.values() {
        for (labels, value) in samples {
            let labels: Vec<(Label, &str)> = labels.iter().map(|(label, value)| (*label, &**value)).collect();
            out.put(family, &labels, *value);
        }
    }
}

/// Labels bounded.
fn bounded(gauges: Vec<Gauge>, label: impl Fn(Label, &str) -> Box<str>) -> Shown {
    let mut meeting = Meeting::default();
    for gauge in gauges {
        let names = gauge.family.labels.iter().filter(|name| **name != Label::Operation);
        let labels: Option<Vec<_>> =
            names.map(|name| Some((*name, label(*name, gauge.labels.get(name)?)))).collect();
        if let Some(labels) = labels {
            meeting.add(gauge.family, labels, gauge.value);
        }
    }
    meeting.end()
}

/// Samples that meet under one label: counts add; ratios and averages would need weights that are gone by then, so
/// they are left out.
#[derive(Default)]
struct Meeting {
    shown: Shown,
    met: Vec<(&'static str, Labels)>,
}

impl Meeting {
    fn add(&mut self, family: &'static Family, labels: Labels, value: i64) {
        let adds = is_count(family);
        let (_, samples) = self.shown.entry(family.name).or_insert_with(|| (family, BTreeMap::new()));
        match samples.get_mut(&labels) {
            Some(sum) if adds => *sum = sum.saturating_add(value),
            Some(_) => self.met.push((family.name, labels)),
            None => {
                samples.insert(labels, value);
            }
        }
    }

    fn end(mut self) -> Shown {
        for (family, labels) in self.met {
            if let Some((_, samples)) = self.shown.get_mut(family) {
                samples.remove(&labels);
            }
        }
        self.shown
    }
}

fn is_count(family: &Family) -> bool {
    [
        &catalogue::TODAY_INBOUND_CALLS,
        &catalogue::TODAY_ANSWERED_CALLS,
        &catalogue::TODAY_ABANDONED_CALLS,
        &catalogue::TODAY_IVR_CALLS,
        &catalogue::TODAY_IVR_SECONDS,
    ]
    .into_iter()
    .any(|count| family.is(count))
}

impl<T> Source<T> {
    fn is_fresh(&self, day: Bucket, now: Timestamp) -> bool {
        self.day == day && now < self.fresh_until
    }
}

/// Until when a success at `at` keeps its gauges alive.
pub fn fresh_until(at: Timestamp, interval: Duration) -> Timestamp {
    let patience = interval.saturating_mul(PATIENCE);
    SignedDuration::try_from(patience)
        .ok()
        .and_then(|patience| at.saturating_add(patience).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
