//! Runs of like regions become one span.
//!
//! A loop that opens a region each time around makes thousands of spans that say the same. Only regions without
//! children, events and links are collapsed, so that nothing but their number and times is lost.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::{
    anatomy::Anatomy,
    attribute,
    span::{Attribute, Scope, Span, SpanContext, Status, Value},
    volume::family::Key,
};

/// How many regions a span stands for.
const COUNT: &str = "gotrace.collapsed.count";
/// The time that they took together, in seconds. The span's own duration has the time between them too.
const TOTAL: &str = "gotrace.collapsed.time.total";
/// What their anatomies add up to stands under this instead of `gotrace.time.`.
const TIME: &str = "gotrace.collapsed.time.";
const ANATOMY: &str = "gotrace.time.";

/// Which regions become one span.
///
/// Regions that follow one another on a goroutine, with the same name, parent, task and place in the source, that are
/// short, have not failed, and have neither children, events nor links. The span has the ids of the first region, begins
/// with it and ends with the last. `gotrace.collapsed.count` says how many there were, `gotrace.collapsed.time.total` how
/// long they took together in seconds, and `gotrace.collapsed.time.running` and so on how that time splits, where known;
/// [`Span::anatomy`] is none, since nobody knows of the time between. A thread that not all of them began on is left out.
///
/// Regions without a parent are a trace each, and become one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collapse {
    /// Only regions shorter than this.
    pub shorter_than: Duration,
    /// No span of several regions gets longer than this, so that none is held back for long.
    pub longest_run: Duration,
}

impl Collapse {
    /// Regions shorter than this, in runs of up to 10 seconds.
    #[must_use]
    pub const fn shorter_than(shorter_than: Duration) -> Self {
        Self { shorter_than, longest_run: Duration::from_secs(10) }
    }

    fn takes(&self, span: &Span) -> bool {
        span.scope == Scope::Region
            && span.duration() < self.shorter_than
            && span.status == Status::Unset
            && (span.events.is_empty() && span.dropped_events == 0)
            && (span.links.is_empty() && span.dropped_links == 0)
            && span.attribute(attribute::INCOMPLETE).is_none()
    }
}

/// What becomes of a span.
#[derive(Debug)]
pub(super) enum Step {
    /// It went into another one.
    Absorbed { member: Key, into: SpanContext },
    /// It is held back.
    Held { parent: Option<Key>, before: Option<Span> },
    /// It goes on.
    Passed { before: Option<Span>, span: Box<Span> },
}

/// Regions held back, each the first of what may become a run.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: BTreeMap<Siblings, Run>,
    /// The same in the order in which they were begun.
    turns: BTreeMap<u64, Siblings>,
    turn: u64,
}

/// Spans of a goroutine that have the same parent; those without are siblings too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Siblings {
    parent: Option<Key>,
    goroutine: Option<i64>,
}

impl Siblings {
    fn of(span: &Span) -> Self {
        let parent = span.parent.map(|parent| Key { trace_id: span.trace_id, span_id: parent.span_id });
        let goroutine = match span.attribute(attribute::GOROUTINE_ID) {
            Some(Value::Integer(id)) => Some(*id),
            _ => None,
        };
        Self { parent, goroutine }
    }
}

#[derive(Debug)]
struct Run {
    turn: u64,
    /// The first region, with the end of the last.
    span: Span,
    count: i64,
    total: u64,
    anatomy: Option<Anatomy>,
}

impl Runs {
    const MOST: usize = 1024;

    /// What is held back.
    pub(super) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.runs.values().map(|run| &run.span)
    }

    /// Takes in the next span. `before` are those that have to go out first.
    pub(super) fn step(&mut self, collapse: Collapse, span: Span, is_leaf: bool) -> Step {
        let siblings = Siblings::of(&span);
        let is_member = is_leaf && collapse.takes(&span);
        if let Some(run) = self.runs.get_mut(&siblings).filter(|run| is_member && run.fits(collapse, &span)) {
            let into = run.span.context();
            let member = Key::of(&span);
            run.absorb(&span);
            return Step::Absorbed { member, into };
        }
        let mut before = self.pop(siblings);
        if !is_member {
            return Step::Passed { before, span: Box::new(span) };
        }
        if self.runs.len() == Self::MOST {
            before = self.pop_oldest();
        }
        let parent = Key::of_parent(&span);
        self.turns.insert(self.turn, siblings);
        self.runs.insert(siblings, Run::new(self.turn, span));
        self.turn += 1;
        Step::Held { parent, before }
    }

    /// A span held back that is a child of this one.
    pub(super) fn pop_child_of(&mut self, span: &Span) -> Option<Span> {
        let first = Siblings { parent: Some(Key::of(span)), goroutine: None };
        let (&siblings, _) = self.runs.range(first..).next()?;
        if siblings.parent == first.parent { self.pop(siblings) } else { None }
    }

    /// The span that was held back first.
    pub(super) fn pop_oldest(&mut self) -> Option<Span> {
        let (_, &siblings) = self.turns.first_key_value()?;
        self.pop(siblings)
    }

    fn pop(&mut self, siblings: Siblings) -> Option<Span> {
        let run = self.runs.remove(&siblings)?;
        self.turns.remove(&run.turn);
        Some(run.finish())
    }
}

impl Run {
    fn new(turn: u64, span: Span) -> Self {
        Self { turn, count: 1, total: span.duration_nanos(), anatomy: span.anatomy, span }
    }

    fn fits(&self, collapse: Collapse, next: &Span) -> bool {
        let this = &self.span;
        let length = next.end.0.saturating_sub(this.start.0);
        next.start >= this.end
            && u128::from(length) <= collapse.longest_run.as_nanos()
            && next.name == this.name
            && next.kind == this.kind
            && next.flags == this.flags
            && next.parent == this.parent
            && next.dropped_attributes == this.dropped_attributes
            && told_apart_by(next).eq(told_apart_by(this))
    }

    fn absorb(&mut self, next: &Span) {
        self.span.end = next.end;
        self.count += 1;
        self.total = self.total.saturating_add(next.duration_nanos());
        self.anatomy = self.anatomy.zip(next.anatomy).map(|(a, b)| sum(a, b));
        if next.attribute(attribute::THREAD_ID) != self.span.attribute(attribute::THREAD_ID) {
            self.span.attributes.retain(|pair| pair.key != attribute::THREAD_ID);
        }
    }

    fn finish(self) -> Span {
        let mut span = self.span;
        if self.count == 1 {
            return span;
        }
        span.anatomy = None;
        span.attributes.push(Attribute::new(COUNT, self.count));
        span.attributes.push(Attribute::new(TOTAL, self.total as f64 / 1e9));
        let parts = self.anatomy.iter().flat_map(Anatomy::attributes);
        span.attributes.extend(parts.map(|(key, time)| Attribute::new(key.replacen(ANATOMY, TIME, 1), time)));
        span
    }
}

/// A goroutine changes its threads as it goes.
fn told_apart_by(span: &Span) -> impl Iterator<Item = &Attribute> {
    span.attributes.iter().filter(|pair| pair.key != attribute::THREAD_ID)
}

fn sum(a: Anatomy, b: Anatomy) -> Anatomy {
    let mut sum = Anatomy {
        running: a.running.saturating_add(b.running),
        runnable: a.runnable.saturating_add(b.runnable),
        syscall: a.syscall.saturating_add(b.syscall),
        gc_assist: a.gc_assist.saturating_add(b.gc_assist),
        ..a
    };
    for (time, more) in sum.waiting_for.iter_mut().zip(b.waiting_for) {
        *time = time.saturating_add(more);
    }
    sum
}
