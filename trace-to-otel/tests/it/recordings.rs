//! What holds for the spans of every recording: in `testdata`, and beside the project where there are more.

use std::{collections::BTreeSet, fs, path::Path};

use crate::common;
use go_trace_format::{ReaderOptions, TraceStream};
use opentelemetry_semantic_conventions::attribute as semantic;
use trace_to_otel::{Anatomy, Mapper, MapperOptions, Scope, Span};

/// The attributes of the conventions that spans may have: names of others are mistakes.
const CONVENTIONS: [&str; 28] = [
    semantic::CODE_FILE_PATH,
    semantic::CODE_FUNCTION_NAME,
    semantic::CODE_LINE_NUMBER,
    semantic::CODE_STACKTRACE,
    semantic::DB_QUERY_SUMMARY,
    semantic::DB_QUERY_TEXT,
    semantic::DB_SYSTEM_NAME,
    semantic::DNS_QUESTION_NAME,
    semantic::ERROR_TYPE,
    semantic::HTTP_REQUEST_METHOD,
    semantic::HTTP_RESPONSE_STATUS_CODE,
    semantic::MESSAGING_OPERATION_NAME,
    semantic::MESSAGING_OPERATION_TYPE,
    semantic::MESSAGING_SYSTEM,
    semantic::NETWORK_PEER_ADDRESS,
    semantic::NETWORK_PEER_PORT,
    semantic::NETWORK_TRANSPORT,
    semantic::RPC_METHOD,
    semantic::RPC_SYSTEM_NAME,
    semantic::SERVER_ADDRESS,
    semantic::SERVER_PORT,
    semantic::THREAD_ID,
    semantic::TLS_CIPHER,
    semantic::TLS_ESTABLISHED,
    semantic::TLS_PROTOCOL_NAME,
    semantic::TLS_PROTOCOL_VERSION,
    semantic::URL_FULL,
    semantic::URL_PATH,
];

/// The traces in a folder, by name; a stream's traces one by one.
fn traces_in(folder: &Path, traces: &mut Vec<(String, Vec<u8>)>) {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.display().to_string();
        if path.is_dir() {
            traces_in(&path, traces);
        } else if name.ends_with(".trace") {
            traces.push((name, fs::read(&path).expect("a file")));
        } else if name.ends_with("stream.bin") {
            let bytes = fs::read(&path).expect("a file");
            let mut stream = TraceStream::new(&bytes[..]);
            while let Some(trace) = stream.next_trace().expect("whole traces") {
                traces.push((name.clone(), trace.to_vec()));
            }
        }
    }
}

/// Every recording there is.
fn recordings() -> Vec<(String, Vec<u8>)> {
    let mut traces = Vec::new();
    traces_in(&common::testdata("."), &mut traces);
    assert!(traces.len() > 50, "only {} recordings in testdata", traces.len());
    let shared = common::testdata("../../shared/traces");
    if shared.is_dir() {
        traces_in(&shared, &mut traces);
    } else {
        eprintln!("{} is not there: only the recordings in testdata are read", shared.display());
    }
    traces
}

/// The spans of a recording with everything switched on; none of a version that cannot be read.
fn spans_of(trace: &[u8]) -> Option<(Mapper, Vec<Span>)> {
    let mut options = MapperOptions::default();
    (options.unsampled, options.state_events, options.stacks) = (true, true, true);
    let mut reader = ReaderOptions::new().read(trace).ok()?;
    let (mut mapper, mut spans) = (Mapper::with_options(options), Vec::new());
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    let Ok(()) = mapper.finish(&mut spans);
    Some((mapper, spans))
}

#[test]
fn attributes_are_of_the_conventions_or_of_our_own() {
    let mut seen = BTreeSet::new();
    for (name, trace) in recordings() {
        for span in spans_of(&trace).iter().flat_map(|(_, spans)| spans) {
            let attributes =
                span.attributes.iter().chain(span.events.iter().flat_map(|event| &event.attributes));
            let anatomy = span.anatomy.iter().flat_map(Anatomy::attributes).map(|(key, _)| key);
            for key in attributes.map(|attribute| &*attribute.key).chain(anatomy) {
                let is_known = key.starts_with("gotrace.") || CONVENTIONS.contains(&key);
                assert!(is_known, "{name}: {key} in {span:#?}");
                seen.insert(key.to_owned());
            }
        }
    }
    for key in [semantic::URL_FULL, semantic::DB_QUERY_TEXT, semantic::TLS_CIPHER, "gotrace.time.running"] {
        assert!(seen.contains(key), "{key} is in no recording");
    }
}

#[test]
fn anatomies_sum_to_durations() {
    let mut bound = 0;
    for (name, trace) in recordings() {
        for span in spans_of(&trace).iter().flat_map(|(_, spans)| spans) {
            let Some(anatomy) = &span.anatomy else { continue };
            let sum = anatomy.running + anatomy.runnable + anatomy.syscall + anatomy.waiting();
            assert_eq!(sum, span.duration_nanos(), "{name}: {span:#?}");
            assert!(anatomy.gc_assist <= sum, "{name}: {span:#?}");
            bound += 1;
        }
    }
    assert!(bound > 1000, "only {bound} spans are bound to a goroutine");
}

/// Operations of a recording with scheduling are bound to goroutines, as tasks and regions are.
#[test]
fn whole_operations_have_anatomies() {
    for recording in ["net", "sql", "tls", "withspan"] {
        let (spans, _) = common::spans_of(&format!("fork/{recording}.trace"), MapperOptions::default());
        let is_operation = |span: &&Span| !matches!(span.scope, Scope::Range | Scope::Task | Scope::Region);
        let whole = |span: &&Span| span.attribute("gotrace.incomplete").is_none();
        for span in spans.iter().filter(is_operation).filter(whole) {
            assert!(span.anatomy.is_some(), "{recording}: {span:#?}");
        }
    }
}

#[test]
fn nothing_open_is_forgotten() {
    for (name, trace) in recordings() {
        let Some((mapper, spans)) = spans_of(&trace) else { continue };
        let counters = mapper.counters();
        assert_eq!(counters.spans, spans.len() as u64, "{name}");
        assert_eq!((counters.dropped_spans, counters.evicted_spans), (0, 0), "{name}");
        for span in &spans {
            assert!(span.start <= span.end && !span.name.is_empty(), "{name}: {span:#?}");
            assert!(span.parent.is_none_or(|parent| parent.span_id != span.span_id), "{name}: {span:#?}");
        }
    }
}

#[test]
fn events_together_give_what_they_give_one_by_one() {
    for (name, trace) in recordings() {
        let Ok(mut one_by_one) = ReaderOptions::new().read(&trace[..]) else { continue };
        let Ok(mut together) = ReaderOptions::new().read(&trace[..]) else { continue };
        let (mut first, mut expected) = (Mapper::new(), Vec::new());
        while let Some(event) = one_by_one.next_event().expect("slices can be read") {
            let Ok(()) = first.event(&event, &mut expected);
        }
        let (mut second, mut spans) = (Mapper::new(), Vec::new());
        while let Some(mut events) = together.next_events().expect("slices can be read") {
            let Ok(()) = second.events(&mut events, &mut spans);
        }
        let (Ok(()), Ok(())) = (first.finish(&mut expected), second.finish(&mut spans));
        assert_eq!(spans, expected, "{name}");
        assert_eq!(second.counters(), first.counters(), "{name}");
    }
}
