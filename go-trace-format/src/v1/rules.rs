//! Whether events agree with those before them, in the order in which they happened. Go: `tracev1.parser.postProcessTrace`.

use std::collections::{HashMap, hash_map::Entry};

use foldhash::fast::RandomState;

use crate::{
    error::Violation,
    v1::{
        goroutines::{Goroutine, Goroutines, Status},
        spec::Kind,
        stream::{EventV1, NO_GOROUTINE, ProcV1},
    },
};

/// What is open, and who runs where is kept by the procs and goroutines themselves.
#[derive(Debug, Default)]
pub(super) struct Rules {
    is_collecting: bool,
    is_stopped: bool,
    tasks: HashMap<u64, OpenTask, RandomState>,
    /// Task and name of each region, by goroutine.
    regions: HashMap<u64, Vec<(u64, u64)>, RandomState>,
}

/// A task that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenTask {
    pub(super) parent: u64,
    /// The id of its name.
    pub(super) name: u64,
}

/// What an event meant, besides what it says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meaning {
    /// The goroutine that goes on has waited for the network.
    pub(super) is_from_network: bool,
    /// The task that ends.
    pub(super) ended: Option<OpenTask>,
}

type Verdict = Result<(), Violation>;

fn demand(holds: bool, violation: Violation) -> Verdict {
    if holds { Ok(()) } else { Err(violation) }
}

/// The goroutine runs, and on this proc. Go: `checkRunning`.
#[inline]
fn demand_running(event: &EventV1, proc: &ProcV1, goroutine: &Goroutine) -> Verdict {
    demand(goroutine.status == Status::Running, Violation::WrongState)?;
    demand(proc.goroutine == event.goroutine, Violation::WrongThread)
}

/// The same of a goroutine of the program.
#[inline]
fn demand_user_running(event: &EventV1, proc: &ProcV1, goroutine: &Goroutine) -> Verdict {
    demand(event.goroutine != NO_GOROUTINE, Violation::NeedsGoroutine)?;
    demand_running(event, proc, goroutine)
}

/// Sets what should have been otherwise.
fn change(flag: &mut bool, to: bool, violation: Violation) -> Verdict {
    demand(core::mem::replace(flag, to) != to, violation)
}

impl Rules {
    /// An event happens, whether it may or not, and then what it contradicts is said. `slot` is where its goroutine is, and
    /// `is_timer` says whether that only wakes those whose time has come.
    #[inline]
    pub(super) fn happen(
        &mut self,
        event: &EventV1,
        proc: &mut ProcV1,
        goroutines: &mut Goroutines,
        slot: u32,
        is_timer: bool,
    ) -> (Meaning, Verdict) {
        use Kind as K;
        let goroutine = goroutines.at(slot);
        let mut meaning = Meaning::default();
        let verdict = match event.kind {
            K::GoStart | K::GoStartLocal | K::GoStartLabel => {
                let verdict = demand(goroutine.status == Status::Runnable, Violation::WrongState)
                    .and(demand(proc.goroutine == NO_GOROUTINE, Violation::NeedsNoGoroutine));
                goroutine.status = Status::Running;
                goroutine.is_on_network = false;
                proc.goroutine = event.goroutine;
                verdict
            }
            K::GoSysCall => {
                goroutine.is_on_network = false;
                demand_user_running(event, proc, goroutine)
            }
            K::GoSysBlock => stop(event, proc, goroutine, Status::Waiting),
            K::GoSched | K::GoPreempt => stop(event, proc, goroutine, Status::Runnable),
            K::GoStop | K::GoEnd => {
                if event.kind == K::GoEnd && !self.regions.is_empty() {
                    self.regions.remove(&event.goroutine);
                }
                stop(event, proc, goroutine, Status::Dead)
            }
            K::GoSysExit | K::GoSysExitLocal => {
                let verdict = demand(goroutine.status == Status::Waiting, Violation::WrongState);
                (goroutine.status, goroutine.is_on_network) = (Status::Runnable, false);
                verdict
            }
            K::GoWaiting | K::GoInSyscall => {
                let verdict = demand(goroutine.status == Status::Runnable, Violation::WrongState);
                (goroutine.status, goroutine.is_on_network) = (Status::Waiting, false);
                verdict
            }
            K::GoUnblock | K::GoUnblockLocal => {
                let verdict = demand(goroutine.status == Status::Running, Violation::WrongState)
                    .and(demand(is_timer || proc.goroutine == event.goroutine, Violation::WrongThread));
                let woken = goroutines.slot(event.arguments[0], slot);
                let woken = goroutines.at(woken);
                meaning.is_from_network = woken.is_on_network;
                let wakes = demand(woken.status == Status::Waiting, Violation::WrongState);
                (woken.status, woken.is_on_network) = (Status::Runnable, false);
                verdict.and(wakes)
            }
            K::GoCreate => {
                let verdict = demand_running(event, proc, goroutine);
                let is_repeated = goroutines.has_ended(event.arguments[0]);
                let created = goroutines.slot(event.arguments[0], slot);
                let created = goroutines.at(created);
                let is_new = change(&mut created.exists, true, Violation::AlreadyExists)
                    .and(demand(!is_repeated, Violation::AlreadyExists));
                (created.status, created.is_on_network, created.assists) = (Status::Runnable, false, false);
                verdict.and(is_new)
            }
            K::HeapAlloc | K::HeapGoal | K::Gomaxprocs | K::UserLog | K::FutileWakeup => Ok(()),
            kind if kind.blocks_goroutine() => stop(event, proc, goroutine, Status::Waiting),
            _ => return self.happen_rarely(event, proc, goroutine),
        };
        (meaning, verdict)
    }

    #[inline(never)]
    fn happen_rarely(
        &mut self,
        event: &EventV1,
        proc: &mut ProcV1,
        goroutine: &mut Goroutine,
    ) -> (Meaning, Verdict) {
        use Kind as K;
        let mut meaning = Meaning::default();
        let begun = Violation::RangeAlreadyBegun;
        let missing = Violation::RangeNotBegun;
        let verdict = match event.kind {
            K::ProcStart => change(&mut proc.is_running, true, Violation::WrongState),
            K::ProcStop => change(&mut proc.is_running, false, Violation::WrongState)
                .and(demand(proc.goroutine == NO_GOROUTINE, Violation::NeedsNoGoroutine)),
            K::GcStart => change(&mut self.is_collecting, true, Violation::WrongGcState),
            K::GcDone => change(&mut self.is_collecting, false, Violation::WrongGcState),
            K::StwStart => change(&mut self.is_stopped, true, begun),
            K::StwDone => change(&mut self.is_stopped, false, missing),
            K::SweepStart => change(&mut proc.is_sweeping, true, begun),
            K::SweepDone => change(&mut proc.is_sweeping, false, missing),
            K::MarkAssistStart => {
                goroutine.exists = true;
                change(&mut goroutine.assists, true, begun)
            }
            // It may have been under way when the recording began.
            K::MarkAssistDone => {
                (goroutine.exists, goroutine.assists) = (true, false);
                Ok(())
            }
            K::UserTaskCreate => self.begin_task(event),
            K::UserTaskEnd => {
                meaning.ended = self.tasks.remove(&event.arguments[0]);
                Ok(())
            }
            K::UserRegion => self.region(event),
            _ => Ok(()),
        };
        (meaning, verdict)
    }

    fn begin_task(&mut self, event: &EventV1) -> Verdict {
        let [task, parent, name] = event.arguments;
        let open = OpenTask { parent, name };
        match self.tasks.entry(task) {
            Entry::Vacant(vacant) => _ = vacant.insert(open),
            Entry::Occupied(mut occupied) => {
                occupied.insert(open);
                return Err(Violation::AlreadyExists);
            }
        }
        Ok(())
    }

    fn region(&mut self, event: &EventV1) -> Verdict {
        let [task, mode, name] = event.arguments;
        match mode {
            0 => self.regions.entry(event.goroutine).or_default().push((task, name)),
            1 => {
                let Entry::Occupied(mut regions) = self.regions.entry(event.goroutine) else { return Ok(()) };
                let innermost = regions.get_mut().pop();
                if regions.get().is_empty() {
                    regions.remove();
                }
                return demand(innermost == Some((task, name)), Violation::RegionMismatch);
            }
            _ => return Err(Violation::InvalidStatus),
        }
        Ok(())
    }
}

/// A goroutine leaves its proc.
#[inline]
fn stop(event: &EventV1, proc: &mut ProcV1, goroutine: &mut Goroutine, to: Status) -> Verdict {
    let verdict = demand_user_running(event, proc, goroutine);
    goroutine.status = to;
    goroutine.is_on_network = event.kind == Kind::GoBlockNet;
    proc.goroutine = NO_GOROUTINE;
    verdict
}
