//! Spans, and what goroutines did, as tables: for SQL and data frames.
//!
//! [`Tables`] makes rows of them, while traces are read, and hands each to a [`TableSink`], which writes it in whatever format. Which
//! columns there are, and what they mean, says [`Table::columns`].
//!
//! ```
//! use std::io;
//! use go_trace_format::Reader;
//! use trace_to_otel::{Mapper, MapperOptions, tables::{Cell, Table, TableSink, Tables}};
//!
//! /// The longest time that a goroutine could run and did not.
//! #[derive(Default)]
//! struct Longest(i64);
//!
//! impl TableSink for Longest {
//!     fn row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()> {
//!         let cell = |name| table.column(name).map_or(Cell::Empty, |place| cells[place]);
//!         if let (Table::Events, Cell::Text("runnable")) = (table, cell("state")) {
//!             self.0 = self.0.max(cell("duration").as_integer().unwrap_or_default());
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
//! let mut options = MapperOptions::default();
//! options.steady_clock = true;
//! let mut mapper = Mapper::with_options(options);
//! let mut tables = Tables::new(Longest::default());
//! tables.begin_process("shop")?;
//! tables.begin_file("shop.trace");
//! let mut reader = Reader::from_slice(trace)?;
//! while let Some(event) = reader.next_event()? {
//!     mapper.event(&event, &mut tables)?;
//!     tables.event(&event, mapper.unix_time(&event))?;
//! }
//! mapper.finish(&mut tables)?;
//! tables.end_process()?;
//! assert!(tables.into_sink().0 > 0);
//! # Ok(())
//! # }
//! ```

mod columns;
mod goroutines;
mod spans;
mod stacks;

use std::io;

use go_trace_format::Event;

use crate::{
    render::Timeline,
    sink::SpanSink,
    span::{Span, UnixTime},
};

use goroutines::Goroutines;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// Spans, ranges of the runtime included.
    Spans,
    /// What goroutines did: as long as one is in one state is a row.
    Events,
    /// The places of the stacks that events name, each stack once.
    Stacks,
    /// Goroutines, and how their time splits.
    Goroutines,
    /// What the garbage collector and the rest of the runtime did: the spans of scope `gotrace.range`.
    Gc,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub kind: ColumnKind,
    /// Whether cells may be empty.
    pub is_nullable: bool,
    /// What it means, in a few words.
    pub about: &'static str,
}

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnKind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A duration, in nanoseconds.
    Duration,
    /// A time, in nanoseconds since 1970-01-01 UTC.
    Time,
}

/// A cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// Nothing is known.
    Empty,
    /// A text.
    Text(&'a str),
    /// A whole number, or a duration in nanoseconds.
    Integer(i64),
    /// A time.
    Time(UnixTime),
}

impl Cell<'_> {
    /// The whole number, where it is one.
    #[must_use]
    pub const fn as_integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// A duration: what is longer than 292 years is as long.
    fn duration(nanoseconds: u64) -> Self {
        Self::Integer(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Empty, Self::Text)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Empty, Self::Integer)
    }
}

/// Whoever takes rows.
pub trait TableSink {
    /// Takes a row: a cell for each of the table's columns.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written.
    fn row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()>;
}

impl<S: TableSink + ?Sized> TableSink for &mut S {
    fn row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()> {
        (**self).row(table, cells)
    }
}

/// Makes rows of one process after the other, while their traces are read.
///
/// It takes finished spans from a [`Mapper`](crate::Mapper), and each event after the spans that it has finished, as a
/// [`Timeline`] does, whose account of goroutines it has. The mapper's clock should be
/// [steady](crate::MapperOptions::steady_clock), so that spans and events are on one line. Memory is bounded by the goroutines that
/// are there at the moment.
#[derive(Debug)]
pub struct Tables<S> {
    timeline: Timeline<Goroutines<S>>,
}

impl<S: TableSink> Tables<S> {
    /// Hands rows to `sink`.
    pub fn new(sink: S) -> Self {
        Self { timeline: Timeline::new(Goroutines::new(sink)) }
    }

    /// A process begins: what follows is of it.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn begin_process(&mut self, name: &str) -> io::Result<()> {
        self.timeline.begin_process(name, false)
    }

    /// What follows is of this file.
    pub fn begin_file(&mut self, name: &str) {
        name.clone_into(&mut self.timeline.canvas_mut().file);
    }

    /// Takes the next event, at the time that [`Mapper::unix_time`](crate::Mapper::unix_time) gives for it.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn event(&mut self, event: &Event<'_>, time: UnixTime) -> io::Result<()> {
        self.timeline.canvas_mut().has_row = false;
        self.timeline.event(event, time)?;
        let Goroutines { sink, stacks, has_row, .. } = self.timeline.canvas_mut();
        stacks.event(event, *has_row, sink)
    }

    /// The process is over: what is under way ends with it.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn end_process(&mut self) -> io::Result<()> {
        self.timeline.end_process()?;
        self.timeline.canvas_mut().end_process()
    }

    /// The sink.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.timeline.canvas_mut().sink
    }

    /// The sink, for good.
    pub fn into_sink(self) -> S {
        self.timeline.into_canvas().sink
    }
}

impl<S: TableSink> SpanSink for Tables<S> {
    type Error = io::Error;

    fn take(&mut self, mut span: Span) -> io::Result<()> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> io::Result<()> {
        let Goroutines { file, process, sink, .. } = self.timeline.canvas_mut();
        spans::hand_on(span, file, *process, sink)
    }
}
