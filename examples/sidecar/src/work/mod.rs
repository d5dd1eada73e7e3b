//! From files to batches, one file after the other.

mod account;
mod map;
mod office;
mod outbox;
mod process;
mod trace;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

pub(crate) use self::office::Office;
use self::{
    map::{Mapped, Trouble},
    office::unix_seconds,
};
use crate::{
    config::Config,
    deliver::Stopped,
    inbox::Arrival,
    source::version_of,
    store::{FileRecord, Outcome, ProcessId, ProcessRecord},
};

/// Why a file is put aside that makes this program panic.
const FAULT: &str = "this program failed on it, which is a fault of its own: please report it";

/// How often it is looked for spans that have been open for too long.
const ROUNDS: Duration = Duration::from_secs(5);

/// How often it is looked for what is no longer worth remembering.
const PRUNING: Duration = Duration::from_secs(3600);

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
    /// When it began, in seconds since 1970.
    started: u64,
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
            started: unix_seconds(),
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
        self.finish_closing()?;
        while !self.office.is_pausing() {
            self.office.telemetry.beat();
            self.office.telemetry.waiting(self.office.inbox.waiting());
            self.offer_again();
            let patience = if self.office.is_settled() { self.patience() } else { Duration::ZERO };
            if let Some(arrival) = self.office.inbox.take(patience) {
                self.take(arrival)?;
                continue;
            }
            self.office.settle()?;
            if self.office.inbox.is_closed() && self.office.inbox.waiting().0 == 0 {
                break;
            }
            self.close_overdue()?;
            self.prune()?;
        }
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
        let name = arrival.path.to_string_lossy().into_owned();
        match version_of(&arrival.path) {
            Ok(version) => arrival.version = version,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(file = name, "it has gone before it was read");
                self.office.inbox.done(&arrival.path);
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
                self.office.finish(arrival, name, record, None, None)
            }
            Some(Outcome::Quarantined { .. }) => {
                self.office.inbox.done(&arrival.path);
                Ok(())
            }
            _ => self.map(arrival, name, record.as_ref()),
        }
    }

    /// Maps a file, and does what its outcome demands.
    fn map(&mut self, arrival: Arrival, name: String, record: Option<&FileRecord>) -> Result<(), Stopped> {
        let mapped = catch_unwind(AssertUnwindSafe(|| {
            map::file(&mut self.office, &self.config, &arrival, &name, record)
        }));
        match mapped.unwrap_or_else(|_| Err(Trouble::Poison(FAULT.to_owned()))) {
            Ok(Mapped { record, process, tally }) => {
                self.office.finish(arrival, name, Some(record), process, Some(tally))
            }
            Err(Trouble::Stopped) => Err(Stopped),
            Err(Trouble::Poison(reason)) => {
                let outcome = Outcome::Quarantined { reason: reason.clone() };
                let record = FileRecord { version: arrival.version, last: 0, tail: None, outcome };
                self.office.put_aside(arrival, name, record, &reason)
            }
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

    /// Lets out what an earlier process had begun to let out.
    fn finish_closing(&mut self) -> Result<(), Stopped> {
        for (id, process) in self.office.processes()? {
            if process.is_closing {
                self.close(id, process)?;
            }
        }
        Ok(())
    }

    /// Lets out what has been open for too long in processes of which nothing comes any more.
    fn close_overdue(&mut self) -> Result<(), Stopped> {
        if Instant::now() < self.next_round || self.office.inbox.waiting().0 > 0 {
            return Ok(());
        }
        self.next_round = Instant::now() + ROUNDS.min(self.config.file.open_span_deadline / 2);
        let deadline = self.config.file.open_span_deadline.as_secs();
        for (id, process) in self.office.processes()? {
            // While this program was not there, nothing could come.
            if process.seen.max(self.started).saturating_add(deadline) <= unix_seconds() {
                self.close(id, process)?;
            }
        }
        Ok(())
    }

    fn close_all(&mut self) -> Result<(), Stopped> {
        for (id, process) in self.office.processes()? {
            self.close(id, process)?;
        }
        Ok(())
    }

    fn close(&mut self, id: ProcessId, process: ProcessRecord) -> Result<(), Stopped> {
        map::close(&mut self.office, &self.config, id, process)?;
        self.office.close(id)
    }
}
