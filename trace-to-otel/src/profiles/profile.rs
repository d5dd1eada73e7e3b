//! What was collected, one profile at a time.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    profiles::{
        kind::ProfileKind,
        ledger::{Key, Ledger, Total},
        reasons::{Reason, Reasons},
        stacks::{StackNumber, StackTable},
    },
    span::UnixTime,
};

/// All profiles of a trace.
#[derive(Debug)]
pub struct Profiles {
    period: Period,
    totals: BTreeMap<Key, Total>,
    reasons: Reasons,
    stacks: StackTable,
    left_out: u64,
}

/// When the trace was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Period {
    /// When its first event was.
    pub start: UnixTime,
    /// How long the recording went on, in nanoseconds, without gaps.
    pub duration: u64,
}

impl Profiles {
    pub(super) fn new(period: Period, ledger: &Ledger, reasons: Reasons, stacks: StackTable) -> Self {
        let left_out = stacks.left_out().saturating_add(ledger.left_out());
        Self { period, totals: ledger.iter().collect(), reasons, stacks, left_out }
    }

    /// When the trace was recorded.
    #[must_use]
    pub fn period(&self) -> Period {
        self.period
    }

    /// How often a limit has kept a stack out, at least once a generation for each: what happened on them is in samples whose
    /// stack [is one of these](ProfileStack::is_left_out).
    #[must_use]
    pub fn left_out_stacks(&self) -> u64 {
        self.left_out
    }

    /// One of them.
    #[must_use]
    pub fn profile(&self, kind: ProfileKind) -> Profile<'_> {
        let is_of = |key: &Key| {
            kind.accounts().contains(&key.account)
                && (kind != ProfileKind::Mutex || self.is_in_lock(key.reason, key.stack))
        };
        // One of several accounts may be by the same stack and a reason of the same text.
        let mut totals: BTreeMap<(Reason, StackNumber), Total> = BTreeMap::new();
        for (key, &total) in self.totals.iter().filter(|(key, _)| is_of(key)) {
            totals.entry((key.reason, key.stack)).or_default().add(total);
        }
        let samples = totals.into_iter().map(|((reason, stack), total)| self.sample(reason, stack, total));
        let mut samples: Vec<_> = samples.collect();
        samples.sort_by_key(|sample| Reverse((sample.nanoseconds, sample.count)));
        Profile { kind, period: self.period, samples }
    }

    fn sample(&self, reason: Reason, stack: StackNumber, total: Total) -> Sample<'_> {
        Sample {
            stack: ProfileStack { table: &self.stacks, number: stack },
            reason: Some(self.reasons.text(reason)).filter(|reason| !reason.is_empty()),
            count: total.count,
            nanoseconds: total.nanoseconds,
        }
    }

    /// Whether a goroutine that waited for `sync` was about to lock a mutex, and not in a wait group or the like.
    fn is_in_lock(&self, reason: Reason, stack: StackNumber) -> bool {
        const BELOW: [&str; 3] = ["runtime.", "internal/sync.", "sync."];
        const LOCKS: [&str; 3] = ["sync.(*Mutex).", "sync.(*RWMutex).", "internal/sync.(*Mutex)."];
        let starts = |function: &str, with: [&str; 3]| with.iter().any(|start| function.starts_with(start));
        let stack = ProfileStack { table: &self.stacks, number: stack };
        let mut inner = stack.frames().map(|frame| frame.function).take_while(|name| starts(name, BELOW));
        self.reasons.text(reason) == "sync" && inner.any(|function| starts(function, LOCKS))
    }
}

/// One profile, the heaviest samples first.
#[derive(Clone, Debug)]
pub struct Profile<'p> {
    kind: ProfileKind,
    period: Period,
    samples: Vec<Sample<'p>>,
}

/// What happened on one stack, for one reason.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sample<'p> {
    /// The stack.
    pub stack: ProfileStack<'p>,
    /// Why, if the trace tells: such as `chan receive`, `runnable` or `stop-the-world (GC mark termination)`.
    pub reason: Option<&'p str>,
    /// How often.
    pub count: u64,
    /// How long altogether, in nanoseconds; 0 in profiles without times.
    pub nanoseconds: u64,
}

/// The stack of a sample.
#[derive(Clone, Copy, Debug)]
pub struct ProfileStack<'p> {
    table: &'p StackTable,
    number: StackNumber,
}

/// A frame of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ProfileFrame<'p> {
    /// The program counter.
    pub pc: u64,
    /// The function with its package path.
    pub function: &'p str,
    /// The source file.
    pub file: &'p str,
    /// The line in the file, from 1; 0 where it is not known.
    pub line: u64,
}

impl<'p> Profile<'p> {
    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> ProfileKind {
        self.kind
    }

    /// When the trace was recorded.
    #[must_use]
    pub fn period(&self) -> Period {
        self.period
    }

    /// What is in it, the heaviest first.
    #[must_use]
    pub fn samples(&self) -> &[Sample<'p>] {
        &self.samples
    }

    /// How often, all samples together.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.samples.iter().fold(0, |sum, sample| sum.saturating_add(sample.count))
    }

    /// How long, all samples together, in nanoseconds.
    #[must_use]
    pub fn nanoseconds(&self) -> u64 {
        self.samples.iter().fold(0, |sum, sample| sum.saturating_add(sample.nanoseconds))
    }

    /// What a sample weighs: its time, or its count where there are no times.
    pub(crate) fn weight(&self, sample: &Sample<'_>) -> u64 {
        if self.kind.has_times() { sample.nanoseconds } else { sample.count }
    }
}

impl<'p> ProfileStack<'p> {
    /// The frames, innermost first; none where the trace tells no stack, or a limit has [kept it out](Self::is_left_out).
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = ProfileFrame<'p>> + ExactSizeIterator + use<'p> {
        let table = self.table;
        table.frames_of(self.number).iter().map(move |&place| match table.record(place) {
            Some(frame) => ProfileFrame {
                pc: frame.pc,
                function: table.text_of(frame.function),
                file: table.text_of(frame.file),
                line: frame.line,
            },
            None => ProfileFrame { pc: 0, function: "", file: "", line: 0 },
        })
    }

    /// Whether this stands for all stacks that a limit has kept out.
    #[must_use]
    pub fn is_left_out(&self) -> bool {
        self.number == StackNumber::OTHER
    }

    /// What stands where frames would, if there are none.
    pub(crate) fn without_frames(&self) -> Option<&'static str> {
        match self.number {
            StackNumber::OTHER => Some("[other stacks]"),
            _ if self.frames().len() == 0 => Some("[no stack]"),
            _ => None,
        }
    }
}
