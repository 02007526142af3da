use super::*;
use crate::report::LabelValues;
use crate::time::{civil, shift};

fn day() -> Bucket {
    Bucket::day(civil::date(2026, 4, 4))
}

fn noon() -> Timestamp {
    "2026-04-04T12:00:00Z".parse().unwrap()
}

fn utc() -> Zone {
    Zone::named("UTC").unwrap()
}

fn gauge(family: &'static Family, labels: &[(Label, &str)], value: i64) -> Gauge {
    let labels: LabelValues = labels.iter().map(|(label, value)| (*label, (*value).into())).collect();
    Gauge { family, labels, value }
}

fn skill(today: &mut Today, id: &str, shown: &'static str, calls: i64) {
    let labels = [(Label::SkillId, id), (Label::Dnis, "601")];
    let mut ratio = labels.to_vec();
    ratio.push((Label::Within, "20s"));
    let gauges = vec![
        gauge(&catalogue::TODAY_INBOUND_CALLS, &labels, calls),
        gauge(&catalogue::TODAY_SERVICE_LEVEL, &ratio, 500_000),
    ];
    let label = |label, value: &str| if label == Label::SkillId { shown.into() } else { value.into() };
    let until = fresh_until(noon(), Duration::from_secs(300));
    today.read_skill(id, day(), SkillDay::default(), gauges, until, label);
}

fn values(today: &Today, family: &'static Family, now: Timestamp) -> Vec<(String, i64)> {
    let blocks = today.blocks("a", &utc(), now);
    let block = blocks.iter().find(|block| block.family.is(family));
    let samples = block.into_iter().flat_map(|block| &block.samples);
    samples.map(|sample| (sample.labels.as_str().to_owned(), sample.values[0])).collect()
}

#[test]
fn skills_that_share_a_label_add_up_and_have_no_ratio() {
    let mut today = Today::default();
    skill(&mut today, "101", "101", 1);
    skill(&mut today, "998", "other", 20);
    skill(&mut today, "999", "other", 300);
    let calls = values(&today, &catalogue::TODAY_INBOUND_CALLS, noon());
    assert_eq!(calls.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [1, 320], "{calls:?}");
    assert_eq!(values(&today, &catalogue::TODAY_SERVICE_LEVEL, noon()).len(), 1);
}

#[test]
fn gauges_of_callers_numbers_go_with_them_and_those_of_a_skill_without_any_stay() {
    let mut today = Today::default();
    skill(&mut today, "101", "101", 1);
    for dnis in ["other", "none"] {
        let labels = [(Label::SkillId, dnis), (Label::Dnis, dnis)];
        let gauges = vec![gauge(&catalogue::TODAY_INBOUND_CALLS, &labels, 20)];
        let until = fresh_until(noon(), Duration::from_secs(300));
        today.read_skill(dnis, day(), SkillDay::default(), gauges, until, |_, value| value.into());
    }
    today.withdraw_numbers();
    // A skill that has not moved is not read again.
    today.unmoved("101", day(), fresh_until(noon(), Duration::from_secs(600)));
    let calls = values(&today, &catalogue::TODAY_INBOUND_CALLS, noon());
    assert_eq!(calls.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [20, 20], "{calls:?}");
    assert_eq!(values(&today, &catalogue::TODAY_SERVICE_LEVEL, noon()), []);
}

#[test]
fn a_gauge_lives_for_three_intervals_and_never_past_midnight() {
    let mut today = Today::default();
    skill(&mut today, "101", "101", 1);
    today.audit("101", day(), ("101", 0));
    let after = |seconds| noon() + SignedDuration::from_secs(seconds);
    for (seconds, count) in [(899, 1), (900, 0)] {
        assert_eq!(values(&today, &catalogue::TODAY_INBOUND_CALLS, after(seconds)).len(), count);
        assert_eq!(values(&today, &catalogue::AUDIT_DIFFERENCE, after(seconds)).len(), count);
    }
    assert_eq!(today.changes_after(&utc(), noon()), after(900));
    // An unmoved witness is a success, of that day only.
    today.unmoved("101", day(), after(24 * 3600));
    assert_eq!(values(&today, &catalogue::TODAY_INBOUND_CALLS, after(12 * 3600 - 1)).len(), 1);
    assert_eq!(values(&today, &catalogue::TODAY_INBOUND_CALLS, after(12 * 3600)).len(), 0);
}

#[test]
fn yesterday_is_forgotten() {
    let mut today = Today::default();
    skill(&mut today, "101", "101", 1);
    today.audit("101", day(), ("101", 4));
    let until = fresh_until(noon(), Duration::from_secs(300));
    today.read_skill("102", day().next(), SkillDay::default(), vec![], until, |_, value| value.into());
    assert_eq!((today.skills.len(), today.audit.len()), (1, 0));
}

#[test]
fn hours_read_in_pieces_make_one_day() {
    let midnight = day().first();
    let window = |from: i64, to: i64| Window {
        from: shift(midnight, SignedDuration::from_hours(from)),
        to: shift(midnight, SignedDuration::from_hours(to)),
    };
    let hours = |hours: &[(&str, i64)]| -> Vec<Gauge> {
        let one =
            |(hour, calls): &(&str, i64)| gauge(&catalogue::TODAY_IVR_CALLS, &[(Label::Hour, hour)], *calls);
        hours.iter().map(one).collect()
    };
    let mut today = Today::default();
    let until = |minutes| Some(noon() + SignedDuration::from_mins(minutes));
    let shown = |today: &Today| -> Vec<i64> {
        values(today, &catalogue::TODAY_IVR_CALLS, noon()).into_iter().map(|(_, value)| value).collect()
    };
    today.read_ivr(day(), window(0, 6), hours(&[("01", 1), ("05", 5)]), None);
    assert_eq!(shown(&today), Vec::<i64>::new(), "the present has not been read");
    today.read_ivr(day(), window(6, 12), hours(&[("07", 7)]), until(15));
    assert_eq!(shown(&today), [1, 5, 7]);
    // Hours that an answer leaves out are empty now.
    today.read_ivr(day(), window(-2, 12), hours(&[("07", 8)]), until(20));
    assert_eq!(shown(&today), [8]);
    today.read_ivr(day(), window(0, 6), hours(&[]), None);
    assert_eq!(shown(&today), [8], "a piece neither hides nor refreshes the others");
    assert_eq!(today.changes_after(&utc(), noon()), noon() + SignedDuration::from_mins(20));
}
