//! `[[pull]]`: traces that Go programs are asked for, by the `/debug/pprof/trace` of `net/http/pprof`.

use std::{
    io::{self, Read},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use go_trace_format::TraceFrames;
use reqwest::{Client, Response, StatusCode, Url};
use tokio::{sync::mpsc, task::spawn_blocking, time::Instant};

use super::{origin_of, spool_frame};
use crate::{
    config::Pull,
    premises::Premises,
    session::Stop,
    spool::Spool,
    store::{Origin, Store},
    telemetry::Telemetry,
};

/// How long connecting may take, and how long nothing may come of what should.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long to leave a full spool alone.
const FULL: Duration = Duration::from_secs(1);

struct Puller {
    pull: Pull,
    client: Client,
    url: Url,
    /// The URL as it may be told.
    name: String,
    origin: Origin,
    spool: Arc<Spool>,
    telemetry: Telemetry,
    store: Arc<Store>,
}

/// Asks until it is told to stop. A recording under way then is given up.
pub(crate) fn pull(pull: Pull, premises: &Premises, stop: Stop) -> Result<impl Future<Output = ()> + use<>> {
    let url = url_of(&pull)?;
    let name = sanitize::url(&pull.url).into_owned();
    let client = Client::builder().connect_timeout(PATIENCE).read_timeout(patience(&pull)).build()?;
    let origin = origin_of(pull.service.clone(), pull.instance.clone());
    let (spool, store) = (Arc::clone(&premises.spool), Arc::clone(&premises.store));
    let telemetry = premises.telemetry.clone();
    let puller = Puller { pull, client, url, name, origin, spool, telemetry, store };
    Ok(async move {
        tokio::select! {
            () = puller.run() => {}
            () = stop.stopping() => {}
        }
    })
}

/// Nothing comes while a program records.
fn patience(pull: &Pull) -> Duration {
    let silence =
        if pull.stream { pull.interval } else { Duration::from_secs_f64(pull.seconds.min(86_400.0)) };
    silence + PATIENCE
}

fn url_of(pull: &Pull) -> Result<Url> {
    let mut url = Url::parse(&pull.url).with_context(|| format!("[[pull]] url = {:?}", pull.url))?;
    {
        let mut query = url.query_pairs_mut();
        if pull.stream {
            query
                .append_pair("stream", "1")
                .append_pair("interval", &pull.interval.as_secs_f64().to_string());
            if let Some(age) = pull.min_age {
                query.append_pair("minage", &age.as_secs_f64().to_string());
            }
            if let Some(bytes) = pull.max_bytes {
                query.append_pair("maxbytes", &bytes.as_u64().to_string());
            }
            if let Some(filter) = &pull.filter {
                query.append_pair("filter", filter);
            }
        } else {
            query.append_pair("seconds", &pull.seconds.to_string());
        }
    }
    Ok(url)
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
                    let next =
                        if self.pull.stream { Instant::now() + wait(1) } else { begin + self.pull.every };
                    tokio::time::sleep_until(next).await;
                }
                Err(error) => {
                    failures += 1;
                    let wait = wait(failures);
                    tracing::warn!(url = self.name, again = wait.as_secs_f64(), "no trace: {error:#}");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Asks. A program that is being traced already answers 500.
    async fn ask(&self) -> Result<Response> {
        let mut request = self.client.get(self.url.clone());
        if let Some(token) = &self.pull.token {
            request = request.bearer_auth(token.reveal());
        }
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        if status != StatusCode::OK {
            let text = first_words(response).await;
            if status == StatusCode::INTERNAL_SERVER_ERROR {
                bail!("it is being traced already, or cannot be ({status}: {text})");
            }
            bail!("it answers {status}: {text}");
        }
        Ok(response)
    }

    /// Takes one recording.
    async fn record(&self) -> Result<()> {
        let begin = SystemTime::now();
        let mut response = self.ask().await?;
        self.tell_gap(begin);
        let mut incoming = self.spool.begin(self.origin.clone())?;
        while let Some(bytes) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            incoming.write(&bytes)?;
        }
        ensure!(!incoming.is_empty(), "its answer is empty");
        spawn_blocking(move || incoming.finish()).await??;
        self.note_covered()
    }

    /// Takes snapshots as they come, until they do no more.
    async fn stream(&self) -> Result<()> {
        let begin = SystemTime::now();
        let mut response = self.ask().await?;
        self.tell_gap(begin);
        let (sender, receiver) = mpsc::channel(16);
        let (spool, origin) = (Arc::clone(&self.spool), self.origin.clone());
        let splitting = spawn_blocking(move || split(receiver, &spool, &origin));
        let broken = loop {
            match response.chunk().await {
                Ok(None) => break None,
                Ok(Some(bytes)) if sender.send(bytes.to_vec()).await.is_ok() => {}
                Ok(Some(_)) => break None,
                Err(error) => break Some(error.without_url()),
            }
        };
        drop(sender);
        let frames = splitting.await??;
        ensure!(frames > 0, "the stream has ended before its first snapshot");
        self.note_covered()?;
        let why = broken.map_or_else(|| "its sender has ended it".to_owned(), |error| error.to_string());
        tracing::info!(url = self.name, frames, "the stream has ended: {why}");
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

/// What an answer says, as far as it is worth reading.
async fn first_words(mut response: Response) -> String {
    const MOST: usize = 200;
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        bytes.extend(piece);
        if bytes.len() >= MOST {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).trim().chars().take(MOST).collect()
}

/// 1 s, 2 s, 4 s and so on.
fn wait(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(10)).min(LONGEST_WAIT)
}

/// Spools the snapshots of a stream, one by one. How many there were.
fn split(bytes: mpsc::Receiver<Vec<u8>>, spool: &Arc<Spool>, origin: &Origin) -> Result<u64> {
    let mut frames = TraceFrames::new(Pieces { pieces: bytes, piece: io::Cursor::default() });
    let mut count = 0;
    while let Some(frame) = frames.next_frame()? {
        spool_frame(spool, origin, frame)?;
        count += 1;
    }
    Ok(count)
}

/// What comes piece by piece, for who reads.
struct Pieces {
    pieces: mpsc::Receiver<Vec<u8>>,
    piece: io::Cursor<Vec<u8>>,
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
