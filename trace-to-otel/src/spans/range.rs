//! Ranges: what the runtime does for a while. Each is a trace of its own, linked to the spans that it overlapped.

use std::{collections::BTreeMap, sync::Arc};

use go_trace_format::{
    Event, EventKind,
    event::{self, GoroutineId, ProcId, RangeKind, TaskId, ThreadId},
};

use crate::{
    attribute,
    identity::Identity,
    mapper::Mapper,
    span::{Attribute, Link, Scope, SpanSink},
    spans::{Ending, Form, Links, Missing, OpenSpan},
};

/// Which range it is: one of each can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Kind,
    owner: Owner,
}

/// Those that concern the whole process first: they are looked for at every span's begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    StopTheWorld,
    GcMark,
    GcSweep,
    GcMarkAssist,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Process,
    Proc(ProcId),
    Goroutine(GoroutineId),
    Thread(ThreadId),
}

/// The ranges that are open.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    open: BTreeMap<Key, OpenRange>,
}

#[derive(Debug)]
struct OpenRange {
    span: Box<OpenSpan>,
    /// Whether it was under way when the trace began.
    lacks_start: bool,
}

impl Kind {
    /// Whether it concerns the whole process, whoever it is done by.
    fn is_wide(self) -> bool {
        matches!(self, Self::StopTheWorld | Self::GcMark)
    }
}

impl Key {
    fn of(event: &Event<'_>, range: &event::Range<'_>) -> Option<Self> {
        let kind = match range.kind {
            RangeKind::StopTheWorld(_) => Kind::StopTheWorld,
            RangeKind::GcMark => Kind::GcMark,
            RangeKind::GcSweep => Kind::GcSweep,
            RangeKind::GcMarkAssist => Kind::GcMarkAssist,
            _ => return None,
        };
        let owner = match range.scope {
            event::Scope::Process => Owner::Process,
            event::Scope::Proc(Some(id)) => Owner::Proc(id),
            event::Scope::Goroutine(Some(id)) => Owner::Goroutine(id),
            _ => Owner::Thread(event.thread()?),
        };
        Some(Self { kind, owner })
    }

    fn attributes(self) -> Vec<Attribute> {
        let scope = |name| Attribute::new(attribute::RANGE_SCOPE, name);
        match self.owner {
            Owner::Process => vec![scope("global")],
            Owner::Proc(ProcId(id)) => vec![scope("proc"), Attribute::new(attribute::PROC_ID, id)],
            Owner::Goroutine(_) => vec![scope("goroutine")],
            Owner::Thread(_) => vec![scope("thread")],
        }
    }
}

impl Mapper {
    /// A range begins or ends, or was under way when a generation began.
    pub(crate) fn range<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        kind: EventKind<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let (range, is_begin, is_end) = match kind {
            EventKind::RangeBegin(range) => (range, true, false),
            EventKind::RangeActive(range) => (range, false, false),
            EventKind::RangeEnd(range) => (range, false, true),
            _ => return Ok(()),
        };
        let Some(key) = Key::of(event, &range) else { return Ok(()) };
        if !self.ranges.open.contains_key(&key) {
            self.range_begin(event, key, range.kind, !is_begin);
        }
        if is_end { self.range_end(event, key, sink) } else { Ok(()) }
    }

    fn range_begin(&mut self, event: &Event<'_>, key: Key, kind: RangeKind<'_>, lacks_start: bool) {
        if self.ranges.open.len() >= self.options.limits.open_ranges {
            self.counters.dropped_spans += 1;
            return;
        }
        let identity = Identity::new(&self.facts(Scope::Range, event, TaskId::BACKGROUND, !lacks_start));
        let name = self.range_name(kind);
        let mut span = match lacks_start {
            true => self.unstarted_span(identity, name, TaskId::BACKGROUND),
            false => self.open_span(identity, name, event, TaskId::BACKGROUND),
        };
        span.place.goroutine = match key.owner {
            Owner::Goroutine(id) => Some(id),
            _ => None,
        };
        span.links = self.overlapped(key, event.goroutine());
        self.ranges.open.insert(key, OpenRange { span, lacks_start });
    }

    fn range_end<S: SpanSink>(&mut self, event: &Event<'_>, key: Key, sink: &mut S) -> Result<(), S::Error> {
        let Some(OpenRange { span, lacks_start }) = self.ranges.open.remove(&key) else { return Ok(()) };
        let ending = Ending::seen(self.timeline.time(event), None);
        let ending = if lacks_start { ending.without_start() } else { ending };
        self.finish_range(key, span, ending, sink)
    }

    /// Ends every range.
    pub(crate) fn finish_ranges<S: SpanSink>(
        &mut self,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        for (key, OpenRange { span, lacks_start }) in core::mem::take(&mut self.ranges.open) {
            let missing = if lacks_start { Missing::Both } else { Missing::End };
            self.finish_range(key, span, Ending { missing: Some(missing), ..ending }, sink)?;
        }
        Ok(())
    }

    /// Tells the ranges that concern everybody of a span that begins.
    pub(crate) fn note_overlap(&mut self, span: &OpenSpan) {
        for (_, range) in self.ranges.open.iter_mut().take_while(|(key, _)| key.kind.is_wide()) {
            let context = span.placed(span.parent.context).context;
            let is_dropped = range.span.links.add(Link::from(context), self.options.limits.links_per_span);
            self.counters.dropped_links += u64::from(is_dropped);
        }
    }

    fn finish_range<S: SpanSink>(
        &mut self,
        key: Key,
        span: Box<OpenSpan>,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let form = Form { attributes: key.attributes(), ..Form::plain(Scope::Range) };
        self.emit(form, span, None, ending, sink)
    }

    /// Links to the spans that are open when a range begins: all of them, tasks first, or those of its goroutine.
    fn overlapped(&mut self, key: Key, goroutine: Option<GoroutineId>) -> Links {
        let mut links = Links::default();
        let most = self.options.limits.links_per_span;
        if !key.kind.is_wide() {
            let innermost = goroutine.and_then(|id| self.goroutines.innermost(id));
            let context = innermost.and_then(|nested| self.open.context_of(nested));
            links.to.extend(context.map(Link::from));
            return links;
        }
        let oldest = self.open.oldest(most);
        links.to.extend(oldest.into_iter().filter_map(|open| self.open.context(open)).map(Link::from));
        links.dropped = u32::try_from(self.open.len() - links.to.len()).unwrap_or(u32::MAX);
        self.counters.dropped_links += u64::from(links.dropped);
        links
    }

    fn range_name(&mut self, kind: RangeKind<'_>) -> Arc<str> {
        match kind {
            // The reason is part of the trace's text.
            RangeKind::StopTheWorld(reason) => {
                format!("stop-the-world ({})", self.texts.name(reason, "unspecified")).into()
            }
            RangeKind::GcMark => self.texts.fixed("GC concurrent mark phase"),
            RangeKind::GcSweep => self.texts.fixed("GC incremental sweep"),
            RangeKind::GcMarkAssist => self.texts.fixed("GC mark assist"),
            other => other.to_string().into(),
        }
    }
}

crate::saved::saved!(Key { kind, owner });
crate::saved::saved_enum!(Kind { 0 => StopTheWorld, 1 => GcMark, 2 => GcSweep, 3 => GcMarkAssist });
crate::saved::saved_enum!(Owner { 0 => Process, 1 => Proc(id), 2 => Goroutine(id), 3 => Thread(id) });
crate::saved::saved!(Ranges { open });
crate::saved::saved!(OpenRange { span, lacks_start });
