//! Batches and generations: their frames, their order, their ends, and the sync batch.
//!
//! Go: `internal/trace.readBatch`, `readGeneration` and `setSyncBatch`.

use go_trace_format::{
    Dialect, EventType as E, Version,
    event::ThreadId,
    spec::Experiment,
    write::{Body, RawRecord, Writer},
};

use crate::canned::script::{Case, Script, WALL, accepted, proc, rejected, script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = frames();
    cases.extend(generations());
    cases.extend(sync_batches());
    cases.extend(event_streams());
    cases
}

/// A trace whose batches are said one by one.
pub(crate) struct Raw {
    pub(crate) trace: Writer<Vec<u8>>,
}

impl Raw {
    pub(crate) fn new(version: Version) -> Self {
        Self { trace: Writer::new(Vec::new(), version, Dialect::Stock).unwrap() }
    }

    /// A batch of records that are numbers.
    pub(crate) fn batch(&mut self, generation: u64, thread: i64, records: &[(E, &[u64])]) {
        let mut body = Body::new(self.trace.version(), self.trace.dialect());
        for &(event_type, arguments) in records {
            body.push(&RawRecord::Plain { event_type, arguments }).unwrap();
        }
        self.bytes(generation, thread, body.as_bytes());
    }

    pub(crate) fn bytes(&mut self, generation: u64, thread: i64, body: &[u8]) {
        self.trace.batch(generation, ThreadId(thread), 100, body).unwrap();
    }

    /// The sync batch that the version wants.
    pub(crate) fn sync(&mut self, generation: u64) {
        if self.trace.version().has_sync_batch() {
            self.batch(generation, -1, &[(E::Sync, &[]), (E::Frequency, &[15_625_000]), SNAPSHOT]);
        } else {
            self.batch(generation, -1, &[(E::Frequency, &[15_625_000])]);
        }
    }

    pub(crate) fn end(&mut self) {
        self.trace.end_of_generation().unwrap();
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.trace.get_mut().extend(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.trace.into_inner()
    }
}

const SNAPSHOT: (E, &[u64]) = (E::ClockSnapshot, &[1, 6_400, (WALL.0 / 1_000_000_000) as u64, 123_456_789]);

fn raw(version: Version, write: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut raw = Raw::new(version);
    write(&mut raw);
    raw.finish()
}

fn frames() -> Vec<Case> {
    vec![
        accepted("nothing after the header", || raw(Version::Go126, |_| {})),
        rejected("nothing after the header of Go 1.25", "no frequency", || raw(Version::Go125, |_| {})),
        accepted("batches without a body", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.bytes(1, 0, &[]);
                r.bytes(1, 0, &[E::ProcStatus as u8, 1, 0, 1]);
                r.bytes(1, 0, &[]);
                r.end();
            })
        }),
        accepted("numbers longer than they need be", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.put(&[1, 0x81, 0x80, 0, 0x85, 0, 0xe4, 0, 0x86, 0x80, 0x80, 0x80, 0]);
                r.put(&[E::ProcStatus as u8, 0x81, 0, 0x80, 0, 1]);
                r.end();
            })
        }),
        rejected("number of more than 64 bits", "overflows", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.put(&[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 100, 0]);
                r.end();
            })
        }),
        rejected("batch over the limit", "invalid batch size", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                let arguments = &[1, 0, 100, 65_537];
                r.trace.record(&RawRecord::Plain { event_type: E::EventBatch, arguments }).unwrap();
                r.put(&[0; 65_537]);
                r.end();
            })
        }),
        rejected("no batch where one should be", "expected batch event", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.put(&[7]);
            })
        }),
        rejected("cut inside a batch", "failed to read full batch", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.put(&[1, 1, 0, 100, 9, 10, 1]);
            })
        }),
        accepted("cut before the experiment of a batch", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.put(&[49]);
            })
        }),
        accepted("cut after the first byte of the second generation", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.end();
                r.put(&[49]);
            })
        }),
        rejected("cut in the head of a batch of the second generation", "", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.end();
                r.put(&[1, 2]);
            })
        }),
        rejected("cut inside a batch of the second generation", "failed to read full batch", || {
            raw(Version::Go125, |r| {
                r.sync(1);
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.put(&[1, 2, 0, 100, 9, 10, 1]);
            })
        }),
        accepted("experiment's batches", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.trace.experimental_batch(Experiment::ALLOC_FREE, 1, ThreadId(3), 100, b"anything").unwrap();
                r.trace.experimental_batch(Experiment::ALLOC_FREE, 1, ThreadId(-1), 100, b"").unwrap();
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.end();
            })
        }),
        accepted("experiment 0 is no experiment", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                let body = [E::ProcStatus as u8, 1, 0, 1];
                r.trace.experimental_batch(Experiment(0), 1, ThreadId(3), 100, &body).unwrap();
                r.end();
            })
        }),
    ]
}

fn generations() -> Vec<Case> {
    vec![
        accepted("generation 2 follows 1 in Go 1.25", || two_generations(Version::Go125, 2)),
        rejected("generation 3 follows 1 in Go 1.25", "out of order", || two_generations(Version::Go125, 3)),
        accepted("generation 3 follows 1 in Go 1.26", || two_generations(Version::Go126, 3)),
        accepted("generation 1 follows 7 in Go 1.26", || two_generations_from(7, Version::Go126, 1)),
        rejected("generation 0", "invalid generation number", || raw(Version::Go126, |r| r.sync(0))),
        rejected("generations are interleaved", "interleaved", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.batch(2, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.end();
            })
        }),
        rejected("generations are interleaved in Go 1.23", "out of order", || {
            raw(Version::Go123, |r| {
                r.batch(3, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.batch(2, 0, &[(E::ProcStatus, &[1, 1, proc::RUNNING])]);
                r.sync(3);
            })
        }),
        rejected("end of generation is missing", "incomplete generation", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
            })
        }),
        rejected("end of generation twice", "no frequency", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.end();
                r.end();
            })
        }),
        rejected("end of generation in Go 1.25", "invalid generation number", || {
            raw(Version::Go125, |r| {
                r.sync(1);
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.put(&[0x34]);
            })
        }),
        accepted("batch that begins as the end of a generation", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.bytes(1, -1, &[0x34]);
            })
        }),
        accepted("generations overlap in time", || {
            let mut s = Script::new();
            s.running(0, 0, 1);
            s.at(1_000, 0, E::HeapAlloc, &[1]);
            s.next_generation();
            s.at(900, 0, E::ProcStatus, &[0, proc::RUNNING]);
            s.at(901, 0, E::GoStatus, &[1, 0, 2]);
            s.at(902, 0, E::HeapAlloc, &[2]);
            s.bytes()
        }),
    ]
}

fn two_generations(version: Version, second: u64) -> Vec<u8> {
    two_generations_from(1, version, second)
}

fn two_generations_from(first: u64, version: Version, second: u64) -> Vec<u8> {
    raw(version, |r| {
        for generation in [first, second] {
            r.sync(generation);
            r.batch(generation, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
            if version.has_end_of_generation() {
                r.end();
            }
        }
    })
}

fn sync_batches() -> Vec<Case> {
    /// A trace whose only sync records are these, before a batch of events.
    fn with(version: Version, batches: &[&[(E, &[u64])]]) -> Vec<u8> {
        raw(version, |r| {
            for records in batches {
                r.batch(1, -1, records);
            }
            r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
            if version.has_end_of_generation() {
                r.end();
            }
        })
    }
    const FREQUENCY: (E, &[u64]) = (E::Frequency, &[1_000_000_000]);
    const OPENING: (E, &[u64]) = (E::Sync, &[]);
    vec![
        accepted("sync batch in two parts, in the other order", || {
            with(Version::Go126, &[&[OPENING, SNAPSHOT], &[OPENING, FREQUENCY]])
        }),
        accepted("sync batch after the events", || {
            raw(Version::Go126, |r| {
                r.batch(1, 0, &[(E::ProcStatus, &[1, 0, proc::RUNNING])]);
                r.sync(1);
                r.end();
            })
        }),
        rejected("no frequency", "no frequency", || with(Version::Go126, &[&[OPENING, SNAPSHOT]])),
        accepted("frequency 0", || with(Version::Go126, &[&[OPENING, (E::Frequency, &[0]), SNAPSHOT]])),
        rejected("frequency 0 and then another", "multiple frequency", || {
            with(Version::Go126, &[&[OPENING, (E::Frequency, &[0]), FREQUENCY, SNAPSHOT]])
        }),
        accepted("frequency that gives fractions of nanoseconds", || {
            with(Version::Go123, &[&[(E::Frequency, &[3_000_000_007])]])
        }),
        accepted("one tick per second", || with(Version::Go123, &[&[(E::Frequency, &[1])]])),
        rejected("no clock snapshot", "no clock snapshot", || with(Version::Go125, &[&[OPENING, FREQUENCY]])),
        rejected("frequency twice", "multiple frequency", || {
            with(Version::Go126, &[&[OPENING, FREQUENCY, FREQUENCY, SNAPSHOT]])
        }),
        rejected("clock snapshot twice", "multiple clock snapshot", || {
            with(Version::Go126, &[&[OPENING, FREQUENCY, SNAPSHOT, SNAPSHOT]])
        }),
        rejected("frequency twice in Go 1.22", "multiple frequency", || {
            with(Version::Go122, &[&[FREQUENCY], &[FREQUENCY]])
        }),
        rejected("lone frequency in Go 1.25", "no frequency", || with(Version::Go125, &[&[FREQUENCY]])),
        rejected("another record in the sync batch", "expected frequency or clock snapshot event", || {
            with(Version::Go126, &[&[OPENING, FREQUENCY, SNAPSHOT, (E::ProcStop, &[1])]])
        }),
        accepted("frequency is cut", || {
            raw(Version::Go126, |r| {
                r.bytes(1, -1, &[E::Sync as u8, E::Frequency as u8]);
                r.end();
            })
        }),
        accepted("clock snapshot is cut between its numbers", || {
            raw(Version::Go126, |r| {
                r.bytes(1, -1, &[E::Sync as u8, E::Frequency as u8, 1, E::ClockSnapshot as u8, 1, 2]);
                r.end();
            })
        }),
        rejected("clock snapshot is cut inside a number", "", || {
            raw(Version::Go126, |r| {
                r.bytes(1, -1, &[E::Sync as u8, E::Frequency as u8, 1, E::ClockSnapshot as u8, 1, 0x80]);
                r.end();
            })
        }),
        rejected("clock snapshot among the events", "bad event type found while ordering", || {
            raw(Version::Go126, |r| {
                r.sync(1);
                r.batch(1, 0, &[SNAPSHOT]);
                r.end();
            })
        }),
    ]
}

fn event_streams() -> Vec<Case> {
    /// A generation with these bytes as the body of a batch of thread 0.
    fn events(body: &[u8]) -> Vec<u8> {
        raw(Version::Go126, |r| {
            r.sync(1);
            r.bytes(1, 0, body);
            r.end();
        })
    }
    vec![
        rejected("event that does not exist", "event without a timestamp", || events(&[99, 1])),
        rejected("event 0", "event without a timestamp", || events(&[0])),
        rejected("event of the fork", "event without a timestamp", || events(&[54, 1, 1, 1, 0, 0])),
        rejected("record of a table among the events", "", || {
            events(&[E::ProcStatus as u8, 1, 0, 1, E::String as u8, 1])
        }),
        rejected("cut inside an event", "", || events(&[E::ProcStatus as u8, 1, 0])),
        rejected("cut inside the second event", "", || {
            events(&[E::ProcStatus as u8, 1, 0, 1, E::ProcStop as u8])
        }),
        rejected("number of an event of more than 64 bits", "invalid uvarint", || {
            events(&[E::ProcStatus as u8, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1])
        }),
        accepted("threads take turns at the same time", || {
            script(|s| {
                for thread in 0..5 {
                    s.at(100, thread, E::ProcStatus, &[thread as u64, proc::RUNNING]);
                    s.at(100, thread, E::HeapAlloc, &[thread as u64]);
                    s.at(101, thread, E::HeapAlloc, &[10 + thread as u64]);
                }
            })
        }),
    ]
}
