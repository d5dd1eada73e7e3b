//! `check`: whether the directories can be used, and whether the receiver answers for each signal.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail, ensure};
use rustix::fs::{Access, access};
use trace_to_otel::otlp::{
    Config as ReceiverConfig, ExportError, ExportErrorKind, Exporter, RetryOptions, Signal,
};

use crate::{config::Config, deliver::WITHOUT_PROFILES};

/// Whether the state can be written, and what is watched can be read. Nothing is made.
pub(crate) fn directories(config: &Config) -> Result<()> {
    let state = &config.file.state_dir;
    match writable(state)? {
        None => println!("state_dir {}: can be written", state.display()),
        Some(above) => println!("state_dir {}: can be made in {}", state.display(), above.display()),
    }
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

/// Whether files can be made in a folder; or where it can be made, which is given then.
fn writable(folder: &Path) -> Result<Option<PathBuf>> {
    let there = folder.ancestors().find(|above| above.symlink_metadata().is_ok());
    let there = there.filter(|there| !there.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(there.is_dir(), "{} cannot be written: {} is no folder", folder.display(), there.display());
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        bail!("{} cannot be written: {}: {error}", folder.display(), there.display());
    }
    Ok((there != folder).then(|| there.to_owned()))
}

/// Whether the receiver takes a request of each signal that is delivered. They have no record: nothing is stored.
pub(crate) async fn receivers(config: &Config) -> Result<()> {
    let mut failures = Vec::new();
    for receiver in config.receivers() {
        if let Err(error) = probe(receiver).await? {
            failures.push(match receiver.signal {
                Signal::Profiles if error.kind() == ExportErrorKind::NotFound => {
                    format!("{error:#}; {WITHOUT_PROFILES}")
                }
                _ => format!("{error:#}; {}", config.advice.of(error.kind())),
            });
        }
    }
    ensure!(failures.is_empty(), failures.join("\n"));
    Ok(())
}

async fn probe(receiver: &ReceiverConfig) -> Result<Result<(), ExportError>> {
    let ReceiverConfig { endpoint, protocol, .. } = receiver;
    let exporter = Exporter::new(receiver.clone())?.with_retry(RetryOptions::never());
    match exporter.probe().await {
        Ok(accepted) if accepted.is_acknowledged => {
            println!("{endpoint} ({protocol}): answers as a receiver of OTLP does");
        }
        Ok(_) => {
            let records = receiver.signal.name();
            println!(
                "{endpoint} ({protocol}): answers, but not with OTLP's own words: look whether {records} arrive"
            );
        }
        Err(error) if error.kind() == ExportErrorKind::Rejected => {
            println!("{endpoint}: answers, and rejects an empty request: {}", error.message());
        }
        Err(error) => return Ok(Err(error)),
    }
    Ok(Ok(()))
}
