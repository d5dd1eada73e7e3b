//! The command line.

use std::{num::ParseIntError, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs whole scenarios of tracing a Go service, with real parts on loopback: a front and a back, trace-sidecar or none, an
/// OpenTelemetry Collector and Jaeger, whose query API is asked in the end.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a scenario: builds what it needs, starts it, drives load, checks, and ends all that it started.
    Run(Run),
    /// Ends what an interrupted run has left, and a run that still runs.
    Stop,
    /// Builds the Collector and Jaeger, which the first run would do.
    Build {
        /// Builds what is built already, too.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Which one, or which ones.
    #[arg(long, value_enum, required = true)]
    pub(crate) scenario: Vec<Choice>,
    /// How often each scenario runs, one run after the other.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) num: u64,
    /// How much of it: requests per second of the load, kills (kill, direct-kill), requests (flightrecorder), seconds (soak, direct-soak) or rounds (overhead); each scenario has its own default.
    #[arg(long)]
    pub(crate) amount: Option<u64>,
    /// What is printed: lines for people, or an array with requests, checks and resources of each run. Lines go to standard error then.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// Small numbers, as `quick` has them.
    #[arg(long)]
    pub(crate) short: bool,
    /// How long one scenario may take: `90s`, `3m`. Each one has its own default.
    #[arg(long, value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Builds the Collector and Jaeger even where they are built already.
    #[arg(long)]
    pub(crate) force: bool,
    /// Takes this trace-sidecar instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) sidecar: Option<PathBuf>,
    /// Keeps all logs and files of the run, which a run without failures removes.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Begins the random numbers: a run of `kill` tells its own.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// What load `overhead` is measured with, as JSON: {"rate": 200, "loops": 500000}; examples/harness/inputs.json has all settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,
    /// The folder for what `overhead` has measured [default: .cache/harness/overhead, or overhead-short with --short]; further runs take NAME-2 and so on.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines.
    #[default]
    Text,
    /// A JSON array with an object for each run.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// The demonstration: a few requests, and all that there is to know about them is in Jaeger.
    #[value(name = "flightrecorder")]
    FlightRecorder,
    /// The fork's recordings, through a directory and through a server that plays them as its stream.
    ForkReplay,
    /// The Collector ends for a while, under load.
    CollectorDown,
    /// The sidecar is killed again and again, under load.
    Kill,
    /// The Collector is slow, refuses, and resets connections.
    SlowCollector,
    /// The sidecar's disk is full for a while.
    DiskFull,
    /// The services push their snapshots.
    Push,
    /// The sidecar pulls recordings from the services.
    Pull,
    /// The sidecar pulls recordings from a service that says nothing of its requests: stacks tell of them.
    ZeroCode,
    /// More load, for longer.
    Soak,
    /// No sidecar: the services send their spans themselves, to a receiver that is away for a while.
    Direct,
    /// These are killed again and again, under load.
    DirectKill,
    /// These under load, for longer. Not part of `quick`.
    DirectSoak,
    /// What tracing costs a service: the same load on one that is traced in each way in turn, or not at all. It leaves JSON and a page, and
    /// prints a table.
    Overhead,
    /// All of them with small numbers, but for `direct-soak`.
    Quick,
    /// All of them.
    All,
}

impl Choice {
    /// The scenarios that a choice stands for.
    pub(crate) fn scenarios(self) -> Vec<Self> {
        match self {
            Self::Quick | Self::All => Self::value_variants()
                .iter()
                .copied()
                .filter(|choice| !matches!(choice, Self::Quick | Self::All))
                .filter(|choice| self == Self::All || *choice != Self::DirectSoak)
                .collect(),
            one => vec![one],
        }
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let number = |digits: &str| digits.parse::<u64>().map_err(|error: ParseIntError| error.to_string());
    for (unit, milliseconds) in units {
        if let Some(digits) = text.strip_suffix(unit).filter(|digits| !digits.ends_with('m')) {
            let milliseconds = number(digits)?.checked_mul(milliseconds).ok_or("too long")?;
            return Ok(Duration::from_millis(milliseconds));
        }
    }
    Err("a number and a unit, as in 3m, 90s or 500ms".to_owned())
}
