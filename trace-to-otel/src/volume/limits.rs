//! How large a span may be.

use crate::{
    span::{Attribute, Span, Value},
    volume::VolumeCounters,
};

/// How large a span may be. By default there are no limits beside those of the mapper.
///
/// OpenTelemetry: "Common specification concepts", section "Attribute Limits", and "Tracing SDK", section "Span Limits".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanLimits {
    /// The most attributes; the first ones stay. The [anatomy](crate::Anatomy) stays as a whole or not at all. What
    /// collapsing adds is not counted.
    pub attributes: Option<usize>,
    /// The most events; the first ones stay.
    pub events: Option<usize>,
    /// The most links; the first ones stay.
    pub links: Option<usize>,
    /// The most characters of a text that is the value of an attribute, of a span or of its events. Longer ones are cut.
    pub value_length: Option<usize>,
}

impl SpanLimits {
    pub(super) fn apply(&self, span: &mut Span, counters: &mut VolumeCounters) {
        if *self == Self::default() {
            return;
        }
        self.cut_attributes(span, counters);
        let events = cut(&mut span.events, self.events, &mut span.dropped_events);
        let links = cut(&mut span.links, self.links, &mut span.dropped_links);
        counters.dropped_events += events;
        counters.dropped_links += links;
        let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let attributes = span.attributes.iter_mut().chain(of_events);
        counters.cut_values += attributes.map(|attribute| u64::from(self.cut_value(attribute))).sum::<u64>();
    }

    fn cut_attributes(&self, span: &mut Span, counters: &mut VolumeCounters) {
        let Some(limit) = self.attributes else { return };
        let mut dropped = cut(&mut span.attributes, Some(limit), &mut span.dropped_attributes);
        let parts = span.anatomy.as_ref().map_or(0, |anatomy| anatomy.attributes().count());
        if parts > limit - span.attributes.len() {
            span.anatomy = None;
            span.dropped_attributes = add(span.dropped_attributes, parts);
            dropped += parts as u64;
        }
        counters.dropped_attributes += dropped;
    }

    fn cut_value(&self, attribute: &mut Attribute) -> bool {
        let (Some(limit), Value::Text(text)) = (self.value_length, &mut attribute.value) else {
            return false;
        };
        // A character is a byte or more.
        if text.len() <= limit {
            return false;
        }
        let Some((end, _)) = text.char_indices().nth(limit) else { return false };
        *text = text[..end].into();
        true
    }
}

fn cut<T>(items: &mut Vec<T>, limit: Option<usize>, dropped: &mut u32) -> u64 {
    let excess = limit.map_or(0, |limit| items.len().saturating_sub(limit));
    items.truncate(items.len() - excess);
    *dropped = add(*dropped, excess);
    excess as u64
}

fn add(dropped: u32, more: usize) -> u32 {
    dropped.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}
