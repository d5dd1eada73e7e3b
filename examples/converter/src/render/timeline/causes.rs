//! Arrows from spans to those that they caused: parents on other goroutines, and links.
//!
//! A span may end before the one that caused it, and the other way round. So the last spans are remembered, and those
//! that wait for their cause; both up to a limit.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use trace_context::{SpanId, TraceId};
use trace_to_otel::{Span, UnixTime};

use super::canvas::Track;

pub(super) type Id = (TraceId, SpanId);

/// A span that is drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) track: Track,
    pub(super) name: Arc<str>,
    pub(super) start: UnixTime,
    pub(super) end: UnixTime,
    pub(super) goroutine: Option<i64>,
}

/// One span made another begin or go on.
pub(super) struct Cause {
    pub(super) from: Drawn,
    pub(super) to: Drawn,
}

#[derive(Debug, Default)]
pub(super) struct Causes {
    drawn: HashMap<Id, Drawn>,
    /// Which to forget first.
    order: VecDeque<Id>,
    /// By the id of the cause.
    waiting: HashMap<Id, Vec<Waiting>>,
    waiting_count: usize,
    /// Arrows that the limit has kept out.
    left_out: u64,
}

#[derive(Debug)]
struct Waiting {
    effect: Drawn,
    is_parent: bool,
}

impl Causes {
    /// Spans that are remembered, and as many that wait.
    const MOST: usize = 1 << 15;

    /// Takes in a span that was drawn; gives the arrows whose two ends are known now.
    pub(super) fn add(&mut self, span: &Span, drawn: Drawn) -> Vec<Cause> {
        let parent = span.parent.map(|parent| ((span.trace_id, parent.span_id), true));
        let links = span.links.iter().map(|link| ((link.trace_id, link.span_id), false));
        let mut found = Vec::new();
        for (id, is_parent) in parent.into_iter().chain(links) {
            let effect = drawn.clone();
            match self.drawn.get(&id) {
                Some(cause) => found.extend(arrow(cause, effect, is_parent)),
                None if self.waiting_count == Self::MOST => self.left_out += 1,
                None => {
                    self.waiting_count += 1;
                    self.waiting.entry(id).or_default().push(Waiting { effect, is_parent });
                }
            }
        }
        let id = (span.trace_id, span.span_id);
        if let Some(effects) = self.waiting.remove(&id) {
            self.waiting_count -= effects.len();
            found.extend(
                effects.into_iter().filter_map(|waiting| arrow(&drawn, waiting.effect, waiting.is_parent)),
            );
        }
        self.remember(id, drawn);
        found
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    fn remember(&mut self, id: Id, drawn: Drawn) {
        if self.order.len() == Self::MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.drawn.remove(&oldest);
            }
        }
        if self.drawn.insert(id, drawn).is_none() {
            self.order.push_back(id);
        }
    }
}

/// Children on the goroutine of their parent are seen to be within it.
fn arrow(cause: &Drawn, effect: Drawn, is_parent: bool) -> Option<Cause> {
    let is_seen = is_parent && cause.goroutine.is_some() && cause.goroutine == effect.goroutine;
    (!is_seen).then(|| Cause { from: cause.clone(), to: effect })
}

impl Cause {
    /// When the arrow leaves the one and reaches the other: as early as both are there.
    pub(super) fn times(&self) -> (UnixTime, UnixTime) {
        // At its very end a span is over.
        let last = UnixTime(self.from.end.0.saturating_sub(1)).max(self.from.start);
        let from = self.to.start.clamp(self.from.start, last);
        (from, from.clamp(self.to.start, self.to.end))
    }
}
