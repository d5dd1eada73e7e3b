//! Which goroutines live, and since when they could run.

use std::collections::HashMap;

use go_trace_format::{
    Event, EventKind, Time,
    event::{GoroutineState, GoroutineTransition},
    spec::MAX_FRAMES_PER_STACK,
};

use crate::metrics::cpu::Duty;

/// The goroutines that live.
#[derive(Debug, Default)]
pub(super) struct Goroutines {
    live: HashMap<i64, Goroutine, foldhash::fast::RandomState>,
    /// The generation under way, counted from 0.
    generation: u32,
}

#[derive(Clone, Copy, Debug)]
struct Goroutine {
    /// When it became runnable, as long as it is and the trace tells.
    runnable_since: Option<Time>,
    /// The generation that last said that it lives.
    generation: u32,
    /// `None` as long as neither its entry function nor a label tells.
    kind: Option<Kind>,
}

/// Whose a goroutine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Program,
    /// One that marks in the background. Go: `runtime.gcBgMarkWorker`.
    MarkWorker,
    /// The one that gives memory back in the background. Go: `runtime.bgscavenge`.
    Scavenger,
    /// Another one of the runtime's own.
    Runtime,
}

impl Goroutines {
    /// It runs; gives since when it could have, and for whom it does.
    #[inline]
    pub(super) fn start(&mut self, id: i64) -> (Option<Time>, Option<Duty>) {
        let Some(goroutine) = self.live.get_mut(&id) else { return (None, None) };
        (goroutine.runnable_since.take(), goroutine.duty())
    }

    /// What it runs for, if not for the program.
    pub(super) fn duty(&self, id: i64) -> Option<Duty> {
        self.live.get(&id)?.duty()
    }

    /// The runtime has labelled it. Go: `runtime.gcMarkWorkerModeStrings`, which are all labels that there are.
    pub(super) fn label(&mut self, id: i64, label: &[u8]) {
        if let Some(goroutine) = self.live.get_mut(&id).filter(|_| label.starts_with(b"GC (")) {
            goroutine.kind = Some(Kind::MarkWorker);
        }
    }

    /// It could run from now on.
    #[inline]
    pub(super) fn make_runnable(&mut self, id: i64, time: Time) {
        if let Some(goroutine) = self.live.get_mut(&id) {
            goroutine.runnable_since = Some(time);
        }
    }

    /// It is made, ends, or is said to be in some state when a generation begins.
    pub(super) fn transition(&mut self, event: &Event<'_>) {
        let EventKind::Goroutine(transition) = event.kind() else { return };
        let Some(id) = transition.goroutine.map(|id| id.0) else { return };
        if transition.to == GoroutineState::NotExist {
            self.live.remove(&id);
            return;
        }
        let generation = self.generation;
        let unknown = Goroutine { runnable_since: None, generation, kind: None };
        let goroutine = self.live.entry(id).or_insert(unknown);
        goroutine.generation = generation;
        match (transition.from, transition.to) {
            (GoroutineState::NotExist, GoroutineState::Runnable) => {
                goroutine.runnable_since = Some(event.raw_time());
            }
            (_, GoroutineState::Runnable) => {}
            _ => goroutine.runnable_since = None,
        }
        if goroutine.kind.is_none() {
            goroutine.kind = kind(&transition);
        }
    }

    /// Every generation tells of all goroutines that live. Those that one does not tell of have ended, where the trace
    /// is damaged.
    pub(super) fn end_generation(&mut self) {
        let generation = self.generation;
        self.live.retain(|_, goroutine| goroutine.generation == generation);
        self.generation = generation.wrapping_add(1);
    }

    /// How many live that are not the runtime's own.
    pub(super) fn count(&self) -> u64 {
        self.live.values().filter(|goroutine| matches!(goroutine.kind, None | Some(Kind::Program))).count()
            as u64
    }
}

impl Goroutine {
    fn duty(&self) -> Option<Duty> {
        match self.kind? {
            Kind::MarkWorker => Some(Duty::Collect),
            Kind::Scavenger => Some(Duty::Scavenge),
            Kind::Program | Kind::Runtime => None,
        }
    }
}

/// Whose the goroutine is: those of the runtime are not in `/sched/goroutines:goroutines`. Go: `runtime.isSystemGoroutine`.
///
/// The outermost function is the one that it began with: when it is made, and as long as its stack is not cut.
fn kind(transition: &GoroutineTransition<'_>) -> Option<Kind> {
    const COUNTED: [&[u8]; 3] = [b"runtime.main", b"runtime.corostart", b"runtime.handleAsyncEvent"];
    let (depth, entry) =
        transition.stack?.frames().fold((0, None), |(depth, _), frame| (depth + 1, Some(frame)));
    let entry = entry.filter(|_| depth < MAX_FRAMES_PER_STACK)?.function.as_bytes();
    Some(match entry {
        b"runtime.gcBgMarkWorker" => Kind::MarkWorker,
        b"runtime.bgscavenge" => Kind::Scavenger,
        _ if entry.starts_with(b"runtime.") && !COUNTED.contains(&entry) => Kind::Runtime,
        _ => Kind::Program,
    })
}

crate::saved::saved!(Goroutines { live, generation });
crate::saved::saved!(Goroutine { runnable_since, generation, kind });
crate::saved::saved_enum!(Kind { 0 => Program, 1 => MarkWorker, 2 => Scavenger, 3 => Runtime });
