//! Small questions to the ledger, and its notes in words.

use std::collections::BTreeSet;
use std::fmt;

use super::labels::OTHER;
use super::{Ledger, Note};
use crate::metrics::Label;

impl Ledger {
    /// The label that a value from upstream stands under now: itself, or `other`.
    pub fn label_of(&self, operation: &str, label: Label, value: &str) -> Box<str> {
        let has_slot = self.books.get(operation).is_some_and(|books| books.labels.has(label, value));
        if has_slot { value.into() } else { OTHER.into() }
    }

    /// The values of a label that have a slot.
    pub fn label_values(&self, operation: &str, label: Label) -> BTreeSet<Box<str>> {
        self.books.get(operation).map(|books| books.labels.values(label).collect()).unwrap_or_default()
    }

    /// Transactions committed by this process.
    pub const fn commits(&self) -> u64 {
        self.commits
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |skill: &str| if skill.is_empty() { String::new() } else { format!(" of skill {skill}") };
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
