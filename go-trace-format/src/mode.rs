//! What to do with what breaks the rules.

/// What to do with a trace that breaks the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Read everything that can be read, and keep account of what cannot: [`Reader::losses`](crate::Reader::losses).
    #[default]
    Salvage,
    /// Accept and reject exactly what Go's own reader does, after the same events.
    Strict,
}
