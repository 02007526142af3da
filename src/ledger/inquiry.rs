//! Small questions to the ledger, and its notes in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::entrance;
use super::labels::OTHER;
use super::tables::BucketChanges;
use super::{Applied, Ledger, LedgerError, Note};
use crate::api::Grain;
use crate::config::{Denominator, Operation};
use crate::metrics::Label;
use crate::report::told_id;
use crate::time::{Bucket, Timestamp};

const INBOUND: &str = "inbound";
const ANSWERED: &str = "answered";

impl Ledger {
    /// Whether [`Ledger::enter`] would take this operation; changes nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Bound`] when the name stands for another server.
    pub fn accepts(&self, operation: &Operation) -> Result<(), LedgerError> {
        self.books.get(&operation.name).map_or(Ok(()), |books| entrance::accepts(books, operation))
    }

    /// The label that a value from upstream stands under now: itself, or `other`.
    pub fn label_of(&self, operation: &str, label: Label, value: &str) -> Box<str> {
        let has_slot = self.books.get(operation).is_some_and(|books| books.labels.has(label, value));
        if has_slot { value.into() } else { OTHER.into() }
    }

    /// The values of a label that have a slot.
    pub fn label_values(&self, operation: &str, label: Label) -> BTreeSet<Box<str>> {
        self.books.get(operation).map(|books| books.labels.values(label).collect()).unwrap_or_default()
    }

    /// From which day which denominator of `skill_6` holds, as decided so far.
    pub fn denominators(&self, operation: &str) -> BTreeMap<Bucket, Denominator> {
        let decided = self.books.get(operation).map(|books| &books.record.denominators);
        let known = |(day, name): (&i32, &String)| {
            let denominator = if name == ANSWERED { Denominator::Answered } else { Denominator::Inbound };
            (Bucket::from_index(Grain::Day, *day), denominator)
        };
        decided.into_iter().flatten().map(known).collect()
    }

    /// Keeps the decisions about the denominator of `skill_6`, so that a restart cannot change one within a day.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unknown`] and storage errors.
    pub fn decide(
        &mut self,
        operation: &str,
        decided: &BTreeMap<Bucket, Denominator>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let name = |denominator| if denominator == Denominator::Answered { ANSWERED } else { INBOUND };
        let named =
            decided.iter().map(|(day, denominator)| (day.index(), name(*denominator).to_owned())).collect();
        self.transact(operation, Some(now), |books, _, _| {
            books.touch_record().denominators = named;
            Ok((BucketChanges::default(), Applied::default()))
        })?;
        Ok(())
    }

    /// Transactions committed by this process.
    pub const fn commits(&self) -> u64 {
        self.commits
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |skill: &str| {
            if skill.is_empty() { String::new() } else { format!(" of skill {}", told_id(skill)) }
        };
        match self {
            Note::CallersNumbers { skill, values } => write!(
                f,
                "dnis holds callers' numbers ({values} different values{}); its series are withdrawn and count as other, \
                 name the real ones in dnis.allow",
                of(skill)
            ),
            Note::NotSealed { skill, bucket, .. } => {
                write!(f, "{bucket}{} could not be sealed, it is read again for 24 h", of(skill))
            }
            Note::SealedAsHeld { skill, bucket, .. } => {
                write!(f, "{bucket}{} was sealed as it was held, no good answer came for 24 h", of(skill))
            }
            Note::CaughtUp { .. } => f.write_str("the past has been read, its counters appear"),
            Note::Retired { label } => {
                write!(f, "a value of label {} was unused for 90 days and is retired", label.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn operation(server: &str) -> Operation {
        let text = format!(
            "operations:\n  - {{ name: acme, server: \"{server}\", token_env: T, timezone: America/Bogota }}\n"
        );
        Config::parse(&text, std::path::Path::new("."), "test").unwrap().operations.remove(0)
    }

    #[test]
    fn a_name_bound_to_one_server_accepts_no_other_and_asking_changes_nothing() {
        let now: Timestamp = "2026-04-04T12:00:00Z".parse().unwrap();
        let mut ledger = Ledger::in_memory(now).unwrap();
        ledger.accepts(&operation("0011")).unwrap();
        ledger.enter(&operation("0010"), now).unwrap();
        let commits = ledger.commits();
        let refused = ledger.accepts(&operation("0011")).unwrap_err();
        assert!(matches!(refused, LedgerError::Bound { .. }), "{refused}");
        ledger.accepts(&operation("0010")).unwrap();
        assert_eq!(ledger.commits(), commits);
        assert!(ledger.enter(&operation("0011"), now).is_err(), "entering says the same");
    }
}
