//! What tracing costs: the same service under the same load, traced in each of the ways that there are, and not at all. In each round
//! every variant runs once, in an order that is drawn, so that what else the machine does hits all of them alike.
//!
//! | module | is |
//! |---|---|
//! | `variant` | the ways to trace, and their programs |
//! | `receiver` | who gets the spans |
//! | `round` | one variant, once |
//! | `figures` | what was measured, and its distribution over rounds |
//! | `table`, `page` | that for people, beside the JSON |

mod figures;
mod page;
mod receiver;
mod round;
mod table;
mod variant;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::{
    figures::{METRICS, Measured, Outcome, Unit, display},
    round::{Faults, Laboratory},
    variant::Variant,
};
use super::Scale;
use crate::{cpus::Division, inputs::Inputs, machine::Machine, report::Report};

/// What `overhead` needs of the command.
pub(crate) struct Settings<'s> {
    /// The repository.
    pub(crate) root: &'s Path,
    /// For what the run writes.
    pub(crate) directory: PathBuf,
    /// The built sidecar.
    pub(crate) sidecar: &'s Path,
    /// Where the report goes.
    pub(crate) out: &'s Path,
    pub(crate) inputs: &'s Inputs,
    pub(crate) scale: Scale,
}

/// Measures, and leaves `overhead.json` and `overhead.html`.
pub(crate) fn run(settings: Settings<'_>, report: &mut Report) {
    if let Err(error) = measure(&settings, report) {
        report.check("the scenario runs to its end", false, format_args!("{error:#}"));
    }
}

fn measure(settings: &Settings<'_>, report: &mut Report) -> Result<()> {
    let Settings { root, directory, sidecar, out, inputs, scale } = settings;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let builds = variant::build_all(root, directory, !scale.is_quick)?;
    let variants = Variant::ALL.into_iter().zip(builds);
    let machine = Machine::this();
    let division = Division::new()?;
    let seed = scale.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut outcome = Outcome {
        date: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        machine,
        service_has_a_cpu_of_its_own: division.is_apart(),
        inputs: (*inputs).clone(),
        seed,
        faults: Vec::new(),
        variants: variants.map(|(variant, build)| Measured::new(variant, build)).collect(),
    };
    let laboratory = Laboratory { division: &division, inputs, sidecar };
    let mut faults = Variant::ALL.map(|_| Faults::default());
    let end = rounds(settings, &laboratory, report, &mut outcome, &mut faults);
    drop(division);
    check(report, &mut outcome, &faults);
    if let Err(error) = &end {
        outcome.faults.push(format!("it did not run to its end: {error:#}"));
    }
    // What precedes a failure has taken its time, too.
    write(&outcome, out)?;
    report.figure("JSON and a page", out.display());
    report.say(format_args!("\n{}", table::write(&outcome)));
    end
}

/// Runs every variant once in each round.
fn rounds(
    settings: &Settings<'_>,
    laboratory: &Laboratory<'_>,
    report: &mut Report,
    outcome: &mut Outcome,
    faults: &mut [Faults],
) -> Result<()> {
    let scale = &settings.scale;
    let deadline = Instant::now() + scale.limit.unwrap_or(Duration::from_secs(40 * 60));
    let mut random = Rng::with_seed(outcome.seed);
    for number in 1..=scale.number(1, 5) {
        let mut order: Vec<usize> = (0..Variant::ALL.len()).collect();
        random.shuffle(&mut order);
        for place in order {
            ensure!(Instant::now() < deadline, "the time of the scenario is over");
            let (variant, measured) = (Variant::ALL[place], &mut outcome.variants[place]);
            let directory = settings.directory.join(format!("{number}-{}", variant.name()));
            let (round, found, orders) = laboratory.run(variant, &measured.build, &directory)?;
            report.figure(
                &format!("round {number}, {}", variant.name()),
                format_args!("{} requests, p50 {}", round.requests, display(round.p50, Unit::Seconds)),
            );
            report.requests(&orders);
            measured.rounds.push(round);
            faults[place].failed.extend(found.failed);
            faults[place].missing.extend(found.missing);
        }
    }
    Ok(())
}

/// Nothing is judged by how long it took: only whether all of it is there, and can be.
fn check(report: &mut Report, outcome: &mut Outcome, faults: &[Faults]) {
    for (measured, faults) in outcome.variants.iter().zip(faults) {
        let name = measured.variant;
        let requests = measured.rounds.iter().map(|round| round.requests).sum();
        report.all(&format!("{name}: requests were answered"), requests, &faults.failed);
        if name == Variant::Nothing.name() {
            report.figure(name, "no spans are expected");
        } else {
            report
                .none(&format!("{name}: rounds whose spans are not those of the requests"), &faults.missing);
        }
        let implausible = implausible(measured);
        report.none(&format!("{name}: figures that cannot be"), &implausible);
        for (many, what) in [
            (faults.failed.len(), "requests failed"),
            (faults.missing.len(), "rounds had other spans than requests"),
            (implausible.len(), "figures cannot be"),
        ] {
            if many > 0 {
                outcome.faults.push(format!("{name}: {many} {what}"));
            }
        }
    }
}

/// What contradicts itself, or is not there.
fn implausible(measured: &Measured) -> Vec<String> {
    let mut wrong = Vec::new();
    let observed = measured.variant == Variant::Snapshots.name();
    for round in &measured.rounds {
        let is_right = round.p50 > 0.0
            && round.p50 <= round.p95
            && round.p95 <= round.p99
            && round.service_cpu > 0.0
            && round.service_memory > 0.0
            && observed == (round.observer_memory > 0.0);
        if !is_right {
            wrong.push(format!("{round:?}"));
        }
    }
    let build = &measured.build;
    if build.bytes == 0 || build.seconds <= 0.0 {
        wrong.push(format!("{build:?}"));
    }
    wrong
}

fn write(outcome: &Outcome, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let json = serde_json::to_string_pretty(&describe(outcome)?)?;
    for (name, text) in [("overhead.json", json), ("overhead.html", page::write(outcome))] {
        let file = out.join(name);
        fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// All rounds, and their distributions.
fn describe(outcome: &Outcome) -> Result<Value> {
    let mut described = serde_json::to_value(outcome)?;
    for (number, measured) in outcome.variants.iter().enumerate() {
        let base = outcome.base().context("no variants")?;
        let summary = METRICS.iter().map(|metric| {
            let spread = measured.spread(metric);
            let factor = measured.factor(base, metric);
            (metric.key.to_owned(), json!({"over_rounds": spread, "factor_to_nothing": factor}))
        });
        described["variants"][number]["summary"] = Value::Object(summary.collect());
    }
    Ok(described)
}

#[cfg(test)]
mod tests {
    use super::*;
    use figures::{Round, tests::outcome};

    #[test]
    fn the_description_has_each_round_and_each_distribution() {
        let described = describe(&outcome()).unwrap();
        let variants = described["variants"].as_array().unwrap();
        assert_eq!(variants.len(), Variant::ALL.len());
        for variant in variants {
            assert_eq!(variant["rounds"].as_array().unwrap().len(), 2);
            assert_eq!(variant["summary"].as_object().unwrap().len(), METRICS.len());
        }
        assert_eq!(variants[0]["summary"]["p50"]["factor_to_nothing"]["median"], 1.0);
        assert_eq!(variants[0]["build"]["from_nothing"], true);
        assert_eq!(described["inputs"]["rate"], 200);
    }

    #[test]
    fn what_contradicts_itself_is_found() {
        let measured = || outcome().variants.remove(0);
        assert_eq!(implausible(&measured()), Vec::<String>::new());
        let changes: [fn(&mut Round); 5] = [
            |round| round.p50 = 0.0,
            |round| round.p95 = 1.0,
            |round| round.service_cpu = 0.0,
            |round| round.service_memory = 0.0,
            |round| round.observer_memory = 1.0,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut measured = measured();
            change(&mut measured.rounds[1]);
            assert_eq!(implausible(&measured).len(), 1, "change {number}");
        }
    }
}
