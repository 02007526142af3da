//! Operations at work against a server that says what a test wants.

use std::path::Path;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

mod reload;
mod simulation;

use super::*;
use crate::api::Reason;
use crate::exposition::{Encoding, Format, Pace, Publisher, SelfMetrics};
use crate::metrics::{Family, catalogue};
use crate::time::{SignedDuration, Timestamp};

const TOKEN: &str = "9f86d081884c7d6591234567feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f";

/// What the server is asked for: the token's last letter, and the parameters.
type Asked = BTreeMap<String, String>;
/// `None` never answers.
type Says = dyn Fn(&Asked) -> Option<(u16, String)> + Send + Sync;

/// A server that answers by a function, and everything it was asked for.
struct Vendor {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Vendor {
    async fn new(says: impl Fn(&Asked) -> Option<(u16, String)> + Send + Sync + 'static) -> Vendor {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (says, seen): (Arc<Says>, _) = (Arc::new(says), Arc::clone(&asked));
        let answer = move |Query(query): Query<Asked>| async move {
            seen.lock().unwrap().push(query.clone());
            let Some((status, body)) = says(&query) else { return std::future::pending::<Response>().await };
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("content-type", "application/json")], body).into_response()
        };
        let router = axum::Router::new().fallback(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Vendor { port, asked, task }
    }

    fn asked(&self, report: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked["api"] == report).cloned().collect()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn rows(rows: &[String]) -> Option<(u16, String)> {
    says(rows.len(), rows)
}

fn says(stated: usize, rows: &[String]) -> Option<(u16, String)> {
    let rows = rows.join(",");
    let body =
        format!(r#"{{"code":"200","error":null,"msg":"{stated} records were found","data":[{rows}]}}"#);
    Some((200, body))
}

fn nothing() -> Option<(u16, String)> {
    let body = r#"{"code":"404","error":"NOT FOUND","msg":"Validate dates entered","data":[]}"#;
    Some((404, body.to_owned()))
}

/// A pipeline with a clock of its own.
struct Bench {
    clock: Clock,
    board: Board,
    ready: Ready,
    publisher: Publisher,
    pipeline: Pipeline,
}

fn operation(name: &str, port: u16, lines: &str) -> String {
    format!(
        "  - name: {name}\n    base_url: http://127.0.0.1:{port}/api/v2/\n    token_env: TOKEN_{name}\n    \
         timezone: UTC\n    count_from: 2026-04-04\n    daily_requests: 1000000\n{lines}"
    )
}

fn config(operations: &[String]) -> Config {
    let text = format!("operations:\n{}", operations.join(""));
    Config::parse(&text, Path::new("."), "test").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

impl Bench {
    async fn start(operations: &[String]) -> Bench {
        Bench::with(operations, Ledger::in_memory(Timestamp::UNIX_EPOCH).unwrap()).await
    }

    async fn with(operations: &[String], ledger: Ledger) -> Bench {
        let clock = Clock::manual("2026-04-04T12:00:00Z".parse().unwrap());
        let own = Arc::new(SelfMetrics::new("0", "0", "0"));
        let publisher = Publisher::with_pace(Arc::clone(&own), Pace { least: Duration::ZERO, factor: 0 });
        let board = Board::new(clock.clone(), publisher.clone());
        let ready = Ready::default();
        let env: BTreeMap<String, String> =
            ["A", "B", "C"].map(|name| (format!("TOKEN_{name}"), format!("{TOKEN}{name}"))).into();
        let surroundings = Surroundings {
            clock: clock.clone(),
            store: Store::new(ledger, own),
            board: board.clone(),
            ready: ready.clone(),
            env: Arc::new(env),
            locks: None,
            zero_hold: Duration::ZERO,
            recovery: crate::pipeline::RECOVERY,
            seed: 7,
        };
        let pipeline = Pipeline::start(&config(operations), surroundings).await.unwrap();
        Bench { clock, board, ready, publisher, pipeline }
    }

    /// Lets the clock run, as fast as the operations follow, until something holds.
    async fn until(&self, what: &str, holds: impl Fn(&Bench) -> bool) {
        let deadline = Stopwatch::start();
        while !holds(self) {
            assert!(
                deadline.elapsed() < Duration::from_secs(60),
                "it never holds that {what}: {:#?}",
                self.board.look_at_all(|face| (face.paused, format!("{:?}", face.vitals)))
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.clock.advance(SignedDuration::from_millis(250));
        }
    }

    /// Lets so much time pass.
    async fn pass(&self, seconds: i64) {
        let until = self.clock.now() + SignedDuration::from_secs(seconds);
        self.until("the time has passed", |bench| bench.clock.now() >= until).await;
    }

    fn up(&self, name: &str, report: Report) -> Option<bool> {
        let up = |face: &Face| face.vitals.reports().find(|(known, _)| *known == report)?.1.up;
        self.board.look(name, up).flatten()
    }

    /// Every sample of a family that the operation shows.
    fn shown(&self, name: &str, family: &'static Family) -> Vec<(String, i64)> {
        let blocks = self.board.look(name, |face| face.vitals.blocks(&self.clock)).unwrap();
        let block = blocks.into_iter().find(|block| block.family.is(family));
        let samples = block.into_iter().flat_map(|block| block.samples);
        samples.map(|sample| (sample.labels.as_str().to_owned(), sample.values[0])).collect()
    }

    fn one(&self, name: &str, family: &'static Family, labels: &str) -> i64 {
        let found = self.shown(name, family).into_iter().find(|(text, _)| text.contains(labels));
        found.unwrap_or_else(|| panic!("no {labels} in {:?}", self.shown(name, family))).1
    }
}

const ONLY_CDR: &str =
    "    skills: all\n    reports: { skill_6: off, diagram_1_2: off, diagram_3: off, diagram_4: off }\n";
const ONLY_SKILL: &str = "    skills: [\"101\", \"102\"]\n    reports: { cdr_1: off, diagram_1_2: off, diagram_3: off, diagram_4: off }\n";

fn dnis(calls: u32) -> String {
    format!(
        r#"{{"dnis":"601","inbound_calls":"{calls}","answer_calls":"{calls}","abandon_calls":"0","service_level_10seg":"100 %","service_level_20seg":"100 %","service_level_30seg":"100 %","abandon":"0 %","asa":"1","ata":"0"}}"#
    )
}

fn token_info() -> Option<(u16, String)> {
    rows(&[r#"{"token_limit":"25000","token_use_today":"10","all_token_today":"10"}"#.to_owned()])
}

#[tokio::test]
async fn one_skill_that_fails_keeps_the_report_down_until_it_is_read() {
    let broken = Arc::new(Mutex::new(true));
    let vendor = Vendor::new({
        let broken = Arc::clone(&broken);
        move |asked| match (asked["api"].as_str(), asked.get("skill_id").map(String::as_str)) {
            ("skill_6", Some("102")) if *broken.lock().unwrap() => Some((500, String::new())),
            ("skill_6", _) => rows(&[dnis(5)]),
            ("token_info", _) => token_info(),
            _ => nothing(),
        }
    })
    .await;
    let bench = Bench::start(&[operation("A", vendor.port, ONLY_SKILL)]).await;
    bench.until("both were asked", |_| vendor.asked("skill_6").len() >= 6).await;
    let good = |asked: &&Asked| asked["skill_id"] == "101";
    let until = bench.clock.now() + SignedDuration::from_mins(11);
    let stays_down = |bench: &Bench| {
        assert_eq!(bench.up("A", Report::Skill6), Some(false));
        bench.clock.now() >= until
    };
    bench.until("enough time has passed", stays_down).await;
    assert!(vendor.asked("skill_6").iter().filter(good).count() > 2, "the other skill is read all the same");
    *broken.lock().unwrap() = false;
    bench.until("it is up again", |bench| bench.up("A", Report::Skill6) == Some(true)).await;
    bench.pipeline.end().await;
}

#[tokio::test]
async fn an_operation_that_hangs_delays_neither_the_other_nor_the_end() {
    let silent = Vendor::new(|_| None).await;
    let well = Vendor::new(|asked| if asked["api"] == "token_info" { token_info() } else { nothing() }).await;
    let both = [operation("A", silent.port, ONLY_CDR), operation("B", well.port, ONLY_CDR)];
    let mut bench = Bench::start(&both).await;
    bench.until("the other is read", |bench| bench.up("B", Report::Cdr1) == Some(true)).await;
    bench.until("the silent one is asked", |_| !silent.asked.lock().unwrap().is_empty()).await;
    // Another configuration of the one that has been read is no news about the one that has not.
    let faster = operation("B", well.port, &format!("{ONLY_CDR}    labels: {{ max: 9 }}\n"));
    let before = well.asked("cdr_1").len();
    bench.pipeline.reload(&config(&[both[0].clone(), faster.clone()])).await.unwrap();
    bench.until("it is read again", |_| well.asked("cdr_1").len() > before + 1).await;
    assert!(!bench.ready.is_open(), "the silent one has not been attempted");
    // Once it is gone nobody waits for it.
    let took = Stopwatch::start();
    bench.pipeline.reload(&config(std::slice::from_ref(&faster))).await.unwrap();
    assert!(bench.ready.is_open());
    bench.pipeline.reload(&config(&[both[0].clone(), faster])).await.unwrap();
    let asked = silent.asked.lock().unwrap().len();
    bench.until("it is asked again", |_| silent.asked.lock().unwrap().len() > asked).await;
    bench.pipeline.end().await;
    // A request that hangs is dropped, not waited for: its own patience is 75 s.
    assert!(took.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_lost_row_hides_no_other() {
    // One call a minute since midnight; the server says that there is one more at 03:07:11, which it never shows.
    let start: crate::time::civil::DateTime = crate::time::civil::date(2026, 4, 4).at(0, 0, 0, 0);
    let label = |at: crate::time::civil::DateTime| at.strftime("%Y%m%d%H%M%S").to_string();
    let lost = label(crate::time::civil::date(2026, 4, 4).at(3, 7, 11, 0));
    let vendor = Vendor::new(move |asked| {
        let within = |at: &String| asked["date_ini"] <= *at && *at <= asked["date_end"];
        match asked["api"].as_str() {
            "cdr_1" => {
                let times =
                    (0..12 * 60).map(|minute| start.saturating_add(SignedDuration::from_mins(minute)));
                let found: Vec<String> = times
                    .filter(|at| within(&label(*at)))
                    .map(|at| {
                        format!(
                            r#"{{"date":"{}","conn_id":"1.{}.1","type_interaction":"inbound"}}"#,
                            at.strftime("%F %T"),
                            label(at)
                        )
                    })
                    .collect();
                let stated = found.len() + usize::from(within(&lost));
                if stated == 0 { nothing() } else { says(stated, &found) }
            }
            "token_info" => token_info(),
            _ => nothing(),
        }
    })
    .await;
    let bench = Bench::start(&[operation("A", vendor.port, ONLY_CDR)]).await;
    let counted = |bench: &Bench| {
        let blocks = bench.board.look("A", |face| face.counted(&catalogue::CDR_CALLS));
        blocks.unwrap_or_default()
    };
    bench.until("every call counts", |bench| counted(bench) == 12 * 60).await;
    assert!(vendor.asked("cdr_1").len() < 100, "{}", vendor.asked("cdr_1").len());
    assert!(bench.one("A", &catalogue::REPORT_READ_FAILURES, "reason=\"truncated\"") > 0);
    assert!(bench.one("A", &catalogue::REPORT_ROWS, "report=\"cdr_1\"") >= 12 * 60);
    bench.pipeline.end().await;
}

#[tokio::test]
async fn an_echoed_token_reaches_neither_the_page_nor_the_metrics() {
    for status in [200, 403, 404, 500] {
        let vendor = Vendor::new(move |asked| {
            let token = format!("{TOKEN}A").to_uppercase();
            let body = format!(r#"{{"code":"403","error":"FORBIDDEN","msg":"NO GOOD: {token}","data":[]}}"#);
            if asked["api"] == "token_info" { token_info() } else { Some((status, body)) }
        })
        .await;
        let bench = Bench::start(&[operation("A", vendor.port, ONLY_CDR)]).await;
        bench.until("it fails", |bench| bench.up("A", Report::Cdr1) == Some(false)).await;
        let words = bench.board.look_at_all(Face::failures).concat().join("\n");
        let telling = |piece: &[u8]| words.to_lowercase().contains(std::str::from_utf8(piece).unwrap());
        assert!(!format!("{TOKEN}a").as_bytes().windows(6).any(telling), "{status}: {words}");
        assert!(!words.is_empty());
        bench.pipeline.end().await;
    }
}

#[tokio::test]
async fn a_bad_token_ends_the_first_cycle() {
    let vendor = Vendor::new(|_| {
        let body = r#"{"code":"403","error":"FORBIDDEN","msg":"PLEASE VALIDATE TOKEN","data":[]}"#;
        Some((403, body.to_owned()))
    })
    .await;
    let bench = Bench::start(&[operation("A", vendor.port, "")]).await;
    let over =
        |bench: &Bench| bench.ready.is_open() && bench.board.look_at_all(Face::is_cycle_over) == [true];
    bench.until("the cycle is over", over).await;
    assert!(vendor.asked.lock().unwrap().len() <= 2, "a refused token is not used again and again");
    assert!(!bench.board.look_at_all(Face::failures).concat().is_empty());
    bench.pipeline.end().await;
}

#[tokio::test]
async fn a_list_of_skills_without_end_is_not_followed() {
    let vendor = Vendor::new(|asked| match asked["api"].as_str() {
        "skills" => {
            let skills: Vec<String> =
                (0..50_000).map(|id| format!(r#"{{"skill_id":"s{id}","skill_name":"S"}}"#)).collect();
            rows(&skills)
        }
        "skill_1" => {
            let skills: Vec<String> =
                (0..50_000).map(|id| format!(r#"{{"skill_id":"s{id}","inbound_calls":"1"}}"#)).collect();
            rows(&skills)
        }
        "token_info" => token_info(),
        _ => nothing(),
    })
    .await;
    let lines = "    reports: { cdr_1: off, diagram_1_2: off, diagram_3: off, diagram_4: off }\n";
    let bench = Bench::start(&[operation("A", vendor.port, lines)]).await;
    bench.until("the witness was asked", |_| vendor.asked("skill_1").len() > 2).await;
    assert_eq!(vendor.asked("skill_6").len(), 0);
    assert!(bench.one("A", &catalogue::REPORT_READ_FAILURES, "report=\"skill_1\",reason=\"decode\"") > 0);
    assert!(bench.one("A", &catalogue::REPORT_READ_FAILURES, "report=\"skills\",reason=\"decode\"") > 0);
    let skills = bench.board.look("A", |face| {
        face.names.blocks(&face.operation, &names::Shown::default(), Timestamp::UNIX_EPOCH)
    });
    assert!(skills.unwrap().iter().all(|block| block.samples.len() <= 200));
    bench.pipeline.end().await;
}

#[tokio::test]
async fn the_last_success_of_skill_6_is_of_today_only() {
    // Yesterday is still read, today fails.
    let vendor = Vendor::new(|asked| match asked["api"].as_str() {
        "skill_6" if asked["date_ini"].starts_with("20260405") => Some((500, String::new())),
        "skill_6" => rows(&[dnis(5)]),
        "token_info" => token_info(),
        _ => nothing(),
    })
    .await;
    let bench = Bench::start(&[operation("A", vendor.port, ONLY_SKILL)]).await;
    bench.clock.advance_to("2026-04-04T23:54:00Z".parse().unwrap());
    let midnight: Timestamp = "2026-04-05T00:00:00Z".parse().unwrap();
    let asked =
        |day: &str| vendor.asked("skill_6").iter().filter(|asked| asked["date_ini"].starts_with(day)).count();
    bench.until("the new day is asked for", |_| asked("20260405") > 2).await;
    let before = asked("20260404");
    bench.until("yesterday is read meanwhile", |_| asked("20260404") > before + 2).await;
    let through = bench.board.look("A", |face| {
        let vitals = face.vitals.reports().find(|(report, _)| *report == Report::Skill6);
        vitals.and_then(|(_, vitals)| vitals.data_through)
    });
    assert!(through.unwrap().is_none_or(|through| through <= midnight), "{through:?}");
    assert_eq!(bench.up("A", Report::Skill6), Some(false));
    bench.pipeline.end().await;
}

#[tokio::test]
async fn failures_are_counted_once_by_their_reason() {
    let vendor = Vendor::new(|asked| match asked["api"].as_str() {
        "cdr_1" => {
            Some((400, r#"{"code":"400","error":"BAD REQUEST","msg":"SOME PARAMETERS ARE REQUIRED"}"#.into()))
        }
        "token_info" => token_info(),
        _ => nothing(),
    })
    .await;
    let bench = Bench::start(&[operation("A", vendor.port, ONLY_CDR)]).await;
    bench.until("it was asked", |_| vendor.asked("cdr_1").len() > 3).await;
    bench.pass(3).await;
    let count = |reason: Reason| {
        let labels = format!("report=\"cdr_1\",reason=\"{reason}\"");
        bench.one("A", &catalogue::REPORT_READ_FAILURES, &labels)
    };
    assert_eq!(count(Reason::Request), vendor.asked("cdr_1").len() as i64);
    assert!(
        Reason::ALL.into_iter().filter(|reason| *reason != Reason::Request).all(|reason| count(reason) == 0)
    );
    assert_eq!(bench.one("A", &catalogue::REPORT_READS, "report=\"cdr_1\""), count(Reason::Request));
    assert_eq!(bench.one("A", &catalogue::UP, "A"), 0);
    bench.pipeline.end().await;
}

#[tokio::test]
async fn a_witness_that_never_speaks_silences_nobody() {
    // The server knows no skill of the name "all", and answers as for one without calls.
    let vendor =
        Vendor::new(|asked| match (asked["api"].as_str(), asked.get("skill_id").map(String::as_str)) {
            ("skill_6", Some("101" | "103")) => rows(&[dnis(5)]),
            ("token_info", _) => token_info(),
            _ => nothing(),
        })
        .await;
    let lines = ONLY_SKILL.replace("\"102\"", "\"102\", \"103\", \"104\"");
    let bench = Bench::start(&[operation("A", vendor.port, &lines)]).await;
    let counted = |bench: &Bench| bench.board.look("A", |face| face.counted(&catalogue::INBOUND_CALLS));
    bench.until("what there is counts", |bench| counted(bench) == Some(10)).await;
    assert_eq!(bench.up("A", Report::Skill6), Some(true));
    bench.pipeline.end().await;
}

/// A day of one skill with a call a minute, and a server that says so many rows too many.
async fn a_day_of_101(excess: impl Fn(&Asked, usize) -> usize + Send + Sync + 'static) -> (Vendor, Bench) {
    let vendor = Vendor::new(move |asked| match asked["api"].as_str() {
        "skill_6" if asked["skill_id"] == "101" => {
            let minute = |at: &str| -> u32 {
                let part = |from: usize| at[from..from + 2].parse::<u32>().unwrap();
                part(8) * 60 + part(10) + u32::from(part(12) > 0)
            };
            let calls = minute(&asked["date_end"]).min(720).saturating_sub(minute(&asked["date_ini"]));
            let found: Vec<String> = (calls > 0).then(|| dnis(calls)).into_iter().collect();
            says(found.len() + excess(asked, found.len()), &found)
        }
        "token_info" => token_info(),
        _ => nothing(),
    })
    .await;
    let bench = Bench::start(&[operation("A", vendor.port, ONLY_SKILL)]).await;
    (vendor, bench)
}

#[tokio::test]
async fn a_day_of_a_server_that_counts_differently_is_read_in_parts_once() {
    let (vendor, bench) = a_day_of_101(|_, _| 2).await;
    let counted = |bench: &Bench| bench.board.look("A", |face| face.counted(&catalogue::INBOUND_CALLS));
    bench.until("the day counts", |bench| counted(bench) == Some(720)).await;
    let asked = || vendor.asked("skill_6").iter().filter(|asked| asked["skill_id"] == "101").count();
    assert_eq!(asked(), 3, "the day, and its two parts");
    bench.until("it is read again", |_| asked() >= 5).await;
    bench.until("nothing is wrong", |bench| bench.up("A", Report::Skill6) == Some(true)).await;
    assert_eq!(counted(&bench), Some(720));
    bench.pipeline.end().await;
}

#[tokio::test]
async fn a_day_that_misses_a_row_changes_nothing_and_costs_little() {
    let missing = |asked: &Asked, _| {
        let lost = "20260404030711";
        usize::from(asked["date_ini"].as_str() <= lost && lost <= asked["date_end"].as_str())
    };
    let (vendor, bench) = a_day_of_101(missing).await;
    bench.until("it has been asked for", |_| vendor.asked("skill_6").len() > 3).await;
    bench.pass(900).await;
    assert_eq!(bench.board.look("A", |face| face.counted(&catalogue::INBOUND_CALLS)), Some(0));
    assert_eq!(bench.up("A", Report::Skill6), Some(false));
    assert!(bench.one("A", &catalogue::REPORT_READ_FAILURES, "reason=\"truncated\"") > 0);
    let asked = vendor.asked("skill_6").len();
    assert!(asked < 200, "{asked} requests in a quarter of an hour");
    bench.pipeline.end().await;
}

#[tokio::test]
async fn an_answer_that_no_sum_can_hold_is_a_failure_with_a_reason_and_the_next_one_counts() {
    // So dear that no sum of all its calls means anything; then an ordinary day.
    let wild = Arc::new(Mutex::new(true));
    let vendor = Vendor::new({
        let wild = Arc::clone(&wild);
        move |asked| match asked["api"].as_str() {
            "cdr_1" => {
                let (number, cost) = if *wild.lock().unwrap() { (1_000, "100000000") } else { (3, "2.5") };
                let row = |call: u32| {
                    format!(r#"{{"date":"2026-04-04 10:00:00","conn_id":"1.{call}.1","cost":"{cost}"}}"#)
                };
                rows(&(0..number).map(row).collect::<Vec<_>>())
            }
            "token_info" => token_info(),
            _ => nothing(),
        }
    })
    .await;
    let lines = ONLY_CDR.replace("diagram_4: off", "diagram_4: off, cdr_1: { interval: 2s }");
    let bench = Bench::start(&[operation("A", vendor.port, &lines)]).await;
    bench.until("it fails", |bench| bench.up("A", Report::Cdr1) == Some(false)).await;
    assert!(bench.one("A", &catalogue::REPORT_READ_FAILURES, "report=\"cdr_1\",reason=\"decode\"") > 0);
    let answer = bench.publisher.answer(Format::Text, Encoding::Identity, &[]).await.unwrap();
    let own = String::from_utf8(answer.own.to_vec()).unwrap();
    assert!(own.contains("wolkvox_exporter_ledger_errors_total 0\n"), "the ledger is as it was: {own}");
    *wild.lock().unwrap() = false;
    let counted = |bench: &Bench| bench.board.look("A", |face| face.counted(&catalogue::CDR_CALLS));
    bench.until("it counts", |bench| counted(bench) == Some(3)).await;
    bench.until("it is well", |bench| bench.up("A", Report::Cdr1) == Some(true)).await;
    bench.pipeline.end().await;
}
