//! Days of a simulated centre at high speed, judged by its own truth: after sealing, the sealed sums of every report
//! equal it exactly, and every counter equals that sum or the highest it has shown.

mod bench;
mod sums;
mod watch;

use std::collections::BTreeSet;

use bench::{Bench, Plan};
use wolkvox_exporter::api::Report;
use wolkvox_exporter::simulator::{Behaviour, Lateness, Settings, Traffic};
use wolkvox_exporter::time::civil::{self, date};

/// A centre that opens on a Monday of its own time, small enough to live through in seconds.
fn centre(seed: u64, first: civil::Date) -> Settings {
    Settings {
        seed,
        start: Some(first),
        traffic: Traffic { calls_per_day: 500.0, skills: 3, ..Traffic::default() },
        ..Settings::default()
    }
}

/// All five reports, agents included, read often enough to see rows come and go.
fn keys(interval: &str) -> String {
    format!(
        "    reports:
      skill_6: {{ interval: {interval} }}
      diagram_1_2: {{ interval: {interval} }}
      diagram_3: {{ interval: {interval} }}
      cdr_1: {{ interval: {interval}, agents: true }}
      diagram_4: {{ interval: {interval} }}"
    )
}

fn midnight(date: civil::Date) -> civil::DateTime {
    date.at(0, 0, 0, 0)
}

#[test]
fn in_quiet_weather_every_sum_is_the_truth_and_every_counter_its_sum() {
    let first = date(2026, 4, 6);
    let mut centre = centre(11, first);
    centre.traffic = Traffic { lateness: Lateness::None, withdrawn_share: 0.0, ..centre.traffic };
    let begins = date(2026, 4, 5).at(22, 0, 0, 0);
    let mut bench = Bench::new(Plan { centre, begins, keys: keys("15m") });
    bench.run_to(date(2026, 4, 9).at(14, 0, 0, 0));
    bench.judge(date(2026, 4, 8));
    assert!(bench.failures().is_empty(), "{:?}", bench.failures());
    assert_eq!(bench.simulator.most_simultaneous(0), 1);
    let whole = bench.whole();
    assert_eq!(bench.watch.waiting(&whole), 0, "nothing was withdrawn, so no counter waits");
    // The judge knows every family that counts, and each of them has counted.
    let judged: BTreeSet<&str> = bench.sealed_truth().into_keys().map(|(family, _)| family).collect();
    let all: BTreeSet<&str> = sums::families().map(|family| family.name).collect();
    assert_eq!(judged, all);
    // What is not sealed yet counts too: each row that the last reading can have seen, once.
    let history = bench.history();
    let counted = |family: &str| -> i64 {
        whole.iter().filter(|((name, _), _)| *name == family).map(|(_, values)| values[0]).sum()
    };
    for (report, family) in
        [(Report::Diagram3, "wolkvox_callback_offers_total"), (Report::Cdr1, "wolkvox_cdr_calls_total")]
    {
        let read = history.reports[&report].last_success.unwrap();
        let seen = |visible: Option<_>| visible.is_some_and(|visible| visible <= read);
        let visible = bench.calls(report).into_iter().filter(|call| seen(call.visible)).count();
        assert_eq!(counted(family), visible as i64, "{report}");
    }
    eprintln!(
        "requests {} looks {} series {} steps {}",
        bench.requests(),
        bench.watch.looks(),
        whole.len(),
        0
    );
    eprintln!("{}", bench.simulator.controls()["requests"]);
    let _ = Behaviour::default();
    let _ = midnight(first);
}
