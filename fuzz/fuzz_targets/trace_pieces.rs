#![no_main]
//! The same trace from a slice, from a source that gives it in two pieces, and read ahead on another thread: the same text, errors
//! and losses.
use std::io::{Cursor, Read};

use go_trace_format::{Mode, ReaderOptions};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let cut = trace.last().map_or(0, |&byte| trace.len() * usize::from(byte) / 256);
    let (head, tail) = trace.split_at(cut);
    for mode in [Mode::Strict, Mode::Salvage] {
        let options = ReaderOptions::new().mode(mode);
        let ahead = options.read_ahead(Cursor::new(trace.to_vec()));
        let readers = [options.read_slice(trace), options.read(head.chain(tail)), ahead];
        let [slice, pieces, ahead] = readers.map(|reader| reader.map(trace_fuzz::dump));
        assert!(slice == pieces);
        assert!(slice == ahead);
    }
});
