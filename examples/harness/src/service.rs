//! The program that says nothing of what it does: `examples/go-service`.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use trace_harness::{Port, Process};

use crate::client::Client;

const LIMIT: Duration = Duration::from_secs(30);

/// What it did: `examples/go-service/journal`.
#[derive(Debug, Deserialize)]
struct Journal {
    operations: Vec<Operation>,
}

/// A request, call or query that took place.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) goroutine: i64,
    /// In nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

pub(crate) struct Service {
    process: Process,
    journal: PathBuf,
    pub(crate) url: String,
    client: Client,
    _port: Port,
}

impl Service {
    pub(crate) fn start(program: &Path, directory: &Path) -> Result<Self> {
        let port = Port::take()?;
        let address = port.address();
        let journal = directory.join("journal.json");
        let mut command = Command::new(program);
        command.args(["-listen", &address.to_string(), "-journal"]).arg(&journal);
        let mut process = Process::start("service", command, directory.join("service.log"))?;
        process.wait_until(|| TcpStream::connect(address).is_ok(), LIMIT)?;
        let url = format!("http://{address}");
        Ok(Self { process, journal, url, client: Client::new(), _port: port })
    }

    /// Which recording of it is under way, counted from 1; 0 for none.
    pub(crate) fn recording(&self) -> Result<u64> {
        let number = self.client.get_text(&format!("{}/recording", self.url))?;
        number.parse().with_context(|| number.clone())
    }

    /// Asks it to end, and reads what it did.
    pub(crate) fn stop(self) -> Result<Vec<Operation>> {
        self.process.terminate(LIMIT)?;
        let journal = fs::read(&self.journal).with_context(|| self.journal.display().to_string())?;
        Ok(serde_json::from_slice::<Journal>(&journal)?.operations)
    }
}
