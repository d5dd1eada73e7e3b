//! Who takes what a [`Mapper`](crate::Mapper) makes.
//!
//! Spans, logs and metrics have a trait each. Whether log records or metrics are made at all is told by the type of what a mapper,
//! or a [`Pipeline`](crate::Pipeline), is given, so that no sink can promise to take them and then not do it: one that takes spans
//! alone finds logs as events of their spans; several sinks together, or [`SpansAndLogs`] or [`AllSignals`] around one that is all
//! of them, get records.

use core::{convert::Infallible, fmt};

use crate::{log::LogRecord, metric::Metric, span::Span};

/// Whatever takes finished spans: an encoder, an exporter, a list.
///
/// ```
/// use trace_to_otel::{Span, SpanSink, sink};
///
/// let mut names = Vec::new();
/// let count = sink::from_fn(|span: &mut Span| {
///     names.push(span.name.clone());
///     Ok::<(), std::io::Error>(())
/// });
/// let mut failures = count.filter(|span| span.status.is_error()).map(|span| span.attributes.clear());
/// // mapper.event(&event, &mut failures)?;
/// # let _: &mut dyn SpanSink<Error = std::io::Error> = &mut failures;
/// ```
pub trait SpanSink {
    /// Why a span could not be taken.
    type Error;

    /// Takes one span.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it. The span is lost then, unless the sink says otherwise, and so may others
    /// be that the same event finishes: a caller that goes on afterwards has to count on that.
    fn take(&mut self, span: Span) -> Result<(), Self::Error>;

    /// The same by reference: what the sink leaves of the span, its memory above all, serves for the next one. A
    /// [`Mapper`](crate::Mapper) hands spans on by this. To be written for a sink that only looks at spans, as encoders
    /// do; whatever it leaves behind may be changed.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    fn lend(&mut self, span: &mut Span) -> Result<(), Self::Error> {
        self.take(core::mem::replace(span, Span::nothing()))
    }

    /// This sink behind one that hands on only the spans for which `keep` says true, and counts the others. Children of
    /// a span left out name it all the same; [`Volume`](crate::Volume) leads them to the next of their ancestors.
    fn filter<F: FnMut(&Span) -> bool>(self, keep: F) -> Filter<Self, F>
    where
        Self: Sized,
    {
        Filter { sink: self, keep, left_out: 0 }
    }

    /// This sink behind one that changes each span on the way.
    fn map<F: FnMut(&mut Span)>(self, change: F) -> Map<Self, F>
    where
        Self: Sized,
    {
        Map { sink: self, change }
    }
}

/// Whatever takes log records.
pub trait LogSink {
    /// Why a record could not be taken.
    type Error;

    /// Takes one log record. The span that it stands on comes later, as it may not have ended.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it: it is lost then.
    fn take_log(&mut self, log: LogRecord) -> Result<(), Self::Error>;
}

/// Whatever takes metrics.
pub trait MetricSink {
    /// Why a metric could not be taken.
    type Error;

    /// Takes one metric.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it: it is lost then.
    fn take_metric(&mut self, metric: Metric) -> Result<(), Self::Error>;
}

/// Whoever owns the sink.
impl<S: SpanSink + ?Sized> SpanSink for &mut S {
    type Error = S::Error;

    fn take(&mut self, span: Span) -> Result<(), S::Error> {
        (**self).take(span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        (**self).lend(span)
    }
}

/// Whoever owns the sink.
impl<L: LogSink + ?Sized> LogSink for &mut L {
    type Error = L::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), L::Error> {
        (**self).take_log(log)
    }
}

/// Whoever owns the sink.
impl<M: MetricSink + ?Sized> MetricSink for &mut M {
    type Error = M::Error;

    fn take_metric(&mut self, metric: Metric) -> Result<(), M::Error> {
        (**self).take_metric(metric)
    }
}

/// Whoever owns the sink.
impl<S: SpanSink + ?Sized> SpanSink for Box<S> {
    type Error = S::Error;

    fn take(&mut self, span: Span) -> Result<(), S::Error> {
        (**self).take(span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        (**self).lend(span)
    }
}

/// Whoever owns the sink.
impl<L: LogSink + ?Sized> LogSink for Box<L> {
    type Error = L::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), L::Error> {
        (**self).take_log(log)
    }
}

/// Whoever owns the sink.
impl<M: MetricSink + ?Sized> MetricSink for Box<M> {
    type Error = M::Error;

    fn take_metric(&mut self, metric: Metric) -> Result<(), M::Error> {
        (**self).take_metric(metric)
    }
}

/// Keeps the spans.
impl SpanSink for Vec<Span> {
    type Error = Infallible;

    fn take(&mut self, span: Span) -> Result<(), Infallible> {
        self.push(span);
        Ok(())
    }
}

/// Keeps the records.
impl LogSink for Vec<LogRecord> {
    type Error = Infallible;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Infallible> {
        self.push(log);
        Ok(())
    }
}

/// Keeps the metrics.
impl MetricSink for Vec<Metric> {
    type Error = Infallible;

    fn take_metric(&mut self, metric: Metric) -> Result<(), Infallible> {
        self.push(metric);
        Ok(())
    }
}

/// What a [`Mapper`](crate::Mapper) or a [`Pipeline`](crate::Pipeline) hands on to. Nobody else can implement it: it is
///
/// | what | gets |
/// |---|---|
/// | a [`SpanSink`] | spans, with logs as their events |
/// | a pair `(spans, logs)` of a [`SpanSink`] and a [`LogSink`] | to each its own, if [logs go out as records](crate::MapperOptions::log_records) |
/// | [`SpansAndLogs`] around a sink that is both | the same |
/// | three, `(spans, logs, metrics)`, with a [`MetricSink`] | the same, and from a pipeline [metrics](crate::PipelineOptions::metrics) |
/// | [`AllSignals`] around a sink that is all three | the same |
pub trait Sinks: sealed::Deliver {}

impl<S: sealed::Deliver + ?Sized> Sinks for S {}

/// Sinks whatever their type, so that mapping is compiled once, here, and not again for each sink of each program.
pub(crate) type Outlet<'s> = dyn sealed::Deliver<Error = Stopped> + 's;

/// A sink has not taken something. Why is kept where it was [asked](through).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped;

/// Hands on to sinks until one fails, with what it fails.
#[inline]
pub(crate) fn through<S: Sinks + ?Sized>(
    sink: &mut S,
    hand_on: impl FnOnce(&mut Outlet<'_>) -> Result<(), Stopped>,
) -> Result<(), S::Error> {
    let mut erased = Erased { sink, error: None };
    let outcome = hand_on(&mut erased);
    match erased.error {
        Some(error) => Err(error),
        None => {
            debug_assert!(outcome.is_ok(), "only a sink stops what is handed on");
            Ok(())
        }
    }
}

struct Erased<'s, S: Sinks + ?Sized> {
    sink: &'s mut S,
    error: Option<S::Error>,
}

impl<S: Sinks + ?Sized> sealed::Deliver for Erased<'_, S> {
    type Error = Stopped;

    #[inline]
    fn lend_span(&mut self, span: &mut Span) -> Result<(), Stopped> {
        let taken = self.sink.lend_span(span);
        self.stop(taken)
    }

    #[inline]
    fn logs(&mut self) -> Option<&mut dyn LogSink<Error = Stopped>> {
        if self.sink.logs().is_some() { Some(self) } else { None }
    }
}

impl<S: Sinks + ?Sized> LogSink for Erased<'_, S> {
    type Error = Stopped;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Stopped> {
        let taken = self.sink.logs().map_or(Ok(()), |logs| logs.take_log(log));
        self.stop(taken)
    }
}

impl<S: Sinks + ?Sized> Erased<'_, S> {
    #[inline]
    fn stop(&mut self, taken: Result<(), S::Error>) -> Result<(), Stopped> {
        taken.map_err(|error| {
            self.error = Some(error);
            Stopped
        })
    }
}

/// A sink that takes log records beside spans. By itself, a sink that could take both is given spans only.
///
/// ```
/// use trace_to_otel::{LogRecord, LogSink, Mapper, MapperOptions, Span, SpanSink, SpansAndLogs};
///
/// #[derive(Default)]
/// struct Lines(Vec<String>);
///
/// impl SpanSink for Lines {
///     type Error = std::convert::Infallible;
///
///     fn take(&mut self, span: Span) -> Result<(), Self::Error> {
///         self.0.push(format!("{} took {:?}", span.name, span.duration()));
///         Ok(())
///     }
/// }
///
/// impl LogSink for Lines {
///     type Error = std::convert::Infallible;
///
///     fn take_log(&mut self, log: LogRecord) -> Result<(), Self::Error> {
///         self.0.push(log.body.to_string());
///         Ok(())
///     }
/// }
///
/// let mut options = MapperOptions::default();
/// options.log_records = true;
/// let (mut mapper, mut lines) = (Mapper::with_options(options), Lines::default());
/// // … mapper.event(&event, &mut SpansAndLogs(&mut lines)) for each event …
/// let Ok(()) = mapper.finish(&mut SpansAndLogs(&mut lines));
/// # assert!(lines.0.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// A mark and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct SpansAndLogs<T>(
    /// The sink.
    pub T,
);

/// A sink that takes log records and metrics beside spans: as [`SpansAndLogs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// A mark and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct AllSignals<T>(
    /// The sink.
    pub T,
);

pub(crate) mod sealed {
    use super::{AllSignals, LogSink, MetricSink, Span, SpanSink, SpansAndLogs};

    /// What [`Sinks`](super::Sinks) do.
    pub trait Deliver {
        /// Why a span or a record could not be taken.
        type Error;

        /// Lends a span.
        fn lend_span(&mut self, span: &mut Span) -> Result<(), Self::Error>;

        /// Who takes log records, if anyone does.
        fn logs(&mut self) -> Option<&mut dyn LogSink<Error = Self::Error>>;

        /// Who takes metrics, if anyone does.
        fn metrics(&mut self) -> Option<&mut dyn MetricSink<Error = Self::Error>> {
            None
        }
    }

    impl<S: SpanSink + ?Sized> Deliver for S {
        type Error = S::Error;

        #[inline]
        fn lend_span(&mut self, span: &mut Span) -> Result<(), S::Error> {
            self.lend(span)
        }

        #[inline]
        fn logs(&mut self) -> Option<&mut dyn LogSink<Error = S::Error>> {
            None
        }
    }

    impl<S: SpanSink, L: LogSink<Error = S::Error>> Deliver for (S, L) {
        type Error = S::Error;

        #[inline]
        fn lend_span(&mut self, span: &mut Span) -> Result<(), S::Error> {
            self.0.lend(span)
        }

        #[inline]
        fn logs(&mut self) -> Option<&mut dyn LogSink<Error = S::Error>> {
            Some(&mut self.1)
        }
    }

    impl<T: SpanSink + LogSink<Error = <T as SpanSink>::Error>> Deliver for SpansAndLogs<T> {
        type Error = <T as SpanSink>::Error;

        #[inline]
        fn lend_span(&mut self, span: &mut Span) -> Result<(), Self::Error> {
            self.0.lend(span)
        }

        #[inline]
        fn logs(&mut self) -> Option<&mut dyn LogSink<Error = Self::Error>> {
            Some(&mut self.0)
        }
    }
    impl<S: SpanSink, L: LogSink<Error = S::Error>, M: MetricSink<Error = S::Error>> Deliver for (S, L, M) {
        type Error = S::Error;

        #[inline]
        fn lend_span(&mut self, span: &mut Span) -> Result<(), S::Error> {
            self.0.lend(span)
        }

        #[inline]
        fn logs(&mut self) -> Option<&mut dyn LogSink<Error = S::Error>> {
            Some(&mut self.1)
        }

        fn metrics(&mut self) -> Option<&mut dyn MetricSink<Error = S::Error>> {
            Some(&mut self.2)
        }
    }

    impl<E, T: SpanSink<Error = E> + LogSink<Error = E> + MetricSink<Error = E>> Deliver for AllSignals<T> {
        type Error = E;

        #[inline]
        fn lend_span(&mut self, span: &mut Span) -> Result<(), E> {
            self.0.lend(span)
        }

        #[inline]
        fn logs(&mut self) -> Option<&mut dyn LogSink<Error = E>> {
            Some(&mut self.0)
        }

        fn metrics(&mut self) -> Option<&mut dyn MetricSink<Error = E>> {
            Some(&mut self.0)
        }
    }
}

/// See [`SpanSink::filter`]. Log records are handed on as they are.
pub struct Filter<S, F> {
    sink: S,
    keep: F,
    left_out: u64,
}

impl<S, F> Filter<S, F> {
    /// How many spans were left out.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The sink behind.
    #[must_use]
    pub fn into_sink(self) -> S {
        self.sink
    }
}

impl<S: SpanSink, F: FnMut(&Span) -> bool> SpanSink for Filter<S, F> {
    type Error = S::Error;

    fn take(&mut self, span: Span) -> Result<(), S::Error> {
        if (self.keep)(&span) {
            return self.sink.take(span);
        }
        self.left_out += 1;
        Ok(())
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        if (self.keep)(span) {
            return self.sink.lend(span);
        }
        self.left_out += 1;
        Ok(())
    }
}

impl<S: LogSink, F> LogSink for Filter<S, F> {
    type Error = S::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), S::Error> {
        self.sink.take_log(log)
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Filter<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Filter");
        debug.field("sink", &self.sink).field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

/// See [`SpanSink::map`]. Log records are handed on as they are.
pub struct Map<S, F> {
    sink: S,
    change: F,
}

impl<S, F> Map<S, F> {
    /// The sink behind.
    #[must_use]
    pub fn into_sink(self) -> S {
        self.sink
    }
}

impl<S: SpanSink, F: FnMut(&mut Span)> SpanSink for Map<S, F> {
    type Error = S::Error;

    fn take(&mut self, mut span: Span) -> Result<(), S::Error> {
        (self.change)(&mut span);
        self.sink.take(span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        (self.change)(span);
        self.sink.lend(span)
    }
}

impl<S: LogSink, F> LogSink for Map<S, F> {
    type Error = S::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), S::Error> {
        self.sink.take_log(log)
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Map<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("sink", &self.sink).finish_non_exhaustive()
    }
}

/// A [`SpanSink`] that calls a function with each span, of which it may keep what it likes.
///
/// ```
/// use trace_to_otel::{Mapper, sink};
///
/// let mut slowest = None;
/// let mut spans = sink::from_fn(|span| {
///     slowest = slowest.max(Some(span.duration()));
///     Ok::<(), std::convert::Infallible>(())
/// });
/// let Ok(()) = Mapper::new().finish(&mut spans);
/// assert_eq!(slowest, None);
/// ```
pub fn from_fn<F, E>(take: F) -> FromFn<F>
where
    F: FnMut(&mut Span) -> Result<(), E>,
{
    FromFn(take)
}

/// See [`from_fn`].
pub struct FromFn<F>(F);

impl<F: FnMut(&mut Span) -> Result<(), E>, E> SpanSink for FromFn<F> {
    type Error = E;

    fn take(&mut self, mut span: Span) -> Result<(), E> {
        (self.0)(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), E> {
        (self.0)(span)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

/// A [`LogSink`] that calls a function with each record.
pub fn logs_from_fn<F, E>(take: F) -> LogsFromFn<F>
where
    F: FnMut(LogRecord) -> Result<(), E>,
{
    LogsFromFn(take)
}

/// See [`logs_from_fn`].
pub struct LogsFromFn<F>(F);

impl<F: FnMut(LogRecord) -> Result<(), E>, E> LogSink for LogsFromFn<F> {
    type Error = E;

    fn take_log(&mut self, log: LogRecord) -> Result<(), E> {
        (self.0)(log)
    }
}

impl<F> fmt::Debug for LogsFromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogsFromFn")
    }
}
