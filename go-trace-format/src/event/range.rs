//! Ranges of time: stop-the-world, garbage collection, sweeping, mark assists. Go: `trace.Range`.

use core::fmt;

use crate::{
    event::Event,
    id::{GoroutineId, ProcId},
    spec::EventType,
    tables::Text,
};

/// What a range of time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeKind<'t> {
    /// The world is stopped, for the reason given.
    StopTheWorld(Text<'t>),
    /// The concurrent mark phase of a garbage collection.
    GcMark,
    /// A proc sweeps.
    GcSweep,
    /// A goroutine assists the garbage collector.
    GcMarkAssist,
}

impl fmt::Display for RangeKind<'_> {
    /// The name that the reference gives the range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopTheWorld(reason) => write!(f, "stop-the-world ({reason})"),
            Self::GcMark => f.write_str("GC concurrent mark phase"),
            Self::GcSweep => f.write_str("GC incremental sweep"),
            Self::GcMarkAssist => f.write_str("GC mark assist"),
        }
    }
}

/// What a range belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Scope {
    /// The whole process.
    Process,
    /// A goroutine; `None` where it is not known.
    Goroutine(Option<GoroutineId>),
    /// A proc; `None` where it is not known.
    Proc(Option<ProcId>),
}

impl fmt::Display for Scope {
    /// As the reference prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Process => f.write_str("None"),
            Self::Goroutine(id) => write!(f, "Goroutine({})", id.map_or(-1, |id| id.0)),
            Self::Proc(id) => write!(f, "Proc({})", id.map_or(-1, |id| id.0)),
        }
    }
}

/// What a proc's sweep did, told at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Sweep {
    /// Bytes swept.
    pub swept: u64,
    /// Bytes reclaimed.
    pub reclaimed: u64,
}

/// A range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Range<'t> {
    /// What it is.
    pub kind: RangeKind<'t>,
    /// What it belongs to.
    pub scope: Scope,
    /// What a sweep did; only at its end.
    pub sweep: Option<Sweep>,
}

impl<'t> Range<'t> {
    pub(crate) fn of<O>(event: &Event<'t, O>) -> Self {
        use EventType as E;
        let [first, second, ..] = event.record.arguments;
        let mut sweep = None;
        let (kind, scope) = match event.record.event_type {
            E::StwBegin | E::StwEnd => {
                (RangeKind::StopTheWorld(event.text(0)), Scope::Goroutine(event.goroutine()))
            }
            E::GcSweepActive => (RangeKind::GcSweep, Scope::Proc(Some(ProcId(first as i64)))),
            E::GcSweepBegin => (RangeKind::GcSweep, Scope::Proc(event.held_proc())),
            E::GcSweepEnd => {
                sweep = Some(Sweep { swept: first, reclaimed: second });
                (RangeKind::GcSweep, Scope::Proc(event.held_proc()))
            }
            E::GcMarkAssistActive => {
                (RangeKind::GcMarkAssist, Scope::Goroutine(Some(GoroutineId(first as i64))))
            }
            E::GcMarkAssistBegin | E::GcMarkAssistEnd => {
                (RangeKind::GcMarkAssist, Scope::Goroutine(event.goroutine()))
            }
            _ => (RangeKind::GcMark, Scope::Process),
        };
        Self { kind, scope, sweep }
    }
}
