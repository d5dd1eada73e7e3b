//! Sending again. OTLP, sections "OTLP/HTTP Throttling" and "OTLP/gRPC Throttling"; which answers allow it is decided
//! where they are read.

use core::{fmt, future::Future, pin::Pin, time::Duration};
use std::time::{Instant, SystemTime};

use super::{answer::Accepted, error::ExportError};

/// How often to send again, and when: exponential back-off, each wait 50 to 150 % of its step, and never shorter than
/// the receiver asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// How often a request is sent at most; 0 counts as 1.
    pub max_attempts: u32,
    /// The first step.
    pub initial_backoff: Duration,
    /// Steps double up to this one.
    pub max_backoff: Duration,
    /// How long sending and waiting may take together; none: as long as the [timeout](super::Config::timeout), which is
    /// also what each attempt may take at most. A wait that would last longer is not begun: the error tells of it.
    pub deadline: Option<Duration>,
}

impl Default for RetryOptions {
    /// Ten attempts, steps of 0.5 s to 30 s, within the timeout.
    fn default() -> Self {
        Self {
            max_attempts: 10,
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            deadline: None,
        }
    }
}

impl RetryOptions {
    /// Sends once: for callers that keep their data and come back themselves.
    #[must_use]
    pub fn never() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// How long to wait after the attempt of this number, counted from 1, for a `chance` from 0 to 1: for callers that
    /// keep their data and come back themselves. A receiver's [own wish](super::ExportError::retry_after) goes before.
    #[must_use]
    pub fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let step = self.initial_backoff.saturating_mul(1 << doublings).min(self.max_backoff);
        step.mul_f64(0.5 + chance.clamp(0.0, 1.0))
    }
}

/// Time and chance, as the exporter sees them. Tests give their own; everybody else leaves [`SystemPace`].
pub trait Pace: fmt::Debug + Send + Sync {
    /// What deadlines are measured by.
    fn now(&self) -> Instant;

    /// What a `Retry-After` with a date is compared with.
    fn wall_clock(&self) -> SystemTime;

    /// Lets `duration` pass.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// A number from 0 to 1, another one each time, so that senders that failed together do not come back together.
    fn chance(&self) -> f64;
}

/// The system's clocks and tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemPace;

impl Pace for SystemPace {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn chance(&self) -> f64 {
        fastrand::f64()
    }
}

/// Calls `attempt` until it succeeds, fails for good, or `options` say that it is enough. Each is told how long it may
/// take.
pub(super) async fn retry<F>(
    options: &RetryOptions,
    timeout: Option<Duration>,
    pace: &dyn Pace,
    mut attempt: impl FnMut(Option<Duration>) -> F,
) -> Result<Accepted, ExportError>
where
    F: Future<Output = Result<Accepted, ExportError>>,
{
    let deadline = options.deadline.or(timeout);
    let begin = pace.now();
    let mut attempts = 0;
    loop {
        let left = deadline.map(|deadline| deadline.saturating_sub(pace.now() - begin));
        let limit = [left, timeout].into_iter().flatten().min();
        attempts += 1;
        let error = match attempt(limit).await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error.with_attempts(attempts),
        };
        if !error.is_retryable() || attempts >= options.max_attempts {
            return Err(error);
        }
        let wait = options.wait(attempts, pace.chance()).max(error.retry_after().unwrap_or_default());
        let end = (pace.now() - begin).saturating_add(wait);
        if deadline.is_some_and(|deadline| end >= deadline) {
            return Err(error);
        }
        pace.sleep(wait).await;
    }
}
