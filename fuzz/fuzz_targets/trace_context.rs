#![no_main]
//! Headers in any number and order: what goes out comes in again as the same context.
use trace_context::{LogCarrier, TraceState, extract, inject};

libfuzzer_sys::fuzz_target!(|headers: Vec<(u8, Vec<u8>)>| {
    headers.iter().for_each(|(at, value)| _ = LogCarrier::ALL[usize::from(at % 4)].read(value));
    let names = ["traceparent", "tracestate", "baggage", "TraceState"];
    let pairs = headers.iter().map(|(name, value)| (names[usize::from(name % 4)], value));
    let new_trace = || "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03".parse().expect("valid");
    let mut context = extract(pairs).or_restart(new_trace);
    context.state.shorten(TraceState::SENT_CHARACTERS);
    let mut sent = Vec::new();
    assert_eq!(inject(&context, &mut sent), 0);
    assert_eq!(extract(&sent).or_restart(|| unreachable!()), context);
});
