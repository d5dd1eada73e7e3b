//! What goroutines that begin with the same function did.

use crate::{
    analysis::Distribution,
    anatomy::{Anatomy, Waiting},
};

/// How many things there are that a goroutine does, and assisting the garbage collector.
const ACTIVITIES: usize = Anatomy::KEYS.len();

/// The goroutines that begin with the same function.
///
/// Everything is by goroutine: a distribution has one value of each, what it did altogether as long as it was recorded.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GoroutineGroup {
    /// Which ones.
    pub kind: GroupKind,
    /// How long they were recorded, and in the [window](crate::analysis::AnalysisOptions::window). The states of each goroutine sum to it.
    pub lifetime: Distribution,
    /// The same of those whose begin and end are in it.
    pub whole: Distribution,
    /// What the goroutines of [`whole`](Self::whole) did, added up.
    pub whole_anatomy: Anatomy,
    activities: [Distribution; ACTIVITIES],
}

/// Which goroutines a group has.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupKind {
    /// Those that begin with this function, named with its package path.
    Function(Box<str>),
    /// Those of which the trace tells no stack, or none that is not cut.
    #[default]
    Unknown,
    /// Those of all further functions, of which there are too many.
    Others,
}

impl GroupKind {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Function(name) => name,
            Self::Unknown => "[unknown]",
            Self::Others => "[others]",
        }
    }

    /// Whether these are the runtime's own, or its tracer's or profiler's, and not the program's. Go: `runtime.isSystemGoroutine`.
    #[must_use]
    pub fn is_of_runtime(&self) -> bool {
        matches!(self, Self::Function(name) if crate::profiles::begins_own_goroutine(name))
    }
}

impl GoroutineGroup {
    pub(super) fn new(kind: GroupKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// How many goroutines.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lifetime.count()
    }

    /// How long each ran.
    #[must_use]
    pub fn running(&self) -> &Distribution {
        &self.activities[0]
    }

    /// How long each could have run and did not.
    #[must_use]
    pub fn runnable(&self) -> &Distribution {
        &self.activities[1]
    }

    /// How long each was in system calls or in C.
    #[must_use]
    pub fn syscall(&self) -> &Distribution {
        &self.activities[2]
    }

    /// How long each helped the garbage collector, which is part of what else it did.
    #[must_use]
    pub fn gc_assist(&self) -> &Distribution {
        &self.activities[3]
    }

    /// How long each waited for something.
    #[must_use]
    pub fn waiting(&self, reason: Waiting) -> &Distribution {
        &self.activities[4 + reason as usize]
    }

    /// Everything that they did, each with the key that [`Anatomy::attributes`] has for it.
    pub fn activities(&self) -> impl Iterator<Item = (&'static str, &Distribution)> {
        Anatomy::KEYS.into_iter().zip(&self.activities)
    }

    /// What they did altogether.
    #[must_use]
    pub fn anatomy(&self) -> Anatomy {
        Anatomy::of_times(self.activities.each_ref().map(Distribution::total))
    }

    /// Counts one more.
    pub(super) fn add(&mut self, anatomy: &Anatomy, is_whole: bool) {
        let lifetime = anatomy.whole();
        self.lifetime.add(lifetime);
        self.activities.iter_mut().zip(anatomy.times()).for_each(|(activity, time)| activity.add(time));
        if is_whole {
            self.whole.add(lifetime);
            self.whole_anatomy.add(anatomy);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.lifetime.merge(&other.lifetime);
        self.whole.merge(&other.whole);
        self.whole_anatomy.add(&other.whole_anatomy);
        self.activities.iter_mut().zip(&other.activities).for_each(|(own, other)| own.merge(other));
    }
}
