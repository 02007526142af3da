//! What is wrong with an operation, told once for each cause, with what to do about it.

use std::collections::BTreeMap;

use super::super::advice::{advice, headline};
use super::words::{enumerated, sentence, span};
use crate::api::{Reason, Report};
use crate::pipeline::Face;
use crate::status::Trouble;
use crate::time::Timestamp;
use crate::vitals::ReportVitals;

/// What a report is, in one or two words.
pub(super) const fn title(report: Report) -> &'static str {
    match report {
        Report::Skill6 => "Calls",
        Report::Diagram3 => "Callbacks",
        Report::Diagram12 => "IVR",
        Report::Cdr1 => "Call detail",
        Report::Diagram4 => "Surveys",
        Report::Skill1 => "Cross-check",
        Report::Skills => "Names of skills",
        Report::TokenInfo => "Quota",
    }
}

/// The reports that fail by their causes, what stops everything first.
pub(super) fn of(face: &Face, now: Timestamp) -> Vec<Trouble> {
    let mut causes: BTreeMap<Reason, Vec<(Report, &ReportVitals)>> = BTreeMap::new();
    for (report, vitals) in face.vitals.reports().filter(|(_, vitals)| vitals.up == Some(false)) {
        // A report that was not understood for a reason no request gave has no failure of its own.
        let reason = vitals.last_failure.as_ref().map_or(Reason::Mismatch, |(_, reason, _)| *reason);
        causes.entry(reason).or_default().push((report, vitals));
    }
    if let Some((reason, _)) = face.paused {
        causes.entry(reason).or_default();
    }
    let counts =
        |reports: &[(Report, &ReportVitals)]| reports.iter().any(|(report, _)| report.grain().is_some());
    let mut troubles: Vec<(u8, Trouble)> = causes
        .into_iter()
        .map(|(reason, reports)| {
            let until = face.paused.filter(|(paused, _)| *paused == reason).map(|(_, until)| until);
            let rank = if until.is_some() { 0 } else { 2 - u8::from(counts(&reports)) };
            (rank, trouble(reason, &reports, until, now))
        })
        .collect();
    troubles.sort_by_key(|(rank, _)| *rank);
    troubles.into_iter().map(|(_, trouble)| trouble).collect()
}

fn trouble(
    reason: Reason,
    reports: &[(Report, &ReportVitals)],
    until: Option<Timestamp>,
    now: Timestamp,
) -> Trouble {
    let of_five: Vec<&str> = reports
        .iter()
        .filter(|(report, _)| report.grain().is_some())
        .map(|(report, _)| title(*report))
        .collect();
    let mut meaning = match (until, of_five.as_slice()) {
        (Some(until), _) => {
            let wait = span(until.duration_since(now));
            format!("Nothing is read from this operation until that is over; the next try is in {wait}.")
        }
        (None, []) => {
            let helpers: Vec<&str> = reports.iter().map(|(report, _)| title(*report)).collect();
            format!("{} cannot be asked for; the numbers themselves are read.", enumerated(&helpers))
        }
        (None, titles) => format!("Not read: {}. It is tried again every few minutes.", enumerated(titles)),
    };
    let newest = reports
        .iter()
        .filter(|(report, _)| report.grain().is_some())
        .map(|(_, vitals)| vitals.last_success)
        .min()
        .flatten();
    if let Some(at) = newest {
        meaning.push_str(&format!(" Last read {} ago.", span(now.duration_since(at))));
    }
    let mut said: Vec<String> = Vec::new();
    for (report, vitals) in reports {
        let Some((at, _, words)) = &vitals.last_failure else { continue };
        said.push(format!("{} ({report}), {} ago: {words}", title(*report), span(now.duration_since(*at))));
    }
    Trouble {
        what: headline(reason).to_owned(),
        meaning: sentence(&meaning),
        advice: advice(reason).to_owned(),
        said: if said.is_empty() { format!("reason {}", reason.as_str()) } else { said.join("; ") },
    }
}
