//! The counters that a truth of the simulator amounts to, series by series.

use std::collections::BTreeMap;
use std::fmt;

use wolkvox_exporter::metrics::{Family, Kind};
use wolkvox_exporter::simulator::{Bound, Histogram, Truth};

/// One series as Prometheus stores it, without `job` and `instance`; `le` is a plain number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.name, self.labels)
    }
}

/// Amounts in millionths, which hold counts, milliseconds and costs alike without rounding.
pub(crate) type Amounts = BTreeMap<Series, i64>;

const ONE: i64 = 1_000_000;
const MILLISECOND: i64 = 1_000;

/// The five reports of one operation, known in the exposition as `operation`.
pub(crate) fn amounts(operation: &str, truth: &Truth) -> Amounts {
    let mut sheet = Sheet { operation, amounts: Amounts::new() };
    sheet.skill_6(truth);
    sheet.diagram_1_2(truth);
    sheet.diagram_3(truth);
    sheet.cdr_1(truth);
    sheet.diagram_4(truth);
    sheet.amounts
}

/// The integers of a family's series in the ledger, as the series that Prometheus knows.
pub(crate) fn spread(family: &Family, labels: &str, values: &[i64]) -> Vec<(Series, i64)> {
    // No value of the simulated centre holds a comma or a quotation mark.
    let pairs = labels.split(',').map(|pair| pair.split_once('=').unwrap());
    let labels: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
    let series = |suffix: &str, le: Option<String>| {
        let mut labels = labels.clone();
        labels.extend(le.map(|le| ("le".to_owned(), le)));
        Series { name: format!("{}{suffix}", family.name), labels }
    };
    let unit = ONE / 10_i64.pow(family.unit.decimals());
    match (family.kind, values) {
        (Kind::Histogram(bounds), [counts @ .., sum]) => {
            let les = bounds.iter().map(|bound| (bound * unit / ONE).to_string()).chain(["inf".to_owned()]);
            let all = counts[bounds.len()];
            let buckets = les.zip(counts).map(|(le, count)| (series("_bucket", Some(le)), count * ONE));
            let whole = [(series("_count", None), all * ONE), (series("_sum", None), sum * unit)];
            buckets.chain(whole).collect()
        }
        (Kind::Summary, [count, sum]) => {
            vec![(series("_count", None), count * ONE), (series("_sum", None), sum * unit)]
        }
        (_, [value]) => vec![(series("", None), value * unit)],
        _ => panic!("{} holds {} integers", family.name, values.len()),
    }
}

struct Sheet<'a> {
    operation: &'a str,
    amounts: Amounts,
}

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Sheet<'_> {
    fn add(&mut self, name: &str, labels: Labels<'_>, millionths: i64) {
        let own = [("operation", self.operation)];
        let pairs = own.iter().chain(labels).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let series = Series { name: format!("wolkvox_{name}"), labels: pairs.collect() };
        *self.amounts.entry(series).or_default() += millionths;
    }

    fn count(&mut self, name: &str, labels: Labels<'_>, count: i64) {
        self.add(name, labels, count * ONE);
    }

    fn seconds(&mut self, name: &str, labels: Labels<'_>, ms: i64) {
        self.add(name, labels, ms * MILLISECOND);
    }

    fn summary(&mut self, name: &str, labels: Labels<'_>, count: i64, sum: i64) {
        self.count(&format!("{name}_count"), labels, count);
        self.add(&format!("{name}_sum"), labels, sum);
    }

    fn histogram(&mut self, name: &str, labels: Labels<'_>, histogram: &Histogram) {
        let mut all = 0;
        for (Bound(bound), count) in &histogram.buckets {
            let le = if *bound == u64::MAX { "inf".to_owned() } else { bound.to_string() };
            self.count(&format!("{name}_bucket"), &[labels, &[("le", le.as_str())]].concat(), *count);
            all = *count;
        }
        self.summary(name, labels, all, histogram.sum_ms * MILLISECOND);
    }

    fn skill_6(&mut self, truth: &Truth) {
        for calls in &truth.skill_6 {
            let labels: Labels<'_> = &[("skill_id", &calls.skill_id), ("dnis", &calls.dnis)];
            self.count("inbound_calls_total", labels, calls.inbound);
            self.count("answered_calls_total", labels, calls.answered);
            self.count("abandoned_calls_total", labels, calls.abandoned);
            let counts = [calls.within_10, calls.within_20, calls.within_30, calls.answered];
            let buckets = [10, 20, 30, u64::MAX].map(Bound).into_iter().zip(counts).collect();
            let waits = Histogram { buckets, sum_ms: calls.answer_wait_printed_ms };
            self.histogram("answer_wait_seconds", labels, &waits);
            let sum = calls.abandon_wait_printed_ms * MILLISECOND;
            self.summary("abandon_wait_seconds", labels, calls.abandoned, sum);
        }
    }

    fn diagram_1_2(&mut self, truth: &Truth) {
        self.count("ivr_calls_total", &[], truth.diagram_1_2.calls);
        self.seconds("ivr_seconds_total", &[], truth.diagram_1_2.printed_ms);
    }

    fn diagram_3(&mut self, truth: &Truth) {
        for (skill, callbacks) in &truth.diagram_3 {
            let labels: Labels<'_> = &[("skill_id", skill)];
            self.count("callback_offers_total", labels, callbacks.offers);
            for (outcome, count) in &callbacks.outcomes {
                let labels = [labels, &[("outcome", *outcome)]].concat();
                self.count("callback_outcomes_total", &labels, *count);
            }
            self.count("callback_attempts_total", labels, callbacks.attempts);
            self.histogram("callback_wait_seconds", labels, &callbacks.wait);
            self.histogram("callback_duration_seconds", labels, &callbacks.duration);
            self.seconds("callback_billed_seconds_total", labels, callbacks.billed_ms);
        }
    }

    fn cdr_1(&mut self, truth: &Truth) {
        for calls in &truth.cdr_1.calls {
            let labels: Labels<'_> = &[("skill_id", &calls.skill_id), ("interaction", &calls.interaction)];
            for (campaign, count) in &calls.calls {
                self.count("cdr_calls_total", &[labels, &[("campaign_id", campaign)]].concat(), *count);
            }
            for (campaign, cost) in &calls.cost {
                self.add("cdr_cost_total", &[labels, &[("campaign_id", campaign)]].concat(), *cost);
            }
            for (who, count) in &calls.hang_ups {
                self.count("cdr_hang_ups_total", &[labels, &[("hang_up", *who)]].concat(), *count);
            }
            self.histogram("cdr_duration_seconds", labels, &calls.duration);
            self.seconds("cdr_billed_seconds_total", labels, calls.billed_ms);
            for (level, codes) in [("1", &calls.activity_1), ("2", &calls.activity_2)] {
                for (code, count) in codes {
                    let labels = [labels, &[("level", level), ("cod_act", code)]].concat();
                    self.count("cdr_activity_total", &labels, *count);
                }
            }
        }
        for (destination, cost) in &truth.cdr_1.destination_cost {
            self.add("cdr_destination_cost_total", &[("destination", destination)], *cost);
        }
        for (agent, count) in &truth.cdr_1.agent_calls {
            self.count("agent_calls_total", &[("agent_id", agent)], *count);
        }
        for (agent, ms) in &truth.cdr_1.agent_ms {
            self.seconds("agent_call_seconds_total", &[("agent_id", agent)], *ms);
        }
    }

    fn diagram_4(&mut self, truth: &Truth) {
        for (skill, surveys) in &truth.diagram_4 {
            let labels: Labels<'_> = &[("skill_id", skill)];
            for (key, count) in &surveys.responses {
                let (interaction, result) = key.split_once('/').unwrap();
                let labels = [labels, &[("interaction", interaction), ("result", result)]].concat();
                self.count("survey_responses_total", &labels, *count);
            }
            for (key, count) in &surveys.answers {
                let (question, answer) = key.split_once('/').unwrap();
                let labels = [labels, &[("question", question), ("answer", answer)]].concat();
                self.count("survey_answers_total", &labels, *count);
            }
            for (question, (count, sum)) in &surveys.scores {
                let labels = [labels, &[("question", question.as_str())]].concat();
                self.summary("survey_score", &labels, *count, sum * ONE);
            }
            self.summary(
                "survey_duration_seconds",
                labels,
                surveys.surveys,
                surveys.duration_ms * MILLISECOND,
            );
            for (feeling, count) in &surveys.feelings {
                self.count("survey_feeling_total", &[labels, &[("feeling", *feeling)]].concat(), *count);
            }
            self.count("survey_voice_messages_total", labels, surveys.voice_messages);
            self.seconds("survey_voice_message_seconds_total", labels, surveys.voice_ms);
        }
    }
}
