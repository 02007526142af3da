//! The numbers that people look at first, against a model that knows each call.

use std::collections::BTreeMap;

use serde_json::Value;
use wolkvox_exporter::api::Report;
use wolkvox_exporter::simulator::Truth;
use wolkvox_exporter::time::civil::date;

use super::fortnight::{BAD, BETWEEN, Fortnight, LAST, Queue};
use super::grafana::{Board, Look};
use crate::prometheus::server::Prometheus;

const HOUR: i64 = 3600;
/// Calls answered within the default of the boards.
const TWENTY: usize = 1;

/// What is looked at, and what it is compared with.
struct Judge<'a> {
    server: &'a Prometheus,
    weeks: &'a Fortnight,
    boards: &'a [Board],
    held: usize,
    wrong: Vec<String>,
}

/// Where a number stands: board, panel and target; any of its targets where only one answers at a time.
type Place<'a> = (&'a str, &'a str, Option<&'a str>);

/// Compares every headline; how many numbers there are, or what is wrong with them.
pub(super) async fn judge(
    server: &Prometheus,
    weeks: &Fortnight,
    boards: &[Board],
) -> Result<usize, Vec<String>> {
    let mut judge = Judge { server, weeks, boards, held: 0, wrong: Vec::new() };
    judge.now().await;
    judge.bad_hours().await;
    judge.today().await;
    judge.whole_days().await;
    judge.weeks().await;
    if judge.wrong.is_empty() { Ok(judge.held) } else { Err(judge.wrong) }
}

impl Judge<'_> {
    fn board(&self, uid: &str) -> &Board {
        self.boards.iter().find(|board| board.uid == uid).unwrap()
    }

    /// The numbers of a panel, with their labels; of a range, the last ones.
    async fn found(
        &self,
        (uid, title, id): Place<'_>,
        to: i64,
        chosen: &[(&str, &str)],
    ) -> Result<Vec<(BTreeMap<String, String>, f64)>, String> {
        let board = self.board(uid);
        let look = Look { to, range: board.range() };
        let choices = board.choose(self.server, look, chosen).await?;
        let mut found = Vec::new();
        let mut asked = false;
        for target in board.targets() {
            let is_it = target.title == title && id.is_none_or(|id| id == target.id);
            // A target's own colour is a target of its own; what it is compared with is the fifth.
            if !is_it || (id.is_none() && target.id.as_str() > "D") {
                continue;
            }
            asked = true;
            let answer = target.ask(self.server, &choices, look).await?;
            for series in answer["result"].as_array().unwrap() {
                let pair =
                    series.get("value").or_else(|| series["values"].as_array().and_then(|all| all.last()));
                let value = pair.and_then(|pair| pair[1].as_str()).and_then(|text| text.parse().ok());
                let labels = serde_json::from_value(series["metric"].clone()).unwrap();
                found.push((labels, value.ok_or("no number")?));
            }
        }
        if asked { Ok(found) } else { Err("there is no such panel or target".to_owned()) }
    }

    /// The one number of a panel is this, give or take a share of it.
    async fn one(&mut self, place: Place<'_>, to: i64, chosen: &[(&str, &str)], wanted: f64, share: f64) {
        self.held += 1;
        let said = match self.found(place, to, chosen).await {
            Ok(found) if found.len() == 1 && near(found[0].1, wanted, share) => return,
            Ok(found) => format!("{:?}", found.iter().map(|(_, value)| value).collect::<Vec<_>>()),
            Err(why) => why,
        };
        self.wrong.push(format!("{place:?} at {to} for {chosen:?}: {said}, where {wanted} is true"));
    }

    /// A panel has these numbers by this label, give or take a share of each, and no others.
    async fn each(
        &mut self,
        place: Place<'_>,
        to: i64,
        label: &str,
        wanted: &BTreeMap<String, f64>,
        share: f64,
    ) {
        self.held += wanted.len();
        let found = match self.found(place, to, &[]).await {
            Ok(found) => found,
            Err(why) => {
                self.wrong.push(format!("{place:?} at {to}: {why}"));
                return;
            }
        };
        let of = |labels: &BTreeMap<String, String>| labels.get(label).cloned().unwrap_or_default();
        let found: BTreeMap<String, f64> = found.iter().map(|(labels, value)| (of(labels), *value)).collect();
        let same = found.len() == wanted.len()
            && wanted
                .iter()
                .all(|(key, wanted)| found.get(key).is_some_and(|found| near(*found, *wanted, share)));
        if !same || wanted.is_empty() {
            self.wrong.push(format!("{place:?} at {to}: {found:?}, where {wanted:?} is true"));
        }
    }

    /// All skills together, and one alone.
    fn grown(&self, skill: Option<&str>, to: i64, window: i64) -> Queue {
        let skills = self.weeks.skills();
        let chosen = skills.iter().filter(|id| skill.is_none_or(|wanted| wanted == *id));
        chosen.map(|id| self.weeks.growth(id, to, window)).fold(Queue::default(), Queue::plus)
    }

    /// The last half hour and hour, in all skills and in one.
    async fn now(&mut self) {
        let now = self.weeks.now();
        self.levels(now).await;
        let by_skill = |of: &dyn Fn(&Queue) -> Option<f64>| -> BTreeMap<String, f64> {
            let skills = self.weeks.skills().into_iter();
            skills.filter_map(|id| Some((id.clone(), of(&self.weeks.growth(&id, now, HOUR))?))).collect()
        };
        // The board leaves out ratios of fewer than ten calls, by an estimate that is a little above the count.
        let enough = |queue: &Queue| stretched(queue.inbound, HOUR) >= 10.0;
        let level = by_skill(&|queue| enough(queue).then(|| share(queue.within[TWENTY], queue.inbound)));
        let lost = by_skill(&|queue| enough(queue).then(|| share(queue.abandoned, queue.inbound)));
        let wait =
            by_skill(&|queue| enough(queue).then(|| queue.answer_ms as f64 / 1e3 / queue.answered as f64));
        let calls = by_skill(&|queue| Some(stretched(queue.inbound, HOUR)));
        // A skill that has targets for 10 s alone has no level within 20 s to compare, but has one to show.
        let table = |id| ("wolkvox-overview", "Every skill", Some(id));
        self.each(table("C"), now, "skill_id", &calls, 0.03).await;
        self.each(table("D"), now, "skill_id", &level, 0.001).await;
        self.each(table("H"), now, "skill_id", &lost, 0.001).await;
        // Waits are averages of the day, printed to hundredths.
        self.each(table("J"), now, "skill_id", &wait, 0.02).await;
        let waiting = self.waiting(now) as f64;
        self.one(("wolkvox-overview", "Callbacks waiting", Some("A")), now, &[], waiting, 0.0).await;
        self.one(("wolkvox-wallboard", "Callbacks waiting", Some("A")), now, &[], waiting, 0.0).await;
        self.one(("wolkvox-callbacks", "Waiting now", Some("A")), now, &[], waiting, 0.0).await;
    }

    /// Hours in which the first skill answers about every third call in time.
    async fn bad_hours(&mut self) {
        let at = self.weeks.instant(BAD, 12);
        let level = self.weeks.growth("101", at, HOUR);
        let level = share(level.within[TWENTY], level.inbound);
        assert!((0.2..0.4).contains(&level), "the bad hours are not bad: {level}");
        self.levels(at).await;
    }

    /// Shares of the last half hour and hour on three boards.
    async fn levels(&mut self, at: i64) {
        for skill in [None, Some("101"), Some("102")] {
            let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            let half = self.grown(skill, at, HOUR / 2);
            let hour = self.grown(skill, at, HOUR);
            let level = share(half.within[TWENTY], half.inbound);
            let lost = share(half.abandoned, half.inbound);
            let calls = stretched(half.inbound, HOUR / 2);
            // Of fewer than ten calls boards give no share; of about ten, either.
            if calls < 11.0 {
                continue;
            }
            for (place, wanted, within) in [
                (("wolkvox-overview", "Answered in time", None), level, 0.001),
                (("wolkvox-overview", "Abandoned", None), lost, 0.001),
                (("wolkvox-overview", "Calls offered", Some("A")), calls, 0.03),
                (("wolkvox-wallboard", "Answered in time, 30 minutes", None), level, 0.001),
                (("wolkvox-wallboard", "Abandoned, 30 minutes", None), lost, 0.001),
                (("wolkvox-wallboard", "Calls, 30 minutes", Some("A")), calls, 0.03),
                (("wolkvox-skill", "In time, 30 minutes", None), level, 0.001),
                (("wolkvox-skill", "In time, 1 hour", None), share(hour.within[TWENTY], hour.inbound), 0.001),
                (("wolkvox-skill", "Abandoned, 1 hour", None), share(hour.abandoned, hour.inbound), 0.001),
            ] {
                self.one(place, at, &chosen, wanted, within).await;
            }
        }
    }

    /// What the vendor says of today, line by line.
    async fn today(&mut self) {
        let now = self.weeks.now();
        let mut all = Queue::default();
        for id in self.weeks.skills() {
            let today = self.weeks.today(&id, now - BETWEEN);
            let chosen = [("skill_id", id.as_str())];
            let place = ("wolkvox-overview", "Calls offered since midnight, and a week before", Some("A"));
            self.one(place, now, &chosen, today.inbound as f64, 0.0).await;
            let place = |of| ("wolkvox-skill", "Today, line by line", Some(of));
            for (of, wanted) in [("A", today.inbound), ("B", today.answered), ("C", today.abandoned)] {
                self.held += 1;
                match self.found(place(of), now, &chosen).await {
                    Ok(lines) if lines.iter().map(|(_, value)| value).sum::<f64>() == wanted as f64 => {}
                    other => {
                        self.wrong.push(format!("{:?} of {id}: {other:?}, where {wanted} is true", place(of)))
                    }
                }
            }
            all = all.plus(today);
        }
        assert!(all.inbound > 300, "a thin day: {all:?}");
    }

    /// A whole day, looked at in the night after it, when everything of it has been read.
    async fn whole_days(&mut self) {
        let night = self.weeks.instant(date(2026, 4, 18), 3);
        let truth = self.weeks.truth(BAD, BAD);
        for id in self.weeks.skills() {
            let chosen = [("skill_id", id.as_str())];
            let day = of_day(&truth, &id);
            let level = share(day.within[TWENTY], day.inbound);
            // Boards say nothing of a day with fewer than fifty calls.
            if day.inbound >= 55 {
                self.one(("wolkvox-skill", "In time, 1 day", None), night, &chosen, level, 0.002).await;
                self.one(("wolkvox-slo", "In time, 1 day", None), night, &chosen, level, 0.002).await;
            }
            let calls = day.inbound as f64;
            self.one(("wolkvox-slo", "Calls offered", Some("A")), night, &chosen, calls, 0.01).await;
            // A quiet skill may have offered none.
            if let Some(callbacks) = truth.diagram_3.get(&id) {
                let count =
                    |of: &[&str]| of.iter().filter_map(|of| callbacks.outcomes.get(of)).sum::<i64>() as f64;
                let (reached, tried) = (count(&["ok"]), count(&["ok", "fail", "no_user"]));
                let place = |title, id| ("wolkvox-callbacks", title, Some(id));
                self.one(place("Offered and settled", "A"), night, &chosen, callbacks.offers as f64, 0.02)
                    .await;
                self.one(place("Offered and settled", "B"), night, &chosen, tried, 0.02).await;
                if tried >= 10.0 {
                    self.one(place("Reached", "A"), night, &chosen, reached / tried, 0.01).await;
                }
                let billed = callbacks.billed_ms as f64 / 1e3;
                self.one(place("Billed time", "A"), night, &chosen, billed, 0.01).await;
                let declined = count(&["no"]);
                let kept = callbacks.offers as f64 - declined;
                self.one(place("From offer to success", "B"), night, &chosen, kept, 0.02).await;
            }
            let cdr = truth.cdr_1.calls.iter().filter(|calls| calls.skill_id == id);
            let (mut calls, mut cost, mut billed) = (0, 0, 0);
            for of in cdr {
                calls += of.calls.values().sum::<i64>();
                cost += of.cost.values().sum::<i64>();
                billed += of.billed_ms;
            }
            let place = |title| ("wolkvox-cost", title, Some("A"));
            let (calls, cost, billed) = (calls as f64, cost as f64 / 1e6, billed as f64 / 1e3);
            self.one(place("Cost"), night, &chosen, cost, 0.01).await;
            self.one(place("Connected calls"), night, &chosen, calls, 0.01).await;
            self.one(place("Cost per connected call"), night, &chosen, cost / calls, 0.01).await;
            self.one(place("Billed time"), night, &chosen, billed, 0.01).await;
        }
        let (calls, seconds) = (truth.diagram_1_2.calls as f64, truth.diagram_1_2.printed_ms as f64 / 1e3);
        let place = |title| ("wolkvox-ivr", title, Some("A"));
        self.one(place("Calls through the IVR"), night, &[], calls, 0.005).await;
        self.one(place("Time in the IVR"), night, &[], seconds, 0.005).await;
        self.one(place("Time per call"), night, &[], seconds / calls, 0.001).await;
        let offered: i64 = truth.skill_6.iter().map(|line| line.inbound).sum();
        self.one(place("Offered to skills, per IVR call"), night, &[], offered as f64 / calls, 0.005).await;
    }

    /// Seven days, Sunday's closed doors, the outage and the counts taken back among them.
    async fn weeks(&mut self) {
        let night = self.weeks.instant(date(2026, 4, 18), 3);
        let truth = self.weeks.truth(date(2026, 4, 11), BAD);
        for id in self.weeks.skills() {
            let chosen = [("skill_id", id.as_str())];
            let week = of_day(&truth, &id);
            let level = share(week.within[TWENTY], week.inbound);
            self.one(("wolkvox-slo", "In time, 7 days", Some("A")), night, &chosen, level, 0.01).await;
            let Some(surveys) = truth.diagram_4.get(&id) else { continue };
            let answers = &surveys.answers;
            for question in ["q01", "q02", "q03"] {
                let count = |of: &[u8]| -> i64 {
                    of.iter().filter_map(|of| answers.get(&format!("{question}/{of}"))).sum()
                };
                let (satisfied, scaled) = (count(&[4, 5]), count(&[1, 2, 3, 4, 5]));
                // On another scale a 4 is no praise: the board says nothing of it.
                if count(&[0, 6, 7, 8, 9, 10]) > 0 {
                    let chosen = [("skill_id", id.as_str()), ("question", question)];
                    let place = ("wolkvox-customers", "Answers and surveys", Some("A"));
                    self.held += 1;
                    if !matches!(self.found(place, night, &chosen).await, Ok(none) if none.is_empty()) {
                        self.wrong.push(format!("{place:?} counts {question}, which is on another scale"));
                    }
                } else if scaled >= 35 {
                    let chosen = [("skill_id", id.as_str()), ("question", question)];
                    let place = ("wolkvox-customers", "Satisfied: answers 4 and 5", Some("A"));
                    self.one(place, night, &chosen, share(satisfied, scaled), 0.01).await;
                    let place = ("wolkvox-customers", "Answers and surveys", Some("A"));
                    self.one(place, night, &chosen, scaled as f64, 0.01).await;
                }
            }
        }
    }

    /// Customers of today who were promised a callback and have none yet, as last read.
    fn waiting(&self, now: i64) -> i64 {
        let read = self.weeks.read(Report::Diagram3.code(), now - BETWEEN);
        self.weeks.promised(LAST, read)
    }
}

/// A count as `increase` estimates it from the samples within a window: they lie one step less apart.
fn stretched(count: i64, window: i64) -> f64 {
    count as f64 * window as f64 / (window - 2 * BETWEEN) as f64
}

fn share(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

fn near(found: f64, wanted: f64, share: f64) -> bool {
    (found - wanted).abs() <= wanted.abs() * share + 1e-9
}

/// The calls of one skill, all its lines together.
fn of_day(truth: &Truth, skill: &str) -> Queue {
    let lines = truth.skill_6.iter().filter(|line| line.skill_id == skill);
    let queue = |line: &wolkvox_exporter::simulator::DnisTruth| Queue {
        inbound: line.inbound,
        answered: line.answered,
        abandoned: line.abandoned,
        within: [line.within_10, line.within_20, line.within_30],
        answer_ms: line.answer_wait_ms,
        abandon_ms: line.abandon_wait_ms,
    };
    lines.map(queue).fold(Queue::default(), Queue::plus)
}

/// Mistakes that a board could hold, as what is written and what would be wrong: each must be noticed.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("wolkvox-overview", "wolkvox_inbound_calls:increase30m", "wolkvox_answered_calls:increase30m"),
    ("wolkvox-overview", "status=\"yes\"", "status=\"no\""),
    ("wolkvox-wallboard", "increase30m", "increase1h"),
    ("wolkvox-wallboard", "within=\"$within\"", "within=\"10s\""),
    ("wolkvox-skill", "wolkvox_inbound_calls:increase1d", "wolkvox_answered_calls:increase1d"),
    ("wolkvox-slo", "[7d:1h]", "[1d:1h]"),
    ("wolkvox-ivr", "[$__range]", "[12h]"),
    ("wolkvox-callbacks", "ok|fail|no_user", "ok|fail|no_user|no"),
    ("wolkvox-cost", "wolkvox_cdr_cost_total", "wolkvox_cdr_billed_seconds_total"),
    ("wolkvox-customers", "4|5\"}", "3|4|5\"}"),
];

/// Plants every mistake in turn; those that go unnoticed.
pub(super) async fn unnoticed(server: &Prometheus, weeks: &Fortnight, boards: &[Board]) -> Vec<String> {
    let mut unnoticed = Vec::new();
    for (uid, right, wrong) in MISTAKES {
        let mut spoilt: Vec<Board> = boards.to_vec();
        let board = spoilt.iter_mut().find(|board| board.uid == *uid).unwrap();
        assert!(board.replace(right, wrong), "{uid} does not say {right} any more");
        let noticed = judge(server, weeks, &spoilt).await.err().unwrap_or_default();
        if !noticed.iter().any(|complaint| complaint.contains(uid)) {
            unnoticed.push(format!("{uid}: {wrong} instead of {right}"));
        }
    }
    unnoticed
}

/// How many mistakes are planted.
pub(super) const PLANTED: usize = MISTAKES.len();

/// A board's JSON with a piece of every expression replaced; whether there was any.
pub(super) fn replace(json: &mut Value, right: &str, wrong: &str) -> bool {
    match json {
        Value::Object(object) => {
            let mut found = false;
            for (key, value) in object {
                if let (true, Some(text)) = (key == "expr", value.as_str()) {
                    found |= text.contains(right);
                    *value = text.replace(right, wrong).into();
                } else {
                    found |= replace(value, right, wrong);
                }
            }
            found
        }
        Value::Array(array) => {
            array.iter_mut().fold(false, |found, value| replace(value, right, wrong) | found)
        }
        _ => false,
    }
}
