//! What the tests share: batches, exporters, and clocks that nobody waits for.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use go_trace_context::{SpanId, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::{net::TcpSocket, sync::Notify};
use trace_to_otel::{
    Resource, Scope, Span, UnixTime,
    otlp::{
        Batch, Compression, Config, Encoder, Encoding, ExportError, ExportErrorKind, Exporter, Headers, Pace,
        Protocol, RetryOptions, Settings, Signal,
    },
};

/// Longer than any answer takes, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(300);

/// A value of a header that must not be in any message.
pub(crate) const SECRET: &str = "Bearer s3cr3t-t0ken";

pub(crate) fn batch(encoding: Encoding, spans: u64) -> Batch {
    named_batch(encoding, spans, "order")
}

pub(crate) fn named_batch(encoding: Encoding, spans: u64, name: &str) -> Batch {
    let mut encoder = Encoder::new(encoding, &Resource::new()).with_max_bytes(64 << 20);
    for number in 1..=spans {
        let ids = (TraceId::from_u128(0xF00).unwrap(), SpanId::from_u64(number).unwrap());
        let times = (UnixTime(number), UnixTime(number + 5));
        assert!(encoder.add(&Span::new(ids.0, ids.1, Scope::Task, name, times)).unwrap().is_none());
    }
    encoder.finish().expect("spans")
}

/// The names of the spans of a request.
pub(crate) fn span_count(request: &[u8]) -> usize {
    let request = ExportTraceServiceRequest::decode(request).expect("a request");
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

pub(crate) fn settings(protocol: Protocol, endpoint: &str) -> Settings {
    Settings::new()
        .with_protocol(protocol)
        .with_endpoint(endpoint)
        .unwrap()
        .with_headers(Headers::new().with("authorization", SECRET).unwrap())
        .with_timeout(PATIENCE)
}

pub(crate) fn config(settings: Settings) -> Config {
    settings.resolve(Signal::Traces).unwrap()
}

/// Sends once.
pub(crate) fn exporter(protocol: Protocol, endpoint: &str) -> Exporter {
    Exporter::new(config(settings(protocol, endpoint))).unwrap().with_retry(RetryOptions::never())
}

pub(crate) fn compressing(protocol: Protocol, endpoint: &str, compression: Compression) -> Exporter {
    Exporter::new(config(settings(protocol, endpoint).with_compression(compression))).unwrap()
}

/// Gives up soon: only for receivers that never answer, since any other may be late on a machine with much else to do.
pub(crate) fn impatient(protocol: Protocol, endpoint: &str) -> Exporter {
    let settings = settings(protocol, endpoint).with_timeout(Duration::from_secs(1));
    Exporter::new(config(settings)).unwrap().with_retry(RetryOptions::never())
}

/// An address where nobody listens, and nobody else can as long as the socket is kept.
pub(crate) fn deserted() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    (socket, endpoint)
}

/// The error of a kind, which tells no secret.
#[track_caller]
pub(crate) fn failed<T: std::fmt::Debug>(
    outcome: Result<T, ExportError>,
    kind: ExportErrorKind,
) -> ExportError {
    let error = outcome.expect_err("a failure");
    assert_eq!(error.kind(), kind, "{error}");
    for text in [error.to_string(), format!("{error:?}"), error.message().to_owned()] {
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
    assert!(error.to_string().contains(kind.advice()), "{error}");
    error
}

/// Time that stands still: who sleeps does for ever.
#[derive(Debug, Default)]
pub(crate) struct StillPace {
    asleep: Notify,
}

impl StillPace {
    /// Waits until somebody sleeps.
    pub(crate) async fn is_slept_on(&self) {
        self.asleep.notified().await;
    }
}

impl Pace for StillPace {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.asleep.notify_one();
        Box::pin(std::future::pending())
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// Time that passes when somebody sleeps, and chance that is always the same.
#[derive(Debug)]
pub(crate) struct FakePace {
    begin: Instant,
    wall: SystemTime,
    chance: f64,
    slept: Mutex<Vec<Duration>>,
}

impl FakePace {
    pub(crate) fn new(chance: f64) -> Arc<Self> {
        // 2026-11-23 12:00:00 UTC.
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_435_200);
        Arc::new(Self { begin: Instant::now(), wall, chance, slept: Mutex::default() })
    }

    /// How long each sleep was, in seconds.
    pub(crate) fn slept(&self) -> Vec<f64> {
        self.slept.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }

    fn passed(&self) -> Duration {
        self.slept.lock().unwrap().iter().sum()
    }
}

impl Pace for FakePace {
    fn now(&self) -> Instant {
        self.begin + self.passed()
    }

    fn wall_clock(&self) -> SystemTime {
        self.wall + self.passed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.slept.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }

    fn chance(&self) -> f64 {
        self.chance
    }
}
