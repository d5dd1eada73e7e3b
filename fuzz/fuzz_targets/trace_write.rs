#![no_main]
//! What the writer makes of any scenario is read back to its end, and strictly where nothing went wrong in it.
use go_trace_format::{Mode, ReaderOptions};
use trace_scenario::Scenario;

libfuzzer_sys::fuzz_target!(|scenario: Scenario| {
    let trace = scenario.encode().expect("a scenario that can be written");
    let mode = if scenario.faults.is_empty() { Mode::Strict } else { Mode::Salvage };
    let mut reader = ReaderOptions::new().mode(mode).read_slice(&trace).expect("a header");
    while reader.next_event().expect("a sound trace").is_some() {}
    assert!(mode == Mode::Salvage || reader.losses().is_empty());
});
