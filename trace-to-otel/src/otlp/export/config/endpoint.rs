//! The receiver's URL. OpenTelemetry, "OpenTelemetry Protocol Exporter", section "Endpoint URLs for OTLP/HTTP".

use core::fmt;

use http::{
    Uri,
    uri::{PathAndQuery, Scheme},
};

use super::{error::ConfigError, protocol::Protocol};
use crate::otlp::Signal;

/// Where requests go: a URL of `http` or `https`.
///
/// It shows itself without its query, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    pub(in crate::otlp::export) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        let query = if self.0.query().is_some() { "?…" } else { "" };
        write!(f, "{scheme}://{authority}{}{query}", self.0.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An endpoint as somebody wrote it, before it is known what goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndpointSetting {
    /// With `http://` where no scheme is written.
    url: Endpoint,
    has_scheme: bool,
    /// Whether it is used as it is.
    is_exact: bool,
}

impl EndpointSetting {
    pub(super) fn general(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text, false)
    }

    pub(super) fn exact(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text, true)
    }

    // The text is not in the errors: it may hold a password or a key.
    fn parse(text: &str, is_exact: bool) -> Result<Self, ConfigError> {
        let error = |problem: &str| ConfigError::new("endpoint", problem);
        let text = text.trim();
        let has_scheme = text.contains("://");
        let complete = if has_scheme { text.to_owned() } else { format!("http://{text}") };
        let url: Uri = complete.parse().map_err(|wrong| {
            error(&format!("it is no URL ({wrong}); write it like http://localhost:4318"))
        })?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(error("it names no host; write it like http://localhost:4318"));
        };
        if !["http", "https"].contains(&scheme) {
            return Err(error(&format!("the scheme {scheme:?} is not known; write http or https")));
        }
        if authority.as_str().contains('@') {
            return Err(error("it holds a user name or a password; send them by a header instead"));
        }
        if authority.host().is_empty() {
            return Err(error("it names no host; write it like http://localhost:4318"));
        }
        let port = &authority.as_str()[authority.host().len()..];
        if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(error(&format!("{port:?} is no port; write one between :1 and :65535")));
        }
        Ok(Self { url: Endpoint(url), has_scheme, is_exact })
    }

    /// Fills in the scheme and the signal's path.
    pub(super) fn resolve(
        self,
        protocol: Protocol,
        signal: Signal,
        insecure: Option<bool>,
    ) -> Result<Endpoint, ConfigError> {
        let is_http = protocol != Protocol::Grpc;
        let mut parts = self.url.0.into_parts();
        if !self.has_scheme && !is_http && insecure == Some(false) {
            parts.scheme = Some(Scheme::HTTPS);
        }
        if is_http && !self.is_exact {
            parts.path_and_query = Some(below(parts.path_and_query.as_ref(), signal)?);
        }
        Uri::from_parts(parts)
            .map(Endpoint)
            .map_err(|wrong| ConfigError::new("endpoint", format!("it is no URL ({wrong})")))
    }
}

/// The signal's path below the path of a general endpoint: `/v1/traces`.
fn below(base: Option<&PathAndQuery>, signal: Signal) -> Result<PathAndQuery, ConfigError> {
    let path = base.map_or("", PathAndQuery::path).trim_end_matches('/');
    let query = base.and_then(PathAndQuery::query).map(|query| format!("?{query}")).unwrap_or_default();
    format!("{path}{}{query}", signal.path())
        .parse()
        .map_err(|wrong| ConfigError::new("endpoint", format!("its path is no path of a URL ({wrong})")))
}
