//! What the first reading of a trace leaves behind: where each proc's batches are, and what has to be known before the first event.

use core::ops::Range;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::v1::{
    raw::read,
    spec::{Kind, Layout},
};

/// A trace of format v1, as it is needed to put its events in order.
#[derive(Debug)]
pub(crate) struct TraceV1 {
    pub(super) layout: Layout,
    pub(super) batches: Vec<BatchPlace>,
    pub(super) procs: Vec<ProcBatches>,
    proc_index: HashMap<i32, u32, RandomState>,
    /// In the order of their times.
    pub(super) samples: Vec<Sample>,
    /// Their indices, by goroutine and time.
    samples_by_goroutine: Vec<u32>,
    /// In the order in which they happened.
    pub(super) exits: Vec<Exit>,
    /// The goroutines that wake others because a timer has run off.
    pub(super) timers: HashSet<u64, RandomState>,
    pub(super) frequency: Option<u64>,
    /// The earliest time, in ticks of the processor's clock.
    start: Option<i64>,
}

/// How far from the middle of all, in ticks, the time of a batch or a sample can be: hours of the fastest clock, and nobody has
/// recorded for minutes.
const FAR: u64 = 1 << 46;

/// How far from all others, in ticks, the time of an event can be: some minutes of the fastest clock.
pub(super) const NEAR: u64 = 1 << 42;

/// Whether nothing bears out that a time is as late as it says.
fn is_alone(time: i64, before: i64) -> bool {
    time > before && time.abs_diff(before) >= NEAR
}

/// A batch: the events of a proc from one flush to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchPlace {
    /// Where its head begins and where it ends, in the generation's bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The proc's next batch.
    next: u32,
    /// The time of its first event.
    first: Option<i64>,
    /// The latest time of its events.
    latest: i64,
}

const LAST: u32 = u32::MAX;

impl BatchPlace {
    pub(super) fn next(&self) -> Option<u32> {
        (self.next != LAST).then_some(self.next)
    }
}

/// The batches of one proc, as a chain through the list of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcBatches {
    pub(super) proc: i32,
    pub(super) first: u32,
    last: u32,
}

/// A sample of the CPU profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) time: i64,
    pub(super) goroutine: u64,
    /// Where it begins in the generation's bytes.
    pub(super) start: usize,
    pub(super) proc: i32,
    pub(super) stack: u32,
}

/// A return from a system call that happened before the goroutine had a proc again, and so before it could be written down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit {
    /// Where in the order of all events it belongs: its time, or up to Go 1.6 its number.
    pub(super) key: i64,
    /// Where in the order it was written down.
    pub(super) written: i64,
    pub(super) time: i64,
    pub(super) goroutine: u64,
    /// Where it begins in the generation's bytes.
    pub(super) start: usize,
}

impl Exit {
    /// A return from a system call with these arguments of its own, unless it belongs where it was written down: at `key` and `time`.
    ///
    /// Go: the end of `parseEventBatches`, and for the order by number `order1005` of Go 1.11.
    #[inline]
    pub(super) fn moved(own: &[u64], leading: usize, key: i64, time: i64, start: usize) -> Option<Self> {
        let (goroutine, sequence, happened) = (own[0], own[1] as i64, own[2] as i64);
        let exit = match leading {
            1 if happened == 0 => return None,
            1 => Self { key: happened, written: key, time: happened, goroutine, start },
            _ if happened == 0 => Self { key: sequence, written: key, time, goroutine, start },
            _ => Self { key: sequence, written: key, time: happened, goroutine, start },
        };
        (exit.key != key).then_some(exit)
    }

    /// Whether it comes before what has `key` in the order of all events.
    #[inline]
    pub(super) fn is_before(&self, key: i64) -> bool {
        self.key < key || (self.key == key && self.written < key)
    }
}

impl TraceV1 {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            batches: Vec::new(),
            procs: Vec::new(),
            proc_index: HashMap::default(),
            samples: Vec::new(),
            samples_by_goroutine: Vec::new(),
            exits: Vec::new(),
            timers: HashSet::default(),
            frequency: None,
            start: None,
        }
    }

    /// Clock units per second, as the trace says it.
    pub(crate) fn frequency(&self) -> Option<u64> {
        self.frequency
    }

    /// The earliest time, in clock units; none where there are no events.
    pub(crate) fn start(&self) -> Option<i64> {
        self.start
    }

    /// Begins a batch of a proc.
    pub(super) fn begin_batch(&mut self, proc: i32, start: usize) {
        let index = self.batches.len() as u32;
        self.batches.push(BatchPlace { start, end: start, next: LAST, first: None, latest: i64::MIN });
        let Self { procs, batches, .. } = self;
        let place = *self.proc_index.entry(proc).or_insert_with(|| {
            procs.push(ProcBatches { proc, first: index, last: index });
            procs.len() as u32 - 1
        });
        let batches_of_proc = &mut procs[place as usize];
        if batches_of_proc.last != index {
            batches[batches_of_proc.last as usize].next = index;
            batches_of_proc.last = index;
        }
    }

    /// Ends the batch that was begun last behind a record, which happened at `time` if it is an event.
    pub(super) fn end_batch(&mut self, end: usize, time: Option<i64>) {
        if let Some(batch) = self.batches.last_mut() {
            batch.end = end;
            batch.latest = batch.latest.max(time.unwrap_or(i64::MIN));
        }
    }

    /// Takes a time for that of the first event of the batch that was begun last.
    pub(super) fn note_first(&mut self, time: i64) {
        if let Some(batch) = self.batches.last_mut() {
            batch.first = Some(time);
        }
    }

    /// Whether there is anything to put in order.
    pub(super) fn has_events(&self) -> bool {
        self.times().next().is_some()
    }

    /// The times of the first events of batches, and of samples.
    fn times(&self) -> impl Iterator<Item = i64> {
        self.batches
            .iter()
            .filter_map(|batch| batch.first)
            .chain(self.samples.iter().map(|sample| sample.time))
    }

    /// Leaves out batches, samples and returns from system calls whose times are far from the middle of all. Says where each stands,
    /// and its time.
    pub(super) fn leave_out_far(&mut self, mut say: impl FnMut(Range<usize>, i64)) {
        let mut times: Vec<_> = self.times().collect();
        if times.is_empty() {
            return;
        }
        let middle = times.len() / 2;
        let middle = *times.select_nth_unstable(middle).1;
        let is_far = |time: i64| middle.abs_diff(time) >= FAR;
        for batch in &mut self.batches {
            if let Some(time) = batch.first.take_if(|time| is_far(*time)) {
                say(batch.start..batch.end, time);
                batch.end = batch.start;
            }
        }
        self.samples.retain(|sample| {
            !is_far(sample.time) || {
                say(sample.start..sample.start, sample.time);
                false
            }
        });
        self.exits.retain(|exit| {
            !is_far(exit.time) || {
                say(exit.start..exit.start, exit.time);
                false
            }
        });
    }

    /// Leaves out what stands in a batch from a time on that nothing else of the trace comes near: from one event to the next nothing
    /// is recorded for so long, since a collector that is idle runs every two minutes. Says where each rest stands, and its time.
    pub(super) fn leave_out_alone(&mut self, bytes: &[u8], mut say: impl FnMut(Range<usize>, i64)) {
        let mut latest_first: Vec<_> = (0..self.batches.len()).collect();
        latest_first.retain(|&batch| self.batches[batch].first.is_some());
        latest_first.sort_unstable_by_key(|&batch| core::cmp::Reverse(self.batches[batch].latest));
        let sampled = self.samples.iter().map(|sample| sample.time).max();
        let mut left_out: Vec<Range<usize>> = Vec::new();
        for (place, &index) in latest_first.iter().enumerate() {
            let batch = self.batches[index];
            let next = latest_first.get(place + 1).map(|&next| self.batches[next].latest);
            let others = next.max(sampled);
            if others.is_some_and(|others| !is_alone(batch.latest, others)) {
                break;
            }
            if let Some((alone, time)) = self.first_alone(batch, others, bytes) {
                say(alone..batch.end, time);
                self.batches[index].end = alone;
                left_out.push(alone..batch.end);
            }
        }
        // Once for all: there may be as many of the ones as of the others.
        left_out.sort_unstable_by_key(|place| place.start);
        self.exits.retain(|exit| {
            let behind = left_out.partition_point(|place| place.start <= exit.start);
            behind == 0 || !left_out[behind - 1].contains(&exit.start)
        });
    }

    /// Where the first event of a batch stands that is alone with its time, and that time.
    fn first_alone(&self, batch: BatchPlace, others: Option<i64>, bytes: &[u8]) -> Option<(usize, i64)> {
        let (mut position, mut time) = (batch.start, None);
        while position < batch.end {
            let record = read(bytes, position, &self.layout).ok()?;
            let said = record.arguments[self.layout.leading - 1] as i64;
            if record.kind == Kind::Batch {
                time = Some(record.arguments[self.layout.leading] as i64);
            } else if record.kind.is_timed() && record.kind != Kind::CpuSample {
                let before = time?;
                let now = before.wrapping_add(said);
                if is_alone(now, others.map_or(before, |others| others.max(before))) {
                    return Some((position, now));
                }
                time = Some(now);
            }
            position = record.end;
        }
        None
    }

    /// Puts in order what was found in the order of the file.
    pub(super) fn seal(&mut self) {
        self.start = self.times().min();
        // Go sorts the samples by an unstable sort: those of one time come in any order there.
        self.samples.sort_by_key(|sample| sample.time);
        self.exits.sort_by_key(|exit| (exit.key, exit.written));
        let samples = &self.samples;
        self.samples_by_goroutine = (0..samples.len() as u32).collect();
        self.samples_by_goroutine.sort_by_key(|&index| samples[index as usize].goroutine);
    }

    /// Whether a sample of a goroutine, from the `first` of all on, is earlier than `end`.
    pub(super) fn is_sampled(&self, goroutine: u64, first: usize, end: i64) -> bool {
        let key = |index: &u32| (self.samples[*index as usize].goroutine, *index as usize);
        let place = self.samples_by_goroutine.partition_point(|index| key(index) < (goroutine, first));
        self.samples_by_goroutine.get(place).is_some_and(|&index| {
            let sample = &self.samples[index as usize];
            sample.goroutine == goroutine && sample.time < end
        })
    }
}
