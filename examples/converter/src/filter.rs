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
    Category, Clock, Dialect, Event, EventType, Generation, ReaderOptions, Version,
    spec::{Experiment, MAX_STRING_SIZE},
    wire::{Batch, BatchKind, Batches},
    write::{Copier, GenerationWriter, SyncBatch, WriteError, Writer},
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
    let mut survey = Survey::default();
    trace.for_each_event(|event| {
        survey.take(event);
        Ok(())
    })?;
    trace.report_losses();
    let mut plan = Plan::new(arguments, trace.reader.dialect(), &survey);
    if !arguments.keep.contains(plan.keep) {
        report::warning(&name, "core is kept too: no tool of Go reads a stock trace without it");
    }
    let mut left_out = LeftOut::default();
    let bytes = mended(&bytes, plan.from, survey.events, &mut left_out).with_context(|| name.clone())?;
    plan.is_damaged = matches!(bytes, Cow::Owned(_));
    let mut destination = Destination::create(&arguments.out)?;
    let outcome = plan.write(&bytes, &mut destination, &mut left_out);
    left_out.report(&name);
    outcome.with_context(|| format!("writing what is kept of {name}"))?;
    destination.finish()
}

/// What the whole trace is like.
#[derive(Default)]
struct Survey {
    events: u64,
    has_generation: bool,
    /// Whether the generation tells who ran where: a recorder of the fork may have left that out.
    is_scheduled: bool,
    is_unscheduled_before: bool,
}

impl Survey {
    fn take(&mut self, event: &Event<'_>) {
        if event.event_type() != EventType::Sync {
            self.events += 1;
            self.is_scheduled |= event.category() == Category::Core && !is_status(event.event_type());
            return;
        }
        self.is_unscheduled_before |= self.has_generation && !self.is_scheduled;
        (self.has_generation, self.is_scheduled) = (true, false);
    }

    /// Whether all generations were scheduled.
    fn is_scheduled(&self) -> bool {
        !self.is_unscheduled_before
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
    is_damaged: bool,
}

impl Plan {
    fn new(arguments: &FilterArguments, from: Dialect, survey: &Survey) -> Self {
        let keep = arguments.keep;
        let is_stock = !keep.intersects(OF_FORK) && keep.contains(Filter::CORE) && survey.is_scheduled();
        let to = if is_stock { Dialect::Stock } else { from };
        let keep = if to == Dialect::Stock { keep | Filter::CORE } else { keep };
        let sql = SqlSanitizer::new(arguments.sql_dialect);
        Self { from, to, keep, sanitizer: Sanitizer::new().with_sql(sql), is_damaged: false }
    }

    fn keeps(&self, event_type: EventType) -> bool {
        let category = Filter::from_bits_truncate(event_type.spec().category.bit());
        self.keep.contains(category) || is_status(event_type)
    }

    fn write(&self, trace: &[u8], output: impl Write, left_out: &mut LeftOut) -> anyhow::Result<()> {
        let generations = ReaderOptions::new().dialect(self.from).generations(trace)?;
        let version = generations.version();
        let mut batches = self.batches(trace, left_out)?;
        let mut writer = Writer::new(BufWriter::with_capacity(256 << 10, output), version, self.to)?;
        let mut last = None;
        for generation in generations {
            let generation = generation?;
            let Some(batches) = batches.remove(&generation.number()) else {
                left_out.add(format_args!("generation {}, which comes again", generation.number()));
                continue;
            };
            let (number, clock, begin) = self.beginning(&generation, &batches, last, version);
            let next = match writer.generation(number, SyncBatch::of(&clock, begin)) {
                Ok(next) => next,
                Err(WriteError::Io(error)) => return Err(error.into()),
                Err(error) => {
                    left_out.add(format_args!("generation {}: {error}", generation.number()));
                    continue;
                }
            };
            self.copy(&generation, &batches, version, next, left_out)?;
            if number != generation.number() {
                left_out.add(format_args!(
                    "the number of generation {}, which is now {number}: {version} knows no gaps",
                    generation.number()
                ));
            }
            last = Some((number, clock));
        }
        Ok(writer.into_inner().flush()?)
    }

    /// The batches of each generation, in the order of the file.
    fn batches<'t>(
        &self,
        trace: &'t [u8],
        left_out: &mut LeftOut,
    ) -> anyhow::Result<HashMap<u64, Vec<Batch<'t>>>> {
        let mut generations: HashMap<_, Vec<_>> = HashMap::new();
        for batch in Batches::new(trace)?.with_dialect(self.from) {
            match batch {
                Ok(batch) => generations.entry(batch.generation).or_default().push(batch),
                Err(error) => {
                    left_out.add(format_args!("what follows damage that cannot be passed: {error}"));
                }
            }
        }
        Ok(generations)
    }

    /// The number, the clock and the earliest time of a generation behind the last that was written.
    fn beginning(
        &self,
        generation: &Generation<'_>,
        batches: &[Batch<'_>],
        last: Option<(u64, Clock)>,
        version: Version,
    ) -> (u64, Clock, u64) {
        let number = match last {
            // Generations must follow on each other, and one between them may be lost.
            Some((last, _)) if !version.has_end_of_generation() => last.wrapping_add(1),
            _ => generation.number(),
        };
        let is_sync = |batch: &Batch<'_>| batch.kind(version, self.from) == BatchKind::Sync;
        let has_snapshot = batches.iter().any(is_sync) && generation.clock().snapshot().is_some();
        match last {
            // It has lost its clock, and the one before was earlier than all of it. 0 counts as no time.
            Some((_, clock)) if version.has_sync_batch() && !has_snapshot => (number, clock, 0),
            _ => {
                let begin = batches.iter().map(|batch| batch.time).min().unwrap_or_default();
                (number, *generation.clock(), begin)
            }
        }
    }

    /// Writes a generation, and tells what of it cannot be written.
    fn copy(
        &self,
        generation: &Generation<'_>,
        batches: &[Batch<'_>],
        version: Version,
        mut to: GenerationWriter<'_, impl Write>,
        left_out: &mut LeftOut,
    ) -> Result<(), WriteError> {
        let keeps = |event_type| self.keeps(event_type);
        let mut copier = Copier::new(generation.tables(), version, self.from, keeps, |event_type, text| {
            clipped(texts::sanitized(&self.sanitizer, event_type, text))
        });
        for batch in batches {
            let outcome = match batch.kind(version, self.from) {
                // Nobody knows what else an experiment's own format may hold, or a batch of a wrong size.
                BatchKind::Experimental(experiment)
                    if self.is_damaged || experiment != Experiment::ALLOC_FREE =>
                {
                    left_out.add(format_args!("a batch of experiment {}", experiment.0));
                    Ok(())
                }
                _ => copier.batch(batch, &mut to),
            };
            match outcome {
                // What cannot be read has been told.
                Ok(()) | Err(WriteError::Read(_)) => {}
                Err(error @ WriteError::Io(_)) => return Err(error),
                Err(error) => left_out
                    .add(format_args!("the rest of a batch of generation {}: {error}", generation.number())),
            }
        }
        to.finish()
    }
}

/// The trace without damage. `events` is how many events were read of it.
fn mended<'t>(
    trace: &'t [u8],
    dialect: Dialect,
    events: u64,
    left_out: &mut LeftOut,
) -> anyhow::Result<Cow<'t, [u8]>> {
    let mended = mend::mended(trace, dialect)?;
    if let Cow::Owned(mended) = &mended {
        let mut reader = ReaderOptions::new().dialect(dialect).read_slice(mended)?;
        let mut survey = Survey::default();
        while let Some(event) = reader.next_event()? {
            survey.take(&event);
        }
        let lost = events.saturating_sub(survey.events);
        if lost > 0 {
            left_out.add(format_args!("{lost} events behind damage"));
        }
    }
    Ok(mended)
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
