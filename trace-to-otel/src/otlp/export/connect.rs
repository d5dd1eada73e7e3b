//! Connections, plain and encrypted, for HTTP and gRPC alike.

use core::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioIo,
};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::{
    config::{ClientIdentity, Config, ConfigError},
    error::{ExportError, ExportErrorKind},
};

/// OTLP, section "User Agent".
pub(super) const USER_AGENT: &str = concat!("trace-to-otel/", env!("CARGO_PKG_VERSION"), " (Rust)");

/// Answers are short; of longer ones this much is read, in bytes.
#[cfg(feature = "http")]
pub(super) const LONGEST_ANSWER: usize = 64 << 10;

/// A message of gRPC is read whole or not at all, in bytes: what gRPC's implementations take unless told otherwise.
#[cfg(feature = "grpc")]
pub(super) const LONGEST_MESSAGE: usize = 4 << 20;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What goes out, the same type for HTTP and gRPC: for each other one hyper's client is compiled again, both versions of it.
pub(super) type Content = UnsyncBoxBody<Bytes, BoxError>;

pub(super) type Client = legacy::Client<Connector, Content>;

/// Makes connections. Plain ones need no cryptography, which a program may have none of.
#[derive(Clone, Debug)]
pub(super) enum Connector {
    Plain(HttpConnector),
    Encrypted(HttpsConnector<HttpConnector>),
}

impl Service<http::Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Plain(connector) => connector.poll_ready(context).map_err(Into::into),
            Self::Encrypted(connector) => connector.poll_ready(context),
        }
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        match self {
            Self::Plain(connector) => {
                let connection = connector.call(uri);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connection.await?)) })
            }
            Self::Encrypted(connector) => connector.call(uri),
        }
    }
}

/// Which HTTP a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpVersion {
    #[cfg(feature = "http")]
    Http1,
    #[cfg(feature = "grpc")]
    Http2,
}

/// Reads the certificates that `config` names.
pub(super) fn connector(config: &Config, version: HttpVersion) -> Result<Connector, ConfigError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    if !config.endpoint.is_encrypted() {
        return Ok(Connector::Plain(tcp));
    }
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls(config)?).https_only();
    Ok(Connector::Encrypted(match version {
        #[cfg(feature = "http")]
        HttpVersion::Http1 => builder.enable_http1().wrap_connector(tcp),
        #[cfg(feature = "grpc")]
        HttpVersion::Http2 => builder.enable_http2().wrap_connector(tcp),
    }))
}

fn tls(config: &Config) -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(cryptography()?)
        .with_safe_default_protocol_versions()
        .map_err(|wrong| ConfigError::new("TLS", wrong.to_string()))?;
    let builder = match &config.certificate {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => with_native_roots(builder)?,
    };
    let Some(ClientIdentity { certificate, key }) = &config.client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("client certificate", certificate)?;
    let key_der = PrivateKeyDer::from_pem_file(key)
        .map_err(|wrong| in_file("client key", key, &format!("no private key in PEM: {wrong}")))?;
    builder
        .with_client_auth_cert(chain, key_der)
        .map_err(|wrong| in_file("client key", key, &format!("does not fit the certificate: {wrong}")))
}

/// What the program has chosen for all of its TLS, else what is built in.
fn cryptography() -> Result<Arc<CryptoProvider>, ConfigError> {
    let chosen = CryptoProvider::get_default().cloned();
    #[cfg(feature = "ring")]
    let chosen = chosen.or_else(|| Some(Arc::new(rustls::crypto::ring::default_provider())));
    chosen.ok_or_else(|| {
        let problem = "this program has no cryptography for https: it needs trace-to-otel's feature `ring`, or has to \
            install another provider of rustls by CryptoProvider::install_default";
        ConfigError::new("TLS", problem)
    })
}

/// Those who may vouch for the receiver.
fn authorities(file: &Path) -> Result<RootCertStore, ConfigError> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates("certificate", file)? {
        authorities
            .add(certificate)
            .map_err(|wrong| in_file("certificate", file, &format!("no authority: {wrong}")))?;
    }
    Ok(authorities)
}

type WantsRoots = ConfigBuilder<ClientConfig, rustls::WantsVerifier>;
type WantsClient = ConfigBuilder<ClientConfig, WantsClientCert>;

#[cfg(feature = "native-roots")]
fn with_native_roots(builder: WantsRoots) -> Result<WantsClient, ConfigError> {
    hyper_rustls::ConfigBuilderExt::with_native_roots(builder)
        .map_err(|wrong| no_authorities(&wrong.to_string()))
}

#[cfg(not(feature = "native-roots"))]
fn with_native_roots(_: WantsRoots) -> Result<WantsClient, ConfigError> {
    Err(no_authorities("this program does not look for those of the system (feature `native-roots`)"))
}

fn no_authorities(why: &str) -> ConfigError {
    let problem = format!(
        "there are no certificates of authorities: {why}; name a PEM file by OTEL_EXPORTER_OTLP_CERTIFICATE"
    );
    ConfigError::new("certificate", problem)
}

fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|wrong| in_file(setting, file, &format!("no certificates in PEM: {wrong}")))?;
    if certificates.is_empty() {
        return Err(in_file(setting, file, "no certificates in PEM"));
    }
    Ok(certificates)
}

fn in_file(setting: &str, file: &Path, problem: &str) -> ConfigError {
    ConfigError::new(setting, format!("{}: {problem}", file.display()))
}

/// Why there is no answer.
pub(super) fn no_answer(error: &(dyn Error + 'static)) -> ExportError {
    let causes: Vec<_> = causes(error).collect();
    let message = message(&causes);
    // h2 gives out no more than the text of what broke a connection. To it, HTTP/1.1 is a frame of invalid size. hyper has
    // no predicate for a server that speaks first, as those of HTTP/2 do where their settings come before our request.
    let is_tls = |cause: &&(dyn Error + 'static)| cause.is::<rustls::Error>();
    let is_foreign = ["frame with invalid size", "received unexpected message from connection"];
    let is_no_http =
        |cause: &&(dyn Error + 'static)| cause.downcast_ref().is_some_and(hyper::Error::is_parse);
    let kind = if causes.iter().any(is_tls) || message.contains("received fatal alert") {
        ExportErrorKind::Tls
    } else if causes.iter().any(is_no_http) || is_foreign.iter().any(|words| message.contains(words)) {
        ExportErrorKind::NotOtlp
    } else {
        ExportErrorKind::Unreachable
    };
    ExportError::new(kind, &message)
}

/// An error and what it comes from.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    core::iter::successors(Some(error), |&error| match error.downcast_ref().and_then(io::Error::get_ref) {
        // An `io::Error` hides what it wraps: its source is the source of that.
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    })
}

/// The causes' messages, without those that another one repeats.
fn message(causes: &[&(dyn Error + 'static)]) -> String {
    let mut messages: Vec<String> = Vec::new();
    for text in causes.iter().map(ToString::to_string) {
        if !messages.iter().any(|known| known.contains(&text)) {
            messages.push(text);
        }
    }
    messages.join(": ")
}
