//! One generation, written as the runtime writes it.
//!
//! Go: the order of `runtime.traceAdvance`, which is the order of every recording.

use std::{collections::HashMap, io};

use foldhash::fast::RandomState;

use crate::{
    id::{GoroutineId, ProcId, StackId, StringId, ThreadId},
    spec::{ArgumentKind, EventSpec, EventType, Experiment, MAX_ARGUMENTS},
    tables::Frame,
    write::{
        Body, RawRecord, SyncBatch, WriteError, Writer,
        tables::{Table, TableWriter},
    },
};

/// Writes one generation of a trace: its events as they come, and its tables in the end.
///
/// Strings and stacks get their ids here. Events come with absolute times; they are batched by thread, and a batch
/// goes to the output when it is full, so memory is bounded by the tables, the CPU samples and 64 KiB per thread.
/// What is checked is the format, not sense: a goroutine may start twice.
///
/// A generation must be [finished](Self::finish), or the trace is cut inside it.
///
/// ```
/// use go_trace_format::{
///     Clock, Dialect, EventType, Frame, Version, WallTime,
///     event::ThreadId,
///     write::{SyncBatch, Writer},
/// };
///
/// let mut trace = Writer::new(Vec::new(), Version::Go126, Dialect::Stock)?;
/// let wall = WallTime(1_764_000_000_000_000_000);
/// let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1_000).with_snapshot(1_000, 64_000, wall);
/// let mut generation = trace.generation(1, sync)?;
/// let name = generation.string(b"checkout")?;
/// let stack = generation.stack([Frame::new(0x1000, b"main.main", b"main.go", 12)])?;
/// let thread = ThreadId(7);
/// // Proc 0 runs (1) on thread 7, and so does goroutine 1 (2).
/// generation.event(thread, 1_000, EventType::ProcStatus, &[0, 1])?;
/// generation.event(thread, 1_001, EventType::GoStatus, &[1, 7, 2])?;
/// generation.event(thread, 1_002, EventType::UserTaskBegin, &[1, 0, name.0, stack.0])?;
/// generation.event(thread, 1_500, EventType::UserTaskEnd, &[1, stack.0])?;
/// generation.finish()?;
/// let bytes = trace.into_inner();
/// # Ok::<(), go_trace_format::write::WriteError>(())
/// ```
#[derive(Debug)]
#[must_use = "the trace is cut inside the generation unless it is finished"]
pub struct GenerationWriter<'w, W> {
    writer: &'w mut Writer<W>,
    number: u64,
    sync: SyncBatch,
    tables: TableWriter,
    samples: Table,
    /// In the order of their first events, which is the order in which the rest of them is written.
    threads: Vec<ThreadStream>,
    thread_index: HashMap<ThreadId, usize, RandomState>,
}

/// The batch that a thread is filling.
#[derive(Debug)]
struct ThreadStream {
    thread: ThreadId,
    body: Body,
    begin: u64,
    last: u64,
}

/// The thread of batches that belong to none.
const NO_THREAD: ThreadId = ThreadId(-1);

impl<'w, W: io::Write> GenerationWriter<'w, W> {
    pub(super) fn new(writer: &'w mut Writer<W>, number: u64, sync: SyncBatch) -> Result<Self, WriteError> {
        let last = writer.last_generation;
        let follows = writer.version().has_end_of_generation()
            || last.is_none_or(|last| last.checked_add(1) == Some(number));
        if number == 0 || !follows {
            return Err(WriteError::WrongGeneration { generation: number, last });
        }
        let format = writer.format();
        let body = sync.body(format)?;
        if writer.version().has_sync_batch() {
            writer.batch(number, NO_THREAD, sync.time, body.as_bytes())?;
        }
        writer.last_generation = Some(number);
        Ok(Self {
            writer,
            number,
            sync,
            tables: TableWriter::new(format),
            samples: Table::new(EventType::CpuSamples, format),
            threads: Vec::new(),
            thread_index: HashMap::default(),
        })
    }

    /// The id of a string, which may be any bytes. The empty string has id 0.
    ///
    /// # Errors
    ///
    /// [`WriteError::StringTooLong`] over 1,024 bytes.
    pub fn string(&mut self, text: &[u8]) -> Result<StringId, WriteError> {
        self.tables.string(text)
    }

    /// The id of a stack, innermost frame first. The empty stack has id 0.
    ///
    /// # Errors
    ///
    /// [`WriteError::StackTooDeep`] over 128 frames, [`WriteError::StringTooLong`] for a name over 1,024 bytes,
    /// [`WriteError::ConflictingFrame`] where a frame differs from an earlier one with its program counter.
    pub fn stack<'f>(&mut self, frames: impl IntoIterator<Item = Frame<'f>>) -> Result<StackId, WriteError> {
        self.tables.stack(frames)
    }

    /// Appends an event to its thread's stream.
    ///
    /// `time` is in clock units, and `arguments` are those of the event's [spec](EventType::spec) after the time
    /// delta. Where events are left out, the time between their neighbours stays right by itself.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownEvent`], [`WriteError::NotAnEvent`] and [`WriteError::WrongArguments`] where the event
    /// cannot be, [`WriteError::UnknownId`] where it names a string or stack that was not added before,
    /// [`WriteError::TimeGoesBack`] where its thread has got further already, [`WriteError::Io`].
    pub fn event(
        &mut self,
        thread: ThreadId,
        time: u64,
        event_type: EventType,
        arguments: &[u64],
    ) -> Result<(), WriteError> {
        let spec = event_type.spec();
        self.check(spec, arguments)?;
        let index = self.stream(thread, time)?;
        let stream = &mut self.threads[index];
        let mut all = [0; MAX_ARGUMENTS + 1];
        all[1..spec.arguments.len()].copy_from_slice(arguments);
        let all = &mut all[..spec.arguments.len()];
        if !stream.body.is_empty() {
            all[0] = time - stream.last;
            match stream.body.push(&RawRecord::Plain { event_type, arguments: all }) {
                Err(WriteError::BatchTooLarge { .. }) => stream.flush(self.writer, self.number)?,
                done => {
                    stream.last = time;
                    return done;
                }
            }
        }
        all[0] = 0;
        stream.body.push(&RawRecord::Plain { event_type, arguments: all })?;
        (stream.begin, stream.last) = (time, time);
        Ok(())
    }

    /// Adds a sample of the CPU profile, taken at `time`, in clock units.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownId`] for a stack that was not added before.
    pub fn cpu_sample(
        &mut self,
        time: u64,
        thread: ThreadId,
        proc: Option<ProcId>,
        goroutine: Option<GoroutineId>,
        stack: StackId,
    ) -> Result<(), WriteError> {
        let event_type = EventType::CpuSample;
        if !self.tables.holds_stack(stack.0) {
            return Err(WriteError::UnknownId { event_type, argument: "stack", id: stack.0 });
        }
        let proc = proc.map_or(-1, |proc| proc.0) as u64;
        let goroutine = goroutine.map_or(0, |goroutine| goroutine.0) as u64;
        let arguments = &[time, thread.0 as u64, proc, goroutine, stack.0];
        self.samples.push(&RawRecord::Plain { event_type, arguments })
    }

    /// Writes a batch in an experiment's own format.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::experimental_batch`].
    pub fn experimental_batch(
        &mut self,
        experiment: Experiment,
        thread: ThreadId,
        time: u64,
        body: &[u8],
    ) -> Result<(), WriteError> {
        self.writer.experimental_batch(experiment, self.number, thread, time, body)
    }

    /// Writes what is left: the threads' last batches, the CPU samples, the tables and the generation's end.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn finish(mut self) -> Result<(), WriteError> {
        for stream in &mut self.threads {
            stream.flush(self.writer, self.number)?;
        }
        if !self.writer.version().has_sync_batch() {
            let body = self.sync.body(self.writer.format())?;
            self.writer.batch(self.number, NO_THREAD, self.sync.time, body.as_bytes())?;
        }
        let end = self.threads.iter().map(|stream| stream.last).fold(self.sync.time, u64::max);
        for table in [&self.samples, &self.tables.stacks, &self.tables.strings] {
            for body in &table.bodies {
                self.writer.batch(self.number, NO_THREAD, end, body.as_bytes())?;
            }
        }
        if self.writer.version().has_end_of_generation() {
            self.writer.end_of_generation()?;
        }
        Ok(())
    }

    /// The stream of a thread, which an event at `time` may go to.
    fn stream(&mut self, thread: ThreadId, time: u64) -> Result<usize, WriteError> {
        let index = *self.thread_index.entry(thread).or_insert_with(|| {
            let body = Body::with_format(self.writer.format());
            self.threads.push(ThreadStream { thread, body, begin: time, last: time });
            self.threads.len() - 1
        });
        let last = self.threads[index].last;
        if time < last { Err(WriteError::TimeGoesBack { thread, last, time }) } else { Ok(index) }
    }

    fn check(&self, spec: &EventSpec, arguments: &[u64]) -> Result<(), WriteError> {
        let event_type = spec.event_type;
        self.writer.format().byte(event_type)?;
        // A clock snapshot has a time, but belongs into the sync batch.
        if !spec.timed || event_type == EventType::ClockSnapshot {
            return Err(WriteError::NotAnEvent { event_type });
        }
        let (expected, found) = (spec.arguments.len() - 1, arguments.len());
        if expected != found {
            return Err(WriteError::WrongArguments { event_type, expected, found });
        }
        for (argument, &id) in spec.arguments[1..].iter().zip(arguments) {
            let known = match argument.kind {
                ArgumentKind::String => self.tables.holds_string(id),
                ArgumentKind::Stack | ArgumentKind::OtherStack => self.tables.holds_stack(id),
                ArgumentKind::TimeDelta | ArgumentKind::Value => true,
            };
            if !known {
                return Err(WriteError::UnknownId { event_type, argument: argument.name, id });
            }
        }
        Ok(())
    }
}

impl ThreadStream {
    fn flush<W: io::Write>(&mut self, writer: &mut Writer<W>, generation: u64) -> Result<(), WriteError> {
        writer.batch(generation, self.thread, self.begin, self.body.as_bytes())?;
        self.body.clear();
        Ok(())
    }
}
