//! Arrows from spans to those that they caused: parents on other goroutines, and links.
//!
//! A span may end before the one that caused it, and the other way round. So the last spans are remembered, and those
//! that wait for their cause; both up to a limit.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use go_trace_context::{SpanId, TraceId};

use super::canvas::Track;
use crate::span::{Span, UnixTime};

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
    /// Which to give up first; some of them have come.
    waiting_order: VecDeque<Id>,
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
                None => self.wait(id, Waiting { effect, is_parent }),
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

    /// Keeps an effect until its cause comes. Those that wait for the longest are given up where there are too many:
    /// their causes may never come.
    fn wait(&mut self, cause: Id, waiting: Waiting) {
        while self.waiting_count >= Self::MOST || self.waiting_order.len() >= Self::MOST {
            let Some(oldest) = self.waiting_order.pop_front() else { break };
            let given_up = self.waiting.remove(&oldest).map_or(0, |effects| effects.len());
            self.waiting_count -= given_up;
            self.left_out += given_up as u64;
        }
        let effects = self.waiting.entry(cause).or_default();
        if effects.is_empty() {
            self.waiting_order.push_back(cause);
        }
        effects.push(waiting);
        self.waiting_count += 1;
    }

    /// How many arrows were given up.
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

#[cfg(test)]
mod tests {
    use go_trace_context::TraceFlags;

    use super::*;
    use crate::{
        render::{
            samples::{span, span_id, trace_id},
            timeline::canvas::{Group, Row},
        },
        span::Link,
    };

    fn add(causes: &mut Causes, span: &Span, goroutine: i64) -> Vec<(String, String, u64, u64)> {
        let track = Track { group: Group::Goroutines, number: 1, row: Row { order: goroutine, lane: 1 } };
        let (name, start, end) = (span.name.clone(), span.start, span.end);
        let found = causes.add(span, Drawn { track, name, start, end, goroutine: Some(goroutine) });
        let tell = |cause: Cause| {
            let (from, to) = cause.times();
            (cause.from.name.to_string(), cause.to.name.to_string(), from.0, to.0)
        };
        found.into_iter().map(tell).collect()
    }

    fn arrow(from: &str, to: &str, start: u64, end: u64) -> (String, String, u64, u64) {
        (from.to_owned(), to.to_owned(), start, end)
    }

    #[test]
    fn whichever_ends_first_the_arrow_is_found() {
        let mut causes = Causes::default();
        assert_eq!(add(&mut causes, &span("early child", 2, 1, 10, 20), 8), []);
        assert_eq!(add(&mut causes, &span("own child", 3, 1, 10, 20), 7), []);
        let found = add(&mut causes, &span("parent", 1, 0, 0, 50), 7);
        assert_eq!(found, [arrow("parent", "early child", 10, 10)], "the other is seen to be within it");
        let found = add(&mut causes, &span("late child", 4, 1, 60, 70), 9);
        assert_eq!(
            found,
            [arrow("parent", "late child", 49, 60)],
            "it leaves the parent before that is over"
        );
    }

    #[test]
    fn links_have_arrows_on_one_goroutine_too() {
        let mut causes = Causes::default();
        let mut woken = span("woken", 2, 0, 0, 90);
        let link = |id| Link::new(trace_id(1), span_id(id), TraceFlags::SAMPLED);
        woken.links = vec![link(1), link(77)];
        assert_eq!(add(&mut causes, &woken, 7), []);
        let waker = span("waker", 1, 0, 30, 40);
        assert_eq!(add(&mut causes, &waker, 7), [arrow("waker", "woken", 30, 30)], "not before it is there");
    }

    #[test]
    fn causes_that_never_come_keep_nothing_out() {
        let mut causes = Causes::default();
        let many = 3 * Causes::MOST as u64;
        for id in 0..many {
            add(&mut causes, &span("orphan", 10 + id, 1 << 40 | id, id, id + 1), 7);
        }
        assert_eq!(causes.left_out(), many - Causes::MOST as u64);
        assert!(causes.waiting.len() <= Causes::MOST && causes.waiting_order.len() <= Causes::MOST);
        assert!(causes.drawn.len() <= Causes::MOST);
        add(&mut causes, &span("child", 2, 1, 10, 20), 8);
        assert_eq!(add(&mut causes, &span("parent", 1, 0, 0, 50), 7), [arrow("parent", "child", 10, 10)]);
    }
}
