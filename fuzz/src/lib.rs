//! What the fuzz targets share.

use go_trace_format::{Dumper, Error, Losses, Reader};

/// What reading a trace to its end, or to an error, comes to.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Dump {
    /// The events as text.
    pub text: Vec<u8>,
    /// How many there were.
    pub events: usize,
    /// What ended the reading before the end.
    pub error: Option<Error>,
    /// What salvaging could not read.
    pub losses: Losses,
}

/// Reads a trace and prints all of it.
#[must_use]
pub fn dump(mut reader: Reader<'_>) -> Dump {
    let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
    let mut events = 0;
    let error = loop {
        match reader.next_event() {
            Ok(Some(event)) => dumper.write(&event).expect("a Vec takes everything"),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        events += 1;
    };
    Dump { text: dumper.into_inner(), events, error, losses: reader.losses().clone() }
}
