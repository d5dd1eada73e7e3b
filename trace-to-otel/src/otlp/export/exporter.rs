//! Sending batches.

use core::{future::Future, time::Duration};
use std::sync::Arc;

#[cfg(feature = "grpc")]
use super::grpc::GrpcSender;
#[cfg(feature = "http")]
use super::http::{HttpMessage, HttpSender};
use super::{
    answer::Accepted,
    config::{Config, ConfigError, Protocol},
    error::{ExportError, ExportErrorKind},
    retry::{Pace, RetryOptions, SystemPace, retry},
};
use crate::otlp::{Batch, Encoding};

/// Sends the batches of one signal, by HTTP or gRPC, and says what became of each.
///
/// It is for programs on tokio (with its `net` and `time` drivers enabled); others take [`BlockingExporter`]. It may be
/// shared, and batches may be under way side by side: each call is one request, and the connections are kept. Dropping
/// the future of a call cancels it; whether the receiver has the batch then is not known.
///
/// A receiver may answer whatever it likes: no more than 64 KiB of an answer are read, or 4 MiB by gRPC.
///
/// ```no_run
/// use trace_to_otel::otlp::{Batch, Config, ExportErrorKind, Exporter, Signal};
///
/// # async fn send(batch: Batch) -> Result<(), Box<dyn core::error::Error>> {
/// let config = Config::from_environment(Signal::Traces, |name| std::env::var(name).ok())?;
/// let exporter = Exporter::new(config)?;
/// match exporter.export(&batch).await {
///     Ok(accepted) => println!("{} rejected: {}", accepted.rejected, accepted.message),
///     Err(error) if error.kind() == ExportErrorKind::TooLarge => println!("split it: {:?}", batch.split()),
///     Err(error) => println!("{error}"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// [`BlockingExporter`]: super::BlockingExporter
#[derive(Debug)]
pub struct Exporter {
    config: Config,
    retry: RetryOptions,
    pace: Arc<dyn Pace>,
    sender: Sender,
}

#[derive(Debug)]
enum Sender {
    #[cfg(feature = "http")]
    Http(HttpSender),
    #[cfg(feature = "grpc")]
    Grpc(GrpcSender),
}

impl Exporter {
    /// Makes ready to send where `config` says. It connects with the first batch.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where a file of certificates or keys cannot be used, or where this build lacks the protocol
    /// (`http/protobuf` and `http/json` are in the feature `http`, `grpc` is in the feature `grpc`) or, for `https`, a
    /// provider of cryptography: that which the program has installed by rustls' `CryptoProvider::install_default`, or the
    /// feature `ring`.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let sender = match config.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => Sender::Grpc(GrpcSender::new(&config)?),
            #[cfg(feature = "http")]
            Protocol::HttpProtobuf => Sender::Http(HttpSender::new(&config)?),
            #[cfg(all(feature = "http", feature = "json"))]
            Protocol::HttpJson => Sender::Http(HttpSender::new(&config)?),
            #[cfg(not(all(feature = "http", feature = "grpc")))]
            lacking => {
                let problem = format!("this program was built without {lacking}; choose another");
                return Err(ConfigError::new("protocol", problem));
            }
        };
        Ok(Self { config, retry: RetryOptions::default(), pace: Arc::new(SystemPace), sender })
    }

    /// Sends again as `retry` says.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryOptions) -> Self {
        self.retry = retry;
        self
    }

    /// Takes time and chance from `pace`.
    #[must_use]
    pub fn with_pace(mut self, pace: Arc<dyn Pace>) -> Self {
        self.pace = pace;
        self
    }

    /// Where it sends, and how.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sends one batch and waits for the answer; sends again where that may help.
    ///
    /// # Errors
    ///
    /// [`ExportError`] where the batch was not accepted or nobody knows whether it was; its kind says what to do with
    /// the batch. A partial success is none: its rejected count is in [`Accepted`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, as tokio does.
    pub async fn export(&self, batch: &Batch) -> Result<Accepted, ExportError> {
        let outcome = match self.check(batch) {
            Ok(()) => self.send(batch).await,
            Err(error) => Err(error),
        };
        outcome.map(|accepted| accepted.at(&self.config)).map_err(|error| error.at(&self.config))
    }

    /// Sends a batch and, where the receiver finds it too large, its halves instead, and so on. Parts that the receiver
    /// does not want are passed over; after any other failure nothing more is tried.
    ///
    /// What was sent before the future is dropped has been sent: who cancels it and sends the batch again, sends parts
    /// twice.
    pub async fn export_splitting(&self, batch: Batch) -> Delivery {
        let mut delivery = Delivery::default();
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            let error = match self.export(&batch).await {
                Ok(accepted) => {
                    delivery.count(accepted);
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                ExportErrorKind::TooLarge => match batch.split() {
                    Ok([first, second]) => waiting.extend([second, first]),
                    Err(batch) => delivery.undelivered.push((batch, error)),
                },
                ExportErrorKind::Rejected | ExportErrorKind::InvalidBatch => {
                    delivery.undelivered.push((batch, error));
                }
                _ => {
                    let rest = core::iter::once(batch).chain(waiting.drain(..).rev());
                    delivery.undelivered.extend(rest.map(|part| (part, error.clone())));
                }
            }
        }
        delivery
    }

    /// Asks the receiver, by a request without records, whether it would take one: nothing is stored.
    ///
    /// # Errors
    ///
    /// As of [`export`](Self::export).
    pub async fn probe(&self) -> Result<Accepted, ExportError> {
        self.export(&Batch::without_records(self.config.signal, self.config.protocol.encoding())).await
    }

    fn check(&self, batch: &Batch) -> Result<(), ExportError> {
        let invalid = |message: String| Err(ExportError::new(ExportErrorKind::InvalidBatch, &message));
        let (signal, encoding) = (batch.signal(), batch.encoding());
        if signal != self.config.signal {
            return invalid(format!(
                "it has {}, and this sends {}",
                signal.name(),
                self.config.signal.name()
            ));
        }
        if self.config.protocol == Protocol::Grpc && encoding != Encoding::Protobuf {
            return invalid(format!("it is encoded in {encoding:?}, and gRPC takes Protobuf"));
        }
        Ok(())
    }

    async fn send(&self, batch: &Batch) -> Result<Accepted, ExportError> {
        let (options, timeout, pace) = (&self.retry, self.config.timeout, &*self.pace);
        match &self.sender {
            #[cfg(feature = "http")]
            Sender::Http(sender) => {
                let message = &HttpMessage::new(batch, &self.config)?;
                let attempt = |limit| within(limit, sender.send(message, pace.wall_clock()), || {});
                retry(options, timeout, pace, attempt).await
            }
            #[cfg(feature = "grpc")]
            Sender::Grpc(sender) => {
                let attempt = |limit| within(limit, sender.send(batch, limit), || sender.reconnect());
                retry(options, timeout, pace, attempt).await
            }
        }
    }
}

async fn within(
    limit: Option<Duration>,
    answer: impl Future<Output = Result<Accepted, ExportError>>,
    when_late: impl FnOnce(),
) -> Result<Accepted, ExportError> {
    let Some(limit) = limit else {
        return answer.await;
    };
    if let Ok(outcome) = tokio::time::timeout(limit, answer).await {
        return outcome;
    }
    when_late();
    let message = format!("no answer within {} s", limit.as_secs_f64());
    Err(ExportError::new(ExportErrorKind::Timeout, &message))
}

/// What became of a batch that was sent in parts.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// What was accepted, summed up; none where nothing was.
    pub accepted: Option<Accepted>,
    /// What was not, in order, and why.
    pub undelivered: Vec<(Batch, ExportError)>,
}

impl Delivery {
    fn count(&mut self, part: Accepted) {
        self.accepted = Some(match self.accepted.take() {
            None => part,
            Some(sum) => Accepted {
                rejected: sum.rejected.saturating_add(part.rejected),
                message: if sum.message.is_empty() { part.message } else { sum.message },
                is_acknowledged: sum.is_acknowledged && part.is_acknowledged,
            },
        });
    }
}
