//! Writing traces: events and tables become a trace of any version and dialect.
//!
//! [`Writer`] puts down header, batches, records and ends of generations as it is told, right or wrong:
//! for copying parts of a trace, and for tests of readers. [`GenerationWriter`] on top of it gives strings and
//! stacks their ids, makes time deltas of times, splits batches and puts them in the order of the version.
//!
//! To filter or sanitize a trace, a [`Copier`] writes what is to stay of each generation again; a [`Window`] cuts. What must stay
//! for a reader's sake is the scheduling ([`Category::Core`](crate::Category::Core)) in stock traces, where Go's reader
//! demands it.
//!
//! Go: `internal/trace/raw.Writer` for the first layer, `internal/trace/internal/testgen` for the idea of the
//! second.

mod copier;
mod error;
mod generation;
mod record;
mod slice;
mod sync;
mod tables;
mod v1;
mod walk;
mod window;
mod writer;

pub use copier::{CopiedEvent, CopiedText, Copier, TextKind};
pub use error::WriteError;
pub use generation::GenerationWriter;
pub use record::{Body, RawRecord};
pub use slice::Slice;
pub use sync::SyncBatch;
pub use v1::WriterV1;
pub use window::Window;
pub use writer::Writer;
