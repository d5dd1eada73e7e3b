//! `[push]`: traces that services post, as Go programs do with what `flightRecorder.WriteTo` gives.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{
    Extension, Router,
    body::{Body, HttpBody},
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use go_trace_format::Compression;
use http_body_util::BodyExt;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use super::origin_of;
use crate::{
    config::{Push, Secret},
    listen::{self, Activity, Bounds},
    premises::Premises,
    session::Stop,
    spool::{Full, Incoming, Spool, has_room_for},
    store::Origin,
    telemetry::Telemetry,
};

/// When to come back to a full spool, in seconds.
const COME_BACK: &str = "5";

/// How long to read what nobody wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who sends a body at less than this on the whole, in bytes a second, holds a connection for nothing.
const SLOWEST: u64 = 4 << 10;

/// How long to wait for room that others are about to make.
const ROOM: Duration = Duration::from_secs(5);

/// How often to look for it.
const LOOK: Duration = Duration::from_millis(10);

/// How many bytes tell whether it is a trace at all.
const HEAD: usize = 5;

/// What the endpoint knows.
#[derive(Clone, Debug)]
pub(crate) struct PushState {
    token: Option<Secret>,
    max_bytes: u64,
    bounds: Bounds,
    body_timeout: Duration,
    spool: Arc<Spool>,
    telemetry: Telemetry,
}

impl PushState {
    pub(crate) fn new(push: &Push, premises: &Premises) -> Result<Self> {
        Ok(Self {
            token: push.secret()?,
            max_bytes: push.max_bytes.as_u64(),
            bounds: Bounds { connections: push.max_connections, head_timeout: push.head_timeout },
            body_timeout: push.body_timeout,
            spool: Arc::clone(&premises.spool),
            telemetry: premises.telemetry.clone(),
        })
    }
}

/// Whose trace it is. The headers `X-Service` and `X-Instance` say it as well.
#[derive(Debug, Deserialize)]
struct Whose {
    service: Option<String>,
    instance: Option<String>,
}

/// Serves until it is told to stop.
pub(crate) async fn push(listener: TcpListener, state: PushState, stop: Stop) {
    let (bounds, telemetry) = (state.bounds, state.telemetry.clone());
    let router = Router::new().route("/", post(take)).route("/{*path}", post(take)).with_state(state);
    listen::serve(listener, router, bounds, telemetry, async move { stop.stopping().await }).await;
}

async fn take(
    State(state): State<PushState>,
    Query(whose): Query<Whose>,
    Extension(activity): Extension<Activity>,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    let answer = match state.take(&whose, &headers, &mut body, &activity).await {
        Ok(()) => (StatusCode::ACCEPTED, "taken\n").into_response(),
        Err(refusal) => {
            // Who still sends when the connection closes, never gets to see why.
            if !matches!(refusal, Refusal::Slow(_)) {
                let _ = timeout(PATIENCE, discard(body)).await;
            }
            refusal.into_response()
        }
    };
    state.telemetry.pushed(answer.status().as_u16());
    answer
}

/// Reads the rest of a body that nobody wants, as far as that is worth it.
async fn discard(mut body: Body) {
    const MOST: usize = 64 << 20;
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, bytes::Bytes::len);
        if length > MOST {
            return;
        }
    }
}

/// Why a trace is not taken.
#[derive(Debug)]
enum Refusal {
    Unauthorized,
    TooLarge(String),
    NoTrace,
    NameTooLong,
    Full,
    Broken(String),
    Slow(String),
    Failed(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = |status: StatusCode, text: String| (status, text + "\n").into_response();
        match self {
            Self::Unauthorized => {
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, challenge, "send the bearer token of [push]\n").into_response()
            }
            Self::TooLarge(message) => text(StatusCode::PAYLOAD_TOO_LARGE, message),
            Self::NoTrace => {
                text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is no Go execution trace".to_owned())
            }
            Self::NameTooLong => text(
                StatusCode::BAD_REQUEST,
                "service and instance: too long for the name of a folder; at most some 200 characters each"
                    .to_owned(),
            ),
            Self::Full => {
                let later = [(header::RETRY_AFTER, COME_BACK)];
                (StatusCode::SERVICE_UNAVAILABLE, later, "the spool is full: come back later\n")
                    .into_response()
            }
            Self::Broken(error) => text(StatusCode::BAD_REQUEST, format!("the body breaks off: {error}")),
            Self::Slow(error) => text(StatusCode::REQUEST_TIMEOUT, error),
            Self::Failed(error) => {
                let later = [(header::RETRY_AFTER, COME_BACK)];
                let message = format!("it cannot be written down: {error}\n");
                (StatusCode::INSUFFICIENT_STORAGE, later, message).into_response()
            }
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if Full::is_reason_of(&error) => Self::Full,
            io::ErrorKind::FileTooLarge => Self::TooLarge(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl PushState {
    async fn take(
        &self,
        whose: &Whose,
        headers: &HeaderMap,
        body: &mut Body,
        activity: &Activity,
    ) -> Result<(), Refusal> {
        self.authorize(headers)?;
        let named = |query: &Option<String>, name: &str| {
            let header = headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            query.clone().or(header).filter(|name| !name.is_empty())
        };
        let (service, instance) = (named(&whose.service, "x-service"), named(&whose.instance, "x-instance"));
        let origin = origin_of(service, instance);
        if !has_room_for(&origin) {
            return Err(Refusal::NameTooLong);
        }
        let mut incoming = self.receive(origin, body, activity).await?;
        activity.work();
        // It waits for the disk.
        let finished = tokio::task::spawn_blocking(move || incoming.finish()).await;
        match finished {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(Refusal::Failed(error.to_string())),
        }
    }

    /// RFC 9110, section 11.1: the name of the scheme may be written in any case.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        const SCHEME: &[u8] = b"bearer";
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, given) = value.as_bytes().split_at_checked(SCHEME.len())?;
            let given = scheme.eq_ignore_ascii_case(SCHEME).then_some(given)?;
            given.starts_with(b" ").then(|| given.trim_ascii())
        });
        let is_right = given.is_some_and(|given| given.ct_eq(token.reveal().as_bytes()).into());
        if is_right { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    /// Reads a body. Nothing is kept of it before it is told to be a trace.
    async fn receive(
        &self,
        origin: Origin,
        body: &mut Body,
        activity: &Activity,
    ) -> Result<Incoming, Refusal> {
        let expected = body.size_hint().exact().unwrap_or(0);
        self.check_length(expected)?;
        let mut pace = Pace { begin: Instant::now(), silence: self.body_timeout, length: 0 };
        let mut head = Vec::new();
        let mut incoming = None;
        while let Some(bytes) = pace.next(body, activity).await? {
            self.check_length(pace.length)?;
            let piece = match &incoming {
                Some(_) => &bytes[..],
                None => {
                    head.extend_from_slice(&bytes);
                    if head.len() < HEAD {
                        continue;
                    }
                    &head[..]
                }
            };
            if !may_be_trace(&head) {
                return Err(Refusal::NoTrace);
            }
            let incoming = match &mut incoming {
                Some(incoming) => incoming,
                none => {
                    none.insert(patiently(activity, || self.spool.begin(origin.clone(), expected)).await?)
                }
            };
            patiently(activity, || incoming.write(piece)).await?;
            activity.note();
            head.truncate(HEAD);
        }
        incoming.ok_or(Refusal::NoTrace)
    }

    fn check_length(&self, length: u64) -> Result<(), Refusal> {
        if length > self.max_bytes {
            return Err(Refusal::TooLarge(format!(
                "it is larger than [push] max_bytes = {}",
                self.max_bytes
            )));
        }
        Ok(())
    }
}

/// Does what needs room. Where others are about to make some, waits for it a little.
async fn patiently<T>(activity: &Activity, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let begin = Instant::now();
    loop {
        match act() {
            Err(error) if Full::of(&error).is_some_and(|full| full.is_passing) && begin.elapsed() < ROOM => {
                // It is not its sender that is waited for.
                activity.work();
                sleep(LOOK).await;
            }
            outcome => return outcome,
        }
    }
}

/// How fast a body comes.
struct Pace {
    begin: Instant,
    silence: Duration,
    length: u64,
}

impl Pace {
    /// The next bytes of a body; none at its end.
    async fn next(&mut self, body: &mut Body, activity: &Activity) -> Result<Option<bytes::Bytes>, Refusal> {
        loop {
            let Self { begin, silence, length } = *self;
            let in_all = silence + Duration::from_secs(length / SLOWEST);
            let left = in_all.saturating_sub(begin.elapsed()).min(silence);
            let frame = timeout(left, body.frame()).await.map_err(|_| {
                Refusal::Slow(format!("it comes too slowly: {length} bytes in {:?}", begin.elapsed()))
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| Refusal::Broken(error.to_string()))?;
            activity.note();
            // Trailers are of no interest.
            if let Ok(bytes) = frame.into_data() {
                self.length += bytes.len() as u64;
                return Ok(Some(bytes));
            }
        }
    }
}

/// A trace's header, or that of what it is compressed by.
fn may_be_trace(head: &[u8]) -> bool {
    head.starts_with(b"go 1.") || Compression::of(head) != Compression::None
}
