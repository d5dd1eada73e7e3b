//! What spans waited for themselves, with none of their children open, and where: as far as there are profiles.

use core::fmt;
use std::collections::HashMap;

use go_trace_context::{SpanId, TraceId};

use super::{Process, base};
use crate::display::DisplayText;
#[cfg(feature = "profiles")]
use crate::{
    profiles::{ProfileFrame, ProfileKind, Sample},
    text::{is_of_program, is_of_runtime},
};

/// The longest waits of each span.
#[derive(Debug, Default)]
pub(super) struct Waits<'a>(HashMap<(TraceId, SpanId), Vec<Wait<'a>>>);

/// For how long altogether a span waited on one stack for one reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait<'a> {
    pub(super) nanoseconds: u64,
    /// What for; empty where the trace does not tell.
    pub(super) reason: &'a str,
    /// The innermost place that is not the runtime's.
    pub(super) place: Place<'a>,
    /// The innermost place of the program, where that is another one.
    pub(super) caller: Option<Place<'a>>,
}

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    function: &'a str,
    file: &'a str,
    line: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", DisplayText(base(self.function)), DisplayText(base(self.file)), self.line)
    }
}

impl Place<'_> {
    /// As it is displayed, where who shows it sees to characters that hide.
    #[cfg(feature = "profiles")]
    pub(super) fn text(&self) -> String {
        format!("{} {}:{}", base(self.function), base(self.file), self.line)
    }
}

impl<'a> Waits<'a> {
    /// Those of a span, the longest first.
    pub(super) fn of_span(&self, trace_id: TraceId, span_id: SpanId) -> &[Wait<'a>] {
        self.0.get(&(trace_id, span_id)).map_or(&[], Vec::as_slice)
    }

    #[cfg(not(feature = "profiles"))]
    pub(super) fn of(_: &[Process<'a>]) -> Self {
        Self::default()
    }

    /// The longest ones of each span of these.
    #[cfg(feature = "profiles")]
    pub(super) fn of(processes: &[Process<'a>]) -> Self {
        /// How many there are of each, at most.
        const MOST: usize = 3;
        let mut waits = Self::default();
        for profiles in processes.iter().filter_map(|process| process.profiles) {
            // The heaviest come first.
            for sample in profiles.profile(ProfileKind::OffCpu).samples() {
                let Some(span) = sample.span else { continue };
                let of_span = waits.0.entry((span.trace_id, span.span_id)).or_default();
                if of_span.len() < MOST {
                    of_span.extend(Wait::of(sample));
                }
            }
        }
        waits
    }
}

#[cfg(feature = "profiles")]
impl<'a> Wait<'a> {
    fn of(sample: &Sample<'a>) -> Option<Self> {
        let place =
            |frame: ProfileFrame<'a>| Place { function: frame.function, file: frame.file, line: frame.line };
        let mut above = sample.stack.frames().filter(|frame| !is_of_runtime(frame.function.as_bytes()));
        let innermost = place(above.next()?);
        let caller = sample.stack.frames().find(|frame| is_of_program(frame.function)).map(place);
        Some(Self {
            nanoseconds: sample.nanoseconds,
            reason: sample.reason.unwrap_or_default(),
            place: innermost,
            caller: caller.filter(|caller| *caller != innermost),
        })
    }
}
