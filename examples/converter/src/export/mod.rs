//! `export`: tables of spans and of what goroutines did, for SQL and data frames.

mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;

use std::{
    fs,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use go_trace_format::Event;
use trace_to_otel::{
    Span, SpanSink, UnixTime,
    tables::{Cell, Table, TableSink, Tables},
};

use crate::{
    cli::{Mapping, Reading},
    input::Progress,
    map::{Begun, Conversion, Output, Wanted},
    order::{self, NamedFile},
    output::{self, Destination},
    read::{Source, Traces},
    report,
    select::{Times, Within},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  trace-converter export app.trace --format csv --out tables
  trace-converter export *.trace --format parquet --out tables
  duckdb -c \"SELECT name, count(*), max(duration) / 1e6 AS ms FROM 'tables/spans.parquet' GROUP BY name ORDER BY ms DESC\"
  python3 -c 'import pandas; print(pandas.read_csv(\"tables/events.csv\").groupby(\"state\").duration.sum())'";

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Trace files; `-` is standard input. Snapshots of one process go on one after another.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How tables are written.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: TableFormat,
    /// The folder to write them into: spans, events, stacks, goroutines and gc. It is made where there is none; tables in it are
    /// replaced.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    mapping: Mapping,
}

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TableFormat {
    /// Comma-separated values with a line of names (RFC 4180). Times are whole numbers of nanoseconds since 1970.
    Csv,
    /// Parquet, compressed with Snappy. Times are timestamps of nanoseconds in UTC.
    Parquet,
    /// A JSON object on each line. Times are whole numbers of nanoseconds since 1970.
    Jsonl,
}

impl TableFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
        }
    }
}

pub(crate) fn run(arguments: &ExportArguments) -> anyhow::Result<()> {
    if output::is_standard(&arguments.out) {
        bail!("--out is a folder, since tables are several files: standard output cannot be one");
    }
    let opening = arguments.reading.opening();
    let files = order::in_order(NamedFile::all(&arguments.files, &[])?, opening);
    let within = arguments.times.within()?;
    let name = || arguments.out.display().to_string();
    fs::create_dir_all(&arguments.out).with_context(name)?;
    let files_of_tables = Files::create(&arguments.out, arguments.format)?;
    let sink = Chosen { files: files_of_tables, within, has_rows: false };
    let mut export = Export { tables: Tables::new(sink) };
    let traces = Traces::new(files.iter().map(|file| file.open(Progress::Shown)), opening);
    let outcome = Conversion::new(&arguments.mapping, arguments.reading.details, &mut export).run(traces);
    // What precedes a failure is in the tables.
    let Chosen { files, within, has_rows } = export.tables.into_sink();
    files.finish()?;
    if !has_rows && !within.is_all() {
        report::note("nothing was recorded between --from and --to: the tables have no rows");
    }
    outcome
}

/// A file for each table, in the order of [`Table::ALL`].
struct Files(Vec<TableFile>);

/// The file of a table.
enum TableFile {
    Csv(BufWriter<Destination>),
    Jsonl(BufWriter<Destination>),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetFile>),
}

impl Files {
    fn create(folder: &Path, format: TableFormat) -> anyhow::Result<Self> {
        let file = |table: Table| {
            let path = folder.join(table.name()).with_extension(format.extension());
            TableFile::create(&path, table, format)
        };
        Table::ALL.into_iter().map(file).collect::<anyhow::Result<_>>().map(Self)
    }

    fn finish(self) -> anyhow::Result<()> {
        self.0.into_iter().try_for_each(TableFile::finish)
    }
}

impl TableFile {
    fn create(path: &Path, table: Table, format: TableFormat) -> anyhow::Result<Self> {
        let text = || anyhow::Ok(BufWriter::with_capacity(256 << 10, Destination::create(path)?));
        match format {
            TableFormat::Csv => {
                let mut file = text()?;
                csv::write_names(table, &mut file)?;
                Ok(Self::Csv(file))
            }
            TableFormat::Jsonl => text().map(Self::Jsonl),
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => Ok(Self::Parquet(Box::new(parquet::ParquetFile::create(path, table)?))),
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => anyhow::bail!(
                "this converter was built without Parquet: take a released one, or build it with --features parquet; csv and jsonl are there"
            ),
        }
    }

    fn write_row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()> {
        match self {
            Self::Csv(file) => csv::write_row(cells, file),
            Self::Jsonl(file) => jsonl::write_row(table, cells, file),
            #[cfg(feature = "parquet")]
            Self::Parquet(file) => file.write_row(cells),
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Csv(file) | Self::Jsonl(file) => {
                file.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(file) => file.finish(),
        }
    }
}

impl TableSink for Files {
    fn row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()> {
        let files = Table::ALL.into_iter().zip(&mut self.0);
        let mut of_table = files.filter(|(of, _)| *of == table).map(|(_, file)| file);
        of_table.try_for_each(|file| file.write_row(table, cells))
    }
}

/// Takes the rows of a part of the recordings; stacks have no time.
struct Chosen {
    files: Files,
    within: Within,
    /// Whether there is one in it that has a time.
    has_rows: bool,
}

impl TableSink for Chosen {
    fn row(&mut self, table: Table, cells: &[Cell<'_>]) -> io::Result<()> {
        if let Some((start, end)) = times(table, cells) {
            if !self.within.holds(start, end) {
                return Ok(());
            }
            self.has_rows = true;
        }
        self.files.row(table, cells)
    }
}

/// When that of which a row tells began and ended.
fn times(table: Table, cells: &[Cell<'_>]) -> Option<(UnixTime, UnixTime)> {
    let cell = |name| table.column(name).and_then(|place| cells.get(place)).copied();
    let Some(Cell::Time(start)) = cell("start") else { return None };
    let end = match (cell("end"), cell("duration")) {
        (Some(Cell::Time(end)), _) => end,
        (_, Some(Cell::Integer(duration))) => UnixTime(start.0.saturating_add(duration.unsigned_abs())),
        _ => start,
    };
    Some((start, end))
}

/// Makes tables of what is mapped.
struct Export {
    tables: Tables<Chosen>,
}

impl SpanSink for Export {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        Ok(self.tables.take(span)?)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        Ok(self.tables.lend(span)?)
    }
}

impl Output for Export {
    fn wanted(&self) -> Wanted {
        Wanted { steady_clock: true, ..Wanted::default() }
    }

    fn begin(&mut self, Begun { source, .. }: &Begun) -> anyhow::Result<()> {
        Ok(self.tables.begin_process(source.title())?)
    }

    fn starts(&mut self, time: UnixTime) -> anyhow::Result<()> {
        self.tables.sink_mut().within.starts(time);
        Ok(())
    }

    fn reads(&mut self, source: &Source) -> anyhow::Result<()> {
        self.tables.begin_file(&source.name);
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>, time: UnixTime) -> anyhow::Result<()> {
        Ok(self.tables.event(event, time)?)
    }

    fn end(&mut self) -> anyhow::Result<()> {
        Ok(self.tables.end_process()?)
    }
}
