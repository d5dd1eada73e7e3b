//! A part that is a process: built, started, waited for, ended.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    run_file,
    stat::{self, Memory},
};

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Builds a part, unless it is built already and `force` is not set, and says where it lies. `part` is a folder of
/// `examples/harness/parts`.
///
/// # Errors
///
/// Where there is no such part, no Go, or a module of it cannot be had; the script's own words are on standard error.
pub fn build(part: &str, force: bool) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let output = Command::new(&script)
        .args(force.then_some("--force"))
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
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it says is appended to `log`.
    ///
    /// # Errors
    ///
    /// Where there is no such program or no such folder.
    pub fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self> {
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| log.display().to_string())?;
        command.stdin(std::process::Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{name}: cannot start {command:?}"))?;
        run_file::add(child.id(), name)?;
        Ok(Self { name, child, log })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    ///
    /// Where the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until `is_ready`.
    ///
    /// # Errors
    ///
    /// Where it ends before that, or `limit` is over, with the end of its log.
    pub fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool, limit: Duration) -> Result<()> {
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
    ///
    /// # Errors
    ///
    /// Where it does not end within `limit`, or not well, with the end of its log.
    pub fn terminate(mut self, limit: Duration) -> Result<()> {
        signal(self.id(), Signal::TERM).with_context(|| format!("{}: cannot end it", self.name))?;
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

    /// Ends it by `SIGKILL`, unless it is dead already, and takes note of its death.
    ///
    /// # Errors
    ///
    /// Where the system does not let us.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The memory that it uses now and has used at most, in bytes; Linux only.
    ///
    /// # Errors
    ///
    /// Where it is gone, or the system does not tell.
    pub fn memory(&self) -> Result<Memory> {
        stat::memory(self.id()).with_context(|| format!("{} has no memory any more", self.name))
    }

    /// How many files and sockets it has open; Linux only.
    ///
    /// # Errors
    ///
    /// Where it is gone.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.id()))?.count())
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
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

/// Sends a signal to a process.
pub(crate) fn signal(id: u32, signal: Signal) -> Result<()> {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
    Ok(kill_process(id, signal)?)
}

/// Sends `SIGKILL` to a process that was started and has not been waited for, whose id therefore is nobody else's.
///
/// # Errors
///
/// Where there is no such process.
pub fn kill(id: u32) -> Result<()> {
    signal(id, Signal::KILL)
}
