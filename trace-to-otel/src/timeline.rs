//! How far the trace has come: its generation, its beginning and its latest moment.

use go_trace_format::{ClockSnapshot, Event, Time};

use crate::{clock::WallClock, span::UnixTime};

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

/// How a generation follows on what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// As the next one, or as the first of all.
    Next,
    /// With generations missing between.
    Gap,
    /// As one of another process, or as one that was there before.
    Restart,
}

/// How far wall and trace clock of one process may move against each other from one generation to the next, in
/// nanoseconds: more than they drift in a second, and less than two processes differ by.
const MOST_DRIFT: u128 = 5_000_000_000;

#[derive(Debug)]
pub(crate) struct Timeline {
    clock: WallClock,
    origin: Option<Origin>,
    /// The earliest moment since the beginning or the last gap.
    begin: UnixTime,
    /// The latest moment of the generation on the trace clock.
    latest_in_generation: Time,
    /// The latest moment of the generations before.
    latest: UnixTime,
    /// Whether the generation is the first since the beginning or the last gap.
    is_first: bool,
}

impl Timeline {
    pub(crate) fn new(base: UnixTime) -> Self {
        Self {
            clock: WallClock::new(base),
            origin: None,
            begin: UnixTime(0),
            latest_in_generation: Time(i64::MIN),
            latest: UnixTime(0),
            is_first: false,
        }
    }

    /// Notes that something happened.
    #[inline]
    pub(crate) fn note(&mut self, time: Time) {
        self.latest_in_generation = self.latest_in_generation.max(time);
    }

    /// The latest moment of the generation under way.
    #[inline]
    pub(crate) fn latest_in_generation(&self) -> Time {
        self.latest_in_generation
    }

    /// Whether an event is of the generation under way.
    #[inline]
    pub(crate) fn is_of(&self, event: &Event<'_>) -> bool {
        self.origin.is_some_and(|origin| origin.generation == event.generation())
    }

    /// What the generation that `event` opens is to what came before.
    pub(crate) fn continuity(&self, event: &Event<'_>, continues: bool) -> Continuity {
        let Some(origin) = self.origin else { return Continuity::Next };
        match event.generation().checked_sub(origin.generation) {
            _ if continues => Continuity::Next,
            Some(2..) => Continuity::Gap,
            // The number of the next one alone, and clocks that do not agree: another process.
            _ => Continuity::Restart,
        }
    }

    /// Whether the generation that `event` opens may be the next one, for all that number and clocks tell. Who has
    /// read what came before has better reasons; a reader that has just begun has none.
    pub(crate) fn may_continue(&self, event: &Event<'_>) -> bool {
        let Some(origin) = self.origin else { return false };
        let offset = |snapshot: Snapshot| snapshot.wall - i128::from(snapshot.trace);
        let own = event.tables().clock().snapshot().map(Snapshot::from);
        let agree = match (origin.snapshot, own) {
            (Some(last), Some(own)) => offset(last).abs_diff(offset(own)) <= MOST_DRIFT,
            (None, None) => true,
            _ => false,
        };
        origin.generation.checked_add(1) == Some(event.generation()) && agree
    }

    /// Goes over to the generation that `event` opens.
    pub(crate) fn begin_generation(&mut self, event: &Event<'_>, continuity: Continuity) {
        self.is_first = self.origin.is_none() || continuity != Continuity::Next;
        self.latest = self.latest();
        self.clock.begin_generation(event);
        self.origin = Some(Origin {
            generation: event.generation(),
            snapshot: event.tables().clock().snapshot().map(Snapshot::from),
        });
        self.latest_in_generation = event.raw_time();
        if self.is_first {
            self.begin = self.time(event);
            self.latest = self.begin;
        }
    }

    /// Whether nothing is known of what was before the generation under way.
    pub(crate) fn is_in_first_generation(&self) -> bool {
        self.is_first
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.origin.map(|origin| origin.generation)
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin.unwrap_or_default()
    }

    pub(crate) fn begin(&self) -> UnixTime {
        self.begin
    }

    pub(crate) fn latest(&self) -> UnixTime {
        self.latest.max(self.clock.unix_time(self.latest_in_generation))
    }

    /// A moment of the generation under way, on the wall clock.
    pub(crate) fn at(&self, time: Time) -> UnixTime {
        self.clock.unix_time(time)
    }

    /// When an event of the generation under way happened.
    pub(crate) fn time(&self, event: &Event<'_>) -> UnixTime {
        self.clock.unix_time(event.raw_time())
    }

    pub(crate) fn is_approximate(&self) -> bool {
        self.clock.is_approximate()
    }
}

crate::saved::saved!(Origin { generation, snapshot });
crate::saved::saved!(Snapshot { trace, monotonic, wall });
crate::saved::saved!(Timeline { clock, origin, begin, latest_in_generation, latest, is_first });
