//! The services push their snapshots; a few others try to.

use std::fs;

use anyhow::Result;

use super::Scale;
use crate::{
    app::{Apps, Way},
    archive::Archive,
    client::{self, Client},
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
    let log = fs::read_to_string(stage.directory.join("sidecar.log"))?;
    report.equal("times that the token is in the sidecar's log", 0, log.matches(TOKEN).count());
    Ok(())
}

fn check_refusals(report: &mut Report, url: &str) {
    const TARGET: &str = "/?service=stranger&instance=a";
    let status = |token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", &*authorization)];
        let answer = Client::new().post(&format!("{url}{TARGET}"), &headers, b"go 1.26 trace\0\0\0");
        answer.map_or_else(|error| format!("{error:#}"), |(status, ..)| status.to_string())
    };
    report.equal("status for a wrong token", "401", &status("wrong"));
    report.equal("status for no token", "401", &status(""));
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let status = client::announce(url, TARGET, &headers, MAX_BYTES + 1);
    let status = status.map_or_else(|error| format!("{error:#}"), |status| status.to_string());
    report.equal("status for a snapshot that is too large", "413", &status);
}
