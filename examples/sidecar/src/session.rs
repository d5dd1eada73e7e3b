//! From settings to a running sidecar, and its end.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use tokio::{net::TcpListener, runtime::Handle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{After, Config, Watch},
    deliver::{self, Courier},
    inbox::Inbox,
    quarantine::Quarantine,
    source::{self, Eagerness, PushState, Watcher},
    spool::Spool,
    store::Store,
    telemetry::{self, Telemetry},
    work::{Office, Worker},
};

/// Tells everybody to end: first that nothing new is to be begun, then that nothing is to be finished either.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl Stop {
    /// Nothing new is begun.
    pub(crate) fn drain(&self) {
        self.stopping.cancel();
    }

    /// Nothing is finished either.
    pub(crate) fn now(&self) {
        self.stopping.cancel();
        self.stopped.cancel();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
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
    /// Not.
    Forever,
    /// When all that is there is delivered.
    Once,
    /// Likewise, but nothing is sent and nothing changes.
    DryRun,
}

/// Sources, a worker and a courier at work with one configuration.
#[derive(Debug)]
pub(crate) struct Session {
    stop: Stop,
    inbox: Arc<Inbox>,
    worker: JoinHandle<Result<()>>,
    sources: Vec<JoinHandle<()>>,
    drain_timeout: Duration,
}

impl Session {
    pub(crate) async fn start(
        config: Arc<Config>,
        store: Arc<Store>,
        telemetry: Telemetry,
        extent: Extent,
    ) -> Result<Self> {
        let stop = Stop::default();
        let inbox = Arc::new(Inbox::default());
        let directory = &config.file.state_dir;
        let spool = Arc::new(Spool::open(
            directory.join("spool"),
            config.file.spool.clone(),
            Arc::clone(&inbox),
            telemetry.clone(),
        )?);
        let quarantine = Arc::new(Quarantine::open(directory.join("quarantine"), telemetry.clone())?);
        let outgoing = match extent {
            Extent::DryRun => deliver::pretend(),
            _ => {
                let courier =
                    Courier::new(&config, Arc::clone(&quarantine), telemetry.clone(), stop.clone())?;
                deliver::start(courier, config.file.otlp.concurrency, &stop)
            }
        };
        let mut session = Self {
            stop: stop.clone(),
            inbox: Arc::clone(&inbox),
            sources: Vec::new(),
            drain_timeout: config.file.drain_timeout,
            worker: {
                let office = Office::new(
                    Arc::clone(&store),
                    Arc::clone(&inbox),
                    Arc::clone(&spool),
                    Arc::clone(&quarantine),
                    telemetry.clone(),
                    outgoing,
                    stop.clone(),
                );
                let worker = Worker::new(Arc::clone(&config), office, extent);
                thread::Builder::new().name("worker".to_owned()).spawn(move || worker.run())?
            },
        };
        session
            .start_sources(&config, &store, &spool, &telemetry, extent)
            .await
            .inspect_err(|_| stop.now())?;
        Ok(session)
    }

    async fn start_sources(
        &mut self,
        config: &Arc<Config>,
        store: &Arc<Store>,
        spool: &Arc<Spool>,
        telemetry: &Telemetry,
        extent: Extent,
    ) -> Result<()> {
        for watch in &config.file.watch {
            let (eagerness, watch) = match extent {
                Extent::Forever => (Eagerness::Patient, watch.clone()),
                Extent::Once => (Eagerness::Once, watch.clone()),
                Extent::DryRun => (Eagerness::Once, Watch { after: After::Keep, ..watch.clone() }),
            };
            let mut watcher = Watcher::new(
                watch,
                eagerness,
                Arc::clone(&self.inbox),
                Arc::clone(store),
                telemetry.clone(),
            )?;
            match extent {
                Extent::Forever => {
                    let stop = self.stop.clone();
                    self.spawn("watch", move || watcher.run(&stop))?;
                }
                Extent::Once | Extent::DryRun => watcher.look(),
            }
        }
        if config.stdin && extent != Extent::DryRun {
            let (spool, inbox) = (Arc::clone(spool), Arc::clone(&self.inbox));
            let ends = extent == Extent::Once || !config.has_lasting_source();
            self.spawn("stdin", move || {
                source::standard_input(&spool);
                if ends {
                    inbox.close();
                }
            })?;
        } else if extent != Extent::Forever {
            self.inbox.close();
        }
        if extent == Extent::Forever {
            self.start_network(config, spool, telemetry).await?;
        }
        Ok(())
    }

    async fn start_network(
        &self,
        config: &Arc<Config>,
        spool: &Arc<Spool>,
        telemetry: &Telemetry,
    ) -> Result<()> {
        if let Some(address) = config.file.telemetry.address()? {
            let listener = listen(address, "[telemetry]").await?;
            tokio::spawn(telemetry::serve(listener, telemetry.clone(), self.stop.clone()));
        }
        if let Some(push) = &config.file.push {
            let listener = listen(push.listen, "[push]").await?;
            let state = PushState::new(push, Arc::clone(spool), telemetry.clone())?;
            tokio::spawn(source::push(listener, state, self.stop.clone()));
        }
        for pull in &config.file.pull {
            let pull = source::pull(pull.clone(), Arc::clone(spool), telemetry.clone(), self.stop.clone())?;
            tokio::spawn(pull);
        }
        Ok(())
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        self.sources.push(thread::Builder::new().name(name.to_owned()).spawn(run)?);
        Ok(())
    }

    /// What tells its parts to end.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits until all that there was to do is done.
    pub(crate) async fn ended(&self) {
        while !self.worker.is_finished() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends: what is at hand is delivered first, as far as the time allows.
    pub(crate) async fn end(self) -> Result<()> {
        self.stop.drain();
        self.inbox.close();
        let deadline = tokio::time::Instant::now() + self.drain_timeout;
        while !self.worker.is_finished() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let was_cut = !self.worker.is_finished();
        self.stop.now();
        if was_cut {
            tracing::warn!(
                "not all could be delivered in time: it stays where it is, and goes out after the next start"
            );
        }
        // The worker looks up after each batch.
        let worker = self.worker;
        let outcome = Handle::current().spawn_blocking(move || worker.join()).await?;
        outcome.map_err(|_| anyhow!("the worker has panicked"))?
    }
}

async fn listen(address: std::net::SocketAddr, of: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{of} listen = {address}"))
}
