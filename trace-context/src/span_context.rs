//! Conversions from and to the types of the crate `opentelemetry`. What the other side cannot hold is counted.

use alloc::vec::Vec;

use opentelemetry::trace as otel;

use crate::id::{ParseIdError, SpanId, TraceId};
use crate::propagate::Context;
use crate::traceparent::{TraceFlags, TraceParent};
use crate::tracestate::TraceState;

/// A converted value, and how much of the original it could not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted<T> {
    /// The other side's value.
    pub value: T,
    /// How many entries of the `tracestate` were left out. OpenTelemetry refuses some keys that level 2 allows
    /// (`foo@@bar`), and accepts some values that level 2 forbids (empty ones).
    pub lost_entries: usize,
    /// The bits of the trace flags that were left out: those that level 2 does not define.
    pub lost_flags: u8,
    /// How many members of the baggage were left out: all of them, because a span context has no room for any.
    pub lost_members: usize,
}

impl<T> Converted<T> {
    const fn without_loss(value: T) -> Self {
        Self { value, lost_entries: 0, lost_flags: 0, lost_members: 0 }
    }
}

impl Context {
    /// The place in the trace and the `tracestate` as OpenTelemetry's span context. `is_remote` says whether the context
    /// came from another process.
    ///
    /// ```
    /// use go_trace_context::Context;
    ///
    /// let mut context = Context::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03".parse()?);
    /// context.state = "rojo=1,foo@@bar=2".parse()?;
    /// let converted = context.to_span_context(true);
    /// assert_eq!(converted.value.trace_flags().to_u8(), 3);
    /// assert_eq!(converted.value.trace_state().header(), "rojo=1");
    /// assert_eq!(converted.lost_entries, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_span_context(&self, is_remote: bool) -> Converted<otel::SpanContext> {
        let state = self.state.to_opentelemetry();
        let value = otel::SpanContext::new(
            self.parent.trace_id().into(),
            self.parent.span_id().into(),
            self.parent.flags().into(),
            is_remote,
            state.value,
        );
        let (lost_entries, lost_members) = (state.lost_entries, self.baggage.len());
        Converted { lost_entries, lost_members, ..Converted::without_loss(value) }
    }

    /// The context that a span of OpenTelemetry hands on. It has no baggage, and whether the span is remote is not its
    /// concern.
    ///
    /// # Errors
    /// [`ParseIdError::Zero`] where the span context is not valid because one of its ids is all zeros.
    pub fn from_span_context(context: &otel::SpanContext) -> Result<Converted<Self>, ParseIdError> {
        let flags = TraceFlags::from_byte(context.trace_flags().to_u8());
        let parent = TraceParent::new(context.trace_id().try_into()?, context.span_id().try_into()?, flags);
        let state = TraceState::from_opentelemetry(context.trace_state());
        let value = Self { state: state.value, ..Self::new(parent) };
        let lost_flags = context.trace_flags().to_u8() & !flags.to_byte();
        Ok(Converted { lost_entries: state.lost_entries, lost_flags, ..Converted::without_loss(value) })
    }
}

impl TraceState {
    /// The entries that OpenTelemetry accepts, in the same order.
    pub fn to_opentelemetry(&self) -> Converted<otel::TraceState> {
        let accepted: Vec<_> =
            self.iter().filter(|entry| otel::TraceState::from_key_value([*entry]).is_ok()).collect();
        let value = otel::TraceState::from_key_value(accepted).unwrap_or_default();
        let lost_entries = self.len() - value.into_iter().count();
        Converted { lost_entries, ..Converted::without_loss(value) }
    }

    /// The entries that level 2 allows, in the same order, and the first of those that share a key.
    pub fn from_opentelemetry(state: &otel::TraceState) -> Converted<Self> {
        let entries: Vec<_> = state.into_iter().collect();
        let mut value = Self::new();
        // Each entry is put before those that follow it, so that the first one of a key stays.
        for (key, text) in entries.iter().rev() {
            // What is refused shows in the count.
            _ = value.set(key, text);
        }
        let lost_entries = entries.len() - value.len();
        Converted { lost_entries, ..Converted::without_loss(value) }
    }
}

impl From<TraceFlags> for opentelemetry::TraceFlags {
    fn from(flags: TraceFlags) -> Self {
        Self::new(flags.to_byte())
    }
}

impl From<TraceId> for opentelemetry::TraceId {
    fn from(id: TraceId) -> Self {
        Self::from_bytes(id.to_bytes())
    }
}

impl From<SpanId> for opentelemetry::SpanId {
    fn from(id: SpanId) -> Self {
        Self::from_bytes(id.to_bytes())
    }
}

/// Fails with [`ParseIdError::Zero`] for OpenTelemetry's invalid id.
impl TryFrom<opentelemetry::TraceId> for TraceId {
    type Error = ParseIdError;

    fn try_from(id: opentelemetry::TraceId) -> Result<Self, ParseIdError> {
        Self::from_bytes(id.to_bytes()).ok_or(ParseIdError::Zero)
    }
}

/// Fails with [`ParseIdError::Zero`] for OpenTelemetry's invalid id.
impl TryFrom<opentelemetry::SpanId> for SpanId {
    type Error = ParseIdError;

    fn try_from(id: opentelemetry::SpanId) -> Result<Self, ParseIdError> {
        Self::from_bytes(id.to_bytes()).ok_or(ParseIdError::Zero)
    }
}
