//! `[[watch]]`: files that services write.
//!
//! A file is whole when its writer has closed it or has moved it to its place, which Linux tells; where nobody tells, as on
//! network file systems, when it has not changed for a while. One that still grows is offered as far as it has come.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
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
    store::{Origin, Outcome, Store, Version, name_of},
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

/// Whom the system tells of changes, and in which folders: each is watched by itself, so that one which cannot be costs no
/// other anything.
#[derive(Debug)]
struct Ears {
    watcher: notify::RecommendedWatcher,
    /// Those that are watched, with what tells that another one has taken their place.
    folders: HashMap<PathBuf, (u64, u64)>,
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
    /// Folders of which it was told that the system does not tell of changes in them, likewise.
    deaf: HashSet<u64>,
    /// Those that could not be looked into when it was last tried.
    unseen: HashSet<PathBuf>,
    ears: Option<Ears>,
    /// What was found and is not offered yet.
    found: Vec<Arrival>,
    /// Tells when nothing is to be offered any more.
    stop: Stop,
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
    /// It is not there any more.
    Gone(PathBuf),
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
            deaf: HashSet::new(),
            unseen: HashSet::new(),
            ears: None,
            found: Vec::new(),
            stop: Stop::default(),
        })
    }

    /// Looks for files until it is told to stop.
    pub(crate) fn run(mut self, stop: &Stop) {
        self.stop = stop.clone();
        let (sender, notices) = mpsc::sync_channel(MOST_EVENTS);
        self.listen(sender);
        let mut next_scan = Instant::now();
        while !stop.is_stopping() {
            if Instant::now() >= next_scan || self.has_root_come() {
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
                            Notice::Gone(path) => self.forget_folder(&path),
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

    /// Makes ready to be told of changes. Where the system does not tell, polling has to do.
    fn listen(&mut self, sender: mpsc::SyncSender<Notice>) {
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
        let ears = notify::recommended_watcher(tell).inspect_err(|error| {
            tracing::warn!(folder = %self.root.display(), %error, "the system does not tell of changes: polling only");
        });
        self.ears = ears.ok().map(|watcher| Ears { watcher, folders: HashMap::new() });
    }

    /// Whether the folder is there, and nobody tells of what happens in it though that can be.
    fn has_root_come(&self) -> bool {
        let is_unheard = self.ears.as_ref().is_some_and(|ears| !ears.folders.contains_key(&self.root));
        is_unheard && !self.deaf.contains(&hash(&self.root)) && self.root.is_dir()
    }

    /// Has the system tell of changes in a folder, before it is looked through.
    fn hear(&mut self, folder: &Path, metadata: &Metadata) {
        let Some(ears) = &mut self.ears else { return };
        let identity = (metadata.dev(), metadata.ino());
        if ears.folders.get(folder) == Some(&identity) {
            return;
        }
        match ears.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                ears.folders.insert(folder.to_owned(), identity);
                self.deaf.remove(&hash(folder));
            }
            Err(error) => self.tell_deaf(folder, &error),
        }
    }

    /// Once for each folder.
    fn tell_deaf(&mut self, folder: &Path, error: &dyn core::fmt::Display) {
        if self.deaf.insert(hash(folder)) {
            tracing::warn!(folder = %folder.display(), %error, "the system does not tell of changes here: polling only");
        }
    }

    /// A folder has gone, with what was below it. One of the same name is another one.
    fn forget_folder(&mut self, folder: &Path) {
        let Some(ears) = self.ears.as_mut().filter(|ears| ears.folders.contains_key(folder)) else { return };
        for (gone, _) in ears.folders.extract_if(|known, _| known.starts_with(folder)) {
            // The system has forgotten it by itself.
            let _ = ears.watcher.unwatch(&gone);
        }
    }

    /// How long to wait for notices.
    fn patience(&self, next_scan: Instant) -> Duration {
        // To notice that the process is to stop.
        const LONGEST: Duration = Duration::from_millis(500);
        let settled = self.pending.values().map(|pending| pending.since + self.watch.settle).min();
        let next = settled.unwrap_or(next_scan).min(next_scan);
        next.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), LONGEST)
    }

    /// How many files cannot be read, and folders.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable.len() + self.unseen.len()
    }

    /// Looks through the folder once.
    pub(crate) fn look(&mut self) {
        let (mut seen, mut folders, mut unseen) = (HashSet::new(), HashSet::new(), HashSet::new());
        // Every folder is visited once, even where links make circles.
        for entry in WalkDir::new(&self.root).follow_links(true) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    unseen.extend(self.tell_unseen(&error));
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                if let Ok(metadata) = entry.metadata() {
                    folders.insert(entry.path().to_owned());
                    self.hear(entry.path(), &metadata);
                }
            } else if entry.file_type().is_file() {
                seen.insert(hash(entry.path()));
                self.consider(entry.path(), false);
            }
        }
        if let Some(ears) = &mut self.ears {
            let gone = ears.folders.extract_if(|folder, _| !folders.contains(folder));
            gone.for_each(|(folder, _)| drop(ears.watcher.unwatch(&folder)));
        }
        self.unseen = unseen;
        self.settled.retain(|path, _| seen.contains(path));
        self.unreadable.retain(|path| seen.contains(path));
        self.pending.retain(|path, _| seen.contains(&hash(path)));
        self.offer();
    }

    /// Something cannot be looked into, which is told once. What is not there is none of that: it may come.
    fn tell_unseen(&self, error: &walkdir::Error) -> Option<PathBuf> {
        let is_away = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
        let path = error.path().filter(|_| !is_away && error.loop_ancestor().is_none())?;
        if !self.unseen.contains(path) {
            tracing::warn!(folder = %path.display(), %error, "it cannot be looked into: what is in it is not delivered");
            self.telemetry.unreadable_file();
        }
        Some(path.to_owned())
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
        if self.stop.is_stopped() {
            return;
        }
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
        let version = version_of(path)?;
        let afterwards = self.afterwards(path);
        if let Some(record) = self.store.file(&name_of(path))? {
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
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            event.paths.into_iter().map(Notice::Gone).collect()
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
