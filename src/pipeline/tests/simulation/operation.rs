//! What may happen, how it is generated, and how it shrinks.

use proptest::prelude::*;

use super::vendor::Fault;

/// One thing that happens. Numbers that pick a row, a fault or a setting wrap around.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    /// Time passes, and the exporter does what is due.
    Pass { minutes: u16 },
    /// A row appears, of a time so many minutes ago.
    Appear { kind: u8, ago: u16, skill: u8, a: u8, b: u8 },
    /// What grows in a row grows.
    Grow { which: u8, by: u8 },
    /// What grows in a row is corrected, upward or downward.
    Revise { which: u8, to: u8 },
    /// A row gets another label.
    Relabel { which: u8, to: u8 },
    /// A code, a result or a status is decided, or decided otherwise.
    Decide { which: u8, to: u8 },
    /// A row is taken back.
    Withdraw { which: u8 },
    /// The next answers get lost.
    Fail { count: u8, fault: Fault },
    /// Every so manyth row of events comes twice.
    Double { every: u8 },
    /// The process dies while it waits for the answer to a request, and is away for a while.
    Die { requests: u8, down: u16, mask: u64 },
    /// The power goes at a storage operation; the mask picks which unsynced writes reached the disk.
    Cut { operations: u16, down: u16, mask: u64 },
    /// The disk refuses some operations.
    Refuse { operations: u16, count: u8 },
    /// The process ends in order and begins again.
    Restart { down: u16 },
    /// The exporter's clock is set so many minutes ahead of the vendor's, or behind.
    Skew { minutes: i16 },
    /// Another interval.
    Interval { which: u8 },
    /// Agents become labels, or not any more.
    Agents { on: bool },
    /// A report is turned off, or on.
    Turn { which: u8, on: bool },
    /// A skill is opened.
    Skill,
    /// Prometheus comes by.
    Scrape,
}

/// How a life begins, and what happens in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Where and when; see [`super::world::STARTS`].
    pub(super) start: u8,
    /// `count_from` so many days before the start.
    pub(super) from: Option<u8>,
    /// Which of the five reports are on, as bits; all of them when none would be.
    pub(super) reports: u8,
    pub(super) interval: u8,
    pub(super) settle: u8,
    /// Skills are discovered, not named.
    pub(super) discover: bool,
    pub(super) skills: u8,
    pub(super) ops: Vec<Op>,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Refused),
        Just(Fault::Lost),
        any::<u8>().prop_map(Fault::Cut),
        any::<u8>().prop_map(Fault::Short),
        prop_oneof![Just(500), Just(503), Just(504), Just(408)].prop_map(Fault::Status),
        Just(Fault::BodyError),
        Just(Fault::Page),
        Just(Fault::Simultaneous),
        Just(Fault::Maintenance),
    ]
}

fn mask() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>()]
}

fn down() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(0_u16), 4 => 1_u16..90, 1 => 90_u16..2_000]
}

/// Ops of any kind.
pub(super) fn op() -> impl Strategy<Value = Op> {
    let appear = (0_u8..5, prop_oneof![3 => 0_u16..90, 1 => 0_u16..900], 0_u8..3, any::<u8>(), any::<u8>());
    let which = any::<u8>();
    prop_oneof![
        6 => prop_oneof![4 => 1_u16..90, 2 => 60_u16..500, 1 => 300_u16..1_500].prop_map(|minutes| Op::Pass { minutes }),
        10 => appear.prop_map(|(kind, ago, skill, a, b)| Op::Appear { kind, ago, skill, a, b }),
        3 => (which, any::<u8>()).prop_map(|(which, by)| Op::Grow { which, by }),
        4 => (which, any::<u8>()).prop_map(|(which, to)| Op::Revise { which, to }),
        2 => (which, any::<u8>()).prop_map(|(which, to)| Op::Relabel { which, to }),
        4 => (which, any::<u8>()).prop_map(|(which, to)| Op::Decide { which, to }),
        2 => which.prop_map(|which| Op::Withdraw { which }),
        2 => (1_u8..5, fault()).prop_map(|(count, fault)| Op::Fail { count, fault }),
        1 => (0_u8..4).prop_map(|every| Op::Double { every }),
        1 => (0_u8..8, down(), mask()).prop_map(|(requests, down, mask)| Op::Die { requests, down, mask }),
        2 => (0_u16..120, down(), mask()).prop_map(|(operations, down, mask)| Op::Cut { operations, down, mask }),
        3 => (prop_oneof![0_u16..40, 0_u16..120], 1_u8..4).prop_map(|(operations, count)| Op::Refuse { operations, count }),
        1 => down().prop_map(|down| Op::Restart { down }),
        1 => prop_oneof![Just(0_i16), -90_i16..90, -1_500_i16..1_500].prop_map(|minutes| Op::Skew { minutes }),
        1 => any::<u8>().prop_map(|which| Op::Interval { which }),
        1 => any::<bool>().prop_map(|on| Op::Agents { on }),
        1 => (0_u8..5, any::<bool>()).prop_map(|(which, on)| Op::Turn { which, on }),
        1 => Just(Op::Skill),
        3 => Just(Op::Scrape),
    ]
}

/// Plans with at most so many ops. The reports that are on are few, so that each case is short and shrinks well.
pub(super) fn plan(longest: usize) -> impl Strategy<Value = Plan> {
    let reports = prop_oneof![
        4 => (0_u8..5).prop_map(|report| 1 << report),
        2 => 1_u8..32,
        1 => Just(31_u8),
    ];
    let from = proptest::option::weighted(0.3, 0_u8..3);
    let ops = proptest::collection::vec(op(), 1..longest);
    (0_u8..24, from, reports, any::<u8>(), any::<u8>(), any::<bool>(), 1_u8..5, ops).prop_map(
        |(start, from, reports, interval, settle, discover, skills, ops)| Plan {
            start,
            from,
            reports,
            interval,
            settle,
            discover,
            skills,
            ops,
        },
    )
}
