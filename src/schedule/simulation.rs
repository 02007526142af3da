//! A vendor and a ledger in virtual time, to live through weeks of a schedule in a second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::api::{Grain, Reason, Report};
use crate::config::{
    Cdr1, CountFrom, Denominator, Diagram4, DnisPolicy, Operation, ReportSettings, Reports, Skill6, Skills,
    TokenSource,
};
use crate::schedule::{History, Next, Outcome, Progress, Purpose, Request, Schedule, WitnessRow};
use crate::time::{Bucket, SignedDuration, Timestamp, Window, Zone, civil::DateTime, shift};

pub(super) fn operation(zone: &str, skills: Skills, daily_requests: Option<u64>) -> Operation {
    let settings = |minutes: u64, settle: u64| ReportSettings {
        interval: Duration::from_secs(60 * minutes),
        settle: Duration::from_secs(3600 * settle),
    };
    let coding_delay = Duration::from_secs(1800);
    Operation {
        name: "acme".to_owned(),
        base_url: "http://127.0.0.1:18080/api/v2/".to_owned(),
        server: "0010".to_owned(),
        token: TokenSource::Env("ACME_TOKEN".to_owned()),
        zone: Zone::named(zone).unwrap(),
        currency: "COP".to_owned(),
        daily_requests,
        count_from: CountFrom::Now,
        skills,
        dnis: DnisPolicy { allow: None, max: 200 },
        labels_max: 200,
        targets: vec![],
        business_hours: vec![],
        reports: Reports {
            skill_6: Some(Skill6 { settings: settings(5, 6), denominator: Denominator::Inbound }),
            diagram_1_2: Some(settings(5, 6)),
            diagram_3: Some(settings(5, 36)),
            cdr_1: Some(Cdr1 { settings: settings(5, 6), coding_delay, agents: false }),
            diagram_4: Some(Diagram4 { settings: settings(15, 6), coding_delay }),
        },
    }
}

pub(super) fn named(skills: &[&str]) -> Skills {
    Skills::Named(skills.iter().map(|skill| (*skill).to_owned()).collect())
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// How the vendor behaves.
#[derive(Debug, Clone)]
pub(super) struct Vendor {
    pub(super) limit: u64,
    pub(super) used: u64,
    /// UTC hour at which the vendor's day begins.
    pub(super) day_hour: i64,
    /// Requests of others per hour.
    pub(super) others: f64,
    pub(super) skills: Vec<String>,
    /// Share of slots in which a skill moves.
    pub(super) busy: f64,
    /// Share of requests that fail, until `healthy_from`.
    pub(super) faults: f64,
    pub(super) reasons: Vec<Reason>,
    pub(super) healthy_from: Timestamp,
    pub(super) latency: SignedDuration,
    /// Rows of events per hour: from 60,000 in an answer on it is cut.
    pub(super) rows_per_hour: f64,
    pub(super) witness_refused: bool,
    /// Calls a day of each row of `skill_6`.
    pub(super) calls_per_day: f64,
    /// Windows of events longer than this, in seconds, time out.
    pub(super) slow_beyond: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) request: Request,
    pub(super) outcome: Outcome,
}

/// A schedule, its vendor and its ledger.
pub(super) struct World {
    pub(super) operation: Operation,
    pub(super) schedule: Schedule,
    pub(super) history: History,
    pub(super) vendor: Vendor,
    pub(super) now: Timestamp,
    pub(super) sent: Vec<Sent>,
    pub(super) began: Timestamp,
    /// Requests sent when the vendor had none left.
    pub(super) overspent: u64,
    vendor_day: i64,
    others_at: Timestamp,
    rng: ChaCha8Rng,
    coverage: BTreeMap<(u64, Report), Vec<Window>>,
    looks: BTreeMap<(Report, String, Bucket), BTreeSet<u64>>,
    parts: BTreeMap<(String, DateTime, u64, u16), BTreeSet<u16>>,
    fingerprints: BTreeMap<String, u64>,
}

impl World {
    pub(super) fn new(operation: Operation, seed: u64, now: Timestamp) -> World {
        let skills = match &operation.skills {
            Skills::Named(named) => named.iter().cloned().collect(),
            _ => (101..=108).map(|skill| skill.to_string()).collect(),
        };
        let vendor = Vendor {
            limit: operation.daily_requests.unwrap_or(25_000),
            used: 0,
            day_hour: 5,
            others: 0.0,
            skills,
            busy: 0.3,
            faults: 0.0,
            reasons: vec![],
            healthy_from: now,
            latency: SignedDuration::from_millis(700),
            rows_per_hour: 50.0,
            witness_refused: false,
            calls_per_day: 500.0,
            slow_beyond: None,
        };
        let mut history = History::default();
        let from = operation.count_from.instant(&operation.zone, now);
        for report in operation.enabled().filter(|report| *report != Report::Skill6) {
            let bucket = operation.zone.bucket(from, report.grain().unwrap());
            let progress =
                Progress { unsealed_from: bucket, sealed_after: BTreeSet::new(), last_success: None };
            history.reports.insert(report, progress);
        }
        World {
            schedule: Schedule::new(&operation, seed, now),
            operation,
            history,
            vendor,
            now,
            began: now,
            sent: vec![],
            overspent: 0,
            vendor_day: i64::MIN,
            others_at: now,
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            coverage: BTreeMap::new(),
            looks: BTreeMap::new(),
            parts: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
        }
    }

    pub(super) fn run_for(&mut self, hours: i64) {
        self.run_for_minutes(60 * hours);
    }

    pub(super) fn run_for_minutes(&mut self, minutes: i64) {
        let until = self.now.saturating_add(SignedDuration::from_mins(minutes)).unwrap();
        while self.now < until {
            self.step(until);
        }
    }

    /// Runs until a question of the report has been asked.
    pub(super) fn run_until_sent(&mut self, report: Report) {
        let until = self.now.saturating_add(hours(24)).unwrap();
        while self.step(until) != Some(report) {
            assert!(self.now < until, "{report} is not asked for a day");
        }
    }

    fn step(&mut self, until: Timestamp) -> Option<Report> {
        let mut next = self.schedule.next(self.now, &self.history);
        if let Next::Book(booking) = next {
            self.history.quota_day = Some(booking.quota_day);
            self.history.booked = booking.total;
            next = self.schedule.next(self.now, &self.history);
        }
        match next {
            Next::Ask(request) => {
                self.check(&request);
                let outcome = self.answer(&request);
                let asked = self.now;
                self.now = self.now.saturating_add(self.vendor.latency).unwrap();
                self.note(&request, &outcome, asked);
                self.schedule.done(&request, outcome.clone(), self.now);
                let report = request.report;
                self.sent.push(Sent { at: asked, request, outcome });
                Some(report)
            }
            Next::Wait(at) => {
                assert!(at > self.now, "a wait that has already passed spins");
                self.now = at.min(until);
                None
            }
            Next::Book(booking) => panic!("booked and asked again: {booking:?}"),
        }
    }

    fn check(&mut self, request: &Request) {
        assert!(request.now <= self.now);
        if let Some(window) = request.window {
            assert!(!window.is_empty(), "{request:?}");
            assert!(window.to <= self.operation.zone.present(request.now), "into the future: {request:?}");
            let days = Bucket::of(shift(window.to, SignedDuration::from_secs(-1)), Grain::Day).index()
                - Bucket::of(window.from, Grain::Day).index();
            assert!(days < 31, "more than 31 days: {request:?}");
        }
        let booked = if self.history.quota_day.is_some() { self.history.booked } else { 0 };
        assert!(booked > 0, "sent before it was booked");
    }

    fn roll(&mut self) {
        let day = (self.now.as_second() - self.vendor.day_hour * 3600).div_euclid(86_400);
        if day != self.vendor_day {
            self.vendor_day = day;
            self.vendor.used = 0;
            self.others_at = self.now;
        }
        let hours = self.now.duration_since(self.others_at).as_secs_f64() / 3600.0;
        let others = (hours * self.vendor.others).floor();
        if others >= 1.0 {
            self.vendor.used = (self.vendor.used + others as u64).min(self.vendor.limit);
            self.others_at = self.now;
        }
    }

    fn answer(&mut self, request: &Request) -> Outcome {
        self.roll();
        if self.vendor.used >= self.vendor.limit {
            // The hourly re-check may come too early; nothing else may.
            self.overspent += u64::from(request.report != Report::TokenInfo);
            return Outcome::Failed(Reason::Quota);
        }
        self.vendor.used += 1;
        if self.now < self.vendor.healthy_from && self.rng.random_bool(self.vendor.faults) {
            let reason = self.vendor.reasons[self.rng.random_range(0..self.vendor.reasons.len())];
            let splits = matches!(reason, Reason::Timeout | Reason::Truncated);
            return if splits { Outcome::Split(reason) } else { Outcome::Failed(reason) };
        }
        match request.report {
            Report::TokenInfo => Outcome::Quota { limit: self.vendor.limit, used: self.vendor.used },
            Report::Skills => Outcome::Skills(self.vendor.skills.iter().cloned().collect()),
            Report::Skill1 if self.vendor.witness_refused => Outcome::Failed(Reason::Request),
            Report::Skill1 => {
                let mut rows = vec![];
                for skill in self.vendor.skills.clone() {
                    let moves = self.rng.random_bool(self.vendor.busy);
                    let is_today =
                        request.window.unwrap().from.date() == self.operation.zone.civil(request.now).date();
                    let fingerprint = self.fingerprints.entry(skill.clone()).or_insert(1);
                    if moves && is_today {
                        *fingerprint += 1;
                    }
                    if is_idle(&skill) {
                        continue;
                    }
                    let inbound_calls = self.vendor.calls_per_day as i64;
                    let fingerprint = if is_today { *fingerprint } else { 0 };
                    rows.push(WitnessRow { skill, inbound_calls, fingerprint });
                }
                Outcome::Witness(rows)
            }
            Report::Skill6 => {
                let seconds = request.window.unwrap().seconds() as f64;
                let calls = self.vendor.calls_per_day * seconds / 86_400.0;
                let rows = if is_idle(&request.skill) { 0 } else { 4 };
                Outcome::Applied { rows, coarse: calls >= 10_000.0 }
            }
            _ => {
                let window = request.window.unwrap();
                if self.vendor.slow_beyond.is_some_and(|longest| window.seconds() > longest) {
                    return Outcome::Split(Reason::Timeout);
                }
                let rows = (self.vendor.rows_per_hour * window.seconds() as f64 / 3600.0) as u64;
                if request.report.has_rows_of_events() && rows >= 60_000 && window.seconds() > 1 {
                    return Outcome::Split(Reason::Truncated);
                }
                Outcome::Applied { rows, coarse: false }
            }
        }
    }

    /// What the ledger would do with the answer.
    fn note(&mut self, request: &Request, outcome: &Outcome, asked: Timestamp) {
        match outcome {
            Outcome::Applied { rows, coarse } if request.report == Report::Skill6 => {
                let window = request.window.unwrap();
                let day = Bucket::of(window.from, Grain::Day);
                let (part, parts) = request.part;
                if *coarse && parts > 1 {
                    return;
                }
                let set = (request.skill.clone(), day.first(), request.slot, parts);
                let seen = self.parts.entry(set).or_default();
                seen.insert(part);
                if seen.len() == usize::from(parts) {
                    self.look(Report::Skill6, &request.skill, day, request.slot, asked, *rows > 0);
                    // As the ledger does: what does not reach the present is no success of the present.
                    let reaches = request.window.unwrap().to >= self.operation.zone.present(request.now);
                    if request.purpose == Purpose::Present && reaches {
                        let progress = self.history.skills.get_mut(&request.skill).unwrap();
                        progress.last_success = Some(request.now);
                    }
                }
            }
            Outcome::Witness(rows) => {
                let day = Bucket::of(request.window.unwrap().from, Grain::Day);
                let present: BTreeSet<String> = rows.iter().map(|row| row.skill.clone()).collect();
                let absent: Vec<String> =
                    self.history.skills.keys().filter(|skill| !present.contains(*skill)).cloned().collect();
                for skill in absent {
                    self.look(Report::Skill6, &skill, day, request.slot, asked, false);
                }
            }
            Outcome::Applied { .. } => {
                let report = request.report;
                let grain = report.grain().unwrap();
                let windows = self.coverage.entry((request.slot, report)).or_default();
                windows.push(request.window.unwrap());
                windows.sort();
                let mut union: Vec<Window> = vec![];
                for window in windows.iter() {
                    match union.last_mut() {
                        Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
                        _ => union.push(*window),
                    }
                }
                let margin = if report.has_rows_of_events() { hours(2) } else { hours(0) };
                for span in union {
                    let from = self.history.reports[&report].unsealed_from.index();
                    let first = Bucket::of(span.from, grain).index().max(from);
                    for index in first..=Bucket::of(span.to, grain).index() {
                        let bucket = Bucket::from_index(grain, index);
                        let whole = bucket.window();
                        let needs = Window { from: shift(whole.from, -margin), to: shift(whole.to, margin) };
                        if span.covers(&needs) {
                            self.look(report, "", bucket, request.slot, asked, has_rows(bucket));
                        }
                    }
                }
                if request.purpose == Purpose::Present {
                    self.history.reports.get_mut(&report).unwrap().last_success = Some(request.now);
                }
            }
            _ => {}
        }
    }

    fn look(&mut self, report: Report, skill: &str, bucket: Bucket, slot: u64, asked: Timestamp, rows: bool) {
        let floor = self
            .operation
            .zone
            .bucket(self.operation.count_from.instant(&self.operation.zone, self.began), bucket.grain());
        let progress = match report {
            Report::Skill6 => self.history.skills.entry(skill.to_owned()).or_insert(Progress {
                unsealed_from: floor.min(bucket),
                sealed_after: BTreeSet::new(),
                last_success: None,
            }),
            _ => self.history.reports.get_mut(&report).unwrap(),
        };
        let settle = SignedDuration::try_from(self.operation.settings(report).unwrap().settle).unwrap();
        let settled = self.operation.zone.end(bucket).saturating_add(settle).unwrap();
        if asked < settled || progress.is_sealed(bucket) {
            return;
        }
        let looks = self.looks.entry((report, skill.to_owned(), bucket)).or_default();
        looks.insert(slot);
        if rows || looks.len() >= 2 {
            progress.sealed_after.insert(bucket);
            while progress.sealed_after.remove(&progress.unsealed_from) {
                progress.unsealed_from = progress.unsealed_from.next();
            }
        }
    }

    /// Buckets that should have been sealed `patience` ago and are not.
    pub(super) fn overdue(&self, patience: SignedDuration) -> Vec<(Report, String, Bucket)> {
        let mut overdue = vec![];
        let reports = self.history.reports.iter().map(|(report, progress)| (*report, "", progress));
        let skills = self.history.skills.iter().map(|(skill, progress)| (Report::Skill6, &**skill, progress));
        for (report, skill, progress) in reports.chain(skills) {
            let settle = SignedDuration::try_from(self.operation.settings(report).unwrap().settle).unwrap();
            let last = self.operation.zone.bucket(self.now, report.grain().unwrap());
            for bucket in progress.unsealed(last) {
                let due = self.operation.zone.end(bucket).saturating_add(settle + patience).unwrap();
                if due < self.now {
                    overdue.push((report, skill.to_owned(), bucket));
                }
            }
        }
        overdue
    }

    /// Instants at which present readings of a report began: one per slot.
    pub(super) fn slots(&self, report: Report) -> Vec<Timestamp> {
        let mut slots: BTreeMap<u64, Timestamp> = BTreeMap::new();
        for sent in &self.sent {
            if sent.request.report == report && sent.request.purpose == Purpose::Present {
                slots.entry(sent.request.slot).or_insert(sent.at);
            }
        }
        slots.into_values().collect()
    }

    pub(super) fn count(&self, report: Report, from: Timestamp, to: Timestamp) -> usize {
        self.sent
            .iter()
            .filter(|sent| sent.request.report == report && from <= sent.at && sent.at < to)
            .count()
    }
}

/// Skills whose id ends in 8 never have a call.
pub(super) fn is_idle(skill: &str) -> bool {
    skill.ends_with('8')
}

/// Nights have no rows.
fn has_rows(bucket: Bucket) -> bool {
    bucket.grain() == Grain::Day || bucket.first().hour() >= 7
}
