//! Which events a reader gives, and what it can say of them.

mod by_time;
mod causality;
mod scan;

pub(crate) use by_time::Selecting;

use crate::spec::{Category, EventType};

/// Which events a [`Reader`](crate::Reader) gives, beside the sync events that begin generations: see
/// [`ReaderOptions::events`](crate::ReaderOptions::events).
///
/// ```
/// use go_trace_format::{EventType, Selection};
///
/// let selection = Selection::USER.union(Selection::OPERATIONS);
/// assert!(selection.contains(EventType::UserTaskBegin));
/// assert!(!selection.contains(EventType::GoStart));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selection(u8);

impl Selection {
    /// What the program says of itself: tasks, regions, logs and labels.
    pub const USER: Self = Self(1);
    /// Network and database operations (fork).
    pub const OPERATIONS: Self = Self(2);
    /// Garbage collections, stopped worlds, sweeps and mark assists. Telling what each is of takes putting all events in
    /// order: with these a selection is read no faster than the whole.
    pub const RANGES: Self = Self(4);

    /// The events of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it has events of this type.
    #[must_use]
    pub const fn contains(self, event_type: EventType) -> bool {
        use EventType as E;
        let kind = match event_type {
            E::StwBegin | E::StwEnd | E::GcActive | E::GcBegin | E::GcEnd => Self::RANGES,
            E::GcSweepActive | E::GcSweepBegin | E::GcSweepEnd => Self::RANGES,
            E::GcMarkAssistActive | E::GcMarkAssistBegin | E::GcMarkAssistEnd => Self::RANGES,
            other => match other.spec().category {
                Category::Custom => Self::USER,
                Category::Http | Category::Sql | Category::Tls | Category::Net => Self::OPERATIONS,
                Category::Core => return false,
            },
        };
        self.0 & kind.0 != 0
    }

    /// Whether what is said of its events takes all events in their order.
    const fn needs_order(self) -> bool {
        self.0 & Self::RANGES.0 != 0
    }
}
