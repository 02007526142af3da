//! A model that only counts: which row was seen, what it was worth, and which answer was the last word on its hour.
//!
//! It knows no cells, no marks and no transactions, has its own calendar (from the time zone database, without
//! `crate::time`'s arithmetic), and takes rows as the vendor has them, not as the decoder understood them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::vendor::{Body, Exchange, FEELINGS, HANG_UPS, RESULTS, Row, STATUSES, skill};
use crate::api::Report;
use crate::metrics::catalogue::*;
use crate::metrics::{Family, Kind, Label, LabelText};

pub(super) const OPERATION: &str = "acme";

/// Values by family and label text.
pub(super) type Sums = BTreeMap<(&'static str, String), Vec<i64>>;

/// The number dialled.
pub(super) fn dnis(number: u8) -> String {
    format!("60{number}")
}

/// Labels beside `operation`.
type Labels = Vec<(Label, String)>;

/// The identity, the labels that are fixed at first sight, what it is worth, and the status of a callback.
type Event = (String, Labels, Vec<Item>, Option<&'static str>);

/// Calls that were added up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Queue {
    pub(super) answered: i64,
    pub(super) abandoned: i64,
    pub(super) within: [i64; 3],
    answer_ms: i64,
    abandon_ms: i64,
}

impl Queue {
    pub(super) fn add(&mut self, body: &Body) {
        let Body::Queue { answered, abandoned, wait, .. } = body else { return };
        self.answered += answered;
        self.abandoned += abandoned;
        for (count, bound) in self.within.iter_mut().zip([10, 20, 30]) {
            *count += if *wait <= bound { *answered } else { 0 };
        }
        self.answer_ms += answered * wait * 1000;
        self.abandon_ms += abandoned * (wait + 7) * 1000;
    }

    /// Average speed of answer in milliseconds, as printed.
    pub(super) fn asa(&self) -> i64 {
        average(self.answer_ms, self.answered)
    }

    /// Average time to abandon in milliseconds, as printed.
    pub(super) fn ata(&self) -> i64 {
        average(self.abandon_ms, self.abandoned)
    }

    fn items(&self) -> Vec<Item> {
        let [c10, c20, c30] = self.within;
        let follows =
            |family, values: Vec<i64>| Item { family, slot: 0, labels: vec![], values, rule: Rule::Follows };
        vec![
            follows(&INBOUND_CALLS, vec![self.answered + self.abandoned]),
            follows(&ANSWERED_CALLS, vec![self.answered]),
            follows(&ABANDONED_CALLS, vec![self.abandoned]),
            follows(&ANSWER_WAIT, vec![c10, c20, c30, self.answered, self.asa() * self.answered]),
            follows(&ABANDON_WAIT, vec![self.abandoned, self.ata() * self.abandoned]),
        ]
    }
}

fn average(sum: i64, count: i64) -> i64 {
    if count == 0 { 0 } else { (sum + count / 2) / count }
}

/// When a part of a row counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Follows,
    Once,
    AtSeal,
}

/// A part of a row, in one family.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    family: &'static Family,
    slot: u16,
    labels: Vec<(Label, String)>,
    values: Vec<i64>,
    rule: Rule,
}

/// What the model remembers of a row, or of a key of a report of totals.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    key: Vec<(Label, String)>,
    items: Vec<Item>,
    /// What it was worth in the opening reading.
    base: Option<Vec<Item>>,
    counts: bool,
    status: Option<&'static str>,
}

impl Seen {
    fn add_to(&self, sums: &mut Sums, is_final: bool) {
        if !self.counts {
            return;
        }
        for item in self.items.iter().filter(|item| is_final || item.rule != Rule::AtSeal) {
            add(sums, item, &self.key, 1);
        }
        for item in self.base.iter().flatten() {
            add(sums, item, &self.key, -1);
        }
    }
}

fn add(sums: &mut Sums, item: &Item, key: &[(Label, String)], sign: i64) {
    let value = |label: &Label| {
        let found = item.labels.iter().chain(key).find(|(known, _)| known == label);
        found.map_or("?", |(_, value)| value.as_str())
    };
    let pairs = item.family.labels.iter().map(|label| match label {
        Label::Operation => (*label, OPERATION),
        label => (*label, value(label)),
    });
    let text = LabelText::new(pairs).as_str().to_owned();
    let sum = sums.entry((item.family.name, text)).or_insert_with(|| vec![0; item.values.len()]);
    for (sum, value) in sum.iter_mut().zip(&item.values) {
        *sum += sign * value;
    }
}

/// The zone's own calendar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calendar(pub(super) TimeZone);

impl Calendar {
    pub(super) fn local(&self, at: Timestamp) -> DateTime {
        let local = at.to_zoned(self.0.clone()).datetime();
        local.with().subsec_nanosecond(0).build().unwrap()
    }

    /// The first instant at or after which the label shows.
    pub(super) fn instant(&self, at: DateTime) -> Timestamp {
        self.0.to_ambiguous_timestamp(at).compatible().unwrap()
    }

    /// The label after the last one that may have been read.
    fn present(&self, now: Timestamp) -> DateTime {
        let label = self.local(now);
        if let AmbiguousOffset::Fold { after, .. } = self.0.to_ambiguous_zoned(label).offset()
            && self.0.to_offset(now) == after
        {
            return hour(label).checked_add(SignedDuration::from_hours(1)).unwrap();
        }
        label.checked_add(SignedDuration::from_secs(1)).unwrap()
    }
}

fn hour(at: DateTime) -> DateTime {
    at.date().at(at.hour(), 0, 0, 0)
}

/// The settings that decide when something counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    pub(super) settle: SignedDuration,
    pub(super) coding: SignedDuration,
    pub(super) agents: bool,
}

/// How a scope begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Begin {
    Opening,
    Zero,
    From(Timestamp),
}

/// One report, or one skill of `skill_6`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scope {
    report: Report,
    pub(super) first: DateTime,
    /// Every bucket from the first on that is sealed.
    pub(super) sealed: BTreeSet<DateTime>,
    opening: BTreeSet<DateTime>,
    seen: BTreeMap<(DateTime, String), Seen>,
    slot: u64,
    windows: Vec<(DateTime, DateTime, Timestamp, bool)>,
    late: BTreeMap<DateTime, BTreeSet<String>>,
    empty: BTreeMap<DateTime, u64>,
    tried: BTreeMap<DateTime, Timestamp>,
    pub(super) left: Option<DateTime>,
}

/// The last word on a bucket, or the lack of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) sealed: u64,
    pub(super) as_held: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    pub(super) calendar: Calendar,
    pub(super) settings: Settings,
    pub(super) scopes: BTreeMap<(Report, String), Scope>,
    pub(super) sealed: Sums,
    /// The highest sum after any answer, elementwise.
    pub(super) highest: Sums,
    /// `skill_6` of today by skill: the day, when read, and inbound calls by number.
    pub(super) today: BTreeMap<String, (DateTime, Timestamp, BTreeMap<String, i64>)>,
    /// When each report, or skill of `skill_6`, was last known to be good.
    pub(super) fresh: BTreeMap<(Report, String), Timestamp>,
    pub(super) words: Words,
    /// Skills wait for the first list.
    pub(super) awaits_list: Option<Begin>,
    /// Skills are discovered, not named.
    pub(super) discovers: bool,
    /// Whether `skill_6` was ever on with skills to discover.
    pub(super) has_met_skills: bool,
    /// Days of `skill_6` that are read in parts: what has come so far, and how many parts.
    parts: BTreeMap<(String, Date), (Exchange, u16)>,
    /// A witness has shown somebody.
    witness_speaks: bool,
}

impl Model {
    pub(super) fn new(zone: &str, settings: Settings) -> Model {
        Model {
            calendar: Calendar(TimeZone::get(zone).unwrap()),
            settings,
            scopes: BTreeMap::new(),
            sealed: Sums::new(),
            highest: Sums::new(),
            today: BTreeMap::new(),
            fresh: BTreeMap::new(),
            words: Words::default(),
            awaits_list: None,
            discovers: false,
            has_met_skills: false,
            parts: BTreeMap::new(),
            witness_speaks: false,
        }
    }

    fn bucket(report: Report, at: DateTime) -> DateTime {
        match report {
            Report::Skill6 | Report::Diagram3 => at.date().at(0, 0, 0, 0),
            _ => hour(at),
        }
    }

    pub(super) fn next(report: Report, bucket: DateTime) -> DateTime {
        match report {
            Report::Skill6 | Report::Diagram3 => bucket.date().tomorrow().unwrap().at(0, 0, 0, 0),
            _ => bucket.checked_add(SignedDuration::from_hours(1)).unwrap(),
        }
    }

    fn previous(report: Report, bucket: DateTime) -> DateTime {
        Model::bucket(report, bucket.checked_sub(SignedDuration::from_secs(1)).unwrap())
    }

    /// Whether the bucket has ended and settled at an instant.
    fn is_settled(&self, report: Report, bucket: DateTime, at: Timestamp) -> bool {
        self.calendar.instant(Model::next(report, bucket)) + self.settings.settle < at
    }

    /// The whole day, once its last part has come; `None` before.
    fn day_of(&mut self, exchange: &Exchange) -> Option<Exchange> {
        let (request, (index, count)) = (&exchange.request, exchange.request.part);
        if count <= 1 {
            return Some(exchange.clone());
        }
        let day = request.window.unwrap().from.date();
        let name = (request.skill.clone(), day);
        let fits = |(before, parts): &(Exchange, u16)| {
            before.request.slot == request.slot && before.request.part.1 == count && *parts == index
        };
        let whole = match self.parts.remove(&name) {
            _ if index == 0 => (exchange.clone(), 1),
            Some(so_far) if fits(&so_far) => {
                let (mut whole, parts) = so_far;
                whole.rows.extend(exchange.rows.iter().cloned());
                whole.request.window.as_mut().unwrap().to = request.window.unwrap().to;
                (whole, parts + 1)
            }
            _ => return None,
        };
        if whole.1 == count {
            return Some(whole.0);
        }
        self.parts.insert(name, whole);
        None
    }

    /// A report, or a skill, enters.
    pub(super) fn enter(&mut self, report: Report, skill: &str, begin: Begin, now: Timestamp) {
        let current = Model::bucket(report, self.calendar.local(now));
        let mut oldest = current;
        while !self.is_settled(report, Model::previous(report, oldest), now) {
            oldest = Model::previous(report, oldest);
        }
        let all = |from: DateTime| {
            let mut bucket = from;
            std::iter::from_fn(move || {
                let this = bucket;
                bucket = Model::next(report, this);
                (this <= current).then_some(this)
            })
        };
        let name = (report, skill.to_owned());
        if let Some(scope) = self.scopes.get_mut(&name) {
            // It comes back: what it was away for does not count.
            let Some(left) = scope.left.take() else { return };
            for bucket in all(Model::next(report, left)) {
                if bucket < oldest {
                    scope.sealed.insert(bucket);
                } else if begin != Begin::Zero {
                    scope.opening.insert(bucket);
                }
            }
            self.fresh.remove(&name);
            return;
        }
        let (first, opening) = match begin {
            Begin::Opening => (oldest, all(oldest).collect()),
            Begin::Zero => (oldest, BTreeSet::new()),
            Begin::From(at) => (Model::bucket(report, self.calendar.local(at)), BTreeSet::new()),
        };
        let scope = Scope {
            report,
            first,
            sealed: BTreeSet::new(),
            opening,
            seen: BTreeMap::new(),
            slot: 0,
            windows: Vec::new(),
            late: BTreeMap::new(),
            empty: BTreeMap::new(),
            tried: BTreeMap::new(),
            left: None,
        };
        self.scopes.insert(name, scope);
    }

    /// A report is turned off, or a skill is gone.
    pub(super) fn leave(&mut self, report: Report, skill: Option<&str>, now: Timestamp) {
        let current = Model::bucket(report, self.calendar.local(now));
        for ((known, name), scope) in &mut self.scopes {
            if *known == report && skill.is_none_or(|skill| skill == name) && scope.left.is_none() {
                scope.left = Some(current);
            }
        }
    }

    /// The ledger was read anew: what was only in memory of a slot under way, or of a first empty look, is gone.
    pub(super) fn forget(&mut self) {
        for scope in self.scopes.values_mut() {
            scope.slot = 0;
            scope.windows.clear();
            scope.late.clear();
            scope.empty.clear();
        }
    }

    /// The process begins again.
    pub(super) fn restart(&mut self) {
        self.forget();
        self.today.clear();
        self.witness_speaks = false;
    }

    /// A whole answer arrived and was committed.
    pub(super) fn apply(&mut self, exchange: &Exchange) {
        match exchange.request.report {
            // Where they are named, or not read, the list only tells their names.
            Report::Skills if !self.discovers => {}
            Report::Skills => {
                let now = exchange.asked;
                let begin = self.awaits_list.take().unwrap_or(Begin::Zero);
                for skill in &exchange.skills {
                    self.enter(Report::Skill6, skill, begin, now);
                }
                let gone: Vec<String> = self
                    .scopes
                    .keys()
                    .filter(|(report, skill)| *report == Report::Skill6 && !exchange.skills.contains(skill))
                    .map(|(_, skill)| skill.clone())
                    .collect();
                for skill in gone {
                    self.leave(Report::Skill6, Some(&skill), now);
                }
            }
            Report::Skill1 => {
                let present: BTreeSet<String> = exchange.rows.iter().map(skill_of).collect();
                self.witness_speaks |= !present.is_empty();
                if !self.witness_speaks {
                    return;
                }
                if self.discovers {
                    // Whom no list has named yet is read at once, too.
                    let begin = self.awaits_list.unwrap_or(Begin::Zero);
                    for skill in &present {
                        if !self.scopes.contains_key(&(Report::Skill6, skill.clone())) {
                            self.enter(Report::Skill6, skill, begin, exchange.request.now);
                        }
                    }
                }
                let known = self.scopes.keys().filter(|(report, _)| *report == Report::Skill6);
                let known: Vec<String> = known.map(|(_, skill)| skill.clone()).collect();
                let day = exchange.request.window.unwrap().from;
                let today = self.calendar.local(exchange.request.now).date().at(0, 0, 0, 0);
                for skill in &known {
                    if !present.contains(skill) {
                        let mut silent = exchange.clone();
                        silent.rows.clear();
                        self.totals(Report::Skill6, skill, &silent);
                    }
                    if day == today {
                        // Moved ones are read in the same slot, or stay as old as they are.
                        self.fresh.insert((Report::Skill6, skill.clone()), exchange.request.now);
                    }
                }
            }
            Report::Skill6 => {
                let skill = exchange.request.skill.clone();
                let Some(exchange) = &self.day_of(exchange) else { return };
                let (day, now) = (exchange.request.window.unwrap().from, exchange.request.now);
                let mut inbound: BTreeMap<String, i64> = BTreeMap::new();
                for row in &exchange.rows {
                    let Body::Queue { dnis: number, answered, abandoned, .. } = row.body else { continue };
                    *inbound.entry(dnis(number)).or_default() += answered + abandoned;
                }
                // Of another day it says nothing about today.
                if day.date() == self.calendar.local(now).date() {
                    self.today.insert(skill.clone(), (day, now, inbound));
                }
                self.fresh.insert((Report::Skill6, skill.clone()), now);
                self.totals(Report::Skill6, &skill, exchange);
            }
            Report::Diagram12 => self.totals(Report::Diagram12, "", exchange),
            report @ (Report::Diagram3 | Report::Cdr1 | Report::Diagram4) => {
                if exchange.request.window.unwrap().to >= self.calendar.present(exchange.request.now) {
                    self.fresh.insert((report, String::new()), exchange.request.now);
                }
                self.events(report, exchange);
            }
            Report::TokenInfo => {}
        }
        self.note_highest();
    }

    pub(super) fn note_highest(&mut self) {
        for (key, sum) in self.whole() {
            let highest = self.highest.entry(key).or_insert_with(|| vec![0; sum.len()]);
            for (highest, sum) in highest.iter_mut().zip(sum) {
                *highest = sum.max(*highest);
            }
        }
    }

    fn totals(&mut self, report: Report, name: &str, exchange: &Exchange) {
        let Some(mut scope) = self.scopes.remove(&(report, name.to_owned())) else { return };
        let window = exchange.request.window.unwrap();
        let present = self.calendar.present(exchange.request.now);
        let to = window.to.min(present);
        let asked = exchange.asked.min(exchange.date);
        let mut bucket = scope.first.max(Model::bucket(report, window.from));
        while bucket < to {
            let next = Model::next(report, bucket);
            let is_whole = window.from <= bucket && window.to >= next.min(present);
            let is_ours = !scope.sealed.contains(&bucket) && scope.left.is_none_or(|left| bucket <= left);
            if is_whole && is_ours {
                let mut keys: BTreeMap<String, Queue> = BTreeMap::new();
                let mut ivr = (0, 0, false);
                for row in exchange.rows.iter().filter(|row| bucket <= row.at && row.at < next) {
                    match &row.body {
                        Body::Queue { dnis: number, .. } => {
                            keys.entry(dnis(*number)).or_default().add(&row.body)
                        }
                        Body::Ivr { calls, minutes } => ivr = (ivr.0 + calls, ivr.1 + minutes * 60_000, true),
                        _ => {}
                    }
                }
                let mut found: Vec<(String, Labels, Vec<Item>)> = Vec::new();
                for (number, sums) in keys {
                    let key = vec![(Label::SkillId, name.to_owned()), (Label::Dnis, number.clone())];
                    found.push((number, key, sums.items()));
                }
                if ivr.2 {
                    let item = |family, value| Item {
                        family,
                        slot: 0,
                        labels: vec![],
                        values: vec![value],
                        rule: Rule::Follows,
                    };
                    found.push((
                        String::new(),
                        vec![],
                        vec![item(&IVR_CALLS, ivr.0), item(&IVR_SECONDS, ivr.1)],
                    ));
                }
                let opening = scope.opening.remove(&bucket);
                let mut present_keys = BTreeSet::new();
                for (identity, key, items) in found {
                    present_keys.insert(identity.clone());
                    let base = opening.then(|| items.clone());
                    let seen = scope.seen.entry((bucket, identity)).or_insert(Seen {
                        key,
                        items: Vec::new(),
                        base,
                        counts: true,
                        status: None,
                    });
                    seen.items = items;
                }
                if self.is_settled(report, bucket, asked) && window.to >= next {
                    let slot = exchange.request.slot;
                    self.seal_or_try(
                        &mut scope,
                        bucket,
                        &present_keys,
                        exchange.rows.is_empty(),
                        slot,
                        exchange.asked,
                    );
                }
            }
            bucket = next;
        }
        self.scopes.insert((report, name.to_owned()), scope);
    }

    fn events(&mut self, report: Report, exchange: &Exchange) {
        let Some(mut scope) = self.scopes.remove(&(report, String::new())) else { return };
        let request = &exchange.request;
        let window = request.window.unwrap();
        let present = self.calendar.present(request.now);
        let asked = exchange.asked.min(exchange.date);
        if scope.slot != request.slot {
            scope.slot = request.slot;
            scope.windows.clear();
            scope.late.clear();
        }
        scope.windows.push((window.from, window.to, asked, !exchange.rows.is_empty()));
        for row in exchange.rows.iter().filter(|row| row.at < present) {
            let bucket = Model::bucket(report, row.at);
            let is_ours = bucket >= scope.first && scope.left.is_none_or(|left| bucket <= left);
            if !is_ours || scope.sealed.contains(&bucket) {
                continue;
            }
            let (identity, key, items, status) = self.event(row, request.now);
            if self.is_settled(report, bucket, asked) {
                scope.late.entry(bucket).or_default().insert(identity.clone());
            }
            let opening = scope.opening.contains(&bucket);
            let seen = scope.seen.entry((bucket, identity)).or_insert(Seen {
                key,
                items: Vec::new(),
                base: None,
                counts: !opening,
                status,
            });
            seen.status = status;
            for item in items {
                let known = seen
                    .items
                    .iter_mut()
                    .find(|known| known.family.name == item.family.name && known.slot == item.slot);
                match known {
                    None => seen.items.push(item),
                    Some(known) => match (known.rule, item.rule) {
                        (Rule::Once, _) | (Rule::Follows, Rule::AtSeal) => {}
                        _ => *known = item,
                    },
                }
            }
        }
        let covered = |from: DateTime, to: DateTime, late: Option<&dyn Fn(Timestamp) -> bool>| {
            let mut windows: Vec<_> = scope
                .windows
                .iter()
                .filter(|(_, _, asked, _)| late.is_none_or(|late| late(*asked)))
                .collect();
            windows.sort_by_key(|(from, to, _, _)| (*from, *to));
            let reached =
                windows.iter().fold(
                    from,
                    |reached, (start, end, _, _)| {
                        if *start <= reached { reached.max(*end) } else { reached }
                    },
                );
            reached >= to
        };
        let shown: Vec<DateTime> = scope
            .opening
            .iter()
            .copied()
            .filter(|bucket| covered(*bucket, Model::next(report, *bucket).min(present), None))
            .collect();
        let spare = SignedDuration::from_hours(2);
        let mut words = Vec::new();
        let from = scope.windows.iter().map(|(from, ..)| *from).min().unwrap();
        let to = scope.windows.iter().map(|(_, to, ..)| *to).max().unwrap();
        let mut bucket = Model::bucket(report, from).max(scope.first);
        while bucket <= to && scope.left.is_none_or(|left| bucket <= left) {
            let next = Model::next(report, bucket);
            let is_late = |asked: Timestamp| self.is_settled(report, bucket, asked);
            let (start, end) = (bucket.checked_sub(spare).unwrap(), next.checked_add(spare).unwrap());
            if !scope.sealed.contains(&bucket) && covered(start, end, Some(&is_late)) {
                let any = scope
                    .windows
                    .iter()
                    .any(|(from, to, asked, rows)| *rows && is_late(*asked) && *from < end && start < *to);
                words.push((bucket, !any));
            }
            bucket = next;
        }
        for bucket in shown {
            scope.opening.remove(&bucket);
        }
        for (bucket, empty) in words {
            let seen = scope.late.remove(&bucket).unwrap_or_default();
            self.seal_or_try(&mut scope, bucket, &seen, empty, request.slot, exchange.asked);
        }
        self.scopes.insert((report, String::new()), scope);
    }

    fn seal_or_try(
        &mut self,
        scope: &mut Scope,
        bucket: DateTime,
        seen: &BTreeSet<String>,
        empty: bool,
        slot: u64,
        asked: Timestamp,
    ) {
        let has_seen = scope.seen.keys().any(|(known, _)| *known == bucket);
        if empty && has_seen {
            let first = *scope.tried.entry(bucket).or_insert(asked);
            if asked.duration_since(first) >= SignedDuration::from_hours(24) {
                self.seal(scope, bucket, None);
            }
            return;
        }
        if empty {
            let first = *scope.empty.entry(bucket).or_insert(slot);
            if first == slot {
                return;
            }
        }
        self.seal(scope, bucket, Some(seen));
    }

    fn seal(&mut self, scope: &mut Scope, bucket: DateTime, keep: Option<&BTreeSet<String>>) {
        let of_bucket: Vec<(DateTime, String)> =
            scope.seen.keys().filter(|(known, _)| *known == bucket).cloned().collect();
        for name in of_bucket {
            let seen = scope.seen.remove(&name).unwrap();
            if keep.is_none_or(|keep| keep.contains(&name.1)) {
                seen.add_to(&mut self.sealed, true);
            }
        }
        self.words.sealed += 1;
        self.words.as_held += u64::from(keep.is_none());
        scope.sealed.insert(bucket);
        scope.opening.remove(&bucket);
        scope.tried.remove(&bucket);
        scope.empty.remove(&bucket);
    }

    /// Time alone seals what was tried for a day.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        let names: Vec<(Report, String)> = self.scopes.keys().cloned().collect();
        let mut changed = false;
        for name in names {
            let mut scope = self.scopes.remove(&name).unwrap();
            let day = SignedDuration::from_hours(24);
            let due: Vec<DateTime> = scope
                .tried
                .iter()
                .filter(|(_, first)| now.duration_since(**first) >= day)
                .map(|(bucket, _)| *bucket)
                .collect();
            for bucket in due {
                changed = true;
                self.seal(&mut scope, bucket, None);
            }
            self.scopes.insert(name, scope);
        }
        if changed {
            self.note_highest();
        }
        changed
    }

    /// The identity, the labels that are fixed at first sight, and what an event is worth at the slot `now`.
    fn event(&self, row: &Row, now: Timestamp) -> Event {
        let follows = |family: &'static Family, values: Vec<i64>| Item {
            family,
            slot: 0,
            labels: vec![],
            values,
            rule: Rule::Follows,
        };
        let observed = |family, value| follows(family, observe(family, value));
        let latest = self.calendar.0.to_ambiguous_timestamp(row.at).later().unwrap();
        let is_old = latest + self.settings.coding <= now;
        let decided = |family, slot, labels, is_there: bool| Item {
            family,
            slot,
            labels,
            values: vec![1],
            rule: if is_there && is_old { Rule::Once } else { Rule::AtSeal },
        };
        match &row.body {
            Body::Callback { skill: number, status, attempts, wait, seconds } => {
                let word = STATUSES[usize::from(*status) % STATUSES.len()].to_lowercase().replace(' ', "_");
                let outcome = (!["yes", "dialing"].contains(&word.as_str())).then_some(word.as_str());
                let mut items = vec![
                    follows(&CALLBACK_OFFERS, vec![1]),
                    follows(&CALLBACK_ATTEMPTS, vec![*attempts]),
                    follows(&CALLBACK_BILLED, vec![(seconds + 59) / 60 * 60_000]),
                    Item {
                        family: &CALLBACK_OUTCOMES,
                        slot: 0,
                        labels: vec![(Label::Outcome, outcome.unwrap_or("unknown").to_owned())],
                        values: vec![1],
                        rule: if outcome.is_some() { Rule::Once } else { Rule::AtSeal },
                    },
                ];
                if outcome == Some("ok") {
                    items.push(Item { rule: Rule::Once, ..observed(&CALLBACK_WAIT, wait * 1000) });
                }
                if outcome.is_some() {
                    items.push(Item { rule: Rule::Once, ..observed(&CALLBACK_DURATION, seconds * 1000) });
                }
                let shown = match word.as_str() {
                    "yes" => "yes",
                    "dialing" => "unknown",
                    _ => ["ok", "fail", "no", "no_user", "stop_new"]
                        .into_iter()
                        .find(|known| *known == word)
                        .unwrap(),
                };
                let skill = skill(*number);
                (format!("{}/{skill}", row.id), vec![(Label::SkillId, skill)], items, Some(shown))
            }
            Body::Call { skill: number, campaign, hang_up, seconds, cost, code } => {
                let mut items = vec![
                    follows(&CDR_CALLS, vec![1]),
                    follows(&CDR_HANG_UPS, vec![1]),
                    observed(&CDR_DURATION, seconds * 1000),
                    follows(&CDR_BILLED, vec![(seconds + 59) / 60 * 60_000]),
                    follows(&CDR_COST, vec![*cost]),
                    follows(&CDR_DESTINATION_COST, vec![*cost]),
                ];
                if self.settings.agents {
                    items.push(follows(&AGENT_CALLS, vec![1]));
                    items.push(follows(&AGENT_CALL_SECONDS, vec![seconds * 1000]));
                }
                let word = code.map_or("none".to_owned(), |code| format!("c{code}"));
                let level =
                    |level: &str, word: String| vec![(Label::Level, level.to_owned()), (Label::CodAct, word)];
                items.push(decided(&CDR_ACTIVITY, 1, level("1", word), code.is_some()));
                items.push(decided(&CDR_ACTIVITY, 2, level("2", "none".to_owned()), false));
                let key = vec![
                    (Label::SkillId, skill(*number)),
                    (Label::Interaction, "inbound".to_owned()),
                    (Label::CampaignId, format!("k{campaign}")),
                    (Label::HangUp, HANG_UPS[usize::from(*hang_up) % 2].to_owned()),
                    (Label::Destination, format!("d{}", campaign % 2)),
                    // Whoever was nobody at first sight stays so.
                    (
                        Label::AgentId,
                        if self.settings.agents { format!("a{}", row.id % 3) } else { "none".to_owned() },
                    ),
                ];
                (row.id.to_string(), key, items, None)
            }
            Body::Survey { skill: number, result, feeling, marks, seconds, voice } => {
                let word = |words: &[&str; 3], place: Option<u8>| {
                    place.map_or("none", |place| words[usize::from(place) % 3]).to_owned()
                };
                let mut items = vec![
                    decided(
                        &SURVEY_RESPONSES,
                        0,
                        vec![(Label::Result, word(&RESULTS, *result))],
                        result.is_some(),
                    ),
                    decided(
                        &SURVEY_FEELING,
                        0,
                        vec![(Label::Feeling, word(&FEELINGS, *feeling))],
                        feeling.is_some(),
                    ),
                    observed(&SURVEY_DURATION, seconds * 1000),
                ];
                for (question, mark) in (1_u16..).zip(marks) {
                    let Some(mark) = mark.map(|mark| mark % 11) else { continue };
                    let name = format!("q{question:02}");
                    let labels = vec![(Label::Question, name.clone()), (Label::Answer, mark.to_string())];
                    items.push(Item {
                        family: &SURVEY_ANSWERS,
                        slot: question,
                        labels,
                        values: vec![1],
                        rule: Rule::Once,
                    });
                    let labels = vec![(Label::Question, name)];
                    let values = observe(&SURVEY_SCORE, i64::from(mark) * 1_000_000);
                    items.push(Item {
                        family: &SURVEY_SCORE,
                        slot: question,
                        labels,
                        values,
                        rule: Rule::Once,
                    });
                }
                if *voice > 0 {
                    items.push(follows(&SURVEY_VOICE_MESSAGES, vec![1]));
                    items.push(follows(&SURVEY_VOICE_MESSAGE_SECONDS, vec![voice * 1000]));
                }
                let key = vec![(Label::SkillId, skill(*number)), (Label::Interaction, "inbound".to_owned())];
                (row.id.to_string(), key, items, None)
            }
            Body::Queue { .. } | Body::Ivr { .. } => unreachable!("these are no events"),
        }
    }

    /// Sums of everything that counts, sealed or not.
    pub(super) fn whole(&self) -> Sums {
        let mut sums = self.sealed.clone();
        self.scopes
            .values()
            .flat_map(|scope| scope.seen.values())
            .for_each(|seen| seen.add_to(&mut sums, false));
        sums
    }

    /// What a counter may show: its highest sum, but of a histogram no bucket more than the one above it.
    pub(super) fn shown(&self, key: &(&'static str, String)) -> Option<Vec<i64>> {
        let mut values = self.highest.get(key)?.clone();
        if let Some(Kind::Histogram(bounds)) = find(key.0).map(|family| family.kind) {
            for place in (0..bounds.len()).rev() {
                values[place] = values[place].min(values[place + 1]);
            }
        }
        Some(values)
    }

    /// Callbacks of unsealed days by skill and current status.
    pub(super) fn callbacks(&self) -> BTreeMap<(String, String), i64> {
        let mut counts = BTreeMap::new();
        for scope in self.scopes.values().filter(|scope| scope.report == Report::Diagram3) {
            for seen in scope.seen.values() {
                let Some(status) = seen.status else { continue };
                *counts.entry((seen.key[0].1.clone(), status.to_owned())).or_default() += 1;
            }
        }
        counts
    }
}

fn skill_of(row: &Row) -> String {
    let Body::Queue { skill: number, .. } = row.body else { unreachable!("the witness shows queues") };
    skill(number)
}

/// The integers of one observed value.
fn observe(family: &'static Family, value: i64) -> Vec<i64> {
    let mut values = Vec::new();
    if let Kind::Histogram(bounds) = family.kind {
        values.extend(bounds.iter().map(|bound| i64::from(value <= *bound)));
    }
    values.extend([1, value]);
    values
}
