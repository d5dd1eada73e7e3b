//! Goroutines: creation, scheduling, syscalls, coroutine switches and callbacks from C.
//!
//! Go: `ordering.advanceGoStatus` and its neighbours in `internal/trace/order.go`.

use go_trace_format::{EventType as E, Version};

use crate::canned::script::{
    Case, NONE, Script, accepted,
    goroutine::{RUNNABLE, RUNNING, SYSCALL, WAITING},
    proc, rejected, script,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = statuses();
    cases.extend(scheduling());
    cases.extend(switches());
    cases.extend(syscalls());
    cases.extend(callbacks());
    cases
}

fn statuses() -> Vec<Case> {
    vec![
        accepted("statuses that a goroutine can begin with", || {
            script(|s| {
                s.on(0, E::GoStatus, &[1, NONE, 0]);
                s.on(0, E::GoStatus, &[2, NONE, RUNNABLE]);
                s.on(0, E::GoStatusStack, &[3, 0, RUNNING, 1]);
                s.on(1, E::GoStatus, &[4, 1, SYSCALL]);
                s.on(1, E::GoStatusStack, &[5, NONE, WAITING, 1]);
            })
        }),
        rejected("status that no goroutine can have", "invalid status for goroutine", || {
            script(|s| s.on(0, E::GoStatus, &[1, NONE, 5]))
        }),
        rejected("status differs", "inconsistent status for goroutine", || {
            script(|s| {
                s.on(0, E::GoStatus, &[1, NONE, WAITING]);
                s.on(0, E::GoStatus, &[1, NONE, RUNNABLE]);
            })
        }),
        rejected("goroutine appears in a later generation", "after the first generation", || {
            script(|s| {
                s.running(0, 0, 1);
                s.next_generation();
                s.on(0, E::GoStatus, &[2, NONE, WAITING]);
            })
        }),
        rejected("goroutine in a syscall on no thread", "without a thread", || {
            script(|s| s.on(0, E::GoStatus, &[1, NONE, SYSCALL]))
        }),
        accepted("goroutine sits in a syscall on another thread", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoStatus, &[2, 8, SYSCALL]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::GoStatus, &[2, 8, SYSCALL]);
                s.on(8, E::GoSyscallEndBlocked, &[]);
            })
        }),
        rejected("goroutine in a syscall on another's thread", "thread has goroutine 2", || {
            script(|s| {
                s.running(1, 1, 2);
                s.on(0, E::GoStatus, &[1, 1, SYSCALL]);
            })
        }),
        rejected("goroutine in a syscall on a thread that has changed", "thread has goroutine", || {
            script(|s| {
                s.on(0, E::GoStatus, &[1, 8, SYSCALL]);
                s.next_generation();
                s.on(9, E::GoStatus, &[1, 9, SYSCALL]);
            })
        }),
    ]
}

fn scheduling() -> Vec<Case> {
    vec![
        accepted("goroutine is created, starts, stops, blocks, is unblocked and ends", || {
            script(|s| {
                let reason = s.text("preempted");
                let wait = s.text("chan receive");
                s.running(0, 0, 1);
                s.on(0, E::GoCreate, &[2, 1, 1]);
                s.on(0, E::GoBlock, &[wait, 1]);
                s.on(0, E::GoStart, &[2, 1]);
                s.on(0, E::GoStop, &[reason, 1]);
                s.on(0, E::GoStart, &[2, 2]);
                s.on(0, E::GoUnblock, &[1, 1, 1]);
                s.on(0, E::GoDestroy, &[]);
                s.on(0, E::GoStart, &[1, 2]);
            })
        }),
        accepted("goroutine starts on a thread whose clock is behind", || {
            script(|s| {
                s.at(100, 1, E::ProcStatus, &[1, proc::RUNNING]);
                s.at(110, 1, E::GoStart, &[2, 1]);
                s.at(200, 0, E::ProcStatus, &[0, proc::RUNNING]);
                s.at(201, 0, E::GoStatus, &[1, 0, RUNNING]);
                s.at(202, 0, E::GoCreate, &[2, 1, 1]);
            })
        }),
        accepted("thread without a proc unblocks a goroutine", || {
            script(|s| {
                s.on(5, E::GoStatus, &[1, NONE, WAITING]);
                s.on(5, E::GoUnblock, &[1, 1, 0]);
            })
        }),
        accepted("goroutine is created by none", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoCreate, &[2, 0, 0]);
                s.on(0, E::GoStart, &[2, 1]);
            })
        }),
        accepted("goroutine is created blocked", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoCreateBlocked, &[2, 1, 1]);
                s.on(0, E::GoUnblock, &[2, 1, 1]);
            })
        }),
        accepted("event of a later version than the header's", || {
            let mut trace = script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoCreateBlocked, &[2, 1, 1]);
            });
            // The byte is all that tells a trace of Go 1.25 with an end of generation that nobody reads.
            assert_eq!(trace.pop(), Some(0x34));
            trace[..16].copy_from_slice(&Version::Go125.header());
            trace
        }),
        rejected("goroutine is created twice", "already exists", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoCreate, &[2, 1, 1]);
                s.on(0, E::GoCreate, &[2, 1, 1]);
            })
        }),
        rejected("goroutine is created without a proc", "expected a proc", || {
            script(|s| {
                s.on(0, E::GoStatus, &[1, 0, RUNNING]);
                s.on(0, E::GoCreate, &[2, 1, 1]);
            })
        }),
        rejected("goroutine that never becomes runnable starts", "failed to advance", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoStatus, &[1, NONE, WAITING]);
                s.on(0, E::GoStart, &[1, 1]);
            })
        }),
        rejected("goroutine starts on a thread that runs another", "expected no goroutine", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoStatus, &[2, NONE, RUNNABLE]);
                s.on(0, E::GoStart, &[2, 1]);
            })
        }),
        rejected("goroutine blocks on a thread that runs none", "expected a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoBlock, &[0, 0]);
            })
        }),
        rejected("goroutine ends twice", "expected a goroutine", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoDestroy, &[]);
                s.on(0, E::GoDestroy, &[]);
            })
        }),
        rejected("goroutine goes on in a new generation without a status", "failed to advance", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoStatus, &[1, NONE, RUNNABLE]);
                s.next_generation();
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoStart, &[1, 1]);
            })
        }),
    ]
}

fn switches() -> Vec<Case> {
    vec![
        accepted("switch to a waiting goroutine and back", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoCreateBlocked, &[2, 1, 1]);
                s.on(0, E::GoSwitch, &[2, 1]);
                s.on(0, E::GoSwitch, &[1, 1]);
            })
        }),
        accepted("switch from a goroutine that ends", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoCreateBlocked, &[2, 1, 1]);
                s.on(0, E::GoSwitch, &[2, 1]);
                s.on(0, E::GoSwitchDestroy, &[1, 1]);
                s.on(0, E::GoCreate, &[2, 1, 1]);
            })
        }),
        accepted("switch waits until the other goroutine blocks", || {
            script(|s| {
                s.at(100, 0, E::ProcStatus, &[0, proc::RUNNING]);
                s.at(101, 0, E::GoStatus, &[1, 0, RUNNING]);
                s.at(102, 0, E::GoSwitch, &[2, 1]);
                s.at(100, 1, E::ProcStatus, &[1, proc::RUNNING]);
                s.at(101, 1, E::GoStatus, &[2, 1, RUNNING]);
                s.at(200, 1, E::GoBlock, &[0, 1]);
            })
        }),
        accepted("switch in a trace of Go 1.23", || {
            let mut s = Script::of(Version::Go123);
            s.running(0, 0, 1);
            s.on(0, E::GoStatusStack, &[2, NONE, WAITING, 1]);
            s.on(0, E::GoSwitch, &[2, 1]);
            s.bytes()
        }),
        rejected("switch to a goroutine that does not exist", "failed to advance", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSwitch, &[2, 1]);
            })
        }),
        rejected("switch on a thread that runs no goroutine", "expected a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoStatus, &[2, NONE, WAITING]);
                s.on(0, E::GoSwitch, &[2, 1]);
            })
        }),
        rejected("switch out of a syscall", "event for goroutine that's not", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoStatus, &[2, NONE, WAITING]);
                s.on(0, E::GoSyscallBegin, &[1, 0]);
                s.on(0, E::GoSwitch, &[2, 1]);
            })
        }),
    ]
}

fn syscalls() -> Vec<Case> {
    vec![
        accepted("syscall with and without a stack", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallBegin, &[1, 1]);
                s.on(0, E::GoSyscallEnd, &[]);
                s.on(0, E::GoSyscallBegin, &[2, 0]);
                s.on(0, E::GoSyscallEnd, &[]);
            })
        }),
        accepted("syscall ends blocked after its proc has stopped", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallBegin, &[1, 1]);
                s.on(0, E::ProcStop, &[]);
                s.on(0, E::GoSyscallEndBlocked, &[]);
            })
        }),
        rejected("syscall ends without a beginning", "event for goroutine that's not", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallEnd, &[]);
            })
        }),
        rejected("syscall ends blocked without a beginning", "event for goroutine that's not", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallEndBlocked, &[]);
            })
        }),
        rejected("syscall within a syscall", "event for goroutine that's not", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallBegin, &[1, 0]);
                s.on(0, E::GoSyscallBegin, &[2, 0]);
            })
        }),
        rejected("syscall skips its proc's sequence number", "can't make sequence", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallBegin, &[2, 0]);
            })
        }),
        rejected("goroutine is created in a syscall by one in a syscall", "expected no goroutine", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoSyscallBegin, &[1, 0]);
                s.on(0, E::GoCreateSyscall, &[2]);
            })
        }),
    ]
}

fn callbacks() -> Vec<Case> {
    vec![
        accepted("callback from C on a thread of its own", || {
            script(|s| {
                s.on(7, E::GoCreateSyscall, &[5]);
                s.on(7, E::ProcStatus, &[0, proc::IDLE]);
                s.on(7, E::ProcStart, &[0, 1]);
                s.on(7, E::GoSyscallEndBlocked, &[]);
                s.on(7, E::GoStart, &[5, 1]);
                s.on(7, E::GoSyscallBegin, &[2, 0]);
                s.on(7, E::ProcStop, &[]);
                s.on(7, E::GoDestroySyscall, &[]);
            })
        }),
        accepted("callback from C leaves its proc behind", || {
            script(|s| {
                s.on(7, E::GoCreateSyscall, &[5]);
                s.on(7, E::ProcStatus, &[0, proc::IDLE]);
                s.on(7, E::ProcStart, &[0, 1]);
                s.on(7, E::GoSyscallEndBlocked, &[]);
                s.on(7, E::GoStart, &[5, 1]);
                s.on(7, E::GoSyscallBegin, &[2, 0]);
                s.on(7, E::GoDestroySyscall, &[]);
                // Another thread got the same id.
                s.on(7, E::GoCreateSyscall, &[6]);
                s.on(7, E::ProcSteal, &[0, 3, 7]);
            })
        }),
        accepted("goroutine is created in a syscall on a thread with a proc", || {
            script(|s| {
                s.on(7, E::ProcStatus, &[0, proc::SYSCALL]);
                s.on(7, E::GoCreateSyscall, &[5]);
                s.on(7, E::GoSyscallEnd, &[]);
                s.on(7, E::HeapAlloc, &[1]);
            })
        }),
        rejected(
            "goroutine is created in a syscall on a thread whose proc runs",
            "expected proc 0 in state",
            || {
                script(|s| {
                    s.on(7, E::ProcStatus, &[0, proc::RUNNING]);
                    s.on(7, E::GoCreateSyscall, &[5]);
                    s.on(7, E::GoSyscallEnd, &[]);
                })
            },
        ),
        rejected("goroutine that exists is created in a syscall", "already exists", || {
            script(|s| {
                s.on(7, E::GoStatus, &[5, NONE, WAITING]);
                s.on(7, E::GoCreateSyscall, &[5]);
            })
        }),
        rejected("goroutine that runs ends as if in a syscall", "event for goroutine that's not", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GoDestroySyscall, &[]);
            })
        }),
        rejected("goroutine ends in a syscall while its proc runs", "in unexpected state", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GoStatus, &[1, 0, SYSCALL]);
                s.on(0, E::GoDestroySyscall, &[]);
            })
        }),
    ]
}
