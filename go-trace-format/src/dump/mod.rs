//! The text dump: every event as `TZ=UTC go tool trace -d=parsed FILE` prints it, byte for byte.
//!
//! Go: `trace.Event.String` and `cmd/trace.debugProcessedEvents`, of Go 1.27.3. The events that the
//! flight-recorder fork adds, which no Go tool reads, are printed in the same manner.

mod line;
mod printable;

use core::fmt;
use std::{borrow::Cow, io};

use line::Line;

use crate::{
    event::{
        Event, EventKind, Experimental, GoroutineTransition, Metric, Operation, OperationEnd, OperationStart,
        Outcome, ProcTransition, Range, RangeKind, SyncPoint, Task,
    },
    id::TaskId,
    spec::EventType,
};

/// Writes events as text, one `write_all` of the output for each.
///
/// What an event looks like is Go's own debugging format. An event with stacks takes several lines and ends with
/// an empty one. Texts of stock events are printed as the program gave them, quoted as Go's `%q` does.
///
/// ```
/// use go_trace_format::{Dumper, ReaderOptions, Mode};
///
/// let trace = std::fs::read("examples/tasks.trace")?;
/// let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace)?;
/// let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
/// while let Some(event) = reader.next_event()? {
///     dumper.write(&event)?;
/// }
/// let dump = dumper.into_inner();
/// assert!(dump.starts_with(b"M=-1 P=-1 G=-1 Sync Time="));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Dumper<W, F> {
    output: W,
    operation_text: F,
    line: Line,
}

impl<W, F> Dumper<W, F>
where
    W: io::Write,
    F: for<'t> FnMut(EventType, &'t [u8]) -> Cow<'t, [u8]>,
{
    /// Writes to `output`, which should be buffered where writing is costly.
    ///
    /// `operation_text` is given the path, URL, query, host, address, server name or message of each of the
    /// fork's events, and which event it is of; what it gives back is printed. Its place is to sanitize them:
    /// they may hold secrets. `|_, text| text.into()` prints them as they were recorded.
    pub fn new(output: W, operation_text: F) -> Self {
        Self { output, operation_text, line: Line::default() }
    }

    /// Writes one event.
    ///
    /// # Errors
    ///
    /// The output's.
    pub fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        let kind = event.kind();
        self.line.clear();
        self.line.head(event, kind_name(event, &kind));
        self.details(event, kind);
        if has_stack(event) {
            self.line.stack("Stack", event.stack());
        }
        self.line.text("\n");
        self.output.write_all(self.line.as_bytes())
    }

    /// What is written to.
    pub fn output(&self) -> &W {
        &self.output
    }

    /// The output, as it was given.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn details(&mut self, event: &Event<'_>, kind: EventKind<'_>) {
        let line = &mut self.line;
        match kind {
            EventKind::Sync(sync) => line.sync(sync),
            EventKind::Metric(metric) => line.metric(metric),
            EventKind::Label(label) => {
                let goroutine = label.goroutine.map_or(-1, |goroutine| goroutine.0);
                line.text(" Label=").quoted(label.label.as_bytes());
                line.text(" Resource=Goroutine(").decimal(goroutine).text(")")
            }
            EventKind::CpuSample => line,
            EventKind::RangeBegin(range) | EventKind::RangeActive(range) => line.range(&range),
            EventKind::RangeEnd(range) => line.range(&range).range_attributes(&range),
            EventKind::TaskBegin(task) | EventKind::TaskEnd(task) => line.task(&task),
            EventKind::RegionBegin(region) | EventKind::RegionEnd(region) => {
                line.text(" Task=").decimal(region.task.0).text(" Type=").quoted(region.name.as_bytes())
            }
            EventKind::Log(log) => {
                line.text(" Task=").decimal(log.task.0).text(" Category=").quoted(log.category.as_bytes());
                line.text(" Message=").quoted(log.message.as_bytes())
            }
            EventKind::Goroutine(transition) => line.goroutine(&transition, event.event_type()),
            EventKind::Proc(transition) => line.proc(transition),
            EventKind::Experimental(experimental) => line.experimental(&experimental),
            EventKind::OperationStart(start) => {
                let text = (self.operation_text)(event.event_type(), start.text.as_bytes());
                line.operation_start(&start, &text)
            }
            EventKind::OperationEnd(end) => {
                line.operation_end(&end);
                if let Outcome::HttpClientError { message, .. } = end.outcome {
                    let message = (self.operation_text)(event.event_type(), message.as_bytes());
                    line.text(" Message=").quoted(&message);
                }
                line
            }
        };
    }
}

impl<W: fmt::Debug, F> fmt::Debug for Dumper<W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dumper").field("output", &self.output).finish_non_exhaustive()
    }
}

/// The name of the event's kind: the reference's, and for the fork's events their own.
fn kind_name(event: &Event<'_>, kind: &EventKind<'_>) -> &'static str {
    match kind {
        EventKind::Sync(_) => "Sync",
        EventKind::Metric(_) => "Metric",
        EventKind::Label(_) => "Label",
        EventKind::CpuSample => "StackSample",
        EventKind::RangeBegin(_) => "RangeBegin",
        EventKind::RangeActive(_) => "RangeActive",
        EventKind::RangeEnd(_) => "RangeEnd",
        EventKind::TaskBegin(_) => "TaskBegin",
        EventKind::TaskEnd(_) => "TaskEnd",
        EventKind::RegionBegin(_) => "RegionBegin",
        EventKind::RegionEnd(_) => "RegionEnd",
        EventKind::Log(_) => "Log",
        EventKind::Goroutine(_) | EventKind::Proc(_) => "StateTransition",
        EventKind::Experimental(_) => "Experimental",
        EventKind::OperationStart(_) | EventKind::OperationEnd(_) => event.event_type().spec().name,
    }
}

/// Whether the reference prints the heading of the event's own stack: it does for any CPU sample, with a stack
/// or without.
fn has_stack(event: &Event<'_>) -> bool {
    event.stack().is_some() || event.event_type() == EventType::CpuSample
}

impl Line {
    /// What every event begins with.
    fn head(&mut self, event: &Event<'_>, kind: &str) {
        let thread = event.thread().map_or(-1, |thread| thread.0);
        let proc = event.proc().map_or(-1, |proc| proc.0);
        let goroutine = event.goroutine().map_or(-1, |goroutine| goroutine.0);
        self.text("M=").decimal(thread).text(" P=").decimal(proc).text(" G=").decimal(goroutine);
        self.text(" ").text(kind).text(" Time=").decimal(event.time().0);
    }

    fn sync(&mut self, sync: SyncPoint) -> &mut Self {
        self.text(" N=").decimal(sync.number);
        if let Some(snapshot) = sync.generation.and_then(|generation| generation.clock_snapshot) {
            self.text(" Trace=").decimal(snapshot.trace.0);
            self.text(" Mono=").decimal(snapshot.monotonic);
            self.text(" Wall=").wall_time(snapshot.wall);
        }
        self
    }

    fn metric(&mut self, metric: Metric) -> &mut Self {
        self.text(" Name=").quoted(metric.name().as_bytes()).text(" Value=").value(metric.value())
    }

    fn range(&mut self, range: &Range<'_>) -> &mut Self {
        self.text(" Name=\"");
        match range.kind {
            RangeKind::StopTheWorld(reason) => {
                self.text("stop-the-world (").escaped(reason.as_bytes()).text(")")
            }
            kind => self.display(format_args!("{kind}")),
        };
        self.display(format_args!("\" Scope={}", range.scope))
    }

    fn range_attributes(&mut self, range: &Range<'_>) -> &mut Self {
        self.text(" Attributes=[");
        if let Some(sweep) = range.sweep {
            self.text("\"bytes swept\"=").value(sweep.swept);
            self.text(" \"bytes reclaimed\"=").value(sweep.reclaimed);
        }
        self.text("]")
    }

    fn task(&mut self, task: &Task<'_>) -> &mut Self {
        let parent = task.parent.unwrap_or(TaskId::NONE);
        self.text(" ID=").decimal(task.id.0).text(" Parent=").decimal(parent.0);
        self.text(" Type=").quoted(task.name.as_bytes())
    }

    fn goroutine(&mut self, transition: &GoroutineTransition<'_>, event_type: EventType) -> &mut Self {
        self.text(" GoID=").decimal(transition.goroutine.map_or(-1, |goroutine| goroutine.0));
        self.display(format_args!(" {}->{}", transition.from, transition.to));
        self.text(" Reason=").quoted(transition.reason.as_bytes());
        // The reference prints the heading at every creation, with a stack or without.
        let creates = matches!(event_type, EventType::GoCreate | EventType::GoCreateBlocked);
        if creates || transition.stack.is_some() {
            self.stack("TransitionStack", transition.stack);
        }
        self
    }

    fn proc(&mut self, transition: ProcTransition) -> &mut Self {
        self.text(" ProcID=").decimal(transition.proc.map_or(-1, |proc| proc.0));
        self.display(format_args!(" {}->{} Reason=\"\"", transition.from, transition.to))
    }

    fn experimental(&mut self, experimental: &Experimental) -> &mut Self {
        self.text(" Name=").text(experimental.name()).text(" Args=[");
        for (i, argument) in experimental.arguments().enumerate() {
            self.text(if i == 0 { "" } else { ", " }).text(argument.name).text("=").value(argument.value);
        }
        self.text("]")
    }

    fn operation_start(&mut self, start: &OperationStart<'_>, text: &[u8]) -> &mut Self {
        let text_name = match start.operation {
            Operation::HttpServer => "Path",
            Operation::HttpClient => "URL",
            Operation::Sql => "Query",
            Operation::Tls => "ServerName",
            Operation::Dns => "Host",
            Operation::Connect => "Address",
        };
        self.display(format_args!(" TraceID={:016x} SpanID={:016x} ", start.trace_id_fold, start.span_id));
        self.text(text_name).text("=").quoted(text)
    }

    fn operation_end(&mut self, end: &OperationEnd<'_>) -> &mut Self {
        self.display(format_args!(" SpanID={:016x}", end.span_id));
        match end.outcome {
            Outcome::HttpServer { status_code } => self.text(" StatusCode=").decimal(status_code),
            Outcome::HttpClient { status_code, error } => {
                self.display(format_args!(" StatusCode={status_code} ErrorKind={error:?}"))
            }
            Outcome::HttpClientError { error, .. } => self.display(format_args!(" ErrorKind={error:?}")),
            Outcome::Sql { rows_affected, error } => {
                let rows = rows_affected.map_or(-1, |rows| rows as i64);
                self.display(format_args!(" RowsAffected={rows} ErrorCode={error:?}"))
            }
            Outcome::Tls { version, cipher_suite } => {
                let version = version.map_or(0, |version| version.0);
                self.display(format_args!(" TLSVersion={version:#06x} CipherSuite={cipher_suite:#06x}"))
            }
            Outcome::Dns { address_count } => self.text(" AddressCount=").decimal(address_count),
            Outcome::Connect { error } => self.display(format_args!(" ErrorCode={error:?}")),
        }
    }
}
