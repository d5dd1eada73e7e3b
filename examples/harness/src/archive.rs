//! Sees every snapshot that a service takes, so that a loss can be told: was it the service that forgot a generation between
//! two snapshots, or did somebody lose it later? And hands them on, if that is wanted: as they are, or each generation once,
//! so that nothing comes again that was lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use go_trace_format::{HEADER_LENGTH, wire::Batches};

use crate::{
    client::Client,
    http::{Answer, Handler, Request, Server},
    proxy::lock,
    report::Report,
};

/// How long somebody who takes a generation may be away.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(100);

/// What becomes of a service's snapshots.
#[derive(Clone, Debug)]
pub(crate) enum Onward {
    /// Nothing: they go another way too.
    Seen,
    /// Each is sent on to this URL.
    Push(String),
    /// The generations that are new are sent on to this URL, until they are taken.
    PushOnce(String),
    /// The generations that are new become a file in this folder.
    FileOnce(PathBuf),
}

pub(crate) struct Archive {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    onward: BTreeMap<String, Onward>,
    services: Mutex<BTreeMap<String, Snapshots>>,
    files: AtomicU64,
}

#[derive(Debug, Default)]
struct Snapshots {
    generations: BTreeSet<u64>,
    /// Those that somebody has taken.
    taken: BTreeSet<u64>,
    count: usize,
    refused: usize,
    largest: usize,
}

impl Archive {
    pub(crate) fn start<'s>(onward: impl IntoIterator<Item = (&'s str, Onward)>) -> Result<Self> {
        let onward = onward.into_iter().map(|(service, onward)| (service.to_owned(), onward)).collect();
        let shared = Arc::new(Shared {
            client: Client::new(),
            onward,
            services: Mutex::default(),
            files: AtomicU64::new(0),
        });
        let handler = Arc::clone(&shared);
        Ok(Self { server: Server::start(handler)?, shared })
    }

    /// Only sees the snapshots of front and back.
    pub(crate) fn of_both() -> Result<Self> {
        Self::start([("front", Onward::Seen), ("back", Onward::Seen)])
    }

    /// Where a service has to post its snapshots.
    pub(crate) fn url(&self, service: &str) -> String {
        format!("{}/?service={service}&instance=a", self.server.url())
    }

    /// How many snapshots nobody has taken.
    pub(crate) fn refused(&self) -> usize {
        lock(&self.shared.services).values().map(|snapshots| snapshots.refused).sum()
    }

    /// No generation is missing between the first and the last, neither in what a service wrote nor in what was taken of it.
    pub(crate) fn check(&self, report: &mut Report) {
        let services = lock(&self.shared.services);
        for (service, snapshots) in &*services {
            let Snapshots { generations, taken, count, refused, largest } = snapshots;
            report.figure(
                &format!("snapshots of {service}"),
                format_args!("{count}, the largest of {largest} bytes, {refused} refused"),
            );
            let what = format!("{service} forgot no generation between its snapshots");
            report.none(&what, &gaps(generations));
            let never: Vec<_> = generations.difference(taken).map(u64::to_string).collect();
            report.none(&format!("generations of {service} that were refused for good"), &never);
        }
        let expected: Vec<_> = self.shared.onward.keys().collect();
        report.equal("services that took snapshots", expected, services.keys().collect());
    }
}

/// Generations are numbered from 1.
fn gaps(generations: &BTreeSet<u64>) -> Vec<String> {
    let last = generations.last().copied().unwrap_or_default();
    (1..=last).filter(|number| !generations.contains(number)).map(|number| number.to_string()).collect()
}

impl Handler for Shared {
    fn answer(&self, request: Request) -> Answer {
        let service = request.parameter("service").unwrap_or_default().to_owned();
        let (Some(generations), Some(onward)) = (generations_of(&request.body), self.onward.get(&service))
        else {
            return Answer::status(400);
        };
        let new: BTreeSet<_> = {
            let mut services = lock(&self.services);
            let snapshots = services.entry(service.clone()).or_default();
            snapshots.count += 1;
            snapshots.largest = snapshots.largest.max(request.body.len());
            snapshots.generations.extend(generations.keys());
            generations.keys().filter(|number| !snapshots.taken.contains(number)).copied().collect()
        };
        let status = self.hand_on(onward, &request, &generations, &new);
        let mut services = lock(&self.services);
        let snapshots = services.entry(service).or_default();
        match status {
            200..300 => snapshots.taken.extend(generations.keys()),
            _ => snapshots.refused += 1,
        }
        Answer::status(status)
    }
}

impl Shared {
    /// The status for who brought it.
    fn hand_on(
        &self,
        onward: &Onward,
        request: &Request,
        generations: &Generations<'_>,
        new: &BTreeSet<u64>,
    ) -> u16 {
        let url = |receiver: &str| format!("{receiver}/{}", request.target.trim_start_matches('/'));
        match onward {
            Onward::Seen => 202,
            Onward::Push(receiver) => {
                let answer = self.client.forward(&url(receiver), request);
                answer.map_or(502, |(status, ..)| status)
            }
            Onward::PushOnce(receiver) => {
                let body = part(&request.body, generations, new);
                let part = Request { method: "POST".to_owned(), body, ..Request::default() };
                self.push_until_taken(&url(receiver), &part)
            }
            Onward::FileOnce(folder) => {
                let number = self.files.fetch_add(1, Ordering::Relaxed);
                // So that names sort as times do.
                let name = format!("{number:06}.trace");
                let bytes = part(&request.body, generations, new);
                let written = fs::write(folder.join(".new"), bytes)
                    .and_then(|()| fs::rename(folder.join(".new"), folder.join(name)));
                written.map_or(507, |()| 202)
            }
        }
    }

    fn push_until_taken(&self, url: &str, part: &Request) -> u16 {
        let begin = Instant::now();
        let once = || -> Result<()> {
            let (status, ..) = self.client.forward(url, part)?;
            ensure!(status == 202, "{status}");
            Ok(())
        };
        while once().is_err() {
            if begin.elapsed() > PATIENCE {
                return 502;
            }
            thread::sleep(AGAIN);
        }
        202
    }
}

/// The bytes of each generation.
type Generations<'s> = BTreeMap<u64, &'s [u8]>;

/// Generations stand one after the other.
fn generations_of(snapshot: &[u8]) -> Option<Generations<'_>> {
    let mut begins = Vec::new();
    for batch in Batches::new(snapshot).ok()? {
        let batch = batch.ok()?;
        if begins.last().is_none_or(|&(number, _)| number != batch.generation) {
            begins.push((batch.generation, usize::try_from(batch.offset).ok()?));
        }
    }
    let ends = begins.iter().skip(1).map(|&(_, begin)| begin).chain([snapshot.len()]);
    begins.iter().zip(ends).map(|(&(number, begin), end)| Some((number, snapshot.get(begin..end)?))).collect()
}

/// A trace of some of a snapshot's generations.
fn part(snapshot: &[u8], generations: &Generations<'_>, new: &BTreeSet<u64>) -> Vec<u8> {
    let mut part = snapshot[..HEADER_LENGTH].to_vec();
    new.iter().filter_map(|number| generations.get(number)).for_each(|bytes| part.extend(*bytes));
    part
}
