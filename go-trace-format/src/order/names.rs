//! Names that outlive the generation that gave them.

use std::{collections::HashMap, sync::Arc};

use crate::{event::StringId, tables::Tables};

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
}

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
