#![no_main]
//! The headers of a request, one on each line: what goes out comes in again as the same context.
use go_trace_context::{LogCarrier, TraceState, extract, inject};

libfuzzer_sys::fuzz_target!(|head: &[u8]| {
    let lines = head.split(|&byte| byte == b'\n').map(|line| line.splitn(2, |&byte| byte == b':'));
    let headers = lines.filter_map(|mut parts| parts.next().zip(parts.next()));
    headers.clone().for_each(|(_, value)| _ = LogCarrier::ALL.map(|carrier| carrier.read(value)));
    let new_trace = || "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03".parse().expect("valid");
    let mut context = extract(headers).or_restart(new_trace);
    context.state.shorten(TraceState::SENT_CHARACTERS);
    let mut sent = Vec::new();
    assert_eq!(inject(&context, &mut sent), 0);
    assert_eq!(extract(&sent).or_restart(|| unreachable!()), context);
});
