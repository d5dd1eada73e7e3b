//! Who hears of what goroutines do, beside the ledger: so that there is one account of it.
// Nobody else does.
#![cfg_attr(not(feature = "analysis"), allow(dead_code))]

use core::fmt::Debug;

use go_trace_format::Time;

use crate::{
    anatomy,
    clock::WallOffset,
    profiles::{
        doing::Doing,
        ledger::{Interval, Key, Ledger},
        reasons::{Reason, Reasons},
        stacks::{StackNumber, StackTable},
    },
};

/// Hears of what goroutines do, in the order of the trace. Intervals lie in the window that counts, as if nothing else had been recorded.
pub(crate) trait Listener: Debug {
    /// Whether it hears anything.
    const LISTENS: bool = true;
    /// What it keeps of each goroutine that lives.
    type Kept: Debug;
    /// What it calls goroutines of one kind.
    type Group: Copy + Debug;

    /// A goroutine comes to be, or is known as of now: in the window, where `is_created` says that it comes to be.
    fn begins(&mut self, is_created: bool) -> Self::Kept;
    /// What a goroutine has done for a while. Of one that was never in the window, nothing is heard but its begin and its end.
    fn passes(&mut self, kept: &mut Self::Kept, stretch: &Stretch, stacks: &StackTable);
    /// It goes over to something else behind that, in the window, by itself or as another one has woken it.
    fn steps(
        &mut self,
        kept: &mut Self::Kept,
        stretch: &Stretch,
        next: Doing,
        waker: Option<Option<Self::Group>>,
    );
    /// It has assisted the garbage collector for a while.
    fn assists(&mut self, kept: &mut Self::Kept, interval: Interval);
    /// No more comes of it. `is_seen` says whether the window has its end.
    fn ends(&mut self, kept: Self::Kept, is_seen: bool);
    /// Of which kind it is.
    fn group(&self, kept: &Self::Kept) -> Self::Group;
    /// The world was stopped for a while.
    fn stops(&mut self, reason: &str, interval: Interval);
    /// A generation begins, at a time and with a wall clock, by which so much counts; or else another one follows on one that did.
    fn begins_generation(&mut self, begin: Time, wall: WallOffset, window: Interval);
    /// Generations that follow on each other have ended at a time, and whether any part of them counts.
    fn ends_row(&mut self, end: Time, is_counted: bool);
}

/// What a goroutine did from when to when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) doing: anatomy::Doing,
    pub(crate) reason: Reason,
    pub(crate) interval: Interval,
    /// The function that it begins with, or else a stack of it, as far as the trace has told.
    pub(crate) origin: StackNumber,
}

/// Where everything goes that is counted.
#[derive(Debug)]
pub(super) struct Books<L> {
    pub(super) ledger: Ledger,
    pub(super) reasons: Reasons,
    pub(super) stacks: StackTable,
    pub(super) listener: L,
}

impl<L: Listener> Books<L> {
    /// Counts what a goroutine has done.
    #[inline]
    pub(super) fn pass(&mut self, kept: &mut L::Kept, stretch: &Stretch) {
        if let Some(interval) = self.ledger.counted(stretch.interval) {
            self.listener.passes(kept, &Stretch { interval, ..*stretch }, &self.stacks);
        }
    }

    /// A goroutine comes to be at a time, or else is known as of now.
    pub(super) fn begins(&mut self, created: Option<Time>) -> L::Kept {
        let window = self.ledger.window();
        self.listener.begins(created.is_some_and(|time| window.holds(time)))
    }

    /// No more comes of a goroutine, which has ended at a time if the trace tells.
    pub(super) fn ends(&mut self, kept: L::Kept, ended: Option<Time>) {
        let window = self.ledger.window();
        self.listener.ends(kept, ended.is_some_and(|time| window.holds(time)));
    }

    /// Says that it does something else behind that.
    #[inline]
    pub(super) fn step(
        &mut self,
        kept: &mut L::Kept,
        stretch: &Stretch,
        next: Doing,
        waker: Option<Option<L::Group>>,
    ) {
        let is_in = self.ledger.window().holds(stretch.interval.until);
        if let Some(interval) = self.ledger.counted(stretch.interval).filter(|_| is_in) {
            self.listener.steps(kept, &Stretch { interval, ..*stretch }, next, waker);
        }
    }

    /// Counts an assist of the garbage collector, or the last part of one.
    pub(super) fn assist(&mut self, kept: &mut L::Kept, key: Key, interval: Interval) {
        self.ledger.add(key, interval);
        self.hear_assist(kept, interval);
    }

    /// Counts a part of an assist that goes on.
    pub(super) fn assist_part(&mut self, kept: &mut L::Kept, key: Key, interval: Interval) {
        self.ledger.add_part(key, interval);
        self.hear_assist(kept, interval);
    }

    fn hear_assist(&mut self, kept: &mut L::Kept, interval: Interval) {
        if let Some(interval) = self.ledger.counted(interval) {
            self.listener.assists(kept, interval);
        }
    }

    /// Counts that the world was stopped.
    pub(super) fn stop(&mut self, key: Key, interval: Interval) {
        self.ledger.add(key, interval);
        if let Some(interval) = self.ledger.counted(interval) {
            self.listener.stops(self.reasons.text(key.reason), interval);
        }
    }
}

/// Nobody.
impl Listener for () {
    const LISTENS: bool = false;
    type Kept = ();
    type Group = ();

    fn begins(&mut self, _: bool) {}
    fn passes(&mut self, (): &mut (), _: &Stretch, _: &StackTable) {}
    fn steps(&mut self, (): &mut (), _: &Stretch, _: Doing, _: Option<Option<()>>) {}
    fn assists(&mut self, (): &mut (), _: Interval) {}
    fn ends(&mut self, (): (), _: bool) {}
    fn group(&self, (): &()) {}
    fn stops(&mut self, _: &str, _: Interval) {}
    fn begins_generation(&mut self, _: Time, _: WallOffset, _: Interval) {}
    fn ends_row(&mut self, _: Time, _: bool) {}
}
