#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cursor;
mod dump;
mod error;
pub mod event;
mod header;
pub mod spec;
mod tables;
pub mod wire;
#[cfg(feature = "write")]
pub mod write;

pub use dump::Dumper;
pub use error::{Error, Violation};
pub use event::{Event, EventKind};
pub use header::{HEADER_LENGTH, Version};
pub use spec::{Category, Dialect, EventType};
pub use tables::{Clock, ClockSnapshot, Frame, Frames, Stack, Tables, Text, Time, WallTime};
