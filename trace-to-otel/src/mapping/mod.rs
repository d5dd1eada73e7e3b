//! All that is known of the trace under way, in one place: what the rules work on.

mod emit;
mod finish;
mod nesting;
mod spare;

use std::sync::Arc;

use go_trace_format::{
    Continuity, Event, Time,
    event::{GoroutineId, TaskId},
};

use crate::{
    clock::WallOffset,
    counters::{Counters, StackCounters},
    identity::{Facts, Identity},
    known::{
        changes::Changes,
        goroutines::{BlockReasons, Goroutines},
        open::OpenSpans,
        operations::Operations,
        ranges::Ranges,
        regions::Regions,
        span::{OpenSpan, Place},
        stacks::Stacks,
    },
    mapping::spare::Spare,
    operations::Describer,
    options::MapperOptions,
    saved::{Input, Saved},
    span::Scope,
    text::{CodeLocations, Texts},
    timeline::Timeline,
};

pub(crate) use emit::NO_CATEGORY;

#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) options: MapperOptions,
    pub(crate) timeline: Timeline,
    pub(crate) texts: Texts,
    pub(crate) code: CodeLocations,
    pub(crate) describer: Describer,
    pub(crate) open: OpenSpans,
    spare: Spare,
    pub(crate) goroutines: Goroutines,
    pub(crate) block_reasons: BlockReasons,
    pub(crate) regions: Regions,
    pub(crate) operations: Operations,
    pub(crate) ranges: Ranges,
    pub(crate) stacks: Stacks,
    /// Whether the trace tells which goroutine runs where.
    pub(crate) has_scheduling: bool,
    /// Events that open spans hold.
    pub(crate) pending_events: usize,
    pub(crate) counters: Counters,
    pub(crate) stack_counters: StackCounters,
    pub(crate) changes: Changes,
}

impl Mapping {
    /// Nothing is known yet.
    pub(crate) fn new(options: MapperOptions) -> Self {
        Self {
            timeline: Timeline::new(options.base_time),
            texts: Texts::new(options.sanitizer.clone()),
            code: CodeLocations::default(),
            describer: Describer::new(options.sanitizer.clone(), Arc::clone(&options.db_system_name)),
            open: OpenSpans::default(),
            spare: Spare::default(),
            goroutines: Goroutines::default(),
            block_reasons: BlockReasons::NONE,
            regions: Regions::default(),
            operations: Operations::default(),
            ranges: Ranges::default(),
            stacks: Stacks::new(&options.span_functions),
            has_scheduling: false,
            pending_events: 0,
            counters: Counters::default(),
            stack_counters: StackCounters::default(),
            changes: Changes::default(),
            options,
        }
    }

    /// Forgets everything but options, counts, and the changes that were told.
    pub(crate) fn forget(&mut self) {
        let (counters, stack_counters) = (self.counters, self.stack_counters);
        let (options, changes) = (core::mem::take(&mut self.options), core::mem::take(&mut self.changes));
        *self = Self { counters, stack_counters, changes, ..Self::new(options) };
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.timeline.save(out);
        self.open.save(out);
        self.goroutines.save(out);
        self.regions.save(out);
        self.operations.save(out);
        self.ranges.save(out);
        self.stacks.save(out);
        self.has_scheduling.save(out);
        self.counters.save(out);
        self.stack_counters.save(out);
    }

    /// What was saved, with these options. None where the input is not what saving gives.
    pub(crate) fn load(options: MapperOptions, input: &mut Input<'_>) -> Option<Self> {
        let mut loaded = Self::new(options);
        loaded.timeline = Saved::load(input)?;
        loaded.open = Saved::load(input)?;
        loaded.goroutines = Saved::load(input)?;
        loaded.regions = Saved::load(input)?;
        loaded.operations = Saved::load(input)?;
        loaded.ranges = Saved::load(input)?;
        loaded.stacks = Stacks::new(&loaded.options.span_functions).load(input)?;
        loaded.has_scheduling = Saved::load(input)?;
        loaded.counters = Saved::load(input)?;
        loaded.stack_counters = Saved::load(input)?;
        // What can be counted is not believed.
        loaded.operations.recount(loaded.open.operations(), |key| loaded.open.is_operation(key));
        loaded.regions.count = loaded.open.region_count();
        loaded.open.calls().for_each(|(id, key)| loaded.stacks.opened(id, key));
        loaded.pending_events = loaded.open.pending_events();
        Some(loaded)
    }

    /// Goes over to the generation that `event` opens.
    pub(crate) fn begin_generation(&mut self, event: &Event<'_>, continuity: Continuity) {
        let is_first = self.timeline.generation().is_none() || continuity != Continuity::Next;
        self.goroutines.begin_generation(is_first);
        if is_first {
            self.open.tasks.begin_anew();
        }
        let is_step = self.timeline.begin_generation(event, continuity, self.options.steady_clock);
        self.counters.clock_steps += u64::from(is_step);
        self.code.begin_generation();
        self.texts.begin_generation();
        self.block_reasons = BlockReasons::NONE;
        self.stacks.begin_generation(event.tables().dialect());
    }

    pub(crate) fn facts(&self, scope: &Scope, event: &Event<'_>, task: TaskId, is_begin: bool) -> Facts {
        Facts::new(scope, self.timeline.origin(), event, task, is_begin)
    }

    /// The span that an event opens.
    pub(crate) fn open_span(
        &mut self,
        identity: Identity,
        name: Arc<str>,
        event: &Event<'_>,
        task: TaskId,
    ) -> Box<OpenSpan> {
        let place = Place {
            goroutine: self.goroutine(event),
            thread: event.thread(),
            code: self.code.of_top_user_frame(event.stack()),
        };
        let begin = (event.raw_time(), self.timeline.wall());
        let mut span = self.spare.begin(identity, name, begin, task, place);
        span.is_start_clamped = event.is_time_assumed();
        self.keep_stack(&mut span, event);
        span
    }

    /// Keeps the stack that a span begins with, where that is wanted.
    pub(crate) fn keep_stack(&mut self, span: &mut OpenSpan, event: &Event<'_>) {
        if self.options.stacks {
            span.details.make().stack = event.stack().and_then(|stack| self.code.stack_trace(stack));
        }
    }

    /// A span that begins at some time on some wall clock, of which everything else is known already.
    pub(crate) fn begin_span(
        &mut self,
        identity: Identity,
        name: Arc<str>,
        begin: (Time, WallOffset),
        task: TaskId,
        place: Place,
    ) -> Box<OpenSpan> {
        self.spare.begin(identity, name, begin, task, place)
    }

    /// The span of which an event is all that was seen: it began before the trace, who knows where.
    pub(crate) fn unstarted_span(
        &mut self,
        identity: Identity,
        name: Arc<str>,
        task: TaskId,
    ) -> Box<OpenSpan> {
        self.spare.begin(identity, name, self.timeline.beginning(), task, Place::default())
    }

    /// The goroutine that an event happened on.
    ///
    /// Where the fork's filter keeps scheduling out, a thread's goroutine is known from the beginning of a
    /// generation only, and may have gone long ago.
    pub(crate) fn goroutine(&self, event: &Event<'_>) -> Option<GoroutineId> {
        event.goroutine().filter(|_| self.has_scheduling)
    }
}
