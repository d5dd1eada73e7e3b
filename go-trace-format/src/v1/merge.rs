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

/// The procs by their next events: ready ones in the order of these, and waiting ones by what they wait for.
///
/// The reference looks at every waiting proc for each event. That none is looked at in vain here keeps the time linear. Of events
/// that have the same time on different procs either may come first: there it is the luck of a map's order.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    ready: BinaryHeap<Reverse<Place>>,
    waiting: HashMap<Awaited, SmallVec<[u32; 2]>, RandomState>,
    /// Those that wait, and some that do no more, in the order of their next events.
    delayed: BinaryHeap<Reverse<Place>>,
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
    pub(super) fn wait(&mut self, place: Place, goroutine: u64, progress: Progress) {
        self.waiting.entry((goroutine, progress)).or_default().push(place.1);
        self.delayed.push(Reverse(place));
    }

    #[inline]
    pub(super) fn is_anyone_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The procs that have waited for a goroutine to get where it is now, and some that no longer do.
    pub(super) fn wake(&mut self, goroutine: u64, progress: Progress) -> SmallVec<[u32; 2]> {
        let mut woken = self.waiting.remove(&(goroutine, progress)).unwrap_or_default();
        let any = Progress { sequence: ANY, ..progress };
        woken.extend(self.waiting.remove(&(goroutine, any)).unwrap_or_default());
        woken
    }

    /// The earliest event that waits. `is_waiting` tells whether a proc still does, with that event.
    pub(super) fn first_waiting(&mut self, is_waiting: impl Fn(Place) -> bool) -> Option<Place> {
        while let Some(Reverse(place)) = self.delayed.peek() {
            if is_waiting(*place) {
                return Some(*place);
            }
            self.delayed.pop();
        }
        None
    }

    /// Forgets those that wait no more, once they are most.
    pub(super) fn tidy(&mut self, procs: usize, is_waiting: impl Fn(Place) -> bool) {
        if self.delayed.len() > 2 * procs + 64 {
            self.delayed.retain(|place| is_waiting(place.0));
        }
    }
}
