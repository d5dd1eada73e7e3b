//! `stats`: what a program did, in one page of text, or as data.

mod json;
mod page;
mod table;

use std::{
    io::{self, BufWriter, IsTerminal as _, Write},
    path::PathBuf,
};

use anyhow::bail;
use clap::{Args, ValueEnum};
use trace_to_otel::TimeWindow;

pub(crate) use json::{Durations, Split, rate, write as write_json};
pub(crate) use page::{about, base, title};

use crate::{
    cli::{Mapping, Reading},
    input,
    page::PageArguments,
    recording::Recording,
    report,
    select::Counted,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  trace-converter stats app.trace
  trace-converter stats --top 20 --color always app.trace | less -RS
  trace-converter stats snapshots/*.trace
  trace-converter stats --json app.trace | jq '.goroutines[] | {function, count, running: .running_nanoseconds.total}'
  trace-converter stats --csv spans --per-file *.trace > spans.csv
  trace-converter stats --from 1s --to 3s app.trace
  curl -s localhost:6060/debug/pprof/trace?seconds=5 | trace-converter stats";

#[derive(Debug, Args)]
pub(crate) struct StatsArguments {
    /// Trace files; `-`, or none, is standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Tells everything as JSON, with all groups: durations in nanoseconds, sizes in bytes.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Writes one of the tables as comma-separated values, with all groups: durations in nanoseconds, sizes in bytes.
    #[arg(long, value_enum, value_name = "TABLE")]
    csv: Option<Table>,
    /// Tells of each file by itself, instead of all together.
    #[arg(long)]
    per_file: bool,
    /// How many groups of each kind the page shows.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
    /// Shows the runtime's own goroutines too, each group by itself.
    #[arg(long)]
    runtime: bool,
    #[command(flatten)]
    counted: Counted,
    #[command(flatten)]
    page: PageArguments,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    mapping: Mapping,
}

/// What is written as comma-separated values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Table {
    /// Goroutines by the function that they begin with.
    Goroutines,
    /// Spans by scope, kind and name.
    Spans,
    /// The stacks on which goroutines waited.
    Waits,
    /// Who waited for whom.
    Wakeups,
    /// How busy the procs were, and how long goroutines waited for one, over time.
    Timeline,
    /// Garbage collections, one by one.
    Collections,
    /// How long the world was stopped, by reason.
    Pauses,
}

pub(crate) fn run(arguments: &StatsArguments) -> anyhow::Result<()> {
    arguments.page.color.choice().write_global();
    if arguments.files.is_empty() && !input::is_redirected() {
        bail!("name a trace file, or give one on standard input: see trace-converter stats --help");
    }
    let (mut recordings, outcome) = read(arguments, arguments.counted.window()?);
    // What precedes a failure is told before that.
    if outcome.is_err() {
        recordings.retain(|recording| !recording.is_empty());
    }
    if !recordings.is_empty() {
        write(arguments, &recordings)?;
    }
    outcome
}

/// All files as one recording, or each as one of its own, up to the first that fails. One with nothing in the window is a failure where
/// none has anything, and is left out and told of where others have.
fn read(arguments: &StatsArguments, window: TimeWindow) -> (Vec<Recording>, anyhow::Result<()>) {
    let standard_input = [PathBuf::from("-")];
    let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
    let groups: Vec<_> = match arguments.per_file {
        true => files.chunks(1).collect(),
        false => vec![files],
    };
    let (mut recordings, mut refused) = (Vec::new(), Vec::new());
    let mut outcome = Ok(());
    for files in groups {
        let recording;
        (recording, outcome) = Recording::read(files, window, &arguments.reading, &arguments.mapping);
        match recording.refuse_nothing() {
            Err(error) if outcome.is_ok() => refused.push(error),
            _ => recordings.push(recording),
        }
        if outcome.is_err() {
            break;
        }
    }
    if recordings.is_empty() && !refused.is_empty() {
        return (recordings, Err(refused.swap_remove(0)));
    }
    for error in refused {
        report::note(format_args!("left out: {error:#}"));
    }
    (recordings, outcome)
}

fn write(arguments: &StatsArguments, recordings: &[Recording]) -> anyhow::Result<()> {
    if let Some(table) = arguments.csv {
        // Nothing is taken out of data on the way to a file.
        let (output, is_terminal) = (io::stdout(), io::stdout().is_terminal());
        let mut output = BufWriter::new(output);
        table::write(table, recordings, arguments.per_file, is_terminal, &mut output)?;
        return Ok(output.flush()?);
    }
    let (mut output, look) = arguments.page.open();
    if arguments.json {
        match recordings {
            [one] if !arguments.per_file => json::write(&json::Statistics::new(one), &mut output)?,
            several => {
                let all: Vec<_> = several.iter().map(json::Statistics::new).collect();
                json::write(&all, &mut output)?;
            }
        }
    } else {
        let style = page::Style { look, top: arguments.top, runtime: arguments.runtime };
        for (place, recording) in recordings.iter().enumerate() {
            if place > 0 {
                writeln!(output)?;
            }
            page::write(recording, style, &mut output)?;
        }
    }
    Ok(output.flush()?)
}
