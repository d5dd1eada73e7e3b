//! The lean span between mapping and encoding.

use core::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
    time::Duration,
};
use std::{
    borrow::Cow,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use go_trace_context::{SpanId, TraceFlags, TraceId, TraceState};

use crate::anatomy::Anatomy;

/// A moment on the wall clock as OTLP has it: nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct UnixTime(
    /// Nanoseconds.
    pub u64,
);

/// Exactly where the system's clock counts in nanoseconds; Windows counts in steps of 100.
impl From<UnixTime> for SystemTime {
    fn from(time: UnixTime) -> Self {
        UNIX_EPOCH + Duration::from_nanos(time.0)
    }
}

/// A finished span. Its fields are those of OTLP's `Span` (`opentelemetry/proto/trace/v1/trace.proto`).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// The flags of its trace.
    pub flags: TraceFlags,
    /// What the tracing systems of its trace hand on: empty in what a [`Mapper`](crate::Mapper) makes, as no trace tells.
    pub trace_state: TraceState,
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
            trace_state: TraceState::new(),
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

    /// The place that it has among all spans of the world.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags)
    }

    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_nanos())
    }

    /// How long it took, in nanoseconds.
    #[must_use]
    pub fn duration_nanos(&self) -> u64 {
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

/// Which span of which trace, and the flags of that trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
// Aligned as numbers are: of bytes that have just been copied in other pieces than they are read in, the processor waits
// for everything that was stored before.
#[repr(align(8))]
#[non_exhaustive]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The flags of the trace.
    pub flags: TraceFlags,
}

impl SpanContext {
    /// The span of this id in that trace.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self { trace_id, span_id, flags }
    }
}

/// Another span that a span has to do with. OTLP: `Span.Link`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Link {
    /// The trace of the other span.
    pub trace_id: TraceId,
    /// The id of the other span.
    pub span_id: SpanId,
    /// The flags of the other span's trace.
    pub flags: TraceFlags,
    /// What the tracing systems of the other span's trace hand on.
    pub trace_state: TraceState,
    /// What is known of how the two belong together.
    pub attributes: Vec<Attribute>,
    /// How many attributes a limit has kept out.
    pub dropped_attributes: u32,
}

impl Link {
    /// A link to the span of this id in that trace, and nothing more.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self {
            trace_id,
            span_id,
            flags,
            trace_state: TraceState::new(),
            attributes: Vec::new(),
            dropped_attributes: 0,
        }
    }

    /// The span that it leads to.
    #[must_use]
    pub const fn context(&self) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags)
    }
}

impl From<SpanContext> for Link {
    fn from(SpanContext { trace_id, span_id, flags }: SpanContext) -> Self {
        Self::new(trace_id, span_id, flags)
    }
}

/// What in a Go trace a span stands for; the instrumentation scope that it goes out under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    /// What a program adds that makes spans of its own. A [`Mapper`](crate::Mapper) makes none.
    Custom(Arc<InstrumentationScope>),
}

/// Who made a record. OTLP: `InstrumentationScope`.
///
/// ```
/// use trace_to_otel::{InstrumentationScope, Scope};
///
/// let scope = Scope::from(InstrumentationScope::new("example.com/billing", "1.4.0"));
/// assert_eq!((scope.name(), scope.version()), ("example.com/billing", "1.4.0"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InstrumentationScope {
    /// Its name, by which receivers tell scopes apart.
    pub name: Cow<'static, str>,
    /// Its version; empty where it has none.
    pub version: Cow<'static, str>,
}

impl InstrumentationScope {
    /// A scope of this name, in that version.
    pub fn new(name: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), version: version.into() }
    }
}

impl From<InstrumentationScope> for Scope {
    fn from(scope: InstrumentationScope) -> Self {
        Self::Custom(Arc::new(scope))
    }
}

impl Scope {
    /// How many scopes are built in.
    pub(crate) const COUNT: usize = 11;

    /// Every scope that is built in.
    pub const ALL: [Self; Self::COUNT] = [
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

    /// Their names.
    pub(crate) const NAMES: [&'static str; Self::COUNT] = [
        "gotrace.task",
        "gotrace.region",
        "gotrace.range",
        "gotrace.http",
        "gotrace.sql",
        "gotrace.net",
        "gotrace.tls",
        "gotrace.rpc",
        "gotrace.db",
        "gotrace.messaging",
        "gotrace.function",
    ];

    /// The name of the instrumentation scope.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Custom(scope) => &scope.name,
            built_in => Self::NAMES[built_in.index()],
        }
    }

    /// The version of the instrumentation scope: this crate's, of those that are built in.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Custom(scope) => &scope.version,
            _ => env!("CARGO_PKG_VERSION"),
        }
    }

    /// Where it stands among [all](Self::ALL) that are built in, and behind them for any other. Ids are made of it.
    #[inline]
    pub(crate) const fn index(&self) -> usize {
        match self {
            Self::Task => 0,
            Self::Region => 1,
            Self::Range => 2,
            Self::Http => 3,
            Self::Sql => 4,
            Self::Net => 5,
            Self::Tls => 6,
            Self::Rpc => 7,
            Self::Database => 8,
            Self::Messaging => 9,
            Self::Function => 10,
            Self::Custom(_) => Self::COUNT,
        }
    }
}

/// Its name.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which side of a call a span is. OTLP: `Span.SpanKind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SpanKind {
    /// Neither: something within a process.
    #[default]
    Internal,
    /// The side that answers.
    Server,
    /// The side that asks.
    Client,
    /// The side that leaves a message, and does not wait for what becomes of it. A [`Mapper`](crate::Mapper) makes none.
    Producer,
    /// The side that takes a message. A [`Mapper`](crate::Mapper) makes none.
    Consumer,
}

impl SpanKind {
    /// OTLP's number for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Server => 2,
            Self::Client => 3,
            Self::Producer => 4,
            Self::Consumer => 5,
        }
    }

    /// Its name in the specification, in small letters: `server`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// Its name.
impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a span ended. OTLP: `Status`. Only a failure has a description, as the specification wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Status {
    /// Nobody has said.
    #[default]
    Unset,
    /// The program has said that it succeeded. A [`Mapper`](crate::Mapper) says so of none, as no trace tells.
    Ok,
    /// It failed.
    Error {
        /// How, in words; often empty. What a [`Mapper`](crate::Mapper) knows of a failure is in `error.type`.
        description: Cow<'static, str>,
    },
}

impl Status {
    /// A failure of which nothing more is said.
    pub const ERROR: Self = Self::Error { description: Cow::Borrowed("") };

    /// A failure, and how in words.
    pub fn error(description: impl Into<Cow<'static, str>>) -> Self {
        Self::Error { description: description.into() }
    }

    /// Whether it is a failure.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error { .. })
    }

    /// OTLP's number for it.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Unset => 0,
            Self::Ok => 1,
            Self::Error { .. } => 2,
        }
    }

    /// Its name, without the description: `unset`, `ok` or `error`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error { .. } => "error",
        }
    }

    /// What a failure is described by; empty for all else.
    #[must_use]
    pub fn description(&self) -> &str {
        match self {
            Self::Error { description } => description,
            _ => "",
        }
    }
}

/// `unset`, `ok`, or `error` with its description.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { description } if !description.is_empty() => write!(f, "error: {description}"),
            other => f.pad(other.name()),
        }
    }
}

/// A moment within a span.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

/// What a value can be made of, and the variant that it is then.
macro_rules! values {
    ($($variant:ident: $($type:ty),+;)+) => {$($(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )+)+};
}

values! {
    Text: &str, String, Box<str>, Cow<'_, str>, Arc<str>;
    Integer: i8, i16, i32, i64, u8, u16, u32;
    Float: f32, f64;
    Boolean: bool;
}

impl Value {
    /// The text, where it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, where it is one that need not be whole.
    #[must_use]
    pub const fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Yes or no, where it is one of them.
    #[must_use]
    pub const fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(yes) => Some(*yes),
            _ => None,
        }
    }
}

crate::saved::saved!(UnixTime { 0 });
crate::saved::saved!(SpanContext { trace_id, span_id, flags });
crate::saved::saved!(Link { trace_id, span_id, flags, trace_state, attributes, dropped_attributes });
crate::saved::saved!(SpanEvent { time, name, attributes });
crate::saved::saved!(Attribute { key, value });
crate::saved::saved_enum!(Value { 0 => Text(text), 1 => Integer(number), 2 => Float(number), 3 => Boolean(yes) });
crate::saved::saved!(InstrumentationScope { name, version });
crate::saved::saved_enum!(SpanKind { 0 => Internal, 1 => Server, 2 => Client, 3 => Producer, 4 => Consumer });
crate::saved::saved_enum!(Scope {
    0 => Task, 1 => Region, 2 => Range, 3 => Http, 4 => Sql, 5 => Net, 6 => Tls, 7 => Rpc, 8 => Database, 9 => Messaging,
    10 => Function, 11 => Custom(scope),
});
