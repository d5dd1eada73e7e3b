//! How far the trace has come: its generation, its beginning and its latest moment.
//!
//! Moments are the trace clock's, which goes on over all generations of a process. What the wall clock said counts where
//! something begins: see [`WallOffset`].

use std::collections::VecDeque;

use go_trace_format::{ClockSnapshot, Continuity, Event, GenerationKey, Time};

use crate::{
    clock::{WallClock, WallOffset},
    span::UnixTime,
};

/// The generation in which something happened, as its own bytes tell it.
///
/// Snapshots of one process that overlap hold the same generations byte for byte, so that what is derived from
/// this does not depend on where a snapshot begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) generation: u64,
    pub(crate) snapshot: Option<Snapshot>,
}

/// A generation's clock snapshot. Go: `trace.ClockSnapshot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) trace: i64,
    pub(crate) monotonic: u64,
    pub(crate) wall: i128,
}

impl From<&ClockSnapshot> for Snapshot {
    fn from(snapshot: &ClockSnapshot) -> Self {
        Self { trace: snapshot.trace.0, monotonic: snapshot.monotonic, wall: snapshot.wall.0 }
    }
}

/// Of how many generations the wall clock is remembered: more than a goroutine is likely to be silent for.
const MOST_WALLS: usize = 64;

/// From how many nanoseconds on the wall clock was set and has not just been read a little later.
const LEAST_STEP: u64 = 50_000_000;

#[derive(Debug)]
pub(crate) struct Timeline {
    clock: WallClock,
    key: Option<GenerationKey>,
    origin: Origin,
    /// The earliest moment since the beginning or the last gap, and the wall clock then.
    beginning: (Time, WallOffset),
    /// The latest moment since.
    latest: Time,
    /// When the last generations began, and what the wall clock said in each, as far as that was something else than before.
    walls: VecDeque<(Time, WallOffset)>,
    /// Whether the generation is the first since the beginning or the last gap.
    is_first: bool,
}

impl Timeline {
    pub(crate) fn new(base: UnixTime) -> Self {
        Self {
            clock: WallClock::new(base),
            key: None,
            origin: Origin::default(),
            beginning: (Time(0), WallOffset::default()),
            latest: Time(i64::MIN),
            walls: VecDeque::new(),
            is_first: false,
        }
    }

    /// Notes that something happened.
    #[inline]
    pub(crate) fn note(&mut self, time: Time) {
        self.latest = self.latest.max(time);
    }

    /// Whether an event is of the generation under way.
    #[inline]
    pub(crate) fn is_of(&self, event: &Event<'_>) -> bool {
        self.key.is_some_and(|key| key.number() == event.generation())
    }

    /// What a generation is to what came before, for all that its number and the trace clock tell, of which a reader that
    /// has just begun knows nothing.
    pub(crate) fn continuity(&self, key: &GenerationKey, told: Continuity) -> Continuity {
        match &self.key {
            _ if told != Continuity::Begin => told,
            Some(last) if key.goes_on_from(last) => Continuity::Next,
            Some(last) if key.number() > last.number() && key.may_come_after(last) => Continuity::Gap,
            _ => Continuity::Begin,
        }
    }

    /// Goes over to the generation that `event` opens. Says whether the wall clock was set meanwhile.
    pub(crate) fn begin_generation(
        &mut self,
        event: &Event<'_>,
        continuity: Continuity,
        is_steady: bool,
    ) -> bool {
        self.is_first = self.key.is_none() || continuity != Continuity::Next;
        let step = self.clock.begin_generation(event, is_steady);
        self.key = Some(event.generation_key());
        self.origin = Origin {
            generation: event.generation(),
            snapshot: event.tables().clock().snapshot().map(Snapshot::from),
        };
        if self.is_first {
            self.beginning = (event.raw_time(), self.wall());
            self.latest = event.raw_time();
            self.walls.clear();
        }
        self.remember_wall(event.raw_time());
        self.note(event.raw_time());
        step >= LEAST_STEP
    }

    fn remember_wall(&mut self, begin: Time) {
        let wall = self.wall();
        if self.walls.back().is_some_and(|&(_, last)| last == wall) {
            return;
        }
        while self.walls.len() >= MOST_WALLS {
            self.walls.pop_front();
        }
        self.walls.push_back((begin, wall));
    }

    /// Whether nothing is known of what was before the generation under way.
    pub(crate) fn is_in_first_generation(&self) -> bool {
        self.is_first
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.key.map(|key| key.number())
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// When it begins, and what the wall clock said of that.
    pub(crate) fn beginning(&self) -> (Time, WallOffset) {
        self.beginning
    }

    #[inline]
    pub(crate) fn latest(&self) -> Time {
        self.latest
    }

    /// The wall clock of the generation under way.
    #[inline]
    pub(crate) fn wall(&self) -> WallOffset {
        self.clock.offset()
    }

    /// The wall clock of the generation in which a moment lies that is over.
    pub(crate) fn wall_at(&self, time: Time) -> WallOffset {
        let generation = self.walls.iter().rev().find(|&&(begin, _)| begin <= time);
        generation.or(self.walls.front()).map_or_else(|| self.wall(), |&(_, wall)| wall)
    }

    pub(crate) fn is_approximate(&self) -> bool {
        self.clock.is_approximate()
    }
}

crate::saved::saved!(Origin { generation, snapshot });
crate::saved::saved!(Snapshot { trace, monotonic, wall });
crate::saved::saved!(Timeline { clock, key, origin, beginning, latest, walls, is_first });
