#![no_main]
//! Format v1, any bytes behind its header, or behind one that the first byte chooses: salvaging gives what strict reading does, or
//! says why not; pieces give what a slice does.
use std::{borrow::Cow, io::Read};

use go_trace_format::{Mode, Reader, ReaderOptions, Version};
use trace_fuzz::dump;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let trace = with_header(bytes);
    let cut = usize::from(bytes.last().copied().unwrap_or_default()) * 16 % trace.len();
    let (head, tail) = trace.split_at(cut);
    let salvaged = dump(Reader::from_slice(&trace).expect("a header"));
    assert!(salvaged.error.is_none() && salvaged.events <= 2 * trace.len());
    assert!(salvaged == dump(Reader::new(head.chain(tail)).expect("a header")));
    let strict = dump(ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header"));
    // Strict reading believes times that cannot be, as Go does.
    assert!(!salvaged.losses.is_empty() || strict.error.is_none() && strict.text == salvaged.text);
});

fn with_header(bytes: &[u8]) -> Cow<'_, [u8]> {
    let old: Vec<_> = Version::ALL.into_iter().filter(|version| version.is_v1()).collect();
    if old.iter().any(|version| bytes.starts_with(&version.header())) {
        return bytes.into();
    }
    let (version, bytes) =
        bytes.split_first().map_or((0, bytes), |(&first, rest)| (usize::from(first), rest));
    [&old[version % old.len()].header()[..], bytes].concat().into()
}
