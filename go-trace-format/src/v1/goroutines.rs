//! Goroutines: in which order their events come, and in which state they are. Go: `tracev1/order.go`.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    order::slots::{NO_SLOT, Slots},
    v1::{spec::Kind, stream::EventV1},
};

/// The state of a goroutine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Status {
    #[default]
    Dead,
    Runnable,
    Running,
    Waiting,
}

/// What is known of a goroutine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Goroutine {
    /// How far it has come in the order in which events were written down.
    pub(super) progress: Progress,
    /// When it went into a system call in which it blocked, in the same order; 0 for never.
    pub(super) blocked_at: i64,
    /// Its state in the order in which events happened.
    pub(super) status: Status,
    /// Whether it was created.
    pub(super) exists: bool,
    /// Whether it waits for the network.
    pub(super) is_on_network: bool,
    pub(super) assists: bool,
}

/// A goroutine's place in the sequence of its own events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    pub(super) sequence: u64,
    pub(super) status: Status,
}

/// In what is awaited: any number.
pub(super) const ANY: u64 = u64::MAX;
/// In what comes next: one more.
const ONE_MORE: u64 = u64::MAX - 1;
/// Stands for the garbage collector among the goroutines.
const COLLECTOR: u64 = u64::MAX - 1;
/// The goroutine of events that wait for none.
const UNORDERED: u64 = u64::MAX;

/// What an event waits for, and what it leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transition {
    pub(super) goroutine: u64,
    pub(super) from: Progress,
    to: Progress,
}

impl Transition {
    /// Of an event; `None` where it waits for nothing. Go: `stateTransition`.
    #[inline]
    pub(super) fn of(event: &EventV1) -> Option<Self> {
        use Kind as K;
        use Status as S;
        let [first, second, _] = event.arguments;
        let next = second.wrapping_add(1);
        let (goroutine, from, to) = match event.kind {
            K::GoCreate => (first, (0, S::Dead), (1, S::Runnable)),
            K::GoWaiting | K::GoInSyscall => (event.goroutine, (1, S::Runnable), (2, S::Waiting)),
            K::GoStart | K::GoStartLabel => (event.goroutine, (second, S::Runnable), (next, S::Running)),
            K::GoStartLocal => (event.goroutine, (ANY, S::Runnable), (ONE_MORE, S::Running)),
            K::GoSched | K::GoPreempt => (event.goroutine, (ANY, S::Running), (ANY, S::Runnable)),
            K::GoUnblock | K::GoSysExit => (first, (second, S::Waiting), (next, S::Runnable)),
            K::GoUnblockLocal | K::GoSysExitLocal => (first, (ANY, S::Waiting), (ONE_MORE, S::Runnable)),
            K::GcStart => (COLLECTOR, (first, S::Dead), (first.wrapping_add(1), S::Dead)),
            K::GoSysBlock => (event.goroutine, (ANY, S::Running), (ANY, S::Waiting)),
            kind if kind.blocks_goroutine() => (event.goroutine, (ANY, S::Running), (ANY, S::Waiting)),
            _ => return None,
        };
        let progress = |(sequence, status)| Progress { sequence, status };
        let transition = Self { goroutine, from: progress(from), to: progress(to) };
        (goroutine != UNORDERED).then_some(transition)
    }

    /// Whether it may happen to a goroutine that has come so far. Go: `transitionReady`.
    #[inline]
    pub(super) fn may_follow(&self, progress: Progress) -> bool {
        (self.from.sequence == ANY || self.from.sequence == progress.sequence)
            && self.from.status == progress.status
    }

    /// How far the goroutine has come then.
    #[inline]
    pub(super) fn after(&self, progress: Progress) -> Progress {
        let sequence = match self.to.sequence {
            ANY => progress.sequence,
            ONE_MORE => progress.sequence.wrapping_add(1),
            sequence => sequence,
        };
        Progress { sequence, status: self.to.status }
    }
}

/// The goroutines that live, and which have ended: the reference accepts none twice.
#[derive(Debug, Default)]
pub(super) struct Goroutines {
    living: Slots<Goroutine>,
    /// By the higher bits of their ids, which are handed out in order: a bit for each.
    ended: HashMap<u64, u64, RandomState>,
}

impl Goroutines {
    pub(super) fn new() -> Self {
        let mut goroutines = Self::default();
        let system = goroutines.slot(0, NO_SLOT);
        let system = goroutines.at(system);
        (system.status, system.exists) = (Status::Running, true);
        goroutines
    }

    /// Where a goroutine is; `hint` is looked at first.
    #[inline]
    pub(super) fn slot(&mut self, id: u64, hint: u32) -> u32 {
        match self.living.find_mut(id as i64, hint) {
            Some((slot, _)) => slot,
            None => self.living.insert(id as i64, Goroutine::default()),
        }
    }

    #[inline]
    pub(super) fn at(&mut self, slot: u32) -> &mut Goroutine {
        self.living.get_mut(slot)
    }

    /// How far a goroutine has come.
    #[inline]
    pub(super) fn progress(&mut self, id: u64, hint: u32) -> Progress {
        self.living.find_mut(id as i64, hint).map_or(Progress::default(), |(_, goroutine)| goroutine.progress)
    }

    /// A goroutine has ended: only that it was there is remembered.
    #[inline]
    pub(super) fn end(&mut self, id: u64, slot: u32) {
        self.living.remove(slot);
        *self.ended.entry(id / u64::from(u64::BITS)).or_default() |= 1 << (id % u64::from(u64::BITS));
    }

    /// Whether a goroutine was there, and has ended.
    #[inline]
    pub(super) fn has_ended(&self, id: u64) -> bool {
        let bits = self.ended.get(&(id / u64::from(u64::BITS)));
        bits.is_some_and(|bits| bits & (1 << (id % u64::from(u64::BITS))) != 0)
    }
}
