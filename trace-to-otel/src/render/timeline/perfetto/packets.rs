//! Packets on their way out: many at once, compressed.

use std::io::{self, Write};

use flate2::{Compression, write::ZlibEncoder};
use prost::Message;

use super::messages::{CompressedPackets, Packet};

/// How many bytes of packets are compressed at once: more than the window of the compression, and little memory.
const TOGETHER: usize = 256 << 10;

/// Half the way to the smallest: what comes behind takes twice the time for two in a hundred of the size.
const LEVEL: u32 = 4;

/// The field of `Trace` that is a packet.
const PACKET: u8 = 1 << 3 | 2;

/// Writes packets.
#[derive(Debug)]
pub(super) struct Packets<W> {
    output: W,
    /// Those that are not written yet, each as a field of `Trace`.
    waiting: Vec<u8>,
}

impl<W: Write> Packets<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output, waiting: Vec::new() }
    }

    pub(super) fn into_inner(self) -> W {
        self.output
    }

    pub(super) fn write(&mut self, packet: &Packet) -> io::Result<()> {
        put(packet, &mut self.waiting)?;
        if self.waiting.len() < TOGETHER { Ok(()) } else { self.write_waiting() }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.write_waiting()?;
        self.output.flush()
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(LEVEL));
        encoder.write_all(&self.waiting)?;
        let packets = CompressedPackets { packets: encoder.finish()? };
        self.waiting.clear();
        let mut bytes = Vec::new();
        put(&packets, &mut bytes)?;
        self.output.write_all(&bytes)
    }
}

/// Appends a packet as a field of `Trace`.
fn put(packet: &impl Message, out: &mut Vec<u8>) -> io::Result<()> {
    out.push(PACKET);
    packet.encode_length_delimited(out).map_err(io::Error::other)
}
