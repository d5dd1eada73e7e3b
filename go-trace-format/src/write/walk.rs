//! The order of a generation, step by step.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::{
    error::Error, event::Record, generation::Generation, id::ThreadId, losses::Losses, sequence::Sequencer,
    spec::MAX_ARGUMENTS, tables::Time,
};

/// A walk through the order of a generation. A step is an event of the trace or a CPU sample, with what follows from it.
pub(super) struct Walk<'w> {
    pub(super) generation: &'w Generation<'w>,
    pub(super) sequencer: &'w mut Sequencer,
    /// How many steps were made before those that were made last.
    before: u64,
    made: u64,
}

impl<'w> Walk<'w> {
    pub(super) fn new(generation: &'w Generation<'w>, sequencer: &'w mut Sequencer) -> Result<Self, Error> {
        sequencer.open(generation, &mut Losses::default())?;
        // As a reader does: it has a time of its own.
        sequencer.sync(generation.start_time(), [0; MAX_ARGUMENTS], generation.start());
        Ok(Self { generation, sequencer, before: 0, made: 0 })
    }

    /// Makes many steps; `false` at the end of the generation.
    pub(super) fn run(&mut self) -> Result<bool, Error> {
        let is_ready = self.sequencer.refill(self.generation, &mut Losses::default())?;
        self.count();
        Ok(is_ready)
    }

    /// Makes the steps before the `end`-th, and none after, and shows what they make.
    pub(super) fn run_to(&mut self, end: u64, mut look: impl FnMut(&Record)) -> Result<(), Error> {
        while self.made < end {
            let is_ready = match end - self.made >= Sequencer::MOST_AT_ONCE {
                true => self.run()?,
                false => self.step()?,
            };
            if !is_ready {
                break;
            }
            self.records().for_each(|(_, record)| look(record));
        }
        Ok(())
    }

    fn step(&mut self) -> Result<bool, Error> {
        let is_ready = self.sequencer.step(self.generation, &mut Losses::default())?;
        self.count();
        Ok(is_ready)
    }

    fn count(&mut self) {
        self.before = self.made;
        let last = self.records().map(|(step, _)| step).last();
        self.made = last.map_or(self.made, |last| last + 1);
    }

    /// What was made last, each with its step.
    pub(super) fn records(&self) -> impl Iterator<Item = (u64, &Record)> {
        // What follows from an event is said to stand where that does.
        let (mut next, mut offset) = (self.before, None);
        self.sequencer.ready().iter().map(move |record| {
            if offset.replace(record.offset) != Some(record.offset) {
                next += 1;
            }
            (next - 1, record)
        })
    }

    /// When the first event or sample is that has not been made, and on which thread the first event.
    pub(super) fn next(&self) -> Option<(Time, Option<ThreadId>)> {
        let event = self.sequencer.ahead().min_by_key(|&(.., time)| time);
        let sample = self.generation.sample(self.sequencer.samples_taken()).map(|sample| sample.time);
        let time = event.map(|(.., time)| time).into_iter().chain(sample).min()?;
        Some((time, event.map(|(thread, ..)| thread)))
    }
}

/// A place in the order of a generation.
#[derive(Debug)]
pub(super) struct Mark {
    /// Where in the trace the first event of each thread stands that is behind all that was made, if any is.
    threads: HashMap<ThreadId, u64, RandomState>,
    /// Where other events stand that are behind the mark, and CPU samples.
    others: HashSet<u64, RandomState>,
}

impl Mark {
    /// The place before a step that was made last, or is next.
    pub(super) fn before(step: u64, walk: &Walk<'_>) -> Self {
        let generation = walk.generation;
        let threads = walk.sequencer.ahead();
        let threads = threads.map(|(thread, position, _)| (thread, generation.offset(position))).collect();
        let made = walk.records().filter(|&(made, _)| made >= step).map(|(_, record)| record.offset);
        let samples = (walk.sequencer.samples_taken()..).map_while(|index| generation.sample(index));
        let others = made.chain(samples.map(|sample| generation.offset(sample.start))).collect();
        Self { threads, others }
    }

    /// Whether an event of a thread's batch is behind it.
    pub(super) fn is_before(&self, thread: ThreadId, offset: u64) -> bool {
        self.threads.get(&thread).is_some_and(|&next| next <= offset) || self.others.contains(&offset)
    }

    /// Whether a CPU sample is behind it.
    pub(super) fn is_before_sample(&self, offset: u64) -> bool {
        self.others.contains(&offset)
    }
}
