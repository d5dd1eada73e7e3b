//! Sources, a worker and a courier at work with one configuration, and their end.

use core::pin::Pin;
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use tokio::{runtime::Handle, task, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::{After, Config, Watch},
    deliver::{self, Courier},
    premises::{Premises, Purpose},
    source::{self, Eagerness, PushState, Watcher},
    telemetry::{self, Concern},
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
    /// Nothing is finished either.
    pub(crate) fn now(&self) {
        self.stopping.cancel();
        self.pausing.cancel();
        self.stopped.cancel();
    }

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

/// How long who hands over waits for a receiver that is known to be away.
const IN_VAIN: Duration = Duration::from_secs(1);

/// How long the parts of a session may take to end that are told to end at once. After that they change nothing any more.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

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
    /// How many files could not even be looked at.
    unreadable: usize,
    drain_timeout: Duration,
}

/// Something that runs until it is told to end.
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a session is made of. Nothing of it runs yet.
#[derive(Default)]
struct Parts {
    watchers: Vec<Watcher>,
    intakes: Vec<Running>,
    observers: Vec<Running>,
}

impl Session {
    /// Makes all parts, and only then lets them run: where one cannot be made, none runs.
    pub(crate) fn start(config: &Arc<Config>, premises: &Arc<Premises>, extent: Extent) -> Result<Self> {
        let stop = Stop::default();
        let mut parts = Parts { watchers: watchers(config, premises, extent)?, ..Parts::default() };
        if extent == Extent::Forever {
            parts.add_network(config, premises, &stop)?;
        }
        let outgoing = match extent {
            Extent::DryRun => deliver::pretend(),
            _ => {
                let courier = Courier::new(config, premises, stop.clone())?;
                deliver::start(courier, config, Arc::clone(&premises.inbox), &stop)
            }
        };
        let office = Office::new(premises, outgoing, stop.clone(), extent == Extent::DryRun);
        premises.spool.configure(config.file.spool.clone());
        premises.quarantine.limit(config.file.quarantine.max_bytes.as_u64());
        premises.telemetry.keep_services(config.file.telemetry.max_services);
        premises.inbox.put_back();
        let unreadable = match extent {
            Extent::Forever => 0,
            Extent::Once | Extent::DryRun => look(&mut parts.watchers),
        };
        // Of what comes through standard input, its reader tells when it is all.
        if extent == Extent::DryRun || (extent == Extent::Once && !config.stdin) {
            premises.inbox.close();
        }
        let ended = CancellationToken::new();
        let worker = Worker::new(Arc::clone(config), office);
        let mut session = Self {
            worker: spawn_worker(worker, ended.clone())?,
            ended,
            premises: Arc::clone(premises),
            watchers: Vec::new(),
            intakes: parts.intakes.into_iter().map(spawn).collect(),
            observers: parts.observers.into_iter().map(spawn).collect(),
            unreadable,
            drain_timeout: config.file.drain_timeout,
            stop,
        };
        if extent == Extent::Forever {
            session.run_watchers(parts.watchers).inspect_err(|_| session.stop.now())?;
        }
        Ok(session)
    }

    fn run_watchers(&mut self, watchers: Vec<Watcher>) -> Result<()> {
        for watcher in watchers {
            let stop = self.stop.clone();
            let watching = thread::Builder::new().name("watch".to_owned());
            self.watchers.push(watching.spawn(move || watcher.run(&stop))?);
        }
        Ok(())
    }

    /// What tells its parts to end.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits until all that there was to do is done.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Ends it, within the time that there is.
    pub(crate) async fn end(mut self, ending: Ending) -> Result<()> {
        let begin = Instant::now();
        // Who goes on has all of what waits, so that nothing is gained by waiting for a receiver that is not there.
        let is_in_vain = ending == Ending::HandOver && self.premises.telemetry.is_raised(Concern::Receiver);
        let patience = if is_in_vain { self.drain_timeout.min(IN_VAIN) } else { self.drain_timeout };
        let deadline = begin + patience;
        self.stop.stopping.cancel();
        for intake in core::mem::take(&mut self.intakes) {
            // What is being taken in has not been promised to anybody yet: it does not get all of the time.
            let _ = tokio::time::timeout_at(begin + self.drain_timeout / 4, intake).await;
        }
        match ending {
            Ending::HandOver => {
                self.stop.pausing.cancel();
                self.premises.inbox.wake();
            }
            Ending::Final => self.premises.inbox.close(),
        }
        let is_done = tokio::time::timeout_at(deadline, self.ended()).await.is_ok();
        self.stop.now();
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
        // A file that cannot be read to its end, as on a network that is away, holds nobody else.
        let outcome = tokio::time::timeout(LEFT_BEHIND, outcome).await;
        // It could be watched to its end.
        drop(self.observers);
        let Ok(outcome) = outcome else {
            tracing::error!("something that is being read does not come to an end: it is left behind");
            return Ok(());
        };
        outcome?.map_err(|_| anyhow!("the worker has panicked"))??;
        ensure!(self.unreadable == 0, "{} files could not be read", self.unreadable);
        Ok(())
    }
}

impl Parts {
    fn add_network(&mut self, config: &Config, premises: &Premises, stop: &Stop) -> Result<()> {
        let telemetry = config.file.telemetry.address()?;
        let push = config.file.push.as_ref();
        self.observers.push(quietly(Arc::clone(&premises.spool).watch_disk()));
        if let Some(address) = telemetry {
            let listener = premises.listen(Purpose::Telemetry, address)?;
            let (telemetry, inbox) = (premises.telemetry.clone(), Arc::clone(&premises.inbox));
            self.observers.push(quietly(telemetry::serve(listener, telemetry, inbox, stop.clone())));
        }
        if let Some(push) = push {
            let listener = premises.listen(Purpose::Push, push.listen)?;
            let state = PushState::new(push, premises)?;
            self.intakes.push(quietly(source::push(listener, state, stop.clone())));
        }
        for pull in &config.file.pull {
            let most = config.file.limits.max_generation_bytes.as_u64();
            self.intakes.push(quietly(source::pull(pull.clone(), most, premises, stop.clone())?));
        }
        let telemetry = telemetry.map(|address| (Purpose::Telemetry, address));
        let push = push.map(|push| (Purpose::Push, push.listen));
        premises.keep_listening(&telemetry.into_iter().chain(push).collect::<Vec<_>>());
        Ok(())
    }
}

fn watchers(config: &Config, premises: &Premises, extent: Extent) -> Result<Vec<Watcher>> {
    let watches = config.file.watch.iter().map(|watch| match extent {
        Extent::Forever => Watcher::new(watch.clone(), Eagerness::Patient, premises),
        Extent::Once => Watcher::new(watch.clone(), Eagerness::Once, premises),
        Extent::DryRun => {
            let harmless = Watch { after: After::Keep, move_to: None, ..watch.clone() };
            Watcher::new(harmless, Eagerness::Once, premises)
        }
    });
    watches.collect()
}

/// Looks through all folders once. How many files cannot be read.
fn look(watchers: &mut [Watcher]) -> usize {
    watchers
        .iter_mut()
        .map(|watcher| {
            watcher.look();
            watcher.unreadable()
        })
        .sum()
}

fn spawn_worker(worker: Worker, ended: CancellationToken) -> Result<JoinHandle<Result<()>>> {
    let tell_end = ended.drop_guard();
    let work = move || {
        let _tells_however_it_ends = tell_end;
        worker.run()
    };
    Ok(thread::Builder::new().name("worker".to_owned()).spawn(work)?)
}

fn quietly<T>(run: impl Future<Output = T> + Send + 'static) -> Running {
    Box::pin(async move { drop(run.await) })
}

fn spawn(run: Running) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(Handle::current().spawn(run))
}
