//! `run`: sessions one after the other, and the signals between them.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{RunArguments, Settings},
    config::{self, Config},
    premises::Premises,
    session::{Ending, Extent, Session},
    store::Store,
    telemetry::{StatusLine, Telemetry, start_logging},
};

/// Runs until all is done, or it is told to end.
pub(crate) async fn run(arguments: &RunArguments) -> Result<()> {
    let mut config = Arc::new(Config::load(&arguments.settings, config::environment)?);
    if !config.has_source() {
        bail!(
            "there is no source, so there is nothing to do: name files (--watch '/var/lib/traces/{{service}}/*.trace'), a \
             program to ask (--pull http://localhost:6060/debug/pprof/trace), an address (--push-listen 127.0.0.1:4320) or \
             --stdin, or [[watch]], [[pull]] or [push] in the file of settings"
        );
    }
    let status = StatusLine::new();
    start_logging(&config.file.log, &status)?;
    let extent = match arguments {
        RunArguments { dry_run: true, .. } => Extent::DryRun,
        RunArguments { once: true, .. } => Extent::Once,
        _ => Extent::Forever,
    };
    let (directory, _copy) = state_directory(&config, extent)?;
    let premises = Arc::new(Premises::open(&directory, &config, Telemetry::default())?);
    let mut signals = Signals::listen()?;
    let mut session = start(&config, &premises, extent, &status)?;
    if config.stdin && extent != Extent::DryRun {
        let most = config.file.limits.max_generation_bytes.as_u64();
        premises.read_standard_input(most, extent == Extent::Once || !config.has_lasting_source())?;
    }
    tracing::info!(endpoint = %config.traces.endpoint, state = %directory.display(), "started");
    let outcome = loop {
        let told = signals.next(&session).await;
        tracing::info!("{}", told.words());
        match told {
            Told::End | Told::Done => break signals.hasten(session, Ending::Final).await.0,
            Told::Reload => match Config::load(&arguments.settings, config::environment) {
                Err(error) => tracing::error!("the settings stay as they are: {error:#}"),
                // Nobody is cut off for nothing.
                Ok(new) if new == *config => {
                    tracing::info!("the settings are read again, and are what they were");
                }
                Ok(new) => {
                    let (outcome, is_to_end) = signals.hasten(session, Ending::HandOver).await;
                    if is_to_end || outcome.is_err() {
                        break outcome;
                    }
                    (session, config) = restart(new, config, &premises, extent, &status)?;
                }
            },
        }
    };
    tracing::info!("ended");
    outcome
}

fn start(
    config: &Arc<Config>,
    premises: &Arc<Premises>,
    extent: Extent,
    status: &StatusLine,
) -> Result<Session> {
    let session = Session::start(config, premises, extent)?;
    status.keep(premises.telemetry.clone(), session.stop());
    Ok(session)
}

/// Goes on with new settings, or with the old ones where that cannot be.
fn restart(
    new: Config,
    old: Arc<Config>,
    premises: &Arc<Premises>,
    extent: Extent,
    status: &StatusLine,
) -> Result<(Session, Arc<Config>)> {
    let new = keep_state_dir(new, &old);
    match start(&new, premises, extent, status) {
        Ok(session) => {
            tracing::info!("the settings are read again");
            Ok((session, new))
        }
        Err(error) => {
            tracing::error!("the settings stay as they are: {error:#}");
            Ok((start(&old, premises, extent, status)?, old))
        }
    }
}

/// Where the state is; for a dry run, in a copy that goes afterwards.
fn state_directory(config: &Config, extent: Extent) -> Result<(PathBuf, Option<TempDir>)> {
    let directory = config.file.state_dir.clone();
    if extent != Extent::DryRun {
        return Ok((directory, None));
    }
    let copy = tempfile::tempdir()?;
    let state = directory.join(Store::FILE_NAME);
    if state.exists() {
        fs::copy(&state, copy.path().join(Store::FILE_NAME))?;
    }
    Ok((copy.path().to_owned(), Some(copy)))
}

/// The state is open, and stays where it is.
fn keep_state_dir(mut new: Config, old: &Config) -> Arc<Config> {
    if new.file.state_dir != old.file.state_dir {
        tracing::warn!("state_dir changes only with a new start");
        new.file.state_dir.clone_from(&old.file.state_dir);
    }
    if new.file.log != old.file.log {
        tracing::warn!("[log] changes only with a new start");
    }
    Arc::new(new)
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Reload,
    End,
    /// By nobody: all is done.
    Done,
}

impl Told {
    const fn words(self) -> &'static str {
        match self {
            Self::Reload => "told to read the settings again",
            Self::End => "told to end",
            Self::Done => "all is done",
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Ends a session. Who asks for the end meanwhile does not want to wait. Whether somebody did.
    async fn hasten(&mut self, session: Session, ending: Ending) -> (Result<()>, bool) {
        let stop = session.stop();
        let end = session.end(ending);
        tokio::pin!(end);
        let mut is_to_end = false;
        loop {
            tokio::select! {
                outcome = &mut end => return (outcome, is_to_end),
                _ = self.terminate.recv() => is_to_end = true,
                _ = self.interrupt.recv() => is_to_end = true,
            }
            stop.now();
        }
    }

    async fn next(&mut self, session: &Session) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
            () = session.ended() => Told::Done,
        }
    }
}

/// `check`: whether it would run.
pub(crate) async fn check(settings: &Settings) -> Result<()> {
    let config = Config::load(settings, config::environment)?;
    println!("the settings are fine");
    crate::check::directories(&config)?;
    crate::check::receivers(&config).await
}
