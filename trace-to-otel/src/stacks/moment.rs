//! When something happened, as far as a trace tells.

use go_trace_format::{Time, event::GoroutineId};

use crate::{clock::nanoseconds, stacks::entries::Kind};

/// When something happened, as far as the trace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) earliest: Time,
    pub(crate) estimate: Time,
    pub(crate) latest: Time,
}

/// An event of a goroutine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The goroutine's event before.
    pub(crate) last: Time,
    pub(crate) now: Time,
    /// Whether the goroutine did something by itself, and did not merely have to stop or to help the garbage collector.
    pub(crate) is_own_doing: bool,
    /// The goroutine that it lets go on.
    pub(crate) wakes: Option<GoroutineId>,
}

/// Where between its bounds a moment most likely is.
#[derive(Clone, Copy)]
pub(super) enum Likely {
    Earliest,
    Middle,
    Latest,
}

impl Bounds {
    pub(super) fn new(earliest: Time, latest: Time, likely: Likely) -> Self {
        let earliest = earliest.min(latest);
        let estimate = match likely {
            Likely::Earliest => earliest,
            Likely::Middle => Time(earliest.0.wrapping_add((nanoseconds(earliest, latest) / 2) as i64)),
            Likely::Latest => latest,
        };
        Self { earliest, estimate, latest }
    }

    pub(super) fn at(time: Time) -> Self {
        Self { earliest: time, estimate: time, latest: time }
    }

    /// The same, but most likely not before something else that cannot have been later.
    pub(super) fn not_before(self, other: Time) -> Self {
        Self { estimate: self.estimate.max(other).min(self.latest), ..self }
    }

    /// How far apart the bounds are, in nanoseconds.
    pub(crate) fn width(&self) -> u64 {
        nanoseconds(self.earliest, self.latest)
    }
}

/// By what recordings with the truth beside them have shown.
impl Kind {
    pub(super) fn likely_start(self) -> Likely {
        match self {
            Self::HttpServer | Self::RpcClient | Self::RpcServer | Self::Tls | Self::Connect => {
                Likely::Earliest
            }
            Self::Dns => Likely::Latest,
            _ => Likely::Middle,
        }
    }

    pub(super) fn likely_end(self) -> Likely {
        match self {
            Self::HttpClient | Self::Connect | Self::Dns => Likely::Earliest,
            _ => Likely::Middle,
        }
    }
}
