//! A part that is a process: built, started, waited for, ended.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Builds a part, unless it is built already, and says where it lies. `part` is a folder of `examples/harness/parts`.
///
/// # Errors
///
/// Where there is no such part, no Go, or a module of it cannot be had; the script's own words are on standard error.
pub fn build(part: &str) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let output = Command::new(&script)
        .arg(part)
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| script.display().to_string())?;
    ensure!(output.status.success(), "{} {part} failed: {}", script.display(), output.status);
    let lines = String::from_utf8(output.stdout)?;
    let program = lines.lines().find_map(|line| line.strip_prefix(part)?.strip_prefix('='));
    program.map(PathBuf::from).with_context(|| format!("{} said nothing of {part}", script.display()))
}

/// A running process, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it says goes to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(std::process::Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{name}: cannot start {command:?}"))?;
        Ok(Self { name, child, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until `is_ready`.
    pub(crate) fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool, limit: Duration) -> Result<()> {
        let begin = Instant::now();
        while !is_ready() {
            if let Some(status) = self.ended()? {
                bail!("{} has ended ({status}) before it was ready:\n{}", self.name, self.last_words());
            }
            if begin.elapsed() > limit {
                bail!("{} was not ready after {limit:?}:\n{}", self.name, self.last_words());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Asks it to end by `SIGTERM`, and waits until it has.
    pub(crate) fn terminate(mut self, limit: Duration) -> Result<()> {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(id, Signal::TERM).with_context(|| format!("{}: cannot end it", self.name))?;
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                ensure!(status.success(), "{} ended badly ({status}):\n{}", self.name, self.last_words());
                return Ok(());
            }
            if begin.elapsed() > limit {
                bail!("{} did not end within {limit:?}:\n{}", self.name, self.last_words());
            }
            thread::sleep(LOOK);
        }
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        const LINES: usize = 20;
        let log = fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string());
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended, or it does now; there is nobody to tell otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports on loopback that nobody listened on a moment ago.
pub(crate) fn free_ports<const COUNT: usize>() -> Result<[SocketAddr; COUNT]> {
    // All are held until all are known, so that they differ.
    let listeners: Vec<_> =
        (0..COUNT).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
    let addresses: Vec<_> = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    addresses.try_into().ok().context("as many addresses as listeners")
}
