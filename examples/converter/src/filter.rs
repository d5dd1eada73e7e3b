//! `filter`: a trace with some categories only, and without the secrets of its texts.
//!
//! The trace is read twice. First as the other verbs read it, which tells its losses, and whether it is fit to be a
//! stock trace; then generation by generation, as it is written.

mod mend;

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{BufWriter, Cursor, Read, Write},
    sync::Arc,
};

use anyhow::Context;
use go_trace_format::{
    Category, Dialect, Event, EventType, Generation, ReaderOptions, Version,
    spec::{Experiment, MAX_STRING_SIZE},
    wire::{Batch, BatchKind, Batches},
    write::{Copier, SyncBatch, WriteError, Writer},
};
use sanitize::{Filter, Sanitizer, SqlSanitizer};

use crate::{
    cli::FilterArguments,
    input::Input,
    output::{self, Destination},
    read::Trace,
    report::{self, LeftOut},
    texts,
};

/// The categories that only the fork has.
const OF_FORK: Filter = Filter::HTTP.union(Filter::SQL).union(Filter::TLS).union(Filter::NET);

pub(crate) fn run(arguments: &FilterArguments) -> anyhow::Result<()> {
    output::refuse_terminal(&arguments.out)?;
    output::refuse_to_overwrite(&arguments.out, std::slice::from_ref(&arguments.file))?;
    let mut input = Input::open(&arguments.file, output::progress(&arguments.out))?;
    let name = input.name.clone();
    let mut bytes = Vec::new();
    input.bytes.read_to_end(&mut bytes).with_context(|| name.clone())?;
    let bytes: Arc<[u8]> = bytes.into();
    input.bytes = Box::new(Cursor::new(Arc::clone(&bytes)));

    let mut trace = Trace::open(input, arguments.reading.options())?;
    let mut scheduling = Scheduling::default();
    trace.for_each_event(|event| Ok(scheduling.take(event)))?;
    trace.report_losses();
    let plan = Plan::new(arguments, trace.reader.dialect(), &scheduling);
    if !arguments.keep.contains(plan.keep) {
        report::warning(&name, "core is kept too: no tool reads a stock trace without it");
    }
    let bytes = mend::mended(&bytes, plan.from).with_context(|| name.clone())?;
    let mut destination = Destination::create(&arguments.out)?;
    let left_out = plan.write(&bytes, &mut destination).with_context(|| format!("writing {name} filtered"))?;
    left_out.report(&name);
    destination.finish()
}

/// Whether every generation tells who ran where: a recorder of the fork may have left that out.
#[derive(Default)]
struct Scheduling {
    has_generation: bool,
    is_seen: bool,
    is_missing: bool,
}

impl Scheduling {
    fn take(&mut self, event: &Event<'_>) {
        if event.event_type() != EventType::Sync {
            self.is_seen |= event.category() == Category::Core && !is_status(event.event_type());
            return;
        }
        self.is_missing |= self.has_generation && !self.is_seen;
        (self.has_generation, self.is_seen) = (true, false);
    }

    fn is_whole(&self) -> bool {
        !self.is_missing
    }
}

/// Statuses begin a generation: the fork records them whatever its filter says.
fn is_status(event_type: EventType) -> bool {
    use EventType as E;
    matches!(event_type, E::GoStatus | E::GoStatusStack | E::ProcStatus)
}

/// What is written, and how.
struct Plan {
    from: Dialect,
    to: Dialect,
    keep: Filter,
    sanitizer: Sanitizer,
}

impl Plan {
    fn new(arguments: &FilterArguments, from: Dialect, scheduling: &Scheduling) -> Self {
        let keep = arguments.keep;
        let is_stock = !keep.intersects(OF_FORK) && keep.contains(Filter::CORE) && scheduling.is_whole();
        let to = if is_stock { Dialect::Stock } else { from };
        let keep = if to == Dialect::Stock { keep | Filter::CORE } else { keep };
        let sql = SqlSanitizer::new(arguments.sql_dialect);
        Self { from, to, keep, sanitizer: Sanitizer::new().with_sql(sql) }
    }

    fn keeps(&self, event_type: EventType) -> bool {
        let category = Filter::from_bits_truncate(event_type.spec().category.bit());
        self.keep.contains(category) || is_status(event_type)
    }

    fn write(&self, trace: &[u8], output: impl Write) -> anyhow::Result<LeftOut> {
        let generations = ReaderOptions::new().dialect(self.from).generations(trace)?;
        let version = generations.version();
        let mut batches = self.batches(trace)?;
        let mut writer = Writer::new(BufWriter::with_capacity(256 << 10, output), version, self.to)?;
        let mut left_out = LeftOut::default();
        let mut last = None;
        for generation in generations {
            let generation = generation?;
            let batches = batches.remove(&generation.number()).unwrap_or_default();
            let number = number_after(last, generation.number(), version);
            match self.copy(&generation, &batches, number, &mut writer, &mut left_out) {
                Ok(()) => last = Some(number),
                Err(WriteError::Io(error)) => return Err(error.into()),
                Err(error) => left_out.add(format_args!("generation {}: {error}", generation.number())),
            }
            if last == Some(number) && number != generation.number() {
                left_out.add(format_args!(
                    "the number of generation {}, which is now {number}: {version} knows no gaps",
                    generation.number()
                ));
            }
        }
        writer.into_inner().flush()?;
        Ok(left_out)
    }

    /// The batches of each generation, in the order of the file.
    fn batches<'t>(&self, trace: &'t [u8]) -> anyhow::Result<HashMap<u64, Vec<Batch<'t>>>> {
        let mut generations: HashMap<_, Vec<_>> = HashMap::new();
        for batch in Batches::new(trace)?.with_dialect(self.from) {
            let batch = batch?;
            generations.entry(batch.generation).or_default().push(batch);
        }
        Ok(generations)
    }

    /// When a generation begins, in clock units.
    fn begin(&self, batches: &[Batch<'_>], version: Version) -> u64 {
        let is_sync = |batch: &Batch<'_>| batch.kind(version, self.from) == BatchKind::Sync;
        if version.has_sync_batch() && !batches.iter().any(is_sync) {
            // Its clock is that of the generation before: earlier than itself. 0 counts as no time.
            return 0;
        }
        batches.iter().map(|batch| batch.time).min().unwrap_or_default()
    }

    /// Writes a generation; fails before its first byte, or where the output does.
    fn copy<W: Write>(
        &self,
        generation: &Generation<'_>,
        batches: &[Batch<'_>],
        number: u64,
        writer: &mut Writer<W>,
        left_out: &mut LeftOut,
    ) -> Result<(), WriteError> {
        let (tables, version) = (generation.tables(), writer.version());
        let begin = self.begin(batches, version);
        let mut to = writer.generation(number, SyncBatch::of(tables.clock(), begin))?;
        let keeps = |event_type| self.keeps(event_type);
        let mut copier = Copier::new(tables, version, self.from, keeps, |event_type, text| {
            clipped(texts::sanitized(&self.sanitizer, event_type, text))
        });
        for batch in batches {
            let outcome = match batch.kind(version, self.from) {
                // Nobody knows what else an experiment's own format may hold.
                BatchKind::Experimental(experiment) if experiment != Experiment::ALLOC_FREE => {
                    left_out.add(format_args!("a batch of experiment {} at {}", experiment.0, batch.offset));
                    Ok(())
                }
                _ => copier.batch(batch, &mut to),
            };
            match outcome {
                // What cannot be read has been told.
                Ok(()) | Err(WriteError::Read(_)) => {}
                Err(error @ WriteError::Io(_)) => return Err(error),
                Err(error) => left_out.add(format_args!("the rest of a batch of generation {number}: {error}")),
            }
        }
        to.finish()
    }
}

/// Up to Go 1.25, generations must follow on each other, and one between them may be lost.
fn number_after(last: Option<u64>, number: u64, version: Version) -> u64 {
    match last {
        Some(last) if !version.has_end_of_generation() => last.wrapping_add(1),
        _ => number,
    }
}

/// The most of a text that a trace can hold. What stands for a secret may be longer than it.
fn clipped(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if text.len() <= MAX_STRING_SIZE {
        return text;
    }
    let is_within_character = |&end: &usize| text[end] & 0xc0 == 0x80;
    let end = (0..=MAX_STRING_SIZE).rev().find(|end| !is_within_character(end)).unwrap_or_default();
    text[..end].to_vec().into()
}
