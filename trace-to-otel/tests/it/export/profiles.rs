//! Profiles: sent like the other signals, with a word about their version, and split where they are too large.

use std::sync::Arc;

use go_trace_format::Reader;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use prost::Message;
use trace_to_otel::{
    Resource,
    otlp::{
        Batch, Config, Encoding, Exporter, Headers, MalformedBatch, Protocol, RetryOptions, Settings, Signal,
        profile_batches,
    },
    profiles::{ProfileKind, Profiles, ProfilesCollector},
};

use crate::export::{
    grpc_receiver::{GrpcReceiver, GrpcReply},
    http_receiver::{Answer, HttpReceiver, Reply},
};

const VERSION: &str = "otlp-profiles-development-version";

fn profiles() -> Profiles {
    let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
    let mut reader = Reader::from_slice(trace).unwrap();
    let mut collector = ProfilesCollector::default();
    while let Some(event) = reader.next_event().unwrap() {
        collector.event(&event);
    }
    collector.finish()
}

fn batch(encoding: Encoding) -> Batch {
    let batches =
        profile_batches(encoding, &Resource::new(), &Arc::new(profiles()), &ProfileKind::ALL, usize::MAX);
    let [batch] = <[Batch; 1]>::try_from(batches).unwrap();
    batch
}

fn config(protocol: Protocol, endpoint: &str) -> Config {
    // Who has set the version by hand says it no second time.
    let headers = Headers::new().with(VERSION, "7").unwrap();
    let settings = Settings::new().with_protocol(protocol).with_headers(headers);
    settings.with_endpoint(endpoint).unwrap().resolve(Signal::Profiles).unwrap()
}

fn exporter(protocol: Protocol, endpoint: &str) -> Exporter {
    Exporter::new(config(protocol, endpoint)).unwrap().with_retry(RetryOptions::never())
}

fn samples(request: &[u8]) -> usize {
    let request = ExportProfilesServiceRequest::decode(request).unwrap();
    let scopes = request.resource_profiles.iter().flat_map(|resource| &resource.scope_profiles);
    scopes.flat_map(|scope| &scope.profiles).map(|profile| profile.samples.len()).sum()
}

#[tokio::test]
async fn http_requests_tell_their_version_once() {
    let answer = r#"{"partialSuccess":{"rejectedProfiles":"2","errorMessage":"no room"}}"#;
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let receiver =
            HttpReceiver::start([Reply::Answer(Answer::new(200, "application/json", answer))]).await;
        let batch = batch(protocol.encoding());
        let exporter = exporter(protocol, &format!("{}/base/", receiver.endpoint));
        let accepted = exporter.export(&batch).await.unwrap();
        assert_eq!((accepted.rejected, &*accepted.message), (2, "no room"));
        let [received] = &receiver.received()[..] else { panic!("one request") };
        assert_eq!(received.line, "POST /base/v1development/profiles HTTP/1.1");
        assert_eq!(received.headers(VERSION), ["1"]);
        assert_eq!(received.body, batch.bytes());
    }
}

#[tokio::test]
async fn grpc_calls_tell_their_version_once() {
    let receiver = GrpcReceiver::start([GrpcReply::Accept(3, "no room")]).await;
    let batch = batch(Encoding::Protobuf);
    let accepted = exporter(Protocol::Grpc, &receiver.endpoint).export(&batch).await.unwrap();
    assert_eq!((accepted.rejected, &*accepted.message), (3, "no room"));
    let [call] = &receiver.received()[..] else { panic!("one call") };
    assert_eq!(call.path, "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export");
    assert_eq!(call.headers.get_all(VERSION).iter().collect::<Vec<_>>(), ["1"]);
    assert_eq!(call.message, batch.bytes());
}

#[tokio::test]
async fn what_is_too_large_goes_out_in_halves() {
    let too_large = Reply::Answer(Answer::new(413, "text/plain", ""));
    let fine = Reply::Answer(Answer::new(200, "application/json", "{}"));
    let receiver = HttpReceiver::start([too_large.clone(), too_large, fine]).await;
    let batch = batch(Encoding::Protobuf);
    let all = batch.records();
    let delivery = exporter(Protocol::HttpProtobuf, &receiver.endpoint).export_splitting(batch).await;
    assert!(delivery.undelivered.is_empty(), "{:?}", delivery.undelivered[0].1);
    let sent: Vec<_> = receiver.received().iter().map(|received| samples(&received.body)).collect();
    let (half, quarter) = (all / 2, all / 2 / 2);
    assert_eq!(sent, [all, half, quarter, half - quarter, all - half]);
}

#[test]
fn a_request_cannot_be_joined_nor_read_back() {
    let batch = batch(Encoding::Protobuf);
    assert_eq!(Batch::join(&[batch.clone(), batch.clone()]), None);
    let read = Batch::from_bytes(Signal::Profiles, Encoding::Protobuf, batch.into_bytes());
    assert!(matches!(read, Err(MalformedBatch { .. })));
}

#[test]
fn variables_of_their_own_say_where_they_go() {
    let look_up = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://other:4318".to_owned()),
        "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT" => Some("http://here:4040/take".to_owned()),
        _ => None,
    };
    let config = Config::from_environment(Signal::Profiles, look_up).unwrap();
    assert_eq!(config.endpoint.to_string(), "http://here:4040/take");
    let config =
        Settings::new().with_endpoint("http://here:4318").unwrap().resolve(Signal::Profiles).unwrap();
    assert_eq!(config.endpoint.to_string(), "http://here:4318/v1development/profiles");
}
