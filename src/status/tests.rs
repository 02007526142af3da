use std::fs;
use std::path::PathBuf;

use super::*;

fn measure(tenths: i64, target: i64, verdict: Verdict) -> Measure {
    Measure {
        value: format!("{}.{}\u{a0}%", tenths / 10, tenths % 10),
        share: tenths * 1_000,
        target: Some(format!("{target}\u{a0}%")),
        target_share: target * 10_000,
        verdict,
    }
}

fn skill(id: usize, name: &str, level: i64, abandon: i64) -> SkillStatus {
    let judged = |missed| if missed { Verdict::Missed } else { Verdict::Met };
    SkillStatus {
        id: id.to_string(),
        name: name.to_owned(),
        open: Some(id != 103),
        inbound: "1,314".to_owned(),
        answered: "1,175".to_owned(),
        abandoned: "139".to_owned(),
        within: 20,
        level: measure(level, 80, judged(level < 800)),
        abandon: measure(abandon, 5, judged(abandon > 50)),
    }
}

fn reports(state: ReportState) -> Vec<ReportStatus> {
    let report = |(code, title, counts)| ReportStatus {
        code,
        title,
        counts,
        state,
        last_success: "4\u{a0}min ago".to_owned(),
        data_age: counts.then(|| "4\u{a0}min".to_owned()),
        rows: "1,412".to_owned(),
        owed: 0,
        next: "in 1\u{a0}min".to_owned(),
        counting_since: "2026-11-20 00:00".to_owned(),
        last_failure: None,
    };
    [
        ("skill_6", "Calls", true),
        ("diagram_3", "Callbacks", true),
        ("diagram_1_2", "IVR", true),
        ("cdr_1", "Call detail", true),
        ("diagram_4", "Surveys", true),
        ("skill_1", "Cross-check", false),
        ("token_info", "Quota", false),
    ]
    .map(report)
    .into()
}

fn reading(name: &str) -> OperationStatus {
    OperationStatus {
        name: name.to_owned(),
        server: "0010".to_owned(),
        clock: "Friday 20 November, 12:03".to_owned(),
        zone: "America/Bogota".to_owned(),
        state: State::Reading,
        data_age: Some("4\u{a0}min".to_owned()),
        quota: Some(QuotaStatus {
            used: "3,210".to_owned(),
            limit: "25,000".to_owned(),
            forecast: "9,800".to_owned(),
            used_share: 128_400,
            forecast_share: 392_000,
            short: false,
        }),
        day: Some(DayStatus {
            inbound: "3,885".to_owned(),
            in_time: "3,161".to_owned(),
            abandoned: "171".to_owned(),
            level: Measure { value: "81.3\u{a0}%".to_owned(), share: 813_000, ..Measure::default() },
            within: "within 20\u{a0}s".to_owned(),
            abandon: Measure { value: "4.5\u{a0}%".to_owned(), share: 45_000, ..Measure::default() },
        }),
        callbacks: Some(CallbackStatus { waiting: "12".to_owned(), oldest: Some("14\u{a0}min".to_owned()) }),
        ivr: Some(IvrStatus { calls: "5,120".to_owned(), mean: Some("1\u{a0}min 5\u{a0}s".to_owned()) }),
        skills: vec![
            skill(101, "VENTAS", 842, 31),
            skill(102, "COBRANZA", 716, 106),
            skill(103, "SOPORTE TÉCNICO", 801, 49),
        ],
        reports: reports(ReportState::Ok),
        ..OperationStatus::default()
    }
}

fn starting(name: &str) -> OperationStatus {
    let fresh = ReportStatus {
        last_success: "never".to_owned(),
        data_age: None,
        rows: "–".to_owned(),
        counting_since: "–".to_owned(),
        ..ReportStatus::default()
    };
    let reports = reports(ReportState::Waiting)
        .into_iter()
        .map(|report| ReportStatus {
            code: report.code,
            title: report.title,
            counts: report.counts,
            next: report.next,
            ..fresh.clone()
        })
        .collect();
    OperationStatus {
        state: State::Starting,
        data_age: None,
        quota: None,
        day: None,
        callbacks: None,
        ivr: None,
        skills: Vec::new(),
        reports,
        ..reading(name)
    }
}

fn failing(name: &str) -> OperationStatus {
    OperationStatus {
        state: State::Failing,
        troubles: vec![
            Trouble {
                what: "Wolkvox refuses the token.".to_owned(),
                meaning: "Nothing is read from this operation until that is over; the next try is in 12\u{a0}min."
                    .to_owned(),
                advice: "Check the token file, and that this address may use it.".to_owned(),
                said: "Calls (skill_6), 1\u{a0}h ago: the token is refused (403, \"the token cannot be validated\")"
                    .to_owned(),
            },
            Trouble {
                what: "Wolkvox does not answer in time.".to_owned(),
                meaning: "Not read: Call detail and Surveys. Last read 1\u{a0}h 4\u{a0}min ago.".to_owned(),
                advice: "Smaller windows are tried.".to_owned(),
                said: "Call detail (cdr_1), 2\u{a0}min ago: no complete answer within 60s".to_owned(),
            },
        ],
        notes: vec!["dnis holds callers' numbers: its series are withheld. Name the real numbers in dnis.allow.".to_owned()],
        day: None,
        skills: Vec::new(),
        callbacks: None,
        ivr: None,
        reports: reports(ReportState::Failing)
            .into_iter()
            .map(|report| ReportStatus {
                last_failure: Some("no complete answer within 60s (2\u{a0}min ago)".to_owned()),
                owed: 3,
                ..report
            })
            .collect(),
        ..reading(name)
    }
}

fn of(operations: Vec<OperationStatus>) -> Status {
    Status {
        version: "version 0.1.0 (revision 0123456789ab)".to_owned(),
        telemetry_path: "/metrics".to_owned(),
        operations,
        ..Status::default()
    }
}

/// Every state the page can be in, by the name of its file.
fn gallery() -> Vec<(&'static str, Status)> {
    let few = Measure { verdict: Verdict::TooFew, ..measure(667, 80, Verdict::TooFew) };
    let none = Measure { value: "–".to_owned(), ..Measure::default() };
    let quiet = SkillStatus {
        inbound: "3".into(),
        answered: "2".into(),
        abandoned: "1".into(),
        ..skill(104, "NOCHE", 0, 0)
    };
    let quiet = SkillStatus { level: few.clone(), abandon: few, ..quiet };
    let silent =
        SkillStatus { inbound: "0".into(), level: none.clone(), abandon: none, ..skill(105, "", 0, 0) };
    let mut quiet_day = reading("acme");
    quiet_day.skills.extend([quiet, silent]);
    let short = QuotaStatus {
        forecast: "31,400".into(),
        forecast_share: 1_256_000,
        short: true,
        ..reading("").quota.unwrap()
    };
    let long = "Operación de atención y fidelización de clientes corporativos, Medellín y área metropolitana";
    let unbroken = "x".repeat(90);
    let crowded = OperationStatus {
        skills: (0..300)
            .map(|id| skill(100 + id, &format!("SKILL {id}"), 780 + (id as i64) / 2, 40))
            .collect(),
        ..reading("crowded")
    };
    let behind = OperationStatus {
        state: State::CatchingUp,
        reports: reports(ReportState::CatchingUp)
            .into_iter()
            .map(|report| ReportStatus { owed: 9, ..report })
            .collect(),
        ..reading("acme")
    };
    let mut many: Vec<OperationStatus> =
        (0..200).map(|index| reading(&format!("centre {index:03}"))).collect();
    many[150] = failing("centre 150");
    many[151] = OperationStatus { name: long.to_owned(), ..failing("") };
    many[10] = starting("centre 010");
    many[20] = OperationStatus { name: "centre 020".to_owned(), ..behind.clone() };
    let alone = |operation: OperationStatus| Status {
        visit: Visit { operation: Some(operation.name.clone()), still: true },
        ..of(vec![operation])
    };
    vec![
        ("reading", of(vec![reading("acme")])),
        ("two", of(vec![reading("acme"), failing("globex")])),
        ("starting", of(vec![starting("acme")])),
        ("trouble", of(vec![failing("acme")])),
        ("behind", of(vec![behind])),
        ("quiet", of(vec![quiet_day])),
        (
            "warned",
            Status {
                ledger: vec!["The ledger was damaged and has been set aside as ledger.redb.damaged; counting began anew.".into()],
                warnings: vec!["operations[0].reports.skill_6.interval: 1m is below the 5m that Wolkvox asks for".into()],
                demo: true,
                ..of(vec![OperationStatus { quota: Some(short), ..reading("acme") }])
            },
        ),
        (
            "ledger",
            Status {
                ledger: vec![
                    "cannot commit the ledger: No space left on device (os error 28). Nothing is asked until that works \
                     again, which is tried every few seconds."
                        .into(),
                ],
                ledger_failing: true,
                ..of(vec![reading("acme"), reading("globex")])
            },
        ),
        ("crowded", of(vec![crowded])),
        (
            "long",
            of(vec![OperationStatus {
                name: unbroken.clone(),
                skills: vec![skill(1, long, 842, 31), skill(1_234_567, &unbroken, 716, 106)],
                ..reading("")
            }]),
        ),
        ("many", of(many)),
        ("all_failed", of((0..12).map(|index| failing(&format!("centre {index:03}"))).collect())),
        ("alone", alone(reading("centre 007"))),
        ("none", of(Vec::new())),
    ]
}

#[test]
fn every_state_has_a_page() {
    let folder = std::env::var_os("WOLKVOX_PAGES").map(PathBuf::from);
    for (name, status) in gallery() {
        let page = status.page();
        assert!(
            page.starts_with("<!doctype html>\n") && page.trim_end().ends_with("</html>"),
            "{name}: {page}"
        );
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        for (open, close) in
            [("<section", "</section>"), ("<li", "</li>"), ("<div", "</div>"), ("<details", "</details>")]
        {
            assert_eq!(
                page.matches(open).count() - usize::from(open == "<li") * page.matches("<link").count(),
                page.matches(close).count(),
                "{name}: {open}"
            );
        }
        let mut ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: an id stands twice");
        if let Some(folder) = &folder {
            fs::write(folder.join(format!("{name}.html")), page).unwrap();
        }
    }
}

#[test]
fn whatever_upstream_says_is_text_on_the_page() {
    let nasty = "<script>alert(1)</script>\"'&";
    let report =
        ReportStatus { last_failure: Some(nasty.into()), rows: nasty.into(), ..ReportStatus::default() };
    let trouble =
        Trouble { what: nasty.into(), meaning: nasty.into(), advice: nasty.into(), said: nasty.into() };
    let operation = OperationStatus {
        name: nasty.into(),
        server: nasty.into(),
        notes: vec![nasty.into()],
        troubles: vec![trouble],
        skills: vec![skill(1, nasty, 800, 0)],
        reports: vec![report],
        ..reading("")
    };
    let mut status = Status { version: nasty.into(), ledger: vec![nasty.into()], ..of(vec![operation; 3]) };
    (status.telemetry_path, status.warnings) = (nasty.into(), vec![nasty.into()]);
    status.visit.operation = Some(nasty.into());
    let with_list = Status { operations: vec![status.operations[0].clone(); WHOLE + 1], ..status.clone() };
    for page in [status.page(), with_list.page()] {
        assert!(!page.contains(nasty) && !page.contains("<script>alert"), "{page}");
        assert!(page.contains("&#60;script&#62;alert") || page.contains("&lt;script&gt;alert"), "{page}");
        assert_eq!(page.matches("<script").count(), 1);
    }
}

#[test]
fn the_page_loads_nothing_from_anywhere() {
    for (name, status) in gallery() {
        let page = status.page();
        for word in ["http://", "https://", "src=", "@import", "url(", "//cdn"] {
            assert!(!page.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn only_the_script_in_the_page_may_run() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = of(vec![reading("acme")]).page();
    let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(content_security_policy().contains(&format!("script-src 'sha256-{hash}';")));
}

#[test]
fn troubles_stand_before_everything_else_with_what_to_do() {
    for (name, status) in gallery() {
        let page = status.page();
        let first = |text: &str| page.find(text).unwrap_or(usize::MAX);
        for trouble in status.in_trouble().0.iter().flat_map(|operation| &operation.troubles) {
            assert!(first(&trouble.what) < first("class=\"operation"), "{name}");
            assert!(page.contains(&trouble.advice), "{name}");
        }
    }
}

#[test]
fn many_operations_are_a_list_with_those_in_trouble_first() {
    let mut operations = vec![reading("b"); WHOLE];
    let is_list =
        |operations: &[OperationStatus]| of(operations.to_vec()).page().contains("class=\"operations\"");
    assert!(!is_list(&operations));
    operations.push(failing("a & co"));
    assert!(is_list(&operations));
    let status = of(operations);
    assert_eq!(status.worst_first()[0].name, "a & co");
    assert!(status.page().contains("href=\"?operation=a%20%26%20co\""));
}

#[test]
fn of_many_skills_those_that_miss_a_target_come_first() {
    let many = OperationStatus {
        skills: (0..UNFOLDED + 1).map(|id| skill(id, "", if id == 7 { 700 } else { 900 }, 10)).collect(),
        ..reading("acme")
    };
    let (first, folded) = many.skills_in_order();
    assert_eq!((first.len(), first[0].id.as_str(), folded.len()), (1, "7", UNFOLDED));
    let few = OperationStatus { skills: many.skills[..UNFOLDED].to_vec(), ..reading("acme") };
    assert_eq!((few.skills_in_order().0[0].id.as_str(), few.skills_in_order().1.len()), ("0", 0));
}

#[test]
fn the_headline_tells_the_worst_first() {
    let of = |states: &[State]| {
        let operations =
            states.iter().map(|state| OperationStatus { state: *state, ..OperationStatus::default() });
        let status = Status { operations: operations.collect(), ..Status::default() };
        (status.headline(), status.mood())
    };
    use State::{CatchingUp, Failing, Reading, Starting};
    assert_eq!(of(&[]).1, "wait");
    assert_eq!(of(&[Reading]), ("The numbers are up to date".to_owned(), "good"));
    assert_eq!(of(&[Reading, CatchingUp]).1, "wait");
    assert_eq!(of(&[Reading, Starting, CatchingUp]).0, "Starting: 1 of 3 operations have not been read yet");
    let (headline, mood) = of(&[Reading, Starting, Failing]);
    assert_eq!((headline.as_str(), mood), ("1 of 3 operations is in trouble", "bad"));
    let mut status = self::of(vec![reading("acme"), failing("globex")]);
    assert!(!status.page().contains("Free space"));
    status.ledger_failing = true;
    assert_eq!(
        (status.headline().as_str(), status.mood()),
        ("The ledger cannot be written: counters stand still", "bad")
    );
    let page = status.page();
    let (advice, trouble) =
        (page.find("Free space on the ledger").unwrap(), page.find("refuses the token").unwrap());
    assert!(advice < trouble, "what concerns all comes first");
}

#[test]
fn bars_and_links_are_what_html_wants() {
    assert_eq!([on_bar(-5), on_bar(816_999), on_bar(2_000_000)], ["0.0%", "81.6%", "100.0%"]);
    assert_eq!(percent_encoded("a b&c=é/+"), "a%20b%26c%3D%C3%A9%2F%2B");
    let still = |operation: Option<&str>, still| {
        Status { visit: Visit { operation: operation.map(str::to_owned), still }, ..Status::default() }
            .still_href()
    };
    assert_eq!(still(None, false), "?still");
    assert_eq!(still(Some("a b"), true), "?operation=a%20b");
    let anchors: Vec<String> = ["a-b", "a b", "ab"].map(|name| reading(name).anchor()).into();
    assert!(
        anchors.iter().all(|anchor| anchor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    );
    assert!(anchors[0] != anchors[1] && anchors[1] != anchors[2]);
}
