#![no_main]
//! Level 1, batches and raw events of any bytes: no more events than bytes.
use go_trace_format::wire::Batches;

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(batches) = Batches::new(trace) else { return };
    let dialect = batches.dialect();
    let events = batches.flatten().flat_map(|batch| batch.events(dialect)).count();
    assert!(events <= trace.len());
});
