//! Events in, spans out.

use std::sync::Arc;

use go_trace_format::{
    Category, Event, EventKind, EventType,
    event::{GoroutineId, TaskId},
};
use sanitize::Sanitizer;

use crate::{
    identity::{Facts, Identity, SpanContext},
    span::{Scope, SpanSink, UnixTime},
    spans::{Ending, OpenSpan, Place, Regions, Tasks},
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
    /// Whether spans go out whose own context says that they are not sampled.
    pub unsampled: bool,
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
            unsampled: false,
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
    /// Tasks of which the context is remembered: those that have ended, for children that begin later, and those
    /// that began before the trace.
    pub remembered_tasks: usize,
    /// Open regions. Above it new ones are dropped.
    pub open_regions: usize,
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
    /// HTTP, SQL, TLS, DNS and connect operations of the fork: this version makes no spans of them.
    pub unmapped_operations: u64,
}

impl Counters {
    /// What did not become of the trace what it might have, in words, each with how often: nothing that is 0.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.dropped_spans, "spans dropped: too many were open"),
            (self.evicted_spans, "spans ended early: too many were open"),
            (self.dropped_events, "span events dropped: their spans had too many"),
            (self.unsampled_spans, "spans held back: their context says not sampled"),
            (self.assumed_pairs, "regions whose begin and end may belong to others"),
            (self.unattached_logs, "logs outside of any open task or region"),
            (self.invalid_contexts, "logs with a malformed context"),
            (self.repeated_contexts, "contexts for spans that had one already"),
            (
                self.unmapped_operations,
                "HTTP, SQL, TLS, DNS and connect operations, of which no spans are made yet",
            ),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
    }
}

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
    pub(crate) tasks: Tasks,
    pub(crate) regions: Regions,
    /// Whether the trace tells which goroutine runs where.
    has_scheduling: bool,
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
            tasks: Tasks::default(),
            regions: Regions::default(),
            has_scheduling: false,
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

    /// Whether wall times are approximate: the trace holds no clock snapshots, and [`MapperOptions::base_time`]
    /// stands in for them.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.timeline.is_approximate()
    }

    /// Takes the next event, and hands on the spans that it finishes.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn event<S: SpanSink>(&mut self, event: &Event<'_>, sink: &mut S) -> Result<(), S::Error> {
        use EventType as E;
        // Most events are none of these: they are told apart before anything is decoded.
        match event.event_type() {
            // Of the next generation, perhaps of another trace: its time is not the clock's under way.
            E::Sync => {}
            E::UserTaskBegin
            | E::UserTaskEnd
            | E::UserRegionBegin
            | E::UserRegionEnd
            | E::UserLog
            | E::GoDestroy
            | E::GoDestroySyscall => self.timeline.note(event),
            E::HttpServerRequestStart
            | E::HttpClientRequestStart
            | E::SqlQueryStart
            | E::TlsHandshakeStart
            | E::DnsLookupStart
            | E::ConnectStart => {
                self.timeline.note(event);
                self.counters.unmapped_operations += 1;
                return Ok(());
            }
            other => {
                self.timeline.note(event);
                self.has_scheduling = self.has_scheduling || is_of_scheduling(other);
                return Ok(());
            }
        }
        match event.kind() {
            EventKind::Sync(sync) if sync.generation.is_some() => {
                self.begin_generation(event, sync.continues, sink)
            }
            EventKind::TaskBegin(task) => self.task_begin(event, task, sink),
            EventKind::TaskEnd(task) => self.task_end(event, task, sink),
            EventKind::RegionBegin(region) => self.region_begin(event, region, sink),
            EventKind::RegionEnd(region) => self.region_end(event, region, sink),
            EventKind::Log(log) => {
                self.log(event, log);
                Ok(())
            }
            EventKind::Goroutine(transition) => match transition.goroutine {
                Some(goroutine) => self.goroutine_end(event, goroutine, sink),
                None => Ok(()),
            },
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

    fn begin_generation<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        continues: bool,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let continuity = self.timeline.continuity(event, continues);
        match continuity {
            Continuity::Next => {}
            // Tasks keep their ids, so that children of those that are gone still find them.
            Continuity::Gap => self.close(sink)?,
            Continuity::Restart => self.finish(sink)?,
        }
        self.timeline.begin_generation(event, continuity);
        self.code.begin_generation();
        Ok(())
    }

    fn close<S: SpanSink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let ending = Ending::unseen(self.timeline.latest());
        self.finish_regions(ending, sink)?;
        self.finish_tasks(ending, sink)
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
    ) -> OpenSpan {
        let place = Place {
            goroutine: self.goroutine(event),
            thread: event.thread(),
            code: self.code.of_top_user_frame(event.stack()),
        };
        OpenSpan::new(identity, name, self.timeline.time(event), task, place)
    }

    /// The span of which an event is all that was seen: it began before the trace, who knows where.
    pub(crate) fn unstarted_span(&self, identity: Identity, name: Arc<str>, task: TaskId) -> OpenSpan {
        OpenSpan::new(identity, name, self.timeline.begin(), task, Place::default())
    }

    /// The goroutine that an event happened on.
    ///
    /// Where the fork's filter keeps scheduling out, a thread's goroutine is known from the beginning of a
    /// generation only, and may have gone long ago.
    pub(crate) fn goroutine(&self, event: &Event<'_>) -> Option<GoroutineId> {
        event.goroutine().filter(|_| self.has_scheduling)
    }

    pub(crate) fn emit<S: SpanSink>(
        &mut self,
        scope: Scope,
        span: OpenSpan,
        parent: Option<SpanContext>,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.pending_events -= span.pending_events();
        let placed = span.placed(parent);
        if !placed.context.flags.is_sampled() && !self.options.unsampled {
            self.counters.unsampled_spans += 1;
            return Ok(());
        }
        self.counters.spans += 1;
        self.counters.incomplete_spans += u64::from(ending.missing.is_some());
        sink.take(span.finish(scope, placed, ending))
    }
}

/// Whether an event is one that the fork's filter leaves out together with scheduling.
fn is_of_scheduling(event_type: EventType) -> bool {
    use EventType as E;
    let is_structural = matches!(event_type, E::Sync | E::ProcStatus | E::GoStatus | E::GoStatusStack);
    !is_structural && event_type.spec().category == Category::Core
}
