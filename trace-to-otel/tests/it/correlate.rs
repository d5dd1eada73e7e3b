//! Several processes put together: real ids for stand-ins, parents across processes, and what clocks differ by.

use std::{collections::BTreeSet, fs, path::Path};

use crate::common;
use go_trace_context::{Fold, SpanId, TraceId};
use proptest::prelude::*;
use serde::Deserialize;
use trace_to_otel::{
    Attribute, ClockOffset, Correlation, Correlator, Link, MapperOptions, Parent, ProcessIndex, Scope, Span,
    SpanEvent, SpanKind, UnixTime, correlate,
};

fn trace_id(number: u128) -> TraceId {
    TraceId::from_u128(number).expect("not 0")
}

fn span_id(number: u64) -> SpanId {
    SpanId::from_u64(number).expect("not 0")
}

fn call(kind: SpanKind, trace: TraceId, id: u64, (start, end): (u64, u64)) -> Span {
    let mut span = Span::new(trace, span_id(id), Scope::Http, "GET", (UnixTime(start), UnixTime(end)));
    span.kind = kind;
    span.attributes.push(Attribute::new("http.response.status_code", 200));
    span
}

fn client(trace: u128, id: u64, times: (u64, u64)) -> Span {
    call(SpanKind::Client, trace_id(trace), id, times)
}

fn server(trace: u128, id: u64, times: (u64, u64)) -> Span {
    call(SpanKind::Server, trace_id(trace), id, times)
}

fn correlated(processes: &[&[Span]]) -> (Correlation, Vec<ProcessIndex>) {
    let mut correlator = Correlator::new();
    let indices: Vec<_> = processes.iter().map(|_| correlator.add_process()).collect();
    for (&index, spans) in indices.iter().zip(processes) {
        spans.iter().for_each(|span| correlator.observe(index, span));
    }
    (correlator.finish(), indices)
}

fn parent_of(correlation: &Correlation, process: ProcessIndex, span: &Span) -> Option<Parent> {
    let mut span = span.clone();
    correlation.apply(process, &mut span);
    span.parent
}

/// The bounds that an offset is said to be within.
fn bounds(offset: &ClockOffset) -> Option<(i128, i128)> {
    let estimate = offset.estimate?;
    let (middle, error) = (i128::from(estimate.nanoseconds), i128::from(estimate.error));
    Some((middle - error, middle + error))
}

#[test]
fn stand_ins_give_way_to_real_ids() {
    let real = trace_id(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    let stand_in = Fold::of(real).expect("the halves differ").stand_in();
    let mut http = call(SpanKind::Client, stand_in, 1, (0, 9));
    http.links.push(Link::new(stand_in, span_id(2), http.flags));
    // What another tracer's span or a log says, anywhere.
    let task = Span::new(real, span_id(3), Scope::Task, "task", (UnixTime(0), UnixTime(9)));
    let mut processes = [vec![http], vec![task.clone()]];
    let report = correlate(&mut processes);
    assert_eq!((processes[0][0].trace_id, processes[0][0].links[0].trace_id), (real, real));
    assert_eq!(processes[1], [task]);
    assert_eq!((report.resolved_traces, report.ambiguous_traces, report.unresolved_traces), (1, 0, 0));
}

#[test]
fn ambiguous_and_unknown_stand_ins_stay() {
    let stand_in = |fold: u64| Fold::from_u64(fold).expect("not 0").stand_in();
    let ids = [trace_id(1 << 64 | 6), trace_id(2 << 64 | 5)];
    assert_eq!(ids.map(Fold::of), [Fold::from_u64(7); 2]);
    let spans = [7, 8].map(|fold| call(SpanKind::Server, stand_in(fold), fold, (0, 1)));
    let mut correlator = Correlator::new();
    let process = correlator.add_process();
    ids.into_iter().for_each(|id| correlator.observe_trace(id));
    spans.iter().for_each(|span| correlator.observe(process, span));
    let correlation = correlator.finish();
    for span in spans {
        let mut after = span.clone();
        correlation.apply(process, &mut after);
        assert_eq!(after, span);
    }
    let report = correlation.report();
    assert_eq!((report.resolved_traces, report.ambiguous_traces, report.unresolved_traces), (0, 1, 1));
    assert_eq!(report.unmatched_servers, 2);
}

#[test]
fn servers_find_the_clients_of_other_processes() {
    let shop = [client(1, 1, (100, 200)), client(2, 2, (300, 400)), server(3, 3, (500, 600))];
    let mut has_parent = server(2, 6, (310, 350));
    has_parent.parent = Some(Parent::new(span_id(9), false));
    let store =
        [server(1, 4, (110, 190)), server(9, 5, (110, 190)), has_parent.clone(), client(3, 7, (490, 610))];
    let (correlation, indices) = correlated(&[&shop, &store]);
    assert_eq!(parent_of(&correlation, indices[1], &store[0]), Some(Parent::new(span_id(1), true)));
    assert_eq!(parent_of(&correlation, indices[1], &store[1]), None);
    assert_eq!(parent_of(&correlation, indices[1], &store[2]), has_parent.parent);
    assert_eq!(parent_of(&correlation, indices[0], &shop[2]), Some(Parent::new(span_id(7), true)));
    let report = correlation.report();
    assert_eq!((report.joined_servers, report.unmatched_servers), (2, 1));
    // Calls in both directions, each of which bounds the offset from both sides.
    let [offset] = &report.offsets[..] else { panic!("{report:#?}") };
    assert_eq!((offset.reference, offset.process, offset.pairs), (indices[0], indices[1], 2));
    assert_eq!(bounds(offset), Some((-10, 10)));
}

#[test]
fn a_process_is_not_its_own_client() {
    let spans = [client(1, 1, (0, 9)), server(1, 2, (1, 8))];
    let (correlation, indices) = correlated(&[&spans]);
    assert_eq!(parent_of(&correlation, indices[0], &spans[1]), None);
    assert_eq!(correlation.report().offsets, []);
}

#[test]
fn of_several_clients_the_clocks_decide() {
    // The same trace id for two calls, one after the other, and a store whose clock is 1,000 behind.
    let shop = [client(1, 1, (2000, 2100)), client(1, 2, (3000, 3100))];
    let store = [server(1, 3, (1010, 1090)), server(1, 4, (2010, 2090)), server(1, 5, (5000, 5001))];
    let (unknown, indices) = correlated(&[&shop, &store]);
    assert!(store.iter().all(|span| parent_of(&unknown, indices[1], span).is_none()));
    assert_eq!((unknown.report().ambiguous_servers, unknown.report().joined_servers), (3, 0));

    let shop = [shop.to_vec(), vec![client(7, 8, (9000, 9100))]].concat();
    let store = [store.to_vec(), vec![server(7, 9, (8020, 8080))]].concat();
    let (known, indices) = correlated(&[&shop, &store]);
    let parents: Vec<_> = store.iter().map(|span| parent_of(&known, indices[1], span)).collect();
    let parent = |id| Some(Parent::new(span_id(id), true));
    assert_eq!(parents, [parent(1), parent(2), None, parent(8)]);
    assert_eq!((known.report().ambiguous_servers, known.report().contradicted_servers), (0, 1));
}

#[test]
fn an_outlier_neither_moves_the_clocks_nor_joins() {
    let mut shop: Vec<_> =
        (1..=9).map(|n| client(n, n as u64, (n as u64 * 1000, n as u64 * 1000 + 100))).collect();
    let mut store: Vec<_> =
        (1..=9).map(|n| server(n, n as u64 + 100, (n as u64 * 1000 + 10, n as u64 * 1000 + 90))).collect();
    shop.push(client(50, 50, (90_000, 90_100)));
    store.push(server(50, 150, (20_000, 20_050)));
    let (correlation, indices) = correlated(&[&shop, &store]);
    let offset = &correlation.report().offsets[0];
    assert_eq!((offset.pairs, offset.contradictions, bounds(offset)), (10, 1, Some((-10, 10))));
    assert_eq!(parent_of(&correlation, indices[1], &store[9]), None);
    assert_eq!((correlation.report().joined_servers, correlation.report().contradicted_servers), (9, 1));
}

#[test]
fn servers_that_go_on_after_the_headers_bound_less() {
    let (correlation, _) = correlated(&[&[client(1, 1, (100, 200))], &[server(1, 2, (150, 900))]]);
    assert_eq!(bounds(&correlation.report().offsets[0]), Some((-50, 50)));

    // A client that gives up tells nothing of its server, which may begin later yet.
    let mut gone = client(1, 1, (100, 200));
    gone.attributes.clear();
    let others = [gone, client(2, 3, (1000, 1100))];
    let (correlation, _) = correlated(&[&others, &[server(1, 2, (300, 900)), server(2, 4, (1001, 1099))]]);
    assert_eq!((correlation.report().offsets[0].pairs, correlation.report().joined_servers), (1, 2));

    // Spans without one of their ends bound nothing, but are joined.
    let mut open = server(1, 2, (150, 160));
    open.attributes.push(Attribute::new("gotrace.incomplete", "end"));
    let (correlation, _) = correlated(&[&[client(1, 1, (100, 200))], &[open]]);
    assert_eq!((correlation.report().offsets.len(), correlation.report().joined_servers), (0, 1));
}

#[test]
fn times_move_on_request_only() {
    let shop = [client(1, 1, (1000, 1100))];
    let mut store = [server(1, 2, (5020, 5080))];
    store[0].events.push(SpanEvent::new(UnixTime(5050), "log"));
    let (mut correlation, indices) = correlated(&[&shop, &store]);
    let mut same = store[0].clone();
    correlation.apply(indices[1], &mut same);
    assert_eq!((same.start, same.end), (UnixTime(5020), UnixTime(5080)));

    assert_eq!(correlation.align(indices[1], indices[1]), None);
    assert_eq!(correlation.align(indices[1], indices[0]), Some(-4000));
    let mut moved = store[0].clone();
    correlation.apply(indices[1], &mut moved);
    assert_eq!(
        (moved.start, moved.end, moved.events[0].time),
        (UnixTime(1020), UnixTime(1080), UnixTime(1050))
    );

    let (mut correlation, indices) = correlated(&[&shop, &store]);
    assert_eq!(correlation.align(indices[0], indices[1]), Some(4000));
    let mut moved = shop[0].clone();
    correlation.apply(indices[0], &mut moved);
    assert_eq!((moved.start, moved.end), (UnixTime(5000), UnixTime(5100)));
}

#[test]
fn impossible_times_do_no_harm() {
    const END: u64 = u64::MAX;
    let shop =
        [client(1, 1, (END, 0)), client(2, 2, (0, END)), client(3, 3, (END, END)), client(4, 7, (END, 0))];
    let store =
        [server(1, 4, (END, 0)), server(2, 5, (END, END)), server(3, 6, (0, 0)), server(4, 8, (5, 10))];
    let (mut correlation, indices) = correlated(&[&shop, &store]);
    assert_eq!(correlation.report().offsets[0].pairs, 3);
    if let Some(shift) = correlation.align(indices[1], indices[0]) {
        let mut moved = store[2].clone();
        correlation.apply(indices[1], &mut moved);
        assert_eq!(moved.start, UnixTime(0_u64.saturating_add_signed(shift)));
    }
}

#[test]
fn memory_is_bounded() {
    let mut correlator = Correlator::with_limit(2);
    let process = correlator.add_process();
    (1..=5).for_each(|id| correlator.observe(process, &client(1, id, (0, 1))));
    assert_eq!(correlator.finish().report().dropped_spans, 3);
}

proptest! {
    /// A shop calls a store over a network that takes its time; their clocks differ.
    #[test]
    fn the_true_offset_is_within_the_bounds(
        offset in -1_000_000_i64..1_000_000,
        calls in prop::collection::vec((1..5000_u64, 0..100_u64, 0..100_u64, 0..100_u64, any::<bool>()), 1..20),
    ) {
        let (mut shop, mut store) = (Vec::new(), Vec::new());
        let mut now = 10_000_000;
        for (number, (pause, there, work, back, is_reversed)) in (1..).zip(calls) {
            now += pause;
            let times = (now, now + there + work + back);
            let begin = (now + there).saturating_add_signed(-offset);
            let answer = (begin, begin + work);
            // The store calls back: its times are on its clock, the shop's on the shop's.
            if is_reversed {
                let asked = (times.0.saturating_add_signed(-offset), times.1.saturating_add_signed(-offset));
                store.push(client(number, number as u64, asked));
                shop.push(server(number, number as u64 + 1000, (now + there, now + there + work)));
            } else {
                shop.push(client(number, number as u64, times));
                store.push(server(number, number as u64 + 1000, answer));
            }
        }
        let (correlation, indices) = correlated(&[&shop, &store]);
        let report = correlation.report();
        let found = &report.offsets[0];
        let (low, high) = bounds(found).expect("all agree");
        prop_assert!((low..=high).contains(&i128::from(offset)), "{} not in {}..={}", offset, low, high);
        prop_assert_eq!((found.contradictions, found.pairs), (0, (shop.len() + store.len()) as u64 / 2));
        prop_assert_eq!(report.joined_servers, found.pairs);
        for (index, spans) in indices.iter().zip([&shop, &store]) {
            for span in spans.iter().filter(|span| span.kind == SpanKind::Server) {
                let parent = Some(Parent::new(span_id(span.span_id.as_u64() - 1000), true));
                prop_assert_eq!(parent_of(&correlation, *index, span), parent);
            }
        }
        let mut processes = [shop, store];
        let first = correlate(&mut processes);
        prop_assert_eq!(&first, report);
        let again = processes.clone();
        correlate(&mut processes);
        prop_assert_eq!(processes, again);
    }
}

#[derive(Deserialize)]
struct Truth {
    ops: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    kind: String,
    start_unix_ns: u64,
    end_unix_ns: u64,
    status: Option<i64>,
    trace_id_hi: Option<String>,
    trace_id_lo: Option<String>,
    span_id: Option<String>,
    #[serde(default)]
    extra: Extra,
}

#[derive(Default, Deserialize)]
struct Extra {
    parent_span_in: Option<String>,
}

fn hex(text: Option<&String>) -> Option<u64> {
    u64::from_str_radix(text?.strip_prefix("0x")?, 16).ok()
}

impl Operation {
    fn trace(&self) -> Option<(TraceId, Fold)> {
        let [high, low] = [hex(self.trace_id_hi.as_ref())?, hex(self.trace_id_lo.as_ref())?];
        let id = TraceId::from_u128(u128::from(high) << 64 | u128::from(low))?;
        Some((id, Fold::of(id)?))
    }
}

/// What programs really did, their servers taken for another process with a clock of its own: gives how many pairs.
fn check_truth(file: &Path, behind: u64) -> u64 {
    let truth: Truth = serde_json::from_slice(&fs::read(file).expect("a file")).expect("a truth file");
    let mut correlator = Correlator::new();
    let [shop, store] = [correlator.add_process(), correlator.add_process()];
    let (mut clients, mut servers) = (Vec::new(), Vec::new());
    for (number, operation) in (1..).zip(&truth.ops) {
        let Some((real, fold)) = operation.trace() else { continue };
        let times = (operation.start_unix_ns, operation.end_unix_ns);
        match &*operation.kind {
            "http_client" => {
                let Some(id) = hex(operation.span_id.as_ref()) else { continue };
                let mut span = call(SpanKind::Client, fold.stand_in(), id, times);
                if operation.status.unwrap_or(0) <= 0 {
                    span.attributes.clear();
                }
                clients.push((real, span));
            }
            "http_server" => {
                let times = (times.0 - behind, times.1 - behind);
                let parent = hex(operation.extra.parent_span_in.as_ref());
                servers.push((real, parent, call(SpanKind::Server, fold.stand_in(), number, times)));
            }
            _ => continue,
        }
        correlator.observe_trace(real);
    }
    clients.iter().for_each(|(_, span)| correlator.observe(shop, span));
    servers.iter().for_each(|(_, _, span)| correlator.observe(store, span));
    let correlation = correlator.finish();

    // Ids made up by hand may share a fold: they stay stand-ins.
    let all: BTreeSet<_> =
        clients.iter().map(|(real, _)| *real).chain(servers.iter().map(|(real, ..)| *real)).collect();
    let expected_id = |real: TraceId| {
        let is_alone = all.iter().filter(|other| Fold::of(**other) == Fold::of(real)).count() == 1;
        if is_alone { real } else { Fold::of(real).expect("the halves differ").stand_in() }
    };
    let ids: BTreeSet<_> = clients.iter().map(|(real, span)| (*real, span.span_id.as_u64())).collect();
    for (real, span) in &clients {
        let (real, mut span) = (*real, span.clone());
        correlation.apply(shop, &mut span);
        assert_eq!(span.trace_id, expected_id(real), "{}", file.display());
    }
    let answered: BTreeSet<_> = clients
        .iter()
        .filter(|(_, span)| !span.attributes.is_empty())
        .map(|(_, span)| span.span_id.as_u64())
        .collect();
    let mut pairs = 0;
    for (real, parent, mut span) in servers {
        correlation.apply(store, &mut span);
        assert_eq!(span.trace_id, expected_id(real), "{}", file.display());
        // Some headers were made up by hand: their client is no span.
        let expected = parent.filter(|&parent| ids.contains(&(real, parent)));
        assert_eq!(span.parent, expected.map(|id| Parent::new(span_id(id), true)), "{}", file.display());
        pairs += u64::from(expected.is_some_and(|id| answered.contains(&id)));
    }
    let [offset] = &correlation.report().offsets[..] else {
        panic!("{}: {:?}", file.display(), correlation.report())
    };
    assert_eq!((offset.pairs, offset.contradictions), (pairs, 0), "{}", file.display());
    let (low, high) = bounds(offset).expect("all agree");
    assert!((low..=high).contains(&i128::from(behind)), "{}: {behind} not in {low}..={high}", file.display());
    eprintln!("{}: {pairs} pairs, {:?}", file.display(), offset.estimate);
    pairs
}

#[test]
fn truth_is_found_again() {
    let mut files: Vec<_> =
        ["cut", "flight", "stream"].map(|name| common::testdata(&format!("fork/{name}.truth.json"))).into();
    for name in ["http_core", "gens"] {
        let file = common::testdata(&format!("../../shared/traces/fork/{name}.truth.json"));
        if file.exists() {
            files.push(file);
        } else {
            eprintln!("skipped: {} is not there", file.display());
        }
    }
    for behind in [0, 1_000_000, 3_600_000_000_000] {
        let pairs: u64 = files.iter().map(|file| check_truth(file, behind)).sum();
        assert!(pairs >= 20, "{pairs}");
    }
}

/// The spans of recordings, their servers taken for another process with a clock of its own.
#[test]
fn servers_of_recordings_find_their_clients_again() {
    const BEHIND: u64 = 5_000_000;
    let (mut joined, mut answered) = (0, 0);
    for name in ["cut", "flight.0", "flight.1", "flight.2", "tls", "withspan"] {
        let (spans, _) = common::spans_of(&format!("fork/{name}.trace"), MapperOptions::default());
        let is_server = |span: &Span| span.scope == Scope::Http && span.kind == SpanKind::Server;
        let (servers, others): (Vec<_>, Vec<_>) = spans.into_iter().partition(is_server);
        let alone: Vec<_> = servers
            .iter()
            .map(|server| {
                let mut alone = server.clone();
                alone.parent = None;
                (alone.start.0, alone.end.0) = (alone.start.0 - BEHIND, alone.end.0 - BEHIND);
                alone
            })
            .collect();
        let (correlation, indices) = correlated(&[&others, &alone]);
        for (server, alone) in servers.iter().zip(&alone) {
            let expected = server.parent.map(|parent| Parent::new(parent.span_id, true));
            let found = parent_of(&correlation, indices[1], alone);
            assert!(expected.is_none() || found == expected, "{name}: {server:#?} {found:?}");
            joined += u64::from(found.is_some());
        }
        for offset in &correlation.report().offsets {
            let (low, high) = bounds(offset).expect("all agree");
            assert!((low..=high).contains(&i128::from(BEHIND)), "{name}: {low}..={high}");
            answered += offset.pairs;
        }
    }
    assert!(joined >= 10 && answered >= 10, "{joined} {answered}");
}
