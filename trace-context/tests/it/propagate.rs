//! Rules T1 and T2: from the headers of one request to those of the next.

use std::collections::{BTreeMap, HashMap};

use go_trace_context::{
    Context, EntryProblem, HeaderSink, ParseTraceParentError, RestartReason, SpanId, TraceFlags, TraceId,
    TraceParent, TraceState, TraceStateError, extract, inject,
};

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn new_trace() -> TraceParent {
    let trace_id = TraceId::from_u128(42).expect("not zero");
    TraceParent::new(trace_id, SpanId::from_u64(43).expect("not zero"), TraceFlags::RANDOM)
}

#[test]
fn t1_exactly_one_header() {
    assert_eq!(extract([("other", VALID)]).parent, Err(RestartReason::Missing));
    assert_eq!(extract([("traceparent", VALID)]).parent, Ok(VALID.parse().expect("valid")));
    for second in [VALID, "", "nonsense"] {
        let headers = [("traceparent", VALID), ("TraceParent", second)];
        assert_eq!(extract(headers).parent, Err(RestartReason::Repeated));
    }
}

#[test]
fn other_headers_are_not_read() {
    let headers = [("traceparent", VALID), ("accept", "a=1"), ("x-baggage", "b=2"), ("tracestates", "c=3")];
    let context = extract(headers).or_restart(new_trace);
    assert_eq!(context, Context::new(VALID.parse().expect("valid")));
}

#[test]
fn t2_the_reason_of_a_restart_can_be_told() {
    let reason = |headers: &[(&str, &str)]| extract(headers).parent.expect_err("a restart").to_string();
    assert_eq!(reason(&[]), "the request has no traceparent header");
    assert_eq!(reason(&[("traceparent", VALID); 2]), "the request has more than one traceparent header");
    assert_eq!(reason(&[("traceparent", "00")]), "not a traceparent: 2 bytes are fewer than the 55 it has");
}

#[test]
fn t1_header_names_compare_without_case() {
    for name in ["traceparent", "TraceParent", "TRACEPARENT", "tRACEPARENt"] {
        assert!(extract([(name, VALID)]).parent.is_ok());
    }
    for name in ["trace-parent", "trace.parent", "traceparent ", "xtraceparent"] {
        assert_eq!(extract([(name, VALID)]).parent, Err(RestartReason::Missing));
    }
}

#[test]
fn t2_an_invalid_traceparent_restarts_the_trace() {
    let extracted = extract([("traceparent", "00-")]);
    let error = ParseTraceParentError::TooShort { length: 3 };
    assert_eq!(extracted.parent, Err(RestartReason::Invalid(error)));
    assert_eq!(extracted.or_restart(new_trace).parent, new_trace());
}

#[test]
fn t2_without_a_valid_traceparent_tracestate_is_ignored() {
    for parent in [&[][..], &[("traceparent", "00-")], &[("traceparent", VALID), ("traceparent", VALID)]] {
        for state in ["foo=1", "FOO"] {
            let headers: Vec<_> = parent.iter().copied().chain([("tracestate", state)]).collect();
            let extracted = extract(&headers);
            assert_eq!(extracted.state, Ok(TraceState::new()));
            assert!(extracted.or_restart(new_trace).state.is_empty());
        }
    }
}

#[test]
fn t2_an_invalid_tracestate_never_affects_traceparent() {
    let extracted = extract([("traceparent", VALID), ("tracestate", "foo=1"), ("tracestate", "bar")]);
    let problem = EntryProblem::NoEquals;
    assert_eq!(extracted.state, Err(TraceStateError::Member { member: 1, problem }));
    let context = extracted.or_restart(new_trace);
    assert_eq!(context.parent.to_string(), VALID);
    assert!(context.state.is_empty());
}

#[test]
fn t2_baggage_needs_no_traceparent() {
    let context = extract([("Baggage", "a=1"), ("baggage", "b=2")]).or_restart(new_trace);
    assert_eq!(context.baggage.to_string(), "a=1,b=2");
}

#[test]
fn t4_dropped_members_are_counted() {
    let baggage = extract([("baggage", "a=1,b")]).baggage;
    assert_eq!((baggage.baggage.len(), baggage.invalid_members), (1, 1));
}

fn full_context() -> Context {
    let mut context = Context::new(VALID.parse().expect("valid"));
    context.state = "foo=1,bar=2".parse().expect("valid");
    context.baggage.set("a", "1").expect("valid");
    context
}

#[test]
fn what_is_injected_is_extracted() {
    let mut headers = Vec::new();
    assert_eq!(inject(&full_context(), &mut headers), 0);
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["traceparent", "tracestate", "baggage"]);
    assert_eq!(extract(&headers).or_restart(new_trace), full_context());
}

#[test]
fn t1_an_outgoing_request_names_a_span_of_its_own() {
    let span_id = SpanId::from_u64(7).expect("not zero");
    let outgoing = full_context().with_span_id(span_id);
    assert_eq!(outgoing.parent.trace_id(), full_context().parent.trace_id());
    assert_eq!(outgoing.parent.span_id(), span_id);
}

#[test]
fn t3_beyond_512_characters_whole_entries_are_left_out_and_counted() {
    let mut context = full_context();
    let entries = (0..10).map(|number| format!("k{number}={}", "v".repeat(60)));
    context.state = TraceState::from_headers(entries).expect("valid");
    let mut headers = Vec::new();
    assert_eq!(inject(&context, &mut headers), 2);
    assert_eq!(extract(&headers).state.map(|state| state.len()), Ok(8));
    assert_eq!(context.state.len(), 10, "the context itself stays whole");
}

/// Fills a sink with what came in, injects a bare context, and returns what goes out.
fn forward<S: HeaderSink>(mut sink: S) -> S {
    let bare = Context::new(new_trace());
    inject(&bare, &mut &mut sink);
    sink
}

#[test]
fn forwarded_headers_do_not_pass_for_the_own_ones() {
    let incoming = [("TraceParent", VALID), ("TraceState", "foo=1"), ("BAGGAGE", "a=1"), ("Accept", "*/*")];
    let incoming = incoming.map(|(name, value)| (name.to_string(), value.to_string()));
    let expected = [("Accept", "*/*"), ("traceparent", &*new_trace().to_string())]
        .map(|(name, value)| (name.to_string(), value.to_string()));

    assert_eq!(forward(incoming.to_vec()), expected);
    assert_eq!(forward(BTreeMap::from(incoming.clone())), BTreeMap::from(expected.clone()));
    #[cfg(feature = "std")]
    assert_eq!(forward(HashMap::from(incoming)), HashMap::from(expected));
}

#[test]
fn headers_are_read_from_the_usual_collections() {
    let pairs = [("traceparent".to_string(), VALID.to_string())];
    assert!(extract(&pairs).parent.is_ok());
    assert!(extract(pairs.to_vec()).parent.is_ok());
    let (sorted, hashed) = (BTreeMap::from(pairs.clone()), HashMap::from(pairs.clone()));
    assert!(extract(&sorted).parent.is_ok());
    assert!(extract(&hashed).parent.is_ok());
    assert!(extract([(b"traceparent", VALID.as_bytes())]).parent.is_ok());
}

#[cfg(feature = "http")]
mod with_http {
    use super::*;

    #[test]
    fn a_header_map_is_read_and_written() {
        let mut headers = http::HeaderMap::new();
        inject(&full_context(), &mut headers);
        assert_eq!(headers.len(), 3);
        assert_eq!(extract(&headers).or_restart(new_trace), full_context());

        headers.append("traceparent", VALID.parse().expect("a header value"));
        assert_eq!(extract(&headers).parent, Err(RestartReason::Repeated));
    }

    #[test]
    fn a_header_map_keeps_the_order_of_repeated_headers() {
        let mut headers = http::HeaderMap::new();
        headers.append("traceparent", VALID.parse().expect("a header value"));
        for value in ["foo=1", "bar=2", "baz=3"] {
            headers.append("tracestate", value.parse().expect("a header value"));
        }
        assert_eq!(extract(&headers).state, "foo=1,bar=2,baz=3".parse());
    }

    #[test]
    fn stale_headers_of_a_header_map_are_removed() {
        let mut headers = http::HeaderMap::new();
        inject(&full_context(), &mut headers);
        let headers = forward(headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["traceparent"], new_trace().to_string().as_str());
    }
}
