//! Who is whose parent, so that no span that goes out names one that does not.

use std::collections::HashMap;

use go_trace_context::{SpanId, TraceId};

use crate::span::{Parent, Span, SpanContext};

/// Which span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

impl Key {
    pub(super) fn of(span: &Span) -> Self {
        Self { trace_id: span.trace_id, span_id: span.span_id }
    }

    /// The span's parent, if that is of this process.
    pub(super) fn of_parent(span: &Span) -> Option<Self> {
        let parent = span.parent.filter(|parent| !parent.is_remote)?;
        Some(Self { trace_id: span.trace_id, span_id: parent.span_id })
    }
}

/// What became of a span that did not go out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It stayed behind; this was its parent.
    LeftOut(Option<Parent>),
    /// It went into another one.
    Absorbed(SpanContext),
}

/// Spans that others name, or may yet name, as their parent.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// Parents of spans that have gone out, or will for sure.
    pub(super) awaited: Recent<()>,
    /// Spans that did not go out.
    pub(super) gone: Recent<Fate>,
}

impl Family {
    /// A chain of parents that is longer, or comes back to where it began, is cut.
    const LONGEST_CHAIN: usize = 64;

    /// Whether the span has children that go out.
    pub(super) fn is_awaited(&self, key: Key) -> bool {
        self.awaited.get(key).is_some()
    }

    pub(super) fn await_parent(&mut self, parent: Option<Key>) {
        if let Some(parent) = parent {
            self.awaited.insert(parent, ());
        }
    }

    pub(super) fn send(&mut self, span: &Span) {
        let key = Key::of(span);
        self.awaited.remove(key);
        // A program may give two spans the same id.
        self.gone.remove(key);
        self.await_parent(Key::of_parent(span));
    }

    pub(super) fn leave_out(&mut self, span: &Span) {
        self.gone.insert(Key::of(span), Fate::LeftOut(span.parent));
    }

    pub(super) fn absorb(&mut self, member: Key, into: SpanContext) {
        self.gone.insert(member, Fate::Absorbed(into));
    }

    /// Gives a span whose parent is gone the next one of its ancestors that is not, and leads its links to what their
    /// spans have become.
    pub(super) fn adopt(&mut self, span: &mut Span) {
        if self.gone.is_empty() {
            return;
        }
        for link in &mut span.links {
            let key = Key { trace_id: link.trace_id, span_id: link.span_id };
            if let Some(Fate::Absorbed(into)) = self.gone.get(key) {
                (link.trace_id, link.span_id, link.flags) = (into.trace_id, into.span_id, into.flags);
            }
        }
        for _ in 0..Self::LONGEST_CHAIN {
            let Some(fate) = Key::of_parent(span).and_then(|parent| self.gone.get(parent)) else { return };
            span.parent = match *fate {
                Fate::LeftOut(parent) => parent.filter(|parent| parent.span_id != span.span_id),
                Fate::Absorbed(into) if into.trace_id == span.trace_id => {
                    Some(Parent::new(into.span_id, false))
                }
                Fate::Absorbed(into) => {
                    span.links.push(into.into());
                    None
                }
            };
        }
        span.parent = None;
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.awaited.forgotten + self.gone.forgotten
    }
}

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A map that remembers what came last: when half of it is full, the older half is forgotten.
#[derive(Debug)]
pub(super) struct Recent<V> {
    pub(super) young: FastMap<Key, V>,
    pub(super) old: FastMap<Key, V>,
    forgotten: u64,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { young: FastMap::default(), old: FastMap::default(), forgotten: 0 }
    }
}

impl<V> Recent<V> {
    pub(super) const HALF: usize = 1 << 16;

    fn get(&self, key: Key) -> Option<&V> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    fn insert(&mut self, key: Key, value: V) {
        if self.young.len() == Self::HALF && !self.young.contains_key(&key) {
            core::mem::swap(&mut self.young, &mut self.old);
            self.forgotten += self.young.len() as u64;
            self.young.clear();
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    fn remove(&mut self, key: Key) {
        if self.young.remove(&key).is_none() {
            self.old.remove(&key);
        }
    }

    fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Recent};
    use core::num::{NonZeroU64, NonZeroU128};

    #[test]
    fn what_came_last_is_remembered() {
        let key = |number: u64| Key {
            trace_id: NonZeroU128::MIN.into(),
            span_id: NonZeroU64::MIN.saturating_add(number).into(),
        };
        let half = Recent::<u64>::HALF as u64;
        let mut recent = Recent::default();
        for number in 0..half * 3 {
            recent.insert(key(number), number);
        }
        assert_eq!(recent.forgotten, half);
        assert_eq!(recent.get(key(half - 1)), None);
        assert_eq!(recent.get(key(half)), Some(&half));
        assert_eq!(recent.get(key(half * 3 - 1)), Some(&(half * 3 - 1)));
        recent.remove(key(half));
        assert_eq!(recent.get(key(half)), None);
    }
}
