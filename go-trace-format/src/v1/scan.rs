//! The first reading: every record is checked, tables are filled, and it is noted where each proc's batches are.
//!
//! Go: `tracev1.parser.collectBatchesAndCPUSamples` and `parseEvent`.

use core::ops::Range;

use crate::{
    cut::is_header,
    error::Error,
    header::HEADER_LENGTH,
    id::StringId,
    losses::{Loss, Losses},
    mode::Mode,
    spec::Version,
    tables::Tables,
    v1::{
        fault::FaultV1,
        raw::{RawRecord, read},
        spec::{Kind, Layout},
        trace::{Exit, NEAR, Sample, TraceV1},
    },
};

/// How many records behind what looks like the head of a batch have to be readable for it to be one.
const BEARING_OUT: usize = 16;

/// How many procs a trace may have that is not as it should be. Go has never allowed more than 1,024 before Go 1.10, and more than
/// processors hardly ever.
const MOST_PROCS: u64 = 1 << 16;

/// How far apart the clocks of processors may be, in ticks: over a second. A proc goes from one to another within a batch, and up to
/// Go 1.20 the difference is written down whatever it is.
const APART: u64 = 1 << 30;

/// The number of what is of no proc.
const NO_PROC: u64 = u64::MAX;

/// Reads a trace for the first time, as far as its bytes have come.
#[derive(Debug)]
pub(crate) struct Scan {
    trace: TraceV1,
    mode: Mode,
    position: usize,
    /// The last time of the batch under way, and up to Go 1.6 the last number.
    time: i64,
    sequence: i64,
    /// Whether the batch under way has had an event.
    has_events: bool,
    damage: Option<Damage>,
    /// The times of the last two batches: one of them may be wrong.
    anchors: [Option<i64>; 2],
}

/// What is being passed over.
#[derive(Clone, Copy, Debug)]
struct Damage {
    start: usize,
    fault: FaultV1,
}

/// How far the first reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed.
    Short,
    /// All has been read.
    End,
    /// The header of another trace begins.
    Header,
}

impl Scan {
    /// Begins behind the header, at a position of the bytes that it will be given.
    pub(crate) fn new(version: Version, mode: Mode, position: usize) -> Self {
        Self {
            trace: TraceV1::new(Layout::of(version)),
            mode,
            position,
            time: 0,
            sequence: 0,
            has_events: false,
            damage: None,
            anchors: [None; 2],
        }
    }

    /// How far it has come.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Whether there is anything to put in order.
    pub(crate) fn has_events(&self) -> bool {
        self.trace.has_events()
    }

    /// Whether nothing says what a tick is.
    pub(crate) fn is_without_frequency(&self) -> bool {
        self.trace.frequency().is_none()
    }

    /// What was found.
    pub(crate) fn into_trace(mut self) -> TraceV1 {
        self.trace.seal();
        self.trace
    }

    /// Goes on. `is_all` says whether no more bytes will come; the first of them stands at `base` in the input.
    pub(crate) fn go_on(
        &mut self,
        bytes: &[u8],
        base: u64,
        is_all: bool,
        tables: &mut Tables<'_>,
        losses: &mut Losses,
    ) -> Result<Progress, Error> {
        while self.position < bytes.len() {
            if self.mode == Mode::Salvage && bytes[self.position] == b'g' {
                let rest = &bytes[self.position..];
                if is_header(rest) {
                    self.end(bytes, base, losses);
                    return Ok(Progress::Header);
                }
                if rest.len() < HEADER_LENGTH && !is_all {
                    return Ok(Progress::Short);
                }
            }
            if self.damage.is_some() && !is_all && bytes.len() - self.position < LOOK_AHEAD {
                return Ok(Progress::Short);
            }
            if self.damage.is_some() && !self.begins_batch(bytes, self.position) {
                self.position += 1;
                continue;
            }
            self.end_damage(base, losses);
            let start = self.position;
            let taken = read(bytes, start, &self.trace.layout).and_then(|record| {
                match self.take(&record, start, bytes, tables) {
                    Err(fault) if self.mode == Mode::Salvage && fault.is_of_one_record() => {
                        losses.add(loss(base, start..record.end, fault));
                        Ok(record.end)
                    }
                    taken => taken.map(|()| record.end),
                }
            });
            match taken {
                Ok(end) => {
                    self.position = end;
                    self.trace.end_batch(end, self.has_events.then_some(self.time));
                }
                Err(FaultV1::Cut) if !is_all => return Ok(Progress::Short),
                Err(fault) if self.mode == Mode::Strict => {
                    return Err(Error::RecordV1 { offset: base + start as u64, fault });
                }
                Err(fault) => {
                    self.damage = Some(Damage { start, fault });
                    self.position += 1;
                }
            }
        }
        if is_all {
            self.end(bytes, base, losses);
        }
        Ok(if is_all { Progress::End } else { Progress::Short })
    }

    /// Leaves out what stands apart now that all is known.
    fn end(&mut self, bytes: &[u8], base: u64, losses: &mut Losses) {
        self.end_damage(base, losses);
        if self.mode == Mode::Salvage {
            let mut say = |bytes, time| losses.add(loss(base, bytes, FaultV1::ImplausibleTime { time }));
            self.trace.leave_out_far(&mut say);
            self.trace.leave_out_alone(bytes, say);
        }
    }

    /// Says what was passed over.
    fn end_damage(&mut self, base: u64, losses: &mut Losses) {
        if let Some(Damage { start, fault }) = self.damage.take() {
            losses.add(loss(base, start..self.position, fault));
        }
    }

    /// Whether a batch begins at a position: one that can be, with records behind it that can be read.
    fn begins_batch(&self, bytes: &[u8], position: usize) -> bool {
        let layout = &self.trace.layout;
        let Ok(head) = read(bytes, position, layout) else { return false };
        let time = head.arguments[layout.leading] as i64;
        let mut anchors = self.anchors.iter().flatten().peekable();
        let is_near = anchors.peek().is_none() || anchors.any(|anchor| anchor.abs_diff(time) < NEAR);
        if head.kind != Kind::Batch || !may_be_proc(head.arguments[0]) || !is_near {
            return false;
        }
        let mut position = head.end;
        for _ in 0..BEARING_OUT {
            match read(bytes, position, layout) {
                Ok(record) => position = record.end,
                Err(FaultV1::Cut) => return true,
                Err(_) => return is_header(&bytes[position..]),
            }
        }
        true
    }

    /// Takes in a record.
    #[inline(always)]
    fn take(
        &mut self,
        record: &RawRecord,
        start: usize,
        bytes: &[u8],
        tables: &mut Tables<'_>,
    ) -> Result<(), FaultV1> {
        if !record.kind.is_timed() || record.kind == Kind::CpuSample {
            return self.take_other(record, start, bytes, tables);
        }
        if self.trace.batches.is_empty() {
            return Err(FaultV1::NoBatch);
        }
        let leading = self.trace.layout.leading;
        let time = self.time.wrapping_add(record.arguments[leading - 1] as i64);
        if self.mode == Mode::Salvage && time < self.time && time.abs_diff(self.time) >= APART {
            // No clock goes back so far. Behind it, no time of the batch would be right.
            return Err(FaultV1::Backwards { time });
        }
        self.sequence = self.sequence.wrapping_add(record.arguments[0] as i64);
        self.time = time;
        if !self.has_events {
            self.has_events = true;
            self.trace.note_first(self.time);
        }
        if record.kind == Kind::GoSysExit {
            let key = if leading == 1 { self.time } else { self.sequence };
            self.trace.exits.extend(Exit::moved(
                &record.arguments[leading..],
                leading,
                key,
                self.time,
                start,
            ));
        }
        Ok(())
    }

    /// Takes in what is no event of its proc: batches, tables, samples, facts.
    #[inline(never)]
    fn take_other(
        &mut self,
        record: &RawRecord,
        start: usize,
        bytes: &[u8],
        tables: &mut Tables<'_>,
    ) -> Result<(), FaultV1> {
        let [first, second, third, fourth, fifth] = record.arguments;
        match record.kind {
            Kind::Batch => return self.begin_batch(record, start),
            // Before the first batch the reference passes over strings.
            Kind::String if self.trace.batches.is_empty() => {}
            _ if self.trace.batches.is_empty() => return Err(FaultV1::NoBatch),
            Kind::String if first == 0 || record.place.length() == 0 => return Err(FaultV1::EmptyString),
            Kind::String => tables.strings.insert(StringId(first), record.place),
            Kind::Stack => {
                let has_symbols = self.trace.layout.version.has_symbols();
                tables.stacks.insert(u64::from(first as u32), record.place, bytes, has_symbols);
            }
            Kind::Frequency if (first as i64) <= 0 => return Err(FaultV1::InvalidFrequency),
            Kind::Frequency => self.trace.frequency = Some(first),
            Kind::TimerGoroutine => _ = self.trace.timers.insert(first),
            _ => {
                let time = second as i64;
                let (proc, stack) = (third as i32, fifth as u32);
                self.trace.samples.push(Sample { time, goroutine: fourth, start, proc, stack });
            }
        }
        Ok(())
    }

    fn begin_batch(&mut self, record: &RawRecord, start: usize) -> Result<(), FaultV1> {
        let proc = record.arguments[0];
        if proc != NO_PROC && proc > i32::MAX as u64 {
            return Err(FaultV1::InvalidProc { proc });
        }
        self.trace.begin_batch(proc as i32, start);
        self.has_events = false;
        self.sequence = record.arguments[1] as i64;
        self.time = record.arguments[self.trace.layout.leading] as i64;
        self.anchors = [self.anchors[1], Some(self.time)];
        Ok(())
    }
}

/// The number of the one generation that a trace of format v1 is.
pub(crate) const GENERATION: u64 = 1;

/// So many bytes are there when it is asked whether a batch begins, so that the answer does not hang on how they come.
const LOOK_AHEAD: usize = 64 << 10;

/// What is left out for a fault. `base` is where the first byte stands in the input.
fn loss(base: u64, bytes: Range<usize>, fault: FaultV1) -> Loss {
    let error = Error::RecordV1 { offset: base + bytes.start as u64, fault };
    Loss { error, generation: Some(GENERATION), thread: None, bytes: bytes.len() as u64 }
}

fn may_be_proc(proc: u64) -> bool {
    proc == NO_PROC || proc < MOST_PROCS
}
