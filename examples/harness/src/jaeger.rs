//! Jaeger: an OTLP/gRPC receiver, a memory, and the query API. It has no page to look at: that is not in its Go module.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{part::Process, port::Port};

const LIMIT: Duration = Duration::from_secs(60);

/// A running Jaeger, on ports of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Jaeger {
    process: Process,
    otlp: Port,
    query: Port,
}

impl Jaeger {
    /// So many traces it keeps, and forgets the oldest when there are more.
    pub const MAX_TRACES: usize = 200_000;

    /// Starts the Jaeger that [`build`](crate::build) built, with an existing folder for its files, and waits until it
    /// is ready.
    ///
    /// # Errors
    ///
    /// Where it does not come up, with the end of its log.
    pub fn start(program: &Path, directory: &Path) -> Result<Self> {
        let (otlp, query, query_grpc) = (Port::take()?, Port::take()?, Port::take()?);
        let configuration = directory.join("jaeger.yaml");
        fs::write(&configuration, configure(&otlp, &query, &query_grpc))
            .with_context(|| configuration.display().to_string())?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&configuration);
        let process = Process::start("jaeger", command, directory.join("jaeger.log"))?;
        let mut jaeger = Self { process, otlp, query };
        let (otlp, query) = (jaeger.otlp(), jaeger.query());
        jaeger.process.wait_until(|| listens(otlp) && listens(query), LIMIT)?;
        Ok(jaeger)
    }

    /// Where it takes OTLP/gRPC.
    #[must_use]
    pub const fn otlp(&self) -> SocketAddr {
        self.otlp.address()
    }

    /// Where its query API answers.
    #[must_use]
    pub const fn query(&self) -> SocketAddr {
        self.query.address()
    }

    /// Ends it, and all that it knows.
    ///
    /// # Errors
    ///
    /// Where it does not end, or not well, with the end of its log.
    pub fn stop(self) -> Result<()> {
        self.process.terminate(LIMIT)
    }
}

fn configure(otlp: &Port, query: &Port, query_grpc: &Port) -> String {
    format!(
        "receivers:\n  otlp:\n    protocols:\n      grpc: {{endpoint: {:?}, max_recv_msg_size_mib: 64}}\n\
         exporters:\n  jaeger_storage_exporter: {{trace_storage: memory}}\n\
         extensions:\n  \
           jaeger_storage: {{backends: {{memory: {{memory: {{max_traces: {}}}}}}}}}\n  \
           jaeger_query:\n    storage: {{traces: memory}}\n    \
             http: {{endpoint: {:?}}}\n    grpc: {{endpoint: {:?}}}\n\
         service:\n  extensions: [jaeger_storage, jaeger_query]\n  telemetry: {{metrics: {{level: none}}}}\n  \
           pipelines:\n    traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}\n",
        otlp.to_string(),
        Jaeger::MAX_TRACES,
        query.to_string(),
        query_grpc.to_string(),
    )
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
