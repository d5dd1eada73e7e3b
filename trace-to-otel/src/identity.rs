//! Who a span is: ids made from stable facts, and contexts that the program itself wrote down (README, "Mapping
//! rules": Identity).
//!
//! An id is the XXH3 hash (128 bits, seed 0) of 13 numbers of 64 bits, little-endian: what is made (a trace or a
//! span), which scope, the generation's number, 1 or 0 for with or without clock snapshot, the snapshot's trace,
//! monotonic and wall time (the latter as two numbers, low half first), the event's raw time, thread, goroutine
//! and task, and 1 or 0 for whether the event is the span's begin, to which a span that stands by its goroutine's stacks
//! inside of others adds 2 for each of them. Thread and goroutine are −1 where unknown. A
//! trace id is the whole hash, a span id its lower half, 1 stands for 0.
//!
//! Two events of one thread never have the same time, and a thread's id is unique on its machine, so that the
//! facts tell spans apart. They say nothing of files, of the conversion, or of where a snapshot begins.

use core::num::{NonZeroU64, NonZeroU128};

use go_trace_context::{LogContext, SpanId, TraceFlags, TraceId, TraceParent};
use go_trace_format::{
    Event,
    event::{TaskId, ThreadId},
};
use twox_hash::XxHash3_128;

use crate::{
    span::{Parent, Scope},
    timeline::Origin,
};

pub(crate) use crate::span::SpanContext;

const NUMBERS: usize = 13;

/// What the ids of a span are made from: the event by which it became known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts([u64; NUMBERS - 1]);

const TRACE: u64 = 0;
const SPAN: u64 = 1;

impl Facts {
    pub(crate) fn new(
        scope: &Scope,
        origin: Origin,
        event: &Event<'_>,
        task: TaskId,
        is_begin: bool,
    ) -> Self {
        let (trace, monotonic, wall) = match origin.snapshot {
            Some(snapshot) => (snapshot.trace as u64, snapshot.monotonic, snapshot.wall),
            None => (0, 0, 0),
        };
        Self([
            scope.index() as u64,
            origin.generation,
            u64::from(origin.snapshot.is_some()),
            trace,
            monotonic,
            wall as u64,
            (wall >> 64) as u64,
            event.raw_time().0 as u64,
            event.thread().map_or(-1, |ThreadId(id)| id) as u64,
            event.goroutine().map_or(-1, |goroutine| goroutine.0) as u64,
            task.0,
            u64::from(is_begin),
        ])
    }

    /// The same of a span that begins with the same event as others, inside of so many of them.
    pub(crate) fn at_depth(mut self, depth: usize) -> Self {
        self.0[NUMBERS - 2] += 2 * depth as u64;
        self
    }

    fn hash(&self, made: u64) -> u128 {
        let mut bytes = [0; NUMBERS * 8];
        let numbers = core::iter::once(made).chain(self.0);
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        XxHash3_128::oneshot(&bytes)
    }

    /// The id of the trace whose root the span is.
    fn trace_id(&self) -> TraceId {
        NonZeroU128::new(self.hash(TRACE)).unwrap_or(NonZeroU128::MIN).into()
    }

    fn span_id(&self) -> SpanId {
        NonZeroU64::new(self.hash(SPAN) as u64).unwrap_or(NonZeroU64::MIN).into()
    }
}

/// A span's place together with what it is tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) context: SpanContext,
    pub(crate) parent: Option<Parent>,
    pub(crate) link: Option<SpanContext>,
}

/// What is known of a span's identity by itself: without its local parent, whose own context may still change.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The id of the trace whose root the span is, if it is one.
    root_trace_id: TraceId,
    span_id: SpanId,
    /// Whether the fork put it on the wire, so that both ids are its own whatever its parent is: it is the root of a trace where
    /// that one is not known.
    is_on_wire: bool,
    /// What the program wrote down of it: of very few spans.
    told: Option<Box<Told>>,
}

/// What a program wrote down of a span.
#[derive(Clone, Debug, Default)]
struct Told {
    own: Option<Own>,
    remote_parent: Option<TraceParent>,
    /// Whether it said so in order to be read: nobody else exports the span.
    is_for_us: bool,
}

/// What a context is to a span that it is said of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    New,
    /// It was said before.
    Known,
    /// Another one was said before, or stands anyway.
    Contradicted,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Own {
    Context(TraceParent),
    SpanId(SpanId),
}

impl Identity {
    pub(crate) fn new(facts: &Facts) -> Self {
        Self { root_trace_id: facts.trace_id(), span_id: facts.span_id(), is_on_wire: false, told: None }
    }

    /// The identity of a span whose local parent is known to have a context, and will always have one: it is the root
    /// of no trace, and which one that would be need not be found out.
    pub(crate) fn of_child(facts: &Facts, parent: SpanContext) -> Self {
        Self { root_trace_id: parent.trace_id, span_id: facts.span_id(), is_on_wire: false, told: None }
    }

    /// The same span, as the fork's wire names it: other processes know it by that.
    pub(crate) fn with_wire(self, trace_id: Option<TraceId>, span_id: Option<SpanId>) -> Self {
        Self {
            root_trace_id: trace_id.unwrap_or(self.root_trace_id),
            span_id: span_id.unwrap_or(self.span_id),
            is_on_wire: true,
            ..self
        }
    }

    /// The same span; its trace, if it turns out to be the root of one.
    pub(crate) fn with_root_trace(self, root_trace_id: TraceId) -> Self {
        Self { root_trace_id, ..self }
    }

    /// Whether the program wrote down the span's context, as an SDK does that exports the span itself.
    pub(crate) fn is_written_down(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.own.is_some())
    }

    /// Whether that may be of an SDK that exports the span itself.
    pub(crate) fn may_be_exported_elsewhere(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.own.is_some() && !told.is_for_us)
    }

    /// Takes note that the program tells of the span in the format that is for us.
    pub(crate) fn is_told_to_us(&mut self) {
        self.told_mut().is_for_us = true;
    }

    /// Takes what a log of the span says. The first one counts, as children may have been told it already.
    pub(crate) fn learn(&mut self, said: LogContext) -> Learned {
        match said {
            LogContext::RemoteParent(parent) => get_first(&mut self.told_mut().remote_parent, parent),
            _ if self.is_on_wire => Learned::Contradicted,
            LogContext::Own(context) => get_first(&mut self.told_mut().own, Own::Context(context)),
            LogContext::OwnSpanId(id) => get_first(&mut self.told_mut().own, Own::SpanId(id)),
            _ => Learned::Contradicted,
        }
    }

    fn told_mut(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    fn remote_parent(&self) -> Option<SpanContext> {
        self.told.as_ref()?.remote_parent.map(SpanContext::from)
    }

    /// The span's place under its local parent, if it has one.
    pub(crate) fn place(&self, local_parent: Option<SpanContext>) -> Placed {
        let context = self.context(local_parent);
        if let Some(remote) = self.remote_parent() {
            if remote.trace_id == context.trace_id {
                let link = local_parent.filter(|parent| parent.span_id != remote.span_id);
                return Placed { context, parent: Some(as_parent(remote, true)), link };
            }
        }
        match local_parent {
            // A program that gives the same context to two spans means one by both.
            Some(parent) if parent.span_id == context.span_id => Placed { context, parent: None, link: None },
            Some(parent) if parent.trace_id == context.trace_id => {
                Placed { context, parent: Some(as_parent(parent, false)), link: None }
            }
            other => Placed { context, parent: None, link: other },
        }
    }

    fn context(&self, local_parent: Option<SpanContext>) -> SpanContext {
        let span_id = match self.told.as_ref().and_then(|told| told.own) {
            Some(Own::Context(own)) => return own.into(),
            Some(Own::SpanId(id)) => id,
            None => self.span_id,
        };
        match self.remote_parent().or(local_parent).filter(|_| !self.is_on_wire) {
            Some(parent) => SpanContext { span_id, ..parent },
            None => SpanContext { trace_id: self.root_trace_id, span_id, flags: TraceFlags::SAMPLED },
        }
    }
}

/// Puts a value where none is.
fn get_first<T: PartialEq>(place: &mut Option<T>, value: T) -> Learned {
    match place {
        Some(known) if *known == value => Learned::Known,
        Some(_) => Learned::Contradicted,
        None => {
            *place = Some(value);
            Learned::New
        }
    }
}

fn as_parent(context: SpanContext, is_remote: bool) -> Parent {
    Parent { span_id: context.span_id, is_remote }
}

impl From<TraceParent> for SpanContext {
    fn from(parent: TraceParent) -> Self {
        Self { trace_id: parent.trace_id(), span_id: parent.span_id(), flags: parent.flags() }
    }
}

crate::saved::saved!(Identity { root_trace_id, span_id, is_on_wire, told });
crate::saved::saved!(Told { own, remote_parent, is_for_us });
crate::saved::saved_enum!(Own { 0 => Context(context), 1 => SpanId(id) });
