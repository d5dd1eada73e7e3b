//! `[[watch]]`: files that services write.
//!
//! A file is whole when its writer has closed it or has moved it to its place, which Linux tells; where nobody tells, as on
//! network file systems, when it has not changed for a while. One that still grows is offered as far as it has come.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use notify::{
    Event, EventKind, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};
use trace_to_otel::{PathTemplate, Value};
use walkdir::WalkDir;

use super::{Afterwards, begin_of, version, version_of};
use crate::{
    config::{After, Watch},
    inbox::{Arrival, Inbox},
    premises::Premises,
    session::Stop,
    store::{Origin, Outcome, Store, Version},
    telemetry::Telemetry,
};

/// How many events of the system may wait to be looked at; beyond it the whole folder is looked through.
const MOST_EVENTS: usize = 4096;

/// How soon files are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eagerness {
    /// When they are whole.
    Patient,
    /// At once: whatever there is, is all that will be.
    Once,
}

/// Looks for files that fit a template.
#[derive(Debug)]
pub(crate) struct Watcher {
    watch: Watch,
    template: PathTemplate,
    root: PathBuf,
    eagerness: Eagerness,
    inbox: Arc<Inbox>,
    store: Arc<Store>,
    telemetry: Telemetry,
    /// The stat of each file that needs no more attention, by a hash of its path.
    settled: HashMap<u64, Stat>,
    /// Files that are not whole yet.
    pending: HashMap<PathBuf, Pending>,
    /// Folders of this program's own, which a template may take in.
    own: Vec<PathBuf>,
    /// Those of which it was told that they cannot be read, by hashes of their paths.
    unreadable: HashSet<u64>,
    /// What was found and is not offered yet.
    found: Vec<Arrival>,
}

/// What tells that a file has changed, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    inode: u64,
    length: u64,
    modified: i64,
}

#[derive(Debug)]
struct Pending {
    stat: Stat,
    origin: Origin,
    /// When its recording began, as far as anybody knows.
    begin: i64,
    /// Since when it has been so.
    since: Instant,
    /// When it was offered as far as it had come, and how long it was.
    offered: Option<(Instant, u64)>,
}

/// What the system tells.
enum Notice {
    /// Something about a file may be new.
    Changed(PathBuf),
    /// Its writer has closed it, or has moved it here.
    Whole(PathBuf),
    /// Notices were lost.
    Lost,
}

impl From<&Version> for Stat {
    fn from(version: &Version) -> Self {
        let Version { inode, length, modified, .. } = *version;
        Self { inode, length, modified }
    }
}

impl Watcher {
    pub(crate) fn new(watch: Watch, eagerness: Eagerness, premises: &Premises) -> Result<Self> {
        let template = watch.template()?;
        let root = watch.root();
        let own = [Some(premises.directory.clone()), watch.move_to.clone()];
        let own = own.into_iter().flatten().flat_map(|folder| {
            let real = fs::canonicalize(&folder).ok();
            core::iter::once(folder).chain(real)
        });
        Ok(Self {
            own: own.collect(),
            watch,
            template,
            root,
            eagerness,
            inbox: Arc::clone(&premises.inbox),
            store: Arc::clone(&premises.store),
            telemetry: premises.telemetry.clone(),
            settled: HashMap::new(),
            pending: HashMap::new(),
            unreadable: HashSet::new(),
            found: Vec::new(),
        })
    }

    /// Looks for files until it is told to stop.
    pub(crate) fn run(mut self, stop: &Stop) {
        let (sender, notices) = mpsc::sync_channel(MOST_EVENTS);
        // Where the folder is not there yet, it may come; then only polling finds what is in it, until it is watched too.
        let mut system = None;
        let mut next_scan = Instant::now();
        while !stop.is_stopping() {
            let is_there = self.root.is_dir();
            if !is_there {
                system = None;
            } else if system.is_none() {
                system = self.subscribe(sender.clone());
                next_scan = Instant::now();
            }
            if Instant::now() >= next_scan {
                self.look();
                next_scan = Instant::now() + self.watch.poll;
            }
            self.settle();
            match notices.recv_timeout(self.patience(next_scan)) {
                Ok(notice) => {
                    let (mut changed, mut whole) = (HashSet::new(), HashSet::new());
                    for notice in core::iter::once(notice).chain(notices.try_iter().take(MOST_EVENTS)) {
                        match notice {
                            Notice::Changed(path) => drop(changed.insert(path)),
                            Notice::Whole(path) => drop(whole.insert(path)),
                            Notice::Lost => next_scan = Instant::now(),
                        }
                    }
                    for path in changed.union(&whole) {
                        self.consider(path, whole.contains(path));
                    }
                    self.offer();
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                // It cannot be: this function holds a sender.
                Err(mpsc::RecvTimeoutError::Disconnected) => thread::sleep(self.watch.poll),
            }
        }
    }

    /// Asks the system to tell of changes. Where it does not, polling has to do.
    fn subscribe(&self, sender: mpsc::SyncSender<Notice>) -> Option<notify::RecommendedWatcher> {
        let lost = std::sync::atomic::AtomicBool::new(false);
        let tell = move |event: notify::Result<Event>| {
            use std::sync::atomic::Ordering::Relaxed;
            for notice in notices_of(event) {
                if lost.load(Relaxed) && sender.try_send(Notice::Lost).is_ok() {
                    lost.store(false, Relaxed);
                }
                if sender.try_send(notice).is_err() {
                    lost.store(true, Relaxed);
                }
            }
        };
        let subscribed = notify::recommended_watcher(tell).and_then(|mut watcher| {
            watcher.watch(&self.root, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        subscribed
            .inspect_err(|error| {
                tracing::warn!(folder = %self.root.display(), %error, "the system does not tell of changes: polling only");
            })
            .ok()
    }

    /// How long to wait for notices.
    fn patience(&self, next_scan: Instant) -> Duration {
        // To notice that the process is to stop.
        const LONGEST: Duration = Duration::from_millis(500);
        let settled = self.pending.values().map(|pending| pending.since + self.watch.settle).min();
        let next = settled.unwrap_or(next_scan).min(next_scan);
        next.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), LONGEST)
    }

    /// How many files cannot be read.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// Looks through the folder once.
    pub(crate) fn look(&mut self) {
        let mut seen = HashSet::new();
        // Every folder is visited once, even where links make circles.
        for entry in WalkDir::new(&self.root).follow_links(true).into_iter().filter_map(Result::ok) {
            if entry.file_type().is_file() {
                seen.insert(hash(entry.path()));
                self.consider(entry.path(), false);
            }
        }
        self.settled.retain(|path, _| seen.contains(path));
        self.unreadable.retain(|path| seen.contains(path));
        self.pending.retain(|path, _| seen.contains(&hash(path)));
        self.offer();
    }

    /// Looks at a file that may be new.
    fn consider(&mut self, path: &Path, is_whole: bool) {
        let Some(attributes) = self.template.attributes(path) else { return };
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        let Some(metadata) = metadata.filter(|_| !self.is_own(path)) else {
            self.pending.remove(path);
            return;
        };
        let stat = Stat::from(&version(&metadata, 0));
        if self.settled.get(&hash(path)) == Some(&stat) {
            self.pending.remove(path);
            return;
        }
        let origin = Origin::new(attributes.into_iter().filter_map(|attribute| match attribute.value {
            Value::Text(text) => Some((attribute.key.into_owned(), text.to_string())),
            _ => None,
        }));
        let has_settled = self
            .pending
            .get(path)
            .is_some_and(|pending| pending.stat == stat && pending.since.elapsed() >= self.watch.settle);
        let is_old = is_older_than(&metadata, self.watch.settle);
        if is_whole || is_old || has_settled || self.eagerness == Eagerness::Once {
            self.pending.remove(path);
            self.settled.insert(hash(path), stat);
            self.find(path, origin, true);
        } else {
            self.wait_for(path, stat, origin, &metadata);
        }
    }

    /// A file is not whole yet. What is being copied here is so in a moment; what is recorded for long is worth reading
    /// meanwhile.
    fn wait_for(&mut self, path: &Path, stat: Stat, origin: Origin, metadata: &fs::Metadata) {
        let pending = self.pending.entry(path.to_owned()).or_insert_with(|| Pending {
            stat,
            origin: origin.clone(),
            begin: begin_of(path, stat.modified),
            since: Instant::now(),
            offered: None,
        });
        if pending.stat != stat {
            (pending.stat, pending.since) = (stat, Instant::now());
        }
        let is_worth_it = match pending.offered {
            None => !is_younger_than(metadata, self.watch.settle),
            Some((at, length)) => {
                length != stat.length && at.elapsed() >= self.watch.settle.max(Duration::from_secs(1))
            }
        };
        if is_worth_it {
            pending.offered = Some((Instant::now(), stat.length));
            self.find(path, origin, false);
        }
    }

    /// Whether a file is this program's own: its state, or what it has moved out of the way.
    fn is_own(&self, path: &Path) -> bool {
        self.own.iter().any(|folder| path.starts_with(folder))
    }

    /// Looks again at what may have come to rest.
    fn settle(&mut self) {
        let due: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.since.elapsed() >= self.watch.settle)
            .map(|(path, _)| path.clone())
            .collect();
        due.iter().for_each(|path| self.consider(path, false));
        self.offer();
    }

    /// Offers what was found, together: whoever takes it takes the earliest recording first. What is whole waits while an
    /// earlier recording of the same origin, which was there when this program started, may still become so.
    fn offer(&mut self) {
        let pending = &self.pending;
        let is_to_wait = |arrival: &mut Arrival| {
            let mut awaited = pending.values().filter(|pending| pending.offered.is_none());
            awaited.any(|pending| pending.origin == arrival.origin && pending.begin < arrival.begin)
        };
        let waiting: Vec<_> = self.found.extract_if(.., is_to_wait).collect();
        self.inbox.offer_all(self.found.drain(..));
        self.found = waiting;
    }

    /// A file is to be offered, unless it is done with. One that cannot be read now is tried again with each look; that is
    /// told once.
    fn find(&mut self, path: &Path, origin: Origin, is_whole: bool) {
        match self.arrival(path, origin, is_whole) {
            Ok(arrival) => {
                self.unreadable.remove(&hash(path));
                self.found.extend(arrival);
            }
            Err(error) => {
                self.settled.remove(&hash(path));
                if self.unreadable.insert(hash(path)) {
                    tracing::warn!(file = %path.display(), error = format!("{error:#}"), "cannot read it yet");
                    self.telemetry.unreadable_file();
                }
            }
        }
    }

    /// What is to be done with a file; `None` where all of it is done with.
    fn arrival(&self, path: &Path, origin: Origin, is_whole: bool) -> Result<Option<Arrival>> {
        let name = path.to_str().context("its path is not Unicode")?;
        let version = version_of(path)?;
        let afterwards = self.afterwards(path);
        if let Some(record) = self.store.file(name)? {
            let is_same = version.is_same_as(&record.version);
            match record.outcome {
                Outcome::Quarantined { .. } if is_same => return Ok(None),
                // It was delivered, and the end came before what was to be done with it then.
                Outcome::Delivered if is_same && afterwards == Afterwards::Keep => return Ok(None),
                Outcome::Growing if is_same && !is_whole => return Ok(None),
                _ => {}
            }
        }
        let begin = begin_of(path, version.modified);
        let since = SystemTime::now();
        Ok(Some(Arrival { path: path.to_owned(), version, origin, is_whole, begin, since, afterwards }))
    }

    fn afterwards(&self, path: &Path) -> Afterwards {
        match (self.watch.after, &self.watch.move_to) {
            (After::Delete, _) => Afterwards::Delete,
            (After::Move, Some(folder)) => {
                Afterwards::Move(folder.join(path.strip_prefix(&self.root).unwrap_or(path)))
            }
            _ => Afterwards::Keep,
        }
    }
}

fn notices_of(event: notify::Result<Event>) -> Vec<Notice> {
    let Ok(event) = event else { return vec![Notice::Lost] };
    if event.need_rescan() {
        return vec![Notice::Lost];
    }
    let may_bring_files = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)));
    // A folder that has come may hold files already.
    if may_bring_files && event.paths.iter().any(|path| path.is_dir()) {
        return vec![Notice::Lost];
    }
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            event.paths.into_iter().map(Notice::Whole).collect()
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            event.paths.into_iter().skip(1).map(Notice::Whole).collect()
        }
        EventKind::Create(_) | EventKind::Modify(_) => event.paths.into_iter().map(Notice::Changed).collect(),
        _ => Vec::new(),
    }
}

fn hash(path: &Path) -> u64 {
    twox_hash::XxHash3_64::oneshot(path.as_os_str().as_encoded_bytes())
}

fn is_older_than(metadata: &fs::Metadata, age: Duration) -> bool {
    let age_of = |time: SystemTime| SystemTime::now().duration_since(time).ok();
    metadata.modified().ok().and_then(age_of).is_some_and(|found| found >= age)
}

fn is_younger_than(metadata: &fs::Metadata, age: Duration) -> bool {
    metadata.created().ok().and_then(|time| time.elapsed().ok()).is_some_and(|found| found < age)
}
