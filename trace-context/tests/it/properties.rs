//! What holds for every input: no panic, what is displayed parses back equal, and what goes out is valid by a grammar
//! that was written apart from the crate.

use crate::grammar;
use go_trace_context::{
    Baggage, BaggageMember, Context, Fold, LogCarrier, SpanId, TraceFlags, TraceId, TraceParent, TraceState,
    extract, inject,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn trace_parent() -> impl Strategy<Value = TraceParent> {
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>()).prop_map(|(trace_id, span_id, flags)| {
        let trace_id = TraceId::from_u128(trace_id).expect("not zero");
        let span_id = SpanId::from_u64(span_id).expect("not zero");
        TraceParent::new(trace_id, span_id, TraceFlags::from_byte(flags))
    })
}

/// Bytes that are a `traceparent`, or nearly one: a valid text with a few bytes replaced, and something around it.
fn nearly_a_trace_parent() -> impl Strategy<Value = Vec<u8>> {
    let interesting = prop::sample::select(b" \t-.0123459afAFgz\0\xff".to_vec());
    let change = (0..55_usize, interesting.clone());
    (trace_parent(), vec(interesting.clone(), 0..3), vec(change, 0..4), vec(interesting, 0..4)).prop_map(
        |(parent, before, changes, after)| {
            let mut text = parent.to_string().into_bytes();
            for (at, byte) in changes {
                text[at] = byte;
            }
            [before, text, after].concat()
        },
    )
}

/// Bytes as they come in lists of members, valid or not.
fn list() -> impl Strategy<Value = Vec<u8>> {
    let characters = b"abz019_-*/@=,; \t%2F+\"\\AZ!~\0\x7f\xc3".to_vec();
    let piece = prop_oneof![
        6 => Just(b",".to_vec()),
        6 => "[a-z0-9][a-z0-9_*/@-]{0,9}=[ -+.-<>-~]{0,9}[!-+.-<>-~]".prop_map(String::into_bytes),
        6 => "[ \t]?[!#-&A-Za-z]{1,9}[ \t]?=[ \t]?[!#-+.-:<-\\[\\]-~]{0,9}(;[a-z]{1,3}(=[a-z%]{0,9})?){0,3}"
            .prop_map(String::into_bytes),
        1 => vec(prop::sample::select(characters), 0..20),
        1 => (1..300_usize, 1..300_usize).prop_map(|(key, value)| {
            format!("{}={}", "k".repeat(key), "v".repeat(value)).into_bytes()
        }),
    ];
    vec(piece, 0..90).prop_map(|pieces| pieces.concat())
}

fn header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let name =
        prop::sample::select(vec!["traceparent", "TraceState", "tracestate", "baggage", "BAGGAGE", "other"]);
    (name.prop_map(String::from), prop_oneof![nearly_a_trace_parent(), list(), vec(any::<u8>(), 0..99)])
}

fn trimmed(text: &[u8]) -> &[u8] {
    let is_kept = |byte: &u8| !b" \t".contains(byte);
    let start = text.iter().position(is_kept).unwrap_or(text.len());
    let end = text.iter().rposition(is_kept).map_or(start, |last| last + 1);
    &text[start..end]
}

proptest! {
    #[test]
    fn ids_and_flags_parse_back_equal(parent in trace_parent()) {
        prop_assert_eq!(parent.trace_id().to_string().parse(), Ok(parent.trace_id()));
        prop_assert_eq!(parent.span_id().to_string().parse(), Ok(parent.span_id()));
        prop_assert_eq!(TraceFlags::from_byte(parent.flags().to_byte()), parent.flags());
    }

    #[test]
    fn a_trace_parent_parses_back_equal(parent in trace_parent()) {
        let text = parent.to_string();
        prop_assert!(grammar::is_sent_traceparent(text.as_bytes()), "{}", text);
        prop_assert_eq!(text.parse(), Ok(parent));
    }

    #[test]
    fn t1_exactly_the_valid_trace_parents_are_accepted(
        text in prop_oneof![nearly_a_trace_parent(), vec(any::<u8>(), 0..70)],
    ) {
        prop_assert_eq!(TraceParent::from_bytes(&text).is_ok(), grammar::is_accepted_traceparent(&text));
    }

    #[test]
    fn t3_exactly_the_valid_trace_states_are_accepted(text in list()) {
        let members: Vec<_> = text.split(|byte| *byte == b',').map(trimmed).filter(|text| !text.is_empty()).collect();
        let is_valid = members.len() <= 32 && members.iter().all(|member| grammar::is_tracestate_member(member));
        match TraceState::from_headers([&text]) {
            Ok(state) => {
                prop_assert!(is_valid);
                prop_assert!(state.is_empty() || grammar::is_tracestate(state.to_string().as_bytes()));
                prop_assert_eq!(state.to_string().parse(), Ok(state));
            }
            Err(error) => prop_assert!(!is_valid, "{}", error),
        }
    }

    #[test]
    fn t3_a_trace_state_stays_valid_whatever_is_done_to_it(
        changes in vec(("[a-c]{1,2}|[A-Z ]{0,2}", "[a-c =,]{0,9}"), 0..99),
        characters in 0..600_usize,
    ) {
        let mut state = TraceState::new();
        for (key, value) in changes {
            match state.set(&key, &value) {
                Ok(_) => prop_assert_eq!(state.iter().next(), Some((&*key, &*value))),
                Err(_) => {
                    let member = [key, value].join("=");
                    prop_assert!(!grammar::is_tracestate_member(member.as_bytes()));
                }
            }
        }
        let before = state.len();
        prop_assert_eq!(state.shorten(characters), before - state.len());
        let text = state.to_string();
        prop_assert_eq!(text.len(), state.characters());
        prop_assert!(text.len() <= characters);
        prop_assert!(text.is_empty() || grammar::is_tracestate(text.as_bytes()));
    }

    #[test]
    fn t4_exactly_the_valid_members_are_accepted(values in vec(list(), 0..4)) {
        let members = values.iter().flat_map(|value| value.split(|byte| *byte == b',').map(trimmed));
        let members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
        let invalid = members.iter().filter(|member| !grammar::is_accepted_baggage_member(member)).count();

        let received = Baggage::from_headers(&values);
        prop_assert_eq!(received.invalid_members, invalid);
        prop_assert_eq!(received.baggage.len() + received.excess_members, members.len() - invalid);
        let text = received.baggage.to_string();
        prop_assert!(text.is_empty() || grammar::is_sent_baggage(text.as_bytes()), "{}", text);
        prop_assert_eq!(Baggage::from_headers([text]).baggage, received.baggage);
    }

    #[test]
    fn t4_any_text_is_a_value(key in "[a-z]{1,9}", value in any::<String>(), property in any::<String>()) {
        let member = BaggageMember::new(&key, &value).and_then(|member| member.with_property("p", Some(&property)));
        let member = member.expect("valid keys");
        prop_assert!(grammar::is_accepted_baggage_member(member.to_string().as_bytes()));
        prop_assert_eq!(member.value(), value);
        prop_assert_eq!(member.properties().next(), Some(("p", Some(property.into()))));
        prop_assert_eq!(member.to_string().parse(), Ok(member));
    }

    #[test]
    fn t2_whatever_comes_in_what_goes_out_is_valid(headers in vec(header(), 0..6), new in trace_parent()) {
        let context = extract(&headers).or_restart(|| new);
        let mut sent = Vec::new();
        inject(&context, &mut sent);
        for (name, value) in &sent {
            let is_valid = match name.as_str() {
                "traceparent" => grammar::is_sent_traceparent(value.as_bytes()),
                "tracestate" => grammar::is_tracestate(value.as_bytes()) && value.len() <= 512,
                "baggage" => grammar::is_sent_baggage(value.as_bytes()),
                _ => false,
            };
            prop_assert!(is_valid, "{}: {}", name, value);
        }
        let received: Context = extract(&sent).or_restart(|| unreachable!("a valid traceparent was sent"));
        prop_assert_eq!((received.parent, received.baggage), (context.parent, context.baggage));
    }

    #[test]
    fn a_stand_in_folds_back(value in 1..=u64::MAX) {
        let fold = Fold::from_u64(value).expect("not zero");
        prop_assert_eq!(Fold::of(fold.stand_in()), Some(fold));
    }

    #[test]
    fn no_log_message_panics(message in prop_oneof![nearly_a_trace_parent(), vec(any::<u8>(), 0..20)]) {
        for carrier in LogCarrier::ALL {
            let is_datadog = carrier == LogCarrier::DatadogSpanId;
            let is_id = message.len() == 8 && message != [0; 8];
            let is_valid = if is_datadog { is_id } else { grammar::is_accepted_traceparent(&message) };
            prop_assert_eq!(carrier.read(&message).is_ok(), is_valid);
        }
    }
}
