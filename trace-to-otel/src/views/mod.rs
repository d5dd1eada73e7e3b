//! Spans of operations by what they are, so that nobody needs keys of attributes.
//!
//! A view borrows a span and looks its values up. What a trace does not tell is `None`: the fork writes down neither the
//! method of a request nor whether a handshake resumed a session, for one.

mod http;
mod net;
mod sql;
mod tls;

pub use http::HttpSpan;
pub use net::{ConnectSpan, DnsSpan};
pub use sql::SqlSpan;
pub use tls::TlsSpan;

use crate::span::{Span, Value};

/// What a view has to say of any span.
macro_rules! view {
    ($view:ident) => {
        impl<'s> $view<'s> {
            /// The span that is looked at.
            #[must_use]
            pub const fn span(&self) -> &'s Span {
                self.0
            }

            /// Which span of which trace it is.
            #[must_use]
            pub fn context(&self) -> crate::span::SpanContext {
                self.0.context()
            }

            /// How long it took; none where the trace does not hold both of its ends.
            #[must_use]
            pub fn duration(&self) -> Option<core::time::Duration> {
                let is_whole = self.0.attribute(crate::attribute::INCOMPLETE).is_none();
                is_whole.then(|| self.0.duration())
            }

            /// What kind of failure it ended with, as `error.type` has it: `timeout`, `refused`, the status of a
            /// response, `_OTHER` for one of no kind that is known. None where it did not fail, or nobody has said.
            #[must_use]
            pub fn error(&self) -> Option<&'s str> {
                crate::views::text(self.0, opentelemetry_semantic_conventions::attribute::ERROR_TYPE)
            }
        }
    };
}

use view;

/// A text that says something.
fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    span.attribute(key)?.as_str().filter(|text| !text.is_empty())
}

/// A number that fits.
fn number<N: TryFrom<i64>>(span: &Span, key: &str) -> Option<N> {
    span.attribute(key).and_then(Value::as_integer)?.try_into().ok()
}
