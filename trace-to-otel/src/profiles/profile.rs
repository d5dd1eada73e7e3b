//! What was collected, one profile at a time.

#[cfg(any(feature = "json", feature = "protobuf"))]
use std::ops::Range;
use std::{cmp::Reverse, collections::BTreeMap};

use go_trace_context::{SpanId, TraceId};
use indexmap::IndexMap;

use crate::{
    known::changes::SpanOut,
    profiles::{
        kind::ProfileKind,
        ledger::{Key, Ledger, Total},
        reasons::{Reason, Reasons},
        spans::{SpanNumber, SpanTable},
        stacks::{StackNumber, StackTable},
    },
    span::UnixTime,
};

/// All profiles of a trace.
#[derive(Debug)]
pub struct Profiles {
    recorded: Period,
    period: Period,
    totals: BTreeMap<Key, Total>,
    reasons: Reasons,
    stacks: StackTable,
    spans: SpanTable,
    left_out_stacks: u64,
    left_out_spans: u64,
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
    pub(super) fn new(
        (recorded, period): (Period, Period),
        ledger: &Ledger,
        reasons: Reasons,
        stacks: StackTable,
        spans: SpanTable,
    ) -> Self {
        let mut totals: BTreeMap<Key, Total> = BTreeMap::new();
        for (key, total) in ledger.iter() {
            totals.entry(Key { span: spans.owner(key.span), ..key }).or_default().add(total);
        }
        let left_out_stacks = stacks.left_out().saturating_add(ledger.left_out());
        let left_out_spans = spans.left_out().saturating_add(ledger.left_out_of_spans());
        Self { recorded, period, totals, reasons, stacks, spans, left_out_stacks, left_out_spans }
    }

    /// When the trace was recorded, as far as it [counts](crate::profiles::ProfilesOptions::window).
    #[must_use]
    pub fn period(&self) -> Period {
        self.period
    }

    /// When all of the trace was recorded.
    #[must_use]
    pub fn recorded(&self) -> Period {
        self.recorded
    }

    /// How often a limit has kept a stack out, at least once a generation for each: what happened on them is in samples whose
    /// stack [is one of these](ProfileStack::is_left_out).
    #[must_use]
    pub fn left_out_stacks(&self) -> u64 {
        self.left_out_stacks
    }

    /// How often a limit has kept a span out: its time counts for the span around it, if there is one.
    #[must_use]
    pub fn left_out_spans(&self) -> u64 {
        self.left_out_spans
    }

    /// How often there were too many reasons for another one, at least once a generation for each: time for it counts as `other`,
    /// which is in none of the profiles that Go's tool gives.
    #[must_use]
    pub fn left_out_reasons(&self) -> u64 {
        self.reasons.left_out()
    }

    /// What limits have kept out, in words, a line for each limit that did: for whoever shows profiles.
    pub fn left_out(&self) -> impl Iterator<Item = String> {
        let left_out = [
            (self.left_out_stacks(), "stacks were too many, and are counted together as [other stacks]"),
            (self.left_out_spans(), "times a span was one too many: its time is in the span around it"),
            (self.left_out_reasons(), "times a reason was one too many, and is counted as other"),
        ];
        left_out.into_iter().filter(|&(count, _)| count > 0).map(|(count, what)| format!("{count} {what}"))
    }

    /// Why goroutines waited.
    #[cfg(feature = "analysis")]
    pub(crate) fn reason(&self, reason: Reason) -> &str {
        self.reasons.text(reason)
    }

    /// One of them. Where spans are known, each of its samples is of the span that was innermost, or of none.
    #[must_use]
    pub fn profile(&self, kind: ProfileKind) -> Profile<'_> {
        self.profile_of(kind, |_| true)
    }

    /// What of a profile was within such spans: while one was open on a goroutine, and in its descendants wherever they were.
    /// There is nothing in it where spans are not known.
    #[must_use]
    pub fn profile_within(
        &self,
        kind: ProfileKind,
        mut is_one: impl FnMut(ProfileSpan<'_>) -> bool,
    ) -> Profile<'_> {
        let within = self.spans.within(|out| is_one(ProfileSpan::of(out)));
        self.profile_of(kind, |span| within.has(span))
    }

    /// Keeps nothing but [what was within](Self::profile_within) such spans, in all profiles.
    pub fn keep_within(&mut self, mut is_one: impl FnMut(ProfileSpan<'_>) -> bool) {
        let within = self.spans.within(|out| is_one(ProfileSpan::of(out)));
        self.totals.retain(|key, _| within.has(key.span));
    }

    /// Gives the traces of spans the ids that they turn out to have, and moves the time of the recording by so many nanoseconds.
    pub(crate) fn correlate(&mut self, id: impl Fn(TraceId) -> TraceId, shift: i64) {
        self.spans.outs_mut().for_each(|span| span.trace_id = id(span.trace_id));
        for period in [&mut self.recorded, &mut self.period] {
            period.start = UnixTime(period.start.0.saturating_add_signed(shift));
        }
    }

    /// The spans that have time of their own, or have been innermost on a goroutine at least, in the order in which they were so first.
    pub fn spans(&self) -> impl Iterator<Item = ProfileSpan<'_>> {
        self.spans.outs().map(ProfileSpan::of)
    }

    fn profile_of(&self, kind: ProfileKind, is_in: impl Fn(SpanNumber) -> bool) -> Profile<'_> {
        let is_of = |key: &Key| {
            kind.accounts().contains(&key.account)
                && (kind != ProfileKind::Mutex || self.is_in_lock(key.reason, key.stack))
                && is_in(key.span)
        };
        // One of several accounts may be by the same stack and a reason of the same text.
        let mut totals: BTreeMap<(Reason, StackNumber, SpanNumber), Total> = BTreeMap::new();
        for (key, &total) in self.totals.iter().filter(|(key, _)| is_of(key)) {
            totals.entry((key.reason, key.stack, key.span)).or_default().add(total);
        }
        let samples = totals.into_iter().map(|((reason, stack, span), total)| Sample {
            stack: ProfileStack { table: &self.stacks, number: stack },
            reason: Some(self.reasons.text(reason)).filter(|reason| !reason.is_empty()),
            span: self.spans.out(span).map(ProfileSpan::of),
            count: total.count,
            nanoseconds: total.nanoseconds,
        });
        Profile::new(kind, self.period, samples.collect())
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
    /// The span that was innermost on the goroutine, if one was and spans are known.
    pub span: Option<ProfileSpan<'p>>,
    /// How often.
    pub count: u64,
    /// How long altogether, in nanoseconds; 0 in profiles without times.
    pub nanoseconds: u64,
}

/// The span of a sample. It has gone out, or the program's own SDK exports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileSpan<'p> {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// Its name; none where it is the SDK that exports it.
    pub name: Option<&'p str>,
}

impl<'p> ProfileSpan<'p> {
    fn of(out: &'p SpanOut) -> Self {
        Self { trace_id: out.trace_id, span_id: out.span_id, name: out.name.as_deref() }
    }
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
    fn new(kind: ProfileKind, period: Period, mut samples: Vec<Sample<'p>>) -> Self {
        samples.sort_by_key(|sample| Reverse((sample.nanoseconds, sample.count)));
        Self { kind, period, samples }
    }

    /// The same whatever the spans: one sample for each stack and reason.
    #[must_use]
    pub fn without_spans(&self) -> Self {
        let mut merged: IndexMap<(StackNumber, Option<&str>), Sample<'p>, foldhash::fast::RandomState> =
            IndexMap::default();
        for &sample in &self.samples {
            let none = Sample { span: None, count: 0, nanoseconds: 0, ..sample };
            let sum = merged.entry((sample.stack.number, sample.reason)).or_insert(none);
            sum.count = sum.count.saturating_add(sample.count);
            sum.nanoseconds = sum.nanoseconds.saturating_add(sample.nanoseconds);
        }
        Self::new(self.kind, self.period, merged.into_values().collect())
    }

    /// What of it is of such samples.
    #[must_use]
    pub fn filtered(&self, keep: impl FnMut(&Sample<'p>) -> bool) -> Self {
        let mut filtered = self.clone();
        filtered.samples.retain(keep);
        filtered
    }

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

    /// How many of its samples weigh something: the first ones.
    #[cfg(any(feature = "json", feature = "protobuf"))]
    pub(crate) fn heavy(&self) -> usize {
        self.samples.partition_point(|sample| self.weight(sample) > 0)
    }

    /// The same profile with some of its samples.
    #[cfg(any(feature = "json", feature = "protobuf"))]
    pub(crate) fn part(&self, samples: Range<usize>) -> Self {
        let samples = self.samples.get(samples).unwrap_or_default().to_vec();
        Self { kind: self.kind, period: self.period, samples }
    }

    /// What a sample weighs: its time, or its count where there are no times.
    pub(crate) fn weight(&self, sample: &Sample<'_>) -> u64 {
        if self.kind.has_times() { sample.nanoseconds } else { sample.count }
    }
}

/// Whether a thread of C begins with this when it calls Go.
fn is_of_cgo(entry: &str) -> bool {
    entry.starts_with("runtime.cgocallback")
}

/// Whether a function is the runtime's, its tracer's or its profiler's.
fn is_own(function: &str) -> bool {
    const OWN: [&str; 3] = ["runtime.", "runtime/trace.", "runtime/pprof."];
    OWN.iter().any(|start| function.starts_with(start))
}

/// Whether a goroutine that begins with a function is the runtime's own, as long as nothing of the program is called in it. Go:
/// `runtime.isSystemGoroutine`.
pub(crate) fn begins_own_goroutine(entry: &str) -> bool {
    const PROGRAM: [&str; 4] =
        ["runtime.main", "runtime.goexit", "runtime.handleAsyncEvent", "runtime.corostart"];
    is_own(entry) && !PROGRAM.contains(&entry) && !is_of_cgo(entry)
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

    /// Whether it is that of a goroutine of the runtime itself, or of its tracer or profiler: not the program's, nor one in which
    /// a finalizer or cleanup of the program is. Go: `runtime.isSystemGoroutine`, by the function that it begins with.
    #[must_use]
    pub fn is_of_runtime(&self) -> bool {
        const CALLERS: [&str; 3] = ["runtime.runfinq", "runtime.runFinalizers", "runtime.runCleanups"];
        let Some(entry) = self.frames().next_back().map(|frame| frame.function) else { return false };
        let calls_program = || CALLERS.contains(&entry) && !self.frames().all(|frame| is_own(frame.function));
        begins_own_goroutine(entry) && !calls_program()
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
