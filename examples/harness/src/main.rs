//! `trace-harness`: whole scenarios of tracing a Go service, with real parts on loopback, with the sidecar or without.
//!
//! | module | is |
//! |---|---|
//! | `cli` | the command line |
//! | `scenario` | the scenarios, one in each file |
//! | `stage` | the parts of a scenario, started and connected, and what every scenario ends with |
//! | `inputs`, `cpus`, `machine` | for what is measured: the load, where it runs, and on what |
//! | `environment` | what programs do not get of it |
//! | `app`, `service`, `sidecar` | the parts that are ours; the others are in the library |
//! | `load`, `proxy`, `archive`, `http` | what stands at the three ends: who orders, who receives, who sees snapshots |
//! | `query`, `client` | asking Jaeger, and everybody else |
//! | `journal`, `spans`, `truth` | what was done, what arrived, whether that is the same |
//! | `resources`, `report` | what it took, and saying all of it |

mod app;
mod archive;
mod cli;
mod client;
mod cpus;
mod environment;
mod http;
mod inputs;
mod journal;
mod load;
mod machine;
mod proxy;
mod query;
mod report;
mod resources;
mod scenario;
mod service;
mod sidecar;
mod spans;
mod stage;
mod truth;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::Value;
use trace_harness::{build, run_file};

use crate::{
    cli::{Choice, Cli, Command, Output},
    inputs::{ByLength, Inputs},
    report::Report,
    resources::Watch,
    scenario::{
        Scale,
        overhead::{self, Settings},
    },
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

fn sidecar(arguments: &cli::Run) -> Result<PathBuf> {
    match &arguments.sidecar {
        Some(program) => program.canonicalize().with_context(|| program.display().to_string()),
        None => sidecar::build(&root()),
    }
}

/// What stands on the stage of all scenarios but `overhead`.
fn programs(force: bool, sidecar: PathBuf) -> Result<Programs> {
    let (collector, jaeger) = build_parts(force)?;
    let app = app::build(&root(), "go-app")?;
    let service = app::build(&root(), "go-service")?;
    Ok(Programs { collector, jaeger, sidecar, app, service })
}

/// How many checks failed.
fn run(arguments: &cli::Run) -> Result<u32> {
    // What is wrong in there is told before anything is built.
    let inputs = ByLength::read(arguments.inputs.as_deref())?;
    let sidecar = sidecar(arguments)?;
    let scenarios: Vec<_> = arguments
        .scenario
        .iter()
        .flat_map(|choice| choice.scenarios().into_iter().map(|one| (one, *choice)))
        .collect();
    let needs_stage = scenarios.iter().any(|(scenario, _)| *scenario != Choice::Overhead);
    let programs = needs_stage.then(|| programs(arguments.force, sidecar.clone())).transpose()?;
    let directory = runs().join(process::id().to_string());
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let processes = directory.join(PROCESSES);
    run_file::write_to(processes.clone());
    run_file::add(process::id(), "trace-harness")?;

    let mut outcome = Outcome::default();
    let mut counts = BTreeMap::<String, u64>::new();
    for (scenario, choice) in scenarios {
        for _ in 0..arguments.num {
            // Over all choices: who names a scenario twice gets two folders.
            let count = counts.entry(scenario.name()).or_default();
            *count += 1;
            let repetition = *count;
            let scale = Scale {
                number: arguments.amount,
                is_quick: arguments.short || choice == Choice::Quick,
                limit: arguments.timeout,
                seed: arguments.seed,
            };
            let directory = directory.join(folder(scenario, repetition));
            outcome.add(arguments.output, scenario, repetition, &processes, |report| match &programs {
                Some(programs) if scenario != Choice::Overhead => {
                    scenario::run(scenario, programs, &directory, scale, report);
                }
                _ => measure(
                    arguments,
                    inputs.of(scale.is_quick),
                    &sidecar,
                    directory,
                    repetition,
                    scale,
                    report,
                ),
            });
        }
    }
    if arguments.output == Output::Json {
        println!("{:#}", Value::Array(outcome.runs));
    }
    if outcome.failures == 0 && !arguments.keep {
        fs::remove_dir_all(&directory)?;
    } else {
        eprintln!("logs and files are in {}", directory.display());
    }
    Ok(outcome.failures)
}

/// For what a run of a scenario writes.
fn folder(scenario: Choice, repetition: u64) -> PathBuf {
    numbered(scenario.name().into(), repetition)
}

/// A folder for each of several runs: `name`, `name-2` and so on.
fn numbered(folder: PathBuf, repetition: u64) -> PathBuf {
    if repetition == 1 {
        return folder;
    }
    let mut name = folder.into_os_string();
    name.push(format!("-{repetition}"));
    name.into()
}

/// Of all runs.
#[derive(Default)]
struct Outcome {
    failures: u32,
    /// For JSON.
    runs: Vec<Value>,
}

impl Outcome {
    fn add(
        &mut self,
        output: Output,
        scenario: Choice,
        repetition: u64,
        processes: &Path,
        perform: impl FnOnce(&mut Report),
    ) {
        let (name, begin) = (scenario.name(), Instant::now());
        let watch = (output == Output::Json).then(|| Watch::start(processes.to_owned()));
        let mut report = Report::new(output);
        report.say(format_args!("\n=== {name}"));
        perform(&mut report);
        report.figure("time", format_args!("{:.1} s", begin.elapsed().as_secs_f64()));
        report.say(format_args!("Scenario completed scenario={name} failures={}", report.failures()));
        self.failures += report.failures();
        if let Some(watch) = watch {
            self.runs.push(report.describe(&name, repetition, &watch.stop()));
        }
    }
}

/// Runs `overhead`.
fn measure(
    arguments: &cli::Run,
    inputs: &Inputs,
    sidecar: &Path,
    directory: PathBuf,
    repetition: u64,
    scale: Scale,
    report: &mut Report,
) {
    let root = root();
    // What was measured stays: a short run, which measures nothing, and another of several have folders of their own.
    let usual = if scale.is_quick { "overhead-short" } else { "overhead" };
    let out = arguments.out.clone().unwrap_or_else(|| root.join(".cache/harness").join(usual));
    let out = numbered(out, repetition);
    overhead::run(Settings { root: &root, directory, sidecar, out: &out, inputs, scale }, report);
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
        // The small disks of a run that was interrupted.
        for scenario in fs::read_dir(&directory)? {
            let disk = scenario?.path().join("disk");
            if disk.is_dir() {
                process::Command::new("umount").args(["--lazy", "--quiet"]).arg(&disk).status().ok();
            }
        }
        fs::remove_file(file)?;
    }
    println!("nothing is left running");
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_a_folder_of_its_own() {
        assert_eq!(folder(Choice::Kill, 1), Path::new("kill"));
        assert_eq!(folder(Choice::Kill, 2), Path::new("kill-2"));
        assert_eq!(numbered("/some/out".into(), 3), Path::new("/some/out-3"));
    }
}
