//! A span that has begun: what is kept of it until it ends.

use std::sync::Arc;

use go_trace_format::{
    Time,
    event::{GoroutineId, TaskId, ThreadId},
};

use crate::{
    anatomy::{Anatomy, Totals},
    clock::WallOffset,
    identity::{Facts, Identity, Placed, SpanContext},
    near::Number,
    span::{Link, SpanEvent, SpanKind},
    text::CodeLocation,
};

/// A span that has begun, as small as can be: there may be many, for long.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) identity: Identity,
    pub(crate) name: Arc<str>,
    /// Which side of a call a task stands for, as far as stacks tell.
    pub(crate) kind: SpanKind,
    pub(crate) start: Time,
    /// Whether that is not what the trace says, as it cannot be.
    pub(crate) is_start_clamped: bool,
    /// By the generation in which it begins: what comes later does not set it anew.
    pub(crate) wall: WallOffset,
    /// The task that it is, or that the program has put it into.
    pub(crate) task: TaskId,
    pub(crate) place: Place,
    pub(crate) parent: LocalParent,
    pub(crate) meanwhile: Meanwhile,
    /// When its goroutine ended without ending it.
    pub(crate) abandoned: Option<Time>,
    pub(crate) notes: Notes,
    pub(crate) links: Links,
}

/// Where a span began, as far as the trace tells.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) goroutine: Option<GoroutineId>,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) code: Option<Arc<CodeLocation>>,
    pub(crate) stack: Option<Arc<str>>,
}

/// What happened in a span.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) events: Vec<SpanEvent>,
    pub(crate) dropped: u32,
}

/// What a log is written to.
#[derive(Debug)]
pub(crate) struct Annotated<'s> {
    pub(crate) identity: &'s mut Identity,
    pub(crate) wall: WallOffset,
    pub(crate) notes: &'s mut Notes,
}

/// Other spans that a span has to do with.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) to: Vec<Link>,
    pub(crate) dropped: u32,
}

impl Links {
    /// Adds a link, unless it is there already or there are too many: says whether it was dropped.
    pub(crate) fn add(&mut self, link: Link, most: usize) -> bool {
        if self.to.contains(&link) {
            return false;
        }
        let has_room = self.to.len() < most;
        if has_room {
            self.to.push(link);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        !has_room
    }
}

/// What is known of a goroutine's time within a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Meanwhile {
    /// The span is not bound to a goroutine.
    #[default]
    Unknown,
    /// The goroutine's totals when the span began.
    From(Totals),
    /// The goroutine has ended, and the span has not.
    All(Anatomy),
}

/// An open region or operation: the how many-th of all. The key of one that has ended is never another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SectionKey(u64);

impl SectionKey {
    /// The key of the section that begins after it.
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl Number for SectionKey {
    #[inline]
    fn number(self) -> u64 {
        self.0
    }
}

/// A span that is open, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Task(TaskId),
    Section(SectionKey),
}

/// The local parent of a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LocalParent {
    /// None where there is none, or where it is over and will tell nothing new.
    pub(crate) span: Option<Open>,
    /// Its context as far as it was known last.
    pub(crate) context: Option<SpanContext>,
    /// Whether it had ended when its child began: then it is linked only.
    pub(crate) is_over: bool,
}

impl OpenSpan {
    pub(crate) fn new(
        identity: Identity,
        name: Arc<str>,
        (start, wall): (Time, WallOffset),
        task: TaskId,
        place: Place,
    ) -> Self {
        Self {
            identity,
            name,
            kind: SpanKind::Internal,
            start,
            is_start_clamped: false,
            wall,
            task,
            place,
            parent: LocalParent::default(),
            meanwhile: Meanwhile::Unknown,
            abandoned: None,
            notes: Notes::default(),
            links: Links::default(),
        }
    }

    /// Where logs of the span go.
    pub(crate) fn annotate(&mut self) -> Annotated<'_> {
        Annotated { identity: &mut self.identity, wall: self.wall, notes: &mut self.notes }
    }

    /// Takes over what was noted by another clock before the span was known.
    pub(crate) fn take_over(&mut self, notes: Notes, wall: WallOffset) {
        self.notes = notes;
        for event in &mut self.notes.events {
            event.time = self.wall.instead_of(wall, event.time);
        }
    }

    /// Takes note that the span was over at some time, with these totals of its goroutine, although it has not ended.
    pub(crate) fn abandon(&mut self, time: Time, totals: &Totals) {
        self.abandoned = Some(time);
        if let Meanwhile::From(start) = self.meanwhile {
            self.meanwhile = Meanwhile::All(totals.since(&start));
        }
    }

    /// The span's place, by what its local parent is called.
    pub(crate) fn placed(&self, parent: Option<SpanContext>) -> Placed {
        if !self.parent.is_over {
            return self.identity.place(parent);
        }
        let placed = self.identity.place(None);
        Placed { link: placed.link.or(parent), ..placed }
    }
}

impl LocalParent {
    /// The identity of its child.
    pub(crate) fn child(&self, facts: &Facts) -> Identity {
        match self.context.filter(|_| !self.is_over) {
            Some(parent) => Identity::of_child(facts, parent),
            None => Identity::new(facts),
        }
    }
}

crate::saved::saved!(OpenSpan {
    identity,
    name,
    kind,
    start,
    is_start_clamped,
    wall,
    task,
    place,
    parent,
    meanwhile,
    abandoned,
    notes,
    links
});
crate::saved::saved!(Place { goroutine, thread, code, stack });
crate::saved::saved!(Notes { events, dropped });
crate::saved::saved!(Links { to, dropped });
crate::saved::saved!(SectionKey { 0 });
crate::saved::saved_enum!(Open { 0 => Task(id), 1 => Section(key) });
crate::saved::saved!(LocalParent { span, context, is_over });
crate::saved::saved_enum!(Meanwhile { 0 => Unknown, 1 => From(totals), 2 => All(anatomy) });
