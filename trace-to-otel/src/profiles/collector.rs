//! Events in, profiles out.

use go_trace_format::{
    Continuity, Event, EventKind, EventType, Time,
    event::{GoroutineId, RangeKind, StackId, StringId},
};

use crate::{
    clock::{WallClock, nanoseconds},
    known::changes::{Change, SpanOut},
    moment::{Moment, TimeWindow},
    profiles::{
        account::Account,
        doing::Doing,
        goroutines::{Goroutines, Step, Stretch, Woken},
        ledger::{Interval, Key, Ledger, MOST_NUMBERS},
        listener::{Books, Listener},
        profile::{Period, Profiles},
        reasons::{Reason, Reasons},
        spans::{SpanNumber, SpanTable},
        stacks::{StackNumber, StackTable},
    },
    span::UnixTime,
};

/// How a [`ProfilesCollector`] collects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProfilesOptions {
    /// The wall time of the first event of a trace that holds no clock snapshots: see
    /// [`MapperOptions::base_time`](crate::MapperOptions::base_time).
    pub base_time: UnixTime,
    /// How many distinct stacks are kept: 32,768 unless set. What further ones would have is counted together, by reason:
    /// [`Profiles::left_out_stacks`] says how many these were.
    pub max_stacks: usize,
    /// How many spans are kept that time is counted for, by a [pipeline](crate::PipelineOptions::profiles): 65,536 unless set, and
    /// with 0 time is counted for none. The time of further ones counts for the spans around them, as does that of spans of
    /// which too many stacks would have to be kept: [`Profiles::left_out_spans`] says how many these were. Spans that in the end
    /// do not go out, such as unsampled ones, are among those that are kept.
    pub max_spans: usize,
    /// Nothing outside of it counts; what is under way at one of its ends counts from or up to there.
    pub window: TimeWindow,
}

impl Default for ProfilesOptions {
    fn default() -> Self {
        Self {
            base_time: UnixTime(0),
            max_stacks: 1 << 15,
            max_spans: 1 << 16,
            window: TimeWindow::default(),
        }
    }
}

/// How many totals there are for each stack, at most and on average.
const MOST_TOTALS_PER_STACK: usize = 8;
/// How many totals there are for each span, at most and on average.
const MOST_TOTALS_PER_SPAN: usize = 4;

/// Adds up what the goroutines of a trace did, by what it was, why and on which stack: see [the module](crate::profiles).
///
/// Takes the events of a [`Reader`](go_trace_format::Reader), all of them and in order. A trace behind a gap or of another
/// process adds to the same profiles. Memory is bounded by the goroutines that live at once, by what one generation holds and by
/// [`ProfilesOptions::max_stacks`]. Nothing is allocated for an event of what goroutines do. By itself it knows of no spans: a
/// [pipeline](crate::PipelineOptions::profiles) tells it of them.
///
/// ```
/// use trace_to_otel::profiles::{ProfileKind, ProfilesCollector};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut reader = go_trace_format::Reader::from_slice(trace)?;
/// let mut collector = ProfilesCollector::default();
/// while let Some(event) = reader.next_event()? {
///     collector.event(&event);
/// }
/// let profiles = collector.finish();
/// let profile = profiles.profile(ProfileKind::OffCpu);
/// let heaviest = &profile.samples()[0];
/// assert!(heaviest.nanoseconds <= profile.nanoseconds());
/// assert!(heaviest.stack.frames().next().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ProfilesCollector(Collector<()>);

impl ProfilesCollector {
    /// A collector with options.
    #[must_use]
    pub fn new(options: ProfilesOptions) -> Self {
        Self(Collector::new(options, ()))
    }

    /// Takes the next event.
    #[inline]
    pub fn event(&mut self, event: &Event<'_>) {
        self.0.event(event);
    }

    /// What was collected. What is still under way counts up to the latest event, but for the profiles of Go's tool, which
    /// leaves it out.
    #[must_use]
    pub fn finish(self) -> Profiles {
        self.0.finish().0
    }

    /// Takes the next event, with what it changes in which spans are open where.
    #[inline]
    pub(crate) fn event_with_spans(&mut self, event: &Event<'_>, changes: &[Change]) {
        self.0.event_with_spans(event, changes);
    }

    /// Takes note of what has changed in which spans are open where. The event that it comes of has not been taken yet.
    pub(crate) fn change(&mut self, change: Change, event: Option<&Event<'_>>) {
        self.0.change(change, event);
    }

    /// Takes note of spans that have gone out.
    pub(crate) fn go_out(&mut self, spans: impl Iterator<Item = SpanOut>) {
        spans.for_each(|span| self.0.spans.go_out(span));
    }

    /// Goes over to a process whose traces begin at this time where they hold no clock.
    pub(crate) fn begin_process(&mut self, base_time: UnixTime) {
        self.0.begin_process(base_time);
    }
}

/// Says what an event changes, in the profiles and for whoever listens.
#[derive(Debug)]
pub(crate) struct Collector<L: Listener> {
    clock: WallClock,
    spans: SpanTable,
    books: Books<L>,
    goroutines: Goroutines<L>,
    /// What stopping the world, which is under way, counts as, and since when.
    stop: Option<(Key, Time)>,
    /// The unbroken row of generations under way; none before the first.
    row: Option<Row>,
    window: TimeWindow,
    /// When the first event of all was.
    begin: Option<UnixTime>,
    recorded: Option<Period>,
    period: Option<Period>,
}

/// Generations that follow on each other.
#[derive(Clone, Copy, Debug)]
struct Row {
    begin: Time,
    /// When the generation under way begins.
    generation_begin: Time,
    latest: Time,
    wall_begin: UnixTime,
    /// The wall time of the beginning of the generation under way, by its own clock.
    generation_wall_begin: UnixTime,
    /// What of its generations before this one lies in the window; its start is that of the first.
    counted: Option<Period>,
}

impl<L: Listener + Default> Default for Collector<L> {
    fn default() -> Self {
        Self::new(ProfilesOptions::default(), L::default())
    }
}

impl<L: Listener> Collector<L> {
    pub(crate) fn new(options: ProfilesOptions, listener: L) -> Self {
        let (max_stacks, max_spans) =
            (options.max_stacks.min(MOST_NUMBERS), options.max_spans.min(MOST_NUMBERS));
        Self {
            clock: WallClock::new(options.base_time),
            spans: SpanTable::new(max_spans),
            books: Books {
                ledger: Ledger::new(
                    max_stacks.saturating_mul(MOST_TOTALS_PER_STACK),
                    max_spans.saturating_mul(MOST_TOTALS_PER_SPAN),
                ),
                reasons: Reasons::default(),
                stacks: StackTable::new(max_stacks),
                listener,
            },
            goroutines: Goroutines::default(),
            stop: None,
            row: None,
            window: options.window,
            begin: None,
            recorded: None,
            period: None,
        }
    }

    /// Takes the next event.
    #[inline]
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        use EventType as E;
        if event.event_type() == E::Sync {
            return self.sync(event);
        }
        if let Some(row) = &mut self.row {
            row.latest = row.latest.max(event.raw_time());
        }
        match event.event_type() {
            E::GoStart => self.steps(event, named(event), Doing::Running),
            E::GoSyscallEnd => self.steps(event, event.goroutine(), Doing::Running),
            E::GoUnblock | E::GoSwitch | E::GoSwitchDestroy => self.wakes(event),
            E::GoSyscallEndBlocked => {
                self.steps(event, event.goroutine(), Doing::Runnable(Reason::NONE));
            }
            E::GoStop => {
                let reason = self.reason(event);
                self.stops(event, Doing::Runnable(reason));
            }
            E::GoBlock => {
                let reason = self.reason(event);
                self.stops(event, Doing::Waiting(reason));
            }
            E::GoSyscallBegin => self.stops(event, Doing::InSyscall),
            E::GoCreate => self.creates(event, Doing::Runnable(Reason::NONE)),
            E::GoCreateBlocked => self.creates(event, Doing::Waiting(Reason::NONE)),
            E::GoCreateSyscall => self.creates(event, Doing::InSyscall),
            E::GoDestroy | E::GoDestroySyscall => self.ends(event),
            E::GoStatus | E::GoStatusStack => self.tells(event),
            E::CpuSample => self.counts(event, Account::Samples),
            E::GcMarkAssistBegin | E::GcMarkAssistActive | E::GcMarkAssistEnd => self.assists(event),
            E::StwBegin | E::StwEnd => self.stops_the_world(event),
            _ => {}
        }
    }

    /// What was collected, and the listener.
    pub(crate) fn finish(mut self) -> (Profiles, L) {
        self.end_row();
        let periods = [self.recorded, self.period].map(Option::unwrap_or_default);
        let Books { ledger, reasons, stacks, listener } = self.books;
        (Profiles::new(periods.into(), &ledger, reasons, stacks, self.spans), listener)
    }

    /// When the first event of all was; none before it.
    #[cfg(feature = "analysis")]
    pub(crate) fn begin(&self) -> Option<UnixTime> {
        self.begin
    }

    /// Who listens.
    #[cfg(feature = "analysis")]
    pub(crate) fn listener_mut(&mut self) -> &mut L {
        &mut self.books.listener
    }

    /// Takes the next event, with what it changes in which spans are open where.
    #[inline]
    fn event_with_spans(&mut self, event: &Event<'_>, changes: &[Change]) {
        // What a goroutine is in that a generation tells of is known before it is known what that does.
        let is_first = matches!(event.event_type(), EventType::GoStatus | EventType::GoStatusStack);
        if is_first {
            self.event(event);
        }
        for &change in changes {
            self.change(change, Some(event));
        }
        if !is_first {
            self.event(event);
        }
    }

    /// Takes note of what has changed in which spans are open where. The event that it comes of has not been taken yet.
    #[cold]
    fn change(&mut self, change: Change, event: Option<&Event<'_>>) {
        match change {
            Change::Innermost { goroutine, time, span } => {
                let around = self.goroutines.span(goroutine);
                let number = span.map_or(SpanNumber::NONE, |span| self.spans.number(span, around));
                let its_event = event.filter(|event| event.goroutine() == Some(goroutine));
                let stack = its_event.and_then(|event| self.stack(event));
                self.goroutines.enter(goroutine, number, time, stack, &mut self.books);
            }
            Change::Over { span, fate } => self.spans.end(span, fate),
        }
    }

    /// Goes over to a process whose traces begin at this time where they hold no clock.
    pub(crate) fn begin_process(&mut self, base_time: UnixTime) {
        self.clock = WallClock::new(base_time);
    }

    /// The number of an event's stack; none where it has none.
    #[inline]
    fn stack(&mut self, event: &Event<'_>) -> Option<StackNumber> {
        Some(self.books.stacks.number(event.stack_id()?, event.tables()))
    }

    /// A goroutine, perhaps another one than the event's, does something else from now on.
    #[inline]
    fn steps(&mut self, event: &Event<'_>, goroutine: Option<GoroutineId>, doing: Doing) {
        if let Some(goroutine) = goroutine {
            // Where nothing is counted by its stack, it is not looked for.
            let stack = if doing == Doing::Running { None } else { self.stack(event) };
            let step = self.step(event, doing, stack);
            self.goroutines.step(goroutine, step, &mut self.books);
        }
    }

    /// A goroutine, or the runtime by itself, makes another one able to run.
    #[inline]
    fn wakes(&mut self, event: &Event<'_>) {
        if let Some(goroutine) = named(event) {
            let stack = self.stack(event);
            let step = self.step(event, Doing::Runnable(Reason::NONE), stack);
            let woken = Woken::By(event.goroutine());
            self.goroutines.step(goroutine, Step { woken, ..step }, &mut self.books);
        }
    }

    /// The event's goroutine stops running, where its stack is.
    #[inline]
    fn stops(&mut self, event: &Event<'_>, doing: Doing) {
        if let Some(goroutine) = event.goroutine() {
            let stops = self.stack(event);
            let step = self.step(event, doing, stops);
            self.goroutines.step(goroutine, Step { stops, ..step }, &mut self.books);
        }
    }

    fn creates(&mut self, event: &Event<'_>, doing: Doing) {
        let Some(goroutine) = named(event) else { return };
        let entry = match (event.event_type(), event.arguments()) {
            (EventType::GoCreateSyscall, _) => StackNumber::NONE,
            (_, &[_, entry, ..]) => self.books.stacks.number(StackId(entry), event.tables()),
            _ => StackNumber::NONE,
        };
        let stack = self.stack(event);
        let step = self.step(event, doing, stack);
        self.goroutines.create(goroutine, entry, step, &mut self.books);
    }

    fn ends(&mut self, event: &Event<'_>) {
        if let Some(goroutine) = event.goroutine() {
            self.goroutines.end(goroutine, event.raw_time(), event.time(), &mut self.books);
        }
    }

    /// A generation tells in which state a goroutine is, and so was when the generation began.
    fn tells(&mut self, event: &Event<'_>) {
        use go_trace_format::event::GoroutineState as S;
        let EventKind::Goroutine(transition) = event.kind() else { return };
        let doing = match transition.to {
            S::Running => Doing::Running,
            S::Runnable => Doing::Runnable(Reason::NONE),
            S::Waiting => Doing::Waiting(Reason::NONE),
            S::Syscall => Doing::InSyscall,
            _ => return,
        };
        let Some(goroutine) = transition.goroutine else { return };
        let stops = self.stack(event);
        let step = self.step(event, doing, stops);
        let raw_time = self.row.map_or(step.raw_time, |row| row.generation_begin);
        self.goroutines.tell(goroutine, Step { stops, raw_time, ..step }, &mut self.books);
    }

    /// What Go's tool begins to count when a goroutine goes over to something: by the stack of the event, whosever that is. Go:
    /// `startEv.Stack()` in `makeComputePprofFunc` of `cmd/trace/pprof.go`.
    #[inline]
    fn step(&self, event: &Event<'_>, doing: Doing, stack: Option<StackNumber>) -> Step {
        let account = match doing {
            Doing::Running => None,
            Doing::Runnable(reason) => Some((Account::Scheduler, reason)),
            Doing::Waiting(reason) => self.books.reasons.account(reason).map(|account| (account, reason)),
            Doing::InSyscall => Some((Account::Syscall, Reason::NONE)),
        };
        let watched = account.map(|(account, reason)| (account, reason, stack.unwrap_or(StackNumber::NONE)));
        Step { doing, stops: None, watched, woken: Woken::No, raw_time: event.raw_time(), time: event.time() }
    }

    #[inline]
    fn reason(&mut self, event: &Event<'_>) -> Reason {
        let id = event.arguments().first().copied().unwrap_or_default();
        self.books.reasons.number(StringId(id), event.tables())
    }

    fn counts(&mut self, event: &Event<'_>, account: Account) {
        let Stretch { since, stack } = self.begun_at(event);
        let key = Key { account, reason: Reason::NONE, stack, span: self.span(event) };
        self.books.ledger.add(key, Interval::at(since));
    }

    fn begun_at(&mut self, event: &Event<'_>) -> Stretch {
        let stack = self.stack(event).unwrap_or(StackNumber::NONE);
        Stretch { since: event.raw_time(), stack }
    }

    /// The span that is innermost on the event's goroutine.
    fn span(&self, event: &Event<'_>) -> SpanNumber {
        event.goroutine().map_or(SpanNumber::NONE, |id| self.goroutines.span(id))
    }

    fn assists(&mut self, event: &Event<'_>) {
        match event.event_type() {
            EventType::GcMarkAssistBegin => {
                let begun = self.begun_at(event);
                if let Some(goroutine) = event.goroutine() {
                    self.goroutines.assist(goroutine, begun);
                }
            }
            EventType::GcMarkAssistActive => {
                let since = self.row.map_or(event.raw_time(), |row| row.generation_begin);
                if let Some(goroutine) = named(event) {
                    self.goroutines.assist(goroutine, Stretch { since, stack: StackNumber::NONE });
                }
            }
            _ => {
                let Some(goroutine) = event.goroutine() else { return };
                self.goroutines.end_assist(goroutine, event.raw_time(), &mut self.books);
            }
        }
    }

    #[cold]
    fn stops_the_world(&mut self, event: &Event<'_>) {
        match event.kind() {
            EventKind::RangeBegin(range) if matches!(range.kind, RangeKind::StopTheWorld(_)) => {
                let reason = self.books.reasons.intern(&range.kind.to_string());
                let Stretch { since, stack } = self.begun_at(event);
                let key = Key { account: Account::Gc, reason, stack, span: self.span(event) };
                self.stop = Some((key, since));
            }
            _ => self.goes_on(event.raw_time()),
        }
    }

    fn goes_on(&mut self, time: Time) {
        if let Some((key, since)) = self.stop.take() {
            self.books.stop(key, Interval { since, until: time });
        }
    }

    #[cold]
    fn sync(&mut self, event: &Event<'_>) {
        let Some(begun) = event.generation_begun() else { return };
        if begun.continuity == Continuity::Next {
            self.count_generation(event.raw_time());
        }
        if let (Continuity::Next, Some(row)) = (begun.continuity, &self.row) {
            self.goroutines.end_generation(row.generation_begin, &mut self.books);
        } else {
            self.end_row();
            self.clock = self.clock.anew();
        }
        self.books.stacks.begin_generation();
        self.books.reasons.begin_generation();
        self.clock.begin_generation(event, false);
        let begin = event.raw_time();
        let wall_begin = self.clock.unix_time(begin);
        let first_of_all = *self.begin.get_or_insert(wall_begin);
        let time = |moment: Moment| self.clock.offset().time(moment.unix_time(first_of_all));
        let Interval { since, until } = Interval::ALWAYS;
        let TimeWindow { from, to } = self.window;
        let window = Interval { since: from.map_or(since, time), until: to.map_or(until, time) };
        self.books.ledger.look_at(window);
        self.books.listener.begins_generation(begin, self.clock.offset(), window);
        let first = Row {
            begin,
            generation_begin: begin,
            latest: begin,
            wall_begin,
            generation_wall_begin: wall_begin,
            counted: None,
        };
        let row = self.row.get_or_insert(first);
        (row.generation_begin, row.generation_wall_begin) = (begin, wall_begin);
        row.latest = row.latest.max(begin);
    }

    /// The generation under way ends at a time: what of it lies in the window counts. Each has a clock, and so a window, of its own.
    fn count_generation(&mut self, end: Time) {
        let Some(row) = &mut self.row else { return };
        let begin = row.generation_begin;
        let counted = Interval { since: begin, until: end }.within(self.books.ledger.window());
        if counted.since <= counted.until {
            let offset = nanoseconds(begin, counted.since);
            let start = UnixTime(row.generation_wall_begin.0.saturating_add(offset));
            let sofar = row.counted.get_or_insert(Period { start, duration: 0 });
            sofar.duration = sofar.duration.saturating_add(counted.nanoseconds());
        }
    }

    /// Nothing that follows goes on with what is under way.
    fn end_row(&mut self) {
        if let Some(row) = self.row {
            self.count_generation(row.latest);
        }
        let Some(row) = self.row.take() else { return };
        self.goroutines.end_all(row.latest, &mut self.books);
        self.goes_on(row.latest);
        let duration = nanoseconds(row.begin, row.latest);
        extend(&mut self.recorded, Period { start: row.wall_begin, duration });
        if let Some(counted) = row.counted {
            extend(&mut self.period, counted);
        }
        self.books.listener.ends_row(row.latest, row.counted.is_some());
    }
}

/// Adds what a row has to a period.
fn extend(period: &mut Option<Period>, row: Period) {
    let period = period.get_or_insert(Period { duration: 0, ..row });
    period.start = period.start.min(row.start);
    period.duration = period.duration.saturating_add(row.duration);
}

/// The goroutine that is the first argument of an event.
#[inline]
fn named(event: &Event<'_>) -> Option<GoroutineId> {
    let first = event.arguments().first().copied().map(|id| GoroutineId(id as i64));
    first.filter(|id| id.0 >= 0)
}
