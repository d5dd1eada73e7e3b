//! The proof of linear time counts the bytes that are looked at: only in the crate's own tests, not by a clock.

#[cfg(test)]
extern crate std;

#[cfg(test)]
std::thread_local! {
    static STEPS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Says that so many bytes were looked at.
#[inline(always)]
pub(crate) fn count(bytes: usize) {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + bytes));
    #[cfg(not(test))]
    let _ = bytes;
}

/// How many bytes a piece of work looks at.
#[cfg(test)]
pub(crate) fn counted(work: impl FnOnce()) -> usize {
    let before = STEPS.with(core::cell::Cell::get);
    work();
    STEPS.with(core::cell::Cell::get) - before
}
