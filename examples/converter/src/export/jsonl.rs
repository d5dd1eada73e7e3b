//! JSON, an object on each line.

use std::io::{self, Write};

use trace_to_otel::tables::{Cell, Table};

/// What is empty is left out.
pub(super) fn write_row(table: Table, cells: &[Cell<'_>], output: &mut impl Write) -> io::Result<()> {
    let mut before: &[u8] = b"{";
    for (column, cell) in table.columns().iter().zip(cells) {
        if *cell == Cell::Empty {
            continue;
        }
        output.write_all(before)?;
        before = b",";
        write!(output, "\"{}\":", column.name)?;
        match cell {
            Cell::Text(text) if is_json(column.name) => output.write_all(text.as_bytes())?,
            Cell::Text(text) => serde_json::to_writer(&mut *output, text)?,
            Cell::Integer(number) => write!(output, "{number}")?,
            Cell::Time(time) => write!(output, "{}", time.0)?,
            _ => output.write_all(b"null")?,
        }
    }
    output.write_all(b"}\n")
}

/// Whether the texts of a column are JSON, which need not be a text in JSON.
fn is_json(column: &str) -> bool {
    column == "attributes"
}
