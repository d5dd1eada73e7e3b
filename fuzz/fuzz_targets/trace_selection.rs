#![no_main]
//! The events of a selection, of any bytes: those that a reader of all gives, and the same in pieces.
use std::io::Read;

use go_trace_format::{ReaderOptions, Selection};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let selection = Selection::USER.union(Selection::OPERATIONS);
    let (all, some) = (ReaderOptions::new(), ReaderOptions::new().events(selection));
    let Ok(whole) = all.read_slice(trace) else { return };
    let expected = trace_fuzz::places(whole, selection);
    assert!(
        some.read_slice(trace).map(|reader| trace_fuzz::places(reader, selection)).as_ref() == Ok(&expected)
    );
    let (head, tail) = trace.split_at(trace.len() / 2);
    assert!(some.read(head.chain(tail)).map(|reader| trace_fuzz::places(reader, selection)) == Ok(expected));
});
