//! Chrome's trace events as JSON ("Trace Event Format"), which Perfetto, Speedscope and others read.
//!
//! The format knows processes and threads only. A group of tracks becomes a process, a track a thread. Times are
//! microseconds since the midnight (UTC) before the day of the first one, as numbers of JSON hold no nanoseconds since
//! 1970; which day that is stands in `otherData`, at the end.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::canvas::{Arrow, Canvas, Detail, DetailValue, Group, Instant, Row, Slice, Tip, Track, TrackKind};
use crate::{render::text::DisplayTime, span::UnixTime};

/// Nanoseconds.
const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;

/// Writes a timeline as Chrome's trace events.
#[derive(Debug)]
pub struct ChromeWriter<W> {
    output: W,
    process: u32,
    name: String,
    groups: HashSet<Group>,
    /// Names of counters, which events repeat.
    counters: Vec<(Track, String)>,
    origin: Option<UnixTime>,
    has_event: bool,
}

impl<W: Write> ChromeWriter<W> {
    /// Writes to `output`, in many small pieces: it ought to be buffered.
    pub fn new(output: W) -> Self {
        Self {
            output,
            process: 0,
            name: String::new(),
            groups: HashSet::new(),
            counters: Vec::new(),
            origin: None,
            has_event: false,
        }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn write(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let before: &[u8] = if self.has_event { b",\n" } else { b"{\"traceEvents\":[\n" };
        self.has_event = true;
        self.output.write_all(before)?;
        serde_json::to_writer(&mut self.output, event).map_err(io::Error::from)
    }

    /// An event on a track, without a time.
    fn event<'a>(&self, phase: &'static str, track: Track, name: &'a str) -> TraceEvent<'a> {
        let pid = self.pid(track.group);
        TraceEvent { phase, name, pid, tid: thread(track), ..TraceEvent::default() }
    }

    fn pid(&self, group: Group) -> u32 {
        self.process * 10 + group as u32
    }

    fn metadata(&mut self, track: Track, name: &str, details: &[Detail<'_>]) -> io::Result<()> {
        let event = TraceEvent { details: Details(details), ..self.event("M", track, name) };
        self.write(&event)
    }

    fn group(&mut self, group: Group) -> io::Result<()> {
        if !self.groups.insert(group) {
            return Ok(());
        }
        let track = Track { group, number: 0, row: Row { order: 0, lane: 0 } };
        let name = format!("{}: {}", self.name, group.name());
        self.metadata(track, "process_name", &[Detail::new("name", &*name)])?;
        let order = i64::from(self.pid(group));
        self.metadata(track, "process_sort_index", &[Detail::new("sort_index", order)])
    }

    fn time(&mut self, time: UnixTime) -> io::Result<Option<Microseconds>> {
        let origin = *self.origin.get_or_insert(UnixTime(time.0.saturating_sub(DAY) / DAY * DAY));
        match time.0.checked_sub(origin.0) {
            Some(time) => Ok(Some(Microseconds(time))),
            // Viewers drop what has a negative time.
            None => Err(io::Error::other("a trace is older than the first by a day: give the oldest first")),
        }
    }

    fn arrow(
        &mut self,
        phase: &'static str,
        Arrow(number): Arrow,
        track: Track,
        time: UnixTime,
    ) -> io::Result<()> {
        let time = self.time(time)?;
        let event = TraceEvent {
            category: Some("cause"),
            time,
            id: Some(number),
            // The arrow ends at the slice that it points into, not at the next one.
            binding: (phase == "f").then_some("e"),
            ..self.event(phase, track, "cause")
        };
        self.write(&event)
    }
}

impl<W: Write> Canvas for ChromeWriter<W> {
    fn process(&mut self, number: u32, name: &str) -> io::Result<()> {
        self.process = number;
        name.clone_into(&mut self.name);
        self.groups.clear();
        self.counters.clear();
        Ok(())
    }

    fn track(&mut self, track: Track, name: Option<&str>, kind: TrackKind) -> io::Result<()> {
        self.group(track.group)?;
        let Some(name) = name else { return Ok(()) };
        if matches!(kind, TrackKind::Bytes | TrackKind::Counts) {
            self.counters.push((track, name.to_owned()));
            return Ok(());
        }
        let order = i64::try_from(thread(track)).unwrap_or(i64::MAX);
        self.metadata(track, "thread_name", &[Detail::new("name", name)])?;
        self.metadata(track, "thread_sort_index", &[Detail::new("sort_index", order)])
    }

    fn slice(&mut self, track: Track, slice: &Slice<'_>) -> io::Result<()> {
        let time = self.time(slice.start)?;
        let event = TraceEvent {
            category: Some(slice.category),
            time,
            duration: Some(Microseconds(slice.end.0.saturating_sub(slice.start.0))),
            details: Details(slice.details),
            ..self.event("X", track, slice.name)
        };
        self.write(&event)?;
        match slice.arrow {
            Some(arrow) => self.arrow("f", arrow, track, slice.start),
            None => Ok(()),
        }
    }

    fn instant(&mut self, track: Track, instant: &Instant<'_>) -> io::Result<()> {
        let time = self.time(instant.time)?;
        let event = TraceEvent {
            category: Some(instant.category),
            time,
            scope: Some("t"),
            details: Details(instant.details),
            ..self.event("i", track, instant.name)
        };
        self.write(&event)?;
        match instant.tip {
            Tip::None => Ok(()),
            Tip::From(arrow) => self.arrow("s", arrow, track, instant.time),
            Tip::To(arrow) => self.arrow("f", arrow, track, instant.time),
        }
    }

    fn count(&mut self, track: Track, time: UnixTime, value: u64) -> io::Result<()> {
        let time = self.time(time)?;
        let counter = self.counters.iter().find(|(known, _)| *known == track);
        let name = counter.map_or_else(String::new, |(_, name)| name.clone());
        let value = [Detail::new("value", i64::try_from(value).unwrap_or(i64::MAX))];
        let event = TraceEvent { time, details: Details(&value), ..self.event("C", track, &name) };
        self.write(&event)
    }

    fn finish(&mut self) -> io::Result<()> {
        let before = if self.has_event { "\n" } else { "{\"traceEvents\":[" };
        let origin = DisplayTime(self.origin.unwrap_or_default());
        writeln!(
            self.output,
            "{before}],\"displayTimeUnit\":\"ns\",\"otherData\":{{\"time 0 (UTC)\":\"{origin}\"}}}}"
        )?;
        self.output.flush()
    }
}

/// The number of the thread that a track becomes. Viewers sort by it: so a goroutine's lanes come after itself.
fn thread(track: Track) -> u64 {
    const LANES: u64 = 1000;
    // Such as JSON can hold.
    const MOST: u64 = 1 << 50;
    match u64::try_from(track.row.order) {
        Ok(order) if u64::from(track.row.lane) < LANES && order < MOST / LANES => {
            order * LANES + u64::from(track.row.lane) + 1
        }
        _ => MOST + u64::from(track.number),
    }
}

/// An event of the format.
#[derive(Default, Serialize)]
struct TraceEvent<'a> {
    #[serde(rename = "ph")]
    phase: &'static str,
    name: &'a str,
    #[serde(rename = "cat", skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    pid: u32,
    tid: u64,
    #[serde(rename = "ts", skip_serializing_if = "Option::is_none")]
    time: Option<Microseconds>,
    #[serde(rename = "dur", skip_serializing_if = "Option::is_none")]
    duration: Option<Microseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(rename = "bp", skip_serializing_if = "Option::is_none")]
    binding: Option<&'static str>,
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(rename = "args", skip_serializing_if = "Details::is_empty")]
    details: Details<'a>,
}

/// Nanoseconds that are written as microseconds.
#[derive(Clone, Copy)]
struct Microseconds(u64);

impl Serialize for Microseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Exact to the nanosecond for three months.
        serializer.serialize_f64(self.0 as f64 / 1e3)
    }
}

#[derive(Clone, Copy, Default)]
struct Details<'a>(&'a [Detail<'a>]);

impl Details<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for detail in self.0 {
            map.serialize_entry(detail.key, &detail.value)?;
        }
        map.end()
    }
}

impl Serialize for DetailValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(number),
            Self::Float(number) => serializer.serialize_f64(number),
            Self::Boolean(yes) => serializer.serialize_bool(yes),
        }
    }
}
