//! What people look at.

mod anatomy;
mod critical_path;
mod forest;
#[cfg(test)]
mod samples;
pub(crate) mod text;
pub(crate) mod tree;

/// What is said of a trace that holds nothing of which spans are made.
pub(crate) const NO_SPANS: &str = "no spans: the trace holds no task, no region (runtime/trace.NewTask and \
                                   StartRegion) and nothing else that spans are made of";
