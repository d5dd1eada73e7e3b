//! The sidecar is killed at random moments, and some that are no accident: when the Collector has taken a request and the
//! sidecar does not know it yet. Nothing may be lost, and what is sent again must be the same.
//!
//! There are two fronts and two backs. Of the first ones, snapshots overlap as always, so that the next one may hold what
//! an earlier one held. Of the others, each generation comes once: a file or a push that is lost is lost for good.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Result;
use trace_harness::kill;

use super::Scale;
use crate::{
    app::{Apps, Way},
    archive::{Archive, Onward},
    load::Load,
    report::Report,
    sidecar::Configuration,
    stage::Stage,
};

/// How long a request may take to come, for a kill after it.
const REQUEST: Duration = Duration::from_secs(5);

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let kills = scale.number(20, 200);
    let seed = scale.seed.unwrap_or_else(|| fastrand::u64(..));
    report.figure("seed", seed);
    let mut configuration = stage.configuration()?.watch(&stage.traces(), "delete");
    let url = configuration.push(None, "")?;
    let archive = Archive::start([
        ("front", Onward::Seen),
        ("back", Onward::Push(url.clone())),
        ("front-once", Onward::FileOnce(folder(stage, "front-once")?)),
        ("back-once", Onward::PushOnce(url)),
    ])?;
    let way = |service: &str| match service {
        "front" => Way::Folder(stage.traces().join("front/a"), archive.url(service)),
        _ => Way::Push(archive.url(service), None),
    };
    let (app, directory) = (&stage.programs.app, &stage.directory);
    let apps = Apps::start(app, directory, way)?;
    let once = Apps::start_named(app, directory, "-once", way)?;
    let loads = [&apps, &once].map(|apps| Load::start(&apps.front.url, 10));

    let outcome = kill_again_and_again(stage, &configuration, kills, seed)?;
    report.equal("kills", kills, outcome.kills);
    report.figure("of these between sending and committing", outcome.forced);
    report.check("some of them were", outcome.forced > 0, outcome.forced);
    report.all("restarts in between went well", outcome.restarts, &outcome.failed);
    report.none("times that it ended by itself", &outcome.ended);

    stage.is_restarted = true;
    let sidecar = stage.sidecar(&configuration)?;
    // A second or two without a kill, so that each of the last generations has a chance.
    stage.pass(Duration::from_secs(3))?;
    let orders = loads.into_iter().map(Load::stop).sum();
    let (_, spans) = stage.finish(report, [apps, once], sidecar, &orders)?;
    report.check("some spans were sent again", spans.repeated > 0, spans.repeated);
    archive.check(report);
    Ok(())
}

fn folder(stage: &Stage, service: &str) -> Result<PathBuf> {
    let folder = stage.traces().join(service).join("a");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[derive(Default)]
struct Outcome {
    kills: u64,
    forced: u64,
    /// By `SIGTERM`.
    restarts: usize,
    failed: Vec<String>,
    ended: Vec<String>,
}

fn kill_again_and_again(
    stage: &Stage,
    configuration: &Configuration,
    kills: u64,
    seed: u64,
) -> Result<Outcome> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut outcome = Outcome::default();
    for round in 0_u64.. {
        if outcome.kills == kills || stage.is_over() {
            break;
        }
        let mut sidecar = stage.start_sidecar(configuration)?;
        match round % 8 {
            1 | 5 => {
                let id = sidecar.id();
                // It has not been waited for, so that its id is still its own.
                stage.proxy.after_next(Box::new(move || kill(id).unwrap_or_default()));
                stage.wait(REQUEST, || !stage.proxy.is_armed());
                outcome.forced += u64::from(!stage.proxy.disarm());
            }
            7 => {
                sidecar.wait_until_ready()?;
                stage.pass(Duration::from_millis(random.u64(..2_000)))?;
                outcome.restarts += 1;
                outcome.failed.extend(sidecar.stop().err().map(|error| format!("{error:#}")));
                continue;
            }
            _ => {
                // Half of them while it starts.
                let most = if random.bool() { 150 } else { 2_000 };
                stage.pass(Duration::from_millis(random.u64(..most)))?;
                outcome.ended.extend(sidecar.has_ended());
            }
        }
        sidecar.kill()?;
        outcome.kills += 1;
        // Whoever starts it again may take a while; who pushes is refused meanwhile.
        if random.u8(..3) == 0 {
            stage.pass(Duration::from_millis(random.u64(..1_500)))?;
        }
    }
    Ok(outcome)
}
