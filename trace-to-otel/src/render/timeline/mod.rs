//! Timelines: what each goroutine did, with its spans beside it, and arrows from cause to effect.
//!
//! A timeline is drawn while the trace is read. What is kept in memory is one thing for each goroutine and proc that
//! is there at the moment, and up to a limit the last spans, for the arrows between them.
//!
//! Spans of a goroutine are on tracks below its own; those that overlap without being nested on tracks of their own
//! ([`lanes`]). Tasks belong to no goroutine and are on tracks of all tasks, within each other only where they are
//! parent and child. Arrows lead from what woke or created a goroutine to where it runs next, from parents to children
//! on other goroutines, and from the spans that a span links to, to it.

mod canvas;
mod causes;
mod chrome;
mod lanes;
mod names;
mod perfetto;
mod spans;
mod states;

use std::io;

use go_trace_format::{
    Event, EventKind, EventType,
    event::{Label, Metric},
};
use names::Names;
use spans::Spans;
use states::States;

use crate::{
    moment::TimeWindow,
    sink::SpanSink,
    span::{Span, UnixTime},
};

pub use canvas::{Arrow, Canvas, Detail, DetailValue, Group, Instant, Row, Slice, Tip, Track, TrackKind};
pub use chrome::ChromeWriter;
pub use perfetto::PerfettoWriter;

/// Draws a timeline of one process after the other, while their traces are read.
///
/// It takes finished spans from a [`Mapper`](crate::Mapper), and each event after the spans that it has finished. Texts of
/// events are sanitized. Memory is bounded by the goroutines and procs that are there at the moment; of spans the last ones
/// are remembered, for the arrows between them.
///
/// ```
/// use go_trace_format::Reader;
/// use trace_to_otel::{Mapper, render::{PerfettoWriter, Timeline}};
///
/// # fn draw(trace: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
/// let mut timeline = Timeline::new(PerfettoWriter::new(Vec::new()));
/// timeline.begin_process("shop", false)?;
/// let mut reader = Reader::new(trace)?;
/// let mut mapper = Mapper::new();
/// while let Some(event) = reader.next_event()? {
///     mapper.event(&event, &mut timeline)?;
///     timeline.event(&event, mapper.unix_time(&event))?;
/// }
/// mapper.finish(&mut timeline)?;
/// timeline.end_process()?;
/// Ok(timeline.finish()?.into_inner())
/// # }
/// # let _ = draw;
/// ```
#[derive(Debug)]
pub struct Timeline<C> {
    pen: Pen<C>,
    processes: u32,
    /// The latest moment of the process.
    latest: UnixTime,
    names: Names,
    states: States,
    spans: Spans,
    metrics: [Option<Track>; 3],
}

/// A canvas, the numbers of what is drawn on it, and what of it is drawn.
#[derive(Debug)]
struct Pen<C> {
    canvas: C,
    tracks: u32,
    arrows: u64,
    window: TimeWindow,
    /// When the first trace begins.
    begin: Option<UnixTime>,
    /// What counters had last before the window.
    before: Vec<(Track, u64)>,
}

impl<C: Canvas> Pen<C> {
    fn track(&mut self, group: Group, order: i64, lane: u32) -> Track {
        self.tracks += 1;
        Track { group, number: self.tracks, row: Row { order, lane } }
    }

    fn arrow(&mut self) -> Arrow {
        self.arrows += 1;
        Arrow(self.arrows)
    }

    fn slice(&mut self, track: Track, slice: &Slice<'_>) -> io::Result<()> {
        if self.holds(slice.start, slice.end) { self.canvas.slice(track, slice) } else { Ok(()) }
    }

    fn instant(&mut self, track: Track, instant: &Instant<'_>) -> io::Result<()> {
        if self.holds(instant.time, instant.time) { self.canvas.instant(track, instant) } else { Ok(()) }
    }

    /// A counter that was set before the window has that value when the window begins.
    fn count(&mut self, track: Track, time: UnixTime, value: u64) -> io::Result<()> {
        if self.window_begin().is_some_and(|from| time < from) {
            match self.before.iter_mut().find(|(other, _)| *other == track) {
                Some((_, before)) => *before = value,
                None => self.before.push((track, value)),
            }
            return Ok(());
        }
        self.begin_counters()?;
        if self.holds(time, time) { self.canvas.count(track, time, value) } else { Ok(()) }
    }

    /// Draws what counters had before the window, when it begins.
    fn begin_counters(&mut self) -> io::Result<()> {
        let Some(from) = self.window_begin() else { return Ok(()) };
        for (track, value) in core::mem::take(&mut self.before) {
            self.canvas.count(track, from, value)?;
        }
        Ok(())
    }

    fn window_begin(&self) -> Option<UnixTime> {
        self.window.from.map(|from| from.unix_time(self.begin.unwrap_or_default()))
    }

    fn holds(&self, start: UnixTime, end: UnixTime) -> bool {
        self.window.is_all() || self.window.holds(self.begin.unwrap_or_default(), start, end)
    }
}

impl<C: Canvas> Timeline<C> {
    /// Draws on `canvas`.
    pub fn new(canvas: C) -> Self {
        Self {
            pen: Pen {
                canvas,
                tracks: 0,
                arrows: 0,
                window: TimeWindow::default(),
                begin: None,
                before: Vec::new(),
            },
            processes: 0,
            latest: UnixTime(0),
            names: Names::default(),
            states: States::default(),
            spans: Spans::default(),
            metrics: [None; 3],
        }
    }

    /// Draws only what is in a window of time, in part or whole. Events and spans of all of the trace are needed all the same, as what
    /// goes on when the window begins may have begun long before.
    #[must_use]
    pub fn with_window(mut self, window: TimeWindow) -> Self {
        self.pen.window = window;
        self
    }

    /// A process begins: the spans and events that follow are its. `is_approximate` tells that its trace holds no clock.
    ///
    /// # Errors
    ///
    /// Those of the canvas.
    pub fn begin_process(&mut self, name: &str, is_approximate: bool) -> io::Result<()> {
        self.processes += 1;
        let note = if is_approximate { " (times of day approximate)" } else { "" };
        self.pen.canvas.process(self.processes, &format!("{name}{note}"))
    }

    /// Draws what an event of the process changes, at the time that
    /// [`Mapper::unix_time`](crate::Mapper::unix_time) gives for it, after the spans that it has finished. The mapper's clock should be
    /// [steady](crate::MapperOptions::steady_clock): what happens before something else is not drawn behind it.
    ///
    /// # Errors
    ///
    /// Those of the canvas.
    pub fn event(&mut self, event: &Event<'_>, time: UnixTime) -> io::Result<()> {
        self.pen.begin.get_or_insert(time);
        if event.event_type() == EventType::Sync {
            self.names.begin_generation();
            return Ok(());
        }
        self.latest = self.latest.max(time);
        self.states.look_at(event, &mut self.names);
        match event.kind() {
            EventKind::Goroutine(transition) => {
                self.states.transition(event, &transition, time, &mut self.names, &mut self.pen)
            }
            EventKind::Metric(metric) => self.metric(metric, time),
            EventKind::Label(label) => self.label(label, time),
            _ => Ok(()),
        }
    }

    /// The process is over; gives how many arrows between its spans had to be left out, because too many spans were open
    /// or their causes are not in the trace.
    ///
    /// # Errors
    ///
    /// Those of the canvas.
    pub fn end_process(&mut self) -> io::Result<u64> {
        self.states.finish(self.latest, &mut self.pen)?;
        if self.pen.window_begin().is_some_and(|from| from <= self.latest) {
            self.pen.begin_counters()?;
        }
        self.pen.before.clear();
        let left_out = self.spans.arrows_left_out();
        self.spans = Spans::default();
        self.metrics = [None; 3];
        self.latest = UnixTime(0);
        Ok(left_out)
    }

    /// Nothing more comes; gives the canvas.
    ///
    /// # Errors
    ///
    /// Those of the canvas.
    pub fn finish(mut self) -> io::Result<C> {
        self.pen.canvas.finish()?;
        Ok(self.pen.canvas)
    }

    /// The canvas.
    #[cfg(feature = "tables")]
    pub(crate) fn canvas_mut(&mut self) -> &mut C {
        &mut self.pen.canvas
    }

    /// The canvas, for good.
    #[cfg(feature = "tables")]
    pub(crate) fn into_canvas(self) -> C {
        self.pen.canvas
    }

    fn metric(&mut self, metric: Metric, time: UnixTime) -> io::Result<()> {
        let (place, name, kind) = match metric {
            Metric::HeapObjects(_) => (0, "heap objects", TrackKind::Bytes),
            Metric::HeapGoal(_) => (1, "heap goal", TrackKind::Bytes),
            Metric::Gomaxprocs(_) => (2, "GOMAXPROCS", TrackKind::Counts),
            _ => return Ok(()),
        };
        let track = match self.metrics[place] {
            Some(track) => track,
            None => {
                let track = self.pen.track(Group::Metrics, 1 + place as i64, 0);
                self.pen.canvas.track(track, Some(name), kind)?;
                *self.metrics[place].insert(track)
            }
        };
        self.pen.count(track, time, metric.value())
    }

    fn label(&mut self, label: Label<'_>, time: UnixTime) -> io::Result<()> {
        let Some(goroutine) = label.goroutine.and_then(|id| self.states.goroutine(id)) else { return Ok(()) };
        let name = format!("label: {}", self.names.text(label.label.as_bytes()));
        let time = time.max(goroutine.since);
        let instant = Instant { name: &name, category: "label", time, tip: Tip::None, details: &[] };
        self.pen.instant(goroutine.track, &instant)
    }
}

impl<C: Canvas> SpanSink for Timeline<C> {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.spans.draw(&span, &mut self.states, &mut self.pen)
    }

    fn lend(&mut self, span: &mut Span) -> io::Result<()> {
        self.spans.draw(span, &mut self.states, &mut self.pen)
    }
}
