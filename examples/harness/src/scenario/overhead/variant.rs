//! The ways to trace a service that are compared: the programs of `examples/go-overhead`.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use trace_harness::{Port, Process, cpu_time_of_children};

use crate::{app, environment};

/// What the services are called.
pub(super) const SERVICE: &str = "overhead";

/// Longer than the service gives itself for the last of its spans.
const LIMIT: Duration = Duration::from_secs(60);

/// For how many intervals the flight recorder remembers at least.
pub(super) const REMEMBERED: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Nothing,
    Recorder,
    Snapshots,
    Direct,
    Stream,
    Sdk,
}

impl Variant {
    /// What the others are compared with comes first.
    pub(super) const ALL: [Self; 6] =
        [Self::Nothing, Self::Recorder, Self::Snapshots, Self::Direct, Self::Stream, Self::Sdk];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Recorder => "recorder",
            Self::Snapshots => "snapshots",
            Self::Direct => "direct",
            Self::Stream => "stream",
            Self::Sdk => "sdk",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Recorder => "flight recorder, which nobody reads",
            Self::Snapshots => "snapshots, and trace-sidecar",
            Self::Direct => "flight/otlp sends its spans itself",
            Self::Stream => "trace.Start into a file",
            Self::Sdk => "OpenTelemetry's Go SDK: otelhttp, OTLP",
        }
    }

    /// Whether somebody gets its spans.
    pub(super) fn exports(self) -> bool {
        matches!(self, Self::Snapshots | Self::Direct | Self::Sdk)
    }

    fn example(self) -> &'static str {
        match self {
            Self::Nothing => "go-overhead/plain",
            Self::Recorder | Self::Snapshots | Self::Stream => "go-overhead/flight",
            Self::Direct => "go-overhead/direct",
            Self::Sdk => "go-overhead/sdk",
        }
    }
}

/// A program that was built.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Build {
    #[serde(skip)]
    program: PathBuf,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    /// Whether Go had built nothing before: what a machine of a CI does, with Go's own packages.
    pub(super) from_nothing: bool,
}

/// Builds the program of each variant. From nothing that takes minutes.
pub(super) fn build_all(root: &Path, directory: &Path, from_nothing: bool) -> Result<Vec<Build>> {
    let mut built = Vec::<(&str, Build)>::new();
    let mut of_variants = Vec::new();
    for variant in Variant::ALL {
        let example = variant.example();
        let known = built.iter().find(|(name, _)| *name == example).map(|(_, build)| build.clone());
        let build = known.map_or_else(|| build(root, directory, example, from_nothing), Ok)?;
        of_variants.push(build.clone());
        built.push((example, build));
    }
    Ok(of_variants)
}

fn build(root: &Path, directory: &Path, example: &str, from_nothing: bool) -> Result<Build> {
    // Modules that have yet to be fetched are not what building costs.
    app::fetch_modules(root, example)?;
    // A new file: linking is part of it.
    let (program, cache) = (directory.join("programs").join(example), directory.join("go-cache"));
    ensure!(!program.exists(), "{} is there already", program.display());
    let (begin, cpu_begin) = (Instant::now(), cpu_time_of_children().unwrap_or_default());
    app::build_to(&program, root, example, from_nothing.then_some(&*cache))?;
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_time_of_children().unwrap_or_default());
    if from_nothing {
        fs::remove_dir_all(&cache).with_context(|| cache.display().to_string())?;
    }
    let bytes = fs::metadata(&program)?.len();
    Ok(Build {
        program,
        bytes,
        seconds,
        cpu_seconds: cpu.saturating_sub(cpu_begin).as_secs_f64(),
        from_nothing,
    })
}

/// Where a service leaves what it traces.
pub(super) struct Places {
    /// For a snapshot each interval.
    pub(super) snapshots: PathBuf,
    /// For what the flight recorder remembers in the end.
    pub(super) last: PathBuf,
    /// For all of the trace.
    pub(super) stream: PathBuf,
    /// The receiver's URL.
    pub(super) receiver: String,
}

pub(super) struct Service {
    process: Process,
    pub(super) url: String,
    _port: Port,
}

impl Service {
    pub(super) fn start(
        variant: Variant,
        build: &Build,
        places: &Places,
        interval: Duration,
        log: PathBuf,
    ) -> Result<Self> {
        let port = Port::take()?;
        let mut command = Command::new(&build.program);
        let interval = format!("{}ms", interval.as_millis());
        command.args(["-listen", &port.to_string(), "-interval", &interval]);
        environment::forget(&mut command);
        command.env("OTEL_SERVICE_NAME", SERVICE);
        match variant {
            Variant::Nothing => {}
            Variant::Recorder => {
                fs::create_dir_all(&places.last)?;
                command.arg("-last").arg(&places.last);
            }
            Variant::Snapshots => {
                fs::create_dir_all(&places.snapshots)?;
                command.arg("-dir").arg(&places.snapshots);
            }
            Variant::Stream => {
                command.arg("-stream").arg(&places.stream);
            }
            Variant::Direct | Variant::Sdk => {
                command.args(["-otlp", &places.receiver]);
            }
        }
        let mut process = Process::start(variant.name(), command, log)?;
        let address: SocketAddr = port.address();
        process.wait_until(|| TcpStream::connect(address).is_ok(), LIMIT)?;
        Ok(Self { process, url: format!("http://{address}"), _port: port })
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Asks it to end, which it does when it has given away the last of its spans.
    pub(super) fn stop(self) -> Result<()> {
        self.process.terminate(LIMIT)
    }
}

#[cfg(test)]
impl Build {
    pub(super) fn example() -> Self {
        let program = PathBuf::from("program");
        Self { program, bytes: 9_000_000, seconds: 12.0, cpu_seconds: 20.0, from_nothing: true }
    }
}
