//! The services push their snapshots, and are refused for a while; a few others try to.

use std::{fs, time::Duration};

use anyhow::Result;

use super::Scale;
use crate::{
    app::{Apps, Way},
    archive::{Archive, Onward},
    client,
    load::Load,
    proxy::Behaviour,
    report::Report,
    stage::Stage,
};

const TOKEN: &str = "the-token-of-the-push-endpoint";
const MAX_BYTES: usize = 2 << 20;
/// A few snapshots, of 20 orders per second.
const SPOOL: u64 = 4 << 20;

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let rate = scale.number(20, 20);
    let spool = SPOOL * rate.max(20) / 20;
    let mut configuration = stage.configuration()?;
    configuration.tables.push(format!("[spool]\nmax_bytes = {spool}\n"));
    let url = configuration.push(Some(TOKEN), &format!("max_bytes = {MAX_BYTES}"))?;
    let sidecar = stage.sidecar(&configuration)?;
    check_refusals(report, &url);

    let archive = Archive::start(["front", "back"].map(|service| (service, Onward::Push(url.clone()))))?;
    let apps = Apps::start(&stage.programs.app, &stage.directory, |service| {
        Way::Push(archive.url(service), Some(TOKEN.to_owned()))
    })?;
    let load = Load::start(&apps.front.url, rate);
    stage.pass(scale.seconds(2, 20))?;
    // Not for as long as the services remember: what is refused now comes again.
    stage.proxy.behave(Behaviour::Refuse(503, None));
    stage.wait(Duration::from_secs(8), || archive.refused() > 0);
    stage.proxy.behave(Behaviour::Forward);
    let refused = archive.refused();
    report.check("pushes are refused while the spool is full", refused > 0, refused);
    // Nobody repeats the last snapshots of services that end: there shall be room for them.
    let has_room = || sidecar.metric("trace_sidecar_spool_bytes").is_ok_and(|bytes| bytes < spool / 4);
    stage.pass(Duration::from_secs(1))?;
    report.check("the spool empties", stage.wait(Duration::from_secs(20), has_room), spool);
    stage.finish(report, [apps], sidecar, &load.stop())?;
    archive.check(report);
    let log = fs::read_to_string(stage.directory.join("sidecar.log"))?;
    report.equal("times that the token is in the sidecar's log", 0, log.matches(TOKEN).count());
    Ok(())
}

fn check_refusals(report: &mut Report, url: &str) {
    let snapshot = |length: usize| {
        let mut bytes = b"go 1.26 trace\0\0\0".to_vec();
        bytes.resize(length, 0);
        bytes
    };
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    for (what, headers, body, expected) in [
        ("a wrong token", "authorization: Bearer wrong\r\n", snapshot(16), "401"),
        ("no token", "", snapshot(16), "401"),
        ("what is no trace", &*right, vec![b'x'; 1_000], "415"),
        ("a snapshot that is too large", &*right, snapshot(MAX_BYTES + 1), "413"),
    ] {
        let status = client::post_in_vain(url, "/?service=stranger&instance=a", headers, &body);
        let status = status.map_or_else(|error| format!("{error:#}"), |status| status.to_string());
        report.equal(&format!("status for {what}"), expected, &status);
    }
}
