//! The fork's operations, ranges, links and what goroutines do, in traces made event by event.

use crate::common::{
    self,
    script::{Script, UNIT, time, trace},
};
use go_trace_format::{Dialect, EventType as E};
use trace_to_otel::{
    Anatomy, Counters, LogRecord, LogSink, Mapper, MapperOptions, Scope, Span, SpanKind, SpanSink,
    SpansAndLogs, Status, Value,
};

/// A trace of one generation in which all threads run their goroutines.
fn one(threads: &[i64], act: impl Fn(&mut Script<'_>)) -> Vec<u8> {
    let act = |script: &mut Script<'_>| {
        threads.iter().for_each(|&thread| script.run(thread));
        act(script);
    };
    trace(Dialect::Fork, &[(1, &act)])
}

fn with_options(trace: &[u8], change: impl FnOnce(&mut MapperOptions)) -> (Vec<Span>, Counters) {
    let mut options = MapperOptions::default();
    change(&mut options);
    common::spans_of_bytes(trace, options)
}

fn spans(trace: &[u8]) -> Vec<Span> {
    with_options(trace, |_| {}).0
}

fn find<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| *span.name == *name);
    let span = found.next().unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"));
    assert!(found.next().is_none(), "several spans {name:?} in {spans:#?}");
    span
}

fn parent(span: &Span) -> Option<go_trace_context::SpanId> {
    span.parent.map(|parent| parent.span_id)
}

fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    match span.attribute(key) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Begins and ends a query.
fn query(script: &mut Script<'_>, thread: i64, wire: (u64, u64), text: &str) {
    script.operation(thread, E::SqlQueryStart, wire, text);
    script.event(thread, E::SqlQueryEnd, &[wire.1, u64::MAX, 0, 0]);
}

#[test]
fn a_request_through_client_and_server_to_the_database() {
    let trace = one(&[7, 8], |script| {
        script.region_begin(7, 0, "call");
        script.operation(
            7,
            E::HttpClientRequestStart,
            (0xf01d, 0xc1),
            "http://u:secret@host:81/p?token=secret",
        );
        script.operation(8, E::HttpServerRequestStart, (0xf01d, 0x5e), "/p");
        query(script, 8, (0x50, 0x51), "SELECT a FROM t WHERE s = 'secret'");
        script.event(8, E::HttpServerRequestEnd, &[0x5e, 503, 0]);
        script.event(7, E::HttpClientRequestEnd, &[0xc1, 503, 0, 0]);
        script.region_end(7, 0, "call");
    });
    let spans = spans(&trace);
    let [sql, server, client, region] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((client.kind, server.kind, sql.kind), (SpanKind::Client, SpanKind::Server, SpanKind::Client));
    assert_eq!((&client.scope, &server.scope, &sql.scope), (&Scope::Http, &Scope::Http, &Scope::Sql));
    assert_eq!((client.span_id.as_u64(), server.span_id.as_u64()), (0xc1, 0x5e), "the ids of the wire");
    assert_eq!(
        (parent(client), parent(server), parent(sql)),
        (None, Some(client.span_id), Some(server.span_id))
    );
    assert!(client.trace_id == server.trace_id && server.trace_id == sql.trace_id);
    assert_ne!(client.trace_id, region.trace_id);
    assert_eq!((client.links[0].span_id, client.links[0].trace_id), (region.span_id, region.trace_id));
    assert_eq!(
        [&client.status, &server.status, &sql.status],
        [&Status::ERROR, &Status::ERROR, &Status::Unset]
    );
    assert_eq!((text(client, "error.type"), text(server, "url.path")), (Some("503"), Some("/p")));
    assert_eq!(text(sql, "db.query.text"), Some("SELECT a FROM t WHERE s = ?"));
    assert_eq!(text(sql, "gotrace.fork.trace_id"), Some("0000000000000050"));
    assert!(!format!("{spans:?}").contains("secret"), "{spans:#?}");
}

#[test]
fn one_span_id_for_many_operations() {
    // Under one context they share a span id, and end in any order, each on its own goroutine.
    let trace = one(&[7, 8, 9], |script| {
        for thread in [7, 8, 9] {
            script.operation(thread, E::SqlQueryStart, (0xf, 0x1), &format!("SELECT a FROM t{thread}"));
        }
        for thread in [7, 9, 8] {
            script.event(thread, E::SqlQueryEnd, &[0x1, thread as u64, 0, 0]);
        }
    });
    let (spans, counters) = with_options(&trace, |_| {});
    assert_eq!((counters.spans, counters.incomplete_spans), (3, 0));
    for (thread, begin, end) in [(7, 10, 13), (8, 11, 15), (9, 12, 14)] {
        let span = find(&spans, &format!("SELECT t{thread}"));
        assert_eq!((span.start.0, span.end.0), (time(1, begin), time(1, end)), "{span:#?}");
        assert_eq!(span.attribute("gotrace.sql.rows_affected"), Some(&Value::Integer(thread)));
        assert_eq!(span.trace_id, spans[0].trace_id, "they share the trace of their context");
    }
}

#[test]
fn operations_without_start_or_end() {
    let trace = one(&[7], |script| {
        script.event(7, E::ConnectEnd, &[0xc0, 3, 0]);
        script.operation(7, E::TlsHandshakeStart, (0, 0x1), "host");
        script.operation(7, E::TlsHandshakeStart, (0, 0x2), "host");
        query(script, 7, (0, 0x3), "SELECT 1 FROM t");
    });
    let (spans, counters) = with_options(&trace, |_| {});
    assert_eq!((counters.spans, counters.incomplete_spans), (4, 3));
    let connect = find(&spans, "socket connect");
    assert_eq!(
        (text(connect, "gotrace.incomplete"), text(connect, "error.type")),
        (Some("start"), Some("refused"))
    );
    assert_eq!((connect.start.0, connect.anatomy), (time(1, 0), None), "the begin of the trace");
    for handshake in spans.iter().filter(|span| span.scope == Scope::Tls) {
        assert_eq!((text(handshake, "gotrace.incomplete"), &handshake.status), (Some("end"), &Status::Unset));
        assert_eq!(parent(handshake), None, "a handshake is not part of one whose end is lost");
    }
}

#[test]
fn addresses_are_not_looked_up() {
    let trace = one(&[7], |script| {
        for host in ["127.0.0.1", "host.test"] {
            script.operation(7, E::DnsLookupStart, (0, 0x1), host);
            script.operation(7, E::ConnectStart, (0, 0x1), "10.0.0.1:53");
            script.event(7, E::ConnectEnd, &[0x1, 0, 0]);
            script.event(7, E::DnsLookupEnd, &[0x1, 1, 0]);
        }
    });
    let spans = spans(&trace);
    assert_eq!(spans.len(), 3);
    let look_up = find(&spans, "DNS lookup host.test");
    assert_eq!((parent(&spans[0]), parent(&spans[1])), (None, Some(look_up.span_id)));
}

#[test]
fn too_many_operations_end_the_oldest_once() {
    let trace = one(&[7, 8, 9], |script| {
        for thread in [7, 8, 9] {
            script.operation(
                thread,
                E::SqlQueryStart,
                (0, thread as u64),
                &format!("SELECT a FROM t{thread}"),
            );
        }
        for thread in [7, 8, 9] {
            script.event(thread, E::SqlQueryEnd, &[thread as u64, u64::MAX, 0, 0]);
        }
    });
    let (spans, counters) = with_options(&trace, |options| options.limits.open_operations = 2);
    assert_eq!((counters.spans, counters.evicted_spans, counters.late_ends), (3, 1, 1));
    assert_eq!(text(find(&spans, "SELECT t7"), "gotrace.incomplete"), Some("end"));
}

#[test]
fn goroutines_created_in_a_span() {
    let trace = one(&[7], |script| {
        script.region_begin(7, 0, "outer");
        script.create(7, 20);
        script.create(7, 21);
        script.block(7, "sync");
        script.start(7, 20, 1);
        query(script, 7, (0, 1), "SELECT a FROM inside");
        script.event(7, E::GoUnblock, &[7, 1, 0]);
        script.event(7, E::GoDestroy, &[]);
        script.start(7, 7, 2);
        script.region_end(7, 0, "outer");
        script.block(7, "sync");
        script.start(7, 21, 1);
        query(script, 7, (0, 1), "SELECT a FROM after");
    });
    let spans = spans(&trace);
    let (outer, inside, after) =
        (find(&spans, "outer"), find(&spans, "SELECT inside"), find(&spans, "SELECT after"));
    assert_eq!((parent(inside), inside.trace_id), (Some(outer.span_id), outer.trace_id));
    assert_eq!((parent(after), after.links[0].span_id), (None, outer.span_id), "it had ended by then");
}

#[test]
fn who_wakes_whom_is_linked() {
    let act = |script: &mut Script<'_>| {
        script.region_begin(7, 0, "waits");
        script.block(7, "chan receive");
        script.region_begin(8, 0, "sends");
        script.event(8, E::GoUnblock, &[7, 1, 0]);
        script.region_end(8, 0, "sends");
        script.start(7, 7, 2);
        script.region_end(7, 0, "waits");
    };
    let trace = one(&[7, 8], act);
    let linked = spans(&trace);
    let (waits, sends) = (find(&linked, "waits"), find(&linked, "sends"));
    assert_eq!(waits.links.iter().map(|link| link.span_id).collect::<Vec<_>>(), [sends.span_id]);
    assert_eq!((parent(waits), sends.links.len()), (None, 0));
    let (unlinked, _) = with_options(&trace, |options| options.wake_links = false);
    assert!(unlinked.iter().all(|span| span.links.is_empty()));
}

#[test]
fn anatomy_of_nested_spans() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "region");
        script.event(7, E::GoSyscallBegin, &[1, 0]);
        script.event(7, E::GoSyscallEnd, &[]);
        script.block(7, "select");
        script.event(7, E::GoUnblock, &[7, 1, 0]);
        script.start(7, 7, 2);
        script.region_end(7, 1, "region");
        script.task_end(7, 1);
    });
    let spans = spans(&trace);
    let anatomy = |name: &str| -> Vec<_> {
        let anatomy = find(&spans, name).anatomy.expect("it is bound to its goroutine");
        anatomy.attributes().map(|(key, seconds)| (key, (seconds * 1e9 / UNIT as f64).round())).collect()
    };
    let times = |running| {
        vec![
            ("gotrace.time.running", running),
            ("gotrace.time.runnable", 1.0),
            ("gotrace.time.syscall", 1.0),
            ("gotrace.time.waiting.select", 1.0),
        ]
    };
    assert_eq!((anatomy("region"), anatomy("task")), (times(3.0), times(5.0)));
}

#[test]
fn a_task_that_ends_elsewhere_has_no_anatomy() {
    let trace = one(&[7, 8], |script| {
        script.task_begin(7, 1, 0, "task");
        script.task_end(8, 1);
    });
    assert_eq!(find(&spans(&trace), "task").anatomy, None);
}

#[test]
fn ranges_are_linked_to_what_they_overlap() {
    let trace = one(&[7, 8], |script| {
        script.region_begin(7, 0, "before");
        script.event(8, E::GcBegin, &[1, 0]);
        script.region_begin(8, 0, "during");
        script.event(7, E::GcMarkAssistBegin, &[0]);
        script.event(7, E::GcMarkAssistEnd, &[]);
        script.event(8, E::GcEnd, &[2]);
        script.region_end(7, 0, "before");
        script.region_end(8, 0, "during");
    });
    let linked = spans(&trace);
    let (before, during) = (find(&linked, "before"), find(&linked, "during"));
    let (mark, assist) = (find(&linked, "GC concurrent mark phase"), find(&linked, "GC mark assist"));
    let links = |span: &Span| span.links.iter().map(|link| link.span_id).collect::<Vec<_>>();
    assert_eq!((links(mark), links(assist)), (vec![before.span_id, during.span_id], vec![before.span_id]));
    assert_eq!(text(mark, "gotrace.range.scope"), Some("global"));
    assert_eq!(text(assist, "gotrace.range.scope"), Some("goroutine"));
    assert_eq!(assist.attribute("gotrace.goroutine.id"), Some(&Value::Integer(7)));
    assert_eq!(before.anatomy.map(|anatomy: Anatomy| anatomy.gc_assist), Some(UNIT));
    let (bounded, counters) = with_options(&trace, |options| options.limits.links_per_span = 1);
    assert_eq!((find(&bounded, "GC concurrent mark phase").dropped_links, counters.dropped_links), (1, 1));
    let (without, _) = with_options(&trace, |options| options.ranges = false);
    assert_eq!(without.len(), 2);
}

#[test]
fn states_and_stacks_on_request() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "region");
        script.block(7, "sleep");
        script.event(7, E::GoUnblock, &[7, 1, 0]);
        script.start(7, 7, 2);
        script.region_end(7, 1, "region");
        script.task_end(7, 1);
    });
    let (spans, _) = with_options(&trace, |options| {
        options.state_events = true;
        options.stacks = true;
    });
    let states: Vec<_> = find(&spans, "region")
        .events
        .iter()
        .map(|event| {
            event.attributes.iter().map(|state| state.value.to_string()).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(states, ["Running Waiting sleep", "Waiting Runnable", "Runnable Running"]);
    assert_eq!(
        text(find(&spans, "task"), "code.stacktrace"),
        Some("main.main(...)\n\texample.com/main.go:12\n")
    );
}

/// Takes log records too.
#[derive(Default)]
struct Both {
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
}

impl SpanSink for Both {
    type Error = std::convert::Infallible;

    fn take(&mut self, span: Span) -> Result<(), Self::Error> {
        self.spans.take(span)
    }
}

impl LogSink for Both {
    type Error = std::convert::Infallible;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Self::Error> {
        self.logs.push(log);
        Ok(())
    }
}

fn both(trace: &[u8], change: impl FnOnce(&mut MapperOptions)) -> (Both, Counters) {
    let mut options = MapperOptions::default();
    change(&mut options);
    let (mut mapper, mut both) = (Mapper::with_options(options), Both::default());
    let mut reader = go_trace_format::Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut SpansAndLogs(&mut both));
    }
    let Ok(()) = mapper.finish(&mut SpansAndLogs(&mut both));
    (both, *mapper.counters())
}

const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn logs_as_records_on_request() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "task");
        script.log(7, 1, "category", "message");
        // The record has the context that its span turns out to have.
        script.log(7, 1, "traceparent", OWN);
        script.task_end(7, 1);
        script.log(7, 0, "", "nowhere");
    });
    let (sink, counters) = both(&trace, |options| options.log_records = true);
    assert_eq!((sink.spans.len(), sink.spans[0].events.len()), (1, 0));
    assert_eq!((counters.log_records, counters.unattached_logs), (2, 0));
    let [nowhere, log] =
        [0, 1].map(|index| sink.logs.iter().find(|log| usize::from(log.span.is_some()) == index));
    let (log, nowhere) = (log.expect("on the task"), nowhere.expect("on no span"));
    assert_eq!((&*log.event_name, &*log.body, log.time.0), ("category", "message", time(1, 5)));
    let span = log.span.expect("the task");
    assert_eq!((span.trace_id, span.span_id), (sink.spans[0].trace_id, sink.spans[0].span_id));
    assert_eq!((&*nowhere.event_name, &*nowhere.body), ("", "nowhere"));
    let (events, _) = both(&trace, |_| {});
    assert_eq!((events.spans[0].events.len(), events.logs.len()), (1, 0));
}

#[test]
fn spans_that_the_program_exports_itself() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "ours");
        script.task_begin(7, 2, 1, "theirs");
        script.log(7, 2, "traceparent", OWN);
        script.region_begin(7, 2, "within theirs");
        script.region_end(7, 2, "within theirs");
        script.task_end(7, 2);
        script.task_end(7, 1);
    });
    let (spans, counters) = with_options(&trace, |options| options.written_contexts = false);
    assert_eq!((spans.len(), counters.suppressed_spans, counters.suppressed_anatomies), (2, 1, 0));
    let (ours, within) = (find(&spans, "ours"), find(&spans, "within theirs"));
    assert_eq!(parent(within).map(|id| id.to_string()).as_deref(), Some("b7ad6b7169203331"));
    let [anatomy] = &ours.events[..] else { panic!("{ours:#?}") };
    let attributes: Vec<_> = anatomy.attributes.iter().map(|attribute| &*attribute.key).collect();
    assert_eq!(attributes, ["gotrace.suppressed.span_id", "gotrace.time.running"]);
    let (sink, _) = both(&trace, |options| {
        options.written_contexts = false;
        options.log_records = true;
    });
    let [record] = &sink.logs[..] else { panic!("{:#?}", sink.logs) };
    assert_eq!(record.span.map(|span| span.span_id.to_string()).as_deref(), Some("b7ad6b7169203331"));
    assert_eq!((&*record.event_name, &*record.body), ("gotrace.anatomy", "theirs"));
}
