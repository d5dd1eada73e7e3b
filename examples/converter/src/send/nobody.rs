//! What stands in the place of a receiver in a program that cannot send.

use core::{convert::Infallible, fmt, marker::PhantomData};

use anyhow::bail;
use clap::Args;
use trace_to_otel::{
    Resource,
    otlp::{Batch, Encoding, Record, Signal},
};

use crate::otlp::WriteError;

/// The flags that ask for sending, known only to be answered.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    #[arg(long, value_name = "URL", hide = true)]
    endpoint: Option<String>,
    #[arg(long, hide = true)]
    send: bool,
}

impl Sending {
    pub(crate) fn is_wanted(&self) -> bool {
        self.send || self.endpoint.is_some()
    }
}

/// There is none.
pub(crate) struct Sender(Infallible);

impl Sender {
    pub(crate) fn connect(_: &Sending, _: Signal) -> anyhow::Result<Self> {
        bail!(
            "this trace-converter was built without the feature `send`: build it without --no-default-features"
        )
    }

    pub(crate) fn encoding(&self) -> Encoding {
        match self.0 {}
    }

    pub(crate) fn send(&mut self, _: Batch) -> Result<(), SendError> {
        match self.0 {}
    }

    pub(crate) fn report(&self) -> u64 {
        match self.0 {}
    }
}

/// There is none.
pub(crate) struct Receiver<T> {
    sender: Sender,
    records: PhantomData<T>,
}

impl<T: Record> Receiver<T> {
    pub(crate) fn connect(sending: &Sending) -> anyhow::Result<Self> {
        Ok(Self { sender: Sender::connect(sending, T::SIGNAL)?, records: PhantomData })
    }

    pub(crate) fn set_resource(&mut self, _: &Resource) -> Result<(), WriteError> {
        match self.sender.0 {}
    }

    pub(crate) fn take(&mut self, _: &T) -> Result<(), WriteError> {
        match self.sender.0 {}
    }

    pub(crate) fn flush(&mut self) -> Result<(), WriteError> {
        match self.sender.0 {}
    }

    pub(crate) fn report(&self) -> u64 {
        match self.sender.0 {}
    }
}

/// Nothing is sent that could fail.
#[derive(Debug)]
pub(crate) struct SendError(Infallible);

impl fmt::Display for SendError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}
