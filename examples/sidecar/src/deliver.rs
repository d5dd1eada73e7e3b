//! Batches out, until the receiver has them.
//!
//! Several requests are under way side by side; what has become of them is told in the order of sending.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, mpsc as std_mpsc},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinError,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use trace_to_otel::otlp::{
    Accepted, Batch, Config as ReceiverConfig, ExportError, ExportErrorKind, Exporter, Pace, RetryOptions,
    Signal, SystemPace,
};

use crate::{
    config::{Advice, Config},
    durable::cause_of,
    inbox::Inbox,
    premises::Premises,
    quarantine::Quarantine,
    session::Stop,
    telemetry::{Concern, Telemetry},
};

/// After so many failures in a row it is no accident any more.
const ALARMING: u32 = 3;

/// How long the worker waits before it shows that it is alive.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much may be done with behind what is not, as nothing is told of it before.
const MOST_BEHIND: usize = 64;

/// Longer than this no receiver is left alone, whatever it says.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a person can do where the receiver has no place for profiles.
pub(crate) const WITHOUT_PROFILES: &str = "a Collector takes profiles with --feature-gates=+service.profilesSupport and a \
     pipeline for them; or leave them out of [otlp] signals";

/// What goes out as one request, as long as the receiver does not find it too large: batches, each with its records.
pub(crate) type Parcel = Vec<Batch>;

/// What has become of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// How many of its records were put aside, since the receiver does not want them.
    pub(crate) refused: u64,
}

/// The worker's end: it hands batches out, and learns how many are done with.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// None where nothing is sent.
    parcels: Option<(Handle, mpsc::Sender<Parcel>)>,
    told: std_mpsc::Receiver<Done>,
    room: Arc<Room>,
    /// What is done with, and was not [taken](Self::take_done) yet.
    done: VecDeque<Done>,
    sent_count: u64,
    done_count: u64,
}

/// How much fits into one request, as the receiver has let on: less than what it last found too large. Where it takes more from
/// now on, that is found out by the next [session](crate::session).
#[derive(Debug)]
struct Room(AtomicUsize);

impl Room {
    const fn unknown() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }

    /// What is about as large is not tried any more.
    fn note_too_large(&self, bytes: usize) {
        self.0.fetch_min(bytes - bytes / 4, Ordering::Relaxed);
    }

    /// Who wants nothing at all has told nothing of what fits.
    fn forget(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The program ends before all is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Outgoing {
    fn new(
        parcels: Option<(Handle, mpsc::Sender<Parcel>)>,
        told: std_mpsc::Receiver<Done>,
        room: Arc<Room>,
    ) -> Self {
        Self { parcels, told, room, done: VecDeque::new(), sent_count: 0, done_count: 0 }
    }

    /// How many bytes of batches fit into one request, as far as the receiver has let on.
    pub(crate) fn room(&self) -> usize {
        self.room.bytes()
    }

    /// Hands batches out. Where too many are under way it waits, and calls `meanwhile` now and then.
    pub(crate) fn send(&mut self, parcel: Parcel, mut meanwhile: impl FnMut()) -> Result<(), Stopped> {
        self.sent_count += parcel.len() as u64;
        let Some((runtime, parcels)) = &self.parcels else {
            self.done_count = self.sent_count;
            self.done.extend(parcel.iter().map(|_| Done::default()));
            return Ok(());
        };
        loop {
            // The timer needs the runtime around it.
            match runtime.block_on(async { timeout(PATIENCE, parcels.reserve()).await }) {
                Ok(Ok(room)) => {
                    room.send(parcel);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(Stopped),
                Err(_) => meanwhile(),
            }
        }
    }

    /// How many batches were handed out.
    pub(crate) fn sent(&self) -> u64 {
        self.sent_count
    }

    /// How many of them, from the first, are done with by now.
    pub(crate) fn done(&mut self) -> u64 {
        while let Ok(done) = self.told.try_recv() {
            self.note(done);
        }
        self.done_count
    }

    fn note(&mut self, done: Done) {
        self.done_count += 1;
        self.done.push_back(done);
    }

    /// What has become of the first so many of those that nobody has asked for.
    pub(crate) fn take_done(&mut self, count: usize) -> impl Iterator<Item = Done> {
        self.done.drain(..count.min(self.done.len()))
    }

    /// Waits until one more is done with, if any is under way, and calls `meanwhile` now and then.
    pub(crate) fn wait(&mut self, mut meanwhile: impl FnMut()) -> Result<(), Stopped> {
        let before = self.done();
        while self.done_count == before && self.done_count < self.sent_count {
            meanwhile();
            match self.told.recv_timeout(PATIENCE) {
                Ok(done) => self.note(done),
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                Err(std_mpsc::RecvTimeoutError::Disconnected) => return Err(Stopped),
            }
        }
        Ok(())
    }
}

/// For who only wants to know what would be sent.
pub(crate) fn pretend() -> Outgoing {
    Outgoing::new(None, std_mpsc::channel().1, Arc::new(Room::unknown()))
}

/// Begins to deliver. Whoever takes from `inbox` is woken by what is done with.
pub(crate) fn start(courier: Courier, config: &Config, inbox: Arc<Inbox>, stop: &Stop) -> Outgoing {
    let concurrency = config.file.otlp.concurrency;
    let (parcels, incoming) = mpsc::channel(1);
    let (tell, told) = std_mpsc::channel();
    let (courier, stop) = (Arc::new(courier), stop.clone());
    let room = Arc::clone(&courier.room);
    tokio::spawn(async move {
        tokio::select! {
            () = deliver_all(courier, concurrency, incoming, tell, inbox) => {}
            () = stop.stopped() => {}
        }
    });
    Outgoing::new(Some((Handle::current(), parcels)), told, room)
}

async fn deliver_all(
    courier: Arc<Courier>,
    concurrency: usize,
    mut incoming: mpsc::Receiver<Parcel>,
    tell: std_mpsc::Sender<Done>,
    inbox: Arc<Inbox>,
) {
    let mut under_way: VecDeque<UnderWay> = VecDeque::new();
    // How many of these are not done with. One that waits holds what comes behind it no longer than it has to.
    let mut busy = 0;
    let (finish, mut finished) = mpsc::unbounded_channel();
    let mut is_open = true;
    while is_open || !under_way.is_empty() {
        tokio::select! {
            parcel = incoming.recv(), if is_open && busy < concurrency && under_way.len() < concurrency + MOST_BEHIND => match parcel {
                Some(parcel) => {
                    busy += 1;
                    let (courier, finish) = (Arc::clone(&courier), Finish(finish.clone()));
                    let delivery = tokio::spawn(async move {
                        let _tells_however_it_ends = finish;
                        courier.deliver(parcel).await
                    });
                    under_way.push_back(AbortOnDropHandle::new(delivery));
                }
                None => is_open = false,
            },
            Some(()) = finished.recv() => busy -= 1,
            Some(outcome) = first(&mut under_way), if !under_way.is_empty() => {
                under_way.pop_front();
                // A batch that was not delivered is never told to be; the worker waits for it until it is stopped.
                let Ok(done) = outcome else { return };
                if done.into_iter().try_for_each(|done| tell.send(done)).is_err() {
                    return;
                }
                inbox.wake();
            }
        }
    }
}

/// Tells that a delivery is over.
struct Finish(mpsc::UnboundedSender<()>);

impl Drop for Finish {
    fn drop(&mut self) {
        // Nobody may listen any more.
        let _ = self.0.send(());
    }
}

/// A delivery, which ends when nobody waits for it any more.
type UnderWay = AbortOnDropHandle<Vec<Done>>;

async fn first(under_way: &mut VecDeque<UnderWay>) -> Option<Result<Vec<Done>, JoinError>> {
    match under_way.front_mut() {
        Some(first) => Some(first.await),
        None => None,
    }
}

/// Where the batches of a signal go.
#[derive(Debug)]
struct Way {
    exporter: Exporter,
    /// How many the receiver has taken: who waits for it may try again.
    taken: watch::Sender<u64>,
}

/// Brings batches to the receiver, however long it takes.
#[derive(Debug)]
pub(crate) struct Courier {
    traces: Way,
    logs: Way,
    /// None where metrics are not wanted.
    metrics: Option<Way>,
    /// None where profiles are not wanted.
    profiles: Option<Way>,
    backoff: RetryOptions,
    slow_retry: Duration,
    advice: Advice,
    /// How many requests in a row the receiver did not want, whatever was in them.
    unwanted: AtomicU32,
    room: Arc<Room>,
    quarantine: Arc<Quarantine>,
    telemetry: Telemetry,
    stop: Stop,
}

/// What has become of batches that were sent as one request.
#[derive(Debug)]
enum Together {
    Accepted,
    /// The receiver does not want them, and has wanted nothing lately.
    Unwanted(ExportError),
    /// The receiver does not want them together, or they cannot be.
    Apart,
}

/// What is known of a delivery under way.
#[derive(Debug, Default)]
struct Attempts {
    /// In a row.
    failures: u32,
    refused: u64,
    /// What the receiver does not take, even of single records.
    alone: Vec<(Batch, ExportError)>,
    is_partly_accepted: bool,
}

impl Courier {
    pub(crate) fn new(config: &Config, premises: &Premises, stop: Stop) -> Result<Self> {
        let way = |config: &ReceiverConfig| -> Result<Way> {
            let exporter = Exporter::new(config.clone())?.with_retry(RetryOptions::never());
            Ok(Way { exporter, taken: watch::Sender::new(0) })
        };
        if config.profiles.is_none() {
            // Nobody asks any more whether there is a place for them.
            premises.telemetry.clear(Concern::Profiles);
        }
        Ok(Self {
            traces: way(&config.traces)?,
            logs: way(&config.logs)?,
            metrics: config.metrics.as_ref().map(way).transpose()?,
            profiles: config.profiles.as_ref().map(way).transpose()?,
            backoff: config.file.otlp.retry(),
            slow_retry: config.file.otlp.slow_retry,
            advice: config.advice.clone(),
            unwanted: AtomicU32::new(0),
            room: Arc::new(Room::unknown()),
            quarantine: Arc::clone(&premises.quarantine),
            telemetry: premises.telemetry.clone(),
            stop,
        })
    }

    /// Returns when all batches are done with: accepted, or put aside because the receiver does not want them.
    ///
    /// They go as one request. What the receiver does not want together is tried by halves, so that it takes few requests to find
    /// what is wrong with it.
    async fn deliver(&self, parcel: Parcel) -> Vec<Done> {
        let mut done = Vec::new();
        // The next one last.
        let mut waiting = vec![parcel];
        while let Some(mut parcel) = waiting.pop() {
            if parcel.len() < 2 {
                for batch in parcel {
                    done.push(Done { refused: self.deliver_one(batch).await });
                }
                continue;
            }
            match self.deliver_joined(&parcel).await {
                Together::Accepted => done.extend(parcel.iter().map(|_| Done::default())),
                Together::Unwanted(error) => {
                    let others = parcel.split_off(1);
                    for first in parcel {
                        done.push(Done { refused: self.deliver_one(first).await });
                    }
                    match Batch::join(&others).filter(|_| self.wants_nothing()) {
                        Some(joined) => {
                            self.put_aside(&joined, &error).await;
                            done.extend(others.iter().map(|batch| Done { refused: batch.records() as u64 }));
                        }
                        None => waiting.push(others),
                    }
                }
                Together::Apart => {
                    let second = parcel.split_off(parcel.len() / 2);
                    waiting.extend([second, parcel]);
                }
            }
        }
        done
    }

    /// Sends batches as one request.
    async fn deliver_joined(&self, parcel: &[Batch]) -> Together {
        let bytes: usize = parcel.iter().map(|batch| batch.bytes().len()).sum();
        if bytes > self.room.bytes() && !self.wants_nothing() {
            return Together::Apart;
        }
        let Some(joined) = Batch::join(parcel) else { return Together::Apart };
        let mut taken = self.way(joined.signal()).taken.subscribe();
        let mut failures = 0;
        loop {
            match self.way(joined.signal()).exporter.export(&joined).await {
                Ok(accepted) => {
                    self.note_accepted(joined.signal(), &accepted);
                    return Together::Accepted;
                }
                Err(error) if is_hopeless(&error) && self.wants_nothing() => {
                    return Together::Unwanted(error);
                }
                Err(error) if is_hopeless(&error) => {
                    if error.kind() == ExportErrorKind::TooLarge {
                        self.room.note_too_large(bytes);
                    }
                    return Together::Apart;
                }
                Err(error) => {
                    failures += 1;
                    self.wait(&mut taken, &error, failures).await;
                }
            }
        }
    }

    /// How many of the batch's records were put aside.
    async fn deliver_one(&self, whole: Batch) -> u64 {
        let mut waiting = vec![whole.clone()];
        let mut attempts = Attempts::default();
        let mut taken = self.way(whole.signal()).taken.subscribe();
        while let Some(part) = waiting.pop() {
            match self.way(part.signal()).exporter.export(&part).await {
                Ok(accepted) => {
                    self.note_accepted(part.signal(), &accepted);
                    (attempts.failures, attempts.is_partly_accepted) = (0, true);
                }
                Err(error) if is_hopeless(&error) => {
                    if let Some((unwanted, error)) = self.refuse(part, error, &mut waiting, &mut attempts) {
                        if self.wants_nothing() && !attempts.is_partly_accepted {
                            self.put_aside(&whole, &error).await;
                            return whole.records() as u64;
                        }
                        attempts.alone.push((unwanted, error));
                    }
                }
                Err(error) if is_without_profiles(&part, &error) => {
                    // The receiver may well be there for the other signals, which are on the same way.
                    let message = format!("{error:#}; profiles are put aside; {WITHOUT_PROFILES}");
                    self.telemetry.raise(Concern::Profiles, &message);
                    attempts.alone.push((part, error));
                }
                Err(error) => {
                    waiting.push(part);
                    attempts.failures += 1;
                    self.wait(&mut taken, &error, attempts.failures).await;
                }
            }
        }
        for (part, error) in attempts.alone {
            attempts.refused += part.records() as u64;
            self.put_aside(&part, &error).await;
        }
        attempts.refused
    }

    /// The receiver does not want a part: its halves are tried instead, where that may help. Otherwise gives it back.
    fn refuse(
        &self,
        part: Batch,
        error: ExportError,
        waiting: &mut Vec<Batch>,
        attempts: &mut Attempts,
    ) -> Option<(Batch, ExportError)> {
        attempts.failures = 0;
        let part = match error.kind() {
            ExportErrorKind::TooLarge => match part.split() {
                Ok([first, second]) => {
                    waiting.extend([second, first]);
                    return None;
                }
                Err(part) => part,
            },
            _ => part,
        };
        if self.unwanted.fetch_add(1, Ordering::Relaxed) + 1 >= ALARMING {
            let message = format!("{error:#}; whatever is sent is put aside");
            self.telemetry.raise(Concern::Refusal, &message);
            self.room.forget();
        }
        Some((part, error))
    }

    /// Whether the receiver has not wanted anything lately, not even single records.
    fn wants_nothing(&self) -> bool {
        self.unwanted.load(Ordering::Relaxed) >= ALARMING
    }

    fn way(&self, signal: Signal) -> &Way {
        let way = match signal {
            Signal::Logs => Some(&self.logs),
            Signal::Metrics => self.metrics.as_ref(),
            Signal::Profiles => self.profiles.as_ref(),
            _ => None,
        };
        // Of what is not wanted no batch is made; this one would find it invalid, so that it is put aside.
        way.unwrap_or(&self.traces)
    }

    fn note_accepted(&self, signal: Signal, accepted: &Accepted) {
        self.unwanted.store(0, Ordering::Relaxed);
        self.way(signal).taken.send_modify(|count| *count = count.wrapping_add(1));
        self.telemetry.accepted(accepted.rejected, accepted.is_acknowledged);
        self.telemetry.clear(Concern::Receiver);
        self.telemetry.clear(Concern::Refusal);
        if signal == Signal::Profiles {
            self.telemetry.clear(Concern::Profiles);
        }
        if accepted.rejected > 0 || !accepted.message.is_empty() {
            tracing::warn!(rejected = accepted.rejected, "the receiver says: {}", accepted.message);
        }
    }

    /// Waits before the next attempt, and tells why where that is no accident.
    ///
    /// What the receiver asks for is waited for, but no longer than until it takes something else of the same signal: then the usual
    /// wait is enough, and nothing is held that could go out.
    async fn wait(&self, taken: &mut watch::Receiver<u64>, error: &ExportError, failures: u32) {
        self.telemetry.retries(&format!("{:?}", error.kind()));
        let asked = error.retry_after().unwrap_or_default();
        let is_long = asked > self.backoff.max_backoff;
        if failures >= ALARMING || !error.is_retryable() || is_long {
            let message = format!("{error:#}; {}", self.advice.of(error.kind()));
            self.telemetry.raise(Concern::Receiver, &message);
        } else {
            tracing::debug!(%error, failures, "it will be sent again");
        }
        let usual = self.backoff.wait(failures, SystemPace::default().chance());
        let longest = if error.is_retryable() { usual } else { self.slow_retry }.max(asked.min(LONGEST_WAIT));
        let least = usual.min(longest);
        sleep(least).await;
        tokio::select! {
            () = sleep(longest - least) => {}
            _ = taken.changed() => {}
        }
    }

    /// Puts aside what sending again does not help. While even that fails, as on a full disk, it is kept.
    async fn put_aside(&self, batch: &Batch, error: &ExportError) {
        let begin = Instant::now();
        while let Err(failure) = self.put(batch, error) {
            self.telemetry.raise(
                Concern::Quarantine,
                &format!("a rejected batch cannot be put aside: {}", cause_of(&failure)),
            );
            let wait = begin.elapsed().clamp(Duration::from_millis(500), Duration::from_secs(30));
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stop.stopped() => core::future::pending().await,
            }
        }
    }

    fn put(&self, batch: &Batch, error: &ExportError) -> io::Result<()> {
        self.quarantine.put_batch(batch, &format!("{error:#}"))?;
        self.telemetry.clear(Concern::Quarantine);
        Ok(())
    }
}

/// Whether the receiver will never take it.
fn is_hopeless(error: &ExportError) -> bool {
    use ExportErrorKind as Kind;
    matches!(error.kind(), Kind::Rejected | Kind::TooLarge | Kind::InvalidBatch)
}

/// Whether the receiver has no place for profiles: they are in development, and a Collector is without unless told otherwise.
fn is_without_profiles(batch: &Batch, error: &ExportError) -> bool {
    batch.signal() == Signal::Profiles && error.kind() == ExportErrorKind::NotFound
}
