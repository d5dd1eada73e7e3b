//! The goroutines whose stacks tell of operations, and the operations that they are in.

use std::{collections::HashMap, sync::Arc};

use go_trace_context::SpanId;
use go_trace_format::{
    Dialect, Event, EventType, Time,
    event::{GoroutineId, ThreadId},
};

use crate::{
    attribute,
    clock::nanoseconds,
    form::Form,
    known::span::SectionKey,
    near::Near,
    operations::Side,
    saved::{Input, Saved},
    span::Attribute,
    stacks::{Bounds, Classes, Kind, Progress, Shown, Step, named},
};

/// How many goroutines are followed.
const MOST_FOLLOWED: usize = 1 << 17;
/// How many threads' latest events are remembered: threads are numbered one after the other.
const MOST_THREADS: usize = 1 << 8;

/// What stacks tell.
#[derive(Debug)]
pub(crate) struct Stacks {
    pub(crate) classes: Classes,
    followed: Near<GoroutineId, Followed>,
    latest: Latest,
    /// Kinds of operations that the fork tells of: where it has not seen one begin, it does so at the end.
    told_at_end: [bool; Kind::COUNT],
    /// The operations that are open, by the ids of their spans: that is what links to them hold.
    open: HashMap<SpanId, SectionKey, foldhash::fast::RandomState>,
    /// How many they are: two may have one id, where damage has made them alike.
    pub(crate) count: usize,
    /// Whether the trace is the fork's, which may yet tell of any of them.
    is_beside_fork: bool,
    /// What the next stack changes.
    pub(crate) steps: Vec<Step>,
}

/// A goroutine that has been in an operation, or in the connection of a server.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) progress: Progress,
    /// The spans of what is open on it, as far as there are such.
    pub(crate) spans: Vec<Option<SectionKey>>,
}

/// An operation that is open.
#[derive(Debug)]
pub(crate) struct OpenCall {
    pub(crate) kind: Kind,
    /// Whether it began before the trace.
    pub(crate) was_there: bool,
    earliest_start: Time,
    start_width: u64,
    pub(crate) end_width: Option<u64>,
    database: Arc<str>,
    /// The method of a remote call, or a function that the user has named.
    called: Option<Arc<str>>,
    side: Option<Side>,
}

/// The latest event of each thread that tells where its goroutine was: there has been none of the goroutine since.
#[derive(Debug)]
struct Latest(Box<[(ThreadId, Time); MOST_THREADS]>);

const NO_THREAD: ThreadId = ThreadId(i64::MIN);

impl Default for Latest {
    fn default() -> Self {
        Self(Box::new([(NO_THREAD, Time(0)); MOST_THREADS]))
    }
}

impl Latest {
    #[inline]
    fn note(&mut self, thread: ThreadId, time: Time) {
        self.0[thread.0 as usize % MOST_THREADS] = (thread, time);
    }

    fn of(&self, thread: ThreadId) -> Option<Time> {
        let (noted, time) = self.0[thread.0 as usize % MOST_THREADS];
        (noted == thread).then_some(time)
    }
}

impl Saved for Latest {
    fn save(&self, out: &mut Vec<u8>) {
        let noted: Vec<_> = self.0.iter().copied().filter(|&(thread, _)| thread != NO_THREAD).collect();
        noted.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let noted: Vec<(ThreadId, Time)> = Saved::load(input)?;
        let mut latest = Self::default();
        noted.into_iter().for_each(|(thread, time)| latest.note(thread, time));
        Some(latest)
    }
}

impl Stacks {
    pub(crate) fn new(functions: &[Arc<str>]) -> Self {
        Self {
            classes: Classes::new(functions),
            followed: Near::default(),
            latest: Latest::default(),
            told_at_end: [false; Kind::COUNT],
            open: HashMap::default(),
            count: 0,
            is_beside_fork: false,
            steps: Vec::new(),
        }
    }

    /// Whether an event of a goroutine's state changes what is known. For nearly all, nothing but a table is looked at.
    #[inline]
    pub(crate) fn concerns(&mut self, event: &Event<'_>) -> bool {
        let is_followed = match event.event_type() {
            // Where it goes on, it is where it was.
            EventType::GoSyscallEnd | EventType::GoSyscallEndBlocked => false,
            EventType::GoStart | EventType::GoSwitch => self
                .followed
                .may_have(GoroutineId(event.arguments().first().copied().unwrap_or_default() as i64)),
            EventType::GoSwitchDestroy => true,
            _ => {
                let Some(stack) = event.stack_id() else { return false };
                !self.classes.is_nothing(stack)
                    || event.goroutine().is_some_and(|goroutine| self.followed.may_have(goroutine))
            }
        };
        if !is_followed {
            self.note(event);
        }
        is_followed
    }

    /// Notes that a goroutine did something, or went on.
    #[inline]
    pub(crate) fn note(&mut self, event: &Event<'_>) {
        if let Some(thread) = event.thread() {
            self.latest.note(thread, event.raw_time());
        }
    }

    /// When the goroutine of an event was seen before the event, if it was.
    pub(crate) fn latest(&self, event: &Event<'_>) -> Option<Time> {
        self.latest.of(event.thread()?)
    }

    pub(crate) fn follows(&self, goroutine: GoroutineId) -> bool {
        self.followed.has(goroutine)
    }

    pub(crate) fn get_mut(&mut self, goroutine: GoroutineId) -> Option<&mut Followed> {
        self.followed.get_mut(goroutine)
    }

    /// The goroutine, followed from now on if it is not yet: none where there are too many.
    pub(crate) fn follow(&mut self, goroutine: GoroutineId) -> Option<&mut Followed> {
        if self.followed.len() >= MOST_FOLLOWED && !self.followed.has(goroutine) {
            return None;
        }
        Some(self.followed.get_or_insert_with(goroutine, Followed::default))
    }

    /// Follows a goroutine of which something is known before it has shown a stack.
    pub(crate) fn expect(&mut self, goroutine: GoroutineId, progress: Progress) {
        if let Some(followed) = self.follow(goroutine) {
            *followed = Followed { progress, spans: Vec::new() };
        }
    }

    pub(crate) fn forget(&mut self, goroutine: GoroutineId) {
        self.followed.remove(goroutine);
    }

    /// Forgets what all goroutines were in.
    pub(crate) fn clear(&mut self) {
        self.followed = Near::default();
        self.latest = Latest::default();
    }

    /// Goes over to the next generation.
    pub(crate) fn begin_generation(&mut self, dialect: Dialect) {
        self.classes.begin_generation();
        self.is_beside_fork = dialect == Dialect::Fork;
    }

    pub(crate) fn opened(&mut self, id: SpanId, key: SectionKey) {
        self.open.insert(id, key);
        self.count += 1;
    }

    pub(crate) fn closed(&mut self, id: SpanId, key: SectionKey) {
        self.count = self.count.saturating_sub(1);
        if self.open.get(&id) == Some(&key) {
            self.open.remove(&id);
        }
    }

    /// Whether the span of this id is an operation's that may yet be taken away, as something else may tell of it: the fork at
    /// any time, a task before its goroutine has done anything in a request.
    pub(crate) fn is_uncertain(
        &self,
        id: SpanId,
        goroutine_of: impl FnOnce(SectionKey) -> Option<GoroutineId>,
    ) -> bool {
        let Some(&key) = self.open.get(&id) else { return false };
        let is_at_begin = || {
            let followed = self.followed.get(goroutine_of(key)?)?;
            Some(followed.progress.is_at_begin_of_request() && followed.spans[..] == [Some(key)])
        };
        self.is_beside_fork || is_at_begin() == Some(true)
    }

    pub(crate) fn is_told_at_end(&self, kind: Kind) -> bool {
        self.told_at_end[kind as usize]
    }

    pub(crate) fn tell_at_end(&mut self, kind: Kind) {
        self.told_at_end[kind as usize] = true;
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.followed.save(out);
        self.is_beside_fork.save(out);
        self.told_at_end.save(out);
        self.latest.save(out);
    }

    pub(crate) fn load(self, input: &mut Input<'_>) -> Option<Self> {
        Some(Self {
            followed: Saved::load(input)?,
            is_beside_fork: Saved::load(input)?,
            told_at_end: Saved::load(input)?,
            latest: Saved::load(input)?,
            ..self
        })
    }
}

impl OpenCall {
    pub(crate) fn new(kind: Kind, was_there: bool, start: Bounds, database: Arc<str>) -> Self {
        Self {
            kind,
            was_there,
            earliest_start: start.earliest,
            start_width: start.width(),
            end_width: None,
            database,
            called: None,
            side: None,
        }
    }

    /// It had begun at this time.
    pub(crate) fn settle(&mut self, latest: Time) {
        self.start_width = nanoseconds(self.earliest_start, latest);
    }

    /// Takes what a stack tells of it. What the user says of the database is believed more.
    pub(crate) fn show(&mut self, shown: &Shown, is_database_given: bool) {
        if let Some(database) = shown.database.as_ref().filter(|_| !is_database_given) {
            self.database = Arc::clone(database);
        }
        if self.kind == Kind::Function {
            self.called = shown.code.as_ref().map(|code| Arc::clone(&code.function));
        } else if shown.method.is_some() {
            self.called.clone_from(&shown.method);
        }
        self.side = self.side.or(shown.side);
    }

    /// What it looks like in the end.
    pub(crate) fn form(&self) -> Form {
        let named = named(self.kind, &self.database, self.called.as_ref(), self.side);
        let mut attributes = named.attributes;
        attributes.push(Attribute::new(attribute::EVIDENCE, "stacks"));
        let seconds = |width: u64| width as f64 / 1e9;
        if !self.was_there {
            attributes.push(Attribute::new(attribute::START_UNCERTAINTY, seconds(self.start_width)));
        }
        if let Some(width) = self.end_width {
            attributes.push(Attribute::new(attribute::END_UNCERTAINTY, seconds(width)));
        }
        Form { kind: named.kind, name: Some(named.name), attributes, ..Form::plain(named.scope) }
    }
}

crate::saved::saved!(Followed { progress, spans });
crate::saved::saved!(OpenCall {
    kind,
    was_there,
    earliest_start,
    start_width,
    end_width,
    database,
    called,
    side
});
