//! The operations that are open, by what they are called on the wire.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use go_trace_context::Fold;
use go_trace_format::{
    Stack,
    event::{GoroutineId, Operation},
};

use crate::{
    attribute,
    form::Form,
    known::span::SectionKey,
    operations::{self, Described, Side},
    span::{Attribute, Scope},
};

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What the wire calls an operation.
pub(crate) type WireKey = (Operation, u64);

/// An operation that is open.
#[derive(Debug)]
pub(crate) struct OpenOperation {
    pub(crate) operation: Operation,
    pub(crate) trace_id_fold: u64,
    pub(crate) span_id: u64,
    pub(crate) goroutine: Option<GoroutineId>,
    /// None where it is not worth a span.
    pub(crate) described: Option<Arc<Described>>,
    /// Of a handshake, as soon as its goroutine has shown it.
    pub(crate) side: Option<Side>,
    /// Whether some stack of its goroutine has shown it: only then does one that does not tell something.
    pub(crate) was_on_stack: bool,
}

/// How many that seem to be over are kept for their ends: those are looked through now and then.
const MOST_OVER: usize = 256;

/// The operations that are open, by what they are called.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    open: FastMap<WireKey, Namesakes>,
    /// HTTP requests that are being served, by fold and span id.
    pub(crate) servers: FastMap<(u64, u64), SectionKey>,
    /// HTTP requests that are being made, by fold.
    pub(crate) clients: FastMap<u64, SectionKey>,
    pub(crate) count: usize,
    /// How many of them are of kinds that stacks show.
    shown: usize,
    /// In the order of their starts, with some that have ended.
    pub(crate) order: VecDeque<SectionKey>,
    /// Those that went out before their ends were seen, and how many of each.
    unfinished: FastMap<WireKey, u32>,
    /// Whether there were more of these than are remembered.
    has_forgotten: bool,
    /// Those that seem to be over, on their goroutines: their ends may still come.
    over: VecDeque<(GoroutineId, SectionKey)>,
}

/// The open operations of one kind and span id: one, but for those under one context.
#[derive(Debug)]
struct Namesakes {
    latest: SectionKey,
    earlier: Vec<SectionKey>,
}

impl Operations {
    /// Counts the operations that are open, and forgets that those that are not seem to be over.
    pub(crate) fn recount<'o>(
        &mut self,
        open: impl Iterator<Item = &'o OpenOperation>,
        is_open: impl Fn(SectionKey) -> bool,
    ) {
        (self.count, self.shown) = open.fold((0, 0), |(count, shown), operation| {
            (count + 1, shown + usize::from(operations::is_on_stack(operation.operation)))
        });
        self.over.retain(|&(_, key)| is_open(key));
    }

    /// Whether some operation is open of which a stack may show that it is over, or that seems to be.
    #[inline]
    pub(crate) fn may_be_over(&self) -> bool {
        self.shown > 0 || !self.over.is_empty()
    }

    pub(crate) fn add(&mut self, key: SectionKey, operation: &OpenOperation) {
        self.shown += usize::from(operations::is_on_stack(operation.operation));
        let wire = operation.wire_key();
        self.open
            .entry(wire)
            .and_modify(|names| names.earlier.push(core::mem::replace(&mut names.latest, key)))
            .or_insert(Namesakes { latest: key, earlier: Vec::new() });
        match operation.operation {
            Operation::HttpServer if operation.trace_id_fold != 0 => {
                self.servers.insert((operation.trace_id_fold, operation.span_id), key);
            }
            Operation::HttpClient if operation.trace_id_fold != 0 => {
                self.clients.insert(operation.trace_id_fold, key);
            }
            _ => {}
        }
        self.count += 1;
        self.order.push_back(key);
    }

    /// The operation that an end belongs to.
    pub(crate) fn find(&self, wire: WireKey, is_own: impl Fn(SectionKey) -> bool) -> Option<SectionKey> {
        let names = self.open.get(&wire)?;
        if names.earlier.is_empty() || is_own(names.latest) {
            return Some(names.latest);
        }
        Some(names.earlier.iter().copied().rfind(|&key| is_own(key)).unwrap_or(names.latest))
    }

    /// Takes note of an operation that is over.
    pub(crate) fn closed(&mut self, key: SectionKey, operation: &OpenOperation) {
        let wire = operation.wire_key();
        if let Some(names) = self.open.get_mut(&wire) {
            if names.latest != key {
                names.earlier.retain(|&earlier| earlier != key);
            } else if let Some(earlier) = names.earlier.pop() {
                names.latest = earlier;
            } else {
                self.open.remove(&wire);
            }
        }
        let (fold, span_id) = (operation.trace_id_fold, operation.span_id);
        match operation.operation {
            Operation::HttpServer if self.servers.get(&(fold, span_id)) == Some(&key) => {
                self.servers.remove(&(fold, span_id));
            }
            Operation::HttpClient if self.clients.get(&fold) == Some(&key) => {
                self.clients.remove(&fold);
            }
            _ => {}
        }
        self.over.retain(|&(_, over)| over != key);
        self.count -= 1;
        self.shown -= usize::from(operations::is_on_stack(operation.operation));
    }

    /// Takes note of one that seems to be over.
    pub(crate) fn seems_over(&mut self, goroutine: GoroutineId, key: SectionKey) {
        self.over.push_back((goroutine, key));
    }

    /// The first of those that seem to be over, where there are too many.
    pub(crate) fn first_over_too_many(&self) -> Option<SectionKey> {
        self.over.front().filter(|_| self.over.len() > MOST_OVER).map(|&(_, key)| key)
    }

    /// Those of a goroutine that seem to be over, the first of them first.
    pub(crate) fn over_on(&self, goroutine: GoroutineId) -> impl Iterator<Item = SectionKey> {
        self.over.iter().filter(move |(of, _)| *of == goroutine).map(|&(_, key)| key)
    }

    /// Remembers an operation that goes out before its end is seen, as that may come.
    pub(crate) fn remember(&mut self, wire: WireKey, most: usize) {
        if self.unfinished.len() >= most && !self.unfinished.contains_key(&wire) {
            self.has_forgotten = true;
            return;
        }
        *self.unfinished.entry(wire).or_default() += 1;
    }

    /// Whether an end is that of an operation that went out before.
    pub(crate) fn is_late(&mut self, wire: WireKey) -> bool {
        let Some(count) = self.unfinished.get_mut(&wire) else { return self.has_forgotten };
        *count -= 1;
        if *count == 0 {
            self.unfinished.remove(&wire);
        }
        true
    }
}

impl OpenOperation {
    pub(crate) fn new(
        operation: Operation,
        trace_id_fold: u64,
        span_id: u64,
        goroutine: Option<GoroutineId>,
        described: Option<Arc<Described>>,
    ) -> Self {
        Self { operation, trace_id_fold, span_id, goroutine, described, side: None, was_on_stack: false }
    }

    pub(crate) fn wire_key(&self) -> WireKey {
        (self.operation, self.span_id)
    }

    /// An operation may show by a stack of its goroutine that it is one of Go's own library, and a handshake which side it is.
    pub(crate) fn see(&mut self, stack: Option<Stack<'_>>) {
        let Some(stack) = stack.filter(|_| operations::is_on_stack(self.operation)) else { return };
        if self.operation == Operation::Tls && self.side.is_none() {
            self.side = Side::of(stack);
        }
        self.was_on_stack = self.was_on_stack || operations::calls_in(self.operation, stack) > 0;
    }

    /// What it looks like in the end, but for what its end tells: none where it gets no span.
    pub(crate) fn form(&self) -> Option<Form> {
        let described = self.described.as_deref()?;
        let mut attributes = Vec::with_capacity(16);
        attributes.extend_from_slice(&described.attributes);
        if let Some(fold) = Fold::from_u64(self.trace_id_fold).filter(|_| described.scope != Scope::Http) {
            attributes.push(Attribute::new(attribute::FORK_TRACE_ID, fold.to_string().as_str()));
        }
        let name = self.side.map(|side| operations::name_by_side(described, side));
        let (scope, kind) = (described.scope.clone(), described.kind);
        Some(Form { kind, name, attributes, ..Form::plain(scope) })
    }
}

crate::saved::saved!(OpenOperation {
    operation,
    trace_id_fold,
    span_id,
    goroutine,
    described,
    side,
    was_on_stack
});
crate::saved::saved!(Namesakes { latest, earlier });
crate::saved::saved!(Operations {
    open,
    servers,
    clients,
    count,
    shown,
    order,
    unfinished,
    has_forgotten,
    over
});
