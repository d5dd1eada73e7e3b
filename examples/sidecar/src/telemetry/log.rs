//! What this program tells.

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

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
    started.map_err(|error| anyhow::anyhow!("logging cannot begin: {error}"))
}

/// What is told and what is not.
pub(crate) fn filter_of(log: &Log) -> Result<EnvFilter> {
    EnvFilter::try_new(&log.level).with_context(|| format!("[log] level = {:?}", log.level))
}
