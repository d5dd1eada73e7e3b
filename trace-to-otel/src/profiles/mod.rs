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
//! | module | does |
//! |---|---|
//! | `collector` | says what an event changes |
//! | `goroutines` | what each does, and since when |
//! | `ledger`, `stacks`, `reasons` | totals, and what they are by: each stack and each text once, whatever a generation calls it |
//! | `profile`, `kind` | what comes out |
//! | `pprof`, `folded`, `top` | formats that it is written in |

mod collector;
mod folded;
mod goroutines;
mod kind;
mod ledger;
mod pprof;
mod profile;
mod reasons;
mod stacks;
mod top;

pub use collector::{ProfilesCollector, ProfilesOptions};
pub use kind::{ProfileKind, UnknownProfileKind};
pub use profile::{Period, Profile, ProfileFrame, ProfileStack, Profiles, Sample};
pub use top::TopOptions;
