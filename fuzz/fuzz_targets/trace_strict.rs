#![no_main]
//! Level 3, strict: what it accepts, salvaging reads without a loss.
use go_trace_format::{Mode, Reader, ReaderOptions};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(mut strict) = ReaderOptions::new().mode(Mode::Strict).read_slice(trace) else { return };
    while let Ok(event) = strict.next_event() {
        if event.is_none() {
            let mut salvage = Reader::from_slice(trace).expect("the same header");
            while salvage.next_event().expect("salvaging never fails").is_some() {}
            assert!(salvage.losses().is_empty(), "{}", salvage.losses());
            break;
        }
    }
});
