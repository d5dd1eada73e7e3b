//! What the page's script gets to know.

use std::{collections::HashMap, io};

#[cfg(feature = "profiles")]
use crate::render::flame::Flame;
use crate::{
    render::{
        NO_SPANS, Process, anatomy, critical_path::CriticalPaths, forest::Item, function, hint,
        is_approximate, joined::Joined, kind,
    },
    span::{Attribute, Span, SpanEvent, UnixTime, Value},
};
#[cfg(feature = "profiles")]
use go_trace_context::SpanId;
use go_trace_context::TraceId;
use serde::Serialize;

pub(super) fn title(processes: &[Process<'_>]) -> String {
    let names: Vec<_> = processes.iter().map(|process| process.name).collect();
    match names.len() {
        0..=3 => names.join(", "),
        more => format!("{} and {} others", names[0], more - 1),
    }
}

/// What the page shows.
pub(super) fn page<'a>(joined: &Joined<'a>) -> io::Result<Page<'a>> {
    let starts = joined.forest.spans().iter().map(|span| span.start);
    let base = starts.min().unwrap_or_default();
    let folded = joined.folded.map(|folded| folded.to_string());
    let mut page = Page {
        base: base.0.to_string(),
        notes: joined.processes.iter().flat_map(notes).chain(folded).collect(),
        nothing: NO_SPANS,
        parts: anatomy::names(),
        traces: Vec::new(),
        spans: Vec::new(),
        #[cfg(feature = "profiles")]
        flame: Flame::default(),
    };
    page.add(joined, base)?;
    #[cfg(feature = "profiles")]
    page.add_profiles(joined);
    Ok(page)
}

fn notes(process: &Process<'_>) -> Vec<String> {
    let Process { name, spans, left_out, is_approximate, .. } = process;
    let mut notes = Vec::new();
    if *left_out > 0 {
        let kept = spans.len();
        notes.push(format!("{name}: {kept} spans are shown, the first to end; {left_out} were left out."));
    }
    if *is_approximate {
        notes.push(format!("{name}: times of day are approximate, as the trace holds no clock."));
    }
    notes
}

#[derive(Serialize)]
pub(super) struct Page<'a> {
    /// The time that all others are counted from: nanoseconds since 1970.
    base: String,
    notes: Vec<String>,
    /// What is said where there is no span.
    nothing: &'static str,
    /// What a goroutine's time splits into.
    parts: [&'static str; anatomy::PARTS],
    traces: Vec<PageTrace>,
    /// Those of a trace one after the other, parents before their children.
    spans: Vec<PageSpan<'a>>,
    #[cfg(feature = "profiles")]
    flame: Flame<'a>,
}

#[derive(Serialize)]
struct PageTrace {
    id: String,
    first: usize,
    count: usize,
}

/// A span. Times and durations are nanoseconds.
#[derive(Serialize)]
struct PageSpan<'a> {
    /// −1 for none.
    parent: i64,
    depth: usize,
    id: String,
    #[cfg(feature = "profiles")]
    #[serde(skip)]
    span_id: SpanId,
    name: &'a str,
    kind: &'static str,
    scope: &'a str,
    /// None where there is one process only.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<&'a str>,
    hint: Option<String>,
    start: u64,
    duration: u64,
    /// Whether the duration is less than what is known of the ends.
    approximate: bool,
    failed: bool,
    /// Which end was not recorded.
    missing: Option<String>,
    attributes: Vec<(&'a str, PageValue<'a>)>,
    anatomy: Option<[u64; anatomy::PARTS]>,
    assist: u64,
    events: Vec<PageEvent<'a>>,
    links: Vec<PageLink>,
    dropped: u64,
    /// Stretches of the critical path: start and length.
    critical: Vec<(u64, u64)>,
}

#[derive(Serialize)]
struct PageEvent<'a> {
    time: u64,
    name: &'a str,
    attributes: Vec<(&'a str, PageValue<'a>)>,
}

#[derive(Serialize)]
struct PageLink {
    id: String,
    /// −1 for a span that is not here.
    span: i64,
}

/// Whole numbers are texts: a script's numbers do not hold all of them.
#[derive(Serialize)]
#[serde(untagged)]
enum PageValue<'a> {
    Text(&'a str),
    Other(String),
}

impl<'a> Page<'a> {
    /// Takes in the spans, trace by trace in the order of their first roots.
    fn add(&mut self, joined: &Joined<'a>, base: UnixTime) -> io::Result<()> {
        let forest = &joined.forest;
        let mut traces: Vec<(TraceId, Vec<(usize, usize)>)> = Vec::new();
        let mut numbers = HashMap::new();
        forest.walk(|item, position| {
            if let Item::Span(index) = item {
                let id = forest.spans()[index].trace_id;
                let number = *numbers.entry(id).or_insert(traces.len());
                if number == traces.len() {
                    traces.push((id, Vec::new()));
                }
                traces[number].1.push((index, position.depth));
            }
            Ok::<_, io::Error>(())
        })?;
        let mut places = HashMap::new();
        let in_order = traces.iter().flat_map(|(_, spans)| spans);
        for (place, &(index, _)) in (self.spans.len()..).zip(in_order) {
            places.insert(index, place as i64);
        }
        let critical = CriticalPaths::of(forest);
        for (id, spans) in traces {
            self.traces.push(PageTrace { id: id.to_string(), first: self.spans.len(), count: spans.len() });
            // The spans that enclose the one under way.
            let mut above: Vec<i64> = Vec::new();
            for (index, depth) in spans {
                above.truncate(depth);
                let parent = above.last().copied().unwrap_or(-1);
                above.push(places[&index]);
                let stretches = critical.stretches(index).iter();
                let critical =
                    stretches.map(|stretch| (stretch.start.0 - base.0, stretch.duration())).collect();
                let span = PageSpan::new(forest.spans()[index], (parent, depth), base, critical);
                let target = |link| forest.target(link).map_or(-1, |target| places[&target]);
                let links = forest.spans()[index].links.iter();
                let links = links.map(|link| PageLink { id: link.span_id.to_string(), span: target(link) });
                let process = joined.other_process(index, None).map(|process| process.name);
                self.spans.push(PageSpan { links: links.collect(), process, ..span });
            }
        }
        Ok(())
    }
}

#[cfg(feature = "profiles")]
impl<'a> Page<'a> {
    /// Takes in the profiles, after the spans that their samples name.
    fn add_profiles(&mut self, joined: &Joined<'a>) {
        let spans = self.spans.iter().enumerate();
        let places: HashMap<_, _> = spans.map(|(place, span)| (span.span_id, place)).collect();
        for process in joined.processes {
            let name = (joined.processes.len() > 1).then_some(process.name);
            if let Some(profiles) = process.profiles {
                self.flame.add(name, profiles, |span| places.get(&span.span_id).copied());
            }
        }
    }
}

impl<'a> PageSpan<'a> {
    fn new(span: &'a Span, (parent, depth): (i64, usize), base: UnixTime, critical: Vec<(u64, u64)>) -> Self {
        let event = |event: &'a SpanEvent| PageEvent {
            time: event.time.0.saturating_sub(base.0),
            name: &event.name,
            attributes: values(&event.attributes),
        };
        let dropped = [span.dropped_attributes, span.dropped_events, span.dropped_links];
        Self {
            parent,
            depth,
            id: span.span_id.to_string(),
            #[cfg(feature = "profiles")]
            span_id: span.span_id,
            name: &span.name,
            kind: kind(span),
            scope: span.scope.name(),
            process: None,
            hint: hint(span).or_else(|| function(span).map(str::to_owned)),
            start: span.start.0 - base.0,
            duration: span.duration_nanos(),
            approximate: is_approximate(span),
            failed: span.status.is_error(),
            missing: span.attribute("gotrace.incomplete").map(Value::to_string),
            attributes: values(&span.attributes),
            anatomy: span.anatomy.as_ref().map(anatomy::times),
            assist: span.anatomy.map_or(0, |anatomy| anatomy.gc_assist),
            events: span.events.iter().map(event).collect(),
            links: Vec::new(),
            dropped: dropped.into_iter().map(u64::from).sum(),
            critical,
        }
    }
}

fn values(attributes: &[Attribute]) -> Vec<(&str, PageValue<'_>)> {
    attributes.iter().map(|attribute| (&*attribute.key, PageValue::of(&attribute.value))).collect()
}

impl<'a> PageValue<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            other => Self::Other(other.to_string()),
        }
    }
}
