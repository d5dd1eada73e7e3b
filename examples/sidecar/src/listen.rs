//! Listening, in a way that nobody can wear out: connections are bounded in number and in time, so that files, the state and
//! the receiver always find a file descriptor.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::Router;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Telemetry;

/// How many file descriptors are left for everything but connections: the state, watches, requests to the receiver.
const RESERVED: u64 = 128;

/// How many a connection takes at most: itself, what is spooled of it, and a folder that is synced.
const PER_CONNECTION: u64 = 3;

/// Who sends a body may be cut off for somebody else when nothing has come of it for this long.
const EVICTABLE: Duration = Duration::from_secs(1);

/// How long to wait where the system has no connection to give.
const AGAIN: Duration = Duration::from_millis(200);

/// How long it may take to tell somebody that there is no room.
const REFUSING: Duration = Duration::from_secs(1);

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 << 10;

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 35\r\n\
    content-type: text/plain\r\nconnection: close\r\n\r\ntoo many connections: come back soon\n";

/// How many connections there may be, and how long the head of a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    pub(crate) head_timeout: Duration,
}

impl Bounds {
    /// Not more connections than there are file descriptors for. Asks the system for as many of those as it gives.
    pub(crate) fn within_descriptors(self) -> Self {
        let limit = getrlimit(Resource::Nofile);
        if limit.current < limit.maximum || (limit.current.is_some() && limit.maximum.is_none()) {
            let mut more = limit;
            more.current = limit.maximum;
            // Where that is not allowed, those that there are have to do.
            let _ = setrlimit(Resource::Nofile, more);
        }
        let there_are = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let left = there_are - RESERVED.min(there_are / 2);
        let most = usize::try_from(left / PER_CONNECTION).unwrap_or(usize::MAX).max(1);
        Self { connections: self.connections.min(most), ..self }
    }
}

/// Serves until it is told to stop, and then until the requests under way are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    telemetry: Telemetry,
    stop: impl Future<Output = ()>,
) {
    let bounds = bounds.within_descriptors();
    let table = Arc::new(Table::default());
    let ending = CancellationToken::new();
    let mut conversations = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match table.admit(bounds.connections, &telemetry) {
                Some(line) => {
                    let head_timeout = bounds.head_timeout;
                    let (router, ending) = (router.clone(), ending.clone());
                    conversations.spawn(converse(stream, router, head_timeout, line, ending));
                }
                None => drop(conversations.spawn(refuse(stream))),
            },
            // One that has hung up before it was heard.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken for now");
                sleep(AGAIN).await;
            }
        }
    }
    drop(listener);
    ending.cancel();
    while conversations.join_next().await.is_some() {}
}

async fn converse(
    stream: TcpStream,
    router: Router,
    head_timeout: Duration,
    line: Line,
    ending: CancellationToken,
) {
    let activity = line.activity.clone();
    let answer = move |mut request: Request<Incoming>| {
        let activity = activity.clone();
        activity.note();
        request.extensions_mut().insert(activity.clone());
        let answered = TowerToHyperService::new(router.clone()).call(request);
        async move {
            let answered = answered.await;
            activity.rest();
            answered
        }
    };
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(LONGEST_HEAD);
    let conversation = builder.serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer));
    tokio::pin!(conversation);
    let mut is_ending = false;
    loop {
        tokio::select! {
            // Who breaks off has nobody to be told to.
            _ = conversation.as_mut() => return,
            () = line.activity.cut_off.cancelled() => return,
            () = ending.cancelled(), if !is_ending => {
                is_ending = true;
                conversation.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Says that there is no room.
async fn refuse(mut stream: TcpStream) {
    let _ = timeout(REFUSING, async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await
    })
    .await;
}

/// The connections that there are.
#[derive(Debug, Default)]
struct Table(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    next: u64,
    open: HashMap<u64, Activity>,
}

/// A connection's place in the table, for as long as it lasts.
#[derive(Debug)]
struct Line {
    table: Arc<Table>,
    number: u64,
    activity: Activity,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.table.lines().open.remove(&self.number);
    }
}

impl Table {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection: where all are taken, that of the one which has kept it silent for longest. `None`
    /// where all are in use.
    fn admit(self: &Arc<Self>, most: usize, telemetry: &Telemetry) -> Option<Line> {
        let mut lines = self.lines();
        if lines.open.len() >= most {
            let silent =
                lines.open.iter().filter_map(|(&number, activity)| Some((activity.silence()?, number)));
            let Some((_, number)) = silent.max() else {
                telemetry.refused_connection("no room");
                return None;
            };
            if let Some(activity) = lines.open.remove(&number) {
                activity.cut_off.cancel();
                telemetry.refused_connection("silent, and others wait");
            }
        }
        lines.next += 1;
        let number = lines.next;
        let activity = Activity::default();
        lines.open.insert(number, activity.clone());
        Some(Line { table: Arc::clone(self), number, activity })
    }
}

/// What a connection is at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity {
    doing: Arc<Mutex<Doing>>,
    cut_off: CancellationToken,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    /// No request is under way.
    Resting(Instant),
    /// More of its body is awaited.
    Receiving(Instant),
    /// It has all been sent, and is not answered yet.
    Working,
}

impl Default for Doing {
    fn default() -> Self {
        Self::Resting(Instant::now())
    }
}

impl Activity {
    fn set(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    /// Something has come, and more is awaited.
    pub(crate) fn note(&self) {
        self.set(Doing::Receiving(Instant::now()));
    }

    /// All has come: it is not its sender that is waited for.
    pub(crate) fn work(&self) {
        self.set(Doing::Working);
    }

    fn rest(&self) {
        self.set(Doing::Resting(Instant::now()));
    }

    /// For how long nothing has come that should, where it may be cut off for that.
    fn silence(&self) -> Option<Duration> {
        match *self.doing.lock().unwrap_or_else(PoisonError::into_inner) {
            Doing::Resting(since) => Some(since.elapsed()),
            Doing::Receiving(since) => Some(since.elapsed()).filter(|&silence| silence >= EVICTABLE),
            Doing::Working => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_for_longest_makes_room() {
        let (table, telemetry) = (Arc::new(Table::default()), Telemetry::default());
        let admit = || table.admit(2, &telemetry);
        let (first, second) = (admit().unwrap(), admit().unwrap());
        first.activity.work();
        let third = admit().unwrap();
        assert!(second.activity.cut_off.is_cancelled() && !first.activity.cut_off.is_cancelled());
        third.activity.work();
        assert!(admit().is_none(), "both are in use");
        first.activity.rest();
        let fourth = admit().unwrap();
        assert!(first.activity.cut_off.is_cancelled());
        // Those that were cut off give their place up once.
        drop((first, second));
        fourth.activity.work();
        assert!(admit().is_none());
        drop(fourth);
        assert!(admit().is_some());
    }
}
