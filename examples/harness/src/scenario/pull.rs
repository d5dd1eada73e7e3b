//! The sidecar pulls recordings from the services, which record nothing else. What lies between two recordings is nowhere:
//! orders are made while both services are being recorded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Result;

use super::Scale;
use crate::{
    app::{Apps, Way},
    client::Client,
    http::{Answer, Handler, Request, Server},
    load,
    proxy::lock,
    report::Report,
    stage::Stage,
};

const SECONDS: u64 = 3;
const EVERY: u64 = 4;
/// For the recording to begin, and for its last orders to be done with.
const MARGIN: Duration = Duration::from_millis(500);

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let rounds = scale.number(2, 10);
    let apps = Apps::start(&stage.programs.app, &stage.directory, |_| Way::Pull)?;
    let gate = Arc::new(Gate {
        client: Client::new(),
        upstream: [("front", apps.front.url.clone()), ("back", apps.back.url.clone())].into(),
        recordings: Mutex::default(),
        count: Mutex::default(),
    });
    let handler = Arc::clone(&gate);
    let server = Server::start(handler)?;
    let mut configuration = stage.configuration()?;
    for service in ["front", "back"] {
        configuration.tables.push(format!(
            "[[pull]]\nurl = \"{}/debug/pprof/trace?of={service}\"\nseconds = {SECONDS}\nevery = \"{EVERY}s\"\n\
             service = {service:?}\ninstance = \"a\"\n",
            server.url()
        ));
    }
    let sidecar = stage.sidecar(&configuration)?;

    let mut orders = Vec::new();
    for round in 0..rounds {
        let recorded = stage.wait(Duration::from_secs(4 * EVERY), || gate.are_both_recorded());
        report.check(&format!("both services are recorded, round {round}"), recorded, recorded);
        orders.push(load::make(&apps.front.url, 10));
        stage.wait(Duration::from_secs(2 * EVERY), || !gate.are_both_recorded());
    }
    stage.finish(report, [apps], sidecar, &orders.into_iter().sum())?;
    report.figure("recordings", format_args!("{:?}", lock(&gate.count)));
    Ok(())
}

/// Sees who is being recorded.
struct Gate {
    client: Client,
    upstream: BTreeMap<&'static str, String>,
    /// Since when.
    recordings: Mutex<BTreeMap<&'static str, Instant>>,
    count: Mutex<BTreeMap<&'static str, usize>>,
}

impl Gate {
    /// Both, for a while, and for a while more.
    fn are_both_recorded(&self) -> bool {
        let (least, most) = (MARGIN, Duration::from_secs(SECONDS) - 2 * MARGIN);
        let recordings = lock(&self.recordings);
        recordings.len() == 2 && recordings.values().all(|begin| (least..most).contains(&begin.elapsed()))
    }
}

impl Handler for Gate {
    fn answer(&self, request: Request) -> Answer {
        let of = request.parameter("of").and_then(|of| self.upstream.get_key_value(of));
        let Some((service, upstream)) = of else { return Answer::status(404) };
        lock(&self.recordings).insert(service, Instant::now());
        let answer = self.client.forward(&format!("{upstream}{}", request.target), &request);
        lock(&self.recordings).remove(service);
        *lock(&self.count).entry(service).or_default() += 1;
        answer.map_or_else(
            |_| Answer::status(502),
            |(status, headers, body)| Answer::Whole { status, headers, body },
        )
    }
}
