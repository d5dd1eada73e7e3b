//! Encrypted connections, with an authority made for the test.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use trace_to_otel::otlp::{
    Accepted, Encoding, ExportError, ExportErrorKind, Exporter, Protocol, RetryOptions, Settings,
};

use crate::export::{
    grpc_receiver::{GrpcReceiver, GrpcReply},
    http_receiver::{Answer, HttpReceiver, Reply},
    support::{batch, config, failed, settings},
};

/// An authority and what it vouches for, as files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("authority.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn certify(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key)
    }

    /// Writes `client.pem` and `client.key`.
    fn certify_client(&self) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        fs::write(self.file("client.pem"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(self.file("client.key"), key.serialize_pem()).unwrap();
    }

    /// A server for `name`, which asks for a certificate where `wants_client`.
    fn acceptor(&self, name: &str, wants_client: bool, protocol: Protocol) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.certify(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut server = builder.with_single_cert(vec![certificate], key).unwrap();
        if protocol == Protocol::Grpc {
            server.alpn_protocols = vec![b"h2".to_vec()];
        }
        TlsAcceptor::from(Arc::new(server))
    }
}

async fn send(settings: Settings) -> Result<Accepted, ExportError> {
    let exporter = Exporter::new(config(settings)).unwrap().with_retry(RetryOptions::never());
    exporter.export(&batch(Encoding::Protobuf, 3)).await
}

/// A receiver that rejects one of the spans, so that its answer cannot be mistaken for another's.
enum Receiver {
    Http(HttpReceiver),
    Grpc(GrpcReceiver),
}

impl Receiver {
    async fn start(protocol: Protocol, acceptor: TlsAcceptor) -> Self {
        if protocol == Protocol::Grpc {
            return Self::Grpc(GrpcReceiver::start_tls([GrpcReply::Accept(1, "")], acceptor).await);
        }
        let answer = Answer::new(200, "application/json", r#"{"partialSuccess":{"rejectedSpans":1}}"#);
        Self::Http(HttpReceiver::start_tls([Reply::Answer(answer)], acceptor).await)
    }

    fn endpoint(&self) -> &str {
        match self {
            Self::Http(receiver) => &receiver.endpoint,
            Self::Grpc(receiver) => &receiver.endpoint,
        }
    }
}

const PROTOCOLS: [Protocol; 2] = [Protocol::HttpProtobuf, Protocol::Grpc];

#[tokio::test]
async fn a_receiver_that_the_given_authority_vouches_for() {
    let authority = Authority::new("one");
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, authority.acceptor("localhost", false, protocol)).await;
        let settings =
            settings(protocol, receiver.endpoint()).with_certificate(authority.file("authority.pem"));
        assert_eq!(send(settings).await.unwrap().rejected, 1);
    }
}

#[tokio::test]
async fn a_receiver_that_nobody_vouches_for() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, authority.acceptor("localhost", false, protocol)).await;
        let settings = settings(protocol, receiver.endpoint()).with_certificate(other.file("authority.pem"));
        let error = failed(send(settings).await, ExportErrorKind::Tls);
        assert!(error.message().contains("UnknownIssuer"), "{error}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_receiver_with_another_name() {
    let authority = Authority::new("one");
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, authority.acceptor("elsewhere", false, protocol)).await;
        let settings =
            settings(protocol, receiver.endpoint()).with_certificate(authority.file("authority.pem"));
        let error = failed(send(settings).await, ExportErrorKind::Tls);
        assert!(error.message().contains("not valid for name"), "{error}");
    }
}

#[tokio::test]
async fn a_receiver_that_asks_who_is_sending() {
    let authority = Authority::new("one");
    authority.certify_client();
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, authority.acceptor("localhost", true, protocol)).await;
        let settings =
            settings(protocol, receiver.endpoint()).with_certificate(authority.file("authority.pem"));
        let error = failed(send(settings.clone()).await, ExportErrorKind::Tls);
        assert!(error.message().contains("CertificateRequired"), "{error}");
        let client =
            settings.with_client_certificate(authority.file("client.pem"), authority.file("client.key"));
        assert_eq!(send(client).await.unwrap().rejected, 1);
    }
}

#[tokio::test]
async fn a_receiver_without_encryption() {
    let authority = Authority::new("one");
    let receiver = HttpReceiver::start([Reply::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")]).await;
    let endpoint = receiver.endpoint.replace("http://", "https://");
    for protocol in PROTOCOLS {
        let settings = settings(protocol, &endpoint).with_certificate(authority.file("authority.pem"));
        // It waits for the end of a head that never comes.
        let settings = settings.with_timeout(std::time::Duration::from_millis(300));
        failed(send(settings).await, ExportErrorKind::Timeout);
    }
}

#[test]
fn files_that_cannot_be_used() {
    let authority = Authority::new("one");
    authority.certify_client();
    let pem = |name: &str| authority.file(name);
    fs::write(pem("empty.pem"), "no certificate").unwrap();
    let base =
        || settings(Protocol::HttpProtobuf, "https://localhost:4318").with_certificate(pem("authority.pem"));
    let cases = [
        (base().with_certificate(pem("missing.pem")), "certificate", "missing.pem"),
        (base().with_certificate(pem("empty.pem")), "certificate", "empty.pem"),
        (
            base().with_client_certificate(pem("missing.pem"), pem("client.key")),
            "client certificate",
            "missing.pem",
        ),
        (base().with_client_certificate(pem("client.pem"), pem("missing.key")), "client key", "missing.key"),
        (base().with_client_certificate(pem("client.pem"), pem("client.pem")), "client key", "client.pem"),
        (base().with_client_certificate(pem("authority.pem"), pem("client.key")), "client key", "client.key"),
    ];
    for (settings, setting, file) in cases {
        let error = Exporter::new(config(settings)).unwrap_err();
        assert_eq!(error.setting(), setting, "{error}");
        assert!(error.to_string().contains(file), "{error}");
    }
}
