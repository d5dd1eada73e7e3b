//! Metrics out of the same events that make the spans ([mapping rules](crate#mapping-rules): Metrics).

mod cpu;
mod durations;
mod exemplars;
mod goroutines;

use std::borrow::Cow;

use go_trace_context::{SpanId, TraceId};
use go_trace_format::{
    Continuity, Event, EventKind, EventType, GenerationKey, Time,
    event::{GoroutineId, GoroutineState, RangeKind},
};
use opentelemetry_semantic_conventions::metric::{
    GO_GOROUTINE_COUNT, GO_MEMORY_GC_CYCLES, GO_MEMORY_GC_GOAL, GO_MEMORY_GC_PAUSE_DURATION,
    GO_PROCESSOR_LIMIT, GO_SCHEDULE_DURATION,
};

use crate::{
    clock::{WallClock, nanoseconds},
    known::changes::{Change, SpanOut},
    metric::{HistogramPoint, Metric, MetricData, NumberPoint, Temporality},
    metrics::{
        cpu::{CpuTime, Duty, Stopped},
        durations::Durations,
        exemplars::{Exemplars, Measure},
        goroutines::Goroutines,
    },
    saved::{Input, Saved, StateError},
    span::UnixTime,
};

/// Bytes in heap objects: `/memory/classes/heap/objects:bytes`. The convention's `go.memory.used` is another thing.
const HEAP_OBJECTS: &str = "gotrace.memory.heap.objects";
/// Pauses that are not the garbage collector's: `/sched/pauses/total/other:seconds`, of which no convention knows.
const OTHER_PAUSE_DURATION: &str = "gotrace.pause.other.duration";

/// What a saved state begins with; the last byte is its version.
const MAGIC: [u8; 8] = *b"gtrmet\0\x02";

/// Makes metrics of events, for each generation of a trace its own.
///
/// | metric | what |
/// |---|---|
/// | `go.goroutine.count` | sum: live goroutines at the generation's end, without those of the runtime where the trace tells |
/// | `go.processor.limit` | sum: `GOMAXPROCS` |
/// | `go.memory.gc.goal` | sum: the size of the heap, in bytes, at which the next collection should end |
/// | `gotrace.memory.heap.objects` | sum: bytes in heap objects, as last told |
/// | `go.cpu.time` | sum, delta: time of the `GOMAXPROCS` processors, by `go.cpu.state`: `user`, `gc`, `idle`, `scavenge` |
/// | `go.memory.gc.cycles` | sum, delta: collections whose marking ended |
/// | `go.schedule.duration` | histogram, delta: from runnable to running |
/// | `go.memory.gc.pause.duration` | histogram, delta: from the decision to stop the world for the collector until it goes on |
/// | `gotrace.pause.other.duration` | histogram, delta: the same for all other reasons |
///
/// Times are the trace's own, on the wall clock of the generation's snapshot. Sums that are no deltas count from the
/// first generation of an unbroken row; behind a gap everything begins anew. What a generation does not tell is left
/// out: histograms without values, and everything of the scheduler where the fork's filter kept it out. The counts are
/// of all events, where `runtime/metrics` looks at the scheduling of one goroutine in eight.
///
/// The processors' time is divided as `/cpu/classes/…` does it: `idle` is what no thread had a proc for, `gc` what goroutines marked
/// in the background or ran while they assisted, and what was stopped for the collector, `user` all the rest, system calls that
/// kept their proc included. `scavenge` is that in the background, where a trace tells which goroutine that is; what a goroutine
/// does for it while it allocates no trace tells, and is `user`.
///
/// A process may be recorded in several traces, each generation in one of them: who [saves](Self::save) the collector after
/// one and [loads](Self::load) it for the next counts on where that generation follows on, as in one trace.
///
/// Of a [`Pipeline`](crate::Pipeline), histograms have [exemplars](crate::PipelineOptions::exemplars): in each bucket at most one,
/// the longest of those of spans. A span lends what was measured on its goroutine while it was innermost there, if it has gone out
/// when the generation ends: it may have to wait, and then it is in none. A pause was measured on the goroutine that stopped the
/// world, and names its span, not those that waited meanwhile. Where 16,384 spans with a duration are open or held back at once,
/// nothing is looked at in more, nor on more than 262,144 goroutines.
///
/// Memory is bounded by the goroutines that live at once, and that of exemplars by these limits. Without exemplars nothing is
/// allocated per event.
///
/// ```
/// use trace_to_otel::{MetricsCollector, UnixTime};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut reader = go_trace_format::Reader::from_slice(trace)?;
/// let mut collector = MetricsCollector::new(UnixTime(0));
/// let mut metrics = Vec::new();
/// while let Some(event) = reader.next_event()? {
///     metrics.extend(collector.event(&event).into_iter().flatten());
/// }
/// metrics.extend(collector.finish().into_iter().flatten());
/// assert!(metrics.iter().any(|metric| metric.name == "go.schedule.duration"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MetricsCollector {
    clock: WallClock,
    /// The last generation.
    last: Option<GenerationKey>,
    /// Whether it was of another reader, which nobody has told the next one.
    is_resumed: bool,
    /// The generation under way; none before the first.
    generation: Option<Interval>,
    /// When the generation before ended, if nothing is missing between.
    last_end: UnixTime,
    /// Since when sums count; none before the first generation.
    since: Option<UnixTime>,
    goroutines: Goroutines,
    /// Whether the generation has events of the scheduler.
    is_scheduled: bool,
    /// When the world began to stop, and whether for the garbage collector.
    stopping: Option<(Time, bool)>,
    values: Values,
    schedule: Durations,
    gc_pauses: Durations,
    other_pauses: Durations,
    gc_cycles: i64,
    cpu: CpuTime,
    /// None where nobody tells of spans.
    exemplars: Option<Exemplars>,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    begin: Time,
    latest: Time,
}

/// What the trace has told last.
#[derive(Clone, Copy, Debug, Default)]
struct Values {
    processor_limit: Option<u64>,
    gc_goal: Option<u64>,
    heap_objects: Option<u64>,
}

impl MetricsCollector {
    /// A collector of traces whose first event was at `base_time`, if they hold no clock snapshots, as before Go 1.25:
    /// see [`MapperOptions::base_time`](crate::MapperOptions::base_time).
    #[must_use]
    pub fn new(base_time: UnixTime) -> Self {
        Self {
            clock: WallClock::new(base_time),
            last: None,
            is_resumed: false,
            generation: None,
            last_end: UnixTime(0),
            since: None,
            goroutines: Goroutines::default(),
            is_scheduled: false,
            stopping: None,
            values: Values::default(),
            schedule: Durations::default(),
            gc_pauses: Durations::default(),
            other_pauses: Durations::default(),
            gc_cycles: 0,
            cpu: CpuTime::default(),
            exemplars: None,
        }
    }

    /// Has exemplars from here on: who calls this tells of [spans](Self::event_with_spans).
    pub(crate) fn exemplify(&mut self) {
        self.exemplars.get_or_insert_default();
    }

    /// Takes the next event, if there is one, with what has changed in which spans are open where, those that have gone out, and
    /// those that may go out yet.
    #[inline]
    pub(crate) fn event_with_spans(
        &mut self,
        event: Option<&Event<'_>>,
        changes: &[Change],
        outs: &[SpanOut],
        held: &mut dyn Iterator<Item = (TraceId, SpanId)>,
    ) -> Option<Vec<Metric>> {
        // What begins a generation tells the metrics of the one before: what ends with that was measured in it. Any other event was
        // measured in what was open before it.
        let is_begin = event.is_some_and(|event| event.event_type() == EventType::Sync);
        if let Some(event) = event.filter(|_| !is_begin) {
            self.event(event);
        }
        if let Some(exemplars) = &mut self.exemplars {
            changes.iter().for_each(|change| exemplars.change(change));
            outs.iter().for_each(|out| exemplars.go_out(out));
            exemplars.forget_all_but(held);
        }
        event.filter(|_| is_begin).and_then(|event| self.event(event))
    }

    /// Takes the next event; gives the metrics of the generation before it if it begins one.
    #[inline]
    pub fn event(&mut self, event: &Event<'_>) -> Option<Vec<Metric>> {
        use EventType as E;
        let time = event.raw_time();
        let first = event.arguments().first().copied().unwrap_or_default();
        match event.event_type() {
            E::Sync => return self.sync(event),
            E::GoStart => {
                self.is_scheduled = true;
                let (since, duty) = self.goroutines.start(first as i64);
                self.cpu.start(first as i64, duty, time);
                if let Some(since) = since {
                    let waited = nanoseconds(since, time);
                    self.schedule.record(waited);
                    self.measured(Measure::Schedule, Some(GoroutineId(first as i64)), waited, time);
                }
            }
            E::GoUnblock => self.goroutines.make_runnable(first as i64, time),
            E::GoSwitch | E::GoSwitchDestroy => {
                self.cpu.stop(event.goroutine(), time);
                self.goroutines.make_runnable(first as i64, time);
            }
            E::GoStop | E::GoSyscallEndBlocked => {
                self.cpu.stop(event.goroutine(), time);
                if let Some(goroutine) = event.goroutine() {
                    self.goroutines.make_runnable(goroutine.0, time);
                }
            }
            E::GoBlock => self.cpu.stop(event.goroutine(), time),
            E::GoCreate | E::GoCreateBlocked | E::GoCreateSyscall => self.goroutines.transition(event),
            E::GoStatus | E::GoStatusStack => self.status(event, first as i64),
            E::GoDestroy | E::GoDestroySyscall => {
                self.cpu.stop(event.goroutine(), time);
                self.goroutines.transition(event);
            }
            E::GoLabel => self.label(event),
            E::GcMarkAssistBegin | E::GcMarkAssistActive | E::GcMarkAssistEnd => self.assist(event),
            E::ProcStart | E::ProcStop | E::ProcSteal | E::ProcStatus => {
                self.cpu.proc(event, self.stopped());
            }
            E::ProcsChange => {
                self.is_scheduled = true;
                self.values.processor_limit = Some(first);
                self.cpu.limit(time, first, self.stopped());
            }
            E::HeapGoal => self.values.gc_goal = Some(first),
            E::HeapAlloc => self.values.heap_objects = Some(first),
            E::GcEnd => self.gc_cycles += 1,
            E::StwBegin => self.stop(event),
            E::StwEnd => self.resume(time, event.goroutine()),
            _ => {}
        }
        if let Some(generation) = &mut self.generation {
            generation.latest = generation.latest.max(time);
        }
        None
    }

    /// The metrics of the generation under way, as nothing more comes of it. Where what comes next does not follow on, the
    /// collector is then as new.
    pub fn finish(&mut self) -> Option<Vec<Metric>> {
        let metrics = self.end_generation();
        self.generation = None;
        metrics
    }

    /// What the collector has to know to go on with later traces of the process, after [`finish`](Self::finish): what it
    /// counts of a generation that is under way is not part of it. The same state gives the same bytes.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let Self { clock, last, last_end, since, goroutines, stopping, values, .. } = self;
        clock.save(&mut out);
        last.save(&mut out);
        last_end.save(&mut out);
        since.save(&mut out);
        goroutines.save(&mut out);
        stopping.save(&mut out);
        values.save(&mut out);
        out
    }

    /// A collector that goes on where another one [was saved](Self::save), if the next generation follows on the last one:
    /// its number and the trace clock tell. The time that traces without clock snapshots begin at is part of the state.
    ///
    /// # Errors
    ///
    /// [`StateError`] where `state` is not what [`save`](Self::save) gives in this version. It may be any bytes:
    /// memory is bounded by their number.
    pub fn load(state: &[u8]) -> Result<Self, StateError> {
        let mut input = Input::new(state);
        let loaded = Self::loaded(&mut input);
        loaded.filter(|_| input.is_empty()).ok_or_else(|| input.error())
    }

    fn loaded(input: &mut Input<'_>) -> Option<Self> {
        if input.take(MAGIC.len())? != MAGIC {
            return None;
        }
        Some(Self {
            clock: Saved::load(input)?,
            last: Saved::load(input)?,
            is_resumed: true,
            last_end: Saved::load(input)?,
            since: Saved::load(input)?,
            goroutines: Saved::load(input)?,
            stopping: Saved::load(input)?,
            values: Saved::load(input)?,
            ..Self::new(UnixTime(0))
        })
    }

    #[cold]
    fn sync(&mut self, event: &Event<'_>) -> Option<Vec<Metric>> {
        // The end of the trace is not that of the process: the next snapshot may go on.
        let begun = event.generation_begun()?;
        let metrics = self.end_generation();
        let key = event.generation_key();
        let follows = match begun.continuity {
            Continuity::Next => true,
            Continuity::Start => false,
            _ => self.is_resumed && self.last.is_some_and(|last| key.goes_on_from(&last)),
        };
        if !follows {
            self.forget();
        }
        (self.last, self.is_resumed) = (Some(key), false);
        self.clock.begin_generation(event, false);
        let begin = event.raw_time();
        self.since.get_or_insert(self.clock.unix_time(begin));
        self.generation = Some(Interval { begin, latest: begin });
        self.cpu.begin(begin, self.values.processor_limit);
        metrics
    }

    fn forget(&mut self) {
        self.exemplars = self.exemplars.take().map(|_| Exemplars::default());
        self.clock = self.clock.anew();
        self.last_end = UnixTime(0);
        self.since = None;
        self.goroutines = Goroutines::default();
        self.stopping = None;
        self.values = Values::default();
    }

    /// A goroutine is in some state when the generation begins.
    fn status(&mut self, event: &Event<'_>, goroutine: i64) {
        self.goroutines.transition(event);
        let EventKind::Goroutine(status) = event.kind() else { return };
        if status.to == GoroutineState::Running {
            self.cpu.is_running(goroutine, self.goroutines.duty(goroutine));
        }
    }

    /// The goroutine that runs is one of the collector's.
    fn label(&mut self, event: &Event<'_>) {
        let (EventKind::Label(label), Some(goroutine)) = (event.kind(), event.goroutine()) else { return };
        self.goroutines.label(goroutine.0, label.label.as_bytes());
        if let Some(duty) = self.goroutines.duty(goroutine.0) {
            self.cpu.run(goroutine.0, duty, event.raw_time());
        }
    }

    fn assist(&mut self, event: &Event<'_>) {
        let duty = event.goroutine().and_then(|goroutine| self.goroutines.duty(goroutine.0));
        self.cpu.assist(event, duty);
    }

    /// Whether the world is stopped, and why.
    fn stopped(&self) -> Stopped {
        match self.stopping {
            None => Stopped::No,
            Some((_, true)) => Stopped::ForCollector,
            Some((_, false)) => Stopped::ForOther,
        }
    }

    /// A goroutine begins to stop the world.
    fn stop(&mut self, event: &Event<'_>) {
        let time = event.raw_time();
        self.cpu.count(time, self.stopped());
        let is_of_collector = is_of_collector(event);
        self.stopping = Some((time, is_of_collector));
        if let Some(goroutine) = event.goroutine().filter(|_| is_of_collector) {
            self.cpu.run(goroutine.0, Duty::Collect, time);
        }
    }

    /// The world goes on, as a goroutine says that has stopped it.
    fn resume(&mut self, end: Time, goroutine: Option<GoroutineId>) {
        self.cpu.count(end, self.stopped());
        if let Some(goroutine) = goroutine {
            self.cpu.is_done(goroutine, self.goroutines.duty(goroutine.0), end);
        }
        let Some((begin, is_of_collector)) = self.stopping.take() else { return };
        let (pauses, measure) = match is_of_collector {
            true => (&mut self.gc_pauses, Measure::GcPause),
            false => (&mut self.other_pauses, Measure::OtherPause),
        };
        let pause = nanoseconds(begin, end);
        pauses.record(pause);
        self.measured(measure, goroutine, pause, end);
    }

    /// A duration was recorded that was measured on a goroutine.
    #[inline]
    fn measured(&mut self, measure: Measure, goroutine: Option<GoroutineId>, nanoseconds: u64, time: Time) {
        if let (Some(exemplars), Some(goroutine)) = (&mut self.exemplars, goroutine) {
            exemplars.measure(measure, goroutine, nanoseconds, time);
        }
    }

    fn end_generation(&mut self) -> Option<Vec<Metric>> {
        let generation = self.generation?;
        // Each generation has a clock of its own, so that two may overlap by a little.
        let start = self.clock.unix_time(generation.begin).max(self.last_end);
        let end = self.clock.unix_time(generation.latest).max(start);
        self.last_end = end;
        self.goroutines.end_generation();
        let mut metrics = self.sums(end);
        if self.is_scheduled {
            metrics.push(counted(
                (GO_MEMORY_GC_CYCLES, "{gc_cycle}", "Number of completed GC cycles."),
                Temporality::Delta,
                NumberPoint::new(end, self.gc_cycles).since(start),
            ));
            metrics.extend(self.cpu.end(generation.latest, self.stopped(), (start, end)));
        }
        metrics.extend(self.histograms(start, end));
        if let Some(exemplars) = &mut self.exemplars {
            exemplars.end_generation();
        }
        (self.gc_cycles, self.is_scheduled) = (0, false);
        Some(metrics)
    }

    fn sums(&self, end: UnixTime) -> Vec<Metric> {
        let goroutines = self.is_scheduled.then(|| self.goroutines.count());
        let Values { processor_limit, gc_goal, heap_objects } = self.values;
        [
            (GO_GOROUTINE_COUNT, "{goroutine}", "Count of live goroutines.", goroutines),
            (GO_PROCESSOR_LIMIT, "{thread}", "Threads that may run Go code at once.", processor_limit),
            (GO_MEMORY_GC_GOAL, "By", "Heap size target for the end of the GC cycle.", gc_goal),
            (HEAP_OBJECTS, "By", "Memory that heap objects occupy.", heap_objects),
        ]
        .into_iter()
        .filter_map(|(name, unit, description, value)| {
            let value = i64::try_from(value?).unwrap_or(i64::MAX);
            let point = NumberPoint::new(end, value).since(self.since.unwrap_or(end));
            Some(counted((name, unit, description), Temporality::Cumulative, point))
        })
        .collect()
    }

    fn histograms(&mut self, start: UnixTime, end: UnixTime) -> impl Iterator<Item = Metric> + '_ {
        const SCHEDULE: (&str, &str) = (GO_SCHEDULE_DURATION, "Time goroutines could have run and did not.");
        const GC_PAUSE: (&str, &str) = (GO_MEMORY_GC_PAUSE_DURATION, "Pauses of the program for the GC.");
        const OTHER_PAUSE: (&str, &str) = (OTHER_PAUSE_DURATION, "Pauses of the program but for the GC.");
        let Self { exemplars, clock, .. } = self;
        [
            (SCHEDULE, Measure::Schedule, &mut self.schedule),
            (GC_PAUSE, Measure::GcPause, &mut self.gc_pauses),
            (OTHER_PAUSE, Measure::OtherPause, &mut self.other_pauses),
        ]
        .into_iter()
        .filter_map(move |((name, description), measure, durations)| {
            let mut point = HistogramPoint::new(start, end, durations.take()?);
            if let Some(exemplars) = exemplars {
                point.exemplars = exemplars.of(measure, clock, (start, end));
            }
            let data = MetricData::Histogram { temporality: Temporality::Delta, points: vec![point] };
            Some(Metric::new(name, "s", description, data))
        })
    }
}

/// A sum; deltas never fall.
fn counted(
    (name, unit, description): (&'static str, &'static str, &'static str),
    temporality: Temporality,
    point: NumberPoint,
) -> Metric {
    let is_monotonic = temporality == Temporality::Delta;
    let data = MetricData::Sum { temporality, is_monotonic, points: vec![point] };
    Metric::new(name, unit, Cow::Borrowed(description), data)
}

/// Go: `runtime.stwReason.isGC`.
fn is_of_collector(event: &Event<'_>) -> bool {
    match event.kind() {
        EventKind::RangeBegin(range) => match range.kind {
            RangeKind::StopTheWorld(reason) => reason.as_bytes().starts_with(b"GC "),
            _ => false,
        },
        _ => false,
    }
}

crate::saved::saved!(Values { processor_limit, gc_goal, heap_objects });
