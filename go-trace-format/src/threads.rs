//! The threads of a process: what tells it from others whose clocks look the same.

use crate::{generation::Generation, id::ThreadId};

/// The threads that recorded a generation on behalf of its process, told by the operating system's ids.
///
/// Two processes of one machine that are recorded at the same time have clocks that agree, and generations of the same
/// number now and then, but no thread in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threads(Vec<ThreadId>);

impl Threads {
    /// Whether both may be of one process: they have a thread in common, or one of them has recorded nothing.
    ///
    /// ```
    /// use go_trace_format::{Threads, event::ThreadId};
    ///
    /// let of = |ids: &[i64]| ids.iter().copied().map(ThreadId).collect::<Threads>();
    /// assert!(of(&[7, 8]).may_share_process(&of(&[8, 9])));
    /// assert!(!of(&[7, 8]).may_share_process(&of(&[9])));
    /// assert!(of(&[7, 8]).may_share_process(&of(&[])));
    /// ```
    #[must_use]
    pub fn may_share_process(&self, other: &Self) -> bool {
        self.0.is_empty() || other.0.is_empty() || self.has_common(other)
    }

    /// Whether they have a thread in common.
    #[must_use]
    pub fn has_common(&self, other: &Self) -> bool {
        self.0.iter().any(|thread| other.0.contains(thread))
    }

    /// Each thread once, in the order of its first batch.
    pub fn iter(&self) -> impl Iterator<Item = ThreadId> {
        self.0.iter().copied()
    }
}

impl FromIterator<ThreadId> for Threads {
    /// What the runtime records on nobody's behalf, under an id below zero, is every process's, and left out.
    fn from_iter<I: IntoIterator<Item = ThreadId>>(threads: I) -> Self {
        Self(threads.into_iter().filter(|thread| thread.0 >= 0).collect())
    }
}

impl Generation<'_> {
    /// The threads that tell its process from others.
    #[must_use]
    pub fn process_threads(&self) -> Threads {
        self.threads().collect()
    }
}
