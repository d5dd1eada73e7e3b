//! Copying from a generation that was read into one that is written: what filters and cutters of traces are made of.

use std::{borrow::Cow, collections::HashMap, io};

use foldhash::fast::RandomState;

use crate::{
    generation::Generation,
    id::{GoroutineId, ProcId, StackId, StringId, ThreadId},
    spec::{ArgumentKind, EventType, MAX_ARGUMENTS},
    tables::{CpuSamples, Frame, Time, table_damage},
    wire::{Batch, BatchKind},
    write::{
        GenerationWriter, Slice, SyncBatch, WriteError, Writer,
        slice::{Opening, taken},
    },
};

/// Copies the [batches](crate::Generation::batches) of one generation, event by event.
///
/// `keeps` says which [events](CopiedEvent) stay, by type, thread, time, place or arguments, and `rewrite` what becomes of
/// their [texts](CopiedText), such as sanitizing them; it is asked about the functions and files of stacks too. Strings and stacks that no event names any more stay behind; those that
/// do get new ids. Where events are left out, the times of the others stay as they were, in clock units: where such a unit is no
/// whole number of nanoseconds, as on Windows, readers round from event to event, and the copy's times may differ by up to a
/// nanosecond per event of a batch.
///
/// ```
/// use go_trace_format::{
///     Category, ReaderOptions,
///     write::{CopiedEvent, Copier, Writer},
/// };
///
/// // A trace without what the program says: tasks, regions, logs and labels.
/// let trace = std::fs::read("examples/tasks.trace")?;
/// let generations = ReaderOptions::new().generations(&trace)?;
/// let mut filtered = Writer::new(Vec::new(), generations.version(), generations.dialect())?;
/// for generation in generations {
///     let keeps = |event: &CopiedEvent<'_>| event.event_type.spec().category != Category::Custom;
///     Copier::new(&generation?, keeps, |text| text.text.into()).copy_to(&mut filtered)?;
/// }
/// assert!(filtered.into_inner().len() < trace.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Copier<'t, K, R> {
    generation: &'t Generation<'t>,
    keeps: K,
    rewrite: R,
    /// New ids by old ones. What a text becomes may depend on its kind, and of a message on its category.
    strings: HashMap<(TextKind, Option<u64>, u64), StringId, RandomState>,
    stacks: HashMap<u64, StackId, RandomState>,
    /// The function and the file of each program counter, as they became.
    frames: HashMap<u64, [Box<[u8]>; 2], RandomState>,
    slice: Option<&'t Slice>,
    /// The proc that each thread holds, where what is copied does not begin with the generation.
    held: HashMap<ThreadId, u64, RandomState>,
}

impl<'t, K, R> Copier<'t, K, R>
where
    K: FnMut(&CopiedEvent<'_>) -> bool,
    R: for<'s> FnMut(&CopiedText<'s>) -> Cow<'s, [u8]>,
{
    /// A copier of `generation`.
    pub fn new(generation: &'t Generation<'t>, keeps: K, rewrite: R) -> Self {
        let (strings, stacks, frames, held) = Default::default();
        Self { generation, keeps, rewrite, strings, stacks, frames, slice: None, held }
    }

    /// Copies what a [`Window`](crate::write::Window) holds of the generation, and nothing else is asked about. Only
    /// [`copy_to`](Self::copy_to) says how it stands where the slice begins.
    ///
    /// Batches of experiments are copied whatever the slice is.
    #[must_use]
    pub fn within(self, slice: &'t Slice) -> Self {
        let held = slice.opening.as_ref().map(Opening::held).unwrap_or_default();
        Self { slice: Some(slice), held, ..self }
    }

    /// Copies the generation, with its number and its clock, whole or [within](Self::within) a slice.
    ///
    /// # Errors
    ///
    /// As [`Writer::generation`] and [`batch`](Self::batch): what is before the error has been copied. And
    /// [`WriteError::NoGenerations`] for a trace of Go 1.5 to 1.21, also where it stands behind a newer one.
    pub fn copy_to<W: io::Write>(&mut self, writer: &mut Writer<W>) -> Result<(), WriteError> {
        let generation = self.generation;
        if generation.version().is_v1() {
            return Err(WriteError::NoGenerations { version: generation.version() });
        }
        // The copy begins when the generation did, whatever is left out.
        let sync = SyncBatch::of(generation.clock(), generation.start_units());
        let mut copy = writer.generation(generation.number(), sync)?;
        if let Some(opening) = self.opening() {
            self.open(opening, &mut copy)?;
        }
        for batch in generation.batches() {
            self.batch(&batch, &mut copy)?;
        }
        copy.finish()
    }

    fn opening(&self) -> Option<&'t Opening> {
        self.slice?.opening.as_ref()
    }

    fn open<W: io::Write>(
        &mut self,
        opening: &Opening,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<(), WriteError> {
        for (thread, event_type, arguments) in opening.events() {
            let arguments = &arguments[..event_type.spec().arguments.len() - 1];
            let new = self.arguments(event_type, arguments, generation)?;
            generation.event(thread, opening.time, event_type, &new[..arguments.len()])?;
        }
        Ok(())
    }

    /// Copies a batch. Those of the tables, and the sync batch, are passed over: `generation` makes its own.
    ///
    /// CPU samples are events of type [`EventType::CpuSample`], and the batches of experiments are of type
    /// [`EventType::ExperimentalBatch`].
    ///
    /// # Errors
    ///
    /// [`WriteError::Read`] where the batch is damaged, after what stands before the damage has been copied; and
    /// those of [`GenerationWriter::event`], such as [`WriteError::UnknownEvent`] for an event of the fork in a
    /// stock trace.
    pub fn batch<W: io::Write>(
        &mut self,
        batch: &Batch<'_>,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<(), WriteError> {
        match batch.kind(self.generation.version(), self.generation.dialect()) {
            BatchKind::Events => self.events(batch, generation),
            BatchKind::CpuSamples => self.samples(batch, generation),
            BatchKind::Experimental(experiment) => {
                let asked = CopiedEvent {
                    event_type: EventType::ExperimentalBatch,
                    thread: batch.thread,
                    time: self.generation.clock().time(batch.time),
                    offset: batch.offset,
                    arguments: &[experiment.0.into()],
                };
                match (self.keeps)(&asked) {
                    true => generation.experimental_batch(experiment, batch.thread, batch.time, batch.data),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn events<W: io::Write>(
        &mut self,
        batch: &Batch<'_>,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<(), WriteError> {
        let mut time = batch.time;
        for event in batch.events(self.generation.dialect()) {
            let event = event.map_err(WriteError::Read)?;
            // What is left out took its time too.
            time = time.wrapping_add(event.time_delta);
            if self.slice.is_some_and(|slice| !slice.holds(batch.thread, event.offset)) {
                continue;
            }
            if let Some(proc) = taken(event.event_type, event.arguments()) {
                self.held.insert(batch.thread, proc);
            }
            let asked = CopiedEvent {
                event_type: event.event_type,
                thread: batch.thread,
                time: self.generation.clock().time(time),
                offset: event.offset,
                arguments: event.arguments(),
            };
            if (self.keeps)(&asked) {
                let mut arguments = self.arguments(event.event_type, event.arguments(), generation)?;
                if let Some(opening) = self.opening() {
                    let held = self.held.get(&batch.thread).copied();
                    opening.renumber(event.event_type, event.offset, &mut arguments, held);
                }
                let arguments = &arguments[..event.arguments().len()];
                generation.event(batch.thread, time, event.event_type, arguments)?;
            }
        }
        Ok(())
    }

    fn arguments<W: io::Write>(
        &mut self,
        event_type: EventType,
        arguments: &[u64],
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<[u64; MAX_ARGUMENTS], WriteError> {
        let mut all = [0; MAX_ARGUMENTS];
        let (mut before, mut place) = (None, 0);
        let old = event_type.spec().arguments[1..].iter().zip(arguments);
        for (new, (argument, &value)) in all.iter_mut().zip(old) {
            *new = match argument.kind {
                ArgumentKind::String => {
                    let kind = TextKind::of(event_type, place);
                    place += 1;
                    self.string(kind, before.replace(value), value, generation)?.0
                }
                ArgumentKind::Stack | ArgumentKind::OtherStack => self.stack(value, generation)?.0,
                ArgumentKind::Value | ArgumentKind::TimeDelta => value,
            };
        }
        Ok(all)
    }

    fn string<W: io::Write>(
        &mut self,
        kind: TextKind,
        before: Option<u64>,
        id: u64,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<StringId, WriteError> {
        let category = before.filter(|_| kind == TextKind::LogMessage);
        if let Some(&known) = self.strings.get(&(kind, category, id)) {
            return Ok(known);
        }
        let text = |id| self.generation.tables().string(StringId(id)).as_bytes();
        let category_text = category.map(text);
        let asked = CopiedText { kind, category: category_text, function: None, text: text(id) };
        let text = (self.rewrite)(&asked);
        let new = generation.string(&text)?;
        self.strings.insert((kind, category, id), new);
        Ok(new)
    }

    fn stack<W: io::Write>(
        &mut self,
        id: u64,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<StackId, WriteError> {
        if let Some(&known) = self.stacks.get(&id) {
            return Ok(known);
        }
        let stack = self.generation.tables().stack(StackId(id));
        let frames = || stack.iter().flat_map(|stack| stack.frames());
        for frame in frames() {
            self.frames.entry(frame.pc).or_insert_with(|| rewritten(&mut self.rewrite, &frame));
        }
        let new = generation.stack(frames().map(|frame| match self.frames.get(&frame.pc) {
            Some([function, file]) => Frame::new(frame.pc, function, file, frame.line),
            None => frame,
        }))?;
        self.stacks.insert(id, new);
        Ok(new)
    }

    fn samples<W: io::Write>(
        &mut self,
        batch: &Batch<'_>,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<(), WriteError> {
        let mut samples = CpuSamples::default();
        let read = samples.add(batch.data, 0);
        for sample in (0..).map_while(|index| samples.get(index)) {
            let offset = batch.data_offset + sample.start as u64;
            if self.slice.is_some_and(|slice| !slice.holds_sample(offset)) {
                continue;
            }
            // In clock units, as long as the samples are not sealed.
            let (thread, time) = (ThreadId(sample.thread), sample.time.0 as u64);
            let asked = CopiedEvent {
                event_type: EventType::CpuSample,
                thread,
                time: self.generation.clock().time(time),
                offset,
                arguments: &[sample.stack],
            };
            if !(self.keeps)(&asked) {
                continue;
            }
            let stack = self.stack(sample.stack, generation)?;
            let (proc, goroutine) = (ProcId(sample.proc), GoroutineId(sample.goroutine));
            generation.cpu_sample(
                time,
                thread,
                Some(proc).filter(|proc| proc.0 != NONE),
                Some(goroutine).filter(|goroutine| goroutine.0 != NONE),
                stack,
            )?;
        }
        read.map_err(|unread| {
            let damage = table_damage(batch.data_offset, batch.data, unread, EventType::CpuSample);
            WriteError::Read(damage.error)
        })
    }
}

/// A frame's function and file, as `rewrite` gives them.
fn rewritten<R>(rewrite: &mut R, frame: &Frame<'_>) -> [Box<[u8]>; 2]
where
    R: for<'s> FnMut(&CopiedText<'s>) -> Cow<'s, [u8]>,
{
    let function = frame.function.as_bytes();
    let asked = CopiedText { kind: TextKind::Function, category: None, function: None, text: function };
    let file =
        CopiedText { kind: TextKind::File, function: Some(function), text: frame.file.as_bytes(), ..asked };
    [rewrite(&asked), rewrite(&file)].map(|text| text.into_owned().into_boxed_slice())
}

const NONE: i64 = -1;

/// An event that a [`Copier`] asks about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CopiedEvent<'e> {
    /// Which event.
    pub event_type: EventType,
    /// The thread that it happened on.
    pub thread: ThreadId,
    /// When it did: its [raw time](crate::Event::raw_time), but for what readers round where a clock unit is no whole number of
    /// nanoseconds.
    pub time: Time,
    /// Where it begins in the trace: its [offset](crate::Event::offset), by which a reader's event is known again, with its
    /// goroutine.
    pub offset: u64,
    /// Its arguments after the time delta, in the order of its [`spec`](EventType::spec); of a CPU sample the stack, of a batch of an
    /// [experiment](crate::spec::Experiment) which one.
    pub arguments: &'e [u64],
}

/// A text that a [`Copier`] asks about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CopiedText<'s> {
    /// What it is.
    pub kind: TextKind,
    /// The category of the log, where it is a log's message.
    pub category: Option<&'s [u8]>,
    /// The function of the frame, as it was read, where it is a file's path.
    pub function: Option<&'s [u8]>,
    /// The text.
    pub text: &'s [u8],
}

/// What a text of an event or a stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextKind {
    /// Why a goroutine stopped or the world was, of the runtime's few.
    Reason,
    /// A goroutine's label.
    Label,
    /// The name of a task.
    TaskName,
    /// The name of a region.
    RegionName,
    /// The category of a log.
    LogCategory,
    /// The message of a log.
    LogMessage,
    /// The path of an HTTP server's request (fork).
    Path,
    /// The URL of an HTTP client's request (fork).
    Url,
    /// How an HTTP client's request failed (fork).
    ErrorMessage,
    /// The query that is sent to a database (fork).
    Query,
    /// The name of the server that TLS is spoken with (fork).
    ServerName,
    /// The host whose address is looked up (fork).
    Host,
    /// The address that is connected to (fork).
    Address,
    /// A function of a stack, with its package.
    Function,
    /// The source file of a function of a stack.
    File,
    /// A text that is none of these.
    Other,
}

impl TextKind {
    /// What the `place`-th text of an event is, from 0: only a log has two.
    #[must_use]
    pub const fn of(event_type: EventType, place: usize) -> Self {
        use EventType as E;
        match event_type {
            E::GoLabel => Self::Label,
            E::UserTaskBegin => Self::TaskName,
            E::UserRegionBegin | E::UserRegionEnd => Self::RegionName,
            E::UserLog if place == 0 => Self::LogCategory,
            E::UserLog => Self::LogMessage,
            E::HttpServerRequestStart => Self::Path,
            E::HttpClientRequestStart => Self::Url,
            E::HttpClientError => Self::ErrorMessage,
            E::SqlQueryStart => Self::Query,
            E::TlsHandshakeStart => Self::ServerName,
            E::DnsLookupStart => Self::Host,
            E::ConnectStart => Self::Address,
            E::GoStop | E::GoBlock | E::StwBegin => Self::Reason,
            _ => Self::Other,
        }
    }
}
