//! Why a request was not accepted, and what to do about it.

use core::{fmt, time::Duration};

use super::config::Config;

/// What kind of failure it was. OTLP, sections "Failures", "OTLP/HTTP Throttling" and "OTLP/gRPC Response".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportErrorKind {
    /// No connection, or one that broke before the answer was there.
    Unreachable,
    /// No answer in time. gRPC `DEADLINE_EXCEEDED`, HTTP 408.
    Timeout,
    /// No encrypted connection: a certificate that is not trusted, one that is missing, or no TLS on the other side.
    Tls,
    /// HTTP 401, 403, 407; gRPC `UNAUTHENTICATED`, `PERMISSION_DENIED`.
    Unauthorized,
    /// There is no such receiver at this URL. HTTP 404, 405, 410 and redirections; gRPC `UNIMPLEMENTED`, `NOT_FOUND`.
    NotFound,
    /// It is one, but takes another encoding or compression. HTTP 415, or what says so.
    Unsupported,
    /// The request is larger than the receiver takes. HTTP 413, an HTTP 400 that says so, gRPC `RESOURCE_EXHAUSTED`
    /// and `OUT_OF_RANGE` that say so.
    TooLarge,
    /// The receiver does not want this request, whatever happens. The other HTTP 4xx; gRPC `INVALID_ARGUMENT` and
    /// others.
    Rejected,
    /// The receiver asks to come back later. HTTP 429, HTTP 503 with `Retry-After`, gRPC `RESOURCE_EXHAUSTED`,
    /// gRPC `UNAVAILABLE` with `RetryInfo`.
    Throttled,
    /// The receiver failed. HTTP 5xx; gRPC `INTERNAL`, `UNAVAILABLE` and others.
    ServerError,
    /// Whatever answered is no OTLP receiver, even if it said that all is well.
    NotOtlp,
    /// The request is one that this exporter does not send. Nothing was sent.
    InvalidBatch,
}

impl ExportErrorKind {
    const fn description(self) -> &'static str {
        match self {
            Self::Unreachable => "the receiver cannot be reached",
            Self::Timeout => "the receiver did not answer in time",
            Self::Tls => "no encrypted connection to the receiver",
            Self::Unauthorized => "the receiver does not let this sender in",
            Self::NotFound => "no receiver for this signal at this URL",
            Self::Unsupported => "the receiver does not take this encoding or compression",
            Self::TooLarge => "the request is too large",
            Self::Rejected => "the receiver rejects the request",
            Self::Throttled => "the receiver asks to come back later",
            Self::ServerError => "the receiver failed",
            Self::NotOtlp => "what answered is no OTLP receiver",
            Self::InvalidBatch => "the request cannot be sent",
        }
    }

    /// What a person can do about it, in one sentence.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "check that a receiver runs there and listens on that port (4318 for HTTP, 4317 for gRPC)"
            }
            Self::Timeout => "send less at once, or allow more time by OTEL_EXPORTER_OTLP_TIMEOUT",
            Self::Tls => {
                "check the URL's scheme and OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY"
            }
            Self::Unauthorized => "check the token in OTEL_EXPORTER_OTLP_HEADERS",
            Self::NotFound => {
                "check OTEL_EXPORTER_OTLP_ENDPOINT: an endpoint of one signal is used as it is, without /v1/… added"
            }
            Self::Unsupported => {
                "choose another OTEL_EXPORTER_OTLP_PROTOCOL or OTEL_EXPORTER_OTLP_COMPRESSION"
            }
            Self::TooLarge => "split the request",
            Self::Rejected => "sending it again does not help; keep it aside",
            Self::Throttled => "send less, or later",
            Self::ServerError => "look into the receiver's log, and send it again later",
            Self::NotOtlp => {
                "check the URL and the protocol: port 4318 speaks HTTP and port 4317 gRPC, unless somebody chose others"
            }
            Self::InvalidBatch => "make another request",
        }
    }
}

/// What the receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiverStatus {
    /// The status code of HTTP.
    Http(u16),
    /// The status code of gRPC, as `google.rpc.Code` numbers it.
    Grpc(i32),
}

impl fmt::Display for ReceiverStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(code) => write!(f, "HTTP {code}"),
            Self::Grpc(code) => write!(f, "gRPC status {code}"),
        }
    }
}

/// A request that was not accepted, or of which that is not known.
///
/// | [`kind`](Self::kind) | a caller that keeps its data |
/// |---|---|
/// | `TooLarge` | splits the request and sends the halves |
/// | `Rejected`, `InvalidBatch` | puts this request aside and goes on with the next |
/// | all others | keeps the request, raises an alarm and tries again slowly, not before [`retry_after`](Self::retry_after) |
///
/// No value of a header is in it. Written with `{:#}`, it leaves out the [advice](ExportErrorKind::advice): for programs
/// that know better where their settings come from.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportError(Box<Details>);

#[derive(Clone, PartialEq, Eq)]
struct Details {
    kind: ExportErrorKind,
    endpoint: String,
    status: Option<ReceiverStatus>,
    message: String,
    retry_after: Option<Duration>,
    is_retryable: bool,
    attempts: u32,
}

impl ExportError {
    pub(super) fn new(kind: ExportErrorKind, message: &str) -> Self {
        Self(Box::new(Details {
            kind,
            endpoint: String::new(),
            status: None,
            message: message.to_owned(),
            retry_after: None,
            is_retryable: matches!(kind, ExportErrorKind::Unreachable | ExportErrorKind::Timeout),
            attempts: 0,
        }))
    }

    pub(super) fn answered(
        kind: ExportErrorKind,
        status: ReceiverStatus,
        message: &str,
        is_retryable: bool,
    ) -> Self {
        let mut error = Self::new(kind, message);
        error.0.status = Some(status);
        error.0.is_retryable = is_retryable;
        error
    }

    pub(super) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(super) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Says where it happened, and makes the message fit for logs: what nobody may see is taken out before it is cut.
    pub(super) fn at(mut self, config: &Config) -> Self {
        self.0.endpoint = config.endpoint.to_string();
        self.0.message = one_line(&config.headers.redact(&self.0.message));
        self
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> ExportErrorKind {
        self.0.kind
    }

    /// What the receiver answered; none where it did not.
    #[must_use]
    pub fn status(&self) -> Option<ReceiverStatus> {
        self.0.status
    }

    /// What the receiver or the system said, on one line, cut to a bounded length.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How long the receiver wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request may well be accepted a little later. The exporter has tried that already, as long as
    /// its [`RetryOptions`](super::RetryOptions) allow.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable
    }

    /// How often it was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { kind, endpoint, status, message, retry_after, attempts, .. } = &*self.0;
        write!(f, "{endpoint}: {}", kind.description())?;
        if let Some(status) = status {
            write!(f, " ({status})")?;
        }
        if !message.is_empty() {
            write!(f, ": {message}")?;
        }
        if *attempts > 1 {
            write!(f, "; tried {attempts} times")?;
        }
        if let Some(wait) = retry_after {
            write!(f, "; it wants to be left alone for {}", Spoken(*wait))?;
        }
        if f.alternate() { Ok(()) } else { write!(f, "; {}", kind.advice()) }
    }
}

/// A duration as a person would say it.
struct Spoken(Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(365 * 86_400, "years"), (86_400, "days"), (3_600, "h"), (60, "min")];
        let seconds = self.0.as_secs();
        // Below two of a unit, the next smaller one tells more.
        match UNITS.iter().find(|(length, _)| seconds >= 2 * length) {
            Some((length, unit)) => write!(f, "{} {unit}", seconds / length),
            None => write!(f, "{} s", self.0.as_secs_f64()),
        }
    }
}

impl fmt::Debug for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExportError({:?}, {self})", self.kind())
    }
}

impl core::error::Error for ExportError {}

/// A text of the receiver's that cannot disturb a log: one line of at most 500 characters.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        let room = LONGEST.saturating_sub(line.chars().count());
        if word.chars().count() > room {
            line.extend(word.chars().take(room));
            line.push('…');
            break;
        }
        line.push_str(word);
    }
    line
}

/// The kind of failure that an HTTP status means, and whether the request may be sent again.
pub(super) fn classify_http(code: u16, message: &str, has_retry_after: bool) -> (ExportErrorKind, bool) {
    use ExportErrorKind as Kind;
    match code {
        401 | 403 | 407 => (Kind::Unauthorized, false),
        300..400 | 404 | 405 | 410 => (Kind::NotFound, false),
        408 => (Kind::Timeout, false),
        413 => (Kind::TooLarge, false),
        415 => (Kind::Unsupported, false),
        429 => (Kind::Throttled, true),
        400 => (bad_request(message), false),
        402..500 => (Kind::Rejected, false),
        503 if has_retry_after => (Kind::Throttled, true),
        502..505 => (Kind::ServerError, true),
        500.. => (Kind::ServerError, false),
        _ => (Kind::NotOtlp, false),
    }
}

/// A receiver that is asked in a wrong way says 400 as well: the request itself is not to blame then.
fn bad_request(message: &str) -> ExportErrorKind {
    let lower_case = message.to_lowercase();
    let says = |words: &str| lower_case.contains(words);
    if is_about_size(message) {
        ExportErrorKind::TooLarge
    } else if says("content-encoding") || says("content encoding") {
        ExportErrorKind::Unsupported
    } else if says("http request to an https server") || says("plain http request was sent to https port") {
        ExportErrorKind::Tls
    } else {
        ExportErrorKind::Rejected
    }
}

/// Whether a receiver complains of a request's size. There is no code for it: Go's, Java's, C++'s and Rust's gRPC, Go's
/// `http.MaxBytesReader` and proxies each have words of their own.
pub(super) fn is_about_size(message: &str) -> bool {
    const WORDS: [&str; 6] = [
        "too large",
        "too big",
        "larger than max",
        "exceeds maximum size",
        "exceeds the maximum size",
        "size limit",
    ];
    let message = message.to_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}
