//! `spans`: the spans, shown in one way or another.

use std::{
    io::{self, BufWriter, Write},
    iter, mem,
};

use anstream::{AutoStream, ColorChoice};
use anyhow::bail;
use trace_to_otel::{
    Span, SpanSink, UnixTime,
    render::{Canvas, ChromeWriter, PerfettoWriter, Process, TreeOptions, write_html, write_tree},
};

use crate::{
    cli::{Color, Format, SpansArguments},
    correlate,
    input::Input,
    map::Output,
    output::{self, Destination},
    read::{Source, Traces},
    report,
    timeline::TimelineOutput,
};

pub(crate) fn run(arguments: &SpansArguments) -> anyhow::Result<()> {
    arguments.color.choice().write_global();
    if arguments.format != Format::Tree {
        output::refuse_terminal(&arguments.out)?;
    }
    if arguments.correlation.correlate && matches!(arguments.format, Format::Perfetto | Format::Chrome) {
        bail!("--correlate is for trees and pages: timelines show the events of each process by themselves");
    }
    output::refuse_to_overwrite(&arguments.out, &arguments.files)?;
    let mut destination = Destination::create(&arguments.out)?;
    match arguments.format {
        Format::Tree => trees(arguments, &mut destination)?,
        Format::Html => page(arguments, &mut destination)?,
        Format::Perfetto => {
            timeline(arguments, PerfettoWriter::new(BufWriter::with_capacity(256 << 10, &mut destination)))?;
        }
        Format::Chrome => {
            timeline(arguments, ChromeWriter::new(BufWriter::with_capacity(256 << 10, &mut destination)))?;
        }
    }
    destination.finish()
}

fn trees(arguments: &SpansArguments, destination: &mut Destination) -> anyhow::Result<()> {
    let (output, has_colors): (Box<dyn Write>, bool) = match destination {
        Destination::Standard(_) => {
            let output = AutoStream::auto(io::stdout());
            let has_colors = output.current_choice() != ColorChoice::Never;
            (Box::new(output), has_colors)
        }
        file => (Box::new(file), arguments.color == Color::Always),
    };
    let mut output = BufWriter::new(output);
    let mut options = TreeOptions::default();
    options.anatomy = arguments.anatomy;
    options.critical_path = arguments.critical_path;
    options.colors = has_colors;
    let most = arguments.max_spans.unwrap_or(1_000_000);
    let mut trees = Trees {
        options,
        output: &mut output,
        name: String::new(),
        is_approximate: false,
        spans: Kept::new(most),
    };
    let outcome = show(arguments, &mut trees);
    // What precedes a failure is printed before it is told.
    output.flush()?;
    outcome
}

fn page(arguments: &SpansArguments, destination: &mut Destination) -> anyhow::Result<()> {
    let most = arguments.max_spans.unwrap_or(50_000);
    let mut pages = Page { processes: Vec::new(), spans: Kept::new(most) };
    let outcome = show(arguments, &mut pages);
    let mut output = BufWriter::new(destination);
    // What precedes a failure is worth a page too.
    let processes: Vec<_> = pages.processes.iter().map(KeptProcess::shown).collect();
    write_html(&processes, &mut output)?;
    output.flush()?;
    outcome
}

fn timeline(arguments: &SpansArguments, canvas: impl Canvas) -> anyhow::Result<()> {
    let mut timeline = TimelineOutput::new(canvas);
    let outcome = show(arguments, &mut timeline);
    // What precedes a failure is a timeline too.
    timeline.finish()?;
    outcome
}

fn show(arguments: &SpansArguments, output: &mut impl Output) -> anyhow::Result<()> {
    let (correlation, mapping) = (&arguments.correlation, &arguments.mapping);
    if arguments.files.is_empty() {
        let traces = Traces::new(iter::once(Ok(Input::bundled())), &arguments.reading);
        return correlate::run(correlation, mapping, output, traces);
    }
    let progress = output::progress(&arguments.out);
    let inputs = arguments.files.iter().map(|file| Input::open(file, progress));
    correlate::run(correlation, mapping, output, Traces::new(inputs, &arguments.reading))
}

/// Spans that are kept until all of them are there, up to so many.
pub(crate) struct Kept {
    spans: Vec<Span>,
    most: usize,
    left_out: u64,
}

impl Kept {
    fn new(most: usize) -> Self {
        Self { spans: Vec::new(), most, left_out: 0 }
    }

    fn add(&mut self, span: Span) {
        if self.spans.len() < self.most {
            self.spans.push(span);
        } else {
            self.left_out += 1;
        }
    }

    /// The spans, and how many were left out; that is told too.
    fn take(&mut self, name: &str) -> (Vec<Span>, u64) {
        let left_out = mem::take(&mut self.left_out);
        if left_out > 0 {
            let most = self.most;
            report::warning(
                name,
                format_args!("shows {most} spans, and leaves {left_out} out: see --max-spans"),
            );
        }
        (mem::take(&mut self.spans), left_out)
    }
}

/// A process whose spans are complete, or as many as are kept.
struct KeptProcess {
    name: String,
    spans: Vec<Span>,
    left_out: u64,
    is_approximate: bool,
}

impl KeptProcess {
    fn shown(&self) -> Process<'_> {
        let mut process = Process::new(&self.name, &self.spans);
        process.left_out = self.left_out;
        process.is_approximate = self.is_approximate;
        process
    }
}

/// Shows the spans of each process once they are complete.
struct Trees<'a, W> {
    options: TreeOptions,
    output: &'a mut W,
    name: String,
    is_approximate: bool,
    spans: Kept,
}

impl<W: Write> SpanSink for Trees<'_, W> {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.spans.add(span);
        Ok(())
    }
}

impl<W: Write> Output for Trees<'_, W> {
    fn begin(&mut self, source: &Source, _: UnixTime) -> io::Result<()> {
        self.name.clone_from(&source.name);
        self.is_approximate = source.is_approximate;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let (spans, left_out) = self.spans.take(&self.name);
        let (name, is_approximate) = (mem::take(&mut self.name), self.is_approximate);
        let process = KeptProcess { name, spans, left_out, is_approximate };
        write_tree(&[process.shown()], &self.options, self.output)
    }
}

/// Keeps the spans of each process for a page.
struct Page {
    processes: Vec<KeptProcess>,
    spans: Kept,
}

impl SpanSink for Page {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.spans.add(span);
        Ok(())
    }
}

impl Output for Page {
    fn begin(&mut self, source: &Source, _: UnixTime) -> io::Result<()> {
        let (name, is_approximate) = (source.name.clone(), source.is_approximate);
        self.processes.push(KeptProcess { name, spans: Vec::new(), left_out: 0, is_approximate });
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            (process.spans, process.left_out) = self.spans.take(&process.name);
        }
        Ok(())
    }
}
