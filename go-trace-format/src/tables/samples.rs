//! CPU samples. Go: `internal/trace.addCPUSamples` and `fixUpCPUSamples`.

use nom::{IResult, Parser, sequence::preceded};

use crate::{
    error::{Parse, Unread},
    spec::EventType,
    tables::{Clock, Time, for_each_record, opens},
    wire::varint,
};

/// One CPU sample. Ids are as on the wire; −1 is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuSample {
    pub(crate) time: Time,
    pub(crate) thread: i64,
    pub(crate) proc: i64,
    pub(crate) goroutine: i64,
    pub(crate) stack: u64,
    /// Where the sample begins in the generation's bytes.
    pub(crate) start: usize,
}

/// The CPU samples of a generation, in the order of their times once sealed.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuSamples(Vec<CpuSample>);

/// Time, thread, proc, goroutine and stack, as on the wire.
type Fields = (u64, u64, u64, u64, u64);

fn record(input: &[u8]) -> IResult<&[u8], Fields, Parse> {
    preceded(opens(EventType::CpuSample), (varint, varint, varint, varint, varint)).parse(input)
}

impl CpuSamples {
    /// Takes in the samples of a batch, whose body stands at `start` in the generation's bytes.
    pub(crate) fn add(&mut self, data: &[u8], start: usize) -> Result<(), Unread> {
        let samples = &mut self.0;
        for_each_record(data, record, |at, (time, thread, proc, goroutine, stack)| {
            samples.push(CpuSample {
                // In clock units until the generation's frequency is known.
                time: Time(time as i64),
                thread: thread as i64,
                proc: proc as i64,
                goroutine: if goroutine == 0 { -1 } else { goroutine as i64 },
                stack,
                start: start + at,
            });
        })
    }

    /// Turns clock units into times and sorts by them; samples of equal time keep the order of the file.
    pub(crate) fn seal(&mut self, clock: &Clock) {
        for sample in &mut self.0 {
            sample.time = clock.time(sample.time.0 as u64);
        }
        self.0.sort_by_key(|sample| sample.time);
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&CpuSample> {
        self.0.get(index)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
