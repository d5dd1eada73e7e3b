//! Converts Go execution traces to OpenTelemetry spans, from the command line.
#![forbid(unsafe_code)]

mod cli;
mod correlate;
mod csv;
mod cut;
mod diff;
mod dump;
mod export;
mod filter;
mod find;
mod follow;
mod info;
mod input;
mod map;
mod order;
mod otlp;
mod output;
mod page;
mod profile;
mod read;
mod recording;
mod report;
mod sanitize;
mod select;
mod send;
mod spans;
mod stats;
mod texts;
mod timeline;
mod verb;

use std::{io, process::ExitCode};

use clap::Parser;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => match verb::mistyped() {
            Some(mistyped) if error.use_stderr() => return mistyped.told(),
            _ => error.exit(),
        },
    };
    if let Some(mistyped) = verb::mistyped().filter(|_| cli.verb.is_none()) {
        return mistyped.told();
    }
    let failure = cli.verb.as_ref().map_or(1, Verb::failure);
    match run(cli) {
        Ok(status) => status,
        // Whoever reads our output has had enough of it, as `head` has.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(failure)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb.unwrap_or(Verb::Spans(cli.spans)) {
        Verb::Find(arguments) => return find::run(&arguments),
        Verb::Spans(arguments) => spans::run(&arguments),
        Verb::Otlp(arguments) => otlp::run(&arguments),
        Verb::Export(arguments) => export::run(&arguments),
        Verb::Profile(arguments) => profile::run(&arguments),
        Verb::Stats(arguments) => stats::run(&arguments),
        Verb::Diff(arguments) => diff::run(&arguments),
        Verb::Dump(arguments) => dump::run(&arguments),
        Verb::Info(arguments) => info::run(&arguments),
        Verb::Filter(arguments) => filter::run(&arguments),
        Verb::Cut(arguments) => cut::run(&arguments),
        Verb::Sanitize(arguments) => sanitize::run(&arguments),
        #[cfg(feature = "manual")]
        Verb::Manual { folder } => Ok(trace_programs::manual::write::<Cli>(&folder)?),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
