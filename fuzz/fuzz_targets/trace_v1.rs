#![no_main]
//! Format v1, any bytes behind its header: salvaging gives what strict reading does, or says why not; pieces give what a slice does.
use std::io::Read;

use go_trace_format::{Mode, Reader, ReaderOptions, Version};
use trace_fuzz::dump;

libfuzzer_sys::fuzz_target!(|input: (u8, u16, &[u8])| {
    let (version, cut, bytes) = input;
    let old: Vec<_> = Version::ALL.into_iter().filter(|version| version.is_v1()).collect();
    let trace = [&old[usize::from(version) % old.len()].header()[..], bytes].concat();
    let (head, tail) = trace.split_at(usize::from(cut) % trace.len());
    let salvaged = dump(Reader::from_slice(&trace).expect("a header"));
    assert!(salvaged.error.is_none() && salvaged.events <= 2 * trace.len());
    assert!(salvaged == dump(Reader::new(head.chain(tail)).expect("a header")));
    let strict = dump(ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header"));
    // Strict reading believes times that cannot be, as Go does.
    assert!(!salvaged.losses.is_empty() || strict.error.is_none() && strict.text == salvaged.text);
});
