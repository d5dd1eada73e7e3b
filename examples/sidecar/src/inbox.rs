//! What waits for being taken: files, the earliest recording first.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    source::Afterwards,
    store::{Origin, Version},
};

/// A file to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
    pub(crate) origin: Origin,
    /// Whether nothing more will be written to it.
    pub(crate) is_whole: bool,
    /// When its recording began, in nanoseconds since 1970, as far as anybody knows.
    pub(crate) begin: i64,
    /// When it was there.
    pub(crate) since: SystemTime,
    pub(crate) afterwards: Afterwards,
}

/// How many files that have gone are remembered.
const MOST_SEEN_GO: usize = 1024;

/// Snapshots are taken in the order in which they were recorded: what is open in one goes on in the next.
type Order = (i64, i64, PathBuf);

impl Arrival {
    fn order(&self) -> Order {
        (self.begin, self.version.modified, self.path.clone())
    }
}

/// Files that wait, for one who takes them.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<Order, Arrival>,
    orders: HashMap<PathBuf, Order>,
    /// Those that were taken and are not done with.
    taken: HashMap<PathBuf, Arrival>,
    /// Those that went last because they were done with: who looks through folders may have seen them just before.
    seen_go: VecDeque<PathBuf>,
    bytes: u64,
    is_closed: bool,
    /// Whether somebody has something else to say to whoever takes.
    is_called: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a file, in place of what waited under its path.
    pub(crate) fn offer(&self, arrival: Arrival) {
        self.offer_all([arrival]);
    }

    /// Adds files that were found together: none is taken before those of them that were recorded earlier.
    pub(crate) fn offer_all(&self, arrivals: impl IntoIterator<Item = Arrival>) {
        let mut state = self.state();
        for arrival in arrivals {
            state.remove(&arrival.path);
            state.bytes += arrival.version.length;
            let order = arrival.order();
            state.orders.insert(arrival.path.clone(), order.clone());
            state.waiting.insert(order, arrival);
        }
        self.changed.notify_all();
    }

    /// The next file that is not being worked on; `None` when none has come for `patience`, none will, or somebody has
    /// something [else](Self::wake) to say.
    pub(crate) fn take(&self, patience: Duration) -> Option<Arrival> {
        let deadline = Instant::now() + patience;
        let mut state = self.state();
        loop {
            let next = state.waiting.values().find(|arrival| !state.taken.contains_key(&arrival.path));
            if let Some(path) = next.map(|arrival| arrival.path.clone()) {
                let arrival = state.remove(&path)?;
                state.taken.insert(path, arrival.clone());
                return Some(arrival);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_closed || core::mem::take(&mut state.is_called) {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A file that was taken is done with.
    pub(crate) fn done(&self, path: &Path) {
        self.state().taken.remove(path);
        self.changed.notify_all();
    }

    /// A file that was taken is done with, and has gone by that. Where it has been found again meanwhile, it does not wait.
    pub(crate) fn gone(&self, arrival: &Arrival) {
        let mut state = self.state();
        let again = state.orders.get(&arrival.path).and_then(|order| state.waiting.get(order));
        if again.is_some_and(|again| again.version == arrival.version) {
            state.remove(&arrival.path);
        }
        state.seen_go.push_back(arrival.path.clone());
        if state.seen_go.len() > MOST_SEEN_GO {
            state.seen_go.pop_front();
        }
        drop(state);
        self.done(&arrival.path);
    }

    /// Whether a file of this name has gone lately because it was done with.
    pub(crate) fn has_seen_go(&self, path: &Path) -> bool {
        self.state().seen_go.iter().any(|seen| seen == path)
    }

    /// What was taken and not done with waits again.
    pub(crate) fn put_back(&self) {
        let taken = core::mem::take(&mut self.state().taken);
        for (path, arrival) in taken {
            if !self.state().orders.contains_key(&path) {
                self.offer(arrival);
            }
        }
    }

    /// A file that waits is no more, and was not taken. None where it does not wait.
    pub(crate) fn withdraw(&self, path: &Path) -> Option<Arrival> {
        let mut state = self.state();
        if state.taken.contains_key(path) { None } else { state.remove(path) }
    }

    /// Since when the oldest of what is not done with has been there.
    pub(crate) fn oldest(&self) -> Option<SystemTime> {
        let state = self.state();
        state.waiting.values().chain(state.taken.values()).map(|arrival| arrival.since).min()
    }

    /// How many files and bytes wait.
    pub(crate) fn waiting(&self) -> (usize, u64) {
        let state = self.state();
        (state.waiting.len(), state.bytes)
    }

    /// Whoever waits, or would wait next, does not.
    pub(crate) fn wake(&self) {
        self.state().is_called = true;
        self.changed.notify_all();
    }

    /// Whether no more will come.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// No more will come: [`take`](Self::take) waits no longer.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }
}

impl State {
    fn remove(&mut self, path: &Path) -> Option<Arrival> {
        let arrival = self.waiting.remove(&self.orders.remove(path)?)?;
        self.bytes -= arrival.version.length;
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(path: &str, begin: i64) -> Arrival {
        Arrival {
            path: path.into(),
            version: Version { inode: 1, length: 10, modified: 0, head: 0 },
            origin: Origin::default(),
            is_whole: true,
            begin,
            since: SystemTime::UNIX_EPOCH,
            afterwards: Afterwards::Keep,
        }
    }

    #[test]
    fn the_earliest_recording_comes_first_and_each_path_once() {
        let inbox = Inbox::default();
        [arrival("late", 3), arrival("early", 1), arrival("late", 2)]
            .into_iter()
            .for_each(|arrival| inbox.offer(arrival));
        assert_eq!(inbox.waiting(), (2, 20));
        let take = || inbox.take(Duration::ZERO).map(|arrival| (arrival.path, arrival.begin));
        assert_eq!(take(), Some(("early".into(), 1)));
        assert_eq!(take(), Some(("late".into(), 2)));
        assert_eq!(take(), None);
    }

    #[test]
    fn what_is_worked_on_is_not_taken_again_meanwhile() {
        let inbox = Inbox::default();
        inbox.offer(arrival("one", 1));
        assert!(inbox.take(Duration::ZERO).is_some());
        inbox.offer(arrival("one", 1));
        assert!(inbox.take(Duration::ZERO).is_none());
        inbox.done("one".as_ref());
        assert!(inbox.take(Duration::ZERO).is_some());
        assert!(inbox.take(Duration::ZERO).is_none());
        inbox.put_back();
        assert!(inbox.take(Duration::ZERO).is_some());
    }
}
