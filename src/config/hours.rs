//! Opening hours: reading them, and whether a skill is open at a local time.

use super::field::{self, missing};
use super::mistake::Notes;
use super::node::{Kind, Node, Value};
use super::operation::skills_or_all;
use super::{BusinessHours, Operation};
use crate::time::civil;

pub(super) const KEYS: [&str; 3] = ["skills", "days", "hours"];

const DAYS: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

impl Operation {
    /// Whether a skill is open at a local time; `None` when no hours are set for it.
    ///
    /// Several entries of a skill add up. Entries for `*` hold for the skills without one of their own.
    pub fn is_open(&self, skill: &str, at: civil::DateTime) -> Option<bool> {
        let of = |name: &str| {
            let mut entries =
                self.business_hours.iter().filter(|entry| entry.skills.contains(name)).peekable();
            entries.peek().is_some().then(|| entries.any(|entry| entry.is_open(at)))
        };
        of(skill).or_else(|| of("*"))
    }
}

impl BusinessHours {
    /// Whether these hours are open at a local time. The opening second is open, the closing one is not.
    pub fn is_open(&self, at: civil::DateTime) -> bool {
        // Invariant: the offset of a weekday from Monday lies in 0..7.
        let today = at.date().weekday().to_monday_zero_offset() as usize;
        let yesterday = (today + 6) % 7;
        let time = at.time();
        let midnight = civil::Time::midnight();
        if self.to == midnight {
            self.days[today] && time >= self.from
        } else if self.from < self.to {
            self.days[today] && time >= self.from && time < self.to
        } else {
            // Over midnight: what opened yesterday closes today.
            (self.days[today] && time >= self.from) || (self.days[yesterday] && time < self.to)
        }
    }
}

/// Reads `business_hours`; an entry with several stretches becomes several entries.
pub(super) fn read(node: Option<&Node>, notes: &mut Notes) -> Vec<BusinessHours> {
    let Some(node) = node else { return Vec::new() };
    let Value::List(items) = &node.value else {
        notes.mistake(&node.at, "a list of hours is needed, each with the keys skills, days, hours");
        return Vec::new();
    };
    items.iter().flat_map(|item| one(item, notes)).collect()
}

fn one(node: &Node, notes: &mut Notes) -> Vec<BusinessHours> {
    if !field::mapping(node, &KEYS, notes) {
        return Vec::new();
    }
    let skills = skills_or_all(node, notes);
    let days = node.child("days").map_or(Some([true; 7]), |node| days(node, notes));
    let Some(hours) = node.child("hours") else {
        missing(node, "hours", "give the opening and closing time, such as \"07:00-19:00\"", notes);
        return Vec::new();
    };
    let stretches = field::list(hours, "hours such as \"07:00-19:00\"", notes).unwrap_or_default();
    let stretches: Vec<_> = stretches.into_iter().filter_map(|node| stretch(node, notes)).collect();
    let (Some(skills), Some(days)) = (skills, days) else { return Vec::new() };
    stretches.into_iter().map(|(from, to)| BusinessHours { skills: skills.clone(), days, from, to }).collect()
}

fn days(node: &Node, notes: &mut Notes) -> Option<[bool; 7]> {
    let items = field::list(node, "days", notes)?;
    let mut open = [false; 7];
    let mut good = true;
    for item in items {
        let range = match &item.value {
            Value::Scalar(Kind::Text, text) => range(text),
            _ => None,
        };
        match range {
            Some((first, last)) => {
                let length = (last + 7 - first) % 7;
                (0..=length).for_each(|offset| open[(first + offset) % 7] = true);
            }
            None => {
                notes.mistake(&item.at, "days are needed, such as mon-fri, sat, or a list of such");
                good = false;
            }
        }
    }
    good.then_some(open)
}

/// First and last day of `mon-fri` or `sat`, Monday 0. `sat-mon` runs over the week's end.
fn range(text: &str) -> Option<(usize, usize)> {
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter().position(|(short, long)| name == *short || name == *long)
    };
    match text.split_once('-') {
        Some((first, last)) => Some((day(first)?, day(last)?)),
        None => day(text).map(|day| (day, day)),
    }
}

/// Days as the file would hold them.
pub(super) fn day_names(days: [bool; 7]) -> Vec<&'static str> {
    DAYS.iter().zip(days).filter(|(_, open)| *open).map(|((short, _), _)| *short).collect()
}

fn stretch(node: &Node, notes: &mut Notes) -> Option<(civil::Time, civil::Time)> {
    let times = match &node.value {
        Value::Scalar(Kind::Text, text) => text.split_once('-').and_then(|(from, to)| {
            // A day does not open at 24:00, and what closes then closes with the day.
            Some((clock(from)??, clock(to)?.unwrap_or(civil::Time::midnight())))
        }),
        _ => None,
    };
    let Some((from, to)) = times else {
        notes.mistake(&node.at, "opening and closing time are needed in quotes, such as \"07:00-19:00\"");
        return None;
    };
    if from == to && from != civil::Time::midnight() {
        notes.mistake(&node.at, "opens and closes at the same time; write \"00:00-24:00\" for the whole day");
        return None;
    }
    Some((from, to))
}

/// A time of the wall clock: `Some(None)` is 24:00, the end of the day.
fn clock(text: &str) -> Option<Option<civil::Time>> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    if (hour, minute) == (24, 0) {
        return Some(None);
    }
    civil::Time::new(hour, minute, 0, 0).ok().map(Some)
}
