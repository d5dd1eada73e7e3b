//! From a mapper to sinks, by way of volume control.

use crate::{
    known::changes::SpanOut,
    log::LogRecord,
    metric::Metric,
    sink::{LogSink, Sinks, SpanSink, sealed::Deliver},
    span::Span,
    volume::Volume,
};

/// Sinks, as what stands behind volume control: one sink of everything.
#[derive(Debug)]
pub(super) struct Behind<S> {
    pub(super) sink: S,
    /// The spans that have gone out and not been asked for yet; none where nobody asks.
    pub(super) outs: Option<Vec<SpanOut>>,
}

impl<S: Sinks> Behind<S> {
    pub(super) fn new(sink: S) -> Self {
        Self { sink, outs: None }
    }

    pub(super) fn take_metrics(&mut self, metrics: Vec<Metric>) -> Result<(), S::Error> {
        match self.sink.metrics() {
            Some(sink) => metrics.into_iter().try_for_each(|metric| sink.take_metric(metric)),
            None => Ok(()),
        }
    }
}

impl<S: Sinks> SpanSink for Behind<S> {
    type Error = S::Error;

    fn take(&mut self, mut span: Span) -> Result<(), S::Error> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), S::Error> {
        // The sink may take it away.
        let out = self.outs.is_some().then(|| SpanOut::of(span));
        self.sink.lend_span(span)?;
        if let Some(outs) = &mut self.outs {
            outs.extend(out);
        }
        Ok(())
    }
}

impl<S: Sinks> LogSink for Behind<S> {
    type Error = S::Error;

    fn take_log(&mut self, log: LogRecord) -> Result<(), S::Error> {
        match self.sink.logs() {
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
        if self.0.sink_mut().sink.logs().is_some() { Some(self.0) } else { None }
    }
}
