//! The ids by which a trace names things.

use core::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        // A number and nothing more.
        #[allow(clippy::exhaustive_structs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(
            /// The number in the trace.
            pub $inner,
        );

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

ids! {
    /// A goroutine's id, unique over the life of its process. Go: `trace.GoID`.
    GoroutineId(i64);
    /// A proc's id: the P of Go's scheduler, from 0 up to `GOMAXPROCS`. Go: `trace.ProcID`.
    ProcId(i64);
    /// A thread's id: the operating system's id of the M. It may be used again for a later thread.
    /// Go: `trace.ThreadID`.
    ThreadId(i64);
    /// A user task's id, unique over the life of its process. Go: `trace.TaskID`.
    TaskId(u64);
    /// An id of a generation's string table; 0 is the empty string.
    StringId(u64);
    /// An id of a generation's stack table; 0 is no stack.
    StackId(u64);
}

impl TaskId {
    /// The task of everything that belongs to no task. Go: `trace.BackgroundTask`.
    pub const BACKGROUND: Self = Self(0);
    /// No task: the parent of a task that has none. Go: `trace.NoTask`.
    pub const NONE: Self = Self(u64::MAX);
}
