//! No sidecar: the services send their spans themselves, one by its flight recorder and one by tracing all the time, to a receiver
//! that loses an answer and is away for a while.

use std::time::Duration;

use anyhow::Result;

use super::Scale;
use crate::{
    app::{Apps, Way},
    load::Load,
    proxy::Behaviour,
    report::Report,
    stage::Stage,
};

/// Longer than a service waits before it tries again.
const AGAIN: Duration = Duration::from_secs(40);

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let apps = start(stage)?;
    let load = Load::start(&apps.front.url, scale.number(20, 20));
    stage.pass(scale.seconds(2, 20))?;
    let requests = |stage: &Stage, status| stage.proxy.seen().statuses().get(&status).copied().unwrap_or(0);
    for (behaviour, status) in [(Behaviour::ResetAfter, 0), (Behaviour::Refuse(503, None), 503)] {
        let (before, accepted) = (requests(stage, status), requests(stage, 200));
        stage.proxy.behave(behaviour);
        stage.wait(AGAIN, || requests(stage, status) > before);
        stage.pass(scale.seconds(0, 15))?;
        stage.proxy.behave(Behaviour::Forward);
        stage.wait(AGAIN, || requests(stage, 200) > accepted);
    }
    stage.pass(scale.seconds(1, 20))?;
    let spans = stage.finish_direct(report, apps, &load.stop())?;
    report.check("some spans were sent again", spans.repeated > 0, spans.repeated);
    Ok(())
}

/// The front by its flight recorder, the back by tracing all the time.
pub(super) fn start(stage: &Stage) -> Result<Apps> {
    let receiver = stage.proxy.url();
    Apps::start(&stage.programs.app, &stage.directory, |service| match service {
        "front" => Way::Direct(receiver.clone()),
        _ => Way::DirectContinuous(receiver.clone()),
    })
}
