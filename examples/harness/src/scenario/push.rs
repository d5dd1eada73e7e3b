//! The services push their snapshots; a few others try to.

use std::time::Duration;

use anyhow::Result;

use super::Scale;
use crate::{
    app::{Apps, Way},
    archive::Archive,
    client::Client,
    load::Load,
    report::Report,
    stage::Stage,
};

const TOKEN: &str = "the-token-of-the-push-endpoint";
const MAX_BYTES: usize = 16 << 20;

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let mut configuration = stage.configuration()?;
    let url = configuration.push(Some(TOKEN), &format!("max_bytes = {MAX_BYTES}"))?;
    let sidecar = stage.sidecar(&configuration)?;
    check_refusals(report, &url);

    let archive = Archive::start(&["front", "back"], &url)?;
    let apps = Apps::start(&stage.programs.app, &stage.directory, |service| {
        Way::Push(archive.url(service), Some(TOKEN.to_owned()))
    })?;
    let load = Load::start(&apps.front.url, scale.number(20, 20));
    stage.pass(scale.seconds(5, 20))?;
    stage.finish(report, apps, sidecar, &load.stop())?;
    archive.check(report);
    let metrics = stage.directory.join("sidecar.log");
    let leaks = std::fs::read_to_string(metrics)?.contains(TOKEN);
    report.check("the token is not in the sidecar's log", !leaks, !leaks);
    Ok(())
}

fn check_refusals(report: &mut Report, url: &str) {
    let client = Client::new();
    let post = |token: &str, body: &[u8]| {
        let authorization = format!("Bearer {token}");
        let answer = client.post(
            &format!("{url}/?service=stranger&instance=a"),
            &[("authorization", &*authorization), ("content-type", "application/octet-stream")],
            body,
        );
        answer.map_or_else(|error| format!("{error:#}"), |(status, ..)| status.to_string())
    };
    report.equal("status for a wrong token", "401", &post("wrong", b"go 1.26 trace\0\0\0"));
    report.equal("status for no token", "401", &post("", b"go 1.26 trace\0\0\0"));
    report.equal("status for a snapshot that is too large", "413", &post(TOKEN, &vec![0; MAX_BYTES + 1]));
    // The connection of the one that was refused may be of no use any more.
    std::thread::sleep(Duration::from_millis(100));
}
