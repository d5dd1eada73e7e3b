//! Generations on several threads at once: mapped where they are cut, reduced in the order of the trace.
//!
//! Each thread takes the next generation, which it cuts while the others wait for the cutter, and maps it while they go on. Then it
//! waits for its turn to reduce. So there are never more generations than threads, and whoever reduces sees them in order. Nothing of
//! it needs more than one thread: the caller's is one of them, and where no others can be had it does all.

use std::{
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, scope},
};

use crate::{cut::Cutter, error::Error, generation::Generation, losses::Losses};

/// What threads share that map and reduce the generations of a trace.
struct Shared<'a, R, E> {
    supply: Mutex<Supply<'a>>,
    turns: Mutex<Turns<R, E>>,
    /// Somebody's turn is over.
    turned: Condvar,
}

/// Where generations come from.
struct Supply<'a> {
    cutter: Cutter<'a>,
    losses: Losses,
    /// How many generations have been handed out, counting what came instead of one.
    given: u64,
    is_over: bool,
}

/// Whose turn it is.
struct Turns<R, E> {
    reduce: R,
    /// How many generations have been reduced.
    done: u64,
    /// How it has ended for all that come behind.
    failed: Option<E>,
    is_over: bool,
}

/// Maps the generations on up to `threads` threads, and reduces in order what has become of them.
pub(crate) fn for_each_generation<'a, T, E, R>(
    cutter: Cutter<'a>,
    threads: usize,
    map: impl Fn(&Generation<'_>) -> T + Sync,
    reduce: R,
) -> Result<Losses, E>
where
    E: From<Error> + Send,
    R: FnMut(T) -> Result<(), E> + Send,
{
    let supply = Supply { cutter, losses: Losses::default(), given: 0, is_over: false };
    let turns = Turns { reduce, done: 0, failed: None, is_over: false };
    let shared = Shared { supply: Mutex::new(supply), turns: Mutex::new(turns), turned: Condvar::new() };
    scope(|scope| {
        let work = || shared.work(&map);
        let spawn = |_| Builder::new().name("go-trace-generation".to_owned()).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        work();
        for other in others {
            if let Err(panic) = other.join() {
                resume_unwind(panic);
            }
        }
    });
    let Turns { failed, .. } = shared.turns.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Supply { losses, .. } = shared.supply.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(losses), Err)
}

impl<'a, R, E: From<Error>> Shared<'a, R, E> {
    /// Maps and reduces one generation after the other, until there are none.
    fn work<T>(&self, map: &impl Fn(&Generation<'_>) -> T)
    where
        R: FnMut(T) -> Result<(), E>,
    {
        let mut buffer = Vec::new();
        while let Some((number, cut)) = self.take(std::mem::take(&mut buffer)) {
            let turn = Turn { shared: self, number };
            let mapped = cut.map(|generation| {
                let mapped = map(&generation);
                buffer = generation.into_buffer();
                mapped
            });
            turn.reduce(mapped);
        }
    }

    /// The next generation with its number, or the error that stands in its place.
    fn take(&self, buffer: Vec<u8>) -> Option<(u64, Result<Generation<'a>, Error>)> {
        let mut supply = locked(&self.supply);
        let Supply { cutter, losses, given, is_over } = &mut *supply;
        if *is_over {
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
        Some((*given - 1, cut))
    }
}

/// The turn of a generation, which comes once those before it have had theirs. Where it is dropped without having been used,
/// because mapping has panicked, there are no others.
struct Turn<'s, 'a, R, E> {
    shared: &'s Shared<'a, R, E>,
    number: u64,
}

impl<R, E: From<Error>> Turn<'_, '_, R, E> {
    fn reduce<T>(self, mapped: Result<T, Error>)
    where
        R: FnMut(T) -> Result<(), E>,
    {
        let Turns { reduce, done, failed, is_over } = &mut *self.wait();
        if *is_over {
            return;
        }
        // It stays over where reducing panics.
        *is_over = true;
        *failed = match mapped {
            Ok(mapped) => reduce(mapped).err(),
            Err(error) => Some(error.into()),
        };
        *is_over = failed.is_some();
        *done += 1;
    }
}

impl<'s, R, E> Turn<'s, '_, R, E> {
    /// Waits until it comes, or everything is over.
    fn wait(&self) -> MutexGuard<'s, Turns<R, E>> {
        let mut turns = locked(&self.shared.turns);
        while turns.done != self.number && !turns.is_over {
            turns = self.shared.turned.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        turns
    }
}

impl<R, E> Drop for Turn<'_, '_, R, E> {
    fn drop(&mut self) {
        let mut turns = locked(&self.shared.turns);
        turns.is_over |= turns.done <= self.number;
        let is_over = turns.is_over;
        drop(turns);
        self.shared.turned.notify_all();
        if is_over {
            locked(&self.shared.supply).is_over = true;
        }
    }
}

/// What a thread has left behind that panicked says itself whether it is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
