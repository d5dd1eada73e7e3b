//! How busy the program was, and how long goroutines waited to run, over time.

use crate::{analysis::Distribution, span::UnixTime};

/// Equal parts of the time of a recording, 128 at most.
///
/// Their width is a power of two of nanoseconds, from 1.05 ms on, and each begins at a multiple of it since 1970: so that those of
/// several recordings, each on its own wall clock, can be added up.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The width is 2 to this power.
    shift: u32,
    /// How many widths the first begins after 1970.
    first: u64,
    buckets: Vec<Bucket>,
}

/// A part of the time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Bucket {
    /// How long goroutines ran, all of them together, in nanoseconds.
    pub running: u64,
    /// How long they could have run at most, in nanoseconds: the time recorded times the procs (`GOMAXPROCS`), as far as the trace tells how
    /// many there were. So much of it was used as [`running`](Self::running) is its share.
    pub capacity: u64,
    /// How long goroutines waited from being able to run to running, of those that ran in this part.
    pub latency: Distribution,
}

impl Bucket {
    fn merge(&mut self, other: &Self) {
        self.running = self.running.saturating_add(other.running);
        self.capacity = self.capacity.saturating_add(other.capacity);
        self.latency.merge(&other.latency);
    }

    /// Which share of the procs' time goroutines ran; none where the trace tells of no procs.
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        (self.capacity > 0).then(|| self.running as f64 / self.capacity as f64)
    }
}

/// How many parts there are at most.
const MOST: u64 = 128;
/// The least width: 1.05 ms.
const LEAST_SHIFT: u32 = 20;

impl Timeline {
    /// How long each part is, in nanoseconds; 0 where there is none.
    #[must_use]
    pub fn width(&self) -> u64 {
        if self.buckets.is_empty() { 0 } else { 1 << self.shift }
    }

    /// The parts in order, each with when it begins, without a gap between them.
    pub fn buckets(&self) -> impl Iterator<Item = (UnixTime, &Bucket)> {
        let begin = |index: usize| UnixTime((self.first + index as u64) << self.shift);
        self.buckets.iter().enumerate().map(move |(index, bucket)| (begin(index), bucket))
    }

    /// All parts together.
    #[must_use]
    pub fn whole(&self) -> Bucket {
        let mut whole = Bucket::default();
        self.buckets.iter().for_each(|bucket| whole.merge(bucket));
        whole
    }

    /// Adds what another one has.
    pub(super) fn merge(&mut self, other: &Self) {
        let (Some(last), shift) = (other.buckets.len().checked_sub(1), other.shift) else { return };
        self.coarsen_to(shift);
        self.reach(other.first << shift, (other.first + last as u64) << shift);
        for (begin, bucket) in other.buckets() {
            self.at(begin.0).merge(bucket);
        }
    }

    /// Goroutines ran for a while.
    #[inline]
    pub(super) fn run(&mut self, since: UnixTime, until: UnixTime) {
        self.spread(since, until, |bucket, nanoseconds| {
            bucket.running = bucket.running.saturating_add(nanoseconds);
        });
    }

    /// They could have run on so many procs for a while.
    pub(super) fn offer(&mut self, since: UnixTime, until: UnixTime, procs: u64) {
        self.spread(since, until, |bucket, nanoseconds| {
            bucket.capacity = bucket.capacity.saturating_add(nanoseconds.saturating_mul(procs));
        });
    }

    /// One runs that could have run for so long.
    #[inline]
    pub(super) fn start(&mut self, time: UnixTime, latency: u64) {
        self.reach(time.0, time.0);
        self.at(time.0).latency.add(latency);
    }

    #[inline]
    fn spread(&mut self, since: UnixTime, until: UnixTime, mut add: impl FnMut(&mut Bucket, u64)) {
        let (mut since, until) = (since.0, until.0);
        if until <= since {
            return;
        }
        self.reach(since, until - 1);
        while since < until {
            let end = (((since >> self.shift) + 1) << self.shift).min(until);
            add(self.at(since), end - since);
            since = end;
        }
    }

    /// The part in which a moment is that has been reached.
    #[inline]
    fn at(&mut self, time: u64) -> &mut Bucket {
        let index = (time >> self.shift) - self.first;
        &mut self.buckets[index as usize]
    }

    /// Sees to it that there are parts from one moment to another.
    #[inline]
    fn reach(&mut self, since: u64, until: u64) {
        let [first, last] = [since, until].map(|time| time >> self.shift);
        let is_there = first >= self.first && last < self.first + self.buckets.len() as u64;
        if !is_there {
            self.extend(since, until);
        }
    }

    #[cold]
    fn extend(&mut self, since: u64, until: u64) {
        self.shift = self.shift.max(LEAST_SHIFT);
        let (since, until) = match self.buckets.len() as u64 {
            0 => (since, until),
            count => {
                let (begin, end) = (self.first << self.shift, (self.first + count - 1) << self.shift);
                (since.min(begin), until.max(end))
            }
        };
        let mut shift = self.shift;
        while (until >> shift) - (since >> shift) >= MOST {
            shift += 1;
        }
        self.coarsen_to(shift);
        let (first, last) = (since >> shift, until >> shift);
        if self.buckets.is_empty() {
            self.first = first;
        }
        let missing = (self.first - first) as usize;
        self.buckets.splice(0..0, (0..missing).map(|_| Bucket::default()));
        self.first = first;
        self.buckets.resize_with((last - first + 1) as usize, Bucket::default);
    }

    /// Makes the parts as wide as that, if they are not.
    fn coarsen_to(&mut self, shift: u32) {
        let by = shift.saturating_sub(self.shift);
        self.shift += by;
        if by == 0 || self.buckets.is_empty() {
            return;
        }
        let first = self.first >> by;
        let mut buckets: Vec<Bucket> = Vec::new();
        for (index, bucket) in (self.first..).zip(std::mem::take(&mut self.buckets)) {
            let place = ((index >> by) - first) as usize;
            match buckets.get_mut(place) {
                Some(wider) => wider.merge(&bucket),
                None => buckets.push(bucket),
            }
        }
        (self.first, self.buckets) = (first, buckets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1 << LEAST_SHIFT;

    #[test]
    fn parts_become_wider_and_lose_nothing() {
        let mut timeline = Timeline::default();
        assert_eq!((timeline.width(), timeline.buckets().count()), (0, 0));
        let begin = 5 * MILLISECOND;
        timeline.run(UnixTime(begin + 10), UnixTime(begin + 3 * MILLISECOND));
        assert_eq!(timeline.width(), MILLISECOND);
        let running: Vec<_> = timeline.buckets().map(|(begin, bucket)| (begin.0, bucket.running)).collect();
        let expected = [MILLISECOND - 10, MILLISECOND, MILLISECOND];
        assert_eq!(running, [0, 1, 2].map(|index| (begin + index as u64 * MILLISECOND, expected[index])));
        timeline.offer(UnixTime(begin), UnixTime(begin + 1_000 * MILLISECOND), 4);
        timeline.start(UnixTime(0), 7);
        assert!(timeline.buckets().count() <= MOST as usize && timeline.width() == 8 * MILLISECOND);
        let whole = timeline.whole();
        assert_eq!((whole.running, whole.capacity), (3 * MILLISECOND - 10, 4_000 * MILLISECOND));
        assert_eq!((whole.latency.count(), whole.latency.total()), (1, 7));
        timeline.start(UnixTime(u64::MAX), 9);
        assert!(timeline.buckets().count() <= MOST as usize && timeline.whole().latency.count() == 2);
    }

    #[test]
    fn two_are_what_one_had_been() {
        let runs = [(3, 40), (700, 5), (90_000, 2_000), (1, 1), (64_000, 3)];
        let add = |timeline: &mut Timeline, &(at, length): &(u64, u64)| {
            timeline.run(UnixTime(at * 77_777), UnixTime((at + length) * 77_777));
        };
        for split in 0..=runs.len() {
            let [mut all, mut one, mut other] = [(); 3].map(|()| Timeline::default());
            runs.iter().for_each(|run| add(&mut all, run));
            runs[..split].iter().for_each(|run| add(&mut one, run));
            runs[split..].iter().for_each(|run| add(&mut other, run));
            one.merge(&other);
            let parts = |timeline: &Timeline| {
                timeline.buckets().map(|(begin, bucket)| (begin, bucket.running)).collect::<Vec<_>>()
            };
            assert_eq!((parts(&one), one.width()), (parts(&all), all.width()), "{split}");
        }
    }
}
