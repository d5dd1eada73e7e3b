//! What people look at: trees for a terminal, a page for a browser, timelines for Perfetto and others. Feature `render`.
//!
//! Everything is made of finished [`Span`]s, timelines of a trace's events too, and goes to any [`std::io::Write`]. Nothing
//! here knows of files or terminals: whether there are colours, and how wide a line may be, the caller says. Texts that the
//! traced program chose are escaped for where they go.
//!
//! | | |
//! |---|---|
//! | [`write_tree`] | a line for each span, below the one that it is part of |
//! | [`write_html`] | a page with a waterfall of each trace, which needs no network, and what the program did as its first tab, if an [`Overview`] is given |
//! | `write_flame_graphs` | a page with a flame graph of each profile (feature `profiles`) |
//! | [`Timeline`] | what each goroutine did, with its spans beside it, on a [`Canvas`]: [`PerfettoWriter`], [`ChromeWriter`] |
//! | [`Forest`], [`CriticalPaths`], [`AnatomyBar`], [`DisplayDuration`], [`DisplayTime`], [`DisplayText`] | the parts of which views are made |
//!
//! ```
//! use go_trace_context::{SpanId, TraceId};
//! use trace_to_otel::{Parent, Scope, Span, UnixTime};
//! use trace_to_otel::render::{Process, TreeOptions, write_tree};
//!
//! let trace = TraceId::from_u128(7).unwrap();
//! let span = |id, name, times| Span::new(trace, SpanId::from_u64(id).unwrap(), Scope::Region, name, times);
//! let order = span(1, "order", (UnixTime(0), UnixTime(2_000_000)));
//! let mut query = span(2, "query", (UnixTime(500_000), UnixTime(1_500_000)));
//! query.parent = Some(Parent::new(order.span_id, false));
//!
//! let mut shown = Vec::new();
//! let spans = [order, query];
//! write_tree(&[Process::new("shop", &spans)], &TreeOptions::default(), &mut shown)?;
//! assert_eq!(
//!     String::from_utf8(shown).unwrap(),
//!     "1970-01-01 UTC\n\
//!      00:00:00.000000  2.00 ms region order\n\
//!      00:00:00.000500  1.00 ms region └─ query\n\
//!      2 spans in 1 trace\n"
//! );
//! # Ok::<(), std::io::Error>(())
//! ```

mod anatomy;
mod critical_path;
mod flame;
mod forest;
mod html;
mod joined;
mod overview;
mod page;
mod ranges;
#[cfg(test)]
mod samples;
mod text;
mod theme;
mod timeline;
mod tree;
mod waits;

pub use crate::display::{DisplayDuration, DisplayText};
pub use anatomy::AnatomyBar;
pub use critical_path::{CriticalPaths, Stretch, critical_path};
#[cfg(feature = "profiles")]
pub use flame::write_flame_graphs;
pub use forest::{Forest, Item, Position};
pub use html::{HtmlOptions, write_html};
pub use overview::Overview;
pub use ranges::RangeSummary;
pub use text::DisplayTime;
pub use timeline::{
    Arrow, Canvas, ChromeWriter, Detail, DetailValue, Group, Instant, PerfettoWriter, Row, Slice, Timeline,
    Tip, Track, TrackKind,
};
pub use tree::{TreeOptions, write_tree};

#[cfg(feature = "profiles")]
use crate::profiles::Profiles;
use crate::{
    attribute,
    span::{Scope, Span, SpanKind, Value},
};

/// The spans of one process, and what is to be said of them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Process<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its spans, in any order.
    pub spans: &'a [Span],
    /// How many more spans it had, which a limit has kept out.
    pub left_out: u64,
    /// How many more ranges of the runtime it had ([`Scope::Range`]), which a limit of their own has kept out.
    pub left_out_ranges: u64,
    /// Whether its trace holds no clock, so that times of day are approximate.
    pub is_approximate: bool,
    /// Whether its spans are some that somebody has asked for: none of them says nothing of the trace.
    pub is_selected: bool,
    /// Its profiles: trees tell by them what spans waited for, and pages show them beside the spans, those of each span alone too.
    #[cfg(feature = "profiles")]
    pub profiles: Option<&'a Profiles>,
}

impl<'a> Process<'a> {
    /// A process of which all spans are there, with exact times.
    #[must_use]
    pub const fn new(name: &'a str, spans: &'a [Span]) -> Self {
        Self {
            name,
            spans,
            left_out: 0,
            left_out_ranges: 0,
            is_approximate: false,
            is_selected: false,
            #[cfg(feature = "profiles")]
            profiles: None,
        }
    }
}

/// What is said of a trace that holds nothing of which spans are made.
const NO_SPANS: &str = "no spans: the trace holds no task, no region (runtime/trace.NewTask and StartRegion) and \
                        nothing else that spans are made of";

/// The same where only some were asked for.
const NONE_SELECTED: &str = "no spans: none of those that the trace holds is what was asked for";

fn no_spans(processes: &[Process<'_>]) -> &'static str {
    if processes.iter().any(|process| process.is_selected) { NONE_SELECTED } else { NO_SPANS }
}

/// The side of an HTTP request; otherwise the last part of the scope's name.
fn kind(span: &Span) -> &'static str {
    kind_of(&span.scope, span.kind)
}

fn kind_of(scope: &Scope, kind: SpanKind) -> &'static str {
    match (scope, kind) {
        (Scope::Http, SpanKind::Server) => "server",
        (Scope::Http, SpanKind::Client) => "client",
        (Scope::Custom(_), kind) => kind.name(),
        (built_in, _) => {
            let name = Scope::NAMES[built_in.index()];
            name.rsplit('.').next().unwrap_or(name)
        }
    }
}

/// Whether a span is shorter than the bounds of its ends are wide: then its duration says little.
fn is_approximate(span: &Span) -> bool {
    let seconds = |key| match span.attribute(key) {
        Some(Value::Float(seconds)) => *seconds,
        _ => 0.0,
    };
    let width = seconds(attribute::START_UNCERTAINTY) + seconds(attribute::END_UNCERTAINTY);
    (span.duration_nanos() as f64) < width * 1e9
}

/// The attributes without which a name says little.
fn hint(span: &Span) -> Option<String> {
    const KEYS: [&str; 4] = ["url.full", "url.path", "http.response.status_code", "db.query.text"];
    let values: Vec<_> = KEYS.iter().filter_map(|key| span.attribute(key)).map(Value::to_string).collect();
    (!values.is_empty()).then(|| values.join(" "))
}

/// The function that a span belongs to, without the path of its package.
fn function(span: &Span) -> Option<&str> {
    match span.attribute("code.function.name") {
        Some(Value::Text(function)) => Some(base(function)),
        _ => None,
    }
}

/// What stands behind the last slash: of a function its name with its package's, of a path the file.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
