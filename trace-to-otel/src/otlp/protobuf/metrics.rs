//! `opentelemetry/proto/metrics/v1/metrics.proto`.

use super::{
    super::buffer::Buffer,
    envelope::field,
    wire::{Wire, tag},
};
use crate::metric::{Exemplar, HistogramPoint, Metric, MetricData, Number, NumberPoint, Temporality};

const NAME: u8 = tag(1, Wire::Length);
const DESCRIPTION: u8 = tag(2, Wire::Length);
const UNIT: u8 = tag(3, Wire::Length);
const GAUGE: u8 = tag(5, Wire::Length);
const SUM: u8 = tag(7, Wire::Length);
const HISTOGRAM: u8 = tag(9, Wire::Length);

/// `Gauge`, `Sum`, `Histogram`.
mod data {
    use super::{Wire, tag};
    pub(super) const POINTS: u8 = tag(1, Wire::Length);
    pub(super) const TEMPORALITY: u8 = tag(2, Wire::Varint);
    pub(super) const IS_MONOTONIC: u8 = tag(3, Wire::Varint);
}

/// `NumberDataPoint`, `HistogramDataPoint`.
mod point {
    use super::{Wire, tag};
    pub(super) const START_TIME: u8 = tag(2, Wire::Fixed64);
    pub(super) const TIME: u8 = tag(3, Wire::Fixed64);
}

/// `NumberDataPoint`.
mod number {
    use super::{Wire, tag};
    pub(super) const DOUBLE: u8 = tag(4, Wire::Fixed64);
    pub(super) const INT: u8 = tag(6, Wire::Fixed64);
    pub(super) const ATTRIBUTES: u8 = tag(7, Wire::Length);
}

/// `HistogramDataPoint`.
mod histogram {
    use super::{Wire, tag};
    pub(super) const COUNT: u8 = tag(4, Wire::Fixed64);
    pub(super) const SUM: u8 = tag(5, Wire::Fixed64);
    pub(super) const BUCKET_COUNTS: u8 = tag(6, Wire::Length);
    pub(super) const EXPLICIT_BOUNDS: u8 = tag(7, Wire::Length);
    pub(super) const EXEMPLARS: u8 = tag(8, Wire::Length);
    pub(super) const ATTRIBUTES: u8 = tag(9, Wire::Length);
    pub(super) const MIN: u8 = tag(11, Wire::Fixed64);
    pub(super) const MAX: u8 = tag(12, Wire::Fixed64);
}

/// `Exemplar`.
mod exemplar {
    use super::{Wire, tag};
    pub(super) const TIME: u8 = tag(2, Wire::Fixed64);
    pub(super) const DOUBLE: u8 = tag(3, Wire::Fixed64);
    pub(super) const SPAN_ID: u8 = tag(4, Wire::Length);
    pub(super) const TRACE_ID: u8 = tag(5, Wire::Length);
}

impl Buffer {
    /// `Metric`, as one of those of a `ScopeMetrics`.
    pub(in super::super) fn protobuf_metric(&mut self, metric: &Metric) {
        self.message::<2>(field::RECORDS, |out| {
            out.string(NAME, &metric.name);
            out.string(DESCRIPTION, &metric.description);
            out.string(UNIT, &metric.unit);
            match &metric.data {
                MetricData::Gauge(points) => out.message::<2>(GAUGE, |out| out.number_points(points)),
                MetricData::Sum { temporality, is_monotonic, points } => out.message::<2>(SUM, |out| {
                    out.number_points(points);
                    out.temporality(*temporality);
                    out.unsigned(data::IS_MONOTONIC, (*is_monotonic).into());
                }),
                MetricData::Histogram { temporality, points } => out.message::<2>(HISTOGRAM, |out| {
                    points.iter().for_each(|point| out.histogram_point(point));
                    out.temporality(*temporality);
                }),
            }
        });
    }

    fn temporality(&mut self, temporality: Temporality) {
        self.put([data::TEMPORALITY, temporality.number()]);
    }

    fn number_points(&mut self, points: &[NumberPoint]) {
        for point in points {
            self.message::<1>(data::POINTS, |out| {
                out.fixed64(point::START_TIME, point.start.map_or(0, |start| start.0));
                out.fixed64(point::TIME, point.time.0);
                match point.value {
                    Number::Float(value) => out.optional_fixed64(number::DOUBLE, value.to_bits()),
                    Number::Integer(value) => out.optional_fixed64(number::INT, value as u64),
                }
                out.attributes(number::ATTRIBUTES, &point.attributes);
            });
        }
    }

    fn histogram_point(&mut self, point: &HistogramPoint) {
        let values = &point.histogram;
        self.message::<2>(data::POINTS, |out| {
            out.fixed64(point::START_TIME, point.start.0);
            out.fixed64(point::TIME, point.time.0);
            out.fixed64(histogram::COUNT, values.count());
            out.optional_fixed64(histogram::SUM, values.sum().to_bits());
            out.packed(histogram::BUCKET_COUNTS, values.counts().iter().copied());
            out.packed(histogram::EXPLICIT_BOUNDS, values.bounds().iter().map(|bound| bound.to_bits()));
            for exemplar in &point.exemplars {
                out.message::<1>(histogram::EXEMPLARS, |out| out.exemplar(exemplar));
            }
            out.attributes(histogram::ATTRIBUTES, &point.attributes);
            for (tag, value) in [(histogram::MIN, values.min()), (histogram::MAX, values.max())] {
                if let Some(value) = value {
                    out.optional_fixed64(tag, value.to_bits());
                }
            }
        });
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        self.fixed64(exemplar::TIME, exemplar.time.0);
        self.optional_fixed64(exemplar::DOUBLE, exemplar.value.to_bits());
        self.id(exemplar::SPAN_ID, exemplar.span_id.as_bytes());
        self.id(exemplar::TRACE_ID, exemplar.trace_id.as_bytes());
    }

    /// A repeated field of 8 bytes each, left out when it is empty. "Encoding", section "Packed Repeated Fields".
    fn packed(&mut self, tag: u8, numbers: impl ExactSizeIterator<Item = u64>) {
        if numbers.len() > 0 {
            self.message::<1>(tag, |out| numbers.for_each(|number| out.put(number.to_le_bytes())));
        }
    }
}
