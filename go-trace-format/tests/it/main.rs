//! The reader and the writer, seen from outside: one program, since each would be linked by itself.

mod support;

mod ahead;
mod appended;
mod canned;
#[cfg(all(feature = "gzip", feature = "zstd"))]
mod compressed;
mod differential;
mod each;
mod examples;
mod fork;
mod parity;
mod pieces;
mod salvage;
mod selection;
mod serde;
mod times;
mod untrusted;
mod v1;
mod write;
