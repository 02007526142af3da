//! Every switch really changes the wire.

use std::collections::{BTreeSet, HashMap};

use super::*;

const DAY: &str = "date_ini=20261120000000&date_end=20261120235959";

fn report(api: &str) -> String {
    format!("reports_manager.php?api={api}&skill_id=all&{DAY}")
}

/// Switches set on both sides, the switch under test, and the question that shows it.
fn table() -> Vec<(&'static str, &'static str, String)> {
    let empty = "reports_manager.php?api=cdr_1&date_ini=20200101000000&date_end=20200101000001".to_owned();
    let long = "reports_manager.php?api=skill_1&skill_id=all&date_ini=20261001000000&date_end=20261120235959";
    let bad = "reports_manager.php?api=cdr_1&date_ini=20261320000000&date_end=2026";
    let token = "information.php?api=token_info".to_owned();
    let mut table = vec![
        ("", "code=integer", report("cdr_1")),
        ("", "message=letter", report("cdr_1")),
        ("", "message=leading_space", report("cdr_1")),
        ("", "message=month", report("cdr_1")),
        ("", "message=absent", report("cdr_1")),
        ("", "bare_array=true", report("cdr_1")),
        ("", "empty=ok_list", empty.clone()),
        ("", "empty=ok_code", empty.clone()),
        ("", "empty=no_data", empty.clone()),
        ("", "empty=html", empty.clone()),
        ("", "empty_message=NO HAY DATOS", empty.clone()),
        ("", "errors_as_200=true", "reports_manager.php?api=nope".into()),
        ("", "error_body=html", "reports_manager.php?api=nope".into()),
        ("", "error_body=none", "reports_manager.php?api=nope".into()),
        ("", "content_type=text/html", report("cdr_1")),
        ("", "gzip=true", report("cdr_1")),
        ("", "date_header=false", report("cdr_1")),
        ("", "date_skew_seconds=-7200", report("cdr_1")),
        ("", "licences=3", token.clone()),
        ("", "daily_limit=7", token.clone()),
        ("", "daily_limit=0", report("cdr_1")),
        ("", "foreign_requests=5000", token.clone()),
        ("", "maintenance=true", report("cdr_1")),
        ("", "maintenance_hours=17:30-18:30", report("cdr_1")),
        ("", "maintenance_hours=23:00-18:30", report("cdr_1")),
        ("maintenance=true", "maintenance_message=RESPALDO", report("cdr_1")),
        ("", "day_limit=60", long.into()),
        ("", "over_days=forbidden", long.into()),
        ("", "over_days=not_found", long.into()),
        ("", "over_days=range", long.into()),
        ("", "over_days=serve", long.into()),
        ("", "bad_date=not_found", bad.into()),
        ("", "row_limit=20", report("cdr_1")),
        ("row_limit=20", "over_rows=error", report("cdr_1")),
        ("row_limit=20", "over_rows=cut", report("cdr_1")),
        ("time_limit_ms=1", "rows_per_second=10", report("cdr_1")),
        ("rows_per_second=100000", "time_limit_ms=1", report("cdr_1")),
        ("rows_per_second=10,time_limit_ms=1", "over_time=cut", report("cdr_1")),
        ("rows_per_second=10,time_limit_ms=1", "over_time=close", report("cdr_1")),
        ("", "unknown_report=true", report("skill_1")),
        ("", "percent=tight", report("skill_6")),
        ("", "percent=fixed", report("skill_6")),
        ("", "percent=no_break", report("skill_6")),
        ("", "percent=comma", report("skill_6")),
        ("", "number=thousands", report("cdr_1")),
        ("", "number=comma", report("cdr_1")),
        ("", "average=clock", report("skill_6")),
        ("", "average=minutes", report("skill_6")),
        ("", "average=seconds", report("skill_6")),
        ("", "duration=seconds", report("diagram_3")),
        ("", "duration=minutes", report("diagram_4")),
        ("", "time_seg=clock", report("cdr_1")),
        ("", "ivr_minutes=whole", report("diagram_1_2")),
        ("", "ivr_minutes=clock", report("diagram_1_2")),
        ("", "billed_minutes=whole", report("diagram_3")),
        ("", "billed_minutes=clock", report("diagram_3")),
        ("", "time_min=decimal", report("cdr_1")),
        ("", "time_min=clock", report("cdr_1")),
        ("", "hour_key_day=true", report("diagram_1_2")),
        (
            "",
            "zero_hours=true",
            "reports_manager.php?api=diagram_1_2&date_ini=20191231000000&date_end=20191231235959".into(),
        ),
        (
            "",
            "absent_averages=true",
            "reports_manager.php?api=skill_6&skill_id=all&date_ini=20261120030000&date_end=20261120035959"
                .into(),
        ),
        ("", "json_numbers=true", report("cdr_1")),
        ("", "trailing_space_keys=true", report("cdr_1")),
        ("", "upper_keys=true", report("cdr_1")),
        ("", "newer_names=true", report("cdr_1")),
        ("", "extra_keys=true", report("skill_6")),
        ("", "shuffle_keys=true", report("cdr_1")),
        ("", "bom=true", report("cdr_1")),
        ("", "escape_unicode=true", report("cdr_1")),
        ("", "emoji=true", report("skill_1")),
        ("", "wild_comments=true", report("cdr_1")),
        ("", "lower_status=true", report("diagram_3")),
        ("", "odd_statuses=0.5", report("diagram_3")),
        ("", "odd_answers=0.5", report("diagram_4")),
        ("", "relabelled=0.5", report("cdr_1")),
        ("", "order=newest", report("diagram_1_2")),
        ("", "order=newest", report("cdr_1")),
        ("", "order=shuffled", report("diagram_4")),
        ("", "duplicates=0.1", report("cdr_1")),
        ("", "missing_rows=2", report("skill_6")),
        ("", "missing_rows=2", report("cdr_1")),
        ("", "miscounted_rows=1", report("cdr_1")),
        ("", "dnis=caller", report("skill_6")),
        ("", "all_skills=per_skill_and_dnis", report("skill_6")),
        ("", "denominator=answered", report("skill_6")),
        ("", "no_rows=true", report("diagram_1_2")),
    ];
    for api in REPORTS {
        for row in ["total_row=total", "total_row=all", "total_row=total_general", "total_row=totales"] {
            table.push(("", row, report(api)));
        }
    }
    for form in
        ["hour=space", "hour=minutes", "hour=seconds", "hour=compact", "hour=unpadded", "hour=day_only"]
    {
        table.push(("", form, report("diagram_1_2")));
    }
    for form in ["absent=double_dash", "absent=space", "absent=empty", "absent=null", "absent=missing"] {
        table.push(("", form, report("cdr_1")));
        table.push(("", form, report("diagram_3")));
        table.push(("", form, report("diagram_4")));
    }
    table
}

async fn seen(base: &str, change: &str, question: &str) -> Seen {
    let mut settings = Bench::small(11);
    settings.traffic.calls_per_day = 500.0;
    for assignment in base.split(',').chain([change]).filter(|assignment| !assignment.is_empty()) {
        settings.behaviour = settings.behaviour.with_text(assignment).unwrap();
    }
    settings.start = Some("2020-01-02".parse().unwrap());
    let bench = Bench::new(settings, "2026-11-20T18:00:00");
    let request = Request::get(format!("/api/v2/{question}"))
        .header("wolkvox-token", bench.simulator.token(0))
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    bench.send(request).await
}

#[tokio::test]
async fn every_switch_changes_the_wire() {
    let mut plain: HashMap<(&str, String), Seen> = HashMap::new();
    for (base, change, question) in table() {
        let changed = seen(base, change, &question).await;
        let key = (base, question.clone());
        if !plain.contains_key(&key) {
            plain.insert(key.clone(), seen(base, "", &question).await);
        }
        assert_ne!(plain[&key], changed, "`{change}` changes nothing in {question}");
    }
}

#[test]
fn every_switch_is_tried() {
    // Those that a single answer cannot show have tests of their own.
    let elsewhere = [
        "chunked",
        "quota_scope",
        "rejections_spend",
        "simultaneous",
        "latency_ms",
        "shared_bounds",
        "waiting_is_inbound",
    ];
    let tried: BTreeSet<String> = table()
        .into_iter()
        .map(|(_, change, _)| change.split('=').next().unwrap().to_owned())
        .chain(elsewhere.map(str::to_owned))
        .collect();
    let known = serde_json::to_value(Behaviour::default()).unwrap();
    let known: BTreeSet<String> = known.as_object().unwrap().keys().cloned().collect();
    assert_eq!(tried, known);
}

#[tokio::test]
async fn shared_bounds_give_a_row_to_both_neighbours() {
    let bench = Bench::new(Bench::small(2), "2026-11-21T18:00:00");
    bench.control(json!({ "shared_bounds": true }));
    let rows = bench.report("cdr_1", "20261120100000", "20261120105959").await.rows();
    let date = text(rows.last().unwrap(), "date").replace(['-', ' ', ':'], "");
    let before = (date.parse::<i64>().unwrap() - 1).to_string();
    let (earlier, later) = (
        bench.report("cdr_1", "20261120100000", &before).await.rows(),
        bench.report("cdr_1", &date, "20261120115959").await.rows(),
    );
    assert!(earlier.iter().any(|row| later.contains(row)));
}

#[tokio::test]
async fn calls_that_wait_can_be_inbound_before_they_are_anything_else() {
    let mut settings = Bench::small(2);
    settings.traffic.calls_per_day = 6_000.0;
    let bench = Bench::new(settings, "2026-11-20T10:30:00");
    let waiting = || async {
        let rows = bench.report("skill_1", "20261120100000", "20261120105959").await.rows();
        let sum = |key: &str| rows.iter().map(|row| number(row, key)).sum::<i64>();
        sum("inbound_calls") - sum("answer_calls") - sum("abandon_calls")
    };
    assert_eq!(waiting().await, 0);
    bench.control(json!({ "waiting_is_inbound": true }));
    assert!(waiting().await > 0);
    bench.at("2026-11-20T23:59:59");
    assert_eq!(waiting().await, 0);
}

#[test]
fn a_wrong_switch_is_named() {
    let behaviour = Behaviour::default();
    for (text, named) in [
        ("nonsense=1", "unknown behaviour `nonsense`"),
        ("percent=none", "behaviour `percent`"),
        ("row_limit=many", "behaviour `row_limit`"),
        ("percent", "not of the form key=value"),
    ] {
        let error = behaviour.with_text(text).unwrap_err();
        assert!(error.contains(named), "{text}: {error}");
    }
    // Text that happens to be JSON of another type.
    assert_eq!(behaviour.with_text("empty_message=404").unwrap().empty_message, "404");
    assert_eq!(behaviour.with_text("daily_limit=null").unwrap().daily_limit, None);
    assert_eq!(
        behaviour.with_text("maintenance_hours=02:00-03:00").unwrap().maintenance_hours.unwrap(),
        "02:00-03:00"
    );
}

#[tokio::test]
async fn switches_of_a_report_and_of_an_operation_stay_there() {
    let settings = Settings { operations: 2, ..Bench::small(2) };
    let bench = Bench::new(settings, "2026-11-21T18:00:00");
    let ask = |index: usize, api: &str| {
        let (token, question) = (bench.simulator.token(index), report(api));
        let bench = &bench;
        async move { String::from_utf8(bench.ask_as(&question, Some(&token)).await.body).unwrap() }
    };
    bench.control(json!({ "reports": { "skill_6": { "percent": "tight" } } }));
    assert!(!ask(0, "skill_6").await.contains(" %"));
    assert!(ask(0, "skill_1").await.contains(" %"));
    bench.control(json!({ "operations": { "demo-002": { "percent": "no_break" } } }));
    assert!(ask(1, "skill_6").await.contains("\u{a0}%"));
    assert!(!ask(0, "skill_6").await.contains("\u{a0}%"));
    // A later general switch leaves the special ones alone; a mistake changes nothing.
    bench.control(json!({ "code": "integer" }));
    assert!(ask(0, "skill_6").await.starts_with("{\"code\":200"));
    assert!(!ask(0, "skill_6").await.contains(" %"));
    let before = bench.simulator.controls();
    for wrong in [
        json!({ "code": "text", "nonsense": 1 }),
        json!({ "reports": { "cdr_9": {} } }),
        json!({ "operations": { "nobody": {} } }),
        json!({ "reports": { "cdr_1": { "status": 7 } } }),
        json!({ "faults": [{ "probability": 2.0 }] }),
        json!([]),
    ] {
        assert!(bench.simulator.control(&wrong).is_err(), "{wrong}");
        assert_eq!(bench.simulator.controls(), before);
    }
    // What is shown can be sent back.
    bench.control(json!({ "behaviour": before["behaviour"].clone() }));
    assert_eq!(bench.simulator.controls(), before);
    bench.control(json!({ "reset": true }));
    assert!(ask(1, "skill_6").await.contains(" %"));
}
