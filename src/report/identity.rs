//! What makes a row the same row, as a keyed hash.
//!
//! Identities hold call ids and telephone numbers, so they leave the decoder only through here. A number
//! has too few possible values for a plain hash to hide it; the key is what hides it.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::api::Report;

/// The secret that turns identities into hashes; it lies beside the ledger file.
#[derive(Clone)]
pub struct IdentityKey {
    identity: [u8; 16],
    check: [u8; 16],
    row: [u64; 2],
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(..)")
    }
}

impl IdentityKey {
    /// The key made of these random bytes. The first half hashes identities, the second everything else.
    pub fn new(bytes: [u8; 32]) -> IdentityKey {
        let mut identity = [0; 16];
        identity.copy_from_slice(&bytes[..16]);
        let mut check = [0; 16];
        check.copy_from_slice(&bytes[16..]);
        let row = SipHasher24::new_with_key(&check).hash(b"wolkvox row fingerprint").as_u64();
        IdentityKey { identity, check, row: [row.0, row.1] }
    }

    /// A value that tells whether two keys are the same and says nothing else about them.
    pub fn check(&self) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.check);
        hasher.write(b"wolkvox ledger check");
        hasher.write(&self.identity);
        hasher.finish128().as_bytes()
    }

    /// The hash of an identity. Parts are told apart by their lengths, reports by their code.
    pub(super) fn identity<'p>(&self, report: Report, parts: impl IntoIterator<Item = &'p [u8]>) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.identity);
        hasher.write(report.code().as_bytes());
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        hasher.finish128().as_u128()
    }

    /// The identity of the occurrence with this number, counted from 0, of equal identities in one answer.
    pub(super) fn occurrence(&self, identity: u128, number: usize) -> u128 {
        if number == 0 {
            return identity;
        }
        let mut hasher = SipHasher24::new_with_key(&self.identity);
        hasher.write(b"occurrence");
        hasher.write(&identity.to_le_bytes());
        hasher.write(&(number as u64).to_le_bytes());
        hasher.finish128().as_u128()
    }

    /// Starts the fingerprint of a whole row.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint { seeds: self.row, sum: 0 }
    }
}

/// Tells whether two rows of one process are the same in every column, whatever the order of the columns.
///
/// It runs over every byte of every row, which a cryptographic hash would make the most expensive part of
/// decoding. It never leaves the process, and an accident costs one row in 2^64 pairs that already share
/// their identity, so folded multiplication is enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fingerprint {
    seeds: [u64; 2],
    sum: u64,
}

impl Fingerprint {
    pub(super) fn column(&mut self, name: &str, value: &str) {
        let name = self.bytes(self.seeds[0], name.as_bytes());
        let value = self.bytes(self.seeds[1] ^ name, value.as_bytes());
        // A sum does not depend on the order of its terms.
        self.sum = self.sum.wrapping_add(fold(name ^ self.seeds[1], value | 1));
    }

    /// Takes a whole row as it was written, for what columns do not tell.
    pub(super) fn raw(&mut self, row: &[u8]) {
        self.sum = self.sum.wrapping_add(self.bytes(self.seeds[0], row));
    }

    pub(super) const fn finish(self) -> u64 {
        self.sum
    }

    fn bytes(&self, seed: u64, bytes: &[u8]) -> u64 {
        let mut state = seed ^ fold(bytes.len() as u64 ^ self.seeds[0], MULTIPLE);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            state = fold(state ^ u64::from_le_bytes(word), MULTIPLE);
        }
        let mut last = [0; 8];
        last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        fold(state ^ u64::from_le_bytes(last), MULTIPLE ^ self.seeds[1])
    }
}

/// Any odd number whose bits look random: the golden ratio's.
const MULTIPLE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The two halves of a product, folded into one: every bit of the result depends on every bit of both.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(first: u8) -> IdentityKey {
        let mut bytes = [7; 32];
        bytes[0] = first;
        IdentityKey::new(bytes)
    }

    #[test]
    fn keys_do_not_show_themselves() {
        assert_eq!(format!("{:?}", key(1)), "IdentityKey(..)");
        assert_ne!(key(1).check(), key(2).check());
        assert_eq!(key(1).check(), key(1).check());
    }

    #[test]
    fn identities_differ_by_key_report_parts_and_occurrence() {
        let of = |key: &IdentityKey, report, parts: &[&str]| {
            key.identity(report, parts.iter().map(|part| part.as_bytes()))
        };
        let one = of(&key(1), Report::Cdr1, &["ab", "c"]);
        assert_eq!(one, of(&key(1), Report::Cdr1, &["ab", "c"]));
        assert_ne!(one, of(&key(1), Report::Cdr1, &["a", "bc"]));
        assert_ne!(one, of(&key(1), Report::Diagram4, &["ab", "c"]));
        assert_ne!(one, of(&key(2), Report::Cdr1, &["ab", "c"]));
        assert_eq!(key(1).occurrence(one, 0), one);
        assert_ne!(key(1).occurrence(one, 1), key(1).occurrence(one, 2));
    }

    proptest! {
        #[test]
        fn a_fingerprint_depends_on_names_and_values_but_not_on_their_order(
            columns in proptest::collection::btree_map("[a-z]{1,9}", "[ -~]{0,30}", 2..6),
            change in "[ -~]{0,30}",
        ) {
            let of = |columns: &mut dyn Iterator<Item = (&String, &String)>| {
                let mut fingerprint = key(1).fingerprint();
                columns.for_each(|(name, value)| fingerprint.column(name, value));
                fingerprint.finish()
            };
            prop_assert_eq!(of(&mut columns.iter()), of(&mut columns.iter().rev()));
            let mut changed = columns.clone();
            let first = columns.keys().next().unwrap();
            changed.insert(first.clone(), change);
            prop_assert_eq!(columns == changed, of(&mut columns.iter()) == of(&mut changed.iter()));
        }
    }
}
