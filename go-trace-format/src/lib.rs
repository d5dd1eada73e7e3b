#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ahead;
#[cfg(any(feature = "gzip", feature = "zstd"))]
mod compressed;
mod content;
mod cursor;
mod cut;
mod dump;
mod each;
mod error;
pub mod event;
mod events;
mod generation;
mod generation_key;
pub mod guide;
mod header;
mod id;
mod losses;
mod mistaken;
mod mode;
mod order;
mod process;
mod reader;
mod selection;
mod sequence;
#[cfg(feature = "serde")]
mod serialize;
mod snapshots;
pub mod spec;
mod stop;
mod stream;
mod tables;
mod threads;
mod times;
mod v1;
pub mod wire;
#[cfg(feature = "write")]
pub mod write;

#[cfg(any(feature = "gzip", feature = "zstd"))]
pub use compressed::{Compression, Damage, Decompressed, DecompressionError};
pub use content::Content;
pub use dump::Dumper;
pub use error::{Error, IoError, Violation};
pub use event::{Event, EventKind, Ordered, ReadyEvents, Selected};
pub use events::{Events, Generations};
pub use generation::Generation;
pub use generation_key::GenerationKey;
pub use header::HEADER_LENGTH;
pub use losses::{Loss, Losses};
pub use mistaken::Mistaken;
pub use mode::Mode;
pub use process::{Continuity, ProcessMark};
pub use reader::{Reader, ReaderOptions};
pub use selection::Selection;
pub use spec::{Category, Dialect, EventType, Version};
pub use stream::TraceStream;
pub use tables::{Clock, ClockSnapshot, Frame, Frames, Stack, Tables, Text, Time, WallTime};
pub use threads::Threads;
pub use v1::FaultV1;
