//! What goroutines did, where a query is about that.

use std::io::{self, Write};

use go_trace_format::Event;
use serde_json::json;
use trace_to_otel::{
    Span, SpanSink, UnixTime,
    query::Stretch,
    render::{DisplayDuration, DisplayText},
    tables::{Cell, Table, TableSink, Tables},
};

use super::{Found, Shown, timestamp};
use crate::{
    map::{Begun, Output, Wanted},
    read::Source,
};

/// Looks at what goroutines did, and at no spans.
pub(super) struct Goroutines<W>(Tables<Found<W>>);

impl<W: Write> Goroutines<W> {
    pub(super) fn new(found: Found<W>) -> Self {
        Self(Tables::new(found))
    }

    pub(super) fn into_found(self) -> Found<W> {
        self.0.into_sink()
    }
}

impl<W: Write> SpanSink for Goroutines<W> {
    type Error = anyhow::Error;

    fn take(&mut self, _: Span) -> anyhow::Result<()> {
        Ok(())
    }

    fn lend(&mut self, _: &mut Span) -> anyhow::Result<()> {
        Ok(())
    }
}

impl<W: Write> Output for Goroutines<W> {
    fn wanted(&self) -> Wanted {
        Wanted { steady_clock: true, no_spans: true, ..Wanted::default() }
    }

    fn begin(&mut self, Begun { source, .. }: &Begun) -> anyhow::Result<()> {
        Ok(self.0.begin_process(source.title())?)
    }

    fn starts(&mut self, time: UnixTime) -> anyhow::Result<()> {
        self.0.sink_mut().starts(time)
    }

    fn opens(&mut self, source: &Source) {
        self.0.sink_mut().opens(source);
    }

    fn reads(&mut self, source: &Source) -> anyhow::Result<()> {
        self.0.sink_mut().reads(source)
    }

    fn event(&mut self, event: &Event<'_>, time: UnixTime) -> anyhow::Result<()> {
        Ok(self.0.event(event, time)?)
    }

    fn end(&mut self) -> anyhow::Result<()> {
        Ok(self.0.end_process()?)
    }
}

impl<W: Write> TableSink for Found<W> {
    fn row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()> {
        if table == Table::Stacks && self.shown == Shown::Json {
            self.stacks.row(cells);
        }
        let stretch = if table == Table::Events { stretch(cells) } else { None };
        let Some(stretch) = stretch else { return Ok(()) };
        let end = UnixTime(stretch.start.0.saturating_add(stretch.duration));
        let is_within = self.within.holds(stretch.start, end);
        if !is_within || !self.query.matches_stretch(&stretch, self.files.current()) {
            return Ok(());
        }
        self.files.count();
        match self.shown {
            Shown::Lines => self.stretch_line(&stretch),
            Shown::Json => self.stretch_json(&stretch, cells),
            Shown::Counts | Shown::Files => Ok(()),
        }
    }
}

/// A cell of a row of the table of events.
fn cell<'c>(cells: &[Cell<'c>], name: &str) -> Option<Cell<'c>> {
    Table::Events.column(name).and_then(|place| cells.get(place)).copied()
}

fn text<'c>(cells: &[Cell<'c>], name: &str) -> Option<&'c str> {
    match cell(cells, name) {
        Some(Cell::Text(text)) => Some(text),
        _ => None,
    }
}

fn number(cells: &[Cell<'_>], name: &str) -> Option<i64> {
    cell(cells, name).and_then(Cell::as_integer)
}

/// A row of the table of events.
fn stretch<'c>(cells: &[Cell<'c>]) -> Option<Stretch<'c>> {
    let (text, number) = (|name| text(cells, name), |name| number(cells, name));
    let Some(Cell::Time(start)) = cell(cells, "start") else { return None };
    let duration = number("duration")?.unsigned_abs();
    let mut stretch = Stretch::new(number("goroutine")?, text("state")?, start, duration);
    (stretch.function, stretch.reason, stretch.place) = (text("function"), text("reason"), text("place"));
    stretch.proc = number("proc");
    Some(stretch)
}

impl<W: Write> Found<W> {
    fn stretch_line(&mut self, stretch: &Stretch<'_>) -> io::Result<()> {
        let (time, duration) = (timestamp(stretch.start), DisplayDuration(stretch.duration).to_string());
        write!(self.output, "{}: {time} {duration:>8} {}", self.files.current(), stretch.state)?;
        if let Some(reason) = stretch.reason {
            write!(self.output, " ({})", DisplayText(reason))?;
        }
        write!(self.output, "  g{}", stretch.goroutine)?;
        if let Some(function) = stretch.function {
            write!(self.output, " {}", DisplayText(function))?;
        }
        if let Some(place) = stretch.place {
            write!(self.output, "  at {}", DisplayText(place))?;
        }
        writeln!(self.output)
    }

    fn stretch_json(&mut self, stretch: &Stretch<'_>, cells: &[Cell<'_>]) -> io::Result<()> {
        let stack = text(cells, "stack");
        let object = json!({
            "file": self.files.current(),
            "process": number(cells, "process"),
            "start": timestamp(stretch.start),
            "start_unix_nano": stretch.start.0.to_string(),
            "duration_ns": stretch.duration,
            "goroutine": stretch.goroutine,
            "function": stretch.function,
            "state": stretch.state,
            "reason": stretch.reason,
            "place": stretch.place,
            "proc": stretch.proc,
            "thread": number(cells, "thread"),
            "stack_id": stack,
            "stack": self.stacks.json(stack),
        });
        writeln!(self.output, "{object}")
    }
}
