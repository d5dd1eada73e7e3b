//! Profiles of what goroutines did, from the events of a trace.
//!
//! A trace tells of every goroutine at every moment what it does and, where it stops, its stack. Added up by stack, that is a
//! profile without sampling: of everything that took time, and of waiting too. [`ProfilesCollector`] makes all of them in one pass
//! over the events:
//!
//! | [`ProfileKind`] | value | by |
//! |---|---|---|
//! | `off-cpu` | time in which goroutines did not run | where they stopped, and why: `runnable`, `syscall`, or what they waited for |
//! | `cpu` | time in which they ran | where they stopped then; where they ended, the function that they began with |
//! | `block`, `network`, `syscall` | parts of the waiting, as `go tool trace -pprof=sync`, `net` and `syscall` have them | where they stopped |
//! | `mutex` | the part of `block` before a lock | likewise |
//! | `scheduler` | time from being able to run to running, as `go tool trace -pprof=sched` has it | the stack of the event that made them runnable: who woke them |
//! | `samples` | samples of the CPU profile, where one ran | where they were |
//! | `gc` | time of assisting the garbage collector, and of stopping the world | where that began |
//!
//! `off-cpu` and `cpu` together are the time of all goroutines from the beginning of the trace to its end, by the clocks of their
//! threads. Go's tool is stricter, and the four that are made as it makes them are equal to its to the nanosecond: what began
//! before the trace or has not ended when it ends is not in them, nor what a goroutine waited for before it ran for the first time,
//! and times are those of the [order of the trace](go_trace_format::Event::time). Go: `makeComputePprofFunc` and
//! `pprofMatchingGoroutines` in `cmd/trace/pprof.go`, `Summarizer.Event` in `internal/trace/summary.go`. In one thing Go is wrong
//! and these are not: where threads of C call Go again and again, goroutines come to be that have the same id, and Go forgets the
//! times of all but the last of them.
//!
//! # Spans
//!
//! A [`Pipeline`](crate::Pipeline) makes profiles [beside spans](crate::PipelineOptions::profiles), and each sample is then of the
//! span that was innermost on its goroutine: of whatever origin, a call that only stacks tell of included. The mapper says from when
//! on which span is innermost, by the same clock by which it counts the [anatomy](crate::Anatomy) of each, and there the time is
//! split: so what `cpu` and `off-cpu` have within a span on its goroutine is its anatomy, to the nanosecond. A stretch that is split
//! counts once. Go's four have the span at the beginning of each wait.
//!
//! A sample never names a span that is not there. Only when a span goes out, behind [volume control](crate::Volume), is it certain
//! that it does and by which ids: until then it is a number. The time of one that stays behind, or that something else tells of
//! better, or of which there are too many, is that of the span around it.
//!
//! | module | does |
//! |---|---|
//! | `collector` | says what an event changes |
//! | `doing`, `goroutines` | what each does, and since when |
//! | `listener` | who hears of that too: [`analysis`](crate) |
//! | `account`, `ledger`, `stacks`, `reasons`, `spans` | totals, and what they are by: each stack and each text once, whatever a generation calls it; each span by a number until it is known what it is called, and whether it goes out |
//! | `profile`, `kind` | what comes out |
//! | `pprof`, `folded`, `top` | formats that it is written in |

mod account;
mod collector;
mod doing;
mod folded;
mod goroutines;
mod kind;
mod ledger;
mod listener;
mod pprof;
mod profile;
mod reasons;
mod spans;
mod stacks;
mod top;

pub use crate::moment::{Moment, TimeWindow};
pub use collector::{ProfilesCollector, ProfilesOptions};
pub use kind::{ProfileKind, UnknownProfileKind};
#[cfg(feature = "analysis")]
pub(crate) use {
    collector::Collector,
    doing::Doing,
    ledger::Interval,
    listener::{Listener, Stretch},
    profile::begins_own_goroutine,
    reasons::Reason,
    stacks::{StackNumber, StackTable},
};

pub use profile::{Period, Profile, ProfileFrame, ProfileSpan, ProfileStack, Profiles, Sample};
pub use top::TopOptions;
