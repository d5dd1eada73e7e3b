//! The OpenTelemetry Collector: OTLP receivers for HTTP and gRPC, and a file for each signal.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::part::{Process, free_ports};

/// How long starting and ending may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A running Collector, on ports of its own. It is killed when this is dropped.
///
/// It writes what it takes to `traces.jsonl`, `metrics.jsonl` and `logs.jsonl` in its folder: one request per line, in
/// OTLP's JSON.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    directory: PathBuf,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Collector {
    /// Starts the Collector that [`build`](crate::build) built, with an existing folder for its files, and waits until
    /// it is ready.
    ///
    /// # Errors
    ///
    /// Where it does not come up, with the end of its log.
    pub fn start(program: &Path, directory: &Path) -> Result<Self> {
        // Somebody else may take a port between its being found and its being used.
        const ATTEMPTS: u32 = 3;
        let mut attempt = 1;
        loop {
            match Self::start_once(program, directory) {
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(program: &Path, directory: &Path) -> Result<Self> {
        let [http, grpc, health] = free_ports()?;
        let configuration = directory.join("collector.yaml");
        fs::write(&configuration, configure(http, grpc, health, directory))
            .with_context(|| configuration.display().to_string())?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&configuration);
        let process = Process::start("collector", command, directory.join("collector.log"))?;
        let mut collector = Self { process, directory: directory.to_owned(), http, grpc };
        collector.process.wait_until(|| is_healthy(health), LIMIT)?;
        Ok(collector)
    }

    /// Where it takes OTLP/HTTP: for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn http_endpoint(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where it takes OTLP/gRPC.
    #[must_use]
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The file that it writes a signal's requests to: `traces`, `metrics` or `logs`. A moment may pass between an answer
    /// and a line; none is missing once it has been [stopped](Self::stop).
    #[must_use]
    pub fn file(&self, signal: &str) -> PathBuf {
        self.directory.join(format!("{signal}.jsonl"))
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
fn configure(http: SocketAddr, grpc: SocketAddr, health: SocketAddr, directory: &Path) -> String {
    let mut exporters = String::new();
    let mut pipelines = String::new();
    for signal in ["traces", "metrics", "logs"] {
        let file = directory.join(format!("{signal}.jsonl"));
        exporters +=
            &format!("  file/{signal}: {{path: {:?}, flush_interval: 100ms}}\n", file.to_string_lossy());
        pipelines += &format!("    {signal}: {{receivers: [otlp], exporters: [file/{signal}]}}\n");
    }
    format!(
        "receivers:\n  otlp:\n    protocols:\n      http: {{endpoint: {:?}}}\n      grpc: {{endpoint: {:?}}}\n\
         exporters:\n{exporters}\
         extensions:\n  health_check: {{endpoint: {:?}}}\n\
         service:\n  extensions: [health_check]\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n{pipelines}",
        http.to_string(),
        grpc.to_string(),
        health.to_string(),
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
