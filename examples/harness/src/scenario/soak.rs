//! More load, for longer: nothing is lost, nothing piles up, and memory does not grow.

use std::time::Duration;

use anyhow::Result;
use trace_harness::Memory;

use super::Scale;
use crate::{archive::Archive, load::Load, report::Report, stage::Stage};

/// Orders per second.
const RATE: u64 = 50;
const SAMPLE: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let seconds = scale.number(15, 600);
    let archive = Archive::of_both()?;
    let apps = stage.folders(&archive)?;
    let sidecar = stage.sidecar(&stage.configuration()?.watch(&stage.traces(), "delete"))?;
    let load = Load::start(&apps.front.url, RATE);
    let mut samples = Vec::new();
    for _ in 0..seconds {
        stage.pass(SAMPLE)?;
        samples.push(sidecar.memory()?);
    }
    check_memory(report, &samples);
    let (delivered, bytes) = {
        let seen = stage.proxy.seen();
        (seen.spans.len() as u64, seen.bytes)
    };
    report.figure(
        "delivered each second",
        format_args!("{} spans, {} bytes", delivered / seconds.max(1), bytes / seconds.max(1)),
    );
    stage.finish(report, [apps], sidecar, &load.stop())?;
    archive.check(report);
    Ok(())
}

/// After the first half, in which everything found its size, memory stays as it is.
fn check_memory(report: &mut Report, samples: &[Memory]) {
    let quarter = |number: usize| {
        let part = &samples[samples.len() * number / 4..samples.len() * (number + 1) / 4];
        part.iter().map(|memory| memory.now).sum::<u64>() / (part.len() as u64).max(1)
    };
    let [second, third, fourth] = [1, 2, 3].map(quarter);
    let found = format!("{} KiB, {} KiB, {} KiB", second >> 10, third >> 10, fourth >> 10);
    report.check("memory does not grow", fourth <= second + second / 2, found);
}
