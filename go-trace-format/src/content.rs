//! Telling one trace from a stream of traces.

/// What bytes seem to hold, as the first of them tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// Nothing.
    Empty,
    /// A trace, or something else that a [`Reader`](crate::Reader) has to judge.
    Trace,
    /// Traces, each behind its length: for [`TraceStream`](crate::TraceStream).
    Stream,
}

impl Content {
    /// How many bytes tell: a length and the beginning of a header.
    pub const HEAD_LENGTH: usize = LENGTH + HEADER.len();

    /// What begins with `head`, of which only the first [`HEAD_LENGTH`](Self::HEAD_LENGTH) bytes count. Fewer are enough
    /// only where there are no more.
    ///
    /// ```
    /// use go_trace_format::Content;
    ///
    /// assert_eq!(Content::of(b""), Content::Empty);
    /// assert_eq!(Content::of(b"go 1.26 trace\0\0\0"), Content::Trace);
    /// assert_eq!(Content::of(b"\x2a\x17\0\0\0\0\0\0go 1.26 trace\0\0\0"), Content::Stream);
    /// ```
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [] => Self::Empty,
            _ if head.get(LENGTH..Self::HEAD_LENGTH) == Some(HEADER) => Self::Stream,
            _ => Self::Trace,
        }
    }
}

/// The bytes of a length.
const LENGTH: usize = 8;
/// How the header of every trace begins.
const HEADER: &[u8] = b"go 1.";
