//! What the real Collector holds after the spans of every recording were sent to it, field by field.

use std::{
    collections::BTreeMap,
    env,
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use go_trace_context::{SpanId, TraceId};
use go_trace_format::Reader;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, InstrumentationScope, any_value::Value},
    resource,
    trace::{
        self,
        v1::{ResourceSpans, ScopeSpans},
    },
};
use prost::Message;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use trace_harness::{Collector, build};
use trace_to_otel::{
    Histogram, HistogramPoint, LogRecord, Mapper, Metric, MetricData, NumberPoint, Resource, Scope, Span,
    Temporality, UnixTime,
    otlp::{
        Batch, BlockingExporter, Compression, Encoder, Encoding, ExportErrorKind, Exporter, Protocol, Record,
        RetryOptions, Settings, Signal, profile_batches,
    },
    profiles::{ProfileKind, Profiles, ProfilesCollector},
};

/// Where the Collector is not built yet, this would take minutes and the Go module proxy: `.ci/collector` asks for it.
const REQUIRE: &str = "REQUIRE_COLLECTOR";

const PROTOCOLS: [Protocol; 3] = [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc];
const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

#[test]
fn every_field_of_every_span_arrives() {
    let Some((collector, _directory)) = start() else { return };
    let spans = recorded_spans();
    let mut sent = Vec::new();
    for protocol in PROTOCOLS {
        for compression in COMPRESSIONS {
            let way = format!("{protocol} {compression}");
            let resource = Resource::new().with("service.instance.id", &*way);
            send(&exporter(&collector, protocol, compression), &resource, &spans);
            sent.push((way, resource));
        }
    }
    let file = collector.file("traces");
    collector.stop().unwrap();
    let mut arrived = arrived(&file);
    for (way, resource) in sent {
        let expected = expected(&resource, &spans);
        let arrived = arrived.remove(&way).unwrap_or_default();
        assert_eq!((arrived.len(), expected.len()), (spans.len(), spans.len()), "{way}");
        for (arrived, expected) in arrived.iter().zip(&expected) {
            assert_eq!(arrived, expected, "{way}");
        }
        println!("{way}: {} spans", arrived.len());
    }
    assert!(arrived.is_empty(), "nobody has sent {:?}", arrived.keys());
}

/// The other signals, by each protocol.
#[test]
fn log_records_and_metrics_arrive() {
    let Some((collector, _directory)) = start() else { return };
    let logs = [1, 2].map(|number| LogRecord::new(UnixTime(number), "cache missed"));
    let mut histogram = Histogram::new(vec![0.5, 1.0]);
    [0.25, 0.75, 9.0].into_iter().for_each(|seconds| histogram.record(seconds));
    let (start, time) = (UnixTime(1), UnixTime(2));
    let points = vec![NumberPoint::new(time, 7_i64), NumberPoint::new(time, 0.1)];
    let metrics = [
        Metric::new("go.goroutine.count", "{goroutine}", "Live goroutines.", MetricData::Gauge(points)),
        Metric::new(
            "go.schedule.duration",
            "s",
            "",
            MetricData::Histogram {
                temporality: Temporality::Delta,
                points: vec![HistogramPoint::new(start, time, histogram)],
            },
        ),
    ];
    send_records(&collector, &logs);
    send_records(&collector, &metrics);
    let (log_file, metric_file) = (collector.file("logs"), collector.file("metrics"));
    collector.stop().unwrap();
    assert_requests::<ExportLogsServiceRequest>(&log_file, &batch_of(Encoding::Protobuf, &logs));
    assert_requests::<ExportMetricsServiceRequest>(&metric_file, &batch_of(Encoding::Protobuf, &metrics));
}

/// Profiles, by each protocol, and in pieces: as they were sent, dictionaries and all.
#[test]
fn profiles_arrive() {
    let Some((collector, _directory)) = start() else { return };
    let profiles = Arc::new(profiles_of("go1.27/http.trace"));
    let resource = Resource::new().with("service.name", "shop");
    let batches = |encoding, most| profile_batches(encoding, &resource, &profiles, &ProfileKind::ALL, most);
    let mut sent = Vec::new();
    for protocol in PROTOCOLS {
        let exporter = sender(Signal::Profiles, settings(&collector, protocol, Compression::Gzip));
        // What arrives is JSON: where that was sent, it is known where it was cut.
        let sizes =
            if protocol.encoding() == Encoding::Json { &[usize::MAX, 8 << 10][..] } else { &[usize::MAX] };
        for &most in sizes {
            for batch in batches(protocol.encoding(), most) {
                let accepted = exporter.export(&batch).unwrap();
                assert_eq!((accepted.rejected, accepted.is_acknowledged), (0, true));
            }
            sent.extend(batches(Encoding::Json, most).iter().map(|batch| json(batch.bytes())));
        }
    }
    assert!(sent.len() > 2 * PROTOCOLS.len(), "{}", sent.len());
    let file = collector.file("profiles");
    collector.stop().unwrap();
    let arrived = fs::read_to_string(file).unwrap();
    let arrived: Vec<_> = arrived.lines().map(|line| json(line.as_bytes())).collect();
    assert_eq!(arrived.len(), sent.len());
    for (arrived, sent) in arrived.into_iter().zip(sent) {
        assert_eq!(with_plain_resource(arrived, texts(&sent).len()), sent);
    }
}

/// A request of profiles as it was before the Collector: it puts the texts of the resource into the dictionary, behind the first
/// `count`.
fn with_plain_resource(mut request: serde_json::Value, count: usize) -> serde_json::Value {
    let table = texts(&request).clone();
    let text = |place: &serde_json::Value| table[place.as_str().unwrap().parse::<usize>().unwrap()].clone();
    let attributes = &mut request["resourceProfiles"][0]["resource"]["attributes"];
    for attribute in attributes.as_array_mut().unwrap() {
        let (key, value) =
            (text(&attribute["keyStrindex"]), text(&attribute["value"]["stringValueStrindex"]));
        *attribute = serde_json::json!({ "key": key, "value": { "stringValue": value } });
    }
    request["dictionary"]["stringTable"].as_array_mut().unwrap().truncate(count);
    request
}

fn texts(request: &serde_json::Value) -> &Vec<serde_json::Value> {
    request["dictionary"]["stringTable"].as_array().unwrap()
}

fn profiles_of(recording: &str) -> Profiles {
    let bytes = fs::read(testdata().join(recording)).unwrap();
    let mut reader = Reader::from_slice(&bytes).unwrap();
    let mut collector = ProfilesCollector::default();
    while let Some(event) = reader.next_event().unwrap() {
        collector.event(&event);
    }
    collector.finish()
}

/// JSON without what has its default value, and with all numbers as texts: OTLP's JSON leaves both open.
fn json(text: &[u8]) -> serde_json::Value {
    fn normal(value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value as V;
        match value {
            V::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, normal(value)));
                let is_default = |value: &V| match value {
                    V::String(text) => text.is_empty() || text == "0",
                    V::Array(items) => items.is_empty(),
                    // The Collector writes a message that is not there as an empty one: they mean the same.
                    V::Object(members) => members.is_empty(),
                    other => other.is_null(),
                };
                V::Object(members.filter(|(_, value)| !is_default(value)).collect())
            }
            V::Array(items) => V::Array(items.into_iter().map(normal).collect()),
            V::Number(number) => V::String(number.to_string()),
            other => other,
        }
    }
    normal(serde_json::from_slice(text).unwrap())
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

fn batch_of<T: Record>(encoding: Encoding, records: &[T]) -> Batch {
    let mut encoder = Encoder::new(encoding, &Resource::new());
    records.iter().for_each(|record| assert!(encoder.add(record).unwrap().is_none()));
    encoder.finish().expect("records")
}

fn send_records<T: Record>(collector: &Collector, records: &[T]) {
    for protocol in PROTOCOLS {
        let settings = settings(collector, protocol, Compression::Gzip);
        let accepted = sender(T::SIGNAL, settings).export(&batch_of(protocol.encoding(), records)).unwrap();
        assert_eq!((accepted.rejected, accepted.is_acknowledged), (0, true));
    }
}

/// Each line of the file, one for each protocol, is the request that was sent.
fn assert_requests<R: Message + Default + DeserializeOwned + PartialEq + Debug>(file: &Path, sent: &Batch) {
    let sent = R::decode(sent.bytes()).unwrap();
    let lines = fs::read_to_string(file).unwrap();
    let arrived: Vec<R> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(arrived.len(), PROTOCOLS.len());
    arrived.iter().for_each(|arrived| assert_eq!(arrived, &sent));
}

/// What the real one answers where something is wrong: a limit, a wrong port, a wrong path.
#[test]
fn the_collectors_answers_are_understood() {
    let Some((collector, _directory)) = start() else { return };
    let (http, grpc) = (collector.http_endpoint(), collector.grpc_endpoint());
    let small = batches(Encoding::Protobuf, &Resource::new(), &made_spans(1, 10)).remove(0);
    // Who takes a call for nonsense may break the connection before its words are read: then only trying again tells.
    let mut retry = RetryOptions::default();
    retry.max_attempts = 50;
    (retry.initial_backoff, retry.max_backoff) = (Duration::from_millis(10), Duration::from_millis(50));
    let send = |protocol, settings: Settings| {
        let config = settings.with_protocol(protocol).resolve(Signal::Traces).unwrap();
        let exporter = Exporter::new(config).unwrap().with_retry(retry.clone());
        BlockingExporter::new(exporter).unwrap().export(&small)
    };
    let general = |endpoint: &str| Settings::new().with_endpoint(endpoint).unwrap();
    let exact = |endpoint: String| Settings::new().with_exact_endpoint(&endpoint).unwrap();
    for (outcome, kind) in [
        (send(Protocol::HttpProtobuf, exact(format!("{http}/v1/nothing"))), ExportErrorKind::NotFound),
        (send(Protocol::HttpProtobuf, exact(http.clone())), ExportErrorKind::NotFound),
        (send(Protocol::HttpProtobuf, exact(format!("{http}/v1/logs"))), ExportErrorKind::Rejected),
        (send(Protocol::HttpProtobuf, general(&grpc)), ExportErrorKind::NotOtlp),
        (send(Protocol::Grpc, general(&http)), ExportErrorKind::NotOtlp),
        (send(Protocol::Grpc, exact(format!("{grpc}/base"))), ExportErrorKind::NotFound),
        (send(Protocol::HttpProtobuf, general(&http.replace("http:", "https:"))), ExportErrorKind::Tls),
        (send(Protocol::Grpc, general(&grpc.replace("http:", "https:"))), ExportErrorKind::Tls),
    ] {
        let error = outcome.unwrap_err();
        println!("{error}");
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// By default it takes 4 MiB by gRPC and 20 MiB by HTTP.
#[test]
fn what_is_too_large_for_the_collector_is_split() {
    let Some((collector, _directory)) = start() else { return };
    let spans = made_spans(2_500, 10_000);
    let resource = Resource::new().with("service.instance.id", "large");
    let large = batches_of(Encoding::Protobuf, &resource, &spans, usize::MAX).remove(0);
    assert!(large.bytes().len() > 20 << 20);
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let exporter = exporter(&collector, protocol, Compression::None);
        let error = exporter.export(&large).unwrap_err();
        println!("{error}");
        assert_eq!(error.kind(), ExportErrorKind::TooLarge, "{error}");
        let delivery = exporter.export_splitting(large.clone()).unwrap();
        assert!(delivery.undelivered.is_empty(), "{:?}", delivery.undelivered[0].1);
    }
    let file = collector.file("traces");
    collector.stop().unwrap();
    let sent_twice = spans.iter().chain(&spans).cloned().collect::<Vec<_>>();
    assert!(arrived(&file)["large"] == expected(&resource, &sent_twice));
}

/// The Collector, and the folder that it writes to; none where nobody has asked for it.
fn start() -> Option<(Collector, TempDir)> {
    if env::var_os(REQUIRE).is_none() {
        println!("skipped: it builds an OpenTelemetry Collector; run .ci/collector or set {REQUIRE}");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::start(&build("collector", false).unwrap(), directory.path()).unwrap();
    Some((collector, directory))
}

/// So many spans with names of so many bytes.
fn made_spans(count: u64, name_length: usize) -> Vec<Span> {
    let trace_id = TraceId::from_u128(0xF00).unwrap();
    let name = "x".repeat(name_length);
    let span = |number| {
        let times = (UnixTime(number), UnixTime(number + 5));
        Span::new(trace_id, SpanId::from_u64(number).unwrap(), Scope::Task, &*name, times)
    };
    (1..=count).map(span).collect()
}

/// The spans of every recording in `testdata`.
fn recorded_spans() -> Vec<Span> {
    let testdata = testdata();
    let mut recordings = Vec::new();
    find_recordings(&testdata, &mut recordings);
    assert!(!recordings.is_empty(), "{} holds no recording", testdata.display());
    recordings.sort();
    let mut spans: Vec<Span> = Vec::new();
    for recording in recordings {
        let bytes = fs::read(&recording).unwrap();
        let mut mapper = Mapper::new();
        // Damaged recordings end early, and have no fewer spans to send before that.
        if let Ok(mut reader) = Reader::from_slice(&bytes) {
            while let Ok(Some(event)) = reader.next_event() {
                mapper.event(&event, &mut spans).unwrap();
            }
        }
        mapper.finish(&mut spans).unwrap();
    }
    assert!(spans.len() > 500, "{} spans", spans.len());
    spans
}

fn find_recordings(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_recordings(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "trace") {
            found.push(path);
        }
    }
}

fn settings(collector: &Collector, protocol: Protocol, compression: Compression) -> Settings {
    let endpoint = match protocol {
        Protocol::Grpc => collector.grpc_endpoint(),
        _ => collector.http_endpoint(),
    };
    let settings = Settings::new().with_protocol(protocol).with_compression(compression);
    settings.with_endpoint(&endpoint).unwrap()
}

fn exporter(collector: &Collector, protocol: Protocol, compression: Compression) -> BlockingExporter {
    sender(Signal::Traces, settings(collector, protocol, compression))
}

/// Sends once.
fn sender(signal: Signal, settings: Settings) -> BlockingExporter {
    let exporter = Exporter::new(settings.resolve(signal).unwrap()).unwrap();
    BlockingExporter::new(exporter.with_retry(RetryOptions::never())).unwrap()
}

fn batches(encoding: Encoding, resource: &Resource, spans: &[Span]) -> Vec<Batch> {
    batches_of(encoding, resource, spans, 32 << 10)
}

fn batches_of(encoding: Encoding, resource: &Resource, spans: &[Span], max_bytes: usize) -> Vec<Batch> {
    let mut encoder = Encoder::new(encoding, resource).with_max_bytes(max_bytes);
    let mut batches: Vec<_> = spans.iter().filter_map(|span| encoder.add(span).unwrap()).collect();
    batches.extend(encoder.finish());
    batches
}

fn send(exporter: &BlockingExporter, resource: &Resource, spans: &[Span]) {
    let encoding = exporter.exporter().config().protocol.encoding();
    for batch in batches(encoding, resource, spans) {
        let accepted = exporter.export(&batch).unwrap();
        assert!(accepted.is_acknowledged, "{accepted:?}");
        assert_eq!((accepted.rejected, &*accepted.message), (0, ""));
    }
}

/// A span with all that stands around it.
#[derive(Debug, PartialEq)]
struct WholeSpan {
    resource: Option<resource::v1::Resource>,
    resource_schema: String,
    scope: Option<InstrumentationScope>,
    scope_schema: String,
    span: trace::v1::Span,
}

/// The spans of the Collector's file, by `service.instance.id`.
fn arrived(file: &Path) -> BTreeMap<String, Vec<WholeSpan>> {
    let mut requests = BTreeMap::<_, Vec<_>>::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        let request: ExportTraceServiceRequest = serde_json::from_str(line).unwrap();
        for resource in request.resource_spans {
            requests.entry(instance(&resource)).or_default().push(resource);
        }
    }
    requests.into_iter().map(|(instance, resources)| (instance, whole_spans(resources))).collect()
}

/// All spans, in an order that does not depend on where requests were cut.
fn whole_spans(resources: impl IntoIterator<Item = ResourceSpans>) -> Vec<WholeSpan> {
    let mut spans = Vec::new();
    for ResourceSpans { resource, scope_spans, schema_url: resource_schema } in resources {
        for ScopeSpans { scope, spans: of_scope, schema_url: scope_schema } in scope_spans {
            for mut span in of_scope {
                // The Collector writes a status that is not there as an empty one: they mean the same.
                span.status.get_or_insert_default();
                let (resource, resource_schema) = (resource.clone(), resource_schema.clone());
                let (scope, scope_schema) = (scope.clone(), scope_schema.clone());
                spans.push(WholeSpan { resource, resource_schema, scope, scope_schema, span });
            }
        }
    }
    spans.sort_by_cached_key(|whole| whole.span.encode_to_vec());
    spans
}

fn instance(resource: &ResourceSpans) -> String {
    let attributes = &resource.resource.as_ref().expect("a resource").attributes;
    let attribute = attributes.iter().find(|attribute| attribute.key == "service.instance.id");
    match attribute.and_then(|attribute| attribute.value.as_ref()) {
        Some(AnyValue { value: Some(Value::StringValue(text)), .. }) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// What was sent, read by OpenTelemetry's own types.
fn expected(resource: &Resource, spans: &[Span]) -> Vec<WholeSpan> {
    let batches = batches(Encoding::Protobuf, resource, spans).into_iter();
    let requests = batches.map(|batch| ExportTraceServiceRequest::decode(batch.bytes()).unwrap());
    whole_spans(requests.flat_map(|request| request.resource_spans))
}
