//! `check`: whether the directories can be used, and whether the receiver answers.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use trace_to_otel::otlp::{Config as ReceiverConfig, ExportErrorKind, Exporter, RetryOptions};

use crate::{config::Config, premises::create_private};

/// Whether the state can be written, and what is watched can be read.
pub(crate) fn directories(config: &Config) -> Result<()> {
    let state = &config.file.state_dir;
    create_private(state)?;
    tempfile::NamedTempFile::new_in(state)
        .with_context(|| format!("{} cannot be written", state.display()))?;
    println!("state_dir {}: can be written", state.display());
    for watch in &config.file.watch {
        let root = watch.root();
        match fs::read_dir(&root) {
            Ok(_) => println!("[[watch]] {}: can be read", watch.paths),
            Err(error) => {
                println!("[[watch]] {}: {} cannot be read yet: {error}", watch.paths, root.display());
            }
        }
        if let Some(to) = &watch.move_to {
            writable(to)?;
        }
    }
    Ok(())
}

fn writable(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("{} cannot be written", folder.display()))?;
    Ok(())
}

/// Whether the receiver takes a request. It has no span: nothing is stored.
pub(crate) async fn receiver(config: &Config) -> Result<()> {
    let receiver: &ReceiverConfig = &config.traces;
    let exporter = Exporter::new(receiver.clone())?.with_retry(RetryOptions::never());
    match exporter.probe().await {
        Ok(accepted) if accepted.is_acknowledged => {
            println!("{} ({}): answers as a receiver of OTLP does", receiver.endpoint, receiver.protocol);
            Ok(())
        }
        Ok(_) => {
            println!(
                "{} ({}): answers, but not with OTLP's own words: look whether spans arrive",
                receiver.endpoint, receiver.protocol
            );
            Ok(())
        }
        Err(error) if error.kind() == ExportErrorKind::Rejected => {
            println!("{}: answers, and rejects an empty request: {}", receiver.endpoint, error.message());
            Ok(())
        }
        Err(error) => bail!("{error}"),
    }
}
