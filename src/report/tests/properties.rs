//! What holds for any bytes and any way to cut them.

use proptest::prelude::*;

use super::*;

fn in_chunks(report: Report, body: &[u8], cuts: &[usize]) -> Result<Decoded, DecodeError> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    let mut decoder = decoder(report);
    for pair in cuts.windows(2) {
        decoder.push(&body[pair[0]..pair[1]])?;
    }
    decoder.finish(200, None)
}

#[test]
fn every_fixture_reads_the_same_byte_by_byte() {
    for (folder, oddity, report, body) in all_fixtures() {
        let whole = decode(report, 200, &body);
        let cuts: Vec<usize> = (0..body.len()).collect();
        let single = in_chunks(report, &body, &cuts);
        assert_eq!(whole.is_ok(), single.is_ok(), "{folder}/{oddity}");
        if let (Ok(whole), Ok(single)) = (whole, single) {
            assert_eq!(whole, single, "{folder}/{oddity}");
        }
    }
}

/// Rows of every report with canaries in the columns that are private.
fn rows(report: Report) -> impl Strategy<Value = Vec<serde_json::Value>> {
    let names: &[&str] = match report {
        Report::Skill6 => &[
            "dnis",
            "inbound_calls",
            "answer_calls",
            "abandon_calls",
            "service_level_10seg",
            "service_level_20seg",
            "service_level_30seg",
            "abandon",
            "asa",
            "ata",
        ],
        Report::Diagram12 => &["date", "day", "calls", "ivr_minutes"],
        Report::Diagram3 => &[
            "skill_id",
            "date_inbound_call",
            "date_last_outbound_call",
            "status",
            "attempts",
            "time_between_calls",
            "time",
            "billed_minutes",
        ],
        Report::Cdr1 => &[
            "date",
            "destiny",
            "cost",
            "time_seg",
            "time_min",
            "cod_act",
            "cod_act_2",
            "description_cod_act",
            "type_interaction",
            "hang_up",
            "campaign_id",
            "skill_id",
            "skill_name",
            "TIME_SEC",
        ],
        _ => &[
            "skill_id",
            "skill_name",
            "date",
            "q01",
            "q2",
            "q03",
            "voice_message_duration",
            "type_interaction",
            "result",
            "time",
            "feeling",
            "token_limit",
            "inbound_calls",
        ],
    };
    let value = prop_oneof![
        Just("2026-11-10 08:15:00".to_owned()),
        Just("-".to_owned()),
        Just("OK".to_owned()),
        "[0-9]{1,4}",
        "[0-9]{1,3}[.:,][0-9]{2}( %)?",
        "\\PC{0,10}",
        ".{0,5}",
    ];
    let value = prop_oneof![
        8 => value.prop_map(serde_json::Value::String),
        1 => any::<i32>().prop_map(Into::into),
        1 => any::<f64>().prop_map(Into::into),
        1 => Just(serde_json::Value::Null),
        1 => Just(serde_json::json!({"a": [1, {"b": "}]\""}]})),
    ];
    let row =
        proptest::collection::vec((proptest::sample::select(names), value), 0..12).prop_map(move |columns| {
            let mut row: serde_json::Map<_, _> =
                columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            // Most rows of an answer have a usable date; then equal identities meet.
            for name in ["date", "date_inbound_call"] {
                if report.has_rows_of_events() && !row.contains_key(name) {
                    row.insert(name.to_owned(), "2026-11-10 08:15:00".into());
                }
            }
            if report != Report::Skill6 {
                let private = [
                    "telephone",
                    "ani",
                    "dial_phone",
                    "customer_id",
                    "agent_dni",
                    "comment",
                    "agent_name",
                    "conn_id",
                    "voice_message",
                ];
                for (number, name) in private.into_iter().enumerate() {
                    row.insert(name.to_owned(), format!("CANARY-{number}").into());
                }
            }
            serde_json::Value::Object(row)
        });
    proptest::collection::vec(row, 0..6)
}

fn reports() -> impl Strategy<Value = Report> {
    proptest::sample::select(&Report::ALL[..])
}

fn answers() -> impl Strategy<Value = (Report, Vec<u8>)> {
    (reports(), any::<bool>(), any::<bool>()).prop_flat_map(|(report, bare, pretty)| {
        rows(report).prop_map(move |rows| {
            let rows = serde_json::Value::from(rows);
            let body = if bare {
                rows
            } else {
                serde_json::json!({"code": "200", "msg": "3 records were found", "data": rows})
            };
            let body = if pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) };
            (report, body.unwrap())
        })
    })
}

proptest! {
    #[test]
    fn chunks_do_not_matter((report, body) in answers(), cuts in proptest::collection::vec(any::<usize>(), 0..20)) {
        prop_assert_eq!(decode(report, 200, &body), in_chunks(report, &body, &cuts));
    }

    /// Nothing is documented about the order of rows, so a reading must not depend on it.
    #[test]
    fn the_order_of_rows_does_not_matter(
        (report, rows, shuffled) in reports().prop_flat_map(|report| {
            rows(report).prop_flat_map(move |rows| {
                // Every row twice, so that identities and duplicates meet.
                let rows = [rows.clone(), rows].concat();
                (Just(report), Just(rows.clone()), Just(rows).prop_shuffle())
            })
        }),
    ) {
        let read = |rows: &[serde_json::Value]| {
            let decoded = decode(report, 200, &serde_json::to_vec(rows).unwrap());
            let mut decoded = decoded.map_err(|error| error.to_string())?;
            if let Answer::Reading(Reading { content: Content::Events(events), .. }) = &mut decoded.answer {
                events.sort_by_key(|event| event.identity);
            }
            // The first name of an id stands.
            decoded.tally.names = Names::default();
            // One documented row; the first stands.
            Ok::<_, String>((decoded.tally, (report != Report::TokenInfo && report != Report::Skills).then_some(decoded.answer)))
        };
        let (mut one, mut other) = (read(&rows), read(&shuffled));
        if report == Report::Skill1 {
            // A witness says which field failed last.
            (one, other) = (one.map_err(|_| String::new()), other.map_err(|_| String::new()));
        }
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_cut_answer_is_never_an_answer((report, body) in answers(), at in any::<proptest::sample::Index>()) {
        let at = at.index(body.len());
        prop_assert!(decode(report, 200, &body[..at]).is_err());
    }

    #[test]
    fn damaged_answers_fail_alike_in_any_chunks(
        (report, mut body) in answers(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        for (at, byte) in damage {
            let at = at % body.len();
            body[at] = byte;
        }
        let (whole, parts) = (decode(report, 200, &body), in_chunks(report, &body, &cuts));
        prop_assert_eq!(whole.is_ok(), parts.is_ok());
        if let (Ok(whole), Ok(parts)) = (whole, parts) {
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(report in reports(), body in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9 a\\\\]{0,40}") {
        let _ = decode(report, 200, &body);
        let _ = decode(report, 200, text.as_bytes());
        let _ = envelope_of(&body);
        let _ = envelope_of(text.as_bytes());
    }

    #[test]
    fn nothing_private_leaves_the_decoder((report, body) in answers(), cut in any::<proptest::sample::Index>()) {
        let cut = &body[..cut.index(body.len())];
        let mut unfinished = decoder(report);
        let refused = unfinished.push(cut);
        let whole = decode(report, 200, &body);
        let shown = format!("{whole:?} {:?} {refused:?} {unfinished:?}", decode(report, 200, cut));
        prop_assert!(!shown.contains("CANARY"));
    }

    #[test]
    fn the_service_level_of_any_calls_is_rebuilt_exactly_below_ten_thousand(
        waits in proptest::collection::vec(0..60_000_i64, 0..400),
        abandoned in 0..200_i64,
        scale in 1..16_i64,
    ) {
        // Every wait stands for `scale` calls, so that counts reach the limit with short lists.
        let answered = waits.len() as i64 * scale;
        let inbound = answered + abandoned;
        prop_assume!(inbound < 10_000 && inbound > 0);
        let within = [10_000, 20_000, 30_000].map(|limit| waits.iter().filter(|wait| **wait <= limit).count() as i64 * scale);
        let sum: i64 = waits.iter().sum::<i64>() * scale;
        let asa = if answered > 0 { (sum + answered * 500) / (answered * 1_000) } else { 0 };
        let percent = |part: i64| {
            let hundredths = (part * 20_000 + inbound) / (2 * inbound);
            format!("{}.{:02} %", hundredths / 100, hundredths % 100)
        };
        let body = serde_json::json!([{
            "dnis": "601", "inbound_calls": inbound.to_string(), "answer_calls": answered.to_string(),
            "abandon_calls": abandoned.to_string(), "service_level_10seg": percent(within[0]),
            "service_level_20seg": percent(within[1]), "service_level_30seg": percent(within[2]),
            "abandon": percent(abandoned), "asa": asa.to_string(), "ata": "12",
        }]);
        let decoded = decode(Report::Skill6, 200, &serde_json::to_vec(&body).unwrap()).unwrap();
        let amounts = totals(&decoded)[0].amounts.as_ref().unwrap();
        let expected: Box<[i64]> = [within[0], within[1], within[2], answered, asa * 1_000 * answered].into();
        prop_assert_eq!(&of(amounts, &crate::metrics::catalogue::ANSWER_WAIT)[0].amount, &Amount::Whole(expected));
        prop_assert_eq!(&decoded.tally.mismatches, &BTreeMap::new());
    }
}
