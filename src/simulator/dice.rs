//! Seeded chance: the same seed and purpose give the same throws on every machine.

/// A stream of throws that depends on nothing but the words it was made from.
///
/// The generator is `SplitMix64`, written out: a centre must stay the same for years, whatever a library
/// improves, and a day of a hundred thousand calls takes millions of throws.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

/// Mixes words into one, so that neighbouring days and operations have unrelated streams.
pub(super) fn mix(words: &[u64]) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for word in words {
        state = (state ^ word).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 30)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^= state >> 31;
    }
    state
}

impl Dice {
    /// The stream of these words.
    pub(super) fn of(words: &[u64]) -> Dice {
        Dice(mix(words))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        // The upper 53 bits are all that a float between 0 and 1 can hold.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u128::from(high.max(low).abs_diff(low)) + 1;
        // The upper half of a product maps a word onto the span without a visible bias.
        low + ((u128::from(self.next()) * span) >> 64) as i64
    }

    /// Exponential with this mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    /// How many of something happen where `mean` are expected.
    pub(super) fn poisson(&mut self, mean: f64) -> usize {
        if mean > 60.0 {
            // The normal approximation: the sum of twelve uniforms has variance 1.
            let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            return (mean + normal * mean.sqrt()).round().max(0.0) as usize;
        }
        let limit = (-mean).exp();
        let (mut count, mut product) = (0, self.unit());
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }

    /// An index, chosen with these weights.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn throws_stay_in_their_range(seed in any::<u64>(), low in -1_000_i64..1_000, span in 0_i64..1_000) {
            let mut dice = Dice::of(&[seed]);
            prop_assert!((low..=low + span).contains(&dice.between(low, low + span)));
            prop_assert!((0.0..1.0).contains(&dice.unit()));
            prop_assert!(dice.exponential(3.0) >= 0.0);
            prop_assert!(dice.weighted(&[0.0, 1.0, 0.0]) == 1);
            prop_assert!(!dice.chance(0.0) && dice.chance(1.0));
        }

        #[test]
        fn means_are_what_was_asked_for(seed in any::<u64>(), mean in 0.5_f64..400.0) {
            let mut dice = Dice::of(&[seed]);
            let throws = 2_000.0;
            let counted: usize = (0..2_000).map(|_| dice.poisson(mean)).sum();
            // Seven standard errors.
            prop_assert!((counted as f64 / throws - mean).abs() < 7.0 * (mean / throws).sqrt() + 0.05);
            let waited: f64 = (0..2_000).map(|_| dice.exponential(mean)).sum();
            prop_assert!((waited / throws - mean).abs() < 7.0 * mean / throws.sqrt());
        }
    }

    #[test]
    fn neighbouring_words_have_unrelated_streams() {
        let mut seen = std::collections::BTreeSet::new();
        for (first, second) in (0..50).flat_map(|first| (0..50).map(move |second| (first, second))) {
            seen.insert(mix(&[first, second]));
        }
        assert_eq!(seen.len(), 2_500);
    }
}
