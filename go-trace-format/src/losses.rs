//! What a damaged trace has lost: said, never silent.

use core::fmt;

use crate::{error::Error, id::ThreadId};

/// How many losses are kept one by one; beyond it they are only counted.
const KEPT: usize = 1_000;

/// How many of them may be contradictions among events.
const KEPT_CONTRADICTIONS: u64 = 100;

/// One thing that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// What was wrong, and where.
    pub error: Error,
    /// The generation that it is in, where that is known.
    pub generation: Option<u64>,
    /// The thread that it is of, where that is known.
    pub thread: Option<ThreadId>,
    /// How many bytes were left out.
    pub bytes: u64,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)?;
        let mut separator = " (";
        let mut part = |f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>| {
            f.write_str(std::mem::replace(&mut separator, ", "))?;
            f.write_fmt(text)
        };
        if let Some(generation) = self.generation {
            part(f, format_args!("generation {generation}"))?;
        }
        if let Some(thread) = self.thread {
            part(f, format_args!("thread {thread}"))?;
        }
        if self.bytes > 0 {
            part(f, format_args!("{} bytes left out", self.bytes))?;
        }
        if separator == ", " { f.write_str(")") } else { Ok(()) }
    }
}

/// Everything that could not be read of a trace.
///
/// The first thousand losses are kept one by one, the others are counted. Among those kept are at most a hundred
/// contradictions, and one event for each generation in which events name lost strings or stacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    kept: Vec<Loss>,
    count: u64,
    bytes: u64,
    contradictions: u64,
    unresolved: u64,
    /// The last generation of which such an event was kept.
    unresolved_in: Option<u64>,
}

impl Losses {
    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many losses there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes were left out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many events contradicted the events before them. They were delivered all the same.
    #[must_use]
    pub fn contradictions(&self) -> u64 {
        self.contradictions
    }

    /// How many events name a string or a stack that the trace does not hold. They were delivered without it.
    #[must_use]
    pub fn unresolved(&self) -> u64 {
        self.unresolved
    }

    /// The losses that were kept one by one, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.kept.iter()
    }

    /// Adds what another reader could not read, as if it had been found behind all this.
    pub fn merge(&mut self, other: Self) {
        let room = KEPT.saturating_sub(self.kept.len());
        let counted = self.counted_with(&other);
        self.kept.extend(other.kept.into_iter().take(room));
        *self = Self { kept: std::mem::take(&mut self.kept), ..counted };
    }

    /// Adds what was found next in the same trace: of both no more is kept than if all had been found here.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn go_on(&mut self, next: Self) {
        let counted = self.counted_with(&next);
        for loss in next.kept {
            self.add(loss);
        }
        *self = Self { kept: std::mem::take(&mut self.kept), ..counted };
    }

    /// How many both are together, without those that are kept.
    fn counted_with(&self, other: &Self) -> Self {
        Self {
            kept: Vec::new(),
            count: self.count + other.count,
            bytes: self.bytes + other.bytes,
            contradictions: self.contradictions + other.contradictions,
            unresolved: self.unresolved + other.unresolved,
            unresolved_in: other.unresolved_in.or(self.unresolved_in),
        }
    }

    pub(crate) fn add(&mut self, loss: Loss) {
        self.count += 1;
        self.bytes += loss.bytes;
        // Where a table is lost there may be such a loss for every event: they must not crowd out the others.
        let is_kept = match loss.error {
            Error::OutOfOrder { .. }
            | Error::Stuck { .. }
            | Error::Tangled { .. }
            | Error::OutOfOrderV1 { .. } => {
                self.contradictions += 1;
                self.contradictions <= KEPT_CONTRADICTIONS
            }
            Error::InvalidString { .. } | Error::InvalidStack { .. } => {
                self.unresolved += 1;
                let is_first = self.unresolved_in != loss.generation;
                self.unresolved_in = loss.generation;
                is_first
            }
            _ => true,
        };
        if is_kept && self.kept.len() < KEPT {
            self.kept.push(loss);
        }
    }
}

impl<'l> IntoIterator for &'l Losses {
    type Item = &'l Loss;
    type IntoIter = std::slice::Iter<'l, Loss>;

    /// See [`Losses::iter`].
    fn into_iter(self) -> Self::IntoIter {
        self.kept.iter()
    }
}

impl IntoIterator for Losses {
    type Item = Loss;
    type IntoIter = std::vec::IntoIter<Loss>;

    /// See [`Losses::iter`].
    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing was lost");
        }
        write!(f, "{} losses, {} bytes left out", self.count, self.bytes)?;
        if self.contradictions > 0 {
            write!(f, ", {} events contradict earlier ones", self.contradictions)?;
        }
        if self.unresolved > 0 {
            write!(f, ", {} events name lost strings or stacks", self.unresolved)?;
        }
        Ok(())
    }
}
