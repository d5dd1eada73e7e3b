//! Parquet: columns of each row group by themselves, compressed with Snappy.

use std::{fs::File, io, mem, path::Path, sync::Arc};

use anyhow::Context;
use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType},
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::Type,
};
use trace_to_otel::tables::{Cell, Column, ColumnKind, Table};

/// A table's file.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<File>,
    /// The rows of the group under way, by column.
    columns: Vec<Values>,
    rows: usize,
    /// How many bytes its texts have.
    bytes: usize,
    name: String,
}

/// A row group has so many rows at most,
const MOST_ROWS: usize = 1 << 16;
/// and is written once its texts have so many bytes.
const MOST_BYTES: usize = 16 << 20;

/// The cells of a column in a row group.
struct Values {
    kind: Kind,
    /// Of each row 1 where there is a value, else 0; none where there always is one.
    levels: Option<Vec<i16>>,
}

enum Kind {
    Texts(Vec<ByteArray>),
    Numbers(Vec<i64>),
}

impl ParquetFile {
    pub(super) fn create(path: &Path, table: Table) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::create(path).with_context(|| name.clone())?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema(table)?), Arc::new(properties))?;
        let columns = table.columns().iter().map(Values::new).collect();
        Ok(Self { writer, columns, rows: 0, bytes: 0, name })
    }

    pub(super) fn write_row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += column.add(cell);
        }
        self.rows += 1;
        if self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES {
            self.end_group().map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Sees to it that everything has been written.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let Self { name, .. } = &self;
        let name = name.clone();
        self.end_group().with_context(|| name.clone())?;
        let file = self.writer.into_inner().with_context(|| name.clone())?;
        file.sync_all().context(name)
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        (self.rows, self.bytes) = (0, 0);
        let mut group = self.writer.next_row_group()?;
        for values in &mut self.columns {
            if let Some(mut column) = group.next_column()? {
                values.write(&mut column)?;
                column.close()?;
            }
        }
        group.close().map(drop)
    }
}

impl Values {
    fn new(column: &Column) -> Self {
        let kind = match column.kind {
            ColumnKind::Text => Kind::Texts(Vec::new()),
            _ => Kind::Numbers(Vec::new()),
        };
        Self { kind, levels: column.is_nullable.then(Vec::new) }
    }

    /// Adds a cell; gives how many bytes its text has.
    fn add(&mut self, cell: &Cell<'_>) -> usize {
        if let Some(levels) = &mut self.levels {
            levels.push((*cell != Cell::Empty).into());
        }
        match (&mut self.kind, cell) {
            (Kind::Texts(texts), Cell::Text(text)) => {
                texts.push(text.as_bytes().to_vec().into());
                return text.len();
            }
            (Kind::Numbers(numbers), Cell::Integer(number)) => numbers.push(*number),
            (Kind::Numbers(numbers), Cell::Time(time)) => {
                numbers.push(i64::try_from(time.0).unwrap_or(i64::MAX));
            }
            _ => {}
        }
        0
    }

    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_mut().map(mem::take);
        match &mut self.kind {
            Kind::Texts(texts) => {
                column.typed::<ByteArrayType>().write_batch(texts, levels.as_deref(), None)?;
                texts.clear();
            }
            Kind::Numbers(numbers) => {
                column.typed::<Int64Type>().write_batch(numbers, levels.as_deref(), None)?;
                numbers.clear();
            }
        }
        Ok(())
    }
}

/// The columns of a table, as Parquet has them.
fn schema(table: Table) -> Result<Type, ParquetError> {
    let fields = table.columns().iter().map(|column| field(column).map(Arc::new));
    Type::group_type_builder(table.name()).with_fields(fields.collect::<Result<_, _>>()?).build()
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        ColumnKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Time => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
        _ => (PhysicalType::INT64, None),
    };
    let repetition = if column.is_nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}
