//! `[[pull]]`: traces that Go programs are asked for, by the `/debug/pprof/trace` of `net/http/pprof`.

use std::{
    io::{self, Read},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Result, anyhow, bail, ensure};
use bytes::Bytes;
use go_trace_format::{Error, TraceStream};
use http::{HeaderValue, StatusCode, Uri, header::AUTHORIZATION, uri::Scheme};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{origin_of, spool_trace};
use crate::{
    config::Pull,
    premises::Premises,
    session::Stop,
    spool::Spool,
    store::{Origin, Store},
    telemetry::{Concern, Telemetry},
};

/// How long connecting may take, and how long nothing may come of what should.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// After so many failures in a row it is no accident any more.
const ALARMING: u32 = 3;

/// How often it is written down how far a stream has come.
const NOTED: Duration = Duration::from_secs(10);

/// How long to leave a full spool alone.
const FULL: Duration = Duration::from_secs(1);

struct Puller {
    pull: Pull,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Uri,
    /// The URL as it may be told.
    name: String,
    origin: Origin,
    spool: Arc<Spool>,
    telemetry: Telemetry,
    store: Arc<Store>,
    /// The largest snapshot of a stream, in bytes.
    most: u64,
}

/// Asks until it is told to stop. A recording under way then is given up.
pub(crate) fn pull(
    pull: Pull,
    most: u64,
    premises: &Premises,
    stop: Stop,
) -> Result<impl Future<Output = ()> + use<>> {
    let url = pull.uri()?;
    let name = go_trace_sanitize::url(&pull.url).into_owned();
    let client =
        Client::builder(TokioExecutor::new()).build(connector(url.scheme() == Some(&Scheme::HTTPS))?);
    let origin = origin_of(pull.service.clone(), pull.instance.clone());
    let (spool, store) = (Arc::clone(&premises.spool), Arc::clone(&premises.store));
    let telemetry = premises.telemetry.clone();
    let puller = Puller { pull, client, url, name, origin, spool, telemetry, store, most };
    Ok(async move {
        tokio::select! {
            () = puller.run() => {}
            () = stop.stopping() => {}
        }
    })
}

/// Nobody asks any more.
impl Drop for Puller {
    fn drop(&mut self) {
        self.telemetry.clear(self.concern());
    }
}

impl Puller {
    async fn run(self) {
        let mut failures: u32 = 0;
        loop {
            let begin = Instant::now();
            if self.spool.is_full() {
                tokio::time::sleep(FULL).await;
                continue;
            }
            let outcome = if self.pull.stream { self.stream().await } else { self.record().await };
            match outcome {
                Ok(()) => {
                    failures = 0;
                    self.telemetry.pulled(&self.name, "taken");
                    self.telemetry.clear(self.concern());
                    let next =
                        if self.pull.stream { Instant::now() + wait(1) } else { begin + self.pull.every };
                    tokio::time::sleep_until(next).await;
                }
                Err(error) => {
                    failures += 1;
                    let wait = wait(failures);
                    self.telemetry.pulled(&self.name, "failed");
                    if failures >= ALARMING {
                        let message = format!("no trace comes from {}: {error:#}", self.name);
                        self.telemetry.raise(self.concern(), &message);
                    }
                    tracing::warn!(url = self.name, again = wait.as_secs_f64(), "no trace: {error:#}");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn concern(&self) -> Concern {
        Concern::Pull(self.name.clone())
    }

    /// Asks. A program that is being traced already answers 500.
    async fn ask(&self) -> Result<Incoming> {
        let mut request = http::Request::new(Empty::new());
        *request.uri_mut() = self.url.clone();
        if let Some(token) = &self.pull.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.reveal()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let response = self.in_time(self.client.request(request)).await??;
        let status = response.status();
        let mut body = response.into_body();
        if status != StatusCode::OK {
            let text = self.first_words(&mut body).await;
            if status == StatusCode::INTERNAL_SERVER_ERROR {
                bail!("it is being traced already, or cannot be ({status}: {text})");
            }
            bail!("it answers {status}: {text}");
        }
        Ok(body)
    }

    /// Gives up what takes too long. Nothing comes while a program records.
    async fn in_time<T>(&self, waited_for: impl Future<Output = T>) -> Result<T> {
        let silence = match self.pull.stream {
            true => self.pull.interval,
            false => Duration::from_secs_f64(self.pull.seconds.min(86_400.0)),
        };
        let limit = silence + PATIENCE;
        timeout(limit, waited_for).await.map_err(|_| anyhow!("nothing has come for {limit:?}"))
    }

    /// The next bytes of an answer; none at its end.
    async fn piece(&self, body: &mut Incoming) -> Result<Option<Bytes>> {
        loop {
            match self.in_time(body.frame()).await? {
                None => return Ok(None),
                Some(frame) => {
                    // Trailers are of no interest.
                    if let Ok(bytes) = frame?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// What an answer says, as far as it is worth reading.
    async fn first_words(&self, body: &mut Incoming) -> String {
        const MOST: usize = 200;
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = self.piece(body).await {
            bytes.extend_from_slice(&piece);
            if bytes.len() >= MOST {
                break;
            }
        }
        String::from_utf8_lossy(&bytes).trim().chars().take(MOST).collect()
    }

    /// Takes one recording.
    async fn record(&self) -> Result<()> {
        let begin = SystemTime::now();
        let mut body = self.ask().await?;
        self.tell_gap(begin);
        let mut incoming = self.spool.begin(self.origin.clone(), 0)?;
        while let Some(bytes) = self.piece(&mut body).await? {
            incoming.write(&bytes)?;
        }
        ensure!(!incoming.is_empty(), "its answer is empty");
        spawn_blocking(move || incoming.finish()).await??;
        self.note_covered()
    }

    /// Takes snapshots as they come, until they do no more.
    async fn stream(&self) -> Result<()> {
        let begin = SystemTime::now();
        let mut body = self.ask().await?;
        self.tell_gap(begin);
        let (sender, receiver) = mpsc::channel(16);
        let (spool, origin) = (Arc::clone(&self.spool), self.origin.clone());
        let (store, name) = (Arc::clone(&self.store), self.name.clone());
        let mut noted = Instant::now();
        let note = move || {
            if noted.elapsed() >= NOTED {
                noted = Instant::now();
                store.set_covered(&name, SystemTime::now())?;
            }
            Ok(())
        };
        let traces = TraceStream::new(Pieces { pieces: receiver, piece: io::Cursor::default() });
        let traces = traces.limit(self.most);
        let splitting = spawn_blocking(move || split(traces, &spool, &origin, note));
        let broken = loop {
            match self.piece(&mut body).await {
                Ok(None) => break None,
                Ok(Some(bytes)) => {
                    if sender.send(bytes).await.is_err() {
                        break None;
                    }
                }
                Err(error) => break Some(error),
            }
        };
        drop(sender);
        let traces = splitting.await??;
        ensure!(traces > 0, "the stream has ended before its first snapshot");
        self.note_covered()?;
        let why = broken.map_or_else(|| "its sender has ended it".to_owned(), |error| format!("{error:#}"));
        tracing::info!(url = self.name, traces, "the stream has ended: {why}");
        Ok(())
    }

    /// Up to now there are recordings.
    fn note_covered(&self) -> Result<()> {
        self.store.set_covered(&self.name, SystemTime::now())
    }

    /// Recording begins: tells of what there is none, over restarts of this program too.
    fn tell_gap(&self, begin: SystemTime) {
        let covered = self.store.covered(&self.name).ok().flatten();
        if let Some(gap) = covered.and_then(|covered| begin.duration_since(covered).ok()) {
            self.telemetry.gap(&self.name, gap);
            tracing::info!(url = self.name, seconds = gap.as_secs_f64(), "nothing was recorded meanwhile");
        }
    }
}

/// Makes connections, encrypted ones by the system's certificates: a system may have none as long as nobody needs them.
fn connector(is_encrypted: bool) -> Result<HttpsConnector<HttpConnector>> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(PATIENCE));
    tcp.set_keepalive(Some(PATIENCE));
    let provider = ring::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let builder = match is_encrypted {
        true => builder.with_provider_and_native_roots(provider)?,
        false => {
            let tls = ClientConfig::builder_with_provider(Arc::new(provider));
            let tls = tls.with_safe_default_protocol_versions()?;
            builder.with_tls_config(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        }
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

/// 1 s, 2 s, 4 s and so on.
fn wait(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(10)).min(LONGEST_WAIT)
}

/// Spools the snapshots of a stream, one by one, and calls `note` after each. How many there were.
fn split(
    mut traces: TraceStream<Pieces>,
    spool: &Arc<Spool>,
    origin: &Origin,
    mut note: impl FnMut() -> Result<()>,
) -> Result<u64> {
    let mut count = 0;
    loop {
        match traces.next_trace() {
            Ok(Some(trace)) => spool_trace(spool, origin, trace)?,
            // What breaks off is no failure of what came before: the next stream has it again.
            Ok(None) | Err(Error::TruncatedTrace { .. }) => return Ok(count),
            Err(error) => return Err(error.into()),
        }
        note()?;
        count += 1;
    }
}

/// What comes piece by piece, for who reads.
struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    piece: io::Cursor<Bytes>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.piece.read(buffer)? {
                0 if !buffer.is_empty() => match self.pieces.blocking_recv() {
                    Some(piece) => self.piece = io::Cursor::new(piece),
                    None => return Ok(0),
                },
                read => return Ok(read),
            }
        }
    }
}
