//! The spans of a page, column by column: texts once, times as differences. A page is compressed, and of a hundred thousand
//! spans what is alike then costs next to nothing.

use std::{borrow::Cow, fmt::Write};

use serde::Serialize;

use crate::{
    render::{anatomy, critical_path::Stretch, function, hint, is_approximate, kind, page::Texts},
    span::{Attribute, Link, Span, UnixTime, Value},
};

/// Spans, parents before their children. Times and durations are nanoseconds, texts their places in `texts`, −1 is none.
#[derive(Default, Serialize)]
pub(super) struct Columns<'a> {
    texts: Texts<'a>,
    count: usize,
    /// How far before the span its parent is; 0 for none.
    parent: Vec<usize>,
    /// The ids, of sixteen hexadecimal digits each.
    id: String,
    name: Vec<usize>,
    kind: Vec<usize>,
    scope: Vec<usize>,
    /// None where there is one process only.
    process: Vec<i64>,
    hint: Vec<i64>,
    /// Counted from the start of the span before it.
    start: Vec<i64>,
    duration: Vec<u64>,
    /// Whether the duration is less than what is known of the ends.
    approximate: Vec<u8>,
    failed: Vec<u8>,
    /// Which end was not recorded.
    missing: Vec<i64>,
    /// Keys and values, one after the other.
    attributes: Vec<Vec<usize>>,
    /// Of each part that has any its place and its time; none where nothing is known of it.
    anatomy: Vec<Option<Vec<u64>>>,
    assist: Vec<u64>,
    /// When, counted from the span's start; name; attributes.
    events: Vec<Vec<(i64, usize, Vec<usize>)>>,
    /// Id, and the place of the span; −1 for one that is not here.
    links: Vec<Vec<(String, i64)>>,
    dropped: Vec<u64>,
    /// Stretches of the critical path: start, counted from the span's, and length, one after the other.
    critical: Vec<Vec<u64>>,
    #[serde(skip)]
    before: i64,
}

const NONE: i64 = -1;

/// Keys and values. Whole numbers are texts: a script's numbers do not hold all of them.
fn add_attributes<'a>(texts: &mut Texts<'a>, attributes: &'a [Attribute]) -> Vec<usize> {
    let mut places = Vec::with_capacity(2 * attributes.len());
    for Attribute { key, value, .. } in attributes {
        places.push(texts.add(&**key));
        places.push(match value {
            Value::Text(text) => texts.add(&**text),
            other => texts.add(other.to_string()),
        });
    }
    places
}

/// What is around a span.
pub(super) struct Place<'a, 's> {
    pub(super) parent: Option<usize>,
    /// The time that all others are counted from.
    pub(super) base: UnixTime,
    pub(super) process: Option<&'a str>,
    pub(super) critical: &'s [Stretch],
}

impl<'a> Columns<'a> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a span behind all others. `target` says where on the page the span of a link is.
    pub(super) fn add(
        &mut self,
        span: &'a Span,
        place: &Place<'a, '_>,
        target: impl Fn(&Link) -> Option<usize>,
    ) {
        self.parent.push(place.parent.map_or(0, |parent| self.count - parent));
        self.count += 1;
        let _ = write!(self.id, "{}", span.span_id);
        self.texts_of(span, place.process);
        self.times_of(span, place);
        let since = |time: UnixTime| time.0.wrapping_sub(span.start.0) as i64;
        let events = span.events.iter();
        let events = events.map(|event| {
            let name = self.texts.add(&*event.name);
            (since(event.time), name, add_attributes(&mut self.texts, &event.attributes))
        });
        self.events.push(events.collect());
        let place_of = |link| target(link).map_or(NONE, |place| place as i64);
        self.links.push(span.links.iter().map(|link| (link.span_id.to_string(), place_of(link))).collect());
        let dropped = [span.dropped_attributes, span.dropped_events, span.dropped_links];
        self.dropped.push(dropped.into_iter().map(u64::from).sum());
    }

    fn texts_of(&mut self, span: &'a Span, process: Option<&'a str>) {
        let texts = &mut self.texts;
        self.name.push(texts.add(&*span.name));
        self.kind.push(texts.add(kind(span)));
        self.scope.push(texts.add(span.scope.name()));
        self.process.push(process.map_or(NONE, |process| texts.add(process) as i64));
        let hint = hint(span).map(Cow::from).or_else(|| function(span).map(Cow::from));
        self.hint.push(hint.map_or(NONE, |hint| texts.add(hint) as i64));
        let missing = span.attribute("gotrace.incomplete").map(Value::to_string);
        self.missing.push(missing.map_or(NONE, |missing| texts.add(missing) as i64));
        self.attributes.push(add_attributes(texts, &span.attributes));
    }

    fn times_of(&mut self, span: &Span, place: &Place<'_, '_>) {
        let start = (span.start.0 - place.base.0) as i64;
        self.start.push(start.wrapping_sub(self.before));
        self.before = start;
        self.duration.push(span.duration_nanos());
        self.approximate.push(is_approximate(span).into());
        self.failed.push(span.status.is_error().into());
        let parts = span.anatomy.as_ref().map(|anatomy| {
            let times = (0..).zip(anatomy::times(anatomy)).filter(|&(_, time)| time > 0);
            times.flat_map(|(part, time)| [part, time]).collect()
        });
        self.anatomy.push(parts);
        self.assist.push(span.anatomy.map_or(0, |anatomy| anatomy.gc_assist));
        let stretches = place.critical.iter();
        let stretches =
            stretches.flat_map(|stretch| [stretch.start.0.saturating_sub(span.start.0), stretch.duration()]);
        self.critical.push(stretches.collect());
    }
}
