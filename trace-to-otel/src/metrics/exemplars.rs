//! Which spans durations were measured in: of each bucket the longest one whose span has gone out.
//!
//! A span is known by what it is while it is open. Only when it goes out is it certain that it does, and by which ids: until then
//! the longest duration of each bucket that was measured in it waits for that.

use std::collections::{BTreeMap, HashMap, HashSet};

use go_trace_context::{SpanId, TraceId};
use go_trace_format::{Time, event::GoroutineId};

use crate::{
    anatomy::seconds,
    clock::WallClock,
    known::{
        changes::{Change, Fate, SpanOut},
        span::Open,
    },
    metric::Exemplar,
    metrics::durations::bucket,
    span::UnixTime,
};

/// Which histogram a duration is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    Schedule,
    GcPause,
    OtherPause,
}

/// In how many spans at once durations are looked at: what more there are have no exemplars.
const MOST_SPANS: usize = 1 << 14;

/// Of how many spans that are over it may be open whether they go out, before it is asked which are held back.
const MOST_UNDECIDED: usize = 1 << 12;

/// On how many goroutines spans are looked at.
const MOST_GOROUTINES: usize = 1 << 18;

/// How long something took, and when it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Measured {
    nanoseconds: u64,
    time: Time,
}

/// A bucket of a histogram.
type Bucket = (Measure, usize);

/// The longest of each bucket: of a few, so that these are looked through.
type Longest = Vec<(Bucket, Measured)>;

type Ids = (TraceId, SpanId);

/// The durations of the generation under way that were measured in spans.
#[derive(Debug, Default)]
pub(super) struct Exemplars {
    /// The spans that are innermost on goroutines.
    innermost: HashMap<GoroutineId, Open, foldhash::fast::RandomState>,
    open: HashMap<Open, Longest, foldhash::fast::RandomState>,
    /// Of spans that are over and have not gone out.
    over: HashMap<Ids, Longest, foldhash::fast::RandomState>,
    /// Of spans that have gone out, by measure and bucket.
    chosen: BTreeMap<Bucket, (Measured, Ids)>,
}

impl Exemplars {
    /// A duration was measured on a goroutine, up to a time.
    #[inline]
    pub(super) fn measure(&mut self, measure: Measure, goroutine: GoroutineId, nanoseconds: u64, time: Time) {
        if let Some(&span) = self.innermost.get(&goroutine) {
            self.measure_in(span, measure, Measured { nanoseconds, time });
        }
    }

    fn measure_in(&mut self, span: Open, measure: Measure, measured: Measured) {
        let has_room = self.open.len() + self.over.len() < MOST_SPANS;
        let longest = match self.open.get_mut(&span) {
            Some(longest) => longest,
            None if has_room => self.open.entry(span).or_default(),
            None => return,
        };
        let place = (measure, bucket(measured.nanoseconds));
        match longest.iter_mut().find(|(bucket, _)| *bucket == place) {
            Some((_, longest)) => *longest = (*longest).max(measured),
            None => longest.push((place, measured)),
        }
    }

    /// Takes note of what has changed in which spans are open where.
    pub(super) fn change(&mut self, change: &Change) {
        match *change {
            // What is closed further out changes nothing.
            Change::Innermost { goroutine, span, .. } if self.innermost.get(&goroutine).copied() == span => {}
            Change::Innermost { goroutine, time, span } => {
                if let Some(before) = self.innermost.remove(&goroutine) {
                    self.cut(before, time);
                }
                if let Some(span) = span.filter(|_| self.innermost.len() < MOST_GOROUTINES) {
                    self.innermost.insert(goroutine, span);
                }
            }
            Change::Over { span, fate } => self.end(span, fate),
        }
    }

    /// A span has been innermost up to a time only: stacks may tell of that when it is past.
    fn cut(&mut self, span: Open, until: Time) {
        if let Some(longest) = self.open.get_mut(&span) {
            longest.retain(|(_, measured)| measured.time <= until);
        }
    }

    fn end(&mut self, span: Open, fate: Fate) {
        let Some(longest) = self.open.remove(&span) else { return };
        match fate {
            Fate::HandedOn(context) => {
                self.over.insert((context.trace_id, context.span_id), longest);
            }
            Fate::ExportedElsewhere(context) => self.choose((context.trace_id, context.span_id), longest),
            Fate::Dropped => {}
        }
    }

    /// A span has gone out.
    pub(super) fn go_out(&mut self, span: &SpanOut) {
        let ids = (span.trace_id, span.span_id);
        if let Some(longest) = self.over.remove(&ids) {
            self.choose(ids, longest);
        }
    }

    /// What is over and has not gone out stays behind, but for what is held back. That is asked only where it matters, as the
    /// longest of a span that stays behind does no harm.
    pub(super) fn forget_all_but(&mut self, held: &mut dyn Iterator<Item = Ids>) {
        if self.over.len() >= MOST_UNDECIDED {
            let held: HashSet<Ids> = held.collect();
            self.over.retain(|ids, _| held.contains(ids));
        }
    }

    fn choose(&mut self, ids: Ids, longest: Longest) {
        for (place, measured) in longest {
            let chosen = self.chosen.entry(place).or_insert((measured, ids));
            *chosen = (*chosen).max((measured, ids));
        }
    }

    /// Those of a measure, from the shortest on. Clocks of threads may disagree a little: none is outside of the generation.
    pub(super) fn of(
        &self,
        measure: Measure,
        clock: &WallClock,
        (start, end): (UnixTime, UnixTime),
    ) -> Vec<Exemplar> {
        let of_it = self.chosen.range((measure, 0)..=(measure, usize::MAX));
        let exemplar = |&(Measured { nanoseconds, time }, (trace_id, span_id)): &(Measured, Ids)| {
            let time = clock.unix_time(time).clamp(start, end);
            Exemplar::new(time, seconds(nanoseconds), trace_id, span_id)
        };
        of_it.map(|(_, chosen)| exemplar(chosen)).collect()
    }

    /// What was measured is told. What is open stays so.
    pub(super) fn end_generation(&mut self) {
        let innermost = core::mem::take(&mut self.innermost);
        *self = Self { innermost, ..Self::default() };
    }
}
