//! Sees every snapshot that a service takes, so that a loss can be told: was it the service that forgot a generation between
//! two snapshots, or did somebody lose it later? Snapshots are sent on, where there is anybody to send them to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use anyhow::Result;
use go_trace_format::wire::Batches;

use crate::{
    client::Client,
    http::{Answer, Handler, Request, Server},
    proxy::lock,
    report::Report,
};

pub(crate) struct Archive {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    /// The URL of the receiver that a service's snapshots are sent on to.
    forward: BTreeMap<String, String>,
    services: Mutex<BTreeMap<String, Snapshots>>,
}

#[derive(Debug, Default)]
struct Snapshots {
    generations: BTreeSet<u64>,
    /// Those within snapshots that the receiver has taken.
    taken: BTreeSet<u64>,
    count: usize,
    refused: usize,
    largest: usize,
}

impl Archive {
    /// The snapshots of these services are sent on to this receiver.
    pub(crate) fn start(services: &[&str], receiver: &str) -> Result<Self> {
        let forward = services.iter().map(|service| ((*service).to_owned(), receiver.to_owned())).collect();
        let shared = Arc::new(Shared { client: Client::new(), forward, services: Mutex::default() });
        let handler = Arc::clone(&shared);
        Ok(Self { server: Server::start(handler)?, shared })
    }

    /// Where a service has to post its snapshots.
    pub(crate) fn url(&self, service: &str) -> String {
        format!("{}/?service={service}&instance=a", self.server.url())
    }

    /// How many snapshots the receiver has not taken.
    pub(crate) fn refused(&self) -> usize {
        lock(&self.shared.services).values().map(|snapshots| snapshots.refused).sum()
    }

    /// No generation is missing between the first and the last, neither in what the service wrote nor in what the receiver
    /// has taken.
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
            if self.shared.forward.contains_key(service) {
                let what = format!("no generation of {service} was refused for good");
                let never: Vec<_> = generations.difference(taken).map(u64::to_string).collect();
                report.none(&what, &never);
            }
        }
        report.equal("services that took snapshots", 2, services.len());
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
        let Some(generations) = generations_of(&request.body) else { return Answer::status(400) };
        let answer = match self.forward.get(&service) {
            Some(receiver) => {
                let query = request.target.trim_start_matches('/');
                self.client.forward(&format!("{receiver}/{query}"), &request).map_or_else(
                    |_| Answer::status(502),
                    |(status, headers, body)| Answer::Whole { status, headers, body },
                )
            }
            None => Answer::status(202),
        };
        let mut services = lock(&self.services);
        let snapshots = services.entry(service).or_default();
        snapshots.count += 1;
        snapshots.largest = snapshots.largest.max(request.body.len());
        snapshots.generations.extend(&generations);
        match answer {
            Answer::Whole { status: 200..300, .. } => snapshots.taken.extend(&generations),
            _ => snapshots.refused += 1,
        }
        answer
    }
}

fn generations_of(snapshot: &[u8]) -> Option<BTreeSet<u64>> {
    let batches = Batches::new(snapshot).ok()?;
    batches.map(|batch| Some(batch.ok()?.generation)).collect()
}
