//! Memory of spans that are over, for those to come: most live so short that getting theirs would take longer than
//! what is done with it.

use std::sync::Arc;

use go_trace_format::{Time, event::TaskId};

use crate::{
    anatomy::Anatomy,
    clock::WallOffset,
    form::{Ending, Form},
    identity::{Identity, Placed},
    known::span::{LocalParent, OpenSpan, Place},
    sink::{Outlet, Stopped},
    span::{Scope, Span, SpanKind},
};

/// How many open spans' memory is kept.
const MOST_SPARE: usize = 256;
/// Up to how many events and links of a span memory is kept for.
const MOST_PARTS: usize = 32;

#[derive(Debug)]
pub(super) struct Spare {
    // The boxes are what is kept.
    #[allow(clippy::vec_box)]
    open: Vec<Box<OpenSpan>>,
    /// The spans that went out last, as far as their sinks have left them. By scope, as spans of one are most alike.
    finished: [Span; Scope::COUNT],
}

impl Default for Spare {
    fn default() -> Self {
        Self { open: Vec::new(), finished: Scope::ALL.map(|_| Span::nothing()) }
    }
}

impl Spare {
    /// A span that begins.
    pub(super) fn begin(
        &mut self,
        identity: Identity,
        name: Arc<str>,
        (start, wall): (Time, WallOffset),
        task: TaskId,
        place: Place,
    ) -> Box<OpenSpan> {
        let Some(mut span) = self.open.pop() else {
            return Box::new(OpenSpan::new(identity, name, (start, wall), task, place));
        };
        // Its details are none, and stay.
        span.identity = identity;
        span.name = name;
        span.kind = SpanKind::Internal;
        span.start = start;
        span.is_start_clamped = false;
        span.wall = wall;
        span.task = task;
        span.place = place;
        span.parent = LocalParent::default();
        span.meanwhile.forget();
        span
    }

    /// Finishes a span, and hands it on.
    pub(super) fn finish(
        &mut self,
        mut span: Box<OpenSpan>,
        form: Form,
        placed: Placed,
        anatomy: Option<Anatomy>,
        ending: Ending,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        let finished = &mut self.finished[form.scope.index() % Scope::COUNT];
        span.finish_into(finished, form, placed, anatomy, ending);
        let taken = sink.lend_span(finished);
        let mut parts = 0;
        if let Some(details) = span.details.get_mut() {
            core::mem::swap(&mut details.notes.events, &mut finished.events);
            core::mem::swap(&mut details.links.to, &mut finished.links);
            details.clear();
            parts = details.notes.events.capacity().max(details.links.to.capacity());
        } else {
            finished.events.clear();
            finished.links.clear();
        }
        if self.open.len() < MOST_SPARE && parts <= MOST_PARTS {
            self.open.push(span);
        }
        taken
    }
}
