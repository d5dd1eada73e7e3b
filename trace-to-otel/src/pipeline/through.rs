//! From a mapper to sinks, by way of volume control.

use crate::{
    log::LogRecord,
    metric::Metric,
    sink::{LogSink, Sinks, SpanSink, sealed::Deliver},
    span::Span,
    volume::Volume,
};

/// Sinks, as what stands behind volume control: one sink of everything.
#[derive(Debug)]
pub(super) struct Behind<S>(pub(super) S);

impl<S: Sinks> Behind<S> {
    pub(super) fn take_metrics(&mut self, metrics: Vec<Metric>) -> Result<(), S::Error> {
        match self.0.metrics() {
            Some(sink) => metrics.into_iter().try_for_each(|metric| sink.take_metric(metric)),
            None => Ok(()),
        }
    }
}

impl<S: Sinks> SpanSink for Behind<S> {
    type Error = S::Error;

    fn take(&mut self, mut span: Span) -> Result<(), S::Error> {
        self.0.lend_span(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        self.0.lend_span(span)
    }
}

impl<S: Sinks> LogSink for Behind<S> {
    type Error = S::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), S::Error> {
        match self.0.logs() {
            Some(sink) => sink.take_log(log),
            None => Ok(()),
        }
    }
}

/// Volume control before sinks, as what a mapper hands on to: it takes logs if they do.
pub(super) struct Through<'v, S>(pub(super) &'v mut Volume<Behind<S>>);

impl<S: Sinks> Deliver for Through<'_, S> {
    type Error = S::Error;

    #[inline]
    fn lend_span(&mut self, span: &mut Span) -> Result<(), S::Error> {
        self.0.lend(span)
    }

    #[inline]
    fn logs(&mut self) -> Option<&mut dyn LogSink<Error = S::Error>> {
        if self.0.sink_mut().0.logs().is_some() { Some(self.0) } else { None }
    }
}
