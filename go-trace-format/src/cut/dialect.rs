//! Telling the dialect of a trace by its beginning.

use crate::{
    cut::{
        framing::{Framing, Parsed},
        input::Input,
    },
    error::Error,
    mode::Mode,
    spec::{Dialect, Version},
    wire::{Detected, detect},
};

/// How much of a damaged beginning is looked at, in bytes.
const SAMPLE: usize = 256 << 10;

/// How many bytes of would-be batches may be looked through for it, so that all looking stays linear.
const ATTENTION: usize = 16 * SAMPLE;

/// The dialect of the trace whose header ends at the place.
///
/// The first batch says it. Where that is damaged, the dialect in which more of the beginning can be read is the one to
/// salvage it in; the reference takes such a trace for stock.
pub(super) fn tell(version: Version, mode: Mode, input: &mut Input<'_>) -> Result<Dialect, Error> {
    loop {
        match detect(version, input.window()) {
            Detected::Dialect(dialect) => return Ok(dialect),
            Detected::TooShort if input.grow()? => {}
            _ if mode == Mode::Strict => return Ok(Dialect::Stock),
            _ => break,
        }
    }
    input.grow_to(SAMPLE)?;
    let window = input.window();
    let sample = &window[..window.len().min(SAMPLE)];
    let readable =
        |dialect| readable(Framing { input: Input::from_slice(sample), version, dialect, limit: u64::MAX });
    Ok(if readable(Dialect::Fork) > readable(Dialect::Stock) { Dialect::Fork } else { Dialect::Stock })
}

/// How many bytes are batches that can be read, and have another one or the end of a generation behind them: in the
/// other dialect at least what stands before each end has not.
fn readable(mut framing: Framing<'_>) -> usize {
    let (mut attention, mut readable) = (ATTENTION, 0);
    while !framing.input.window().is_empty() && attention > 0 && !framing.is_before_header() {
        let position = framing.input.position();
        let length = match framing.parse(position) {
            Parsed::Item(peeked) if framing.is_end(&peeked) => peeked.length,
            Parsed::Item(peeked) if framing.is_followed(&peeked) => {
                attention = attention.saturating_sub(peeked.length);
                let is_sound = framing.is_sound(&peeked);
                readable += if is_sound { peeked.length } else { 0 };
                if is_sound { peeked.length } else { 1 }
            }
            _ => 1,
        };
        framing.input.set_position(position + length);
    }
    readable
}
