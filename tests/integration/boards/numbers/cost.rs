//! Cost and call detail.

use std::collections::BTreeMap;

use wolkvox_exporter::simulator::{Bound, CallsTruth, Truth};
use wolkvox_exporter::time::civil::date;

use super::super::fortnight::BAD;
use super::super::judge::{Claim, DAY, HOUR, Judge, Wanted, by_skill, each, one};
use super::callbacks::quantile;

const BOARD: &str = "wolkvox-cost";
/// Bounds of the histogram of lengths, in seconds.
const LENGTHS: &[u64] = &[5, 10, 20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200];

pub(super) async fn judge(judge: &mut Judge<'_>) {
    if judge.skips(BOARD) {
        return;
    }
    let night = judge.weeks.night();
    let [now, before] = [BAD, date(2026, 4, 10)].map(|day| judge.weeks.truth(day, day));
    for skill in [None, Some("101"), Some("102")] {
        let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
        let [now, before] = [&now, &before].map(|truth| Sums::of(truth, skill));
        judge.hold(BOARD, night, &chosen, whole_day(&now, &before)).await;
        judge.add_up(BOARD, (night - DAY, night, HOUR), &chosen, hourly(&now, &before)).await;
    }
    judge.hold(BOARD, night, &[], table(&now, &before)).await;
    activities(judge, night, &Sums::of(&now, None)).await;
    for (day, hour) in [(16, 11), (17, 12), (20, 15)] {
        let to = judge.weeks.moment(day, hour, 0);
        for skill in [None, Some("101"), Some("102")] {
            let chosen: Vec<_> = skill.iter().map(|skill| ("skill_id", *skill)).collect();
            let lengths = lengths(judge, skill, to);
            let mean = lengths.iter().sum::<i64>() as f64 / 1e3 / lengths.len() as f64;
            let title = "How long calls take";
            let claims = vec![
                one(title, "A", (!lengths.is_empty()).then_some(mean), 0.005),
                one(title, "B", quantile(0.5, &lengths, LENGTHS), 0.005),
                one(title, "C", quantile(0.9, &lengths, LENGTHS), 0.005),
            ];
            judge.hold(BOARD, to, &chosen, claims).await;
        }
    }
}

/// Connected calls of a day, added up.
#[derive(Default)]
struct Sums {
    calls: f64,
    cost: f64,
    billed: f64,
    seconds: f64,
    lengths: BTreeMap<Bound, f64>,
    calls_by_kind: BTreeMap<String, f64>,
    cost_by_kind: BTreeMap<String, f64>,
    hang_ups: BTreeMap<String, f64>,
    codes: BTreeMap<String, f64>,
}

impl Sums {
    fn of(truth: &Truth, skill: Option<&str>) -> Sums {
        let calls = truth.cdr_1.calls.iter();
        let mut sums = Sums::default();
        calls
            .filter(|calls| skill.is_none_or(|skill| calls.skill_id == skill))
            .for_each(|calls| sums.add(calls));
        sums
    }

    fn add(&mut self, more: &CallsTruth) {
        let calls = more.calls.values().sum::<i64>() as f64;
        let cost = more.cost.values().sum::<i64>() as f64 / 1e6;
        self.calls += calls;
        self.cost += cost;
        self.billed += more.billed_ms as f64 / 1e3;
        self.seconds += more.duration.sum_ms as f64 / 1e3;
        *self.calls_by_kind.entry(more.interaction.clone()).or_default() += calls;
        *self.cost_by_kind.entry(format!("demo/{}", more.interaction)).or_default() += cost;
        for (bound, count) in &more.duration.buckets {
            *self.lengths.entry(*bound).or_default() += *count as f64;
        }
        for (who, count) in &more.hang_ups {
            *self.hang_ups.entry((*who).to_owned()).or_default() += *count as f64;
        }
        for (code, count) in &more.activity_1 {
            *self.codes.entry(code.clone()).or_default() += *count as f64;
        }
    }

    fn up_to(&self, seconds: u64) -> f64 {
        self.lengths.get(&Bound(seconds)).copied().unwrap_or(0.0)
    }
}

/// In the currency of the settings.
fn pesos(value: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("COP".to_owned(), value)])
}

const CURRENCY: &[&str] = &["currency"];

fn whole_day(now: &Sums, before: &Sums) -> Vec<Claim<'static>> {
    let [ten, minute, three, ten_minutes, half, every] =
        [10, 60, 180, 600, 1800, u64::MAX].map(|seconds| now.up_to(seconds));
    let title = "Calls by length";
    vec![
        each("Cost", "A", CURRENCY, pesos(now.cost), 0.01),
        each("Cost", "B", CURRENCY, pesos(before.cost), 0.01),
        one("Connected calls", "A", now.calls, 0.01),
        each("Cost per connected call", "A", CURRENCY, pesos(now.cost / now.calls), 0.01),
        each("Cost per billed minute", "A", CURRENCY, pesos(60.0 * now.cost / now.billed), 0.01),
        one("Billed time", "A", now.billed, 0.01),
        one(title, "A", ten, 0.01),
        one(title, "B", minute - ten, 0.01),
        one(title, "C", three - minute, 0.01),
        one(title, "D", ten_minutes - three, 0.01),
        one(title, "E", half - ten_minutes, 0.01),
        one(title, "F", every - half, 0.01),
        each("Who hung up", "A", &["hang_up"], now.hang_ups.clone(), 0.01),
    ]
}

/// Rates that add up to a day.
fn hourly(now: &Sums, before: &Sums) -> Vec<Claim<'static>> {
    let kinds = &["operation", "interaction"];
    vec![
        each("Cost per hour, and a week before", "A", CURRENCY, pesos(before.cost), 0.01),
        each("Cost per hour, and a week before", "B", CURRENCY, pesos(now.cost), 0.01),
        each("Cost per hour, by kind of call", "A", kinds, now.cost_by_kind.clone(), 0.01),
        each("Connected calls per hour, by kind", "A", &["interaction"], now.calls_by_kind.clone(), 0.01),
    ]
}

fn table(now: &Truth, before: &Truth) -> Vec<Claim<'static>> {
    let of = |truth: &Truth, of: &dyn Fn(&Sums) -> Option<f64>| -> BTreeMap<String, f64> {
        let skills = truth.cdr_1.calls.iter().map(|calls| &calls.skill_id);
        skills.filter_map(|id| Some((id.clone(), of(&Sums::of(truth, Some(id)))?))).collect()
    };
    let enough = |sums: &Sums, value: f64| (sums.calls >= 10.0).then_some(value);
    let title = "By skill";
    let destinations = |truth: &Truth| -> BTreeMap<String, f64> {
        let costs = truth.cdr_1.destination_cost.iter().map(|(to, cost)| (to.clone(), *cost as f64 / 1e6));
        costs.filter(|(_, cost)| *cost > 0.0).collect()
    };
    let dearest = destinations(now);
    let were = destinations(before).into_iter().filter(|(to, _)| dearest.contains_key(to)).collect();
    vec![
        by_skill(title, "A", of(now, &|_| Some(1.0)), 0.0),
        by_skill(title, "B", of(now, &|sums| Some(sums.cost)), 0.01),
        by_skill(title, "C", of(before, &|sums| Some(sums.cost)), 0.01),
        by_skill(title, "D", of(now, &|sums| Some(sums.calls)), 0.01),
        by_skill(title, "E", of(now, &|sums| enough(sums, sums.cost / sums.calls)), 0.01),
        by_skill(title, "F", of(now, &|sums| enough(sums, sums.seconds / sums.calls)), 0.01),
        ("The ten dearest destinations", "A", Wanted::Most(&["destination"], dearest, 10), 0.01),
        each("The ten dearest destinations", "B", &["destination"], were, 0.01),
    ]
}

/// The codes that agents chose most, and what the vendor calls them.
async fn activities(judge: &mut Judge<'_>, to: i64, sums: &Sums) {
    let title = "The ten most frequent activity codes";
    let most = Wanted::Most(&["cod_act"], sums.codes.clone(), 10);
    judge.hold(BOARD, to, &[], vec![(title, "A", most, 0.01)]).await;
    // A description stands beside each code that has one.
    let Ok(shown) = judge.found(BOARD, (title, "A"), to, &[]).await else { return };
    let codes: Vec<String> =
        shown.into_iter().filter_map(|(labels, _)| labels.get("cod_act").cloned()).collect();
    let described = DESCRIBED.iter().filter(|(code, _)| codes.iter().any(|shown| shown == code));
    let described = described.map(|(code, description)| (format!("{code}/{description}"), 1.0)).collect();
    judge.hold(BOARD, to, &[], vec![each(title, "B", &["cod_act", "description"], described, 0.0)]).await;
}

/// The simulated centre's codes and what they mean.
const DESCRIBED: &[(&str, &str)] = &[
    ("VENTA", "VENTA EFECTIVA"),
    ("SIN INTERES", "NO LE INTERESA"),
    ("400", "CONSULTA DE SALDO"),
    ("401", "PROMESA DE PAGO"),
    ("402", "YA PAGÓ"),
    ("RECLAMACIÓN", "RECLAMACIÓN DEL CLIENTE"),
    ("SOPORTE", "SOPORTE RESUELTO"),
    ("ESCALADO", "ESCALADO A SEGUNDO NIVEL"),
    ("EQUIVOCADO", "NÚMERO EQUIVOCADO"),
    ("CAIDA", "SE CAE LA LLAMADA"),
    ("VOLVER A LLAMAR", "AGENDAR LLAMADA"),
    ("TIMEOUTACW", "TIMEOUTACW"),
];

/// How long the calls were, in milliseconds, that were seen for the first time within an hour.
fn lengths(judge: &Judge<'_>, skill: Option<&str>, to: i64) -> Vec<i64> {
    let [first, last] = judge.weeks.ends(to, HOUR).map(|at| judge.weeks.read("cdr_1", at));
    let seen = judge.weeks.seen("cdr_1", last);
    let new = seen.filter(|(_, call)| call.visible.is_some_and(|visible| first < visible));
    new.filter(|(_, call)| skill.is_none_or(|skill| call.skill_id == skill))
        .map(|(_, call)| call.ms)
        .collect()
}
