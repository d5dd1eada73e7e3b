//! Generations on several threads at once: mapped where they are cut, reduced in the order of the trace.
//!
//! Each thread takes the next generation, which it cuts while the others wait for the cutter, and maps it while they go on. Then it
//! waits for its turn to reduce. So there are never more generations than threads, and whoever reduces sees them in order. Nothing of
//! it needs more than one thread: the caller's is one of them, and where no others can be had it does all. Another one is started
//! only where nobody waits for the cutter while a generation is mapped.
//!
//! An error or a panic ends what comes behind it in the trace, and nothing else: from then on the source is asked for nothing more.

use std::{
    io::Read,
    panic::resume_unwind,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{Builder, Scope, ScopedJoinHandle, scope},
};

use crate::{
    cut::{Cutter, Input},
    error::Error,
    generation::Generation,
    losses::Losses,
    stop::Stop,
};

/// What threads share that map and reduce the generations of a trace.
struct Shared<'a, 'l, M, R, E> {
    supply: Mutex<Supply<'a, 'l>>,
    map: M,
    turns: Mutex<Turns<R, E>>,
    /// Somebody's turn is over.
    turned: Condvar,
    /// How many threads wait for the cutter, or are about to.
    idle: AtomicUsize,
    /// Ends the source once anything has ended.
    stop: Stop,
}

/// Where generations come from.
struct Supply<'a, 'l> {
    cutter: Cutter<'a>,
    losses: &'l mut Losses,
    /// How many generations have been handed out, counting what came instead of one.
    given: u64,
    /// How many more threads may be started.
    threads: usize,
    is_over: bool,
}

/// What a thread takes from there.
struct Taken<'a> {
    number: u64,
    /// The generation, or the error that stands in its place.
    cut: Result<Generation<'a>, Error>,
    /// Whether another thread is to go on with the next one.
    starts_another: bool,
}

/// Whose turn it is.
struct Turns<R, E> {
    reduce: R,
    /// How many generations have been reduced.
    done: u64,
    /// The first generation that is not, because something has ended there.
    end: u64,
    /// How it has ended.
    failed: Option<E>,
}

/// Maps the generations on up to `threads` threads, and reduces in order what has become of them. `open` makes a cutter of the source.
pub(crate) fn for_each_generation<'a, T, E, M, R>(
    source: impl Read + Send + 'a,
    open: impl FnOnce(Input<'a>) -> Result<Cutter<'a>, Error>,
    threads: usize,
    losses: &mut Losses,
    map: M,
    reduce: R,
) -> Result<(), E>
where
    E: From<Error> + Send,
    M: Fn(&Generation<'_>) -> T + Sync,
    R: FnMut(T) -> Result<(), E> + Send,
{
    let stop = Stop::default();
    let cutter = open(Input::from_reader(stop.source(source)))?;
    let supply = Supply { cutter, losses, given: 0, threads: threads.saturating_sub(1), is_over: false };
    let turns = Turns { reduce, done: 0, end: u64::MAX, failed: None };
    let shared = Shared {
        supply: Mutex::new(supply),
        map,
        turns: Mutex::new(turns),
        turned: Condvar::new(),
        idle: AtomicUsize::new(1),
        stop,
    };
    scope(|scope| shared.work(scope));
    let Turns { failed, .. } = shared.turns.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), Err)
}

impl<'a, M, R, E: From<Error> + Send> Shared<'a, '_, M, R, E> {
    /// Maps and reduces one generation after the other, until there are none. The threads that it starts end before it does.
    fn work<'scope, T>(&'scope self, scope: &'scope Scope<'scope, '_>)
    where
        M: Fn(&Generation<'_>) -> T + Sync,
        R: FnMut(T) -> Result<(), E> + Send,
    {
        let (mut buffer, mut others) = (Vec::new(), Vec::new());
        while let Some(Taken { number, cut, starts_another }) = self.take(std::mem::take(&mut buffer)) {
            let turn = Turn { shared: self, number };
            if starts_another {
                others.extend(self.start(scope));
            }
            if turn.is_over() {
                break;
            }
            let mapped = cut.map(|generation| {
                let mapped = (self.map)(&generation);
                buffer = generation.into_buffer();
                mapped
            });
            turn.reduce(mapped);
            self.idle.fetch_add(1, Ordering::Relaxed);
        }
        for other in others {
            if let Err(panic) = other.join() {
                resume_unwind(panic);
            }
        }
    }

    /// Starts another thread, where one can be had.
    fn start<'scope, T>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> Option<ScopedJoinHandle<'scope, ()>>
    where
        M: Fn(&Generation<'_>) -> T + Sync,
        R: FnMut(T) -> Result<(), E> + Send,
    {
        let builder = Builder::new().name("go-trace-generation".to_owned());
        self.idle.fetch_add(1, Ordering::Relaxed);
        let started = builder.spawn_scoped(scope, || self.work(scope)).ok();
        if started.is_none() {
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
        started
    }

    /// The next generation.
    fn take(&self, buffer: Vec<u8>) -> Option<Taken<'a>> {
        let mut supply = locked(&self.supply);
        self.idle.fetch_sub(1, Ordering::Relaxed);
        let Supply { cutter, losses, given, threads, is_over } = &mut *supply;
        if *is_over || self.stop.is_set() {
            return None;
        }
        // Whoever is stopped by a panic leaves no half of a generation to the others.
        *is_over = true;
        let mut generation = Generation::new(cutter.version(), cutter.dialect());
        cutter.lend_buffer(buffer);
        let cut = match cutter.next(&mut generation, losses) {
            Ok(true) => Ok(generation),
            Ok(false) => return None,
            Err(error) => Err(error),
        };
        *is_over = cut.is_err();
        *given += 1;
        let starts_another = !*is_over && *threads > 0 && self.idle.load(Ordering::Relaxed) == 0;
        *threads -= usize::from(starts_another);
        Some(Taken { number: *given - 1, cut, starts_another })
    }
}

/// The turn of a generation, which comes once those before it have had theirs. Where it is dropped without having been used,
/// because mapping has panicked, those behind it have none.
struct Turn<'s, 'a, 'l, M, R, E> {
    shared: &'s Shared<'a, 'l, M, R, E>,
    number: u64,
}

impl<'s, M, R, E> Turn<'s, '_, '_, M, R, E> {
    /// Whether it does not come any more.
    fn is_over(&self) -> bool {
        self.shared.stop.is_set() && locked(&self.shared.turns).end <= self.number
    }

    fn reduce<T>(self, mapped: Result<T, Error>)
    where
        E: From<Error>,
        R: FnMut(T) -> Result<(), E>,
    {
        let Turns { reduce, done, end, failed } = &mut *self.wait();
        if *end <= self.number {
            return;
        }
        // It stays there where reducing panics.
        let behind = std::mem::replace(end, self.number);
        *failed = match mapped {
            Ok(mapped) => reduce(mapped).err(),
            Err(error) => Some(error.into()),
        };
        *done += 1;
        if failed.is_none() {
            *end = behind;
        }
    }

    /// Waits until it comes, or does not come any more.
    fn wait(&self) -> MutexGuard<'s, Turns<R, E>> {
        let mut turns = locked(&self.shared.turns);
        while turns.done < self.number && self.number < turns.end {
            turns = self.shared.turned.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        turns
    }
}

impl<M, R, E> Drop for Turn<'_, '_, '_, M, R, E> {
    fn drop(&mut self) {
        let mut turns = locked(&self.shared.turns);
        if turns.done <= self.number {
            turns.end = turns.end.min(self.number);
        }
        if turns.end < u64::MAX {
            self.shared.stop.set(true);
        }
        drop(turns);
        self.shared.turned.notify_all();
    }
}

/// What a thread has left behind that panicked says itself whether it is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
