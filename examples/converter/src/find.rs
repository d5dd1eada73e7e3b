//! `find`: what matches a query, over many files.

mod goroutines;
mod stacks;

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value as Json, json};
use trace_to_otel::{
    Span, SpanSink, UnixTime, Value,
    query::{Query, QueryError, Subject},
    render::{DisplayDuration, DisplayText},
};

use crate::{
    cli::{Mapping, Reading},
    input::Progress,
    map::{Begun, Conversion, Output},
    order::{self, NamedFile},
    read::{Source, Traces},
    report,
    select::{Times, Within},
    stats::base,
};

use goroutines::Goroutines;
use stacks::Stacks;

pub(crate) const HELP: &str = "\
A query is comparisons that all have to be true, such as name~GET duration>50ms; or, not and parentheses put them together.
  =  !=              equal: in texts, a * stands for any text
  ~  !~              has the text in it
  <  <=  >  >=       durations (500us, 20ms, 1.5s) and numbers
Texts with spaces or parentheses stand in quotes. Fields:
  name kind status scope function goroutine file trace_id span_id parent_id duration
  running runnable syscall gc_assist waiting, and waiting.network .sync .channel .select .sleep .gc .other: parts of it
  http.route and any other attribute, in quotes where it has no dot
What goroutines did, a line for as long as one was in one state, is found by the fields
  goroutine.state (running, runnable, syscall, waiting), reason (sync, chan receive, select, network, sleep, ...) and place
of which each makes a query one about that; beside them stand function (that it began with, as far as the trace had told by then),
goroutine, file and duration.

With --json, process is the number of the process in this run, from 1; goroutine, thread and proc are those of the trace, and null where
it does not tell. stack is where a span began, its innermost frame alone without --stacks; or where a goroutine went over to what it
did, of which stack_id is the number that the verb export has too.

Examples:
  trace-converter find *.trace 'name~GET duration>50ms waiting.sync>10ms'
  trace-converter find app.trace 'http.response.status_code>=500 or status=error'
  trace-converter find -l traces/*.trace 'kind=server not http.route=/health'
  trace-converter find --json app.trace 'scope=gotrace.sql duration>5ms' | jq .attributes
  trace-converter find *.trace 'goroutine.state=waiting reason=sync duration>50ms'
  trace-converter find --json app.trace 'goroutine.state=waiting duration>50ms' | jq '.stack[0]'
  trace-converter find --count app.trace 'name=\"garbage collection\"'";

#[derive(Debug, Args)]
pub(crate) struct FindArguments {
    /// Trace files; `-` is standard input. Snapshots of one process go on one after another.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What is looked for.
    #[arg(value_name = "QUERY")]
    query: String,
    /// Prints what matches as JSON, an object on each line.
    #[arg(long, conflicts_with_all = ["count", "files_with_matches"])]
    json: bool,
    /// Prints of each file only how much in it matches.
    #[arg(short, long, conflicts_with = "files_with_matches")]
    count: bool,
    /// Prints only the names of files in which something matches.
    #[arg(short = 'l', long)]
    files_with_matches: bool,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    mapping: Mapping,
}

pub(crate) fn run(arguments: &FindArguments) -> anyhow::Result<ExitCode> {
    let query = query(&arguments.query)?;
    let opening = arguments.reading.opening();
    let files = order::in_order(NamedFile::all(&arguments.files, &[])?, opening);
    let traces = Traces::new(files.iter().map(|file| file.open(Progress::UnlessOutputIsTerminal)), opening);
    let mut found = Found {
        query,
        within: arguments.times.within()?,
        shown: arguments.into(),
        files: Files::default(),
        processes: 0,
        stacks: Stacks::default(),
        told: 0,
        output: BufWriter::new(io::stdout().lock()),
    };
    let mut is_whole = true;
    let failed = |error| {
        is_whole = false;
        report::error(&error);
        Ok(())
    };
    let (mapping, has_details) = (&arguments.mapping, arguments.reading.details);
    let outcome = match found.query.subject() {
        Subject::Stretches => {
            let mut goroutines = Goroutines::new(found);
            let outcome = Conversion::new(mapping, has_details, &mut goroutines).run_past(traces, failed);
            found = goroutines.into_found();
            outcome
        }
        _ => Conversion::new(mapping, has_details, &mut found).run_past(traces, failed),
    };
    // What precedes a failure is printed before it is told.
    found.tell_files(found.files.all.len())?;
    found.output.flush()?;
    if found.stacks.left_out > 0 {
        let many = found.stacks.left_out;
        report::note(format_args!("stacks by their ids only: {many}, which were too many to remember"));
    }
    outcome?;
    let has_found = found.files.all.iter().any(|(_, count)| *count > 0);
    Ok(match (is_whole, has_found) {
        (false, _) => ExitCode::from(2),
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(1),
    })
}

fn query(text: &str) -> anyhow::Result<Query> {
    text.parse().or_else(|error: QueryError| {
        if Path::new(text).exists() {
            bail!("{text} is a file: the query stands behind the files");
        }
        bail!("no query:\n{}", error.pointing())
    })
}

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Lines,
    Json,
    Counts,
    Files,
}

impl From<&FindArguments> for Shown {
    fn from(arguments: &FindArguments) -> Self {
        match arguments {
            FindArguments { json: true, .. } => Self::Json,
            FindArguments { count: true, .. } => Self::Counts,
            FindArguments { files_with_matches: true, .. } => Self::Files,
            _ => Self::Lines,
        }
    }
}

/// Prints what matches, as it comes.
struct Found<W> {
    query: Query,
    within: Within,
    shown: Shown,
    files: Files,
    /// How many there are so far.
    processes: u64,
    /// Those of stretches, for JSON.
    stacks: Stacks,
    /// Of how many the names, or counts, are printed.
    told: usize,
    output: W,
}

/// The files so far.
#[derive(Default)]
struct Files {
    /// How much was found in each.
    all: Vec<(String, u64)>,
    /// Whose spans come.
    current: usize,
}

impl Files {
    fn current(&self) -> &str {
        self.all.get(self.current).map_or("", |(name, _)| name)
    }

    /// Something was found in the current one.
    fn count(&mut self) {
        if let Some((_, count)) = self.all.get_mut(self.current) {
            *count += 1;
        }
    }
}

impl<W: Write> Found<W> {
    /// Prints what is told of whole files, of the first so many of them.
    fn tell_files(&mut self, end: usize) -> io::Result<()> {
        for (file, count) in self.files.all.get(self.told..end).unwrap_or_default() {
            match self.shown {
                Shown::Counts => writeln!(self.output, "{file}:{count}")?,
                Shown::Files if *count > 0 => writeln!(self.output, "{file}")?,
                _ => {}
            }
        }
        self.told = end;
        Ok(())
    }

    fn span(&mut self, span: &Span) -> io::Result<()> {
        let is_within = self.within.holds(span.start, span.end);
        if !is_within || !self.query.matches_span(span, self.files.current()) {
            return Ok(());
        }
        self.files.count();
        match self.shown {
            Shown::Lines => self.line(span),
            Shown::Json => writeln!(self.output, "{}", self.json(span)),
            Shown::Counts | Shown::Files => Ok(()),
        }
    }

    fn line(&mut self, span: &Span) -> io::Result<()> {
        let (time, duration) = (timestamp(span.start), DisplayDuration(span.duration_nanos()).to_string());
        let file = self.files.current();
        write!(self.output, "{file}: {time} {duration:>8} {}", DisplayText(&span.name))?;
        if let Some(goroutine) = goroutine(span) {
            write!(self.output, "  g{goroutine}")?;
            if let Some(Value::Text(function)) = span.attribute("code.function.name") {
                write!(self.output, " {}", DisplayText(base(function)))?;
            }
        }
        writeln!(self.output, "  span {} trace {}", span.span_id, span.trace_id)
    }

    fn json(&self, span: &Span) -> Json {
        let attributes =
            span.attributes.iter().map(|attribute| (attribute.key.to_string(), value(&attribute.value)));
        let times = span.anatomy.iter().flat_map(|anatomy| anatomy.attributes());
        let times = times.map(|(key, seconds)| (key.to_owned(), json!(seconds)));
        json!({
            "file": self.files.current(),
            "process": self.processes,
            "start": timestamp(span.start),
            "start_unix_nano": span.start.0.to_string(),
            "duration_ns": span.duration_nanos(),
            "name": &*span.name,
            "kind": span.kind.name(),
            "status": span.status.to_string(),
            "scope": span.scope.name(),
            "goroutine": goroutine(span),
            "thread": span.attribute("gotrace.thread.id").and_then(Value::as_integer),
            "stack": stacks::of_span(span),
            "trace_id": span.trace_id.to_string(),
            "span_id": span.span_id.to_string(),
            "parent_id": span.parent.map(|parent| parent.span_id.to_string()),
            "attributes": attributes.chain(times).collect::<Map<_, _>>(),
        })
    }
}

fn goroutine(span: &Span) -> Option<i64> {
    span.attribute("gotrace.goroutine.id").and_then(Value::as_integer)
}

/// As --from and --to take it.
fn timestamp(time: UnixTime) -> String {
    let timestamp = jiff::Timestamp::from_nanosecond(time.0.into());
    // 64 bits reach 2554, years 9999.
    timestamp.map_or_else(|_| time.0.to_string(), |timestamp| format!("{timestamp:.9}"))
}

fn value(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(&**text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Boolean(yes) => json!(yes),
        other => json!(other.to_string()),
    }
}

impl<W: Write> SpanSink for Found<W> {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        Ok(self.span(&span)?)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        Ok(self.span(span)?)
    }
}

impl<W: Write> Output for Found<W> {
    fn begin(&mut self, _: &Begun) -> anyhow::Result<()> {
        self.processes += 1;
        Ok(())
    }

    fn starts(&mut self, time: UnixTime) -> anyhow::Result<()> {
        self.within.starts(time);
        Ok(())
    }

    fn opens(&mut self, source: &Source) {
        if self.files.all.last().is_none_or(|(last, _)| *last != source.name) {
            self.files.all.push((source.name.clone(), 0));
        }
    }

    fn reads(&mut self, _: &Source) -> anyhow::Result<()> {
        self.files.current = self.files.all.len().saturating_sub(1);
        // Nothing comes of those before any more.
        Ok(self.tell_files(self.files.current)?)
    }

    fn end(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}
