//! The events of a selection, in order as far as what they tell of each other asks for it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    error::Error,
    event::Record,
    generation::Generation,
    losses::Losses,
    mode::Mode,
    order::IdLimits,
    selection::{
        Selection,
        causality::{Causality, Session},
        scan::{Found, Scan, Scanned, event_at},
    },
    sequence::{Sequencer, note_unknown_ids},
    spec::{EventType, MAX_ARGUMENTS},
    tables::Time,
};

/// Reads the events of a selection, generation after generation.
///
/// Those of a generation are found thread by thread and put in the order of their times. Where that cannot be the one in which
/// they happened, or something is damaged, or the reference's verdict is asked for, all events of the generation are put in order
/// instead, and the others left out.
#[derive(Debug)]
pub(crate) struct Selecting {
    selection: Selection,
    /// The events that were found in the generation, and how many of them have been made ready; `None` where all of its
    /// events are put in order.
    found: Option<Vec<Found>>,
    next: usize,
    /// The threads of the generation, in their order.
    threads: Vec<i64>,
    /// What each thread ran when the last generation ended, but those that ran nothing. Only kept while events are found: all else
    /// is known to the order.
    running: HashMap<i64, i64, RandomState>,
}

impl Selecting {
    pub(crate) fn new(selection: Selection) -> Self {
        Self { selection, found: None, next: 0, threads: Vec::new(), running: HashMap::default() }
    }

    /// Goes on where the reader of an earlier trace ended, which may have had another selection.
    pub(crate) fn follow(&mut self, earlier: Self) {
        (self.found, self.next, self.running) = (earlier.found, earlier.next, earlier.running);
    }

    /// Forgets who ran where.
    pub(crate) fn forget(&mut self) {
        self.running = HashMap::default();
    }

    /// Begins with the events of a generation.
    pub(crate) fn open(
        &mut self,
        generation: &Generation<'_>,
        mode: Mode,
        sequencer: &mut Sequencer,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let may_scan = mode == Mode::Salvage && !self.selection.needs_order() && generation.v1().is_none();
        let last = self.found.take();
        let was_ordered = last.is_none();
        self.next = 0;
        // The fork may leave out who runs where, and little else is left then.
        if may_scan && sequencer.is_scheduled_in(generation) {
            self.found = self.scan(generation, sequencer, last);
        }
        if self.found.is_some() {
            return Ok(());
        }
        if !was_ordered {
            sequencer.order().forget_scheduling();
            sequencer.order().assume_running(core::mem::take(&mut self.running).into_iter());
        }
        sequencer.open(generation, losses)
    }

    /// Makes events ready; `false` at the end of the generation.
    pub(crate) fn refill(
        &mut self,
        generation: &Generation<'_>,
        sequencer: &mut Sequencer,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let Some(found) = &self.found else {
            while sequencer.refill(generation, losses)? {
                if sequencer.select(self.selection) {
                    return Ok(true);
                }
            }
            return Ok(false);
        };
        let limits = IdLimits::of(&generation.tables);
        let (left, threads) = (&found[self.next..], &self.threads);
        let mut made = 0;
        let is_ready = sequencer.make_ready(|order, records| {
            for (found, record) in left.iter().zip(records) {
                *record = record_of(found, threads[found.thread as usize], generation);
                if !limits.hold(record.event_type, &record.arguments) {
                    note_unknown_ids(record, generation, losses);
                }
                order.tell_task(record);
                made += 1;
            }
            made
        });
        self.next += made;
        Ok(is_ready)
    }

    /// The events of a generation in the order of their times; `None` where they have to be put in order. `last` are those of the
    /// generation before, unless all of its events were put in order.
    fn scan(
        &mut self,
        generation: &Generation<'_>,
        sequencer: &mut Sequencer,
        last: Option<Vec<Found>>,
    ) -> Option<Vec<Found>> {
        let was_ordered = last.is_none();
        let mut scan = Scan::new(generation, self.selection, last.unwrap_or_default());
        scan.run()?;
        // There may be many more threads than this generation speaks of: what is done for each hangs on these alone.
        let mut changes: HashMap<i64, i64, RandomState> =
            scan.sleepers.iter().map(|sleeper| (sleeper.thread, sleeper.goroutine)).collect();
        for &Scanned { thread, last, before, first } in &scan.threads {
            let known = changes.get(&thread).copied().or_else(|| match was_ordered {
                true => sequencer.order().running_on(thread),
                false => self.running.get(&thread).copied(),
            });
            let session = known.map_or(Session::NONE, Session::since_beginning);
            scan.found[first..][..before].iter_mut().for_each(|found| found.session = session);
            changes.insert(thread, last.unwrap_or(session).goroutine);
        }
        scan.found.sort_by_key(|found| found.time);
        let mut causality = Causality::default();
        for found in &scan.found {
            let (event_type, arguments) = event_at(generation, found.position as usize)?;
            if !causality.allows(event_type, &arguments, found.session) {
                return None;
            }
        }
        if was_ordered {
            self.running = sequencer.order().running().collect();
        }
        self.running.extend(changes.iter());
        for (thread, _) in changes.iter().filter(|&(_, &goroutine)| goroutine == Record::NONE) {
            self.running.remove(thread);
        }
        self.threads = scan.threads.iter().map(|thread| thread.thread).collect();
        sequencer.pass_time(Time(scan.latest));
        Some(scan.found)
    }
}

fn record_of(found: &Found, thread: i64, generation: &Generation<'_>) -> Record {
    let (time, position) = (Time(found.time), found.position as usize);
    // It was read before.
    let (event_type, arguments) =
        event_at(generation, position).unwrap_or((EventType::Sync, [0; MAX_ARGUMENTS]));
    Record {
        event_type,
        time,
        raw_time: time,
        thread,
        proc: Record::NONE,
        goroutine: found.session.goroutine,
        arguments,
        is_name_inherited: false,
        is_time_assumed: false,
        offset: generation.offset(position),
    }
}
