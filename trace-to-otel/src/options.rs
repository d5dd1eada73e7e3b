//! How to map, and how much to keep.

use std::sync::Arc;

use go_trace_sanitize::Sanitizer;

use crate::span::UnixTime;

/// How a [`Mapper`](crate::Mapper) maps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapperOptions {
    /// What every name and message goes through on its way out (the rule "Texts" of the mapping rules in the
    /// [crate's documentation](crate#mapping-rules)).
    pub sanitizer: Sanitizer,
    /// Whether logs become span events. Logs that carry a span's context are read anyway.
    pub logs: bool,
    /// Whether logs become log records instead, where the sink [takes such](crate::Sinks). Each is handed on
    /// with the span that it stands on.
    pub log_records: bool,
    /// Whether spans go out whose own context the program wrote down, by a log of its own or for the next task; what it says of a span
    /// in `otel.span` is for us, and such a span goes out anyway. Off for a program whose SDK exports these
    /// spans itself: of ours, only the latency anatomy is kept then. It goes out as a log record of that span if
    /// [`log_records`](Self::log_records) is set, else as an event of the next ancestor that goes out.
    pub written_contexts: bool,
    /// Whether spans go out whose own context says that they are not sampled.
    pub unsampled: bool,
    /// Which database the program asks, as the attribute `db.system.name` has it: `postgresql`, `mysql`,
    /// `microsoft.sql_server`. It says by which rules its queries are read; `other_sql`, the default, reads them by all.
    pub db_system_name: Arc<str>,
    /// Whether requests, calls and queries become spans of which nothing but the stacks of events tells, as in an
    /// unmodified program. Where the trace holds something that tells of one better, the fork's operation or a task that
    /// stands for the same request, that speaks alone.
    pub stack_operations: bool,
    /// Functions, by their whole names such as `example.com/shop.(*Client).Order`, whose calls become spans too, by the
    /// stacks of events within them. Experimental. They should be calls that wait for something and call no other of them:
    /// one that loops inside and one that is called in a loop have the same stacks.
    pub span_functions: Vec<Arc<str>>,
    /// Whether garbage collections, stopped worlds, sweeps and mark assists become spans.
    pub ranges: bool,
    /// Whether a goroutine that wakes another one is told by a link, from the span that it woke to its own.
    pub wake_links: bool,
    /// Whether each change of a goroutine's state becomes an event `goroutine.state` of the innermost span that is open
    /// on it. There are very many; [`Span::anatomy`](crate::Span::anatomy) sums them up.
    pub state_events: bool,
    /// Whether spans carry the stack that they began with, as `code.stacktrace`. That multiplies their bytes.
    pub stacks: bool,
    /// The wall time of the first event of a trace that holds no clock snapshots, as before Go 1.25.
    ///
    /// 1970 unless set: wrong for everyone to see, but the same on every run.
    pub base_time: UnixTime,
    /// Whether the wall clock of the process's first generation holds for all that come. Then times are on one line even where the
    /// wall clock is set, as a [timeline](crate::render) needs it; but they depend on where a snapshot begins. Off unless set.
    pub steady_clock: bool,
    /// How much is kept in memory.
    pub limits: Limits,
}

impl Default for MapperOptions {
    fn default() -> Self {
        Self {
            sanitizer: Sanitizer::new(),
            logs: true,
            log_records: false,
            written_contexts: true,
            unsampled: false,
            db_system_name: "other_sql".into(),
            stack_operations: true,
            span_functions: Vec::new(),
            ranges: true,
            wake_links: true,
            state_events: false,
            stacks: false,
            base_time: UnixTime(0),
            steady_clock: false,
            limits: Limits::default(),
        }
    }
}

/// How much a [`Mapper`](crate::Mapper) keeps in memory. What a limit keeps out is counted in [`Counters`](crate::Counters).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open tasks. Above it the oldest go out as if the trace ended.
    pub open_tasks: usize,
    /// Tasks of which the context is remembered: those that have ended, for children that begin later, and as many that
    /// began before the trace. Of the former, blocks of 64 ids that follow one another are forgotten at once.
    pub remembered_tasks: usize,
    /// Open regions. Above it new ones are dropped.
    pub open_regions: usize,
    /// Open operations: HTTP, SQL, TLS, DNS, connects. Above it the oldest go out as if the trace ended.
    pub open_operations: usize,
    /// Open ranges. Above it new ones are dropped.
    pub open_ranges: usize,
    /// Links of one span. Above it new ones are dropped.
    pub links_per_span: usize,
    /// Events of one open span. Above it new ones are dropped.
    pub events_per_span: usize,
    /// Attributes that the program has said of one open span. Above it new ones are dropped.
    pub attributes_per_span: usize,
    /// Events of all open spans, and attributes that the program has said of them. Above it new ones are dropped.
    pub pending_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_tasks: 1 << 18,
            remembered_tasks: 1 << 16,
            open_regions: 1 << 18,
            open_operations: 1 << 16,
            open_ranges: 1 << 16,
            links_per_span: 32,
            events_per_span: 1 << 10,
            attributes_per_span: 1 << 7,
            pending_events: 1 << 17,
        }
    }
}
