//! Where goroutines waited, by stack.

use crate::profiles::{Profile, ProfileKind, Profiles, Sample};
use crate::text::{is_of_program, is_of_runtime};

/// Goroutines waited on one stack, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// What for, as the trace tells it, or `syscall`; empty where it does not tell.
    pub reason: Box<str>,
    /// Where, the innermost first: the 32 innermost frames, if there are more.
    pub frames: Vec<Frame>,
    /// How often.
    pub count: u64,
    /// How long altogether, in nanoseconds.
    pub nanoseconds: u64,
}

/// A place in a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Frame {
    /// The function with its package path.
    pub function: Box<str>,
    /// The source file.
    pub file: Box<str>,
    /// The line in the file, from 1; 0 where it is not known.
    pub line: u64,
}

/// How many frames of a stack are kept.
const MOST_FRAMES: usize = 32;

impl Wait {
    /// The innermost place that is not the runtime's, or else the innermost.
    #[must_use]
    pub fn place(&self) -> Option<&Frame> {
        let place = self.frames.iter().find(|frame| !is_of_runtime(frame.function.as_bytes()));
        place.or(self.frames.first())
    }

    /// The innermost place of the program, neither the runtime's nor the standard library's, where that is another one.
    #[must_use]
    pub fn caller(&self) -> Option<&Frame> {
        let caller = self.frames.iter().find(|frame| is_of_program(&frame.function));
        caller.filter(|&caller| self.place() != Some(caller))
    }

    fn of(sample: &Sample<'_>) -> Self {
        let frames = sample.stack.frames().take(MOST_FRAMES).map(|frame| Frame {
            function: frame.function.into(),
            file: frame.file.into(),
            line: frame.line,
        });
        Self {
            reason: sample.reason.unwrap_or_default().into(),
            frames: frames.collect(),
            count: sample.count,
            nanoseconds: sample.nanoseconds,
        }
    }

    /// The heaviest of a recording, and how long the others were. What the runtime's own goroutines waited for is left out, as they do
    /// little but wait, and so is waiting for a processor, which is told by itself.
    pub(super) fn heaviest(profiles: &Profiles, most: usize) -> (Vec<Self>, u64) {
        let off_cpu: Profile<'_> = profiles.profile(ProfileKind::OffCpu);
        let mut waits: Vec<Self> = Vec::new();
        let mut others: u64 = 0;
        let is_wait = |sample: &&Sample<'_>| {
            sample.nanoseconds > 0 && sample.reason != Some("runnable") && !sample.stack.is_of_runtime()
        };
        for sample in off_cpu.samples().iter().filter(is_wait) {
            if waits.len() < most {
                waits.push(Self::of(sample));
            } else {
                others = others.saturating_add(sample.nanoseconds);
            }
        }
        (waits, others)
    }

    /// What all that are added up have in common.
    pub(super) fn key(&self) -> (Box<str>, Vec<Frame>) {
        (self.reason.clone(), self.frames.clone())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.nanoseconds = self.nanoseconds.saturating_add(other.nanoseconds);
    }
}
