//! Requests.

use opentelemetry_semantic_conventions::attribute::{
    HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, SERVER_ADDRESS, SERVER_PORT, URL_FULL, URL_PATH,
};

use super::{number, text, view};
use crate::{
    attribute::HTTP_ERROR_MESSAGE,
    span::{Scope, Span, SpanKind},
};

/// A request, served or made.
///
/// ```
/// use trace_to_otel::{HttpSpan, Mapper, Span, go_trace_format::Reader};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let trace: &[u8] = b"go 1.22 trace\0\0\0";
/// let mut spans: Vec<Span> = Vec::new();
/// Mapper::new().read(&mut Reader::from_slice(trace)?, &mut spans)?;
/// for request in spans.iter().filter_map(HttpSpan::of) {
///     println!("{:?} {:?}: {:?}", request.url(), request.status_code(), request.duration());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HttpSpan<'s>(&'s Span);

view!(HttpSpan);

impl<'s> HttpSpan<'s> {
    /// A look at a span, if it is of a request.
    #[must_use]
    pub fn of(span: &'s Span) -> Option<Self> {
        (span.scope == Scope::Http).then_some(Self(span))
    }

    /// Whether the program served the request; else it made it.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.0.kind == SpanKind::Server
    }

    /// The method: none in what the fork records, which does not write it down.
    #[must_use]
    pub fn method(&self) -> Option<&'s str> {
        text(self.0, HTTP_REQUEST_METHOD).filter(|&method| method != "_OTHER")
    }

    /// The URL of a request that was made, or the path of one that was served, sanitized.
    #[must_use]
    pub fn url(&self) -> Option<&'s str> {
        text(self.0, URL_FULL).or_else(|| text(self.0, URL_PATH))
    }

    /// The host that a request was made to, by name or address.
    #[must_use]
    pub fn server_address(&self) -> Option<&'s str> {
        text(self.0, SERVER_ADDRESS)
    }

    /// The port that a request was made to.
    #[must_use]
    pub fn server_port(&self) -> Option<u16> {
        number(self.0, SERVER_PORT)
    }

    /// The status of the response; none where there was no response.
    #[must_use]
    pub fn status_code(&self) -> Option<u16> {
        number(self.0, HTTP_RESPONSE_STATUS_CODE)
    }

    /// What the client said of its failure, sanitized.
    #[must_use]
    pub fn error_message(&self) -> Option<&'s str> {
        text(self.0, HTTP_ERROR_MESSAGE)
    }
}
