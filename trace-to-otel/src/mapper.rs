//! Events in, spans out.

use go_trace_format::{Continuity, Event, EventType, ReadyEvents};

use crate::{
    counters::{Counters, StackCounters},
    known::changes::Change,
    mapping::Mapping,
    options::MapperOptions,
    rules::{self, Whose},
    saved::{Input, StateError},
    sink::{self, Outlet, Sinks, Stopped},
    span::UnixTime,
};

/// What a saved state begins with; the last byte is its version.
const MAGIC: [u8; 8] = *b"gtrmap\0\x09";

/// Turns the events of a trace into spans.
///
/// It takes events in the order of a [`Reader`] and hands each span to a [`SpanSink`](crate::SpanSink) as soon as it is finished:
/// inner ones before outer ones. It lives on over the generations of a trace and over traces that follow on each
/// other, such as snapshots of one process whose readers [follow] each other; a span that is open
/// in between stays one. Where generations are missing, what is open goes out as incomplete. A trace of which nothing tells that it
/// is of the same process is taken for another one's, as after [`finish`](Self::finish).
///
/// How long something took, and when in a span something happened, is measured by the trace clock. What the wall clock says
/// counts where a span begins, and holds for all of it, so that a span has the same times wherever a snapshot begins, and a
/// clock that is set meanwhile makes none longer or shorter.
///
/// [`Reader`]: go_trace_format::Reader
/// [follow]: go_trace_format::Reader::follow
///
/// The same events give the same spans, ids included, on every run and every machine. Memory is bounded by
/// [`Limits`](crate::Limits), time is linear in the events.
#[derive(Debug)]
pub struct Mapper {
    mapping: Mapping,
    /// Whether it has been loaded, and nothing has come since.
    is_resumed: bool,
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
        Self { mapping: Mapping::new(options), is_resumed: false }
    }

    /// What has been made so far, and what could not be.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.mapping.counters
    }

    /// Which operations have ended of which nothing but stacks told.
    #[must_use]
    pub fn stack_counters(&self) -> &StackCounters {
        &self.mapping.stack_counters
    }

    /// The number of the latest generation that events were taken of.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.mapping.timeline.generation()
    }

    /// Whether wall times are approximate: the trace holds no clock snapshots, and [`MapperOptions::base_time`]
    /// stands in for them.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.mapping.timeline.is_approximate()
    }

    /// When an event happened, on the wall clock of the spans that begin in its generation. The event is the last one that the
    /// mapper has taken, or of the same generation.
    #[must_use]
    pub fn unix_time(&self, event: &Event<'_>) -> UnixTime {
        self.mapping.timeline.wall().unix_time(event.raw_time())
    }

    /// Takes the next events, as a reader [gives](go_trace_format::Reader::next_events) them, and hands on the spans that
    /// they finish: the same as one [`event`](Self::event) after the other, but faster.
    ///
    /// # Errors
    ///
    /// Those of the sink. The events that are left in the iterator have not been taken then.
    #[inline]
    pub fn events<S: Sinks + ?Sized>(
        &mut self,
        events: &mut ReadyEvents<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        sink::through(sink, |sink| self.take_events(events, sink))
    }

    fn take_events(&mut self, events: &mut ReadyEvents<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        if let Some(first) = events.clone().next() {
            self.announce(&first, sink)?;
        }
        // In a register: in memory, each event would have to wait for the one before.
        let mut latest = self.mapping.timeline.latest();
        for event in events {
            let whose = Whose::of(event.event_type());
            if whose == Whose::More {
                self.mapping.timeline.note(latest);
                self.event_with_more(&event, sink)?;
                latest = self.mapping.timeline.latest();
            } else {
                latest = latest.max(event.raw_time());
                rules::goroutine_moves(&mut self.mapping, &event, whose, sink)?;
            }
        }
        self.mapping.timeline.note(latest);
        Ok(())
    }

    /// Takes the next event, and hands on the spans that it finishes.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    #[inline]
    pub fn event<S: Sinks + ?Sized>(&mut self, event: &Event<'_>, sink: &mut S) -> Result<(), S::Error> {
        sink::through(sink, |sink| self.take_event(event, sink))
    }

    #[inline]
    fn take_event(&mut self, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        self.announce(event, sink)?;
        let whose = Whose::of(event.event_type());
        if whose == Whose::More {
            return self.event_with_more(event, sink);
        }
        self.mapping.timeline.note(event.raw_time());
        rules::goroutine_moves(&mut self.mapping, event, whose, sink)
    }

    /// Goes over to the generation of an event that no sync event has announced, as of
    /// [one read on its own](go_trace_format::Generation::events): without its clock no time would mean anything.
    #[inline]
    fn announce(&mut self, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        if self.mapping.timeline.is_of(event) || event.event_type() == EventType::Sync {
            return Ok(());
        }
        let continuity = self.mapping.timeline.continuity(&event.generation_key(), Continuity::Begin);
        self.begin_generation(event, continuity, sink)
    }

    /// An event that says more than what a goroutine does.
    #[inline(never)]
    fn event_with_more(&mut self, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        if event.event_type() == EventType::Sync {
            // Of the next generation, perhaps of another trace: its time is not the clock's under way.
            return self.sync(event, sink);
        }
        self.mapping.timeline.note(event.raw_time());
        rules::event_with_more(&mut self.mapping, event, sink)
    }

    /// Ends what is open, as nothing more will come, and hands it on. The mapper is then as new, but for what it
    /// has counted.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn finish<S: Sinks + ?Sized>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        sink::through(sink, |sink| self.end(sink))
    }

    fn end(&mut self, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        rules::end_all(&mut self.mapping, sink)?;
        self.mapping.forget_tasks();
        self.mapping.forget();
        self.is_resumed = false;
        Ok(())
    }

    /// Writes down what is known of the trace so far, so that another process can go on with it: the spans that come
    /// after [`load`](Self::load) are the same, byte by byte, as those of a mapper that was never stopped. Options are
    /// not part of it.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        self.mapping.save(&mut out);
        out
    }

    /// A mapper that goes on where another one [was saved](Self::save). The options should be the same.
    ///
    /// Its next event should be the first of the [generation](Self::generation) after the last one, of the same process. Number
    /// and trace clock tell whether something is missing between, for the reader that it comes from may know nothing of the last.
    ///
    /// # Errors
    ///
    /// [`StateError`] where `state` is not what [`save`](Self::save) gives in this version. It may be any bytes:
    /// memory is bounded by their number.
    pub fn load(options: MapperOptions, state: &[u8]) -> Result<Self, StateError> {
        let mut input = Input::new(state);
        let loaded = Self::loaded(options, &mut input);
        loaded.filter(|_| input.is_empty()).ok_or_else(|| input.error())
    }

    fn loaded(options: MapperOptions, input: &mut Input<'_>) -> Option<Self> {
        if input.take(MAGIC.len())? != MAGIC {
            return None;
        }
        Some(Self { mapping: Mapping::load(options, input)?, is_resumed: true })
    }

    fn sync(&mut self, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
        match self.continuity(event) {
            Some(continuity) => self.begin_generation(event, continuity, sink),
            None => Ok(()),
        }
    }

    /// How the generation that an event begins stands to the one under way; none where it begins none.
    #[inline]
    pub(crate) fn continuity(&self, event: &Event<'_>) -> Option<Continuity> {
        let told = event.generation_begun()?.continuity;
        Some(match self.is_resumed {
            true => self.mapping.timeline.continuity(&event.generation_key(), told),
            false => told,
        })
    }

    /// Keeps what [changes](Self::changes) from here on, where what is open already becomes so.
    pub(crate) fn keep_changes(&mut self) {
        self.mapping.changes.keep();
        self.tell_open();
    }

    /// Tells of what is open as if it became so.
    pub(crate) fn tell_open(&mut self) {
        self.mapping.tell_open();
    }

    /// What has changed, since this was [forgotten](Self::forget_changes) last, in which spans are open where.
    pub(crate) fn changes(&self) -> &[Change] {
        self.mapping.changes.list()
    }

    #[inline]
    pub(crate) fn forget_changes(&mut self) {
        self.mapping.changes.forget();
    }

    /// Counts from here on, whatever was counted before.
    pub(crate) fn count_anew(&mut self) {
        (self.mapping.counters, self.mapping.stack_counters) = Default::default();
    }

    /// Goes over to the generation of an event.
    #[cold]
    #[inline(never)]
    fn begin_generation(
        &mut self,
        event: &Event<'_>,
        continuity: Continuity,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        self.is_resumed = false;
        match continuity {
            Continuity::Next => {}
            // Tasks keep their ids, so that children of those that are gone still find them.
            Continuity::Gap => rules::end_all(&mut self.mapping, sink)?,
            _ => self.end(sink)?,
        }
        self.mapping.begin_generation(event, continuity);
        Ok(())
    }
}
