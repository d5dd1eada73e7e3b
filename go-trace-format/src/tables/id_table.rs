//! A table from ids to places, dense where the ids are.

use crate::tables::Place;

/// Ids and what they stand for. Filled first, then sealed, then asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdTable {
    entries: Vec<(u64, Place)>,
    /// Index into `entries` plus one, by id; empty where the ids are too far apart for it.
    dense: Vec<u32>,
    /// Every id up to here is in the table.
    complete: u64,
}

impl IdTable {
    pub(crate) fn insert(&mut self, id: u64, place: Place) {
        self.entries.push((id, place));
    }

    /// So that of ids that are taken twice the last stays.
    pub(crate) fn reverse(&mut self) {
        self.entries.reverse();
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.dense.clear();
        self.complete = 0;
    }

    /// Makes the table ready to be asked. Of ids that are taken twice the first stays, and the others are
    /// told to `duplicate`; so is id 0.
    pub(crate) fn seal(&mut self, mut duplicate: impl FnMut(u64, Place)) {
        let highest = self.entries.iter().map(|entry| entry.0).max().unwrap_or(0);
        let dense = u32::try_from(self.entries.len()).is_ok() && highest / 4 <= self.entries.len() as u64;
        self.dense.clear();
        if dense {
            self.dense.resize(highest as usize + 1, 0);
            let Self { entries, dense, .. } = self;
            let mut kept = 0;
            entries.retain(|&(id, place)| {
                let slot = &mut dense[id as usize];
                let is_free = *slot == 0 && id != 0;
                if is_free {
                    kept += 1;
                    *slot = kept;
                } else {
                    duplicate(id, place);
                }
                is_free
            });
            let gap = self.dense.iter().skip(1).position(|&slot| slot == 0);
            self.complete = gap.map_or(highest, |gap| gap as u64);
        } else {
            self.entries.sort_by_key(|entry| entry.0);
            // Id 0 is taken.
            let mut last = 0;
            self.entries.retain(|&(id, place)| {
                let taken = id == last;
                if taken {
                    duplicate(id, place);
                }
                last = id;
                !taken
            });
        }
    }

    /// Every id from 1 up to here is in the table; more may be.
    #[inline]
    pub(crate) fn complete(&self) -> u64 {
        self.complete
    }

    #[inline]
    pub(crate) fn get(&self, id: u64) -> Option<Place> {
        if !self.dense.is_empty() {
            let index = *self.dense.get(usize::try_from(id).ok()?)?;
            return self.entries.get((index as usize).checked_sub(1)?).map(|entry| entry.1);
        }
        self.entries.binary_search_by_key(&id, |entry| entry.0).ok().map(|i| self.entries[i].1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Place)> {
        self.entries.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(ids: &[u64]) -> (IdTable, Vec<u64>) {
        let mut table = IdTable::default();
        let mut duplicates = Vec::new();
        for (i, &id) in ids.iter().enumerate() {
            table.insert(id, Place::new(i, 1));
        }
        table.seal(|id, _| duplicates.push(id));
        (table, duplicates)
    }

    #[test]
    fn dense_and_sparse_ids_are_found() {
        for ids in [&[1, 2, 3][..], &[5, 1, 9], &[u64::MAX, 7, 1 << 40]] {
            let (table, duplicates) = sealed(ids);
            assert!(duplicates.is_empty());
            for (i, &id) in ids.iter().enumerate() {
                assert_eq!(table.get(id), Some(Place::new(i, 1)), "{ids:?}");
            }
            assert_eq!(table.get(0), None);
            assert_eq!(table.get(4), None);
        }
    }

    #[test]
    fn the_first_of_two_stays_and_zero_is_taken() {
        for ids in [&[1, 2, 1, 0][..], &[1 << 40, 3, 1 << 40, 0]] {
            let (table, mut duplicates) = sealed(ids);
            duplicates.sort_unstable();
            assert_eq!(duplicates, [0, ids[0]]);
            assert_eq!(table.get(ids[0]), Some(Place::new(0, 1)));
        }
    }
}
