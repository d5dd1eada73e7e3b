//! A log without its secrets: lines in, lines out.
//!
//! `cargo run --example clean_log <LOG`, with prefixes of your own tokens as arguments.

use std::{
    env,
    io::{self, BufRead, Write},
};

use go_trace_sanitize::{Sanitizer, TokenShapes};

fn main() -> io::Result<()> {
    clean_log(io::stdin().lock(), &mut io::stdout().lock(), env::args().skip(1))
}

pub(crate) fn clean_log(
    mut log: impl BufRead,
    out: &mut impl Write,
    prefixes: impl IntoIterator<Item = String>,
) -> io::Result<()> {
    let shapes =
        prefixes.into_iter().fold(TokenShapes::default(), |shapes, prefix| shapes.with_prefix(prefix));
    let sanitizer = Sanitizer::new().with_token_shapes(shapes);
    let mut line = Vec::new();
    // A log need not be UTF-8.
    while log.read_until(b'\n', &mut line)? > 0 {
        out.write_all(sanitizer.text(&line).as_bytes())?;
        line.clear();
    }
    out.flush()
}
