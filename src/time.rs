//! Clock, zone, buckets and windows. The only file that asks what time it is.
//!
//! Buckets and wire times are *local calendar labels* (`2026-04-04`, `2026-04-04 23`). Instants
//! ([`Timestamp`]) only decide what has ended and what has settled. A local day is 23 to 25 hours
//! long and midnight may not exist; every edge comes from here, never from arithmetic on text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
pub use jiff::{SignedDuration, Timestamp, civil};
use tokio::sync::watch;

use crate::api::Grain;

/// The time as the rest of the program may see it: real, scaled (demo) or set by a test.
///
/// Clones share their state. Instants of the clock order events of the contact centre; durations
/// of our own work (request latency, zero-hold) are measured with [`Stopwatch`], which is always
/// real and monotonic.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Real,
    Scaled { origin: Timestamp, started: Instant, started_wall: Timestamp, speed: f64 },
    Manual(watch::Sender<Hand>),
}

/// Where a manual clock stands, and who waits for it.
#[derive(Debug)]
struct Hand {
    now: Timestamp,
    /// When each sleeper wants to be woken; those whose time has come are gone.
    sleepers: BTreeMap<u64, Timestamp>,
    /// The number of the next sleeper.
    next: u64,
    /// How often it was set back. A sleeper may look only after the clock has been set forward again.
    set_back: u64,
}

/// One sleeper of a manual clock, struck off when it wakes or gives up.
#[derive(Debug)]
struct Sleeper<'a> {
    hand: &'a watch::Sender<Hand>,
    number: u64,
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.hand.send_if_modified(|hand| hand.sleepers.remove(&self.number).is_some());
    }
}

impl Clock {
    /// The machine's own clock.
    pub fn real() -> Clock {
        Clock(Arc::new(Inner::Real))
    }

    /// A clock that stands at `origin` now and runs `speed` times faster than real time.
    pub fn scaled(origin: Timestamp, speed: f64) -> Clock {
        assert!(speed.is_finite() && speed > 0.0, "the speed of a clock is positive and finite");
        Clock(Arc::new(Inner::Scaled { origin, started: monotonic(), started_wall: wall(), speed }))
    }

    /// A clock that moves only when a test calls [`Clock::advance_to`].
    pub fn manual(now: Timestamp) -> Clock {
        let hand = Hand { now, sleepers: BTreeMap::new(), next: 0, set_back: 0 };
        Clock(Arc::new(Inner::Manual(watch::Sender::new(hand))))
    }

    /// The present instant of this clock.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Inner::Real => wall(),
            Inner::Scaled { origin, started, speed, .. } => {
                let elapsed = started.elapsed().mul_f64(*speed);
                add(*origin, elapsed)
            }
            Inner::Manual(hand) => hand.borrow().now,
        }
    }

    /// Whether its instants are real ones.
    pub fn is_real(&self) -> bool {
        !matches!(&*self.0, Inner::Scaled { .. })
    }

    /// How many seconds of this clock pass in one real second.
    pub fn speed(&self) -> f64 {
        match &*self.0 {
            Inner::Scaled { speed, .. } => *speed,
            _ => 1.0,
        }
    }

    /// The real instant at which this clock shows `at`: what a `_timestamp_seconds` gauge holds.
    pub fn to_wall(&self, at: Timestamp) -> Timestamp {
        match &*self.0 {
            Inner::Scaled { origin, started_wall, speed, .. } => {
                let offset = at.duration_since(*origin).as_secs_f64() / speed;
                let offset = SignedDuration::try_from_secs_f64(offset).unwrap_or(SignedDuration::ZERO);
                started_wall.saturating_add(offset).unwrap_or(*started_wall)
            }
            _ => at,
        }
    }

    /// Sets a manual clock. Panics when the clock is not manual.
    pub fn advance_to(&self, to: Timestamp) {
        match &*self.0 {
            // In one step: whoever is woken by this no longer counts as asleep.
            Inner::Manual(hand) => hand.send_modify(|hand| {
                let is_back = to < hand.now;
                hand.set_back += u64::from(is_back);
                hand.now = to;
                hand.sleepers.retain(|_, until| *until > to && !is_back);
            }),
            _ => panic!("only a manual clock can be set"),
        }
    }

    /// Waits until `sleepers` tasks sleep by a manual clock; returns when the first of them wants to wake.
    ///
    /// A test that knows its tasks thus sees them come to rest, and moves time to where something happens.
    /// Panics when the clock is not manual.
    pub async fn asleep(&self, sleepers: usize) -> Timestamp {
        match &*self.0 {
            Inner::Manual(hand) => {
                let mut seen = hand.subscribe();
                let rested = seen.wait_for(|hand| hand.sleepers.len() >= sleepers).await;
                // The sender lives in `self`, so waiting cannot fail while we are here.
                let first = rested.ok().and_then(|hand| hand.sleepers.values().min().copied());
                first.unwrap_or(Timestamp::MAX)
            }
            _ => panic!("only a manual clock knows its sleepers"),
        }
    }

    /// Moves a manual clock by a duration. Panics when the clock is not manual.
    pub fn advance(&self, by: SignedDuration) {
        let to = self.now().saturating_add(by).unwrap_or(Timestamp::MAX);
        self.advance_to(to);
    }

    /// Waits until this clock shows `at` or later, or until it is set back: what was due at `at` may then be due at
    /// another time, and waiting on could take years. Notices steps of the machine's clock within a minute.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &*self.0 {
            Inner::Manual(hand) => {
                let mut seen = hand.subscribe();
                let mut number = None;
                let mut set_back = 0;
                hand.send_if_modified(|hand| {
                    set_back = hand.set_back;
                    if hand.now < at {
                        hand.sleepers.insert(hand.next, at);
                        number = Some(hand.next);
                        hand.next += 1;
                    }
                    number.is_some()
                });
                let Some(number) = number else { return };
                let _asleep = Sleeper { hand, number };
                // The sender lives in `self`, so waiting cannot fail while we are here.
                let _ = seen.wait_for(|hand| hand.set_back != set_back || hand.now >= at).await;
            }
            _ => {
                let mut latest = Timestamp::MIN;
                loop {
                    let now = self.now();
                    let left = at.duration_since(now);
                    if left <= SignedDuration::ZERO || now < latest {
                        return;
                    }
                    latest = now;
                    let left = Duration::try_from(left).unwrap_or(Duration::MAX);
                    let real = left.div_f64(self.speed()).max(Duration::from_millis(1));
                    tokio::time::sleep(real.min(Duration::from_secs(60))).await;
                }
            }
        }
    }
}

/// Measures how long our own work takes, in real time that never steps.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        Stopwatch(monotonic())
    }

    /// Real time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall() -> Timestamp {
    Timestamp::now()
}

fn add(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.saturating_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// A local day or a local hour, as a calendar label without an offset.
///
/// Ordered and counted by label: `next` of `2026-03-08 01` is `2026-03-08 02` even where that
/// hour does not exist (such a bucket has no length and never any rows).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    grain: Grain,
    index: i32,
}

const EPOCH: Date = civil::date(1970, 1, 1);

impl Bucket {
    /// The bucket that a local date and time falls into.
    pub fn of(at: DateTime, grain: Grain) -> Bucket {
        let days = days_since_epoch(at.date());
        let index = match grain {
            Grain::Day => days,
            Grain::Hour => days * 24 + i32::from(at.hour()),
        };
        Bucket { grain, index }
    }

    /// The day with this date.
    pub fn day(date: Date) -> Bucket {
        Bucket { grain: Grain::Day, index: days_since_epoch(date) }
    }

    /// The bucket with this number: days, or hour labels, since the start of 1970.
    pub const fn from_index(grain: Grain, index: i32) -> Bucket {
        Bucket { grain, index }
    }

    /// Days, or hour labels, since the start of 1970; the form on disk.
    pub const fn index(self) -> i32 {
        self.index
    }

    /// Whether the bucket is a day or an hour.
    pub const fn grain(self) -> Grain {
        self.grain
    }

    /// The first second of the label.
    pub fn first(self) -> DateTime {
        let (days, hour) = match self.grain {
            Grain::Day => (self.index, 0),
            Grain::Hour => (self.index.div_euclid(24), self.index.rem_euclid(24)),
        };
        let date = EPOCH.saturating_add(SignedDuration::from_hours(24 * i64::from(days)));
        // Invariant: `rem_euclid(24)` lies in 0..24.
        date.at(hour as i8, 0, 0, 0)
    }

    /// The local date of the label.
    pub fn date(self) -> Date {
        self.first().date()
    }

    /// The label that follows.
    #[must_use]
    pub const fn next(self) -> Bucket {
        Bucket { grain: self.grain, index: self.index + 1 }
    }

    /// The label before.
    #[must_use]
    pub const fn previous(self) -> Bucket {
        Bucket { grain: self.grain, index: self.index - 1 }
    }

    /// The label's own stretch of local time.
    pub fn window(self) -> Window {
        Window { from: self.first(), to: self.next().first() }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first();
        match self.grain {
            Grain::Day => write!(f, "{}", first.date()),
            Grain::Hour => write!(f, "{} {:02}", first.date(), first.hour()),
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({self})")
    }
}

fn days_since_epoch(date: Date) -> i32 {
    // Invariant: jiff's dates span years -9999 to 9999, some 7.3 million days.
    date.duration_since(EPOCH).as_hours().div_euclid(24) as i32
}

/// The half-open stretch `[from, to)` of local time that one request covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First second asked for; on the wire `date_ini`.
    pub from: DateTime,
    /// First second not asked for; on the wire `date_end` is one second earlier.
    pub to: DateTime,
}

impl Window {
    /// Whether a local time lies inside.
    pub fn contains(&self, at: DateTime) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether all of `other` lies inside.
    pub fn covers(&self, other: &Window) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// Whether nothing lies inside.
    pub fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    /// Label seconds from `from` to `to`, negative when reversed.
    pub fn seconds(&self) -> i64 {
        self.to.duration_since(self.from).as_secs()
    }

    /// `date_ini` in the API's form, `YYYYmmddHHiiss`.
    pub fn date_ini(&self) -> String {
        wire(self.from)
    }

    /// `date_end` in the API's form: the last second inside the window.
    pub fn date_end(&self) -> String {
        wire(shift(self.to, SignedDuration::from_secs(-1)))
    }
}

/// A local time moved by label seconds, saturating at the ends of the calendar.
pub fn shift(at: DateTime, by: SignedDuration) -> DateTime {
    at.saturating_add(by)
}

fn wire(at: DateTime) -> String {
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// An operation's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    zone: TimeZone,
}

impl Zone {
    /// The zone with this IANA name, for example `America/Bogota`.
    pub fn named(name: &str) -> Result<Zone, jiff::Error> {
        let zone = TimeZone::get(name)?;
        Ok(Zone { name: name.into(), zone })
    }

    /// The IANA name as written in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local date and time at an instant.
    pub fn civil(&self, at: Timestamp) -> DateTime {
        at.to_zoned(self.zone.clone()).datetime()
    }

    /// The first instant that carries this local time; where it is skipped, the first instant after the gap.
    pub fn instant(&self, at: DateTime) -> Timestamp {
        self.zone.to_ambiguous_timestamp(at).compatible().unwrap_or(Timestamp::MAX)
    }

    /// The last instant that carries this local time (the second pass of a folded hour).
    pub fn last_instant(&self, at: DateTime) -> Timestamp {
        self.zone.to_ambiguous_timestamp(at).later().unwrap_or(Timestamp::MAX)
    }

    /// The bucket of an instant.
    pub fn bucket(&self, at: Timestamp, grain: Grain) -> Bucket {
        Bucket::of(self.civil(at), grain)
    }

    /// The instant at which a bucket begins.
    pub fn start(&self, bucket: Bucket) -> Timestamp {
        self.instant(bucket.first())
    }

    /// The instant at which a bucket has ended: the start of the next one.
    pub fn end(&self, bucket: Bucket) -> Timestamp {
        self.start(bucket.next())
    }

    /// The window's end as the wire may carry it at `now`: never later than the present, except that the
    /// second pass of a folded hour is asked for to the hour's last second, since its labels run again.
    pub fn present(&self, now: Timestamp) -> DateTime {
        let label = self.civil(now).round_down_to_second();
        // A label that ran before, well before now, is in its second pass.
        if now.duration_since(self.instant(label)) > SignedDuration::from_mins(1) {
            return Bucket::of(label, Grain::Hour).next().first();
        }
        shift(label, SignedDuration::from_secs(1))
    }
}

trait RoundDown {
    fn round_down_to_second(self) -> DateTime;
}

impl RoundDown for DateTime {
    fn round_down_to_second(self) -> DateTime {
        // Dropping the fraction keeps every other part, so the value stays valid.
        self.with().subsec_nanosecond(0).build().unwrap_or(self)
    }
}

#[cfg(test)]
mod tests;
