//! Everything that is ever shown, looked at after each step.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use wolkvox_exporter::ledger::Total;
use wolkvox_exporter::metrics::{Block, Kind, LabelText};
use wolkvox_exporter::pipeline::Store;

use super::bench::OPERATION;
use super::sums::{self, Sums};

type Series = (&'static str, LabelText);

/// Remembers every counter as it was last shown, and the highest sum behind it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    generation: Option<u64>,
    shown: HashMap<Series, Box<[i64]>>,
    highest: HashMap<Series, Vec<i64>>,
}

impl Watch {
    /// Numbers of generations begin anew with a life of the exporter.
    pub(super) fn restarted(&mut self) {
        self.generation = None;
    }

    /// Whether a series of the family has been shown.
    pub(super) fn has_shown(&self, family: &str) -> bool {
        self.shown.keys().any(|(name, _)| *name == family)
    }

    /// What a series was last shown as.
    pub(super) fn shown(&self, family: &str, labels: &str) -> Option<&[i64]> {
        let mut known = self.shown.iter();
        known
            .find(|((name, text), _)| *name == family && text.as_str() == labels)
            .map(|(_, values)| &**values)
    }

    /// Looks at what is shown, as a scrape would, and lets go of the zeros that it has thereby seen.
    pub(super) fn look(&mut self, runtime: &Runtime, store: &Store) {
        let known = self.generation;
        let looked = runtime.block_on(store.with(move |ledger| {
            let held = ledger.published(OPERATION);
            ledger.release(OPERATION, u64::MAX, Duration::ZERO, Duration::ZERO).unwrap();
            let released = ledger.published(OPERATION);
            let is_news = known != Some(released.generation);
            let totals: Vec<Total> = if is_news { ledger.totals(OPERATION).collect() } else { Vec::new() };
            is_news.then_some((held, released, totals))
        }));
        let Some((held, released, totals)) = looked else { return };
        self.generation = Some(released.generation);
        self.see(&held.blocks);
        self.see(&released.blocks);
        for total in totals {
            let sum: Vec<i64> =
                total.sealed.iter().zip(&total.live).map(|(sealed, live)| sealed + live).collect();
            let highest =
                self.highest.entry((total.family.name, total.labels)).or_insert_with(|| vec![0; sum.len()]);
            for (highest, sum) in highest.iter_mut().zip(sum) {
                *highest = sum.max(*highest);
            }
        }
    }

    /// No counter falls or vanishes, and every histogram is one.
    fn see(&mut self, blocks: &Arc<Vec<Block>>) {
        let mut seen = 0;
        for block in blocks.iter().filter(|block| block.family.kind != Kind::Gauge) {
            for sample in &block.samples {
                seen += 1;
                let (name, labels) = (block.family.name, sample.labels.clone());
                assert!(
                    sample.values.iter().all(|value| *value >= 0),
                    "{name}{{{}}} is negative",
                    labels.as_str()
                );
                if let Kind::Histogram(bounds) = block.family.kind {
                    let counts = &sample.values[..=bounds.len()];
                    assert!(
                        counts.is_sorted(),
                        "{name}{{{}}} is not cumulative: {counts:?}",
                        labels.as_str()
                    );
                }
                if let Some(before) = self.shown.insert((name, labels.clone()), sample.values.clone()) {
                    let falls = before.iter().zip(&*sample.values).any(|(before, now)| now < before);
                    assert!(
                        !falls,
                        "{name}{{{}}} fell from {before:?} to {:?}",
                        labels.as_str(),
                        sample.values
                    );
                }
            }
        }
        assert_eq!(seen, self.shown.len(), "a counter that was shown is gone");
    }

    /// Every counter equals its sum, or the highest it has shown where the sum has fallen.
    pub(super) fn judge(&self, whole: &Sums) {
        let text = |(name, labels): &Series| (*name, labels.as_str().to_owned());
        let shown: Sums = self.shown.iter().map(|(series, values)| (text(series), values.to_vec())).collect();
        let highest: Sums =
            self.highest.iter().map(|(series, values)| (text(series), values.clone())).collect();
        sums::assert_same("counters and their highest sums", &highest, &shown);
        for (series, sum) in whole {
            let highest = &highest[series];
            assert!(sum.iter().zip(highest).all(|(sum, highest)| sum <= highest), "{series:?}");
        }
    }

    /// Series that stand above their sum, because it fell.
    pub(super) fn waiting(&self, whole: &Sums) -> usize {
        let fallen = |(name, labels): &Series, values: &[i64]| {
            whole.get(&(*name, labels.as_str().to_owned())).is_some_and(|sum| sum.as_slice() != values)
        };
        self.shown.iter().filter(|(series, values)| fallen(series, values)).count()
    }
}
