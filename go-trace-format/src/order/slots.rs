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
    /// The slot that was found last for an id, by the id's low bits; a guess, to be checked.
    recent: Box<[u32; RECENT]>,
}

/// How many slots are remembered. Goroutine ids are handed out in order, so that those which live together
/// mostly fall on different places.
const RECENT: usize = 1 << 10;

#[derive(Clone, Debug)]
struct Slot<T> {
    id: i64,
    live: bool,
    value: T,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            recent: Box::new([NO_SLOT; RECENT]),
        }
    }
}

impl<T> Slots<T> {
    /// The thing with an id and its slot; `hint` is looked at first.
    #[inline(always)]
    pub(crate) fn find_mut(&mut self, id: i64, hint: u32) -> Option<(u32, &mut T)> {
        let slot = if self.is(hint, id) { hint } else { self.look_up(id)? };
        self.slots.get_mut(slot as usize).map(|found| (slot, &mut found.value))
    }

    #[inline(always)]
    pub(crate) fn look_up_mut(&mut self, id: i64) -> Option<(u32, &mut T)> {
        let slot = self.look_up(id)?;
        self.slots.get_mut(slot as usize).map(|found| (slot, &mut found.value))
    }

    #[inline(always)]
    pub(crate) fn look_up(&mut self, id: i64) -> Option<u32> {
        let guess = self.recent[Self::place(id)];
        if self.is(guess, id) { Some(guess) } else { self.search(id) }
    }

    #[inline(always)]
    fn is(&self, slot: u32, id: i64) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| slot.id == id && slot.live)
    }

    #[inline(always)]
    fn place(id: i64) -> usize {
        id as usize % RECENT
    }

    #[inline(never)]
    fn search(&mut self, id: i64) -> Option<u32> {
        let slot = self.index.get(&id).copied()?;
        self.recent[Self::place(id)] = slot;
        Some(slot)
    }

    #[inline(always)]
    pub(crate) fn get(&self, slot: u32) -> &T {
        &self.slots[slot as usize].value
    }

    #[inline(always)]
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
        self.recent[Self::place(id)] = place;
        place
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        place.live = false;
        self.index.remove(&place.id);
        self.free.push(slot);
    }
}
