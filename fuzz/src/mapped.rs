//! Traces to spans, and what holds of these whatever the traces are.

use std::collections::HashSet;

use go_trace_format::{Event, EventKind, Reader, Time, event::ThreadId};
use trace_to_otel::{Mapper, MapperOptions, Resource, Scope, Session, SessionOptions, Span, otlp};

/// What comes of a trace, and what its events say of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Mapped {
    /// The spans, in the order in which they went out.
    pub spans: Vec<Span>,
    /// Where the mapper was put away and taken up again: before which events.
    pub stops: Vec<u64>,
    /// The place of the last event that begins a trace: a mapper that is put away before it goes on by less than the reader
    /// knows.
    last_begin: u64,
    /// The first and the last wall time that something can have.
    window: (i128, i128),
    /// Whether two events of a thread have the same time, as no runtime records them: ids are made of both.
    has_twins: bool,
}

/// Salvages a trace and maps it. The mapper is saved, and another one loaded, before each event for which `stops` says so.
#[must_use]
pub fn map(
    mut reader: Reader<'_>,
    options: &MapperOptions,
    mut stops: impl FnMut(u64, &Event<'_>) -> bool,
) -> Mapped {
    let (mut mapper, mut seen) = (Mapper::with_options(options.clone()), Seen::default());
    let (mut spans, mut stopped, mut last_begin, mut number) = (Vec::new(), Vec::new(), 0, 0);
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        if stops(number, &event) {
            stopped.push(number);
            let saved = mapper.save();
            mapper = Mapper::load(options.clone(), &saved).expect("what was saved");
            assert_eq!(mapper.save(), saved, "the same state gives the same bytes");
        }
        let Ok(()) = mapper.event(&event, &mut spans);
        if begins_trace(&event) {
            last_begin = number;
        }
        seen.note(&event, &mapper);
        number += 1;
    }
    let Ok(()) = mapper.finish(&mut spans);
    assert_eq!(mapper.counters().spans, spans.len() as u64);
    let window = (seen.moments.0 + seen.ahead.0, seen.moments.1 + seen.ahead.1);
    Mapped { spans, stops: stopped, last_begin, window, has_twins: seen.has_twins }
}

fn begins_trace(event: &Event<'_>) -> bool {
    matches!(event.kind(), EventKind::Sync(sync) if sync.generation.is_some_and(|begun| begun.continuity.begins_trace()))
}

/// What the events of a trace say of times.
struct Seen {
    /// The first and the last moment on the trace clock.
    moments: (i128, i128),
    /// By how much wall clocks are ahead of it, the least and the most.
    ahead: (i128, i128),
    threads: HashSet<(Option<ThreadId>, Time)>,
    has_twins: bool,
}

impl Default for Seen {
    fn default() -> Self {
        let none = (i128::from(i64::MAX), i128::from(i64::MIN));
        Self { moments: none, ahead: none, threads: HashSet::new(), has_twins: false }
    }
}

impl Seen {
    fn note(&mut self, event: &Event<'_>, mapper: &Mapper) {
        if matches!(event.kind(), EventKind::Sync(sync) if sync.generation.is_none()) {
            return;
        }
        let moment = i128::from(event.raw_time().0);
        self.moments = (self.moments.0.min(moment), self.moments.1.max(moment));
        let by = i128::from(mapper.unix_time(event).0) - moment;
        self.ahead = (self.ahead.0.min(by), self.ahead.1.max(by));
        let is_sync = matches!(event.kind(), EventKind::Sync(_));
        self.has_twins |= !is_sync && !self.threads.insert((event.thread(), event.raw_time()));
    }
}

impl Mapped {
    /// Asserts what holds of all spans.
    pub fn check(&self) {
        let (first, last) = self.window;
        let can_be = |time: u64| (first..=last).contains(&time.into());
        for span in &self.spans {
            assert!(span.start <= span.end && !span.name.is_empty(), "{span:?}");
            assert!(can_be(span.start.0) && can_be(span.end.0), "{span:?} outside of {first} to {last}");
            assert!(span.events.iter().all(|event| can_be(event.time.0)), "{span:?}");
        }
    }

    /// Asserts that no two spans have the same id, of those that this crate gives ids to: to operations a program gives its own.
    pub fn check_ids(&self) {
        let is_named_here = |span: &&Span| {
            matches!(span.scope, Scope::Task | Scope::Region | Scope::Range)
                || span.attribute("gotrace.evidence").is_some()
        };
        let mut ids = HashSet::new();
        for span in self.spans.iter().filter(is_named_here) {
            assert!(self.has_twins || ids.insert((span.trace_id, span.span_id)), "twice: {span:?}");
        }
    }

    /// Whether a mapper may be put away before an event of this trace, and go on as if it never had been.
    #[must_use]
    pub fn may_stop(&self, number: u64) -> bool {
        number > self.last_begin
    }
}

/// The batches of a trace that comes in pieces of these sizes, again and again; and whether it could be read to its end.
#[must_use]
pub fn in_pieces(trace: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, bool) {
    let mut session = Session::new(SessionOptions::new(otlp::Encoding::Protobuf, Resource::new()));
    let (mut rest, mut is_whole, mut sizes) = (trace, true, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| rest.len().min(*size));
        let (piece, behind) = rest.split_at(size);
        is_whole &= session.feed(piece).is_ok();
        rest = behind;
    }
    is_whole &= session.finish().is_ok();
    let batches = core::iter::from_fn(|| session.next_batch()).map(|batch| batch.bytes().to_vec());
    (batches.collect(), is_whole)
}
