//! The day's budget: what is used, what the others use, and when the vendor's day begins.

use crate::api::Report;
use crate::schedule::{Booking, History};
use crate::time::{Bucket, SignedDuration, Timestamp, Zone, civil};

/// The limit assumed when neither the configuration nor the vendor names one.
pub(super) const ASSUMED_LIMIT: u64 = 1_000;

/// Requests booked at a time.
const BLOCK: u64 = 10;

/// How long after the start of a day the vendor's count of the day before is believed at most.
const STALE: SignedDuration = SignedDuration::from_hours(2);

/// Where the limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitSource {
    /// `daily_requests`.
    Configured,
    /// `token_info`.
    Vendor,
    /// Neither: 1,000, which deserves a warning.
    Assumed,
}

/// The budget as it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaView {
    /// Requests per quota day.
    pub limit: u64,
    /// Where the limit comes from.
    pub source: LimitSource,
    /// The vendor's count and our own requests since; before the first `token_info`, what we have booked.
    pub used_today: u64,
    /// What will have been used when the quota day ends, as planned now.
    pub forecast: u64,
    /// The instant at which the present quota day began; local midnight until the vendor's count shows it.
    pub quota_day_start: Option<Timestamp>,
    /// By how much all intervals are stretched to stay within the limit; 1 is not at all.
    pub stretch: f64,
}

#[derive(Debug, Clone, Copy)]
struct VendorCount {
    limit: u64,
    used: u64,
    at: Timestamp,
}

/// The bookkeeping behind [`QuotaView`].
#[derive(Debug)]
pub(super) struct Quota {
    /// When this process began.
    began: Timestamp,
    configured: Option<u64>,
    vendor: Option<VendorCount>,
    /// Sent since the vendor's count was read.
    since: u64,
    /// Sent, or booked by an earlier process, since `day` began.
    own: u64,
    /// Start of the present quota day, the name of our bookings.
    day: Option<Timestamp>,
    /// Local time at which the quota day begins.
    starts: civil::Time,
    /// Whether the vendor's count has shown when its day begins.
    learned: bool,
    /// What others send per hour.
    others: f64,
}

impl Quota {
    pub(super) fn new(configured: Option<u64>, now: Timestamp) -> Quota {
        Quota {
            began: now,
            configured,
            vendor: None,
            since: 0,
            own: 0,
            day: None,
            starts: civil::Time::midnight(),
            learned: false,
            others: 0.0,
        }
    }

    pub(super) fn limit(&self) -> (u64, LimitSource) {
        match (self.configured, self.vendor) {
            (Some(limit), _) => (limit, LimitSource::Configured),
            (None, Some(vendor)) => (vendor.limit, LimitSource::Vendor),
            (None, None) => (ASSUMED_LIMIT, LimitSource::Assumed),
        }
    }

    pub(super) fn used(&self) -> u64 {
        match self.vendor {
            Some(vendor) => vendor.used + self.since,
            None => self.own,
        }
    }

    /// The start of the present quota day.
    pub(super) fn day(&self) -> Option<Timestamp> {
        self.day
    }

    /// Whether the vendor's count was read in the present quota day.
    pub(super) fn is_fresh(&self) -> bool {
        self.vendor.is_some_and(|vendor| self.day.is_none_or(|day| day <= vendor.at))
    }

    fn day_at(&self, now: Timestamp, zone: &Zone) -> Timestamp {
        let today = Bucket::day(zone.civil(now).date());
        let start = zone.instant(today.date().to_datetime(self.starts));
        if start <= now { start } else { zone.instant(today.previous().date().to_datetime(self.starts)) }
    }

    /// The end of the present quota day.
    pub(super) fn day_end(&self, now: Timestamp, zone: &Zone) -> Timestamp {
        let today = Bucket::day(zone.civil(now).date());
        let start = zone.instant(today.date().to_datetime(self.starts));
        if now < start { start } else { zone.instant(today.next().date().to_datetime(self.starts)) }
    }

    /// Takes note of the time: a new day starts a new count of our own.
    ///
    /// The vendor's count stands until it is read again, since its day may start at another time than we think.
    pub(super) fn roll(&mut self, now: Timestamp, zone: &Zone, history: &History) {
        let start = self.day_at(now, zone);
        match self.day {
            None => {
                self.day = Some(start);
                // How much of its bookings an earlier process has used is not known: all.
                self.own = if history.quota_day.is_some_and(|day| day >= start) { history.booked } else { 0 };
            }
            Some(day) if start > day => {
                self.day = Some(start);
                self.own = 0;
            }
            // The clock was set back: the count stands.
            Some(day) if start < day => self.day = Some(start),
            Some(_) => {}
        }
        let lapsed = |vendor: &VendorCount| {
            vendor.at < start && now.duration_since(start) > STALE && now.duration_since(vendor.at) > STALE
        };
        if let Some(vendor) = &mut self.vendor
            && lapsed(vendor)
        {
            vendor.used = 0;
            vendor.at = start;
            self.since = self.own;
        }
    }

    /// What to book before one more request, if anything.
    pub(super) fn booking(&self, history: &History) -> Option<Booking> {
        let quota_day = self.day?;
        let booked = if history.quota_day == Some(quota_day) { history.booked } else { 0 };
        (self.own >= booked).then_some(Booking { quota_day, total: (self.own / BLOCK + 1) * BLOCK })
    }

    /// One request goes out.
    pub(super) fn sent(&mut self) {
        self.own += 1;
        self.since += 1;
    }

    /// The vendor's count has been read.
    pub(super) fn observe(&mut self, limit: u64, used: u64, now: Timestamp, zone: &Zone) {
        if let Some(before) = self.vendor {
            let hours = now.duration_since(before.at).as_secs_f64() / 3600.0;
            if used < before.used {
                self.starts = day_start_between(before.at, now, zone);
                self.learned = true;
                self.day = Some(self.day_at(now, zone));
                self.own = self.since.min(used);
            } else if hours > 0.1 {
                let others = (used - before.used).saturating_sub(self.since) as f64 / hours;
                self.others += 0.3 * (others - self.others);
            }
        }
        self.vendor = Some(VendorCount { limit, used, at: now });
        self.since = 0;
    }

    /// When `token_info` may be asked although the bookings of an earlier process have reached the limit.
    ///
    /// They may be more than was sent, and an assumed limit may be too low. A process that crashes sooner than
    /// this sends nothing.
    pub(super) fn recheck_at(&self) -> Timestamp {
        let wait = if self.configured.is_some() { 60 } else { 1 };
        self.began.saturating_add(SignedDuration::from_mins(wait)).unwrap_or(Timestamp::MAX)
    }

    /// What others will use until the day ends.
    pub(super) fn others_until(&self, end: Timestamp, now: Timestamp) -> f64 {
        self.others * end.duration_since(now).as_secs_f64().max(0.0) / 3600.0
    }

    /// The count at which a report stops: the reserve of 5 % is for seals and priority.
    ///
    /// Seals and `skill_6` may spend all of it, each report after it a fifth less, older buckets nothing.
    pub(super) fn ceiling(&self, share: Share, hours_left: f64) -> u64 {
        let (limit, _) = self.limit();
        let reserve = limit.div_ceil(20);
        let normal = limit - reserve;
        // The vendor may count a `token_info` after it has answered it; and one an hour is still to come,
        // for as long as the day may last.
        let last = limit.saturating_sub(2);
        let hours = if self.learned { hours_left.max(0.0).ceil() as u64 + 2 } else { 26 };
        let most = last.saturating_sub(hours.min(limit / 20));
        match share {
            // The slow re-check that finds out when the vendor's day has begun: hourly, whatever is used.
            Share::Count if self.vendor.is_some() => u64::MAX,
            Share::Count => last,
            Share::Seal => most,
            Share::Present(report) => {
                let rank = Report::FIVE.iter().position(|other| *other == report).unwrap_or(4) as u64;
                (normal + reserve * (5 - rank) / 5).min(most)
            }
            Share::Rest => normal.min(most),
        }
    }
}

/// On whose account a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// `token_info`.
    Count,
    /// A reading that may seal.
    Seal,
    /// The regular reading of a report.
    Present(Report),
    /// Older buckets, names of skills.
    Rest,
}

/// When the vendor's day began, given that its count fell between two instants.
fn day_start_between(before: Timestamp, now: Timestamp, zone: &Zone) -> civil::Time {
    let midnight = zone.start(Bucket::day(zone.civil(now).date()));
    if before < midnight && midnight <= now {
        return civil::Time::midnight();
    }
    // Days of other zones begin on the hour; later is safer than earlier.
    let hour = now.as_second().div_euclid(3600) * 3600;
    let hour = Timestamp::from_second(hour).unwrap_or(now);
    let start = if before < hour { hour } else { now };
    zone.civil(start).time()
}
