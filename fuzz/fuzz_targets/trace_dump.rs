#![no_main]
//! The text dump of any bytes: one whole line or more for each event.
use go_trace_format::Reader;

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(reader) = Reader::from_slice(trace) else { return };
    let dump = trace_fuzz::dump(reader);
    assert_eq!(dump.error, None);
    assert!(dump.text.starts_with(b"M=") && dump.text.ends_with(b"\n"));
    assert!(dump.text.split(|&byte| byte == b'\n').count() > dump.events);
});
