//! Answers of the boards beside what a model that knows each call says, and which targets that leaves out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fortnight::{Fortnight, Queue};
use super::grafana::{Board, Choices, Look, Target};
use super::numbers;
use crate::prometheus::server::Prometheus;

pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;

/// What is looked at, and what it is compared with.
pub(super) struct Judge<'a> {
    pub(super) server: &'a Prometheus,
    pub(super) weeks: &'a Fortnight,
    boards: &'a [Board],
    /// The board that is judged, where it is not all of them.
    only: Option<&'a str>,
    filled: BTreeMap<(String, i64, String), Choices>,
    answers: usize,
    held: BTreeSet<Place>,
    wrong: Vec<String>,
}

/// Where a number stands: board, panel and target.
type Place = (String, String, String);

/// The values of variables, where they are not those that a board opens with.
pub(super) type Chosen<'a> = &'a [(&'a str, &'a str)];

/// What a target must say.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// One number.
    One(f64),
    /// A number for each value of these labels, joined by `/`, and no others.
    Each(&'static [&'static str], BTreeMap<String, f64>),
    /// The greatest of these numbers, so many at most.
    Most(&'static [&'static str], BTreeMap<String, f64>, usize),
    /// No answer at all.
    Nothing,
}

impl From<f64> for Wanted {
    fn from(value: f64) -> Wanted {
        Wanted::One(value)
    }
}

impl From<Option<f64>> for Wanted {
    fn from(value: Option<f64>) -> Wanted {
        value.map_or(Wanted::Nothing, Wanted::One)
    }
}

/// A target of a board by the title of its panel and its letter, what it must say, and by which share that may differ.
pub(super) type Claim<'a> = (&'a str, &'a str, Wanted, f64);

pub(super) fn one<'a>(title: &'a str, id: &'a str, value: impl Into<Wanted>, share: f64) -> Claim<'a> {
    (title, id, value.into(), share)
}

/// For each skill.
pub(super) fn by_skill<'a>(
    title: &'a str,
    id: &'a str,
    values: BTreeMap<String, f64>,
    share: f64,
) -> Claim<'a> {
    (title, id, Wanted::Each(&["skill_id"], values), share)
}

pub(super) fn each<'a>(
    title: &'a str,
    id: &'a str,
    labels: &'static [&'static str],
    values: BTreeMap<String, f64>,
    share: f64,
) -> Claim<'a> {
    (title, id, Wanted::Each(labels, values), share)
}

/// Numbers with their labels.
type Found = Vec<(BTreeMap<String, String>, f64)>;

/// What comes of comparing.
pub(super) struct Verdict {
    /// Answers that are as the model has them.
    pub(super) answers: usize,
    held: BTreeSet<Place>,
    pub(super) wrong: Vec<String>,
}

/// Compares everything that is known, of all boards or of one.
pub(super) async fn judge(
    server: &Prometheus,
    weeks: &Fortnight,
    boards: &[Board],
    only: Option<&str>,
) -> Verdict {
    let filled = BTreeMap::new();
    let (held, wrong) = (BTreeSet::new(), Vec::new());
    let mut judge = Judge { server, weeks, boards, only, filled, answers: 0, held, wrong };
    numbers::all(&mut judge).await;
    Verdict { answers: judge.answers, held: judge.held, wrong: judge.wrong }
}

impl Judge<'_> {
    pub(super) fn board(&self, uid: &str) -> &Board {
        self.boards.iter().find(|board| board.uid == uid).unwrap()
    }

    /// Whether this board is not the one to be judged.
    pub(super) fn skips(&self, uid: &str) -> bool {
        self.only.is_some_and(|only| only != uid)
    }

    pub(super) fn complain(&mut self, complaint: String) {
        self.wrong.push(complaint);
    }

    /// The target of this title and letter; a title that two panels have is followed by the kind of panel.
    fn target(&self, uid: &str, title: &str, id: &str) -> Result<Target, String> {
        let mut targets = self.board(uid).targets().into_iter();
        let found = targets.find(|target| {
            let titled = target.title == title || format!("{} ({})", target.title, target.kind) == title;
            titled && target.id == id
        });
        found.ok_or_else(|| "there is no such panel or target".to_owned())
    }

    async fn choices(&mut self, uid: &str, to: i64, chosen: Chosen<'_>) -> Result<Choices, String> {
        let key = (uid.to_owned(), to, format!("{chosen:?}"));
        if let Some(known) = self.filled.get(&key) {
            return Ok(known.clone());
        }
        let board = self.board(uid);
        let choices = board.choose(self.server, Look { to, range: board.range() }, chosen).await?;
        self.filled.insert(key, choices.clone());
        Ok(choices)
    }

    /// The numbers of a target at an instant, with their labels.
    pub(super) async fn found(
        &mut self,
        uid: &str,
        (title, id): (&str, &str),
        to: i64,
        chosen: Chosen<'_>,
    ) -> Result<Found, String> {
        let target = self.target(uid, title, id)?;
        let choices = self.choices(uid, to, chosen).await?;
        let look = Look { to, range: self.board(uid).range() };
        numbers_of(&target.ask_once(self.server, &choices, look).await?)
    }

    /// Targets of a board say this at an instant.
    pub(super) async fn hold(&mut self, uid: &str, to: i64, chosen: Chosen<'_>, claims: Vec<Claim<'_>>) {
        if self.skips(uid) {
            return;
        }
        for (title, id, wanted, share) in claims {
            let found = self.found(uid, (title, id), to, chosen).await;
            self.compare((uid, title, id), &format!("at {to} for {chosen:?}"), &wanted, share, found);
        }
    }

    /// Rates per hour, taken from one instant to another so that each ends where the next begins, add up to this: `window` is
    /// what a rate looks back, and its samples span `step` less.
    pub(super) async fn add_up(
        &mut self,
        uid: &str,
        (from, to, window): (i64, i64, i64),
        chosen: Chosen<'_>,
        claims: Vec<Claim<'_>>,
    ) {
        if self.skips(uid) {
            return;
        }
        let step = window - super::fortnight::EVERY;
        for (title, id, wanted, share) in claims {
            let found = self.sums(uid, (title, id), (from, to, step), chosen).await;
            let when = format!("from {from} to {to} for {chosen:?}");
            self.compare((uid, title, id), &when, &wanted, share, found);
        }
    }

    async fn sums(
        &mut self,
        uid: &str,
        (title, id): (&str, &str),
        times: (i64, i64, i64),
        chosen: Chosen<'_>,
    ) -> Result<Found, String> {
        let target = self.target(uid, title, id)?;
        let choices = self.choices(uid, times.1, chosen).await?;
        let look = Look { to: times.1, range: self.board(uid).range() };
        let answer = target.ask_along(self.server, &choices, look, times).await?;
        let mut found = Vec::new();
        for series in answer["result"].as_array().unwrap() {
            let values = series["values"].as_array().unwrap().iter();
            let rates: f64 = values.map(|pair| number(&pair[1]).unwrap_or(f64::NAN)).sum();
            let labels = serde_json::from_value(series["metric"].clone()).unwrap();
            found.push((labels, rates * times.2 as f64 / HOUR as f64));
        }
        Ok(found)
    }

    /// A share is shown by the one of four targets whose colour is right: by how many times the calls allowed are bad. Of an
    /// amount near a limit nothing is claimed.
    pub(super) async fn colour(
        &mut self,
        uid: &str,
        title: &str,
        (to, chosen): (i64, Chosen<'_>),
        share: Option<f64>,
        (times, limits): (Option<f64>, [f64; 2]),
    ) {
        if limits.iter().any(|limit| times.is_some_and(|times| (times / limit - 1.0).abs() < 0.02)) {
            return;
        }
        let right = match times {
            None => "D",
            Some(times) if times <= limits[0] => "A",
            Some(times) if times <= limits[1] => "B",
            Some(_) => "C",
        };
        let claims = ["A", "B", "C", "D"].map(|id| one(title, id, share.filter(|_| id == right), 0.002));
        self.hold(uid, to, chosen, claims.into()).await;
    }

    fn compare(
        &mut self,
        (uid, title, id): (&str, &str, &str),
        when: &str,
        wanted: &Wanted,
        share: f64,
        found: Result<Found, String>,
    ) {
        let key = |labels: &[&str], own: &BTreeMap<String, String>| {
            let values: Vec<_> =
                labels.iter().map(|label| own.get(*label).map_or("", String::as_str)).collect();
            values.join("/")
        };
        let keyed = |labels: &[&str], found: &Found| -> BTreeMap<String, f64> {
            found.iter().map(|(own, value)| (key(labels, own), *value)).collect()
        };
        let is_so = found.as_ref().is_ok_and(|found| match wanted {
            Wanted::Nothing => found.is_empty(),
            Wanted::One(wanted) => found.len() == 1 && near(found[0].1, *wanted, share),
            Wanted::Each(labels, wanted) => {
                let known = keyed(labels, found);
                let is =
                    |key: &String, wanted: &f64| known.get(key).is_some_and(|it| near(*it, *wanted, share));
                found.len() == wanted.len() && wanted.iter().all(|(key, wanted)| is(key, wanted))
            }
            Wanted::Most(labels, wanted, most) => {
                let known = keyed(labels, found);
                let least = known.values().copied().fold(f64::INFINITY, f64::min);
                let is = |(key, value): (&String, &f64)| {
                    wanted.get(key).is_some_and(|wanted| near(*value, *wanted, share))
                };
                // Those that are left out are not greater.
                let fits = |(key, value): (&String, &f64)| {
                    known.contains_key(key) || *value <= least * (1.0 + share) + 1e-9
                };
                found.len() == wanted.len().min(*most) && known.iter().all(is) && wanted.iter().all(fits)
            }
        });
        let (count, is_number) = match wanted {
            Wanted::Nothing => (1, false),
            Wanted::One(_) => (1, true),
            Wanted::Each(_, wanted) | Wanted::Most(_, wanted, _) => (wanted.len(), !wanted.is_empty()),
        };
        if !is_so {
            let found = found.map(|found| found.into_iter().map(|(l, v)| (v, l)).collect::<Vec<_>>());
            self.wrong.push(format!("{uid} {title:?} {id} {when}: {found:?}, where {wanted:?} is true"));
            return;
        }
        self.answers += count;
        if is_number {
            self.mark(uid, title, id);
        }
    }

    /// So many answers more are as they should be.
    pub(super) fn count(&mut self, answers: usize) {
        self.answers += answers;
    }

    /// A target was held against something.
    fn mark(&mut self, uid: &str, title: &str, id: &str) {
        self.held.insert((uid.to_owned(), title.to_owned(), id.to_owned()));
    }

    /// What windows that are recorded hold of all skills together, or of one.
    pub(super) fn growth(&self, skill: Option<&str>, to: i64, window: i64) -> Queue {
        let of = |id: &String| self.weeks.growth(id, to, window);
        self.chosen(skill).iter().map(of).fold(Queue::default(), Queue::plus)
    }

    /// What their counters grew by in a window that ends now.
    pub(super) fn grown(&self, skill: Option<&str>, to: i64, window: i64) -> Queue {
        let of = |id: &String| self.weeks.grown(id, None, to, window);
        self.chosen(skill).iter().map(of).fold(Queue::default(), Queue::plus)
    }

    /// One skill, or all of them.
    pub(super) fn chosen(&self, skill: Option<&str>) -> Vec<String> {
        let skills = self.weeks.skills().into_iter();
        skills.filter(|id| skill.is_none_or(|wanted| wanted == id)).collect()
    }
}

fn number(text: &Value) -> Option<f64> {
    text.as_str().and_then(|text| text.parse().ok())
}

/// The numbers of an answer for one instant.
pub(super) fn numbers_of(answer: &Value) -> Result<Found, String> {
    let read = |series: &Value| {
        let labels = serde_json::from_value(series["metric"].clone()).map_err(|why| why.to_string())?;
        Ok((labels, number(&series["value"][1]).ok_or("no number")?))
    };
    answer["result"].as_array().ok_or("no series")?.iter().map(read).collect()
}

/// A count as `increase` estimates it from the samples within a window: they lie one step less apart.
pub(super) fn stretched(count: i64, window: i64) -> f64 {
    count as f64 * window as f64 / (window - super::fortnight::EVERY) as f64
}

pub(super) fn share(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

fn near(found: f64, wanted: f64, share: f64) -> bool {
    (found - wanted).abs() <= wanted.abs() * share + 1e-9
}

impl Verdict {
    /// How many targets were held against something, and which neither were nor have an excuse.
    pub(super) fn left_out(&self, boards: &[Board]) -> (usize, Vec<String>) {
        let mut count = 0;
        let mut excused = BTreeSet::new();
        let mut left = Vec::new();
        for board in boards {
            let targets = board.targets();
            for target in &targets {
                // Of two panels with one title each is named by its kind as well.
                let is_twin = |other: &Target| other.title == target.title && other.panel != target.panel;
                let title = if targets.iter().any(is_twin) {
                    format!("{} ({})", target.title, target.kind)
                } else {
                    target.title.clone()
                };
                let place = (board.uid.clone(), title.clone(), target.id.clone());
                let is_held = self.held.contains(&place);
                let excuse = numbers::UNHELD
                    .iter()
                    .find(|(uid, of, id, _)| *uid == board.uid && *of == title && *id == target.id);
                match (is_held, excuse) {
                    (true, None) => count += 1,
                    (false, Some(excuse)) => drop(excused.insert(*excuse)),
                    (true, Some(excuse)) => left.push(format!("{excuse:?}: but it is held")),
                    (false, None) => left.push(format!("{place:?} is held against nothing")),
                }
            }
        }
        let gone = numbers::UNHELD.iter().filter(|excuse| !excused.contains(*excuse));
        left.extend(gone.map(|excuse| format!("{excuse:?}: excuses nothing")));
        (count, left)
    }
}
