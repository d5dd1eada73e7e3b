//! Durations, counted in whole nanoseconds as they come, and made a histogram once per generation.

use crate::{anatomy::seconds, metric::Histogram};

/// Bounds between buckets, in seconds: powers of 2 in nanoseconds, from 256 ns to 8.6 s.
///
/// Each is a bound of Go's own histograms too (`runtime.timeHistogramMetricsBuckets`), which have three more between
/// any two, so that what the runtime has counted can be added up to these.
const BOUNDS: [f64; 26] = {
    let mut bounds = [0.0; 26];
    let mut exponent = 0;
    while exponent < bounds.len() {
        bounds[exponent] = (1_u64 << (FIRST_EXPONENT as usize + exponent)) as f64 / 1e9;
        exponent += 1;
    }
    bounds
};

const FIRST_EXPONENT: u32 = 8;

/// The bucket of a duration.
#[inline]
pub(super) fn bucket(nanoseconds: u64) -> usize {
    // The power of 2 that is not below: a bound belongs to the bucket beneath it.
    let exponent = u64::BITS - nanoseconds.saturating_sub(1).leading_zeros();
    (exponent.saturating_sub(FIRST_EXPONENT) as usize).min(BOUNDS.len())
}

/// How long some things took.
#[derive(Debug)]
pub(super) struct Durations {
    counts: [u64; BOUNDS.len() + 1],
    sum: u64,
    least: u64,
    most: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: [0; BOUNDS.len() + 1], sum: 0, least: u64::MAX, most: 0 }
    }
}

impl Durations {
    #[inline]
    pub(super) fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.sum = self.sum.saturating_add(nanoseconds);
        self.least = self.least.min(nanoseconds);
        self.most = self.most.max(nanoseconds);
    }

    /// The histogram, in seconds; none where there is nothing in it. What comes after it begins anew.
    pub(super) fn take(&mut self) -> Option<Histogram> {
        let Self { counts, sum, least, most } = core::mem::take(self);
        (least <= most).then(|| {
            let range = (seconds(least), seconds(most));
            Histogram::from_counts(&BOUNDS[..], counts.to_vec(), seconds(sum), range)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Durations, FIRST_EXPONENT};
    use crate::metric::Histogram;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buckets_are_those_of_a_histogram(
            exponents in prop::collection::vec((0..64_u32, -1..2_i64), 1..50),
        ) {
            let mut durations = Durations::default();
            let mut histogram = Histogram::new(&BOUNDS[..]);
            for (exponent, near) in exponents {
                let nanoseconds = (1_u64 << exponent).saturating_add_signed(near);
                durations.record(nanoseconds);
                histogram.record(nanoseconds as f64 / 1e9);
            }
            let taken = durations.take().expect("there are some");
            prop_assert_eq!(taken.counts(), histogram.counts());
            prop_assert_eq!((taken.min(), taken.max()), (histogram.min(), histogram.max()));
            prop_assert_eq!(durations.take(), None);
        }
    }

    #[test]
    fn bounds_are_powers_of_two() {
        assert_eq!((BOUNDS[0], BOUNDS[25]), (256e-9, (1_u64 << (FIRST_EXPONENT + 25)) as f64 / 1e9));
        assert!(BOUNDS.is_sorted());
    }
}
