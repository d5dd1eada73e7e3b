#![no_main]
//! A stream of length-prefixed traces, each a snapshot that follows the one before it.
use std::io::Cursor;

use go_trace_format::{Reader, TraceStream};

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    let mut traces = TraceStream::new(stream);
    let mut earlier: Option<Reader<'_>> = None;
    while let Ok(Some(trace)) = traces.next_trace() {
        let Ok(reader) = Reader::new(Cursor::new(trace.to_vec())) else { continue };
        let mut reader = match earlier.take() {
            Some(earlier) => reader.follow(earlier),
            None => reader,
        };
        while reader.next_event().expect("salvaging never fails").is_some() {}
        earlier = Some(reader);
    }
});
