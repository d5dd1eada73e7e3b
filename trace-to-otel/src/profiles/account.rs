//! What time is counted as.

/// What time is counted as.
///
/// The first four are what goroutines do, all of the time, by their own stacks. The next four are what Go's tool makes of the
/// same events by rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Account {
    Running,
    Runnable,
    Waiting,
    InSyscall,
    Network,
    Block,
    Syscall,
    Scheduler,
    Samples,
    Gc,
}

impl Account {
    /// All of them, each at the place of its number.
    pub(super) const ALL: [Self; 10] = [
        Self::Running,
        Self::Runnable,
        Self::Waiting,
        Self::InSyscall,
        Self::Network,
        Self::Block,
        Self::Syscall,
        Self::Scheduler,
        Self::Samples,
        Self::Gc,
    ];
}
