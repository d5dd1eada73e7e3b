//! What is known of the trace: data with small methods. Nothing here knows of events, of sinks, or of what is made of it.

pub(crate) mod changes;
pub(crate) mod dropped;
pub(crate) mod goroutines;
pub(crate) mod open;
pub(crate) mod open_tasks;
pub(crate) mod operations;
pub(crate) mod ranges;
pub(crate) mod regions;
pub(crate) mod sections;
pub(crate) mod span;
pub(crate) mod stacks;
pub(crate) mod tasks;
