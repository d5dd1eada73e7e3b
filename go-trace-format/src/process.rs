//! Which process a generation is of, for all that it tells.

use crate::{generation::Generation, generation_key::GenerationKey, threads::Threads};

/// What tells the process of a generation from others: how it is called, and who recorded it.
///
/// The trace clock goes on as long as the machine is up, and threads are one process's; the wall clock may be set at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessMark {
    /// The generation's key.
    pub key: GenerationKey,
    /// The threads that recorded it.
    pub threads: Threads,
}

/// How a generation stands to the one that was delivered before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Continuity {
    /// A recording [starts](Generation::starts_recording) with it: whatever came before, something is missing between.
    Start,
    /// It is the first that is delivered of its trace, and is not known to go on with anything.
    Begin,
    /// It is of the same trace, or a later snapshot of the same process, and generations are missing between or were
    /// [left out](crate::Reader::leaving_out).
    Gap,
    /// It directly follows, of the same process, with nothing missing between.
    Next,
}

impl ProcessMark {
    /// The mark of a generation with this key, which these threads have recorded.
    #[must_use]
    pub const fn new(key: GenerationKey, threads: Threads) -> Self {
        Self { key, threads }
    }

    /// Whether it directly follows `earlier` in its process: by number, trace clock and threads, however the wall clock was
    /// set between the two. Where no thread has recorded in both, the clocks have to agree.
    #[must_use]
    pub fn follows(&self, earlier: &Self) -> bool {
        match self.threads.has_common(&earlier.threads) {
            true => self.key.goes_on_from(&earlier.key),
            false => self.key.follows(&earlier.key) && self.threads.may_share_process(&earlier.threads),
        }
    }

    /// Whether it may come after `earlier` in its process, with others between.
    #[must_use]
    pub fn may_come_after(&self, earlier: &Self) -> bool {
        self.key.may_come_after(&earlier.key) && self.threads.may_share_process(&earlier.threads)
    }

    /// Whether it is later in the process of `earlier` for all that can be known: a thread has recorded in both, and both have told
    /// the time of day.
    pub(crate) fn is_later_in_process_of(&self, earlier: &Self) -> bool {
        self.key.number() > earlier.key.number()
            && self.key.has_wall_clock()
            && earlier.key.has_wall_clock()
            && self.threads.has_common(&earlier.threads)
            && self.may_come_after(earlier)
    }
}

impl Generation<'_> {
    /// What tells its process from others.
    #[must_use]
    pub fn process_mark(&self) -> ProcessMark {
        ProcessMark { key: self.key(), threads: self.process_threads() }
    }
}

impl Continuity {
    /// Whether it begins a trace that does not go on with the one before.
    #[must_use]
    pub const fn begins_trace(self) -> bool {
        matches!(self, Self::Start | Self::Begin)
    }

    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Begin => 0,
            Self::Gap => 1,
            Self::Next => 2,
            Self::Start => 3,
        }
    }

    pub(crate) const fn of_number(number: u64) -> Self {
        match number {
            3 => Self::Start,
            2 => Self::Next,
            1 => Self::Gap,
            _ => Self::Begin,
        }
    }
}
