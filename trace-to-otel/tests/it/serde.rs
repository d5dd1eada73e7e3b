//! Spans and log records by serde, and back.
#![cfg(feature = "serde")]

use trace_to_otel::{LogRecord, Mapper, MapperOptions, Span, go_trace_format::Reader};

#[test]
fn spans_and_logs_come_back_as_they_were() {
    let mut options = MapperOptions::default();
    options.log_records = true;
    let mut mapper = Mapper::with_options(options);
    let mut sinks: (Vec<Span>, Vec<LogRecord>) = Default::default();
    let trace = include_bytes!("../../examples/http.trace");
    mapper.read(&mut Reader::from_slice(trace).unwrap(), &mut sinks).unwrap();
    mapper.finish(&mut sinks).unwrap();
    assert!(!sinks.0.is_empty() && !sinks.1.is_empty());
    let json = serde_json::to_string(&sinks).unwrap();
    assert_eq!(serde_json::from_str::<(Vec<Span>, Vec<LogRecord>)>(&json).unwrap(), sinks);

    let span = sinks.0.iter().find(|span| &*span.name == "query order").unwrap();
    let value = serde_json::to_value(span).unwrap();
    assert_eq!(value["trace_id"], span.trace_id.to_string());
    assert_eq!(value["parent"]["span_id"], span.parent.unwrap().span_id.to_string());
    assert_eq!((&value["scope"], &value["start"]), (&"Region".into(), &span.start.0.into()));
}
