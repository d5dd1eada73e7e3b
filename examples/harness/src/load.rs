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

/// How orders come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many each second, whether those before are answered or not, as long as there are not too many of these.
    Rate(u64),
    /// From so many clients, each of which waits for its answer before it orders again.
    Clients(u64),
}

impl Pace {
    fn workers(self) -> u64 {
        match self {
            Self::Rate(_) => WORKERS,
            Self::Clients(clients) => clients,
        }
    }

    /// How long after the begin an order is due; none where it is due when its client is.
    fn due(self, number: u64) -> Option<Duration> {
        match self {
            Self::Rate(rate) => Some(Duration::from_secs_f64(number as f64 / rate.max(1) as f64)),
            Self::Clients(_) => None,
        }
    }
}

/// Orders until it is stopped.
pub(crate) struct Load {
    ends: Arc<AtomicBool>,
    made: Arc<Mutex<Orders>>,
    workers: Vec<JoinHandle<()>>,
}

/// An order that was answered or failed.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// When it was sent, in nanoseconds since 1970.
    pub(crate) begin: u64,
    /// How long it took from then on.
    pub(crate) duration: Duration,
    /// How long it was sent after it was due, since all who could were waiting for others.
    pub(crate) late: Duration,
    pub(crate) error: Option<String>,
}

impl Order {
    /// When it was over, in nanoseconds since 1970.
    pub(crate) fn end(&self) -> u64 {
        self.begin + self.duration.as_nanos() as u64
    }

    /// When it should have been sent, in nanoseconds since 1970.
    pub(crate) fn due(&self) -> u64 {
        self.begin.saturating_sub(self.late.as_nanos() as u64)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders(pub(crate) Vec<Order>);

impl Orders {
    /// When each was under way, in nanoseconds since 1970.
    pub(crate) fn windows(&self) -> Vec<(u64, u64)> {
        self.0.iter().map(|order| (order.begin, order.end())).collect()
    }

    pub(crate) fn failed(&self) -> Vec<String> {
        self.0.iter().filter_map(|order| order.error.clone()).collect()
    }
}

impl Sum for Orders {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.flat_map(|orders| orders.0).collect())
    }
}

impl Load {
    /// So many orders per second, some of which take long.
    pub(crate) fn start(front: &str, rate: u64) -> Self {
        let front = front.to_owned();
        Self::of(Pace::Rate(rate), move |number| {
            let query = if number % SLOW == 0 { format!("?pause={PAUSE}") } else { String::new() };
            format!("{front}/order/{number}{query}")
        })
    }

    /// Orders by their numbers, from 0 on.
    pub(crate) fn of(pace: Pace, url: impl Fn(u64) -> String + Send + Sync + 'static) -> Self {
        let mut load = Self { ends: Arc::default(), made: Arc::default(), workers: Vec::new() };
        let (begin, next, url) = (Instant::now(), Arc::new(AtomicU64::new(0)), Arc::new(url));
        for _ in 0..pace.workers() {
            let (ends, made) = (Arc::clone(&load.ends), Arc::clone(&load.made));
            let (next, url) = (Arc::clone(&next), Arc::clone(&url));
            load.workers.push(thread::spawn(move || {
                let client = Client::new();
                while !ends.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = pace.due(number).map(|due| begin + due);
                    if let Some(due) = due {
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    let late = due.map_or(Duration::ZERO, |due| due.elapsed());
                    let order = order(&client, &url(number), late);
                    lock(&made).0.push(order);
                }
            }));
        }
        load
    }

    /// How many orders are answered that were due since a moment.
    pub(crate) fn answered_since(&self, begin: u64) -> usize {
        let answered = |order: &&Order| order.error.is_none() && order.due() >= begin;
        lock(&self.made).0.iter().filter(answered).count()
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
    let client = Client::new();
    let orders = (0..count).map(|number| order(&client, &format!("{front}/order/{number}"), Duration::ZERO));
    Orders(orders.collect())
}

fn order(client: &Client, url: &str, late: Duration) -> Order {
    let (begin, sent) = (now(), Instant::now());
    let outcome = client.get(url);
    let duration = sent.elapsed();
    let error = match outcome {
        Ok((200, _)) => None,
        Ok((status, _)) => Some(format!("{url}: {status}")),
        Err(error) => Some(format!("{error:#}")),
    };
    Order { begin, duration, late, error }
}

/// In nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}
