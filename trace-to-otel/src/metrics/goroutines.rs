//! Which goroutines live, and since when they could run.

use std::collections::HashMap;

use go_trace_format::{
    Event, EventKind, Time,
    event::{GoroutineState, GoroutineTransition},
    spec::MAX_FRAMES_PER_STACK,
};

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
    /// Whether it is one of the runtime's own; `None` as long as its entry function is not known.
    is_system: Option<bool>,
}

impl Goroutines {
    /// It runs; gives since when it could have.
    #[inline]
    pub(super) fn start(&mut self, id: i64) -> Option<Time> {
        self.live.get_mut(&id)?.runnable_since.take()
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
        let unknown = Goroutine { runnable_since: None, generation, is_system: None };
        let goroutine = self.live.entry(id).or_insert(unknown);
        goroutine.generation = generation;
        match (transition.from, transition.to) {
            (GoroutineState::NotExist, GoroutineState::Runnable) => {
                goroutine.runnable_since = Some(event.raw_time());
            }
            (_, GoroutineState::Runnable) => {}
            _ => goroutine.runnable_since = None,
        }
        if goroutine.is_system.is_none() {
            goroutine.is_system = is_system(&transition);
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
        self.live.values().filter(|goroutine| goroutine.is_system != Some(true)).count() as u64
    }
}

/// Whether the goroutine is one that `/sched/goroutines:goroutines` does not count. Go: `runtime.isSystemGoroutine`.
///
/// The outermost function is the one that it began with: when it is made, and as long as its stack is not cut.
fn is_system(transition: &GoroutineTransition<'_>) -> Option<bool> {
    const COUNTED: [&[u8]; 3] = [b"runtime.main", b"runtime.corostart", b"runtime.handleAsyncEvent"];
    let (depth, entry) =
        transition.stack?.frames().fold((0, None), |(depth, _), frame| (depth + 1, Some(frame)));
    let entry = entry.filter(|_| depth < MAX_FRAMES_PER_STACK)?.function.as_bytes();
    Some(entry.starts_with(b"runtime.") && !COUNTED.contains(&entry))
}

crate::saved::saved!(Goroutines { live, generation });
crate::saved::saved!(Goroutine { runnable_since, generation, is_system });
