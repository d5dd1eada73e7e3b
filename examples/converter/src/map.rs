//! From events to spans.
//!
//! Traces may be snapshots of one process, in files given in their order or in one file: the generations that they share are read
//! once, and what is open at the end of one goes on in the next. Traces of other processes, and of services of other names, are
//! mapped each on its own.

use std::mem;

use anyhow::Context;
use go_trace_format::Event;
use trace_to_otel::{
    AllSignals, LogRecord, LogSink, MapperOptions, Metric, MetricSink, Pipeline, PipelineOptions, Resource,
    Span, SpanSink, UnixTime,
    profiles::{Profiles, ProfilesOptions},
};

use crate::{
    cli::Mapping,
    follow::Following,
    read::{Source, Trace},
    report::{self, Notes},
};

/// Takes what is made of one process after the other. Its users know no more of it than this, so that mapping is compiled once for
/// all outputs.
pub(crate) trait Output: SpanSink<Error = anyhow::Error> {
    /// Which records are wanted beside spans: they come only then.
    fn wanted(&self) -> Wanted {
        Wanted::default()
    }

    /// A process begins.
    fn begin(&mut self, begun: &Begun) -> anyhow::Result<()>;

    /// The first event of the process happened then.
    fn starts(&mut self, _: UnixTime) -> anyhow::Result<()> {
        Ok(())
    }

    /// This trace is read from here on. What comes may still be of those before, as it may hold nothing new.
    fn opens(&mut self, _: &Source) {}

    /// What comes from here on is of this trace.
    fn reads(&mut self, _: &Source) -> anyhow::Result<()> {
        Ok(())
    }

    /// A log record, where they are [wanted](Self::wanted).
    fn log(&mut self, _: &LogRecord) -> anyhow::Result<()> {
        Ok(())
    }

    /// A metric, where they are [wanted](Self::wanted).
    fn metric(&mut self, _: &Metric) -> anyhow::Result<()> {
        Ok(())
    }

    /// An event of the process, after the spans that it finished, and when it happened.
    fn event(&mut self, _: &Event<'_>, _: UnixTime) -> anyhow::Result<()> {
        Ok(())
    }

    /// The profiles of the process, behind all else, where they are [wanted](Self::wanted).
    fn profiles(&mut self, _: Profiles) -> anyhow::Result<()> {
        Ok(())
    }

    /// All of the process has come.
    fn end(&mut self) -> anyhow::Result<()>;
}

/// What an output wants of a mapping.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) logs: bool,
    pub(crate) metrics: bool,
    /// Whether metrics name spans: where all of those go out, with them or by another run of the same arguments.
    pub(crate) exemplars: bool,
    pub(crate) profiles: bool,
    /// Whether profiles name only spans that go out, as `exemplars` do; otherwise who takes them looks for which are there.
    pub(crate) links_lead_out: bool,
    /// Whether profiles name no spans.
    pub(crate) no_links: bool,
    /// Whether times of day matter less than that all are on one line.
    pub(crate) steady_clock: bool,
    /// Whether ranges of the runtime are wanted beside the spans that are selected, whichever these are.
    pub(crate) ranges: bool,
    /// Whether spans are not wanted: then the least is done for them, and nothing told of what they lack.
    pub(crate) no_spans: bool,
}

/// A process that begins.
#[derive(Clone)]
pub(crate) struct Begun {
    /// Its first trace.
    pub(crate) source: Source,
    /// What that tells of it.
    pub(crate) told: Resource,
}

/// An output, as what a pipeline hands on to.
struct Sink<'o>(&'o mut dyn Output);

impl SpanSink for Sink<'_> {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        self.0.take(span)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        self.0.lend(span)
    }
}

impl LogSink for Sink<'_> {
    type Error = anyhow::Error;

    fn take_log(&mut self, log: LogRecord) -> anyhow::Result<()> {
        self.0.log(&log)
    }
}

impl MetricSink for Sink<'_> {
    type Error = anyhow::Error;

    fn take_metric(&mut self, metric: Metric) -> anyhow::Result<()> {
        self.0.metric(&metric)
    }
}

/// Maps traces one after the other.
pub(crate) struct Conversion<'m, 'o> {
    mapping: &'m Mapping,
    /// Whether each loss is told.
    has_details: bool,
    pipeline: Pipeline<AllSignals<Sink<'o>>>,
    /// What the process under way is called.
    process: Option<String>,
    /// The first trace, as long as none had a generation.
    empty: Option<Source>,
    following: Following,
    /// What is to be told of the last trace that was read, with what its spans lack.
    notes: Option<(String, Notes)>,
}

/// Why a trace was not mapped to its end.
enum Failure {
    Reading(anyhow::Error),
    Writing(anyhow::Error),
}

const WRITING: &str = "writing the spans";

impl<'m, 'o> Conversion<'m, 'o> {
    pub(crate) fn new(mapping: &'m Mapping, has_details: bool, output: &'o mut dyn Output) -> Self {
        let mut options = PipelineOptions::default();
        let wanted = output.wanted();
        options.mapper = mapper(mapping, wanted);
        options.volume = mapping.volume.options();
        (options.metrics, options.exemplars) = (wanted.metrics, wanted.exemplars);
        options.profiles = wanted.profiles.then(|| profiles(wanted));
        Self {
            mapping,
            has_details,
            pipeline: Pipeline::new(options, AllSignals(Sink(output))),
            process: None,
            empty: None,
            following: Following::default(),
            notes: None,
        }
    }

    /// Maps all of the traces, or those before the first that fails.
    pub(crate) fn run(self, traces: impl Iterator<Item = anyhow::Result<Trace>>) -> anyhow::Result<()> {
        self.run_past(traces, Err)
    }

    /// Maps all of the traces. `failed` is told of each that cannot be read, or not to its end, and whether to go on.
    pub(crate) fn run_past(
        mut self,
        mut traces: impl Iterator<Item = anyhow::Result<Trace>>,
        mut failed: impl FnMut(anyhow::Error) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let outcome = traces.try_for_each(|trace| {
            match trace.map_err(Failure::Reading).and_then(|trace| self.map(trace)) {
                Err(Failure::Reading(error)) => failed(error),
                Err(Failure::Writing(error)) => Err(error),
                Ok(()) => Ok(()),
            }
        });
        let is_nothing = self.process.is_none();
        if let Some(source) = self.empty.take() {
            // A trace of no generation is worth a word too.
            self.begin_process(source, Resource::empty())?;
        }
        self.end_process()?;
        self.tell();
        report::reduction(&self.pipeline.counters().volume);
        outcome?;
        self.following.check(is_nothing)
    }

    /// Maps a trace. Spans that it leaves open are handed on later.
    fn map(&mut self, trace: Trace) -> Result<(), Failure> {
        let source = trace.source.clone();
        self.output().opens(&source);
        let mut following = mem::take(&mut self.following);
        let (mut is_first, mut is_written) = (true, true);
        let outcome = following.read(trace, |event| {
            let outcome = self.event(event, &source, &mut is_first);
            is_written = outcome.is_ok();
            outcome
        });
        self.following = following;
        self.tell();
        self.notes = self.following.latest().map(|trace| (source.name, trace.notes(self.has_details)));
        outcome.map_err(if is_written { Failure::Reading } else { Failure::Writing })
    }

    fn event(&mut self, event: &Event<'_>, source: &Source, is_first: &mut bool) -> anyhow::Result<()> {
        let begins_process = self.pipeline.begins_process(event);
        if begins_process {
            self.end_process()?;
            // An input may hold traces of several versions.
            let first = self.empty.take().unwrap_or_else(|| source.clone());
            self.begin_process(
                first.in_version(event.tables().version()),
                Resource::empty().with_told_by(event.tables()),
            )?;
        }
        if self.process.is_none() {
            self.empty.get_or_insert_with(|| source.clone());
            return Ok(());
        }
        if mem::take(is_first) {
            self.output().reads(source).context(WRITING)?;
        }
        self.pipeline.event(event).context(WRITING)?;
        let time = self.pipeline.unix_time(event);
        if begins_process {
            self.output().starts(time).context(WRITING)?;
        }
        self.output().event(event, time).context(WRITING)
    }

    fn output(&mut self) -> &mut dyn Output {
        let AllSignals(Sink(output)) = self.pipeline.sink_mut();
        *output
    }

    fn begin_process(&mut self, source: Source, told: Resource) -> anyhow::Result<()> {
        let base_time = self.mapping.base_time.or(source.modified);
        if base_time.is_none() && source.is_approximate() {
            report::no_clock(&source.name);
        }
        self.pipeline.begin(base_time.unwrap_or(UnixTime(0))).context(WRITING)?;
        self.process = Some(source.name.clone());
        self.output().begin(&Begun { source, told }).context(WRITING)
    }

    fn end_process(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.process.take() else { return Ok(()) };
        self.pipeline.finish().context(WRITING)?;
        let counters = self.pipeline.counters();
        if !self.mapping.no_from_stacks && !self.output().wanted().no_spans {
            report::found_in_stacks(&name, &counters.stacks);
        }
        let mut lacks = Notes::new(self.has_details);
        lacks.add_counters(&counters.mapper);
        match &mut self.notes {
            Some((of, notes)) if *of == name => notes.extend(lacks),
            _ => lacks.report(&name),
        }
        if let Some(profiles) = self.pipeline.take_profiles() {
            self.output().profiles(profiles).context(WRITING)?;
        }
        self.output().end().context(WRITING)
    }

    fn tell(&mut self) {
        if let Some((name, notes)) = self.notes.take() {
            notes.report(&name);
        }
    }
}

fn profiles(wanted: Wanted) -> ProfilesOptions {
    let mut options = ProfilesOptions::default();
    if wanted.no_links {
        options.max_spans = 0;
    }
    options
}

fn mapper(mapping: &Mapping, wanted: Wanted) -> MapperOptions {
    let mut options = MapperOptions::default();
    options.logs = !mapping.no_logs && !wanted.no_spans;
    options.log_records = wanted.logs;
    options.steady_clock = wanted.steady_clock;
    options.unsampled = mapping.unsampled;
    options.written_contexts = !mapping.sdk_exports;
    options.db_system_name = mapping.db_system.as_str().into();
    options.stacks = mapping.stacks;
    options.stack_operations = !mapping.no_from_stacks && !wanted.no_spans;
    options.span_functions = mapping.span_functions.iter().map(|name| name.as_str().into()).collect();
    options.state_events = mapping.state_events;
    options
}
