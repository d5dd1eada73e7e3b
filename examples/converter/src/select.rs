//! Which spans are wanted.

use std::{collections::BTreeMap, mem, time::Duration};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use go_trace_context::TraceId;
use go_trace_format::Event;
use trace_to_otel::{
    LogRecord, Metric, Moment, Scope, Selection, SelectionOptions, Span, SpanSink, TimeWindow, TraceOrder,
    UnixTime,
    profiles::{Period, Profiles},
    query::Pattern,
    render::{DisplayDuration, DisplayTime},
};

use crate::{
    cli::{duration, moment},
    map::{Begun, Output, Wanted},
    read::Source,
    report,
};

/// Which spans to take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selecting {
    /// Only spans (and of timelines, all else) that end from here on: so long after the beginning of the first trace, such as 500ms, or a time of day, as
    /// 2026-11-23T15:04:05Z.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Moment>,
    /// Only spans that start up to here.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Moment>,
    /// Only spans of this name, in which a * stands for any text; or with this in it behind a ~, as ~orders. May be given
    /// again and again.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<Pattern>,
    /// Only spans of this trace. May be given again and again.
    #[arg(long = "trace-id", value_name = "ID")]
    trace_ids: Vec<TraceId>,
    /// Only traces that took longer, such as 100ms, with all their spans: whose root, or first span in a process, did.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    slower_than: Option<Duration>,
    /// Traces in this order, those of each process together.
    #[arg(long, value_enum, value_name = "ORDER")]
    sort: Option<Sort>,
    /// Only the first so many traces of all: the slowest, unless --sort says otherwise.
    ///
    /// For --slower-than, --sort and --top up to 1000000 spans are held in memory until it is known which are wanted; where there
    /// are more, the traces that look least wanted are left out, and counted. Garbage collections and the like are no
    /// traces to them, unless --ranges shows them.
    #[arg(long, value_name = "COUNT")]
    top: Option<usize>,
}

/// The order of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// By when they start.
    Start,
    /// By how long they took, the slowest first.
    Duration,
}

impl Selecting {
    /// Whether whole traces are chosen, or put in order: that is known only when all their spans are there.
    pub(crate) fn is_of_traces(&self) -> bool {
        self.slower_than.is_some() || self.sort.is_some() || self.top.is_some()
    }

    /// Whether the slowest traces come first.
    pub(crate) fn is_slowest_first(&self) -> bool {
        self.sort.map_or(self.top.is_some(), |sort| sort == Sort::Duration)
    }

    pub(crate) fn window(&self) -> TimeWindow {
        TimeWindow::new(self.from, self.to)
    }

    /// Whether some spans are chosen, and not all of them.
    pub(crate) fn chooses(&self) -> bool {
        let is_any = self.names.is_empty() && self.trace_ids.is_empty() && self.window().is_all();
        !is_any || self.slower_than.is_some() || self.top.is_some()
    }

    fn is_all(&self) -> bool {
        !self.chooses() && self.sort.is_none()
    }

    fn options(&self, has_ranges: bool) -> SelectionOptions {
        let mut options = SelectionOptions::default();
        options.window = self.window();
        options.names.clone_from(&self.names);
        options.trace_ids.clone_from(&self.trace_ids);
        options.slower_than = self.slower_than;
        options.order = self.sort.map(|sort| match sort {
            Sort::Start => TraceOrder::Start,
            Sort::Duration => TraceOrder::Duration,
        });
        options.top = self.top;
        options.ranges = has_ranges;
        options
    }
}

/// Which part of the recordings.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Times {
    /// Only what ends from here on, whole: so long after the beginning of the first trace, such as 500ms, or a time of day, as
    /// 2026-11-23T15:04:05Z.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Moment>,
    /// Only what starts up to here.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Moment>,
}

impl Times {
    /// Fails where there can be nothing in it.
    pub(crate) fn within(self) -> anyhow::Result<Within> {
        let window = TimeWindow::new(self.from, self.to);
        refuse_backwards(window)?;
        Ok(Within { window, begin: None })
    }
}

/// From when to when it counts what was recorded.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Counted {
    /// As if recording had begun here: so long after the beginning of the first trace, such as 500ms, or a time of day, as
    /// 2026-11-23T15:04:05Z. Spans that end from here on count whole.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Moment>,
    /// As if recording had ended here. Spans that start up to here count whole.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Moment>,
}

impl Counted {
    /// Fails where there can be nothing in it.
    pub(crate) fn window(self) -> anyhow::Result<TimeWindow> {
        let window = TimeWindow::new(self.from, self.to);
        refuse_without_time(window).map(|()| window)
    }
}

/// Whether something was recorded, but nothing of it in the window.
pub(crate) fn has_nothing(recorded: Period, counted: Period) -> bool {
    recorded.duration > 0 && counted.duration == 0
}

/// Fails where something was recorded, but nothing of it in the window.
pub(crate) fn refuse_nothing(recorded: Period, counted: Period) -> anyhow::Result<()> {
    if !has_nothing(recorded, counted) {
        return Ok(());
    }
    let (start, duration) = (DisplayTime(recorded.start), DisplayDuration(recorded.duration));
    bail!(
        "nothing was recorded between --from and --to: the recording begins at {start} UTC and has {duration}"
    )
}

/// Tells what is in a part of the recordings.
pub(crate) struct Within {
    window: TimeWindow,
    /// When the first event of all was.
    begin: Option<UnixTime>,
}

impl Within {
    /// A process begins with an event at this time.
    pub(crate) fn starts(&mut self, time: UnixTime) {
        self.begin.get_or_insert(time);
    }

    pub(crate) fn is_all(&self) -> bool {
        self.window.is_all()
    }

    /// Whether a part of what was from `start` to `end` is in it.
    pub(crate) fn holds(&self, start: UnixTime, end: UnixTime) -> bool {
        self.window.holds(self.begin.unwrap_or(UnixTime(0)), start, end)
    }
}

/// Fails where no time can pass in it.
pub(crate) fn refuse_without_time(window: TimeWindow) -> anyhow::Result<()> {
    if window.from.is_some() && window.from == window.to {
        bail!("--from and --to are the same moment: no time passes between them");
    }
    refuse_backwards(window)
}

pub(crate) fn refuse_backwards(window: TimeWindow) -> anyhow::Result<()> {
    if window.is_backwards() { bail!("--from is behind --to") } else { Ok(()) }
}

/// An output that gets the chosen spans only.
pub(crate) struct Selected<'o> {
    output: &'o mut dyn Output,
    /// Spans that are held carry the place of their process.
    selection: Selection<usize>,
    /// Whether every span is chosen.
    is_all: bool,
    /// The processes whose spans are held.
    processes: Vec<Held>,
    /// Whether ranges of the runtime go out whichever spans are chosen, and when.
    keeps_ranges: bool,
    within: Within,
    /// How many of them there were to hold.
    ranges: usize,
    /// Whether the first event of all was.
    is_begun: bool,
}

/// How many ranges of the runtime are held until the spans are chosen, and how many of a process are shown.
pub(crate) const MOST_RANGES: usize = 100_000;

/// A process whose spans are held.
struct Held {
    begun: Begun,
    ranges: Vec<Span>,
    profiles: Option<Profiles>,
}

impl<'o> Selected<'o> {
    pub(crate) fn new(
        selecting: &Selecting,
        has_ranges: bool,
        output: &'o mut dyn Output,
    ) -> anyhow::Result<Self> {
        refuse_backwards(selecting.window())?;
        let selection = Selection::new(selecting.options(has_ranges));
        // Where they are shown one by one, they are chosen as spans are.
        let keeps_ranges = output.wanted().ranges && !has_ranges;
        let within = Within { window: selecting.window(), begin: None };
        let (is_all, processes, ranges) = (selecting.is_all(), Vec::new(), 0);
        Ok(Self { output, selection, is_all, processes, keeps_ranges, within, ranges, is_begun: false })
    }

    /// A range goes out, or is held as long as spans are.
    fn range(&mut self, range: &mut Span) -> anyhow::Result<()> {
        if !self.within.holds(range.start, range.end) {
            return Ok(());
        }
        if !self.selection.holds() {
            return self.output.lend(range);
        }
        self.ranges += 1;
        if let Some(process) = self.processes.last_mut().filter(|_| self.ranges <= MOST_RANGES) {
            process.ranges.push(range.clone());
        }
        Ok(())
    }

    /// Hands on what was held, and tells what was left out.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let mut spans: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
        for (process, span) in self.selection.finish() {
            spans.entry(process).or_default().push(span);
        }
        for (place, process) in self.processes.into_iter().enumerate() {
            hand_on(self.output, process, spans.remove(&place).unwrap_or_default())
                .context("writing the spans")?;
        }
        let counters = self.selection.counters();
        for (count, what) in counters.losses() {
            report::note(format_args!("left out as asked: {count} {what}"));
        }
        if counters.too_many > 0 {
            let many = counters.too_many;
            report::note(format_args!(
                "left out: {many} spans that were too many to hold; narrow the selection by --from and --to"
            ));
        }
        if let Some(many @ 1..) = self.ranges.checked_sub(MOST_RANGES) {
            report::note(format_args!("left out: {many} ranges of the runtime that were too many to hold"));
        }
        if counters.cut_traces > 0 {
            let many = counters.cut_traces;
            report::note(format_args!(
                "shown in part: {many} traces, of which other spans were too many to hold"
            ));
        }
        Ok(())
    }
}

fn hand_on(output: &mut dyn Output, process: Held, spans: Vec<Span>) -> anyhow::Result<()> {
    output.begin(&process.begun)?;
    spans.into_iter().chain(process.ranges).try_for_each(|span| output.take(span))?;
    process.profiles.map_or(Ok(()), |profiles| output.profiles(profiles))?;
    output.end()
}

impl SpanSink for Selected<'_> {
    type Error = anyhow::Error;

    fn take(&mut self, mut span: Span) -> anyhow::Result<()> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        if self.keeps_ranges && span.scope == Scope::Range {
            return self.range(span);
        }
        let process = self.processes.len().saturating_sub(1);
        if self.selection.admits(process, span) { self.output.lend(span) } else { Ok(()) }
    }
}

impl Output for Selected<'_> {
    fn wanted(&self) -> Wanted {
        let wanted = self.output.wanted();
        // Which spans are chosen is not known yet when metrics and profiles name them.
        let no_links = wanted.links_lead_out && !self.is_all;
        Wanted { exemplars: wanted.exemplars && self.is_all, no_links, ..wanted }
    }

    fn begin(&mut self, begun: &Begun) -> anyhow::Result<()> {
        if self.selection.holds() {
            self.processes.push(Held { begun: begun.clone(), ranges: Vec::new(), profiles: None });
            return Ok(());
        }
        self.output.begin(begun)
    }

    fn starts(&mut self, time: UnixTime) -> anyhow::Result<()> {
        if !mem::replace(&mut self.is_begun, true) {
            self.selection.begin(time);
            self.within.starts(time);
        }
        self.output.starts(time)
    }

    fn opens(&mut self, source: &Source) {
        self.output.opens(source);
    }

    fn reads(&mut self, source: &Source) -> anyhow::Result<()> {
        self.output.reads(source)
    }

    fn log(&mut self, log: &LogRecord) -> anyhow::Result<()> {
        self.output.log(log)
    }

    fn metric(&mut self, metric: &Metric) -> anyhow::Result<()> {
        self.output.metric(metric)
    }

    fn event(&mut self, event: &Event<'_>, time: UnixTime) -> anyhow::Result<()> {
        self.output.event(event, time)
    }

    fn profiles(&mut self, profiles: Profiles) -> anyhow::Result<()> {
        match self.processes.last_mut() {
            Some(process) => process.profiles = Some(profiles),
            None => return self.output.profiles(profiles),
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.selection.holds() { Ok(()) } else { self.output.end() }
    }
}
