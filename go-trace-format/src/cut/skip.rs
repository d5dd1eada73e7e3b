//! Passing over a trace, among others in one input, of a version that cannot be read.

use crate::{
    cut::{framing::is_header, input::Input},
    error::Error,
    header::HEADER_LENGTH,
    losses::{Loss, Losses},
};

/// A trace that is being passed over, up to the next header.
#[derive(Debug)]
pub(super) struct Skip {
    /// Why it cannot be read.
    error: Error,
    /// Where it begins.
    start: u64,
}

impl Skip {
    /// Begins behind the header at the place.
    pub(super) fn new(error: Error, input: &mut Input<'_>) -> Self {
        let start = input.offset();
        input.set_position(input.position() + HEADER_LENGTH);
        Self { error, start }
    }

    /// Goes on to the next header, or to the end of the input. It may be called again where the source fails.
    pub(super) fn go_on(&mut self, input: &mut Input<'_>, losses: &mut Losses) -> Result<(), Error> {
        loop {
            let window = input.window();
            if let Some(header) = window.windows(HEADER_LENGTH).position(is_header) {
                input.set_position(input.position() + header);
                break;
            }
            // What may be the beginning of a header stays.
            let passed = window.len().saturating_sub(HEADER_LENGTH - 1);
            input.set_position(input.position() + passed);
            input.take_back(Vec::new());
            if !input.grow()? {
                input.set_position(usize::MAX);
                break;
            }
        }
        let bytes = input.offset() - self.start;
        losses.add(Loss { error: self.error.clone(), generation: None, thread: None, bytes });
        Ok(())
    }
}
