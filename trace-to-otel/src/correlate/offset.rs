//! What the clocks of two processes differ by.
//!
//! A request begins before its answer does and ends after it, which bounds the offset from both sides, by the times on
//! the network: Cristian's algorithm. Of many bounds those hold that most agree on: Marzullo's algorithm.

use std::collections::BTreeMap;

use crate::correlate::process::ProcessIndex;

/// What is known of the offset between the clocks of two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockOffset {
    /// The process whose clock is told by the other's.
    pub process: ProcessIndex,
    /// The other one, which was added first.
    pub reference: ProcessIndex,
    /// The offset; none where not more than half of the pairs agree on one.
    pub estimate: Option<OffsetEstimate>,
    /// Pairs of a client and a server span of both processes, in either direction.
    pub pairs: u64,
    /// Those of them that most others contradict.
    pub contradictions: u64,
}

/// An offset between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetEstimate {
    /// Nanoseconds to add to times of [`ClockOffset::process`] to have those of [`ClockOffset::reference`].
    pub nanoseconds: i64,
    /// By how many nanoseconds that may be wrong at most, if the pairs that agree are right.
    pub error: u64,
}

impl ClockOffset {
    /// What to add to the times of one to have those of the other.
    pub(super) fn between(&self, process: ProcessIndex, reference: ProcessIndex) -> Option<i64> {
        let estimate = self.estimate?;
        if (process, reference) == (self.process, self.reference) {
            Some(estimate.nanoseconds)
        } else if (process, reference) == (self.reference, self.process) {
            Some(estimate.nanoseconds.saturating_neg())
        } else {
            None
        }
    }

    /// The same with its error.
    pub(super) fn bounds(&self, process: ProcessIndex, reference: ProcessIndex) -> Option<Bounds> {
        let offset = i128::from(self.between(process, reference)?);
        let error = i128::from(self.estimate?.error);
        Some(Bounds { low: offset - error, high: offset + error })
    }
}

/// The least and the greatest offset that are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) low: i128,
    pub(super) high: i128,
}

impl Bounds {
    /// What the clock of a server may lack to its client's, by when each side began and ended.
    pub(super) fn of(client: (u64, u64), server: (u64, u64)) -> Self {
        let less = |a: u64, b: u64| i128::from(a) - i128::from(b);
        // A client span may end when the response's headers have come. A server that is still writing then takes longer.
        let is_enclosed = server.1.saturating_sub(server.0) <= client.1.saturating_sub(client.0);
        let last = if is_enclosed { server.1 } else { server.0 };
        Self { low: less(client.0, server.0), high: less(client.1, last) }
    }

    /// The same, told by the other clock.
    pub(super) fn reversed(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    fn estimate(self) -> Option<OffsetEstimate> {
        let middle = self.low + (self.high - self.low) / 2;
        let nanoseconds = i64::try_from(middle).ok()?;
        let error = u64::try_from((self.high - middle).max(middle - self.low)).ok()?;
        Some(OffsetEstimate { nanoseconds, error })
    }
}

/// What the pairs of spans of each two processes say.
#[derive(Debug, Default)]
pub(super) struct PairsOfProcesses(BTreeMap<(ProcessIndex, ProcessIndex), Pairs>);

impl PairsOfProcesses {
    /// Adds what a client's process knows of a server's clock.
    pub(super) fn add(&mut self, client: ProcessIndex, server: ProcessIndex, bounds: Bounds) {
        // A span that ends before it begins says nothing.
        if bounds.low > bounds.high {
            return;
        }
        let (processes, bounds) =
            if client < server { ((client, server), bounds) } else { ((server, client), bounds.reversed()) };
        self.0.entry(processes).or_default().push(bounds);
    }

    pub(super) fn offsets(&self) -> Vec<ClockOffset> {
        self.0.iter().map(|(&(reference, process), pairs)| pairs.offset(process, reference)).collect()
    }
}

/// What each pair of spans says.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<Bounds>);

impl Pairs {
    pub(super) fn push(&mut self, bounds: Bounds) {
        self.0.push(bounds);
    }

    pub(super) fn offset(&self, process: ProcessIndex, reference: ProcessIndex) -> ClockOffset {
        let (agreed, agreeing) = self.agreed();
        let pairs = self.0.len();
        let estimate = agreed.filter(|_| agreeing * 2 > pairs).and_then(Bounds::estimate);
        let contradictions = (pairs - agreeing) as u64;
        ClockOffset { process, reference, estimate, pairs: pairs as u64, contradictions }
    }

    /// The offsets that most pairs agree on, and how many these are; where several do, the narrowest, then the least.
    fn agreed(&self) -> (Option<Bounds>, usize) {
        let begins = self.0.iter().map(|bounds| (bounds.low, false));
        let ends = self.0.iter().map(|bounds| (bounds.high, true));
        let mut edges: Vec<_> = begins.chain(ends).collect();
        // Where one ends as another begins both hold.
        edges.sort_unstable();
        let (mut best, mut most, mut open, mut low) = (None::<Bounds>, 0, 0, None);
        for (at, is_end) in edges {
            if !is_end {
                (open, low) = (open + 1, Some(at));
                continue;
            }
            if let Some(low) = low.take() {
                let found = Bounds { low, high: at };
                let is_narrower = best.is_none_or(|best| at - low < best.high - best.low);
                if open > most || (open == most && is_narrower) {
                    (best, most) = (Some(found), open);
                }
            }
            open -= 1;
        }
        (best, most)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, OffsetEstimate, Pairs};
    use crate::correlate::process::ProcessIndex;
    use proptest::prelude::*;

    fn pairs(bounds: &[(i128, i128)]) -> Pairs {
        Pairs(bounds.iter().map(|&(low, high)| Bounds { low, high }).collect())
    }

    fn estimate(bounds: &[(i128, i128)]) -> (Option<(i64, u64)>, u64) {
        let offset = pairs(bounds).offset(ProcessIndex(1), ProcessIndex(0));
        let estimate = offset.estimate.map(|OffsetEstimate { nanoseconds, error }| (nanoseconds, error));
        (estimate, offset.contradictions)
    }

    #[test]
    fn most_pairs_decide() {
        assert_eq!(estimate(&[]), (None, 0));
        assert_eq!(estimate(&[(-10, 20)]), (Some((5, 15)), 0));
        assert_eq!(estimate(&[(-10, 21)]), (Some((5, 16)), 0));
        assert_eq!(estimate(&[(0, 10), (5, 20), (7, 8), (100, 110)]), (Some((7, 1)), 1));
        assert_eq!(estimate(&[(0, 10), (10, 20)]), (Some((10, 0)), 0));
        // One against one: nobody knows.
        assert_eq!(estimate(&[(0, 10), (11, 20)]), (None, 1));
        // Wider than the widest clock.
        assert_eq!(estimate(&[(i128::from(u64::MAX), i128::from(u64::MAX))]), (None, 0));
    }

    proptest! {
        #[test]
        fn agreement_is_what_counting_gives(bounds in prop::collection::vec((-20..20_i128, 0..20_i128), 1..12)) {
            // Even numbers only, so that there is something between any two.
            let bounds: Vec<_> = bounds.into_iter().map(|(low, length)| (low * 2, (low + length) * 2)).collect();
            let count = |at: i128| bounds.iter().filter(|(low, high)| (*low..=*high).contains(&at)).count();
            let most = (-40..80).map(count).max().unwrap_or(0);
            let (agreed, agreeing) = pairs(&bounds).agreed();
            prop_assert_eq!(agreeing, most);
            let Bounds { low, high } = agreed.expect("there is one");
            prop_assert!((low..=high).all(|at| count(at) == most));
            prop_assert!(count(low - 1) < most && count(high + 1) < most);
        }
    }
}
