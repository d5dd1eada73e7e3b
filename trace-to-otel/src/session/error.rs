//! Why a trace is no longer read.

use core::{error, fmt};

use go_trace_format::Error;

/// Why a [`Session`](super::Session) passes over the rest of a trace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// It is no trace, or, where it is read strictly, breaks the rules.
    Trace(Error),
    /// A generation is larger than [`SessionOptions::max_generation_bytes`](super::SessionOptions::max_generation_bytes).
    GenerationTooLarge {
        /// Where it begins in its trace, in bytes.
        offset: u64,
        /// How large it may be, in bytes.
        most: u64,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::GenerationTooLarge { offset, most } => write!(
                f,
                "the generation at byte {offset} is larger than {most} bytes: what comes behind is left out; \
                 record with a smaller buffer, or allow more"
            ),
        }
    }
}

impl error::Error for SessionError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Trace(error) => Some(error),
            Self::GenerationTooLarge { .. } => None,
        }
    }
}
