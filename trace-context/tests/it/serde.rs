//! What serde makes of ids and headers.
#![cfg(feature = "serde")]

use go_trace_context::{SpanId, TraceFlags, TraceId, TraceParent, TraceState};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn texts_of_headers_and_back() {
    let parent: TraceParent = PARENT.parse().unwrap();
    let state: TraceState = "rojo=1,congo=2".parse().unwrap();
    let all = (parent.trace_id(), parent.span_id(), parent.flags(), parent, state);
    let json = serde_json::to_string(&all).unwrap();
    let expected =
        format!(r#"["0af7651916cd43dd8448eb211c80319c","b7ad6b7169203331",1,"{PARENT}","rojo=1,congo=2"]"#);
    assert_eq!(json, expected);
    let back: (TraceId, SpanId, TraceFlags, TraceParent, TraceState) = serde_json::from_str(&json).unwrap();
    assert_eq!(back, all);
}

#[test]
fn what_is_no_id_is_refused() {
    for wrong in
        [r#""00000000000000000000000000000000""#, r#""0AF7651916CD43DD8448EB211C80319C""#, r#""""#, "7"]
    {
        assert!(serde_json::from_str::<TraceId>(wrong).is_err(), "{wrong}");
    }
    let error = serde_json::from_str::<SpanId>("7").unwrap_err().to_string();
    assert!(error.contains("expected 16 lower-case hexadecimal digits"), "{error}");
}
