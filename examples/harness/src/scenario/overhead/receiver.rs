//! A receiver that takes everything and does nothing, so that what is measured is not what it takes from the others.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::span::SpanKind,
};
use prost::Message;

use crate::{
    http::{Answer, Handler, Request, Server},
    proxy::lock,
    spans::Spans,
};

pub(super) struct Receiver {
    server: Server,
    taken: Arc<Taken>,
    /// Of the requests that have been looked at.
    spans: Spans,
    pub(super) bytes: u64,
}

#[derive(Default)]
struct Taken(Mutex<Vec<Request>>);

impl Handler for Taken {
    fn answer(&self, request: Request) -> Answer {
        lock(&self.0).push(request);
        Answer::status(200)
    }
}

/// How many spans have arrived, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Of requests that were served.
    pub(super) requests: usize,
    /// Of the work in them.
    pub(super) work: usize,
}

impl Receiver {
    pub(super) fn start() -> Result<Self> {
        let taken = Arc::<Taken>::default();
        let handler = Arc::clone(&taken);
        Ok(Self { server: Server::start(handler)?, taken, spans: Spans::default(), bytes: 0 })
    }

    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Looks at what has come since the last time.
    pub(super) fn look(&mut self) -> Result<Arrived> {
        let requests = std::mem::take(&mut *lock(&self.taken.0));
        for request in requests {
            ensure!(request.target == "/v1/traces", "a request that is not of spans: {}", request.target);
            self.bytes += request.body.len() as u64;
            let decoded = ExportTraceServiceRequest::decode(&*request.body);
            self.spans.add(&decoded.context("a request that is no OTLP")?.resource_spans);
        }
        let of_kind = |kind| self.spans.all.values().filter(move |span| span.kind == kind);
        Ok(Arrived {
            requests: of_kind(SpanKind::Server).count(),
            work: of_kind(SpanKind::Internal).filter(|span| span.name == "work").count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

    use super::*;

    #[test]
    fn spans_count_once_and_by_their_kinds() {
        let span = |id, name: &str, kind: SpanKind| Span {
            trace_id: vec![1],
            span_id: vec![id],
            name: name.to_owned(),
            kind: kind.into(),
            ..Span::default()
        };
        let spans = vec![
            span(1, "GET /work/{id}", SpanKind::Server),
            span(2, "work", SpanKind::Internal),
            span(3, "GC concurrent mark phase", SpanKind::Internal),
        ];
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let body = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
        }
        .encode_to_vec();
        let mut receiver = Receiver::start().unwrap();
        let request =
            |target: &str| Request { target: target.to_owned(), body: body.clone(), ..Request::default() };
        for _ in 0..2 {
            receiver.taken.answer(request("/v1/traces"));
        }
        assert_eq!(receiver.look().unwrap(), Arrived { requests: 1, work: 1 });
        assert_eq!(receiver.bytes, 2 * body.len() as u64);
        receiver.taken.answer(request("/v1/logs"));
        receiver.look().unwrap_err();
    }
}
