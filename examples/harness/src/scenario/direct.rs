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
    for (behaviour, status) in [(Behaviour::ResetAfter, 0), (Behaviour::Refuse(503, None), 503)] {
        let before = stage.proxy.seen().requests.len();
        stage.proxy.behave(behaviour);
        check_answered(stage, report, before, status);
        stage.pass(scale.seconds(0, 15))?;
        // Each service has met it: no request that came earlier is under way.
        let before = stage.proxy.seen().requests.len();
        stage.proxy.behave(Behaviour::Forward);
        check_answered(stage, report, before, 200);
    }
    stage.pass(scale.seconds(1, 20))?;
    let spans = stage.finish_direct(report, apps, &load.stop())?;
    report.check("some spans were sent again", spans.repeated > 0, spans.repeated);
    Ok(())
}

/// Waits until both services, after the first `before` requests, were answered so.
pub(super) fn check_answered(stage: &Stage, report: &mut Report, before: usize, status: u16) {
    let both = stage.wait(AGAIN, || stage.proxy.seen().services(before, status).len() == 2);
    let seen = stage.proxy.seen();
    let services = seen.services(before, status);
    report.check("both services were answered", both, format_args!("{status}: {services:?}"));
}

/// The front by its flight recorder, the back by tracing all the time.
pub(super) fn start(stage: &Stage) -> Result<Apps> {
    let receiver = stage.proxy.url();
    Apps::start(&stage.programs.app, &stage.directory, |service| match service {
        "front" => Way::Direct(receiver.clone()),
        _ => Way::DirectContinuous(receiver.clone()),
    })
}
