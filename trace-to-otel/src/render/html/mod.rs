//! A page with the waterfall of each trace and, where there are some, the profiles of their processes.

mod columns;
mod lane;
mod model;
#[cfg(feature = "profiles")]
mod waits;

use std::io::{self, Write};

use super::{
    Process, flame,
    joined::Joined,
    overview::{self, Overview},
    page::Page,
};

const STYLE: &str = include_str!("style.css");
const SCRIPTS: [&str; 7] = [
    include_str!("model.js"),
    include_str!("list.js"),
    include_str!("waterfall.js"),
    include_str!("lane.js"),
    include_str!("waits.js"),
    include_str!("details.js"),
    include_str!("main.js"),
];

/// What is on a page.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HtmlOptions<'a> {
    /// Garbage collections, stops of the world and the like one by one, instead of a note that sums them up.
    pub ranges: bool,
    /// What the program did, as the first tab, on which the page opens: how busy it was, requests and queries with pictures of how
    /// long they took, goroutines, waits, the scheduler and the garbage collector, the 20 heaviest of each.
    pub overview: Option<Overview<'a>>,
}

/// Writes a page with a waterfall of each trace: one file that needs no network, and opens in any browser.
///
/// Spans of several processes are put together, as [`write_tree`](super::write_tree) does. The page holds all of the spans, so that it is for a hundred thousand rather than millions.
///
/// ```
/// use go_trace_context::{SpanId, TraceId};
/// use trace_to_otel::{Scope, Span, UnixTime};
/// use trace_to_otel::render::{HtmlOptions, Process, write_html};
///
/// let (trace, id) = (TraceId::from_u128(7).unwrap(), SpanId::from_u64(1).unwrap());
/// let spans = [Span::new(trace, id, Scope::Region, "order", (UnixTime(0), UnixTime(2_000_000)))];
/// let mut page = Vec::new();
/// write_html(&[Process::new("shop", &spans)], &HtmlOptions::default(), &mut page)?;
/// assert!(page.starts_with(b"<!DOCTYPE html>"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// With an overview of what the program did, which feature `analysis` makes:
///
#[cfg_attr(feature = "analysis", doc = "```")]
#[cfg_attr(not(feature = "analysis"), doc = "```text")]
/// use trace_to_otel::{Mapper, Span, analysis::AnalysisCollector};
/// use trace_to_otel::render::{HtmlOptions, Overview, Process, write_html};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut reader = go_trace_format::Reader::from_slice(trace)?;
/// let (mut mapper, mut spans) = (Mapper::new(), Vec::<Span>::new());
/// let mut collector = AnalysisCollector::default();
/// while let Some(event) = reader.next_event()? {
///     mapper.event(&event, &mut spans)?;
///     collector.event(&event);
/// }
/// mapper.finish(&mut spans)?;
/// spans.iter().for_each(|span| collector.span(span));
/// let (analysis, mut page) = (collector.finish(), Vec::new());
/// let mut options = HtmlOptions::default();
/// options.overview = Some(Overview::new("Go 1.27", &analysis));
/// write_html(&[Process::new("shop", &spans)], &options, &mut page)?;
/// assert!(page.starts_with(b"<!DOCTYPE html>"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of the output.
pub fn write_html<W: Write + ?Sized>(
    processes: &[Process<'_>],
    options: &HtmlOptions<'_>,
    output: &mut W,
) -> io::Result<()> {
    let joined = Joined::new(processes, options.ranges);
    page(&model::title(processes)).write(&model::page(&joined, options.overview)?, output)
}

/// The page of a title.
fn page(title: &str) -> Page<'_> {
    // The last of the spans' scripts sets off what all of them have.
    const ALL: [&str; 11] = {
        let [boxes, graph, profiles] = flame::SCRIPTS;
        let [model, list, waterfall, lane, waits, details, main] = SCRIPTS;
        [boxes, graph, profiles, model, list, waterfall, lane, waits, details, overview::SCRIPT, main]
    };
    Page {
        title,
        tools: include_str!("tools.html"),
        body: &[overview::BODY, include_str!("body.html"), flame::BODY],
        styles: &[STYLE, flame::STYLE, overview::STYLE],
        scripts: &ALL,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        render::{
            kind,
            page::checks::{self, data},
            samples::{HOSTILE, NOON, everything, span, span_id},
        },
        span::{Attribute, InstrumentationScope, Parent, Scope, Span, SpanKind},
    };

    fn written(processes: &[Process<'_>]) -> String {
        let mut page = Vec::new();
        write_html(processes, &HtmlOptions::default(), &mut page).expect("memory takes it");
        String::from_utf8(page).expect("UTF-8")
    }

    /// The spans as the page's script puts them together.
    fn spans(data: &Value) -> Vec<Value> {
        let columns = &data["columns"];
        let number = |value: &Value| value.as_i64().expect("a whole number");
        let text = |place: &Value| match number(place) {
            -1 => Value::Null,
            place => columns["texts"][place as usize].clone(),
        };
        let pairs = |row: &Value| -> Vec<(Value, Value)> {
            let row = row.as_array().expect("pairs");
            row.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        let attributes = |row: &Value| -> Value {
            pairs(row).iter().map(|(key, value)| json!([text(key), text(value)])).collect()
        };
        let mut start = 0;
        let span = |place: usize| {
            let of = |column: &str| &columns[column][place];
            start += number(of("start"));
            let parent = number(of("parent"));
            let anatomy = of("anatomy").as_array().map(|_| {
                let mut times = [0; 10];
                pairs(of("anatomy"))
                    .iter()
                    .for_each(|(part, time)| times[number(part) as usize] = number(time));
                json!(times)
            });
            let events = of("events").as_array().expect("events").iter().map(|event| {
                json!({ "time": start + number(&event[0]), "name": text(&event[1]), "attributes": attributes(&event[2]) })
            });
            let critical = pairs(of("critical"));
            let critical = critical.iter().map(|(since, length)| json!([start + number(since), length]));
            json!({
                "parent": if parent == 0 { -1 } else { place as i64 - parent },
                "id": columns["id"].as_str().expect("ids")[16 * place..][..16],
                "name": text(of("name")), "kind": text(of("kind")), "scope": text(of("scope")),
                "process": text(of("process")), "hint": text(of("hint")), "missing": text(of("missing")),
                "start": start, "duration": of("duration"),
                "approximate": of("approximate"), "failed": of("failed"), "dropped": of("dropped"),
                "attributes": attributes(of("attributes")), "anatomy": anatomy,
                "events": events.collect::<Value>(), "links": of("links"), "critical": critical.collect::<Value>(),
            })
        };
        (0..columns["count"].as_u64().expect("a count") as usize).map(span).collect()
    }

    fn sample() -> String {
        let spans = everything();
        written(&[Process { left_out: 5, is_approximate: true, ..Process::new(HOSTILE, &spans) }])
    }

    #[test]
    fn no_text_becomes_markup() {
        let page = sample();
        checks::no_text_becomes_markup(&page, HOSTILE);
        let data = data(&page);
        let spans = spans(&data);
        let names: Vec<_> = spans.iter().map(|span| &span["name"]).collect();
        assert_eq!(names, ["GET", "SELECT orders", HOSTILE, "POST"], "the texts are whole");
        assert!(data["notes"][0].as_str().is_some_and(|note| note.starts_with(HOSTILE)));
    }

    #[test]
    fn spans_are_told_as_they_are() {
        let data = data(&sample());
        assert_eq!(data["base"], NOON.to_string());
        let traces = data["traces"].as_array().expect("traces");
        let counts: Vec<_> = traces.iter().map(|trace| (&trace["first"], &trace["count"])).collect();
        assert_eq!(counts, [(&0.into(), &3.into()), (&3.into(), &1.into())]);
        let spans = spans(&data);
        let [server, query, hostile, failed] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!(
            (&server["parent"], &query["parent"], &hostile["parent"]),
            (&(-1).into(), &0.into(), &0.into())
        );
        assert_eq!((&server["kind"], &server["approximate"]), (&"server".into(), &0.into()));
        assert_eq!(server["id"], span_id(1).to_string());
        assert_eq!(server["hint"], "/orders/7 200");
        assert_eq!(server["anatomy"], json!([3_000_000, 1_000_000, 500_000, 5_500_000, 0, 0, 0, 0, 0, 0]));
        assert_eq!(server["events"][0]["time"], 1_500_000);
        assert_eq!(server["events"][0]["attributes"][0][1], "miss");
        let stretches = json!([[0, 2_000_000], [8_000_000, 500_000], [9_000_000, 1_000_000]]);
        assert_eq!(server["critical"], stretches);
        assert_eq!((&query["start"], &query["duration"]), (&2_000_000.into(), &6_000_000.into()));
        assert_eq!(query["links"][0][1], 3, "a span of another trace on the page");
        assert_eq!(hostile["links"][0][1], -1, "a span that is not here");
        assert_eq!(hostile["missing"], "end");
        assert_eq!((&failed["failed"], &failed["dropped"]), (&1.into(), &3.into()));
    }

    #[test]
    fn processes_are_joined_and_ranges_summed_up() {
        let inner = Span { parent: Some(Parent::new(span_id(1), true)), ..span("serve", 2, 0, 20, 80) };
        let range = Span { scope: Scope::Range, ..span("GC mark assist", 3, 0, 30, 40) };
        let (front, back) = ([span("ask", 1, 0, 0, 100)], [inner, range]);
        let processes = [Process::new("front", &front), Process::new("back", &back)];
        let data = |options: HtmlOptions<'_>| {
            let mut page = Vec::new();
            write_html(&processes, &options, &mut page).expect("memory takes it");
            data(&String::from_utf8(page).expect("UTF-8"))
        };
        let folded = data(HtmlOptions::default());
        let spans_of = |data: &Value| spans(data);
        let spans = spans_of(&folded);
        assert_eq!(spans.len(), 2);
        let lane = json!({ "names": ["GC mark assist"], "name": [0], "process": [1], "start": [30], "duration": [10] });
        assert_eq!(folded["lane"], lane);
        assert_eq!(folded["notes"], json!(["1 range of the runtime, 10 ns in all"]));
        assert_eq!((&spans[0]["process"], &spans[1]["process"]), (&"front".into(), &"back".into()));
        assert_eq!(spans[1]["parent"], 0);
        assert_eq!(spans[1]["critical"], json!([[20, 60]]));
        assert_eq!(spans_of(&data(HtmlOptions { ranges: true, ..HtmlOptions::default() })).len(), 3);
    }

    #[test]
    fn each_kind_has_a_colour_by_day_and_by_night() {
        const SIDES: [SpanKind; 5] =
            [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        let style = page("").style();
        let custom = Scope::from(InstrumentationScope::new("shop", "1"));
        for scope in Scope::ALL.into_iter().chain([custom]) {
            for side in SIDES {
                let name = kind(&Span { scope: scope.clone(), kind: side, ..span("", 1, 0, 0, 1) });
                assert_eq!(style.matches(&format!("--{name}: #")).count(), 2, "{name}");
            }
        }
    }

    #[test]
    fn who_serves_or_asks_is_told_where_nothing_else_is() {
        let function = Attribute::new("code.function.name", "example.com/shop.(*Cart).Add");
        let url = Attribute::new("url.path", "/cart");
        for (attributes, expected) in [
            (vec![], serde_json::Value::Null),
            (vec![function.clone()], "shop.(*Cart).Add".into()),
            (vec![function, url], "/cart".into()),
        ] {
            let of_one = [Span { attributes, ..span("HTTP", 1, 0, 0, 100) }];
            let shown = data(&written(&[Process::new("shop", &of_one)]));
            assert_eq!(spans(&shown)[0]["hint"], expected);
        }
    }

    #[cfg(feature = "analysis")]
    #[test]
    fn the_overview_has_what_the_spans_add_up_to() {
        let (spans, mut collector) = (everything(), crate::analysis::AnalysisCollector::default());
        spans.iter().for_each(|span| collector.span(span));
        let (analysis, mut page) = (collector.finish(), Vec::new());
        let processes = [Process::new("shop", &spans)];
        let overview = Some(Overview::new(HOSTILE, &analysis));
        let options = HtmlOptions { overview, ..HtmlOptions::default() };
        write_html(&processes, &options, &mut page).expect("memory takes it");
        let page = String::from_utf8(page).expect("UTF-8");
        checks::no_text_becomes_markup(&page, HOSTILE);
        let overview = &data(&page)["overview"];
        assert_eq!(overview["about"], HOSTILE);
        let rows = |table: &str| overview[table]["rows"].as_array().expect("rows").clone();
        let named = [rows("requests"), rows("tasks")].concat();
        let count: u64 = named.iter().map(|row| row["count"].as_u64().expect("a count")).sum();
        assert_eq!(count, spans.len() as u64);
        let get = named.iter().find(|row| row["name"] == "GET").expect("it");
        assert_eq!((&get["kind"], &get["errors"]), (&"server".into(), &0.into()));
        assert_eq!(get["durations"][3], spans_of_name(&spans, "GET"));
        // As the page's script has it: a group is that of the spans of one kind and name.
        assert!(spans.iter().any(|span| kind(span) == "server" && &*span.name == "GET"));
        assert_eq!(data(&written(&processes)).get("overview"), Some(&Value::Null));
    }

    #[cfg(feature = "analysis")]
    fn spans_of_name(spans: &[Span], name: &str) -> u64 {
        spans.iter().filter(|span| &*span.name == name).map(Span::duration_nanos).max().expect("one")
    }

    #[test]
    fn nothing_is_a_page_too() {
        let data = data(&written(&[]));
        assert_eq!(spans(&data), [Value::Null; 0]);
        assert!(data["nothing"].as_str().is_some_and(|text| text.starts_with("no spans")));
    }
}
