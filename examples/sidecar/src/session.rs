//! Sources, a worker and a courier at work with one configuration, and their end.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow};
use tokio::{runtime::Handle, task, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::{After, Config, Watch},
    deliver::{self, Courier},
    premises::Premises,
    source::{self, Eagerness, PushState, Watcher},
    telemetry,
    work::{Office, Worker},
};

/// Tells everybody to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// Nothing new comes in.
    stopping: CancellationToken,
    /// No further file is begun.
    pausing: CancellationToken,
    /// Nothing is finished either.
    stopped: CancellationToken,
}

impl Stop {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    pub(crate) fn is_pausing(&self) -> bool {
        self.pausing.is_cancelled()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    pub(crate) async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    pub(crate) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }
}

/// How a session ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Not, unless its only source does.
    Forever,
    /// When all that is there is delivered.
    Once,
    /// Likewise, but nothing is sent and nothing changes.
    DryRun,
}

/// Why a session is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Another one goes on with what waits.
    HandOver,
    /// The program ends: what waits is delivered before, as far as the time allows.
    Final,
}

/// What works with one configuration.
#[derive(Debug)]
pub(crate) struct Session {
    stop: Stop,
    premises: Arc<Premises>,
    worker: JoinHandle<Result<()>>,
    /// Cancelled when the worker has ended.
    ended: CancellationToken,
    watchers: Vec<JoinHandle<()>>,
    /// Those who take something in, and have to be done before the worker is.
    intakes: Vec<AbortOnDropHandle<()>>,
    observers: Vec<AbortOnDropHandle<()>>,
    drain_timeout: Duration,
}

impl Session {
    pub(crate) fn start(config: &Arc<Config>, premises: &Arc<Premises>, extent: Extent) -> Result<Self> {
        let stop = Stop::default();
        premises.spool.configure(config.file.spool.clone());
        premises.inbox.put_back();
        let outgoing = match extent {
            Extent::DryRun => deliver::pretend(),
            _ => deliver::start(Courier::new(config, premises, stop.clone())?, config, &stop),
        };
        let worker = Worker::new(Arc::clone(config), Office::new(premises, outgoing, stop.clone()), extent);
        let ended = CancellationToken::new();
        let tell_end = ended.clone().drop_guard();
        let work = move || {
            let _tells_however_it_ends = tell_end;
            worker.run()
        };
        let mut session = Self {
            worker: thread::Builder::new().name("worker".to_owned()).spawn(work)?,
            ended,
            premises: Arc::clone(premises),
            watchers: Vec::new(),
            intakes: Vec::new(),
            observers: Vec::new(),
            drain_timeout: config.file.drain_timeout,
            stop,
        };
        let started = session.start_watchers(config, extent).and_then(|()| match extent {
            Extent::Forever => session.start_network(config),
            Extent::Once | Extent::DryRun => Ok(()),
        });
        started.inspect_err(|_| session.stop_now())?;
        Ok(session)
    }

    fn start_watchers(&mut self, config: &Arc<Config>, extent: Extent) -> Result<()> {
        for watch in &config.file.watch {
            let (eagerness, watch) = match extent {
                Extent::Forever => (Eagerness::Patient, watch.clone()),
                Extent::Once => (Eagerness::Once, watch.clone()),
                Extent::DryRun => (Eagerness::Once, Watch { after: After::Keep, ..watch.clone() }),
            };
            let mut watcher = Watcher::new(watch, eagerness, &self.premises)?;
            if extent == Extent::Forever {
                let stop = self.stop.clone();
                let watching = thread::Builder::new().name("watch".to_owned());
                self.watchers.push(watching.spawn(move || watcher.run(&stop))?);
            } else {
                watcher.look();
            }
        }
        // Of what comes through standard input, its reader tells when it is all.
        let is_all = extent == Extent::DryRun || (extent == Extent::Once && !config.stdin);
        if is_all {
            self.premises.inbox.close();
        }
        Ok(())
    }

    fn start_network(&mut self, config: &Arc<Config>) -> Result<()> {
        let (premises, stop) = (&self.premises, &self.stop);
        let telemetry = config.file.telemetry.address()?;
        let push = config.file.push.as_ref();
        let addresses: Vec<_> = telemetry.into_iter().chain(push.map(|push| push.listen)).collect();
        premises.keep_listening(&addresses);
        if let Some(address) = telemetry {
            let listener = premises.listen(address)?;
            self.observers.push(spawn(telemetry::serve(listener, premises.telemetry.clone(), stop.clone())));
        }
        if let Some(push) = push {
            let listener = premises.listen(push.listen)?;
            let state = PushState::new(push, premises)?;
            self.intakes.push(spawn(source::push(listener, state, stop.clone())));
        }
        for pull in &config.file.pull {
            let most = config.file.limits.max_generation_bytes.as_u64();
            self.intakes.push(spawn(source::pull(pull.clone(), most, premises, stop.clone())?));
        }
        Ok(())
    }

    /// What tells its parts to end.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    fn stop_now(&self) {
        self.stop.stopping.cancel();
        self.stop.pausing.cancel();
        self.stop.stopped.cancel();
    }

    /// Waits until all that there was to do is done.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Ends it, within the time that there is.
    pub(crate) async fn end(mut self, ending: Ending) -> Result<()> {
        let deadline = Instant::now() + self.drain_timeout;
        self.stop.stopping.cancel();
        for intake in core::mem::take(&mut self.intakes) {
            // What is being taken in has not been promised to anybody yet.
            let _ = tokio::time::timeout_at(deadline, intake).await;
        }
        match ending {
            Ending::HandOver => {
                self.stop.pausing.cancel();
                self.premises.inbox.wake();
            }
            Ending::Final => self.premises.inbox.close(),
        }
        let is_done = tokio::time::timeout_at(deadline, self.ended()).await.is_ok();
        self.stop_now();
        if !is_done && ending == Ending::Final {
            tracing::warn!(
                "not all could be delivered in time: it stays where it is, and goes out after the next start"
            );
        }
        let (worker, watchers) = (self.worker, self.watchers);
        let outcome = task::spawn_blocking(move || {
            watchers.into_iter().for_each(|watcher| drop(watcher.join()));
            worker.join()
        });
        outcome.await?.map_err(|_| anyhow!("the worker has panicked"))?
    }
}

fn spawn<T: Send + 'static>(run: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<()> {
    let running = Handle::current().spawn(async move { drop(run.await) });
    AbortOnDropHandle::new(running)
}
