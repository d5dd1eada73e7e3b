//! Where spans are drawn.

use std::io;

use go_trace_format::event::{GoroutineId, ProcId};

use super::{
    Pen,
    canvas::{Canvas, Detail, Group, Instant, Slice, Tip, Track, TrackKind},
    causes::{Cause, Causes, Drawn},
    lanes::{Lanes, Nesting},
    states::States,
};
use crate::span::{Scope, Span, Value};

/// Spans that are on no goroutine, and the arrows between all spans.
#[derive(Debug, Default)]
pub(super) struct Spans {
    runtime: Lanes<Track>,
    tasks: Lanes<Track>,
    others: Lanes<Track>,
    causes: Causes,
}

impl Spans {
    pub(super) fn draw<C: Canvas>(
        &mut self,
        span: &Span,
        states: &mut States,
        pen: &mut Pen<C>,
    ) -> io::Result<()> {
        let track = self.track(span, states, pen)?;
        slice(span, track, pen)?;
        for event in &span.events {
            let details: Vec<_> = event.attributes.iter().map(|a| Detail::new(&a.key, &a.value)).collect();
            let time = event.time.clamp(span.start, span.end);
            let instant =
                Instant { name: &event.name, category: "log", time, tip: Tip::None, details: &details };
            pen.instant(track, &instant)?;
        }
        let drawn = Drawn {
            track,
            name: span.name.clone(),
            start: span.start,
            end: span.end,
            goroutine: integer(span, "gotrace.goroutine.id"),
        };
        for cause in self.causes.add(span, drawn) {
            arrow(&cause, pen)?;
        }
        Ok(())
    }

    /// Arrows that could not be drawn.
    pub(super) fn arrows_left_out(&self) -> u64 {
        self.causes.left_out()
    }

    /// A track on which the span overlaps nothing that it is not nested with.
    fn track<C: Canvas>(&mut self, span: &Span, states: &mut States, pen: &mut Pen<C>) -> io::Result<Track> {
        let by_parent = Nesting::ByParent(span.span_id, span.parent.map(|parent| parent.span_id));
        let (lanes, group, name, above, nesting) = match Home::of(span) {
            Home::Goroutine(id) => match states.told_goroutine(id, pen)? {
                Some(goroutine) => {
                    let (above, name) = (Some(goroutine.track), format!("G{} spans", id.0));
                    (&mut goroutine.lanes, Group::Goroutines, name, above, Nesting::ByTime)
                }
                None => (&mut self.others, Group::Spans, "spans".to_owned(), None, by_parent),
            },
            Home::Proc(id) => {
                let proc = states.proc(id, pen)?;
                let (above, name) = (Some(proc.track()), format!("P{} ranges", id.0));
                (&mut proc.lanes, Group::Procs, name, above, Nesting::ByTime)
            }
            Home::Runtime => {
                let name = "GC and stop-the-world".to_owned();
                (&mut self.runtime, Group::Runtime, name, None, Nesting::ByTime)
            }
            Home::Tasks => (&mut self.tasks, Group::Tasks, "tasks".to_owned(), None, by_parent),
            Home::Nowhere => (&mut self.others, Group::Spans, "spans".to_owned(), None, by_parent),
        };
        lanes.place(span.start, span.end, nesting, |count| {
            let (track, kind) = match above {
                Some(above) => (pen.track(group, above.row.order, 1 + count), TrackKind::Below(above)),
                None => (pen.track(group, i64::from(count), 0), TrackKind::Slices),
            };
            pen.canvas.track(track, Some(&name), kind)?;
            Ok(track)
        })
    }
}

/// What a span belongs to.
enum Home {
    Goroutine(GoroutineId),
    Proc(ProcId),
    Runtime,
    Tasks,
    Nowhere,
}

impl Home {
    fn of(span: &Span) -> Self {
        let goroutine = integer(span, "gotrace.goroutine.id").map(GoroutineId);
        let proc = integer(span, "gotrace.proc.id").map(ProcId);
        match (&span.scope, proc, goroutine) {
            // Tasks are meant to go from goroutine to goroutine.
            (Scope::Task, ..) => Self::Tasks,
            (Scope::Range, Some(proc), _) => Self::Proc(proc),
            // The world is stopped for all, whoever asked for it.
            (Scope::Range, None, Some(goroutine)) if !span.name.starts_with("stop-the-world") => {
                Self::Goroutine(goroutine)
            }
            (Scope::Range, ..) => Self::Runtime,
            (_, _, Some(goroutine)) => Self::Goroutine(goroutine),
            (_, _, None) => Self::Nowhere,
        }
    }
}

fn slice<C: Canvas>(span: &Span, track: Track, pen: &mut Pen<C>) -> io::Result<()> {
    let (trace_id, span_id) = (span.trace_id.to_string(), span.span_id.to_string());
    let mut details = vec![Detail::new("trace_id", &*trace_id), Detail::new("span_id", &*span_id)];
    if span.status.is_error() {
        details.push(Detail::new("status", "error"));
    }
    details.extend(span.attributes.iter().map(|attribute| Detail::new(&attribute.key, &attribute.value)));
    let anatomy = span.anatomy.iter().flat_map(|anatomy| anatomy.attributes());
    details.extend(anatomy.map(|(key, seconds)| Detail::new(key, seconds)));
    let slice = Slice {
        name: &span.name,
        category: span.scope.name(),
        start: span.start,
        end: span.end,
        arrow: None,
        details: &details,
    };
    pen.slice(track, &slice)
}

fn arrow<C: Canvas>(cause: &Cause, pen: &mut Pen<C>) -> io::Result<()> {
    let arrow = pen.arrow();
    let (from, to) = cause.times();
    let category = "cause";
    let name = format!("→ {}", cause.to.name);
    let tip = Tip::From(arrow);
    pen.instant(cause.from.track, &Instant { name: &name, category, time: from, tip, details: &[] })?;
    let name = format!("← {}", cause.from.name);
    let tip = Tip::To(arrow);
    pen.instant(cause.to.track, &Instant { name: &name, category, time: to, tip, details: &[] })
}

fn integer(span: &Span, key: &str) -> Option<i64> {
    match span.attribute(key) {
        Some(&Value::Integer(number)) => Some(number),
        _ => None,
    }
}
