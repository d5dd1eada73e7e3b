//! Conversions from and to `opentelemetry`: what one side cannot hold is counted.

#![cfg(feature = "opentelemetry")]

use go_trace_context::{Context, ParseIdError, SpanId, TraceId, TraceState};
use opentelemetry::trace as otel;

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

fn context(state: &str) -> Context {
    let mut context = Context::new(VALID.parse().expect("valid"));
    context.state = state.parse().expect("valid");
    context
}

fn span_context(flags: u8, state: otel::TraceState) -> otel::SpanContext {
    let trace_id = otel::TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").expect("valid");
    let span_id = otel::SpanId::from_hex("b7ad6b7169203331").expect("valid");
    otel::SpanContext::new(trace_id, span_id, otel::TraceFlags::new(flags), true, state)
}

fn entries(pairs: &[(&str, &str)]) -> otel::TraceState {
    otel::TraceState::from_key_value(pairs.iter().copied()).expect("OpenTelemetry accepts it")
}

#[test]
fn a_context_goes_there_and_back() {
    let there = context("rojo=1,congo=2").to_span_context(true);
    assert_eq!(there.value, span_context(3, entries(&[("rojo", "1"), ("congo", "2")])));
    assert_eq!((there.lost_entries, there.lost_flags, there.lost_members), (0, 0, 0));

    let back = Context::from_span_context(&there.value).expect("valid");
    assert_eq!(back.value, context("rojo=1,congo=2"));
    assert_eq!((back.lost_entries, back.lost_flags), (0, 0));
}

#[test]
fn remoteness_is_as_told() {
    assert!(context("").to_span_context(true).value.is_remote());
    assert!(!context("").to_span_context(false).value.is_remote());
}

#[test]
fn entries_that_opentelemetry_refuses_are_counted() {
    let there = context("a=1,foo@@bar=2,b=3,tenant@a-very-long-vendor=4").to_span_context(false);
    assert_eq!(there.value.trace_state().header(), "a=1,b=3");
    assert_eq!(there.lost_entries, 2);
}

#[test]
fn entries_that_level_2_forbids_are_counted() {
    let there = entries(&[("a", "1"), ("b", ""), ("c", "é"), ("d", "4")]);
    let back = TraceState::from_opentelemetry(&there);
    assert_eq!(back.value.to_string(), "a=1,d=4");
    assert_eq!(back.lost_entries, 2);
}

#[test]
fn repeated_keys_are_counted_and_the_first_stays() {
    let back = TraceState::from_opentelemetry(&entries(&[("a", "1"), ("b", "2"), ("a", "3")]));
    assert_eq!(back.value.to_string(), "a=1,b=2");
    assert_eq!(back.lost_entries, 1);
}

#[test]
fn flags_that_level_2_does_not_define_are_counted() {
    let back = Context::from_span_context(&span_context(0xf5, otel::TraceState::NONE)).expect("valid");
    assert_eq!(back.value.parent.flags().to_byte(), 1);
    assert_eq!(back.lost_flags, 0xf4);
}

#[test]
fn an_invalid_span_context_is_an_error() {
    assert_eq!(Context::from_span_context(&otel::SpanContext::NONE), Err(ParseIdError::Zero));
    assert_eq!(TraceId::try_from(otel::TraceId::INVALID), Err(ParseIdError::Zero));
    assert_eq!(SpanId::try_from(otel::SpanId::INVALID), Err(ParseIdError::Zero));
}

#[test]
fn entries_that_opentelemetry_accepts_in_any_form_are_counted() {
    let there = entries(&[("a", "1"), ("", "2"), ("c", "3\n"), ("d", "4 "), ("e", "\t5")]);
    let back = TraceState::from_opentelemetry(&there);
    assert_eq!((back.value.to_string().as_str(), back.lost_entries), ("a=1", 4));
    assert_eq!(Context::from_span_context(&span_context(0, there)).map(|back| back.lost_entries), Ok(4));
}

#[test]
fn baggage_has_no_room_in_a_span_context_and_is_counted() {
    let mut context = context("a=1");
    context.baggage.set("userId", "alice").expect("valid");
    context.baggage.set("region", "west").expect("valid");
    let there = context.to_span_context(false);
    assert_eq!((there.lost_members, there.lost_entries), (2, 0));
    let back = Context::from_span_context(&there.value).expect("valid");
    assert_eq!((back.value.baggage.len(), back.lost_members), (0, 0));
}

#[test]
fn all_32_entries_go_there_and_back() {
    let text = (0..32).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join(",");
    let there = context(&text).to_span_context(false);
    assert_eq!(there.value.trace_state().header(), text);
    assert_eq!(Context::from_span_context(&there.value).expect("valid").value, context(&text));
}
