//! How often and how long, by what, why and where.

use indexmap::IndexMap;

use crate::profiles::{reasons::Reason, stacks::StackNumber};

/// What time is counted as.
///
/// The first four are what goroutines do, all of the time, by their own stacks. The next four are what Go's tool makes of the
/// same events by rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Account {
    Running,
    Runnable,
    Waiting,
    InSyscall,
    Network,
    Block,
    Syscall,
    Scheduler,
    Samples,
    Gc,
}

/// An account, a reason and a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) account: Account,
    pub(super) reason: Reason,
    pub(super) stack: StackNumber,
}

/// How often, and how long altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) count: u64,
    pub(super) nanoseconds: u64,
}

impl Total {
    pub(super) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.nanoseconds = self.nanoseconds.saturating_add(other.nanoseconds);
    }
}

/// The totals.
#[derive(Debug)]
pub(super) struct Ledger {
    totals: IndexMap<u64, Total, foldhash::fast::RandomState>,
    most: usize,
    /// How often there was no room for a total.
    left_out: u64,
}

impl Key {
    /// Assists of the garbage collector that began somewhere.
    pub(super) fn of_assist(stack: StackNumber) -> Self {
        Self { account: Account::Gc, reason: Reason::ASSIST, stack }
    }

    /// In one number, which is hashed at once.
    #[inline]
    fn number(self) -> u64 {
        u64::from(self.stack.0) << 32 | u64::from(self.reason.0) << 8 | u64::from(self.account as u8)
    }

    fn of_number(number: u64) -> Option<Self> {
        Some(Self {
            account: *ACCOUNTS.get(usize::from(number as u8))?,
            reason: Reason((number >> 8) as u16),
            stack: StackNumber((number >> 32) as u32),
        })
    }
}

const ACCOUNTS: [Account; 10] = [
    Account::Running,
    Account::Runnable,
    Account::Waiting,
    Account::InSyscall,
    Account::Network,
    Account::Block,
    Account::Syscall,
    Account::Scheduler,
    Account::Samples,
    Account::Gc,
];

impl Ledger {
    pub(super) fn new(most: usize) -> Self {
        Self { totals: IndexMap::default(), most, left_out: 0 }
    }

    /// Counts once more, with so much time.
    #[inline]
    pub(super) fn add(&mut self, key: Key, nanoseconds: u64) {
        let once = Total { count: 1, nanoseconds };
        match self.totals.get_mut(&key.number()) {
            Some(total) => total.add(once),
            None => self.open(key, once),
        }
    }

    #[cold]
    fn open(&mut self, key: Key, total: Total) {
        let key = match self.totals.len() < self.most {
            true => key,
            false if key.stack == StackNumber::NONE || key.stack == StackNumber::OTHER => key,
            // As many as there are accounts and reasons.
            false => {
                self.left_out += 1;
                Key { stack: StackNumber::OTHER, ..key }
            }
        };
        self.totals.entry(key.number()).or_default().add(total);
    }

    /// How often a total of its own was one too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, Total)> + '_ {
        self.totals.iter().filter_map(|(&number, &total)| Some((Key::of_number(number)?, total)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_number() {
        for (place, account) in ACCOUNTS.into_iter().enumerate() {
            assert_eq!(account as usize, place);
            let key = Key { account, reason: Reason(0x1234), stack: StackNumber(0xfedc_ba98) };
            assert_eq!(Key::of_number(key.number()), Some(key));
        }
    }
}
