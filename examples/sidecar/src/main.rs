//! Takes execution traces as they appear and delivers their spans.
#![forbid(unsafe_code)]

mod check;
mod cli;
mod config;
mod deliver;
mod durable;
mod inbox;
mod listen;
mod premises;
mod quarantine;
mod run;
mod session;
mod source;
mod spool;
mod store;
mod telemetry;
mod work;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(async {
            match cli.verb.unwrap_or(Verb::Run(cli.run)) {
                Verb::Run(arguments) => run::run(&arguments).await,
                Verb::Check(settings) => run::check(&settings).await,
                #[cfg(feature = "manual")]
                Verb::Manual { folder } => Ok(trace_programs::manual::write::<Cli>(&folder)?),
            }
        });
        // Standard input may never end.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
