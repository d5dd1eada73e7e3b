//! `filter`: a trace with some categories only, and without the secrets of its texts. Of several traces in one file each keeps its
//! own header.
//!
//! The trace is read twice, one generation in memory at a time. First as the other verbs read it, which tells its
//! losses, and whether it is fit to be a stock trace; then as it is written.

use std::{
    io::{BufWriter, Write},
    mem,
};

use anyhow::{Context, bail};
use go_trace_format::{
    Category, Clock, Continuity, Dialect, Event, EventType, Generation, Losses, Version,
    event::GenerationBegin,
    spec::Experiment,
    wire::{Batch, BatchKind},
    write::{CopiedEvent, CopiedText, Copier, GenerationWriter, SyncBatch, WriteError, Writer},
};
use go_trace_sanitize::{Filter, Sanitizer, SqlOptions};

use crate::{
    cli::FilterArguments,
    input::Rereadable,
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
    let progress = output::progress(&arguments.out);
    let source = Rereadable::open(&arguments.file, progress)?;
    let open = || Trace::open(source.input(progress)?, arguments.reading.opening());

    let mut trace = open()?;
    let mut survey = Survey::new(&trace);
    trace.for_each_event(|event| {
        survey.take(event);
        Ok(())
    })?;
    trace.notes(arguments.reading.details).report(&trace.source.name);
    let plan = Plan::new(arguments, &trace, survey);
    let name = &trace.source.name;
    if let Some(format) = plan.formats.iter().find(|format| format.version.is_v1()) {
        bail!(
            "{name} is of the format before Go 1.22 ({}), which is read and not written: `spans` and `otlp` take it, and sanitize what they give",
            format.version
        );
    }
    if plan.formats.iter().any(|format| !arguments.keep.contains(format.keep)) {
        report::warning(name, "core is kept too: no tool of Go reads a stock trace without it");
    }

    let mut destination = Destination::create(&arguments.out)?;
    let mut left_out = LeftOut::default();
    let outcome = plan.write(&mut open()?, &mut destination, &mut left_out);
    left_out.report(name);
    outcome.with_context(|| format!("writing what is kept of {name}"))?;
    destination.finish()
}

/// What each trace is like.
struct Survey {
    earlier: Vec<Surveyed>,
    last: Surveyed,
}

/// What a whole trace is like.
struct Surveyed {
    version: Version,
    dialect: Dialect,
    has_generation: bool,
    /// Whether the generation tells who ran where: a recorder of the fork may have left that out.
    is_scheduled: bool,
    is_unscheduled_before: bool,
}

impl Survey {
    fn new(trace: &Trace) -> Self {
        let last = Surveyed::new(trace.reader.version(), trace.reader.dialect());
        Self { earlier: Vec::new(), last }
    }

    fn take(&mut self, event: &Event<'_>) {
        let is_trace = self.last.has_generation;
        self.last.take(event);
        if event.generation_begun().is_some_and(needs_header) {
            let mut begun = Surveyed::new(event.tables().version(), event.tables().dialect());
            begun.take(event);
            let last = mem::replace(&mut self.last, begun);
            self.earlier.extend(is_trace.then_some(last));
        }
    }
}

impl Surveyed {
    fn new(version: Version, dialect: Dialect) -> Self {
        Self { version, dialect, has_generation: false, is_scheduled: false, is_unscheduled_before: false }
    }

    fn take(&mut self, event: &Event<'_>) {
        if event.event_type() != EventType::Sync {
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

/// Whether a generation cannot be written behind the one before: it is of another trace, and does not go on with that.
fn needs_header(begun: GenerationBegin) -> bool {
    begun.is_first_of_trace && begun.continuity != Continuity::Next
}

/// Statuses begin a generation: the fork records them whatever its filter says.
fn is_status(event_type: EventType) -> bool {
    use EventType as E;
    matches!(event_type, E::GoStatus | E::GoStatusStack | E::ProcStatus)
}

/// What is written, and how.
struct Plan {
    /// Of each trace.
    formats: Vec<Format>,
    sanitizer: Sanitizer,
    is_anonymous: bool,
    is_damaged: bool,
}

/// What is written of a trace, and how.
struct Format {
    version: Version,
    from: Dialect,
    to: Dialect,
    keep: Filter,
}

impl Plan {
    fn new(arguments: &FilterArguments, trace: &Trace, survey: Survey) -> Self {
        let traces = survey.earlier.iter().chain([&survey.last]);
        let formats = traces.map(|trace| Format::new(arguments.keep, trace)).collect();
        let sanitizer = Sanitizer::new().with_sql(SqlOptions::new(arguments.sql_dialect));
        let is_damaged = is_damaged(trace.reader.losses());
        Self { formats, sanitizer, is_anonymous: arguments.anonymize, is_damaged }
    }

    fn write(&self, trace: &mut Trace, output: impl Write, left_out: &mut LeftOut) -> anyhow::Result<()> {
        let mut formats = self.formats.iter();
        let Some(mut format) = formats.next() else { return Ok(()) };
        let output = BufWriter::with_capacity(256 << 10, output);
        let mut writer = Writer::new(output, format.version, format.to)?;
        let (mut last, mut is_first) = (None, true);
        while let Some(event) = trace.reader.next_event()? {
            let Some(begun) = event.generation_begun() else { continue };
            if needs_header(begun) && !mem::take(&mut is_first) {
                let Some(next) = formats.next() else { break };
                format = next;
                writer = Writer::new(writer.into_inner(), format.version, format.to)?;
                last = None;
            }
            let generation = trace.reader.generation();
            let (number, clock, begin) = format.beginning(generation, last);
            let copy = match writer.generation(number, SyncBatch::of(&clock, begin)) {
                Ok(copy) => copy,
                Err(WriteError::Io(error)) => return Err(error.into()),
                Err(error) => {
                    left_out.add(format_args!("generation {}: {error}", generation.number()));
                    continue;
                }
            };
            self.copy(format, generation, copy, left_out)?;
            if number != generation.number() {
                let behind = number - 1;
                left_out.add(format_args!(
                    "the number of generation {}, which is now {number}: {} cannot have it behind {behind}",
                    generation.number(),
                    format.version
                ));
            }
            last = Some((number, clock));
        }
        Ok(writer.into_inner().flush()?)
    }

    /// Writes a generation, and tells what of it cannot be written.
    fn copy(
        &self,
        format: &Format,
        generation: &Generation<'_>,
        mut to: GenerationWriter<'_, impl Write>,
        left_out: &mut LeftOut,
    ) -> Result<(), WriteError> {
        let keeps = |event: &CopiedEvent<'_>| format.keeps(event.event_type);
        let mut copier = Copier::new(generation, keeps, |text: &CopiedText<'_>| {
            texts::clipped(match self.is_anonymous {
                true => texts::anonymous(&self.sanitizer, text),
                false => texts::sanitized(&self.sanitizer, text.kind, text.category, text.text),
            })
        });
        for batch in generation.batches() {
            let outcome = match batch.kind(format.version, format.from) {
                // Nobody knows what else an experiment's own format may hold, or a batch of a wrong size; that of allocations
                // has the names of types.
                BatchKind::Experimental(experiment)
                    if self.is_anonymous || self.is_damaged || experiment != Experiment::ALLOC_FREE =>
                {
                    left_out.add(format_args!("a batch of experiment {}", experiment.0));
                    Ok(())
                }
                _ => copier.batch(&batch, &mut to),
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

impl Format {
    fn new(keep: Filter, trace: &Surveyed) -> Self {
        let from = trace.dialect;
        let is_stock = !keep.intersects(OF_FORK) && keep.contains(Filter::CORE) && trace.is_scheduled();
        let to = if is_stock { Dialect::Stock } else { from };
        let keep = if to == Dialect::Stock { keep | Filter::CORE } else { keep };
        Self { version: trace.version, from, to, keep }
    }

    fn keeps(&self, event_type: EventType) -> bool {
        let category = Filter::from_bits_truncate(event_type.spec().category.bit());
        self.keep.contains(category) || is_status(event_type)
    }

    /// The number, the clock and the earliest time of a generation behind the last that was written.
    fn beginning(&self, generation: &Generation<'_>, last: Option<(u64, Clock)>) -> (u64, Clock, u64) {
        let number = match last {
            // Generations must follow on each other, and one between them may be lost.
            Some((last, _)) if !self.version.has_end_of_generation() => last.saturating_add(1),
            // Damage can make two of one.
            Some((last, _)) if generation.number() <= last => last.saturating_add(1),
            _ => generation.number().max(1),
        };
        let is_sync = |batch: Batch<'_>| batch.kind(self.version, self.from) == BatchKind::Sync;
        let has_snapshot = generation.batches().any(is_sync) && generation.clock().snapshot().is_some();
        match last {
            // It has lost its clock, and the one before was earlier than all of it. 0 counts as no time.
            Some((_, clock)) if self.version.has_sync_batch() && !has_snapshot => (number, clock, 0),
            _ => (number, *generation.clock(), generation.start_units()),
        }
    }
}

/// Whether bytes were lost, and not just the sense of some events.
fn is_damaged(losses: &Losses) -> bool {
    losses.count() > losses.contradictions() + losses.unresolved()
}
