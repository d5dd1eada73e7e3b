//! The OpenTelemetry Collector: OTLP receivers for HTTP and gRPC, and a file for each signal. Profiles are in development, and stand
//! behind a gate, which is opened.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{part::Process, port::Port};

/// How long starting and ending may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Where a Collector listens, writes and sends on to: the same for one that goes on where another ended.
#[derive(Clone, Debug)]
pub struct Place {
    directory: PathBuf,
    http: Port,
    grpc: Port,
    health: Port,
    forward: Option<SocketAddr>,
}

impl Place {
    /// Ports of its own, and an existing folder for the files.
    ///
    /// # Errors
    ///
    /// Where there are no ports left.
    pub fn find(directory: &Path) -> Result<Self> {
        let (http, grpc, health) = (Port::take()?, Port::take()?, Port::take()?);
        Ok(Self { directory: directory.to_owned(), http, grpc, health, forward: None })
    }

    /// Spans go to this OTLP/gRPC receiver too, before they are acknowledged.
    #[must_use]
    pub fn forwarding_to(mut self, receiver: SocketAddr) -> Self {
        self.forward = Some(receiver);
        self
    }

    /// Where OTLP/HTTP is taken.
    #[must_use]
    pub const fn http(&self) -> SocketAddr {
        self.http.address()
    }

    /// The file that a signal's requests are written to: `traces`, `metrics`, `logs` or `profiles`. A moment may pass between an answer
    /// and a line; none is missing once the Collector has been [stopped](Collector::stop).
    #[must_use]
    pub fn file(&self, signal: &str) -> PathBuf {
        self.directory.join(format!("{signal}.jsonl"))
    }
}

/// A running Collector. It is killed when this is dropped.
///
/// It adds what it takes to `traces.jsonl`, `metrics.jsonl`, `logs.jsonl` and `profiles.jsonl` in its folder: one request per line, in
/// OTLP's JSON.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    place: Place,
}

impl Collector {
    /// Starts the Collector that [`build`](crate::build) built, on ports of its own, with an existing folder for its
    /// files, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Where it does not come up, with the end of its log.
    pub fn start(program: &Path, directory: &Path) -> Result<Self> {
        Self::start_at(program, Place::find(directory)?)
    }

    /// Starts it at a place that is known.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_at(program: &Path, place: Place) -> Result<Self> {
        let configuration = place.directory.join("collector.yaml");
        fs::write(&configuration, configure(&place)).with_context(|| configuration.display().to_string())?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&configuration).arg("--feature-gates=+service.profilesSupport");
        let mut process = Process::start("collector", command, place.directory.join("collector.log"))?;
        process.wait_until(|| is_healthy(place.health.address()), LIMIT)?;
        Ok(Self { process, place })
    }

    /// Where it takes OTLP/HTTP: for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn http_endpoint(&self) -> String {
        format!("http://{}", self.place.http)
    }

    /// Where it takes OTLP/gRPC.
    #[must_use]
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.place.grpc)
    }

    /// Its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// As [`Place::file`].
    #[must_use]
    pub fn file(&self, signal: &str) -> PathBuf {
        self.place.file(signal)
    }

    /// Ends it, after it has written all that it took.
    ///
    /// # Errors
    ///
    /// Where it does not end, or not well, with the end of its log.
    pub fn stop(self) -> Result<()> {
        self.process.terminate(LIMIT)
    }
}

// JSON strings are YAML strings.
fn configure(place: &Place) -> String {
    let mut exporters = String::new();
    let mut pipelines = String::new();
    for signal in ["traces", "metrics", "logs", "profiles"] {
        let file = place.file(signal);
        exporters += &format!(
            "  file/{signal}: {{path: {:?}, append: true, flush_interval: 100ms}}\n",
            file.to_string_lossy()
        );
        let and_forward = if signal == "traces" && place.forward.is_some() { ", otlp" } else { "" };
        pipelines +=
            &format!("    {signal}: {{receivers: [otlp], exporters: [file/{signal}{and_forward}]}}\n");
    }
    if let Some(receiver) = place.forward {
        // Without a queue and another attempt of its own, what it has acknowledged is there.
        exporters += &format!(
            "  otlp: {{endpoint: {:?}, tls: {{insecure: true}}, sending_queue: {{enabled: false}}, \
             retry_on_failure: {{enabled: false}}}}\n",
            receiver.to_string()
        );
    }
    format!(
        "receivers:\n  otlp:\n    protocols:\n      http: {{endpoint: {:?}}}\n      grpc: {{endpoint: {:?}}}\n\
         exporters:\n{exporters}\
         extensions:\n  health_check: {{endpoint: {:?}}}\n\
         service:\n  extensions: [health_check]\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n{pipelines}",
        place.http.to_string(),
        place.grpc.to_string(),
        place.health.to_string(),
    )
}

/// Whether the health check answers that all is well.
fn is_healthy(health: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&health, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.0 200"))
}
