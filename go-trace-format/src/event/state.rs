//! Goroutines and procs changing their state. Go: `trace.StateTransition`.

use core::fmt;

use crate::{
    event::{Event, Record},
    id::{GoroutineId, ProcId},
    spec::EventType,
    tables::{Stack, Text},
};

/// The state of a goroutine. Go: `trace.GoState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
#[non_exhaustive]
pub enum GoroutineState {
    /// Not known.
    Undetermined = 0,
    /// It does not exist.
    NotExist = 1,
    /// It could run.
    Runnable = 2,
    /// It runs.
    Running = 3,
    /// It waits.
    Waiting = 4,
    /// It is in a system call or in C.
    Syscall = 5,
}

impl GoroutineState {
    /// The state that a status on the wire stands for. Status 0 is undetermined, as in the reference.
    pub(crate) const fn from_status(status: u64) -> Option<Self> {
        match status {
            0 => Some(Self::Undetermined),
            1 => Some(Self::Runnable),
            2 => Some(Self::Running),
            3 => Some(Self::Syscall),
            4 => Some(Self::Waiting),
            _ => None,
        }
    }

    pub(crate) const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::NotExist,
            2 => Self::Runnable,
            3 => Self::Running,
            4 => Self::Waiting,
            5 => Self::Syscall,
            _ => Self::Undetermined,
        }
    }
}

impl fmt::Display for GoroutineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The state of a proc. Go: `trace.ProcState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
#[non_exhaustive]
pub enum ProcState {
    /// Not known.
    Undetermined = 0,
    /// It does not exist.
    NotExist = 1,
    /// A thread holds it.
    Running = 2,
    /// No thread holds it.
    Idle = 3,
}

impl ProcState {
    /// The state that a status on the wire stands for. Status 0 is undetermined, as in the reference.
    pub(crate) const fn from_status(status: u64) -> Option<Self> {
        match status {
            0 => Some(Self::Undetermined),
            1 | 3 => Some(Self::Running),
            2 | 4 => Some(Self::Idle),
            _ => None,
        }
    }

    pub(crate) const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::NotExist,
            2 => Self::Running,
            3 => Self::Idle,
            _ => Self::Undetermined,
        }
    }
}

impl fmt::Display for ProcState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A goroutine goes from one state to another.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GoroutineTransition<'t> {
    /// Which goroutine. Often not the one that the event happened on.
    pub goroutine: Option<GoroutineId>,
    /// The state before. [`GoroutineState::Undetermined`] at its first mention.
    pub from: GoroutineState,
    /// The state after.
    pub to: GoroutineState,
    /// Why it stops or blocks, such as `sync` or `chan receive`; empty where the trace does not say.
    pub reason: Text<'t>,
    /// Where the goroutine itself was: its creation's entry function, or the place where it blocks.
    pub stack: Option<Stack<'t>>,
}

impl<'t> GoroutineTransition<'t> {
    #[inline]
    pub(crate) fn of<O>(event: &Event<'t, O>) -> Self {
        use EventType as E;
        use GoroutineState as S;
        let Record { event_type, arguments, .. } = event.record;
        // Looked up where it is needed only: most events have neither.
        let text = |argument| event.text(argument);
        let stack = |argument| event.stack_of(argument);
        let none = Text::new(Some(&[]));
        let (goroutine, from, to, reason, stack) = match event_type {
            E::GoCreate => (Whose::Named, S::NotExist, S::Runnable, none, stack(1)),
            E::GoCreateBlocked => (Whose::Named, S::NotExist, S::Waiting, none, stack(1)),
            E::GoCreateSyscall => (Whose::Named, S::NotExist, S::Syscall, none, None),
            E::GoStart => (Whose::Named, S::Runnable, S::Running, none, None),
            E::GoDestroy => (Whose::Current, S::Running, S::NotExist, none, None),
            E::GoDestroySyscall => (Whose::Current, S::Syscall, S::NotExist, none, None),
            E::GoStop => (Whose::Current, S::Running, S::Runnable, text(0), stack(1)),
            E::GoBlock => (Whose::Current, S::Running, S::Waiting, text(0), stack(1)),
            E::GoUnblock | E::GoSwitch | E::GoSwitchDestroy => {
                (Whose::Named, S::Waiting, S::Runnable, none, None)
            }
            E::GoSyscallBegin => (Whose::Current, S::Running, S::Syscall, none, stack(1)),
            E::GoSyscallEnd => (Whose::Current, S::Syscall, S::Running, none, None),
            E::GoSyscallEndBlocked => (Whose::Current, S::Syscall, S::Runnable, none, None),
            // Status events carry the state before in the upper half of the status argument.
            E::GoStatus | E::GoStatusStack => {
                let from = S::from_number(arguments[2] >> 32);
                let to = S::from_status(arguments[2] & 0xffff_ffff).unwrap_or(S::Undetermined);
                (Whose::Named, from, to, none, event.stack())
            }
            _ => (Whose::Current, S::Undetermined, S::Undetermined, none, None),
        };
        let goroutine = match goroutine {
            Whose::Named => Some(arguments[0] as i64).filter(|&id| id != Record::NONE).map(GoroutineId),
            Whose::Current => event.goroutine(),
        };
        Self { goroutine, from, to, reason, stack }
    }
}

/// Which goroutine changes its state.
enum Whose {
    /// The one that the event happened on.
    Current,
    /// The one that the first argument names.
    Named,
}

/// A proc goes from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProcTransition {
    /// Which proc. Where it is stolen, not the one of the event's thread.
    pub proc: Option<ProcId>,
    /// The state before. [`ProcState::Undetermined`] at its first mention.
    pub from: ProcState,
    /// The state after.
    pub to: ProcState,
}

/// The status of a proc that is stolen without its thread being known. Go: `tracev2.ProcSyscallAbandoned`.
pub(crate) const PROC_SYSCALL_ABANDONED: u64 = 4;

impl ProcTransition {
    pub(crate) fn of<O>(event: &Event<'_, O>) -> Self {
        use EventType as E;
        use ProcState as S;
        let [first, second, third, fourth] = event.record.arguments;
        let other = (first as i64 != Record::NONE).then_some(ProcId(first as i64));
        let (proc, from, to) = match event.record.event_type {
            E::ProcStart => (other, S::Idle, S::Running),
            E::ProcStop => (event.held_proc(), S::Running, S::Idle),
            // The ordering puts the status before behind the arguments.
            E::ProcSteal if fourth == PROC_SYSCALL_ABANDONED => (other, S::Idle, S::Idle),
            E::ProcSteal => (other, S::Running, S::Idle),
            _ => (other, S::from_number(third), S::from_status(second).unwrap_or(S::Undetermined)),
        };
        Self { proc, from, to }
    }
}
