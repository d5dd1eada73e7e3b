//! `spans`: the spans, shown in one way or another.

use std::{
    collections::HashSet,
    io::{self, BufWriter, Write},
    iter, mem,
};

use anstream::{AutoStream, ColorChoice};
use anyhow::bail;
use console::Term;
use go_trace_context::TraceId;
use trace_to_otel::{
    Scope, Span, SpanSink,
    profiles::Profiles,
    render::{
        Canvas, ChromeWriter, HtmlOptions, Overview, PerfettoWriter, Process, TreeOptions, write_html,
        write_tree,
    },
};

use crate::{
    cli::{Color, Format, SpansArguments},
    correlate,
    input::{Input, Progress},
    map::{Begun, Output, Wanted},
    order::{self, NamedFile},
    output::{self, Destination},
    read::{Opening, Source, Traces},
    recording::Gathering,
    report,
    select::{MOST_RANGES, Selected},
    stats,
    timeline::TimelineOutput,
};

pub(crate) fn run(arguments: &SpansArguments) -> anyhow::Result<()> {
    arguments.color.choice().write_global();
    if arguments.format != Format::Tree {
        output::refuse_terminal(&arguments.out)?;
    }
    if matches!(arguments.format, Format::Perfetto | Format::Chrome) {
        if arguments.correlation.correlate {
            bail!(
                "--correlate is for trees and pages: timelines show the events of each process by themselves"
            );
        }
        if arguments.selection.is_of_traces() {
            bail!(
                "--slower-than, --sort and --top are for trees and pages: timelines are drawn before it is known which traces they mean"
            );
        }
        if arguments.critical_path {
            bail!("--critical-path is for trees and pages: timelines are drawn before it is known");
        }
    }
    output::refuse_to_overwrite(&arguments.out, &arguments.files)?;
    let mut destination = Destination::create(&arguments.out)?;
    match arguments.format {
        Format::Tree => trees(arguments, &mut destination)?,
        Format::Html => page(arguments, &mut destination)?,
        Format::Perfetto => timeline(arguments, PerfettoWriter::new(&mut destination))?,
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
    options.ranges = arguments.ranges;
    options.slowest_first = arguments.selection.is_slowest_first();
    options.colors = has_colors;
    options.width = width(arguments);
    let most = arguments.max_spans.unwrap_or(1_000_000);
    let mut trees = Trees {
        options,
        is_joined: arguments.correlation.correlate,
        is_selected: arguments.selection.chooses(),
        output: &mut output,
        processes: Vec::new(),
        spans: Kept::new(most),
        totals: Totals::default(),
    };
    let outcome = show(arguments, None, &mut trees);
    trees.finish()?;
    // What precedes a failure is printed before it is told.
    output.flush()?;
    outcome
}

/// How many columns a line may have.
fn width(arguments: &SpansArguments) -> Option<usize> {
    let of_terminal = || {
        let size = Term::stdout().size_checked();
        size.filter(|_| output::is_standard(&arguments.out)).map(|(_, columns)| columns.into())
    };
    arguments.width.or_else(of_terminal).filter(|&columns| columns > 0)
}

fn page(arguments: &SpansArguments, destination: &mut Destination) -> anyhow::Result<()> {
    let most = arguments.max_spans.unwrap_or(100_000);
    let mut pages = Page {
        processes: Vec::new(),
        spans: Kept::new(most),
        ranges: Kept::new(MOST_RANGES),
        has_ranges: arguments.ranges,
        is_selected: arguments.selection.chooses(),
    };
    let mut gathering = (!arguments.no_overview)
        .then(|| Gathering::new(arguments.mapping.base_time, arguments.selection.window()));
    let outcome = show(arguments, gathering.as_mut(), &mut pages);
    let mut output = BufWriter::new(destination);
    // What precedes a failure is worth a page too.
    let processes: Vec<_> = pages.processes.iter().map(KeptProcess::shown).collect();
    let mut options = HtmlOptions::default();
    options.ranges = arguments.ranges;
    let recording = gathering.map(|gathering| gathering.finish(String::new()));
    let recording = recording.filter(|recording| !recording.is_empty());
    let about = recording.as_ref().map(stats::about).unwrap_or_default();
    options.overview = recording.as_ref().map(|recording| Overview::new(&about, &recording.analysis));
    write_html(&processes, &options, &mut output)?;
    output.flush()?;
    outcome
}

fn timeline(arguments: &SpansArguments, canvas: impl Canvas) -> anyhow::Result<()> {
    let mut timeline = TimelineOutput::new(canvas, arguments.selection.window());
    let outcome = show(arguments, None, &mut timeline);
    // What precedes a failure is a timeline too.
    timeline.finish()?;
    outcome
}

/// Shows the spans that are wanted. `gathering`, if there is one, gets all of them, with the events.
fn show(
    arguments: &SpansArguments,
    gathering: Option<&mut Gathering>,
    output: &mut dyn Output,
) -> anyhow::Result<()> {
    let (progress, opening) = (output::progress(&arguments.out), arguments.reading.opening());
    let mut selected = Selected::new(&arguments.selection, arguments.ranges, output)?;
    let outcome = map_all(arguments, (progress, opening), gathering, &mut selected);
    // What precedes a failure is shown before it is told.
    selected.finish()?;
    outcome
}

fn map_all(
    arguments: &SpansArguments,
    (progress, opening): (Progress, Opening),
    gathering: Option<&mut Gathering>,
    output: &mut dyn Output,
) -> anyhow::Result<()> {
    let services = &arguments.correlation.service_names;
    let how = (&arguments.reading, &arguments.mapping);
    if arguments.files.is_empty() {
        let service = services.first().map(|name| name.as_str().into());
        let input = Input::unnamed(progress).map(|input| Input { service, ..input });
        let traces = Traces::new(iter::once(input), opening);
        return correlate::run(&arguments.correlation, how, output, gathering, traces);
    }
    let files = order::in_order(NamedFile::all(&arguments.files, services)?, opening);
    let inputs = files.iter().map(|file| file.open(progress));
    correlate::run(&arguments.correlation, how, output, gathering, Traces::new(inputs, opening))
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

    /// The spans, and how many were left out.
    fn take(&mut self) -> (Vec<Span>, u64) {
        (mem::take(&mut self.spans), mem::take(&mut self.left_out))
    }
}

/// A process whose spans are complete, or as many as are kept.
struct KeptProcess {
    name: String,
    spans: Vec<Span>,
    left_out: u64,
    left_out_ranges: u64,
    is_approximate: bool,
    is_selected: bool,
    /// None where nobody shows them.
    profiles: Option<Profiles>,
}

impl KeptProcess {
    fn begun(source: &Source, is_selected: bool) -> Self {
        Self {
            name: source.title().to_owned(),
            spans: Vec::new(),
            left_out: 0,
            left_out_ranges: 0,
            is_approximate: source.is_approximate(),
            is_selected,
            profiles: None,
        }
    }

    fn end(&mut self, kept: &mut Kept) {
        (self.spans, self.left_out) = kept.take();
        let (most, left_out) = (kept.most, self.left_out);
        if left_out > 0 {
            report::warning(
                &self.name,
                format_args!("shows {most} spans, and leaves {left_out} out: see --max-spans"),
            );
        }
    }

    fn shown(&self) -> Process<'_> {
        let mut process = Process::new(&self.name, &self.spans);
        process.left_out = self.left_out;
        process.left_out_ranges = self.left_out_ranges;
        process.is_approximate = self.is_approximate;
        process.is_selected = self.is_selected;
        process.profiles = self.profiles.as_ref();
        process
    }
}

/// Shows the spans of each process once they are complete, or those of all processes as one.
struct Trees<'a, W> {
    options: TreeOptions,
    is_joined: bool,
    /// Whether some spans are chosen.
    is_selected: bool,
    output: &'a mut W,
    /// Those that are not shown yet.
    processes: Vec<KeptProcess>,
    spans: Kept,
    totals: Totals,
}

/// What was shown so far.
#[derive(Default)]
struct Totals {
    processes: usize,
    spans: usize,
    traces: HashSet<TraceId>,
}

impl<W: Write> Trees<'_, W> {
    fn show(&mut self) -> io::Result<()> {
        let kept = mem::take(&mut self.processes);
        let shown: Vec<_> = kept.iter().map(KeptProcess::shown).collect();
        write_tree(&shown, &self.options, self.output)
    }

    /// Shows what all processes have together.
    fn finish(&mut self) -> io::Result<()> {
        let Totals { processes, spans, ref traces } = self.totals;
        if self.is_joined {
            return if processes > 0 { self.show() } else { Ok(()) };
        }
        match processes {
            0 | 1 => Ok(()),
            _ => writeln!(
                self.output,
                "in all {spans} spans in {} traces of {processes} processes",
                traces.len()
            ),
        }
    }
}

impl<W: Write> SpanSink for Trees<'_, W> {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        self.spans.add(span);
        Ok(())
    }
}

impl<W: Write> Output for Trees<'_, W> {
    fn wanted(&self) -> Wanted {
        // They tell what was waited for.
        Wanted { profiles: self.options.critical_path, ..Wanted::default() }
    }

    fn profiles(&mut self, profiles: Profiles) -> anyhow::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            process.profiles = Some(profiles);
        }
        Ok(())
    }

    fn begin(&mut self, begun: &Begun) -> anyhow::Result<()> {
        self.processes.push(KeptProcess::begun(&begun.source, self.is_selected));
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let Some(process) = self.processes.last_mut() else { return Ok(()) };
        process.end(&mut self.spans);
        let is_shown = |span: &&Span| self.options.ranges || span.scope != Scope::Range;
        let shown = process.spans.iter().filter(is_shown);
        self.totals.processes += 1;
        self.totals.spans += shown.clone().count();
        self.totals.traces.extend(shown.map(|span| span.trace_id));
        if self.is_joined { Ok(()) } else { Ok(self.show()?) }
    }
}

/// Keeps the spans and the profiles of each process for a page.
struct Page {
    processes: Vec<KeptProcess>,
    spans: Kept,
    /// Those of the runtime, which nobody has chosen: they keep no spans out.
    ranges: Kept,
    /// Whether they are chosen, and shown, as spans are.
    has_ranges: bool,
    /// Whether some spans are chosen.
    is_selected: bool,
}

impl SpanSink for Page {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        let is_of_lane = span.scope == Scope::Range && !self.has_ranges;
        let kept = if is_of_lane { &mut self.ranges } else { &mut self.spans };
        kept.add(span);
        Ok(())
    }
}

impl Output for Page {
    fn wanted(&self) -> Wanted {
        // Ranges are the lane over the waterfalls.
        Wanted { profiles: true, ranges: true, ..Wanted::default() }
    }

    fn begin(&mut self, Begun { source, .. }: &Begun) -> anyhow::Result<()> {
        self.processes.push(KeptProcess::begun(source, self.is_selected));
        Ok(())
    }

    fn profiles(&mut self, profiles: Profiles) -> anyhow::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            process.profiles = Some(profiles);
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            process.end(&mut self.spans);
            let (ranges, left_out) = self.ranges.take();
            process.spans.extend(ranges);
            process.left_out_ranges = left_out;
            if left_out > 0 {
                report::warning(
                    &process.name,
                    format_args!("shows {MOST_RANGES} ranges of the runtime, and leaves {left_out} out"),
                );
            }
        }
        Ok(())
    }
}
