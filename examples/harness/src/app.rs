//! The traced program: `examples/go-app` as front and as back.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use trace_harness::{Port, Process};

use crate::journal::Journal;

/// What no receiver may ever see: parts of `secret` in `examples/go-app/front.go`, and of what the fork's recordings have.
pub(crate) const SECRETS: [&str; 4] = ["s3cr3t", "secret=0", "secret=1", "secret=2"];

const LIMIT: Duration = Duration::from_secs(30);

/// Builds an example; Go's own cache makes that quick.
pub(crate) fn build(root: &Path, example: &str) -> Result<PathBuf> {
    let program = root.join(".cache/harness").join(example);
    let mut go = Command::new("go");
    go.args(["build", "-buildvcs=false", "-o"]).arg(&program).arg(".");
    let status = go.current_dir(root.join("examples").join(example)).status()?;
    ensure!(status.success(), "{go:?} failed: {status}");
    Ok(program)
}

/// How a service gives away its traces.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// As files in a folder, and again to a URL.
    Folder(PathBuf, String),
    /// To a URL, with a bearer token if there is one.
    Push(String, Option<String>),
    /// To who asks for a recording.
    Pull,
}

/// One service.
#[derive(Debug)]
pub(crate) struct App {
    process: Process,
    service: String,
    journal: PathBuf,
    pub(crate) url: String,
    _port: Port,
}

impl App {
    pub(crate) fn start(
        program: &Path,
        directory: &Path,
        (role, service): (&'static str, String),
        back: &str,
        way: &Way,
    ) -> Result<Self> {
        let port = Port::take()?;
        let address = port.address();
        let journal = directory.join(format!("{service}.jsonl"));
        let mut command = Command::new(program);
        command.args(["-role", role, "-listen", &address.to_string(), "-back", back]);
        command.arg("-journal").arg(&journal);
        match way {
            Way::Folder(folder, url) => {
                fs::create_dir_all(folder)?;
                command.arg("-dir").arg(folder).args(["-push", url]);
            }
            Way::Push(url, token) => {
                command.args(["-push", url, "-token", token.as_deref().unwrap_or_default()]);
            }
            Way::Pull => {
                command.arg("-no-recorder");
            }
        }
        let mut process = Process::start(role, command, directory.join(format!("{service}.log")))?;
        process.wait_until(|| TcpStream::connect(address).is_ok(), LIMIT)?;
        Ok(Self { process, service, journal, url: format!("http://{address}"), _port: port })
    }

    /// Asks it to end, which it does after its last snapshot, and reads what it did.
    pub(crate) fn stop(self) -> Result<Journal> {
        self.process.terminate(LIMIT)?;
        Journal::read(&self.service, &self.journal)
    }
}

/// The front and the back that it asks.
#[derive(Debug)]
pub(crate) struct Apps {
    pub(crate) front: App,
    pub(crate) back: App,
}

impl Apps {
    pub(crate) fn start(program: &Path, directory: &Path, way: impl Fn(&str) -> Way) -> Result<Self> {
        Self::start_named(program, directory, "", way)
    }

    /// Another pair, whose services have other names.
    pub(crate) fn start_named(
        program: &Path,
        directory: &Path,
        suffix: &str,
        way: impl Fn(&str) -> Way,
    ) -> Result<Self> {
        let start = |role, back: &str| {
            let service = format!("{role}{suffix}");
            let way = way(&service);
            App::start(program, directory, (role, service), back, &way)
        };
        let back = start("back", "")?;
        let front = start("front", &back.url)?;
        Ok(Self { front, back })
    }

    /// Ends them, the one that asks first.
    pub(crate) fn stop(self) -> Result<Vec<Journal>> {
        Ok(vec![self.front.stop()?, self.back.stop()?])
    }
}
