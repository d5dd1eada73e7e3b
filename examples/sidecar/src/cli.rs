//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use trace_programs::{ReceiverArguments, SignalName};

use crate::config::parse_address;

/// Takes the execution traces of Go services as they appear, and delivers their spans to an OpenTelemetry receiver: each
/// at least once, whatever happens meanwhile.
///
/// Traces come from files that services write, by HTTP (pushed to this program, or pulled from /debug/pprof/trace), and
/// through standard input. What was read is done with only when the receiver has accepted it; until then it stays on
/// disk. Without a verb, it does what `run` does.
///
/// Settings come from flags, then the environment (OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
/// TRACE_OUTPUT_DIR), then the file. Signals: TERM and INT end it after what is at hand is delivered, within
/// drain_timeout; HUP reads the file again.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Takes and delivers traces until it is told to end.
    #[command(after_long_help = EXAMPLES)]
    Run(RunArguments),
    /// Checks the settings, whether the directories can be used, and whether the receiver answers.
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(Settings),
    /// Writes manual pages and the completions of shells into a folder.
    #[cfg(feature = "manual")]
    #[command(hide = true)]
    Manual { folder: PathBuf },
}

const EXAMPLES: &str = "\
Examples:
  trace-sidecar --watch '/tmp/traces/{service}/*.trace'
  trace-sidecar --pull http://localhost:6060/debug/pprof/trace --service-name orders
  trace-sidecar run --once --stdin --service-name orders < stream.bin
  trace-sidecar --config trace-sidecar.toml --dry-run";

const CHECK_EXAMPLES: &str = "\
Examples:
  trace-sidecar check --endpoint http://localhost:4318
  trace-sidecar check --config trace-sidecar.toml";

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Takes what is there, delivers it with all spans that are still open, and ends. Nothing is pulled or pushed.
    #[arg(long)]
    pub(crate) once: bool,
    /// Reads and maps what is there and tells what would be sent; sends, keeps, moves and deletes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Settings {
    /// The file of settings, in TOML.
    #[arg(short, long, value_name = "FILE", env = "TRACE_SIDECAR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where this program keeps its state and what it has taken in.
    #[arg(long, value_name = "DIRECTORY", env = "TRACE_SIDECAR_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Takes the files whose paths fit, such as /traces/{service}/{pod}/*.trace; may be given again and again.
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) watch: Vec<String>,
    /// Asks this URL for a trace every minute, such as http://localhost:6060/debug/pprof/trace; again and again.
    #[arg(long, value_name = "URL")]
    pub(crate) pull: Vec<String>,
    /// Takes traces that are posted to this address, such as 127.0.0.1:4320.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub(crate) push_listen: Option<SocketAddr>,
    /// Takes a trace, or the fork's stream of traces, from standard input.
    #[arg(long)]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) receiver: ReceiverArguments,
    /// What is delivered: traces, logs, metrics, profiles, separated by commas; traces unless something else is said.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SIGNALS")]
    pub(crate) signals: Vec<SignalName>,
    /// The service.name of all traces.
    #[arg(long, value_name = "NAME")]
    pub(crate) service_name: Option<String>,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub(crate) telemetry_listen: Option<SocketAddr>,
    /// How much is told: error, warn, info, debug, trace, or as tracing's filters say.
    #[arg(long, value_name = "LEVEL", env = "TRACE_SIDECAR_LOG")]
    pub(crate) log_level: Option<String>,
    /// How it is told.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text with a status line on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// A line of text each.
    Text,
    /// A JSON object each.
    Json,
}
