//! Recordings that are added up: what is known of them, and what they tell.

use std::path::PathBuf;

use anyhow::Context;
use go_trace_format::Event;
use trace_to_otel::{
    LogRecord, Metric, Span, SpanSink, TimeWindow, UnixTime, Value,
    analysis::{Analysis, AnalysisCollector, AnalysisOptions},
    profiles::Profiles,
};

use crate::{
    cli::{Mapping, Reading},
    info,
    map::{Begun, Conversion, Output, Wanted},
    order::{self, NamedFile},
    output,
    read::{Source, Traces},
    select::{has_nothing, refuse_nothing},
};

/// One recording or several, added up.
pub(crate) struct Recording {
    /// What to call it.
    pub(crate) name: String,
    /// The releases of Go that the programs were built with, as far as the traces tell, or those that write such traces.
    pub(crate) go_versions: Vec<String>,
    /// How many processes there were.
    pub(crate) processes: u64,
    /// Whether times of day are no more than near.
    pub(crate) is_approximate: bool,
    pub(crate) analysis: Analysis,
}

impl Recording {
    /// Reads files as one, as far as they are in the window. What was read before a failure is there too.
    pub(crate) fn read(
        files: &[PathBuf],
        window: TimeWindow,
        reading: &Reading,
        mapping: &Mapping,
    ) -> (Self, anyhow::Result<()>) {
        let mut gathering = Gathering::new(mapping.base_time, window);
        let outcome = gathering.read(files, reading, mapping);
        (gathering.finish(name(files)), outcome)
    }

    /// Fails where something was recorded, but nothing of it in the window.
    pub(crate) fn refuse_nothing(&self) -> anyhow::Result<()> {
        let Analysis { recorded, period, .. } = self.analysis;
        refuse_nothing(recorded, period).with_context(|| self.name.clone())
    }

    /// Whether there is nothing to tell of.
    pub(crate) fn is_empty(&self) -> bool {
        let Analysis { recorded, period, ref goroutines, ref spans, .. } = self.analysis;
        has_nothing(recorded, period) || goroutines.is_empty() && spans.is_empty()
    }
}

/// What files are called together.
fn name(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| match output::is_standard(path) {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    match files {
        [] => String::new(),
        [one] => name(one),
        [first, others @ ..] => format!("{} and {} more", name(first), others.len()),
    }
}

/// How many releases of Go are told of: a trace may claim any.
const MOST_VERSIONS: usize = 16;

/// Adds up one process after the other.
pub(crate) struct Gathering {
    base_time: Option<UnixTime>,
    window: TimeWindow,
    /// None before the first process.
    collector: Option<AnalysisCollector>,
    go_versions: Vec<String>,
    processes: u64,
    is_approximate: bool,
}

impl Gathering {
    pub(crate) fn new(base_time: Option<UnixTime>, window: TimeWindow) -> Self {
        Self {
            base_time,
            window,
            collector: None,
            go_versions: Vec::new(),
            processes: 0,
            is_approximate: false,
        }
    }

    fn read(&mut self, files: &[PathBuf], reading: &Reading, mapping: &Mapping) -> anyhow::Result<()> {
        let opening = reading.opening();
        let files = order::in_order(NamedFile::all(files, &[])?, opening);
        let progress = output::progress("-".as_ref());
        let traces = Traces::new(files.into_iter().map(|file| file.open(progress)), opening);
        Conversion::new(mapping, reading.details, self).run(traces)
    }

    pub(crate) fn finish(self, name: String) -> Recording {
        let Self { collector, go_versions, processes, is_approximate, .. } = self;
        let analysis = collector.unwrap_or_default().finish();
        Recording { name, go_versions, processes, is_approximate, analysis }
    }
}

impl SpanSink for Gathering {
    type Error = anyhow::Error;

    fn take(&mut self, mut span: Span) -> anyhow::Result<()> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        if let Some(collector) = &mut self.collector {
            collector.span(span);
        }
        Ok(())
    }
}

impl Output for Gathering {
    fn begin(&mut self, Begun { source, told }: &Begun) -> anyhow::Result<()> {
        let base_time = self.base_time.or(source.modified).unwrap_or(UnixTime(0));
        match &mut self.collector {
            Some(collector) => collector.begin_process(base_time),
            None => {
                let mut options = AnalysisOptions::default();
                (options.base_time, options.window) = (base_time, self.window);
                self.collector = Some(AnalysisCollector::new(options));
            }
        }
        let version = match told.attribute("process.runtime.version") {
            Some(Value::Text(version)) => version.to_string(),
            _ => info::written_by(source.version).to_owned(),
        };
        if self.go_versions.len() < MOST_VERSIONS && !self.go_versions.contains(&version) {
            self.go_versions.push(version);
        }
        self.processes += 1;
        self.is_approximate |= source.is_approximate();
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>, _: UnixTime) -> anyhow::Result<()> {
        if let Some(collector) = &mut self.collector {
            collector.event(event);
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What goes to an output is added up on the way.
pub(crate) struct Gathered<'o> {
    pub(crate) gathering: &'o mut Gathering,
    pub(crate) output: &'o mut dyn Output,
}

impl SpanSink for Gathered<'_> {
    type Error = anyhow::Error;

    fn take(&mut self, mut span: Span) -> anyhow::Result<()> {
        self.gathering.lend(&mut span)?;
        self.output.take(span)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        self.gathering.lend(span)?;
        self.output.lend(span)
    }
}

impl Output for Gathered<'_> {
    fn wanted(&self) -> Wanted {
        self.output.wanted()
    }

    fn begin(&mut self, begun: &Begun) -> anyhow::Result<()> {
        self.gathering.begin(begun)?;
        self.output.begin(begun)
    }

    fn starts(&mut self, time: UnixTime) -> anyhow::Result<()> {
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
        self.gathering.event(event, time)?;
        self.output.event(event, time)
    }

    fn profiles(&mut self, profiles: Profiles) -> anyhow::Result<()> {
        self.output.profiles(profiles)
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.output.end()
    }
}
