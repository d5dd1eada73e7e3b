//! What each goroutine does, and on which proc.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    sync::Arc,
};

use go_trace_format::{
    Event, EventType, Stack,
    event::{GoroutineId, GoroutineState, GoroutineTransition, ProcId},
};

use super::{
    Pen,
    canvas::{Arrow, Canvas, Detail, Group, Instant, Slice, Tip, Track, TrackKind},
    lanes::Lanes,
    names::Names,
};
use crate::span::UnixTime;

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The goroutines that are there, and the procs.
#[derive(Debug, Default)]
pub(super) struct States {
    goroutines: FastMap<GoroutineId, Goroutine>,
    procs: FastMap<ProcId, Proc>,
    count: Count,
    /// Whether the trace tells which goroutine runs where: a filter may have left that out.
    has_scheduling: bool,
}

/// A goroutine.
#[derive(Debug)]
pub(super) struct Goroutine {
    pub(super) track: Track,
    /// The function that it began with.
    function: Option<Arc<str>>,
    /// What it is called, with the function if that is known.
    label: Arc<str>,
    told: Told,
    state: GoroutineState,
    /// Why it is in that state.
    reason: Arc<str>,
    /// What it is called that it waits, if it does.
    wait: Option<Arc<str>>,
    /// Where in the source.
    place: Option<Arc<str>>,
    pub(super) since: UnixTime,
    /// From what made it able to run.
    woken: Option<Arrow>,
    /// What it runs on.
    proc: Option<ProcId>,
    pub(super) lanes: Lanes<Track>,
}

/// What the canvas knows of a goroutine's track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// That it is there.
    Track,
    /// Its name too.
    Name,
}

/// A proc.
#[derive(Debug)]
pub(super) struct Proc {
    track: Track,
    /// Who runs on it, and what that one is called.
    running: Option<(GoroutineId, Arc<str>)>,
    since: UnixTime,
    pub(super) lanes: Lanes<Track>,
}

impl States {
    pub(super) fn goroutine(&self, id: GoroutineId) -> Option<&Goroutine> {
        self.goroutines.get(&id)
    }

    /// Learns from any event which function its goroutine began with.
    pub(super) fn look_at(&mut self, event: &Event<'_>, names: &mut Names) {
        let Some(id) = event.goroutine() else { return };
        if let Some(goroutine) = self.goroutines.get_mut(&id) {
            goroutine.learn_function(id, || event.stack(), names);
        }
    }

    /// The goroutine, if it is there, with its track told.
    pub(super) fn told_goroutine<C: Canvas>(
        &mut self,
        id: GoroutineId,
        pen: &mut Pen<C>,
    ) -> io::Result<Option<&mut Goroutine>> {
        let Some(goroutine) = self.goroutines.get_mut(&id) else { return Ok(None) };
        goroutine.tell(false, pen)?;
        Ok(Some(goroutine))
    }

    pub(super) fn proc<C: Canvas>(&mut self, id: ProcId, pen: &mut Pen<C>) -> io::Result<&mut Proc> {
        match self.procs.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let track = pen.track(Group::Procs, id.0, 0);
                pen.canvas.track(track, Some(&format!("P{}", id.0)), TrackKind::Slices)?;
                Ok(place.insert(Proc::new(track)))
            }
        }
    }

    /// A goroutine goes from one state to another.
    pub(super) fn transition<C: Canvas>(
        &mut self,
        event: &Event<'_>,
        transition: &GoroutineTransition<'_>,
        time: UnixTime,
        names: &mut Names,
        pen: &mut Pen<C>,
    ) -> io::Result<()> {
        let Some(id) = transition.goroutine else { return Ok(()) };
        let is_status = matches!(event.event_type(), EventType::GoStatus | EventType::GoStatusStack);
        self.has_scheduling |= !is_status;
        let goroutine = match self.goroutines.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.count.change(1, time, pen)?;
                place.insert(Goroutine::new(id, pen.track(Group::Goroutines, id.0, 0), time))
            }
        };
        let time = time.max(goroutine.since);
        goroutine.learn_function(id, || transition.stack, names);
        if is_status && goroutine.state == transition.to {
            return Ok(());
        }
        goroutine.draw(time, pen)?;
        let label = Arc::clone(&goroutine.label);
        goroutine.state = transition.to;
        goroutine.since = time;
        let reason = transition.reason.as_bytes();
        goroutine.reason = names.text(reason);
        goroutine.wait = (transition.to == GoroutineState::Waiting).then(|| names.wait(reason));
        goroutine.place = transition.stack.and_then(|stack| names.place(stack));
        let before = goroutine.proc.take();
        if let Some(proc) = before {
            self.proc(proc, pen)?.stop(time, pen)?;
        }
        match transition.to {
            GoroutineState::Running => self.run(id, event.proc(), label, time, pen),
            GoroutineState::NotExist => {
                if let Some(mut goroutine) = self.goroutines.remove(&id) {
                    goroutine.tell(true, pen)?;
                }
                self.count.change(-1, time, pen)
            }
            _ => self.wake(event, id, &label, time, pen),
        }
    }

    /// The goroutine runs on the proc from now on.
    fn run<C: Canvas>(
        &mut self,
        id: GoroutineId,
        proc: Option<ProcId>,
        label: Arc<str>,
        time: UnixTime,
        pen: &mut Pen<C>,
    ) -> io::Result<()> {
        let Some(proc) = proc else { return Ok(()) };
        if let Some(goroutine) = self.goroutines.get_mut(&id) {
            goroutine.proc = Some(proc);
        }
        let proc = self.proc(proc, pen)?;
        proc.stop(time, pen)?;
        proc.running = Some((id, label));
        proc.since = proc.since.max(time);
        Ok(())
    }

    /// Where one goroutine has made another able to run, an arrow leads to when that runs.
    fn wake<C: Canvas>(
        &mut self,
        event: &Event<'_>,
        id: GoroutineId,
        label: &str,
        time: UnixTime,
        pen: &mut Pen<C>,
    ) -> io::Result<()> {
        use EventType as E;
        let verb = match event.event_type() {
            E::GoCreate | E::GoCreateBlocked => "create",
            E::GoUnblock | E::GoSwitch | E::GoSwitchDestroy => "unblock",
            _ => return Ok(()),
        };
        let Some(waker) = event.goroutine().filter(|&waker| waker != id) else { return Ok(()) };
        let Some(waker) = self.told_goroutine(waker, pen)? else { return Ok(()) };
        let arrow = pen.arrow();
        let instant = Instant {
            name: &format!("{verb} {label}"),
            category: "wake",
            time: time.max(waker.since),
            tip: Tip::From(arrow),
            details: &[],
        };
        pen.instant(waker.track, &instant)?;
        if let Some(goroutine) = self.goroutines.get_mut(&id) {
            goroutine.woken = Some(arrow);
        }
        Ok(())
    }

    /// Draws what goroutines and procs do at the end, and forgets them.
    pub(super) fn finish<C: Canvas>(&mut self, time: UnixTime, pen: &mut Pen<C>) -> io::Result<()> {
        let Self { goroutines, procs, has_scheduling, .. } = std::mem::take(self);
        if !has_scheduling {
            return Ok(());
        }
        let mut goroutines: Vec<_> = goroutines.into_iter().collect();
        goroutines.sort_unstable_by_key(|&(id, _)| id);
        for (_, mut goroutine) in goroutines {
            let time = time.max(goroutine.since);
            goroutine.draw(time, pen)?;
            goroutine.tell(true, pen)?;
        }
        let mut procs: Vec<_> = procs.into_iter().collect();
        procs.sort_unstable_by_key(|&(id, _)| id);
        for (_, mut proc) in procs {
            proc.stop(time, pen)?;
        }
        Ok(())
    }
}

/// How many goroutines there are.
#[derive(Debug, Default)]
struct Count {
    track: Option<Track>,
    goroutines: u64,
}

impl Count {
    fn change<C: Canvas>(&mut self, by: i64, time: UnixTime, pen: &mut Pen<C>) -> io::Result<()> {
        let track = match self.track {
            Some(track) => track,
            None => {
                let track = pen.track(Group::Metrics, 0, 0);
                pen.canvas.track(track, Some("goroutines"), TrackKind::Counts)?;
                *self.track.insert(track)
            }
        };
        self.goroutines = self.goroutines.saturating_add_signed(by);
        pen.count(track, time, self.goroutines)
    }
}

impl Goroutine {
    fn new(id: GoroutineId, track: Track, since: UnixTime) -> Self {
        Self {
            track,
            function: None,
            label: format!("G{}", id.0).into(),
            told: Told::Nothing,
            state: GoroutineState::Undetermined,
            reason: "".into(),
            wait: None,
            place: None,
            since,
            woken: None,
            proc: None,
            lanes: Lanes::default(),
        }
    }

    /// Learns from a stack of it which function it began with, where that is not known yet.
    fn learn_function<'t>(
        &mut self,
        id: GoroutineId,
        stack: impl FnOnce() -> Option<Stack<'t>>,
        names: &mut Names,
    ) {
        if self.function.is_some() {
            return;
        }
        self.function = stack().and_then(|stack| names.entry_function(stack));
        if let Some(function) = &self.function {
            self.label = format!("G{} {function}", id.0).into();
        }
    }

    /// What it does.
    fn doing(&self) -> &str {
        match self.state {
            GoroutineState::Runnable => "runnable",
            GoroutineState::Running => "running",
            GoroutineState::Syscall => "syscall",
            GoroutineState::Waiting => self.wait.as_deref().unwrap_or("waiting"),
            _ => "unknown",
        }
    }

    /// Tells the canvas of the track: its name once the function is known, or nobody will ever know it.
    fn tell<C: Canvas>(&mut self, is_over: bool, pen: &mut Pen<C>) -> io::Result<()> {
        let kind = TrackKind::Slices;
        let has_name = self.function.is_some() || is_over;
        match self.told {
            Told::Nothing | Told::Track if has_name => {
                self.told = Told::Name;
                pen.canvas.track(self.track, Some(&self.label), kind)
            }
            Told::Nothing => {
                self.told = Told::Track;
                pen.canvas.track(self.track, None, kind)
            }
            Told::Track | Told::Name => Ok(()),
        }
    }

    /// Draws what it did since it began that.
    fn draw<C: Canvas>(&mut self, time: UnixTime, pen: &mut Pen<C>) -> io::Result<()> {
        use GoroutineState as S;
        if !matches!(self.state, S::Runnable | S::Running | S::Syscall | S::Waiting) {
            return Ok(());
        }
        self.tell(false, pen)?;
        let mut details = Vec::new();
        details.extend(self.proc.map(|proc| Detail::new("proc", proc.0)));
        details.extend(self.place.as_deref().map(|place| Detail::new("at", place)));
        if !self.reason.is_empty() {
            details.push(Detail::new("reason", &*self.reason));
        }
        let arrow = if self.state == S::Running { self.woken.take() } else { None };
        let slice = Slice {
            name: self.doing(),
            category: "state",
            start: self.since,
            end: time,
            arrow,
            details: &details,
        };
        pen.slice(self.track, &slice)
    }
}

impl Proc {
    fn new(track: Track) -> Self {
        Self { track, running: None, since: UnixTime(0), lanes: Lanes::default() }
    }

    /// Draws who ran on it since that one began.
    fn stop<C: Canvas>(&mut self, time: UnixTime, pen: &mut Pen<C>) -> io::Result<()> {
        let Some((id, label)) = self.running.take() else { return Ok(()) };
        let end = time.max(self.since);
        let details = [Detail::new("goroutine", id.0)];
        let slice =
            Slice { name: &label, category: "proc", start: self.since, end, arrow: None, details: &details };
        self.since = end;
        pen.slice(self.track, &slice)
    }

    pub(super) fn track(&self) -> Track {
        self.track
    }
}
