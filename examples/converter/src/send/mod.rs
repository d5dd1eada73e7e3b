//! Sending, where this program was built with it.

#[cfg(not(feature = "send"))]
mod nobody;
#[cfg(feature = "send")]
mod receiver;

#[cfg(not(feature = "send"))]
pub(crate) use nobody::{Receiver, SendError, Sender, Sending};
#[cfg(feature = "send")]
pub(crate) use receiver::{Receiver, SendError, Sender, Sending};
