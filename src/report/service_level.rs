//! `skill_6`: calls and service level by DNIS.
//!
//! Percentages cannot be added, so a row becomes counts before anything else happens to it: calls answered
//! within 10, 20 and 30 seconds, and the seconds that callers waited. A percentage with two decimals names
//! its count exactly while its denominator is below 10,000.

use std::collections::BTreeMap;

use super::columns::{Cell, Columns, Row};
use super::decode::Settings;
use super::field::{self, Decimal, divide_rounded};
use super::label;
use super::tally::{DropReason, Gauge, Tally};
use super::{Amount, LabelValues, Observation, Total, When};
use crate::config::Denominator;
use crate::metrics::{Family, Label, catalogue};
use crate::time::Bucket;
use crate::time::civil::Date;

/// From so many calls in a row on, a percentage with two decimals no longer names one count.
const COARSE: i64 = 10_000;

const THRESHOLDS: [&str; 3] = ["10s", "20s", "30s"];
const LEVELS: [&str; 3] = ["service_level_10seg", "service_level_20seg", "service_level_30seg"];

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct DnisRow<'a> {
    dnis: Cell<'a>,
    inbound: Cell<'a>,
    answered: Cell<'a>,
    abandoned: Cell<'a>,
    levels: [Cell<'a>; 3],
    abandon: Cell<'a>,
    asa: Cell<'a>,
    ata: Cell<'a>,
}

impl<'a> Columns<'a> for DnisRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "dnis" => self.dnis.put(value),
            "inbound_calls" => self.inbound.put(value),
            "answer_calls" => self.answered.put(value),
            "abandon_calls" => self.abandoned.put(value),
            "service_level_10seg" => self.levels[0].put(value),
            "service_level_20seg" => self.levels[1].put(value),
            "service_level_30seg" => self.levels[2].put(value),
            "abandon" => self.abandon.put(value),
            "asa" => self.asa.put(value),
            "ata" => self.ata.put(value),
            _ => false,
        }
    }
}

/// Amounts of one DNIS, all of which can be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    inbound: i64,
    answered: i64,
    abandoned: i64,
    /// Answered within 10, 20, 30 seconds; each includes the ones before.
    within: [i64; 3],
    answer_wait: i64,
    abandon_wait: i64,
    /// What the percentages are of.
    denominator: i64,
}

impl Sums {
    fn add(self, other: Sums) -> Option<Sums> {
        let mut within = self.within;
        for (mine, other) in within.iter_mut().zip(other.within) {
            *mine = mine.checked_add(other)?;
        }
        Some(Sums {
            inbound: self.inbound.checked_add(other.inbound)?,
            answered: self.answered.checked_add(other.answered)?,
            abandoned: self.abandoned.checked_add(other.abandoned)?,
            within,
            answer_wait: self.answer_wait.checked_add(other.answer_wait)?,
            abandon_wait: self.abandon_wait.checked_add(other.abandon_wait)?,
            denominator: self.denominator.checked_add(other.denominator)?,
        })
    }

    fn observations(&self) -> Vec<Observation> {
        let follows = |family, amount| Observation {
            family,
            slot: 0,
            labels: LabelValues::new(),
            amount,
            when: When::Follows,
        };
        let [c10, c20, c30] = self.within;
        vec![
            follows(&catalogue::INBOUND_CALLS, Amount::Count(self.inbound)),
            follows(&catalogue::ANSWERED_CALLS, Amount::Count(self.answered)),
            follows(&catalogue::ABANDONED_CALLS, Amount::Count(self.abandoned)),
            follows(
                &catalogue::ANSWER_WAIT,
                Amount::Whole([c10, c20, c30, self.answered, self.answer_wait].into()),
            ),
            follows(&catalogue::ABANDON_WAIT, Amount::Whole([self.abandoned, self.abandon_wait].into())),
        ]
    }
}

/// One DNIS of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reported {
    sums: Sums,
    /// The vendor's own words, while they come from one row; once rows are combined they are pooled from the
    /// sums.
    own: Option<Ratios>,
}

/// Ratios in millionths and averages in milliseconds; absent where the vendor gave a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ratios {
    levels: [Option<i64>; 3],
    abandon: Option<i64>,
    asa: Option<i64>,
    ata: Option<i64>,
}

impl Reported {
    fn add(self, other: Reported) -> Option<Reported> {
        Some(Reported { sums: self.sums.add(other.sums)?, own: None })
    }

    fn ratios(&self) -> Ratios {
        self.own.unwrap_or_else(|| {
            let sums = &self.sums;
            let share = |part: i64, whole: i64, unit: i128| {
                let quotient =
                    (whole > 0).then(|| divide_rounded(i128::from(part) * unit, i128::from(whole)));
                quotient.and_then(|quotient| i64::try_from(quotient).ok())
            };
            Ratios {
                levels: sums.within.map(|within| share(within, sums.denominator, 1_000_000)),
                abandon: share(sums.abandoned, sums.inbound, 1_000_000),
                asa: share(sums.answer_wait, sums.answered, 1),
                ata: share(sums.abandon_wait, sums.abandoned, 1),
            }
        })
    }
}

/// Each DNIS; `None` when one of its rows could not be read.
type Keys = BTreeMap<Box<str>, Option<Reported>>;

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct ServiceLevel {
    keys: Keys,
}

impl ServiceLevel {
    pub(super) fn row(&mut self, row: Row<DnisRow<'_>>, settings: &Settings, tally: &mut Tally) {
        let row = row.columns;
        if row.dnis.text().is_some_and(label::is_total) {
            return tally.drop_row(DropReason::TotalRow);
        }
        let dnis = label::dnis(row.dnis.text());
        let reported = convert(&row, settings, tally);
        let added = match self.keys.get(dnis.as_ref()) {
            None => reported,
            Some(before) => before.zip(reported).and_then(|(before, reported)| before.add(reported)),
        };
        self.keys.insert(dnis.into(), added);
    }

    /// A row whose DNIS nobody knows: it stands for all of them, so that the day does not seal on it.
    pub(super) fn unreadable(&mut self) {
        self.keys.insert(label::NONE.into(), None);
    }

    pub(super) fn finish(self, settings: &Settings) -> (Vec<Total>, AsReported) {
        let day = settings.window.from.date();
        let skill: Box<str> = label::id(Some(&settings.skill)).text.into();
        let totals = self.keys.iter().map(|(dnis, reported)| Total {
            bucket: Bucket::day(day),
            key: LabelValues::from([(Label::SkillId, skill.clone()), (Label::Dnis, dnis.clone())]),
            amounts: reported.map(|reported| reported.sums.observations()),
        });
        let totals = totals.collect();
        (totals, AsReported { day: Some(day), skill, keys: self.keys })
    }
}

/// The numbers of a row, before the percentages become counts.
struct Numbers {
    inbound: i64,
    answered: i64,
    abandoned: i64,
    levels: [Option<Decimal>; 3],
    asa: i64,
    ata: i64,
}

/// A whole row or nothing: its values depend on each other.
fn convert(row: &DnisRow<'_>, settings: &Settings, tally: &mut Tally) -> Option<Reported> {
    let abandon = tally.value("abandon", &row.abandon, field::percentage);
    let numbers = numbers(row, tally)?;
    if numbers.inbound >= COARSE {
        tally.coarse = true;
    }
    weigh(&numbers, tally);
    let denominator = denominator(&numbers, settings.denominator);
    let (within, rounding, order) = rebuild(&numbers, denominator);
    for (failed, check) in [(rounding, "service_level_rounding"), (order, "order")] {
        if failed {
            tally.mismatch(check);
        }
    }
    let overflow = |tally: &mut Tally, field| {
        tally.reject(field);
        None
    };
    let Some(answer_wait) = numbers.asa.checked_mul(numbers.answered) else { return overflow(tally, "asa") };
    let Some(abandon_wait) = numbers.ata.checked_mul(numbers.abandoned) else {
        return overflow(tally, "ata");
    };
    let sums = Sums {
        inbound: numbers.inbound,
        answered: numbers.answered,
        abandoned: numbers.abandoned,
        within,
        answer_wait,
        abandon_wait,
        denominator,
    };
    check(&sums, numbers.asa, abandon, settings.ended, tally);
    let ratio = |percentage: Option<Decimal>| percentage.and_then(|percentage| field::ratio(percentage).ok());
    let own = Ratios {
        levels: numbers.levels.map(ratio),
        abandon: ratio(abandon),
        asa: present(&row.asa).then_some(numbers.asa),
        ata: present(&row.ata).then_some(numbers.ata),
    };
    Some(Reported { sums, own: Some(own) })
}

fn numbers(row: &DnisRow<'_>, tally: &mut Tally) -> Option<Numbers> {
    let inbound = needed("inbound_calls", &row.inbound, false, field::count, tally);
    let answered = needed("answer_calls", &row.answered, false, field::count, tally);
    let abandoned = needed("abandon_calls", &row.abandoned, false, field::count, tally);
    // Without weight a placeholder says all there is to say. Nobody was answered in time where nobody was
    // answered, whatever the percentages are of.
    let no_answer = answered.is_some_and(|answered| answered == Some(0));
    let no_abandon = abandoned.is_some_and(|abandoned| abandoned == Some(0));
    let mut levels = [None; 3];
    let mut readable = true;
    for ((level, cell), field) in levels.iter_mut().zip(&row.levels).zip(LEVELS) {
        match needed(field, cell, no_answer, field::percentage, tally) {
            Some(percentage) => *level = percentage,
            None => readable = false,
        }
    }
    let asa = needed("asa", &row.asa, no_answer, field::duration, tally);
    let ata = needed("ata", &row.ata, no_abandon, field::duration, tally);
    let numbers = Numbers {
        inbound: inbound??,
        answered: answered??,
        abandoned: abandoned??,
        levels,
        asa: asa?.unwrap_or(0),
        ata: ata?.unwrap_or(0),
    };
    readable.then_some(numbers)
}

/// A value that the row cannot do without. `Some(None)`: a placeholder where one is as good as a value.
fn needed<T>(
    name: &'static str,
    cell: &Cell<'_>,
    placeholder_will_do: bool,
    parse: impl FnOnce(&str) -> Result<T, field::Unusable>,
    tally: &mut Tally,
) -> Option<Option<T>> {
    if !present(cell) && *cell != Cell::Nested {
        if placeholder_will_do {
            return Some(None);
        }
        tally.reject(name);
        return None;
    }
    tally.value(name, cell, parse).map(Some)
}

fn present(cell: &Cell<'_>) -> bool {
    field::present(cell.text()).is_some()
}

fn denominator(numbers: &Numbers, of: Denominator) -> i64 {
    match of {
        Denominator::Answered => numbers.answered,
        Denominator::Inbound | Denominator::Auto => numbers.inbound,
    }
}

/// Counts how well each denominator explains a row, where they differ.
fn weigh(numbers: &Numbers, tally: &mut Tally) {
    if numbers.answered == 0 || numbers.inbound == numbers.answered {
        return;
    }
    let contradicts = |of| {
        let (_, rounding, order) = rebuild(numbers, denominator(numbers, of));
        u64::from(rounding || order)
    };
    tally.evidence.rows += 1;
    tally.evidence.against_inbound += contradicts(Denominator::Inbound);
    tally.evidence.against_answered += contradicts(Denominator::Answered);
}

/// Calls answered within each threshold, and whether a percentage is not that of a whole number of calls, and
/// whether the counts had to be clamped into order.
fn rebuild(numbers: &Numbers, denominator: i64) -> ([i64; 3], bool, bool) {
    let mut within = [0; 3];
    let (mut rounding, mut order) = (false, false);
    let mut least = 0;
    for (count, level) in within.iter_mut().zip(numbers.levels) {
        // A placeholder stands only where nobody was answered.
        let level = level.unwrap_or(Decimal { units: 0, decimals: 0 });
        let exact = share(level, denominator);
        rounding |= !reads_back(exact, denominator, level);
        let clamped = exact.clamp(least, numbers.answered);
        order |= clamped != exact;
        *count = clamped;
        least = clamped;
    }
    (within, rounding, order)
}

/// `round(percentage x denominator / 100)`, saturating.
fn share(percentage: Decimal, denominator: i64) -> i64 {
    let divisor = 100 * 10_i128.pow(percentage.decimals);
    let share = divide_rounded(i128::from(percentage.units) * i128::from(denominator), divisor);
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// Whether `part` of `whole`, printed the way of the vendor (two decimals, trailing zeros may be missing), is
/// the percentage.
fn reads_back(part: i64, whole: i64, percentage: Decimal) -> bool {
    if whole == 0 {
        return percentage.units == 0;
    }
    let decimals = percentage.decimals.max(2);
    let printed = i128::from(percentage.units) * 10_i128.pow(decimals - percentage.decimals);
    // Invariant: i64 times 10^14 at most (12 decimals and the percent) stays below 2^127.
    let exact = divide_rounded(i128::from(part) * 100 * 10_i128.pow(decimals), i128::from(whole));
    exact == printed
}

/// The self-checks of a rebuilt row; each that fails is a mismatch.
fn check(sums: &Sums, asa: i64, abandon: Option<Decimal>, ended: bool, tally: &mut Tally) {
    // Calls may still be waiting on a day that has not ended.
    if ended && sums.answered.checked_add(sums.abandoned) != Some(sums.inbound) {
        tally.mismatch("answered_plus_abandoned");
    }
    if sums.answered > 0 {
        // Whoever was not answered within a threshold waited at least that long; asa is rounded to seconds.
        let [c10, c20, c30] = sums.within.map(i128::from);
        let answered = i128::from(sums.answered);
        let least = 10_000 * (c20 - c10) + 20_000 * (c30 - c20) + 30_000 * (answered - c30);
        if (i128::from(asa) + 500) * answered < least {
            tally.mismatch("asa_bound");
        }
    }
    if abandon.is_some_and(|abandon| !reads_back(sums.abandoned, sums.inbound, abandon)) {
        tally.mismatch("abandon_ratio");
    }
}

/// The numbers of a day as the vendor reported them, by DNIS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsReported {
    day: Option<Date>,
    skill: Box<str>,
    keys: Keys,
}

impl AsReported {
    pub(super) fn add_part(&mut self, other: AsReported) {
        if self.day != other.day || self.skill != other.skill {
            return;
        }
        for (dnis, other) in other.keys {
            let added = match self.keys.get(&dnis) {
                None => other,
                Some(mine) => mine.zip(other).and_then(|(mine, other)| mine.add(other)),
            };
            self.keys.insert(dnis, added);
        }
    }

    pub(super) fn gauges(&self, today: Date) -> Vec<Gauge> {
        let mut gauges = Vec::new();
        if self.day != Some(today) {
            return gauges;
        }
        for (dnis, reported) in &self.keys {
            let Some(reported) = reported else { continue };
            let mut gauge = |family: &'static Family, within: Option<&str>, value: Option<i64>| {
                let Some(value) = value else { return };
                let mut labels =
                    LabelValues::from([(Label::SkillId, self.skill.clone()), (Label::Dnis, dnis.clone())]);
                labels.extend(within.map(|within| (Label::Within, within.into())));
                gauges.push(Gauge { family, labels, value });
            };
            let (sums, ratios) = (&reported.sums, reported.ratios());
            gauge(&catalogue::TODAY_INBOUND_CALLS, None, Some(sums.inbound));
            gauge(&catalogue::TODAY_ANSWERED_CALLS, None, Some(sums.answered));
            gauge(&catalogue::TODAY_ABANDONED_CALLS, None, Some(sums.abandoned));
            for (within, level) in THRESHOLDS.into_iter().zip(ratios.levels) {
                gauge(&catalogue::TODAY_SERVICE_LEVEL, Some(within), level);
            }
            gauge(&catalogue::TODAY_ABANDON, None, ratios.abandon);
            gauge(&catalogue::TODAY_ASA, None, ratios.asa);
            gauge(&catalogue::TODAY_ATA, None, ratios.ata);
        }
        gauges
    }
}
