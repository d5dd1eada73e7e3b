//! `cut`: a window of time of a trace, as a trace.
//!
//! The trace is read twice, one generation in memory at a time. First as the other verbs read it, which tells when what was
//! asked for happened; then as it is written, up to the end of the window.

mod survey;

use std::{
    io::{BufWriter, Write},
    ops::Range,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use go_trace_context::{SpanId, TraceId};
use go_trace_format::{
    EventType, Generation, Time,
    event::GoroutineId,
    write::{CopiedEvent, CopiedText, Copier, Slice, Window, WriteError, Writer},
};
use go_trace_sanitize::{Dialect as SqlDialect, Sanitizer, SqlOptions};
use trace_to_otel::{Moment, TimeWindow, UnixTime};

use crate::{
    cli::{Reading, duration, moment, time},
    input::Rereadable,
    output::{self, Destination},
    read::Trace,
    report::LeftOut,
    select::refuse_backwards,
    texts,
};

use survey::{Survey, Wanted};

pub(crate) const EXAMPLES: &str = "\
Examples:
  trace-converter cut app.trace --from 1s --to 3s --out window.trace && go tool trace window.trace
  trace-converter cut app.trace --from 2026-11-23T15:04:05Z --to 2026-11-23T15:04:06Z --out second.trace
  trace-converter cut app.trace --around 5f2a07c3d9e14b68 --margin 50ms --out slow.trace
  trace-converter cut app.trace --goroutine 42 --out goroutine.trace
  trace-converter cut app.trace --from 1s --to 2s --anonymize --out for-others.trace";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("window").required(true).multiple(true).args(["from", "to", "around", "trace_id", "goroutine"]))]
pub(crate) struct CutArguments {
    /// The trace file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the window begins: so long after the beginning of the trace, such as 500ms, or a time of day, as
    /// 2026-11-23T15:04:05Z [default: at the beginning].
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Moment>,
    /// Where it ends [default: at the end].
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Moment>,
    /// From the begin of a span to its end: its id, as 16 hexadecimal digits.
    #[arg(long, value_name = "SPAN_ID", conflicts_with_all = ["from", "to", "trace_id", "goroutine"])]
    around: Option<SpanId>,
    /// From the begin of the first span of an OpenTelemetry trace to the end of the last one: its id, as 32 hexadecimal digits.
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to", "goroutine"])]
    trace_id: Option<TraceId>,
    /// From the first event of a goroutine to the last one. What other goroutines did meanwhile stays.
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    goroutine: Option<i64>,
    /// How much more there is before and behind what --around, --trace-id or --goroutine names, such as 10ms.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1ms")]
    margin: Duration,
    #[arg(long, help = texts::ANONYMIZE, long_help = texts::ANONYMIZE_AT_LENGTH)]
    anonymize: bool,
    /// The dialect of the trace's SQL, such as postgres, mysql or sqlite, for --anonymize.
    #[arg(long, value_name = "DIALECT", default_value_t, requires = "anonymize")]
    sql_dialect: SqlDialect,
    /// Where to write the trace; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// When a trace without a clock began (Go 1.24 and older), as 2026-11-23T15:04:05Z
    /// [default: when the file was last modified].
    #[arg(long, value_name = "TIME", value_parser = time)]
    base_time: Option<UnixTime>,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(arguments: &CutArguments) -> anyhow::Result<()> {
    output::refuse_terminal(&arguments.out)?;
    output::refuse_to_overwrite(&arguments.out, std::slice::from_ref(&arguments.file))?;
    refuse_backwards(TimeWindow::new(arguments.from, arguments.to))?;
    let progress = output::progress(&arguments.out);
    let source = Rereadable::open(&arguments.file, progress)?;
    let open = || Trace::open(source.input(progress)?, arguments.reading.opening());

    let mut trace = open()?;
    let name = trace.source.name.clone();
    if trace.source.version.is_v1() {
        bail!(
            "{name} is of the format before Go 1.22 ({}), which is read and not written: all verbs but cut and filter take it",
            trace.source.version
        );
    }
    let base_time = arguments.base_time.or(trace.source.modified).unwrap_or(UnixTime(0));
    let mut survey = Survey::new(arguments.wanted(), base_time);
    trace.for_each_event(|event| survey.take(event))?;
    trace.notes(arguments.reading.details).report(&name);
    let survey = survey.finish();
    let times = arguments.times(&survey).with_context(|| name.clone())?;
    if times.start > survey.end || times.end <= survey.begin {
        bail!("{name}: nothing was recorded in the window: {survey}");
    }
    write(arguments, &mut open()?, times)
        .with_context(|| format!("cutting a window out of {name}"))?
        .then_some(())
        .with_context(|| format!("{name}: nothing happened in the window: {survey}"))
}

/// Writes the window; `false` where there is nothing in it.
fn write(arguments: &CutArguments, trace: &mut Trace, times: Range<Time>) -> anyhow::Result<bool> {
    let mut window = Window::new(times);
    let mut left_out = LeftOut::default();
    let sanitizer = || Sanitizer::new().with_sql(SqlOptions::new(arguments.sql_dialect));
    let anonymizer = arguments.anonymize.then(sanitizer);
    let mut writer: Option<Writer<BufWriter<Destination>>> = None;
    while let Some(event) = trace.reader.next_event()? {
        if event.generation_begun().is_none() {
            continue;
        }
        let generation = trace.reader.generation();
        if let Some(slice) = window.slice(generation).map_err(explained)? {
            let writer = match &mut writer {
                Some(writer) => writer,
                None => {
                    let output = BufWriter::with_capacity(256 << 10, Destination::create(&arguments.out)?);
                    writer.insert(Writer::new(output, generation.version(), generation.dialect())?)
                }
            };
            copy(generation, &slice, writer, anonymizer.as_ref(), &mut left_out)?;
        }
        if window.is_over() {
            break;
        }
    }
    left_out.report(&trace.source.name);
    let Some(writer) = writer else { return Ok(false) };
    let output = writer.into_inner().into_inner().map_err(std::io::IntoInnerError::into_error)?;
    output.finish()?;
    Ok(true)
}

/// Copies what the window holds of a generation. Anonymous, it has no batches in an experiment's own format: that of allocations has
/// the names of types, and nobody knows what others may tell.
fn copy(
    generation: &Generation<'_>,
    slice: &Slice,
    writer: &mut Writer<impl Write>,
    anonymizer: Option<&Sanitizer>,
    left_out: &mut LeftOut,
) -> Result<(), WriteError> {
    let Some(sanitizer) = anonymizer else {
        return Copier::new(generation, |_| true, |text| text.text.into()).within(slice).copy_to(writer);
    };
    let keeps = |event: &CopiedEvent<'_>| match (event.event_type, event.arguments) {
        (EventType::ExperimentalBatch, &[experiment]) => {
            left_out.add(format_args!("a batch of experiment {experiment}"));
            false
        }
        _ => true,
    };
    Copier::new(generation, keeps, |text: &CopiedText<'_>| texts::clipped(texts::anonymous(sanitizer, text)))
        .within(slice)
        .copy_to(writer)
}

fn explained(error: WriteError) -> anyhow::Error {
    match error {
        WriteError::Read(damage) => anyhow::Error::new(damage).context(
            "the trace is damaged within the window, or beside it in a generation (about a second) of which it holds a part, and what is cut out of it could be too: choose a window that has nothing of that generation",
        ),
        other => other.into(),
    }
}

impl CutArguments {
    fn wanted(&self) -> Wanted {
        match (self.around, self.trace_id, self.goroutine) {
            (Some(id), ..) => Wanted::Span(id),
            (_, Some(id), _) => Wanted::Trace(id),
            (.., Some(id)) => Wanted::Goroutine(GoroutineId(id)),
            _ => Wanted::Times,
        }
    }

    /// The window, on the trace clock.
    fn times(&self, survey: &Survey) -> anyhow::Result<Range<Time>> {
        if let Wanted::Times = self.wanted() {
            let time = |moment: Option<Moment>| moment.map(|moment| survey.time(moment));
            return Ok(time(self.from).unwrap_or(Time(i64::MIN))..time(self.to).unwrap_or(Time(i64::MAX)));
        }
        let margin = i64::try_from(self.margin.as_nanos()).unwrap_or(i64::MAX);
        let Some(found) = &survey.found else {
            return Err(survey.nothing_found());
        };
        let (begin, end) = (found.start.0.saturating_sub(margin), found.end.0.saturating_add(margin));
        // Its last event is in it.
        Ok(Time(begin)..Time(end.saturating_add(1)))
    }
}
