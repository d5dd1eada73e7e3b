//! The span that an operation is to become.

use core::ops::RangeInclusive;

use go_trace_context::{Fold, SpanId};
use trace_to_otel::{Scope, Span, SpanKind, Status};

/// All that the truth says of a span, but for how it hangs together with others.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) scope: Scope,
    pub(crate) kind: SpanKind,
    pub(crate) name: String,
    pub(crate) start: RangeInclusive<u64>,
    pub(crate) end: RangeInclusive<u64>,
    pub(crate) status: Status,
    /// `key=value`, but for where the span began.
    pub(crate) attributes: Vec<String>,
    /// Whether the trace lacks its end.
    pub(crate) is_unended: bool,
    pub(crate) trace: Trace,
    pub(crate) span_id: Option<u64>,
}

/// The trace that a span belongs to, as far as it follows from the trace id on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// The program named no trace: the fork made up an id.
    MadeUp,
    /// The program named this one, which folds to a number other than 0.
    Fold(u64),
    /// The program named one that folds to 0, and so joins nothing.
    Zero,
    /// The program named this one, but the fork took another.
    Not(u64),
    /// It has nothing to do with ids on the wire.
    Local,
}

/// Attributes that tell where a span began, not what it is.
const OF_PLACE: [&str; 8] = [
    "code.file.path",
    "code.function.name",
    "code.line.number",
    "gotrace.fork.trace_id",
    "gotrace.goroutine.id",
    "gotrace.incomplete",
    "gotrace.task.id",
    "gotrace.thread.id",
];

impl Want {
    pub(crate) fn is(&self, span: &Span) -> bool {
        self.differences(span).is_empty()
    }

    /// Every way in which a span is not the one.
    pub(crate) fn differences(&self, span: &Span) -> Vec<String> {
        let mut all = Vec::new();
        let mut differ = |what: &str, found: String, wanted: String| {
            if found != wanted {
                all.push(format!("{what}: {found}, not {wanted}"));
            }
        };
        differ("scope", format!("{:?}", span.scope), format!("{:?}", self.scope));
        differ("kind", format!("{:?}", span.kind), format!("{:?}", self.kind));
        differ("name", span.name.to_string(), self.name.clone());
        differ("status", format!("{:?}", span.status), format!("{:?}", self.status));
        differ("attributes", attributes(span).join(", "), {
            let mut wanted = self.attributes.clone();
            wanted.sort();
            wanted.join(", ")
        });
        let incomplete = span.attribute("gotrace.incomplete").map(ToString::to_string);
        differ("incomplete", format!("{incomplete:?}"), format!("{:?}", self.is_unended.then_some("end")));
        if let Some(id) = self.span_id {
            differ("span id", span.span_id.to_string(), wire_id(id).to_string());
        }
        if !self.start.contains(&span.start.0) {
            all.push(format!("start: {}", off(span.start.0, &self.start)));
        }
        if !self.end.contains(&span.end.0) {
            all.push(format!("end: {}", off(span.end.0, &self.end)));
        }
        all.extend(self.trace_difference(span));
        all
    }

    /// HTTP requests are in the trace of the wire, whatever is around them. Others may be in their parent's.
    fn trace_difference(&self, span: &Span) -> Option<String> {
        let told = span.attribute("gotrace.fork.trace_id").map(ToString::to_string);
        let is_http = span.scope == Scope::Http;
        let is_right = match self.trace {
            Trace::Local => told.is_none() && !Fold::is_stand_in(span.trace_id),
            Trace::Zero if is_http => !Fold::is_stand_in(span.trace_id) || span.parent.is_some(),
            Trace::Zero => told.is_none(),
            Trace::MadeUp if is_http => Fold::is_stand_in(span.trace_id),
            Trace::MadeUp => told.is_some_and(|told| is_root_of(span, &told)),
            Trace::Fold(fold) if is_http => Some(span.trace_id) == Fold::from_u64(fold).map(Fold::stand_in),
            Trace::Fold(fold) => {
                told.is_some_and(|told| told == format!("{fold:016x}") && is_root_of(span, &told))
            }
            Trace::Not(fold) => {
                Fold::is_stand_in(span.trace_id) && Fold::of(span.trace_id).map(Fold::get) != Some(fold)
            }
        };
        (!is_right).then(|| format!("trace: {}, not {:?}", span.trace_id, self.trace))
    }
}

/// Whether a span without parent is in the trace that the wire names.
fn is_root_of(span: &Span, told: &str) -> bool {
    let fold = Fold::of(span.trace_id).filter(|_| Fold::is_stand_in(span.trace_id));
    span.parent.is_some() || fold.is_some_and(|fold| fold.to_string() == told)
}

pub(crate) fn wire_id(id: u64) -> SpanId {
    SpanId::from_u64(id).expect("0 is no id")
}

fn attributes(span: &Span) -> Vec<String> {
    let of_operation = span.attributes.iter().filter(|attribute| !OF_PLACE.contains(&&*attribute.key));
    let mut all: Vec<_> =
        of_operation.map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect();
    all.sort();
    all
}

fn off(time: u64, window: &RangeInclusive<u64>) -> String {
    let (start, end) = (*window.start(), *window.end());
    match time < start {
        true => format!("{} ns before {start}..={end}", start - time),
        false => format!("{} ns after {start}..={end}", time.saturating_sub(end)),
    }
}
