//! Traces one after the other, each going on where an earlier snapshot of its process has ended.

use anyhow::bail;
use go_trace_format::Event;

use crate::read::Trace;

/// What was read so far.
#[derive(Default)]
pub(crate) struct Following {
    latest: Option<Trace>,
    is_damaged: bool,
}

impl Following {
    /// Hands on every event of a trace that no earlier one has held, and fails as [`Trace::for_each_event`] does.
    pub(crate) fn read(
        &mut self,
        mut trace: Trace,
        take: impl FnMut(&Event<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // Processes in containers of one host are alike in clocks and threads: the names that the user has given tell them apart.
        let is_its = |earlier: &mut Trace| earlier.source.service == trace.source.service;
        if let Some(earlier) = self.latest.take_if(is_its) {
            trace = trace.follow(earlier);
        }
        let outcome = trace.for_each_event(take);
        self.is_damaged |= trace.is_damaged();
        self.latest = Some(trace);
        outcome
    }

    /// The trace that was read last.
    pub(crate) fn latest(&self) -> Option<&Trace> {
        self.latest.as_ref()
    }

    /// Fails where nothing of damaged traces was left, if that is so.
    pub(crate) fn check(&self, is_nothing: bool) -> anyhow::Result<()> {
        match &self.latest {
            Some(trace) if is_nothing && self.is_damaged => {
                bail!("{}: nothing could be read", trace.source.name)
            }
            _ => Ok(()),
        }
    }
}
