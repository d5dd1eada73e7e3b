//! What goroutines do.

use crate::{
    anatomy,
    profiles::{
        account::Account,
        reasons::{Reason, Reasons},
    },
};

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Running,
    /// Why it stopped running.
    Runnable(Reason),
    /// What for.
    Waiting(Reason),
    InSyscall,
}

impl Doing {
    pub(super) fn is_like(self, other: Self) -> bool {
        core::mem::discriminant(&self) == core::mem::discriminant(&other)
    }

    /// The same as anatomies have it.
    #[inline]
    pub(super) fn in_anatomy(self, reasons: &Reasons) -> anatomy::Doing {
        match self {
            Self::Running => anatomy::Doing::Running,
            Self::Runnable(_) => anatomy::Doing::Runnable,
            Self::Waiting(reason) => reasons.wait(reason),
            Self::InSyscall => anatomy::Doing::Syscall,
        }
    }

    /// What its time is counted as.
    pub(super) fn account(self) -> (Account, Reason) {
        match self {
            Self::Running => (Account::Running, Reason::NONE),
            Self::Runnable(_) => (Account::Runnable, Reason::RUNNABLE),
            Self::Waiting(reason) => (Account::Waiting, reason),
            Self::InSyscall => (Account::InSyscall, Reason::SYSCALL),
        }
    }
}
