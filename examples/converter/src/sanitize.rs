//! `sanitize`: texts without their secrets, record by record.

use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
};

use anyhow::{Context, bail};
use go_trace_sanitize::{Sanitizer, SqlOptions};

use crate::cli::{SanitizeArguments, TextKind};

/// The longest record, in bytes: more is hardly text, and would have to be held in memory.
const MAX_RECORD: u64 = 16 << 20;

const BUFFER: usize = 256 << 10;

pub(crate) fn run(arguments: &SanitizeArguments) -> anyhow::Result<()> {
    let input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let outcome = sanitize(arguments, input, &mut output);
    // What precedes a failure is printed before it is told.
    output.flush()?;
    outcome
}

fn sanitize(
    arguments: &SanitizeArguments,
    mut input: BufReader<impl Read>,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    let separator = if arguments.null { b'\0' } else { b'\n' };
    let sanitizer = sanitizer(arguments.kind);
    let mut record = Vec::new();
    for number in 1_u64.. {
        // Whoever waits for an answer gets it before the next question.
        if !input.buffer().contains(&separator) {
            output.flush()?;
        }
        record.clear();
        let longest = MAX_RECORD + 1;
        let length = input.by_ref().take(longest).read_until(separator, &mut record);
        if length.context("standard input")? == 0 {
            break;
        }
        let (text, end) = split_end(&record, separator);
        if text.len() as u64 > MAX_RECORD {
            bail!("standard input: record {number} is longer than {} MiB", MAX_RECORD >> 20);
        }
        output.write_all(clean(&sanitizer, arguments.kind, text).as_bytes())?;
        output.write_all(end)?;
    }
    Ok(())
}

fn sanitizer(kind: TextKind) -> Sanitizer {
    match kind {
        TextKind::Sql { dialect } => Sanitizer::new().with_sql(SqlOptions::new(dialect)),
        TextKind::Url | TextKind::Dsn | TextKind::Text => Sanitizer::new(),
    }
}

fn clean<'t>(sanitizer: &Sanitizer, kind: TextKind, text: &'t [u8]) -> Cow<'t, str> {
    match kind {
        TextKind::Sql { .. } => sanitizer.sql(text),
        TextKind::Url => sanitizer.url(text),
        TextKind::Dsn => sanitizer.dsn(text),
        TextKind::Text => sanitizer.text(text),
    }
}

/// Takes off what ends a record, which is written as it was read. The last record may have no end.
fn split_end(record: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let end = match record {
        [.., b'\r', b'\n'] if separator == b'\n' => 2,
        [.., last] if *last == separator => 1,
        _ => 0,
    };
    record.split_at(record.len() - end)
}
