//! Batches out, until the receiver has them.
//!
//! Several requests are under way side by side; what has been accepted is told in the order of sending.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, mpsc as std_mpsc},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::JoinError,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use trace_to_otel::otlp::{
    Batch, ExportError, ExportErrorKind, Exporter, Pace, RetryOptions, Signal, SystemPace,
};

use crate::{
    config::Config,
    premises::Premises,
    quarantine::Quarantine,
    session::Stop,
    telemetry::{Concern, Telemetry},
};

/// After so many failures in a row it is no accident any more.
const ALARMING: u32 = 3;

/// How long the worker waits before it shows that it is alive.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longer than this no receiver is left alone, whatever it says.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The worker's end: it hands batches out, and learns how many are done with.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// None where nothing is sent.
    batches: Option<(Handle, mpsc::Sender<Batch>)>,
    done: std_mpsc::Receiver<()>,
    sent_count: u64,
    done_count: u64,
}

/// The program ends before all is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Outgoing {
    /// Hands a batch out. Where too many are under way it waits, and calls `meanwhile` now and then.
    pub(crate) fn send(&mut self, batch: Batch, mut meanwhile: impl FnMut()) -> Result<(), Stopped> {
        self.sent_count += 1;
        let Some((runtime, batches)) = &self.batches else {
            self.done_count += 1;
            return Ok(());
        };
        loop {
            // The timer needs the runtime around it.
            match runtime.block_on(async { timeout(PATIENCE, batches.reserve()).await }) {
                Ok(Ok(room)) => {
                    room.send(batch);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(Stopped),
                Err(_) => meanwhile(),
            }
        }
    }

    /// How many were handed out.
    pub(crate) fn sent(&self) -> u64 {
        self.sent_count
    }

    /// How many of them, from the first, are done with by now.
    pub(crate) fn done(&mut self) -> u64 {
        self.done_count += self.done.try_iter().count() as u64;
        self.done_count
    }

    /// Waits until all are done with, and calls `meanwhile` now and then.
    pub(crate) fn wait(&mut self, mut meanwhile: impl FnMut()) -> Result<(), Stopped> {
        while self.done_count < self.sent_count {
            meanwhile();
            match self.done.recv_timeout(PATIENCE) {
                Ok(()) => self.done_count += 1,
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                Err(std_mpsc::RecvTimeoutError::Disconnected) => return Err(Stopped),
            }
        }
        Ok(())
    }
}

/// For who only wants to know what would be sent.
pub(crate) fn pretend() -> Outgoing {
    Outgoing { batches: None, done: std_mpsc::channel().1, sent_count: 0, done_count: 0 }
}

/// Begins to deliver.
pub(crate) fn start(courier: Courier, config: &Config, stop: &Stop) -> Outgoing {
    let concurrency = config.file.otlp.concurrency;
    let (batches, incoming) = mpsc::channel(1);
    let (tell, done) = std_mpsc::channel();
    let (courier, stop) = (Arc::new(courier), stop.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = deliver_all(courier, concurrency, incoming, tell) => {}
            () = stop.stopped() => {}
        }
    });
    Outgoing { batches: Some((Handle::current(), batches)), done, sent_count: 0, done_count: 0 }
}

async fn deliver_all(
    courier: Arc<Courier>,
    concurrency: usize,
    mut incoming: mpsc::Receiver<Batch>,
    tell: std_mpsc::Sender<()>,
) {
    let mut under_way: VecDeque<UnderWay> = VecDeque::new();
    let mut is_open = true;
    while is_open || !under_way.is_empty() {
        tokio::select! {
            batch = incoming.recv(), if is_open && under_way.len() < concurrency => match batch {
                Some(batch) => {
                    let courier = Arc::clone(&courier);
                    let delivery = tokio::spawn(async move { courier.deliver(batch).await });
                    under_way.push_back(AbortOnDropHandle::new(delivery));
                }
                None => is_open = false,
            },
            Some(outcome) = first(&mut under_way), if !under_way.is_empty() => {
                under_way.pop_front();
                // A batch that was not delivered is never told to be; the worker waits for it until it is stopped.
                if outcome.is_err() || tell.send(()).is_err() {
                    return;
                }
            }
        }
    }
}

/// A delivery, which ends when nobody waits for it any more.
type UnderWay = AbortOnDropHandle<()>;

async fn first(under_way: &mut VecDeque<UnderWay>) -> Option<Result<(), JoinError>> {
    match under_way.front_mut() {
        Some(first) => Some(first.await),
        None => None,
    }
}

/// Brings batches to the receiver, however long it takes.
#[derive(Debug)]
pub(crate) struct Courier {
    traces: Exporter,
    logs: Exporter,
    backoff: RetryOptions,
    slow_retry: Duration,
    quarantine: Arc<Quarantine>,
    telemetry: Telemetry,
    stop: Stop,
}

impl Courier {
    pub(crate) fn new(config: &Config, premises: &Premises, stop: Stop) -> Result<Self> {
        let exporter =
            |config| -> Result<Exporter> { Ok(Exporter::new(config)?.with_retry(RetryOptions::never())) };
        Ok(Self {
            traces: exporter(config.traces.clone())?,
            logs: exporter(config.logs.clone())?,
            backoff: config.file.otlp.retry(),
            slow_retry: config.file.otlp.slow_retry,
            quarantine: Arc::clone(&premises.quarantine),
            telemetry: premises.telemetry.clone(),
            stop,
        })
    }

    /// Returns when the batch is done with: accepted, or put aside because the receiver does not want it.
    async fn deliver(&self, batch: Batch) {
        let mut waiting = vec![batch];
        let mut failures = 0;
        while let Some(batch) = waiting.pop() {
            let exporter = if batch.signal() == Signal::Logs { &self.logs } else { &self.traces };
            let delivery = exporter.export_splitting(batch).await;
            if let Some(accepted) = delivery.accepted {
                self.telemetry.accepted(accepted.rejected, accepted.is_acknowledged);
                self.telemetry.clear(Concern::Receiver);
                failures = 0;
                if accepted.rejected > 0 || !accepted.message.is_empty() {
                    tracing::warn!(rejected = accepted.rejected, "the receiver says: {}", accepted.message);
                }
            }
            let mut failure = None;
            for (part, error) in delivery.undelivered.into_iter().rev() {
                if is_hopeless(&error) {
                    self.put_aside(&part, &error).await;
                } else {
                    waiting.push(part);
                    failure = Some(error);
                }
            }
            if let Some(error) = failure {
                failures += 1;
                self.wait(&error, failures).await;
            }
        }
    }

    /// Waits before the next attempt, and tells why where that is no accident.
    async fn wait(&self, error: &ExportError, failures: u32) {
        self.telemetry.retries(&format!("{:?}", error.kind()));
        if failures >= ALARMING || !error.is_retryable() {
            self.telemetry.raise(Concern::Receiver, &error.to_string());
        } else {
            tracing::debug!(%error, failures, "it will be sent again");
        }
        let usual = match error.is_retryable() {
            true => self.backoff.wait(failures, SystemPace::default().chance()),
            false => self.slow_retry,
        };
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_WAIT);
        sleep(usual.max(asked)).await;
    }

    /// Puts aside what sending again does not help. While even that fails, as on a full disk, it is kept.
    async fn put_aside(&self, batch: &Batch, error: &ExportError) {
        let begin = Instant::now();
        while let Err(failure) = self.put(batch, error) {
            self.telemetry
                .raise(Concern::Quarantine, &format!("a rejected batch cannot be put aside: {failure}"));
            let wait = begin.elapsed().clamp(Duration::from_millis(500), Duration::from_secs(30));
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stop.stopped() => core::future::pending().await,
            }
        }
    }

    fn put(&self, batch: &Batch, error: &ExportError) -> io::Result<()> {
        self.quarantine.put_batch(batch, &error.to_string())?;
        self.telemetry.clear(Concern::Quarantine);
        Ok(())
    }
}

/// Whether the receiver will never take it.
fn is_hopeless(error: &ExportError) -> bool {
    use ExportErrorKind as Kind;
    matches!(error.kind(), Kind::Rejected | Kind::TooLarge | Kind::InvalidBatch)
}
