//! What a generation is called among all generations, of all processes.

use crate::{
    generation::Generation,
    tables::{ClockSnapshot, Tables},
};

/// What tells a generation from all others, those of other processes too: its number, its first moment, and its clocks.
///
/// A flight recorder's snapshots repeat generations byte for byte, so that the same key means the same generation. It is
/// small and can be written down, for those who keep account of what they have read over restarts: see
/// [`Reader::leaving_out`](crate::Reader::leaving_out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GenerationKey {
    number: u64,
    start: i64,
    frequency: u64,
    /// The wall clock less the trace clock, where there is a snapshot, in nanoseconds.
    wall_offset: Option<i128>,
}

/// How far wall and trace clock of one process may move against each other from one generation to the next, in
/// nanoseconds: more than they drift in a second, and less than two processes of different machines differ by.
const DRIFT: u128 = 5_000_000_000;

/// How much later than a generation the next one may begin on the trace clock, in nanoseconds: generations take a second,
/// unless nobody asks for the next.
const NEXT_WITHIN: u64 = 600_000_000_000;

impl Generation<'_> {
    /// What tells it from all other generations.
    #[must_use]
    pub fn key(&self) -> GenerationKey {
        self.tables().generation_key()
    }
}

impl Tables<'_> {
    /// What tells the generation that they are of from all others.
    pub(crate) fn generation_key(&self) -> GenerationKey {
        GenerationKey::of(self)
    }
}

impl GenerationKey {
    /// How many bytes a key has, written down.
    pub const LENGTH: usize = 41;

    fn of(tables: &Tables<'_>) -> Self {
        let clock = &tables.clock;
        let offset = |snapshot: &ClockSnapshot| snapshot.wall.0 - i128::from(snapshot.trace.0);
        Self {
            number: tables.generation,
            start: tables.origin.unwrap_or(tables.start.0),
            frequency: clock.frequency(),
            wall_offset: clock.snapshot().map(offset),
        }
    }

    /// The generation's number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) const fn has_wall_clock(&self) -> bool {
        self.wall_offset.is_some()
    }

    /// Whether it comes directly after `earlier`, for all that numbers and clocks tell. Processes of one machine that are
    /// recorded at the same time may look alike; their [threads](Generation::threads) tell them apart.
    #[must_use]
    pub fn follows(&self, earlier: &Self) -> bool {
        earlier.number.wrapping_add(1) == self.number && self.may_come_after(earlier)
    }

    /// Whether it comes directly after `earlier`, of which it is known that it is of the same input or of the same origin:
    /// by number and trace clock, however the wall clock was set between the two.
    ///
    /// In one trace that is enough. Between two traces of one origin [`Threads::has_common`](crate::Threads::has_common)
    /// should say so too.
    #[must_use]
    pub fn goes_on_from(&self, earlier: &Self) -> bool {
        earlier.number.wrapping_add(1) == self.number
            && earlier.frequency == self.frequency
            && earlier.start <= self.start
            && earlier.start.abs_diff(self.start) <= NEXT_WITHIN
    }

    /// Whether it may come after `earlier`, with others between: on the same machine, and not before.
    #[must_use]
    pub fn may_come_after(&self, earlier: &Self) -> bool {
        let agree = match (earlier.wall_offset, self.wall_offset) {
            (Some(earlier), Some(own)) => earlier.abs_diff(own) <= DRIFT,
            _ => true,
        };
        agree && earlier.frequency == self.frequency && earlier.start <= self.start
    }

    /// The key, written down.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.start.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.frequency.to_le_bytes());
        bytes[24] = u8::from(self.wall_offset.is_some());
        bytes[25..].copy_from_slice(&self.wall_offset.unwrap_or(0).to_le_bytes());
        bytes
    }

    /// The key that these bytes stand for; none where they are not [one written down](Self::to_bytes).
    ///
    /// ```
    /// use go_trace_format::GenerationKey;
    ///
    /// let bytes = [1; GenerationKey::LENGTH];
    /// let key = GenerationKey::from_bytes(&bytes).expect("a key");
    /// assert_eq!(key.to_bytes(), bytes);
    /// assert_eq!(GenerationKey::from_bytes(&[2; 41]), None);
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        let (frequency, rest) = rest.split_first_chunk()?;
        let ([has_offset], rest) = rest.split_first_chunk()?;
        let offset = i128::from_le_bytes(rest.try_into().ok()?);
        let wall_offset = match (has_offset, offset) {
            (0, 0) => None,
            (1, offset) => Some(offset),
            _ => return None,
        };
        Some(Self {
            number: u64::from_le_bytes(*number),
            start: i64::from_le_bytes(*start),
            frequency: u64::from_le_bytes(*frequency),
            wall_offset,
        })
    }
}
