//! `examples/sidecar`, which all of this is about.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use trace_harness::{Memory, Port, Process};

use crate::{client::Client, environment};

/// Longer than it takes to drain.
const LIMIT: Duration = Duration::from_secs(40);

/// Builds it as people run it, and says where it lies.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--package", "trace-sidecar"]).current_dir(root);
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/trace-sidecar"))
}

/// Its configuration file, piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) state: PathBuf,
    endpoint: String,
    telemetry: Port,
    /// Where it takes pushes; kept over its restarts.
    push: Option<Port>,
    /// Whether garbage collections and the like become spans, which is not so by default.
    pub(crate) ranges: bool,
    /// Lines before the first table, as `open_span_deadline = "3s"`.
    pub(crate) general: Vec<String>,
    /// Lines of the table `[otlp]`.
    pub(crate) otlp: Vec<String>,
    /// Whole tables.
    pub(crate) tables: Vec<String>,
}

impl Configuration {
    pub(crate) fn new(directory: &Path, endpoint: &str) -> Result<Self> {
        Ok(Self {
            state: directory.join("state"),
            endpoint: endpoint.to_owned(),
            telemetry: Port::take()?,
            push: None,
            ranges: true,
            general: Vec::new(),
            otlp: Vec::new(),
            tables: Vec::new(),
        })
    }

    /// Watches a folder that has one for each service.
    pub(crate) fn watch(mut self, folder: &Path, after: &str) -> Self {
        let paths = folder.join("{service}/{pod}/*.trace");
        let paths = paths.to_string_lossy();
        self.tables.push(format!("[[watch]]\npaths = {paths:?}\nafter = {after:?}\npoll = \"1s\"\n"));
        self
    }

    /// Takes snapshots that are pushed, and says where.
    pub(crate) fn push(&mut self, token: Option<&str>, more: &str) -> Result<String> {
        let address = self.push.insert(Port::take()?).address();
        let token = token.map(|token| format!("token = {token:?}\n")).unwrap_or_default();
        self.tables.push(format!("[push]\nlisten = \"{address}\"\n{token}{more}\n"));
        Ok(format!("http://{address}"))
    }

    fn render(&self) -> String {
        let Self { state, endpoint, telemetry, push: _, ranges, general, otlp, tables } = self;
        let state = state.to_string_lossy();
        format!(
            "state_dir = {state:?}\n{}\n[otlp]\nendpoint = {endpoint:?}\nmax_backoff = \"1s\"\n{}\n\
             [defaults]\nranges = {ranges}\n[telemetry]\nlisten = \"{telemetry}\"\n[log]\nlevel = \"info\"\n{}",
            general.join("\n"),
            otlp.join("\n"),
            tables.join("\n"),
        )
    }
}

/// A running sidecar.
#[derive(Debug)]
pub(crate) struct Sidecar {
    process: Process,
    telemetry: SocketAddr,
}

impl Sidecar {
    /// Starts it, and does not wait.
    pub(crate) fn start(program: &Path, directory: &Path, configuration: &Configuration) -> Result<Self> {
        let file = directory.join("sidecar.toml");
        fs::write(&file, configuration.render())?;
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(&file);
        environment::forget(&mut command);
        let process = Process::start("sidecar", command, directory.join("sidecar.log"))?;
        Ok(Self { process, telemetry: configuration.telemetry.address() })
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let (client, url) = (Client::new(), format!("http://{}/healthz", self.telemetry));
        self.process.wait_until(|| client.get(&url).is_ok_and(|(status, _)| status == 200), LIMIT)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended by itself, and with which last words.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        let status = self.process.ended().ok().flatten()?;
        Some(format!("{status}: {}", self.process.last_words()))
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        self.process.memory()
    }

    /// The status of `/readyz`; 0 where nobody answers.
    pub(crate) fn readiness(&self) -> u16 {
        let answer = Client::new().get(&format!("http://{}/readyz", self.telemetry));
        answer.map_or(0, |(status, _)| status)
    }

    pub(crate) fn metrics(&self) -> Result<String> {
        Client::new().get_text(&format!("http://{}/metrics", self.telemetry))
    }

    /// The sum of a metric over all of its labels.
    pub(crate) fn metric(&self, name: &str) -> Result<u64> {
        let metrics = self.metrics()?;
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
        let lines = lines.filter(|rest| rest.starts_with(['{', ' ']));
        let values = lines.map(|rest| rest.rsplit(' ').next().unwrap_or_default());
        Ok(values.map(str::parse::<u64>).sum::<Result<_, _>>()?)
    }

    pub(crate) fn kill(self) -> Result<()> {
        self.process.kill()
    }

    /// Asks it to end, which it does after it has drained.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.terminate(LIMIT)
    }
}
