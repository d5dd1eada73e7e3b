//! The encoders against `opentelemetry-proto`, over records at random.

mod arbitrary;
mod expected;
#[cfg(feature = "sdk")]
mod sdk;

use expected::Expected;
use go_trace_context::{SpanId, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as ProtoValue,
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use trace_to_otel::{
    Attribute, Resource, Scope, Span, UnixTime,
    otlp::{Batch, Encoder, Encoding, MalformedBatch, Signal},
};

/// All batches of some records, each with the records that it has to have.
fn encode<'a, T: Expected>(
    encoding: Encoding,
    resource: &Resource,
    records: &'a [T],
    max_bytes: usize,
) -> Vec<(Batch, &'a [T])> {
    let mut encoder = Encoder::new(encoding, resource).with_max_bytes(max_bytes);
    let (mut batches, mut start) = (Vec::new(), 0);
    for (index, record) in records.iter().enumerate() {
        let expected = (encoder.encoded_len(), encoder.records());
        if let Some(batch) = encoder.add(record).expect("small records") {
            assert_eq!((batch.bytes().len(), batch.records()), expected);
            batches.push((batch, &records[start..index]));
            start = index;
        }
        assert!(encoder.encoded_len() <= max_bytes || encoder.records() == 1);
    }
    let expected = (encoder.encoded_len(), encoder.records());
    match encoder.finish() {
        Some(batch) => {
            assert_eq!((batch.bytes().len(), batch.records()), expected);
            batches.push((batch, &records[start..]));
        }
        None => assert_eq!(expected, (0, 0)),
    }
    assert_eq!(encoder.finish(), None, "no empty envelope");
    batches
}

/// Protobuf: byte for byte what `prost` makes of the messages.
fn check_protobuf<T: Expected>(resource: &Resource, records: &[T], max_bytes: usize) {
    for (batch, records) in encode(Encoding::Protobuf, resource, records, max_bytes) {
        assert!(batch.bytes() == T::request(resource, records).encode_to_vec(), "{:x?}", batch.bytes());
        check_parts(&batch, resource, records);
    }
}

/// JSON: the same message as in Protobuf.
fn check_json<T: Expected>(resource: &Resource, records: &[T], max_bytes: usize) {
    for (batch, records) in encode(Encoding::Json, resource, records, max_bytes) {
        let decoded: T::Request = serde_json::from_slice(batch.bytes()).expect("JSON of a request");
        let expected = T::request(resource, records);
        assert!(decoded == expected, "{decoded:#?}\n{expected:#?}");
        check_parts(&batch, resource, records);
    }
}

/// Joined batches are one request with the resources of all of them, in order, in either encoding.
fn check_joined<T: Expected>(resources: &[Resource], records: &[T]) {
    let of = |encoding| {
        let each = resources.iter().flat_map(|resource| encode(encoding, resource, records, usize::MAX));
        let parts: Vec<_> = each.map(|(batch, _)| batch).collect();
        (Batch::join(&parts), parts)
    };
    let (Some(joined), parts) = of(Encoding::Protobuf) else {
        assert!(records.is_empty() || resources.is_empty());
        return;
    };
    assert_eq!(joined.records(), parts.iter().map(Batch::records).sum::<usize>());
    let expected = T::Request::decode(joined.bytes()).expect("a request");
    for resource in resources {
        let alone = T::request(resource, records).encode_to_vec();
        assert!(parts.iter().any(|part| part.bytes() == alone));
    }
    let (of_json, json_parts) = of(Encoding::Json);
    let decoded: T::Request = serde_json::from_slice(of_json.expect("as many").bytes()).expect("JSON");
    assert!(decoded == expected, "{decoded:#?}\n{expected:#?}");
    assert_eq!(Batch::join(&[parts[0].clone(), json_parts[0].clone()]), None, "two encodings");
}

/// A batch is read back from its bytes, and its halves are the requests of one half of the records each.
fn check_parts<T: Expected>(batch: &Batch, resource: &Resource, records: &[T]) {
    let again = Batch::from_bytes(batch.signal(), batch.encoding(), batch.bytes().to_vec());
    assert_eq!(again.as_ref(), Ok(batch));
    match batch.clone().split() {
        Err(whole) => assert_eq!((&whole, whole.records()), (batch, 1)),
        Ok(halves) => {
            let sorted = T::in_order(records);
            let (first, second) = sorted.split_at(halves[0].records());
            for (half, records) in halves.iter().zip([first, second]) {
                let encoded = encode(batch.encoding(), resource, records, usize::MAX);
                assert!(encoded.len() == 1 && encoded[0].0 == *half, "{half:?}");
                check_parts(half, resource, records);
            }
        }
    }
}

macro_rules! properties {
    ($($records:ident: $record:ident in $signal:expr;)*) => {$(
        mod $records {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(48))]

                #[test]
                fn protobuf_is_what_prost_writes(
                    resource in arbitrary::resource(),
                    records in vec(arbitrary::$record(), 0..20),
                    max_bytes in 0_usize..60_000,
                ) {
                    check_protobuf(&resource, &records, max_bytes);
                }

                #[test]
                fn json_is_the_same_message(
                    resource in arbitrary::resource(),
                    records in vec(arbitrary::$record(), 0..20),
                    max_bytes in 0_usize..60_000,
                ) {
                    check_json(&resource, &records, max_bytes);
                }

                #[test]
                fn joined_batches_are_one_request(
                    resources in vec(arbitrary::resource(), 0..4),
                    records in vec(arbitrary::$record(), 0..5),
                ) {
                    check_joined(&resources, &records);
                }

                #[test]
                fn damaged_batches_are_refused_or_split(
                    records in vec(arbitrary::$record(), 1..5),
                    cut in any::<prop::sample::Index>(),
                    (at, byte) in any::<(prop::sample::Index, u8)>(),
                ) {
                    for encoding in [Encoding::Protobuf, Encoding::Json] {
                        let batches = encode(encoding, &Resource::new(), &records, usize::MAX);
                        let mut bytes = batches[0].0.bytes().to_vec();
                        let cut = bytes[..cut.index(bytes.len())].to_vec();
                        prop_assert!(Batch::from_bytes($signal, encoding, cut).is_err());
                        let longer = [&bytes[..], b"}"].concat();
                        prop_assert!(Batch::from_bytes($signal, encoding, longer).is_err());
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                        if let Ok(batch) = Batch::from_bytes($signal, encoding, bytes) {
                            prop_assert!(batch.records() > 0);
                            let records = batch.records();
                            if let Ok(halves) = batch.split() {
                                let halves = halves.each_ref().map(Batch::records);
                                prop_assert_eq!(halves.iter().sum::<usize>(), records);
                            }
                        }
                    }
                }
            }
        }
    )*};
}

properties! {
    spans: span in Signal::Traces;
    logs: log in Signal::Logs;
    metrics: metric in Signal::Metrics;
}

fn span(number: u64) -> Span {
    let (trace_id, span_id) = (TraceId::from_u128(7), SpanId::from_u64(number));
    let (start, end) = (UnixTime(number), UnixTime(number + 10));
    Span::new(trace_id.expect("not 0"), span_id.expect("not 0"), Scope::Task, "work", (start, end))
}

#[test]
fn numbers_that_json_lacks_are_strings() {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut span = span(1);
    span.attributes = numbers.iter().map(|&number| Attribute::new("n", number)).collect();
    let batch = encode(Encoding::Json, &Resource::new(), &[span.clone()], usize::MAX).remove(0).0;
    let json: serde_json::Value = serde_json::from_slice(batch.bytes()).expect("JSON");
    let attributes = json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].as_array();
    let values: Vec<_> =
        attributes.expect("attributes").iter().map(|pair| &pair["value"]["doubleValue"]).collect();
    assert_eq!(values, ["NaN", "Infinity", "-Infinity"]);

    let batch = encode(Encoding::Protobuf, &Resource::new(), &[span], usize::MAX).remove(0).0;
    let request = ExportTraceServiceRequest::decode(batch.bytes()).expect("a request");
    let decoded = &request.resource_spans[0].scope_spans[0].spans[0].attributes;
    let values = decoded.iter().map(|pair| match pair.value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(ProtoValue::DoubleValue(number)) => number.to_bits(),
        other => panic!("{other:?}"),
    });
    assert!(values.eq(numbers.map(f64::to_bits)));
}

#[test]
fn batches_are_cut_only_where_the_next_record_does_not_fit() {
    let spans: Vec<_> = (1..=1_000).map(span).collect();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let max_bytes = 5_000;
        let batches = encode(encoding, &Resource::new(), &spans, max_bytes);
        for pair in batches.windows(2) {
            let one_more = [pair[0].1, &pair[1].1[..1]].concat();
            let fits = encode(encoding, &Resource::new(), &one_more, usize::MAX);
            assert!(fits[0].0.bytes().len() > max_bytes);
        }
    }
}

#[test]
fn a_record_beyond_every_limit_is_refused_and_nothing_else() {
    let mut encoder = Encoder::new(Encoding::Protobuf, &Resource::new());
    let mut huge = span(2);
    huge.name = "x".repeat(Encoder::<Span>::LARGEST_MAX_BYTES).into();
    assert_eq!(encoder.add(&span(1)), Ok(None));
    let error = encoder.add(&huge).expect_err("too large");
    assert!(error.bytes() > Encoder::<Span>::LARGEST_MAX_BYTES);
    assert_eq!(encoder.add(&span(3)), Ok(None));
    let batch = encoder.finish().expect("two spans");
    assert_eq!(
        batch,
        encode(Encoding::Protobuf, &Resource::new(), &[span(1), span(3)], usize::MAX).remove(0).0
    );
}

#[test]
fn batches_of_other_writers_and_signals_are_refused() {
    let refuse = |signal, encoding, bytes: &[u8]| -> MalformedBatch {
        Batch::from_bytes(signal, encoding, bytes.to_vec()).expect_err("not ours")
    };
    for bytes in ["", "{}", "null", "[", "{\"resourceSpans\":[]}", "{\"resourceSpans\":[{}]}"] {
        refuse(Signal::Traces, Encoding::Json, bytes.as_bytes());
    }
    let spans = encode(Encoding::Json, &Resource::new(), &[span(1)], usize::MAX).remove(0).0;
    refuse(Signal::Logs, Encoding::Json, spans.bytes());
    refuse(Signal::Traces, Encoding::Protobuf, spans.bytes());
    refuse(Signal::Traces, Encoding::Protobuf, b"");
    // A request without spans, and one of two resources.
    let mut request = Span::request(&Resource::new(), &[]);
    refuse(Signal::Traces, Encoding::Protobuf, &request.encode_to_vec());
    request = Span::request(&Resource::new(), &[span(1)]);
    request.resource_spans.push(request.resource_spans[0].clone());
    refuse(Signal::Traces, Encoding::Protobuf, &request.encode_to_vec());
    refuse(Signal::Traces, Encoding::Json, &serde_json::to_vec(&request).expect("JSON"));
    let text = refuse(Signal::Traces, Encoding::Json, b"[]").to_string();
    assert!(text.contains("traces") && text.contains("Json"), "{text}");
}
