//! Procs: who holds them, how they are stolen, and their sequence numbers.
//!
//! Go: `ordering.advanceProcStart` and its neighbours in `internal/trace/order.go`.

use go_trace_format::EventType as E;

use crate::canned::script::{
    Case, Script, accepted,
    goroutine::{RUNNABLE, WAITING},
    proc::{IDLE, RUNNING, SYSCALL, SYSCALL_ABANDONED},
    rejected, script,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = starting_and_stopping();
    cases.extend(stealing());
    cases.extend(statuses());
    cases
}

fn starting_and_stopping() -> Vec<Case> {
    vec![
        accepted("proc starts and stops", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, IDLE]);
                s.on(0, E::ProcStart, &[0, 1]);
                s.on(0, E::ProcStop, &[]);
                s.on(1, E::ProcStart, &[0, 2]);
            })
        }),
        accepted("sequence numbers win over times", || {
            script(|s| {
                s.at(100, 0, E::ProcStatus, &[0, IDLE]);
                s.at(300, 0, E::ProcStart, &[0, 1]);
                s.at(310, 0, E::ProcStop, &[]);
                s.at(200, 1, E::ProcStart, &[0, 2]);
                s.at(210, 1, E::HeapAlloc, &[4096]);
            })
        }),
        rejected("proc starts before its status", "failed to advance", || {
            script(|s| s.on(0, E::ProcStart, &[0, 1]))
        }),
        rejected("proc skips a sequence number", "failed to advance", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, IDLE]);
                s.on(0, E::ProcStart, &[0, 2]);
            })
        }),
        rejected("thread that holds a proc starts another", "failed to advance", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, RUNNING]);
                s.on(0, E::ProcStatus, &[1, IDLE]);
                s.at(103, 0, E::ProcStop, &[]);
                s.at(104, 0, E::ProcStart, &[1, 1]);
                s.at(105, 0, E::ProcStart, &[0, 1]);
            })
        }),
        rejected("proc stops on a thread without one", "doesn't exist", || {
            script(|s| s.on(0, E::ProcStop, &[]))
        }),
        rejected("proc stops twice", "doesn't exist", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, RUNNING]);
                s.on(0, E::ProcStop, &[]);
                s.on(0, E::ProcStop, &[]);
            })
        }),
        rejected("proc starts on no thread", "expected a thread", || {
            script(|s| {
                s.on(-1, E::ProcStatus, &[0, IDLE]);
                s.on(-1, E::ProcStart, &[0, 1]);
            })
        }),
        rejected("GOMAXPROCS changes without a goroutine", "expected a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, RUNNING]);
                s.on(0, E::ProcsChange, &[4, 1]);
            })
        }),
    ]
}

/// Goroutine 1 with proc 0 on thread 0 goes into a syscall.
fn in_syscall(s: &mut Script) {
    s.running(0, 0, 1);
    s.on(0, E::GoSyscallBegin, &[1, 1]);
}

fn stealing() -> Vec<Case> {
    vec![
        accepted("proc is stolen by another thread", || {
            script(|s| {
                s.running(1, 1, 2);
                in_syscall(s);
                s.on(1, E::ProcSteal, &[0, 2, 0]);
                s.on(0, E::GoSyscallEndBlocked, &[]);
            })
        }),
        accepted("proc is stolen by its own thread", || {
            script(|s| {
                in_syscall(s);
                s.on(0, E::ProcSteal, &[0, 2, 0]);
                s.on(0, E::ProcStart, &[0, 3]);
                s.on(0, E::GoSyscallEndBlocked, &[]);
                s.on(0, E::GoStart, &[1, 1]);
            })
        }),
        accepted("thief comes late by its clock", || {
            script(|s| {
                s.at(100, 0, E::ProcStatus, &[0, RUNNING]);
                s.at(101, 0, E::GoStatus, &[1, 0, 2]);
                s.at(102, 0, E::GoSyscallBegin, &[1, 0]);
                s.at(103, 0, E::GoSyscallEndBlocked, &[]);
                s.at(200, 1, E::ProcSteal, &[0, 2, 0]);
            })
        }),
        accepted("which of two syscalls is stolen from is told by the sequence number", || {
            script(|s| {
                s.running(0, 0, 1);
                for sequence in [1, 2] {
                    s.at(110, 0, E::GoSyscallBegin, &[sequence, 0]);
                    if sequence == 1 {
                        s.at(110, 0, E::GoSyscallEnd, &[]);
                    } else {
                        s.at(110, 0, E::GoSyscallEndBlocked, &[]);
                    }
                }
                s.at(105, 1, E::ProcStatus, &[1, RUNNING]);
                s.at(110, 1, E::ProcSteal, &[0, 3, 0]);
            })
        }),
        accepted("proc left behind by a callback from C is stolen", || {
            script(|s| {
                s.running(1, 1, 2);
                s.on(0, E::ProcStatus, &[0, IDLE]);
                s.on(0, E::GoCreateSyscall, &[5]);
                s.on(0, E::ProcStart, &[0, 1]);
                s.on(0, E::GoSyscallEndBlocked, &[]);
                s.on(0, E::GoStart, &[5, 1]);
                s.on(0, E::GoSyscallBegin, &[2, 0]);
                s.on(0, E::GoDestroySyscall, &[]);
                s.on(1, E::ProcSteal, &[0, 3, 0]);
                s.on(0, E::GoCreateSyscall, &[6]);
            })
        }),
        accepted("proc that was left behind is stolen in the next generation", || {
            script(|s| {
                in_syscall(s);
                s.on(0, E::GoDestroySyscall, &[]);
                s.running(1, 1, 2);
                s.next_generation();
                s.running(1, 1, 2);
                s.on(1, E::ProcStatus, &[0, SYSCALL_ABANDONED]);
                s.on(1, E::ProcSteal, &[0, 1, 0]);
                s.on(1, E::ProcStop, &[]);
                s.on(1, E::ProcStart, &[0, 2]);
            })
        }),
        accepted("proc is stolen from a syscall of the generation before", || {
            script(|s| {
                in_syscall(s);
                s.running(1, 1, 2);
                s.next_generation();
                s.running(1, 1, 2);
                s.on(1, E::ProcStatus, &[0, SYSCALL_ABANDONED]);
                s.on(1, E::ProcSteal, &[0, 1, 0]);
                s.on(1, E::GoStatus, &[1, 0, 3]);
                s.on(0, E::GoSyscallEndBlocked, &[]);
            })
        }),
        accepted("proc comes out of a syscall of the generation before", || {
            script(|s| {
                in_syscall(s);
                s.next_generation();
                s.on(0, E::ProcStatus, &[0, SYSCALL]);
                s.on(0, E::GoStatus, &[1, 0, 3]);
                s.on(0, E::GoSyscallEnd, &[]);
                s.on(0, E::GoSyscallBegin, &[1, 0]);
            })
        }),
        accepted("proc is stolen by a thread that holds none", || {
            script(|s| {
                in_syscall(s);
                s.on(9, E::ProcSteal, &[0, 2, 0]);
                s.on(9, E::ProcStart, &[0, 3]);
                s.on(0, E::GoSyscallEndBlocked, &[]);
            })
        }),
        rejected("proc is stolen from a thread that does not exist", "non-existent thread", || {
            script(|s| {
                in_syscall(s);
                s.on(1, E::ProcSteal, &[0, 2, 7]);
            })
        }),
        rejected("proc is stolen from a thread that holds another", "got proc 1 instead", || {
            script(|s| {
                s.running(1, 1, 2);
                in_syscall(s);
                s.on(2, E::ProcSteal, &[0, 2, 1]);
            })
        }),
        rejected("thread steals from itself what it does not hold", "self-steal", || {
            script(|s| {
                s.running(1, 1, 2);
                in_syscall(s);
                s.on(1, E::ProcSteal, &[0, 2, 1]);
            })
        }),
        rejected("proc is stolen while it runs", "failed to advance", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(1, E::ProcSteal, &[0, 1, 0]);
            })
        }),
        rejected("goroutine leaves its syscall with a proc that was stolen", "expected a proc", || {
            script(|s| {
                in_syscall(s);
                s.on(1, E::ProcSteal, &[0, 2, 0]);
                s.on(0, E::GoSyscallEnd, &[]);
            })
        }),
        rejected("goroutine waits for a thief that never comes", "failed to advance", || {
            script(|s| {
                in_syscall(s);
                s.on(0, E::GoSyscallEndBlocked, &[]);
            })
        }),
    ]
}

fn statuses() -> Vec<Case> {
    vec![
        accepted("statuses that a proc can begin with", || {
            script(|s| {
                for status in [0, RUNNING, IDLE, SYSCALL, SYSCALL_ABANDONED] {
                    s.on(status as i64, E::ProcStatus, &[status + 10, status]);
                }
            })
        }),
        rejected("status that no proc can have", "invalid status for proc", || {
            script(|s| s.on(0, E::ProcStatus, &[0, 5]))
        }),
        rejected("second status differs", "inconsistent status for proc", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, IDLE]);
                s.on(0, E::ProcStatus, &[0, RUNNING]);
            })
        }),
        rejected("status differs in the next generation", "inconsistent status for proc", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, RUNNING]);
                s.next_generation();
                s.on(0, E::ProcStatus, &[0, IDLE]);
            })
        }),
        accepted("proc appears in a later generation", || {
            script(|s| {
                s.running(0, 0, 1);
                s.next_generation();
                s.on(1, E::ProcStatus, &[1, IDLE]);
                s.on(1, E::ProcStart, &[1, 1]);
            })
        }),
        accepted("sequence numbers begin anew with each generation", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, IDLE]);
                s.on(0, E::ProcStart, &[0, 1]);
                s.on(0, E::ProcStop, &[]);
                s.next_generation();
                s.on(1, E::ProcStatus, &[0, IDLE]);
                s.on(1, E::ProcStart, &[0, 1]);
            })
        }),
        rejected("proc goes on in a new generation without a status", "failed to advance", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, IDLE]);
                s.on(0, E::ProcStart, &[0, 1]);
                s.on(0, E::ProcStop, &[]);
                s.next_generation();
                s.on(0, E::ProcStart, &[0, 2]);
            })
        }),
        accepted("abandoned proc stays abandoned", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, SYSCALL_ABANDONED]);
                s.next_generation();
                s.on(1, E::ProcStatus, &[0, SYSCALL_ABANDONED]);
                s.on(1, E::ProcSteal, &[0, 1, 99]);
            })
        }),
        rejected("abandoned proc whose thread holds another", "failed to find sched context", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, SYSCALL]);
                s.on(0, E::ProcStatus, &[1, RUNNING]);
                s.next_generation();
                s.on(1, E::ProcStatus, &[0, SYSCALL_ABANDONED]);
            })
        }),
        accepted("statuses of goroutines that wait come from any thread", || {
            script(|s| {
                s.on(3, E::GoStatus, &[1, u64::MAX, WAITING]);
                s.on(-1, E::GoStatus, &[2, u64::MAX, RUNNABLE]);
            })
        }),
    ]
}
