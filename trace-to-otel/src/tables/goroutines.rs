//! Rows of what goroutines did: what timelines draw of them.

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use super::{
    Cell, Table, TableSink,
    stacks::{self, Stacks},
};
use crate::{
    render::{Canvas, DetailValue, Group, Instant, Slice, Track, TrackKind},
    span::UnixTime,
};

/// A canvas that makes rows of what is drawn on the tracks of goroutines.
#[derive(Debug)]
pub(super) struct Goroutines<S> {
    pub(super) sink: S,
    /// The file under way.
    pub(super) file: String,
    /// The number of the process under way.
    pub(super) process: i64,
    pub(super) stacks: Stacks,
    /// Whether the event that is looked at has made a row.
    pub(super) has_row: bool,
    /// By the number of the track: one that is gone keeps its own to the end of its process, or until there are too many.
    tracks: HashMap<u32, Goroutine, foldhash::fast::RandomState>,
}

/// A goroutine.
#[derive(Debug)]
struct Goroutine {
    id: i64,
    /// The function that it began with, once that is known.
    function: Option<Box<str>>,
    known: Option<Known>,
}

/// What it did.
#[derive(Clone, Copy, Debug)]
struct Known {
    start: UnixTime,
    end: UnixTime,
    /// In [`STATES`], in nanoseconds.
    times: [u64; STATES.len()],
    stretches: u32,
}

/// The states, as events have them.
const STATES: [&str; 4] = ["running", "runnable", "syscall", "waiting"];

/// More goroutines than these are not remembered: those that have done nothing for longest become rows.
const MOST: usize = 1 << 17;

impl<S: TableSink> Goroutines<S> {
    pub(super) fn new(sink: S) -> Self {
        let (tracks, stacks) = Default::default();
        Self { sink, file: String::new(), process: 0, stacks, has_row: false, tracks }
    }

    /// Hands on a row for each goroutine.
    pub(super) fn end_process(&mut self) -> io::Result<()> {
        self.stacks.end_process();
        let tracks = std::mem::take(&mut self.tracks);
        let tracks: BTreeMap<_, _> = tracks.into_iter().collect();
        tracks.values().try_for_each(|goroutine| self.goroutine(goroutine))
    }

    fn goroutine(&mut self, goroutine: &Goroutine) -> io::Result<()> {
        let Some(Known { start, end, times, stretches }) = goroutine.known else { return Ok(()) };
        let [running, runnable, syscall, waiting] = times.map(Cell::duration);
        let cells = [
            Cell::Text(&self.file),
            Cell::Integer(self.process),
            Cell::Integer(goroutine.id),
            goroutine.function.as_deref().into(),
            Cell::Time(start),
            Cell::Time(end),
            running,
            runnable,
            syscall,
            waiting,
            Cell::Integer(stretches.into()),
        ];
        self.sink.row(Table::Goroutines, &cells)
    }

    /// Makes rows of half of the goroutines, those that have done nothing for longest.
    #[cold]
    fn make_room(&mut self) -> io::Result<()> {
        let mut ends: Vec<_> = self
            .tracks
            .iter()
            .map(|(&number, goroutine)| (goroutine.known.map(|known| known.end), number))
            .collect();
        ends.sort_unstable();
        for (_, number) in ends.into_iter().take(MOST / 2) {
            if let Some(goroutine) = self.tracks.remove(&number) {
                self.goroutine(&goroutine)?;
            }
        }
        Ok(())
    }
}

impl Goroutine {
    fn add(&mut self, state: usize, slice: &Slice<'_>) {
        let fresh = Known { start: slice.start, end: slice.end, times: [0; STATES.len()], stretches: 0 };
        let known = self.known.get_or_insert(fresh);
        known.end = known.end.max(slice.end);
        known.stretches = known.stretches.saturating_add(1);
        known.times[state] = known.times[state].saturating_add(slice.end.0.saturating_sub(slice.start.0));
    }
}

impl<S: TableSink> Canvas for Goroutines<S> {
    fn process(&mut self, number: u32, _: &str) -> io::Result<()> {
        self.process = number.into();
        Ok(())
    }

    fn track(&mut self, track: Track, name: Option<&str>, _: TrackKind) -> io::Result<()> {
        if track.group != Group::Goroutines {
            return Ok(());
        }
        if self.tracks.len() >= MOST {
            self.make_room()?;
        }
        let fresh = || Goroutine { id: track.row.order, function: None, known: None };
        let goroutine = self.tracks.entry(track.number).or_insert_with(fresh);
        // As timelines call it: G18 main.worker.
        goroutine.function = name.and_then(|name| Some(name.split_once(' ')?.1.into()));
        Ok(())
    }

    fn slice(&mut self, track: Track, slice: &Slice<'_>) -> io::Result<()> {
        if track.group != Group::Goroutines {
            return Ok(());
        }
        let state = slice.name.split(':').next().unwrap_or_default();
        let Some(state) = STATES.iter().position(|known| *known == state) else { return Ok(()) };
        let fresh = || Goroutine { id: track.row.order, function: None, known: None };
        let goroutine = self.tracks.entry(track.number).or_insert_with(fresh);
        goroutine.add(state, slice);
        let detail =
            |key: &str| slice.details.iter().find(|detail| detail.key == key).map(|detail| detail.value);
        let text = |key| match detail(key) {
            Some(DetailValue::Text(text)) => Cell::Text(text),
            _ => Cell::Empty,
        };
        let proc = match detail("proc") {
            Some(DetailValue::Integer(proc)) => Cell::Integer(proc),
            _ => Cell::Empty,
        };
        self.has_row = true;
        let at = self.stacks.at(goroutine.id);
        let stack = at.stack.map(stacks::hexadecimal);
        let cells = [
            Cell::Text(&self.file),
            Cell::Integer(self.process),
            Cell::Integer(goroutine.id),
            goroutine.function.as_deref().into(),
            Cell::Text(STATES[state]),
            text("reason"),
            Cell::Time(slice.start),
            Cell::duration(slice.end.0.saturating_sub(slice.start.0)),
            proc,
            at.thread.into(),
            text("at"),
            stack.as_deref().into(),
        ];
        self.sink.row(Table::Events, &cells)
    }

    fn instant(&mut self, _: Track, _: &Instant<'_>) -> io::Result<()> {
        Ok(())
    }

    fn count(&mut self, _: Track, _: UnixTime, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
