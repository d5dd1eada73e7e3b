//! What was checked, a line for each check.

use std::fmt::{Debug, Display};

/// Counts the checks that fail.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failures: u32,
}

impl Report {
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// One check.
    pub(crate) fn check(&mut self, what: &str, is_ok: bool, found: impl Display) {
        if is_ok {
            println!("ok      {what}: {found}");
        } else {
            self.failures += 1;
            println!("FAILED  {what}: {found}");
        }
    }

    /// What was found is what was expected.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: T, found: T) {
        if expected == found {
            self.check(what, true, format_args!("{found:?}"));
        } else {
            self.check(what, false, format_args!("expected {expected:?}, found {found:?}"));
        }
    }

    /// Of `total` things none is wrong; those that are say how.
    pub(crate) fn all(&mut self, what: &str, total: usize, wrong: &[String]) {
        const SHOWN: usize = 3;
        if wrong.is_empty() {
            return self.check(what, total > 0, format_args!("all {total}"));
        }
        let shown = wrong[..wrong.len().min(SHOWN)].join("; ");
        self.check(what, false, format_args!("{} of {total} are not: {shown}", wrong.len()));
    }

    /// There is none of what should not be.
    pub(crate) fn none(&mut self, what: &str, found: &[String]) {
        const SHOWN: usize = 3;
        let shown = found[..found.len().min(SHOWN)].join("; ");
        self.check(what, found.is_empty(), format_args!("{} {shown}", found.len()));
    }

    /// A figure, which is neither right nor wrong.
    pub(crate) fn figure(&self, what: &str, value: impl Display) {
        println!("        {what}: {value}");
    }
}
