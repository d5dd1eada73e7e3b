//! When things happened in a trace.

use std::{convert::Infallible, fmt, ops::Range};

use anyhow::{anyhow, bail};
use go_trace_context::{SpanId, TraceId};
use go_trace_format::{Continuity, Event, EventKind, Time, event::GoroutineId};
use trace_to_otel::{
    Moment, Pipeline, PipelineOptions, Span, SpanSink, UnixTime,
    render::{DisplayDuration, DisplayTime},
};

/// What a window is around.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// Given times.
    Times,
    Span(SpanId),
    Trace(TraceId),
    Goroutine(GoroutineId),
}

/// What a whole trace tells of its times.
pub(super) struct Survey {
    wanted: Wanted,
    base_time: UnixTime,
    /// When the first event was.
    pub(super) begin: Time,
    /// When the last one was.
    pub(super) end: Time,
    clocks: Vec<WallClock>,
    /// From the begin to the end of what is wanted.
    pub(super) found: Option<Range<Time>>,
    spans: Option<Box<Pipeline<Found>>>,
}

/// The wall clock from a time on.
struct WallClock {
    from: Time,
    /// How far it is ahead of the trace clock, in nanoseconds.
    ahead: i128,
}

/// The times of the spans that are wanted.
struct Found {
    wanted: Wanted,
    times: Option<Range<u64>>,
}

impl SpanSink for Found {
    type Error = Infallible;

    fn take(&mut self, mut span: Span) -> Result<(), Infallible> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Infallible> {
        let is_wanted = match self.wanted {
            Wanted::Span(id) => span.span_id == id,
            Wanted::Trace(id) => span.trace_id == id,
            _ => false,
        };
        if is_wanted {
            let (start, end) = (span.start.0, span.end.0);
            let times = self.times.get_or_insert(start..end);
            *times = times.start.min(start)..times.end.max(end);
        }
        Ok(())
    }
}

impl Survey {
    pub(super) fn new(wanted: Wanted, base_time: UnixTime) -> Self {
        let mut options = PipelineOptions::default();
        options.mapper.base_time = base_time;
        let is_span = matches!(wanted, Wanted::Span(_) | Wanted::Trace(_));
        let spans = is_span.then(|| Box::new(Pipeline::new(options, Found { wanted, times: None })));
        let (begin, end) = (Time(i64::MAX), Time(i64::MIN));
        Self { wanted, base_time, begin, end, clocks: Vec::new(), found: None, spans }
    }

    pub(super) fn take(&mut self, event: &Event<'_>) -> anyhow::Result<()> {
        if let Some(begun) = event.generation_begun() {
            if begun.is_first_of_trace && begun.continuity != Continuity::Next && !self.clocks.is_empty() {
                bail!("there are several traces in it, and a window is of one: cut them apart before");
            }
            self.begin_generation(event);
        }
        let time = event.time();
        (self.begin, self.end) = (self.begin.min(time), self.end.max(time));
        if let Some(spans) = &mut self.spans {
            let Ok(()) = spans.event(event);
        }
        if let Wanted::Goroutine(wanted) = self.wanted {
            let named = match event.kind() {
                EventKind::Goroutine(transition) => transition.goroutine,
                _ => None,
            };
            if [event.goroutine(), named].contains(&Some(wanted)) {
                self.found = Some(self.found.as_ref().map_or(time, |found| found.start)..time);
            }
        }
        Ok(())
    }

    fn begin_generation(&mut self, event: &Event<'_>) {
        let from = event.raw_time();
        let ahead = match (event.tables().clock().snapshot(), self.clocks.last()) {
            (Some(snapshot), _) => snapshot.wall.0 - i128::from(snapshot.trace.0),
            (None, Some(last)) => last.ahead,
            (None, None) => i128::from(self.base_time.0) - i128::from(from.0),
        };
        self.clocks.push(WallClock { from, ahead });
    }

    /// All events have been taken.
    pub(super) fn finish(mut self) -> Self {
        if let Some(mut spans) = self.spans.take() {
            let Ok(()) = spans.finish();
            let times = spans.into_sink().times;
            self.found = times.map(|times| self.at(UnixTime(times.start))..self.at(UnixTime(times.end)));
        }
        self
    }

    pub(super) fn time(&self, moment: Moment) -> Time {
        match moment {
            Moment::At(time) => self.at(time),
            Moment::After(duration) => {
                let nanoseconds = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
                Time(self.begin.0.saturating_add(nanoseconds))
            }
            _ => self.begin,
        }
    }

    /// When the wall clock showed a time, as the generation has it that this is in.
    fn at(&self, UnixTime(wall): UnixTime) -> Time {
        let wall = i128::from(wall);
        let has_begun = |clock: &&WallClock| i128::from(clock.from.0) + clock.ahead <= wall;
        let clock = self.clocks.iter().rev().find(has_begun).or(self.clocks.first());
        let time = wall - clock.map_or(0, |clock| clock.ahead);
        Time(time.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    pub(super) fn nothing_found(&self) -> anyhow::Error {
        match self.wanted {
            Wanted::Span(id) => {
                anyhow!("no span has the id {id}: `trace-converter otlp` tells the ids of all spans")
            }
            Wanted::Trace(id) => {
                anyhow!("no span is of the trace {id}: `trace-converter otlp` tells the ids of all spans")
            }
            Wanted::Goroutine(id) => {
                anyhow!("there is no goroutine {id} in it: `trace-converter dump` tells of all")
            }
            Wanted::Times => anyhow!("{self}"),
        }
    }
}

impl fmt::Display for Survey {
    /// When the recording was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(clock) = self.clocks.first() else { return f.write_str("the recording is empty") };
        let start = i128::from(self.begin.0) + clock.ahead;
        let start = UnixTime(start.clamp(0, u64::MAX.into()) as u64);
        let duration = DisplayDuration((self.end - self.begin).as_nanos() as u64);
        write!(f, "the recording begins at {} UTC and has {duration}", DisplayTime(start))
    }
}
