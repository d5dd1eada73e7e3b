//! How often and how long, by what, why, where and in which span.

use go_trace_format::Time;
use indexmap::IndexMap;

use crate::{
    clock::nanoseconds,
    profiles::{account::Account, reasons::Reason, spans::SpanNumber, stacks::StackNumber},
};

/// An account, a reason, a stack, and the innermost span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) account: Account,
    pub(super) reason: Reason,
    pub(super) stack: StackNumber,
    pub(super) span: SpanNumber,
}

/// How often, and how long altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) count: u64,
    pub(super) nanoseconds: u64,
}

impl Total {
    pub(super) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.nanoseconds = self.nanoseconds.saturating_add(other.nanoseconds);
    }
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) since: Time,
    pub(crate) until: Time,
}

impl Interval {
    /// All times.
    pub(crate) const ALWAYS: Self = Self { since: Time(i64::MIN), until: Time(i64::MAX) };

    pub(super) fn at(time: Time) -> Self {
        Self { since: time, until: time }
    }

    /// What of it lies in another one; it ends before it begins where nothing does.
    #[inline]
    pub(crate) fn within(self, other: Self) -> Self {
        Self { since: self.since.max(other.since), until: self.until.min(other.until) }
    }

    /// Whether a time is in it, or at one of its ends.
    #[inline]
    pub(crate) fn holds(self, time: Time) -> bool {
        self.since <= time && time <= self.until
    }

    pub(crate) fn nanoseconds(self) -> u64 {
        nanoseconds(self.since, self.until)
    }
}

/// The totals.
#[derive(Debug)]
pub(super) struct Ledger {
    totals: IndexMap<u64, Total, foldhash::fast::RandomState>,
    /// What is counted: nothing before, nothing behind.
    window: Interval,
    most: usize,
    most_in_spans: usize,
    /// How many of the totals are of spans.
    in_spans: usize,
    left_out: u64,
    left_out_of_spans: u64,
}

/// How many bits a stack and a span have in a key's number, which leaves twelve for reasons and four for accounts.
const BITS: u32 = 24;
/// How many stacks, or spans, there can be at most.
pub(super) const MOST_NUMBERS: usize = (1 << BITS) - 2;

impl Key {
    /// Assists of the garbage collector that began somewhere.
    pub(super) fn of_assist(stack: StackNumber, span: SpanNumber) -> Self {
        Self { account: Account::Gc, reason: Reason::ASSIST, stack, span }
    }

    /// In one number, which is hashed at once.
    #[inline]
    fn number(self) -> u64 {
        u64::from(self.span.0) << (64 - BITS)
            | u64::from(self.stack.0) << (64 - 2 * BITS)
            | u64::from(self.reason.0) << 4
            | u64::from(self.account as u8)
    }

    fn of_number(number: u64) -> Option<Self> {
        Some(Self {
            account: *Account::ALL.get((number & 0xf) as usize)?,
            reason: Reason((number >> 4 & 0xfff) as u16),
            stack: StackNumber((number >> (64 - 2 * BITS) & MASK) as u32),
            span: SpanNumber((number >> (64 - BITS)) as u32),
        })
    }
}

const MASK: u64 = (1 << BITS) - 1;

impl Ledger {
    /// For so many totals, and so many more that are of spans.
    pub(super) fn new(most: usize, most_in_spans: usize) -> Self {
        Self {
            totals: IndexMap::default(),
            window: Interval::ALWAYS,
            most,
            most_in_spans,
            in_spans: 0,
            left_out: 0,
            left_out_of_spans: 0,
        }
    }

    /// Counts nothing outside of this from now on.
    pub(super) fn look_at(&mut self, window: Interval) {
        self.window = window;
    }

    pub(super) fn window(&self) -> Interval {
        self.window
    }

    /// Counts once more, with the time between.
    #[inline]
    pub(super) fn add(&mut self, key: Key, interval: Interval) {
        self.add_times(1, key, interval);
    }

    /// Counts the time of something that goes on.
    pub(super) fn add_part(&mut self, key: Key, interval: Interval) {
        if interval.nanoseconds() > 0 {
            self.add_times(0, key, interval);
        }
    }

    /// What of an interval counts, if it lies in the window at all.
    #[inline]
    pub(super) fn counted(&self, interval: Interval) -> Option<Interval> {
        let window = self.window;
        let is_outside = interval.until < window.since || interval.since > window.until;
        (!is_outside).then(|| interval.within(window))
    }

    #[inline]
    fn add_times(&mut self, count: u64, key: Key, interval: Interval) {
        let Some(counted) = self.counted(interval) else { return };
        let once = Total { count, nanoseconds: counted.nanoseconds() };
        match self.totals.get_mut(&key.number()) {
            Some(total) => total.add(once),
            None => self.open(key, once),
        }
    }

    #[cold]
    fn open(&mut self, mut key: Key, total: Total) {
        if key.span != SpanNumber::NONE && self.in_spans >= self.most_in_spans {
            self.left_out_of_spans += 1;
            key.span = SpanNumber::NONE;
        }
        let is_full = self.totals.len() - self.in_spans >= self.most;
        if is_full && key.span == SpanNumber::NONE && !self.totals.contains_key(&key.number()) {
            // As many as there are accounts and reasons.
            if key.stack != StackNumber::NONE && key.stack != StackNumber::OTHER {
                self.left_out += 1;
                key.stack = StackNumber::OTHER;
            }
        }
        let (is_of_span, before) = (key.span != SpanNumber::NONE, self.totals.len());
        self.totals.entry(key.number()).or_default().add(total);
        self.in_spans += usize::from(is_of_span && self.totals.len() > before);
    }

    /// How often a total of its own was one too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How often it was for a span.
    pub(super) fn left_out_of_spans(&self) -> u64 {
        self.left_out_of_spans
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, Total)> + '_ {
        self.totals.iter().filter_map(|(&number, &total)| Some((Key::of_number(number)?, total)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_number() {
        for (place, account) in Account::ALL.into_iter().enumerate() {
            assert_eq!(account as usize, place);
            let (stack, span) = (StackNumber(0x00fe_dcba), SpanNumber(0x0012_3456));
            let key = Key { account, reason: Reason(0x123), stack, span };
            assert_eq!(Key::of_number(key.number()), Some(key));
        }
    }
}
