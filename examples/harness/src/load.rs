//! People who order things.

use std::{
    iter::Sum,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{client::Client, proxy::lock};

/// So many orders at the same time.
const WORKERS: u64 = 8;
/// One of so many orders takes this long: more than a generation, and more than the time between two snapshots.
const SLOW: u64 = 40;
const PAUSE: &str = "2500ms";

/// Orders at a steady rate until it is stopped.
pub(crate) struct Load {
    ends: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    made: Arc<Mutex<Orders>>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    /// When each order was made and answered, in nanoseconds since 1970.
    pub(crate) windows: Vec<(u64, u64)>,
    pub(crate) failed: Vec<String>,
}

impl Sum for Orders {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, orders| {
            sum.windows.extend(orders.windows);
            sum.failed.extend(orders.failed);
            sum
        })
    }
}

impl Load {
    /// So many orders per second.
    pub(crate) fn start(front: &str, rate: u64) -> Self {
        let mut load =
            Self { ends: Arc::default(), next: Arc::default(), made: Arc::default(), workers: Vec::new() };
        let (begin, rate) = (Instant::now(), rate.max(1));
        for _ in 0..WORKERS {
            let (ends, next, made) = (Arc::clone(&load.ends), Arc::clone(&load.next), Arc::clone(&load.made));
            let front = front.to_owned();
            load.workers.push(thread::spawn(move || {
                let client = Client::new();
                while !ends.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = begin + Duration::from_micros(number * 1_000_000 / rate);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let query = if number % SLOW == 0 { format!("?pause={PAUSE}") } else { String::new() };
                    order(&client, &format!("{front}/order/{number}{query}"), &made);
                }
            }));
        }
        load
    }

    /// Waits for the orders that are under way.
    pub(crate) fn stop(mut self) -> Orders {
        self.ends.store(true, Ordering::Relaxed);
        self.workers.drain(..).for_each(|worker| worker.join().unwrap_or_default());
        lock(&self.made).clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

/// So many orders, one after the other.
pub(crate) fn make(front: &str, count: u64) -> Orders {
    let (client, made) = (Client::new(), Mutex::default());
    (0..count).for_each(|number| order(&client, &format!("{front}/order/{number}"), &made));
    lock(&made).clone()
}

fn order(client: &Client, url: &str, made: &Mutex<Orders>) {
    let begin = now();
    let outcome = client.get(url);
    let end = now();
    let mut made = lock(made);
    made.windows.push((begin, end));
    match outcome {
        Ok((200, _)) => {}
        Ok((status, _)) => made.failed.push(format!("{url}: {status}")),
        Err(error) => made.failed.push(format!("{error:#}")),
    }
}

/// In nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}
