//! What is wrong with the recording of a scenario.

use arbitrary::Arbitrary;
use go_trace_format::spec::ArgumentKind;

use super::{Entry, Recorded, STACKS, TEXTS, THREADS};

/// Something wrong with the recording of an event, which is told by its place among all.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The event is lost.
    Lose {
        /// Which event.
        event: u16,
    },
    /// The event is there twice.
    Repeat {
        /// Which event.
        event: u16,
    },
    /// The event changes places with the one after it.
    Swap {
        /// Which event.
        event: u16,
    },
    /// The event is said by another thread.
    Thread {
        /// Which event.
        event: u16,
        /// Which thread.
        thread: u8,
    },
    /// The event is said to be earlier or later; its thread's other events keep their order.
    Time {
        /// Which event.
        event: u16,
        /// By how many clock units.
        by: i16,
    },
    /// An argument of the event changes.
    Argument {
        /// Which event.
        event: u16,
        /// Which argument.
        argument: u8,
        /// What is added to it.
        plus: i8,
    },
}

impl Fault {
    pub(super) fn apply(self, entries: &mut Vec<Entry>) {
        let (Self::Lose { event }
        | Self::Repeat { event }
        | Self::Swap { event }
        | Self::Thread { event, .. }
        | Self::Time { event, .. }
        | Self::Argument { event, .. }) = self;
        let is_event = |entry: &Entry| matches!(entry, Entry::Event(_));
        let count = entries.iter().filter(|entry| is_event(entry)).count();
        let wanted = usize::from(event) % count.max(1);
        let mut events = entries.iter().enumerate().filter(|(_, entry)| is_event(entry));
        let Some((place, _)) = events.nth(wanted) else { return };
        match (self, &mut entries[place]) {
            (Self::Lose { .. }, _) => drop(entries.remove(place)),
            (Self::Repeat { .. }, &mut entry) => entries.insert(place, entry),
            (Self::Swap { .. }, _) => {
                if let Some([first, second]) = entries.get_mut(place..place + 2) {
                    if is_event(second) {
                        std::mem::swap(first, second);
                    }
                }
            }
            (Self::Thread { thread, .. }, Entry::Event(event)) => {
                event.thread = usize::from(thread) % THREADS;
            }
            (Self::Time { by, .. }, Entry::Event(event)) => {
                event.time = event.time.saturating_add_signed(by.into());
            }
            (Self::Argument { argument, plus, .. }, Entry::Event(event)) => {
                event.change_argument(argument, plus);
            }
            (_, Entry::Generation { .. } | Entry::Sample { .. } | Entry::Experiment { .. }) => {}
        }
    }
}

impl Recorded {
    /// Ids of strings and stacks stay within the tables, outside which the writer lets none be.
    fn change_argument(&mut self, argument: u8, plus: i8) {
        use ArgumentKind as K;
        let arguments = &self.event_type.spec().arguments[1..];
        if arguments.is_empty() {
            return;
        }
        let place = usize::from(argument) % arguments.len();
        let value = self.arguments[place].wrapping_add_signed(plus.into());
        self.arguments[place] = match arguments[place].kind {
            K::String => value % TEXTS.len() as u64,
            K::Stack | K::OtherStack => value % (STACKS + 1),
            _ => value,
        };
    }
}
