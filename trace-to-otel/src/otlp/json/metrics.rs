//! `opentelemetry/proto/metrics/v1/metrics.proto`.

use super::super::buffer::Buffer;
use crate::metric::{Exemplar, HistogramPoint, Metric, MetricData, Number, NumberPoint, Temporality};

impl Buffer {
    /// `Metric`.
    pub(in super::super) fn json_metric(&mut self, metric: &Metric) {
        self.put(*b"{\"name\":");
        self.quoted(&metric.name);
        self.put(*b",\"description\":");
        self.quoted(&metric.description);
        self.put(*b",\"unit\":");
        self.quoted(&metric.unit);
        match &metric.data {
            MetricData::Gauge(points) => {
                self.put(*b",\"gauge\":{\"dataPoints\":");
                self.array(points, Self::json_number_point);
            }
            MetricData::Sum { temporality, is_monotonic, points } => {
                self.put(*b",\"sum\":{\"dataPoints\":");
                self.array(points, Self::json_number_point);
                self.json_temporality(*temporality);
                self.put(*b",\"isMonotonic\":");
                self.extend(if *is_monotonic { b"true" } else { b"false" });
            }
            MetricData::Histogram { temporality, points } => {
                self.put(*b",\"histogram\":{\"dataPoints\":");
                self.array(points, Self::json_histogram_point);
                self.json_temporality(*temporality);
            }
        }
        self.put(*b"}}");
    }

    fn json_temporality(&mut self, temporality: Temporality) {
        self.put(*b",\"aggregationTemporality\":");
        self.put([b'0' + temporality.number()]);
    }

    /// `NumberDataPoint`.
    fn json_number_point(&mut self, point: &NumberPoint) {
        self.put(*b"{");
        if let Some(start) = point.start {
            self.time(b"\"startTimeUnixNano\":", start);
            self.put(*b",");
        }
        self.time(b"\"timeUnixNano\":", point.time);
        match point.value {
            Number::Float(value) => {
                self.put(*b",\"asDouble\":");
                self.float(value);
            }
            Number::Integer(value) => {
                self.put(*b",\"asInt\":");
                self.quoted_number(value);
            }
        }
        self.put(*b",");
        self.json_attributes(&point.attributes, None);
        self.put(*b"}");
    }

    /// `HistogramDataPoint`.
    fn json_histogram_point(&mut self, point: &HistogramPoint) {
        let values = &point.histogram;
        self.time(b"{\"startTimeUnixNano\":", point.start);
        self.time(b",\"timeUnixNano\":", point.time);
        self.put(*b",\"count\":");
        self.quoted_number(values.count());
        self.put(*b",\"sum\":");
        self.float(values.sum());
        self.put(*b",\"bucketCounts\":");
        self.array(values.counts(), |out, &count| out.quoted_number(count));
        self.put(*b",\"explicitBounds\":");
        self.array(values.bounds(), |out, &bound| out.float(bound));
        let extremes = [(*b",\"min\":", values.min()), (*b",\"max\":", values.max())];
        for (name, value) in extremes {
            if let Some(value) = value {
                self.put(name);
                self.float(value);
            }
        }
        if !point.exemplars.is_empty() {
            self.put(*b",\"exemplars\":");
            self.array(&point.exemplars, Self::json_exemplar);
        }
        self.put(*b",");
        self.json_attributes(&point.attributes, None);
        self.put(*b"}");
    }

    /// `Exemplar`.
    fn json_exemplar(&mut self, exemplar: &Exemplar) {
        self.time(b"{\"timeUnixNano\":", exemplar.time);
        self.put(*b",\"asDouble\":");
        self.float(exemplar.value);
        self.put(*b",");
        self.json_ids(exemplar.trace_id, exemplar.span_id);
        self.put(*b"}");
    }
}
