//! What a timeline is drawn on: tracks, with slices, instants, arrows and counters on them.

use std::io;

use trace_to_otel::{UnixTime, Value};

/// A format for timelines. Nothing that is drawn has to come in the order of time.
pub(crate) trait Canvas {
    /// A process begins; all that follows belongs to it. It has a number, from 1, and a name.
    fn process(&mut self, number: u32, name: &str) -> io::Result<()>;

    /// Tells what a track is, before anything is drawn on it. A name that is not known yet may come later, with the
    /// same kind.
    fn track(&mut self, track: Track, name: Option<&str>, kind: TrackKind) -> io::Result<()>;

    /// Draws a stretch of time. On one track slices follow on each other or nest, in the order in which they end.
    fn slice(&mut self, track: Track, slice: &Slice<'_>) -> io::Result<()>;

    /// Draws a moment.
    fn instant(&mut self, track: Track, instant: &Instant<'_>) -> io::Result<()>;

    /// Draws the value of a counter from a time on.
    fn count(&mut self, track: Track, time: UnixTime, value: u64) -> io::Result<()>;

    /// Nothing more comes.
    fn finish(&mut self) -> io::Result<()>;
}

/// A track of the process under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Track {
    pub(crate) group: Group,
    /// From 1, unique in the whole timeline.
    pub(crate) number: u32,
    pub(crate) row: Row,
}

/// Where a track stands in its group: by the number of what it is for, then by the number of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) order: i64,
    pub(crate) lane: u32,
}

/// Tracks that are shown together, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Group {
    /// Values that the runtime measured.
    Metrics,
    /// What the runtime does for the whole process.
    Runtime,
    /// Who runs on each proc.
    Procs,
    /// Tasks, which belong to no goroutine.
    Tasks,
    /// Spans that began on no known goroutine, or on one that is gone.
    Spans,
    /// What each goroutine does, and its spans.
    Goroutines,
}

impl Group {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "Metrics",
            Self::Runtime => "Runtime",
            Self::Procs => "Procs",
            Self::Tasks => "Tasks",
            Self::Spans => "Other spans",
            Self::Goroutines => "Goroutines",
        }
    }
}

/// What is drawn on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackKind {
    /// Slices and instants.
    Slices,
    /// Slices and instants that belong to another track, below it.
    Below(Track),
    /// Counts of bytes.
    Bytes,
    /// Other counts.
    Counts,
}

/// A stretch of time.
pub(crate) struct Slice<'a> {
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) start: UnixTime,
    pub(crate) end: UnixTime,
    /// An arrow that points to its start.
    pub(crate) arrow: Option<Arrow>,
    pub(crate) details: &'a [Detail<'a>],
}

/// A moment.
pub(crate) struct Instant<'a> {
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) time: UnixTime,
    pub(crate) tip: Tip,
    pub(crate) details: &'a [Detail<'a>],
}

/// Where an instant is on an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tip {
    /// On none.
    None,
    /// The arrow begins here.
    From(Arrow),
    /// It points here.
    To(Arrow),
}

/// An arrow from cause to effect, by its number: from 1, unique in the whole timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrow(pub(crate) u64);

/// Something to be read where a slice or an instant is looked at.
pub(crate) struct Detail<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: DetailValue<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DetailValue<'a> {
    Text(&'a str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl<'a> Detail<'a> {
    pub(crate) fn new(key: &'a str, value: impl Into<DetailValue<'a>>) -> Self {
        Self { key, value: value.into() }
    }
}

impl<'a> From<&'a str> for DetailValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for DetailValue<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for DetailValue<'_> {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl<'a> From<&'a Value> for DetailValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Integer(number) => Self::Integer(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Boolean(yes) => Self::Boolean(*yes),
            _ => Self::Text("(a value of a newer kind)"),
        }
    }
}
