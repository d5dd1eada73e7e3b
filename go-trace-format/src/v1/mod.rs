//! Format v1, of Go 1.5 to 1.21: another way from bytes to records.
//!
//! A trace of it is one generation. Its batches are of procs, not of threads, and nothing in it can be put in order before all of it
//! is there. So it is read twice: [`Scan`] finds its batches, checks every event and fills the tables, and [`Sequence`] merges the
//! procs, event by event, and says what each event is in the newer format. No event is kept but those that the trace writes down
//! later than they happened.
//!
//! Go: `internal/trace/internal/tracev1`, and `internal/trace/tracev1.go` for what its events become.

mod convert;
mod fault;
mod goroutines;
mod merge;
mod raw;
mod rules;
mod scan;
mod sequence;
mod spec;
mod stream;
mod texts;
mod trace;

pub use fault::FaultV1;
pub(crate) use scan::{GENERATION, Progress, Scan};
pub(crate) use sequence::Sequence;
#[cfg(feature = "write")]
pub(crate) use spec::{Kind, Layout};
pub(crate) use texts::text;
pub(crate) use trace::TraceV1;
