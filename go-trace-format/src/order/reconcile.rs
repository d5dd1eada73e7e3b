//! Making an event possible that contradicts what came before it: for damaged traces only.
//!
//! The event is believed, and what was known before is corrected. So a lost batch costs the events in it, and
//! not those after it.

use crate::{
    event::Record,
    order::{
        Goroutine, Order, Proc, Progress, Step, Thread, goroutines, procs, ranges::RangeStart, slots::NO_SLOT,
    },
    spec::EventType,
};

/// Below this are the ids of procs and goroutines that stand in for ones that are not known, one for each
/// thread. No trace has such ids: Go's are not negative, and −1 is none.
const UNKNOWN_END: i64 = i64::MIN + (1 << 32);

/// The proc or goroutine that stands in for the unknown one of a thread.
fn unknown(thread: usize) -> i64 {
    i64::MIN + thread as i64
}

/// Leaves out of an event what only stands in for something that is not known.
pub(crate) fn hide_stand_ins(record: &mut Record) {
    for id in [&mut record.goroutine, &mut record.proc] {
        if *id < UNKNOWN_END {
            *id = Record::NONE;
        }
    }
    // The one event that is made up of a thread's own proc: see `go_destroy_syscall`.
    if record.event_type == EventType::ProcSteal && (record.arguments[0] as i64) < UNKNOWN_END {
        record.arguments[0] = Record::NONE as u64;
    }
}

impl Order {
    /// Whether procs or goroutines were made up, which [`hide_stand_ins`] must take out of events.
    pub(crate) fn has_stand_ins(&self) -> bool {
        self.stand_ins
    }

    /// At the end of a generation: forgets what was made up, unless a thread still holds or runs it. The next
    /// generation's statuses say what is so.
    pub(super) fn forget_stand_ins(&mut self) {
        if !self.stand_ins {
            return;
        }
        if let Some(place) = self.threads.get_mut(self.current_index) {
            *place = self.current;
        }
        self.current_index = usize::MAX;
        for (index, thread) in self.threads.iter_mut().enumerate() {
            if thread.proc < UNKNOWN_END {
                thread.hold(Record::NONE, NO_SLOT);
            }
            if thread.goroutine < UNKNOWN_END {
                thread.run(Record::NONE, NO_SLOT);
            }
            if let Some(slot) = self.procs.look_up(unknown(index)) {
                self.procs.remove(slot);
            }
            if let Some(slot) = self.goroutines.look_up(unknown(index)) {
                if let Some(notes) = self.goroutines.get(slot).notes {
                    self.notes.remove(notes);
                }
                self.goroutines.remove(slot);
            }
        }
        self.stand_ins = false;
    }

    /// Corrects what is known so that the event, which did not advance, does at its next try. Its arguments
    /// must be as on the wire.
    pub(crate) fn reconcile(&mut self, step: &Step<'_>) {
        use EventType as E;
        let argument = |index: usize| step.argument(index);
        match step.record.event_type {
            E::GoStart => {
                self.assume_proc(step, procs::RUNNING);
                self.leave_goroutine();
                self.set_goroutine(step, argument(0) as i64, goroutines::RUNNABLE, argument(1));
            }
            E::GoUnblock => self.set_goroutine(step, argument(0) as i64, goroutines::WAITING, argument(1)),
            E::GoSwitch | E::GoSwitchDestroy => {
                self.assume_proc(step, procs::RUNNING);
                self.assume_goroutine_other_than(step, argument(0) as i64);
                self.set_goroutine(step, argument(0) as i64, goroutines::WAITING, argument(1));
            }
            E::GoCreate | E::GoCreateBlocked => {
                self.assume_proc(step, procs::RUNNING);
                if step.record.goroutine != Record::NONE {
                    self.assume_goroutine(step, goroutines::RUNNING);
                }
                self.drop_goroutine(argument(0) as i64);
            }
            E::GoCreateSyscall => {
                self.leave_goroutine();
                self.drop_goroutine(argument(0) as i64);
            }
            E::GoSyscallBegin => {
                self.assume_goroutine(step, goroutines::RUNNING);
                let proc = self.assume_proc(step, procs::RUNNING);
                self.procs.get_mut(proc).progress =
                    before(step.tables.generation, argument(0), procs::RUNNING);
            }
            E::GoSyscallEnd => {
                self.assume_goroutine(step, goroutines::SYSCALL);
                self.assume_proc(step, procs::SYSCALL);
            }
            E::GoSyscallEndBlocked | E::GoDestroySyscall => {
                self.release_proc();
                self.assume_goroutine(step, goroutines::SYSCALL);
            }
            E::GoStatus | E::GoStatusStack => self.reconcile_status(step),
            E::ProcStart => {
                self.release_proc();
                self.set_proc(step, argument(0) as i64, procs::IDLE, argument(1));
            }
            E::ProcSteal => {
                // Abandoned: no thread needs to hold it.
                self.set_proc(step, argument(0) as i64, procs::SYSCALL_ABANDONED, argument(1));
            }
            E::ProcStatus => {
                if let Some(slot) = self.procs.look_up(argument(0) as i64) {
                    self.procs.remove(slot);
                }
            }
            E::GcActive | E::GcBegin | E::GcEnd => {
                self.assume_context(step);
                self.gc.reconcile(step.record.event_type, argument(0));
                if step.record.event_type == E::GcActive && self.is_initial(step) {
                    self.gc = Default::default();
                }
            }
            E::GcSweepBegin | E::GcSweepEnd => {
                let slot = self.assume_proc(step, procs::RUNNING);
                let begins = step.record.event_type == E::GcSweepBegin;
                self.procs.get_mut(slot).ranges.clear();
                if !begins {
                    self.begin_sweep(slot);
                }
            }
            E::GcSweepActive => {
                let id = argument(0) as i64;
                let slot = self.procs.look_up(id).unwrap_or_else(|| {
                    self.procs.insert(id, Proc::new(step.tables.generation, procs::RUNNING))
                });
                self.procs.get_mut(slot).ranges.clear();
                if !self.is_initial(step) {
                    self.begin_sweep(slot);
                }
            }
            E::GcMarkAssistActive => {
                let id = argument(0) as i64;
                let slot = self.goroutines.look_up(id).unwrap_or_else(|| {
                    self.goroutines.insert(id, Goroutine::new(step.tables.generation, goroutines::RUNNING))
                });
                self.goroutine_ranges(slot).clear();
                if !self.is_initial(step) {
                    self.begin_goroutine_range(slot, E::GcMarkAssistBegin);
                }
            }
            E::StwBegin | E::GcMarkAssistBegin => {
                let slot = self.assume_context(step);
                self.goroutine_ranges(slot).clear();
            }
            E::StwEnd => {
                let slot = self.assume_context(step);
                self.begin_goroutine_range(slot, E::StwBegin);
            }
            E::GcMarkAssistEnd => {
                let slot = self.assume_context(step);
                self.begin_goroutine_range(slot, E::GcMarkAssistBegin);
            }
            E::UserTaskBegin => {
                self.assume_context(step);
                self.tasks.forget(argument(0));
            }
            E::UserRegionEnd => {
                let slot = self.assume_context(step);
                self.forget_regions(slot);
            }
            E::ProcStop | E::HeapAlloc | E::HeapGoal => {
                self.assume_proc(step, procs::RUNNING);
            }
            _ => {
                self.assume_context(step);
            }
        }
    }

    /// A proc and a running goroutine on the event's thread; gives the goroutine's slot.
    fn assume_context(&mut self, step: &Step<'_>) -> u32 {
        self.assume_proc(step, procs::RUNNING);
        self.assume_goroutine(step, goroutines::RUNNING)
    }

    fn assume_proc(&mut self, step: &Step<'_>, status: u64) -> u32 {
        let Thread { proc, .. } = self.current;
        let known = if proc == Record::NONE { None } else { self.procs.look_up(proc) };
        let generation = step.tables.generation;
        let stand_in = unknown(self.current_index);
        self.stand_ins = true;
        let slot = known
            .or_else(|| self.procs.look_up(stand_in))
            .unwrap_or_else(|| self.procs.insert(stand_in, Proc::new(generation, status)));
        self.procs.get_mut(slot).progress.set_status(status);
        self.hold_proc(self.procs.id(slot), slot);
        slot
    }

    fn assume_goroutine(&mut self, step: &Step<'_>, status: u64) -> u32 {
        let Thread { goroutine, .. } = self.current;
        let id = if goroutine == Record::NONE { unknown(self.current_index) } else { goroutine };
        self.stand_ins = true;
        let generation = step.tables.generation;
        let slot = self
            .goroutines
            .look_up(id)
            .unwrap_or_else(|| self.goroutines.insert(id, Goroutine::new(generation, status)));
        self.goroutines.get_mut(slot).progress.set_status(status);
        self.run_goroutine(id, slot);
        slot
    }

    fn assume_goroutine_other_than(&mut self, step: &Step<'_>, id: i64) {
        if step.record.goroutine == id {
            self.leave_goroutine();
        }
        self.assume_goroutine(step, goroutines::RUNNING);
    }

    fn set_goroutine(&mut self, step: &Step<'_>, id: i64, status: u64, next_sequence: u64) {
        let progress = before(step.tables.generation, next_sequence, status);
        match self.goroutines.look_up(id) {
            Some(slot) => self.goroutines.get_mut(slot).progress = progress,
            None => {
                self.goroutines.insert(id, Goroutine { progress, notes: None });
            }
        }
    }

    fn set_proc(&mut self, step: &Step<'_>, id: i64, status: u64, next_sequence: u64) {
        let progress = before(step.tables.generation, next_sequence, status);
        match self.procs.look_up(id) {
            Some(slot) => self.procs.get_mut(slot).progress = progress,
            None => {
                let slot = self.procs.insert(id, Proc::new(0, status));
                self.procs.get_mut(slot).progress = progress;
            }
        }
    }

    fn drop_goroutine(&mut self, id: i64) {
        if let Some(slot) = self.goroutines.look_up(id) {
            self.remove_goroutine(slot);
        }
    }

    /// A status contradicts nothing where its goroutine is known to have it already.
    fn reconcile_status(&mut self, step: &Step<'_>) {
        let (id, thread, status) = (step.argument(0) as i64, step.argument(1) as i64, step.argument(2));
        let slot = self.goroutines.look_up(id).unwrap_or_else(|| {
            self.goroutines.insert(id, Goroutine::new(step.tables.generation, status & 7))
        });
        self.goroutines.get_mut(slot).progress.set_status(status & 7);
        if thread == step.record.thread || thread == Record::NONE {
            self.run_goroutine(id, slot);
        } else if let Some(&index) = self.thread_index.get(&thread) {
            self.at_mut(index as usize).run(id, slot);
        }
    }

    fn begin_sweep(&mut self, slot: u32) {
        self.procs.get_mut(slot).ranges.push(RangeStart::of(EventType::GcSweepBegin));
    }

    fn begin_goroutine_range(&mut self, slot: u32, start: EventType) {
        self.goroutine_ranges(slot).push(RangeStart::of(start));
    }
}

/// The progress that a resource must have had for `sequence` to be its next number.
fn before(generation: u64, sequence: u64, status: u64) -> Progress {
    Progress { next: sequence, ..Progress::new(generation, status) }
}
