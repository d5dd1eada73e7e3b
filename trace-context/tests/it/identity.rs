//! The Identity section of the mapping: 64-bit folds of trace ids, and contexts in the logs of a trace.

use std::num::NonZeroUsize;

use go_trace_context::{
    Fold, FoldIndex, LogCarrier, LogCarrierError, LogContext, ParseTraceParentError, Resolution, SpanId,
    TraceId,
};

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn id(high: u64, low: u64) -> TraceId {
    TraceId::from_u128(u128::from(high) << 64 | u128::from(low)).expect("not zero")
}

fn fold(value: u64) -> Fold {
    Fold::from_u64(value).expect("not zero")
}

#[test]
fn a_fold_is_the_high_half_xor_the_low_half() {
    assert_eq!(Fold::of(id(0xff00, 0x0ff0)), Some(fold(0xf0f0)));
    assert_eq!(Fold::of(id(0, 7)), Some(fold(7)), "a 64-bit id folds to itself");
    assert_eq!(fold(0xf0f0).to_string(), "000000000000f0f0");
    assert_eq!(format!("{:?}", fold(0xf0f0)), "Fold(000000000000f0f0)");
}

#[test]
fn a_fold_of_zero_joins_nothing() {
    assert_eq!(Fold::from_u64(0), None);
    assert_eq!(Fold::of(id(5, 5)), None);
}

#[test]
fn client_and_server_of_two_processes_meet_in_the_stand_in() {
    let folds = [1, 0xf0f0, u64::MAX, u64::from_be_bytes(*b"gotrace\0")].map(fold);
    for fold in folds {
        let stand_in = fold.stand_in();
        assert!(Fold::is_stand_in(stand_in));
        assert_eq!(Fold::of(stand_in), Some(fold), "it folds back");
    }
    assert_eq!(fold(1).stand_in().to_string(), "676f747261636500676f747261636501", "the same for ever");
    assert!(!Fold::is_stand_in(id(1, 2)));
    let marker = u64::from_be_bytes(*b"gotrace\0");
    assert!(!Fold::is_stand_in(id(marker, marker)), "no fold is 0");
}

#[test]
fn the_index_finds_the_full_id() {
    let mut index = FoldIndex::new();
    assert_eq!((index.len(), index.is_empty()), (0, true));
    assert_eq!(index.resolve(fold(3)), Resolution::Unknown);
    assert_eq!(index.insert(id(1, 2)), Resolution::Known(id(1, 2)));
    assert_eq!(index.insert(id(1, 2)), Resolution::Known(id(1, 2)), "again");
    assert_eq!(index.resolve(fold(3)), Resolution::Known(id(1, 2)));
    assert_eq!(index.replace(fold(3).stand_in()), id(1, 2));
    assert_eq!(index.replace(id(8, 9)), id(8, 9), "a real id stays");
    assert_eq!(index.replace(fold(4).stand_in()), fold(4).stand_in(), "an unknown one too");
    index.extend([id(1, 2), id(8, 9), id(8, 10)]);
    assert_eq!((index.len(), index.is_empty()), (3, false));
}

#[test]
fn ambiguity_is_reported_whatever_the_order() {
    let ids = [id(1, 2), id(2, 1), id(4, 7)];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let index: FoldIndex = order.into_iter().chain(order).map(|at| ids[at]).collect();
        let smallest = [id(1, 2), id(2, 1)];
        assert_eq!(index.resolve(fold(3)), Resolution::Ambiguous(smallest));
        assert_eq!(index.ambiguous().collect::<Vec<_>>(), [(fold(3), smallest)]);
        assert_eq!(index.replace(fold(3).stand_in()), fold(3).stand_in(), "nothing is guessed");
        assert_eq!(index.len(), 1);
    }
}

#[test]
fn ids_that_name_nothing_are_not_remembered() {
    let mut index = FoldIndex::new();
    assert_eq!(index.insert(id(5, 5)), Resolution::Unknown);
    assert_eq!(index.insert(fold(3).stand_in()), Resolution::Unknown);
    assert!(index.is_empty());
}

#[test]
fn memory_is_bounded_and_what_leaves_is_counted() {
    let mut index = FoldIndex::with_limit(NonZeroUsize::new(3).expect("not zero"));
    index.extend([id(0, 1), id(0, 2), id(0, 3)]);
    assert_eq!((index.len(), index.evicted()), (3, 0));
    assert_eq!(
        index.insert(id(0, 1)),
        Resolution::Known(id(0, 1)),
        "now 2 was not seen for the longest time"
    );
    assert_eq!(index.insert(id(0, 4)), Resolution::Known(id(0, 4)));
    assert_eq!((index.len(), index.evicted()), (3, 1));
    let known = [1, 2, 3, 4].map(|value| index.resolve(fold(value)) != Resolution::Unknown);
    assert_eq!(known, [true, false, true, true]);
    assert_eq!(index.replace(fold(2).stand_in()), fold(2).stand_in());
}

#[test]
fn an_ambiguous_fold_leaves_as_a_whole() {
    let mut index = FoldIndex::with_limit(NonZeroUsize::MIN);
    index.extend([id(1, 2), id(2, 1)]);
    assert_eq!((index.len(), index.evicted(), index.ambiguous().count()), (1, 0, 1));
    index.insert(id(0, 7));
    assert_eq!((index.len(), index.evicted(), index.ambiguous().count()), (1, 1, 0));
    assert_eq!(index.resolve(fold(3)), Resolution::Unknown);
}

#[test]
fn the_limit_holds_whatever_comes() {
    let mut index = FoldIndex::with_limit(NonZeroUsize::new(100).expect("not zero"));
    for number in 1..=10_000 {
        index.insert(id(number % 7, number * 31 % 997 + 1));
        assert!(index.len() <= 100);
    }
    assert_eq!(index.len(), 100);
    assert!(index.evicted() > 800);
    let ambiguous: Vec<_> = index.ambiguous().collect();
    for (fold, ids) in ambiguous {
        assert_eq!(index.resolve(fold), Resolution::Ambiguous(ids));
    }
    let known = FoldIndex::default().len();
    assert_eq!((known, FoldIndex::DEFAULT_LIMIT.get()), (0, 1 << 18));
}

fn read(category: &str, message: &[u8]) -> Result<LogContext, LogCarrierError> {
    LogCarrier::from_category(category.as_bytes()).expect("a carrier").read(message)
}

#[test]
fn traceparent_and_otel_traceparent_carry_the_own_context() {
    let own = VALID.parse().expect("valid");
    assert_eq!(read("traceparent", VALID.as_bytes()), Ok(LogContext::Own(own)));
    assert_eq!(read("otel.traceparent", VALID.as_bytes()), Ok(LogContext::Own(own)));
}

#[test]
fn traceparent_parent_carries_the_remote_parent() {
    let parent = VALID.parse().expect("valid");
    assert_eq!(read("traceparent.parent", VALID.as_bytes()), Ok(LogContext::RemoteParent(parent)));
}

#[test]
fn datadog_span_ids_are_8_raw_bytes_lowest_first() {
    let bytes = [0xff, 0, 0, 0, 0, 0, 0, 0x80];
    let id = SpanId::from_u64(0x8000_0000_0000_00ff).expect("not zero");
    assert_eq!(read("datadog.uint64_span_id", &bytes), Ok(LogContext::OwnSpanId(id)));
    for length in [0, 7, 9, 16] {
        let error = LogCarrierError::DatadogLength { length };
        assert_eq!(read("datadog.uint64_span_id", &vec![1; length]), Err(error));
    }
    assert_eq!(read("datadog.uint64_span_id", &[0; 8]), Err(LogCarrierError::DatadogZero));
}

#[test]
fn messages_are_bytes_and_bad_ones_are_told() {
    let error = LogCarrierError::TraceParent(ParseTraceParentError::TooShort { length: 2 });
    for category in ["traceparent", "otel.traceparent", "traceparent.parent"] {
        assert_eq!(read(category, b"\xff\xfe"), Err(error));
    }
    assert_eq!(error.to_string(), "not a traceparent: 2 bytes are fewer than the 55 it has");
    let error = LogCarrierError::DatadogLength { length: 9 };
    assert_eq!(error.to_string(), "a datadog.uint64_span_id has 8 bytes, but the message has 9");
    assert_eq!(LogCarrierError::DatadogZero.to_string(), "a datadog.uint64_span_id of 0 is no id");
}

#[test]
fn other_categories_are_ordinary_logs() {
    for category in ["", "Traceparent", "traceparent ", "tracestate", "datadog.span_id"] {
        assert_eq!(LogCarrier::from_category(category.as_bytes()), None);
    }
    assert_eq!(LogCarrier::from_category(b"\xff"), None);
    for carrier in LogCarrier::ALL {
        assert_eq!(LogCarrier::from_category(carrier.category().as_bytes()), Some(carrier));
    }
}
