//! Latency anatomy: how the time of a span splits over what its goroutine did ([mapping rules](crate#mapping-rules):
//! Latency anatomy).

/// What a goroutine did while a span of it was open, in nanoseconds.
///
/// All but [`gc_assist`](Self::gc_assist) sum to the span's duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Anatomy {
    /// It ran.
    pub running: u64,
    /// It could have run, and waited for a processor.
    pub runnable: u64,
    /// It was in a system call.
    pub syscall: u64,
    /// It waited; [`Anatomy::waiting`] sums these up.
    pub waiting_for: [u64; Waiting::ALL.len()],
    /// It helped the garbage collector, as far as known. Contained in the others, mostly in `running`.
    pub gc_assist: u64,
}

/// What a goroutine waits for. The trace's own reason is finer; Go: `runtime.waitReason` and `runtime.traceBlockReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Waiting {
    /// The network, or another file that the runtime polls.
    Network,
    /// A mutex, a wait group, a condition, or the like.
    Sync,
    /// A channel.
    Channel,
    /// One of several channels.
    Select,
    /// A point in time.
    Sleep,
    /// The garbage collector.
    Gc,
    /// Something else.
    Other,
}

impl Waiting {
    /// Everything that a goroutine may wait for.
    pub const ALL: [Self; 7] =
        [Self::Network, Self::Sync, Self::Channel, Self::Select, Self::Sleep, Self::Gc, Self::Other];

    /// The attribute that has the time, in seconds.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Network => "gotrace.time.waiting.network",
            Self::Sync => "gotrace.time.waiting.sync",
            Self::Channel => "gotrace.time.waiting.channel",
            Self::Select => "gotrace.time.waiting.select",
            Self::Sleep => "gotrace.time.waiting.sleep",
            Self::Gc => "gotrace.time.waiting.gc",
            Self::Other => "gotrace.time.waiting.other",
        }
    }
}

impl Anatomy {
    /// Time waited for all reasons.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting_for.iter().sum()
    }

    /// Everything together, in nanoseconds: how long it is of.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.waiting_for
            .iter()
            .fold(0, |sum: u64, &time| sum.saturating_add(time))
            .saturating_add(self.running)
            .saturating_add(self.runnable)
            .saturating_add(self.syscall)
    }

    /// Adds what another one has.
    pub fn add(&mut self, other: &Self) {
        let mut times = self.times();
        times.iter_mut().zip(other.times()).for_each(|(time, other)| *time = time.saturating_add(other));
        *self = Self::of_times(times);
    }

    /// The mean, where this is the sum of so many.
    #[must_use]
    pub fn mean(&self, count: u64) -> Self {
        Self::of_times(self.times().map(|time| time / count.max(1)))
    }

    /// The attributes that it goes out as: times in seconds, those that are 0 left out.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let times = Self::KEYS.into_iter().zip(self.times());
        times.filter(|&(_, time)| time > 0).map(|(key, time)| (key, seconds(time)))
    }

    /// The keys of the attributes that there may be.
    pub(crate) const KEYS: [&'static str; 4 + Waiting::ALL.len()] = {
        let mut keys = [""; 4 + Waiting::ALL.len()];
        keys[0] = "gotrace.time.running";
        keys[1] = "gotrace.time.runnable";
        keys[2] = "gotrace.time.syscall";
        keys[3] = "gotrace.time.gc_assist";
        let mut reason = 0;
        while reason < Waiting::ALL.len() {
            keys[4 + reason] = Waiting::ALL[reason].key();
            reason += 1;
        }
        keys
    };

    /// The time of each of [`KEYS`](Self::KEYS), in nanoseconds.
    #[inline]
    pub(crate) fn times(&self) -> [u64; Self::KEYS.len()] {
        let [network, sync, channel, select, sleep, gc, other] = self.waiting_for;
        let (running, runnable, syscall, gc_assist) =
            (self.running, self.runnable, self.syscall, self.gc_assist);
        [running, runnable, syscall, gc_assist, network, sync, channel, select, sleep, gc, other]
    }

    /// The one that has these times.
    pub(crate) fn of_times(
        [running, runnable, syscall, gc_assist, waiting_for @ ..]: [u64; Self::KEYS.len()],
    ) -> Self {
        Self { running, runnable, syscall, waiting_for, gc_assist }
    }
}

/// Nanoseconds in seconds.
#[inline]
pub(crate) fn seconds(time: u64) -> f64 {
    time as f64 / 1e9
}

/// What a goroutine does at a moment; the last seven are [`Waiting`] for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    Running,
    Runnable,
    Syscall,
    Network,
    Sync,
    Channel,
    Select,
    Sleep,
    Gc,
    Other,
}

impl Doing {
    /// The state as Go names it. Go: `trace.GoState`.
    pub(crate) const fn state(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Runnable => "Runnable",
            Self::Syscall => "Syscall",
            _ => "Waiting",
        }
    }
}

impl From<Waiting> for Doing {
    fn from(reason: Waiting) -> Self {
        match reason {
            Waiting::Network => Self::Network,
            Waiting::Sync => Self::Sync,
            Waiting::Channel => Self::Channel,
            Waiting::Select => Self::Select,
            Waiting::Sleep => Self::Sleep,
            Waiting::Gc => Self::Gc,
            Waiting::Other => Self::Other,
        }
    }
}

impl Waiting {
    /// What the runtime's reason for blocking means. Go: `runtime.traceBlockReasonStrings`, and before Go 1.25 the same.
    pub(crate) fn from_reason(reason: &[u8]) -> Self {
        match reason {
            b"network" => Self::Network,
            b"sync" | b"sync.(*Cond).Wait" => Self::Sync,
            b"chan send" | b"chan receive" => Self::Channel,
            b"select" => Self::Select,
            b"sleep" => Self::Sleep,
            b"GC mark assist wait for work"
            | b"GC background sweeper wait"
            | b"wait until GC ends"
            | b"GC weak to strong wait" => Self::Gc,
            _ => Self::Other,
        }
    }
}

/// What a goroutine has done so far, by [`Doing`], and how long it has assisted the garbage collector.
///
/// An anatomy, laid out for counting: by place, and not by a branch for each state, as states come in an order that the
/// processor cannot foresee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals([u64; 4 + Waiting::ALL.len()]);

impl Totals {
    const GC_ASSIST: usize = Doing::Other as usize + 1;

    /// Adds time spent on something.
    #[inline]
    pub(crate) fn add(&mut self, doing: Doing, nanoseconds: u64) {
        let total = &mut self.0[doing as usize];
        *total = total.saturating_add(nanoseconds);
    }

    /// Adds time of assisting the garbage collector.
    pub(crate) fn add_gc_assist(&mut self, nanoseconds: u64) {
        self.0[Self::GC_ASSIST] = self.0[Self::GC_ASSIST].saturating_add(nanoseconds);
    }

    /// Takes away what was counted when the totals of a goroutine were these.
    #[inline]
    pub(crate) fn subtract(&mut self, earlier: &Self) {
        self.0.iter_mut().zip(earlier.0).for_each(|(total, earlier)| *total = total.saturating_sub(earlier));
    }

    /// What came since the totals of a goroutine were these.
    #[inline]
    pub(crate) fn since(&self, earlier: &Self) -> Anatomy {
        let mut times = *self;
        times.subtract(earlier);
        times.into()
    }
}

impl From<Totals> for Anatomy {
    #[inline]
    fn from(Totals([running, runnable, syscall, waiting_for @ .., gc_assist]): Totals) -> Self {
        Self { running, runnable, syscall, waiting_for, gc_assist }
    }
}

crate::saved::saved!(Totals { 0 });
crate::saved::saved_enum!(Doing {
    0 => Running,
    1 => Runnable,
    2 => Syscall,
    3 => Network,
    4 => Sync,
    5 => Channel,
    6 => Select,
    7 => Sleep,
    8 => Gc,
    9 => Other,
});
