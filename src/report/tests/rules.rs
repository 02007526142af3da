//! What must hold exactly, said once more without a snapshot.

use super::*;
use crate::metrics::catalogue;
use crate::metrics::catalogue::*;

fn whole(decoded: &Decoded, dnis: &str, family: &Family) -> Vec<i64> {
    let total = totals(decoded).iter().find(|total| &*total.key[&Label::Dnis] == dnis).unwrap();
    match &of(total.amounts.as_ref().unwrap(), family)[0].amount {
        Amount::Whole(values) => values.to_vec(),
        Amount::Count(value) | Amount::Observe(value) => vec![*value],
    }
}

fn rejected(decoded: &Decoded, dnis: &str) -> bool {
    totals(decoded).iter().any(|total| &*total.key[&Label::Dnis] == dnis && total.amounts.is_none())
}

fn count(map: &BTreeMap<&'static str, u64>, key: &str) -> u64 {
    map.get(key).copied().unwrap_or(0)
}

#[test]
fn percentages_become_the_counts_they_came_from() {
    for oddity in ["plain", "clock_times_and_json_numbers", "unknown_and_shuffled_columns"] {
        let decoded = decode_fixture(Report::Skill6, oddity);
        assert_eq!(whole(&decoded, "601", &ANSWER_WAIT), [22, 32, 35, 46, 46 * 14_000], "{oddity}");
        assert_eq!(whole(&decoded, "601", &INBOUND_CALLS), [54]);
        assert_eq!(whole(&decoded, "601", &ABANDONED_CALLS), [8]);
        assert!(decoded.tally.mismatches.is_empty() && decoded.tally.rejected.is_empty(), "{oddity}");
    }
    let decoded = decode_fixture(Report::Skill6, "clock_times_and_json_numbers");
    assert_eq!(whole(&decoded, "601", &ABANDON_WAIT), [8, 8 * 31_500]);
}

#[test]
fn a_placeholder_is_usable_exactly_where_it_has_no_weight() {
    let decoded = decode_fixture(Report::Skill6, "placeholders_without_weight");
    assert_eq!(whole(&decoded, "602", &ANSWER_WAIT), [0, 0, 0, 0, 0]);
    assert_eq!(whole(&decoded, "602", &ABANDON_WAIT), [3, 36_000]);
    assert_eq!(whole(&decoded, "603", &ANSWER_WAIT), [2, 2, 2, 2, 9_000]);
    assert_eq!(whole(&decoded, "604", &INBOUND_CALLS), [0]);
    assert!(decoded.tally.rejected.is_empty());

    let decoded = decode_fixture(Report::Skill6, "placeholder_with_weight_rejects_the_row");
    assert!(["605", "606", "607"].into_iter().all(|dnis| rejected(&decoded, dnis)));
    assert!(!rejected(&decoded, "608"));
    let fields: Vec<_> = decoded.tally.rejected.keys().copied().collect();
    assert_eq!(fields, ["asa", "ata", "service_level_20seg"]);
}

#[test]
fn counts_are_clamped_into_order_and_every_clamp_is_a_mismatch() {
    let decoded = decode_fixture(Report::Skill6, "levels_out_of_order_are_clamped");
    assert_eq!(whole(&decoded, "601", &ANSWER_WAIT)[..4], [35, 35, 46, 46]);
    assert_eq!(count(&decoded.tally.mismatches, "order"), 1);
}

#[test]
fn each_self_check_has_its_own_name() {
    let of = |oddity| decode_fixture(Report::Skill6, oddity).tally.mismatches.into_iter().collect::<Vec<_>>();
    assert_eq!(of("level_of_no_whole_number_of_calls"), [("service_level_rounding", 1)]);
    assert_eq!(
        of("self_checks_that_fail"),
        [("abandon_ratio", 1), ("answered_plus_abandoned", 1), ("asa_bound", 1)]
    );
}

#[test]
fn calls_may_still_wait_on_a_day_that_has_not_ended() {
    let mut request = request(Report::Skill6);
    request.window = Some(Window { from: local("2026-11-10T00:00:00"), to: local("2026-11-10T12:00:01") });
    let operation = operation("America/Bogota");
    let mut decoder = Decoder::new(&request, &operation, &key(), Denominator::Inbound, request.now);
    decoder.push(&fixture("skill_6", "self_checks_that_fail")).unwrap();
    let decoded = decoder.finish(200, None).unwrap();
    assert_eq!(count(&decoded.tally.mismatches, "answered_plus_abandoned"), 0);
    assert_eq!(count(&decoded.tally.mismatches, "asa_bound"), 1);
}

#[test]
fn the_data_tell_what_the_percentages_are_of() {
    let evidence = |oddity| decode_fixture(Report::Skill6, oddity).tally.evidence;
    assert_eq!(evidence("plain").verdict(), Some(Denominator::Inbound));
    assert_eq!(evidence("percentages_of_answered_calls").verdict(), Some(Denominator::Answered));
    assert_eq!(Evidence::default().verdict(), None);
    let mut both = evidence("plain");
    both.add(evidence("percentages_of_answered_calls"));
    assert_eq!(both.verdict(), None);

    let request = request(Report::Skill6);
    let operation = operation("America/Bogota");
    let mut decoder = Decoder::new(&request, &operation, &key(), Denominator::Answered, request.now);
    decoder.push(&fixture("skill_6", "percentages_of_answered_calls")).unwrap();
    let decoded = decoder.finish(200, None).unwrap();
    assert_eq!(whole(&decoded, "601", &ANSWER_WAIT)[..4], [22, 32, 35, 46]);
    assert!(decoded.tally.mismatches.is_empty());
}

#[test]
fn rows_of_one_dnis_are_added_after_conversion() {
    let decoded = decode_fixture(Report::Skill6, "one_dnis_in_several_rows");
    assert_eq!(totals(&decoded).len(), 1);
    assert_eq!(whole(&decoded, "601", &ANSWER_WAIT), [24, 34, 38, 50, 46 * 14_000 + 4 * 20_000]);
    // One of its rows cannot be read, so nothing is known of the sum.
    assert!(rejected(&decode_fixture(Report::Skill6, "one_dnis_rejected_in_one_of_its_rows"), "601"));
    assert!(rejected(&decode_fixture(Report::Skill6, "a_row_that_is_no_object"), "none"));
}

#[test]
fn parts_of_a_day_add_up_and_a_rejected_part_rejects_its_key() {
    let parts = |first: &str, second: &str| {
        let (mut first, second) =
            (decode_fixture(Report::Skill6, first), decode_fixture(Report::Skill6, second));
        let (Answer::Reading(mut mine), Answer::Reading(other)) = (first.answer, second.answer) else {
            panic!("no reading")
        };
        mine.add_part(other);
        first.as_reported.add_part(second.as_reported);
        first.tally.add(&second.tally);
        Decoded { answer: Answer::Reading(mine), ..first }
    };
    let decoded = parts("plain", "one_dnis_in_several_rows");
    assert_eq!(whole(&decoded, "601", &ANSWER_WAIT), [46, 66, 73, 96, (46 + 46) * 14_000 + 4 * 20_000]);
    assert_eq!(whole(&decoded, "018000", &ABANDON_WAIT), [2, 140_000]);
    assert_eq!(decoded.tally.rows, 4);
    let gauges = decoded.as_reported.gauges("2026-11-09".parse().unwrap());
    let gauge = |family: &Family, within: Option<&str>| {
        let found = gauges.iter().find(|gauge| {
            gauge.family.is(family)
                && &*gauge.labels[&Label::Dnis] == "601"
                && gauge.labels.get(&Label::Within).map(AsRef::as_ref) == within
        });
        found.unwrap().value
    };
    // Pooled from counts: 66 of 112, not the mean of percentages; averages weighted by their calls.
    assert_eq!(gauge(&TODAY_INBOUND_CALLS, None), 112);
    assert_eq!(gauge(&TODAY_SERVICE_LEVEL, Some("20s")), 589_286);
    assert_eq!(gauge(&TODAY_ASA, None), 14_250);

    assert!(rejected(&parts("plain", "one_dnis_rejected_in_one_of_its_rows"), "601"));
    assert!(rejected(&parts("one_dnis_rejected_in_one_of_its_rows", "plain"), "601"));
}

#[test]
fn gauges_of_today_are_of_today_only() {
    for report in [Report::Skill6, Report::Diagram12] {
        let oddity = if report == Report::Skill6 { "plain" } else { "date_in_every_form" };
        let decoded = decode_fixture(report, oddity);
        assert!(decoded.as_reported.gauges("2026-11-08".parse().unwrap()).is_empty());
    }
}

#[test]
fn total_rows_are_dropped_in_all_spellings() {
    for (report, dropped) in
        [(Report::Skill6, 4), (Report::Diagram12, 1), (Report::Diagram3, 1), (Report::Cdr1, 2)]
    {
        let oddity = if report == Report::Skill6 { "total_rows" } else { "total_row" };
        let decoded = decode_fixture(report, oddity);
        assert_eq!(decoded.tally.dropped, BTreeMap::from([(DropReason::TotalRow, dropped)]), "{report}");
        assert_eq!(decoded.tally.rows, dropped + 1);
        assert!(decoded.tally.rejected.is_empty());
    }
}

fn activity(event: &Event, level: u16) -> (String, When) {
    let all = of(&event.observations, &CDR_ACTIVITY);
    let found = all.iter().find(|observation| observation.slot == level).unwrap();
    (found.labels[&Label::CodAct].to_string(), found.when)
}

#[test]
fn an_activity_code_counts_once_it_is_older_than_the_coding_delay() {
    let decoded = decode_fixture(Report::Cdr1, "young_and_uncoded");
    let codes: Vec<_> = events(&decoded).iter().map(|event| activity(event, 1)).collect();
    assert_eq!(codes[0], ("none".to_owned(), When::AtSeal));
    assert_eq!(codes[1], ("400".to_owned(), When::AtSeal));
    assert_eq!(codes[2], ("400".to_owned(), When::Once));
    assert_eq!(codes[3], ("400".to_owned(), When::AtSeal));
    assert_eq!(codes[4], ("none".to_owned(), When::AtSeal));
    assert!(events(&decoded).iter().all(|event| activity(event, 2) == ("none".to_owned(), When::AtSeal)));
}

#[test]
fn in_a_folded_hour_the_later_instant_counts_so_that_nothing_is_decided_too_early() {
    let operation = operation("America/New_York");
    let mut request = request(Report::Cdr1);
    let ask = |minutes_after_the_fold_began: i64, request: &mut Request| {
        let first_pass = operation.zone.instant(local("2026-11-01T01:00:00"));
        request.now = first_pass + crate::time::SignedDuration::from_mins(minutes_after_the_fold_began);
        let mut decoder = Decoder::new(request, &operation, &key(), Denominator::Inbound, request.now);
        let body = r#"[{"date":"2026-11-01 01:10:00","conn_id":"1.2","cod_act":"400"}]"#;
        decoder.push(body.as_bytes()).unwrap();
        activity(&events(&decoder.finish(200, None).unwrap())[0], 1).1
    };
    assert_eq!(ask(40, &mut request), When::AtSeal);
    assert_eq!(ask(99, &mut request), When::AtSeal);
    assert_eq!(ask(100, &mut request), When::Once);
}

#[test]
fn an_identity_is_the_call_and_not_its_form() {
    let decoded = decode_fixture(Report::Cdr1, "same_conn_id_is_not_the_same_call");
    let mut identities: Vec<_> = events(&decoded).iter().map(|event| event.identity).collect();
    assert_eq!(decoded.tally.dropped, BTreeMap::from([(DropReason::Duplicate, 1)]));
    identities.sort_unstable();
    identities.dedup();
    assert_eq!(identities.len(), 4);

    // The same call in another form of the date, with a code that came later, has the same identity.
    let one = |row: &str| {
        let decoded = decode(Report::Cdr1, 200, format!("[{row}]").as_bytes()).unwrap();
        events(&decoded)[0].identity
    };
    let early = one(
        r#"{"date":"2026-11-10 08:15:00","conn_id":"1.2.3.4","agent_id":"7","type_interaction":"inbound"}"#,
    );
    let late = one(
        r#"{"date":"2026-11-10T08:15:00","conn_id":" 1.2.3.4","agent_id":"7","TYPE_INTERACTION":"Inbound","cod_act":"400"}"#,
    );
    assert_eq!(early, late);
}

#[test]
fn a_code_that_comes_late_does_not_swap_calls_that_share_an_identity() {
    let row = |hang_up: &str, code: &str| {
        format!(
            r#"{{"date":"2026-11-10 08:15:00","conn_id":"1.2","agent_id":"7","hang_up":"{hang_up}","cod_act":"{code}"}}"#
        )
    };
    let places = |agent: &str, customer: &str| {
        let body = format!("[{},{}]", row("agent", agent), row("customer", customer));
        let decoded = decode(Report::Cdr1, 200, body.as_bytes()).unwrap();
        let place = |event: &Event| (event.identity, event.key[&Label::HangUp].clone());
        events(&decoded).iter().map(place).collect::<Vec<_>>()
    };
    let before = places("", "");
    assert_eq!(before, places("400", ""));
    assert_eq!(before, places("", "400"));
    assert_eq!(before, places("400", "500"));
}

#[test]
fn a_call_id_of_zeros_is_none() {
    let identity = |conn_id: &str| {
        let row = format!(
            r#"[{{"date":"2026-11-10 08:15:00","conn_id":{conn_id},"telephone":"3001234567","ani":"3001234567"}}]"#
        );
        [Report::Cdr1, Report::Diagram4]
            .map(|report| events(&decode(report, 200, row.as_bytes()).unwrap())[0].identity)
    };
    for placeholder in [r#""-""#, r#""""#, "null", "0", r#"" 0 ""#, r#""000""#] {
        assert_eq!(identity(placeholder), identity(r#""0""#), "{placeholder}");
    }
    assert_ne!(identity(r#""0.1""#), identity(r#""0""#));
}

#[test]
fn rows_that_differ_only_inside_a_nested_value_are_two_rows() {
    let row = |nested: &str| format!(r#"{{"date":"2026-11-10 08:15:00","conn_id":"1.2","x":[{nested}]}}"#);
    let count = |a: &str, b: &str| {
        let body = format!("[{},{}]", row(a), row(b));
        events(&decode(Report::Cdr1, 200, body.as_bytes()).unwrap()).len()
    };
    assert_eq!((count("1", "1"), count("1", "2")), (1, 2));
}

#[test]
fn without_a_call_id_the_telephone_tells_calls_apart() {
    let decoded = decode_fixture(Report::Cdr1, "without_conn_id");
    assert_eq!(events(&decoded).len(), 3);
    assert_eq!(decoded.tally.dropped, BTreeMap::from([(DropReason::NoIdentity, 1)]));
    let decoded = decode_fixture(Report::Diagram4, "without_conn_id");
    assert_eq!(events(&decoded).len(), 2);
    assert_eq!(decoded.tally.dropped, BTreeMap::from([(DropReason::NoIdentity, 2)]));
}

#[test]
fn agents_are_people_unless_the_operator_says_otherwise() {
    let mut operation = operation("America/Bogota");
    operation.reports.cdr_1.as_mut().unwrap().agents = false;
    let request = request(Report::Cdr1);
    let mut decoder = Decoder::new(&request, &operation, &key(), Denominator::Inbound, request.now);
    decoder.push(&fixture("cdr_1", "plain")).unwrap();
    let decoded = decoder.finish(200, None).unwrap();
    assert!(!format!("{decoded:?}").contains("12004"));
    assert!(events(&decoded).iter().all(|event| of(&event.observations, &AGENT_CALLS).is_empty()));
}

#[test]
fn a_callback_is_decided_by_its_final_status_only() {
    let decoded = decode_fixture(Report::Diagram3, "every_status");
    let outcomes: Vec<_> = events(&decoded)
        .iter()
        .map(|event| {
            let outcome = of(&event.observations, &CALLBACK_OUTCOMES)[0];
            let waited = !of(&event.observations, &CALLBACK_WAIT).is_empty();
            let lasted = !of(&event.observations, &CALLBACK_DURATION).is_empty();
            let status = event.status.as_deref().unwrap();
            (status, &*outcome.labels[&Label::Outcome], outcome.when, waited, lasted)
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("yes", "unknown", When::AtSeal, false, false),
            ("no", "no", When::Once, false, true),
            ("ok", "ok", When::Once, true, true),
            ("no_user", "no_user", When::Once, false, true),
            ("stop_new", "stop_new", When::Once, false, true),
            ("fail", "fail", When::Once, false, true),
            ("ok", "ok", When::Once, true, true),
            ("stop_new", "stop_new", When::Once, false, true),
            ("unknown", "unknown", When::AtSeal, false, false),
            ("unknown", "unknown", When::AtSeal, false, false),
        ]
    );
}

#[test]
fn among_equal_identities_the_final_ones_keep_their_places_whatever_the_order_of_the_answer() {
    let body = fixture("diagram_3", "same_identity_final_first");
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let rows = value["data"].as_array().unwrap();
    let mut seen = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let rows: Vec<_> = order.iter().map(|at| rows[*at].clone()).collect();
        let decoded = decode(Report::Diagram3, 200, &serde_json::to_vec(&rows).unwrap()).unwrap();
        let statuses: Vec<_> =
            events(&decoded).iter().map(|event| (event.identity, event.status.clone().unwrap())).collect();
        assert_eq!(statuses.iter().map(|(_, status)| &**status).collect::<Vec<_>>(), ["ok", "fail", "yes"]);
        seen.push(statuses);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn survey_answers_are_marks_or_other() {
    let decoded = decode_fixture(Report::Diagram4, "answers_that_are_no_marks");
    let event = &events(&decoded)[0];
    let answer = |question: &str| {
        let all = of(&event.observations, &SURVEY_ANSWERS);
        let found = all.iter().find(|observation| &*observation.labels[&Label::Question] == question);
        found.map(|observation| observation.labels[&Label::Answer].to_string())
    };
    let answers: Vec<_> = (1..=10).map(|number| answer(&format!("q{number:02}"))).collect();
    let text = |answer: &str| Some(answer.to_owned());
    assert_eq!(answers[..4], vec![text("other"); 4]);
    assert_eq!(answers[4..8], [text("7"), text("other"), None, text("8")]);
    assert_eq!(answers[8..], [text("other"), text("other")]);
    let scores: Vec<_> = of(&event.observations, &SURVEY_SCORE)
        .iter()
        .map(|observation| (observation.slot, observation.amount.clone()))
        .collect();
    let score = |slot, score| (slot, Amount::Observe(score));
    assert_eq!(
        scores,
        [
            score(2, 11_000_000),
            score(5, 7_000_000),
            score(6, 4_500_000),
            score(8, 8_000_000),
            score(9, 100_000_000)
        ]
    );
    assert_eq!(count(&decoded.tally.rejected, "q#"), 1);
}

#[test]
fn questions_are_numbered_whatever_their_padding() {
    let decoded = decode_fixture(Report::Diagram4, "any_number_of_questions");
    let answers = of(&events(&decoded)[0].observations, &SURVEY_ANSWERS);
    let questions: Vec<_> = answers
        .iter()
        .map(|answer| (answer.slot, &*answer.labels[&Label::Question], &*answer.labels[&Label::Answer]))
        .collect();
    assert_eq!(questions, [(1, "q01", "3"), (5, "q05", "5"), (11, "q11", "7"), (100, "q100", "2")]);
}

#[test]
fn two_observations_of_one_event_never_share_family_and_slot() {
    for (_, _, report, body) in all_fixtures() {
        let Ok(decoded) = decode(report, 200, &body) else { continue };
        let Answer::Reading(Reading { content: Content::Events(events), .. }) = decoded.answer else {
            continue;
        };
        for event in events {
            let mut slots: Vec<_> = event
                .observations
                .iter()
                .map(|observation| (observation.family.name, observation.slot))
                .collect();
            let all = slots.len();
            slots.sort_unstable();
            slots.dedup();
            assert_eq!(slots.len(), all);
        }
    }
}

#[test]
fn every_label_of_a_family_comes_from_its_key_or_its_observation() {
    for (_, _, report, body) in all_fixtures() {
        let Ok(decoded) = decode(report, 200, &body) else { continue };
        let Answer::Reading(reading) = decoded.answer else { continue };
        let cells: Vec<(LabelValues, Vec<Observation>)> = match reading.content {
            Content::Events(events) => {
                events.into_iter().map(|event| (event.key, event.observations)).collect()
            }
            Content::Totals(totals) => {
                totals.into_iter().filter_map(|total| Some((total.key, total.amounts?))).collect()
            }
        };
        for (key, observations) in cells {
            for observation in observations {
                for label in observation.family.labels.iter().filter(|label| **label != Label::Operation) {
                    let known = key.contains_key(label) || observation.labels.contains_key(label);
                    assert!(known, "{} lacks {}", observation.family.name, label.as_str());
                }
            }
        }
    }
}

#[test]
fn a_value_that_cannot_be_is_counted_and_the_row_keeps_its_other_facts() {
    let row = |cost: &str, time: &str| {
        let body = format!(
            r#"{{"code":"200","data":[{{"date":"2026-11-10 08:15:01","conn_id":"1.2.3","type_interaction":"inbound","cost":"{cost}","time_seg":"{time}","time_min":"2"}}]}}"#
        );
        decode(Report::Cdr1, 200, body.as_bytes()).unwrap()
    };
    let good = row("12.5", "70");
    let wild = row("9223372036854", "999999999:00:00");
    let (good, rejected) = (&events(&good)[0].observations, &wild.tally.rejected);
    assert_eq!((count(rejected, "cost"), count(rejected, "time_seg")), (1, 1), "{rejected:?}");
    let wild = &events(&wild)[0].observations;
    for family in [&catalogue::CDR_CALLS, &catalogue::CDR_BILLED, &catalogue::CDR_ACTIVITY] {
        assert_eq!(of(wild, family), of(good, family), "{}", family.name);
    }
    for family in [&catalogue::CDR_COST, &catalogue::CDR_DESTINATION_COST, &catalogue::CDR_DURATION] {
        assert_eq!((of(wild, family).len(), of(good, family).len()), (0, 1), "{}", family.name);
    }
}

/// One bad character of one person's comment, and what it stands for.
const BAD_CHARACTERS: [(&[u8], &str); 8] = [
    (br"\ud83d", "\u{fffd}"),
    (br"\uDE00", "\u{fffd}"),
    (br"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
    (br"\ud83d\u0041", "\u{fffd}A"),
    (br"\ud83d\n", "\u{fffd}\n"),
    (b"\xff", "\u{fffd}"),
    (b"\xc3", "\u{fffd}"),
    (b"a\tb\x01", "a\u{fffd}b\u{fffd}"),
];

#[test]
fn a_bad_character_costs_no_more_than_itself_wherever_it_stands() {
    let places = [
        (
            "a known column",
            r#"{"code":"200","data":[ROW,{"date":"2026-11-10 08:15:01","conn_id":"1.2.4","type_interaction":"inboundX","cost":"3"},ROW]}"#,
        ),
        (
            "an unknown column",
            r#"{"code":"200","data":[ROW,{"comments":"\\\"X","date":"2026-11-10 08:15:01","conn_id":"1.2.4","cost":"3"},ROW]}"#,
        ),
        (
            "a name of a column",
            r#"{"code":"200","data":[ROW,{"X":"1","date":"2026-11-10 08:15:01","conn_id":"1.2.4","cost":"3"},ROW]}"#,
        ),
        (
            "a nested value",
            r#"{"code":"200","data":[ROW,{"tags":[{"X":"}]X"}],"date":"2026-11-10 08:15:01","conn_id":"1.2.4","cost":"3"},ROW]}"#,
        ),
        ("the message", r#"{"code":"200","msg":"X","data":[ROW]}"#),
        ("a name of the envelope", r#"{"code":"200","X":{"X":"X"},"data":[ROW]}"#),
        ("a row that is none", r#"{"code":"200","data":[ROW,"X",["X"],ROW]}"#),
    ];
    let row =
        r#"{"date":"2026-11-10 08:15:01","conn_id":"1.2.3","type_interaction":"inbound","cost":"12.5"}"#;
    for (place, body) in places {
        let body = body.replace("ROW", row);
        for (bad, good) in BAD_CHARACTERS {
            let good = good.replace('\n', "\\n");
            let expected = render(&decode(Report::Cdr1, 200, body.replace('X', &good).as_bytes()));
            assert!(!expected.contains("Err"), "{place}: {expected}");
            let pieces: Vec<&[u8]> = body.split('X').map(str::as_bytes).collect();
            let broken = pieces.join(bad);
            assert_eq!(render(&decode(Report::Cdr1, 200, &broken)), expected, "{place}: {bad:?}");
            for cut in 0..broken.len() {
                let mut decoder = decoder(Report::Cdr1);
                let (head, tail) = broken.split_at(cut);
                decoder.push(head).and_then(|()| decoder.push(tail)).unwrap();
                assert_eq!(render(&decoder.finish(200, None)), expected, "{place}: {bad:?} cut at {cut}");
            }
        }
    }
}

#[test]
fn what_is_broken_beside_a_bad_character_stays_broken() {
    for body in [
        &br#"{"code":"200","data":[{"a":"\ud83d","b":}]}"#[..],
        br#"{"code":"200","data":[{"a":"\ud83d" "b":"1"}]}"#,
        br#"{"code":"200","data":[{"a":"\ud8zz"}]}"#,
        br#"{"code":"200","data":[{"a":"\x"}]}"#,
        b"{\"code\":\"200\",\"data\":[{\xff\"a\":\"1\"}]}",
    ] {
        let refused = decode(Report::Cdr1, 200, body);
        assert!(refused.is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_witness_that_cannot_be_read_says_nothing() {
    for oddity in ["unusable_count", "without_skill_id"] {
        let error = decode(Report::Skill1, 200, &fixture("skill_1", oddity)).unwrap_err();
        assert!(matches!(error, DecodeError::Unusable { report: Report::Skill1, .. }), "{error}");
    }
    let decoded = decode(Report::Skill1, 200, br#"[null,{"skill_id":"1","inbound_calls":"2"}]"#);
    assert!(matches!(decoded, Err(DecodeError::Unusable { field: "row", .. })));
}

#[test]
fn a_witness_moves_with_any_field_of_its_row() {
    let fingerprint = |ata: &str| {
        let body =
            format!(r#"[{{"skill_id":"101","inbound_calls":"5","ata":"{ata}","new_column":{{"a":{ata}}}}}]"#);
        match decode(Report::Skill1, 200, body.as_bytes()).unwrap().answer {
            Answer::Witness(rows) => rows[0].fingerprint,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fingerprint("31"), fingerprint("31"));
    assert_ne!(fingerprint("31"), fingerprint("32"));
}

#[test]
fn an_effective_status_of_404_is_an_answer_without_rows() {
    let body = fixture("envelope", "empty_404");
    for (http, report) in [(404, Report::Cdr1), (200, Report::Skill6), (404, Report::Diagram12)] {
        let decoded = decode(report, http, &body).unwrap();
        assert_eq!(decoded.envelope.code, Some(404));
        match decoded.answer {
            Answer::Reading(Reading { content: Content::Events(events), .. }) => assert!(events.is_empty()),
            Answer::Reading(Reading { content: Content::Totals(totals), .. }) => assert!(totals.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert!(decode(Report::Diagram12, 500, &body).is_err());
    let empty = decoder(Report::Cdr1).empty(None).unwrap();
    assert!(events(&empty).is_empty());
    assert!(matches!(decoder(Report::TokenInfo).empty(None), Err(DecodeError::Unusable { .. })));
}

#[test]
fn a_refusal_keeps_what_the_body_says() {
    let error = decode(Report::Cdr1, 200, &fixture("envelope", "error_body")).unwrap_err();
    let DecodeError::Refused { status, envelope } = error else { panic!("{error}") };
    assert_eq!((status, envelope.msg.as_str()), (403, "PLEASE VALIDATE TOKEN"));
}

#[test]
fn answers_and_rows_are_bounded() {
    let mut small = decoder(Report::Cdr1).limited_to(10);
    assert_eq!(small.push(b"[{},{},{},{}]"), Err(DecodeError::TooLarge { limit: 10 }));
    assert_eq!(small.push(b""), Err(DecodeError::TooLarge { limit: 10 }));
    let long = format!(r#"[{{"comment":"{}"}}]"#, "x".repeat(2 << 20));
    assert_eq!(decode(Report::Cdr1, 200, long.as_bytes()), Err(DecodeError::RowTooLong));
    let mut cut = decoder(Report::Cdr1);
    let result = long.as_bytes().chunks(1_000).try_for_each(|chunk| cut.push(chunk));
    assert_eq!(result, Err(DecodeError::RowTooLong));
    let message = format!(r#"{{"msg":"{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(decode(Report::Cdr1, 200, message.as_bytes()), Err(DecodeError::RowTooLong));
    let columns: Vec<String> = (0..2_000).map(|column| format!(r#""c{column}":1"#)).collect();
    assert_eq!(
        decode(Report::Cdr1, 200, format!("[{{{}}}]", columns.join(",")).as_bytes()),
        Err(DecodeError::NotJson)
    );
    // Depth alone is harmless: nested values are skipped, not entered.
    let deep = format!(
        r#"[{{"date":"2026-11-10 08","conn_id":"1.2","x":{}{}}}]"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(events(&decode(Report::Cdr1, 200, deep.as_bytes()).unwrap()).len(), 1);
}

#[test]
fn more_than_any_answer_of_the_vendor_has_is_not_held() {
    let rows = |number: usize| (0..number).map(|nth| format!(r#"{{"dnis":"{nth}","skill_id":"{nth}"}}"#));
    let body = |rows: Vec<String>| format!(r#"{{"code":"200","data":[{}]}}"#, rows.join(","));
    let too_many = Err(DecodeError::TooManyRows { most: 100_000 });
    for report in [Report::Skill6, Report::Cdr1, Report::TokenInfo] {
        let refused = decode(report, 200, body(rows(100_001).collect()).as_bytes());
        assert_eq!(refused.map(|_| ()), too_many, "{report:?}");
    }
    let kept = decode(Report::Skill6, 200, body(rows(100_000).collect()).as_bytes()).unwrap();
    assert_eq!(totals(&kept).len(), 100_000);
    let scalars = body(vec!["1".to_owned(); 100_001]);
    assert_eq!(decode(Report::Cdr1, 200, scalars.as_bytes()).map(|_| ()), too_many);
}

#[test]
fn an_envelope_of_a_thousand_keys_is_none() {
    let keys: Vec<String> = (0..1_001).map(|nth| format!(r#""k{nth}":1"#)).collect();
    let body = |keys: &[String]| format!(r#"{{"code":"200","data":[],{}}}"#, keys.join(","));
    assert!(decode(Report::Cdr1, 200, body(&keys[..998]).as_bytes()).is_ok());
    assert_eq!(decode(Report::Cdr1, 200, body(&keys).as_bytes()).unwrap_err(), DecodeError::NotAnEnvelope);
}

#[test]
fn white_space_without_end_is_refused() {
    let space = format!(r#"{{"code":"200",{}"data":[]}}"#, " ".repeat((1 << 20) + 1));
    assert_eq!(decode(Report::Cdr1, 200, space.as_bytes()).unwrap_err(), DecodeError::RowTooLong);
}
