//! How long things took, in bounded memory.

use core::fmt;

use sketches_ddsketch::{Config, DDSketch};

/// How long things took, in nanoseconds: how many, how long altogether, and any quantile.
///
/// A DDSketch of the crate `sketches-ddsketch` (Masson, Rim, Lee: "DDSketch", VLDB 2019). Counts, totals and the extremes are exact; a
/// quantile is that of one of the values, less or more 1 in 100. It has up to 2,304 bins of eight bytes, as many as 64 bits need, so that
/// none ever collapses: adding up two gives what one of all their values had given. Most have some 128.
#[derive(Clone)]
pub struct Distribution {
    total: u64,
    sketch: DDSketch,
}

/// How far a quantile may be off, as a share of it.
const RELATIVE_ERROR: f64 = 0.01;
/// As many as there are in 64 bits, in steps of 128.
const MOST_BINS: u32 = 18 * 128;
/// Below this is 0.
const LEAST: f64 = 0.5;

impl Default for Distribution {
    fn default() -> Self {
        Self { total: 0, sketch: DDSketch::new(Config::new(RELATIVE_ERROR, MOST_BINS, LEAST)) }
    }
}

impl Distribution {
    /// One of no values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, nanoseconds: u64) {
        self.total = self.total.saturating_add(nanoseconds);
        self.sketch.add(nanoseconds as f64);
    }

    /// Adds all values of another one.
    pub fn merge(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        // All of them have one configuration.
        let merged = self.sketch.merge(&other.sketch);
        debug_assert!(merged.is_ok());
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.sketch.count() as u64
    }

    /// How long altogether, in nanoseconds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The mean, in nanoseconds; 0 without values.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.total.checked_div(self.count()).unwrap_or(0)
    }

    /// The shortest, in nanoseconds; 0 without values.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.sketch.min().unwrap_or(0.0) as u64
    }

    /// The longest, in nanoseconds; 0 without values.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.sketch.max().unwrap_or(0.0) as u64
    }

    /// The least value that such a share of all does not exceed, in nanoseconds: from 0, the shortest, to 1, the longest. 0 without values.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = (share.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64;
        self.at_rank(rank.saturating_sub(1))
    }

    /// Up to so many values that stand for all, in order: all of them, or as many from equal parts. Each is less or more 1 in 100.
    #[must_use]
    pub fn values(&self, most: usize) -> Vec<u64> {
        let count = self.count();
        let taken = count.min(most as u64);
        let rank = |index: u64| u128::from(2 * index + 1) * u128::from(count) / u128::from(2 * taken);
        (0..taken).map(|index| self.at_rank(rank(index) as u64)).collect()
    }

    /// The value that so many others come before, in their order.
    fn at_rank(&self, rank: u64) -> u64 {
        let last = self.count().saturating_sub(1);
        match rank {
            0 => self.min(),
            rank if rank >= last => self.max(),
            _ => {
                // Of a share the sketch gives the rank that is its part of the last one, rounded down.
                let quantile = self.sketch.quantile((rank as f64 + 0.5) / last as f64);
                let value = quantile.ok().flatten().unwrap_or(0.0).round() as u64;
                value.clamp(self.min(), self.max())
            }
        }
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [0.5, 0.99].map(|share| self.quantile(share));
        f.debug_struct("Distribution")
            .field("count", &self.count())
            .field("total", &self.total)
            .field("min", &self.min())
            .field("p50", &p50)
            .field("p99", &p99)
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_and_extremes_exact() {
        let mut distribution = Distribution::new();
        assert_eq!((distribution.count(), distribution.quantile(0.5), distribution.max()), (0, 0, 0));
        assert!(distribution.values(10).is_empty());
        (1..=10_000).for_each(|value| distribution.add(value * 1_000));
        assert_eq!((distribution.count(), distribution.total()), (10_000, 50_005_000_000));
        assert_eq!(
            (distribution.min(), distribution.max(), distribution.mean()),
            (1_000, 10_000_000, 5_000_500)
        );
        for (share, exact) in [(0.5, 5_000_000_f64), (0.9, 9_000_000.0), (0.99, 9_900_000.0)] {
            let found = distribution.quantile(share) as f64;
            assert!((found / exact - 1.0).abs() <= RELATIVE_ERROR + 1e-3, "{share}: {found}");
        }
    }

    #[test]
    fn all_of_64_bits_are_told_apart() {
        let mut distribution = Distribution::new();
        [0, 1, u64::MAX].into_iter().for_each(|value| distribution.add(value));
        (0..64).for_each(|bit| distribution.add(1 << bit));
        assert_eq!((distribution.count(), distribution.total()), (67, u64::MAX));
        assert_eq!((distribution.quantile(0.0), distribution.quantile(1.0)), (0, u64::MAX));
        // Behind 0 and 1, another 1 and the other powers.
        for (index, value) in distribution.values(67).into_iter().skip(2).take(64).enumerate() {
            let exact = (1_u64 << index) as f64;
            assert!(
                (value as f64 / exact - 1.0).abs() <= RELATIVE_ERROR || value.abs_diff(1 << index) <= 1,
                "{value}"
            );
        }
    }

    #[test]
    fn values_stand_for_all() {
        let mut distribution = Distribution::new();
        (1..=5).for_each(|value| distribution.add(value * 100_000));
        let values = distribution.values(1_000);
        assert_eq!(values.len(), 5);
        for (index, value) in values.into_iter().enumerate() {
            assert!(value.abs_diff((index as u64 + 1) * 100_000) <= (index as u64 + 1) * 1_000, "{value}");
        }
        (6..=1_000).for_each(|value| distribution.add(value * 100_000));
        let values = distribution.values(10);
        let sum: u64 = values.iter().sum();
        assert!(
            values.is_sorted() && values.len() == 10 && sum.abs_diff(10 * 50_000_000) < 10 * 1_000_000,
            "{values:?}"
        );
    }
}
