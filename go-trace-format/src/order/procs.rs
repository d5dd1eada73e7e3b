//! The rules of procs. Go: `internal/trace/order.go`, `advanceProc…`.

use smallvec::SmallVec;

use crate::{
    error::Violation,
    event::{ProcState, Record},
    order::{Hesitation, Need, Order, Outcome, Proc, Progress, Step, require, slots::NO_SLOT},
};

/// Statuses on the wire. Go: `tracev2.ProcStatus`.
pub(super) const RUNNING: u64 = 1;
pub(super) const IDLE: u64 = 2;
pub(super) const SYSCALL: u64 = 3;
pub(super) const SYSCALL_ABANDONED: u64 = crate::event::PROC_SYSCALL_ABANDONED;

/// How many threads are asked whether they hold a proc that its last taker does not hold. Far more than run at
/// once anywhere, and a bound for bytes that lie.
const THREADS_ASKED: usize = 1 << 12;

impl Proc {
    pub(super) fn new(generation: u64, status: u64) -> Self {
        Self { progress: Progress::new(generation, status), ranges: SmallVec::new(), holder: NO_SLOT }
    }
}

impl Order {
    pub(super) fn proc_status(&mut self, step: &mut Step<'_>) -> Outcome {
        let id = step.argument(0) as i64;
        // The reference's status has 8 bits.
        let mut status = step.argument(1) & 0xff;
        let state = ProcState::from_status(status).ok_or(Violation::InvalidStatus)?;
        let generation = step.tables.generation;
        let reported = status;
        let (slot, from) = match self.procs.look_up(id) {
            Some(slot) => {
                let progress = &mut self.procs.get_mut(slot).progress;
                let from = match (status, progress.status()) {
                    // Abandoned means that its thread was lost sight of. It was not, so it is in a syscall.
                    (SYSCALL_ABANDONED, SYSCALL) => {
                        status = SYSCALL;
                        ProcState::Running
                    }
                    (SYSCALL_ABANDONED, SYSCALL_ABANDONED) => ProcState::Idle,
                    (new, old) if new == old => state,
                    (_, old) if self.unscheduled => {
                        progress.set_status(status);
                        ProcState::from_status(old).unwrap_or(ProcState::Undetermined)
                    }
                    _ => return Err(Violation::InconsistentStatus.into()),
                };
                progress.restart(generation);
                (slot, from)
            }
            None => {
                let initial = self.is_initial(step);
                let from = if initial { ProcState::Undetermined } else { ProcState::NotExist };
                (self.procs.insert(id, Proc::new(generation, status)), from)
            }
        };
        // The state before goes behind the arguments.
        step.record.arguments[1] = status;
        step.record.arguments[2] = from as u64;
        // Whose proc it is goes by the status that the event reported, or was promoted to.
        if reported == SYSCALL_ABANDONED && from == ProcState::Running {
            let holder = self.holder(id, slot).ok_or(Violation::WrongThread)?;
            step.record.thread = self.at(holder).id;
            step.record.proc = id;
            step.record.goroutine = self.at(holder).goroutine;
        } else if reported == RUNNING || reported == SYSCALL {
            self.hold_proc(id, slot);
        }
        Ok(())
    }

    /// The thread that holds a proc.
    fn holder(&self, id: i64, slot: u32) -> Option<usize> {
        let last = self.procs.get(slot).holder as usize;
        let asked = 0..self.threads.len().min(THREADS_ASKED);
        let last = (last < self.threads.len()).then_some(last);
        last.into_iter().chain(asked).find(|&index| self.at(index).proc == id)
    }

    pub(super) fn proc_start(&mut self, step: &mut Step<'_>) -> Outcome {
        let id = step.argument(0) as i64;
        let Some(slot) = self.procs.look_up(id) else { return Err(Hesitation::Waits) };
        let allowed = self.procs.get(slot).progress.allows(step.tables.generation, step.argument(1), IDLE);
        if !allowed || step.record.proc != Record::NONE {
            return Err(Hesitation::Waits);
        }
        require(step, Need::Absent, Need::Either)?;
        self.procs.get_mut(slot).progress.step(RUNNING);
        self.hold_proc(id, slot);
        Ok(())
    }

    pub(super) fn proc_stop(&mut self, step: &mut Step<'_>) -> Outcome {
        let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
        if !matches!(proc.progress.status(), RUNNING | SYSCALL) {
            return Err(Violation::WrongState.into());
        }
        proc.progress.set_status(IDLE);
        require(step, Need::Present, Need::Either)?;
        self.release_proc();
        Ok(())
    }

    pub(super) fn proc_steal(&mut self, step: &mut Step<'_>) -> Outcome {
        let id = step.argument(0) as i64;
        let Some(slot) = self.procs.look_up(id) else { return Err(Hesitation::Waits) };
        let progress = self.procs.get(slot).progress;
        let status = progress.status();
        if !matches!(status, SYSCALL | SYSCALL_ABANDONED)
            || !progress.precedes(step.tables.generation, step.argument(1))
        {
            return Err(Hesitation::Waits);
        }
        require(step, Need::Either, Need::Either)?;
        let victim = step.argument(2) as i64;
        // The status before goes behind the arguments: it tells whether the proc still ran.
        step.record.arguments[3] = status;
        self.procs.get_mut(slot).progress.step(IDLE);
        if status == SYSCALL_ABANDONED {
            // Its thread was lost sight of and may hold another proc by now.
            return Ok(());
        }
        if victim == step.record.thread {
            if step.record.proc != id {
                return Err(Violation::WrongThread.into());
            }
            self.release_proc();
            return Ok(());
        }
        let thread = self.thread_index.get(&victim).map(|&index| index as usize);
        let Some(index) = thread else { return Err(Violation::WrongThread.into()) };
        let victim = self.at_mut(index);
        if !victim.known || victim.proc != id {
            return Err(Violation::WrongThread.into());
        }
        victim.hold(Record::NONE, NO_SLOT);
        Ok(())
    }
}
