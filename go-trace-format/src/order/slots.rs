//! Things by id, each in a slot that stays where it is while the thing lives.

use std::collections::HashMap;

/// No slot: a hint that always misses.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// A map from ids to things, whose slots may be remembered and are checked when they are used.
///
/// Threads remember the slots of what they run, so that most events look nothing up.
#[derive(Clone, Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    index: HashMap<i64, u32, foldhash::fast::RandomState>,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    id: i64,
    live: bool,
    value: T,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: HashMap::default() }
    }
}

impl<T> Slots<T> {
    /// The slot of `id`; `hint` is looked at first.
    #[inline]
    pub(crate) fn find(&self, id: i64, hint: u32) -> Option<u32> {
        match self.slots.get(hint as usize) {
            Some(slot) if slot.id == id && slot.live => Some(hint),
            _ => self.look_up(id),
        }
    }

    #[inline]
    pub(crate) fn look_up(&self, id: i64) -> Option<u32> {
        self.index.get(&id).copied()
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &T {
        &self.slots[slot as usize].value
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize].value
    }

    #[inline]
    pub(crate) fn id(&self, slot: u32) -> i64 {
        self.slots[slot as usize].id
    }

    /// Puts in a thing whose id has none.
    pub(crate) fn insert(&mut self, id: i64, value: T) -> u32 {
        let slot = Slot { id, live: true, value };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.index.insert(id, place);
        place
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        place.live = false;
        self.index.remove(&place.id);
        self.free.push(slot);
    }
}
