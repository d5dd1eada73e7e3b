#![no_main]
//! Level 3, strict: salvaging the same bytes never gives less, and says so where strict reading fails.
use go_trace_format::{Mode, Reader, ReaderOptions};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(strict) = ReaderOptions::new().mode(Mode::Strict).read_slice(trace) else { return };
    let strict = trace_fuzz::dump(strict);
    let salvaged = trace_fuzz::dump(Reader::from_slice(trace).expect("the same header"));
    // The sync event at the end comes before the error, too.
    assert!(salvaged.events >= strict.events);
    assert!(strict.error.is_none() || !salvaged.losses.is_empty());
});
