#![no_main]
//! Level 3, salvaging: any bytes after a header are read to their end, in either dialect.
use go_trace_format::{Dialect, ReaderOptions};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    for dialect in [Dialect::Stock, Dialect::Fork] {
        let Ok(mut reader) = ReaderOptions::new().dialect(dialect).read_slice(trace) else { return };
        let mut events = 0;
        while reader.next_event().expect("salvaging never fails").is_some() {
            events += 1;
        }
        assert!(events <= 2 * trace.len());
    }
});
