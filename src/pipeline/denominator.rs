//! What the percentages of `skill_6` are of, where the configuration says `auto`.
//!
//! Decided by the first rows that can tell, before anything they say is published, and changed only at the start of a
//! day: within a day every reading is converted alike.

use std::collections::BTreeMap;

use crate::config::{Denominator, Operation};
use crate::report::Evidence;
use crate::time::Bucket;

/// Days of evidence that are kept: longer than any day stays unsealed.
const DAYS: usize = 40;

/// The decisions of one operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Denominators {
    /// From which day which denominator holds.
    decided: BTreeMap<Bucket, Denominator>,
    evidence: BTreeMap<Bucket, Evidence>,
}

impl Denominators {
    /// Decisions of an earlier process.
    pub(super) fn from_decided(decided: BTreeMap<Bucket, Denominator>) -> Denominators {
        Denominators { decided, evidence: BTreeMap::new() }
    }

    /// The decisions, to be kept for a later process.
    pub(super) const fn decided(&self) -> &BTreeMap<Bucket, Denominator> {
        &self.decided
    }

    /// The denominator to read a day with; [`Denominator::Auto`] while nothing has been decided.
    pub(super) fn of(&self, operation: &Operation, day: Option<Bucket>) -> Denominator {
        let configured =
            operation.reports.skill_6.map_or(Denominator::Inbound, |skill_6| skill_6.denominator);
        if configured != Denominator::Auto {
            return configured;
        }
        let Some(day) = day else { return Denominator::Auto };
        let holds = self.decided.range(..=day).next_back().or_else(|| self.decided.iter().next());
        holds.map_or(Denominator::Auto, |(_, denominator)| *denominator)
    }

    /// Learns from a day's rows. Returns whether they must be read again, because they were converted with the
    /// denominator that they themselves refute.
    #[must_use]
    pub(super) fn learn(&mut self, operation: &Operation, day: Bucket, evidence: Evidence) -> bool {
        let used = self.of(operation, Some(day));
        let first = self.evidence.keys().next_back().is_none_or(|last| *last < day);
        if first
            && !self.decided.is_empty()
            && let Some((_, before)) = self.evidence.iter().next_back()
            && let Some(verdict) = before.verdict()
            && self.decided.values().next_back() != Some(&verdict)
        {
            self.decided.insert(day, verdict);
        }
        self.evidence.entry(day).or_default().add(evidence);
        while self.evidence.len() > DAYS {
            self.evidence.pop_first();
        }
        // The oldest decision stands for all days before it.
        while self.decided.len() > DAYS {
            self.decided.pop_first();
        }
        if self.decided.is_empty()
            && let Some(verdict) = evidence.verdict()
        {
            self.decided.insert(day, verdict);
        }
        let holds = self.of(operation, Some(day));
        let read_as = if used == Denominator::Auto { Denominator::Inbound } else { used };
        holds != Denominator::Auto && holds != read_as
    }
}

#[cfg(test)]
mod tests;
