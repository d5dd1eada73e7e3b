//! The rules of goroutines. Go: `internal/trace/order.go`, `advanceGo…`.

use crate::{
    error::Violation,
    event::{GoroutineState, Record},
    order::{
        Goroutine, Hesitation, Need, Order, Outcome, Progress, Step, Thread, procs, require,
        require_user_code,
    },
    spec::EventType,
};

/// Statuses on the wire. Go: `tracev2.GoStatus`.
pub(super) const RUNNABLE: u64 = 1;
pub(super) const RUNNING: u64 = 2;
pub(super) const SYSCALL: u64 = 3;
pub(super) const WAITING: u64 = 4;

impl Goroutine {
    pub(super) fn new(generation: u64, status: u64) -> Self {
        Self { progress: Progress::new(generation, status), notes: None }
    }
}

impl Order {
    /// The current goroutine, which must have `status`, and its slot.
    #[inline(always)]
    fn goroutine_with(&mut self, status: u64) -> Result<(u32, &mut Goroutine), Violation> {
        match self.current_goroutine() {
            Some(found) if found.1.progress.status() == status => Ok(found),
            Some(_) => Err(Violation::WrongState),
            None => Err(Violation::Unknown),
        }
    }

    pub(super) fn remove_goroutine(&mut self, slot: u32) {
        if let Some(notes) = self.goroutines.get(slot).notes {
            self.notes.remove(notes);
        }
        self.goroutines.remove(slot);
    }

    #[inline(always)]
    pub(super) fn go_start(&mut self, step: &mut Step<'_>) -> Outcome {
        let id = step.argument(0) as i64;
        let generation = self.generation;
        let Some((slot, goroutine)) = self.goroutines.look_up_mut(id) else { return Err(Hesitation::Waits) };
        if !goroutine.progress.allows(generation, step.argument(1), RUNNABLE) {
            return Err(Hesitation::Waits);
        }
        require(step, Need::Present, Need::Absent)?;
        goroutine.progress.step(RUNNING);
        self.current.run_on_thread(id, slot);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn go_stop(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        self.goroutine_with(RUNNING)?.1.progress.set_status(RUNNABLE);
        self.leave_goroutine();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn go_block(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        self.goroutine_with(RUNNING)?.1.progress.set_status(WAITING);
        self.leave_goroutine();
        Ok(())
    }

    pub(super) fn go_destroy(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        let (slot, _) = self.goroutine_with(RUNNING)?;
        self.remove_goroutine(slot);
        self.leave_goroutine();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn go_unblock(&mut self, step: &mut Step<'_>) -> Outcome {
        let id = step.argument(0) as i64;
        let generation = self.generation;
        let Some((_, goroutine)) = self.goroutines.look_up_mut(id) else { return Err(Hesitation::Waits) };
        if !goroutine.progress.allows(generation, step.argument(1), WAITING) {
            return Err(Hesitation::Waits);
        }
        goroutine.progress.step(RUNNABLE);
        Ok(())
    }

    /// `GoCreate` and `GoCreateBlocked`.
    pub(super) fn go_create(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Present, Need::Either)?;
        if let Some((_, creator)) = self.current_goroutine() {
            if creator.progress.status() != RUNNING {
                return Err(Violation::WrongState.into());
            }
        }
        let status = if step.record.event_type == EventType::GoCreate { RUNNABLE } else { WAITING };
        self.create_goroutine(step, status)?;
        Ok(())
    }

    pub(super) fn go_create_syscall(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Either, Need::Absent)?;
        let slot = self.create_goroutine(step, SYSCALL)?;
        self.run_goroutine(step.argument(0) as i64, slot);
        Ok(())
    }

    fn create_goroutine(&mut self, step: &Step<'_>, status: u64) -> Result<u32, Violation> {
        let id = step.argument(0) as i64;
        if self.goroutines.look_up(id).is_some() {
            return Err(Violation::AlreadyExists);
        }
        Ok(self.goroutines.insert(id, Goroutine::new(step.tables.generation, status)))
    }

    /// The end of a callback from C. The thread leaves its proc behind, to be stolen by whoever comes first.
    pub(super) fn go_destroy_syscall(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Either, Need::Present)?;
        let (slot, _) = self.goroutine_with(SYSCALL)?;
        self.remove_goroutine(slot);
        if step.record.proc != Record::NONE {
            let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
            if proc.progress.status() != procs::SYSCALL {
                return Err(Violation::WrongState.into());
            }
            proc.progress.set_status(procs::SYSCALL_ABANDONED);
            self.release_proc();
            // The thread steals its proc from itself first, so that nobody sees it run on without a thread.
            let destroy = *step.record;
            step.record.event_type = EventType::ProcSteal;
            step.record.arguments = [destroy.proc as u64, 0, 0, procs::SYSCALL];
            self.queue.push(destroy);
        }
        self.leave_goroutine();
        if self.queue.is_empty() { Ok(()) } else { Err(Hesitation::Leads) }
    }

    /// `GoStatus` and `GoStatusStack`.
    pub(super) fn go_status(&mut self, step: &mut Step<'_>) -> Outcome {
        let (id, thread, status) = (step.argument(0) as i64, step.argument(1) as i64, step.argument(2));
        // The reference's status has 8 bits.
        let status = status & 0xff;
        let state = GoroutineState::from_status(status).ok_or(Violation::InvalidStatus)?;
        let generation = step.tables.generation;
        let (slot, from) = match self.goroutines.look_up(id) {
            Some(slot) => {
                let progress = &mut self.goroutines.get_mut(slot).progress;
                let known = progress.status();
                if known != status {
                    if !self.unscheduled {
                        return Err(Violation::InconsistentStatus.into());
                    }
                    progress.set_status(status);
                }
                progress.restart(generation);
                (slot, if known == status { state } else { known_state(known) })
            }
            None if self.is_initial(step) || self.unscheduled => {
                (self.goroutines.insert(id, Goroutine::new(generation, status)), GoroutineState::Undetermined)
            }
            None => return Err(Violation::Unknown.into()),
        };
        // The state before goes into the upper half of the argument.
        step.record.arguments[2] = (from as u64) << 32 | status;
        match status {
            RUNNING => self.run_goroutine(id, slot),
            SYSCALL => self.bind_syscall(step, id, slot, thread)?,
            _ => {}
        }
        Ok(())
    }

    /// A goroutine that was in a syscall when the generation began, on a thread that may be another one.
    fn bind_syscall(
        &mut self,
        step: &mut Step<'_>,
        id: i64,
        slot: u32,
        thread: i64,
    ) -> Result<(), Violation> {
        if thread == Record::NONE {
            return Err(Violation::NeedsThread);
        }
        if thread == step.record.thread {
            if !self.is_initial(step) && step.record.goroutine != id && !self.unscheduled {
                return Err(Violation::WrongThread);
            }
            self.run_goroutine(id, slot);
            return Ok(());
        }
        let index = self.thread(thread) as usize;
        let Thread { known, goroutine, .. } = *self.at(index);
        if known && goroutine != id && !self.unscheduled {
            return Err(Violation::WrongThread);
        }
        if known {
            step.record.goroutine = id;
        }
        let other = self.at_mut(index);
        other.known = true;
        other.run(id, slot);
        step.record.thread = thread;
        Ok(())
    }

    /// `GoSwitch` and `GoSwitchDestroy`: one event on the wire, three in the order.
    pub(super) fn go_switch(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        let (current, _) = self.goroutine_with(RUNNING)?;
        let (id, sequence) = (step.argument(0) as i64, step.argument(1));
        let Some(next) = self.goroutines.look_up(id) else { return Err(Hesitation::Waits) };
        let progress = &mut self.goroutines.get_mut(next).progress;
        if !progress.allows(step.tables.generation, sequence, WAITING) {
            return Err(Hesitation::Waits);
        }
        progress.step(RUNNING);
        let switch = *step.record;
        let leaves = match switch.event_type {
            EventType::GoSwitch => {
                self.goroutines.get_mut(current).progress.set_status(WAITING);
                EventType::GoBlock
            }
            _ => {
                self.remove_goroutine(current);
                EventType::GoDestroy
            }
        };
        // Popped from the end: the next goroutine is made runnable, this one leaves, the next one starts.
        self.queue.push(Record {
            event_type: EventType::GoStart,
            goroutine: Record::NONE,
            arguments: [id as u64, sequence, 0, 0],
            ..switch
        });
        self.queue.push(Record { event_type: leaves, arguments: [0; 4], ..switch });
        self.run_goroutine(id, next);
        Err(Hesitation::Leads)
    }

    #[inline(always)]
    pub(super) fn go_syscall_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        self.goroutine_with(RUNNING)?.1.progress.set_status(SYSCALL);
        let (generation, sequence) = (self.generation, step.argument(0));
        let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
        if !proc.progress.precedes(generation, sequence) {
            return Err(Violation::WrongSequence.into());
        }
        proc.progress.step(procs::SYSCALL);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn go_syscall_end(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        self.goroutine_with(SYSCALL)?.1.progress.set_status(RUNNING);
        let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
        if proc.progress.status() != procs::SYSCALL {
            return Err(Violation::WrongState.into());
        }
        proc.progress.set_status(procs::RUNNING);
        Ok(())
    }

    pub(super) fn go_syscall_end_blocked(&mut self, step: &mut Step<'_>) -> Outcome {
        // Its proc must have left the syscall first: stopped or stolen.
        if step.record.proc != Record::NONE {
            let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
            if proc.progress.status() == procs::SYSCALL {
                return Err(Hesitation::Waits);
            }
        }
        require(step, Need::Either, Need::Present)?;
        self.goroutine_with(SYSCALL)?.1.progress.set_status(RUNNABLE);
        self.leave_goroutine();
        Ok(())
    }
}

/// The state of a status that was checked when it came in.
fn known_state(status: u64) -> GoroutineState {
    GoroutineState::from_status(status).unwrap_or(GoroutineState::Undetermined)
}
