//! The traced program: `examples/go-app` as front and as back.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use trace_harness::{Port, Process};

use crate::{client::Client, journal::Journal, load::now};

/// What no receiver may ever see: parts of `secret` in `examples/go-app/front.go`, and of what the fork's recordings have.
pub(crate) const SECRETS: [&str; 4] = ["s3cr3t", "secret=0", "secret=1", "secret=2"];

/// How often a service that sends its spans itself does so.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

const LIMIT: Duration = Duration::from_secs(30);

/// Builds an example; Go's own cache makes that quick.
pub(crate) fn build(root: &Path, example: &str) -> Result<PathBuf> {
    let program = root.join(".cache/harness").join(example);
    build_to(&program, root, example, None)?;
    Ok(program)
}

/// Builds an example into a file, with a cache of its own, if there shall be one: into an empty one, all that it is made of. Where the
/// file is there already and the same would come of it, Go neither compiles the program's own package nor links.
pub(crate) fn build_to(program: &Path, root: &Path, example: &str, cache: Option<&Path>) -> Result<()> {
    if let Some(folder) = program.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut go = Command::new("go");
    go.args(["build", "-buildvcs=false", "-o"]).arg(program).arg(".");
    go.envs(cache.map(|cache| ("GOCACHE", cache)));
    run_in(go, root, example)
}

/// Fetches the modules that an example is made of, where they are not there.
pub(crate) fn fetch_modules(root: &Path, example: &str) -> Result<()> {
    let mut go = Command::new("go");
    go.args(["list", "-deps", "."]).stdout(Stdio::null());
    run_in(go, root, example)
}

fn run_in(mut go: Command, root: &Path, example: &str) -> Result<()> {
    let status = go.current_dir(root.join("examples").join(example)).status()?;
    ensure!(status.success(), "{go:?} failed: {status}");
    Ok(())
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
    /// It sends its spans to a receiver itself: what its flight recorder holds, each [`INTERVAL`].
    Direct(String),
    /// Likewise, and it traces all the time, without the flight recorder.
    DirectContinuous(String),
}

/// How a service is started.
#[derive(Clone, Debug)]
struct Launch {
    program: PathBuf,
    directory: PathBuf,
    role: &'static str,
    service: String,
    back: String,
    way: Way,
    port: Port,
    /// Which life it is, counted from 0.
    life: u32,
}

impl Launch {
    fn url(&self) -> String {
        format!("http://{}", self.port)
    }

    fn journal(&self) -> PathBuf {
        let life = if self.life == 0 { String::new() } else { format!("-{}", self.life) };
        self.directory.join(format!("{}{life}.jsonl", self.service))
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(["-role", self.role, "-listen", &self.port.to_string(), "-back", &self.back]);
        command.arg("-journal").arg(self.journal());
        match &self.way {
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
            Way::Direct(endpoint) | Way::DirectContinuous(endpoint) => {
                command.args(["-interval", &format!("{}ms", INTERVAL.as_millis()), "-otlp", endpoint]);
                command.args(matches!(self.way, Way::DirectContinuous(_)).then_some("-continuous"));
            }
        }
        Ok(command)
    }

    fn start(self) -> Result<App> {
        let log = self.directory.join(format!("{}.log", self.service));
        let mut process = Process::start(self.role, self.command()?, log)?;
        process.wait_until(|| TcpStream::connect(self.port.address()).is_ok(), LIMIT)?;
        Ok(App { process, url: self.url(), launch: self })
    }
}

/// One service.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) process: Process,
    pub(crate) url: String,
    launch: Launch,
}

impl App {
    /// Asks it to end, which it does after it has given away the last of its traces, and reads what it did.
    pub(crate) fn stop(self) -> Result<Journal> {
        self.process.terminate(LIMIT)?;
        Journal::read(&self.launch.service, &self.launch.journal())
    }

    /// Kills it, reads what it did, and starts it again at the same place after `pause`.
    pub(crate) fn restart(self, pause: impl FnOnce() -> Result<()>) -> Result<(Self, Journal)> {
        let killed = now();
        self.process.kill()?;
        let journal = Journal::read_of_killed(&self.launch.service, &self.launch.journal(), killed)?;
        pause()?;
        let launch = Launch { life: self.launch.life + 1, ..self.launch };
        Ok((launch.start()?, journal))
    }

    /// How many goroutines it has.
    pub(crate) fn goroutines(&self, client: &Client) -> Result<u64> {
        let profile = client.get_text(&format!("{}/debug/pprof/goroutine?debug=1", self.url))?;
        let total = profile.lines().next().and_then(|line| line.rsplit(' ').next()?.parse().ok());
        total.with_context(|| format!("no profile of goroutines: {profile:.100}"))
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
            let (way, back, port) = (way(&service), back.to_owned(), Port::take()?);
            let (program, directory) = (program.to_owned(), directory.to_owned());
            Launch { program, directory, role, service, back, way, port, life: 0 }.start()
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
