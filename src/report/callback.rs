//! `diagram_3`: intelligent hold, one callback per row, whose status moves for hours.

use super::columns::{Cell, Columns, Row};
use super::decode::Settings;
use super::field::{self, Moment};
use super::label;
use super::occurrence::{self, Occurrence};
use super::tally::{DropReason, Seen, Tally};
use super::{Amount, Event, LabelValues, Observation, When, moment_bytes};
use crate::api::{Grain, Report};
use crate::metrics::{Family, Label, catalogue};
use crate::time::{Bucket, civil};

/// What a callback is until its status is final, and what it stays when that never happens.
const UNKNOWN: &str = "unknown";

/// The status of a callback that still waits.
const WAITING: &str = "yes";

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct CallbackRow<'a> {
    skill: Cell<'a>,
    date: Cell<'a>,
    called_back: Cell<'a>,
    status: Cell<'a>,
    attempts: Cell<'a>,
    ani: Cell<'a>,
    dial_phone: Cell<'a>,
    customer: Cell<'a>,
    wait: Cell<'a>,
    duration: Cell<'a>,
    billed: Cell<'a>,
}

impl<'a> Columns<'a> for CallbackRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "skill_id" => self.skill.put(value),
            "date_inbound_call" => self.date.put(value),
            "date_last_outbound_call" => self.called_back.put(value),
            "status" => self.status.put(value),
            "attempts" => self.attempts.put(value),
            "ani" => self.ani.put(value),
            "dial_phone" => self.dial_phone.put(value),
            "customer_id" => self.customer.put(value),
            "time_between_calls" => self.wait.put(value),
            "time" => self.duration.put(value),
            "billed_minutes" => self.billed.put(value),
            _ => false,
        }
    }
}

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Callbacks {
    rows: Vec<Occurrence>,
}

impl Callbacks {
    pub(super) fn row(&mut self, row: Row<CallbackRow<'_>>, settings: &Settings, tally: &mut Tally) {
        let fingerprint = row.fingerprint;
        let row = row.columns;
        let date = field::present(row.date.text()).map(field::moment);
        let is_total = |cell: &Cell<'_>| cell.text().is_some_and(label::is_total);
        let nobody = [&row.ani, &row.dial_phone, &row.customer]
            .iter()
            .all(|cell| field::present(cell.text()).is_none_or(label::is_total));
        if is_total(&row.date) || (is_total(&row.skill) && nobody) {
            return tally.drop_row(DropReason::TotalRow);
        }
        let at = match date {
            Some(Ok(Some(Moment::Time(at)))) => at,
            // The bucket is a day, so a date without a time still says which.
            Some(Ok(Some(Moment::Day(date)))) => date.to_datetime(civil::Time::midnight()),
            _ => {
                tally.reject("date_inbound_call");
                return tally.drop_row(DropReason::NoIdentity);
            }
        };
        let present = |cell: &Cell<'_>| -> Option<Vec<u8>> {
            field::present(cell.text()).map(|text| text.as_bytes().to_vec())
        };
        let parts = [&row.skill, &row.ani, &row.dial_phone, &row.customer].map(present);
        if parts.iter().all(Option::is_none) {
            return tally.drop_row(DropReason::NoIdentity);
        }
        let [skill, ani, dial_phone, customer] = parts.map(Option::unwrap_or_default);
        let when = moment_bytes(at);
        let parts: [&[u8]; 5] = [&skill, &when, &ani, &dial_phone, &customer];
        let identity = settings.key.identity(Report::Diagram3, parts);

        let outcome = outcome(&row.status);
        let observations = observations(&row, outcome, tally);
        let seen = Seen { key: &settings.key, bucket: Bucket::of(at, Grain::Day) };
        let skill = tally.label(Label::SkillId, label::id(row.skill.text()), seen);
        let called_back = tally.value("date_last_outbound_call", &row.called_back, field::moment);
        let decided = called_back.flatten().map(|moment| match moment {
            Moment::Time(at) => at,
            Moment::Day(date) => date.to_datetime(civil::Time::midnight()),
        });
        let waits = label::word(row.status.text()).text == WAITING;
        let status = if waits { WAITING } else { outcome.unwrap_or(UNKNOWN) };
        self.rows.push(Occurrence {
            event: Event {
                at,
                identity,
                key: LabelValues::from([(Label::SkillId, skill)]),
                observations,
                status: Some(status.into()),
            },
            fingerprint,
            is_final: outcome.is_some(),
            decided: decided.filter(|_| outcome.is_some()),
            is_coded: false,
        });
    }

    pub(super) fn finish(self, settings: &Settings, tally: &mut Tally) -> Vec<Event> {
        occurrence::number(self.rows, &settings.key, tally)
    }
}

/// The outcome that a final status stands for; a status that is not recognised is not final.
fn outcome(status: &Cell<'_>) -> Option<&'static str> {
    match label::word(status.text()).text.as_ref() {
        "ok" => Some("ok"),
        "fail" => Some("fail"),
        "no" => Some("no"),
        "no_user" | "nouser" => Some("no_user"),
        "stop_new" | "stopnew" => Some("stop_new"),
        _ => None,
    }
}

fn observations(row: &CallbackRow<'_>, outcome: Option<&str>, tally: &mut Tally) -> Vec<Observation> {
    let observe = |family: &'static Family, amount, when| Observation {
        family,
        slot: 0,
        labels: LabelValues::new(),
        amount,
        when,
    };
    let mut observations = vec![observe(&catalogue::CALLBACK_OFFERS, Amount::Count(1), When::Follows)];
    if let Some(attempts) = tally.value("attempts", &row.attempts, field::count) {
        observations.push(observe(&catalogue::CALLBACK_ATTEMPTS, Amount::Count(attempts), When::Follows));
    }
    if let Some(billed) = tally.value("billed_minutes", &row.billed, field::minutes) {
        observations.push(observe(&catalogue::CALLBACK_BILLED, Amount::Count(billed), When::Follows));
    }
    let when = if outcome.is_some() { When::Once } else { When::AtSeal };
    let mut decided = observe(&catalogue::CALLBACK_OUTCOMES, Amount::Count(1), when);
    decided.labels.insert(Label::Outcome, outcome.unwrap_or(UNKNOWN).into());
    observations.push(decided);
    // Read whatever the status, so that a broken column shows before the callbacks end.
    let wait = tally.value("time_between_calls", &row.wait, field::duration);
    let duration = tally.value("time", &row.duration, field::duration);
    if let Some(wait) = wait.filter(|_| outcome == Some("ok")) {
        observations.push(observe(&catalogue::CALLBACK_WAIT, Amount::Observe(wait), When::Once));
    }
    if let Some(duration) = duration.filter(|_| outcome.is_some()) {
        observations.push(observe(&catalogue::CALLBACK_DURATION, Amount::Observe(duration), When::Once));
    }
    observations
}
