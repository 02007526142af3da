//! Every oddity in `tests/fixtures/reports`, one file each, and the properties that hold for any bytes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::config::{self, Denominator, Operation};
use crate::schedule::{Purpose, Request};
use crate::time::Zone;

mod properties;
mod rules;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports")
}

fn fixture(report: &str, oddity: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(report).join(format!("{oddity}.json"))).unwrap()
}

/// Every fixture: the folder, the oddity, the report it is read as, and its bytes.
fn all_fixtures() -> Vec<(String, String, Report, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in std::fs::read_dir(fixtures()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        // Envelopes are the same for every report; the shortest rows make the shortest files.
        let report = Report::from_code(&name).unwrap_or(Report::Diagram12);
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let oddity = path.file_stem().unwrap().to_str().unwrap().to_owned();
            all.push((name.clone(), oddity, report, std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn operation(zone: &str) -> Operation {
    let settings =
        config::ReportSettings { interval: Duration::from_secs(300), settle: Duration::from_secs(6 * 3_600) };
    let coding_delay = Duration::from_secs(30 * 60);
    Operation {
        name: "acme".to_owned(),
        base_url: "http://127.0.0.1:1/api/v2/".to_owned(),
        server: "0010".to_owned(),
        token: config::TokenSource::Env("ACME_TOKEN".to_owned()),
        zone: Zone::named(zone).unwrap(),
        currency: "COP".to_owned(),
        daily_requests: None,
        count_from: config::CountFrom::Now,
        skills: config::Skills::Discover,
        dnis: config::DnisPolicy { allow: None, max: 200 },
        labels_max: 200,
        targets: Vec::new(),
        business_hours: Vec::new(),
        reports: config::Reports {
            skill_6: Some(config::Skill6 { settings, denominator: Denominator::Inbound }),
            diagram_1_2: Some(settings),
            diagram_3: Some(settings),
            cdr_1: Some(config::Cdr1 { settings, coding_delay, agents: true }),
            diagram_4: Some(config::Diagram4 { settings, coding_delay }),
        },
    }
}

fn local(text: &str) -> civil::DateTime {
    text.parse().unwrap()
}

/// Noon of 2026-11-10 in Bogota; `skill_6` is asked for the day before, which has ended.
fn request(report: Report) -> Request {
    let zone = Zone::named("America/Bogota").unwrap();
    let window = match report {
        Report::Skill6 | Report::Skill1 => {
            Some(Window { from: local("2026-11-09T00:00:00"), to: local("2026-11-10T00:00:00") })
        }
        Report::Skills | Report::TokenInfo => None,
        _ => Some(Window { from: local("2026-11-10T00:00:00"), to: local("2026-11-10T12:00:01") }),
    };
    Request {
        report,
        skill: if report == Report::Skill6 { "101".to_owned() } else { String::new() },
        window,
        slot: 7,
        now: zone.instant(local("2026-11-10T12:00:00")),
        purpose: Purpose::Present,
        part: (0, 1),
    }
}

fn key() -> IdentityKey {
    IdentityKey::new(*b"0123456789abcdef0123456789ABCDEF")
}

fn decoder(report: Report) -> Decoder {
    let request = request(report);
    Decoder::new(&request, &operation("America/Bogota"), &key(), Denominator::Inbound, request.now)
}

fn decode(report: Report, http: u16, body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = decoder(report);
    decoder.push(body)?;
    decoder.finish(http, None)
}

fn decode_fixture(report: Report, oddity: &str) -> Decoded {
    decode(report, 200, &fixture(report.code(), oddity)).unwrap()
}

fn totals(decoded: &Decoded) -> &[Total] {
    match &decoded.answer {
        Answer::Reading(Reading { content: Content::Totals(totals), .. }) => totals,
        other => panic!("no totals: {other:?}"),
    }
}

fn events(decoded: &Decoded) -> &[Event] {
    match &decoded.answer {
        Answer::Reading(Reading { content: Content::Events(events), .. }) => events,
        other => panic!("no events: {other:?}"),
    }
}

/// The observations of an event or a total that belong to a family.
fn of<'o>(observations: &'o [Observation], family: &Family) -> Vec<&'o Observation> {
    observations.iter().filter(|observation| observation.family.is(family)).collect()
}

fn labels(labels: &LabelValues) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(label, value)| format!("{}={value:?}", label.as_str())).collect();
    format!("{{{}}}", pairs.join(","))
}

/// A decoded answer as a person would check it.
fn render(decoded: &Result<Decoded, DecodeError>) -> String {
    let mut out = String::new();
    let decoded = match decoded {
        Err(error) => return format!("error: {error}\n"),
        Ok(decoded) => decoded,
    };
    let observations = |out: &mut String, observations: &[Observation]| {
        for Observation { family, slot, labels: with, amount, when } in observations {
            let slot = if *slot == 0 { String::new() } else { format!(" slot {slot}") };
            writeln!(out, "    {} {}{slot} {amount:?} {when:?}", family.name, labels(with)).unwrap();
        }
    };
    match &decoded.answer {
        Answer::Reading(Reading { content: Content::Totals(totals), .. }) => {
            for total in totals {
                writeln!(out, "total {} {}", total.bucket, labels(&total.key)).unwrap();
                match &total.amounts {
                    Some(amounts) => observations(&mut out, amounts),
                    None => writeln!(out, "    rejected").unwrap(),
                }
            }
        }
        Answer::Reading(Reading { content: Content::Events(events), .. }) => {
            for event in events {
                let status = event.status.as_deref().map(|status| format!(" status {status}"));
                writeln!(out, "event {} {}{}", event.at, labels(&event.key), status.unwrap_or_default())
                    .unwrap();
                observations(&mut out, &event.observations);
            }
        }
        Answer::Witness(rows) => {
            for row in rows {
                writeln!(out, "skill {:?}: {} calls", row.skill, row.inbound_calls).unwrap();
            }
        }
        Answer::Skills(skills) => writeln!(out, "{skills:?}").unwrap(),
        Answer::Quota(quota) => writeln!(out, "{quota:?}").unwrap(),
    }
    for day in ["2026-11-09", "2026-11-10"] {
        for gauge in decoded.as_reported.gauges(day.parse().unwrap()) {
            writeln!(out, "today {day}: {} {} {}", gauge.family.name, labels(&gauge.labels), gauge.value)
                .unwrap();
        }
    }
    let Tally { rows, rejected, dropped, mismatches, folded, names, coarse, evidence, bytes: _ } =
        &decoded.tally;
    writeln!(out, "rows {rows}, envelope {:?}", decoded.envelope).unwrap();
    let empty = |debug: String| debug == "{}" || debug.ends_with("{ skills: {}, activities: {} }");
    for (name, debug) in [
        ("rejected", format!("{rejected:?}")),
        ("dropped", format!("{dropped:?}")),
        ("mismatches", format!("{mismatches:?}")),
        (
            "folded",
            format!(
                "{:?}",
                folded.iter().map(|(label, seen)| (label, seen.len())).collect::<BTreeMap<_, _>>()
            ),
        ),
        ("names", format!("{names:?}")),
    ] {
        if !empty(debug.clone()) {
            writeln!(out, "{name} {debug}").unwrap();
        }
    }
    if *coarse {
        writeln!(out, "coarse").unwrap();
    }
    if evidence.rows > 0 {
        writeln!(out, "{evidence:?}").unwrap();
    }
    out
}

#[test]
fn every_oddity_is_read_as_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (folder, oddity, report, body) in all_fixtures() {
        let http = match oddity.as_str() {
            "empty_404" | "empty_404_without_data" | "rows_in_a_404" => 404,
            "error_body" => 403,
            "server_error_body" => 500,
            _ => 200,
        };
        let decoded = render(&decode(report, http, &body));
        settings.bind(|| insta::assert_snapshot!(format!("reports__{folder}__{oddity}"), decoded));
    }
}
