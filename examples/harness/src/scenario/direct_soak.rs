//! Services that send their spans themselves, for longer: they have no more goroutines, memory, files and sockets in the end.

use std::time::Duration;

use anyhow::Result;

use super::{Scale, direct};
use crate::{app::App, client::Client, load::Load, report::Report, stage::Stage};

/// Orders per second.
const RATE: u64 = 20;
const SAMPLE: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let seconds = scale.number(15, 600);
    let apps = direct::start(stage)?;
    let load = Load::start(&apps.front.url, RATE);
    let client = Client::new();
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for _ in 0..seconds {
        stage.pass(SAMPLE)?;
        front.push(Sample::of(&apps.front, &client)?);
        back.push(Sample::of(&apps.back, &client)?);
    }
    for (service, samples) in [("front", front), ("back", back)] {
        check(report, &format!("KiB of memory of {service}"), &samples, |sample| sample.memory >> 10);
        check(report, &format!("goroutines of {service}"), &samples, |sample| sample.goroutines);
        check(report, &format!("files and sockets of {service}"), &samples, |sample| sample.descriptors);
    }
    stage.finish_direct(report, apps, &load.stop())?;
    Ok(())
}

/// What a service has at a moment.
struct Sample {
    memory: u64,
    goroutines: u64,
    descriptors: u64,
}

impl Sample {
    fn of(app: &App, client: &Client) -> Result<Self> {
        Ok(Self {
            memory: app.process.memory()?.now,
            goroutines: app.goroutines(client)?,
            descriptors: app.process.descriptors()? as u64,
        })
    }
}

/// After the first half, in which everything found its size, there is no more of it: a leak would grow with each request.
fn check(report: &mut Report, what: &str, samples: &[Sample], of: impl Fn(&Sample) -> u64) {
    let quarter = |number: usize| {
        let part = &samples[samples.len() * number / 4..samples.len() * (number + 1) / 4];
        part.iter().map(&of).sum::<u64>() / (part.len() as u64).max(1)
    };
    let [second, third, fourth] = [1, 2, 3].map(quarter);
    let found = format!("{second}, {third}, {fourth}");
    report.check(&format!("no more {what}"), fourth <= second + second / 2, found);
}
