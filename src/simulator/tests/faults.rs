//! Refusals, limits and faults, as a client meets them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;

const CDR: &str = "reports_manager.php?api=cdr_1&date_ini=20261120090000&date_end=20261120095959";
const TOKEN_INFO: &str = "information.php?api=token_info";

fn bench() -> Bench {
    Bench::new(Bench::small(8), "2026-11-21T18:00:00")
}

fn said(seen: &Seen) -> (u16, String) {
    let body = seen.json();
    assert_eq!(text(&body, "code"), seen.status.to_string());
    (seen.status, text(&body, "msg").to_owned())
}

#[tokio::test]
async fn mistakes_are_refused_in_the_vendors_words() {
    let bench = bench();
    let dates = "date_ini=20261120000000&date_end=20261120235959";
    for (query, status, message) in [
        ("reports_manager.php?api=nope", 400, "THE API YOU WANT TO CONSULT DOES NOT EXIST"),
        ("information.php?api=cdr_1", 400, "THE API YOU WANT TO CONSULT DOES NOT EXIST"),
        ("reports_manager.php", 400, "SOME PARAMETERS ARE REQUIRED"),
        ("reports_manager.php?api=cdr_1&date_ini=20261120000000", 400, "SOME PARAMETERS ARE REQUIRED"),
        (&format!("reports_manager.php?api=skill_6&{dates}"), 400, "SOME PARAMETERS ARE REQUIRED"),
        (&format!("reports_manager.php?api=skill_6&skill_id=999&{dates}"), 404, "Validate dates entered"),
        ("reports_manager.php?api=cdr_1&date_ini=20261120&date_end=20261121", 400, "VALIDATE DATES ENTERED"),
        (
            "reports_manager.php?api=cdr_1&date_ini=20261120000000&date_end=20261119000000",
            404,
            "Validate dates entered",
        ),
    ] {
        assert_eq!(said(&bench.ask(query).await), (status, message.to_owned()), "{query}");
    }
    let refused = |token: Option<&'static str>| bench.ask_as(CDR, token);
    assert_eq!(said(&refused(None).await), (401, "PLEASE ENTER THE WOLKVOX-TOKEN".into()));
    assert_eq!(said(&refused(Some("")).await), (401, "PLEASE ENTER THE WOLKVOX-TOKEN".into()));
    assert_eq!(said(&refused(Some("nonsense")).await), (403, "PLEASE VALIDATE TOKEN".into()));
    let body = bench.ask("reports_manager.php?api=nope").await.json();
    assert_eq!(body["error"], "BAD REQUEST");
    let empty =
        bench.ask("reports_manager.php?api=cdr_1&date_ini=20270101000000&date_end=20270101000001").await;
    assert_eq!(
        empty.json(),
        json!({"code":"404","error":"NOT FOUND","msg":"Validate dates entered","data":[]})
    );
}

#[tokio::test]
async fn thirty_one_days_are_served_and_one_more_is_not() {
    let bench = bench();
    let month =
        "reports_manager.php?api=skill_1&skill_id=all&date_ini=20261001000000&date_end=20261031235959";
    assert_eq!(bench.ask(month).await.status, 200);
    assert_eq!(bench.ask(&month.replace("20261031", "20261101")).await.status, 400);
}

#[tokio::test]
async fn the_quota_is_spent_by_every_answer_and_renewed_at_local_midnight() {
    let bench = bench();
    bench.control(json!({ "daily_limit": 5, "foreign_requests": 0 }));
    let usage = |seen: &Seen, key: &str| number(&seen.rows()[0], key);
    assert_eq!(bench.ask(CDR).await.status, 200);
    assert_eq!(bench.ask("reports_manager.php?api=nope").await.status, 400);
    let second = bench.simulator.second_token(0);
    let seen = bench.ask_as(TOKEN_INFO, Some(&second)).await;
    assert_eq!((usage(&seen, "token_use_today"), usage(&seen, "all_token_today")), (1, 3));
    assert_eq!((usage(&seen, "token_limit"), usage(&seen, "available_consumption_options")), (5, 4));
    assert_eq!(bench.ask(CDR).await.status, 200);
    assert_eq!(bench.ask(CDR).await.status, 200);
    for _ in 0..3 {
        assert_eq!(said(&bench.ask(CDR).await), (403, "TOKEN LIMIT EXCEEDED".into()));
    }
    assert_eq!(said(&bench.ask_as(CDR, Some(&second)).await), (403, "TOKEN LIMIT EXCEEDED".into()));
    bench.control(json!({ "quota_scope": "token" }));
    assert_eq!(bench.ask_as(CDR, Some(&second)).await.status, 200);
    bench.at("2026-11-21T23:59:59");
    assert_eq!(bench.ask_as(CDR, Some(&second)).await.status, 200);
    bench.control(json!({ "quota_scope": "operation" }));
    assert_eq!(bench.ask(CDR).await.status, 403);
    bench.at("2026-11-22T00:00:00");
    assert_eq!(bench.ask(CDR).await.status, 200);
    bench.control(json!({ "rejections_spend": true, "daily_limit": 1 }));
    assert_eq!(bench.ask(CDR).await.status, 403);
    bench.control(json!({ "daily_limit": 10 }));
    assert_eq!(usage(&bench.ask(TOKEN_INFO).await, "all_token_today"), 3);
}

#[tokio::test]
async fn others_spend_the_quota_through_the_day() {
    let bench = bench();
    bench.control(json!({ "foreign_requests": 2400 }));
    let usage = |seen: &Seen| number(&seen.rows()[0], "all_token_today");
    bench.at("2026-11-22T06:00:00");
    assert_eq!(usage(&bench.ask(TOKEN_INFO).await), 601);
    bench.at("2026-11-22T12:00:00");
    assert_eq!(usage(&bench.ask(TOKEN_INFO).await), 1202);
}

#[tokio::test]
async fn a_third_request_at_a_time_is_refused() {
    let bench = bench();
    for limit in [2, 1] {
        bench.control(json!({ "simultaneous": limit }));
        // An answer that is not read yet is a request that still runs.
        let mut open = Vec::new();
        for _ in 0..limit {
            let request = Request::get(format!("/api/v2/{CDR}"))
                .header("wolkvox-token", bench.simulator.token(0))
                .body(Body::empty())
                .unwrap();
            open.push(bench.simulator.router().oneshot(request).await.unwrap());
        }
        let message = format!("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN ({limit})");
        assert_eq!(said(&bench.ask(CDR).await), (403, message));
        assert_eq!(bench.ask_as(CDR, Some(&bench.simulator.second_token(0))).await.status, 200);
        let read = open.pop().unwrap().into_body().collect().await.unwrap();
        assert!(!read.to_bytes().is_empty());
        assert_eq!(bench.ask(CDR).await.status, 200);
        drop(open);
    }
    // Two open ones, and the third, which was refused.
    assert_eq!(bench.simulator.most_simultaneous(0), 3);
}

#[tokio::test]
async fn a_fault_hits_the_requests_it_names() {
    let bench = bench();
    bench.control(json!({ "reports": { "cdr_1": { "status": 500, "times": 3 } } }));
    assert_eq!(bench.ask(TOKEN_INFO).await.status, 200);
    for expected in [500, 500, 500, 200] {
        assert_eq!(bench.ask(CDR).await.status, expected);
    }
    bench.control(json!({ "faults": [{ "report": "cdr_1", "request": 6, "status": 503 }] }));
    for expected in [200, 503, 200] {
        assert_eq!(bench.ask(CDR).await.status, expected);
    }
    bench.control(json!({ "faults": [{ "operation": "nobody", "status": 503 }] }));
    assert_eq!(bench.ask(CDR).await.status, 200);
    assert_eq!(bench.simulator.controls()["requests"]["demo"]["cdr_1"], 8);
}

#[tokio::test]
async fn weather_spoils_its_share_in_every_way_and_the_rest_is_whole() {
    let bench = bench();
    let whole = bench.ask(CDR).await;
    let faults = serde_json::to_value(Fault::weather(0.5)).unwrap();
    bench.control(json!({ "faults": faults, "daily_limit": 100000 }));
    let mut good = 0;
    for _ in 0..300 {
        good += i32::from(bench.ask(CDR).await == whole);
    }
    assert!((120..260).contains(&good), "{good} of 300");
    let hits = bench.simulator.controls()["faults"].as_array().unwrap().clone();
    assert!(hits.iter().all(|fault| fault["hits"].as_u64().unwrap() > 0), "{hits:?}");
}

#[test]
fn a_fault_can_be_written_on_a_command_line() {
    let fault = Fault::from_text("report=cdr_1, status=500,times=3").unwrap();
    let expected =
        Fault { report: Some("cdr_1".into()), status: Some(500), times: Some(3), ..Fault::default() };
    assert_eq!(fault, expected);
    let fault = Fault::from_text("close,probability=0.1").unwrap();
    assert_eq!(fault, Fault { close: true, probability: Some(0.1), ..Fault::default() });
    assert!(Fault::from_text("nonsense=1").unwrap_err().contains("nonsense"));
    assert!(Fault::from_text("status=much").is_err());
}

#[tokio::test]
async fn a_fault_with_a_probability_hits_its_share_and_the_same_requests_every_time() {
    let statuses = || async {
        let bench = bench();
        bench.control(json!({ "faults": [{ "probability": 0.3, "status": 500 }], "daily_limit": 100000 }));
        let mut statuses = Vec::new();
        for _ in 0..200 {
            statuses.push(bench.ask(TOKEN_INFO).await.status);
        }
        statuses
    };
    let first = statuses().await;
    let hits = first.iter().filter(|status| **status == 500).count();
    assert!((30..90).contains(&hits), "{hits} of 200");
    assert_eq!(first, statuses().await);
}

#[tokio::test]
async fn faults_of_content_are_seen_as_they_are_named() {
    let bench = bench();
    let whole = bench.ask(CDR).await;
    let with = |fault: Value| {
        bench.control(json!({ "faults": [fault] }));
        bench.ask(CDR)
    };
    let seen = with(json!({ "status": 403, "message": "BACKUP" })).await;
    assert_eq!(said(&seen), (403, "BACKUP".into()));
    let seen = with(json!({ "status": 502, "html": true })).await;
    assert!(seen.status == 502 && seen.body.starts_with(b"<!DOCTYPE"));
    let seen = with(json!({ "body_code": 500, "message": "ERROR" })).await;
    assert_eq!((seen.status, seen.json()["code"].as_str()), (200, Some("500")));
    let seen = with(json!({ "status": 500, "body_code": 200 })).await;
    assert_eq!((seen.status, seen.json()["code"].as_str()), (500, Some("200")));
    let seen = with(json!({ "html": true })).await;
    assert!(seen.status == 200 && seen.body.starts_with(b"<!DOCTYPE"));
    let seen = with(json!({ "body": "Warning: PHP" })).await;
    assert_eq!(seen.body, b"Warning: PHP");
    let seen = with(json!({ "content_type": "text/plain" })).await;
    assert_eq!(seen.headers["content-type"], "text/plain");
    assert_eq!(seen.body, whole.body);
    let seen = with(json!({ "cut": 0.5 })).await;
    assert_eq!(seen.body, whole.body[..whole.body.len() / 2]);
    assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
    let seen = with(json!({ "false_gzip": true })).await;
    assert_eq!((seen.headers["content-encoding"].to_str().unwrap(), &seen.body), ("gzip", &whole.body));
    let seen = with(json!({ "gzip": true })).await;
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&seen.body[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked, whole.body);
    let seen = with(json!({ "missing_rows": 2 })).await;
    assert_eq!(seen.rows().len(), whole.rows().len() - 2);
    assert_eq!(seen.json()["msg"], whole.json()["msg"]);
    let seen = with(json!({ "hang_ms": 1, "stall_ms": 1 })).await;
    assert_eq!(seen.body, whole.body);
}

#[tokio::test]
async fn a_slow_answer_takes_its_time() {
    for change in [
        json!({ "latency_ms": 40 }),
        json!({ "faults": [{ "hang_ms": 40 }] }),
        json!({ "faults": [{ "stall_ms": 40 }] }),
        json!({ "faults": [{ "hang_ms": 40, "status": 500 }] }),
    ] {
        let bench = bench();
        bench.control(change.clone());
        let watch = crate::time::Stopwatch::start();
        bench.ask(CDR).await;
        assert!(watch.elapsed() >= Duration::from_millis(40), "{change}");
    }
}

#[tokio::test]
async fn only_a_lost_answer_is_paid_for() {
    let bench = bench();
    let spent = || async { number(&bench.ask(TOKEN_INFO).await.rows()[0], "all_token_today") };
    assert_eq!(spent().await, 1);
    bench.control(json!({ "reports": { "cdr_1": { "close": true } } }));
    assert_eq!(bench.ask(CDR).await.status, 502);
    assert_eq!(spent().await, 2);
    bench.control(json!({ "reset": true, "reports": { "cdr_1": { "lost": true } } }));
    assert_eq!(bench.ask(CDR).await.status, 502);
    assert_eq!(spent().await, 4);
}

#[tokio::test]
async fn the_row_limit_cuts_without_a_word() {
    let bench = bench();
    let whole = bench.ask(CDR).await.rows();
    bench.control(json!({ "row_limit": 10 }));
    let seen = bench.ask(CDR).await;
    assert_eq!(seen.rows(), whole[..10]);
    assert_eq!(seen.json()["msg"], "10 records were found");
    bench.control(json!({ "over_rows": "error" }));
    assert_eq!(bench.ask(CDR).await.status, 500);
    bench.control(json!({ "over_rows": "cut" }));
    assert!(serde_json::from_slice::<Value>(&bench.ask(CDR).await.body).is_err());
}

/// What came over a real connection, and whether it ended in order.
async fn over_the_wire(bench: &Bench, address: std::net::SocketAddr, query: &str) -> (String, bool) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return (String::new(), false) };
    let token = bench.simulator.token(0);
    let request = format!(
        "GET /api/v2/{query} HTTP/1.1\r\nHost: x\r\nwolkvox-token: {token}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).await.is_ok();
    (String::from_utf8_lossy(&bytes).into_owned(), ended)
}

#[tokio::test]
async fn connections_break_as_they_are_told_to() {
    let bench = bench();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, bench.simulator.clone(), shutdown.clone()));

    let (whole, ended) = over_the_wire(&bench, address, CDR).await;
    assert!(ended && whole.starts_with("HTTP/1.1 200 OK") && whole.ends_with("}]}"));
    assert!(whole.to_lowercase().contains("date: sat, 21 nov 2026 23:00:00 gmt"), "{whole}");

    bench.control(json!({ "faults": [{ "times": 1, "reset": 0.5 }] }));
    let (half, ended) = over_the_wire(&bench, address, CDR).await;
    assert!(!ended && half.len() < whole.len(), "{} of {} bytes", half.len(), whole.len());

    bench.control(json!({ "faults": [{ "times": 1, "close": true }] }));
    assert_eq!(over_the_wire(&bench, address, CDR).await.0, "");
    bench.control(json!({ "faults": [{ "times": 1, "lost": true }] }));
    assert_eq!(over_the_wire(&bench, address, CDR).await.0, "");

    bench.control(json!({ "refuse": 2 }));
    assert_eq!(over_the_wire(&bench, address, CDR).await.0, "");
    assert_eq!(over_the_wire(&bench, address, CDR).await.0, "");
    assert_eq!(over_the_wire(&bench, address, CDR).await.0, whole);

    bench.control(json!({ "date_header": false }));
    assert!(!over_the_wire(&bench, address, CDR).await.0.to_lowercase().contains("date: "));

    bench.control(json!({ "chunked": true }));
    let (pieces, ended) = over_the_wire(&bench, address, CDR).await;
    assert!(
        ended
            && pieces.to_lowercase().contains("transfer-encoding: chunked")
            && pieces.ends_with("0\r\n\r\n")
    );
    bench.control(json!({ "faults": [{ "times": 1, "reset": 0.5 }] }));
    let (pieces, ended) = over_the_wire(&bench, address, CDR).await;
    assert!(!ended && !pieces.ends_with("0\r\n\r\n"));

    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_truth_and_the_controls_are_served() {
    let bench = bench();
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let seen = bench.send(get("/truth?operation=demo&from=2026-11-20&to=2026-11-20")).await;
    let day: civil::Date = "2026-11-20".parse().unwrap();
    let truth = bench.simulator.truth("demo", day.at(0, 0, 0, 0), day.at(23, 59, 59, 0)).unwrap();
    assert_eq!(seen.json(), serde_json::to_value(&truth).unwrap());
    // Hours add up to their day.
    let mut calls = 0;
    for hour in 0..24 {
        let path = format!("/truth?from=2026-11-20T{hour:02}&to=2026-11-20T{hour:02}");
        calls += bench.send(get(&path)).await.json()["diagram_1_2"]["calls"].as_i64().unwrap();
    }
    assert_eq!(calls, truth.diagram_1_2.calls);
    let seen = bench.send(get("/truth/calls?from=2026-11-20&to=2026-11-20&report=diagram_3")).await.json();
    let offers: i64 = truth.diagram_3.values().map(|truth| truth.offers).sum();
    assert_eq!(seen.as_array().unwrap().len() as i64, offers);
    for wrong in [
        "/truth?from=2026-11-20",
        "/truth?from=x&to=y",
        "/truth?operation=nobody&from=2026-11-20&to=2026-11-20",
    ] {
        assert_eq!(bench.send(get(wrong)).await.status, 400, "{wrong}");
    }
    let put = |body: &'static str| Request::put("/control").body(Body::from(body)).unwrap();
    let seen = bench.send(put("{\"percent\":\"tight\"}")).await;
    assert_eq!(seen.json()["behaviour"]["percent"], "tight");
    let seen = bench.send(put("{\"percent\":\"loose\"}")).await;
    assert_eq!(seen.status, 400);
    assert_eq!(bench.send(get("/control")).await.json()["behaviour"]["percent"], "tight");
}
