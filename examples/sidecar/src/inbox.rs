//! What waits for being taken: files, the earliest recording first.

use std::{
    collections::{BTreeMap, HashMap},
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
    bytes: u64,
    is_closed: bool,
    /// How often it was called to look up.
    calls: u64,
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
        let calls = state.calls;
        loop {
            let next = state.waiting.values().find(|arrival| !state.taken.contains_key(&arrival.path));
            if let Some(path) = next.map(|arrival| arrival.path.clone()) {
                let arrival = state.remove(&path)?;
                state.taken.insert(path, arrival.clone());
                return Some(arrival);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_closed || state.calls != calls {
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

    /// What was taken and not done with waits again.
    pub(crate) fn put_back(&self) {
        let taken = core::mem::take(&mut self.state().taken);
        for (path, arrival) in taken {
            if !self.state().orders.contains_key(&path) {
                self.offer(arrival);
            }
        }
    }

    /// A file that waits is no more. Whether it waited.
    pub(crate) fn withdraw(&self, path: &Path) -> bool {
        self.state().remove(path).is_some()
    }

    /// Whether a file waits or is being worked on.
    pub(crate) fn knows(&self, path: &Path) -> bool {
        let state = self.state();
        state.orders.contains_key(path) || state.taken.contains_key(path)
    }

    /// Whether it is being worked on.
    pub(crate) fn has_taken(&self, path: &Path) -> bool {
        self.state().taken.contains_key(path)
    }

    /// How many files and bytes wait.
    pub(crate) fn waiting(&self) -> (usize, u64) {
        let state = self.state();
        (state.waiting.len(), state.bytes)
    }

    /// Whoever waits, waits no longer.
    pub(crate) fn wake(&self) {
        self.state().calls += 1;
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
