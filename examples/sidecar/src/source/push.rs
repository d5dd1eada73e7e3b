//! `[push]`: traces that services post, as Go programs do with what `flightRecorder.WriteTo` gives.

use std::{io, sync::Arc, time::Duration};

use anyhow::Result;
use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use go_trace_format::Compression;
use http_body_util::BodyExt;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::{net::TcpListener, time::timeout};

use super::origin_of;
use crate::{
    config::{Push, Secret},
    premises::Premises,
    session::Stop,
    spool::{Full, Incoming, Spool, has_room_for},
    telemetry::Telemetry,
};

/// When to come back to a full spool, in seconds.
const COME_BACK: &str = "5";

/// How long to read what nobody wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// How many bytes tell whether it is a trace at all.
const HEAD: usize = 5;

/// What the endpoint knows.
#[derive(Clone, Debug)]
pub(crate) struct PushState {
    token: Option<Secret>,
    max_bytes: u64,
    spool: Arc<Spool>,
    telemetry: Telemetry,
}

impl PushState {
    pub(crate) fn new(push: &Push, premises: &Premises) -> Result<Self> {
        Ok(Self {
            token: push.secret()?,
            max_bytes: push.max_bytes.as_u64(),
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
pub(crate) async fn push(listener: TcpListener, state: PushState, stop: Stop) -> io::Result<()> {
    let router = Router::new().route("/", post(take)).route("/{*path}", post(take)).with_state(state);
    axum::serve(listener, router).with_graceful_shutdown(async move { stop.stopping().await }).await
}

async fn take(
    State(state): State<PushState>,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    let answer = match state.take(&whose, &headers, &mut body).await {
        Ok(()) => (StatusCode::ACCEPTED, "taken\n").into_response(),
        Err(refusal) => {
            // Who still sends when the connection closes, never gets to see why.
            let _ = timeout(PATIENCE, discard(body)).await;
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
    async fn take(&self, whose: &Whose, headers: &HeaderMap, body: &mut Body) -> Result<(), Refusal> {
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
        let mut incoming = self.spool.begin(origin)?;
        self.receive(body, &mut incoming).await?;
        // It waits for the disk.
        let finished = tokio::task::spawn_blocking(move || incoming.finish()).await;
        match finished {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(Refusal::Failed(error.to_string())),
        }
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let given =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let is_right = given.is_some_and(|given| given.ct_eq(token.reveal().as_bytes()).into());
        if is_right { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    async fn receive(&self, body: &mut Body, incoming: &mut Incoming) -> Result<(), Refusal> {
        let mut length = 0;
        let mut head = Vec::new();
        let silence = || Refusal::Broken(format!("nothing has come for {SILENCE:?}"));
        while let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| silence())? {
            let frame = frame.map_err(|error| Refusal::Broken(error.to_string()))?;
            let Some(bytes) = frame.data_ref() else { continue };
            length += bytes.len() as u64;
            if length > self.max_bytes {
                return Err(Refusal::TooLarge(format!(
                    "it is larger than [push] max_bytes = {}",
                    self.max_bytes
                )));
            }
            if head.len() < HEAD {
                head.extend(bytes.iter().take(HEAD - head.len()));
                if head.len() == HEAD && !may_be_trace(&head) {
                    return Err(Refusal::NoTrace);
                }
            }
            incoming.write(bytes)?;
        }
        if may_be_trace(&head) { Ok(()) } else { Err(Refusal::NoTrace) }
    }
}

/// A trace's header, or that of what it is compressed by.
fn may_be_trace(head: &[u8]) -> bool {
    head.starts_with(b"go 1.") || Compression::of(head) != Compression::None
}
