#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod assemble;
#[cfg(feature = "compressed")]
mod compressed;
mod content;
mod cursor;
mod dump;
mod error;
pub mod event;
mod generation;
mod generation_key;
mod header;
mod input;
mod losses;
mod order;
mod reader;
mod salvage;
mod sequence;
mod snapshots;
pub mod spec;
mod stream;
mod tables;
pub mod wire;
#[cfg(feature = "write")]
pub mod write;

#[cfg(feature = "compressed")]
pub use compressed::{Compression, Damage, Decompressed, DecompressionError};
pub use content::Content;
pub use dump::Dumper;
pub use error::{Error, Violation};
pub use event::{Event, EventKind, ReadyEvents};
pub use generation::{Events, Generation, Generations};
pub use generation_key::GenerationKey;
pub use header::{HEADER_LENGTH, Version};
pub use losses::{Loss, Losses};
pub use reader::{Mode, Reader, ReaderOptions};
pub use spec::{Category, Dialect, EventType};
pub use stream::TraceFrames;
pub use tables::{Clock, ClockSnapshot, Frame, Frames, Stack, Tables, Text, Time, WallTime};
