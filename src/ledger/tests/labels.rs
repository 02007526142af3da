//! Which label values are shown: those of agents, and those of skills that only one report mentions.

use super::*;

fn with_agents(agents: bool) -> Operation {
    let mut operation = operation();
    operation.labels_max = 3;
    if let Some(cdr_1) = &mut operation.reports.cdr_1 {
        cdr_1.agents = agents;
    }
    operation
}

/// A call of an agent, as it is decoded with `agents: true`.
fn call_of(agent: u128) -> Event {
    let mut event = call(agent, "2026-04-05T10:10:00", 30, "400");
    event.key.insert(Label::AgentId, format!("a{agent}").into());
    event.observations.push(Observation {
        family: &catalogue::AGENT_CALLS,
        slot: 0,
        labels: LabelValues::new(),
        amount: Amount::Count(1),
        when: When::Follows,
    });
    event
}

fn samples(ledger: &mut Ledger, family: &'static Family) -> Vec<(String, i64)> {
    let published = ledger.published("acme");
    let block = published.blocks.iter().find(|block| block.family.is(family));
    let samples = block.into_iter().flat_map(|block| &block.samples);
    samples.map(|sample| (sample.labels.as_str().to_owned(), sample.values[0])).collect()
}

#[test]
fn agents_are_bounded_like_every_label_and_shown_only_while_they_are_labels() {
    let mut ledger = Ledger::in_memory(at("2026-04-04T00:00:00")).unwrap();
    ledger.enter(&with_agents(true), at("2026-04-04T00:00:00")).unwrap();
    let calls = || (1..=8).map(call_of).collect();
    let read = |now: &str, calls| rows(Report::Cdr1, now, "2026-04-04T22:00:00", "now", calls);
    ledger.apply("acme", &read("2026-04-05T10:30:00", calls())).unwrap();
    release(&mut ledger);
    let of_agents = samples(&mut ledger, &catalogue::AGENT_CALLS);
    assert_eq!(of_agents.len(), 4, "three and other: {of_agents:?}");
    assert_eq!(of_agents.iter().map(|(_, calls)| calls).sum::<i64>(), 8);

    ledger.enter(&with_agents(false), at("2026-04-05T10:31:00")).unwrap();
    for family in [&catalogue::AGENT_CALLS, &catalogue::AGENT_CALL_SECONDS] {
        assert_eq!(samples(&mut ledger, family), []);
    }
    assert_eq!(samples(&mut ledger, &catalogue::CDR_CALLS).iter().map(|(_, calls)| calls).sum::<i64>(), 8);

    ledger.enter(&with_agents(true), at("2026-04-05T10:32:00")).unwrap();
    assert_eq!(samples(&mut ledger, &catalogue::AGENT_CALLS), of_agents);
}

/// Its place among the labels of other reports is not what lets it be shown.
#[test]
fn a_skill_that_other_reports_no_longer_mention_stays_in_skill_6() {
    let mut ledger = ledger("2026-01-01T00:00:00");
    let mentioned = rows(
        Report::Cdr1,
        "2026-01-02T10:30:00",
        "2026-01-01T22:00:00",
        "now",
        vec![call(1, "2026-01-02T10:10:00", 30, "400")],
    );
    ledger.apply("acme", &mentioned).unwrap();
    ledger.apply("acme", &day("2026-04-04T10:00:00", "2026-04-04", &[("601", 5)])).unwrap();
    release(&mut ledger);
    let skill_6 = samples(&mut ledger, &catalogue::INBOUND_CALLS);
    assert_eq!(skill_6.iter().map(|(_, calls)| calls).sum::<i64>(), 5);
    assert!(!samples(&mut ledger, &catalogue::CDR_CALLS).is_empty());
    let tick = ledger.tick("acme", at("2026-04-05T00:00:01")).unwrap();
    assert!(tick.notes.contains(&Note::Retired { label: Label::SkillId }), "{:?}", tick.notes);
    assert_eq!(samples(&mut ledger, &catalogue::INBOUND_CALLS), skill_6);
    assert_eq!(samples(&mut ledger, &catalogue::CDR_CALLS), []);
}
