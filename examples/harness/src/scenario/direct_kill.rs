//! Services that send their spans themselves are killed at random moments. What they have not sent yet is lost: nothing older than
//! the documentation says, nothing that another process has, and nothing comes twice.

use std::time::Duration;

use anyhow::Result;

use super::{Scale, direct};
use crate::{
    app::{Apps, INTERVAL},
    journal::Journal,
    load::Load,
    report::Report,
    stage::Stage,
    truth,
};

/// An export, of what the interval before it had, may take so long.
const EXPORT: Duration = Duration::from_secs(5);
/// Long enough for some exports.
const LONGEST_LIFE: u64 = 4 * INTERVAL.as_millis() as u64;

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let kills = scale.number(2, 200);
    let seed = scale.seed.unwrap_or_else(|| fastrand::u64(..));
    report.figure("seed", seed);
    let apps = direct::start(stage)?;
    let load = Load::start(&apps.front.url, 10);
    // The first ones shall have something to lose, and something that they have not lost.
    direct::check_answered(stage, report, 0, 200);

    let (apps, mut journals) = kill_again_and_again(stage, apps, kills, seed)?;
    stage.pass(INTERVAL)?;
    let orders = load.stop();
    let survivors = apps.stop()?;
    let served: Vec<_> = survivors.iter().map(|journal| journal.spans.len()).collect();
    report.check("both serve after the kills", !served.contains(&0), format_args!("{served:?} spans"));
    journals.extend(survivors);

    stage.report_traffic(report);
    let spans = stage.receive(report)?;
    truth::check_spans(report, &journals, &orders, &spans);
    truth::check_losses(report, &journals, &spans, INTERVAL + EXPORT);
    report.equal("spans that came again", 0, spans.repeated);
    Ok(())
}

/// The front and the back in turn. What the killed ones did is returned.
fn kill_again_and_again(
    stage: &Stage,
    mut apps: Apps,
    kills: u64,
    seed: u64,
) -> Result<(Apps, Vec<Journal>)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut journals = Vec::new();
    for round in 0..kills {
        // The other one lives on.
        stage.pass(Duration::from_millis(random.u64(..LONGEST_LIFE / 2)))?;
        let pause = || stage.pass(Duration::from_millis(random.u64(..500)));
        let Apps { front, back } = apps;
        let journal;
        apps = if round % 2 == 0 {
            let (front, of_killed) = front.restart(pause)?;
            journal = of_killed;
            Apps { front, back }
        } else {
            let (back, of_killed) = back.restart(pause)?;
            journal = of_killed;
            Apps { front, back }
        };
        journals.push(journal);
    }
    Ok((apps, journals))
}
