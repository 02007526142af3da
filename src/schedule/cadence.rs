//! Which stretch of time each report reads, and when a bucket is due to seal.

use crate::api::{Grain, Report};
use crate::config::ReportSettings;
use crate::schedule::Progress;
use crate::time::{Bucket, SignedDuration, Timestamp, Window, Zone, shift};

/// What an answer of events must cover around a bucket to seal it.
pub(super) const MARGIN: SignedDuration = SignedDuration::from_hours(2);

/// How long a bucket may be owed before it is read apart from the present.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// Calendar days that one request may touch.
const MOST_DAYS: i64 = 31;

/// The calendar of one report in one zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cadence<'a> {
    pub(super) report: Report,
    pub(super) zone: &'a Zone,
    pub(super) settings: ReportSettings,
    /// The interval as planned now: a bucket gets two turns before it is read apart.
    pub(super) interval: SignedDuration,
}

impl Cadence<'_> {
    /// The grain of the report's buckets.
    pub(super) fn grain(&self) -> Grain {
        self.report.grain().unwrap_or(Grain::Day)
    }

    fn margin(&self) -> SignedDuration {
        if self.report.has_rows_of_events() { MARGIN } else { SignedDuration::ZERO }
    }

    /// The instant from which an answer can seal the bucket.
    pub(super) fn seals_at(&self, bucket: Bucket) -> Timestamp {
        let settle = SignedDuration::try_from(self.settings.settle).unwrap_or(SignedDuration::MAX);
        let settled = self.zone.end(bucket).saturating_add(settle).unwrap_or(Timestamp::MAX);
        let covered = self.zone.last_instant(shift(bucket.next().first(), self.margin()));
        settled.max(covered)
    }

    /// Whether an answer asked now can seal the bucket.
    pub(super) fn is_seal_due(&self, bucket: Bucket, now: Timestamp) -> bool {
        self.seals_at(bucket) <= now
    }

    /// Whether the bucket has been owed for so long that it is read apart from the present.
    ///
    /// An hour, or two turns where the interval is long: it takes two looks to seal emptiness.
    pub(super) fn is_apart(&self, bucket: Bucket, now: Timestamp) -> bool {
        let patience = PATIENCE.max(self.interval.saturating_add(self.interval));
        self.seals_at(bucket).saturating_add(patience).unwrap_or(Timestamp::MAX) < now
    }

    /// The bucket that is open now.
    pub(super) fn open(&self, now: Timestamp) -> Bucket {
        self.zone.bucket(now, self.grain())
    }

    /// The oldest bucket that is neither sealed nor read apart.
    pub(super) fn oldest_present(&self, progress: Option<&Progress>, now: Timestamp) -> Bucket {
        let open = self.open(now);
        let Some(progress) = progress else { return open };
        // Buckets are apart from the oldest on, so start near the first that is not.
        progress.unsealed(open).find(|bucket| !self.is_apart(*bucket, now)).unwrap_or(open)
    }

    /// Whether some bucket of the present is due to seal.
    pub(super) fn has_seal_due(&self, progress: Option<&Progress>, now: Timestamp) -> bool {
        let oldest = self.oldest_present(progress, now);
        progress.is_some_and(|progress| !progress.is_sealed(oldest)) && self.is_seal_due(oldest, now)
    }

    /// The window of a row report, or of `diagram_1_2`, up to the present.
    ///
    /// `narrow` (answers of more than 20,000 rows): only the open hour and the one before it.
    pub(super) fn present(&self, progress: Option<&Progress>, now: Timestamp, narrow: bool) -> Window {
        let to = self.zone.present(now);
        let local = self.zone.civil(now);
        let oldest = self.oldest_present(progress, now);
        let from = if narrow {
            Bucket::of(local, Grain::Hour).previous().first()
        } else if self.report == Report::Diagram12 {
            oldest.first().min(Bucket::of(local, Grain::Day).first())
        } else {
            shift(oldest.first(), -MARGIN)
        };
        Window { from, to }
    }

    /// The buckets that are read apart, oldest first.
    pub(super) fn apart<'p>(
        &'p self,
        progress: &'p Progress,
        now: Timestamp,
    ) -> impl Iterator<Item = Bucket> + 'p {
        let open = self.open(now);
        progress.unsealed(open).take_while(move |bucket| self.is_apart(*bucket, now))
    }

    /// One window for buckets read apart, and the last bucket it can seal.
    ///
    /// It begins at the first of them after `cursor`, or at the oldest when none is left, and touches at
    /// most 31 calendar days, or `span` seconds, margins included.
    pub(super) fn catch_up(
        &self,
        progress: &Progress,
        now: Timestamp,
        cursor: Option<Bucket>,
        span: Option<i64>,
    ) -> Option<(Window, Bucket)> {
        let mut apart = self.apart(progress, now).filter(|bucket| cursor.is_none_or(|at| at < *bucket));
        let first = match apart.next() {
            Some(first) => first,
            None => self.apart(progress, now).next()?,
        };
        let last = self.apart(progress, now).last()?;
        let from = shift(first.first(), -self.margin());
        let days = SignedDuration::from_hours(24 * MOST_DAYS);
        let mut to = shift(Bucket::of(from, Grain::Day).first(), days);
        if let Some(span) = span {
            // Less than one bucket with its margins would seal nothing.
            let least = first.next().first().duration_since(first.first()) + self.margin() + self.margin();
            let span = SignedDuration::from_secs(span).max(least);
            to = to.min(shift(from, span));
        }
        if self.report == Report::Diagram12 {
            to = Bucket::of(to, Grain::Hour).first().max(first.next().first());
        }
        let to = to.min(shift(last.next().first(), self.margin())).min(self.zone.present(now));
        // The last bucket whose end, with its margin, lies inside.
        let last = Bucket::of(shift(to, -self.margin()), self.grain()).previous().max(first);
        Some((Window { from, to }, last))
    }
}
