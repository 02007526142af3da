//! A malicious or broken upstream against the program itself: it lives, its memory is bounded, it says why, and every
//! other operation goes on.
//!
//! All evils are tried at once, one operation each, beside a healthy one that reads the simulated centre.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::program::{self, Program, Samples};
use crate::fuzz::checks::openmetrics;

mod server;

use server::{ENDLESS, Hostile};

/// What a reading of each evil comes to: the reason of its failures, or "" where it is read all the same.
const EVILS: &[(&str, &[&str])] = &[
    ("endless_rows", &["truncated"]),
    ("content_length_of_10_gb", &["decode"]),
    ("million_dnis", &["truncated"]),
    ("tiny_rows", &["truncated"]),
    ("scalars_for_rows", &["truncated"]),
    ("one_endless_string", &["decode"]),
    ("endless_key", &["decode"]),
    ("many_keys", &["decode"]),
    ("deep", &["decode"]),
    ("deep_objects", &["decode"]),
    ("gzip_bomb", &["decode"]),
    ("gzip_of_gzip", &["decode"]),
    ("gzip_cut", &["decode"]),
    ("nasty_labels", &[""]),
    ("lone_surrogate", &[""]),
    ("not_utf8", &[""]),
    ("numbers", &[""]),
    ("numbers_as_numbers", &[""]),
    ("number_too_large_for_json", &["decode"]),
    ("trailing_garbage", &["decode"]),
    ("redirect", &["request"]),
    ("permanent_redirect", &["request"]),
    ("refresh", &["decode"]),
    ("alternative_service", &[""]),
    ("cookies", &[""]),
    ("huge_header", &["connect"]),
    ("thousand_headers", &["connect"]),
    ("shorter_than_said", &["decode"]),
    ("longer_than_said", &["decode"]),
    ("two_lengths", &["connect"]),
    ("bad_chunk", &["decode"]),
    ("http_1_0", &[""]),
    ("http_2", &["connect"]),
    ("ssh", &["connect"]),
    ("silence", &["connect"]),
    ("reset", &["decode"]),
    ("informational_flood", &[""]),
    ("deep_refusal", &["maintenance"]),
    ("endless_refusal", &["maintenance"]),
    ("forged_message", &["maintenance"]),
];

/// Resident memory of the program with all evils at once, in MiB: the largest answer is read in pieces, so forty times
/// 10 GB fit. Measured: see the README.
const MEMORY: u64 = 400;

/// The name of an operation.
const SCRIPT: &str = "<script>alert('operation')</script>";

/// It takes half a minute on two free cores; most of it decodes 256 MiB and 100,000 rows without optimisation.
const PATIENCE: Duration = Duration::from_secs(900);

/// A configuration of one operation per evil and a healthy one; each has a token of its own.
fn configuration(folder: &Path, hostile: &Hostile, evils: &[String], healthy: &program::Api) {
    let mut config = String::from("operations:\n");
    for (nth, evil) in evils.iter().enumerate() {
        std::fs::write(folder.join(format!("token{nth}")), format!("secret-of-operation-{nth:04}")).unwrap();
        config += &format!(
            "  - {{ name: {evil}, base_url: 'http://{}/{evil}/api/v2/', token_file: token{nth}, timezone: UTC, skills: ['101'], daily_requests: 100000, reports: {{ skill_6: {{ interval: 5m }}, diagram_1_2: off, diagram_3: off, cdr_1: off, diagram_4: off }} }}\n",
            hostile.address
        );
    }
    std::fs::write(folder.join("named"), "secret-of-operation-named").unwrap();
    config += &format!(
        "  - {{ name: \"{SCRIPT}\", base_url: 'http://{}/nasty_names/api/v2/', token_file: named, timezone: UTC, daily_requests: 100000, reports: {{ diagram_1_2: off, diagram_3: off, cdr_1: off, diagram_4: off }} }}\n",
        hostile.address
    );
    std::fs::write(folder.join("token"), &healthy.token).unwrap();
    config += &format!(
        "  - {{ name: healthy, base_url: '{}', token_file: token, timezone: {} }}\n",
        healthy.base_url,
        program::ZONE
    );
    std::fs::write(folder.join("wolkvox.yml"), config).unwrap();
}

#[test]
fn every_evil_is_told_and_bounded_while_the_others_go_on() {
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let hostile = Hostile::start(elsewhere.local_addr().unwrap());
    let healthy = program::simulate(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut evils: Vec<String> = EVILS.iter().map(|(evil, _)| (*evil).to_owned()).collect();
    evils.extend(["drip".to_owned(), "drip_of_headers".to_owned()]);
    configuration(folder.path(), &hostile, &evils, &healthy);
    let mut program = program::serve(folder.path());
    let address = program.address();

    let told = std::cell::RefCell::new(Vec::new());
    let samples = program.wait_long(PATIENCE, "an end of every evil", |_| {
        let samples = Samples::of(&program::get(&address, "/metrics")?.1);
        let ended = |(evil, reasons): &(&str, &[&str])| match reasons {
            [""] => samples.is_up(evil),
            _ => failures(&samples, evil).next().is_some(),
        };
        let missing: Vec<_> = EVILS.iter().filter(|evil| !ended(evil)).map(|(evil, _)| *evil).collect();
        let up = [samples.is_up("healthy"), samples.is_up(SCRIPT)];
        if *told.borrow() != missing {
            println!("waiting for {missing:?}, healthy: {up:?}");
            told.replace(missing);
        }
        (told.borrow().is_empty() && up == [true, true]).then_some(samples)
    });
    for (evil, reasons) in EVILS {
        let found: Vec<&str> = failures(&samples, evil).collect();
        let expected = |reason: &&str| reasons.contains(reason);
        assert!(found.iter().all(expected), "{evil}: {found:?}\n{}", log_of(&program, evil));
    }
    assert_eq!(hostile.seen.dripping.load(Ordering::SeqCst), 2, "the drips go on meanwhile");

    // The healthy one goes on beside all of it.
    let reads = |samples: &Samples| {
        samples
            .0
            .iter()
            .filter(|(series, _)| series.starts_with("wolkvox_report_rows_total{operation=\"healthy\""))
            .map(|(_, value)| value)
            .sum::<f64>()
    };
    assert!(reads(&samples) > 0.0);

    // What came in is nobody's exposition but ours.
    let (_, body) = program::get(&address, "/metrics").unwrap();
    let dnis: Vec<String> = openmetrics::read(&body, false)
        .iter()
        .flat_map(|family| &family.samples)
        .filter_map(|(_, labels, _)| labels.get("dnis").cloned())
        .collect();
    assert!(dnis.iter().any(|dnis| dnis.contains("<script>")), "{dnis:?}");
    assert!(!dnis.iter().any(|dnis| {
        dnis.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}' | '\u{feff}'))
    }));
    for path in ["/", "/?operation=nasty_labels"] {
        let (_, page) = program::get(&address, path).unwrap();
        // The page has one script of its own; what came in is text.
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(
            page.contains("nasty_labels") && !page.contains('\u{202e}') && !page.contains("<img"),
            "{page}"
        );
    }

    // No redirect was followed, and no cookie or token went where it should not.
    assert!(elsewhere.accept().is_err(), "somebody went elsewhere");
    for request in hostile.seen.requests.lock().unwrap().iter() {
        assert!(!request.to_ascii_lowercase().contains("cookie:"), "{request}");
        assert_eq!(request.matches("secret-of-operation-").count(), 1, "{request}");
    }

    let (peak, sent) = (program.peak(), hostile.seen.sent.load(Ordering::Relaxed) >> 20);
    assert!(peak < MEMORY, "{peak} MiB");
    program.terminate();
    let (status, _, log) = program.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("secret-of-operation-") && !log.contains("panicked"), "{log}");
    assert!(!log.lines().any(|line| line.starts_with("level=info msg=forged")), "{log}");
    assert!(!log.contains('\u{202e}') && !log.contains('\u{1b}'), "{log:?}");
    println!(
        "{} evils at once, each up to {} GiB: {sent} MiB sent, at most {peak} MiB held",
        evils.len(),
        ENDLESS >> 30
    );
}

/// The reasons for which the report of an operation could not be read.
fn failures<'s>(samples: &'s Samples, operation: &str) -> impl Iterator<Item = &'s str> {
    let start = format!("wolkvox_report_read_failures_total{{operation=\"{operation}\",report=\"skill_6\",");
    samples
        .0
        .iter()
        .filter(move |(series, value)| **value > 0.0 && series.starts_with(&start))
        .filter_map(|(series, _)| series.split("reason=\"").nth(1)?.split('"').next())
}

fn log_of(program: &Program, operation: &str) -> String {
    let log = program.err.text();
    log.lines()
        .filter(|line| line.contains(&format!("operation={operation} ")))
        .collect::<Vec<_>>()
        .join("\n")
}
