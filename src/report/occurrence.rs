//! Rows of one answer that share an identity: duplicates go, further occurrences are numbered.

use std::cmp::Ordering;

use super::identity::IdentityKey;
use super::tally::{DropReason, Tally};
use super::{Amount, Event, When};
use crate::time::civil::DateTime;

/// A row that became an event; its identity is not numbered yet.
#[derive(Debug)]
pub(super) struct Occurrence {
    pub(super) event: Event,
    /// Equal only for rows that are equal in every column.
    pub(super) fingerprint: u64,
    /// `diagram_3`: whether the status is final.
    pub(super) is_final: bool,
    /// `diagram_3`: when it became so.
    pub(super) decided: Option<DateTime>,
    /// `cdr_1`, `diagram_4`: whether the code or the result is there already.
    pub(super) is_coded: bool,
}

/// Numbers the occurrences of each identity, final ones first, and drops duplicates.
///
/// The order among equal identities must be the same at every reading, or their cells would change places:
/// final ones keep theirs by the time of their decision, others by what does not change in them. What comes
/// late decides only between rows that are otherwise equal.
pub(super) fn number(rows: Vec<Occurrence>, key: &IdentityKey, tally: &mut Tally) -> Vec<Event> {
    let mut order: Vec<(u128, usize)> =
        rows.iter().enumerate().map(|(at, row)| (row.event.identity, at)).collect();
    order.sort_unstable();
    if order.windows(2).all(|pair| pair[0].0 != pair[1].0) {
        return rows.into_iter().map(|row| row.event).collect();
    }
    let mut rows: Vec<Option<Occurrence>> = rows.into_iter().map(Some).collect();
    for run in order.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
        // Invariant: every index is in exactly one run, so every row is still there to be taken.
        let mut group: Vec<Occurrence> = run.iter().filter_map(|&(_, at)| rows[at].take()).collect();
        group.sort_by(compare);
        let mut seen = Vec::new();
        group.retain(|row| {
            let is_new = !seen.contains(&row.fingerprint);
            if is_new {
                seen.push(row.fingerprint);
            } else {
                tally.drop_row(DropReason::Duplicate);
            }
            is_new
        });
        for (number, (mut row, &(identity, at))) in group.into_iter().zip(run).enumerate() {
            row.event.identity = key.occurrence(identity, number);
            rows[at] = Some(row);
        }
    }
    rows.into_iter().flatten().map(|row| row.event).collect()
}

fn compare(a: &Occurrence, b: &Occurrence) -> Ordering {
    let amounts = |row: &Occurrence| -> Vec<(&'static str, u16, i64)> {
        let follows = row.event.observations.iter().filter(|observation| observation.when == When::Follows);
        follows
            .map(|observation| {
                let amount = match observation.amount {
                    Amount::Count(amount) | Amount::Observe(amount) => amount,
                    // Rows of events have none.
                    Amount::Whole(_) => 0,
                };
                (observation.family.name, observation.slot, amount)
            })
            .collect()
    };
    // Undecided sorts behind decided; a decision without a time behind one with.
    (b.is_final.cmp(&a.is_final))
        .then_with(|| a.decided.is_none().cmp(&b.decided.is_none()))
        .then_with(|| a.decided.cmp(&b.decided))
        .then_with(|| a.event.key.cmp(&b.event.key))
        .then_with(|| amounts(a).cmp(&amounts(b)))
        .then_with(|| b.is_coded.cmp(&a.is_coded))
        .then_with(|| a.fingerprint.cmp(&b.fingerprint))
}
