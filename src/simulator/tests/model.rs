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
                counted.duration.sum_ms += clock_ms(time);
                if outcome == "ok" {
                    counted.wait.sum_ms += clock_ms(wait);
                }
            }
        }
        assert_eq!(found.len(), truth.diagram_3.len());
        for (skill, found) in found {
            let truth = &truth.diagram_3[&skill];
            assert_eq!((found.offers, found.attempts), (truth.offers, truth.attempts));
            assert_eq!(found.outcomes, truth.outcomes);
            assert_eq!(found.billed_ms, truth.billed_ms);
            assert_eq!(found.wait.sum_ms, truth.wait.sum_ms);
            assert_eq!(found.duration.sum_ms, truth.duration.sum_ms);
        }
    }
}

#[tokio::test]
async fn settled_call_details_are_the_truth() {
    for (zone, date, seed) in days() {
        let (bench, truth, day) = settled(zone, date, seed).await;
        let mut found: BTreeMap<(String, String), CallsTruth> = BTreeMap::new();
        let mut destinations: BTreeMap<String, i64> = BTreeMap::new();
        let named =
            |row: &Value, key: &str| text(row, key).replacen('-', "none", usize::from(text(row, key) == "-"));
        for row in day_rows(&bench, "cdr_1", &day).await {
            let key = (named(&row, "skill_id"), text(&row, "type_interaction").replace(' ', "_"));
            let counted = found.entry(key).or_default();
            *counted.calls.entry(named(&row, "campaign_id")).or_default() += 1;
            *counted.activity_1.entry(named(&row, "cod_act")).or_default() += 1;
            *counted.activity_2.entry(named(&row, "cod_act_2")).or_default() += 1;
            let cost = millionths(text(&row, "cost"));
            *counted.cost.entry(named(&row, "campaign_id")).or_default() += cost;
            *destinations.entry(named(&row, "destiny")).or_default() += cost;
            counted.duration.sum_ms += number(&row, "time_seg") * 1000;
            counted.billed_ms += number(&row, "time_min") * 60_000;
        }
        assert_eq!(found.len(), truth.cdr_1.calls.len());
        for expected in &truth.cdr_1.calls {
            let found = &found[&(expected.skill_id.clone(), expected.interaction.clone())];
            assert_eq!(found.calls, expected.calls);
            assert_eq!(found.activity_1, expected.activity_1);
            assert_eq!(found.activity_2, expected.activity_2);
            assert_eq!(found.duration.sum_ms, expected.duration.sum_ms);
            assert_eq!(found.billed_ms, expected.billed_ms);
            assert_eq!(found.calls.values().sum::<i64>(), expected.hang_ups.values().sum::<i64>());
            assert_eq!(found.calls.values().sum::<i64>(), expected.duration.buckets[&Bound(u64::MAX)]);
            assert_eq!(found.cost, expected.cost);
        }
        assert_eq!(destinations, truth.cdr_1.destination_cost);
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
