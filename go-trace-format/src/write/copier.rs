//! Copying from a generation that was read into one that is written: what filters and cutters of traces are made of.

use std::{borrow::Cow, collections::HashMap, io};

use foldhash::fast::RandomState;

use crate::{
    error::Error,
    id::{GoroutineId, ProcId, StackId, StringId, ThreadId},
    spec::{ArgumentKind, Dialect, EventType, MAX_ARGUMENTS, Version},
    tables::{CpuSamples, Tables, table_error},
    wire::{Batch, BatchKind, RawEvent},
    write::{GenerationWriter, WriteError},
};

/// Copies the [batches](crate::Generation::batches) of one generation, event by event.
///
/// `keeps` says which events stay, and `rewrite` what becomes of their texts, such as sanitizing them: it is given the
/// type of the event, the text before this one in the same event, which is a log's category where this one is its
/// message, and the text. Strings and stacks that no event names any more stay behind; those that do get new ids. Where
/// events are left out, the times of the others stay as they were.
///
/// ```
/// use go_trace_format::{
///     Category, EventType, ReaderOptions,
///     write::{Copier, SyncBatch, Writer},
/// };
///
/// // A trace without what the program says: tasks, regions, logs and labels.
/// let trace = std::fs::read("../testdata/go1.26/tasks.trace")?;
/// let generations = ReaderOptions::new().generations(&trace)?;
/// let (version, dialect) = (generations.version(), generations.dialect());
/// let mut filtered = Writer::new(Vec::new(), version, dialect)?;
/// for generation in generations {
///     let generation = generation?;
///     let begin = generation.batches().map(|batch| batch.time).min().unwrap_or_default();
///     let mut copy = filtered.generation(generation.number(), SyncBatch::of(generation.clock(), begin))?;
///     let keeps = |event_type: EventType| event_type.spec().category != Category::Custom;
///     let mut copier = Copier::new(generation.tables(), version, dialect, keeps, |_, _, text| text.into());
///     for batch in generation.batches() {
///         copier.batch(&batch, &mut copy)?;
///     }
///     copy.finish()?;
/// }
/// assert!(filtered.into_inner().len() < trace.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Copier<'t, K, R> {
    tables: &'t Tables<'t>,
    version: Version,
    dialect: Dialect,
    keeps: K,
    rewrite: R,
    /// New ids by old ones. What a text becomes may depend on the event that it is of, and on the text before it.
    strings: HashMap<(EventType, Option<u64>, u64), StringId, RandomState>,
    stacks: HashMap<u64, StackId, RandomState>,
}

impl<'t, K, R> Copier<'t, K, R>
where
    K: FnMut(EventType) -> bool,
    R: for<'s> FnMut(EventType, Option<&[u8]>, &'s [u8]) -> Cow<'s, [u8]>,
{
    /// A copier of batches of the generation that `tables` are of, from a trace of this version and dialect.
    pub fn new(tables: &'t Tables<'t>, version: Version, dialect: Dialect, keeps: K, rewrite: R) -> Self {
        let (strings, stacks) = Default::default();
        Self { tables, version, dialect, keeps, rewrite, strings, stacks }
    }

    /// Copies a batch. Those of the tables, and the sync batch, are passed over: `generation` makes its own.
    ///
    /// CPU samples stay if `keeps` wants [`EventType::CpuSample`], and the batches of experiments if it wants
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
        match batch.kind(self.version, self.dialect) {
            BatchKind::Events => self.events(batch, generation),
            BatchKind::CpuSamples if (self.keeps)(EventType::CpuSample) => self.samples(batch, generation),
            BatchKind::Experimental(experiment) if (self.keeps)(EventType::ExperimentalBatch) => {
                generation.experimental_batch(experiment, batch.thread, batch.time, batch.data)
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
        for event in batch.events(self.dialect) {
            let event = event.map_err(WriteError::Read)?;
            // What is left out took its time too.
            time = time.wrapping_add(event.time_delta);
            if (self.keeps)(event.event_type) {
                let arguments = self.arguments(&event, generation)?;
                let arguments = &arguments[..event.arguments().len()];
                generation.event(batch.thread, time, event.event_type, arguments)?;
            }
        }
        Ok(())
    }

    fn arguments<W: io::Write>(
        &mut self,
        event: &RawEvent,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<[u64; MAX_ARGUMENTS], WriteError> {
        let mut arguments = [0; MAX_ARGUMENTS];
        let mut before = None;
        let old = event.event_type.spec().arguments[1..].iter().zip(event.arguments());
        for (new, (argument, &value)) in arguments.iter_mut().zip(old) {
            *new = match argument.kind {
                ArgumentKind::String => {
                    self.string(event.event_type, before.replace(value), value, generation)?.0
                }
                ArgumentKind::Stack | ArgumentKind::OtherStack => self.stack(value, generation)?.0,
                ArgumentKind::Value | ArgumentKind::TimeDelta => value,
            };
        }
        Ok(arguments)
    }

    fn string<W: io::Write>(
        &mut self,
        event_type: EventType,
        before: Option<u64>,
        id: u64,
        generation: &mut GenerationWriter<'_, W>,
    ) -> Result<StringId, WriteError> {
        if let Some(&known) = self.strings.get(&(event_type, before, id)) {
            return Ok(known);
        }
        let text = |id| self.tables.string(StringId(id)).as_bytes();
        let text = (self.rewrite)(event_type, before.map(text), text(id));
        let new = generation.string(&text)?;
        self.strings.insert((event_type, before, id), new);
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
        let stack = self.tables.stack(StackId(id));
        let new = generation.stack(stack.iter().flat_map(|stack| stack.frames()))?;
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
            let stack = self.stack(sample.stack, generation)?;
            let (proc, goroutine) = (ProcId(sample.proc), GoroutineId(sample.goroutine));
            generation.cpu_sample(
                // In clock units, as long as the samples are not sealed.
                sample.time.0 as u64,
                ThreadId(sample.thread),
                Some(proc).filter(|proc| proc.0 != NONE),
                Some(goroutine).filter(|goroutine| goroutine.0 != NONE),
                stack,
            )?;
        }
        read.map_err(|parse| {
            let error: Error = table_error(batch.data_offset, batch.data, parse, EventType::CpuSample);
            WriteError::Read(error)
        })
    }
}

const NONE: i64 = -1;
