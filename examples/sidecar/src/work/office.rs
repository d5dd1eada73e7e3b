//! Where deliveries are written down: what was read is done with when the receiver has all that came of it, not before.
//!
//! What was sent of one file or process is a unit. Units are committed in the order of sending, as the receiver accepts
//! them; meanwhile the next ones are made, as if those before had been committed.

use core::ops::RangeInclusive;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;

use super::{
    account::Account,
    outbox::{Counts, Made},
};
use crate::{
    deliver::{Outgoing, Stopped},
    durable::move_file,
    inbox::{Arrival, Inbox},
    premises::Premises,
    quarantine::Quarantine,
    session::Stop,
    source::{Afterwards, version_of},
    spool::Spool,
    store::{Commit, FileRecord, Origin, ProcessId, ProcessRecord, Progress, Store, Version, name_of},
    telemetry::{Concern, Tally, Telemetry},
};

/// So many units are committed together where more is to be done: each commit waits for the disk.
const MOST_AT_ONCE: usize = 64;

/// What was accepted is written down after this long at the latest, whatever else is to be done.
const SOON: Duration = Duration::from_millis(200);

/// How many units may be under way.
const MOST_UNDER_WAY: usize = 512;

/// How much of a large file may be sent again after a crash, in bytes of its batches.
const CHECKPOINT: u64 = 8 << 20;

/// When something came last of each process, by a clock that nobody sets.
pub(crate) type Heard = Mutex<HashMap<ProcessId, Instant>>;

/// Sends, commits, and does what comes afterwards.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) store: Arc<Store>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) account: Account,
    pub(crate) telemetry: Telemetry,
    spool: Arc<Spool>,
    quarantine: Arc<Quarantine>,
    heard: Arc<Heard>,
    outgoing: Outgoing,
    pub(crate) stop: Stop,
    /// What was sent and is not committed, in the order of sending.
    units: VecDeque<Unit>,
    /// What is in the batches that were sent, and is not counted yet.
    sent: VecDeque<Counts>,
    /// How many batches were counted.
    counted: u64,
    /// What is to be written down with the next commit; in a dry run, all that would have been.
    besides: Commit,
    committed: Instant,
    /// What of a file was accepted before this process began.
    progress: Option<Progress>,
    /// Whether nothing may change.
    pub(crate) is_dry: bool,
}

/// Processes, in the order of their ids.
type Processes = Vec<(ProcessId, ProcessRecord)>;

/// What is done with when so many batches are.
#[derive(Debug)]
struct Unit {
    at: u64,
    commit: Commit,
    of: Of,
    /// None where nothing was sent that had not been delivered before.
    tally: Option<Tally>,
}

/// What a unit is about.
#[derive(Debug)]
enum Of {
    File(Arrival),
    /// What was open in a process.
    Process,
}

/// The batches of one file on their way.
#[derive(Debug)]
pub(crate) struct Passage {
    progress: Progress,
    /// The fingerprints with which some were accepted before.
    earlier: Vec<u128>,
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
            heard: Arc::clone(&premises.heard),
            outgoing,
            stop,
            units: VecDeque::new(),
            sent: VecDeque::new(),
            counted: 0,
            besides: Commit::default(),
            committed: Instant::now(),
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
            // What goes on after its time has no say.
            if self.stop.is_stopped() {
                return Err(Stopped);
            }
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

    /// What will be written down, the latest first.
    fn commits(&self) -> impl DoubleEndedIterator<Item = &Commit> {
        let units = self.units.iter().rev().map(|unit| &unit.commit);
        units.chain([&self.besides])
    }

    /// What is remembered of a file.
    pub(crate) fn file(&self, name: &str) -> Result<Option<FileRecord>, Stopped> {
        match self.commits().find_map(|commit| commit.files.get(name)) {
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
        for (&id, record) in self.commits().rev().flat_map(|commit| commit.processes.range(range.clone())) {
            match record {
                Some(record) => processes.insert(id, record.clone()),
                None => processes.remove(&id),
            };
        }
        Ok(processes.into_iter().collect())
    }

    /// The processes of which nothing has come for so long, and nothing is under way.
    pub(crate) fn silent(&self, deadline: Duration) -> Result<Vec<ProcessId>, Stopped> {
        let processes = self.processes()?;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // While this program was not there, nothing could come.
        let since: HashMap<_, _> =
            processes.iter().map(|&(id, _)| (id, heard.get(&id).copied().unwrap_or(now))).collect();
        heard.clone_from(&since);
        let is_silent = |id: &ProcessId| now.duration_since(since[id]) >= deadline;
        let ids = processes.into_iter().filter(|(_, process)| !process.is_closing).map(|(id, _)| id);
        Ok(ids.filter(|id| is_silent(id) && !self.is_under_way(id)).collect())
    }

    fn is_under_way(&self, id: &ProcessId) -> bool {
        self.units.iter().any(|unit| unit.commit.processes.contains_key(id))
    }

    /// Writes down that the open spans of processes are on their way out. Those of which more has come meanwhile are not.
    /// What is left of them when that is written down.
    pub(crate) fn begin_closing(&mut self, ids: &[ProcessId]) -> Result<Processes, Stopped> {
        let mut commit = Commit::default();
        let mut closing = Vec::new();
        for &id in ids.iter().filter(|id| !self.is_under_way(id)) {
            for (id, mut record) in self.processes_in(id..=id)? {
                if !record.is_closing {
                    record.is_closing = true;
                    commit.processes.insert(id, Some(record.clone()));
                }
                closing.push((id, record));
            }
        }
        if !self.is_dry && !commit.is_empty() {
            self.persist(|| self.store.commit(&commit, unix_seconds()))?;
        }
        Ok(closing)
    }

    /// How many batches were handed out, and how many of them are done with.
    pub(crate) fn progress(&mut self) -> (u64, u64) {
        (self.outgoing.sent(), self.outgoing.done())
    }

    /// How many bytes of batches fit into one request, as far as the receiver has let on.
    pub(crate) fn room(&self) -> usize {
        self.outgoing.room()
    }

    /// Sends what was open in processes, together. They are done with when that is accepted.
    pub(crate) fn close(&mut self, closed: Vec<(ProcessId, Tally, Vec<Made>)>) -> Result<(), Stopped> {
        let mut at = self.outgoing.sent();
        let (mut parcel, mut units) = (Vec::new(), Vec::new());
        for (id, tally, made) in closed {
            at += made.len() as u64;
            for Made { batch, counts } in made {
                parcel.push(batch);
                self.sent.push_back(counts);
            }
            let mut commit = Commit::default();
            commit.processes.insert(id, None);
            units.push(Unit { at, commit, of: Of::Process, tally: Some(tally) });
        }
        if self.stop.is_stopped() {
            return Err(Stopped);
        }
        self.telemetry.beat();
        if !parcel.is_empty() {
            let telemetry = &self.telemetry;
            self.outgoing.send(parcel, || telemetry.beat())?;
        }
        units.into_iter().try_for_each(|unit| self.add(unit))
    }

    /// The batches of a file, or of what else has a name, begin.
    pub(crate) fn passage(&mut self, path: &str, version: Version) -> Passage {
        let earlier = self.progress.take();
        let earlier = earlier.filter(|earlier| (&*earlier.path, earlier.version) == (path, version));
        Passage::new(path, version, earlier, self.outgoing.sent())
    }

    pub(crate) fn send(&mut self, passage: &mut Passage, made: Made) -> Result<(), Stopped> {
        if self.stop.is_stopped() {
            return Err(Stopped);
        }
        self.telemetry.beat();
        let Made { batch, counts } = made;
        passage.made += 1;
        if passage.made <= passage.skipped {
            return Ok(());
        }
        passage.bytes += batch.bytes().len() as u64;
        self.sent.push_back(counts);
        let telemetry = &self.telemetry;
        self.outgoing.send(vec![batch], || telemetry.beat())?;
        self.checkpoint(passage)
    }

    /// Writes down how far a large file has come.
    fn checkpoint(&mut self, passage: &mut Passage) -> Result<(), Stopped> {
        if passage.bytes < CHECKPOINT || self.is_dry {
            return Ok(());
        }
        // What was finished before comes first: the file's own batches depend on it.
        let done = self.outgoing.done();
        if done <= passage.before {
            return Ok(());
        }
        self.commit(true)?;
        passage.progress.accepted = passage.skipped + (done - passage.before);
        let (store, progress) = (&self.store, &passage.progress);
        self.persist(|| store.set_progress(progress))?;
        passage.bytes = 0;
        Ok(())
    }

    /// All of a file was sent, or it has nothing to be sent.
    pub(crate) fn finish(
        &mut self,
        arrival: Arrival,
        name: String,
        record: Option<FileRecord>,
        processes: BTreeMap<ProcessId, ProcessRecord>,
        tally: Option<Tally>,
    ) -> Result<(), Stopped> {
        let mut commit = Commit::default();
        if let Some(record) = record {
            commit.files.insert(name, record);
        }
        commit.generations = self.account.keep();
        for (id, process) in processes {
            commit.processes.insert(id, Some(process));
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now());
        }
        self.add(Unit { at: self.outgoing.sent(), commit, of: Of::File(arrival), tally })
    }

    /// What was sent since the last unit is of none: it will be sent again, or its file was put aside.
    pub(crate) fn disown(&mut self) {
        let owned = self.units.back().map_or(self.counted, |unit| unit.at) - self.counted;
        let owned = usize::try_from(owned).unwrap_or(usize::MAX);
        self.sent.iter_mut().skip(owned).for_each(|counts| *counts = Counts::default());
    }

    fn add(&mut self, unit: Unit) -> Result<(), Stopped> {
        self.units.push_back(unit);
        while self.units.len() > MOST_UNDER_WAY {
            let telemetry = &self.telemetry;
            self.outgoing.wait(|| telemetry.beat())?;
            self.commit(true)?;
        }
        Ok(())
    }

    /// Puts a file aside for good.
    pub(crate) fn put_aside(
        &mut self,
        arrival: Arrival,
        name: String,
        record: FileRecord,
        reason: &str,
    ) -> Result<(), Stopped> {
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
                self.spool.forget(&arrival.path);
            }
        }
        // It concerns nothing that is under way.
        let commit = Commit { files: BTreeMap::from([(name, record)]), ..Commit::default() };
        match self.is_dry {
            true => self.besides.absorb(commit),
            false => self.persist(|| self.store.commit(&commit, unix_seconds()))?,
        }
        self.inbox.done(&arrival.path);
        Ok(())
    }

    /// A file is not there any more. One of the spool was promised to be delivered.
    pub(crate) fn miss(&self, arrival: &Arrival) {
        let path = &arrival.path;
        match arrival.afterwards {
            _ if self.inbox.has_seen_go(path) => {}
            Afterwards::Unspool => self.spool.miss(path),
            _ => tracing::warn!(file = %path.display(), "it has gone before it was read"),
        }
        self.inbox.done(path);
    }

    /// Waits until all that was sent is accepted, and commits it.
    pub(crate) fn settle(&mut self) -> Result<(), Stopped> {
        while self.outgoing.done() < self.outgoing.sent() {
            let telemetry = &self.telemetry;
            self.outgoing.wait(|| telemetry.beat())?;
        }
        self.commit(true)
    }

    /// Whether something can be committed: of what had nothing to send, nobody tells that it is accepted.
    pub(crate) fn has_ready(&mut self) -> bool {
        let done = self.outgoing.done();
        self.units.front().is_some_and(|unit| unit.at <= done)
    }

    /// Commits what was accepted, and does with the files what comes afterwards. Where something else is to be done, what
    /// may wait for more does.
    pub(crate) fn commit(&mut self, is_idle: bool) -> Result<(), Stopped> {
        let done = self.outgoing.done();
        let ready = self.units.iter().take_while(|unit| unit.at <= done).count();
        let is_due = is_idle || ready >= MOST_AT_ONCE || self.committed.elapsed() >= SOON;
        if !is_due || (ready == 0 && (self.is_dry || self.besides.is_empty())) {
            return Ok(());
        }
        let mut units: Vec<_> = self.units.drain(..ready).collect();
        for unit in &mut units {
            self.besides.absorb(core::mem::take(&mut unit.commit));
            self.count(unit);
        }
        self.write_down()?;
        for unit in units {
            self.conclude(unit);
        }
        self.committed = Instant::now();
        Ok(())
    }

    fn write_down(&mut self) -> Result<(), Stopped> {
        if self.is_dry {
            return Ok(());
        }
        let commit = core::mem::take(&mut self.besides);
        self.persist(|| self.store.commit(&commit, unix_seconds()))?;
        if !commit.generations.is_empty() {
            // It was told of a file that is not the next one any more.
            self.progress = None;
        }
        self.account.committed(&commit.generations);
        Ok(())
    }

    /// Counts what has arrived of a unit.
    fn count(&mut self, unit: &mut Unit) {
        let count = usize::try_from(unit.at - self.counted).unwrap_or(usize::MAX);
        self.counted = unit.at;
        let counts = self.sent.drain(..count.min(self.sent.len()));
        let done = self.outgoing.take_done(count);
        let mut unknown = Tally::default();
        let tally = unit.tally.as_mut().unwrap_or(&mut unknown);
        counts.zip(done).for_each(|(counts, done)| counts.add_to(tally, done));
    }

    fn conclude(&mut self, unit: Unit) {
        match (unit.of, unit.tally) {
            (Of::Process, tally) => tally.iter().for_each(|tally| self.tell_let_out(tally)),
            (Of::File(arrival), tally) => {
                tally.iter().for_each(|tally| self.tell(&arrival, tally));
                let goes = arrival.is_whole && !self.is_dry && self.after(&arrival);
                match goes {
                    true => self.inbox.gone(&arrival),
                    false => self.inbox.done(&arrival.path),
                }
            }
        }
    }

    fn tell_let_out(&self, tally: &Tally) {
        self.telemetry.let_out(tally);
        if tally.span_count() > 0 {
            tracing::info!(
                service = tally.service,
                spans = tally.span_count(),
                "spans without end went out as incomplete"
            );
        }
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

    /// Does with a delivered file what comes afterwards. Whether it has gone by that. Where that fails, the file stays, and
    /// the next look finds it.
    fn after(&mut self, arrival: &Arrival) -> bool {
        let path = &arrival.path;
        let done = match &arrival.afterwards {
            Afterwards::Keep => return false,
            // It was replaced, or has grown: that is another file.
            Afterwards::Delete | Afterwards::Move(_)
                if version_of(path).is_ok_and(|version| version != arrival.version) =>
            {
                return false;
            }
            Afterwards::Delete => fs::remove_file(path),
            Afterwards::Move(to) => move_file(path, to),
            Afterwards::Unspool => self.spool.remove(path),
        };
        match done {
            Ok(()) => {
                self.besides.forgotten.push(name_of(path));
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "delivered, but it cannot be removed");
                false
            }
        }
    }
}

impl Passage {
    /// Of what was accepted `earlier`, nothing is sent again as far as it depends on the same.
    fn new(path: &str, version: Version, earlier: Option<Progress>, before: u64) -> Self {
        let (earlier, skipped) =
            earlier.map_or((Vec::new(), 0), |earlier| (earlier.fingerprints, earlier.accepted));
        let progress = Progress { path: path.to_owned(), version, fingerprints: Vec::new(), accepted: 0 };
        Self { progress, earlier, skipped, made: 0, before, bytes: 0 }
    }

    /// What follows is of a process that comes with this fingerprint. Where it was another one earlier, it was not this that
    /// was accepted.
    pub(crate) fn take_up(&mut self, fingerprint: u128) {
        let fingerprints = &mut self.progress.fingerprints;
        if self.earlier.get(fingerprints.len()) != Some(&fingerprint) {
            self.skipped = self.skipped.min(self.made);
        }
        fingerprints.push(fingerprint);
    }
}

/// Now, in seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five batches were accepted of three processes, each of which makes two.
    #[test]
    fn what_was_accepted_is_left_out_as_far_as_its_processes_were_the_same() {
        let version = Version { inode: 1, length: 1, modified: 0, head: 0 };
        for (fingerprints, skipped) in
            [([1, 2, 3, 4], 5), ([1, 2, 3, 9], 5), ([1, 2, 9, 4], 4), ([1, 9, 3, 4], 2), ([9, 2, 3, 4], 0)]
        {
            let earlier =
                Progress { path: "a".to_owned(), version, fingerprints: vec![1, 2, 3], accepted: 5 };
            let mut passage = Passage::new("a", version, Some(earlier), 0);
            for fingerprint in fingerprints {
                passage.take_up(fingerprint);
                passage.made += 2;
            }
            assert_eq!(passage.skipped, skipped, "{fingerprints:?}");
            assert_eq!(passage.progress.fingerprints, fingerprints);
        }
    }
}
