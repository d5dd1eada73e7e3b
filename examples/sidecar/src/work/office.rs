//! Where deliveries are written down: what was read is done with when the receiver has all that came of it, not before.

use core::ops::RangeInclusive;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use trace_to_otel::otlp::Batch;

use super::account::Account;
use crate::{
    deliver::{Outgoing, Stopped},
    inbox::{Arrival, Inbox},
    premises::Premises,
    quarantine::{Quarantine, move_file},
    session::Stop,
    source::{Afterwards, version_of},
    spool::Spool,
    store::{Commit, FileRecord, Origin, ProcessId, ProcessRecord, Progress, Store},
    telemetry::{Concern, Tally, Telemetry},
};

/// Files are committed together, so many at most: each commit waits for the receiver and for the disk.
const MOST_FILES: usize = 64;

/// How much of a large file may be sent again after a crash, in bytes of its batches.
const CHECKPOINT: u64 = 8 << 20;

/// Sends, commits, and does what comes afterwards.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) store: Arc<Store>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) account: Account,
    pub(crate) telemetry: Telemetry,
    spool: Arc<Spool>,
    quarantine: Arc<Quarantine>,
    outgoing: Outgoing,
    pub(crate) stop: Stop,
    pending: Commit,
    finished: Vec<Finished>,
    /// How many batches were sent when the last of them was finished.
    finished_at: u64,
    /// What of a file was accepted before this process began.
    progress: Option<Progress>,
    /// Whether nothing may change.
    pub(crate) is_dry: bool,
}

/// Processes, in the order of their ids.
type Processes = Vec<(ProcessId, ProcessRecord)>;

/// A file of which all was sent.
#[derive(Debug)]
struct Finished {
    arrival: Arrival,
    /// None where it had been delivered before.
    tally: Option<Tally>,
}

/// The batches of one file on their way.
#[derive(Debug)]
pub(crate) struct Passage {
    progress: Progress,
    /// How many were accepted before, and are not sent again.
    skipped: u64,
    /// How many were made.
    made: u64,
    /// How many of earlier files were sent.
    before: u64,
    bytes: u64,
}

impl Office {
    pub(crate) fn new(premises: &Premises, outgoing: Outgoing, stop: Stop, is_dry: bool) -> Self {
        Self {
            store: Arc::clone(&premises.store),
            inbox: Arc::clone(&premises.inbox),
            account: Account::new(Arc::clone(&premises.store)),
            telemetry: premises.telemetry.clone(),
            spool: Arc::clone(&premises.spool),
            quarantine: Arc::clone(&premises.quarantine),
            outgoing,
            stop,
            pending: Commit::default(),
            finished: Vec::new(),
            finished_at: 0,
            progress: None,
            is_dry,
        }
    }

    /// Looks up what an earlier process has left.
    pub(crate) fn open(&mut self) -> Result<(), Stopped> {
        self.progress = self.persist(|| self.store.progress())?;
        Ok(())
    }

    /// Forgets what is no longer worth remembering.
    pub(crate) fn prune(&self) -> Result<(), Stopped> {
        self.persist(|| self.store.prune(unix_seconds()))
    }

    /// Whether no further file is to be begun.
    pub(crate) fn is_pausing(&self) -> bool {
        self.stop.is_pausing()
    }

    /// Whether somebody wants the program to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_stopping()
    }

    /// Whether it has to end at once.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Does what has to succeed: while it does not, as on a full disk, an alarm is up.
    pub(crate) fn persist<T>(&self, act: impl Fn() -> Result<T>) -> Result<T, Stopped> {
        let mut wait = Duration::from_millis(100);
        loop {
            match act() {
                Ok(done) => {
                    self.telemetry.clear(Concern::State);
                    return Ok(done);
                }
                Err(error) => self.telemetry.raise(Concern::State, &format!("{error:#}")),
            }
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if self.stop.is_stopped() {
                    return Err(Stopped);
                }
                self.telemetry.beat();
                thread::sleep(Duration::from_millis(50));
            }
            wait = (wait * 2).min(Duration::from_secs(10));
        }
    }

    /// What is remembered of a file.
    pub(crate) fn file(&self, name: &str) -> Result<Option<FileRecord>, Stopped> {
        match self.pending.files.get(name) {
            Some(record) => Ok(Some(record.clone())),
            None => self.persist(|| self.store.file(name)),
        }
    }

    /// The processes of an origin, as they are after all that was sent.
    pub(crate) fn processes_of(&self, origin: &Origin) -> Result<Processes, Stopped> {
        let origin = origin.id();
        self.processes_in((origin, 0)..=(origin, u64::MAX))
    }

    /// All processes, likewise.
    pub(crate) fn processes(&self) -> Result<Processes, Stopped> {
        self.processes_in((0, 0)..=(u128::MAX, u64::MAX))
    }

    fn processes_in(&self, range: RangeInclusive<ProcessId>) -> Result<Processes, Stopped> {
        let stored = self.persist(|| self.store.processes_in(range.clone()))?;
        let mut processes: BTreeMap<_, _> = stored.into_iter().collect();
        for (&id, record) in self.pending.processes.range(range) {
            match record {
                Some(record) => processes.insert(id, record.clone()),
                None => processes.remove(&id),
            };
        }
        Ok(processes.into_iter().collect())
    }

    /// Writes down that the open spans of a process are on their way out.
    pub(crate) fn begin_closing(&mut self, id: ProcessId, record: &ProcessRecord) -> Result<(), Stopped> {
        self.pending.processes.insert(id, Some(record.clone()));
        self.commit()
    }

    /// The batches of a file, or of what else has a name, begin.
    pub(crate) fn passage(&mut self, progress: Progress) -> Passage {
        let skipped = match self.progress.take() {
            Some(Progress { path, version, fingerprint, accepted })
                if (&path, version, fingerprint)
                    == (&progress.path, progress.version, progress.fingerprint) =>
            {
                accepted
            }
            _ => 0,
        };
        Passage { progress, skipped, made: 0, before: self.outgoing.sent(), bytes: 0 }
    }

    pub(crate) fn send(&mut self, passage: &mut Passage, batch: Batch) -> Result<(), Stopped> {
        if self.stop.is_stopped() {
            return Err(Stopped);
        }
        self.telemetry.beat();
        passage.made += 1;
        if passage.made <= passage.skipped {
            return Ok(());
        }
        passage.bytes += batch.bytes().len() as u64;
        let telemetry = &self.telemetry;
        self.outgoing.send(batch, || telemetry.beat())?;
        self.checkpoint(passage)
    }

    /// Writes down how far a large file has come.
    fn checkpoint(&mut self, passage: &mut Passage) -> Result<(), Stopped> {
        if passage.bytes < CHECKPOINT || self.is_dry {
            return Ok(());
        }
        let done = self.outgoing.done();
        // What was finished before comes first: the file's own batches depend on it.
        if done < self.finished_at {
            return Ok(());
        }
        self.commit()?;
        if done > passage.before {
            passage.progress.accepted = passage.skipped + (done - passage.before);
            let (store, progress) = (&self.store, &passage.progress);
            self.persist(|| store.set_progress(progress))?;
            passage.bytes = 0;
        }
        Ok(())
    }

    /// All of a file was sent, or it has nothing to be sent.
    pub(crate) fn finish(
        &mut self,
        arrival: Arrival,
        name: String,
        record: Option<FileRecord>,
        process: Option<(ProcessId, ProcessRecord)>,
        tally: Option<Tally>,
    ) -> Result<(), Stopped> {
        if let Some(record) = record {
            self.pending.files.insert(name, record);
        }
        if let Some((id, process)) = process {
            self.account.keep(id.1);
            self.pending.processes.insert(id, Some(process));
        }
        self.finished.push(Finished { arrival, tally });
        self.finished_at = self.outgoing.sent();
        if self.finished.len() >= MOST_FILES { self.settle() } else { Ok(()) }
    }

    /// What was open in a process was sent: it is done with.
    pub(crate) fn close(&mut self, id: ProcessId) -> Result<(), Stopped> {
        self.pending.processes.insert(id, None);
        self.finished_at = self.outgoing.sent();
        self.settle()
    }

    /// Puts a file aside for good.
    pub(crate) fn put_aside(
        &mut self,
        arrival: Arrival,
        name: String,
        record: FileRecord,
        reason: &str,
    ) -> Result<(), Stopped> {
        self.settle()?;
        if self.is_dry {
            let _ = writeln!(io::stdout(), "{name}: put aside: {reason}");
        } else {
            self.persist(|| {
                // Another file may have taken its place while the receiver was waited for.
                let is_there = version_of(&arrival.path).is_ok_and(|version| version == arrival.version);
                let moves = is_there && arrival.afterwards != Afterwards::Keep;
                match self.quarantine.put_file(&arrival.path, reason, moves) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    outcome => Ok(outcome?),
                }
            })?;
            if arrival.afterwards == Afterwards::Unspool {
                self.spool.release(arrival.version.length);
            }
        }
        self.pending.files.insert(name, record);
        self.commit()?;
        self.inbox.done(&arrival.path);
        Ok(())
    }

    /// Whether nothing waits to be committed.
    pub(crate) fn is_settled(&self) -> bool {
        self.finished.is_empty() && self.pending.is_empty()
    }

    /// Waits until all that was sent is accepted, and commits it.
    pub(crate) fn settle(&mut self) -> Result<(), Stopped> {
        let telemetry = self.telemetry.clone();
        self.outgoing.wait(|| telemetry.beat())?;
        self.commit()
    }

    /// Commits what was accepted, and does with the files what comes afterwards.
    fn commit(&mut self) -> Result<(), Stopped> {
        if self.is_settled() {
            return Ok(());
        }
        self.pending.generations = self.account.pending();
        if !self.is_dry {
            self.persist(|| self.store.commit(&self.pending, unix_seconds()))?;
            if !self.pending.generations.is_empty() {
                // It was told of a file that is not the next one any more.
                self.progress = None;
            }
            self.pending = Commit::default();
            self.account.committed();
        }
        for Finished { arrival, tally } in core::mem::take(&mut self.finished) {
            if let Some(tally) = tally {
                self.tell(&arrival, &tally);
            }
            if arrival.is_whole && !self.is_dry {
                self.after(&arrival);
            }
            self.inbox.done(&arrival.path);
        }
        Ok(())
    }

    /// Tells of a file that is delivered, or would be.
    fn tell(&self, arrival: &Arrival, tally: &Tally) {
        let lag = SystemTime::now().duration_since(arrival.since).unwrap_or_default();
        self.telemetry.delivered(tally, arrival.is_whole, lag);
        tracing::debug!(
            file = %arrival.path.display(), service = tally.service, spans = tally.span_count(),
            generations = tally.generations, lag = lag.as_secs_f64(), "delivered"
        );
        if self.is_dry {
            // Whoever reads it may have had enough, as `head` has.
            let _ = writeln!(
                io::stdout(),
                "{}: service {}, {} generations, {} more known already, {} spans, {} log records",
                arrival.path.display(),
                tally.service,
                tally.generations,
                tally.repeated_generations,
                tally.span_count(),
                tally.log_records
            );
        }
    }

    /// Does with a delivered file what comes afterwards. Where that fails, the file stays, and the next look finds it.
    fn after(&mut self, arrival: &Arrival) {
        let path = &arrival.path;
        let done = match &arrival.afterwards {
            Afterwards::Keep => return,
            // It was replaced, or has grown: that is another file.
            Afterwards::Delete | Afterwards::Move(_)
                if version_of(path).is_ok_and(|version| version != arrival.version) =>
            {
                return;
            }
            Afterwards::Delete => fs::remove_file(path),
            Afterwards::Move(to) => move_file(path, to),
            Afterwards::Unspool => self.spool.remove(path),
        };
        match done {
            Ok(()) => {
                if let Some(name) = path.to_str() {
                    self.pending.forgotten.push(name.to_owned());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "delivered, but it cannot be removed");
            }
        }
    }
}

/// Now, in seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
