//! Events in, spans out.

use std::sync::Arc;

use go_trace_format::{
    Category, Event, EventKind, EventType, ReadyEvents,
    event::{GoroutineId, TaskId},
};
use go_trace_sanitize::Sanitizer;

use crate::{
    anatomy::Anatomy,
    goroutines::{BlockReasons, Goroutines, Whose},
    identity::{Facts, Identity},
    operations::Describer,
    saved::{Input, MapperStateError, Saved},
    span::{Scope, SpanSink, UnixTime},
    spans::{Ending, Form, OpenSpan, OpenSpans, Operations, Place, Ranges, Regions, Spare},
    text::{CodeLocations, Texts},
    timeline::{Continuity, Timeline},
};

/// How a [`Mapper`] maps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapperOptions {
    /// What every name and message goes through on its way out (rule L1).
    pub sanitizer: Sanitizer,
    /// Whether logs become span events. Logs that carry a span's context are read anyway.
    pub logs: bool,
    /// Whether logs become log records instead, where the sink [takes such](SpanSink::takes_logs). Each is handed on
    /// with the span that it stands on.
    pub log_records: bool,
    /// Whether spans go out whose own context the program wrote down. Off for a program whose SDK exports these
    /// spans itself: of ours, only the latency anatomy is kept then. It goes out as a log record of that span if
    /// [`log_records`](Self::log_records) is set, else as an event of the next ancestor that goes out.
    pub written_contexts: bool,
    /// Whether spans go out whose own context says that they are not sampled.
    pub unsampled: bool,
    /// Which database the program asks, as the attribute `db.system.name` has it: `postgresql`, `mysql`,
    /// `microsoft.sql_server`. It says by which rules its queries are read; `other_sql`, the default, reads them by all.
    pub db_system_name: Arc<str>,
    /// Whether garbage collections, stopped worlds, sweeps and mark assists become spans.
    pub ranges: bool,
    /// Whether a goroutine that wakes another one is told by a link, from the span that it woke to its own.
    pub wake_links: bool,
    /// Whether each change of a goroutine's state becomes an event `goroutine.state` of the innermost span that is open
    /// on it. There are very many; [`Span::anatomy`](crate::Span::anatomy) sums them up.
    pub state_events: bool,
    /// Whether spans carry the stack that they began with, as `code.stacktrace`. That multiplies their bytes.
    pub stacks: bool,
    /// The wall time of the first event of a trace that holds no clock snapshots, as before Go 1.25.
    ///
    /// 1970 unless set: wrong for everyone to see, but the same on every run.
    pub base_time: UnixTime,
    /// How much is kept in memory.
    pub limits: Limits,
}

impl Default for MapperOptions {
    fn default() -> Self {
        Self {
            sanitizer: Sanitizer::new(),
            logs: true,
            log_records: false,
            written_contexts: true,
            unsampled: false,
            db_system_name: "other_sql".into(),
            ranges: true,
            wake_links: true,
            state_events: false,
            stacks: false,
            base_time: UnixTime(0),
            limits: Limits::default(),
        }
    }
}

/// How much a [`Mapper`] keeps in memory. What a limit keeps out is counted in [`Counters`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open tasks. Above it the oldest go out as if the trace ended.
    pub open_tasks: usize,
    /// Tasks of which the context is remembered: those that have ended, for children that begin later, and as many that
    /// began before the trace. Of the former, blocks of 64 ids that follow one another are forgotten at once.
    pub remembered_tasks: usize,
    /// Open regions. Above it new ones are dropped.
    pub open_regions: usize,
    /// Open operations: HTTP, SQL, TLS, DNS, connects. Above it the oldest go out as if the trace ended.
    pub open_operations: usize,
    /// Open ranges. Above it new ones are dropped.
    pub open_ranges: usize,
    /// Links of one span. Above it new ones are dropped.
    pub links_per_span: usize,
    /// Events of one open span. Above it new ones are dropped.
    pub events_per_span: usize,
    /// Events of all open spans. Above it new ones are dropped.
    pub pending_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_tasks: 1 << 18,
            remembered_tasks: 1 << 16,
            open_regions: 1 << 18,
            open_operations: 1 << 16,
            open_ranges: 1 << 16,
            links_per_span: 32,
            events_per_span: 1 << 10,
            pending_events: 1 << 17,
        }
    }
}

/// What a [`Mapper`] has made, and what it could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Spans that went out.
    pub spans: u64,
    /// Those of them that lack their start or their end.
    pub incomplete_spans: u64,
    /// Those of them whose start and end were taken for a pair though others would have fitted as well.
    pub assumed_pairs: u64,
    /// Those of them that went out early, because of a limit on open spans.
    pub evicted_spans: u64,
    /// Spans that a limit has kept out.
    pub dropped_spans: u64,
    /// Spans held back because their own context says that they are not sampled.
    pub unsampled_spans: u64,
    /// Log records that went out.
    pub log_records: u64,
    /// Spans held back because the program wrote down their contexts, as an SDK does that exports them itself.
    pub suppressed_spans: u64,
    /// Those of them whose latency anatomy found no span to go out with.
    pub suppressed_anatomies: u64,
    /// Events that a limit has kept out of their spans.
    pub dropped_events: u64,
    /// Logs in no region and of no task that was open.
    pub unattached_logs: u64,
    /// Logs that should carry a span's context, but do not: they went out as ordinary ones.
    pub invalid_contexts: u64,
    /// Contexts that came for a span that had one already.
    pub repeated_contexts: u64,
    /// Ends of tasks that had ended before. Go allows it.
    pub repeated_task_ends: u64,
    /// Ends of operations that went out before, when they seemed to be lost.
    pub late_ends: u64,
    /// Links that a limit has kept out of their spans.
    pub dropped_links: u64,
    /// Goroutines created inside of spans, of which that is not remembered, because of a limit.
    pub unknown_creations: u64,
}

impl Counters {
    /// What did not become of the trace what it might have, in words, each with how often: nothing that is 0.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.dropped_spans, "spans dropped: too many were open"),
            (self.evicted_spans, "spans ended early: too many were open"),
            (self.dropped_events, "span events dropped: their spans had too many"),
            (self.unsampled_spans, "spans held back: their context says not sampled"),
            (self.suppressed_anatomies, "latency anatomies of spans that the program exports itself"),
            (self.assumed_pairs, "regions whose begin and end may belong to others"),
            (self.unattached_logs, "logs outside of any open task or region"),
            (self.invalid_contexts, "logs with a malformed context"),
            (self.repeated_contexts, "contexts for spans that had one already"),
            (self.late_ends, "ends of operations that had been given up"),
            (self.dropped_links, "links dropped: their spans had too many"),
            (self.unknown_creations, "goroutines whose creating span was forgotten: there were too many"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
    }
}

/// What a saved state begins with; the last byte is its version.
const MAGIC: [u8; 8] = *b"gtrmap\0\x03";

/// Turns the events of a trace into spans.
///
/// It takes events in the order of a [`Reader`] and hands each span to a [`SpanSink`] as soon as it is finished:
/// inner ones before outer ones. It lives on over the generations of a trace and over traces that follow on each
/// other, such as snapshots of one process whose readers [follow] each other; a span that is open
/// in between stays one. Where generations are missing, what is open goes out as incomplete. A generation with a
/// lower number than the one before is taken for another process's, as after [`finish`](Self::finish).
///
/// [`Reader`]: go_trace_format::Reader
/// [follow]: go_trace_format::Reader::follow
///
/// The same events give the same spans, ids included, on every run and every machine. Memory is bounded by
/// [`Limits`], time is linear in the events.
#[derive(Debug)]
pub struct Mapper {
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
    /// Whether the trace tells which goroutine runs where.
    has_scheduling: bool,
    /// Whether it has been loaded, and nothing has come since.
    is_resumed: bool,
    /// Events that open spans hold.
    pub(crate) pending_events: usize,
    pub(crate) counters: Counters,
}

impl Default for Mapper {
    fn default() -> Self {
        Self::new()
    }
}

impl Mapper {
    /// A mapper with the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::with_options(MapperOptions::default())
    }

    /// A mapper with options.
    #[must_use]
    pub fn with_options(options: MapperOptions) -> Self {
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
            has_scheduling: false,
            is_resumed: false,
            pending_events: 0,
            counters: Counters::default(),
            options,
        }
    }

    /// What has been made so far, and what could not be.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The number of the latest generation that events were taken of.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.timeline.generation()
    }

    /// Whether wall times are approximate: the trace holds no clock snapshots, and [`MapperOptions::base_time`]
    /// stands in for them.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.timeline.is_approximate()
    }

    /// When an event happened, on the wall clock of the spans. The event is the last one that the mapper has taken, or of
    /// the same generation.
    #[must_use]
    pub fn unix_time(&self, event: &Event<'_>) -> UnixTime {
        self.timeline.time(event)
    }

    /// Takes the next events, as a reader [gives](go_trace_format::Reader::next_events) them, and hands on the spans that
    /// they finish: the same as one [`event`](Self::event) after the other, but faster.
    ///
    /// # Errors
    ///
    /// Those of the sink. The events that are left in the iterator have not been taken then.
    #[inline]
    pub fn events<S: SpanSink>(
        &mut self,
        events: &mut ReadyEvents<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        // In a register: in memory, each event would have to wait for the one before.
        let mut latest = self.timeline.latest_in_generation();
        for event in events {
            let whose = Whose::of(event.event_type());
            if whose == Whose::More {
                self.timeline.note(latest);
                self.event_with_more(&event, sink)?;
                latest = self.timeline.latest_in_generation();
            } else {
                latest = latest.max(event.raw_time());
                self.event_of_goroutine(&event, whose);
            }
        }
        self.timeline.note(latest);
        Ok(())
    }

    /// Takes the next event, and hands on the spans that it finishes.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    #[inline]
    pub fn event<S: SpanSink>(&mut self, event: &Event<'_>, sink: &mut S) -> Result<(), S::Error> {
        let whose = Whose::of(event.event_type());
        if whose == Whose::More {
            return self.event_with_more(event, sink);
        }
        self.timeline.note(event.raw_time());
        self.event_of_goroutine(event, whose);
        Ok(())
    }

    /// An event that says nothing more than what a goroutine does.
    #[inline]
    fn event_of_goroutine(&mut self, event: &Event<'_>, whose: Whose) {
        self.has_scheduling = true;
        let id = whose.goroutine(event);
        if self.goroutines.may_know(id) {
            self.goroutine_moves(event, id);
        }
    }

    /// An event that says more than what a goroutine does.
    #[inline(never)]
    fn event_with_more<S: SpanSink>(&mut self, event: &Event<'_>, sink: &mut S) -> Result<(), S::Error> {
        use EventType as E;
        let event_type = event.event_type();
        if event_type == E::Sync {
            // Of the next generation, perhaps of another trace: its time is not the clock's under way.
            return self.sync(event, sink);
        }
        self.timeline.note(event.raw_time());
        self.has_scheduling = self.has_scheduling || is_of_scheduling(event_type);
        match event_type {
            E::GoCreate | E::GoCreateBlocked => self.goroutine_is_created(event),
            E::GoDestroy | E::GoDestroySyscall => self.goroutine_end(event, sink)?,
            E::GoStatus | E::GoStatusStack => self.goroutine_status(event),
            _ => return self.event_with_content(event, sink),
        }
        Ok(())
    }

    /// An event that spans are made of.
    fn event_with_content<S: SpanSink>(&mut self, event: &Event<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.see_innermost(event, sink)?;
        match event.kind() {
            EventKind::TaskBegin(task) => self.task_begin(event, task, sink),
            EventKind::TaskEnd(task) => self.task_end(event, task, sink),
            EventKind::RegionBegin(region) => self.region_begin(event, region, sink),
            EventKind::RegionEnd(region) => self.region_end(event, region, sink),
            EventKind::OperationStart(start) => self.operation_start(event, start, sink),
            EventKind::OperationEnd(end) => self.operation_end(event, end, sink),
            EventKind::Log(log) => self.log(event, log, sink),
            kind @ (EventKind::RangeBegin(_) | EventKind::RangeActive(_) | EventKind::RangeEnd(_)) => {
                self.goroutine_assists(event);
                if self.options.ranges { self.range(event, kind, sink) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Ends what is open, as nothing more will come, and hands it on. The mapper is then as new, but for what it
    /// has counted.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn finish<S: SpanSink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        self.close(sink)?;
        self.forget_tasks();
        let counters = self.counters;
        let options = core::mem::take(&mut self.options);
        *self = Self { counters, ..Self::with_options(options) };
        Ok(())
    }

    /// Writes down what is known of the trace so far, so that another process can go on with it: the spans that come
    /// after [`load`](Self::load) are the same, byte by byte, as those of a mapper that was never stopped. Options are
    /// not part of it.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        self.timeline.save(&mut out);
        self.open.save(&mut out);
        self.goroutines.save(&mut out);
        self.regions.save(&mut out);
        self.operations.save(&mut out);
        self.ranges.save(&mut out);
        self.has_scheduling.save(&mut out);
        self.counters.save(&mut out);
        out
    }

    /// A mapper that goes on where another one [was saved](Self::save). The options should be the same.
    ///
    /// Its next event should be the first of the [generation](Self::generation) after the last one. Number and clocks
    /// have to tell whether it is of the same process, for the reader that it comes from may know nothing of the last.
    ///
    /// # Errors
    ///
    /// [`MapperStateError`] where `state` is not what [`save`](Self::save) gives in this version. It may be any bytes:
    /// memory is bounded by their number.
    pub fn load(options: MapperOptions, state: &[u8]) -> Result<Self, MapperStateError> {
        let mut input = Input::new(state);
        let loaded = Self::with_options(options).loaded(&mut input);
        loaded.filter(|_| input.is_empty()).ok_or_else(|| input.error())
    }

    fn loaded(mut self, input: &mut Input<'_>) -> Option<Self> {
        if input.take(MAGIC.len())? != MAGIC {
            return None;
        }
        self.timeline = Saved::load(input)?;
        self.open = Saved::load(input)?;
        self.goroutines = Saved::load(input)?;
        self.regions = Saved::load(input)?;
        self.operations = Saved::load(input)?;
        self.ranges = Saved::load(input)?;
        self.has_scheduling = Saved::load(input)?;
        self.counters = Saved::load(input)?;
        // What can be counted is not believed.
        self.is_resumed = true;
        self.operations.recount(self.open.operations());
        self.regions.count = self.open.frame_count() - self.operations.count;
        self.pending_events = self.open.pending_events();
        Some(self)
    }

    fn sync<S: SpanSink>(&mut self, event: &Event<'_>, sink: &mut S) -> Result<(), S::Error> {
        let EventKind::Sync(sync) = event.kind() else { return Ok(()) };
        if sync.generation.is_none() {
            return Ok(());
        }
        let is_resumed = core::mem::take(&mut self.is_resumed);
        let continues = sync.continues || (is_resumed && self.timeline.may_continue(event));
        let continuity = self.timeline.continuity(event, continues);
        match continuity {
            Continuity::Next => {}
            // Tasks keep their ids, so that children of those that are gone still find them.
            Continuity::Gap => self.close(sink)?,
            Continuity::Restart => self.finish(sink)?,
        }
        self.timeline.begin_generation(event, continuity);
        self.code.begin_generation();
        self.texts.begin_generation();
        self.block_reasons = BlockReasons::NONE;
        Ok(())
    }

    fn close<S: SpanSink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let ending = Ending::unseen(self.timeline.latest());
        self.end_all_frames(ending, sink)?;
        self.finish_tasks(ending, sink)?;
        self.finish_ranges(ending, sink)?;
        self.goroutines.clear();
        Ok(())
    }

    pub(crate) fn facts(&self, scope: Scope, event: &Event<'_>, task: TaskId, is_begin: bool) -> Facts {
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
            stack: self.options.stacks.then(|| self.code.stack_trace(event.stack()?)).flatten(),
        };
        self.spare.begin(identity, name, self.timeline.time(event), task, place)
    }

    /// The span of which an event is all that was seen: it began before the trace, who knows where.
    pub(crate) fn unstarted_span(
        &mut self,
        identity: Identity,
        name: Arc<str>,
        task: TaskId,
    ) -> Box<OpenSpan> {
        self.spare.begin(identity, name, self.timeline.begin(), task, Place::default())
    }

    /// The goroutine that an event happened on.
    ///
    /// Where the fork's filter keeps scheduling out, a thread's goroutine is known from the beginning of a
    /// generation only, and may have gone long ago.
    pub(crate) fn goroutine(&self, event: &Event<'_>) -> Option<GoroutineId> {
        event.goroutine().filter(|_| self.has_scheduling)
    }

    /// Hands a span on, after its logs where these are records of their own.
    pub(crate) fn emit<S: SpanSink>(
        &mut self,
        form: Form,
        mut span: Box<OpenSpan>,
        anatomy: Option<Anatomy>,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.pending_events -= span.notes.events.len();
        let placed = span.placed(self.open.final_parent_context(&span.parent));
        if !placed.context.flags.is_sampled() && !self.options.unsampled {
            self.counters.unsampled_spans += 1;
            return Ok(());
        }
        if self.makes_log_records(sink) {
            self.hand_on_logs(&mut span.notes, placed.context.into(), sink)?;
        }
        if span.identity.is_written_down() && !self.options.written_contexts {
            return self.suppress(&span, placed.context, anatomy, ending, sink);
        }
        self.counters.spans += 1;
        self.counters.incomplete_spans += u64::from(ending.missing.is_some());
        self.spare.finish(span, form, placed, anatomy, ending, sink)
    }
}

/// Whether an event is one that the fork's filter leaves out together with scheduling.
fn is_of_scheduling(event_type: EventType) -> bool {
    use EventType as E;
    let is_structural = matches!(event_type, E::Sync | E::ProcStatus | E::GoStatus | E::GoStatusStack);
    !is_structural && event_type.spec().category == Category::Core
}

crate::saved::saved!(Counters {
    spans,
    incomplete_spans,
    assumed_pairs,
    evicted_spans,
    dropped_spans,
    unsampled_spans,
    log_records,
    suppressed_spans,
    suppressed_anatomies,
    dropped_events,
    unattached_logs,
    invalid_contexts,
    repeated_contexts,
    repeated_task_ends,
    late_ends,
    dropped_links,
    unknown_creations,
});
