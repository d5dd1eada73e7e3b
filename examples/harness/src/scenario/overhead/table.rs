//! What was measured as a table in Markdown, with the machine and its noise.

use std::fmt::Write;

use super::figures::{METRICS, Measured, Metric, Outcome, Spread, Unit, display, display_factor};

/// The metrics that have a column of their own, and are compared with no tracing.
const COMPARED: usize = 4;

pub(super) fn write(outcome: &Outcome) -> String {
    let mut table = String::from("| traced by |");
    for title in [
        "p50",
        "p95",
        "p99",
        "service's CPU a request",
        "observer's",
        "memory: service",
        "observer",
        "program",
        "build",
    ] {
        write!(table, " {title} |").unwrap_or_default();
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(METRICS.len() + 2));
    table.push('\n');
    for variant in &outcome.variants {
        table.push_str(&row(outcome, variant));
    }
    format!("{table}\n{}\n", about(outcome).join(" "))
}

fn row(outcome: &Outcome, variant: &Measured) -> String {
    let mut row = format!("| {} |", variant.title);
    for (number, metric) in METRICS.iter().enumerate() {
        let base = outcome.base().filter(|base| number < COMPARED && base.variant != variant.variant);
        let cell = match variant.spread(metric) {
            Some(spread) if spread.median > 0.0 => cell(&spread, base, variant, metric),
            _ => String::new(),
        };
        write!(row, " {cell} |").unwrap_or_default();
    }
    let build = &variant.build;
    let (bytes, seconds) =
        (display(build.bytes as f64, Unit::Bytes), display(build.cpu_seconds, Unit::Seconds));
    format!("{row} {bytes} | {seconds} |\n")
}

fn cell(spread: &Spread, base: Option<&Measured>, variant: &Measured, metric: &Metric) -> String {
    let median = display(spread.median, metric.unit);
    match base.and_then(|base| variant.factor(base, metric)) {
        Some(factor) if factor.least < 1.0 && factor.most > 1.0 => format!("{median}, within noise"),
        Some(factor) => format!("{median}, {}", display_factor(factor.median)),
        None => median,
    }
}

/// What the figures depend on, in sentences.
pub(super) fn about(outcome: &Outcome) -> Vec<String> {
    let machine = &outcome.machine;
    let day = outcome.date.split('T').next().unwrap_or_default();
    let place = match (outcome.service_has_a_cpu_of_its_own, machine.cpus) {
        (false, _) => "all on one CPU",
        (true, 2) => {
            "the service on one CPU; load, receiver and sidecar share the other, so that latency has some of their waiting for each \
             other, most where there is a sidecar"
        }
        (true, _) => "the service on one CPU and everything else on the others",
    };
    let mut about = Vec::new();
    if !outcome.faults.is_empty() {
        about.push(format!("Take no figure from here: {}.", outcome.faults.join("; ")));
    }
    about.extend([
        format!("{} ({} CPUs, {place}), {}, {day}.", machine.processor, machine.cpus, machine.go),
        format!(
            "Medians over {}, in which every variant ran for {:?} in an order that was drawn; percentages are differences from the \
             first row within a round, and within noise are those that were more in one round and less in another.",
            match outcome.rounds() {
                1 => "one round".to_owned(),
                rounds => format!("{rounds} rounds"),
            },
            outcome.inputs.duration
        ),
        noise(outcome),
    ]);
    let build = outcome.base().map(|base| base.build.from_nothing);
    about.push(match build {
        Some(true) => "Build is CPU time from an empty cache, with Go's own packages.".to_owned(),
        _ => "Build is CPU time with what Go had built before.".to_owned(),
    });
    if !machine.harness_is_optimized {
        about.push("The harness was not built for speed (`--release`): take no figure from here.".to_owned());
    }
    about
}

fn noise(outcome: &Outcome) -> String {
    let of_base = METRICS[..COMPARED].iter().filter_map(|metric| {
        let spread = outcome.base()?.spread(metric)?;
        Some(format!("{:.1} % ({})", spread.noise() * 100.0, metric.title))
    });
    let (foreign, most) = outcome.foreign_cpu().map_or((0.0, 0.0), |share| (share.median, share.most));
    format!(
        "Noise: without tracing, the highest and the lowest round are apart by {}; other programs had {:.1} % of the machine's \
         CPU time, and {:.1} % in the round in which they had most.",
        of_base.collect::<Vec<_>>().join(", "),
        foreign * 100.0,
        most * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::overhead::figures::tests::outcome;

    #[test]
    fn what_is_more_in_one_round_and_less_in_another_is_no_difference() {
        let mut outcome = outcome();
        outcome.variants[5].rounds[0].p50 = outcome.variants[0].rounds[0].p50 * 0.9;
        let table = write(&outcome);
        let row = table.lines().nth(7).unwrap();
        assert_eq!(row.matches(", within noise |").count(), 1, "{row}");
        assert_eq!(row.matches("+50.0 %").count(), 3, "{row}");
    }

    #[test]
    fn what_failed_is_said_before_all_else() {
        let mut outcome = outcome();
        outcome.faults.push("direct: 3 requests failed".to_owned());
        assert!(about(&outcome)[0].starts_with("Take no figure from here: direct: 3 requests failed."));
    }

    #[test]
    fn each_variant_has_a_row_with_as_many_cells_as_columns() {
        let text = write(&outcome());
        let (table, about) = text.split_once("\n\n").unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 2 + outcome().variants.len());
        assert!(lines.iter().all(|line| line.matches('|').count() == 11), "{table}");
        assert!(lines[2].starts_with("| nothing | 2.02 ms | 3.03 ms |"), "{}", lines[2]);
        assert!(lines[7].contains(" 3.03 ms, +50.0 % |"), "{}", lines[7]);
        assert!(about.contains("Medians over 2 rounds") && about.contains("2026-01-02"), "{about}");
        assert!(about.contains("by 2.0 % (latency, p50)") && about.contains("had 1.0 %"), "{about}");
    }
}
