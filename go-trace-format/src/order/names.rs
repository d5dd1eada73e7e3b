//! Names that outlive the generation that gave them.

use std::{collections::HashMap, sync::Arc};

use crate::{id::StringId, tables::Tables};

/// A name: an id of the running generation's string table, or one that an earlier generation gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Current(u64),
    Inherited(u32),
}

/// The inherited names at one moment, for a generation's events to point into.
pub(crate) type Snapshot = Arc<Vec<Arc<[u8]>>>;

/// Every name that was inherited so far, each once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Snapshot,
    index: HashMap<Arc<[u8]>, u32>,
    /// How many open tasks and regions had names when the others were dropped last.
    used: usize,
}

/// So few names are kept whether they are used or not.
const FEW: usize = 64;

impl Names {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Arc::clone(&self.names)
    }

    /// The bytes of a name that `tables`' generation, the running one, speaks of.
    pub(crate) fn bytes<'n>(&'n self, name: Name, tables: &'n Tables<'_>) -> &'n [u8] {
        match name {
            Name::Current(id) => tables.string(StringId(id)).as_bytes(),
            Name::Inherited(index) => &self.names[index as usize],
        }
    }

    /// Drops the names that nothing open has, once they may be most of them. `open` gives every name in use, all of
    /// them inherited by now.
    pub(crate) fn forget_unused<'n>(&mut self, open: impl FnOnce() -> Vec<&'n mut Name>) {
        if self.names.len() < 2 * self.used + FEW {
            return;
        }
        let former = std::mem::take(&mut self.names);
        let mut names = Vec::new();
        self.index.clear();
        let open = open();
        self.used = open.len();
        for name in open {
            let Name::Inherited(index) = *name else { continue };
            let bytes = &former[index as usize];
            let index = *self.index.entry(Arc::clone(bytes)).or_insert_with(|| {
                names.push(Arc::clone(bytes));
                names.len() as u32 - 1
            });
            *name = Name::Inherited(index);
        }
        self.names = Arc::new(names);
    }

    /// Makes a name outlive the running generation.
    pub(crate) fn inherit(&mut self, name: Name, tables: &Tables<'_>) -> Name {
        let Name::Current(id) = name else { return name };
        let bytes = tables.string(StringId(id)).as_bytes();
        if let Some(&index) = self.index.get(bytes) {
            return Name::Inherited(index);
        }
        let names = Arc::make_mut(&mut self.names);
        let index = names.len() as u32;
        let bytes: Arc<[u8]> = bytes.into();
        names.push(Arc::clone(&bytes));
        self.index.insert(bytes, index);
        Name::Inherited(index)
    }
}
