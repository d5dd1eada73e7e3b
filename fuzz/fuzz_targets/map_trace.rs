#![no_main]
//! Spans of any bytes after a header: in order, in the trace's bounds, each once; the same where the mapper is put away
//! meanwhile, and the same batches in whatever pieces the bytes come.
use go_trace_format::{EventKind, Reader};
use trace_fuzz::{in_pieces, map};
use trace_to_otel::MapperOptions;

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(reader) = Reader::from_slice(trace) else { return };
    let read = || Reader::from_slice(trace).expect("the same header");
    let options = MapperOptions::default();
    let whole = map(reader, &options, |_, _| false);
    whole.check();
    let every = u64::from(trace.last().copied().unwrap_or_default()) * 8 + 1;
    let is_sync = |kind: EventKind<'_>| matches!(kind, EventKind::Sync(sync) if sync.generation.is_some());
    let stopped = map(read(), &options, |number, event| {
        whole.may_stop(number) && (number % every == 0 || is_sync(event.kind()))
    });
    assert_eq!(stopped.spans, whole.spans, "stopped before {:?}", stopped.stops);
    // A program may give the same context to two spans.
    let mut without_contexts = options;
    without_contexts.written_contexts = false;
    map(read(), &without_contexts, |_, _| false).check_ids();
    let sizes = [every as usize, 1, 4_096];
    assert!(in_pieces(trace, &sizes) == in_pieces(trace, &[]), "in pieces of {sizes:?}");
});
