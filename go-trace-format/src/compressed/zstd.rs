//! Zstandard files. RFC 8878, section 3.1: frames one after the other, some of them to skip.

use std::io::{self, BufRead, Read};

use zstd::stream::raw::{DParameter, Decoder, Operation};

/// Decompresses all frames of a source, block by block.
///
/// A call of the decoder that fails takes with it whatever it put out before. So each call either takes input in, up to
/// the end of one block, or puts that block out, and only the damaged block is lost.
pub(super) struct ZstdDecoder<R> {
    source: R,
    decoder: Decoder<'static>,
    is_within_frame: bool,
    may_hold_output: bool,
}

/// Frames that want a larger window are refused (RFC 8878, section 3.1.1.1.2): 128 MiB, as `zstd` itself does unless told
/// otherwise.
const WINDOW_LOG: u32 = 27;

impl<R: BufRead> ZstdDecoder<R> {
    pub(super) fn new(source: R) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self { source, decoder, is_within_frame: false, may_hold_output: false })
    }

    fn put_out(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let status = self.decoder.run_on_buffers(&[], buffer).map_err(invalid)?;
        self.may_hold_output = status.bytes_written > 0;
        Ok(status.bytes_written)
    }

    /// Says whether there was anything to take in.
    fn take_in(&mut self) -> io::Result<bool> {
        let input = self.source.fill_buf()?;
        if input.is_empty() {
            return match self.is_within_frame {
                true => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the last frame is cut off")),
                false => Ok(false),
            };
        }
        let status = self.decoder.run_on_buffers(input, &mut []).map_err(invalid)?;
        self.source.consume(status.bytes_read);
        self.is_within_frame = status.remaining > 0;
        self.may_hold_output = true;
        Ok(true)
    }
}

impl<R: BufRead> Read for ZstdDecoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.may_hold_output {
                let count = self.put_out(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
            }
            if !self.take_in()? {
                return Ok(0);
            }
        }
    }
}

fn invalid(error: io::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
