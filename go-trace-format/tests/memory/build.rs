//! Traces that no program writes, put together by hand.

use crate::support::mutate::put_varint;

/// A trace of Go 1.26's format that grows.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    pub(crate) bytes: Vec<u8>,
    generation: u64,
}

pub(crate) const STACKS: u8 = 2;
pub(crate) const STACK: u8 = 3;
pub(crate) const STRINGS: u8 = 4;
pub(crate) const STRING: u8 = 5;
pub(crate) const CPU_SAMPLES: u8 = 6;
pub(crate) const CPU_SAMPLE: u8 = 7;
pub(crate) const PROC_STATUS: u8 = 13;
pub(crate) const GO_STATUS: u8 = 25;
pub(crate) const STW_BEGIN: u8 = 26;
pub(crate) const HEAP_ALLOC: u8 = 37;
pub(crate) const GO_LABEL: u8 = 39;
pub(crate) const USER_TASK_BEGIN: u8 = 40;
pub(crate) const USER_REGION_BEGIN: u8 = 42;
const FREQUENCY: u8 = 8;
const SYNC: u8 = 50;
const CLOCK_SNAPSHOT: u8 = 51;
const END_OF_GENERATION: u8 = 52;

/// One record: its number and its arguments, the time delta first where it has one.
pub(crate) type Record<'a> = (u8, &'a [u64]);

impl Builder {
    /// A trace with the sync batch of its first generation.
    pub(crate) fn new() -> Self {
        let mut builder = Self { bytes: b"go 1.26 trace\0\0\0".to_vec(), generation: 1 };
        builder.sync();
        builder
    }

    fn sync(&mut self) {
        let mut body = vec![SYNC];
        put(&mut body, (FREQUENCY, &[15_625_000]));
        put(&mut body, (CLOCK_SNAPSHOT, &[0, 1, 1, 1]));
        self.batch(u64::MAX, 1, &body);
    }

    /// Ends the generation and begins the next.
    pub(crate) fn next_generation(&mut self) {
        self.bytes.push(END_OF_GENERATION);
        self.generation += 1;
        self.sync();
    }

    /// The generation that the following batches say they are of.
    pub(crate) fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// The finished trace.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END_OF_GENERATION);
        self.bytes
    }

    /// A batch with this body.
    pub(crate) fn batch(&mut self, thread: u64, time: u64, body: &[u8]) {
        self.bytes.push(1);
        for number in [self.generation, thread, time, body.len() as u64] {
            put_varint(&mut self.bytes, number);
        }
        self.bytes.extend_from_slice(body);
    }

    /// Batches of one thread with these records, `opening` before the first of each batch.
    pub(crate) fn records<const N: usize>(
        &mut self,
        thread: u64,
        opening: &[u8],
        records: impl IntoIterator<Item = (u8, [u64; N])>,
    ) {
        let mut body = opening.to_vec();
        for (number, arguments) in records {
            put(&mut body, (number, &arguments));
            if body.len() > 60 << 10 {
                self.batch(thread, 1, &body);
                body.truncate(opening.len());
            }
        }
        self.batch(thread, 1, &body);
    }

    /// Puts proc 0 and goroutine 1 on thread 0.
    pub(crate) fn running(&mut self) {
        self.records(0, &[], [(PROC_STATUS, [1, 0, 1])]);
        self.records(0, &[], [(GO_STATUS, [1, 1, 0, 2])]);
    }
}

fn put(body: &mut Vec<u8>, (number, arguments): Record<'_>) {
    body.push(number);
    arguments.iter().for_each(|&argument| put_varint(body, argument));
}
