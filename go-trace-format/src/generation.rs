//! Level 2: one generation, its batches sorted by thread and its tables built.
//!
//! Go: `internal/trace/generation.go`. A generation begins with the status of everything in it and needs
//! nothing of the one before, so that it can be read on its own.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    cursor::short_varints_from,
    error::{Error, Parse},
    id::{StackId, StringId, ThreadId},
    spec::{Category, Dialect, EventType, Version},
    tables::{
        Clock, ClockBuilder, CpuSample, CpuSamples, ExperimentalData, Place, Tables, Time, table_error,
    },
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
}

/// A batch of events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPlace {
    pub(crate) place: Place,
    /// In clock units.
    pub(crate) time: u64,
    next: u32,
    /// See [`short_varints_from`]: relative to the batch's body.
    pub(crate) short_varints_from: u32,
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

    /// The threads that recorded events in it, in the order of their first batch.
    pub fn threads(&self) -> impl Iterator<Item = ThreadId> {
        self.threads.iter().map(|stream| ThreadId(stream.thread))
    }

    /// Its batches in the order of the file, those of its tables too: what a `write::Copier` copies.
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

    /// Empties the generation, to be filled with the one that begins at `start`. Gives back the buffer.
    pub(crate) fn restart(&mut self, start: u64) -> Vec<u8> {
        self.start = start;
        self.clock = ClockBuilder::default();
        self.samples.clear();
        self.earliest = 0;
        self.whole.clear();
        self.batches.clear();
        self.threads.clear();
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

    /// Remembers where a batch that is [added](Self::add) stands with its head.
    pub(crate) fn add_whole(&mut self, whole: Place) {
        self.whole.push(whole);
    }

    /// Takes in a batch, whose body begins at `position` of the bytes that [`seal`](Self::seal) will be given.
    ///
    /// After an error, what the batch held before it is kept. Go: `processBatch`.
    pub(crate) fn add(&mut self, batch: &Batch<'_>, position: usize) -> Result<(), Error> {
        if self.earliest == 0 || batch.time < self.earliest {
            self.earliest = batch.time;
        }
        let data = batch.data;
        let in_table = |record| move |parse: Parse| table_error(batch.data_offset, data, parse, record);
        match batch.kind(self.version(), self.dialect()) {
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
                Err(Error::InvalidEvent { offset: batch.data_offset, byte })
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
            short_varints_from: short_varints_from(batch.data) as u32,
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
    /// Everything that is wrong with it is told to `fault`; a strict reader stops at the first.
    pub(crate) fn seal(
        &mut self,
        bytes: Cow<'a, [u8]>,
        base: u64,
        inherited: &Clock,
        mut fault: impl FnMut(Error),
    ) {
        let (offset, generation) = (self.start, self.tables.generation);
        if !self.clock.has_frequency() {
            fault(Error::MissingFrequency { offset, generation });
        } else if self.version().has_sync_batch() && !self.clock.has_snapshot() {
            fault(Error::MissingClockSnapshot { offset, generation });
        }
        self.tables.clock = if self.clock.has_frequency() { self.clock.build() } else { *inherited };
        self.tables.start = self.tables.clock.time(self.earliest);
        self.tables.bytes = bytes;
        self.tables.base = base;
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
}
