//! What the rest of the quota day may cost, and the one factor that fits the intervals into it.

use crate::config::{CountFrom, Operation};
use crate::schedule::History;
use crate::schedule::machine::{Lane, Schedule};
use crate::schedule::plan;
use crate::schedule::quota::{Quota, QuotaView, Share};
use crate::time::Timestamp;

impl Schedule {
    /// The budget as it stands.
    pub fn quota(&self, now: Timestamp, history: &History) -> QuotaView {
        let (limit, source) = self.quota.limit();
        let used_today = match self.quota.day() {
            Some(_) => self.quota.used(),
            None => history.booked,
        };
        let stretch = self.stretch(now);
        let end = self.quota.day_end(now, &self.operation.zone);
        let rest = self.demand(now) / stretch + self.seconds_left(now) / 3600.0;
        let forecast = used_today as f64 + self.quota.others_until(end, now) + rest;
        QuotaView {
            limit,
            source,
            used_today,
            forecast: forecast.round() as u64,
            quota_day_start: self.quota.day(),
            stretch,
        }
    }

    pub(super) fn affords(&self, share: Share, now: Timestamp) -> bool {
        affords(&self.quota, &self.operation, share, now)
    }

    /// Whether the past is read without pause: counting starts at a date and the day has requests to spare.
    pub(super) fn reads_past_back_to_back(&self, lane: &Lane, stretch: f64, now: Timestamp) -> bool {
        lane.has_past
            && stretch <= 1.0
            && matches!(self.operation.count_from, CountFrom::Date(_))
            && self.affords(Share::Rest, now)
            && self.spare(now) > 2.0 * lane.cost_apart
    }

    /// Requests of the rest of the quota day at the configured intervals.
    fn demand(&self, now: Timestamp) -> f64 {
        let left = self.seconds_left(now);
        let lanes = self.lanes.iter().filter_map(|(report, lane)| {
            let interval = self.operation.settings(*report)?.interval.as_secs_f64().max(1.0);
            let past = if lane.has_past { lane.cost_apart / 2.0 } else { 0.0 };
            Some(left / interval * (lane.cost + past))
        });
        lanes.sum()
    }

    fn seconds_left(&self, now: Timestamp) -> f64 {
        let end = self.quota.day_end(now, &self.operation.zone);
        end.duration_since(now).as_secs_f64().max(0.0)
    }

    /// What the rest of the day may cost, helpers and others left out.
    fn budget(&self, now: Timestamp) -> f64 {
        let hours = self.seconds_left(now) / 3600.0;
        let end = self.quota.day_end(now, &self.operation.zone);
        let normal = self.quota.ceiling(Share::Rest, hours) as f64;
        normal - self.quota.used() as f64 - hours - self.quota.others_until(end, now)
    }

    fn spare(&self, now: Timestamp) -> f64 {
        self.budget(now) - self.demand(now)
    }

    /// The one factor that all intervals are stretched by.
    pub(super) fn stretch(&self, now: Timestamp) -> f64 {
        plan::stretch(self.demand(now), self.budget(now))
    }
}

/// Whether one more request of this share may be sent.
pub(super) fn affords(quota: &Quota, operation: &Operation, share: Share, now: Timestamp) -> bool {
    let left = quota.day_end(now, &operation.zone).duration_since(now).as_secs_f64() / 3600.0;
    quota.used() < quota.ceiling(share, left) || share == Share::Count && quota.recheck_at() <= now
}
