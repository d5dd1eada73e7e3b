//! Tables as comma-separated values: RFC 4180, but that lines end as Unix has them.

use std::io::{self, Write};

use trace_to_otel::tables::{Cell, Table};

use crate::csv::write_text;

/// The names of the columns.
pub(super) fn write_names(table: Table, output: &mut impl Write) -> io::Result<()> {
    for (place, column) in table.columns().iter().enumerate() {
        output.write_all(if place > 0 { b"," } else { b"" })?;
        output.write_all(column.name.as_bytes())?;
    }
    output.write_all(b"\n")
}

pub(super) fn write_row(cells: &[Cell<'_>], output: &mut impl Write) -> io::Result<()> {
    for (place, cell) in cells.iter().enumerate() {
        output.write_all(if place > 0 { b"," } else { b"" })?;
        match cell {
            // One that is there and has nothing in it would else be no text.
            Cell::Text("") => output.write_all(b"\"\"")?,
            Cell::Text(text) => write_text(text, output)?,
            Cell::Integer(number) => write!(output, "{number}")?,
            Cell::Time(time) => write!(output, "{}", time.0)?,
            _ => {}
        }
    }
    output.write_all(b"\n")
}
