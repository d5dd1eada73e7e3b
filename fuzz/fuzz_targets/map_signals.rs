#![no_main]
//! Profiles and metrics of any bytes after a header, which name spans: the last three bytes say how many of these at most, how many
//! stacks, and which profile is written.
use go_trace_format::Reader;
use trace_fuzz::check_signals;
use trace_to_otel::profiles::{ProfileKind, ProfilesOptions};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(reader) = Reader::from_slice(trace) else { return };
    let &[.., kind, stacks, spans] = trace else { return };
    let mut options = ProfilesOptions::default();
    let limit = |byte: u8, most| if byte < 64 { byte.into() } else { most };
    (options.max_stacks, options.max_spans) =
        (limit(stacks, options.max_stacks), limit(spans, options.max_spans));
    check_signals(reader, options, ProfileKind::ALL.get(usize::from(kind) % 32).copied());
});
