//! How spans stand in each other: on their goroutines, and in their tasks.

use go_trace_format::{
    Event, Time,
    event::{GoroutineId, TaskId},
};

use crate::{
    anatomy::Anatomy,
    form::{Ending, Form, Missing},
    identity::Identity,
    known::{
        changes::{Change, Fate},
        goroutines::Nested,
        regions::MOST_LOOSE,
        sections::What,
        span::{LocalParent, Notes, Open, OpenSpan, SectionKey},
        stacks::OpenCall,
        tasks::Mentioned,
    },
    mapping::Mapping,
    sink::{Outlet, Stopped},
    span::{Link, Scope},
};

/// How many sections that were taken away are remembered for as many as know of them, and so many more.
const MOST_DROPPED: usize = 64;

impl Mapping {
    /// Takes a span from its goroutine. Gives what that did meanwhile, if the span has not ended elsewhere.
    pub(crate) fn unbind(&mut self, span: &OpenSpan, open: Open, ending: &mut Ending) -> Option<Anatomy> {
        let is_cut = ending.missing == Some(Missing::End);
        if let Some(anatomy) = span.meanwhile.all() {
            return Some(anatomy).filter(|_| is_cut);
        }
        let start = span.meanwhile.since()?;
        let id = span.place.goroutine?;
        if !is_cut && ending.goroutine != Some(id) {
            self.close(id, open);
            return None;
        }
        let (end, meanwhile) = self.goroutines.close_at(id, open, ending.time, start)?;
        self.innermost_changed(id, end);
        ending.time = end;
        Some(meanwhile)
    }

    /// Puts a span onto its goroutine.
    pub(crate) fn bind(&mut self, span: &mut OpenSpan, open: Open) {
        if let Some(goroutine) = self.goroutines.bind(span, open) {
            self.innermost_changed(goroutine, span.start);
        }
    }

    /// Takes a span from its goroutine as of what that has done last.
    fn close(&mut self, goroutine: GoroutineId, open: Open) {
        if let Some(time) = self.goroutines.close(goroutine, open) {
            self.innermost_changed(goroutine, time);
        }
    }

    /// Tells of all that is open as if it became so.
    pub(crate) fn tell_open(&mut self) {
        for (goroutine, time, span) in self.goroutines.nests() {
            self.changes.push(|| Change::Innermost { goroutine, time, span: Some(span) });
        }
    }

    #[inline]
    fn innermost_changed(&mut self, goroutine: GoroutineId, time: Time) {
        let innermost = || self.goroutines.innermost(goroutine).map(|nested| nested.span);
        self.changes.push(|| Change::Innermost { goroutine, time, span: innermost() });
    }

    /// Opens a region or an operation.
    pub(crate) fn begin_section(&mut self, span: Box<OpenSpan>, what: What) -> SectionKey {
        self.note_overlap(&span);
        // Its key has to be known before it can be put onto its goroutine.
        let (key, section) = self.open.insert(span, what);
        if let Some(goroutine) = self.goroutines.bind(&mut section.span, Open::Section(key)) {
            let start = section.span.start;
            self.innermost_changed(goroutine, start);
        }
        key
    }

    /// The region or operation that is open innermost on a goroutine.
    pub(crate) fn innermost_section(&self, goroutine: GoroutineId) -> Option<Nested> {
        let open = &self.goroutines.get(goroutine)?.open;
        open.iter().copied().rfind(|nested| matches!(nested.span, Open::Section(_)))
    }

    /// The region or operation that a goroutine was created in: as a parent as long as it is open, then as a link.
    pub(crate) fn creation_as_parent(&self, goroutine: GoroutineId) -> LocalParent {
        let Some(creation) = self.goroutines.creation(goroutine) else { return LocalParent::default() };
        let creation = self.open.dropped.outside(creation);
        match creation.span {
            Some(span) if self.open.is_open(span) => {
                LocalParent { context: self.open.context(span).or(creation.context), ..creation }
            }
            _ => LocalParent { span: None, is_over: creation.context.is_some(), ..creation },
        }
    }

    /// A section turns out to have been over at some time, without its end having been seen.
    pub(crate) fn abandon(&mut self, key: SectionKey, goroutine: GoroutineId, time: Time) {
        let (Some(section), Some(known)) = (self.open.section_mut(key), self.goroutines.get_mut(goroutine))
        else {
            return;
        };
        let (time, totals) = known.totals_at(time);
        section.span.abandon(time, totals);
        self.close(goroutine, Open::Section(key));
    }

    /// Ends a section, and hands it on in the form that it has.
    pub(crate) fn end_section(
        &mut self,
        key: SectionKey,
        mut ending: Ending,
        form: impl FnOnce(&What) -> Option<Form>,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        let Some(section) = self.open.remove(key) else { return Ok(()) };
        let anatomy = self.unbind(&section.span, Open::Section(key), &mut ending);
        match &section.what {
            What::Region => self.regions.closed(),
            What::Operation(operation) => self.operations.closed(key, operation),
            What::Call(call) => self.call_closed(key, call, &section.span, &mut ending),
        }
        match form(&section.what) {
            Some(form) => self.emit(Some(Open::Section(key)), form, section.span, anatomy, ending, sink),
            None => {
                self.changes.push(|| Change::Over { span: Open::Section(key), fate: Fate::Dropped });
                Ok(())
            }
        }
    }

    /// Takes note that an operation is over of which only stacks tell.
    fn call_closed(&mut self, key: SectionKey, call: &OpenCall, span: &OpenSpan, ending: &mut Ending) {
        self.stacks.closed(span.id(), key);
        self.stack_counters.count(call.kind, call.was_there, span.place.code.is_some());
        if !call.was_there {
            return;
        }
        // What its goroutine has done is not known, so that it has not been taken from there.
        if let Some(goroutine) = span.place.goroutine {
            self.close(goroutine, Open::Section(key));
        }
        ending.missing = Some(if ending.missing.is_some() { Missing::Both } else { Missing::Start });
    }

    /// Takes a section away as if it had never been, because something else tells of the same: what is inside of it is then
    /// inside of what is around it, and nothing is linked to it.
    pub(crate) fn drop_section(&mut self, key: SectionKey) {
        let Some(section) = self.open.drop_section(key) else { return };
        if let Some(goroutine) = section.span.place.goroutine {
            self.close(goroutine, Open::Section(key));
        }
        self.changes.push(|| Change::Over { span: Open::Section(key), fate: Fate::Dropped });
        self.pending_events -= section.span.details.held();
        match &section.what {
            What::Region => self.regions.closed(),
            What::Operation(operation) => self.operations.closed(key, operation),
            What::Call(_) => self.stacks.closed(section.span.id(), key),
        }
        // Now and then, so that it costs no more than what happened since.
        let held = self.open.len() + self.ranges.open.len() + self.goroutines.created_count();
        if self.open.dropped.len() > MOST_DROPPED + held {
            self.open.settle_dropped(&mut self.ranges, &mut self.goroutines);
        }
    }

    /// Ends a section of which the end is not known.
    pub(crate) fn end_unfinished(
        &mut self,
        key: SectionKey,
        ending: Ending,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        self.remember_unfinished(key);
        // What its goroutine has not ended was over with the goroutine at the latest.
        let abandoned = self.open.section(key).and_then(|section| section.span.details.abandoned());
        let ending = Ending { time: abandoned.unwrap_or(ending.time), ..ending };
        self.end_section(key, ending, What::unfinished, sink)
    }

    /// Ends every section, those inside of others first.
    pub(crate) fn end_all_sections(&mut self, ending: Ending, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        for key in self.open.sections_from_latest() {
            self.end_unfinished(key, ending, sink)?;
        }
        self.regions.clear();
        Ok(())
    }

    /// Takes note of an operation that goes out although its end has not been seen.
    fn remember_unfinished(&mut self, key: SectionKey) {
        if let Some(What::Operation(operation)) = self.open.section(key).map(|section| &section.what) {
            self.operations.remember(operation.wire_key(), self.options.limits.open_operations);
        }
    }

    /// The innermost region of a goroutine that is of a task: where logs of the task go.
    pub(crate) fn region_of(&self, goroutine: Option<GoroutineId>, task: TaskId) -> Option<SectionKey> {
        self.goroutines.get(goroutine?)?.open.iter().rev().find_map(|nested| match nested.span {
            Open::Section(key) if self.region_is(key, |span| span.task == task) => Some(key),
            _ => None,
        })
    }

    pub(crate) fn region_is(&self, key: SectionKey, is_it: impl FnOnce(&OpenSpan) -> bool) -> bool {
        self.open
            .section(key)
            .is_some_and(|section| matches!(section.what, What::Region) && is_it(&section.span))
    }

    /// Takes note of a region that is on no goroutine any more, or on none that is known.
    pub(crate) fn loosen(&mut self, key: SectionKey, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        if self.regions.loose.len() == MOST_LOOSE {
            if let Some(oldest) = self.regions.loose.pop_front() {
                self.counters.evicted_spans += 1;
                let latest = self.timeline.latest();
                self.end_unfinished(oldest, Ending::unseen(latest), sink)?;
            }
        }
        self.regions.loose.push_back(key);
        Ok(())
    }

    /// Ends the regions of a task that its goroutines have left open.
    pub(crate) fn finish_abandoned_regions(
        &mut self,
        task: TaskId,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        let open = &self.open;
        let (abandoned, others) = self.regions.loose.iter().partition::<Vec<SectionKey>, _>(|&&key| {
            let is_one = |span: &OpenSpan| span.task == task && span.details.abandoned().is_some();
            open.section(key).is_some_and(|section| is_one(&section.span))
        });
        if abandoned.is_empty() {
            return Ok(());
        }
        self.regions.loose = others.into();
        let ending = Ending::unseen(self.timeline.latest());
        abandoned.into_iter().try_for_each(|key| self.end_unfinished(key, ending, sink))
    }

    /// Tells the ranges that concern everybody of a span that begins.
    pub(crate) fn note_overlap(&mut self, span: &OpenSpan) {
        for (_, range) in self.ranges.open.iter_mut().take_while(|(key, _)| key.kind.is_wide()) {
            let context = span.placed(span.parent.context).context;
            let is_dropped =
                range.span.details.make().links.add(Link::from(context), self.options.limits.links_per_span);
            self.counters.dropped_links += u64::from(is_dropped);
        }
    }

    /// Keeps the context of a task that nobody has seen begin, so that all its children get the same parent.
    pub(crate) fn mention(&mut self, event: &Event<'_>, task: TaskId) {
        if task == TaskId::BACKGROUND || self.open.tasks.knows(task) {
            return;
        }
        let mentioned = self.mentioned(event, task, true);
        self.open.tasks.mentioned.insert(task, mentioned);
        self.forget_mentioned(self.options.limits.remembered_tasks);
    }

    /// A task of which an event is all that was seen.
    pub(crate) fn mentioned(&self, event: &Event<'_>, task: TaskId, is_begin: bool) -> Mentioned {
        let identity = Identity::new(&self.facts(&Scope::Task, event, task, is_begin));
        Mentioned {
            identity,
            since: event.raw_time(),
            is_since_clamped: event.is_time_assumed(),
            wall: self.timeline.wall(),
            notes: Notes::default(),
        }
    }

    /// A task as a parent, if it is one.
    pub(crate) fn task_as_parent(&self, task: TaskId) -> LocalParent {
        if task == TaskId::BACKGROUND {
            return LocalParent::default();
        }
        self.open.as_parent(Open::Task(task))
    }

    /// Forgets the tasks that have ended, and those of which nothing but the id is known.
    pub(crate) fn forget_tasks(&mut self) {
        self.open.tasks.forget_ended();
        self.forget_mentioned(0);
    }

    /// Forgets the oldest tasks of which only the id was seen, but for so many: no span goes out that could carry
    /// their logs.
    fn forget_mentioned(&mut self, most: usize) {
        while self.open.tasks.mentioned.len() > most {
            let Some((_, Mentioned { notes, .. })) = self.open.tasks.mentioned.pop_first() else { break };
            self.pending_events -= notes.held();
            self.counters.unattached_logs += notes.events.len() as u64 + u64::from(notes.dropped);
        }
    }
}
