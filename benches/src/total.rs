//! A checksum of all that events say, so that nothing of reading them is left out.

use std::fmt;

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    events: u64,
    checksum: u64,
}

impl Total {
    /// Adds what another part of the trace comes to.
    pub fn join(&mut self, Self { events, checksum }: Self) {
        self.events += events;
        self.checksum = self.checksum.wrapping_add(checksum);
    }

    /// Adds an event.
    #[inline]
    pub fn add(&mut self, time: u64, arguments: &[u64]) {
        // A match on the number of arguments and not a loop over them: decoding has just branched on the same number,
        // so that the processor predicts this one.
        let sum = match *arguments {
            [] => 0,
            [a] => a,
            [a, b] => a ^ b,
            [a, b, c] => a ^ b ^ c,
            ref more => more.iter().fold(0, |sum, argument| sum ^ argument),
        };
        self.events += 1;
        self.checksum = self.checksum.wrapping_add(time ^ sum);
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events, checksum {:016x}", self.events, self.checksum)
    }
}
