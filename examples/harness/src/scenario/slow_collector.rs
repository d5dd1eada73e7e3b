//! The Collector has bad days: slow, overloaded, locked, gone, and breaking off. The load goes on.

use std::time::Duration;

use anyhow::Result;

use super::Scale;
use crate::{archive::Archive, load::Load, proxy::Behaviour, report::Report, stage::Stage};

/// How long the receiver asks to be left alone, in seconds.
const RETRY_AFTER: u64 = 2;
const CONCURRENCY: u64 = 4;

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let archive = Archive::of_both()?;
    let apps = stage.folders(&archive)?;
    let mut configuration = stage.configuration()?.watch(&stage.traces(), "delete");
    configuration.otlp.push(format!("slow_retry = \"1s\"\nconcurrency = {CONCURRENCY}"));
    let sidecar = stage.sidecar(&configuration)?;
    let load = Load::start(&apps.front.url, scale.number(20, 20));

    let phase = scale.seconds(4, 10);
    for (name, behaviour) in [
        ("well", Behaviour::Forward),
        ("slow", Behaviour::Delay(Duration::from_secs(2))),
        ("503", Behaviour::Refuse(503, None)),
        ("429 with Retry-After", Behaviour::Refuse(429, Some(RETRY_AFTER))),
        ("401", Behaviour::Refuse(401, None)),
        ("404", Behaviour::Refuse(404, None)),
        ("resets", Behaviour::Reset),
        ("takes, then resets", Behaviour::ResetAfter),
    ] {
        let before = stage.proxy.seen().requests.len();
        stage.proxy.behave(behaviour);
        stage.pass(phase)?;
        let requests = stage.proxy.seen().requests.len() - before;
        report.figure(name, format_args!("{requests} requests, readiness {}", sidecar.readiness()));
        if let Behaviour::Refuse(429, _) = behaviour {
            // Each of those that send asks once, and again when the time is over.
            let most = CONCURRENCY * (phase.as_secs() / RETRY_AFTER + 1);
            report.check(
                "Retry-After is honoured",
                requests as u64 <= most,
                format_args!("{requests} of {most}"),
            );
        }
    }
    stage.proxy.behave(Behaviour::Forward);
    let (_, spans) = stage.finish(report, [apps], sidecar, &load.stop())?;
    report.check("some spans were sent again", spans.repeated > 0, spans.repeated);
    archive.check(report);
    Ok(())
}
