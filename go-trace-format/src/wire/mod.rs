//! Level 1: batches and raw events, with no order among threads and no tables.

mod batch;
mod raw_event;

pub use batch::{Batch, BatchKind, Batches};
pub use raw_event::{RawEvent, RawEvents};

pub(crate) use batch::{Detected, Item, MAX_HEADER, batch_of, detect, item, item_error, varint};
pub(crate) use raw_event::{
    EventTable, argument_count, decode_arguments, timed_event, timed_events_of, window_arguments,
};
