//! Why goroutines stop and wait, each text once.

use go_trace_format::{Tables, event::StringId};
use indexmap::IndexSet;

use crate::{
    anatomy::{Doing, Waiting},
    profiles::account::Account,
};

/// A reason by its place in [`Reasons`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reason(pub(super) u16);

impl Reason {
    /// The trace tells none.
    pub(super) const NONE: Self = Self(0);
    /// The goroutine could run.
    pub(super) const RUNNABLE: Self = Self(1);
    /// It was in a system call.
    pub(super) const SYSCALL: Self = Self(2);
    /// It helped the garbage collector.
    pub(super) const ASSIST: Self = Self(3);
    /// One of those that there are too many of.
    pub(super) const OTHER: Self = Self(4);

    const FIXED: [&str; 5] = ["", "runnable", "syscall", "GC mark assist", "other"];
}

/// The reasons of a trace. The runtime has a few dozen, and names them before anything else in a generation: their ids
/// are small.
#[derive(Debug)]
pub(crate) struct Reasons {
    texts: IndexSet<Box<str>, foldhash::fast::RandomState>,
    /// Of each, where Go's tool counts the time of waiting.
    accounts: Vec<Option<Account>>,
    /// Of each, what a goroutine does that waits for it.
    waits: Vec<Doing>,
    by_id: [Option<Reason>; 64],
    left_out: u64,
}

impl Default for Reasons {
    fn default() -> Self {
        let mut reasons = Self {
            texts: IndexSet::default(),
            accounts: Vec::new(),
            waits: Vec::new(),
            by_id: [None; 64],
            left_out: 0,
        };
        Reason::FIXED.into_iter().for_each(|text| {
            reasons.insert(text);
        });
        reasons
    }
}

impl Reasons {
    /// A trace that counts its reasons up does not make the memory grow.
    const MOST: usize = 256;

    /// Strings of the next generation have ids of their own.
    pub(super) fn begin_generation(&mut self) {
        self.by_id = [None; 64];
    }

    #[inline]
    pub(super) fn number(&mut self, id: StringId, tables: &Tables<'_>) -> Reason {
        match usize::try_from(id.0).ok().and_then(|index| self.by_id.get(index)) {
            Some(&Some(known)) => known,
            _ => self.find_out(id, tables),
        }
    }

    #[cold]
    fn find_out(&mut self, id: StringId, tables: &Tables<'_>) -> Reason {
        let reason = self.intern(&tables.string(id).to_string_lossy());
        if let Some(place) = usize::try_from(id.0).ok().and_then(|index| self.by_id.get_mut(index)) {
            *place = Some(reason);
        }
        reason
    }

    pub(super) fn intern(&mut self, text: &str) -> Reason {
        match self.texts.get_index_of(text) {
            Some(known) => Reason(known as u16),
            None if self.texts.len() < Self::MOST => self.insert(text),
            None => {
                self.left_out += 1;
                Reason::OTHER
            }
        }
    }

    /// How often there was one too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    fn insert(&mut self, text: &str) -> Reason {
        self.accounts.push(account(text));
        self.waits.push(Waiting::from_reason(text.as_bytes()).into());
        Reason(self.texts.insert_full(text.into()).0 as u16)
    }

    pub(crate) fn text(&self, reason: Reason) -> &str {
        self.texts.get_index(reason.0.into()).map_or("", |text| text)
    }

    /// What a goroutine does that waits for this reason.
    #[inline]
    pub(super) fn wait(&self, reason: Reason) -> Doing {
        self.waits.get(usize::from(reason.0)).copied().unwrap_or(Doing::Other)
    }

    /// Which of the profiles of Go's tool has the time of waiting for this reason, if one has.
    #[inline]
    pub(super) fn account(&self, reason: Reason) -> Option<Account> {
        self.accounts.get(usize::from(reason.0)).copied().flatten()
    }
}

/// Go: `computePprofIO` and `computePprofBlock` in `cmd/trace/pprof.go`.
fn account(reason: &str) -> Option<Account> {
    match reason {
        "network" => Some(Account::Network),
        _ if ["chan", "sync", "select"].iter().any(|part| reason.contains(part)) => Some(Account::Block),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_are_too_many_are_one_and_counted() {
        let mut reasons = Reasons::default();
        let fixed = Reason::FIXED.len();
        for number in fixed..Reasons::MOST {
            let reason = reasons.intern(&format!("chan {number}"));
            assert_eq!(reasons.account(reason), Some(Account::Block));
        }
        assert_eq!(reasons.left_out(), 0);
        assert_eq!([reasons.intern("chan of mine"), reasons.intern("network")], [Reason::OTHER; 2]);
        assert_eq!((reasons.left_out(), reasons.text(Reason::OTHER)), (2, "other"));
        let known = reasons.intern(&format!("chan {fixed}"));
        assert_eq!((known, reasons.left_out()), (Reason(fixed as u16), 2));
    }
}
