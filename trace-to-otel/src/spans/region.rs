//! Regions. Go: `runtime/trace.StartRegion` and `Region.End`.
//!
//! The regions of one goroutine nest. A region of which no goroutine's nest knows any more is *loose*: its
//! goroutine has ended without ending it, or the trace does not tell which goroutine it is on. A loose region may
//! still end: elsewhere, found by task and name.

use std::{collections::VecDeque, sync::Arc};

use go_trace_format::{
    Event,
    event::{GoroutineId, Region, TaskId, ThreadId},
};

use crate::{
    identity::Identity,
    mapper::Mapper,
    span::{Scope, SpanSink},
    spans::{
        Ending, Form, LocalParent, Missing, Open, OpenSpan,
        open::{FrameKey, What},
    },
};

/// How much may be open on one goroutine: whoever looks through it stays fast.
pub(crate) const DEEPEST: usize = 256;
/// How many regions may be loose: an end looks through them.
const MOST_LOOSE: usize = 1024;

/// What is known of the regions that are open, beside what the nests of goroutines hold.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    /// How many are open.
    pub(crate) count: usize,
    /// In the order in which they got loose.
    loose: VecDeque<FrameKey>,
    /// Whether begins went by that not even a nest counts.
    has_uncounted: bool,
}

impl Regions {
    /// Takes note of a region that is over.
    pub(super) fn closed(&mut self) {
        self.count -= 1;
    }

    /// Forgets what is loose, when all regions have ended.
    pub(crate) fn clear(&mut self) {
        self.loose.clear();
        self.has_uncounted = false;
    }
}

/// What the end of a region tells of it.
struct Ended<'a> {
    task: TaskId,
    /// None where the name is lost.
    name: Option<&'a Arc<str>>,
    thread: Option<ThreadId>,
}

impl Ended<'_> {
    fn is(&self, open: &OpenSpan) -> bool {
        open.task == self.task
            && self.name.is_none_or(|name| Arc::ptr_eq(&open.name, name) || open.name == *name)
    }
}

const UNNAMED: &str = "(unnamed region)";

fn plain(_: &What) -> Option<Form> {
    Some(Form::plain(Scope::Region))
}

impl Mapper {
    pub(crate) fn region_begin<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        region: Region<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.mention(event, region.task);
        let goroutine = self.goroutine(event);
        let parent = match goroutine {
            Some(goroutine) if !self.has_room_for_region(goroutine) => return Ok(()),
            Some(goroutine) => self.parent_of_region(goroutine, region.task),
            None => self.task_as_parent(region.task),
        };
        let identity = parent.child(&self.facts(Scope::Region, event, region.task, true));
        let name = self.texts.name_by_id(event.arguments()[1], region.name, UNNAMED);
        let mut span = self.open_span(identity, name, event, region.task);
        span.parent = parent;
        self.regions.count += 1;
        let key = self.begin_frame(span, What::Region);
        if goroutine.is_none() { self.loosen(key, sink) } else { Ok(()) }
    }

    pub(crate) fn region_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        region: Region<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let goroutine = self.goroutine(event);
        if goroutine.is_some_and(|goroutine| self.is_end_of_dropped(goroutine)) {
            return Ok(());
        }
        let end = Ending::seen(self.timeline.time(event), goroutine);
        let name_id = event.arguments()[1];
        let (task, thread) = (region.task, event.thread());
        // Nearly always it is the innermost one, of a name that is known.
        if let (Some(goroutine), Some(name)) = (goroutine, self.texts.known_by_id(name_id)) {
            if let Some(key) = self.innermost_to_end(goroutine, &Ended { task, name: Some(name), thread }) {
                return self.end_frame(key, end, plain, sink);
            }
        }
        let name = self.texts.name_by_id(name_id, region.name, UNNAMED);
        let ended = Ended { task, name: (!region.name.is_lost()).then_some(&name), thread };
        if let Some((key, inner)) = goroutine.and_then(|goroutine| self.nested_to_end(goroutine, &ended)) {
            // Their own ends or begins are lost.
            for key in inner {
                self.end_frame(key, Ending { missing: Some(Missing::End), ..end }, plain, sink)?;
            }
            return self.end_frame(key, end, plain, sink);
        }
        if let Some((key, is_assumed)) = self.take_loose(&ended) {
            self.counters.assumed_pairs += u64::from(is_assumed);
            return self.end_frame(key, Ending { is_assumed, ..end }, plain, sink);
        }
        if self.regions.has_uncounted {
            return Ok(());
        }
        self.mention(event, region.task);
        let identity = Identity::new(&self.facts(Scope::Region, event, region.task, false));
        let mut span = self.unstarted_span(identity, name, region.task);
        span.place.goroutine = goroutine;
        span.parent = self.task_as_parent(region.task);
        self.emit(Form::plain(Scope::Region), span, None, end.without_start(), sink)
    }

    /// A goroutine has ended, and with it its operations. Its regions may end elsewhere, or not at all.
    pub(crate) fn goroutine_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(mut goroutine) = event.goroutine().and_then(|id| self.goroutines.end(id)) else {
            return Ok(());
        };
        let open = core::mem::take(&mut goroutine.open);
        let (time, totals) = goroutine.totals_at(self.timeline.time(event));
        for nested in open.into_iter().rev() {
            let Open::Frame(key) = nested.span else { continue };
            let Some(frame) = self.open.frame_mut(key) else { continue };
            frame.span.abandon(time, totals);
            match frame.what {
                What::Region => self.loosen(key, sink)?,
                // Go starts and ends an operation on one goroutine: a handler has panicked, its request is over.
                What::Operation(_) => self.end_unfinished(key, Ending::unseen(time), sink)?,
            }
        }
        Ok(())
    }

    /// Ends the regions of a task that its goroutines have left open.
    pub(crate) fn finish_abandoned_regions<S: SpanSink>(
        &mut self,
        task: TaskId,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let open = &self.open;
        let (abandoned, others) = self.regions.loose.iter().partition::<Vec<FrameKey>, _>(|&&key| {
            let is_one = |span: &OpenSpan| span.task == task && span.abandoned.is_some();
            open.frame(key).is_some_and(|frame| is_one(&frame.span))
        });
        if abandoned.is_empty() {
            return Ok(());
        }
        self.regions.loose = others.into();
        let ending = Ending::unseen(self.timeline.latest());
        abandoned.into_iter().try_for_each(|key| self.end_unfinished(key, ending, sink))
    }

    /// The innermost region of a goroutine that is of a task: where logs of the task go.
    pub(super) fn region_of(&self, goroutine: Option<GoroutineId>, task: TaskId) -> Option<FrameKey> {
        self.goroutines.get(goroutine?)?.open.iter().rev().find_map(|nested| match nested.span {
            Open::Frame(key) if self.region_is(key, |span| span.task == task) => Some(key),
            _ => None,
        })
    }

    fn region_is(&self, key: FrameKey, is_it: impl FnOnce(&OpenSpan) -> bool) -> bool {
        self.open.frame(key).is_some_and(|frame| matches!(frame.what, What::Region) && is_it(&frame.span))
    }

    /// The frame around a region on its goroutine if that is inside the region's task too; else the task; else, for
    /// want of one, the frame that the goroutine was created in.
    fn parent_of_region(&self, goroutine: GoroutineId, task: TaskId) -> LocalParent {
        if let Some(around) = self.innermost_frame(goroutine) {
            if task == TaskId::BACKGROUND || self.open.is_within(around.span, task) {
                return self.open.nested_as_parent(around);
            }
        }
        if task != TaskId::BACKGROUND {
            return self.task_as_parent(task);
        }
        self.creation_as_parent(goroutine)
    }

    /// Whether a region may begin. Where it may not, that is noted, as its end will come.
    fn has_room_for_region(&mut self, goroutine: GoroutineId) -> bool {
        let most = self.options.limits.open_regions;
        let known = self.goroutines.len();
        let is_full = self.regions.count >= most;
        match self.goroutines.get_mut(goroutine) {
            Some(nest) if is_full || nest.dropped > 0 || nest.open.len() >= DEEPEST => nest.dropped += 1,
            None if is_full && known >= most.saturating_mul(2) => self.regions.has_uncounted = true,
            None if is_full => self.goroutines.running(goroutine, self.timeline.latest()).dropped = 1,
            _ => return true,
        }
        self.counters.dropped_spans += 1;
        false
    }

    /// Whether an end is that of a region that the limits kept out.
    fn is_end_of_dropped(&mut self, goroutine: GoroutineId) -> bool {
        match self.goroutines.get_mut(goroutine) {
            Some(nest) if nest.dropped > 0 => nest.dropped -= 1,
            _ => return false,
        }
        self.goroutines.forget_if_idle(goroutine);
        true
    }

    /// What is open innermost on a goroutine, if it is the region that ends.
    fn innermost_to_end(&self, goroutine: GoroutineId, ended: &Ended<'_>) -> Option<FrameKey> {
        match self.goroutines.innermost(goroutine)?.span {
            Open::Frame(key) if self.region_is(key, |span| ended.is(span)) => Some(key),
            _ => None,
        }
    }

    /// The region of a goroutine that ends, and the regions inside of it that have to end with it.
    fn nested_to_end(&self, goroutine: GoroutineId, ended: &Ended<'_>) -> Option<(FrameKey, Vec<FrameKey>)> {
        let mut inner = Vec::new();
        for nested in self.goroutines.get(goroutine)?.open.iter().rev() {
            let Open::Frame(key) = nested.span else { continue };
            if self.region_is(key, |span| ended.is(span)) {
                return Some((key, inner));
            }
            if self.region_is(key, |_| true) {
                inner.push(key);
            }
        }
        None
    }

    /// Takes out the loose region that this is the end of, and says whether there was more than one to choose
    /// from. The latest is taken then, of those that began on the same thread if there are such.
    fn take_loose(&mut self, ended: &Ended<'_>) -> Option<(FrameKey, bool)> {
        let span = |key: FrameKey| self.open.frame(key).map(|frame| &frame.span);
        let fitting = || {
            let keys = self.regions.loose.iter().copied().enumerate();
            keys.filter(|&(_, key)| span(key).is_some_and(|span| ended.is(span)))
        };
        let is_of_thread = |key| span(key).is_some_and(|span| span.place.thread == ended.thread);
        let (chosen, _) = fitting().max_by_key(|&(_, key)| is_of_thread(key))?;
        let is_assumed = fitting().nth(1).is_some();
        self.regions.loose.remove(chosen).map(|key| (key, is_assumed))
    }

    fn loosen<S: SpanSink>(&mut self, key: FrameKey, sink: &mut S) -> Result<(), S::Error> {
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
}

crate::saved::saved!(Regions { count, loose, has_uncounted });
