//! Jaeger's query API, version 3: what a person would look at.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use serde::Deserialize;
use trace_harness::Jaeger;

use crate::{client::Client, spans::Spans};

/// An answer holds the traces of so long a time, so that it stays of a size that one can read.
const WINDOW: u64 = 10_000_000_000;

pub(crate) struct Query {
    client: Client,
    base: String,
}

#[derive(Deserialize)]
struct Services {
    #[serde(default)]
    services: Vec<String>,
}

#[derive(Deserialize)]
struct Found {
    result: TracesData,
}

impl Query {
    pub(crate) fn new(jaeger: SocketAddr) -> Self {
        Self { client: Client::new(), base: format!("http://{jaeger}/api/v3") }
    }

    /// The services that it knows, in order.
    pub(crate) fn services(&self) -> Result<Vec<String>> {
        let answer = self.client.get_text(&format!("{}/services", self.base))?;
        let mut found: Services = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        found.services.sort();
        Ok(found.services)
    }

    /// All spans of the traces that a service has a part in, and that part begins between two times, in nanoseconds
    /// since 1970.
    pub(crate) fn spans(&self, service: &str, (from, to): (u64, u64), secrets: &[&str]) -> Result<Spans> {
        let mut spans = Spans::default();
        let mut begin = from;
        while begin < to {
            let end = (begin + WINDOW).min(to);
            let url = format!(
                "{}/traces?query.service_name={service}&query.start_time_min={}&query.start_time_max={}\
                 &query.num_traces={}",
                self.base,
                time(begin)?,
                time(end)?,
                Jaeger::MAX_TRACES,
            );
            let (status, body) = self.client.get(&url)?;
            let body = String::from_utf8(body)?;
            begin = end;
            if status == 404 {
                continue;
            }
            ensure!(status == 200, "{url}: {status}: {body:.300}");
            spans.look_for(secrets, &body);
            let found: Found = serde_json::from_str(&body).with_context(|| format!("{url}: {body:.300}"))?;
            spans.add(&found.result.resource_spans);
        }
        Ok(spans)
    }
}

fn time(nanoseconds: u64) -> Result<Timestamp> {
    Ok(Timestamp::from_nanosecond(i128::from(nanoseconds))?)
}
