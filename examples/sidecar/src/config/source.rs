//! `[[watch]]`, `[[pull]]`, `[push]`: where traces come from.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytesize::ByteSize;
use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use trace_to_otel::PathTemplate;

use super::{secret::Secret, text};
use crate::{source, spool};

/// A folder that services write files into.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Watch {
    /// Which files, and which attributes their paths tell: a [`PathTemplate`].
    pub(crate) paths: String,
    /// What to do with a file once all of it is delivered.
    #[serde(default)]
    pub(crate) after: After,
    pub(crate) move_to: Option<PathBuf>,
    /// A file of which nobody has said that it is whole, is so when it has not changed for this long.
    #[serde(default = "default_settle", deserialize_with = "text::duration")]
    pub(crate) settle: Duration,
    /// How often to look for files of which the system did not tell.
    #[serde(default = "default_poll", deserialize_with = "text::duration")]
    pub(crate) poll: Duration,
}

/// What to do with a file once all of it is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum After {
    /// Nothing.
    #[default]
    Keep,
    Delete,
    /// It goes to `move_to`, with its path below the folder that is watched.
    Move,
}

const fn default_settle() -> Duration {
    Duration::from_secs(5)
}

const fn default_poll() -> Duration {
    Duration::from_secs(10)
}

impl Watch {
    pub(crate) fn new(paths: &str) -> Self {
        Self {
            paths: paths.to_owned(),
            after: After::default(),
            move_to: None,
            settle: default_settle(),
            poll: default_poll(),
        }
    }

    /// Makes a template absolute: the system tells of files by absolute paths, and so are they remembered.
    pub(crate) fn make_absolute(&mut self, folder: &Path) {
        if !self.paths.starts_with('/') {
            let relative = self.paths.trim_start_matches("./");
            self.paths = format!("{}/{relative}", folder.to_string_lossy().trim_end_matches('/'));
        }
    }

    pub(crate) fn template(&self) -> Result<PathTemplate> {
        self.paths.parse().with_context(|| format!("[[watch]] paths = {:?}", self.paths))
    }

    /// The folder that all its files are in: the parts of the template before the first wildcard.
    pub(crate) fn root(&self) -> PathBuf {
        let parts: Vec<_> = self.paths.split('/').collect();
        let folders = &parts[..parts.len() - 1];
        let literal: Vec<_> = folders.iter().copied().take_while(|part| !part.contains(['*', '{'])).collect();
        match literal.join("/") {
            root if !root.is_empty() => root.into(),
            _ if self.paths.starts_with('/') => "/".into(),
            _ => ".".into(),
        }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        self.template()?;
        ensure!(!self.poll.is_zero(), "[[watch]] poll: it cannot be 0");
        ensure!(
            (self.after == After::Move) == self.move_to.is_some(),
            "[[watch]] after = \"move\" and move_to go together"
        );
        Ok(())
    }
}

/// A program that is asked for its traces.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pull {
    /// Its `/debug/pprof/trace`.
    pub(crate) url: String,
    /// How long each recording lasts.
    #[serde(default = "default_seconds")]
    pub(crate) seconds: f64,
    /// From the begin of one recording to the begin of the next.
    #[serde(default = "default_every", deserialize_with = "text::duration")]
    pub(crate) every: Duration,
    /// Whether it is a fork that streams snapshots (`docs/fork-dialect.md`, "Streaming endpoint").
    #[serde(default)]
    pub(crate) stream: bool,
    /// From one snapshot of a stream to the next.
    #[serde(default = "default_interval", deserialize_with = "text::duration")]
    pub(crate) interval: Duration,
    /// How far back snapshots of a stream reach at least.
    #[serde(default, deserialize_with = "text::optional_duration")]
    pub(crate) min_age: Option<Duration>,
    /// How large they may get.
    #[serde(default, deserialize_with = "text::optional_size")]
    pub(crate) max_bytes: Option<ByteSize>,
    /// Which categories a stream has: names separated by commas.
    pub(crate) filter: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) instance: Option<String>,
    /// Is sent as bearer token.
    pub(crate) token: Option<Secret>,
}

const fn default_seconds() -> f64 {
    5.0
}

const fn default_every() -> Duration {
    Duration::from_secs(60)
}

const fn default_interval() -> Duration {
    Duration::from_secs(1)
}

impl Pull {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            seconds: default_seconds(),
            every: default_every(),
            stream: false,
            interval: default_interval(),
            min_age: None,
            max_bytes: None,
            filter: None,
            service: None,
            instance: None,
            token: None,
        }
    }

    /// The URL of a recording, with all that is asked for.
    pub(crate) fn uri(&self) -> Result<Uri> {
        let mut asked = match self.stream {
            true => format!("stream=1&interval={}", self.interval.as_secs_f64()),
            false => format!("seconds={}", self.seconds),
        };
        if self.stream {
            if let Some(age) = self.min_age {
                asked += &format!("&minage={}", age.as_secs_f64());
            }
            if let Some(bytes) = self.max_bytes {
                asked += &format!("&maxbytes={}", bytes.as_u64());
            }
            if let Some(filter) = &self.filter {
                asked += &format!("&filter={}", utf8_percent_encode(filter, NON_ALPHANUMERIC));
            }
        }
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}{asked}", self.url);
        url.parse().with_context(|| self.no_url())
    }

    fn no_url(&self) -> String {
        format!(
            "[[pull]] url = {:?}: write http:// or https://, such as \"http://localhost:6060/debug/pprof/trace\"",
            go_trace_sanitize::url(&self.url)
        )
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let url = self.uri()?;
        ensure!(
            url.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme)),
            "{}",
            self.no_url()
        );
        let origin = source::origin_of(self.service.clone(), self.instance.clone());
        ensure!(spool::has_room_for(&origin), "[[pull]] service, instance: at most some 200 characters each");
        ensure!(self.seconds > 0.0 && self.seconds.is_finite(), "[[pull]] seconds: more than 0");
        ensure!(!self.every.is_zero(), "[[pull]] every: it cannot be 0");
        ensure!(!self.interval.is_zero(), "[[pull]] interval: it cannot be 0");
        Ok(())
    }
}

/// The endpoint that services post traces to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Push {
    #[serde(deserialize_with = "text::address")]
    pub(crate) listen: SocketAddr,
    /// What clients have to send as bearer token, if anything.
    pub(crate) token: Option<Secret>,
    /// The file that holds it.
    pub(crate) token_file: Option<PathBuf>,
    /// The largest trace that is taken.
    #[serde(deserialize_with = "text::size")]
    pub(crate) max_bytes: ByteSize,
    /// How many connections there may be.
    pub(crate) max_connections: usize,
    /// How long the head of a request may take.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) head_timeout: Duration,
    /// How long nothing may come of a body.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) body_timeout: Duration,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4320)),
            token: None,
            token_file: None,
            max_bytes: ByteSize::mib(256),
            max_connections: 256,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
        }
    }
}

impl Push {
    pub(crate) fn validate(&self) -> Result<()> {
        ensure!(self.max_connections > 0, "[push] max_connections: it cannot be 0");
        ensure!(!self.head_timeout.is_zero(), "[push] head_timeout: it cannot be 0");
        ensure!(!self.body_timeout.is_zero(), "[push] body_timeout: it cannot be 0");
        self.secret().map(drop)
    }

    /// The token, wherever it stands.
    pub(crate) fn secret(&self) -> Result<Option<Secret>> {
        match (&self.token, &self.token_file) {
            (Some(_), Some(_)) => anyhow::bail!("[push] has both token and token_file"),
            (Some(token), None) => {
                ensure!(
                    !token.reveal().is_empty(),
                    "[push] token is empty: leave it out to let anybody push"
                );
                Ok(Some(token.clone()))
            }
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("[push] token_file: {}", file.display()))?;
                ensure!(!text.trim().is_empty(), "[push] token_file: {} is empty", file.display());
                Ok(Some(Secret::new(text.trim())))
            }
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_what_comes_before_wildcards() {
        for (template, root) in [
            ("/traces/{service}/{pod}/*.trace", "/traces"),
            ("/traces/a.trace", "/traces"),
            ("/*.trace", "/"),
            ("*.trace", "."),
            ("a/b/**/*.trace", "a/b"),
        ] {
            assert_eq!(Watch::new(template).root(), PathBuf::from(root), "{template}");
        }
    }
}
