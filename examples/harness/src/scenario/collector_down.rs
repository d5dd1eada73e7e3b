//! The Collector ends under load, and comes again after a while.

use anyhow::Result;

use super::Scale;
use crate::{archive::Archive, load::Load, report::Report, stage::Stage};

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let archive = Archive::of_both()?;
    let apps = stage.folders(&archive)?;
    let sidecar = stage.sidecar(&stage.configuration()?.watch(&stage.traces(), "delete"))?;
    let load = Load::start(&apps.front.url, scale.number(20, 20));

    stage.pass(scale.seconds(3, 10))?;
    stage.stop_collector()?;
    let before = stage.proxy.seen().spans.len();
    stage.pass(scale.seconds(5, 30))?;
    report.figure("readiness while the Collector is away", sidecar.readiness());
    report.equal("spans delivered while it was away", before, stage.proxy.seen().spans.len());
    stage.start_collector()?;
    stage.pass(scale.seconds(3, 10))?;
    let after = stage.proxy.seen().spans.len();
    report.check("spans go on to be delivered", after > before, format_args!("{before}, then {after}"));

    stage.finish(report, [apps], sidecar, &load.stop())?;
    archive.check(report);
    Ok(())
}
