//! Whether events in the order of their times are in one in which they can have happened.
//!
//! Clocks of processors may differ by more than it takes a goroutine to go from one thread to another. Numbers tell:
//! of each goroutine its starts are counted, and nothing of a task or operation comes before that has begun.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::{
    event::Record,
    id::TaskId,
    spec::{EventType, MAX_ARGUMENTS},
};

/// One stretch of a goroutine on a thread, from when it starts to when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// −1 for none, as in the trace.
    pub(super) goroutine: i64,
    /// The number of the event that started it, which all have that concern the goroutine; 0 where it has run since
    /// before the first of them.
    pub(super) sequence: u64,
}

impl Session {
    /// The thread runs nothing.
    pub(super) const NONE: Self = Self { goroutine: Record::NONE, sequence: 0 };

    /// The number of what begins to count anew: a goroutine that C calls may be used again.
    pub(super) const ANEW: u64 = u64::MAX;

    /// One that began before the generation.
    pub(super) const fn since_beginning(goroutine: i64) -> Self {
        Self { goroutine, sequence: 0 }
    }
}

/// What has been seen so far of a generation's events in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Causality {
    /// The last stretch of each goroutine.
    goroutines: HashMap<i64, u64, RandomState>,
    /// What events spoke of, by the event that begins such a thing and its id.
    mentioned: HashSet<(EventType, u64), RandomState>,
    /// The stretch and the mention of the last event, which are often those of the next one, too.
    last_session: Option<Session>,
    last_mention: Option<(EventType, u64)>,
}

impl Causality {
    /// Takes the next event. Says whether it can have happened behind all before it, for what these tell.
    pub(super) fn allows(
        &mut self,
        event_type: EventType,
        arguments: &[u64; MAX_ARGUMENTS],
        of: Session,
    ) -> bool {
        self.allows_session(of) && self.allows_mention(event_type, arguments)
    }

    fn allows_session(&mut self, session: Session) -> bool {
        let Session { goroutine, sequence } = session;
        if goroutine == Record::NONE || self.last_session == Some(session) {
            return true;
        }
        self.last_session = Some(session);
        let sequence = if sequence == Session::ANEW { 0 } else { sequence };
        let last = self.goroutines.insert(goroutine, sequence);
        last.is_none_or(|last| last <= sequence || session.sequence == Session::ANEW)
    }

    fn allows_mention(&mut self, event_type: EventType, arguments: &[u64; MAX_ARGUMENTS]) -> bool {
        use EventType as E;
        let [first, second, ..] = *arguments;
        let begin = match event_type {
            E::UserTaskBegin => {
                self.mention(E::UserTaskBegin, second);
                return !self.mentioned.contains(&(event_type, first));
            }
            E::UserTaskEnd | E::UserRegionBegin | E::UserRegionEnd | E::UserLog => {
                self.mention(E::UserTaskBegin, first);
                return true;
            }
            E::HttpServerRequestStart
            | E::HttpClientRequestStart
            | E::SqlQueryStart
            | E::TlsHandshakeStart
            | E::DnsLookupStart
            | E::ConnectStart => return !self.mentioned.contains(&(event_type, second)),
            E::HttpServerRequestEnd => E::HttpServerRequestStart,
            E::HttpClientRequestEnd | E::HttpClientError => E::HttpClientRequestStart,
            E::SqlQueryEnd => E::SqlQueryStart,
            E::TlsHandshakeEnd => E::TlsHandshakeStart,
            E::DnsLookupEnd => E::DnsLookupStart,
            E::ConnectEnd => E::ConnectStart,
            _ => return true,
        };
        self.mention(begin, first);
        true
    }

    fn mention(&mut self, begin: EventType, id: u64) {
        let is_none = begin == EventType::UserTaskBegin
            && (TaskId(id) == TaskId::BACKGROUND || TaskId(id) == TaskId::NONE);
        if !is_none && self.last_mention != Some((begin, id)) {
            self.last_mention = Some((begin, id));
            self.mentioned.insert((begin, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_of_a_goroutine_are_in_the_order_of_their_numbers() {
        let mut causality = Causality::default();
        let mut allows = |goroutine, sequence| {
            causality.allows(EventType::GoLabel, &[0; MAX_ARGUMENTS], Session { goroutine, sequence })
        };
        assert!(allows(1, 3) && allows(1, 3) && allows(2, 1) && allows(1, 5));
        assert!(!allows(1, 4));
        assert!(allows(1, Session::ANEW) && allows(1, 2), "C may call it again");
    }

    #[test]
    fn operations_begin_before_they_end() {
        let mut causality = Causality::default();
        let mut allows = |event_type, arguments| causality.allows(event_type, &arguments, Session::NONE);
        assert!(
            allows(EventType::SqlQueryStart, [9, 1, 0, 0]) && allows(EventType::SqlQueryEnd, [1, 0, 0, 0])
        );
        assert!(allows(EventType::ConnectEnd, [2, 0, 0, 0]));
        assert!(allows(EventType::SqlQueryStart, [9, 2, 0, 0]), "another kind has ids of its own");
        assert!(!allows(EventType::ConnectStart, [9, 2, 0, 0]));
    }

    #[test]
    fn tasks_begin_before_their_children_do() {
        let mut causality = Causality::default();
        let mut begins =
            |id, parent| causality.allows(EventType::UserTaskBegin, &[id, parent, 0, 0], Session::NONE);
        assert!(begins(1, TaskId::BACKGROUND.0) && begins(2, 1) && begins(4, 3));
        assert!(!begins(3, TaskId::NONE.0));
    }
}
