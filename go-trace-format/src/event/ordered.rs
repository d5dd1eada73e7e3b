//! Whether events are at their places in the order of all.

/// Of a reader of all events, and of its events: each is at its place in the causal order of the whole trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Ordered {}

/// Of a reader of some events, and of those: what only putting all events in order can tell is not known, so that
/// such an event has neither [`time`](crate::Event::time) nor [`proc`](crate::Event::proc).
///
/// Generation after generation, the events of one goroutine come in the order in which they happened, whichever threads it ran on,
/// and what is of a task or an operation comes behind its beginning. Otherwise it is that of their
/// [`raw_time`](crate::Event::raw_time), but where that cannot be. Of a trace that contradicts itself the events are those of a
/// reader of all, but which goroutine one happened on is what its thread tells alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Selected {}
