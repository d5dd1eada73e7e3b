//! What was measured, as numbers: of a round, and of all rounds of a variant.

use serde::Serialize;

use super::variant::{Build, Variant};
use crate::{inputs::Inputs, machine::Machine};

/// One variant, once.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Round {
    /// Requests that were due within the measured time, and were answered.
    pub(super) requests: usize,
    /// Such that failed: they are in no figure.
    pub(super) failed: usize,
    /// How long requests took, in seconds from when they were due.
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    /// CPU time of the service, in seconds a request.
    pub(super) service_cpu: f64,
    /// The same of what turns its trace into spans, where that is a program of its own.
    pub(super) observer_cpu: f64,
    /// The most memory that each has used, in bytes.
    pub(super) service_memory: f64,
    pub(super) observer_memory: f64,
    /// Spans that have arrived, and the bytes that they came in.
    pub(super) spans: usize,
    pub(super) sent_bytes: u64,
    /// Which share of the machine's CPU time went to neither the service nor the observer nor the harness.
    pub(super) foreign_cpu: f64,
}

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Bytes,
}

pub(super) struct Metric {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: Unit,
    pub(super) of: fn(&Round) -> f64,
}

/// What rounds differ in.
pub(super) const METRICS: [Metric; 7] = [
    Metric { key: "p50", title: "latency, p50", unit: Unit::Seconds, of: |round| round.p50 },
    Metric { key: "p95", title: "latency, p95", unit: Unit::Seconds, of: |round| round.p95 },
    Metric { key: "p99", title: "latency, p99", unit: Unit::Seconds, of: |round| round.p99 },
    Metric {
        key: "service_cpu",
        title: "CPU of the service, a request",
        unit: Unit::Seconds,
        of: |round| round.service_cpu,
    },
    Metric {
        key: "observer_cpu",
        title: "CPU of the observer, a request",
        unit: Unit::Seconds,
        of: |round| round.observer_cpu,
    },
    Metric {
        key: "service_memory",
        title: "memory of the service",
        unit: Unit::Bytes,
        of: |round| round.service_memory,
    },
    Metric {
        key: "observer_memory",
        title: "memory of the observer",
        unit: Unit::Bytes,
        of: |round| round.observer_memory,
    },
];

/// How a figure is distributed over rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// None of no values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (&least, &most) = values.first().zip(values.last())?;
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, least, most })
    }

    /// How far the least and the most are apart, as a share of the median.
    pub(super) fn noise(&self) -> f64 {
        if self.median > 0.0 { (self.most - self.least) / self.median } else { 0.0 }
    }
}

/// The value that so many of all are at most, by its rank; 0 of none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// All rounds of a variant.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    pub(super) variant: &'static str,
    pub(super) title: &'static str,
    pub(super) build: Build,
    pub(super) rounds: Vec<Round>,
}

impl Measured {
    pub(super) fn new(variant: Variant, build: Build) -> Self {
        Self { variant: variant.name(), title: variant.title(), build, rounds: Vec::new() }
    }

    pub(super) fn spread(&self, metric: &Metric) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(metric.of))
    }

    /// By which factor it differs from another variant, each round compared with the other's that ran next to it.
    pub(super) fn factor(&self, base: &Self, metric: &Metric) -> Option<Spread> {
        let pairs =
            self.rounds.iter().zip(&base.rounds).map(|(own, base)| ((metric.of)(own), (metric.of)(base)));
        Spread::of(pairs.filter(|(_, base)| *base > 0.0).map(|(own, base)| own / base))
    }
}

/// All that there is to tell.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    /// When it was measured, in UTC.
    pub(super) date: String,
    pub(super) machine: Machine,
    pub(super) service_has_a_cpu_of_its_own: bool,
    pub(super) inputs: Inputs,
    /// Of the order within each round.
    pub(super) seed: u64,
    /// Why no figure is to be taken from here.
    pub(super) faults: Vec<String>,
    pub(super) variants: Vec<Measured>,
}

impl Outcome {
    pub(super) fn rounds(&self) -> usize {
        self.variants.first().map_or(0, |variant| variant.rounds.len())
    }

    /// The variant that the others are compared with.
    pub(super) fn base(&self) -> Option<&Measured> {
        self.variants.first()
    }

    /// The share of the machine's CPU time that strangers had.
    pub(super) fn foreign_cpu(&self) -> Option<Spread> {
        Spread::of(self.variants.iter().flat_map(|variant| &variant.rounds).map(|round| round.foreign_cpu))
    }
}

/// A figure as people read it, to three digits.
pub(super) fn display(value: f64, unit: Unit) -> String {
    let (units, step): (&[&str], f64) = match unit {
        Unit::Seconds => (&["ns", "µs", "ms", "s"], 1000.0),
        Unit::Bytes => (&["B", "KiB", "MiB", "GiB"], 1024.0),
    };
    let mut value = if unit == Unit::Seconds { value * 1e9 } else { value };
    let mut place = 0;
    while value >= 999.5 && place + 1 < units.len() {
        value /= step;
        place += 1;
    }
    let digits = if value >= 99.95 || place == 0 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {}", units[place])
}

/// By how much something is more or less, in hundredths.
pub(super) fn display_factor(factor: f64) -> String {
    format!("{:+.1} %", (factor - 1.0) * 100.0).replace('-', "−")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scenario::overhead::variant::Build;

    /// Two rounds of each variant, of which each takes a tenth more than the one before.
    pub(in crate::scenario::overhead) fn outcome() -> Outcome {
        let round = |factor: f64| Round {
            requests: 1600,
            p50: 0.002 * factor,
            p95: 0.003 * factor,
            p99: 0.004 * factor,
            service_cpu: 0.001 * factor,
            service_memory: 20e6 * factor,
            foreign_cpu: 0.01,
            ..Round::default()
        };
        let variants = Variant::ALL.iter().enumerate().map(|(number, variant)| {
            let factor = 1.0 + number as f64 / 10.0;
            let rounds = vec![round(factor), round(factor * 1.02)];
            Measured { rounds, ..Measured::new(*variant, Build::example()) }
        });
        Outcome {
            date: "2026-01-02T03:04:05Z".to_owned(),
            machine: Machine {
                processor: "<A & \"CPU\">".to_owned(),
                cpus: 4,
                memory_bytes: 8 << 30,
                kernel: "Linux 6".to_owned(),
                go: "go1.26 linux/amd64".to_owned(),
                harness_is_optimized: true,
            },
            service_has_a_cpu_of_its_own: true,
            inputs: Inputs::new(false),
            seed: 7,
            faults: Vec::new(),
            variants: variants.collect(),
        }
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.95, 0.99, 1.0].map(|share| quantile(&values, share)),
            [1.0, 50.0, 95.0, 99.0, 100.0]
        );
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_spread_is_the_median_and_the_ends() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread { median: 2.0, least: 1.0, most: 4.0 }.noise(), 1.5);
        assert_eq!(Spread { median: 0.0, least: 0.0, most: 0.0 }.noise(), 0.0);
    }

    #[test]
    fn rounds_are_compared_in_pairs() {
        let outcome = outcome();
        let base = outcome.base().unwrap();
        let factor = outcome.variants[5].factor(base, &METRICS[0]).unwrap();
        assert!((factor.least - 1.5).abs() < 1e-9 && (factor.most - 1.5).abs() < 1e-9, "{factor:?}");
        // Nothing is so many times nothing.
        assert_eq!(outcome.variants[2].factor(base, &METRICS[4]), None);
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, unit, expected) in [
            (0.0, Unit::Seconds, "0 ns"),
            (0.000_001_234, Unit::Seconds, "1.23 µs"),
            (0.012_34, Unit::Seconds, "12.3 ms"),
            (0.999_6, Unit::Seconds, "1.00 s"),
            (1234.0, Unit::Seconds, "1234 s"),
            (512.0, Unit::Bytes, "512 B"),
            (20e6, Unit::Bytes, "19.1 MiB"),
            (1048576000.0, Unit::Bytes, "0.98 GiB"),
        ] {
            assert_eq!(display(value, unit), expected);
        }
        assert_eq!(display_factor(1.023), "+2.3 %");
        assert_eq!(display_factor(0.9), "−10.0 %");
    }
}
