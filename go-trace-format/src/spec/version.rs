//! The versions of the trace format.

use core::fmt;

/// The version of the trace format: the `N` of the header's `go 1.N`.
///
/// It is the version of the format, not of the Go release that wrote it: Go 1.24 writes 1.23 and Go 1.27
/// writes 1.26. Go: `internal/trace/version.Version`.
///
/// Those before 1.22 are of [format v1](Self::is_v1), which is another one altogether, but gives the same events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// `go 1.5`, also written by Go 1.6: events in the order of a number that all procs share, stacks without names.
    Go15,
    /// `go 1.7`: each goroutine counts its own events, a string table, names in stacks.
    Go17,
    /// `go 1.8`: labels, waits for the garbage collector.
    Go18,
    /// `go 1.9`: mark assists, what a sweep did.
    Go19,
    /// `go 1.10`: why the world is stopped.
    Go110,
    /// `go 1.11`, written up to Go 1.18: tasks, regions and logs.
    Go111,
    /// `go 1.19`, also written by Go 1.20: CPU samples.
    Go119,
    /// `go 1.21`: more reasons why the world is stopped.
    Go121,
    /// `go 1.22`: per-thread batches and generations.
    Go122,
    /// `go 1.23`, also written by Go 1.24: coroutine switches, stacks on statuses, experimental batches.
    Go123,
    /// `go 1.25`: the sync batch with its clock snapshot.
    Go125,
    /// `go 1.26`, also written by Go 1.27: the in-band end of a generation.
    Go126,
}

impl Version {
    /// Every version that this crate reads, oldest first.
    pub const ALL: [Self; 12] = [
        Self::Go15,
        Self::Go17,
        Self::Go18,
        Self::Go19,
        Self::Go110,
        Self::Go111,
        Self::Go119,
        Self::Go121,
        Self::Go122,
        Self::Go123,
        Self::Go125,
        Self::Go126,
    ];

    /// Those whose traces have generations, oldest first.
    pub const WITH_GENERATIONS: [Self; 4] = [Self::Go122, Self::Go123, Self::Go125, Self::Go126];

    /// The `N` of `go 1.N`.
    #[must_use]
    pub const fn minor(self) -> u32 {
        match self {
            Self::Go15 => 5,
            Self::Go17 => 7,
            Self::Go18 => 8,
            Self::Go19 => 9,
            Self::Go110 => 10,
            Self::Go111 => 11,
            Self::Go119 => 19,
            Self::Go121 => 21,
            Self::Go122 => 22,
            Self::Go123 => 23,
            Self::Go125 => 25,
            Self::Go126 => 26,
        }
    }

    /// The version whose header says `go 1.minor`, or `None` where this crate does not read it.
    #[must_use]
    pub const fn from_minor(minor: u32) -> Option<Self> {
        let mut i = 0;
        while i < Self::ALL.len() {
            if Self::ALL[i].minor() == minor {
                return Some(Self::ALL[i]);
            }
            i += 1;
        }
        None
    }

    /// Whether it is of format v1, up to Go 1.21: batches of procs, no generations, no clock but that of the processor.
    ///
    /// All of such a trace is in memory while it is read, as one [`Generation`](crate::Generation) with number 1.
    #[must_use]
    pub const fn is_v1(self) -> bool {
        self.minor() < Self::Go122.minor()
    }

    /// Whether events are numbered over all procs, which is up to Go 1.6.
    pub(crate) const fn has_global_sequence(self) -> bool {
        matches!(self, Self::Go15)
    }

    /// Whether frames of stacks have functions, files and lines. Up to Go 1.6 they are in the program alone.
    #[must_use]
    pub const fn has_symbols(self) -> bool {
        !matches!(self, Self::Go15)
    }

    /// Whether each generation must open with a sync batch that holds frequency and clock snapshot.
    #[must_use]
    pub const fn has_sync_batch(self) -> bool {
        matches!(self, Self::Go125 | Self::Go126)
    }

    /// Whether each generation must be closed by an end-of-generation byte.
    #[must_use]
    pub const fn has_end_of_generation(self) -> bool {
        matches!(self, Self::Go126)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "go 1.{}", self.minor())
    }
}
