//! Timelines of the processes that are read.

use std::io;

use go_trace_format::Event;
use trace_to_otel::{
    Span, SpanSink, TimeWindow, UnixTime,
    render::{Canvas, Timeline},
};

use crate::{
    map::{Begun, Output, Wanted},
    report,
};

/// Draws the timeline of one process after the other.
pub(crate) struct TimelineOutput<C> {
    timeline: Timeline<C>,
    /// What the process under way is called.
    name: String,
}

impl<C: Canvas> TimelineOutput<C> {
    /// Draws what is in a window of time.
    pub(crate) fn new(canvas: C, window: TimeWindow) -> Self {
        Self { timeline: Timeline::new(canvas).with_window(window), name: String::new() }
    }

    /// Nothing more comes.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.timeline.finish().map(drop)
    }
}

impl<C: Canvas> SpanSink for TimelineOutput<C> {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        Ok(self.timeline.take(span)?)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        Ok(self.timeline.lend(span)?)
    }
}

impl<C: Canvas> Output for TimelineOutput<C> {
    fn wanted(&self) -> Wanted {
        Wanted { steady_clock: true, ..Wanted::default() }
    }

    fn begin(&mut self, Begun { source, .. }: &Begun) -> anyhow::Result<()> {
        self.name.clone_from(&source.name);
        let name = source.service.as_deref().unwrap_or_else(|| file_name(&source.name));
        Ok(self.timeline.begin_process(name, source.is_approximate())?)
    }

    fn event(&mut self, event: &Event<'_>, time: UnixTime) -> anyhow::Result<()> {
        Ok(self.timeline.event(event, time)?)
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let left_out = self.timeline.end_process()?;
        if left_out > 0 {
            let what =
                "arrows between spans left out: too many spans were open, or their causes not in the trace";
            report::warning(&self.name, format_args!("{left_out} {what}"));
        }
        Ok(())
    }
}

/// What stands behind the last slash.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
