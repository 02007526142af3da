use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::simulation::*;
use super::*;
use crate::api::Grain;
use crate::config::{CountFrom, Skills};
use crate::time::{SignedDuration, Zone, civil, shift};

const START: &str = "2026-03-02T13:00:00Z";

#[test]
fn a_quiet_day_reads_every_report_at_its_interval() {
    let mut world = World::new(operation("America/Bogota", Skills::Discover, None), 1, at(START));
    world.run_for(48);
    for report in [Report::Diagram3, Report::Diagram12, Report::Cdr1, Report::Diagram4] {
        let interval = world.operation.settings(report).unwrap().interval;
        let slots = world.slots(report);
        for pair in slots.windows(2) {
            let apart = Duration::try_from(pair[1].duration_since(pair[0])).unwrap();
            assert!(apart >= interval, "{report}: {pair:?}");
            assert!(apart <= interval + Duration::from_secs(20), "{report}: {pair:?}");
        }
        assert!(slots.len() > 180, "{report} was read {} times", slots.len());
    }
    assert_eq!(world.overdue(hours(3)), []);
    assert!(world.schedule.first_cycle_attempted());
    assert_eq!(world.overspent, 0);
}
