//! The versions of the trace format.

use core::fmt;

/// The version of the trace format: the `N` of the header's `go 1.N`.
///
/// It is the version of the format, not of the Go release that wrote it: Go 1.24 writes 1.23 and Go 1.27
/// writes 1.26. Go: `internal/trace/version.Version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
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
    pub const ALL: [Self; 4] = [Self::Go122, Self::Go123, Self::Go125, Self::Go126];

    /// The `N` of `go 1.N`.
    #[must_use]
    pub const fn minor(self) -> u32 {
        match self {
            Self::Go122 => 22,
            Self::Go123 => 23,
            Self::Go125 => 25,
            Self::Go126 => 26,
        }
    }

    /// The version whose header says `go 1.minor`, or `None` where this crate does not read it.
    #[must_use]
    pub const fn from_minor(minor: u32) -> Option<Self> {
        match minor {
            22 => Some(Self::Go122),
            23 => Some(Self::Go123),
            25 => Some(Self::Go125),
            26 => Some(Self::Go126),
            _ => None,
        }
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
