//! What must hold of any answer at any time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::*;
use crate::simulator::day::label_of;

fn run(test: impl Future<Output = TestCaseResult>) -> TestCaseResult {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test)
}

fn wire_time(date: &str, second: i64) -> String {
    let date: civil::Date = date.parse().unwrap();
    date.at(0, 0, 0, 0).saturating_add(SignedDuration::from_secs(second)).strftime("%Y%m%d%H%M%S").to_string()
}

fn zone() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&ZONES[..])
}

/// An ordinary day, and days with a gap and a fold in Santiago and in Madrid.
fn date() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["2026-11-20", "2026-04-04", "2026-09-06", "2026-03-29", "2026-10-25"][..])
}

fn lateness() -> impl Strategy<Value = Lateness> {
    proptest::sample::select(&[Lateness::None, Lateness::Usual, Lateness::Heavy][..])
}

fn bench(seed: u64, zone: &str, lateness: Lateness, calls: f64, now: &str) -> Bench {
    let mut settings = Bench::small(seed);
    settings.timezone = zone.into();
    settings.traffic.lateness = lateness;
    settings.traffic.calls_per_day = calls;
    Bench::new(settings, now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn same_seed_same_answer(seed in any::<u64>(), zone in zone(), now in 0..86_400_i64) {
        run(async {
            let at = format!("2026-11-20T{:02}:{:02}:00", now / 3600, now / 60 % 60);
            let one = bench(seed, zone, Lateness::Usual, 300.0, &at);
            let other = bench(seed, zone, Lateness::Usual, 300.0, &at);
            let different = bench(seed ^ 1, zone, Lateness::Usual, 300.0, &at);
            // What was asked before must not matter.
            for day in ["20261101", "20261119", "20261118"] {
                other.report("cdr_1", &format!("{day}000000"), &format!("{day}235959")).await;
            }
            for api in REPORTS {
                let seen = one.report(api, "20261118000000", "20261120235959").await;
                prop_assert_eq!(&seen, &other.report(api, "20261118000000", "20261120235959").await);
                prop_assert_ne!(&seen, &different.report(api, "20261118000000", "20261120235959").await);
            }
            prop_assert_ne!(one.simulator.token(0), different.simulator.token(0));
            Ok(())
        })?;
    }

    #[test]
    fn a_split_window_adds_up_to_the_whole(
        seed in any::<u64>(), zone in zone(), date in date(), lateness in lateness(),
        split in 1..86_399_i64, now in 0..200_000_i64,
    ) {
        run(async {
            let bench = bench(seed, zone, lateness, 400.0, &format!("{date}T00:00:00"));
            bench.clock.advance(SignedDuration::from_secs(now));
            let bounds = [wire_time(date, 0), wire_time(date, split - 1), wire_time(date, split), wire_time(date, 86_399)];
            for api in ["diagram_3", "cdr_1", "diagram_4"] {
                let sorted = |mut rows: Vec<Value>| {
                    rows.sort_by_key(Value::to_string);
                    rows
                };
                let whole = bench.report(api, &bounds[0], &bounds[3]).await.rows();
                let mut parts = bench.report(api, &bounds[0], &bounds[1]).await.rows();
                parts.extend(bench.report(api, &bounds[2], &bounds[3]).await.rows());
                prop_assert_eq!(sorted(whole), sorted(parts));
            }
            for (api, key, columns) in [
                ("skill_6", "dnis", &["inbound_calls", "answer_calls", "abandon_calls"][..]),
                ("skill_1", "skill_id", &["inbound_calls", "answer_calls", "abandon_calls"][..]),
                ("diagram_1_2", "date", &["calls"][..]),
            ] {
                let added = |rows: Vec<Value>| {
                    let mut sums: BTreeMap<(String, &str), i64> = BTreeMap::new();
                    for row in rows {
                        for column in columns {
                            *sums.entry((text(&row, key).to_owned(), column)).or_default() += number(&row, column);
                        }
                    }
                    sums
                };
                let whole = bench.report(api, &bounds[0], &bounds[3]).await.rows();
                let mut parts = bench.report(api, &bounds[0], &bounds[1]).await.rows();
                parts.extend(bench.report(api, &bounds[2], &bounds[3]).await.rows());
                prop_assert_eq!(added(whole), added(parts));
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_seen_before_its_time(
        seed in any::<u64>(), zone in zone(), lateness in lateness(), now in 1..100_000_i64,
    ) {
        run(async {
            let date = "2026-11-20";
            let bench = bench(seed, zone, lateness, 400.0, &format!("{date}T00:00:00"));
            bench.clock.advance(SignedDuration::from_secs(now));
            let present = bench.zone.civil(bench.clock.now()).to_string().replace('T', " ");
            let (from, to) = (wire_time(date, 0), wire_time(date, 86_399));
            for (api, column) in [("diagram_3", "date_inbound_call"), ("cdr_1", "date"), ("diagram_4", "date")] {
                for row in bench.report(api, &from, &to).await.rows() {
                    prop_assert!(text(&row, column) <= present.as_str(), "{} after {}", row, present);
                }
            }
            // Exactly the calls that are visible, each once.
            let day: civil::Date = date.parse().unwrap();
            let calls = bench.simulator.calls("demo", None, day.at(0, 0, 0, 0), day.at(23, 59, 59, 0)).unwrap();
            let visible = |call: &&Call| {
                call.visible.is_some_and(|at| at <= bench.clock.now())
                    && call.withdrawn.is_none_or(|at| at > bench.clock.now())
            };
            let count = |report: &str| {
                calls.iter().filter(|call| call.report == report).filter(visible).count() as i64
            };
            for api in ["diagram_3", "cdr_1", "diagram_4"] {
                let rows = bench.report(api, &from, &to).await.rows();
                prop_assert_eq!(rows.len() as i64, count(api));
            }
            let ids: BTreeSet<(String, String, String)> = bench
                .report("cdr_1", &from, &to)
                .await
                .rows()
                .iter()
                .map(|row| ["conn_id", "type_interaction", "date"].map(|key| text(row, key).to_owned()).into())
                .collect();
            prop_assert_eq!(ids.len() as i64, count("cdr_1"));
            for (api, column) in [("skill_6", "inbound_calls"), ("diagram_1_2", "calls")] {
                let rows = bench.report(api, &from, &to).await.rows();
                let sum: i64 = rows.iter().map(|row| number(row, column)).sum();
                prop_assert_eq!(sum, count(api));
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_changes_after_the_settle_time(
        seed in any::<u64>(), zone in zone(), date in date(), lateness in lateness(), hour in 0..24_i64,
    ) {
        run(async {
            let bench = bench(seed, zone, lateness, 400.0, "2026-01-01T00:00:00");
            let day: civil::Date = date.parse().unwrap();
            let end = |seconds: i64| bench.zone.last_instant(
                day.at(0, 0, 0, 0).saturating_add(SignedDuration::from_secs(seconds)),
            );
            let hours = SignedDuration::from_hours;
            let windows = [
                ("diagram_1_2", hour * 3600, hour * 3600 + 3599, 6),
                ("cdr_1", hour * 3600, hour * 3600 + 3599, 6),
                ("diagram_4", hour * 3600, hour * 3600 + 3599, 6),
                ("skill_6", 0, 86_399, 6),
                ("skill_1", 0, 86_399, 6),
                ("diagram_3", 0, 86_399, 36),
            ];
            let mut early = Vec::new();
            let mut asked: Vec<_> = windows.iter().map(|window| (end(window.2 + 1) + hours(window.3), window)).collect();
            asked.sort_by_key(|(at, _)| *at);
            for (at, (api, from, to, _)) in asked {
                bench.clock.advance_to(at);
                early.push((api, from, to, bench.report(api, &wire_time(date, *from), &wire_time(date, *to)).await.body));
            }
            bench.clock.advance(hours(24 * 20));
            for (api, from, to, body) in early {
                let late = bench.report(api, &wire_time(date, *from), &wire_time(date, *to)).await.body;
                prop_assert_eq!(String::from_utf8_lossy(&late), String::from_utf8_lossy(&body), "{}", api);
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_decided_late_is_decided_once(seed in any::<u64>(), lateness in lateness()) {
        run(async {
            let date = "2026-11-20";
            let bench = bench(seed, "America/Bogota", lateness, 600.0, &format!("{date}T00:00:00"));
            let (from, to) = (wire_time(date, 8 * 3600), wire_time(date, 11 * 3600));
            let decided = |old: &str, new: &str| old == new || old == "-";
            let mut known: HashMap<String, Value> = HashMap::new();
            let mut changed = 0;
            for _ in 0..24 {
                bench.clock.advance(SignedDuration::from_mins(95));
                for row in bench.report("cdr_1", &from, &to).await.rows() {
                    let id = format!("{}/{}/{}", text(&row, "conn_id"), text(&row, "agent_id"), text(&row, "date"));
                    if let Some(old) = known.get(&id) {
                        for key in ["cod_act", "cod_act_2", "time_seg", "cost", "skill_id"] {
                            prop_assert!(decided(text(old, key), text(&row, key)), "{} became {}", old, row);
                        }
                        changed += i64::from(old["cod_act"] != row["cod_act"]);
                    }
                    known.insert(id, row);
                }
                for row in bench.report("diagram_3", &from, &to).await.rows() {
                    let id = text(&row, "customer_id").to_owned();
                    if let Some(old) = known.get(&id) {
                        let (before, after) = (text(old, "status"), text(&row, "status"));
                        prop_assert!(before == after || before == "YES", "{} became {}", old, row);
                        prop_assert!(number(old, "attempts") <= number(&row, "attempts"));
                        changed += i64::from(before != after);
                    }
                    known.insert(id, row);
                }
                for row in bench.report("diagram_4", &from, &to).await.rows() {
                    let id = format!("survey {}", text(&row, "conn_id"));
                    if let Some(old) = known.get(&id) {
                        for key in ["feeling", "q01", "q02", "q03", "voice_message_duration"] {
                            prop_assert!(decided(text(old, key), text(&row, key)), "{} became {}", old, row);
                        }
                    }
                    known.insert(id, row);
                }
            }
            // Without lateness codes come at once, and three quiet hours may hold no callback that is worked off later.
            prop_assert!(changed > 0 || lateness == Lateness::None);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn the_day_is_revised_up_and_down() {
    let mut settings = Bench::small(3);
    settings.traffic.withdrawn_share = 0.05;
    let bench = Bench::new(settings, "2026-11-20T00:00:00");
    let (mut up, mut down) = (0, 0);
    let mut before: Option<i64> = None;
    for _ in 0..200 {
        bench.clock.advance(SignedDuration::from_mins(10));
        let rows = bench.report("skill_6", "20261120090000", "20261120095959").await.rows();
        let now: i64 = rows.iter().map(|row| number(row, "inbound_calls")).sum();
        if let Some(before) = before {
            up += i64::from(now > before);
            down += i64::from(now < before);
        }
        before = Some(now);
    }
    assert!(up > 3 && down > 0, "{up} times up, {down} times down");
}

#[tokio::test]
async fn every_report_has_something_to_show_at_any_time_of_the_week() {
    let bench = Bench::new(Settings::default(), "2026-11-16T00:00:00");
    // Five and twenty-four have no common divisor: every hour of the day is met, on some day.
    for _ in 0..7 * 24 / 5 {
        bench.clock.advance(SignedDuration::from_hours(5));
        let now = bench.zone.civil(bench.clock.now());
        let from = now.saturating_sub(SignedDuration::from_hours(2)).strftime("%Y%m%d%H%M%S").to_string();
        let to = now.strftime("%Y%m%d%H%M%S").to_string();
        for api in REPORTS {
            assert_ne!(bench.report(api, &from, &to).await.rows(), Vec::<Value>::new(), "{api} at {now}");
        }
    }
}

#[tokio::test]
async fn operations_differ_and_are_told_apart_by_their_token() {
    let settings = Settings { operations: 3, ..Bench::small(9) };
    let bench = Bench::new(settings, "2026-11-20T18:00:00");
    let names: Vec<&str> = bench.simulator.operations().collect();
    assert_eq!(names, ["demo-001", "demo-002", "demo-003"]);
    let mut bodies = BTreeSet::new();
    for index in 0..3 {
        let ask =
            "reports_manager.php?api=skill_1&skill_id=all&date_ini=20261120000000&date_end=20261120235959";
        let first = bench.ask_as(ask, Some(&bench.simulator.token(index))).await;
        let second = bench.ask_as(ask, Some(&bench.simulator.second_token(index))).await;
        assert_eq!(first, second);
        bodies.insert(first.body);
    }
    assert_eq!(bodies.len(), 3);
}

#[tokio::test]
async fn private_values_can_be_searched_for() {
    let settings =
        Settings { behaviour: Behaviour { wild_comments: true, ..Behaviour::default() }, ..Bench::small(4) };
    let bench = Bench::new(settings, "2026-11-21T18:00:00");
    let private =
        ["telephone", "ani", "dial_phone", "customer_id", "agent_dni", "conn_id", "comment", "voice_message"];
    let mut found = BTreeSet::new();
    for api in REPORTS {
        for row in bench.report(api, "20261120000000", "20261120235959").await.rows() {
            for (key, value) in row.as_object().unwrap() {
                let value = value.as_str().unwrap();
                let planted = Simulator::planted().iter().any(|planted| value.contains(planted.needle));
                let expected = private.contains(&key.as_str()) && !["", "-"].contains(&value);
                assert_eq!(planted, expected, "{key} of {api}: {value}");
                if planted {
                    found.insert(key.clone());
                }
            }
        }
    }
    assert_eq!(found, private.map(str::to_owned).into());
}

#[test]
fn few_days_are_remembered() {
    let mut settings = Bench::small(5);
    settings.operations = 40;
    let bench = Bench::new(settings, "2026-11-20T12:00:00");
    let day: civil::Date = "2026-11-20".parse().unwrap();
    for name in bench.simulator.operations() {
        bench.simulator.truth(name, day.at(0, 0, 0, 0), day.at(23, 59, 59, 0)).unwrap();
    }
    let events = bench.simulator.0.centre.remembered();
    assert!((1..=90_000).contains(&events), "{events} events");
}

#[tokio::test]
async fn the_last_skill_can_open_later() {
    let opens = Some("2026-11-20".parse().unwrap());
    let bench = Bench::new(Settings { last_skill_opens: opens, ..Bench::small(6) }, "2026-11-19T23:00:00");
    let ids = |rows: Vec<Value>| -> BTreeSet<String> {
        rows.iter().map(|row| text(row, "skill_id").to_owned()).filter(|id| id != "-").collect()
    };
    for (now, day, count) in [("2026-11-19T23:00:00", "20261119", 3), ("2026-11-20T23:00:00", "20261120", 4)]
    {
        bench.at(now);
        assert_eq!(ids(bench.ask("information.php?api=skills").await.rows()).len(), count);
        for api in ["skill_1", "diagram_3", "cdr_1", "diagram_4"] {
            let rows = bench.report(api, &format!("{day}060000"), &format!("{day}235959")).await.rows();
            assert_eq!(ids(rows).len(), count, "{api} on {day}");
        }
    }
}

#[test]
fn a_centre_that_cannot_be_is_refused() {
    let wrong = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        Simulator::new(settings, Clock::real()).unwrap_err().to_string()
    };
    assert!(wrong(&|settings| settings.timezone = "Mars/Olympus".into()).contains("Mars/Olympus"));
    assert!(wrong(&|settings| settings.operations = 0).contains("operations"));
    assert!(wrong(&|settings| settings.traffic.skills = 0).contains("skills"));
    assert!(wrong(&|settings| settings.traffic.dnis_per_skill = 0).contains("dnis_per_skill"));
    assert!(wrong(&|settings| settings.traffic.calls_per_day = f64::NAN).contains("calls_per_day"));
    assert!(wrong(&|settings| settings.traffic.survey_share = 1.5).contains("survey_share"));
    assert!(wrong(&|settings| settings.traffic.open_hours = (18, 8)).contains("open_hours"));
    assert!(wrong(&|settings| settings.traffic.weekdays[0] = -1.0).contains("weekdays"));
    assert!(wrong(&|settings| settings.traffic.latest_seconds = 100_000).contains("latest_seconds"));
}

#[test]
fn nothing_happens_before_the_start() {
    let start: civil::Date = "2026-11-20".parse().unwrap();
    let settings = Settings { start: Some(start), ..Bench::small(6) };
    let bench = Bench::new(settings, "2026-11-22T12:00:00");
    let truth = |from: &str, to: &str| {
        bench.simulator.truth("demo", from.parse().unwrap(), to.parse().unwrap()).unwrap()
    };
    let before = truth("2026-11-01T00:00:00", "2026-11-19T23:59:59");
    assert_eq!((before.skill_6.len(), before.diagram_1_2.calls), (0, 0));
    assert!(truth("2026-11-20T00:00:00", "2026-11-20T23:59:59").diagram_1_2.calls > 0);
}

#[test]
fn a_centre_that_closes_takes_no_calls_until_it_opens() {
    let mut settings = Bench::small(6);
    settings.traffic.open_hours = (8, 18);
    settings.traffic.weekdays[5] = 0.0;
    let bench = Bench::new(settings, "2026-11-22T12:00:00");
    let friday: civil::Date = "2026-11-20".parse().unwrap();
    let saturday: civil::Date = "2026-11-21".parse().unwrap();
    let truth = |day: civil::Date, from: i8, to: i8| {
        let truth = bench.simulator.truth("demo", day.at(from, 0, 0, 0), day.at(to, 59, 59, 0)).unwrap();
        (truth.skill_6.iter().map(|calls| calls.inbound).sum::<i64>(), truth.diagram_1_2.calls)
    };
    assert_eq!(truth(friday, 0, 7), (0, 0));
    assert_eq!(truth(friday, 18, 23), (0, 0));
    assert_eq!(truth(saturday, 0, 23), (0, 0));
    let (inbound, ivr) = truth(friday, 8, 17);
    assert!(inbound > 0 && ivr > 0);
}

#[test]
fn labels_of_a_fold_appear_twice_and_those_of_a_gap_never() {
    let zone = "America/Santiago";
    for (date, missing, hours) in [("2026-04-04", None, 25), ("2026-09-06", Some(0), 23)] {
        let bench = bench(7, zone, Lateness::None, 20_000.0, "2026-12-01T00:00:00");
        let day: civil::Date = date.parse().unwrap();
        let calls =
            bench.simulator.calls("demo", Some("cdr_1"), day.at(0, 0, 0, 0), day.at(23, 59, 59, 0)).unwrap();
        let mut instants = BTreeSet::new();
        let mut labels = BTreeSet::new();
        for call in &calls {
            let label: civil::DateTime = call.date.replace(' ', "T").parse().unwrap();
            instants.insert(call.visible.unwrap().as_second().div_euclid(3600));
            labels.insert(label.hour());
            // An instant carries its label, by the zone's own rules.
            let shown = bench.zone.civil(call.visible.unwrap());
            assert_eq!(label_of(shown), label_of(label));
        }
        assert_eq!(instants.len(), hours, "{date}");
        assert_eq!(labels.len(), hours.min(24));
        assert!(missing.is_none_or(|hour| !labels.contains(&hour)));
    }
}
