//! Which generations have been delivered, and which are being.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use go_trace_format::{Generation, GenerationKey};

use crate::store::{Origin, Store, id_of, threads};

/// A generation that is about to be mapped.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) key: GenerationKey,
    pub(crate) threads: Vec<i64>,
    /// Where it begins in what is read.
    pub(crate) start: u64,
}

/// What the reader of a file asks before it puts a generation in order. It is the reader's and the worker's.
#[derive(Clone, Debug)]
pub(crate) struct Account(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    origin: u128,
    /// Delivered or sent, and not committed.
    pending: HashSet<(u128, u128)>,
    /// The number of the generation of the file under way of which there is more now than was delivered. Its clock may
    /// not have been among what was.
    again: Option<u64>,
    /// Of the file under way.
    current: HashSet<(u128, u128)>,
    admitted: VecDeque<Admitted>,
    repeated: u64,
    failure: Option<anyhow::Error>,
}

impl Inner {
    /// Whether it was delivered and committed. Where that cannot be told, the file is tried again later.
    fn is_stored(&mut self, (origin, generation): (u128, u128)) -> bool {
        self.store.is_delivered(origin, generation).unwrap_or_else(|failure| {
            self.failure = Some(failure);
            true
        })
    }
}

impl Account {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            store,
            origin: 0,
            pending: HashSet::new(),
            again: None,
            current: HashSet::new(),
            admitted: VecDeque::new(),
            repeated: 0,
            failure: None,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file of `origin` begins, with perhaps a generation of which there is more now than was delivered.
    pub(crate) fn begin(&self, origin: &Origin, again: Option<u64>) {
        let mut inner = self.inner();
        (inner.origin, inner.again) = (origin.id(), again);
        inner.current.clear();
        inner.admitted.clear();
        (inner.repeated, inner.failure) = (0, None);
    }

    /// For [`Reader::leaving_out`](go_trace_format::Reader::leaving_out): says whether a generation was delivered, and
    /// notes it otherwise.
    pub(crate) fn is_known(&self, generation: &Generation<'_>) -> bool {
        let mut inner = self.inner();
        let key = generation.key();
        let id = (inner.origin, id_of(&key));
        let is_known = inner.again.take_if(|again| *again == key.number()).is_none()
            && (inner.pending.contains(&id) || inner.current.contains(&id) || inner.is_stored(id));
        if is_known {
            inner.repeated += 1;
        } else {
            inner.current.insert(id);
            inner.admitted.push_back(Admitted {
                key,
                threads: threads(generation),
                start: generation.start(),
            });
        }
        is_known
    }

    /// The next generation that was admitted.
    pub(crate) fn next(&self) -> Option<Admitted> {
        self.inner().admitted.pop_front()
    }

    /// How many generations of the file were known; or why that is not known.
    pub(crate) fn repeated(&self) -> anyhow::Result<u64> {
        let mut inner = self.inner();
        match inner.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(inner.repeated),
        }
    }

    /// The file under way is done with, but for the commit.
    pub(crate) fn keep(&self) {
        let mut inner = self.inner();
        let current = core::mem::take(&mut inner.current);
        inner.pending.extend(current);
    }

    /// What is to be committed.
    pub(crate) fn pending(&self) -> HashSet<(u128, u128)> {
        self.inner().pending.clone()
    }

    /// It was committed.
    pub(crate) fn committed(&self) {
        self.inner().pending.clear();
    }
}
