//! A page with the waterfall of each trace: one file that needs no network, and opens in any browser.
//!
//! What the program chose stands in the page as JSON only, and becomes text nodes, never markup. The page's policy
//! lets its own script and style run, by their hashes, and nothing else: no request leaves it.

mod model;

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{Process, joined::Joined};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPTS: [&str; 5] = [
    include_str!("model.js"),
    include_str!("list.js"),
    include_str!("waterfall.js"),
    include_str!("details.js"),
    include_str!("main.js"),
];

/// What is on a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HtmlOptions {
    /// Garbage collections, stops of the world and the like one by one, instead of a note that sums them up.
    pub ranges: bool,
}

/// Writes a page with a waterfall of each trace: one file that needs no network, and opens in any browser.
///
/// Spans of several processes are put together, as [`write_tree`](super::write_tree) does. The page holds all of the spans, so that it is for tens of thousands rather than millions.
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
/// # Errors
///
/// Those of the output.
pub fn write_html<W: Write + ?Sized>(
    processes: &[Process<'_>],
    options: &HtmlOptions,
    output: &mut W,
) -> io::Result<()> {
    let joined = Joined::new(processes, options.ranges);
    let script = format!("\"use strict\";\n{{\n{}}}\n", SCRIPTS.concat());
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(STYLE)
    );
    let title = escape(&model::title(processes));
    // What stands between the places to fill in is not looked through again: texts may look like such places.
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").expect("places are closed");
        output.write_all(before.as_bytes())?;
        match place {
            "policy" => output.write_all(policy.as_bytes())?,
            "title" => output.write_all(title.as_bytes())?,
            "style" => output.write_all(STYLE.as_bytes())?,
            "script" => output.write_all(script.as_bytes())?,
            _ => model::write(&joined, &mut WithoutMarkup(&mut *output))?,
        }
        rest = after;
    }
    output.write_all(rest.as_bytes())
}

/// What a policy calls a script or style by (Content Security Policy Level 3, "hash-source").
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escapes what could end a script in JSON, which stands in strings only.
struct WithoutMarkup<W>(W);

impl<W: Write> Write for WithoutMarkup<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|&byte| byte == b'<') {
            match part.strip_suffix(b"<") {
                Some(before) => {
                    self.0.write_all(before)?;
                    self.0.write_all(b"\\u003c")?;
                }
                None => self.0.write_all(part)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        render::{
            kind,
            samples::{HOSTILE, NOON, everything, span, span_id},
        },
        span::{Attribute, InstrumentationScope, Parent, Scope, Span, SpanKind},
    };

    fn page(processes: &[Process<'_>]) -> String {
        let mut page = Vec::new();
        write_html(processes, &HtmlOptions::default(), &mut page).expect("memory takes it");
        String::from_utf8(page).expect("UTF-8")
    }

    fn sample() -> String {
        let spans = everything();
        page(&[Process { name: HOSTILE, spans: &spans, left_out: 5, is_approximate: true }])
    }

    /// What stands between the first `before` and the next `after`.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
        let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
        rest.split_once(after).unwrap_or_else(|| panic!("no {after} after {before}")).0
    }

    fn data(page: &str) -> Value {
        let data = between(page, "<script id=\"data\" type=\"application/json\">", "</script>");
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
    }

    #[test]
    fn no_text_becomes_markup() {
        let page = sample();
        assert!(!page.contains("<img"), "{page}");
        assert_eq!(page.matches("</script").count(), 2, "the data's own and the script's");
        assert_eq!(page.matches("<!--").count(), 0);
        for place in ["{{policy}}", "{{title}}", "{{style}}", "{{script}}"] {
            assert!(!page.contains(place), "{place}");
        }
        let data = data(&page);
        let names: Vec<_> =
            data["spans"].as_array().expect("spans").iter().map(|span| &span["name"]).collect();
        assert_eq!(names, ["GET", "SELECT orders", HOSTILE, "POST"], "the texts are whole");
        assert!(data["notes"][0].as_str().is_some_and(|note| note.starts_with(HOSTILE)));
    }

    #[test]
    fn the_policy_knows_script_and_style_only() {
        let page = sample();
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
        let script = between(&page, "<script>", "</script>");
        let style = between(&page, "<style>", "</style>");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains(&format!("script-src '{}';", hash(script))), "{policy}");
        assert!(policy.contains(&format!("style-src '{}';", hash(style))), "{policy}");
        for attribute in [" src=", " href=", " onclick=", " style=\""] {
            let markup = page.replace(script, "").replace(style, "");
            let markup = markup.split("<script id=\"data\"").next().expect("a beginning");
            assert!(!markup.replace(&escape(HOSTILE), "").contains(attribute), "{attribute}");
        }
        // What would make markup of a text.
        for sink in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!script.contains(sink), "{sink}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_policy_s_specification() {
        // The example of Content Security Policy Level 3, section "hash-source": alert('Hello, world.');
        assert_eq!(hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }

    #[test]
    fn spans_are_told_as_they_are() {
        let data = data(&sample());
        assert_eq!(data["base"], NOON.to_string());
        let traces = data["traces"].as_array().expect("traces");
        let counts: Vec<_> = traces.iter().map(|trace| (&trace["first"], &trace["count"])).collect();
        assert_eq!(counts, [(&0.into(), &3.into()), (&3.into(), &1.into())]);
        let spans = &data["spans"];
        let [server, query, hostile, failed] = [0, 1, 2, 3].map(|index| &spans[index]);
        assert_eq!(
            (&server["parent"], &query["parent"], &hostile["depth"]),
            (&(-1).into(), &0.into(), &1.into())
        );
        assert_eq!((&server["kind"], &server["approximate"]), (&"server".into(), &false.into()));
        assert_eq!(server["hint"], "/orders/7 200");
        assert_eq!(
            server["anatomy"],
            serde_json::json!([3_000_000, 1_000_000, 500_000, 5_500_000, 0, 0, 0, 0, 0, 0])
        );
        assert_eq!(server["events"][0]["time"], 1_500_000);
        assert_eq!(server["events"][0]["attributes"][0][1], "miss");
        let stretches = serde_json::json!([[0, 2_000_000], [8_000_000, 500_000], [9_000_000, 1_000_000]]);
        assert_eq!(server["critical"], stretches);
        assert_eq!((&query["start"], &query["duration"]), (&2_000_000.into(), &6_000_000.into()));
        assert_eq!(query["links"][0]["span"], 3, "a span of another trace on the page");
        assert_eq!(hostile["links"][0]["span"], -1, "a span that is not here");
        assert_eq!(hostile["missing"], "end");
        assert_eq!((&failed["failed"], &failed["dropped"]), (&true.into(), &3.into()));
    }

    #[test]
    fn processes_are_joined_and_ranges_summed_up() {
        let inner = Span { parent: Some(Parent::new(span_id(1), true)), ..span("serve", 2, 0, 20, 80) };
        let range = Span { scope: Scope::Range, ..span("GC mark assist", 3, 0, 30, 40) };
        let (front, back) = ([span("ask", 1, 0, 0, 100)], [inner, range]);
        let processes = [Process::new("front", &front), Process::new("back", &back)];
        let data = |options: HtmlOptions| {
            let mut page = Vec::new();
            write_html(&processes, &options, &mut page).expect("memory takes it");
            data(&String::from_utf8(page).expect("UTF-8"))
        };
        let folded = data(HtmlOptions::default());
        assert_eq!(folded["spans"].as_array().map(Vec::len), Some(2));
        assert_eq!(folded["notes"], serde_json::json!(["1 range of the runtime, 10 ns in all"]));
        assert_eq!(
            (&folded["spans"][0]["process"], &folded["spans"][1]["process"]),
            (&"front".into(), &"back".into())
        );
        assert_eq!(folded["spans"][1]["parent"], 0);
        assert_eq!(folded["spans"][1]["critical"], serde_json::json!([[20, 60]]));
        assert_eq!(data(HtmlOptions { ranges: true })["spans"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn each_kind_has_a_colour_by_day_and_by_night() {
        const SIDES: [SpanKind; 5] =
            [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        let custom = Scope::from(InstrumentationScope::new("shop", "1"));
        for scope in Scope::ALL.into_iter().chain([custom]) {
            for side in SIDES {
                let name = kind(&Span { scope: scope.clone(), kind: side, ..span("", 1, 0, 0, 1) });
                assert_eq!(STYLE.matches(&format!("--{name}: #")).count(), 2, "{name}");
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
            let spans = [Span { attributes, ..span("HTTP", 1, 0, 0, 100) }];
            assert_eq!(data(&page(&[Process::new("shop", &spans)]))["spans"][0]["hint"], expected);
        }
    }

    #[test]
    fn nothing_is_a_page_too() {
        let data = data(&page(&[]));
        assert_eq!(data["spans"], serde_json::json!([]));
        assert!(data["nothing"].as_str().is_some_and(|text| text.starts_with("no spans")));
    }
}
