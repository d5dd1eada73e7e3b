#![no_main]
//! Level 2, each generation of any bytes on its own.
use go_trace_format::{EventKind, Mode, Reader};

libfuzzer_sys::fuzz_target!(|trace: &[u8]| {
    let Ok(mut reader) = Reader::from_slice(trace) else { return };
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        if matches!(event.kind(), EventKind::Sync(_)) {
            let mut events = reader.generation().events(Mode::Salvage);
            while events.next_event().expect("salvaging never fails").is_some() {}
        }
    }
});
