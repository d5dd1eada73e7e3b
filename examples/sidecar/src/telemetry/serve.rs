//! `/metrics`, `/healthz` and `/readyz`.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text, registry::Registry};
use tokio::net::TcpListener;

use super::Telemetry;
use crate::{
    inbox::Inbox,
    listen::{self, Bounds},
    session::Stop,
};

/// A worker that has not gone on for this long, though nothing keeps it, hangs.
const HANGS: Duration = Duration::from_secs(120);

#[derive(Clone)]
struct Served {
    telemetry: Telemetry,
    inbox: Arc<Inbox>,
    registry: Arc<Registry>,
}

/// Whoever looks, looks now and then: there need not be many.
const BOUNDS: Bounds = Bounds { connections: 64, head_timeout: Duration::from_secs(10) };

/// Serves until it is told to stop.
pub(crate) async fn serve(listener: TcpListener, telemetry: Telemetry, inbox: Arc<Inbox>, stop: Stop) {
    let mut registry = Registry::with_prefix("trace_sidecar");
    telemetry.metrics().register(&mut registry);
    let served = Served { telemetry: telemetry.clone(), inbox, registry: Arc::new(registry) };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .with_state(served);
    listen::serve(listener, router, BOUNDS, telemetry, async move { stop.stopped().await }).await;
}

async fn metrics(State(served): State<Served>) -> impl IntoResponse {
    served.telemetry.waiting(served.inbox.waiting());
    served.telemetry.oldest(served.inbox.oldest());
    let mut encoded = String::new();
    let status = match text::encode(&mut encoded, &served.registry) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], encoded)
}

/// Whether it goes on. Waiting for a receiver is no fault that starting it again would mend.
async fn health(State(served): State<Served>) -> (StatusCode, String) {
    let since = served.telemetry.since_beat();
    if since < HANGS || served.telemetry.alarm().is_some() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("nothing has happened for {} s\n", since.as_secs()))
    }
}

/// Whether what comes is delivered.
async fn readiness(State(served): State<Served>) -> (StatusCode, String) {
    match served.telemetry.alarm() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(alarm) => {
            let seconds = alarm.since.elapsed().as_secs();
            (StatusCode::SERVICE_UNAVAILABLE, format!("for {seconds} s: {}\n", alarm.message))
        }
    }
}
