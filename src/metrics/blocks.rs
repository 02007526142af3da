//! Building the blocks of one operation, sample by sample.

use std::collections::BTreeMap;

use super::{Block, Family, Label, LabelText, Sample};

type Samples = BTreeMap<LabelText, Box<[i64]>>;

/// Collects samples of one operation into sorted blocks.
#[derive(Debug)]
pub struct Blocks<'a> {
    operation: &'a str,
    blocks: BTreeMap<&'static str, (&'static Family, Samples)>,
}

impl<'a> Blocks<'a> {
    /// Nothing collected yet for this operation.
    pub fn of(operation: &'a str) -> Blocks<'a> {
        Blocks { operation, blocks: BTreeMap::new() }
    }

    /// Adds a series of one value; `labels` are those beside `operation`, in the family's order.
    pub fn put(&mut self, family: &'static Family, labels: &[(Label, &str)], value: i64) {
        self.put_whole(family, labels, &[value]);
    }

    /// Adds a series with all its integers.
    pub fn put_whole(&mut self, family: &'static Family, labels: &[(Label, &str)], values: &[i64]) {
        debug_assert_eq!(family.width(), values.len(), "{}", family.name);
        let pairs = std::iter::once((Label::Operation, self.operation)).chain(labels.iter().copied());
        let text = LabelText::new(pairs);
        let (_, samples) = self.blocks.entry(family.name).or_insert_with(|| (family, BTreeMap::new()));
        samples.insert(text, values.into());
    }

    /// The blocks, each sorted by label text.
    pub fn finish(self) -> Vec<Block> {
        self.blocks
            .into_values()
            .map(|(family, samples)| Block {
                family,
                samples: samples.into_iter().map(|(labels, values)| Sample { labels, values }).collect(),
            })
            .collect()
    }
}
