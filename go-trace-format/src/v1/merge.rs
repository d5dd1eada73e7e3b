//! Which proc's event comes next: the earliest that waits for no other. Go: `parseEventBatches`.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, binary_heap::PeekMut},
};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::v1::goroutines::{ANY, Progress};

/// The place of an event in the order of all, and the index of its proc.
pub(super) type Place = (i64, u32);

/// What an event waits for: a goroutine that has come so far.
type Awaited = (u64, Progress);

/// A proc that waits. Its next event may wait as often as it likes, at the same place too: each time is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wait {
    pub(super) place: Place,
    /// How many times the proc has waited, this one included.
    pub(super) number: u64,
}

/// The procs by their next events: ready ones in the order of these, and waiting ones by what they wait for.
///
/// The reference looks at every waiting proc for each event. That none is looked at in vain here keeps the time linear. Of events
/// that have the same time on different procs either may come first: there it is the luck of a map's order.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    ready: BinaryHeap<Reverse<Place>>,
    waiting: HashMap<Awaited, SmallVec<[Wait; 1]>, RandomState>,
    /// Those that wait, and some that do no more, in the order of their next events.
    delayed: BinaryHeap<Reverse<Wait>>,
    /// How many have begun to wait since those that no longer do were forgotten.
    waits: usize,
}

impl Frontier {
    pub(super) fn push(&mut self, place: Place) {
        self.ready.push(Reverse(place));
    }

    /// The earliest event that is ready.
    #[inline]
    pub(super) fn first(&self) -> Option<Place> {
        self.ready.peek().map(|first| first.0)
    }

    /// The proc of the earliest event has another one, or none that is ready.
    #[inline]
    pub(super) fn replace_first(&mut self, place: Option<Place>) {
        let Some(mut first) = self.ready.peek_mut() else { return };
        match place {
            Some(place) => first.0 = place,
            None => _ = PeekMut::pop(first),
        }
    }

    /// A proc waits for a goroutine to get somewhere.
    pub(super) fn wait(&mut self, wait: Wait, goroutine: u64, progress: Progress) {
        self.waiting.entry((goroutine, progress)).or_default().push(wait);
        self.delayed.push(Reverse(wait));
        self.waits += 1;
    }

    #[inline]
    pub(super) fn is_anyone_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The procs that have waited for a goroutine to get where it is now, and some that no longer do.
    pub(super) fn wake(&mut self, goroutine: u64, progress: Progress) -> SmallVec<[Wait; 1]> {
        let mut woken = self.waiting.remove(&(goroutine, progress)).unwrap_or_default();
        let any = Progress { sequence: ANY, ..progress };
        woken.extend(self.waiting.remove(&(goroutine, any)).unwrap_or_default());
        woken
    }

    /// The earliest event that waits. `is_waiting` tells whether a proc still does.
    pub(super) fn first_waiting(&mut self, is_waiting: impl Fn(Wait) -> bool) -> Option<Place> {
        while let Some(Reverse(wait)) = self.delayed.peek() {
            if is_waiting(*wait) {
                return Some(wait.place);
            }
            self.delayed.pop();
        }
        None
    }

    /// Forgets those that wait no more, once they are most.
    pub(super) fn tidy(&mut self, procs: usize, is_waiting: impl Fn(Wait) -> bool) {
        if self.waits > 2 * procs + 64 {
            self.waits = 0;
            self.delayed.retain(|wait| is_waiting(wait.0));
            self.waiting.retain(|_, waits| {
                waits.retain(|wait| is_waiting(*wait));
                !waits.is_empty()
            });
        }
    }
}
