//! The lean span between mapping and encoding, and who takes it.

use core::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
};
use std::{borrow::Cow, convert::Infallible, sync::Arc};

use go_trace_context::{SpanId, TraceFlags, TraceId};

use crate::{anatomy::Anatomy, log::LogRecord};

/// A moment on the wall clock as OTLP has it: nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct UnixTime(
    /// Nanoseconds.
    pub u64,
);

/// A finished span. Its fields are those of OTLP's `Span` (`opentelemetry/proto/trace/v1/trace.proto`).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// The flags of its trace.
    pub flags: TraceFlags,
    /// The span that it is part of; none for the root of a trace.
    pub parent: Option<Parent>,
    /// What in a Go trace it stands for.
    pub scope: Scope,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// Its name, sanitized.
    pub name: Arc<str>,
    /// When it began.
    pub start: UnixTime,
    /// When it ended; never before `start`.
    pub end: UnixTime,
    /// What else is known of it, but for its anatomy.
    pub attributes: Vec<Attribute>,
    /// How many attributes a limit has kept out.
    pub dropped_attributes: u32,
    /// What its goroutine did meanwhile; none where it is not bound to one goroutine from begin to end. It goes out as
    /// attributes, see [`Anatomy::attributes`].
    pub anatomy: Option<Anatomy>,
    /// What happened in it, in the order of the trace.
    pub events: Vec<SpanEvent>,
    /// How many events a limit has kept out.
    pub dropped_events: u32,
    /// Spans that it has to do with, other than its parent.
    pub links: Vec<Link>,
    /// How many links a limit has kept out.
    pub dropped_links: u32,
    /// How it ended.
    pub status: Status,
}

impl Span {
    /// A root span of kind [`SpanKind::Internal`] and nothing more.
    #[must_use]
    pub fn new(
        trace_id: TraceId,
        span_id: SpanId,
        scope: Scope,
        name: impl Into<Arc<str>>,
        (start, end): (UnixTime, UnixTime),
    ) -> Self {
        Self {
            trace_id,
            span_id,
            flags: TraceFlags::SAMPLED,
            parent: None,
            scope,
            kind: SpanKind::Internal,
            name: name.into(),
            start,
            end,
            attributes: Vec::new(),
            dropped_attributes: 0,
            anatomy: None,
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            dropped_links: 0,
            status: Status::Unset,
        }
    }

    /// What stands where a span was taken out.
    pub(crate) fn nothing() -> Self {
        let (trace_id, span_id) = (NonZeroU128::MIN.into(), NonZeroU64::MIN.into());
        Self::new(trace_id, span_id, Scope::Task, Arc::default(), (UnixTime(0), UnixTime(0)))
    }

    /// How long it took, in nanoseconds.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// The value of the attribute `key`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }
}

/// The parent of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Parent {
    /// Its id.
    pub span_id: SpanId,
    /// Whether it is a span of another process.
    pub is_remote: bool,
}

impl Parent {
    /// The span of this id.
    #[must_use]
    pub const fn new(span_id: SpanId, is_remote: bool) -> Self {
        Self { span_id, is_remote }
    }
}

/// Another span that a span has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Link {
    /// The trace of the other span.
    pub trace_id: TraceId,
    /// The id of the other span.
    pub span_id: SpanId,
    /// The flags of the other span's trace.
    pub flags: TraceFlags,
}

impl Link {
    /// The span of this id in that trace.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self { trace_id, span_id, flags }
    }
}

/// What in a Go trace a span stands for; the instrumentation scope that it goes out under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// A user task. Go: `runtime/trace.NewTask`.
    Task,
    /// A user region. Go: `runtime/trace.StartRegion`.
    Region,
    /// Something that the runtime does for a while: garbage collection, stopping the world.
    Range,
    /// A request, as server or client.
    Http,
    /// A query.
    Sql,
    /// The look-up of a name, or the opening of a connection.
    Net,
    /// A handshake.
    Tls,
    /// A call of another process, as client or server.
    Rpc,
    /// Something asked of a database that is not asked in SQL.
    Database,
    /// Messages handed to a broker, or taken from it.
    Messaging,
    /// A function that the user has named.
    Function,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 11] = [
        Self::Task,
        Self::Region,
        Self::Range,
        Self::Http,
        Self::Sql,
        Self::Net,
        Self::Tls,
        Self::Rpc,
        Self::Database,
        Self::Messaging,
        Self::Function,
    ];

    /// The name of the instrumentation scope.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Task => "gotrace.task",
            Self::Region => "gotrace.region",
            Self::Range => "gotrace.range",
            Self::Http => "gotrace.http",
            Self::Sql => "gotrace.sql",
            Self::Net => "gotrace.net",
            Self::Tls => "gotrace.tls",
            Self::Rpc => "gotrace.rpc",
            Self::Database => "gotrace.db",
            Self::Messaging => "gotrace.messaging",
            Self::Function => "gotrace.function",
        }
    }
}

/// Which side of a call a span is. OTLP: `Span.SpanKind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// Neither: something within a process.
    #[default]
    Internal,
    /// The side that answers.
    Server,
    /// The side that asks.
    Client,
}

impl SpanKind {
    /// OTLP's number for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Server => 2,
            Self::Client => 3,
        }
    }
}

/// How a span ended. OTLP: `Status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Nobody has said.
    #[default]
    Unset,
    /// It failed.
    Error,
}

impl Status {
    /// OTLP's number for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Unset => 0,
            Self::Error => 2,
        }
    }
}

/// A moment within a span.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanEvent {
    /// When.
    pub time: UnixTime,
    /// What it is called; for a log its category, sanitized.
    pub name: Arc<str>,
    /// What else is known of it.
    pub attributes: Vec<Attribute>,
}

impl SpanEvent {
    /// A moment with a name and nothing more.
    pub fn new(time: UnixTime, name: impl Into<Arc<str>>) -> Self {
        Self { time, name: name.into(), attributes: Vec::new() }
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attribute {
    /// The key: of OpenTelemetry's semantic conventions, or one under `gotrace.`.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: Value,
}

impl Attribute {
    /// A key with its value.
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A text, sanitized where the program chose it.
    Text(Arc<str>),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => fmt::Display::fmt(number, f),
            Self::Float(number) => fmt::Display::fmt(number, f),
            Self::Boolean(yes) => fmt::Display::fmt(yes, f),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

/// Whatever takes finished spans: an encoder, an exporter, a list.
pub trait SpanSink {
    /// Why a span could not be taken.
    type Error;

    /// Takes one span.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it. The span is lost then, and so may others be that the same event
    /// finishes: a caller that goes on afterwards has to count on that.
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

    /// Whether it takes log records too. To one that does not, none are handed: logs stay events of their spans.
    fn takes_logs(&self) -> bool {
        false
    }

    /// Takes one log record. The span that it stands on comes later, as it may not have ended.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it.
    fn take_log(&mut self, log: LogRecord) -> Result<(), Self::Error> {
        debug_assert!(!self.takes_logs(), "a sink that takes logs says how");
        let _ = log;
        Ok(())
    }
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

    fn takes_logs(&self) -> bool {
        (**self).takes_logs()
    }

    fn take_log(&mut self, log: LogRecord) -> Result<(), S::Error> {
        (**self).take_log(log)
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

crate::saved::saved!(UnixTime { 0 });
crate::saved::saved!(Link { trace_id, span_id, flags });
crate::saved::saved!(SpanEvent { time, name, attributes });
crate::saved::saved!(Attribute { key, value });
crate::saved::saved_enum!(Value { 0 => Text(text), 1 => Integer(number), 2 => Float(number), 3 => Boolean(yes) });
crate::saved::saved_enum!(SpanKind { 0 => Internal, 1 => Server, 2 => Client });
crate::saved::saved_enum!(Scope { 0 => Task, 1 => Region, 2 => Range, 3 => Http, 4 => Sql, 5 => Net, 6 => Tls, 7 => Rpc, 8 => Database, 9 => Messaging, 10 => Function });
