//! Things by id, each in a slot that stays where it is while the thing lives.

use std::collections::HashMap;

/// No slot: a hint that always misses.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// A map from ids to things, whose slots may be remembered and are checked when they are used.
///
/// Threads remember the slots of what they run, so that most events look nothing up. Of those that do, most find
/// the slot in a small table by the id's low bits; only ids that share a place in it go through a hash map.
#[derive(Clone, Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// One slot for each place; every thing is either here or in `others`.
    near: Box<[u32; NEAR]>,
    others: HashMap<i64, u32, foldhash::fast::RandomState>,
}

/// How many places there are. Goroutine ids are handed out in order, so that those which live together mostly
/// have different ones.
const NEAR: usize = 1 << 10;

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
            near: Box::new([NO_SLOT; NEAR]),
            others: HashMap::default(),
        }
    }
}

impl<T> Slots<T> {
    /// The thing with an id and its slot; `hint` is looked at first.
    #[inline(always)]
    pub(crate) fn find_mut(&mut self, id: i64, hint: u32) -> Option<(u32, &mut T)> {
        if self.is(hint, id) { self.at(hint) } else { self.look_up_mut(id) }
    }

    #[inline(always)]
    pub(crate) fn look_up_mut(&mut self, id: i64) -> Option<(u32, &mut T)> {
        let near = self.near[Self::place(id)];
        if self.is_near(near, id) {
            return self.at(near);
        }
        let slot = self.search(id)?;
        self.at(slot)
    }

    #[inline(always)]
    fn at(&mut self, slot: u32) -> Option<(u32, &mut T)> {
        self.slots.get_mut(slot as usize).map(|found| (slot, &mut found.value))
    }

    #[inline(always)]
    pub(crate) fn look_up(&mut self, id: i64) -> Option<u32> {
        let near = self.near[Self::place(id)];
        if self.is_near(near, id) { Some(near) } else { self.search(id) }
    }

    /// Whether what has a place is the thing with an id. It lives, or it would have none.
    #[inline(always)]
    fn is_near(&self, slot: u32, id: i64) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| slot.id == id)
    }

    #[inline(always)]
    fn is(&self, slot: u32, id: i64) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| slot.id == id && slot.live)
    }

    #[inline(always)]
    fn place(id: i64) -> usize {
        id as usize % NEAR
    }

    #[inline(never)]
    fn search(&mut self, id: i64) -> Option<u32> {
        if self.others.is_empty() {
            return None;
        }
        let slot = self.others.get(&id).copied()?;
        let near = &mut self.near[Self::place(id)];
        if *near == NO_SLOT {
            *near = slot;
            self.others.remove(&id);
        }
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

    /// Every thing with its id.
    #[cfg(feature = "write")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        self.slots.iter().filter(|slot| slot.live).map(|slot| (slot.id, &slot.value))
    }

    /// Puts in a thing whose id has none.
    pub(crate) fn insert(&mut self, id: i64, value: T) -> u32 {
        let slot = Slot { id, live: true, value };
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        // The newer one is asked for more often.
        let former = std::mem::replace(&mut self.near[Self::place(id)], index);
        if former != NO_SLOT {
            self.others.insert(self.id(former), former);
        }
        index
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let removed = &mut self.slots[slot as usize];
        removed.live = false;
        let near = &mut self.near[Self::place(removed.id)];
        if *near == slot {
            *near = NO_SLOT;
        } else {
            self.others.remove(&removed.id);
        }
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_that_share_a_place_are_all_found() {
        let near = NEAR as i64;
        let ids = [1, 1 + near, 1 + 2 * near, -1, near - 1, i64::MIN, i64::MAX, 2];
        let mut slots = Slots::default();
        let places: Vec<u32> = ids.iter().map(|&id| slots.insert(id, id)).collect();
        for (&id, &place) in ids.iter().zip(&places) {
            assert_eq!(slots.look_up(id), Some(place));
            assert_eq!(slots.find_mut(id, NO_SLOT), Some((place, &mut { id })));
        }
        for (i, &id) in ids.iter().enumerate() {
            let slot = slots.look_up(id).expect("it is there");
            slots.remove(slot);
            assert_eq!(slots.look_up(id), None);
            assert_eq!(slots.find_mut(id, places[i]), None);
            for &other in &ids[i + 1..] {
                assert!(slots.look_up(other).is_some(), "{other} after {id} was removed");
            }
        }
        assert!(slots.others.is_empty());
    }
}
