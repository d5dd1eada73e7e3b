//! A map for what is looked up all the time: the few goroutines and spans that are open.

use std::{collections::HashMap, hash::Hash};

use std::collections::VecDeque;

use crate::saved::{Input, Saved, save_by_key};

/// By how much numbers are divided for their remainders: a power of 2.
const REMAINDERS: usize = 1 << 10;

/// A map by numbers, most of which are counted up.
///
/// Where no other entry has the same remainder an entry is found without hashing, and so is that there is none: in a
/// table that is small enough to stay near. Whoever chooses numbers of one remainder gets a hash map.
#[derive(Debug)]
pub(crate) struct Near<K, V> {
    remainders: Box<[Remainder; REMAINDERS]>,
    slots: Vec<(K, Option<V>)>,
    /// The slots that are empty.
    free: Vec<u32>,
    /// The slots of those whose remainder was another's when they came.
    others: HashMap<K, u32, foldhash::fast::RandomState>,
}

/// The entries whose numbers have a remainder: in the lower half the slot of one of them, counted from 1, or 0 for none;
/// in the upper half how many more there are. One number, as most of the time it is only compared with 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Remainder(u64);

impl Remainder {
    const ONE_OTHER: u64 = 1 << 32;

    #[inline]
    fn slot(self) -> Option<usize> {
        (self.0 as u32 as usize).checked_sub(1)
    }

    #[inline]
    fn has_others(self) -> bool {
        self.0 >= Self::ONE_OTHER
    }
}

/// What a [`Near`] is looked up by.
pub(crate) trait Number: Copy + Eq + Hash {
    fn number(self) -> u64;
}

impl<K: Number, V> Default for Near<K, V> {
    fn default() -> Self {
        Self {
            remainders: Box::new([Remainder(0); REMAINDERS]),
            slots: Vec::new(),
            free: Vec::new(),
            others: HashMap::default(),
        }
    }
}

impl<K: Number, V> Near<K, V> {
    #[inline]
    fn index(key: K) -> usize {
        key.number() as usize % REMAINDERS
    }

    /// False for nearly all that are not there.
    #[inline]
    pub(crate) fn may_have(&self, key: K) -> bool {
        self.remainders[Self::index(key)] != Remainder(0)
    }

    #[inline]
    fn slot(&self, key: K) -> Option<usize> {
        let remainder = self.remainders[Self::index(key)];
        let slot = remainder.slot().filter(|&slot| self.slots[slot].0 == key);
        if slot.is_none() && remainder.has_others() { self.other_slot(key) } else { slot }
    }

    #[inline(never)]
    fn other_slot(&self, key: K) -> Option<usize> {
        self.others.get(&key).map(|&slot| slot as usize)
    }

    #[inline]
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.slots[self.slot(key)?].1.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let slot = self.slot(key)?;
        self.slots[slot].1.as_mut()
    }

    #[inline]
    pub(crate) fn has(&self, key: K) -> bool {
        self.slot(key).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The entry of a number, made if there is none.
    #[inline]
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let slot = self.slot(key).unwrap_or_else(|| self.vacant_slot(key));
        self.slots[slot].1.get_or_insert_with(make)
    }

    /// Puts a value where another one of the number may be.
    pub(crate) fn insert(&mut self, key: K, value: V) -> &mut V {
        let slot = self.slot(key).unwrap_or_else(|| self.vacant_slot(key));
        self.slots[slot].1.insert(value)
    }

    /// An empty slot, which is from now on the number's.
    fn vacant_slot(&mut self, key: K) -> usize {
        let slot = match self.free.pop() {
            Some(slot) => slot as usize,
            None => {
                self.slots.push((key, None));
                self.slots.len() - 1
            }
        };
        self.slots[slot].0 = key;
        let remainder = &mut self.remainders[Self::index(key)];
        if remainder.slot().is_none() {
            remainder.0 += slot as u64 + 1;
        } else {
            remainder.0 += Remainder::ONE_OTHER;
            self.others.insert(key, slot as u32);
        }
        slot
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let slot = self.slot(key)?;
        let remainder = &mut self.remainders[Self::index(key)];
        if remainder.slot() == Some(slot) {
            remainder.0 -= slot as u64 + 1;
        } else {
            remainder.0 -= Remainder::ONE_OTHER;
            self.others.remove(&key);
        }
        self.free.push(slot as u32);
        self.slots[slot].1.take()
    }

    /// Gives back the room of entries that have gone, where it is most of it: who looks through all of them pays for that too.
    #[cfg(feature = "profiles")]
    pub(crate) fn shrink(&mut self) {
        if self.slots.len() > REMAINDERS && self.len() < self.slots.len() / 8 {
            let slots = core::mem::take(self).slots;
            *self = slots.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        }
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.slots.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    /// The first keys of `order` that are here, `most` of them. Those before them that are not, are taken out of it.
    pub(crate) fn first_of(&self, order: &mut VecDeque<K>, most: usize) -> Vec<K> {
        let mut first = Vec::new();
        while first.len() < most {
            let Some(key) = order.pop_front() else { break };
            if self.has(key) {
                first.push(key);
            }
        }
        first.iter().rev().for_each(|&key| order.push_front(key));
        first
    }

    /// All values, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The same, taken out.
    #[cfg(feature = "profiles")]
    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.slots.into_iter().filter_map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.slots.iter_mut().filter_map(|(_, value)| value.as_mut())
    }
}

impl<K: Number, V> FromIterator<(K, V)> for Near<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut near = Self::default();
        for (key, value) in entries {
            near.insert(key, value);
        }
        near
    }
}

/// As the map that it stands for.
impl<K: Number + Saved + Ord, V: Saved> Saved for Near<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        save_by_key::<K, K, V>(self.iter(), out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        input.elements::<(K, V), _>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    impl Number for u64 {
        fn number(self) -> u64 {
            self
        }
    }

    #[test]
    fn it_has_what_a_map_has() {
        let mut near = Near::default();
        let mut map = BTreeMap::new();
        // Few numbers of few remainders, so that they meet: by a linear congruence, in order to be the same each time.
        let mut state = 1_u64;
        for step in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = state >> 32;
            let key = random % 5 * REMAINDERS as u64 + random / 5 % 3;
            match random / 64 % 4 {
                0 => assert_eq!(near.remove(key), map.remove(&key)),
                1 => assert_eq!(near.get_or_insert_with(key, || step), map.entry(key).or_insert(step)),
                2 => {
                    near.insert(key, step);
                    map.insert(key, step);
                }
                _ => {
                    assert_eq!(near.get(key), map.get(&key));
                    assert_eq!(near.has(key), map.contains_key(&key));
                    assert!(near.may_have(key) || !map.contains_key(&key));
                }
            }
            assert_eq!(near.len(), map.len());
        }
        assert_eq!(near.iter().map(|(key, &value)| (key, value)).collect::<BTreeMap<_, _>>(), map);
        for key in map.keys() {
            near.remove(*key);
        }
        assert_eq!(near.len(), 0);
        assert!(near.others.is_empty());
        assert!(near.remainders.iter().all(|remainder| *remainder == Remainder(0)));
    }

    #[test]
    #[cfg(feature = "profiles")]
    fn what_shrinks_has_what_it_had() {
        let mut near: Near<u64, u64> = (0..10_000).map(|key| (key, 2 * key)).collect();
        for key in (0..10_000).filter(|key| key % 8 != 0) {
            near.remove(key);
        }
        near.shrink();
        assert_eq!(near.slots.len(), 10_000, "an eighth is left: that is not little");
        near.remove(0);
        near.shrink();
        assert_eq!((near.slots.len(), near.len()), (1249, 1249));
        assert!(near.free.is_empty());
        for key in 0..10_000 {
            let is_there = key > 0 && key % 8 == 0;
            assert_eq!(near.get(key), is_there.then_some(&(2 * key)), "{key}");
        }
        let mut few: Near<u64, ()> = (0..1000).map(|key| (key, ())).collect();
        for key in 1..1000 {
            few.remove(key);
        }
        few.shrink();
        assert_eq!(few.slots.len(), 1000, "of little, nothing is worth giving back");
    }
}
