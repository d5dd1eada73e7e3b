//! Profiles beside spans: the mapper and what stands behind volume control tell of spans, by which time is counted.

use go_trace_format::Event;

use crate::{
    known::changes::{Change, SpanOut},
    pipeline::Pipeline,
    profiles::{Profiles, ProfilesCollector, ProfilesOptions},
    sink::Sinks,
    span::UnixTime,
};

/// A collector, and how to make another one.
#[derive(Debug)]
pub(super) struct Collecting {
    options: ProfilesOptions,
    collector: ProfilesCollector,
}

impl Collecting {
    pub(super) fn new(options: ProfilesOptions, base_time: UnixTime) -> Self {
        let options = ProfilesOptions { base_time, ..options };
        Self { collector: ProfilesCollector::new(options.clone()), options }
    }

    pub(super) fn is_by_span(&self) -> bool {
        self.options.max_spans > 0
    }

    pub(super) fn begin_process(&mut self, base_time: UnixTime) {
        self.options.base_time = base_time;
        self.collector.begin_process(base_time);
    }

    /// Counts an event, or what comes of the end of all, with what has become of spans.
    #[inline]
    pub(super) fn count(&mut self, event: Option<&Event<'_>>, changes: &[Change], outs: &[SpanOut]) {
        let (changes, outs) = if self.is_by_span() { (changes, outs) } else { Default::default() };
        match event {
            Some(event) => self.collector.event_with_spans(event, changes),
            None => changes.iter().for_each(|&change| self.collector.change(change, None)),
        }
        self.collector.go_out(outs.iter().cloned());
    }

    fn take(&mut self) -> Profiles {
        let next = ProfilesCollector::new(self.options.clone());
        core::mem::replace(&mut self.collector, next).finish()
    }
}

impl<S: Sinks> Pipeline<S> {
    /// The [profiles](crate::PipelineOptions::profiles) of all events since they were taken last; none where none are wanted. What
    /// goroutines do that go on is in the next ones from where these are told of again, at the beginning of a generation: to be
    /// taken between traces. Samples name spans that have gone out only: those of spans that are open would have to wait for them.
    ///
    /// ```
    /// use trace_to_otel::{Pipeline, PipelineOptions, Span, go_trace_format::Reader};
    /// use trace_to_otel::profiles::{ProfileKind, ProfilesOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
    /// let mut options = PipelineOptions::default();
    /// options.profiles = Some(ProfilesOptions::default());
    /// let mut pipeline = Pipeline::new(options, Vec::<Span>::new());
    /// let mut reader = Reader::from_slice(trace)?;
    /// while let Some(event) = reader.next_event()? {
    ///     pipeline.event(&event)?;
    /// }
    /// pipeline.finish()?;
    /// let profiles = pipeline.take_profiles().unwrap();
    /// let spans = pipeline.into_sink();
    /// let profile = profiles.profile(ProfileKind::Cpu);
    /// let named = profile.samples().iter().filter_map(|sample| sample.span);
    /// assert!(named.clone().count() > 0);
    /// for sample in named {
    ///     assert!(spans.iter().any(|span| (span.trace_id, span.span_id) == (sample.trace_id, sample.span_id)));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_profiles(&mut self) -> Option<Profiles> {
        // What has gone out since the latest event is told of too.
        self.count(None);
        let collecting = self.profiles.as_mut()?;
        let profiles = collecting.take();
        if collecting.is_by_span() {
            // To the next ones all that is open is new; metrics know.
            self.mapper.tell_open();
            collecting.count(None, self.mapper.changes(), &[]);
            self.mapper.forget_changes();
        }
        Some(profiles)
    }
}
