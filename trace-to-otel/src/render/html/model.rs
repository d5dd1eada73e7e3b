//! What the page's script gets to know.

use std::{collections::HashMap, io};

#[cfg(feature = "profiles")]
use super::waits::SpanWaits;
use super::{
    columns::{Columns, Place},
    lane::Lane,
};
#[cfg(feature = "analysis")]
use crate::render::overview::Tab;
#[cfg(feature = "profiles")]
use crate::render::{flame::Flame, waits::Waits};
use crate::{
    render::{
        Process, anatomy, critical_path::CriticalPaths, forest::Item, joined::Joined, no_spans,
        overview::Overview, ranges::is_range,
    },
    span::UnixTime,
};
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
///
/// Without feature `analysis` there is no overview to show.
#[cfg_attr(not(feature = "analysis"), expect(unused_variables))]
pub(super) fn page<'a>(joined: &Joined<'a>, overview: Option<Overview<'a>>) -> io::Result<Page<'a>> {
    let by_process = joined.processes.iter().enumerate();
    let ranges =
        by_process.flat_map(|(number, process)| process.spans.iter().map(move |span| (number, span)));
    let ranges = ranges.filter(|(_, span)| is_range(span));
    let in_ranges = ranges.clone().map(|(_, range)| range);
    let starts = joined.forest.spans().iter().copied().chain(in_ranges).map(|span| span.start);
    let base = starts.min().unwrap_or_default();
    let folded = joined.folded.map(|folded| folded.to_string());
    let mut page = Page {
        base: base.0.to_string(),
        notes: joined
            .processes
            .iter()
            .flat_map(|process| notes(process, joined.has_ranges))
            .chain(folded)
            .collect(),
        nothing: no_spans(joined.processes),
        parts: anatomy::names(),
        lane: Lane::new(ranges, base),
        processes: joined.processes.iter().map(|process| process.name).collect(),
        traces: Vec::new(),
        columns: Columns::default(),
        #[cfg(feature = "profiles")]
        places: HashMap::new(),
        #[cfg(feature = "profiles")]
        flame: Flame::default(),
        #[cfg(feature = "profiles")]
        waits: SpanWaits::default(),
        #[cfg(feature = "analysis")]
        overview: overview.map(Tab::new),
    };
    page.add(joined, base)?;
    #[cfg(feature = "profiles")]
    page.add_profiles(joined);
    Ok(page)
}

fn notes(process: &Process<'_>, has_ranges: bool) -> Vec<String> {
    let Process { name, spans, left_out, left_out_ranges, is_approximate, .. } = process;
    let mut notes = Vec::new();
    if *left_out > 0 {
        let kept = spans.iter().filter(|span| has_ranges || !is_range(span)).count();
        notes.push(format!("{name}: {kept} spans are shown, the first to end; {left_out} were left out."));
    }
    if *left_out_ranges > 0 {
        notes.push(format!("{name}: {left_out_ranges} garbage collections, stops of the world and the like were left out, the last to end."));
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
    /// What the runtime did meanwhile.
    lane: Lane<'a>,
    /// What the processes are called that spans may be of, in the order of their numbers.
    processes: Vec<&'a str>,
    traces: Vec<PageTrace>,
    /// Those of a trace one after the other, parents before their children.
    columns: Columns<'a>,
    /// Where spans are, by their places in the forest.
    #[cfg(feature = "profiles")]
    #[serde(skip)]
    places: HashMap<usize, usize>,
    #[cfg(feature = "profiles")]
    flame: Flame<'a>,
    #[cfg(feature = "profiles")]
    waits: SpanWaits<'a>,
    /// None where there is no such tab.
    #[cfg(feature = "analysis")]
    overview: Option<Tab<'a>>,
}

#[derive(Serialize)]
struct PageTrace {
    id: String,
    first: usize,
    count: usize,
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
        for (place, &(index, _)) in in_order.enumerate() {
            places.insert(index, place);
        }
        let critical = CriticalPaths::of(forest);
        for (id, spans) in traces {
            self.traces.push(PageTrace { id: id.to_string(), first: self.columns.len(), count: spans.len() });
            // The spans that enclose the one under way.
            let mut above: Vec<usize> = Vec::new();
            for (index, depth) in spans {
                above.truncate(depth);
                let place = Place {
                    parent: above.last().copied(),
                    base,
                    process: joined.other_process(index, None).map(|process| process.name),
                    critical: critical.stretches(index),
                };
                above.push(places[&index]);
                let span = forest.spans()[index];
                self.columns.add(span, &place, |link| forest.target(link).map(|target| places[&target]));
            }
        }
        #[cfg(feature = "profiles")]
        {
            self.places = places;
        }
        Ok(())
    }
}

#[cfg(feature = "profiles")]
impl<'a> Page<'a> {
    /// Takes in the profiles, after the spans that their samples name.
    fn add_profiles(&mut self, joined: &Joined<'a>) {
        let spans = joined.forest.spans().iter().enumerate();
        let placed = spans.filter_map(|(index, span)| Some((*span, *self.places.get(&index)?)));
        let by_ids: HashMap<_, _> =
            placed.clone().map(|(span, place)| ((span.trace_id, span.span_id), place)).collect();
        for process in joined.processes {
            let name = (joined.processes.len() > 1).then_some(process.name);
            if let Some(profiles) = process.profiles {
                self.flame.add(name, profiles, |span| by_ids.get(&(span.trace_id, span.span_id)).copied());
            }
        }
        let waits = Waits::of(joined.processes);
        for (span, place) in placed {
            self.waits.add(place, waits.of_span(span.trace_id, span.span_id));
        }
    }
}
