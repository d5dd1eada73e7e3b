//! Sampling of whole traces by their ids.
//!
//! OpenTelemetry, "TraceState: Probability Sampling" (rejection threshold against randomness); W3C Trace Context
//! level 2, section "Random Trace ID Flag" (which 56 bits are random).

use core::fmt;

use go_trace_context::TraceId;

/// Bits of a trace id that level 2 of W3C Trace Context has at random: the last 7 bytes.
const RANDOM_BITS: u32 = 56;
const ALL: u64 = 1 << RANDOM_BITS;

/// The share of traces that go out, decided by the trace id alone: every process and machine that samples the same
/// share keeps the same traces, those that sample more keep them all and some more, and no trace is split.
///
/// A trace goes out when the last 56 bits of its id, as a number, are at least (1 − ratio) · 2⁵⁶, which is how
/// OpenTelemetry's consistent probability sampling decides where nothing else is said in `tracestate`. All ids that the
/// mapper makes are random in these bits. An id that stands in for one of which only the fold is known is another one
/// than the real id: sample both before, or both after such ids are [replaced](crate::Correlator).
///
/// ```
/// use trace_to_otel::SamplingRatio;
///
/// let half = SamplingRatio::try_from(0.5)?;
/// assert!(half.samples("0af7651916cd43dd8480000000000000".parse()?));
/// assert!(!half.samples("0af7651916cd43dd847fffffffffffff".parse()?));
/// assert!(SamplingRatio::try_from(1.5).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SamplingRatio {
    /// How many of 2⁵⁶ values are taken.
    accepted: u64,
}

impl SamplingRatio {
    /// No trace at all.
    pub const NONE: Self = Self { accepted: 0 };
    /// Every trace.
    pub const ALL: Self = Self { accepted: ALL };

    /// Whether the trace goes out.
    #[inline]
    #[must_use]
    pub const fn samples(self, trace_id: TraceId) -> bool {
        let randomness = trace_id.as_u128() as u64 & (ALL - 1);
        randomness >= ALL - self.accepted
    }
}

impl Default for SamplingRatio {
    /// Every trace.
    fn default() -> Self {
        Self::ALL
    }
}

impl TryFrom<f64> for SamplingRatio {
    type Error = SamplingRatioError;

    /// The ratio to the nearest 2⁻⁵⁶.
    fn try_from(ratio: f64) -> Result<Self, SamplingRatioError> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self { accepted: (ratio * ALL as f64).round() as u64 })
        } else {
            Err(SamplingRatioError { ratio })
        }
    }
}

/// A sampling ratio is not from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingRatioError {
    ratio: f64,
}

impl fmt::Display for SamplingRatioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a sampling ratio is from 0 (no trace) to 1 (every trace), not {}", self.ratio)
    }
}

impl core::error::Error for SamplingRatioError {}
