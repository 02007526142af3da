//! `diagram_1_2`: IVR calls and minutes by hour.

use std::collections::BTreeMap;

use super::columns::{Cell, Columns, Row};
use super::field::{self, Moment};
use super::label;
use super::tally::{DropReason, Gauge, Tally};
use super::{Amount, LabelValues, Observation, Total, When};
use crate::api::Grain;
use crate::metrics::{Label, catalogue};
use crate::time::Bucket;
use crate::time::civil::Date;

/// The columns of a row. The hour is `date` on one page of the vendor and `day` on another.
#[derive(Debug, Default)]
pub(super) struct IvrRow<'a> {
    hour: Cell<'a>,
    calls: Cell<'a>,
    minutes: Cell<'a>,
}

impl<'a> Columns<'a> for IvrRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "date" | "day" => self.hour.put(value),
            "calls" => self.calls.put(value),
            "ivr_minutes" => self.minutes.put(value),
            _ => false,
        }
    }
}

/// Calls and milliseconds of one hour; `None` when one of its rows could not be read.
type Hour = Option<(i64, i64)>;

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Ivr {
    hours: BTreeMap<Bucket, Hour>,
}

impl Ivr {
    pub(super) fn row(&mut self, row: Row<IvrRow<'_>>, tally: &mut Tally) {
        let row = row.columns;
        if row.hour.text().is_some_and(label::is_total) {
            return tally.drop_row(DropReason::TotalRow);
        }
        // A value without an hour belongs to `diagram_1_1`: it is a day, not the hour 0.
        let hour = match field::present(row.hour.text()).map(field::moment) {
            Some(Ok(Some(Moment::Time(at)))) => Bucket::of(at, Grain::Hour),
            _ => {
                tally.reject("date");
                return tally.drop_row(DropReason::NoIdentity);
            }
        };
        let before = self.hours.get(&hour).copied().unwrap_or(Some((0, 0)));
        let amounts = amounts(&row, tally).and_then(|(calls, time)| {
            let (calls_before, time_before) = before?;
            // Equal labels are added: a folded hour is one bucket of two hours.
            Some((calls_before.checked_add(calls)?, time_before.checked_add(time)?))
        });
        self.hours.insert(hour, amounts);
    }

    pub(super) fn finish(self) -> (Vec<Total>, AsReported) {
        let totals = self.hours.iter().map(|(&bucket, hour)| {
            let amounts = hour.map(|(calls, time)| {
                let follows = |family, amount| Observation {
                    family,
                    slot: 0,
                    labels: LabelValues::new(),
                    amount: Amount::Count(amount),
                    when: When::Follows,
                };
                vec![follows(&catalogue::IVR_CALLS, calls), follows(&catalogue::IVR_SECONDS, time)]
            });
            Total { bucket, key: LabelValues::new(), amounts }
        });
        (totals.collect(), AsReported { hours: self.hours.clone() })
    }
}

/// Both amounts, or nothing: half a row would take the other half away from its cell.
fn amounts(row: &IvrRow<'_>, tally: &mut Tally) -> Option<(i64, i64)> {
    let Some(calls) = tally.value("calls", &row.calls, field::count) else {
        if field::present(row.calls.text()).is_none() && row.calls != Cell::Nested {
            tally.reject("calls");
        }
        return None;
    };
    if field::present(row.minutes.text()).is_none() && row.minutes != Cell::Nested {
        if calls == 0 {
            return Some((0, 0));
        }
        tally.reject("ivr_minutes");
        return None;
    }
    let time = tally.value("ivr_minutes", &row.minutes, field::minutes_of_all)?;
    Some((calls, time))
}

/// The hours as the vendor reported them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsReported {
    hours: BTreeMap<Bucket, Hour>,
}

impl AsReported {
    pub(super) fn add_part(&mut self, other: AsReported) {
        self.hours.extend(other.hours);
    }

    pub(super) fn gauges(&self, today: Date) -> Vec<Gauge> {
        let mut gauges = Vec::new();
        for (bucket, hour) in &self.hours {
            let Some((calls, time)) = *hour else { continue };
            if bucket.date() != today {
                continue;
            }
            let label: Box<str> = format!("{:02}", bucket.first().hour()).into();
            let mut gauge = |family, value| {
                let labels = LabelValues::from([(Label::Hour, label.clone())]);
                gauges.push(Gauge { family, labels, value });
            };
            gauge(&catalogue::TODAY_IVR_CALLS, calls);
            gauge(&catalogue::TODAY_IVR_SECONDS, time);
        }
        gauges
    }
}
