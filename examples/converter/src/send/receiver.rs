//! Sending to a receiver, and telling what became of it.

use std::{env, fmt, mem, time::Duration};

use clap::{ArgGroup, Args};
use trace_programs::ReceiverArguments;
use trace_to_otel::{
    Resource,
    otlp::{
        Batch, BlockingExporter, Encoder, Encoding, ExportError, ExportErrorKind, Exporter, Headers, Record,
        Settings, Signal,
    },
};

use crate::{
    cli::{duration, key_and_value},
    otlp::WriteError,
    report,
};

/// Where to send, and how.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Sending",
    group = ArgGroup::new("sending").args(["endpoint", "send"]),
    group = ArgGroup::new("how").args(["protocol", "compression", "headers", "timeout"]).multiple(true).requires("sending"),
)]
pub(crate) struct Sending {
    #[command(flatten)]
    pub(crate) receiver: ReceiverArguments,
    /// Sends to the receiver that the environment names, or else to localhost.
    #[arg(long)]
    pub(crate) send: bool,
    /// Is sent along with each request; may be given again and again. Who lists processes sees it: the environment
    /// variable OTEL_EXPORTER_OTLP_HEADERS is the place for secrets.
    #[arg(long = "header", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) headers: Vec<(String, String)>,
    /// How long one request may take, with all retries, such as 30s.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// A receiver of one signal.
pub(crate) struct Sender {
    exporter: BlockingExporter,
    tally: Tally,
}

/// A receiver of the records of one signal.
pub(crate) struct Receiver<T: Record> {
    sender: Sender,
    encoder: Encoder<T>,
}

/// What became of the records.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    /// Of what has arrived. Receivers count whole profiles, not the samples in them.
    refused_profiles: u64,
    is_unacknowledged: bool,
}

impl<T: Record> Receiver<T> {
    pub(crate) fn connect(sending: &Sending) -> anyhow::Result<Self> {
        let sender = Sender::connect(sending, T::SIGNAL)?;
        let encoder = Encoder::new(sender.encoding(), &Resource::new());
        Ok(Self { sender, encoder })
    }

    pub(crate) fn set_resource(&mut self, resource: &Resource) -> Result<(), WriteError> {
        self.flush()?;
        self.encoder = Encoder::new(self.encoder.encoding(), resource);
        Ok(())
    }

    pub(crate) fn take(&mut self, record: &T) -> Result<(), WriteError> {
        let full = self.encoder.add(record)?;
        Ok(full.map_or(Ok(()), |batch| self.sender.send(batch))?)
    }

    pub(crate) fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.encoder.finish().map_or(Ok(()), |batch| self.sender.send(batch))?)
    }

    pub(crate) fn report(&self) -> u64 {
        self.sender.report()
    }
}

impl Sender {
    pub(crate) fn connect(sending: &Sending, signal: Signal) -> anyhow::Result<Self> {
        let environment = Settings::from_environment(signal, |name| env::var(name).ok())?;
        let config = settings(sending)?.or(environment).resolve(signal)?;
        Ok(Self { exporter: BlockingExporter::new(Exporter::new(config)?)?, tally: Tally::default() })
    }

    /// How its batches are written.
    pub(crate) fn encoding(&self) -> Encoding {
        self.exporter.exporter().config().protocol.encoding()
    }

    /// Sends a batch. What the receiver refuses for good is counted; any other failure is one.
    pub(crate) fn send(&mut self, batch: Batch) -> Result<(), SendError> {
        let signal = batch.signal();
        let mut delivered = batch.records() as u64;
        let delivery = self.exporter.export_splitting(batch).map_err(SendError)?;
        let mut failure = None;
        for (part, error) in delivery.undelivered {
            delivered -= part.records() as u64;
            match error.kind() {
                ExportErrorKind::Rejected | ExportErrorKind::TooLarge => {
                    self.tally.refused += part.records() as u64;
                    report::warning(&self.name(), error);
                }
                _ => failure = Some(error),
            }
        }
        if let Some(accepted) = delivery.accepted {
            let rejected = if signal == Signal::Profiles {
                self.tally.refused_profiles = self.tally.refused_profiles.saturating_add(accepted.rejected);
                0
            } else {
                accepted.rejected.min(delivered)
            };
            self.tally.accepted += delivered - rejected;
            self.tally.refused += rejected;
            self.tally.is_unacknowledged |= !accepted.is_acknowledged;
            if !accepted.message.is_empty() {
                report::warning(&self.name(), accepted.message);
            }
        }
        failure.map_or(Ok(()), |error| Err(SendError(error)))
    }

    fn name(&self) -> String {
        self.exporter.exporter().config().endpoint.to_string()
    }

    /// Tells how many records have arrived; gives how many were refused, of profiles some by the sample and some whole.
    pub(crate) fn report(&self) -> u64 {
        let Tally { accepted, refused, refused_profiles, is_unacknowledged } = self.tally;
        let records = match self.exporter.exporter().config().signal {
            Signal::Traces => "spans",
            Signal::Logs => "log records",
            Signal::Profiles => "samples of profiles",
            _ => "metrics",
        };
        anstream::eprintln!("{}: accepted {accepted} {records}", self.name());
        if refused > 0 {
            report::warning(&self.name(), format_args!("refused {refused} {records}"));
        }
        if refused_profiles > 0 {
            report::warning(
                &self.name(),
                format_args!(
                    "refused {refused_profiles} profiles, whose samples are among the accepted ones"
                ),
            );
        }
        if is_unacknowledged {
            report::warning(
                &self.name(),
                "answers without OTLP's own words: look whether anything has arrived",
            );
        }
        refused.saturating_add(refused_profiles)
    }
}

impl Sending {
    pub(crate) fn is_wanted(&self) -> bool {
        self.send || self.receiver.endpoint.is_some()
    }
}

/// What the command line says.
fn settings(sending: &Sending) -> anyhow::Result<Settings> {
    let mut settings = sending.receiver.settings()?;
    if let Some(timeout) = sending.timeout {
        settings = settings.with_timeout(timeout);
    }
    if !sending.headers.is_empty() {
        let mut headers = Headers::new();
        for (key, value) in &sending.headers {
            headers = mem::take(&mut headers).with(key, value)?;
        }
        settings = settings.with_headers(headers);
    }
    Ok(settings)
}

/// Why a batch did not arrive.
#[derive(Debug)]
pub(crate) struct SendError(ExportError);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
