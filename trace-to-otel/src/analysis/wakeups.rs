//! Who waits for whom.

use std::collections::HashMap;

use crate::{analysis::goroutines::GroupKind, profiles::Reason};

/// Goroutines of one group waited until those of another one woke them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wakeup {
    /// Who waited.
    pub waiter: GroupKind,
    /// Who ended that; none where the runtime did by itself, as the network or a timer was ready.
    pub waker: Option<GroupKind>,
    /// What for, as the trace tells it: `chan receive`. Empty where it does not.
    pub reason: Box<str>,
    /// How often.
    pub count: u64,
    /// How long they had waited altogether, in nanoseconds, as far as that was recorded.
    pub nanoseconds: u64,
    /// How long at most, in nanoseconds.
    pub longest: u64,
}

impl Wakeup {
    /// What all that are added up have in common.
    pub(super) fn key(&self) -> (GroupKind, Option<GroupKind>, Box<str>) {
        (self.waiter.clone(), self.waker.clone(), self.reason.clone())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.nanoseconds = self.nanoseconds.saturating_add(other.nanoseconds);
        self.longest = self.longest.max(other.longest);
    }
}

/// A group by its number among those of a collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct GroupNumber(pub(super) u32);

/// Who waited, who woke them, and what for.
pub(super) type Edge = (GroupNumber, Option<GroupNumber>, Reason);

/// How often, how long, and how long at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waited {
    pub(super) count: u64,
    pub(super) nanoseconds: u64,
    pub(super) longest: u64,
}

/// All of a recording, up to so many.
#[derive(Debug, Default)]
pub(super) struct Wakeups {
    edges: HashMap<Edge, Waited, foldhash::fast::RandomState>,
    /// What further ones would have.
    left_out: Waited,
}

impl Waited {
    fn add(&mut self, nanoseconds: u64) {
        self.count += 1;
        self.nanoseconds = self.nanoseconds.saturating_add(nanoseconds);
        self.longest = self.longest.max(nanoseconds);
    }
}

impl Wakeups {
    /// How many pairs of groups there may be, each with a reason.
    pub(super) const MOST: usize = 4_096;

    #[inline]
    pub(super) fn add(&mut self, edge: Edge, nanoseconds: u64) {
        let is_full = self.edges.len() >= Self::MOST;
        let waited = match self.edges.get_mut(&edge) {
            Some(known) => known,
            None if !is_full => self.edges.entry(edge).or_default(),
            None => &mut self.left_out,
        };
        waited.add(nanoseconds);
    }

    /// All of them, and what was left out.
    pub(super) fn into_parts(self) -> (impl Iterator<Item = (Edge, Waited)>, Waited) {
        (self.edges.into_iter(), self.left_out)
    }
}
