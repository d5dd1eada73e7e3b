//! Level 2: one generation, its batches sorted by thread and its tables built.
//!
//! Go: `internal/trace/generation.go`. A generation begins with the status of everything in it and needs
//! nothing of the one before, so that it can be read on its own.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    cursor::well_formed_from,
    error::{Damage, Error, Unread},
    id::{StackId, StringId, ThreadId},
    mode::Mode,
    spec::{Category, Dialect, EventType, Version},
    tables::{
        Clock, ClockBuilder, CpuSample, CpuSamples, ExperimentalData, Place, Tables, Time, table_damage,
    },
    times::{Times, Witness},
    v1::TraceV1,
    wire::{Batch, BatchKind, RawEvent, RawEvents, batch_of},
};

/// One generation of a trace: a stretch of time that can be read without any other.
///
/// Made by [`Generations`](crate::Generations). Its memory is a small multiple of its bytes.
#[derive(Debug)]
pub struct Generation<'a> {
    pub(crate) tables: Tables<'a>,
    /// Where it begins in the trace.
    start: u64,
    clock: ClockBuilder,
    samples: CpuSamples,
    /// The earliest time of its batches, in clock units; 0 counts as none, as in the reference.
    earliest: u64,
    /// Every batch with its head, as it came.
    whole: Vec<Place>,
    batches: Vec<BatchPlace>,
    threads: Vec<Stream>,
    thread_index: HashMap<i64, u32, foldhash::fast::RandomState>,
    /// The times of batches that hold no events, in clock units.
    table_times: Vec<u64>,
    times: Times,
    /// Its events, where they are of format v1: then there are no batches of threads.
    v1: Option<Box<TraceV1>>,
}

/// A batch of events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPlace {
    pub(crate) place: Place,
    /// In clock units.
    pub(crate) time: u64,
    next: u32,
    /// See [`well_formed_from`]: relative to the batch's body.
    pub(crate) well_formed_from: u32,
}

const LAST: u32 = u32::MAX;

/// Among how many events of a thread the start of a recording is looked for: it has one before for each proc at most, of which
/// there are seldom more.
const FIRST_EVENTS: usize = 1 << 10;

impl BatchPlace {
    /// The thread's next batch.
    #[inline]
    pub(crate) fn next(&self) -> Option<u32> {
        (self.next != LAST).then_some(self.next)
    }
}

/// The batches of one thread, as a chain through the list of all.
#[derive(Clone, Copy, Debug)]
struct Stream {
    thread: i64,
    first: u32,
    last: u32,
}

impl<'a> Generation<'a> {
    pub(crate) fn new(version: Version, dialect: Dialect) -> Self {
        Self {
            tables: Tables::new(version, dialect),
            start: 0,
            clock: ClockBuilder::default(),
            samples: CpuSamples::default(),
            earliest: 0,
            whole: Vec::new(),
            batches: Vec::new(),
            threads: Vec::new(),
            thread_index: HashMap::default(),
            table_times: Vec::new(),
            times: Times::ANY,
            v1: None,
        }
    }

    /// The generation's number. They count from 1 and wrap around to a small number after 2⁶⁴.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.tables.generation
    }

    /// Where the generation begins in the trace, in bytes.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// What its events' ids stand for.
    #[must_use]
    pub fn tables(&self) -> &Tables<'a> {
        &self.tables
    }

    /// Its clock.
    #[inline]
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.tables.clock
    }

    /// The time of its earliest batch.
    #[must_use]
    pub fn start_time(&self) -> Time {
        self.tables.start
    }

    /// The same in clock units. When salvaging, neither times that cannot be count, nor the 0 of a table: some writers leave
    /// those out.
    #[must_use]
    pub fn start_units(&self) -> u64 {
        self.earliest
    }

    /// The version of the trace that it is of.
    #[must_use]
    pub fn version(&self) -> Version {
        self.tables.version
    }

    /// The numbering of its events.
    #[inline]
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.tables.dialect
    }

    /// The threads that recorded events in it, in the order of their first batch. In [format v1](Version::is_v1) procs do.
    pub fn threads(&self) -> impl Iterator<Item = ThreadId> {
        self.threads.iter().map(|stream| ThreadId(stream.thread))
    }

    /// Its batches in the order of the file, those of its tables too: what a `write::Copier` copies. There are none of
    /// [format v1](Version::is_v1).
    ///
    /// Of a damaged trace they are those that were salvaged. One of a wrong size, or without its end, ends where the
    /// damage was found to end, which may be inside an event.
    pub fn batches(&self) -> impl Iterator<Item = Batch<'_>> {
        self.whole
            .iter()
            .filter_map(|whole| batch_of(whole.of(self.bytes()), self.offset(whole.start()), self.dialect()))
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.tables.bytes
    }

    /// Where a position within the generation's bytes is in the trace.
    #[inline]
    pub(crate) fn offset(&self, position: usize) -> u64 {
        self.tables.base + position as u64
    }

    #[inline]
    pub(crate) fn batch(&self, index: u32) -> &BatchPlace {
        &self.batches[index as usize]
    }

    /// Each thread that has events, with its first batch.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (i64, u32)> {
        self.threads.iter().map(|stream| (stream.thread, stream.first))
    }

    #[inline]
    pub(crate) fn sample(&self, index: usize) -> Option<&CpuSample> {
        self.samples.get(index)
    }

    /// Whether the fork's filter left the scheduler out, so that only statuses say who runs where
    /// (`docs/fork-dialect.md`, "Behaviour").
    pub(crate) fn is_unscheduled(&self) -> bool {
        use EventType as E;
        let is_scheduling = |event_type: E| {
            event_type.spec().category == Category::Core
                && !matches!(event_type, E::ProcStatus | E::GoStatus | E::GoStatusStack)
        };
        // In a trace that has scheduling, one of the first events shows it.
        let schedules = |batch: &BatchPlace| {
            let events = RawEvents::new(batch.place.of(self.bytes()), 0, self.dialect());
            events.map_while(Result::ok).any(|event| is_scheduling(event.event_type))
        };
        self.dialect() == Dialect::Fork && !self.batches.iter().any(schedules)
    }

    /// Whether a recording starts with it, as far as its events tell: whatever was recorded before, something is missing between.
    /// Go: `runtime.traceStart`, which stops the world for it.
    #[must_use]
    pub fn starts_recording(&self) -> bool {
        if self.version().is_v1() {
            return true;
        }
        let is_start = |event: RawEvent| {
            event.event_type == EventType::StwBegin
                && *self.tables.string(StringId(event.arguments()[0])).as_bytes() == *b"start trace"
        };
        // The thread that starts it says so first of all, behind who is there.
        let mut first = self.streams().map(|(_, first)| self.batch(first).place.of(self.bytes()));
        first.any(|batch| {
            let events = RawEvents::new(batch, 0, self.dialect()).map_while(Result::ok);
            events.take(FIRST_EVENTS).any(is_start)
        })
    }

    /// Whether any batch of events was added.
    pub(crate) fn has_events(&self) -> bool {
        !self.batches.is_empty()
    }

    /// Its events, where they are of format v1.
    #[inline]
    pub(crate) fn v1(&self) -> Option<&TraceV1> {
        self.v1.as_deref()
    }

    /// Empties the generation, to be filled with the one that begins at `start`. Gives back the buffer.
    pub(crate) fn restart(&mut self, start: u64) -> Vec<u8> {
        self.start = start;
        self.clock = ClockBuilder::default();
        self.samples.clear();
        self.earliest = 0;
        self.whole.clear();
        self.batches.clear();
        self.threads.clear();
        self.table_times.clear();
        self.times = Times::ANY;
        self.v1 = None;
        // Not emptied but dropped: emptying costs what the largest generation needed.
        self.thread_index = HashMap::default();
        self.tables.generation = 0;
        self.tables.recycle()
    }

    /// The buffer that it was given.
    pub(crate) fn into_buffer(mut self) -> Vec<u8> {
        self.tables.recycle()
    }

    pub(crate) fn set_format(&mut self, version: Version, dialect: Dialect) {
        (self.tables.version, self.tables.dialect) = (version, dialect);
    }

    pub(crate) fn set_number(&mut self, number: u64) {
        self.tables.generation = number;
    }

    /// Where the last of its batches ends in its bytes, which may be behind the first ones of the next generation.
    pub(crate) fn end(&self) -> usize {
        self.whole.iter().map(|whole| whole.start() + whole.length()).max().unwrap_or_default()
    }

    /// Remembers where a batch that is [added](Self::add) stands with its head.
    pub(crate) fn add_whole(&mut self, whole: Place) {
        self.whole.push(whole);
    }

    /// Takes in a batch, whose body begins at `position` of the bytes that [`seal`](Self::seal) will be given.
    ///
    /// After an error, what the batch held before it is kept. Go: `processBatch`.
    pub(crate) fn add(&mut self, batch: &Batch<'_>, position: usize) -> Result<(), Damage> {
        if self.earliest == 0 || batch.time < self.earliest {
            self.earliest = batch.time;
        }
        let kind = batch.kind(self.version(), self.dialect());
        // Some writers leave the times of tables out.
        if kind != BatchKind::Events && batch.time != 0 {
            self.table_times.push(batch.time);
        }
        let data = batch.data;
        let in_table = |record| move |unread: Unread| table_damage(batch.data_offset, data, unread, record);
        match kind {
            BatchKind::Strings => {
                self.tables.strings.add(data, position).map_err(in_table(EventType::String))
            }
            BatchKind::Stacks => self.tables.stacks.add(data, position).map_err(in_table(EventType::Stack)),
            BatchKind::CpuSamples => self.samples.add(data, position).map_err(in_table(EventType::CpuSample)),
            BatchKind::Sync => self
                .clock
                .add(data, batch.time, self.version(), self.dialect())
                .map_err(in_table(EventType::Frequency)),
            BatchKind::Experimental(experiment) => {
                let place = Place::new(position, data.len());
                self.tables.experimental.push(ExperimentalData { experiment, thread: batch.thread, place });
                Ok(())
            }
            BatchKind::EndOfGeneration => {
                let byte = data.first().copied().unwrap_or_default();
                let error = Error::InvalidEvent { offset: batch.data_offset, byte };
                Err(Damage { error, bytes: data.len() as u64 })
            }
            BatchKind::Events => {
                self.add_events(batch, position);
                Ok(())
            }
        }
    }

    fn add_events(&mut self, batch: &Batch<'_>, position: usize) {
        let index = self.batches.len() as u32;
        self.batches.push(BatchPlace {
            place: Place::new(position, batch.data.len()),
            time: batch.time,
            next: LAST,
            well_formed_from: well_formed_from(batch.data) as u32,
        });
        let threads = &mut self.threads;
        let thread = *self.thread_index.entry(batch.thread.0).or_insert_with(|| {
            threads.push(Stream { thread: batch.thread.0, first: index, last: index });
            threads.len() as u32 - 1
        });
        let stream = &mut self.threads[thread as usize];
        if stream.last != index {
            self.batches[stream.last as usize].next = index;
            stream.last = index;
        }
    }

    /// Makes the generation readable: its bytes, the first of which stands at `base` in the trace, its clock
    /// and its tables.
    ///
    /// Everything that is wrong with it is told to `fault`; a strict reader stops at the first. In salvage mode, clocks and
    /// times that cannot be are left out.
    pub(crate) fn seal(
        &mut self,
        bytes: Cow<'a, [u8]>,
        base: u64,
        inherited: Option<&Clock>,
        mode: Mode,
        mut fault: impl FnMut(Error),
    ) {
        let (offset, generation) = (self.start, self.tables.generation);
        if self.clock.frequency().is_none() {
            fault(Error::MissingFrequency { offset, generation });
        } else if self.version().has_sync_batch() && !self.clock.has_snapshot() {
            fault(Error::MissingClockSnapshot { offset, generation });
        }
        self.tables.bytes = bytes;
        self.tables.base = base;
        self.tables.clock = match mode {
            _ if self.clock.frequency().is_none() => inherited.copied().unwrap_or_default(),
            Mode::Strict => self.clock.build(),
            Mode::Salvage => self.clock.build_plausible(inherited),
        };
        if mode == Mode::Salvage {
            if !self.find_times() {
                fault(Error::ImplausibleTime { offset, generation });
            }
            if !self.settle_clock() {
                fault(Error::ImplausibleClock { offset, generation });
            }
        }
        self.tables.start = self.tables.clock.time(self.earliest);
        let offset_of = |position: usize| base + position as u64;
        self.tables.strings.seal(|id, position| {
            fault(Error::DuplicateString { offset: offset_of(position), id: StringId(id) });
        });
        self.tables.stacks.seal(|id, position| {
            fault(Error::DuplicateStack { offset: offset_of(position), id: StackId(id) });
        });
        if let Some((pc, id)) = self.tables.stacks.frame_without_string(&self.tables.strings) {
            fault(Error::InvalidFrame { offset, pc, id: StringId(id) });
        }
        self.samples.seal(&self.tables.clock);
    }

    /// The same for a trace of format v1, which is one generation. `bytes` may hold others before and behind it.
    pub(crate) fn seal_v1(
        &mut self,
        trace: TraceV1,
        bytes: Cow<'a, [u8]>,
        base: u64,
        mode: Mode,
        mut fault: impl FnMut(Error),
    ) {
        let (offset, generation) = (self.start, self.tables.generation);
        let tables = &mut self.tables;
        (tables.bytes, tables.base) = (bytes, base);
        match trace.frequency() {
            Some(frequency) => tables.clock = Clock::from_frequency(frequency),
            None => fault(Error::MissingFrequency { offset, generation }),
        }
        // Times count from the first event.
        tables.start = Time(-1);
        tables.origin = trace.start();
        tables.strings.seal(|id, position| {
            fault(Error::DuplicateString { offset: base + position as u64, id: StringId(id) });
        });
        tables.stacks.seal_last();
        if mode == Mode::Salvage {
            if let Some((pc, id)) = tables.stacks.frame_without_string(&tables.strings) {
                fault(Error::InvalidFrame { offset, pc, id: StringId(id) });
            }
        }
        self.earliest = trace.start().unwrap_or_default() as u64;
        self.v1 = Some(Box::new(trace));
    }

    /// Whether the frequency of its clock is what it said, neither inherited nor assumed.
    pub(crate) fn says_its_frequency(&self) -> bool {
        self.clock.frequency() == Some(self.clock().frequency())
    }

    /// The times that its events may have, as far as its batches tell by their beginnings.
    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// The same by the beginnings and ends of all batches.
    #[cold]
    pub(crate) fn borne_out_times(&self) -> Times {
        let clock = self.clock();
        let table = |&time: &u64| Witness { time: clock.time(time), batch: None };
        let events = self.batches.iter().zip(0..).flat_map(|(batch, index)| {
            let begin = clock.time(batch.time);
            let deltas =
                RawEvents::new(batch.place.of(self.bytes()), 0, self.dialect()).map_while(Result::ok);
            let elapsed = |time: Time, delta| Time(time.0.saturating_add(clock.time(delta).0));
            let end = deltas.fold(begin, |time, event| elapsed(time, event.time_delta));
            [begin, end].map(|time| Witness { time, batch: Some(index) })
        });
        Times::borne_out(self.table_times.iter().map(table).chain(events).collect())
    }

    /// Finds out which times can be. Says whether its beginning is one of them, which becomes the earliest of them.
    fn find_times(&mut self) -> bool {
        let clock = self.tables.clock;
        let beginnings = || {
            let events = self.batches.iter().map(|batch| batch.time);
            events.chain(self.table_times.iter().copied())
        };
        self.times = match Times::agreed(beginnings().map(|time| clock.time(time))) {
            Some(times) => times,
            None if self.has_events() => self.borne_out_times(),
            None => Times::ANY,
        };
        let is_possible = |time: &u64| self.times.contains(clock.time(*time));
        let begins_possibly = self.earliest == 0 || is_possible(&self.earliest);
        self.earliest = beginnings().filter(is_possible).min().unwrap_or_default();
        begins_possibly
    }

    /// Leaves out a clock snapshot of another time. Says whether the clock is what was said, with nothing left out.
    fn settle_clock(&mut self) -> bool {
        let times = self.times;
        let clock = &mut self.tables.clock;
        clock.snapshot = clock.snapshot.filter(|snapshot| times.contains(snapshot.trace));
        let said = self.clock.build();
        let is_whole =
            said.frequency() == clock.frequency() && said.snapshot().is_some() == clock.snapshot().is_some();
        is_whole || self.clock.frequency().is_none()
    }
}
