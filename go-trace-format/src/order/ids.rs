//! Whether what events name exists. Go: `Event.validateTableIDs`.

use crate::{
    error::Error,
    event::Record,
    id::{StackId, StringId},
    spec::{ArgumentKind, EventType, MAX_ARGUMENTS},
    tables::Tables,
};

/// Up to where the ids of a generation's tables have no gap. Nearly always that is all of them, and then no
/// table has to be asked whether an id exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdLimits {
    strings: u64,
    stacks: u64,
}

impl IdLimits {
    /// Those of one who looks ids up later.
    pub(crate) const NONE: Self = Self { strings: u64::MAX, stacks: u64::MAX };

    pub(crate) fn of(tables: &Tables<'_>) -> Self {
        Self { strings: tables.strings.complete(), stacks: tables.stacks.complete() }
    }

    /// Whether all that an event names is within the limits. Where the event is a constant, so is which
    /// arguments are compared.
    #[inline(always)]
    pub(crate) fn hold(&self, event_type: EventType, arguments: &[u64; MAX_ARGUMENTS]) -> bool {
        let kinds = TABLE_ARGUMENTS[event_type as usize];
        let mut hold = true;
        for i in 0..MAX_ARGUMENTS {
            hold &= match kinds[i] {
                TableArgument::None => true,
                TableArgument::String => arguments[i] <= self.strings,
                TableArgument::Stack => arguments[i] <= self.stacks,
            };
        }
        hold
    }
}

/// Whether the generation holds all that an event names.
///
/// Where two threads of the traced program are after the same new id, one of the two they take stays without anything that it
/// stands for: then the tables have gaps, and what lies behind is beyond the [`IdLimits`].
#[cold]
pub(crate) fn are_ids_known(record: &Record, tables: &Tables<'_>) -> bool {
    unknown_ids(record, tables).next().is_none()
}

/// What an event names that its generation does not hold.
pub(crate) fn unknown_ids(record: &Record, tables: &Tables<'_>) -> impl Iterator<Item = UnknownId> {
    let kinds = &TABLE_ARGUMENTS[record.event_type as usize];
    kinds.iter().zip(&record.arguments).filter_map(|(kind, &id)| match kind {
        TableArgument::String if tables.string(StringId(id)).is_lost() => {
            Some(UnknownId::String(StringId(id)))
        }
        TableArgument::Stack if tables.stacks.get(StackId(id)).is_none() => {
            Some(UnknownId::Stack(StackId(id)))
        }
        _ => None,
    })
}

/// An id that its generation's tables do not hold. Small and without anything to drop, unlike the error: it is looked for in
/// many an event.
#[derive(Clone, Copy)]
pub(crate) enum UnknownId {
    String(StringId),
    Stack(StackId),
}

impl UnknownId {
    #[cold]
    pub(crate) fn error(self, record: &Record) -> Error {
        let Record { offset, event_type, .. } = *record;
        match self {
            UnknownId::String(id) => Error::InvalidString { offset, event_type, id },
            UnknownId::Stack(id) => Error::InvalidStack { offset, event_type, id },
        }
    }
}

/// Which table an argument is an id of.
#[derive(Clone, Copy)]
enum TableArgument {
    None,
    String,
    Stack,
}

/// The arguments of every event, without the time delta. A constant, so that it is gone where the event is one.
const TABLE_ARGUMENTS: [[TableArgument; MAX_ARGUMENTS]; 256] = {
    let mut table = [[TableArgument::None; MAX_ARGUMENTS]; 256];
    let mut i = 0;
    while i < EventType::all().len() {
        let spec = EventType::all()[i].spec();
        let mut argument = 1;
        // A CPU sample's stack is never checked, neither here nor in the reference.
        while spec.timed && argument < spec.arguments.len() {
            table[spec.event_type as usize][argument - 1] = match spec.arguments[argument].kind {
                ArgumentKind::String => TableArgument::String,
                ArgumentKind::Stack | ArgumentKind::OtherStack => TableArgument::Stack,
                ArgumentKind::TimeDelta | ArgumentKind::Value => TableArgument::None,
            };
            argument += 1;
        }
        i += 1;
    }
    table
};
