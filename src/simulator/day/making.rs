//! How a day comes about: callers, agents, callbacks and surveys, thrown with seeded dice.

use super::super::centre::{CAMPAIGNS, CODES, Centre, DESTINATIONS, Lateness, Skill, Traffic, seconds};
use super::super::dice::Dice;
use super::super::incident::Incident;
use super::{
    Attempt, Callback, Connected, Day, Interaction, NEVER, NONE, Outcome, Queue, Survey, Visit, label_of,
};
use crate::time::{Bucket, Timestamp, Zone, civil};

/// The relative traffic of each hour of a day: two peaks.
const HOURS: [f64; 24] = [
    0.45, 0.38, 0.33, 0.32, 0.34, 0.42, 0.60, 0.92, 1.40, 1.72, 1.85, 1.76, 1.50, 1.34, 1.48, 1.62, 1.56,
    1.38, 1.18, 1.02, 0.90, 0.78, 0.64, 0.52,
];
/// A caller who has waited this long may be offered a callback.
const OFFER_MS: i64 = 40_000;
/// Before and after anything that a centre lives through.
const EARLIEST: civil::DateTime = civil::date(1971, 1, 1).at(0, 0, 0, 0);
const LATEST: civil::DateTime = civil::date(9000, 1, 1).at(0, 0, 0, 0);
/// Sets the throws of incidents apart from those of the day.
const INCIDENT: u64 = 0x696E_6369;

pub(super) struct Making<'a> {
    centre: &'a Centre,
    skills: &'a [Skill],
    traffic: &'a Traffic,
    dice: Dice,
    /// Incidents of the day with their first instant and the one after their last.
    incidents: Vec<(i64, i64, &'a Incident)>,
    /// Throws of their own, so that a centre without incidents is what it was before there were any.
    incident_dice: Dice,
    offsets: Offsets,
    start: i64,
    end: i64,
    weekday: f64,
    seq: u32,
    pub(super) day: Day,
}

impl<'a> Making<'a> {
    pub(super) fn new(centre: &'a Centre, operation: usize, date: civil::Date) -> Making<'a> {
        let bucket = Bucket::day(date);
        let start = seconds(centre.zone.start(bucket));
        let end = seconds(centre.zone.end(bucket));
        let number = i64::from(bucket.index()) as u64;
        let zone = &centre.zone;
        // The ends of the calendar are no instants.
        let instant = |at: civil::DateTime| seconds(zone.instant(at.clamp(EARLIEST, LATEST)));
        let incidents = centre.traffic.incidents.iter();
        let incidents = incidents.map(|incident| (instant(incident.from), instant(incident.to), incident));
        let incidents = incidents.filter(|(from, to, _)| *from < end && *to > start).collect();
        Making {
            incidents,
            incident_dice: Dice::of(&[centre.seed, operation as u64, number, INCIDENT]),
            centre,
            skills: centre.open_skills(date),
            traffic: &centre.traffic,
            dice: Dice::of(&[centre.seed, operation as u64, number]),
            offsets: Offsets::around(
                &centre.zone,
                start - 3600,
                end + i64::from(centre.traffic.callback_hours + 12) * 3600,
            ),
            start,
            end,
            weekday: centre.traffic.weekdays
                [usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())],
            // Distinct over four hundred days.
            seq: (bucket.index().rem_euclid(400) as u32) * 10_000_000,
            day: Day::default(),
        }
    }

    fn next_seq(&mut self) -> u32 {
        self.seq += 1;
        self.seq
    }

    /// Stretches of at most an hour with their share of the daily traffic.
    fn stretches(&self) -> Vec<(i64, i64, f64)> {
        let mean = HOURS.iter().sum::<f64>() / 24.0;
        let (opens, closes) = self.traffic.open_hours;
        let mut stretches = Vec::with_capacity(25);
        let mut from = self.start;
        while from < self.end {
            let to = (from + 3600).min(self.end);
            let hour = self.offsets.label(from).rem_euclid(86_400) / 3600;
            // Invariant: a remainder by a day, divided by an hour, lies in 0..24.
            let open = (i64::from(opens)..i64::from(closes)).contains(&hour);
            let weight = if open { HOURS[hour as usize] / mean * self.weekday } else { 0.0 };
            stretches.push((from, to, weight * (to - from) as f64 / 86_400.0));
            from = to;
        }
        stretches
    }

    pub(super) fn inbound(&mut self) {
        let total: f64 = self.skills.iter().map(|skill| skill.weight).sum();
        for skill in 0..self.skills.len() {
            let share = self.skills[skill].weight / total;
            // On some days a skill has an hour in which nobody picks up.
            let rush =
                self.dice.chance(0.3).then(|| self.start + self.dice.between(0, self.end - self.start - 1));
            for (from, to, weight) in self.stretches() {
                let expected = self.traffic.calls_per_day * share * weight;
                // Fewer agents work at night, so the waits never vanish.
                let load = 0.8 + 0.35 * (weight * 24.0).powf(1.3);
                for _ in 0..self.dice.poisson(expected) {
                    let instant = self.dice.between(from, to - 1);
                    let rushed = rush.is_some_and(|rush| (rush..rush + 2400).contains(&instant));
                    let load = if rushed { load.max(1.0) * 6.0 } else { load };
                    self.queued(skill as u16, instant, load);
                }
            }
        }
        for (from, to, weight) in self.stretches() {
            let expected = self.traffic.calls_per_day * self.traffic.ivr_only_share * weight;
            for _ in 0..self.dice.poisson(expected) {
                let instant = self.dice.between(from, to - 1);
                self.visit(instant, None, self.traffic.withdrawn_share);
            }
        }
    }

    fn visit(&mut self, instant: i64, queue: Option<Queue>, withdrawn_share: f64) -> u32 {
        let seq = self.next_seq();
        let decided = instant + queue.map_or(0, |queue| (i64::from(queue.wait_ms) + 999) / 1000);
        let mut visible = self.visible(decided);
        let mut withdrawn = NEVER;
        if self.dice.chance(withdrawn_share) {
            // Seen early and withdrawn well before the bucket settles.
            visible = visible.min(decided + 60);
            withdrawn = visible + self.dice.between(60, i64::from(self.traffic.latest_seconds).max(60));
        }
        let visit = Visit {
            seq,
            at: self.offsets.label(instant),
            instant,
            ivr_seconds: 4 + self.dice.exponential(35.0).min(900.0) as u32,
            visible,
            withdrawn,
            ani: self.dice.between(0, 9999) as u16,
            queue,
        };
        self.day.visits.push(visit);
        seq
    }

    fn queued(&mut self, skill: u16, instant: i64, load: f64) {
        let numbers = self.skills[usize::from(skill)].dnis.len();
        let weights: Vec<f64> = (0..numbers).map(|number| 1.0 / (1.0 + number as f64)).collect();
        let dnis = self.dice.weighted(&weights) as u16;
        let quick = self.dice.chance(0.3);
        let mut mean = if quick { 2.5 } else { self.traffic.mean_wait_seconds * (0.3 + load) };
        let mut withdrawn_share = self.traffic.withdrawn_share;
        let Skill { id, dnis: numbers, .. } = &self.skills[usize::from(skill)];
        for (from, to, incident) in &self.incidents {
            if (*from..*to).contains(&instant) && incident.meets(id, &numbers[usize::from(dnis)]) {
                if !self.incident_dice.chance(incident.calls) {
                    return;
                }
                mean *= incident.wait;
                withdrawn_share = withdrawn_share.max(incident.withdrawn);
            }
        }
        let wait = self.dice.exponential(mean).min(1700.0);
        let patience = 3.0 + self.dice.exponential(140.0).min(1600.0);
        let mut answered = wait <= patience;
        let mut wait_ms = 300 + (wait.min(patience) * 1000.0) as i64;
        let offered = wait_ms > OFFER_MS && self.dice.chance(self.traffic.callback_share);
        let accepted = offered && self.dice.chance(0.55);
        if accepted {
            // Who accepts leaves the queue unanswered.
            answered = false;
            wait_ms = OFFER_MS + self.dice.between(2_000, 9_000);
        }
        // Invariant: nobody waits longer than 1,700 s.
        let queue = Queue { skill, dnis, wait_ms: wait_ms as u32, answered };
        let seq = self.visit(instant, Some(queue), withdrawn_share);
        // Invariant: `visit` has just pushed.
        let (ani, withdrawn, ivr_seconds) = self
            .day
            .visits
            .last()
            .map_or((0, NEVER, 0), |visit| (visit.ani, visit.withdrawn, visit.ivr_seconds));
        if withdrawn != NEVER {
            // A withdrawn call never was one: no other report knows it.
            return;
        }
        let started = instant - i64::from(ivr_seconds);
        if offered {
            self.callback(seq, skill, ani, instant, accepted);
        }
        if answered {
            self.talk(seq, skill, ani, started, instant + (wait_ms + 999) / 1000);
        }
    }

    fn talk(&mut self, seq: u32, skill: u16, ani: u16, started: i64, answered: i64) {
        let length = 8 + self.dice.exponential(210.0).min(7_000.0) as i64;
        let agent = self.dice.between(0, self.centre.agents as i64 - 1) as u16;
        let end = answered + length;
        self.connected(seq, started, end, length, Interaction::Inbound, skill, agent, NONE, NONE, ani);
        if self.dice.chance(0.03) {
            // The same call id goes on with another agent.
            let next = (agent + 1) % self.centre.agents as u16;
            let more = 5 + self.dice.exponential(120.0).min(3_000.0) as i64;
            let kind = if self.dice.chance(0.8) { Interaction::Transfer } else { Interaction::Conference };
            self.connected(seq, started, end + more, more, kind, skill, next, NONE, NONE, ani);
        }
        if self.dice.chance(self.traffic.survey_share) {
            self.survey(seq, skill, agent, ani, started, end);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one row, each used once")]
    fn connected(
        &mut self,
        seq: u32,
        started: i64,
        end: i64,
        length: i64,
        interaction: Interaction,
        skill: u16,
        agent: u16,
        campaign: u16,
        destination: u16,
        ani: u16,
    ) {
        let visible = self.visible(end);
        let minutes = (length + 59) / 60;
        let price = DESTINATIONS.get(usize::from(destination)).map_or(0, |(_, price)| *price);
        let mut code = [NONE, NONE];
        let mut coded = [NEVER, NEVER];
        if !self.dice.chance(self.traffic.uncoded_share) {
            code[0] = self.dice.between(0, CODES.len() as i64 - 1) as u16;
            coded[0] = self.coded(end);
            if self.dice.chance(0.2) {
                code[1] = self.dice.between(0, CODES.len() as i64 - 1) as u16;
                coded[1] = coded[0];
            }
        }
        self.day.connected.push(Connected {
            at: self.offsets.label(end),
            seq,
            started,
            seconds: length as u32,
            cost: minutes * price,
            visible,
            coded,
            code,
            skill,
            agent,
            campaign,
            destination,
            ani,
            interaction,
            agent_hung_up: self.dice.chance(0.45),
            commented: self.dice.chance(0.3),
        });
    }

    fn survey(&mut self, seq: u32, skill: u16, agent: u16, ani: u16, started: i64, end: i64) {
        let result = self.dice.weighted(&[0.15, 0.25, 0.6]) as u8;
        let answered = match result {
            0 => 0,
            1 => self.dice.between(1, 2),
            _ => 3,
        };
        let mut answers = [None; 3];
        for (question, answer) in answers.iter_mut().enumerate() {
            if (question as i64) < answered {
                // The last question is of the kind "would you recommend us", 0 to 10.
                let given = if question == 2 {
                    const LIKELY: [f64; 11] = [2.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 5.0, 8.0, 8.0, 12.0];
                    self.dice.weighted(&LIKELY) as i64
                } else {
                    1 + self.dice.weighted(&[0.08, 0.07, 0.15, 0.3, 0.4]) as i64
                };
                *answer = Some(given as u8);
            }
        }
        let voice_seconds =
            if result == 2 && self.dice.chance(0.2) { self.dice.between(3, 90) as u32 } else { 0 };
        let length = 6 + answered * self.dice.between(5, 25) + i64::from(voice_seconds);
        let finished = end + length;
        let visible = self.visible(end).max(end + 1);
        let feeling =
            if voice_seconds > 0 { self.dice.weighted(&[0.1, 0.15, 0.3, 0.3, 0.15]) as u16 } else { NONE };
        let felt = if feeling == NONE { NEVER } else { self.coded(finished) };
        self.day.surveys.push(Survey {
            at: self.offsets.label(end),
            instant: end,
            seq,
            started,
            skill,
            agent,
            ani,
            visible,
            seconds: length as u32,
            result,
            answers,
            voice_seconds,
            feeling,
            felt,
        });
    }

    fn callback(&mut self, seq: u32, skill: u16, ani: u16, instant: i64, accepted: bool) {
        let offered = instant + OFFER_MS / 1000 + 10;
        let mut row = Callback {
            at: self.offsets.label(instant),
            instant,
            seq,
            skill,
            ani,
            visible: self.visible(offered),
            outcome: Outcome::No,
            decided: offered,
            attempts: Vec::new(),
        };
        if accepted {
            self.accepted(&mut row, offered);
        }
        self.day.callbacks.push(row);
    }

    fn accepted(&mut self, row: &mut Callback, offered: i64) {
        let longest = i64::from(self.traffic.callback_hours) * 3600;
        const OUTCOMES: [Outcome; 5] =
            [Outcome::Ok, Outcome::Fail, Outcome::NoUser, Outcome::StopNew, Outcome::Yes];
        row.outcome = OUTCOMES[self.dice.weighted(&[0.62, 0.15, 0.12, 0.09, 0.02])];
        let attempts = match row.outcome {
            Outcome::Ok => 1 + self.dice.weighted(&[0.6, 0.3, 0.1]),
            Outcome::Fail => 3,
            Outcome::NoUser => 1 + self.dice.weighted(&[0.7, 0.3]),
            Outcome::StopNew => self.dice.weighted(&[0.6, 0.4]),
            Outcome::Yes | Outcome::No => 0,
        };
        let first = 20.0 + self.dice.exponential(longest as f64 / 12.0);
        let mut next = offered + (first as i64).min(longest * 6 / 10);
        for number in 0..attempts {
            let last = number + 1 == attempts;
            let talks = last && matches!(row.outcome, Outcome::Ok | Outcome::NoUser);
            let mean = if row.outcome == Outcome::Ok { 190.0 } else { 25.0 };
            let length = if talks {
                10 + self.dice.exponential(mean).min(1_750.0) as i64
            } else {
                self.dice.between(15, 30)
            };
            let billed = if talks { (length * 100 + 59) / 60 } else { 0 };
            row.attempts.push(Attempt {
                instant: next,
                at: self.offsets.label(next),
                seconds: length as u32,
                billed,
            });
            row.decided = next + length;
            if last && row.outcome == Outcome::Ok {
                let (seq, agent) =
                    (self.next_seq(), self.dice.between(0, self.centre.agents as i64 - 1) as u16);
                let end = next + length;
                let campaign = CAMPAIGNS.len() as u16 - 1;
                let kind = Interaction::OutboundMa;
                self.connected(seq, next, end, length, kind, row.skill, agent, campaign, 0, row.ani);
            }
            next = row.decided + self.dice.between(longest / 60, longest / 10);
        }
        match row.outcome {
            Outcome::StopNew => row.decided = next,
            Outcome::Yes => row.decided = NEVER,
            _ => {}
        }
        if row.decided != NEVER {
            row.decided += self.dice.between(0, 20);
        }
    }

    pub(super) fn outbound(&mut self) {
        for (from, to, weight) in self.stretches() {
            let expected = self.traffic.calls_per_day * self.traffic.outbound_share * weight;
            for _ in 0..self.dice.poisson(expected) {
                let started = self.dice.between(from, to - 1);
                let length = 2 + self.dice.exponential(80.0).min(5_000.0) as i64;
                const KINDS: [Interaction; 4] = [
                    Interaction::OutPre,
                    Interaction::OutboundMa,
                    Interaction::Internal,
                    Interaction::InternalQueue,
                ];
                let kind = KINDS[self.dice.weighted(&[0.55, 0.35, 0.06, 0.04])];
                let agent = self.dice.between(0, self.centre.agents as i64 - 1) as u16;
                let skill = self.dice.between(0, self.skills.len() as i64 - 1) as u16;
                let (mut campaign, mut destination, mut queue) = (NONE, NONE, NONE);
                match kind {
                    Interaction::OutPre | Interaction::OutboundMa => {
                        queue = skill;
                        destination = self.dice.weighted(&[0.6, 0.18, 0.1, 0.08, 0.04]) as u16;
                        // Agents also dial by hand, without a campaign.
                        if kind == Interaction::OutPre || self.dice.chance(0.5) {
                            campaign = self.dice.between(0, CAMPAIGNS.len() as i64 - 2) as u16;
                        }
                    }
                    Interaction::InternalQueue => queue = skill,
                    _ => {}
                }
                let (seq, ani) = (self.next_seq(), self.dice.between(0, 9999) as u16);
                let end = started + length;
                self.connected(seq, started, end, length, kind, queue, agent, campaign, destination, ani);
            }
        }
    }

    /// When a row of this instant appears.
    fn visible(&mut self, at: i64) -> i64 {
        let latest = i64::from(self.traffic.latest_seconds);
        let kind = match self.traffic.lateness {
            Lateness::None => return at,
            Lateness::Usual => self.dice.weighted(&[0.85, 0.115, 0.03, 0.005]),
            Lateness::Heavy => self.dice.weighted(&[0.55, 0.2, 0.15, 0.1]),
        };
        let late = match kind {
            0 => self.dice.between(2, 60),
            1 => self.dice.between(60, 360),
            2 => self.dice.between(360, 1500),
            _ => self.dice.between(1500, latest.max(1500)),
        };
        at + late.min(latest)
    }

    /// When a code or a feeling is written for something of this instant.
    fn coded(&mut self, at: i64) -> i64 {
        let latest = i64::from(self.traffic.latest_seconds);
        let late = match self.traffic.lateness {
            Lateness::None => 0,
            _ => match self.dice.weighted(&[0.75, 0.2, 0.05]) {
                0 => self.dice.between(0, 20),
                1 => self.dice.between(20, 600),
                _ => self.dice.between(600, latest.max(600)),
            },
        };
        at + late.min(latest)
    }
}

/// The offset of local time around one day, so that a label costs no look into the zone's rules.
struct Offsets(Vec<(i64, i64)>);

impl Offsets {
    fn around(zone: &Zone, first: i64, last: i64) -> Offsets {
        let mut points = vec![(i64::MIN, offset(zone, first))];
        let mut from = first;
        while from < last {
            let to = from + 12 * 3600;
            let (before, after) = (offset(zone, from), offset(zone, to));
            if before != after {
                let (mut low, mut high) = (from, to);
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    if offset(zone, middle) == before { low = middle } else { high = middle }
                }
                points.push((high, after));
            }
            from = to;
        }
        Offsets(points)
    }

    fn label(&self, instant: i64) -> i64 {
        let offset =
            self.0.iter().rev().find(|(since, _)| *since <= instant).map_or(0, |(_, offset)| *offset);
        instant + offset
    }
}

fn offset(zone: &Zone, instant: i64) -> i64 {
    let at = Timestamp::from_second(instant).unwrap_or(Timestamp::UNIX_EPOCH);
    label_of(zone.civil(at)) - instant
}
