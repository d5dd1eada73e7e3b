//! Volume control: fewer and smaller spans, everything that is left out counted ([mapping rules](crate#mapping-rules): Volume).

mod collapse;
mod family;
mod limits;
mod rate;
mod sampling;
mod state;

pub use collapse::Collapse;
pub use limits::SpanLimits;
pub use sampling::{SamplingRatio, SamplingRatioError};
pub use state::VolumeStateError;

use core::{num::NonZeroU32, time::Duration};

use go_trace_context::{SpanId, TraceId};
use go_trace_sanitize::Filter;

use crate::{
    log::LogRecord,
    sink::{LogSink, SpanSink},
    span::{Scope, Span, SpanKind},
    volume::{
        collapse::{Runs, Step},
        family::{Family, Key},
        rate::Rate,
    },
};

/// What a [`Volume`] lets through. By default everything, unchanged.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VolumeOptions {
    /// The share of traces that go out, each whole or not at all.
    pub ratio: SamplingRatio,
    /// The kinds of spans that go out: [`Filter::CUSTOM`] tasks, regions and spans of [other scopes](Scope::Custom), [`Filter::CORE`] ranges of the runtime,
    /// the others the operations that they name.
    pub keep: Filter,
    /// Spans shorter than this stay behind. Of an incomplete span only what the trace holds of it counts.
    pub minimum_duration: Duration,
    /// Whether failed spans go out however short they are.
    pub spare_errors: bool,
    /// Whether spans go out however short they are that have no parent in the process, or are of kind
    /// [`SpanKind::Server`].
    pub spare_roots: bool,
    /// How many spans go out of each second of the trace: of those that ended in it, the first ones.
    pub spans_per_second: Option<NonZeroU32>,
    /// Whether a span goes out that `keep`, `minimum_duration` or `spans_per_second` would leave out, if one of its
    /// children has gone out already. Children mostly end before their parents do, so that without this their parent
    /// is one that no receiver has ever seen.
    pub whole_trees: bool,
    /// How large a span may be.
    pub limits: SpanLimits,
    /// Which regions become one span; `None` for none.
    pub collapse: Option<Collapse>,
}

impl Default for VolumeOptions {
    fn default() -> Self {
        Self {
            ratio: SamplingRatio::ALL,
            keep: Filter::ALL,
            minimum_duration: Duration::ZERO,
            spare_errors: true,
            spare_roots: false,
            spans_per_second: None,
            whole_trees: true,
            limits: SpanLimits::default(),
            collapse: None,
        }
    }
}

impl VolumeOptions {
    /// Whether some span may stay behind for another reason than its trace.
    fn is_selective(&self) -> bool {
        !self.keep.contains(Filter::ALL)
            || !self.minimum_duration.is_zero()
            || self.spans_per_second.is_some()
            || self.collapse.is_some()
    }
}

/// What a [`Volume`] has let through, and what not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeCounters {
    /// Spans handed on.
    pub spans: u64,
    /// Those of them that were handed on only because a child of theirs had been: see
    /// [`VolumeOptions::whole_trees`].
    pub kept_for_children: u64,
    /// Spans of traces that are not sampled.
    pub unsampled_spans: u64,
    /// Log records of traces that are not sampled.
    pub unsampled_logs: u64,
    /// Spans of kinds that are not kept.
    pub filtered_spans: u64,
    /// Spans that were too short.
    pub short_spans: u64,
    /// Spans too many for their second.
    pub excess_spans: u64,
    /// Regions that went into another one's span.
    pub collapsed_spans: u64,
    /// Attributes too many for their span.
    pub dropped_attributes: u64,
    /// Events too many for their span.
    pub dropped_events: u64,
    /// Links too many for their span.
    pub dropped_links: u64,
    /// Values of attributes that were cut.
    pub cut_values: u64,
    /// Spans left out, or awaited, of which there were too many to remember: if children of theirs come yet, they may
    /// name a parent that does not go out.
    pub forgotten_spans: u64,
}

impl VolumeCounters {
    /// What was left out, in words, each with how often: nothing that is 0.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.unsampled_spans, "spans of traces that are not sampled"),
            (self.unsampled_logs, "log records of traces that are not sampled"),
            (self.filtered_spans, "spans of kinds that are not kept"),
            (self.short_spans, "spans that were too short"),
            (self.excess_spans, "spans too many for their second"),
            (self.collapsed_spans, "regions that became part of another one's span"),
            (self.dropped_attributes, "attributes too many for their span"),
            (self.dropped_events, "events too many for their span"),
            (self.dropped_links, "links too many for their span"),
            (self.cut_values, "values of attributes cut"),
            (self.forgotten_spans, "spans left out whose late children cannot be given another parent"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
    }
}

/// Stands before a sink and lets fewer and smaller spans through to it.
///
/// A span passes, in this order: sampling of its trace; its kind; its duration; the limits on its size; collapsing;
/// the cap per second. What comes out depends on the spans and their order alone, never on the time of day, so that the
/// same trace gives the same spans.
///
/// # Parents
///
/// No span that goes out names a parent in its process that does not, but for three cases. A span that is to stay
/// behind goes out nonetheless when a child of it has ([`VolumeOptions::whole_trees`]; without it this is the first
/// case). Children that come after it get its own parent instead. Where the regions without parents of a goroutine are
/// collapsed, each was a trace of its own; a late child of one becomes the root of that trace and links to the span
/// that its parent went into. To know all this the ids of spans left out and of parents awaited are remembered, about
/// 100,000 of each; older ones are forgotten, which is counted: the second case. The third are parents that the mapper
/// itself never hands on, because their own context is not sampled.
///
/// # Held spans
///
/// Collapsing holds up to 1,024 regions back, until one comes that does not fit, their parent ends, or too much time
/// has passed. [`flush`](Self::flush) at the end, and wherever everything so far has to be out.
///
/// ```
/// use std::time::Duration;
/// use trace_to_otel::{Mapper, Span, Volume, VolumeOptions};
///
/// let mut options = VolumeOptions::default();
/// options.minimum_duration = Duration::from_micros(50);
/// options.ratio = 0.25.try_into()?;
///
/// let mut mapper = Mapper::new();
/// let mut volume = Volume::new(options, Vec::<Span>::new());
/// // … mapper.event(&event, &mut volume) for each event …
/// let Ok(()) = mapper.finish(&mut volume);
/// let Ok(()) = volume.flush();
/// let spans = volume.into_sink();
/// # assert!(spans.is_empty());
/// # Ok::<(), trace_to_otel::SamplingRatioError>(())
/// ```
#[derive(Debug)]
pub struct Volume<S> {
    options: VolumeOptions,
    sink: S,
    family: Family,
    runs: Runs,
    rate: Rate,
    counters: VolumeCounters,
}

impl<S: SpanSink> Volume<S> {
    /// Stands before `sink`.
    pub fn new(options: VolumeOptions, sink: S) -> Self {
        Self {
            options,
            sink,
            family: Family::default(),
            runs: Runs::default(),
            rate: Rate::default(),
            counters: VolumeCounters::default(),
        }
    }

    /// What was let through so far, and what not.
    #[must_use]
    pub fn counters(&self) -> VolumeCounters {
        VolumeCounters { forgotten_spans: self.family.forgotten(), ..self.counters }
    }

    /// The sink behind.
    #[must_use]
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// The sink behind. What goes into it directly passes by this.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The sink behind, for good. Spans held back are lost unless they were [flushed](Self::flush).
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Hands on what is held back.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn flush(&mut self) -> Result<(), S::Error> {
        while let Some(mut span) = self.runs.pop_oldest() {
            self.send(&mut span)?;
        }
        Ok(())
    }

    /// The spans that are held back.
    pub(crate) fn held(&self) -> impl Iterator<Item = (TraceId, SpanId)> {
        self.runs.spans().map(|span| (span.trace_id, span.span_id))
    }

    /// Counts a span that is to stay behind, unless it has to go out for its children.
    fn is_left_out(&mut self, span: &Span) -> bool {
        let reason = if !self.options.keep.intersects(category(&span.scope)) {
            &mut self.counters.filtered_spans
        } else if self.options.is_too_short(span) {
            &mut self.counters.short_spans
        } else {
            return false;
        };
        if self.options.whole_trees && self.family.is_awaited(Key::of(span)) {
            self.counters.kept_for_children += 1;
            return false;
        }
        *reason += 1;
        true
    }

    /// Hands on what a span shows to be complete, and the span itself unless there may be more like it.
    fn collapse(&mut self, collapse: Collapse, span: Span) -> Result<(), S::Error> {
        while let Some(mut child) = self.runs.pop_child_of(&span) {
            self.send(&mut child)?;
        }
        let is_leaf = !self.family.is_awaited(Key::of(&span));
        match self.runs.step(collapse, span, is_leaf) {
            Step::Absorbed { member, into } => {
                self.counters.collapsed_spans += 1;
                self.family.absorb(member, into);
                Ok(())
            }
            Step::Held { parent, before } => {
                self.family.await_parent(parent);
                before.map_or(Ok(()), |mut span| self.send(&mut span))
            }
            Step::Passed { before, mut span } => {
                if let Some(mut before) = before {
                    self.send(&mut before)?;
                }
                self.send(&mut span)
            }
        }
    }

    fn send(&mut self, span: &mut Span) -> Result<(), S::Error> {
        if self.options.is_selective() {
            let key = Key::of(span);
            let is_admitted = self.rate.admits(span.end, self.options.spans_per_second);
            let has_to_go = self.options.whole_trees && self.family.is_awaited(key);
            if !is_admitted && !has_to_go {
                self.counters.excess_spans += 1;
                self.family.leave_out(span);
                return Ok(());
            }
            self.counters.kept_for_children += u64::from(!is_admitted);
            self.rate.count();
            self.family.send(span);
        }
        self.sink.lend(span)?;
        self.counters.spans += 1;
        Ok(())
    }
}

impl<S: SpanSink> SpanSink for Volume<S> {
    type Error = S::Error;

    fn take(&mut self, mut span: Span) -> Result<(), S::Error> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        if !self.options.ratio.samples(span.trace_id) {
            self.counters.unsampled_spans += 1;
            return Ok(());
        }
        if self.options.is_selective() {
            let is_left_out = self.is_left_out(span);
            self.family.adopt(span);
            if is_left_out {
                self.family.leave_out(span);
                return Ok(());
            }
        }
        self.options.limits.apply(span, &mut self.counters);
        match self.options.collapse {
            Some(collapse) => self.collapse(collapse, core::mem::replace(span, Span::nothing())),
            None => self.send(span),
        }
    }
}

/// A log record goes out with its trace, whatever becomes of the span that it stands on.
impl<S: LogSink> LogSink for Volume<S> {
    type Error = S::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), S::Error> {
        if log.span.is_some_and(|span| !self.options.ratio.samples(span.trace_id)) {
            self.counters.unsampled_logs += 1;
            return Ok(());
        }
        self.sink.take_log(log)
    }
}

impl VolumeOptions {
    fn is_too_short(&self, span: &Span) -> bool {
        let is_root = span.parent.is_none_or(|parent| parent.is_remote) || span.kind == SpanKind::Server;
        span.duration() < self.minimum_duration
            && !(self.spare_errors && span.status.is_error())
            && !(self.spare_roots && is_root)
    }
}

/// The filter's category that spans of a scope belong to. Those of other scopes are a program's own.
fn category(scope: &Scope) -> Filter {
    match scope {
        Scope::Task | Scope::Region | Scope::Function | Scope::Custom(_) => Filter::CUSTOM,
        Scope::Range => Filter::CORE,
        Scope::Http | Scope::Rpc => Filter::HTTP,
        Scope::Sql | Scope::Database => Filter::SQL,
        Scope::Net | Scope::Messaging => Filter::NET,
        Scope::Tls => Filter::TLS,
    }
}
