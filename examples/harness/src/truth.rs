//! What the receivers have against what the application did.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::{
    app::INTERVAL,
    journal::{Entry, Journal},
    load::Orders,
    report::Report,
    spans::{Key, RANGE, REGION, Span, Spans, TASK},
};

/// The wall clock that a span's times are computed from is read once in a generation, and moves against the trace's own
/// clock; and reading both is not one step. In nanoseconds.
const SLACK: u64 = 2_000_000;

/// A span may end so long after the journal says so, in nanoseconds: a response is read to its end, and others have to run. That
/// is less than what lies between two exports.
const JOURNAL_SLACK: u64 = INTERVAL.as_nanos() as u64 / 2;

/// All that is to be checked.
pub(crate) fn check(report: &mut Report, journals: &[Journal], orders: &Orders, spans: &Spans) {
    check_spans(report, journals, orders, spans);
    check_regions(report, journals, spans);
    check_logs(report, journals, spans);
}

/// Each span is there, and right; but for what a killed process has lost.
pub(crate) fn check_spans(report: &mut Report, journals: &[Journal], orders: &Orders, spans: &Spans) {
    report.none("spans that came again and were not the same", &spans.differing);
    report.none("secrets", &spans.leaks);
    let truth = Truth::new(journals);
    truth.check_spans(report, spans);
    truth.check_times(report, spans, orders);
}

/// What killed processes have lost: all of it ended within `limit` before the kill, and after what was delivered.
pub(crate) fn check_losses(report: &mut Report, journals: &[Journal], spans: &Spans, limit: Duration) {
    let (mut lost, mut early, mut worst) = (0, Vec::new(), 0);
    for journal in journals {
        let Some(killed) = journal.killed else { continue };
        let delivered = journal.spans.iter().filter_map(|entry| spans.all.get(&entry.key()));
        let last = delivered.map(|span| span.end).max().unwrap_or_default();
        for entry in journal.lost(spans) {
            let before = killed.saturating_sub(entry.end);
            lost += 1;
            worst = worst.max(before);
            if u128::from(before) > limit.as_nanos() || entry.end + JOURNAL_SLACK < last {
                early.push(format!("{before} ns before its end, {}: {entry:?}", journal.service));
            }
        }
    }
    let killed = || journals.iter().filter(|journal| journal.killed.is_some());
    let did: usize = killed().map(|journal| journal.spans.len()).sum();
    let all = killed().filter(|journal| journal.lost(spans).count() == journal.spans.len()).count();
    report.figure(
        "lost with a process",
        format_args!(
            "{lost} of {did} spans in {} processes, {all} of which sent none, the oldest ended {:.1?} before",
            killed().count(),
            Duration::from_nanos(worst)
        ),
    );
    report.check("some had sent spans", all < killed().count(), killed().count() - all);
    report.none("spans that were lost and should not have been", &early);
}

/// Two receivers have the same.
pub(crate) fn compare(report: &mut Report, collector: &Spans, jaeger: &Spans) {
    let alike = |a: &Span, b: &Span| {
        let whole = |span: &Span| (span.parent, span.name.clone(), span.start, span.end, span.events.clone());
        a.service == b.service && a.scope == b.scope && whole(a) == whole(b)
    };
    let wrong: Vec<_> = collector
        .all
        .values()
        .filter(|span| !jaeger.all.get(&span.key).is_some_and(|found| alike(span, found)))
        .map(|span| format!("{span:?}"))
        .collect();
    report.all("the Collector's spans are in Jaeger", collector.all.len(), &wrong);
    report.equal("spans in Jaeger", collector.all.len(), jaeger.all.len());
    report.none("secrets in Jaeger", &jaeger.leaks);
}

struct Truth<'j> {
    entries: Vec<(&'j Journal, &'j Entry)>,
    /// The span that begins each trace.
    roots: HashMap<u128, u64>,
}

impl<'j> Truth<'j> {
    fn new(journals: &'j [Journal]) -> Self {
        let entries: Vec<_> = journals
            .iter()
            .flat_map(|journal| journal.spans.iter().map(move |entry| (journal, entry)))
            .collect();
        let roots = entries.iter().filter(|(_, entry)| entry.is_root());
        let roots = roots.map(|(_, entry)| (entry.key().trace, entry.key().span)).collect();
        Self { entries, roots }
    }

    /// The journal does not know what a client's request belongs to: it is what its trace began with. A process that was killed
    /// may not have got to say so.
    fn parent(&self, journal: &Journal, entry: &Entry) -> Option<u64> {
        if entry.span_kind() != SpanKind::Client {
            return Some(entry.parent());
        }
        let root = self.roots.get(&entry.key().trace).copied();
        root.or_else(|| journal.killed.is_none().then_some(0))
    }

    fn check_spans(&self, report: &mut Report, spans: &Spans) {
        let (mut missing, mut wrong, mut incomplete) = (Vec::new(), Vec::new(), Vec::new());
        let mut alive = 0;
        for &(journal, entry) in &self.entries {
            alive += usize::from(journal.killed.is_none());
            let Some(span) = spans.all.get(&entry.key()) else {
                if journal.killed.is_none() {
                    missing.push(format!("{}: {entry:?}", journal.service));
                }
                continue;
            };
            let parent = self.parent(journal, entry).unwrap_or(span.parent);
            let expected = (&*journal.service, &*entry.name, entry.span_kind(), parent, TASK);
            if (&*span.service, &*span.name, span.kind, span.parent, &*span.scope) != expected {
                wrong.push(format!("{span:?} is not {expected:?}"));
            }
            if span.is_incomplete {
                incomplete.push(format!("{span:?}"));
            }
        }
        let total = self.entries.len();
        report.all("the application's spans are there", alive, &missing);
        report.all("their names, services, kinds and parents are right", total, &wrong);
        report.none("incomplete spans", &incomplete);
        let known: HashSet<Key> = self.entries.iter().map(|(_, entry)| entry.key()).collect();
        report.equal("the journal names each span once", total, known.len());
        let strangers = spans.of_scope(TASK).filter(|span| !known.contains(&span.key));
        let strangers: Vec<_> = strangers.map(|span| format!("{span:?}")).collect();
        report.none("spans of tasks that the application did not begin", &strangers);
    }

    /// A span encloses what the journal says, and lies within its parent, or within the request that it is the answer to.
    fn check_times(&self, report: &mut Report, spans: &Spans, orders: &Orders) {
        let mut wrong = Vec::new();
        let mut worst = 0;
        let is_killed = self.entries.iter().any(|(journal, _)| journal.killed.is_some());
        let orders = orders.windows();
        for (_, entry) in &self.entries {
            let Some(span) = spans.all.get(&entry.key()) else { continue };
            let journal = [(entry.start, entry.end)];
            let parent = spans.all.get(&Key { span: span.parent, ..span.key });
            let parent = parent.map(|parent| (parent.start, parent.end));
            if parent.is_none() && is_killed && !entry.is_root() {
                continue; // its parent is lost, and it may have outlived that
            }
            let around = parent.as_ref().map_or(&*orders, std::slice::from_ref);
            let inside = distance((span.start, span.end), &journal);
            let outside = around.iter().map(|&window| distance(window, &[(span.start, span.end)])).min();
            let distance = inside.max(outside.unwrap_or(u64::MAX));
            worst = worst.max(distance);
            if distance > SLACK {
                wrong.push(format!("{span:?} by {distance} ns: {entry:?}"));
            }
        }
        report.all("their times are right", self.entries.len(), &wrong);
        report.figure("the largest difference of clocks", format_args!("{worst} ns"));
    }
}

/// By how much the inner windows stand out of the outer one.
fn distance(outer: (u64, u64), inner: &[(u64, u64)]) -> u64 {
    let out = |inner: &(u64, u64)| outer.0.saturating_sub(inner.0).max(inner.1.saturating_sub(outer.1));
    inner.iter().map(out).max().unwrap_or(u64::MAX)
}

/// What is in which span under which name, and when.
type Windows = BTreeMap<(Key, String), Vec<(u64, u64)>>;

fn windows<'e>(entries: impl Iterator<Item = &'e Entry>) -> Windows {
    let mut windows = Windows::new();
    for entry in entries {
        windows.entry((entry.key(), entry.name.clone())).or_default().push((entry.start, entry.end));
    }
    windows
}

fn check_regions(report: &mut Report, journals: &[Journal], spans: &Spans) {
    let expected = windows(journals.iter().flat_map(|journal| &journal.regions));
    let mut found = Windows::new();
    for region in spans.of_scope(REGION) {
        let parent = Key { span: region.parent, ..region.key };
        found.entry((parent, region.name.clone())).or_default().push((region.start, region.end));
    }
    check_windows(report, "regions", expected, found);
}

fn check_logs(report: &mut Report, journals: &[Journal], spans: &Spans) {
    let expected = windows(journals.iter().flat_map(|journal| &journal.logs));
    let mut found = Windows::new();
    for span in spans.all.values() {
        for (name, time) in &span.events {
            found.entry((task_of(span, spans), name.clone())).or_default().push((*time, *time));
        }
    }
    check_windows(report, "logs", expected, found);
}

/// A log within a region stands there.
fn task_of(span: &Span, spans: &Spans) -> Key {
    const DEPTH: usize = 100;
    let mut key = span.key;
    for _ in 0..DEPTH {
        match spans.all.get(&key) {
            Some(region) if &*region.scope == REGION => key.span = region.parent,
            _ => break,
        }
    }
    key
}

/// Each of what was done is there, within the time that the journal says, and nothing else.
fn check_windows(report: &mut Report, what: &str, expected: Windows, mut found: Windows) {
    let total = expected.values().map(Vec::len).sum();
    let mut wrong = Vec::new();
    for (name, mut windows) in expected {
        let mut times = found.remove(&name).unwrap_or_default();
        windows.sort_unstable();
        times.sort_unstable();
        if windows.len() != times.len() {
            wrong.push(format!("{name:?}: expected {}, found {}", windows.len(), times.len()));
            continue;
        }
        let out = windows.iter().zip(&times).find(|(window, time)| distance(**window, &[**time]) > SLACK);
        if let Some((window, time)) = out {
            wrong.push(format!("{name:?}: expected within {window:?}, found {time:?}"));
        }
    }
    report.all(&format!("{what} are there, at the right times"), total, &wrong);
    let strangers: Vec<_> = found.keys().map(|name| format!("{name:?}")).collect();
    report.none(&format!("{what} that the application did not make"), &strangers);
}

/// Each garbage collection is there, and ends in the pause that the runtime says.
pub(crate) fn check_collections(report: &mut Report, journals: &[Journal], spans: &Spans) {
    const PAUSE: &str = "stop-the-world (GC mark termination)";
    const MARK: &str = "GC concurrent mark phase";
    for journal in journals {
        let Some((from, to)) = journal.recorded else { continue };
        let ranges = |name: &str| {
            let ranges = spans.of_scope(RANGE).filter(|span| *span.service == *journal.service);
            let ranges = ranges.filter(|span| span.name == name && span.end >= from && span.end <= to);
            ranges.map(|span| (span.start, span.end)).collect::<Vec<_>>()
        };
        let (pauses, marks) = (ranges(PAUSE), ranges(MARK));
        let collections: Vec<_> =
            journal.collections.iter().filter(|entry| entry.start >= from && entry.start <= to).collect();
        let is_there = |entry: &Entry| {
            let pause = pauses.iter().find(|pause| distance(**pause, &[(entry.start, entry.end)]) <= SLACK);
            // The phase ends while the world stands still.
            pause.is_some_and(|pause| marks.iter().any(|mark| distance(*pause, &[(mark.1, mark.1)]) <= SLACK))
        };
        let missing = collections.iter().filter(|entry| !is_there(entry));
        let missing: Vec<_> = missing.map(|entry| format!("{entry:?}")).collect();
        let service = &journal.service;
        report.all(&format!("garbage collections of {service} are there"), collections.len(), &missing);
        let numbers = (collections.len(), collections.len());
        report.equal(&format!("pauses and phases of {service}"), numbers, (pauses.len(), marks.len()));
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span as Proto, span::Event},
    };

    use super::*;
    use crate::load::Order;

    const MILLISECOND: u64 = 1_000_000;

    /// A root, a region in it, a log in the region; in milliseconds.
    const JOURNAL: [&str; 3] = [
        r#"{"kind":"server","name":"GET /a","trace_id":"a1","span_id":"b1","start":110000000,"end":190000000}"#,
        r#"{"kind":"region","name":"render","trace_id":"a1","span_id":"b1","start":120000000,"end":150000000}"#,
        r#"{"kind":"log","name":"order","trace_id":"a1","span_id":"b1","start":130000000,"end":131000000}"#,
    ];

    fn proto(id: u8, parent: Option<u8>, name: &str, (start, end): (u64, u64)) -> Proto {
        Proto {
            trace_id: vec![0xa1],
            span_id: vec![id],
            parent_span_id: parent.into_iter().collect(),
            name: name.to_owned(),
            start_time_unix_nano: start * MILLISECOND,
            end_time_unix_nano: end * MILLISECOND,
            ..Proto::default()
        }
    }

    fn request(id: u8, times: (u64, u64)) -> Proto {
        Proto { kind: SpanKind::Server.into(), ..proto(id, None, "GET /a", times) }
    }

    fn right() -> [(&'static str, Proto); 2] {
        let mut region = proto(0xb2, Some(0xb1), "render", (121, 149));
        let time_unix_nano = 130 * MILLISECOND;
        region.events.push(Event { time_unix_nano, name: "order".to_owned(), ..Event::default() });
        [(TASK, request(0xb1, (109, 191))), (REGION, region)]
    }

    fn received(spans: impl IntoIterator<Item = (&'static str, Proto)>) -> Spans {
        let service = AnyValue { value: Some(Value::StringValue("front".to_owned())) };
        let service =
            KeyValue { key: "service.name".to_owned(), value: Some(service), ..KeyValue::default() };
        let of_scope = |(scope, span): (&str, Proto)| ScopeSpans {
            scope: Some(InstrumentationScope { name: scope.to_owned(), ..InstrumentationScope::default() }),
            spans: vec![span],
            ..ScopeSpans::default()
        };
        let mut found = Spans::default();
        found.add(&[ResourceSpans {
            resource: Some(Resource { attributes: vec![service], ..Resource::default() }),
            scope_spans: spans.into_iter().map(of_scope).collect(),
            ..ResourceSpans::default()
        }]);
        found
    }

    fn failures(spans: impl IntoIterator<Item = (&'static str, Proto)>) -> u32 {
        let found = received(spans);
        let mut journal = Journal { service: "front".to_owned(), ..Journal::default() };
        let [span, region, log] = JOURNAL.map(|line| vec![serde_json::from_str(line).unwrap()]);
        (journal.spans, journal.regions, journal.logs) = (span, region, log);
        let order = Order {
            begin: 100 * MILLISECOND,
            duration: Duration::from_millis(100),
            late: Duration::ZERO,
            error: None,
        };
        let orders = Orders(vec![order]);
        let mut report = Report::default();
        check(&mut report, &[journal], &orders, &found);
        report.failures()
    }

    #[test]
    fn what_was_done_passes_once_or_again() {
        assert_eq!(failures(right()), 0);
        assert_eq!(failures(right().into_iter().chain(right())), 0);
    }

    /// Of a process that ended two spans at these times and was killed at 10 s, in milliseconds.
    fn losses(delivered: u64, lost: u64) -> u32 {
        let entry = |id: u64, end: u64| {
            let end = end * MILLISECOND;
            let line = format!(
                r#"{{"kind":"span","name":"work","trace_id":"a1","span_id":"{id:x}","start":0,"end":{end}}}"#
            );
            serde_json::from_str(&line).unwrap()
        };
        let spans = vec![entry(0xb1, delivered), entry(0xb2, lost)];
        let killed = Some(10_000 * MILLISECOND);
        let journal = Journal { service: "front".to_owned(), spans, killed, ..Journal::default() };
        let found = received([(TASK, proto(0xb1, None, "work", (0, delivered)))]);
        let mut report = Report::default();
        check_losses(&mut report, &[journal], &found, Duration::from_secs(2));
        report.failures()
    }

    #[test]
    fn a_killed_process_may_lose_the_latest() {
        assert_eq!(losses(8_000, 9_000), 0);
        assert_eq!(losses(8_500, 8_400), 0);
        assert_eq!(losses(9_500, 8_500), 1, "something later was delivered");
        assert_eq!(losses(7_000, 7_500), 1, "it ended long before");
    }

    #[test]
    fn each_difference_is_found() {
        let changes: [fn(&mut Proto, &mut Proto); 10] = [
            |task, _| task.set_kind(SpanKind::Internal),
            |task, _| task.name = "POST /a".to_owned(),
            |task, _| task.parent_span_id = vec![7],
            |task, _| task.span_id = vec![7],
            |task, _| task.start_time_unix_nano = 97 * MILLISECOND,
            |task, _| task.end_time_unix_nano = 187 * MILLISECOND,
            |_, region| region.parent_span_id = vec![7],
            |_, region| region.end_time_unix_nano = 153 * MILLISECOND,
            |_, region| region.events[0].time_unix_nano = 127 * MILLISECOND,
            |_, region| region.events.clear(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let [mut task, mut region] = right();
            change(&mut task.1, &mut region.1);
            assert!(failures([task, region]) > 0, "change {number}");
        }
        let [task, region] = right();
        assert!(failures([task.clone()]) > 0, "the region is missing");
        assert!(failures([region.clone()]) > 0, "the task is missing");
        let stranger = (TASK, request(0xb3, (110, 120)));
        assert!(failures([task.clone(), region.clone(), stranger]) > 0, "a stranger is there");
        let mut again = task.clone();
        again.1.end_time_unix_nano += 1;
        assert!(failures([task, region, again]) > 0, "it came again, and was not the same");
    }
}
