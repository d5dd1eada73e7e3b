//! `trace-harness`: whole scenarios of tracing a Go service, with real parts on loopback, with the sidecar or without.
//!
//! | module | is |
//! |---|---|
//! | `cli` | the command line |
//! | `scenario` | the scenarios, one in each file |
//! | `stage` | the parts of a scenario, started and connected, and what every scenario ends with |
//! | `app`, `service`, `sidecar` | the parts that are ours; the others are in the library |
//! | `load`, `proxy`, `archive`, `http` | what stands at the three ends: who orders, who receives, who sees snapshots |
//! | `query`, `client` | asking Jaeger, and everybody else |
//! | `journal`, `spans`, `truth`, `report` | what was done, what arrived, whether that is the same, and saying so |

mod app;
mod archive;
mod cli;
mod client;
mod http;
mod journal;
mod load;
mod proxy;
mod query;
mod report;
mod scenario;
mod service;
mod sidecar;
mod spans;
mod stage;
mod truth;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Parser;
use trace_harness::{build, run_file};

use crate::{
    cli::{Choice, Cli, Command},
    report::Report,
    scenario::Scale,
    stage::Programs,
};

/// In the folder of a run, what it has started.
const PROCESSES: &str = "processes";

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Stop => stop(),
        Command::Build { force } => build_parts(force).map(|_| 0),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("trace-harness: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    folder.canonicalize().unwrap_or(folder)
}

/// A folder for each run, whose name is the run's process id.
fn runs() -> PathBuf {
    root().join(".cache/harness/runs")
}

fn build_parts(force: bool) -> Result<(PathBuf, PathBuf)> {
    Ok((build("collector", force)?, build("jaeger", force)?))
}

fn programs(arguments: &cli::Run) -> Result<Programs> {
    let (collector, jaeger) = build_parts(arguments.force)?;
    let app = app::build(&root(), "go-app")?;
    let service = app::build(&root(), "go-service")?;
    let sidecar = match &arguments.sidecar {
        Some(program) => program.canonicalize().with_context(|| program.display().to_string())?,
        None => sidecar::build(&root())?,
    };
    Ok(Programs { collector, jaeger, sidecar, app, service })
}

/// How many checks failed.
fn run(arguments: &cli::Run) -> Result<u32> {
    let programs = programs(arguments)?;
    let directory = runs().join(process::id().to_string());
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    run_file::write_to(directory.join(PROCESSES));
    run_file::add(process::id(), "trace-harness")?;

    let mut failures = 0;
    for &choice in &arguments.scenario {
        let scale = Scale {
            number: arguments.num,
            is_quick: choice == Choice::Quick,
            limit: arguments.timeout,
            seed: arguments.seed,
        };
        for scenario in choice.scenarios() {
            failures += run_one(scenario, &programs, &directory, scale);
        }
    }
    if failures == 0 && !arguments.keep {
        fs::remove_dir_all(&directory)?;
    } else {
        println!("logs and files are in {}", directory.display());
    }
    Ok(failures)
}

fn run_one(scenario: Choice, programs: &Programs, directory: &Path, scale: Scale) -> u32 {
    let (name, begin) = (scenario.name(), Instant::now());
    println!("\n=== {name}");
    let mut report = Report::default();
    scenario::run(scenario, programs, &directory.join(&name), scale, &mut report);
    report.figure("time", format_args!("{:.1} s", begin.elapsed().as_secs_f64()));
    println!("Scenario completed scenario={name} failures={}", report.failures());
    report.failures()
}

/// Ends what runs have left.
fn stop() -> Result<u32> {
    let Ok(runs) = fs::read_dir(runs()) else {
        println!("nothing has run");
        return Ok(0);
    };
    for run in runs {
        let directory = run?.path();
        let file = directory.join(PROCESSES);
        if !file.is_file() {
            continue;
        }
        for ended in run_file::end_all(&file)? {
            println!("ended {ended}");
        }
        // The small disk of a run that was interrupted.
        let disk = directory.join(Choice::DiskFull.name()).join("disk");
        if disk.is_dir() {
            process::Command::new("umount").args(["--lazy", "--quiet"]).arg(&disk).status().ok();
        }
        fs::remove_file(file)?;
    }
    println!("nothing is left running");
    Ok(0)
}
