//! The scenarios, one in each file.

mod collector_down;
mod direct;
mod direct_kill;
mod direct_soak;
mod disk_full;
mod flightrecorder;
mod fork_replay;
mod kill;
pub(crate) mod overhead;
mod pull;
mod push;
mod slow_collector;
mod soak;
mod zero_code;

use std::{path::Path, time::Duration};

use anyhow::Result;

use crate::{
    cli::Choice,
    report::Report,
    stage::{Programs, Stage},
};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// What the command line says.
    pub(crate) number: Option<u64>,
    /// Small numbers.
    pub(crate) is_quick: bool,
    pub(crate) limit: Option<Duration>,
    pub(crate) seed: Option<u64>,
}

impl Scale {
    /// The number that was asked for, or else the quick or the usual one.
    fn number(&self, quick: u64, usual: u64) -> u64 {
        self.number.unwrap_or(if self.is_quick { quick } else { usual })
    }

    fn seconds(&self, quick: u64, usual: u64) -> Duration {
        Duration::from_secs(if self.is_quick { quick } else { usual })
    }
}

/// Runs one; the outcome is in the report.
pub(crate) fn run(choice: Choice, programs: &Programs, directory: &Path, scale: Scale, report: &mut Report) {
    let minutes = match choice {
        Choice::Kill | Choice::Soak | Choice::DirectKill | Choice::DirectSoak => 40,
        _ => 3,
    };
    let limit = scale.limit.unwrap_or(Duration::from_secs(minutes * 60));
    let outcome = Stage::new(programs, directory, limit)
        .and_then(|mut stage| perform(choice, &mut stage, scale, report));
    if let Err(error) = outcome {
        report.check("the scenario runs to its end", false, format_args!("{error:#}"));
    }
}

fn perform(choice: Choice, stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    match choice {
        Choice::FlightRecorder => flightrecorder::run(stage, scale, report),
        Choice::ForkReplay => fork_replay::run(stage, report),
        Choice::CollectorDown => collector_down::run(stage, scale, report),
        Choice::Kill => kill::run(stage, scale, report),
        Choice::SlowCollector => slow_collector::run(stage, scale, report),
        Choice::DiskFull => disk_full::run(stage, scale, report),
        Choice::Push => push::run(stage, scale, report),
        Choice::Pull => pull::run(stage, scale, report),
        Choice::ZeroCode => zero_code::run(stage, scale, report),
        Choice::Soak => soak::run(stage, scale, report),
        Choice::Direct => direct::run(stage, scale, report),
        Choice::DirectKill => direct_kill::run(stage, scale, report),
        Choice::DirectSoak => direct_soak::run(stage, scale, report),
        // It needs no stage, and has not got one.
        Choice::Overhead => Ok(()),
        Choice::Quick | Choice::All => Ok(()),
    }
}
