//! Which generations have been delivered, and which are being.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use go_trace_format::{Generation, GenerationKey};

use crate::store::{Origin, ProcessId, Store, id_of, threads};

/// A generation that is about to be mapped.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) key: GenerationKey,
    pub(crate) threads: Vec<i64>,
    /// Where it begins in what is read.
    pub(crate) start: u64,
    /// The number of the process of which the generation before it, in the same file, was delivered.
    pub(crate) after: Option<u64>,
}

/// What the reader of a file asks before it puts a generation in order. It is the reader's and the worker's.
#[derive(Clone, Debug)]
pub(crate) struct Account(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    origin: u128,
    /// Delivered or sent, and not committed, with the numbers of their processes.
    pending: HashMap<(u128, u128), u64>,
    /// The number of the generation of the file under way of which there is more now than was delivered. Its clock may
    /// not have been among what was.
    again: Option<u64>,
    /// Of the file under way.
    current: HashSet<(u128, u128)>,
    /// Those of it that are mapped, with the numbers of their processes.
    mapped: HashMap<(u128, u128), u64>,
    /// The process of the last generation of the file under way that was known.
    after: Option<u64>,
    admitted: VecDeque<Admitted>,
    repeated: u64,
    failure: Option<anyhow::Error>,
}

impl Inner {
    /// The process of which it was delivered. Where that cannot be told, the file is tried again later.
    fn deliverer(&mut self, (origin, generation): (u128, u128)) -> Option<u64> {
        if let Some(process) = self.pending.get(&(origin, generation)) {
            return Some(*process);
        }
        self.store.deliverer(origin, generation).unwrap_or_else(|failure| {
            self.failure = Some(failure);
            None
        })
    }
}

impl Account {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            store,
            origin: 0,
            pending: HashMap::new(),
            again: None,
            current: HashSet::new(),
            mapped: HashMap::new(),
            after: None,
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
        inner.mapped.clear();
        inner.admitted.clear();
        (inner.after, inner.repeated, inner.failure) = (None, 0, None);
    }

    /// For [`Reader::leaving_out`](go_trace_format::Reader::leaving_out): says whether a generation was delivered, and
    /// notes it otherwise.
    pub(crate) fn is_known(&self, generation: &Generation<'_>) -> bool {
        let mut inner = self.inner();
        // Nothing is mapped behind a generation of which that could not be told: it would look as if that was missing.
        if inner.failure.is_some() {
            return true;
        }
        let key = generation.key();
        let id = (inner.origin, id_of(&key));
        let is_again = inner.again.take_if(|again| *again == key.number()).is_some();
        let deliverer = if is_again { None } else { inner.deliverer(id) };
        let is_known = deliverer.is_some() || (!is_again && inner.current.contains(&id));
        inner.after = deliverer.or(inner.after);
        if is_known {
            inner.repeated += 1;
        } else {
            let after = inner.after;
            inner.current.insert(id);
            inner.admitted.push_back(Admitted {
                key,
                threads: threads(generation),
                start: generation.start(),
                after,
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

    /// A generation is mapped as one of a process.
    pub(crate) fn note_process(&self, admitted: &Admitted, (_, process): ProcessId) {
        let mut inner = self.inner();
        let id = (inner.origin, id_of(&admitted.key));
        inner.mapped.insert(id, process);
    }

    /// The file under way is done with, but for the commit of what this gives.
    pub(crate) fn keep(&self) -> HashMap<(u128, u128), u64> {
        let mut inner = self.inner();
        let delivered = core::mem::take(&mut inner.mapped);
        inner.current.clear();
        inner.pending.extend(&delivered);
        delivered
    }

    /// These were committed.
    pub(crate) fn committed(&self, generations: &HashMap<(u128, u128), u64>) {
        let mut inner = self.inner();
        inner.pending.retain(|generation, _| !generations.contains_key(generation));
    }
}
