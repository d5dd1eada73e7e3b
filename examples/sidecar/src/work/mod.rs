//! From files to batches, one file after the other.

mod account;
mod map;
mod office;
mod outbox;
mod process;
mod trace;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use self::map::{Mapped, Trouble};
pub(crate) use self::office::{Heard, Office};
use crate::{
    config::Config,
    deliver::Stopped,
    inbox::Arrival,
    source::{Afterwards, version_of},
    spool,
    store::{FileRecord, Outcome, ProcessId, name_of},
};

/// Why a file of the spool is put aside that is not what was taken in.
const CHANGED: &str = "it has changed since it was taken in: its checksum is another one";

/// Why a file is put aside that makes this program panic.
const FAULT: &str = "this program failed on it, which is a fault of its own: please report it";

/// How often it is looked for spans that have been open for too long.
const ROUNDS: Duration = Duration::from_secs(5);

/// How often it is looked for what is no longer worth remembering.
const PRUNING: Duration = Duration::from_secs(3600);

/// How many processes are closed with one commit at most: between two such groups it is looked for what has come.
const GROUP: usize = 256;

/// How many at first, as nobody knows yet how much the receiver takes at once.
const FIRST_GROUP: usize = 16;

/// How long to wait before reading a file again that could not be read.
const AGAIN: Duration = Duration::from_secs(10);

/// Takes files and maps them.
#[derive(Debug)]
pub(crate) struct Worker {
    config: Arc<Config>,
    office: Office,
    /// Files to be tried again, and when.
    again: Vec<(Instant, Arrival)>,
    /// What could not be read, where there is no again.
    given_up: Vec<String>,
    /// Processes whose open spans are to go out.
    closing: VecDeque<ProcessId>,
    /// How many of them at a time: as many as go out as one request.
    group: usize,
    /// How many batches had been handed out when the first so many of them had.
    tried: Option<u64>,
    next_round: Instant,
    next_pruning: Instant,
}

impl Worker {
    pub(crate) fn new(config: Arc<Config>, office: Office) -> Self {
        Self {
            config,
            office,
            again: Vec::new(),
            given_up: Vec::new(),
            closing: VecDeque::new(),
            group: FIRST_GROUP,
            tried: None,
            next_round: Instant::now(),
            next_pruning: Instant::now() + PRUNING,
        }
    }

    /// Works until the inbox is closed and empty, or it is told to stop. What is not finished then was never begun.
    pub(crate) fn run(mut self) -> Result<()> {
        match self.work() {
            Err(Stopped) if !self.office.is_stopped() => {
                bail!("delivering has failed, which is a fault of this program")
            }
            _ if !self.given_up.is_empty() => bail!("could not be read: {}", self.given_up.join(", ")),
            _ => Ok(()),
        }
    }

    fn work(&mut self) -> Result<(), Stopped> {
        self.office.open()?;
        self.find_half_closed()?;
        while !self.office.is_pausing() {
            self.office.telemetry.beat();
            self.office.telemetry.waiting(self.office.inbox.waiting());
            self.offer_again();
            let patience = if self.office.has_ready() { Duration::ZERO } else { self.patience() };
            let arrival = self.office.inbox.take(patience);
            let is_idle = arrival.is_none();
            if let Some(arrival) = arrival {
                self.take(arrival)?;
            }
            self.office.commit(is_idle)?;
            if is_idle && self.office.inbox.is_closed() && self.office.inbox.waiting().0 == 0 {
                break;
            }
            self.close_some()?;
            self.prune()?;
        }
        self.office.settle()?;
        // Where nobody has asked for the end, nothing more will ever come. What could not be read may complete what is open.
        if !self.office.is_stopping() {
            let names = self.again.iter().map(|(_, arrival)| arrival.path.display().to_string());
            self.given_up.extend(names);
            if self.given_up.is_empty() {
                self.close_all()?;
            }
        }
        self.office.settle()
    }

    /// How long there is nothing to do but to wait for files.
    fn patience(&self) -> Duration {
        if !self.closing.is_empty() {
            return Duration::ZERO;
        }
        let again = self.again.iter().map(|(at, _)| *at);
        let next = again.min().unwrap_or(self.next_round).min(self.next_round);
        next.saturating_duration_since(Instant::now()).max(Duration::from_millis(10))
    }

    fn prune(&mut self) -> Result<(), Stopped> {
        if Instant::now() >= self.next_pruning {
            self.next_pruning = Instant::now() + PRUNING;
            self.office.prune()?;
        }
        Ok(())
    }

    fn offer_again(&mut self) {
        let now = Instant::now();
        for (_, arrival) in self.again.extract_if(.., |(at, _)| *at <= now) {
            self.office.inbox.done(&arrival.path);
            self.office.inbox.offer(arrival);
        }
    }

    /// Takes a file, as it is now.
    fn take(&mut self, mut arrival: Arrival) -> Result<(), Stopped> {
        let name = name_of(&arrival.path);
        match version_of(&arrival.path) {
            Ok(version) => arrival.version = version,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.office.miss(&arrival);
                return Ok(());
            }
            Err(error) => return self.try_again(arrival, &error.to_string()),
        }
        let record = self.office.file(&name)?;
        let same = record.as_ref().filter(|record| arrival.version.is_same_as(&record.version));
        match same.map(|record| &record.outcome) {
            Some(Outcome::Delivered) => {
                self.office.account.begin(&arrival.origin, None);
                let record = same.cloned();
                self.office.finish(arrival, name, record, BTreeMap::new(), None)
            }
            Some(Outcome::Quarantined { .. }) => {
                self.office.inbox.done(&arrival.path);
                Ok(())
            }
            _ if arrival.afterwards == Afterwards::Unspool => match spool::is_intact(&arrival.path) {
                Ok(true) => self.map(arrival, name, record.as_ref()),
                Ok(false) => self.put_aside(arrival, name, CHANGED),
                Err(error) => self.try_again(arrival, &error.to_string()),
            },
            _ => self.map(arrival, name, record.as_ref()),
        }
    }

    /// Nobody will ever deliver it.
    fn put_aside(&mut self, arrival: Arrival, name: String, reason: &str) -> Result<(), Stopped> {
        let outcome = Outcome::Quarantined { reason: reason.to_owned() };
        let record = FileRecord { version: arrival.version, last: 0, tail: None, outcome };
        self.office.put_aside(arrival, name, record, reason)
    }

    /// Maps a file, and does what its outcome demands.
    fn map(&mut self, arrival: Arrival, name: String, record: Option<&FileRecord>) -> Result<(), Stopped> {
        let mapped = catch_unwind(AssertUnwindSafe(|| {
            map::file(&mut self.office, &self.config, &arrival, &name, record)
        }));
        let mapped = mapped.unwrap_or_else(|_| Err(Trouble::Poison(FAULT.to_owned())));
        if mapped.is_err() {
            self.office.disown();
        }
        match mapped {
            Ok(Mapped { record, processes, tally }) => {
                self.office.finish(arrival, name, Some(record), processes, Some(tally))
            }
            Err(Trouble::Stopped) => Err(Stopped),
            Err(Trouble::Poison(reason)) => self.put_aside(arrival, name, &reason),
            Err(Trouble::Later(reason)) => self.try_again(arrival, &reason),
            Err(Trouble::Nothing) => {
                self.office.inbox.done(&arrival.path);
                Ok(())
            }
        }
    }

    /// A file could not be read. It counts as taken until it is offered again.
    fn try_again(&mut self, arrival: Arrival, reason: &str) -> Result<(), Stopped> {
        tracing::warn!(file = %arrival.path.display(), "{reason}");
        self.again.push((Instant::now() + AGAIN, arrival));
        Ok(())
    }

    /// What an earlier process had begun to let out, goes out.
    fn find_half_closed(&mut self) -> Result<(), Stopped> {
        let processes = self.office.processes()?.into_iter();
        self.closing = processes.filter(|(_, process)| process.is_closing).map(|(id, _)| id).collect();
        Ok(())
    }

    /// Lets out some of what has been open for too long in processes of which nothing comes any more.
    fn close_some(&mut self) -> Result<(), Stopped> {
        if self.closing.is_empty() && Instant::now() >= self.next_round {
            let deadline = self.config.file.open_span_deadline;
            self.next_round = Instant::now() + ROUNDS.min(deadline / 2);
            self.closing = self.office.silent(deadline)?.into();
        }
        self.office.telemetry.overdue(self.closing.len());
        let group: Vec<_> = self.closing.drain(..self.closing.len().min(self.group)).collect();
        let requests = self.close(&group)?;
        self.adapt(group.len(), requests);
        Ok(())
    }

    /// As many as go out as one request are closed at a time, so that what has come meanwhile does not wait for more; and more only
    /// when the receiver has taken as many.
    fn adapt(&mut self, closed: usize, requests: usize) {
        if requests > 1 {
            (self.group, self.tried) = ((closed / requests).max(1), None);
        } else if closed == self.group {
            let (sent, done) = self.office.progress();
            if done >= *self.tried.get_or_insert(sent) {
                (self.group, self.tried) = ((self.group * 2).min(GROUP), None);
            }
        }
    }

    fn close_all(&mut self) -> Result<(), Stopped> {
        let all: Vec<_> = self.office.processes()?.into_iter().map(|(id, _)| id).collect();
        all.chunks(GROUP).try_for_each(|group| self.close(group).map(drop))
    }

    /// Lets out what is open in processes, in as few requests as it fits into. Gives how many these are.
    fn close(&mut self, ids: &[ProcessId]) -> Result<usize, Stopped> {
        if ids.is_empty() {
            return Ok(0);
        }
        let most = self.config.file.otlp.max_batch_bytes.min(self.office.room());
        let (mut together, mut bytes, mut requests) = (Vec::new(), 0, 1);
        for (id, process) in self.office.begin_closing(ids)? {
            let (tally, made) = map::close(&self.config, &process)?;
            let more: usize = made.iter().map(|made| made.batch.bytes().len()).sum();
            if bytes + more > most && bytes > 0 {
                self.office.close(core::mem::take(&mut together))?;
                (bytes, requests) = (0, requests + 1);
            }
            bytes += more;
            together.push((id, tally, made));
        }
        self.office.close(together)?;
        Ok(requests)
    }
}
