//! The second reading: the events of all procs, merged, as records of the newer format.

use std::collections::VecDeque;

use crate::{
    error::{Error, Violation},
    event::Record,
    generation::Generation,
    id::ProcId,
    losses::{Loss, Losses},
    mode::Mode,
    order::{IdLimits, slots::NO_SLOT},
    tables::Time,
    v1::{
        convert::{Context, Converter, Output},
        goroutines::{Goroutines, Progress, Transition},
        merge::{Frontier, Place, Wait},
        rules::Rules,
        scan::GENERATION,
        spec::Kind,
        stream::{EventV1, NO_GOROUTINE, ProcV1, Stream},
        trace::{Exit, TraceV1},
    },
};

/// How much later than an event that waits, in ticks, another one may be before a damaged trace waits no longer: in a whole one none
/// is later at all, but for clocks that disagree.
const PATIENCE: i64 = 1 << 16;

/// Puts the events of a trace in order.
#[derive(Debug)]
pub(crate) struct Sequence {
    mode: Mode,
    streams: Vec<Stream>,
    frontier: Frontier,
    next_sample: usize,
    next_exit: usize,
    goroutines: Goroutines,
    rules: Rules,
    converter: Converter,
    /// Whether events are numbered over all procs, as up to Go 1.6.
    is_numbered: bool,
    /// The time of the last event that was written down.
    last: Option<i64>,
    /// Records for which there was no room.
    beyond: VecDeque<Record>,
}

/// The proc of what happens without one.
const NO_PROC: i32 = -1;

/// What the events come from.
#[derive(Clone, Copy)]
struct Source<'g> {
    trace: &'g TraceV1,
    bytes: &'g [u8],
    base: u64,
}

/// What comes next.
enum Next {
    Event(u32),
    Sample,
    Exit,
    Nothing,
}

impl Sequence {
    /// Begins with the events of a trace, which is all of `generation`.
    pub(crate) fn new(trace: &TraceV1, generation: &Generation<'_>, mode: Mode) -> Self {
        let (start, frequency) = (trace.start().unwrap_or_default(), generation.clock().frequency());
        let mut sequence = Self {
            mode,
            streams: trace.procs.iter().map(|batches| Stream::new(batches, trace)).collect(),
            frontier: Frontier::default(),
            next_sample: 0,
            next_exit: 0,
            goroutines: Goroutines::new(),
            rules: Rules::default(),
            converter: Converter::new(generation.version(), start, frequency),
            is_numbered: generation.version().has_global_sequence(),
            last: None,
            beyond: VecDeque::new(),
        };
        let bytes = generation.bytes();
        for index in 0..sequence.streams.len() as u32 {
            if let Some(place) = sequence.advance(index, trace, bytes) {
                sequence.frontier.push(place);
            }
        }
        sequence
    }

    /// Puts events in order until `records` are full or the trace ends. Gives how many it has made, also before an error.
    pub(crate) fn fill(
        &mut self,
        trace: &TraceV1,
        generation: &Generation<'_>,
        records: &mut [Record],
        last: &mut Time,
        losses: &mut Losses,
    ) -> (usize, Result<(), Error>) {
        let mut made = 0;
        while let Some(place) = records.get_mut(made) {
            let Some(record) = self.beyond.pop_front() else { break };
            *place = record;
            made += 1;
        }
        let source = Source { trace, bytes: generation.bytes(), base: generation.offset(0) };
        let mut beyond = core::mem::take(&mut self.beyond);
        let (tables, limits) = (generation.tables(), IdLimits::of(generation.tables()));
        let is_checked = self.mode == Mode::Salvage;
        let mut output =
            Output { records, made, last, beyond: &mut beyond, tables, limits, is_checked, losses };
        let filled = self.run(source, &mut output);
        let made = output.made;
        self.beyond = beyond;
        (made, filled)
    }

    fn run(&mut self, source: Source<'_>, output: &mut Output<'_>) -> Result<(), Error> {
        while !output.is_full() {
            match self.next(source.trace) {
                Next::Event(index) => self.run_event(index, source, output)?,
                Next::Sample => {
                    let sample = &source.trace.samples[self.next_sample];
                    self.next_sample += 1;
                    output.add(self.converter.sample(sample, source.base));
                }
                Next::Exit => {
                    let exit = source.trace.exits[self.next_exit];
                    self.next_exit += 1;
                    self.run_exit(&exit, source, output)?;
                }
                Next::Nothing => return Ok(()),
            }
        }
        Ok(())
    }

    /// The earliest of what is left.
    #[inline]
    fn next(&mut self, trace: &TraceV1) -> Next {
        let first =
            if self.frontier.is_anyone_waiting() { self.patient_first() } else { self.frontier.first() };
        let sample = trace.samples.get(self.next_sample).map(|sample| sample.time);
        let key = match (first, sample) {
            (Some((key, _)), Some(sample)) => key.min(sample),
            (Some((key, _)), None) => key,
            (None, sample) => sample.unwrap_or(i64::MAX),
        };
        match trace.exits.get(self.next_exit) {
            Some(exit) if exit.is_before(key) || (first.is_none() && sample.is_none()) => return Next::Exit,
            _ => {}
        }
        match (first, sample) {
            (Some((key, index)), sample) if sample.is_none_or(|sample| key <= sample) => Next::Event(index),
            (_, Some(_)) => Next::Sample,
            _ => Next::Nothing,
        }
    }

    /// The earliest event that is ready; where others wait in vain, one of them.
    fn patient_first(&mut self) -> Option<Place> {
        let ready = self.frontier.first();
        let streams = &self.streams;
        let is_waiting = |wait: Wait| {
            let stream = &streams[wait.place.1 as usize];
            stream.is_waiting && stream.waits == wait.number
        };
        self.frontier.tidy(streams.len(), is_waiting);
        let latest = match (ready, self.mode) {
            (Some(_), Mode::Strict) => return ready,
            (Some((key, _)), Mode::Salvage) => key.saturating_sub(PATIENCE),
            (None, _) => i64::MAX,
        };
        let waiting = self.frontier.first_waiting(is_waiting).filter(|place| place.0 <= latest);
        let Some((key, index)) = waiting else { return ready };
        // It waits no more: that it should have is said where it happens.
        self.streams[index as usize].is_waiting = false;
        self.frontier.push((key, index));
        self.frontier.first()
    }

    /// Lets the earliest event happen, in the order in which events were written down.
    #[inline]
    fn run_event(&mut self, index: u32, source: Source<'_>, output: &mut Output<'_>) -> Result<(), Error> {
        let stream = &mut self.streams[index as usize];
        let event = stream.head;
        let slot = self.goroutines.slot(event.goroutine, *stream.slot());
        *stream.slot() = slot;
        let (trace, proc) = (source.trace, stream.proc);
        let moved = match event.kind {
            Kind::GoSysExit => {
                Exit::moved(&event.arguments, trace.layout.leading, event.key, event.time, event.start)
            }
            _ => None,
        };
        let (progress, verdict) = self.arrive(&event, slot, trace.layout.leading);
        self.judge(verdict, &event, proc, source, output.losses)?;
        if moved.is_none() {
            self.happen(index, &event, slot, source, output)?;
        }
        if event.kind == Kind::GoEnd && event.goroutine != NO_GOROUTINE {
            self.goroutines.end(event.goroutine, slot);
        }
        let next = self.advance(index, trace, source.bytes);
        self.frontier.replace_first(next);
        if let Some((goroutine, progress)) = progress {
            self.wake(goroutine, progress);
        }
        Ok(())
    }

    /// The next event of a proc, if it has one that is ready.
    #[inline]
    fn advance(&mut self, index: u32, trace: &TraceV1, bytes: &[u8]) -> Option<Place> {
        let stream = &mut self.streams[index as usize];
        if !stream.advance(trace, bytes) {
            return None;
        }
        let place = (stream.head.key, index);
        let Some(transition) = self.transition(&self.streams[index as usize].head) else {
            return Some(place);
        };
        let stream = &mut self.streams[index as usize];
        if transition.may_follow(self.goroutines.progress(transition.goroutine, *stream.slot())) {
            return Some(place);
        }
        stream.is_waiting = true;
        stream.waits += 1;
        let wait = Wait { place, number: stream.waits };
        self.frontier.wait(wait, transition.goroutine, transition.from);
        None
    }

    /// What an event waits for. Up to Go 1.6 the numbers of the events say all.
    #[inline]
    fn transition(&self, event: &EventV1) -> Option<Transition> {
        if self.is_numbered { None } else { Transition::of(event) }
    }

    /// A goroutine has got somewhere: procs that have waited for that go on.
    #[inline]
    fn wake(&mut self, goroutine: u64, progress: Progress) {
        if !self.frontier.is_anyone_waiting() {
            return;
        }
        for Wait { place, number } in self.frontier.wake(goroutine, progress) {
            let stream = &mut self.streams[place.1 as usize];
            if stream.is_waiting && stream.waits == number {
                stream.is_waiting = false;
                self.frontier.push(place);
            }
        }
    }

    /// An event is the next one that was written down. Gives how far its goroutine, or the one that it names, has come with it, and
    /// whether it agrees with those before. Go: `parseEventBatches`.
    #[inline]
    fn arrive(
        &mut self,
        event: &EventV1,
        slot: u32,
        leading: usize,
    ) -> (Option<(u64, Progress)>, Result<(), Violation>) {
        let mut verdict = Ok(());
        let progress = self.transition(event).map(|transition| {
            let slot = self.goroutines.slot(transition.goroutine, slot);
            let progress = &mut self.goroutines.at(slot).progress;
            if !transition.may_follow(*progress) {
                verdict = Err(Violation::NeverReady);
            }
            *progress = transition.after(*progress);
            (transition.goroutine, *progress)
        });
        let is_moved = self.is_numbered && event.kind == Kind::GoSysExit;
        if !is_moved && self.last.replace(event.time).is_some_and(|last| event.time < last) {
            verdict = verdict.and(Err(Violation::TimeOrder));
        }
        match event.kind {
            Kind::GoSysBlock | Kind::GoInSyscall => self.goroutines.at(slot).blocked_at = event.time,
            Kind::GoSysExit if leading == 1 && event.arguments[2] != 0 => {
                verdict = verdict.and(match self.goroutines.at(slot).blocked_at {
                    0 => Err(Violation::WrongState),
                    blocked if (event.arguments[2] as i64) < blocked => Err(Violation::TimeOrder),
                    _ => Ok(()),
                });
            }
            _ => {}
        }
        (progress, verdict)
    }

    /// An event happens.
    #[inline]
    fn happen(
        &mut self,
        index: u32,
        event: &EventV1,
        slot: u32,
        source: Source<'_>,
        output: &mut Output<'_>,
    ) -> Result<(), Error> {
        let trace = source.trace;
        let stream = &mut self.streams[index as usize];
        let is_unblock = matches!(event.kind, Kind::GoUnblock | Kind::GoUnblockLocal);
        let is_timer = is_unblock && trace.timers.contains(&event.goroutine);
        let blocks = event.kind == Kind::GoSysCall
            && stream
                .blocks_at(event.goroutine, trace, source.bytes)
                .is_some_and(|end| !trace.is_sampled(event.goroutine, self.next_sample, end));
        let (meaning, mut verdict) =
            self.rules.happen(event, &mut stream.state, &mut self.goroutines, slot, is_timer);
        if event.kind == Kind::FutileWakeup && !self.converter.knows_futile_wakeups() {
            verdict = Err(Violation::NotOrdered);
        }
        let proc = stream.proc;
        self.judge(verdict, event, proc, source, output.losses)?;
        let context = Context { blocks, is_timer, meaning, base: source.base };
        self.converter.convert(event, &mut self.streams[index as usize], context, output);
        Ok(())
    }

    /// A goroutine has come back from a system call, which is written down later.
    #[inline(never)]
    fn run_exit(&mut self, exit: &Exit, source: Source<'_>, output: &mut Output<'_>) -> Result<(), Error> {
        let event = EventV1::of_exit(exit);
        let slot = self.goroutines.slot(exit.goroutine, NO_SLOT);
        let nobody = &mut ProcV1::default();
        let (_, verdict) = self.rules.happen(&event, nobody, &mut self.goroutines, slot, false);
        self.judge(verdict, &event, NO_PROC, source, output.losses)?;
        output.add(self.converter.exit(exit, source.base));
        Ok(())
    }

    /// In strict mode the first contradiction is the end, in salvage mode it is said.
    #[inline]
    fn judge(
        &self,
        verdict: Result<(), Violation>,
        event: &EventV1,
        proc: i32,
        source: Source<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        match verdict {
            Ok(()) => Ok(()),
            Err(violation) => {
                let (offset, proc) = (source.base + event.start as u64, ProcId(proc.into()));
                let error = Error::OutOfOrderV1 { offset, proc, event: event.kind.name(), violation };
                if self.mode == Mode::Strict {
                    return Err(error);
                }
                losses.add(Loss { error, generation: Some(GENERATION), thread: None, bytes: 0 });
                Ok(())
            }
        }
    }
}
