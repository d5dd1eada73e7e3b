//! What this program tells.

use std::panic;

use anyhow::{Context, Result, ensure};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::StatusLine;
use crate::{cli::LogFormat, config::Log};

/// Begins to log, above the status line where there is one.
pub(crate) fn start_logging(log: &Log, status: &StatusLine) -> Result<()> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter_of(log)?).with_writer(status.clone());
    let is_text = match log.format {
        LogFormat::Auto => status.is_shown(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let started = match is_text {
        true => builder.with_target(false).with_ansi(status.is_shown()).try_init(),
        false => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot begin: {error}"))?;
    // Told as everything else is, in a line of its own. What it costs, whoever catches it tells.
    panic::set_hook(Box::new(|panic| tracing::error!("{}", panic.to_string().replace('\n', " "))));
    Ok(())
}

/// What is told and what is not.
pub(crate) fn filter_of(log: &Log) -> Result<EnvFilter> {
    let level = &log.level;
    let setting = || {
        format!(
            "[log] level, --log-level or TRACE_SIDECAR_LOG: {level:?} is no level: write error, warn, info, debug, trace, \
             or a filter such as \"info,trace_sidecar=debug\""
        )
    };
    // To tracing, a word that is no level is the name of a part of the program, of which everything is to be told.
    let words = level.split(',').map(str::trim);
    let mut plain = words.filter(|word| !word.contains(['=', '[', ':']));
    ensure!(plain.all(|word| word.parse::<LevelFilter>().is_ok()), setting());
    EnvFilter::try_new(level).with_context(setting)
}
