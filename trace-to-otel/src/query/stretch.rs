//! What a goroutine did for a while.

use crate::span::UnixTime;

/// A stretch of time in which a goroutine was in one state.
///
/// ```
/// use trace_to_otel::{UnixTime, query::{Query, Stretch, Subject}};
///
/// let query: Query = "goroutine.state=waiting reason=sync duration>50ms".parse()?;
/// let mut stretch = Stretch::new(18, "waiting", UnixTime(0), 51_000_000);
/// stretch.reason = Some("sync");
/// assert_eq!(query.subject(), Subject::Stretches);
/// assert!(query.matches_stretch(&stretch, "app.trace"));
/// # Ok::<(), trace_to_otel::query::QueryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stretch<'a> {
    /// The goroutine.
    pub goroutine: i64,
    /// The function that it began with, as far as the trace had told by then.
    pub function: Option<&'a str>,
    /// `running`, `runnable`, `syscall` or `waiting`.
    pub state: &'a str,
    /// Why it came to be so, in the runtime's words.
    pub reason: Option<&'a str>,
    /// Where in the source it went over to it: function, file and line.
    pub place: Option<&'a str>,
    /// Since when it was.
    pub start: UnixTime,
    /// How long, in nanoseconds.
    pub duration: u64,
    /// The proc that it ran on, if it ran.
    pub proc: Option<i64>,
}

impl<'a> Stretch<'a> {
    /// A stretch of which no more is known; the duration is in nanoseconds.
    #[must_use]
    pub const fn new(goroutine: i64, state: &'a str, start: UnixTime, duration: u64) -> Self {
        Self { goroutine, function: None, state, reason: None, place: None, start, duration, proc: None }
    }
}
