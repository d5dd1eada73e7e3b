//! `[defaults]` and `[services.NAME]`: what becomes of a service's traces.

use core::num::NonZeroU32;
use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use go_trace_sanitize::Filter;
use serde::Deserialize;
use trace_programs::SignalName;
use trace_to_otel::{Collapse, MapperOptions, SamplingRatio, UnixTime, VolumeOptions};

use super::text;

/// What is said of a service; what is not said, the defaults say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mapping {
    logs: Option<Logs>,
    ranges: Option<bool>,
    wake_links: Option<bool>,
    stacks: Option<bool>,
    from_stacks: Option<bool>,
    state_events: Option<bool>,
    unsampled: Option<bool>,
    sdk_exports: Option<bool>,
    db_system_name: Option<String>,
    keep: Option<Vec<String>>,
    #[serde(deserialize_with = "text::optional_duration")]
    minimum_duration: Option<Duration>,
    spare_errors: Option<bool>,
    sampling_ratio: Option<f64>,
    spans_per_second: Option<u32>,
    #[serde(deserialize_with = "text::optional_duration")]
    collapse: Option<Duration>,
    max_attributes: Option<usize>,
    max_events: Option<usize>,
    max_links: Option<usize>,
    max_value_length: Option<usize>,
    resource: BTreeMap<String, String>,
}

/// What becomes of `trace.Log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Logs {
    /// Events of their spans.
    #[default]
    Events,
    /// Log records.
    Records,
    /// Nothing.
    Off,
}

impl Mapping {
    /// What this says, and what `defaults` say where it says nothing.
    pub(crate) fn or(&self, defaults: &Self) -> Self {
        let mut resource = defaults.resource.clone();
        resource.extend(self.resource.clone());
        Self {
            logs: self.logs.or(defaults.logs),
            ranges: self.ranges.or(defaults.ranges),
            wake_links: self.wake_links.or(defaults.wake_links),
            stacks: self.stacks.or(defaults.stacks),
            from_stacks: self.from_stacks.or(defaults.from_stacks),
            state_events: self.state_events.or(defaults.state_events),
            unsampled: self.unsampled.or(defaults.unsampled),
            sdk_exports: self.sdk_exports.or(defaults.sdk_exports),
            db_system_name: self.db_system_name.clone().or_else(|| defaults.db_system_name.clone()),
            keep: self.keep.clone().or_else(|| defaults.keep.clone()),
            minimum_duration: self.minimum_duration.or(defaults.minimum_duration),
            spare_errors: self.spare_errors.or(defaults.spare_errors),
            sampling_ratio: self.sampling_ratio.or(defaults.sampling_ratio),
            spans_per_second: self.spans_per_second.or(defaults.spans_per_second),
            collapse: self.collapse.or(defaults.collapse),
            max_attributes: self.max_attributes.or(defaults.max_attributes),
            max_events: self.max_events.or(defaults.max_events),
            max_links: self.max_links.or(defaults.max_links),
            max_value_length: self.max_value_length.or(defaults.max_value_length),
            resource,
        }
    }

    /// Where log records are delivered, that is what becomes of logs of which nothing else is said.
    pub(crate) fn for_signals(mut self, signals: &[SignalName]) -> Self {
        if self.logs.is_none() && signals.contains(&SignalName::Logs) {
            self.logs = Some(Logs::Records);
        }
        self
    }

    pub(crate) fn logs(&self) -> Logs {
        self.logs.unwrap_or_default()
    }

    /// Attributes that the resource has besides.
    pub(crate) fn resource(&self) -> &BTreeMap<String, String> {
        &self.resource
    }

    /// A trace without a clock begins at `base_time`.
    pub(crate) fn mapper(&self, base_time: UnixTime) -> MapperOptions {
        let mut options = MapperOptions::default();
        options.logs = self.logs() != Logs::Off;
        options.log_records = self.logs() == Logs::Records;
        // They are most of what a busy program records, and seldom what somebody looks for.
        options.ranges = self.ranges.unwrap_or(false);
        options.wake_links = self.wake_links.unwrap_or(options.wake_links);
        options.stacks = self.stacks.unwrap_or(options.stacks);
        options.stack_operations = self.from_stacks.unwrap_or(options.stack_operations);
        options.state_events = self.state_events.unwrap_or(options.state_events);
        options.unsampled = self.unsampled.unwrap_or(options.unsampled);
        options.written_contexts = !self.sdk_exports.unwrap_or(false);
        if let Some(name) = &self.db_system_name {
            options.db_system_name = name.as_str().into();
        }
        options.base_time = base_time;
        options
    }

    pub(crate) fn volume(&self) -> Result<VolumeOptions> {
        let mut options = VolumeOptions::default();
        if let Some(names) = &self.keep {
            options.keep = names.join(",").parse::<Filter>().context("keep")?;
            anyhow::ensure!(!options.keep.is_empty(), "keep: name at least one category");
        }
        if let Some(ratio) = self.sampling_ratio {
            options.ratio = SamplingRatio::try_from(ratio).context("sampling_ratio")?;
        }
        options.minimum_duration = self.minimum_duration.unwrap_or_default();
        options.spare_errors = self.spare_errors.unwrap_or(options.spare_errors);
        options.spans_per_second = self.spans_per_second.and_then(NonZeroU32::new);
        options.collapse = self.collapse.map(Collapse::shorter_than);
        options.limits.attributes = self.max_attributes;
        options.limits.events = self.max_events;
        options.limits.links = self.max_links;
        options.limits.value_length = self.max_value_length;
        Ok(options)
    }
}
