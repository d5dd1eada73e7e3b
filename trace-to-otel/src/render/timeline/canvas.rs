//! What a timeline is drawn on: tracks, with slices, instants, arrows and counters on them.

use std::io;

use crate::span::{UnixTime, Value};

/// A format for timelines, or whatever else takes what is drawn. Nothing that is drawn comes in the order of time.
///
/// # Errors
///
/// Each method fails where what is drawn cannot be written.
#[allow(clippy::missing_errors_doc)]
pub trait Canvas {
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
#[non_exhaustive]
pub struct Track {
    /// What it is shown with.
    pub group: Group,
    /// From 1, unique in the whole timeline.
    pub number: u32,
    /// Its place among those.
    pub row: Row,
}

/// Where a track stands in its group: by the number of what it is for, then by the number of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Row {
    /// The number of what the track is for, such as a goroutine's.
    pub order: i64,
    /// 0 for the first track of that, and counted up.
    pub lane: u32,
}

/// Tracks that are shown together, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
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
    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
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
#[non_exhaustive]
pub enum TrackKind {
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
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Slice<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Which kind of slice it is, such as `state` or a scope's name.
    pub category: &'a str,
    /// When it begins.
    pub start: UnixTime,
    /// When it ends.
    pub end: UnixTime,
    /// An arrow that points to its start.
    pub arrow: Option<Arrow>,
    /// What else is known of it.
    pub details: &'a [Detail<'a>],
}

/// A moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Instant<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Which kind of moment it is, such as `log`.
    pub category: &'a str,
    /// When it is.
    pub time: UnixTime,
    /// Whether an arrow begins or ends here.
    pub tip: Tip,
    /// What else is known of it.
    pub details: &'a [Detail<'a>],
}

/// Where an instant is on an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tip {
    /// On none.
    None,
    /// The arrow begins here.
    From(Arrow),
    /// It points here.
    To(Arrow),
}

/// An arrow from cause to effect, by its number: from 1, unique in the whole timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct Arrow(
    /// The number.
    pub u64,
);

/// Something to be read where a slice or an instant is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Detail<'a> {
    /// What it says.
    pub key: &'a str,
    /// The value.
    pub value: DetailValue<'a>,
}

/// The value of a detail.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DetailValue<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
}

impl<'a> Detail<'a> {
    /// A key and a value.
    pub fn new(key: &'a str, value: impl Into<DetailValue<'a>>) -> Self {
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
        }
    }
}
