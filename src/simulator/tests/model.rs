//! The truth is what the answers say once everything has settled.

use std::collections::BTreeMap;

use super::*;

async fn settled(zone: &str, date: &str, seed: u64) -> (Bench, Truth, String) {
    let settings = Settings { timezone: zone.into(), ..Bench::small(seed) };
    let bench = Bench::new(settings, "2026-01-01T00:00:00");
    let day: civil::Date = date.parse().unwrap();
    // 36 hours after the day's end, the longest settle time of a report.
    let later = day.tomorrow().unwrap().tomorrow().unwrap();
    bench.at(&format!("{later}T12:00:00"));
    let truth = bench.simulator.truth("demo", day.at(0, 0, 0, 0), day.at(23, 59, 59, 0)).unwrap();
    (bench, truth, date.replace('-', ""))
}

async fn day_rows(bench: &Bench, api: &str, date: &str) -> Vec<Value> {
    bench.report(api, &format!("{date}000000"), &format!("{date}235959")).await.rows()
}

/// An ordinary day, and the days with a gap and with a fold of two zones.
fn days() -> [(&'static str, &'static str, u64); 5] {
    [
        (ZONES[0], "2026-11-20", 1),
        (ZONES[1], "2026-04-04", 2),
        (ZONES[1], "2026-09-06", 3),
        (ZONES[2], "2026-03-29", 4),
        (ZONES[2], "2026-10-25", 5),
    ]
}

#[tokio::test]
async fn settled_service_levels_are_the_truth_and_keep_their_identities() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let mut total = 0;
        for (skill, _) in bench.simulator.skills() {
            let query = format!(
                "reports_manager.php?api=skill_6&skill_id={skill}&date_ini={day}000000&date_end={day}235959"
            );
            for row in bench.ask(&query).await.rows() {
                let truth = truth
                    .skill_6
                    .iter()
                    .find(|truth| truth.skill_id == skill && truth.dnis == text(&row, "dnis"))
                    .unwrap();
                let (inbound, answered, abandoned) = (
                    number(&row, "inbound_calls"),
                    number(&row, "answer_calls"),
                    number(&row, "abandon_calls"),
                );
                assert_eq!((inbound, answered, abandoned), (truth.inbound, truth.answered, truth.abandoned));
                assert_eq!(inbound, answered + abandoned);
                for (key, within) in [
                    ("service_level_10seg", truth.within_10),
                    ("service_level_20seg", truth.within_20),
                    ("service_level_30seg", truth.within_30),
                ] {
                    let hundredths = thousandths(text(&row, key).strip_suffix(" %").unwrap()) / 10;
                    let exact = 10_000.0 * within as f64 / inbound as f64;
                    assert_eq!(hundredths, exact.round() as i64, "{key} of {row}");
                }
                assert_eq!(thousandths(text(&row, "asa")) * answered, truth.answer_wait_printed_ms);
                assert_eq!(thousandths(text(&row, "ata")) * abandoned, truth.abandon_wait_printed_ms);
                assert!((truth.answer_wait_printed_ms - truth.answer_wait_ms).abs() <= 6 * answered);
                total += inbound;
            }
        }
        assert_eq!(total, truth.skill_6.iter().map(|row| row.inbound).sum::<i64>());
        assert!(total > 300, "{total} calls in {zone} on {date}");
    }
}

#[tokio::test]
async fn the_reports_are_views_of_the_same_calls() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let by_skill = |rows: Vec<Value>, key: &str| -> BTreeMap<String, i64> {
            rows.iter().map(|row| (text(row, "skill_id").to_owned(), number(row, key))).collect()
        };
        let witness = by_skill(day_rows(&bench, "skill_1", &day).await, "inbound_calls");
        let mut summed: BTreeMap<String, i64> = BTreeMap::new();
        for row in &truth.skill_6 {
            *summed.entry(row.skill_id.clone()).or_default() += row.inbound;
        }
        assert_eq!(witness, summed);

        // Every answered call has one inbound row of cdr_1, perhaps on the next day.
        let calls = bench.simulator.calls("demo", None, label_start(date, 0), label_start(date, 3)).unwrap();
        let of = |report: &str, what: &str| -> Vec<u32> {
            let mut found: Vec<u32> = calls
                .iter()
                .filter(|call| call.report == report && call.what == what && call.withdrawn.is_none())
                .map(|call| call.seq)
                .collect();
            found.sort_unstable();
            found
        };
        let answered: Vec<u32> = calls
            .iter()
            .filter(|call| call.report == "skill_6" && call.what == "answered" && call.withdrawn.is_none())
            .filter(|call| call.date.starts_with(date))
            .map(|call| call.seq)
            .collect();
        let connected = of("cdr_1", "inbound");
        assert!(answered.iter().all(|seq| connected.binary_search(seq).is_ok()));
        let mut unique = connected.clone();
        unique.dedup();
        assert_eq!(unique.len(), connected.len());
        let ivr = of("diagram_1_2", "ivr");
        assert!(answered.iter().all(|seq| ivr.binary_search(seq).is_ok()));
    }
}

fn label_start(date: &str, days: i64) -> civil::DateTime {
    let date: civil::Date = date.parse().unwrap();
    date.at(0, 0, 0, 0).saturating_add(SignedDuration::from_hours(24 * days))
}

#[tokio::test]
async fn settled_ivr_hours_are_the_truth() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let rows = day_rows(&bench, "diagram_1_2", &day).await;
        assert_eq!(rows.len(), truth.diagram_1_2_hours.len());
        for row in rows {
            let (day, hour) = text(&row, "date").rsplit_once('-').unwrap();
            let hour = &truth.diagram_1_2_hours[&format!("{day} {hour}")];
            assert_eq!(number(&row, "calls"), hour.calls);
            assert_eq!(thousandths(text(&row, "ivr_minutes")) * 60, hour.printed_ms);
        }
    }
}

#[tokio::test]
async fn settled_callbacks_are_the_truth() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let mut found: BTreeMap<String, CallbackTruth> = BTreeMap::new();
        let mut times: BTreeMap<String, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
        for row in day_rows(&bench, "diagram_3", &day).await {
            let counted = found.entry(text(&row, "skill_id").to_owned()).or_default();
            counted.offers += 1;
            counted.attempts += number(&row, "attempts");
            counted.billed_ms += thousandths(text(&row, "billed_minutes")) * 60;
            let outcome = match text(&row, "status") {
                "YES" => "unknown",
                "NO" => "no",
                "OK" => "ok",
                "FAIL" => "fail",
                "NO USER" => "no_user",
                "STOP NEW" => "stop_new",
                status => panic!("{status}"),
            };
            *counted.outcomes.entry(outcome).or_default() += 1;
            let (time, wait) = (text(&row, "time"), text(&row, "time_between_calls"));
            if time != "-" {
                let (waits, durations) = times.entry(text(&row, "skill_id").to_owned()).or_default();
                durations.push(clock_ms(time));
                if outcome == "ok" {
                    waits.push(clock_ms(wait));
                }
            }
        }
        assert_eq!(found.len(), truth.diagram_3.len());
        for (skill, found) in found {
            let truth = &truth.diagram_3[&skill];
            assert_eq!((found.offers, found.attempts), (truth.offers, truth.attempts));
            assert_eq!(found.outcomes, truth.outcomes);
            assert_eq!(found.billed_ms, truth.billed_ms);
            let (waits, durations) = times.remove(&skill).unwrap_or_default();
            const WAITS: [u64; 11] = [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400];
            assert_eq!(histogram(&waits, &WAITS), truth.wait);
            assert_eq!(histogram(&durations, &[10, 30, 60, 120, 300, 600, 1200, 1800]), truth.duration);
        }
    }
}

#[tokio::test]
async fn settled_call_details_are_the_truth() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let mut found: BTreeMap<(String, String), CallsTruth> = BTreeMap::new();
        let mut destinations: BTreeMap<String, i64> = BTreeMap::new();
        let mut lengths: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
        let mut agents: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let named =
            |row: &Value, key: &str| text(row, key).replacen('-', "none", usize::from(text(row, key) == "-"));
        for row in day_rows(&bench, "cdr_1", &day).await {
            let key = (named(&row, "skill_id"), text(&row, "type_interaction").replace(' ', "_"));
            lengths.entry(key.clone()).or_default().push(number(&row, "time_seg") * 1000);
            let agent = agents.entry(text(&row, "agent_id").to_owned()).or_default();
            agent.0 += 1;
            agent.1 += number(&row, "time_seg") * 1000;
            let counted = found.entry(key).or_default();
            let hang_up = if text(&row, "hang_up") == "agent" { "agent" } else { "customer" };
            *counted.hang_ups.entry(hang_up).or_default() += 1;
            *counted.calls.entry(named(&row, "campaign_id")).or_default() += 1;
            *counted.activity_1.entry(named(&row, "cod_act")).or_default() += 1;
            *counted.activity_2.entry(named(&row, "cod_act_2")).or_default() += 1;
            let cost = millionths(text(&row, "cost"));
            *counted.cost.entry(named(&row, "campaign_id")).or_default() += cost;
            *destinations.entry(named(&row, "destiny")).or_default() += cost;
            counted.billed_ms += number(&row, "time_min") * 60_000;
        }
        assert_eq!(found.len(), truth.cdr_1.calls.len());
        for expected in &truth.cdr_1.calls {
            let found = &found[&(expected.skill_id.clone(), expected.interaction.clone())];
            assert_eq!(found.calls, expected.calls);
            assert_eq!(found.activity_1, expected.activity_1);
            assert_eq!(found.activity_2, expected.activity_2);
            const LENGTHS: [u64; 13] = [5, 10, 20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200];
            let key = (expected.skill_id.clone(), expected.interaction.clone());
            assert_eq!(histogram(&lengths[&key], &LENGTHS), expected.duration);
            assert_eq!(found.hang_ups, expected.hang_ups);
            assert_eq!(found.billed_ms, expected.billed_ms);
            assert_eq!(found.cost, expected.cost);
        }
        assert_eq!(destinations, truth.cdr_1.destination_cost);
        let ids = truth.cdr_1.agent_calls.iter().zip(truth.cdr_1.agent_ms.values());
        let expected = ids.map(|((id, calls), ms)| (id.clone(), (*calls, *ms))).collect();
        assert_eq!(agents, expected);
    }
}

#[tokio::test]
async fn settled_surveys_are_the_truth() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let mut found: BTreeMap<String, SurveyTruth> = BTreeMap::new();
        for row in day_rows(&bench, "diagram_4", &day).await {
            let counted = found.entry(text(&row, "skill_id").to_owned()).or_default();
            counted.surveys += 1;
            let response = format!("{}/{}", text(&row, "type_interaction"), text(&row, "result"));
            *counted.responses.entry(response).or_default() += 1;
            counted.duration_ms += clock_ms(text(&row, "time"));
            for question in ["q01", "q02", "q03", "q04", "q10"] {
                if text(&row, question) != "-" {
                    *counted.answers.entry(format!("{question}/{}", text(&row, question))).or_default() += 1;
                    let score = counted.scores.entry(question.to_owned()).or_default();
                    score.0 += 1;
                    score.1 += number(&row, question);
                }
            }
            let feeling = match text(&row, "feeling") {
                "-" => "none",
                "very negative" => "very_negative",
                "negative" => "negative",
                "neutral" => "neutral",
                "positive" => "positive",
                "very positive" => "very_positive",
                feeling => panic!("{feeling}"),
            };
            *counted.feelings.entry(feeling).or_default() += 1;
            if text(&row, "voice_message_duration") != "-" {
                counted.voice_messages += 1;
                counted.voice_ms += clock_ms(text(&row, "voice_message_duration"));
            }
        }
        assert_eq!(found, truth.diagram_4, "{zone} {date}");
    }
}

#[tokio::test]
async fn the_truth_is_of_what_is_printed() {
    let (bench, plain, day) = settled(ZONES[0], "2026-11-20", 6).await;
    bench.control(json!({
        "average": "seconds", "ivr_minutes": "whole", "billed_minutes": "whole", "time_min": "decimal",
        "duration": "seconds", "odd_statuses": 0.2, "odd_answers": 0.2,
    }));
    let (from, to) = (label_start("2026-11-20", 0), label_start("2026-11-20", 1));
    let truth = bench.simulator.truth("demo", from, to.saturating_sub(SignedDuration::from_secs(1))).unwrap();

    let mut sum = 0;
    for (skill, _) in bench.simulator.skills() {
        let query = format!(
            "reports_manager.php?api=skill_6&skill_id={skill}&date_ini={day}000000&date_end={day}235959"
        );
        let rows = bench.ask(&query).await.rows();
        sum += rows.iter().map(|row| number(row, "asa") * number(row, "answer_calls")).sum::<i64>();
    }
    assert_eq!(sum * 1000, truth.skill_6.iter().map(|row| row.answer_wait_printed_ms).sum::<i64>());

    let rows = day_rows(&bench, "diagram_1_2", &day).await;
    let minutes: i64 = rows.iter().map(|row| number(row, "ivr_minutes")).sum();
    assert_eq!(minutes * 60_000, truth.diagram_1_2.printed_ms);

    let rows = day_rows(&bench, "cdr_1", &day).await;
    let billed: i64 = rows.iter().map(|row| thousandths(text(row, "time_min")) * 60).sum();
    assert_eq!(billed, truth.cdr_1.calls.iter().map(|calls| calls.billed_ms).sum::<i64>());
    assert_ne!(billed, plain.cdr_1.calls.iter().map(|calls| calls.billed_ms).sum::<i64>());

    let rows = day_rows(&bench, "diagram_3", &day).await;
    let billed: i64 = rows.iter().map(|row| number(row, "billed_minutes") * 60_000).sum();
    assert_eq!(billed, truth.diagram_3.values().map(|skill| skill.billed_ms).sum::<i64>());
    let unknown =
        rows.iter().filter(|row| ["YES", "REINTENTO"].contains(&text(row, "status"))).count() as i64;
    assert_eq!(
        unknown,
        truth.diagram_3.values().map(|skill| skill.outcomes.get("unknown").unwrap_or(&0)).sum::<i64>()
    );
    let known = |row: &&Value| text(row, "status") != "REINTENTO" && text(row, "time") != "-";
    let durations: i64 = rows.iter().filter(known).map(|row| number(row, "time") * 1000).sum();
    assert_eq!(durations, truth.diagram_3.values().map(|skill| skill.duration.sum_ms).sum::<i64>());

    let rows = day_rows(&bench, "diagram_4", &day).await;
    let odd = rows.iter().filter(|row| text(row, "q01") == "#").count() as i64;
    assert_eq!(odd, truth.diagram_4.values().map(|skill| skill.answers["q01/other"]).sum::<i64>());
    let scores: i64 = rows.iter().filter_map(|row| text(row, "q01").parse::<i64>().ok()).sum();
    assert_eq!(scores, truth.diagram_4.values().map(|skill| skill.scores["q01"].1).sum::<i64>());
}

#[tokio::test]
async fn an_incident_concerns_its_own_calls_for_its_own_time() {
    let day = civil::date(2026, 11, 20);
    let hour = |hour: i8| day.at(hour, 0, 0, 0);
    let line = "6017480101";
    let usual = Incident::default;
    let dead = Incident { dnis: Some(line.into()), from: hour(9), to: hour(12), calls: 0.0, ..usual() };
    let rush = Incident { skill: Some("102".into()), from: hour(13), to: hour(15), wait: 40.0, ..usual() };
    let taken_back = Incident { from: hour(16), to: hour(17), withdrawn: 0.5, ..usual() };
    let ordinary = Bench::small(3);
    let never = Incident { skill: Some("104".into()), calls: 0.0, ..usual() };
    let incidents = vec![dead, rush, taken_back, never];
    let traffic = Traffic { calls_per_day: 6_000.0, withdrawn_share: 0.0, incidents, ..ordinary.traffic };
    let bench = Bench::new(Settings { traffic, ..ordinary }, "2026-11-22T00:00:00");
    let calls = |from: i8, to: i8, skill: &str| {
        let last = hour(to).saturating_sub(SignedDuration::from_secs(1));
        let mut calls = bench.simulator.calls("demo", Some("skill_6"), hour(from), last).unwrap();
        calls.retain(|call| call.skill_id == skill);
        calls
    };
    let rings = |from, to| calls(from, to, "101").iter().filter(|call| call.dnis == line).count();
    assert_eq!(rings(9, 12), 0);
    assert!(rings(8, 9) > 10 && rings(12, 13) > 10);
    assert!(calls(0, 23, "104").is_empty(), "without an end an incident goes on");
    assert!(calls(9, 12, "101").len() > 100, "the other lines ring on");
    let in_time = |from, to, skill| {
        let calls = calls(from, to, skill);
        calls.iter().filter(|call| call.what == "answered" && call.ms <= 20_000).count() as f64
            / calls.len() as f64
    };
    assert!(in_time(13, 15, "102") < 0.4 && in_time(11, 13, "102") > 0.6 && in_time(13, 15, "103") > 0.6);
    let withdrawn = |from, to| {
        let calls = calls(from, to, "101");
        calls.iter().filter(|call| call.withdrawn.is_some()).count() as f64 / calls.len() as f64
    };
    assert!((0.35..0.65).contains(&withdrawn(16, 17)));
    assert_eq!(withdrawn(0, 16) + withdrawn(17, 23), 0.0);
}

#[test]
fn an_incident_that_makes_no_sense_is_refused() {
    let wrong = [
        Incident { calls: 1.5, ..Incident::default() },
        Incident { withdrawn: -0.1, ..Incident::default() },
        Incident { wait: f64::NAN, ..Incident::default() },
        Incident { to: civil::DateTime::MIN, ..Incident::default() },
    ];
    for incident in wrong {
        let ordinary = Bench::small(1);
        let traffic = Traffic { incidents: vec![incident], ..ordinary.traffic };
        let clock = Clock::manual(crate::time::Timestamp::UNIX_EPOCH);
        let refused = Simulator::new(Settings { traffic, ..ordinary }, clock).unwrap_err();
        assert!(refused.to_string().contains("incidents"), "{refused}");
    }
}
