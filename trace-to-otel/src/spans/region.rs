//! Regions. Go: `runtime/trace.StartRegion` and `Region.End`.
//!
//! The regions of one goroutine nest. A region of which no goroutine's nest knows any more is *loose*: its
//! goroutine has ended without ending it, or the trace does not tell which goroutine it is on. A loose region may
//! still end: elsewhere, found by task and name.

use std::collections::{HashMap, VecDeque};

use go_trace_format::{
    Event,
    event::{GoroutineId, Region, TaskId, ThreadId},
};

use crate::{
    identity::{Identity, SpanContext},
    mapper::Mapper,
    span::{Scope, SpanSink, UnixTime},
    spans::{Ending, Missing, Notes, OpenSpan, Tasks},
};

/// How many regions of one goroutine may be open: whoever looks through them stays fast.
const DEEPEST: usize = 256;
/// How many regions may be loose: an end looks through them.
const MOST_LOOSE: usize = 1024;

/// Below how many nests none is forgotten before its goroutine ends.
const MOST_EMPTY: usize = 1024;

/// The open regions.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    nests: HashMap<GoroutineId, Nest, foldhash::fast::RandomState>,
    /// How many regions the nests hold.
    nested: usize,
    /// In the order in which they got loose.
    loose: VecDeque<Loose>,
    /// Whether begins went by that not even a nest counts.
    has_uncounted: bool,
}

/// The open regions of a goroutine, outermost first.
#[derive(Debug, Default)]
struct Nest {
    regions: Vec<OpenSpan>,
    /// How many more are open inside of these that a limit kept out.
    dropped: u64,
}

#[derive(Debug)]
struct Loose {
    span: OpenSpan,
    parent: Option<SpanContext>,
    /// When its goroutine ended, if that is why it is loose.
    abandoned: Option<UnixTime>,
}

impl Nest {
    /// The context of the innermost region.
    fn context(&self, tasks: &Tasks) -> Option<SpanContext> {
        if !tasks.has_changed_contexts {
            return self.regions.last().map(|innermost| innermost.placed(None).context);
        }
        let outermost = self.regions.first()?;
        self.regions
            .iter()
            .fold(tasks.context(outermost.task), |parent, region| Some(region.placed(parent).context))
    }

    /// Takes the innermost region out, with its parent's context.
    fn pop(&mut self, tasks: &Tasks) -> Option<(OpenSpan, Option<SpanContext>)> {
        let span = self.regions.pop()?;
        let parent = self.context(tasks).or_else(|| tasks.context(span.task));
        Some((span, parent))
    }
}

impl Regions {
    /// Where a log of a task on a goroutine goes: the innermost region that is of that task.
    pub(super) fn annotate(
        &mut self,
        goroutine: Option<GoroutineId>,
        task: TaskId,
    ) -> Option<(&mut Identity, &mut Notes)> {
        let nest = self.nests.get_mut(&goroutine?)?;
        let region = nest.regions.iter_mut().rfind(|region| region.task == task)?;
        Some((&mut region.identity, &mut region.notes))
    }

    fn pop(&mut self, goroutine: GoroutineId, tasks: &Tasks) -> Option<(OpenSpan, Option<SpanContext>)> {
        let nest = self.nests.get_mut(&goroutine)?;
        let popped = nest.pop(tasks);
        if popped.is_some() {
            self.nested -= 1;
        }
        self.forget_if_empty(goroutine);
        popped
    }

    /// Empty nests are kept as long as there are few: their goroutines may well go on with another region.
    fn forget_if_empty(&mut self, goroutine: GoroutineId) {
        let is_empty = |nest: &Nest| nest.regions.is_empty() && nest.dropped == 0;
        if self.nests.len() > MOST_EMPTY && self.nests.get(&goroutine).is_some_and(is_empty) {
            self.nests.remove(&goroutine);
        }
    }

    /// Takes note of a region that the limits keep out.
    fn drop_begin(&mut self, goroutine: GoroutineId, most: usize) {
        if let Some(nest) = self.nests.get_mut(&goroutine) {
            nest.dropped += 1;
        } else if self.nests.len() < most.saturating_mul(2) {
            self.nests.insert(goroutine, Nest { regions: Vec::new(), dropped: 1 });
        } else {
            self.has_uncounted = true;
        }
    }

    /// Whether an end is that of a region that the limits kept out.
    fn drop_end(&mut self, goroutine: GoroutineId) -> bool {
        let Some(nest) = self.nests.get_mut(&goroutine).filter(|nest| nest.dropped > 0) else { return false };
        nest.dropped -= 1;
        self.forget_if_empty(goroutine);
        true
    }

    /// How many regions of a goroutine to end for this one to be ended, which is the last of them.
    fn depth_of(&self, goroutine: GoroutineId, ended: &Ended<'_>) -> Option<usize> {
        self.nests
            .get(&goroutine)?
            .regions
            .iter()
            .rev()
            .position(|open| ended.is(open))
            .map(|above| above + 1)
    }

    /// Takes out the loose region that this is the end of, and says whether there was more than one to choose
    /// from. The latest is taken then, of those that began on the same thread if there are such.
    fn take_loose(&mut self, ended: &Ended<'_>) -> Option<(Loose, bool)> {
        let fitting = || self.loose.iter().enumerate().filter(|(_, loose)| ended.is(&loose.span));
        let (chosen, _) = fitting().max_by_key(|(_, loose)| loose.span.place.thread == ended.thread)?;
        let is_assumed = fitting().nth(1).is_some();
        self.loose.remove(chosen).map(|loose| (loose, is_assumed))
    }
}

/// What the end of a region tells of it.
struct Ended<'a> {
    task: TaskId,
    /// None where the name is lost.
    name: Option<&'a str>,
    thread: Option<ThreadId>,
}

impl Ended<'_> {
    fn is(&self, open: &OpenSpan) -> bool {
        open.task == self.task && self.name.is_none_or(|name| *open.name == *name)
    }
}

const UNNAMED: &str = "(unnamed region)";

impl Mapper {
    pub(crate) fn region_begin<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        region: Region<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.mention(event, region.task);
        let identity = Identity::new(&self.facts(Scope::Region, event, region.task, true));
        let name = self.texts.name(region.name, UNNAMED);
        let mut span = self.open_span(identity, name, event, region.task);
        let Some(goroutine) = span.place.goroutine else {
            span.parent_at_begin = self.tasks.context(region.task);
            return self.loosen(Loose { span, parent: None, abandoned: None }, sink);
        };
        let most = self.options.limits.open_regions;
        let deep = self.regions.nests.get(&goroutine).map_or(0, |nest| nest.regions.len());
        let is_within_dropped = self.regions.nests.get(&goroutine).is_some_and(|nest| nest.dropped > 0);
        if is_within_dropped || deep >= DEEPEST || self.regions.nested >= most {
            self.counters.dropped_spans += 1;
            self.regions.drop_begin(goroutine, most);
            return Ok(());
        }
        let nest = self.regions.nests.entry(goroutine).or_default();
        span.parent_at_begin = nest.context(&self.tasks).or_else(|| self.tasks.context(region.task));
        nest.regions.push(span);
        self.regions.nested += 1;
        Ok(())
    }

    pub(crate) fn region_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        region: Region<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let goroutine = self.goroutine(event);
        if goroutine.is_some_and(|goroutine| self.regions.drop_end(goroutine)) {
            return Ok(());
        }
        let end = Ending::seen(self.timeline.time(event));
        let name = self.texts.name(region.name, UNNAMED);
        let ended = Ended {
            task: region.task,
            name: (!region.name.is_lost()).then_some(&*name),
            thread: event.thread(),
        };
        let nested =
            goroutine.and_then(|goroutine| Some((goroutine, self.regions.depth_of(goroutine, &ended)?)));
        if let Some((goroutine, count)) = nested {
            return self.end_nested(goroutine, count, end, sink);
        }
        if let Some((loose, is_assumed)) = self.regions.take_loose(&ended) {
            self.counters.assumed_pairs += u64::from(is_assumed);
            return self.finish_loose(loose, Ending { is_assumed, ..end }, sink);
        }
        if self.regions.has_uncounted {
            return Ok(());
        }
        self.mention(event, region.task);
        let identity = Identity::new(&self.facts(Scope::Region, event, region.task, false));
        let mut span = self.unstarted_span(identity, name, region.task);
        span.place.goroutine = goroutine;
        let parent = self.tasks.context(region.task);
        let end = Ending { missing: Some(Missing::Start), ..end };
        self.emit(Scope::Region, span, parent, end, sink)
    }

    /// A goroutine has ended: its regions may end elsewhere, or not at all.
    pub(crate) fn goroutine_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        goroutine: GoroutineId,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if !self.regions.nests.contains_key(&goroutine) {
            return Ok(());
        }
        let abandoned = Some(self.timeline.time(event));
        while let Some((span, parent)) = self.regions.pop(goroutine, &self.tasks) {
            self.loosen(Loose { span, parent, abandoned }, sink)?;
        }
        self.regions.nests.remove(&goroutine);
        Ok(())
    }

    /// Ends the regions of a task that its goroutines have left open.
    pub(crate) fn finish_abandoned_regions<S: SpanSink>(
        &mut self,
        task: TaskId,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let is_one = |loose: &Loose| loose.span.task == task && loose.abandoned.is_some();
        while let Some(index) = self.regions.loose.iter().position(is_one) {
            if let Some(loose) = self.regions.loose.remove(index) {
                let latest = self.timeline.latest();
                self.finish_loose(loose, Ending::unseen(latest), sink)?;
            }
        }
        Ok(())
    }

    /// Ends every region, in an order that depends on the trace alone.
    pub(crate) fn finish_regions<S: SpanSink>(
        &mut self,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        while let Some(loose) = self.regions.loose.pop_front() {
            self.finish_loose(loose, ending, sink)?;
        }
        let mut goroutines: Vec<_> = self.regions.nests.keys().copied().collect();
        goroutines.sort_unstable();
        for goroutine in goroutines {
            while let Some((span, parent)) = self.regions.pop(goroutine, &self.tasks) {
                self.emit(Scope::Region, span, parent, ending, sink)?;
            }
        }
        self.regions.nests.clear();
        self.regions.has_uncounted = false;
        Ok(())
    }

    /// Ends the innermost region of a goroutine, and those around it whose own ends or begins are lost.
    fn end_nested<S: SpanSink>(
        &mut self,
        goroutine: GoroutineId,
        count: usize,
        end: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        for left in (0..count).rev() {
            let Some((span, parent)) = self.regions.pop(goroutine, &self.tasks) else { break };
            let missing = (left > 0).then_some(Missing::End);
            self.emit(Scope::Region, span, parent, Ending { missing, ..end }, sink)?;
        }
        Ok(())
    }

    fn loosen<S: SpanSink>(&mut self, loose: Loose, sink: &mut S) -> Result<(), S::Error> {
        if self.regions.loose.len() == MOST_LOOSE {
            if let Some(oldest) = self.regions.loose.pop_front() {
                self.counters.evicted_spans += 1;
                let latest = self.timeline.latest();
                self.finish_loose(oldest, Ending::unseen(latest), sink)?;
            }
        }
        self.regions.loose.push_back(loose);
        Ok(())
    }

    fn finish_loose<S: SpanSink>(
        &mut self,
        loose: Loose,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let parent = loose.parent.or_else(|| self.tasks.context(loose.span.task));
        // What its goroutine has not ended was over with the goroutine at the latest.
        let time = match (ending.missing, loose.abandoned) {
            (Some(Missing::End), Some(abandoned)) => abandoned,
            _ => ending.time,
        };
        self.emit(Scope::Region, loose.span, parent, Ending { time, ..ending }, sink)
    }
}
