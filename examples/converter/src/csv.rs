//! Texts among comma-separated values, by RFC 4180.

use std::io::{self, Write};

/// Writes a text, in quotes where it has to be.
pub(crate) fn write_text(text: &str, output: &mut impl Write) -> io::Result<()> {
    if !text.contains(['"', ',', '\n', '\r']) {
        return output.write_all(text.as_bytes());
    }
    output.write_all(b"\"")?;
    for (place, part) in text.split('"').enumerate() {
        output.write_all(if place > 0 { b"\"\"" } else { b"" })?;
        output.write_all(part.as_bytes())?;
    }
    output.write_all(b"\"")
}
