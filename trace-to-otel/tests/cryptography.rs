//! Whose cryptography a connection uses. A process has one provider, so that this is a test program of its own.
#![cfg(feature = "http")]

use std::{fs, net::TcpListener, sync::Arc, thread};

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};
use trace_to_otel::{
    Resource, Scope, Span, UnixTime,
    go_trace_context::{SpanId, TraceId},
    otlp::{
        BlockingExporter, Config, Encoder, Encoding, ExportErrorKind, Exporter, RetryOptions, Settings,
        Signal,
    },
};

/// Tells that it was asked.
#[derive(Debug)]
struct NoRandomness;

impl SecureRandom for NoRandomness {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        Err(GetRandomFailed)
    }
}

fn config(endpoint: &str) -> (Config, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("authority.pem");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    fs::write(&authority, params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
    let settings = Settings::new().with_endpoint(endpoint).unwrap().with_certificate(authority);
    (settings.resolve(Signal::Traces).unwrap(), directory)
}

#[test]
fn what_the_program_has_installed_is_used() {
    let (encrypted, _directory) = config("https://localhost:4318");
    let before = Exporter::new(encrypted).map(drop);
    if cfg!(feature = "ring") {
        assert_eq!(before, Ok(()));
    } else {
        let error = before.unwrap_err().to_string();
        assert!(error.contains("feature `ring`") && error.contains("install_default"), "{error}");
        Exporter::new(config("http://localhost:4318").0).expect("plain connections need no cryptography");
    }

    let provider = CryptoProvider { secure_random: &NoRandomness, ..ring::default_provider() };
    provider.install_default().expect("the first one");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (config, _directory) =
        config(&format!("https://localhost:{}", listener.local_addr().unwrap().port()));
    let receiver = thread::spawn(move || listener.accept().map(drop));
    let exporter = Exporter::new(config).unwrap().with_retry(RetryOptions::never());
    let exporter = BlockingExporter::new(exporter).unwrap();
    let mut encoder = Encoder::new(Encoding::Protobuf, &Resource::new());
    let ids = (TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
    let span = Span::new(ids.0, ids.1, Scope::Task, Arc::<str>::from("order"), (UnixTime(1), UnixTime(2)));
    encoder.add(&span).unwrap();
    let error = exporter.export(&encoder.finish().unwrap()).unwrap_err();
    assert!(error.message().contains("random"), "{error}");
    assert_eq!(error.kind(), ExportErrorKind::Tls);
    receiver.join().unwrap().unwrap();
}
