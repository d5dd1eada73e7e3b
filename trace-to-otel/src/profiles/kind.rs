//! Which profiles there are.

use core::{fmt, str::FromStr};

use crate::profiles::account::Account;

/// A profile that a trace holds: see [the module](crate::profiles).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProfileKind {
    /// Time in which goroutines did not run, by reason: `runnable`, `syscall`, or what they waited for.
    OffCpu,
    /// Time blocked on channels, mutexes and the like, as `go tool trace -pprof=sync` has it.
    Block,
    /// The part of [`Block`](Self::Block) in which a `sync.Mutex` or a `sync.RWMutex` was to be locked.
    Mutex,
    /// Time blocked on the network, as `go tool trace -pprof=net` has it.
    Network,
    /// Time in system calls and in C, as `go tool trace -pprof=syscall` has it.
    Syscall,
    /// Time from being able to run to running, as `go tool trace -pprof=sched` has it: by the stack of whoever made the goroutine
    /// runnable.
    Scheduler,
    /// Time in which goroutines ran, by the stack at the end of each stretch.
    Cpu,
    /// Samples of the CPU profile, where one ran beside the recording.
    Samples,
    /// Time of assisting the garbage collector, and in which the world was stopped, by reason.
    Gc,
}

impl ProfileKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::OffCpu,
        Self::Block,
        Self::Mutex,
        Self::Network,
        Self::Syscall,
        Self::Scheduler,
        Self::Cpu,
        Self::Samples,
        Self::Gc,
    ];

    /// Its name: `off-cpu`, `block`, `mutex`, `network`, `syscall`, `scheduler`, `cpu`, `samples`, `gc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OffCpu => "off-cpu",
            Self::Block => "block",
            Self::Mutex => "mutex",
            Self::Network => "network",
            Self::Syscall => "syscall",
            Self::Scheduler => "scheduler",
            Self::Cpu => "cpu",
            Self::Samples => "samples",
            Self::Gc => "gc",
        }
    }

    /// Whether its samples have times; those of the others are counts only.
    #[must_use]
    pub const fn has_times(self) -> bool {
        !matches!(self, Self::Samples)
    }

    /// Whether the reason tells its samples apart as their stacks do.
    pub(crate) const fn is_by_reason(self) -> bool {
        matches!(self, Self::OffCpu | Self::Gc)
    }

    /// What is added up for it.
    pub(super) const fn accounts(self) -> &'static [Account] {
        match self {
            Self::OffCpu => &[Account::Runnable, Account::Waiting, Account::InSyscall],
            Self::Block | Self::Mutex => &[Account::Block],
            Self::Network => &[Account::Network],
            Self::Syscall => &[Account::Syscall],
            Self::Scheduler => &[Account::Scheduler],
            Self::Cpu => &[Account::Running],
            Self::Samples => &[Account::Samples],
            Self::Gc => &[Account::Gc],
        }
    }

    /// What OTLP's profile calls a value: by OpenTelemetry's conventions where they have it.
    #[cfg(any(feature = "json", feature = "protobuf"))]
    pub(crate) const fn value_type(self) -> &'static str {
        match self {
            Self::OffCpu => "off_cpu",
            _ => self.name(),
        }
    }

    /// Whether OTLP's profile has a period. Backends know a profile off the CPU by having none.
    #[cfg(any(feature = "json", feature = "protobuf"))]
    pub(crate) const fn has_period(self) -> bool {
        !matches!(self, Self::OffCpu)
    }

    /// What a sample's count and its time are called. Those of Go's tool have its names. Go: `traceviewer.BuildProfile`.
    pub(super) const fn values(self) -> (&'static str, &'static str) {
        match self {
            Self::OffCpu => ("waits", "off_cpu"),
            Self::Block | Self::Mutex | Self::Network | Self::Syscall | Self::Scheduler => {
                ("contentions", "delay")
            }
            Self::Cpu => ("stretches", "cpu"),
            Self::Samples => ("samples", "samples"),
            Self::Gc => ("pauses", "gc"),
        }
    }
}

/// Its name.
impl fmt::Display for ProfileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// By its name.
impl FromStr for ProfileKind {
    type Err = UnknownProfileKind;

    fn from_str(name: &str) -> Result<Self, UnknownProfileKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownProfileKind)
    }
}

/// A name that no [`ProfileKind`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownProfileKind;

impl fmt::Display for UnknownProfileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [names @ .., last] = ProfileKind::ALL.map(ProfileKind::name);
        write!(f, "no profile; there are {} and {last}", names.join(", "))
    }
}

impl core::error::Error for UnknownProfileKind {}
