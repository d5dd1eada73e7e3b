//! The lean metric: gauges, sums and histograms with explicit buckets.
//!
//! OpenTelemetry, "Metrics Data Model"; `opentelemetry/proto/metrics/v1/metrics.proto`.

use std::borrow::Cow;

use go_trace_context::{SpanId, TraceId};

use crate::span::{Attribute, UnixTime};

/// A metric with its points. Its fields are those of OTLP's `Metric`.
///
/// ```
/// use trace_to_otel::{Histogram, HistogramPoint, Metric, MetricData, NumberPoint, Temporality, UnixTime};
///
/// let (start, end) = (UnixTime(1_000_000_000), UnixTime(2_000_000_000));
/// let goroutines = Metric::new(
///     "go.goroutine.count",
///     "{goroutine}",
///     "Live goroutines.",
///     MetricData::Gauge(vec![NumberPoint::new(end, 12)]),
/// );
/// let mut waits = Histogram::new(vec![0.001, 0.01]);
/// waits.record(0.002);
/// let waits = Metric::new(
///     "go.schedule.duration",
///     "s",
///     "Time that goroutines could have run and waited for a processor.",
///     MetricData::Histogram {
///         temporality: Temporality::Delta,
///         points: vec![HistogramPoint::new(start, end, waits)],
///     },
/// );
/// # let _ = (goroutines, waits);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, by the semantic conventions or under `gotrace.`.
    pub name: Cow<'static, str>,
    /// Its unit, in UCUM's notation: `s`, `By`, `{goroutine}`.
    pub unit: Cow<'static, str>,
    /// What it says; may be empty.
    pub description: Cow<'static, str>,
    /// What has been measured.
    pub data: MetricData,
}

impl Metric {
    /// The name of the instrumentation scope that metrics go out under.
    pub const SCOPE: &str = "gotrace.runtime";

    /// A metric with its points.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        unit: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
        data: MetricData,
    ) -> Self {
        Self { name: name.into(), unit: unit.into(), description: description.into(), data }
    }
}

/// What a metric has measured, by kind. OTLP: `Metric.data`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricData {
    /// A value of the moment: adding two of them up means nothing.
    Gauge(Vec<NumberPoint>),
    /// Something that adds up.
    Sum {
        /// Since when each point counts.
        temporality: Temporality,
        /// Whether it never falls.
        is_monotonic: bool,
        /// The points.
        points: Vec<NumberPoint>,
    },
    /// How values spread.
    Histogram {
        /// Since when each point counts.
        temporality: Temporality,
        /// The points.
        points: Vec<HistogramPoint>,
    },
}

/// Since when a point counts. OTLP: `AggregationTemporality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// OTLP has these two, and "unspecified", which it forbids.
#[allow(clippy::exhaustive_enums)]
pub enum Temporality {
    /// Since the point before.
    Delta,
    /// Since a fixed start.
    Cumulative,
}

impl Temporality {
    /// OTLP's number for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Delta => 1,
            Self::Cumulative => 2,
        }
    }
}

/// A number at a time. OTLP: `NumberDataPoint`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NumberPoint {
    /// Since when a sum counts; a gauge has none.
    pub start: Option<UnixTime>,
    /// When it was so.
    pub time: UnixTime,
    /// The value.
    pub value: Number,
    /// What tells it from other points of the metric.
    pub attributes: Vec<Attribute>,
}

impl NumberPoint {
    /// A value at a time, without start and attributes.
    pub fn new(time: UnixTime, value: impl Into<Number>) -> Self {
        Self { start: None, time, value: value.into(), attributes: Vec::new() }
    }

    /// The same, counted since `start`.
    #[must_use]
    pub fn since(mut self, start: UnixTime) -> Self {
        self.start = Some(start);
        self
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }
}

/// The value of a point. OTLP: `NumberDataPoint.value`.
#[derive(Clone, Copy, Debug, PartialEq)]
// OTLP has these two.
#[allow(clippy::exhaustive_enums)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

/// How values spread over a span of time. OTLP: `HistogramDataPoint`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistogramPoint {
    /// Since when it counts.
    pub start: UnixTime,
    /// Until when it counts.
    pub time: UnixTime,
    /// The values.
    pub histogram: Histogram,
    /// What tells it from other points of the metric.
    pub attributes: Vec<Attribute>,
    /// Some of the values, with the spans that they were measured in.
    pub exemplars: Vec<Exemplar>,
}

impl HistogramPoint {
    /// The values between two times, without attributes and exemplars.
    #[must_use]
    pub fn new(start: UnixTime, time: UnixTime, histogram: Histogram) -> Self {
        Self { start, time, histogram, attributes: Vec::new(), exemplars: Vec::new() }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }
}

/// A value that was measured in a span. OTLP: `Exemplar`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// When it was measured.
    pub time: UnixTime,
    /// The value, in the unit of the metric.
    pub value: f64,
    /// The trace that the span belongs to.
    pub trace_id: TraceId,
    /// The span's id.
    pub span_id: SpanId,
}

impl Exemplar {
    /// A value that was measured at a time in a span.
    #[must_use]
    pub const fn new(time: UnixTime, value: f64, trace_id: TraceId, span_id: SpanId) -> Self {
        Self { time, value, trace_id, span_id }
    }
}

/// Values counted in buckets, with their sum, least and greatest.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: Cow<'static, [f64]>,
    /// One more than there are bounds.
    counts: Vec<u64>,
    sum: f64,
    range: Option<(f64, f64)>,
}

impl Histogram {
    /// An empty histogram with these bounds between its buckets, which have to ascend; a value equal to a bound is
    /// counted below it.
    ///
    /// ```
    /// let mut histogram = trace_to_otel::Histogram::new(&[1.0, 2.0][..]);
    /// for value in [0.5, 1.0, 1.5, 9.0] {
    ///     histogram.record(value);
    /// }
    /// assert_eq!(histogram.counts(), [2, 1, 1]);
    /// assert_eq!((histogram.count(), histogram.sum()), (4, 12.0));
    /// assert_eq!((histogram.min(), histogram.max()), (Some(0.5), Some(9.0)));
    /// ```
    #[must_use]
    pub fn new(bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        let bounds = bounds.into();
        debug_assert!(bounds.is_sorted_by(|a, b| a < b), "bounds ascend: {bounds:?}");
        Self { counts: vec![0; bounds.len() + 1], bounds, sum: 0.0, range: None }
    }

    /// A histogram of values that were counted elsewhere: one more count than there are bounds, the values' sum, and
    /// the least and the greatest of them.
    pub(crate) fn from_counts(
        bounds: impl Into<Cow<'static, [f64]>>,
        counts: Vec<u64>,
        sum: f64,
        range: (f64, f64),
    ) -> Self {
        let bounds = bounds.into();
        debug_assert_eq!(counts.len(), bounds.len() + 1, "a count for each bucket");
        Self { bounds, counts, sum, range: Some(range) }
    }

    /// Counts a value. What is not a number is in no bucket: it is left out.
    pub fn record(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
        let (min, max) = self.range.unwrap_or((value, value));
        self.range = Some((min.min(value), max.max(value)));
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.sum = 0.0;
        self.range = None;
    }

    /// How many values it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The least; none where it is empty.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.range.map(|(min, _)| min)
    }

    /// The greatest; none where it is empty.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.range.map(|(_, max)| max)
    }

    /// The bounds between the buckets, ascending.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// How many values each bucket has; one more than there are bounds.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}
