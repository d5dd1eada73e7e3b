//! An operation that a goroutine is in, and what it has shown of it.

use go_trace_format::{Time, event::GoroutineId};

use crate::stacks::{
    class::{Class, Found},
    entries::{Advance, Kind},
    moment::Moment,
};

/// An operation that the goroutine is in.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) kind: Kind,
    pub(super) key: u64,
    /// The stack of the first thing that it did.
    first: Option<u64>,
    /// The stack of the last thing that it did.
    latest: u64,
    /// Whether it did something else than the first thing.
    has_moved_on: bool,
    /// The stacks by which it has sent something, as far as there is room.
    sends: [u64; MOST_SENDS],
    /// Whom the request was handed to that a client makes: the goroutine that writes to its connection.
    writer: Option<GoroutineId>,
    /// How far it is, if it is a call by gRPC.
    advance: Advance,
    /// Since when it has been seen, but not to do anything by itself: the next call may have begun.
    pub(super) idle_since: Option<Time>,
    /// Since when it has been seen, but not where it sends or takes the answer: where it sends again, the next call may have begun.
    pub(super) unsure_since: Option<Time>,
    /// The stack by which it has begun to take the answer to what it sent last.
    answer: Option<u64>,
    /// Whether what comes next is another operation, as a query whose rows are being read.
    pub(super) is_over: bool,
    /// Whether the next event will tell by when it had begun at the latest.
    pub(super) is_unsettled: bool,
    /// How much has been told of it.
    pub(super) rank: u32,
    /// Whether it has done anything by itself.
    pub(super) is_active: bool,
}

const MOST_SENDS: usize = 4;

impl Open {
    pub(super) fn new(kind: Kind, key: u64) -> Self {
        Self {
            kind,
            key,
            first: None,
            latest: 0,
            has_moved_on: false,
            sends: [0; MOST_SENDS],
            writer: None,
            advance: Advance::None,
            idle_since: None,
            unsure_since: None,
            answer: None,
            is_over: false,
            is_unsettled: false,
            rank: 0,
            is_active: false,
        }
    }

    pub(super) fn is(&self, found: &Found) -> bool {
        // A goroutine serves one request at a time, whatever its connection was called from.
        self.kind == found.kind && (self.kind.is_server() || self.key == found.key)
    }

    /// Where the same call has come again, as it does what it began with or sends once more: when the one before can have been
    /// over at the earliest.
    pub(super) fn repeated_since(&self, class: &Class, moment: Moment) -> Option<Time> {
        if self.kind.is_server() || self.is_tried_again(moment.wakes) {
            return None;
        }
        let begins_anew = match self.kind {
            Kind::RpcClient => self.advance.is_over_at(class.advance),
            _ => self.is_over || self.has_moved_on && self.first == Some(class.hash),
        };
        let sends_anew = self.kind != Kind::RpcClient
            && class.is_send
            && self.latest != class.hash
            && self.sends.contains(&class.hash);
        let since = if begins_anew { self.idle_since } else { self.unsure_since };
        (begins_anew || sends_anew).then(|| since.unwrap_or(moment.last))
    }

    /// Whether a client makes the same request by another connection: the next request would take the one that the former
    /// has just left, unless that had broken. Go: `net/http.Transport.roundTrip`, `persistConn.shouldRetryRequest`.
    fn is_tried_again(&self, wakes: Option<GoroutineId>) -> bool {
        self.kind == Kind::HttpClient && self.writer.is_some() && wakes.is_some() && self.writer != wakes
    }

    /// Takes note of something that the goroutine did in it.
    pub(super) fn does(&mut self, class: &Class, moment: Moment, is_innermost: bool) {
        let first = *self.first.get_or_insert(class.hash);
        self.has_moved_on |= first != class.hash;
        self.latest = class.hash;
        self.is_active = true;
        self.idle_since = None;
        self.advance = self.advance.then(class.advance);
        match class.is_send {
            true => (self.answer, self.unsure_since) = (None, None),
            false if *self.answer.get_or_insert(class.hash) == class.hash => self.unsure_since = None,
            false => _ = self.unsure_since.get_or_insert(moment.last),
        }
        if !is_innermost {
            return;
        }
        if class.is_send && !self.sends.contains(&class.hash) {
            if let Some(free) = self.sends.iter_mut().find(|send| **send == 0) {
                *free = class.hash;
            }
        }
        if class.is_send && self.kind == Kind::HttpClient {
            self.writer = moment.wakes.or(self.writer);
        }
        self.is_over |= class.is_query_over && self.kind == Kind::Sql;
    }
}

crate::saved::saved!(Open {
    kind,
    key,
    first,
    latest,
    has_moved_on,
    sends,
    writer,
    advance,
    idle_since,
    unsure_since,
    answer,
    is_over,
    is_unsettled,
    rank,
    is_active
});
