//! A span that has begun: what is kept of it until it ends.

use std::sync::Arc;

use go_trace_context::SpanId;
use go_trace_format::{
    Time,
    event::{GoroutineId, TaskId, ThreadId},
};

use crate::{
    anatomy::{Anatomy, Totals},
    clock::WallOffset,
    identity::{Facts, Identity, Placed, SpanContext},
    near::Number,
    said::Said,
    saved::{Input, Saved},
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
    pub(crate) details: Rare,
}

/// What few spans have, in memory of its own, which is kept once it is there.
#[derive(Debug, Default)]
pub(crate) struct Rare(Option<Box<Details>>);

/// What is kept of a span beside what every span has.
#[derive(Debug, Default)]
pub(crate) struct Details {
    pub(crate) notes: Notes,
    pub(crate) links: Links,
    /// When its goroutine ended without ending it.
    pub(crate) abandoned: Option<Time>,
    /// The stack that it began with.
    pub(crate) stack: Option<Arc<str>>,
}

impl Rare {
    pub(crate) fn get(&self) -> Option<&Details> {
        self.0.as_deref()
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut Details> {
        self.0.as_deref_mut()
    }

    /// The details, made if there are none.
    pub(crate) fn make(&mut self) -> &mut Details {
        self.0.get_or_insert_default()
    }

    /// How many events there are.
    pub(crate) fn event_count(&self) -> usize {
        self.get().map_or(0, |details| details.notes.events.len())
    }

    /// How many events and attributes there are.
    pub(crate) fn held(&self) -> usize {
        self.get().map_or(0, |details| details.notes.held())
    }

    pub(crate) fn abandoned(&self) -> Option<Time> {
        self.get()?.abandoned
    }
}

/// Where a span began, as far as the trace tells.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) goroutine: Option<GoroutineId>,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) code: Option<Arc<CodeLocation>>,
}

/// What happened in a span, and what was said of it.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) events: Vec<SpanEvent>,
    pub(crate) dropped: u32,
    pub(crate) said: Option<Box<Said>>,
}

impl Notes {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.dropped == 0 && self.said.is_none()
    }

    /// How many events and attributes there are.
    pub(crate) fn held(&self) -> usize {
        self.events.len() + self.said.as_ref().map_or(0, |said| said.attributes.len())
    }
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
    pub(crate) fn is_empty(&self) -> bool {
        self.to.is_empty() && self.dropped == 0
    }

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
#[derive(Debug, Default)]
pub(crate) struct Meanwhile {
    known: Known,
    /// In memory of their own, which is kept once it is there: of very many spans only the outer ones are bound to a goroutine.
    totals: Option<Box<Totals>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Known {
    /// The span is not bound to a goroutine.
    #[default]
    Nothing,
    /// The goroutine's totals when the span began.
    Begin,
    /// What the goroutine did in all: it has ended, and the span has not.
    All,
}

impl Meanwhile {
    /// The span begins when its goroutine's totals are these.
    pub(crate) fn begin(&mut self, totals: &Totals) {
        self.known = Known::Begin;
        match &mut self.totals {
            Some(begin) => **begin = *totals,
            None => self.totals = Some(Box::new(*totals)),
        }
    }

    /// The goroutine ends with these totals, and the span has not.
    fn end(&mut self, totals: &Totals) {
        if let (Known::Begin, Some(known)) = (self.known, &mut self.totals) {
            let begin = core::mem::replace(&mut **known, *totals);
            known.subtract(&begin);
            self.known = Known::All;
        }
    }

    pub(crate) fn forget(&mut self) {
        self.known = Known::Nothing;
    }

    /// The goroutine's totals when the span began, if it has not ended.
    pub(crate) fn since(&self) -> Option<&Totals> {
        self.totals.as_deref().filter(|_| matches!(self.known, Known::Begin))
    }

    /// What the goroutine did in all, if it has ended.
    pub(crate) fn all(&self) -> Option<Anatomy> {
        self.totals.as_deref().filter(|_| matches!(self.known, Known::All)).map(|&totals| totals.into())
    }
}

/// As the totals that mean something.
impl Saved for Meanwhile {
    fn save(&self, out: &mut Vec<u8>) {
        self.known.save(out);
        if let (Known::Begin | Known::All, Some(totals)) = (self.known, &self.totals) {
            totals.save(out);
        }
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let known = Known::load(input)?;
        let totals = match known {
            Known::Nothing => None,
            Known::Begin | Known::All => Some(Saved::load(input)?),
        };
        Some(Self { known, totals })
    }
}

/// As none where there is nothing in them.
impl Saved for Rare {
    fn save(&self, out: &mut Vec<u8>) {
        let details = self.get().filter(|details| !details.is_empty());
        details.is_some().save(out);
        if let Some(details) = details {
            details.save(out);
        }
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Saved::load(input).map(Self)
    }
}

impl Details {
    fn is_empty(&self) -> bool {
        let Self { notes, links, abandoned, stack } = self;
        notes.is_empty() && links.is_empty() && abandoned.is_none() && stack.is_none()
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        let Self { notes, links, abandoned, stack } = self;
        notes.events.clear();
        links.to.clear();
        (notes.dropped, links.dropped) = (0, 0);
        notes.said = None;
        (*abandoned, *stack) = (None, None);
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
            meanwhile: Meanwhile::default(),
            details: Rare::default(),
        }
    }

    /// Its id, whatever it is part of.
    pub(crate) fn id(&self) -> SpanId {
        self.placed(self.parent.context).context.span_id
    }

    /// Where logs of the span go.
    pub(crate) fn annotate(&mut self) -> Annotated<'_> {
        Annotated { identity: &mut self.identity, wall: self.wall, notes: &mut self.details.make().notes }
    }

    /// Takes over what was noted by another clock before the span was known.
    pub(crate) fn take_over(&mut self, notes: Notes, wall: WallOffset) {
        if notes.is_empty() {
            return;
        }
        let own = &mut self.details.make().notes;
        *own = notes;
        for event in &mut own.events {
            event.time = self.wall.instead_of(wall, event.time);
        }
    }

    /// Takes note that the span was over at some time, with these totals of its goroutine, although it has not ended.
    pub(crate) fn abandon(&mut self, time: Time, totals: &Totals) {
        self.details.make().abandoned = Some(time);
        self.meanwhile.end(totals);
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
    details,
});
crate::saved::saved!(Details { notes, links, abandoned, stack });
crate::saved::saved!(Place { goroutine, thread, code });
crate::saved::saved!(Notes { events, dropped, said });
crate::saved::saved!(Links { to, dropped });
crate::saved::saved!(SectionKey { 0 });
crate::saved::saved_enum!(Open { 0 => Task(id), 1 => Section(key) });
crate::saved::saved!(LocalParent { span, context, is_over });
crate::saved::saved_enum!(Known { 0 => Nothing, 1 => Begin, 2 => All });

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be hundreds of thousands.
    #[test]
    fn what_is_kept_of_a_span_is_small() {
        let size = size_of::<OpenSpan>();
        assert!(size <= 216, "{size} bytes, of them {} for who it is", size_of::<Identity>());
    }
}
