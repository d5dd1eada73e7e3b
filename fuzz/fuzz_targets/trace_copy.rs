#![no_main]
//! Whatever generations any bytes hold, what is copied of them is whole.
use go_trace_format::wire::{BatchKind, Batches};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Some(copy) = trace_fuzz::copy(trace) else { return };
    let batches = Batches::new(&copy).expect("a header");
    let (version, dialect) = (batches.version(), batches.dialect());
    for batch in batches.map(|batch| batch.expect("a whole batch")) {
        let is_events = batch.kind(version, dialect) == BatchKind::Events;
        assert!(!is_events || batch.events(dialect).all(|event| event.is_ok()));
    }
});
