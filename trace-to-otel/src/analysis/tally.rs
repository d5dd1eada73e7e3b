//! What the events of a recording add up to.

use std::collections::HashMap;

use go_trace_format::Time;

use crate::{
    analysis::{
        collections::Collecting,
        goroutines::{GoroutineGroup, GroupKind},
        timeline::Timeline,
        wakeups::{GroupNumber, Wakeups},
    },
    anatomy::{self, Anatomy, Totals},
    clock::WallOffset,
    profiles::{Doing, Interval, Listener, StackNumber, StackTable, Stretch},
    span::UnixTime,
};

/// Hears of what goroutines do, and adds it up by the function that they begin with.
#[derive(Debug)]
pub(super) struct Tally {
    /// The first two are those of [`UNKNOWN`] and [`OTHERS`].
    groups: Vec<GoroutineGroup>,
    /// By the place of the name of the function.
    by_function: HashMap<u32, GroupNumber, foldhash::fast::RandomState>,
    most_groups: usize,
    pub(super) wakeups: Wakeups,
    pub(super) timeline: Timeline,
    pub(super) collecting: Collecting,
    wall: WallOffset,
    /// What counts, on the clock of the generation under way.
    window: Interval,
    procs: Procs,
    /// How many rows without a gap there were.
    rows: u64,
}

const UNKNOWN: GroupNumber = GroupNumber(0);
const OTHERS: GroupNumber = GroupNumber(1);

/// How many procs there are, and since when.
#[derive(Clone, Copy, Debug, Default)]
struct Procs {
    /// None where the trace has not told yet.
    count: Option<u64>,
    since: Time,
    /// The most that there were in the window.
    most: u64,
}

/// What is kept of a goroutine.
#[derive(Debug)]
pub(super) struct Kept {
    totals: Totals,
    /// [`UNKNOWN`] until the trace tells.
    group: GroupNumber,
    /// Whether it was there in the window.
    is_counted: bool,
    /// Whether it was created in the window.
    is_created: bool,
    /// Whether what it does began in the window.
    is_seen: bool,
}

impl Tally {
    pub(super) fn new(most_groups: usize) -> Self {
        Self {
            groups: [GroupKind::Unknown, GroupKind::Others].map(GoroutineGroup::new).into(),
            by_function: HashMap::default(),
            most_groups,
            wakeups: Wakeups::default(),
            timeline: Timeline::default(),
            collecting: Collecting::default(),
            wall: WallOffset::default(),
            window: Interval::ALWAYS,
            procs: Procs::default(),
            rows: 0,
        }
    }

    /// The wall time of an event of the generation under way, if the event counts.
    pub(super) fn counted(&self, time: Time) -> Option<UnixTime> {
        self.window.holds(time).then(|| self.wall.unix_time(time))
    }

    /// Whether what happens at a time is before all that counts.
    pub(super) fn is_before(&self, time: Time) -> bool {
        time < self.window.since
    }

    /// There are so many procs from a time on.
    pub(super) fn set_procs(&mut self, count: u64, time: Time) {
        // What there was before the first that is told was the same.
        if self.procs.count.is_some() {
            self.offer_until(time);
        }
        self.procs.count = Some(count);
        if self.window.holds(time) {
            self.procs.most = self.procs.most.max(count);
        }
    }

    /// How many rows without a gap there were.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The most procs that there were; 0 where the trace does not tell.
    pub(super) fn most_procs(&self) -> u64 {
        self.procs.most
    }

    fn offer_until(&mut self, time: Time) {
        let count = self.procs.count.unwrap_or(0);
        let Interval { since, until } = Interval { since: self.procs.since, until: time }.within(self.window);
        if since < until {
            self.timeline.offer(self.wall.unix_time(since), self.wall.unix_time(until), count);
            self.procs.most = self.procs.most.max(count);
        }
        self.procs.since = self.procs.since.max(time);
    }

    /// The group of goroutines with such a stack.
    fn find_group(&mut self, origin: StackNumber, stacks: &StackTable) -> GroupNumber {
        let Some(function) = stacks.entry_function(origin) else { return UNKNOWN };
        if let Some(&known) = self.by_function.get(&function) {
            return known;
        }
        if self.by_function.len() >= self.most_groups {
            return OTHERS;
        }
        let name = stacks.text_of(function);
        if name.is_empty() {
            return UNKNOWN;
        }
        self.groups.push(GoroutineGroup::new(GroupKind::Function(name.into())));
        let number = GroupNumber(self.groups.len() as u32 - 1);
        self.by_function.insert(function, number);
        number
    }

    /// Which goroutines a group has.
    pub(super) fn kind(&self, number: GroupNumber) -> GroupKind {
        self.groups.get(number.0 as usize).map_or(GroupKind::Unknown, |group| group.kind.clone())
    }

    /// The groups that have goroutines.
    pub(super) fn into_groups(self) -> Vec<GoroutineGroup> {
        self.groups.into_iter().filter(|group| group.count() > 0).collect()
    }
}

impl Listener for Tally {
    type Kept = Kept;
    type Group = GroupNumber;

    fn begins(&mut self, is_created: bool) -> Kept {
        Kept { totals: Totals::default(), group: UNKNOWN, is_counted: false, is_created, is_seen: is_created }
    }

    #[inline]
    fn passes(&mut self, kept: &mut Kept, stretch: &Stretch, stacks: &StackTable) {
        if kept.group == UNKNOWN {
            kept.group = self.find_group(stretch.origin, stacks);
        }
        kept.is_counted = true;
        let Interval { since, until } = stretch.interval;
        kept.totals.add(stretch.doing, stretch.interval.nanoseconds());
        if stretch.doing == anatomy::Doing::Running {
            self.timeline.run(self.wall.unix_time(since), self.wall.unix_time(until));
        }
    }

    #[inline]
    fn steps(&mut self, kept: &mut Kept, stretch: &Stretch, next: Doing, waker: Option<Option<GroupNumber>>) {
        use anatomy::Doing as Did;
        let nanoseconds = stretch.interval.nanoseconds();
        match (stretch.doing, next, waker) {
            (Did::Runnable, Doing::Running, _) if kept.is_seen => {
                self.timeline.start(self.wall.unix_time(stretch.interval.until), nanoseconds);
            }
            (Did::Running | Did::Runnable | Did::Syscall, ..) | (.., None) => {}
            (_, _, Some(waker)) => self.wakeups.add((kept.group, waker, stretch.reason), nanoseconds),
        }
        kept.is_seen = true;
    }

    fn assists(&mut self, kept: &mut Kept, interval: Interval) {
        kept.totals.add_gc_assist(interval.nanoseconds());
        self.collecting.assist(interval.nanoseconds());
    }

    fn ends(&mut self, kept: Kept, is_seen: bool) {
        if !kept.is_counted {
            return;
        }
        let is_whole = is_seen && kept.is_created;
        self.groups[kept.group.0 as usize].add(&Anatomy::from(kept.totals), is_whole);
    }

    fn group(&self, kept: &Kept) -> GroupNumber {
        kept.group
    }

    fn stops(&mut self, reason: &str, interval: Interval) {
        self.collecting.stop(reason, interval.nanoseconds());
    }

    fn begins_generation(&mut self, begin: Time, wall: WallOffset, window: Interval) {
        // Each has a clock of its own: what one has counted ends by it.
        match self.procs.count {
            Some(_) => self.offer_until(begin),
            None => self.procs.since = begin,
        }
        (self.wall, self.window) = (wall, window);
    }

    fn ends_row(&mut self, end: Time, is_counted: bool) {
        self.rows += u64::from(is_counted);
        self.offer_until(end);
        self.procs.count = None;
        self.collecting.break_off(is_counted);
    }
}
