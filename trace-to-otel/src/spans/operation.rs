//! Operations of the flight-recorder fork: how their starts and ends find each other, and what all kinds have in
//! common. What each kind is called and says is in `operations`.
//!
//! A start and an end belong together if kind and span id on the wire are the same. That id repeats where operations
//! of one kind are made under one context: an end then belongs to the latest start of its own goroutine, or else to
//! the latest of all. Ends are lost now and then (`docs/fork-dialect.md`).

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use go_trace_context::{Fold, SpanId};
use go_trace_format::{
    Event,
    event::{GoroutineId, Operation, OperationEnd, OperationStart, Outcome, TaskId},
};

use crate::{
    attribute,
    goroutines::Nested,
    identity::Identity,
    mapper::Mapper,
    operations::{self, Described, Side},
    span::{Attribute, Scope, SpanSink, Status},
    spans::{
        Ending, Form, LocalParent, Open,
        open::{FrameKey, Meanwhile, What},
    },
};

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What the wire calls an operation.
type WireKey = (Operation, u64);

/// An operation that is open.
#[derive(Debug)]
pub(crate) struct OpenOperation {
    operation: Operation,
    trace_id_fold: u64,
    span_id: u64,
    goroutine: Option<GoroutineId>,
    /// None where it is not worth a span.
    described: Option<Arc<Described>>,
    /// Of a handshake, as soon as its goroutine has shown it.
    side: Option<Side>,
}

/// The operations that are open, by what they are called.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    open: FastMap<WireKey, Namesakes>,
    /// HTTP requests that are being served, by fold and span id.
    servers: FastMap<(u64, u64), FrameKey>,
    /// HTTP requests that are being made, by fold.
    clients: FastMap<u64, FrameKey>,
    pub(crate) count: usize,
    /// How many of them are handshakes.
    handshakes: usize,
    /// In the order of their starts, with some that have ended.
    order: VecDeque<FrameKey>,
    /// Those that went out before their ends were seen, and how many of each.
    unfinished: FastMap<WireKey, u32>,
    /// Whether there were more of these than are remembered.
    has_forgotten: bool,
    /// Handshakes that turned out to be over, to go out with the next event.
    over: Vec<FrameKey>,
}

/// The open operations of one kind and span id: one, but for those under one context.
#[derive(Debug)]
struct Namesakes {
    latest: FrameKey,
    earlier: Vec<FrameKey>,
}

impl Operations {
    /// Counts the operations that are open.
    pub(crate) fn recount<'a>(&mut self, open: impl Iterator<Item = &'a OpenOperation>) {
        (self.count, self.handshakes) = open.fold((0, 0), |(count, handshakes), operation| {
            (count + 1, handshakes + usize::from(operation.operation == Operation::Tls))
        });
    }

    /// Whether some goroutine shakes hands.
    #[inline]
    pub(crate) fn has_handshakes(&self) -> bool {
        self.handshakes > 0
    }

    fn add(&mut self, key: FrameKey, operation: &OpenOperation) {
        self.handshakes += usize::from(operation.operation == Operation::Tls);
        let wire = (operation.operation, operation.span_id);
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
    fn find(&self, wire: WireKey, is_own: impl Fn(FrameKey) -> bool) -> Option<FrameKey> {
        let names = self.open.get(&wire)?;
        if names.earlier.is_empty() || is_own(names.latest) {
            return Some(names.latest);
        }
        Some(names.earlier.iter().copied().rfind(|&key| is_own(key)).unwrap_or(names.latest))
    }

    /// Takes note of an operation that is over.
    pub(super) fn closed(&mut self, key: FrameKey, operation: &OpenOperation) {
        let wire = (operation.operation, operation.span_id);
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
        self.count -= 1;
        self.handshakes -= usize::from(operation.operation == Operation::Tls);
    }

    /// Remembers an operation that goes out before its end is seen, as that may come.
    fn remember(&mut self, wire: WireKey, most: usize) {
        if self.unfinished.len() >= most && !self.unfinished.contains_key(&wire) {
            self.has_forgotten = true;
            return;
        }
        *self.unfinished.entry(wire).or_default() += 1;
    }

    /// Whether an end is that of an operation that went out before.
    fn is_late(&mut self, wire: WireKey) -> bool {
        let Some(count) = self.unfinished.get_mut(&wire) else { return self.has_forgotten };
        *count -= 1;
        if *count == 0 {
            self.unfinished.remove(&wire);
        }
        true
    }
}

impl What {
    /// What a frame looks like that has not been seen to end.
    pub(crate) fn unfinished(&self) -> Option<Form> {
        match self {
            Self::Region => Some(Form::plain(Scope::Region)),
            Self::Operation(operation) => operation.form(),
        }
    }
}

impl OpenOperation {
    fn see_side(&mut self, event: &Event<'_>) {
        if self.operation == Operation::Tls && self.side.is_none() {
            self.side = event.stack().and_then(Side::of);
        }
    }

    /// What it looks like in the end, but for what its end tells: none where it gets no span.
    fn form(&self) -> Option<Form> {
        let described = self.described.as_deref()?;
        let mut attributes = Vec::with_capacity(16);
        attributes.extend_from_slice(&described.attributes);
        if let Some(fold) = Fold::from_u64(self.trace_id_fold).filter(|_| described.scope != Scope::Http) {
            attributes.push(Attribute::new(attribute::FORK_TRACE_ID, fold.to_string().as_str()));
        }
        let name = self.side.map(|side| operations::name_by_side(described, side));
        let (scope, kind) = (described.scope, described.kind);
        Some(Form { scope, kind, status: Status::Unset, name, attributes })
    }
}

fn scope_of(operation: Operation) -> Scope {
    match operation {
        Operation::HttpServer | Operation::HttpClient => Scope::Http,
        Operation::Sql => Scope::Sql,
        Operation::Tls => Scope::Tls,
        _ => Scope::Net,
    }
}

impl Mapper {
    pub(crate) fn operation_start<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        start: OperationStart<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.make_room_for_operation(sink)?;
        let OperationStart { operation, trace_id_fold, span_id, .. } = start;
        let described = self.describer.begin(operation, start.text);
        let scope = scope_of(operation);
        let mut identity = Identity::new(&self.facts(scope, event, TaskId::BACKGROUND, true));
        let wire_trace = Fold::from_u64(trace_id_fold).map(Fold::stand_in);
        if scope == Scope::Http {
            identity = identity.with_wire(wire_trace, SpanId::from_u64(span_id));
        } else if let Some(trace_id) = wire_trace {
            identity = identity.with_root_trace(trace_id);
        }
        let name = described.as_ref().map_or_else(|| "".into(), |described| Arc::clone(&described.name));
        let mut span = self.open_span(identity, name, event, TaskId::BACKGROUND);
        span.place.code = self.code.of_top_caller(event.stack());
        let goroutine = span.place.goroutine;
        if described.is_none() {
            span.place.goroutine = None;
        } else if let Some(goroutine) = goroutine {
            self.leave_lost_end_behind(event, goroutine, operation, sink)?;
        }
        span.parent = self.parent_of_operation(goroutine, &start);
        let side = (operation == Operation::Tls).then(|| event.stack().and_then(Side::of)).flatten();
        let started = OpenOperation { operation, trace_id_fold, span_id, goroutine, described, side };
        let key = self.begin_frame(span, What::Operation(Box::new(started)));
        if let Some(What::Operation(started)) = self.open.frame(key).map(|frame| &frame.what) {
            self.operations.add(key, started);
        }
        Ok(())
    }

    pub(crate) fn operation_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        end: OperationEnd<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let goroutine = self.goroutine(event);
        let wire = (end.operation, end.span_id);
        let open = &self.open;
        let is_own = |key| match open.frame(key).map(|frame| &frame.what) {
            Some(What::Operation(operation)) => goroutine.is_some() && operation.goroutine == goroutine,
            _ => false,
        };
        let ending = Ending::seen(self.timeline.time(event), goroutine);
        let Some(key) = self.operations.find(wire, is_own) else {
            return self.end_without_start(event, end, ending, sink);
        };
        let form = match self.open.frame_mut(key).map(|frame| &mut frame.what) {
            Some(What::Operation(operation)) => {
                operation.see_side(event);
                operation.form()
            }
            _ => None,
        };
        let form = form.map(|form| self.concluded(form, &end.outcome));
        self.end_frame(key, ending, |_| form, sink)
    }

    /// The start was before the trace, or has been kept out of it.
    fn end_without_start<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        end: OperationEnd<'_>,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.operations.is_late((end.operation, end.span_id)) {
            self.counters.late_ends += 1;
            return Ok(());
        }
        let Some(described) = self.describer.unstarted(end.operation) else { return Ok(()) };
        let mut identity = Identity::new(&self.facts(described.scope, event, TaskId::BACKGROUND, false));
        if described.scope == Scope::Http {
            identity = identity.with_wire(None, SpanId::from_u64(end.span_id));
        }
        let mut span = self.unstarted_span(identity, Arc::clone(&described.name), TaskId::BACKGROUND);
        span.place.goroutine = ending.goroutine;
        let ended = OpenOperation {
            operation: end.operation,
            trace_id_fold: 0,
            span_id: end.span_id,
            goroutine: ending.goroutine,
            described: Some(described),
            side: (end.operation == Operation::Tls).then(|| event.stack().and_then(Side::of)).flatten(),
        };
        let Some(form) = ended.form() else { return Ok(()) };
        let form = self.concluded(form, &end.outcome);
        self.emit(form, span, None, ending.without_start(), sink)
    }

    fn concluded(&self, mut form: Form, outcome: &Outcome<'_>) -> Form {
        form.status = self.describer.end(outcome, &mut form.attributes);
        form
    }

    /// A handshake tells by the stacks of its goroutine which side it is, and whether it is over: one that is repeated
    /// after it failed begins and never ends.
    pub(crate) fn see_handshake(&mut self, key: FrameKey, event: &Event<'_>) {
        let what = self.open.frame_mut(key).map(|frame| &mut frame.what);
        let Some(What::Operation(operation)) = what else { return };
        if operation.operation != Operation::Tls {
            return;
        }
        let (Some(stack), Some(goroutine)) = (event.stack(), operation.goroutine) else { return };
        operation.see_side(event);
        if operations::handshakes_in(stack) == 0 {
            let time = self.timeline.time(event);
            self.abandon(key, goroutine, time);
            self.operations.over.push(key);
        }
    }

    /// The same, of whatever is innermost on the goroutine that an event happened on.
    pub(crate) fn see_innermost<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if !self.operations.has_handshakes() {
            return Ok(());
        }
        let innermost = self.goroutine(event).and_then(|id| self.innermost_frame(id));
        if let Some(Nested { span: Open::Frame(key), .. }) = innermost {
            self.see_handshake(key, event);
        }
        while let Some(key) = self.operations.over.pop() {
            let latest = self.timeline.latest();
            self.end_unfinished(key, Ending::unseen(latest), sink)?;
        }
        Ok(())
    }

    /// HTTP servers are part of the request of the same process, if that is where it comes from. Others are part of
    /// the request under whose context they were made, or of what is open on their goroutine. A client's request
    /// is a trace of its own, in which what is open on the goroutine becomes a link.
    fn parent_of_operation(&self, goroutine: Option<GoroutineId>, start: &OperationStart<'_>) -> LocalParent {
        let by_wire = match start.operation {
            Operation::HttpClient => None,
            Operation::HttpServer => self.operations.clients.get(&start.trace_id_fold),
            _ => self.operations.servers.get(&(start.trace_id_fold, start.span_id)),
        };
        if let Some(&key) = by_wire {
            return self.open.as_parent(Open::Frame(key));
        }
        let Some(goroutine) = goroutine else { return LocalParent::default() };
        match self.goroutines.innermost(goroutine) {
            Some(around) => self.open.nested_as_parent(around),
            None if start.operation == Operation::HttpServer => LocalParent::default(),
            None => self.creation_as_parent(goroutine),
        }
    }

    /// Except for HTTP clients, operations of one kind do not nest on a goroutine. Where one begins inside of another,
    /// the other's end was lost: it may still come, but nothing more is part of it. Of handshakes the stack tells whether
    /// they nest.
    fn leave_lost_end_behind<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        goroutine: GoroutineId,
        operation: Operation,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(Nested { span: Open::Frame(key), .. }) = self.innermost_frame(goroutine) else {
            return Ok(());
        };
        let Some(frame) = self.open.frame_mut(key) else { return Ok(()) };
        let is_lost = |what: &What| matches!(what, What::Operation(open) if open.operation == operation);
        if operation == Operation::HttpClient || !is_lost(&frame.what) {
            return Ok(());
        }
        match event.stack().filter(|_| operation == Operation::Tls).map(operations::handshakes_in) {
            Some(2..) => Ok(()),
            Some(_) => {
                let time = self.timeline.time(event);
                self.abandon(key, goroutine, time);
                self.end_unfinished(key, Ending::unseen(time), sink)
            }
            None => {
                frame.span.meanwhile = Meanwhile::Unknown;
                self.goroutines.close(goroutine, Open::Frame(key));
                Ok(())
            }
        }
    }

    /// Ends the operation that began first, where there are too many.
    fn make_room_for_operation<S: SpanSink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let most = self.options.limits.open_operations.max(1);
        while self.operations.count >= most {
            let Some(key) = self.operations.order.pop_front() else { break };
            if self.open.frame(key).is_some() {
                self.counters.evicted_spans += 1;
                let latest = self.timeline.latest();
                self.end_unfinished(key, Ending::unseen(latest), sink)?;
            }
        }
        // Now and then, those that have ended are taken out.
        if self.operations.order.len() > 64 + 2 * self.operations.count {
            let open = &self.open;
            self.operations.order.retain(|&key| open.frame(key).is_some());
        }
        Ok(())
    }

    /// Takes note of an operation that goes out although its end has not been seen.
    pub(crate) fn remember_unfinished(&mut self, key: FrameKey) {
        if let Some(What::Operation(operation)) = self.open.frame(key).map(|frame| &frame.what) {
            let wire = (operation.operation, operation.span_id);
            self.operations.remember(wire, self.options.limits.open_operations);
        }
    }
}

crate::saved::saved!(OpenOperation { operation, trace_id_fold, span_id, goroutine, described, side });
crate::saved::saved!(Namesakes { latest, earlier });
crate::saved::saved!(Operations {
    open,
    servers,
    clients,
    count,
    handshakes,
    order,
    unfinished,
    has_forgotten,
    over
});
