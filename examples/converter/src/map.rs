//! From events to spans.
//!
//! Traces may be snapshots of one process, in files given in their order or in one file: the generations that they share are read
//! once, and what is open at the end of one goes on in the next. Traces that do not follow on each other are mapped each on
//! its own.

use anyhow::{Context, bail};
use go_trace_format::{Continuity, Event};
use trace_to_otel::{Mapper, MapperOptions, Sinks, SpanSink, UnixTime, Volume};

use crate::{
    cli::Mapping,
    read::{Source, Trace, generation_begun_by},
    report::{self, Notes},
};

/// Takes the spans of one process after the other.
pub(crate) trait Output: SpanSink<Error: std::error::Error + Send + Sync + 'static> + Sized {
    /// Whether log records are wanted: then [`sinks`](Self::sinks) have to take them.
    fn takes_logs(&self) -> bool {
        false
    }

    /// Whether times of day matter less than that all are on one line.
    fn is_drawn(&self) -> bool {
        false
    }

    /// What a mapper is given: what stands before this output, for spans alone.
    fn sinks<'v>(volume: &'v mut Volume<&mut Self>) -> impl Sinks<Error = Self::Error> + 'v {
        volume
    }

    /// The spans of a process begin; `source` is its first trace, which is taken to begin at `base_time` where it
    /// holds no clock.
    fn begin(&mut self, source: &Source, base_time: UnixTime) -> Result<(), Self::Error>;

    /// An event of the process, after the spans that it finished, and when it happened.
    fn event(&mut self, _: &Event<'_>, _: UnixTime) -> Result<(), Self::Error> {
        Ok(())
    }

    /// They are complete.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Maps traces one after the other.
pub(crate) struct Session<'m, 'o, O> {
    mapping: &'m Mapping,
    /// Whether each loss is told.
    has_details: bool,
    output: Volume<&'o mut O>,
    process: Option<Process>,
    /// The last trace that was read.
    earlier: Option<Trace>,
    /// What is to be told of it, with what its spans lack.
    notes: Option<(String, Notes)>,
    /// Whether no trace had a generation.
    is_nothing: bool,
    is_damaged: bool,
}

/// The traces that follow on each other.
struct Process {
    /// The first of them.
    source: Source,
    mapper: Mapper,
    has_generation: bool,
}

const WRITING: &str = "writing the spans";

impl<'m, 'o, O: Output> Session<'m, 'o, O> {
    pub(crate) fn new(mapping: &'m Mapping, has_details: bool, output: &'o mut O) -> Self {
        let output = Volume::new(mapping.volume.options(), output);
        Self {
            mapping,
            has_details,
            output,
            process: None,
            earlier: None,
            notes: None,
            is_nothing: true,
            is_damaged: false,
        }
    }

    /// Maps all of the traces, or those before the first that fails.
    pub(crate) fn run(
        mut self,
        mut traces: impl Iterator<Item = anyhow::Result<Trace>>,
    ) -> anyhow::Result<()> {
        let outcome = traces.try_for_each(|trace| self.map(trace?));
        self.end_process()?;
        self.tell();
        report::reduction(&self.output.counters());
        outcome?;
        if self.is_nothing && self.is_damaged {
            let name = self.earlier.map(|trace| trace.source.name).unwrap_or_default();
            bail!("{name}: nothing could be read");
        }
        Ok(())
    }

    /// Maps a trace. Spans that it leaves open are handed on later.
    fn map(&mut self, mut trace: Trace) -> anyhow::Result<()> {
        if let Some(earlier) = self.earlier.take() {
            trace = trace.follow(earlier);
        }
        let source = trace.source.clone();
        let outcome = trace.for_each_event(|event| {
            if let Some(begun) = generation_begun_by(event) {
                // A file may hold traces of several versions.
                self.begin_generation(begun.continuity, || source.in_version(event.tables().version()))?;
            }
            match &mut self.process {
                Some(process) => {
                    process.mapper.event(event, &mut O::sinks(&mut self.output)).context(WRITING)?;
                    let time = process.mapper.unix_time(event);
                    self.output.sink_mut().event(event, time).context(WRITING)
                }
                // A trace of no generation is worth a word too.
                None => self.begin_process(source.clone()),
            }
        });
        self.tell();
        self.is_damaged |= trace.is_damaged();
        self.notes = Some((source.name, trace.notes(self.has_details)));
        self.earlier = Some(trace);
        outcome
    }

    /// A trace goes on with the process of the one before only with the generation that comes next.
    fn begin_generation(
        &mut self,
        continuity: Continuity,
        source: impl FnOnce() -> Source,
    ) -> anyhow::Result<()> {
        let has_generation = self.process.as_ref().is_some_and(|process| process.has_generation);
        if has_generation && continuity.begins_trace() {
            self.end_process()?;
        }
        if self.process.is_none() {
            self.begin_process(source())?;
        }
        self.is_nothing = false;
        if let Some(process) = &mut self.process {
            process.has_generation = true;
        }
        Ok(())
    }

    fn begin_process(&mut self, source: Source) -> anyhow::Result<()> {
        let mut options = options(self.mapping, &source);
        options.log_records = self.output.sink().takes_logs();
        options.steady_clock = self.output.sink().is_drawn();
        let base_time = options.base_time;
        let mapper = Mapper::with_options(options);
        self.output.sink_mut().begin(&source, base_time).context(WRITING)?;
        self.process = Some(Process { source, mapper, has_generation: false });
        Ok(())
    }

    fn end_process(&mut self) -> anyhow::Result<()> {
        let Some(Process { source, mut mapper, .. }) = self.process.take() else { return Ok(()) };
        mapper.finish(&mut O::sinks(&mut self.output)).context(WRITING)?;
        self.output.flush().context(WRITING)?;
        if !self.mapping.no_from_stacks {
            report::found_in_stacks(&source.name, mapper.stack_counters());
        }
        let mut lacks = Notes::new(self.has_details);
        lacks.add_counters(mapper.counters());
        match &mut self.notes {
            Some((name, notes)) if *name == source.name => notes.extend(lacks),
            _ => lacks.report(&source.name),
        }
        self.output.sink_mut().end().context(WRITING)
    }

    fn tell(&mut self) {
        if let Some((name, notes)) = self.notes.take() {
            notes.report(&name);
        }
    }
}

fn options(mapping: &Mapping, source: &Source) -> MapperOptions {
    let mut options = MapperOptions::default();
    options.logs = !mapping.no_logs;
    options.unsampled = mapping.unsampled;
    options.written_contexts = !mapping.sdk_exports;
    options.db_system_name = mapping.db_system.as_str().into();
    options.stacks = mapping.stacks;
    options.stack_operations = !mapping.no_from_stacks;
    options.span_functions = mapping.span_functions.iter().map(|name| name.as_str().into()).collect();
    options.state_events = mapping.state_events;
    match mapping.base_time.or(source.modified) {
        Some(base_time) => options.base_time = base_time,
        None if source.is_approximate() => report::no_clock(&source.name),
        None => {}
    }
    options
}
