//! The events of processes in, spans, log records, metrics and profiles out.

#[cfg(feature = "profiles")]
mod profiles;
mod state;
mod through;

pub use state::{PipelineState, PipelineStateError};

use go_trace_format::Event;

#[cfg(feature = "profiles")]
use crate::profiles::ProfilesOptions;
use crate::{
    counters::{Counters, StackCounters},
    mapper::Mapper,
    metric::Metric,
    metrics::MetricsCollector,
    options::MapperOptions,
    pipeline::through::{Behind, Through},
    sink::Sinks,
    span::UnixTime,
    volume::{Volume, VolumeCounters, VolumeOptions},
};

/// What a [`Pipeline`] makes of events.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PipelineOptions {
    /// How they are mapped.
    pub mapper: MapperOptions,
    /// Which spans go out.
    pub volume: VolumeOptions,
    /// Whether there are metrics, where the [sink](Sinks) takes them.
    pub metrics: bool,
    /// Whether they have exemplars, which name spans that have gone out: for who takes these, too, and as they are. A
    /// [correlator](crate::Correlator) that gives spans other trace ids and times leaves exemplars alone.
    pub exemplars: bool,
    /// How profiles are collected beside; `None` for none. Their samples name the spans that were open on their goroutines, unless
    /// [`max_spans`](ProfilesOptions::max_spans) is 0. Their base time is the [mapper's](MapperOptions::base_time). They are to be
    /// [taken](Pipeline::take_profiles).
    #[cfg(feature = "profiles")]
    pub profiles: Option<ProfilesOptions>,
}

/// All that becomes of the events of a process, in one: a [`Mapper`], a [`MetricsCollector`], and a [`Volume`] before the sink; and
/// profiles, where they are wanted.
///
/// It lives on over the traces of a process, as a mapper does, and may go on with another process behind it: who has something
/// to do between two, such as another [resource](crate::Resource), asks [`begins_process`](Self::begins_process).
///
/// ```
/// use trace_to_otel::{Metric, Pipeline, PipelineOptions, LogRecord, Resource, Span, go_trace_format::Reader};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut options = PipelineOptions::default();
/// options.metrics = true;
/// let sinks = (Vec::<Span>::new(), Vec::<LogRecord>::new(), Vec::<Metric>::new());
/// let (mut pipeline, mut resource) = (Pipeline::new(options, sinks), Resource::new());
/// let mut reader = Reader::from_slice(trace)?;
/// while let Some(event) = reader.next_event()? {
///     if pipeline.begins_process(&event) {
///         pipeline.finish()?;
///         resource = Resource::new().with_told_by(event.tables());
///     }
///     pipeline.event(&event)?;
/// }
/// pipeline.finish()?;
/// assert!(resource.attribute("gotrace.format.version").is_some());
/// assert_eq!(pipeline.counters().volume.spans, pipeline.sink().0.len() as u64);
/// let (spans, _, metrics) = pipeline.into_sink();
/// assert!(!spans.is_empty() && !metrics.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pipeline<S> {
    options: MapperOptions,
    mapper: Mapper,
    /// None where metrics are not wanted.
    metrics: Option<MetricsCollector>,
    volume: Volume<Behind<S>>,
    #[cfg(feature = "profiles")]
    profiles: Option<profiles::Collecting>,
    /// Whether metrics have exemplars.
    exemplars: bool,
    /// Whether events of a process have come.
    is_under_way: bool,
}

/// What a [`Pipeline`] has made, and what it could not or was not to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineCounters {
    /// What the mapper has made of events.
    pub mapper: Counters,
    /// Which operations nothing but stacks told of.
    pub stacks: StackCounters,
    /// What volume control has let through.
    pub volume: VolumeCounters,
}

impl PipelineCounters {
    /// What was lost or left out, in words, each with how often: nothing that is 0.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        self.mapper.losses().chain(self.volume.losses())
    }
}

impl<S: Sinks> Pipeline<S> {
    /// A pipeline that has seen nothing.
    pub fn new(options: PipelineOptions, mut sink: S) -> Self {
        let takes_metrics = options.metrics && sink.metrics().is_some();
        let mut pipeline = Self {
            mapper: Mapper::with_options(options.mapper.clone()),
            metrics: takes_metrics.then(|| MetricsCollector::new(options.mapper.base_time)),
            volume: Volume::new(options.volume, Behind::new(sink)),
            #[cfg(feature = "profiles")]
            profiles: options
                .profiles
                .map(|profiles| profiles::Collecting::new(profiles, options.mapper.base_time)),
            exemplars: options.exemplars,
            is_under_way: false,
            options: options.mapper,
        };
        pipeline.watch_spans();
        pipeline
    }

    /// Has spans told to who counts by them.
    fn watch_spans(&mut self) {
        #[cfg(feature = "profiles")]
        let is_for_profiles = self.profiles.as_ref().is_some_and(profiles::Collecting::is_by_span);
        #[cfg(not(feature = "profiles"))]
        let is_for_profiles = false;
        let metrics = self.metrics.as_mut().filter(|_| self.exemplars);
        if is_for_profiles || metrics.is_some() {
            metrics.into_iter().for_each(MetricsCollector::exemplify);
            self.mapper.keep_changes();
            self.volume.sink_mut().outs.get_or_insert_default();
        }
    }

    /// Counts an event, or what comes of the end of all, with what has become of spans: in metrics, which it gives where a generation
    /// ends, and in profiles.
    #[inline]
    fn count(&mut self, event: Option<&Event<'_>>) -> Option<Vec<Metric>> {
        let outs = self.volume.sink().outs.as_deref().unwrap_or_default();
        let changes = self.mapper.changes();
        let metrics = self.metrics.as_mut();
        let counted = metrics
            .and_then(|metrics| metrics.event_with_spans(event, changes, outs, &mut self.volume.held()));
        #[cfg(feature = "profiles")]
        if let Some(profiles) = &mut self.profiles {
            profiles.count(event, changes, outs);
        }
        self.mapper.forget_changes();
        if let Some(outs) = &mut self.volume.sink_mut().outs {
            outs.clear();
        }
        counted
    }

    /// Whether an event begins a process: the first one, or another than the one under way. That is what a generation does with
    /// which a trace [begins](go_trace_format::Continuity::begins_trace) that does not go on with the one before.
    ///
    /// [`event`](Self::event) then ends what is under way in any case. To [`finish`](Self::finish) before has it go out first.
    #[must_use]
    pub fn begins_process(&self, event: &Event<'_>) -> bool {
        let continuity = self.mapper.continuity(event);
        continuity.is_some_and(|continuity| !self.is_under_way || continuity.begins_trace())
    }

    /// Takes the next event, and hands on what it finishes.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    #[inline]
    pub fn event(&mut self, event: &Event<'_>) -> Result<(), S::Error> {
        self.is_under_way = true;
        let mapped = self.mapper.event(event, &mut Through(&mut self.volume));
        // Whatever the sink has refused, the event was.
        let counted = match self.count(Some(event)) {
            Some(metrics) => self.volume.sink_mut().take_metrics(metrics),
            None => Ok(()),
        };
        mapped.and(counted)
    }

    /// When an event happened: see [`Mapper::unix_time`].
    #[must_use]
    pub fn unix_time(&self, event: &Event<'_>) -> UnixTime {
        self.mapper.unix_time(event)
    }

    /// Hands on the spans that [volume control holds back](Volume#held-spans). What is open stays so.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn flush(&mut self) -> Result<(), S::Error> {
        self.volume.flush()
    }

    /// Hands on the metrics of the generation under way, as nothing more comes of it: at the end of a trace, if not before. What
    /// is open stays so.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn end_generation(&mut self) -> Result<(), S::Error> {
        // What has gone out since the latest event is told of too.
        self.count(None);
        match self.metrics.as_mut().and_then(MetricsCollector::finish) {
            Some(metrics) => self.volume.sink_mut().take_metrics(metrics),
            None => Ok(()),
        }
    }

    /// Ends the process, as nothing more comes of it, and hands on all there is: what is open as incomplete. What comes next
    /// is another process.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn finish(&mut self) -> Result<(), S::Error> {
        self.is_under_way = false;
        let finished = self.mapper.finish(&mut Through(&mut self.volume));
        let flushed = finished.and_then(|()| self.volume.flush());
        self.count(None);
        flushed?;
        self.end_generation()
    }

    /// [Finishes](Self::finish), and goes over to a process whose traces begin at `base_time` where they hold no clock (see
    /// [`MapperOptions::base_time`]). What is counted but by volume control is counted anew.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn begin(&mut self, base_time: UnixTime) -> Result<(), S::Error> {
        self.finish()?;
        self.options.base_time = base_time;
        self.mapper = Mapper::with_options(self.options.clone());
        self.metrics = self.metrics.take().map(|_| MetricsCollector::new(base_time));
        #[cfg(feature = "profiles")]
        if let Some(profiles) = &mut self.profiles {
            profiles.begin_process(base_time);
        }
        self.watch_spans();
        Ok(())
    }

    /// What has been made, and what could not be, since the pipeline is there or was [resumed](Self::resume).
    #[must_use]
    pub fn counters(&self) -> PipelineCounters {
        PipelineCounters {
            mapper: *self.mapper.counters(),
            stacks: *self.mapper.stack_counters(),
            volume: self.volume.counters(),
        }
    }

    /// The sink behind.
    #[must_use]
    pub fn sink(&self) -> &S {
        &self.volume.sink().sink
    }

    /// The sink behind. What goes into it directly passes by all of this.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.volume.sink_mut().sink
    }

    /// The sink behind, for good. What is open or held back is lost, unless the pipeline was [finished](Self::finish) or
    /// [saved](Self::save).
    pub fn into_sink(self) -> S {
        self.volume.into_sink().sink
    }
}
